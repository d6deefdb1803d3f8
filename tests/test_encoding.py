"""What cases cannot say about code points."""

from __future__ import annotations

import pytest

from repair.filters import get
from repair.pipeline import Pipeline


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    return Pipeline([get("encoding")])


SENTENCE = "我们要坚持以经济建设为中心，不断提高人民生活水平。"


@pytest.mark.parametrize("wrong", ["latin-1", "gb18030"])
def test_utf8_read_as_something_else(pipeline: Pipeline, wrong: str) -> None:
    raw = SENTENCE.encode("utf-8")
    raw = raw if wrong == "latin-1" else raw[: len(raw) // 6 * 6]  # whole pairs of characters
    assert pipeline(raw.decode(wrong)).text == raw.decode("utf-8")


def test_gbk_read_as_latin1(pipeline: Pipeline) -> None:
    assert pipeline("中国经济".encode("gbk").decode("latin-1")).text == "中国经济"


@pytest.mark.parametrize(
    "code", [0xFA0E, 0xFA0F, 0xFA11, 0xFA13, 0xFA14, 0xFA1F, 0xFA21, 0xFA23, 0xFA24, 0xFA27, 0xFA28, 0xFA29]
)
def test_the_twelve_unified_ideographs_stay(pipeline: Pipeline, code: int) -> None:
    text = f"他姓{chr(code)}，是山东人。"
    assert pipeline(text, level="review").text == text


def test_ideographic_variation_sequences_stay(pipeline: Pipeline) -> None:
    text = "葛\U000e0100城市和葛\ufe00飾区"
    assert pipeline(text, level="review").text == text


def test_every_whole_kangxi_radical(pipeline: Pipeline) -> None:
    for code in range(0x2F00, 0x2FD6):
        after = pipeline(f"他说{chr(code)}了。").text
        assert chr(code) not in after and len(after) == 5


def test_line_ends_and_pages_stay(pipeline: Pipeline) -> None:
    text = "\ufeff一\r\n二\r三\f四\t五\n"
    assert pipeline(text, level="review").text == text
