"""`vastmax compare`: the race as a user runs it; races in this process but for those that signals stop."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import shlex
import shutil
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch

from chain_race import InThisProcess
from vastmax.language_model import RunFolder

Invoke = Callable[..., Any]  # the fixtures of conftest.py

SMALL = (
    *("--hidden-size", 8, "--streams", 8, "--bptt", 8, "--warmup-steps", 0, "--threads", 1, "--device", "cpu"),
    *("--encoder", "log-bilinear", "--points", 2, "--curve-words", 50),
)
RACE = ("--methods", "softmax,adaptive", "--epochs", 1, *SMALL)


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> type[InThisProcess]:
    """Methods run in this process, and die of what the class says."""
    monkeypatch.setattr("vastmax.compare.race.ContestantProcess", InThisProcess)
    monkeypatch.setattr(InThisProcess, "died_of", None)
    return InThisProcess


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, corpus_file: Path) -> Path:
    """The folder of a race that is over."""
    from vastmax.cli.main import run

    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("finished") / "race"
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("vastmax.compare.race.ContestantProcess", InThisProcess)
        with pytest.raises(SystemExit) as stopped:
            run([str(part) for part in ("compare", corpus_file, *RACE, "-o", folder)])
    assert not stopped.value.code
    return folder


@pytest.fixture
def race(finished: Path, tmp_path: Path) -> Path:
    """A copy of it, to do with as one likes."""
    shutil.copytree(finished, tmp_path / "race")
    return tmp_path / "race"


@pytest.mark.usefixtures("here")
def test_a_race_ends_with_a_recommendation_and_a_report(invoke: Invoke, corpus_file: Path, tmp_path: Path) -> None:
    ran = invoke("compare", corpus_file, *RACE, "-o", tmp_path / "race")
    assert ran.code == 0, ran.err
    lines = ran.out.splitlines()
    rows = [line.split("\t") for line in lines if line.startswith("method\t")]
    assert [(row[1], len(row)) for row in rows] == [("softmax", 7), ("adaptive", 7)]
    report = json.loads((tmp_path / "race" / "report.json").read_text())
    assert [row[2] for row in rows] == [f"{method['perplexity']:,.1f}" for method in report["methods"]]
    assert rows[0][4] == "1.0×"
    assert sum(line.startswith("Recommended: ") for line in lines) == 1
    assert "Reasons for caution" in lines  # so short a race
    assert lines[-1] == f"Report: {tmp_path / 'race' / 'report.html'}"
    assert (
        next(line for line in lines if line.startswith("Recommended: "))
        in (tmp_path / "race" / "report.html").read_text()
    )
    assert "Race: 2 methods, 1 epoch each.\n" in ran.err
    assert re.search(r"^softmax \(1 of 2\): 5,130 of 5,130 words, .*perplexity [\d.]+, took", ran.err, re.MULTILINE)
    assert re.search(r"^adaptive \(2 of 2\): ", ran.err, re.MULTILINE)
    assert RunFolder.open(tmp_path / "race" / "runs" / "adaptive").load_model() is not None


def test_the_report_alone_is_written_anew(invoke: Invoke, race: Path) -> None:
    before = (race / "report.json").read_bytes()
    page = (race / "report.html").read_text()
    (race / "report.html").unlink()
    found = invoke("compare", "--report-only", "-o", race, "--json").json
    assert (race / "report.html").read_text() == page
    assert (race / "report.json").read_bytes() == before
    assert found["page"] == str(race / "report.html")
    assert found["recommendation"]["headline"].startswith("Recommended: ")
    assert [method["method"] for method in found["methods"]] == ["softmax", "adaptive"]
    ran = invoke("compare", "--report-only", "-o", race)
    assert found["recommendation"]["headline"] in ran.out.splitlines()


def test_a_report_that_cannot_be_written_does_not_lose_the_race(invoke: Invoke, race: Path) -> None:
    before = (race / "report.json").read_bytes()
    (race / "report.html").unlink()
    (race / "report.html").mkdir()
    ran = invoke("compare", "--report-only", "-o", race)
    assert "report.html: it is a folder" in ran.refused()
    assert ran.refused().endswith(f"race/report.json holds the results; try: vastmax compare --report-only -o {race}")
    assert ran.out.startswith("method\tsoftmax\t")
    assert "Report: " not in ran.out
    assert (race / "report.json").read_bytes() == before
    assert invoke("compare", "--report-only", "-o", race, "--json").json["page"] is None


def test_methods_that_fail_are_named_and_have_an_exit_code(
    invoke: Invoke, here: type[InThisProcess], corpus_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def died_of(self: Any) -> str | None:
        return "no luck" if self._job["before"]["method"] == "softmax" else None

    monkeypatch.setattr(here, "died_of", property(died_of))
    ran = invoke("compare", corpus_file, *RACE, "-o", tmp_path / "race")
    assert ran.code == 3
    *_, failed, again = ran.err.splitlines()
    assert failed == "vastmax: softmax failed: no luck"
    assert again.startswith("vastmax: run failed methods again with: vastmax compare ")
    assert again.endswith(" --resume --retry-failed")
    assert ran.out.startswith("method\tsoftmax\tfailed\t\t\t\t\nmethod\tadaptive\t")
    assert "Recommended: adaptive" in ran.out
    assert (tmp_path / "race" / "runs" / "softmax" / "error.txt").read_text() == "Traceback: …"
    monkeypatch.setattr(here, "died_of", None)
    ran = invoke(*shlex.split(again.partition(" vastmax ")[2]))
    assert ran.code == 0, ran.err
    assert not (tmp_path / "race" / "runs" / "softmax" / "error.txt").exists()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--minutes-each", "1", "--epochs", "1"], "--minutes-each and --epochs are two budgets"),
        (["--minutes-each", "0"], "--minutes-each is 0"),
        (["--epochs", "0"], "--epochs is 0"),
        (["--methods", "softmax,hsoftmax"], "--methods is 'hsoftmax'; expected softmax, "),
        (["--methods", ","], "--methods is ''; expected some of"),
        (["--encoder", "gru"], "encoder is 'gru'; expected log-bilinear, "),
        (["--method-option", "nce"], "--method-option is 'nce'; expected METHOD.NAME=VALUE"),
        (["--method-option", "char-lstm.x=1"], "is for 'char-lstm', which does not run"),
        (["--method-option", "nce.samples=1"], "samples"),
        (["--tune", "-1"], "--tune is -1"),
        (["--retry-failed"], "--retry-failed needs --resume"),
        (["--resume"], "race holds no race (report.json is missing)"),
        (["--report-only"], "--report-only reads no CORPUS"),
        (["--checkpoint-minutes", "0"], "--checkpoint-minutes is 0"),
        (["--min-count", "0"], "--min-count is 0; expected a whole number of at least 1"),
        (["--max-final-vocab", "2"], "--max-final-vocab is 2; expected a whole number of at least 3"),
        (["--held-out", "0"], "--held-out is 0 and --valid is not given"),
        (["--held-out", "1"], "--held-out is 1.0; expected a number of at least 0 and below 1"),
    ],
)
def test_options_that_cannot_be(
    invoke: Invoke, corpus_file: Path, tmp_path: Path, options: list[str], says: str
) -> None:
    ran = invoke("compare", corpus_file, "-o", tmp_path / "race", *options)
    assert says in ran.refused()
    assert not (tmp_path / "race").exists()


def test_text_that_cannot_be(invoke: Invoke, corpus_file: Path, tmp_path: Path) -> None:
    race = tmp_path / "race"
    (tmp_path / "empty.txt").write_text("")
    ran = invoke("compare", corpus_file, "--valid", tmp_path / "empty.txt", "-o", race)
    assert "empty.txt" in ran.refused()
    (tmp_path / "latin.txt").write_text("lorem ipsum dolor\nsit amet\n")
    ran = invoke("compare", corpus_file, "--valid", tmp_path / "latin.txt", "-o", race)
    assert "none of the 5 words of the text is among the 21 of the model" in ran.refused()
    assert "CORPUS is missing" in invoke("compare", "-o", race).refused()
    assert "missing.txt" in invoke("compare", tmp_path / "missing.txt", "-o", race).refused()
    assert not race.exists()


def test_folders_that_cannot_be(invoke: Invoke, corpus_file: Path, race: Path, tmp_path: Path) -> None:
    before = (race / "report.json").read_bytes()
    ran = invoke("compare", corpus_file, *RACE, "-o", race)
    assert "already holds a race; resume it (--resume)" in ran.refused()
    ran = invoke("compare", corpus_file, *RACE, "--epochs", 2, "-o", race, "--resume")
    assert "cannot resume with other settings: --epochs was 1, now 2" in ran.refused()
    assert (race / "report.json").read_bytes() == before
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter").write_text("dear reader")
    assert "is not empty and holds no race" in invoke("compare", corpus_file, "-o", tmp_path / "full").refused()
    ran = invoke("compare", corpus_file, "-o", tmp_path / "full" / "letter")
    assert "there is a file of that name" in ran.refused()
    ran = invoke("compare", corpus_file, "-o", tmp_path / "nowhere" / "race")
    assert "nowhere does not exist; make it first" in ran.refused()
    assert "holds no race" in invoke("compare", "--report-only", "-o", tmp_path / "full").refused()


@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may write everywhere")
def test_a_place_that_may_not_be_written(invoke: Invoke, corpus_file: Path, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    assert "Permission denied" in invoke("compare", corpus_file, "-o", tmp_path / "race").refused()


@pytest.mark.parametrize(
    ("number", "code", "verb"), [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")]
)
def test_a_race_that_is_stopped_says_how_to_go_on_and_does(
    vastmax_on_path: dict[str, str],
    invoke: Invoke,
    here: type[InThisProcess],
    corpus_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    code: int,
    verb: str,
) -> None:
    options = ("--methods", "nce,softmax", "--epochs", 100_000, *SMALL)
    command = ["vastmax", "compare", str(corpus_file), *map(str, options), "-o", "race"]
    process = subprocess.Popen(command, cwd=tmp_path, env=vastmax_on_path, stderr=subprocess.PIPE, text=True)
    end, log = time.monotonic() + 240, tmp_path / "race" / "runs" / "nce" / "log.csv"
    while not (log.exists() and log.read_text().count("\n") > 1):
        assert process.poll() is None
        assert time.monotonic() < end
        time.sleep(0.1)
    process.send_signal(number)
    err = process.communicate(timeout=120)[1]
    assert process.returncode == code, err
    said = err.splitlines()[-1]
    found = re.fullmatch(rf"vastmax: {verb}; race holds the results so far; resume with: (.*)", said)
    assert found is not None, said
    assert shlex.split(found[1]) == [*command, "--resume"]
    assert {path.name for path in (tmp_path / "race").iterdir()} == {"report.html", "report.json", "runs"}
    before = json.loads((tmp_path / "race" / "report.json").read_text())["methods"][0]
    assert before["status"] == "running"
    assert before["training_words"] > 0

    compare = import_module("vastmax.cli.compare")
    asked = 0

    class HeardLater(compare.StopSignals):  # type: ignore[name-defined, misc]
        def __call__(self) -> bool:
            nonlocal asked
            asked += 1
            self.number = number if asked > 20 else None
            return asked > 20

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(compare, "StopSignals", HeardLater)
    ran = invoke(*shlex.split(found[1])[1:])
    assert ran.code == code
    after = json.loads((tmp_path / "race" / "report.json").read_text())["methods"][0]
    assert after["curve"][0] == before["curve"][0]
    assert 0 < after["training_words"] - before["training_words"] <= 20 * 64


def test_nothing_is_wider_than_the_terminal(race: Path, vastmax_on_path: dict[str, str]) -> None:
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 80, 0, 0))
    command = ["vastmax", "compare", "--report-only", "-o", str(race)]
    environment = {**vastmax_on_path, "TERM": "dumb", "NO_COLOR": "1"}
    process = subprocess.Popen(command, env=environment, stdout=follower, stderr=follower)
    os.close(follower)
    shown = b""
    while True:
        try:
            shown += os.read(leader, 100_000)
        except OSError:  # Linux's way to say that the other end is closed
            break
    os.close(leader)
    assert process.wait(60) == 0
    lines = shown.decode().replace("\r\n", "\n").rstrip("\n").split("\n")
    assert max(len(line.rstrip()) for line in lines[:-1]) <= 80  # the last one is a path, for a click
    assert any("softmax" in line and "1.0×" in line for line in lines)
    assert lines[-1].split() == ["Report:", str(race / "report.html")]
