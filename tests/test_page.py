"""Whole pages: every row of their ``damage.tsv`` at its level, and nothing else changed."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest
from cases import FIXTURES, unescape

import repair
from repair.text import Result

SEED = FIXTURES.parent.parent / "shared" / "seed"


class Row(NamedTuple):
    kind: str
    damaged: str
    repaired: str
    level: str


def rows(folder: Path) -> list[Row]:
    lines = (folder / "damage.tsv").read_text(encoding="utf-8").rstrip("\n").split("\n")[1:]
    return [Row(*(unescape(cell) for cell in line.split("\t")[:4])) for line in lines]


PAGES = [
    pytest.param(FIXTURES / "page", id="fixture"),
    pytest.param(SEED, id="seed", marks=pytest.mark.skipif(not SEED.exists(), reason="development data not present")),
]


@pytest.fixture(scope="module")
def results() -> dict[Path, tuple[str, Result]]:
    return {}


def cleaned(folder: Path, cache: dict[Path, tuple[str, Result]]) -> tuple[str, Result]:
    if folder not in cache:
        text = (folder / "page.md").read_bytes().decode("utf-8")
        cache[folder] = (text, repair.clean(text))
    return cache[folder]


def wanted(folder: Path, text: str) -> tuple[str, list[Row]]:
    """The page with all safe rows repaired, and the rows that are known not to come out at their level yet."""
    path = folder / "known_failures.tsv"
    known = path.read_text(encoding="utf-8").split("\n")[1:] if path.exists() else []
    late = {unescape(line.split("\t")[0]) for line in known if line}
    missing = [row for row in rows(folder) if row.damaged in late]
    for row in rows(folder):
        if row.level == "safe" and row not in missing:
            assert text.count(row.damaged) == 1
            text = text.replace(row.damaged, row.repaired)
    return text, missing


@pytest.mark.parametrize("folder", PAGES)
def test_safe_rows_are_repaired_and_nothing_else(folder: Path, results: dict[Path, tuple[str, Result]]) -> None:
    text, result = cleaned(folder, results)
    expected, missing = wanted(folder, text)
    assert result.text == expected
    assert all(row.damaged in result.text for row in missing), "no longer a failure"
    assert repair.revert(result.text, result.corrections) == text


@pytest.mark.parametrize("folder", PAGES)
def test_other_rows_are_proposed_or_noted(folder: Path, results: dict[Path, tuple[str, Result]]) -> None:
    text, result = cleaned(folder, results)
    _, missing = wanted(folder, text)
    silent = []
    for row in rows(folder):
        if row.level == "safe" or row in missing:
            continue
        start = text.index(row.damaged)
        end = start + len(row.damaged)
        here = [c for c in result.suggestions if (c.start < end and c.end > start) or start <= c.start <= c.end <= end]
        here = [c for c in here if c.level == row.level and c.rule == row.kind]
        if row.level == "review":
            here = [c for c in here if repair.apply(text, [c]) == text.replace(row.damaged, row.repaired)]
        if not here:
            silent.append((row.kind, row.damaged))
    assert silent == []


def test_expected_files_of_the_fixture_page(results: dict[Path, tuple[str, Result]]) -> None:
    """The result and the report that lie beside the page; see fixtures/README.md for how they are made."""
    from repair.reporters import text as report

    page = FIXTURES / "page"
    _, result = cleaned(page, results)
    assert result.text == (page / "expected.md").read_bytes().decode("utf-8")
    assert "".join(report([("page.md", result)])) == (page / "expected_report.txt").read_text(encoding="utf-8")
