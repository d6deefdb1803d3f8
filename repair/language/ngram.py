"""Character n-gram language model at run time: memory-mapped, vectorised, numpy only.

Storage. Per order n >= 2 one hash table whose key is (slot of the (n-1)-gram prefix in the table below,
last symbol). Buckets hold four 16-bit checks, so that one 64-bit read fetches a bucket and all four are
compared at once. An n-gram lives in one of two buckets (cuckoo hashing, about 90 % full), both of the form
``(prefix modulo buckets + offset of the check) modulo buckets``: bucket and check together give back
the key, so that, unlike with fingerprints, a lookup is exact: no false hits, which would matter when hundreds
of candidates are scored for one place and the best is taken. Log-probabilities and back-offs are one byte
each (steps of a tenth of a log10 unit; each code stands for the mean of its values), in arrays of their
own: empty slots, frequent symbols and the uneven codes then compress well in a wheel (about 23 bits an n-gram).

Closure. An n-gram is stored only if its prefix and its suffix are. Orders are therefore looked up
from the lowest on, and an order only where both neighbours matched in the order below.

Identifiers. 0 is the unknown symbol, 1 begins and 2 ends a paragraph, ``vocabulary[i]`` is the
character of symbol i, and `NgramModel.pad` stands for "nothing is known here".
"""

from __future__ import annotations

import json
import mmap
import os
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from repair.language.folding import TABLE_SIZE
from repair.language.kernels import bound

MAGIC: Final = b"REPAIRNG"
VERSION: Final = 1
ALIGNMENT: Final = 64
UNK: Final = 0
BOS: Final = 1
EOS: Final = 2
DROPPED_ID: Final = 0xFFFF
MAX_CHECK: Final = 0x7FFE

_CHUNK: Final = 1 << 14  # positions scored at a time: temporaries stay in the processor's cache
_ENCODE_CHUNK: Final = 1 << 20
_FEW: Final = 1 << 11  # continuations up to which all orders are looked up at once
_CHOICES: Final = np.array([[1], [2]], np.uint32)
_ONES: Final = np.uint64(0x0001_0001_0001_0001)
_HIGH: Final = np.uint64(0x8000_8000_8000_8000)


class ModelError(ValueError):
    """A model file cannot be used; the message is one line and names the file."""


def _codes(text: str) -> NDArray[np.uint32]:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")


def offsets(order: int, checks: int, buckets: int) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    """The two pseudo-random bucket offsets of every check value: arrays (checks,) of values < `buckets`.

    Computed, not stored: part of the file format.
    """
    result = []
    for choice in (0, 1):
        x = np.arange(checks, dtype=np.uint64) + np.uint64((2 * order + choice + 1) << 32)
        # The finaliser of splitmix64.
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        x ^= x >> np.uint64(31)
        result.append(((x >> np.uint64(32)) * np.uint64(buckets) >> np.uint64(32)).astype(np.uint32))
    return result[0], result[1]


@dataclass(frozen=True, slots=True)
class _Table:
    """One order: `rows` (buckets,) of four checks, codes (4 * buckets,), codebooks (256,) in log10."""

    rows: NDArray[np.uint64]
    codes: NDArray[np.uint8]
    backoff_codes: NDArray[np.uint8] | None
    values: NDArray[np.float32]
    backoffs: NDArray[np.float32]
    radix: int
    first: NDArray[np.uint32]
    second: NDArray[np.uint32]

    def find(
        self, prefix: NDArray[np.uint32], symbol: NDArray[np.uint32]
    ) -> tuple[NDArray[np.intp], NDArray[np.uint32]]:
        """Which of the queries (n,) are stored (indices) and in which slots."""
        buckets = np.uint32(len(self.rows))
        block = prefix // buckets
        home = prefix - block * buckets
        check = symbol + block * np.uint32(self.radix)
        hits_1, slots_1, misses = self._probe(home, check, self.first, np.uint32(1), want_misses=True)
        hits_2, slots_2, _ = self._probe(home[misses], check[misses], self.second, np.uint32(2), want_misses=False)
        return np.concatenate((hits_1, misses[hits_2])), np.concatenate((slots_1, slots_2))

    def _probe(
        self,
        home: NDArray[np.uint32],
        check: NDArray[np.uint32],
        offset: NDArray[np.uint32],
        choice: np.uint32,
        want_misses: bool,
    ) -> tuple[NDArray[np.intp], NDArray[np.uint32], NDArray[np.intp]]:
        buckets = np.uint32(len(self.rows))
        bucket = home + offset.take(check)
        np.minimum(bucket, bucket - buckets, out=bucket)  # modulo: the difference wraps round where it is negative
        lanes = (check * np.uint32(2) + choice).astype(np.uint64)  # never 0, which is an empty slot
        lanes *= _ONES
        lanes ^= self.rows.take(bucket)
        # Now a 16-bit lane is zero where the check agrees: mark its top bit (exact for the lowest such lane).
        mark = lanes - _ONES
        np.invert(lanes, out=lanes)
        mark &= lanes
        mark &= _HIGH
        found = mark != 0
        hits = np.flatnonzero(found)
        lane = _lane(mark.take(hits))
        lane += bucket.take(hits) * np.uint32(4)
        misses = np.flatnonzero(~found) if want_misses else hits
        return hits, lane, misses


def _lane(mark: NDArray[np.uint64]) -> NDArray[np.uint32]:
    """Which 16-bit lane of each of `mark` (n,) holds the lowest bit set, (n,)."""
    lowest = mark & (~mark + np.uint64(1))
    lane = (lowest > np.uint64(0xFFFF)).astype(np.uint32)
    lane += lowest > np.uint64(0xFFFF_FFFF)
    lane += lowest > np.uint64(0xFFFF_FFFF_FFFF)
    return lane


@dataclass(frozen=True, slots=True)
class State:
    """What n readers of a text have in mind: `slots` (order - 1, n), the last symbol and the slots of the
    n-grams of 2 to order - 1 symbols that end with it, -1 where there is none."""

    slots: NDArray[np.int64]

    def take(self, index: NDArray[np.intp]) -> State:
        """The states of some readers, in the order of `index`, which may repeat."""
        return State(self.slots.take(index, axis=1))


class NgramModel:
    """A trained model. Immutable; safe to share between threads, and its pages between processes.

    Attributes:
        order: longest n-gram (5: four symbols of context).
        digest: short hexadecimal identity of the model's content.
        vocabulary: one string a symbol id; the first three are ``<unk>``, ``<s>``, ``</s>``.
        unigram: (len(vocabulary),) log10 probability of each symbol without context.
        pad: id that stands for "nothing is known here".
        info: the header as stored (training parameters, entries an order); do not change it.
        kernels: the compiled inner loops for its tables, None where nothing was compiled.
    """

    def __init__(self, header: dict[str, Any], arrays: dict[str, NDArray[Any]], source: str | None = None) -> None:
        self.info: dict[str, Any] = header
        self.order: int = int(header["order"])
        self.digest: str = str(header["digest"])
        characters: str = header["characters"]
        self.vocabulary: tuple[str, ...] = ("<unk>", "<s>", "</s>", *characters)
        size = len(self.vocabulary)
        self.pad: int = size
        self._source = source
        self._symbols: NDArray[np.uint16] = arrays["symbols"]
        self._unigram = np.append(arrays["unigram"], np.float32(0))
        self._unigram_backoff = np.append(arrays["unigram_backoff"], np.float32(0))
        self.unigram: NDArray[np.float32] = self._unigram[:size]
        self.unigram.flags.writeable = False
        self._tables: list[_Table] = []
        radix = size + 1
        below = size + 1
        for order in range(2, self.order + 1):
            rows = arrays[f"rows{order}"]
            blocks = (below - 1) // len(rows) + 1
            first, second = offsets(order, radix * blocks, len(rows))
            back = arrays.get(f"backoff_codes{order}")
            books = arrays["codebooks"].reshape(-1, 2, 256)[order - 2]
            self._tables.append(_Table(rows, arrays[f"codes{order}"], back, books[0], books[1], radix, first, second))
            below = 4 * len(rows)
        # The same of all orders in one piece: (orders, 1), and (orders, 2, 1) for both choices of a bucket.
        self._buckets = np.array([[len(table.rows)] for table in self._tables], np.uint32)
        self._radix = np.uint32(radix)
        pieces = [piece for table in self._tables for piece in (table.first, table.second)]
        self._offsets = np.concatenate(pieces)
        sizes = np.array([len(piece) for piece in pieces])
        self._offset_start = (np.cumsum(sizes) - sizes).astype(np.uint32).reshape(-1, 2, 1)
        self.kernels = bound(
            self.order,
            self.pad,
            radix,
            self._unigram,
            self._unigram_backoff,
            [(t.rows, t.codes, t.backoff_codes, t.values, t.backoffs, t.first, t.second) for t in self._tables],
        )

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, verify: bool = True) -> NgramModel:
        """Map the file at `path` read-only.

        With `verify` the checksum of the whole content is compared (a few hundredths of a second).

        Raises:
            ModelError: not a model file, another version, truncated or damaged.
            OSError: the file cannot be read.
        """
        name = os.fspath(path)
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size < 20:
                raise ModelError(f"{name}: not a language model (too short)")
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        view = memoryview(data)
        if bytes(view[:8]) != MAGIC:
            raise ModelError(f"{name}: not a language model")
        version = int.from_bytes(view[8:12], "little")
        if version != VERSION:
            raise ModelError(f"{name}: language model of version {version}, this program reads version {VERSION}")
        length = int.from_bytes(view[12:16], "little")
        head = view[20 : 20 + length]
        if len(head) != length or zlib.crc32(head) != int.from_bytes(view[16:20], "little"):
            raise ModelError(f"{name}: damaged language model (header)")
        try:
            header = json.loads(bytes(head))
            start = -(-(20 + length) // ALIGNMENT) * ALIGNMENT
            if size != start + header["bytes"]:
                raise ModelError(f"{name}: truncated language model ({size} bytes, {start + header['bytes']} expected)")
            if verify and zlib.crc32(view[start:]) != header["crc32"]:
                raise ModelError(f"{name}: damaged language model (checksum)")
            arrays: dict[str, NDArray[Any]] = {
                key: np.frombuffer(data, np.dtype(kind), count, start + offset)
                for key, (kind, count, offset) in header["arrays"].items()
            }
            return cls(header, arrays, name)
        except (KeyError, TypeError, ValueError, IndexError) as error:
            if isinstance(error, ModelError):
                raise
            raise ModelError(f"{name}: damaged language model ({type(error).__name__})") from error

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        """Pickle as the path only: workers map the same file."""
        if self._source is None:
            raise TypeError("a language model that was not loaded from a file cannot be pickled")
        return NgramModel.load, (self._source,)

    def __repr__(self) -> str:
        return f"<NgramModel order {self.order}, {len(self.vocabulary)} symbols, {self.digest}>"

    # ---------------------------------------------------------------- symbols

    def char_id(self, character: str) -> int:
        """Symbol id of one character; `UNK` (0) if the model does not know it, -1 if it is dropped (a blank)."""
        code = ord(character)
        symbol = int(self._symbols[code]) if code < TABLE_SIZE else UNK
        return -1 if symbol == DROPPED_ID else symbol

    def char_ids(self, characters: str) -> NDArray[np.int32]:
        """`char_id` of every character: (len(characters),)."""
        return self.code_ids(_codes(characters))

    def code_ids(self, codes: NDArray[Any]) -> NDArray[np.int32]:
        """`char_id` of the character of every code point, in the shape of `codes`."""
        symbols = self._lookup(codes).astype(np.int32)
        symbols[symbols == DROPPED_ID] = -1
        return symbols

    def encode(self, text: str) -> tuple[NDArray[np.uint16], NDArray[np.int64]]:
        """Symbol ids (n,) of the characters that are not dropped, and the index in `text` of each (n,)."""
        ids = np.empty(len(text), np.uint16)
        positions = np.empty(len(text), np.int64)
        count = 0
        for start in range(0, len(text), _ENCODE_CHUNK):
            symbols = self._lookup(_codes(text[start : start + _ENCODE_CHUNK]))
            kept = np.flatnonzero(symbols != DROPPED_ID)
            end = count + len(kept)
            ids[count:end] = symbols[kept]
            np.add(kept, start, out=positions[count:end])
            count = end
        # Shrink in place: the text may be long and mostly blanks.
        ids.resize(count, refcheck=False)
        positions.resize(count, refcheck=False)
        return ids, positions

    def _lookup(self, codes: NDArray[Any]) -> NDArray[np.uint16]:
        symbols = self._symbols.take(codes, mode="clip")
        if codes.size and int(codes.max()) >= TABLE_SIZE:
            symbols[codes >= TABLE_SIZE] = UNK
        return symbols

    # ---------------------------------------------------------------- scores

    def score(self, ids: ArrayLike) -> NDArray[np.float32]:
        """log10 probability of each symbol given the up to ``order - 1`` symbols before it: (n,).

        `ids` (n,) may hold `BOS` and `EOS` anywhere; contexts do not reach back over a `BOS` or a `pad`,
        whose own score is 0. The first symbol has no context.

        Raises:
            ValueError: an id that is not in the model.
        """
        symbols = self._checked(np.asarray(ids))
        count = len(symbols)
        result = np.empty(count, np.float32)
        if self.kernels:
            self.kernels.score(symbols.astype(np.uint32), result)
            return result
        reach = self.order - 1
        for start in range(0, count, _CHUNK):
            # The symbols before the chunk are looked up again: cheaper than carrying the state of every order.
            back = min(reach, start)
            end = min(start + _CHUNK, count)
            result[start:end] = self._score(symbols[start - back : end].astype(np.uint32), 1, back)
        return result

    def score_windows(self, windows: ArrayLike, from_col: int) -> NDArray[np.float32]:
        """log10 probabilities of the columns from `from_col` on, each given the columns before it in its row.

        `windows` is (n, length), a candidate reading a row; `pad` at the left of a row where less context
        is known. Returns (n, length - from_col). Columns further left than ``order - 1`` before `from_col`
        have no influence.

        Raises:
            ValueError: an id that is not in the model, or `from_col` outside the row.
        """
        matrix = np.asarray(windows)
        rows, length = matrix.shape
        if not 0 <= from_col <= length:
            raise ValueError(f"from_col {from_col} outside of rows of {length} columns")
        skipped = max(0, from_col - self.order + 1)
        width = length - from_col
        result = np.empty((rows, width), np.float32)
        if not width or not rows:
            return result
        matrix = self._checked(matrix)[:, skipped:]
        first = from_col - skipped
        if self.kernels:
            self.kernels.score_rows(np.ascontiguousarray(matrix, np.uint32), first, result)
            return result
        step = max(1, 2 * _CHUNK // (length - skipped))
        for start in range(0, rows, step):
            part = matrix[start : start + step]
            # Column after column, so that "the symbol before" is always one stride to the left.
            flat = part.T.astype(np.uint32).ravel()
            result[start : start + step] = self._score(flat, len(part), first * len(part)).reshape(width, -1).T
        return result

    def states(self, contexts: ArrayLike) -> State:
        """The states after reading each row of `contexts` (n, length), `pad` at the left where less is known.

        Raises:
            ValueError: an id that is not in the model.
        """
        matrix = self._checked(np.asarray(contexts))[:, -(self.order - 1) :].astype(np.uint32)
        slots = np.full((self.order - 1, len(matrix)), -1, np.int64)
        slots[0] = self.pad
        state = State(slots)
        rows = np.arange(len(matrix))
        for column in range(matrix.shape[1]):
            state, _ = self.extend(state, matrix[:, column], rows)
        return state

    def extend(
        self, state: State, symbols: NDArray[np.uint32], row: NDArray[np.intp]
    ) -> tuple[State, NDArray[np.float32]]:
        """Read a symbol (m,) after each of the states `row` (m,): the new states and log10 probabilities (m,).

        The cheap way to score many continuations of few contexts: contexts are not looked up again.
        Ids are not checked.
        """
        if self.kernels:
            slots, total = self.kernels.extend(state.slots, symbols, row)
            return State(slots), total
        if len(symbols) > _FEW:
            slots, total = self._extend_many(state.slots.take(row, axis=1), symbols)
        else:
            slots, total = self._extend_few(state.slots, symbols, row)
        total[(symbols == BOS) | (symbols == self.pad)] = 0
        return State(slots), total

    def _extend_few(
        self, contexts: NDArray[np.int64], symbols: NDArray[np.uint32], row: NDArray[np.intp]
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """`extend` for few symbols, where the number of calls is what takes time: both buckets of all orders are
        looked into at once, whether or not a shorter n-gram was found."""
        prefix = np.maximum(contexts, 0).astype(np.uint32)
        block = prefix // self._buckets
        home = prefix - block * self._buckets
        allowed = np.where(contexts >= 0, _HIGH, np.uint64(0))
        check = symbols + (block * self._radix).take(row, axis=1)
        # (order, choice of bucket, symbol)
        bucket = self._offsets.take(check[:, None] + self._offset_start, mode="clip")
        bucket += home.take(row, axis=1)[:, None]
        np.minimum(bucket, bucket - self._buckets[:, None], out=bucket)
        lanes = check[:, None] * np.uint32(2) + _CHOICES
        lanes = lanes.astype(np.uint64)
        lanes *= _ONES
        for table, lane, where in zip(self._tables, lanes, bucket, strict=True):
            lane ^= table.rows.take(where)
        mark = lanes - _ONES
        np.invert(lanes, out=lanes)
        mark &= lanes
        mark &= allowed.take(row, axis=1)[:, None]
        mark = mark.ravel()
        hits = mark.nonzero()[0]
        slot = _lane(mark.take(hits))
        slot += bucket.ravel().take(hits) * np.uint32(4)
        count = len(symbols)
        cuts = hits.searchsorted(np.arange(1, len(self._tables) + 1) * (2 * count)).tolist()
        reader = hits % count
        slots = np.full((len(self._tables), count), -1, np.int64)
        slots[0] = symbols
        total = self._unigram.take(symbols)
        start = 0
        for order, (table, stop) in enumerate(zip(self._tables, cuts, strict=True), 2):
            # The back-off of the longest matching context counts only where the n-gram itself is not found.
            total += self._backoff(contexts[order - 2], prefix[order - 2], order).take(row)
            who, where = reader[start:stop], slot[start:stop]
            total[who] = table.values.take(table.codes.take(where))
            if order < self.order:
                slots[order - 1, who] = where
            start = stop
        return slots, total

    def _backoff(self, context: NDArray[np.int64], slot: NDArray[np.uint32], order: int) -> NDArray[np.float32]:
        """log10 back-offs (n,) of contexts of ``order - 1`` symbols, 0 where there is none (`context` < 0)."""
        if order == 2:
            return self._unigram_backoff.take(slot)
        below = self._tables[order - 3]
        if below.backoff_codes is None:
            return np.zeros(len(slot), np.float32)
        return below.backoffs.take(below.backoff_codes.take(slot)) * (context >= 0)

    def _extend_many(
        self, contexts: NDArray[np.int64], symbols: NDArray[np.uint32]
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """`extend` for many symbols, where it pays to look up only what can be there; a context for each."""
        slots = np.full((self.order - 1, len(symbols)), -1, np.int64)
        slots[0] = symbols
        total = self._unigram.take(symbols)
        total += self._unigram_backoff.take(contexts[0])
        active = np.arange(len(symbols))
        for order, table in enumerate(self._tables, 2):
            prefix = contexts[order - 2].take(active)
            if order > 2:
                known = np.flatnonzero(prefix >= 0)
                below = self._tables[order - 3]
                if below.backoff_codes is not None:
                    # The back-off of the longest matching context counts only where the n-gram itself is not found.
                    held = np.flatnonzero(contexts[order - 2] >= 0)
                    total[held] += below.backoffs.take(below.backoff_codes.take(contexts[order - 2].take(held)))
                active, prefix = active.take(known), prefix.take(known)
            found, where = table.find(prefix.astype(np.uint32), symbols.take(active))
            active = active.take(found)
            total[active] = table.values.take(table.codes.take(where))
            if order < self.order:
                slots[order - 1, active] = where
        return slots, total

    def _checked(self, ids: NDArray[Any]) -> NDArray[Any]:
        if ids.size and (int(ids.max()) > self.pad or (ids.dtype.kind == "i" and int(ids.min()) < 0)):
            raise ValueError("symbol id outside of the model's vocabulary")
        return ids

    def _score(self, symbols: NDArray[np.uint32], stride: int, first: int) -> NDArray[np.float32]:
        """Scores of ``symbols[first:]`` where the symbol before i stands at ``i - stride``."""
        count = len(symbols)
        total = self._unigram.take(symbols)
        backoff = self._unigram_backoff.take(symbols)
        slots: NDArray[np.int64] = np.empty(0, np.int64)
        for order, table in enumerate(self._tables, 2):
            # Lower orders are needed further to the left: as contexts of what is scored.
            low = max(stride, first - (self.order - order) * stride)
            if low >= count:
                break
            before = slice(low - stride, count - stride)
            if order == 2:
                found, where = table.find(symbols[before], symbols[low:])
                found += low
            else:
                both = slots[low:] >= 0
                both &= slots[before] >= 0
                active = np.flatnonzero(both)
                active += low
                prefix = slots.take(active - stride).astype(np.uint32)
                found, where = table.find(prefix, symbols.take(active))
                found = active.take(found)
            # Longest match, or the shorter one and the back-off of the context that did not match.
            total[low:] += backoff[before]
            total[found] = table.values.take(table.codes.take(where))
            if table.backoff_codes is not None:
                slots = np.full(count, -1, np.int64)
                slots[found] = where
                backoff = np.zeros(count, np.float32)
                backoff[found] = table.backoffs.take(table.backoff_codes.take(where))
        scored = total[first:]
        tail = symbols[first:]
        scored[(tail == BOS) | (tail == self.pad)] = 0
        return scored


def write_model(path: str | os.PathLike[str], header: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> None:
    """Write a model file: magic, version, checked JSON header, then aligned little-endian arrays.

    `header` needs ``order`` and ``characters``; sizes, checksum and digest are added. Same content, same bytes.
    """
    import hashlib

    directory: dict[str, tuple[str, int, int]] = {}
    body = bytearray()
    for name, array in arrays.items():
        body.extend(b"\0" * (-len(body) % ALIGNMENT))
        little = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
        directory[name] = (little.dtype.str, int(little.size), len(body))
        body.extend(little.tobytes())
    content = {**header, "arrays": directory, "bytes": len(body), "crc32": zlib.crc32(body)}
    identity = hashlib.sha256(json.dumps(content, sort_keys=True).encode())
    identity.update(body)
    content["digest"] = identity.hexdigest()[:16]
    head = json.dumps(content, sort_keys=True, ensure_ascii=False).encode()
    lead = MAGIC + b"".join(value.to_bytes(4, "little") for value in (VERSION, len(head), zlib.crc32(head))) + head
    target = Path(path)
    partial = target.with_name(target.name + ".partial")
    with open(partial, "wb") as file:
        file.write(lead)
        file.write(b"\0" * (-len(lead) % ALIGNMENT))
        file.write(body)
    os.replace(partial, target)
