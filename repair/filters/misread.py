"""Characters and marks misread by the engine, specks read as characters, and marks dropped.

Where the language model is surprised, every character that could have been misread so is tried, and in
very odd places every one that the neighbours ask for. Several kinds of evidence are weighed together:
how much likelier the text becomes, how easily the one is taken for the other, whether jieba then sees
words where there were loose characters, how far ahead the best candidate is, how garbled the
surroundings are, whether the same reading recurs in the document (then it is a name or a term).

Where damage is plain but nothing stands out as its repair, the place is noted with ranked alternatives.

Left alone: words that the user's lexicon trusts, real English, code, quoted inventions and names as far
as the evidence tells them, text in traditional script.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from typing import Any

from ..document import TERMINAL, Document
from ..language.context import suspicious
from ..language.decoder import SINGLE, WINDOW
from ..language.twins import twins
from ..text import Proposal
from . import loose
from .base import Filter, Rule
from .decoded import OPENING, PARTNER, Finding, alternatives, findings

LOOKS_ALIKE = -5.0
"""log10 P(read | true) above which two characters count as look-alikes; most pairs are near -6."""

VERSE = 12
"""Characters of a line up to which it may be verse, which needs no mark at its end."""
PAIR = 60
"""Characters in which the partner of a mark is looked for."""
_COLUMN_GAP = re.compile(r"[ \t]{3}|\u3000{2}")
ENDING = frozenset("。！？!?")
STRAYED = 0.8
"""Most that a mark counts as a speck that may have ended the paragraph above: two in three of them did not."""
BULLETS = "·•-–—*○●◆■□▪"
"""Signs that begin the items of lists."""
RULES = {"hanzi": "misread", "mark": "misread-mark", "insert": "dropped-mark", "delete": "speck"}
"""Kind of finding -> rule."""


def propose(document: Document, settings: Mapping[str, Any]) -> Iterator[Proposal]:
    if not document.traditional:
        yield from repairs(document, settings["least"], settings["marks"])
        yield from trusted_twins(document)


def notes(document: Document, settings: Mapping[str, Any]) -> Iterator[Proposal]:
    if not document.traditional and document.style >= loose.PLAIN_STYLE:
        taken = [proposal.start for proposal in repairs(document, settings["least"], False)]
        yield from unrepairable(document, settings["least_note"], taken)


def repairs(document: Document, least: float, marks: bool) -> Iterator[Proposal]:
    """What the decoder finds that is right with at least probability `least`; with `marks` not Hanzi for Hanzi only."""
    for finding in findings(document):
        if finding.probability >= least and (finding.kind == "hanzi" or (marks and _plausible(document, finding))):
            read = document.text[finding.start : finding.end]
            if finding.kind == "delete" and _strayed(document, finding.start, read):
                finding = finding._replace(probability=min(finding.probability, STRAYED))
            yield Proposal(
                finding.start,
                finding.end,
                finding.after,
                RULES[finding.kind],
                finding.probability,
                _reason(finding, read),
                alternatives(finding, read),
            )


def _strayed(document: Document, start: int, read: str) -> bool:
    """Whether a mark before a paragraph may be the end of the paragraph above, which lacks one."""
    if read.strip() not in ENDING:
        return False
    text, end = document.text, start
    while end > 0 and text[end - 1].isspace():
        end -= 1
    return end > 0 and text.count("\n", end, start) > 1 and text[end - 1] not in TERMINAL


def _plausible(document: Document, finding: Finding) -> bool:
    """Whether a repair of a mark concerns running Chinese text: not Japanese, columns, verse, bullets, or a mark that
    has its partner."""
    text, lo, hi = document.text, finding.start, finding.end
    line = document.lines[bisect_right(document.lines, lo, key=lambda line: line.start) - 1]
    begin, end = line.start, line.end
    if "|" in text[begin:end] or not (text[begin:lo].strip() or text[hi:end].strip()):
        return False
    read = text[lo:hi]
    if read in BULLETS and read and not text[begin:lo].strip() and text[hi : hi + 1] in " \t\u3000":
        return text.count(f"\n{text[begin : hi + 1]}") <= (begin > 0)
    if finding.kind == "delete" and read in "“”" and text[begin:lo].strip() and text[hi:end].strip():
        # Inside a line a mark may rather be turned the wrong way, or have lost its partner.
        return not any(ch in "“”" for ch in text[max(begin, lo - PAIR // 2) : lo] + text[hi : min(end, hi + PAIR // 2)])
    if read == "—" and finding.after == "-":
        return False
    if read in ('"', "'") and sum(f.kind == "hanzi" and f.probability >= 0.5 for f in findings(document)) < 2:
        return False  # the author's own way to quote, unless there is damage as well
    if any("\u3040" <= ch <= "\u30ff" for ch in text[max(0, lo - 1) : hi + 1]):
        return False
    if _COLUMN_GAP.search(text[max(0, lo - 3) : lo]) or _COLUMN_GAP.search(text[hi : hi + 3]):
        return False
    if finding.kind == "insert" and hi == end:
        return lo - begin >= VERSE
    if not read or read not in PARTNER:
        return True
    near = text[hi : hi + PAIR] if read in OPENING else text[max(0, lo - PAIR) : lo]
    return PARTNER[read] not in near


def _reason(finding: Finding, read: str) -> str:
    gain = f"(log10 likelihood {min(edit.gain for edit in finding.edits):+.1f})"
    if finding.kind == "insert":
        return f"{finding.after} seems to be missing {gain}"
    if finding.kind == "delete":
        return f"nothing stands behind {read} {gain}"
    return f"{read} does not fit here, {finding.after} does {gain}"


def trusted_twins(document: Document) -> Iterator[Proposal]:
    """Proposals of words that the user's lexicon trusts, where a doubtful stretch is one edit away from one.

    Their confidences are set by hand: sure where the sentence becomes much likelier and the characters
    look alike, else a proposal for a person.
    """
    trusted = document.lexicon.trust
    if not trusted:
        return
    text, model, channel = document.text, document.resources.model, document.resources.channel
    view = document.view
    doubtful = view.positions[suspicious(view.logp, SINGLE, WINDOW)]
    for twin in twins(text, doubtful[doubtful < len(text)].tolist(), trusted):
        read = text[twin.start : twin.end]
        left, right = text[max(0, twin.start - 8) : twin.start], text[twin.end : twin.end + 4]
        skip = len(model.encode(left)[0])
        as_read, as_trusted = (
            model.score(model.encode(left + word + right)[0])[skip:].sum() for word in (read, twin.word)
        )
        gain = float(as_trusted - as_read)
        alike = len(read) == len(twin.word)
        if alike:
            pairs = [(a, b) for a, b in zip(read, twin.word, strict=True) if a != b]
            alike = float(channel.log_prob(pairs[0][0], pairs[0][1])[0]) > LOOKS_ALIKE
        confidence = 0.95 if gain >= 2 and alike else 0.75 if gain >= 0 else 0.6
        yield Proposal(
            twin.start,
            twin.end,
            twin.word,
            "misread",
            confidence,
            f"one edit from {twin.word}, which the lexicon trusts",
            ((twin.word, confidence), (read, 1 - confidence)),
        )


def unrepairable(document: Document, least: float, taken: list[int]) -> Iterator[Proposal]:
    """Flags for loose characters that are damaged with at least probability `least`; none beside a substitution."""
    weights = document.resources.weights("loose", loose.FEATURES)
    # A pair that alone would not be flagged belongs to the stretch of one that is.
    rated = [
        (pair, loose.probability(pair.evidence, weights))
        for pair in loose.loose_pairs(document, weights, least / 3, least / 2)
        if not any(pair.start - 3 <= position <= pair.end + 2 for position in taken)
    ]
    for group in loose.runs((item for item in rated if item[1] >= least / 3), lambda item: item[0].place):
        damaged = max(p for _, p in group)
        if damaged < least:
            continue
        start, end = group[0][0].start, group[-1][0].end
        read = document.text[start:end]
        fits = [
            (document.text[start : pair.start] + word + document.text[pair.end : end], gain)
            for pair, _ in group
            for word, gain in pair.words
        ]
        fits.sort(key=lambda item: -item[1])
        top = list(dict.fromkeys(fits))[:6]
        # Many words fit, each with little reason: shares by the language model, and as much again for all the rest.
        weight = [10 ** (gain - top[0][1]) for _, gain in top]
        alternatives = [(text, damaged * w / (2 * sum(weight))) for (text, _), w in zip(top, weight, strict=True)]
        alternatives.append((read, 1 - damaged))
        alternatives.sort(key=lambda item: -item[1])
        yield Proposal(
            start,
            end,
            read,
            "misread",
            1 - damaged,
            f"{read} makes no sense here; no single repair stands out",
            tuple(alternatives),
        )


# Where safe and review begin was read off the pages that the weights were fitted on: safe where of the characters
# touched at least 99 in 100 were wrong and became right, not the other way round (misread 0.76, speck 0.73, rounded
# up); review where whole pages were repaired with the precision that they had before. docs/quality.md has both on other
# pages.
FILTER = Filter(
    "misread",
    (
        Rule(
            "misread",
            "a character that the engine took for another",
            safe_at=0.8,
            review_at=0.35,
            examples=(("推动环研工作者围绕", "推动科研工作者围绕"), ("自已的得失", "自己的得失")),
        ),
        Rule(
            "misread-mark",
            "a mark, digit or sign that the engine took for another",
            safe_at=0.9,
            examples=(("该港口：因此，", "该港口。因此，"),),
        ),
        Rule("dropped-mark", "a mark that the engine dropped", ceiling="review"),
        Rule(
            "speck",
            "a speck or frame read as a character",
            safe_at=0.85,
            review_at=0.65,
            examples=(("、我们在积极培育", "我们在积极培育"),),
        ),
    ),
    propose,
    settings={"least": 0.35, "least_note": 0.6, "marks": True},
    notes=notes,
)
