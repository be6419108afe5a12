"""What the library says of its arguments, said of the options that were typed."""

from __future__ import annotations

import re
from typing import Any

import typer
from typer.core import TyperCommand

from vastmax.errors import InputError

OTHERWISE = {
    "batch_size": "batch",
    "max_size": "max_final_vocab",
    "measure_seconds": "seconds",
    "minutes": "minutes_each",
    "num_streams": "streams",
    "save_minutes": "checkpoint_minutes",
    "trials": "tune",
}
"""Arguments of the library that a command calls by another name."""


class Command(TyperCommand):
    """A command whose errors name `--min-count 5` where the library, which is called from Python, says min_count=5."""

    def invoke(self, ctx: Any) -> Any:
        """Run it."""
        try:
            return super().invoke(ctx)
        except InputError as error:
            error.args = (as_typed(str(error), ctx), *error.args[1:])
            raise


def as_typed(message: str, context: typer.Context | Any) -> str:
    """The message with the names of options in the place of arguments, where it speaks of their values.

    An argument is known by how the library's messages are written: `name is 0` or `name was 0` where a clause begins,
    `name=0`, and wherever it stands if it is written with an underscore, as no word of English is.
    """
    options = {
        parameter.name: parameter.opts[-1] if parameter.opts[-1].startswith("--") else parameter.opts[0]
        for parameter in context.command.params
        if parameter.opts[0].startswith("-")
    }
    options |= {name: options[there] for name, there in OTHERWISE.items() if there in options and name not in options}
    if not options:
        return message
    names = "|".join(sorted(map(re.escape, options), key=len, reverse=True))
    underscored = "|".join(name for name in names.split("|") if "_" in name)
    for pattern in (
        rf"{_NOT_WITHIN}{_OF}(?P<name>{names})=(?P<quote>'?)(?P<value>[^\s']+)(?P=quote)",
        rf"{_CLAUSE}{_OF}(?P<name>{names})(?= (?:is|was) )",
        rf"{_NOT_WITHIN}{_OF}(?P<name>{underscored}){_NOT_GOING_ON}" if underscored else "",
    ):
        if pattern:
            message = re.sub(pattern, lambda found: _option(found, options), message)
    return message


_NOT_WITHIN = r"(?<![\w./'-])"
"""A path, a longer name, something quoted."""

_NOT_GOING_ON = r"(?![./-]?\w|')"
_CLAUSE = r"(?:^|(?<=[;:.] )|(?<= and ))"
_OF = r"(?:training\.)?"
"""How a race speaks of the settings that its methods share."""


def _option(found: re.Match[str], options: dict[str, str]) -> str:
    value = found.groupdict().get("value")
    return options[found["name"]] + ("" if value is None else f" {value}")
