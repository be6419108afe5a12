"""The process of a method, from the side of the race: starting, messages, stopping, and the reason if it dies."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import vastmax
from vastmax.strict_json import json_text, parse_json

SECONDS_BETWEEN_QUESTIONS = 0.1
"""How often the race checks whether to stop."""

SECONDS_TO_SAVE = 60.0
"""The time that a process has to finish its step and checkpoint after a request to stop."""


class ContestantProcess:
    """The process of a method, for use in a `with` block; at its end, the process has saved its state and ended.

    A separate process isolates a method: its memory, a crash in native code, or being killed when memory runs out.
    Unlike `multiprocessing`, it does not run the script that calls `run_race` again.

    Args:
        job: see `child`.
    """

    def __init__(self, job: Mapping[str, Any]) -> None:
        self._errors = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115 - closed below
        package = str(Path(vastmax.__file__).resolve().parents[1])
        path = os.pathsep.join([package, *filter(None, [os.environ.get("PYTHONPATH")])])
        self._process = subprocess.Popen(
            # -P: do not import files such as random.py from the user's folder.
            # faulthandler: print a traceback after a crash in native code.
            [sys.executable, "-P", "-X", "faulthandler", "-m", "vastmax.compare.child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            encoding="utf-8",
            env={**os.environ, "PYTHONPATH": path},
            process_group=0,  # the race handles Ctrl-C and tells the process
        )
        self._lines: queue.Queue[str | None] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self._tell(json_text(job) + "\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            # If it was asked before, and the wait was interrupted, do not wait again.
            if not self._asked:
                self.ask_to_stop()
                with suppress(subprocess.TimeoutExpired):
                    self._process.wait(SECONDS_TO_SAVE)
        finally:
            if self._process.poll() is None:
                os.killpg(self._process.pid, signal.SIGKILL)  # with its own children
            self._process.wait()
            self._reader.join()
            for stream in (self._process.stdin, self._process.stdout, self._errors):
                assert stream is not None
                with suppress(BrokenPipeError):
                    stream.close()

    def messages(self, stop: Callable[[], bool]) -> Iterator[dict[str, Any]]:
        """Yield the messages of the process until it ends; ask it to stop as soon as `stop` returns True."""
        while True:
            try:
                line = self._lines.get(timeout=SECONDS_BETWEEN_QUESTIONS)
            except queue.Empty:
                line = ""
            if line is None:
                return
            if line:
                yield parse_json(line, "what a method's process says")
            if stop() and not self._asked:
                self.ask_to_stop()

    def ask_to_stop(self) -> None:
        """Ask the process to save its state and end."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # it has already ended
            self._process.stdin.close()

    @property
    def _asked(self) -> bool:
        assert self._process.stdin is not None
        return self._process.stdin.closed

    def _tell(self, text: str) -> None:
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # it has died; see `why_it_died`
            self._process.stdin.write(text)
            self._process.stdin.flush()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def errors(self) -> str:
        """Return the standard error of the process."""
        self._errors.seek(0)
        return self._errors.read()

    def why_it_died(self) -> str:
        """Return the reason, in one line, why a process ended without a last message."""
        code = self._process.wait()
        if code == -signal.SIGKILL:
            return "its process was killed (SIGKILL), which systems do when memory runs out"
        if code < 0:
            return f"its process died of {signal.Signals(-code).name}"
        lines = self.errors().strip().splitlines()
        return f"its process ended with code {code}" + (f": {lines[-1]}" if lines else "")
