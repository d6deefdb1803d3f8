"""Bytes to text and back for text and Markdown files, with nothing lost on the way.

``encode(decode(data).text, decode(data)) == data`` holds for every `data` that `decode` accepts;
whatever cannot keep that promise is refused with an `InputError`. Line ends stay inside the text as
they are, so positions in the text are positions in the file.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Literal

from repair.text import line_column, line_starts

Newline = Literal["lf", "crlf", "cr", "mixed", "none"]
Errors = Literal["strict", "surrogateescape", "surrogatepass"]

# Longer marks first: the mark of UTF-32 LE starts with that of UTF-16 LE.
_BOMS: tuple[tuple[bytes, str], ...] = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (b"\x84\x31\x95\x33", "gb18030"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_WIDE = ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")

# gb2312 and gbk go to their superset: files labelled so hold GBK characters as a rule, and Python's
# gb2312 reads A1AA (the Chinese dash) as U+2015 and A1A4 (the middle dot of names) as Katakana.
_ALIASES = {
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "cp936": "gb18030",
    "utf-8-sig": "utf-8",
    "utf-8": "utf-8",
    "utf-16-le": "utf-16-le",
    "utf-16-be": "utf-16-be",
    "utf-32-le": "utf-32-le",
    "utf-32-be": "utf-32-be",
}
# Names of codecs, as `codecs.lookup` spells them, that are no encodings of files.
_NOT_FOR_FILES = frozenset({"idna", "punycode", "raw-unicode-escape", "undefined", "unicode-escape"})

# The 500 most frequent Hanzi of edited Chinese; they cover 80 % of running text.
_FREQUENT_SIMPLIFIED = (
    "的一是在人中有和不国以了会用个这为作行大发上对可要当理时者出本文法定应来民我政关业地到生市部方们动第"
    "他成能新主于下经条现年实工其自务表同开体家你进多公与等网合规而件性管就面十也学机过区化事建如全或所设"
    "代术之后使展员门说提分制通系内并重得情及意安加信统相种力保产电前由艺式三将更它程些议然目社被外日入间"
    "服都但资道二高共果从特报物位名小因最运单强正度天台息明点示视利数平项府形常选论心已向活持组品处户还好"
    "交权调题无长立场看样委构接问子联期美里令此两施教需命查各器据解改反义没基创受任次起着认比很技传供取具"
    "感结只想见求记四量指推那标界审监手络非专史剧商世决金照总五月今格企导造象办号源观计变级支原责知水乐装"
    "流么置影例案备版布证路确治完按言科话依何领护去复境划收西做容把编显至织费类媒海消域准集互列先识字协放"
    "存包营图态书让举演济农戏身况历给近别际许告众功范该万密局育研则投质元村录参神软少整击城达步注评打请风"
    "斯女续始真环闻广己直口深司院除根批增转又控未职称律必回播色诗验思执防东战款究维写团客每且限引序语节再"
    "价站首试精北车难优线像六即采游配益尔效音带空华马易医京修助派极亚断几核检港古辑才获障越军气党登终测队"
)
# The traditional forms among the 500 most frequent of the same text in traditional script.
_FREQUENT_TRADITIONAL = (
    "國會個這爲發對當時來應關業們動於經條現實務開體進與網規學機過區設術後門員說內並統種產電藝將議間資從報"
    "運單強點視數臺項選論組戶處還權調題無長場樣構問聯兩據義沒創認傳結見記標審監絡專劇決裏總導辦號觀計變級"
    "責樂裝麼備證確話領護劃編顯織費類識協營圖態書讓舉濟農戲況給際別許衆該萬範歷則質佈錄軟參擊達評係請風續"
    "環聞廣轉職稱詩驗執東戰維寫團語節價準試車難優線爾帶華馬醫極亞斷檢幾採輯軍氣黨終測隊違爭模微族"
)
_PUNCTUATION = "，。、：；？！“”‘’（）《》〈〉「」『』【】〔〕—…·～％－／　０１２３４５６７８９○〇"
_FREQUENT = frozenset(_FREQUENT_SIMPLIFIED + _FREQUENT_TRADITIONAL + _PUNCTUATION)

_CONTROLS = re.compile("[\x00-\x07\x0e-\x19\x1c-\x1f\x7f]")
_ESCAPED = re.compile("[\udc80-\udcff]")
_ASCII = re.compile("[\x00-\x7f]+")
_DOUBLE = re.compile(rb"[\x81-\xfe][\x40-\x7e\xa1-\xfe]")
_SAMPLE = 50_000  # characters that decide between encodings


class InputError(ValueError):
    """A file or argument that cannot be used; the message is one line that names it and the place."""


@dataclass(frozen=True)
class TextFile:
    """A decoded file: its text, and all that is needed to write it back.

    `encoding` is a codec name; `bom` says whether a byte order mark (not part of `text`) stood in
    front. `errors` is how bytes that are no text are kept: ``surrogateescape`` as U+DC80..U+DCFF
    (`lossy_bytes` counts them, a caller should warn), ``surrogatepass`` as the lone surrogates that
    they are in UTF-16 and UTF-32. `name` serves messages only.
    """

    text: str
    encoding: str
    bom: bool
    newline: Newline
    errors: Errors = "strict"
    lossy_bytes: int = 0
    name: str = field(default="<stdin>", compare=False)


def shown(name: str) -> str:
    """`name` on one line and free of lone surrogates, so that every terminal can show it."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in name)


def newline_style(text: str) -> Newline:
    """Which line ends occur in `text`."""
    crlf = text.count("\r\n")
    found: list[Newline] = []
    if crlf:
        found.append("crlf")
    if text.count("\n") > crlf:
        found.append("lf")
    if text.count("\r") > crlf:
        found.append("cr")
    if not found:
        return "none"
    return found[0] if len(found) == 1 else "mixed"


def decode(data: bytes, *, encoding: str | None = None, name: str = "<stdin>") -> TextFile:
    """Text of a file's bytes.

    Without `encoding`: byte order mark, UTF-8, then whichever of UTF-16, GB18030 and Big5 makes
    plausible Chinese. A few bytes that are no text (under 1 %, or a character cut off at the end)
    are kept as surrogate escapes. With `encoding` (any text codec of Python; gb2312 and gbk are
    read as GB18030, big5 as cp950 or HKSCS) nothing is guessed.

    Raises `InputError`: a binary file, an encoding unknown or wrong, or bytes that the encoding
    would write back otherwise.
    """
    if encoding is not None:
        return _decode_named(data, encoding, name)
    for mark, codec in _BOMS:
        if data.startswith(mark):
            # FF FE 00 00 may also be UTF-16 that starts with NUL.
            if codec == "utf-32-le" and len(data) % 4:
                continue
            found = decode_as(data, codec, bom=True, name=name)
            if found.lossy_bytes and not _few(found.lossy_bytes, len(data)):
                raise _bad_byte(data, codec, name)
            return _not_binary(found, data)
    if b"\0" in data:
        return _decode_wide(data, name)
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        return _guess(data, error, name)
    return _not_binary(decode_as(data, "utf-8", name=name), data)


def decode_as(data: bytes, encoding: str, *, bom: bool = False, name: str = "<stdin>") -> TextFile:
    """Text of `data` in exactly this encoding, nothing guessed: how a log's documents are read.

    With `bom` the data must start with the encoding's mark. Bytes that are no text become
    surrogate escapes, however many. Raises `InputError` where that cannot be undone exactly.
    """
    codec = _codec(encoding, name)
    mark = byte_order_mark(codec) if bom else b""
    if not data.startswith(mark):
        raise InputError(f"{shown(name)}: does not start with the byte order mark of {codec}")
    body = data[len(mark) :]
    errors: Errors = "surrogatepass" if codec in _WIDE else "strict"
    try:
        text = body.decode(codec, errors)
    except UnicodeDecodeError as error:
        if codec in _WIDE:
            raise _bad_byte(data, codec, name, error, len(mark)) from None
        errors = "surrogateescape"
        try:
            text = body.decode(codec, errors)
        except (UnicodeError, ValueError):
            raise _bad_byte(data, codec, name, error, len(mark)) from None
    except UnicodeError as error:
        raise InputError(f"{shown(name)}: not valid {codec}: {error}") from None
    if not _writes_back(text, codec, errors, body):
        # A few codes of Big5 name a character that has another code too; keep these as bytes.
        doubles = _doubles(codec)
        if not doubles:
            raise _inexact(data, text, codec, errors, name, len(mark))
        errors = "surrogateescape"
        text = _decode_doubles(body, codec, doubles)
        if not _writes_back(text, codec, errors, body):
            raise _inexact(data, text, codec, errors, name, len(mark))
    lossy = len(_ESCAPED.findall(text)) if errors == "surrogateescape" else 0
    return TextFile(text, codec, bom, newline_style(text), errors, lossy, name)


def encode(text: str, like: TextFile) -> bytes:
    """Bytes of `text` in the encoding of the file `like`, with its byte order mark.

    Raises `InputError` that names the character and its place if the encoding has no code for it,
    or if the bytes would be read back as another text (as when bytes kept from a damaged file come
    to stand beside each other and make a character).
    """
    try:
        body = text.encode(like.encoding, like.errors)
    except UnicodeEncodeError as error:
        place = _place(text, error.start)
        character = text[error.start]
        raise InputError(f"{shown(like.name)}: {like.encoding} has no code for {_named(character)}, {place}") from None
    except UnicodeError as error:
        raise InputError(f"{shown(like.name)}: cannot be written as {like.encoding}: {error}") from None
    data = (byte_order_mark(like.encoding) if like.bom else b"") + body
    if text != like.text:
        again = decode_as(data, like.encoding, bom=like.bom, name=like.name).text
        if again != text:
            at = _first_difference(again, text)
            what = _named(text[at]) if at < len(text) else "the end"
            raise InputError(
                f"{shown(like.name)}: {what}, {_place(text, at)}, would be read back otherwise from {like.encoding}"
            )
    return data


def representable(text: str, like: TextFile) -> bool:
    """Whether the encoding of `like` has a code for every character of `text`."""
    try:
        text.encode(like.encoding, like.errors)
    except UnicodeError:
        return False
    return True


# --- how the encoding is found


def _decode_named(data: bytes, encoding: str, name: str) -> TextFile:
    plain = encoding.strip().lower().replace("_", "-")
    if plain in ("utf-16", "utf16", "utf-32", "utf32"):
        width = plain[-2:]
        for mark, codec in _BOMS:
            if codec.startswith(f"utf-{width}") and data.startswith(mark):
                return decode_as(data, codec, bom=True, name=name)
        tried = [decode_as(data, f"utf-{width}-{order}", name=name) for order in _orders(data, width, name)]
        return max(tried, key=lambda file: _wide_score(file.text))
    if plain in ("big5", "big5-tw", "csbig5"):
        return _big5(data, name)
    codec = _codec(encoding, name)
    mark = byte_order_mark(codec)
    found = decode_as(data, codec, bom=bool(mark) and data.startswith(mark), name=name)
    if found.lossy_bytes and not _few(found.lossy_bytes, len(data)):
        raise _bad_byte(data, codec, name)
    return found


def _orders(data: bytes, width: str, name: str) -> list[str]:
    """The byte orders in which `data` is valid UTF-16 or UTF-32; raises `InputError` for none."""
    valid = []
    failure: InputError | None = None
    for order in ("le", "be"):
        try:
            decode_as(data, f"utf-{width}-{order}", name=name)
            valid.append(order)
        except InputError as error:
            failure = failure or error
    if not valid and failure:
        raise failure
    return valid


def _big5(data: bytes, name: str) -> TextFile:
    """Big5 as cp950 or, for characters of Hong Kong, as HKSCS: the one that keeps fewer bytes as escapes."""
    tried = [decode_as(data, codec, name=name) for codec in ("cp950", "big5hkscs")]
    found = min(tried, key=lambda file: file.lossy_bytes)
    if found.lossy_bytes and not _few(found.lossy_bytes, len(data)):
        raise _bad_byte(data, found.encoding, name)
    return found


def _decode_wide(data: bytes, name: str) -> TextFile:
    """Data with NUL bytes: UTF-16 or UTF-32 without a mark, or a binary file."""
    best: TextFile | None = None
    score = 0.5  # Chinese and English text reach 0.8; compressed or numeric data stays below 0
    for codec in _WIDE:
        try:
            found = decode_as(data, codec, name=name)
        except InputError:
            continue
        this = _wide_score(found.text)
        if this > score:
            best, score = found, this
    if best is None:
        raise InputError(f"{shown(name)}: looks like a binary file (byte 0x00 at offset {data.index(0)})")
    return best


def _guess(data: bytes, error: UnicodeDecodeError, name: str) -> TextFile:
    """Data without a mark and without NUL bytes that is not quite UTF-8."""
    utf8 = decode_as(data, "utf-8", name=name) if _begins_well(data, "utf-8") else None
    few = utf8 is not None and _few(utf8.lossy_bytes, len(data))
    # UTF-8 sequences do not come about by chance: a handful is proof.
    if utf8 and few and _multibyte(utf8) >= 12 * utf8.lossy_bytes:
        return _not_binary(utf8, data)
    best = _most_plausible(_strict_readings(data, name))
    if best is None:
        best = _most_plausible(_lossy_readings(data, name, [(utf8, _common("utf-8"))] if utf8 and few else []))
    if best is None and utf8 and utf8.lossy_bytes * 100 < len(data):
        best = utf8  # ASCII with a stray byte
    if best is None:
        raise InputError(
            f"{shown(name)}: cannot tell the encoding (byte 0x{data[error.start]:02x} at offset {error.start}, "
            f"line {_line(data, 'utf-8', error.start)} is not UTF-8); name it with --encoding"
        )
    return _not_binary(best, data)


# A reading of the data, with the characters that are common in its encoding.
_Reading = tuple[TextFile, frozenset[str]]


def _most_plausible(readings: Iterable[_Reading]) -> TextFile | None:
    """The reading that looks most like Chinese (ties: the first), None if none does."""
    best: TextFile | None = None
    score = 0.0
    for found, common in readings:
        sample = _ASCII.sub("", found.text)[:_SAMPLE]
        this = _mean(Counter(sample), common)
        # A long text shows its frequent characters; two or three characters may all be rarer.
        if this > max(score, 0.5 if len(sample) >= 12 else 0.3):
            best, score = found, this
    return best


def _strict_readings(data: bytes, name: str) -> Iterator[_Reading]:
    for codec in ("gb18030", "cp950", "big5hkscs", "utf-16-le", "utf-16-be"):
        try:
            data.decode(codec, "surrogatepass" if codec in _WIDE else "strict")
            yield decode_as(data, codec, name=name), _common(codec)
        except (UnicodeDecodeError, InputError):
            continue


def _lossy_readings(data: bytes, name: str, first: Iterable[_Reading]) -> Iterator[_Reading]:
    """Readings with a few bytes kept as escapes; `first` goes before the others."""
    yield from first
    for codec in ("gb18030", "cp950", "big5hkscs"):
        if not _begins_well(data, codec):
            continue
        try:
            found = decode_as(data, codec, name=name)
        except InputError:
            continue
        if _few(found.lossy_bytes, len(data)):
            yield found, _common(codec)


def _begins_well(data: bytes, codec: str) -> bool:
    """Whether most of the beginning is `codec`: escaping byte by byte is slow, and this tells off other encodings."""
    head = data[:65536]
    bad = len(_ESCAPED.findall(head.decode(codec, "surrogateescape")))
    return bad <= 3 or bad * 20 <= len(head)


def _not_binary(file: TextFile, data: bytes) -> TextFile:
    """`file`, unless more than 5 % of its characters are controls that no text holds, or any is NUL."""
    nul = file.text.find("\0")
    if nul >= 0:
        prefix = len(encode(file.text[:nul], _as_prefix(file)))
        raise InputError(f"{shown(file.name)}: looks like a binary file (byte 0x00 at offset {prefix})")
    controls = _CONTROLS.findall(file.text)
    if len(controls) * 20 > len(file.text):
        first = _CONTROLS.search(file.text)
        at = len(encode(file.text[: first.start() if first else 0], _as_prefix(file)))
        raise InputError(
            f"{shown(file.name)}: looks like a binary file ({len(controls)} control characters, "
            f"byte 0x{ord(controls[0]):02x} at offset {at})"
        )
    return file


def _mean(counts: Counter[str], common: frozenset[str]) -> float:
    """How much counted characters look like Chinese, -1 to 1; 0 where there are none.

    The mean over characters: 1 for the frequent ones, 0.4 for those in `common`, -1 for what no text
    holds (private use, unassigned, surrogates, controls), 0 otherwise.
    """
    total = counts.total()
    if not total:
        return 0.0
    score = 0.0
    for character, count in counts.items():
        if character in _FREQUENT:
            score += count
        elif unicodedata.category(character) in ("Cn", "Co", "Cs", "Cc"):
            score -= count
        elif character in common:
            score += 0.4 * count
    return score / total


def _wide_score(text: str) -> float:
    """`_mean` with ASCII counted: in UTF-16 and UTF-32 it is evidence too."""
    counts = Counter(text[:_SAMPLE])
    total = counts.total()
    plain = sum(counts.pop(chr(code), 0) for code in (*range(0x20, 0x7F), 9, 10, 12, 13))
    return (plain + _mean(counts, _common("utf-16-le")) * counts.total()) / total if total else 0.0


@cache
def _common(codec: str) -> frozenset[str]:
    """The level-1 Hanzi of the standard behind `codec`, which sorts the common ones first."""
    simplified = bytes(b for lead in range(0xB0, 0xD8) for trail in range(0xA1, 0xFF) for b in (lead, trail))
    trails = (*range(0x40, 0x7F), *range(0xA1, 0xFF))
    traditional = bytes(b for lead in range(0xA4, 0xC6) for trail in trails for b in (lead, trail))
    first = frozenset(simplified.decode("gb2312", "ignore"))
    second = frozenset(traditional.decode("cp950", "ignore"))
    if codec == "gb18030":
        return first
    return second if codec in ("cp950", "big5hkscs") else first | second


# --- exactness


def _writes_back(text: str, codec: str, errors: Errors, body: bytes) -> bool:
    try:
        return text.encode(codec, errors) == body
    except UnicodeError:
        return False


@cache
def _doubles(codec: str) -> frozenset[bytes]:
    """Two-byte codes of a Big5 codec that name a character which is written with another code."""
    if codec not in ("cp950", "big5hkscs"):
        return frozenset()
    found = set()
    for lead in range(0x81, 0xFF):
        for trail in (*range(0x40, 0x7F), *range(0xA1, 0xFF)):
            code = bytes((lead, trail))
            try:
                if code.decode(codec).encode(codec) != code:
                    found.add(code)
            except UnicodeError:
                pass
    return frozenset(found)


def _decode_doubles(body: bytes, codec: str, doubles: frozenset[bytes]) -> str:
    out: list[str] = []
    done = 0
    for match in _DOUBLE.finditer(body):
        if match.group() in doubles:
            out.append(body[done : match.start()].decode(codec, "surrogateescape"))
            # The second byte may be ASCII, for which there is no escape and no need of one.
            out += (chr(0xDC00 + byte if byte > 0x7F else byte) for byte in match.group())
            done = match.end()
    out.append(body[done:].decode(codec, "surrogateescape"))
    return "".join(out)


# --- small parts


@cache
def _lookup(encoding: str) -> str | None:
    """The codec's name as this module spells it, or None if there is no such text codec."""
    try:
        info = codecs.lookup(encoding)
        "".encode(encoding)  # raises LookupError for codecs from bytes to bytes
    except (LookupError, UnicodeError, ValueError):
        return None
    codec = info.name.replace("_", "-")
    if codec in _NOT_FOR_FILES:
        return None
    return _ALIASES.get(codec, info.name)


def _codec(encoding: str, name: str) -> str:
    codec = _lookup(encoding)
    if codec is None:
        raise InputError(
            f"{shown(name)}: unknown encoding {shown(encoding)!r}; try --encoding utf-8, gb18030, big5 or utf-16"
        )
    return codec


def byte_order_mark(codec: str) -> bytes:
    """The mark that a file in this encoding may start with, empty where there is none."""
    return next((mark for mark, of in _BOMS if of == codec), b"")


def _few(bad: int, size: int) -> bool:
    """Whether `bad` of `size` bytes are a blemish: under 1 %, or up to three (one character) of a short file."""
    return bad * 100 < size or (bad <= 3 and bad * 4 <= size)


def _multibyte(utf8: TextFile) -> int:
    """Bytes in valid sequences of more than one byte."""
    valid = _ESCAPED.sub("", _ASCII.sub("", utf8.text))
    return len(valid.encode("utf-8"))


def _as_prefix(file: TextFile) -> TextFile:
    return TextFile("", file.encoding, file.bom, "none", file.errors, 0, file.name)


def _line(data: bytes, codec: str, offset: int) -> int:
    return len(line_starts(data[:offset].decode(codec, "replace")))


def _place(text: str, position: int) -> str:
    line, column = line_column(line_starts(text), position)
    return f"line {line}, column {column}"


def _named(character: str) -> str:
    return f"{shown(character)} (U+{ord(character):04X})"


def _bad_byte(
    data: bytes, codec: str, name: str, error: UnicodeDecodeError | None = None, skipped: int = 0
) -> InputError:
    """The error for the first bytes of `data` that are no `codec`."""
    if error is None:
        try:
            data.decode(codec)
        except UnicodeDecodeError as found:
            error = found
    at = skipped + (error.start if error else 0)
    line = _line(data, codec, at)
    byte = f"byte 0x{data[at]:02x} at offset {at}, line {line}" if at < len(data) else f"the end at offset {at}"
    reason = f": {error.reason}" if error else ""
    return InputError(f"{shown(name)}: not valid {codec} ({byte}{reason}); another --encoding may fit")


def _inexact(data: bytes, text: str, codec: str, errors: Errors, name: str, skipped: int) -> InputError:
    try:
        again = text.encode(codec, errors)
    except UnicodeError:
        again = b""
    at = skipped + _first_difference(again, data[skipped:])
    return InputError(
        f"{shown(name)}: {codec} would not write back the bytes at offset {at}, line {_line(data, codec, at)}; "
        "another --encoding may fit"
    )


def _first_difference(a: str | bytes, b: str | bytes) -> int:
    return next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
