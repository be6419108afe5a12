"""Whether an option stands on the command line, whatever its value."""

from __future__ import annotations

import typer


def was_given(context: typer.Context, name: str) -> bool:
    """Whether the user gave the parameter; a default may look the same."""
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"
