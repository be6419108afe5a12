"""A race: what its folder holds, how it goes on, and that a method which fails does not lose the others."""

from __future__ import annotations

import json
import re
import signal
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from chain_race import Chain, InThisProcess, settings_of, without_times
from vastmax.compare import Race, RaceFolder, run_race
from vastmax.compare import process as processes
from vastmax.errors import InputError
from vastmax.run_lock import locked_folder

RunRace = Callable[..., Race]


def test_what_a_race_finds_is_in_its_folder(race_here: RunRace, chain: Chain, tmp_path: Path) -> None:
    settings = settings_of("softmax", "hierarchical-softmax")
    race = race_here(settings)
    assert race.complete
    assert RaceFolder(tmp_path / "race").read() == race
    assert {path.name for path in (tmp_path / "race").iterdir()} == {"report.json", "runs"}
    assert [method.status for method in race.methods] == ["finished", "finished"]
    assert race.text["sources"] == ["a chain"]
    assert (race.text["training_words"], race.text["validation_words"], race.text["vocabulary_size"]) == (
        8_000,
        500,
        20,
    )
    assert race.text["unigram_perplexity"] == pytest.approx(2.718281828**chain.unigram_nats, rel=1e-6)
    assert race.machine["threads"] == 1
    assert race.tree is not None
    assert race.tree["size"] == 20
    assert sum(child["share"] for child in race.tree["children"]) == pytest.approx(1)
    assert race_here(settings_of("softmax", "hierarchical-softmax"), resume=True) == race  # nothing is left to do


def test_two_races_do_not_run_in_one_folder(race_here: RunRace, tmp_path: Path) -> None:
    settings, refused = settings_of("softmax"), []

    def second() -> None:
        for resume in (False, True):
            try:
                race_here(settings, resume=resume)
            except InputError as error:
                refused.append(str(error))

    with locked_folder(tmp_path / "race"):
        thread = threading.Thread(target=second)
        thread.start()
        thread.join()
    assert ["race is being written by process" in line for line in refused] == [True, True]
    assert race_here(settings).complete


def test_only_what_is_a_races_is_removed(race_here: RunRace, tmp_path: Path) -> None:
    race_here(settings_of("softmax"))
    place = RaceFolder(tmp_path / "race")
    run = place.run_path("softmax")
    for notes in (tmp_path / "race" / "notes.txt", run / "notes.txt", run.parent / "notes.txt"):
        notes.write_text("the user's own")
        with pytest.raises(InputError, match=r"notes\.txt does not belong to a race"):
            place.remove(())
        place.forget_run("another")
        notes.unlink()
    (run / "notes.txt").write_text("the user's own")
    place.forget_run("softmax")
    assert [path.name for path in run.iterdir()] == ["notes.txt"]
    (run / "notes.txt").unlink()
    place.remove(())
    assert not list(tmp_path.glob("race"))


def test_a_race_goes_on_where_it_was_stopped(race_here: RunRace, tmp_path: Path) -> None:
    settings = settings_of("softmax", "nce")
    asked = 0

    def stop() -> bool:
        nonlocal asked
        asked += 1
        return asked > 70  # in the second method

    stopped = race_here(settings, stop=stop)
    assert not stopped.complete
    assert [method.status for method in stopped.methods] == ["finished", "running"]
    assert 0 < stopped.methods[1].training_words < 8_000
    finished = race_here(settings, resume=True)
    assert finished.methods[0] == stopped.methods[0]
    (tmp_path / "race").rename(tmp_path / "parts")
    whole = race_here(settings)
    assert without_times(finished.to_json()) == without_times(whole.to_json())


def test_a_method_may_join_later(race_here: RunRace) -> None:
    first = race_here(settings_of("softmax"))
    both = race_here(settings_of("nce", "softmax", method_options={"nce": {"num_samples": 8}}), resume=True)
    assert [method.method for method in both.methods] == ["softmax", "nce"]
    assert both.methods[0] == first.methods[0]
    assert both.complete


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"hidden_size": 25}, "cannot resume with other settings: hidden_size was 24, now 25"),
        ({"embedding_lr": 0.2, "trials": 1}, r"trials was 0, now 1; training.embedding_lr was 0.3, now 0.2"),
        ({"encoder_options": {"context_size": 2}}, "encoder_options.context_size was 1, now 2"),
        ({"method_options": {"nce": {"num_samples": 9}}}, "method_options.nce was None, now {'num_samples': 9}"),
    ],
)
def test_a_race_goes_on_with_its_own_settings_only(race_here: RunRace, changed: dict[str, Any], says: str) -> None:
    race_here(settings_of("nce"), stop=lambda: True)
    with pytest.raises(InputError, match=says):
        race_here(settings_of("nce", **changed), resume=True)


def test_a_race_goes_on_with_its_own_text_and_methods_only(race_here: RunRace, chain: Chain) -> None:
    race_here(settings_of("nce", "softmax"), stop=lambda: True)
    with pytest.raises(InputError, match="other settings: methods lack softmax"):
        race_here(settings_of("nce"), resume=True)
    other = replace(chain.text, validation=chain.text.training[:500])
    says = (
        r"cannot resume with another text: the race was started with a chain, 8000 words .*; this is a chain, .*: give"
    )
    with pytest.raises(InputError, match=says):
        race_here(settings_of("nce", "softmax"), resume=True, text=other)


def test_a_method_that_dies_does_not_lose_the_others(race_here: RunRace, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = settings_of("softmax", "nce")

    def died_of(self: Any) -> str | None:
        return "memory" if self._job["before"]["method"] == "softmax" else None

    with monkeypatch.context() as patched:
        patched.setattr(InThisProcess, "died_of", property(died_of))
        race = race_here(settings)
    assert [(method.status, method.error) for method in race.methods] == [("failed", "memory"), ("finished", None)]
    assert race.complete
    assert race_here(settings, resume=True) == race
    mended = race_here(settings, resume=True, retry_failed=True)
    assert [(method.status, method.error) for method in mended.methods] == [("finished", None), ("finished", None)]
    assert mended.methods[1] == race.methods[1]


def test_each_method_runs_in_a_process_of_its_own(chain: Chain, tmp_path: Path) -> None:
    # An option of the wrong kind: an error that nobody has foreseen.
    settings = settings_of("adaptive", "softmax", method_options={"adaptive": {"cutoffs": "abc"}})
    race = run_race(chain.text, settings, tmp_path / "race")
    assert [method.status for method in race.methods] == ["failed", "finished"]
    assert str(race.methods[0].error).startswith("ValueError: invalid literal")
    told = (tmp_path / "race" / "runs" / "adaptive" / "error.txt").read_text()
    assert told.startswith("Traceback (most recent call last):")
    assert str(race.methods[0].error) in told
    assert not (tmp_path / "race" / "runs" / "softmax" / "error.txt").exists()
    found = race.methods[1]
    assert found.nats is not None
    assert found.nats - chain.validation_nats < 1.0
    assert found.peak_bytes is not None
    assert 0 < found.peak_bytes < 200e6
    assert found.training_seconds > 0
    assert found.training_cpu_seconds > 0


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("kill -KILL $$", r"its process was killed \(SIGKILL\), which systems do when memory runs out"),
        ("kill -ABRT $$", "its process died of SIGABRT"),
        ("echo 'bad luck' >&2; exit 7", "its process ended with code 7: bad luck"),
    ],
)
def test_why_a_process_died(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, says: str) -> None:
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\nulimit -c 0\n{script}\n")
    python.chmod(0o755)
    monkeypatch.setattr(processes.sys, "executable", str(python))
    with processes.ContestantProcess({}) as process:
        assert list(process.messages(lambda: False)) == []
        assert re.fullmatch(says, process.why_it_died())


def test_a_process_is_not_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\nread job\necho '{\"done\": 0}'\nread end\nsleep 60\n")  # slow to save
    python.chmod(0o755)
    monkeypatch.setattr(processes.sys, "executable", str(python))
    monkeypatch.setattr(processes, "SECONDS_TO_SAVE", 0.2)
    with processes.ContestantProcess({}) as process:
        assert next(process.messages(lambda: False)) == {"done": 0}
    assert process._process.poll() == -signal.SIGKILL


def test_folders_that_cannot_hold_a_race(race_here: RunRace, tmp_path: Path, chain: Chain) -> None:
    settings = settings_of("softmax")
    with pytest.raises(InputError, match=r"race holds no race \(report.json is missing\)"):
        race_here(settings, resume=True)
    race_here(settings, stop=lambda: True)
    with pytest.raises(InputError, match=r"already holds a race; resume it \(--resume\)"):
        race_here(settings)
    report = tmp_path / "race" / "report.json"
    report.write_text(json.dumps({"format": 99}))
    with pytest.raises(InputError, match="a report of format 99; expected 2"):
        race_here(settings, resume=True)
    report.write_text("{")
    with pytest.raises(InputError, match="is damaged: it is not JSON"):
        race_here(settings, resume=True)
    report.rename(tmp_path / "race" / "letter")
    with pytest.raises(InputError, match="is not empty and holds no race"):
        race_here(settings)
    with pytest.raises(InputError, match="a race needs validation text"):
        race_here(settings, text=replace(chain.text, validation=None))


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"methods": ()}, "methods is ''; expected some of softmax, "),
        ({"methods": ("softmax", "hsoftmax")}, "method is 'hsoftmax'; expected softmax, "),
        ({"methods": ("nce", "nce")}, "the method 'nce' is given twice"),
        ({"encoder": "gru"}, "encoder is 'gru'; expected log-bilinear, "),
        ({"method_options": {"nce": {}}}, "there are options for 'nce', which does not run; expected softmax"),
        ({"encoder_options": {"context_size": 0}}, "context_size is 0"),
        ({"points": 0}, "points is 0; expected a whole number from 1 to 10000"),
        ({"trials": -1}, "trials is -1; expected a whole number from 0 to 1000"),
        ({"trial_share": 1.5}, "trial_share is 1.5; expected a number above 0 and at most 1"),
        ({"threads": 0}, "threads is 0; expected a whole number from 1 to 4096"),
        ({"threads": 1.5}, "threads is 1.5; expected a whole number from 1 to 4096"),
        ({"patience": 2}, "with patience, methods would have different budgets"),
    ],
)
def test_settings_that_cannot_be(changed: dict[str, Any], says: str) -> None:
    methods = changed.pop("methods", ("softmax",))
    with pytest.raises(InputError, match=says):
        settings_of(*methods, **changed)
