"""What a filter looks at: a text with everything about it that is expensive to find, found once.

A `Document` is read-only. Its attributes are computed on first use, so a filter that needs no
language model does not load one.
"""

from __future__ import annotations

import math
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .language.lexicon import Lexicon
from .language.ngram import BOS, EOS
from .language.resources import Resources, default_resources
from .language.script import SIMPLIFIED, TRADITIONAL
from .layout import Layout
from .protect import Protected, english_spans, hard_spans
from .structure import Line, structure

if TYPE_CHECKING:
    from numpy.typing import NDArray

TERMINAL = frozenset("。！？!?…；;：:」』”’）)】》〉.")
"""What a sentence, clause in a list, quotation or note may end with at the end of a line."""


TYPICAL, TYPICAL_DIRT, TYPICAL_STYLE = 200, 0.03, -1.5
"""Weight in symbols, and values, of the typical text that short texts are measured together with (clean news)."""


class View(NamedTuple):
    """The text as the language model reads it: white space left out, paragraphs between boundary symbols.

    `ids`: int array (n,), symbols; `positions`: int64 array (n,), the code point each stands for (for
    a boundary symbol: where the paragraph ends or starts); `logp`: float32 array (n,), log10
    probability of each symbol given up to four before it.
    """

    ids: NDArray[np.int64]
    positions: NDArray[np.int64]
    logp: NDArray[np.float32]


class Document:
    """One text under inspection. Thread-confined: make one per run."""

    def __init__(
        self,
        text: str,
        lexicon: Lexicon | None = None,
        resources: Resources | None = None,
        shared: dict[str, Any] | None = None,
        layout: Layout | None = None,
        witnesses: tuple[str, ...] = (),
    ) -> None:
        self.text = text
        self.lexicon = lexicon if lexicon is not None else Lexicon()
        self.resources = resources if resources is not None else default_resources()
        self.memo: dict[str, Any] = {}
        """What a filter found out about this text and is asked for again, by filter name."""
        self.shared: dict[str, Any] = {} if shared is None else shared
        """What a filter found out that holds in any text, by filter name; lives as long as a run."""
        self.layout = layout
        """Where the characters stood on their pages, if that is known."""
        self.witnesses = witnesses
        """Other readings of the same pages, each with its own errors and line breaks."""

    @cached_property
    def lines(self) -> list[Line]:
        """All lines with their kinds."""
        return structure(self.text)

    @cached_property
    def codes(self) -> NDArray[np.uint32]:
        """The code points, uint32 (n,)."""
        return np.frombuffer(self.text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)

    @cached_property
    def syntax(self) -> Protected:
        """Spans of machine syntax."""
        return Protected(hard_spans(self.text, self.lines))

    @cached_property
    def hard(self) -> Protected:
        """Spans that nothing may change, the user's untouchable words included."""
        if not self.lexicon.never:
            return self.syntax
        return Protected([*self.syntax, *self.lexicon.untouchable(self.text)])

    @cached_property
    def firm(self) -> Protected:
        """What even a rule that takes out whole lines must leave: `hard` without Markdown's marks."""
        spans = hard_spans(self.text, self.lines, marks=False)
        return Protected([*spans, *self.lexicon.untouchable(self.text)] if self.lexicon.never else spans)

    @cached_property
    def protected(self) -> Protected:
        """Spans that no filter may change: `hard` and the runs of real English."""
        return Protected([*self.hard, *english_spans(self.text, self.resources.stray_words)])

    @cached_property
    def chosen(self) -> Protected:
        """What the user's lexicon trusts or replaces other words by: no rule changes a part of it."""
        return Protected([*self.lexicon.trusted(self.text), *self.lexicon.settled(self.text)])

    @cached_property
    def trusted(self) -> Protected:
        """Occurrences of words the user's lexicon trusts: not misread, whatever they look like."""
        return Protected(self.lexicon.trusted(self.text))

    @cached_property
    def shielded(self) -> NDArray[np.bool_]:
        """For each code point, whether it is protected or part of a trusted word: never misread, (n,)."""
        mask: NDArray[np.bool_] = self.protected.mask(len(self.text)) | self.trusted.mask(len(self.text))
        return mask

    @cached_property
    def soft_breaks(self) -> NDArray[np.bool_]:
        """For each line, whether the text seems to run on over its end (no final mark, ordinary text on both sides)."""
        lines, text = self.lines, self.text
        flags = np.zeros(len(lines), dtype=bool)
        for i in range(len(lines) - 1):
            a, b = lines[i], lines[i + 1]
            if a.kind in ("text", "list", "quote") and b.kind == "text" and a.end > a.start:
                last = text[a.start : a.end].rstrip()[-1:]
                flags[i] = bool(last) and last not in TERMINAL and not text[b.start : b.start + 2].isspace()
        return flags

    @cached_property
    def view(self) -> View:
        """The text as the language model reads it; lines that run on are joined."""
        lm = self.resources.model
        symbols, positions = lm.encode(self.text)
        soft = self.soft_breaks
        ends = np.array([0, *(line.stop for i, line in enumerate(self.lines) if not soft[i])], dtype=np.int64)
        # A paragraph starts at the first symbol at or after each hard end.
        cuts = np.unique(np.searchsorted(positions, ends))
        cuts = cuts[cuts < len(symbols)]
        if len(cuts):
            # At each cut one paragraph ends and one starts, but for the first; after all one ends.
            where = np.append(np.repeat(cuts, 2)[1:], len(symbols))
            at = np.append(np.repeat(positions[cuts], 2)[1:], len(self.text))
            symbols = np.insert(symbols, where, np.tile([BOS, EOS], len(cuts)))
            positions = np.insert(positions, where, at)
        ids = symbols.astype(np.int64)
        return View(ids, positions, lm.score(ids))

    @cached_property
    def _pairs(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        ids = self.view.ids
        keys, counts = np.unique((ids[:-1] << 16) | ids[1:], return_counts=True)
        return keys, counts

    def pair_count(self, first: int, second: int) -> int:
        """How often the text has symbol `second` right after `first`; 0 with a boundary, which says nothing."""
        keys, counts = self._pairs
        key = (first << 16) | second
        k = int(np.searchsorted(keys, key))
        return int(counts[k]) if k < len(keys) and keys[k] == key and first > EOS and second > EOS else 0

    @cached_property
    def dirt(self) -> float:
        """log10 of the share of symbols that badly surprise the language model: how damaged the text is as a whole.

        Short texts count as typical ones for want of evidence.
        """
        logp = self.view.logp
        return math.log10((float((logp < -4.0).sum()) + TYPICAL * TYPICAL_DIRT) / (len(logp) + TYPICAL))

    @cached_property
    def style(self) -> float:
        """Mean log10 probability of a symbol, none counted below -4: news is predictable, literary prose is not."""
        logp = self.view.logp
        return (float(np.maximum(logp, -4.0).sum()) + TYPICAL * TYPICAL_STYLE) / (len(logp) + TYPICAL)

    @cached_property
    def traditional(self) -> bool:
        """Whether the text is in traditional script, by the characters that only one script has."""
        kinds = self.resources.script.kinds(self.codes[:20000])
        return int((kinds == TRADITIONAL).sum()) > int((kinds == SIMPLIFIED).sum())
