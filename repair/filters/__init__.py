"""All filters, in the order in which they run by default.

To add one: write ``filters/<name>.py`` (see ``base.py``), list it here, and give it cases in
``fixtures/cases/<rule>.tsv``.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module

from .base import Filter, Rule

# Order matters: characters are normalised before anything reads them, the edges of pages are judged by lines
# as they were read, loops are cut before lines are joined, and words are judged last, on text whose spaces and
# line breaks are right. The user's own replacements come first, so that every rule sees them done.
NAMES: tuple[str, ...] = (
    "lexicon",
    "encoding",
    "page_edge",
    "witness",
    "space",
    "repetition",
    "furniture",
    "stray_word",
    "mark_width",
    "misread",
    "broken_join",
    "script",
    "unbalanced",
    "quote_style",
    "typography",
)


@cache
def get(name: str) -> Filter:
    """The filter called `name`. Raises `ValueError`."""
    if name.replace("-", "_") not in NAMES:
        raise ValueError(f"no filter called {name!r} (there are: {', '.join(NAMES)})")
    filter_: Filter = import_module(f".{name.replace('-', '_')}", __name__).FILTER
    return filter_


def all_rules() -> dict[str, tuple[Filter, Rule]]:
    """Rule name -> its filter and the rule, in the default order."""
    return {rule.name: (get(name), rule) for name in NAMES for rule in get(name).rules}


__all__ = ["NAMES", "Filter", "Rule", "all_rules", "get"]
