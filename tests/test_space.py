"""What cases cannot say about blanks."""

from __future__ import annotations

import pytest

from repair.document import Document
from repair.filters import get, space
from repair.pipeline import Pipeline


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    return Pipeline([get("space")])


def test_gaps_are_found_between_chinese_only() -> None:
    text = "使用 Python 编写 的程序 ，占 20 MB。\n　　缩进 "
    gaps, doubled = space.find(Document(text))
    assert [(text[g.start - 1], text[g.end]) for g in gaps] == [("写", "的"), ("序", "，")]
    assert not doubled


def test_weights_match_features() -> None:
    assert len(space.WEIGHTS) == len(space.FEATURES)
    document = Document("广大科 研 工 作 者要面向国家需求，勇攀科技高峰。")
    gaps = list(space.candidates(document, space.find(document)[0]))
    assert space.features(document, gaps).shape == (4, len(space.FEATURES))


def test_a_lost_comma_is_not_papered_over(pipeline: Pipeline) -> None:
    text = "各地要大胆突破老框框 勇于接受新事物 不断学习新知识，努力掌握新技能，取得更大的成绩。"
    assert pipeline(text).text == text


def test_doubled_blanks_between_latin_words(pipeline: Pipeline) -> None:
    text = "The quick brown fox  jumps over the lazy dog and runs away."
    assert pipeline(text).text == text.replace("  ", " ")


@pytest.mark.parametrize(
    "text",
    [
        "Name    Size    Date\nfoo     12      May\n",
        "print  x\n",
        "第一行末尾有两个空格  \n第二行，是正文。\n",
        "| 项 目 | 说 明 |\n|---|---|\n| 一 二 | 三 四 |\n",
        "```\n科 研 工 作 者，注意\n```\n",
    ],
)
def test_layout_stays(pipeline: Pipeline, text: str) -> None:
    assert pipeline(text, level="review").text == text
