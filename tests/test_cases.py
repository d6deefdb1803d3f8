"""Every case of ``fixtures/cases`` and every document of ``fixtures/must_not_change``.

``safe``: the default pipeline repairs it. ``review``: the rule proposes exactly that, nothing is applied by
default. ``likely``: it comes out so at level review; the default may be as sure or not. ``note``: the rule flags
it, nothing changes. ``none``: nothing changes and the rule is silent.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from cases import FIXTURES, Case, all_cases, known_failures

import repair
from repair.filters import all_rules
from repair.pipeline import Pipeline
from repair.text import Level

KNOWN = known_failures()


def params() -> list[object]:
    out = []
    for case in all_cases():
        marks = [pytest.mark.xfail(strict=True)] if (case.rule, case.id) in KNOWN else []
        out.append(pytest.param(case, id=f"{case.rule}-{case.id}", marks=marks))
    return out


@pytest.fixture(scope="session")
def alone() -> dict[str, Pipeline]:
    """rule -> pipeline of the filter that holds it"""
    return {name: Pipeline([filter_]) for name, (filter_, _) in all_rules().items()}


@pytest.mark.parametrize("case", params())
def test_case(case: Case, alone: dict[str, Pipeline]) -> None:
    result = repair.clean(case.before, witnesses=case.witnesses)
    assert repair.revert(result.text, result.corrections) == case.before
    mine = [c for c in (*result.corrections, *result.suggestions) if c.rule == case.rule]
    if case.expect == "safe":
        assert result.text == case.after
    elif case.expect == "review":
        assert result.text == case.before
        assert alone[case.rule](case.before, level="review", witnesses=case.witnesses).text == case.after
        assert any(c.level == "review" for c in mine)
    elif case.expect == "likely":
        assert repair.clean(case.before, level="review", witnesses=case.witnesses).text == case.after
    elif case.expect == "note":
        assert result.text == case.before
        assert any(c.level == "note" for c in mine)
    else:
        assert case.expect == "none"
        assert result.text == case.before
        assert not mine


def documents() -> list[object]:
    out = []
    for path in sorted((FIXTURES / "must_not_change").glob("*.txt")):
        for level in ("safe", "review"):
            name = f"{level}-{path.stem}"
            marks = [pytest.mark.xfail(strict=True)] if ("must_not_change", name) in KNOWN else []
            out.append(pytest.param(path, level, id=name, marks=marks))
    return out


@pytest.mark.parametrize(("path", "level"), documents())
def test_document_stays(path: Path, level: Level) -> None:
    text = path.read_bytes().decode("utf-8")
    result = repair.clean(text, level=level)
    assert [(c.before, c.after, c.rule) for c in result.corrections] == []
    assert result.text == text
