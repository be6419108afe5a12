"""The speed of this machine: measured once by a few seconds of training steps, and kept in the cache folder."""

from __future__ import annotations

import hashlib
import os
import platform
import sys
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import median

import numpy as np

from vastmax import extras
from vastmax.atomic import replacing
from vastmax.compare.advice.machine import DEVELOPMENT_MACHINE, Machine
from vastmax.compare.advice.measurement import BUSY, Timing
from vastmax.errors import InputError
from vastmax.files.record import sealed, unsealed
from vastmax.kernels.machine import choose_target
from vastmax.methods import RECIPES
from vastmax.methods.words import Words
from vastmax.methods.work import Setting, Work
from vastmax.progress import Progress, Silent
from vastmax.strict_json import json_text, read_json
from vastmax.text.cache import default_folder

METHODS = ("softmax", "hierarchical-softmax", "two-level", "adaptive", "sampled-softmax", "nce")
"""Together they do every kind of work, in different shares, and their layers are built in milliseconds."""

SETTINGS = ((5_000, 64, 128), (20_000, 256, 256), (60_000, 128, 64))
"""V, D and N, such that each kind of work dominates the step in one of them."""

SECONDS_PER_SETTING = 1.2

_FIRMNESS = 0.02
"""Weight of the development machine's constants in the fit, for constants that the steps do not determine."""

_FORMAT = "vastmax machine 1"


@dataclass(frozen=True)
class _Here:
    """The facts that the constants depend on."""

    processor: str
    instruction_set: str
    threads: int
    torch: str
    vastmax: str

    @classmethod
    def of_this_process(cls) -> _Here:
        return cls(_processor(), choose_target(), _threads(), version("torch"), version("vastmax"))

    @property
    def path(self) -> Path:
        name = hashlib.sha256(repr(self).encode()).hexdigest()[:16]
        return default_folder() / "machines" / f"{name}.json"

    @property
    def name(self) -> str:
        threads = "1 thread" if self.threads == 1 else f"{self.threads} threads"
        return f"this machine ({self.processor}, {self.instruction_set}, {threads})"


def calibrated_machine(progress: Progress | None = None) -> Machine:
    """Time some training steps, and return the constants fitted to them.

    They are kept in the folder `machines` of the cache ($VASTMAX_CACHE), one file per processor, instruction set,
    number of torch's threads, and versions of torch and vastmax, where `kept_machine` finds them; if it cannot be
    written, they are not kept.

    Raises:
        InputError: PyTorch is missing, or the processor is busy with other work, which would distort the timings.

    Cost: about seven seconds.
    """
    extras.require("timing steps", "torch")
    here = _Here.of_this_process()
    timings = _timings(progress or Silent())
    load, cores = os.getloadavg()[0], len(os.sched_getaffinity(0))
    if median(timing.cpu_share or 0.0 for _, timing in timings) < BUSY or load > cores + 1:
        raise InputError(
            f"this machine is busy with other work (load {load:.1f} on {cores} cores), which would make its steps look "
            "slow; calibrate when it is idle, or not at all"
        )
    observations = [(work, timing.timed_seconds) for work, timing in timings if timing.timed_seconds is not None]
    machine = DEVELOPMENT_MACHINE.fitted(observations, name=here.name, firmness=_FIRMNESS)
    _keep(here, machine)
    return machine


def kept_machine() -> Machine | None:
    """Return the constants of this machine if they are in the cache, without importing torch; otherwise None."""
    if not extras.has("torch"):
        return None
    here = _Here.of_this_process()
    try:
        record = unsealed(read_json(here.path), here.path, required=True)
        constants = {name: float(value) for name, value in record["constants"].items()}
        machine = Machine(here.name, **constants)
    except (OSError, InputError, AttributeError, KeyError, TypeError, ValueError):
        return None
    values = machine.as_vector()
    return machine if np.isfinite(values).all() and (values > 0).all() else None


def _keep(here: _Here, machine: Machine) -> None:
    try:
        here.path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(here.path) as beside:
            beside.write_text(json_text(sealed({"format": _FORMAT, "constants": machine.constants()})))
    except (OSError, InputError):
        pass  # without a writable cache, each calibration takes a few seconds


def _timings(progress: Progress) -> list[tuple[Work, Timing]]:
    """Return each timed step with its work."""
    from vastmax.compare.advice.timing import time_methods

    found = []
    for V, D, N in SETTINGS:
        words = Words(np.maximum(1, 20_000_000 // np.arange(1, V + 1)))
        timings = time_methods(
            words.counts,
            words,
            D,
            N,
            DEVELOPMENT_MACHINE,
            methods=METHODS,
            budget_seconds=SECONDS_PER_SETTING,
            progress=progress,
        )
        found += [(RECIPES[timing.method].work(Setting(words, D, timing.examples)).train, timing) for timing in timings]
    return found


def _threads() -> int:
    """Return how many threads torch uses, or will use once it is imported."""
    if "torch" in sys.modules:
        return int(sys.modules["torch"].get_num_threads())
    named = os.environ.get("OMP_NUM_THREADS", "")
    return int(named) if named.isdigit() else len(os.sched_getaffinity(0))


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
