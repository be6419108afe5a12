"""Where Transformers is not installed, vastmax is whole, and the integration says what to type."""

from __future__ import annotations

import sys
from importlib import import_module

import pytest

from vastmax.extras import MissingExtraError


@pytest.mark.parametrize("module", ["transformers", "transformers_trainer"])
def test_says_which_extra_is_missing(monkeypatch: pytest.MonkeyPatch, module: str) -> None:
    name = f"vastmax.integrations.{module}"
    monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MissingExtraError, match=rf"{name} needs Transformers, .*pip install '\.\[transformers\]'"):
        import_module(name)
