"""Words of the user's that stand in the text misread: within one edit of a trusted word."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from rapidfuzz.distance import Levenshtein
from rapidfuzz.process import extract

from .lexicon import find_words

SHORTEST = 3
"""Characters below which a word one edit away is too likely to be another word (张林, 张琳)."""
STRETCHABLE = 4
"""Characters from which a dropped or doubled character is looked for too."""


class Twin(NamedTuple):
    """``text[start:end]`` is one edit away from the trusted word `word`."""

    start: int
    end: int
    word: str


def twins(text: str, places: Iterable[int], trusted: frozenset[str]) -> Iterator[Twin]:
    """Stretches of `text` over one of `places` (positions of doubtful characters) that are nearly a trusted word.

    A stretch that is nearly two trusted words is nobody's twin. Cost: places times word lengths times words.
    """
    by_length: dict[int, list[str]] = defaultdict(list)
    for word in sorted(trusted):
        if len(word) >= SHORTEST and not any(ch.isspace() for ch in word):
            by_length[len(word)].append(word)
    if not by_length:
        return
    # Which words a stretch of some length may stand for.
    near: dict[int, list[str]] = defaultdict(list)
    for length, words in by_length.items():
        near[length] += words
        if length >= STRETCHABLE:
            near[length - 1] += words
            near[length + 1] += words
    right = list(find_words(text, trusted))
    seen: set[tuple[int, int]] = set()
    for place in places:
        for length, words in near.items():
            for start in range(max(0, place - length + 1), place + 1):
                end = start + length
                stretch = text[start:end]
                if (start, end) in seen or len(stretch) < length or stretch in trusted or not stretch.isalnum():
                    continue
                seen.add((start, end))
                at = bisect_right(right, (end, 0)) - 1
                if at >= 0 and right[at][0] < end and right[at][1] > start:
                    continue  # the word itself, or a part of it
                found = extract(stretch, words, scorer=Levenshtein.distance, score_cutoff=1, limit=2)
                if len(found) == 1:
                    yield Twin(start, end, found[0][0])
