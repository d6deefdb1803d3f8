"""Hugging Face `datasets`.

``dataset.map(repairer, batched=True)`` works as well; `repaired` adds the types of the new columns, which `datasets`
would otherwise guess from the first batch (and guess wrong where that has no text at all).
"""

from __future__ import annotations

from typing import Any

from .columns import Repairer
from .extras import needed


def repaired(dataset: Any, repairer: Repairer, **options: Any) -> Any:
    """`dataset` (a `Dataset`, an `IterableDataset`, or a dictionary of them) with the text repaired.

    `options` go to its ``map``: ``num_proc``, ``batch_size``, ...
    """
    datasets = needed("datasets", "datasets")
    if isinstance(dataset, dict):
        return type(dataset)({name: repaired(part, repairer, **options) for name, part in dataset.items()})
    # An IterableDataset may not know its types; then those of the new columns are all that could be said.
    features = dataset.features and features_of(dataset.features, repairer, datasets)
    return dataset.map(repairer, batched=True, features=features, **options)


def features_of(features: Any, repairer: Repairer, datasets: Any = None) -> Any:
    """The types of all columns of the result, of a dataset with these `features`."""
    datasets = datasets or needed("datasets", "datasets")
    values = {"string": datasets.Value("string"), "count": datasets.Value("int64"), "text": features.get(repairer.text)}
    return datasets.Features({**features, **{name: values[kind] for name, kind in repairer.added.items()}})
