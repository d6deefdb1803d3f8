"""Files read and written in blocks, compressed ones (.gz, .zst) among them, so that their size does not matter."""

from __future__ import annotations

import contextlib
import gzip
import io
import zlib
from collections.abc import Iterable, Iterator
from typing import IO, Any, cast

from repair.formats.files import STDIN, StrPath, failure, read_bytes
from repair.formats.plain import InputError, shown

BLOCK = 1 << 20
COMPRESSED = (".gz", ".zst")


def bare(name: str) -> str:
    """`name` in lower case, without the ending of a compressed file."""
    name = name.lower()
    return next((name.removesuffix(ending) for ending in COMPRESSED if name.endswith(ending)), name)


def blocks(path: StrPath) -> Iterator[bytes]:
    """The content of a file, uncompressed, ``-`` for standard input. Raises `InputError`, also for one cut off."""
    name = str(path)
    if name == STDIN:
        yield read_bytes(STDIN)
        return
    done = 0
    try:
        with contextlib.ExitStack() as stack:
            file: IO[bytes] = stack.enter_context(open(path, "rb"))
            if name.lower().endswith(".gz"):
                file = cast(IO[bytes], stack.enter_context(gzip.GzipFile(fileobj=file)))
            elif name.lower().endswith(".zst"):
                file = stack.enter_context(_zstd(name)(file))
            while block := file.read(BLOCK):
                done += len(block)
                yield block
    except InputError:
        raise
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        what = "cut off" if isinstance(error, EOFError) else f"damaged ({error})"
        raise InputError(f"{shown(name)}: the gzip data is {what}, after {done:,} bytes of content") from None
    except (OSError, ValueError) as error:
        raise failure(name, error) from None
    except Exception as error:
        if type(error).__name__ != "ZstdError":
            raise
        raise InputError(f"{shown(name)}: the zstd data is damaged, after {done:,} bytes of content") from None


def compressed(pieces: Iterable[bytes], path: StrPath) -> Iterator[bytes]:
    """`pieces` as a file of this name holds them: the same bytes for the same content, with no name and time inside."""
    name = str(path).lower()
    if name.endswith(".gz"):
        sink = io.BytesIO()
        with gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=sink, mtime=0) as file:
            for piece in pieces:
                file.write(piece)
                if sink.tell():
                    yield sink.getvalue()
                    sink.seek(0)
                    sink.truncate()
        yield sink.getvalue()
    elif name.endswith(".zst"):
        packer: Any = _zstd(str(path), packer=True)()
        for piece in pieces:
            yield packer.compress(piece)
        yield packer.flush()
    else:
        yield from pieces


class _ZstdFile(io.RawIOBase):
    """What zstandard's reader says nothing about: data that ends in the middle of a frame."""

    def __init__(self, file: IO[bytes]) -> None:
        import zstandard

        self._file, self._new = file, zstandard.ZstdDecompressor().decompressobj
        self._frame: Any = None
        self._ready = memoryview(b"")
        self._rest = b""

    def read(self, size: int = -1) -> bytes:
        while not self._ready:
            data = self._rest or self._file.read(1 << 16)
            self._rest = b""
            if not data:
                if self._frame is not None:
                    import zstandard

                    raise zstandard.ZstdError("cut off")
                return b""
            self._frame = self._frame or self._new()
            self._ready = memoryview(self._frame.decompress(data))
            if self._frame.eof:
                self._rest, self._frame = self._frame.unused_data, None
        out, self._ready = self._ready[:size], self._ready[size:]
        return bytes(out)


def _zstd(name: str, *, packer: bool = False) -> Any:
    """Makes a reader of a file, or a compressor. Raises `InputError` where Python has neither."""
    try:
        import zstandard
    except ImportError:
        try:
            from compression import zstd  # type: ignore[import-not-found, unused-ignore]
        except ImportError:
            raise InputError(f"{shown(name)}: zstd needs a package more: pip install 'repair[zst]'") from None
        return zstd.ZstdCompressor if packer else zstd.ZstdFile
    return zstandard.ZstdCompressor().compressobj if packer else _ZstdFile
