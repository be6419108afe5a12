"""The Python of docs/guides/any-objective.md runs, in order."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

PAGE = Path(__file__).resolve().parents[2] / "docs" / "guides" / "any-objective.md"


def test_the_python_of_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VASTMAX_CACHE", str(tmp_path / "cache"))
    lines = ["the server and the client are words of a text", "a client asks the server for a text"] * 20
    Path("corpus.txt").write_text("\n".join(lines), encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert len(blocks) == 2
    namespace: dict[str, Any] = {}
    for block in blocks:
        exec(compile(block, PAGE.name, "exec"), namespace)
    assert "server" in namespace["vectors"]
    assert namespace["loss"].isfinite()
