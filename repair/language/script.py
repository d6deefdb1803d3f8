"""Simplified and traditional Chinese: which characters belong to one script only, and conversion, from OpenCC.

A character counts as *traditional only* where OpenCC would simplify it and GB 2312 does not have it, as
*simplified only* where OpenCC would change it the other way and it is not among the frequent characters of
Big5. So 乾, 著, 於, 徵 (in GB 2312) and 后, 里, 干, 台 (frequent in Big5) belong to both.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    import opencc
    from numpy.typing import NDArray

BOTH: Final = 0
TRADITIONAL: Final = 1
SIMPLIFIED: Final = 2

KEPT: Final = frozenset("乾吒夥後徵拚捱摺於榘菸薹袷醣麴麽著瞭藉餘馀髮裏鍾锺祇甯昇薑託佈妳祂牠蒐係")
"""In use in simplified text as well, by rule, as a variant or in names: never an error of script."""

_BLOCKS: Final = ((0x3400, 0x4DC0), (0x4E00, 0xA000))
_SIZE: Final = 0x110000


class Script:
    """OpenCC's conversions and the tables derived from them. Loads in about 40 ms."""

    @cached_property
    def _t2s(self) -> opencc.OpenCC:
        import opencc

        return opencc.OpenCC("t2s")

    @cached_property
    def _s2t(self) -> opencc.OpenCC:
        import opencc

        return opencc.OpenCC("s2t")

    @cached_property
    def table(self) -> NDArray[np.uint8]:
        """For each code point `BOTH`, `TRADITIONAL` or `SIMPLIFIED` (only)."""
        table = np.zeros(_SIZE, dtype=np.uint8)
        characters = [chr(code) for first, end in _BLOCKS for code in range(first, end)]
        block = "\n".join(characters)
        simpler = self._t2s.convert(block).split("\n")
        fuller = self._s2t.convert(block).split("\n")
        for c, s, t in zip(characters, simpler, fuller, strict=True):
            if (s == c) == (t == c) or c in KEPT:
                continue
            if s != c:
                if not _encodable(c, "gb2312"):
                    table[ord(c)] = TRADITIONAL
            elif not (_encodable(c, "big5") and c.encode("big5") < b"\xc6\xa1"):
                table[ord(c)] = SIMPLIFIED
        return table

    def kinds(self, codes: NDArray[np.uint32]) -> NDArray[np.uint8]:
        """The table's entry for each of `codes`."""
        return self.table.take(codes)

    def kind(self, character: str) -> int:
        """`BOTH`, `TRADITIONAL` or `SIMPLIFIED` for one character."""
        return int(self.table[ord(character)])

    def to_simplified(self, text: str) -> str:
        """OpenCC's conversion, by phrases; the same length as `text`."""
        return _same_length(text, self._t2s)

    def to_traditional(self, text: str) -> str:
        """OpenCC's conversion, by phrases; the same length as `text`."""
        return _same_length(text, self._s2t)


def _encodable(character: str, codec: str) -> bool:
    try:
        character.encode(codec)
    except UnicodeEncodeError:
        return False
    return True


def _same_length(text: str, converter: opencc.OpenCC) -> str:
    """Converted as a whole where that keeps the length, else character by character."""
    whole: str = converter.convert(text)
    if len(whole) == len(text):
        return whole
    singles: list[str] = [converter.convert(c) for c in text]
    return "".join(s if len(s) == 1 else c for s, c in zip(singles, text, strict=True))
