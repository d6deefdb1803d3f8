"""All filters, in the order in which they run by default.

To add one: write ``filters/<name>.py`` (see ``base.py``), list it here, and give it cases in
``fixtures/cases/<rule>.tsv``. Another package adds one by an entry point of the group `ENTRY_POINTS` whose name is
the filter's and whose object is a `Filter`; profiles enable it by that name.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint

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


ENTRY_POINTS = "repair.filters"


@cache
def get(name: str) -> Filter:
    """The filter called `name`: one of ours, or one that an installed package adds. Raises `ValueError`."""
    wanted = name.replace("-", "_")
    if wanted in NAMES:
        filter_: Filter = import_module(f".{wanted}", __name__).FILTER
        return filter_
    if wanted in installed():
        return _loaded(wanted, installed()[wanted])
    raise ValueError(f"no filter called {name!r} (there are: {', '.join([*NAMES, *installed()])})")


@cache
def installed() -> dict[str, EntryPoint]:
    """The filters that installed packages add, by name. Raises `ValueError` where two have one name, or one of ours."""
    from importlib.metadata import entry_points

    found: dict[str, EntryPoint] = {}
    for point in sorted(entry_points(group=ENTRY_POINTS), key=lambda point: point.name):
        name = point.name.replace("-", "_")
        if name in NAMES or found.get(name, point) != point:
            raise ValueError(f"{_whose(point)}: there is a filter called {point.name!r} already")
        found[name] = point
    return found


def _loaded(name: str, point: EntryPoint) -> Filter:
    try:
        filter_ = point.load()
    except Exception as error:  # whatever another package's import raises
        raise ValueError(f"{_whose(point)}: cannot be loaded ({type(error).__name__}: {error})") from None
    if not isinstance(filter_, Filter) or filter_.name.replace("-", "_") != name:
        raise ValueError(f"{_whose(point)}: {point.value} is no filter called {point.name!r}")
    ours = all_rules()
    for rule in filter_.rules:
        if rule.name in ours:
            raise ValueError(f"{_whose(point)}: there is a rule called {rule.name!r} already")
    return filter_


def _whose(point: EntryPoint) -> str:
    return f"filter {point.name!r} of {point.dist.name if point.dist else 'an unknown package'}"


def all_rules(*, others: bool = False) -> dict[str, tuple[Filter, Rule]]:
    """Rule name -> its filter and the rule, in the default order; with `others` those of installed packages as well."""
    names = [*NAMES, *(installed() if others else ())]
    return {rule.name: (get(name), rule) for name in names for rule in get(name).rules}


__all__ = ["ENTRY_POINTS", "NAMES", "Filter", "Rule", "all_rules", "get", "installed"]
