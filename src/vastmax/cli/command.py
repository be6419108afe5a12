"""A command line from a dataclass of options: parsing, help in groups, completion, configuration files."""

from __future__ import annotations

import inspect
import tomllib
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import typer
from typer.core import TyperCommand, TyperGroup

from vastmax.arguments import shown
from vastmax.cli.failure import complain
from vastmax.cli.hints import COMMANDS, OPTIONS
from vastmax.cli.spelling import check_letters, said_here
from vastmax.errors import InputError
from vastmax.options import BASIC, DATA, OUTPUT, TRAINING, Declared, built, declared, part
from vastmax.options import option as declare

__all__ = ["BASIC", "DATA", "OUTPUT", "TRAINING", "Command", "Group", "add_command", "declare", "part", "was_given"]

_CONFIG = "--config"
_CONFIG_HELP = "Read options from a TOML file, such as epochs = 3; the command line has precedence."


def add_command(
    app: typer.Typer, name: str, run: Callable[..., None], *, before: Callable[[], None] = lambda: None
) -> None:
    """Add a command whose options are the fields of the dataclass that is the argument of `run`.

    Args:
        app: the app to add it to.
        name: of the command.
        run: takes the checked dataclass and the context; its docstring is the help.
        before: called before the options are checked, such as for an extra that checking needs.
    """
    settings = next(iter(get_type_hints(run).values()))
    options = list(declared(settings))

    def command(typer_context: typer.Context, **values: Any) -> None:
        before()
        run(built(settings, {each.name: _value(each, values[each.name]) for each in options}), typer_context)

    parameters = [inspect.Parameter("typer_context", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)]
    parameters += [_parameter(each) for each in sorted(options, key=lambda each: not each.option.positional)]
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {}
    command.__doc__, command.__name__ = run.__doc__, run.__name__
    with_options = type("_Command", (Command,), {"options": {each.name: each for each in options}})
    app.command(name, cls=with_options)(command)


def was_given(context: typer.Context, name: str) -> bool:
    """Return whether the user gave the parameter, on the command line or in a file, even if equal to the default."""
    source = context.get_parameter_source(name)
    return source is not None and source.name in ("COMMANDLINE", "DEFAULT_MAP")


class Command(TyperCommand):
    """A command whose errors name `--min-count 5` instead of min_count=5."""

    options: Mapping[str, Declared] = types.MappingProxyType({})

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the command line; errors name options as they were typed."""
        args[:] = self._with_new_names(args)
        typed = list(args)  # parsing removes them
        if any(word == _CONFIG or word.startswith(f"{_CONFIG}=") for word in args):
            ctx.default_map = self._configured(args)
        try:
            return super().parse_args(ctx, args)
        except typer.BadParameter as error:
            value = _typed_value(typed, error.param)
            if value is not None and value not in error.message:
                error.message = f"{shown(value)}: {error.message}"
            raise
        except Exception as error:
            if hint := OPTIONS.get(getattr(error, "option_name", "")):
                error.message = f"{str(error.message).rstrip('.')}: {hint}"  # type: ignore[attr-defined]
                error.possibilities = None  # type: ignore[attr-defined]
            raise

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        check_letters(ctx)
        try:
            return super().invoke(ctx)
        except (InputError, OSError) as error:
            raise said_here(error, ctx) from error

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the options in their groups."""
        arguments, groups = [], {BASIC: [], TRAINING: [], DATA: [], OUTPUT: []}  # type: ignore[var-annotated]
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None and parameter.param_type_name == "argument":
                arguments.append((parameter.metavar or parameter.name.upper(), record[1]))
            elif record is not None:
                groups[getattr(parameter, "rich_help_panel", None) or BASIC].append(record)
        last = groups[OUTPUT] if groups[OUTPUT] else groups[BASIC]
        last += [(f"{_CONFIG} FILE", _CONFIG_HELP), groups[BASIC].pop()]  # --help comes last
        for name, records in {"Arguments": arguments, **groups}.items():
            if records:
                with formatter.section(name):
                    formatter.write_dl(records)

    def _with_new_names(self, words: Sequence[str]) -> list[str]:
        """Return the words with current names of renamed options; warn about the old ones."""
        new = {flag(old): flags(each)[0] for each in self.options.values() for old in each.old_names}
        renamed: list[str] = []
        for number, word in enumerate(words):
            if word == "--":
                return [*renamed, *words[number:]]
            name, equals, value = word.partition("=")
            if name in new:
                complain(f"warning: {name} is called {new[name]} now")
                word = f"{new[name]}{equals}{value}"
            renamed.append(word)
        return renamed

    def _configured(self, words: list[str]) -> dict[str, Any]:
        """Return the defaults from a configuration file, by parameter, and remove its option from the words."""
        number = next(i for i, word in enumerate(words) if word == _CONFIG or word.startswith(f"{_CONFIG}="))
        _, equals, path = words[number].partition("=")
        if not equals:
            if number + 1 == len(words):
                raise InputError(f"{_CONFIG} needs the name of a TOML file")
            path = words[number + 1]
        del words[number : number + (1 if equals else 2)]
        try:
            content = tomllib.loads(Path(path).read_text(encoding="utf-8"))
        except OSError as error:
            raise InputError(f"{_CONFIG} {path}: {error.strerror or error}") from None
        except ValueError as error:  # including UnicodeDecodeError
            raise InputError(f"{_CONFIG} {path} is not TOML: {error}") from None
        known = {
            typed.lstrip("-"): name
            for name, each in self.options.items()
            if not each.option.positional
            for typed in (flags(each)[0], *map(flag, each.old_names))
        }
        found = {}
        for key, value in content.items():
            name = key.replace("_", "-")
            if name not in known:
                raise InputError(f"{_CONFIG} {path} has {key!r}, which is not an option of this command")
            found[known[name]] = _as_default(self.options[known[name]], value, f"{_CONFIG} {path}: {key}")
        return found


class Group(TyperGroup):
    """A group of commands that gives hints for names that other tools use."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command; the error for an unknown one names what does its work here."""
        try:
            return super().resolve_command(ctx, args)
        except Exception as error:
            if args and args[0] in COMMANDS and hasattr(error, "message"):
                error.message = f"No such command {args[0]!r}: {COMMANDS[args[0]]}"
            raise


def flag(name: str) -> str:
    """Return the option that is typed for a field of this name."""
    return f"--{name.replace('_', '-')}"


def flags(each: Declared) -> tuple[str, ...]:
    """Return how an option is typed."""
    return each.option.flags or (flag(each.name),)


def help_of(each: Declared) -> str:
    """Return the help of an option, with its default and bounds."""
    known, told = each.option, []
    value = each.default
    if known.default_text:
        told.append(f"default: {known.default_text}")
    elif value is True:
        told.append(f"default: {flags(each)[0].split('/')[0].lstrip('-')}")
    elif not (each.required or value is None or value is False or value in ((), "")):
        told.append(f"default: {f'{value:g}' if isinstance(value, float) else value}")
    if known.bound is not None and known.bound.shown:
        told.append(known.bound.shown)
    return f"{known.help}  [{'; '.join(told)}]" if told else known.help


def _parameter(each: Declared) -> inspect.Parameter:
    known, kind = each.option, _kind(each.type)
    default = inspect.Parameter.empty if each.required else _plain(each.default)
    completed = known.choices or known.suggested
    complete = {"autocompletion": lambda incomplete: [c for c in completed if c.startswith(incomplete)]}
    details: dict[str, Any] = {
        "help": help_of(each),
        "show_default": False,
        "metavar": known.metavar or ("|".join(known.choices) if known.choices else _METAVARS.get(kind)),
        **(complete if completed else {}),
    }
    if known.positional:
        declaration: Any = typer.Argument(**details)
    else:
        if kind is bool:
            del details["metavar"]
        declaration = typer.Option(*flags(each), rich_help_panel=known.group, **details)
    annotation: Any = list[_kind_within(each.type)] if _is_several(each.type) else kind  # type: ignore[misc]
    if default is None:
        annotation = annotation | None
    return inspect.Parameter(
        each.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[annotation, declaration]
    )


_METAVARS: dict[Any, str] = {int: "INT", float: "FLOAT", str: "TEXT", Path: "FILE"}


def _alternatives(hint: Any) -> Iterator[Any]:
    if get_origin(hint) in (Union, types.UnionType):
        for alternative in get_args(hint):
            yield from _alternatives(alternative)
    elif hint is not types.NoneType:
        yield hint


def _is_several(hint: Any) -> bool:
    return any(get_origin(each) in (tuple, list) for each in _alternatives(hint))


def _kind_within(hint: Any) -> Any:
    return next(get_args(each)[0] for each in _alternatives(hint) if get_origin(each) in (tuple, list))


def _kind(hint: Any) -> Any:
    """Return the type of a value as it is typed."""
    kinds = list(_alternatives(hint))
    if _is_several(hint):
        return _kind_within(hint)
    return next((kind for kind in (bool, Path, float, int, str) if kind in kinds), str)


def _plain(default: Any) -> Any:
    return None if default == () else default


def _value(each: Declared, value: Any) -> Any:
    if each.option.zero_is_none and value == 0:
        return None
    return tuple(value or ()) if _is_several(each.type) else value


def _as_default(each: Declared, value: Any, where: str) -> Any:
    """Return a value of a configuration file as a default for the parser."""
    kind = _kind(each.type)
    if _is_several(each.type):
        if not isinstance(value, list):
            raise InputError(f"{where} is {shown(value)}; expected a list")
        return [str(part) for part in value]
    fits = isinstance(value, bool) == (kind is bool) and not isinstance(value, list | dict)
    if not fits or (kind in (int, float) and isinstance(value, str)):
        expected = {bool: "true or false", int: "a whole number", float: "a number"}.get(kind, "text")
        raise InputError(f"{where} is {shown(value)}; expected {expected}")
    return kind(value) if kind is Path else value


def _typed_value(words: Sequence[str], parameter: Any) -> str | None:
    """Return the last value of the option on the command line, or None."""
    found = None
    for typed in getattr(parameter, "opts", ()):
        for word, following in zip(words, [*words[1:], None], strict=True):
            if word == typed:
                found = following
            elif word.startswith(f"{typed}=") and typed.startswith("--"):
                found = word.removeprefix(f"{typed}=")
    return found
