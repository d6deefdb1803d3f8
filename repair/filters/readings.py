"""Where a text and another reading of the same pages differ, with the evidence for each of the two; not a filter of its
own.

Both readings are aligned (`repair.align`) into *columns*: a character of each, or of one of them alone. Where they
differ each column is a choice. A beam search over all choices near each other finds what the language model and the
confusion channel make of them together; every run of choices then becomes a `Difference` with a row of evidence, from
which a logistic regression makes the probability that the witness is right (``benchmarks/fit_witness.py``). Nothing is
known about who wrote which reading: how far each can be trusted, and where in its lines, shows where they differ.
"""

from __future__ import annotations

import math
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..align import Solid, align, folded, hashes, solid
from ..document import Document
from ..language.context import REACH, mean_around
from ..language.decoder import replaced
from ..language.lattice import Arcs, search
from ..language.logistic import log_odds, logistic
from ..language.ngram import BOS, EOS
from ..language.slips import FIRST, INSIDE, LAST
from . import page_edge
from .decoded import CLOSING, GARBLED, MARKS, OPENING

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

KINDS = ("hanzi", "mark", "insert", "delete", "part", "third")
PART = 7
"""Characters from which a stretch that only one reading has is no slip but a part of the page that the other missed."""
LINE = 3
"""The same if it is a whole line."""
LONGEST = 24
"""Columns after which a stretch of choices is cut, so that the number of steps does not depend on the text."""
DROPPED, DROPPED_SIGN = -3.0, -2.5
"""log10 probability that an engine drops a Hanzi, or a sign of which that was not measured."""
UNALIKE = 0.5
"""Share of characters that must have an equal partner for a witness to be a reading of the same pages."""
SHORT, KNOWN = 4, 0.8
"""Length of the strings by which a part is looked for elsewhere in the text, and share from which it is there."""
SHUFFLED, KNOWN_SHUFFLED = 0.5, 0.2
"""Share of a part that the other reading has elsewhere from which their orders differ, and `KNOWN` if they do."""
TEXT, WITNESS = -2, -1
"""What a path takes in a column, if it is not the code point of what neither reading has."""
LIKELY, LIKELY_ALONE, LIKELY_BOTH = -4.5, -3.2, -8.0
"""log10 probability that an engine read as it did from which on a third character is tried: if it is known of both
engines, if it is known of one; and that both did."""
EDGE_PASSES = 3
"""How often a witness is looked through for running heads: below a page number there may be another line."""
LEAST = 1e-4
"""How near to 0 and 1 what a rule states of a reading is believed."""
WIDE = 20
"""Columns around a difference in which other differences are its company."""

FEATURES = (
    "bias",
    "gain",
    "gain_alone",
    "gain_up",
    "gain_witness",
    "path",
    "lead",
    "cost_text",
    "cost_witness",
    "natural_text",
    "natural_witness",
    "size",
    "longer",
    "shorter",
    "around_text",
    "around_witness",
    "garbled_text",
    "garbled_witness",
    "style_text",
    "style_witness",
    "density",
    "company",
    "won",
    "won_kind",
    "won_near",
    "agree",
    "first_text",
    "last_text",
    "first_witness",
    "last_witness",
    "frequency_text",
    "frequency_witness",
    "recurs_text",
    "recurs_witness",
    "twice",
    "wider",
    "narrower",
    "variant",
    "hanzi_text",
    "hanzi_witness",
    "digit_text",
    "digit_witness",
    "letter_text",
    "letter_witness",
    "ascii_text",
    "ascii_witness",
    "beside_mark",
    "beside_digit",
    "whole_line",
    "edge_of_page",
    "edge_short",
    "width",
    "natural_join",
    "ends_sentence",
    *(f"text_{mark}" for mark in MARKS),
    *(f"witness_{mark}" for mark in MARKS),
)
INDEX = {name: k for k, name in enumerate(FEATURES)}


class Difference(NamedTuple):
    """``text[start:end]`` reads `after` in the witness number `witness`. `path`: whether the best path takes it;
    `evidence`: a value for each of `FEATURES`; `probability`: that `after` is what was printed."""

    kind: str
    start: int
    end: int
    after: str
    witness: int
    path: bool
    evidence: Floats
    probability: float


class Reading:
    """One reading with what does not depend on the other: its characters without white space, as the language model
    sees them, and where in their lines they stand."""

    def __init__(self, document: Document) -> None:
        text, view = document.text, document.view
        self.document = document
        self.solid: Solid = solid(text)
        codes, place = self.solid
        model = document.resources.model
        self.symbol: Ints = model.code_ids(codes).astype(np.int64)
        shown = (view.ids != BOS) & (view.ids != EOS)
        self.logp = np.zeros(len(codes))
        at = np.searchsorted(place, view.positions[shown])
        inside = at < len(codes)
        self.logp[at[inside]] = view.logp[shown][inside]
        starts = view.positions[view.ids == BOS]
        self.paragraph: Ints = np.unique(np.searchsorted(place, starts))
        """Characters before which a paragraph starts, the first not among them."""
        self.paragraph = self.paragraph[(self.paragraph > 0) & (self.paragraph < len(codes))]
        ends = np.array([line.end for line in document.lines], np.int64)
        line = np.searchsorted(ends, place, side="left")
        new = np.concatenate([[True], line[1:] != line[:-1], [True]]) if len(line) else np.ones(1, np.bool_)
        self.line: Ints = np.cumsum(new[:-1]) - 1
        """Number of the line of each character, blank lines not counted."""
        self.first: Bools = new[:-1]
        self.last: Bools = new[1:]
        self.hanzi: Bools = ((codes >= 0x3400) & (codes <= 0x9FFF)) | (codes >= 0x20000)
        self.total = np.concatenate([[0.0], np.cumsum(self.logp)])
        self.bad = np.concatenate([[0.0], np.cumsum(self.logp < GARBLED)])
        self.cuts: list[Cut] = []
        self.width = float(np.median(np.bincount(self.line))) if len(codes) else 0.0
        """Characters of a line, as most have them."""
        self.style = float(np.maximum(self.logp, -4.0).sum() - 300) / (len(codes) + 200)

    def range(self, start: int, end: int) -> tuple[int, int]:
        """Which of the characters without white space are those of ``text[start:end]``, half-open."""
        first, last = np.searchsorted(self.solid.place, [start, end]).tolist()
        return first, last

    def slot(self, at: Ints) -> NDArray[np.int8]:
        """Where in their lines characters stand, as `repair.language.slips` counts."""
        return np.where(self.first[at], FIRST, np.where(self.last[at], LAST, INSIDE)).astype(np.int8)


class Cut(NamedTuple):
    """A running head or page number taken out of a witness before its character `at`, with the confidence in that."""

    at: int
    confidence: float


def without_edges(document: Document) -> tuple[str, list[Cut]]:
    """The text without its running heads and page numbers, the doubtful ones left out too: nobody misses them here."""
    cuts: list[Cut] = []
    for _ in range(EDGE_PASSES):
        found = sorted(page_edge.propose(document, page_edge.FILTER.settings), key=lambda p: -p.start)
        if not found:
            break
        text = document.text
        for p in found:  # from the end, so that what lies before stays where it is
            if p.end <= len(text):
                text = text[: p.start] + text[p.end :]
                cuts = [Cut(_moved(cut.at, p.start, p.end), cut.confidence) for cut in cuts]
                cuts.append(Cut(p.start, p.confidence))
        document = Document(text, document.lexicon, document.resources)
    return document.text, cuts


def _moved(at: int, start: int, end: int) -> int:
    """Where the place `at` is once ``[start, end)`` is gone."""
    return at - (end - start) if at >= end else min(at, start)


def witness_reading(document: Document, number: int) -> Reading:
    """The witness `number` of a document, prepared once a run."""
    known: dict[int, Reading] = document.shared.setdefault("readings", {})
    if number not in known:
        resources = document.resources
        text, cuts = without_edges(Document(document.witnesses[number], document.lexicon, resources))
        reading = Reading(Document(text, document.lexicon, resources))
        reading.cuts = [Cut(int(np.searchsorted(reading.solid.place, cut.at)), cut.confidence) for cut in cuts]
        known[number] = reading
    return known[number]


class Edge(NamedTuple):
    """A running head or page number of the text, ``text[start:end]``, where a witness has one too. `evidence`: a value
    for each of `EDGE_FEATURES`; `probability`: that it is one."""

    start: int
    end: int
    witness: int
    evidence: Floats
    probability: float


EDGE_FEATURES = ("bias", "text", "witness")


def edges(document: Document) -> list[Edge]:
    """The running heads and page numbers of the text that are confirmed by a witness."""
    out = []
    pairs = [pair for pair in aligned(document) if pair.other.cuts]
    for p in page_edge.propose(document, page_edge.FILTER.settings) if pairs else ():
        for pair in pairs:
            other = pair.edge(p.start, p.end)
            if other is not None:
                row = np.array([1.0, log_odds(p.confidence, LEAST), log_odds(other, LEAST)])
                weights = document.resources.weights("witness_edge", EDGE_FEATURES)
                out.append(Edge(p.start, p.end, pair.number, row, logistic(float(row @ weights))))
    return out


def differences(document: Document) -> list[Difference]:
    """Where the document's witnesses differ from it, witness by witness, with probabilities; found once."""
    if "readings" not in document.memo:
        found = judged(document)
        if len(aligned(document)) > 1:
            weights = document.resources.weights("witness_votes", VOTE_FEATURES)
            rows = votes(document, found)
            found = [d._replace(probability=logistic(float(row @ weights))) for d, row in zip(found, rows, strict=True)]
        document.memo["readings"] = found
    out: list[Difference] = document.memo["readings"]
    return out


def judged(document: Document) -> list[Difference]:
    """The differences with probabilities as if each witness were the only one."""
    found = weighed(document)
    weights = {kind: document.resources.weights(f"witness_{kind}", FEATURES) for kind in {d.kind for d in found}}
    return [d._replace(probability=logistic(float(d.evidence @ weights[d.kind]))) for d in found]


VOTE_FEATURES = ("bias", "stated", "for", "against")


def votes(document: Document, found: list[Difference]) -> list[Floats]:
    """For each difference a value for each of `VOTE_FEATURES`: how many other witnesses read the same, and how many as
    the text does."""
    pairs = aligned(document)
    same: dict[tuple[int, int, str], int] = {}
    for d in found:
        key = (d.start, d.end, d.after)
        same[key] = same.get(key, 0) + 1
    rows = []
    for d in found:
        others = [pair for pair in pairs if pair.number != d.witness]
        against = sum(pair.confirms(d.start, d.end) for pair in others)
        rows.append(np.array([1.0, log_odds(d.probability, LEAST), same[d.start, d.end, d.after] - 1, against]))
    return rows


def weighed(document: Document) -> list[Difference]:
    """The differences without their probabilities."""
    return [d for pair in aligned(document) if pair.other.document.text != document.text for d in pair.differences()]


def aligned(document: Document) -> list[Pair]:
    """The document with each witness that is a reading of the same pages, aligned once for a document."""
    if "aligned" not in document.memo:
        document.memo["aligned"] = []
        if document.witnesses and document.text.strip():
            own = Reading(document)
            pairs = [Pair(own, witness_reading(document, k), k) for k in range(len(document.witnesses))]
            document.memo["aligned"] = [pair for pair in pairs if pair.related]
    out: list[Pair] = document.memo["aligned"]
    return out


class Pair:
    """A text and one witness, aligned. Columns are arrays (c,): `t` and `w` the characters of both, -1 for none;
    `boundary` where a paragraph ends or starts."""

    def __init__(self, own: Reading, other: Reading, number: int) -> None:
        self.own, self.other, self.number = own, other, number
        self.document = own.document
        self.model = self.document.resources.model
        self.partner = align(own.solid.codes, other.solid.codes)

    @cached_property
    def _paired(self) -> tuple[Ints, Ints]:
        """The characters that have partners, and their partners."""
        known = np.flatnonzero(self.partner >= 0)
        return known, self.partner[known]

    @property
    def related(self) -> bool:
        """Whether the witness is a reading of the same pages at all."""
        paired, partner = self._paired
        if not len(paired):
            return False
        equal = int((self.own.solid.codes[paired] == self.other.solid.codes[partner]).sum())
        return equal >= UNALIKE * min(len(self.partner), len(self.other.solid.codes))

    def edge(self, start: int, end: int) -> float | None:
        """The confidence that the witness has a running head or page number where ``text[start:end]`` is one; None if
        it has none there, or has some of its characters in the body of the page."""
        partner = self.partner
        first, last = self.own.range(start, end)
        inside = np.flatnonzero(partner[first:last] >= 0) + first
        if (self.own.solid.codes[inside] == self.other.solid.codes[partner[inside]]).any():
            return None
        known, there = self._paired
        k = int(np.searchsorted(known, first)), int(np.searchsorted(known, last))
        low = int(there[k[0] - 1]) if k[0] else -1
        high = int(there[k[1]]) if k[1] < len(there) else len(self.other.symbol)
        found = [cut.confidence for cut in self.other.cuts if low < cut.at <= high]
        return max(found) if found else None

    def confirms(self, start: int, end: int) -> bool:
        """Whether the witness has ``text[start:end]`` as it stands, with the same characters beside it; or nothing
        either, where that is empty."""
        partner = self.partner
        first, last = self.own.range(start, end)
        around = partner[max(0, first - 1) : last + 1]
        if (around < 0).any() or (np.diff(around) != 1).any():
            return False
        inside = np.arange(first, last)
        return bool((self.own.solid.codes[inside] == self.other.solid.codes[partner[inside]]).all())

    # ---------------------------------------------------------------- columns

    def _columns(self) -> None:
        own, other, pad = self.own, self.other, self.model.pad
        n, m = len(own.symbol), len(other.symbol)
        paired = np.flatnonzero(self.partner >= 0)
        there = self.partner[paired]
        alone = np.ones(m, np.bool_)
        alone[there] = False
        extra = np.flatnonzero(alone)
        following = np.append(paired, n)[np.searchsorted(there, extra)]
        # A paragraph ends where both readings end one.
        known_before = np.searchsorted(paired, own.paragraph) - 1
        low = np.append(there, -1)[known_before]
        high = np.append(there, m)[known_before + 1]
        cuts = np.searchsorted(other.paragraph, [low, high], side="right")
        both = cuts[1] > cuts[0]
        starts = own.paragraph[both]
        there_starts = other.paragraph[cuts[0][both]]
        # Characters that only the witness has stand before the boundary or after it, as they do in the witness.
        at = np.searchsorted(starts, following)
        same = np.append(starts, -1)[at] == following
        later = same & (extra >= np.append(there_starts, m + 1)[at])
        key = np.concatenate([
            np.arange(n, dtype=np.float64), following - np.where(later, 0.1, 0.5), np.repeat(starts - 0.25, 2), [-1, n]
        ])  # fmt: skip
        none = np.full(2 * len(starts) + 2, -1, np.int64)
        order = np.argsort(key, kind="stable")
        self.t = np.concatenate([np.arange(n), np.full(len(extra), -1), none])[order]
        self.w = np.concatenate([self.partner, extra, none])[order]
        edge = np.concatenate([np.full(n + len(extra), -1), np.tile([EOS, BOS], len(starts)), [BOS, EOS]])[order]
        self.boundary = edge >= 0
        self.symbol_t = np.where(self.t >= 0, np.append(own.symbol, -1)[self.t], edge)
        self.symbol_w = np.where(self.w >= 0, np.append(other.symbol, -1)[self.w], edge)
        # What the model does not see at all makes no difference.
        self.symbol_t[self.symbol_t < 0] = pad
        self.symbol_w[self.symbol_w < 0] = pad

    def _choices(self) -> Bools:
        """Columns in which the readings differ by slips of an engine."""
        own, other = self.own, self.other
        code_t = np.append(own.solid.codes, 0)[self.t]
        code_w = np.append(other.solid.codes, 0)[self.w]
        self.code_t, self.code_w = np.where(self.t < 0, 0, code_t), np.where(self.w < 0, 0, code_w)
        self.hanzi_t = np.append(own.hanzi, False)[self.t] & (self.t >= 0)
        self.hanzi_w = np.append(other.hanzi, False)[self.w] & (self.w >= 0)
        unlike = self.symbol_t != self.symbol_w
        # The model does not tell digits, letters and widths of marks apart; only the latter are looked into by
        # themselves.
        unlike |= (_plain(self.code_t) != _plain(self.code_w)) & ~self.hanzi_t & ~self.hanzi_w
        unlike &= ~self.boundary
        both = (self.t >= 0) & (self.w >= 0)
        self.missing, self.kept = self._parts(unlike & (self.t < 0)), self._parts(unlike & (self.w < 0))
        for run in (self.missing, self.kept):
            for start, end in run:
                unlike[start:end] = False
        unlike &= both | (self.symbol_t != self.symbol_w)
        shielded = np.append(self.document.shielded[own.solid.place], False)[self.t] & (self.t >= 0)
        choices: Bools = unlike & ~shielded
        return choices

    def _parts(self, alone: Bools) -> list[tuple[int, int]]:
        """Runs of columns that only one reading has which are parts of the page and not slips."""
        out = []
        for start, end in _runs(alone):
            index, reading = (self.w, self.other) if self.t[start] < 0 else (self.t, self.own)
            a, b = int(index[start]), int(index[end - 1])
            whole = bool(reading.first[a] and reading.last[b])
            if end - start >= PART or (whole and end - start >= LINE):
                out.append((start, end))
        return out

    # ---------------------------------------------------------------- choosing

    def _costs(self, at: Ints) -> tuple[Floats, Floats]:
        """log10 probability of the misreadings if the text is right in the columns `at` (n,), and if the witness is."""
        resources = self.document.resources
        read, seen = self.code_t[at], self.code_w[at]
        text, witness = np.zeros(len(at)), np.zeros(len(at))
        both = np.flatnonzero((self.t[at] >= 0) & (self.w[at] >= 0))
        if len(both):
            text[both] = resources.channel.log_prob(seen[both], read[both])
            witness[both] = resources.channel.log_prob(read[both], seen[both])
        for side, other, index, reading, codes, symbols in (
            (text, witness, self.w, self.other, seen, self.symbol_w),
            (witness, text, self.t, self.own, read, self.symbol_t),
        ):
            alone = np.flatnonzero((index[at] >= 0) & ((self.t[at] < 0) | (self.w[at] < 0)))
            if len(alone):
                slot = reading.slot(index[at[alone]])
                known = np.minimum(symbols[at[alone]], len(self.model.unigram) - 1)
                side[alone] = resources.slips.spurious(codes[alone], slot) + self.model.unigram[known]
                other[alone] = [
                    resources.slips.dropped.get(chr(code), (_dropped(code), _dropped(code)))[place == LAST]
                    for code, place in zip(codes[alone].tolist(), slot.tolist(), strict=True)
                ]
        return text, witness

    def _thirds(self, at: Ints) -> tuple[Ints, Ints, Floats]:
        """What else may have been printed in the columns `at` (n,), where both readings have a character: rows of
        `at`, code
        points, and log10 probability that both engines read it as they did, (m,) each."""
        read, seen = self.code_t[at], self.code_w[at]
        both = np.flatnonzero((read > 0) & (seen > 0) & (self.symbol_t[at] != self.symbol_w[at]))
        if not len(both):
            return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0)
        near, channel = self.document.resources.near, self.document.resources.channel
        keys, logs = [], []
        for side in (read, seen):
            some, log = near.candidates(side[both])
            row, column = np.nonzero((some > 0) & (log >= LIKELY))
            keys.append((both[row] << 21) | some[row, column])
            logs.append(log[row, column])
        keys_, where, count = np.unique(np.concatenate(keys), return_index=True, return_counts=True)
        # One engine's misreading must be a likely one, or both must be known: nothing else is likely together.
        tried = keys_[(count > 1) | (np.concatenate(logs)[where] >= LIKELY_ALONE)]
        row, code = tried >> 21, tried & ((1 << 21) - 1)
        symbol = self.model.code_ids(code)
        other = (code != read[row]) & (code != seen[row]) & (symbol > EOS)
        other &= (symbol != self.symbol_t[at[row]]) & (symbol != self.symbol_w[at[row]])
        row, code = row[other], code[other]
        cost = channel.log_prob(read[row], code) + channel.log_prob(seen[row], code)
        likely = cost >= LIKELY_BOTH
        return row[likely], code[likely], cost[likely].astype(float)

    def _search(self, choice: Bools) -> Ints:
        """Which reading the best path takes in each column: `TEXT`, `WITNESS`, or the code point of what neither
        has."""
        taken = np.full(len(choice), TEXT, np.int64)
        at = np.flatnonzero(choice)
        if not len(at):
            return taken
        pad = self.model.pad
        paragraph = np.cumsum(self.boundary)
        new = np.concatenate([[True], (np.diff(at) > REACH + 1) | (np.diff(paragraph[at]) > 0)])
        begin = at[np.maximum.accumulate(np.where(new, np.arange(len(at)), 0))]
        new[1:] |= np.diff((at - begin) // LONGEST) > 0
        head = np.flatnonzero(new)
        first, last = at[head], at[np.append(head[1:], len(at)) - 1]
        edge = np.append(np.flatnonzero(self.symbol_t == EOS), len(choice))
        end = np.minimum(last + 1 + REACH, edge[np.searchsorted(edge, last)] + 1)
        end = np.minimum(end, len(choice))
        length = end - first
        view = np.repeat(first - (np.cumsum(length) - length), length) + np.arange(int(length.sum()))
        open_ = choice[view] & (view <= np.repeat(last, length))
        free = np.flatnonzero(open_)
        row, code, both_cost = self._thirds(view[free])
        text, witness = self._costs(view[free])
        text_cost = np.zeros(len(view))
        text_cost[free] = text
        # Arcs by place, the text's first.
        place = np.concatenate([np.arange(len(view)), free, free[row]])
        order = np.argsort(place, kind="stable")
        start = np.searchsorted(place[order], np.arange(len(view) + 1))
        symbol = np.concatenate([self.symbol_t[view], self.symbol_w[view[free]], self.model.code_ids(code)])[order]
        cost = np.concatenate([text_cost, witness, both_cost])[order]
        what = np.concatenate([np.full(len(view), TEXT), np.full(len(free), WITNESS), code])[order]
        follower = self._followers()[view][np.repeat(np.arange(len(view)), np.diff(start))]
        hope = np.maximum(self.model.score_windows(np.stack([symbol, follower], axis=1), 1)[:, 0], -5.0)
        hope[symbol == pad] = -2.0
        hope[follower == EOS] = 0
        arcs = Arcs(
            start,
            symbol.astype(np.uint32),
            cost.astype(np.float32),
            np.ones(len(symbol), np.int8),
            hope.astype(np.float32),
        )
        nothing = Arcs(
            np.zeros(len(view) + 1, np.int64),
            np.empty(0, np.uint32),
            np.empty(0, np.float32),
            np.empty(0, np.int8),
            np.empty(0, np.float32),
        )
        for path in search(self.model, self._contexts(first), length, arcs, nothing):
            for stop, chosen in path:
                if chosen > start[stop]:
                    taken[view[stop]] = what[chosen]
        return taken

    def _followers(self) -> Ints:
        """For each column the next symbol of the text after it."""
        real = np.flatnonzero(self.symbol_t != self.model.pad)
        after = np.searchsorted(real, np.arange(len(self.t)), side="right")
        followers: Ints = np.append(self.symbol_t[real], EOS)[after]
        return followers

    def _contexts(self, first: Ints) -> Ints:
        """The symbols of the text before each of the columns `first`, nothing from before the paragraph, (n, REACH)."""
        pad = self.model.pad
        real = np.flatnonzero(self.symbol_t != pad)
        stream = np.concatenate([np.full(REACH, pad), self.symbol_t[real]])
        rows: Ints = stream[np.searchsorted(real, first)[:, None] + np.arange(REACH)]
        passed = np.cumsum(rows[:, ::-1] == BOS, axis=1)[:, ::-1]
        rows[:, :-1][passed[:, 1:] > 0] = pad
        return rows

    # ---------------------------------------------------------------- weighing

    def differences(self) -> list[Difference]:
        self._columns()
        choice = self._choices()
        taken = self._search(choice)
        runs = self._groups(choice, taken)
        out = _Evidence(self, runs, taken).differences() if runs else []
        for start, end in self.missing:
            part = self._missing(start, end)
            if part is not None:
                out.append(part)
        return out

    def _groups(self, choice: Bools, taken: Ints) -> list[tuple[int, int]]:
        """Runs of neighbouring choices that belong together: all Hanzi or none, chosen alike, with no white space
        between."""
        at = np.flatnonzero(choice)
        if not len(at):
            return []
        hanzi = (self.hanzi_t | (self.t < 0)) & (self.hanzi_w | (self.w < 0))
        gap = np.zeros(len(self.t), np.bool_)
        place = np.where(self.t >= 0, np.append(self.own.solid.place, 0)[self.t], 0)
        last = np.maximum.accumulate(np.where(self.t >= 0, np.arange(len(self.t)), 0))
        gap[1:] = (self.t[1:] >= 0) & (place[1:] > place[last[:-1]] + 1)
        new = np.concatenate([
            [True],
            (np.diff(at) > 1) | (np.diff(hanzi[at].astype(np.int8)) != 0) | (np.diff(np.minimum(taken[at], 0)) != 0)
            | gap[at[1:]],
        ])  # fmt: skip
        head = np.flatnonzero(new)
        starts, ends = at[head], at[np.append(head[1:], len(at)) - 1] + 1
        return [
            (a, min(b, a + LONGEST))
            for start, end in zip(starts.tolist(), ends.tolist(), strict=True)
            for a, b in ((x, end) for x in range(start, end, LONGEST))
        ]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Which part of the text the columns stand for; where something is put in, an empty one."""
        place = self.own.solid.place
        own = self.t[start:end]
        own = own[own >= 0]
        if len(own):
            return int(place[own[0]]), int(place[own[-1]]) + 1
        before, after = self._beside(start, -1), self._beside(end - 1, 1)
        left = int(place[before]) + 1 if before >= 0 else int(place[after])
        right = int(place[after]) if after >= 0 else left
        opening = chr(int(self.code_w[start])) in OPENING
        # At a line break of the text it stands as it does in the witness.
        at = right if opening or bool(self.other.first[self.w[start]]) or before < 0 else left
        return at, at

    def _beside(self, column: int, step: int) -> int:
        """The nearest character of the text before or after a column, -1 if there is none."""
        column += step
        while 0 <= column < len(self.t):
            if self.t[column] >= 0:
                return int(self.t[column])
            column += step
        return -1

    def read(self, start: int, end: int) -> str:
        """What the witness has in the columns."""
        return "".join(map(chr, self.code_w[start:end][self.w[start:end] >= 0].tolist()))

    @cached_property
    def _known(self) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
        """All strings of a few characters of the text, and of the witness, sorted."""
        own, other = (np.unique(hashes(folded(reading.solid.codes), SHORT)) for reading in (self.own, self.other))
        return own, other

    def _elsewhere(self, reading: Reading, low: int, high: int, known: NDArray[np.uint64]) -> float:
        """Which share of a part of one reading the other has somewhere, by strings of a few characters."""
        keys = hashes(folded(reading.solid.codes[low:high]), SHORT)
        if not len(keys) or not len(known):
            return 0.0
        return float((known[np.minimum(np.searchsorted(known, keys), len(known) - 1)] == keys).mean())

    @cached_property
    def _shuffled(self) -> bool:
        """Whether the readings have parts of the page in different orders, as where one has mixed up columns."""
        runs = ((int(self.t[start]), int(self.t[end - 1]) + 1) for start, end in self.kept if end - start >= PART)
        return any(self._elsewhere(self.own, low, high, self._known[1]) >= SHUFFLED for low, high in runs)

    def _joined(self, start: int, end: int) -> float:
        """How much likelier the four symbols after a part of the witness are after it than after what the text has
        before it."""
        pad = self.model.pad
        part = np.array([symbol for symbol in self.symbol_w[start:end].tolist() if symbol != pad][-REACH:], np.int64)
        after = [symbol for symbol in self.symbol_t[end : end + 3 * REACH].tolist() if symbol != pad][:REACH]
        before = [symbol for symbol in self.symbol_t[max(0, start - 3 * REACH) : start].tolist() if symbol != pad][
            -REACH:
        ]
        if not after or after[0] == EOS or not len(part):
            return 0.0
        with_part = self.model.score(np.array([*part, *after], np.int64))[len(part) :].sum()
        without = self.model.score(np.array([*before, *after], np.int64))[len(before) :].sum()
        return float(np.clip(with_part - without, -8.0, 8.0))

    def _missing(self, start: int, end: int) -> Difference | None:
        """A part of the page that only the witness has."""
        other, own = self.other, self.own
        a, b = int(self.w[start]), int(self.w[end - 1])
        beside = [self.t[k] >= 0 and self.w[k] < 0 for k in (start - 1, end) if 0 <= k < len(self.t)]
        known = self._elsewhere(other, a, b + 1, self._known[0])
        if any(beside) or known > (KNOWN_SHUFFLED if self._shuffled else KNOWN):
            return None  # the text has something else there, or has it in another place
        if 3 * len(set(other.solid.codes[a : b + 1].tolist())) <= end - start:
            return None  # a loop
        before, after = self._beside(start, -1), self._beside(end - 1, 1)
        text = other.document.text
        lo, hi = int(other.solid.place[a]), int(other.solid.place[b]) + 1
        body = text[lo:hi]
        whole = bool(other.first[a] and other.last[b])
        if whole and (before < 0 or after < 0 or own.last[before] or own.first[after]):
            at = int(own.solid.place[after]) if after >= 0 else len(self.document.text.rstrip())
            at, body = (at, body + "\n") if after >= 0 else (at, "\n" + body)
        elif before >= 0:
            at = int(own.solid.place[before]) + 1
        else:
            at = int(own.solid.place[after])
        row = np.zeros(len(FEATURES))
        lines = int(other.line[-1]) + 1
        distance = min(int(other.line[a]), lines - 1 - int(other.line[b]))
        mean = float(other.total[b + 1] - other.total[a]) / (b + 1 - a)
        hanzi = float(other.hanzi[a : b + 1].mean())
        outer = before < 0 or after < 0
        width = min(1.5, (end - start) / max(1.0, other.width))
        values = {
            "bias": 1.0,
            "natural_witness": mean,
            "size": math.log2(end - start),
            "style_witness": other.style,
            "style_text": own.style,
            "whole_line": float(whole),
            "first_witness": float(other.first[a]),
            "last_witness": float(other.last[b]),
            "first_text": float(after >= 0 and own.first[after]),
            "last_text": float(before >= 0 and own.last[before]),
            "edge_of_page": float(distance == 0) + float(outer),
            "ends_sentence": float(chr(int(other.solid.codes[b])) in "。！？”；："),
            "hanzi_witness": hanzi,
            "width": width,
            "edge_short": float(outer and width < 0.75),
            "natural_join": self._joined(start, end),
            "around_witness": mean_around(other.total, a, b + 1 - a, -2.0),
        }
        for name, value in values.items():
            row[INDEX[name]] = value
        return Difference("part", at, at, body, self.number, True, row, 0.0)


class _Evidence:
    """Makes the rows of evidence for all runs of choices of one pair of readings."""

    def __init__(self, pair: Pair, runs: list[tuple[int, int]], taken: Ints) -> None:
        self.pair, self.runs, self.taken = pair, runs, taken
        self.kinds = [self._kind(*run) for run in runs]
        self.path = np.array([taken[start] != TEXT for start, _ in runs])
        self.middle = np.array([start for start, _ in runs])
        pad = pair.model.pad
        self.third = taken > WITNESS
        offered = pair.symbol_w.copy()
        offered[self.third] = pair.model.code_ids(taken[self.third])
        best = np.where(taken == TEXT, pair.symbol_t, offered)
        self.old = [_listed(pair.symbol_t[a:b], pad) for a, b in runs]
        self.seen = [_listed(pair.symbol_w[a:b], pad) for a, b in runs]
        self.new = [_listed(offered[a:b], pad) for a, b in runs]
        self.gain, self.natural_old, self.natural_new = self._gains(best)
        self.gain_alone, _, _ = self._gains(pair.symbol_t)
        self.gain_witness, _, _ = self._gains(pair.symbol_w)
        self.lead = self._leads(best)
        columns = np.concatenate([np.arange(a, b) for a, b in runs])
        size = np.array([b - a for a, b in runs])
        head = np.cumsum(size) - size
        text, witness = pair._costs(columns)
        self.cost_text = np.add.reduceat(text, head) / size
        self.cost_witness = np.add.reduceat(witness, head) / size
        self.votes = {kind: self._balance([k == kind for k in self.kinds]) for kind in KINDS}
        self.all_votes = self._balance([True] * len(runs))

    def _kind(self, start: int, end: int) -> str:
        pair = self.pair
        if self.taken[start] > WITNESS:
            return "third"
        t, w = pair.t[start:end] >= 0, pair.w[start:end] >= 0
        if not t.any() or not w.any():
            return "delete" if t.any() else "insert"
        return "hanzi" if pair.hanzi_t[start:end][t].all() and pair.hanzi_w[start:end][w].all() else "mark"

    def _gains(self, stream: Ints) -> tuple[Floats, Floats, Floats]:
        """How much likelier the witness makes `stream` at each run, and the means of both at the place."""
        with_new = self._replaced(stream, self.runs, self.new)
        with_old = self._replaced(stream, self.runs, self.old)
        count_new = np.array([len(x) for x in self.new]) + REACH
        count_old = np.array([len(x) for x in self.old]) + REACH
        return (with_new - with_old).astype(float), with_old / count_old, with_new / count_new

    def _leads(self, stream: Ints) -> Floats:
        """How much likelier what neither reading has is than the witness, 0 for other runs."""
        leads = np.zeros(len(self.runs))
        some = [k for k, kind in enumerate(self.kinds) if kind == "third"]
        if some:
            runs = [self.runs[k] for k in some]
            new = self._replaced(stream, runs, [self.new[k] for k in some])
            old = self._replaced(stream, runs, [self.seen[k] for k in some])
            leads[some] = new - old
        return leads

    def _replaced(self, stream: Ints, runs: list[tuple[int, int]], new: list[list[int]]) -> NDArray[np.float32]:
        """Log-probability of each of `new` in the place of its run of columns of `stream`, and of what follows."""
        real = stream != self.pair.model.pad
        before = np.append(0, np.cumsum(real))
        start, end = (before[list(side)] for side in zip(*runs, strict=True))
        total, _ = replaced(self.pair.model, stream[real], start, end, new)
        return total

    def _balance(self, chosen: list[bool]) -> tuple[int, int]:
        """How often the best path takes the text, and the witness."""
        these = self.path[np.array(chosen, np.bool_)]
        return int((~these).sum()), int(these.sum())

    def differences(self) -> list[Difference]:
        out = []
        wins = np.concatenate([[0], np.cumsum(np.where(self.path, 1, -1))])
        left = np.searchsorted(self.middle, self.middle - WIDE)
        right = np.searchsorted(self.middle, self.middle + WIDE, side="right")
        near = wins[right] - wins[left] - np.where(self.path, 1, -1)
        company = right - left - 1
        for k, (start, end) in enumerate(self.runs):
            lo, hi = self.pair.span(start, end)
            row = self._row(k, start, end, lo, hi, int(near[k]), int(company[k]))
            after = self._after(start, end)
            out.append(Difference(self.kinds[k], lo, hi, after, self.pair.number, bool(self.path[k]), row, 0.0))
        return out

    def _after(self, start: int, end: int) -> str:
        """What is offered in the place of the text's characters."""
        if self.taken[start] <= WITNESS:
            return self.pair.read(start, end)
        return "".join(map(chr, self.taken[start:end].tolist()))

    def _won(self, balance: tuple[int, int], k: int) -> float:
        """log2 odds of the witness among the other choices."""
        text, witness = balance
        return math.log2((witness - self.path[k] + 1) / (text - (1 - self.path[k]) + 1))

    def _row(self, k: int, start: int, end: int, lo: int, hi: int, near: int, company: int) -> Floats:
        pair = self.pair
        own, other, document, model = pair.own, pair.other, pair.document, pair.model
        kind = self.kinds[k]
        t, w = pair.t[start:end], pair.w[start:end]
        t, w = t[t >= 0], w[w >= 0]
        read, seen = document.text[lo:hi], self._after(start, end)
        gain = float(np.clip(self.gain[k], -12, 12))
        at_t = int(t[0]) if len(t) else max(0, pair._beside(start, -1))
        at_w = int(w[0]) if len(w) else int(np.clip(pair.w[max(0, start - 1)], 0, max(0, len(other.symbol) - 1)))
        old, new = self.old[k], self.new[k]
        left = self._symbol(start - 1, -1)
        right = self._symbol(end, 1)
        values = {
            "bias": 1.0,
            "gain": gain,
            "gain_alone": float(np.clip(self.gain_alone[k], -12, 12)),
            "gain_up": max(0.0, gain),
            "gain_witness": float(np.clip(self.gain_witness[k], -12, 12)),
            "path": float(self.path[k]),
            "lead": float(np.clip(self.lead[k], -12, 12)),
            "cost_text": float(max(-7.0, self.cost_text[k])),
            "cost_witness": float(max(-7.0, self.cost_witness[k])),
            "natural_text": float(self.natural_old[k]),
            "natural_witness": float(self.natural_new[k]),
            "size": math.log2(end - start),
            "longer": float(len(w) - len(t) > 0),
            "shorter": float(len(t) - len(w) > 0),
            "around_text": mean_around(own.total, at_t, len(t), -2.0),
            "around_witness": mean_around(other.total, at_w, len(w), -2.0),
            "garbled_text": mean_around(own.bad, at_t, len(t), 0.0),
            "garbled_witness": mean_around(other.bad, at_w, len(w), 0.0),
            "style_text": own.style,
            "style_witness": other.style,
            "density": math.log10((len(self.runs) + 1) / (len(own.symbol) + 50)),
            "company": math.log2(1 + company),
            "won": self._won(self.all_votes, k),
            "won_kind": self._won(self.votes[kind], k),
            "won_near": float(np.clip(near, -6, 6)),
            "first_text": float(own.first[t[0]]) if len(t) else 0.0,
            "last_text": float(own.last[t[-1]]) if len(t) else float(own.last[at_t]),
            "first_witness": float(other.first[w[0]]) if len(w) else 0.0,
            "last_witness": float(other.last[w[-1]]) if len(w) else float(other.last[at_w]),
            "twice": float((seen[:1] or read[:1]) in (document.text[max(0, lo - 1) : lo], document.text[hi : hi + 1])),
            "beside_digit": float(document.text[max(0, lo - 1) : lo].isdigit() or document.text[hi : hi + 1].isdigit()),
        }
        if old:
            values["frequency_text"] = float(model.unigram[old[-1]]) if old[-1] < model.pad else -7.0
            values["recurs_text"] = math.log2(
                1 + max(0, max(document.pair_count(left, old[0]), document.pair_count(old[-1], right)) - 1)
            )
        if new:
            values["frequency_witness"] = float(model.unigram[new[-1]]) if new[-1] < model.pad else -7.0
            values["recurs_witness"] = math.log2(
                1 + max(document.pair_count(left, new[0]), document.pair_count(new[-1], right))
            )
        if kind != "hanzi":
            values.update(self._signs(read, seen, lo, hi))
        row = np.zeros(len(FEATURES))
        for name, value in values.items():
            row[INDEX[name]] = value
        return row

    def _symbol(self, column: int, step: int) -> int:
        """The nearest symbol of the text from a column on."""
        symbols, pad = self.pair.symbol_t, self.pair.model.pad
        while 0 <= column < len(symbols):
            if symbols[column] != pad:
                return int(symbols[column])
            column += step
        return EOS

    def _signs(self, read: str, seen: str, lo: int, hi: int) -> dict[str, float]:
        values: dict[str, float] = {}
        text = self.pair.document.text
        for side, string in (("text", read), ("witness", seen)):
            if string:
                ch = string[-1] if side == "text" else string[0]
                values[f"hanzi_{side}"] = float("\u3400" <= ch <= "\u9fff")
                values[f"digit_{side}"] = float(ch.isdigit())
                values[f"letter_{side}"] = float(ch.isascii() and ch.isalpha())
                values[f"ascii_{side}"] = float(ch.isascii() and not ch.isalnum())
                wide = _WIDE.get(ch, ch)
                if wide in MARKS:
                    values[f"{side}_{wide}"] = 1.0
        if len(read) == len(seen) == 1:
            values["wider"] = float(_WIDE.get(read) == seen)
            values["narrower"] = float(_WIDE.get(seen) == read)
        values["beside_mark"] = float(text[max(0, lo - 1) : lo] in _SIGNS) + float(text[hi : hi + 1] in _SIGNS)
        return values


_WIDE = {",": "，", ":": "：", ";": "；", "?": "？", "!": "！", "(": "（", ")": "）"}
_SIGNS = frozenset(MARKS + OPENING + CLOSING + ",:;?!().")


def _plain(codes: Ints) -> Ints:
    """`codes` with letters and digits in half width: their width is a matter of style."""
    full = ((codes >= 0xFF10) & (codes <= 0xFF19)) | ((codes >= 0xFF21) & (codes <= 0xFF3A))
    full |= ((codes >= 0xFF41) & (codes <= 0xFF5A)) | (codes == 0xFF05) | (codes == 0xFF0E)
    plain: Ints = np.where(full, codes - 0xFEE0, codes)
    return plain


def _dropped(code: int) -> float:
    return DROPPED if 0x3400 <= code <= 0x9FFF else DROPPED_SIGN


def _listed(symbols: Ints, pad: int) -> list[int]:
    return [s for s in symbols.tolist() if s != pad]


def _runs(flags: Bools) -> list[tuple[int, int]]:
    """Half-open runs of True."""
    change = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    return list(zip(change[::2].tolist(), change[1::2].tolist(), strict=True))
