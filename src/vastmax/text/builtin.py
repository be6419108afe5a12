"""A corpus that ships with every Python: the language reference, and docstrings and comments of the standard library.

It is English prose by many authors about one subject, some 0.7 million words, and needs no download.
"""

from __future__ import annotations

import re
import sysconfig
from collections.abc import Iterator
from pathlib import Path

from vastmax.errors import InputError
from vastmax.progress import Progress, Silent

SKIPPED_FOLDERS = frozenset({"site-packages", "dist-packages", "encodings", "pydoc_data", "__pycache__"})
"""Folders outside the standard library or without prose (`encodings`: tables; `pydoc_data` is read separately)."""

MIN_PARAGRAPH_WORDS = 3
"""Shorter paragraphs are headings, markers and commented-out code, from which nothing can be learned."""

_WORD = re.compile(r"[A-Za-z]+(?:'[a-z]+)?")
_BLANK_LINES = re.compile(r"\n\s*\n")

# Strings are matched along with comments, so that a '#' inside a string is not taken for a comment. This reads files
# that no longer parse, and the whole library in two seconds where `ast` and `tokenize` need twenty-five. (Each branch
# begins with a letter of its own: only then does `re` skip code without trying them all at every place.)
_STRING_OR_COMMENT = re.compile(
    r'''"""(?P<double>(?:[^"\\]++|\\.|"(?!""))*+)"""'''
    r"""|'''(?P<single>(?:[^'\\]++|\\.|'(?!''))*+)'''"""
    r"|#(?P<comments>[^\n]*+(?:\n[ \t]*+#[^\n]*+)*+)"
    r'''|"(?:[^"\\\n]++|\\.)*+"'''
    r"""|'(?:[^'\\\n]++|\\.)*+'""",
    re.DOTALL,
)
_BEFORE_DOCSTRINGS = frozenset({"", "r", "R", "u", "U"})


def python_documentation(library: Path | None = None, *, progress: Progress | None = None) -> Iterator[list[str]]:
    """Yield the paragraphs of Python's own documentation as lists of lowercase words without punctuation.

    The topics of `pydoc` come first, then the docstrings and comments of every source file under `library`, in the
    order of their names. Repeated paragraphs (mostly licenses) are omitted, and so are doctests, which are code.

    Args:
        library: the folder of the standard library; None: that of the running Python.
        progress: reports the number of source files read.

    Raises:
        InputError: neither the topics nor any source file could be found.

    Example:
        >>> paragraphs = python_documentation()
        >>> len(next(paragraphs)) >= MIN_PARAGRAPH_WORDS
        True
    """
    progress = progress or Silent()
    library = Path(sysconfig.get_path("stdlib")) if library is None else library
    sources = list(_source_files(library))
    topics = _pydoc_topics()
    if not sources and not topics:
        raise InputError(
            f"{library} holds no Python sources and pydoc has no topics: this Python was installed without its "
            "documentation. Train on a text of your own: vastmax embed YOUR.txt -o vectors.safetensors"
        )
    seen: set[int] = set()
    progress.begin("Reading Python's documentation", len(sources), "files")
    for done, text in enumerate(_texts(topics, sources)):
        for paragraph in _BLANK_LINES.split(text):
            words = _words(paragraph)
            key = hash(tuple(words))
            if len(words) >= MIN_PARAGRAPH_WORDS and key not in seen:
                seen.add(key)
                yield words
        progress.update(max(0, done + 1 - len(topics)))
    progress.end()


def documentation_in(source: str) -> str:
    """Return the docstrings and comments of a Python source text, separated by blank lines.

    A docstring is a triple-quoted string with only indentation before it. Comments on adjacent lines are one comment.

    Example:
        >>> documentation_in("x = '# no comment'  # a comment")
        'a comment'
    """
    pieces = []
    for match in _STRING_OR_COMMENT.finditer(source):
        if match["comments"] is not None:
            lines = (line.strip() for line in match[0].splitlines())
            pieces.append("\n".join(line.lstrip("#:").strip() for line in lines if not line.startswith("#!")))
            continue
        text = match["double"] or match["single"]
        line_start = source.rfind("\n", 0, match.start()) + 1
        if text and source[line_start : match.start()].strip() in _BEFORE_DOCSTRINGS:
            pieces.append(text)
    return "\n\n".join(piece for piece in pieces if piece.strip())


def _texts(topics: list[str], sources: list[Path]) -> Iterator[str]:
    yield from topics
    for path in sources:
        try:
            yield documentation_in(path.read_text(encoding="utf-8", errors="replace"))
        except OSError:  # a file that cannot be read is a smaller corpus, not a failure
            yield ""


def _words(paragraph: str) -> list[str]:
    lines = (line for line in paragraph.splitlines() if not line.lstrip().startswith((">>>", "...")))
    return _WORD.findall(" ".join(lines).lower())


def _source_files(library: Path) -> Iterator[Path]:
    for path in sorted(library.rglob("*.py")):
        if SKIPPED_FOLDERS.isdisjoint(path.relative_to(library).parts):
            yield path


def _pydoc_topics() -> list[str]:
    try:
        from pydoc_data.topics import topics
    except ImportError:  # distributions may leave it out
        return []
    return list(topics.values())
