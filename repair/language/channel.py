"""The confusion channel: how probable it is that a printed character is read as another.

``log10 P(read | true)`` for single characters, from two sources of evidence: how much the two look
alike (`repair.language.shapes`) and how often OCR engines were seen to confuse them
(``confusions.tsv``, see `repair.language.channel_build`, where the whole model is described and
fitted). Insertions, deletions and characters read as two are not part of it.

All probabilities are base-10 logarithms, as in the language model. Needs numpy only.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .shapes import COMMON, SYMBOL, TRADITIONAL, Shapes, ShapesError

SHAPES_FILE = "shapes.bin"
CONFUSIONS_FILE = "confusions.tsv"
MODEL_LINE = "#model\t"
VERSION = 1

Floats = NDArray[np.float32]
Codes = NDArray[np.int64]

_CACHE_SIZE = 4096
_KEY_SHIFT = 21  # bits of a code point


class ChannelError(ValueError):
    """The channel's tables are missing, damaged or of another version; the message names the file."""


def codes_of(text: str | ArrayLike) -> Codes:
    """Code points of `text`, one a character; arrays of code points pass through."""
    if isinstance(text, str):
        # Lone surrogates are legal in Python strings and come from damaged files.
        return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4").astype(np.int64)
    return np.asarray(text, np.int64)


def is_hanzi(codes: ArrayLike) -> NDArray[np.bool_]:
    """Which code points are Hanzi (all CJK ideograph blocks, without 〇)."""
    points = np.asarray(codes, np.int64)
    return (((points >= 0x3400) & (points <= 0x9FFF)) | ((points >= 0xF900) & (points <= 0xFAFF))
            | ((points >= 0x20000) & (points <= 0x3FFFF)))


@dataclass(frozen=True, slots=True)
class ShapeModel:
    """The fitted link from similarity to probability; see `repair.language.channel_build`.

    Indices are classes, 0 sign and 1 Hanzi. `base[true][read]` is log10 of the chance that a
    misread character of the first class is read as one *given* character of the second, were all
    alike; `curves[true][read]` are the log10 factors by similarity that correct it, as the knots
    (similarities, factors) of a piecewise linear function; `error` is log10 of the share of
    characters misread; `rare` the log10 factor of characters no error was ever seen to end in (engines
    prefer some characters); `floor` the least log10 probability ever returned.
    """

    base: NDArray[np.float64]
    curves: tuple[tuple[tuple[NDArray[np.float64], NDArray[np.float64]], ...], ...]
    error: NDArray[np.float64]
    rare: NDArray[np.float64]
    floor: float

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> ShapeModel:
        """Raises `KeyError`, `TypeError` or `ValueError` for anything but the output of `to_json`."""
        if data["version"] != VERSION:
            raise ValueError(f"version {data['version']}, expected {VERSION}")
        curves = tuple(tuple((np.array(curve[0], float), np.array(curve[1], float)) for curve in row)
                       for row in data["curves"])
        model = cls(np.array(data["base"], float), curves, np.array(data["error"], float),
                    np.array(data["rare"], float), float(data["floor"]))
        pairs = [curve for row in curves for curve in row]
        if model.base.shape != (2, 2) or model.error.shape != (2,) or model.rare.shape != (2,) or len(pairs) != 4:
            raise ValueError("model of the wrong size")
        if any(len(x) != len(y) or len(x) == 0 for x, y in pairs):
            raise ValueError("curve without knots")
        return model

    def to_json(self) -> dict[str, Any]:
        """Plain lists and numbers, rounded to what matters."""
        return {
            "version": VERSION, "base": np.round(self.base, 4).tolist(), "error": np.round(self.error, 4).tolist(),
            "rare": np.round(self.rare, 4).tolist(), "floor": round(self.floor, 4),
            "curves": [[[np.round(x, 4).tolist(), np.round(y, 4).tolist()] for x, y in row] for row in self.curves],
        }

    def given_error(self, similarity: NDArray[Any], true_hanzi: NDArray[np.bool_],
                    read_hanzi: NDArray[np.bool_]) -> NDArray[np.float64]:
        """log10 P(read | true, misread) from shape alone, were no read preferred.

        Unknown similarity (NaN) counts as none.
        """
        similarity, true_hanzi, read_hanzi = np.broadcast_arrays(similarity, true_hanzi, read_hanzi)
        known = np.where(np.isnan(similarity), -1.0, similarity).astype(float)
        result = np.empty(known.shape, float)
        for true in (0, 1):
            for read in (0, 1):
                chosen = (true_hanzi == bool(true)) & (read_hanzi == bool(read))
                if chosen.any():
                    knots, factors = self.curves[true][read]
                    result[chosen] = self.base[true, read] + np.interp(known[chosen], knots, factors)
        return result


class Channel:
    """log10 P(read | true) for characters. Immutable, thread-safe, picklable (as its folder)."""

    def __init__(self, shapes: Shapes, model: ShapeModel, keys: Codes, logs: Floats,
                 true_codes: Codes, unseen: Floats, read_codes: Codes, liked: Floats,
                 folder: Path | None = None) -> None:
        """`keys` (sorted, ``read << 21 | true``) with their `logs` are the measured pairs, a character
        read correctly included; `true_codes` (sorted) with `unseen` the log10 share left to reads
        never seen of that character; `read_codes` (sorted) with `liked` the log10 factor by which
        errors end in that character more often than in the average one."""
        self.shapes = shapes
        self.model = model
        self._keys = keys
        self._logs = logs
        self._true_codes = true_codes
        self._unseen = unseen
        self._read_codes = read_codes
        self._liked = liked
        self._folder = folder
        self._prior: NDArray[Any] | None = None
        self._cache: dict[tuple[str, int, bool], tuple[Codes, Floats]] = {}
        self._pools: dict[bool, _Pool] = {}

    @property
    def floor(self) -> float:
        """The least log10 probability; pairs with a character nothing is known about get about this."""
        return self.model.floor

    @classmethod
    def load(cls, folder: str | Path) -> Channel:
        """Read ``shapes.bin`` and ``confusions.tsv`` from `folder`. Raises `ChannelError`."""
        folder = Path(folder)
        try:
            shapes = Shapes.load(folder / SHAPES_FILE)
        except ShapesError as error:
            raise ChannelError(str(error)) from error
        return cls.from_table(shapes, folder / CONFUSIONS_FILE, folder)

    @classmethod
    def from_table(cls, shapes: Shapes, path: Path, folder: Path | None = None) -> Channel:
        """Read the table of confusions at `path` to go with `shapes`. Raises `ChannelError`."""
        try:
            lines = path.read_text(encoding="utf-8").split("\n")
        except FileNotFoundError as error:
            raise ChannelError(f"{path}: no such file; python -m repair.language.channel_build builds it") from error
        except (OSError, UnicodeDecodeError) as error:
            raise ChannelError(f"{path}: cannot be read ({error})") from error
        model = None
        keys, logs, codes, unseen, reads, liked = [], [], [], [], [], []
        for number, line in enumerate(lines, 1):
            if not line or line.startswith("#"):
                # A row about the sign # has a tab right behind it.
                if line.startswith(MODEL_LINE):
                    try:
                        model = ShapeModel.from_json(json.loads(line[len(MODEL_LINE):]))
                    except (ValueError, KeyError, TypeError, IndexError) as error:
                        raise ChannelError(f"{path}:{number}: damaged model line ({error})") from error
                    continue
                if not line.startswith("#\t"):
                    continue
            try:
                true, read, _, log = line.split("\t")
                value = float(log)
                if not -20.0 < value <= (0.0 if true and read else 20.0):
                    raise ValueError("log10 probability out of range")
                if not true:
                    reads.append(ord(read))
                    liked.append(value)
                elif read:
                    keys.append(ord(read) << _KEY_SHIFT | ord(true))
                    logs.append(value)
                else:
                    codes.append(ord(true))
                    unseen.append(value)
            except (ValueError, TypeError) as error:
                raise ChannelError(f"{path}:{number}: not truth, read, count, log10 probability ({error})") from error
        if model is None:
            raise ChannelError(f"{path}: no model line of version {VERSION}")
        return cls(shapes, model, *_sorted(keys, logs), *_sorted(codes, unseen), *_sorted(reads, liked), folder)

    def __reduce__(self) -> tuple[Any, ...]:
        return _revive, (self._folder, self._prior, None if self._folder is not None else (
            self.shapes, self.model, self._keys, self._logs, self._true_codes, self._unseen, self._read_codes,
            self._liked))

    def with_prior(self, prior: ArrayLike) -> Channel:
        """A channel that shares these tables but chooses and orders candidates with a prior.

        `prior` is indexed by code point and added to log10 P(read | true); code points beyond its
        end count as its least value. A unigram log10 probability times one half does best: far more
        of the true characters are then inside the same limit. The probabilities returned stay as
        they were. Raises `ValueError` unless `prior` is a row of numbers.
        """
        row = np.asarray(prior, np.float32)
        if row.ndim != 1 or len(row) == 0 or not np.isfinite(row).all():
            raise ValueError("the prior must be a row of finite numbers")
        other = Channel(self.shapes, self.model, self._keys, self._logs, self._true_codes, self._unseen,
                        self._read_codes, self._liked, self._folder)
        other._pools = self._pools
        other._prior = row
        return other

    def _unseen_log(self, true: Codes) -> NDArray[np.float64]:
        """log10 of P(misread, and as something never seen) for each true character."""
        result: NDArray[np.float64] = self.model.error[is_hanzi(true).astype(int)]
        place, found = _find(self._true_codes, true)
        result[found] = self._unseen[place[found]]
        return result

    def _liked_log(self, read: Codes) -> NDArray[np.float64]:
        """log10 factor of how much more often errors end in each read character than in the average one."""
        result: NDArray[np.float64] = self.model.rare[is_hanzi(read).astype(int)]
        place, found = _find(self._read_codes, read)
        result[found] = self._liked[place[found]]
        return result

    def _combine(self, read: Codes, true: Codes, similarity: NDArray[Any]) -> Floats:
        """log10 P(read | true) of two equally long rows."""
        result = self._unseen_log(true) + self._liked_log(read)
        result += self.model.given_error(similarity, is_hanzi(true), is_hanzi(read))
        place, found = _find(self._keys, (read << _KEY_SHIFT) | np.clip(true, 0, (1 << _KEY_SHIFT) - 1))
        result[found] = self._logs[place[found]]
        same = (read == true) & ~found
        if same.any():
            error = 10.0 ** self.model.error[is_hanzi(true[same]).astype(int)]
            result[same] = np.log10(1.0 - error)
        return np.maximum(result, self.model.floor).astype(np.float32)

    def log_prob(self, read: str | ArrayLike, true: str | ArrayLike) -> Floats:
        """log10 P(read | true), float32, `true` equal to `read` included (then near 0).

        Both are strings or arrays of code points and broadcast against each other; n read characters
        also go with an (n, k) array of k candidates each. Characters unknown to the tables get about
        `floor`; nothing raises but shapes that do not broadcast (`ValueError`).
        """
        left, right = codes_of(read), codes_of(true)
        if left.ndim == 1 and right.ndim == 2 and len(left) == len(right):
            left = left[:, None]
        left, right = np.broadcast_arrays(left, right)
        flat_read, flat_true = left.ravel(), right.ravel()
        logs = self._combine(flat_read, flat_true, self.shapes.similarity(flat_read, flat_true))
        return logs.reshape(left.shape)

    def is_measured(self, read: str, true: str) -> bool:
        """Whether an engine was seen to read `true` as `read` (a character as itself included)."""
        _, found = _find(self._keys, np.array([ord(read) << _KEY_SHIFT | ord(true)], np.int64))
        return bool(found[0])

    def _pool(self, traditional: bool) -> _Pool:
        pool = self._pools.get(traditional)
        if pool is None:
            tiers = [COMMON, SYMBOL, TRADITIONAL] if traditional else [COMMON, SYMBOL]
            rows = np.flatnonzero(np.isin(self.shapes.tiers, tiers)).astype(np.int32)
            codes = self.shapes.codes[rows].astype(np.int64)
            pool = _Pool(rows, codes, self.shapes.vectors[rows].astype(np.float32), self._unseen_log(codes),
                         is_hanzi(codes))
            self._pools[traditional] = pool
        return pool

    def candidates(self, char: str, limit: int = 200, *, traditional: bool = False) -> tuple[Codes, Floats]:
        """Code points of the `limit` characters most likely to be read as `char`, with log10 P(char | each).

        Best first (see `with_prior`), without `char` itself. Characters of GB 2312 and signs take part,
        with `traditional` those of Big5 level 1 too, and every character measured to be read so. The
        arrays are read-only and cached; about a millisecond on first use.

        Raises `ValueError` unless `char` is one character and `limit` at least 0.
        """
        if len(char) != 1 or limit < 0:
            raise ValueError("candidates() takes one character and a limit of at least 0")
        key = (char, limit, traditional)
        known = self._cache.get(key)
        if known is not None:
            return known
        code = ord(char)
        pool = self._pool(traditional)
        similarity = self.shapes.similarities(code, pool.rows, pool.matrix)
        if similarity is None:
            similarity = np.full(len(pool.rows), np.nan, np.float32)
        read_hanzi = np.broadcast_to(is_hanzi(code), pool.hanzi.shape)
        logs = pool.unseen + self.model.given_error(similarity, pool.hanzi, read_hanzi)
        logs += self._liked_log(np.array([code], np.int64))
        low, high = np.searchsorted(self._keys, [code << _KEY_SHIFT, (code + 1) << _KEY_SHIFT])
        measured = self._keys[low:high] & ((1 << _KEY_SHIFT) - 1)
        place, found = _find(pool.codes, measured)
        logs[place[found]] = self._logs[low:high][found]
        codes = np.concatenate([pool.codes, measured[~found]])
        logs = np.maximum(np.concatenate([logs, self._logs[low:high][~found]]), self.model.floor).astype(np.float32)
        other = codes != code
        codes, logs = codes[other], logs[other]
        rank = logs
        if self._prior is not None:
            inside = codes < len(self._prior)
            rank = logs + np.where(inside, self._prior[np.where(inside, codes, 0)], self._prior.min())
        # Ties, all those at the bottom, go by code point, so that results never depend on the machine.
        order = np.lexsort((codes, -rank))[:limit]
        result = (codes[order], logs[order])
        for array in result:
            array.setflags(write=False)
        if len(self._cache) >= _CACHE_SIZE:
            self._cache.clear()
        self._cache[key] = result
        return result

    def neighbours(self, char: str, limit: int = 200, *, traditional: bool = False) -> list[tuple[str, float]]:
        """The true characters most likely to be read as `char` with log10 P(char | true); see `candidates`."""
        codes, logs = self.candidates(char, limit, traditional=traditional)
        return [(chr(code), float(log)) for code, log in zip(codes.tolist(), logs.tolist(), strict=True)]


@dataclass(frozen=True, slots=True)
class _Pool:
    """What `Channel.candidates` chooses from."""

    rows: NDArray[np.int32]
    codes: Codes
    matrix: Floats
    unseen: NDArray[np.float64]
    hanzi: NDArray[np.bool_]


def _find(table: Codes, wanted: Codes) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Where each of `wanted` stands in the sorted `table`, and whether it does at all."""
    place = np.searchsorted(table, wanted)
    if len(table) == 0:
        return place, np.zeros(wanted.shape, bool)
    inside = np.minimum(place, len(table) - 1)
    return inside, table[inside] == wanted


def _sorted(codes: list[int], values: list[float]) -> tuple[Codes, Floats]:
    """Both as arrays, in ascending order of the codes."""
    keys = np.array(codes, np.int64)
    order = np.argsort(keys, kind="stable")
    return keys[order], np.array(values, np.float32)[order]


def _revive(folder: Path | None, prior: NDArray[Any] | None, parts: tuple[Any, ...] | None) -> Channel:
    """A channel again from its pickle: by folder, so that the tables do not travel."""
    channel = Channel(*parts) if parts is not None else Channel.load(folder or ".")
    return channel if prior is None else channel.with_prior(prior)
