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

import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..document import Document
from ..language.decoder import Reading, mean_around, read_places, suspicious, ties, window_sums
from ..language.logistic import logistic
from ..language.ngram import BOS, EOS
from ..language.twins import twins
from ..language.words import Words
from ..text import Proposal
from . import loose
from .base import Filter, Rule

SINGLE, WINDOW = -2.5, -6.5
"""log10 probabilities below which a symbol, and it with the two after it, are looked into."""
ODD = -9.0
"""Below this for three symbols, the neighbours' wishes are tried as well."""
MEMO_LIMIT = 500_000
GARBLED = -3.5
LOOKS_ALIKE = -5.0
"""log10 P(read | true) above which two characters count as look-alikes; most pairs are near -6."""

FEATURES = (
    "bias",
    "gain",
    "channel",
    "gain_both",
    "margin",
    "natural",
    "surprise",
    "tie_left",
    "tie_right",
    "tie_new",
    "around",
    "garbled",
    "dirty",
    "style",
    "clear",
    "clear_gain",
    "clear_style",
    "frequency_read",
    "frequency_new",
    "words",
    "path",
    "word_new",
    "word_read",
    "broken_word",
    "recurs",
    "recurs_any",
    "recurs_new",
    "edge",
    "quoted",
    "surname",
    "not_hanzi",
)


class Hypothesis(NamedTuple):
    """A place, its candidates and the evidence for the best of them."""

    position: int
    reading: Reading
    evidence: NDArray[np.float64]


def hypotheses(document: Document) -> list[Hypothesis]:
    """Every place with a candidate that gains, in order; of places that compete, the best."""
    text, resources = document.text, document.resources
    model, channel = resources.model, resources.channel
    view = document.view
    if len(view.ids) < 2:
        return []
    codes = document.codes
    inside = view.positions < len(text)
    at = np.minimum(view.positions, max(0, len(text) - 1))
    point = codes[at]
    hanzi = (point >= 0x3400) & (point <= 0x9FFF)
    kana = (point >= 0x30A0) & (point <= 0x30FF)
    ok = inside & (hanzi | kana) & ~document.shielded[at] & (view.ids != BOS) & (view.ids != EOS) & ~_alone(codes)[at]
    places = np.flatnonzero(ok & suspicious(view.logp, SINGLE, WINDOW))
    if not len(places):
        return []
    odd = window_sums(view.logp)[places] < ODD
    read = [text[p] for p in view.positions[places].tolist()]
    # A memo of a huge text would take more memory than the time it saves is worth.
    memo = document.shared.setdefault("misread", {}) if len(places) <= MEMO_LIMIT else None
    found = read_places(model, channel, resources.near, view.ids, places, read, odd, memo=memo)
    found = _winners(found)
    if not found:
        return []
    evidence = _evidence(document, found)
    return [Hypothesis(int(view.positions[r.place]), r, row) for r, row in zip(found, evidence, strict=True)]


def _alone(codes: NDArray[np.uint32]) -> NDArray[np.bool_]:
    """Which characters stand for themselves: no Hanzi, letter, digit or line end on either side. (n,)"""
    joined = (
        ((codes >= 0x3400) & (codes <= 0x9FFF)) | (codes >= 0x20000) | (codes == 10) | (codes == 13) | (codes == 12)
    )
    joined |= (
        ((codes >= 48) & (codes <= 57)) | ((codes >= 65) & (codes <= 122)) | ((codes >= 0xFF10) & (codes <= 0xFF5A))
    )
    before = np.concatenate([[False], joined[:-1]])
    after = np.concatenate([joined[1:], [False]])
    alone: NDArray[np.bool_] = ~before & ~after
    return alone


def _winners(found: list[Reading]) -> list[Reading]:
    """Of readings at most two symbols apart, which explain the same surprise, only the best."""
    order = sorted(range(len(found)), key=lambda k: (-float(found[k].score[0]), k))
    taken: set[int] = set()
    chosen = []
    for k in order:
        place = found[k].place
        if taken.isdisjoint(range(place - 2, place + 3)):
            taken.add(place)
            chosen.append(k)
    return [found[k] for k in sorted(chosen)]


def _evidence(document: Document, found: list[Reading]) -> NDArray[np.float64]:
    """Features of the best candidate of each reading, (len(found), len(FEATURES))."""
    text, model, words = document.text, document.resources.model, document.resources.words
    view = document.view
    logp = view.logp.astype(np.float64)
    bad = np.concatenate([[0.0], np.cumsum(logp < GARBLED)])
    total = np.concatenate([[0.0], np.cumsum(logp)])
    surnames = document.resources.surnames
    out = np.zeros((len(found), len(FEATURES)))
    n = len(view.ids)
    neighbours = _neighbour_ties(document, found)
    dirty, style = document.dirt, document.style
    for k, r in enumerate(found):
        i = r.place
        best = int(r.ids[0])
        new = model.vocabulary[best]
        left = _span(document, i, -6)
        right = _span(document, i, 6)
        position = int(view.positions[i])
        old_path, old_count, old_word = _segmentation(words, left, text[position], right)
        new_path, new_count, new_word = _segmentation(words, left, new, right)
        before = int(view.ids[i - 1]) if i else 0
        after = int(view.ids[i + 1]) if i + 1 < n else 0
        as_read = int(view.ids[i])
        recurs = max(document.pair_count(before, as_read), document.pair_count(as_read, after)) - 1
        recurs_new = max(document.pair_count(before, best), document.pair_count(best, after))
        margin = float(r.score[0] - r.score[1]) if len(r.ids) > 1 else 4.0
        # Loose characters become a word that the text has not used otherwise, and no word is broken up for it.
        clear = float(new_count < old_count and old_word == 0 and recurs <= 0 and new_word > 0)
        row = {
            "bias": 1.0,
            "gain": float(min(r.gain[0], 12.0)),
            "channel": float(r.channel[0]),
            "gain_both": float(np.clip(min(r.gain_here, r.gain[0] - r.gain_here), -2.0, 5.0)),
            "margin": min(margin, 6.0),
            "natural": r.natural,
            "surprise": float(max(-7.0, logp[i])),
            "tie_left": float(np.clip(neighbours[k, 0], -2.0, 3.0)),
            "tie_right": float(np.clip(neighbours[k, 1], -2.0, 3.0)),
            "tie_new": float(np.clip(min(neighbours[k, 2], neighbours[k, 3]), -2.0, 3.0)),
            "around": mean_around(total, i, 1, 0.0),
            "garbled": mean_around(bad, i, 1, 0.0),
            "dirty": dirty,
            "style": style,
            "clear": clear,
            "clear_gain": clear * float(min(r.gain[0], 12.0, 2 * margin)),
            "clear_style": clear * style,
            "frequency_read": float(model.unigram[view.ids[i]]),
            "frequency_new": float(model.unigram[best]),
            "path": float(np.clip(new_path - old_path, -4, 8)),
            "words": float(np.clip(old_count - new_count, -2, 3)),
            "word_new": new_word,
            "word_read": old_word,
            "recurs": math.log2(1 + max(0, recurs)),
            "broken_word": float(old_word > 0),
            "recurs_any": float(recurs > 0),
            "recurs_new": math.log2(1 + recurs_new),
            "edge": float(_at_edge(text, position)),
            "quoted": float(_quoted(text, position)),
            "surname": float(
                any(
                    ch in surnames
                    for ch in (text[position - 1 : position], text[position - 2 : position - 1], text[position])
                )
            ),
            "not_hanzi": float(not "\u3400" <= text[position] <= "\u9fff"),
        }
        out[k] = [row[name] for name in FEATURES]
    return out


def _neighbour_ties(document: Document, found: list[Reading]) -> NDArray[np.float64]:
    """How strongly neighbours belong together, in log10 (pointwise mutual information), (n, 4).

    Columns: the symbol as read with the one before, with the one after; the candidate likewise. 0 at a boundary.
    """
    view, model = document.view, document.resources.model
    places = np.array([r.place for r in found])
    best = np.array([int(r.ids[0]) for r in found])
    read = view.ids[places]
    before = view.ids[np.maximum(0, places - 1)]
    after = view.ids[np.minimum(len(view.ids) - 1, places + 1)]
    first = np.concatenate([before, read, before, best])
    second = np.concatenate([read, after, best, after])
    tie = np.where((first == BOS) | (second == EOS), 0.0, ties(model, first, second))
    out: NDArray[np.float64] = tie.reshape(4, -1).T
    return out


def _span(document: Document, place: int, reach: int) -> str:
    """Up to ``abs(reach)`` characters of the paragraph before or after symbol `place`, line breaks left out."""
    view = document.view
    part = slice(place + 1, place + 1 + reach) if reach > 0 else slice(max(0, place + reach), place)
    pairs = zip(view.ids[part].tolist(), view.positions[part].tolist(), strict=True)
    text = "".join("\n" if symbol in (BOS, EOS) else document.text[position] for symbol, position in pairs)
    return text.split("\n")[0] if reach > 0 else text.rsplit("\n", 1)[-1]


def _segmentation(words: Words, left: str, middle: str, right: str) -> tuple[float, int, float]:
    """log10 probability of jieba's segmentation, its number of words, and log10 of one plus the count of the
    word at the place (0 for a loose character)."""
    text = left + middle + right
    at = len(left)
    score, spans = words.segment(text)
    for start, end in spans:
        if start <= at < end:
            size = math.log10(1 + words.frequency(text[start:end])) if end - start > 1 else 0.0
            return score, len(spans), size
    return score, len(spans), 0.0


def _at_edge(text: str, position: int) -> bool:
    """Whether the character is the first or last of its line, where engines misread most."""
    return (
        position == 0 or position + 1 >= len(text) or text[position - 1] in "\r\n\f" or text[position + 1] in "\r\n\f"
    )


def _quoted(text: str, position: int) -> bool:
    """Whether the character stands in a short quotation or title."""
    left = text[max(0, position - 12) : position]
    right = text[position + 1 : position + 13]
    opened = max(left.rfind(q) for q in "“‘「『《〈")
    closed = max(left.rfind(q) for q in "”’」』》〉")
    return opened > closed and any(q in right for q in "”’」』》〉")


def propose(document: Document, settings: Mapping[str, Any]) -> Iterator[Proposal]:
    if not document.traditional:
        yield from substitutions(document, settings["least"])
        yield from trusted_twins(document)


def notes(document: Document, settings: Mapping[str, Any]) -> Iterator[Proposal]:
    if not document.traditional and document.style >= loose.PLAIN_STYLE:
        taken = [proposal.start for proposal in substitutions(document, settings["least"])]
        yield from unrepairable(document, settings["least_note"], taken)


def substitutions(document: Document, least: float) -> Iterator[Proposal]:
    """A proposal for each place whose best candidate is right with at least probability `least`."""
    if "misread" not in document.memo:
        document.memo["misread"] = hypotheses(document)
    found: list[Hypothesis] = document.memo["misread"]
    if not found:
        return
    weights = document.resources.weights("misread", FEATURES)
    logits = np.stack([h.evidence for h in found]) @ weights
    model = document.resources.model
    for h, logit in zip(found, logits.tolist(), strict=True):
        probability = logistic(logit)
        if probability < least:
            continue
        read = document.text[h.position]
        new = model.vocabulary[int(h.reading.ids[0])]
        yield Proposal(
            h.position,
            h.position + 1,
            new,
            "misread",
            probability,
            f"{read} does not fit here, {new} does (log10 likelihood {h.reading.gain[0]:+.1f})",
            ranked(h, read, probability, model.vocabulary),
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


def ranked(h: Hypothesis, read: str, probability: float, vocabulary: tuple[str, ...]) -> tuple[tuple[str, float], ...]:
    """The candidates and the reading as it stands with probabilities that sum to at most one, best first."""
    score = h.reading.score.astype(np.float64) * (math.log(10) / 2)
    weights = np.exp(score - score[0])
    others = float(weights[1:].sum())
    # What is not given to the best is shared between the others and the reading as it stands.
    share = (1 - probability) * others / (1 + others)
    items = [(vocabulary[int(h.reading.ids[0])], probability), (read, 1 - probability - share)]
    for symbol, weight in zip(h.reading.ids[1:6].tolist(), weights[1:6].tolist(), strict=True):
        items.append((vocabulary[symbol], share * weight / others))
    return tuple(sorted(items, key=lambda item: -item[1]))


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
            safe_at=0.88,
            examples=(("推动环研工作者围绕", "推动科研工作者围绕"), ("自已的得失", "自己的得失")),
        ),
    ),
    propose,
    settings={"least": 0.5, "least_note": 0.6},
    notes=notes,
)
