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
"""Columns of running text; longer lines are hard to read."""


_ENDS_A_FIELD = str.maketrans({"\t": "\\t", "\n": "\\n", "\r": "\\r"})


def prepare_streams() -> None:
    """Make any word printable: escape what a stream's encoding lacks, and discard output to a closed stream."""
    if sys.stdout is None:  # the shell's >&-
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - open for the life of the process
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def say(text: str = "") -> None:
    """Print a line to stdout; on a terminal, control characters are escaped."""
    print(printable(text, keep="\n\t") if sys.stdout.isatty() else text)


def print_json(value: Any) -> None:
    """Print one JSON document to stdout; numbers that are not finite become null."""
    say(json_text(value, indent=2))


class Figure(NamedTuple):
    """A number in a cell: for people on a terminal, without separators of thousands for programs in a pipe."""

    value: float
    spec: str
    """The specification for `format`, such as ",.1f"."""


def print_table(
    title: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    key: str | None = None,
    aside: bool = False,
) -> None:
    """Print a table on a terminal; elsewhere the rows, separated by tabs and each after `key` if there is one.

    In these rows, tabs and line ends of words, which a vectors file may contain, are written as \\t, \\n and \\r. Other
    characters, including the backslash, are unchanged.

    Args:
        title: above the table.
        columns: their headings.
        rows: cells; whole numbers and each `Figure` have thousands separators on a terminal only.
        key: the first field of each row in a pipe.
        aside: whether this is a summary of another table; in a pipe, it goes to stderr, so all rows are of one kind.
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
    """Print a line after an empty one."""
    say(f"\n{text}" if not sys.stdout.isatty() else f"\n  {text}")


def print_text(text: str, *, bullet: str = "") -> None:
    """Print text: wrapped and aligned with the tables on a terminal, in one line elsewhere."""
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
