"""The facts that a race records: of its text, of the machine, and of the memory that each method needed."""

from __future__ import annotations

import hashlib
import math
import platform
import resource
import sys
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from vastmax import __version__
from vastmax.distribution.counts import floored_counts
from vastmax.distribution.entropy import entropy_bits
from vastmax.kernels.machine import usable_cores
from vastmax.language_model.text import TrainingText


def text_facts(text: TrainingText) -> dict[str, Any]:
    """Return sizes, what the unigrams alone would achieve, and digests that identify the text.

    "entropy_bits" is the entropy of the training text's unigrams, "unigram_perplexity" that of the validation text
    under them, in which words without a count have that of the rarest.
    """
    vocabulary, validation = text.vocabulary, text.validation
    assert validation is not None  # the race's door checked it
    log_law = np.log(floored_counts(vocabulary.counts))
    log_law -= np.log(np.exp(log_law).sum())
    unknown = 0 if vocabulary.unknown is None else int((validation == vocabulary.id(vocabulary.unknown)).sum())
    words = hashlib.sha256()
    for word in vocabulary.words:
        words.update(word.encode() + b"\n")
    return {
        "training_words": int(text.training.size),
        "validation_words": int(validation.size),
        "vocabulary_size": len(vocabulary),
        "unknown_share": unknown / validation.size,
        "entropy_bits": entropy_bits(vocabulary.counts),
        "unigram_perplexity": math.exp(-float(log_law[validation].mean())),
        **text.digests(),
        "vocabulary_sha256": words.hexdigest(),
    }


def machine_facts(threads: int | None, device: str) -> dict[str, Any]:
    """Return processor, cores, threads used, and versions."""
    facts = {
        "processor": _processor(),
        "cores": usable_cores(),
        "threads": torch.get_num_threads() if threads is None else threads,
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "versions": {"vastmax": __version__, "torch": str(torch.__version__), "numpy": _version("numpy")},
    }
    if torch.device(device).type == "cuda":
        facts["gpu"] = torch.cuda.get_device_name(device)
    return facts


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    named = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


_STATUS, _FORGET = Path("/proc/self/status"), Path("/proc/self/clear_refs")
_FORGET_THE_PEAK = "5"


class PeakMemory:
    """The peak growth of the memory of this process, or of its GPU, since this object was created."""

    def __init__(self, device: str) -> None:
        of = torch.device(device)
        self._gpu = of if of.type == "cuda" else None
        self._before: int | None
        if self._gpu is not None:
            torch.cuda.reset_peak_memory_stats(self._gpu)
            self._before = torch.cuda.memory_allocated(self._gpu)
            return
        with suppress(OSError):  # then the growth starts from the peak so far
            _FORGET.write_text(_FORGET_THE_PEAK)
        self._before = _peak_bytes()

    def grown_bytes(self) -> int | None:
        """Return the growth in bytes, or None if the system does not report it."""
        now = _peak_bytes() if self._gpu is None else torch.cuda.max_memory_allocated(self._gpu)
        return None if now is None or self._before is None else now - self._before


def _peak_bytes() -> int | None:
    try:
        lines = _STATUS.read_text().splitlines()
    except OSError:
        # On Linux this starts, across fork and exec, at the size of the parent; elsewhere there is nothing better.
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM")), None)
