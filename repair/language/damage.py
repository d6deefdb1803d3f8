"""Damage like that of OCR, made in clean text, with an alignment to the text as printed. Pure.

What is made was measured on pages (``benchmarks/measure_damage.py``, which writes `RATES_FILE`): errors start at a
place with a probability by the kind of character and by where in its line it stands, and go on for a run whose length
is drawn from the lengths seen; each place of a run is read as something else or dropped. Hanzi become what the
confusion channel says they are taken for, or, more often the longer the run, any of the characters that stand in
garbled stretches. Marks, digits and letters have tables of their own, and so have specks read as characters. Rates are
those of one of several profiles: an engine, a severity, and a third of the pages of that severity.

Everything is a handful of array operations on the whole text.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from .near import Near
from .slips import FIRST, INSIDE, LAST

RATES_FILE: Final = "damage.json"
HANZI, MARK, DIGIT, LETTER, BREAK = range(5)
CLASSES: Final = ("hanzi", "mark", "digit", "letter")
PLACES: Final = ("inside", "first", "last")
LONGEST = 40
"""Longest run of errors that is made."""
RUNS = (1, 2, 4, 8)
"""Lengths of runs, each from here to the next, that `Rates.alike` tells apart."""
_SIZE = 0x10000

Codes = NDArray[np.int32]
Floats = NDArray[np.float64]


class Damaged(NamedTuple):
    """A text as read. `read`: code points; `origin`: for each the place in `truth` that it stands for, rising, -1 where
    it stands for nothing; `truth`: code points as printed."""

    read: Codes
    origin: Codes
    truth: Codes

    @property
    def text(self) -> str:
        return text_of(self.read)


class Profile(NamedTuple):
    """Rates of one group of pages. `share`: of all characters measured; `start`, `dropped` (classes, places):
    probability that a run of errors starts, and of an erroneous place that nothing is read; `spurious` (places, 2): of
    specks after a place, without and with an error there; `split`: of one Hanzi read as two; `runs`, `specks`: shares
    of the lengths from 1 on."""

    name: str
    engine: str
    share: float
    start: Floats
    dropped: Floats
    spurious: Floats
    split: float
    runs: Floats
    specks: Floats


class Choice(NamedTuple):
    """Characters to draw from by cumulated probability."""

    codes: Codes
    upto: Floats

    @classmethod
    def of(cls, weights: Mapping[str, float]) -> Choice:
        total = sum(weights.values()) or 1.0
        values = np.cumsum([weight / total for weight in weights.values()])
        return cls(np.array([ord(ch) for ch in weights], np.int32), values)

    def draw(self, rng: np.random.Generator, count: int) -> Codes:
        if not len(self.codes):
            return np.full(count, ord("."), np.int32)
        return self.codes[np.minimum(self.upto.searchsorted(rng.random(count)), len(self.codes) - 1)]


class Rates(NamedTuple):
    """`alike` (len(RUNS),): share of Hanzi in runs of each length that are read as what the channel lists. By engine:
    `signs`, what each frequent sign is read as; `other`, what the rest is; `noise`, what Hanzi are read as that are
    read as nothing alike; `specks`, by place."""

    profiles: tuple[Profile, ...]
    alike: Floats
    signs: dict[str, dict[int, Choice]]
    other: dict[str, Choice]
    noise: dict[str, Choice]
    specks: dict[str, tuple[Choice, ...]]
    split: dict[int, tuple[str, ...]]

    @classmethod
    def from_json(cls, data: Mapping[str, Any], split: Mapping[str, Sequence[tuple[str, float]]]) -> Self:
        """`split`: `Slips.split`."""
        profiles = tuple(
            Profile(
                p["name"],
                p["engine"],
                p["share"],
                np.array(p["start"], float),
                np.array(p["dropped"], float),
                np.array(p["spurious"], float),
                p["split"],
                np.array(p["runs"], float),
                np.array(p["specks"], float),
            )
            for p in data["profiles"]
        )
        halves: dict[int, tuple[str, ...]] = {}
        for read, rows in split.items():
            for true, _ in rows:
                halves[ord(true)] = (*halves.get(ord(true), ()), read)
        engines = data["engines"]
        return cls(
            profiles,
            np.array(data["alike"], float),
            {e: {ord(c): Choice.of(reads) for c, reads in d["signs"].items()} for e, d in engines.items()},
            {e: Choice.of(d["other"]) for e, d in engines.items()},
            {e: Choice.of(d["noise"]) for e, d in engines.items()},
            {e: tuple(Choice.of(d["specks"][place]) for place in PLACES) for e, d in engines.items()},
            halves,
        )

    @classmethod
    def load(cls, split: Mapping[str, Sequence[tuple[str, float]]], path: Path | None = None) -> Self:
        path = path or Path(__file__).with_name(RATES_FILE)
        return cls.from_json(json.loads(path.read_text(encoding="utf-8")), split)


class Confusions:
    """What each printed Hanzi may be read as: the table of the channel, turned round."""

    def __init__(self, near: Near) -> None:
        read, true, log = near.pairs()
        order = np.lexsort((read, true))
        self._true, self._read = true[order], read[order].astype(np.int32)
        weight = 10.0 ** log[order].astype(float)
        self._upto = np.cumsum(weight)

    def draw(self, rng: np.random.Generator, true: Codes) -> Codes:
        """A misreading of each of `true`; itself where the table has none."""
        lo, hi = self._true.searchsorted(true), self._true.searchsorted(true, "right")
        before = np.where(lo > 0, self._upto[lo - 1], 0.0)
        upto = np.where(hi > 0, self._upto[hi - 1], 0.0)
        at = self._upto.searchsorted(before + rng.random(len(true)) * (upto - before))
        at = np.clip(at, lo, np.maximum(lo, hi - 1))
        return np.where(hi > lo, self._read[np.minimum(at, len(self._read) - 1)], true)

    def listed(self, true: Codes, read: Codes) -> NDArray[np.bool_]:
        """Which `read` are misreadings of their `true` by the table."""
        keys = self._true.astype(np.int64) << 16 | self._read
        wanted = true.astype(np.int64) << 16 | read
        at = np.minimum(keys.searchsorted(wanted), len(keys) - 1)
        found: NDArray[np.bool_] = keys[at] == wanted
        return found


def codes_of(text: str) -> Codes:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4").astype(np.int32)


def text_of(codes: NDArray[Any]) -> str:
    return codes.astype("<u4").tobytes().decode("utf-32-le", "surrogatepass")


def _class_table() -> NDArray[np.int8]:
    table = np.full(_SIZE, LETTER, np.int8)
    table[0x21:0x30] = table[0x3A:0x41] = table[0x5B:0x61] = table[0x7B:0x7F] = MARK
    table[0x2000:0x2070] = table[0x3000:0x3040] = table[0xFE30:0xFE50] = table[0xB7] = MARK
    table[0xFF01:0xFF10] = table[0xFF1A:0xFF21] = table[0xFF3B:0xFF41] = table[0xFF5B:0xFF66] = MARK
    table[0x30:0x3A] = DIGIT
    table[0x3400:0xA000] = HANZI
    table[10] = BREAK
    return table


_CLASSES: Final = _class_table()


def classes_of(codes: Codes) -> NDArray[np.int8]:
    """`HANZI`, `MARK`, `DIGIT`, `LETTER` (whatever else) or `BREAK`."""
    return _CLASSES[np.minimum(codes, _SIZE - 1)]


def places_of(codes: Codes) -> NDArray[np.int8]:
    """`INSIDE`, `FIRST` or `LAST` of its line, for each character; lines end in ``\\n``."""
    ends = codes == 10
    place = np.full(len(codes), INSIDE, np.int8)
    place[np.concatenate([ends[1:], [True]])] = LAST
    place[np.concatenate([[True], ends[:-1]])] = FIRST
    return place


def lined(text: str, width: int) -> str:
    """Each line of `text` broken into lines of `width` characters; closing marks stay with what they close."""
    out = []
    for line in text.split("\n"):
        at = 0
        while len(line) - at > width:
            end = at + width
            while end < len(line) and line[end] in "，。、；：？！”’》）" and end < at + width + 2:
                end += 1
            out.append(line[at:end])
            at = end
        if at < len(line) or not line:
            out.append(line[at:])
    return "\n".join(out)


def drawn(rng: np.random.Generator, rates: Rates) -> Profile:
    """One of the profiles, by their shares."""
    shares = np.cumsum([p.share for p in rates.profiles])
    return rates.profiles[min(int(shares.searchsorted(rng.random() * shares[-1])), len(shares) - 1)]


def damage(
    truth: str | Codes, rng: np.random.Generator, rates: Rates, confusions: Confusions, profile: Profile | None = None
) -> Damaged:
    """`truth` as it would be read on a page of `profile` (one drawn by its share when None)."""
    printed = codes_of(truth) if isinstance(truth, str) else truth
    if profile is None:
        profile = drawn(rng, rates)
    n = len(printed)
    if n == 0:
        return Damaged(printed, printed, printed)
    kind, place = classes_of(printed), places_of(printed)
    real = kind != BREAK
    safe_kind = np.minimum(kind, LETTER)
    error, length = _runs(rng, profile, real, safe_kind, place)
    gone = error & (rng.random(n) < profile.dropped[safe_kind, place])
    changed = error & ~gone
    read = printed.copy()
    hanzi = changed & (kind == HANZI)
    at = np.flatnonzero(hanzi)
    bucket = np.searchsorted(RUNS, length[at], "right") - 1
    alike = rng.random(len(at)) < rates.alike[bucket]
    read[at] = rates.noise[profile.engine].draw(rng, len(at))
    read[at[alike]] = confusions.draw(rng, printed[at[alike]])
    signs = rates.signs[profile.engine]
    at = np.flatnonzero(changed & ~hanzi)
    for code in np.unique(printed[at]).tolist():
        some = at[printed[at] == code]
        read[some] = signs.get(code, rates.other[profile.engine]).draw(rng, len(some))
    # Specks after a place; those before the first character of a line come after the line break before it.
    speck_place = np.where(place == LAST, LAST, INSIDE).astype(np.int8)
    speck_place[~real] = FIRST
    at = np.flatnonzero(rng.random(n) < profile.spurious[speck_place, error.astype(int)])
    many = np.zeros(n, np.int64)
    many[at] = _lengths(rng, profile.specks, len(at))
    halves = _halves(rng, rates, profile, printed, kind, error)
    emitted = np.where(gone, 0, 1) + many
    for k, pair in halves.items():
        read[k] = ord(pair[0])
        emitted[k] += 1
    origin = np.repeat(np.arange(n, dtype=np.int32), emitted)
    out = read[origin]
    starts = np.cumsum(emitted) - emitted
    extra = np.arange(len(origin)) - starts[origin] >= (~gone)[origin]
    specks = np.flatnonzero(extra)
    where = speck_place[origin[specks]]
    for number, choice in enumerate(rates.specks[profile.engine]):
        some = specks[where == number]
        out[some] = choice.draw(rng, len(some))
    for k, pair in halves.items():
        out[starts[k] + 1] = ord(pair[1])
    origin[extra] = -1
    return Damaged(out, origin, printed)


def _lengths(rng: np.random.Generator, shares: Floats, count: int) -> NDArray[np.int64]:
    upto = np.cumsum(shares)
    drawn = upto.searchsorted(rng.random(count) * upto[-1])
    lengths: NDArray[np.int64] = 1 + np.minimum(drawn, len(shares) - 1)
    return lengths


def _runs(
    rng: np.random.Generator,
    profile: Profile,
    real: NDArray[np.bool_],
    kind: NDArray[np.int8],
    place: NDArray[np.int8],
) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Which places are erroneous, and how long the run is that each is in."""
    n = len(real)
    at = np.flatnonzero(real & (rng.random(n) < profile.start[kind, place]))
    until = np.minimum(at + _lengths(rng, profile.runs, len(at)), n)
    steps = np.zeros(n + 1, np.int64)
    np.add.at(steps, at, 1)
    np.add.at(steps, until, -1)
    covered = np.cumsum(steps[:-1]) > 0
    bounds = np.flatnonzero(np.diff(np.concatenate([[False], covered, [False]]).astype(np.int8)))
    length = np.zeros(n, np.int64)
    length[covered] = np.repeat(bounds[1::2] - bounds[::2], bounds[1::2] - bounds[::2])
    return covered & real, length


def _halves(
    rng: np.random.Generator,
    rates: Rates,
    profile: Profile,
    printed: Codes,
    kind: NDArray[np.int8],
    error: NDArray[np.bool_],
) -> dict[int, str]:
    """Hanzi that are read as two characters: place -> what is read."""
    some = np.flatnonzero((kind == HANZI) & ~error & (rng.random(len(printed)) < profile.split))
    out = {}
    for k in some.tolist():
        pairs = rates.split.get(int(printed[k]))
        if pairs:
            out[k] = pairs[int(rng.integers(len(pairs)))]
    return out


def labels(damaged: Damaged) -> tuple[Codes, Codes]:
    """What a model is to say of each character read: what was printed there (0: nothing), and what was printed behind
    it and is missing (0: nothing), the first of it where it is more."""
    origin, truth = damaged.origin, damaged.truth
    own = origin >= 0
    printed = np.where(own, truth[np.maximum(origin, 0)], 0).astype(np.int32)
    # The last place in the truth that was read up to here.
    upto = np.maximum.accumulate(np.where(own, origin, -1))
    # What is missing belongs to the last character before the gap, specks included.
    following = np.concatenate([np.where(own, origin, len(truth))[1:], [len(truth)]])
    ahead = np.minimum.accumulate(following[::-1])[::-1]
    next_own = np.concatenate([own[1:], [True]])
    missing = (ahead > upto + 1) & next_own
    behind = np.where(missing, truth[np.minimum(upto + 1, len(truth) - 1)], 0).astype(np.int32)
    return printed, behind
