"""The promises of the engine, on any string (see docs/design.md)."""

from __future__ import annotations

import pickle
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from strategies import PIECES, texts

import repair
from repair.pipeline import Pipeline

LEVELS = ["safe", "review"]


@pytest.fixture(scope="session")
def everything() -> Pipeline:
    return Pipeline.from_profile("typography")


@pytest.mark.parametrize("level", LEVELS)
@given(text=texts)
@example(text="".join(PIECES))
def test_what_is_logged_rebuilds_both(level: str, text: str) -> None:
    result = repair.clean(text, level=level)
    assert result.original == text
    assert repair.apply(text, result.corrections) == result.text
    assert repair.revert(result.text, result.corrections) == text


@pytest.mark.parametrize("level", LEVELS)
@given(text=texts)
@example(text="".join(PIECES))
def test_spans_refer_to_the_original(level: str, text: str) -> None:
    result = repair.clean(text, level=level)
    done = 0
    for c in result.corrections:
        assert text[c.start : c.end] == c.before != c.after
        assert c.start >= done
        assert 0 <= c.confidence <= 1
        assert c.level == "safe" or level == "review"
        done = c.end
    for c in result.suggestions:
        assert text[c.start : c.end] == c.before
        assert level == "safe" or c.level == "note"


@pytest.mark.parametrize("level", LEVELS)
@given(text=texts)
@example(text="".join(PIECES))
def test_cleaning_twice_changes_nothing_more(level: str, text: str) -> None:
    once = repair.clean(text, level=level)
    assert repair.clean(once.text, level=level).corrections == ()


@given(text=texts)
def test_typography_keeps_the_promises(everything: Pipeline, text: str) -> None:
    result = everything(text, level="review")
    assert repair.revert(result.text, result.corrections) == text
    assert everything(result.text, level="review").corrections == ()


KEPT = [
    "https://example.org/a,b;c?d=1",
    "www.example.org/新闻"[:15],
    "me.and.you@example.org",
    "`x = 1 and y`",
    "$a_1 and b$",
    "\\textbf{甲 乙}",
    '<a href="x and y">',
    "&nbsp;",
    "Johnson and Johnson",
    "The Lord of the Rings",
    "R&D and design",
]


@pytest.mark.parametrize("level", LEVELS)
@given(
    kept=st.sampled_from(KEPT),
    left=st.text(st.sampled_from("中国人民的，。"), max_size=6),
    right=st.text(st.sampled_from("中国人民的，。"), max_size=6),
)
def test_protected_spans_survive(level: str, kept: str, left: str, right: str) -> None:
    assert kept in repair.clean(f"{left} {kept} {right}", level=level).text


@pytest.mark.parametrize("level", LEVELS)
@given(body=texts)
def test_code_blocks_and_front_matter_survive(level: str, body: str) -> None:
    inner = re.sub("[`~\r\f]", "", body)
    block = f"```\n{inner}\n```\n"
    assert block in repair.clean(f"前面的话。\n\n{block}\n后面的话。\n", level=level).text
    meta = f"---\ntitle: {inner}\n---\n".replace("\n---\n---", "\n---")
    if "\n---" not in inner and "---" not in inner:
        assert repair.clean(meta + "\n正文在此。\n", level=level).text.startswith(meta)


def test_pipeline_pickles(everything: Pipeline) -> None:
    copy = pickle.loads(pickle.dumps(everything))
    text = "提供了政策支持 and 体制保障。"
    assert copy(text) == everything(text)


def test_result_is_deterministic() -> None:
    text = "".join(PIECES)
    assert repair.clean(text) == repair.clean(text)


@pytest.mark.parametrize("bad", [None, b"bytes", 3])
def test_only_text_is_cleaned(bad: object) -> None:
    with pytest.raises(TypeError):
        repair.clean(bad)  # type: ignore[arg-type]


def test_unknown_level_and_profile() -> None:
    with pytest.raises(ValueError, match="level"):
        repair.clean("文", level="note")
    with pytest.raises(ValueError, match="profile"):
        repair.clean("文", profile="no-such")
