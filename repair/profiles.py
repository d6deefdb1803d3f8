"""Profiles: named lists of filters with their settings.

``default`` is everything but house style; ``typography`` adds that. A project defines its own in
``pyproject.toml``::

    [tool.repair.profiles.magazine]
    extends = "default"          # or: filters = ["encoding", "space", ...]
    disable = ["script"]
    enable = ["typography"]
    settings.repetition = { minimum = 5 }
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .filters import NAMES, get
from .filters.base import Filter

OPTIONAL = frozenset({"typography"})
BUILT_IN: dict[str, tuple[str, ...]] = {
    "default": tuple(name for name in NAMES if name not in OPTIONAL),
    "typography": NAMES,
}


def filters_of(profile: str, project: Mapping[str, Any] | None = None) -> list[Filter]:
    """Filters of `profile`, in order; `project` is the content of ``[tool.repair]``. Raises `ValueError`."""
    return [get(name).configured(**settings) for name, settings in _resolve(profile, project or {}, ())]


def _resolve(profile: str, project: Mapping[str, Any], seen: tuple[str, ...]) -> list[tuple[str, dict[str, Any]]]:
    own = project.get("profiles", {})
    if profile in seen:
        raise ValueError(f"profile {profile!r} extends itself")
    if profile not in own:
        if profile not in BUILT_IN:
            raise ValueError(f"no profile called {profile!r} (there are: {', '.join(sorted({*BUILT_IN, *own}))})")
        return [(name, {}) for name in BUILT_IN[profile]]
    spec = own[profile]
    if not isinstance(spec, Mapping):
        raise ValueError(f"profile {profile!r} must be a table")
    unknown = spec.keys() - {"extends", "filters", "enable", "disable", "settings"}
    if unknown:
        raise ValueError(f"profile {profile!r} has no key {sorted(unknown)[0]!r}")
    if "filters" in spec:
        chosen = [(str(name), dict[str, Any]()) for name in spec["filters"]]
    else:
        chosen = _resolve(str(spec.get("extends", "default")), project, (*seen, profile))
    drop = {name.replace("-", "_") for name in spec.get("disable", ())}
    chosen = [(name, settings) for name, settings in chosen if name.replace("-", "_") not in drop]
    present = {name for name, _ in chosen}
    chosen += [(name, {}) for name in spec.get("enable", ()) if name not in present]
    extra = {name.replace("-", "_"): values for name, values in spec.get("settings", {}).items()}
    return [(name, {**settings, **extra.get(name.replace("-", "_"), {})}) for name, settings in chosen]


def project_settings(start: Path) -> tuple[Path | None, Mapping[str, Any]]:
    """``[tool.repair]`` of the nearest ``pyproject.toml`` at or above `start`: its path and content.

    Raises `ValueError` naming the file where it is not TOML.
    """
    for folder in (start, *start.parents):
        path = folder / "pyproject.toml"
        if path.is_file():
            try:
                with path.open("rb") as file:
                    tool = tomllib.load(file).get("tool", {}).get("repair")
            except tomllib.TOMLDecodeError as error:
                raise ValueError(f"{path}: {error}") from None
            if tool is not None:
                return path, tool
    return None, {}
