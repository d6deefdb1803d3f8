"""The characters most easily misread as each character, looked up instead of computed.

`repair.language.channel` ranks any candidates for any character in about a millisecond; a page asks for
hundreds of characters, so the first `NEAR` of each are kept in a table (``near.npy``, memory-mapped).
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

NEAR_FILE = "near.npy"
NEAR = 48
"""Candidates kept for a character."""
LOG_STEPS = 30
"""Steps of the stored log-probabilities in one unit of log10."""
ROW = np.dtype([("read", "<u2"), ("true", "<u2", NEAR), ("log", "u1", NEAR)])


class NearError(ValueError):
    """The table cannot be read; the message names the file."""


class Near:
    """Table of candidates: for each character read, the likeliest true characters with log10 P(read | true)."""

    def __init__(self, rows: NDArray[Any]) -> None:
        self._read = rows["read"].astype(np.int64)
        self._true = rows["true"]
        self._log = rows["log"]

    @classmethod
    def load(cls, folder: Path) -> Near:
        """Map the table in `folder`. Raises `NearError`."""
        path = folder / NEAR_FILE
        try:
            rows = np.load(path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError) as error:
            raise NearError(f"{path}: not a table of candidates ({error})") from None
        if rows.dtype != ROW or rows.ndim != 1 or len(rows) == 0 or (np.diff(rows["read"].astype(int)) <= 0).any():
            raise NearError(f"{path}: not a table of candidates")
        return cls(rows)

    def candidates(self, read: NDArray[np.int64]) -> tuple[NDArray[np.uint16], NDArray[np.float32]]:
        """Code points (n, NEAR), best first and then zeros, and log10 P(read | each) (n, NEAR), for the code points
        `read` (n,); only zeros for a character that is not in the table."""
        place = np.minimum(np.searchsorted(self._read, read), len(self._read) - 1)
        codes = np.asarray(self._true[place])
        codes[self._read[place] != read] = 0
        return codes, self._log[place] * np.float32(-1 / LOG_STEPS)

    def pairs(self) -> tuple[NDArray[np.uint16], NDArray[np.uint16], NDArray[np.float32]]:
        """All of the table, a row each: code points read and true, and log10 P(read | true)."""
        read = np.repeat(self._read.astype(np.uint16), NEAR)
        true, log = np.asarray(self._true).ravel(), np.asarray(self._log).ravel()
        some = true != 0
        return read[some], true[some], log[some] * np.float32(-1 / LOG_STEPS)


def build(folder: Path) -> None:
    """Write `NEAR_FILE` to `folder` from the channel and the language model there."""
    from .channel import Channel
    from .ngram import EOS, NgramModel

    channel, model = Channel.load(folder), NgramModel.load(folder / "zh.ngram")
    # Every Hanzi with a known shape: a misreading is often a rare character that the language model does not know.
    hanzi = [int(code) for code in channel.shapes.codes if 0x3400 <= code <= 0x9FFF]
    asked = {chr(code) for code in [*hanzi, *range(0x30A1, 0x30FB), *range(0x21, 0x7F)]}
    asked |= {ch for ch in model.vocabulary if len(ch) == 1 and ch < "\U00010000"}
    letter, digit = model.char_id("a"), model.char_id("0")
    rows = np.zeros(len(asked), dtype=ROW)
    for k, read in enumerate(sorted(asked)):
        codes, logs = channel.candidates(read, 400)
        ids = model.code_ids(codes)
        # Letters are no candidates: the model does not know one from another. Of a symbol's forms (：:) the likeliest.
        known = (ids > EOS) & (ids != letter) & (ids != model.char_id(read)) & (codes < 0x10000)
        codes, logs, ids = codes[known], logs[known], ids[known]
        # The channel's probability and half the log of the frequency: measured best (dictionaries/README.md).
        order = np.argsort(-(logs + 0.5 * model.unigram[ids]), kind="stable")
        _, first = np.unique(ids[order], return_index=True)
        best = order[np.sort(first)][:NEAR]
        rows[k]["read"] = ord(read)
        rows[k]["true"][: len(best)] = [
            code if symbol == digit else ord(model.vocabulary[symbol])
            for code, symbol in zip(codes[best].tolist(), ids[best].tolist(), strict=True)
        ]
        rows[k]["log"][: len(best)] = np.clip(np.round(-LOG_STEPS * logs[best]), 0, 255)
    np.save(folder / NEAR_FILE, rows)


def main(arguments: Sequence[str] | None = None) -> int:
    """``python -m repair.language.near -o dictionaries``"""
    parser = argparse.ArgumentParser(description="Build the table of easily misread characters.")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR")
    build(parser.parse_args(arguments).output)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
