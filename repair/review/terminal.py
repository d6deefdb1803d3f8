"""Review in a terminal: one correction after the other, a key for each decision.

Keys are read one at a time where the input is a terminal, else a line at a time, so that it can be scripted.
"""

from __future__ import annotations

import codecs
import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from repair.diff import visible

from .batch import OPEN, SORTS, STATES, Board, Item, Piece, Sort
from .decisions import Decision

HELP = """\
a accept    r reject    e edit    1-9 take that alternative    n next alternative
s skip      b back      u undo    A accept all alike           R reject all alike
/ search    o order     v all or only what is open             w write to the logs
? help      q quit"""
_RED, _GREEN, _DIM, _BOLD, _PLAIN = "\x1b[31;9m", "\x1b[32;1m", "\x1b[2m", "\x1b[1m", "\x1b[0m"


@dataclass
class Terminal:
    """Keys in, text out. `line` asks for a line of text, given what is there already; None: given up."""

    key: Callable[[], str]
    line: Callable[[str, str], str | None]
    write: Callable[[str], None]
    colour: bool = False


@dataclass
class Session:
    """One reviewer at work. `export` writes the decisions into the logs and says what was written."""

    board: Board
    reviewer: str
    terminal: Terminal
    export: Callable[[], str]
    sort: Sort = "confidence"
    search: str = ""
    everything: bool = False
    made: list[list[Decision]] = field(default_factory=list)
    """What was decided, one entry a key, so that a key can be undone."""
    choice: int = 0

    def run(self) -> None:
        """Until the reviewer quits or the input ends."""
        self.terminal.write(HELP + "\n")
        queue = self._queue()
        at = 0
        while True:
            if not queue:
                self.terminal.write("nothing is left to decide here\n")
            at = max(0, min(at, len(queue) - 1))
            item = queue[at] if queue else None
            if item:
                self._show(item, at, len(queue))
            key = self.terminal.key()
            if key in ("q", ""):
                return
            if key == "u":
                at = self._undo(queue, at)
            elif key in ("/", "o", "v"):
                self._look(key)
                queue, at = self._queue(), 0
            elif key == "w":
                self.terminal.write(self.export() + "\n")
            elif key == "?":
                self.terminal.write(HELP + "\n")
            elif key in ("s", "b"):
                at += 1 if key == "s" else -1
                self.choice = 0
                if at >= len(queue):
                    queue, at = self._queue(), 0
            elif item and self._decide(item, key):
                self.choice = 0
                at += 1
                while at < len(queue) and not self.everything and self.board.state(queue[at]) not in OPEN:
                    at += 1
                if at >= len(queue):
                    queue, at = self._queue(), 0

    def _queue(self) -> list[Item]:
        return self.board.choose(states=STATES if self.everything else OPEN, search=self.search, sort=self.sort)

    def _look(self, key: str) -> None:
        if key == "/":
            self.search = self.terminal.line("search: ", self.search) or ""
        elif key == "o":
            self.sort = SORTS[(SORTS.index(self.sort) + 1) % len(SORTS)]
            self.terminal.write(f"order: {self.sort}\n")
        else:
            self.everything = not self.everything

    def _undo(self, queue: list[Item], at: int) -> int:
        if not self.made:
            self.terminal.write("nothing to undo\n")
            return at
        last = self.made.pop()
        self.board.store.undo([d.id for d in last])
        places = {d.place for d in last}
        key_of = self.board.batch.document
        for k, item in enumerate(queue):
            c = item.proposed
            if (key_of(item).key, c.start, c.end, c.before, c.after) in places:
                return k
        return at

    def _decide(self, item: Item, key: str) -> bool:
        """Whether `key` led to a decision."""
        choices = item.choices
        alike = self.board.batch.alike[item.kind]
        if key == "n" and choices:
            self.choice = (self.choice + 1) % len(choices)
            return False
        if key.isdigit() and 0 < int(key) <= len(choices):
            self.choice = int(key) - 1
            key = "a"
        if key in ("a", "A"):
            if not choices:
                self.terminal.write("nothing is proposed; e edits, r says that it is right\n")
                return False
            text = choices[self.choice][0]
            items = [item] if key == "a" else self._open(alike)
            self.made.append(self.board.decide(items, text, self.reviewer))
            return True
        if key in ("r", "R"):
            self.made.append(self.board.reject([item] if key == "r" else self._open(alike), self.reviewer))
            return True
        if key == "e":
            there = choices[self.choice][0] if choices else item.correction.before
            text_or_none = self.terminal.line("text: ", there)
            if text_or_none is None:
                return False
            self.made.append(self.board.decide([item], text_or_none, self.reviewer))
            return True
        self.terminal.write(f"no such key: {visible(key)} (? for help)\n")
        return False

    def _open(self, items: list[Item]) -> list[Item]:
        return [item for item in items if self.board.state(item) in OPEN]

    def _show(self, item: Item, at: int, total: int) -> None:
        document, c = self.board.batch.document(item), item.proposed
        state = self.board.state(item)
        where = f"{visible(document.name)}:{item.entry.line}:{item.entry.column}"
        out = [f"\n{at + 1}/{total}  {where}  {c.rule}  {c.confidence:.2f}"]
        if state != "open":
            out.append(f"  {state}")
        if c.reason:
            out.append(f"\n{self._dim(visible(c.reason))}")
        out.append("\n" + "".join(self._piece(piece, item) for piece in self.board.sentence(item)))
        for k, (text, p) in enumerate(item.choices[:9]):
            mark = ">" if k == self.choice else " "
            out.append(f"\n{mark}{k + 1} {visible(text) or '∅'}  {p:.2f}")
        others = len(self._open(self.board.batch.alike[item.kind])) - (state in OPEN)
        if others > 0:
            out.append(f"\n{others} more alike")
        opinion = self.board.opinion(item)
        if opinion:
            words = (f"{visible(d.reviewer)}: {visible(d.text) or '∅'} ({d.verdict})" for d in opinion.last)
            out.append("\n" + "; ".join(words))
        self.terminal.write("".join(out) + "\n")

    def _piece(self, piece: Piece, focus: Item) -> str:
        if piece.item is not focus:
            return visible(piece.after)
        new = focus.choices[self.choice][0] if focus.choices else focus.correction.before
        if not self.terminal.colour:
            changed = f"[-{visible(piece.before)}-]" if new != piece.before else f"[{visible(piece.before)}]"
            return changed + (f"{{+{visible(new)}+}}" if new != piece.before else "")
        if new == piece.before:
            return f"{_BOLD}{visible(piece.before)}{_PLAIN}"
        return f"{_RED}{visible(piece.before)}{_PLAIN}{_GREEN}{visible(new)}{_PLAIN}"

    def _dim(self, text: str) -> str:
        return f"{_DIM}{text}{_PLAIN}" if self.terminal.colour else text


@contextlib.contextmanager
def standard_terminal() -> Iterator[Terminal]:
    """Standard input and output; keys one at a time where they are a terminal."""

    def write(text: str) -> None:
        sys.stdout.write(text.encode("utf-8", "backslashreplace").decode("utf-8"))
        sys.stdout.flush()

    def line(prompt: str, there: str) -> str | None:
        write(prompt)
        given = sys.stdin.readline()
        return given.rstrip("\r\n") if given.endswith("\n") else None

    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        yield Terminal(_key_line, line, write)
        return
    yield Terminal(_key, _edited, write, colour=True)


def _key_line() -> str:
    """The first character of a line; an empty one skips, the end quits."""
    given = sys.stdin.readline()
    return given.strip()[:1] or ("s" if given else "q")


def _key() -> str:
    """One key press."""
    try:
        import termios
        import tty
    except ImportError:
        import msvcrt

        return str(msvcrt.getwch())  # type: ignore[attr-defined,unused-ignore]
    handle = sys.stdin.fileno()
    old = termios.tcgetattr(handle)
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    try:
        # DRAIN, so that keys that were typed ahead are not lost; for the same reason nothing is read into a buffer.
        tty.setcbreak(handle, termios.TCSADRAIN)
        while byte := os.read(handle, 1):
            if key := decoder.decode(byte):
                return key
        return ""
    finally:
        termios.tcsetattr(handle, termios.TCSADRAIN, old)


def _edited(prompt: str, there: str) -> str | None:
    """A line of text that starts as `there`; None where the reviewer gives up (Ctrl-C, Ctrl-D)."""
    try:
        import readline
    except ImportError:
        readline = None  # type: ignore[assignment]
    if readline is not None:
        readline.set_startup_hook(lambda: readline.insert_text(there))
    try:
        return input(prompt)
    except (EOFError, KeyboardInterrupt):
        return None
    finally:
        if readline is not None:
            readline.set_startup_hook(None)
