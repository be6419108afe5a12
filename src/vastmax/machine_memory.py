"""The memory available to this process, and an early error for work that needs more."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

from vastmax.errors import InputError

_GROUP_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
"""The limit of a container: Linux control groups, version 2 and version 1."""


def usable_bytes() -> int | None:
    """Return the minimum of the machine's memory plus swap, the container's limit and `ulimit -v`; None if unknown."""
    limits = [_of_machine()]
    for path in _GROUP_LIMITS:
        with suppress(OSError, ValueError):  # no such group, or no limit ("max")
            limits.append(int(path.read_text()))
    if sys.platform != "win32":
        import resource

        address_space, _ = resource.getrlimit(resource.RLIMIT_AS)
        if address_space != resource.RLIM_INFINITY:
            limits.append(address_space)
    return min((limit for limit in limits if limit is not None), default=None)


def require_memory(needed_bytes: int, what: str, fix: str) -> None:
    """Raise InputError if something needs more memory than the process can get.

    Args:
        needed_bytes: a lower bound: only work that cannot succeed may be refused.
        what: what needs the memory; begins the message.
        fix: ends the message.

    Example:
        >>> require_memory(1 << 10, "a small matrix", "take a smaller one")
    """
    usable = usable_bytes()
    if usable is not None and needed_bytes > usable:
        raise InputError(
            f"{what} needs at least {_size(needed_bytes)} of memory, but only {_size(usable)} are available; {fix}"
        )


def _of_machine() -> int | None:
    with suppress(OSError, ValueError, KeyError, IndexError):
        lines = Path("/proc/meminfo").read_text().splitlines()
        kilobytes = {line.split(":")[0]: int(line.split()[1]) for line in lines}
        return 1024 * (kilobytes["MemTotal"] + kilobytes["SwapTotal"])
    with suppress(AttributeError, OSError, ValueError):  # macOS; Windows has no sysconf
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return None


def _size(number: int) -> str:
    gigabytes = number / 1e9
    return f"{gigabytes:,.1f} GB" if gigabytes < 1000 else f"{gigabytes:,.0f} GB"
