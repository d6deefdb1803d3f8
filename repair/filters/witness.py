"""Several readings of the same pages: where they differ, the likelier one is taken.

``repair.clean(text, witnesses=[other])`` or ``repair clean page.txt --witness other.txt`` lays other readings (a second
OCR engine, an earlier scan) beside the text. Line breaks and blanks of the witnesses count for nothing, and so do their
running heads and page numbers. For each difference the language model, what engines are known to confuse, where in its
line the place is, how garbled both readings are around it and which of them has been right elsewhere on the page are
weighed by a fitted model (``benchmarks/fit_witness.py``). Differences near each other are decided together.

``witness`` takes over characters, ``witness-both`` puts in what neither reading has but explains both, ``witness-mark``
marks, digits and signs, ``witness-missing`` characters that the text lacks, ``witness-line`` whole lines and parts of
lines; ``witness-speck`` takes out what only the text has, ``witness-edge`` running heads and page numbers that a
witness has at the same edge of the page.

Left alone: everything that all readings agree on, lines that only the text has, protected text, and witnesses that are
no readings of the same pages.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..document import Document
from ..text import Proposal
from .base import Filter, Rule
from .readings import Difference, differences, edges

RULES = {
    "hanzi": "witness",
    "mark": "witness-mark",
    "insert": "witness-missing",
    "part": "witness-line",
    "third": "witness-both",
    "delete": "witness-speck",
}
"""Kind of difference -> rule."""
EDGE = "witness-edge"


def propose(document: Document, settings: Mapping[str, Any]) -> Iterator[Proposal]:
    for d in differences(document):
        if d.probability >= settings["least_line" if d.kind == "part" else "least"]:
            read = document.text[d.start : d.end]
            p = d.probability
            alternatives = ((d.after, p), (read, 1 - p)) if p >= 0.5 else ((read, 1 - p), (d.after, p))
            yield Proposal(d.start, d.end, d.after, RULES[d.kind], p, _reason(d, read), alternatives)
    for edge in edges(document):
        read, p = document.text[edge.start : edge.end], edge.probability
        reason = f"witness {edge.witness + 1} has a running head or page number here as well"
        yield Proposal(edge.start, edge.end, "", EDGE, p, reason, (("", p), (read, 1 - p)))


def _reason(d: Difference, read: str) -> str:
    witness = f"witness {d.witness + 1}"
    if d.kind == "part":
        return f"only {witness} has this part of the page"
    if d.kind == "third":
        return f"{d.after} explains {read} and what {witness} has"
    if not read:
        return f"{witness} has {d.after} here"
    return f"{witness} reads {d.after}, not {read}" if d.after else f"{witness} has nothing here"


# Where safe begins follows from the pages that the weights were fitted on: of the characters touched from there on at
# least 95 in 100 became right and not wrong, 98 for marks, 99 for Hanzi. (98 are reached from 0.15 on for Hanzi, 0.51
# for marks, 0.49 for what neither reading has, 0.75 for what is missing, 0.61 for specks; below 0.4 nothing is called
# safe.) Lines were right without exception from 0.62 on.
FILTER = Filter(
    "witness",
    (
        Rule("witness", "characters that another reading has right", safe_at=0.4, review_at=0.3),
        Rule("witness-both", "what neither reading has and explains both", safe_at=0.5, review_at=0.3),
        Rule("witness-mark", "a mark, digit or sign that another reading has right", safe_at=0.5, review_at=0.3),
        Rule("witness-missing", "what the engine missed and another reading has", safe_at=0.5, review_at=0.3),
        Rule("witness-line", "a part of the page that only another reading has", safe_at=0.65, review_at=0.6),
        Rule("witness-speck", "what only the text has, and nothing stands behind", safe_at=0.5, review_at=0.3),
        Rule(EDGE, "a running head or page number that other readings have as well", safe_at=0.9),
    ),
    propose,
    settings={"least": 0.3, "least_line": 0.6},
)
