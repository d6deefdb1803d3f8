"""Fits the evidence weights of the misread rule on OCR pages and measures them on pages of other units.

    python benchmarks/fit_misread.py PAGES TEXT... [--clean CLEAN] [--dictionaries DIR]

PAGES: folder of OCR pages with raw.txt, truth.txt and meta.json; TEXT: clean text files, a paragraph a
line, of which a sample shows what is no damage; CLEAN: clean text that is only measured on.
"""

from __future__ import annotations

import argparse
import random
from pathlib import Path

import numpy as np
from data import fit_logistic, for_fitting, pages, reliability, store_weights
from rapidfuzz.distance import Levenshtein

from repair.document import Document
from repair.filters import get
from repair.filters.misread import FEATURES, Hypothesis, hypotheses
from repair.language.resources import Resources, default_resources
from repair.pipeline import Pipeline


def page_examples(folder: str, fitting: bool, resources: Resources) -> tuple[np.ndarray, np.ndarray, int]:
    """Evidence, labels (1: the best candidate is what the truth has) and the number of misread Hanzi."""
    before = Pipeline([get("broken_join")], resources=resources)
    xs, ys, errors = [], [], 0
    for page in pages(folder):
        if for_fitting(page.unit) != fitting:
            continue
        text = before(page.raw).text
        place = [i for i, ch in enumerate(text) if not ch.isspace()]
        solid, truth = "".join(text[i] for i in place), "".join(page.truth.split())
        if Levenshtein.distance(solid, truth) > 0.4 * len(truth):
            continue
        printed: dict[int, str] = {}
        for op in Levenshtein.opcodes(solid, truth):
            if op.tag in ("equal", "replace"):
                for k in range(min(op.src_end - op.src_start, op.dest_end - op.dest_start)):
                    printed[place[op.src_start + k]] = truth[op.dest_start + k]
                    if op.tag == "replace":
                        errors += 0x4E00 <= ord(solid[op.src_start + k]) <= 0x9FFF and 0x4E00 <= ord(truth[op.dest_start + k]) <= 0x9FFF
        for h in hypotheses(Document(text, None, resources)):
            xs.append(h.evidence)
            ys.append(float(printed.get(h.position, "") == candidate(h, resources)))
    return np.array(xs), np.array(ys), errors


def candidate(h: Hypothesis, resources: Resources) -> str:
    return resources.model.vocabulary[int(h.reading.ids[0])]


def clean_examples(texts: list[str], resources: Resources) -> np.ndarray:
    rows = [h.evidence for text in texts for h in hypotheses(Document(text, None, resources))]
    return np.array(rows).reshape(-1, len(FEATURES))


def sample(path: str, rng: random.Random, documents: int, paragraphs: int = 12) -> list[str]:
    lines = [line for line in Path(path).read_text(encoding="utf-8").split("\n") if line.strip()]
    starts = [rng.randrange(max(1, len(lines) - paragraphs)) for _ in range(documents)]
    return ["\n".join(lines[at : at + paragraphs]) for at in starts]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pages")
    parser.add_argument("text", nargs="+")
    parser.add_argument("--clean")
    parser.add_argument("--documents", type=int, default=60)
    parser.add_argument("--dictionaries")
    parser.add_argument("--weights", type=Path, default=Path("dictionaries/weights.json"))
    parser.add_argument("--save", type=Path)
    a = parser.parse_args()
    resources = Resources(a.dictionaries) if a.dictionaries else default_resources()
    rng = random.Random(3)
    x, y, errors = page_examples(a.pages, True, resources)
    print(f"fit: {len(y)} places, {int(y.sum())} repairable of {errors} misread Hanzi")
    clean = [clean_examples(sample(t, rng, a.documents), resources) for t in a.text]
    for t, part in zip(a.text, clean, strict=True):
        print(f"clean {Path(t).stem}: {len(part)} places")
    all_x = np.concatenate([x, *clean])
    all_y = np.concatenate([y, np.zeros(sum(map(len, clean)))])
    w = fit_logistic(all_x, all_y)
    for name, value, spread in zip(FEATURES, w, all_x.std(axis=0), strict=True):
        print(f"{name:16s} {value:8.3f}  (x spread {value * spread:6.2f})")
    store_weights(a.weights, "misread", FEATURES, w, "benchmarks/fit_misread.py")
    mx, my, errors = page_examples(a.pages, False, resources)
    if a.save:
        np.savez(a.save, x=x, y=y, clean=np.concatenate(clean), mx=mx, my=my)
    for name, part_x, part_y in (("fitted on: pages and clean text", all_x, all_y), ("measured: pages of other units", mx, my)):
        p = 1 / (1 + np.exp(-(part_x @ w)))
        print(f"\n{name}: {len(part_y)} places, {int(part_y.sum())} right")
        print(reliability(p, part_y))
        for t in (0.5, 0.7, 0.9, 0.95, 0.97, 0.98, 0.99):
            hit = p >= t
            print(f"at {t}: {hit.sum()} changes, precision {part_y[hit].mean() if hit.any() else float('nan'):.4f}, of all errors {part_y[hit].sum() / max(1, errors):.4f}")
    if a.clean:
        text = Path(a.clean).read_text(encoding="utf-8")
        rows = clean_examples(text.split("\n"), resources)
        p = 1 / (1 + np.exp(-(rows @ w)))
        print(f"\nmeasured: clean, {len(text)} characters: " + ", ".join(f">= {t}: {(p >= t).sum()}" for t in (0.5, 0.7, 0.9, 0.95, 0.97, 0.98, 0.99)))


if __name__ == "__main__":
    main()
