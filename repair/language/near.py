"""The characters most easily misread as each character, looked up instead of computed.

`repair.language.channel` ranks any candidates for any character in about a millisecond; a page asks for
hundreds of characters, so the first `NEAR` of each are kept in a table (``near.npy``, memory-mapped).
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

NEAR_FILE = "near.npy"
NEAR = 48
"""Candidates kept for a character."""


class NearError(ValueError):
    """The table cannot be read; the message names the file."""


class Near:
    """Table of candidates: for each character read, code points of the likeliest true Hanzi, best first, then 0."""

    def __init__(self, rows: NDArray[np.uint16]) -> None:
        self._read = rows[:, 0].astype(np.int64)
        self._rows = rows

    @classmethod
    def load(cls, folder: Path) -> Near:
        """Map the table in `folder`. Raises `NearError`."""
        path = folder / NEAR_FILE
        try:
            rows = np.load(path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError) as error:
            raise NearError(f"{path}: not a table of candidates ({error})") from None
        if rows.dtype != np.uint16 or rows.ndim != 2 or rows.shape[1] != NEAR + 1 or (np.diff(rows[:, 0]) <= 0).any():
            raise NearError(f"{path}: not a table of candidates")
        return cls(rows)

    def candidates(self, read: NDArray[np.int64]) -> NDArray[np.uint16]:
        """(n, NEAR) code points for the code points `read` (n,); zeros for characters not in the table."""
        place = np.minimum(np.searchsorted(self._read, read), len(self._read) - 1)
        found = np.asarray(self._rows[place, 1:])
        found[self._read[place] != read] = 0
        return found


def build(folder: Path) -> None:
    """Write `NEAR_FILE` to `folder` from the channel and the language model there."""
    from .channel import Channel
    from .ngram import EOS, NgramModel

    channel, model = Channel.load(folder), NgramModel.load(folder / "zh.ngram")
    # Every Hanzi with a known shape: a misreading is often a rare character that the language model does not know.
    hanzi = [int(code) for code in channel.shapes.codes if 0x3400 <= code <= 0x9FFF]
    asked = {chr(code) for code in [*hanzi, *range(0x30A1, 0x30FB)]}
    rows = np.zeros((len(asked), NEAR + 1), dtype=np.uint16)
    for k, read in enumerate(sorted(asked)):
        codes, logs = channel.candidates(read, 300)
        chosen = (codes >= 0x4E00) & (codes <= 0x9FFF)
        codes, logs = codes[chosen], logs[chosen]
        ids = model.char_ids("".join(map(chr, codes.tolist())))
        known = ids > EOS
        codes, logs, ids = codes[known], logs[known], ids[known]
        # The channel's probability and half the log of the frequency: measured best (dictionaries/README.md).
        best = codes[np.argsort(-(logs + 0.5 * model.unigram[ids]), kind="stable")][:NEAR]
        rows[k, 0] = ord(read)
        rows[k, 1 : 1 + len(best)] = best
    np.save(folder / NEAR_FILE, rows)


def main(arguments: Sequence[str] | None = None) -> int:
    """``python -m repair.language.near -o dictionaries``"""
    parser = argparse.ArgumentParser(description="Build the table of easily misread characters.")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR")
    build(parser.parse_args(arguments).output)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
