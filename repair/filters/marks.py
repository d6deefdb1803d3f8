"""Punctuation that the engine misread, dropped or saw where there is none.

The decoder that looks for misread characters also tries, where the text surprises, other marks in the
place of a mark (；read as ：, 。as ·, — as 一), marks that may have been dropped, and whether what was
read is a speck: at the edges of a line most stray marks are. Which of its findings are right is learnt
from pages with their truth.

Left alone: marks whose width alone is in question (see ``mark-width``), pairs (see ``unbalanced``),
code, tables, real English, text in traditional script.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..document import Document
from ..text import Proposal
from .base import Filter, Rule
from .decoded import Finding, alternatives, findings

RULES = {"mark": "misread-mark", "insert": "dropped-mark", "delete": "speck"}


def propose(document: Document, settings: Mapping[str, Any]) -> Iterator[Proposal]:
    if document.traditional:
        return
    for finding in findings(document):
        rule = RULES.get(finding.kind)
        if rule is not None and finding.probability >= settings["least"]:
            read = document.text[finding.start : finding.end]
            yield Proposal(
                finding.start,
                finding.end,
                finding.after,
                rule,
                finding.probability,
                _reason(finding, read),
                alternatives(finding, read),
            )


def _reason(finding: Finding, read: str) -> str:
    gain = f"(log10 likelihood {finding.edits[0].gain:+.1f})"
    if finding.kind == "insert":
        return f"{finding.after} seems to be missing {gain}"
    if finding.kind == "delete":
        return f"nothing stands behind {read} {gain}"
    return f"{read} does not fit here, {finding.after} does {gain}"


FILTER = Filter(
    "marks",
    (
        Rule(
            "misread-mark",
            "a mark, digit or sign that the engine took for another",
            safe_at=0.9,
            examples=(("该港口：因此，", "该港口。因此，"),),
        ),
        Rule("dropped-mark", "a mark that the engine dropped", ceiling="review"),
        Rule("speck", "a speck or frame read as a character", safe_at=0.9, examples=(("、我们在积极培育", "我们在积极培育"),)),
    ),
    propose,
    settings={"least": 0.5},
)
