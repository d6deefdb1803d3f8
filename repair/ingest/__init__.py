"""Columns of text through the pipeline, in whatever form an engine hands them over.

`Repairer` is the callable; ``hf.py``, ``ray.py``, ``spark.py``, ``polars.py`` and ``datatrove.py`` put it into one
engine each and need what the extra of the same name installs (``datasets`` for ``hf.py``). Nothing here imports one.
"""

from .columns import Failure, Repairer, revert

__all__ = ["Failure", "Repairer", "revert"]
