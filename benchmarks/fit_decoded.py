"""Fits the evidence weights of what the decoder finds, on OCR pages, and measures them on pages of other units.

    python benchmarks/fit_decoded.py PAGES TEXT... [--more PAGES]... [--clean CLEAN] [--save FILE.npz]

PAGES: folder of OCR pages with raw.txt, truth.txt and meta.json; --more: further folders of pages, made by
make_pages.py, fitted on for the kinds of `HELPED` only, as the others get no better by them; --sentences: a
table of sentences, each a document by itself; TEXT: clean text files, a paragraph a line, of which a sample shows
what is no damage; CLEAN: clean text that is only measured on. One logistic regression for each kind of finding.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from data import Page, fit_arguments, fit_logistic, pages, part, reliability, store_weights
from rapidfuzz.distance import Levenshtein

from repair.document import Document
from repair.evaluate import solid
from repair.filters.decoded import FEATURES, KINDS, weighed
from repair.language.resources import Resources, default_resources

WORST = 0.4
FEWER = -1.2
"""Added to the log-odds for sentences by themselves: every sentence of --sentences has an error, which makes one in
five of all that are fitted on; taken to be one in fourteen where the tool is used."""
HELPED = ("mark", "delete")
"""Kinds that pages made for the purpose help: what engines make of marks and specks is the same there."""


class Examples(NamedTuple):
    """Evidence (n, features), labels (n,), kinds (n,) as indices of `KINDS`, and edit operations won by each (n,)."""

    x: np.ndarray
    y: np.ndarray
    kind: np.ndarray
    won: np.ndarray


def squeeze(text: str) -> str:
    return solid(text).text


def without_heads(page: Page) -> str:
    """The page as read without its running head and page number."""
    raw = page.raw
    for line in page.meta.get("header_lines", []):
        raw = raw.replace(line, "", 1)
    return raw


def page_examples(chosen: Iterable[Page], resources: Resources) -> tuple[Examples, int]:
    """Examples of all findings on some pages, and the number of edit operations between the pages and their truths."""
    xs, ys, kinds, won, errors = [], [], [], [], 0
    for page in chosen:
        text, truth = without_heads(page), squeeze(page.truth)
        distance = Levenshtein.distance(squeeze(text), truth)
        if not truth or distance > WORST * len(truth):
            continue
        errors += distance
        for f in weighed(Document(text, None, resources)):
            better = distance - Levenshtein.distance(squeeze(text[: f.start] + f.after + text[f.end :]), truth)
            xs.append(f.evidence)
            ys.append(float(better >= len(f.edits)))
            kinds.append(KINDS.index(f.kind))
            won.append(better)
    return Examples(
        np.array(xs).reshape(-1, len(FEATURES)), np.array(ys), np.array(kinds, int), np.array(won, int)
    ), errors


def text_examples(texts: list[str], resources: Resources, rng: random.Random, rate: float) -> Examples:
    """Examples from clean text into which one Hanzi in ``1 / rate`` is misread on purpose.

    Half of the misreadings are look-alikes, half any character of the text: what models that guess
    from context leave behind has no likeness to what was printed.
    """
    xs, ys, kinds = [], [], []
    for text in texts:
        characters = list(text)
        printed = {}
        last = -20
        for i, ch in enumerate(text):
            if 0x4E00 <= ord(ch) <= 0x9FFF and rng.random() < rate and i - last > 12:
                wrong = rng.choice(text)
                if rng.random() < 0.5:
                    codes, _ = resources.near.candidates(np.array([ord(ch)]))
                    alike = [chr(c) for c in codes[0].tolist() if 0x4E00 <= c <= 0x9FFF]
                    wrong = alike[min(len(alike) - 1, int(rng.expovariate(0.15)))] if alike else ch
                if 0x4E00 <= ord(wrong) <= 0x9FFF and wrong != ch:
                    characters[i], printed[i], last = wrong, ch, i
        for f in weighed(Document("".join(characters), None, resources)):
            xs.append(f.evidence)
            ys.append(float(f.end == f.start + 1 and printed.get(f.start) == f.after))
            kinds.append(KINDS.index(f.kind))
    y = np.array(ys)
    return Examples(np.array(xs).reshape(-1, len(FEATURES)), y, np.array(kinds, int), np.where(y > 0, 1, -1))


def sentence_examples(path: Path, resources: Resources) -> Examples:
    """Examples from a table of sentences (id, as read, as printed), each a document by itself."""
    xs, ys, kinds, won = [], [], [], []
    for row in path.read_text(encoding="utf-8").split("\n"):
        cells = row.split("\t")
        if len(cells) < 3 or cells[1] == "ocr":
            continue
        read, printed = cells[1], cells[2]
        distance = Levenshtein.distance(read, printed)
        for f in weighed(Document(read, None, resources)):
            better = distance - Levenshtein.distance(read[: f.start] + f.after + read[f.end :], printed)
            xs.append(f.evidence)
            ys.append(float(better >= len(f.edits)))
            kinds.append(KINDS.index(f.kind))
            won.append(better)
    return Examples(np.array(xs).reshape(-1, len(FEATURES)), np.array(ys), np.array(kinds, int), np.array(won, int))


def sentences(path: str, rng: random.Random, count: int) -> list[str]:
    """Sentences, or clauses, of a text at random, for documents of one sentence."""
    lines = [line for line in Path(path).read_text(encoding="utf-8").split("\n") if line.strip()]
    found = (rng.choice(re.findall(r"[^。！？；]{6,60}[。！？；]?", rng.choice(lines)) or [""]) for _ in range(count))
    return [text for text in found if text]


def sample(path: str, rng: random.Random, documents: int, paragraphs: int = 12) -> list[str]:
    lines = [line for line in Path(path).read_text(encoding="utf-8").split("\n") if line.strip()]
    starts = [rng.randrange(max(1, len(lines) - paragraphs)) for _ in range(documents)]
    return ["\n".join(lines[at : at + paragraphs]) for at in starts]


def joined(parts: list[Examples]) -> Examples:
    return Examples(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def of_part(folder: str, wanted: str) -> Iterator[Page]:
    return (page for page in pages(folder) if part(page.unit) == wanted)


def report(title: str, examples: Examples, weights: dict[str, np.ndarray], errors: int) -> None:
    print(f"\n{title}: {len(examples.y)} findings, {int(examples.y.sum())} right, {errors} edit operations to be made")
    for number, kind in enumerate(KINDS):
        some = examples.kind == number
        if not some.any():
            continue
        p = 1 / (1 + np.exp(-(examples.x[some] @ weights[kind])))
        y, won = examples.y[some], examples.won[some]
        print(f"- {kind}: {int(some.sum())} findings, {int(y.sum())} right")
        print(reliability(p, y))
        for t in (0.5, 0.7, 0.8, 0.88, 0.95, 0.97, 0.99):
            hit = p >= t
            if hit.any():
                print(
                    f"at {t}: {hit.sum()}, precision {y[hit].mean():.4f}, operations won {won[hit].sum()}"
                    f" ({won[hit].sum() / max(1, errors):.4f} of all), nearer {np.mean(won[hit] > 0):.4f},"
                    f" farther {(won[hit] < 0).sum()}"
                )


def safe_from(p: np.ndarray, won: np.ndarray, wanted: float = 0.98) -> float:
    """The least probability from which on at least `wanted` of the characters touched were repaired, not harmed."""
    order = np.argsort(-p)
    better, worse = np.cumsum(won[order] > 0), np.cumsum(won[order] < 0)
    good = np.flatnonzero(better >= wanted * (better + worse))
    return float(p[order][good[-1]]) if len(good) else 1.0


def main() -> None:
    parser = fit_arguments(__doc__, 60)
    parser.add_argument("--more", action="append", default=[])
    parser.add_argument("--sentences", type=Path, help="table of sentences (id, as read, as printed)")
    parser.add_argument("--dictionaries")
    parser.add_argument("--kinds", nargs="*", default=KINDS, help="kinds whose weights are stored")
    parser.add_argument("--save", type=Path)
    a = parser.parse_args()
    resources = Resources(a.dictionaries) if a.dictionaries else default_resources()
    rng = random.Random(3)
    own, errors = page_examples(of_part(a.pages, "fit"), resources)
    parts = [own]
    print(f"fit pages: {len(own.y)} findings, {int(own.y.sum())} right", flush=True)
    for folder in a.more:
        more, more_errors = page_examples(pages(folder), resources)
        print(f"{folder}: {len(more.y)} findings, {int(more.y.sum())} right", flush=True)
        helped = np.isin(more.kind, [KINDS.index(kind) for kind in HELPED])
        parts.append(Examples(*(column[helped] for column in more)))
        errors += more_errors
    for t in a.text:
        for rate in (0.0, 1 / 1000):
            # Damage is rare in such text: more of it, so that there is enough.
            parts.append(text_examples(sample(t, rng, a.documents * (1 if rate == 0 else 3)), resources, rng, rate))
            print(
                f"{Path(t).stem}, misread {rate}: {len(parts[-1].y)} findings, {int(parts[-1].y.sum())} right",
                flush=True,
            )
        parts.append(text_examples(sentences(t, rng, 4 * a.documents), resources, rng, 0.0))
    if a.sentences:
        parts.append(sentence_examples(a.sentences, resources))
        print(f"sentences: {len(parts[-1].y)} findings, {int(parts[-1].y.sum())} right", flush=True)
    fitted = joined(parts)
    weights = {}
    for number, kind in enumerate(KINDS):
        some = fitted.kind == number
        weights[kind] = fit_logistic(fitted.x[some], fitted.y[some])
        weights[kind][FEATURES.index("short")] += FEWER
        if kind in a.kinds:
            store_weights(a.weights, f"decoded_{kind}", FEATURES, weights[kind], "benchmarks/fit_decoded.py")
        spread = fitted.x[some].std(axis=0)
        print(f"\n{kind}")
        for name, value, s in zip(FEATURES, weights[kind], spread, strict=True):
            if s > 0 or name == "bias":
                print(f"{name:16s} {value:8.3f}  (x spread {value * s:6.2f})")
    for number, kind in enumerate(KINDS):
        some = own.kind == number
        p = 1 / (1 + np.exp(-(own.x[some] @ weights[kind])))
        found = {wanted: round(safe_from(p, own.won[some], wanted), 3) for wanted in (0.99, 0.985, 0.98, 0.95, 0.9)}
        print(f"{kind}: on the pages fitted on, the share repaired and not harmed is reached from {found} on")
    measured, measured_errors = page_examples(of_part(a.pages, "measure"), resources)
    clean = Examples(*(np.zeros((0, len(FEATURES))), np.zeros(0), np.zeros(0, int), np.zeros(0, int)))
    if a.clean:
        clean = text_examples(Path(a.clean).read_text(encoding="utf-8").split("\n"), resources, rng, 0.0)
    if a.save:
        sets = {"fit": fitted, "own": own, "measure": measured, "clean": clean}
        arrays = {f"{name}_{field}": rows for name, e in sets.items() for field, rows in e._asdict().items()}
        np.savez(a.save, **arrays, errors=[errors, measured_errors])
    report("fitted on: pages and clean text", fitted, weights, errors)
    report("measured: pages of other units", measured, weights, measured_errors)
    if a.clean:
        for number, kind in enumerate(KINDS):
            p = 1 / (1 + np.exp(-(clean.x[clean.kind == number] @ weights[kind])))
            print(
                f"clean text, {kind}: "
                + ", ".join(f">= {t}: {(p >= t).sum()}" for t in (0.5, 0.7, 0.9, 0.95, 0.97, 0.98, 0.99))
            )


if __name__ == "__main__":
    main()
