"""Options, declared once as fields of frozen dataclasses: default, bounds, choices and help, which every surface reads.

Python's callers meet the defaults and checks, the command line and its reference pages the help as well, a
configuration file the names.
"""

from __future__ import annotations

import dataclasses
import functools
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from vastmax.arguments import Number, Whole, one_of

BASIC, TRAINING, DATA, OUTPUT = "Options", "Training", "Data", "Output"
"""The groups in which help shows options, in this order."""

OLD_NAMES = {"dense_rate": "dense_lr", "stretch": "bptt", "table_rate": "embedding_lr"}
"""Options that were renamed. Keyword arguments, the command line and files still take the old names."""

_KEY = "vastmax option"
_Settings = TypeVar("_Settings")
_Call = TypeVar("_Call", bound=Callable[..., Any])


@dataclass(frozen=True)
class Option:
    """The facts of an option beside its name, type and default.

    Attributes:
        help: a sentence or two.
        bound: of a number; None: there is none.
        choices: the texts that are allowed, in the order in which help shows them; none: any text, or those of the type
            where it is a `Literal`.
        flags: how it is typed, such as ("--output", "-o"); none: by the name of the field.
        metavar: what stands for the value in help; "": by type.
        group: under which help shows it.
        default_text: what help says of the default, where the value itself does not say it; "": the value.
        also: names by which errors of the library call it, beside the field's.
        positional: an argument of the command and no option.
        suggested: texts that a shell may complete, where others are allowed, too.
        zero_is_none: where a command line cannot say None, 0 stands for it.
    """

    help: str
    bound: Whole | Number | None = None
    choices: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    metavar: str = ""
    group: str = BASIC
    default_text: str = ""
    also: tuple[str, ...] = ()
    positional: bool = False
    suggested: tuple[str, ...] = ()
    zero_is_none: bool = False


@dataclass(frozen=True)
class Declared:
    """An option with its place in a dataclass."""

    name: str
    type: Any
    default: Any  # dataclasses.MISSING: it must be given
    option: Option

    @property
    def required(self) -> bool:
        """Whether it must be given."""
        return self.default is dataclasses.MISSING

    @property
    def old_names(self) -> tuple[str, ...]:
        """The names that it had in earlier versions."""
        return tuple(old for old, new in OLD_NAMES.items() if new == self.name)


def option(default: Any, help: str, **details: Any) -> Any:
    """Return a field with this default (`...`: it must be given) that is an option; for `details` see `Option`."""
    metadata = {_KEY: Option(help, **details)}
    if default is ...:
        return field(metadata=metadata)
    return field(default=default, metadata=metadata)


def part(*, without: tuple[str, ...] = (), **defaults: Any) -> Any:
    """Return a field that is settings itself: its options stand among those around it.

    Args:
        without: options of it that do not; they keep their defaults.
        defaults: of options that have another default here.
    """
    return field(metadata={_KEY: (frozenset(without), defaults)})


def declared(settings: type[Any]) -> Iterator[Declared]:
    """The options of a dataclass, those of its parts in their place; one that several parts share comes once."""
    seen = set()
    for each in _declared(settings):
        if each.name not in seen:
            seen.add(each.name)
            yield each


def _declared(settings: type[Any], *, parts: bool = True) -> Iterator[Declared]:
    types = get_type_hints(settings)
    for each in dataclasses.fields(settings):
        known = each.metadata.get(_KEY)
        if isinstance(known, Option):
            if get_origin(types[each.name]) is Literal:
                known = dataclasses.replace(known, choices=get_args(types[each.name]))
            yield Declared(each.name, types[each.name], each.default, known)
        elif known is not None and parts:
            without, defaults = known
            for inner in _declared(types[each.name]):
                if inner.name not in without:
                    yield dataclasses.replace(inner, default=defaults.get(inner.name, inner.default))


def built(settings: type[_Settings], values: Mapping[str, Any]) -> _Settings:
    """The settings, their parts among them, made of values by the names of `declared`.

    Raises:
        InputError: a value that its option does not take.
    """
    types = get_type_hints(settings)
    made: dict[str, Any] = {}
    for each in dataclasses.fields(settings):  # type: ignore[arg-type]
        known = each.metadata.get(_KEY)
        if isinstance(known, Option):
            if each.name in values:
                made[each.name] = values[each.name]
        elif known is not None:
            without, defaults = known
            inner = {name: value for name, value in values.items() if name not in without}
            made[each.name] = built(types[each.name], {**defaults, **inner})
    return _checked(settings(**made))


def _checked(settings: _Settings) -> _Settings:
    check_options(settings)
    return settings


def with_new_names(data: Any) -> Any:
    """Return plain data, such as a file of an earlier version holds, with the current names of options."""
    if isinstance(data, Mapping):
        return {OLD_NAMES.get(name, name): with_new_names(value) for name, value in data.items()}
    return [with_new_names(value) for value in data] if isinstance(data, list) else data


def takes_old_names(call: _Call) -> _Call:
    """Let a function or class take renamed keyword arguments, and a class show the attributes, with a warning."""
    if isinstance(call, type):
        call.__init__ = takes_old_names(call.__init__)  # type: ignore[misc]
        call.__getattr__ = _renamed_attribute  # type: ignore[attr-defined]
        return call

    @functools.wraps(call)
    def renaming(*args: Any, **kwargs: Any) -> Any:
        for old in [name for name in kwargs if name in OLD_NAMES]:
            new = OLD_NAMES[old]
            if new in kwargs:
                raise TypeError(f"both {new} and {old}, its old name, are given")
            kwargs[_new_name(old)] = kwargs.pop(old)
        return call(*args, **kwargs)

    return renaming  # type: ignore[return-value]


def _renamed_attribute(self: Any, name: str) -> Any:
    if name not in OLD_NAMES:
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
    return getattr(self, _new_name(name))


def _new_name(old: str) -> str:
    warnings.warn(f"{old} is called {OLD_NAMES[old]} now", DeprecationWarning, stacklevel=3)
    return OLD_NAMES[old]


def from_arguments(settings: type[_Settings], arguments: Mapping[str, Any]) -> _Settings:
    """The settings of a public function whose keyword arguments are their fields, from its ``locals()``."""
    names = [each.name for each in dataclasses.fields(settings)]  # type: ignore[arg-type]
    return settings(**{name: arguments[name] for name in names if name in arguments})


def check_options(settings: Any) -> None:
    """Put the fields of a frozen dataclass through their bounds and choices, in its `__post_init__`.

    Numbers become plain ones.

    Raises:
        InputError: the first that is not allowed.
    """
    for each in _declared(type(settings), parts=False):  # which were checked themselves
        value, known = getattr(settings, each.name), each.option
        if known.choices and not (value is None and each.default is None):
            one_of(each.name, value, known.choices)
        if known.bound is not None and not (known.bound.optional and value is None):
            object.__setattr__(settings, each.name, known.bound.checked(each.name, value))
