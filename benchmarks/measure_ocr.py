"""Measures `repair ocr` on pages drawn for it: characters wrong for each engine, alone and repaired, and for both.

    python benchmarks/measure_ocr.py [--font FONT ...] [--languages]

Every typeface is drawn clean, blurred and blurred more. Needs Tesseract and the extra ``ocr``. With ``--languages``
Tesseract reads with ``chi_sim+eng`` too, and the seconds are told.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont
from rapidfuzz.distance import Levenshtein

from repair import Pipeline
from repair.formats import engines
from repair.formats.engines import ENGINES, Scan

FONTS = [f"/usr/share/fonts/opentype/noto/Noto{kind}CJK-Regular.ttc" for kind in ("Serif", "Sans")]
SIZE, WIDTH = 42, 34
TITLE = "县域经济发展调研报告"
PARAGRAPHS = (
    "近年来，全县坚持以农业增效、农民增收为核心，大力推进“一村一品”工程。截至2023年底，全县已建成特色种植基地36个，"
    "总面积达到12.5万亩；其中茶叶基地8个、果蔬基地17个，带动农户1.8万户，户均增收3600元（不含务工收入）。",
    "调研组先后走访了六个乡镇，与村干部、种植大户、返乡青年座谈。大家普遍反映：一是仓储设备陈旧，鲜果损耗率高；"
    "二是道路狭窄，大型货车无法进村；三是年轻人外出较多，技术骨干严重不足。",
    "针对上述问题，《实施方案》提出：统筹财政资金，优先改造冷藏设施；完善县、乡、村三级物流网络；鼓励高校毕业生返乡创业，"
    "并给予贴息贷款支持。各部门要密切配合，定期督查，确保各项措施落到实处。",
    "值得注意的是，品牌建设仍是薄弱环节。部分合作社使用GIS系统监测土壤墒情，但缺乏统一的质量标准，产品难以进入大型超市。"
    "今后应当建立追溯体系，健全检验检测制度，使消费者买得放心、吃得安全。",
)
DAMAGE = {"clean": (1.0, 0.0, 0), "blurred": (0.45, 1.0, 25), "blurred more": (0.33, 1.2, 35)}
"""Share of the resolution that is kept, radius of the blur, deviation of the noise."""


def wrapped(paragraph: str) -> Iterator[str]:
    """Lines with an indent; no mark begins one."""
    rest = "　　" + paragraph
    while rest:
        cut = WIDTH
        while cut < len(rest) and rest[cut] in "，。、；：）》”":
            cut += 1
        yield rest[:cut]
        rest = rest[cut:]


def drawn(font: str, keep: float, blur: float, noise: float) -> Image.Image:
    """The page in a typeface, with damage."""
    face = ImageFont.truetype(font, SIZE, index=2 if font.endswith(".ttc") else 0)
    lines = ["　" * 11 + TITLE, *(line for paragraph in PARAGRAPHS for line in wrapped(paragraph))]
    size = (SIZE * (WIDTH + 8), int(SIZE * 1.7 * (len(lines) + 6)))
    image = Image.new("L", size, 255)
    for number, line in enumerate(lines):
        ImageDraw.Draw(image).text((SIZE * 3, SIZE * 4 + number * int(SIZE * 1.7)), line, font=face, fill=0)
    small = (int(size[0] * keep), int(size[1] * keep))
    image = image.resize(small, Image.Resampling.BICUBIC).resize(size, Image.Resampling.BICUBIC)
    values = np.asarray(image.filter(ImageFilter.GaussianBlur(blur)), np.float64)
    values = values + np.random.default_rng(1).normal(0, noise, values.shape)
    return Image.fromarray(values.clip(0, 255).astype(np.uint8))


def wrong(text: str) -> int:
    """Characters to change for the printed text, white space apart."""
    return int(Levenshtein.distance("".join(text.split()), TITLE + "".join(PARAGRAPHS)))


def measured(scan: Scan, pipeline: Pipeline) -> Iterator[tuple[str, int]]:
    """What is wrong in each way of reading the page."""
    readings = {engine.name: engine.read([scan], False) for engine in ENGINES}
    for name, page in readings.items():
        others = [other.text for key, other in readings.items() if key != name]
        yield name, wrong(page.text)
        yield f"{name}, repaired", wrong(pipeline(page.text, layout=page.layout).text)
        yield f"{name} by the other", wrong(pipeline(page.text, layout=page.layout, witnesses=others).text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--font", nargs="+", default=FONTS)
    parser.add_argument("--languages", action="store_true")
    args = parser.parse_args()
    pipeline = Pipeline.from_profile("default")
    print(f"{len(TITLE + ''.join(PARAGRAPHS))} characters; wrong:")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "page.png"
        for font in args.font:
            for damage, values in DAMAGE.items():
                drawn(font, *values).save(file, dpi=(300, 300))
                scan = Scan(file, file.name)
                figures = ", ".join(f"{what} {count}" for what, count in measured(scan, pipeline))
                print(f"{Path(font).stem} {damage}: {figures}", flush=True)
                for language in ("chi_sim", "chi_sim+eng") if args.languages else ():
                    engines.LANGUAGE = language
                    start = time.perf_counter()
                    count = wrong(engines._tesseract([scan], False).text)
                    print(f"  {language}: {count} wrong in {time.perf_counter() - start:.1f} s", flush=True)
                engines.LANGUAGE = "chi_sim"


if __name__ == "__main__":
    main()
