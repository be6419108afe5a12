"""Messages of the library with the options of the command in place of arguments."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from vastmax.arguments import shown
from vastmax.errors import InputError, Message

_QUOTES = "'\""

_SHARED = "training."
"""The prefix of settings that the methods of a race share."""


def said_here(error: InputError | OSError, context: Any) -> InputError | OSError:
    """Return the error with options in place of arguments, and for a file with its option."""
    if isinstance(error, InputError):
        error.args = (as_typed(error.message, context), *error.args[1:])
        return error
    named = next((name for name, path in _paths(context) if error.filename and path == str(error.filename)), None)
    return error if named is None else InputError(f"{named} {error.filename}: {error.strerror or error}")


def as_typed(message: str, context: Any) -> str:
    """Return a message with the options of this command in place of the arguments it mentions."""
    message = message if isinstance(message, Message) else Message(message)
    options = _options(context)

    def spell(name: str, value: str | None) -> str:
        typed = options.get(name.removeprefix(_SHARED), name)
        if value is None:
            return typed
        return f"{typed} {value.strip(_QUOTES) or repr('')}" if typed.startswith("-") else f"{typed}={value}"

    return _with_option(message.spelled(spell), context)


def check_letters(context: Any) -> None:
    """Raise InputError for NUL characters and empty names of files."""
    for name, value in _given(context):
        if "\0" in value:
            raise InputError(f"{name} is {shown(value)}; expected text without NUL characters")
    typed = context.obj or ()
    if any(word == "" or (word.startswith("--") and word.endswith("=")) for word in typed):
        for name, path in _paths(context):
            if path == os.curdir:  # an empty name in pathlib
                raise InputError(f"{name} is ''; expected the name of a file or folder")


def _options(context: Any) -> dict[str, str]:
    """Return argument of the library → option of this command."""
    found = {}
    for parameter in context.command.params:
        if parameter.opts[0].startswith("-"):
            also = getattr(context.command, "options", {}).get(parameter.name)
            for name in (parameter.name, *(also.option.also if also else ())):
                found[name] = _typed_name(parameter)
    return found


def _with_option(message: str, context: Any) -> str:
    """Return the message with the option whose value or file it mentions, if it mentions no option."""
    if any(_typed_name(parameter) in message for parameter in context.command.params if parameter.opts[0][0] == "-"):
        return message
    paths, words = set(_paths(context)), getattr(context, "obj", None) or ()
    for name, value in _given(context):
        typed = value in words or f"{name}={value}" in words  # not a default
        if not typed or not name.startswith("-"):
            continue
        if message.startswith((value or repr(value), repr(value))):
            return f"{name} {message}"
        if (name, value) in paths and any(f" {value}{end}" in f" {message} " for end in " :,;"):
            return f"{name}: {message}"
    return message


def _given(context: Any) -> Iterator[tuple[str, str]]:
    """Return the texts on the command line, each with its option, or for an argument its name in help."""
    return ((name, os.fspath(value)) for name, value in _values(context) if isinstance(value, str | os.PathLike))


def _paths(context: Any) -> Iterator[tuple[str, str]]:
    """Return the texts that are paths of files."""
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
