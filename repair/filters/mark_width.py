"""Half-width marks , : ; ? ! ( ) that were printed full-width: engines write one for the other.

Whether a page came out of such an engine, or its author writes that way, is a question of evidence: how damaged
the text is otherwise, how the same mark is written elsewhere in it, what stands on both sides. A logistic
regression weighs it (``benchmarks/fit_mark_width.py``).

Left alone: numbers, English, code and syntax, brackets around English, and the style of texts that show
no damage.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..document import Document
from ..language.logistic import logistic
from ..text import Proposal
from .base import Filter, Rule
from .decoded import damage_of, findings

UNDAMAGED = -2.8
"""log10 of likely repairs a symbol below which a text shows no sign of an engine: its marks are its author's."""
WIDE = {",": "，", ":": "：", ";": "；", "?": "？", "!": "！", "(": "（", ")": "）"}
_HALF = re.compile("[,:;?!()]")
SPECK = 0.5
"""Probability from which a mark is rather a speck, or another mark, than one in the wrong width."""
_FACES = frozenset(a + b for a in ":;" for b in "()")
_BLANK = " \t\u3000"
_MARKS = frozenset("，。、：；？！“”‘’《》（）—…·,:;?!()\"'")

FEATURES = (
    "bias",
    "damage",
    "dirty",
    "style",
    "same_full",
    "same_half",
    "others_full",
    "others_half",
    "before_hanzi",
    "before_digit",
    "before_letter",
    "before_mark",
    "before_edge",
    "after_hanzi",
    "after_digit",
    "after_letter",
    "after_mark",
    "after_edge",
    "blank_before",
    "blank_after",
    "likely",
    "likely_next",
    "inside_latin",
    *(f"is_{mark}" for mark in WIDE),
)
INDEX = {name: k for k, name in enumerate(FEATURES)}


class Place(NamedTuple):
    """A half-width mark at `at`, with the evidence that it was printed full-width."""

    at: int
    evidence: NDArray[np.float64]


def places(document: Document) -> list[Place]:
    """All half-width marks with a Chinese character or mark near, none in protected text."""
    text = document.text
    found = [m.start() for m in _HALF.finditer(text)]
    if not found:
        return []
    shield = document.protected.mask(len(text))
    found = [at for at in found if not shield[at] and _chinese_near(text, at) and not _face(text, at)]
    if not found:
        return []
    counts = {mark: (text.count(WIDE[mark]), text.count(mark)) for mark in WIDE}
    full, half = (sum(c[k] for c in counts.values()) for k in (0, 1))
    damage, dirty, style = _damage(document), document.dirt, document.style
    view = document.view
    index = np.searchsorted(view.positions, found)
    out = []
    for at, k in zip(found, index.tolist(), strict=True):
        mark = text[at]
        row = np.zeros(len(FEATURES))
        before, blank_before = _neighbour(text, at, -1)
        after, blank_after = _neighbour(text, at, 1)
        same_full, same_half = counts[mark]
        values = {
            "bias": 1.0,
            "damage": damage,
            "dirty": dirty,
            "style": style,
            "same_full": math.log2(1 + same_full),
            "same_half": math.log2(same_half),
            "others_full": math.log2(1 + full - same_full),
            "others_half": math.log2(1 + half - same_half),
            f"before_{_kind(before)}": 1.0,
            f"after_{_kind(after)}": 1.0,
            "blank_before": float(blank_before),
            "blank_after": float(blank_after),
            "likely": float(max(-4.0, view.logp[k])),
            "likely_next": float(max(-4.0, view.logp[k + 1])) if k + 1 < len(view.logp) else 0.0,
            "inside_latin": float(_latin_inside(text, at)),
            f"is_{mark}": 1.0,
        }
        for name, value in values.items():
            row[INDEX[name]] = value
        out.append(Place(at, row))
    return out


def _damage(document: Document) -> float:
    """How damaged the text was when it came in, which stays true while it is repaired, or is now if that is more: what
    would be done to the repaired text by itself must have been done to it."""
    now = damage_of(document)
    damage: float = document.shared.setdefault("mark_width", now)
    return max(damage, now)


def _kind(ch: str) -> str:
    if not ch:
        return "edge"
    if ch.isdigit():
        return "digit"
    if ch.isascii() and ch.isalpha():
        return "letter"
    return "mark" if ch in _MARKS or not ch.isalpha() else "hanzi"


def _neighbour(text: str, at: int, step: int) -> tuple[str, bool]:
    """The next character in one direction, blanks left out, "" at the edge of the line; whether there were blanks."""
    k = at + step
    while 0 <= k < len(text) and text[k] in _BLANK:
        k += step
    inside = 0 <= k < len(text) and text[k] not in "\n\r\f"
    return (text[k] if inside else ""), k != at + step


def _chinese_near(text: str, at: int) -> bool:
    return any("\u3001" <= ch <= "\u9fff" or ch in "“”：，。；？！（）" for ch in text[max(0, at - 4) : at + 5])


def _face(text: str, at: int) -> bool:
    """Whether the mark may be part of a face made of signs, :) or ;("""
    return text[at : at + 2] in _FACES or text[max(0, at - 1) : at + 1] in _FACES


def _latin_inside(text: str, at: int) -> bool:
    """Whether a bracket holds only Latin text or numbers."""
    if text[at] == "(":
        inside = text[at + 1 : at + 40].split(")")[0]
    elif text[at] == ")":
        inside = text[max(0, at - 40) : at].rpartition("(")[2]
    else:
        return False
    return bool(inside) and inside.isascii()


def propose(document: Document, settings: Mapping[str, Any]) -> Iterator[Proposal]:
    if not _HALF.search(document.text):
        return
    if _damage(document) < UNDAMAGED:
        return
    found = places(document)
    if not found:
        return
    probabilities = np.stack([place.evidence for place in found]) @ document.resources.weights("mark_width", FEATURES)
    likely = [(place.at, p) for place, p in zip(found, map(logistic, probabilities.tolist()), strict=True)]
    likely = [item for item in likely if item[1] >= settings["least"]]
    if not likely:
        return
    doubtful = {f.start for f in findings(document) if f.kind != "hanzi" and f.probability >= SPECK}
    for at, probability in likely:
        if at in doubtful:
            continue  # a speck, or another mark altogether
        mark = document.text[at]
        yield Proposal(
            at,
            at + 1,
            WIDE[mark],
            "mark-width",
            probability,
            f"printed {WIDE[mark]}, as the page is otherwise",
            ((WIDE[mark], probability), (mark, 1 - probability)),
        )


FILTER = Filter(
    "mark_width",
    (
        Rule(
            "mark-width",
            "a half-width mark that was printed full-width",
            # Where it was not printed full-width, another mark was: of 1,600 on pages none was right as read.
            safe_at=0.5,
            review_at=0.3,
            examples=(("正式开通,他们通过", "正式开通，他们通过"),),
        ),
    ),
    propose,
    settings={"least": 0.3},
)
