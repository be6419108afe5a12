"""Words as the symbols they are spelled with. Imported when first used."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vastmax.characters.convolution import CharacterCNN
    from vastmax.characters.spelled import Spelled
    from vastmax.characters.trie import Trie

_HOME = {"CharacterCNN": "convolution", "Spelled": "spelled", "Trie": "trie"}

__all__ = ["CharacterCNN", "Spelled", "Trie"]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"vastmax.characters.{_HOME[name]}"), name)
    raise AttributeError(f"module 'vastmax.characters' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
