"""Files in and out: reading, atomic writing, and the files that a command line names."""

from __future__ import annotations

import contextlib
import errno
import glob
import os
import secrets
import stat
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from itertools import chain

from repair.formats.plain import InputError, shown

PATTERNS: tuple[str, ...] = ("*.txt", "*.md", "*.markdown", "*.hocr", "*.alto.xml", "*.page.xml")
"""Files that are taken from a folder by their names; OCR files under other names are known by their content."""
OCR_EXTENSIONS = (".hocr", ".xml", ".html", ".htm", ".xhtml", ".json")
"""Files of these names are OCR output, or nothing that can be repaired."""
STDIN = "-"
_BLOCK = 1 << 18  # bytes

RECORDS: tuple[str, ...] = (
    "*.jsonl",
    "*.ndjson",
    "*.jsonl.gz",
    "*.ndjson.gz",
    "*.jsonl.zst",
    "*.ndjson.zst",
    "*.parquet",
)
"""Files of records that are taken from a folder by their names."""

StrPath = str | os.PathLike[str]


def read_bytes(path: StrPath) -> bytes:
    """All bytes of a file, or of standard input for ``-``. Raises `InputError`: missing, a directory, no permission."""
    name = os.fspath(path)
    try:
        if name == STDIN:
            if sys.stdin is None:  # closed by whoever started us
                raise InputError("<stdin>: is closed")
            return sys.stdin.buffer.read()
        with open(name, "rb") as file:
            return file.read()
    except InputError:
        raise
    except (OSError, ValueError) as error:
        raise failure("<stdin>" if name == STDIN else name, error) from None


def write_atomic(path: StrPath, data: bytes | Iterable[bytes], *, aside: StrPath | None = None) -> None:
    """Write a file so that it holds either all of `data` or what it held before.

    The data (one piece or several) goes to a temporary file beside it, which is flushed to disk and
    renamed; on any failure that file is removed. The mode of an existing file is kept, and its owner
    where the user may; a symbolic link stays and its target is replaced; a hard link is cut. What is
    no regular file (a pipe, ``/dev/stdout``) is written to directly. Raises `InputError`: a directory,
    a missing folder, no permission (also for an existing read-only file), a full disk. What the
    iterable itself raises passes through. `aside`: the folder of the temporary file, on the same file system.
    """
    name = os.fspath(path)
    pieces = (data,) if isinstance(data, bytes) else data
    try:
        old = os.stat(name)
    except FileNotFoundError:
        old = None
    except (OSError, ValueError) as error:
        raise failure(name, error) from None
    if old and stat.S_ISDIR(old.st_mode):
        raise failure(name, IsADirectoryError())
    if old and not os.access(name, os.W_OK):
        raise failure(name, PermissionError())
    if old and not stat.S_ISREG(old.st_mode):
        _write_into(name, pieces)
        return
    # Beside the target of a link: a rename must not cross file systems, and the link is to stay.
    target = os.path.realpath(name)
    folder = os.path.dirname(target)
    beside = os.path.join(aside or folder, f".repair-{secrets.token_hex(8)}.tmp")
    try:
        # O_EXCL, so that nothing planted under this name is written to; 0o666 leaves the mode to the umask.
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
    except OSError as error:
        raise failure(name, error) from None
    try:
        try:
            for block in _blocks(pieces):
                _write_all(handle, block, name)
            if old:
                _keep_attributes(handle, old)
            _guarded(name, os.fsync, handle)
        finally:
            os.close(handle)
        _guarded(name, os.replace, beside, target)
    except BaseException:  # an interrupt too must leave nothing behind
        with contextlib.suppress(OSError):
            os.unlink(beside)
        raise
    _sync_folder(folder)


def same_file(a: StrPath, b: StrPath) -> bool:
    """Whether two paths lead to one file, existing or not; ``-`` is no file."""
    first, second = os.fspath(a), os.fspath(b)
    if STDIN in (first, second):
        return False
    try:
        return os.path.samefile(first, second)
    except (OSError, ValueError):
        return os.path.realpath(first) == os.path.realpath(second)


def refuse_overwrite(output: StrPath, inputs: Iterable[StrPath]) -> None:
    """Raise `InputError` if writing `output` would overwrite one of `inputs` (regular files and links to them)."""
    name = os.fspath(output)
    if os.path.exists(name) and not os.path.isfile(name):
        return  # a terminal or pipe may be input and output at once
    for path in inputs:
        if same_file(name, path):
            raise InputError(f"{shown(name)}: is an input too and would be overwritten")


def expand(paths: Iterable[StrPath], patterns: Sequence[str] = PATTERNS) -> Iterator[str]:
    """The files that command line arguments name, in order; ``-`` (standard input) passes through.

    A folder stands for the files below it whose name matches one of `patterns` (case ignored), sorted,
    without hidden files and folders. Links to folders are followed unless they lead back into the
    folder. An argument that is no file but has ``*``, ``?`` or ``[`` is a glob (``**`` for any depth).
    A file given twice comes once; a file or folder both given and found below another is listed where
    it was given. All arguments are checked before this returns; folders are then walked as the result
    is consumed, so that memory does not grow with the number of files.

    Raises `InputError`: a missing file, a folder or glob without a match, no permission.
    """
    return (name for name, _ in located(paths, patterns))


def located(paths: Iterable[StrPath], patterns: Sequence[str] = PATTERNS) -> Iterator[tuple[str, str | None]]:
    """As `expand`, each file with the folder that it was searched in: the one given, or where the glob starts.

    None for a file given by its own name and for standard input.
    """
    found: dict[str, tuple[str, str | None]] = {}  # canonical path to the path as given and its folder
    for path in paths:
        name = os.fspath(path)
        if name == STDIN:
            found.setdefault(STDIN, (STDIN, None))
        elif _exists(name):
            found.setdefault(os.path.realpath(name), (name, name if os.path.isdir(name) else None))
        else:
            for match in _globbed(name):
                found.setdefault(os.path.realpath(match), (match, _fixed_part(name)))
    given = frozenset(found)
    # Not one generator: what is wrong with an argument shows before the first file is used.
    parts = [(_files_of(name, patterns, given), folder) for name, folder in found.values()]
    return ((name, folder) for files, folder in parts for name in files)


def _fixed_part(pattern: str) -> str:
    """The folder in front of the first part of a glob that has a wildcard."""
    folder = pattern
    while glob.has_magic(folder):
        folder = os.path.dirname(folder)
    return folder or os.curdir


def _exists(name: str) -> bool:
    try:
        os.stat(name)
    except FileNotFoundError:
        if glob.has_magic(name):
            return False
        raise failure(name, FileNotFoundError()) from None
    except (OSError, ValueError) as error:
        raise failure(name, error) from None
    return True


def _globbed(name: str) -> list[str]:
    matches = [match for match in sorted(glob.glob(name, recursive=True)) if os.path.exists(match)]
    if not matches:
        raise InputError(f"{shown(name)}: no file matches")
    return matches


def _files_of(name: str, patterns: Sequence[str], given: frozenset[str]) -> Iterable[str]:
    if not os.path.isdir(name):
        return (name,)
    files = _walk(name, patterns, given)
    first = next(files, None)
    if first is None:
        # Not empty if all that is in it was given by itself.
        if next(_walk(name, patterns, frozenset()), None) is None:
            raise InputError(f"{shown(name)}: no file matches {', '.join(patterns)}")
        return ()
    return chain((first,), files)


def _walk(root: str, patterns: Sequence[str], given: frozenset[str]) -> Iterator[str]:
    """Matching files below `root`, sorted by path, less what is `given` by itself."""
    lowered = [pattern.lower() for pattern in patterns]
    ocr = set(PATTERNS) <= set(patterns)
    top = os.path.realpath(root)
    linked: set[str] = set()  # targets of links followed so far
    stack: list[Iterator[os.DirEntry[str]]] = [_entries(root)]
    while stack:
        entry = next(stack[-1], None)
        if entry is None:
            stack.pop()
            continue
        if entry.name.startswith("."):
            continue
        try:
            if entry.is_dir():
                real = os.path.realpath(entry.path)
                if real in given:
                    continue
                if entry.is_symlink():
                    if _within(real, top) or _within(top, real) or any(_within(real, seen) for seen in linked):
                        continue
                    linked.add(real)
                stack.append(_entries(entry.path))
            elif entry.is_file():  # no pipes, sockets or broken links
                name = entry.name.lower()
                named = any(fnmatchcase(name, pattern) for pattern in lowered)
                if named or (ocr and _is_ocr(entry.path)):
                    # realpath costs a system call for each part of the path: only where it can matter.
                    if len(given) > 1 and os.path.realpath(entry.path) in given:
                        continue
                    yield entry.path
        except OSError as error:
            if error.errno == errno.ELOOP:  # a link to itself
                continue
            raise failure(entry.path, error) from None


def _is_ocr(path: str) -> bool:
    """Whether a file with a name like page.xml or page.json is of an OCR format, by how it starts."""
    if not path.lower().endswith(OCR_EXTENSIONS):
        return False
    from repair.formats.ocr import HEAD, sniffed

    with open(path, "rb") as file:
        return sniffed(file.read(HEAD)) is not None


def _entries(folder: str) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return iter(sorted(entries, key=lambda entry: entry.name))
    except OSError as error:
        raise failure(folder, error) from None


def _within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)


def _write_into(name: str, pieces: Iterable[bytes]) -> None:
    try:
        handle = os.open(name, os.O_WRONLY | os.O_TRUNC | getattr(os, "O_BINARY", 0))
    except OSError as error:
        raise failure(name, error) from None
    try:
        for block in _blocks(pieces):
            _write_all(handle, block, name)
    finally:
        os.close(handle)


def _blocks(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """`pieces` joined to blocks worth a system call."""
    waiting: list[bytes] = []
    size = 0
    for piece in pieces:
        waiting.append(piece)
        size += len(piece)
        if size >= _BLOCK:
            yield b"".join(waiting)
            waiting, size = [], 0
    yield b"".join(waiting)


def _write_all(handle: int, block: bytes, name: str) -> None:
    # Unbuffered: a file object would try, and fail, once more to write what is left when it is closed.
    view = memoryview(block)
    try:
        while view:
            view = view[os.write(handle, view) :]
    except OSError as error:
        raise failure(name, error) from None


def _guarded(name: str, call: Callable[..., object], *arguments: object) -> None:
    """`call`, its `OSError` as an `InputError`."""
    try:
        call(*arguments)
    except OSError as error:
        raise failure(name, error) from None


def _keep_attributes(handle: int, old: os.stat_result) -> None:
    if hasattr(os, "fchown"):
        with contextlib.suppress(OSError):
            os.fchown(handle, old.st_uid, old.st_gid)
    # After the owner: a change of owner clears the set-user-id bits.
    if hasattr(os, "fchmod"):
        with contextlib.suppress(OSError):
            os.fchmod(handle, stat.S_IMODE(old.st_mode))


def _sync_folder(folder: str) -> None:
    """Make the rename last; best effort, as not every system can open a folder."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


class DiskFull(InputError):
    """There is no room for what is to be written; nothing else would fit either."""


def one_line(error: BaseException) -> str:
    """What is wrong, on one line."""
    if isinstance(error, OSError) and error.strerror:
        where = f"{shown(str(error.filename))}: " if error.filename else ""
        return f"{where}{error.strerror[0].lower()}{error.strerror[1:]}"
    return flat(str(error))


def flat(text: str) -> str:
    """`text` on one line that every terminal can show."""
    return shown(" ".join(text.split()))


def failure(name: str, error: OSError | ValueError) -> InputError:
    """`error` as an `InputError` that names the file."""
    code = error.errno if isinstance(error, OSError) else None
    if isinstance(error, FileNotFoundError):
        what = "no such file or folder"
    elif isinstance(error, IsADirectoryError):
        what = "is a directory"
    elif isinstance(error, NotADirectoryError):
        what = "a part of this path is not a folder"
    elif isinstance(error, PermissionError):
        what = "permission denied"
    elif code in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)):
        return DiskFull(f"{shown(name)}: no space left on the disk")
    elif isinstance(error, OSError) and error.strerror:
        what = error.strerror[0].lower() + error.strerror[1:]
    else:
        what = f"not a usable path ({error})" if isinstance(error, ValueError) else str(error)
    return InputError(f"{shown(name)}: {what}")
