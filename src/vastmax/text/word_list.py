"""Lists of words in files: stop words, connectors."""

from __future__ import annotations

import os

from vastmax.content.lines import text_lines
from vastmax.errors import InputError


def read_word_list(path: str | os.PathLike[str]) -> list[str]:
    """The words of a text file in UTF-8 that holds one on each line; empty lines are passed over.

    Raises:
        InputError: there is no such file, it holds no word or is no text, or a line holds several words.
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
