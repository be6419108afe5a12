"""Treat a docstring's `Example:` like `Examples:`, as a section of code, in the documentation site."""

from __future__ import annotations

import re
from typing import Any

import griffe


class ExampleSections(griffe.Extension):
    """Google's style, as griffe reads it, knows `Examples:` only and takes the singular for a remark."""

    def on_instance(self, *, obj: griffe.Object, **_: Any) -> None:
        """Rename the section before anything parses the docstring."""
        if obj.docstring is not None:
            obj.docstring.value = re.sub(r"^Example:", "Examples:", obj.docstring.value, flags=re.MULTILINE)
