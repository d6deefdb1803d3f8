"""How ``repair check`` prints what it found: text, JSON lines, SARIF 2.1.0, GitHub annotations.

A reporter takes ``(name, result)`` pairs and yields chunks of text.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from urllib.parse import quote

from . import __version__
from .diff import visible
from .text import Correction, Result, line_column, line_starts

Documents = Iterable[tuple[str, Result]]


def _findings(result: Result) -> Iterator[tuple[Correction, int, int]]:
    starts = line_starts(result.original)
    for c in sorted([*result.corrections, *result.suggestions], key=lambda c: (c.start, c.end)):
        yield c, *line_column(starts, c.start)


def _message(c: Correction) -> str:
    if c.before == c.after:
        others = " / ".join(visible(text) or "∅" for text, _ in c.alternatives[:4] if text != c.before)
        return f"{visible(c.before)}" + (f" ({c.reason})" if c.reason else "") + (f" perhaps {others}" if others else "")
    return f"{visible(c.before) or '∅'} → {visible(c.after) or '∅'}" + (f" ({c.reason})" if c.reason else "")


def text(documents: Documents) -> Iterator[str]:
    """``path:line:column: level rule confidence: before → after (reason)``"""
    for name, result in documents:
        for c, line, column in _findings(result):
            yield f"{visible(name)}:{line}:{column}: {c.level} {c.rule} {c.confidence:.2f}: {_message(c)}\n"


def jsonl(documents: Documents) -> Iterator[str]:
    """One JSON object a finding."""
    for name, result in documents:
        for c, line, column in _findings(result):
            record = {
                "path": name,
                "line": line,
                "column": column,
                "start": c.start,
                "end": c.end,
                "before": c.before,
                "after": c.after,
                "rule": c.rule,
                "confidence": c.confidence,
                "level": c.level,
                "reason": c.reason,
                "alternatives": [list(a) for a in c.alternatives],
            }
            yield _json(record) + "\n"


def github(documents: Documents) -> Iterator[str]:
    """Workflow commands that GitHub shows as annotations."""
    kinds = {"safe": "error", "review": "warning", "note": "notice"}
    for name, result in documents:
        for c, line, column in _findings(result):
            where = f"file={_escape(name, True)},line={line},col={column},title={_escape('repair: ' + c.rule, True)}"
            yield f"::{kinds[c.level]} {where}::{_escape(_message(c), False)}\n"


def _escape(value: str, is_property: bool) -> str:
    value = value.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    return value.replace(":", "%3A").replace(",", "%2C") if is_property else value


def sarif(documents: Documents) -> Iterator[str]:
    """One SARIF 2.1.0 log with a fix for every replacement; columns count code points."""
    from .filters import all_rules

    levels = {"safe": "error", "review": "warning", "note": "note"}
    results: list[dict[str, Any]] = []
    for name, result in documents:
        uri = quote(name.encode("utf-8", "surrogateescape"))
        starts = line_starts(result.original)
        for c, line, column in _findings(result):
            end_line, end_column = line_column(starts, c.end)
            region = {
                "startLine": line,
                "startColumn": column,
                "endLine": end_line,
                "endColumn": end_column,
                "charOffset": c.start,
                "charLength": c.end - c.start,
            }
            entry: dict[str, Any] = {
                "ruleId": c.rule,
                "level": levels[c.level],
                "message": {"text": _message(c)},
                "locations": [{"physicalLocation": {"artifactLocation": {"uri": uri}, "region": region}}],
                "properties": {"confidence": c.confidence},
            }
            if c.before != c.after:
                replacement = {"deletedRegion": region, "insertedContent": {"text": c.after}}
                change = {"artifactLocation": {"uri": uri}, "replacements": [replacement]}
                entry["fixes"] = [{"artifactChanges": [change]}]
            results.append(entry)
    rules = [
        {"id": rule, "shortDescription": {"text": spec.summary}} for rule, (_, spec) in all_rules().items()
    ]
    log = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": {"name": "repair", "version": __version__, "rules": rules}},
                "columnKind": "unicodeCodePoints",
                "results": results,
            }
        ],
    }
    yield _json(log, indent=1) + "\n"


def _json(value: object, indent: int | None = None) -> str:
    # Lone surrogates cannot be written as UTF-8; JSON has an escape for them.
    out = json.dumps(value, ensure_ascii=False, indent=indent)
    return "".join(f"\\u{ord(ch):04x}" if "\ud800" <= ch <= "\udfff" else ch for ch in out)


REPORTERS: dict[str, Callable[[Documents], Iterator[str]]] = {
    "text": text,
    "jsonl": jsonl,
    "sarif": sarif,
    "github": github,
}
