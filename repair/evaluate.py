"""How good a repair is, measured against what was printed. Pure, no IO.

Pages and pairs have a truth; clean text is its own. What is counted, and how:

- Characters are compared without white space and with full-width digits, letters and ``％．＋－`` folded to ASCII; the
  rest as it is. The character error rate (CER) is the Levenshtein distance divided by the length of the truth,
  micro-averaged: sums over all pages are divided, not rates averaged.
- From a minimal alignment before and one after: *fixed* are the truth characters unmatched before and matched after,
  *harmed* the reverse, *extra* the characters of the text that match none of the truth.
- Paragraph breaks are judged at every place between two truth characters that are both matched.
- Pages whose columns the engine mixed up, and pages with a raw CER above `MAX_ERROR_RATE`, are left out.
- A correction is *nearer* if undoing it alone in the finished text takes that farther from the truth, *farther* if
  undoing it brings it nearer, else *equal*. One that changes nothing but white space is judged by the kinds of white
  space (none, blank, line break) between the nearest matched characters. Suggestions are judged by doing them instead.
  What the truth says nothing about (nothing near is matched, or only the width of digits differs) is *unknown*.
- *right*, in a table of reliability, are the corrections and suggestions that are nearer. Flags, which propose no
  replacement, are not in it, and neither is what is unknown.
- A rule's share of the reduction is what the CER would be higher by without all of its corrections (leave one out).
  Shares need not add up to the whole reduction, as rules build on each other.
- Pairs are scored as spelling correction is as a rule (edits by a minimal alignment; whole sentences, strictly), on
  the exact strings.
"""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple, Self

from rapidfuzz.distance import Levenshtein

from .formats.plain import InputError, shown
from .text import Correction, Result, apply

MAX_ERROR_RATE = 0.4
"""Pages with more edits a truth character than this are no text that can be repaired."""

MARGIN = 16
"""Matched characters on each side of the window in which the effect of one correction is measured."""

REACH = 4
"""How many characters away from a change of white space the neighbours may lie that tell its place in the truth."""

DIMENSIONS = ("engine", "severity", "rule")

_FOLD = {
    code: code - 0xFEE0
    for code in (*range(0xFF10, 0xFF1A), *range(0xFF21, 0xFF3B), *range(0xFF41, 0xFF5B), *map(ord, "％．＋－"))
}

_NONE, _BLANK, _BREAK = range(3)
"""Kinds of white space, the stronger the higher."""


class Solid(NamedTuple):
    """A text without its white space.

    `text`: its characters, full-width forms folded. `gaps`: kind of the white space before each of them, and after
    the last. `offsets`: for each code point of the original text, and its end, how many characters stand before it.
    `places`: the code point each character stands at.
    """

    text: str
    gaps: list[int]
    offsets: list[int]
    places: list[int]


def solid(text: str) -> Solid:
    """`text` as it is compared. Linear."""
    chars: list[str] = []
    gaps: list[int] = []
    offsets: list[int] = []
    places: list[int] = []
    gap = _NONE
    for place, ch in enumerate(text.translate(_FOLD)):
        offsets.append(len(chars))
        if not ch.isspace():
            chars.append(ch)
            gaps.append(gap)
            places.append(place)
            gap = _NONE
        elif ch in "\n\r\f":
            gap = _BREAK
        else:
            gap = max(gap, _BLANK)
    return Solid("".join(chars), [*gaps, gap], [*offsets, len(chars)], places)


class Alignment:
    """A minimal alignment (Levenshtein) of a text with its truth, neither with white space.

    `to_truth`: for each character of the text the truth character that it matches, or -1; `to_read`: the other way;
    `distance`: edits.
    """

    def __init__(self, read: str, truth: str) -> None:
        self.read, self.truth = read, truth
        self.to_truth = [-1] * len(read)
        self.to_read = [-1] * len(truth)
        self.distance = 0
        self._runs: list[tuple[int, int, int]] = []  # of at least MARGIN matches: start, end, shift to the truth
        for op in Levenshtein.opcodes(read, truth):
            if op.tag != "equal":
                self.distance += max(op.src_end - op.src_start, op.dest_end - op.dest_start)
                continue
            self.to_truth[op.src_start : op.src_end] = range(op.dest_start, op.dest_end)
            self.to_read[op.dest_start : op.dest_end] = range(op.src_start, op.src_end)
            if op.src_end - op.src_start >= MARGIN:
                self._runs.append((op.src_start, op.src_end, op.dest_start - op.src_start))

    @property
    def matches(self) -> int:
        return sum(k >= 0 for k in self.to_truth)

    def added_distance(self, start: int, end: int, other: str) -> int:
        """How many more edits part the text from its truth once ``read[start:end]`` is `other`; negative: fewer.

        Measured in a window that starts and ends with `MARGIN` matched characters, so that the cost is that of the
        damage around. Never less than what a new alignment of the whole would say, and the same unless the text
        repeats itself in step with a displacement beyond the window.
        """
        k = bisect_right(self._runs, start - MARGIN, key=lambda run: run[0]) - 1
        lo = lo_truth = 0
        if k >= 0:
            _, stop, shift = self._runs[k]
            lo = min(stop, start) - MARGIN
            lo_truth = lo + shift
        k = bisect_left(self._runs, end + MARGIN, key=lambda run: run[1])
        hi, hi_truth = len(self.read), len(self.truth)
        if k < len(self._runs):
            first, _, shift = self._runs[k]
            hi = max(first, end) + MARGIN
            hi_truth = hi + shift
        truth = self.truth[lo_truth:hi_truth]
        now = Levenshtein.distance(self.read[lo:hi], truth)
        then = Levenshtein.distance(self.read[lo:start] + other + self.read[end:hi], truth)
        return then - now


@dataclass
class _Sum:
    """Figures that are added up."""

    def __add__(self, other: Self) -> Self:
        return type(self)(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))


@dataclass
class Outcomes(_Sum):
    """Right, wrong and missed answers."""

    true_positives: int = 0
    false_positives: int = 0
    false_negatives: int = 0

    def figures(self) -> dict[str, float]:
        """Precision, recall and F1; 1 where there was nothing to be wrong about."""
        tp, fp, fn = self.true_positives, self.false_positives, self.false_negatives
        p = tp / (tp + fp) if tp + fp else 1.0
        r = tp / (tp + fn) if tp + fn else 1.0
        f1 = 2 * p * r / (p + r) if p + r else 0.0
        return {"precision": round(p, 4), "recall": round(r, 4), "f1": round(f1, 4)}


@dataclass
class PageFigures(_Sum):
    """What is counted on pages; distances are edits."""

    pages: int = 0
    characters: int = 0
    distance_before: int = 0
    distance_after: int = 0
    fixed: int = 0
    harmed: int = 0
    extra_before: int = 0
    extra_after: int = 0
    breaks_before: Outcomes = field(default_factory=Outcomes)
    breaks_after: Outcomes = field(default_factory=Outcomes)

    def figures(self) -> dict[str, Any]:
        before, after = self.distance_before, self.distance_after
        return {
            "pages": self.pages,
            "chars": self.characters,
            "cer_before": _share(before, self.characters),
            "cer_after": _share(after, self.characters),
            "cer_reduction": _share(before - after, before, 0.0),
            "fixed": self.fixed,
            "harmed": self.harmed,
            "fix_precision": _share(self.fixed, self.fixed + self.harmed),
            "extra_before": self.extra_before,
            "extra_after": self.extra_after,
            "breaks_before": self.breaks_before.figures(),
            "breaks_after": self.breaks_after.figures(),
        }


@dataclass
class RuleFigures(_Sum):
    """What one rule's corrections did.

    `fixed` and `harmed` are truth characters, each counted for the correction nearest to it; `saved` is how many more
    edits the texts would be from their truth without the rule's corrections.
    """

    corrections: int = 0
    nearer: int = 0
    equal: int = 0
    farther: int = 0
    unknown: int = 0
    fixed: int = 0
    harmed: int = 0
    saved: int = 0

    def figures(self, characters: int) -> dict[str, Any]:
        out: dict[str, Any] = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "saved"}
        return {**out, "cer_points": None if not characters else round(100 * self.saved / characters, 4)}


def _share(part: float, whole: float, empty: float | None = None) -> float | None:
    return round(part / whole, 4) if whole else empty


class Comparison:
    """One text before and after its repair, beside the truth."""

    def __init__(self, result: Result, truth: str) -> None:
        self.result = result
        self.truth = solid(truth)
        self.before = solid(result.original)
        self.after = self.before if result.text == result.original else solid(result.text)
        self.aligned_before = Alignment(self.before.text, self.truth.text)
        self.aligned_after = (
            self.aligned_before if self.after.text == self.before.text else Alignment(self.after.text, self.truth.text)
        )
        self._ends: list[int] = []  # of each correction, in the original
        self._shifts = [0]  # by how much the text after so many corrections has moved
        self._starts: list[int] = []  # of each correction, in the repaired text
        for c in result.corrections:
            self._starts.append(c.start + self._shifts[-1])
            self._shifts.append(self._shifts[-1] + len(c.after) - len(c.before))
            self._ends.append(c.end)

    @property
    def usable(self) -> bool:
        """Whether the text is near enough to the truth to be compared with it."""
        return self.aligned_before.distance <= MAX_ERROR_RATE * len(self.truth.text)

    def page(self) -> PageFigures:
        """The figures of this text as a page."""
        before, after = self.aligned_before, self.aligned_after
        return PageFigures(
            pages=1,
            characters=len(self.truth.text),
            distance_before=before.distance,
            distance_after=after.distance,
            fixed=sum(b < 0 <= a for b, a in zip(before.to_read, after.to_read, strict=True)),
            harmed=sum(a < 0 <= b for b, a in zip(before.to_read, after.to_read, strict=True)),
            extra_before=len(before.read) - before.matches,
            extra_after=len(after.read) - after.matches,
            breaks_before=self._breaks(self.before, before),
            breaks_after=self._breaks(self.after, after),
        )

    def _breaks(self, read: Solid, aligned: Alignment) -> Outcomes:
        tp = fp = fn = 0
        for i in range(1, len(aligned.to_read)):
            left, right = aligned.to_read[i - 1], aligned.to_read[i]
            if left >= 0 and right >= 0:
                has = _BREAK in read.gaps[left + 1 : right + 1]
                want = self.truth.gaps[i] == _BREAK
                tp += has and want
                fp += has and not want
                fn += want and not has
        return Outcomes(tp, fp, fn)

    def verdicts(self) -> Iterator[tuple[Correction, int | None]]:
        """For each correction how many edits it saved: negative if it added some, None if the truth does not tell.

        Where only white space changes, places between characters count instead of edits.
        """
        for c, start in zip(self.result.corrections, self._starts, strict=True):
            yield c, self._added(start, start + len(c.after), c.before)

    def prospects(self) -> Iterator[tuple[Correction, int | None]]:
        """As `verdicts` for the suggestions that have a replacement: how many edits each would save."""
        for c in self.result.suggestions:
            if c.after == c.before:
                continue
            span = self._repaired_span(c)
            added = None if span is None else self._added(*span, c.after)
            yield c, None if added is None else -added

    def _repaired_span(self, c: Correction) -> tuple[int, int] | None:
        """Where a suggestion's span lies in the repaired text; None if a correction lies across its border."""
        corrections = self.result.corrections
        first = bisect_right(self._ends, c.start)
        last = bisect_right(self._ends, c.end)
        # An insertion at the very border is inside where the suggestion repeats what was inserted.
        if first and c.start < c.end:
            other = corrections[first - 1]
            if other.start == c.start and c.after.startswith(other.after):
                first -= 1
        if last > first and c.start < c.end:
            other = corrections[last - 1]
            if other.start == c.end and not c.after.endswith(other.after):
                last -= 1
        inside = corrections[first:last]
        if any(not c.start <= o.start <= o.end <= c.end for o in inside):
            return None
        if last < len(corrections) and corrections[last].start < c.end:
            return None
        return c.start + self._shifts[first], c.end + self._shifts[last]

    def _added(self, start: int, end: int, other: str) -> int | None:
        """The distance that putting `other` in the place of ``text[start:end]`` adds."""
        a, b = self.after.offsets[start], self.after.offsets[end]
        piece = solid(other)
        if piece.text != self.after.text[a:b]:
            return self.aligned_after.added_distance(a, b, piece.text)
        return self._added_gaps(start, end, other)

    def _added_gaps(self, start: int, end: int, other: str) -> int | None:
        """As `_added` where only white space differs: how many more places have another kind than in the truth."""
        text, after = self.result.text, self.after
        a, b = after.offsets[start], after.offsets[end]
        left = after.places[a - 1] if a else 0
        right = after.places[b] + 1 if b < len(after.text) else len(text)
        now = solid(text[left:right]).gaps
        then = solid(text[left:start] + other + text[end:right]).gaps
        base = max(a - 1, 0)
        added, judged = 0, False
        for k in range(1, len(now) - 1):
            if now[k] != then[k]:
                wanted = self._printed_gap(base + k)
                if wanted is not None:
                    judged = True
                    added += (now[k] == wanted) - (then[k] == wanted)
        return added if judged else None

    def _printed_gap(self, k: int) -> int | None:
        """The strongest white space of the truth between what the nearest matched characters on both sides of gap `k`
        of the repaired text stand for; None where there is none within `REACH`."""
        to_truth = self.aligned_after.to_truth
        left = next((to_truth[j] for j in range(k - 1, max(-1, k - 1 - REACH), -1) if to_truth[j] >= 0), None)
        right = next((i for i in to_truth[k : k + REACH] if i >= 0), None)
        if left is None or right is None or right - left > 2 * REACH:
            return None
        return max(self.truth.gaps[left + 1 : right + 1])

    def rules(self) -> dict[str, RuleFigures]:
        """The figures of each rule that has corrections in this text."""
        out: dict[str, RuleFigures] = {}
        moving: list[tuple[Correction, int]] = []  # corrections that change more than white space
        for c, saved in self.verdicts():
            figures = out.setdefault(c.rule, RuleFigures())
            figures.corrections += 1
            figures.nearer += saved is not None and saved > 0
            figures.equal += saved == 0
            figures.farther += saved is not None and saved < 0
            figures.unknown += saved is None
        for c, start in zip(self.result.corrections, self._starts, strict=True):
            if solid(c.before).text != solid(c.after).text:
                moving.append((c, start))
        if not moving:
            return out
        before, after = self.before.offsets, self.after.offsets
        old = [(before[c.start], before[c.end]) for c, _ in moving]
        new = [(after[start], after[start + len(c.after)]) for c, start in moving]
        for was, now in zip(self.aligned_before.to_read, self.aligned_after.to_read, strict=True):
            if was < 0 <= now:
                out[moving[_nearest(new, now)][0].rule].fixed += 1
            elif now < 0 <= was:
                out[moving[_nearest(old, was)][0].rule].harmed += 1
        for rule in {c.rule for c, _ in moving}:
            others = [c for c in self.result.corrections if c.rule != rule]
            without = solid(apply(self.result.original, others)).text
            out[rule].saved = Levenshtein.distance(without, self.truth.text) - self.aligned_after.distance
        return out


def _nearest(spans: Sequence[tuple[int, int]], position: int) -> int:
    """Which of some ordered spans without overlaps holds or lies nearest to the character at `position`."""
    k = bisect_right(spans, position, key=lambda span: span[0])

    def distance(n: int) -> int:
        start, end = spans[n]
        return max(start - position, position + 1 - end, 0)

    return min((n for n in range(max(0, k - 2), min(len(spans), k + 1))), key=distance)


class Reliability:
    """Stated confidence against the share that was right, in ten bins of equal width."""

    def __init__(self) -> None:
        self._bins: dict[str, list[list[float]]] = {}

    def add(self, rule: str, confidence: float, right: bool) -> None:
        """Count one correction or suggestion; `confidence` in [0, 1]."""
        bins = self._bins.setdefault(rule, [[0, 0.0, 0] for _ in range(10)])
        cell = bins[max(0, min(round(confidence * 10_000) // 1000, 9))]
        cell[0] += 1
        cell[1] += confidence
        cell[2] += right

    @property
    def rules(self) -> list[str]:
        return sorted(self._bins)

    def table(self, *rules: str) -> list[dict[str, Any]]:
        """The bins that are not empty, over some rules (none given: over all): from, to, count, mean stated
        confidence, share right."""
        chosen = [self._bins[rule] for rule in rules or self._bins]
        out = []
        for k in range(10):
            count, stated, right = (sum(bins[k][part] for bins in chosen) for part in range(3))
            if count:
                out.append({
                    "from": k / 10,
                    "to": (k + 1) / 10,
                    "count": int(count),
                    "stated": round(stated / count, 4),
                    "right": round(right / count, 4),
                })  # fmt: skip
        return out


class _Judged:
    """What pages and pairs have in common: figures by rule and reliability."""

    def __init__(self, by: Iterable[str] = DIMENSIONS, *, calibration: bool = False) -> None:
        self.by = frozenset(by)
        self.calibration = calibration
        self.reliability = Reliability()
        self._rules: dict[str, RuleFigures] = {}

    def _group(self, engine: str | None, severity: str | None) -> str | None:
        parts = [("engine", engine), ("severity", severity)]
        names = [value or "?" for name, value in parts if name in self.by]
        return "/".join(names) if names and (engine or severity) else None

    def _judge(self, comparison: Comparison) -> None:
        for judged in (comparison.verdicts(), comparison.prospects()):
            for c, saved in judged:
                if saved is not None:
                    self.reliability.add(c.rule, c.confidence, saved > 0)
        if "rule" in self.by:
            for rule, figures in comparison.rules().items():
                self._rules[rule] = self._rules.get(rule, RuleFigures()) + figures

    def _common(self, groups: Mapping[str, Any], characters: int) -> dict[str, Any]:
        out: dict[str, Any] = {}
        if groups:
            out["groups"] = {name: groups[name].figures() for name in sorted(groups)}
        if "rule" in self.by:
            out["rules"] = {rule: self._rules[rule].figures(characters) for rule in sorted(self._rules)}
        out["reliability"] = self.reliability.table()
        if self.calibration:
            out["reliability_by_rule"] = {rule: self.reliability.table(rule) for rule in self.reliability.rules}
        return out


class PageEvaluation(_Judged):
    """Figures over pages.

    Args (as for `PairEvaluation`):
        by: which of `DIMENSIONS` the figures are broken down by.
        calibration: whether to give a table of reliability for each rule too.
    """

    def __init__(self, by: Iterable[str] = DIMENSIONS, *, calibration: bool = False) -> None:
        super().__init__(by, calibration=calibration)
        self.total = PageFigures()
        self.left_out = {"order": 0, "error_rate": 0}
        """Pages not counted: those whose order the engine mixed up (counted by the caller), and bad ones."""
        self._groups: dict[str, PageFigures] = {}

    def add(self, result: Result, truth: str, engine: str | None = None, severity: str | None = None) -> None:
        """Count one page: its repair and what was printed."""
        comparison = Comparison(result, truth)
        if not comparison.usable:
            self.left_out["error_rate"] += 1
            return
        figures = comparison.page()
        self.total += figures
        group = self._group(engine, severity)
        if group is not None:
            self._groups[group] = self._groups.get(group, PageFigures()) + figures
        self._judge(comparison)

    def figures(self) -> dict[str, Any]:
        """All figures, as they are written as JSON: rates as fractions, ``cer_points`` in percentage points."""
        return {
            "all": self.total.figures(),
            "left_out": dict(self.left_out),
            **self._common(self._groups, self.total.characters),
        }


@dataclass
class PairFigures(_Sum):
    """What is counted on sentence pairs."""

    sentences: int = 0
    with_errors: int = 0
    clean_changed: int = 0
    located: int = 0
    edits: Outcomes = field(default_factory=Outcomes)
    strict: Outcomes = field(default_factory=Outcomes)

    def figures(self) -> dict[str, Any]:
        clean = self.sentences - self.with_errors
        made = self.edits.true_positives + self.edits.false_positives
        return {
            "sentences": self.sentences,
            "with_errors": self.with_errors,
            "edit": self.edits.figures(),
            "detection_precision": _share(self.located, made, 0.0),
            "sentence_strict": self.strict.figures(),
            "clean_unchanged": round(1 - self.clean_changed / clean, 5) if clean else None,
        }


Edit = tuple[int, int, str, str]


def edits(before: str, after: str) -> set[Edit]:
    """The edits of a minimal alignment: start and end in `before`, what stands there, what stands there after."""
    return {
        (op.src_start, op.src_end, before[op.src_start : op.src_end], after[op.dest_start : op.dest_end])
        for op in Levenshtein.opcodes(before, after)
        if op.tag != "equal"
    }


def pair_figures(source: str, target: str, repaired: str) -> PairFigures:
    """The figures of one pair, on the exact strings.

    An edit is right if the target has the same one at the same place; it is located if the target has some edit of
    the same characters. A sentence counts as right if all of it is; one that was changed counts as an answer whether
    or not it had an error.
    """
    wanted, made = edits(source, target), edits(source, repaired)
    right = len(wanted & made)
    spans = {edit[:2] for edit in wanted}
    wrong, changed = source != target, source != repaired
    hit = wrong and repaired == target
    return PairFigures(
        sentences=1,
        with_errors=int(wrong),
        clean_changed=int(changed and not wrong),
        located=sum(edit[:2] in spans for edit in made),
        edits=Outcomes(right, len(made) - right, len(wanted) - right),
        strict=Outcomes(int(hit), changed - hit, wrong - hit),
    )


class PairEvaluation(_Judged):
    """Figures over sentence pairs."""

    def __init__(self, by: Iterable[str] = DIMENSIONS, *, calibration: bool = False) -> None:
        super().__init__(by, calibration=calibration)
        self.total = PairFigures()
        self._characters = 0
        self._groups: dict[str, PairFigures] = {}

    def add(self, result: Result, target: str, engine: str | None = None, severity: str | None = None) -> None:
        """Count one pair: the repair of its source, and its target."""
        figures = pair_figures(result.original, target, result.text)
        self.total += figures
        group = self._group(engine, severity)
        if group is not None:
            self._groups[group] = self._groups.get(group, PairFigures()) + figures
        comparison = Comparison(result, target)
        self._characters += len(comparison.truth.text)
        self._judge(comparison)

    def figures(self) -> dict[str, Any]:
        """All figures, as they are written as JSON."""
        return {"all": self.total.figures(), **self._common(self._groups, self._characters)}


class CleanEvaluation:
    """Figures over text without errors, where every change is harm."""

    def __init__(self) -> None:
        self.documents = self.changed = self.characters = self.edits = 0
        self._applied: dict[str, int] = {}
        self._proposed: dict[str, int] = {}

    def add(self, result: Result) -> None:
        """Count one document."""
        self.documents += 1
        self.characters += len(result.original)
        self.changed += result.text != result.original
        self.edits += len(edits(result.original, result.text)) if result.text != result.original else 0
        for counts, corrections in ((self._applied, result.corrections), (self._proposed, result.suggestions)):
            for c in corrections:
                counts[c.rule] = counts.get(c.rule, 0) + 1

    def figures(self) -> dict[str, Any]:
        """All figures, as they are written as JSON; `chars` with white space, suggestions with flags."""
        rules = sorted(self._applied.keys() | self._proposed.keys())
        return {
            "documents": self.documents,
            "changed": self.changed,
            "unchanged": round(1 - self.changed / self.documents, 5) if self.documents else None,
            "chars": self.characters,
            "edits": self.edits,
            "edits_per_100k_chars": round(1e5 * self.edits / self.characters, 2) if self.characters else None,
            "rules": {r: {"applied": self._applied.get(r, 0), "proposed": self._proposed.get(r, 0)} for r in rules},
        }


# --- what is evaluated


class Pair(NamedTuple):
    """A sentence as read and as printed; `line` is where it stands in its file, from 1."""

    line: int
    source: str
    target: str
    engine: str | None = None
    severity: str | None = None


_SOURCE, _TARGET = frozenset({"source", "src", "ocr", "raw"}), frozenset({"target", "truth", "reference"})


def read_pairs(text: str, name: str) -> list[Pair]:
    """The pairs of a table with tabs: id, source, target; or just source, target. Empty lines are skipped.

    A first line that names columns (source or ocr; target or truth; engine; severity or level) is followed, else the
    first row decides whether there are two columns or more; further ones are ignored. `name` is for messages. Raises
    `InputError` naming file and line for a row with too few columns, and for a table without rows.
    """
    rows = [(n, line.removesuffix("\r").split("\t")) for n, line in enumerate(text.split("\n"), 1) if line.strip()]
    columns: dict[str, int] = {}
    width, most = 2, 2**31
    if rows:
        first = [cell.strip().lower() for cell in rows[0][1]]
        if _SOURCE & {*first} and _TARGET & {*first}:
            known = {"source": _SOURCE, "target": _TARGET, "engine": {"engine"}, "severity": {"severity", "level"}}
            columns = {key: k for key, names in known.items() for k, cell in enumerate(first) if cell in names}
            width = max(columns.values()) + 1
            del rows[0]
        elif len(first) > 2:
            columns, width = {"source": 1, "target": 2}, 3
        else:
            # Exactly two: a row with three would be one of another kind of table.
            columns, most = {"source": 0, "target": 1}, 2
    if not rows:
        raise InputError(f"{shown(name)}: holds no pairs")
    pairs = []
    for n, cells in rows:
        if not width <= len(cells) <= most:
            wanted = "source<TAB>target or id<TAB>source<TAB>target" if most == 2 else f"{width} columns with tabs"
            raise InputError(f"{shown(name)}:{n}: expected {wanted}, found {len(cells)} column{'s'[: len(cells) != 1]}")
        values = {key: cells[k] for key, k in columns.items()}
        pairs.append(Pair(n, **values))
    return pairs


class PageInfo(NamedTuple):
    """What is known about a page beside its texts."""

    engine: str | None = None
    severity: str | None = None
    unit: int | None = None
    order_ok: bool = True


def read_page_info(text: str, name: str) -> PageInfo:
    """The `PageInfo` in a page's meta.json, whose other keys do not matter; the severity is called ``level`` there.

    Raises `InputError` naming file and place: not JSON, not an object, a value of the wrong type.
    """
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        raise InputError(f"{shown(name)}:{error.lineno}:{error.colno}: not JSON ({error.msg.lower()})") from None
    except RecursionError:
        raise InputError(f"{shown(name)}: not JSON (nested too deeply)") from None
    if not isinstance(content, dict):
        raise InputError(f"{shown(name)}: must hold a JSON object")

    def value(key: str, kind: type, what: str, empty: Any = None) -> Any:
        found = content.get(key, empty)
        if found is not None and type(found) is not kind:
            raise InputError(f"{shown(name)}: {key!r} must be {what}, not {shown(json.dumps(found))[:40]}")
        return empty if found is None else found

    return PageInfo(
        value("engine", str, "a string"),
        value("level", str, "a string"),
        value("unit", int, "a whole number"),
        value("order_ok", bool, "true or false", True),
    )


def spread(items: Sequence[Any], limit: int | None) -> Sequence[Any]:
    """At most `limit` of some items, evenly spaced; all without a limit."""
    return items if not limit else items[:: max(1, len(items) // limit)][:limit]


# --- as text


def text_report(report: Mapping[str, Any]) -> str:
    """The figures as aligned tables; `report` may hold those of ``pages``, ``pairs`` and ``clean``."""
    writers: dict[str, Callable[[Mapping[str, Any]], Iterator[str]]] = {
        "pages": _page_text,
        "pairs": _pair_text,
        "clean": _clean_text,
    }
    blocks = [block for part, write in writers.items() if part in report for block in write(report[part])]
    return "\n".join(blocks)


def _page_text(part: Mapping[str, Any]) -> Iterator[str]:
    left = part["left_out"]
    reasons = {"part": "other parts", "order": "columns mixed up", "error_rate": f"CER above {MAX_ERROR_RATE}"}
    said = ", ".join(f"{left[key]} {reason}" for key, reason in reasons.items() if left.get(key))
    if said:
        yield f"left out: {said}\n"
    rows = [
        ["", "pages", "chars", "CER", "after", "reduction", "fixed", "harmed", "precision", "extra", "after",
         "breaks F1", "after"]
    ]  # fmt: skip
    for name, f in {"all": part["all"], **part.get("groups", {})}.items():
        rows.append([
            name, str(f["pages"]), str(f["chars"]), _percent(f["cer_before"]), _percent(f["cer_after"]),
            _percent(f["cer_reduction"], 1), str(f["fixed"]), str(f["harmed"]), _number(f["fix_precision"]),
            str(f["extra_before"]), str(f["extra_after"]), _number(f["breaks_before"]["f1"]),
            _number(f["breaks_after"]["f1"]),
        ])  # fmt: skip
    yield _aligned(rows)
    yield from _common_text(part)


def _pair_text(part: Mapping[str, Any]) -> Iterator[str]:
    rows = [
        ["", "sentences", "with errors", "edit P", "R", "F1", "detection P", "strict P", "R", "F1", "clean unchanged"]
    ]
    for name, f in {"all": part["all"], **part.get("groups", {})}.items():
        scores = [_number(f["edit"][key]) for key in ("precision", "recall", "f1")]
        strict = [_number(f["sentence_strict"][key]) for key in ("precision", "recall", "f1")]
        rows.append([
            name, str(f["sentences"]), str(f["with_errors"]), *scores, _number(f["detection_precision"]), *strict,
            _percent(f["clean_unchanged"]),
        ])  # fmt: skip
    yield _aligned(rows)
    yield from _common_text(part)


def _common_text(part: Mapping[str, Any]) -> Iterator[str]:
    if part.get("rules"):
        counted = ["corrections", "nearer", "equal", "farther", "unknown", "fixed", "harmed"]
        rows = [["rule", *counted, "CER points"]]
        for rule, f in part["rules"].items():
            counts = [str(f[key]) for key in counted]
            points = "-" if f["cer_points"] is None else f"{f['cer_points']:.3f}"
            rows.append([rule, *counts, points])
        yield _aligned(rows)
    for name, bins in {"all": part["reliability"], **part.get("reliability_by_rule", {})}.items():
        if bins:
            rows = [[f"confidence ({name})", "count", "stated", "right"]]
            for b in bins:
                label = f"{b['from']:.1f}-{b['to']:.1f}"
                rows.append([label, str(b["count"]), _number(b["stated"]), _number(b["right"])])
            yield _aligned(rows)


def _clean_text(part: Mapping[str, Any]) -> Iterator[str]:
    rows = [
        ["documents", "changed", "unchanged", "chars", "edits", "edits per 100,000 chars"],
        [str(part["documents"]), str(part["changed"]), _percent(part["unchanged"]), str(part["chars"]),
         str(part["edits"]), "-" if part["edits_per_100k_chars"] is None else str(part["edits_per_100k_chars"])],
    ]  # fmt: skip
    yield _aligned(rows)
    if part["rules"]:
        rows = [["rule", "applied", "proposed"]]
        rows += [[rule, str(f["applied"]), str(f["proposed"])] for rule, f in part["rules"].items()]
        yield _aligned(rows)


def _percent(value: float | None, digits: int = 2) -> str:
    return "-" if value is None else f"{100 * value:.{digits}f}%"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _aligned(rows: Sequence[Sequence[str]]) -> str:
    """Columns of equal width, the first flush left, the others flush right."""
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        lines.append("  ".join(cells).rstrip() + "\n")
    return "".join(lines)
