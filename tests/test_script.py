"""The script tables, and what cases cannot say about the filter."""

from __future__ import annotations

import time

import pytest

from repair.filters import get
from repair.language.script import BOTH, KEPT, SIMPLIFIED, TRADITIONAL, Script
from repair.pipeline import Pipeline


@pytest.fixture(scope="module")
def script() -> Script:
    return Script()


@pytest.mark.parametrize("character", "經濟們這來國學")
def test_traditional_only(script: Script, character: str) -> None:
    assert script.kind(character) == TRADITIONAL


@pytest.mark.parametrize("character", "经济们这国学从")
def test_simplified_only(script: Script, character: str) -> None:
    assert script.kind(character) == SIMPLIFIED


@pytest.mark.parametrize("character", [*"人大中后里干台乾著a。", *sorted(KEPT)])
def test_both(script: Script, character: str) -> None:
    assert script.kind(character) == BOTH


def test_conversion_keeps_length_and_follows_phrases(script: Script) -> None:
    assert script.to_simplified("頭髮和發展") == "头发和发展"
    assert script.to_traditional("头发和发展") == "頭髮和發展"
    assert script.to_traditional("皇后后来") == "皇后後來"


def test_loads_quickly() -> None:
    start = time.process_time()
    Script().kind("国")
    assert time.process_time() - start < 0.5  # about 0.05 s; the margin is for slow machines


def test_offsets_in_a_longer_text() -> None:
    text = "各地认真贯彻落实中央的决策部署。\n全市經济运行总体平稳，主要指标好于预期。\n"
    (correction,) = Pipeline([get("script")])(text).corrections
    assert text[correction.start : correction.end] == correction.before == "經"
    assert correction.after == "经"


def test_half_and_half_is_left_alone() -> None:
    text = "我们说这个问题很复杂。我們說這個問題很複雜。"
    result = Pipeline([get("script")])(text, level="review")
    assert result.text == text


def test_lone_surrogates_do_not_matter() -> None:
    text = "全市經济运行\ud800总体平稳，主要指标好于预期。"
    assert Pipeline([get("script")])(text, level="review").text.count("\ud800") == 1
