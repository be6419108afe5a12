"""The README's commands and programs work as printed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

README = Path(__file__).resolve().parents[1] / "README.md"

# Set-up commands: `make test` would run this file again, and installing is what got us here.
NOT_RUN = {"make demo", "make test", "pip install ."}

# The race of the demo has tests of its own; at its full length it would take most of the time of all.
SHORTENED = {"vastmax demo": "vastmax demo --race-seconds 0"}


def _blocks() -> list[tuple[str, str]]:
    return re.findall(r"^```(sh|python)\n(.*?)^```$", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def _shell_commands(block: str) -> list[str]:
    lines = (line.split(" #")[0].strip() for line in block.splitlines())
    return [line for line in lines if line]


def test_what_is_not_run_is_set_up_only() -> None:
    commands = [command for language, block in _blocks() if language == "sh" for command in _shell_commands(block)]
    assert {command for command in commands if not command.startswith("vastmax ")} == NOT_RUN


def test_readme_blocks_run_in_order(tmp_path: Path, vastmax_on_path: dict[str, str]) -> None:
    ran = []
    for language, block in _blocks():
        if language == "python":
            commands = [[sys.executable, "-W", "error", "-c", block]]
        else:
            shell = [command for command in _shell_commands(block) if command not in NOT_RUN]
            commands = [["sh", "-c", SHORTENED.get(command, command)] for command in shell]
        for command in commands:
            done = subprocess.run(command, cwd=tmp_path, env=vastmax_on_path, capture_output=True, text=True)
            assert done.returncode == 0, f"{command[-1]}\n{done.stdout}\n{done.stderr}"
            assert done.stdout, f"{command[-1]} printed nothing"
            ran.append(command[-1])
    assert len(ran) >= 7
    assert os.path.getsize(tmp_path / "vectors.bin") > 0


def test_files_that_the_readme_links_to_exist() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README.read_text(encoding="utf-8")):
        assert (README.parent / target).exists(), target
