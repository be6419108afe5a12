"""Word vectors against gensim's: CPU-seconds of training and quality, in turn, seed by seed.

Both train the same text with the same settings (D = 100, window 5, sample 1e-3, min_count 5, two workers; K = 5 where
words are told from noise) in processes of their own, each from its own default learning rate; only
training is timed, not the reading of the text. Results are kept seed by seed under build/, so that an interrupted run
goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import math
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from harness import SCRATCH, Run, corpora, run_python, spread, unpacked, write_record
from vastmax.embedding.settings import CBOW_GRADIENTS, MODELS, OBJECTIVES

GENSIM = """
import json, sys, time, warnings
warnings.filterwarnings("ignore")
from gensim.models.word2vec import Word2Vec
text, seed, epochs, workers, out = sys.argv[1], *map(int, sys.argv[2:5]), sys.argv[5]
options = json.loads(sys.argv[6])
model = Word2Vec(vector_size=100, window=5, min_count=5, sample=1e-3, workers=workers, seed=seed, **options)
model.build_vocab(corpus_file=text)
wall, cpu = time.perf_counter(), time.process_time()
model.train(corpus_file=text, total_examples=model.corpus_count, total_words=model.corpus_total_words, epochs=epochs)
cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
model.wv.save_word2vec_format(out, binary=True)
print(json.dumps({"cpu_seconds": cpu, "wall_seconds": wall, "alpha": model.alpha}))
"""

VASTMAX = """
import json, sys
from vastmax import Corpus, train_embeddings
text, seed, epochs, threads, out = sys.argv[1], *map(int, sys.argv[2:5]), sys.argv[5]
vectors = train_embeddings(Corpus(text), epochs=epochs, threads=threads, seed=seed, **json.loads(sys.argv[6]))
vectors.save(out)
run = vectors.training
print(json.dumps({"cpu_seconds": run["cpu_seconds"], "wall_seconds": run["elapsed_seconds"],
                  "predictions": run["predictions"], "words": run["words"], "losses": run["losses"],
                  "alpha": run["alpha"], "kernel_target": run["kernel_target"]}))
"""


def quality(path: str) -> dict[str, float]:
    from vastmax import WordVectors

    vectors = WordVectors.load(path)
    sets = corpora() / "evaluation"
    return {
        "wordsim353": vectors.evaluate_pairs(sets / "wordsim353.tsv").spearman,
        "simlex999": vectors.evaluate_pairs(sets / "simlex999.txt").spearman,
        "analogies_percent": 100
        * vectors.evaluate_analogies(sets / "questions-words.txt", restrict_vocab=30_000).accuracy,
    }


@dataclass(frozen=True)
class Case:
    """A training case: a model with an objective; `gradient` and `gensim_alpha` for CBOW."""

    model: str
    objective: str
    gradient: str
    gensim_alpha: float | None

    @property
    def record(self) -> str:
        """The record's name; skip-gram with negative sampling, the default of the library, has the plain one."""
        parts = ["embedding_speed"]
        if self.model != "skipgram":
            parts.append(self.model)
        parts += {"negative-sampling": [], "hierarchical-softmax": ["hs"]}.get(self.objective, ["hs", "negative"])
        if self.gradient != "exact":
            parts.append(self.gradient)
        if self.gensim_alpha is not None:
            parts.append(f"gensim_alpha_{self.gensim_alpha:g}")
        return "_".join(parts)

    def options(self, tool: str) -> dict[str, Any]:
        """Return the same in a tool's own words."""
        if tool == "vastmax":
            return {"model": self.model, "objective": self.objective, "cbow_gradient": self.gradient}
        alpha = {} if self.gensim_alpha is None else {"alpha": self.gensim_alpha}
        return {
            "sg": int(self.model == "skipgram"),
            "hs": int("hierarchical-softmax" in self.objective),
            "negative": 5 if "negative-sampling" in self.objective else 0,
            **alpha,
        }


def measured(case: Case, tool: str, seed: int, epochs: int, workers: int) -> dict[str, Any]:
    """Train once with a tool, or give back what an interrupted run already measured."""
    name = f"{case.record}-{tool}-{workers}-{epochs}-{seed}"
    kept = SCRATCH / f"{name}.json"
    if kept.exists():
        return json.loads(kept.read_text())
    text = unpacked("wiki8.txt")
    out = str(SCRATCH / f"{name}.{'bin' if tool == 'gensim' else 'safetensors'}")
    code = GENSIM if tool == "gensim" else VASTMAX
    options = json.dumps(case.options(tool))
    run: Run = run_python(code, [str(text), str(seed), str(epochs), str(workers), out, options])
    result = {**run.answer, **quality(out)}
    kept.write_text(json.dumps(result))
    Path(out).unlink()  # 50 MB each
    print(f"{name}: {json.dumps(result)}", flush=True)
    return result


def summary(results: list[dict[str, Any]]) -> dict[str, Any]:
    values = {key: [r[key] for r in results] for key in results[0] if isinstance(results[0][key], float | int)}
    table: dict[str, Any] = {key: spread(v) for key, v in values.items()}
    for key in ("wordsim353", "simlex999", "analogies_percent"):
        deviation = stdev(values[key]) if len(results) > 1 else math.nan
        table[key] = {
            "mean": round(mean(values[key]), 4),
            "standard_deviation": round(deviation, 4),
            "all": values[key],
        }
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", choices=MODELS, default="skipgram")
    parser.add_argument("--objective", choices=OBJECTIVES, default="negative-sampling")
    parser.add_argument("--cbow-gradient", choices=CBOW_GRADIENTS, default="exact")
    parser.add_argument("--gensim-alpha", type=float, help="default: gensim's own, 0.025")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    case = Case(arguments.model, arguments.objective, arguments.cbow_gradient, arguments.gensim_alpha)
    SCRATCH.mkdir(parents=True, exist_ok=True)
    results: dict[str, list[dict[str, Any]]] = {"gensim": [], "vastmax": []}
    for seed in range(1, arguments.seeds + 1):
        for tool, list_of_results in results.items():  # in turn
            list_of_results.append(measured(case, tool, seed, arguments.epochs, arguments.workers))
    gensim, vastmax = summary(results["gensim"]), summary(results["vastmax"])
    pairs_of_runs = zip(results["gensim"], results["vastmax"], strict=True)
    ratios = [g["cpu_seconds"] / v["cpu_seconds"] for g, v in pairs_of_runs]
    differences = {
        key: round(vastmax[key]["mean"] - gensim[key]["mean"], 4)
        for key in ("wordsim353", "simlex999", "analogies_percent")
    }
    write_record(
        case.record,
        f"How many fewer CPU-seconds than gensim does {case.model} with {case.objective} take, at what quality?",
        {
            "settings": {
                "corpus": "wiki8",
                **case.options("vastmax"),
                "vector_size": 100,
                "window": 5,
                "negative": 5,
                "sample": 1e-3,
                "min_count": 5,
                "epochs": arguments.epochs,
                "workers": arguments.workers,
                "seeds": arguments.seeds,
            },
            "gensim": gensim,
            "vastmax": vastmax,
            "cpu_ratio_gensim_over_vastmax": spread(ratios),
            "quality_difference_vastmax_minus_gensim": differences,
        },
    )


if __name__ == "__main__":
    main()
