"""The file of Phrases and FrozenPhrases: JSON lines with a checksum. Nothing in it is executed when it is loaded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vastmax.atomic import replacing
from vastmax.content.looking import require_own
from vastmax.errors import InputError
from vastmax.files.record import checked_lines, write_lines
from vastmax.gensim.problems import WrongFileError
from vastmax.gensim.saved_file import is_pickle, require_path, unpickled_by_gensim
from vastmax.strict_json import json_text, parse_json

_FORMAT = "vastmax gensim phrases"
_VERSION = 1


@dataclass(frozen=True)
class Found:
    """The content of a file.

    Attributes:
        settings: by name, the scoring as "default" or "npmi".
        tokens: words and phrases with their counts, or phrases with their scores.
    """

    settings: dict[str, Any]
    tokens: Mapping[str, Any]


def save(fname: object, kind: str, settings: Mapping[str, Any], tokens: Mapping[str, float]) -> None:
    """Write settings, and a line for each token with its count or score."""
    path = require_path(fname)
    head = {"format": _FORMAT, "version": _VERSION, "kind": kind, **settings, "tokens": len(tokens)}
    with replacing(path) as beside, open(beside, "wb") as file:
        write_lines(file, head, _lines(tokens))


def _lines(tokens: Mapping[str, float]) -> Iterator[bytes]:
    for token, value in tokens.items():
        yield json_text([token, value]).encode() + b"\n"


def loaded(fname: object, kind: str) -> Found:
    """Return the content of a file that `save` wrote, or that gensim has pickled.

    Raises:
        InputError: it is something else, or damaged.
    """
    path = require_path(fname)
    if is_pickle(path):
        return _of_gensim(unpickled_by_gensim(path, kind))
    require_own(path, _FORMAT, "phrases that vastmax.gensim saved")
    first, _, rest = Path(path).read_bytes().partition(b"\n")
    try:
        head = parse_json(first, "the first line")
        if head["version"] != _VERSION:
            raise InputError(f"{path}: phrases of version {head['version']}; this vastmax reads {_VERSION}: update it")
        head = checked_lines(head, rest, path, required=True)
        tokens = dict(parse_json(line, "a token") for line in rest.decode().splitlines())
        if len(tokens) != head["tokens"]:
            raise ValueError(f"{head['tokens']} tokens were expected, {len(tokens)} are there")
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: damaged file of phrases: {error}") from None
    if head["kind"] != kind:
        raise WrongFileError(f"{path} holds {head['kind']}, not {kind}; load it with its own class")
    return Found(head, tokens)


def _of_gensim(found: Any) -> Found:
    names = {"original_scorer": "default", "npmi_scorer": "npmi"}
    scoring = names.get(getattr(found.scoring, "__name__", ""), found.scoring)
    settings = {name: getattr(found, name) for name in ("min_count", "threshold", "delimiter", "connector_words")}
    more = {name: getattr(found, name, 0) for name in ("max_vocab_size", "corpus_word_count", "min_reduce")}
    tokens = found.phrasegrams if hasattr(found, "phrasegrams") else found.vocab
    return Found({**settings, **more, "scoring": scoring}, tokens)
