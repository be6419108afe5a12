"""The displays of progress: what is said, when, and to whom."""

from __future__ import annotations

import io
import re
import time
from pathlib import Path

import pytest

from vastmax import progress
from vastmax.progress import Bar, Lines, Silent, console_progress, describe_seconds, describe_speed


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that stands still; its first element is the time."""
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_lines_are_plain_and_rare(clock: list[float]) -> None:
    stream = io.StringIO()
    with Lines(stream, seconds_between=5.0) as lines:
        lines.begin("train", 1_000_000, "words")
        for step in range(1, 101):
            clock[0] += 0.2
            lines.update(step * 10_000, loss=0.3125, learning_rate=0.025 * (1 - step / 100))
        lines.end()
    text = stream.getvalue()
    assert "\r" not in text
    assert "\x1b" not in text
    assert text.splitlines() == [
        "train: 250,000 of 1,000,000 words, 25 %, 50.0 k words/s, loss 0.3125, learning rate 0.01875, 15 s left",
        "train: 500,000 of 1,000,000 words, 50 %, 50.0 k words/s, loss 0.3125, learning rate 0.0125, 10 s left",
        "train: 750,000 of 1,000,000 words, 75 %, 50.0 k words/s, loss 0.3125, learning rate 0.00625, 5.0 s left",
        "train: 1,000,000 of 1,000,000 words, 100 %, 50.0 k words/s, loss 0.3125, learning rate 0, took 20 s",
    ]


def test_a_short_phase_is_one_line_and_an_unknown_total_is_not_made_up(clock: list[float]) -> None:
    stream = io.StringIO()
    lines = Lines(stream)
    lines.begin("read", None, "bytes")
    clock[0] += 2
    lines.update(4_000_000)
    lines.begin("train", 10, "words")  # ends the phase before
    assert stream.getvalue() == "read: 4,000,000 bytes, 2.00 M bytes/s, took 2.0 s\n"


def test_what_was_done_at_another_time_says_nothing_about_the_speed(clock: list[float]) -> None:
    stream = io.StringIO()
    lines = Lines(stream)
    lines.begin("train", 1000, "words", 600)
    clock[0] += 10
    lines.update(800)
    lines.end()
    told = "train: 800 of 1,000 words, 80 %, 20.0 words/s"
    assert stream.getvalue() == f"{told}, 10 s left\n{told}, took 10 s\n"


def test_an_interrupted_phase_says_nothing_more() -> None:
    stream = io.StringIO()

    def work() -> None:
        with Lines(stream) as lines:
            lines.begin("train", 10, "words")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work()
    assert stream.getvalue() == ""


def test_updates_outside_a_phase_are_ignored() -> None:
    stream = io.StringIO()
    for display in (Lines(stream), Bar(stream), Silent()):
        display.update(3.0, loss=1.0)
        display.end()
    assert stream.getvalue() == ""


def test_nothing_done_is_no_speed(clock: list[float]) -> None:
    stream = io.StringIO()
    lines = Lines(stream, seconds_between=1.0)
    lines.begin("train", 100, "words")
    clock[0] += 1
    lines.update(0)
    clock[0] += 1
    lines.update(0, state="warming up")
    assert stream.getvalue().splitlines()[1] == "train: 0 of 100 words, 0 %, state warming up"


def test_the_bar_shows_speed_readings_and_gives_the_cursor_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    with console_progress(stream) as bar:
        assert isinstance(bar, Bar)
        bar.begin("train", 1000, "words")
        bar.update(1000, loss=0.25)
        bar.end()
    text = stream.getvalue()
    assert re.search(r"words/s, loss 0\.25, took \d", text)
    assert "100%" in text
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")


def test_the_bar_leaves_readings_out_where_the_terminal_is_narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("vastmax.progress.BAR_REFRESHES_PER_SECOND", 1000.0)
    stream = Terminal()
    with console_progress(stream) as bar:
        bar.begin("a phase of twenty-nine places", 60, "s of training")
        bar.update(20, race="3 min 20 s left", perplexity="1,234", loss=6.789)
        time.sleep(0.05)
        bar.end()
    text = stream.getvalue()
    assert "…" not in text
    assert "race 3 min 20 s left, took" in text
    assert "s of training/s" not in text


def test_the_bar_is_for_terminals_that_can_move_their_cursor(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert isinstance(console_progress(io.StringIO()), Lines)
    monkeypatch.setenv("TERM", "dumb")
    assert isinstance(console_progress(Terminal()), Lines)
    with (tmp_path / "log").open("w") as log:
        assert isinstance(console_progress(log), Lines)


def test_bytes_take_the_letter_before_them() -> None:
    assert describe_speed(69_600_000, "B") == "69.6 MB/s"
    assert describe_speed(12, "B") == "12.0 B/s"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (9.94, "9.9 s"), (9.96, "10 s"), (59.4, "59 s"), (59.6, "1 min 00 s"), (200, "3 min 20 s"),
     (3599.9, "1 h 00 min"), (7500, "2 h 05 min")],
)  # fmt: skip
def test_durations(seconds: float, text: str) -> None:
    assert describe_seconds(seconds) == text


@pytest.mark.parametrize(
    ("speed", "text"),
    [(0.5, "0.50 w/s"), (950, "950 w/s"), (12_345, "12.3 k w/s"), (1_234_567, "1.23 M w/s"), (99_960, "100 k w/s"),
     (5e9, "5.00 G w/s")],
)  # fmt: skip
def test_speeds(speed: float, text: str) -> None:
    assert describe_speed(speed, "w") == text
