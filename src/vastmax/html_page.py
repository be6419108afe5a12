"""Pages for a browser that are one file: a template and the parts that fill it, all of them inside the package."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib import resources
from typing import Any

from vastmax.strict_json import json_text


def filled(package: str, template: str, parts: Mapping[str, str]) -> str:
    """The template with each mark `<!-- fill in: name -->` replaced by the part of that name.

    Args:
        package: in whose folder `web` the template lies.
        template: its file name.
        parts: HTML, escaped already.
    """
    # One pass: what is filled in is never looked through for marks again.
    whole = re.sub(r"<!-- fill in: (\w+) -->", lambda mark: parts[mark[1]], source(package, template))
    return whole.encode("utf-8", "replace").decode("utf-8")  # a title from the shell may hold half a character


def source(package: str, *names: str) -> str:
    """The text of files in the folder `web` of a package, one after the other."""
    folder = resources.files(package) / "web"
    return "\n".join((folder / name).read_text(encoding="utf-8") for name in names)


def json_in_html(value: Any) -> str:
    """JSON in plain ASCII that no HTML parser sees an end tag or a comment in, whatever the words are.

    Raises:
        ValueError: a number that JSON has no letters for, such as infinity.
    """
    return json_text(value, ascii_only=True, compact=True).replace("<", "\\u003c")
