"""The code on the pages about adaptive and differentiated softmax and about optimisers runs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.mark.parametrize("page", ["concepts/adaptive-and-differentiated.md", "guides/optimisers.md"])
def test_the_code_of_a_page_runs(page: str) -> None:
    namespace: dict[str, Any] = {}
    blocks = re.findall(r"^```python\n(.*?)^```$", (DOCS / page).read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert blocks
    for block in blocks:
        exec(compile(block, page, "exec"), namespace)
