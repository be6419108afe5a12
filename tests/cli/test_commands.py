"""Every command does its job: results on stdout, progress on stderr, JSON that parses, files that load."""

from __future__ import annotations

import os
import pty
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import vastmax
from vastmax.kernels.machine import available_targets, choose_target

Invoke = Callable[..., Any]  # the fixtures of conftest.py

ANIMALS, COLOURS = {"cat", "dog", "cow", "horse", "sheep"}, {"red", "green", "blue", "yellow", "Crème"}
SMALL = ("--vector-size", "16", "--epochs", "3", "--threads", "1")


def test_embed_writes_vectors_and_says_what_it_did(invoke: Invoke, corpus_file: Path, tmp_path: Path) -> None:
    output = tmp_path / "v.safetensors"
    ran = invoke("embed", corpus_file, "-o", output, *SMALL)
    assert ran.code == 0
    vectors = vastmax.WordVectors.load(output)
    assert vectors.vectors.shape == (len(vectors), 16)
    assert {"cat", "red", "Crème"} <= set(vectors)
    assert str(output) in ran.out
    assert f"{len(vectors)} words × 16" in ran.out
    assert "words/s" in ran.err
    assert "loss" in ran.err
    assert "\r" not in ran.err
    assert list(tmp_path.iterdir()) == [output]


def test_embed_json_is_the_whole_of_stdout(invoke: Invoke, corpus_file: Path, tmp_path: Path) -> None:
    ran = invoke("embed", corpus_file, "-o", tmp_path / "v.bin", *SMALL, "--json")
    summary = ran.json
    assert summary["format"] == "word2vec-binary"
    assert summary["corpus_tokens"] == len(corpus_file.read_text(encoding="utf-8").split())
    assert summary["training"]["predictions"] > 0
    assert len(summary["training"]["losses"]) == 3


def test_embed_is_reproducible_with_one_thread(invoke: Invoke, corpus_file: Path, tmp_path: Path) -> None:
    for name in ("a", "b", "other"):
        seed = ("--seed", "2") if name == "other" else ()
        assert invoke("embed", corpus_file, "-o", tmp_path / f"{name}.bin", *SMALL, *seed).code == 0
    assert (tmp_path / "a.bin").read_bytes() == (tmp_path / "b.bin").read_bytes()
    assert (tmp_path / "a.bin").read_bytes() != (tmp_path / "other.bin").read_bytes()


def test_embed_reads_standard_input_compressed_files_and_globs(
    shell: Invoke, corpus_file: Path, tmp_path: Path
) -> None:
    options = " ".join(SMALL) + " --json"
    half = corpus_file.read_text(encoding="utf-8").splitlines(keepends=True)
    (tmp_path / "1.txt").write_text("".join(half[:300]), encoding="utf-8")
    (tmp_path / "2.txt").write_text("".join(half[300:]), encoding="utf-8")
    piped = shell(f"cat 1.txt 2.txt | vastmax embed - -o piped.safetensors {options}")
    assert piped.code == 0, piped.err
    zipped = shell(f"cat 1.txt 2.txt | gzip > c.txt.gz && vastmax embed c.txt.gz -o zipped.safetensors {options}")
    globbed = shell(f"vastmax embed '?.txt' -o globbed.safetensors {options}")
    listed = shell(f"vastmax embed 1.txt 2.txt -o listed.safetensors {options}")
    loaded = [
        vastmax.WordVectors.load(tmp_path / f"{name}.safetensors").vectors
        for name in ("piped", "zipped", "globbed", "listed")
    ]
    assert len({ran.json["corpus_tokens"] for ran in (piped, zipped, globbed, listed)}) == 1
    for other in loaded[1:]:
        np.testing.assert_array_equal(loaded[0], other)


def test_embed_lowercase_and_errors(invoke: Invoke, tmp_path: Path) -> None:
    text = tmp_path / "t.txt"
    text.write_bytes(b"Cat cat caf\xe9 dog dog Dog\n" * 5)
    output = tmp_path / "v.safetensors"
    assert invoke("embed", text, "-o", output, *SMALL, "--sample", "0", "--lowercase", "--errors", "replace").code == 0
    assert set(vastmax.WordVectors.load(output)) == {"cat", "dog", "caf\ufffd"}


def test_embed_max_final_vocab_keeps_the_frequent_words(invoke: Invoke, corpus_file: Path, tmp_path: Path) -> None:
    output = tmp_path / "v.safetensors"
    assert invoke("embed", corpus_file, "-o", output, *SMALL, "--max-final-vocab", "4").code == 0
    vectors = vastmax.WordVectors.load(output)
    assert len(vectors) == 4
    assert "the" in vectors


def test_neighbours_are_of_the_same_kind(invoke: Invoke, vectors_file: Path) -> None:
    ran = invoke("neighbours", vectors_file, "cat", "red", "--topn", "4")
    assert ran.code == 0
    assert ran.err == ""
    rows = [line.split("\t") for line in ran.out.splitlines()]
    assert len(rows) == 8
    assert {near for word, near, _ in rows if word == "cat"} <= ANIMALS
    assert {near for word, near, _ in rows if word == "red"} <= COLOURS
    assert all(-1 <= float(cosine) <= 1 for *_, cosine in rows)


def test_neighbours_json_agrees_with_the_library(invoke: Invoke, vectors_file: Path) -> None:
    found = invoke("neighbours", vectors_file, "cat", "-n", "3", "--json").json
    expected = vastmax.WordVectors.load(vectors_file).most_similar("cat", topn=3)
    assert [entry["word"] for entry in found[0]["neighbours"]] == [word for word, _ in expected]
    assert [entry["similarity"] for entry in found[0]["neighbours"]] == pytest.approx([c for _, c in expected])


def test_neighbours_look_only_at_the_frequent_words_if_asked(invoke: Invoke, vectors_file: Path) -> None:
    frequent = set(vastmax.WordVectors.load(vectors_file).index_to_key[:5])
    found = invoke("neighbours", vectors_file, "cat", "--restrict-vocab", "5", "--json").json[0]["neighbours"]
    assert {entry["word"] for entry in found} <= frequent


@pytest.mark.parametrize("method", ["3cosadd", "3cosmul"])
def test_analogy_agrees_with_the_library(invoke: Invoke, vectors_file: Path, method: str) -> None:
    arguments = ("cat", "dog", "red", "--method", method, "--topn", "2")
    expected = vastmax.WordVectors.load(vectors_file).analogy("cat", "dog", "red", topn=2, method=method)
    assert [a["word"] for a in invoke("analogy", vectors_file, *arguments, "--json").json["answers"]] == [
        word for word, _ in expected
    ]
    rows = invoke("analogy", vectors_file, *arguments).out.splitlines()
    assert [row.split("\t")[0] for row in rows] == [word for word, _ in expected]


def test_evaluate_prints_correlations_and_sections(invoke: Invoke, vectors_file: Path, tmp_path: Path) -> None:
    pairs, questions = tmp_path / "pairs.tsv", tmp_path / "questions.txt"
    pairs.write_text("cat\tdog\t9\ncat\tcow\t8\ncat\tred\t1\ndog\tblue\t2\ncat\tunknown\t5\n")
    questions.write_text(": kinds\ncat dog red green\ncow horse blue yellow\ncat dog x y\n")
    found = invoke("evaluate", vectors_file, "--pairs", pairs, "--analogies", questions, "--json").json
    assert found["pairs"][0]["used"] == 4
    assert found["pairs"][0]["out_of_vocabulary"] == 1
    assert found["pairs"][0]["spearman"] > 0.5
    assert found["analogies"][0]["sections"][0]["name"] == "kinds"
    assert found["analogies"][0]["out_of_vocabulary"] == 1
    rows = [
        line.split("\t")
        for line in invoke("evaluate", vectors_file, "--pairs", pairs, "--pairs", pairs).out.splitlines()
    ]
    assert [row[0] for row in rows] == ["pairs.tsv", "pairs.tsv"]
    assert float(rows[0][1]) == pytest.approx(found["pairs"][0]["spearman"], abs=5e-4)
    rows = [line.split("\t") for line in invoke("evaluate", vectors_file, "--analogies", questions).out.splitlines()]
    assert [row[0] for row in rows] == ["kinds", "total"]
    questions.write_text(": kinds\ncat dog red green\n: strange\nw x y z\n")
    rows = [line.split("\t") for line in invoke("evaluate", vectors_file, "--analogies", questions).out.splitlines()]
    assert rows[1] == ["strange", "–", "–", "0", "1"]


@pytest.mark.parametrize("ending", [".safetensors", ".txt", ".bin", ".glove.txt", ".vec.gz"])
def test_convert_keeps_every_bit(invoke: Invoke, vectors_file: Path, tmp_path: Path, ending: str) -> None:
    target = tmp_path / f"v{ending}"
    ran = invoke("convert", vectors_file, target)
    assert ran.code == 0
    assert str(target) in ran.out
    one, other = vastmax.WordVectors.load(vectors_file), vastmax.WordVectors.load(target)
    assert one.index_to_key == other.index_to_key
    np.testing.assert_array_equal(one.vectors, other.vectors)


def test_convert_takes_a_format_by_name_and_the_first_of_duplicates(invoke: Invoke, tmp_path: Path) -> None:
    source, target = tmp_path / "twice.txt", tmp_path / "vectors"
    source.write_text("a 1 2\nb 3 4\na 5 6\n")
    assert "twice" in invoke("convert", source, target, "--format", "glove").refused()
    assert invoke("convert", source, target, "--format", "glove", "--first-of-duplicates").code == 0
    assert target.read_text().split() == ["a", "1", "2", "b", "3", "4"]


def test_vocab_counts(invoke: Invoke, corpus_file: Path, tmp_path: Path) -> None:
    found = invoke("vocab", corpus_file, "--json", "--topn", "2").json
    words = corpus_file.read_text(encoding="utf-8").split()
    assert found["tokens"] == len(words)
    assert found["types"] == len(set(words))
    assert found["sentences"] == 600
    assert found["entropy_bits"] <= found["huffman_code_bits"] < found["entropy_bits"] + 1
    assert found["huffman_code_bits"] <= found["balanced_code_bits"]
    assert [entry["word"] for entry in found["frequent_words"]] == ["the", "and"]
    ran = invoke("vocab", corpus_file, "--topn", "1")
    assert ran.out == "the\t600\n"  # in a pipe, rows are of one kind; the facts are beside them
    rows = dict(line.split("\t") for line in ran.err.splitlines() if "\t" in line)
    assert rows["tokens"] == str(len(words))
    assert rows["saved by Huffman"] == f"{1 - found['huffman_code_bits'] / found['balanced_code_bits']:.1%}"
    assert rows["saved by an ideal code"] == f"{1 - found['entropy_bits'] / found['log2_types']:.1%}"
    all_of_them = invoke("vocab", corpus_file, "--json", "--topn", "1000").json["frequent_words"]
    assert sorted(entry["word"] for entry in all_of_them) == sorted(set(words))


def test_vocab_keeps_the_words(invoke: Invoke, corpus_file: Path, tmp_path: Path) -> None:
    kept = tmp_path / "words.vocabulary"
    assert invoke("vocab", corpus_file, "--min-count", "100", "-o", kept).code == 0
    vocabulary = vastmax.Vocabulary.load(kept)
    assert min(vocabulary.counts) >= 100
    assert "the" in vocabulary


def test_words_that_the_terminal_cannot_show_are_escaped(shell: Invoke, vectors_file: Path) -> None:
    ran = shell(f"PYTHONIOENCODING=ascii vastmax neighbours {vectors_file} red")
    assert ran.code == 0, ran.err
    assert "Cr\\xe8me" in ran.out


def test_closed_streams_are_no_error(shell: Invoke, corpus_file: Path, vectors_file: Path, tmp_path: Path) -> None:
    assert shell(f"vastmax neighbours {vectors_file} red >&-").code == 0
    ran = shell(f"vastmax embed {corpus_file} -o v.bin --vector-size 16 2>&-")
    assert (ran.code, ran.err) == (0, "")
    assert (tmp_path / "v.bin").exists()


def test_version_and_help(invoke: Invoke) -> None:
    first, kernels, _ = invoke("--version").out.splitlines()
    assert first == f"vastmax {vastmax.__version__}"
    available = available_targets()
    assert kernels.startswith(f"instruction set: {choose_target()} (this machine can run {', '.join(available)};")
    assert invoke().out == invoke("--help").out
    assert "embed" in invoke("-h").out
    assert "Examples:" in invoke("embed", "--help").out


def test_tables_on_a_terminal(vectors_file: Path, vastmax_on_path: dict[str, str]) -> None:
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        ["vastmax", "neighbours", str(vectors_file), "cat"],
        env={**vastmax_on_path, "TERM": "xterm", "NO_COLOR": "1"},
        stdout=follower,
        stderr=follower,
    )
    assert process.wait(60) == 0
    os.close(follower)
    shown = os.read(leader, 100_000).decode()
    os.close(leader)
    assert "neighbour" in shown
    assert "─" in shown
    assert "\t" not in shown
