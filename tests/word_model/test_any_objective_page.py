"""The Python of docs/guides/any-objective.md runs, in order."""

from __future__ import annotations

from pathlib import Path

import pytest

from page_programs import run_programs


def test_the_python_of_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VASTMAX_CACHE", str(tmp_path / "cache"))
    lines = ["the server and the client are words of a text", "a client asks the server for a text"] * 20
    Path("corpus.txt").write_text("\n".join(lines), encoding="utf-8")
    namespace = run_programs("guides/any-objective.md")
    assert "server" in namespace["vectors"]
    assert namespace["loss"].isfinite()
