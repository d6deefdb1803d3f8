"""Bytes to text and back: exact for whatever is accepted, one line of error for the rest."""

from __future__ import annotations

import codecs
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from repair.formats.plain import InputError, TextFile, decode, decode_as, encode, newline_style, representable, shown

SIMPLIFIED = "中国的经济发展很快，人们的生活也有了很大的变化。\n我们要认真研究这个问题，提出新的办法。\n"
TRADITIONAL = "中國的經濟發展很快，人們的生活也有了很大的變化。\n我們要認真研究這個問題，提出新的辦法。\n"
KOREAN = "이것은 한국어로 작성된 문서이며 문자 인코딩을 시험하기 위한 것입니다. 많은 사람들이 사용한다.\n"

ENCODINGS = [
    None, "utf-8", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "gb18030", "gbk", "gb2312",
    "big5", "cp950", "big5hkscs", "shift_jis", "euc_kr", "hz", "utf-7", "iso2022_jp", "latin-1", "cp1252",
]  # fmt: skip

# Bytes that resemble files: pieces of Chinese in some encoding, marks, stray bytes.
pieces = st.one_of(
    st.binary(max_size=6),
    st.sampled_from([codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_LE]),
    st.sampled_from([b"\xa2\xcc", b"\xa2\xce", b"\xf9\xf9", b"\xa1\xfe", b"\x88\x62", b"\x84\x31\x95\x33", b"\x80"]),
    st.builds(
        lambda text, codec: text.encode(codec, "ignore"),
        st.text("的一是在人國這，。\n\r a十卅═𠀀\ufeff", max_size=8),
        st.sampled_from(["utf-8", "gb18030", "cp950", "big5hkscs", "utf-16-le", "utf-16-be", "utf-32-be"]),
    ),
)
files = st.one_of(st.binary(max_size=40), st.lists(pieces, max_size=8).map(b"".join))


def one_line(error: pytest.ExceptionInfo[InputError]) -> str:
    message = str(error.value)
    assert "\n" not in message and message.isprintable()
    return message


@settings(max_examples=400, deadline=None)
@given(files, st.sampled_from(ENCODINGS))
def test_accepted_bytes_come_back_exactly(data: bytes, encoding: str | None) -> None:
    try:
        file = decode(data, encoding=encoding)
    except InputError as error:
        assert "\n" not in str(error)
        return
    assert encode(file.text, file) == data
    again = decode_as(data, file.encoding, bom=file.bom)
    assert (again.text, again.newline) == (file.text, file.newline)


@settings(max_examples=300, deadline=None)
@given(files, st.text(max_size=5), st.integers(0, 30), st.integers(0, 3))
def test_changed_text_is_read_back_as_written(data: bytes, new: str, at: int, drop: int) -> None:
    """What encode writes, decode_as reads: else a log could not be reverted."""
    try:
        file = decode(data)
        text = file.text[:at] + new + file.text[at + drop :]
        out = encode(text, file)
    except InputError:
        return
    assert decode_as(out, file.encoding, bom=file.bom).text == text


@pytest.mark.parametrize("codec", ["gb18030", "cp950", "big5hkscs"])
def test_every_two_byte_code_roundtrips(codec: str) -> None:
    for lead in range(0x80, 0x100):
        data = b"".join(bytes((lead, trail)) + b"\n" for trail in range(0x30, 0x100))
        file = decode_as(data, codec)
        assert encode(file.text, file) == data


@pytest.mark.parametrize(
    ("text", "codec", "found"),
    [
        (SIMPLIFIED, "utf-8", "utf-8"),
        (SIMPLIFIED, "gb2312", "gb18030"),
        (SIMPLIFIED + "𠀀龘", "gb18030", "gb18030"),
        (TRADITIONAL, "gbk", "gb18030"),
        (TRADITIONAL, "big5", "cp950"),
        (TRADITIONAL + "我哋嘅嘢", "big5hkscs", "big5hkscs"),
        (SIMPLIFIED, "utf-16-le", "utf-16-le"),
        (TRADITIONAL, "utf-16-be", "utf-16-be"),
        ("中国的经济，人们的生活。", "utf-16-le", "utf-16-le"),  # without a single NUL byte
        ("plain English text\n", "utf-16-be", "utf-16-be"),
        (SIMPLIFIED, "utf-32-le", "utf-32-le"),
        ("# English\n\n" * 200 + "标题与正文\n", "gbk", "gb18030"),  # hardly any Chinese in it
        ("你好", "gbk", "gb18030"),
        ("", "utf-8", "utf-8"),
    ],
)
def test_detection_without_a_mark(text: str, codec: str, found: str) -> None:
    data = text.encode(codec)
    file = decode(data)
    assert (file.encoding, file.bom, file.text, file.lossy_bytes) == (found, False, text, 0)
    assert encode(file.text, file) == data


@pytest.mark.parametrize("codec", ["utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be", "gb18030"])
@pytest.mark.parametrize("named", [False, True])
def test_byte_order_mark(codec: str, named: bool) -> None:
    data = ("\ufeff" + SIMPLIFIED).encode(codec)
    file = decode(data, encoding=codec if named else None)
    assert (file.encoding, file.bom, file.text) == (codec, True, SIMPLIFIED)
    assert encode(SIMPLIFIED + "完", file) == data + "完".encode(codec)


@pytest.mark.parametrize("name", ["utf-16", "UTF_16", "utf-32"])
def test_named_utf16_finds_its_byte_order(name: str) -> None:
    for order in ("le", "be"):
        codec = f"{name.lower().replace('_', '-')}-{order}"
        assert decode(SIMPLIFIED.encode(codec), encoding=name).encoding == codec
        assert decode(("\ufeff" + SIMPLIFIED).encode(codec), encoding=name).bom


def test_gb2312_by_name_keeps_dash_and_dot() -> None:
    assert decode("爱·因——".encode("gbk"), encoding="gb2312").text == "爱·因——"


def test_lone_surrogates_of_utf16() -> None:
    data = codecs.BOM_UTF16_LE + "中\ud800文\udc00".encode("utf-16-le", "surrogatepass")
    file = decode(data)
    assert file.text == "中\ud800文\udc00"
    assert encode(file.text, file) == data
    # Without the character between them they would be read as one.
    with pytest.raises(InputError, match=r"U\+D800.*read back otherwise"):
        encode("中\ud800\udc00", file)


def test_bytes_that_are_no_text_are_kept_and_counted() -> None:
    data = (SIMPLIFIED * 3).encode()
    cut = decode(data[:-2])  # the line end and the last byte of a full stop
    assert (cut.encoding, cut.errors, cut.lossy_bytes) == ("utf-8", "surrogateescape", 2)
    assert encode(cut.text, cut) == data[:-2]
    assert decode("你好，世界。".encode() + b"\xff").lossy_bytes == 1
    gb = (SIMPLIFIED * 3).encode("gb18030")[:-2]
    assert (decode(gb).encoding, decode(gb).lossy_bytes) == ("gb18030", 1)
    stray = b"English words and one stray byte \xa0 in many. " + b"Nothing else. " * 20
    assert decode(stray).lossy_bytes == 1


def test_escaped_bytes_that_would_join_are_noticed() -> None:
    data = "文".encode()
    text = SIMPLIFIED.encode() + data[:2] + b"x" + data[2:]
    file = decode(text)
    assert file.lossy_bytes == 3
    with pytest.raises(InputError, match=r"line 3, column 1.*read back otherwise"):
        encode(file.text.replace("x", ""), file)


def test_second_code_of_a_big5_character_survives() -> None:
    data = TRADITIONAL.encode("big5") + b"\xa2\xcc" + "年\n".encode("big5")
    file = decode(data)
    assert file.encoding == "cp950" and file.lossy_bytes == 2
    assert encode(file.text, file) == data
    assert "十" not in file.text  # it would come back as A4 51


def test_inexact_encoding_is_refused() -> None:
    with pytest.raises(InputError, match="would not write back the bytes at offset 8") as error:
        decode(b'\x1b$B$"\x1b(B\x1b(B', encoding="iso2022_jp", name="a.txt")  # a superfluous escape at the end
    assert one_line(error).startswith("a.txt: ")


def test_character_without_a_code() -> None:
    file = decode(TRADITIONAL.encode("big5"), name="頁.txt")
    with pytest.raises(InputError, match=r"^頁\.txt: cp950 has no code for 这 \(U\+8FD9\), line 2, column 3$"):
        encode("中國\n我們这個", file)
    assert representable("這", file) and not representable("这", file)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(range(256)), r"binary file \(byte 0x00 at offset 8\)"),
        (b"some text\x00more text.", r"looks like a binary file \(byte 0x00 at offset 9\)"),
        (b"\xef\xbb\xbfab\x00", r"looks like a binary file \(byte 0x00 at offset 5\)"),
        (b"ab\x01\x02\x03\x04cd", r"looks like a binary file \(4 control characters, byte 0x01 at offset 2\)"),
        ("Les élèves étonnés,\nl'été".encode("latin-1"), r"cannot tell the encoding \(byte 0xe9 at offset 4, line 1"),
        (("ascii\n" + KOREAN).encode("euc-kr"), r"offset 6, line 2 is not UTF-8\); name it"),
        (codecs.BOM_UTF16_LE + b"a\0b", r"not valid utf-16-le \(byte 0x62 at offset 4, line 1"),
        (bytes(4096), "looks like a binary file"),
        (bytes(range(256)) * 9, "looks like a binary file"),
    ],
)  # fmt: skip
def test_refused(data: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        decode(data, name="dir/a.txt")
    assert one_line(error).startswith("dir/a.txt: ")


def test_refused_with_a_named_encoding() -> None:
    with pytest.raises(InputError, match=r"a.txt: unknown encoding 'nonsense'; try --encoding"):
        decode(b"", encoding="nonsense", name="a.txt")
    for name in ("base64", "idna", "unicode_escape", "a\0b", "é"):
        with pytest.raises(InputError, match="unknown encoding"):
            decode(b"abc", encoding=name)
    with pytest.raises(InputError, match=r"not valid utf-8 \(byte 0xd6 at offset 2, line 2"):
        decode("a\n中国的经济".encode("gbk"), encoding="utf-8")
    with pytest.raises(InputError, match=r"not valid (cp950|big5hkscs) \(byte 0x.. at offset"):
        decode(SIMPLIFIED.encode(), encoding="big5")


def test_names_are_shown_on_one_line() -> None:
    assert shown("a\nb\udcff\x1b[1m 中") == "a\\nb\\udcff\\x1b[1m 中"


@pytest.mark.parametrize(
    ("text", "style"),
    [("", "none"), ("a\f\u2028b", "none"), ("a\nb\n", "lf"), ("a\r\n\r\n", "crlf"), ("a\rb", "cr"),
     ("a\r\nb\n", "mixed"), ("a\r\r\n", "mixed"), ("\n\r", "mixed")],
)  # fmt: skip
def test_newlines_are_named_and_left_alone(text: str, style: str) -> None:
    assert newline_style(text) == style
    file = decode(text.encode())
    assert (file.newline, file.text) == (style, text)


def test_random_data_never_fails_otherwise() -> None:
    for size in (1, 2, 3, 7, 100, 5000):
        for _ in range(40):
            data = os.urandom(size)
            try:
                file = decode(data)
            except InputError:
                continue
            assert isinstance(file, TextFile) and encode(file.text, file) == data
