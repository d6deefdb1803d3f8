"""Spans, corrections and results: what the rest of the package exchanges. Pure, no IO.

Positions are half-open ``[start, end)`` in Unicode code points. In a `Correction` they always refer
to the *original* text; in a `Proposal` they refer to the text the filter was shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

Level = Literal["safe", "review", "note"]
LEVELS: tuple[Level, ...] = ("safe", "review", "note")

Alternatives = tuple[tuple[str, float], ...]


class MismatchError(ValueError):
    """Corrections do not belong to the text they are applied to or reverted from."""


class Span(NamedTuple):
    """Half-open range of code points."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a filter yields: "replace ``text[start:end]`` by `after`".

    `confidence` is the calibrated probability that `after` is what was printed. A proposal whose
    `after` equals the text as read is a flag: damage found, no replacement (level ``note``).
    `alternatives` are ``(text, probability)``, best first, the reading as it stands included.
    """

    start: int
    end: int
    after: str
    rule: str
    confidence: float
    reason: str = ""
    alternatives: Alternatives = ()


@dataclass(frozen=True, slots=True)
class Correction:
    """One replacement of ``original[start:end]``, which reads `before`, by `after`.

    An insertion has ``start == end``, a deletion has ``after == ""``; a flag (level ``note``
    without a replacement) has ``after == before``.
    """

    start: int
    end: int
    before: str
    after: str
    rule: str
    confidence: float
    level: Level
    reason: str = ""
    alternatives: Alternatives = ()

    @property
    def span(self) -> Span:
        return Span(self.start, self.end)


@dataclass(frozen=True, slots=True)
class Result:
    """Outcome of one run over one text.

    `corrections` are applied, ordered and free of overlaps: ``apply(original, corrections) == text``.
    `suggestions` were found and not applied at the level asked for, ordered by position.
    """

    original: str
    text: str
    corrections: tuple[Correction, ...] = ()
    suggestions: tuple[Correction, ...] = field(default=())

    def holding_back(self, reasons: Mapping[Correction, str]) -> Result:
        """The same with some of the corrections as suggestions that say why they are not applied."""
        kept = tuple(c for c in self.corrections if c not in reasons)
        held = [
            replace(c, reason=f"{c.reason}; not applied: {reasons[c]}".lstrip("; "))
            for c in self.corrections
            if c in reasons
        ]
        return Result(self.original, apply(self.original, kept), kept, ordered([*self.suggestions, *held]))


def apply(text: str, corrections: Iterable[Correction]) -> str:
    """Replace every correction's span of `text` by its `after`.

    Raises `MismatchError` where a span lies outside `text`, does not read `before`, or overlaps
    another one.
    """
    out: list[str] = []
    done = 0
    for c in sorted(corrections, key=lambda c: (c.start, c.end)):
        if c.start < done:
            raise MismatchError(f"corrections overlap at {c.start}")
        if c.end > len(text) or c.end < c.start:
            raise MismatchError(f"correction at {c.start}-{c.end} lies outside the text ({len(text)} characters)")
        if text[c.start : c.end] != c.before:
            raise MismatchError(f"text at {c.start} reads {text[c.start : c.end]!r}, not {c.before!r}")
        out += (text[done : c.start], c.after)
        done = c.end
    out.append(text[done:])
    return "".join(out)


def revert(text: str, corrections: Iterable[Correction]) -> str:
    """Inverse of `apply`: the original from the repaired text. Raises `MismatchError`."""
    out: list[str] = []
    done = 0  # in the repaired text
    seen = 0  # in the original
    for c in sorted(corrections, key=lambda c: (c.start, c.end)):
        if c.start < seen:
            raise MismatchError(f"corrections overlap at {c.start}")
        start = done + (c.start - seen)
        end = start + len(c.after)
        if text[start:end] != c.after or start > len(text):
            raise MismatchError(f"repaired text at {start} reads {text[start:end]!r}, not {c.after!r}")
        out += (text[done:start], c.before)
        done, seen = end, c.end
    out.append(text[done:])
    return "".join(out)


def ordered(corrections: Iterable[Correction]) -> tuple[Correction, ...]:
    """Sorted by position, then level, then rule: the one order used in results and logs."""
    return tuple(sorted(corrections, key=lambda c: (c.start, c.end, LEVELS.index(c.level), c.rule, c.after)))


def line_column(starts: Sequence[int], position: int) -> tuple[int, int]:
    """1-based line and column of `position`, from `line_starts`."""
    from bisect import bisect_right

    line = bisect_right(starts, position) - 1
    return line + 1, position - starts[line] + 1


def line_starts(text: str) -> list[int]:
    r"""Positions where lines start; lines end at ``\r\n``, ``\n``, ``\r`` or a form feed."""
    import re

    return [0, *(m.end() for m in re.finditer(r"\r\n|[\n\r\f]", text))]
