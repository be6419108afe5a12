"""The code of the guide runs, and its table is the registry."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from vastmax.encoder import ENCODERS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "guides" / "language-models.md"


def test_the_code_of_the_page_runs(tmp_path: Path) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert len(blocks) == 2
    namespace: dict[str, Any] = {"folder_path": tmp_path / "run"}
    for block in blocks:
        exec(compile(block, PAGE.name, "exec"), namespace)
    assert namespace["trainer"].finished


def test_the_table_of_encoders_is_the_registry() -> None:
    table = re.search(r"<!-- encoders -->\n(.*)\n<!-- /encoders -->", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    rows = [f"| `{name}` | {kind.summary} | {kind.source} |" for name, kind in ENCODERS.items()]
    assert table is not None
    assert table[1] == "\n".join(["| encoder | what it is | source |", "|---|---|---|", *rows])
