"""A step for pipelines of `datatrove`.

What the repairer would write to new columns goes into the metadata, under the columns' names; its `witnesses` are
looked up there too.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .columns import Repairer
from .extras import needed

_STEP: Any = needed("datatrove.pipeline.base", "datatrove").PipelineStep


class RepairStep(_STEP):  # type: ignore[misc]
    """Repairs the text of each document, or writes to its metadata where the repairer has another `output`.

    The repairer's `text` must be ``text``, as documents have it.
    """

    name = "repair"
    type = "✂️ - FORMAT"

    def __init__(self, repairer: Repairer | None = None) -> None:
        super().__init__()
        self.repairer = repairer or Repairer()
        if self.repairer.text != "text":
            raise ValueError(f"the text of a document is called 'text', not {self.repairer.text!r}")

    def run(self, data: Any, rank: int = 0, world_size: int = 1) -> Iterator[Any]:
        """Yields the documents of `data`, repaired, and counts them."""
        for document in data or ():
            with self.track_time():
                self._repair(document)
            yield document

    def _repair(self, document: Any) -> None:
        repairer, metadata = self.repairer, document.metadata
        repairer.check(metadata)
        outcome = repairer.one(document.text, metadata.get(repairer.witnesses))
        new = repairer.new([document.text], [outcome])
        self.stat_update("total")
        self.stat_update("repaired", value=int(outcome.text != document.text))
        self.stat_update("corrections", value=outcome.corrections)
        if outcome.error is not None:
            self.stat_update("failed")
        for name, (values, kind) in new.items():
            if name == repairer.text:
                document.text = values[0]
            else:
                # Writers take the types of columns from the first documents: no null where strings may follow.
                metadata[name] = "" if kind == "string" and values[0] is None else values[0]
