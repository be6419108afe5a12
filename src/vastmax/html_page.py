"""Pages for a browser that are one file: a template and the parts that fill it, all of them inside the package.

What is filled in is escaped unless it is `Markup`, and `Markup` comes out of this module alone: of templates, and of
files of the package. An f-string of it is a plain `str` again, and so is escaped once more: a slip is seen, not obeyed.
"""

from __future__ import annotations

import base64
import hashlib
import html
import re
from collections.abc import Iterable
from importlib import resources
from typing import Any

from vastmax.strict_json import json_text

# Letters that XML, of which SVG is, does not allow: most control characters, halves of characters, two that are none.
_NO_LETTERS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_MARK = re.compile(r"<!-- fill in: (\w+) -->")


class Markup(str):
    """HTML or SVG as it is meant: a browser may obey it."""

    __slots__ = ()


def escaped(value: object) -> Markup:
    """Return the value as text that no browser obeys; `Markup` as it is.

    Letters that HTML or XML do not allow become U+FFFD.

    Example:
        >>> escaped("<b>"), escaped(Markup("<b>"))
        ('&lt;b&gt;', '<b>')
    """
    if isinstance(value, Markup):
        return value
    return Markup(html.escape(_NO_LETTERS.sub("\N{REPLACEMENT CHARACTER}", str(value))))


def markup(template: str, /, **parts: object) -> Markup:
    """Return the template, which the program's author wrote, with each `{name}` replaced by the part, escaped.

    Example:
        >>> markup('<th title="{hint}">{name}</th>', hint='"', name="a < b")
        '<th title="&quot;">a &lt; b</th>'
    """
    return Markup(template.format(**{name: escaped(part) for name, part in parts.items()}))


def joined(parts: Iterable[object], between: str = "") -> Markup:
    """Return the parts, escaped, one after the other; `between` them stands what the program's author wrote."""
    return Markup(between.join(map(escaped, parts)))


def filled(package: str, template: str, **parts: object) -> Markup:
    """Return the template with each mark `<!-- fill in: name -->` replaced by the part of that name, escaped.

    Args:
        package: in whose folder `web` the template lies.
        template: its file name.
        parts: `Markup` stays as it is.
    """
    # One pass: what is filled in is never looked through for marks again.
    return Markup(_MARK.sub(lambda mark: escaped(parts[mark[1]]), source(package, template)))


def page_of(package: str, template: str, *, style: Markup, program: Markup, data: Any, **parts: object) -> Markup:
    """Return a whole page: `filled`, with its style, its program and the data of that, and with its policy.

    The template's first marks are `policy`, a Content-Security-Policy: the browser runs the program and applies the
    style by their hashes and nothing else, and connects to nowhere.

    Args:
        package, template: as `filled`.
        style, program: what `source` gives.
        data: what the program reads; JSON.
        parts: as `filled`.
    """
    program = Markup(f'"use strict";\n{program}')
    policy = (
        f"default-src 'none'; style-src {_hash_of(style)}; script-src {_hash_of(program)}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    # The hashes hold quotes that must reach the browser as they are: the attribute is in double ones.
    fixed = {"policy": Markup(policy), "style": style, "program": program, "data": json_in_html(data)}
    return filled(package, template, **parts, **fixed)


def source(package: str, *names: str) -> Markup:
    """Return the text of files in the folder `web` of a package, one after the other."""
    folder = resources.files(package) / "web"
    return Markup("\n".join((folder / name).read_text(encoding="utf-8") for name in names))


def json_in_html(value: Any) -> Markup:
    """Return JSON in plain ASCII that no HTML parser sees an end tag or a comment in, whatever the words are."""
    return Markup(json_text(value, ascii_only=True, compact=True).replace("<", "\\u003c"))


def _hash_of(content: str) -> str:
    digest = hashlib.sha256(content.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"
