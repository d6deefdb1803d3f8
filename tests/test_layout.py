"""A layout is carried along when the text under it changes."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from repair.layout import Box, Layout, Page, PageLine
from repair.pipeline import _compose, _origin
from repair.text import Proposal


def layout_of(text: str) -> Layout:
    lines, start = [], 0
    for k, line in enumerate(text.split("\n")):
        lines.append(PageLine(start, start + len(line), 0, k, Box(0, 10 * k, 100, 10 * k + 8)))
        start += len(line) + 1
    confidence = np.arange(len(text), dtype=np.float32) / max(1, len(text))
    return Layout(tuple(lines), (Page(100, 100),), confidence, np.arange(len(text), dtype=np.int32))


def changed(text: str, *changes: tuple[int, int, str]) -> tuple[str, Layout]:
    proposals = [(Proposal(start, end, after, "x", 1.0), "safe") for start, end, after in changes]
    edits, current = _compose(text, [], text, proposals)
    return current, layout_of(text).carried(*_origin(text, edits, current))


def test_lines_follow_the_text():
    text, layout = changed("甲乙\n丙丁戊", (1, 3, "己"), (4, 5, ""))
    assert text == "甲己丙戊"
    assert [text[line.start : line.end] for line in layout.lines] == ["甲己", "丙戊"]
    assert layout.word.tolist() == [0, 1, 3, 5]


def test_of_a_changed_character_the_engine_has_said_nothing():
    _, layout = changed("甲乙丙", (1, 2, "丁"))
    assert np.isnan(layout.confidence).tolist() == [False, True, False]


def test_what_is_put_in_belongs_to_what_stands_before_it():
    text, layout = changed("甲乙", (1, 1, "，"))
    assert text == "甲，乙"
    assert layout.word.tolist() == [0, 0, 1]


@given(st.text("甲乙丙\n", max_size=12), st.data())
def test_lines_stay_in_order(text, data):
    n = len(text)
    cuts = sorted(data.draw(st.lists(st.integers(0, n), max_size=6)))
    changes = [
        (a, b, data.draw(st.text("丁\n", max_size=3)))
        for a, b in zip(cuts[::2], cuts[1::2], strict=False)
        if a < b
    ]
    current, layout = changed(text, *changes)
    assert layout.word.shape == (len(current),)
    edges = [edge for line in layout.lines for edge in (line.start, line.end)]
    assert edges == sorted(edges)
    assert all(0 <= edge <= len(current) for edge in edges)
