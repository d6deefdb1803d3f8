"""Tasks shared between processes.

Each process has one task at a time and a pipe of its own, with nothing shared: no process can hold up another one when
it dies, and all of them end when this one does.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from repair.formats.files import one_line
from repair.formats.plain import InputError

from .work import Answer, Failure, Job, Outcome, Task, looks, start_worker, work

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

DIED = "the process that worked on it died, and died again when it had nothing beside it (out of memory?)"


def cores() -> int:
    """Processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def outcomes(job: Job, names: list[str], workers: int) -> Iterator[Outcome | Failure]:
    """Every file's outcome, in order."""
    start_worker(job)  # with several processes too: a bad option is reported once, and not by every worker
    ready: dict[int, Answer] = {}
    turn = 0
    # Not too far ahead, so that results do not pile up behind a long text.
    workers = min(workers, len(names))
    for number, _, answer in answers(job, looks(names), workers, ahead=8 * workers):
        ready[number] = answer
        while turn in ready:
            found = ready.pop(turn)
            assert isinstance(found, Outcome | Failure)
            yield found
            turn += 1


def answers(
    job: Job, tasks: Iterable[Task], workers: int, *, ahead: int | None = None
) -> Iterator[tuple[int, Task, Answer]]:
    """Tasks with their numbers and what came of them, as they are finished; by this process if `workers` is 1.

    This process must have been started (`start_worker`). With `ahead` no task is begun so many after the first one
    that is not finished. A task whose process dies is tried again alone, and then fails.
    """
    if workers <= 1:
        for number, task in enumerate(tasks):
            yield number, task, work(task)
        return
    with _Pool(job, workers, ahead) as pool:
        yield from pool.run(tasks)


@dataclass
class _Process:
    process: Any
    link: Connection
    number: int = -1
    task: Task | None = None


class _Pool:
    def __init__(self, job: Job, workers: int, ahead: int | None) -> None:
        self._job, self._workers, self._ahead = job, workers, ahead
        self._idle: list[_Process] = []
        self._busy: dict[Connection, _Process] = {}
        self._all: list[_Process] = []

    def __enter__(self) -> _Pool:
        return self

    def __exit__(self, *_: object) -> None:
        for one in self._all:
            one.process.terminate()
        for one in self._all:
            one.process.join()
            one.link.close()

    def _start(self) -> _Process:
        from multiprocessing import get_context

        context = get_context("spawn")
        mine, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(self._job, theirs), daemon=True)
        one = _Process(process, mine)
        with _uninterrupted():
            process.start()
            self._all.append(one)
        theirs.close()
        return one

    def _give(self, number: int, task: Task) -> None:
        one = self._idle.pop() if self._idle else self._start()
        one.number, one.task = number, task
        self._busy[one.link] = one
        with contextlib.suppress(ConnectionError):  # it has died: seen when its answer is read
            one.link.send(task)

    def run(self, tasks: Iterable[Task]) -> Iterator[tuple[int, Task, Answer]]:
        from multiprocessing.connection import Connection, wait

        source = enumerate(tasks)
        waiting: deque[tuple[int, Task]] = deque()  # whose processes died
        alone = False  # whether one of them is being tried again
        more = True
        given = 0
        while True:
            if waiting and not self._busy:
                alone = True
                self._give(*waiting.popleft())
            while more and not waiting and not alone and len(self._busy) < self._workers:
                oldest = min((one.number for one in self._busy.values()), default=given)
                if self._ahead is not None and given >= oldest + self._ahead:
                    break
                item = next(source, None)
                if item is None:
                    more = False
                    break
                given = item[0] + 1
                self._give(*item)
            if not self._busy:
                if not waiting and not more:
                    return
                continue
            done = []
            for link in wait(list(self._busy)):
                assert isinstance(link, Connection)
                one = self._busy.pop(link)
                assert one.task is not None
                try:
                    answer = one.link.recv()
                except (EOFError, ConnectionError):
                    self._buried(one)
                    if not alone:
                        waiting.append((one.number, one.task))
                        continue
                    answer = Failure(one.task.name, DIED)
                alone = False
                if isinstance(answer, Exception):
                    raise answer
                done.append((one.number, one.task, answer))
                if one in self._all:
                    self._idle.append(one)
            # The next tasks first, so that nobody waits while these are seen to.
            while done and more and not waiting and self._ahead is None and len(self._busy) < self._workers:
                item = next(source, None)
                if item is None:
                    more = False
                    break
                given = item[0] + 1
                self._give(*item)
            yield from done

    def _buried(self, one: _Process) -> None:
        one.process.join()
        one.link.close()
        self._all.remove(one)


def _serve(job: Job, link: Connection) -> None:
    """What a worker process does: one task after the other, until the pipe is closed."""
    try:
        start_worker(job)
        while True:
            task = link.recv()
            try:
                link.send(work(task))
            except ValueError as error:
                link.send(InputError(one_line(error)))
    except (EOFError, ConnectionError):
        pass


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """Signals wait here; a process started meanwhile never gets SIGINT, which a terminal sends to all of a group."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    from multiprocessing.resource_tracker import ensure_running

    ensure_running()  # it unblocks SIGINT when it starts
    old = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, old)
