"""Lists of words in files: stop words, connectors."""

from __future__ import annotations

import os

from vastmax.content.lines import text_lines
from vastmax.errors import InputError


def read_word_list(path: str | os.PathLike[str]) -> list[str]:
    """Return the words of a UTF-8 text file with one word per line; empty lines are ignored.

    Raises:
        InputError: the file does not exist, has no words or is not text, or a line has several words.
    """
    words = []
    try:
        for number, line in text_lines(path, "a text file of words, one on each line"):
            found = line.split()
            if len(found) > 1:
                raise InputError(f"{path}, line {number}: {len(found)} words: expected one on each line")
            words += found
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    if not words:
        raise InputError(f"{path} holds no words: expected one on each line")
    return words
