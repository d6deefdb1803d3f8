"""XML and HTML as tags and text with their places in the file; no trees, no DTDs, nothing loaded.

XML is checked by expat and only then cut into tokens. HTML as engines write it is cut directly, with no need to be
well-formed. Both take linear time; nesting costs no recursion.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import NamedTuple
from xml.parsers import expat

import regex

from repair.formats.ocr import CDATA, DOUBLE, FROZEN, SINGLE, TEXT, Characters, Source, plain_characters
from repair.formats.plain import InputError, decode, shown

LONGEST_TAG = 1 << 20
"""Characters of a tag, from which a file is refused."""

OPEN, CLOSE, EMPTY, RUN, SECTION = range(5)
"""Kinds of tokens: start tag, end tag, empty-element tag, text, CDATA section."""

_DECLARED = re.compile(r"""<\?xml\s[^>]*?encoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["']""")
_META = re.compile(r"""<meta\s[^>]{0,300}?charset\s*=\s*["']?\s*([A-Za-z0-9._-]{1,40})""", re.I)
_NAME = re.compile(r"[^\s/>\"'=<]+")
_REST = regex.compile(r"""(?:[^"'>/]++|"[^"]*+"|'[^']*+'|/(?!>))*+(/?)>""")
_ATTRIBUTE = re.compile(r"""([^\s=/>"']+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+)))?""")
_CDATA = "<![CDATA["
_DOCTYPE = regex.compile(r"""<!doctype(?:[^"'>\[]++|"[^"]*+"|'[^']*+')*+>""", regex.I)
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z][A-Za-z0-9]{0,40});")
_SIGN = re.compile(r"&#?[A-Za-z0-9]*[^<&]?|<[^<&]?")
_XML_ENTITIES = {"&amp;": "&", "&lt;": "<", "&gt;": ">", "&quot;": '"', "&apos;": "'"}
_VOID = frozenset(
    ("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr")
)
_RAW = frozenset(["script", "style", "textarea", "title", "noscript", "iframe", "xmp"])


class Token(NamedTuple):
    """A token's `kind`, its local `name` (in HTML in lower case), its place, and that of its attributes or text."""

    kind: int
    name: str
    start: int
    end: int
    inner: int
    inner_end: int


# --- files


def xml_source(data: bytes, encoding: str | None, name: str) -> Source:
    """The decoded file, which is well-formed XML without an internal DTD. Raises `InputError`."""
    source = _source(data, encoding, name, _DECLARED)
    text = source.text
    start = text.find("<!DOCTYPE")
    if start >= 0 and not _DOCTYPE.match(text, start):
        raise source.error(start, "has a document type with declarations inside, which are not read")
    parser = expat.ParserCreate("utf-8")
    parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
    try:
        parser.Parse(text.encode("utf-8"), True)
    except expat.ExpatError as error:
        reason = expat.ErrorString(error.code) or "not well-formed"
        raise InputError(f"{source.name}:{error.lineno}: not well-formed XML ({reason})") from None
    return source


def html_source(data: bytes, encoding: str | None, name: str) -> Source:
    """The decoded file, HTML or XHTML. Raises `InputError`."""
    return _source(data, encoding, name, _DECLARED, _META)


def _source(data: bytes, encoding: str | None, name: str, *declared: re.Pattern[str]) -> Source:
    if not data.strip():
        raise InputError(f"{shown(name)}: is empty")
    if encoding is not None:
        found = decode(data, encoding=encoding, name=name)
        return Source(data, found.encoding, bom=found.bom, name=name)
    for mark, codec in ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be")):
        if data.startswith(mark):
            return Source(data, codec, bom=True, name=name)
    head = data[:2048]
    for codec in ("utf-16-le", "utf-16-be"):
        if head.lstrip().startswith("<".encode(codec)):
            return Source(data, codec, bom=False, name=name)
    sample = head.decode("latin-1")
    match = next(filter(None, (pattern.search(sample) for pattern in declared)), None)
    codec = match.group(1) if match else "utf-8"
    if codec.lower().startswith(("utf-16", "utf16", "utf-32", "utf32", "ucs", "utf-7", "hz", "iso-2022")):
        raise InputError(f"{shown(name)}:1: says that it is {codec}, which it is not or which is not read here")
    return Source(data, codec, bom=False, name=name)


# --- tokens


def xml_tokens(source: Source) -> Iterator[Token]:
    """The tokens of well-formed XML, comments and instructions left out."""
    text = source.text
    at, size = 0, len(text)
    while at < size:
        if text[at] != "<":
            end = text.find("<", at)
            end = size if end < 0 else end
            yield Token(RUN, "", at, end, at, end)
            at = end
        elif text.startswith(("<!", "<?"), at):
            end = _aside(source, at, "?>")
            if text.startswith(_CDATA, at):
                yield Token(SECTION, "", at, end, at + len(_CDATA), end - 3)
            at = end
        else:
            token = _tag(source, at, is_xml=True)
            yield token
            at = token.end


def html_tokens(source: Source) -> Iterator[Token]:
    """The tokens of HTML, without comments, instructions and the content of scripts, styles and titles.

    Raises `InputError` for a file that ends within a tag or comment.
    """
    text = source.text
    at, size = 0, len(text)
    while at < size:
        start = text.find("<", at)
        while 0 <= start < size - 1 and not (text[start + 1].isalpha() or text[start + 1] in "/!?"):
            start = text.find("<", start + 1)  # a sign of the text
        start = size if start < 0 else start
        if start > at:
            yield Token(RUN, "", at, start, at, start)
            at = start
        elif text.startswith(("<!", "<?"), at):
            end = _aside(source, at, ">")
            if text.startswith(_CDATA, at):
                yield Token(SECTION, "", at, end, at + len(_CDATA), end - 3)
            at = end
        else:
            token = _tag(source, at, is_xml=False)
            name = token.name.lower()
            kind = EMPTY if token.kind == OPEN and name in _VOID else token.kind
            yield token._replace(name=name, kind=kind)
            at = token.end
            if kind == OPEN and name in _RAW:
                close = re.compile(f"</[^>:]{{0,40}}:?{name}", re.I).search(text, at)
                if not close:
                    raise source.error(at, f"ends within <{name}>")
                at = close.start()


def _aside(source: Source, at: int, instruction_end: str) -> int:
    """Where the comment, section, instruction or document type that starts at `at` ends."""
    text = source.text
    if text.startswith("<!--", at):
        return _after(source, "-->", at + 4)
    if text.startswith(_CDATA, at):
        return _after(source, "]]>", at + len(_CDATA))
    if text.startswith("<?", at):
        return _after(source, instruction_end, at + 2)
    doctype = _DOCTYPE.match(text, at)
    if not doctype:
        raise source.error(at, "has declarations, which are not read")
    return int(doctype.end())


def _after(source: Source, mark: str, at: int) -> int:
    end = source.text.find(mark, at)
    if end < 0:
        raise source.error(at, f"is cut off: nothing closes what needs {mark}")
    return end + len(mark)


def _tag(source: Source, at: int, *, is_xml: bool) -> Token:
    text = source.text
    closing = text.startswith("</", at)
    name = _NAME.match(text, at + 1 + closing)
    if not name:
        raise source.error(at, "has a tag without a name")
    rest = _REST.match(text, name.end())
    if not rest:
        raise source.error(at, f"is cut off within <{shown(name.group()[:40])}>")
    # In HTML an image may be written into a tag; those with text or boxes are short.
    if rest.end() - at > LONGEST_TAG and (is_xml or "ocr" in text[at : at + 200]):
        raise source.error(at, f"has a tag of {rest.end() - at} characters")
    local = name.group().rpartition(":")[2]
    kind = CLOSE if closing else EMPTY if rest.group(1) else OPEN
    return Token(kind, local, at, rest.end(), name.end(), rest.start(1))


def attributes(source: Source, token: Token) -> dict[str, tuple[int, int, int]]:
    """Names of a tag's attributes, with where each value starts and ends and how it is written."""
    out: dict[str, tuple[int, int, int]] = {}
    for match in _ATTRIBUTE.finditer(source.text, token.inner, token.inner_end):
        group = match.lastindex or 1
        if group > 1:
            out.setdefault(match.group(1), (match.start(group), match.end(group), SINGLE if group == 3 else DOUBLE))
    return out


def value(source: Source, found: dict[str, tuple[int, int, int]], name: str) -> str | None:
    """An attribute's value, references resolved; None if it is missing."""
    place = found.get(name)
    if place is None:
        return None
    text = source.text[place[0] : place[1]]
    return html.unescape(text) if "&" in text else text


# --- characters


def characters(source: Source, start: int, end: int, mode: int, *, is_html: bool = False) -> Characters:
    """The text written from `start` to `end`, references resolved. Raises `InputError` for an unknown entity in XML."""
    text = source.text[start:end]
    if mode == CDATA or ("&" not in text and not (is_html and "<" in text)):
        return plain_characters(text, start, end, mode)
    out = Characters()
    done = start
    for match in _ENTITY.finditer(source.text, start, end):
        read = _resolved(source, match.group(), match.start(), is_html)
        if read is None:
            continue
        out.add(_bare(source.text[done : match.start()], done, match.start(), mode))
        n = len(read)
        place = match.start() if n == 1 else FROZEN  # a part of what one reference stands for cannot be changed
        out.add(Characters(read, [place] * n, [match.end()] * n, [mode] * n))
        done = match.end()
    out.add(_bare(source.text[done:end], done, end, mode))
    return out


def _bare(text: str, start: int, end: int, mode: int) -> Characters:
    """Text without references; signs that could become one, or a tag, with what comes after them stay as they are."""
    out = plain_characters(text, start, end, mode)
    for match in _SIGN.finditer(text):
        for k in range(*match.span()):
            out.starts[k] = FROZEN
    return out


def _resolved(source: Source, reference: str, at: int, is_html: bool) -> str | None:
    if not is_html and reference[1] != "#":
        if reference not in _XML_ENTITIES:
            raise source.error(at, f"uses the entity {reference}, which is not declared here")
        return _XML_ENTITIES[reference]
    if not is_html:
        code = reference[2:-1]
        return chr(int(code[1:], 16) if code[0] in "xX" else int(code))
    read = html.unescape(reference)
    return read if read and read != reference else None


def run_characters(source: Source, token: Token, *, is_html: bool = False) -> Characters:
    """The characters of a text or CDATA token."""
    mode = CDATA if token.kind == SECTION else TEXT
    return characters(source, token.inner, token.inner_end, mode, is_html=is_html)
