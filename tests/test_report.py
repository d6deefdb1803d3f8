"""The HTML report: what is in it, that nothing in a log can run, that it stays small, and that a browser shows it."""

from __future__ import annotations

import json
import os
import re
import time
from collections import Counter
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path

import pytest
from test_cli import Here

import repair
from repair.formats.plain import decode
from repair.log import LogHeader, ResourceVersion, document_record, save_log
from repair.review import plots
from repair.review.batch import Batch, Board
from repair.review.reasons import in_chinese
from repair.review.report import _RULES, _WORDS, CLIP, MOST, Language, language_of, report
from repair.review.store import Store
from repair.text import Alternatives, Correction, Level, Result, apply

PAGE = (
    "提供了政策支持 and 体制保障。\n\n明确主导产业发展目\n\n标，鼓励\n\n甲\n\n乙\n\n丙\n\n丁\n据《日报》报道 ，很好。\n"
)
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(2)>',
    "javascript:alert(3)",
    "'; </style></title></details></svg>",
    "\x00\x1b[31m\u202e\u2066\ud800\udfff\ufeff\u2028&amp;",
)
CHROMIUM = "/usr/bin/chromium"


def made(folder: Path, results: Sequence[tuple[str, Result]], *, texts: bool = True, label: str = "default") -> Path:
    """A log of these results in a folder, with their texts."""
    records = []
    for name, result in results:
        raw = result.original.encode("utf-8", "surrogateescape")
        done = result.text.encode("utf-8", "surrogatepass")
        if texts:
            (folder / name).write_bytes(raw)
        records.append((document_record(name, decode(raw, encoding="utf-8", name=name), raw, done, name), result))
    header = LogHeader("0.1.0", label, "safe", (ResourceVersion("zh.ngram", "1", "ab" * 8),))
    save_log(folder / "log.jsonl", records, header)
    return folder / "log.jsonl"


def correction(
    text: str, start: int, before: str, after: str, level: Level = "safe", rule: str = "misread", reason: str = "why"
) -> Correction:
    assert text[start : start + len(before)] == before
    others: Alternatives = ((after, 0.9), (before, 0.06), ("卯", 0.04))
    return Correction(start, start + len(before), before, after, rule, 0.9, level, reason, others)


def result(text: str, done: Sequence[Correction], proposed: Sequence[Correction] = ()) -> Result:
    return Result(text, apply(text, done), tuple(done), tuple(proposed))


def many(count: int, gap: int = 20, line: int = 30) -> Result:
    filler = ("的一是不了在人有我他这中大来上个国" * (count * gap // 17 + 1))[: count * gap]
    text = "\n".join(filler[k : k + line] for k in range(0, len(filler), line)) + "\n"
    places = [at + (text[at] == "\n") for at in range(3, len(text) - 2, len(text) // count)][:count]
    return result(text, [correction(text, at, text[at], "乙") for at in places])


def html(batch: Batch, board: Board | None = None, language: Language = "en") -> str:
    page = "".join(report(batch, board, language=language))
    page.encode("utf-8")
    Checked(page)
    return page


class Checked(HTMLParser):
    """Parses a page: elements balance, ids are there once, links lead to them, and nothing can run or load."""

    VOID = frozenset({"meta", "br", "input"})
    KNOWN = frozenset(
        re.findall(
            r"\w+",
            "html head meta title style body header main h1 h2 h3 p a b i u br del ins sup small code span div "
            "section dl dt dd svg table thead tbody tr th td details summary figure figcaption label input s rect line "
            "circle text",
        )
    )

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: Counter[str] = Counter()
        self.targets: set[str] = set()
        self.tags: Counter[str] = Counter()
        self.feed(page)
        self.close()
        assert not self.open
        assert max(self.ids.values()) == 1
        assert self.targets <= self.ids.keys()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in self.KNOWN
        self.tags[tag] += 1
        if tag not in self.VOID:
            self.open.append(tag)
        for name, value in attrs:
            assert not name.startswith("on") and name not in ("style", "src", "action", "srcset")
            if name == "href":
                assert value and value.startswith("#")
                self.targets.add(value[1:])
            if name == "id":
                self.ids[str(value)] += 1

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def marks(page: str) -> int:
    return len(re.findall(r'<a class="m [^"]*" id="t', page))


def test_own_text(tmp_path: Path) -> None:
    found = repair.clean(PAGE)
    batch = Batch([str(made(tmp_path, [("page.md", found)]))])
    page = html(batch)
    assert marks(page) == len(batch.items) == page.count('<tr id="c1-')
    assert "default-src &#x27;none&#x27;" in page or "default-src 'none'" in page
    assert "<del>␣and␣</del>" in page and "<ins>和</ins>" in page
    assert "<del>⏎<br>⏎<br></del>" in page
    assert "lines without changes" in page
    assert "zh.ngram" in page and "abababab" in page
    assert "<script" not in page and "http" not in page.replace("http://www.w3.org/2000/svg", "").replace(
        "http-equiv", ""
    )
    chinese = html(batch, language="zh")
    assert 'lang="zh-CN"' in chinese and "误" in chinese and "行无改动" in chinese
    assert html(batch) == page  # same input, same bytes


def test_only_what_differs_is_marked(tmp_path: Path) -> None:
    text = "一二三四五六七\n"
    c = correction(text, 1, "二三四五", "二叁四 五")
    page = html(Batch([str(made(tmp_path, [("a.txt", result(text, [c]))]))]))
    assert re.search(r"一<a [^>]*>二<del>三</del>四五</a>六七</p>", page)
    assert re.search(r"一<a [^>]*>二<ins>叁</ins>四<ins>␣</ins>五<sup>1</sup></a>六七</p>", page)


def test_whole_lines(tmp_path: Path) -> None:
    """A line that goes leaves the one after it in a row of its own; one that is joined does not."""
    text = "甲\n书眉\n乙\n丙\n"
    cs = [
        correction(text, 2, "书眉\n", "", rule="running-head"),
        correction(text, text.index("\n丙"), "\n", "", rule="broken-join"),
    ]
    page = html(Batch([str(made(tmp_path, [("a.txt", result(text, cs))]))]))
    rows = re.findall(r'<div class="r(?: same)?"><span>(\d+)</span><p>(.*?)</p><p>(.*?)</p></div>', page)
    plain = [(n, re.sub("<[^>]*>", "", left), re.sub("<[^>]*>", "", right)) for n, left, right in rows]
    assert plain == [("1", "甲", "甲"), ("2", "书眉⏎", "‸1"), ("3", "乙⏎丙", "乙‸2丙")]


def test_hostile_log(tmp_path: Path) -> None:
    """Names, texts, rules, reasons and reviewers that would be markup, links or codes that turn the text around."""
    readings = [re.sub("[\ud800-\udfff]", "", bad) for bad in HOSTILE]
    text = "".join(f"{bad}\n甲\n" for bad in readings) + "好" * 500 + "\udcff\n"
    done, proposed = [], []
    for bad, reading in zip(HOSTILE, readings, strict=True):
        at = text.index(reading)
        done.append(correction(text, at, reading, bad[::-1], rule=bad, reason=bad))
        proposed.append(correction(text, text.index("甲", at), "甲", bad, "review", bad, bad))
    log = made(tmp_path, [("a.txt", result(text, done, proposed))], label=HOSTILE[0])
    for name in HOSTILE:
        lines = log.read_text("utf-8").replace('"a.txt"', json.dumps(name))
        (tmp_path / "bad.jsonl").write_text(lines, "utf-8")
        batch = Batch([str(tmp_path / "bad.jsonl")])
        with Store(tmp_path / f"{len(name)}.sqlite") as store:
            board = Board(batch, store)
            board.decide(batch.items[1:2], HOSTILE[1] + "!", HOSTILE[0])
            board.decide(batch.items[3:4], HOSTILE[4], readings[4])
            board.decide(batch.items[3:4], "丁", HOSTILE[1])
            for language in ("en", "zh"):
                page = html(batch, board, language)
                assert marks(page) == len(batch.items)
                assert not re.search("[\ud800-\udfff\x00\x1b\u202e\u2066\u2028\ufeff]", page)
                for bad in HOSTILE[:2]:
                    assert bad not in page


def test_log_that_lies_about_the_text(tmp_path: Path) -> None:
    text = "甲乙丙丁\n"
    good = correction(text, 1, "乙", "巳")
    log = made(tmp_path, [("a.txt", result(text, [good]))])
    lines = log.read_text("utf-8").splitlines(keepends=True)
    bad = [
        lines[2].replace('"乙"', '"戊"'),
        *(lines[2].replace('"start":1,"end":2', f'"start":{k},"end":{k + 1}') for k in (90,)),
    ]
    far = lines[2].replace('"start":1,"end":2', '"start":99,"end":99').replace('"before":"乙"', '"before":""')
    lines[1] = lines[1].replace('"corrections":1', '"corrections":4')
    log.write_text("".join([*lines, *bad, far]), "utf-8")
    page = html(Batch([str(log)]))
    assert marks(page) == 1 and page.count("does not fit the text") == 3


def test_texts_not_found(tmp_path: Path) -> None:
    found = repair.clean(PAGE)
    batch = Batch([str(made(tmp_path, [("a.md", found)], texts=False))])
    missing: list[object] = []
    page = "".join(report(batch, language="en", missing=missing))  # type: ignore[arg-type]
    Checked(page)
    assert missing == list(batch.documents)
    assert marks(page) == 0 and page.count('<tr id="c1-') == len(batch.items)
    assert "text of this document was not found" in page


def test_nothing_found(tmp_path: Path) -> None:
    page = html(Batch([str(made(tmp_path, [("a.txt", result("", [])), ("b.txt", result("好。\n", []))]))]))
    assert "Documents without corrections: 2." in page and "<svg" not in page


def test_decisions(tmp_path: Path) -> None:
    text = "甲乙丙丁戊己\n"
    proposed = [correction(text, k, ch, "卯", "review") for k, ch in enumerate("甲乙丙丁戊")]
    batch = Batch([str(made(tmp_path, [("a.txt", result(text, [], proposed))]))])
    with Store(tmp_path / "decisions.sqlite") as store:
        board = Board(batch, store)
        board.decide(batch.items[0:1], None, "安")
        board.reject(batch.items[1:2], "安")
        board.decide(batch.items[2:3], "壬", "白")
        store.add([])
        board.decide(batch.items[3:4], None, "安")
        board.decide(batch.items[3:4], "癸", "白")
        page = html(batch, board)
    assert "4 decided by people: 1 accepted, 1 changed, 1 rejected, 1 in conflict." in page
    assert "安 (3), 白 (2)" in page
    right = re.findall(r'<div class="r"><span>1</span><p>.*?</p><p>(.*?)</p></div>', page)[0]
    assert re.sub("<[^>]*>", "", right) == "卯1乙2壬3丁卯?4戊卯?5己"
    assert "chose 癸" in page
    assert "Confidence stated and share accepted" in page and "33%" in page
    assert html(batch).count("decided by people") == 0


def test_size_is_linear(tmp_path: Path) -> None:
    sizes, seconds = [], []
    for count in (2500, 10_000):
        folder = tmp_path / str(count)
        folder.mkdir()
        batch = Batch([str(made(folder, [("a.txt", many(count))]))])
        start = time.perf_counter()
        page = "".join(report(batch, language="zh"))
        seconds.append(time.perf_counter() - start)
        sizes.append(len(page.encode()))
        assert marks(page) == count
    assert sizes[1] < 4.2 * sizes[0] and sizes[1] < 10_000_000
    assert seconds[1] < 10 * seconds[0] + 1


def test_size_does_not_grow_with_the_text(tmp_path: Path) -> None:
    """Neither long paragraphs, nor long texts, nor long corrections make it large."""
    text = ("好" * 200_000 + "\n") * 3 + "好\n" * 100_000 + "坏" * 100_000 + "\n"
    cs = [correction(text, 100_000, "好", "女"), correction(text, len(text) - 100_001, "坏" * 100_000, "还" * 90_000)]
    page = html(Batch([str(made(tmp_path, [("a.txt", result(text, cs))]))]))
    assert len(page) < 40_000
    assert marks(page) == 2 and max(map(len, re.findall("[坏还]+", page))) <= CLIP
    assert "100,002 lines without changes" in page


def test_more_than_can_be_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("repair.review.report.MOST", 30)
    batch = Batch([str(made(tmp_path, [("a.txt", many(20)), ("b.txt", many(25, 21)), ("c.txt", many(5, 22))]))])
    page = html(batch)
    assert marks(page) == 30 and "15 more are not listed" in page and "5 more are not listed" in page
    assert page.count("lines without changes") == 0
    assert MOST >= 10_000


def test_words() -> None:
    for key, (zh, en) in _WORDS.items():
        assert sorted(re.findall(r"\{(\w+)\}", zh)) == sorted(re.findall(r"\{(\w+)\}", en)), key
    from repair.filters import all_rules

    assert all_rules().keys() <= _RULES.keys()
    assert language_of({"LANG": "zh_CN.UTF-8"}) == "zh" and language_of({"LANG": "C"}) == language_of({}) == "en"
    assert language_of({"LC_ALL": "zh_TW", "LANG": "de_DE"}) == "zh"


def test_reasons() -> None:
    assert in_chinese("line break inside a sentence") == "句中断行"
    assert (
        in_chinese("刷 does not fit here, 剧 does (log10 likelihood +6.3)")
        == "“刷”不合上下文，“剧”合适（似然比 log10 +6.3）"
    )
    assert in_chinese("“ has no ”: the label ends here") == "“ 缺少对应的 ”：标签到此为止"
    assert in_chinese("a dash; not applied: gbk has no code for it") == "破折号；未自动修改：gbk 编码无此字"
    assert in_chinese("nothing stands behind · (log10 likelihood +7.8)") == "“·”似非文字（似然比 log10 +7.8）"
    assert in_chinese("space: a blank inside Chinese text; misread: new") == "space：中文之间的空格；misread：new"
    for unknown in ("{0}", "", "x" * 10_000, "a; not applied: "):
        assert in_chinese(unknown).startswith(unknown[:1])
    own = {c.reason for text in (PAGE, PAGE * 3) for c in repair.clean(text, level="review").corrections}
    assert own and all(in_chinese(reason) != reason for reason in own)


def test_plots() -> None:
    low, high = plots.wilson(8, 10)
    assert low == pytest.approx(0.4902, abs=1e-4) and high == pytest.approx(0.9433, abs=1e-4)
    assert plots.wilson(0, 0) == (0.0, 1.0)
    assert plots.binned([(0.15, 0), (1.0, 1), (0.0, 0)], 2)[3] == (1, 0)
    assert plots.points([(0.91, True), (0.93, False), (1.0, True)]) == [
        plots.Point(pytest.approx(0.92 + 0.08 / 3), 2, 3)
    ]
    bad = HOSTILE[1] * 5
    for svg in (
        plots.bars([plots.Bar(bad, (3, 0, 1), bad), plots.Bar("空", (0, 0, 0))], (bad, "b", "c"), title=bad),
        plots.histogram([(0, 0), (3, 1)], ("a", bad), title=bad, x=bad),
        plots.reliability([plots.Point(0.9, 1, 2)], title=bad, x=bad, y=bad),
        plots.bars([], ("a",), title=""),
    ):
        assert "style" not in svg and "<img" not in svg
        from xml.etree import ElementTree

        ElementTree.fromstring(svg)


def test_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = Here(tmp_path, monkeypatch)
    (tmp_path / "texts").mkdir()
    log = made(tmp_path, [("a.md", repair.clean(PAGE))])
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    monkeypatch.delenv("LC_ALL", raising=False)
    monkeypatch.delenv("LC_MESSAGES", raising=False)
    assert here("report", "log.jsonl", "-o", "r.html") == (0, b"", "")
    assert 'lang="zh-CN"' in Path("r.html").read_text("utf-8")
    same = Path("r.html").read_bytes()
    assert here("report", "log.jsonl", "-o", "-") == (0, same, "")
    os.rename("a.md", "texts/b.md")
    ran = here("report", "log.jsonl", "-o", "r.html", "--language", "en")
    assert ran.status == 0 and "1 texts were not found" in ran.err
    assert here("report", "log.jsonl", "-o", "r.html", "--texts", "texts") == (0, b"", "")
    assert Path("r.html").read_bytes() == same
    here.refused("report", "log.jsonl", "-o", "texts/b.md", "--texts", "texts")
    here.refused("report", "log.jsonl", "-o", "log.jsonl")
    here.refused("report", "log.jsonl", "-o", "no/r.html")
    here.refused("report", "log.jsonl", "-o", "r.html", "--texts", "r.html")
    here.refused("report", "none.jsonl", "-o", "r.html")
    here.refused("report", "log.jsonl", "r.html", "-o", "s.html")
    here.refused("report", "log.jsonl", "-o", "r.html", "--decisions", "none.sqlite")
    here.refused("report", "log.jsonl", "-o", "r.html", "--decisions", "r.html")
    batch = Batch([str(log)])
    with Store("decisions.sqlite") as store:
        Board(batch, store).reject(batch.items[:1], "安")
    assert here("report", "log.jsonl", "-o", "r.html").status == 0
    assert "安 (1)" in Path("r.html").read_text("utf-8")
    here.refused("report", "log.jsonl", "-o", "decisions.sqlite")


@pytest.mark.skipif(not os.path.exists(CHROMIUM), reason="no chromium")
def test_in_a_browser(tmp_path: Path) -> None:
    sync_api = pytest.importorskip("playwright.sync_api")
    text = "".join(f"甲{bad}\n" for bad in HOSTILE[:4])
    hostile = result(text, [correction(text, 0, "甲", HOSTILE[1], reason=HOSTILE[0])])
    batch = Batch([str(made(tmp_path, [("a.md", repair.clean(PAGE)), ("b.txt", many(300)), ("c.txt", hostile)]))])
    page_file = tmp_path / "r.html"
    page_file.write_text(html(batch, language="zh"), "utf-8")
    with sync_api.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        try:
            page = browser.new_page()
            said: list[str] = []
            page.on("console", lambda message: said.append(message.text))
            page.on("pageerror", lambda error: said.append(str(error)))
            page.on("dialog", lambda dialog: said.append(dialog.message))
            page.on("request", lambda request: said.append(request.url) if request.url != page_file.as_uri() else None)
            page.goto(page_file.as_uri())
            assert page.locator("a.m[id]").count() == len(batch.items)
            assert page.locator("img, script, iframe").count() == 0
            page.locator("a.m[id]").first.click()
            assert page.url.endswith("#c1-1") and page.locator("#c1-1").is_visible()
            page.locator("#c1-1 a").click()
            assert page.url.endswith("#t1-1")
            page.locator("#all").check()
            assert page.locator("#c3-1").is_visible()
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
            assert said == []
        finally:
            browser.close()
