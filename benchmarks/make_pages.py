"""Printed pages made from plain text, worn down, and read by Tesseract and RapidOCR: training pages with their truth.

    python benchmarks/make_pages.py MADE_PAGES news.txt government.txt prose.txt technical.txt --workers 2

The texts hold a paragraph a line. Runs of neighbouring paragraphs are set as book pages (running heads and page
numbers of many kinds) or newspaper articles (headline, byline, one to five columns, each column read by itself so that
the order is right), rendered in free fonts, degraded, and read. Output, like the pages in `ocr/pages`:
OUT/<engine>/<level>/<unit>_p<k>/{raw.txt,truth.txt,meta.json}. Every page goes to Tesseract, a share of them
(``--both``) to RapidOCR too. A unit depends on its number and the seed alone; finished pages are skipped, so that
the run can be stopped and started again at will. A page's folder appears whole or not at all.

Needs tesseract-ocr, tesseract-ocr-chi-sim, fonts-noto-cjk, fonts-arphic-{gbsn00lp,gkai00mp,ukai,uming} and
fonts-wqy-{microhei,zenhei} from Debian, and rapidocr-onnxruntime, rapidfuzz, fonttools, pillow and numpy from PyPI.
"""

from __future__ import annotations

import argparse
import functools
import io
import json
import math
import multiprocessing
import os
import random
import re
import shutil
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

os.environ.update(OMP_THREAD_LIMIT="1", OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont
from rapidfuzz import fuzz
from rapidfuzz.distance import Levenshtein

FIRST_UNIT = 100_000
FONTS = "/usr/share/fonts/"
# Name in meta.json, file, family inside a collection, share of the pages.
FACES: tuple[tuple[str, str, str, float], ...] = (
    ("NotoSerifSC", "opentype/noto/NotoSerifCJK-Regular.ttc", "Noto Serif CJK SC", 0.27),
    ("NotoSansSC", "opentype/noto/NotoSansCJK-Regular.ttc", "Noto Sans CJK SC", 0.18),
    ("KaitiGKAI", "truetype/arphic-gkai00mp/gkai00mp.ttf", "", 0.14),
    ("SongtiGBSN", "truetype/arphic-gbsn00lp/gbsn00lp.ttf", "", 0.14),
    ("UMingCN", "truetype/arphic/uming.ttc", "AR PL UMing CN", 0.09),
    ("WQYZenHei", "truetype/wqy/wqy-zenhei.ttc", "WenQuanYi Zen Hei", 0.08),
    ("WQYMicroHei", "truetype/wqy/wqy-microhei.ttc", "WenQuanYi Micro Hei", 0.06),
    ("UKaiCN", "truetype/arphic/ukai.ttc", "AR PL UKai CN", 0.04),
)
HEADLINE_FACES: tuple[tuple[str, str, str, float], ...] = (
    ("NotoSerifBold", "opentype/noto/NotoSerifCJK-Bold.ttc", "Noto Serif CJK SC", 0.45),
    ("NotoSansBold", "opentype/noto/NotoSansCJK-Bold.ttc", "Noto Sans CJK SC", 0.3),
    ("WQYZenHei", "truetype/wqy/wqy-zenhei.ttc", "WenQuanYi Zen Hei", 0.25),
)
# Least and greatest severity, and the commonest.
LEVELS = {"light": (0.0, 0.4, 0.18), "medium": (0.39, 0.81, 0.62), "heavy": (0.68, 0.88, 0.74)}
# For pages that RapidOCR reads too; it bears more.
HARDER = LEVELS | {"medium": (0.42, 0.84, 0.66), "heavy": (0.7, 1.04, 0.8)}
# fmt: off
HEADS = [
    "改革开放史话", "新闻作品选", "地方志通讯", "报告文学集", "乡土中国研究", "城市发展年鉴", "当代经济述评",
    "科技与社会", "文史资料选辑", "世界知识丛书", "中国教育史纲", "企业管理概论", "近代人物传略",
    "民族文化论丛", "国际关系评论", "法学基础教程", "农业技术手册", "环境保护读本", "计算机应用基础",
    "中外名人随笔", "财政与金融", "旅行散记", "卫生与健康", "历史的回声", "行政法规汇编", "国民经济概况",
    "工业史料", "通俗哲学讲话", "电影艺术漫谈", "山河岁月", "大众科学", "体育春秋", "海外华人纪事",
    "新编语文读物", "交通运输经济学",
]
CHAPTERS = [
    "经济与社会", "科技与教育", "绪论", "人口与资源", "制度的变迁", "城市的兴起", "对外贸易", "农村改革",
    "文化与传统", "战争与和平", "企业与市场", "法律责任", "监督管理", "附则", "故乡", "远行", "计划的编制",
    "技术的进步", "信息的传播", "民生与保障", "历史回顾", "结论与展望",
]
# fmt: on
SURNAMES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕"
GIVEN = "建国志强晓东海燕敏刚明华丽军平文斌红伟芳静秀英娟勇艳杰涛超霞辉玲桂兰健俊峰玉梅春生学德凯宁"
NUMERALS = "一二三四五六七八九十"

NO_START = frozenset("，。、；：？！”’）》〉】〕」』…—％,.;:?!)%·～")
NO_END = frozenset("“‘（《〈【〔「『(")
# Only these can be set in half their width at the end of a line.
SQUEEZABLE = frozenset("，。、；：？！”’）》〉】〕」』")
TOKEN = re.compile(r"[!-~]+|\s+|…+|—+|.")
WIDE = {c: c + 0xFEE0 for c in range(0x21, 0x7F) if chr(c).isalnum() or chr(c) in "%."}

Grey = NDArray[np.float32]


class Line(NamedTuple):
    """A set line: which characters of which paragraph, and its tokens with their place."""

    paragraph: int
    start: int
    end: int
    tokens: tuple[tuple[str, float], ...]


class Zone(NamedTuple):
    """A part of the page that is read by itself, in pixels of the rendering."""

    name: str
    box: tuple[int, int, int, int]


class Page(NamedTuple):
    """A rendering, its truth, and what meta.json says of it."""

    image: Image.Image
    zones: tuple[Zone, ...]
    truth: list[str]
    heads: list[str]
    feet: list[str]
    meta: dict[str, Any]


# ---------------------------------------------------------------------------------------------------------- fonts


@functools.cache
def face_index(path: str, family: str) -> int:
    """Which face of a collection has this family name."""
    if family:
        for index in range(20):
            try:
                name = ImageFont.truetype(FONTS + path, 20, index=index).getname()[0]
            except OSError:
                break
            if name == family:
                return index
    return 0


@functools.cache
def font(path: str, family: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(FONTS + path, size, index=face_index(path, family))


@functools.cache
def covered(path: str, family: str) -> frozenset[int]:
    """Code points that the face has a glyph for."""
    from fontTools.ttLib import TTFont

    with TTFont(FONTS + path, fontNumber=face_index(path, family), lazy=True) as face:
        return frozenset(face.getBestCmap())


def choose_face(
    rng: random.Random, faces: Sequence[tuple[str, str, str, float]], text: str
) -> tuple[str, str, str, float] | None:
    """A face that has every character of the text, by the shares."""
    needed = {ord(c) for c in text if not c.isspace()}
    fit = [face for face in faces if needed <= covered(face[1], face[2])]
    return rng.choices(fit, [face[3] for face in fit])[0] if fit else None


@functools.lru_cache(maxsize=50_000)
def width(face: ImageFont.FreeTypeFont, token: str) -> float:
    return float(face.getlength(token))


# ----------------------------------------------------------------------------------------------------------- text


class Text:
    """A large text file, read in runs of neighbouring lines from anywhere."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = path.stat().st_size

    def lines(self, rng: random.Random) -> Iterator[str]:
        with self.path.open("rb") as file:
            file.seek(rng.randrange(max(1, self.size - 200_000)))
            file.readline()
            for line in file:
                yield line.decode("utf-8", "replace").strip()


def is_prose(line: str) -> bool:
    """Can this be a paragraph of a Chinese page?"""
    if not 1 < len(line) <= 1200 or "\ufffd" in line or "\t" in line or "http" in line:
        return False
    hanzi = sum("\u4e00" <= c <= "\u9fff" for c in line)
    return hanzi >= 0.6 * len(line)


def draw_paragraphs(rng: random.Random, text: Text, characters: int) -> list[str]:
    """Neighbouring paragraphs with about so many characters; a file that is at its end gives fewer."""
    paragraphs: list[str] = []
    total = 0
    for line in text.lines(rng):
        if not is_prose(line):
            continue
        paragraphs.append(line)
        total += max(12, len(line))
        if total >= characters:
            break
    return paragraphs


def draw_title(rng: random.Random, text: Text, longest: int) -> str:
    """A short line without a full stop near a random place, else the beginning of a sentence there."""
    fallback = ""
    for seen, line in enumerate(text.lines(rng)):
        if not is_prose(line):
            continue
        if 5 <= len(line) <= longest and line[-1] not in NO_START | NO_END and " " not in line:
            return line
        clause = re.match(r"[\u4e00-\u9fff]{6,}", line)
        if clause and len(clause[0]) <= longest:
            fallback = clause[0]
        if seen > 60 and fallback:
            break
    return fallback


def draw_head(rng: random.Random, text: Text) -> str:
    kind = rng.random()
    if kind < 0.35:
        return rng.choice(HEADS)
    if kind < 0.75:
        number = rng.choice(NUMERALS) if rng.random() < 0.7 else "十" + rng.choice(NUMERALS[:9])
        gap = rng.choice(["\u3000", "\u3000", " "])
        return f"第{number}{rng.choice('章章章节讲编')}{gap}{rng.choice(CHAPTERS)}"
    return draw_title(rng, text, 14) or rng.choice(HEADS)


def house_style(rng: random.Random, paragraphs: list[str]) -> list[str]:
    """Per cent signs are full-width in print; older typesetting has full-width digits and letters too."""
    letters = sum(c.isascii() and c.isalpha() for p in paragraphs for c in p)
    if rng.random() < 0.2 and letters < 10:
        return [re.sub(r"[0-9A-Za-z%]+(?:\.[0-9]+)?%?", lambda m: m[0].translate(WIDE), p) for p in paragraphs]
    if rng.random() < 0.8:
        return [p.replace("%", "％") for p in paragraphs]
    return paragraphs


# --------------------------------------------------------------------------------------------------------- layout


def set_lines(paragraphs: Sequence[str], face: ImageFont.FreeTypeFont, measure: float, em: int) -> list[Line]:
    """Paragraphs set in justified lines, with an indent of two characters and the usual line-end rules."""
    lines: list[Line] = []
    for number, paragraph in enumerate(paragraphs):
        tokens: list[tuple[str, int]] = []
        for match in TOKEN.finditer(paragraph):
            if width(face, match[0]) > measure * 0.9:
                tokens += [(c, match.start() + i) for i, c in enumerate(match[0])]
            else:
                tokens.append((match[0], match.start()))
        at = 0
        while at < len(tokens):
            left = 2.0 * em if at == 0 else 0.0
            if at and tokens[at][0].isspace():
                at += 1
                continue
            used = left
            stop = at
            while stop < len(tokens) and used + width(face, tokens[stop][0]) <= measure + 0.5:
                used += width(face, tokens[stop][0])
                stop += 1
            if stop < len(tokens):
                token = tokens[stop][0]
                if token in SQUEEZABLE and used + width(face, token) / 2 <= measure + 0.5:
                    stop += 1
                stop = _legal_break(tokens, at, stop)
            lines.append(_justify(number, tokens[at:stop], face, left, measure, stop < len(tokens)))
            at = stop
    return lines


def _legal_break(tokens: Sequence[tuple[str, int]], at: int, stop: int) -> int:
    """The last place up to `stop` where a line may end."""
    if stop >= len(tokens):
        return stop
    for place in range(stop, max(at + 1, stop - 5), -1):
        if tokens[place][0][0] not in NO_START and tokens[place - 1][0][-1] not in NO_END:
            return place
    return max(stop, at + 1)


def _justify(
    number: int,
    tokens: Sequence[tuple[str, int]],
    face: ImageFont.FreeTypeFont,
    left: float,
    measure: float,
    full: bool,
) -> Line:
    texts = [token for token, _ in tokens]
    widths = [width(face, token) for token in texts]
    if full and texts[-1].isspace():
        widths[-1] = 0.0
    total = left + sum(widths)
    if full and texts[-1] in SQUEEZABLE and total > measure:
        total -= widths[-1] / 2
    gap = (measure - total) / max(1, len(tokens) - 1) if full else 0.0
    placed = []
    x = left
    for token, wide in zip(texts, widths, strict=True):
        placed.append((token, x))
        x += wide + gap
    return Line(number, tokens[0][1], tokens[-1][1] + len(texts[-1]), tuple(placed))


def truth_of(lines: Sequence[Line], paragraphs: Sequence[str]) -> list[str]:
    """What the lines show: a paragraph, or the part of it that is on the page, a line."""
    shown: dict[int, tuple[int, int]] = {}
    for line in lines:
        start, _ = shown.get(line.paragraph, (line.start, 0))
        shown[line.paragraph] = (start, line.end)
    return [paragraphs[number][start:end].strip() for number, (start, end) in shown.items()]


def draw_line(draw: ImageDraw.ImageDraw, line: Line, x: float, y: float, face: ImageFont.FreeTypeFont) -> None:
    for token, offset in line.tokens:
        if not token.isspace():
            draw.text((x + offset, y), token, fill=0, font=face, anchor="ls")


def book_pages(rng: random.Random, text: Text) -> list[Page]:
    """A run of one to four pages of a book."""
    dpi = rng.choice([150, 150, 200, 200, 200, 240, 300])
    pt = rng.choice([10.5, 11, 11, 12])
    px = max(20, round(dpi * pt / 72))
    columns, rows, count = rng.randint(22, 30), rng.randint(20, 27), rng.choice([1, 2, 3, 3])
    lead = round(px * rng.uniform(1.5, 1.76))
    paragraphs = house_style(rng, draw_paragraphs(rng, text, columns * rows * count))
    head = draw_head(rng, text)
    chosen = choose_face(rng, FACES, "".join(paragraphs) + head)
    if chosen is None:
        return []
    name, path, family, _ = chosen
    face, small = font(path, family, px), font(path, family, max(12, round(px * rng.uniform(0.78, 0.95))))
    lines = set_lines(paragraphs, face, columns * px, px)
    kind = rng.choices(["head, foot", "head and number", "head", "foot", "none"], [40, 28, 10, 12, 10])[0]
    foot_style = rng.choice(["{}", "{}", "·{}·", "·{}·", "— {} —", "— {} —", "- {} -", "({})", "第{}页"])
    foot_place = rng.choice(["centre", "centre", "outside"])
    rule = "head" in kind and rng.random() < 0.8
    first_number = rng.choice([rng.randint(2, 99), rng.randint(100, 480)])
    margin = round(px * rng.uniform(2.4, 3.4))
    pages = []
    for index in range(count):
        here = lines[index * rows : (index + 1) * rows]
        if len(here) < 5:
            break
        number = first_number + index
        even = number % 2 == 0
        wide, high = columns * px + 2 * margin, rows * lead + round(11 * px)
        image = Image.new("L", (wide, high), 255)
        draw = ImageDraw.Draw(image)
        header = footer = ""
        head_y = round(3.0 * px)
        if kind == "head and number":
            header = f"{number} {head}" if even else f"{head} {number}"
            left_text, right_text = (str(number), head) if even else (head, str(number))
            draw.text((margin, head_y), left_text, fill=0, font=small, anchor="ls")
            draw.text((wide - margin, head_y), right_text, fill=0, font=small, anchor="rs")
        elif "head" in kind:
            header = head
            draw.text((wide / 2, head_y), head, fill=0, font=small, anchor="ms")
        if rule:
            y = head_y + round(0.5 * px)
            draw.line((margin, y, wide - margin, y), fill=0, width=max(1, px // 20))
        for row, line in enumerate(here):
            draw_line(draw, line, margin, 5.6 * px + row * lead, face)
        if "foot" in kind:
            footer = foot_style.format(number)
            y = round(5.6 * px + rows * lead + 0.9 * px)
            if foot_place == "centre":
                draw.text((wide / 2, y), footer, fill=0, font=small, anchor="ms")
            elif even:
                draw.text((margin, y), footer, fill=0, font=small, anchor="ls")
            else:
                draw.text((wide - margin, y), footer, fill=0, font=small, anchor="rs")
        last = lines.index(here[-1]) if index * rows + rows < len(lines) else -1
        meta = {
            "kind": "book",
            "book_page": index,
            "n_book_pages": count,
            "font": name,
            "dpi": dpi,
            "pt": pt,
            "starts_mid_paragraph": here[0].start > 0,
            "ends_mid_paragraph": last >= 0 and lines[last + 1].paragraph == here[-1].paragraph,
            "layout": {
                "px": px,
                "cols": 1,
                "col_chars": columns,
                "lead": lead,
                "rows": rows,
                "header": header,
                "footer": footer,
                "page_no": number if kind in ("head, foot", "head and number", "foot") else None,
            },
        }
        heads = [header, head, str(number)] if kind == "head and number" else [header] if header else []
        zones = (Zone("page", (0, 0, wide, high)),)
        feet = [footer, str(number)] if footer else []
        pages.append(Page(image, zones, truth_of(here, paragraphs), heads, feet, meta))
    return pages


def newspaper_article(rng: random.Random, text: Text) -> list[Page]:
    """A newspaper article, or a part of one: headline, byline, columns."""
    dpi = rng.choice([150, 200, 200, 240, 300])
    pt = rng.choice([9.5, 9.5, 10, 10.5, 10.5, 11])
    px = max(20, round(dpi * pt / 72))
    columns = rng.choices([1, 2, 3, 4, 5], [6, 14, 40, 30, 10])[0]
    characters = rng.randint(12, 20)
    lead = round(px * rng.uniform(1.28, 1.52))
    gutter = round(px * rng.choice([1.0, 1.2, 1.5, 2.0]))
    rule = columns > 1 and rng.random() < 0.4
    paragraphs = house_style(rng, draw_paragraphs(rng, text, rng.randint(240, 620)))
    title = draw_title(rng, text, 26) if rng.random() < 0.6 else ""
    byline = ""
    if title and rng.random() < 0.35:
        byline = "本报记者\u3000" + rng.choice(SURNAMES) + "".join(rng.sample(GIVEN, rng.choice([1, 2, 2])))
    chosen = choose_face(rng, FACES, "".join(paragraphs) + byline)
    bold = choose_face(rng, HEADLINE_FACES, title)
    if chosen is None or bold is None:
        return []
    face = font(chosen[1], chosen[2], px)
    measure = characters * px
    lines = set_lines(paragraphs, face, measure, px)[:60]
    if len(lines) < columns:
        return []
    per_column = math.ceil(len(lines) / columns)
    margin = round(1.9 * px)
    wide = columns * measure + (columns - 1) * gutter + 2 * margin
    size = round(px * rng.uniform(1.5, 2.2))
    while title and width(font(bold[1], bold[2], size), title) > wide - 2 * px and size > 1.1 * px:
        size -= 1
    if title and width(font(bold[1], bold[2], size), title) > wide - px:
        title = byline = ""
    top = 2 * px + (round(1.7 * size) if title else 0) + (round(1.7 * px) if byline else 0)
    high = top + per_column * lead + 3 * px
    image = Image.new("L", (wide, high), 255)
    draw = ImageDraw.Draw(image)
    zones: list[Zone] = []
    if title:
        draw.text((wide / 2, 1.6 * px + size), title, fill=0, font=font(bold[1], bold[2], size), anchor="ms")
        if byline:
            draw.text((wide / 2, top - 0.6 * px), byline, fill=0, font=face, anchor="ms")
        zones.append(Zone("title", (0, 0, wide, top)))
    for column in range(columns):
        x = margin + column * (measure + gutter)
        for row, line in enumerate(lines[column * per_column : (column + 1) * per_column]):
            draw_line(draw, line, x, top + px + row * lead, face)
        if column * per_column >= len(lines):
            continue
        left = 0 if column == 0 else x - gutter // 2
        right = wide if column == columns - 1 else x + measure + gutter // 2
        if rule and column:
            draw.line((left, top, left, top + per_column * lead), fill=0, width=max(1, px // 20))
        zones.append(Zone(f"col{column}", (left, top if title else 0, right, high)))
    meta = {
        "kind": "newspaper",
        "part": 0 if title else 1,
        "title": title,
        "byline": byline,
        "font": chosen[0],
        "headline_font": bold[0],
        "dpi": dpi,
        "pt": pt,
        "zoned": True,
        "layout": {
            "px": px,
            "header": "",
            "footer": "",
            "page_no": None,
            "cols": columns,
            "col_chars": characters,
            "lead": lead,
            "gutter": gutter,
            "rule": rule,
            "nlines": len(lines),
        },
    }
    truth = [t for t in (title, byline) if t] + truth_of(lines, paragraphs)
    return [Page(image, tuple(zones), truth, [], [], meta)]


# ---------------------------------------------------------------------------------------------------- degradation


def wear(
    rng: random.Random, page: Page, other: Image.Image, level: str, both: bool
) -> tuple[Image.Image, dict[str, Any], float]:
    """The page as a poor scan, what was done to it, and the scale from its rendering."""
    severity = rng.triangular(*(HARDER if both else LEVELS)[level])
    noise = np.random.default_rng(rng.getrandbits(63))
    px = int(page.meta["layout"]["px"])
    target = min(px, max(14.4, 27.2 - 11.2 * severity + rng.uniform(-1.8, 1.8)))
    quality = round(min(86, max(28, 78 - 38 * severity + rng.uniform(-7, 7))))
    bleed = rng.uniform(0, 0.155) * severity
    contrast = min(0.96, max(0.55, 0.94 - 0.3 * severity + rng.uniform(-0.08, 0.06)))
    ink = rng.uniform(-0.27, 0.56) * (0.25 + 0.75 * severity)
    rotation = rng.uniform(-0.42, 0.42) * (0.35 + 0.65 * severity)
    grains = rng.uniform(0, 0.0023) * severity
    bilevel = level != "light" and rng.random() < 0.12
    upsampled = 1.0 if rng.random() < 0.5 else round(rng.uniform(1.2, 1.5) + 0.55 * severity, 2)

    scale = target / px
    size = (round(page.image.width * scale), round(page.image.height * scale))

    def shrunk(image: Image.Image, blur: float) -> Grey:
        small = image.resize(size, Image.Resampling.BOX).filter(ImageFilter.GaussianBlur(blur))
        return 1.0 - np.asarray(small, dtype=np.float32) / 255.0

    turned = page.image.rotate(rotation, Image.Resampling.BICUBIC, fillcolor=255)
    blur = max(0.15, BLUR[0] + BLUR[1] * severity + rng.uniform(-0.12, 0.12))
    shown: Grey = shrunk(turned, blur) ** np.float32(math.exp(-1.1 * ink))
    behind = shrunk(other.resize(page.image.size).transpose(Image.Transpose.FLIP_LEFT_RIGHT), 1.2 + blur)
    paper = rng.uniform(203, 242)
    yy, xx = np.mgrid[0 : size[1], 0 : size[0]]
    slope = rng.uniform(-6, 6) * xx / size[0] + rng.uniform(-6, 6) * yy / size[1]
    grey = (paper + slope) * (1.0 - np.minimum(1.0, shown * contrast + behind * bleed))
    grey = grey + noise.normal(0.0, NOISE[0] + NOISE[1] * severity, grey.shape)
    where = noise.random(grey.shape)
    grey[where < grains / 2] = rng.uniform(0, 70)
    grey[where > 1 - grains / 2] = 255
    if bilevel:
        cut = paper - (paper - np.percentile(grey, 2)) * rng.uniform(0.25, 0.6)
        grey = np.where(grey > cut, 255.0, 0.0)
    scan = Image.fromarray(np.clip(grey, 0, 255).astype(np.uint8))
    packed = io.BytesIO()
    scan.save(packed, "JPEG", quality=quality)
    scan = Image.open(packed).convert("L")
    if upsampled > 1:
        scan = scan.resize((round(size[0] * upsampled), round(size[1] * upsampled)), Image.Resampling.BICUBIC)
    facts = {
        "level": level,
        "severity": round(severity, 3),
        "eff_px": round(target, 1),
        "jpeg_q": quality,
        "bleed": round(bleed, 3),
        "contrast": round(contrast, 2),
        "ink": round(ink, 2),
        "rot": round(rotation, 2),
        "sp": round(grains, 4),
        "blur": round(blur, 2),
        "bilevel": bilevel,
        "upsampled": upsampled,
    }
    return scan, facts, scan.width / page.image.width


# Blur (pixels of the scan) and noise (grey levels): at severity 0, and what severity 1 adds. Set so that the error
# rates by engine and level come out as on the shared pages.
BLUR = (0.33, 0.72)
NOISE = (1.5, 3.5)


# -------------------------------------------------------------------------------------------------------- engines


def cut_zones(scan: Image.Image, zones: Sequence[Zone], scale: float) -> list[Image.Image]:
    boxes = [[round(v * scale) for v in zone.box] for zone in zones]
    return [scan.crop((x, y, min(right, scan.width), min(low, scan.height))) for x, y, right, low in boxes]


def read_tesseract(images: Sequence[Image.Image], psm: int) -> str:
    readings = []
    for image in images:
        packed = io.BytesIO()
        image.save(packed, "PNG", compress_level=1)
        command = ["tesseract", "stdin", "stdout", "-l", "chi_sim", "--psm", str(psm)]
        done = subprocess.run(command, input=packed.getvalue(), capture_output=True, check=True, timeout=180)
        readings.append(done.stdout.decode("utf-8").replace("\f", "").rstrip("\n"))
    return "\n".join(readings) + "\n"


@functools.cache
def rapid() -> Any:
    from rapidocr_onnxruntime import RapidOCR

    return RapidOCR(intra_op_num_threads=1, inter_op_num_threads=1)


def read_rapid(images: Sequence[Image.Image]) -> str:
    """Lines from top to bottom; pieces of one line from left to right with a blank between them."""
    readings = []
    for image in images:
        found, _ = rapid()(np.asarray(image.convert("RGB"))[:, :, ::-1])
        pieces = []
        for box, string, _score in found or []:
            ys, xs = [point[1] for point in box], [point[0] for point in box]
            pieces.append((sum(ys) / 4, min(xs), max(ys) - min(ys), string))
        pieces.sort()
        rows: list[list[tuple[float, float, float, str]]] = []
        for piece in pieces:
            if rows and piece[0] - rows[-1][0][0] < 0.5 * min(piece[2], rows[-1][0][2]):
                rows[-1].append(piece)
            else:
                rows.append([piece])
        readings.append("\n".join(" ".join(p[3] for p in sorted(row, key=lambda p: p[1])) for row in rows))
    return "\n\n".join(readings) + "\n"


# -------------------------------------------------------------------------------------------------------- scoring


def solid(text: str) -> str:
    return "".join(text.split())


def furniture(raw: str, page: Page) -> list[str]:
    """Lines of `raw` that are running head or page number, by likeness."""
    lines = raw.split("\n")
    filled = [i for i, line in enumerate(lines) if line.strip()]
    body = solid("".join(page.truth))
    found: list[int] = []
    for wanted, edge in ((page.heads, filled[:3]), (page.feet, filled[::-1][:3])):
        if not wanted:
            continue
        before = len(found)
        for index in edge:
            line = solid(lines[index])
            likeness = max(fuzz.ratio(line, solid(w)) for w in wanted)
            inner = re.sub(r"\W", "", line)
            likeness = max([likeness] + [fuzz.ratio(inner, re.sub(r"\W", "", w)) for w in wanted])
            elsewhere = fuzz.partial_ratio(line, body) if len(line) > 3 else 50.0
            # A number that came out garbled among specks: short, and no part of the text.
            garbled = len(line) <= 12 and elsewhere <= 50 and any(w in line for w in wanted if w.isdigit())
            if (likeness >= 45 and likeness > elsewhere - 25) or garbled:
                found.append(index)
            elif len(line) >= 8 and elsewhere >= 60:
                break
        if len(found) == before and edge and _is_added(lines, edge[0], body, max(map(len, wanted))):
            found.append(edge[0])
    return [lines[i] for i in sorted(set(found))]


def _is_added(lines: list[str], index: int, body: str, length: int) -> bool:
    """Is the line, which is about as long as it may be, no reading of the text?"""
    line = solid(lines[index])
    if len(line) > 1.6 * length + 4:
        return False
    rest = solid("".join(lines[:index] + lines[index + 1 :]))
    whole = solid("".join(lines))
    return Levenshtein.distance(whole, body) - Levenshtein.distance(rest, body) >= 0.7 * len(line)


def error_rate(raw: str, truth: str) -> float:
    return Levenshtein.distance(solid(raw), solid(truth)) / max(1, len(solid(truth)))


def without_lines(raw: str, dropped: Sequence[str]) -> str:
    left = list(dropped)
    kept = []
    for line in raw.split("\n"):
        if line in left:
            left.remove(line)
        else:
            kept.append(line)
    return "\n".join(kept)


def write_page(folder: Path, raw: str, truth: str, meta: dict[str, Any]) -> None:
    partial = folder.with_name(f".{folder.name}.{os.getpid()}")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    (partial / "raw.txt").write_text(raw, encoding="utf-8")
    (partial / "truth.txt").write_text(truth, encoding="utf-8")
    (partial / "meta.json").write_text(json.dumps(meta, ensure_ascii=False, indent=1), encoding="utf-8")
    partial.rename(folder)


# ------------------------------------------------------------------------------------------------------------ run


def make_unit(unit: int, texts: Sequence[Text], options: argparse.Namespace) -> int:
    """Make and read the pages of a unit that are not there yet; how many readings were made."""
    rng = random.Random(f"{options.seed}:{unit}")
    text = rng.choices(texts, options.shares)[0]
    pages = book_pages(rng, text) if rng.random() < 0.4 else newspaper_article(rng, text)
    made = 0
    for index, page in enumerate(pages):
        page_rng = random.Random(f"{options.seed}:{unit}:{index}")
        level = page_rng.choice(list(LEVELS))
        both = page_rng.random() < options.both
        psm = page_rng.choice([3, 4, 6] if page.meta["kind"] == "book" else [4, 6, 6])
        name = f"{unit}_p{index + 1}"
        wanted = [e for e in ("tesseract", "rapidocr") if e == "tesseract" or both]
        missing = [e for e in wanted if not (options.out / e / level / name / "meta.json").exists()]
        if not missing:
            continue
        scan, facts, scale = wear(page_rng, page, pages[index - 1].image, level, both)
        images = cut_zones(scan, page.zones, scale)
        truth = "\n".join(page.truth) + "\n"
        for engine in missing:
            started = time.time()
            raw = read_tesseract(images, psm) if engine == "tesseract" else read_rapid(images)
            seconds = time.time() - started
            heads = furniture(raw, page)
            body = without_lines(raw, heads)
            rate = error_rate(body, truth)
            meta: dict[str, Any] = {"page": name, "engine": engine, "level": level, "unit": unit}
            meta |= {"source": text.path.stem, **page.meta}
            if engine == "tesseract":
                meta["psm"] = psm
            meta |= {
                "degradation": facts,
                "image_size": list(scan.size),
                "n_truth": len(solid(truth)),
                "n_ocr": len(solid(body)),
                "cer": round(rate, 4),
                "cer_with_headers": round(error_rate(raw, truth), 4),
                "header_lines": heads,
                "ocr_seconds": round(seconds, 2),
                "order_ok": rate <= 0.4,
            }
            folder = options.out / engine / level / name
            write_page(folder, raw, truth, meta)
            if options.images:
                scan.save(folder / "image.png")
            made += 1
    return made


def work(number: int, options: argparse.Namespace) -> None:
    texts = [Text(path) for path in options.text]
    done = 0
    started = time.time()
    for unit in range(FIRST_UNIT + options.start + number, FIRST_UNIT + options.start + options.units, options.workers):
        try:
            made = make_unit(unit, texts, options)
        except Exception:
            print(f"unit {unit}:\n{traceback.format_exc()}", file=sys.stderr, flush=True)
            continue
        done += made
        if made:
            rate = done / (time.time() - started) * 60
            print(f"worker {number} unit {unit}: {done} readings, {rate:.1f} a minute", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("text", type=Path, nargs="+")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--units", type=int, default=1_000_000, help="how many articles")
    parser.add_argument("--start", type=int, default=0, help="the first article's number, less 100000")
    parser.add_argument("--both", type=float, default=0.4, help="share of the pages that RapidOCR reads too")
    parser.add_argument("--shares", type=float, nargs="+", help="how often each text is drawn from; default: equally")
    parser.add_argument("--seed", default="pages")
    parser.add_argument("--images", action="store_true", help="keep the scans")
    options = parser.parse_args()
    options.shares = options.shares or [1.0] * len(options.text)
    if options.workers == 1:
        work(0, options)
        return
    workers = [multiprocessing.Process(target=work, args=(n, options)) for n in range(options.workers)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()


if __name__ == "__main__":
    main()
