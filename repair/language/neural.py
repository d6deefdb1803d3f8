"""Second opinions on single places of a text, from neural models run by onnxruntime (extra ``[neural]``).

The project's own encoder (`Encoder`, trained by `repair.language.neural_train`) says of every character read whether it
was printed so, what else was printed, and what is missing behind it. Any masked language model of a symbol a character
(`MaskedModel`) says what is likely at a hidden place. Either lies in a folder together with `CALIBRATION_FILE`, which
says how much its words weigh beside what is known without it (`repair.calibrate`).

Nothing here is loaded unless asked for.
"""

from __future__ import annotations

import hashlib
import json
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
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
CALIBRATION_FILE: Final = "calibration.json"
TORCH_FILES: Final = ("model.safetensors", "pytorch_model.bin")
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
    `printed` (n, signs) given that something else was printed; `gap` (n, 2) that nothing or something is missing
    behind; `behind` (n, signs) given that something is."""

    verdict: Floats
    printed: Floats
    gap: Floats
    behind: Floats


Known = dict[tuple[str, tuple[int, ...]], Seen]


class Judge:
    """A model with its calibration. `digest`: of its files, for the log."""

    def __init__(self, files: Sequence[Path], calibration: Path) -> None:
        self.calibration = _calibration(calibration)
        read = hashlib.sha256()
        for file in (*files, *([calibration] if self.calibration else [])):
            read.update(file.read_bytes())
        self.digest = read.hexdigest()[:16]

    def weights(self, name: str, features: tuple[str, ...]) -> NDArray[np.float64] | None:
        """The weights `name` of the calibration in the order of `features`; None where it has none."""
        held = self.calibration.get(name)
        if held is None:
            return None
        if set(held) != set(features):
            raise NeuralError(f"{CALIBRATION_FILE}: {name} was fitted on other features; calibrate the model again")
        return np.array([held[feature] for feature in features])


def _calibration(path: Path) -> dict[str, dict[str, float]]:
    if not path.is_file():
        return {}
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        return {str(n): {str(f): float(w) for f, w in row.items()} for n, row in data["weights"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise NeuralError(f"{path}: not a calibration ({error})") from None


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


Run = Callable[[dict[str, Ids]], NDArray[Any]]
"""From a masked model's inputs, (windows, length) each, to its logits, (windows, length, symbols)."""


def _onnx_model(file: Path, threads: int) -> tuple[set[str], Run]:
    """The names of a masked model's inputs, and the model. Raises `NeuralError`."""
    session = _session(file, threads)
    output = session.get_outputs()[0].name

    def run(feed: dict[str, Ids]) -> NDArray[Any]:
        logits: NDArray[Any] = session.run([output], feed)[0]
        return logits

    return {item.name for item in session.get_inputs()}, run


def _torch_model(folder: Path, threads: int) -> tuple[set[str], Run]:
    """The same from a folder as transformers write it. Raises `NeuralError`."""
    try:
        import torch
        from transformers import AutoModelForMaskedLM
    except ImportError as error:
        raise NeuralError(
            f"{folder}: has no {MODEL_FILE}, and {error.name} is missing that would run its weights: "
            "pip install 'repair[neural-torch]'"
        ) from None
    try:
        model = AutoModelForMaskedLM.from_pretrained(str(folder), local_files_only=True).eval()
    except Exception as error:  # whatever the libraries raise for files that they cannot read
        raise NeuralError(f"{folder}: not a masked model ({str(error).splitlines()[0]})") from None
    torch.set_num_threads(threads)

    def run(feed: dict[str, Ids]) -> NDArray[Any]:
        with torch.no_grad():
            found = model(**{name: torch.from_numpy(array) for name, array in feed.items()}).logits
        logits: NDArray[Any] = found.float().numpy()
        return logits

    return {"input_ids", "attention_mask"}, run


def _window(text: str, place: int, width: int) -> tuple[str, int]:
    """At most `width` characters of `text` around `place`, blanks left out, and where the place is in them."""
    lo, hi = max(0, place - 2 * width), place + 2 * width
    before = [ch for ch in text[lo:place] if ch == "\n" or not ch.isspace()]
    after = [ch for ch in text[place + 1 : hi] if ch == "\n" or not ch.isspace()]
    left = min(len(before), max(width // 2, width - 1 - len(after)))
    start = len(before) - left
    return "".join([*before[start:], text[place], *after[: width - 1 - left]]), left


class Encoder(Judge):
    """The project's own model, from a folder with `SETTINGS_FILE` and `QUANTISED_FILE` or `MODEL_FILE`.

    `signs`: its characters that are no Hanzi, in the order of the columns of what it says of them; `column`: where each
    stands there.
    """

    def __init__(self, folder: str | Path, *, threads: int = 1, quantised: bool = True) -> None:
        """Raises `NeuralError`."""
        folder = Path(folder)
        settings = folder / SETTINGS_FILE
        try:
            self.settings = Settings.from_json(settings.read_text(encoding="utf-8"))
        except OSError as error:
            raise NeuralError(f"{settings}: cannot be read ({error.strerror})") from None
        file = folder / QUANTISED_FILE
        if not quantised or not file.is_file():
            file = folder / MODEL_FILE
        self._session = _session(file, threads)
        super().__init__([settings, file], folder / CALIBRATION_FILE)
        self._table = symbol_table(self.settings.characters)
        self.signs = "".join(ch for ch in self.settings.characters if not "\u3400" <= ch <= "\u9fff")
        self.column = {ch: k for k, ch in enumerate(self.signs)}
        self._columns = np.array([self._table[ord(ch)] for ch in self.signs], np.int64)

    def encode(self, text: str) -> Ids:
        codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")
        return np.where(codes < _TABLE, self._table[np.minimum(codes, _TABLE - 1)], UNKNOWN)

    def seen(self, text: str, places: Sequence[int], known: Known | None = None) -> Seen:
        """What the model says of `places` in `text`, ascending, no white space among them.

        `known` remembers windows from one text to the next: most of a text stays as it was when one place is repaired.
        """
        known = {} if known is None else known
        jobs = [(window, tuple(at)) for window, at in self._windows(text, places)]
        new = list(dict.fromkeys(job for job in jobs if job not in known))
        # Windows of about one length together: the shorter ones are padded.
        new.sort(key=lambda job: len(job[0]))
        for start in range(0, len(new), BATCH):
            batch = new[start : start + BATCH]
            seen = self._run(batch)
            ends = np.cumsum([len(at) for _, at in batch])[:-1]
            for job, *parts in zip(batch, *(np.split(part, ends) for part in seen), strict=True):
                known[job] = Seen(*parts)
        if not jobs:
            n = len(self.signs)
            return Seen(*(np.zeros((0, width), np.float32) for width in (3, n, 2, n)))
        return Seen(*(np.concatenate(parts) for parts in zip(*(known[job] for job in jobs), strict=True)))

    def _run(self, jobs: Sequence[tuple[str, tuple[int, ...]]]) -> Seen:
        ids = _padded([self.encode(window) for window, _ in jobs], PAD)
        width = ids.shape[1]
        picked = np.array([k * width + place for k, (_, at) in enumerate(jobs) for place in at], np.int64)
        verdict, printed, gap, behind = self._session.run(list(Seen._fields), {"ids": ids, "picked": picked})
        return Seen(verdict, printed[:, self._columns], gap, behind[:, self._columns])

    def _windows(self, text: str, places: Sequence[int]) -> Iterator[tuple[str, list[int]]]:
        """Stretches of the text without its blanks, as long as the model is made for, and the places in each. Where one
        begins depends on lines, so that a change in one line leaves those of others as they are."""
        kept = [i for i, ch in enumerate(text) if ch == "\n" or not ch.isspace()]
        solid = "".join(text[i] for i in kept)
        margin = self.settings.context // 8
        most = self.settings.context - 2 * margin
        spot = np.searchsorted(kept, places).tolist()
        start = at = 0
        while start < len(solid) and at < len(spot):
            end = self._end(solid, start, most)
            upto = bisect_left(spot, end, at)
            if upto > at:
                begin = max(0, start - margin)
                yield solid[begin : end + margin], [place - begin for place in spot[at:upto]]
            start, at = end, upto

    @staticmethod
    def _end(solid: str, start: int, most: int) -> int:
        """Where a stretch from `start` on ends: after the last whole line that fits, or anywhere in a long line."""
        if len(solid) - start <= most:
            return len(solid)
        line = solid.rfind("\n", start, start + most) + 1
        return line if line > start else start + most


class MaskedModel(Judge):
    """A masked language model of BERT's kind with a symbol a character, from a folder with `VOCABULARY_FILE` and
    `MODEL_FILE`, from the ONNX file with the vocabulary beside it, or from a folder as Hugging Face's transformers
    write it, whose weights PyTorch then runs (extra ``[neural-torch]``)."""

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
        weights = [path / name for name in TORCH_FILES if path.is_dir() and (path / name).is_file()]
        if weights and not file.is_file():
            self._inputs, self._logits = _torch_model(path, threads)
        else:
            self._inputs, self._logits = _onnx_model(file, threads)
            weights = [file]
        super().__init__([words, *weights], (path if path.is_dir() else path.parent) / CALIBRATION_FILE)
        if not {"input_ids"} <= self._inputs <= {"input_ids", "attention_mask", "token_type_ids"}:
            raise NeuralError(f"{path}: not a masked model; its inputs are {', '.join(sorted(self._inputs))}")
        self.context = context

    def symbol(self, ch: str) -> int:
        """The model's number for a character; -1 for one that it does not know."""
        return self._ids.get(ch, self._ids.get(ch.lower(), -1))

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

    def hidden(self, asks: Sequence[Ask]) -> Floats:
        """Natural log-probability of every symbol at each place, the character there hidden from the model; (n,
        symbols)."""
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
            ids_in = _padded(rows, pad)
            feed = {
                "input_ids": ids_in,
                "attention_mask": (np.arange(ids_in.shape[1]) < np.array([[len(r)] for r in rows])).astype(np.int64),
                "token_type_ids": np.zeros_like(ids_in),
            }
            logits = self._logits({name: feed[name] for name in self._inputs})
            if logits.ndim != 3 or logits.shape[:2] != ids_in.shape:
                raise NeuralError(f"not a masked model: its output has the shape {logits.shape}")
            parts.append(log_softmax(logits[np.arange(len(rows)), places]))
        return np.concatenate(parts) if parts else np.zeros((0, len(self._ids)), np.float32)


def load(path: str | Path, *, threads: int = 1) -> Encoder | MaskedModel:
    """The model at `path`: a folder of the project's own or of a masked language model, or an ONNX file of the latter.
    Raises `NeuralError`."""
    path = Path(path)
    if not path.exists():
        raise NeuralError(f"{path}: no such model")
    if (path / SETTINGS_FILE).is_file():
        return Encoder(path, threads=threads)
    return MaskedModel(path, threads=threads)


def log_softmax(logits: NDArray[Any]) -> Floats:
    """Along the last axis."""
    top = logits - logits.max(-1, keepdims=True)
    out: Floats = (top - np.log(np.exp(top).sum(-1, keepdims=True))).astype(np.float32)
    return out


def _padded(rows: Sequence[Sequence[int] | Ids], pad: int) -> Ids:
    """Rows of symbols, all as long as the longest."""
    out = np.full((len(rows), max(map(len, rows))), pad, np.int64)
    for filled, row in zip(out, rows, strict=True):
        filled[: len(row)] = row
    return out


def _batches(items: Sequence[Any]) -> list[Any]:
    return [items[k : k + BATCH] for k in range(0, len(items), BATCH)]
