"""Where a framework is not installed, vastmax is whole, and the integration says what to type."""

from __future__ import annotations

import sys
from importlib import import_module

import pytest

from vastmax.extras import MissingExtraError


@pytest.mark.parametrize(
    ("module", "package"),
    [
        ("transformers", "Transformers"),
        ("transformers_trainer", "Transformers"),
        ("lightning", "Lightning"),
    ],
)
def test_says_which_extra_is_missing(monkeypatch: pytest.MonkeyPatch, module: str, package: str) -> None:
    name, extra = f"vastmax.integrations.{module}", package.lower()
    monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, extra, None)
    with pytest.raises(MissingExtraError, match=rf"{name} needs {package}, .*pip install '\.\[{extra}\]'"):
        import_module(name)
