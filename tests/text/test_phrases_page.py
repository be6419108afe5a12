"""The code in docs/guides/phrases.md runs, and its lines give what their comments say."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


def test_the_code_of_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "docs" / "guides" / "phrases.md").read_text(encoding="utf-8")
    namespace: dict[str, Any] = {}
    compared = 0
    for block in re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        exec(compile(block, "phrases.md", "exec"), namespace)
        for expression, value in re.findall(r"^(\S.*?)  # ([\['TF].*)$", block, re.MULTILINE):
            assert repr(eval(expression, namespace)) == value
            compared += 1
    assert compared == 7
