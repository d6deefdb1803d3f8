"""Reading, atomic writing, and what command line arguments stand for."""

from __future__ import annotations

import inspect
import io
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from repair.formats.files import expand, read_bytes, refuse_overwrite, same_file, write_atomic
from repair.formats.plain import InputError

posix = pytest.mark.skipif(os.name != "posix", reason="modes, links and devices of POSIX")
not_root = pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may do everything")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in (
        "b.txt",
        "a.md",
        "c.png",
        "sub/d.TXT",
        "sub/deep/e.markdown",
        ".hidden/f.txt",
        "sub/.g.txt",
        "[x].txt",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    return tmp_path


def names(root: Path, *paths: str, **options: tuple[str, ...]) -> list[str]:
    return [os.path.relpath(path, root) for path in expand([str(root / path) for path in paths], **options)]


def test_reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "页.txt"
    path.write_bytes(b"\r\n\0")
    assert read_bytes(path) == read_bytes(str(path)) == b"\r\n\0"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\xff\r\n")))
    assert read_bytes("-") == b"\xff\r\n"


def test_reading_errors(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.txt: no such file or folder$"):
        read_bytes(tmp_path / "none.txt")
    with pytest.raises(InputError, match=r": is a directory$"):
        read_bytes(tmp_path)
    with pytest.raises(InputError, match=r"a\\nb: no such file"):
        read_bytes("a\nb")
    with pytest.raises(InputError, match=r"a\\x00b: not a usable path"):
        read_bytes("a\0b")


@not_root
def test_no_permission(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"x")
    path.chmod(0)
    with pytest.raises(InputError, match="permission denied"):
        read_bytes(path)
    path.chmod(0o444)
    with pytest.raises(InputError, match="permission denied"):
        write_atomic(path, b"y")
    assert path.read_bytes() == b"x"
    folder = tmp_path / "sub"
    folder.mkdir()
    folder.chmod(0o555)
    with pytest.raises(InputError, match="permission denied"):
        write_atomic(folder / "new.txt", b"y")
    folder.chmod(0)
    with pytest.raises(InputError, match="permission denied"):
        list(expand([tmp_path]))
    folder.chmod(0o755)


def test_writing(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_atomic(path, b"one")
    write_atomic(str(path), (piece for piece in (b"two", b"", b"\r\n" * 300_000, b"end")))
    assert path.read_bytes() == b"two" + b"\r\n" * 300_000 + b"end"
    write_atomic(path, b"")
    assert path.read_bytes() == b""
    assert os.listdir(tmp_path) == ["a.txt"]
    with pytest.raises(InputError, match="is a directory"):
        write_atomic(tmp_path, b"")
    with pytest.raises(InputError, match=r"out\.txt: no such file or folder"):
        write_atomic(tmp_path / "none" / "out.txt", b"")


@posix
def test_mode_and_links_stay(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"old")
    path.chmod(0o640)
    link = tmp_path / "link"
    link.symlink_to("a.txt")
    write_atomic(link, b"new")
    assert link.is_symlink() and path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o7777 == 0o640
    mask = os.umask(0o027)
    try:
        write_atomic(tmp_path / "fresh", b"")
    finally:
        os.umask(mask)
    assert (tmp_path / "fresh").stat().st_mode & 0o7777 == 0o640


def test_failures_leave_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"old")

    def broken() -> Iterator[bytes]:
        yield b"x" * 400_000
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_atomic(path, broken())

    def fails(*_: object) -> None:
        raise OSError(28, "No space left on device")

    for call in ("fsync", "replace"):
        with monkeypatch.context() as patch:
            patch.setattr(os, call, fails)
            with pytest.raises(InputError, match=r"a\.txt: no space left on the disk"):
                write_atomic(path, b"new")
    assert path.read_bytes() == b"old" and os.listdir(tmp_path) == ["a.txt"]


@posix
def test_disk_limit(tmp_path: Path) -> None:
    """A file that may not grow beyond 1000 bytes, in a process of its own."""
    path = tmp_path / "a.txt"
    path.write_bytes(b"old")
    program = (
        "import resource, sys\n"
        "from repair.formats.files import write_atomic\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try: write_atomic(sys.argv[1], b'x' * 5000)\n"
        "except ValueError as error: print(error)\n"
    )
    root = Path(__file__).resolve().parent.parent
    done = subprocess.run(
        [sys.executable, "-B", "-c", program, str(path)], capture_output=True, text=True, cwd=root, check=True
    )
    assert done.stdout == f"{path}: file too large\n"
    assert path.read_bytes() == b"old" and os.listdir(tmp_path) == ["a.txt"]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_devices_are_written_to_directly() -> None:
    with pytest.raises(InputError, match=r"^/dev/full: no space left on the disk$"):
        write_atomic("/dev/full", b"x")
    write_atomic("/dev/null", b"x")
    assert not os.path.isfile("/dev/null")


def test_same_file(tree: Path) -> None:
    path = tree / "b.txt"
    assert same_file(path, tree / "sub" / ".." / "b.txt")
    assert not same_file(path, tree / "a.md")
    assert same_file(tree / "new", str(tree / "sub" / ".." / "new")) and not same_file(tree / "new", tree / "newer")
    assert not same_file("-", "-") and not same_file(path, "-")
    os.link(path, tree / "hard.txt")
    assert same_file(path, tree / "hard.txt")
    with pytest.raises(InputError, match=r"b\.txt: is an input too"):
        refuse_overwrite(path, ["-", tree / "a.md", tree / "hard.txt"])
    refuse_overwrite(tree / "new.txt", [path, "-"])
    refuse_overwrite(os.devnull, [os.devnull])


def test_folders(tree: Path) -> None:
    everything = ["[x].txt", "a.md", "b.txt", "sub/d.TXT", "sub/deep/e.markdown"]
    assert names(tree, ".") == everything
    assert names(tree, ".", patterns=("*.png",)) == ["c.png"]
    assert names(tree, ".hidden", "c.png") == [".hidden/f.txt", "c.png"]  # named: taken as they are
    assert list(expand(["-", str(tree / "a.md"), "-"])) == ["-", str(tree / "a.md")]
    assert list(expand([])) == []
    # Once each, also if given by themselves and below another.
    once = ["[x].txt", "b.txt", "sub/d.TXT", "sub/deep/e.markdown", "a.md"]
    assert names(tree, ".", "sub/deep", "a.md", "a.md", ".") == once
    assert names(tree, "sub/deep", "sub/deep/e.markdown") == ["sub/deep/e.markdown"]


def test_globs(tree: Path) -> None:
    assert names(tree, "*.txt") == ["[x].txt", "b.txt"]
    assert names(tree, "**/*.markdown") == ["sub/deep/e.markdown"]
    assert names(tree, "su?") == ["sub/d.TXT", "sub/deep/e.markdown"]
    assert names(tree, "[x].txt") == ["[x].txt"]  # a file of that name goes first
    assert names(tree, "[ab].*") == ["a.md", "b.txt"]


def test_expand_errors_come_before_any_file(tree: Path) -> None:
    good = str(tree / "a.md")
    with pytest.raises(InputError, match=r"none\.txt: no such file or folder"):
        expand([good, tree / "none.txt"])
    with pytest.raises(InputError, match=r"\*\.doc: no file matches"):
        expand([good, tree / "*.doc"])
    empty = tree / "empty"
    empty.mkdir()
    with pytest.raises(InputError, match=r"empty: no file matches \*\.txt, \*\.md, \*\.markdown"):
        expand([good, empty])
    with pytest.raises(InputError, match="not a folder"):
        expand([tree / "a.md" / "b"])


@posix
def test_links(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside")
    (outside / "o.txt").write_bytes(b"")
    (outside / "loop").symlink_to(outside)
    (tree / "sub" / "loop").symlink_to(tree)
    (tree / "sub" / "up").symlink_to("/")
    (tree / "twice").symlink_to(tree / "sub")
    (tree / "out").symlink_to(outside)
    (tree / "out2").symlink_to(outside)
    (tree / "broken.txt").symlink_to("nowhere")
    (tree / "self.txt").symlink_to("self.txt")
    (tree / "file.txt").symlink_to("c.png")
    os.mkfifo(tree / "pipe.txt")
    assert names(tree, ".") == ["[x].txt", "a.md", "b.txt", "file.txt", "out/o.txt", "sub/d.TXT", "sub/deep/e.markdown"]
    assert names(tree, "out") == ["out/o.txt"]
    with pytest.raises(InputError, match=r"self\.txt: too many levels of symbolic links"):
        expand([tree / "self.txt"])
    with pytest.raises(InputError, match=r"broken\.txt: no such file"):
        expand([tree / "broken.txt"])


def test_deep_folders(tmp_path: Path) -> None:
    folder = tmp_path
    for _ in range(300):
        folder = folder / "d"
        folder.mkdir()
    (folder / "a.txt").write_bytes(b"")
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack(0)) + 150)
    try:
        assert len(list(expand([tmp_path]))) == 1
    finally:
        sys.setrecursionlimit(limit)
