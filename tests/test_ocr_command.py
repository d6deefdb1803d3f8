"""`repair ocr` with the real engines, where they are installed, on pages drawn here; and what it says without them."""

from __future__ import annotations

import json
import shutil
import sys
from functools import cache
from pathlib import Path

import pytest
from rapidfuzz.distance import Levenshtein

from repair.cli import main
from repair.formats import engines
from repair.formats.engines import lines_of
from repair.formats.hocr_out import hocr_of
from repair.formats.ocr import read_ocr
from repair.layout import Page
from repair.ocr import target_of

FONTS = (
    "/usr/share/fonts/opentype/noto/NotoSerifCJK-Regular.ttc",
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/truetype/wqy/wqy-zenhei.ttc",
)
FONT = next((font for font in FONTS if Path(font).exists()), None)
FIRST = (
    "近年来，全县坚持以农业增效、农民增收为核心，",
    "大力推进特色产业发展。截至去年底，全县已建成",
    "种植基地三十六个，带动农户一万八千户，户均增",
    "收三千六百元，村民的生活水平有了明显的提高。",
)
SECOND = (
    "调研组先后走访了六个乡镇，与村干部和返乡青年",
    "座谈。大家普遍反映，仓储设备陈旧，道路狭窄，",
    "大型货车无法进村，技术骨干严重不足。各部门要",
    "密切配合，定期督查，确保各项措施落到实处。",
)
ENGINES = [engine.name for engine in engines.ENGINES]


@cache
def has(name: str) -> bool:
    """Whether an engine is there; asked late, since importing one takes a second."""
    return next(engine for engine in engines.ENGINES if engine.name == name).missing() is None


def solid(text: str) -> str:
    return "".join(text.split())


def wrong(text: str, *pages: tuple[str, ...]) -> int:
    return int(Levenshtein.distance(solid(text), solid("".join("".join(page) for page in pages))))


def drawn(lines: tuple[str, ...]):
    pillow = pytest.importorskip("PIL.Image")
    from PIL import ImageDraw, ImageFont

    if FONT is None:
        pytest.skip("no Chinese font")
    font = ImageFont.truetype(FONT, 42, index=2 if "noto" in FONT else 0)
    image = pillow.new("L", (1200, 560), 255)
    for number, line in enumerate(lines):
        ImageDraw.Draw(image).text((110, 110 + 72 * number), line, font=font, fill=0)
    return image


@pytest.fixture
def page(tmp_path):
    path = tmp_path / "page.png"
    drawn(FIRST).save(path, dpi=(300, 300))
    return path


@pytest.fixture
def document(tmp_path):
    pytest.importorskip("pypdfium2")
    path = tmp_path / "two.pdf"
    drawn(FIRST).save(path, save_all=True, append_images=[drawn(SECOND)], resolution=300)
    return path


def needs(*names: str) -> None:
    for name in names or ENGINES:
        if not has(name):
            pytest.skip(f"{name} is not installed")


def no_rapidocr(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "rapidocr_onnxruntime", None)


def no_tesseract(monkeypatch, tmp_path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.setenv("PATH", str(empty))


def failed(capfd, *arguments: object) -> str:
    """The one line that a command which must fail says."""
    assert main([str(a) for a in arguments]) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert err.count("\n") == 1 and err.startswith("repair: error: "), err
    return str(err)


# --- with the engines


def test_both_engines_read_a_page_and_the_log_takes_it_back(page, tmp_path, capfd):
    needs()
    out, log, raw = tmp_path / "out.txt", tmp_path / "log.jsonl", tmp_path / "raw.txt"
    assert main(["ocr", str(page), "-o", str(out), "--log", str(log)]) == 0
    assert "alone" not in capfd.readouterr().err
    assert wrong(out.read_text("utf-8"), FIRST) <= 2
    assert main(["revert", str(out), "--log", str(log), "-o", str(raw)]) == 0
    assert len(raw.read_text("utf-8").splitlines()) >= len(FIRST)
    again = tmp_path / "again.txt"
    assert main(["apply", str(raw), "--log", str(log), "-o", str(again)]) == 0
    assert again.read_bytes() == out.read_bytes()


@pytest.mark.parametrize("engine", ENGINES)
def test_each_engine_alone(engine, page, capfdbinary):
    needs(engine)
    assert main(["ocr", str(page), "--engine", engine]) == 0
    assert wrong(capfdbinary.readouterr().out.decode(), FIRST) <= 8


@pytest.mark.parametrize("engine", ENGINES)
def test_hocr_holds_the_corrections_and_its_log_takes_them_out(engine, page, tmp_path):
    needs(engine)
    out, log, raw = tmp_path / "out.hocr", tmp_path / "log.jsonl", tmp_path / "raw.hocr"
    assert main(["ocr", str(page), "--engine", engine, "-o", str(out), "--log", str(log), "--level", "review"]) == 0
    read = read_ocr(out.read_bytes(), name=out.name)
    assert read.format == "hocr" and wrong(read.text, FIRST) <= 8
    assert page.name in out.read_text("utf-8") and "page-0" not in out.read_text("utf-8")
    assert all(line.box for line in read.layout.lines)
    assert main(["revert", str(out), "--log", str(log), "-o", str(raw)]) == 0
    statuses = [json.loads(line).get("status") for line in log.read_text("utf-8").splitlines()]
    assert (raw.read_bytes() == out.read_bytes()) == ("applied" not in statuses)


@pytest.mark.parametrize("engine", ENGINES)
def test_pages_of_a_pdf_file_and_an_image_are_set_apart_by_form_feeds(engine, document, page, capfdbinary):
    needs(engine)
    assert main(["ocr", str(document), str(page), "--engine", engine]) == 0
    pages = capfdbinary.readouterr().out.decode().split("\f")
    assert [wrong(text, lines) <= 8 for text, lines in zip(pages, (FIRST, SECOND, FIRST), strict=True)] == [True] * 3


def test_pages_of_a_tiff_file_transparency_and_orientation(tmp_path):
    image = drawn(FIRST)
    image.save(tmp_path / "two.tif", save_all=True, append_images=[image])
    clear = image.convert("RGBA")
    clear.putalpha(image.point(lambda value: 255 - value))
    clear.save(tmp_path / "clear.png")
    turned = image.getexif()
    turned[0x0112] = 6
    image.save(tmp_path / "turned.jpg", exif=turned)
    folder = tmp_path / "pages"
    folder.mkdir()
    found = engines.scans([str(tmp_path / name) for name in ("two.tif", "clear.png", "turned.jpg")], folder)
    assert [(scan.width, scan.height) for scan in found] == [image.size] * 3 + [image.size[::-1]]
    from PIL import Image

    with Image.open(found[2].file) as clear:
        assert clear.getpixel((0, 0)) == (255, 255, 255)


@pytest.mark.parametrize("engine", ENGINES)
def test_an_empty_page_gives_empty_text(engine, tmp_path, capfdbinary):
    needs(engine)
    drawn(()).save(tmp_path / "blank.png", dpi=(300, 300))
    assert main(["ocr", str(tmp_path / "blank.png"), "--engine", engine]) == 0
    assert capfdbinary.readouterr().out.strip() == b""


# --- without engines


def test_without_any_engine(tmp_path, monkeypatch, capfd):
    no_rapidocr(monkeypatch)
    no_tesseract(monkeypatch, tmp_path)
    (tmp_path / "page.png").write_bytes(b"")
    out = tmp_path / "out.txt"
    said = failed(capfd, "ocr", tmp_path / "page.png", "-o", out)
    assert "repair[ocr]" in said and "tesseract-ocr tesseract-ocr-chi-sim" in said
    assert not out.exists()
    said = failed(capfd, "ocr", tmp_path / "page.png", "--engine", "tesseract")
    assert "tesseract-ocr-chi-sim" in said and "repair[ocr]" not in said
    assert "repair[ocr]" in failed(capfd, "ocr", tmp_path / "page.png", "--engine", "rapidocr")


def test_tesseract_without_chinese(tmp_path, monkeypatch, capfd):
    no_rapidocr(monkeypatch)
    no_tesseract(monkeypatch, tmp_path)
    fake = tmp_path / "empty" / "tesseract"
    fake.write_text("#!/bin/sh\necho 'List of available languages (1):'\necho eng\n")
    fake.chmod(0o755)
    assert "Tesseract lacks chi_sim" in failed(capfd, "ocr", tmp_path / "page.png")


def test_rapidocr_alone_says_so(page, tmp_path, monkeypatch, capfd):
    needs("rapidocr")
    no_tesseract(monkeypatch, tmp_path)
    assert main(["ocr", str(page)]) == 0
    out, err = capfd.readouterr()
    assert "Tesseract is not installed" in err and "read by rapidocr alone" in err
    assert wrong(out, FIRST) <= 8


def test_tesseract_alone_says_so_and_needs_no_pillow(page, tmp_path, monkeypatch, capfd):
    needs("tesseract")
    no_rapidocr(monkeypatch)
    monkeypatch.setitem(sys.modules, "PIL", None)
    assert main(["ocr", str(page)]) == 0
    out, err = capfd.readouterr()
    assert "RapidOCR is not installed" in err and "read by tesseract alone" in err
    assert wrong(out, FIRST) <= 8
    (tmp_path / "bad.png").write_bytes(b"no picture")
    capfd.readouterr()
    assert main(["ocr", str(page), str(tmp_path / "bad.png"), "--engine", "tesseract"]) == 2
    err = capfd.readouterr().err
    assert "bad.png: Tesseract cannot read it" in err and err.count("\n") == 1


# --- bad input


@pytest.fixture
def any_engine(monkeypatch):
    """An engine that must not be asked."""
    def unasked(pages, hocr):
        raise AssertionError("pages were read")

    monkeypatch.setattr("repair.ocr.ENGINES", (engines.Engine("rapidocr", lambda: None, unasked),))


@pytest.mark.parametrize(
    ("name", "data"),
    [("bad.png", b"no picture"), ("cut.png", None), ("bad.pdf", b"%PDF-1.7\nnothing"), ("empty.jpg", b"")],
)
def test_bad_files_are_named_and_nothing_is_written(name, data, tmp_path, any_engine, capfd):
    pytest.importorskip("PIL")
    pytest.importorskip("pypdfium2")
    if data is None:
        drawn(FIRST).save(tmp_path / name)
        data = (tmp_path / name).read_bytes()[:3000]
    (tmp_path / name).write_bytes(data)
    out, log = tmp_path / "out.txt", tmp_path / "log.jsonl"
    assert f"{name}: " in failed(capfd, "ocr", tmp_path / name, "-o", out, "--log", log)
    assert not out.exists() and not log.exists()


def test_a_missing_file_and_outputs_over_inputs(tmp_path, any_engine, capfd):
    assert "gone.png: no such file" in failed(capfd, "ocr", tmp_path / "gone.png")
    image = tmp_path / "page.png"
    image.write_bytes(b"x")
    assert "would be overwritten" in failed(capfd, "ocr", image, "-o", image)
    assert "would overwrite an input" in failed(capfd, "ocr", image, "--log", image)
    for option in ("-o", "--log"):
        for bad in (tmp_path / "none" / "out.txt", tmp_path):
            assert "not a file that can be written" in failed(capfd, "ocr", image, option, bad)
    assert image.read_bytes() == b"x" and not (tmp_path / "none").exists()


def test_pdf_files_need_their_package(tmp_path, any_engine, monkeypatch, capfd):
    monkeypatch.setitem(sys.modules, "pypdfium2", None)
    (tmp_path / "a.pdf").write_bytes(b"%PDF-1.7\n")
    assert "a.pdf: PDF files need pypdfium2 and pillow" in failed(capfd, "ocr", tmp_path / "a.pdf")


# --- without IO


def test_target_goes_by_the_name():
    assert [target_of(name, None) for name in (None, "a.txt", "a.hocr", "a.HTML")] == ["text", "text", "hocr", "hocr"]
    assert target_of("a.hocr", "text") == "text"


def test_hocr_of_lines_reads_as_the_lines_do():
    def line(left: int, top: int, text: str):
        right = left + 40 * len(text)
        return [[(left, top), (right, top), (right, top + 40), (left, top + 40)], text, 0.5]

    first = [line(100, 100, "甲<乙>&丙"), line(100, 160, "一 二"), line(400, 160, "三")]
    data = json.dumps([lines_of(first), lines_of(None), lines_of([line(100, 100, '"丁"')])]).encode()
    read = read_ocr(data, format="ocr-json")
    again = read_ocr(hocr_of(read, [Page(900, 900, 'a"b')] * 3, "x"))
    assert again.text == read.text and again.text.count("\f") == 2
    assert again.layout.pages[0][:2] == (900, 900)
    assert [line.box for line in again.layout.lines] == [line.box for line in read.layout.lines]
    assert again.layout.confidence[0] == 0.5


@pytest.mark.skipif(shutil.which("tesseract") is None, reason="no Tesseract")
def test_a_language_counts_as_missing_only_where_it_is(monkeypatch):
    monkeypatch.setattr(engines, "LANGUAGE", "xx_none")
    assert "lacks xx_none" in (engines._tesseract_missing() or "")
