"""Optional packages: the extra that installs each, and the one-line error if it is missing."""

from __future__ import annotations

import sys
from importlib.util import find_spec

from vastmax.errors import InputError

_EXTRAS = {
    "faiss": ("faiss", "FAISS"),
    "gensim": ("gensim", "gensim"),
    "lightning": ("lightning", "Lightning"),
    "matplotlib": ("plot", "matplotlib"),
    "pyarrow": ("arrow", "pyarrow"),
    "sklearn": ("tsne", "scikit-learn"),
    "tensorboard": ("tensorboard", "tensorboard"),
    "torch": ("torch", "PyTorch"),
    "transformers": ("transformers", "Transformers"),
}
"""Module → (the extra in pyproject.toml, the package as people call it)."""


class MissingExtraError(InputError, ImportError):
    """A feature needs a package that is not installed."""


def has(module: str) -> bool:
    """Return whether an optional package is installed, without importing it."""
    if module in sys.modules:  # None there means that importing it is blocked
        return sys.modules[module] is not None
    return find_spec(module) is not None


def missing(what: str, module: str) -> str:
    """Return the message that `what` (a singular) needs an optional package, with the command that installs it."""
    extra, package = _EXTRAS[module]
    command = f"pip install '.[{extra}]'"
    return f"{what} needs {package}, which is not installed; in the source tree of vastmax, type: {command}"


def require(what: str, module: str) -> None:
    """Raise MissingExtraError, which names the feature and the install command, unless the package is installed."""
    if not has(module):
        raise MissingExtraError(missing(what, module))
