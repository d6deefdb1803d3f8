"""Compiled inner loops, where the installation could build them.

``kernels.c`` is compiled when the package is built (``hatch_build.py``); without a compiler everything works the same,
only slower: ngram.py and lattice.py then do with numpy what these functions do. ``REPAIR_KERNELS=off`` in the
environment does without them, too.
"""

from __future__ import annotations

import ctypes
import os
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from .lattice import Arcs

ABI: Final = 3
"""What `repair_abi` in ``kernels.c`` returns: a library of another version is left alone."""
MAX_ORDER: Final = 8
FILE: Final = "libkernels" + (".dll" if sys.platform == "win32" else ".dylib" if sys.platform == "darwin" else ".so")

_Pointers = ctypes.c_void_p * MAX_ORDER


class _Model(ctypes.Structure):
    _fields_ = (
        ("order", ctypes.c_int64),
        ("pad", ctypes.c_int64),
        ("radix", ctypes.c_uint32),
        ("unigram", ctypes.c_void_p),
        ("unigram_backoff", ctypes.c_void_p),
        ("buckets", ctypes.c_uint32 * MAX_ORDER),
        ("rows", _Pointers),
        ("codes", _Pointers),
        ("backoff_codes", _Pointers),
        ("values", _Pointers),
        ("backoffs", _Pointers),
        ("first", _Pointers),
        ("second", _Pointers),
    )


class _Arcs(ctypes.Structure):
    _fields_ = tuple((name, ctypes.c_void_p) for name in ("start", "symbol", "cost", "takes", "hope"))


def _address(array: NDArray[Any]) -> int:
    address: int = array.ctypes.data
    return address


@cache
def _library() -> ctypes.CDLL | None:
    """The compiled library, None where there is none."""
    path = Path(__file__).with_name(FILE)
    if os.environ.get("REPAIR_KERNELS") == "off" or not path.exists():
        return None
    try:
        library = ctypes.CDLL(str(path))
        library.repair_abi.restype = ctypes.c_int64
        if library.repair_abi() != ABI:
            return None
        pointer, number = ctypes.c_void_p, ctypes.c_int64
        library.repair_score_rows.argtypes = (pointer, pointer, number, number, number, pointer)
        library.repair_score_rows.restype = None
        library.repair_score_text.argtypes = (pointer, pointer, number, pointer)
        library.repair_score_text.restype = None
        library.repair_extend.argtypes = (pointer, pointer, number, pointer, pointer, number, pointer, pointer)
        library.repair_extend.restype = None
        library.repair_largest.argtypes = (pointer, pointer, number, number, pointer)
        library.repair_largest.restype = None
        library.repair_search.argtypes = (
            pointer, number, pointer, pointer, pointer, pointer, number, ctypes.c_float, pointer, pointer, pointer
        )  # fmt: skip
        library.repair_search.restype = number
    except (OSError, AttributeError):  # for another processor, or damaged
        return None
    return library


class Kernels:
    """The compiled functions, bound to the tables of one language model. The arrays are kept alive."""

    def __init__(
        self,
        library: ctypes.CDLL,
        order: int,
        pad: int,
        radix: int,
        unigram: NDArray[np.float32],
        unigram_backoff: NDArray[np.float32],
        tables: list[tuple[NDArray[Any] | None, ...]],
    ) -> None:
        self._library = library
        self._kept = (unigram, unigram_backoff, tables)
        self._size = order - 1
        model = _Model(order, pad, radix, _address(unigram), _address(unigram_backoff))
        for k, (rows, *others) in enumerate(tables):
            assert rows is not None
            model.buckets[k] = len(rows)
            model.rows[k] = _address(rows)
            for name, array in zip(
                ("codes", "backoff_codes", "values", "backoffs", "first", "second"), others, strict=True
            ):
                getattr(model, name)[k] = None if array is None else _address(array)
        self._model = model
        self._at = ctypes.addressof(model)

    def score_rows(self, rows: NDArray[np.uint32], first: int, out: NDArray[np.float32]) -> None:
        """`NgramModel.score_windows`: `rows` (n, width) and `out` (n, width - first), both contiguous."""
        count, width = rows.shape
        self._library.repair_score_rows(self._at, _address(rows), count, width, first, _address(out))

    def score(self, symbols: NDArray[np.uint32], out: NDArray[np.float32]) -> None:
        """`NgramModel.score`: both (n,) and contiguous."""
        self._library.repair_score_text(self._at, _address(symbols), len(symbols), _address(out))

    def extend(
        self, slots: NDArray[np.int64], symbols: NDArray[np.uint32], row: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """`NgramModel.extend`: states (order - 1, n), and a symbol and a state for each of (m,) continuations."""
        slots, symbols, row = np.ascontiguousarray(slots), np.ascontiguousarray(symbols), np.ascontiguousarray(row)
        count = len(symbols)
        reached = np.empty((self._size, count), np.int64)
        out = np.empty(count, np.float32)
        self._library.repair_extend(
            self._at, _address(slots), slots.shape[1], _address(symbols), _address(row), count, _address(reached),
            _address(out),
        )  # fmt: skip
        return reached, out

    def largest(self, left: NDArray[np.float32], right: NDArray[np.float32], out: NDArray[np.int64]) -> None:
        """Write to `out` (count,), at most 64, where the largest sums of two rows (n,) are, in no order."""
        self._library.repair_largest(_address(left), _address(right), len(left), len(out), _address(out))

    def search(
        self,
        contexts: NDArray[np.int64],
        length: NDArray[np.int64],
        arcs: Arcs,
        inserts: Arcs,
        width: int,
        beam: float,
    ) -> list[list[tuple[int, int]]]:
        """`lattice.search`."""
        total = 2 * int(length.sum())
        place, arc, size = np.empty(total, np.int64), np.empty(total, np.int64), np.empty(len(length), np.int64)
        rows = np.full((len(length), self._size), self._model.pad, np.int64)
        held = min(self._size, contexts.shape[1])
        rows[:, self._size - held :] = contexts[:, contexts.shape[1] - held :]
        length = np.ascontiguousarray(length, np.int64)
        parts = [[np.ascontiguousarray(column) for column in part] for part in (arcs, inserts)]
        structures = [_Arcs(*map(_address, part)) for part in parts]
        if self._library.repair_search(
            self._at, len(length), _address(rows), _address(length), *map(ctypes.addressof, structures), width,
            beam, _address(place), _address(arc), _address(size),
        ):  # fmt: skip
            raise MemoryError
        steps = list(zip(place.tolist(), arc.tolist(), strict=True))
        ends = np.cumsum(size).tolist()
        return [steps[start:end] for start, end in zip([0, *ends[:-1]], ends, strict=True)]


def bound(order: int, *tables: Any) -> Kernels | None:
    """The compiled functions for a model's tables (see `Kernels`), None where nothing was compiled."""
    library = _library()
    if library is None or order > MAX_ORDER or sys.byteorder != "little":
        return None
    return Kernels(library, order, *tables)
