"""Every kernel on AVX-512, AVX2 and plain processors: CPU-seconds of one thread, in turn, on one machine.

What each measurement of this folder times, in its quick form: one epoch of the first three million words of wiki8 by
each model and objective (gensim's beside them), a training step of each output layer at V = 100,000 (the plain PyTorch
step beside them), nearest words, reading text. Each instruction set has processes of its own; a round goes through all
of them. `VASTMAX_KERNEL` chooses that of the kernels, and other variables hold PyTorch, its libraries and NumPy to the
same, so that the figures are what a processor without the wider instructions would show at this clock.
"""

from __future__ import annotations

import argparse
import itertools
import json
from typing import Any

from harness import SCRATCH, run_python, spread, unpacked, write_record
from vastmax.kernels.machine import available_targets

WORDS = 3_000_000

EMBEDDING = """
import json, sys
from vastmax import Corpus, train_embeddings
result = {}
for model in ("skipgram", "cbow"):
    for objective in ("negative-sampling", "hierarchical-softmax"):
        vectors = train_embeddings(Corpus(sys.argv[1]), model=model, objective=objective, epochs=1, threads=1)
        result[f"{model}, {objective}"] = vectors.training["cpu_seconds"]
print(json.dumps(result))
"""

GENSIM = """
import json, sys, time, warnings
warnings.filterwarnings("ignore")
from gensim.models.word2vec import Word2Vec
result = {}
for model, sg in (("skipgram", 1), ("cbow", 0)):
    for objective, hs in (("negative-sampling", 0), ("hierarchical-softmax", 1)):
        word2vec = Word2Vec(
            vector_size=100, window=5, min_count=5, sample=1e-3, workers=1, sg=sg, hs=hs, negative=5 * (1 - hs)
        )
        word2vec.build_vocab(corpus_file=sys.argv[1])
        cpu = time.process_time()
        examples, words = word2vec.corpus_count, word2vec.corpus_total_words
        word2vec.train(corpus_file=sys.argv[1], total_examples=examples, total_words=words, epochs=1)
        result[f"{model}, {objective}"] = time.process_time() - cpu
print(json.dumps(result))
"""

HEADS = """
import json, sys, time
sys.path.insert(0, sys.argv[1])
import torch
from output_steps import D, full_softmax_step, head_step, zipf_batches, zipf_counts
from vastmax.methods import RECIPES

torch.set_num_threads(1)
V = 100_000
counts, batches = zipf_counts(V), zipf_batches(V)

def cpu_seconds(step):
    step()
    times, began = 0, time.process_time()
    while times < 3 or time.process_time() - began < 0.4:
        step()
        times += 1
    return (time.process_time() - began) / times

result = {}
for name in ("sampled-softmax", "nce", "negative-sampling", "hierarchical-softmax", "two-level", "adaptive"):
    result[name] = cpu_seconds(head_step(RECIPES[name](D, counts), batches, row_sparse=name != "adaptive"))
result["softmax"] = cpu_seconds(head_step(RECIPES["softmax"](D, counts), batches, row_sparse=False))
result["PyTorch's softmax"] = cpu_seconds(full_softmax_step(V, batches))
print(json.dumps(result))
"""

TEXT = """
import json, sys, time
import numpy as np
from vastmax import Corpus, WordVectors
cpu = time.process_time()
Corpus(sys.argv[1], cache=False)
result = {"reading and counting": time.process_time() - cpu}
numbers = np.random.default_rng(0).normal(size=(200_000, 100)).astype("f4")
vectors = WordVectors([f"w{i}" for i in range(200_000)], numbers)
vectors.most_similar("w0")
cpu = time.process_time()
for i in range(20):
    vectors.most_similar(f"w{i}")
result["ten nearest of 200,000 words"] = (time.process_time() - cpu) / 20
print(json.dumps(result))
"""

PARTS = {"embedding": EMBEDDING, "gensim": GENSIM, "heads": HEADS, "text": TEXT}
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")

LIBRARIES = {
    "avx512": {},
    "avx2": {
        "ATEN_CPU_CAPABILITY": "avx2",
        "MKL_ENABLE_INSTRUCTIONS": "AVX2",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "OPENBLAS_CORETYPE": "Haswell",
        "NPY_DISABLE_CPU_FEATURES": "AVX512F AVX512_SKX",
    },
    "baseline": {
        "ATEN_CPU_CAPABILITY": "default",
        "MKL_ENABLE_INSTRUCTIONS": "SSE4_2",
        "ONEDNN_MAX_CPU_ISA": "SSE41",
        "OPENBLAS_CORETYPE": "Nehalem",
        "NPY_DISABLE_CPU_FEATURES": "AVX2 FMA3 AVX512F AVX512_SKX",
    },
}
"""What holds other libraries to an instruction set."""


def beginning_of_wiki8() -> str:
    """Return the path of whole lines with about three million words."""
    short = SCRATCH / "wiki8-3M.txt"
    if not short.exists():
        with unpacked("wiki8.txt").open(encoding="utf-8") as text:
            counted = itertools.accumulate(
                ((line, len(line.split())) for line in text), lambda a, b: (b[0], a[1] + b[1])
            )
            lines = [line for line, _ in itertools.takewhile(lambda counts: counts[1] < WORDS, counted)]
        short.write_text("".join(lines), encoding="utf-8")
    return str(short)


def one_round(part: str, target: str, text: str) -> dict[str, float]:
    """Run one part once, with an instruction set."""
    argument = str(SCRATCH.parents[1] / "benchmarks") if part == "heads" else text
    environment = {**ONE_THREAD, "VASTMAX_KERNEL": target, **LIBRARIES.get(target, {})}
    return run_python(PARTS[part], [argument], environment=environment).answer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    text = beginning_of_wiki8()
    targets = available_targets()
    seconds: dict[str, dict[str, dict[str, list[float]]]] = {}
    for number in range(options.rounds):
        for part, target in itertools.product(PARTS, targets):
            for case, value in one_round(part, target, text).items():
                seconds.setdefault(part, {}).setdefault(case, {}).setdefault(target, []).append(value)
            print(f"round {number + 1}, {part}, {target}", flush=True)
    result: dict[str, Any] = {
        part: {case: {tool: spread(values) for tool, values in by.items()} for case, by in cases.items()}
        for part, cases in seconds.items()
    }
    for cases in result.values():
        for case, by in cases.items():
            print(f"{case:50}", json.dumps({tool: values["median"] for tool, values in by.items()}))
    question = "How many CPU-seconds does each kernel take with the instructions of other processors?"
    write_record("instruction_sets", question, {"words": WORDS, "rounds": options.rounds, "cpu_seconds": result})


if __name__ == "__main__":
    main()
