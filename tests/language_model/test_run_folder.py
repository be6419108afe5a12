"""A run on disk: saved, resumed to the bit, refused where it is another's or damaged."""

from __future__ import annotations

import errno
import json
import math
import os
import signal
import sys
import threading
import types
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from vastmax.errors import InputError
from vastmax.files.record import sealed
from vastmax.language_model import (
    LanguageModelSettings,
    ModelConfig,
    RunFolder,
    TrainingFailedError,
    TrainingText,
    perplexity,
    train_run,
)
from vastmax.language_model.run_folder import CHECKPOINT, CONFIG, FILES, LOG, MODEL, TREE, VOCABULARY
from vastmax.run_lock import IN_FOLDER, locked_folder
from vastmax.training import log

WITHOUT_TREE = set(FILES) - {TREE}
MODEL_CONFIG = ModelConfig("lstm", "nce", 8, {"dropout": 0.2}, {"num_samples": 16})


def folder_of(path: Path, text: TrainingText, *, model: ModelConfig = MODEL_CONFIG, **changed: Any) -> RunFolder:
    settings = LanguageModelSettings(**{"epochs": 2, "num_streams": 4, "bptt": 5, "warmup_steps": 3, **changed})
    return RunFolder(path, model, settings, {"sources": ["small"], **text.digests()}, text.vocabulary)


def run(folder: RunFolder, text: TrainingText, **options: Any) -> Any:
    return train_run(folder, text.training, text.validation, **options)


class After:
    """Stops a run after so many steps."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    def __call__(self) -> bool:
        self.left -= 1
        return self.left <= 0


def parameters_in(folder: Path) -> dict[str, Tensor]:
    return torch.load(folder / CHECKPOINT, weights_only=True)["trainer"]["model"]


def test_two_runs_do_not_write_one_folder(tmp_path: Path, small_text: TrainingText) -> None:
    """One begins another from its own thread's callback, as it were: only another thread is another run here."""
    folder, refused = folder_of(tmp_path / "run", small_text, epochs=1), []

    def second() -> None:
        for resume in (False, True):
            try:
                run(folder, small_text, resume=resume)
            except InputError as error:
                refused.append(str(error))

    with locked_folder(folder.path):
        thread = threading.Thread(target=second)
        thread.start()
        thread.join()
        assert [path.name for path in folder.path.iterdir()] == [IN_FOLDER]
    assert len(refused) == 2
    assert f"run is being written by process {os.getpid()} on " in refused[0]
    run(folder, small_text)
    assert {path.name for path in folder.path.iterdir()} == WITHOUT_TREE


@pytest.mark.parametrize("left", [[VOCABULARY], [VOCABULARY, CONFIG], [VOCABULARY, CONFIG, LOG]])
def test_a_run_that_was_killed_before_it_had_anything_to_save_begins_again(
    tmp_path: Path, small_text: TrainingText, left: list[str]
) -> None:
    folder = folder_of(tmp_path / "run", small_text, epochs=1)
    killed = os.fork()
    if killed == 0:
        with locked_folder(folder.path):
            folder.create()
            (folder.path / LOG).write_text("step\n")
            for name in {VOCABULARY, CONFIG, LOG} - set(left):
                (folder.path / name).unlink()
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(killed, 0)
    assert {path.name for path in folder.path.iterdir()} == {*left, IN_FOLDER}
    run(folder, small_text, resume=CONFIG in left)
    assert {path.name for path in folder.path.iterdir()} == WITHOUT_TREE


@pytest.mark.parametrize("name", [VOCABULARY, MODEL, CHECKPOINT, LOG])
def test_files_that_are_of_no_run_are_not_written_over(tmp_path: Path, small_text: TrainingText, name: str) -> None:
    (tmp_path / name).write_text("the user's own")
    with pytest.raises(InputError, match=f"holds {name}, which does not belong to a run"):
        run(folder_of(tmp_path, small_text), small_text)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "the user's own"


def test_a_disk_that_is_full_for_the_log_is_told_of_the_log(
    tmp_path: Path, small_text: TrainingText, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = folder_of(tmp_path / "run", small_text, epochs=1)

    def full(path: Path, mode: str = "r", **options: Any) -> Any:
        if mode == "ab":
            raise OSError(errno.ENOSPC, "No space left on device")
        return open(path, mode, **options)

    monkeypatch.setattr(log, "open", full, raising=False)
    with pytest.raises(OSError, match=r"No space left on device: .*log\.csv"):
        run(folder, small_text)


def test_a_run_that_is_stopped_and_resumed_leaves_the_same_files(tmp_path: Path, small_text: TrainingText) -> None:
    whole = run(folder_of(tmp_path / "whole", small_text), small_text)
    steps = whole.progressed.step
    parts = folder_of(tmp_path / "parts", small_text)
    for resume, stop_after in ((False, 3), (True, steps // 2 - 3), (True, 10)):
        trainer = run(parts, small_text, resume=resume, stop=After(stop_after))
        assert not trainer.finished
    with open(tmp_path / "parts" / LOG, "a") as log:
        log.write("9999,9,9,9,9,,\n")  # written after the last checkpoint, by a run that was killed
    resumed = RunFolder.open(tmp_path / "parts")
    resumed.check_same(folder_of(tmp_path / "parts", small_text))
    trainer = run(resumed, small_text, resume=True)
    assert trainer.finished
    assert trainer.progressed.validation_nats == whole.progressed.validation_nats
    one, other = parameters_in(tmp_path / "whole"), parameters_in(tmp_path / "parts")
    assert all(torch.equal(one[name], other[name]) for name in one)
    for name in (MODEL, VOCABULARY):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "parts" / name).read_bytes()
    without_seconds = [
        [[cell for i, cell in enumerate(line.split(",")) if i != 3] for line in (path / LOG).read_text().splitlines()]
        for path in (tmp_path / "whole", tmp_path / "parts")
    ]
    assert without_seconds[0] == without_seconds[1]
    assert [line[0] for line in without_seconds[0]] == ["step", str(steps // 2), str(steps)]
    again = run(resumed, small_text, resume=True)  # nothing is left to do
    assert again.progressed.step == steps


def test_the_best_model_is_kept(tmp_path: Path, small_text: TrainingText, monkeypatch: pytest.MonkeyPatch) -> None:
    from vastmax.language_model import run as running

    found = iter([3.0, 2.0, 5.0])
    seen: list[dict[str, Tensor]] = []

    def measured(model: Any, *_: Any, **__: Any) -> Any:
        seen.append({name: value.clone() for name, value in model.state_dict().items()})
        return types.SimpleNamespace(nats=next(found))

    monkeypatch.setattr(running, "perplexity", measured)
    folder = folder_of(tmp_path / "run", small_text, epochs=3)
    run(folder, small_text)
    best = RunFolder.open(tmp_path / "run").load_model()
    assert not best.training
    assert all(torch.equal(value, seen[1][name]) for name, value in best.state_dict().items())
    assert (folder.path / MODEL).stat().st_mode & 0o777 == (folder.path / CONFIG).stat().st_mode & 0o777


def test_a_model_reads_back_as_it_was_measured(tmp_path: Path, small_text: TrainingText) -> None:
    folder = folder_of(tmp_path / "run", small_text)
    trainer = run(folder, small_text)
    opened = RunFolder.open(tmp_path / "run")
    assert small_text.validation is not None
    end = opened.vocabulary.id("</s>")
    nats = perplexity(opened.load_model(), small_text.validation, opened.vocabulary, first_id=end).nats
    assert nats == min(trainer.progressed.validation_nats)


def test_what_no_number_is_never_saved(
    tmp_path: Path, small_text: TrainingText, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = folder_of(tmp_path / "run", small_text, max_norm=None, epochs=1)
    saved: list[int] = []

    class Poisoned(After):
        def __call__(self) -> bool:
            if super().__call__():
                trainer.model.encoder.embedding.weight.data.fill_(math.nan)
            return False

    from vastmax.language_model import run as running

    class Watched(running.Trainer):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            nonlocal trainer
            super().__init__(*arguments, **options)
            trainer = self

    trainer: Any = None
    monkeypatch.setattr(running, "Trainer", Watched)
    monkeypatch.setattr(
        running, "write_state", lambda path, state: saved.append(state["trainer"]["progressed"]["step"])
    )
    ticks = iter(range(0, 10_000_000, 60))  # a minute passes between looks at the clock: every step is saved
    with pytest.raises(TrainingFailedError, match="a parameter is not finite after step 3"):
        run(folder, small_text, stop=Poisoned(3), save_minutes=1.0, clock=lambda: float(next(ticks)))
    assert saved == [0, 1, 2]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda path: (path / CONFIG).unlink(), "is not the folder of a run: it holds no config.json"),
        (lambda path: (path / CONFIG).write_text("{"), "config.json is damaged: it is not JSON"),
        (lambda path: (path / CONFIG).write_text("{}"), "expected the folder of a run of vastmax lm train"),
        (lambda path: rewrite(path, version=3, vastmax="9.1"), "version 3, written by vastmax 9.1; this is vastmax"),
        (lambda path: rewrite(path, settings={"epoch": 3}), "config.json is damaged: .*checksum"),
        (lambda path: seal(path, settings={"epoch": 3}), "config.json is damaged: .*epoch"),
        (lambda path: seal(path, model={"encoder": "gru"}), "config.json is damaged: encoder is 'gru'; expected"),
        (lambda path: change_middle(path / MODEL), r"model.safetensors \(.*\) is damaged: its bytes .* checksum"),
        (lambda path: change_middle(path / VOCABULARY), "vocabulary.txt"),
        (lambda path: without_checksum(path / MODEL), "model.safetensors is damaged: its checksum is missing"),
        (lambda path: (path / VOCABULARY).unlink(), "is damaged: vocabulary.txt is missing"),
        (lambda path: cut(path / VOCABULARY), "vocabulary.txt"),
        (lambda path: cut(path / MODEL), "model.safetensors is damaged or belongs to another run"),
        (lambda path: (path / MODEL).unlink(), "holds no model yet"),
        (lambda path: cut(path / CHECKPOINT), "checkpoint.pt is damaged"),
        (lambda path: (path / CHECKPOINT).unlink(), "holds no checkpoint to resume from"),
    ],
)
def test_damage_is_named(tmp_path: Path, small_text: TrainingText, change: Any, says: str) -> None:
    path = tmp_path / "run"
    run(folder_of(path, small_text, epochs=1), small_text)
    change(path)
    with pytest.raises(InputError, match=says) as refused:
        read_all(path)
    assert "\n" not in str(refused.value)


def change_middle(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-20] ^= 1  # a weight, a count
    path.write_bytes(data)


def without_checksum(path: Path) -> None:
    from safetensors.torch import load_file, save_file

    save_file(load_file(path), path)


def read_all(path: Path) -> None:
    folder = RunFolder.open(path)
    folder.load_model()
    folder.load_checkpoint()


def rewrite(path: Path, **changed: Any) -> None:
    config = json.loads((path / CONFIG).read_text())
    (path / CONFIG).write_text(json.dumps({**config, **changed}))


def seal(path: Path, **changed: Any) -> None:
    """A change that nobody can call damage."""
    rewrite(path, **changed)
    (path / CONFIG).write_text(json.dumps(sealed(json.loads((path / CONFIG).read_text()))))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-9])


def test_another_run_is_not_resumed(tmp_path: Path, small_text: TrainingText) -> None:
    begun = folder_of(tmp_path / "run", small_text)
    run(begun, small_text, stop=After(1))
    with pytest.raises(InputError, match=r"already holds a run; resume it \(--resume\)"):
        run(folder_of(tmp_path / "run", small_text), small_text)
    with pytest.raises(InputError, match="with another model: method was nce, now softmax; method_options was"):
        folder_of(tmp_path / "run", small_text, model=ModelConfig("lstm", "softmax", 8, {"dropout": 0.2})).check_same(
            begun
        )
    with pytest.raises(InputError, match="with other settings: bptt was 5, now 6"):
        folder_of(tmp_path / "run", small_text, bptt=6).check_same(begun)
    other = TrainingText(small_text.vocabulary, small_text.training[:-1], small_text.validation)
    with pytest.raises(InputError, match=r"with another text; it was started on \['small'\]"):
        folder_of(tmp_path / "run", other).check_same(begun)


def test_event_files_for_those_who_ask(
    tmp_path: Path, small_text: TrainingText, monkeypatch: pytest.MonkeyPatch
) -> None:

    monkeypatch.setattr("vastmax.extras.has", lambda module: False)
    with pytest.raises(InputError, match=r"needs tensorboard, .*pip install '\.\[tensorboard\]'"):
        run(folder_of(tmp_path / "refused", small_text), small_text, tensorboard=True)
    written: list[tuple[str, int]] = []

    class SummaryWriter:
        def __init__(self, folder: str) -> None:
            assert folder == str(tmp_path / "run" / "tensorboard")

        def add_scalar(self, name: str, value: float, step: int) -> None:
            assert math.isfinite(value)
            written.append((name, step))

        def flush(self) -> None:
            pass

        close = flush

    monkeypatch.setattr("vastmax.extras.has", lambda module: True)
    fake = types.ModuleType("torch.utils.tensorboard")
    fake.SummaryWriter = SummaryWriter  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", fake)
    trainer = run(folder_of(tmp_path / "run", small_text, epochs=1), small_text, tensorboard=True)
    steps = trainer.progressed.step
    assert written == [("loss", steps), ("validation_nats", steps), ("validation_perplexity", steps)]
