"""How ``repair check`` prints what it found: text, JSON lines, SARIF 2.1.0, GitHub annotations.

A reporter takes ``(name, result)`` pairs and yields chunks of text. `failures`, the names and messages of
documents that could not be read, is looked at when the pairs are through, so it may still grow until then.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote

from . import __version__
from .diff import visible
from .text import Correction, Result, line_column, line_starts

Documents = Iterable[tuple[str, Result]]
Failures = Iterable[tuple[str, str]]

_SURROGATE = re.compile("[\ud800-\udfff]")


def _findings(result: Result) -> Iterator[tuple[Correction, int, int]]:
    starts = line_starts(result.original)
    for c in sorted([*result.corrections, *result.suggestions], key=lambda c: (c.start, c.end)):
        yield c, *line_column(starts, c.start)


def _message(c: Correction) -> str:
    if c.before == c.after:
        others = " / ".join(visible(text) or "∅" for text, _ in c.alternatives[:4] if text != c.before)
        return visible(c.before) + _reason(c) + (f" perhaps {others}" if others else "")
    return f"{visible(c.before) or '∅'} → {visible(c.after) or '∅'}{_reason(c)}"


def _reason(c: Correction) -> str:
    return f" ({visible(c.reason)})" if c.reason else ""


def text(documents: Documents, failures: Failures = ()) -> Iterator[str]:
    """``path:line:column: level rule confidence: before → after (reason)``"""
    for name, result in documents:
        for c, line, column in _findings(result):
            yield f"{visible(name)}:{line}:{column}: {c.level} {c.rule} {c.confidence:.2f}: {_message(c)}\n"


def jsonl(documents: Documents, failures: Failures = ()) -> Iterator[str]:
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


def github(documents: Documents, failures: Failures = ()) -> Iterator[str]:
    """Workflow commands that GitHub shows as annotations."""
    kinds = {"safe": "error", "review": "warning", "note": "notice"}
    for name, result in documents:
        for c, line, column in _findings(result):
            path = _escape(name.removeprefix("./"), True)
            where = f"file={path},line={line},col={column},title={_escape('repair: ' + c.rule, True)}"
            yield f"::{kinds[c.level]} {where}::{_escape(_message(c), False)}\n"


def _escape(value: str, is_property: bool) -> str:
    value = value.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    return value.replace(":", "%3A").replace(",", "%2C") if is_property else value


def sarif(documents: Documents, failures: Failures = ()) -> Iterator[str]:
    """One SARIF 2.1.0 log with a fix for every replacement; columns count code points."""
    from .filters import all_rules

    known = all_rules(others=True)
    rules = [{"id": rule, "shortDescription": {"text": spec.summary}} for rule, (_, spec) in known.items()]
    numbers = {rule: number for number, rule in enumerate(known)}
    run = {
        "tool": {"driver": {"name": "repair", "version": __version__, "rules": rules}},
        "columnKind": "unicodeCodePoints",
        "newlineSequences": ["\r\n", "\n", "\r", "\f"],
    }
    # Written piece by piece, so that memory does not grow with the number of documents.
    yield '{"$schema":"https://json.schemastore.org/sarif-2.1.0.json","version":"2.1.0","runs":[\n'
    yield _json(run)[:-1] + ',\n"results":['
    comma = "\n"
    for name, result in documents:
        for finding in _sarif_results(name, result, numbers):
            yield comma + _json(finding)
            comma = ",\n"
    notes = [
        {
            "level": "error",
            "message": {"text": message},
            "locations": [{"physicalLocation": {"artifactLocation": {"uri": _uri(name)}}}],
        }
        for name, message in failures
    ]
    invocation = {"executionSuccessful": not notes, "toolExecutionNotifications": notes}
    yield f'\n],\n"invocations":[{_json(invocation)}]}}\n]}}\n'


def _sarif_results(name: str, result: Result, numbers: Mapping[str, int]) -> Iterator[dict[str, Any]]:
    levels = {"safe": "error", "review": "warning", "note": "note"}
    artifact = {"uri": _uri(name)}
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
        finding: dict[str, Any] = {"ruleId": c.rule}
        if c.rule in numbers:
            finding["ruleIndex"] = numbers[c.rule]
        finding |= {
            "level": levels[c.level],
            "message": {"text": _message(c)},
            "locations": [{"physicalLocation": {"artifactLocation": artifact, "region": region}}],
            "properties": {"confidence": c.confidence},
        }
        if c.before != c.after and c.level != "note":
            replacement = {"deletedRegion": region, "insertedContent": {"text": c.after}}
            finding["fixes"] = [{"artifactChanges": [{"artifactLocation": artifact, "replacements": [replacement]}]}]
        yield finding


def _uri(name: str) -> str:
    path = quote(os.fsencode(name.removeprefix("./")))
    return f"file://{path}" if name.startswith("/") else path


def _json(value: object) -> str:
    # Lone surrogates cannot be written as UTF-8; JSON has an escape for them.
    return _SURROGATE.sub(lambda m: f"\\u{ord(m.group()):04x}", json.dumps(value, ensure_ascii=False))


REPORTERS: dict[str, Callable[[Documents, Failures], Iterator[str]]] = {
    "text": text,
    "jsonl": jsonl,
    "sarif": sarif,
    "github": github,
}
