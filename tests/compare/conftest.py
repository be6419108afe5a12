"""The text of a Markov chain, and races on it within this process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from chain_race import Chain, InThisProcess, make_chain
from vastmax.compare import Race, run_race


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def chain() -> Chain:
    return make_chain()


RunRace = Callable[..., Race]


@pytest.fixture
def race_here(monkeypatch: pytest.MonkeyPatch, chain: Chain, tmp_path: Path) -> RunRace:
    """`race_here(settings, …)` runs a race on the chain's text in this process, in the folder `race`."""
    from vastmax.compare import race

    monkeypatch.setattr(race, "ContestantProcess", InThisProcess)
    return lambda settings, **options: run_race(
        options.pop("text", chain.text), settings, tmp_path / "race", facts={"sources": ["a chain"]}, **options
    )
