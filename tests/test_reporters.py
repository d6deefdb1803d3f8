"""What ``repair check`` prints."""

from __future__ import annotations

import json
import os
import re
from typing import Any

import pytest

from repair.reporters import REPORTERS
from repair.text import Correction, Result

TEXT = "甲\r\n𠀀乙 丙\f丁\n戊己"
RESULT = Result(
    TEXT,
    "甲\r\n𠀀乙丙\f丁己",
    (
        Correction(5, 6, " ", "", "space", 0.99, "safe", "a blank: 50%"),
        Correction(9, 11, "\n戊", "", "broken-join", 0.98, "safe"),
    ),
    (
        Correction(0, 1, "甲", "甲", "misread", 0.4, "note", "", (("甲", 0.5), ("申", 0.3), ("", 0.2))),
        Correction(12, 12, "", "」", "unbalanced", 0.7, "review", "no partner"),
        Correction(3, 4, "𠀀", "\ud800", "misread", 0.6, "review"),
    ),
)
PLACES = [(1, 1), (2, 1), (2, 3), (3, 2), (4, 3)]


def report(kind: str, *documents: tuple[str, Result], failures: list[tuple[str, str]] | None = None) -> str:
    return "".join(REPORTERS[kind](documents, failures or []))


def test_text() -> None:
    lines = report("text", ("a\n.txt", RESULT)).split("\n")
    assert lines.pop() == ""
    assert [tuple(map(int, re.match(r"a⏎\.txt:(\d+):(\d+): ", line).groups())) for line in lines] == PLACES  # type: ignore[union-attr]
    assert lines[0].endswith("note misread 0.40: 甲 perhaps 申 / ∅")
    assert lines[2].endswith("safe space 0.99:   → ∅ (a blank: 50%)")
    assert lines[4].endswith("review unbalanced 0.70: ∅ → 」 (no partner)")


def test_jsonl() -> None:
    out = report("jsonl", ("a.txt", RESULT))
    out.encode("utf-8")  # the lone surrogate is escaped
    rows = [json.loads(line) for line in out.splitlines()]
    assert [(row["line"], row["column"]) for row in rows] == PLACES
    for row in rows:
        assert TEXT[row["start"] : row["end"]] == row["before"]
    assert rows[1]["after"] == "\ud800"


def test_github() -> None:
    lines = report("github", ("./d,1:2.txt", RESULT)).splitlines()
    assert lines[0] == "::notice file=d%2C1%3A2.txt,line=1,col=1,title=repair%3A misread::甲 perhaps 申 / ∅"
    assert lines[2].endswith("::  → ∅ (a blank: 50%25)")
    assert all(re.fullmatch(r"::(error|warning|notice) file=[^:]*::.*", line) for line in lines)
    assert len(lines) == len(PLACES)


def check_region(region: dict[str, Any]) -> None:
    assert region["startLine"] >= 1 and region["startColumn"] >= 1 and region["endColumn"] >= 1
    assert (region["endLine"], region["endColumn"]) >= (region["startLine"], region["startColumn"])
    assert region["charOffset"] >= 0 and region["charLength"] >= 0


def check_sarif(log: dict[str, Any]) -> list[dict[str, Any]]:
    """What the SARIF 2.1.0 schema asks of the parts that we write; returns the results."""
    assert log.keys() == {"$schema", "version", "runs"} and log["version"] == "2.1.0"
    (run,) = log["runs"]
    assert run.keys() == {"tool", "columnKind", "newlineSequences", "results", "invocations"}
    assert run["columnKind"] == "unicodeCodePoints"
    assert len(set(run["newlineSequences"])) == len(run["newlineSequences"]) > 0
    driver = run["tool"]["driver"]
    assert driver["name"] == "repair" and driver["version"]
    ids = [rule["id"] for rule in driver["rules"]]
    assert len(set(ids)) == len(ids)
    assert all(rule["shortDescription"]["text"] for rule in driver["rules"])
    (invocation,) = run["invocations"]
    assert type(invocation["executionSuccessful"]) is bool
    for note in invocation["toolExecutionNotifications"]:
        assert note["message"]["text"] and note["level"] in ("none", "note", "warning", "error")
    for result in run["results"]:
        assert result["message"]["text"] and result["level"] in ("none", "note", "warning", "error")
        assert ids[result["ruleIndex"]] == result["ruleId"]
        for location in result["locations"]:
            place = location["physicalLocation"]
            assert re.fullmatch(r"[!-~]+", place["artifactLocation"]["uri"])
            check_region(place["region"])
        for fix in result.get("fixes", ()):
            for change in fix["artifactChanges"]:
                assert change["artifactLocation"]["uri"]
                assert change["replacements"]
                for replacement in change["replacements"]:
                    check_region(replacement["deletedRegion"])
                    assert isinstance(replacement["insertedContent"]["text"], str)
    results: list[dict[str, Any]] = run["results"]
    return results


def test_sarif_has_the_published_schema() -> None:
    """SARIF_SCHEMA: the file sarif-2.1.0-rtm.5.json, as npm's @microsoft/jest-sarif carries it."""
    validation = pytest.importorskip("jsonschema")
    path = os.environ.get("SARIF_SCHEMA", "")
    if not os.path.isfile(path):
        pytest.skip("no SARIF schema")
    with open(path, encoding="utf-8") as file:
        schema = json.load(file)
    validator = validation.validators.validator_for(schema)(schema)
    for log in (
        report("sarif", ("./d/甲 1.txt", RESULT), ("/t/b.txt", RESULT), failures=[("c.txt", "not UTF-8")]),
        report("sarif"),
    ):
        assert list(validator.iter_errors(json.loads(log))) == []


def test_sarif() -> None:
    results = check_sarif(json.loads(report("sarif", ("./d/甲 1.txt", RESULT), ("/t/b.txt", RESULT))))
    regions = [r["locations"][0]["physicalLocation"]["region"] for r in results]
    assert [(r["startLine"], r["startColumn"]) for r in regions] == PLACES * 2
    assert (regions[3]["endLine"], regions[3]["endColumn"]) == (4, 2)
    assert results[0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "d/%E7%94%B2%201.txt"
    assert results[5]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "file:///t/b.txt"
    assert ["fixes" in r for r in results[:5]] == [False, True, True, True, True]


def test_sarif_fixes_make_the_repaired_text() -> None:
    out = TEXT
    for finding in reversed(check_sarif(json.loads(report("sarif", ("a.txt", RESULT))))):
        if finding["level"] != "error":
            continue
        (replacement,) = finding["fixes"][0]["artifactChanges"][0]["replacements"]
        start = replacement["deletedRegion"]["charOffset"]
        end = start + replacement["deletedRegion"]["charLength"]
        out = out[:start] + replacement["insertedContent"]["text"] + out[end:]
    assert out == RESULT.text


def test_sarif_tells_of_failures() -> None:
    log = json.loads(report("sarif", failures=[("b.txt", "b.txt: is a directory")]))
    assert check_sarif(log) == []
    (invocation,) = log["runs"][0]["invocations"]
    assert invocation["executionSuccessful"] is False
    assert invocation["toolExecutionNotifications"][0]["message"]["text"] == "b.txt: is a directory"


@pytest.mark.parametrize("kind", REPORTERS)
def test_nothing_found(kind: str) -> None:
    out = report(kind, ("a.txt", Result("甲", "甲")))
    assert check_sarif(json.loads(out)) == [] if kind == "sarif" else out == ""
