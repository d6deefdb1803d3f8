"""jieba's dictionary and segmentation, with the user's words left out of its shared state."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import jieba


class Words:
    """Word frequencies and segmentation, from jieba's default dictionary.

    jieba's cache in the temporary folder is not used: building the prefix dictionary takes as long
    as loading the cache does, and a file that anyone can write is not a safe thing to unmarshal.
    """

    @cached_property
    def tokenizer(self) -> jieba.Tokenizer:
        import logging

        import jieba

        jieba.setLogLevel(logging.WARNING)
        tokenizer = jieba.Tokenizer()
        tokenizer.FREQ, tokenizer.total = tokenizer.gen_pfdict(tokenizer.get_dict_file())
        tokenizer.initialized = True
        return tokenizer

    @cached_property
    def by_shape(self) -> dict[str, list[str]]:
        """``"?研"`` -> words that read so with the masked character: dictionary words one character apart."""
        index: dict[str, list[str]] = {}
        for word, count in self.tokenizer.FREQ.items():
            if count > 2 and 2 <= len(word) <= 4:
                for i in range(len(word)):
                    index.setdefault(f"{word[:i]}?{word[i + 1 :]}", []).append(word)
        return index

    def frequency(self, word: str) -> int:
        """Corpus count of `word` in the dictionary; 0 where it is not a word."""
        return int(self.tokenizer.FREQ.get(word) or 0)

    def cut(self, text: str) -> list[str]:
        """Segment `text` with the dictionary alone (no guesses at unknown words)."""
        return list(self.tokenizer.cut(text, HMM=False))

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Segmentation of `text` as ``(start, end)``."""
        out = []
        position = 0
        for word in self.cut(text):
            out.append((position, position + len(word)))
            position += len(word)
        return out
