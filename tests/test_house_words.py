"""Documentation, docstrings and messages use the words of docs/glossary.md, and none of those that it says to avoid."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
GLOSSARY = ROOT / "docs" / "glossary.md"

NOT_PROSE = {"CHANGELOG.md"}  # a record of what was written at the time
BAD_STARTS = re.compile(r"(Of|As|Those|What|Where|Which|That|Whose|How|Such|But|The same)\b")
_BAD_DOCSTRING = re.compile(rf'"""{BAD_STARTS.pattern}')

# What is not prose in a page: code, names of recipes and files, and tables that are made from records.
_NOT_PROSE_IN_PAGE = re.compile(
    r"^```.*?^```|<!-- bench:.*?<!-- /bench -->|`[^`]*`|\]\([^)]*\)|\]\[[^\]]*\]|^::: [^\n]*$", re.MULTILINE | re.DOTALL
)
_ARGUMENT = r"(?m:^ +\w+: )"  # in the list of a docstring; names keep their spelling
_NOT_PROSE_IN_STRING = re.compile(rf"``[^`]*``|`[^`]*`|\"[^\"]*\"|\bvastmax (?:lm )?[a-z]+|{_ARGUMENT}")


@cache
def phrases() -> list[str]:
    """The words to avoid, from the table of the glossary."""
    table = GLOSSARY.read_text(encoding="utf-8").partition("## Words to avoid")[2]
    rows = re.findall(r"^\| ([^|]+) \| [^|]+ \|$", table, re.MULTILINE)
    found = [phrase.strip() for row in rows if row != "avoid" for phrase in row.split(",")]
    assert len(found) > 50
    return found


@cache
def avoided() -> re.Pattern[str]:
    patterns = [r"\s+".join(map(re.escape, phrase.split())) for phrase in phrases()]
    return re.compile(rf"\b(?:{'|'.join(patterns)})\b", re.IGNORECASE)


def is_suspect(text: str) -> bool:
    """Whether it is worth looking closely: a search for plain strings takes a twentieth of the time."""
    plain = " ".join(text.lower().split())
    return any(phrase in plain for phrase in phrases())


def pages() -> list[Path]:
    found = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "benchmarks" / "README.md"]
    return [page for page in found if page.name not in NOT_PROSE and "cli" not in page.parts]  # those are cli's own


def sources() -> list[Path]:
    package = ROOT / "src" / "vastmax"
    found = [path for folder in ("tools", "examples") for path in (ROOT / folder).rglob("*.py")]
    found += (ROOT / "benchmarks").glob("*.py")  # the studies in papers/ name runs as their records do
    found += package.rglob("*.py")
    return found


def strings_of(source: str) -> Iterator[tuple[int, str, bool]]:
    """Line, text, and whether it is a docstring, of every string; single words are keys and names."""
    tree = ast.parse(source)
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, documented) and node.body and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value.strip():
            yield node.lineno, node.value, id(node) in docstrings


def found_in_page(text: str) -> list[str]:
    prose = _NOT_PROSE_IN_PAGE.sub(" . ", text.partition("## Words to avoid")[0])
    if not is_suspect(prose):
        return []
    return [" ".join(match[0].split()) for match in avoided().finditer(prose)]


def found_in_source(source: str) -> list[str]:
    found: list[str] = []
    if not is_suspect(source) and not _BAD_DOCSTRING.search(source):
        return found  # the usual case: nothing to parse
    for line, text, is_docstring in strings_of(source):
        prose = _NOT_PROSE_IN_STRING.sub(" . ", text.partition("Example:")[0] if is_docstring else text)
        found += [f"line {line}: {' '.join(match[0].split())}" for match in avoided().finditer(prose)]
        if is_docstring and (start := BAD_STARTS.match(text)):
            found.append(f"line {line}: a docstring starts with {start[0]!r}")
    return found


def test_pages_avoid_house_words() -> None:
    found = {str(page.relative_to(ROOT)): found_in_page(page.read_text(encoding="utf-8")) for page in pages()}
    assert {page: words for page, words in found.items() if words} == {}


def test_docstrings_and_messages_avoid_house_words() -> None:
    found = {str(path.relative_to(ROOT)): found_in_source(path.read_text(encoding="utf-8")) for path in sources()}
    assert {path: words for path, words in found.items() if words} == {}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("one word a\nline", ["one word a line"]),
        ("advise Foresees the cost", ["Foresees"]),
        ("`one word a line` and ```anew```", []),
        ("a wordy line", []),
    ],
)
def test_what_is_found_in_a_page(text: str, expected: list[str]) -> None:
    assert found_in_page(text) == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ('"""Return the cost of a normaliser."""', ["line 1: normaliser"]),
        ('"""Of a layer: its width."""', ["line 1: a docstring starts with 'Of'"]),
        ('def f():\n    raise ValueError(f"{1} nats a word")', ["line 2: nats a word"]),
        ('settings["stretch"] = log_normaliser', []),
        ('"""Return `normaliser`."""', []),
        ('"""Fit.\n\n    Args:\n        normalised: whether it is normalised.\n    """', ["line 1: normalised"]),
    ],
)
def test_what_is_found_in_a_source(source: str, expected: list[str]) -> None:
    assert found_in_source(source) == expected
