"""The Python of pages that only want files of text and vectors beside them runs; and no page's Python goes unrun."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from page_programs import DOCS, programs, run_programs
from vastmax import RECIPES, WordVectors, train_embeddings

TESTS = Path(__file__).resolve().parent

SENTENCES = [
    "the king and the queen drink coffee",
    "a man and a woman drink tea",
    "the king is a man and the queen is a woman",
    "coffee and tea",
]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the pages' files are."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VASTMAX_CACHE", str(tmp_path / "cache"))
    text = "\n".join(SENTENCES * 10)
    Path("corpus.txt").write_text(text, encoding="utf-8")
    Path("news.txt.gz").write_bytes(gzip.compress(text.encode()))
    return tmp_path


def test_the_front_page() -> None:
    assert "coffee" in run_programs("index.md")["vectors"]


def test_getting_started() -> None:
    assert run_programs("guides/getting-started.md")["again"].vector_size == 100


def test_text_and_corpora() -> None:
    found = run_programs("guides/corpora.md")
    assert found["sentence"].size == len(SENTENCES[-1].split())
    assert found["corpus"].num_sentences == 10 * len(SENTENCES)


def test_cbow() -> None:
    assert run_programs("concepts/cbow.md")["vectors"].training["model"] == "cbow"


def test_long_runs() -> None:
    Path("march.txt").write_text("\n".join(["the king drinks cocoa"] * 2000), encoding="utf-8")
    train_embeddings("corpus.txt", epochs=1).save("february.safetensors")
    vectors = run_programs("guides/long-runs.md")["vectors"]
    assert {"cocoa", "coffee"} <= set(vectors)
    assert not Path("run.checkpoint").exists()


def test_finding_the_best_words_fast() -> None:
    pytest.importorskip("torch")
    names = run_programs("guides/search.md")
    assert names["log_z"].shape == (8,)


def test_files_of_vectors() -> None:
    pytest.importorskip("gensim", reason="the page's last program is one for gensim")
    vectors = train_embeddings("corpus.txt", epochs=1)
    vectors.save("vectors.safetensors")
    vectors.to_gensim().save("vectors.kv")
    run_programs("guides/vectors-files.md", path="vectors.txt")
    assert set(WordVectors.load("vectors.bin")) == set(vectors)


def test_no_page_has_python_that_nothing_runs() -> None:
    named = "".join(path.read_text(encoding="utf-8") for path in TESTS.rglob("*.py"))
    pages = {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md") if "```python" in path.read_text("utf-8")}
    pages -= {f"concepts/methods/{recipe}.md" for recipe in RECIPES}  # whose test goes through them
    assert [page for page in sorted(pages) if f'"{page}"' not in named] == []


def test_a_page_without_python_is_noticed() -> None:
    with pytest.raises(AssertionError, match=r"glossary\.md has no Python"):
        programs("glossary.md")
