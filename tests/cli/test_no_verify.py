"""Damaged files on the command line: one line, or a warning; and the option that leaves the checks out."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from vastmax import WordVectors


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    path = tmp_path / "v.safetensors"
    WordVectors(["king", "queen", "tree"], [[2.0, 1.0], [1.0, 2.0], [-1.0, 0.5]]).save(path)
    data = path.read_bytes()
    at = data.index(b"kingqueentree") - 6  # in the last vector
    path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
    return path


def test_damage_is_one_line_and_no_verify_reads_on(damaged: Path, vastmax_on_path: dict[str, str]) -> None:
    def run(*options: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["vastmax", *options, "neighbours", str(damaged), "king"],
            capture_output=True,
            text=True,
            env={**vastmax_on_path, **environment},
        )

    refused = run()
    assert refused.returncode == 2
    assert refused.stdout == ""
    assert "v.safetensors (vectors) is damaged: its bytes 0 to 24 do not agree with their checksum" in refused.stderr
    assert refused.stderr.count("\n") == 1
    for done in (run("--no-verify"), run(VASTMAX_VERIFY="0")):
        assert done.returncode == 0
        assert "queen" in done.stdout
        assert done.stderr == ""


def test_a_damaged_cache_is_told_and_made_anew(tmp_path: Path, vastmax_on_path: dict[str, str]) -> None:
    text, cache = tmp_path / "t.txt", tmp_path / "cache"
    text.write_text("the cat sat on the mat\n" * 20)
    command = ["vastmax", "phrases", str(text), "--min-count", "1000"]

    def run() -> subprocess.CompletedProcess[str]:
        environment = {**vastmax_on_path, "VASTMAX_CACHE": str(cache)}
        return subprocess.run(command, capture_output=True, text=True, env=environment)

    first = run()
    (ids,) = cache.glob("corpora/*/ids.i32")
    ids.write_bytes(bytes(ids.stat().st_size))
    again = run()
    assert again.stdout == first.stdout == text.read_text()
    assert "vastmax: warning: the encoded corpus of" in again.stderr
    assert again.stderr.count("is rebuilt") == 1
    assert "is rebuilt" not in run().stderr
