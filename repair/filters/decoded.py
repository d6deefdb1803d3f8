"""What the decoder finds in a document, with the evidence for each finding; shared by the rules that follow from it.

Not a filter of its own. A *finding* is one repair, or several to neighbouring Hanzi that belong together
(瞄咯 for 战略). What speaks for it becomes a row of numbers, from which a logistic regression, one for each
kind of finding, makes the probability that the repair is right (``benchmarks/fit_decoded.py``).
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..document import Document
from ..language.context import hanzi, mean_around, ties
from ..language.decoder import (
    LEAST_SPECK,
    WINDOW,
    WINDOW_CLEAN,
    Edit,
    Known,
    Source,
    decode,
    decode_together,
)
from ..language.learnt import channel_of
from ..language.logistic import logistic
from ..language.ngram import BOS, EOS
from ..language.slips import FIRST, INSIDE, LAST
from ..language.words import Words
from . import choices, doubt

KINDS = ("hanzi", "mark", "insert", "delete")
GARBLED = -3.5
"""log10 probability from which a symbol counts as garbled."""
CLEAN_DIRT, DIRTY = -1.5, -1.25
"""`Document.dirt` up to which a text passes for clean, and from which on every doubtful place is looked into."""
STEP = 0.5
"""Steps of `Source.window`."""
LEAST = 0.3
"""Gain and cost together from which a repair is weighed at all, but for specks (`LEAST_SPECK`)."""
SURE = 2.0
"""Gain and cost together from which a repair counts as likely before anything else is known."""
TYPICAL = 500
"""Symbols of undamaged text that short texts are measured together with."""
SHORT = (60, 120)
"""Symbols up to which a text is a sentence or two by itself, and from which on it is a text."""
CLEANEST = -3.6
"""Least value of the same in the texts that the weights were fitted on."""
DAMAGED = (-3.4, -2.6)
"""log10 of likely repairs a symbol up to which a text counts as clean, and from which on as damaged."""
FEW = 3
"""Repairs this near to another are its company."""
WIDE = 12
"""Characters around a place in which quotation marks are looked for."""

MARKS = "，。、：；？！“”《》（）—…·"
OPENING, CLOSING = "“‘《（「『〈【", "”’》）」』〉】"
PARTNER = dict(zip(OPENING + CLOSING, CLOSING + OPENING, strict=True))

FEATURES = (
    "bias",
    "gain",
    "gain_alone",
    "cost",
    "lead",
    "margin",
    "gain_here",
    "gain_after",
    "natural",
    "around",
    "garbled",
    "dirty",
    "style",
    "crowd",
    "damage",
    "clean",
    "gain_clean",
    "cost_clean",
    "lead_clean",
    "short",
    "lead_short",
    "margin_short",
    "size",
    "first",
    "last",
    "quoted",
    "frequency_read",
    "frequency_new",
    "tie_left",
    "tie_right",
    "tie_new",
    "words",
    "path",
    "word_new",
    "word_read",
    "broken_word",
    "clear",
    "clear_gain",
    "clear_style",
    "clear_margin",
    "clear_recurs",
    "recurs",
    "recurs_any",
    "recurs_new",
    "surname",
    "read_hanzi",
    "read_ascii",
    "read_digit",
    "read_letter",
    "new_hanzi",
    "new_digit",
    "since_mark",
    "until_mark",
    "beside_mark",
    "balance",
    "twice",
    *(f"new_{mark}" for mark in MARKS),
    *(f"read_{mark}" for mark in MARKS),
)
INDEX = {name: k for k, name in enumerate(FEATURES)}


class Finding(NamedTuple):
    """``text[start:end]`` should perhaps be `after`. `edits`: what the decoder found;
    `evidence`: a value for each of `FEATURES`; `probability`: that `after` is what was printed."""

    kind: str
    start: int
    end: int
    after: str
    edits: tuple[Edit, ...]
    evidence: NDArray[np.float64]
    probability: float


def is_hanzi(ch: str) -> bool:
    return "\u3400" <= ch <= "\u9fff"


def findings(document: Document) -> list[Finding]:
    """Every repair that the decoder finds, in order, found once for a document."""
    if "decoded" not in document.memo:
        document.memo["decoded"] = _findings(document)
    found: list[Finding] = document.memo["decoded"]
    return found


def _findings(document: Document) -> list[Finding]:
    rows = weighed(document)
    if not rows:
        return []
    weights = {kind: document.resources.weights(f"decoded_{kind}", FEATURES) for kind in KINDS}
    found = [f._replace(probability=logistic(float(f.evidence @ weights[f.kind]))) for f in rows]
    if document.layout is not None:
        found = [f._replace(probability=doubt.revised(document, f.kind, f.start, f.end, f.probability)) for f in found]
    if choices.known(document):
        found = [
            f._replace(probability=choices.revised(document, f.kind, f.start, f.end, f.after, f.probability))
            for f in found
        ]
    if document.witnesses:
        from .agreement import revised  # which builds on this module

        found = [f._replace(probability=revised(document, f.kind, f.start, f.end, f.probability)) for f in found]
    if document.resources.judge is not None:
        from .second import revised as judged  # likewise

        found = judged(document, found)
    return found


def damage_of(document: Document) -> float:
    """log10 of the number of likely repairs a symbol: how damaged the text is as a whole."""
    return density_of(findings(document), len(document.view.ids))


def density_of(found: Sequence[Finding], size: int) -> float:
    """The same, of a text of `size` symbols in which this was found."""
    return _density(sum(1 for f in found if f.edits[0].gain + f.edits[0].cost >= SURE), size)


def _density(count: int, size: int) -> float:
    # Long clean texts are no cleaner than those that the weights were fitted on.
    return max(CLEANEST, math.log10((count + 0.5) / (size + TYPICAL)))


def weighed(document: Document) -> list[Finding]:
    """The findings without their probabilities."""
    if len(document.view.ids) < 3:
        return []
    resources = document.resources
    source = choices.with_choices(document, source_of(document))
    known = document.shared.setdefault("decoded", {})
    channel, near = channel_of(resources, document.lexicon)
    edits = decode(resources.model, channel, near, resources.slips, source, known)
    groups = _groups(document, [e for e in edits if e.gain + e.cost >= (LEAST if e.new else LEAST_SPECK)])
    if not groups:
        return []
    evidence = _Evidence(document, source, groups)
    return [evidence.finding(k) for k in range(len(groups))]


def decode_ahead(documents: Sequence[Document]) -> None:
    """Look for repairs in several texts at once; filters find what they would find without, sooner. The documents must
    have the same resources and lexicon, and nothing done to them yet."""
    some = [document for document in documents if len(document.view.ids) >= 3]
    if len(some) < 2:
        return
    resources = some[0].resources
    known: Known = {}
    channel, near = channel_of(resources, some[0].lexicon)
    decode_together(resources.model, channel, near, resources.slips, [source_of(d) for d in some], known)
    for document in some:
        document.shared["decoded"] = known


def source_of(document: Document) -> Source:
    """The document as the decoder sees it, looked at once."""
    if "source" not in document.memo:
        document.memo["source"] = _source_of(document)
    source: Source = document.memo["source"]
    return source


def _source_of(document: Document) -> Source:
    view, codes, text = document.view, document.codes, document.text
    at = np.minimum(view.positions, len(text) - 1)
    real = (view.ids != BOS) & (view.ids != EOS)
    free = real & ~document.shielded[at] & ~_alone(codes)[at] & _near_hanzi(codes)[at]
    ends = (codes == 10) | (codes == 13) | (codes == 12)
    solid = np.flatnonzero(~((codes == 32) | (codes == 9) | (codes == 0x3000)))
    place = np.full(len(codes), INSIDE, np.int8)
    if len(solid):
        first = np.concatenate([[True], ends[solid[:-1]]])
        last = np.concatenate([ends[solid[1:]], [True]])
        place[solid[last]] = LAST
        place[solid[first]] = FIRST
    return Source(
        view.ids,
        view.logp,
        np.where(real, codes[at], 0).astype(np.int64),
        free,
        np.where(real, place[at], INSIDE),
        WINDOW if len(view.ids) <= SHORT[0] else _window(document.dirt),
    )


def _window(dirt: float) -> float:
    """How doubtful places have to be in a text that is damaged so much; in steps, since repairs make it cleaner bit by
    bit, and what was found in it before is to count as long as possible."""
    window = float(np.interp(dirt, (CLEAN_DIRT, DIRTY), (WINDOW_CLEAN, WINDOW)))
    return round(window / STEP) * STEP


def _shortness(size: int) -> float:
    """1 for a sentence by itself, 0 for a text of some length."""
    return float(np.interp(size, SHORT, (1.0, 0.0)))


def _alone(codes: NDArray[np.uint32]) -> NDArray[np.bool_]:
    """Which characters stand for themselves: no Hanzi, letter, digit or line end on either side, (n,)."""
    joined = hanzi(codes) | (codes >= 0x20000) | (codes == 10) | (codes == 13) | (codes == 12)
    joined |= (
        ((codes >= 48) & (codes <= 57)) | ((codes >= 65) & (codes <= 122)) | ((codes >= 0xFF10) & (codes <= 0xFF5A))
    )
    before = np.concatenate([[False], joined[:-1]])
    after = np.concatenate([joined[1:], [False]])
    alone: NDArray[np.bool_] = ~before & ~after & hanzi(codes)
    return alone


def _near_hanzi(codes: NDArray[np.uint32]) -> NDArray[np.bool_]:
    """Which characters have a Hanzi or kana among the three before, themselves and the three after, (n,)."""
    some = hanzi(codes) | ((codes >= 0x3040) & (codes <= 0x30FF))
    seen = np.concatenate([[0, 0, 0, 0], np.cumsum(some), np.full(3, some.sum())])
    near: NDArray[np.bool_] = seen[7:] > seen[:-7]
    return near


def _groups(document: Document, edits: list[Edit]) -> list[list[Edit]]:
    """Neighbouring substitutions of Hanzi for Hanzi together, everything else by itself."""
    codes, positions = document.codes, document.view.positions
    out: list[list[Edit]] = []
    joinable = False
    for edit in edits:
        pure = (
            edit.end == edit.start + 1
            and bool(edit.new)
            and is_hanzi(edit.new)
            and 0x3400 <= codes[positions[edit.start]] <= 0x9FFF
        )
        if pure and joinable and out[-1][-1].end == edit.start:
            out[-1].append(edit)
        else:
            out.append([edit])
        joinable = pure
    return out


def _kind(read: str, after: str) -> str:
    if not read or not after:
        return "delete" if read else "insert"
    # Katakana are read for Hanzi that look like them (カ for 力).
    return "hanzi" if (is_hanzi(read[0]) or "\u30a1" <= read[0] <= "\u30fa") and is_hanzi(after) else "mark"


class _Evidence:
    """Makes the evidence rows of all groups of one document."""

    def __init__(self, document: Document, source: Source, groups: list[list[Edit]]) -> None:
        self.document, self.source, self.groups = document, source, groups
        self.view, self.text = document.view, document.text
        logp = self.view.logp.astype(np.float64)
        self.bad = np.concatenate([[0.0], np.cumsum(logp < GARBLED)])
        self.total = np.concatenate([[0.0], np.cumsum(logp)])
        self.starts = [g[0].start for g in groups]
        self.sure = sum(1 for g in groups if g[0].gain + g[0].cost >= SURE)
        self.ties = self._ties()

    def _ties(self) -> NDArray[np.float64]:
        """How strongly the groups' first and last symbols, as read and repaired, belong to their neighbours, (n, 4)."""
        ids, model = self.view.ids, self.document.resources.model
        start = np.array([g[0].start for g in self.groups])
        end = np.array([g[-1].end for g in self.groups])
        before, after = ids[np.maximum(0, start - 1)], ids[np.minimum(len(ids) - 1, end)]
        some = end > start
        read_first, read_last = np.where(some, ids[start], after), np.where(some, ids[np.maximum(0, end - 1)], before)
        new_first = np.array([next((e.symbol for e in g if e.symbol >= 0), -1) for g in self.groups])
        new_last = np.array([next((e.symbol for e in reversed(g) if e.symbol >= 0), -1) for g in self.groups])
        new_first = np.where(new_first < 0, after, new_first)
        new_last = np.where(new_last < 0, before, new_last)
        first = np.concatenate([before, read_last, before, new_last])
        second = np.concatenate([read_first, after, new_first, after])
        tie = np.where((first <= EOS) | (second <= EOS), 0.0, ties(model, first, second))
        out: NDArray[np.float64] = tie.reshape(4, -1).T
        return out

    @cached_property
    def marks(self) -> list[int]:
        """Places of the view where a mark or a boundary stands."""
        model = self.document.resources.model
        return np.flatnonzero(np.isin(self.view.ids, [BOS, EOS, *map(model.char_id, MARKS)])).tolist()

    def _damage(self, edit: Edit) -> float:
        return _density(self.sure - (edit.gain + edit.cost >= SURE), len(self.view.ids))

    def finding(self, k: int) -> Finding:
        group = self.groups[k]
        start, end = group[0].start, group[-1].end
        after = "".join(e.new for e in group)
        positions, n = self.view.positions, len(self.view.ids)
        if end > start:
            lo, hi = int(positions[start]), int(positions[end - 1]) + 1
            read = self.text[lo] if hi - lo == 1 else self.text[lo:hi]
        else:
            # A mark belongs to what it follows, an opening one to what follows it.
            read = ""
            lo = hi = int(positions[start]) if after in OPENING and start < n else int(positions[start - 1]) + 1
        kind = _kind(read, after)
        row = self._row(k, kind, group, start, end, lo, hi, read, after)
        return Finding(kind, lo, hi, after, tuple(group), row, 0.0)

    def _row(
        self, k: int, kind: str, group: list[Edit], start: int, end: int, lo: int, hi: int, read: str, after: str
    ) -> NDArray[np.float64]:
        document, view, text = self.document, self.view, self.text
        model = document.resources.model
        size = len(group)
        gain = min(e.gain for e in group)
        cost = sum(e.cost for e in group) / size
        margin = min(e.gain + e.cost - e.rivals[0][1] if e.rivals else 9.0 for e in group)
        lead = min(margin, *(e.gain + e.cost for e in group))
        here = sum(e.gain_here for e in group) / size
        near = bisect_left(self.starts, end + FEW) - bisect_left(self.starts, start - FEW) - 1
        tie = np.clip(self.ties[k], -2.0, 3.0)
        place = int(self.source.place[min(start, len(self.source.place) - 1)])
        if kind == "insert":
            place = LAST if self.source.place[start - 1] == LAST else INSIDE
        values = {
            "bias": 1.0,
            "gain": min(gain, 12.0),
            "gain_alone": float(np.clip(min(e.gain_alone for e in group), -4.0, 12.0)),
            "cost": cost,
            "lead": min(lead, 6.0),
            "margin": min(margin, 6.0),
            "gain_here": float(np.clip(here, -3.0, 6.0)),
            "gain_after": float(np.clip(min(e.gain - e.gain_here for e in group), -3.0, 6.0)),
            "natural": group[0].natural,
            "around": mean_around(self.total, start, max(1, end - start), 0.0),
            "garbled": mean_around(self.bad, start, max(1, end - start), 0.0),
            "dirty": document.dirt,
            "style": document.style,
            "crowd": float(min(near, 4)),
            "damage": self._damage(group[0]),
            "size": float(size - 1),
            "first": float(place == FIRST),
            "last": float(place == LAST),
            "quoted": float(_quoted(text, lo, hi)),
            "tie_left": float(tie[0]),
            "tie_right": float(tie[1]),
            "tie_new": float(min(tie[2], tie[3])),
        }
        before_id = int(view.ids[start - 1]) if start else 0
        after_id = int(view.ids[end]) if end < len(view.ids) else 0
        if read:
            first_id, last_id = int(view.ids[start]), int(view.ids[end - 1])
            recurs = max(document.pair_count(before_id, first_id), document.pair_count(last_id, after_id)) - 1
            values["frequency_read"] = float(model.unigram[first_id])
            values["recurs"] = math.log2(1 + max(0, recurs))
            values["recurs_any"] = float(recurs > 0)
        else:
            recurs = 0
        if after:
            new_first, new_last = group[0].symbol, group[-1].symbol
            recurs_new = max(document.pair_count(before_id, new_first), document.pair_count(new_last, after_id))
            values["frequency_new"] = float(model.unigram[new_last])
            values["recurs_new"] = math.log2(1 + max(0, recurs_new))
        if kind == "hanzi":
            values.update(self._word_evidence(start, end, lo, hi, after, recurs, gain, lead))
            values["clear_margin"] = values["clear"] * values["margin"]
            values["clear_recurs"] = values["clear"] * values["recurs_new"]
        else:
            values.update(self._mark_evidence(start, end, lo, hi, read, after))
        # In text that is damaged in a place or two, evidence counts differently from text out of an engine.
        clean = float(np.interp(values["damage"], DAMAGED, (1.0, 0.0)))
        values["clean"] = clean
        for name in ("gain", "cost", "lead"):
            values[f"{name}_clean"] = clean * values[name]
        # A sentence by itself says little about how damaged its source is.
        values["short"] = _shortness(len(view.ids))
        values["lead_short"] = values["short"] * values["lead"]
        values["margin_short"] = values["short"] * values["margin"]
        row = np.zeros(len(FEATURES))
        for name, value in values.items():
            row[INDEX[name]] = value
        return row

    def _word_evidence(
        self, start: int, end: int, lo: int, hi: int, after: str, recurs: int, gain: float, lead: float
    ) -> dict[str, float]:
        document, text = self.document, self.text
        words = document.resources.words
        left, right = self._span(start - 1, -6), self._span(end, 6)
        old_path, old_count, old_word = _segmentation(words, left, text[lo:hi], right)
        new_path, new_count, new_word = _segmentation(words, left, after, right)
        # Loose characters become a word that the text has not used otherwise, and no word is broken up for it.
        clear = float(new_count < old_count and old_word == 0 and recurs <= 0 and new_word > 0)
        surnames = document.resources.surnames
        return {
            "path": float(np.clip(new_path - old_path, -4, 8)),
            "words": float(np.clip(old_count - new_count, -2, 3)),
            "word_new": new_word,
            "word_read": old_word,
            "broken_word": float(old_word > 0),
            "clear": clear,
            "clear_gain": clear * min(gain, 12.0, 2 * lead),
            "clear_style": clear * document.style,
            "surname": float(any(ch in surnames for ch in text[max(0, lo - 2) : hi])),
        }

    def _mark_evidence(self, start: int, end: int, lo: int, hi: int, read: str, after: str) -> dict[str, float]:
        values: dict[str, float] = {}
        before, behind = self.text[max(0, lo - 1) : lo], self.text[hi : hi + 1]
        if read:
            ch = read[0]
            values["read_hanzi"] = float(is_hanzi(ch))
            values["read_digit"] = float(ch.isdigit())
            values["read_letter"] = float(ch.isascii() and ch.isalpha())
            values["read_ascii"] = float(ch.isascii() and not ch.isalnum())
            if ch in MARKS:
                values[f"read_{ch}"] = 1.0
            values["twice"] = float(ch in (before, behind))
        if after:
            ch = after[-1]
            values["new_hanzi"] = float(is_hanzi(ch))
            values["new_digit"] = float(ch.isdigit())
            if ch in MARKS:
                values[f"new_{ch}"] = 1.0
            values["twice"] = float(ch in (before, behind))
        marks = self.marks
        previous = marks[bisect_left(marks, start) - 1] if bisect_left(marks, start) else -1
        following = bisect_left(marks, end)
        values["since_mark"] = math.log2(1 + min(40, start - previous - 1))
        until = (marks[following] if following < len(marks) else start + 40) - end
        values["until_mark"] = math.log2(1 + min(40, until))
        values["beside_mark"] = float(before in MARKS) + float(behind in MARKS) if before and behind else 0.0
        values["balance"] = float(self._balance(lo, hi, after)) - float(self._balance(lo, hi, read))
        return values

    def _balance(self, lo: int, hi: int, new: str) -> int:
        """How well `new` in the place of ``text[lo:hi]`` pairs: 1 with its partner open (or to come) and -1 without, 0
        for what does not pair."""
        mark = new[-1:]
        if mark not in PARTNER:
            return 0
        partner = PARTNER[mark]
        opening = mark in OPENING
        near = self.text[hi : hi + 60] if opening else self.text[max(0, lo - 60) : lo][::-1]
        for ch in near:
            if ch in "\n\f":
                continue
            if ch == partner:
                return 1
            if ch == mark:
                return -1
        return -1

    def _span(self, place: int, reach: int) -> str:
        """Up to ``abs(reach)`` characters of the paragraph from symbol `place` on, or back; line breaks left out."""
        view = self.view
        part = slice(place, place + reach) if reach > 0 else slice(max(0, place + 1 + reach), place + 1)
        pairs = zip(view.ids[part].tolist(), view.positions[part].tolist(), strict=True)
        text = "".join("\n" if symbol in (BOS, EOS) else self.text[position] for symbol, position in pairs)
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


def _quoted(text: str, lo: int, hi: int) -> bool:
    """Whether the place is in a short quotation or title."""
    left, right = text[max(0, lo - WIDE) : lo], text[hi : hi + WIDE]
    opened = max(left.rfind(q) for q in "“‘「『《〈")
    closed = max(left.rfind(q) for q in "”’」』》〉")
    return opened > closed and any(q in right for q in "”’」』》〉")


def alternatives(finding: Finding, read: str) -> tuple[tuple[str, float], ...]:
    """What else may have been printed, the reading as it stands included, with probabilities that sum to at most one,
    best first."""
    p = finding.probability
    if len(finding.edits) > 1:
        return tuple(sorted(((finding.after, p), (read, 1 - p)), key=lambda item: -item[1]))
    edit = finding.edits[0]
    best = edit.gain + edit.cost
    # Half of the exponent: what the scores leave out is shared by neighbouring symbols.
    others = [(text, 10 ** (min(0.0, score - best) / 2)) for text, score in edit.rivals if text != read][:5]
    total = sum(weight for _, weight in others)
    share = (1 - p) * total / (1 + total)
    items = [(finding.after, p), (read, 1 - p - share)]
    items += [(text, share * weight / total) for text, weight in others]
    return tuple(sorted(items, key=lambda item: -item[1]))
