"""The corpus inside Python: what is taken from a source, what is left out, and what a lean installation still gives."""

from __future__ import annotations

import ast
import importlib
import io
import itertools
import re
import sys
import tokenize
from pathlib import Path

import pytest

from vastmax.errors import InputError
from vastmax.text import builtin
from vastmax.text.builtin import MIN_PARAGRAPH_WORDS, documentation_in, python_documentation

SOURCE = '''#!/usr/bin/env python
"""The module's words.

    >>> 1 + 1 == len("# no comment")
    True
"""
# First line of a remark,
# and its second.
data = """neither # this
nor that"""
url = 'http://x#y'  # beside the code
def f():
    r\'\'\'A "quoted" docstring, \\d and all.\'\'\'
    return "it's # not", 'a "string"'
'''


def test_docstrings_and_comments_are_taken_and_nothing_else() -> None:
    assert re.split(r"\n{2,}", documentation_in(SOURCE)) == [
        "The module's words.",
        '    >>> 1 + 1 == len("# no comment")\n    True',
        "First line of a remark,\nand its second.",
        "beside the code",
        'A "quoted" docstring, \\d and all.',
    ]


@pytest.mark.parametrize("module", ["argparse", "textwrap", "heapq", "json.decoder"])
def test_agrees_with_the_parser_and_the_tokenizer(module: str) -> None:
    source = Path(importlib.import_module(module).__file__ or "").read_text(encoding="utf-8")
    found = documentation_in(source)
    nodes = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docstrings = [
        ast.get_docstring(node, clean=False) for node in ast.walk(ast.parse(source)) if isinstance(node, nodes)
    ]
    for docstring in docstrings:
        # Raw text against evaluated text: only what has no escapes can be compared letter by letter.
        if docstring and "\\" not in docstring and f'"""{docstring}"""' in source:
            assert docstring in found
    comments = {
        token.string.lstrip("#!:").strip()
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT
    }
    lines = {line.strip() for line in found.splitlines()}
    assert comments - {""} <= lines


def test_broken_sources_are_read_as_far_as_they_make_sense() -> None:
    assert documentation_in('x = (  # open for ever\n"""unfinished') == "open for ever"
    assert documentation_in("") == ""
    assert documentation_in("\0\x80 '") == ""


def test_paragraphs_are_words_in_lower_case_each_once(tmp_path: Path) -> None:
    (tmp_path / "one.py").write_text(SOURCE)
    (tmp_path / "two.py").write_text(SOURCE.replace("beside the code", "Don't repeat os.path yourself"))
    (tmp_path / "encodings").mkdir()
    (tmp_path / "encodings" / "cp1.py").write_text("# LATIN SMALL LETTER A WITH TABLE")
    (tmp_path / "latin.py").write_bytes("# caf\xe9 au lait for everyone".encode("latin-1"))
    paragraphs = list(python_documentation(tmp_path))
    ours = list(itertools.dropwhile(lambda words: words != ["caf", "au", "lait", "for", "everyone"], paragraphs))
    assert ours == [
        ["caf", "au", "lait", "for", "everyone"],
        ["the", "module's", "words"],
        ["first", "line", "of", "a", "remark", "and", "its", "second"],
        ["beside", "the", "code"],
        ["a", "quoted", "docstring", "d", "and", "all"],
        ["don't", "repeat", "os", "path", "yourself"],
    ]


def test_the_running_python_has_enough_to_learn_from() -> None:
    paragraphs = list(itertools.islice(python_documentation(), 5000))
    assert sum(map(len, paragraphs)) > 50_000
    assert all(len(words) >= MIN_PARAGRAPH_WORDS for words in paragraphs)
    assert all(word == word.lower() for words in paragraphs for word in words)


def test_a_lean_installation_gives_what_it_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert list(python_documentation(tmp_path))  # the topics alone
    (tmp_path / "module.py").write_text("# three whole words")
    monkeypatch.setattr(builtin, "_pydoc_topics", list)
    assert list(python_documentation(tmp_path)) == [["three", "whole", "words"]]  # one source alone


def test_a_python_without_documentation_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(builtin, "_pydoc_topics", list)
    with pytest.raises(InputError, match="without its documentation"):
        next(python_documentation(tmp_path))


def test_missing_topics_are_no_topics(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pydoc_data.topics", None)
    assert builtin._pydoc_topics() == []


def test_a_source_that_cannot_be_read_is_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gone.py").symlink_to(tmp_path / "nowhere")
    (tmp_path / "here.py").write_text("# three whole words")
    monkeypatch.setattr(builtin, "_pydoc_topics", list)
    assert list(python_documentation(tmp_path)) == [["three", "whole", "words"]]
