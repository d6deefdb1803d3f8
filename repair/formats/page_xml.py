"""PAGE-XML: regions, lines, words and glyphs, each with its text in ``TextEquiv/Unicode``.

The text is read at the lowest level that has any, of words, lines and regions (and of glyphs, where only they have
some); the other levels, where they say the same, are copies that follow its changes. The text of an element is its
``TextEquiv`` with the lowest index; those of one character beside it are other readings. Confidence: ``conf`` of
glyph, word or line. Regions come as ``ReadingOrder`` says, the others after them in the order of the file.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from repair.formats.markup import (
    CLOSE,
    EMPTY,
    OPEN,
    RUN,
    SECTION,
    Token,
    attributes,
    run_characters,
    xml_source,
    xml_tokens,
)
from repair.formats.markup import value as read_value
from repair.formats.ocr import (
    Block,
    Characters,
    Line,
    OcrFile,
    Sheet,
    Source,
    Word,
    best_first,
    extent,
    number,
    tidied,
)
from repair.layout import Box, Page
from repair.text import Alternatives

_LEVELS = ("TextLine", "Word", "Glyph")
_CUSTOM = re.compile(r"readingOrder\s*\{\s*index\s*:\s*(\d{1,6})")


def read(data: bytes, *, encoding: str | None = None, name: str = "<stdin>") -> OcrFile:
    """The file's text and layout. Raises `InputError`: no PAGE, not well-formed, wrong encoding."""
    source = xml_source(data, encoding, name)
    reader = _Reader(source)
    for token in xml_tokens(source):
        reader.take(token)
    if reader.root != "PcGts":
        raise source.error(0, f"no PAGE-XML: its root is <{reader.root[:40]}>")
    return OcrFile("page-xml", source, [reader.sheet()])


@dataclass(slots=True)
class _Equiv:
    index: float
    confidence: float
    unicode: Characters | None = None
    plain: Characters | None = None


@dataclass(slots=True)
class _Node:
    """A region, line, word or glyph."""

    kind: str
    name: str
    rank: float = math.inf  # in its parent's reading order
    box: Box | None = None
    confidence: float = math.nan
    equivs: list[_Equiv] = field(default_factory=list)
    children: list[_Node] = field(default_factory=list)

    def best(self) -> _Equiv | None:
        """The TextEquiv to be read: the lowest index, the first; it may be empty."""
        found = [e for e in self.equivs if e.unicode is not None]
        return min(found, key=lambda e: e.index, default=None)


class _Reader:
    def __init__(self, source: Source) -> None:
        self.source = source
        self.root = ""
        self.page = Page()
        self.open: list[tuple[str, _Node | None]] = []
        self.nodes: list[_Node] = []  # the open ones, outermost first
        self.regions: list[_Node] = []
        self.order: list[tuple[list[float], str]] = []  # reference with its place in all groups
        self.groups: list[float] = []
        self.text: Characters | None = None

    def take(self, token: Token) -> None:
        if token.kind in (RUN, SECTION):
            if self.text is not None:
                self.text.add(run_characters(self.source, token))
            return
        if token.kind in (OPEN, EMPTY):
            if not self.root:
                self.root = token.name
            self.open.append((token.name, self._begin(token)))
        if token.kind in (CLOSE, EMPTY):
            name, node = self.open.pop()
            if node is not None:
                self.nodes.pop()
            if name.startswith(("OrderedGroup", "UnorderedGroup")):
                self.groups.pop()
            if name in ("Unicode", "PlainText"):
                self._end_text(name)

    def _begin(self, token: Token) -> _Node | None:
        name = token.name
        if name in ("Unicode", "PlainText"):
            self.text = Characters()
        elif name == "TextEquiv" and self.nodes:
            found = attributes(self.source, token)
            index = number(read_value(self.source, found, "index"))
            confidence = number(read_value(self.source, found, "conf"))
            self.nodes[-1].equivs.append(_Equiv(index if index == index else -1, confidence))
        elif name in _LEVELS or name.endswith("Region"):
            return self._node(token)
        elif name == "Coords" and self.nodes:
            self._coords(token)
        elif name == "Page":
            found = attributes(self.source, token)
            width = number(read_value(self.source, found, "imageWidth"))
            height = number(read_value(self.source, found, "imageHeight"))
            image = read_value(self.source, found, "imageFilename") or ""
            self.page = Page(width if width == width else 0.0, height if height == height else 0.0, image)
        elif name.startswith(("OrderedGroup", "UnorderedGroup", "RegionRef")):
            self._reference(token)
        return None

    def _node(self, token: Token) -> _Node:
        found = attributes(self.source, token)
        node = _Node(token.name, read_value(self.source, found, "id") or "")
        custom = _CUSTOM.search(read_value(self.source, found, "custom") or "")
        if custom:
            node.rank = int(custom.group(1))
        if self.nodes:
            self.nodes[-1].children.append(node)
        else:
            self.regions.append(node)
        self.nodes.append(node)
        return node

    def _coords(self, token: Token) -> None:
        node = self.nodes[-1]
        found = attributes(self.source, token)
        confidence = number(read_value(self.source, found, "conf"))
        if confidence == confidence:
            node.confidence = confidence
        points = []
        for pair in (read_value(self.source, found, "points") or "").split():
            x, _, y = pair.partition(",")
            points.append((number(x), number(y)))
        node.box = extent(points)

    def _reference(self, token: Token) -> None:
        found = attributes(self.source, token)
        index = number(read_value(self.source, found, "index"))
        place = index if index == index else float(len(self.order))
        reference = read_value(self.source, found, "regionRef")
        if reference:
            self.order.append(([*self.groups[:64], place], reference))
        if not token.name.startswith("RegionRef"):
            self.groups.append(place)

    def _end_text(self, name: str) -> None:
        text, self.text = self.text, None
        if text is None or not self.nodes or not self.nodes[-1].equivs:
            return
        equiv = self.nodes[-1].equivs[-1]
        if name == "Unicode":
            equiv.unicode = text
        else:
            equiv.plain = text

    # --- the tree

    def sheet(self) -> Sheet:
        return Sheet(self.page, [block for region in self._ordered() for block in _blocks(region)])

    def _ordered(self) -> list[_Node]:
        """All regions with text, nested ones too, in reading order."""
        places: dict[str, int] = {}
        for _, reference in sorted(self.order, key=lambda item: item[0]):
            places.setdefault(reference, len(places))
        out: list[tuple[int, int, _Node]] = []
        stack = [(region, len(places)) for region in reversed(self.regions)]
        while stack:
            region, inherited = stack.pop()
            place = places.get(region.name, inherited)
            out.append((place, len(out), region))
            stack += [(child, place) for child in reversed(region.children) if child.kind.endswith("Region")]
        return [region for _, _, region in sorted(out, key=lambda item: item[:2])]


def _copies(node: _Node) -> Iterator[Characters]:
    """The text of a node, as far as it may repeat that of the nodes in it."""
    equiv = node.best()
    if equiv:
        yield from (text for text in (equiv.unicode, equiv.plain) if text is not None)


def _blocks(region: _Node) -> Iterator[Block]:
    lines = [child for child in region.children if child.kind == "TextLine"]
    if lines and all(math.isfinite(line.rank) for line in lines):
        lines.sort(key=lambda line: line.rank)
    read = [line for line in map(_line, lines) if line.words]
    if read:
        yield Block(read, list(_copies(region)))
        return
    equiv = region.best()
    if equiv and equiv.unicode and equiv.unicode.text.strip():
        yield Block([_with_plain(equiv, piece, region) for piece in _split_lines(equiv.unicode)])


def _with_plain(equiv: _Equiv, piece: Characters, node: _Node) -> Line:
    return Line([tidied(Word(piece, None, _confidence(equiv, node)), collapse=False)])


def _split_lines(text: Characters) -> Iterator[Characters]:
    start = 0
    for match in re.finditer(r"[\n\r]+|\Z", text.text):
        if match.start() > start:
            a, b = start, match.start()
            yield Characters(text.text[a:b], text.starts[a:b], text.ends[a:b], text.modes[a:b])
        start = match.end()


def _line(node: _Node) -> Line:
    words = [word for word in (_word(child) for child in node.children if child.kind == "Word") if word]
    if any(word.characters.text for word in words):
        return Line(words, node.box, list(_copies(node)))
    equiv = node.best()
    if equiv is None or equiv.unicode is None or not equiv.unicode.text.strip():
        return Line([], node.box)
    word = Word(equiv.unicode, None, _confidence(equiv, node))
    if equiv.plain is not None:
        word.copies.append(equiv.plain)
    return Line([tidied(word, collapse=False)], node.box)


def _word(node: _Node) -> Word | None:
    equiv = node.best()
    glyphs = [child for child in node.children if child.kind == "Glyph"]
    read = [glyph for glyph in glyphs if glyph.best()]
    joined = Characters()
    for glyph in read:
        best = glyph.best()
        if best and best.unicode:
            joined.add(best.unicode)
    if equiv is None or equiv.unicode is None:
        if not joined.text:
            return None
        return _with_glyphs(Word(joined, node.box), read)
    word = Word(equiv.unicode, node.box, _confidence(equiv, node))
    word.copies += [text for text in (equiv.plain, joined) if text is not None and text.text]
    if joined.text == word.characters.text:
        word = _with_glyphs(word, read)
    elif all(len(other.unicode.text) == len(equiv.unicode.text) for other in node.equivs if other.unicode):
        word.alternatives = _differences(equiv, node.equivs)
    return tidied(word, collapse=False)


def _with_glyphs(word: Word, glyphs: list[_Node]) -> Word:
    """`word` with what its glyphs, which spell it, know of single characters."""
    confidence: list[float] = []
    for glyph in glyphs:
        best = glyph.best()
        if best is None or best.unicode is None:
            continue
        size, at = len(best.unicode.text), len(confidence)
        given = _confidence(best, glyph)
        if size == 1 and len(glyph.equivs) > 1:
            others = [(e.unicode.text, e.confidence) for e in glyph.equivs if e is not best and e.unicode]
            word.alternatives[at] = best_first(best.unicode.text, given, others)
        confidence += [given] * size
    if not any(map(math.isnan, confidence)):
        word.confidence = confidence
    return word


def _differences(best: _Equiv, equivs: list[_Equiv]) -> dict[int, Alternatives]:
    """Readings of a word as a whole, all of one length, as readings of those characters that they differ in."""
    out: dict[int, Alternatives] = {}
    assert best.unicode is not None
    for k, ch in enumerate(best.unicode.text):
        others = [(e.unicode.text[k], e.confidence) for e in equivs if e is not best and e.unicode]
        if any(other != ch for other, _ in others):
            out[k] = best_first(ch, best.confidence, [(o, w) for o, w in others if o != ch])
    return out


def _confidence(equiv: _Equiv, node: _Node) -> float:
    return equiv.confidence if equiv.confidence == equiv.confidence else node.confidence
