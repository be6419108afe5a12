"""Single-file pages for a browser: a template and the parts that fill it, all from inside the package.

Parts are escaped unless they are `Markup`, and only this module creates `Markup`: from templates and from files of the
package. An f-string of `Markup` is a plain `str` and is escaped again, so a mistake is visible but harmless.
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

# Characters that XML (and so SVG) does not allow: most control characters, lone surrogates, two noncharacters.
_NO_LETTERS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_MARK = re.compile(r"<!-- fill in: (\w+) -->")


class Markup(str):
    """Trusted HTML or SVG, which is not escaped."""

    __slots__ = ()


def escaped(value: object) -> Markup:
    """Return the value escaped for HTML; `Markup` is returned unchanged.

    Characters that HTML or XML do not allow become U+FFFD.

    Example:
        >>> escaped("<b>"), escaped(Markup("<b>"))
        ('&lt;b&gt;', '<b>')
    """
    if isinstance(value, Markup):
        return value
    return Markup(html.escape(_NO_LETTERS.sub("\N{REPLACEMENT CHARACTER}", str(value))))


def markup(template: str, /, **parts: object) -> Markup:
    """Return the template, a literal in the source code, with each `{name}` replaced by the escaped part.

    Example:
        >>> markup('<th title="{hint}">{name}</th>', hint='"', name="a < b")
        '<th title="&quot;">a &lt; b</th>'
    """
    return Markup(template.format(**{name: escaped(part) for name, part in parts.items()}))


def joined(parts: Iterable[object], between: str = "") -> Markup:
    """Return the escaped parts, joined by `between`, a literal in the source code."""
    return Markup(between.join(map(escaped, parts)))


def filled(package: str, template: str, **parts: object) -> Markup:
    """Return the template with each mark `<!-- fill in: name -->` replaced by the escaped part of that name.

    Args:
        package: the package whose folder `web` contains the template.
        template: its file name.
        parts: the parts; `Markup` is not escaped.
    """
    # One pass: inserted parts are not searched for marks.
    return Markup(_MARK.sub(lambda mark: escaped(parts[mark[1]]), source(package, template)))


def page_of(package: str, template: str, *, style: Markup, program: Markup, data: Any, **parts: object) -> Markup:
    """Return a complete page: `filled`, with its style, its script, the script's data, and its policy.

    The template's first mark is `policy`, a Content-Security-Policy: the browser runs only this script and applies only
    this style, identified by their hashes, and makes no connections.

    Args:
        package, template: see `filled`.
        style, program: results of `source`.
        data: the script's data, as JSON.
        parts: see `filled`.
    """
    program = Markup(f'"use strict";\n{program}')
    policy = (
        f"default-src 'none'; style-src {_hash_of(style)}; script-src {_hash_of(program)}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    # The hashes contain single quotes that must not be escaped; the attribute uses double quotes.
    fixed = {"policy": Markup(policy), "style": style, "program": program, "data": json_in_html(data)}
    return filled(package, template, **parts, **fixed)


def source(package: str, *names: str) -> Markup:
    """Return the text of files in the folder `web` of a package, joined by newlines."""
    folder = resources.files(package) / "web"
    return Markup("\n".join((folder / name).read_text(encoding="utf-8") for name in names))


def json_in_html(value: Any) -> Markup:
    """Return ASCII JSON in which no HTML parser can find an end tag or a comment."""
    return Markup(json_text(value, ascii_only=True, compact=True).replace("<", "\\u003c"))


def _hash_of(content: str) -> str:
    digest = hashlib.sha256(content.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"
