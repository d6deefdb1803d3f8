"""Evidence for notes of the misread rule: loose characters that make no sense, whatever was printed.

Not a filter of its own. A *loose pair* is two neighbouring Hanzi that jieba leaves as two words of one
character and that surprise the language model. Most are names, terms or plain wording; some are
damage that nobody can undo (最路下). A logistic regression tells them apart, by how strongly the
characters repel their neighbours, how much better any common word would fit, and the document's style.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..document import Document
from ..language.context import REACH, after_symbol, before_symbol, hanzi_symbols, mean_around, ties, window_sums
from ..language.logistic import logistic
from ..language.ngram import EOS, NgramModel
from ..language.words import Words

T = TypeVar("T")

SURPRISE = -8.5
"""log10 probability of the pair and the symbol after it below which a loose pair is looked into."""
PLAIN_STYLE = -1.7
"""Mean log10 probability of a symbol below which a document gets no notes: in verse, dialect, recipes or a badly
garbled page too much is odd that is no damage, or too much is damage for a note to be of use."""
RARE = -5.5
"""log10 unigram probability below which a character is too rare to judge."""
LIKELY = 1500
"""Words tried with the whole model."""
TOP = 6

FEATURES = (
    "bias",
    "sum",
    "tie_least",
    "tie_left",
    "tie_middle",
    "tie_right",
    "word_gain",
    "word_lead",
    "frequency_first",
    "frequency_second",
    "dirty",
    "style",
    "around",
    "frequency_before",
    "frequency_after",
    "repelled",
    "surname",
)


class Pair(NamedTuple):
    """Two loose characters: their symbol's index, positions in the text, evidence, and common words that fit
    in their place with the language model's gain, best first."""

    place: int
    start: int
    end: int
    evidence: NDArray[np.float64]
    words: tuple[tuple[str, float], ...]


@lru_cache(maxsize=2)
def common_words(model: NgramModel, words: Words) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """Frequent dictionary words of two Hanzi, and their symbols (n, 2)."""
    chosen = words.common
    return chosen, np.array([model.char_ids(word) for word in chosen], dtype=np.int64)


def loose_pairs(
    document: Document, weights: NDArray[np.float64] | None = None, least: float = 0.0, strong: float = 0.0
) -> list[Pair]:
    """Loose pairs in order of position.

    With `weights` (in the order of `FEATURES`) only those that could reach probability `least`, in runs of
    overlapping pairs of which one could reach `strong`: trying thousands of words in a place is expensive.
    """
    text, resources, view = document.text, document.resources, document.view
    model, words = resources.model, resources.words
    ids, logp = view.ids, view.logp.astype(np.float64)
    n = len(ids)
    if n < 5:
        return []
    codes = document.codes
    at = np.minimum(view.positions, len(text) - 1)
    hanzi = (codes[at] >= 0x4E00) & (codes[at] <= 0x9FFF) & (ids > EOS)
    usable = hanzi & ~document.shielded[at]
    known = ids > EOS
    candidate = usable.copy()
    candidate[:-1] &= usable[1:]
    candidate[1:] &= known[:-1]
    candidate[:-2] &= known[2:]
    candidate[0] = False
    candidate[-2:] = False
    places = np.flatnonzero(candidate & (window_sums(view.logp) <= SURPRISE))
    if not len(places):
        return []
    unigram = np.append(model.unigram, 0.0)
    clipped = np.concatenate([[0.0], np.cumsum(np.maximum(logp, -4.0))])
    surnames = resources.surnames
    found: list[tuple[int, int, int, NDArray[np.float64], float]] = []
    for i in places.tolist():
        first, second = int(view.positions[i]), int(view.positions[i + 1])
        left = _context(document, max(0, i - 5), i)
        right = _context(document, i + 2, min(n, i + 7))
        spans = words.spans(left + text[first] + text[second] + right)
        k = len(left)
        if (k, k + 1) not in spans or (k + 1, k + 2) not in spans:
            continue
        # A pair that the document has elsewhere too is a name or a term; so is what stands beside a middle dot.
        if document.pair_count(int(ids[i]), int(ids[i + 1])) > 1 or left[-1:] == "·" or right[:1] == "·":
            continue
        # Rare characters are more often names and terms than damage, and quotation marks may hold inventions;
        # characters in an enumeration stand for themselves.
        if min(unigram[ids[i]], unigram[ids[i + 1]]) < RARE or any(mark in "“‘「『《" for mark in left[-3:]):
            continue
        if (left + right).count("、") > 2:
            continue
        quad = ids[i - 1 : i + 3]
        tie = ties(model, quad[:-1], quad[1:])
        row = {
            "bias": 1.0,
            "sum": float(logp[i : i + 3].sum()),
            "tie_least": float(tie.min()),
            "tie_left": float(tie[0]),
            "tie_middle": float(tie[1]),
            "tie_right": float(tie[2]),
            "word_gain": 11.0,
            "frequency_first": float(unigram[ids[i]]),
            "frequency_second": float(unigram[ids[i + 1]]),
            "dirty": document.dirt,
            "style": document.style,
            "around": mean_around(clipped, i, 2, -2.0),
            "frequency_before": float(unigram[ids[i - 1]]),
            "frequency_after": float(unigram[ids[i + 2]]),
            # Frequent characters go with nearly everything: one that does not go with this is telling.
            "repelled": float(min(0.0, tie[0]) * max(0.0, 3.2 + unigram[ids[i - 1]])),
            "surname": float(left[-1:] in surnames or text[first] in surnames or left[-2:-1] in surnames),
        }
        evidence = np.array([row.get(name, 0.0) for name in FEATURES])
        at_most = 1.0 if weights is None else probability(evidence, weights)
        if at_most >= least:
            found.append((i, first, second, evidence, at_most))
    out = []
    for run in runs(found, lambda item: item[0]):
        if max(item[4] for item in run) < strong:
            continue
        for i, first, second, evidence, _ in run:
            fitting = _fitting(model, words, ids, i)
            evidence[FEATURES.index("word_gain")] = fitting[0][1]
            evidence[FEATURES.index("word_lead")] = fitting[0][1] - fitting[3][1]
            out.append(Pair(i, first, second + 1, evidence, fitting))
    return out


def runs(items: Iterable[T], place: Callable[[T], int]) -> list[list[T]]:
    """Items in order of their places, those whose places follow one another together."""
    out: list[list[T]] = []
    for item in items:
        if out and place(out[-1][-1]) + 1 == place(item):
            out[-1].append(item)
        else:
            out.append([item])
    return out


def probability(evidence: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    """Probability that a pair is damaged."""
    return logistic(float(evidence @ weights))


def _context(document: Document, start: int, end: int) -> str:
    view = document.view
    pairs = zip(view.ids[start:end].tolist(), view.positions[start:end].tolist(), strict=True)
    return "".join(document.text[position] for symbol, position in pairs if symbol == 0 or symbol > EOS)


def _fitting(model: NgramModel, words: Words, ids: NDArray[np.int64], place: int) -> tuple[tuple[str, float], ...]:
    """The common words that gain most in place of the two symbols at `place`: of the best by pairs of symbols, the
    best by the whole model."""
    chosen, symbols, first, second, inner = _pair_scores(model, words)
    rough = after_symbol(model, int(ids[place - 1]))[first] + inner
    rough += before_symbol(model, int(ids[place + 2]))[second]
    likely = np.sort(np.argpartition(-rough, LIKELY)[:LIKELY])
    window = np.full(2 * REACH + 2, model.pad, dtype=np.int64)
    lo, hi = max(0, place - REACH), min(len(ids), place + REACH + 2)
    window[lo - place + REACH : hi - place + REACH] = ids[lo:hi]
    block = np.repeat(window[None, :], LIKELY + 1, axis=0)
    block[1:, REACH : REACH + 2] = symbols[likely]
    total = model.score_windows(block, REACH).sum(axis=1)
    gain = total[1:] - total[0]
    best = np.argsort(-gain, kind="stable")[:TOP]
    return tuple((chosen[likely[k]], float(gain[k])) for k in best.tolist())


@lru_cache(maxsize=2)
def _pair_scores(
    model: NgramModel, words: Words
) -> tuple[tuple[str, ...], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
    """Common words whose symbols are all frequent: the words, their symbols (n, 2), the indices of these among
    `hanzi_symbols` (n,) each, and the log-probability of the second after the first (n,)."""
    chosen, symbols = common_words(model, words)
    known = hanzi_symbols(model)
    index = np.full(int(model.pad) + 1, -1, dtype=np.int64)
    index[known] = np.arange(len(known))
    keep = np.all(index[symbols] >= 0, axis=1)
    symbols = symbols[keep]
    inner = model.score_windows(symbols, 1)[:, 0]
    return (
        tuple(chosen[k] for k in np.flatnonzero(keep).tolist()),
        symbols,
        index[symbols[:, 0]],
        index[symbols[:, 1]],
        inner,
    )
