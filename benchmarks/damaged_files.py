"""Load thousands of damaged files of every supported format: each must be refused, repaired, or harmless.

Each format has a valid file; each mutant is that file with one kind of damage (tests/file_mutants.py), loaded in a
process with limited memory and time. If a process dies, the mutant that it was loading is to blame.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NoReturn

from harness import write_record

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

MEMORY_BYTES = 1 << 30  # beyond what the process has when it begins
SECONDS = 30  # for a mutant
BATCH = 250
SILENT = "other"
ALLOWED = {"as it was", "rebuilt", "told", "refused"}


class TooSlowError(BaseException):
    """Nothing that a reader catches."""


def work(format: str, start: int, stop: int) -> None:
    """Load mutants and print a line of JSON for each before and after."""
    import torch

    import file_mutants
    from file_samples import SAMPLES, digest, outcome

    torch.set_num_threads(1)
    sample = SAMPLES[format]
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as folder:
        path, whole = Path(folder) / "file", Path(folder) / "whole"
        sample.write(path)
        file_mutants.copy(path, whole)
        good = digest(sample.read(path))
        limit_memory()
        signal.signal(signal.SIGALRM, too_slow)
        for number in range(start, stop):
            file_mutants.remove(path)
            file_mutants.copy(whole, path)
            how = file_mutants.damage(path / sample.damaged, format, number)
            print(json.dumps({"number": number, "how": how}), flush=True)
            signal.alarm(SECONDS)
            try:
                end, message = outcome(sample, path, good)
            except TooSlowError:
                end, message = "too slow", ""
            signal.alarm(0)
            print(json.dumps({"end": end, "message": message.replace(folder, "")}), flush=True)


def too_slow(*_: object) -> NoReturn:
    raise TooSlowError


def limit_memory() -> None:
    with open("/proc/self/statm") as file:
        used = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY_BYTES, used + MEMORY_BYTES))


def run_batch(format: str, start: int, stop: int) -> Iterator[dict[str, Any]]:
    """Return the results of the mutants start … stop; after a process has died, another continues after its mutant."""
    while start < stop:
        command = [sys.executable, __file__, "--work", format, str(start), str(stop)]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace")
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        for began, ended in zip(lines[::2], lines[1::2], strict=False):
            yield {**began, **ended}
            start = began["number"] + 1
        if done.returncode == 0:
            return
        if len(lines) % 2 == 0:
            raise RuntimeError(f"a process failed outside a mutant ({done.returncode}):\n{done.stderr}")
        yield {**lines[-1], "end": f"exit {done.returncode}", "message": done.stderr[-500:]}
        start = lines[-1]["number"] + 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mutants", type=int, default=1000, help="of each format")
    parser.add_argument("--formats", nargs="*")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--no-record", action="store_true")
    parser.add_argument("--work", nargs=3, metavar=("FORMAT", "START", "STOP"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        work(options.work[0], int(options.work[1]), int(options.work[2]))
        return
    from file_samples import SAMPLES

    began = time.monotonic()
    formats = options.formats or list(SAMPLES)
    batches = [
        (format, start, min(start + BATCH, options.mutants))
        for format in formats
        for start in range(0, options.mutants, BATCH)
    ]
    ends: dict[str, Counter[str]] = {format: Counter() for format in formats}
    bad: list[dict[str, Any]] = []
    with ThreadPoolExecutor(options.processes) as pool:
        results = pool.map(lambda batch: list(run_batch(*batch)), batches)
        for (format, start, _), found in zip(batches, results, strict=True):
            for mutant in found:
                ends[format][mutant["end"]] += 1
                if mutant["end"] not in ALLOWED and (SAMPLES[format].sealed or mutant["end"] != SILENT):
                    bad.append({"format": format, **mutant})
                    print(f"{format}, mutant {mutant['number']}: {mutant}", flush=True)
            print(f"{format} from {start}: {dict(ends[format])}", flush=True)
    if not options.no_record:
        write_record(
            "damaged_files",
            "Is every damaged file refused, mended, or harmless?",
            {
                "mutants": sum(sum(counter.values()) for counter in ends.values()),
                "memory_limit_bytes": MEMORY_BYTES,
                "seconds_limit": SECONDS,
                "elapsed_seconds": round(time.monotonic() - began),
                "with_checksums": {name: dict(found) for name, found in ends.items() if SAMPLES[name].sealed},
                "of_other_programs": {
                    "note": "These formats have no checksum of ours: some damage gives another good file "
                    f"({SILENT!r}). What counts is that nothing crashes, hangs, or takes the memory.",
                    **{name: dict(found) for name, found in ends.items() if not SAMPLES[name].sealed},
                },
                "silently_other_with_checksums": sum(c[SILENT] for n, c in ends.items() if SAMPLES[n].sealed),
                "tracebacks": sum(c["traceback"] for c in ends.values()),
                "out_of_memory": sum(c["out of memory"] for c in ends.values()),
                "too_slow": sum(c["too slow"] for c in ends.values()),
                "died": sum(count for c in ends.values() for end, count in c.items() if end.startswith("exit")),
                "failures": bad,
            },
        )
    if bad:
        sys.exit(f"{len(bad)} mutants were neither refused, mended nor harmless")


if __name__ == "__main__":
    main()
