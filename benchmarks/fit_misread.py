"""Fits the evidence weights of the misread rule on OCR pages and measures them on pages of other units.

    python benchmarks/fit_misread.py PAGES TEXT... [--clean CLEAN] [--dictionaries DIR]

PAGES: folder of OCR pages with raw.txt, truth.txt and meta.json; TEXT: clean text files, a paragraph a
line, of which a sample shows what is no damage; CLEAN: clean text that is only measured on.
"""

from __future__ import annotations

import random
import re
from pathlib import Path

import numpy as np
from data import fit_arguments, fit_logistic, operating_points, read_and_truth, reliability, store_weights
from rapidfuzz.distance import Levenshtein

from repair.document import Document
from repair.filters import get
from repair.filters.misread import FEATURES, Hypothesis, hypotheses
from repair.language.decoder import near_symbols
from repair.language.resources import Resources, default_resources
from repair.pipeline import Pipeline

HANZI = re.compile("[\u4e00-\u9fff]")


def page_examples(folder: str, wanted: str, resources: Resources) -> tuple[np.ndarray, np.ndarray, int]:
    """Evidence, labels (1: the best candidate is what the truth has) and the number of misread Hanzi."""
    before = Pipeline([get("broken_join")], resources=resources)
    xs, ys, errors = [], [], 0
    for text, (solid, place), truth in read_and_truth(folder, wanted, lambda raw: before(raw).text, 0.4):
        to_truth = np.full(len(solid) + 1, -1)
        to_truth[-1] = len(truth)
        for op in Levenshtein.opcodes(solid, truth):
            if op.tag == "equal":
                to_truth[op.src_start : op.src_end] = np.arange(op.dest_start, op.dest_end)
            elif op.tag == "replace":
                for a, b in zip(solid[op.src_start : op.src_end], truth[op.dest_start : op.dest_end], strict=False):
                    errors += bool(HANZI.match(a) and HANZI.match(b))
        index = {position: k for k, position in enumerate(place)}
        for h in hypotheses(Document(text, None, resources)):
            k = index[h.position]
            # Right is what brings the surroundings, between two characters that agree, nearer to the truth.
            lo, hi = max(0, k - 6), min(len(solid), k + 6)
            while lo > 0 and to_truth[lo] < 0:
                lo -= 1
            while hi < len(solid) and to_truth[hi] < 0:
                hi += 1
            printed = truth[max(0, to_truth[lo]) : to_truth[hi]]
            as_read = solid[lo:hi]
            new = solid[lo:k] + candidate(h, resources) + solid[k + 1 : hi]
            xs.append(h.evidence)
            ys.append(float(Levenshtein.distance(new, printed) < Levenshtein.distance(as_read, printed)))
    return np.array(xs), np.array(ys), errors


def candidate(h: Hypothesis, resources: Resources) -> str:
    return resources.model.vocabulary[int(h.reading.ids[0])]


def text_examples(
    texts: list[str], resources: Resources, rng: random.Random, rate: float
) -> tuple[np.ndarray, np.ndarray]:
    """Evidence and labels from clean text into which one Hanzi in ``1 / rate`` is misread on purpose.

    Half of the misreadings are look-alikes, half any character of the text: what models that guess
    from context leave behind has no likeness to what was printed.
    """
    model, near = resources.model, resources.near
    xs, ys = [], []
    for text in texts:
        characters = list(text)
        printed = {}
        last = -20
        for i, ch in enumerate(text):
            if 0x4E00 <= ord(ch) <= 0x9FFF and rng.random() < rate and i - last > 12:
                if rng.random() < 0.5:
                    alike = [int(c) for c in near_symbols(model, near, [ch])[0] if c > 2]
                    wrong = model.vocabulary[alike[min(len(alike) - 1, int(rng.expovariate(0.15)))]] if alike else ch
                else:
                    wrong = rng.choice(text)
                if 0x4E00 <= ord(wrong) <= 0x9FFF and wrong != ch:
                    characters[i], printed[i], last = wrong, ch, i
        for h in hypotheses(Document("".join(characters), None, resources)):
            xs.append(h.evidence)
            ys.append(float(candidate(h, resources) == printed.get(h.position, "")))
    return np.array(xs).reshape(-1, len(FEATURES)), np.array(ys)


def sample(path: str, rng: random.Random, documents: int, paragraphs: int = 12) -> list[str]:
    lines = [line for line in Path(path).read_text(encoding="utf-8").split("\n") if line.strip()]
    starts = [rng.randrange(max(1, len(lines) - paragraphs)) for _ in range(documents)]
    return ["\n".join(lines[at : at + paragraphs]) for at in starts]


def main() -> None:
    parser = fit_arguments(__doc__, 60)
    parser.add_argument("--dictionaries")
    parser.add_argument("--save", type=Path)
    a = parser.parse_args()
    resources = Resources(a.dictionaries) if a.dictionaries else default_resources()
    rng = random.Random(3)
    x, y, errors = page_examples(a.pages, "fit", resources)
    print(f"fit: {len(y)} places, {int(y.sum())} repairable of {errors} misread Hanzi")
    parts = [(x, y)]
    for t in a.text:
        for rate in (0.0, 1 / 1000):
            parts.append(text_examples(sample(t, rng, a.documents), resources, rng, rate))
            print(
                f"{Path(t).stem}, misread {rate}: {len(parts[-1][1])} places, {int(parts[-1][1].sum())} right",
                flush=True,
            )
    all_x, all_y = (np.concatenate(rows) for rows in zip(*parts, strict=True))
    w = fit_logistic(all_x, all_y)
    for name, value, spread in zip(FEATURES, w, all_x.std(axis=0), strict=True):
        print(f"{name:16s} {value:8.3f}  (x spread {value * spread:6.2f})")
    store_weights(a.weights, "misread", FEATURES, w, "benchmarks/fit_misread.py")
    mx, my, errors = page_examples(a.pages, "measure", resources)
    cx = np.zeros((0, len(FEATURES)))
    if a.clean:
        cx, _ = text_examples(Path(a.clean).read_text(encoding="utf-8").split("\n"), resources, rng, 0.0)
    if a.save:
        np.savez(a.save, x=all_x, y=all_y, pages=len(y), mx=mx, my=my, cx=cx)
    for name, some_x, some_y in (
        ("fitted on: pages and clean text", all_x, all_y),
        ("measured: pages of other units", mx, my),
    ):
        p = 1 / (1 + np.exp(-(some_x @ w)))
        print(f"\n{name}: {len(some_y)} places, {int(some_y.sum())} right")
        print(reliability(p, some_y))
        print(operating_points(p, some_y, (0.5, 0.7, 0.88, 0.95, 0.97, 0.99), float(errors)))
    if a.clean:
        p = 1 / (1 + np.exp(-(cx @ w)))
        print(
            "\nmeasured: clean text, changes: "
            + ", ".join(f">= {t}: {(p >= t).sum()}" for t in (0.5, 0.7, 0.9, 0.95, 0.97, 0.98, 0.99))
        )


if __name__ == "__main__":
    main()
