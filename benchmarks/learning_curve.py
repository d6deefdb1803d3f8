"""How many decisions a page needs once a reviewer has gone through 0, 10, 50 and 200 pages.

    python benchmarks/learning_curve.py PAGES [--clean clean_news.txt] [--plot docs/learning.svg] [--kinds] [--show]

PAGES: folder of OCR pages with raw.txt, truth.txt and meta.json. The reviewer knows the truth: looks at everything
that waits for a decision at level safe, accepts what the aligned truth has there, keeps what was read right, writes the
truth where neither is and the place is clear, and passes over the rest (which count as decisions all the same). The
pages learnt from are those of units that are not for measuring, in an order shuffled once; after 10, 50 and 200 of
them all entries that are proposed are confirmed, without a look at the truth, and the next ones are repaired with them.

Projects: all pages together; each engine by itself; and made ones, in which invented names recur and some characters
are mostly misread alike (truths of the same pages, damaged by the measured channel). --kinds: each file by itself.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
from data import pages, part
from svg import curves

from repair import Correction, Lexicon, Pipeline
from repair.evaluate import Comparison, PageFigures, solid
from repair.language.lexicon import FILES
from repair.language.resources import default_resources
from repair.review.decisions import Decision, decide, decided
from repair.review.learn import merge_entries, propose

STAGES = (0, 10, 50, 200)
SEED = 7
EXTRA = 3
"""Characters by which what a reviewer writes may be longer than what was read."""


class Sheet(NamedTuple):
    """A page to learn from or to measure on."""

    raw: str
    truth: str

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.raw.encode("utf-8")).hexdigest()


# --- the reviewer


def verdict(comparison: Comparison, c: Correction, saved: int | None) -> str | None:
    """What the reviewer wants in the place of `c`; None where the truth does not tell."""
    span = comparison._repaired_span(c)
    if span is None:
        return None
    after, flag = comparison.after, c.level == "note"
    a, b = after.offsets[span[0]], after.offsets[span[1]]
    now, new = after.text[a:b], solid(c.after).text
    if not flag and now == new:  # only white space differs
        return None if saved is None else c.after if saved > 0 else c.before
    to_truth = comparison.aligned_after.to_truth
    left = to_truth[a - 1] if a else -1
    right = to_truth[b] if b < len(to_truth) else len(comparison.truth.text)
    if (a == 0 or left >= 0) and right >= 0:
        printed = comparison.truth.text[left + 1 : right]
        if printed == new and not flag:
            return c.after
        if printed == now:
            return c.before if solid(c.before).text == now else comparison.result.text[slice(*span)]
        if len(printed) <= len(now) + EXTRA:
            return printed
    return None if flag or not saved else c.after if saved > 0 else c.before


class Reviewed(NamedTuple):
    """A page that the reviewer went through; `waiting`: corrections that wait for a decision."""

    comparison: Comparison
    waiting: int
    decisions: list[Decision]


def review(sheet: Sheet, pipeline: Pipeline) -> Reviewed | None:
    """None for a page too bad to be repaired."""
    comparison = Comparison(pipeline(sheet.raw), sheet.truth)
    if not comparison.usable:
        return None
    saved = {id(c): s for c, s in comparison.prospects()}
    decisions = []
    for c in comparison.result.suggestions:
        text = verdict(comparison, c, saved.get(id(c)))
        if text is not None:
            decisions.append(decide(sheet.digest, c, text, "reviewer"))
    return Reviewed(comparison, len(comparison.result.suggestions), decisions)


# --- measuring


@dataclass
class Stage:
    """Figures on the measuring pages with what was learnt so far."""

    learnt: int
    entries: dict[str, int]
    made: int = 0
    waiting: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    rules: Counter[str] = field(default_factory=Counter)
    safe: PageFigures = field(default_factory=PageFigures)
    done: PageFigures = field(default_factory=PageFigures)
    stated: list[tuple[float, bool]] = field(default_factory=list)
    clean_edits: int | None = None

    def row(self) -> str:
        n, v = self.safe.pages, self.verdicts
        p, y = (np.array(column, float) for column in zip(*self.stated, strict=True))
        loss = -np.mean(np.where(y > 0, np.log(p), np.log1p(-np.minimum(p, 1 - 1e-6))))
        cells = [
            str(self.learnt), f"{self.waiting / n:.2f}",
            *(f"{v[name] / n:.2f}" for name in ("accepted", "edited", "rejected", "passed")),
            f"{100 * self.safe.distance_after / self.safe.characters:.2f} %",
            f"{100 * self.done.distance_after / self.done.characters:.2f} %",
            f"{self.safe.fixed / max(1, self.safe.fixed + self.safe.harmed):.3f}",
            f"{p.mean():.2f}/{y.mean():.2f}", f"{loss:.3f}",
            "-" if self.clean_edits is None else str(self.clean_edits),
            " ".join(f"{name.removesuffix('.txt')} {k}" for name, k in self.entries.items() if k) or "-",
        ]  # fmt: skip
        return "| " + " | ".join(cells) + " |"


HEAD = (
    "| pages learnt from | decisions a page | accepted | edited | kept | passed over | CER, safe | CER, decided"
    " | fix precision | stated/accepted | log loss | clean edits | entries |\n|--:|" + "--:|" * 11 + "---|"
)


def measure(sheets: Sequence[Sheet], lexicon: Lexicon, learnt: int, clean: Sequence[str]) -> Stage:
    pipeline = Pipeline.from_profile("default", lexicon=lexicon)
    sizes = (len(lexicon.trust), len(lexicon.never), len(lexicon.replace), len(lexicon.confusions))
    stage = Stage(learnt, dict(zip(FILES, (*sizes, len(lexicon.calibration)), strict=True)))
    for sheet in sheets:
        done = review(sheet, pipeline)
        if done is None:
            continue
        result = done.comparison.result
        stage.made += len(result.corrections)
        stage.waiting += done.waiting
        stage.verdicts.update(d.verdict for d in done.decisions)
        stage.verdicts["passed"] += done.waiting - len(done.decisions)
        stage.rules.update(c.rule for c in result.suggestions)
        stage.stated += [(d.confidence, d.verdict == "accepted") for d in done.decisions if d.level == "review"]
        stage.safe += done.comparison.page()
        stage.done += Comparison(decided(result, done.decisions).result, sheet.truth).page()
    if clean:
        stage.clean_edits = sum(len(pipeline(line).corrections) for line in clean)
    return stage


def curve(
    name: str,
    learn: Sequence[Sheet],
    sheets: Sequence[Sheet],
    clean: Sequence[str] = (),
    kinds: Iterable[str] = FILES,
    stages: Sequence[int] = STAGES,
    show: bool = False,
) -> list[Stage]:
    """The figures after each stage, printed as they come; entries for other files than `kinds` are not confirmed."""
    print(f"\n{name}: {len(learn)} pages to learn from, {len(sheets)} to measure on\n{HEAD}", flush=True)
    lexicon = Lexicon()
    context = {s.digest: s.raw for s in learn}
    out: list[Stage] = []
    earlier: list[Decision] = []
    at = 0
    with tempfile.TemporaryDirectory() as folder:
        for stop in stages:
            batch = learn[at:stop]
            if stop and not batch:
                break
            pipeline = Pipeline.from_profile("default", lexicon=lexicon)
            seen = [done for sheet in batch if (done := review(sheet, pipeline))]
            decisions = [d for done in seen for d in done.decisions]
            found = propose(decisions, context, earlier=earlier, lexicon=lexicon, shifts=lexicon.calibration)
            found = [entry for entry in found if entry.file in kinds]
            if found:
                merge_entries(folder, found)
                lexicon = Lexicon.load(folder)
            earlier += decisions
            at += len(batch)
            out.append(measure(sheets, lexicon, at, clean))
            print(out[-1].row(), flush=True)
            if show:
                for entry in found:
                    print(
                        "   ", entry.file, entry.line.replace("\t", " "), entry.accepted, entry.edited, entry.rejected
                    )
                print("   ", dict(out[-1].rules.most_common()))
    return out


# --- projects


def of_pages(folder: str, wanted: Callable[[dict[str, object]], bool]) -> tuple[list[Sheet], list[Sheet]]:
    """Pages to learn from, shuffled, and pages to measure on."""
    learn, sheets = [], []
    for page in pages(folder):
        if wanted(page.meta):
            (sheets if part(page.unit) == "measure" else learn).append(Sheet(page.raw, page.truth))
    random.Random(SEED).shuffle(learn)
    return learn, sheets


GIVEN = "淼焱垚翀昉旸珺琚瑄璟晗昱煜烨炜钰铄锴栩楠桉泓沄浠涵湉霁霖雯霏芮芃苡茗菡蔚翊翌翎彧忱恺悰"
FAMILY = "逄麻芦靳盖栗冼练鹿臧郜晏"
PLACES = (
    *("岱屿", "渌桥", "洹湾", "柞坪", "汩溪", "峁头", "崮山", "硖口", "浒湾", "畲坡", "邛寨"),
    *("箐沟", "塬上", "埠子", "圪垯", "浯村", "崂庄", "涑堡", "漯店", "淝岗"),
)
BODIES = ("卫生院", "供销社", "水管所", "养路队", "林业站", "农技站", "敬老院", "粮管所")
SENTENCES = (
    "{p}在{v}镇主持召开座谈会，听取了{b}负责人的汇报。",
    "据{v}镇{b}的{p}介绍，今年的工作比去年有了很大进步。",
    "{p}和{q}一起来到{v}村，看望了那里的老人。",
    "{v}镇{b}成立二十年来，先后有{p}、{q}等五人担任过负责人。",
    "{q}说，{v}的变化大家都看在眼里，{p}功不可没。",
    "会上，{p}代表{v}镇{b}作了发言，{q}作了补充。",
    "为了修好{v}的这条路，{p}带着{b}的同志干了整整一个冬天。",
    "{p}是{v}人，早年在{b}当过会计，后来才到县里工作。",
    "记者在{v}镇采访时，{q}正和{b}的人商量春耕的事。",
    "经{p}提议，{v}镇决定把{b}的旧房子改成阅览室。",
    "{v}村的{q}告诉我们，{p}每个月都要来一两次。",
    "{b}的{q}这几天一直住在{v}，{p}劝他回去休息，他不肯。",
)


def made_project(folder: str, seed: int) -> tuple[list[Sheet], list[Sheet]]:
    """A project with names of its own and characters that are mostly misread alike, on pages of the truths."""
    rng = random.Random(seed)
    people = [rng.choice(FAMILY) + "".join(rng.sample(GIVEN, rng.choice((1, 2)))) for _ in range(30)]
    places, bodies = rng.sample(PLACES, 12), rng.sample(BODIES, 5)
    texts: dict[str, str] = {}
    for page in pages(folder):
        texts.setdefault(page.truth, part(page.unit))
    of = {measured: [t for t, p in texts.items() if (p == "measure") == measured] for measured in (False, True)}
    near = default_resources().near
    name_characters = sorted(set("".join((*people, *places))))
    common = sorted({ch for ch, n in Counter("".join(of[False])).items() if n > 40 and "\u4e00" <= ch <= "\u9fff"})
    always = {}
    for ch in (*rng.sample(name_characters, 12), *rng.sample(common, 25)):
        always[ch] = _misread(ch, near, rng)

    def drawn(pool: Sequence[str]) -> str:
        return pool[min(len(pool) - 1, int(rng.paretovariate(0.9)) - 1)]

    def sheet(text: str) -> Sheet:
        paragraphs = [p for p in text.split("\n") if p.strip()]
        for _ in range(4):
            p, q = drawn(people), rng.choice(people)
            line = rng.choice(SENTENCES).format(p=p, q=q, v=drawn(places), b=drawn(bodies))
            paragraphs.insert(rng.randrange(len(paragraphs) + 1), line)
        truth = "\n".join(paragraphs)
        raw = []
        for ch in truth:
            if ch in always and rng.random() < 0.5:
                ch = always[ch]
            elif "\u4e00" <= ch <= "\u9fff" and rng.random() < 0.008:
                ch = _misread(ch, near, rng)
            elif ch in "，。" and rng.random() < 0.03:
                ch = rng.choice("：．·、")
            raw.append(ch)
        return Sheet("".join(raw), truth)

    learn = [sheet(text) for text in (of[False] * 3)[: STAGES[-1] + 20]]
    rng.shuffle(learn)
    return learn, [sheet(text) for text in of[True]]


def _misread(ch: str, near: object, rng: random.Random) -> str:
    """A character that `ch` may be read as, drawn by the measured channel (its table is near enough to symmetric)."""
    codes, logs = near.candidates(np.array([ord(ch)]))  # type: ignore[attr-defined]
    choices = [(chr(c), 10.0**log) for c, log in zip(codes[0], logs[0], strict=True) if 0x4E00 <= c <= 0x9FFF]
    return rng.choices(*map(list, zip(*choices, strict=True)))[0] if choices else ch  # type: ignore[arg-type]


def plot(found: dict[str, list[Stage]], path: Path) -> None:
    """A plain SVG of decisions a page by pages learnt from."""
    rows = {
        name: [(stage.learnt, stage.waiting / stage.safe.pages) for stage in stages] for name, stages in found.items()
    }
    most = max(y for points in rows.values() for _, y in points)
    curves(path, rows, "pages learnt from", "decisions a page", STAGES, range(int(most) + 1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pages")
    parser.add_argument("--clean", type=Path)
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--kinds", action="store_true")
    parser.add_argument("--show", action="store_true")
    parser.add_argument("--only", default="all,rapidocr,tesseract,made")
    a = parser.parse_args()
    clean = [line for line in a.clean.read_text(encoding="utf-8").split("\n") if line] if a.clean else []
    curves = {}
    for name in a.only.split(","):
        if name == "made":
            learn, sheets = made_project(a.pages, SEED)
        else:
            learn, sheets = of_pages(a.pages, lambda meta, name=name: name in ("all", meta["engine"]))
        curves[name] = curve(name, learn, sheets, clean, show=a.show)
        if a.kinds:
            for kind in ("replace.txt", "trust.txt", "confusions.txt", "calibration.txt"):
                curve(f"{name}, {kind} alone", learn, sheets, (), (kind,), show=a.show)
    if a.plot:
        plot(curves, a.plot)


if __name__ == "__main__":
    main()
