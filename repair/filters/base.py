"""What a filter is.

A filter is one file in this folder: a docstring that explains the rule to its users, one or more
`Rule`, and a pure function ``propose(document, settings)`` that yields `Proposal`. It never edits,
loads nothing by itself and keeps no state. List it in ``filters/__init__.py`` and give it cases in
``fixtures/cases/<rule>.tsv``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ..document import Document
from ..text import Level, Proposal

Propose = Callable[[Document, Mapping[str, Any]], Iterable[Proposal]]


@dataclass(frozen=True, slots=True)
class Rule:
    """One kind of damage.

    `ceiling` is the highest level its proposals can reach. A proposal is ``safe`` from confidence
    `safe_at` on, ``review`` from `review_at` on, and else a ``note``.
    """

    name: str
    summary: str
    ceiling: Level = "safe"
    safe_at: float = 0.97
    review_at: float = 0.5
    examples: tuple[tuple[str, str], ...] = ()

    def level(self, confidence: float, *, flag: bool = False) -> Level:
        """The level for a proposal of this rule; `flag`: it has no replacement."""
        if flag or self.ceiling == "note" or confidence < self.review_at:
            return "note"
        if self.ceiling == "review" or confidence < self.safe_at:
            return "review"
        return "safe"


@dataclass(frozen=True)
class Filter:
    """A named family of rules with the function that proposes, and its settings.

    `notes`, where a filter has it, yields flags only; since flags never change the text it runs once, on the finished
    text, and may be slow. `guesses` marks filters that have no say where another reading has the place. `whole_lines`
    marks those that take out lines with all that is in them, Markdown's marks and English words too.
    `lexical` marks the filters that may change what counts as real English: the user's own
    replacements, and encoding, to whose mojibake (ÖÐ) that layer is blind and which looks out for English itself.
    """

    name: str
    rules: tuple[Rule, ...]
    propose: Propose
    settings: Mapping[str, Any] = field(default_factory=dict)
    lexical: bool = False
    whole_lines: bool = False
    notes: Propose | None = None
    guesses: bool = False

    def configured(self, **settings: Any) -> Filter:
        """The same filter with some settings changed. Raises `ValueError` for a setting it does not have."""
        unknown = settings.keys() - self.settings.keys()
        if unknown:
            raise ValueError(f"filter {self.name!r} has no setting {sorted(unknown)[0]!r}")
        return replace(self, settings={**self.settings, **settings})

    def rule(self, name: str) -> Rule:
        """The rule called `name`. Raises `KeyError`."""
        for rule in self.rules:
            if rule.name == name:
                return rule
        raise KeyError(name)
