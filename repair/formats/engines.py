"""OCR engines, run over images and PDF files: Tesseract (a program) and RapidOCR (a package), where installed.

Every page becomes a picture in a folder of its own making; the engines read those, and their output goes through
the readers of `repair.formats.ocr`. Nothing here is imported before it is needed: without the extra ``ocr`` and
without Tesseract the rest of the package works as ever.

Languages: ``chi_sim`` alone. On drawn Chinese pages with a word in Latin letters ``chi_sim+eng`` read no character
more and took 1.6 times as long, and on the worst one it lost a tenth more (``benchmarks/measure_ocr.py``).
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import count
from pathlib import Path
from typing import Any

from repair.formats.files import STDIN, read_bytes
from repair.formats.hocr_out import hocr_of
from repair.formats.ocr import OcrFile, read_ocr
from repair.formats.plain import InputError, shown
from repair.layout import Page

LANGUAGE = "chi_sim"
DPI = 300
"""Resolution at which the pages of a PDF file are drawn."""
LARGEST = 200_000_000
"""Pixels up to which a page of a PDF file is drawn."""
EXTRA = "pip install 'repair[ocr]'"
PACKAGES = "apt install tesseract-ocr tesseract-ocr-chi-sim"


@dataclass(frozen=True, slots=True)
class Scan:
    """The picture of one page: `file` in the working folder, `name` of the file it came from, size if known."""

    file: Path
    name: str
    width: int = 0
    height: int = 0


@dataclass(frozen=True, slots=True)
class Engine:
    """`missing` says why the engine cannot be used, or None; `read` reads pages, as hOCR if that is asked for."""

    name: str
    missing: Callable[[], str | None]
    read: Callable[[Sequence[Scan], bool], OcrFile]


# --- pages


def scans(paths: Sequence[str], folder: Path) -> list[Scan]:
    """The pages of images (all of a TIFF) and PDF files, in order, as pictures in `folder`.

    Raises `InputError`, which names the file: missing, neither image nor PDF, damaged, locked, a package missing.
    """
    numbers = count(1)
    files = (folder / f"page-{number:05}.png" for number in numbers)
    return [scan for path in paths for scan in _pages(named(path), read_bytes(path), files)]


def named(path: str) -> str:
    """A path as messages and logs have it."""
    return "<stdin>" if path == STDIN else path


def _pages(path: str, data: bytes, files: Iterator[Path]) -> Iterator[Scan]:
    if b"%PDF-" in data[:1024]:
        yield from _pdf_pages(path, data, files)
        return
    try:
        from PIL import Image
    except ImportError:
        # Tesseract reads pictures by itself, and says which it cannot read.
        file = next(files)
        file.write_bytes(data)
        yield Scan(file, path)
        return
    yield from _image_pages(path, data, files, Image)


def _image_pages(path: str, data: bytes, files: Iterator[Path], module: Any) -> Iterator[Scan]:
    from io import BytesIO

    try:
        with module.open(BytesIO(data)) as image:
            frames = getattr(image, "n_frames", 1) if image.format == "TIFF" else 1
            for frame in range(frames):
                image.seek(frame)
                yield _saved(_flat(image), path, next(files), image.info.get("dpi"))
    except (OSError, ValueError, SyntaxError, EOFError, module.DecompressionBombError) as error:
        unknown = isinstance(error, module.UnidentifiedImageError)
        what = "is no image or PDF file that can be read" if unknown else f"damaged image ({_line(error)})"
        raise InputError(f"{shown(path)}: {what}") from None


def _flat(image: Any) -> Any:
    """The picture upright and on white, in grey or colour."""
    from PIL import Image, ImageOps

    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I"):  # 16 bits
        return image.point(lambda value: value * (1 / 256)).convert("L")
    if image.mode in ("1", "L", "RGB") and "transparency" not in image.info:
        return image.convert("L" if image.mode == "1" else image.mode)
    if "A" in image.getbands() or "transparency" in image.info:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    return image.convert("RGB")


def _saved(image: Any, path: str, file: Path, dpi: tuple[float, float] | None) -> Scan:
    image.save(file, compress_level=1, **({"dpi": dpi} if dpi else {}))
    return Scan(file, path, image.width, image.height)


def _pdf_pages(path: str, data: bytes, files: Iterator[Path]) -> Iterator[Scan]:
    try:
        import PIL.Image  # noqa: F401 (what pypdfium2 makes its pictures with)
        import pypdfium2
    except ImportError:
        raise InputError(f"{shown(path)}: PDF files need pypdfium2 and pillow ({EXTRA})") from None
    try:
        document = pypdfium2.PdfDocument(data)
        try:
            for page in document:
                width, height = page.get_size()
                if width * height * (DPI / 72) ** 2 > LARGEST:
                    raise ValueError("a page is too large")
                yield _saved(page.render(scale=DPI / 72).to_pil().convert("RGB"), path, next(files), (DPI, DPI))
        finally:
            document.close()
    except (pypdfium2.PdfiumError, ValueError, OSError) as error:
        raise InputError(f"{shown(path)}: PDF file that cannot be read ({_line(error)})") from None


# --- Tesseract


def _tesseract_missing() -> str | None:
    if shutil.which("tesseract") is None:
        return f"Tesseract is not installed ({PACKAGES})"
    listed = _run(["--list-langs"], Path.cwd())
    languages = (listed.stdout + listed.stderr).decode("utf-8", "replace").split()
    return None if LANGUAGE in languages else f"Tesseract lacks {LANGUAGE} (apt install tesseract-ocr-chi-sim)"


def _tesseract(pages: Sequence[Scan], hocr: bool) -> OcrFile:
    """Tesseract's reading; its output is hOCR in any case. Raises `InputError`, which names the page's file."""
    folder = pages[0].file.parent
    (folder / "pages.txt").write_text("".join(f"{scan.file.name}\n" for scan in pages), encoding="utf-8")
    done = _run(["pages.txt", "stdout", "-l", LANGUAGE, "--psm", "3", "hocr"], folder)
    if done.returncode:
        raise _tesseract_error(pages, folder, done)
    data = done.stdout
    for scan in pages:
        name = escape(shown(scan.name))
        data = data.replace(f'"{scan.file.name}"'.encode(), f'"{name}"'.encode("utf-8", "replace"), 1)
    return read_ocr(data, format="hocr", name="Tesseract's output")


def _tesseract_error(pages: Sequence[Scan], folder: Path, done: subprocess.CompletedProcess[bytes]) -> InputError:
    """What went wrong, for the first page that fails when read alone."""
    for scan in pages:
        alone = _run([scan.file.name, "stdout", "-l", LANGUAGE, "--psm", "3"], folder)
        if alone.returncode:
            return InputError(f"{shown(scan.name)}: Tesseract cannot read it ({_said(alone)})")
    return InputError(f"{shown(pages[0].name)}: Tesseract failed ({_said(done)})")


def _run(arguments: Sequence[str], folder: Path) -> subprocess.CompletedProcess[bytes]:
    # One thread: Tesseract's threads wait for each other most of the time, and for ever on a busy machine.
    environment = {"OMP_THREAD_LIMIT": "1", **os.environ}
    try:
        return subprocess.run(
            ["tesseract", *arguments], cwd=folder, env=environment, capture_output=True, stdin=subprocess.DEVNULL
        )
    except OSError as error:
        raise InputError(f"Tesseract cannot be started ({_line(error)})") from None


def _said(done: subprocess.CompletedProcess[bytes]) -> str:
    lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
    return shown(lines[0]) if lines else f"status {done.returncode}"


# --- RapidOCR


def _rapidocr_missing() -> str | None:
    try:
        import rapidocr_onnxruntime  # noqa: F401
    except ImportError as error:
        missing = isinstance(error, ModuleNotFoundError) and error.name == "rapidocr_onnxruntime"
        return f"RapidOCR {'is not installed' if missing else f'does not start: {_line(error)}'} ({EXTRA})"
    return None


def _rapidocr(pages: Sequence[Scan], hocr: bool) -> OcrFile:
    """RapidOCR's reading. Raises `InputError`, which names the page's file."""
    from rapidocr_onnxruntime import RapidOCR

    engine = RapidOCR()
    found = []
    for scan in pages:
        try:
            lines, _ = engine(str(scan.file))
        except Exception as error:  # of onnxruntime, OpenCV, its own: whatever a page sets off is about that page
            raise InputError(f"{shown(scan.name)}: RapidOCR cannot read it ({_line(error)})") from None
        found.append(lines_of(lines))
    file = read_ocr(json.dumps(found, ensure_ascii=False).encode(), format="ocr-json", name="RapidOCR's output")
    if not hocr:
        return file
    sizes = [Page(scan.width, scan.height, shown(scan.name)) for scan in pages]
    return read_ocr(hocr_of(file, sizes, "RapidOCR"), format="hocr", name="RapidOCR's output")


def lines_of(lines: Sequence[Sequence[Any]] | None) -> list[list[Any]]:
    """RapidOCR's lines, box, text and score, as JSON has them; none for None."""
    return [
        [[[float(x), float(y)] for x, y in box], str(text), float(score)] for box, text, score in lines or ()
    ]


def _line(error: BaseException) -> str:
    return shown(" ".join(str(error).split())[:200] or type(error).__name__)


ENGINES: tuple[Engine, ...] = (
    Engine("rapidocr", _rapidocr_missing, _rapidocr),
    Engine("tesseract", _tesseract_missing, _tesseract),
)
"""The engine that leads first. RapidOCR reads far better: of the 400 characters of a rendered page it got 2 to 4 wrong
(dropped marks, rare characters), Tesseract 10 to 20, and on a bad scan, where Tesseract lost a third of the page or
all of it, 6 and 11. What a witness sees is used for corrections, but a line that the leading engine missed is lost.
"""
