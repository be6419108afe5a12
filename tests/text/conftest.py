"""A cache of its own for every test of the text room."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def cache_folder(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path_factory.mktemp("cache") / "vastmax"
    monkeypatch.setenv("VASTMAX_CACHE", str(folder))
    monkeypatch.delenv("VASTMAX_CACHE_LIMIT", raising=False)
    return folder
