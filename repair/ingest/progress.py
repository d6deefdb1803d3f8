"""A line on the terminal that says how far a batch is, how fast it goes and how long it will take."""

from __future__ import annotations

import contextlib
import sys
import time
from collections import deque

_EVERY = 0.1  # seconds
_WINDOW = 60.0  # seconds over which the rate is taken


class Progress:
    """Shown on stderr where that is a terminal, else nothing. `total`: bytes of all inputs."""

    def __init__(self, total: float, *, shown: bool = True) -> None:
        self._total = max(total, 1.0)
        self._bytes = self._characters = 0.0
        self._begun = self._last = time.monotonic()
        self._marks: deque[tuple[float, float, float]] = deque([(self._begun, 0.0, 0.0)])
        stderr = sys.stderr
        self._on = shown and stderr is not None and stderr.isatty()
        self._width = 0

    def skip(self, size: float) -> None:
        """So much was done before; it says nothing about the rate."""
        self._total = max(self._total - size, 1.0)

    def add(self, size: float, characters: int) -> None:
        self._bytes += size
        self._characters += characters
        now = time.monotonic()
        if not self._on or now - self._last < _EVERY:
            return
        self._last = now
        self._marks.append((now, self._bytes, self._characters))
        while len(self._marks) > 2 and now - self._marks[0][0] > _WINDOW:
            self._marks.popleft()
        self._write(line(self._bytes, self._total, now - self._begun, self._rates(now)))

    def _rates(self, now: float) -> tuple[float, float]:
        then, size, characters = self._marks[0]
        past = max(now - then, 1e-6)
        return (self._bytes - size) / past, (self._characters - characters) / past

    def _write(self, text: str) -> None:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.write("\r" + text.ljust(self._width))
            sys.stderr.flush()
        self._width = len(text)

    def clear(self) -> None:
        """Take the line away, so that a message can be written."""
        if self._on and self._width:
            self._write("")
            with contextlib.suppress(OSError, ValueError):
                sys.stderr.write("\r")
                sys.stderr.flush()
            self._width = 0


def line(size: float, total: float, seconds: float, rates: tuple[float, float]) -> str:
    """The line: share done, a bar, characters a second, time past and left. `rates`: bytes and characters a second."""
    share = min(size / total, 1.0)
    bar = "#" * int(share * 20)
    left = _clock((total - size) / rates[0]) if rates[0] > 0 else "?"
    return f"{share:4.0%} [{bar:20}] {rates[1]:,.0f} characters/s, {_clock(seconds)} past, {left} left"


def _clock(seconds: float) -> str:
    whole = int(min(seconds, 359_999))
    hours, rest = divmod(whole, 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60}:{rest % 60:02}"
