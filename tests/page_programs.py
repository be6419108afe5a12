"""The Python of the pages of the documentation, to be run as it is printed, in the order in which it stands there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parents[1] / "docs"


def programs(page: str) -> list[str]:
    """The blocks of Python on a page, named by its path below docs/; there must be some."""
    text = (DOCS / page).read_text(encoding="utf-8")
    found = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert found, f"{page} has no Python"
    return found


def run_programs(page: str, **given: Any) -> dict[str, Any]:
    """Run them all, one after the other, with the names that are given; all names that there are in the end."""
    for program in programs(page):
        exec(compile(program, page, "exec"), given)
    return given
