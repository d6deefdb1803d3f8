"""How much two characters look alike: a table of short integer vectors, one a character.

The similarity of two characters is the cosine of their vectors, so any pair has one and the number
of neighbours is not fixed in advance. Reading the table needs numpy only. Building it renders
glyphs and needs Pillow and fonts::

    python -m repair.language.shapes -o dictionaries/shapes.bin

How the vectors are made: every character is drawn in several fonts, centred sideways, kept at its
height in the line, and scaled by the font's own Hanzi box (so ``、`` and ``,`` land on the same
spot, ``一`` and ``—`` too). Of the drawing we keep how strong the edges of each direction are in
each part of the box: direction histograms forgive small shifts of a stroke, which pixels do not.
A linear discriminant then turns down what differs between fonts and degradations of one character
and keeps what differs between characters. No text and no OCR output takes part.
"""

from __future__ import annotations

import argparse
import functools
import json
import math
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

MAGIC = b"RSHAPES1"
# Hanzi of GB 2312, those of Big5 level 1, the rest of GBK; signs of print; scripts and drawing
# elements that share the code page but hardly ever stand in Chinese text (kana, Cyrillic, frames).
COMMON, TRADITIONAL, RARE, SYMBOL, OTHER = 0, 1, 2, 3, 4
DIMENSIONS = 96
# Free fonts in the three styles of print: Song, Hei, Kai, and a second Song of lighter cut.
DEFAULT_FONTS = ("Noto Serif CJK SC", "Noto Sans CJK SC", "AR PL UKai CN", "AR PL UMing CN")

_DRAW = 72  # pixels of the cell a glyph is drawn in
_EM = 64  # pixels of the em in that cell
_CELL = 36  # pixels after reduction
_GRID = 8  # parts of the cell each way
_DIRECTIONS = 8
# Cyrillic, tone letters, frames, kana and bopomofo.
_FOREIGN = (("\u0400", "\u04ff"), ("\u0100", "\u0250"), ("\u2500", "\u257f"), ("\u3041", "\u312f"))

Floats = NDArray[Any]  # float32


class ShapesError(ValueError):
    """The shape table is missing, damaged, or of another version; or no font can build it."""


class Shapes:
    """Shape table: similarity of any two characters it holds. Immutable, safe to share.

    `codes` are the code points in ascending order, `tiers` their kind (`COMMON`, `TRADITIONAL`,
    `RARE`, `SYMBOL`, `OTHER`), `vectors` the int8 vectors, memory-mapped when read from a file.
    """

    def __init__(self, codes: NDArray[np.uint32], tiers: NDArray[np.uint8], vectors: NDArray[np.int8],
                 meta: dict[str, Any] | None = None) -> None:
        self.codes = codes
        self.tiers = tiers
        self.vectors = vectors
        self.meta = meta or {}

    @classmethod
    def load(cls, path: str | Path) -> Shapes:
        """Read the table at `path`. Raises `ShapesError` when it is missing or not such a table."""
        path = Path(path)
        try:
            with path.open("rb") as handle:
                if handle.read(len(MAGIC)) != MAGIC:
                    raise ShapesError(f"{path}: not a shape table of this version")
                size = int.from_bytes(handle.read(4), "little")
                meta = json.loads(handle.read(size).decode("utf-8"))
                count, width = int(meta["count"]), int(meta["dimensions"])
                codes = np.frombuffer(handle.read(4 * count), "<u4").astype(np.uint32)
                tiers = np.frombuffer(handle.read(count), np.uint8)
                offset = handle.tell()
            if len(codes) != count or len(tiers) != count or path.stat().st_size != offset + count * width:
                raise ShapesError(f"{path}: cut short or of the wrong length")
            vectors = np.memmap(path, np.int8, "r", offset, (count, width))
        except FileNotFoundError as error:
            raise ShapesError(f"{path}: no such file; build it with python -m repair.language.shapes") from error
        except (OSError, ValueError, KeyError, TypeError) as error:
            if isinstance(error, ShapesError):
                raise
            raise ShapesError(f"{path}: damaged shape table ({error})") from error
        return cls(codes, tiers, vectors, meta)

    def save(self, path: str | Path) -> None:
        """Write the table to `path`, replacing what is there."""
        header = json.dumps({**self.meta, "count": len(self.codes), "dimensions": self.vectors.shape[1]},
                            ensure_ascii=True, sort_keys=True).encode()
        with Path(path).open("wb") as handle:
            handle.write(MAGIC + len(header).to_bytes(4, "little") + header)
            handle.write(self.codes.astype("<u4").tobytes())
            handle.write(self.tiers.astype(np.uint8).tobytes())
            handle.write(np.ascontiguousarray(self.vectors, np.int8).tobytes())

    @functools.cached_property
    def _rows(self) -> NDArray[np.int32]:
        """Row of every code point up to the last one held, -1 for those not held."""
        table = np.full(int(self.codes[-1]) + 2 if len(self.codes) else 1, -1, np.int32)
        table[self.codes] = np.arange(len(self.codes), dtype=np.int32)
        return table

    @functools.cached_property
    def _norms(self) -> Floats:
        # Row by row in blocks: the table stays on disk, no float copy of it is kept.
        starts = range(0, len(self.codes), 4096)
        blocks = [np.square(self.vectors[i:i + 4096].astype(np.float32)).sum(1) for i in starts]
        norms = np.sqrt(np.concatenate(blocks)) if blocks else np.zeros(0, np.float32)
        return np.asarray(np.maximum(norms, 1.0), np.float32)

    def rows(self, codes: ArrayLike) -> NDArray[np.int32]:
        """Row numbers of code points, same shape as `codes`; -1 where the table holds none."""
        points = np.asarray(codes, np.int64)
        table = self._rows
        last = len(table) - 1  # this entry is always -1
        return table[np.where((points < 0) | (points > last), last, points)]

    def similarity(self, left: ArrayLike, right: ArrayLike) -> Floats:
        """Cosine (-1 to 1) of the characters at code points `left` and `right`, broadcast.

        NaN where either is not held.
        """
        a, b = np.broadcast_arrays(self.rows(left), self.rows(right))
        result = np.full(a.shape, np.nan, np.float32)
        held = (a >= 0) & (b >= 0)
        i, j = a[held], b[held]
        # Sums of products of int8 stay below 2**24, so float32 holds them exactly on any machine.
        dots = np.einsum("nd,nd->n", self.vectors[i].astype(np.float32), self.vectors[j].astype(np.float32))
        result[held] = dots / (self._norms[i] * self._norms[j])
        return result

    def similarities(self, code: int, pool: NDArray[np.int32], matrix: Floats | None = None) -> Floats | None:
        """Cosine of one character with each of the rows `pool`; None when it is not held.

        `matrix` may hold ``vectors[pool]`` as float32, for callers that ask again and again.
        """
        row = int(self.rows(code))
        if row < 0:
            return None
        if matrix is None:
            matrix = self.vectors[pool].astype(np.float32)
        result: Floats = (matrix @ self.vectors[row].astype(np.float32)) / (self._norms[pool] * self._norms[row])
        return result

    def neighbours(self, char: str, count: int = 48,
                   tiers: Sequence[int] = (COMMON, SYMBOL)) -> list[tuple[str, float]]:
        """The `count` characters of `tiers` most like `char`, with their cosine, best first."""
        if len(char) != 1:
            raise ValueError("neighbours() takes one character")
        pool = np.flatnonzero(np.isin(self.tiers, list(tiers)) & (self.codes != ord(char))).astype(np.int32)
        similar = self.similarities(ord(char), pool)
        if similar is None:
            return []
        order = np.lexsort((self.codes[pool], -similar))[:count]
        return [(chr(self.codes[pool[i]]), float(similar[i])) for i in order]


# --- building -----------------------------------------------------------------------------------


def _enumerate(codec: str, leads: Iterable[int], trails: Sequence[int]) -> set[str]:
    """All single characters that two-byte codes of `codec` stand for."""
    found = set()
    for lead in leads:
        for trail in trails:
            try:
                char = bytes((lead, trail)).decode(codec)
            except UnicodeDecodeError:
                continue
            if len(char) == 1:
                found.add(char)
    return found


def _is_hanzi(char: str) -> bool:
    return "\u4e00" <= char <= "\u9fff"


def character_set() -> dict[str, int]:
    """The characters of the table and their tier, in code point order, taken from the codecs."""
    high = range(0xA1, 0xFF)
    simplified = _enumerate("gb2312", high, high)
    traditional = _enumerate("big5", range(0xA4, 0xC7), [*range(0x40, 0x7F), *high])
    everything = _enumerate("gbk", range(0x81, 0xFF), range(0x40, 0xFF)) | simplified | traditional
    extra = set("—·•‧⋯−‒–―′″€©®〇")  # the gb2312 codec has other forms of the dash and the dot
    everything |= {chr(code) for code in range(0x21, 0x7F)} | extra
    tiers = {}
    for char in sorted(everything):
        if not _is_hanzi(char):
            if char.isprintable() and not char.isspace() and not "\ue000" <= char <= "\uf8ff":
                printed = char in simplified or char.isascii() or char in extra
                foreign = any(low <= char <= last for low, last in _FOREIGN)
                tiers[char] = SYMBOL if printed and not foreign else OTHER
        else:
            tiers[char] = COMMON if char in simplified else TRADITIONAL if char in traditional else RARE
    return tiers


def find_font(name: str) -> tuple[str, int]:
    """File and face number of the installed font family `name`, through fontconfig.

    Raises `ShapesError` when it is not installed (fontconfig would answer with another font).
    """
    if shutil.which("fc-match") is None:
        raise ShapesError("fc-match not found: install fontconfig or name font files with --font FILE[:FACE]")
    answer = subprocess.run(["fc-match", "-f", "%{file}\t%{index}\t%{family}", name],
                            capture_output=True, text=True, check=False).stdout.split("\t")
    if len(answer) != 3 or name not in answer[2].split(","):
        raise ShapesError(f"font {name!r} is not installed")
    return answer[0], int(answer[1]) & 0xFFFF


def _parse_font(text: str) -> tuple[str, int]:
    """``FILE``, ``FILE:FACE`` or a family name."""
    stem, _, face = text.rpartition(":")
    if stem and face.isdigit() and Path(stem).is_file():
        return stem, int(face)
    return (text, 0) if Path(text).is_file() else find_font(text)


def _drawn_as(char: str) -> str:
    """ASCII signs are drawn as their full-width form: Chinese type sets both at one height."""
    return chr(ord(char) + 0xFEE0) if "!" <= char <= "~" and not char.isalnum() and char not in "\"'`" else char


def render(chars: Sequence[str], font: tuple[str, int]) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Draw `chars`: images (count, 36, 36), ink 255, and which of them the font has.

    Raises `ShapesError` without Pillow or when the font cannot be read.
    """
    try:
        from PIL import Image, ImageDraw, ImageFont
    except ImportError as error:
        raise ShapesError("building shape tables needs Pillow: pip install 'repair[train]'") from error
    try:
        face = ImageFont.truetype(font[0], _EM, index=font[1], layout_engine=ImageFont.Layout.BASIC)
    except OSError as error:
        raise ShapesError(f"cannot read font {font[0]}: {error}") from error
    missing = bytes(face.getmask("\U0010fffe"))
    # The line's middle and the size of full Hanzi differ between fonts; measure them on box shapes.
    boxes = [face.getbbox(char, anchor="ls") for char in "国田圆固困"]
    middle = (min(box[1] for box in boxes) + max(box[3] for box in boxes)) / 2
    images = np.zeros((len(chars), _CELL, _CELL), np.uint8)
    present = np.zeros(len(chars), bool)
    for index, char in enumerate(map(_drawn_as, chars)):
        left, top, right, bottom = face.getbbox(char, anchor="ls")
        if right <= left or bottom <= top or bytes(face.getmask(char)) == missing:
            continue
        image = Image.new("L", (_DRAW, _DRAW))
        ImageDraw.Draw(image).text((_DRAW / 2 - (left + right) / 2, _DRAW / 2 - middle), char, font=face, fill=255,
                                   anchor="ls")
        images[index] = np.asarray(image.resize((_CELL, _CELL), Image.Resampling.BOX))
        present[index] = True
    return images, present


def _gaussian(size: int, sigma: float, centres: NDArray[Any] | None = None) -> Floats:
    """Columns of Gaussian weights over `size` pixels, each summing to 1."""
    grid = np.arange(size)
    weights = np.exp(-0.5 * ((grid[:, None] - (grid if centres is None else centres)) / sigma) ** 2)
    result: Floats = (weights / weights.sum(0)).astype(np.float32)
    return result


def _blur(images: Floats, sigma: float) -> Floats:
    kernel = _gaussian(_CELL, sigma)
    result: Floats = kernel.T @ images @ kernel
    return result


def _directions(images: Floats) -> Floats:
    """Unit vectors of edge strength by direction and place: (count, directions * grid * grid)."""
    soft = _blur(images, 1.0)
    across, down = np.zeros_like(soft), np.zeros_like(soft)
    across[:, :, 1:-1] = soft[:, :, 2:] - soft[:, :, :-2]
    down[:, 1:-1] = soft[:, 2:] - soft[:, :-2]
    strength = np.hypot(across, down)
    angle = np.arctan2(down, across) * (_DIRECTIONS / (2 * math.pi))
    low = np.floor(angle)
    part = angle - low
    first = low.astype(np.int64) % _DIRECTIONS
    step = _CELL / _GRID
    places = _gaussian(_CELL, step * 0.55, (np.arange(_GRID) + 0.5) * step - 0.5)
    parts = []
    for direction in range(_DIRECTIONS):
        share = np.where(first == direction, 1 - part, np.where((first + 1) % _DIRECTIONS == direction, part, 0))
        parts.append((places.T @ (strength * share) @ places).reshape(len(images), -1))
    # Square root: a thick stroke counts for more than a thin one, but not in proportion.
    return _unit(np.sqrt(np.maximum(np.concatenate(parts, 1), 0)))


def _unit(rows: Floats) -> Floats:
    result: Floats = (rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)).astype(np.float32)
    return result


def _features(images: NDArray[Any]) -> Floats:
    return np.concatenate([_directions(images[i:i + 1024].astype(np.float32)) for i in range(0, len(images), 1024)])


def _degraded(images: NDArray[np.uint8], kind: int, random: np.random.Generator) -> Floats:
    """The drawings as a bad scan would show them: shifted, blurred, noisy, or cut to black and white."""
    down, across = random.integers(-1, 2, 2)
    moved = np.roll(images, (int(down), int(across)), (1, 2)).astype(np.float32)
    noisy = _blur(moved, (0.8, 1.5, 2.2)[kind]) + random.normal(0, 25, moved.shape).astype(np.float32)
    result: Floats = np.where(noisy > 110, 255, 0).astype(np.float32) if kind == 1 else np.clip(noisy, 0, 255)
    return result


def build(fonts: Sequence[tuple[str, int]], characters: dict[str, int] | None = None,
          dimensions: int = DIMENSIONS) -> Shapes:
    """Draw `characters` (default: `character_set()`) in `fonts` and reduce them to a table.

    Half a minute and 0.8 GB for the full set in four fonts. Raises `ShapesError` when no font
    is given or a font cannot be read.
    """
    if not fonts:
        raise ShapesError("no font to draw with")
    characters = characters or character_set()
    chars = sorted(characters)
    tiers = np.array([characters[char] for char in chars], np.uint8)
    random = np.random.default_rng(20)
    total: Floats | None = None
    drawn = np.zeros(len(chars), np.int64)
    per_font: list[tuple[NDArray[np.uint8], NDArray[np.bool_], Floats]] = []
    for font in fonts:
        images, present = render(chars, font)
        features = _features(images) * present[:, None]
        total = features if total is None else total + features
        drawn += present
        per_font.append((images, present, features))
    assert total is not None
    mean = total / np.maximum(drawn, 1)[:, None]
    # The discriminant is learnt on Hanzi in use; signs and rare characters are only projected.
    learn = np.flatnonzero((drawn > 0) & (tiers == COMMON))
    if len(learn) == 0:
        learn = np.flatnonzero(drawn > 0)
    size = mean.shape[1]
    between_fonts: NDArray[Any] = np.zeros((size, size))
    degradation: NDArray[Any] = np.zeros((size, size))
    seen = 0
    for images, present, features in per_font:
        rows = learn[present[learn]]
        seen += len(rows)
        rest = features[rows] - mean[rows]
        between_fonts += rest.T @ rest
        for kind in range(3):
            rest = _features(_degraded(images[rows], kind, random)) - features[rows]
            rest -= rest.mean(0)
            degradation += (rest.T @ rest) / 3
    within = (between_fonts + degradation) / max(seen, 1)
    within += (0.3 * np.trace(within) / size + 1e-9) * np.eye(size)
    centre = mean[learn].mean(0)
    values, axes = np.linalg.eigh(within)
    whiten = axes / np.sqrt(values) @ axes.T
    between = np.cov(mean[learn].T) if len(learn) > 1 else np.eye(size)
    _, axes = np.linalg.eigh(whiten @ between @ whiten)
    axes = axes[:, ::-1][:, :dimensions]
    axes *= np.sign(axes[np.abs(axes).argmax(0), np.arange(axes.shape[1])])  # eigenvectors have no sign of their own
    kept = np.flatnonzero(drawn > 0)
    vectors = (mean[kept] - centre) @ (whiten @ axes)
    peak = np.maximum(np.abs(vectors).max(1, keepdims=True), 1e-9)
    quantised = np.rint(vectors / peak * 127).astype(np.int8)
    codes = np.array([ord(chars[i]) for i in kept], np.uint32)
    return Shapes(codes, tiers[kept], quantised, {"fonts": [f"{Path(path).name}:{face}" for path, face in fonts]})


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line of the build; returns the exit status (2 with one line for bad input)."""
    parser = argparse.ArgumentParser(prog="python -m repair.language.shapes", description="Build the shape table.")
    parser.add_argument("-o", "--output", type=Path, required=True, help="file to write")
    parser.add_argument("--font", action="append", metavar="FILE[:FACE]|FAMILY",
                        help=f"font to draw with, repeatable (default: {', '.join(DEFAULT_FONTS)})")
    parser.add_argument("--dimensions", type=int, default=DIMENSIONS,
                        help="length of the vectors (default: %(default)s)")
    options = parser.parse_args(arguments)
    try:
        if options.font:
            fonts = [_parse_font(text) for text in options.font]
        else:
            fonts = []
            for name in DEFAULT_FONTS:
                try:
                    fonts.append(find_font(name))
                except ShapesError as error:
                    print(f"warning: {error}, going on without it", file=sys.stderr)
        table = build(fonts, dimensions=options.dimensions)
        table.save(options.output)
    except (ShapesError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"{options.output}: {len(table.codes)} characters, {table.vectors.shape[1]} dimensions, "
          f"{options.output.stat().st_size} bytes", file=sys.stderr)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
