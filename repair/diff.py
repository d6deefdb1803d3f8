"""Differences to look at: a unified diff built from the corrections, and a coloured view by character.

The diff is made from the corrections themselves, not searched for, so its cost is linear.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import replace

from .text import Correction, Result, line_column, line_starts

CONTEXT = 3
"""Unchanged lines around a change."""

_RED, _GREEN, _DIM, _BOLD, _PLAIN = "\x1b[31;9m", "\x1b[32m", "\x1b[2m", "\x1b[1m", "\x1b[0m"
_NO_NEWLINE = "\\ No newline at end of file\n"
_MARK = "\ufeff"


def unified(result: Result, name: str) -> Iterator[str]:
    r"""Unified diff of ``result.original`` and ``result.text``; nothing where they are equal.

    Lines end at ``\n`` only, as for ``patch``; a last line without one is marked as such. The first
    chunk is the header with the file's name, each of the others a hunk.
    """
    if result.original == result.text:
        return
    old = _lines(result.original)
    starts = [0]
    for line in old:
        starts.append(starts[-1] + len(line))
    yield f"--- {_path('a', name)}\n+++ {_path('b', name)}\n"
    shift = 0  # new line number - old line number
    for hunk in _hunks(_changes(result, old, starts)):
        first = max(0, hunk[0][0] - CONTEXT)
        last = min(len(old), hunk[-1][1] + CONTEXT)
        body: list[tuple[str, str]] = []
        at = first
        for lo, hi, new in hunk:
            body += [(" ", line) for line in old[at:lo]]
            body += [("-", line) for line in old[lo:hi]]
            body += [("+", line) for line in new]
            at = hi
        body += [(" ", line) for line in old[at:last]]
        removed = sum(mark != "+" for mark, _ in body)
        added = sum(mark != "-" for mark, _ in body)
        chunk = [f"@@ -{_range(first, removed)} +{_range(first + shift, added)} @@\n"]
        chunk += [mark + (line if line.endswith("\n") else f"{line}\n{_NO_NEWLINE}") for mark, line in body]
        yield "".join(chunk)
        shift += added - removed


def with_mark(result: Result) -> Result:
    """`result` as it is with a byte order mark in front of both texts, so that a patch fits the file."""
    return Result(
        _MARK + result.original,
        _MARK + result.text,
        tuple(replace(c, start=c.start + 1, end=c.end + 1) for c in result.corrections),
    )


def _path(side: str, name: str) -> str:
    """The name as ``patch`` reads it: quoted where it has odd characters, a tab after one with blanks."""
    path = f"{side}/{name.removeprefix('./').lstrip('/')}"
    if any(ch in '"\\' or ch < " " or ch == "\x7f" for ch in path):
        return '"' + "".join(_quoted(ch) for ch in path) + '"'
    return path + "\t" if " " in path else path


def _quoted(ch: str) -> str:
    if ch in '"\\':
        return "\\" + ch
    return f"\\{ord(ch):03o}" if ch < " " or ch == "\x7f" else ch


def _lines(text: str) -> list[str]:
    parts = text.split("\n")
    lines = [part + "\n" for part in parts[:-1]]
    return [*lines, parts[-1]] if parts[-1] else lines


def _range(start: int, count: int) -> str:
    """Line range as ``diff`` writes it: the line before for an empty one, no count for a single line."""
    if count == 0:
        return f"{start},0"
    return str(start + 1) if count == 1 else f"{start + 1},{count}"


Change = tuple[int, int, list[str]]


def _changes(result: Result, old: list[str], starts: list[int]) -> Iterator[Change]:
    """``(first line, end line, new lines)`` for every run of lines that corrections touch."""
    final = max(0, len(old) - 1)
    group: list[Correction] = []
    lo = hi = 0
    for c in result.corrections:
        first = min(bisect_right(starts, c.start) - 1, final)
        # The line that holds the character after the span: it moves up when the span takes a line end away.
        last = min(bisect_right(starts, c.end) - 1, final) + 1
        if group and first < hi:
            group.append(c)
            hi = max(hi, last)
            continue
        yield from _change(result.original, group, old, starts, lo, hi)
        group, lo, hi = [c], first, last
    yield from _change(result.original, group, old, starts, lo, hi)


def _change(
    original: str, group: list[Correction], old: list[str], starts: list[int], lo: int, hi: int
) -> Iterator[Change]:
    """The change that `group` makes to the lines from `lo` to `hi`, without what stays the same at both ends."""
    if not group:
        return
    hi = min(hi, len(old))
    pieces: list[str] = []
    at = starts[lo]
    for c in group:
        pieces += (original[at : c.start], c.after)
        at = c.end
    pieces.append(original[at : starts[hi]])
    new = _lines("".join(pieces))
    head = 0
    while lo + head < hi and head < len(new) and new[head] == old[lo + head]:
        head += 1
    tail = 0
    while lo + head < hi - tail and tail < len(new) - head and new[len(new) - 1 - tail] == old[hi - 1 - tail]:
        tail += 1
    if lo + head < hi - tail or head < len(new) - tail:
        yield lo + head, hi - tail, new[head : len(new) - tail]


def _hunks(changes: Iterator[Change]) -> Iterator[list[Change]]:
    hunk: list[Change] = []
    for change in changes:
        if hunk and change[0] == hunk[-1][1]:
            # All that goes stands before all that comes, as in every diff.
            lo, _, new = hunk[-1]
            new.extend(change[2])
            hunk[-1] = (lo, change[1], new)
            continue
        if hunk and change[0] - hunk[-1][1] > 2 * CONTEXT:
            yield hunk
            hunk = []
        hunk.append(change)
    if hunk:
        yield hunk


def coloured(result: Result, name: str, around: int = 16) -> Iterator[str]:
    """For a terminal: each correction and suggestion in its line, what goes struck through, what comes in green."""
    items = sorted([*result.corrections, *result.suggestions], key=lambda c: (c.start, c.end))
    if not items:
        return
    starts = line_starts(result.original)
    yield f"{_BOLD}{visible(name)}{_PLAIN}\n"
    for c in items:
        line, column = line_column(starts, c.start)
        left = visible(result.original[max(0, c.start - around) : c.start])
        right = visible(result.original[c.end : c.end + around])
        change = f"{_RED}{visible(c.before)}{_PLAIN}{_GREEN}{visible(c.after)}{_PLAIN}"
        if c.before == c.after:
            change = f"{_BOLD}{visible(c.before)}{_PLAIN}"
        yield f"{_DIM}{line}:{column} {c.level} {c.rule} {c.confidence:.2f}{_PLAIN}  {left}{change}{right}\n"


def visible(text: str) -> str:
    """`text` on one line: line breaks as ⏎, tabs and other invisible characters as escapes."""
    text = text.replace("\r\n", "⏎").replace("\n", "⏎").replace("\r", "⏎").replace("\f", "␌")
    return "".join(
        ch if ch.isprintable() or ch == "\u3000" else ch.encode("unicode_escape").decode("ascii") for ch in text
    )
