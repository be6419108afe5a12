"""`vastmax lm`: what each command prints, what it refuses, and what is left when it is stopped."""

from __future__ import annotations

import csv
import json
import math
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch

from vastmax import extras

Invoke = Callable[..., Any]  # the fixtures of conftest.py

SMALL = ("--hidden-size", 8, "--streams", 8, "--bptt", 8, "--warmup-steps", 0, "--threads", 1, "--device", "cpu")


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, corpus_file: Path) -> Path:
    """A run whose method has an unnormalised figure, too; text in lower case."""
    from vastmax.cli.main import run

    folder = tmp_path_factory.mktemp("lm") / "run"
    arguments = ["lm", "train", corpus_file, "--method", "nce", "--method-option", "num_samples=32", "--lowercase"]
    with pytest.raises(SystemExit) as stopped:
        run([str(part) for part in (*arguments, *SMALL, "--epochs", 3, "--embedding-lr", 0.3, "-o", folder)])
    assert not stopped.value.code
    return folder


def test_processes_of_torchrun_train_together(corpus_file: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    torchrun = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "--no-python")
    vastmax = (sys.executable, "-c", "from vastmax.cli.main import run; run()")
    ran = subprocess.run(
        [*torchrun, *vastmax, "lm", "train", *map(str, (corpus_file, *SMALL, "--epochs", 1, "-o", run))],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.count("validation perplexity") == 1  # one of them speaks
    assert (run / "model.safetensors").exists()


def test_training_says_what_it_did_and_leaves_a_run(invoke: Invoke, corpus_file: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    ran = invoke("lm", "train", corpus_file, "--method", "adaptive", *SMALL, "--epochs", 2, "-o", run)
    assert ran.code == 0, ran.err
    assert re.fullmatch(
        r".*/run: lstm 8, adaptive, 21 words; 10,260 words read in [\d.]+ s, validation perplexity [\d.]+\n", ran.out
    )
    assert "Epoch 2 of 2: 5,130 of 5,130 words" in ran.err
    assert {path.name for path in run.iterdir()} == {
        "checkpoint.pt",
        "config.json",
        "log.csv",
        "model.safetensors",
        "vocabulary.txt",
    }
    log = list(csv.DictReader((run / "log.csv").read_text().splitlines()))
    assert [(row["epoch"], row["words"]) for row in log if row["validation_nats"]] == [("1", "5130"), ("2", "10260")]
    again = invoke("lm", "train", corpus_file, "--method", "adaptive", *SMALL, "--epochs", 2, "-o", run)
    assert again.refused().endswith("already holds a run; resume it (--resume), or give another folder")


def test_perplexity_is_exact_and_the_unnormalised_figure_stands_beside(
    invoke: Invoke, trained: Path, corpus_file: Path
) -> None:
    found = invoke("lm", "perplexity", trained, corpus_file, "--json").json
    assert found["words"] == sum(len(line.split()) + 1 for line in corpus_file.read_text().splitlines())
    assert found["perplexity"] == pytest.approx(math.exp(found["nats"]))
    assert found["normalised"] is True
    assert found["unknown"] == 0
    assert found["unnormalised_nats"] != found["nats"]
    assert sum(band["words"] for band in found["bands"]) == found["words"]
    assert found["bits_per_character"] * corpus_file.stat().st_size == pytest.approx(
        found["bits_per_word"] * found["words"],
        rel=0.01,  # è is two bytes and one character
    )
    rows = dict(line.split("\t", 1) for line in invoke("lm", "perplexity", trained, corpus_file).out.splitlines())
    assert float(rows["perplexity"]) == pytest.approx(found["perplexity"], abs=0.01)
    assert float(rows["nats per word, not normalized"]) == pytest.approx(found["unnormalised_nats"], abs=1e-3)
    assert rows["unknown words"] == "0 (0.00%)"


def test_scores_and_next_words_agree(invoke: Invoke, shell: Invoke, trained: Path) -> None:
    ran = shell(f"printf 'The cat\\n\\npaint it zebra' | vastmax lm score {trained} --device cpu")
    rows = [line.split("\t") for line in ran.out.splitlines()]
    assert [(number, word) for number, word, _ in rows] == [
        ("1", "the"),  # the run was trained in lower case
        ("1", "cat"),
        ("1", "</s>"),
        ("2", "</s>"),
        ("3", "paint"),
        ("3", "it"),
        ("3", "zebra"),
        ("3", "</s>"),
    ]
    following = {
        row["word"]: row["probability"] for row in invoke("lm", "next", trained, "THE", "-n", 21, "--json").json
    }
    assert len(following) == 21
    assert math.exp(float(rows[1][2])) == pytest.approx(following["cat"], abs=1e-4)
    totals = shell(f"printf 'the cat\\n\\n' | vastmax lm score {trained} --totals --device cpu").out.splitlines()
    assert [float(total) for total in totals] == pytest.approx(
        [sum(float(row[2]) for row in rows if row[0] == number) for number in ("1", "2")], abs=1e-3
    )
    ran = invoke("lm", "next", trained, "the", "--topn", 2)
    assert [line.split("\t")[0] for line in ran.out.splitlines()] == list(following)[:2]


def test_sentences_are_drawn_by_seed(invoke: Invoke, trained: Path) -> None:
    one = invoke("lm", "generate", trained, "--context", "The cat", "-n", 3, "--seed", 4)
    assert one.out == invoke("lm", "generate", trained, "--context", "the cat", "-n", 3, "--seed", 4).out
    assert len(one.out.splitlines()) == 3
    assert all(line.startswith("the cat") for line in one.out.splitlines())
    assert invoke("lm", "generate", trained, "-n", 2, "--json").json


def test_an_index_of_a_run(invoke: Invoke, trained: Path, tmp_path: Path) -> None:
    path = tmp_path / "run.index"
    facts = invoke("index", trained, "-o", path, "--json").json
    assert facts["recall"] == facts["certified_share"] == 1.0
    assert facts["bytes"] == path.stat().st_size
    assert "of queries proved" in invoke("index", trained, "-o", path, "--kind", "clustered", "--recall", "0.5").out
    plain = invoke("lm", "next", trained, "the cat", "--json").json
    found = invoke("lm", "next", trained, "the cat", "--search", path, "--json").json
    assert plain[0]["word"] == found[0]["word"]
    drawn = invoke("lm", "generate", trained, "--search", path, "-n", 2, "--top-k", 5, "--temperature", "0.8", "--json")
    assert len(drawn.json) == 2
    assert invoke("lm", "generate", trained, "--context", "the", "--beams", 3, "--json").json[0][0] == "the"
    assert "beam search draws nothing" in invoke("lm", "generate", trained, "--beams", 2, "--top-k", 3).refused()
    assert "is a folder" in invoke("index", trained, "-o", tmp_path).refused()
    path.write_bytes(path.read_bytes()[:-9])
    assert "cut off or damaged" in invoke("lm", "next", trained, "the", "--search", path).refused()


def test_indexes_are_raced(invoke: Invoke, trained: Path, corpus_file: Path, tmp_path: Path) -> None:
    race = ("lm", "race-search", trained, corpus_file, "--no-cache", "--kinds", "certified", "--rounds", 1, "-n", 3)
    found = invoke(*race, "--batches", "1,4", "--json").json
    assert [each["recall"] for each in found["measured"]] == [1.0, 1.0, 1.0]
    assert set(found["measured"][2]["milliseconds"]) == {"1", "4"}
    rows = [line.split("\t") for line in invoke(*race, "--batches", "1").out.splitlines()]
    assert [row[0] for row in rows] == ["every word (PyTorch)", "no index", "certified"]
    assert "--batches is '1,x'; expected whole numbers" in invoke(*race, "--batches", "1,x").refused()
    assert "--kinds holds 'best'" in invoke(*race, "--kinds", "best").refused()
    assert "must end in .png" in invoke(*race, "--picture", tmp_path / "race.svg").refused()
    few = tmp_path / "few.txt"
    few.write_text("the cat\n")
    assert "3 queries are too few" in invoke("lm", "race-search", trained, few, "--no-cache").refused()


def test_an_index_of_vectors(invoke: Invoke, vectors_file: Path, tmp_path: Path) -> None:
    path = tmp_path / "vectors.index"
    assert invoke("index", vectors_file, "-o", path, "--json").json["recall"] == 1.0
    assert path.exists()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--encoder", "gru"), "encoder is 'gru'; expected log-bilinear, feed-forward, lstm, transformer"),
        (("--method", "hsoftmax"), "method is 'hsoftmax'; expected softmax, "),
        (("--method-option", "num_samples=many"), "num_samples=many of sampled-softmax: expected a whole number"),
        (("--encoder-option", "heads=2"), "lstm has no option 'heads'; it has embedding_size, num_layers, dropout"),
        (("--encoder-option", "dropout=2"), "dropout is 2.0; expected a number of at least 0 and below 1"),
        (("--epochs", 0), "--epochs is 0; expected a whole number from 1 to 1000000"),
        (("--hidden-size", 0), "--hidden-size is 0"),
        (("--precision", "float16"), "--precision float16 needs a GPU; bfloat16 works on a CPU, too"),
        (("--device", "tpu"), "--device is 'tpu'; expected cpu, cuda or cuda:NUMBER"),
        (("--device", "cuda:99"), "--device is cuda:99, but PyTorch sees"),
        (("--threads", 0), "--threads is 0; expected a whole number from 1 to"),
        (("--held-out", 1), "--held-out is 1.0; expected a number of at least 0 and below 1"),
        (("--min-count", 0), "--min-count is 0; expected a whole number of at least 1"),
        (("--min-count", 10_000), "no word reaches --min-count 10000"),
        (("--tied", "--method", "adaptive"), "'adaptive' has Adaptive: leave --tied out"),
        (("--resume",), "run is not the folder of a run: it holds no config.json"),
    ],
)
def test_options_that_cannot_be(
    invoke: Invoke, corpus_file: Path, tmp_path: Path, options: tuple[Any, ...], says: str
) -> None:
    ran = invoke("lm", "train", corpus_file, *SMALL, "-o", tmp_path / "run", *options)
    assert says in ran.refused()
    assert list(tmp_path.iterdir()) == []


def test_validation_text_that_measures_nothing(invoke: Invoke, corpus_file: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.txt"
    for content, says in (
        (b"", "no words"),
        (b"alles ganz anders\n", "none of the 3 words of the text is among the 21"),
    ):
        other.write_bytes(content)
        assert says in invoke("lm", "train", corpus_file, "--valid", other, "-o", tmp_path / "run").refused()
    assert list(tmp_path.iterdir()) == [other]


def test_text_that_a_model_cannot_be_measured_on(invoke: Invoke, trained: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.txt"
    for content, says in (
        (b"", "no words"),
        (b"alles ganz anders\n", "none of the 3 words of the text is among the 21"),
    ):
        other.write_bytes(content)
        assert says in invoke("lm", "perplexity", trained, other).refused()


@pytest.mark.parametrize(
    "command", [("perplexity", "text.txt"), ("score",), ("next", "the"), ("generate",)], ids=lambda command: command[0]
)
def test_a_folder_that_is_no_run(invoke: Invoke, tmp_path: Path, command: tuple[str, ...]) -> None:
    for folder in (tmp_path, tmp_path / "missing"):
        ran = invoke("lm", command[0], folder, *command[1:])
        assert "is not the folder of a run: it holds no config.json; see vastmax lm train" in ran.refused()


@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written(invoke: Invoke, corpus_file: Path, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    assert "cannot write" in invoke("lm", "train", corpus_file, *SMALL, "-o", tmp_path / "run").refused()


def test_a_folder_in_a_place_that_is_not_there(invoke: Invoke, corpus_file: Path, tmp_path: Path) -> None:
    refused = invoke("lm", "train", corpus_file, *SMALL, "-o", tmp_path / "missing" / "run").refused()
    assert "does not exist; make it first" in refused


def test_pytorch_that_is_missing_is_named(
    invoke: Invoke, trained: Path, corpus_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = extras.has
    monkeypatch.setattr("vastmax.extras.has", lambda module: module != "torch" and found(module))
    for arguments in (("train", corpus_file, "-o", "run"), ("next", trained, "the")):
        assert "pip install '.[torch]'" in invoke("lm", *arguments).refused()


def test_a_loss_that_is_no_number_keeps_what_was_saved(
    invoke: Invoke, corpus_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vastmax.language_model import LanguageModel

    forward, calls = LanguageModel.forward, []

    def failing(self: Any, *arguments: Any, **options: Any) -> Any:
        calls.append(1)
        loss, state = forward(self, *arguments, **options)
        return (loss * math.nan if len(calls) > 100 else loss), state

    monkeypatch.setattr(LanguageModel, "forward", failing)
    ran = invoke("lm", "train", corpus_file, *SMALL, "--epochs", 2, "-o", tmp_path / "run")
    assert "the loss was nan at step 101; try rates below --embedding-lr 0.3 and --dense-lr 0.002" in ran.refused()
    assert ran.refused().endswith("run keeps what was saved before")
    state = torch.load(tmp_path / "run" / "checkpoint.pt", weights_only=True)["trainer"]
    assert state["progressed"]["epoch"] == 1
    assert all(value.isfinite().all() for value in state["model"].values())
    assert invoke("lm", "next", tmp_path / "run", "the").code == 0


@pytest.mark.parametrize(
    ("number", "code", "verb"), [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")]
)
def test_a_run_that_is_stopped_says_how_to_go_on(
    vastmax_on_path: dict[str, str], corpus_file: Path, tmp_path: Path, number: int, code: int, verb: str
) -> None:
    command = ["vastmax", "lm", "train", str(corpus_file), "-o", "run", *map(str, SMALL), "--minutes", "60"]
    process = subprocess.Popen(command, cwd=tmp_path, env=vastmax_on_path, stderr=subprocess.PIPE, text=True)
    end = time.monotonic() + 120
    log = tmp_path / "run" / "log.csv"
    while not (log.exists() and log.read_text().count("\n") > 1):
        assert process.poll() is None
        assert time.monotonic() < end
        time.sleep(0.1)
    process.send_signal(number)
    err = process.communicate(timeout=60)[1]
    assert process.returncode == code, err
    said = err.splitlines()[-1]
    found = re.fullmatch(rf"vastmax: {verb}; run holds the run up to step ([\d,]+); resume with: (.*)", said)
    assert found is not None, said
    assert shlex.split(found[2]) == [*command, "--resume"]
    state = torch.load(tmp_path / "run" / "checkpoint.pt", weights_only=True)["trainer"]["progressed"]
    assert state["step"] == int(found[1].replace(",", ""))
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert config["settings"]["minutes"] == 60


def test_a_stopped_run_goes_on_with_the_same_options_only(
    invoke: Invoke, corpus_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train = import_module("vastmax.cli.lm.train")  # the room's own name for it is the command

    class Heard(train.StopSignals):
        def __call__(self) -> bool:
            self.number = signal.SIGINT
            return True

    arguments = ("lm", "train", corpus_file, *SMALL, "--epochs", 1, "-o", tmp_path / "run")
    with monkeypatch.context() as patched:
        patched.setattr(train, "StopSignals", Heard)
        ran = invoke(*arguments)
    assert ran.code == 130
    assert "holds the run up to step 1; resume with: vastmax lm train" in ran.err
    assert "is written at the end of the first epoch" in invoke("lm", "next", tmp_path / "run", "the").refused()
    assert "--dense-lr was 0.002, now 0.1" in invoke(*arguments, "--resume", "--dense-lr", 0.1).refused()
    assert "method was sampled-softmax, now nce" in invoke(*arguments, "--resume", "--method", "nce").refused()
    assert "another text" in invoke(*arguments, "--resume", "--held-out", 0.5).refused()
    ran = invoke(*arguments, "--resume", "--json")
    assert ran.json["epochs"] == 1
    assert ran.json["trained_words"] == 5_130


def test_lm_without_a_command_shows_its_help(invoke: Invoke) -> None:
    ran = invoke("lm")
    assert ran.code == 0
    assert ran.out.startswith("Usage: vastmax lm")
    assert "perplexity" in ran.out
