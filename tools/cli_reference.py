"""Write the reference pages of the command line, one per command, from the output of `--help`.

python tools/cli_reference.py           writes docs/reference/cli/*.md
python tools/cli_reference.py --check   writes nothing; fails when a page is not what it would write
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "reference" / "cli"
WIDTH = "100"  # columns of the help text on the pages


def pages() -> dict[str, str]:
    """File name → content of every page."""
    # typer lays out its help by these; they must not depend on who runs this, or where.
    os.environ.update(COLUMNS=WIDTH, TERM="dumb", TERMINAL_WIDTH=WIDTH)
    os.environ.pop("VASTMAX_DEBUG", None)
    from typer.main import get_command

    from vastmax.cli.main import app

    group = get_command(app)
    top = group.make_context("vastmax", [], resilient_parsing=True)
    written = {}
    for name, context in _commands(group, top):
        # The page of all commands is index.md, as the web has it.
        file = "index-command" if name == "index" else name.replace(" ", "-")
        written[f"{file}.md"] = _page(f"vastmax {name}", _help(context))
    return {"index.md": _index(_help(top), [file.removesuffix(".md") for file in written]), **written}


def _commands(group: Any, parent: Any, before: str = "") -> Iterator[tuple[str, Any]]:
    """Name and context of every command, and of those within it."""
    for name, command in group.commands.items():
        context = command.make_context(name, [], parent=parent, resilient_parsing=True)
        yield f"{before}{name}", context
        if hasattr(command, "commands"):
            yield from _commands(command, context, f"{before}{name} ")


def _help(context: Any) -> str:
    return "\n".join(line.rstrip() for line in context.get_help().splitlines())


def _page(title: str, text: str) -> str:
    return f"# {title}\n\n```text\n{text}\n```\n"


def _index(text: str, pages: list[str]) -> str:
    links = "\n".join(f"- [{name.replace('-', ' ')}]({name}.md)" for name in pages)
    return (
        _page("vastmax", text) + f"\n{links}\n\n"
        "Results go to standard output, progress and complaints to standard error. On a terminal results are tables;\n"
        "in a pipe they are lines of tab-separated values, where a tab or line end inside a word, which only files of\n"
        "vectors can hold, is written `\\t`, `\\n` or `\\r`; `--json` prints JSON everywhere, with null for what\n"
        "is no number.\n\n"
        "| exit code | meaning |\n|---|---|\n"
        "| 0 | done |\n"
        "| 1 | a fault of vastmax itself, with a traceback: please report it |\n"
        "| 2 | bad input, a file that cannot be read or written, a full disk: one line says which and what to do |\n"
        "| 3 | `compare`: methods failed, each named in one line; the results of the others are there |\n"
        "| 130 | interrupted by Ctrl-C: one line says what was kept |\n"
        "| 143 | ended by SIGTERM: likewise |\n"
    )


def main(arguments: list[str]) -> int:
    """Write the pages, or compare them with what would be written."""
    wanted = pages()
    if "--check" not in arguments:
        FOLDER.mkdir(parents=True, exist_ok=True)
        for name, text in wanted.items():
            (FOLDER / name).write_text(text, encoding="utf-8")
        return 0
    found = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.md")}
    stale = sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))
    if stale:
        print(f"{FOLDER}: {', '.join(stale)} differ from --help; run: python tools/cli_reference.py", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
