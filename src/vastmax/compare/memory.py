"""How much memory a process came to need."""

from __future__ import annotations

import resource
import sys
from contextlib import suppress
from pathlib import Path

import torch

_STATUS, _FORGET = Path("/proc/self/status"), Path("/proc/self/clear_refs")
_FORGET_THE_PEAK = "5"


class PeakMemory:
    """By how much the memory of this process, or of its GPU, has grown at most since this was made."""

    def __init__(self, device: str) -> None:
        of = torch.device(device)
        self._gpu = of if of.type == "cuda" else None
        self._before: int | None
        if self._gpu is not None:
            torch.cuda.reset_peak_memory_stats(self._gpu)
            self._before = torch.cuda.memory_allocated(self._gpu)
            return
        with suppress(OSError):  # then the peak so far counts as where we began
            _FORGET.write_text(_FORGET_THE_PEAK)
        self._before = _peak_bytes()

    def grown_bytes(self) -> int | None:
        """None where the system does not tell."""
        now = _peak_bytes() if self._gpu is None else torch.cuda.max_memory_allocated(self._gpu)
        return None if now is None or self._before is None else now - self._before


def _peak_bytes() -> int | None:
    try:
        lines = _STATUS.read_text().splitlines()
    except OSError:
        # On Linux this begins, across fork and exec, at the size of the parent; elsewhere it is what there is.
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM")), None)
