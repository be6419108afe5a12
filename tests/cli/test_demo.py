"""`vastmax demo`: vectors, maps and a race from one command, again and again, with PyTorch and without."""

from __future__ import annotations

import shutil
import sysconfig
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chain_race import InThisProcess
from vastmax import extras
from vastmax.cli import demo_race
from vastmax.compare import race
from vastmax.text import builtin

Invoke = Callable[..., Any]  # the fixtures of conftest.py
QUICK = ("--epochs", 2, "--threads", 1)
WITHOUT_RACE = [".vastmax-demo", "map.html", "map.png", "python-docs.txt", "vectors.safetensors"]


@pytest.fixture(autouse=True)
def _small_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A part of the real one; all of it is read when the README's commands are run. And two methods, here."""
    library = tmp_path / "library"
    for package in ("email", "json", "logging", "http"):
        shutil.copytree(Path(sysconfig.get_path("stdlib")) / package, library / package)
    monkeypatch.setattr(builtin.sysconfig, "get_path", lambda _: str(library))
    monkeypatch.setattr(demo_race, "METHODS", ("softmax", "hierarchical-softmax"))
    monkeypatch.setattr(race, "ContestantProcess", InThisProcess)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_fresh_folder_gets_all_of_it_and_a_second_run_replaces_it(invoke: Invoke, tmp_path: Path) -> None:
    folder = tmp_path / "out" / "deep"
    ran = invoke("demo", "-o", folder, *QUICK, "--race-seconds", 1)
    assert ran.code == 0, ran.err
    assert names(folder) == sorted([*WITHOUT_RACE, "race"])
    for text in (
        "unigram entropy",
        "words used alike",
        "analogies",
        "map.html",
        "map.png",
        "report.html",
        "Recommended: ",
    ):
        assert text in ran.out
    for method in demo_race.METHODS:
        assert any(line.split()[:2] == [method, "perplexity"] for line in ran.out.splitlines()), ran.out
    assert "words/s" in ran.err
    assert "hierarchical-softmax" in (folder / "race" / "report.html").read_text(encoding="utf-8")
    following = [line.split() for line in ran.out.splitlines() if " -m vastmax " in line and "YOUR" not in line]
    assert [words[3] for words in following] == ["neighbours", "analogy", "vocab"]
    for _, _, _, *command in following:  # python -m vastmax, for it is pytest that runs here
        assert invoke(*command).code == 0, command

    (folder / "race" / "report.html").write_text("an old one")
    ran = invoke("demo", "-o", folder, *QUICK, "--race-seconds", 1, "--json")
    assert ran.code == 0, ran.err
    assert [method["status"] for method in ran.json["race"]["methods"]] == ["finished", "finished"]
    assert all(Path(path).stat().st_size > 1000 for path in ran.json["written"])
    assert len(ran.json["training"]["losses"]) == 2


def test_without_pytorch_it_says_so_and_does_the_rest(
    invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = extras.has
    monkeypatch.setattr(extras, "has", lambda module: module != "torch" and found(module))
    ran = invoke("demo", "-o", tmp_path / "out", *QUICK)
    assert ran.code == 0
    said = [line for line in ran.err.splitlines() if line.startswith("vastmax: ")]
    assert said == [
        "vastmax: the race of output methods is left out: it needs PyTorch, which is not installed; "
        "in the source tree of vastmax, type: pip install '.[torch]'"
    ]
    assert names(tmp_path / "out") == WITHOUT_RACE
    assert "output methods" not in ran.out


def test_no_race_is_asked_for(invoke: Invoke, tmp_path: Path) -> None:
    ran = invoke("demo", "-o", tmp_path / "out", *QUICK, "--race-seconds", 0, "--json")
    assert ran.json["race"] is None
    assert "vastmax: " not in ran.err
    assert names(tmp_path / "out") == WITHOUT_RACE


def test_ctrl_c_in_the_race_leaves_the_vectors(invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Pressed(demo_race.StopSignals):
        def __call__(self) -> bool:
            self._heard(2, None) if self.number is None else None
            return super().__call__()

    monkeypatch.setattr(demo_race, "StopSignals", Pressed)
    ran = invoke("demo", "-o", tmp_path / "out", *QUICK)
    assert ran.code == 130
    assert ran.err.endswith(f"vastmax: interrupted; finished files are in {tmp_path / 'out'}\n")
    assert "words used alike" in ran.out
    assert set(WITHOUT_RACE) < set(names(tmp_path / "out"))


def test_what_is_not_ours_is_not_removed(invoke: Invoke, tmp_path: Path) -> None:
    theirs = tmp_path / "out" / "race"
    theirs.mkdir(parents=True)
    (theirs / "notes.txt").write_text("precious")
    assert "is not empty and holds no race" in invoke("demo", "-o", tmp_path / "out", *QUICK).refused()
    (theirs / "report.json").write_text("{}")
    said = invoke("demo", "-o", tmp_path / "out", *QUICK).refused()
    assert said.startswith(f"vastmax: --output {theirs} was not removed: ")
    assert said.endswith("Give another folder with -o")
    assert (theirs / "notes.txt").read_text() == "precious"
    assert names(tmp_path / "out") == [".vastmax-demo", "race"]
    assert "--race-seconds is -1" in invoke("demo", "-o", tmp_path / "out", "--race-seconds", -1).refused()
