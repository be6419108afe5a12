"""Language models over trees clustered from their own text, at equal processor time.

    python benchmarks/tree_methods.py [--minutes M] [--seeds S …] [--runs NAME …] [--record]

English Wikipedia with every word (V = 344,202), an LSTM (D = 256), one thread. Time is the processor's, and what it
takes to build a tree (word vectors of the same text, clustering) is part of a run's budget. Each run is kept as a file
in the folder; what is done is not done again, and `--record` writes down what there is beside the runs recorded before.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is imported: time is counted, not waited for
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np
import torch
from torch import nn

from harness import RECORDS, SCRATCH, corpora, write_record
from vastmax import tree as trees
from vastmax.atomic import replacing
from vastmax.compare.measuring import sample_of
from vastmax.embedding.settings import TrainingSettings, checked
from vastmax.embedding.train import train_ids
from vastmax.encoder.lstm import LSTM
from vastmax.head import Head
from vastmax.language_model import SENTENCE_END, LanguageModelSettings, TrainingText, perplexity, training_text
from vastmax.language_model.model import LanguageModel
from vastmax.language_model.train import Trainer
from vastmax.methods import RECIPES
from vastmax.objective.cross_entropy import CrossEntropy
from vastmax.optim import RowAdagrad, clip_grad_norm_
from vastmax.output.hierarchical import Hierarchical
from vastmax.text import Corpus
from vastmax.text.id_text import IdText

NAME = "tree_methods"
QUESTION = "How good a language model do trees clustered from its own text make, at equal processor time?"
HIDDEN_SIZE = 256
VALIDATION_WORDS = 20_000
"""Words evaluated, from the end of the text, in pieces spread over it: a flat layer takes a millisecond per word."""


@dataclass(frozen=True)
class Variant:
    """One way to predict.

    Attributes:
        method: of `RECIPES`; "tree" for one of the trees below.
        vectors: (model, window, epochs) of the vectors, of size 64.
        split: of `trees.clustered`.
        weights: power of the counts that words weigh in clustering.
        fan_out: of the tree; 2 leaves it binary.
        copies: of the tree.
        overlap: of adaptive splits.
        zero: node vectors start at zero.
        damping: initial accumulator of the output layer's Adagrad.
        input_damping: of the input table's.
        visits: of the output layer's Adagrad: see `RowAdagrad`, `prior_visits`.
        input_visits: of the input table's.
        rate: of the output layer, times the table rate.
    """

    method: str = "tree"
    vectors: tuple[str, int, int] = ("skipgram", 5, 3)
    split: str = "balanced"
    weights: float = 0.5
    fan_out: int = 2
    wide_weights: float = 1.0
    classes: int = 0
    copies: int = 1
    overlap: float = 0.0
    zero: bool = False
    damping: float = 0.0
    input_damping: float = 0.0
    visits: float = 0.0
    input_visits: float = 0.0
    rate: float = 1.0


CLUSTERED = Variant()
DAMPED = replace(CLUSTERED, damping=1e-6)
VARIANTS: dict[str, Variant] = {
    "huffman": Variant("hierarchical-softmax"),
    "huffman-damped": Variant("hierarchical-softmax", damping=1e-6),
    "sampled-softmax": Variant("sampled-softmax"),
    "sampled-softmax-damped": Variant("sampled-softmax", damping=1e-6),
    "clustered": CLUSTERED,
    "clustered-zero": replace(CLUSTERED, zero=True),
    "clustered-damped": DAMPED,
    "damped-zero": replace(DAMPED, zero=True),
    "damped-more": replace(DAMPED, damping=1e-5),
    "damped-input": replace(DAMPED, input_damping=1e-6),
    "damped-fan4": replace(DAMPED, fan_out=4),
    "damped-fan8": replace(DAMPED, fan_out=8),
    "damped-fan16": replace(DAMPED, fan_out=16),
    "damped-fan32": replace(DAMPED, fan_out=32),
    "damped-w2": replace(DAMPED, vectors=("skipgram", 2, 3)),
    "damped-count": replace(DAMPED, weights=1.0),
    "damped-copies2": replace(DAMPED, copies=2),
    "visits16": replace(CLUSTERED, visits=16),
    "visits64": replace(CLUSTERED, visits=64),
    "visits64-zero": replace(CLUSTERED, visits=64, zero=True),
    "visits64-input16": replace(CLUSTERED, visits=64, input_visits=16),
    "visits64-fan8": replace(CLUSTERED, visits=64, fan_out=8),
    "visits64-fan4": replace(CLUSTERED, visits=64, fan_out=4),
    "visits256": replace(CLUSTERED, visits=256),
    "visits64-w2": replace(CLUSTERED, visits=64, vectors=("skipgram", 2, 3)),
    "visits64-w2-e2": replace(CLUSTERED, visits=64, vectors=("skipgram", 2, 2)),
    "visits64-fan16": replace(CLUSTERED, visits=64, fan_out=16),
    "visits64-fan32": replace(CLUSTERED, visits=64, fan_out=32),
    "visits64-copies2": replace(CLUSTERED, visits=64, copies=2),
    "visits64-overlap": replace(CLUSTERED, visits=64, split="adaptive", overlap=0.05),
    "huffman-visits64": Variant("hierarchical-softmax", visits=64),
    "sampled-softmax-visits64": Variant("sampled-softmax", visits=64),
    "sampled-softmax-visits16": Variant("sampled-softmax", visits=16),
    "damped-classes": replace(DAMPED, classes=1024),
}


def title_of(variant: Variant) -> str:
    """Return what distinguishes a variant from the others."""
    if variant.method != "tree":
        parts = [{"hierarchical-softmax": "Huffman tree"}.get(variant.method, variant.method.replace("-", " "))]
    elif variant.classes:
        parts = [f"{variant.classes:,} clustered classes"]
    else:
        parts = ["clustered tree" if variant.fan_out == 2 else f"clustered tree, fan-out {variant.fan_out}"]
    plain, model_window = Variant(), variant.vectors
    parts += ["adaptive splits that overlap"] * (variant.overlap > 0)
    parts += ["node vectors from zero"] * variant.zero
    parts += [f"{variant.copies} copies"] * (variant.copies > 1)
    parts += [f"initial accumulator {variant.damping:g}"] * (variant.damping > 0)
    parts += [f"{variant.visits:g} prior visits"] * (variant.visits > 0)
    parts += [f"input table: initial accumulator {variant.input_damping:g}"] * (variant.input_damping > 0)
    parts += [f"input table: {variant.input_visits:g} prior visits"] * (variant.input_visits > 0)
    parts += [f"vectors of window {model_window[1]}, {model_window[2]} epochs"] * (
        tuple(variant.vectors) != plain.vectors
    )
    return ", ".join(parts)


class Bench:
    """The text, and the trees that were made of it, kept in a folder."""

    def __init__(self, folder: Path, *, counted: bool) -> None:
        self.folder, self.counted = folder, counted
        folder.mkdir(parents=True, exist_ok=True)
        path = str(corpora() / "wikilm.train.txt.xz")
        self.text: TrainingText = training_text(Corpus(path), held_out=0.02, min_count=1)
        self.end = self.text.vocabulary.id(SENTENCE_END)
        assert self.text.validation is not None
        self.sample, self.pieces = sample_of(self.text.validation, VALIDATION_WORDS)

    def vectors(self, model: str, window: int, epochs: int, seed: int) -> tuple[np.ndarray, float]:
        """Word vectors of the text, and the CPU-seconds they took."""
        path = self.folder / f"vectors-{model}-{window}-{epochs}-{seed}.npz"
        if not path.exists():
            began = time.process_time()
            text = IdText(self.text.training, self.text.vocabulary)
            settings = TrainingSettings(model=model, window=window, epochs=epochs, vector_size=64, threads=1, seed=seed)
            vectors = np.array(train_ids(text, self.text.vocabulary, checked(settings)).vectors)
            with replacing(path) as beside, open(beside, "wb") as stream:
                np.savez(stream, vectors=vectors, seconds=time.process_time() - began)
        found = np.load(path)
        return found["vectors"], float(found["seconds"])

    def tree(self, variant: Variant, seed: int) -> tuple[trees.Tree, float]:
        """The tree of a variant, and the CPU-seconds it took with its vectors."""
        counts = self.text.vocabulary.counts
        key = "-".join(
            str(part)
            for part in (*variant.vectors, variant.split, variant.weights, variant.copies, variant.overlap, seed)
        )
        path, facts = self.folder / f"tree-{key}.safetensors", self.folder / f"tree-{key}.json"
        if not facts.exists():
            vectors, spent = self.vectors(*variant.vectors, seed)
            began = time.process_time()
            tree = trees.clustered(
                vectors,
                split=variant.split,  # type: ignore[arg-type]
                overlap=variant.overlap,
                copies=variant.copies,
                counts=counts**variant.weights,
                seed=seed,
                threads=1,
            )
            tree.save(path)
            facts.write_text(json.dumps({"seconds": spent + time.process_time() - began}))
        tree, seconds = trees.Tree.load(path), float(json.loads(facts.read_text())["seconds"])
        began = time.process_time()
        if variant.fan_out > 2:
            tree = trees.widened(tree, variant.fan_out, counts**variant.wide_weights)
        if variant.classes:
            tree = trees.in_classes(tree, variant.classes, counts**0.5)
        seconds += time.process_time() - began
        return tree, seconds

    def head(self, variant: Variant, seed: int) -> tuple[Head, float]:
        """The head of a variant, and the CPU-seconds that its tree took."""
        torch.manual_seed(seed)
        if variant.method != "tree":
            return RECIPES[variant.method](HIDDEN_SIZE, self.text.vocabulary), 0.0
        tree, seconds = self.tree(variant, seed)
        print(f"  {tree!r}, built in {seconds:.1f} CPU-s", file=sys.stderr)
        return Head(Hierarchical(HIDDEN_SIZE, tree, counts=self.text.vocabulary.counts), CrossEntropy()), seconds

    def trainer(self, variant: Variant, minutes: float, seed: int) -> tuple[Trainer, float]:
        head, seconds = self.head(variant, seed)
        if variant.zero:
            nn.init.zeros_(head.output.weight)
        torch.manual_seed(seed + 1_000)
        model = LanguageModel(LSTM(head.output.vocab_size, HIDDEN_SIZE), head)
        settings = LanguageModelSettings(minutes=minutes, seed=seed)
        trainer = Trainer(model, self.text.training, settings, first_id=self.end, clock=time.process_time)
        adagrad = trainer.optimizers[0][0]
        assert isinstance(adagrad, RowAdagrad)
        of_output = {id(parameter) for parameter in head.output.parameters()}
        tables = [p for group in adagrad.param_groups for p in group["params"]]
        rate = settings.embedding_lr
        of_input = [p for p in tables if id(p) not in of_output]
        rest = [p for p in tables if id(p) in of_output]
        trainer.optimizers = [
            (self._adagrad(of_input, variant.input_damping, variant.input_visits), rate),
            (self._adagrad(rest, variant.damping, variant.visits), rate * variant.rate),
            *trainer.optimizers[1:],
        ]
        if self.counted:
            trainer.progressed.training_seconds = seconds
        return trainer, seconds

    def _adagrad(self, tables: list[nn.Parameter], damping: float, visits: float) -> RowAdagrad:
        return RowAdagrad(tables, initial_accumulator=damping, prior_visits=visits)

    def run(self, name: str, minutes: float, seed: int) -> dict[str, Any]:
        """Return the result of a variant, which is run once."""
        path = self.folder / f"run-{name}-{minutes:g}{'' if self.counted else '-uncounted'}-{seed}.json"
        if path.exists():
            found: dict[str, Any] = json.loads(path.read_text())
            return found
        variant = VARIANTS[name]
        trainer, build_seconds = self.trainer(variant, minutes, seed)
        trainer.run()
        progressed, output = trainer.progressed, trainer.model.head.output
        began = time.process_time()
        nats = perplexity(
            trainer.model,
            self.sample,
            self.text.vocabulary,
            first_id=self.end,
            num_streams=self.pieces,
        ).nats
        result = {
            "name": name,
            "variant": asdict(variant),
            "minutes": minutes,
            "building_counted": self.counted,
            "seed": seed,
            "build_cpu_seconds": round(build_seconds, 2),
            "training_cpu_seconds": round(progressed.training_seconds, 2),
            "words": progressed.words,
            "nats": nats,
            "perplexity": math.exp(nats),
            "evaluation_cpu_seconds": round(time.process_time() - began, 2),
            "output_parameters": sum(p.numel() for p in output.parameters()),
        }
        if isinstance(output, Hierarchical):
            result["tree"] = asdict(output.tree.describe(self.text.vocabulary.counts))
        with replacing(path) as beside:
            beside.write_text(json.dumps(result, indent=1) + "\n")
        return result


def profile(bench: Bench, name: str, steps: int = 40) -> dict[str, float]:
    """CPU-milliseconds of the parts of a step."""
    trainer, _ = bench.trainer(VARIANTS[name], 60.0, 1)
    model = trainer.model
    spent: dict[str, float] = {}

    def timed(part: str, do: Callable[[], Any]) -> Any:
        began = time.process_time()
        found = do()
        spent[part] = spent.get(part, 0.0) + time.process_time() - began
        return found

    model.train()
    state = None
    for number, batch in enumerate(trainer.streams):
        if number == steps + 5:
            break
        if number == 5:
            spent.clear()
        ids, target = batch
        hidden, state = timed("encoder forward", lambda ids=ids, state=state: model.encoder(ids, state))
        cut = hidden.detach().requires_grad_()
        loss = timed("head forward", lambda cut=cut, target=target: model.head(cut, target))
        timed("head backward", loss.backward)
        timed("encoder backward", lambda hidden=hidden, cut=cut: hidden.backward(cut.grad))
        timed("clipping", lambda: clip_grad_norm_(model.parameters(), 1.0))
        labels = ("input table", "output table", "network")
        for label, (optimizer, rate) in zip(labels, trainer.optimizers, strict=True):
            for group in optimizer.param_groups:
                group["lr"] = rate * 0.5
            timed(f"optimizer of the {label}", optimizer.step)
            optimizer.zero_grad()
    return {part: round(1000 * seconds / steps, 2) for part, seconds in spent.items()}


def recorded_runs(new: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the new runs and those of the record that were not made again."""
    before = json.loads((RECORDS / f"{NAME}.json").read_text())["runs"] if (RECORDS / f"{NAME}.json").exists() else []
    runs = {(run["name"], run["minutes"], run["building_counted"], run["seed"]): run for run in [*before, *new]}
    return [runs[key] for key in sorted(runs)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=SCRATCH.parent / NAME, help="where runs are kept")
    parser.add_argument("--minutes", type=float, default=3.0, help="of the processor, for each run")
    parser.add_argument("--seeds", type=int, nargs="*", default=[1])
    parser.add_argument("--runs", nargs="*", metavar="NAME", choices=tuple(VARIANTS), default=[])
    parser.add_argument("--profile", nargs="*", metavar="NAME", choices=tuple(VARIANTS), default=[])
    parser.add_argument("--uncounted", action="store_true", help="building a tree takes nothing of the budget")
    parser.add_argument("--record", action="store_true", help="write down all runs of the folder")
    options = parser.parse_args()
    torch.set_num_threads(1)
    bench = Bench(options.folder, counted=not options.uncounted)
    print(f"V = {len(bench.text.vocabulary):,}, {bench.text.training.size:,} words", file=sys.stderr)
    for name in options.profile:
        found = profile(bench, name)
        (options.folder / f"profile-{name}.json").write_text(json.dumps(found))
        print(name, json.dumps(found), flush=True)
    for seed in options.seeds:
        for name in options.runs:
            found = bench.run(name, options.minutes, seed)
            print(
                f"{name:>24} seed {seed}, {options.minutes:g} min: perplexity {found['perplexity']:7.1f}, "
                f"{found['words']:,} words, {found['build_cpu_seconds']:.1f} s to build",
                flush=True,
            )
    if options.record:
        results = [json.loads(path.read_text()) for path in sorted(options.folder.glob("run-*.json"))]
        runs = recorded_runs([{"title": title_of(Variant(**run["variant"])), **run} for run in results])
        profiles = {
            path.stem.removeprefix("profile-"): json.loads(path.read_text())
            for path in sorted(options.folder.glob("profile-*.json"))
        }
        facts = {
            "hidden_size": HIDDEN_SIZE,
            "vocabulary_size": len(bench.text.vocabulary),
            "training_words": int(bench.text.training.size),
            "validation_words": int(bench.sample.size),
        }
        write_record(NAME, QUESTION, {**facts, "milliseconds_per_step": profiles, "runs": runs})


if __name__ == "__main__":
    main()
