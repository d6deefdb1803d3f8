"""Measures the damage on OCR pages, and how like it the damage is that `repair.language.damage` makes.

    python benchmarks/measure_damage.py PAGES [--write]

PAGES: folder of OCR pages with raw.txt, truth.txt and meta.json. --write: measure the rates anew and store them in
repair/language/damage.json; pages with unit % 4 == 3 take no part in that. Prints a Markdown table: pages measured on,
the same pages' truth damaged on purpose, and the pages of other units with their truth damaged likewise.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from data import Page, pages, part
from fit_decoded import without_heads
from rapidfuzz.distance import Levenshtein

from repair.evaluate import solid
from repair.language import damage as d
from repair.language.resources import default_resources
from repair.language.slips import FIRST, INSIDE, LAST

WORST = 0.4
ROUNDS = 8
"""How often the rates are set right by what is measured of what they make."""
LEAST = 1e-5
PRIOR = 15
"""Characters for which a kind at a place borrows the average rate of its engine."""
SEED = 5


class Sheet(NamedTuple):
    """A page: engine and level, text as read and as printed, without white space but for the line ends of what was
    read."""

    engine: str
    level: str
    read: str
    truth: str


@dataclass
class Counts:
    """What was seen: characters, errors and drops by class and place; specks and places for them by place and whether
    there is an error beside; lengths of runs of errors and of specks; Hanzi read as what the channel lists, by length
    of run."""

    printed: np.ndarray = field(default_factory=lambda: np.zeros((4, 3)))
    errors: np.ndarray = field(default_factory=lambda: np.zeros((4, 3)))
    dropped: np.ndarray = field(default_factory=lambda: np.zeros((4, 3)))
    specks: np.ndarray = field(default_factory=lambda: np.zeros((3, 2)))
    gaps: np.ndarray = field(default_factory=lambda: np.zeros((3, 2)))
    runs: np.ndarray = field(default_factory=lambda: np.zeros((d.LONGEST,)))
    speck_runs: np.ndarray = field(default_factory=lambda: np.zeros((12,)))
    alike: np.ndarray = field(default_factory=lambda: np.zeros((len(d.RUNS), 2)))
    split: int = 0
    lines: int = 0
    clean_lines: int = 0
    log_prob: list[float] = field(default_factory=list)
    signs: dict[str, Counter[str]] = field(default_factory=dict)
    noise: Counter[str] = field(default_factory=Counter)
    speck_signs: tuple[Counter[str], ...] = field(default_factory=lambda: (Counter(), Counter(), Counter()))
    page_rates: list[float] = field(default_factory=list)


def sheets(folder: str, parts: tuple[str, ...]) -> Iterator[Sheet]:
    for page in pages(folder):
        if part(page.unit) in parts:
            sheet = sheet_of(page)
            if sheet.truth and Levenshtein.distance(sheet.read.replace("\n", ""), sheet.truth) <= WORST * len(
                sheet.truth
            ):
                yield sheet


def sheet_of(page: Page) -> Sheet:
    read = solid(without_heads(page))
    text = "".join(
        "\n" * (gap == 2 and k > 0) + ch for k, (ch, gap) in enumerate(zip(read.text, read.gaps, strict=False))
    )
    return Sheet(page.meta["engine"], page.meta["level"], text, solid(page.truth).text)


def observe(sheet: Sheet, c: Counts, confusions: d.Confusions, split: dict[int, tuple[str, ...]]) -> None:
    """Add what is seen on one page."""
    codes = d.codes_of(sheet.read)
    some = codes != 10
    read, place = codes[some], d.places_of(codes)[some]
    truth = d.codes_of(sheet.truth)
    n, m = len(truth), len(read)
    # For each truth character its place as read: matched, read as another, or -1 and then before `gap`.
    at, wrong, before = np.full(n, -1), np.ones(n, bool), np.zeros(n, int)
    own = np.zeros(m, bool)
    for op in Levenshtein.opcodes(d.text_of(read), sheet.truth):
        i, j, size = op.src_start, op.dest_start, op.dest_end - op.dest_start
        if op.tag in ("equal", "replace"):
            at[j : j + size] = np.arange(i, i + size)
            own[i : i + size] = True
            wrong[j : j + size] = op.tag == "replace"
        elif op.tag == "insert":
            before[j : j + size] = i
    gone = at < 0
    line = np.concatenate([[0], np.cumsum(place[1:] == FIRST), [0]])[:-1]
    edge = np.concatenate([[True], place[1:] == FIRST, [True]])
    where = np.where(gone, np.where(edge[before], LAST, INSIDE), place[np.maximum(at, 0)])
    kind = np.minimum(d.classes_of(truth), d.LETTER)
    np.add.at(c.printed, (kind, where), 1)
    np.add.at(c.errors, (kind, where), wrong)
    np.add.at(c.dropped, (kind, where), gone)
    bounds = np.flatnonzero(np.diff(np.concatenate([[False], wrong, [False]]).astype(int)))
    sizes = bounds[1::2] - bounds[::2]
    np.add.at(c.runs, np.minimum(sizes, d.LONGEST) - 1, 1)
    length = np.zeros(n, int)
    length[wrong] = np.repeat(sizes, sizes)
    changed = wrong & ~gone
    # Specks: runs of characters read that stand for nothing, by whether the truth character before or after is wrong.
    to_truth = np.full(m, -1)
    to_truth[at[~gone]] = np.flatnonzero(~gone)
    bounds = np.flatnonzero(np.diff(np.concatenate([[False], ~own, [False]]).astype(int)))
    halves = 0
    for lo, hi in zip(bounds[::2].tolist(), bounds[1::2].tolist(), strict=True):
        beside = [to_truth[k] for k in (lo - 1, hi) if 0 <= k < m]
        near = any(wrong[k] for k in beside)
        pairs = [
            (k, text)
            for k, text in zip((lo - 1, hi), (slice(lo - 1, lo + 1), slice(hi - 1, hi + 1)), strict=True)
            if 0 <= k < m
        ]
        if hi == lo + 1 and any(
            wrong[to_truth[k]] and d.text_of(read[s]) in split.get(int(truth[to_truth[k]]), ()) for k, s in pairs
        ):
            halves += 1
            continue
        spot = int(place[lo]) if place[lo] == FIRST else int(place[hi - 1]) if place[hi - 1] == LAST else INSIDE
        c.specks[spot, int(near and spot != FIRST)] += 1
        c.speck_runs[min(hi - lo, 12) - 1] += 1
        c.speck_signs[spot].update(d.text_of(read[lo:hi]))
    lines = int((place == FIRST).sum())
    c.split += halves
    c.gaps[FIRST, 0] += lines
    c.gaps[LAST] += [(~wrong & (where == LAST)).sum(), (wrong & (where == LAST)).sum()]
    c.gaps[INSIDE] += [(~wrong & (where != LAST)).sum(), (wrong & (where != LAST)).sum()]
    hanzi = np.flatnonzero(changed & (kind == d.HANZI))
    listed = confusions.listed(truth[hanzi], read[at[hanzi]])
    bucket = np.searchsorted(d.RUNS, length[hanzi], "right") - 1
    np.add.at(c.alike, (bucket, 0), listed)
    np.add.at(c.alike, (bucket, 1), 1)
    c.noise.update(d.text_of(read[at[hanzi[~listed]]]))
    channel = default_resources().channel
    c.log_prob += channel.log_prob(read[at[hanzi]], truth[hanzi]).tolist()
    for j in np.flatnonzero(changed & (kind != d.HANZI)).tolist():
        c.signs.setdefault(chr(truth[j]), Counter()).update(chr(read[at[j]]))
    c.lines += lines
    dirty = {int(line[i]) for i in at[changed].tolist()} | {int(line[min(i, m - 1)]) for i in before[gone].tolist()}
    dirty |= {int(line[i]) for i in np.flatnonzero(~own).tolist()}
    c.clean_lines += lines - len(dirty)
    c.page_rates.append(Levenshtein.distance(d.text_of(read), sheet.truth) / n)


def grouped(chosen: Iterable[Sheet]) -> dict[str, list[Sheet]]:
    """Pages by engine, level and third of their error rates there."""
    cells: dict[str, list[Sheet]] = {}
    for sheet in chosen:
        cells.setdefault(f"{sheet.engine} {sheet.level}", []).append(sheet)
    out = {}
    for name in sorted(cells):
        ordered = sorted(cells[name], key=lambda s: Levenshtein.normalized_distance(s.read.replace("\n", ""), s.truth))
        for third in range(3):
            out[f"{name} {third + 1}"] = ordered[third * len(ordered) // 3 : (third + 1) * len(ordered) // 3]
    return out


def counted(chosen: Iterable[Sheet], confusions: d.Confusions, split: dict[int, tuple[str, ...]]) -> Counts:
    c = Counts()
    for sheet in chosen:
        observe(sheet, c, confusions, split)
    return c


def made(
    chosen: list[Sheet], rates: d.Rates, profile: d.Profile | None, confusions: d.Confusions, rng: np.random.Generator
) -> list[Sheet]:
    """The same pages with damage made on purpose, in lines of the same number."""
    out = []
    for sheet in chosen:
        width = max(8, round(len(sheet.truth) / (1 + sheet.read.count("\n"))))
        damaged = d.damage(d.lined(sheet.truth, width), rng, rates, confusions, profile)
        out.append(Sheet(sheet.engine, sheet.level, damaged.text, sheet.truth))
    return out


def _shares(counts: np.ndarray) -> list[float]:
    total = max(1.0, counts.sum())
    return [round(float(v) / total, 5) for v in counts]


def _top(counter: Counter[str], limit: int) -> dict[str, int]:
    return {
        ch: count for ch, count in sorted(counter.items(), key=lambda item: (-item[1], item[0]))[:limit] if ch > " "
    }


def measured(
    cells: dict[str, list[Sheet]], alike: np.ndarray, confusions: d.Confusions, split: dict[int, tuple[str, ...]]
) -> dict[str, Any]:
    """The content of the rates file. `alike`: `Counts.alike` of pages that the channel was not measured on."""
    seen = {name: counted(chosen, confusions, split) for name, chosen in cells.items()}
    total = sum(c.printed.sum() for c in seen.values())
    engines: dict[str, Any] = {}
    for engine in sorted({name.split()[0] for name in cells}):
        own = [c for name, c in seen.items() if name.startswith(engine)]
        signs: dict[str, Counter[str]] = {}
        for c in own:
            for ch, reads in c.signs.items():
                signs.setdefault(ch, Counter()).update(reads)
        engines[engine] = {
            "signs": {ch: _top(reads, 12) for ch, reads in sorted(signs.items()) if reads.total() >= 3},
            "other": _top(sum((reads for ch, reads in signs.items() if reads.total() < 10), Counter()), 100),
            "noise": _top(sum((c.noise for c in own), Counter()), 400),
            "specks": {d.PLACES[p]: _top(sum((c.speck_signs[p] for c in own), Counter()), 120) for p in range(3)},
        }
    alike = alike[:, 0] / np.maximum(1, alike[:, 1])
    pooled = sum(c.runs for c in seen.values())
    profiles = []
    wanted = {}
    for name, c in seen.items():
        # Rare kinds at rare places borrow from the engine's average.
        engine = name.split()[0]
        own = [other for key, other in seen.items() if key.startswith(engine)]
        scale = (
            c.errors.sum() / c.printed.sum() / (sum(o.errors for o in own).sum() / sum(o.printed for o in own).sum())
        )
        prior = np.minimum(0.9, scale * sum(o.errors for o in own) / np.maximum(1, sum(o.printed for o in own)))
        wanted[name] = (c.errors + PRIOR * prior) / (c.printed + PRIOR)
        gone = (sum(o.dropped for o in own) + 0.5) / (sum(o.errors for o in own) + 1)
        runs = c.runs + 20 * pooled / pooled.sum()
        mean = (runs * np.arange(1, d.LONGEST + 1)).sum() / runs.sum()
        profiles.append(
            {
                "name": name,
                "engine": engine,
                "share": round(float(c.printed.sum() / total), 5),
                "start": wanted[name] / mean,
                "dropped": (c.dropped + 10 * gone) / (c.errors + 10),
                "spurious": (c.specks + 0.2) / (c.gaps + 100),
                "split": round(c.split / max(1.0, c.printed[d.HANZI].sum()), 6),
                "runs": _shares(runs),
                "specks": _shares(c.speck_runs + 1e-9),
            }
        )
    data = {
        "note": "benchmarks/measure_damage.py PAGES --write",
        "alike": alike,
        "profiles": profiles,
        "engines": engines,
    }
    rng = np.random.default_rng(SEED)
    for _ in range(ROUNDS):
        hits = np.zeros((len(d.RUNS), 2))
        rates = d.Rates.from_json(data, default_resources().slips.split)
        for p, profile in zip(profiles, rates.profiles, strict=True):
            chosen = cells[p["name"]]
            c = counted(made(chosen * max(1, 60 // len(chosen)), rates, profile, confusions, rng), confusions, split)
            target = seen[p["name"]]
            hits += c.alike
            got = (c.errors + PRIOR * wanted[p["name"]]) / (c.printed + PRIOR)
            p["start"] = np.clip(p["start"] * np.clip(wanted[p["name"]] / np.maximum(got, LEAST), 0.3, 3), LEAST, 0.8)
            factor = ((target.specks + 2) / (target.gaps + 200)) / ((c.specks + 2) / (c.gaps + 200))
            p["spurious"] = np.clip(p["spurious"] * np.clip(factor, 0.3, 3), LEAST, 0.8)
        data["alike"] = np.clip(data["alike"] * alike / (hits[:, 0] / np.maximum(1, hits[:, 1])), 0, 1)
    data["alike"] = np.round(data["alike"], 4).tolist()
    for p in profiles:
        for key in ("start", "dropped", "spurious"):
            p[key] = np.round(p[key], 5).tolist()
    return data


def described(c: Counts) -> dict[str, float]:
    """The figures of the table, in percent but for lengths and logarithms."""
    chars, errors = c.printed.sum(), c.errors.sum()
    specks = (c.speck_runs * np.arange(1, 13)).sum()
    long = np.arange(1, d.LONGEST + 1)
    sub = c.errors - c.dropped
    rates = np.array(c.page_rates)
    out = {
        "errors and specks a printed character": 100 * (errors + specks + c.split) / chars,
        "Hanzi read as another": 100 * sub[d.HANZI].sum() / c.printed[d.HANZI].sum(),
        "Hanzi dropped": 100 * c.dropped[d.HANZI].sum() / c.printed[d.HANZI].sum(),
        "marks read as another": 100 * sub[d.MARK].sum() / c.printed[d.MARK].sum(),
        "marks dropped": 100 * c.dropped[d.MARK].sum() / c.printed[d.MARK].sum(),
        "digits wrong": 100 * c.errors[d.DIGIT].sum() / max(1, c.printed[d.DIGIT].sum()),
        "letters wrong": 100 * c.errors[d.LETTER].sum() / max(1, c.printed[d.LETTER].sum()),
        "specks, a printed character": 100 * specks / chars,
        "specks at the start of a line, a line": 100 * c.specks[FIRST].sum() / c.lines,
        "specks at the end of a line, a line": 100 * c.specks[LAST].sum() / c.lines,
        "first character of a line wrong": 100 * c.errors[:, FIRST].sum() / c.printed[:, FIRST].sum(),
        "last character of a line wrong": 100 * c.errors[:, LAST].sum() / c.printed[:, LAST].sum(),
        "characters inside a line wrong": 100 * c.errors[:, INSIDE].sum() / c.printed[:, INSIDE].sum(),
        "lines without any error": 100 * c.clean_lines / c.lines,
        "pages under 1 % errors": 100 * np.mean(rates < 0.01),
        "pages over 10 % errors": 100 * np.mean(rates > 0.1),
        "runs of errors: one character": 100 * c.runs[0] / c.runs.sum(),
        "runs of errors: two": 100 * c.runs[1] / c.runs.sum(),
        "runs of errors: three to five": 100 * c.runs[2:5].sum() / c.runs.sum(),
        "runs of errors: more": 100 * c.runs[5:].sum() / c.runs.sum(),
        "mean length of runs": (c.runs * long).sum() / c.runs.sum(),
        "errors in runs of six and more": 100 * (c.runs * long)[5:].sum() / errors,
        "Hanzi read as one that the channel lists": 100 * c.alike[:, 0].sum() / c.alike[:, 1].sum(),
        "median log10 P(read, printed) of these": float(np.median(c.log_prob)),
    }
    return {name: float(value) for name, value in out.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pages")
    parser.add_argument("--write", action="store_true")
    a = parser.parse_args()
    resources = default_resources()
    confusions = d.Confusions(resources.near)
    path = Path(d.__file__).with_name(d.RATES_FILE)
    own, other = list(sheets(a.pages, ("channel", "fit"))), list(sheets(a.pages, ("measure",)))
    split = d.Rates.from_json({"profiles": [], "alike": [], "engines": {}}, resources.slips.split).split
    if a.write:
        alike = counted(sheets(a.pages, ("fit",)), confusions, split).alike
        data = measured(grouped(own), alike, confusions, split)
        path.write_text(json.dumps(data, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")
    rates = d.Rates.load(resources.slips.split)
    by_name = {p.name: p for p in rates.profiles}
    rng = np.random.default_rng(SEED + 1)
    columns = []
    for chosen in (own, other):
        again = [
            s for name, group in grouped(chosen).items() for s in made(group, rates, by_name[name], confusions, rng)
        ]
        columns += [described(counted(chosen, confusions, split)), described(counted(again, confusions, split))]
    print(f"| | {len(own)} pages measured on | made | {len(other)} other pages | made |\n|---|--:|--:|--:|--:|")
    for name in columns[0]:
        print(f"| {name} | " + " | ".join(f"{column[name]:.2f}" for column in columns) + " |")


if __name__ == "__main__":
    main()
