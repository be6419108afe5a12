"""The machine a race was run on."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from vastmax import __version__
from vastmax.kernels.machine import usable_cores


def machine_facts(threads: int | None, device: str) -> dict[str, Any]:
    """Processor, cores, threads in use, versions."""
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
