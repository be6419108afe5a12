"""The process in which one method runs: it gets a job on standard input and writes messages to standard output.

The job is one line of JSON. The process stops when standard input ends, and so when its parent dies. Messages are lines
of JSON: {"result": …} with a `MethodResult`, or {"done": share, …readings}; the last one is
{"over": "finished" | "stopped" | "failed"}.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TextIO

import torch

from vastmax.compare.contestant import Contestant
from vastmax.compare.folder import RaceFolder
from vastmax.compare.process import SECONDS_TO_SAVE
from vastmax.compare.results import MethodResult
from vastmax.compare.settings import RaceSettings
from vastmax.errors import InputError
from vastmax.run_lock import locked_folder
from vastmax.strict_json import json_text, parse_json

SECONDS_BETWEEN_MESSAGES = 0.2
"""Seconds between messages of progress."""


class _Teller:
    """Writes messages, and stops quietly if nobody reads them."""

    def __init__(self, stream: TextIO, stop: threading.Event) -> None:
        self._stream, self._stop = stream, stop
        self._next = 0.0

    def result(self, result: MethodResult) -> None:
        self._write({"result": result.to_json()})

    def progress(self, done: float, readings: Mapping[str, float | str]) -> None:
        if done >= 1 or time.monotonic() >= self._next:
            self._next = time.monotonic() + SECONDS_BETWEEN_MESSAGES
            self._write({"done": done, **readings})

    def over(self, how: str) -> None:
        self._write({"over": how})

    def _write(self, message: Mapping[str, Any]) -> None:
        try:
            print(json_text(message), file=self._stream, flush=True)
        except BrokenPipeError:
            self._stop.set()


def main() -> None:
    """Do the job from standard input."""
    stop = threading.Event()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles it
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    # Output of libraries must not mix with the messages.
    teller = _Teller(os.fdopen(os.dup(1), "w", encoding="utf-8"), stop)
    os.dup2(2, 1)
    job = parse_json(sys.stdin.readline(), "the job")
    threading.Thread(target=_listen, args=(stop,), daemon=True).start()
    settings = RaceSettings.from_dict(job["settings"])
    if settings.threads is not None:
        torch.set_num_threads(settings.threads)
    folder = RaceFolder(Path(job["folder"]))
    latest = MethodResult.from_json(job["before"])

    def tell_result(result: MethodResult) -> None:
        nonlocal latest
        latest = result
        teller.result(result)

    run = folder.run_path(latest.method)
    try:
        # The process of a race that was killed may still be saving there.
        with locked_folder(run, wait_seconds=SECONDS_TO_SAVE):
            contestant = Contestant(
                latest,
                settings,
                folder.read_text(),
                run,
                facts=job["facts"],
                save_minutes=job["save_minutes"],
                tell_result=tell_result,
                tell_progress=teller.progress,
                stop=stop.is_set,
            )
            status = contestant.run().status
    except Exception as error:  # in any case, the other methods run
        if not isinstance(error, InputError):
            traceback.print_exc()
        teller.result(replace(latest, status="failed", error=_described(error)))
        status = "failed"
    teller.over("stopped" if status == "running" else status)


def _listen(stop: threading.Event) -> None:
    sys.stdin.read()
    stop.set()


def _described(error: Exception) -> str:
    text = " ".join(str(error).split())
    if isinstance(error, InputError):
        return text
    if isinstance(error, MemoryError) or "allocate memory" in text or "out of memory" in text.lower():
        return f"out of memory ({text})"
    return f"{type(error).__name__}: {text}"


if __name__ == "__main__":
    main()
