"""Where the outputs of a batch go: never over an input, never outside the folder given."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence

from repair.formats.files import OCR_EXTENSIONS, STDIN, refuse_overwrite, same_file
from repair.formats.plain import InputError, shown


def targets_of(found: Sequence[tuple[str, str | None]], output: str | None, *, as_text: bool) -> dict[str, str | None]:
    """Input name -> output path (None: stdout). Raises `InputError` where outputs would collide or overwrite inputs."""
    names = [name for name, _ in found]
    if output is None:
        if len(names) > 1:
            raise InputError("several inputs need an output folder (-o DIR)")
        return dict.fromkeys(names)
    if not is_folder(found, output):
        refuse_overwrite(output, names)
        parent = os.path.dirname(output)
        if parent and not os.path.isdir(parent):
            raise InputError(f"{shown(output)}: no such folder to write to")
        return {names[0]: output}
    if os.path.lexists(output) and not os.path.isdir(output):
        raise InputError(f"{shown(output)}: not a folder, as several inputs need it")
    inside = os.path.realpath(output) + os.sep
    # With several folders each keeps its name, as their files may have the same names.
    folders = {os.path.normpath(folder): folder for _, folder in found if folder is not None and os.path.isdir(folder)}
    targets: dict[str, str | None] = {}
    taken: dict[str, str] = {}
    for name, folder in found:
        if folder is None:
            relative = "stdin.txt" if name == STDIN else os.path.basename(name)
        else:
            relative = os.path.relpath(name, folder)
            # What an earlier run put there is no input.
            top = os.path.realpath(folder) + os.sep
            if os.path.realpath(name).startswith(inside) and not top.startswith(inside):
                continue
            if len(folders) > 1:
                relative = os.path.join(os.path.basename(os.path.realpath(folder)), relative)
        if as_text and relative.lower().endswith(OCR_EXTENSIONS):
            relative = os.path.splitext(relative)[0] + ".txt"
        path = os.path.join(output, relative)
        if os.path.isabs(relative) or os.pardir in relative.split(os.sep):
            raise InputError(f"{shown(name)}: would be written outside of {shown(output)}")
        if path in taken:
            raise InputError(f"{shown(name)} and {shown(taken[path])} would both be written to {shown(path)}")
        taken[path] = name
        targets[name] = path
    _stay_inside(taken, inside)
    known = {_inode(name) for name in targets if name != STDIN}
    for path in taken:
        if os.path.isfile(path) and _inode(path) in known:
            raise InputError(f"{shown(path)}: is an input too and would be overwritten")
    if not targets:
        raise InputError(f"{shown(output)}: holds all the inputs; nothing is left to repair")
    return targets


def _inode(path: str) -> tuple[int, int]:
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return (-1, -1)
    return found.st_dev, found.st_ino


def _stay_inside(taken: Mapping[str, str], inside: str) -> None:
    """Links that lie in the output folder must not lead out of it."""
    seen: set[str] = set()
    for path, name in taken.items():
        folder = os.path.dirname(path)
        if os.path.islink(path) or folder not in seen:
            seen.add(folder)
            if not (os.path.realpath(path) + os.sep).startswith(inside):
                raise InputError(f"{shown(name)}: {shown(path)} leads outside of the output folder")


def is_folder(found: Sequence[tuple[str, str | None]], output: str) -> bool:
    """Whether `output` is, or becomes, a folder for these inputs."""
    single = len(found) == 1 and found[0][1] is None
    return not single or os.path.isdir(output) or output.endswith(("/", os.sep))


def check_written(path: str, what: str, targets: Mapping[str, str | None], witnesses: Iterable[str] = ()) -> None:
    """That a file beside the outputs (`what`) is none of them and no input. Raises `InputError`."""
    refuse_overwrite(path, witnesses)
    real = os.path.realpath(path)
    for name, target in targets.items():
        if real == os.path.realpath(name) or (os.path.exists(path) and same_file(path, name)):
            raise InputError(f"{shown(path)}: the {what} would overwrite an input")
        if target is not None and real == os.path.realpath(target):
            raise InputError(f"{shown(path)}: the {what} and a repaired text would be one file")
