"""Second opinions on single places of a text, from neural models run by onnxruntime (extra ``[neural]``).

Two kinds of model, one interface (`Judge`): the project's own encoder (`Encoder`, trained by
`repair.language.neural_train`), which says of every character read whether it was printed so, what else was printed,
and what is missing behind it; and any masked language model in a folder with ``vocab.txt`` and ``model.onnx``
(`MaskedModel`). Both are asked for what stands at a hidden place.

Nothing here is loaded unless asked for.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

PAD, UNKNOWN, HIDDEN, LINE_END = range(4)
"""Symbols of the encoder before its characters."""
FIRST_CHARACTER: Final = 4
KEEP, REPLACE, DELETE = range(3)
MODEL_FILE: Final = "model.onnx"
QUANTISED_FILE: Final = "model.int8.onnx"
SETTINGS_FILE: Final = "neural.json"
VOCABULARY_FILE: Final = "vocab.txt"
BATCH: Final = 16
"""Windows looked at together."""
_TABLE = 0x10000

Floats = NDArray[np.float32]
Ids = NDArray[np.int64]


class NeuralError(ValueError):
    """A model that cannot be used; the message is one line."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Size of the encoder, and its characters, most frequent first."""

    characters: str
    layers: int = 4
    width: int = 192
    heads: int = 6
    inner: int = 768
    context: int = 256

    @property
    def symbols(self) -> int:
        return FIRST_CHARACTER + len(self.characters)

    def to_json(self) -> str:
        return json.dumps({"version": 1, **asdict(self)}, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Settings:
        """Raises `NeuralError`."""
        try:
            data = json.loads(text)
            if data.pop("version") != 1:
                raise NeuralError("settings of another version")
            return cls(**data)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise NeuralError(f"not the settings of an encoder ({error})") from None


def symbol_table(characters: str) -> NDArray[np.int64]:
    """Code point (below 0x10000) -> symbol."""
    table = np.full(_TABLE, UNKNOWN, np.int64)
    table[10] = LINE_END
    for number, ch in enumerate(characters):
        if ord(ch) < _TABLE:
            table[ord(ch)] = FIRST_CHARACTER + number
    return table


class Ask(NamedTuple):
    """A place of a text; `place` counts its code points."""

    text: str
    place: int


class Seen(NamedTuple):
    """Natural log-probabilities at places read, a row each: `verdict` (n, 3) for `KEEP`, `REPLACE` and `DELETE`;
    `printed` (n, symbols) given that something else was printed; `gap` (n, 2) that nothing or something is missing
    behind; `behind` (n, symbols) given that something is."""

    verdict: Floats
    printed: Floats
    gap: Floats
    behind: Floats


class Judge(ABC):
    """A model that knows what is likely at a hidden place."""

    context: int

    @abstractmethod
    def symbol(self, ch: str) -> int:
        """The model's number for a character; -1 for one that it does not know."""

    @abstractmethod
    def hidden(self, asks: Sequence[Ask]) -> Floats:
        """Natural log-probability of every symbol at each place, the character there hidden from the model; (n,
        symbols)."""

    def shift(self, asks: Sequence[Ask], pairs: Sequence[tuple[str, str]]) -> Floats:
        """For each place and pair of characters (as read, as proposed): how much likelier the proposed one is, how much
        likelier it is than the best of the others, and its log-probability; (n, 3). Unknown characters count as the
        least likely."""
        rows = self.hidden(asks)
        out = np.zeros((len(asks), 3), np.float32)
        for k, (row, (read, new)) in enumerate(zip(rows, pairs, strict=True)):
            old_id, new_id = self.symbol(read), self.symbol(new)
            least = float(row.min())
            old, own = (float(row[i]) if i >= 0 else least for i in (old_id, new_id))
            others = row.copy()
            others[[i for i in (old_id, new_id) if i >= 0]] = -np.inf
            out[k] = (own - old, own - float(others.max()), own)
        return out


def _session(path: Path, threads: int) -> Any:
    try:
        import onnxruntime
    except ImportError:
        raise NeuralError("onnxruntime is missing: pip install 'repair[neural]'") from None
    if not path.is_file():
        raise NeuralError(f"{path}: no such model")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own classes have no common base
        raise NeuralError(f"{path}: not a model that onnxruntime can run ({str(error).splitlines()[0]})") from None


def _window(text: str, place: int, width: int) -> tuple[str, int]:
    """At most `width` characters of `text` around `place`, blanks left out, and where the place is in them."""
    lo, hi = max(0, place - 2 * width), place + 2 * width
    before = [ch for ch in text[lo:place] if ch == "\n" or not ch.isspace()]
    after = [ch for ch in text[place + 1 : hi] if ch == "\n" or not ch.isspace()]
    left = min(len(before), max(width // 2, width - 1 - len(after)))
    start = len(before) - left
    return "".join([*before[start:], text[place], *after[: width - 1 - left]]), left


class Encoder(Judge):
    """The project's own model, from a folder with `SETTINGS_FILE` and `QUANTISED_FILE` or `MODEL_FILE`."""

    def __init__(self, folder: str | Path, *, threads: int = 1, quantised: bool = True) -> None:
        """Raises `NeuralError`."""
        folder = Path(folder)
        try:
            self.settings = Settings.from_json((folder / SETTINGS_FILE).read_text(encoding="utf-8"))
        except OSError as error:
            raise NeuralError(f"{folder / SETTINGS_FILE}: cannot be read ({error.strerror})") from None
        small = folder / QUANTISED_FILE
        self._session = _session(small if quantised and small.is_file() else folder / MODEL_FILE, threads)
        self.context = self.settings.context
        self._table = symbol_table(self.settings.characters)

    def symbol(self, ch: str) -> int:
        known = int(self._table[ord(ch)]) if len(ch) == 1 and ord(ch) < _TABLE else UNKNOWN
        return known if known >= FIRST_CHARACTER else -1

    def encode(self, text: str) -> Ids:
        codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")
        return np.where(codes < _TABLE, self._table[np.minimum(codes, _TABLE - 1)], UNKNOWN)

    def _run(self, windows: Sequence[Ids], picked: Sequence[Sequence[int]]) -> Seen:
        """The model's four outputs at the `picked` places of each of the `windows`."""
        width = max(len(w) for w in windows)
        ids = np.full((len(windows), width), PAD, np.int64)
        for row, window in zip(ids, windows, strict=True):
            row[: len(window)] = window
        flat = np.array([k * width + place for k, places in enumerate(picked) for place in places], np.int64)
        return Seen(*self._session.run(list(Seen._fields), {"ids": ids, "picked": flat}))

    def hidden(self, asks: Sequence[Ask]) -> Floats:
        parts = []
        for some in _batches(asks):
            windows, places = [], []
            for ask in some:
                text, place = _window(ask.text, ask.place, self.context)
                ids = self.encode(text)
                ids[place] = HIDDEN
                windows.append(ids)
                places.append([place])
            parts.append(self._run(windows, places).printed)
        return np.concatenate(parts) if parts else np.zeros((0, self.settings.symbols), np.float32)

    def seen(self, asks: Sequence[Ask]) -> Seen:
        """What the model says of each place with the character there in sight. Places near each other in one text
        share a window."""
        found: list[tuple[Seen, list[int]]] = []
        for some in _batches(self._shared(asks)):
            windows = [self.encode(text) for text, _, _ in some]
            seen = self._run(windows, [places for _, places, _ in some])
            found.append((seen, [k for _, _, numbers in some for k in numbers]))
        if not found:
            n = self.settings.symbols
            return Seen(*(np.zeros((0, width), np.float32) for width in (3, n, 2, n)))
        order = np.argsort(np.concatenate([numbers for _, numbers in found]), kind="stable")
        return Seen(*(np.concatenate(columns)[order] for columns in zip(*(s for s, _ in found), strict=True)))

    def _shared(self, asks: Sequence[Ask]) -> list[tuple[str, list[int], list[int]]]:
        """Windows with the places asked for in each, and the numbers of the asks."""
        by_text: dict[str, list[int]] = {}
        for k, ask in enumerate(asks):
            by_text.setdefault(ask.text, []).append(k)
        out = []
        margin = self.context // 4
        for text, numbers in by_text.items():
            kept = [i for i, ch in enumerate(text) if ch == "\n" or not ch.isspace()]
            spot = {place: k for k, place in enumerate(kept)}
            solid = "".join(text[i] for i in kept)
            numbers = sorted((k for k in numbers if asks[k].place in spot), key=lambda k: asks[k].place)
            at = 0
            while at < len(numbers):
                first = spot[asks[numbers[at]].place]
                start = max(0, min(first - margin, len(solid) - self.context))
                end, upto = start + self.context, at
                while upto < len(numbers) and (p := spot[asks[numbers[upto]].place]) < end:
                    if p > end - margin and end < len(solid) and upto > at:
                        break
                    upto += 1
                group = numbers[at:upto]
                out.append((solid[start:end], [spot[asks[k].place] - start for k in group], group))
                at = upto
        return out


class MaskedModel(Judge):
    """A masked language model of BERT's kind with a symbol a character, from a folder with `VOCABULARY_FILE` and
    `MODEL_FILE` (or from the ONNX file, the vocabulary beside it)."""

    def __init__(self, path: str | Path, *, threads: int = 1, context: int = 254) -> None:
        """Raises `NeuralError`."""
        path = Path(path)
        file = path / MODEL_FILE if path.is_dir() else path
        if path.is_dir() and not file.is_file() and (path / "onnx" / MODEL_FILE).is_file():
            file = path / "onnx" / MODEL_FILE  # where exporters put it
        words = next(
            (p / VOCABULARY_FILE for p in (file.parent, path, path.parent) if (p / VOCABULARY_FILE).is_file()), None
        )
        if words is None:
            raise NeuralError(f"{file.parent / VOCABULARY_FILE}: no such vocabulary")
        try:
            lines = words.read_text(encoding="utf-8").split("\n")
        except (OSError, UnicodeDecodeError) as error:
            raise NeuralError(f"{words}: cannot be read ({error})") from None
        self._ids = {word.rstrip("\r"): number for number, word in enumerate(lines) if word.rstrip("\r")}
        missing = [name for name in ("[CLS]", "[SEP]", "[MASK]", "[PAD]", "[UNK]") if name not in self._ids]
        if missing:
            raise NeuralError(f"{words}: not the vocabulary of a masked model, {' '.join(missing)} missing")
        self._session = _session(file, threads)
        self._inputs = {item.name for item in self._session.get_inputs()}
        if not {"input_ids"} <= self._inputs <= {"input_ids", "attention_mask", "token_type_ids"}:
            raise NeuralError(f"{file}: not a masked model; its inputs are {', '.join(sorted(self._inputs))}")
        self._output = self._session.get_outputs()[0].name
        self.context = context

    def symbol(self, ch: str) -> int:
        return self._ids.get(ch, self._ids.get(ch.lower(), -1))

    def hidden(self, asks: Sequence[Ask]) -> Floats:
        begin, end, mask, pad, unknown = (self._ids[f"[{name}]"] for name in ("CLS", "SEP", "MASK", "PAD", "UNK"))
        parts = []
        for some in _batches(asks):
            rows, places = [], []
            for ask in some:
                text, place = _window(ask.text, ask.place, self.context)
                place -= text.count("\n", 0, place)
                text = text.replace("\n", "") or " "
                ids = [known if (known := self.symbol(ch)) >= 0 else unknown for ch in text]
                ids[place] = mask
                rows.append([begin, *ids, end])
                places.append(place + 1)
            width = max(map(len, rows))
            ids_in = np.full((len(rows), width), pad, np.int64)
            for row, filled in zip(ids_in, rows, strict=True):
                row[: len(filled)] = filled
            feed = {
                "input_ids": ids_in,
                "attention_mask": (np.arange(width) < np.array([[len(r)] for r in rows])).astype(np.int64),
                "token_type_ids": np.zeros_like(ids_in),
            }
            (logits,) = self._session.run([self._output], {name: feed[name] for name in self._inputs})
            if logits.ndim != 3 or logits.shape[:2] != ids_in.shape:
                raise NeuralError(f"not a masked model: its output has the shape {logits.shape}")
            parts.append(log_softmax(logits[np.arange(len(rows)), places]))
        return np.concatenate(parts) if parts else np.zeros((0, len(self._ids)), np.float32)


def load(path: str | Path, *, threads: int = 1) -> Judge:
    """The model at `path`: a folder of the project's own or of a masked language model, or an ONNX file of the latter.
    Raises `NeuralError`."""
    path = Path(path)
    if (path / SETTINGS_FILE).is_file():
        return Encoder(path, threads=threads)
    return MaskedModel(path, threads=threads)


def log_softmax(logits: NDArray[Any]) -> Floats:
    """Along the last axis."""
    top = logits - logits.max(-1, keepdims=True)
    out: Floats = (top - np.log(np.exp(top).sum(-1, keepdims=True))).astype(np.float32)
    return out


def _batches(items: Sequence[Any]) -> list[Any]:
    return [items[k : k + BATCH] for k in range(0, len(items), BATCH)]
