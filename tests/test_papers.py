"""Tiny versions of the studies under benchmarks/papers: every run of them trains, is kept, and goes on when stopped."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]

pytestmark = pytest.mark.slow  # of the product's own parts each has its tests; these hold the studies together


@pytest.fixture(scope="module", autouse=True)
def _scripts() -> Iterator[None]:
    """The scripts import each other by name, as when they are run."""
    folders = [str(ROOT / "benchmarks" / "papers"), str(ROOT / "benchmarks")]
    before = [*sys.path]
    sys.path[:0] = folders
    yield
    sys.path[:] = before


def sentences(count: int, seed: int) -> list[list[str]]:
    """Of a chain in which every word is followed by one of three."""
    rng = np.random.default_rng(seed)
    text = []
    for _ in range(count):
        word, sentence = int(rng.integers(60)), []
        for _ in range(8):
            sentence.append(f"w{word}")
            word = (5 * word + int(rng.choice(3, p=[0.6, 0.3, 0.1]))) % 60
        text.append(sentence)
    return text


@pytest.fixture(scope="module")
def texts() -> Any:
    from texts import Texts

    return Texts.of(sentences(400, 0), sentences(40, 1), sentences(40, 2))


def options(folder: Path, runs: list[str] | None = None) -> Namespace:
    return Namespace(folder=folder, runs=runs, list=False, seed=1)


def unigram_perplexity(texts: Any) -> float:
    counts = np.bincount(texts.training, minlength=len(texts.vocabulary))
    return float(np.exp(-np.log(counts[texts.test] / counts.sum()).mean()))


def test_mnih_and_teh(texts: Any, tmp_path: Path) -> None:
    import mnih_teh_2012 as paper
    from study import main_runs, run_study

    runs = main_runs(paper.runs_of(texts, replace(paper.SETTINGS, epochs=2, num_streams=8, bptt=8, warmup_steps=5)))
    assert run_study(runs, texts, options(tmp_path, ["ml", "nce-uniform-5"])) is None  # others are still to be done
    done = sorted(path.name for path in tmp_path.iterdir())
    assert done == ["ml.json", "nce-uniform-5.json"]
    results = run_study(runs, texts, options(tmp_path))
    assert results is not None
    test = {result["name"]: result["test_perplexity"] for result in results}
    assert set(test) == {"ml", *(f"nce-{noise}-{k}" for noise in paper.NOISE for k in paper.SAMPLES)}
    assert test["nce-unigram-25"] < unigram_perplexity(texts)
    assert {claim["claim"].split(",")[0] for claim in paper.quality_claims(test)} >= {"NCE-25 / ML"}
    speed = paper.step_times(runs, texts, rounds=1)
    assert set(speed["steps"]) == set(test)


def test_chen_and_others(texts: Any, tmp_path: Path) -> None:
    import chen_2015 as paper
    from study import run_study

    settings = replace(paper.SETTINGS, minutes=0.1 / 60, num_streams=8, bptt=8, warmup_steps=5, partition_size=30)
    results = run_study(paper.runs_of(texts, settings), texts, options(tmp_path))
    assert results is not None
    for result in results:
        assert result["training_cpu_seconds"] >= 0.1
        found = {rate["embedding_lr"]: rate["best_validation_perplexity"] for rate in result["rates"]}
        assert len(found) == len(paper.OTHER_RATES.get(result["name"], paper.TRIED_RATES))
        assert result["settings"]["embedding_lr"] == min(found, key=lambda rate: found[rate])
    test = {result["name"]: result["test_perplexity"] for result in results}
    assert all(np.isfinite(perplexity) for perplexity in test.values())
    assert len(paper.claims(test)) == 3


def test_a_stopped_run_goes_on_to_the_same_end(texts: Any, tmp_path: Path) -> None:
    import mnih_teh_2012 as paper
    from study import Store

    settings = replace(paper.SETTINGS, epochs=2, num_streams=8, bptt=8)
    run = next(run for run in paper.runs_of(texts, settings) if run.name == "nce-unigram-5")
    whole = Store(tmp_path / "whole").do(run, texts)
    assert whole is not None
    asked = iter([*[False] * 70, True])  # in the second epoch
    assert Store(tmp_path / "parts", lambda: next(asked)).do(run, texts) is None
    assert [path.name for path in (tmp_path / "parts").iterdir()] == ["nce-unigram-5.pt"]
    rest = Store(tmp_path / "parts").do(run, texts)
    assert rest is not None
    assert rest["test_perplexity"] == whole["test_perplexity"]
    assert [point["validation_perplexity"] for point in rest["curve"]] == [
        point["validation_perplexity"] for point in whole["curve"]
    ]
    assert [path.name for path in (tmp_path / "parts").iterdir()] == ["nce-unigram-5.json"]


def test_what_was_done_with_other_settings_is_not_taken(texts: Any, tmp_path: Path) -> None:
    import mnih_teh_2012 as paper
    from study import run_study

    from vastmax.errors import InputError

    settings = replace(paper.SETTINGS, epochs=1, num_streams=8, bptt=8)
    run_study(paper.runs_of(texts, settings), texts, options(tmp_path, ["nce-unigram-1"]))
    other = paper.runs_of(texts, replace(settings, epochs=2))
    with pytest.raises(InputError, match=r"epochs was 1, now 2.*another --folder"):
        run_study(other, texts, options(tmp_path, ["nce-unigram-1"]))
    with pytest.raises(InputError, match="no run 'nce-9'; there are ml, nce-unigram-1"):
        run_study(other, texts, options(tmp_path, ["nce-9"]))
