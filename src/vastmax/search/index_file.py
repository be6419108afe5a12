"""The file of an index: kind, fingerprint of the weights, settings and arrays; checksummed and memory-mapped."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from vastmax.atomic import replacing
from vastmax.errors import InputError
from vastmax.files.safetensors import Header, write_tensors
from vastmax.strict_json import json_text, parse_json

FORMAT = "vastmax index 1"


def write_index(
    path: str | os.PathLike[str],
    kind: str,
    tensors: dict[str, NDArray[Any]],
    settings: Mapping[str, int | float | None],
    *,
    vocab_size: int,
    hidden_size: int,
    fingerprint: str,
) -> None:
    """Write an index to a temporary file and rename it.

    Args:
        path: of the file.
        kind: name of the class that reads it.
        tensors: one-dimensional float32, int64, int32 or uint8, the widest types first.
        settings: numbers, by name.
        vocab_size: V.
        hidden_size: D.
        fingerprint: of the weights.
    """
    metadata = {
        "format": FORMAT,
        "kind": kind,
        "vocab_size": str(vocab_size),
        "hidden_size": str(hidden_size),
        "weights": fingerprint,
        "settings": json_text(dict(settings), compact=True),
    }
    with replacing(path) as beside, open(beside, "wb") as stream:
        write_tensors(stream, tensors, metadata)


class IndexFile:
    """An open index file. Its header is checked now, each array when it is mapped.

    Raises:
        InputError: the file is damaged, or has another format or version.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path)
        self._header = Header(self.path)
        found = self._header.metadata.get("format")
        if found != FORMAT:
            raise InputError(f"{self.path} is not an index of this version ({found or 'no format'!r}, not {FORMAT!r})")
        self._header.require_checksum()
        metadata = self._header.metadata
        try:
            self.kind, self.fingerprint = str(metadata["kind"]), str(metadata["weights"])
            self.vocab_size, self.hidden_size = int(metadata["vocab_size"]), int(metadata["hidden_size"])
            self._settings = parse_json(metadata["settings"].encode(), f"{self.path}: its settings")
        except (KeyError, ValueError, AttributeError) as error:
            raise InputError(f"{self.path} is damaged: {error}") from None
        if not isinstance(self._settings, dict):
            raise InputError(f"{self.path} is damaged: its settings are not an object")

    def whole(self, name: str, lowest: int, highest: int) -> int:
        """Return an integer setting."""
        found = self._settings.get(name)
        if type(found) is not int or not lowest <= found <= highest:
            raise InputError(f"{self.path} is damaged: {name} is {found!r}")
        return found

    def real(self, name: str, lowest: float, highest: float) -> float:
        """Return a setting."""
        found = self._settings.get(name)
        if type(found) not in (int, float) or not lowest <= found <= highest:
            raise InputError(f"{self.path} is damaged: {name} is {found!r}")
        return float(found)

    def mapped(self, name: str, dtype: str, size: int | None = None) -> NDArray[Any]:
        """Return an array of the file, checked and then memory-mapped; `size` is its expected length, if known."""
        place = self._header.place(name, dtype, 1)
        if size is not None and place.shape != (size,):
            raise InputError(f"{self.path} is damaged: {name!r} has {place.shape[0]} numbers; expected {size}")
        place.require()
        return place.map()
