"""Beam search for what was printed: over all ways in which a stretch of text may have been misread, at once.

A stretch is a row of symbols as read. At each symbol an arc says what it may have been: itself, another
symbol, nothing (a speck), together with the next one a single symbol; between symbols, what may have
been dropped. A path through all arcs costs what its misreadings cost and earns what the language model
makes of the text it spells, so that neighbouring misreadings can explain each other. All stretches of a
text are searched together, one step of all of them a handful of array operations. Scores are base-10
logarithms.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .ngram import NgramModel, State

Ints = NDArray[np.int64]
Floats = NDArray[np.float32]

WIDTH = 8
"""Hypotheses kept for a stretch after each step."""
BEAM = 5.0
"""How far a hypothesis may lie behind the best of its stretch."""


class Arcs(NamedTuple):
    """Arcs by the place they leave from, those of place i at ``start[i]:start[i + 1]``.

    `start` (places + 1,); `symbol` (n,): what was printed, the model's `pad` for nothing; `cost` (n,): log10
    probability of the misreading, at most 0; `takes` (n,): how many symbols as read it stands for; `hope`
    (n,): what it promises for the next step, by which hypotheses are compared before they have made it.
    """

    start: Ints
    symbol: NDArray[np.uint32]
    cost: Floats
    takes: NDArray[np.int8]
    hope: Floats


Path = list[tuple[int, int]]
"""A path through a stretch: its arcs as ``(place, arc)``, an insertion as ``(place, -1 - arc)``; `place` counts through
all stretches."""


class _Hypotheses(NamedTuple):
    stretch: Ints
    state: State
    score: Floats
    node: Ints

    def take(self, index: NDArray[np.intp]) -> _Hypotheses:
        return _Hypotheses(
            self.stretch.take(index), self.state.take(index), self.score.take(index), self.node.take(index)
        )

    def join(self, other: _Hypotheses) -> _Hypotheses:
        """Both, ordered by stretch."""
        both = _Hypotheses(
            np.concatenate([self.stretch, other.stretch]),
            State(np.concatenate([self.state.slots, other.state.slots], axis=1)),
            np.concatenate([self.score, other.score]),
            np.concatenate([self.node, other.node]),
        )
        return both.take(np.argsort(both.stretch, kind="stable"))


def search(
    model: NgramModel,
    contexts: Ints,
    length: Ints,
    arcs: Arcs,
    inserts: Arcs,
    width: int = WIDTH,
    beam: float = BEAM,
) -> list[Path]:
    """The best path through each stretch.

    `contexts` (stretches, order - 1): the symbols before each; `length` (stretches,): its symbols, at least
    one; `arcs` and `inserts`: for the places of all stretches one after the other. The first arc of every
    place takes one symbol, so that there always is a path.
    """
    count = len(length)
    if not count:
        return []
    if model.kernels:
        return model.kernels.search(contexts, length, arcs, inserts, width, beam)
    first = np.cumsum(length) - length
    trace = _Trace()
    now = _Hypotheses(
        np.arange(count), model.states(contexts), np.zeros(count, np.float32), np.full(count, -1, np.int64)
    )
    later: _Hypotheses | None = None  # what an arc that takes two symbols has carried past the next step
    done: list[_Hypotheses] = []
    for step in range(int(length.max()) + 1):
        ended = length[now.stretch] == step
        if ended.any():
            done.append(now.take(np.flatnonzero(ended)))
            now = now.take(np.flatnonzero(~ended))
        if not len(now.stretch) and later is None:
            break
        place = first[now.stretch] + step
        row, arc = _spread(inserts.start, place)
        if len(row):
            parents = now.take(row)
            state, gain = model.extend(now.state, inserts.symbol[arc], row)
            more = parents._replace(state=state, score=parents.score + gain + inserts.cost[arc])
            chosen = _best(more, width, beam)
            more = more.take(chosen)
            node = trace.add(more.node, place[row[chosen]], -1 - arc[chosen])
            now = now.join(more._replace(node=node))
            place = first[now.stretch] + step
        row, arc = _spread(arcs.start, place)
        parents = now.take(row)
        symbol = arcs.symbol[arc]
        score = parents.score + arcs.cost[arc]
        slots = parents.state.slots
        emits = np.flatnonzero(symbol != model.pad)
        state, gain = model.extend(now.state, symbol[emits], row[emits])
        slots[:, emits] = state.slots
        score[emits] += gain
        reached = parents._replace(score=score)
        far = arcs.takes[arc] == 2
        ahead = None
        if far.any():
            ahead = _keep(trace, reached, np.flatnonzero(far), place[row], arc, arcs.hope, width, beam)
        near = np.flatnonzero(~far)
        now = _keep(trace, reached, near, place[row], arc, arcs.hope, width, beam)
        if later is not None:
            now = now.join(later)
            now = now.take(_best(now, width, beam))
        later = ahead
    last = done[0]
    for more in done[1:]:
        last = last.join(more)
    return [trace.back(node) for node in last.node[_best(last, 1, beam)].tolist()]


def _spread(start: Ints, place: Ints) -> tuple[NDArray[np.intp], Ints]:
    """The arcs that leave from each of `place` (n,): rows of `place` and arcs, (m,) each."""
    low = start[place]
    count = start[place + 1] - low
    row = np.repeat(np.arange(len(place)), count)
    arc = np.arange(len(row)) + np.repeat(low - (np.cumsum(count) - count), count)
    return row, arc


def _keep(
    trace: _Trace,
    reached: _Hypotheses,
    some: NDArray[np.intp],
    place: Ints,
    arc: Ints,
    hope: Floats,
    width: int,
    beam: float,
) -> _Hypotheses:
    """The best of some of the hypotheses that arcs have reached, entered into the trace."""
    some_ = reached.take(some)
    chosen = some[_best(some_._replace(score=some_.score + hope[arc[some]]), width, beam)]
    kept = reached.take(chosen)
    return kept._replace(node=trace.add(kept.node, place[chosen], arc[chosen]))


def _best(hypotheses: _Hypotheses, width: int, beam: float) -> NDArray[np.intp]:
    """Of the hypotheses of each stretch the `width` best, of those in the same state the best. Ordered by stretch."""
    stretch, score = hypotheses.stretch, hypotheses.score
    if not len(stretch):
        return np.empty(0, np.intp)
    bounds = np.flatnonzero(np.concatenate([[True], stretch[1:] != stretch[:-1]]))
    lead = np.maximum.reduceat(score, bounds)
    size = np.diff(np.append(bounds, len(stretch)))
    good = np.flatnonzero(score >= np.repeat(lead, size) - beam)
    good = good[np.lexsort((-score[good], stretch[good]))]
    at = stretch[good]
    key = _identity(at, hypotheses.state.slots.take(good, axis=1))
    order = key.argsort(kind="stable")
    key = key[order]
    new = np.empty(len(key), np.bool_)
    new[0] = True
    np.not_equal(key[1:], key[:-1], out=new[1:])
    distinct = order[new]
    distinct.sort()
    at = at[distinct]
    rank = np.arange(len(at)) - at.searchsorted(at)
    return good[distinct[rank < width]]


def _identity(stretch: Ints, slots: NDArray[np.int64]) -> NDArray[np.int64]:
    """A number for each stretch and state (n,): the longest n-gram in mind says all about a state."""
    last = len(slots) - 1
    held = (slots >= 0).sum(axis=0)
    longest = slots.ravel().take((held - 1) * slots.shape[1] + np.arange(slots.shape[1]))
    key: Ints = ((stretch * (last + 2) + held) << 40) | longest
    return key


class _Trace:
    """How each hypothesis was reached."""

    def __init__(self) -> None:
        self._parent: list[Ints] = []
        self._place: list[Ints] = []
        self._arc: list[Ints] = []
        self._size = 0
        self._whole: tuple[list[int], list[int], list[int]] | None = None

    def add(self, parent: Ints, place: Ints, arc: Ints) -> Ints:
        self._parent.append(parent)
        self._place.append(place)
        self._arc.append(arc)
        node = np.arange(self._size, self._size + len(parent))
        self._size += len(parent)
        return node

    def back(self, node: int) -> Path:
        if self._whole is None:
            self._whole = (
                np.concatenate(self._parent).tolist(),
                np.concatenate(self._place).tolist(),
                np.concatenate(self._arc).tolist(),
            )
        parent, place, arc = self._whole
        out = []
        while node >= 0:
            out.append((place[node], arc[node]))
            node = parent[node]
        return out[::-1]
