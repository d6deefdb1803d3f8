"""Profiles: named lists of filters with their settings.

``default`` is everything but house style; ``typography`` adds that. A project defines its own in
``pyproject.toml``::

    [tool.repair]
    profile = "magazine"         # what is used where the command line names none
    level = "safe"
    lexicon = "words"            # a folder beside pyproject.toml

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
_KEYS = ("profile", "level", "lexicon", "profiles")
_PROFILE_KEYS = ("extends", "filters", "enable", "disable", "settings")


def filters_of(profile: str, project: Mapping[str, Any] | None = None) -> list[Filter]:
    """Filters of `profile`, in order; `project` is the content of ``[tool.repair]``. Raises `ValueError`."""
    own = (project or {}).get("profiles", {})
    return [_configured(name, settings) for name, settings in _resolve(profile, own, ())]


def _configured(name: str, settings: Mapping[str, Any]) -> Filter:
    filter_ = get(name)
    filter_.configured(**settings)  # knows all its settings
    fitted = {key: _fitted(name, key, filter_.settings[key], value) for key, value in settings.items()}
    return filter_.configured(**fitted)


def _fitted(name: str, key: str, default: Any, value: Any) -> Any:
    """`value` as the type of the setting's default. Raises `ValueError`."""
    if isinstance(default, tuple) and isinstance(value, list):
        return tuple(value)
    if default is None or (type(default) is float and type(value) is int) or type(value) is type(default):
        return value
    raise ValueError(f"setting {key!r} of filter {name!r} must be like {default!r}, not {value!r}")


def _resolve(profile: str, own: Mapping[str, Any], seen: tuple[str, ...]) -> list[tuple[str, dict[str, Any]]]:
    if profile in seen:
        raise ValueError(f"profile {profile!r} extends itself")
    if profile not in own:
        if profile not in BUILT_IN:
            raise ValueError(f"no profile called {profile!r} (there are: {', '.join(sorted({*BUILT_IN, *own}))})")
        return [(name, {}) for name in BUILT_IN[profile]]
    spec = own[profile]
    where = f"profile {profile!r}"
    if not isinstance(spec, Mapping):
        raise ValueError(f"{where} must be a table")
    _no_other_keys(spec, _PROFILE_KEYS, where)
    if "filters" in spec and "extends" in spec:
        raise ValueError(f"{where} has both 'filters' and 'extends'; it can only start from one of them")
    if "filters" in spec:
        chosen = [(name, dict[str, Any]()) for name in dict.fromkeys(_names(spec, "filters", where))]
    else:
        extends = spec.get("extends", "default")
        if not isinstance(extends, str):
            raise ValueError(f"'extends' of {where} must be the name of a profile")
        # A profile called like a built-in one may build on that.
        base = {} if extends == profile and profile in BUILT_IN else own
        chosen = _resolve(extends, base, () if base is not own else (*seen, profile))
    drop = frozenset(_names(spec, "disable", where))
    chosen = [(name, settings) for name, settings in chosen if name not in drop]
    present = {name for name, _ in chosen}
    chosen += [(name, {}) for name in dict.fromkeys(_names(spec, "enable", where)) if name not in present]
    extra = spec.get("settings", {})
    if not isinstance(extra, Mapping) or not all(isinstance(values, Mapping) for values in extra.values()):
        raise ValueError(f"'settings' of {where} must be a table for each filter")
    changed = {_known(name): values for name, values in extra.items()}
    return [(name, {**settings, **changed.get(name, {})}) for name, settings in chosen]


def _names(spec: Mapping[str, Any], key: str, where: str) -> list[str]:
    names = spec.get(key, [])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError(f"{key!r} of {where} must be a list of filter names")
    return [_known(name) for name in names]


def _known(name: str) -> str:
    """The filter's name as `NAMES` spells it. Raises `ValueError`."""
    get(name)
    return name.replace("-", "_")


def _no_other_keys(table: Mapping[str, Any], known: tuple[str, ...], where: str) -> None:
    for key in table:
        if key not in known:
            raise ValueError(f"{where} has no key {key!r} (there are: {', '.join(known)})")


def project_settings(start: Path) -> tuple[Path | None, Mapping[str, Any]]:
    """``[tool.repair]`` of the nearest ``pyproject.toml`` at or above `start` that has one: its path and content.

    Raises `ValueError` naming the file: not TOML, unreadable, unknown keys, values of the wrong type.
    """
    for folder in (start, *start.parents):
        path = folder / "pyproject.toml"
        if not path.is_file():
            continue
        try:
            content = tomllib.loads(path.read_bytes().decode("utf-8"))
        except UnicodeDecodeError as error:
            raise ValueError(f"{path}: not UTF-8 (byte {error.start})") from None
        except tomllib.TOMLDecodeError as error:
            raise ValueError(f"{path}: not valid TOML: {error}") from None
        except OSError as error:
            raise ValueError(f"{path}: {(error.strerror or str(error)).lower()}") from None
        tool = content.get("tool", {})
        if isinstance(tool, Mapping) and "repair" in tool:
            _check_project(tool["repair"], path)
            return path, tool["repair"]
    return None, {}


def _check_project(settings: Any, path: Path) -> None:
    if not isinstance(settings, Mapping):
        raise ValueError(f"{path}: tool.repair must be a table")
    _no_other_keys(settings, _KEYS, f"{path}: [tool.repair]")
    for key in ("profile", "level", "lexicon"):
        if key in settings and not isinstance(settings[key], str):
            raise ValueError(f"{path}: {key} must be a string")
    if settings.get("level", "safe") not in ("safe", "review"):
        raise ValueError(f"{path}: level must be 'safe' or 'review', not {settings['level']!r}")
    if not isinstance(settings.get("profiles", {}), Mapping):
        raise ValueError(f"{path}: profiles must be a table")
