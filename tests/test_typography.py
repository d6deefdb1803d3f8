"""House style: the cases of ``fixtures/cases_typography.tsv``, its settings, and that it is off by default."""

from __future__ import annotations

import pytest
from cases import FIXTURES, unescape

from repair.filters import get
from repair.pipeline import Pipeline
from repair.profiles import BUILT_IN


def rows() -> list[object]:
    lines = (FIXTURES / "cases_typography.tsv").read_text(encoding="utf-8").split("\n")
    cells = [line.split("\t") for line in lines if line.strip() and not line.startswith("# ")][1:]
    return [pytest.param(c[1], unescape(c[2]), unescape(c[3]), id=c[0]) for c in cells]


ALONE = Pipeline([get("typography")])


@pytest.mark.parametrize(("expect", "before", "after"), rows())
def test_case(expect: str, before: str, after: str) -> None:
    result = ALONE(before)
    assert result.text == (after if expect == "safe" else before)
    assert ALONE(result.text).corrections == ()
    assert expect == "safe" or not result.suggestions


def test_off_by_default() -> None:
    assert "typography" not in BUILT_IN["default"]
    assert "typography" in BUILT_IN["typography"]


@pytest.mark.parametrize(
    ("settings", "after"),
    [
        ({"brackets": False}, '他(小王)说："好，好……"'),
        ({"colons": False}, '他（小王）说:"好，好……"'),
        ({"punctuation": False}, '他（小王）说："好,好..."'),
        ({"quotes": True}, "他（小王）说：“好，好……”"),
    ],
)
def test_settings(settings: dict[str, bool], after: str) -> None:
    assert Pipeline([get("typography").configured(**settings)])('他(小王)说:"好,好..."').text == after
