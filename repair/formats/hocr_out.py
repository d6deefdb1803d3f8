"""hOCR out of the text and layout of any page: for engines that write none. Pure, no IO."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from html import escape
from itertools import groupby

import numpy as np

from repair.formats.ocr import OcrFile
from repair.layout import Box, Page, PageLine

_UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN" "http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd">
<html xmlns="http://www.w3.org/1999/xhtml">
 <head>
  <title></title>
  <meta http-equiv="Content-Type" content="text/html;charset=utf-8"/>
  <meta name="ocr-system" content="{system}"/>
  <meta name="ocr-capabilities" content="ocr_page ocr_par ocr_line ocrx_word ocrp_wconf"/>
 </head>
 <body>
"""
_TAIL = " </body>\n</html>\n"


def hocr_of(file: OcrFile, pages: Sequence[Page], system: str) -> bytes:
    """The text of `file` with its boxes as an hOCR document of these pages; `system` names the engine."""
    by_page: dict[int, list[PageLine]] = {}
    for line in file.layout.lines:
        by_page.setdefault(line.page, []).append(line)
    out = [_HEAD.format(system=_written(system))]
    for number, page in enumerate(pages):
        title = f"image &quot;{_written(page.image)}&quot;; {_bbox(Box(0, 0, page.width, page.height))}"
        out.append(f'  <div class="ocr_page" id="page_{number + 1}" title="{title}; ppageno {number}">\n')
        for _, block in groupby(by_page.get(number, ()), key=lambda line: line.block):
            out.append('   <p class="ocr_par">\n')
            for line in block:
                out += _line(file, line)
            out.append("   </p>\n")
        out.append("  </div>\n")
    return "".join([*out, _TAIL]).encode()


def _line(file: OcrFile, line: PageLine) -> Iterator[str]:
    yield f'    <span class="ocr_line"{_title(_bbox(line.box))}>'
    layout = file.layout
    for word, run in groupby(range(line.start, line.end), key=lambda i: int(layout.word[i])):
        places = list(run)
        text = file.text[places[0] : places[-1] + 1].strip()
        if text:
            box = Box(*map(float, layout.boxes[word])) if word >= 0 else line.box
            known = [float(c) for c in layout.confidence[places] if not np.isnan(c)]
            sure = f"x_wconf {round(100 * sum(known) / len(known))}" if known else ""
            yield f'<span class="ocrx_word"{_title(_bbox(box), sure)}>{_written(text)}</span> '
    yield "</span>\n"


def _title(*properties: str) -> str:
    text = "; ".join(p for p in properties if p)
    return f' title="{text}"' if text else ""


def _bbox(box: Box | None) -> str:
    return "bbox " + " ".join(str(round(v)) for v in box) if box else ""


def _written(text: str) -> str:
    return escape(_UNWRITABLE.sub("\ufffd", text))
