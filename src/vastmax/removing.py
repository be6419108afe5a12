"""Removing what vastmax has made from a folder, and nothing that somebody put beside it."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path


def remove_files(folder: Path, names: Iterable[str]) -> None:
    """Remove the plain files of these names from a folder, and then the folder if nothing else is in it.

    The caller knows that the folder is one of vastmax's, such as a run or an entry of the cache, and what it puts
    there. A folder that is a link to another one is left alone.
    """
    if folder.is_symlink():
        return
    for name in names:
        path = folder / name
        if path.is_file() or path.is_symlink():
            with suppress(FileNotFoundError):
                path.unlink()
    with suppress(OSError):  # it is not empty, or not there
        folder.rmdir()


def strangers_in(folder: Path, names: Iterable[str]) -> list[Path]:
    """Return what is in a folder under other names than these, by name; nothing if there is no folder."""
    return sorted(path for path in folder.iterdir() if path.name not in set(names)) if folder.is_dir() else []
