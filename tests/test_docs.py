"""The generated pages are what `--help` says, and the navigation names every page."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[1]

PUBLIC_ROOMS = [
    "characters",
    "compare",
    "distributed",
    "embedding",
    "encoder",
    "language_model",
    "objective",
    "optim",
    "output",
    "proposal",
    "text",
    "tree",
    "word_model",
]

# Constants and types that are described where they are used.
NOT_DESCRIBED = {"encoder.ENCODERS", "encoder.State", "language_model.SENTENCE_END", "language_model.UNKNOWN"}


@pytest.fixture
def cli_reference(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.delenv("VASTMAX_DEBUG", raising=False)
    for name in ("COLUMNS", "TERM", "TERMINAL_WIDTH"):  # what the script sets; put back afterwards
        monkeypatch.setenv(name, "")
    spec = importlib.util.spec_from_file_location("cli_reference", ROOT / "tools" / "cli_reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_cli_pages_are_up_to_date(cli_reference: ModuleType) -> None:
    assert cli_reference.main(["--check"]) == 0, "run: python tools/cli_reference.py"


def test_a_stale_page_is_noticed(
    cli_reference: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cli_reference, "FOLDER", tmp_path)
    assert cli_reference.main([]) == 0
    assert cli_reference.main(["--check"]) == 0
    (tmp_path / "embed.md").write_text("something else")
    (tmp_path / "gone.md").write_text("a command that is no more")
    assert cli_reference.main(["--check"]) == 1
    assert "embed.md, gone.md" in capsys.readouterr().err


def test_every_command_has_examples_and_a_page(cli_reference: ModuleType) -> None:
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    for name, page in cli_reference.pages().items():
        assert "Examples:\n    vastmax" in page, name
        assert f"reference/cli/{name}" in navigation


def test_the_site_builds_without_a_warning_and_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    done = subprocess.run(  # no --quiet: it silences the warnings, and then --strict has none to count
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    pages = list(tmp_path.rglob("*.html"))
    assert len(pages) > 10
    loaded = re.compile(
        r"<(?:script|img|iframe)[^>]*\ssrc=\"?(https?:)?//|<link[^>]*stylesheet[^>]*href=\"?(https?:)?//"
    )
    # An example of a docstring that no section holds is read as Markdown, where `>>>` is a quote in a quote in a quote.
    quoted = re.compile(r"<blockquote>\s*<blockquote>")
    for page in pages:
        html = page.read_text(encoding="utf-8")
        assert not loaded.search(html), page.name
        assert not quoted.search(html), page.name


def test_every_page_is_in_the_navigation() -> None:
    navigation = re.findall(r"^ +- .+: (\S+\.md)$", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"), re.MULTILINE)
    pages = [page.relative_to(ROOT / "docs").as_posix() for page in (ROOT / "docs").rglob("*.md")]
    assert sorted(navigation) == sorted(pages)


def test_the_tables_of_the_readme_are_what_the_records_hold() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "bench_tables.py"), "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_the_curves_are_drawn_from_the_present_records() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "option_curves.py"), "--check"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_the_pictures_of_papers_show_the_present_records() -> None:
    command = [sys.executable, str(ROOT / "tools" / "paper_plots.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("room", PUBLIC_ROOMS)
def test_every_public_name_is_in_the_reference(room: str) -> None:
    reference = "".join(page.read_text(encoding="utf-8") for page in (ROOT / "docs" / "reference").glob("*.md"))
    described = set(re.findall(r"^::: vastmax\.(\S+)$", reference, re.MULTILINE))
    public = {f"{room}.{name}" for name in import_module(f"vastmax.{room}").__all__}
    assert sorted(public - described - NOT_DESCRIBED) == []
