"""The programs in docs/concepts/trees.md run and print what their comments say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from page_programs import programs

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "concepts" / "trees.md").read_text(encoding="utf-8")


def record(name: str) -> Any:
    return json.loads((ROOT / "benchmarks" / "records" / f"{name}.json").read_text(encoding="utf-8"))


def test_the_programs_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    printed = []
    for program in programs("concepts/trees.md"):
        exec(program, {})
        printed.append(capsys.readouterr().out)
    assert printed[0].startswith("001\nwords ")
    assert printed[1] == "(0, 0, 1)\n"
    assert printed[2] == "True\n2\n"
    assert (tmp_path / "sports.svg").exists()


def test_what_trees_from_vectors_cost_is_what_was_measured() -> None:
    for name, found in record("tree_clustering")["results"].items():
        shape = found["tree"]
        row = (
            f"| {name} | {found['cpu_seconds']['median']:.0f} | {found['peak_megabytes']['most']:.0f} MB | "
            f"{shape['leaves']:,} | {shape['expected_depth']:.1f} | {shape['expected_scores']:,.0f} |\n"
        )
        assert row in PAGE, row


def test_how_good_trees_are_is_what_was_measured() -> None:
    for found in record("tree_kinds")["results"]:
        decisions = f"{found['decisions']:.1f}" if found["decisions"] else "–"
        row = (
            f"| {found['name']} | {found['perplexity']} | {found['test_nats']:.3f} | {found['leaves_a_word']:.1f} | "
            f"{decisions} | {found['training_cpu_seconds']:.0f} |\n"
        )
        assert row in PAGE, row
