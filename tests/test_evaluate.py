"""Figures of `repair eval`: small cases that can be counted by hand, and the scoring script beside them where it is."""

from __future__ import annotations

import importlib.util
import json
import random
from argparse import Namespace
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rapidfuzz.distance import Levenshtein
from strategies import HAN, texts
from test_cli import Here

import repair
from repair.evaluate import (
    MARGIN,
    Alignment,
    CleanEvaluation,
    Comparison,
    PageEvaluation,
    PairEvaluation,
    Reliability,
    edits,
    pair_figures,
    read_page_info,
    read_pairs,
    solid,
    spread,
)
from repair.formats.plain import InputError
from repair.text import Correction, Result, apply

SHARED = Path(__file__).resolve().parent.parent.parent / "shared"
SCORE = SHARED / "score" / "score.py"
needs_shared = pytest.mark.skipif(not SCORE.exists(), reason="no ../shared")


def correction(start: int, before: str, after: str, rule: str = "misread", confidence: float = 0.99) -> Correction:
    return Correction(start, start + len(before), before, after, rule, confidence, "safe")


def result(text: str, *corrections: Correction, suggestions: tuple[Correction, ...] = ()) -> Result:
    return Result(text, apply(text, corrections), corrections, suggestions)


# --- texts and alignments


def test_solid() -> None:
    text, gaps, offsets, places = solid(" Ａ２ 甲\r\n\u3000乙％\f")
    assert text == "A2甲乙%"
    assert gaps == [1, 0, 1, 2, 0, 2]  # none, blank, break
    assert places == [1, 2, 4, 8, 9]
    assert offsets == [0, 0, 1, 2, 2, 3, 3, 3, 3, 4, 5, 5]
    assert solid("") == ("", [0], [0], [])
    assert solid("＠［｀").text == "＠［｀"  # only digits, letters and ％．＋－ count as their ASCII forms


@given(texts)
def test_solid_keeps_places(text: str) -> None:
    chars, gaps, offsets, places = solid(text)
    assert (len(gaps), len(offsets), len(places)) == (len(chars) + 1, len(text) + 1, len(chars))
    assert [offsets[place] for place in places] == list(range(len(chars)))
    assert all(not ch.isspace() for ch in chars)


@given(st.text(st.sampled_from(HAN[:9]), max_size=80), st.text(st.sampled_from(HAN[:9]), max_size=80))
def test_alignment(read: str, truth: str) -> None:
    a = Alignment(read, truth)
    assert a.distance == Levenshtein.distance(read, truth)
    pairs = [(j, i) for j, i in enumerate(a.to_truth) if i >= 0]
    assert all(read[j] == truth[i] and a.to_read[i] == j for j, i in pairs)
    assert a.matches == len(pairs) == sum(j >= 0 for j in a.to_read)


@given(st.randoms(use_true_random=False), st.sampled_from([9, len(HAN)]))
def test_window_says_what_the_whole_would(rng: random.Random, alphabet: int) -> None:
    """The effect of one replacement, measured in a window, against a new alignment of the whole text."""
    truth = "".join(rng.choices(HAN[:alphabet], k=rng.randrange(0, 300)))
    read = list(truth)
    for _ in range(rng.randrange(0, 12) if read else 0):
        read[rng.randrange(len(read))] = rng.choice(["", "甲", rng.choice(HAN), "乙丙"])
    text = "".join(read)
    aligned = Alignment(text, truth)
    start = rng.randrange(len(text) + 1)
    end = min(len(text), start + rng.choice([0, 1, 1, 2, 5]))
    other = rng.choice(["", "丁", truth[start:end], "".join(rng.choices(HAN, k=3))])
    whole = Levenshtein.distance(text[:start] + other + text[end:], truth) - aligned.distance
    window = aligned.added_distance(start, end, other)
    assert window >= whole
    if alphabet > 9:  # text that does not repeat itself all the time
        assert window == whole


def test_window_is_small() -> None:
    truth = HAN * 30
    aligned = Alignment("甲" + truth, truth)
    middle = len(truth) // 2
    seen = []
    old = Levenshtein.distance
    try:
        Levenshtein.distance = lambda a, b: seen.append(len(a)) or old(a, b)  # type: ignore[assignment,func-returns-value]
        assert aligned.added_distance(middle, middle + 1, "甲") == 1
    finally:
        Levenshtein.distance = old  # type: ignore[method-assign]
    assert seen == [2 * MARGIN + 1] * 2


# --- pages


TRUTH = "推动科研工作者围绕目标工作。\n第二段说的是别的事情。\n"
READ = "推动环研工作者围绕目\n标工作。\n第二段说的是别的事请。\n"


def test_page_figures() -> None:
    fixed = correction(2, "环", "科")
    joined = correction(10, "\n", "", "broken-join")
    comparison = Comparison(result(READ, fixed, joined), TRUTH)
    page = comparison.page().figures()
    assert (page["pages"], page["chars"]) == (1, 25)
    assert (page["cer_before"], page["cer_after"], page["cer_reduction"]) == (0.08, 0.04, 0.5)
    assert (page["fixed"], page["harmed"], page["fix_precision"]) == (1, 0, 1.0)
    assert (page["extra_before"], page["extra_after"]) == (2, 1)
    assert page["breaks_before"] == {"precision": 0.5, "recall": 1.0, "f1": 0.6667}
    assert page["breaks_after"] == {"precision": 1.0, "recall": 1.0, "f1": 1.0}
    rules = {rule: figures.figures(25) for rule, figures in comparison.rules().items()}
    nothing = {"nearer": 0, "equal": 0, "farther": 0, "unknown": 0, "fixed": 0, "harmed": 0, "cer_points": 0.0}
    assert rules["misread"] == {**nothing, "corrections": 1, "nearer": 1, "fixed": 1, "cer_points": 4.0}
    assert rules["broken-join"] == {**nothing, "corrections": 1, "nearer": 1}


@pytest.mark.parametrize(
    ("read", "truth", "change", "saved"),
    [
        ("甲乙丙", "甲丁丙", correction(1, "乙", "丁"), 1),
        ("甲乙丙", "甲丁丙", correction(1, "乙", "戊"), 0),
        ("甲乙丙", "甲乙丙", correction(1, "乙", "戊"), -1),
        ("甲乙丙", "甲丙", correction(1, "乙", ""), 1),
        ("甲丙", "甲乙丙", correction(1, "", "乙"), 1),
        ("甲乙", "甲乙", correction(2, "", "丙丁"), -2),
        ("甲 乙", "甲乙", correction(1, " ", "", "space"), 1),
        ("甲乙", "甲 乙", correction(1, "", " ", "space"), 1),
        ("甲 乙", "甲 乙", correction(1, " ", "", "space"), -1),
        ("甲\n乙", "甲\n乙", correction(1, "\n", "", "broken-join"), -1),
        ("甲\n\n乙", "甲\n乙", correction(1, "\n\n", "\n"), None),  # a break is a break
        ("甲。\n乙", "甲\n乙", correction(1, "。\n", "", "broken-join"), 1),  # characters come first
        # The mark before the break was lost: the break is still the paragraph's.
        ("甲甲\n乙乙", "甲甲。\n乙乙", correction(2, "\n", "", "broken-join"), -1),
        ("甲甲\n丙乙", "甲甲丁乙", correction(2, "\n", "", "broken-join"), 1),
        ("戊己\n庚辛", "甲甲丁乙", correction(2, "\n", "", "broken-join"), None),  # nothing near is matched
        ("１甲", "1甲", correction(0, "１", "1", "encoding"), None),
        ("\n甲", "甲", correction(0, "\n", "", "space"), None),
    ],
)
def test_what_a_correction_saves(read: str, truth: str, change: Correction, saved: int | None) -> None:
    assert [verdict for _, verdict in Comparison(result(read, change), truth).verdicts()] == [saved]
    # Proposed instead of applied it would save as much.
    proposed = Comparison(Result(read, read, (), (replace(change, level="review"),)), truth)
    assert [verdict for _, verdict in proposed.prospects()] == [saved]


def test_suggestions_on_repaired_text() -> None:
    """Their spans are the original's; what is judged is the repaired text with one of them carried out."""
    text, truth = "甲乙 丙丁戊己", "天乙丙地人己"
    applied = (correction(0, "甲", "天"), correction(2, " ", "", "space"), correction(7, "", "。", "unbalanced"))
    suggestions = (
        correction(3, "丙丁", "丙地"),  # right behind a deletion
        correction(2, " 丙丁", "丙地"),  # covers it
        correction(5, "戊", "辛"),
        correction(6, "己", "庚"),  # right before an insertion
        correction(6, "己", "庚。"),  # covers it
        correction(0, "甲乙", "天"),  # covers a replacement
        correction(4, "丁", "丁"),  # a flag
    )
    comparison = Comparison(result(text, *applied, suggestions=suggestions), truth)
    assert comparison.result.text == "天乙丙丁戊己。"
    assert [saved for _, saved in comparison.prospects()] == [1, 1, 0, -1, -1, -1]


@given(texts, st.randoms(use_true_random=False))
def test_figures_of_anything(text: str, rng: random.Random) -> None:
    """Any corrections of any text: nothing raises, and what the rules fixed and harmed adds up."""
    done = repair.clean(text, level=rng.choice(["safe", "review"]))
    words = list(text)
    for _ in range(3 if words else 0):
        words[rng.randrange(len(words))] = rng.choice(["", "\n", "甲", "。"])
    comparison = Comparison(done, "".join(words))
    page = comparison.page()
    rules = list(comparison.rules().values())
    assert sum(r.fixed for r in rules) == page.fixed
    assert sum(r.harmed for r in rules) == page.harmed
    assert sum(r.corrections for r in rules) == len(done.corrections)
    assert all(r.corrections == r.nearer + r.equal + r.farther + r.unknown for r in rules)
    if len(rules) == 1:
        assert rules[0].saved == page.distance_before - page.distance_after
    assert len(list(comparison.prospects())) == sum(c.before != c.after for c in done.suggestions)


def test_page_evaluation() -> None:
    evaluation = PageEvaluation()
    evaluation.add(result(READ, correction(2, "环", "科")), TRUTH, "tesseract", "heavy")
    evaluation.add(result(TRUTH), TRUTH, "rapidocr", "light")
    evaluation.add(result("一二三四五"), "一二六七八", "rapidocr", "light")
    figures = evaluation.figures()
    assert figures["left_out"] == {"order": 0, "error_rate": 1}
    assert list(figures["groups"]) == ["rapidocr/light", "tesseract/heavy"]
    assert (figures["all"]["pages"], figures["all"]["cer_before"], figures["all"]["cer_after"]) == (2, 0.04, 0.02)
    assert figures["groups"]["rapidocr/light"]["fix_precision"] is None
    assert figures["rules"]["misread"]["cer_points"] == 2.0
    assert figures["reliability"] == [{"from": 0.9, "to": 1.0, "count": 1, "stated": 0.99, "right": 1.0}]
    assert "reliability_by_rule" not in figures
    only = PageEvaluation(["severity"], calibration=True)
    only.add(result(READ, correction(2, "环", "科")), TRUTH, "tesseract", "heavy")
    assert list(only.figures()["groups"]) == ["heavy"]
    assert "rules" not in only.figures()
    assert list(only.figures()["reliability_by_rule"]) == ["misread"]


def test_empty_truth_and_no_pages() -> None:
    evaluation = PageEvaluation()
    assert evaluation.figures()["all"]["cer_before"] is None
    evaluation.add(result(""), "")
    assert evaluation.figures()["all"] | {"pages": 1} == evaluation.figures()["all"]
    evaluation.add(result("甲"), "")
    assert evaluation.figures()["left_out"]["error_rate"] == 1


def test_reliability() -> None:
    table = Reliability()
    for confidence, right in ((0.7, True), (0.71, False), (0.3, True), (1.0, True), (0.0, False), (0.9999, True)):
        table.add("a", confidence, right)
    table.add("b", 0.75, True)
    assert [(b["from"], b["count"], b["right"]) for b in table.table("a")] == [
        (0.0, 1, 0.0), (0.3, 1, 1.0), (0.7, 2, 0.5), (0.9, 2, 1.0),
    ]  # fmt: skip
    assert table.table()[2] == {"from": 0.7, "to": 0.8, "count": 3, "stated": 0.72, "right": 0.6667}
    assert table.rules == ["a", "b"]


# --- pairs and clean text


def test_pair_figures() -> None:
    hit = pair_figures("甲乙丙", "甲丁丙", "甲丁丙")
    assert (hit.strict.true_positives, hit.edits.true_positives, hit.located) == (1, 1, 1)
    other = pair_figures("甲乙丙", "甲丁丙", "甲戊丙")
    assert (other.strict.false_positives, other.strict.false_negatives, other.located) == (1, 1, 1)
    assert (other.edits.true_positives, other.edits.false_positives, other.edits.false_negatives) == (0, 1, 1)
    harm = pair_figures("甲乙", "甲乙", "甲")
    assert (harm.clean_changed, harm.with_errors, harm.strict.false_positives, harm.located) == (1, 0, 1, 0)
    total = (hit + other + harm).figures()
    assert total["clean_unchanged"] == 0.0
    assert total["edit"] == {"precision": 0.3333, "recall": 0.5, "f1": 0.4}
    assert total["detection_precision"] == 0.6667
    assert edits("甲乙", "甲乙丙") == {(2, 2, "", "丙")}


def test_pair_evaluation() -> None:
    evaluation = PairEvaluation(calibration=True)
    evaluation.add(result("甲乙丙", correction(1, "乙", "丁")), "甲丁丙", "tesseract", "light")
    evaluation.add(result("甲乙丙", correction(1, "乙", "丁", confidence=0.5)), "甲乙丙", "tesseract", "light")
    figures = evaluation.figures()
    assert list(figures["groups"]) == ["tesseract/light"]
    assert figures["all"]["sentence_strict"] == {"precision": 0.5, "recall": 1.0, "f1": 0.6667}
    assert (figures["rules"]["misread"]["nearer"], figures["rules"]["misread"]["farther"]) == (1, 1)
    assert [b["right"] for b in figures["reliability"]] == [0.0, 1.0]


def test_clean_evaluation() -> None:
    evaluation = CleanEvaluation()
    assert evaluation.figures()["unchanged"] is None
    evaluation.add(result("甲乙丙丁" * 5, correction(1, "乙", "戊"), correction(5, "乙", "", "space")))
    evaluation.add(result("甲乙", suggestions=(correction(1, "乙", "丁"),)))
    figures = evaluation.figures()
    assert (figures["documents"], figures["changed"], figures["unchanged"], figures["chars"]) == (2, 1, 0.5, 22)
    assert (figures["edits"], figures["edits_per_100k_chars"]) == (2, 9090.91)
    assert figures["rules"] == {"misread": {"applied": 1, "proposed": 1}, "space": {"applied": 1, "proposed": 0}}


# --- input


def test_read_pairs() -> None:
    two = [(1, "甲", "乙", None, None), (3, "丙 ", "", None, None)]
    assert read_pairs("1\t甲\t乙\r\n\n7\t丙 \t\tmore\n", "x") == two
    assert read_pairs("甲\t乙", "x") == [(1, "甲", "乙", None, None)]
    header = "id\tocr\ttruth\tengine\tlevel\tkind\n"
    assert read_pairs(header + "a\t甲\t乙\tt\theavy\n", "x") == [(2, "甲", "乙", "t", "heavy")]
    assert read_pairs("Target\tSource\n甲\t乙\tmore\n", "x") == [(2, "乙", "甲", None, None)]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("", "x.tsv: holds no pairs"),
        ("source\ttarget\n", "x.tsv: holds no pairs"),
        ("just text\n", "x.tsv:1: expected source<TAB>target or id<TAB>source<TAB>target, found 1 column"),
        ("甲\t乙\n1\t甲\t乙\n", "x.tsv:2: expected source<TAB>target or id<TAB>source<TAB>target, found 3 columns"),
        ("1\t甲\t乙\n\n2\t甲\n", "x.tsv:3: expected 3 columns with tabs, found 2 columns"),
        ("id\tocr\ttruth\tengine\n1\t甲\t乙\n", "x.tsv:2: expected 4 columns with tabs, found 3 columns"),
    ],
)
def test_bad_pairs(table: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        read_pairs(table, "x.tsv")
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"unit": 1,\n "level" 2}', "m.json:2:10: not JSON"),
        ("[]", "m.json: must hold a JSON object"),
        ('{"unit": "1"}', "m.json: 'unit' must be a whole number, not \"1\""),
        ('{"unit": true}', "m.json: 'unit' must be a whole number, not true"),
        ('{"engine": 7}', "m.json: 'engine' must be a string, not 7"),
        ('{"order_ok": "no"}', "m.json: 'order_ok' must be true or false"),
        ("[" * 100_000, "m.json: "),
    ],
)
def test_bad_page_info(content: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        read_page_info(content, "m.json")
    assert str(caught.value).startswith(message)


def test_page_info() -> None:
    assert read_page_info("{}", "m.json") == (None, None, None, True)
    meta = '{"engine": "e", "level": "heavy", "unit": 7, "order_ok": false, "more": [1]}'
    assert read_page_info(meta, "m.json") == ("e", "heavy", 7, False)


def test_spread() -> None:
    assert list(spread(range(10), 3)) == [0, 3, 6]
    assert list(spread(range(3), 10)) == list(spread(range(3), None)) == [0, 1, 2]


# --- as a command


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Here:
    return Here(tmp_path, monkeypatch)


def pages(here: Here) -> None:
    texts = {"a": (READ, TRUTH), "b": (TRUTH, TRUTH), "c": (READ, TRUTH), "d": ("一二三四五\n", TRUTH)}
    for unit, (name, (raw, truth)) in enumerate(texts.items()):
        here.write(f"pages/{name}/raw.txt", raw)
        here.write(f"pages/{name}/truth.txt", truth)
        meta = {"engine": "tesseract", "level": "heavy" if name == "a" else "light", "unit": unit}
        here.write(f"pages/{name}/meta.json", json.dumps(meta))
    here.write("pages/c/meta.json", '{"order_ok": false, "unit": 2}')
    here.write("pages/e/f/raw.txt", TRUTH.encode("gb18030"))
    here.write("pages/e/f/truth.txt", TRUTH.encode("utf-16"))


def test_eval_pages(here: Here) -> None:
    pages(here)
    ran = here("eval", "pages", "--json")
    assert (ran.status, ran.err) == (0, "")
    report = json.loads(ran.out)
    assert (report["profile"], report["level"]) == ("default", "safe")
    figures = report["pages"]
    assert figures["left_out"] == {"order": 1, "error_rate": 1, "part": 0}
    assert figures["all"]["pages"] == 3
    assert list(figures["groups"]) == ["tesseract/heavy", "tesseract/light"]
    assert figures["rules"]["broken-join"]["nearer"] == 1
    assert here("eval", "pages", "--json", "--workers", "2").out == ran.out
    part = json.loads(here("eval", "pages", "--json", "--part", "1/2").out)["pages"]
    assert (part["all"]["pages"], part["left_out"]) == (1, {"order": 0, "error_rate": 1, "part": 3})
    some = json.loads(here("eval", "pages", "--json", "--limit", "2", "--by", "engine").out)["pages"]
    assert (some["all"]["pages"], some["left_out"]["order"], list(some["groups"])) == (1, 1, ["tesseract"])
    assert "rules" not in some
    text = here("eval", "pages", "--calibration").out.decode()
    assert text.startswith("profile default, level safe\n\nleft out: 1 columns mixed up, 1 CER above 0.4\n")
    for part in ("tesseract/heavy", "broken-join", "confidence (all)", "confidence (misread)"):
        assert part in text


def test_eval_pairs_and_clean(here: Here) -> None:
    bad, good = "加大投人力度，提供政策支持 and 体制保障。", "加大投入力度，提供政策支持和体制保障。"
    here.write("p.tsv", f"1\t{bad}\t{good}\n2\t{good}\t{good}\n")
    report = json.loads(here("eval", "p.tsv", "--json").out)["pairs"]
    assert (report["all"]["sentences"], report["all"]["with_errors"]) == (2, 1)
    assert report["all"]["clean_unchanged"] == 1.0
    assert report["rules"]["stray-word"]["nearer"] == 1
    assert here("eval", "-", "--json", given=(here.folder / "p.tsv").read_bytes()).out
    pages(here)
    both = here("eval", "pages", "p.tsv", "--by", "").out.decode()
    assert "breaks F1" in both
    assert "clean unchanged" in both
    here.write("clean.txt", f"{bad}\n\n{good}\n")
    whole = json.loads(here("eval", "--clean", "clean.txt", "--json").out)["clean"]
    assert (whole["documents"], whole["changed"]) == (1, 1)
    lines = json.loads(here("eval", "--clean", "clean.txt", "--lines", "--json").out)["clean"]
    assert (lines["documents"], lines["changed"]) == (2, 1)
    assert lines["rules"]["stray-word"]["applied"] == 1
    assert "edits per 100,000 chars" in here("eval", "--clean", "clean.txt").out.decode()


# --- beside the scoring script


@pytest.fixture(scope="module")
def score() -> ModuleType:
    spec = importlib.util.spec_from_file_location("score", SCORE)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@needs_shared
@given(text=texts)
def test_texts_as_the_script_reads_them(score: ModuleType, text: str) -> None:
    text = text.replace("\r\n", "\n").replace("\r", "\n")  # as reading a file does
    chars, gaps, *_ = solid(text)
    assert score.squeeze(text) == (chars, {k for k, gap in enumerate(gaps) if gap == 2 and k})


@needs_shared
@pytest.mark.parametrize("level", ["safe", "review"])
def test_pages_as_the_script_scores_them(score: ModuleType, level: str, here: Here) -> None:
    folder = SHARED / "ocr" / "pages"
    options = Namespace(
        path=str(folder), level=level, limit=20, baseline=False, engine=None, severity=None, witness=False
    )
    theirs = score.score_pages(options)
    del theirs["all"]["chars_per_second"]
    ours = json.loads(here("eval", folder, "--level", level, "--limit", "20", "--json").out)["pages"]
    assert ours["all"] == theirs.pop("all")
    assert ours["groups"].keys() == theirs.keys()
    for name, figures in ours["groups"].items():
        if figures["fix_precision"] is None:  # nothing fixed and nothing harmed
            figures["fix_precision"] = 0.0
        assert figures == theirs[name]


@needs_shared
def test_pairs_and_clean_text_as_the_script_scores_them(score: ModuleType, here: Here) -> None:
    rows = (SHARED / "pairs" / "faspell_ocr_train.tsv").read_text(encoding="utf-8").splitlines()[::20]
    table = here.write("pairs.tsv", "\n".join(rows) + "\n")
    theirs = score.score_pairs(Namespace(path=str(table), level="review", limit=None, baseline=False))
    del theirs["chars_per_second"]
    assert json.loads(here("eval", table, "--level", "review", "--json").out)["pairs"]["all"] == theirs
    lines = (SHARED / "pairs" / "clean_news.txt").read_text(encoding="utf-8").splitlines()[::30]
    text = here.write("clean.txt", "\n".join(lines) + "\n")
    theirs = score.score_clean(Namespace(path=str(text), more=[], level="review", baseline=False))
    ours = json.loads(here("eval", "--clean", "--lines", text, "--level", "review", "--json").out)["clean"]
    names = {"paragraphs": "documents", **{k: k for k in ("changed", "unchanged", "edits", "chars")}}
    names["edits_per_100k_chars"] = "edits_per_100k_chars"
    assert {name: theirs[name] for name in names} == {name: ours[own] for name, own in names.items()}
