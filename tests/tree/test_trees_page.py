"""The programs in docs/concepts/trees.md run and print what their comments say."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_programs_run(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "concepts" / "trees.md").read_text(encoding="utf-8")
    programs = re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert len(programs) == 3
    printed = []
    for program in programs:
        command = [sys.executable, "-W", "error", "-c", program]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        printed.append(done.stdout)
    assert printed[0].startswith("001\nwords ")
    assert printed[1] == "(0, 0, 1)\n"
    assert (tmp_path / "sports.svg").exists()
