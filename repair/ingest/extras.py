"""Packages that come with an extra."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def needed(module: str, extra: str) -> Any:
    """`module`, imported. Raises `ImportError` that names the extra where its package is not installed."""
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        name = module.partition(".")[0]
        missing = "" if error.name == name else f" ({error.name} is missing)"
        raise ImportError(f"{name} is not installed{missing}: pip install 'repair[{extra}]'", name=error.name) from None
