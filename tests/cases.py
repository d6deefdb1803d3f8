"""Reads the case files in ``fixtures/``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures"
_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})|\\U([0-9a-fA-F]{8})")


class Case(NamedTuple):
    rule: str
    id: str
    expect: str
    before: str
    after: str
    comment: str
    witnesses: tuple[str, ...] = ()


def unescape(cell: str) -> str:
    cell = _ESCAPE.sub(lambda m: chr(int(m.group(1) or m.group(2), 16)), cell)
    return cell.replace("⏎", "\n").replace("␌", "\f")


def read_cases(rule: str) -> list[Case]:
    rows = []
    lines = (FIXTURES / "cases" / f"{rule}.tsv").read_text(encoding="utf-8").split("\n")
    body = [line for line in lines if line.strip() and not line.startswith("# ")]
    names = body[0].split("\t")
    for line in body[1:]:
        row = dict(zip(names, [*line.split("\t"), *[""] * len(names)], strict=False))
        witnesses = tuple(unescape(text) for name in names if name.startswith("witness") if (text := row[name]))
        before, after = unescape(row["before"]), unescape(row["after"])
        rows.append(Case(rule, row["id"], row["expect"], before, after, row["comment"], witnesses))
    return rows


def all_cases() -> list[Case]:
    return [case for path in sorted((FIXTURES / "cases").glob("*.tsv")) for case in read_cases(path.stem)]


def known_failures() -> set[tuple[str, str]]:
    path = FIXTURES / "known_failures.tsv"
    if not path.exists():
        return set()
    lines = [
        line for line in path.read_text(encoding="utf-8").split("\n") if line.strip() and not line.startswith("# ")
    ]
    return {(cells[0], cells[1]) for cells in (line.split("\t") for line in lines[1:])}
