"""Lists of words in files: stop words, connectors."""

from __future__ import annotations

import os
from pathlib import Path

from vastmax.errors import InputError


def read_word_list(path: str | os.PathLike[str]) -> list[str]:
    """The words of a text file in UTF-8 that holds one on each line; empty lines are passed over.

    Raises:
        InputError: there is no such file, it holds no word or is no text, or a line holds several words.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path}: byte {error.start} is not valid UTF-8: expected a text file, a word a line"
        ) from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    words = []
    for number, line in enumerate(text.split("\n"), start=1):
        found = line.split()
        if len(found) > 1:
            raise InputError(f"{path}, line {number}: {len(found)} words: expected one on each line")
        words += found
    if not words:
        raise InputError(f"{path} holds no words: expected one on each line")
    return words
