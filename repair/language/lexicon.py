"""The user's own words: plain text files, one entry a line, that have the last word over every rule.

A lexicon is a folder with any of

* ``trust.txt``: words that are right as they stand (names, terms); no rule reads them as damaged.
* ``never.txt``: words that no rule may touch, not even their spacing or script.
* ``replace.txt``: forced replacements, ``wrong<TAB>right`` (``wrong -> right`` also works).

Blank lines and lines that start with ``#`` are skipped. Files are UTF-8.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path

_PAIR = re.compile(r"\t+| +(?:->|→) +")
_ROUNDS = 8  # how many replacements of replacements there may be


class LexiconError(ValueError):
    """A lexicon file that cannot be read; the message names file and line."""


@dataclass(frozen=True)
class Lexicon:
    """Words to trust, words never to touch, forced replacements. Immutable and picklable."""

    trust: frozenset[str] = frozenset()
    never: frozenset[str] = frozenset()
    replace: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for wrong in self.replace:
            seen = {wrong}
            right = self.replace[wrong]
            while right in self.replace:
                if right in seen:
                    raise LexiconError(f"replacements go round in a circle: {wrong!r} -> {right!r}")
                seen.add(right)
                right = self.replace[right]
        # What is put in must come to rest under the other replacements, or no text ever would.
        text = "\n".join(sorted(set(self.replace.values())))
        for _ in range(_ROUNDS):
            settled = self._once(text)
            if settled == text:
                return
            text = settled
        start, end, right = next(self.forced(text))
        raise LexiconError(f"replacements do not come to rest: {text[start:end]!r} -> {right!r}")

    @classmethod
    def load(cls, path: str | Path) -> Lexicon:
        """Read the lexicon folder `path`. Raises `LexiconError`."""
        folder = Path(path)
        if not folder.is_dir():
            raise LexiconError(f"{folder}: no such lexicon folder")
        known = {"trust.txt", "never.txt", "replace.txt"}
        if not any((folder / name).is_file() for name in known):
            raise LexiconError(f"{folder}: holds none of {', '.join(sorted(known))}")
        replace: dict[str, str] = {}
        for number, line in _entries(folder / "replace.txt"):
            parts = _PAIR.split(line, maxsplit=1)
            if len(parts) != 2 or not parts[0]:
                raise LexiconError(f"{folder / 'replace.txt'}:{number}: expected wrong<TAB>right, got {line!r}")
            replace[parts[0]] = parts[1]
        try:
            return cls(
                frozenset(line for _, line in _entries(folder / "trust.txt")),
                frozenset(line for _, line in _entries(folder / "never.txt")),
                replace,
            )
        except LexiconError as error:
            raise LexiconError(f"{folder / 'replace.txt'}: {error}") from None

    def __bool__(self) -> bool:
        return bool(self.trust or self.never or self.replace)

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hex) of the entries, whatever their order in the files."""
        parts = [
            *sorted(self.trust),
            "\n",
            *sorted(self.never),
            "\n",
            *(f"{a}\t{b}" for a, b in sorted(self.replace.items())),
        ]
        return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogatepass")).hexdigest()

    def trusted(self, text: str) -> Iterator[tuple[int, int]]:
        """Spans of trusted words in `text`, longest at each place, left to right."""
        return find_words(text, self.trust) if self.trust else iter(())

    def untouchable(self, text: str) -> Iterator[tuple[int, int]]:
        """Spans of words never to touch in `text`."""
        return find_words(text, self.never) if self.never else iter(())

    def forced(self, text: str) -> Iterator[tuple[int, int, str]]:
        """``(start, end, right)`` for each forced replacement; what is inside its `right` or a trusted word stays."""
        if not self.replace:
            return
        trusted = iter((*self.trusted(text), (len(text) + 1, len(text) + 1)))
        first, last = next(trusted)
        for start, end in find_words(text, self._wrong):
            while last < end:
                first, last = next(trusted)
            if first <= start:
                continue
            wrong = text[start:end]
            right = self.replace[wrong]
            inner = right.find(wrong)
            while inner >= 0 and not (inner <= start and text.startswith(right, start - inner)):
                inner = right.find(wrong, inner + 1)
            if inner < 0:
                yield start, end, right

    def _once(self, text: str) -> str:
        out: list[str] = []
        done = 0
        for start, end, right in self.forced(text):
            out += (text[done:start], right)
            done = end
        return "".join((*out, text[done:]))

    def settled(self, text: str) -> Iterator[tuple[int, int]]:
        """Spans of `text` that read as something the lexicon replaces a word by."""
        return find_words(text, self._right) if self.replace else iter(())

    @cached_property
    def _wrong(self) -> frozenset[str]:
        return frozenset(self.replace)

    @cached_property
    def _right(self) -> frozenset[str]:
        return frozenset(self.replace.values())


def find_words(text: str, words: Iterable[str]) -> Iterator[tuple[int, int]]:
    """Spans of `words` in `text`: leftmost, longest, not overlapping. Linear in the text for bounded word lengths."""
    known = frozenset(words)
    first, by_first = _finder(known)
    if first is None:
        return
    done = 0
    for m in first.finditer(text):
        start = m.start()
        if start < done:
            continue
        for size in by_first[text[start]]:
            if start + size <= len(text) and text[start : start + size] in known:
                done = start + size
                yield start, done
                break


@lru_cache(maxsize=16)
def _finder(words: frozenset[str]) -> tuple[re.Pattern[str] | None, dict[str, list[int]]]:
    """A pattern for the first characters of `words`, and for each of these the lengths, longest first."""
    lengths: dict[str, set[int]] = defaultdict(set)
    for word in words:
        if word:
            lengths[word[0]].add(len(word))
    by_first = {ch: sorted(sizes, reverse=True) for ch, sizes in lengths.items()}
    if not by_first:
        return None, by_first
    return re.compile("[" + "".join(re.escape(ch) for ch in sorted(by_first)) + "]"), by_first


def _entries(path: Path) -> Iterator[tuple[int, str]]:
    if not path.is_file():
        return
    try:
        content = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise LexiconError(f"{path}: not UTF-8 (byte {error.start})") from None
    except OSError as error:
        raise LexiconError(f"{path}: {error.strerror}") from None
    for number, line in enumerate(content.splitlines(), start=1):
        entry = line.strip(" \r\n")
        if entry and not entry.startswith("#"):
            yield number, entry
