"""What this machine has for the kernels: instruction sets they were compiled for, and processor cores."""

from __future__ import annotations

import os

from vastmax.errors import InputError
from vastmax.kernels import _native


def available_targets() -> list[str]:
    """Return the instruction sets this machine can run, fastest first; "baseline" is always among them."""
    return _native.available_targets()


def choose_target() -> str:
    """Return the instruction set the kernels use: the fastest there is, or the one VASTMAX_KERNEL names.

    The variable is read at every call, so that a change takes effect at once; a training kernel asks when it is made.

    Raises:
        InputError: VASTMAX_KERNEL is not the name of an instruction set that this machine can run.
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
    """Return the cores this process may run on."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not every system can say
        return os.cpu_count() or 1
