"""Aligns two readings of the same pages, character by character. Pure, no IO.

White space counts for nothing: engines break lines and set blanks as they please. Long strings of characters that occur
once in each reading anchor the alignment (the longest chain of them that rises in both, as in patience sorting), the
gaps between anchors are anchored again by shorter strings, and what is left is small enough for Levenshtein's
alignment. A stretch that only one reading has (a missed line, a running head) is kept in one piece, and what is too
long and too different for that counts as missing on both sides. Time and memory grow linearly with the text, but for
the logarithm of sorting.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import Levenshtein

Ints = NDArray[np.int64]

ANCHORS = (12, 7, 4)
"""Lengths of the strings that anchor, tried one after the other in what the longer ones leave open."""
DIRECT = 160
"""Characters of a gap up to which it is aligned directly."""
LARGEST = 4_000_000
"""Product of the lengths of both sides up to which a gap without anchors is aligned; a larger one has nothing in
common."""
UNLIKE = 0.75
"""Share of edit operations from which the two sides of a gap of some length are not readings of the same print."""
UNLIKE_FROM = 12
"""Characters from which that is asked."""
JUMP = 2
"""Mismatches that a further inserted or missing stretch must save, where one side is much longer than the other."""
UNEVEN = 4
"""Difference in length from which one side counts as much longer."""

_FOLD = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
_FOLD |= {ord("。"): ord("."), ord("“"): ord('"'), ord("”"): ord('"'), ord("‘"): ord("'"), ord("’"): ord("'")}


class Solid(NamedTuple):
    """A text without its white space: `codes` (n,) code points, `place` (n,) where in the text each stands."""

    codes: Ints
    place: Ints


def solid(text: str) -> Solid:
    """`text` without white space."""
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4").astype(np.int64)
    place = np.flatnonzero(~np.isin(codes, _BLANKS))
    return Solid(codes[place], place)


_BLANKS = np.array([code for code in range(0x3001) if chr(code).isspace()], np.int64)


def folded(codes: Ints) -> Ints:
    """`codes` as they are compared: the width of marks, letters and digits and the turn of quotation marks left out."""
    return _TABLE[codes] if len(codes) and int(codes.max()) < len(_TABLE) else _folded_any(codes)


def _table() -> Ints:
    table = np.arange(0x10000, dtype=np.int64)
    for code, plain in _FOLD.items():
        table[code] = plain
    return table


_TABLE = _table()


def _folded_any(codes: Ints) -> Ints:
    return np.where(codes < len(_TABLE), _TABLE[np.minimum(codes, len(_TABLE) - 1)], codes)


def align(text: Ints, witness: Ints) -> Ints:
    """For each of the characters `text` (n,) the index of the one of `witness` (m,) that stands in its place, read
    alike or not; -1
    where the witness has none. Indices rise.

    >>> align(solid("推动环研 工作").codes, solid("推动科研者工作").codes).tolist()
    [0, 1, 2, 3, 5, 6]
    """
    a, b = folded(text), folded(witness)
    partner = np.full(len(a), -1, np.int64)
    head, tail = _shared_ends(a, b)
    partner[:head] = np.arange(head)
    partner[len(a) - tail :] = np.arange(len(b) - tail, len(b))
    # Gaps that wait for anchors of a certain length: (start, end, low, high).
    waiting = [(head, len(a) - tail, head, len(b) - tail)]
    for length in ANCHORS:
        later = []
        for start, end, low, high in waiting:
            if min(end - start, high - low) < length or max(end - start, high - low) <= DIRECT:
                later.append((start, end, low, high))
                continue
            at, there = _anchors(a[start:end], b[low:high], length)
            if not len(at):
                later.append((start, end, low, high))
                continue
            _enter(partner, at + start, there + low, length)
            later += _gaps(partner, start, end, low, high)
        waiting = later
    strings = _String(a), _String(b)
    for gap in waiting:
        _fill(partner, strings, *gap)
    return partner


def _shared_ends(a: Ints, b: Ints) -> tuple[int, int]:
    """How many characters both begin with, and how many of the others both end with."""
    short = min(len(a), len(b))
    unlike = np.flatnonzero(a[:short] != b[:short])
    head = int(unlike[0]) if len(unlike) else short
    unlike = np.flatnonzero(a[len(a) - short :] != b[len(b) - short :])
    tail = short - 1 - int(unlike[-1]) if len(unlike) else short
    return head, min(tail, short - head)


class _String:
    """Pieces of an array of code points as strings."""

    def __init__(self, codes: Ints) -> None:
        self._text = codes.astype("<u4").tobytes().decode("utf-32-le", "surrogatepass")

    def __getitem__(self, piece: slice) -> str:
        return self._text[piece]


def _enter(partner: Ints, at: Ints, there: Ints, length: int) -> None:
    """Note the characters of anchors as partners of each other."""
    for k in range(length):
        partner[at + k] = there + k


def _gaps(partner: Ints, start: int, end: int, low: int, high: int) -> list[tuple[int, int, int, int]]:
    """What lies between the characters of ``[start, end)`` and ``[low, high)`` that have partners."""
    known = np.flatnonzero(partner[start:end] >= 0) + start
    left = np.append(start - 1, known)
    right = np.append(known, end)
    left_there = np.append(low - 1, partner[known])
    right_there = np.append(partner[known], high)
    open_ = np.flatnonzero((right - left > 1) | (right_there - left_there > 1))
    columns = (left[open_] + 1, right[open_], left_there[open_] + 1, right_there[open_])
    return list(zip(*(column.tolist() for column in columns), strict=True))


def _anchors(a: Ints, b: Ints, length: int) -> tuple[Ints, Ints]:
    """Where the strings of `length` begin that occur once in each, the longest chain of them that rises in both."""
    keys_a, keys_b = hashes(a, length), hashes(b, length)
    once_a, at_a = _once(keys_a)
    once_b, at_b = _once(keys_b)
    _, in_a, in_b = np.intersect1d(once_a, once_b, assume_unique=True, return_indices=True)
    at, there = at_a[in_a], at_b[in_b]
    # Keys are hashes.
    equal = np.ones(len(at), np.bool_)
    for k in range(length):
        equal &= a[at + k] == b[there + k]
    at, there = at[equal], there[equal]
    order = np.argsort(at)
    at, there = at[order], there[order]
    chain = _rising(there)
    at, there = at[chain], there[chain]
    apart = _apart(at, there, length)
    at, there = at[apart], there[apart]
    return at, there


def _apart(at: Ints, there: Ints, length: int) -> Ints:
    """Indices of rising anchors without those that overlap one before them on another diagonal."""
    slanted = (np.diff(at) != np.diff(there)) & (np.minimum(np.diff(at), np.diff(there)) < length)
    if not slanted.any():
        return np.arange(len(at))
    kept: list[int] = []
    last, last_there = -length, -length
    for k, (x, y) in enumerate(zip(at.tolist(), there.tolist(), strict=True)):
        if x - last == y - last_there or min(x - last, y - last_there) >= length:
            kept.append(k)
            last, last_there = x, y
    return np.array(kept, np.int64)


def hashes(codes: Ints, length: int) -> NDArray[np.uint64]:
    """A hash of the `length` characters from each place on, (n - length + 1,)."""
    count = len(codes) - length + 1
    keys = np.zeros(max(0, count), np.uint64)
    points = codes.astype(np.uint64)
    for k in range(length if count > 0 else 0):
        keys = keys * np.uint64(0x9E3779B97F4A7C15) + points[k : k + count]
        keys ^= keys >> np.uint64(29)
    return keys


def _once(keys: NDArray[np.uint64]) -> tuple[NDArray[np.uint64], NDArray[np.intp]]:
    """The keys that occur once, and where."""
    order = np.argsort(keys, kind="stable")
    ranked = keys[order]
    new = np.concatenate([[True], ranked[1:] != ranked[:-1], [True]])
    alone = np.flatnonzero(new[:-1] & new[1:])
    return ranked[alone], order[alone]


def _rising(values: Ints) -> Ints:
    """Indices of a longest rising subsequence of distinct `values`."""
    tails: list[int] = []
    ends: list[int] = []
    before = [-1] * len(values)
    for k, value in enumerate(values.tolist()):
        at = len(tails) if not tails or value > tails[-1] else bisect_left(tails, value)
        before[k] = ends[at - 1] if at else -1
        if at == len(tails):
            tails.append(value)
            ends.append(k)
        else:
            tails[at], ends[at] = value, k
    out = []
    k = ends[-1] if ends else -1
    while k >= 0:
        out.append(k)
        k = before[k]
    return np.array(out[::-1], np.int64)


def _fill(partner: Ints, strings: tuple[_String, _String], start: int, end: int, low: int, high: int) -> None:
    """Align the gap directly."""
    one, other = strings[0][start:end], strings[1][low:high]
    if not one or not other:
        return
    if len(one) == len(other) == 1:
        partner[start] = low
        return
    if len(one) * len(other) > LARGEST:
        return
    distance = Levenshtein.distance(one, other)
    if min(len(one), len(other)) >= UNLIKE_FROM and distance > UNLIKE * max(len(one), len(other)):
        at_edges(partner, one, other, start, low, keep=0.5)
        return
    uneven = abs(len(one) - len(other))
    if uneven >= UNEVEN:
        head, missed = _split(one, other)
        # One stretch in one piece is likelier than many small ones, if that costs little.
        if missed <= distance - uneven + JUMP * max(0, _runs(one, other) - 1):
            short = min(len(one), len(other))
            k = np.arange(short)
            shift = np.where(k >= head, uneven, 0)
            if len(one) < len(other):
                partner[start : start + short] = low + k + shift
            else:
                partner[start + k + shift] = low + k
            return
    for op in Levenshtein.opcodes(one, other):
        if op.tag in ("equal", "replace"):
            partner[start + op.src_start : start + op.src_end] = np.arange(low + op.dest_start, low + op.dest_end)


def at_edges(partner: Ints, one: str, other: str, start: int, low: int, keep: float) -> None:
    """Partners for what two unlike stretches share at both ends, up to where fewer than `keep` of the characters
    agree."""
    short = min(len(one), len(other))
    same = np.array([x == y for x, y in zip(one, other, strict=False)])
    size = _prefix(same, keep)
    partner[start : start + size] = np.arange(low, low + size)
    same = np.array([x == y for x, y in zip(one[::-1], other[::-1], strict=False)])
    tail = min(_prefix(same, keep), short - size)
    partner[start + len(one) - tail : start + len(one)] = np.arange(low + len(other) - tail, low + len(other))


def _prefix(same: NDArray[np.bool_], keep: float) -> int:
    good = np.flatnonzero(same & (np.cumsum(same) >= keep * np.arange(1, len(same) + 1)))
    return int(good[-1]) + 1 if len(good) else 0


def _split(one: str, other: str) -> tuple[int, int]:
    """Where the shorter string is cut best, so that its head begins the longer one and its tail ends it, and how many
    of
    its characters then differ."""
    short, long = (one, other) if len(one) < len(other) else (other, one)
    size, shift = len(short), len(long) - len(short)
    a = np.frombuffer(short.encode("utf-32-le", "surrogatepass"), "<u4")
    b = np.frombuffer(long.encode("utf-32-le", "surrogatepass"), "<u4")
    head = np.append(0, np.cumsum(a != b[:size]))
    tail = np.append(np.cumsum((a != b[shift:])[::-1])[::-1], 0)
    missed = head + tail
    best = int(missed.argmin())
    return best, int(missed[best])


def _runs(one: str, other: str) -> int:
    """Number of stretches that Levenshtein's alignment inserts or leaves out."""
    return sum(op.tag in ("insert", "delete") for op in Levenshtein.opcodes(one, other))
