"""Build and measure the confusion channel from aligned OCR output.

    python -m repair.language.channel_build --pairs pairs.tsv --glyphs glyph_confusions.tsv \\
        --shapes dictionaries/shapes.bin -o dictionaries/confusions.tsv --report

Input: aligned sentences (columns ``id``, ``ocr``, ``truth``; the page unit is the first number of
the id), of which units with an even number are learnt from and odd ones only measured on; pages and
further sentences that are all learnt from; and, if given, confusions of characters read one by one off
grids of glyphs (columns ``truth``, ``read``, ``count``, ``truth_seen``). No text enters the output:
only characters and numbers do.

The model, for a character t misread as r, each step smoothed by the one before::

    P0(r | t, misread) = w(class of t, class of r) / N(class of r) * f(similarity of t and r) * a(r)
    P1(r | t, misread) = (glyph count + k1 P0) / (glyph errors of t + k1)
    P2(r | t, misread) = (page count + k2 P1) / (page errors of t + k2)
    P(r | t) = e(t) P2,    e(t) = (page errors of t + k3 e1(t)) / (page occurrences of t + k3)
    e1(t) = share misread in the class of t * (glyph error rate of t / mean glyph error rate) ** b

Classes are Hanzi and signs; k and b differ by the class of t, k0 by that of r. f is the ratio of two
densities of similarity, that of real confusions over that of t with a random r of the class, made
monotone (pool adjacent violators). a(r) tells how much more often glyph errors end in r than in the
average character of its class, k0 errors added to each: engines prefer common and simple ones.

The numbers k and b are chosen on pages that the counts they weigh do not contain: k0, k1 and b on all
pages to learn from while only glyphs are counted, k2 and k3 by two-fold cross-validation over page
units; by likelihood, of the reads given the truths for k0, k1, k2, and of which characters were misread
for k3 and b. e(t) never falls below half an error in all that was seen of t. P0 is scaled to sum to 1
over GB 2312 and signs.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import Levenshtein

from .channel import _KEY_SHIFT, MODEL_LINE, Channel, ChannelError, ShapeModel, _sorted, is_hanzi
from .shapes import COMMON, SYMBOL, Shapes, ShapesError

Floats = NDArray[Any]

LONGEST_RUN = 2
WORST = 0.4


class Pair(NamedTuple):
    """One aligned sentence."""

    unit: int
    ocr: str
    truth: str


@dataclass
class Counts:
    """Confusions (truth, read), and occurrences and misreadings of each truth."""

    confused: Counter[tuple[str, str]] = field(default_factory=Counter)
    seen: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Smoothing:
    """Strengths k0 to k3 (in observations) and the exponent b of the module's model, for one class."""

    k0: float
    k1: float
    k2: float
    k3: float
    b: float


def _table(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as handle:
        yield from csv.DictReader(handle, delimiter="\t", quoting=csv.QUOTE_NONE)


def read_pairs(path: Path) -> list[Pair]:
    """Aligned sentences of a table. Raises `ChannelError` when a column or a unit number is missing."""
    pairs = []
    for row in _table(path):
        try:
            unit = re.search(r"\d+", row["id"])
            if unit is None:
                raise ChannelError(f"{path}: no unit number in id {row['id']!r}")
            pairs.append(Pair(int(unit.group()), row["ocr"], row["truth"]))
        except KeyError as error:
            raise ChannelError(f"{path}: no column {error}") from error
    return pairs


def substitutions(pair: Pair) -> list[tuple[str, str]]:
    """(truth, read) of characters replaced one for one, at most `LONGEST_RUN` side by side.

    In longer runs of damage it is not known which character became which.
    """
    result = []
    for code in Levenshtein.opcodes(pair.ocr, pair.truth):
        if code.tag == "replace" and code.src_end - code.src_start <= LONGEST_RUN:
            read_run, true_run = pair.ocr[code.src_start : code.src_end], pair.truth[code.dest_start : code.dest_end]
            for read, true in zip(read_run, true_run, strict=True):
                if not true.isspace() and not read.isspace():
                    result.append((true, read))
    return result


def read_pages(folder: Path) -> list[Pair]:
    """Whole pages of a folder with raw.txt, truth.txt and meta.json, white space and running heads left out.

    Pages that are wrong in more than `WORST` of their characters tell nothing and are left out.
    """
    pairs = []
    for path in sorted(folder.rglob("meta.json")):
        meta = json.loads(path.read_text(encoding="utf-8"))
        heads = list(meta.get("header_lines", []))
        kept = []
        for line in (path.parent / "raw.txt").read_text(encoding="utf-8").split("\n"):
            if line in heads:
                heads.remove(line)
            else:
                kept.append(line)
        ocr = "".join("".join(kept).split())
        truth = "".join((path.parent / "truth.txt").read_text(encoding="utf-8").split())
        if meta.get("order_ok", True) and Levenshtein.distance(ocr, truth) <= WORST * len(truth):
            pairs.append(Pair(int(meta["unit"]), ocr, truth))
    return pairs


def count_pairs(pairs: Iterable[Pair]) -> Counts:
    """Counts over aligned sentences."""
    counts = Counts()
    for pair in pairs:
        found = substitutions(pair)
        counts.confused.update(found)
        counts.errors.update(true for true, _ in found)
        counts.seen.update(pair.truth)
    return counts


def count_glyphs(path: Path) -> Counts:
    """Counts of a table of glyph confusions; engines are summed. Raises `ChannelError`."""
    counts = Counts()
    seen: dict[tuple[str, str], int] = {}
    try:
        for row in _table(path):
            true, read = row["truth"], row["read"]
            if len(true) != 1 or len(read) != 1 or true.isspace() or read.isspace() or true == read:
                continue
            counts.confused[true, read] += int(row["count"])
            counts.errors[true] += int(row["count"])
            seen[true, row.get("engine", "")] = int(row["truth_seen"])
    except (KeyError, ValueError, TypeError) as error:
        raise ChannelError(f"{path}: not a table of glyph confusions ({error})") from error
    for (true, _), number in seen.items():
        counts.seen[true] += number
    return counts


def monotone(values: Floats, weights: Floats) -> Floats:
    """The rising sequence nearest to `values` (weighted least squares): pool adjacent violators."""
    blocks: list[list[float]] = []
    for value, weight in zip(values.tolist(), weights.tolist(), strict=True):
        blocks.append([value, weight, 1])
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            last = blocks.pop()
            total = blocks[-1][1] + last[1]
            blocks[-1] = [(blocks[-1][0] * blocks[-1][1] + last[0] * last[1]) / total, total, blocks[-1][2] + last[2]]
    return np.concatenate([np.full(int(number), value) for value, _, number in blocks])


def fit_curve(real: Floats, random: Floats) -> tuple[Floats, Floats]:
    """Knots (similarity, log10 density ratio) of real confusions over random pairs.

    Bins hold 5 to 20 real pairs each, as many as leave about 40 bins: the factor of a full one is
    known to about a quarter, and few pairs still tell like from unlike.
    """
    real = np.sort(real)
    per_bin = min(20, max(5, len(real) // 40))
    bins = max(1, len(real) // per_bin)
    edges = np.unique(np.quantile(real, np.arange(1, bins) / bins)) if bins > 1 else np.zeros(0)
    hits = np.bincount(np.searchsorted(edges, real, "right"), minlength=len(edges) + 1)
    chance = np.bincount(np.searchsorted(edges, random, "right"), minlength=len(edges) + 1)
    # Half a random pair a bin keeps the top finite where no random pair is as similar.
    share_real = hits / len(real)
    share_random = (chance + 0.5) / (len(random) + 0.5 * len(chance))
    ratio = monotone(share_real / share_random, share_random)
    centre = np.array([np.median(part) if len(part) else math.nan
                       for part in (real[np.searchsorted(edges, real, "right") == k] for k in range(len(hits)))])
    held = ~np.isnan(centre)
    return centre[held], np.log10(np.maximum(ratio[held], 1e-4))


def fit_shape_model(shapes: Shapes, pages: Counts) -> ShapeModel:
    """The part of the model that needs no measured confusion: w, N, f and the shares misread."""
    true = np.array([ord(t) for t, _ in pages.confused], np.int64)
    read = np.array([ord(r) for _, r in pages.confused], np.int64)
    number = np.array(list(pages.confused.values()), np.int64)
    similarity = shapes.similarity(true, read).astype(float)
    classes = is_hanzi(true).astype(int), is_hanzi(read).astype(int)
    pools = [np.flatnonzero(np.isin(shapes.tiers, [tier])).astype(np.int32) for tier in (SYMBOL, COMMON)]
    base = np.zeros((2, 2))
    curves: dict[tuple[int, int], tuple[Floats, Floats]] = {}
    for kinds in (((1, 1),), ((0, 0),), ((0, 1), (1, 0))):  # the two mixed kinds are rare and share a curve
        real, random = [], []
        for a, b in kinds:
            chosen = (classes[0] == a) & (classes[1] == b)
            total = number[classes[0] == a].sum()
            base[a, b] = math.log10((number[chosen].sum() + 1) / (total + 2) / max(1, len(pools[b])))
            held = chosen & ~np.isnan(similarity)
            real.append(np.repeat(similarity[held], number[held]))
            for code in np.unique(true[held]):
                against = shapes.similarities(int(code), pools[b][shapes.codes[pools[b]] != code])
                if against is not None:
                    # Each truth weighs as often as it was misread.
                    random.append(np.repeat(against[None], int(number[held & (true == code)].sum()), 0).ravel())
        if sum(map(len, real)) == 0 or not random:
            curve: tuple[Floats, Floats] = (np.zeros(1), np.zeros(1))
        else:
            curve = fit_curve(np.concatenate(real), np.concatenate(random).astype(float))
        curves.update(dict.fromkeys(kinds, curve))
    error = np.zeros(2)
    for kind in (0, 1):
        seen = sum(n for char, n in pages.seen.items() if bool(is_hanzi(ord(char))) == bool(kind))
        wrong = sum(n for char, n in pages.errors.items() if bool(is_hanzi(ord(char))) == bool(kind))
        error[kind] = math.log10((wrong + 1) / (seen + 100))
    floor = min(error[a] + base[a, b] + curves[a, b][1][0] for a in (0, 1) for b in (0, 1))
    table = tuple(tuple(curves[a, b] for b in (0, 1)) for a in (0, 1))
    return ShapeModel(base, table, error, np.zeros(2), float(floor))


class Sums:
    """P0 without a(r) between all characters of a shape table's pool: what makes P0 sum to 1.

    About 200 MB for the full table.
    """

    def __init__(self, shapes: Shapes, model: ShapeModel) -> None:
        self.rows = np.flatnonzero(np.isin(shapes.tiers, [COMMON, SYMBOL])).astype(np.int32)
        self.codes = shapes.codes[self.rows].astype(np.int64)
        self.place = {int(code): index for index, code in enumerate(self.codes)}
        hanzi = is_hanzi(self.codes)
        matrix = shapes.vectors[self.rows].astype(np.float32)
        self.table = np.zeros((len(self.rows), len(self.rows)), np.float32)
        for index, code in enumerate(self.codes.tolist()):
            similarity = shapes.similarities(code, self.rows, matrix)
            assert similarity is not None
            own = np.broadcast_to(hanzi[index], hanzi.shape)
            self.table[index] = 10.0 ** model.given_error(similarity, own, hanzi)
            self.table[index, index] = 0.0


class Fit:
    """The model for given counts; `given_error`, `error_rate` and `rows` apply it."""

    def __init__(self, shapes: Shapes, model: ShapeModel, sums: Sums, glyphs: Counts, pages: Counts,
                 smoothing: Sequence[Smoothing]) -> None:
        """`smoothing` is that of signs and that of Hanzi."""
        self.shapes, self.glyphs, self.pages, self.smoothing = shapes, glyphs, pages, smoothing
        self.reads: Counter[str] = Counter()
        for (true, read), number in glyphs.confused.items():
            # Signs read for Hanzi and the reverse are breakdowns of another sort.
            if is_hanzi(ord(true)) == is_hanzi(ord(read)):
                self.reads[read] += number
        self.scale = np.zeros(2)  # log10 of N / (errors + k0 N)
        for kind, tier in ((0, SYMBOL), (1, COMMON)):
            size = max(1, int((shapes.tiers == tier).sum()))
            errors = sum(n for char, n in self.reads.items() if bool(is_hanzi(ord(char))) == bool(kind))
            self.scale[kind] = math.log10(size / (errors + smoothing[kind].k0 * size))
        rare = self.scale + np.log10([part.k0 for part in smoothing])
        self.model = replace(model, rare=rare, floor=model.floor + float(rare.min()))
        self.sums = sums
        self.total = sums.table @ (10.0 ** np.array([self.liked(chr(code)) for code in sums.codes])).astype(np.float32)
        self.mean_rate = [0.0, 0.0]
        for kind in (0, 1):
            chars = [char for char in glyphs.seen if bool(is_hanzi(ord(char))) == bool(kind)]
            total = sum(glyphs.seen[char] for char in chars)
            self.mean_rate[kind] = sum(glyphs.errors[char] for char in chars) / total if total else 0.0

    def sum_over_reads(self, char: str) -> float:
        """Sum of P0 over r before it is brought to 1; 1 for characters outside the pool."""
        place = self.sums.place.get(ord(char))
        return 1.0 if place is None else float(self.total[place])

    def shape(self, pairs: Sequence[tuple[str, str]]) -> Floats:
        """P0 of (truth, read) pairs."""
        true = np.array([ord(t) for t, _ in pairs], np.int64)
        read = np.array([ord(r) for _, r in pairs], np.int64)
        logs = self.model.given_error(self.shapes.similarity(true, read), is_hanzi(true), is_hanzi(read))
        result: Floats = 10.0 ** (logs + np.array([self.liked(r) for _, r in pairs]))
        result = result / np.array([self.sum_over_reads(t) for t, _ in pairs])
        return result

    def liked(self, char: str) -> float:
        """log10 a(r)."""
        kind = int(is_hanzi(ord(char)))
        return float(self.scale[kind]) + math.log10(self.reads[char] + self.smoothing[kind].k0)

    def given_error(self, pairs: Sequence[tuple[str, str]]) -> Floats:
        """P2 of (truth, read) pairs."""
        own = [self.smoothing[int(is_hanzi(ord(true)))] for true, _ in pairs]
        k1, k2 = np.array([part.k1 for part in own]), np.array([part.k2 for part in own])
        glyph = np.array([[self.glyphs.confused[p], self.glyphs.errors[p[0]]] for p in pairs], float).reshape(-1, 2)
        page = np.array([[self.pages.confused[p], self.pages.errors[p[0]]] for p in pairs], float).reshape(-1, 2)
        first = (glyph[:, 0] + k1 * self.shape(pairs)) / (glyph[:, 1] + k1)
        result: Floats = (page[:, 0] + k2 * first) / (page[:, 1] + k2)
        return result

    def error_rate(self, char: str) -> float:
        """e(t), at most one half, and no less than half an error in all that was seen of t (or the class's share)."""
        kind = int(is_hanzi(ord(char)))
        rate = 10.0 ** self.model.error[kind]
        mean = self.mean_rate[kind]
        if mean and self.glyphs.seen[char]:
            own = (self.glyphs.errors[char] + 10 * mean) / (self.glyphs.seen[char] + 10)
            rate *= (own / mean) ** self.smoothing[kind].b
        wrong, seen, k3 = self.pages.errors[char], self.pages.seen[char], self.smoothing[kind].k3
        # A digit never misread in 400 places can still be misread in the next.
        least = min(10.0 ** self.model.error[kind], 0.5 / (seen + self.glyphs.seen[char] + 1))
        return float(min(0.5, max(least, (wrong + k3 * rate) / (seen + k3))))

    def unseen_share(self, char: str) -> float:
        """What is left to reads never seen: the factor of unscaled P0, error rate included."""
        own = self.smoothing[int(is_hanzi(ord(char)))]
        k1, k2 = own.k1, own.k2
        left = k2 / (self.pages.errors[char] + k2) * k1 / (self.glyphs.errors[char] + k1)
        return self.error_rate(char) * left / self.sum_over_reads(char)

    def rows(self) -> list[tuple[str, str, int, float]]:
        """The table: truth, read, count, log10 P(read | truth).

        With an empty read: occurrences of truth, log10 share left to all reads never seen. With an
        empty truth: errors that end in read, log10 a(read).
        """
        pairs = sorted(self.glyphs.confused.keys() | self.pages.confused.keys())
        result = []
        for (true, read), given in zip(pairs, self.given_error(pairs), strict=True):
            number = self.glyphs.confused[true, read] + self.pages.confused[true, read]
            result.append((true, read, number, math.log10(self.error_rate(true) * given)))
        known = {chr(code) for code in self.sums.codes.tolist()}
        for char in sorted(known | self.glyphs.seen.keys() | self.pages.seen.keys()):
            if char.isspace():
                continue
            seen = self.glyphs.seen[char] + self.pages.seen[char]
            wrong = self.glyphs.errors[char] + self.pages.errors[char]
            result.append((char, "", seen, math.log10(self.unseen_share(char))))
            if seen:
                result.append((char, char, max(0, seen - wrong), math.log10(1 - self.error_rate(char))))
        result += [("", char, self.reads[char], self.liked(char)) for char in self.reads]
        return sorted(result)

    def channel(self) -> Channel:
        """The model as it will be read from the file."""
        rows = self.rows()
        pairs = [(ord(read) << _KEY_SHIFT | ord(true), log) for true, read, _, log in rows if read and true]
        unseen = [(ord(true), log) for true, read, _, log in rows if not read]
        liked = [(ord(read), log) for true, read, _, log in rows if not true]
        parts = [_sorted([k for k, _ in part], [v for _, v in part]) for part in (pairs, unseen, liked)]
        return Channel(self.shapes, self.model, *parts[0], *parts[1], *parts[2])


def _likelihood(fit: Fit, test: Counts) -> float:
    """Sum of log10 P2 over the confusions of `test`."""
    pairs = list(test.confused)
    if not pairs:
        return 0.0
    return float(np.log10(fit.given_error(pairs)) @ np.array([test.confused[p] for p in pairs], float))


def _rate_likelihood(fit: Fit, test: Counts) -> float:
    """log10 likelihood of which occurrences in `test` were misread."""
    total = 0.0
    for char, seen in test.seen.items():
        rate = fit.error_rate(char)
        wrong = min(test.errors[char], seen)
        total += wrong * math.log10(rate) + (seen - wrong) * math.log10(1 - rate)
    return total


def unigram_prior(counts: Counts) -> Floats:
    """Half the log10 share of each code point of the basic plane among the truths of `counts`."""
    seen = np.full(0x10000, 0.5)
    for char, number in counts.seen.items():
        if ord(char) < len(seen):
            seen[ord(char)] += number
    result: Floats = 0.5 * np.log10(seen / seen.sum())
    return result


def _of_class(counts: Counts, kind: int) -> Counts:
    """The part of `counts` whose truths are Hanzi (1) or signs (0)."""
    def keep(char: str) -> bool:
        return bool(is_hanzi(ord(char))) == bool(kind)

    return Counts(Counter({pair: n for pair, n in counts.confused.items() if keep(pair[0])}),
                  Counter({char: n for char, n in counts.seen.items() if keep(char)}),
                  Counter({char: n for char, n in counts.errors.items() if keep(char)}))


def fit_smoothing(shapes: Shapes, model: ShapeModel, sums: Sums, glyphs: Counts,
                  learn: Sequence[Pair]) -> list[Smoothing]:
    """k0 to k3 and b of greatest held-out likelihood, on grids, for signs and for Hanzi."""
    pages = count_pairs(learn)
    halves = [count_pairs(p for p in learn if p.unit // 2 % 2 == side) for side in (0, 1)]
    nothing = Counts()
    strengths = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0)
    result = [Smoothing(1, 16, 16, 30, 0)] * 2
    for kind in (0, 1):
        test = _of_class(pages, kind)
        folds = [(halves[0], _of_class(halves[1], kind)), (halves[1], _of_class(halves[0], kind))]

        def fit(known: Counts, kind: int = kind, **values: float) -> Fit:
            chosen = list(result)
            chosen[kind] = replace(chosen[kind], **values)
            return Fit(shapes, model, sums, glyphs, known, chosen)

        grid = [(k0, k1) for k0 in strengths[:7] for k1 in strengths]
        k0, k1 = max(grid, key=lambda k: _likelihood(fit(nothing, k0=k[0], k1=k[1]), test))
        result[kind] = replace(result[kind], k0=k0, k1=k1)
        b = max((x / 10 for x in range(11)), key=lambda x: _rate_likelihood(fit(nothing, b=x), test))
        result[kind] = replace(result[kind], b=b)
        k2 = max(strengths, key=lambda k: sum(_likelihood(fit(x, k2=k), y) for x, y in folds))
        result[kind] = replace(result[kind], k2=k2)
        k3 = max((3.0, 10.0, 30.0, 100.0, 300.0, 1000.0),
                 key=lambda k: sum(_rate_likelihood(fit(x, k3=k), y) for x, y in folds))
        result[kind] = replace(result[kind], k3=k3)
    return result


def write_table(path: Path, fit: Fit) -> None:
    """Write the table of confusions."""
    lines = [
        "# Confusions of OCR engines: truth, read, count, log10 P(read | truth).",
        "# Empty read: occurrences of truth, share left to reads never seen.",
        "# Empty truth: errors that end in read, how much more than average. See repair.language.channel_build.",
        MODEL_LINE + json.dumps(fit.model.to_json(), separators=(",", ":")),
    ]
    lines += [f"{true}\t{read}\t{number}\t{log:.3f}" for true, read, number, log in fit.rows()]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")


def measure(fit: Fit, pairs: Sequence[Pair], prior: Floats, limits: Sequence[int] = (10, 50, 100, 200)) -> list[str]:
    """Lines of a report on real substitutions in `pairs`: true character among the first candidates
    and mean log10 P(read | truth), Hanzi for Hanzi and the rest, by source of evidence. The last
    lines choose candidates with `prior`."""
    real: Counter[tuple[str, str]] = Counter()
    for pair in pairs:
        real.update(substitutions(pair))
    nothing = Counts()
    # Measured only: no similarity at all, so P0 is uniform and unseen reads tie.
    flat = ShapeModel(fit.model.base, tuple(tuple((np.zeros(1), np.zeros(1)) for _ in (0, 1)) for _ in (0, 1)),
                      fit.model.error, np.zeros(2), -9.0)
    versions = {
        "shape only": Fit(fit.shapes, fit.model, fit.sums, nothing, nothing, fit.smoothing),
        "measured only": Fit(fit.shapes, flat, Sums(fit.shapes, flat), fit.glyphs, fit.pages, fit.smoothing),
        "both": fit,
        "shape + prior": Fit(fit.shapes, fit.model, fit.sums, nothing, nothing, fit.smoothing),
        "both + prior": fit,
    }
    lines = [f"{'':10}{'':15}{'n':>6}" + "".join(f"{f'top {k}':>9}" for k in limits) + "   mean log10 P"]
    for kind, wanted in (("Hanzi", True), ("other", False)):
        chosen = {p: n for p, n in real.items() if bool(is_hanzi(ord(p[0])) and is_hanzi(ord(p[1]))) == wanted}
        total = sum(chosen.values())
        if not total:
            continue
        for name, version in versions.items():
            channel = version.channel()
            if name.endswith("prior"):
                channel = channel.with_prior(prior)
            hits, mean = [0] * len(limits), 0.0
            for (true, read), number in chosen.items():
                codes, _ = channel.candidates(read, len(fit.shapes.codes) if name == "measured only" else max(limits))
                if name == "measured only":
                    # What was never seen has no rank of its own.
                    codes = codes[[channel.is_measured(read, chr(code)) for code in codes.tolist()]]
                at = np.flatnonzero(codes == ord(true))
                for index, limit in enumerate(limits):
                    hits[index] += number * bool(len(at) and at[0] < limit)
                mean += number * float(channel.log_prob(read, true)[0])
            shares = "".join(f"{hit / total:9.3f}" for hit in hits)
            lines.append(f"{kind:10}{name:15}{total:6}{shares}{mean / total:15.2f}")
    return lines


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line of the build; returns the exit status (2 with one line for bad input)."""
    parser = argparse.ArgumentParser(prog="python -m repair.language.channel_build",
                                     description="Build the table of confusions from aligned OCR output.")
    parser.add_argument("--pairs", type=Path, required=True, help="aligned sentences (TSV: id, ocr, truth)")
    parser.add_argument("--pages", type=Path, action="append", default=[],
                        help="folder of OCR pages made for the purpose, all learnt from (benchmarks/make_pages.py)")
    parser.add_argument("--more", type=Path, action="append", default=[],
                        help="further aligned sentences (TSV: id, ocr, truth), all learnt from")
    parser.add_argument("--glyphs", type=Path, help="glyph confusions (TSV: truth, read, count, truth_seen)")
    parser.add_argument("--shapes", type=Path, required=True, help="shape table")
    parser.add_argument("-o", "--output", type=Path, required=True, help="file to write")
    parser.add_argument("--report", action="store_true", help="measure on odd units, to standard error")
    options = parser.parse_args(arguments)
    try:
        shapes = Shapes.load(options.shapes)
        pairs = read_pairs(options.pairs)
        learn = [pair for pair in pairs if pair.unit % 2 == 0]
        if not learn:
            raise ChannelError(f"{options.pairs}: no sentence of an even unit to learn from")
        for folder in options.pages:
            learn += read_pages(folder)
        for table in options.more:
            learn += read_pairs(table)
        glyphs = count_glyphs(options.glyphs) if options.glyphs else Counts()
        pages = count_pairs(learn)
        model = fit_shape_model(shapes, pages)
        sums = Sums(shapes, model)
        fit = Fit(shapes, model, sums, glyphs, pages, fit_smoothing(shapes, model, sums, glyphs, learn))
        write_table(options.output, fit)
    except (ChannelError, ShapesError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"{options.output}: {len(fit.rows())} rows, {fit.smoothing}, {options.output.stat().st_size} bytes",
          file=sys.stderr)
    if options.report:
        print("\n".join(measure(fit, [pair for pair in pairs if pair.unit % 2], unigram_prior(pages))), file=sys.stderr)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
