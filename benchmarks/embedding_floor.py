"""Compare the training kernels with their lower bound: their multiply-adds at this processor's peak rate.

Operations of skip-gram per center with n contexts and P noise words per block of B: scores, center gradients and
noise-word gradients take 3 D P multiply-adds, the positive half 3 D n. CBOW takes 3 D P and 3 D multiply-adds per
center; additions for window sums count as multiply-adds, 3 D for a center's mean, 4 D for its step, and 2 D for each of
the (B + window) / B positions that its block passes twice. Bytes per center without any cache: one row of each matrix
and P / B noise rows, each read and written once. The peak rate is measured with a loop of independent multiply-adds in
registers, compiled for this processor; the kernels run on the same core, alternately.
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
vectors = train_embeddings(Corpus(sys.argv[1]), model=sys.argv[2], epochs=1, threads=1)
run = vectors.training
print(json.dumps({key: run[key] for key in ("cpu_seconds", "predictions", "words", "kept", "kernel_target")}))
"""


def multiply_adds_per_second(binary: str) -> float:
    return float(subprocess.run([binary], capture_output=True, text=True, check=True).stdout)


def operations(model: str, run: dict[str, Any]) -> tuple[float, float]:
    """Return the multiply-adds of one epoch, and the bytes per center without caches."""
    from vastmax.kernels import embedding_kernel

    window, negative, D = 5, 5, 112  # 100 padded
    crowding = 1e-3  # no word crowds a large vocabulary
    if model == "cbow":
        B = embedding_kernel.cbow_centres(crowding, negative)
        P = embedding_kernel.cbow_pool(negative, B)
        return run["kept"] * D * (3 * P + 3 + 3 + 4 + 2 * (B + window) / B), 2 * 4 * D * (2 + P / B)
    B = embedding_kernel.skipgram_centres(crowding, window, negative)
    P = int(embedding_kernel.skipgram_pools(window, negative, B)[0])
    return 3 * D * (P * run["kept"] + run["predictions"]), 2 * 4 * D * (2 + P / B)


def main() -> None:
    compiler = shutil.which("c++") or sys.exit("no C++ compiler found to measure the processor's rate with")
    SCRATCH.mkdir(parents=True, exist_ok=True)
    source, binary = SCRATCH / "rate.cpp", SCRATCH / "rate"
    source.write_text(RATE)
    subprocess.run(
        [compiler, "-O3", "-march=native", "-mprefer-vector-width=512", str(source), "-o", str(binary)], check=True
    )
    text = str(unpacked("wiki8.txt"))
    rates: list[float] = []
    runs: dict[str, list[dict[str, Any]]] = {"skipgram": [], "cbow": []}
    for _ in range(3):  # in turn
        rates.append(multiply_adds_per_second(str(binary)))
        for model, of_model in runs.items():
            of_model.append(run_python(KERNEL, [text, model]).answer)
    record: dict[str, Any] = {"multiply_adds_per_second": spread(rates)}
    for model, of_model in runs.items():
        done, bytes_a_centre = operations(model, of_model[0])
        floors = [done / rate for rate in rates]
        seconds = [run["cpu_seconds"] for run in of_model]
        record[model] = {
            "per_centre": {
                "predictions": round(of_model[0]["predictions"] / of_model[0]["kept"], 3),
                "multiply_adds": round(done / of_model[0]["kept"]),
                "bytes_read_and_written_without_caches": round(bytes_a_centre),
            },
            "floor_seconds_an_epoch": spread(floors),
            "measured_seconds_an_epoch": spread(seconds),
            "times_the_floor": spread([second / floor for second, floor in zip(seconds, floors, strict=True)]),
            "kernel_target": of_model[0]["kernel_target"],
        }
    print(json.dumps(record, indent=1))
    write_record("embedding_floor", "How far is one epoch on wiki8, one thread, from its floor?", record)


if __name__ == "__main__":
    main()
