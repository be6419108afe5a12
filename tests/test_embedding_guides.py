"""The guides to word vectors do what they say: commands and programs run in order, both sides of a table agree."""

from __future__ import annotations

import contextlib
import io
import re
import shutil
import subprocess
import sysconfig
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from page_programs import DOCS
from vastmax.text import builtin

ROW = re.compile(r"^\| `(.+)` \| `(.+)` \|$", re.MULTILINE)


def blocks(page: str) -> list[tuple[str, str]]:
    text = (DOCS / page).read_text(encoding="utf-8")
    return re.findall(r"^```(sh|python)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def table(page: str, name: str) -> list[tuple[str, str]]:
    text = (DOCS / page).read_text(encoding="utf-8")
    marked = re.search(rf"<!-- table: {name} -->\n(.*?)<!-- /table -->", text, re.DOTALL)
    assert marked is not None
    rows = ROW.findall(marked[1])
    assert len(rows) == marked[1].count("\n") - 2, "a row is not of the form | `code` | `code` |"
    return rows


def run_python(code: str, page: str, namespace: dict[str, Any]) -> None:
    with contextlib.redirect_stdout(io.StringIO()):
        exec(compile(code, page, "exec"), namespace)


def test_your_own_text_runs_in_order(
    tmp_path: Path, vastmax_on_path: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    library = tmp_path / "library"  # a part of the real one, to be quick
    for package in ("asyncio", "email", "http", "idlelib", "json", "logging", "unittest"):
        shutil.copytree(Path(sysconfig.get_path("stdlib")) / package, library / package)
    monkeypatch.setattr(builtin.sysconfig, "get_path", lambda _: str(library))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VASTMAX_CACHE", vastmax_on_path["VASTMAX_CACHE"])
    namespace: dict[str, Any] = {}
    for language, block in blocks("guides/your-own-text.md"):
        if language == "python":
            run_python(block, "guides/your-own-text.md", namespace)
            continue
        done = subprocess.run(["sh", "-ec", block], env=vastmax_on_path, capture_output=True, text=True)
        assert done.returncode == 0, f"{block}\n{done.stdout}\n{done.stderr}"
        assert done.stdout, f"{block} printed nothing"
    losses = namespace["vastmax"].WordVectors.load("vectors.safetensors").training["losses"]
    assert losses[-1] < losses[0]
    assert np.abs(namespace["rows"]).sum(axis=1).astype(bool).tolist() == [False, True, True, False]
    assert {"map.html", "vectors.bin", "vectors.glove.txt"} <= {path.name for path in tmp_path.iterdir()}


def test_coming_from_fasttext_runs_in_order(
    tmp_path: Path, vastmax_on_path: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, Any] = {}
    for language, block in blocks("guides/coming-from-fasttext.md"):
        if language == "python":
            run_python(block, "guides/coming-from-fasttext.md", namespace)
        else:
            done = subprocess.run(["sh", "-ec", block], env=vastmax_on_path, capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
    vectors = namespace["vectors"]
    assert "robinson" not in vectors
    assert vectors.most_similar("robinson", topn=1)[0][0].endswith("son")
    assert namespace["again"].training["max_n"] == 6


@pytest.fixture(scope="module")
def gensim_guide(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the programs on the page define, run in a folder of their own."""
    pytest.importorskip("gensim", reason="the two libraries are compared where gensim is installed")
    folder = tmp_path_factory.mktemp("gensim")
    namespace: dict[str, Any] = {"folder": folder}
    with contextlib.chdir(folder):
        for _, block in blocks("guides/coming-from-gensim.md"):
            run_python(block, "guides/coming-from-gensim.md", namespace)
    return namespace


def agree(one: Any, other: Any) -> bool:
    """Equal words, numbers equal to float32's precision, whatever sequences hold them."""
    if isinstance(one, str | bool) or isinstance(other, str | bool):
        return bool(one == other)
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        return one.shape == other.shape and np.allclose(one, other, atol=1e-5)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(agree, one, other))
    return bool(one == pytest.approx(other, abs=1e-5))


@pytest.mark.parametrize(("gensim", "vastmax"), table("guides/coming-from-gensim.md", "training"))
def test_training_takes_the_same_options(gensim_guide: dict[str, Any], gensim: str, vastmax: str) -> None:
    with contextlib.chdir(gensim_guide["folder"]), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model, vectors = eval(gensim, gensim_guide), eval(vastmax, gensim_guide)
    assert set(model.wv.index_to_key) == set(vectors)
    assert model.vector_size == vectors.vector_size
    for gensims, ours in {"negative": "negative", "window": "window", "sample": "sample", "epochs": "epochs"}.items():
        assert getattr(model, gensims) == vectors.training[ours], ours
    if "alpha" in gensim:
        assert (model.alpha, model.min_alpha) == (vectors.training["alpha"], vectors.training["min_alpha"])


@pytest.mark.parametrize(("gensim", "vastmax"), table("guides/coming-from-gensim.md", "vectors"))
def test_both_sides_give_the_same(gensim_guide: dict[str, Any], gensim: str, vastmax: str) -> None:
    with contextlib.chdir(gensim_guide["folder"]), warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # gensim calls what it has declared to be old
        assert agree(eval(gensim, gensim_guide), eval(vastmax, gensim_guide))


def test_files_go_both_ways(gensim_guide: dict[str, Any]) -> None:
    compared = 0
    with contextlib.chdir(gensim_guide["folder"]):
        for gensim, vastmax in table("guides/coming-from-gensim.md", "files"):
            one, other = eval(gensim, gensim_guide), eval(vastmax, gensim_guide)
            if one is not None:
                assert agree(one, other), gensim
                compared += 1
    assert compared == 4


def test_a_difference_would_be_seen() -> None:
    assert not agree([("a", 0.5)], [("b", 0.5)])
    assert not agree([("a", 0.5)], [("a", 0.6)])
    assert not agree(np.zeros(3), np.ones(3))
    assert not agree((1, 2), (1, 2, 3))
