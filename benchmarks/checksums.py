"""Compare checksums, and the cost of checking a file of vectors with the cost of loading and using it.

All times are CPU-seconds of all threads together, so other work on the machine does not matter.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import time
import zlib
from collections.abc import Callable
from statistics import median

import numpy as np

from harness import SCRATCH, write_record
from vastmax import WordVectors
from vastmax.files.checksum import BLOCK_BYTES

CHECKSUMS: dict[str, Callable[[memoryview], object]] = {
    "crc32": zlib.crc32,
    "adler32": zlib.adler32,
    "sha256": lambda data: hashlib.sha256(data).digest(),
    "blake2b": lambda data: hashlib.blake2b(data).digest(),
    "sum of 64-bit words (numpy), the floor": lambda data: np.frombuffer(data, dtype=np.uint64).sum(),
}


def seconds(task: Callable[[], object], repeats: int) -> list[float]:
    taken = []
    for _ in range(repeats):
        began = time.process_time()
        task()
        taken.append(time.process_time() - began)
    return taken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--words", type=int, default=200_000)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    data = np.random.default_rng(0).integers(0, 2**63, 1 << 24, dtype=np.uint64).data.cast("B")  # 128 MiB
    blocks = [data[start : start + BLOCK_BYTES] for start in range(0, len(data), BLOCK_BYTES)]
    speeds: dict[str, float] = {}
    for name, checksum in CHECKSUMS.items():
        taken = seconds(lambda checksum=checksum: [checksum(block) for block in blocks], options.repeats)
        speeds[name] = round(len(data) / median(taken) / 1e9, 2)
        print(f"{name}: {speeds[name]} GB per CPU-second")
    SCRATCH.mkdir(parents=True, exist_ok=True)
    path = SCRATCH / "checksums.safetensors"
    matrix = np.random.default_rng(0).standard_normal((options.words, 300), dtype=np.float32)
    WordVectors([f"w{i}" for i in range(options.words)], matrix).save(path)
    del matrix
    timed: dict[str, list[float]] = {}
    for _ in range(options.repeats):  # in turn
        for verify in (True, False):
            which = "checked" if verify else "not checked"
            began = time.process_time()
            v = WordVectors.load(path, verify=verify)
            timed.setdefault(f"load, {which}", []).append(time.process_time() - began)
            tasks: dict[str, Callable[[], object]] = {
                "one word": lambda v=v: v["w7"],
                "all vectors asked for": lambda v=v: v.vectors,
                "first query": lambda v=v: v.most_similar("w7"),
            }
            for name, task in tasks.items():
                timed.setdefault(f"{name}, {which}", []).extend(seconds(task, 1))
    size = os.path.getsize(path)
    path.unlink()
    for name, taken in timed.items():
        print(f"{name}: {median(taken):.4f} CPU-seconds")
    write_record(
        "checksums",
        "Which checksum, and what does it cost to check a file of vectors?",
        {
            "gigabytes_per_cpu_second": speeds,
            "block_bytes": BLOCK_BYTES,
            "file": {"words": options.words, "vector_size": 300, "bytes": size, "in_page_cache": True},
            "cpu_seconds": {name: {"median": median(taken), "all": taken} for name, taken in timed.items()},
        },
    )


if __name__ == "__main__":
    main()
