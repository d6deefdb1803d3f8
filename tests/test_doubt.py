"""The engine's own doubt about a place counts in what is found there."""

import numpy as np

import repair
from repair.layout import Layout, Page, PageLine

TEXT = "我们要坚持改革开放，不断推进政治体制改革和经济体制改革，建设社会主义法冶国家，维护社会稳定。"
PLACE = TEXT.index("冶")


def confident(where_wrong: float, elsewhere: float) -> float:
    confidence = np.full(len(TEXT), elsewhere, np.float32)
    confidence[PLACE] = where_wrong
    line = PageLine(0, len(TEXT), 0)
    layout = Layout((line,), (Page(),), confidence, np.zeros(len(TEXT), np.int32))
    result = repair.clean(TEXT, level="review", layout=layout)
    (found,) = [c for c in (*result.corrections, *result.suggestions) if c.start == PLACE]
    assert found.after == "治"
    return found.confidence


def test_what_the_engine_doubted_is_rather_wrong():
    assert confident(0.3, 0.95) > confident(0.99, 0.6)


def test_without_confidences_nothing_changes():
    layout = Layout((), (Page(),), np.full(len(TEXT), np.nan, np.float32), np.full(len(TEXT), -1, np.int32))
    assert repair.clean(TEXT, layout=layout) == repair.clean(TEXT)
