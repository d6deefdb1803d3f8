"""Texts as the page shows them: escaped, with all that is invisible, misleading or not encodable made visible.

`html` is for what is read, `plain` for attributes and messages, `noted` and `from_note` for the field in which a
replacement is edited: one line in which ``⏎`` is a line end and ``\\uXXXX`` a character that such a field cannot hold.
"""

from __future__ import annotations

import re
from html import escape
from typing import Literal, NamedTuple

from rapidfuzz.distance import Levenshtein

from repair.formats.plain import Newline

LONGEST = 2000
"""Characters up to which two texts are compared one by one."""

_NAMES = {
    0x061C: "ALM", 0x200B: "ZWSP", 0x200C: "ZWNJ", 0x200D: "ZWJ", 0x200E: "LRM", 0x200F: "RLM", 0x2028: "LS",
    0x2029: "PS", 0x202A: "LRE", 0x202B: "RLE", 0x202C: "PDF", 0x202D: "LRO", 0x202E: "RLO", 0x2060: "WJ",
    0x2066: "LRI", 0x2067: "RLI", 0x2068: "FSI", 0x2069: "PDI", 0x00AD: "SHY", 0xFEFF: "BOM", 0xFFFD: "U+FFFD",
}  # fmt: skip
_BLANKS = {" ": "␣", "\t": "⇥"}
_BREAK = re.compile(r"\r\n|[\n\r\f]")
_UNSEEN = re.compile(
    "[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffd"
    "\ufff0-\ufff8\ufffe\uffff\ud800-\udfff\U000e0000-\U000e0fff]"
)
_ANY = re.compile(rf"\r\n|[\n\r\f\t \u00a0\u3000]|{_UNSEEN.pattern}")
_NO_FIELD = re.compile(rf"[\n\r\f\t]|{_UNSEEN.pattern}")
_NOTE = re.compile(r"\\u([0-9a-fA-F]{4})|\\U([0-9a-fA-F]{8})|⏎|\r\n|\r|\n")
_LIKE_NOTE = re.compile(r"\\(?=u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8})")
_ENDS: dict[Newline, str] = {"crlf": "\r\n", "cr": "\r"}


def label(ch: str) -> str:
    """The name of a character that cannot be seen."""
    code = ord(ch)
    if code < 0x20 or code == 0x7F:
        return chr(0x2400 + code) if code < 0x20 else "␡"
    return _NAMES.get(code, f"U+{code:04X}")


def plain(text: str, limit: int = 0) -> str:
    """`text` on one line without markup; cut in the middle if it has more than `limit` characters."""
    if limit and len(text) > limit:
        text = f"{text[: limit // 2]}…{text[len(text) - limit // 2 :]}"
    text = _BREAK.sub("⏎", text).replace("\t", " ")
    return _UNSEEN.sub(lambda m: f"[{label(m[0])}]" if ord(m[0]) > 0x7F else label(m[0]), text)


def html(text: str, *, blanks: bool = False, breaks: bool = False, limit: int = 0) -> str:
    """`text` as HTML. `blanks`: white space and line breaks are shown, as what a correction changes needs;
    `breaks`: a line that is broken is also broken on the page, after its sign; `limit`: a longer text is cut in the
    middle."""
    if limit and len(text) > limit:
        left, right = text[: limit // 2], text[len(text) - limit // 2 :]
        missing = f'<i class="odd">… {len(text) - 2 * (limit // 2)} …</i>'
        return html(left, blanks=blanks, breaks=breaks) + missing + html(right, blanks=blanks, breaks=breaks)

    def sign(m: re.Match[str]) -> str:
        found = m[0]
        if found in ("\r\n", "\n", "\r", "\f"):
            mark = "␌" if found == "\f" else "⏎"
            end = "\n" if breaks else ""
            return f'<i class="ws">{mark}</i>{end}' if blanks else end or '<i class="ws">⏎</i>'
        if found in " \u00a0\u3000\t":
            if not blanks:
                return " " if found == "\t" else found
            return f'<i class="ws">{_BLANKS.get(found, "□")}</i>'
        return f'<i class="odd" title="U+{ord(found):04X}">{label(found)}</i>'

    out: list[str] = []
    at = 0
    for m in _ANY.finditer(text):
        out += (escape(text[at : m.start()]), sign(m))
        at = m.end()
    out.append(escape(text[at:]))
    return "".join(out)


class Part(NamedTuple):
    """A stretch of a change: in both texts, taken out, or put in."""

    kind: Literal["same", "out", "in"]
    text: str


def parts(before: str, after: str) -> list[Part]:
    """What is taken out of `before` and put in to give `after`, character by character."""
    if len(before) + len(after) > LONGEST:
        return [Part("out", before), Part("in", after)]
    out: list[Part] = []
    for op in Levenshtein.opcodes(before, after):
        old, new = before[op.src_start : op.src_end], after[op.dest_start : op.dest_end]
        if op.tag == "equal":
            out.append(Part("same", old))
        else:
            out += [Part("out", old)] if old else []
            out += [Part("in", new)] if new else []
    # Single characters that happen to be equal within a rewritten stretch make it harder to read, not easier.
    if sum(part.kind != "same" for part in out) > 6:
        return [Part("out", before), Part("in", after)]
    return out


def change(before: str, after: str, *, breaks: bool = False, limit: int = 0) -> str:
    """A change as HTML, with what is taken out struck and what is put in underlined; of stretches longer than `limit`
    only both ends."""
    tags = {"same": ("", ""), "out": ("<del>", "</del>"), "in": ("<ins>", "</ins>")}
    found = []
    for part in parts(before, after):
        opening, closing = tags[part.kind]
        text = html(part.text, blanks=True, breaks=breaks and part.kind != "out", limit=limit)
        found.append(f"{opening}{text}{closing}")
    return "".join(found)


def noted(text: str, newline: Newline = "lf") -> str:
    """`text` as it is edited in one line; `from_note` gives it back."""
    end = _ENDS.get(newline, "\n")
    text = _LIKE_NOTE.sub(r"\\u005c", text).replace("⏎", r"\u23ce")
    lines = (_NO_FIELD.sub(lambda m: "".join(_code(ord(ch)) for ch in m[0]), line) for line in text.split(end))
    return "⏎".join(lines)


def from_note(note: str, newline: Newline = "lf") -> str:
    """What was written in the field; what is no notation stands for itself."""
    end = _ENDS.get(newline, "\n")

    def meant(m: re.Match[str]) -> str:
        code = m[1] or m[2]
        return end if code is None else chr(int(code, 16)) if int(code, 16) < 0x110000 else m[0]

    # In one go: what a notation stands for is never read as notation itself.
    return _NOTE.sub(meant, note)


def _code(code: int) -> str:
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
