"""How often engines drop a character, read one where there is none, or read one as two.

Measured on pages with their truth by ``benchmarks/build_slips.py`` and kept in ``slips.tsv``. What
matters most is where in its line a character stands: at the edges specks and frames are read as
marks, and marks are lost.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np
from numpy.typing import NDArray

SLIPS_FILE: Final = "slips.tsv"
INSIDE, FIRST, LAST = 0, 1, 2
"""Where in its line a character stands."""
PLACES: Final = ("inside", "first", "last")
_TABLE = 0x10000


class SlipsError(ValueError):
    """The table cannot be used; the message is one line."""


class Slips:
    """log10 probabilities of characters read without cause, dropped, and read as two.

    `dropped`: character -> (inside a line, at its end), of P(not read | character). `split`: two characters as
    read -> the one that was printed with log10 P(read so | printed).
    """

    def __init__(self, rows: Iterable[list[str]]) -> None:
        """`rows` are kind, character or characters, place, log10. Raises `SlipsError`."""
        spurious: dict[tuple[str, str], float] = {}
        dropped: dict[str, list[float]] = {}
        self.split: dict[str, list[tuple[str, float]]] = {}
        for kind, read, where, value in rows:
            try:
                log = float(value)
            except ValueError:
                raise SlipsError(f"{SLIPS_FILE}: not a number: {value!r}") from None
            if kind == "spurious" and where in PLACES:
                spurious[read, where] = log
            elif kind == "dropped" and len(read) == 1 and where in ("inside", "last"):
                dropped.setdefault(read, [0.0, 0.0])[where == "last"] = log
            elif kind == "split" and len(read) == 2 and len(where) == 1:
                self.split.setdefault(read, []).append((where, log))
            else:
                raise SlipsError(f"{SLIPS_FILE}: not a row of the table: {kind} {read} {where}")
        self.dropped = {mark: (inside, last) for mark, (inside, last) in dropped.items()}
        self._spurious = np.zeros((len(PLACES), _TABLE), np.float32)
        for number, place in enumerate(PLACES):
            try:
                general, hanzi = spurious["sign", place], spurious["Hanzi", place]
            except KeyError:
                raise SlipsError(f"{SLIPS_FILE}: no row for all signs and all Hanzi {place}") from None
            self._spurious[number] = general
            self._spurious[number, 0x3400:0xA000] = hanzi
            for (read, where), log in spurious.items():
                if where == place and len(read) == 1 and ord(read) < _TABLE:
                    self._spurious[number, ord(read)] = log

    def spurious(self, codes: NDArray[np.int64], place: NDArray[np.int8]) -> NDArray[np.float32]:
        """log10 share of the characters `codes` (n,), read at `place` (n,) in their lines, with nothing behind them."""
        log: NDArray[np.float32] = self._spurious[place, np.minimum(codes, _TABLE - 1)]
        return log
