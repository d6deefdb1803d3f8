"""How characters become language-model symbols.

The model must not care whether a comma is ASCII or full-width, which digit stands there or whether the
text is traditional: such differences are folded away, in training and at run time alike. The folding is
one character to one character (or to nothing), so a symbol always stands at one place of the text.

A trained model carries the finished table (code point -> symbol id); only training needs this module's
`fold_array` and, for the traditional characters, OpenCC.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

TABLE_SIZE: Final = 0x30000
"""Code points from here on are never symbols: tables have this many entries."""

DROPPED: Final = ""
"""What `FOLD` gives for characters that the model does not see at all."""

_FULL_WIDTH: Final = dict(zip(",;:?!()", "，；：？！（）", strict=True))
_ALIASES: Final = {
    **_FULL_WIDTH,
    **dict.fromkeys("‒–―─━﹘", "—"),
    **dict.fromkeys("‐‑−－", "-"),
    **dict.fromkeys("～〜∼", "~"),
    **dict.fromkeys("•‧∙⋅・･", "·"),
    "∶": "：",
}
# Blocks whose compatibility mapping is a mere variant of form: small and vertical punctuation,
# full-width ASCII, half-width signs, Kangxi radicals and compatibility ideographs.
_COMPATIBILITY: Final = (
    range(0x2E80, 0x2FE0),
    range(0xF900, 0xFB00),
    range(0xFE10, 0xFE20),
    range(0xFE30, 0xFE70),
    range(0xFF01, 0xFFEF),
    range(0x2F800, 0x2FA20),
)
_LATIN: Final = (range(0x41, 0x5B), range(0x61, 0x7B), range(0xC0, 0x250), range(0x1E00, 0x1F00))


def _is_invisible(character: str) -> bool:
    """True for white space, control and format characters and variation selectors."""
    code = ord(character)
    if 0xFE00 <= code <= 0xFE0F or 0xE0100 <= code <= 0xE01EF:
        return True
    return character.isspace() or unicodedata.category(character) in {"Cc", "Cf", "Zs", "Zl", "Zp"}


def _build_fold() -> dict[int, str]:
    fold: dict[int, str] = {}
    invisible = (range(0x21), range(0x7F, 0xAE), range(0x600, 0x620), range(0x1680, 0x1681),
                 range(0x180B, 0x180F), range(0x2000, 0x2070), range(0x3000, 0x3001), range(0xFE00, 0xFE10),
                 range(0xFEFF, 0xFF00), range(0xFFF9, 0xFFFC))  # fmt: skip
    for block in invisible:
        fold.update((code, DROPPED) for code in block if _is_invisible(chr(code)))
    for block in _COMPATIBILITY:
        for code in block:
            plain = unicodedata.normalize("NFKC", chr(code))
            if len(plain) == 1 and plain != chr(code):
                fold[code] = _ALIASES.get(plain, plain)
    fold.update((ord(character), target) for character, target in _ALIASES.items())
    for block in _LATIN:
        fold.update((code, "a") for code in block if chr(code).isalpha())
    fold.update((code, "a") for code in (*range(0xFF21, 0xFF3B), *range(0xFF41, 0xFF5B)))
    fold.update((code, "0") for code in (*range(0x30, 0x3A), *range(0xFF10, 0xFF1A)))
    return fold


FOLD: Final[Mapping[int, str]] = _build_fold()
"""Code point -> representative character, or `DROPPED`; a code point that is not a key stands for itself.

Traditional characters are not in it: see `traditional_characters`.
"""


def traditional_characters() -> dict[int, str]:
    """Traditional code point -> its simplified character, for single characters.

    Characters of GB 2312 stay themselves even where OpenCC would convert them alone (乾, 著, 瞭): they
    are in use in simplified text, and the model has to tell 乾 from 干.

    Raises:
        ImportError: OpenCC is not installed (it is needed for training only).
    """
    import opencc

    convert = opencc.OpenCC("t2s").convert
    table: dict[int, str] = {}
    for block in (range(0x3400, 0x4DC0), range(0x4E00, 0xA000), range(0x20000, 0x2F800)):
        for code in block:
            character = chr(code)
            simplified = convert(character)
            if simplified == character or len(simplified) != 1 or ord(simplified) >= TABLE_SIZE:
                continue
            try:
                character.encode("gb2312")
            except UnicodeEncodeError:
                table[code] = simplified
    return table


def fold_array(traditional: Mapping[int, str] | None = None) -> NDArray[np.uint32]:
    """The whole folding as an array of `TABLE_SIZE` code points: ``array[c]`` is the representative of `c`.

    Dropped characters have 0, lone surrogates (which are no characters) stand for themselves.
    """
    table = np.arange(TABLE_SIZE, dtype=np.uint32)
    for code, simplified in (traditional or {}).items():
        table[code] = ord(simplified)
    for code, target in FOLD.items():
        # A compatibility ideograph may itself be a traditional character: fold on.
        table[code] = table[ord(target)] if target else 0
    return table
