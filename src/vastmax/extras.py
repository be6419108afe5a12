"""Packages that only some features need: which extra brings each, and the one line that says so when it is missing."""

from __future__ import annotations

import sys
from importlib.util import find_spec

from vastmax.errors import InputError

_EXTRAS = {
    "faiss": ("faiss", "FAISS"),
    "gensim": ("gensim", "gensim"),
    "matplotlib": ("plot", "matplotlib"),
    "pyarrow": ("arrow", "pyarrow"),
    "sklearn": ("tsne", "scikit-learn"),
    "tensorboard": ("tensorboard", "tensorboard"),
    "torch": ("torch", "PyTorch"),
    "transformers": ("transformers", "Transformers"),
}
"""Module → (the extra in pyproject.toml, the package as people call it)."""


class MissingExtraError(InputError, ImportError):
    """A feature was asked for that needs a package which is not installed."""


def has(module: str) -> bool:
    """Return whether an optional package is installed; it is not imported."""
    if module in sys.modules:  # None there says that importing it is barred
        return sys.modules[module] is not None
    return find_spec(module) is not None


def missing(what: str, module: str) -> str:
    """Return the line for `what` (a singular) that lacks an optional package, with the command that brings it."""
    extra, package = _EXTRAS[module]
    command = f"pip install '.[{extra}]'"
    return f"{what} needs {package}, which is not installed; in the source tree of vastmax, type: {command}"


def require(what: str, module: str) -> None:
    """Raise MissingExtraError, which says what for and how to get it, unless an optional package is installed."""
    if not has(module):
        raise MissingExtraError(missing(what, module))
