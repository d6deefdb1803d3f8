"""The compiled inner loops give the very numbers of the numpy code that defines them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from repair.language.context import asked_symbols
from repair.language.lattice import Arcs, search
from repair.language.ngram import BOS, EOS, NgramModel
from repair.language.resources import default_resources

PATH = default_resources().folder / "zh.ngram"
COMPILED, PLAIN = NgramModel.load(PATH), NgramModel.load(PATH)
PLAIN.kernels = None
pytestmark = pytest.mark.skipif(COMPILED.kernels is None, reason="built without a C compiler")

COMMON = COMPILED.char_ids("的一是在国中人有我他这个们上时大来为和地到道说").tolist()
symbols = st.one_of(st.sampled_from(COMMON), st.integers(0, COMPILED.pad))
numbers = st.integers(0, 2**32 - 1)


def same(a: np.ndarray, b: np.ndarray) -> None:
    assert a.dtype == b.dtype
    assert np.array_equal(a, b)


@given(st.lists(symbols, max_size=80))
def test_scores_of_a_text(ids):
    same(COMPILED.score(np.array(ids, int)), PLAIN.score(np.array(ids, int)))


def test_scores_of_real_text():
    text = "中国人民的生活水平在不断提高，经济和社会的发展也很快。" * 40
    ids, _ = COMPILED.encode(text)
    same(COMPILED.score(ids), PLAIN.score(ids))


@given(st.integers(1, 40), st.integers(0, 10), st.data())
def test_scores_of_windows(rows, width, data):
    matrix = np.array(data.draw(st.lists(symbols, min_size=rows * width, max_size=rows * width)), int)
    matrix = matrix.reshape(rows, width)
    first = data.draw(st.integers(0, width))
    same(COMPILED.score_windows(matrix, first), PLAIN.score_windows(matrix, first))


@given(st.lists(st.lists(symbols, min_size=4, max_size=4), min_size=1, max_size=5), st.lists(symbols, max_size=40))
def test_extending(contexts, more):
    states = COMPILED.states(np.array(contexts))
    same(states.slots, PLAIN.states(np.array(contexts)).slots)
    row = np.arange(len(more)) % len(contexts)
    one, other = (m.extend(states, np.array(more, np.uint32), row) for m in (COMPILED, PLAIN))
    same(one[0].slots, other[0].slots)
    same(one[1], other[1])


@given(st.lists(st.integers(1, 9), min_size=1, max_size=4), numbers, st.booleans())
def test_searching(lengths, seed, coarse):
    """Random lattices; `coarse` ones are full of ties."""
    random = np.random.default_rng(seed)
    length = np.array(lengths)
    places = int(length.sum())
    room = np.concatenate([np.arange(n, 0, -1) for n in lengths])  # symbols left in the stretch
    counts = random.integers(1, 30, places)
    start = np.append(0, np.cumsum(counts))
    total = int(start[-1])
    symbol = random.choice([*COMMON, COMPILED.pad, 0], total).astype(np.uint32)
    cost = -random.integers(0, 4, total) if coarse else -4 * random.random(total)
    takes = np.where(np.repeat(room, counts) > 1, random.integers(1, 3, total), 1).astype(np.int8)
    takes[start[:-1]] = 1
    symbol[start[:-1]] = random.choice(COMMON, places)
    arcs = Arcs(start, symbol, cost.astype(np.float32), takes, -random.integers(0, 3, total).astype(np.float32))
    more = np.append(0, np.cumsum(random.integers(0, 3, places)))
    count = int(more[-1])
    inserts = Arcs(
        more,
        random.choice(COMMON, count).astype(np.uint32),
        -random.integers(0, 4, count).astype(np.float32),
        np.zeros(count, np.int8),
        np.zeros(count, np.float32),
    )
    contexts = random.choice([*COMMON, BOS, COMPILED.pad], (len(length), 4)).astype(np.int64)
    found = [search(model, contexts, length, arcs, inserts) for model in (COMPILED, PLAIN)]
    assert found[0] == found[1]


@given(st.sampled_from(COMMON), st.sampled_from(COMMON))
def test_asking_the_neighbours(left, right):
    one, other = (asked_symbols(m, np.array([left]), np.array([right]), 16) for m in (COMPILED, PLAIN))
    same(one, other)


def test_boundaries_are_symbols_like_others():
    ids = [BOS, *COMMON[:5], EOS, BOS, *COMMON[5:9], EOS]
    same(COMPILED.score(np.array(ids)), PLAIN.score(np.array(ids)))
