"""Quotation marks that differ from the rest of the document, or are turned the wrong way.

* One or two 「…」, 『…』 or "…" in a text that otherwise uses “…” (and the other way round): the pair is
  proposed in the style of the document.
* A pair of two styles (“…」, 〈…》): proposed in one style.
* Marks turned the wrong way (”…“, “…“): turned, where doing so makes the whole line read as proper pairs.

Left alone: documents that use one style throughout, whatever it is; documents where two styles are both
common; marks inside other quotation marks; Japanese; English and code in straight quotes; inches and
apostrophes; marks that are talked about.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ..document import TERMINAL, Document
from ..text import Proposal
from .base import Filter, Rule
from .unbalanced import DOUBLE, INNER_TITLE, PAIRS, SINGLE, TITLE, Scan, scan

RULE = "quote-style"

_PAIR = re.compile(r"“([^“”\n]{1,80})”|「([^「」\n]{1,80})」|『([^『』\n]{1,80})』")
_STYLE = {1: "“”", 2: "「」", 3: "『』"}
_STRAIGHT = re.compile(r'"([^"\n]{1,60})"')
_KANA = re.compile(r"[\u3041-\u3096\u30a1-\u30fa]")
_HAN = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]")
_CJK = re.compile(r"[\u3400-\u9fff\uf900-\ufaff\u3000-\u303f\uff00-\uff60—…·]")
_CLAUSES = re.compile(r"[，。；]")
_NOT_AFTER_OPEN = "，。、；：！？）》」』”’,;:!?)…"
_NOT_BEFORE_CLOSE = "（《「『“‘：("
_MAX_MINORITY = 2
_LEAD = 2.0  # log10 units by which the language model must prefer a turned mark


def turned(document: Document, found: Scan, index: int) -> list[tuple[int, str]]:
    """Marks of line `index` to turn so that the line reads as proper pairs: ``(position, mark)``."""
    marks = found.marks.get(index, [])
    if index in found.shared or index not in found.left or len(marks) > 400:
        return []
    text = document.text
    out: list[tuple[int, str]] = []
    for kind in (DOUBLE, SINGLE):
        left = [m for m in found.left[index] if m.kind == kind]
        if kind == SINGLE and not left:
            continue
        own = [m for m in marks if m.kind == kind]
        if len(left) < 2 or len(left) % 2 or len(own) % 2:
            continue
        if kind == SINGLE and any(_latin(text, m.position) for m in own):
            continue
        wrong = [(i, m) for i, m in enumerate(own) if m.closes == (i % 2 == 0)]
        damaged = len({i // 2 for i, _ in wrong})
        if not wrong or damaged > 4 or (damaged < len(wrong) and (damaged > 1 or not _stands_alone(document, index))):
            continue
        opening, closing = PAIRS[kind]
        good = all(_fits(text, own[i].position, own[i + 1].position) for i in range(0, len(own), 2))
        if good:
            out += [(m.position, opening if m.closes else closing) for _, m in wrong]
    return out


def _stands_alone(document: Document, index: int) -> bool:
    """Whether a line is a paragraph: in wrapped text ”…“ may end one quotation and begin the next."""
    text, line = document.text, document.lines[index]
    before = text[max(0, line.start - 2) : line.start].rstrip("\r\n\f")
    after = text[line.start : line.end].rstrip()[-1:]
    return after in TERMINAL and (not before or before in TERMINAL or before[-1] in TERMINAL)


def _latin(text: str, p: int) -> bool:
    around = text[max(0, p - 1) : p] + text[p + 1 : p + 2]
    return any(ch.isascii() and ch.isalnum() for ch in around)


def _fits(text: str, a: int, b: int) -> bool:
    """Whether ``text[a]`` may open and ``text[b]`` close a quotation."""
    if b - a < 2 or b - a > 300:
        return False
    return (
        text[a + 1] not in _NOT_AFTER_OPEN
        and text[b - 1] not in _NOT_BEFORE_CLOSE
        and (a == 0 or text[a - 1] not in "“‘")
    )


def propose(document: Document, settings: Mapping[str, Any]) -> Iterator[Proposal]:
    text = document.text
    yield from _wrong_way(document)
    if "「" in text or "『" in text or '"' in text:
        yield from _outliers(document)


def _wrong_way(document: Document) -> Iterator[Proposal]:
    found = scan(document)
    text = document.text
    for index in found.left:
        turns = turned(document, found, index)
        sure = bool(turns) and _agrees(document, index, turns)
        for position, mark in turns:
            sign = text[position]
            confidence = 0.98 if sure else 0.6
            yield Proposal(
                position, position + 1, mark, RULE, confidence, f"{sign} is turned the wrong way",
                ((mark, confidence), (sign, round(1 - confidence, 4))),
            )  # fmt: skip
    counts = {kind: text.count(marks[0]) for kind, marks in enumerate(PAIRS)} if found.mixed else {}
    for opening, closing in found.mixed:
        a, b = opening.position, closing.position
        inner = text[a + 1 : b]
        if _KANA.search(inner) or not _HAN.search(inner):
            continue
        kind = _common(counts, opening.kind, closing.kind)
        left, right = PAIRS[kind]
        yield _replace(text, a, b + 1, left[0] + inner + right[0], 0.8, "the two marks of a pair differ")


def _agrees(document: Document, index: int, turns: list[tuple[int, str]]) -> bool:
    """Whether the language model reads the line better with its marks turned, by a clear lead for each mark."""
    text, line = document.text, document.lines[index]
    model = document.resources.model
    for position, _ in turns:
        lo, hi = max(line.start, position - 8), min(line.end, position + 9)
        old = text[lo:hi]
        new = "".join(dict(turns).get(i, text[i]) for i in range(lo, hi))
        scores = []
        for reading in (old, new):
            ids, _ = model.encode(reading)
            scores.append(float(model.score(ids.astype(int)).sum()))
        if scores[1] - scores[0] < _LEAD:
            return False
    return True


def _common(counts: Mapping[int, int], a: int, b: int) -> int:
    """Of two kinds the one that the text uses more; of titles the outer one."""
    if {a, b} == {TITLE, INNER_TITLE}:
        return TITLE
    return max((a, b), key=lambda kind: (counts[kind], kind == DOUBLE))


def _replace(text: str, start: int, end: int, after: str, confidence: float, reason: str) -> Proposal:
    return Proposal(
        start, end, after, RULE, confidence, reason, ((after, confidence), (text[start:end], round(1 - confidence, 4)))
    )


def _outliers(document: Document) -> Iterator[Proposal]:
    text = document.text
    pairs: dict[str, list[tuple[int, int, str]]] = {"“”": [], "「」": [], "『』": [], '""': []}
    for m in _PAIR.finditer(text):
        group = m.lastindex or 1
        if not document.hard.hits(*m.span()):
            pairs[_STYLE[group]].append((m.start(), m.end(), m.group(group)))
    if '"' in text:
        pairs['""'] = list(straight(document))
    counts = {style: len(found) for style, found in pairs.items()}
    main = max(counts, key=lambda style: counts[style])
    if main == '""' or counts[main] < 2:
        return
    inside = {inner for _, _, inner in pairs[main]} if sum(counts.values()) > counts[main] else set()
    for style, found in pairs.items():
        if style == main or not found or (style == "『』" and main == "「」"):
            continue
        few = len(found) <= max(_MAX_MINORITY, min(10, counts[main] // 50))
        if style == '""':
            few = len(found) <= min(20, counts[main] // 2)
        if not few:
            continue
        for start, end, inner in found:
            if _KANA.search(inner) or not _HAN.search(inner) or any(ch in inner for ch in main):
                continue
            if style != '""' and _nested(text, start):
                continue
            same = inner in inside
            if not same and counts[main] < (2 if style == '""' else 3) * len(found):
                continue
            confidence = 0.95 if same else 0.85 if counts[main] >= 6 else 0.75
            reason = f"the document writes {main}" + (f", also round {inner}" if same else "")
            yield _replace(text, start, end, main[0] + inner + main[1], confidence, reason)


def _nested(text: str, start: int) -> bool:
    """Whether a quotation is open at `start` on its line (the last 200 characters looked at)."""
    head = text[max(0, start - 200) : start]
    head = head[head.rfind("\n") + 1 :]
    return any(head.rfind(a) > head.rfind(b) for a, b in ("“”", "‘’", "「」", "『』"))


def straight(document: Document) -> Iterator[tuple[int, int, str]]:
    r"""Pairs of straight quotes round Chinese, in lines that hold an even number of them."""
    text = document.text
    for line in document.lines:
        if line.kind in ("code", "meta", "rule", "table"):
            continue
        count = text.count('"', line.start, line.end)
        if not count or count % 2:
            continue
        matches = list(_STRAIGHT.finditer(text, line.start, line.end))
        if len(matches) > 1 and any(len(m.group(1)) > 8 and _CLAUSES.search(m.group(1)) for m in matches):
            continue  # nested, perhaps
        for m in matches:
            a, b = m.span()
            inner = m.group(1)
            if not _HAN.search(inner) or inner != inner.strip() or document.hard.hits(a, b):
                continue
            before = text[max(line.start, a - 1) : a]
            after = text[b : min(line.end, b + 1)]
            if (not before or _CJK.match(before)) and (not after or _CJK.match(after)):
                yield a, b, inner


FILTER = Filter(
    "quote_style",
    (
        Rule(
            RULE,
            "a quotation mark that differs from the rest of the document or is turned the wrong way",
            ceiling="safe",
            examples=(
                ("做好「五小」创新 … “五小”创新大赛", "做好“五小”创新 … “五小”创新大赛"),
                ("弘扬“实事求是“的作风", "弘扬“实事求是”的作风"),
            ),
        ),
    ),
    propose,
    guesses=True,
)
