"""Training of the character n-gram model: interpolated modified Kneser-Ney, in numpy.

The estimate is that of KenLM's ``lmplz`` (Heafield et al. 2013; Chen and Goodman 1999): adjusted counts,
three discounts an order, pruning by actual counts with the pruned mass given to the back-off, the
unknown symbol treated like a symbol never seen.

How. An n-gram of a vocabulary of at most 7,131 symbols fits into one 64-bit key whose most significant digit
is the *last* symbol. One sort of all keys of the highest order then serves every order: dropping the
least significant digit drops the oldest symbol, so the suffixes of a sorted list are sorted, and run lengths are the
continuation counts.
"""

from __future__ import annotations

import argparse
import lzma
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from repair.language.folding import TABLE_SIZE, fold_array, traditional_characters
from repair.language.ngram import BOS, DROPPED_ID, EOS, MAX_CHECK, UNK, NgramModel, offsets, write_model

Source = str | os.PathLike[str] | Iterable[str]
Progress = Callable[[str], None]

FIRST_CHARACTER: Final = 3
"""Ids below are unknown, begin and end; characters follow, most frequent first."""

_READ: Final = 1 << 24  # characters read at a time
_BATCH: Final = 1 << 22  # keys worked on at a time
_NEWLINE: Final = ord("\n")


class TrainingError(ValueError):
    """The text or the settings do not give a model."""


@dataclass(slots=True)
class Corpus:
    """Text as symbols.

    `symbols` (uint16) holds every paragraph after ``order - 1`` `BOS` and before one `EOS`;
    `symbol_table` (`TABLE_SIZE`,) maps code points to ids; `characters` are those of the ids from 3 on.
    `focus_start` is where the symbols of the focus sources begin.
    """

    symbols: NDArray[np.uint16]
    focus_start: int
    symbol_table: NDArray[np.uint16]
    characters: str
    order: int
    paragraphs: int
    text_symbols: int

    @property
    def size(self) -> int:
        return FIRST_CHARACTER + len(self.characters)


@dataclass(slots=True)
class Counts:
    """All n-grams of one order: sorted keys, occurrences, adjusted counts, occurrences in the focus text."""

    keys: NDArray[np.uint64]
    actual: NDArray[np.uint32]
    adjusted: NDArray[np.uint32]
    focus: NDArray[np.uint32] | None = None


@dataclass(slots=True)
class Estimate:
    """The n-grams kept of one order: sorted keys, log10 probabilities and back-offs (float64)."""

    keys: NDArray[np.uint64]
    probabilities: NDArray[np.float64]
    backoffs: NDArray[np.float64]


# -------------------------------------------------------------------- text


def read_blocks(source: Source) -> Iterator[str]:
    """Text of `source` in blocks of whole lines, each line ending in a newline.

    A path is read as UTF-8, through xz where its name ends in ``.xz``; an iterable gives paragraphs.
    """
    if isinstance(source, (str, os.PathLike)):
        path = Path(source)
        opener = lzma.open if path.suffix == ".xz" else open
        with opener(path, "rt", encoding="utf-8", errors="replace", newline="\n") as file:
            while block := file.read(_READ):
                yield block + file.readline().rstrip("\n") + "\n"
    else:
        pending: list[str] = []
        total = 0
        for paragraph in source:
            pending.append(paragraph.replace("\n", " "))
            total += len(paragraph)
            if total >= _READ:
                yield "\n".join(pending) + "\n"
                pending, total = [], 0
        if pending:
            yield "\n".join(pending) + "\n"


def read_corpus(
    sources: Sequence[Source],
    focus: Sequence[Source] = (),
    *,
    order: int = 5,
    min_count: int = 2,
    convert_traditional: bool = True,
) -> Corpus:
    """Fold, choose the vocabulary and encode. `focus` sources are part of the text, after `sources`.

    Symbols seen fewer than `min_count` times, and those beyond what a 64-bit key can hold, become unknown.

    Raises:
        TrainingError: no text.
    """
    fold = fold_array(traditional_characters() if convert_traditional else None)
    fold[_NEWLINE] = _NEWLINE
    provisional = np.zeros(TABLE_SIZE, np.uint16)  # representative -> first-seen number; 0: not seen
    provisional[_NEWLINE] = 1
    representatives: list[int] = [0, _NEWLINE]
    pieces: list[NDArray[np.uint16]] = []
    focus_piece = 0
    for number, source in enumerate((*sources, *focus)):
        if number == len(sources):
            focus_piece = len(pieces)
        for block in read_blocks(source):
            codes = np.frombuffer(block.encode("utf-32-le", "surrogatepass"), "<u4")
            beyond = codes >= TABLE_SIZE
            codes = fold.take(codes, mode="clip")
            codes[beyond] = 0xFFFD
            codes = codes[codes != 0]
            seen = np.flatnonzero(np.bincount(codes, minlength=1))
            for code in seen[provisional[seen] == 0].tolist():
                provisional[code] = len(representatives)
                representatives.append(code)
            pieces.append(provisional.take(codes))
    if not focus:
        focus_piece = len(pieces)

    counts = np.zeros(len(representatives), np.int64)
    for piece in pieces:
        counts += np.bincount(piece, minlength=len(counts))
    counts[:2] = 0
    # The replacement character stands for whatever could not be read: never a symbol.
    if 0xFFFD in representatives:
        counts[representatives.index(0xFFFD)] = 0
    ranked = sorted(range(len(counts)), key=lambda i: (-int(counts[i]), representatives[i]))
    limit = min(_largest_vocabulary(order), MAX_CHECK // 4 - 1) - FIRST_CHARACTER
    chosen = [i for i in ranked if counts[i] >= max(1, min_count)][:limit]
    if not chosen:
        raise TrainingError("no text to train on")
    identity = np.zeros(len(counts), np.uint16)
    identity[chosen] = np.arange(FIRST_CHARACTER, FIRST_CHARACTER + len(chosen))
    characters = "".join(chr(representatives[i]) for i in chosen)

    encoded: list[NDArray[np.uint16]] = []
    paragraphs = text_symbols = focus_start = 0
    for number, piece in enumerate(pieces):
        if number == focus_piece:
            focus_start = sum(map(len, encoded))
        part, lines = _mark_paragraphs(piece, identity, order)
        pieces[number] = piece[:0]
        encoded.append(part)
        paragraphs += lines
        text_symbols += len(part) - order * lines
    if focus_piece == len(pieces):
        focus_start = sum(map(len, encoded))

    table = np.zeros(TABLE_SIZE, np.uint16)
    real = fold_array(traditional_characters() if convert_traditional else None)
    by_representative = np.zeros(TABLE_SIZE, np.uint16)
    by_representative[np.array(representatives)] = identity
    np.take(by_representative, real, out=table)
    table[real == 0] = DROPPED_ID
    return Corpus(np.concatenate(encoded), focus_start, table, characters, order, paragraphs, text_symbols)


def _largest_vocabulary(order: int) -> int:
    """Largest V with V ** order < 2 ** 64."""
    size = int(2.0 ** (64 / order)) + 1
    while size**order >= 1 << 64:
        size -= 1
    return size


def _mark_paragraphs(
    piece: NDArray[np.uint16], identity: NDArray[np.uint16], order: int
) -> tuple[NDArray[np.uint16], int]:
    """Provisional symbols with newlines -> ids with `BOS` and `EOS`; paragraphs without symbols vanish."""
    newline = piece == 1
    # Of several newlines in a row, and of one at the start, nothing is left.
    empty = newline.copy()
    empty[1:] &= newline[:-1]
    piece, newline = piece[~empty], newline[~empty]
    lines = int(newline.sum())
    ends = np.flatnonzero(newline)
    starts = np.concatenate((np.zeros(min(1, lines), np.int64), ends[:-1] + 1))
    lengths = np.ones(len(piece), np.int64)
    lengths[starts] += order - 1
    target = np.cumsum(lengths) - 1
    result = np.full(len(piece) + lines * (order - 1), BOS, np.uint16)
    symbols = identity.take(piece)
    symbols[newline] = EOS
    result[target] = symbols
    return result, lines


# ------------------------------------------------------------------ counts


def count_ngrams(corpus: Corpus, *, with_focus: bool = False, progress: Progress | None = None) -> list[Counts]:
    """Counts of the orders 1 .. ``corpus.order``; order 1 is dense: its keys are the ids."""
    levels = _count(corpus.symbols, corpus.size, corpus.order, progress)
    if with_focus:
        for level, focus in zip(
            levels, _count(corpus.symbols[corpus.focus_start :], corpus.size, corpus.order, progress), strict=True
        ):
            level.focus = np.zeros(len(level.keys), np.uint32)
            for start in range(0, len(focus.keys), _BATCH):
                part = slice(start, start + _BATCH)
                level.focus[np.searchsorted(level.keys, focus.keys[part])] = focus.actual[part]
    return levels


def _count(symbols: NDArray[np.uint16], size: int, order: int, progress: Progress | None) -> list[Counts]:
    keys = _all_keys(symbols, size, order)
    _say(progress, f"sorting {len(keys):,} {order}-grams")
    keys.sort()
    starts = _run_starts(keys)
    actual = np.diff(starts, append=len(keys)).astype(np.uint32)
    keys = keys[starts]
    del starts
    base = np.uint64(size)
    levels: list[Counts] = []
    adjusted = actual
    for n in range(order, 0, -1):
        _say(progress, f"{len(keys):,} different {n}-grams")
        if n == 1:
            dense = Counts(np.arange(size, dtype=np.uint64), np.zeros(size, np.uint32), np.zeros(size, np.uint32))
            dense.actual[keys.astype(np.intp)] = actual
            dense.adjusted[keys.astype(np.intp)] = adjusted
            levels.append(dense)
            break
        # Begin marks pad the first n-grams of a paragraph: those with two of them are not n-grams. What begins
        # with one has no left neighbours, so its adjusted count is its count.
        shorter = keys // base
        begins = keys - shorter * base == BOS
        padded = begins & (shorter % base == BOS)
        real = ~padded
        levels.append(Counts(keys[real], actual[real], np.where(begins, actual, adjusted)[real]))
        del begins, padded, real
        starts = _run_starts(shorter)
        keys = shorter[starts]
        adjusted = np.diff(starts, append=len(shorter)).astype(np.uint32)
        actual = np.add.reduceat(actual, starts, dtype=np.uint32)
        del shorter, starts
    return levels[::-1]


def _all_keys(symbols: NDArray[np.uint16], size: int, order: int) -> NDArray[np.uint64]:
    keys = np.empty(int((symbols != BOS).sum()), np.uint64)
    filled = 0
    base = np.uint64(size)
    for start in range(order - 1, len(symbols), _BATCH):
        part = symbols[start - order + 1 : start + _BATCH].astype(np.uint64)
        count = len(part) - order + 1
        key = part[order - 1 :].copy()
        for back in range(1, order):
            key *= base
            key += part[order - 1 - back : order - 1 - back + count]
        key = key[part[order - 1 :] != BOS]
        keys[filled : filled + len(key)] = key
        filled += len(key)
    return keys


def _run_starts(values: NDArray[np.uint64]) -> NDArray[np.intp]:
    changed = np.empty(len(values), np.bool_)
    changed[:1] = True
    np.not_equal(values[1:], values[:-1], out=changed[1:])
    return np.flatnonzero(changed)


# ---------------------------------------------------------------- estimate


def discounts(adjusted: NDArray[np.uint32]) -> tuple[float, float, float]:
    """Discounts for adjusted counts 1, 2 and 3 or more (Chen and Goodman, equation 26).

    Where the text is too small or too odd for them, 0.5, 1 and 1.5, as ``lmplz --discount_fallback``.
    """
    n = [0, *(int((adjusted == j).sum()) for j in (1, 2, 3, 4))]
    if min(n[1:]) == 0:
        return 0.5, 1.0, 1.5
    y = n[1] / (n[1] + 2 * n[2])
    result = tuple(j - (j + 1) * y * n[j + 1] / n[j] for j in (1, 2, 3))
    if any(value < 0 or value > j for j, value in enumerate(result, 1)):
        return 0.5, 1.0, 1.5
    return result[0], result[1], result[2]


def estimate(
    levels: Sequence[Counts],
    prune: Sequence[int] = (),
    *,
    focus_weight: int = 0,
    progress: Progress | None = None,
) -> list[Estimate]:
    """Probabilities and back-offs of the n-grams kept.

    An n-gram is kept where ``occurrences + focus_weight * occurrences in the focus text`` is greater than
    ``prune[n - 1]`` (the last value serves the orders beyond; unigrams are never pruned).

    Raises:
        TrainingError: thresholds that fall with the order, which would keep n-grams without their parts.
    """
    order = len(levels)
    thresholds = [*prune, *([prune[-1] if prune else 0] * order)][:order]
    if sorted(thresholds) != thresholds or thresholds[0] != 0:
        raise TrainingError("pruning thresholds must start with 0 and not fall")
    size = len(levels[0].keys)
    # Order 1. The unknown symbol gets the share of one symbol never seen.
    adjusted = levels[0].adjusted
    d = np.array((0.0, *discounts(adjusted)))
    kept = adjusted.copy()
    kept[:FIRST_CHARACTER] = 0
    kept[EOS] = adjusted[EOS]
    total = float(adjusted.sum())
    pruned = float(adjusted[UNK])
    gamma = (float(d[np.minimum(kept, 3)].sum()) + pruned) / total
    probability = (kept - d[np.minimum(kept, 3)]) / total + gamma / (size - 1)
    probability[BOS] = 1.0
    keys = levels[0].keys
    result: list[Estimate] = []
    for n in range(2, order + 1):
        level = levels[n - 1]
        d = np.array((0.0, *discounts(level.adjusted)))
        base = np.uint64(size)
        modulus = np.uint64(size ** (n - 1))
        spread = np.zeros(len(keys))
        mass = np.zeros(len(keys))
        kept_parts = []
        for start in range(0, len(level.keys), _BATCH):
            part = slice(start, start + _BATCH)
            key, count = level.keys[part], level.adjusted[part]
            weight = level.actual[part].astype(np.int64)
            if focus_weight and level.focus is not None:
                weight += focus_weight * level.focus[part].astype(np.int64)
            keep = weight > thresholds[n - 1]
            candidates = np.flatnonzero(keep)
            keep[candidates[_has_unknown(key[candidates], base, n)]] = False
            kept_parts.append(np.flatnonzero(keep) + start)
            prefix = key % modulus
            index = prefix.astype(np.intp) if n == 2 else np.searchsorted(keys, prefix)
            index[index == len(keys)] = 0
            known = np.flatnonzero(keys[index] == prefix)
            index, count, keep = index[known], count[known], keep[known]
            given_up = np.where(keep, d[np.minimum(count, 3)], count)
            np.add.at(mass, index, count)
            np.add.at(spread, index, given_up)
        # Contexts of nothing (the unknown symbol, the end) back off at no cost.
        gammas = np.divide(spread, mass, out=np.ones_like(mass), where=mass > 0)
        gammas[mass <= 0] = 1.0
        result.append(Estimate(keys, _log(probability), _log(gammas)))

        chosen = np.concatenate(kept_parts) if kept_parts else np.empty(0, np.intp)
        key, count = level.keys[chosen], level.adjusted[chosen]
        context = np.searchsorted(keys, key % modulus)
        suffix = np.searchsorted(keys, key // base)
        probability = (count - d[np.minimum(count, 3)]) / mass[context] + gammas[context] * probability[suffix]
        keys = key
        _say(progress, f"{len(keys):,} {n}-grams kept")
    result.append(Estimate(keys, _log(probability), np.zeros(len(keys))))
    return result


def _has_unknown(keys: NDArray[np.uint64], base: np.uint64, order: int) -> NDArray[np.bool_]:
    found = np.zeros(len(keys), np.bool_)
    for _ in range(order):
        shorter = keys // base
        found |= keys == shorter * base  # a digit of 0 is the unknown symbol
        keys = shorter
    return found


def _log(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.minimum(np.log10(values), 0.0)


# ------------------------------------------------------------------- tables


def pack(estimates: Sequence[Estimate], *, step: float = 0.1, load: float = 0.9) -> dict[str, NDArray[Any]]:
    """The arrays of a model file. `step` is the quantisation in log10 units, `load` the share of slots filled."""
    size = len(estimates[0].keys)
    radix = size + 1
    arrays: dict[str, NDArray[Any]] = {
        "unigram": estimates[0].probabilities.astype(np.float32),
        "unigram_backoff": estimates[0].backoffs.astype(np.float32),
    }
    books = np.zeros((max(1, len(estimates) - 1), 2, 256), np.float32)
    slots = np.arange(size, dtype=np.int64)
    below = radix
    for order, level in enumerate(estimates[1:], 2):
        modulus = np.uint64(size ** (order - 1))
        prefix = slots[np.searchsorted(estimates[order - 2].keys, level.keys % modulus)]
        symbol = (level.keys // modulus).astype(np.int64)
        most_blocks = MAX_CHECK // radix
        buckets = max(1, -(-below // most_blocks), int(len(level.keys) / (4 * load)) + 1)
        rows, slots, buckets = _fill(prefix, symbol, order, radix, buckets)
        below = 4 * buckets
        codes, books[order - 2, 0] = _quantise(level.probabilities, step, 0)
        arrays[f"rows{order}"] = rows
        arrays[f"codes{order}"] = np.zeros(below, np.uint8)
        arrays[f"codes{order}"][slots] = codes
        if order < len(estimates):
            codes, books[order - 2, 1] = _quantise(level.backoffs, step, 1)
            arrays[f"backoff_codes{order}"] = np.zeros(below, np.uint8)
            arrays[f"backoff_codes{order}"][slots] = codes
    arrays["codebooks"] = books.ravel()
    return arrays


def _quantise(values: NDArray[np.float64], step: float, first: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Codes and the mean value of each. With `first` 1, code 0 is exactly 0.0: no back-off at all."""
    step = max(step, float(-values.min(initial=0.0)) / (254 - first))  # the codes must cover the range
    code = np.clip(np.rint(-values / step).astype(np.int64) + first, first, 255)
    if first:
        code[values == 0] = 0
    number = np.bincount(code, minlength=256)
    total = np.bincount(code, weights=values, minlength=256)
    return code.astype(np.uint8), np.divide(total, number, out=np.zeros(256), where=number > 0).astype(np.float32)


def _fill(
    prefix: NDArray[np.int64], symbol: NDArray[np.int64], order: int, radix: int, buckets: int
) -> tuple[NDArray[np.uint64], NDArray[np.int64], int]:
    """Cuckoo-hash all entries at once: rows (buckets,), the slot of each entry (n,), the number of buckets used."""
    while True:
        slots, second = _place(prefix, symbol, order, radix, buckets)
        if len(slots) == len(prefix):
            break
        buckets += buckets // 50 + 1
    check = 2 * (symbol + prefix // buckets * radix) + second + 1  # 0 is an empty slot
    lanes = np.zeros(4 * buckets, np.uint16)
    lanes[slots] = check
    return lanes.view("<u8").astype(np.uint64, copy=False), slots, buckets


def _place(
    prefix: NDArray[np.int64], symbol: NDArray[np.int64], order: int, radix: int, buckets: int
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Slot and choice of every entry, in rounds of simultaneous moves; empty arrays if they do not fit."""
    block = prefix // buckets
    home = prefix - block * buckets
    check = symbol + block * radix
    if len(check) and int(check.max()) > MAX_CHECK:
        raise TrainingError("a prefix table is too large for its successor")
    first, second = offsets(order, int(check.max(initial=0)) + 1, buckets)
    options = np.stack(((home + first[check]) % buckets, (home + second[check]) % buckets))
    count = len(prefix)
    choice = np.zeros(count, np.bool_)
    slots = np.full(count, -1, np.int64)
    owner = np.full(4 * buckets, -1, np.int64)
    filled = np.zeros(buckets, np.int64)
    pending = np.arange(count)
    for turn in range(500):
        if not len(pending):
            return slots, choice
        bucket = options[choice[pending].astype(np.intp), pending]
        by_bucket = np.argsort(bucket, kind="stable")
        pending, bucket = pending[by_bucket], bucket[by_bucket]
        start = np.searchsorted(bucket, bucket, side="left")
        rank = np.arange(len(bucket)) - start
        lane = filled[bucket] + rank
        fits = lane < 4
        slot = bucket[fits] * 4 + lane[fits]
        owner[slot] = pending[fits]
        slots[pending[fits]] = slot
        np.add.at(filled, bucket[fits], 1)
        # Of those left, one a bucket moves in and drives an older entry out to its other bucket.
        rest, bucket = pending[~fits], bucket[~fits]
        if turn == 0:
            choice[rest] = True
            pending = rest
            continue
        lead = np.ones(len(bucket), np.bool_)
        lead[1:] = bucket[1:] != bucket[:-1]
        slot = bucket[lead] * 4 + (bucket[lead] * 7 + turn * 5 + turn // 4) % 4
        victim = owner[slot]
        owner[slot] = rest[lead]
        slots[rest[lead]] = slot
        slots[victim] = -1
        choice[victim] ^= True
        choice[rest[~lead]] ^= True
        pending = np.concatenate((rest[~lead], victim))
    return slots[:0], choice[:0]


# --------------------------------------------------------------------- whole


def train_ngram(
    sources: Sequence[Source],
    out_path: str | os.PathLike[str],
    *,
    order: int = 5,
    prune: Sequence[int] = (0, 0, 1, 3, 5),
    focus: Sequence[Source] = (),
    focus_weight: int = 0,
    min_count: int = 2,
    convert_traditional: bool = True,
    step: float = 0.1,
    progress: Progress | None = None,
) -> NgramModel:
    """Train on `sources` and `focus` (paths of ``.txt``/``.txt.xz``, a paragraph a line, or iterables of paragraphs).

    Writes the model to `out_path` and returns it, loaded from there. Same text and settings, same bytes.

    Args:
        order: longest n-gram, at least 2.
        prune: thresholds an order, see `estimate`.
        focus: sources whose n-grams count ``focus_weight`` times more when it is decided what to keep.
        min_count: rarer symbols become unknown.
        convert_traditional: fold traditional characters (needs OpenCC).
        step: quantisation step in log10 units.

    Raises:
        TrainingError: no text, or thresholds that make no model.
        OSError: a file cannot be read or written.
    """
    if order < 2:
        raise TrainingError("the order must be at least 2")
    corpus = read_corpus(sources, focus, order=order, min_count=min_count, convert_traditional=convert_traditional)
    _say(progress, f"{corpus.text_symbols:,} symbols in {corpus.paragraphs:,} paragraphs, {corpus.size:,} different")
    levels = count_ngrams(corpus, with_focus=bool(focus and focus_weight), progress=progress)
    settings = {"prune": list(prune), "focus_weight": focus_weight if focus else 0, "min_count": min_count}
    return save(corpus, estimate(levels, prune, focus_weight=focus_weight, progress=progress), out_path, settings, step)


def save(
    corpus: Corpus,
    estimates: Sequence[Estimate],
    out_path: str | os.PathLike[str],
    settings: dict[str, Any],
    step: float = 0.1,
) -> NgramModel:
    """Pack, write and load again."""
    header = {
        **settings,
        "order": len(estimates),
        "characters": corpus.characters,
        "entries": [len(level.keys) for level in estimates],
        "training_symbols": corpus.text_symbols,
        "training_paragraphs": corpus.paragraphs,
        "step": step,
    }
    write_model(out_path, header, {"symbols": corpus.symbol_table, **pack(estimates, step=step)})
    return NgramModel.load(out_path)


@dataclass(frozen=True, slots=True)
class Perplexity:
    """Perplexity a symbol (paragraph ends included, unknown symbols excluded), and what was counted."""

    value: float
    symbols: int
    unknown: int

    def __str__(self) -> str:
        return f"perplexity {self.value:.3f} over {self.symbols:,} symbols, {self.unknown:,} unknown"


def perplexity(model: NgramModel, lines: Iterable[str]) -> Perplexity:
    """Perplexity of `model` on `lines`, each a paragraph; lines without symbols are skipped."""
    log_sum, symbols, unknown = 0.0, 0, 0
    for block in read_blocks(lines):
        parts: list[NDArray[np.uint16]] = []
        for line in block.split("\n"):
            ids, _ = model.encode(line)
            if len(ids):
                parts += [np.array([BOS], np.uint16), ids, np.array([EOS], np.uint16)]
        if not parts:
            continue
        sequence = np.concatenate(parts)
        scores = model.score(sequence)
        counted = (sequence != UNK) & (sequence != BOS)
        log_sum += float(scores[counted].sum(dtype=np.float64))
        symbols += int(counted.sum())
        unknown += int((sequence == UNK).sum())
    return Perplexity(10 ** (-log_sum / symbols) if symbols else float("nan"), symbols, unknown)


def _say(progress: Progress | None, message: str) -> None:
    if progress is not None:
        progress(message)


def main(arguments: Sequence[str] | None = None) -> int:
    """``python -m repair.language.train CORPUS... -o FILE``."""
    parser = argparse.ArgumentParser(prog="repair.language.train", description="Train the character n-gram model.")
    parser.add_argument("corpus", nargs="*", help="text files, a paragraph a line (.txt or .txt.xz)")
    parser.add_argument("-o", "--output", required=True, help="model file to write")
    parser.add_argument("--order", type=int, default=5, help="longest n-gram (default 5)")
    parser.add_argument("--prune", type=int, nargs="+", default=[0, 0, 1, 3, 5], help="thresholds an order")
    parser.add_argument("--focus", action="append", default=[], help="further text whose n-grams are kept first")
    parser.add_argument("--focus-weight", type=int, default=1, help="how many times more focus text counts then")
    parser.add_argument("--min-count", type=int, default=2, help="rarer symbols become unknown (default 2)")
    parser.add_argument("--step", type=float, default=0.1, help="quantisation step in log10 units (default 0.1)")
    parser.add_argument("--keep-traditional", action="store_true", help="do not fold traditional characters")
    parser.add_argument("--test", help="text to measure the perplexity on")
    options = parser.parse_args(arguments)
    try:
        model = train_ngram(
            options.corpus,
            options.output,
            order=options.order,
            prune=options.prune,
            focus=options.focus,
            focus_weight=options.focus_weight,
            min_count=options.min_count,
            convert_traditional=not options.keep_traditional,
            step=options.step,
            progress=lambda message: print(message, file=sys.stderr),
        )
        if options.test:
            with open(options.test, encoding="utf-8", newline="\n") as file:
                print(perplexity(model, (line.rstrip("\n") for line in file)), file=sys.stderr)
    except (OSError, ImportError, ValueError) as error:
        print(f"train: {error}", file=sys.stderr)
        return 2
    print(f"{options.output}: {model!r}, entries {model.info['entries']}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
