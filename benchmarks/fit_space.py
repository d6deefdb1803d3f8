"""Fit and measure the confidence of the `space` rule.

    python benchmarks/fit_space.py PAGES CORPUS...

PAGES is a folder of pages (``*/*/*/{raw,truth}.txt`` with ``meta.json``), CORPUS are clean texts, one
paragraph a line. A blank of the raw text counts as spurious where the alignment with the truth deletes it, as
meant where the truth has a blank or a mark there (a lost comma must not be papered over), between two
characters also where the truth has a character there; next to a mark that last kind is not counted.

Because pages have few blanks between characters, clean text is used as well: clauses joined by blanks instead
of commas stand for titles, verses and lost commas, blanks put at random inside clauses for spurious ones. Units with
an even number are for fitting, odd ones for measuring; so are corpus lines. Needs scikit-learn and rapidfuzz.
"""

from __future__ import annotations

import json
import random
import re
import sys
from collections import Counter
from pathlib import Path

import numpy as np
from rapidfuzz.distance import Levenshtein

from repair.document import Document
from repair.filters import space

CLAUSES = re.compile("[\u4e00-\u9fff]{2,14}(?:[，、][\u4e00-\u9fff]{2,14})+")
HAN = re.compile("[\u3400-\u9fff]")
Sample = tuple[Document, space.Gap, int, list[space.Gap]]


def pages(folder: Path, parity: int) -> list[Sample]:
    """The gaps in all pages whose unit has `parity`, with 1 for spurious, 0 for meant, -1 for neither."""
    out: list[Sample] = []
    for meta in sorted(folder.glob("*/*/*/meta.json")):
        if int(json.loads(meta.read_text())["unit"]) % 2 != parity:
            continue
        raw, truth = (meta.with_name(f"{name}.txt").read_text(encoding="utf-8") for name in ("raw", "truth"))
        flat = truth.replace("\n", "")
        # Line ends are blanks that are known to have no counterpart.
        equal: set[int] = set()
        deleted: set[int] = set()
        replaced: dict[int, str] = {}
        added: dict[int, str] = {}
        for op in Levenshtein.opcodes(raw, flat):
            if op.tag == "delete":
                deleted.update(range(op.src_start, op.src_end))
            elif op.tag == "replace":
                for i in range(op.src_end - op.src_start):
                    replaced[op.src_start + i] = flat[op.dest_start + i]
            elif op.tag == "insert":
                added[op.src_start] = flat[op.dest_start : op.dest_end]
            else:
                equal.update(range(op.src_start, op.src_end))
        document = Document(raw)
        gaps = list(space.candidates(document, space.find(document)[0]))
        hans = [g for g in gaps if g.left == g.right == 2]
        for gap in gaps:
            around = [i for i in range(max(0, gap.start - 8), min(len(raw), gap.end + 8)) if not raw[i].isspace()]
            if sum(i in equal for i in around) < 0.6 * len(around):
                continue  # not in the truth, or too garbled to know
            printed = "".join(replaced.get(i, "") if i not in equal else raw[i] for i in range(gap.start, gap.end))
            printed += "".join(added.get(i, "") for i in range(gap.start, gap.end + 1))
            beside = gap.left != 2 or gap.right != 2
            out.append((document, gap, -1 if beside and HAN.search(printed) else int(not printed), hans))
    return out


def made(corpora: list[str], parity: int, count: int) -> list[Sample]:
    """Blanks in clean text: 0 for those in place of a mark or a lost character, 1 for those put in."""
    rng = random.Random(7 + parity)
    out: list[Sample] = []
    for path in corpora:
        lines = [x for x in Path(path).read_text(encoding="utf-8").split("\n")[parity::2] if CLAUSES.search(x)]
        letters = HAN.findall("".join(lines[:200]))
        for number, line in enumerate(rng.sample(lines, min(2 * count, len(lines)))):
            m = CLAUSES.search(line)
            assert m is not None
            blank = rng.choice([" ", " ", " ", "\u3000"])
            places = [p for p in range(max(1, m.start() - 60), min(len(line), m.end() + 60))
                      if HAN.match(line[p]) and HAN.match(line[p - 1])]  # fmt: skip
            if rng.random() < 0.4:  # other damage nearby
                characters = list(line)
                for p in places:
                    if rng.random() < 0.06:
                        characters[p] = rng.choice(letters)
                line = "".join(characters)
            if number % 2:
                kind = rng.random()
                if kind < 0.35:
                    text = (
                        line[: m.start()]
                        + re.sub("[，、]", blank, line[m.start() : m.end()], count=1)
                        + line[m.end() :]
                    )
                elif kind < 0.6:
                    text = re.sub("[，、]", blank, line[m.start() : m.end()])
                elif kind < 0.8:
                    text = re.sub("(?<=[\u4e00-\u9fff])[“”《》（）—](?=[\u4e00-\u9fff])", blank, line, count=1)
                else:
                    place = rng.choice(places) if places else 1
                    text = line[:place] + blank + line[place + 1 :]
            else:
                share = rng.choice([0.0, 0.0, 0.0, 0.05, 0.3, 0.9])
                chosen = [p for p in places if rng.random() < share] or rng.sample(places, min(1, len(places)))
                text = line
                for place in reversed(chosen):
                    text = text[:place] + blank + text[place:]
            if rng.random() < (0.1 if number % 2 else 0.5):  # blanks beside marks as well
                text = re.sub(
                    "[，。、]", lambda m: rng.choice([" ", "", ""]) + m.group() + rng.choice([" ", "", ""]), text
                )
            document = Document(text)
            gaps = [g for g in space.candidates(document, space.find(document)[0]) if g.left == g.right == 2]
            out += [(document, g, (number + 1) % 2, gaps) for g in rng.sample(gaps, min(6, len(gaps)))]
    return out


def measure(samples: list[Sample]) -> np.ndarray:
    """The features of all samples; those of one document are measured together."""
    rows = []
    at = 0
    while at < len(samples):
        stop = at
        while stop < len(samples) and samples[stop][0] is samples[at][0]:
            stop += 1
        document, every = samples[at][0], samples[at][3]
        rows.append(space.features(document, every)[[every.index(s[1]) for s in samples[at:stop]]])
        at = stop
    return np.vstack(rows)


def excerpt(sample: Sample) -> str:
    document, gap = sample[:2]
    return repr(document.text[max(0, gap.start - 14) : gap.end + 14])


def main() -> None:
    from sklearn.linear_model import LogisticRegression

    folder, corpora = Path(sys.argv[1]), sys.argv[2:]
    weights = np.zeros(len(space.FEATURES))
    for parity in (0, 1):
        name = ("even (fit)", "odd (measured)")[parity]
        page = pages(folder, parity)
        between = [s for s in page if s[1].left == s[1].right == 2]
        corpus = made(corpora, parity, 2500)
        x, y = measure(between + corpus), np.array([s[2] for s in between + corpus])
        n = len(between)
        print(f"{name}: {n} blanks between characters on pages, {int(y[:n].sum())} spurious; {len(corpus)} made")
        if parity == 0:
            load = np.where(np.arange(len(y)) < n, 5.0, 1.0)
            fit = LogisticRegression(C=1.0, max_iter=5000, fit_intercept=False).fit(x, y, sample_weight=load)
            weights = np.round(fit.coef_[0], 2)
            print(dict(zip(space.FEATURES, weights.tolist(), strict=True)))
            print("WEIGHTS =", tuple(weights.tolist()))
        p = 1 / (1 + np.exp(-(x @ weights)))
        for part_name, part in (("pages", slice(0, n)), ("made", slice(n, None))):
            q, t = p[part], y[part]
            for at in (0.5, 0.9, 0.97, 0.99):
                hit = q >= at
                print(f"  {part_name}: p >= {at}: {hit.sum()} edits, precision {t[hit].mean() if hit.any() else 1:.4f},"
                      f" recall {t[hit].sum() / max(1, t.sum()):.3f}")  # fmt: skip
        wrong = np.flatnonzero((p >= 0.97) & (y == 0))
        for i in wrong[:: max(1, len(wrong) // 30)]:
            print("    wrong:", round(float(p[i]), 3), excerpt((between + corpus)[i]), np.round(x[i], 1).tolist())
        marks: dict[float, Counter[int]] = {}
        for s in page:
            if s[1].left != 2 or s[1].right != 2:
                marks.setdefault(space.beside_mark(s[0], s[1]), Counter())[s[2]] += 1
        for confidence, found in sorted(marks.items()):
            print(f"  beside marks at {confidence}: {found[1]} spurious, {found[0]} meant, {found[-1]} neither")
        for s in page:
            if s[2] == 0 and (s[1].left != 2 or s[1].right != 2):
                print("    meant:", space.beside_mark(s[0], s[1]), excerpt(s))


if __name__ == "__main__":
    main()
