"""Large text files in chunks, so that their size does not matter and several processes can share one.

A chunk ends where its text says so, wherever that may be in the file: before a page, else before a paragraph, a line,
a sentence, of those the one with the lowest checksum of what follows. So the chunks of a file are always the same, and
a change in one place moves few borders.
"""

from __future__ import annotations

import codecs
import hashlib
import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from repair.formats.plain import Errors, InputError, Newline, TextFile, byte_order_mark, decode, shown

LARGE = 1 << 21
"""Bytes from which a text file is repaired in chunks."""
LEAST, MOST = 40_000, 120_000
"""Characters of a chunk; only the last one may be shorter."""
SAMPLE = 1 << 20
"""Bytes that decide what encoding a large file has."""

_CODECS = frozenset(
    {"utf-8", "gb18030", "cp950", "big5hkscs", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be", "ascii", "iso8859-1"}
)
"""Encodings in which no character depends on those before it."""
_CONTROLS = bytes(b for b in range(0x20) if b not in (8, 9, 10, 11, 12, 13, 0x1A, 0x1B))
_BORDERS = tuple(
    re.compile(pattern)
    for pattern in (
        r"\f",
        r"(?:\r\n|\n|\r)[ \t\u3000]*(?:\r\n|\n|\r)+",
        r"[。！？!?…”』」）)][ \t]*(?:\r\n|\n|\r)",
        r"\r\n|\n|\r",
        r"[。！？][”』」）]*",
        r"[，；、,; ]",
    )
)


@dataclass(frozen=True)
class Large:
    """What has to be known about a large file before its first chunk is read.

    `sha256` and `size`: of its bytes, or of what they are uncompressed.
    """

    sha256: str
    size: int
    encoding: str
    bom: bool
    errors: Errors


@dataclass(frozen=True)
class Chunk:
    """`text` from position `start` of the file's text on, which is at `line` and `column` (from 1)."""

    text: str
    start: int
    line: int
    column: int


def probe(read: Callable[[], Iterable[bytes]], name: str, encoding: str | None = None) -> Large:
    """Look through a file, which `read` gives from its start. Raises `InputError`: as for `decode`, or uncuttable."""
    digest = hashlib.sha256()
    size = controls = 0
    head = sample = b""
    decoder = codecs.getincrementaldecoder("utf-8")()
    broken = False
    for block in read():
        if len(head) < SAMPLE:
            head += block[: SAMPLE - len(head)]
        digest.update(block)
        size += len(block)
        controls += len(block) - len(block.translate(None, _CONTROLS))
        if broken:
            if len(sample) < SAMPLE:
                sample += block[: SAMPLE - len(sample)]
            continue
        try:
            decoder.decode(block)
        except UnicodeDecodeError as error:
            broken = True
            # From the start of the line on, where that is at hand: so no character is cut.
            data = bytes(error.object)
            line = max(data.rfind(b"\n", 0, error.start) + 1, error.start - SAMPLE // 2)
            sample = data[line : line + SAMPLE]
    try:
        broken = broken or bool(decoder.decode(b"", True))
    except UnicodeDecodeError:  # cut off inside the last character
        broken, sample = True, head
    codec, bom, errors = "utf-8", False, "strict"
    mark = head.startswith((codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, b"\x84\x31\x95\x33"))
    if encoding is not None or broken or mark or b"\0" in head:
        wide = mark or b"\0" in head or encoding is not None
        found = decode(_whole(head if wide else sample), encoding=encoding, name=name)
        codec, bom = found.encoding, found.bom
    if codec not in _CODECS:
        raise InputError(
            f"{shown(name)}: {codec} cannot be read in parts, which a file of {size:,} bytes needs; convert it to UTF-8"
        )
    wide = codec.startswith(("utf-16", "utf-32"))
    if wide:
        errors = "surrogatepass"
    elif codec != "utf-8" or broken:
        errors = "surrogateescape"
    if not wide and controls * 20 > size:
        raise InputError(f"{shown(name)}: looks like a binary file ({controls:,} control characters)")
    return Large(digest.hexdigest(), size, codec, bom, errors)  # type: ignore[arg-type]


def _whole(sample: bytes) -> bytes:
    """A sample of a file cut at a line end, where it has one, and in any case not inside a wide character."""
    if len(sample) < SAMPLE:
        return sample
    end = sample.rfind(b"\n") + 1
    if b"\0" in sample or end < len(sample) // 2:
        end = len(sample) // 4 * 4
    return sample[:end]


def chunks(blocks: Iterable[bytes], large: Large, name: str, lengths: Iterable[int] | None = None) -> Iterator[Chunk]:
    """The chunks of a file's text, without its byte order mark. `lengths`: theirs, where it was cut before.

    Raises `InputError`: NUL characters, too many bytes that are no text, or bytes that would be written back otherwise.
    """
    lossy = start = 0
    line = column = 1
    texts = _decoded(blocks, large, name)
    for text in _cut(texts) if lengths is None else _cut_again(texts, lengths):
        if "\0" in text and large.errors != "surrogatepass":
            raise InputError(f"{shown(name)}: looks like a binary file (a NUL after {start + text.index(chr(0)):,} "
                             "characters)")  # fmt: skip
        yield Chunk(text, start, line, column)
        if large.errors == "surrogateescape":
            lossy += escapes(text)
            if lossy > 1000 and lossy * 100 > large.size:
                raise InputError(f"{shown(name)}: not valid {large.encoding} (more than 1 % of its bytes)")
        start += len(text)
        ends = [match.end() for match in _LINE_END.finditer(text)]
        line += len(ends)
        column = len(text) - ends[-1] + 1 if ends else column + len(text)


_LINE_END = re.compile(r"\r\n|[\n\r\f]")
_ESCAPED = re.compile("[\udc80-\udcff]")


def escapes(text: str) -> int:
    """Bytes of no text that `text` carries as surrogates."""
    return 0 if text.isascii() else len(_ESCAPED.findall(text))


def _decoded(blocks: Iterable[bytes], large: Large, name: str) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder(large.encoding)(large.errors)
    skip = len(byte_order_mark(large.encoding)) if large.bom else 0
    done = 0
    kept = b""  # bytes that the decoder holds back
    for block, final in _with_last(blocks):
        if skip:
            passed = min(skip, len(block))
            block, done, skip = block[passed:], done + passed, skip - passed
        try:
            text = decoder.decode(block, final)
        except UnicodeDecodeError as error:
            raise InputError(
                f"{shown(name)}: not valid {large.encoding} (near offset {done:,}: {error.reason})"
            ) from None
        data = kept + block
        written = text.encode(large.encoding, large.errors)
        if not data.startswith(written) or (final and written != data) or len(data) - len(written) > 8:
            raise InputError(
                f"{shown(name)}: {large.encoding} would not write back the bytes after offset {done:,}; "
                "another --encoding may fit"
            )
        kept = data[len(written) :]
        done += len(block)
        yield text


def _with_last(blocks: Iterable[bytes]) -> Iterator[tuple[bytes, bool]]:
    for block in blocks:
        yield block, False
    yield b"", True


def _cut(texts: Iterable[str]) -> Iterator[str]:
    kept = ""
    for text in texts:
        kept += text
        at = 0
        while len(kept) - at > MOST + 1:  # one more, so that a line end is not cut in two
            end = at + _border(kept[at : at + MOST + 1])
            yield kept[at:end]
            at = end
        kept = kept[at:]
    if kept:
        yield kept


def _cut_again(texts: Iterable[str], lengths: Iterable[int]) -> Iterator[str]:
    kept = ""
    waiting = iter(lengths)
    length = next(waiting, None)
    for text in texts:
        kept += text
        at = 0
        while length is not None and len(kept) - at >= length:
            yield kept[at : at + length]
            at += length
            length = next(waiting, None)
        kept = kept[at:]
    if kept or length is not None:
        raise InputError("the file is not the one that was cut")


def _border(window: str) -> int:
    """Where a chunk ends that begins with `window`, of which the last character is only there to be looked at."""
    for pattern in _BORDERS:
        ends = [match.end() for match in pattern.finditer(window, LEAST)]
        if ends and ends[-1] == len(window):
            ends.pop()
        ends = [end for end in ends if not (window[end - 1] == "\r" and window[end] == "\n")]
        if ends:
            return min(ends, key=lambda end: zlib.crc32(window[end : end + 16].encode("utf-8", "surrogatepass")))
    end = MOST
    while end > LEAST and ("\ud800" <= window[end - 1] <= "\udfff" or window[end - 1 : end + 1] == "\r\n"):
        end -= 1
    return end


class Newlines:
    """Which line ends a text has, found out in parts that are not cut inside of one."""

    def __init__(self) -> None:
        self._found: set[Newline] = set()

    def add(self, text: str) -> None:
        crlf = text.count("\r\n")
        if crlf:
            self._found.add("crlf")
        if text.count("\n") > crlf:
            self._found.add("lf")
        if text.count("\r") > crlf:
            self._found.add("cr")

    @property
    def style(self) -> Newline:
        if not self._found:
            return "none"
        return "mixed" if len(self._found) > 1 else next(iter(self._found))


def as_file(text: str, large: Large, name: str) -> TextFile:
    """A chunk as a file by itself, without a byte order mark."""
    return TextFile(text, large.encoding, False, "none", large.errors, 0, name)
