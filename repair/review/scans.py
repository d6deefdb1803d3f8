"""Cut-outs of page scans as PNG. Needs Pillow, and pypdfium2 for PDF files; both are imported late."""

from __future__ import annotations

from functools import lru_cache
from io import BytesIO
from typing import Any

from .sources import ScanPlace

AROUND_X, AROUND_Y = 6.0, 1.2
"""What is shown around a place, in heights of its box."""
TALLEST = 160
"""Height of a cut-out in pixels at most; larger ones are scaled down."""
DPI = 300
"""Resolution that pages of PDF files are drawn at, as `repair ocr` does."""
LARGEST = 200_000_000
"""Pixels of a picture at most."""


class ScanError(ValueError):
    """A picture that cannot be shown: damaged, too large, a package missing."""


def cut_out(place: ScanPlace) -> tuple[bytes, tuple[float, float, float, float]]:
    """The surroundings of a place as PNG, and where in it the place lies: left, top, width, height as shares of 1.

    Raises `ScanError`.
    """
    stat = place.path.stat()
    picture = _picture(str(place.path), place.frame, stat.st_mtime_ns, stat.st_size)
    scale_x = picture.width / place.width if place.width > 0 else 1.0
    scale_y = picture.height / place.height if place.height > 0 else 1.0
    left, top, right, bottom = place.box
    left, right, top, bottom = left * scale_x, right * scale_x, top * scale_y, bottom * scale_y
    height = max(8.0, bottom - top)
    lo_x, hi_x = max(0, int(left - AROUND_X * height)), min(picture.width, int(right + AROUND_X * height) + 1)
    lo_y, hi_y = max(0, int(top - AROUND_Y * height)), min(picture.height, int(bottom + AROUND_Y * height) + 1)
    if hi_x - lo_x < 2 or hi_y - lo_y < 2:
        raise ScanError("the place lies outside the picture")
    cut = picture.crop((lo_x, lo_y, hi_x, hi_y))
    if cut.height > TALLEST:
        cut = cut.resize((max(1, round(cut.width * TALLEST / cut.height)), TALLEST))
    out = BytesIO()
    cut.save(out, "PNG")
    wide, high = hi_x - lo_x, hi_y - lo_y
    return out.getvalue(), ((left - lo_x) / wide, (top - lo_y) / high, (right - left) / wide, (bottom - top) / high)


@lru_cache(maxsize=4)
def _picture(path: str, frame: int, _modified: int, _size: int) -> Any:
    """A page as a picture, upright, in grey or colour."""
    try:
        from PIL import Image, ImageOps
    except ImportError:
        raise ScanError("showing scans needs Pillow: pip install 'repair[review]'") from None
    try:
        with open(path, "rb") as file:
            head = file.read(1024)
        if b"%PDF-" in head:
            return _pdf_page(path, frame)
        with Image.open(path) as image:
            if image.width * image.height > LARGEST:
                raise ScanError("the picture is too large")
            frames = getattr(image, "n_frames", 1)
            image.seek(min(frame, frames - 1))
            upright = ImageOps.exif_transpose(image)
            if upright.mode.startswith("I"):  # 16 bits
                upright = upright.point(lambda value: value * (1 / 256))
            return upright.convert("RGB" if upright.mode not in ("1", "L") else "L")
    except (OSError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
        raise ScanError(f"the picture cannot be read ({' '.join(str(error).split())})") from None


def _pdf_page(path: str, number: int) -> Any:
    try:
        import pypdfium2
    except ImportError:
        raise ScanError("showing pages of PDF files needs pypdfium2: pip install 'repair[ocr]'") from None
    try:
        document = pypdfium2.PdfDocument(path)
        try:
            page = document[min(number, len(document) - 1)]
            width, height = page.get_size()
            if width * height * (DPI / 72) ** 2 > LARGEST:
                raise ScanError("the page is too large")
            return page.render(scale=DPI / 72).to_pil().convert("RGB")
        finally:
            document.close()
    except pypdfium2.PdfiumError as error:
        raise ScanError(f"the page cannot be drawn ({error})") from None
