"""The code in docs/guides/phrases.md runs, and its lines give what their comments say."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from page_programs import programs


def test_the_code_of_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, Any] = {}
    compared = 0
    for block in programs("guides/phrases.md"):
        exec(compile(block, "phrases.md", "exec"), namespace)
        for expression, value in re.findall(r"^(\S.*?)  # ([\['TF].*)$", block, re.MULTILINE):
            assert repr(eval(expression, namespace)) == value
            compared += 1
    assert compared == 7
