"""Fixtures that every part of the suite may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """Real corpora and evaluation sets, which the repository does not hold; tests that need them skip without them."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("VASTMAX_DATA", beside))
    if not folder.is_dir():
        pytest.skip(f"real corpora not found at {folder}; set VASTMAX_DATA to the folder that holds them")
    return folder
