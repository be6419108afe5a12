"""What the library says of its arguments, said of the options that were typed."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from typing import Any

import typer
from typer.core import TyperCommand

from vastmax.arguments import shown
from vastmax.errors import InputError

OTHERWISE = {
    "batch_size": "batch",
    "max_size": "max_final_vocab",
    "method": "methods",
    "measure_seconds": "seconds",
    "minutes": "minutes_each",
    "num_classes": "classes",
    "num_sentences": "sentences",
    "num_streams": "streams",
    "save_minutes": "checkpoint_minutes",
    "trials": "tune",
}
"""Arguments of the library that a command calls by another name."""


class Command(TyperCommand):
    """A command whose errors name `--min-count 5` where the library, which is called from Python, says min_count=5."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the command line; what is refused is named as it was typed."""
        typed = list(args)  # what reads them takes them away
        try:
            return super().parse_args(ctx, args)
        except typer.BadParameter as error:
            value = _typed_value(typed, error.param)
            if value is not None and value not in error.message:
                error.message = f"{shown(value)}: {error.message}"
            raise

    def invoke(self, ctx: Any) -> Any:
        """Run it."""
        _check_letters(ctx)
        try:
            return super().invoke(ctx)
        except InputError as error:
            error.args = (as_typed(str(error), ctx), *error.args[1:])
            raise
        except OSError as error:
            option = next((name for name, path in _paths(ctx) if error.filename and path == str(error.filename)), None)
            if option is None:
                raise
            raise InputError(f"{option} {error.filename}: {error.strerror or error}") from error


def _typed_value(words: Sequence[str], parameter: Any) -> str | None:
    """What stands behind the option on the command line, the last time; None: an argument, or nothing."""
    found = None
    for option in getattr(parameter, "opts", ()):
        for word, following in zip(words, [*words[1:], None], strict=True):
            if word == option:
                found = following
            elif word.startswith(f"{option}=") and option.startswith("--"):
                found = word.removeprefix(f"{option}=")
    return found


def _check_letters(context: Any) -> None:
    """Refuse what no file can be called and no word contain: the NUL character, and no name at all."""
    for name, value in _given(context):
        if "\0" in value:
            raise InputError(f"{name} is {shown(value)}; expected text without NUL characters")
    typed = context.obj or ()
    if any(word == "" or (word.startswith("--") and word.endswith("=")) for word in typed):
        for name, path in _paths(context):
            if path == os.curdir:  # what pathlib makes of no name
                raise InputError(f"{name} is ''; expected the name of a file or folder")


def _given(context: Any) -> Iterator[tuple[str, str]]:
    """The texts on the command line, each with its option or, for an argument, what the help calls it."""
    return ((name, os.fspath(value)) for name, value in _values(context) if isinstance(value, str | os.PathLike))


def _paths(context: Any) -> Iterator[tuple[str, str]]:
    """Those that name files."""
    return ((name, os.fspath(value)) for name, value in _values(context) if isinstance(value, os.PathLike))


def _values(context: Any) -> Iterator[tuple[str, Any]]:
    for parameter in context.command.params:
        value = context.params.get(parameter.name)
        for each in value if isinstance(value, list | tuple) else [value]:
            yield _typed_name(parameter), each


def _typed_name(parameter: Any) -> str:
    if not parameter.opts[0].startswith("-"):
        return str(parameter.metavar or parameter.name.upper())
    return str(next((option for option in parameter.opts if option.startswith("--")), parameter.opts[0]))


def as_typed(message: str, context: typer.Context | Any) -> str:
    """The message with the names of options in the place of arguments, where it speaks of their values.

    An argument is known by how the library's messages are written: `name is 0` or `name was 0` where a clause begins,
    `name=0`, and wherever it stands if it is written with an underscore, as no word of English is.
    """
    options = {
        parameter.name: _typed_name(parameter)
        for parameter in context.command.params
        if parameter.opts[0].startswith("-")
    }
    options |= {option.lstrip("-").replace("-", "_"): option for option in options.values()}
    options |= {name: options[there] for name, there in OTHERWISE.items() if there in options and name not in options}
    if not options:
        return message
    names = "|".join(sorted(map(re.escape, options), key=len, reverse=True))
    underscored = "|".join(name for name in names.split("|") if "_" in name)
    for pattern in (
        rf"{_NOT_WITHIN}{_OF}(?P<name>{names})=(?P<quote>'?)(?P<value>[^\s']*)(?P=quote)",
        rf"{_CLAUSE}{_OF}(?P<name>{names})(?= (?:is|was) )",
        rf"{_NOT_WITHIN}{_OF}(?P<name>{underscored}){_NOT_GOING_ON}" if underscored else "",
    ):
        if pattern:
            message = re.sub(pattern, lambda found: _option(found, options), message)
    return _with_option(message, context)


def _with_option(message: str, context: Any) -> str:
    """The message with the option before it whose value it speaks of, where it names none itself."""
    if any(_typed_name(parameter) in message for parameter in context.command.params if parameter.opts[0][0] == "-"):
        return message
    paths, words = set(_paths(context)), getattr(context, "obj", None) or ()
    for name, value in _given(context):
        typed = value in words or f"{name}={value}" in words  # and no default
        if not typed or not name.startswith("-"):
            continue
        if message.startswith((value or repr(value), repr(value))):
            return f"{name} {message}"
        if (name, value) in paths and re.search(rf"(?<!\S){re.escape(value)}(?=[\s:,;]|$)", message):
            return f"{name}: {message}"
    return message


_NOT_WITHIN = r"(?<![\w./'-])"
"""A path, a longer name, something quoted."""

_NOT_GOING_ON = r"(?![./-]?\w|')"
_CLAUSE = r"(?:^|(?<=[;:.] )|(?<= and ))"
_OF = r"(?:training\.)?"
"""How a race speaks of the settings that its methods share."""


def _option(found: re.Match[str], options: dict[str, str]) -> str:
    value = found.groupdict().get("value")
    return options[found["name"]] + ("" if value is None else f" {value or repr(value)}")
