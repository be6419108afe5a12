"""A command line run in this process or in one of its own, and small files for it to work on."""

from __future__ import annotations

import itertools
import json
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from vastmax.cli.main import run


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    def refused(self) -> str:
        """The one line that bad input gets; anything else on stderr is progress."""
        complaints = [line for line in self.err.splitlines() if line.startswith("vastmax: ")]
        complaints = [line for line in complaints if not line.startswith("vastmax: warning: ")]
        assert self.code == 2, self.err
        assert "Traceback" not in self.err
        assert len(complaints) == 1, self.err
        assert self.err.endswith(complaints[0] + "\n")
        return complaints[0]


Invoke = Callable[..., Ran]


@pytest.fixture
def invoke(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, cache_folder: Path) -> Invoke:
    """`invoke("embed", path, …)` runs one command line in this process."""
    monkeypatch.delenv("VASTMAX_DEBUG", raising=False)
    monkeypatch.setenv("VASTMAX_CACHE", str(cache_folder))

    def call(*arguments: object) -> Ran:
        capfd.readouterr()
        with pytest.raises(SystemExit) as stopped:
            run([str(argument) for argument in arguments])
        out, err = capfd.readouterr()
        code = stopped.value.code
        return Ran(code if isinstance(code, int) else 0, out, err)

    return call


@pytest.fixture
def shell(vastmax_on_path: dict[str, str], tmp_path: Path) -> Invoke:
    """`shell("vastmax … | head")` runs a shell line in an empty folder, with pipes where a user has a terminal."""

    def call(line: str, **options: Any) -> Ran:
        done = subprocess.run(["sh", "-c", line], cwd=tmp_path, env=vastmax_on_path, capture_output=True, **options)
        return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())

    return call


@pytest.fixture(scope="session")
def cache_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def corpus_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """600 lines about animals and colours, in which the words of each kind keep to themselves."""
    path = tmp_path_factory.mktemp("corpus") / "corpus.txt"
    path.write_text("\n".join(itertools.islice(_sentences(), 600)) + "\n", encoding="utf-8")
    return path


def _sentences() -> Iterator[str]:
    animals, colours = ("cat", "dog", "cow", "horse", "sheep"), ("red", "green", "blue", "yellow", "Crème")
    for i in itertools.count():
        first, second = animals[i % 5], animals[(i // 5 + 1) % 5]
        yield f"the {first} and the {second} run with a {animals[(i + 2) % 5]}"
        yield f"paint it {colours[i % 5]} or {colours[(i // 5 + 1) % 5]} not {colours[(i + 2) % 5]}"


@pytest.fixture(scope="session")
def vectors_file(tmp_path_factory: pytest.TempPathFactory, corpus_file: Path) -> Path:
    """Vectors trained on `corpus_file` through the library, the same every time."""
    import vastmax

    path = tmp_path_factory.mktemp("vectors") / "vectors.safetensors"
    corpus = vastmax.Corpus(str(corpus_file), cache=False)
    vastmax.train_embeddings(corpus, vector_size=16, epochs=20, sample=0, threads=1, alpha=0.1).save(path)
    return path
