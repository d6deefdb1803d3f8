"""The user's own words: plain text files, one entry a line, that have the last word over every rule.

A lexicon is a folder with any of

* ``trust.txt``: words that are right as they stand (names, terms); no rule reads them as damaged.
* ``never.txt``: words that no rule may touch, not even their spacing or script.
* ``replace.txt``: forced replacements, ``wrong<TAB>right`` (``wrong -> right`` also works);
* ``confusions.txt``: characters seen misread here, ``read<TAB>printed<TAB>count``, as further evidence;
* ``calibration.txt``: how far what a rule proposes is surer here than it says, ``rule<TAB>offset<TAB>decisions``,
  the offset in natural log-odds (see `Lexicon.calibrated`).

The last two are what `repair.review.learn` proposes. Blank lines and lines that start with ``#`` are skipped. Files are
UTF-8.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import NamedTuple

from .logistic import LIMIT, log_odds, logistic

FILES = ("trust.txt", "never.txt", "replace.txt", "confusions.txt", "calibration.txt")
"""Names of the files of a lexicon folder."""
TRUST, NEVER, REPLACE, CONFUSIONS, CALIBRATION = FILES

_PAIR = re.compile(r"\t+| +(?:->|→) +")
_ROUNDS = 8  # how many replacements of replacements there may be


class LexiconError(ValueError):
    """A lexicon file that cannot be read; the message names file and line."""


class Shift(NamedTuple):
    """What decisions say about a rule: `offset` is added to the natural log-odds of what it proposes; `decisions`:
    how many it was fitted to."""

    offset: float
    decisions: int


@dataclass(frozen=True)
class Lexicon:
    """Words to trust, words never to touch, forced replacements; confusions seen (read, printed) with their counts,
    and a shift for each rule. Immutable and picklable."""

    trust: frozenset[str] = frozenset()
    never: frozenset[str] = frozenset()
    replace: Mapping[str, str] = field(default_factory=dict)
    confusions: Mapping[tuple[str, str], int] = field(default_factory=dict)
    calibration: Mapping[str, Shift] = field(default_factory=dict)

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
        if not any((folder / name).is_file() for name in FILES):
            raise LexiconError(f"{folder}: holds none of {', '.join(sorted(FILES))}")
        return cls.parse(folder, {name: _content(folder / name) for name in FILES})

    @classmethod
    def parse(cls, folder: Path, contents: Mapping[str, str]) -> Lexicon:
        """The lexicon whose files, by name, hold `contents`; `folder` is for messages. Raises `LexiconError`."""
        lines = {name: list(_entries(contents.get(name, ""))) for name in FILES}
        replace: dict[str, str] = {}
        for number, line in lines[REPLACE]:
            wrong, right = replacement(line)
            if not wrong or right is None:
                raise LexiconError(f"{folder / REPLACE}:{number}: expected wrong<TAB>right, got {line!r}")
            replace[wrong] = right
        confusions = dict(_confusion(folder, number, line) for number, line in lines[CONFUSIONS])
        calibration = dict(_shift(folder, number, line) for number, line in lines[CALIBRATION])
        trust, never = (frozenset(line for _, line in lines[name]) for name in (TRUST, NEVER))
        try:
            return cls(trust, never, replace, confusions, calibration)
        except LexiconError as error:
            raise LexiconError(f"{folder / REPLACE}: {error}") from None

    def __bool__(self) -> bool:
        return bool(self.trust or self.never or self.replace or self.confusions or self.calibration)

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
        # Only where there are any: the digest of a lexicon without them is the one it always had.
        if self.confusions:
            parts += ["\n", CONFUSIONS, *(f"{a}\t{b}\t{n}" for (a, b), n in sorted(self.confusions.items()))]
        if self.calibration:
            parts += ["\n", CALIBRATION, *(f"{rule}\t{s.offset!r}" for rule, s in sorted(self.calibration.items()))]
        return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogatepass")).hexdigest()

    def calibrated(self, rule: str, confidence: float, safe_at: float, review_at: float) -> float:
        """The confidence of what `rule` proposes with `confidence`, in the light of decisions.

        They were made on what is proposed for review, so an offset upwards moves that and what is safe anyway, and one
        downwards leaves alone what is safe. A confidence that makes a mere note stays as it is.
        """
        shift = self.calibration.get(rule)
        if shift is None or confidence < review_at or (shift.offset < 0 and confidence >= safe_at):
            return confidence
        return logistic(log_odds(confidence) + shift.offset)

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
    def confusion_items(self) -> frozenset[tuple[tuple[str, str], int]]:
        """`confusions`, hashable."""
        return frozenset(self.confusions.items())

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


def _confusion(folder: Path, number: int, line: str) -> tuple[tuple[str, str], int]:
    """One line of ``confusions.txt``."""
    parts = line.split("\t")
    if len(parts) != 3 or len(parts[0]) != 1 or len(parts[1]) != 1 or parts[0] == parts[1]:
        raise LexiconError(f"{folder / CONFUSIONS}:{number}: expected read<TAB>printed<TAB>count, got {line!r}")
    if not (parts[2].isascii() and parts[2].isdigit() and len(parts[2]) <= 9 and int(parts[2]) > 0):
        raise LexiconError(f"{folder / CONFUSIONS}:{number}: expected a count from 1 on, got {parts[2]!r}")
    return (parts[0], parts[1]), int(parts[2])


def _shift(folder: Path, number: int, line: str) -> tuple[str, Shift]:
    """One line of ``calibration.txt``."""
    parts = line.split("\t")
    try:
        rule, offset, decisions = parts[0], float(parts[1]), int(parts[2])
    except (IndexError, ValueError):
        rule, offset, decisions = "", 0.0, 0
    if len(parts) != 3 or not rule or not abs(offset) <= LIMIT or decisions < 0:
        raise LexiconError(f"{folder / CALIBRATION}:{number}: expected rule<TAB>offset<TAB>decisions, got {line!r}")
    return rule, Shift(offset, decisions)


def replacement(line: str) -> tuple[str, str | None]:
    """What a line of ``replace.txt`` has on both sides; None where it has but one."""
    parts = _PAIR.split(line, maxsplit=1)
    return parts[0], parts[1] if len(parts) == 2 else None


def _content(path: Path) -> str:
    if not path.is_file():
        return ""
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise LexiconError(f"{path}: not UTF-8 (byte {error.start})") from None
    except OSError as error:
        raise LexiconError(f"{path}: {error.strerror}") from None


def entry_of(line: str) -> str:
    """The entry in a line of a lexicon file, empty for a comment or a blank line."""
    entry = line.strip(" \r\n")
    return "" if entry.startswith("#") else entry


def _entries(content: str) -> Iterator[tuple[int, str]]:
    """The entries of a file with the numbers of their lines."""
    for number, line in enumerate(content.splitlines(), start=1):
        entry = entry_of(line)
        if entry:
            yield number, entry
