"""Remove files that vastmax created from a folder, and nothing else in it."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path


def remove_files(folder: Path, names: Iterable[str]) -> None:
    """Remove regular files with these names from a folder, and then the folder if it is empty.

    The caller knows that the folder belongs to vastmax, such as a run or a cache entry, and which files it writes
    there. A folder that is a symbolic link is left alone.
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
    """Return the paths in a folder with other names than these, sorted; empty if there is no such folder."""
    return sorted(path for path in folder.iterdir() if path.name not in set(names)) if folder.is_dir() else []
