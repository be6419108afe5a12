"""Options of encoders and recipes given as text; names, types and defaults are those of their functions."""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Collection, Sequence
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from vastmax.errors import InputError


def options_of(build: Callable[..., Any]) -> dict[str, Any]:
    """Return name → default of the keyword-only arguments of a function or class that can be written as text.

    Arguments that are objects, such as a tree, can only be given in Python.

    Example:
        >>> from vastmax import RECIPES
        >>> options_of(RECIPES["nce"].build)["power"]
        1.0
    """
    hints = _hints(build)
    parameters = inspect.signature(build).parameters.values()
    return {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY and _is_text(hints[p.name])}


def parsed_options(
    build: Callable[..., Any], assignments: Sequence[str], *, of: str, allowed: Collection[str] | None = None
) -> dict[str, Any]:
    """Options from `NAME=VALUE`: numbers as they are, `true` and `false`, `none`, lists apart by commas.

    Args:
        build: what takes the options; its annotations say what a value may be.
        assignments: such as "num_samples=64".
        of: whose options they are, for messages.
        allowed: the names that may be set; all if None.

    Raises:
        InputError: no such option, one given twice, or a value of another kind.

    Example:
        >>> from vastmax import RECIPES
        >>> parsed_options(RECIPES["adaptive"].build, ["cutoffs=100,1000"], of="adaptive")
        {'cutoffs': [100, 1000]}
    """
    known = [name for name in options_of(build) if allowed is None or name in allowed]
    hints = _hints(build)
    found: dict[str, Any] = {}
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        name = name.strip().replace("-", "_")
        if not equals:
            raise InputError(f"{assignment!r} is not an option of {of}; expected NAME=VALUE")
        if name not in known:
            offer = f"it has {', '.join(known)}" if known else "it has none"
            raise InputError(f"{of} has no option {name!r}; {offer}")
        if name in found:
            raise InputError(f"the option {name} of {of} is given twice; give it once")
        try:
            found[name] = _value(text.strip(), hints[name])
        except ValueError:
            raise InputError(f"{name}={text} of {of}: expected {_described(hints[name])}") from None
    return found


def _hints(build: Callable[..., Any]) -> dict[str, Any]:
    """Return the types of the keyword-only arguments; others may name types imported only for type checking."""
    function = build.__init__ if inspect.isclass(build) else build
    options = {p.name for p in inspect.signature(function).parameters.values() if p.kind is p.KEYWORD_ONLY}
    annotated = types.SimpleNamespace(
        __annotations__={name: hint for name, hint in function.__annotations__.items() if name in options}
    )
    return get_type_hints(annotated, globalns=function.__globals__)


def _is_text(hint: Any) -> bool:
    """Return whether `_value` can convert text to something other than None."""
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        return any(_is_text(alternative) for alternative in get_args(hint))
    if origin is Literal:
        return True
    if origin is not None:
        return issubclass(origin, Sequence) and _is_text(get_args(hint)[0])
    return hint in (bool, int, float, str)


def _value(text: str, hint: Any) -> Any:
    """Return `text` converted to a type that `hint` allows, or raise ValueError."""
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        for alternative in get_args(hint):
            try:
                return _value(text, alternative)
            except ValueError:
                continue
        raise ValueError
    if origin is Literal:
        if text in get_args(hint):
            return text
        raise ValueError
    if origin is not None and issubclass(origin, Sequence):
        return [_value(part.strip(), get_args(hint)[0]) for part in text.split(",")]
    if hint is bool:
        return {"true": True, "false": False}[text.lower()] if text.lower() in ("true", "false") else _refuse()
    if hint is types.NoneType:
        return None if text.lower() == "none" else _refuse()
    if hint in (int, float, str):
        return hint(text)
    return _refuse()


def _refuse() -> Any:
    raise ValueError


def _described(hint: Any) -> str:
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        return " or ".join(_described(alternative) for alternative in get_args(hint))
    if origin is Literal:
        return " or ".join(map(str, get_args(hint)))
    if origin is not None:
        return "numbers separated by commas"
    return {bool: "true or false", int: "a whole number", float: "a number", types.NoneType: "none"}.get(hint, "text")
