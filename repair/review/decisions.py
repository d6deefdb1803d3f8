"""What people decided about corrections, and what becomes of a text under their decisions. Pure, no IO.

A decision belongs to the bytes of a text (their SHA-256) and to a span of it, not to one run: when the same text is
repaired again, with other models or another profile, it holds for what is found there then.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple, get_args

from repair.log import EFFECTIVE, Status
from repair.text import Correction, Level, Result, apply, ordered

Verdict = Literal["accepted", "rejected", "edited"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)


class Place(NamedTuple):
    """What a decision is about: a span of a text, in code points, and what was proposed there.

    `document`: SHA-256 (hexadecimal) of the original bytes of the text.
    """

    document: str
    start: int
    end: int
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Decision:
    """One person's word on one correction.

    `text` is what shall stand there: `after` where it was accepted, `before` where it was rejected, else what the
    person wrote or chose. `at`: UTC, ISO 8601, to the microsecond. `settles`: made in knowledge of what others had
    decided otherwise, so that it ends their conflict. `id` orders decisions of one store, 0 outside of one.
    """

    document: str
    start: int
    end: int
    before: str
    after: str
    text: str
    verdict: Verdict
    rule: str
    confidence: float
    level: Level
    reviewer: str
    at: str = ""
    settles: bool = False
    id: int = 0

    @property
    def place(self) -> Place:
        return Place(self.document, self.start, self.end, self.before, self.after)

    @property
    def correction(self) -> Correction:
        """What was proposed, as far as decisions keep it."""
        return Correction(self.start, self.end, self.before, self.after, self.rule, self.confidence, self.level)


def decide(document: str, c: Correction, text: str | None, reviewer: str, *, settles: bool = False) -> Decision:
    """The decision that `text` shall stand in place of `c`; None: what was proposed.

    Raises `ValueError` for a mere flag accepted as it is: it proposes nothing.
    """
    text = c.after if text is None else text
    if text == c.before:
        verdict: Verdict = "rejected"
    else:
        verdict = "accepted" if text == c.after else "edited"
    return Decision(
        document, c.start, c.end, c.before, c.after, text, verdict, c.rule, c.confidence, c.level, reviewer,
        settles=settles,
    )  # fmt: skip


class Opinion(NamedTuple):
    """What the reviewers of one place have come to: the decision that holds, None while they disagree, and each one's
    last word, oldest first."""

    decision: Decision | None
    last: tuple[Decision, ...]

    @property
    def conflict(self) -> bool:
        return self.decision is None


def opinion(decisions: Iterable[Decision]) -> Opinion:
    """The opinion on one place from all decisions about it that were not taken back, in any order.

    One that settles a conflict replaces all before it.
    """
    last: dict[str, Decision] = {}
    for d in sorted(decisions, key=lambda d: (d.id, d.at)):
        if d.settles:
            last = {}
        last.pop(d.reviewer, None)
        last[d.reviewer] = d
    words = tuple(last.values())
    agreed = len({d.text for d in words}) == 1
    return Opinion(words[-1] if agreed else None, words)


def opinions(decisions: Iterable[Decision]) -> dict[Place, Opinion]:
    """The opinion on each place that anyone decided about."""
    groups: defaultdict[Place, list[Decision]] = defaultdict(list)
    for d in decisions:
        groups[d.place].append(d)
    return {place: opinion(group) for place, group in groups.items()}


def standing(decisions: Iterable[Decision]) -> list[Decision]:
    """The decisions that hold, oldest first: one for each place, none where reviewers disagree."""
    found = [o.decision for o in opinions(decisions).values() if o.decision]
    return sorted(found, key=lambda d: (d.id, d.at))


class Settled(NamedTuple):
    """A correction with what became of it; `proposed`: the replacement that a person changed."""

    correction: Correction
    status: Status
    proposed: str | None = None


def settled(
    applied: Iterable[Correction], proposed: Iterable[Correction], decisions: Iterable[Decision]
) -> list[Settled]:
    """What was found in a text, and what became of it under `decisions`: those that hold for it (see `standing`).

    A decision holds for a correction of the same span if it says what shall stand there, and if it rejects, for the
    replacement that was rejected. What was accepted or written by a person is done even if it is not found any more,
    and what overlaps it gives way; of two such decisions that overlap the later one is done. What nobody decided
    about is ``applied`` or ``proposed`` as before. In order of position.
    """
    by_span: defaultdict[tuple[int, int, str], list[int]] = defaultdict(list)
    verdicts = list(decisions)
    for k, d in enumerate(verdicts):
        by_span[d.start, d.end, d.before].append(k)
    out: list[Settled] = []
    chosen: dict[int, Correction] = {}  # number of a decision that puts something in -> what it is about
    others: list[tuple[Correction, int]] = []  # found where something else was decided
    kept: list[Correction] = []
    both: tuple[tuple[Iterable[Correction], Status], ...] = ((applied, "applied"), (proposed, "proposed"))
    for c, status in ((c, status) for corrections, status in both for c in corrections):
        about = by_span.get((c.start, c.end, c.before), ())
        own = max((k for k in about if verdicts[k].after == c.after), default=-1)
        other = max((k for k in about if verdicts[k].verdict != "rejected"), default=-1)
        if own >= 0 and verdicts[own].verdict == "rejected":
            out.append(Settled(c, "rejected"))
        elif own >= 0 and own not in chosen:
            chosen[own] = c
        elif other >= 0:
            others.append((c, other))
        elif status == "applied":
            kept.append(c)
        else:
            out.append(Settled(c, status))
    for c, k in others:
        if chosen.setdefault(k, c) is not c:
            out.append(Settled(c, "rejected"))
    for k, d in enumerate(verdicts):
        if d.verdict != "rejected":
            chosen.setdefault(k, d.correction)
    spans = Spans()
    for k, c in sorted(chosen.items(), reverse=True):
        fits = spans.add(c.start, c.end)
        out.append(_done(verdicts[k], c) if fits else Settled(c, "rejected"))
    out += [Settled(c, "applied" if spans.free(c.start, c.end) else "rejected") for c in kept]

    def order(item: Settled) -> tuple[int, int, bool, str, str]:
        # What is done comes first at each place, and insertions at one place keep their order.
        c, done = item.correction, is_done(item.status)
        return c.start, c.end, not done, "" if done else c.rule, "" if done else c.after

    return sorted(out, key=order)


def decided(result: Result, decisions: Iterable[Decision]) -> tuple[Result, list[Settled]]:
    """`result` as people want it, and what became of everything that was found.

    Decisions that do not fit the text (another text stands there) are left out.
    """
    text = result.original
    found = settled(result.corrections, result.suggestions, [d for d in decisions if text[d.start : d.end] == d.before])
    done = tuple(item.correction for item in found if is_done(item.status))
    rest = ordered(item.correction for item in found if not is_done(item.status))
    return Result(text, apply(text, done), done, rest), found


def _done(d: Decision, c: Correction) -> Settled:
    if d.text == c.after:
        return Settled(c, "accepted")
    return Settled(replace(c, after=d.text), "edited", c.after)


class Spans:
    """Spans that do not overlap, as `repair.apply` has it; of insertions at one place there is only one."""

    def __init__(self) -> None:
        self._kept: list[tuple[int, int]] = []

    def free(self, start: int, end: int) -> bool:
        """Whether a span overlaps none of those that are there."""
        at = bisect_left(self._kept, (start, end))
        near = self._kept[max(0, at - 1) : at + 1]
        return not any((s < end and start < e) or (s, e) == (start, end) for s, e in near)

    def add(self, start: int, end: int) -> bool:
        """Add a span if it is free; whether it was."""
        free = self.free(start, end)
        if free:
            insort(self._kept, (start, end))
        return free


def is_done(status: str) -> bool:
    """Whether a correction of this status, or state on a board, is in the repaired text."""
    return status in EFFECTIVE
