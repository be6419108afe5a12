"""The Python of docs/guides/choose-a-method.md runs, on a race of an epoch in place of three minutes."""

from __future__ import annotations

from pathlib import Path

import pytest

from chain_race import InThisProcess
from page_programs import programs
from vastmax.compare import race

PAGE = "guides/choose-a-method.md"


def test_the_code_of_the_page_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VASTMAX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(race, "ContestantProcess", InThisProcess)
    Path("corpus.txt").write_text("the server and the client are words of a text\n" * 200, encoding="utf-8")
    (program,) = programs(PAGE)
    assert "(minutes=3)" in program
    exec(compile(program.replace("(minutes=3)", "(epochs=1)"), PAGE, "exec"), {})
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["softmax", "nce"]
    assert Path("race", "report.html").exists()
