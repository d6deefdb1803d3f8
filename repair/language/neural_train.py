"""Training of the encoder of `repair.language.neural` (extra ``[neural-train]``: PyTorch, onnx, onnxruntime).

    python -m repair.language.neural_train prepare TEXT... -o DATA.xz [--limit MIB]
    python -m repair.language.neural_train train DATA... -o FOLDER [--steps N] [--device cuda] ...
    python -m repair.language.neural_train export FOLDER

``repair train --neural`` is the second with what is usual.

Text is damaged as it is needed (`repair.language.damage`). A batch depends on the seed and its number alone, so a run
that was interrupted goes on from its last checkpoint as if nothing had happened, whatever the number of workers.
Besides what is damaged, some characters are hidden, so that most of what a batch teaches is the language.
"""

from __future__ import annotations

import argparse
import csv
import lzma
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional as F

from repair.language.damage import (
    MARK,
    Confusions,
    Profile,
    Rates,
    classes_of,
    codes_of,
    damage,
    drawn,
    labels,
    lined,
    text_of,
)
from repair.language.neural import (
    DELETE,
    FIRST_CHARACTER,
    HIDDEN,
    KEEP,
    MODEL_FILE,
    PAD,
    QUANTISED_FILE,
    REPLACE,
    SETTINGS_FILE,
    UNKNOWN,
    Settings,
    symbol_table,
)
from repair.language.resources import default_resources
from repair.language.train import read_blocks

IGNORED: Final = -100
CHECKPOINT: Final = "checkpoint.pt"
CURVE_FILE: Final = "curve.csv"
CURVE_COLUMNS: Final = ("step", "characters", "seconds", "loss", "verdict", "printed", "hidden", "gap", "behind")


@dataclass(frozen=True, slots=True)
class Plan:
    """How a model is trained. `hide`, `hide_marks`: share of characters hidden, and of marks; `clean`: share of windows
    without damage; `marked`: share of those damaged in which marks are damaged more than on pages (`worse_marks`);
    `lines`: share of windows broken into lines; `held_out`: share of the text, at its end, that is only measured on."""

    steps: int = 32000
    batch: int = 8
    rate: float = 2e-3
    warm_up: int = 150
    decay: float = 0.01
    clip: float = 1.0
    hide: float = 0.07
    hide_marks: float = 0.3
    clean: float = 0.1
    marked: float = 0.6
    lines: float = 0.5
    held_out: float = 0.005
    seed: int = 1
    every: int = 50
    save_every: int = 500
    half: bool = True
    device: str = "cpu"
    threads: int = 1
    workers: int = 0


class Batch(NamedTuple):
    """Windows of text, (windows, context) each: symbols as read, and what is to be said of them (`IGNORED`: nothing).
    `hidden`: symbols printed where one is hidden; the others as in `repair.language.neural.Seen`."""

    ids: NDArray[np.int64]
    verdict: NDArray[np.int64]
    printed: NDArray[np.int64]
    hidden: NDArray[np.int64]
    gap: NDArray[np.int64]
    behind: NDArray[np.int64]


class Batches(torch.utils.data.Dataset):  # type: ignore[misc]
    """Batch number -> `Batch`, from text as an array of code points."""

    def __init__(self, text: NDArray[np.uint16], settings: Settings, plan: Plan) -> None:
        resources = default_resources()
        self.text, self.settings, self.plan = text, settings, plan
        self.rates = Rates.load(resources.slips.split)
        self.confusions = Confusions(resources.near)
        self.table = symbol_table(settings.characters)

    def __len__(self) -> int:
        return self.plan.steps

    def __getitem__(self, number: int) -> Batch:
        rng = np.random.default_rng([self.plan.seed, number])
        context, size = self.settings.context, self.plan.batch
        out = Batch(*(np.full((size, context), PAD if k == 0 else IGNORED, np.int64) for k in range(6)))
        for row in range(size):
            self._fill(rng, row, out)
        return out

    def _fill(self, rng: np.random.Generator, row: int, out: Batch) -> None:
        context = self.settings.context
        start = int(rng.integers(max(1, len(self.text) - context)))
        truth = self.text[start : start + context].astype(np.int32)
        if rng.random() < self.plan.lines:
            truth = codes_of(lined(text_of(truth), int(rng.integers(12, 46))))
        profile: Profile | None = None
        if self.plan.marked and rng.random() < self.plan.marked:
            profile = worse_marks(drawn(rng, self.rates))
        if rng.random() < self.plan.clean:
            printed = truth
            read, behind = truth, np.zeros(len(truth), np.int32)
        else:
            damaged = damage(truth, rng, self.rates, self.confusions, profile)
            printed, behind = labels(damaged)
            read = damaged.read
        read, printed, behind = read[:context], printed[:context], behind[:context]
        n = len(read)
        ids, was = self.table[np.minimum(read, 0xFFFF)], self.table[np.minimum(printed, 0xFFFF)]
        missing = self.table[np.minimum(behind, 0xFFFF)]
        verdict = np.where(printed == 0, DELETE, np.where(printed == read, KEEP, REPLACE))
        share = np.where(classes_of(printed) == MARK, self.plan.hide_marks, self.plan.hide)
        hide = (rng.random(n) < share) & (was >= FIRST_CHARACTER) & (printed != 0)
        out.ids[row, :n] = np.where(hide, HIDDEN, ids)
        out.verdict[row, :n] = np.where(hide, IGNORED, verdict)
        out.printed[row, :n] = np.where(~hide & (verdict == REPLACE) & (was != UNKNOWN), was, IGNORED)
        out.hidden[row, :n] = np.where(hide, was, IGNORED)
        # What follows the last character of the window is not known.
        out.gap[row, : max(0, n - 1)] = (behind[: max(0, n - 1)] != 0).astype(np.int64)
        out.behind[row, :n] = np.where((behind != 0) & (missing != UNKNOWN), missing, IGNORED)
        out.behind[row, max(0, n - 1) :] = IGNORED


def worse_marks(profile: Profile) -> Profile:
    """`profile` with several times as many marks misread, dropped and made up: a page has too few to learn from."""
    start, dropped = profile.start.copy(), profile.dropped.copy()
    start[MARK] = np.minimum(3 * start[MARK] + 0.05, 0.5)
    dropped[MARK] = np.maximum(dropped[MARK], 0.4)
    return profile._replace(start=start, dropped=dropped, spurious=np.minimum(3 * profile.spurious + 0.002, 0.2))


class Layer(nn.Module):  # type: ignore[misc]
    """Attention with rotary positions and a feed-forward part, each after a norm and added."""

    def __init__(self, s: Settings) -> None:
        super().__init__()
        self.heads = s.heads
        self.before, self.between = nn.LayerNorm(s.width), nn.LayerNorm(s.width)
        self.mixed, self.joined = nn.Linear(s.width, 3 * s.width, bias=False), nn.Linear(s.width, s.width, bias=False)
        self.up, self.down = nn.Linear(s.width, s.inner), nn.Linear(s.inner, s.width)

    def forward(self, x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        windows, length, width = x.shape
        mixed = self.mixed(self.before(x)).view(windows, length, 3, self.heads, width // self.heads)
        q, k, v = mixed.permute(2, 0, 3, 1, 4).unbind(0)
        q, k = _turned(q, cos, sin), _turned(k, cos, sin)
        found = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        x = x + self.joined(found.transpose(1, 2).reshape(windows, length, width))
        x = x + self.down(F.gelu(self.up(self.between(x)), approximate="tanh"))
        return x


def _turned(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    left, right = x.chunk(2, dim=-1)
    cos, sin = cos.to(x.dtype), sin.to(x.dtype)
    return torch.cat([left * cos - right * sin, right * cos + left * sin], dim=-1)


class Network(nn.Module):  # type: ignore[misc]
    """The encoder. `forward` gives the four outputs of `repair.language.neural.Seen` at picked places."""

    def __init__(self, s: Settings) -> None:
        super().__init__()
        self.settings = s
        self.embedding = nn.Embedding(s.symbols, s.width, padding_idx=PAD)
        self.layers = nn.ModuleList(Layer(s) for _ in range(s.layers))
        self.after = nn.LayerNorm(s.width)
        self.verdict, self.gap = nn.Linear(s.width, 3), nn.Linear(s.width, 2)
        self.printed = nn.Sequential(nn.Linear(s.width, s.width), nn.GELU(approximate="tanh"), nn.LayerNorm(s.width))
        self.behind = nn.Sequential(nn.Linear(s.width, s.width), nn.GELU(approximate="tanh"), nn.LayerNorm(s.width))
        self.bias = nn.Parameter(torch.zeros(2, s.symbols))
        half = s.width // s.heads // 2
        speed = 10000.0 ** (-torch.arange(half, dtype=torch.float32) / half)
        angle = torch.arange(2 * s.context, dtype=torch.float32)[:, None] * speed
        self.register_buffer("cos", angle.cos(), persistent=False)
        self.register_buffer("sin", angle.sin(), persistent=False)
        for name, weight in self.named_parameters():
            if weight.dim() == 2 and name != "bias":
                nn.init.normal_(weight, std=0.02)
        for layer in self.layers:
            for part in (layer.joined, layer.down):
                nn.init.normal_(part.weight, std=0.02 / (2 * s.layers) ** 0.5)

    def states(self, ids: torch.Tensor) -> torch.Tensor:
        mask = (ids != PAD)[:, None, None, :]
        x = self.embedding(ids)
        length = ids.shape[1]
        cos, sin = self.cos[:length], self.sin[:length]
        for layer in self.layers:
            x = layer(x, cos, sin, mask)
        out: torch.Tensor = self.after(x)
        return out

    def symbols(self, states: torch.Tensor, which: int) -> torch.Tensor:
        """Logits of all symbols: printed there (0) or behind (1)."""
        head = (self.printed, self.behind)[which]
        return F.linear(head(states), self.embedding.weight) + self.bias[which]

    def forward(self, ids: torch.Tensor, picked: torch.Tensor) -> tuple[torch.Tensor, ...]:
        x = self.states(ids)
        x = x.reshape(-1, x.shape[-1])[picked]
        logits = (self.verdict(x), self.symbols(x, 0), self.gap(x), self.symbols(x, 1))
        return tuple(F.log_softmax(part, dim=-1) for part in logits)

    def losses(self, batch: Sequence[torch.Tensor]) -> dict[str, torch.Tensor]:
        """Mean loss in nats of each part, over the places where it has something to say."""
        ids, verdict, printed, hidden, gap, behind = batch
        x = self.states(ids)
        x = x.reshape(-1, x.shape[-1])
        found = {
            "verdict": F.cross_entropy(self.verdict(x).float(), verdict.reshape(-1), ignore_index=IGNORED),
            "gap": F.cross_entropy(self.gap(x).float(), gap.reshape(-1), ignore_index=IGNORED),
        }
        for name, wanted, which in (("printed", printed, 0), ("hidden", hidden, 0), ("behind", behind, 1)):
            wanted = wanted.reshape(-1)
            some = torch.nonzero(wanted != IGNORED).squeeze(1)
            if len(some):
                found[name] = F.cross_entropy(self.symbols(x[some], which).float(), wanted[some])
            else:
                found[name] = x.sum() * 0.0
        return found


WEIGHTS: Final = {"verdict": 4.0, "printed": 0.5, "hidden": 1.0, "gap": 4.0, "behind": 0.25}
"""What each part counts for in the loss."""


def read_text(paths: Sequence[Path], limit: int) -> NDArray[np.uint16]:
    """At most `limit` characters of the texts, each in proportion to its size, as code points; white space but line
    ends left out, and so are characters beyond 0xFFFF."""
    sizes = [path.stat().st_size for path in paths]
    parts = []
    for path, size in zip(paths, sizes, strict=True):
        left = int(limit * size / sum(sizes))
        for block in read_blocks(path):
            codes = codes_of(block[:left])
            left -= len(codes)
            codes = codes[(codes < 0x10000) & (codes != 32) & (codes != 9) & (codes != 0x3000) & (codes != 13)]
            parts.append(codes.astype(np.uint16))
            if left <= 0:
                break
    return np.concatenate(parts) if parts else np.zeros(0, np.uint16)


def mixed(text: NDArray[np.uint16], seed: int, block: int = 4096) -> NDArray[np.uint16]:
    """The text in blocks of about `block` characters, cut at line ends, in random order: what is held out at the end is
    of all sources."""
    ends = np.flatnonzero(text == 10)
    cuts = (
        ends[np.unique(np.searchsorted(ends, np.arange(block, len(text), block)).clip(max=len(ends) - 1))] + 1
        if len(ends)
        else ends
    )
    parts = np.split(text, cuts)
    order = np.random.default_rng(seed).permutation(len(parts))
    return np.concatenate([parts[k] for k in order])


def characters_of(text: NDArray[np.uint16], limit: int) -> str:
    """The most frequent characters, all of printable ASCII among them."""
    counts = np.bincount(text, minlength=0x10000)
    counts[[0, 10]] = 0
    counts[0x21:0x7F] += 1 << 40
    order = np.argsort(-counts, kind="stable")[:limit]
    kept = [chr(c) for c in order.tolist() if counts[c] > 0 and not 0xD800 <= c < 0xE000]
    return "".join(kept)


def prepare(paths: Sequence[Path], output: Path, limit: int) -> int:
    """Write about `limit` bytes of compressed text to `output`: paragraphs of each text in proportion to its size.
    Returns characters."""
    written = 0
    share = min(1.0, limit / sum(path.stat().st_size for path in paths))
    beside = output.with_name(output.name + ".part")
    with lzma.open(beside, "wt", encoding="utf-8", preset=6) as out:
        for path in paths:
            due = 0.0
            for block in read_blocks(path):
                for line in block.split("\n")[:-1]:
                    due += share
                    if due >= 1.0:
                        due -= 1.0
                        written += out.write(line + "\n")
    beside.replace(output)
    return written


def _cut(text: NDArray[np.uint16], plan: Plan) -> int:
    """Where what is held out begins."""
    return len(text) - int(len(text) * plan.held_out)


def schedule(step: int, plan: Plan) -> float:
    """Share of the full rate: rising at first, then falling in a straight line to a fiftieth."""
    if step < plan.warm_up:
        return (step + 1) / plan.warm_up
    return max(0.02, 1 - (step - plan.warm_up) / max(1, plan.steps - plan.warm_up))


def train(
    text: NDArray[np.uint16],
    settings: Settings,
    plan: Plan,
    folder: Path,
    until: int | None = None,
    say: Callable[[str], None] = print,
) -> Network:
    """Train to the end of the plan (or to step `until`), from the last checkpoint in `folder` where there is one."""
    torch.manual_seed(plan.seed)
    torch.use_deterministic_algorithms(True, warn_only=True)
    if plan.device == "cpu":
        torch.set_num_threads(plan.threads)
    else:
        torch.set_float32_matmul_precision("high")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / SETTINGS_FILE).write_text(settings.to_json() + "\n", encoding="utf-8")
    network: Network = Network(settings).to(plan.device)
    flat = [p for p in network.parameters() if p.dim() < 2]
    deep = [p for p in network.parameters() if p.dim() >= 2]
    groups = [{"params": deep, "weight_decay": plan.decay}, {"params": flat, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=plan.rate, betas=(0.9, 0.98))
    step, characters, seconds = 0, 0, 0.0
    if (folder / CHECKPOINT).exists():
        state = torch.load(folder / CHECKPOINT, map_location=plan.device, weights_only=True)
        network.load_state_dict(state["network"])
        optimizer.load_state_dict(state["optimizer"])
        step, characters, seconds = state["step"], state["characters"], state["seconds"]
    batches = Batches(text[: _cut(text, plan)], settings, plan)
    _trim_curve(folder / CURVE_FILE, step)
    started = time.monotonic() - seconds
    last = min(plan.steps, until if until is not None else plan.steps)
    for arrays in _loaded(batches, range(step, last), plan):
        for group in optimizer.param_groups:
            group["lr"] = plan.rate * schedule(step, plan)
        tensors = [torch.as_tensor(a).to(plan.device, non_blocking=True) for a in arrays]
        with torch.autocast(plan.device, torch.bfloat16, enabled=plan.half):
            parts = network.losses(tensors)
            loss = sum((WEIGHTS[name] * value for name, value in parts.items()), torch.zeros((), device=plan.device))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), plan.clip)
        optimizer.step()
        step += 1
        characters += int((tensors[0] != PAD).sum())
        if step % plan.every == 0 or step == last:
            row = {name: float(value.detach()) for name, value in {"loss": loss, **parts}.items()}
            known = time.monotonic() - started
            _add_row(folder / CURVE_FILE, {"step": step, "characters": characters, "seconds": round(known, 1), **row})
            say(
                f"step {step}, {characters:,} characters, {known:.0f} s: "
                + ", ".join(f"{name} {value:.3f}" for name, value in row.items())
            )
        if step % plan.save_every == 0 or step == last:
            _save(folder, network, optimizer, step, characters, time.monotonic() - started)
    return network


def _loaded(batches: Batches, numbers: range, plan: Plan) -> Iterator[Sequence[Any]]:
    if plan.workers == 0:
        return (batches[k] for k in numbers)
    return iter(
        torch.utils.data.DataLoader(
            batches, batch_size=None, sampler=numbers, num_workers=plan.workers, prefetch_factor=8
        )
    )


def _save(
    folder: Path, network: Network, optimizer: torch.optim.Optimizer, step: int, characters: int, seconds: float
) -> None:
    state = {
        "network": network.state_dict(),
        "optimizer": optimizer.state_dict(),
        "step": step,
        "characters": characters,
        "seconds": seconds,
    }
    beside = folder / (CHECKPOINT + ".part")
    torch.save(state, beside)
    beside.replace(folder / CHECKPOINT)


def _add_row(path: Path, row: dict[str, Any]) -> None:
    fresh = not path.exists()
    with open(path, "a", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        if fresh:
            writer.writerow(CURVE_COLUMNS)
        writer.writerow([round(row[name], 4) if isinstance(row[name], float) else row[name] for name in CURVE_COLUMNS])


def _trim_curve(path: Path, step: int) -> None:
    """Leave out what was written after the checkpoint that the run goes on from."""
    if path.exists():
        head, *rows = path.read_text(encoding="utf-8").splitlines()
        kept = [row for row in rows if int(row.split(",")[0]) <= step]
        path.write_text("\n".join([head, *kept]) + "\n", encoding="utf-8")


@torch.no_grad()  # type: ignore[untyped-decorator]
def evaluate(network: Network, text: NDArray[np.uint16], plan: Plan, count: int = 40) -> dict[str, float]:
    """Mean losses on held-out text, the same batches each time."""
    network.eval()
    batches = Batches(text[_cut(text, plan) :], network.settings, replace(plan, seed=987))
    sums: dict[str, float] = {}
    for k in range(count):
        tensors = [torch.as_tensor(a).to(plan.device) for a in batches[k]]
        with torch.autocast(plan.device, torch.bfloat16, enabled=plan.half and plan.device != "cpu"):
            for name, value in network.losses(tensors).items():
                sums[name] = sums.get(name, 0.0) + float(value)
    network.train()
    return {name: value / count for name, value in sums.items()}


def trained(folder: Path) -> Network:
    """The network of the last checkpoint in `folder`."""
    settings = Settings.from_json((folder / SETTINGS_FILE).read_text(encoding="utf-8"))
    network = Network(settings)
    state = torch.load(folder / CHECKPOINT, map_location="cpu", weights_only=True)
    network.load_state_dict(state["network"])
    network.eval()
    return network


def export(network: Network, folder: Path, quantise: bool = True) -> None:
    """Write `MODEL_FILE` and, with 8-bit weights, `QUANTISED_FILE`."""
    network.eval()
    ids = torch.full((2, 24), UNKNOWN, dtype=torch.int64)
    picked = torch.tensor([0, 5, 30], dtype=torch.int64)
    axes = {"ids": {0: "windows", 1: "length"}, "picked": {0: "places"}}
    axes |= {name: {0: "places"} for name in ("verdict", "printed", "gap", "behind")}
    with torch.no_grad():
        torch.onnx.export(
            network,
            (ids, picked),
            str(folder / MODEL_FILE),
            input_names=["ids", "picked"],
            output_names=["verdict", "printed", "gap", "behind"],
            dynamic_axes=axes,
            opset_version=17,
            dynamo=False,
        )
    if quantise:
        from onnxruntime.quantization import QuantType, quantize_dynamic

        quantize_dynamic(str(folder / MODEL_FILE), str(folder / QUANTISED_FILE), weight_type=QuantType.QInt8)


def run(
    paths: Sequence[Path],
    folder: Path,
    plan: Plan,
    say: Callable[[str], None],
    *,
    sizes: Mapping[str, int] | None = None,
    characters: int = 6600,
    limit: int = 100_000_000,
) -> None:
    """Train on the texts, or go on with what lies in `folder`, and write the model there as `MODEL_FILE` and
    `QUANTISED_FILE`. `sizes`: of the encoder, where they are not those of `Settings`; `characters`: size of its
    vocabulary; `limit`: characters of text that are used. Raises `NeuralError` for settings that cannot be read."""
    text = mixed(read_text(paths, limit), plan.seed)
    say(f"{len(text):,} characters of text")
    known = folder / SETTINGS_FILE
    if known.exists():
        settings = Settings.from_json(known.read_text(encoding="utf-8"))
    else:
        settings = Settings(characters_of(text, characters), **(sizes or {}))
    network = train(text, settings, plan, folder, say=say)
    size = sum(p.numel() for p in network.parameters())
    losses = ", ".join(f"{name} {value:.4f}" for name, value in evaluate(network, text, plan).items())
    say(f"{size:,} parameters; nats on held-out text: {losses}")
    export(network, folder)
    for name in (MODEL_FILE, QUANTISED_FILE):
        say(f"{folder / name}: {(folder / name).stat().st_size:,} bytes")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    sub = commands.add_parser("prepare", help="text for training, of a certain size")
    sub.add_argument("text", nargs="+", type=Path)
    sub.add_argument("-o", "--output", type=Path, required=True)
    sub.add_argument("--limit", type=float, default=60, help="MiB")
    sub = commands.add_parser("train", help="train, or go on training, and export")
    sub.add_argument("text", nargs="+", type=Path)
    sub.add_argument("-o", "--output", type=Path, required=True)
    sub.add_argument("--characters", type=int, default=6600, help="size of the vocabulary")
    sub.add_argument("--text-limit", type=int, default=100_000_000, help="characters of text that are used")
    names = ("layers", "width", "heads", "inner", "context")
    for name in names:
        sub.add_argument(f"--{name}", type=int, default=Settings.__dataclass_fields__[name].default)
    for name, value in asdict(Plan()).items():
        flag = f"--{name.replace('_', '-')}"
        if isinstance(value, bool):
            sub.add_argument(flag, action=argparse.BooleanOptionalAction, default=value)
        else:
            sub.add_argument(flag, type=type(value), default=value)
    sub = commands.add_parser("export", help="write the ONNX files of the last checkpoint")
    sub.add_argument("folder", type=Path)
    a = parser.parse_args(arguments)
    if a.command == "prepare":
        print(f"{prepare(a.text, a.output, int(a.limit * 2**20)):,} characters, {a.output.stat().st_size:,} bytes")
    elif a.command == "train":
        plan = Plan(**{name: getattr(a, name) for name in asdict(Plan())})
        sizes = {name: getattr(a, name) for name in names}
        run(a.text, a.output, plan, print, sizes=sizes, characters=a.characters, limit=a.text_limit)
    else:
        export(trained(a.folder), a.folder)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
