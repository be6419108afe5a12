"""Files that vastmax 0.1 wrote, without checksums, still load, and give what they gave then."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import file_samples
from file_samples import SAMPLES, digest
from race_examples import finished, race
from vastmax.compare.folder import RaceFolder
from vastmax.compare.results import Race
from vastmax.embedding import train_embeddings

OLD = Path(__file__).parent / "golden" / "files_0_1"

# What they said when they were written, by that version; options under their current names.
SAID = {
    "vectors": "2411a728fdca0710b5370418bfb89ef81768635d34bb2ad633478a45e3b79a18",
    "checkpoint": "0200cb7b17ee4bdab037d9ee1ae7d06805ce246053b11608eab4cb29a2188e80",
    "word model checkpoint": "9b3dad16f1a01e8830417c4ee9f20832104cc1ed8d0a979c5d7ffb02e7013898",
    "language model run": "d1f319cdb8ec7076595e577d505a7d133bdc11a1ea2453bc3a88b4a7d9728d17",
    "vocabulary": "430087c10183e8a553bd49721be18f2000b399092896f8d0388b5c9c7ceb548d",
    "phrases": "1044fa15ccd26f1bb213a97e0d6769bca8fe11b3a751f1ac4b0ab633fa388d0b",
    "tree": "f63fcba4c8d3dd2722deecfdeb4fc0510051c2ee54ca6f8a567ccc409b247aaa",
}


@pytest.mark.parametrize("name", SAID)
def test_an_old_file_says_what_it_said(name: str, tmp_path: Path) -> None:
    old, path = OLD / name.replace(" ", "_"), tmp_path / "file"
    if old.is_dir():
        shutil.copytree(old, path)
    else:
        shutil.copy(old, path)
    assert digest(SAMPLES[name].read(path)) == SAID[name]


def test_an_old_race_can_be_read() -> None:
    made = race(finished("softmax", 100.0), finished("nce", 110.0))
    assert RaceFolder(OLD / "race").read() == Race.from_json(json.loads(json.dumps(made.to_json())))


STOPPED = OLD.parent / "stopped_runs"
"""Runs in their second epoch, saved before all trainers had one loop, and what they ended with then."""

SAID_AT_THE_END = json.loads((STOPPED / "said.json").read_text(encoding="utf-8"))


def test_a_stopped_native_run_goes_on_to_the_same_end(tmp_path: Path) -> None:
    shutil.copy(STOPPED / "checkpoint", tmp_path / "checkpoint")
    options = {**file_samples.SMALL, "epochs": 3}
    vectors = train_embeddings(file_samples.SENTENCES, checkpoint=tmp_path / "checkpoint", resume=True, **options)
    assert len(vectors.training["losses"]) == 3
    np.testing.assert_allclose(vectors.vectors, SAID_AT_THE_END["embedding"], atol=1e-4)


def test_a_stopped_run_through_pytorch_goes_on_to_the_same_end(tmp_path: Path) -> None:
    from vastmax.word_model import train_word_model

    shutil.copy(STOPPED / "word_model_checkpoint", tmp_path / "checkpoint")
    options = {**file_samples._WORD_MODEL, "epochs": 3, "batch_size": 16}
    vectors = train_word_model(file_samples.SENTENCES, checkpoint=tmp_path / "checkpoint", resume=True, **options)
    assert len(vectors.training["losses"]) == 3
    np.testing.assert_allclose(vectors.vectors, SAID_AT_THE_END["word_model"], atol=1e-4)


def test_a_stopped_language_model_goes_on_to_the_same_end(tmp_path: Path) -> None:
    from vastmax.language_model import RunFolder, train_run

    shutil.copytree(STOPPED / "language_model_run", tmp_path / "run")
    _, text = file_samples._run_folder(tmp_path / "run")
    trainer = train_run(RunFolder.open(tmp_path / "run"), text.training, text.validation, resume=True)
    assert trainer.finished
    said = SAID_AT_THE_END["language_model"]
    assert trainer.progressed.losses == pytest.approx(said["losses"], rel=1e-3)
    assert trainer.progressed.validation_nats == pytest.approx(said["nats"], rel=1e-3)
