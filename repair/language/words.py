"""jieba's dictionary and segmentation, memory-mapped.

jieba builds its prefix dictionary anew in every process: half a second and 60 MB. Here the same dictionary lies
in a trie on disk (``words.marisa``), which is mapped in no time and shared between processes; jieba's own
algorithm runs on it and gives the same result. Segmenting is slower so (about 0.3 million characters a second
instead of 0.8), but only suspicious places are ever segmented.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import jieba

WORDS_FILE = "words.marisa"
COMMON_FILE = "common_words.txt"
COMMON = 300
"""Count in jieba's dictionary from which a word of two characters is common."""

_LN10 = math.log(10)


class WordsError(ValueError):
    """The dictionary cannot be read; the message names the file."""


class _Frequencies:
    """The part of ``dict`` that jieba's algorithm needs: word or prefix of one -> count, 0 for a mere prefix."""

    __slots__ = ("_trie",)

    def __init__(self, trie: Any) -> None:
        self._trie = trie

    def get(self, word: str, default: int | None = None) -> int | None:
        # A lone surrogate is in no word and cannot be asked for in UTF-8; for the trie a null character ends the key.
        if "\0" in word:
            return default
        try:
            found = self._trie.get(word)
        except UnicodeEncodeError:
            return default
        return int(found[0][0]) if found else default

    def __contains__(self, word: str) -> bool:
        return self.get(word) is not None

    def __getitem__(self, word: str) -> int:
        count = self.get(word)
        if count is None:
            raise KeyError(word)
        return count


class Words:
    """Word counts and segmentation, from jieba's default dictionary in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @cached_property
    def tokenizer(self) -> jieba.Tokenizer:
        """jieba's tokenizer on the mapped dictionary. Raises `WordsError`."""
        import logging

        import jieba
        import marisa_trie

        jieba.setLogLevel(logging.WARNING)
        path = self.folder / WORDS_FILE
        trie = marisa_trie.RecordTrie("<I")
        try:
            trie.mmap(str(path))
        except (OSError, RuntimeError) as error:
            raise WordsError(f"{path}: not a word dictionary ({error})") from None
        tokenizer = jieba.Tokenizer()
        tokenizer.FREQ = _Frequencies(trie)
        total = tokenizer.FREQ.get("\n")
        if not total:
            raise WordsError(f"{path}: not a word dictionary")
        tokenizer.total = total
        tokenizer.initialized = True
        return tokenizer

    @cached_property
    def common(self) -> tuple[str, ...]:
        """Words of two Hanzi with a count of at least `COMMON`. Raises `WordsError`."""
        path = self.folder / COMMON_FILE
        try:
            return tuple(path.read_text(encoding="utf-8").split())
        except (OSError, UnicodeDecodeError) as error:
            raise WordsError(f"{path}: {error}") from None

    def frequency(self, word: str) -> int:
        """Corpus count of `word` in the dictionary; 0 where it is not a word."""
        return int(self.tokenizer.FREQ.get(word) or 0) if word != "\n" else 0

    def segment(self, text: str) -> tuple[float, list[tuple[int, int]]]:
        """jieba's best path through its dictionary: log10 of its probability and the words as ``(start, end)``.

        No guesses at unknown words: what is in no word is a word of one character.
        """
        score, spans = self._segmented(text)
        return score, list(spans)

    @cached_property
    def _segmented(self) -> Callable[[str], tuple[float, tuple[tuple[int, int], ...]]]:
        # Pass after pass asks about the same places of a text.
        return lru_cache(maxsize=1 << 13)(self._segment)

    def _segment(self, text: str) -> tuple[float, tuple[tuple[int, int], ...]]:
        """The same sums as in jieba's ``get_DAG`` and ``calc``, with every word looked up once."""
        tokenizer = self.tokenizer
        get, log, size = tokenizer.FREQ.get, math.log, len(text)
        total = log(tokenizer.total)
        score = [0.0] * (size + 1)
        stop = [0] * size
        for start in range(size - 1, -1, -1):
            found = False
            end = start + 1
            while end <= size and (count := get(text[start:end])) is not None:
                # Of equal paths the one with the longer word, as in jieba.
                if count and (not found or log(count) - total + score[end] >= score[start]):
                    found = True
                    score[start], stop[start] = log(count) - total + score[end], end
                end += 1
            if not found:
                score[start], stop[start] = score[start + 1] - total, start + 1
        spans = []
        at = 0
        while at < size:
            spans.append((at, stop[at]))
            at = stop[at]
        return score[0] / _LN10, tuple(spans)

    def spans(self, text: str) -> list[tuple[int, int]]:
        """The words of `text` as ``(start, end)``."""
        return self.segment(text)[1]


def build(folder: Path) -> None:
    """Write `WORDS_FILE` and `COMMON_FILE` to `folder` from the installed jieba."""
    import jieba
    import marisa_trie

    tokenizer = jieba.Tokenizer()
    counts, total = tokenizer.gen_pfdict(tokenizer.get_dict_file())
    # The sum of all counts travels under a key that is no word.
    records = [*((word, (count,)) for word, count in sorted(counts.items())), ("\n", (total,))]
    marisa_trie.RecordTrie("<I", records).save(str(folder / WORDS_FILE))
    common = [w for w, n in counts.items() if n >= COMMON and len(w) == 2 and all("\u4e00" <= c <= "\u9fff" for c in w)]
    (folder / COMMON_FILE).write_text("\n".join(sorted(common, key=lambda w: (-counts[w], w))) + "\n", encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> int:
    """``python -m repair.language.words -o dictionaries``"""
    parser = argparse.ArgumentParser(description="Build the word dictionary from jieba's.")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR")
    build(parser.parse_args(arguments).output)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
