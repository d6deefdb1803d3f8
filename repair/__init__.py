"""repair: cleans up Chinese text that came out of OCR, harmlessly and with every change on record.

>>> import repair
>>> result = repair.clean("提供了政策支持 and 体制保障。")      # doctest: +SKIP
>>> result.text                                             # doctest: +SKIP
'提供了政策支持和体制保障。'
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .text import Correction, Level, MismatchError, Proposal, Result, Span, apply, revert

if TYPE_CHECKING:
    from .language.lexicon import Lexicon
    from .layout import Layout
    from .pipeline import Pipeline

__version__ = "0.1.0"

__all__ = [
    "Correction",
    "Lexicon",
    "MismatchError",
    "Pipeline",
    "Proposal",
    "Result",
    "Span",
    "apply",
    "clean",
    "revert",
]

_LATE = {"Pipeline": "pipeline", "Lexicon": "language.lexicon"}


def __getattr__(name: str) -> Any:
    # numpy and the models stay unloaded until something needs them.
    if name in _LATE:
        from importlib import import_module

        return getattr(import_module(f".{_LATE[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def clean(
    text: str,
    level: Level = "safe",
    profile: str = "default",
    lexicon: Lexicon | str | Path | None = None,
    witnesses: Sequence[str] = (),
    layout: Layout | None = None,
) -> Result:
    """Repair one text.

    Args:
        text: the text, as it came out of OCR.
        level: ``safe`` applies only what is almost certain; ``review`` the best guesses too.
        profile: named list of filters, ``default`` or ``typography``.
        lexicon: a `Lexicon`, or the path of a lexicon folder.
        witnesses: other readings of the same page.
        layout: where the characters stood on their pages, as the readers of OCR formats give it.

    Returns the `Result` with the repaired text, the corrections applied and the suggestions not applied.

    Raises `ValueError` for an unknown level or profile, and for dictionaries or a lexicon that cannot be read.
    """
    return _pipeline(profile, lexicon)(text, level=level, witnesses=witnesses, layout=layout)


def _pipeline(profile: str, lexicon: Lexicon | str | Path | None) -> Pipeline:
    from .pipeline import Pipeline

    if lexicon is None:
        return _cached(profile)
    return Pipeline.from_profile(profile, lexicon=lexicon)


@lru_cache(maxsize=8)
def _cached(profile: str) -> Pipeline:
    from .pipeline import Pipeline

    return Pipeline.from_profile(profile)
