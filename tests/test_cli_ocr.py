"""OCR files on the command line and in the log."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from test_cli import Here

from repair.formats.ocr import read_ocr
from repair.log import LogError, apply_log, read_log, revert_log

WORDS = [
    ["提供", "了"],
    ["政策", "支持", "and", "体制", "保障", "。"],
    ["明确", "主导", "产业", "发展", "目"],
    ["标", "，", "鼓励"],
]
REPAIRED = "提供了\n政策支持和体制保障。\n明确主导产业发展目\n标，鼓励\n"
RUNNING = "政策支持和体制保障。\n明确主导产业发展目标，鼓励\n"


def hocr() -> str:
    lines = (
        "<span class='ocr_line'>" + " ".join(f"<span class='ocrx_word'>{w}</span>" for w in line) + "</span>\n"
        for line in WORDS
    )
    return f"<html><body><div class='ocr_page'><p class='ocr_par'>\n{''.join(lines)}</p></div></body></html>\n"


def alto() -> str:
    lines = ("<TextLine>" + "<SP/>".join(f'<String CONTENT="{w}"/>' for w in line) + "</TextLine>\n" for line in WORDS)
    return (
        '<?xml version="1.0" encoding="GB18030"?>\n<alto xmlns="http://www.loc.gov/standards/alto/ns-v4#"><Layout>'
        f"<Page><PrintSpace><TextBlock>\n{''.join(lines)}</TextBlock></PrintSpace></Page></Layout></alto>\n"
    )


def page() -> str:
    lines = (f"<TextLine><TextEquiv><Unicode>{''.join(line)}</Unicode></TextEquiv></TextLine>\n" for line in WORDS)
    namespace = "http://schema.primaresearch.org/PAGE/gts/pagecontent/2019-07-15"
    return f'<PcGts xmlns="{namespace}"><Page><TextRegion>\n{"".join(lines)}</TextRegion></Page></PcGts>\n'


def boxes() -> str:
    return json.dumps([[[0, 30 * k, 300, 30 * k + 20], "".join(line), 0.9] for k, line in enumerate(WORDS)])


FILES = {
    "a.hocr": hocr().encode(),
    "b.html": hocr().encode("utf-8-sig"),
    "c.xml": alto().encode("gb18030"),
    "d.page.xml": page().encode("utf-8"),
    "e.json": boxes().encode(),
}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Here:
    folder = tmp_path / "here"
    folder.mkdir()
    return Here(folder, monkeypatch)


@pytest.mark.parametrize("name", FILES)
def test_same_format_and_back(here: Here, name: str) -> None:
    data = FILES[name]
    here.write(name, data)
    ran = here("clean", name, "-o", f"out-{name}", "--log", "log.jsonl")
    assert ran.status == 0, ran.err
    assert "2 of them about lines of the running text" in ran.err
    out = here.files()[f"out-{name}"]
    assert out and out != data
    assert read_ocr(out, name=name).text == REPAIRED
    assert here("revert", f"out-{name}", "--log", "log.jsonl").out == data
    assert here("apply", name, "--log", "log.jsonl").out == out
    assert "sha256" in here.refused("revert", name, "--log", "log.jsonl")
    first = (here.folder / "log.jsonl").read_bytes()
    here("clean", name, "-o", f"out-{name}", "--log", "log.jsonl")
    assert (here.folder / "log.jsonl").read_bytes() == first
    # What was cleaned is clean: nothing more changes in the file.
    assert here("clean", f"out-{name}").out == out


@pytest.mark.parametrize("name", FILES)
def test_running_text(here: Here, name: str) -> None:
    here.write(name, FILES[name])
    assert here("clean", name, "--to", "text", "-o", "out/", "--log", "log.jsonl").status == 0
    target = "out/" + name.rsplit(".", 1)[0] + ".txt"
    text = here.files()[target]
    assert text is not None and text.decode().endswith(RUNNING)
    before = here("revert", target, "--log", "log.jsonl").out
    assert before.decode() == read_ocr(FILES[name], name=name).text
    assert here("apply", name, "--log", "log.jsonl").out == text


def test_standard_input(here: Here) -> None:
    for name, data in FILES.items():
        ran = here("clean", given=data)
        assert read_ocr(ran.out, name=name).text == REPAIRED
    assert here("clean", given="[注] 政策支持 and 体制保障。\n".encode()).out.decode() == "[注] 政策支持和体制保障。\n"


def test_folders_take_what_is_ocr(here: Here) -> None:
    for name, data in FILES.items():
        here.write(f"in/{name}", data)
    here.write("in/t.txt", "一\n")
    here.write("in/other.xml", "<root/>")
    here.write("in/other.json", '{"page": 1}')
    here.write("in/other.html", "<p>页</p>")
    assert here("clean", "in", "-o", "out", "--workers", "2").status == 0
    assert sorted(name for name in here.files() if name.startswith("out/")) == sorted(
        f"out/{name}" for name in (*FILES, "t.txt")
    )


def test_check_and_diff_are_about_the_running_text(here: Here) -> None:
    here.write("a.hocr", FILES["a.hocr"])
    ran = here("check", "a.hocr")
    assert ran.status == 1 and "a.hocr:2:5" in ran.out.decode()
    ran = here("diff", "a.hocr")
    assert "-政策支持and体制保障。\n" in ran.out.decode() and "+明确主导产业发展目标，鼓励\n" in ran.out.decode()


@pytest.mark.parametrize("name", ["x.xml", "x.html", "x.json", "x.hocr"])
def test_what_is_no_ocr_output_is_refused(here: Here, name: str) -> None:
    here.write(name, "政策支持 and 体制保障。\n")
    assert name in here.refused("clean", name)
    here.write(name, "")
    assert name in here.refused("clean", name, "-o", "out")


def test_log_with_decisions(here: Here) -> None:
    """What a person accepted, rejected or edited is in the rebuilt file."""
    data = FILES["c.xml"]
    here.write("c.xml", data)
    here("clean", "c.xml", "-o", "out.xml", "--log", "log.jsonl")
    lines = (here.folder / "log.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    assert rows[1]["format"] == "alto" and rows[1]["encoding"] == "gb18030"
    at = next(k for k, row in enumerate(rows) if row.get("rule") == "stray-word")
    assert rows[at]["splices"] == [[data.index(b'"and') + 1, "and", "和"]]

    def decided(status: str, after: str) -> bytes:
        rows[at].update(status=status, after=after)
        log = read_log([json.dumps(row) for row in rows])
        document = log.documents[0]
        return apply_log(data, document.record, document.entries)

    assert "体制" in decided("rejected", "和").decode("gb18030") and b'"and"' in decided("rejected", "和")
    assert 'CONTENT="与"'.encode("gb18030") in decided("edited", "与")
    out = decided("accepted", "和")
    document = read_log([json.dumps(row) for row in rows]).documents[0]
    assert revert_log(out, document.record, document.entries) == data
    rows[at]["splices"] = [[1, "x", "y"]]
    with pytest.raises(LogError, match="offset 1"):
        decided("accepted", "和")
    for bad in ([[1, "x"]], [["1", "x", "y"]], [[-1, "x", "y"]], 5, [[1, 2, 3]], [[1, "x", "\ud800"]]):
        rows[at]["splices"] = bad
        with pytest.raises(LogError, match="splices"):
            decided("accepted", "和")
