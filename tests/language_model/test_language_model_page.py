"""The code of the guide runs, and its table is the registry."""

from __future__ import annotations

import re
from pathlib import Path

from page_programs import DOCS, run_programs
from vastmax.encoder import ENCODERS

PAGE = DOCS / "guides" / "language-models.md"


def test_the_code_of_the_page_runs(tmp_path: Path) -> None:
    assert run_programs("guides/language-models.md", folder_path=tmp_path / "run")["trainer"].finished


def test_the_table_of_encoders_is_the_registry() -> None:
    table = re.search(r"<!-- encoders -->\n(.*)\n<!-- /encoders -->", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    rows = [f"| `{name}` | {kind.summary} | {kind.source} |" for name, kind in ENCODERS.items()]
    assert table is not None
    assert table[1] == "\n".join(["| encoder | what it is | source |", "|---|---|---|", *rows])
