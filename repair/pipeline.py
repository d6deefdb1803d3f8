"""The one engine: runs filters in order, maps spans back to the original, settles overlaps, assigns levels.

A run makes passes until one changes nothing. In a pass the filters run in their order, each on the text as the filters
before it left it, and until it finds nothing more to change. The last pass sees the repaired text and changes nothing,
so running on the result again changes nothing either; what it finds and does not apply are the suggestions. Text that
does not settle within `MAX_CHANGES` is returned as it came, unrepaired.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .document import Document
from .filters.agreement import covered
from .filters.base import Filter, Propose, Rule
from .filters.decoded import decode_ahead
from .language.lexicon import Lexicon
from .language.resources import Resources, default_resources
from .layout import Layout
from .protect import Protected
from .text import LEVELS, Alternatives, Correction, Level, Proposal, Result, ordered

MAX_CHANGES = 60
"""How often a text is changed before it counts as one that does not settle; ordinary pages need fewer than ten."""

DECODING = "misread"
"""The filter for which the decoder searches; others ask it too."""
TOGETHER = 256
"""Texts that are searched at a time."""
WITNESS = "witness"
"""The filter that compares the text with its witnesses."""


@dataclass(frozen=True, slots=True)
class _Edit:
    """``original[start:end]`` became `after`, for the reasons in `causes`."""

    start: int
    end: int
    after: str
    causes: tuple[tuple[Proposal, Level], ...]


class Pipeline:
    """A sequence of filters, ready to run: reusable, thread-safe, picklable.

    ``Pipeline.from_profile("default")`` or ``Pipeline([filter, filter, ...])``.
    """

    def __init__(
        self,
        filters: Iterable[Filter],
        *,
        lexicon: Lexicon | str | Path | None = None,
        resources: Resources | str | Path | None = None,
        profile: str = "custom",
    ) -> None:
        self.filters = tuple(filters)
        self.lexicon = lexicon if isinstance(lexicon, Lexicon) else Lexicon.load(lexicon) if lexicon else Lexicon()
        self.resources = (
            resources
            if isinstance(resources, Resources)
            else Resources(resources)
            if resources
            else default_resources()
        )
        self.profile = profile

    @classmethod
    def from_profile(cls, profile: str = "default", **options: Any) -> Pipeline:
        """The pipeline of a named profile; `options` as for the constructor. Raises `ValueError`."""
        from .profiles import filters_of

        return cls(filters_of(profile), profile=profile, **options)

    def __call__(
        self,
        text: str,
        *,
        level: Level = "safe",
        witnesses: Sequence[str] = (),
        layout: Layout | None = None,
        notes: bool = True,
    ) -> Result:
        """Repair `text`. `level`: ``safe`` applies what is safe, ``review`` the proposals as well.

        `witnesses`: other readings of the same page; `layout`: where its characters stood on the page. Without `notes`
        damage that nobody can restore is not looked for, which takes a third of the time on clean text; the repairs
        are the same.
        """
        _check_level(level)
        if not isinstance(text, str):
            raise TypeError(f"text must be str, not {type(text).__name__}")
        if isinstance(witnesses, str) or not all(isinstance(w, str) for w in witnesses):
            raise TypeError("witnesses must be a sequence of str")
        if layout is not None and len(layout.word) != len(text):
            raise ValueError(f"layout is of {len(layout.word)} characters, the text has {len(text)}")
        witnesses = self._prepared(witnesses, level)
        document = Document(text, self.lexicon, self.resources, layout=layout, witnesses=witnesses)
        return self._run(document, level, notes)

    def each(self, texts: Sequence[str], *, level: Level = "safe", notes: bool = True) -> Iterator[Result]:
        """``self(text)`` for each of many texts: the same results, sooner for short ones (a paragraph each)."""
        _check_level(level)
        ahead = any(filter_.name == DECODING for filter_ in self.filters)
        for start in range(0, len(texts), TOGETHER):
            batch = texts[start : start + TOGETHER]
            if not ahead or not all(isinstance(text, str) for text in batch):
                yield from (self(text, level=level, notes=notes) for text in batch)
                continue
            documents = [Document(text, self.lexicon, self.resources) for text in batch]
            decode_ahead(documents)
            yield from (self._run(document, level, notes) for document in documents)

    def _run(self, document: Document, level: Level, notes: bool) -> Result:
        """Repair a document that nothing was done to yet."""
        text, layout, witnesses = document.text, document.layout, document.witnesses
        current = text
        edits: list[_Edit] = []
        known: dict[int, list[tuple[Proposal, Level]]] = {}  # filter -> what it proposes for `document`
        changes = 0
        while changes <= MAX_CHANGES:
            found: list[tuple[Proposal, Level]] = []
            before = changes
            for number, filter_ in enumerate(self.filters):
                # One repair may make the next one possible, so a filter runs until it finds nothing more to do.
                while changes <= MAX_CHANGES:
                    if number not in known:
                        known[number] = self._proposals(filter_, filter_.propose, document)
                    proposals = known[number]
                    now = [(p, lv) for p, lv in proposals if LEVELS.index(lv) <= LEVELS.index(level)]
                    if not now:
                        found += proposals
                        break
                    changes += 1
                    edits, current = _compose(text, edits, current, now)
                    moved = layout and layout.carried(*_origin(text, edits, current))
                    document = Document(current, self.lexicon, self.resources, document.shared, moved, witnesses)
                    known = {}
            if changes == before:
                for filter_ in self.filters:
                    if notes and filter_.notes is not None:
                        found += self._proposals(filter_, filter_.notes, document)
                applied = ordered(_as_correction(text, e) for e in edits)
                return Result(text, current, applied, _suggestions(text, edits, current, found))
        return Result(text, text)

    def _prepared(self, witnesses: Sequence[str], level: Level) -> tuple[str, ...]:
        """The witnesses with the same characters set right as in the text; their lines are left to the filter that
        compares them."""
        if not witnesses or not any(filter_.name == WITNESS for filter_ in self.filters):
            return tuple(witnesses)
        before = Pipeline(
            (filter_ for filter_ in self.filters if filter_.lexical), lexicon=self.lexicon, resources=self.resources
        )
        return tuple(before(w, level=level).text for w in witnesses)

    def _proposals(self, filter_: Filter, propose: Propose, document: Document) -> list[tuple[Proposal, Level]]:
        """What a filter's function proposes, with levels: protected spans spared, overlaps settled."""
        size = len(document.text)
        replacing: list[tuple[Proposal, Level]] = []
        flags: list[tuple[Proposal, Level]] = []
        shield = None
        for p in propose(document, filter_.settings):
            if not 0 <= p.start <= p.end <= size:
                raise ValueError(f"filter {filter_.name!r} proposed {p.start}-{p.end} in a text of {size} characters")
            flag = document.text[p.start : p.end] == p.after
            if propose is filter_.notes and not flag:
                raise ValueError(f"filter {filter_.name!r} has a note that would change {p.start}-{p.end}")
            if not flag:
                if shield is None:
                    shield = _shield(filter_, document)
                if shield.hits(p.start, p.end) or (filter_.name != "lexicon" and self._overruled(document, p)):
                    continue
                if filter_.guesses and document.witnesses and covered(document, p.start, p.end):
                    continue
                if self.lexicon.calibration:
                    calibrated = self._calibrated(filter_.rule(p.rule), p)
                    if calibrated is None:
                        continue
                    p = calibrated
            level = filter_.rule(p.rule).level(p.confidence, flag=flag)
            (flags if level == "note" else replacing).append((p, level))
        return [*settle(replacing), *flags] if replacing else flags

    def _overruled(self, document: Document, p: Proposal) -> bool:
        """Whether the user's lexicon has decided otherwise: about what stands there, or about what would be put in."""
        if not self.lexicon:
            return False
        return document.chosen.cuts(p.start, p.end) or any(True for _ in self.lexicon.forced(p.after))

    def _calibrated(self, rule: Rule, p: Proposal) -> Proposal | None:
        """`p` with its confidence in the light of decisions; None where that takes it below what is worth a review."""
        confidence = self.lexicon.calibrated(rule.name, p.confidence, rule.safe_at, rule.review_at)
        if confidence == p.confidence:
            return p
        if confidence < rule.review_at:
            return None
        left = (1 - confidence) / (1 - p.confidence) if p.confidence < 1 else 0.0
        rest = ((text, confidence if text == p.after else left * weight) for text, weight in p.alternatives)
        alternatives = tuple(sorted(rest, key=lambda item: -item[1]))
        return replace(p, confidence=confidence, alternatives=alternatives)


def _check_level(level: Level) -> None:
    if level not in ("safe", "review"):
        raise ValueError(f"level must be 'safe' or 'review', not {level!r}")


def _shield(filter_: Filter, document: Document) -> Protected:
    """The spans that a filter must not touch."""
    if filter_.whole_lines:
        return document.firm
    return document.hard if filter_.lexical else document.protected


def settle(proposals: list[tuple[Proposal, Level]]) -> list[tuple[Proposal, Level]]:
    """Of proposals that overlap keep the most confident, then the longest, then the first; ordered by position."""
    proposals.sort(key=lambda item: (item[0].start, item[0].end))
    out: list[tuple[Proposal, Level]] = []
    group: list[tuple[Proposal, Level]] = []
    reach = -1
    for item in proposals:
        p = item[0]
        if group and not (p.start < reach or (p.start == reach and _touches(group, p))):
            out += _best(group)
            group, reach = [], -1
        group.append(item)
        reach = max(reach, p.end)
    return [*out, *_best(group)]


def _touches(group: list[tuple[Proposal, Level]], p: Proposal) -> bool:
    """Whether `p`, which starts where the group ends, is a second insertion at that point."""
    return p.start == p.end and any(q.start == q.end == p.start for q, _ in group)


def _best(group: list[tuple[Proposal, Level]]) -> list[tuple[Proposal, Level]]:
    if len(group) < 2:
        return group
    kept: list[tuple[int, int, int]] = []
    chosen = []
    order = sorted(range(len(group)), key=lambda i: (-group[i][0].confidence, group[i][0].start - group[i][0].end, i))
    for i in order:
        start, end = group[i][0].start, group[i][0].end
        at = bisect_left(kept, (start, end, -1))
        near = [kept[k] for k in (at - 1, at) if 0 <= k < len(kept)]
        if not any(_conflict(start, end, s, e) for s, e, _ in near):
            insort(kept, (start, end, i))
            chosen.append(i)
    return [group[i] for i in sorted(chosen)]


def _conflict(s1: int, e1: int, s2: int, e2: int) -> bool:
    if s1 == e1 or s2 == e2:
        return (s1, e1) == (s2, e2) or s1 < s2 < e1 or s2 < s1 < e2
    return s1 < e2 and s2 < e1


def _compose(
    original: str, edits: list[_Edit], current: str, changes: Sequence[tuple[Proposal, Level]]
) -> tuple[list[_Edit], str]:
    """Apply `changes` to `current`, which is `original` under `edits`: the edits from `original`, and the new text."""
    out: list[_Edit] = []
    pieces: list[str] = []
    done = 0  # how far `current` has been copied
    shift = 0  # current position - original position, before the next old edit
    i = j = 0
    while i < len(edits) or j < len(changes):
        # Collect one cluster of old edits and changes that overlap in `current`.
        old: list[_Edit] = []
        new: list[tuple[Proposal, Level]] = []
        lo = hi = -1
        lo_shift = shift
        while True:
            s_old = edits[i].start + shift if i < len(edits) else None
            s_new = changes[j][0].start if j < len(changes) else None
            if s_old is None and s_new is None:
                break
            take_old = s_new is None or (
                s_old is not None and (s_old, s_old + len(edits[i].after)) <= (s_new, changes[j][0].end)
            )
            if take_old:
                assert s_old is not None
                start, end = s_old, s_old + len(edits[i].after)
            else:
                start, end = changes[j][0].start, changes[j][0].end
            # Touching counts when one side is empty: an insertion or a deletion has no inside.
            if lo >= 0 and not (start < hi or (start == hi and (start == end or lo == hi))):
                break
            lo, hi = (start, end) if lo < 0 else (lo, max(hi, end))
            if take_old:
                old.append(edits[i])
                shift += len(edits[i].after) - (edits[i].end - edits[i].start)
                i += 1
            else:
                new.append(changes[j])
                j += 1
        if not new:
            for e in old:
                _add(out, e)
            continue
        after_parts: list[str] = []
        at = lo
        for p, _ in new:
            after_parts += (current[at : p.start], p.after)
            at = p.end
        after_parts.append(current[at:hi])
        after = "".join(after_parts)
        pieces += (current[done:lo], after)
        done = hi
        start, end = lo - lo_shift, hi - shift
        causes = (*(c for e in old for c in e.causes), *new)
        if old:
            start, end, after = _trim(original, start, end, after)
        if original[start:end] != after:
            _add(out, _Edit(start, end, after, causes))
    pieces.append(current[done:])
    return out, "".join(pieces)


def _add(edits: list[_Edit], edit: _Edit) -> None:
    """Append `edit`, as one with the last where both are insertions at the same point: their order would be lost."""
    last = edits[-1] if edits else None
    if last and last.start == last.end == edit.start == edit.end:
        edits[-1] = _Edit(edit.start, edit.end, last.after + edit.after, (*last.causes, *edit.causes))
    else:
        edits.append(edit)


def _origin(original: str, edits: Sequence[_Edit], current: str) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """In place of which character of `original` each of `current` stands, -1 for one put in; whether it is the same."""
    origin = np.empty(len(current), np.int64)
    same = np.ones(len(current), np.bool_)
    done = seen = 0
    for e in edits:
        start = done + e.start - seen
        origin[done:start] = np.arange(seen, e.start)
        done = start + len(e.after)
        seen = e.end
        for k, ch in enumerate(e.after):
            at = e.start + k
            origin[start + k] = at if at < e.end else -1
            same[start + k] = at < e.end and original[at] == ch
    origin[done:] = np.arange(seen, len(original))
    return origin, same


def _trim(original: str, start: int, end: int, after: str) -> tuple[int, int, str]:
    """Drop what `after` and the original span share at both ends."""
    while start < end and after and original[start] == after[0]:
        start, after = start + 1, after[1:]
    while start < end and after and original[end - 1] == after[-1]:
        end, after = end - 1, after[:-1]
    return start, end, after


def _as_correction(original: str, edit: _Edit) -> Correction:
    """One correction for one edit; where several proposals made it, the last names the rule."""
    last, _ = edit.causes[-1]
    confidence = 1.0
    for p, _ in edit.causes:
        confidence *= p.confidence
    level = max((lv for _, lv in edit.causes), key=LEVELS.index)
    single = len(edit.causes) == 1
    reason = last.reason if single else "; ".join(dict.fromkeys(f"{p.rule}: {p.reason}" for p, _ in edit.causes))
    alternatives = last.alternatives if single else ()
    before = original[edit.start : edit.end]
    return Correction(
        edit.start, edit.end, before, edit.after, last.rule, round(confidence, 4), level, reason, _rounded(alternatives)
    )


def _suggestions(
    original: str, edits: list[_Edit], current: str, found: Sequence[tuple[Proposal, Level]]
) -> tuple[Correction, ...]:
    """Proposals on the repaired text, as corrections of the original; replacements do not overlap each other."""
    starts: list[int] = []  # of each edit, in `current`
    ends: list[int] = []
    shift = 0
    for e in edits:
        starts.append(e.start + shift)
        shift += len(e.after) - (e.end - e.start)
        ends.append(e.end + shift)
    taken: list[tuple[int, int]] = []
    out: dict[tuple[int, int, str, str], Correction] = {}
    for p, level in found:
        if level != "note":
            at = bisect_left(taken, (p.start, p.end))
            if any(_conflict(p.start, p.end, *taken[k]) for k in (at - 1, at) if 0 <= k < len(taken)):
                continue
            insort(taken, (p.start, p.end))
        lo, hi = p.start, p.end
        first = bisect_left(ends, lo + 1) if lo < hi else bisect_left(ends, lo)
        k = first
        while k < len(edits) and starts[k] < hi:
            lo, hi = min(lo, starts[k]), max(hi, ends[k])
            k += 1
        start = lo - (starts[first] - edits[first].start) if first < len(edits) else lo - shift
        if k > first:
            start = edits[first].start - (starts[first] - lo)
            end = edits[k - 1].end + (hi - ends[k - 1])
        else:
            end = start + (hi - lo)
        head, tail = current[lo : p.start], current[p.end : hi]
        after = current[lo:hi] if level == "note" else head + p.after + tail
        alternatives = tuple((head + text + tail, weight) for text, weight in p.alternatives)
        c = Correction(
            start,
            end,
            original[start:end],
            after,
            p.rule,
            round(p.confidence, 4),
            level,
            p.reason,
            _rounded(alternatives),
        )
        out.setdefault((c.start, c.end, c.rule, c.after), c)
    return ordered(out.values())


def _rounded(alternatives: Alternatives) -> Alternatives:
    return tuple((text, round(float(weight), 4)) for text, weight in alternatives)
