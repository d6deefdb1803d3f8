"""Finds what was printed where the language model doubts what was read.

A cheap vectorised pass over all log-probabilities picks suspicious places; a beam search
(`repair.language.lattice`) looks only there, at every way of being wrong at once: characters taken for
others, by shape and by what engines were measured to read, or whatever the neighbours ask for; specks
read as characters; marks dropped; one character read as two. Each repair on the best path is then
weighed by itself. All scores are base-10 logarithms.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .context import REACH, Floats, Ints, asked_symbols, hanzi, suspicious, window_sums
from .lattice import Arcs, search
from .learnt import Candidates, Probabilities
from .ngram import BOS, EOS, NgramModel
from .slips import INSIDE, LAST, Slips

SINGLE = -2.5
"""log10 probability below which a symbol surprises."""
WINDOW = -6.5
"""log10 probability of a symbol and the two after it below which it is looked into in damaged text."""
WINDOW_CLEAN = -9.0
"""The same in text that shows no damage: four times fewer places, and two in a hundred of what is found there lost."""
SHARP, SHARP_WINDOW = -4.0, -7.5
"""log10 probability of one symbol, and of it with the two after it, below which it is looked into in any text: before
a full stop three symbols never look as bad as elsewhere."""
ODD = -9.0
"""Below this for three symbols, the neighbours' wishes are tried as well."""
ASKED = 16
"""Candidates tried in odd places: those that fit best between the two neighbours."""
ROUGH, ROUGH_CLEAN = -0.5, 0.0
"""Gain over one symbol on each side below which a candidate is not tried, in damaged text and in clean text."""
ROUGH_SIDE, ROUGH_SIDE_CLEAN = 0.3, 1.0
"""The same over one side alone, where the symbol on the other side may be misread itself."""
GAP = 3
"""Suspicious places at most this far apart are searched together."""
LONGEST = 16
"""Suspicious stretches are cut after so many symbols."""
BATCH = 4096
"""Suspicious symbols that are searched at a time, about."""
HOPELESS = -5.0
"""log10 probability of the next symbol as read that a candidate is given at least: it may be misread itself."""
DELETED = -1.0
"""What the lookahead gives a deletion."""
LEAST_SPECK = -2.5
"""Gain and cost together from which it is weighed whether a sign is a speck, though no path leaves it out."""


class Choices(NamedTuple):
    """Other readings that the engine itself thought of: `at` (m,), index of the symbol, ascending; `symbol` and `code`
    (m,); `cost` (m,): log10 odds that it was printed and not the symbol as read."""

    at: Ints
    symbol: Ints
    code: Ints
    cost: Floats


class Source(NamedTuple):
    """A text as read: `ids` (n,) symbols; `logp` (n,) their log-probabilities; `codes` (n,) the code points they stand
    for; `free` (n,) whether it may be misread; `place` (n,) where in its line it stands (`repair.language.slips`);
    `window`: log10 probability of three symbols below which they are looked into; `choices`: other readings."""

    ids: Ints
    logp: Floats
    codes: Ints
    free: NDArray[np.bool_]
    place: NDArray[np.int8]
    window: float = WINDOW
    choices: Choices | None = None


class Edit(NamedTuple):
    """One repair on the best path.

    It replaces the symbols ``[start, end)`` as read, none for an insertion, by the character `new` with
    the symbol `symbol`, or by nothing (``""`` and -1). `cost`: log P(read | printed). `gain`: how much
    likelier the text becomes with it, all other repairs made; `gain_alone`: none of the others made;
    `gain_here`: the part of `gain` at the place itself; `natural`: mean log-probability of the new symbol
    and the four after it. `rivals`: other readings as ``(character, gain and cost)``, best first, the text as it
    stands (gain 0) not among them.
    """

    start: int
    end: int
    new: str
    symbol: int
    cost: float
    gain: float
    gain_alone: float
    gain_here: float
    natural: float
    rivals: tuple[tuple[str, float], ...]


class _Repair(NamedTuple):
    """A repair before it is weighed: the same as in `Edit`, and from where in the lattice its arc leaves, of the
    insertions or of the others."""

    start: int
    end: int
    new: str
    symbol: int
    cost: float
    place: int
    insertion: bool


class _Lattice(NamedTuple):
    """Stretches with all their arcs. `view` (places,): index in the source of each place; `new` and `inserted`: code
    points of the arcs' symbols."""

    view: Ints
    length: Ints
    contexts: Ints
    arcs: Arcs
    new: Ints
    inserts: Arcs
    inserted: Ints


def flagged(source: Source) -> NDArray[np.bool_]:
    """Which symbols are looked into: the suspicious ones and those right before one, (n,)."""
    doubtful = suspicious(source.logp, SINGLE, source.window)
    doubtful |= (source.logp < SHARP) & (window_sums(source.logp) < SHARP_WINDOW)
    flag = doubtful.copy()
    flag[:-1] |= doubtful[1:]
    flag &= source.free
    return flag


Known = dict[tuple[float, int, bytes], list[Edit]]
"""The repairs in parts of texts, places counted from the first suspicious symbol, by all that decides them."""


def decode(
    model: NgramModel,
    channel: Probabilities,
    near: Candidates,
    slips: Slips,
    source: Source,
    known: Known | None = None,
) -> list[Edit]:
    """The repairs on the best path through each suspicious stretch of `source`, in order.

    `known` remembers them from one text to the next: most of a text stays as it was when one place is repaired.
    """
    known = {} if known is None else known
    parts = _search(model, channel, near, slips, source, known)
    return [
        edit._replace(start=edit.start + begin, end=edit.end + begin)
        for begin, key in zip(parts.first.tolist(), parts.keys, strict=True)
        for edit in known[key]
    ]


def decode_together(
    model: NgramModel, channel: Probabilities, near: Candidates, slips: Slips, sources: Sequence[Source], known: Known
) -> None:
    """Puts into `known` what `decode` will look for there in each of `sources`, searched all at once: the same, and
    for many short texts much faster."""
    groups: dict[float, list[Source]] = {}
    for source in sources:
        if source.choices is None:
            groups.setdefault(source.window, []).append(source)
    for group in groups.values():
        if len(group) > 1:
            _search(model, channel, near, slips, _joined(group), known, group)


def _joined(sources: Sequence[Source]) -> Source:
    """Texts one after the other, so far apart that they do not see one another. A text begins with `BOS` and ends with
    `EOS`, over which nothing is seen; what lies between is never misread."""
    size = 2 * REACH + 2
    apart = Source(
        np.full(size, EOS, np.int64),
        np.zeros(size, np.float32),
        np.zeros(size, np.int64),
        np.zeros(size, np.bool_),
        np.full(size, INSIDE, np.int8),
    )
    pieces = [piece for source in sources for piece in (source, apart)]
    return Source(
        np.concatenate([piece.ids for piece in pieces]),
        np.concatenate([piece.logp for piece in pieces]),
        np.concatenate([piece.codes for piece in pieces]),
        np.concatenate([piece.free for piece in pieces]),
        np.concatenate([piece.place for piece in pieces]),
        sources[0].window,
    )


class _Parts(NamedTuple):
    """The parts of a text that are searched each by itself: first and last suspicious symbol, and all that decides
    what is found there."""

    first: Ints
    last: Ints
    keys: list[tuple[float, int, bytes]]


def _search(
    model: NgramModel,
    channel: Probabilities,
    near: Candidates,
    slips: Slips,
    source: Source,
    known: Known,
    joined: Sequence[Source] = (),
) -> _Parts:
    """The parts of `source`, with what is found in them in `known`. `joined`: the texts that it was made of, which say
    what their parts are."""
    flag = flagged(source)
    at = np.flatnonzero(flag)
    if not len(at):
        return _Parts(at, at, [])
    parts = _parts_of(joined) if joined else _parts(source, at)
    first, last, keys = parts
    # A part that occurs twice is searched once.
    distinct = {key: k for k, key in reversed(list(enumerate(keys))) if key not in known}
    new = np.array(sorted(distinct.values()), np.int64)
    # Parts have no influence on one another: a long text is searched piece by piece, so that the lattice stays small.
    size = np.searchsorted(at, last[new], "right") - np.searchsorted(at, first[new])
    for batch in np.split(new, np.flatnonzero(np.diff(np.cumsum(size) // BATCH)) + 1) if len(new) else ():
        fresh = np.zeros(len(flag), np.bool_)
        for k in batch.tolist():
            known[keys[k]] = []
            fresh[first[k] : last[k] + 1] = True
        part = 0
        for edit in _found(model, channel, near, slips, source, flag & fresh):
            while edit.start > last[batch[part]] + 1:
                part += 1
            k = int(batch[part])
            begin = int(first[k])
            known[keys[k]].append(edit._replace(start=edit.start - begin, end=edit.end - begin))
    return parts


def _parts_of(sources: Sequence[Source]) -> _Parts:
    """The parts of texts, placed as in `_joined`."""
    first, last, keys = [], [], []
    begin = 0
    for source in sources:
        at = np.flatnonzero(flagged(source))
        if len(at):
            own = _parts(source, at)
            first.append(own.first + begin)
            last.append(own.last + begin)
            keys += own.keys
        begin += len(source.ids) + 2 * REACH + 2
    return _Parts(np.concatenate(first), np.concatenate(last), keys)


def _parts(source: Source, at: Ints) -> _Parts:
    """The suspicious symbols `at`, those together that may have an influence on one another."""
    cut = np.flatnonzero(np.diff(at) > 2 * REACH) + 1
    first, last = at[np.append(0, cut)], at[np.append(cut - 1, len(at) - 1)]
    table = np.stack([source.ids, source.codes, source.free, source.place], axis=1).astype(np.uint32)
    low, high = np.maximum(0, first - 2 * REACH), last + 2 * REACH
    keys = [
        (source.window, start - begin, table[begin:end].tobytes() + _chosen(source.choices, begin, end))
        for start, begin, end in zip(first.tolist(), low.tolist(), high.tolist(), strict=True)
    ]
    return _Parts(first, last, keys)


def _chosen(choices: Choices | None, begin: int, end: int) -> bytes:
    """What the engine thought of, for the symbols ``[begin, end)``."""
    if choices is None:
        return b""
    lo, hi = np.searchsorted(choices.at, (begin, end)).tolist()
    rows = np.stack([choices.at[lo:hi] - begin, choices.code[lo:hi], choices.cost[lo:hi]], axis=1)
    return rows.astype(np.float32).tobytes()


def _found(
    model: NgramModel, channel: Probabilities, near: Candidates, slips: Slips, source: Source, flag: NDArray[np.bool_]
) -> list[Edit]:
    """The repairs on the best path through each stretch around the symbols in `flag`."""
    lattice = _build(model, channel, near, slips, source, flag)
    paths = search(model, lattice.contexts, lattice.length, lattice.arcs, lattice.inserts)
    repairs: list[_Repair] = []
    keep = frozenset(lattice.arcs.start.tolist())
    view = lattice.view.tolist()
    for path in paths:
        for place, arc in path:
            if arc in keep:
                continue
            insertion = arc < 0
            arcs, codes = (lattice.inserts, lattice.inserted) if insertion else (lattice.arcs, lattice.new)
            k = -1 - arc if insertion else arc
            at, symbol, cost = view[place], int(arcs.symbol[k]), float(arcs.cost[k])
            new, symbol = ("", -1) if symbol == model.pad else (chr(int(codes[k])), symbol)
            repairs.append(_Repair(at, at + int(arcs.takes[k]), new, symbol, cost, place, insertion))
    others = _passed_over(model, lattice, source, flag, repairs)
    return _weigh(model, source.ids, lattice, repairs, others)


def _passed_over(
    model: NgramModel, lattice: _Lattice, source: Source, flag: NDArray[np.bool_], repairs: list[_Repair]
) -> list[_Repair]:
    """Suspicious signs that may be specks though no best path leaves them out: much speaks for that besides the scores
    that the search goes by. Of equal signs in a row the last."""
    arcs, size = lattice.arcs, len(flag)
    touched = np.zeros(size + 1, np.bool_)
    for r in repairs:
        touched[r.start : max(r.end, r.start + 1)] = True
    sign = flag & ~hanzi(source.codes) & ~touched[:size]
    sign[:-1] &= ~flag[1:] | (source.ids[:-1] != source.ids[1:])
    arc = np.flatnonzero((arcs.takes == 1) & (arcs.symbol == model.pad))
    place = np.searchsorted(arcs.start, arc, "right") - 1
    at = lattice.view[place]
    some = sign[at]
    arc, place, at = arc[some], place[some], at[some]
    put, _ = replaced(model, source.ids, at, at + 1, [[] for _ in at])
    read, _ = replaced(model, source.ids, at, at + 1, [[s] for s in source.ids[at].tolist()])
    cost = arcs.cost[arc]
    return [
        _Repair(k, k + 1, "", -1, float(c), where, False)
        for k, c, where, value in zip(
            at.tolist(), cost.tolist(), place.tolist(), (put - read + cost).tolist(), strict=True
        )
        if value >= LEAST_SPECK
    ]


def _stretches(ids: Ints, flag: NDArray[np.bool_]) -> tuple[Ints, Ints]:
    """First and last flagged symbol of each stretch that is searched by itself."""
    at = np.flatnonzero(flag)
    paragraph = np.cumsum(ids == BOS)[at]
    new = np.concatenate([[True], (np.diff(at) > GAP) | (np.diff(paragraph) > 0)])
    # Very long ones are cut, so that the number of steps does not depend on the text.
    begin = at[np.maximum.accumulate(np.where(new, np.arange(len(at)), 0))]
    block = (at - begin) // LONGEST
    new[1:] |= np.diff(block) > 0
    first = np.flatnonzero(new)
    return at[first], at[np.append(first[1:], len(at)) - 1]


def _build(
    model: NgramModel, channel: Probabilities, near: Candidates, slips: Slips, source: Source, flag: NDArray[np.bool_]
) -> _Lattice:
    """The stretches of `source` around its flagged symbols, with every way in which they may have been misread."""
    ids, codes = source.ids, source.codes
    n = len(ids)
    sub_at, sub_symbol, sub_code, sub_cost, sub_takes = _substitutions(model, channel, near, slips, source, flag)
    at = np.flatnonzero(flag)
    del_cost = slips.spurious(codes[at], source.place[at]) + model.unigram[ids[at]]
    first, last = _stretches(ids, flag)
    # A few symbols on, up to the end of the paragraph, show what a repair does to what follows.
    boundary = np.append(np.flatnonzero(ids == EOS), n)
    end = np.minimum(last + 1 + REACH, boundary[np.searchsorted(boundary, last)] + 1)
    end = np.minimum(end, n)
    length = end - first
    stretch = np.repeat(np.arange(len(first)), length)
    offset = np.cumsum(length) - length
    view = first[stretch] + np.arange(int(length.sum())) - offset[stretch]
    inside = view <= last[stretch]
    # Arcs, ordered by place, the symbol as read first. A place in the context of one stretch may be in another stretch.
    home = np.full(n, -1, np.int64)
    home[view[inside]] = np.flatnonzero(inside)
    place = np.concatenate([np.arange(len(view)), home[sub_at], home[at]])
    symbol = np.concatenate([ids[view], sub_symbol, np.full(len(at), model.pad)]).astype(np.uint32)
    new = np.concatenate([codes[view], sub_code, np.zeros(len(at), np.int64)])
    cost = np.concatenate([np.zeros(len(view), np.float32), sub_cost, del_cost]).astype(np.float32)
    takes = np.concatenate([np.ones(len(view), np.int8), sub_takes, np.ones(len(at), np.int8)])
    # An arc for two symbols needs both in its stretch.
    fits = place + takes <= (offset + length)[stretch[place]]
    order = np.flatnonzero(fits)[np.argsort(place[fits], kind="stable")]
    place, symbol, new, cost, takes = place[order], symbol[order], new[order], cost[order], takes[order]
    start = np.searchsorted(place, np.arange(len(view) + 1))
    follower = np.append(ids, [EOS, EOS])[view[place] + takes]
    hope = model.score_windows(np.stack([symbol.astype(np.int64), follower], axis=1), 1)[:, 0]
    hope = np.maximum(hope, np.float32(HOPELESS))
    hope[symbol == model.pad] = DELETED
    hope[follower == EOS] = 0
    arcs = Arcs(start, symbol, cost, takes, hope)
    # Marks may be missing between two places of which one is suspicious, not at the edge of a paragraph.
    marks = [(model.char_id(mark), ord(mark), *logs) for mark, logs in slips.dropped.items()]
    gap = np.flatnonzero(
        (view > first[stretch]) & (flag[view] | flag[view - 1]) & (ids[view - 1] > EOS) & source.free[view - 1]
    )
    at_end = source.place[view[gap] - 1] == LAST
    count = np.zeros(len(view), np.int64)
    count[gap] = len(marks)
    inserted = np.tile([m[1] for m in marks], len(gap)).astype(np.int64)
    insert_cost = np.where(at_end[:, None], [m[3] for m in marks], [m[2] for m in marks]).astype(np.float32).ravel()
    inserts = Arcs(
        np.concatenate([[0], np.cumsum(count)]),
        np.tile([m[0] for m in marks], len(gap)).astype(np.uint32),
        insert_cost,
        np.zeros(len(inserted), np.int8),
        np.zeros(len(inserted), np.float32),
    )
    contexts = _contexts(model, ids, first)
    return _Lattice(view, length, contexts, arcs, new, inserts, inserted)


def _contexts(model: NgramModel, ids: Ints, first: Ints) -> Ints:
    """The symbols before each of `first`, nothing from before the start of the paragraph, (n, REACH)."""
    padded = np.concatenate([np.full(REACH, model.pad, dtype=np.int64), ids])
    contexts: Ints = padded[first[:, None] + np.arange(REACH)]
    _forget(contexts[:, ::-1], BOS, model.pad)
    return contexts


def _substitutions(
    model: NgramModel, channel: Probabilities, near: Candidates, slips: Slips, source: Source, flag: NDArray[np.bool_]
) -> tuple[Ints, Ints, Ints, Floats, NDArray[np.int8]]:
    """What the flagged symbols may have been printed as: index in the source, symbol, code point, cost and number of
    symbols taken of each possibility, (n,) each."""
    ids, codes = source.ids, source.codes
    at = np.flatnonzero(flag)
    padded = np.concatenate([[model.pad], ids, [EOS]])
    before, own, after = padded[at], ids[at], padded[at + 2]
    near_codes, near_logs = near.candidates(codes[at])
    symbols = model.code_ids(near_codes).astype(np.int64)
    symbols[(near_codes == 0) | (symbols <= EOS)] = EOS
    tried = np.concatenate([own[:, None], symbols], axis=1)
    triples = np.empty((*tried.shape, 3), dtype=np.int64)
    triples[:, :, 0], triples[:, :, 1], triples[:, :, 2] = before[:, None], tried, after[:, None]
    sides = model.score_windows(triples.reshape(-1, 3), 1).reshape(*tried.shape, 2)
    gain = sides[:, 1:] - sides[:, :1]
    wide = np.concatenate([[False], flag, [False]])
    rough = np.interp(source.window, (WINDOW_CLEAN, WINDOW), (ROUGH_CLEAN, ROUGH))
    side = np.interp(source.window, (WINDOW_CLEAN, WINDOW), (ROUGH_SIDE_CLEAN, ROUGH_SIDE))
    fits = gain.sum(axis=2) >= rough
    fits |= (gain[:, :, 0] >= side) & wide[at + 2][:, None]
    fits |= (gain[:, :, 1] >= side) & wide[at][:, None]
    fits &= symbols != EOS
    row, column = np.nonzero(fits)
    found_row, found_symbol = row, symbols[row, column]
    found_code, found_cost = near_codes[row, column].astype(np.int64), near_logs[row, column]
    # What the neighbours ask for, where the text is odd.
    odd = np.flatnonzero((window_sums(source.logp)[at] < ODD) & hanzi(codes[at]) & (before > EOS) & (after > EOS))
    if len(odd):
        asked = asked_symbols(model, before[odd], after[odd], ASKED).ravel()
        asked_row = np.repeat(odd, ASKED)
        known = np.isin(asked_row * (model.pad + 1) + asked, found_row * (model.pad + 1) + found_symbol)
        other = ~known & (asked != own[asked_row])
        asked, asked_row = asked[other], asked_row[other]
        asked_code = np.array([ord(model.vocabulary[s]) for s in asked.tolist()], dtype=np.int64)
        asked_cost = channel.log_prob(codes[at[asked_row]], asked_code) if len(asked) else np.empty(0, np.float32)
        found_row = np.concatenate([found_row, asked_row])
        found_symbol = np.concatenate([found_symbol, asked])
        found_code = np.concatenate([found_code, asked_code])
        found_cost = np.concatenate([found_cost, asked_cost])
    if source.choices is not None:
        found_row, found_symbol, found_code, found_cost = _with_choices(
            source.choices, at, model.pad + 1, found_row, found_symbol, found_code, found_cost
        )
    takes = np.ones(len(found_row), np.int8)
    if slips.split:
        more = [
            (k, model.char_id(new), ord(new), log)
            for k in np.flatnonzero(flag[at] & wide[at + 2]).tolist()
            for new, log in slips.split.get(chr(codes[at[k]]) + chr(codes[at[k] + 1]), ())
        ]
        if more:
            found_row = np.append(found_row, [m[0] for m in more])
            found_symbol = np.append(found_symbol, [m[1] for m in more])
            found_code = np.append(found_code, [m[2] for m in more])
            found_cost = np.append(found_cost, [m[3] for m in more])
            takes = np.append(takes, np.full(len(more), 2, np.int8))
    return at[found_row], found_symbol, found_code, found_cost.astype(np.float32), takes.astype(np.int8)


def _with_choices(
    choices: Choices, at: Ints, base: int, row: Ints, symbol: Ints, code: Ints, cost: Floats
) -> tuple[Ints, Ints, Ints, Floats]:
    """The candidates with those that the engine thought of: new ones, and others at their cost where it is less."""
    place = np.minimum(np.searchsorted(at, choices.at), len(at) - 1)
    here = at[place] == choices.at
    row = np.concatenate([row, place[here]])
    symbol = np.concatenate([symbol, choices.symbol[here]])
    code = np.concatenate([code, choices.code[here]])
    cost = np.concatenate([cost, choices.cost[here]])
    order = np.lexsort((-cost, row * base + symbol))
    key = (row * base + symbol)[order]
    kept = np.sort(order[np.concatenate([[True], key[1:] != key[:-1]])]) if len(order) else order
    return row[kept], symbol[kept], code[kept], cost[kept]


def _weigh(
    model: NgramModel, ids: Ints, lattice: _Lattice, repairs: list[_Repair], passed: list[_Repair]
) -> list[Edit]:
    """The repairs with what speaks for each, and so for `passed`, none of which is made when the rest is weighed."""
    if not repairs and not passed:
        return []
    made = frozenset(repairs)
    repairs = sorted([*repairs, *passed], key=lambda r: (r.start, r.end))
    start = np.array([r.start for r in repairs])
    end = np.array([r.end for r in repairs])
    symbol = np.array([r.symbol for r in repairs])
    # The repaired text, and where each repair stands in it.
    pieces: list[Ints] = []
    where = []
    size = at = 0
    for r in repairs:
        pieces.append(ids[at : r.start])
        size += r.start - at
        where.append(size)
        at = r.end
        if r not in made:
            pieces.append(ids[r.start : r.end])
            size += r.end - r.start
        elif r.symbol >= 0:
            pieces.append(np.array([r.symbol]))
            size += 1
    pieces.append(ids[at:])
    repaired = np.concatenate(pieces)
    there = np.array(where)
    written = np.where([r in made for r in repairs], symbol >= 0, end - start).astype(np.int64)
    new = [[r.symbol] if r.symbol >= 0 else [] for r in repairs]
    old = [ids[s:e].tolist() for s, e in zip(start.tolist(), end.tolist(), strict=True)]
    total, here = replaced(model, repaired, there, there + written, new)
    undone, undone_here = replaced(model, repaired, there, there + written, old)
    alone, _ = replaced(model, ids, start, end, new)
    as_read, _ = replaced(model, ids, start, end, old)
    # Every other arc of the place, in the repaired surroundings.
    arc_rows: list[int] = []
    arc_index: list[int] = []
    inserting: list[bool] = []
    for k, r in enumerate(repairs):
        arcs = lattice.inserts if r.insertion else lattice.arcs
        lo, hi = int(arcs.start[r.place]), int(arcs.start[r.place + 1])
        lo += not r.insertion
        arc_rows += [k] * (hi - lo)
        arc_index += range(lo, hi)
        inserting += [r.insertion] * (hi - lo)
    rivals: list[list[tuple[str, float]]] = [[] for _ in repairs]
    if arc_rows:
        row, index, insertion_ = np.array(arc_rows), np.array(arc_index), np.array(inserting)
        inner = np.where(insertion_, 0, index)
        arc_symbol = np.where(insertion_, _at(lattice.inserts.symbol, index, insertion_), lattice.arcs.symbol[inner])
        arc_cost = np.where(insertion_, _at(lattice.inserts.cost, index, insertion_), lattice.arcs.cost[inner])
        arc_code = np.where(insertion_, _at(lattice.inserted, index, insertion_), lattice.new[inner])
        takes = np.where(insertion_, 0, lattice.arcs.takes[inner])
        good = np.flatnonzero((arc_symbol != symbol[row]) & (takes == (end - start)[row]))
        row, arc_symbol, arc_cost, arc_code = row[good], arc_symbol[good], arc_cost[good], arc_code[good]
        others: list[list[int]] = [[] if s == model.pad else [s] for s in arc_symbol.tolist()]
        reached, _ = replaced(model, repaired, there[row], (there + written)[row], others)
        # The sums are over as many symbols as each reading has.
        value = reached - undone[row] + arc_cost
        for k, code, s, v in zip(row.tolist(), arc_code.tolist(), arc_symbol.tolist(), value.tolist(), strict=True):
            rivals[k].append(("" if s == model.pad else chr(code), v))
    out = []
    gain, gain_alone, gain_here = total - undone, alone - as_read, here - undone_here
    symbols_scored = REACH + (symbol >= 0)
    for k, r in enumerate(repairs):
        best = tuple(sorted(rivals[k], key=lambda item: (-item[1], item[0]))[:8])
        out.append(
            Edit(
                r.start, r.end, r.new, r.symbol, r.cost, float(gain[k]), float(gain_alone[k]), float(gain_here[k]),
                float(total[k] / symbols_scored[k]), best,
            )
        )  # fmt: skip
    return out


def _at(values: NDArray[np.generic], index: Ints, chosen: NDArray[np.bool_]) -> NDArray[np.generic]:
    """``values[index]`` where `chosen`, anything elsewhere."""
    if not len(values):
        return np.zeros(len(index), values.dtype)
    return values[np.where(chosen, index, 0)]


def replaced(model: NgramModel, ids: Ints, start: Ints, end: Ints, new: list[list[int]]) -> tuple[Floats, Floats]:
    """Log-probability of each row's symbols `new` in the place of ``ids[start:end]`` and of the four symbols after
    them, and that of `new` alone, (n,) each."""
    count = len(start)
    padded = np.concatenate([np.full(REACH, model.pad, dtype=np.int64), ids, np.full(REACH, model.pad, dtype=np.int64)])
    width = max((len(part) for part in new), default=0)
    rows = np.full((count, width + 2 * REACH), model.pad, dtype=np.int64)
    size = np.array([len(part) for part in new], dtype=np.int64)
    rows[:, -REACH:] = padded[(end + REACH)[:, None] + np.arange(REACH)]
    for k in range(width):
        held = np.flatnonzero(size > k)
        rows[held, width + REACH - size[held] + k] = [new[j][k] for j in held.tolist()]
    back = np.arange(REACH)
    lead = (width - size)[:, None] + back
    np.put_along_axis(rows, lead, padded[start[:, None] + back], axis=1)
    _close_paragraph(rows, model.pad, width + REACH)
    scores = model.score_windows(rows, REACH)
    # Columns that hold the context of a shorter reading do not count.
    scores[np.arange(scores.shape[1]) < (width - size)[:, None]] = 0
    total: Floats = scores.sum(axis=1)
    here: Floats = scores[:, :width].sum(axis=1)
    return total, here


def _close_paragraph(rows: Ints, pad: int, middle: int) -> None:
    """Make rows end at their paragraph: what stands before its start, or after its end, must not count. `middle`:
    column of the first symbol after the place."""
    _forget(rows[:, :middle][:, ::-1], BOS, pad)
    _forget(rows[:, middle:], EOS, pad)


def _forget(rows: Ints, boundary: int, pad: int) -> None:
    """Replace by `pad`, in place, what comes after the first `boundary` of each row."""
    passed = np.cumsum(rows[:, :-1] == boundary, axis=1) > 0
    rows[:, 1:][passed] = pad
