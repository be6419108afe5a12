"""Run random configurations of every kernel until the time is over, and name each that fails.

Run by `make sanitize` with the interpreter of a build with sanitizers; with any other, only what the kernels answer is
looked at. Each configuration follows from the seed, the kernel's name and a number, so that one alone can be run again:
the command is printed.
"""

from __future__ import annotations

import argparse
import itertools
import os
import subprocess
import sys
import time
import traceback
import zlib
from collections.abc import Callable

from tools.kernel_fuzz import output_layers, text, trees, word_vectors
from tools.kernel_fuzz.draw import Draw

from vastmax.kernels.machine import available_targets

KERNELS: dict[str, Callable[[Draw], None]] = {
    "skipgram": word_vectors.skipgram,
    "cbow": word_vectors.cbow,
    "hierarchical": trees.hierarchical,
    "linear_softmax": output_layers.linear,
    "narrow_softmax": output_layers.narrow,
    "noise_loss": output_layers.noise,
    "row_scores": output_layers.rows_of_examples,
    "row_update": output_layers.update_of_rows,
    "pattern_fit": output_layers.patterns,
    "word_scan": output_layers.scan_of_words,
    "listed_scan": output_layers.scan_of_lists,
    "two_clusters": output_layers.two_clusters,
    "text_encoder": text.encoder,
    "decimals": text.decimals,
    "phrases": text.phrases,
    "ngram_law": text.ngram_law,
    "subwords": text.ngrams_of_words,
}

MOST_FAILURES = 20
"""After so many the fault is known: the rest of the time would only repeat it."""


def run_one(name: str, number: int, seed: int) -> bool:
    """One configuration; says on stderr what went wrong in Python. What goes wrong in a kernel ends the process."""
    draw = Draw((seed, zlib.crc32(name.encode()), number))
    try:
        KERNELS[name](draw)
    except Exception:
        traceback.print_exc()
        print(f"with {draw.notes}", file=sys.stderr, flush=True)
        return False
    return True


def child(names: list[str], first: int, seed: int, seconds: float) -> int:
    """Configurations in turn, each announced on stdout before it runs."""
    end = time.monotonic() + seconds
    for number in itertools.count(first):
        name = names[number % len(names)]
        if time.monotonic() >= end:
            return 0
        print(number, flush=True)
        if not run_one(name, number, seed):
            return 1
    return 0


def fuzz(target: str, names: list[str], seed: int, seconds: float) -> int:
    """Return how many configurations failed on one instruction set."""
    end = time.monotonic() + seconds
    number, failures, tried = 0, 0, 0
    while (left := end - time.monotonic()) > 0 and failures < MOST_FAILURES:
        command = [sys.executable, "-m", "tools.kernel_fuzz", "--child", str(number), "--seed", str(seed)]
        command += ["--seconds", str(left), "--kernels", *names]
        environment = {**os.environ, "VASTMAX_KERNEL": target}
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=False)
        announced = [int(line) for line in done.stdout.split()]
        tried += len(announced)
        if done.returncode == 0:
            break
        if not announced:  # it did not even start
            print(
                f"{target}: the process that runs the configurations ended with {done.returncode} before the first one"
            )
            return failures + 1
        failures += 1
        number = announced[-1] + 1
        name = names[announced[-1] % len(names)]
        print(
            f"{target}: configuration {announced[-1]} of {name} failed; run it alone with:\n"
            f"  .venv/bin/python tools/sanitize.py --again {target} {name} {announced[-1]} --seed {seed}"
        )
    print(f"{target}: {tried} configurations of {len(names)} kernels, seed {seed}: {failures} failed", flush=True)
    return failures


def main() -> int:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(prog="python -m tools.kernel_fuzz", description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60, help="for each instruction set")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--targets", nargs="+", default=available_targets(), help="instruction sets")
    parser.add_argument("--kernels", nargs="+", choices=list(KERNELS), default=list(KERNELS), metavar="KERNEL")
    parser.add_argument("--only", nargs=2, metavar=("KERNEL", "NUMBER"), help="run this one configuration again")
    parser.add_argument("--child", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only:
        return 0 if run_one(options.only[0], int(options.only[1]), options.seed) else 1
    if options.child is not None:
        return child(options.kernels, options.child, options.seed, options.seconds)
    missing = set(options.targets) - set(available_targets())
    if missing:
        parser.error(f"this machine cannot run {', '.join(sorted(missing))}; it has {', '.join(available_targets())}")
    return 1 if sum(fuzz(target, options.kernels, options.seed, options.seconds) for target in options.targets) else 0


if __name__ == "__main__":
    sys.exit(main())
