"""The constants of this machine: found from timed steps, kept, and found again only where they hold."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vastmax.compare.advice import DEVELOPMENT_MACHINE, Machine, Timing, advise, calibrated_machine, kept_machine
from vastmax.compare.advice import timing as timing_module
from vastmax.errors import InputError
from vastmax.methods import RECIPES
from vastmax.methods.words import Words
from vastmax.methods.work import Setting

SLOWER = Machine("three times slower", *(3 * DEVELOPMENT_MACHINE.as_vector()))


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VASTMAX_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "machines"


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getloadavg", lambda: (0.0, 0.0, 0.0))


@pytest.fixture
def slower(monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps take what they would on a machine three times slower."""

    def timings(source: Any, words: Any, D: int, N: int, *_: Any, methods: Sequence[str], **__: Any) -> list[Timing]:
        seconds = {name: SLOWER.seconds(RECIPES[name].work(Setting(words, D, N)).train) for name in methods}
        return [Timing(name, value, value, N, 15, cpu_share=1.0) for name, value in seconds.items()]

    monkeypatch.setattr(timing_module, "time_methods", timings)


@pytest.mark.usefixtures("slower")
def test_the_constants_are_those_of_the_machine_and_are_kept() -> None:
    assert kept_machine() is None
    machine = calibrated_machine()
    setting = Setting(Words(np.maximum(1, 1_000_000 // np.arange(1, 10_001))), 128, 256)
    for method in ("softmax", "nce", "two-level"):
        work = RECIPES[method].work(setting).train
        assert machine.seconds(work) == pytest.approx(SLOWER.seconds(work), rel=0.05)
    assert "this machine" in machine.name
    assert kept_machine() == machine


@pytest.mark.usefixtures("slower")
def test_advice_is_by_them() -> None:
    counts = [1_000_000 // rank for rank in range(1, 5_001)]
    slow = advise(counts, hidden_size=64, machine=calibrated_machine())
    assert "this machine" in slow.machine.name
    ratio = slow.cost("softmax").step_seconds / advise(counts, hidden_size=64).cost("softmax").step_seconds
    assert ratio == pytest.approx(3, rel=0.1)


@pytest.mark.usefixtures("slower")
def test_those_of_another_instruction_set_are_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VASTMAX_KERNEL", "baseline")
    machine = calibrated_machine()
    assert "baseline" in machine.name
    assert kept_machine() is not None
    monkeypatch.delenv("VASTMAX_KERNEL")
    found = kept_machine()
    assert found is None or "baseline" in found.name  # where there is no other instruction set


@pytest.mark.usefixtures("slower")
@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[: len(text) // 2],
        lambda text: text.replace("multiply_add", "multiply"),
        lambda text: json.dumps({"constants": dict.fromkeys(DEVELOPMENT_MACHINE.constants(), -1.0)}),
        lambda text: "[]",
    ],
)
def test_a_damaged_file_counts_for_nothing(damage: Any, own_cache: Path) -> None:
    calibrated_machine()
    (path,) = own_cache.iterdir()
    path.write_text(damage(path.read_text()))
    assert kept_machine() is None
    assert calibrated_machine() == kept_machine()


@pytest.mark.usefixtures("slower")
def test_a_cache_that_cannot_be_written_is_done_without(own_cache: Path) -> None:
    own_cache.parent.mkdir()
    own_cache.write_text("a file where the folder should be")
    assert "this machine" in calibrated_machine().name
    assert kept_machine() is None


@pytest.mark.usefixtures("slower")
def test_a_busy_machine_is_not_calibrated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getloadavg", lambda: (50.0, 50.0, 50.0))
    with pytest.raises(InputError, match=r"busy with other work \(load 50\.0 on .* cores\)"):
        calibrated_machine()
    assert kept_machine() is None


def test_real_steps_are_timed_in_seconds() -> None:
    machine = calibrated_machine_or_skip()
    assert (machine.as_vector() > 0).all()
    assert 0.02 < DEVELOPMENT_MACHINE.multiply_add / machine.multiply_add < 50


def calibrated_machine_or_skip() -> Machine:
    try:
        return calibrated_machine()
    except InputError as busy:
        if "busy with other work" not in str(busy):
            raise
        pytest.skip(str(busy))


@pytest.mark.usefixtures("slower")
def test_they_are_found_without_torch() -> None:
    calibrated_machine()
    program = (
        "import sys\nfrom vastmax.compare.advice import kept_machine\nkept_machine()\nprint('torch' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "False"
