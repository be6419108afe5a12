"""The instruction sets and cores of this machine that the kernels can use."""

from __future__ import annotations

import os

from vastmax.errors import InputError
from vastmax.kernels import _native


def available_targets() -> list[str]:
    """Return the compiled instruction sets that this machine supports, fastest first; the last is "baseline"."""
    return _native.available_targets()


def choose_target() -> str:
    """Return the instruction set that the kernels use: the fastest, or that of VASTMAX_KERNEL.

    The variable is read in every call, so changes take effect at once; a training kernel reads it when it is built.

    Raises:
        InputError: VASTMAX_KERNEL is not an instruction set of this machine.
    """
    targets = available_targets()
    wanted = os.environ.get("VASTMAX_KERNEL")
    if not wanted:
        return targets[0]
    if wanted not in targets:
        raise InputError(
            f"VASTMAX_KERNEL is {wanted!r}; this machine has {', '.join(targets)}: "
            f"set it to one of these, or unset it to use {targets[0]}"
        )
    return wanted


def usable_cores() -> int:
    """Return the number of cores that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not available on every system
        return os.cpu_count() or 1
