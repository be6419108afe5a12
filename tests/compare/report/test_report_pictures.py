"""The PNG charts: which are written, and that a race without figures leaves none."""

from __future__ import annotations

import math
import struct
from pathlib import Path

import pytest

from race_examples import finished, full_race, race
from vastmax.compare.report import pictures
from vastmax.compare.results import MethodResult, Race

NAMES = ["perplexity-time.png", "speed-perplexity.png", "frequency-bands.png"]


def test_three_charts_are_written(tmp_path: Path) -> None:
    found = pictures.save_pictures(full_race(), tmp_path)
    assert [path.name for path in found] == NAMES
    for path in found:
        head = path.read_bytes()[:24]
        assert head[:8] == b"\x89PNG\r\n\x1a\n"
        width, height = struct.unpack(">II", head[16:24])
        assert (width, height) == (1275, 780)


@pytest.mark.parametrize(
    ("of", "names"),
    [
        (Race({}, {}, {}, ()), []),
        (race(MethodResult("nce", "failed", error="x")), []),
        (race(MethodResult("nce", "finished", nats=5.0)), []),
        (race(finished("nce", 200, bands=())), NAMES[:2]),
        (Race({}, {}, {}, (finished("nce", 1.0, curve=(), training_words=0),)), NAMES[2:]),
        (race(finished("nce", 200), MethodResult("softmax", "finished", nats=math.inf)), NAMES),
    ],
)
def test_charts_without_figures_are_left_out(of: Race, names: list[str], tmp_path: Path) -> None:
    assert [path.name for path in pictures.save_pictures(of, tmp_path)] == names


def test_without_matplotlib_there_are_no_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vastmax.extras.has", lambda module: False)
    assert pictures.save_pictures(full_race(), tmp_path) == []
    assert list(tmp_path.iterdir()) == []
