"""Threads that take pieces of work from one queue until it is empty, an error comes up, or they are told to stop."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

Piece = TypeVar("Piece")

WAIT_SECONDS = 0.1
"""How often the waiting thread looks up: to show progress, and to notice Ctrl-C."""


class WorkQueue(Generic[Piece]):
    """Runs `work` on every piece, on `threads` threads; the first error ends the others and is raised again."""

    def __init__(self, pieces: Iterator[Piece], work: Callable[[Piece], None], threads: int) -> None:
        self._pieces = pieces
        self._work = work
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._error: BaseException | None = None
        # Not daemons: one that is in the kernel while the interpreter shuts down would end the process with an abort.
        self._threads = [threading.Thread(target=self._run) for _ in range(threads)]
        self._unfinished = threads
        self._finished = threading.Event()

    def run(self, while_waiting: Callable[[], None]) -> None:
        """Return when every piece is done. On an interrupt the pieces in hand are finished first."""
        try:
            for thread in self._threads:
                thread.start()
            # Not by timed joins: interrupted, one of them makes CPython 3.11 take the thread for ended.
            while not self._finished.wait(WAIT_SECONDS):
                while_waiting()
        finally:
            self._stop.set()
            for thread in self._threads:
                if thread.is_alive():
                    thread.join()
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                with self._lock:
                    piece = next(self._pieces, None)
                if piece is None:
                    return
                self._work(piece)
        except BaseException as error:
            self._error = self._error or error
            self._stop.set()
        finally:
            with self._lock:
                self._unfinished -= 1
                if self._unfinished == 0:
                    self._finished.set()
