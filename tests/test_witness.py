"""The promises of the engine with other readings of the text at hand, and what the alignment promises."""

from __future__ import annotations

import pickle
import time

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from strategies import HAN, PIECES, texts

import repair
from repair.align import align, solid
from repair.document import Document

LEVELS = ["safe", "review"]
PAGE = (
    "为了推动科研工作者围绕国家需要开展研究，学校制定了新的办法。\n"
    "办法从今年三月起施行，各学院应当在月底以前上报名单，\n"
    "并说明经费的来源和使用情况。教师们对此表示欢迎，认为\n"
    "这有利于青年人才的成长，也有利于学科之间的交流与合作。\n"
)


@st.composite
def readings(draw: st.DrawFn) -> tuple[str, str]:
    """A text and another reading of it: some stretches dropped, doubled, misread or broken otherwise."""
    text = draw(st.one_of(texts, st.just(PAGE), st.text(st.sampled_from(HAN[:80] + "，。、“”1a \n"), max_size=80)))
    other = list(text)
    for _ in range(draw(st.integers(0, 5))):
        start = draw(st.integers(0, len(other)))
        end = min(len(other), start + draw(st.integers(0, 12)))
        other[start:end] = draw(
            st.sampled_from(["", "，", "\n", " ", "人", "”", "".join(other[start:end]) * 2, "一二三四五六七八九", "-"])
        )
    return text, "".join(other)


@pytest.mark.parametrize("level", LEVELS)
@given(pair=readings())
@example(pair=(PAGE, PAGE.replace("科研", "环研").replace("月底", "月民")))
@example(pair=(PAGE.replace("科研", "环研"), "\n\n".join(PAGE)))
@example(pair=("".join(PIECES), "".join(reversed(PIECES))))
def test_the_promises_hold_with_a_witness(level: str, pair: tuple[str, str]) -> None:
    text, witness = pair
    result = repair.clean(text, level=level, witnesses=[witness])
    assert repair.apply(text, result.corrections) == result.text
    assert repair.revert(result.text, result.corrections) == text
    assert all(text[c.start : c.end] == c.before for c in (*result.corrections, *result.suggestions))
    assert repair.clean(result.text, level=level, witnesses=[witness]).corrections == ()


@given(pair=readings(), third=texts)
def test_the_promises_hold_with_several_witnesses(pair: tuple[str, str], third: str) -> None:
    text, witness = pair
    for witnesses in ([witness, third], [witness, text], [witness, witness, third]):
        result = repair.clean(text, level="review", witnesses=witnesses)
        assert repair.revert(result.text, result.corrections) == text
        assert repair.clean(result.text, level="review", witnesses=witnesses).corrections == ()


def of_witnesses(result: repair.Result) -> list[repair.Correction]:
    return [c for c in (*result.corrections, *result.suggestions) if "witness" in c.rule + c.reason]


@pytest.mark.parametrize("level", LEVELS)
@given(text=texts)
@example(text=PAGE)
def test_a_witness_that_equals_the_text_changes_nothing(level: str, text: str) -> None:
    if repair.clean(text, level=level).corrections:
        return  # repaired by itself, the text is no longer what the witness has
    assert not of_witnesses(repair.clean(text, level=level, witnesses=[text]))
    # Line breaks and blanks of a witness count for nothing.
    spaced = "\n".join(text.split())
    if [c for c in text if not c.isspace()] == [c for c in spaced if not c.isspace()]:
        assert not of_witnesses(repair.clean(text, level=level, witnesses=[spaced]))


UNRELATED = "昨夜大风，城外的树倒了许多。早晨出门，街上满是落叶与断枝，行人都绕着走，只有孩子觉得有趣。\n" * 3


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize(
    "witness", ["", " \n", "？？？", "的" * 500, UNRELATED, "Lorem ipsum dolor " * 30, "\ud800\0\ufffd"]
)
def test_garbage_and_other_pages_change_nothing(level: str, witness: str) -> None:
    alone = repair.clean(PAGE, level=level)
    result = repair.clean(PAGE, level=level, witnesses=[witness])
    assert result == alone


def test_the_rest_of_a_page_is_repaired_beside_a_missing_half() -> None:
    text = PAGE.replace("科研", "环研").replace("学科之间", "学科之同")
    half = "".join(PAGE.splitlines(keepends=True)[:2])
    result = repair.clean(text, witnesses=[half])
    assert "科研工作者" in result.text
    assert result.text.replace("\n", "").endswith("交流与合作。")


def test_a_line_that_the_engine_missed_is_put_in() -> None:
    lines = PAGE.splitlines(keepends=True)
    result = repair.clean("".join(lines[:1] + lines[2:]), witnesses=[PAGE], level="review")
    assert "".join(result.text.split()) == "".join(PAGE.split())


def test_a_line_that_only_the_text_has_is_kept() -> None:
    lines = PAGE.splitlines(keepends=True)
    result = repair.clean(PAGE, witnesses=["".join(lines[:1] + lines[2:])], level="review")
    assert "".join(result.text.split()) == "".join(PAGE.split())


def test_two_witnesses_outvote_the_text() -> None:
    text = PAGE.replace("欢迎", "歡叩")
    assert "表示欢迎" in repair.clean(text, witnesses=[PAGE, PAGE.replace("青年", "青牛")]).text


def test_protected_spans_stay() -> None:
    text = PAGE + "见 https://example.org/a1 与 `x = l` 。\n"
    witness = PAGE + "见 https://example.org/al 与 `x = 1` 。\n"
    assert repair.clean(text, level="review", witnesses=[witness]).text.endswith(text[len(PAGE) :])


def test_a_pipeline_pickles_with_its_results() -> None:
    pipeline = pickle.loads(pickle.dumps(repair.Pipeline.from_profile("default")))
    text = PAGE.replace("科研", "环研")
    assert pipeline(text, witnesses=[PAGE]) == repair.clean(text, witnesses=[PAGE])


def test_alternatives_have_the_text_as_read() -> None:
    result = repair.clean(PAGE.replace("名单", "名兽"), witnesses=[PAGE])
    (c,) = [c for c in result.corrections if c.rule == "witness"]
    assert (c.before, c.after) == ("兽", "单")
    assert {text for text, _ in c.alternatives} >= {"兽", "单"}
    assert sum(weight for _, weight in c.alternatives) <= 1.001


# ---------------------------------------------------------------- alignment


@given(pair=readings())
@example(pair=(PAGE * 40, (PAGE * 40).replace("学", "字")))
@example(pair=("的" * 500, "的" * 501))
def test_partners_rise(pair: tuple[str, str]) -> None:
    one, other = solid(pair[0]).codes, solid(pair[1]).codes
    partner = align(one, other)
    assert len(partner) == len(one)
    paired = partner[partner >= 0]
    assert (np.diff(paired) > 0).all()
    assert not len(paired) or (paired[0] >= 0 and paired[-1] < len(other))


@given(text=texts)
def test_a_text_aligns_with_itself(text: str) -> None:
    codes = solid(text).codes
    assert align(codes, codes).tolist() == list(range(len(codes)))


def test_a_missing_line_stays_in_one_piece() -> None:
    lines = PAGE.splitlines(keepends=True)
    one, other = solid(PAGE).codes, solid("".join(lines[:1] + lines[2:])).codes
    alone = np.flatnonzero(align(one, other) < 0)
    assert len(alone) == len(lines[1]) - 1
    assert (np.diff(alone) == 1).all()


@pytest.mark.parametrize("damage", ["", "repeated", "unrelated"])
def test_alignment_is_linear(damage: str) -> None:
    rng = np.random.default_rng(1)
    text = rng.integers(0x4E00, 0x5E00, 200_000)
    other = text.copy()
    if damage == "repeated":
        text[:], other[:] = 0x4E00, 0x4E01
    elif damage == "unrelated":
        other = rng.integers(0x6E00, 0x7E00, 200_000)
    else:
        where = rng.integers(0, len(other), 10_000)
        other[where] = rng.integers(0x4E00, 0x5E00, len(where))
        other = np.delete(other, rng.integers(0, len(other), 4000))
    start = time.process_time()
    align(text, other)
    assert time.process_time() - start < 5


def test_documents_without_witnesses_have_no_agreement() -> None:
    from repair.filters.agreement import agreement

    assert agreement(Document(PAGE)) is None
