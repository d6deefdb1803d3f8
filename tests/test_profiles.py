"""Profiles and ``[tool.repair]``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from repair.filters import NAMES
from repair.profiles import filters_of, project_settings


def names(profile: str, **profiles: Any) -> list[str]:
    return [f.name.replace("-", "_") for f in filters_of(profile, {"profiles": profiles})]


def test_built_in() -> None:
    assert names("typography") == list(NAMES)
    assert names("default") == [name for name in NAMES if name != "typography"]


def test_own() -> None:
    assert names("p", p={"filters": ["space", "stray-word", "space"]}) == ["space", "stray_word"]
    assert names("p", p={"disable": ["stray-word", "misread"]}) == [
        name for name in NAMES if name not in ("stray_word", "misread", "typography")
    ]
    assert names("q", p={"filters": ["space"]}, q={"extends": "p", "enable": ["typography", "space"]}) == [
        "space",
        "typography",
    ]


def test_own_default_builds_on_the_built_in_one() -> None:
    assert names("default", default={"extends": "default", "enable": ["typography"]}) == list(NAMES)
    assert names("default", default={"disable": ["script"]}) == [
        name for name in NAMES if name not in ("script", "typography")
    ]


def test_settings() -> None:
    own = {
        "a": {"settings": {"repetition": {"minimum": 7}}},
        "b": {"extends": "a", "settings": {"misread": {"least": 1}}},
    }
    found = {f.name: f.settings for f in filters_of("b", {"profiles": own})}
    assert found["repetition"]["minimum"] == 7
    assert found["misread"]["least"] == 1
    signs = {"p": {"settings": {"furniture": {"inline_signs": ["转"]}}}}
    assert {f.name: f.settings for f in filters_of("p", {"profiles": signs})}["furniture"]["inline_signs"] == ("转",)


@pytest.mark.parametrize(
    ("profiles", "message"),
    [
        ({}, "no profile called 'p' .there are: default, typography."),
        ({"p": 3}, "must be a table"),
        ({"p": {"filter": []}}, "has no key 'filter'"),
        ({"p": {"filters": "space"}}, "must be a list of filter names"),
        ({"p": {"filters": [3]}}, "must be a list of filter names"),
        ({"p": {"filters": ["nope"]}}, "no filter called 'nope'"),
        ({"p": {"disable": ["nope"]}}, "no filter called 'nope'"),
        ({"p": {"enable": ["nope"]}}, "no filter called 'nope'"),
        ({"p": {"filters": ["space"], "extends": "default"}}, "both"),
        ({"p": {"extends": 3}}, "'extends'"),
        ({"p": {"extends": "p"}}, "extends itself"),
        ({"p": {"extends": "q"}, "q": {"extends": "p"}}, "extends itself"),
        ({"p": {"settings": 3}}, "'settings'"),
        ({"p": {"settings": {"repetition": 3}}}, "'settings'"),
        ({"p": {"settings": {"nope": {}}}}, "no filter called 'nope'"),
        ({"p": {"settings": {"repetition": {"nope": 3}}}}, "no setting 'nope'"),
        ({"p": {"settings": {"repetition": {"minimum": "3"}}}}, "must be like 5"),
        ({"p": {"settings": {"repetition": {"minimum": True}}}}, "must be like 5"),
    ],
)
def test_bad_profiles(profiles: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        filters_of("p", {"profiles": profiles})


def test_project_is_searched_upwards(tmp_path: Path) -> None:
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    (tmp_path / "pyproject.toml").write_text('[tool.repair]\nprofile = "typography"\n', encoding="utf-8")
    (inner / "pyproject.toml").write_text("[tool.other]\n", encoding="utf-8")
    assert project_settings(inner) == (tmp_path / "pyproject.toml", {"profile": "typography"})
    (inner / "pyproject.toml").write_text("[tool.repair]\n", encoding="utf-8")
    assert project_settings(inner) == (inner / "pyproject.toml", {})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[tool.repair\n", "not valid TOML"),
        (b"x = '\xff'", "not UTF-8"),
        (b"[tool]\nrepair = 3\n", "must be a table"),
        (b"[tool.repair]\nlevels = 'safe'\n", "has no key 'levels'"),
        (b"[tool.repair]\nlevel = 'all'\n", "level must be"),
        (b"[tool.repair]\nlevel = 3\n", "level must be"),
        (b"[tool.repair]\nlexicon = 3\n", "lexicon must be"),
        (b"[tool.repair]\nprofiles = 3\n", "profiles must be"),
    ],
)
def test_bad_projects(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_bytes(content)
    with pytest.raises(ValueError, match=message) as caught:
        project_settings(tmp_path)
    assert str(tmp_path / "pyproject.toml") in str(caught.value)
