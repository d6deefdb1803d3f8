"""Lines set in columns: what joins them, what keeps them apart, and what the boxes of a layout add."""

from __future__ import annotations

import time

import numpy as np

import repair
from repair.document import Document
from repair.filters import columns, get
from repair.layout import Box, Layout, Page, PageLine
from repair.pipeline import Pipeline

WELL = (
    "入夏以来，河湾村的几口老井先后见了底。村民每天清早要到三里外的泵站排队接水，一来一回就是大半天。"
    "乡里派人看过两回，说是上游新建了养殖场，地下水位降得厉害。养殖场的老板答应出钱打一口深井，条件是村里不再追究此事。"
)
TALK = (
    "老支书说，井可以自己打，账却不能这样算。今天让一口井，明天就得让一条河。"
    "他把自家盖房的木料卖了，又挨户登记愿意出工的人，半个月凑齐了两万多元。"
)
WATER = (
    "八月初八动土，九月底出水。新井深一百二十米，水质经县里化验合格。放水那天没有放鞭炮，"
    "老支书只让人在井台上刻了一行小字：此井为全村公有。"
)
REFLOW = Pipeline([get("page_edge"), get("broken_join")])


def wrapped(paragraphs: list[str], width: int, indent: int = 2) -> list[tuple[str, int]]:
    """Lines and by how much each is indented (the indents are not written down)."""
    lines = []
    for paragraph in paragraphs:
        cut = width - indent
        pieces = [paragraph[:cut], *(paragraph[i : i + width] for i in range(cut, len(paragraph), width))]
        for number, piece in enumerate(pieces):
            while number and piece and piece[0] in "，。、：":
                lines[-1] = (lines[-1][0] + piece[0], lines[-1][1])
                piece = piece[1:]
            if piece:
                lines.append((piece, 0 if number else indent))
    return lines


def laid_out(lines: list[tuple[str, int]], size: float = 20.0, tops: list[float] | None = None) -> tuple[str, Layout]:
    """A page with a box for each line; `tops`: where the lines stand, by default at equal distances."""
    text, found = "", []
    for number, (line, indent) in enumerate(lines):
        top = tops[number] if tops else 30.0 * number
        left = 100 + size * indent
        found.append(
            PageLine(len(text), len(text) + len(line), 0, -1, Box(left, top, left + size * len(line), top + size))
        )
        text += line + "\n"
    n = len(text)
    return text, Layout(tuple(found), (Page(),), np.full(n, np.nan, np.float32), np.full(n, -1, np.int32))


def test_paragraphs_come_back() -> None:
    for width in (16, 25, 31):
        lines = wrapped([WELL, TALK, WATER, WELL[:48]], width)
        result = repair.clean("\n".join(line for line, _ in lines))
        assert result.text.split("\n") == [WELL, TALK, WATER, WELL[:48]], width
        assert repair.clean(result.text).text == result.text
        assert all(c.rule == "broken-join" and c.before == "\n" and not c.after for c in result.corrections)


def test_nothing_of_a_text_with_a_paragraph_a_line_is_looked_at() -> None:
    text = "\n".join([WELL, TALK, WATER] * 5)
    assert columns.setting(Document(text)) is None
    assert not REFLOW(text).corrections


def test_boxes_show_an_indent_that_the_lengths_do_not() -> None:
    # The first paragraph ends with a full line and a full stop; only where the next line starts tells.
    first = WELL[:47] + "了。"
    page = [(first[i : i + 20], 0) for i in range(0, len(first), 20)]
    full = "乡里派人看过两回，说是上游新建了养殖场。"
    assert len(full) == 20
    page = [*wrapped([WELL, TALK], 20), *page[:2], (full, 0)]
    for indent, apart in ((2, True), (0, False)):
        body = wrapped([WATER], 20, indent)
        text, layout = laid_out([*page, *body])
        cleaned = REFLOW(text, layout=layout).text
        assert (full + "\n" + WATER[:10] in cleaned) is apart, indent


def test_a_line_set_off_at_the_top_is_a_head() -> None:
    body = wrapped([WELL, TALK, WATER], 24)[1:]
    lines = [("河湾村纪事", 0), *body]
    near = [30.0 * n for n in range(len(lines))]
    off = [0.0, *(12 + 30.0 * n for n in range(1, len(lines)))]
    p = []
    for tops in (near, off):
        text, layout = laid_out(lines, tops=tops)
        result = REFLOW(text, level="review", layout=layout)
        p.append(max((c.confidence for c in result.corrections if "河湾村纪事" in c.before), default=0.0))
    assert p[0] == 0.0 < 0.5 < p[1]


def test_a_layout_without_boxes_changes_nothing() -> None:
    text, layout = laid_out(wrapped([WELL, TALK, WATER], 20))
    bare = Layout(tuple(line._replace(box=None) for line in layout.lines), layout.pages, layout.confidence, layout.word)
    assert REFLOW(text, layout=bare).text == REFLOW(text).text


def test_page_numbers_that_count_on() -> None:
    lines = [line for line, _ in wrapped([WELL, TALK, WATER, WELL, TALK, WATER] * 4, 24)]
    pages = ["\n".join(lines[i : i + 12]) for i in range(0, 60, 12)]
    numbers = ["112", "·113·", "天114 三", "175", "116"]
    text = "\f".join(f"{page}\n\n{number}\n" for page, number in zip(pages, numbers, strict=True))
    cleaned = repair.clean(text).text
    assert not any(number in cleaned for number in ("112", "113", "114", "175", "116"))
    assert "".join(cleaned.split()) == "".join("".join(pages).split())


def test_time_grows_with_the_text() -> None:
    lines = [line for line, _ in wrapped([WELL, TALK, WATER], 24)]
    page = "\n".join(lines)

    def seconds(pages: int) -> float:
        text = "\n\f".join(f"{page}\n\n{number}" for number in range(100, 100 + pages))
        began = time.process_time()
        REFLOW(text)
        return time.process_time() - began

    seconds(5)
    small, large = seconds(50), seconds(300)
    assert large < 12 * small + 0.5
