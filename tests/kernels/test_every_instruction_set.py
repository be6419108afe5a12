"""The rule of this folder (conftest.py) holds, and VASTMAX_KERNEL means what it says."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from vastmax.embedding import train_embeddings
from vastmax.errors import InputError
from vastmax.kernels import noise_loss
from vastmax.kernels.embedding_kernel import SkipgramKernel
from vastmax.kernels.machine import available_targets, choose_target

FOLDER = Path(__file__).parent
ROOT = FOLDER.parents[1]
LANES = {"avx512": 16, "avx2": 8}
COMPILED_ONCE = {"text_encoder", "phrases", "ngram_law"}
"""Sources that CMakeLists.txt does not compile for each instruction set, and that have tests here."""


def test_every_test_of_this_folder_runs_on_each_instruction_set(request: pytest.FixtureRequest) -> None:
    here = [item for item in request.session.items if FOLDER in item.path.parents]
    assert request.node in here
    ruled = [item for item in here if item.get_closest_marker("compiled_once") is None]
    assert not [item.nodeid for item in ruled if item.callspec.params.get("target") not in available_targets()]
    once = {item.path.name for item in here} - {item.path.name for item in ruled}
    assert once <= {"test_text_encoder.py", "test_phrase_kernels.py", "test_ngram_law.py", "test_portability.py"}


def test_what_is_said_to_be_compiled_once_is() -> None:
    listed = re.search(r"set\(kernel_sources(.*?)\)", (ROOT / "CMakeLists.txt").read_text(), re.DOTALL)
    assert listed is not None
    ruled = set(re.findall(r"(\w+)\.cpp", listed[1]))
    assert {"skipgram", "noise_loss"} <= ruled
    assert not ruled & COMPILED_ONCE


def test_the_fixture_chooses_what_is_named(target: str) -> None:
    assert choose_target() == target
    assert noise_loss.slope_step(1) == LANES.get(target, 4)  # whole vectors: the code that ran is that of the name


def test_the_variable_is_read_at_every_call_and_kept_by_a_training_kernel(
    target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel = SkipgramKernel(np.array([2, 1]), 4, window=1, negative=1, sample=0, ns_exponent=1)
    monkeypatch.setenv("VASTMAX_KERNEL", "baseline")
    assert choose_target() == "baseline"
    assert noise_loss.slope_step(1) == 4
    assert kernel.target == target
    monkeypatch.delenv("VASTMAX_KERNEL")
    assert choose_target() == available_targets()[0]


@pytest.mark.parametrize("name", ["avx1024", "AVX2 ", "sse"])
def test_an_instruction_set_this_machine_lacks_is_one_clear_error(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VASTMAX_KERNEL", name)
    message = rf"VASTMAX_KERNEL is '{name}'; this machine has .*baseline: set it to one of these, or unset it"
    with pytest.raises(InputError, match=message):
        choose_target()

    def text():  # type: ignore[no-untyped-def]
        raise AssertionError("the text was read before the variable was looked at")
        yield []

    with pytest.raises(InputError, match=message):
        train_embeddings(text())
