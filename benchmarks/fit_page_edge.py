"""Fits the evidence weights of the running-head and page-number rules and measures them on what was not fitted on.

    python benchmarks/fit_page_edge.py PAGES TEXT... [--clean CLEAN] [--docs DOCS] [--more PAGES...]

PAGES: folders of OCR pages with raw.txt, truth.txt and meta.json; DOCS: folder of chapters (pages of the same units
joined by form feeds); TEXT: files of clean text, a paragraph a line, in document order, from which pages are made:
hard-wrapped, worn by invented OCR errors, with and without heads and numbers, with titles, section headings,
signatures and footnotes at their edges. CLEAN: text of the same kind that is only measured on. Units with remainder 3
modulo 4 are only measured on.

Pages with boxes.json are seen a second time with the boxes of their lines; only what boxes say is fitted on that, the
other weights stay as they are without.

The development pages bear only seven different heads. None of the evidence is about what a head says; that the rule has
not learnt them by heart shows in "leaving a head out" (fitted anew without the pages that bear it).
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from data import fit_arguments, fit_logistic, operating_points, pages, part, reliability, store_weights
from rapidfuzz.distance import Levenshtein

from repair.document import Document
from repair.filters.page_edge import FAMILY, NAMES, edges, features, sheets
from repair.layout import Box, Layout, PageLine
from repair.layout import Page as LaidOut

REAL = 3
"""How often each edge that was really read counts, against one of a made page."""


class Example(NamedTuple):
    """One edge: its evidence, whether it is furniture (None: cannot be told), and how many characters it has."""

    x: np.ndarray
    y: float | None
    size: int
    read: str
    group: str
    foot: bool


def label(read: str, foot: bool, rest: str, whole: int, truth: str, headers: set[str]) -> float | None:
    """1 where the truth is nearer to the text without the line, 0 where it is nearer with it."""
    solid = "".join(read.split())
    gain = whole - Levenshtein.distance(rest, truth)
    if gain >= 0.6 * len(solid):
        return 1.0
    there = truth[-len(solid) :] if foot else truth[: len(solid)]
    # The number 28 at the foot may stand opposite an 8 of the text.
    if read.strip() in headers and Levenshtein.normalized_similarity(solid, there) < 0.5:
        return 1.0
    return 0.0 if gain <= -0.3 * len(solid) else None


def examples(
    text: str, answer: dict[tuple[int, bool], float | None], group: str, layout: Layout | None = None
) -> list[Example]:
    """The edges of the pages of `text` that the rule looks at; `answer`: (page, foot) -> label."""
    document = Document(text, layout=layout)
    found = sheets(document)
    if not found:
        return []
    of = edges(document, found)
    x, limits = features(document, found, of)
    return [
        Example(
            row,
            answer.get((found[edge.sheet].number, edge.foot)),
            len(edge.row.solid),
            text[edge.row.start : edge.row.end],
            group,
            edge.foot,
        )
        for edge, row, limit in zip(of, x, limits, strict=True)
        if limit.ceiling
    ]


class Page(NamedTuple):
    """A page as read, its printed head without the number, and the labels of its first and last line."""

    text: str
    unit: int
    head: str
    answer: dict[bool, float | None]


def answers(text: str, truth: str, headers: set[str]) -> dict[bool, float | None]:
    rows = [line for line in text.split("\n") if line.strip()]
    if len(rows) < 2:
        return {}
    truth, read = "".join(truth.split()), "".join(text.split())
    whole = Levenshtein.distance(read, truth)
    return {
        foot: label(
            rows[-foot], foot, "".join("".join(rows[1 - foot : len(rows) - foot]).split()), whole, truth, headers
        )
        for foot in (False, True)
    }


def page_answers(folder: str, peel: bool = False) -> dict[str, Page]:
    """The pages of `folder` by name; with `peel` those that bear furniture once more as they are without it."""
    out = {}
    for page in pages(folder):
        headers = {line.strip() for line in page.meta.get("header_lines", ())}
        answer = answers(page.raw, page.truth, headers)
        if not answer:
            continue
        head = re.sub(r"[\d\s]+", "", page.meta["layout"].get("header") or "")
        out[page.name] = Page(page.raw, page.unit, head, answer)
        if peel and 1.0 in answer.values():
            lines = page.raw.split("\n")
            shown = [i for i, line in enumerate(lines) if line.strip()]
            if answer[True] == 1:
                del lines[shown[-2] + 1 :]
            if answer[False] == 1:
                del lines[: shown[1]]
            rest = "\n".join(lines) + "\n"
            out[f"{page.name} peeled"] = Page(rest, page.unit, head, answers(rest, page.truth, set()))
    return out


def chapters(
    folder: str | Path, known: dict[str, Page]
) -> Iterator[tuple[str, str, int, str, dict[tuple[int, bool], float | None]]]:
    """Chapters under `folder` whose pages are among the `known`: name, text, unit, head, labels."""
    for path in sorted(Path(folder).rglob("raw.txt")):
        name = str(path.parent.relative_to(folder))
        text = path.read_text(encoding="utf-8")
        answer: dict[tuple[int, bool], float | None] = {}
        unit, head = -1, ""
        for number, page in enumerate(text.split("\f")):
            for key in (f"{name}_p{number + 1}", f"{name}_p{number}"):
                if key in known and "".join(known[key][0].split()) == "".join(page.split()):
                    _, unit, head, labels = known[key]
                    answer |= {(number, foot): value for foot, value in labels.items()}
        if unit >= 0:
            yield name, text, unit, head, answer


def boxes(folder: str, name: str, raw: str) -> Layout | None:
    """The boxes of the lines of a page as a layout, where boxes.json has them."""
    path = Path(folder) / name / "boxes.json"
    if not path.exists():
        return None
    lines, at = [], 0
    for zone in json.loads(path.read_text(encoding="utf-8")):
        for corners, read, _ in zone["items"]:
            start = raw.find(read, at)
            if start >= 0:
                (left, right), (top, bottom) = ((min(side), max(side)) for side in zip(*corners, strict=True))
                lines.append(PageLine(start, start + len(read), 0, -1, Box(left, top, right, bottom)))
                at = start + len(read)
    n = len(raw)
    return Layout(tuple(lines), (LaidOut(),), np.full(n, np.nan, np.float32), np.full(n, -1, np.int32))


# ---------------------------------------------------------------- made pages


def wrapped(paragraph: str, width: int) -> Iterator[str]:
    """Lines of a paragraph: half-width characters count half, and no line starts with a mark that cannot start one."""
    start, used = 0, 0.0
    for i, ch in enumerate(paragraph):
        used += 0.5 if ch < "\x80" else 1.0
        if used > width and ch not in "，。、；：！？”》）":
            yield paragraph[start:i]
            start, used = i, 0.5 if ch < "\x80" else 1.0
    yield paragraph[start:]


class Maker:
    """Makes scanned pages of the paragraphs of a text."""

    def __init__(self, path: str, rng: random.Random, chunks: int = 40) -> None:
        self.rng = rng
        size = Path(path).stat().st_size
        self.runs: list[list[str]] = []
        names: list[str] = []
        with open(path, "rb") as file:
            for _ in range(chunks):
                file.seek(rng.randrange(max(1, size - 100_000)))
                lines = file.read(100_000).decode("utf-8", "ignore").split("\n")[1:-1]
                self.runs.append([line.strip() for line in lines if line.strip()])
        for run in self.runs:
            for line in run:
                names += re.findall("《([\u4e00-\u9fff]{3,12})》", line)
        self.names = names or ["无题"]
        self.heads = [
            line for run in self.runs for line in run if 6 <= len(line) <= 24 and not re.search("[，。；！？:：]", line)
        ] or self.names
        self.letters = "".join("".join(run[:3]) for run in self.runs)[:4000]

    def body(self) -> list[str]:
        rng = self.rng
        run = rng.choice(self.runs)
        at = rng.randrange(max(1, len(run) - 60))
        chosen = [line for line in run[at : at + 60] if len(line) > 20 or rng.random() < 0.1]
        merged: list[str] = []
        for line in chosen:  # paragraphs of books are longer
            if merged and len(merged[-1]) < 250 and len(line) > 20 and rng.random() < 0.5:
                merged[-1] += line
            else:
                merged.append(line)
        return merged or ["".join(run)[:2000]]

    def title(self) -> str:
        rng = self.rng
        number = rng.choice("一二三四五六七八九十") if rng.random() < 0.7 else str(rng.randint(1, 20))
        name = rng.choice(self.names) if rng.random() < 0.6 else rng.choice(self.heads)
        shape = rng.random()
        if shape < 0.25:
            return f"第{number}{rng.choice('章章节编篇')}{rng.choice(['　', ' ', '', '　　'])}{name}"
        if shape < 0.35:
            return f"{number}、{name}"
        if shape < 0.4:
            return f"{name}·{rng.choice(self.names)}"
        return name

    def number(self, n: int) -> str:
        shape = self.rng.choice(
            ["{}", "{}", "{}", "·{}·", "— {} —", "-{}-", "—{}—", "• {} •", "~{}~", "第{}页", "[{}]"]
        )
        return shape.format(n)

    def worn(self, line: str, rate: float, specks: float) -> str:
        """`line` with characters misread at `rate`, and specks read as characters around it."""
        rng = self.rng
        out = []
        for ch in line:
            if rng.random() < rate:
                if ch.isdigit():
                    ch = rng.choice("0123456789OlIS了二B“")
                elif rng.random() < (0.6 if ch in "，。、；：”" else 0.2):
                    ch = rng.choice(["", "", ".", "，", " ", "“"])
                else:
                    ch = rng.choice(self.letters)
            out.append(ch)
        line = "".join(out)
        if rng.random() < specks:
            line = rng.choice(["“", "_ ", ": ", "和 ", "- ", ".", "二", "人  ", "，", "2 "]) + line
        if rng.random() < specks:
            line += rng.choice(["”", " ，", ":", "  人", "-", ".", "  2", "二", " 。", "   和", "”    上"])
        return line

    def noise(self) -> str:
        return (
            "".join(self.rng.choice("人二和.,“:2 3 一上了 下e   。，") for _ in range(self.rng.randint(2, 12))).strip()
            or "人"
        )

    def document(self) -> tuple[str, dict[tuple[int, bool], float | None]]:
        """A text of one or a few pages, and for each page whether its first and last line are furniture."""
        rng = self.rng
        many = rng.choice([1, 1, 1, 1, 1, 2, 3, 4, 5])
        tesseract = rng.random() < 0.5
        rate = rng.choice([0.0, 0.01, 0.03, 0.08, 0.15])
        specks = rng.choice([0.0, 0.05, 0.2, 0.5]) if tesseract else 0.03
        blank = rng.choice([0.0, 0.1, 0.4, 1.0]) if tesseract else 0.0
        layout = rng.choices(
            ["head+foot", "both", "number", "foot", "foot text", "head", "none"], [35, 22, 6, 9, 5, 4, 30]
        )[0]
        # Narrow columns are those of newspapers, which have headlines and no heads.
        width = rng.randint(12, 19) if rng.random() < (0.6 if layout == "none" else 0.08) else rng.randint(18, 40)
        indent = 2 if rng.random() < 0.75 else 0
        kept = rng.random() < 0.2
        head, second = self.title(), self.title()
        two = rng.random() < 0.3
        first = rng.randint(1, 620)
        opening = rng.random() < (0.6 if layout == "none" else 0.04 if many == 1 else 0.25)
        lines: list[str] = []
        begins: list[int] = []
        for paragraph in self.body():
            begins.append(len(lines))
            if 3 <= len(paragraph) < 0.6 * width and paragraph[-1] not in "。！？":
                lines.append(paragraph)
                continue
            pieces = list(wrapped("　" * indent + paragraph, width))
            lines += pieces if kept else [piece.lstrip("　") for piece in pieces]
        texts: list[str] = []
        answer: dict[tuple[int, bool], float | None] = {}
        at = rng.randrange(min(30, len(lines)))
        for number in range(many):
            count = rng.randint(12, 34) if rng.random() < 0.9 else rng.randint(4, 11)
            starts = opening and number == 0
            # A chapter or section may start on any page, below the head.
            section = starts or rng.random() < 0.06
            if section:
                at = next((begin for begin in begins if begin >= at), at)
            if rng.random() < 0.2:  # a page that ends with the short end of a paragraph
                while count < 36 and at + count < len(lines) and len(lines[at + count - 1]) > 0.4 * width:
                    count += 1
            body = lines[at : at + count]
            if len(body) < 4:
                break
            at += count
            body = [self.worn(line, rate, 0.3 * specks) for line in body]
            body[-1] = self.worn(body[-1], rate, specks)
            if rng.random() < 5 * rate:
                body[-1] = body[-1].rstrip("。”") or body[-1]
            page = first + number
            top = foot = ""
            title = second if two and page % 2 else head
            shown = self.number(page)
            if layout == "head+foot":
                top, foot = ("" if starts else title), shown
            elif layout == "both":
                gap = rng.choice([" ", "  ", "　", " " * rng.randint(4, 40)])
                top = "" if starts else f"{page}{gap}{title}" if page % 2 == 0 else f"{title}{gap}{page}"
            elif layout == "number":
                top = "" if starts else shown
            elif layout == "foot":
                foot = shown
            elif layout == "foot text":
                foot = f"{page} {title}" if page % 2 == 0 else f"{title}  {page}"
            elif layout == "head":
                top = "" if starts else title
            if section:
                body = [*(self.opening() if starts else [self.title()]), *body]
            if rng.random() < 0.14:
                body += self.closing(width)
            top, foot = (
                self.worn(line, min(0.5, 3 * rate), specks) if line and rng.random() > 0.3 * rate + 0.02 else ""
                for line in (top, foot)
            )
            if specks > 0.1 and rng.random() < 0.03:
                foot = foot or self.noise()
            if tesseract and rng.random() < 0.3:
                top = " " * rng.randint(3, 30) + top if top else top
                foot = " " * rng.randint(3, 30) + foot if foot else foot
            out: list[str] = []
            for line in [*([top] if top.strip() else []), *body, *([foot] if foot.strip() else [])]:
                if not line.strip():
                    continue
                out.append(line)
                if rng.random() < blank or (tesseract and len(out) == 1 and rng.random() < 0.6):
                    out.append("")
            if foot.strip() and tesseract and rng.random() < 0.7:
                out.insert(max(1, out.index(foot)), "")
            texts.append("\n".join(out))
            answer[number, False] = float(bool(top.strip()))
            answer[number, True] = float(bool(foot.strip()))
        return "\f".join(f"{text}\n" for text in texts), answer

    def opening(self) -> list[str]:
        """The first lines of a chapter or an article, which are text."""
        rng = self.rng
        shape = rng.random()
        if shape < 0.2:
            return [rng.choice(["一", "二", "三", "1", "2", "12", "（三）"])]
        lines = [rng.choice(self.heads) if shape < 0.6 else self.title()]
        if rng.random() < 0.3:
            lines.append(
                rng.choice(["本报记者　", "", "文／", "通讯员 "])
                + "".join(rng.choice("李王张明华文军伟芳丽敏静陈") for _ in range(3))
            )
        return lines

    def closing(self, width: int) -> list[str]:
        """The last lines of a page that are text although they are short or strange."""
        rng = self.rng
        name = rng.choice(self.names)
        return rng.choice(
            [
                [f"{rng.choice('一二三四五')}、{rng.choice(self.heads)}"],
                [self.title()],
                [f"第{rng.choice('二三四五六')}节　{name}"],
                [f"①参见《{name}》，第{rng.randint(1, 500)}页。"],
                [f"[{rng.randint(1, 30)}]{name}[M].{rng.randint(1980, 2020)}."],
                [f"{rng.randint(1950, 2024)}年{rng.randint(1, 12)}月{rng.randint(1, 28)}日"],
                [
                    "".join(rng.choice("李王张明华文军伟芳丽") for _ in range(3)),
                    f"{rng.randint(1950, 2024)}年{rng.randint(1, 12)}月",
                ],
                ["（完）"],
                [f"（{rng.randint(1, 9)}）{name}"],
                [f"图{rng.randint(1, 9)}　{name}"],
                [f"{rng.randint(1, 9)}.{name}"],
                [rng.choice(self.heads)],
                [f"{rng.randint(100, 9000)}{rng.choice(['亿元。', '万人。', '多人。', '。', '人。'])}"],
            ]
        )


def made(path: str, rng: random.Random, documents: int) -> list[Example]:
    maker = Maker(path, rng)
    out = []
    for number in range(documents):
        text, answer = maker.document()
        out += examples(text, answer, "made")
        if number % 3 == 0 and 1.0 in answer.values():
            out += examples(peeled(text, answer), dict.fromkeys(answer, 0.0), "made, peeled")
    return out


def peeled(text: str, answer: dict[tuple[int, bool], float | None]) -> str:
    """`text` without its furniture: what the rule sees when it has done its work, and must leave alone."""
    out = []
    for number, page in enumerate(text.split("\f")):
        lines = [line for line in page.split("\n") if line.strip()]
        lo, hi = answer.get((number, False)) == 1, answer.get((number, True)) == 1
        out.append("".join(f"{line}\n" for line in lines[lo : len(lines) - hi]))
    return "\f".join(out)


# ---------------------------------------------------------------- fitting and measuring


def arrays(found: list[Example]) -> tuple[np.ndarray, np.ndarray]:
    known = [e for e in found if e.y is not None]
    return np.array([e.x for e in known]).reshape(-1, len(NAMES)), np.array([e.y for e in known])


def probabilities(x: np.ndarray, w: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-np.clip(x @ w, -30, 30)))


def with_boxes(w: np.ndarray, found: list[Example]) -> np.ndarray:
    """`w` with weights for what boxes say, fitted on pages that have some; the others stay as they were without."""
    said = [number for number, name in enumerate(NAMES) if name.endswith(("_set_off", "_close"))]
    x, y = arrays(found)
    out = w.copy()
    out[said] = 0.0
    if len(y):
        out[said] = fit_logistic(x[:, said], y, offset=x @ out)
    return out


def report(name: str, found: list[Example], w: np.ndarray, show: int = 0) -> None:
    x, y = arrays(found)
    if not len(y):
        return
    p = probabilities(x, w)
    print(f"\n{name}: {len(y)} edges, {y.mean():.3f} furniture ({len(found) - len(y)} cannot be told)")
    print(reliability(p, y))
    print(operating_points(p, y, (0.5, 0.9, 0.97, 0.99), float(y.sum())))
    known = [e for e in found if e.y is not None]
    for t in (0.5, 0.97):
        print(
            f"body characters lost at {t}: {sum(e.size for e, q in zip(known, p, strict=True) if q >= t and not e.y)}"
        )
    for e, q in sorted(zip(known, p, strict=True), key=lambda item: -abs(item[0].y - item[1]))[:show]:
        print(f"   {q:.3f} {e.y:.0f} {'foot' if e.foot else 'top '} {e.group} {e.read[:50]!r}")


def main() -> None:
    parser = fit_arguments(__doc__, 1500)
    parser.add_argument("--docs")
    parser.add_argument("--more", nargs="*", default=[])
    parser.add_argument("--show", type=int, default=0)
    a = parser.parse_args()
    rng = random.Random(5)
    known = page_answers(a.pages, peel=True)
    for folder in a.more:
        known |= {f"{folder}/{name}": found for name, found in page_answers(folder, peel=True).items()}
    groups: dict[str, list[Example]] = {"fit": [], "measure": [], "fit chapters": [], "measure chapters": []}
    groups |= {"fit boxes": [], "measure boxes": []}
    for name, (text, unit, head, answer) in known.items():
        which = "measure" if part(unit) == "measure" else "fit"
        labels = {(0, foot): value for foot, value in answer.items()}
        groups[which] += examples(text, labels, head)
        if layout := boxes(a.pages, name, text):
            groups[f"{which} boxes"] += examples(text, labels, head, layout)
    if a.docs:
        for _, text, unit, head, labels in chapters(a.docs, known):
            which = "measure" if part(unit) == "measure" else "fit"
            groups[f"{which} chapters"] += examples(text, labels, head)
    invented = [e for path in a.text for e in made(path, rng, a.documents)]
    real = [*groups["fit"], *groups["fit chapters"]]
    x, y = arrays([*real * REAL, *invented])
    w = fit_logistic(x, y)
    w = with_boxes(w, groups["fit boxes"])
    for name, value in zip(NAMES, w, strict=True):
        print(f"{name:20s} {value:8.3f}")
    store_weights(a.weights, FAMILY, NAMES, w, "benchmarks/fit_page_edge.py")
    for name, found in groups.items():
        report(name, found, w, a.show)
    report("fitted on: made pages", invented, w, a.show)
    left: list[Example] = []
    left_p: list[float] = []
    for head in sorted({e.group for e in real if e.group}):
        v = fit_logistic(*arrays([*[e for e in real if e.group != head] * REAL, *invented]))
        out = [e for e in real if e.group == head and e.y is not None]
        left += out
        left_p += list(probabilities(np.array([e.x for e in out]), v))
    p, truth = np.array(left_p), np.array([e.y for e in left])
    print(f"\nleaving a head out: {len(truth)} edges")
    print(reliability(p, truth))
    print(operating_points(p, truth, (0.5, 0.9, 0.97, 0.99), float(truth.sum())))
    if a.clean:
        report("measured: pages made of other text", made(a.clean, random.Random(9), a.documents), w, a.show)


if __name__ == "__main__":
    main()
