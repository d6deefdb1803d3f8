"""What is up for review: the corrections of some logs, in their texts, with what has been decided about them.

A `Batch` is what was read and does not change; a `Board` is a batch with the decisions of a store, brought up to
date whenever the store has changed. Positions are those of the original texts.
"""

from __future__ import annotations

import os
import unicodedata
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from threading import RLock
from typing import Literal, NamedTuple, get_args

from rapidfuzz.distance import Levenshtein

from repair.log import LogEntry, LoggedDocument, LogHeader, LogReader
from repair.text import Correction

from .decisions import Decision, Opinion, Place, Spans, decide, is_done, opinion
from .sources import ScanPlace, Source, Sources
from .store import Store

State = Literal["open", "conflict", "accepted", "rejected", "edited", "applied"]
"""``open``: proposed and not decided about; ``applied``: done without anybody having been asked."""
STATES: tuple[State, ...] = get_args(State)
OPEN: tuple[State, ...] = ("open", "conflict")
"""What waits for a decision."""
Sort = Literal["confidence", "doubt", "rule", "document", "effect"]
SORTS: tuple[Sort, ...] = get_args(Sort)
REACH = 48
"""Characters of its sentence that are shown on each side of a correction at most."""
_ENDS = "。！？!?；;\n\r\f"


@dataclass(frozen=True, slots=True)
class Item:
    """A correction up for review. `number`: in the batch; `document`: number of its document.

    `effect`: how many characters it puts in, takes out or replaces. `choices`: what may stand there instead of what
    was read, with probabilities, best first, what was proposed among it.
    """

    number: int
    document: int
    entry: LogEntry
    effect: int

    @property
    def correction(self) -> Correction:
        return self.entry.correction

    @property
    def proposed(self) -> Correction:
        """The correction as it was proposed, before a person changed it."""
        return self.entry.as_proposed

    @property
    def choices(self) -> tuple[tuple[str, float], ...]:
        c = self.proposed
        known = dict(c.alternatives)
        found = {} if self.is_flag else {c.after: known.get(c.after, c.confidence)}
        # What a flag has as `after` is the reading with what is done there.
        found |= {text: p for text, p in c.alternatives if text not in (c.before, c.after)}
        return tuple(found.items())

    @property
    def is_flag(self) -> bool:
        """Whether nothing is proposed, so that it cannot be accepted as it is."""
        return self.proposed.level == "note" or self.proposed.after == self.proposed.before

    @property
    def kind(self) -> tuple[str, str, str]:
        """What corrections that are alike have in common."""
        c = self.proposed
        return c.rule, c.before, c.after


@dataclass(frozen=True, slots=True)
class ReviewDocument:
    """A document of a log. `log`: number of the log; `first` and `last`: the range of its items' numbers."""

    number: int
    log: int
    logged: LoggedDocument
    first: int
    last: int

    @property
    def name(self) -> str:
        record = self.logged.record
        return record.id if record.record is not None else record.path or record.id

    @property
    def key(self) -> str:
        """What decisions name it by."""
        return self.logged.record.sha256_original


class Piece(NamedTuple):
    """A stretch of a text as it is shown: `before` was read, `after` stands there; `item` is what was found there, if
    anything."""

    before: str
    after: str
    item: Item | None = None
    state: State | None = None


class Batch:
    """The corrections of logs, in order. Raises `LogError` for a log that cannot be read.

    `roots`: folders in which texts and scans may lie, beside those of the logs. What is about the running text of a
    page and not about the page file (line breaks, whole lines) is left out: it could not be carried out there.
    """

    def __init__(self, logs: Sequence[str], roots: Iterable[str | os.PathLike[str]] = ()) -> None:
        self.logs = tuple(logs)
        self.sources = Sources([*(os.path.dirname(log) or os.curdir for log in logs), *roots])
        headers: list[LogHeader] = []
        documents: list[ReviewDocument] = []
        items: list[Item] = []
        for log, path in enumerate(self.logs):
            with LogReader(path) as reader:
                headers.append(reader.header)
                for logged in reader:
                    first = len(items)
                    items += [
                        Item(first + k, len(documents), entry, effect_of(entry.correction))
                        for k, entry in enumerate(e for e in logged.entries if _can_be_done(e, logged))
                    ]
                    documents.append(ReviewDocument(len(documents), log, logged, first, len(items)))
        self.headers, self.documents, self.items = tuple(headers), tuple(documents), tuple(items)

    @cached_property
    def rules(self) -> tuple[str, ...]:
        return tuple(sorted({item.correction.rule for item in self.items}))

    @cached_property
    def alike(self) -> dict[tuple[str, str, str], list[Item]]:
        """Items by `Item.kind`."""
        out: defaultdict[tuple[str, str, str], list[Item]] = defaultdict(list)
        for item in self.items:
            out[item.kind].append(item)
        return dict(out)

    def document(self, item: Item) -> ReviewDocument:
        return self.documents[item.document]

    def items_of(self, document: ReviewDocument) -> Sequence[Item]:
        return self.items[document.first : document.last]

    def source(self, document: ReviewDocument) -> Source | None:
        """The original text, None where it was not found."""
        return self.sources.source(document.logged)

    def scan(self, item: Item) -> ScanPlace | None:
        source = self.source(self.document(item))
        return self.sources.scan(source, *item.correction.span) if source else None


class Board:
    """A batch with the decisions about it. Usable from several threads."""

    def __init__(self, batch: Batch, store: Store) -> None:
        self.batch, self.store = batch, store
        self._lock = RLock()
        self._revision: tuple[int, int] | None = None
        self._taken_back = self._last = 0
        self._places: defaultdict[Place, list[Decision]] = defaultdict(list)
        self._states: list[State] = []
        self._opinions: list[Opinion | None] = []
        self._spans: defaultdict[tuple[str, int, int, str], list[Item]] = defaultdict(list)
        for item in batch.items:
            c = item.correction
            self._spans[batch.document(item).key, c.start, c.end, c.before].append(item)

    def refresh(self) -> tuple[int, int]:
        """Read what was decided meanwhile, by anybody; returns the store's revision."""
        with self._lock:
            revision = self.store.revision
            if revision != self._revision:
                # All is read anew only where something was taken back: a page asks after each decision.
                taken_back = self.store.taken_back()
                if self._revision is None or taken_back != self._taken_back:
                    self._opinions = [None] * len(self.batch.items)
                    self._states = [_logged_state(item) for item in self.batch.items]
                    self._places.clear()
                    self._last = 0
                new = self.store.decisions(after=self._last)
                for d in new:
                    self._places[d.place].append(d)
                    self._last = d.id
                for place in dict.fromkeys(d.place for d in new):
                    about = opinion(self._places[place])
                    for item in self._items_at(place, about):
                        self._opinions[item.number] = about
                        self._states[item.number] = about.decision.verdict if about.decision else "conflict"
                self._revision, self._taken_back = revision, taken_back
            return revision

    def last_of(self, reviewer: str) -> list[Decision]:
        """The decisions of the batch's documents that a reviewer made last, several where they were made at once."""
        with self._lock:
            self.refresh()
            keys = {document.key for document in self.batch.documents}
            made = [
                d for group in self._places.values() for d in group if d.reviewer == reviewer and d.document in keys
            ]
            latest = max(made, key=lambda d: d.id, default=None)
            return [d for d in made if latest and d.at == latest.at]

    def items_about(self, decision: Decision) -> list[Item]:
        """The items that a decision was made about."""
        d = decision
        found = self._spans.get((d.document, d.start, d.end, d.before), ())
        return [item for item in found if item.proposed.after == d.after]

    def _items_at(self, place: Place, about: Opinion) -> Iterator[Item]:
        """The items that an opinion is about: the same was proposed, or what was decided stands there already."""
        for item in self._spans.get(place[:4], ()):
            texts = {d.text for d in about.last if d.verdict != "rejected"}
            if item.proposed.after == place.after or item.correction.after in texts:
                yield item

    def state(self, item: Item) -> State:
        self.refresh()
        return self._states[item.number]

    def states(self) -> list[State]:
        """The state of each item, by number."""
        with self._lock:
            self.refresh()
            return list(self._states)

    def opinion(self, item: Item) -> Opinion | None:
        """What reviewers have said about it."""
        self.refresh()
        return self._opinions[item.number]

    def decide(self, items: Iterable[Item], text: str | None, reviewer: str) -> list[Decision]:
        """Keep that `text` stands in the place of each item (None: what was proposed for it), by `reviewer`.

        Where reviewers disagree this settles it. Raises `ValueError` for a flag without anything proposed.
        """
        out = []
        for item in items:
            c = item.proposed
            if text is None and item.is_flag:
                raise ValueError("nothing is proposed there")
            conflict = self.state(item) == "conflict"
            out.append(decide(self.batch.document(item).key, c, text, reviewer, settles=conflict))
        return self.store.add(out)

    def reject(self, items: Iterable[Item], reviewer: str) -> list[Decision]:
        """Keep that what was read is right."""
        out = []
        for item in items:
            conflict = self.state(item) == "conflict"
            c = item.proposed
            out.append(decide(self.batch.document(item).key, c, c.before, reviewer, settles=conflict))
        return self.store.add(out)

    def chosen_text(self, item: Item) -> str:
        """What stands in the place of an item as things are."""
        state, about = self.state(item), self.opinion(item)
        if about and about.decision:
            return about.decision.text
        return item.correction.after if is_done(state) else item.correction.before

    def pieces(self, document: ReviewDocument, start: int, end: int, *, focus: Item | None = None) -> list[Piece]:
        """The text from `start` to `end` in pieces, as it reads with what is done; empty if the text was not found.

        Each item is a piece, except where it overlaps one that is done, or `focus`, which comes first.
        """
        source = self.batch.source(document)
        if source is None:
            return []
        chosen = list(self._shown(document, start, end, focus))
        out: list[Piece] = []
        at = start
        for item in chosen:
            c = item.correction
            if c.start > at:
                plain = source.text[at : c.start]
                out.append(Piece(plain, plain))
            out.append(Piece(c.before, self.chosen_text(item), item, self.state(item)))
            at = c.end
        if at < end:
            plain = source.text[at:end]
            out.append(Piece(plain, plain))
        return out

    def _shown(self, document: ReviewDocument, start: int, end: int, focus: Item | None) -> list[Item]:
        items = self.batch.items_of(document)
        # Entries of a log are in order of their starts.
        lo = bisect_left(items, start, key=lambda item: item.correction.start)
        hi = bisect_right(items, end, key=lambda item: item.correction.start)
        within = [item for item in items[lo:hi] if item.correction.end <= end]

        def rank(item: Item) -> tuple[bool, int, bool, int]:
            # As in `settled`: the latest decision first, then what was applied.
            state, about = self.state(item), self.opinion(item)
            decided = about.decision.id if about and about.decision and state != "rejected" else 0
            return item is not focus, -decided, not is_done(state), item.number

        spans = Spans()
        kept = [item for item in sorted(within, key=rank) if spans.add(*item.correction.span)]
        return sorted(kept, key=lambda item: (item.correction.span, item.number))

    def sentence(self, item: Item, reach: int = REACH) -> list[Piece]:
        """The sentence around an item, in pieces; without the text only the item itself."""
        document = self.batch.document(item)
        source = self.batch.source(document)
        c = item.correction
        if source is None:
            return [Piece(c.before, self.chosen_text(item), item, self.state(item))]
        lo, hi = sentence(source.text, c.start, c.end, reach)
        return self.pieces(document, lo, hi, focus=item)

    def choose(
        self,
        *,
        states: Iterable[State] = OPEN,
        rule: str | None = None,
        document: int | None = None,
        level: str | None = None,
        search: str = "",
        sort: Sort = "confidence",
    ) -> list[Item]:
        """The items that are in one of `states` and fit the filters, in order.

        `search` is looked for in what was read, what is proposed, rule, reason and the document's name. Sorted by
        confidence (the surest first), ``doubt`` (the least sure first), rule (then alike ones together), document
        (then position) or effect (the largest first).
        """
        with self._lock:
            self.refresh()
            wanted = frozenset(states)
            needle = unicodedata.normalize("NFC", search).casefold()
            batch = self.batch
            found = [
                item
                for item in (batch.items_of(batch.documents[document]) if document is not None else batch.items)
                if self._states[item.number] in wanted
                and (rule is None or item.correction.rule == rule)
                and (level is None or item.correction.level == level)
                and (not needle or _matches(item, batch.document(item).name, needle))
            ]
        found.sort(key=_ORDER[sort])
        return found


def _can_be_done(entry: LogEntry, logged: LoggedDocument) -> bool:
    return not logged.record.spliced or bool(entry.splices) or entry.correction.level == "note"


def _logged_state(item: Item) -> State:
    return "open" if item.entry.status == "proposed" else item.entry.status


def _matches(item: Item, name: str, needle: str) -> bool:
    c = item.correction
    return any(needle in text.casefold() for text in (c.before, c.after, c.rule, c.reason, name))


_ORDER: dict[Sort, Callable[[Item], tuple[object, ...]]] = {
    "confidence": lambda item: (-item.correction.confidence, item.number),
    "doubt": lambda item: (item.correction.confidence, item.number),
    "rule": lambda item: (item.correction.rule, item.correction.before, item.correction.after, item.number),
    "document": lambda item: (item.number,),
    "effect": lambda item: (-item.effect, -item.correction.confidence, item.number),
}


def effect_of(c: Correction) -> int:
    """How many characters a correction puts in, takes out or replaces (edit distance)."""
    return Levenshtein.distance(c.before, c.after) if len(c.before) + len(c.after) < 2000 else len(c.before)


def sentence(text: str, start: int, end: int, reach: int = REACH) -> tuple[int, int]:
    """The span of the sentence around ``text[start:end]``, cut at `reach` characters on each side."""
    lo, hi = start, end
    while lo > 0 and start - lo < reach and not (text[lo - 1] in _ENDS and start - lo > 8):
        lo -= 1
    while hi < len(text) and hi - end < reach and not (hi > end and text[hi - 1] in _ENDS and hi - end > 8):
        hi += 1
    return lo, hi
