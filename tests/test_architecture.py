"""The journeys of docs/architecture.md name files and functions that exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src" / "vastmax"
JOURNEYS = (
    (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8").partition("## Two journeys")[2].split("\n## ")[0]
)
STEPS = re.findall(r"^\| [^|]+ \| (`[^|]+) \|$", JOURNEYS, re.MULTILINE)


def test_both_journeys_are_read() -> None:
    assert len(STEPS) > 15


@pytest.mark.parametrize("step", STEPS)
def test_files_and_names_of_a_step_exist(step: str) -> None:
    defined: set[str] = set()
    for name in re.findall(r"`([^`]+)`", step):
        if "/" not in name:
            assert name in defined, name
            continue
        assert (PACKAGE / name).is_file(), name
        if name.endswith(".py"):
            nodes = ast.parse((PACKAGE / name).read_text(encoding="utf-8")).body
            defined = {node.name for node in nodes if isinstance(node, ast.ClassDef | ast.FunctionDef)}
