"""The user's own replacements.

Every entry of ``replace.txt`` in the lexicon folder is applied wherever it stands, real English
included; code, URLs and Markdown syntax stay as they are. Words in ``never.txt`` are left alone by
every rule, this one too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..document import Document
from ..text import Proposal
from .base import Filter, Rule


def propose(document: Document, settings: Mapping[str, Any]) -> Iterator[Proposal]:
    for start, end, right in document.lexicon.forced(document.text):
        yield Proposal(start, end, right, "lexicon", 1.0, "forced by the user's lexicon")


FILTER = Filter(
    "lexicon",
    (Rule("lexicon", "a replacement that the user's lexicon demands", examples=(("太源市", "太原市"),)),),
    propose,
    lexical=True,
)
