"""A report to mail: one HTML file without scripts that shows what was done to the texts of some logs, and why.

What names and texts say is made visible and escaped; nothing in them is ever a link or markup. Its size is bounded by
the number of corrections and documents, whatever the length of the texts: lines without corrections are folded, long
stretches are clipped (`EDGE`, `CLIP`), and from `MOST` corrections on only their numbers are given. Everything is
written in one pass, each document when its turn comes. Same input, same bytes.
"""

from __future__ import annotations

import hashlib
import os
import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Literal, NamedTuple, get_args

from rapidfuzz.distance import Levenshtein

from repair.diff import visible
from repair.formats.files import read_bytes, refuse_overwrite, write_atomic
from repair.formats.plain import InputError, shown
from repair.text import LEVELS, line_starts

from . import plots
from .batch import STATES, Batch, Board, Item, ReviewDocument, State
from .decisions import Opinion, Spans
from .reasons import in_chinese

Language = Literal["zh", "en"]
LANGUAGES: tuple[Language, ...] = get_args(Language)

EDGE = 48
"""Characters that are shown on each side of a correction at most, if more than twice as many lie between two."""
CLIP = 120
"""Characters of one reading or reason that are shown."""
MOST = 20_000
"""Corrections that are shown with their texts; the others are only counted."""
OPEN_DOCUMENTS, OPEN_ITEMS = 3, 400
"""Documents, and corrections in them, that are unfolded at first."""
RATES = 30
"""Documents in the plot of how dense corrections are."""
ROWS = 100
"""Rows of a table that a browser lays out together."""
CHOICES, LEAST = 5, 0.005
"""Other readings that are shown, and how likely they must be."""

DONE: frozenset[State] = frozenset({"applied", "accepted", "edited"})
_SIGNS: Mapping[State, str] = {
    "applied": "●", "accepted": "✓", "edited": "✎", "open": "○", "conflict": "⇄", "rejected": "✗",
}  # fmt: skip
_BREAK = re.compile(r"\r\n|[\n\r\f]")

_WORDS: Mapping[str, tuple[str, str]] = {
    "title": ("文字修复报告", "Repair report"),
    "by": (
        "由 {tool} {version} 生成 · 方案 {profile} · 自动修改级别：{level}",
        "by {tool} {version} · profile {profile} · level {level}",
    ),
    "made": ("生成方式：日志、模型与词表", "How it was made: logs, models and tables"),
    "profile": ("方案", "Profile"),
    "resource": ("模型或词表", "Model or table"),
    "version": ("版本", "Version"),
    "all": ("展开全部文件（打印前可勾选）", "Unfold all documents (for printing, too)"),
    "summary": ("概览", "Summary"),
    "documents": ("文件", "Documents"),
    "characters": ("字符", "Characters"),
    "corrections": ("条目", "Corrections"),
    "done": ("已改", "Done"),
    "waiting": ("待定", "Waiting"),
    "refused": ("不改", "Rejected"),
    "rate": ("每千字已改", "Done per 1,000 characters"),
    "by_level": ("按级别", "By level"),
    "by_status": ("按状态", "By status"),
    "by_rule": ("按规则", "By rule"),
    "by_confidence": ("按置信度", "By confidence"),
    "confidence": ("置信度", "Confidence"),
    "by_document": ("各文件每千字条目数", "Corrections per 1,000 characters, by document"),
    "densest": ("（最密的 {n} 个文件）", " (the {n} densest)"),
    "reliability": ("置信度与实际接受率", "Confidence stated and share accepted"),
    "stated": ("给出的置信度（各组平均）", "confidence stated (mean of each group)"),
    "share": ("接受的比例", "share accepted"),
    "reliability_note": (
        "竖线为 95 % 威尔逊区间；落在虚线上表示置信度与实际相符。改写视为未接受；意见不一和仅作提示的不计。"
        "只反映人工看过的条目。",
        "Upright lines: 95 % Wilson intervals; on the dashed line both agree. A proposal that was changed counts as "
        "not accepted; conflicts and mere notes are left out. Only what people looked at is in it.",
    ),
    "decisions": ("人工决定", "Decisions"),
    "decided": (
        "{n} 条由人工决定：接受 {accepted}，改写 {edited}，不改 {rejected}，意见不一 {conflict}。",
        "{n} decided by people: {accepted} accepted, {edited} changed, {rejected} rejected, {conflict} in conflict.",
    ),
    "reviewers": ("审阅者：{names}", "Reviewers: {names}"),
    "contents": ("文件目录", "Documents"),
    "name": ("文件名", "Name"),
    "total": ("条目", "All"),
    "level": ("级别", "Level"),
    "status": ("状态", "Status"),
    "rule": ("规则", "Rule"),
    "meaning": ("说明", "Meaning"),
    "safe": ("可靠", "safe"),
    "review": ("待审", "review"),
    "note": ("提示", "note"),
    "applied": ("已自动修改", "applied"),
    "accepted": ("接受", "accepted"),
    "edited": ("改写", "changed"),
    "open": ("待定", "open"),
    "conflict": ("意见不一", "conflict"),
    "rejected": ("不改", "rejected"),
    "original": ("原文", "Original"),
    "repaired": ("修改后", "Repaired"),
    "legend": ("标记", "Marks"),
    "legend_done": (
        "改动的字左划去、右下划线；编号指向下表，鼠标停留可见理由。",
        "What was changed is struck out on the left, underlined on the right; the number leads to the table, and the "
        "reason shows when the pointer rests on it.",
    ),
    "legend_open": (
        "虚线为待定，后附建议；波浪线为不改；⏎ 换行，␣ 空格，‸ 此处有增删，∅ 无（删去）。",
        "Dotted: waiting, with what is proposed; wavy: stays as read; ⏎ line break, ␣ blank, ‸ something was put in or "
        "taken out here, ∅ nothing.",
    ),
    "legend_fold": (
        "无改动的行与长段文字已折叠，完整文本见文件本身。打印时只印展开的文件。",
        "Lines and long stretches without changes are folded; the files have all of the text. Only what is unfolded is "
        "printed.",
    ),
    "folded": ("… {n} 行无改动 …", "… {n} lines without changes …"),
    "folded_one": ("… 1 行无改动 …", "… 1 line without changes …"),
    "skipped": ("⋯ {n} 字 ⋯", "⋯ {n} characters ⋯"),
    "missing": (
        "找不到这个文件的原文，只列出条目。",
        "The text of this document was not found; only its corrections are listed.",
    ),
    "unfit": ("与原文不符", "does not fit the text"),
    "covered": ("让位于重叠的另一条", "gives way to another one that it overlaps"),
    "cut": ("另有 {n} 条未列出，见日志。", "{n} more are not listed here; the log has them."),
    "none": ("无改动的文件：{n} 个。", "Documents without corrections: {n}."),
    "number": ("编号", "No."),
    "place": ("行:列", "Line:col."),
    "change": ("原文 → 建议", "Read → proposed"),
    "why": ("理由与其他读法", "Reason and alternatives"),
    "others": ("其他读法", "alternatives"),
    "nothing": ("∅", "∅"),
    "not_proposed": ("（仅提示）", "(note only)"),
    "about": (
        "{n} 字符 · {encoding} · 原文 SHA-256 {before} · 修改后 {after}",
        "{n} characters · {encoding} · SHA-256 of the original {before}, of the repaired text {after}",
    ),
    "witness": ("比对版本：{name}（{digest}）", "compared with {name} ({digest})"),
    "top": ("↑ 目录", "↑ documents"),
    "wrote": ("定为 {text}", "chose {text}"),
}  # fmt: skip

_RULES: Mapping[str, str] = {
    "lexicon": "用户词表要求的替换",
    "encoding": "错误码位、不可见字符或乱码",
    "running-head": "扫描页边的书眉",
    "page-number": "扫描页边的页码",
    "witness": "另一版本读对的字",
    "witness-both": "两个版本都读错、可由两者推知的字",
    "witness-mark": "另一版本读对的标点、数字或符号",
    "witness-missing": "本版本漏读、另一版本有的字",
    "witness-line": "只有另一版本有的部分",
    "witness-speck": "只有本版本有的污点",
    "witness-edge": "其他版本也有的书眉或页码",
    "space": "中文之间的空格",
    "repetition": "循环重复的字句，或印了两遍的段落",
    "furniture": "混入正文的栏目名、页码、书名或编者行",
    "stray-word": "模型误写的英文虚词",
    "mark-width": "应为全角的半角标点",
    "misread": "误认的字",
    "misread-mark": "误认的标点、数字或符号",
    "dropped-mark": "漏掉的标点",
    "speck": "污点或边框被当作文字",
    "broken-join": "词句或段落中间的断行、断页",
    "script": "简体文本中的繁体字，或相反",
    "unbalanced": "不成对的括号或引号",
    "quote-style": "与全文不一致或方向相反的引号",
    "typography": "排版规范：全角标点、省略号、破折号",
}


class Words:
    """The strings of one language."""

    def __init__(self, language: Language) -> None:
        self.language = language
        self._at = LANGUAGES.index(language)
        self._summaries: Mapping[str, str] = _RULES
        if language == "en":
            from repair.filters import all_rules

            self._summaries = {name: rule.summary for name, (_, rule) in all_rules().items()}

    def __call__(self, key: str, **values: object) -> str:
        text = _WORDS[key][self._at]
        return text.format(**values) if values else text

    def rule(self, name: str) -> str:
        """What a rule is about; empty for one that is not known."""
        return self._summaries.get(name, "")

    def reason(self, text: str) -> str:
        return in_chinese(text) if self.language == "zh" else text


def language_of(environment: Mapping[str, str]) -> Language:
    """The language of a locale as environment variables name it."""
    name = next(filter(None, map(environment.get, ("LC_ALL", "LC_MESSAGES", "LANG"))), "")
    return "zh" if name and name.lower().startswith("zh") else "en"


def save(
    path: str,
    batch: Batch,
    board: Board | None = None,
    *,
    language: Language = "zh",
    missing: list[ReviewDocument] | None = None,
) -> None:
    """Write the report to a file, whole or not at all (see `report`).

    Raises `InputError` if it cannot be written, or if a log, a text that it names or the store is there.
    """
    refuse_overwrite(path, [*batch.logs, *([board.store.path] if board else [])])
    if os.path.isfile(path):
        digest = hashlib.sha256(read_bytes(path)).hexdigest()
        records = [d.logged.record for d in batch.documents]
        if any(digest in (r.sha256_original, r.sha256_repaired, r.source) for r in records):
            raise InputError(f"{shown(path)}: is one of the texts and would be overwritten")
    chunks = report(batch, board, language=language, missing=missing)
    write_atomic(path, (chunk.encode("utf-8") for chunk in chunks))


def report(
    batch: Batch,
    board: Board | None = None,
    *,
    language: Language = "zh",
    missing: list[ReviewDocument] | None = None,
) -> Iterator[str]:
    """The report in pieces, as HTML that can be written in UTF-8.

    Documents whose text was not found are put into `missing` as the pieces are taken.
    """
    page = _Page(batch, _facts(batch, board), Words(language), [] if missing is None else missing)
    yield _head(page)
    yield from _summary(page)
    yield from _plots(page)
    yield from _contents(page)
    left, unfolded = MOST, 0
    for number, document in enumerate(d for d in batch.documents if d.first < d.last):
        size = document.last - document.first
        is_open = number < OPEN_DOCUMENTS and (number == 0 or unfolded + size <= OPEN_ITEMS)
        unfolded += size if is_open else 0
        yield from _document(page, document, min(size, left), is_open)
        left -= min(size, left)
    yield "</main>\n</body>\n</html>\n"


# --- what is known


class Fact(NamedTuple):
    """What has become of an item: its state, what stands in its place, who said so."""

    state: State
    text: str
    opinion: Opinion | None


def _facts(batch: Batch, board: Board | None) -> list[Fact]:
    """All items' facts, by number, taken at one time."""
    states: list[State]
    found: list[Opinion | None]
    if board:
        while True:  # until nobody has decided anything meanwhile
            revision = board.refresh()
            states = board.states()
            found = [board.opinion(item) for item in batch.items]
            if board.refresh() == revision:
                break
    else:
        logged = [item.entry.status for item in batch.items]
        states = ["open" if status == "proposed" else status for status in logged]
        found = [None] * len(states)
    out = []
    for item, state, opinion in zip(batch.items, states, found, strict=True):
        c = item.correction
        text = c.after if state in DONE else c.before
        if opinion and opinion.decision:
            text = opinion.decision.text
        out.append(Fact(state, text, opinion))
    return out


@dataclass(frozen=True)
class _Page:
    batch: Batch
    facts: Sequence[Fact]
    words: Words
    missing: list[ReviewDocument]

    def state(self, item: Item) -> State:
        return self.facts[item.number].state

    def label(self, item: Item) -> int:
        """The item's number in its document."""
        return item.number - self.batch.document(item).first + 1

    def anchor(self, item: Item) -> str:
        return f"{item.document + 1}-{self.label(item)}"


def _series(state: State) -> int:
    return 0 if state in DONE else 2 if state == "rejected" else 1


def _counts(page: _Page, items: Sequence[Item]) -> tuple[int, int, int]:
    """How many are done, wait and were rejected."""
    found = Counter(_series(page.state(item)) for item in items)
    return found[0], found[1], found[2]


# --- text to markup


def _safe(text: str) -> str:
    """Escaped, with what cannot be seen, or would change how the rest is seen, as its code."""
    if text.isprintable():
        return escape(text)
    return "".join(
        escape(ch) if ch.isprintable() or ch == "\u3000" else f'<b class="x">{escape(visible(ch))}</b>' for ch in text
    )


def _tip(text: str) -> str:
    """As part of an attribute."""
    return escape(visible(text))


def _plain(text: str) -> str:
    """Text between marks, its lines broken where they were."""
    return "<br>".join(_safe(line) for line in _BREAK.split(text))


def _marked(text: str, breaks: bool = True) -> str:
    """Characters that differ, white space visible among them."""
    out = []
    for k, line in enumerate(_BREAK.split(text)):
        if k:
            out.append("⏎<br>" if breaks else "⏎")
        out.append(_safe(line).replace(" ", "␣").replace("\u3000", "␣") if _blank(line) else _safe(line))
    return "".join(out)


def _blank(line: str) -> bool:
    return line != line.strip() or "  " in line


def _clip(text: str, room: int = CLIP) -> str:
    if len(text) <= room:
        return text
    return f"{text[: room * 2 // 3]} …{len(text) - room}… {text[len(text) - room // 3 :]}"


def _pieces(before: str, after: str) -> list[tuple[str, str]]:
    """Both texts cut into pairs of pieces; those of a pair are equal or have changed."""
    before, after = _clip(before), _clip(after)
    found = Levenshtein.opcodes(before, after)
    return [(before[op.src_start : op.src_end], after[op.dest_start : op.dest_end]) for op in found]


def _number(value: int) -> str:
    return f"{value:,}"


# --- the parts of the page


def _head(page: _Page) -> str:
    w, batch = page.words, page.batch
    parts = [
        "<!DOCTYPE html>\n"
        f'<html lang="{"zh-CN" if w.language == "zh" else "en"}">\n<head>\n<meta charset="utf-8">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
        "base-uri 'none'; form-action 'none'\">\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n<meta name="referrer" content="no-referrer">\n'
        f"<title>{w('title')}</title>\n<style>\n{_STYLE}</style>\n</head>\n<body>\n<header>\n<h1>{w('title')}</h1>\n"
    ]
    makers = dict.fromkeys((h.tool, h.tool_version, h.profile, h.level) for h in batch.headers)
    for tool, version, profile, level in list(makers)[:CHOICES]:
        line = w("by", tool=_clip(tool), version=_clip(version), profile=_clip(profile), level=w(level))
        parts.append(f"<p>{_safe(line)}</p>\n")
    parts.append(f"<details>\n<summary>{w('made')}</summary>\n")
    for path, header in zip(batch.logs, batch.headers, strict=True):
        made = f"{header.tool} {header.tool_version} · {w('profile')} {header.profile} · {w('level')} {w(header.level)}"
        parts.append(f"<h3>{_safe(os.path.basename(path))}</h3>\n<p>{_safe(made)}</p>\n")
        if header.resources:
            rows = [(_safe(r.name), _safe(r.version), f"<code>{_safe(r.sha256)}</code>") for r in header.resources]
            parts.append(_table((w("resource"), w("version"), "SHA-256"), rows))
    parts.append(
        f'</details>\n<p class="all"><label><input type="checkbox" id="all"> {w("all")}</label></p>\n'
        "</header>\n<main>\n"
    )
    return "".join(parts)


def _table(
    heads: Sequence[str], rows: Iterator[Sequence[str]] | Sequence[Sequence[str]], kind: str = "", numbers: int = 99
) -> str:
    """A table of cells that are markup already; from column `numbers` on they are figures."""
    figure = ' class="n"'
    head = "".join(f"<th{figure if k >= numbers else ''}>{cell}</th>" for k, cell in enumerate(heads))
    body = "".join(
        "<tr>" + "".join(f"<td{figure if k >= numbers else ''}>{cell}</td>" for k, cell in enumerate(row)) + "</tr>\n"
        for row in rows
    )
    name = f' class="{kind}"' if kind else ""
    return f"<table{name}>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody>\n</table>\n"


def _summary(page: _Page) -> Iterator[str]:
    w, batch = page.words, page.batch
    done, waiting, refused = _counts(page, batch.items)
    length = sum(d.logged.record.length for d in batch.documents)
    tiles: list[tuple[str, str]] = [
        (w("documents"), _number(len(batch.documents))),
        (w("characters"), _number(length)),
        (w("corrections"), _number(len(batch.items))),
        (w("done"), _number(done)),
        (w("waiting"), _number(waiting)),
        (w("refused"), _number(refused)),
        (w("rate"), f"{1000 * done / length:.1f}" if length else "–"),
    ]
    yield f'<h2>{w("summary")}</h2>\n<dl class="tiles">\n'
    yield "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>\n" for name, value in tiles)
    yield '</dl>\n<div class="pair">\n'
    heads = (w("total"), w("done"), w("waiting"), w("refused"))
    by_level = [[item for item in batch.items if item.correction.level == level] for level in LEVELS]
    rows = [
        (w(level), *map(_number, (len(items), *_counts(page, items))))
        for level, items in zip(LEVELS, by_level, strict=True)
    ]
    yield f"<section><h3>{w('by_level')}</h3>\n{_table((w('level'), *heads), rows, 'small', 1)}</section>\n"
    states = Counter(fact.state for fact in page.facts)
    found = [(f"{_SIGNS[state]} {w(state)}", _number(states[state])) for state in _SIGNS if states[state]]
    yield f"<section><h3>{w('by_status')}</h3>\n{_table((w('status'), w('total')), found, 'small', 1)}</section>\n"
    yield "</div>\n"
    groups: dict[str, list[Item]] = {}
    for item in batch.items:
        groups.setdefault(item.correction.rule, []).append(item)
    ranked = sorted(groups.items(), key=lambda group: (-len(group[1]), group[0]))
    rules = [
        (f"<code>{_safe(_clip(rule))}</code>", _safe(w.rule(rule)), *map(_number, (len(items), *_counts(page, items))))
        for rule, items in ranked[:200]
    ]
    if rules:
        yield f"<h3>{w('by_rule')}</h3>\n{_table((w('rule'), w('meaning'), *heads), rules, 'small', 2)}"
    people = sum(states[state] for state in ("accepted", "edited", "rejected", "conflict"))
    if people:
        counts = {state: _number(states[state]) for state in STATES}
        yield f"<h3>{w('decisions')}</h3>\n<p>{w('decided', n=_number(people), **counts)}"
        names = Counter(d.reviewer for fact in page.facts if fact.opinion for d in fact.opinion.last)
        if names:
            listed = ", ".join(f"{_clip(name, 60)} ({_number(count)})" for name, count in sorted(names.items())[:50])
            yield "<br>" + _safe(w("reviewers", names=listed))
        yield "</p>\n"


def _plots(page: _Page) -> Iterator[str]:
    if page.batch.items:
        yield '<div class="plots">\n'
        yield from _figures(page)
        yield "</div>\n"


def _figures(page: _Page) -> Iterator[str]:
    w, batch = page.words, page.batch
    legend = (w("done"), w("waiting"), w("refused"))
    counts: dict[str, list[int]] = {}
    for item in batch.items:
        counts.setdefault(item.correction.rule, [0, 0, 0])[_series(page.state(item))] += 1
    ranked = sorted(counts.items(), key=lambda rule: (-sum(rule[1]), rule[0]))[:RATES]
    rules = [plots.Bar(rule, tuple(row), _number(sum(row))) for rule, row in ranked]
    yield _figure(w("by_rule"), plots.bars(rules, legend, title=w("by_rule")))
    binned = plots.binned(((item.correction.confidence, _series(page.state(item))) for item in batch.items), 3)
    plot = plots.histogram(binned, legend, title=w("by_confidence"), x=w("confidence"))
    yield _figure(w("by_confidence"), plot)
    outcomes = [
        (item.proposed.confidence, page.state(item) == "accepted")
        for item in batch.items
        if page.state(item) in ("accepted", "rejected", "edited") and not item.is_flag
    ]
    if outcomes:
        title = w("reliability")
        plot = plots.reliability(plots.points(outcomes), title=title, x=w("stated"), y=w("share"))
        yield _figure(title, f"{plot}<p>{w('reliability_note')}</p>\n")
    rates = []
    for document in batch.documents:
        length = document.logged.record.length
        if length and document.first < document.last:
            done, waiting, refused = (1000 * n / length for n in _counts(page, batch.items_of(document)))
            rates.append(plots.Bar(document.name, (done, waiting, refused), f"{done + waiting + refused:.1f}"))
    if rates:
        title = w("by_document")
        if len(rates) > RATES:
            rates = sorted(rates, key=lambda bar: -sum(bar.values))[:RATES]
            title += w("densest", n=RATES)
        yield _figure(title, plots.bars(rates, legend, title=title))


def _figure(title: str, content: str) -> str:
    return f"<figure>\n<figcaption>{title}</figcaption>\n{content}</figure>\n"


def _contents(page: _Page) -> Iterator[str]:
    w, batch = page.words, page.batch
    found = [d for d in batch.documents if d.first < d.last]
    yield f'<h2 id="contents">{w("contents")}</h2>\n'
    heads = ("", w("name"), w("characters"), w("total"), w("done"), w("waiting"), w("refused"))
    for first in range(0, len(found), ROWS):
        rows = (
            (
                str(d.number + 1),
                f'<a href="#d{d.number + 1}">{_safe(_clip(d.name))}</a>',
                *map(_number, (d.logged.record.length, d.last - d.first, *_counts(page, batch.items_of(d)))),
            )
            for d in found[first : first + ROWS]
        )
        yield _table(heads, rows, "small contents", 2)
    if len(found) < len(batch.documents):
        yield f"<p>{w('none', n=_number(len(batch.documents) - len(found)))}</p>\n"
    example = (("applied", "legend_done"), ("open", "legend_open"))
    yield f'<div class="legend">\n<h3>{w("legend")}</h3>\n<p><span class="t"><del>日</del>→<ins>目</ins></span> '
    yield f'{w(example[0][1])}</p>\n<p><span class="t m open"><u>日</u><i>目?</i></span> {w(example[1][1])}</p>\n'
    yield f"<p>{w('legend_fold')}</p>\n</div>\n"


def _document(page: _Page, document: ReviewDocument, most: int, is_open: bool) -> Iterator[str]:
    """A document with its first `most` items."""
    w, record = page.words, document.logged.record
    items = page.batch.items_of(document)[:most]
    done, waiting, refused = _counts(page, page.batch.items_of(document))
    found = ((w("done"), done), (w("waiting"), waiting), (w("refused"), refused))
    counts = " · ".join(f"{what} {_number(count)}" for what, count in found if count)
    name = _safe(_clip(document.name))
    yield (
        f'<details class="doc" id="d{document.number + 1}"{" open" if is_open else ""}>\n'
        f"<summary><h2>{document.number + 1}. {name}</h2> <span>{counts}</span></summary>\n"
    )
    about = w(
        "about",
        n=_number(record.length),
        encoding=record.encoding + (f" · {record.format}" if record.format else ""),
        before=record.sha256_original[:16] + "…",
        after=record.sha256_repaired[:16] + "…",
    )
    yield f'<p class="about">{_safe(about)} <a href="#contents">{w("top")}</a></p>\n'
    for witness in record.witnesses[:CHOICES]:
        line = w("witness", name=_clip(witness.path), digest=witness.sha256[:16] + "…")
        yield f'<p class="about">{_safe(line)}</p>\n'
    source = page.batch.source(document)
    remarks: dict[int, str] = {}
    if source is None:
        page.missing.append(document)
        yield f'<p class="missing">{w("missing")}</p>\n'
        remarks = dict.fromkeys((item.number for item in items), "")
    else:
        in_text = _shown(page, items, source.text, remarks)
        yield '<div class="texts">\n<div class="r heads"><span></span>'
        yield f"<b>{w('original')}</b><b>{w('repaired')}</b></div>\n"
        yield from _side_by_side(page, source.text, in_text, most == document.last - document.first)
        yield "</div>\n"
    heads = tuple(w(key) for key in ("number", "place", "change", "rule", "confidence", "why", "status"))
    for first in range(0, len(items), ROWS):
        rows = (_row(page, item, remarks.get(item.number)) for item in items[first : first + ROWS])
        yield _list(heads, rows)
    if most < document.last - document.first:
        yield f'<p class="missing">{w("cut", n=_number(document.last - document.first - most))}</p>\n'
    yield "</details>\n"


def _shown(page: _Page, items: Sequence[Item], text: str, remarks: dict[int, str]) -> list[Item]:
    """The items that can be marked in the text, in order; `remarks` says why the others cannot.

    Of those that overlap, what people decided last goes first, then what was done, as in a text repaired with
    their decisions.
    """

    def rank(item: Item) -> tuple[bool, int, int]:
        fact = page.facts[item.number]
        decision = fact.opinion.decision if fact.opinion else None
        last = decision.id if decision and fact.state in DONE else 0
        return fact.state not in DONE, -last, item.number

    spans = Spans()
    kept = []
    for item in sorted(items, key=rank):
        c = item.correction
        if text[c.start : c.end] != c.before or c.end > len(text):
            remarks[item.number] = page.words("unfit")
        elif spans.add(*c.span):
            kept.append(item)
        else:
            remarks[item.number] = page.words("covered")
    return sorted(kept, key=lambda item: (item.correction.span, item.number))


class _Block(NamedTuple):
    """Lines from `first` to before `last` that corrections connect."""

    first: int
    last: int
    items: list[Item]


def _blocks(text: str, starts: Sequence[int], items: Sequence[Item]) -> Iterator[_Block]:
    block: _Block | None = None
    for item in items:
        c = item.correction
        first = bisect_right(starts, c.start) - 1
        last = bisect_right(starts, c.end) - 1
        # Whole lines that go, or come, leave the line after them alone.
        whole = c.end > c.start and starts[last] == c.end and starts[first] == c.start
        if whole and (not c.after or _BREAK.search(c.after[-1])):
            last -= 1
        if block and first < block.last:
            block = _Block(block.first, max(block.last, last + 1), block.items)
        else:
            if block:
                yield block
            block = _Block(first, last + 1, [])
        block.items.append(item)
    if block:
        yield block


def _side_by_side(page: _Page, text: str, items: Sequence[Item], whole: bool) -> Iterator[str]:
    """Both texts line by line, up to the last of the items unless they are `whole`."""
    starts = line_starts(text)
    count = len(starts) - (starts[-1] == len(text))
    ends = [*starts[1:], len(text)]
    at = 0
    for block in _blocks(text, starts, items):
        if at < block.first:
            yield from _unchanged(page, text, starts, at, block.first)
        yield _pair(page, text, block, starts[block.first], ends[block.last - 1])
        at = block.last
    if whole and at < count:
        yield from _unchanged(page, text, starts, at, count)


def _unchanged(page: _Page, text: str, starts: Sequence[int], first: int, last: int) -> Iterator[str]:
    """Lines without corrections: one or two short ones as they are, others folded."""
    end = starts[last] if last < len(starts) else len(text)
    if last - first > 2 or end - starts[first] > 2 * EDGE:
        key = "folded" if last - first > 1 else "folded_one"
        yield f'<div class="fold">{page.words(key, n=_number(last - first))}</div>\n'
        return
    for number, line in enumerate(_BREAK.split(text[starts[first] : end])[: last - first], first + 1):
        if line.strip():
            cell = _plain(line)
            yield f'<div class="r same"><span>{number}</span><p>{cell}</p><p>{cell}</p></div>\n'


def _context(page: _Page, text: str) -> str:
    """Text between corrections, its middle left out where it is long."""
    if len(text) <= 2 * EDGE + 32:
        return _plain(text)
    skipped = page.words("skipped", n=_number(len(text) - 2 * EDGE))
    return f'{_plain(text[:EDGE])}<b class="x"> {skipped} </b>{_plain(text[-EDGE:])}'


def _pair(page: _Page, text: str, block: _Block, start: int, end: int) -> str:
    left: list[str] = []
    right: list[str] = []
    at = start
    for item in block.items:
        c = item.correction
        plain = _context(page, text[at : c.start])
        left += (plain, _mark(page, item, original=True))
        right += (plain, _mark(page, item, original=False))
        at = c.end
    plain = _context(page, text[at:end].rstrip("\r\n\f"))
    cells = f"<p>{''.join(left)}{plain}</p><p>{''.join(right)}{plain}</p>"
    return f'<div class="r"><span>{block.first + 1}</span>{cells}</div>\n'


def _mark(page: _Page, item: Item, *, original: bool) -> str:
    """A correction in its text, on one side."""
    c, fact = item.correction, page.facts[item.number]
    done = fact.state in DONE
    target = fact.text if done else item.proposed.after
    pieces = [(c.before, "")] if target == c.before else _pieces(c.before, target)
    tag = ("del" if original else "ins") if done else "u"
    side = 1 if done and not original else 0
    out, changed = [], False
    for pair in pieces:
        if pair[0] == pair[1]:
            out.append(_plain(pair[side]))
        elif pair[side]:
            out.append(f"<{tag}>{_marked(pair[side])}</{tag}>")
            changed = True
    if not changed:
        out.append(f"<{tag}>‸</{tag}>")
    anchor = page.anchor(item)
    kind = f"{fact.state}{' flag' if item.is_flag else ''}"
    if original:
        return f'<a class="m {kind}" href="#c{anchor}" title="{_title(page, item, short=True)}">{"".join(out)}</a>'
    tail = ""
    if fact.state in ("open", "conflict") and not item.is_flag:
        proposal = "".join(pair[1] for pair in pieces if pair[0] != pair[1])
        # What is proposed for a line break stands before it.
        end = "<br></u>" if out[-1].endswith("<br></u>") else ""
        out[-1] = out[-1].removesuffix(end) + ("</u>" if end else "")
        out.append(f"<i>{_marked(proposal, breaks=False) or page.words('nothing')}?</i>")
        tail = "<br>" if end else ""
    return (
        f'<a class="m {kind}" id="t{anchor}" href="#c{anchor}" title="{_title(page, item)}">{"".join(out)}'
        f"<sup>{page.label(item)}</sup>{tail}</a>"
    )


def _title(page: _Page, item: Item, *, short: bool = False) -> str:
    c, w = item.proposed, page.words
    nothing = w("nothing")
    change = _clip(c.before, 40) or nothing
    if not item.is_flag:
        change += f" → {_clip(c.after, 40) or nothing}"
    parts = [f"{page.label(item)}", change]
    if not short:
        state = page.state(item)
        parts += [f"{_clip(c.rule, 40)} {c.confidence:.2f}", f"{_SIGNS[state]} {w(state)}"]
        parts += [_clip(w.reason(c.reason))] if c.reason else []
    return _tip(" · ".join(parts))


def _list(heads: Sequence[str], rows: Iterator[str]) -> str:
    head = "".join(f"<th>{cell}</th>" for cell in heads)
    return (
        f'<div class="list"><table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{"".join(rows)}</tbody>\n</table></div>\n'
    )


def _row(page: _Page, item: Item, remark: str | None) -> str:
    """A correction in the table; `remark`: why it is not in the text."""
    w, c, fact = page.words, item.proposed, page.facts[item.number]
    anchor, label, nothing = page.anchor(item), page.label(item), w("nothing")
    number = f'<a href="#t{anchor}">{label}</a>' if remark is None else str(label)
    done = fact.state in DONE

    def cell(text: str, tag: str) -> str:
        return f"<{tag}>{_marked(_clip(text), False) or nothing}</{tag}>"

    stays = fact.state == "rejected"
    change = cell(c.before, "del" if done else "span" if stays else "u")
    if item.is_flag:
        change += f" <small>{w('not_proposed')}</small>"
    else:
        change += " → " + cell(
            c.after, "s" if stays else "u" if not done else "span" if fact.state == "edited" else "ins"
        )
    if fact.state == "edited":
        change += " → " + cell(fact.text, "ins")
    why = _safe(visible(_clip(w.reason(c.reason))))
    others = [
        (text, p) for text, p in c.alternatives if (item.is_flag or text not in (c.before, c.after)) and p >= LEAST
    ]
    if others:
        listed = "  ".join(f"{_clip(text, 24) or nothing} {p:.2f}" for text, p in others[:CHOICES])
        why += f"<small>{w('others')}: {_marked_inline(listed)}</small>"
    status = f"{_SIGNS[fact.state]} {w(fact.state)}"
    for d in fact.opinion.last[:CHOICES] if fact.opinion else ():
        said = f": {w('wrote', text=_clip(d.text, 24) or nothing)}" if fact.state == "conflict" else ""
        status += f"<small>{_safe(visible(_clip(d.reviewer, 40) + said))}</small>"
    if remark:
        status += f"<small>{remark}</small>"
    return (
        f'<tr id="c{anchor}"><td>{number}</td><td>{item.entry.line}:{item.entry.column}</td><td class="t">{change}</td>'
        f"<td>{_safe(_clip(c.rule, 40))}</td><td>{c.confidence:.2f} {w(c.level)}</td><td>{why}</td>"
        f"<td>{status}</td></tr>\n"
    )


def _marked_inline(text: str) -> str:
    return _safe(visible(text))


_STYLE = """\
:root { color-scheme: light dark; --ink: #1d1f23; --dim: #5d646e; --rule: #d5d8dd; --paper: #fff; --tint: #f4f5f7;
  --link: #0b57a4; --gone: #a3261b; --gone-bg: #fbe3df; --come: #10632f; --come-bg: #dcf3e1; --wait: #7a4d00;
  --wait-bg: #fff0c9; --s0: #2f6f4e; --s1: #b07800; --s2: #a3261b; }
@media screen and (prefers-color-scheme: dark) {
  :root { --ink: #e4e6ea; --dim: #a0a7b1; --rule: #3a3f47; --paper: #17191d; --tint: #22252b; --link: #82b7f0;
    --gone: #ff9d91; --gone-bg: #47201c; --come: #84dca0; --come-bg: #163a23; --wait: #f3c868; --wait-bg: #40330f;
    --s0: #6fc493; --s1: #e0b04a; --s2: #ff9d91; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5em; max-width: 76em; background: var(--paper); color: var(--ink);
  font: 15px/1.55 system-ui, "Noto Sans CJK SC", "PingFang SC", "Microsoft YaHei", sans-serif; }
h1 { font-size: 1.7em; margin: 0 0 .2em; }
h2 { font-size: 1.25em; margin: 1.8em 0 .6em; }
h3 { font-size: 1em; margin: 1.4em 0 .4em; }
p { margin: .4em 0; }
a { color: var(--link); }
code { font: .9em/1.4 ui-monospace, Consolas, monospace; overflow-wrap: anywhere; }
summary { cursor: pointer; color: var(--link); }
header { border-bottom: 1px solid var(--rule); padding-bottom: .8em; }
header p, .about, figure p, .legend { color: var(--dim); font-size: .87em; }
.about { overflow-wrap: anywhere; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(8.5em, 1fr)); gap: .6em; margin: 0; }
.tiles div { background: var(--tint); border-radius: 6px; padding: .5em .8em; }
.tiles dt { color: var(--dim); font-size: .8em; }
.tiles dd { margin: 0; font-size: 1.4em; font-variant-numeric: tabular-nums; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(20em, 1fr)); gap: 0 2em; }
table { border-collapse: collapse; width: 100%; font-size: .87em; font-variant-numeric: tabular-nums; }
th { text-align: left; font-weight: 600; color: var(--dim); }
th, td { padding: .25em .5em; border-bottom: 1px solid var(--rule); vertical-align: top; }
td { overflow-wrap: anywhere; }
th.n, td.n { text-align: right; white-space: nowrap; }
td small { display: block; color: var(--dim); font-size: .9em; }
td.t small { display: inline; }
s { color: var(--dim); }
.contents td:first-child { width: 3em; color: var(--dim); }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(33em, 100%), 1fr)); gap: 0 2em;
  align-items: start; }
figure { margin: 1.2em 0; break-inside: avoid; }
figcaption { font-weight: 600; margin-bottom: .3em; }
svg { max-width: 100%; height: auto; color: var(--ink); font-family: inherit; }
svg .s0 { fill: var(--s0); }
svg .s1 { fill: var(--s1); stroke: var(--s1); }
svg .s2 { stroke: var(--s2); }
svg .frame, svg .even { stroke: var(--dim); }
svg .range { stroke: var(--ink); }
.doc { border-top: 2px solid var(--rule); margin-top: 1.6em; padding-top: .5em; }
.doc > summary { color: var(--ink); }
.doc > summary h2 { display: inline; font-size: 1.1em; overflow-wrap: anywhere; }
.doc > summary span { color: var(--dim); font-size: .87em; margin-left: .6em; }
.missing { background: var(--tint); border-left: 4px solid var(--wait); padding: .4em .8em; }
.texts { margin: .8em 0 1.4em; border: 1px solid var(--rule); border-radius: 6px; }
.r { display: grid; grid-template-columns: 3.2em minmax(0, 1fr) minmax(0, 1fr); border-top: 1px solid var(--rule);
  content-visibility: auto; contain-intrinsic-size: auto 3.5em; break-inside: auto; }
.r > span { color: var(--dim); font-size: .75em; padding: .55em .6em 0 0; text-align: right;
  font-variant-numeric: tabular-nums; }
.r > p, .r > b { margin: 0; padding: .25em .8em; border-left: 1px solid var(--rule); overflow-wrap: anywhere; }
.r > p, .t { font-family: "Noto Serif CJK SC", "Source Han Serif SC", "Songti SC", SimSun, serif; font-size: 1.05em; }
.r > p { line-height: 1.75; }
.heads { border-top: 0; background: var(--tint); content-visibility: visible; }
.heads > b { font-size: .87em; }
.same > p { color: var(--dim); }
.fold { border-top: 1px solid var(--rule); background: var(--tint); color: var(--dim); text-align: center;
  font-size: .8em; padding: .1em; }
.m { color: inherit; text-decoration: none; border-radius: 2px; }
.m:hover { outline: 1px solid var(--link); }
.m:target, tr:target { outline: 2px solid var(--link); }
del { color: var(--gone); background: var(--gone-bg); text-decoration: line-through; }
ins { color: var(--come); background: var(--come-bg); text-decoration: underline; text-underline-offset: .2em; }
.m.edited ins { text-decoration-style: double; }
u { color: var(--wait); background: var(--wait-bg); text-decoration: underline dotted; text-underline-offset: .2em; }
.m.rejected u { color: inherit; background: none; text-decoration-style: wavy; }
.m.flag u { text-decoration-style: dashed; }
.m i { font-style: normal; font-size: .8em; color: var(--wait); border: 1px dotted var(--wait); border-radius: 3px;
  padding: 0 .15em; margin-left: .1em; }
sup::before, .m i::before { content: "\\2060"; }
sup { color: var(--link); font: .62em/1 system-ui, sans-serif; margin: 0 .1em; vertical-align: super; }
.x { font: .75em ui-monospace, Consolas, monospace; color: var(--dim); background: var(--tint); }
.list { content-visibility: auto; contain-intrinsic-size: auto 300em; }
.list { overflow-x: auto; }
.list table { table-layout: fixed; min-width: 64em; }
.list th:nth-child(1) { width: 4em; } .list th:nth-child(2) { width: 6em; } .list th:nth-child(3) { width: 20%; }
.list th:nth-child(4) { width: 9em; } .list th:nth-child(5) { width: 8em; } .list th:nth-child(7) { width: 9em; }
body:has(#all:checked) details::details-content, .doc:target::details-content { content-visibility: visible;
  height: auto; display: block; }
@media (max-width: 45em) {
  body { padding: .8em; }
  .r { grid-template-columns: 2.4em minmax(0, 1fr); }
  .r > p:nth-of-type(2) { grid-column: 2; border-top: 1px dotted var(--rule); }
  .heads { display: none; } }
@media print {
  :root { color-scheme: light; }
  @page { margin: 15mm 12mm; }
  body { max-width: none; padding: 0; font-size: 9.5pt; }
  .tiles { grid-template-columns: repeat(7, 1fr); }
  .all, .about a { display: none; }
  .r, .list { content-visibility: visible; overflow: visible; }
  .list table { min-width: 0; }
  .list th:nth-child(2) { width: 4.5em; } .list th:nth-child(3) { width: 13%; }
  h2, h3, summary { break-after: avoid; }
  tr, .fold { break-inside: avoid; }
  del, ins, u, .tiles div, .fold, .heads { print-color-adjust: exact; -webkit-print-color-adjust: exact; } }
"""
