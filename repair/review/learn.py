"""What decisions teach: lines that a person may add to the project's dictionary folder. Pure but for `merge_entries`.

Nothing is learnt by itself: `propose` returns entries with their evidence, and those that a person confirms are
written by `merge_entries` to the files of `repair.language.lexicon`. What each file gets:

* ``replace.txt``: a stretch of whole words that was misread and corrected alike `ALIKE` times and never kept, if it is
  nothing that could have been printed: no word, nothing the language model finds half as likely as what replaces it.
* ``trust.txt``: a stretch that reviewers kept as read `ALIKE` times, or once if it is a word or looks like a name.
* ``confusions.txt``: characters misread for others `ALIKE` times, and not often kept.
* ``calibration.txt``: how much surer, or less sure, a rule is than it says, by a logistic regression with an offset
  alone (Platt 1999) and a normal prior around no offset that weighs as much as `PRIOR` decisions.
"""

from __future__ import annotations

import math
import os
from collections import Counter, defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from repair.filters import all_rules
from repair.formats.files import write_atomic
from repair.language.lexicon import (
    CALIBRATION,
    CONFUSIONS,
    FILES,
    REPLACE,
    TRUST,
    Lexicon,
    LexiconError,
    Shift,
    entry_of,
    find_words,
    replacement,
)
from repair.language.logistic import log_odds, logistic
from repair.language.resources import Resources, default_resources

from .decisions import Decision, standing

ALIKE = 2
"""Times that something has to be decided alike before it is proposed."""
LONGEST = 6
"""Characters of an entry."""
REACH = 3
"""Characters on each side of what was decided about that an entry may take in."""
AROUND = 8
"""Characters on each side that are cut into words, and that an example shows."""
LIKELIER = 3.0
"""log10 by which what was printed has to be likelier than what was read, out of context, to be replaced blindly."""
UNLIKELY = -8.5
"""log10 probability out of context above which what was read may well be printed somewhere."""
LOOSE = 0.0
"""log10 pointwise mutual information of a misread character and its neighbour above which they may belong together."""
EXAMPLES = 5
"""Places shown of each entry."""
PRIOR = 20
"""Decisions that the prior of an offset weighs as much as."""
FEWER, MORE = 20, 50
"""Decisions from which a rule may become less sure, and surer."""
RISEN, HARMLESS = 20, 50
"""Decisions that there have to be on what would become safe, and of how many of them at most one may have been to keep
what was read: safe is what is right or harmless 99 times in 100."""
SIGMA = 1.64
"""Standard errors by which an offset is moved towards none: nineteen times in twenty it is as large as that."""
LEAST_OFFSET = 0.05
"""Offsets nearer to none are not worth an entry."""
NO_SHIFT = Shift(0.0, 0)


class Example(NamedTuple):
    """A place that an entry follows from: document, span, what was read, what shall stand there, and around it."""

    document: str
    start: int
    end: int
    before: str
    text: str
    left: str
    right: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A line for a file of the dictionary folder, and why.

    `accepted`, `edited`, `rejected`: decisions for and against; `shift`, for a calibration only: mean confidence
    stated and share accepted.
    """

    file: str
    line: str
    accepted: int
    edited: int
    rejected: int
    reason: str
    examples: tuple[Example, ...] = ()


def propose(
    decisions: Iterable[Decision],
    context: Mapping[str, str],
    *,
    earlier: Iterable[Decision] = (),
    lexicon: Lexicon | None = None,
    shifts: Mapping[str, Shift] | None = None,
    resources: Resources | None = None,
) -> list[Entry]:
    """Entries that follow from decisions and are not in `lexicon` yet, ordered by file, most evidence first.

    Args:
        decisions: all that were not taken back (of `Store.decisions`); where reviewers disagree none counts.
        context: the original text of each document, by the SHA-256 in the decisions; a document without its text
            counts for calibration only, and so does one whose text has something else at the span.
        earlier: decisions of earlier batches, which count for all but calibration.
        lexicon: the project's own, as it is now.
        shifts: calibration under which `decisions` were made, when it was the lexicon's; their confidences contain it.
    """
    own = lexicon if lexicon is not None else Lexicon()
    known = resources if resources is not None else default_resources()
    now = standing(decisions)
    places = _Places([*standing(earlier), *now], context, known)
    pairs = _pairs(places)
    told = {p.decision for evidence, _ in pairs.values() for p in evidence.places}
    found = [
        *_replacements(places, own, known),
        *_trusted(places, own, known),
        *_confusions(pairs, own),
        *_calibrations(now, own, shifts or {}, context, told),
    ]
    return sorted(found, key=lambda e: (FILES.index(e.file), -(e.accepted + e.edited + e.rejected), e.line))


# --- places decided about


def _hanzi(ch: str) -> bool:
    return "\u3400" <= ch <= "\u9fff"


class _Place(NamedTuple):
    """A decision in its text; `text`: the original of the document."""

    decision: Decision
    text: str

    @property
    def changed(self) -> bool:
        return self.decision.verdict != "rejected"

    @property
    def swapped(self) -> bool:
        """Whether characters became as many others, none of them white space."""
        d = self.decision
        return self.changed and len(d.before) == len(d.text) and not any(ch.isspace() for ch in d.before + d.text)

    @property
    def example(self) -> Example:
        d = self.decision
        left, right = self.text[max(0, d.start - AROUND) : d.start], self.text[d.end : d.end + AROUND]
        return Example(d.document, d.start, d.end, d.before, d.text, left, right)


class _Window(NamedTuple):
    """A stretch of whole words around what was decided about, as read and as it shall be."""

    read: str
    shall: str


@dataclass
class _Evidence:
    """Places for an entry."""

    places: list[_Place] = field(default_factory=list)

    def count(self, verdict: str) -> int:
        return sum(p.decision.verdict == verdict for p in self.places)

    def entry(self, file: str, line: str, rejected: int, reason: str) -> Entry:
        examples = tuple(p.example for p in self.places[:EXAMPLES])
        accepted, edited = self.count("accepted"), self.count("edited")
        return Entry(file, line, accepted, edited, rejected, reason, examples)


class _Places:
    """All decisions whose text is known, in the order they were made."""

    def __init__(self, decisions: Sequence[Decision], context: Mapping[str, str], resources: Resources) -> None:
        self.all = [
            _Place(d, context[d.document])
            for d in decisions
            if d.document in context and context[d.document][d.start : d.end] == d.before
        ]
        self._words = resources.words
        self._changed: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
        for p in self.all:
            if p.changed:
                self._changed[p.decision.document].append((p.decision.start, p.decision.end))

    def windows(self, place: _Place) -> Iterator[_Window]:
        """The stretches of Hanzi with the place in them that begin and end where words do, shortest first.

        Words are those of the text as it shall be. Nothing else decided otherwise lies in a stretch.
        """
        d, text = place.decision, place.text
        lo, hi = d.start, d.end
        while lo > max(0, d.start - AROUND) and _hanzi(text[lo - 1]):
            lo -= 1
        while hi < min(len(text), d.end + AROUND) and _hanzi(text[hi]):
            hi += 1
        whole = text[lo : d.start] + d.text + text[d.end : hi]
        first, last = d.start - lo, d.start - lo + len(d.text)
        borders = [0, *(end for _, end in self._words.spans(whole))] if whole else [0]
        others = [s for s in self._changed[d.document] if s != (d.start, d.end) and s[0] < hi and s[1] > lo]
        spans = [
            (a, b)
            for a in borders
            for b in borders
            if max(0, first - REACH) <= a <= first and last <= b <= last + REACH and 1 < b - a <= LONGEST
        ]
        for a, b in sorted(spans, key=lambda span: (span[1] - span[0], span)):
            left, right = whole[a:first], whole[last:b]
            start, end = d.start - len(left), d.end + len(right)
            if not any(s < end and start < e for s, e in others):
                yield _Window(left + d.before + right, left + d.text + right)


def _writable(*parts: str) -> bool:
    """Whether a line can hold these parts."""
    return not parts[0].startswith("#") and all(
        part == part.strip() and part.isprintable() and "->" not in part and "→" not in part for part in parts
    )


# --- replace.txt


def _replacements(places: _Places, lexicon: Lexicon, resources: Resources) -> Iterator[Entry]:
    for_: defaultdict[_Window, _Evidence] = defaultdict(_Evidence)
    for p in places.all:
        if p.swapped and all(map(_hanzi, p.decision.before + p.decision.text)):
            for window in places.windows(p):
                for_[window].places.append(p)
    right_of: defaultdict[str, set[str]] = defaultdict(set)
    for window in for_:
        right_of[window.read].add(window.shall)
    often = sorted((w for w, e in for_.items() if len(e.places) >= ALIKE), key=lambda w: (len(w.read), w))
    kept = _kept(places, {w.read for w in often})
    chosen: dict[str, str] = {}
    for window in often:
        read, shall = window
        if len(right_of[read]) > 1 or read in kept or read in lexicon.replace or not _writable(read, shall):
            continue
        if any(a in read and read.replace(a, b) == shall for a, b in (*chosen.items(), *lexicon.replace.items())):
            continue  # a shorter one does it
        if not _impossible(read, shall, lexicon, resources) or not _settles(lexicon, {**chosen, read: shall}):
            continue
        chosen[read] = shall
        yield for_[window].entry(REPLACE, f"{read}\t{shall}", 0, f"{read} is no word, and was always {shall}")


def _kept(places: _Places, stretches: set[str]) -> set[str]:
    """Those of some stretches that reviewers kept as read, wholly or in part, somewhere."""
    out = set()
    for p in places.all:
        d = p.decision
        if not p.changed:
            reach = max(0, LONGEST - 1)
            base = max(0, d.start - reach)
            for start, end in find_words(p.text[base : d.end + reach], stretches):
                if start + base < d.end and end + base > d.start:
                    out.add(p.text[start + base : end + base])
    return out


def _impossible(read: str, shall: str, lexicon: Lexicon, resources: Resources) -> bool:
    """Whether `read` is nothing that could have been printed where `shall` was not."""
    protected = (*lexicon.trust, *lexicon.never, *lexicon.replace.values())
    if any(read in word for word in protected) or any(word in read for word in lexicon.trust):
        return False
    words, model = resources.words, resources.model
    wrong = [k for k, (a, b) in enumerate(zip(read, shall, strict=True)) if a != b]
    for start, end in words.spans(read):
        if end - start > 1 and any(start <= k < end for k in wrong):
            return False
    scores = [model.score(model.encode(text)[0]).astype(float) for text in (read, shall)]
    if len(scores[0]) != len(read) or len(scores[1]) != len(shall):
        return False
    if scores[0].sum() > UNLIKELY or scores[1].sum() - scores[0].sum() < LIKELIER:
        return False
    ids = model.encode(read)[0].astype(int)
    beside = {k for at in wrong for k in (at, at + 1) if 0 < k < len(read)}
    return all(_tie(model.score(ids[k - 1 : k + 1])[1], model.unigram[ids[k]]) < LOOSE for k in beside)


def _tie(together: float, alone: float) -> float:
    return float(together) - float(alone)


def _settles(lexicon: Lexicon, more: Mapping[str, str]) -> bool:
    """Whether all replacements together come to rest."""
    try:
        Lexicon(lexicon.trust, lexicon.never, {**lexicon.replace, **more})
    except LexiconError:
        return False
    return True


# --- trust.txt


def _trusted(places: _Places, lexicon: Lexicon, resources: Resources) -> Iterator[Entry]:
    kept: defaultdict[str, _Evidence] = defaultdict(_Evidence)
    changed: set[str] = set()
    of: list[tuple[_Place, list[str]]] = []
    for p in places.all:
        if not any(map(_hanzi, p.decision.before)):
            continue
        windows = [w.read for w in places.windows(p)]
        if p.changed:
            changed.update(windows)
        elif all(map(_hanzi, p.decision.before)):
            of.append((p, windows))
            for read in windows:
                kept[read].places.append(p)
    chosen: dict[str, _Evidence] = {}
    for _, windows in of:
        free = [read for read in windows if read not in changed and _writable(read)]
        often = [read for read in free if len(kept[read].places) >= ALIKE and _free(read, kept[read].places)]
        if often:
            # Of those kept most often the longest: a name and not a part of it.
            best = max(often, key=lambda read: (len(kept[read].places), len(read)))
        else:
            named = [read for read in free if _name_like(read, resources) or resources.words.frequency(read)]
            if not named:
                continue
            best = named[0]
        chosen[best] = kept[best]
    for read in sorted(chosen):
        if not any(read in word for word in (*lexicon.trust, *lexicon.never)):
            count = len(chosen[read].places)
            yield chosen[read].entry(TRUST, read, count, f"{read} was kept as read")


def _free(read: str, places: Sequence[_Place]) -> bool:
    """Whether a stretch stands beside different characters on both sides, so that it is a unit by itself."""
    sides: tuple[set[str], set[str]] = set(), set()
    for p in places:
        d = p.decision
        base = max(0, d.start - len(read))
        at = p.text.find(read, base, d.end + len(read))
        if at >= 0:
            sides[0].add(p.text[max(0, at - 1) : at])
            sides[1].add(p.text[at + len(read) : at + len(read) + 1])
    return min(map(len, sides)) > 1


def _name_like(read: str, resources: Resources) -> bool:
    """Whether a stretch looks like a person's name: a family name, and one or two characters that form no word."""
    return 2 <= len(read) <= 3 and read[0] in resources.surnames and len(resources.words.spans(read)) == len(read)


# --- confusions.txt


def _pairs(places: _Places) -> dict[tuple[str, str], tuple[_Evidence, int]]:
    """Characters read and printed that there is enough evidence for, and how often a reviewer kept what was read."""
    seen: defaultdict[tuple[str, str], _Evidence] = defaultdict(_Evidence)
    against: Counter[tuple[str, str]] = Counter()
    for p in places.all:
        d = p.decision
        if p.swapped:
            for pair in zip(d.before, d.text, strict=True):
                if pair[0] != pair[1]:
                    seen[pair].places.append(p)
        elif not p.changed and len(d.before) == len(d.after):
            against.update(pair for pair in zip(d.before, d.after, strict=True) if pair[0] != pair[1])
    return {
        pair: (evidence, against[pair])
        for pair, evidence in sorted(seen.items())
        if len(evidence.places) >= max(ALIKE, 2 * against[pair] + 1) and _writable(*pair)
    }


def _confusions(pairs: Mapping[tuple[str, str], tuple[_Evidence, int]], lexicon: Lexicon) -> Iterator[Entry]:
    for (read, printed), (evidence, kept) in pairs.items():
        count = len(evidence.places)
        if lexicon.confusions.get((read, printed), 0) < count:
            line = f"{read}\t{printed}\t{count}"
            yield evidence.entry(CONFUSIONS, line, kept, f"{printed} was read as {read}")


# --- calibration.txt


def _calibrations(
    decisions: Sequence[Decision],
    lexicon: Lexicon,
    shifts: Mapping[str, Shift],
    context: Mapping[str, str],
    told: Container[Decision],
) -> Iterator[Entry]:
    by_rule: defaultdict[str, list[Decision]] = defaultdict(list)
    for d in decisions:
        # Those that were applied and then rejected were picked out of many that nobody looked at.
        if d.level == "review" and d.before != d.after:
            by_rule[d.rule].append(d)
    rules = all_rules()
    for rule, own in sorted(by_rule.items()):
        shift = fit_shift(own, shifts.get(rule, NO_SHIFT), told, rules[rule][1].safe_at if rule in rules else 1.0)
        known = lexicon.calibration.get(rule)
        if not _writable(rule) or (known.decisions >= shift.decisions if known else shift.offset == 0.0):
            continue
        accepted = sum(d.verdict == "accepted" for d in own)
        stated = sum(d.confidence for d in own) / len(own)
        reason = f"{rule} states {stated:.2f} on average, and {accepted / len(own):.2f} were accepted"
        evidence = _Evidence([_Place(d, context[d.document]) for d in own if d.document in context])
        rejected = sum(d.verdict == "rejected" for d in own)
        yield evidence.entry(CALIBRATION, f"{rule}\t{shift.offset:g}\t{shift.decisions}", rejected, reason)


def fit_shift(
    decided: Sequence[Decision], old: Shift = NO_SHIFT, told: Container[Decision] = (), safe_at: float = 1.0
) -> Shift:
    """The offset of a rule by its decisions, whose confidences contain `old`.

    Upwards only what was accepted speaks for the rule, and nothing that is `told` by other entries already; downwards
    what was edited does too, since there was damage. A move is taken `SIGMA` standard errors short, one back towards
    none in full; there is none while decisions are too few. What would become safe, from `safe_at` on, must have been
    kept as read hardly ever.
    """
    total = old.decisions + len(decided)
    up = _moved([(d.confidence, d.verdict == "accepted") for d in decided if d not in told], old.offset, 1)
    down = _moved([(d.confidence, d.verdict != "rejected") for d in decided], old.offset, -1)
    offset = round(up if up > 0 else min(0.0, down), 2)
    if total < (MORE if offset > 0 else FEWER) or abs(offset) < LEAST_OFFSET:
        offset = 0.0
    if offset > 0:
        risen = [d for d in decided if log_odds(d.confidence) + offset - old.offset >= log_odds(safe_at)]
        kept = sum(d.verdict == "rejected" for d in risen)
        if risen and (len(risen) < RISEN or kept * HARMLESS > len(risen)):
            offset = 0.0
    return Shift(offset, total)


def _moved(decided: Sequence[tuple[float, bool]], old: float, sign: int) -> float:
    """The total offset at its greatest posterior probability, `old` being in what was stated; a move in direction
    `sign` only as far as it is sure."""
    if not decided:
        return old
    odds = [log_odds(p, 1e-4) for p, _ in decided]
    weight = PRIOR * max(0.01, sum(p * (1 - p) for p, _ in decided) / len(decided))
    move, information = 0.0, weight
    for _ in range(50):
        p = [logistic(o + move) for o in odds]
        information = weight + sum(q * (1 - q) for q in p)
        step = (sum(y for _, y in decided) - sum(p) - weight * move) / information
        move += max(-1.0, min(1.0, step))
        if abs(step) < 1e-9:
            break
    return old + (sign * max(0.0, sign * move - SIGMA / math.sqrt(information)) if sign * move > 0 else move)


# --- writing


def merge_entries(folder: str | os.PathLike[str], entries: Iterable[Entry]) -> list[Path]:
    """Write confirmed entries to a dictionary folder, which is made if it is not there; returns the files changed.

    What is in the files stays, comments too; new lines follow in their order, without duplicates. A confusion with a
    greater count, or a rule's calibration by as many decisions or more, takes the place of the line that is there.
    Each file is written whole or not at all. Raises `LexiconError` or `InputError`: a file that cannot be read or
    written, a folder that would be no lexicon; then nothing is written.
    """
    here = Path(folder)
    before = {name: _read(here / name) for name in FILES}
    after = dict(before)
    for entry in entries:
        if entry.file not in FILES:
            raise LexiconError(f"{here}: no file of a lexicon is called {entry.file!r}")
        after[entry.file] = _with_line(entry.file, after[entry.file], entry.line)
    changed = [here / name for name in FILES if after[name] != before[name]]
    if not changed:
        return []
    Lexicon.parse(here, {name: content.removeprefix(_MARK) for name, content in after.items()})
    try:
        here.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LexiconError(f"{here}: {error.strerror}") from None
    for path in changed:
        write_atomic(path, after[path.name].encode("utf-8"))
    return changed


_MARK = "\ufeff"


def _read(path: Path) -> str:
    """A file as it is, its byte order mark and line ends too; empty if it is not there."""
    try:
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError as error:
        raise LexiconError(f"{path}: not UTF-8 (byte {error.start})") from None
    except OSError as error:
        raise LexiconError(f"{path}: {error.strerror}") from None


def _with_line(file: str, content: str, line: str) -> str:
    """The content of a file with an entry."""
    lines = content.splitlines(keepends=True)
    for k, there in enumerate(lines):
        old = entry_of(there.removeprefix(_MARK))
        if old and _key(file, old) == _key(file, line):
            if old != line and _weight(file, line) >= _weight(file, old):
                lines[k] = there.replace(old, line, 1)
            return "".join(lines)
    end = "\r\n" if content.count("\r\n") > content.count("\n") / 2 else "\n"
    if lines and not lines[-1].endswith(("\n", "\r")):
        lines.append(end)
    return "".join([*lines, line, end])


def _key(file: str, line: str) -> tuple[str | None, ...]:
    """What no two lines of a file have in common."""
    if file == REPLACE:
        return replacement(line)[:1]
    parts = line.split("\t")
    return tuple(parts[:2] if file == CONFUSIONS else parts[:1] if file == CALIBRATION else [line])


def _weight(file: str, line: str) -> int:
    """How many decisions a line stands for, as far as the file tells."""
    count = line.split("\t")[2:3] if file in (CONFUSIONS, CALIBRATION) else []
    return int(count[0]) if count and count[0].isdigit() else 0
