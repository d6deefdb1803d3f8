"""Draws ``docs/page.svg``: what `repair` does to the fixture page. Run from the repository root."""

from __future__ import annotations

from html import escape
from pathlib import Path

import repair
from repair.diff import visible
from repair.text import Correction

ROOT = Path(__file__).resolve().parent.parent
AROUND = 9
SHOWN = (
    "stray-word",
    "broken-join",
    "misread",
    "space",
    "encoding",
    "script",
    "quote-style",
    "unbalanced",
    "repetition",
)
STYLE = """
text { font: 15px 'Noto Sans SC', 'PingFang SC', 'Microsoft YaHei', sans-serif; fill: #1f2328 }
.rule, .head { font-size: 12px; fill: #59636e }
.old { fill: #cf222e; text-decoration: line-through }
.new { fill: #1a7f37; font-weight: bold }
.flag { fill: #9a6700; font-weight: bold }
.box { fill: #ffffff; stroke: #d1d9e0 }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc } .rule, .head { fill: #9198a1 } .old { fill: #ff7b72 } .new { fill: #56d364 }
  .flag { fill: #d29922 } .box { fill: #0d1117; stroke: #3d444d }
}
"""


def short(text: str) -> str:
    return visible(text) if len(text) <= 14 else visible(text[:13]) + "…"


def main() -> None:
    text = (ROOT / "fixtures/page/page.md").read_text(encoding="utf-8")
    result = repair.clean(text)
    picked: list[Correction] = []
    for level, limit in (("safe", 1), ("review", 1), ("note", 1)):
        for rule in (*SHOWN, "furniture"):
            found = [c for c in (*result.corrections, *result.suggestions) if c.rule == rule and c.level == level]
            picked += found[:limit]
    height = 64 + 28 * len(picked)
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="820" height="{height}" viewBox="0 0 820 {height}">',
        f"<style>{STYLE}</style>",
        f'<rect class="box" x="0.5" y="0.5" width="819" height="{height - 1}" rx="6"/>',
        '<text class="head" x="20" y="30">level</text><text class="head" x="90" y="30">rule</text>'
        '<text class="head" x="200" y="30">confidence</text><text class="head" x="290" y="30">in its sentence</text>',
    ]
    for k, c in enumerate(picked):
        y = 60 + 28 * k
        left = escape(visible(text[max(0, c.start - AROUND) : c.start]))
        right = escape(visible(text[c.end : c.end + AROUND]))
        before, after = escape(short(c.before)), escape(short(c.after))
        if c.before == c.after:
            change = f'<tspan class="flag">{before}</tspan>'
        else:
            change = f'<tspan class="old">{before.replace(" ", "␣")}</tspan><tspan class="new">{after}</tspan>'
        out.append(
            f'<text class="rule" x="20" y="{y}">{c.level}</text><text class="rule" x="90" y="{y}">{c.rule}</text>'
            f'<text class="rule" x="200" y="{y}">{c.confidence:.2f}</text>'
            f'<text x="290" y="{y}">{left}{change}{right}</text>'
        )
    out.append("</svg>")
    (ROOT / "docs/page.svg").write_text("\n".join(out) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
