"""Mnih & Teh 2012, "A fast and simple algorithm for training neural probabilistic language models", on Penn Treebank.

    python benchmarks/papers/mnih_teh_2012.py [--runs NAME …] [--folder FOLDER] [--list]

A log-bilinear model with two words of context and 100-d vectors, trained by maximum likelihood and by noise-contrastive
estimation, each example with noise of its own, from the unigram law and the uniform one. Then the steps of all of them
are timed in turn. $VASTMAX_DATA/ptb holds the text. About eighteen CPU-minutes.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is imported: time is counted, not waited for

from study import (
    Run,
    kept,
    main_runs,
    run_study,
    study_parser,
    trainer_step,
    with_seed,
)  # isort: skip

from texts import Texts, penn_treebank  # isort: skip

from harness import write_record
from in_turn import Claim, local, time_in_turn
from vastmax.encoder import LogBilinear
from vastmax.head import Head
from vastmax.language_model import LanguageModel, LanguageModelSettings
from vastmax.objective import NCE, CrossEntropy, Objective
from vastmax.output import Dense
from vastmax.proposal import Unigram

NAME = "paper_mnih_teh_2012"
QUESTION = "How near does noise-contrastive estimation come to maximum likelihood, and how much cheaper is it?"
HIDDEN_SIZE, CONTEXT = 100, 2  # as published
NOISE = {"unigram": 1.0, "uniform": 0.0}
SAMPLES = (1, 5, 25, 100)
NCE_25 = "nce-unigram-25"
SETTINGS = LanguageModelSettings(epochs=3, num_streams=32, bptt=32, embedding_lr=0.3)
"""1024 examples a step; the paper has 1000."""
DROPOUT = 0.2
"""Without it, both kinds of training fit the training text alone after two epochs."""


def model_of(
    texts: Texts, objective: Objective, *, dropout: float = DROPOUT, from_unigrams: bool = True
) -> LanguageModel:
    """Return the paper's model; it begins by predicting the law of the counts, or each word alike."""
    counts = texts.vocabulary.counts
    encoder = LogBilinear(len(counts), HIDDEN_SIZE, context_size=CONTEXT, dropout=dropout, padding_id=texts.first_id)
    head = Head(Dense(HIDDEN_SIZE, len(counts)), objective, counts=counts if from_unigrams else None)
    return LanguageModel(encoder, head)


def noise_of(texts: Texts, power: float) -> Unigram:
    """Q ∝ count^power."""
    return Unigram(texts.vocabulary.counts, power)


def runs_of(texts: Texts, settings: LanguageModelSettings) -> list[Run]:
    """Maximum likelihood, and NCE with each number of noise words from each law; then what was tried beside them.

    NCE is as the paper has it: Z is taken to be 1, and each example has noise of its own.
    """
    runs = [Run("ml", {"method": "ML"}, lambda: model_of(texts, CrossEntropy()), settings)]
    for noise, power in NOISE.items():
        for num_samples in SAMPLES:
            runs.append(
                Run(
                    f"nce-{noise}-{num_samples}",
                    {"method": "NCE", "noise": noise, "K": num_samples},
                    lambda power=power, num_samples=num_samples: model_of(
                        texts, NCE(noise_of(texts, power), num_samples, shared=False)
                    ),
                    settings,
                )
            )
    return runs + variants_of(texts, settings)


def variants_of(texts: Texts, settings: LanguageModelSettings) -> list[Run]:
    """Maximum likelihood and NCE with 25 unigram words, one thing changed at a time: what brings them nearer."""

    def nce(
        *, power: float = 1.0, num_samples: int = 25, shared: bool = False, learned: bool = False, **of_model: Any
    ) -> LanguageModel:
        log_normaliser: Any = "linear" if learned else 0.0
        noise = noise_of(texts, power)
        objective = NCE(noise, num_samples, log_normaliser, hidden_size=HIDDEN_SIZE, shared=shared)
        return model_of(texts, objective, **of_model)

    half = replace(settings, bptt=max(settings.bptt // 2, 1))
    shorter = replace(settings, epochs=max(settings.epochs - 1, 1))
    changes: dict[str, tuple[str, str, Callable[[], LanguageModel], LanguageModelSettings]] = {
        "ml-no-dropout": (
            "ml",
            f"no dropout, {shorter.epochs} epochs",
            lambda: model_of(texts, CrossEntropy(), dropout=0.0),
            shorter,
        ),
        "no-dropout": (NCE_25, f"no dropout, {shorter.epochs} epochs", lambda: nce(dropout=0.0), shorter),
        "no-dropout-bias": (
            NCE_25,
            f"no dropout, {shorter.epochs} epochs, biases begin at −log V",
            lambda: nce(dropout=0.0, from_unigrams=False),
            shorter,
        ),
        "bias": (NCE_25, "biases begin at −log V, not at log Q", lambda: nce(from_unigrams=False), settings),
        "power": (NCE_25, "Q ∝ count^0.75", lambda: nce(power=0.75), settings),
        "half-batch": (NCE_25, "512 examples a step", nce, half),
        "unclipped": (NCE_25, "gradients not clipped", nce, replace(settings, max_norm=None)),
        "learned": (NCE_25, "log Z learned, linear in h, not 0", lambda: nce(learned=True), settings),
        "shared": (NCE_25, "1,024 words shared by the batch", lambda: nce(num_samples=1024, shared=True), settings),
    }
    rate = replace(settings, embedding_lr=0.5)
    changes["rate"] = (NCE_25, f"embedding_lr {rate.embedding_lr:g}", nce, rate)
    return [
        Run(f"variant-{name}", {"trial_of": of, "change": change}, build, of_run)
        for name, (of, change, build, of_run) in changes.items()
    ]


def step_times(runs: Sequence[Run], texts: Texts, rounds: int) -> dict[str, Any]:
    """Seconds of a training step of each run, timed in turn in this process, and how many times less NCE's takes."""
    cases = {run.name: local(trainer_step(run, texts)) for run in runs}
    timings, loads = time_in_turn(cases, rounds=rounds)
    cpu = {name: timing.cpu_seconds for name, timing in timings.items()}
    target = Claim("a step of ML / of NCE with 25 unigram words", "ml", NCE_25, 8, at_least=True)
    others = [Claim(f"a step of ML / of {name}", "ml", name, 1, at_least=True) for name in cases if name != "ml"]
    return {
        "steps": {name: timing.record() for name, timing in timings.items()},
        "claim": target.judge(cpu),
        "ratio_of_ml": {claim.denominator: claim.judge(cpu)["ratio"] for claim in others},
        "load_average": loads,
    }


def quality_claims(test: Mapping[str, float]) -> list[dict[str, Any]]:
    """Return the claims of the paper's table as tests of our results; `test` holds perplexities by run."""
    ratio = test[NCE_25] / test["ml"]
    claims = [{"claim": "NCE-25 / ML, unigram noise", "target": "<= 1.03", "found": ratio, "met": ratio <= 1.03}]
    for num_samples in SAMPLES:
        unigram, uniform = (test[f"nce-{noise}-{num_samples}"] for noise in NOISE)
        claims.append(
            {
                "claim": f"unigram noise beats uniform noise at K = {num_samples}",
                "target": "uniform / unigram > 1",
                "found": uniform / unigram,
                "met": uniform > unigram,
            }
        )
    for noise in NOISE:
        falling = [test[f"nce-{noise}-{num_samples}"] for num_samples in SAMPLES]
        claims.append(
            {
                "claim": f"perplexity falls from K = 1 to 5 to 25, {noise} noise",
                "target": "falling",
                "found": falling,
                "met": falling[0] > falling[1] > falling[2],
            }
        )
    return claims


def main() -> None:
    parser = study_parser(NAME, __doc__)
    parser.add_argument("--rounds", type=int, default=9, help="of the timing of steps")
    options = parser.parse_args()
    texts = penn_treebank()
    runs = runs_of(texts, with_seed(SETTINGS, options))
    results = run_study(runs, texts, options)
    if results is None:
        return
    speed = kept(options.folder / "steps.json", lambda: step_times(main_runs(runs), texts, options.rounds))
    test = {result["name"]: result["test_perplexity"] for result in results}
    write_record(
        NAME, QUESTION, {"text": texts.facts(), "runs": results, "claims": quality_claims(test), "speed": speed}
    )


if __name__ == "__main__":
    main()
