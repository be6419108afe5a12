"""Mnih & Teh 2012, "A fast and simple algorithm for training neural probabilistic language models", on Penn Treebank.

    python benchmarks/papers/mnih_teh_2012.py [--runs NAME …] [--folder FOLDER] [--list]

A log-bilinear model with two words of context and 100-d vectors, trained by maximum likelihood and by noise-contrastive
estimation, each example with noise of its own, from the unigram law and the uniform one. Then the steps of all of them
are timed in turn. $VASTMAX_DATA/ptb holds the text. About forty CPU-minutes.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is imported: time is counted, not waited for

import torch
from study import (
    Run,
    kept,
    main_runs,
    rate_trial,
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
SETTINGS = LanguageModelSettings(epochs=2, num_streams=32, stretch=32)
"""1024 examples a step; the paper has 1000. In a third epoch at these rates validation perplexity rises again."""
TABLE_RATE = 0.3
"""The better of those tried for maximum likelihood and for NCE with 25 unigram words."""
TRIED_RATES = (0.3, 0.5)
TRIALS = ("ml", "nce-unigram-25")


def model_of(texts: Texts, objective: Objective) -> LanguageModel:
    """The paper's model; its biases start where the objective wants them."""
    vocab_size = len(texts.vocabulary)
    encoder = LogBilinear(vocab_size, HIDDEN_SIZE, context_size=CONTEXT, padding_id=texts.first_id)
    return LanguageModel(encoder, Head(Dense(HIDDEN_SIZE, vocab_size), objective))


def noise_of(texts: Texts, power: float) -> Unigram:
    """Q ∝ count^power."""
    return Unigram(texts.vocabulary.counts, power)


def runs_of(texts: Texts, settings: LanguageModelSettings) -> list[Run]:
    """Maximum likelihood, and NCE with each number of noise words from each law; then what was tried beside them.

    NCE is as the paper has it: Z is taken to be 1, and each example has noise of its own.
    """
    settings = replace(settings, table_rate=TABLE_RATE)
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
    others = [(run, rate) for run in runs for rate in TRIED_RATES if rate != run.settings.table_rate]
    trials = [rate_trial(run, settings, rate) for run, rate in others if run.name in TRIALS]
    return runs + trials + variants_of(texts, settings)


def variants_of(texts: Texts, settings: LanguageModelSettings) -> list[Run]:
    """NCE with 25 unigram words, one thing changed at a time: what might bring it nearer to maximum likelihood."""

    def nce(*, power: float = 1.0, num_samples: int = 25, shared: bool = False, learned: bool = False) -> LanguageModel:
        log_normaliser: Any = "linear" if learned else 0.0
        noise = noise_of(texts, power)
        return model_of(texts, NCE(noise, num_samples, log_normaliser, hidden_size=HIDDEN_SIZE, shared=shared))

    half = replace(settings, stretch=max(settings.stretch // 2, 1))

    def with_unigram_bias() -> LanguageModel:
        model = nce()
        with torch.no_grad():
            model.head.output.get_parameter("bias").copy_(noise_of(texts, 1.0).table("log_q"))
        return model

    changes: dict[str, tuple[str, Callable[[], LanguageModel], LanguageModelSettings]] = {
        "half-batch": ("512 examples a step", nce, half),
        "longer": ("4 epochs at half the rate", nce, replace(settings, epochs=4, table_rate=TABLE_RATE / 2)),
        "unclipped": ("gradients not clipped", nce, replace(settings, max_norm=None)),
        "bias": ("biases begin at log Q, not at −log V", with_unigram_bias, settings),
        "bias-half-batch": ("biases begin at log Q, 512 examples a step", with_unigram_bias, half),
        "power": ("Q ∝ count^0.75", lambda: nce(power=0.75), settings),
        "learned": ("log Z learned, linear in h, not 0", lambda: nce(learned=True), settings),
        "shared": ("1,024 words shared by the batch", lambda: nce(num_samples=1024, shared=True), settings),
    }
    return [
        Run(f"variant-{name}", {"trial_of": "nce-unigram-25", "change": change}, build, of_run)
        for name, (change, build, of_run) in changes.items()
    ]


def step_times(runs: Sequence[Run], texts: Texts, rounds: int) -> dict[str, Any]:
    """Seconds of a training step of each run, timed in turn in this process, and how many times less NCE's takes."""
    cases = {run.name: local(trainer_step(run, texts)) for run in runs}
    timings, loads = time_in_turn(cases, rounds=rounds)
    cpu = {name: timing.cpu_seconds for name, timing in timings.items()}
    target = Claim("a step of ML / of NCE with 25 unigram words", "ml", "nce-unigram-25", 8, at_least=True)
    others = [Claim(f"a step of ML / of {name}", "ml", name, 1, at_least=True) for name in cases if name != "ml"]
    return {
        "steps": {name: timing.record() for name, timing in timings.items()},
        "claim": target.judge(cpu),
        "ratio_of_ml": {claim.denominator: claim.judge(cpu)["ratio"] for claim in others},
        "load_average": loads,
    }


def quality_claims(test: Mapping[str, float]) -> list[dict[str, Any]]:
    """What the paper's table says, as tests of ours; `test` holds perplexities by run."""
    ratio = test["nce-unigram-25"] / test["ml"]
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
