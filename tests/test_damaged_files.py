"""A hundred ways to damage each format: a file loads as it was or is refused by a message, and nothing else happens.

benchmarks/damaged_files.py does the same with thousands of them, each process under a limit of memory and time.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

import file_mutants
from file_samples import SAMPLES, digest, outcome

MUTANTS = {"corpus cache": 60, "language model run": 40}


@pytest.mark.parametrize("name", SAMPLES)
def test_damage_is_told_or_harmless(name: str, tmp_path: Path) -> None:
    sample, path, whole = SAMPLES[name], tmp_path / "file", tmp_path / "whole"
    sample.write(path)
    file_mutants.copy(path, whole)
    good = digest(sample.read(path))
    ends: Counter[str] = Counter()
    for number in range(MUTANTS.get(name, 100)):
        file_mutants.remove(path)
        file_mutants.copy(whole, path)
        how = file_mutants.damage(path / sample.damaged, name, number)
        end, message = outcome(sample, path, good)
        ends[end] += 1
        allowed = {"as it was", "rebuilt", "told", "refused"} | ({"other"} if not sample.sealed else set())
        assert end in allowed, f"mutant {number}, {how}: {end} {message}"
        assert "\n" not in message, f"mutant {number}, {how}"
    assert ends["refused"] + ends["rebuilt"] + ends["told"] > 10, ends
