"""Code shared by the measurements: runs timed in separate processes, the description of the machine, and records."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from typing import Any

HERE = Path(__file__).resolve().parent
RECORDS = HERE / "records"
SCRATCH = HERE.parent / "build" / "bench"


@dataclass(frozen=True)
class Run:
    """One process, from its start to its end. `answer` is the JSON object on the last line it printed."""

    wall_seconds: float
    cpu_seconds: float  # of the process and its threads, user and system
    peak_bytes: int  # resident
    answer: dict[str, Any]


# Not ru_maxrss: across fork and exec Linux lets that begin at the size of the parent.
PRINT_PEAK = """
import sys as _sys
with open("/proc/self/status") as _status:
    _peak = next(line.split()[1] for line in _status if line.startswith("VmHWM"))
print("peak kilobytes", _peak, file=_sys.stderr)
"""


def run_python(code: str, arguments: Sequence[str] = (), *, environment: Mapping[str, str] | None = None) -> Run:
    """Run Python code in a fresh interpreter; raise with its output if it fails."""
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-c", code + PRINT_PEAK, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **(environment or {})},
    )
    out, err = process.stdout.read(), process.stderr.read()  # type: ignore[union-attr]
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - began
    if process.returncode != 0:
        raise RuntimeError(f"a measured process failed with {process.returncode}:\n{err}")
    answer = json.loads(out.strip().splitlines()[-1]) if out.strip() else {}
    peak_bytes = int(err.rsplit("peak kilobytes ", 1)[1].split()[0]) * 1024
    return Run(wall, usage.ru_utime + usage.ru_stime, peak_bytes, answer)


def corpora() -> Path:
    """Return the folder of real corpora, or stop with what to do: benchmarks want data that the repository lacks."""
    folder = Path(os.environ.get("VASTMAX_DATA", HERE.parents[1] / "shared" / "data"))
    if not folder.is_dir():
        sys.exit(f"real corpora not found at {folder}; set VASTMAX_DATA to the folder that holds them")
    return folder


def unpacked(name: str) -> Path:
    """Return the path of a corpus as plain text, unpacking `name`.xz once."""
    import lzma
    import shutil

    SCRATCH.mkdir(parents=True, exist_ok=True)
    plain = SCRATCH / name
    if not plain.exists():
        partial = plain.with_suffix(".part")
        with lzma.open(corpora() / f"{name}.xz") as packed, partial.open("wb") as file:
            shutil.copyfileobj(packed, file)
        partial.rename(plain)
    return plain


def spread(values: Sequence[float]) -> dict[str, Any]:
    """Return the median, the extremes and all values, in order of measurement."""
    digits = [round(v, 4) for v in values]
    return {"median": round(median(values), 4), "least": min(digits), "most": max(digits), "all": digits}


def machine() -> dict[str, Any]:
    """Return the processor, its cores, how busy it was, and the versions of what was measured."""
    model = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    return {
        "processor": model,
        "cores": os.cpu_count(),
        "niceness": os.getpriority(os.PRIO_PROCESS, 0),
        "load_average": [round(x, 2) for x in os.getloadavg()],
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in ("vastmax", "gensim", "numpy", "torch")},
        "measured_on": time.strftime("%Y-%m-%d"),
    }


def write_record(name: str, question: str, content: Mapping[str, Any]) -> None:
    """Write a record beside the others, whole or not at all, and say where."""
    RECORDS.mkdir(exist_ok=True)
    path = RECORDS / f"{name}.json"
    partial = path.with_suffix(".part")
    partial.write_text(json.dumps({"question": question, "machine": machine(), **content}, indent=1) + "\n")
    partial.rename(path)
    print(f"wrote {path}")


def as_json(run: Run) -> dict[str, Any]:
    """Return a run as plain data."""
    return asdict(run)


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
