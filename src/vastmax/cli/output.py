"""Standard output: tables, text and JSON."""

from __future__ import annotations

import io
import os
import shutil
import sys
import textwrap
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from vastmax.printable import printable
from vastmax.strict_json import json_text

_WIDEST_TEXT = 100
"""Columns of running text: longer lines are hard to read, whatever the terminal."""


_ENDS_A_FIELD = str.maketrans({"\t": "\\t", "\n": "\\n", "\r": "\\r"})


def prepare_streams() -> None:
    """Make any word printable: what a stream's encoding lacks is escaped, and a stream that was closed swallows all."""
    if sys.stdout is None:  # the shell's >&-
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - open for as long as the process lives
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def say(text: str = "") -> None:
    """Print a line on stdout: as it is in a pipe; on a terminal, with what would steer the terminal written out."""
    print(printable(text, keep="\n\t") if sys.stdout.isatty() else text)


def print_json(value: Any) -> None:
    """One JSON document on stdout. Numbers that are not finite have no place in JSON and become null."""
    say(json_text(value, indent=2))


class Figure(NamedTuple):
    """A number in a cell: for people on a terminal, without separators of thousands for programs in a pipe."""

    value: float
    spec: str
    """As for `format`, such as ",.1f"."""


def print_table(
    title: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    key: str | None = None,
    aside: bool = False,
) -> None:
    """Print a table on a terminal; elsewhere the rows, tab-separated and each after `key` if there is one.

    In the rows a word's own tabs and line ends, which text has none of but a vectors file may, are written \\t, \\n and
    \\r, so that fields stay fields; every other character is as it is, the backslash too.

    Args:
        title: above the table.
        columns: their headings.
        rows: cells; whole numbers and each `Figure` get separators of thousands on a terminal only.
        key: the first field of each row in a pipe.
        aside: a summary beside the rows of another table: in a pipe it goes to stderr, so that rows are of one kind.
    """
    terminal = sys.stdout.isatty()
    shown = [[_cell(cell, terminal) for cell in row] for row in rows]
    if not terminal:
        for row in shown:
            line = "\t".join(cell.translate(_ENDS_A_FIELD) for cell in (row if key is None else [key, *row]))
            print(line, file=sys.stderr if aside else sys.stdout)
        return
    shown = [[printable(cell) for cell in row] for row in shown]
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(printable(title)), title_justify="left", box=SIMPLE_HEAD, show_header=any(columns))
    numeric = [bool(shown) and all(row[i][:1] in "-+–.0123456789" for row in shown) for i in range(len(columns))]
    for column, is_number in zip(columns, numeric, strict=True):
        table.add_column(Text(column), justify="right" if is_number else "left", overflow="fold")
    for row in shown:
        table.add_row(*(Text(cell) for cell in row))
    Console(file=sys.stdout).print(table)


def _cell(cell: object, terminal: bool) -> str:
    if isinstance(cell, int):
        cell = Figure(cell, ",")
    if isinstance(cell, Figure):
        return format(cell.value, cell.spec if terminal else cell.spec.replace(",", ""))
    return str(cell)


def print_heading(text: str) -> None:
    """A line with an empty one before it."""
    say(f"\n{text}" if not sys.stdout.isatty() else f"\n  {text}")


def print_text(text: str, *, bullet: str = "") -> None:
    """Wrapped on a terminal, in line with the tables; one line elsewhere."""
    if not sys.stdout.isatty():
        say(bullet + text)
        return
    columns = min(_WIDEST_TEXT, shutil.get_terminal_size().columns)
    margin = "  "
    say(
        textwrap.fill(
            text,
            width=columns,
            initial_indent=margin + bullet,
            subsequent_indent=margin + " " * len(bullet),
            break_long_words=False,
            break_on_hyphens=False,
        )
    )
