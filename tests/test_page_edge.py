"""Running heads and page numbers: pages that must keep their lines, and what becomes of those that do not.

The cases in ``fixtures/cases`` go through the whole pipeline, which joins the lines of hard-wrapped pages; here the
filter runs alone, so that what it leaves must equal the page line for line.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from cases import FIXTURES, unescape

import repair
from repair.document import Document
from repair.filters import get
from repair.filters.page_edge import sheets
from repair.pipeline import Pipeline
from repair.text import Level

ALONE = Pipeline([get("page_edge")])
LEVELS: list[Level] = ["safe", "review"]

# The second paragraph ends short; the other lines are full, as on a page of a book.
BODY = """\
的船工都知道，过了石门滩，水面忽然开阔起来，两岸
的山也退得很远。老周把橹收好，点上一袋烟，望着远处
的灯火出神。他在这条江上走了三十多年，哪里有暗礁，
哪里有漩涡，闭着眼睛也说得出来。
可是自从上游修了水库，江水一年比一年浅，大船
早已不来，连渡口的茶馆也关了门。镇上的年轻人大多进
了城，留下来的只有几户人家，靠种柑橘和养鱼过日子，
到了冬天才有人回来。
那天晚上他对我说，等到明年春天，他也要把船卖
掉，搬到儿子那里去住。我问他舍不舍得，他没有回答，
只是把烟灰轻轻磕在船帮上，火星落进水里，一下子就不
见了。第二天清早，雾还没有散，他照旧把船划到对岸，
接上几个赶集的妇女，又慢慢地划回来，好像什么话也没"""
CHAPTER = """\
过了石门滩，水面忽然开阔起来，两岸的山也退得
很远。老周把橹收好，点上一袋烟，望着远处的灯火出神
很久。他在这条江上走了三十多年，哪里有暗礁，哪里有
漩涡，闭着眼睛也说得出来。
可是自从上游修了水库，江水一年比一年浅，大船
早已不来，连渡口的茶馆也关了门。镇上的年轻人大多进
了城，留下来的只有几户人家，靠种柑橘和养鱼过日子，
到了冬天才有人回来。
那天晚上他对我说，等到明年春天，他也要把船卖
掉，搬到儿子那里去住。我问他舍不舍得，他没有回答，
只是把烟灰轻轻磕在船帮上，火星落进水里，一下子就不
见了。"""
COLUMN = """\
    云川镇首条公交线路昨天开通，
全长十二公里，设站九个。居民们一
早就等在站台上，不少老人专程来坐
头班车。
    这条线路的票价为两元，学生和
老人免费。运营单位表示，下半年还
将开通两条支线，镇政府为此修建了
三座停车场，沿线的村民都说，今后
赶集方便多了。"""


def test_the_pages_used_here_count_as_scans() -> None:
    for page in (BODY, CHAPTER, COLUMN):
        assert sheets(Document(page))


FURNITURE = [
    ("58    江畔旧事\n", ""),
    ("江畔旧事                                59\n\n", ""),
    ("江畔旧事\n", "\n·58·"),
    ("第三章　盐路的兴衰\n\n", "\n\n— 58 —"),
    ("", "\n\n                          58"),
    ("", "\n第 58 页"),
    ("", "\n58  江畔旧事"),
]


@pytest.mark.parametrize(("top", "foot"), FURNITURE)
@pytest.mark.parametrize("end", ["", "\n", "\n\n", "\f"])
def test_plain_furniture_goes_unasked(top: str, foot: str, end: str) -> None:
    text = top + BODY + foot + end
    result = ALONE(text)
    assert result.text == BODY + end
    assert {c.level for c in result.corrections} == {"safe"}
    assert repair.revert(result.text, result.corrections) == text


@pytest.mark.parametrize("newline", ["\r\n", "\r"])
def test_other_line_ends(newline: str) -> None:
    text = f"江畔旧事\n{BODY}\n·58·\n".replace("\n", newline)
    assert ALONE(text).text == f"{BODY}\n".replace("\n", newline)


def chapter() -> Iterator[str]:
    heads = ["江畔旧事", "_江畔旧亊", "”江胖旧事   人"]
    for number, head in enumerate(heads):
        yield f"{head}\n\n{BODY}\n\n{58 + number}\n"


def test_pages_of_one_text_vouch_for_each_other() -> None:
    result = ALONE("\f".join(chapter()))
    assert result.text == "\f".join([f"{BODY}\n"] * 3)


def test_a_number_misread_beside_its_sisters() -> None:
    text = "\f".join(f"{BODY}\n\n{foot}\n" for foot in ("58", "5g", "60"))
    assert ALONE(text, level="review").text == "\f".join([f"{BODY}\n"] * 3)


KEPT = {
    "nothing but text": BODY,
    "chapter title": f"第三章　盐路的兴衰\n\n{CHAPTER}",
    "title without a blank line": f"江畔旧事\n{CHAPTER}",
    "title in two lines": f"第三章\n盐路的兴衰\n{CHAPTER}",
    "section number": f"12\n{CHAPTER}",
    "headline and byline": f"小镇开通首条公交线路\n本报记者　李明\n{COLUMN}",
    "headline": f"小镇开通首条公交线路\n\n{COLUMN}",
    "headline that begins with a number": f"12 家企业今起招工\n{COLUMN}",
    "end of a paragraph at the foot": f"{BODY}\n有说过。",
    "end of a paragraph at the foot, full stop lost": f"{BODY}\n有说过",
    "end of a paragraph at the top": f"而走的人。\n{CHAPTER}",
    "section heading at the foot": f"{CHAPTER}\n二、渡口的茶馆",
    "footnote": f"{BODY}\n①参见《水乡风物志》，第12页。",
    "date": f"{CHAPTER}\n1987年3月于石门镇",
    "signature": f"{CHAPTER}\n云川镇渡口管理所\n三月二十日",
    "caption": f"{CHAPTER}\n图3　石门渡口",
    "figure at the foot": f"{BODY}\n有3000。",
}


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("name", KEPT)
def test_text_at_the_edges_stays(name: str, level: Level) -> None:
    assert ALONE(KEPT[name], level=level).text == KEPT[name]


@pytest.mark.parametrize("level", LEVELS)
def test_only_the_furniture_goes(level: Level) -> None:
    """Headings beside it are text, also when they have become the edge."""
    for text in (f"第四章　渡口\n{CHAPTER}", f"{CHAPTER}\n二、渡口的茶馆"):
        assert ALONE(f"58    江畔旧事\n\n{text}", level=level).text == text


NO_SCAN = {
    "paragraphs": "".join(f"{line}\n" for line in [BODY.replace("\n", "")] * 9),
    "Markdown": f"# 江畔旧事\n\n{BODY}",
    "code": f"```\n{BODY}\n```",
    "front matter": f"---\ntitle: 江畔旧事\n---\n{BODY}",
    "too few lines": "\n".join(BODY.split("\n")[:5]),
    "verse": "夜泊石门江月斜，芦花如雪浪如沙。\n渔灯数点归何处，风送歌声入我家。\n" * 4,
    "free verse": "村里的路弯弯曲曲通到江边的渡口\n江边有一只去年秋天留下来的小船\n" * 4,
    "list": "云川镇第一航运公司下属的修船厂\n石门镇第二航运公司下属的造船厂\n" * 4,
    "a whole book": f"{BODY}\n" * 12,
}


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("name", NO_SCAN)
def test_other_text_never_loses_a_line(name: str, level: Level) -> None:
    """Not even a page number: where nothing shows that the text was scanned, nothing is known about its edges."""
    text = f"{NO_SCAN[name]}\n·58·\n"
    assert ALONE(text, level=level).text == text
    assert not ALONE(text).suggestions


@pytest.mark.parametrize("path", sorted((FIXTURES / "must_not_change").glob("*.txt")), ids=lambda path: path.stem)
def test_whole_documents_stay(path: object) -> None:
    text = path.read_bytes().decode("utf-8")  # type: ignore[attr-defined]
    result = ALONE(text, level="review")
    assert (result.text, result.suggestions) == (text, ())


def test_looks_alone_are_never_enough_to_act_unasked() -> None:
    text = f"水乡风物志\n{BODY}\n人"
    assert ALONE(text).text == text
    assert [c.level for c in ALONE(text).suggestions] == ["review", "review"]
    assert ALONE(text, level="review").text == BODY


def test_what_was_proposed_stays_proposed_when_lines_are_joined() -> None:
    text = f"水乡风物志\n\n{BODY}\n\n。"
    found = repair.clean(text).suggestions
    assert [(c.rule, c.level) for c in found if c.rule in ("running-head", "page-number")][:1] == [
        ("running-head", "review")
    ]


def test_a_sentence_over_two_pages_is_joined() -> None:
    text = "\f".join([f"{BODY}\n\n·58·\n", f"有说过。我站在码头上看着他的背影。\n{CHAPTER}\n\n·59·\n"])
    assert "好像什么话也没有说过。" in repair.clean(text).text


def test_no_model_is_asked_about_clean_text(monkeypatch: pytest.MonkeyPatch) -> None:
    from repair.language.ngram import NgramModel

    def never(*_: object) -> None:
        raise AssertionError("the language model was asked")

    for name in ("score", "score_windows"):
        monkeypatch.setattr(NgramModel, name, never)
    for text in (*NO_SCAN.values(), unescape("第一段文字。⏎⏎第二段文字。␌58␌第三段文字。")):
        if sheets(Document(text)) == []:
            ALONE(text, level="review")
    assert sum(sheets(Document(text)) == [] for text in NO_SCAN.values()) >= 6


@pytest.mark.parametrize("head", ["52 地方志通讯", "江上旧事", "江上旧事 53"])
def test_a_head_is_taken_out_or_left_by_itself(head: str) -> None:
    result = repair.clean(f"{head}\n{BODY}\n")
    assert result.text.split("\n")[0] in (head, result.text.split("\n")[0].removeprefix(head))
    assert not result.text.startswith(head + "的船工")
    assert repair.clean(result.text).text == result.text


@pytest.mark.parametrize("foot", ["部                   277，", "2             .232             R"])
def test_a_number_among_specks_of_the_margin(foot: str) -> None:
    assert ALONE(f"{BODY}\n\n{foot}\n", level="review").text.strip() == BODY.strip()
