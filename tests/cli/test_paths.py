"""What a command reads is never what it writes, and only files that vastmax made are ever removed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Invoke = Callable[..., Any]  # the fixtures of conftest.py


@pytest.fixture
def text(corpus_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the corpus in the working folder, which holds nothing else."""
    monkeypatch.chdir(tmp_path)
    shutil.copyfile(corpus_file, tmp_path / "c.txt")
    return tmp_path / "c.txt"


def everything_in(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


CLASHES = [
    # command line, what the message names
    ("embed c.txt -o d.txt --checkpoint d.txt", "--output and --checkpoint"),
    ("embed c.txt -o d.txt --checkpoint ./D.txt", "--output and --checkpoint"),
    ("embed c.txt -o d.txt --checkpoint sub/../d.txt", "--output and --checkpoint"),
    ("embed c.txt -o c.txt", "CORPUS and --output"),
    ("embed c.txt -o ./c.txt", "CORPUS and --output"),
    ("embed *.txt -o c.txt", "CORPUS and --output"),
    ("embed c.txt -o soft.txt", "CORPUS and --output"),
    ("embed c.txt -o hard.txt", "CORPUS and --output"),
    ("embed soft.txt -o c.txt", "CORPUS and --output"),
    ("embed c.txt -o v.bin --checkpoint c.txt", "CORPUS and --checkpoint"),
    ("embed v.bin.checkpoint -o v.bin", "CORPUS and --checkpoint"),
    ("embed c.txt -o v.bin --stop-words c.stop --checkpoint c.stop", "--stop-words and --checkpoint"),
    ("embed c.txt -o v.safetensors --start-from v.safetensors", "--start-from and --output"),
    ("vocab c.txt -o c.txt", "CORPUS and --output"),
    ("tree c.txt -o c.txt", "CORPUS and --output"),
    ("tree c.txt --draw c.txt", "CORPUS and --draw"),
    ("tree c.txt -o t --draw t", "--output and --draw"),
    ("tree c.txt -o labels.json --kind nested --labels labels.json", "--labels and --output"),
    ("tree c.txt -o v.safetensors --kind clustered --vectors v.safetensors", "--vectors and --output"),
    ("tree c.txt -o dict/data.noun --kind wordnet --wordnet dict", "--wordnet"),
    ("phrases c.txt --save c.txt", "CORPUS and --save"),
    ("phrases c.txt -o c.txt", "CORPUS and --output"),
    ("phrases c.txt -o p --save p", "--output and --save"),
    ("phrases c.txt --model m.jsonl -o m.jsonl", "--model and --output"),
    ("phrases c.txt --save c.stop --connectors c.stop", "--connectors and --save"),
    ("convert v.safetensors v.safetensors", "VECTORS and OUT"),
    ("map v.html -o v.html", "VECTORS and --output"),
    ("lm train c.txt -o c.txt", "CORPUS and --output"),
    ("lm train run/log.csv -o run", "CORPUS"),
    ("lm train c.txt --valid run/log.csv -o run", "--valid"),
    ("lm train c.txt -o run", "run holds log.csv"),
    ("compare c.txt -o c.txt", "CORPUS and --output"),
    ("compare folder/c.txt -o folder", "CORPUS"),
]


@pytest.mark.parametrize(("line", "named"), CLASHES)
def test_nothing_is_written_over_what_is_read(
    invoke: Invoke, text: Path, vectors_file: Path, tmp_path: Path, line: str, named: str
) -> None:
    for name in ("v.bin.checkpoint", "c.stop", "labels.json", "m.jsonl", "v.html"):
        (tmp_path / name).write_text("theirs\n")
    for folder in ("sub", "dict", "run", "folder"):
        (tmp_path / folder).mkdir()
    shutil.copyfile(vectors_file, "v.safetensors")
    shutil.copyfile(text, "folder/c.txt")
    (tmp_path / "dict" / "data.noun").write_text("nouns")
    (tmp_path / "run" / "log.csv").write_text("the user's own log\n")
    if "--model m.jsonl" in line:
        assert invoke("phrases", "c.txt", "--save", "m.jsonl").code == 0
    (tmp_path / "soft.txt").symlink_to("c.txt")
    os.link(text, "hard.txt")
    if "*.txt" in line:
        (tmp_path / "soft.txt").unlink()
    before = everything_in(tmp_path)
    complaint = invoke(*line.split()).refused()
    assert named in complaint
    assert not re.search(r"\brm\b|remove", complaint)
    assert everything_in(tmp_path) == before


def test_standard_input_may_be_the_file(shell: Invoke, text: Path) -> None:
    before = text.read_bytes()
    complaint = shell("vastmax vocab - -o c.txt < c.txt").refused()
    assert "CORPUS and --output are the same file" in complaint
    assert text.read_bytes() == before


def test_the_cache_is_no_place_for_results(invoke: Invoke, text: Path, cache_folder: Path) -> None:
    assert invoke("vocab", "c.txt").code == 0
    entry = next((cache_folder / "corpora").iterdir())
    before = everything_in(entry)
    complaint = invoke("vocab", "c.txt", "-o", entry / "ids.i32").refused()
    assert "--output" in complaint
    assert "cache" in complaint
    assert everything_in(entry) == before


@pytest.mark.parametrize(
    "content", [b"the user's own notes\n", b"", b"PK\x03\x04 a zip", b"\x10\0\0\0\0\0\0\0{}       "]
)
@pytest.mark.parametrize("more", [(), ("--resume",)])
@pytest.mark.parametrize("objective", ["negative-sampling", "nce"])
def test_a_file_that_is_no_checkpoint_is_left_alone(
    invoke: Invoke, text: Path, tmp_path: Path, content: bytes, more: tuple[str, ...], objective: str
) -> None:
    (tmp_path / "notes").write_bytes(content)
    options = ("--checkpoint", "notes", "--objective", objective, *more)
    complaint = invoke("embed", "c.txt", "-o", "v.bin", *options).refused()
    assert "notes" in complaint
    assert "rm notes" not in complaint
    assert "remove it" not in complaint
    assert (tmp_path / "notes").read_bytes() == content


def test_files_of_the_users_that_look_like_remnants_stay(
    invoke: Invoke, text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vastmax.embedding.checkpoint_file import Checkpoints

    monkeypatch.setattr(Checkpoints, "due_at_epoch_end", lambda self: True)
    for name in ("v.bin.checkpoint.part", "v.bin.part", ".vastmax-0123456789abcdef.tmp"):
        (tmp_path / name).write_text("the user's own")
    before = everything_in(tmp_path)
    assert invoke("embed", "c.txt", "-o", "v.bin", "--epochs", 2).code == 0
    (tmp_path / "v.bin").unlink()
    assert everything_in(tmp_path) == before


def test_a_checkpoint_that_somebody_replaced_is_not_removed(
    invoke: Invoke, text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vastmax.embedding import WordVectors
    from vastmax.embedding.checkpoint_file import Checkpoints

    monkeypatch.setattr(Checkpoints, "due_at_epoch_end", lambda self: True)
    save = WordVectors.save

    def save_and_replace(self: WordVectors, *given: Any) -> None:
        save(self, *given)
        (tmp_path / "new").write_text("the user's own")
        os.replace(tmp_path / "new", tmp_path / "v.bin.checkpoint")

    monkeypatch.setattr(WordVectors, "save", save_and_replace)
    assert invoke("embed", "c.txt", "-o", "v.bin", "--epochs", 2).code == 0
    assert (tmp_path / "v.bin.checkpoint").read_text() == "the user's own"


def test_the_cache_folder_may_hold_other_things(
    invoke: Invoke, text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = ("corpora/mine/text.txt", "scratch/mine/ids.i32.notes", f"corpora/{'a' * 64}/letters.txt")
    for name in mine:
        path = tmp_path / name
        path.parent.mkdir(parents=True)
        path.write_text("the user's own")
        os.utime(path, (0, 0))
        os.utime(path.parent, (0, 0))
    before = {name: (tmp_path / name).read_bytes() for name in mine}
    monkeypatch.setenv("VASTMAX_CACHE", str(tmp_path))
    monkeypatch.setenv("VASTMAX_CACHE_LIMIT", "1")
    assert invoke("vocab", "c.txt").code == 0
    assert {name: (tmp_path / name).read_bytes() for name in mine} == before


def test_the_demo_replaces_nothing_but_a_demo(invoke: Invoke, text: Path, tmp_path: Path) -> None:
    (tmp_path / "vectors.safetensors").write_text("hours of training")
    complaint = invoke("demo", "-o", ".", "--race-seconds", 0).refused()
    assert "vectors.safetensors" in complaint
    assert (tmp_path / "vectors.safetensors").read_text() == "hours of training"


def test_a_second_run_on_the_same_output_is_told_who_is_first(
    text: Path, vastmax_on_path: dict[str, str], invoke: Invoke, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "slow")
    line = "embed c.txt -o v.bin"
    words = ["vastmax", *line.replace("c.txt", "slow").split()]
    first = subprocess.Popen(words, cwd=tmp_path, env=vastmax_on_path, stdout=subprocess.DEVNULL)
    with open(tmp_path / "slow", "wb") as corpus:  # open once the first run reads
        second = invoke(*line.split()).refused()
        for other in ("vocab c.txt -o v.bin", "tree c.txt --draw ./v.bin", "phrases c.txt -o q --save v.bin"):
            assert f"is being written by process {first.pid} on " in invoke(*other.split()).refused()
        corpus.write(text.read_bytes())
    assert first.wait(60) == 0
    assert f"is being written by process {first.pid} on " in second
    assert f"({' '.join(words)})" in second
    assert invoke(*line.split()).code == 0
    assert not [name for name in os.listdir(tmp_path) if name.startswith(".")]
