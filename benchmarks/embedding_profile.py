"""Profile the training kernels: instructions and cache misses per center, from Valgrind's simulation.

Hardware counters are often unavailable in virtual machines, so the kernels (AVX2: Valgrind does not support AVX-512)
run under cachegrind on the first lines of wiki8, with the full vocabulary. A run with half as many lines is subtracted
to remove startup and cold caches. The last level is set to 1 MiB, a core's own L2: misses come from the shared cache or
from memory. Cachegrind does not simulate prefetching: these are the lines loaded, not those waited for.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
from typing import Any

import numpy as np

from harness import SCRATCH, unpacked, write_record

CACHES = ("--I1=32768,8,64", "--D1=32768,8,64", "--LL=1048576,8,64")

RUN = """
import sys
import numpy as np
from vastmax.kernels.embedding_kernel import CbowKernel
from vastmax.kernels.embedding_kernel import SkipgramKernel
data, model, sentences = sys.argv[1], sys.argv[2], int(sys.argv[3])
with np.load(data) as arrays:
    ids, offsets, counts = arrays["ids"], arrays["offsets"], arrays["counts"]
kind = {"skipgram": SkipgramKernel, "cbow": CbowKernel}[model]
kernel = kind(counts, 100, window=5, negative=5, sample=1e-3, ns_exponent=0.75)
kernel.matrices["word_vectors"][:, :100] = 0.001
if sentences:
    result = kernel.train(ids[: offsets[sentences]], offsets[: sentences + 1], alpha_begin=0.02, alpha_end=0.02, seed=1)
    print("kept", result.kept)
"""

COUNTS = {
    "instructions": r"I\s+refs:\s+([\d,]+)",
    "first_level_misses": r"D1\s+misses:\s+([\d,]+)",
    "second_level_misses": r"LLd misses:\s+([\d,]+)",
}


def counted(model: str, sentences: int) -> dict[str, int]:
    """Run the kernel on so many sentences under cachegrind."""
    valgrind = shutil.which("valgrind") or sys.exit("no valgrind found")
    tool = [valgrind, "--tool=cachegrind", "--cache-sim=yes", "--cachegrind-out-file=/dev/null", *CACHES]
    done = subprocess.run(
        [*tool, sys.executable, "-c", RUN, str(SCRATCH / "profile.npz"), model, str(sentences)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "VASTMAX_KERNEL": "avx2", "OPENBLAS_NUM_THREADS": "1"},
    )
    found = {name: re.search(pattern, done.stderr) for name, pattern in COUNTS.items()}
    counts = {name: int(match[1].replace(",", "")) for name, match in found.items() if match}
    return {**counts, "kept": int(done.stdout.split()[-1])}


def main() -> None:
    from vastmax import Corpus

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sentences", type=int, default=2000)
    sentences = parser.parse_args().sentences
    SCRATCH.mkdir(parents=True, exist_ok=True)
    corpus = Corpus(str(unpacked("wiki8.txt")))
    offsets = corpus.read_offsets(0, 2 * sentences + 1)
    counts = corpus.vocabulary.truncate(min_count=5).counts
    np.savez(SCRATCH / "profile.npz", ids=corpus.read_ids(0, int(offsets[-1])), offsets=offsets, counts=counts)
    record: dict[str, Any] = {"settings": {"sentences": sentences, "caches": CACHES, "kernel_target": "avx2"}}
    for model in ("skipgram", "cbow"):
        less, more = counted(model, sentences), counted(model, 2 * sentences)
        centres = more["kept"] - less["kept"]
        record[model] = {"centres": centres}
        for name in COUNTS:
            record[model][f"{name}_a_centre"] = round((more[name] - less[name]) / centres, 1)
        print(model, record[model], flush=True)
    write_record("embedding_profile", "How many instructions and cache misses does a center cost the kernels?", record)


if __name__ == "__main__":
    main()
