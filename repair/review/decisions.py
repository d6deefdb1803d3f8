"""What people decided about corrections, and what becomes of a text under their decisions. Pure, no IO.

A decision belongs to the bytes of a text (their SHA-256) and to a span of it, not to one run: when the same text is
repaired again, with other models or another profile, it holds for what is found there then.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
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


@dataclass(frozen=True, slots=True)
class Decided:
    """A result under decisions; `statuses` has those corrections that a person decided about, or that gave way to
    one."""

    result: Result
    statuses: Mapping[Correction, Status]


def decided(result: Result, decisions: Iterable[Decision]) -> Decided:
    """`result` as people want it; `decisions`: those that hold for this text, oldest first (see `standing`).

    A decision holds for a correction of the same span if it says what shall stand there, and if it rejects, for the
    replacement that was rejected. What was accepted or written by a person is done even if it is not found any more,
    and what overlaps it gives way; of two such decisions that overlap the later one is done.
    """
    verdicts = list(decisions)
    if not verdicts:
        return Decided(result, {})
    by_span: defaultdict[tuple[int, int, str], list[Decision]] = defaultdict(list)
    for d in verdicts:
        by_span[d.start, d.end, d.before].append(d)
    chosen: list[tuple[int, Correction, Status]] = []  # age of the decision
    rejected: list[Correction] = []
    rest: list[Correction] = []
    applied: list[Correction] = []
    age = {id(d): k for k, d in enumerate(verdicts)}
    met: set[int] = set()
    both = ((result.corrections, applied), (result.suggestions, rest))
    for c, undecided in ((c, undecided) for them, undecided in both for c in them):
        found = _about(c, by_span.get((c.start, c.end, c.before), ()))
        if found is None:
            undecided.append(c)
        elif found.verdict == "rejected":
            rejected.append(c)
        elif id(found) not in met:
            met.add(id(found))
            verdict: Status = "accepted" if found.text == c.after else "edited"
            chosen.append((age[id(found)], replace(c, after=found.text), verdict))
    for d in verdicts:
        if d.verdict != "rejected" and id(d) not in met:
            status: Status = "accepted" if d.verdict == "accepted" else "edited"
            chosen.append((age[id(d)], replace(d.correction, after=d.text), status))
    return _settled(result, chosen, applied, rejected, rest)


def _about(c: Correction, decisions: Sequence[Decision]) -> Decision | None:
    """The last of the decisions on this span that says something about `c`."""
    for d in reversed(decisions):
        if d.after == c.after or d.verdict != "rejected":
            return d
    return None


def _settled(
    result: Result,
    chosen: list[tuple[int, Correction, Status]],
    applied: Iterable[Correction],
    rejected: Iterable[Correction],
    rest: Iterable[Correction],
) -> Decided:
    kept = Spans()
    statuses: dict[Correction, Status] = {}
    corrections: list[Correction] = []
    suggestions = list(rest)
    for _, c, status in sorted(chosen, key=lambda item: -item[0]):
        fits = result.original[c.start : c.end] == c.before and kept.add(c.start, c.end)
        statuses[c] = status if fits else "rejected"
        (corrections if fits else suggestions).append(c)
    for c in applied:
        if kept.add(c.start, c.end):
            corrections.append(c)
        else:
            statuses[c] = "rejected"
            suggestions.append(c)
    for c in rejected:
        statuses[c] = "rejected"
        suggestions.append(c)
    # By position only, and stable: insertions at one place keep their order.
    done = tuple(sorted(corrections, key=lambda c: (c.start, c.end)))
    return Decided(Result(result.original, apply(result.original, done), done, ordered(suggestions)), statuses)


class Spans:
    """Spans that do not overlap, as `repair.apply` has it."""

    def __init__(self) -> None:
        self._kept: list[tuple[int, int]] = []

    def add(self, start: int, end: int) -> bool:
        """Add a span; False, and nothing added, if it overlaps one that is there or is an insertion where one is."""
        at = bisect_left(self._kept, (start, end))
        for s, e in self._kept[max(0, at - 1) : at + 1]:
            if (s < end and start < e) or (s, e) == (start, end):
                return False
        insort(self._kept, (start, end))
        return True


def is_open(status: Status) -> bool:
    """Whether a correction of the log waits for a decision."""
    return status == "proposed"


def is_done(status: Status) -> bool:
    """Whether it is in the repaired text."""
    return status in EFFECTIVE
