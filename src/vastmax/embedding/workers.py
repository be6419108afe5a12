"""Threads that take pieces of work from a queue until it is empty, an error occurs, or they are told to stop."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

Piece = TypeVar("Piece")

WAIT_SECONDS = 0.1
"""How often the waiting thread shows progress and checks whether to stop."""


class WorkQueue(Generic[Piece]):
    """Runs `work` on every piece, in order, on `threads` threads; the first error stops the others and is raised.

    The queue is *at rest* when no piece is being processed and none will be taken. The finished pieces are then the
    first ones, and it is safe to read what the work changes. It is at rest before and after `run`, unless a second
    interrupt ended the wait for current pieces.
    """

    def __init__(self, pieces: Iterator[Piece], work: Callable[[Piece], None], threads: int) -> None:
        self._pieces = pieces
        self._work = work
        self._lock = threading.Lock()  # of the next three
        self._taking = False
        self._in_hand = 0
        self._error: BaseException | None = None
        # Not daemons: the process would abort if one is in the kernel while the interpreter shuts down.
        self._threads = [threading.Thread(target=self._run) for _ in range(threads)]
        self._rest = threading.Event()

    @property
    def at_rest(self) -> bool:
        """Whether every piece that was taken is done, without errors."""
        with self._lock:
            return not self._taking and self._in_hand == 0 and self._error is None

    def run(self, while_waiting: Callable[[], object]) -> None:
        """Return when every piece is done or, once `while_waiting` returns a true value, when the current ones are.

        On an interrupt, the current pieces are finished first, too.
        """
        self._taking = True
        try:
            for thread in self._threads:
                thread.start()
            # Not by joins: after an interrupted one, CPython 3.11 considers the thread finished.
            while not self._rest.wait(WAIT_SECONDS):
                if while_waiting():
                    break
        finally:
            with self._lock:
                self._taking = False
                if self._in_hand == 0:
                    self._rest.set()
            self._rest.wait()
            for thread in self._threads:
                if thread.ident is not None:  # an interrupt may precede its start
                    thread.join()
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        while (taken := self._take()) is not None:
            error = None
            try:
                self._work(taken[0])
            except BaseException as raised:
                error = raised
            with self._lock:
                self._in_hand -= 1
                self._error = self._error or error
                if error is not None:
                    self._taking = False
        with self._lock:
            if self._in_hand == 0:
                self._rest.set()

    def _take(self) -> tuple[Piece] | None:
        with self._lock:
            if not self._taking:
                return None
            try:
                piece = next(self._pieces)
            except BaseException as raised:
                self._taking = False
                if not isinstance(raised, StopIteration):
                    self._error = raised
                return None
            self._in_hand += 1
            return (piece,)
