"""The promises of the engine, on any string (see docs/design.md)."""

from __future__ import annotations

import pickle
import re

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from strategies import PIECES, texts

import repair
from repair.document import Document
from repair.filters import NAMES, get
from repair.language.lexicon import Lexicon, LexiconError
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


@pytest.mark.parametrize("level", LEVELS)
@given(text=texts)
@example(text="".join(PIECES))
def test_without_notes_the_repairs_are_the_same(everything: Pipeline, level: str, text: str) -> None:
    with_notes, without = everything(text, level=level), everything(text, level=level, notes=False)
    assert (with_notes.text, with_notes.corrections) == (without.text, without.corrections)
    assert set(without.suggestions) <= set(with_notes.suggestions)


@pytest.mark.parametrize("level", LEVELS)
@given(many=st.lists(texts, max_size=6))
@example(many=[*PIECES, "".join(PIECES), ""])
def test_many_together_are_as_each_by_itself(everything: Pipeline, level: str, many: list[str]) -> None:
    assert list(everything.each(many, level=level)) == [everything(text, level=level) for text in many]


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


@pytest.mark.parametrize("level", LEVELS)
@given(text=texts)
@example(text="".join(PIECES))
@example(text="见 https://example.org/a ,b 和 `x  =1` 。The  end of the line，$a  b$ 科 研")
def test_no_correction_touches_what_is_protected(level: str, text: str) -> None:
    # Invisible and wrongly encoded characters can make Chinese look like English: those are repaired first.
    readable = Pipeline([get("encoding")])(text, level="review").text
    document = Document(readable)
    for c in repair.clean(readable, level=level).corrections:
        assert not document.hard.hits(c.start, c.end), c
        # A repair beside it may show that a function word stands between Chinese after all.
        assert "stray-word" in c.rule + c.reason or not document.protected.hits(c.start, c.end), c


@pytest.mark.parametrize("name", NAMES)
@given(text=texts)
@example(text="上\n\0")
@example(text="(以下简称")
def test_each_filter_alone_keeps_the_promises(name: str, text: str) -> None:
    pipeline = Pipeline([get(name)])
    result = pipeline(text, level="review")
    assert repair.revert(result.text, result.corrections) == text
    assert pipeline(result.text, level="review").corrections == ()


words = st.one_of(
    st.sampled_from(["中国", "中国人", "and", "的", "(", "[a", ".*", "\\", "，", " ", "a", "\ud800", ""]),
    st.text(st.sampled_from("中国人的aA(，。 1"), min_size=1, max_size=4),
)


@given(
    text=st.one_of(texts, st.text(st.sampled_from("中国人的aA(，。 1\n"), max_size=40)),
    trust=st.frozensets(words, max_size=2),
    never=st.frozensets(words, max_size=2),
    replace=st.dictionaries(words, words, max_size=3),
)
@example(text="这是中国", trust=frozenset(), never=frozenset(), replace={"中国": "我国", "中国人": "国人"})
@example(text="期)。", trust=frozenset(), never=frozenset({"("}), replace={})
@example(text="到太原开会", trust=frozenset(), never=frozenset(), replace={"太原": "太原 市"})
@example(text="三高”", trust=frozenset(), never=frozenset(), replace={"“": ""})
@example(text="李国华教授说，全省人民都很高兴。", trust=frozenset({"李國华"}), never=frozenset(), replace={})
@example(text="等爱主", trust=frozenset({"等爱国主"}), never=frozenset(), replace={"国": ""})
def test_any_lexicon_keeps_the_promises(
    text: str, trust: frozenset[str], never: frozenset[str], replace: dict[str, str]
) -> None:
    try:
        lexicon = Lexicon(trust, never, replace)
    except LexiconError:
        assume(False)
    pipeline = Pipeline.from_profile("typography", lexicon=lexicon)
    result = pipeline(text, level="review")
    assert repair.revert(result.text, result.corrections) == text
    assert pipeline(result.text, level="review").corrections == ()
    hard = Document(text, lexicon).hard
    assert not [c for c in result.corrections if c.rule == "lexicon" and hard.hits(c.start, c.end)]


def test_forced_replacements_have_the_last_word() -> None:
    """Other rules would take the blank out again, and the replacement put it in, for ever."""
    lexicon = Lexicon(replace={"太原": "太原 市"})
    assert repair.clean("代表团到太原开会。", lexicon=lexicon).text == "代表团到太原 市开会。"


@pytest.mark.parametrize("replace", [{"甲": "乙丙", "乙": "甲"}, {"甲": "乙甲丙", "乙": ""}])
def test_replacements_that_never_settle(replace: dict[str, str]) -> None:
    with pytest.raises(LexiconError, match="come to rest"):
        Lexicon(replace=replace)


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
