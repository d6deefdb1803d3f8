"""Characters misread by the engine.

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

from collections.abc import Iterator, Mapping
from typing import Any

from ..document import Document
from ..language.context import suspicious
from ..language.decoder import SINGLE, WINDOW
from ..language.twins import twins
from ..text import Proposal
from . import loose
from .base import Filter, Rule
from .decoded import alternatives, findings

LOOKS_ALIKE = -5.0
"""log10 P(read | true) above which two characters count as look-alikes; most pairs are near -6."""

def propose(document: Document, settings: Mapping[str, Any]) -> Iterator[Proposal]:
    if not document.traditional:
        yield from substitutions(document, settings["least"])
        yield from trusted_twins(document)


def notes(document: Document, settings: Mapping[str, Any]) -> Iterator[Proposal]:
    if not document.traditional and document.style >= loose.PLAIN_STYLE:
        taken = [proposal.start for proposal in substitutions(document, settings["least"])]
        yield from unrepairable(document, settings["least_note"], taken)


def substitutions(document: Document, least: float) -> Iterator[Proposal]:
    """A proposal for each misread character, or run of them, that is right with at least probability `least`."""
    for finding in findings(document):
        if finding.kind == "hanzi" and finding.probability >= least:
            read = document.text[finding.start : finding.end]
            gain = min(edit.gain for edit in finding.edits)
            yield Proposal(
                finding.start,
                finding.end,
                finding.after,
                "misread",
                finding.probability,
                f"{read} does not fit here, {finding.after} does (log10 likelihood {gain:+.1f})",
                alternatives(finding, read),
            )


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
        confidence = 0.95 if gain >= 2 and alike else 0.8 if gain >= 0 else 0.6
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
    groups: list[list[tuple[loose.Pair, float]]] = []
    # A pair that alone would not be flagged belongs to the stretch of one that is.
    for pair in loose.loose_pairs(document, weights, least / 3):
        if any(pair.start - 3 <= position <= pair.end + 2 for position in taken):
            continue
        item = (pair, loose.probability(pair.evidence, weights))
        if item[1] < least / 3:
            continue
        if groups and groups[-1][-1][0].place + 1 == pair.place:
            groups[-1].append(item)
        else:
            groups.append([item])
    for group in groups:
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


FILTER = Filter(
    "misread",
    (
        Rule(
            "misread",
            "a character that the engine took for another",
            # Most of what confidence lacks here are wrong characters replaced by other wrong ones, which does no
            # harm: docs/quality.md has the share of right characters that are touched from here on.
            safe_at=0.8,
            examples=(("推动环研工作者围绕", "推动科研工作者围绕"), ("自已的得失", "自己的得失")),
        ),
    ),
    propose,
    settings={"least": 0.5, "least_note": 0.6},
    notes=notes,
)
