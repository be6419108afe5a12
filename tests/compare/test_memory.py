"""How much memory a process came to need: of this process, or of the GPU that it was told to use."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from vastmax.compare.facts import PeakMemory


def test_what_was_needed_and_given_back_still_counts() -> None:
    memory = PeakMemory("cpu")
    needed = np.ones(8_000_000)
    del needed
    grown = memory.grown_bytes()
    assert grown is not None
    assert grown > 50e6


def test_of_several_gpus_the_one_in_use_is_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    allocated, peak = {0: 7, 1: 1_000}, {0: 9, 1: 5_000}
    forgotten: list[int | None] = []
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", lambda device: forgotten.append(device.index))
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda device: allocated[device.index])
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda device: peak[device.index])
    assert PeakMemory("cuda:1").grown_bytes() == 4_000
    assert forgotten == [1]
