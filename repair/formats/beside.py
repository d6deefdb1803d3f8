"""Which file is another reading of which input: the files that ``--witness`` names, laid beside the inputs."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence

from .files import STDIN, located, same_file
from .plain import InputError, shown

Beside = dict[str, tuple[str, ...]]
"""Input -> its witnesses, in the order of the arguments."""


def witnesses_of(inputs: Sequence[tuple[str, str | None]], arguments: Sequence[str]) -> tuple[Beside, list[str]]:
    """The witnesses of each input, and messages about inputs for which an argument has none.

    `inputs` are files with the folders they were searched in (`repair.formats.files.located`). An argument that is a
    file
    belongs to the one input. A folder or a glob has, for each input, the file with the same path below it, or the
    only one with the
    same name, the extension left out if need be.

    Raises `InputError`: a missing file, one file for several inputs, a folder that holds nothing for any input,
    standard
    input, a witness that is the input itself.
    """
    found: dict[str, list[str]] = {name: [] for name, _ in inputs}
    missing: list[str] = []
    for argument in arguments:
        if argument == STDIN:
            raise InputError("--witness -: a witness is a file, standard input is the text")
        files = list(located([argument]))
        if files == [(argument, None)]:
            if len(inputs) > 1:
                raise InputError(
                    f"--witness {shown(argument)}: one file for {len(inputs)} inputs; name a folder or a pattern"
                )
            pairs = {inputs[0][0]: argument}
        else:
            pairs = _same_names(inputs, files, argument)
            if not pairs:
                what = "the input" if len(inputs) == 1 else "any input"
                raise InputError(f"--witness {shown(argument)}: holds no file with the name of {what}")
            missing += [f"{shown(name)}: no witness in {shown(argument)}" for name, _ in inputs if name not in pairs]
        for name, path in pairs.items():
            if same_file(name, path):
                raise InputError(f"--witness {shown(path)}: is the input itself")
            found[name].append(path)
    return {name: tuple(paths) for name, paths in found.items() if paths}, missing


def _same_names(
    inputs: Sequence[tuple[str, str | None]], files: Sequence[tuple[str, str | None]], argument: str
) -> dict[str, str]:
    """For each input the file that has its name. Raises `InputError` where several have it."""
    tables: list[Mapping[str, list[str]]] = [_by(key, files) for key in _KEYS]
    pairs: dict[str, str] = {}
    for name, folder in inputs:
        for key, table in zip(_KEYS, tables, strict=True):
            matches = table.get(key(name, folder), [])
            if len(matches) == 1:
                pairs[name] = matches[0]
                break
            if matches:
                both = f"{shown(matches[0])} and {shown(matches[1])}"
                raise InputError(f"--witness {shown(argument)}: {both} have the name of {shown(name)}")
    return pairs


def _relative(name: str, folder: str | None) -> str:
    return os.path.normpath(os.path.relpath(name, folder)) if folder else os.path.basename(name)


def _stem(name: str, folder: str | None) -> str:
    return os.path.splitext(_relative(name, folder))[0]


def _name(name: str, folder: str | None) -> str:
    return os.path.basename(name)


def _name_stem(name: str, folder: str | None) -> str:
    return os.path.splitext(os.path.basename(name))[0]


_KEYS = (_relative, _stem, _name, _name_stem)
"""What a file and its witness have in common, tried one after the other."""


def _by(key: Callable[[str, str | None], str], files: Sequence[tuple[str, str | None]]) -> dict[str, list[str]]:
    table: dict[str, list[str]] = {}
    for name, folder in files:
        table.setdefault(key(name, folder), []).append(name)
    return table
