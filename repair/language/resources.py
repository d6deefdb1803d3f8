"""The dictionaries and models on disk, each loaded on first use and kept for the life of the process.

Large tables are memory-mapped, so worker processes share them. A `Resources` pickles as its folder.
"""

from __future__ import annotations

import hashlib
import json
import threading
from functools import cached_property, lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from .channel import Channel
    from .near import Near
    from .neural import Encoder, MaskedModel
    from .ngram import NgramModel
    from .script import Script
    from .slips import Slips
    from .words import Words

NEURAL = "neural"
"""Name of the neural model's folder among the dictionaries, and in the log."""

_LOCK = threading.RLock()


class ResourceError(ValueError):
    """A dictionary or model that cannot be read; the message names the file."""


def dictionary_folder() -> Path:
    """Where the shipped dictionaries lie: inside the installed package, or beside it in a source tree."""
    here = Path(__file__).resolve().parent.parent
    inside = here / "dictionaries"
    return inside if inside.is_dir() else here.parent / "dictionaries"


class Resources:
    """Everything in one dictionary folder, loaded lazily; safe to share between threads.

    `neural`: where a neural model lies that is asked for a second opinion (`repair.language.neural`); when None, the
    folder `NEURAL` of the dictionaries, if there is one and onnxruntime is installed; when False, none is.
    """

    def __init__(self, folder: str | Path | None = None, neural: str | Path | Literal[False] | None = None) -> None:
        self.folder = Path(folder) if folder is not None else dictionary_folder()
        if not self.folder.is_dir():
            raise ResourceError(f"{self.folder}: no such dictionary folder")
        self.neural = Path(neural) if isinstance(neural, str | Path) else neural

    def __reduce__(self) -> tuple[Any, ...]:
        return resources, (str(self.folder), str(self.neural) if isinstance(self.neural, Path) else self.neural)

    @cached_property
    def judge(self) -> Encoder | MaskedModel | None:
        """The neural model; None where there is none. Raises `NeuralError` for one that cannot be used."""
        path = self.folder / NEURAL if self.neural is None else self.neural
        if path is False or (self.neural is None and not (path.is_dir() and find_spec("onnxruntime"))):
            return None
        from .neural import CALIBRATION_FILE, NeuralError

        folder = path if path.is_dir() else path.parent
        with _LOCK:
            times = [p.stat().st_mtime_ns for p in sorted(folder.iterdir())] if folder.is_dir() else []
            judge = _judge(str(path), tuple(times))
        if not judge.calibration:
            raise NeuralError(f"{path}: has no {CALIBRATION_FILE}; repair train --calibrate {path} PAGES makes one")
        return judge

    def path(self, name: str) -> Path:
        """Path of one file; raises `ResourceError` where it is missing."""
        path = self.folder / name
        if not path.is_file():
            raise ResourceError(f"{path}: missing dictionary file")
        return path

    @cached_property
    def model(self) -> NgramModel:
        """The character n-gram language model."""
        from .ngram import NgramModel

        with _LOCK:
            return NgramModel.load(self.path("zh.ngram"))

    @cached_property
    def channel(self) -> Channel:
        """What a character that was read may have been printed as."""
        from .channel import Channel

        with _LOCK:
            return Channel.load(self.folder)

    @cached_property
    def words(self) -> Words:
        """jieba's dictionary and segmentation."""
        from .words import Words

        with _LOCK:
            return Words(self.folder)

    @cached_property
    def near(self) -> Near:
        """The characters most easily misread as each character."""
        from .near import Near

        with _LOCK:
            return Near.load(self.folder)

    @cached_property
    def slips(self) -> Slips:
        """How often characters are dropped, read without cause, or read as two."""
        from .slips import SLIPS_FILE, Slips, SlipsError

        with _LOCK:
            try:
                return Slips(self.table(SLIPS_FILE, 4))
            except SlipsError as error:
                raise ResourceError(f"{self.folder / SLIPS_FILE}: {error}") from None

    @cached_property
    def script(self) -> Script:
        """Which characters are simplified or traditional only, from OpenCC."""
        from .script import Script

        with _LOCK:
            return Script()

    @cached_property
    def stray_words(self) -> dict[str, dict[str, float]]:
        """English function word (lower case) -> Chinese candidate -> weight in (0, 1]; "" stands for nothing."""
        table = {}
        for word, candidates, *_ in self.table("stray_words.tsv", 2):
            weights = {}
            for item in candidates.split(" "):
                text, _, weight = item.partition("=")
                try:
                    weights["" if text == "∅" else text] = float(weight or 1)
                except ValueError:
                    raise ResourceError(f"{self.folder / 'stray_words.tsv'}: bad weight in {item!r}") from None
            table[word.lower()] = weights
        return table

    @cached_property
    def surnames(self) -> frozenset[str]:
        """Characters that are frequent family names."""
        return frozenset("".join(row[0] for row in self.table("surnames.txt", 1)).replace(" ", ""))

    def weights(self, name: str, features: tuple[str, ...]) -> NDArray[np.float64]:
        """Weights of the logistic model `name` in ``weights.json``, in the order of `features`.

        Raises `ResourceError` where the model is missing or was fitted on other features.
        """
        import numpy as np

        model = self._weights.get(name)
        if model is None or set(model["weights"]) != set(features):
            raise ResourceError(
                f"{self.folder / 'weights.json'}: no model {name!r} with features {', '.join(features)}"
            )
        return np.array([model["weights"][feature] for feature in features], dtype=np.float64)

    @cached_property
    def _weights(self) -> dict[str, Any]:
        path = self.path("weights.json")
        try:
            return dict(json.loads(path.read_text(encoding="utf-8")))
        except ValueError as error:
            raise ResourceError(f"{path}: {error}") from None

    def table(self, name: str, columns: int) -> list[list[str]]:
        """Rows of a tab-separated file; ``#`` starts a comment line. Raises `ResourceError` with file and line."""
        rows = []
        path = self.path(name)
        try:
            content = path.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            raise ResourceError(f"{path}: not UTF-8 (byte {error.start})") from None
        for number, line in enumerate(content.split("\n"), start=1):
            if not line.strip() or line.startswith("#"):
                continue
            row = line.rstrip("\r").split("\t")
            if len(row) < columns:
                raise ResourceError(f"{path}:{number}: expected {columns} columns, got {len(row)}")
            rows.append(row)
        return rows

    def digests(self) -> dict[str, str]:
        """File name -> first 16 hex digits of its SHA-256, for the log; `NEURAL` stands for all of a neural model."""
        digests = {
            p.name: _digest(str(p), p.stat().st_mtime_ns) for p in sorted(self.folder.iterdir()) if p.suffix in _DATA
        }
        return digests if self.judge is None else {**digests, NEURAL: self.judge.digest}


_DATA = frozenset({".tsv", ".txt", ".ngram", ".bin", ".json", ".npy", ".marisa"})


@lru_cache(maxsize=64)
def _digest(path: str, _mtime: int) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


@lru_cache(maxsize=2)
def _judge(path: str, _mtimes: tuple[int, ...]) -> Encoder | MaskedModel:
    from .neural import load

    return load(path)


@lru_cache(maxsize=8)
def resources(folder: str, neural: str | Literal[False] | None = None) -> Resources:
    """The `Resources` of `folder`, one object per process."""
    return Resources(folder, neural)


def default_resources() -> Resources:
    """The shipped dictionaries."""
    return resources(str(dictionary_folder()), None)
