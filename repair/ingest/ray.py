"""Ray Data.

``dataset.map_batches(repairer)`` works as well; `repaired` keeps the columns' types (as Arrow has them, not numpy) and
runs in actors, which load the models once and are started anew when they die.
"""

from __future__ import annotations

from typing import Any

from .columns import Repairer
from .extras import needed

BATCH = 256
"""Records that a worker takes at a time, and at most repeats after it has died."""


class Worker:
    """What an actor holds."""

    def __init__(self, repairer: Repairer) -> None:
        self.repairer = repairer

    def __call__(self, batch: Any) -> Any:
        return self.repairer(batch)


def repaired(dataset: Any, repairer: Repairer, *, workers: int = 1, batch_size: int = BATCH, **options: Any) -> Any:
    """`dataset` with the text repaired by that many `workers`. `options` go to its ``map_batches``."""
    data = needed("ray.data", "ray")
    return dataset.map_batches(
        Worker,
        fn_constructor_args=(repairer,),
        batch_format="pyarrow",
        batch_size=batch_size,
        compute=data.ActorPoolStrategy(size=workers),
        **options,
    )
