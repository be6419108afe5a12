"""How far the skip-gram kernel is from its floor: its multiply-adds at the rate this processor can do them.

Operations a centre with n contexts and P noise words a block of B: scores, centre gradients and noise-word gradients
are 3 D P multiply-adds, the positive half is 3 D n. Bytes a centre, if nothing stays in a cache: its own row, one
context row that comes into reach, P / B noise rows, each read and written once. The rate is measured with a loop of
independent multiply-adds in registers, compiled here for this processor; the kernel runs on the same core, in turn.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from typing import Any

from harness import SCRATCH, run_python, spread, unpacked, write_record

RATE = r"""
#include <cstdio>
#include <ctime>
typedef float V __attribute__((vector_size(64)));
int main(int arguments, char **) {
    // Twelve chains that the compiler cannot know to be equal, enough to hide the latency of one.
    V a[12], x = V{} + 0.999f, y = V{} + 1e-3f;
    for (int k = 0; k < 12; ++k) a[k] = V{} + float(arguments * k);
    timespec t0, t1;
    const long n = 30000000;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t0);
    for (long i = 0; i < n; ++i)
        for (int k = 0; k < 12; ++k) a[k] = a[k] * x + y;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t1);
    V s = {};
    for (int k = 0; k < 12; ++k) s += a[k];
    volatile float keep = s[0];
    (void)keep;
    std::printf("%g\n", n * 12.0 * 16 / ((t1.tv_sec - t0.tv_sec) + 1e-9 * (t1.tv_nsec - t0.tv_nsec)));
}
"""

KERNEL = """
import json, sys
from vastmax import Corpus, train_embeddings
vectors = train_embeddings(Corpus(sys.argv[1]), epochs=1, threads=1)
run = vectors.training
print(json.dumps({key: run[key] for key in ("cpu_seconds", "predictions", "words", "kept", "kernel_target")}))
"""


def multiply_adds_per_second(binary: str) -> float:
    return float(subprocess.run([binary], capture_output=True, text=True, check=True).stdout)


def main() -> None:
    from vastmax.kernels.skipgram import centres_for, pool_sizes_for

    compiler = shutil.which("c++") or sys.exit("no C++ compiler found to measure the processor's rate with")
    SCRATCH.mkdir(parents=True, exist_ok=True)
    source, binary = SCRATCH / "rate.cpp", SCRATCH / "rate"
    source.write_text(RATE)
    subprocess.run(
        [compiler, "-O3", "-march=native", "-mprefer-vector-width=512", str(source), "-o", str(binary)], check=True
    )
    text = str(unpacked("wiki8.txt"))
    rates, runs = [], []
    for _ in range(3):  # in turn
        rates.append(multiply_adds_per_second(str(binary)))
        runs.append(run_python(KERNEL, [text]).answer)
    D = 112  # 100 padded
    B = centres_for(1e-3, window=5, negative=5)  # no word crowds a large vocabulary
    P = int(pool_sizes_for(window=5, negative=5, centres=B)[0])
    kept, pairs = runs[0]["kept"], runs[0]["predictions"]
    operations = 3 * D * P * kept + 3 * D * pairs
    floor_seconds = [operations / rate for rate in rates]
    distances = [run["cpu_seconds"] / floor for run, floor in zip(runs, floor_seconds, strict=True)]
    record: dict[str, Any] = {
        "per_centre": {
            "contexts": round(pairs / kept, 3),
            "multiply_adds": round(operations / kept),
            "bytes_read_and_written_without_caches": round(2 * 4 * D * (2 + P / B)),
        },
        "multiply_adds_per_second": spread(rates),
        "floor_seconds_an_epoch": spread(floor_seconds),
        "measured_seconds_an_epoch": spread([run["cpu_seconds"] for run in runs]),
        "times_the_floor": spread(distances),
        "kernel_target": runs[0]["kernel_target"],
    }
    print(json.dumps(record, indent=1))
    write_record("embedding_floor", "How far is one epoch of skip-gram on wiki8, one thread, from its floor?", record)


if __name__ == "__main__":
    main()
