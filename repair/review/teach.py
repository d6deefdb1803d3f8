"""From a board's decisions to the project's dictionary folder: what `learn` proposes for it, and what is confirmed."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from repair.language.lexicon import FILES, Lexicon

from .batch import Board
from .learn import Entry, merge_entries, propose


class Teacher:
    """What the decisions about a board's documents teach, for one dictionary folder, which need not be there yet."""

    def __init__(self, board: Board, folder: str | os.PathLike[str]) -> None:
        self.board, self.folder = board, Path(folder)
        self.lexicon()  # one that cannot be read shows now

    def lexicon(self) -> Lexicon:
        """The words of the folder as they are now. Raises `LexiconError`."""
        there = any((self.folder / name).is_file() for name in FILES)
        return Lexicon.load(self.folder) if there else Lexicon()

    def entries(self) -> list[Entry]:
        """The lines that follow from the decisions, with their evidence; nothing that is there already."""
        batch = self.board.batch
        decisions = self.board.store.decisions()
        decided = {d.document for d in decisions}
        own = [document for document in batch.documents if document.key in decided]
        context = {d.key: source.text for d in own if (source := batch.source(d)) is not None}
        lexicon = self.lexicon()
        # Offsets are in the confidences that were decided about only if the runs knew them.
        digests = {r.sha256 for header in batch.headers for r in header.resources if r.name == "lexicon"}
        shifts = lexicon.calibration if lexicon.digest in digests else {}
        keys = {document.key for document in own}
        return propose(
            [d for d in decisions if d.document in keys],
            context,
            earlier=[d for d in decisions if d.document not in keys],
            lexicon=lexicon,
            shifts=shifts,
        )

    def confirm(self, entries: Iterable[Entry]) -> list[Path]:
        """Write entries that a person confirmed; returns the files changed. Raises `LexiconError`, `InputError`."""
        return merge_entries(self.folder, entries)
