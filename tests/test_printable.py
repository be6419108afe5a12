"""What is in a file does not steer the terminal that shows it; pipes and JSON get it as it is."""

from __future__ import annotations

import io
import json
import re
import sys
from pathlib import Path

import pytest

from vastmax.cli import output
from vastmax.cli.failure import complain
from vastmax.printable import printable
from vastmax.progress import Bar, Lines

STEERING = {
    "colour": ("\x1b[31mred", "\\x1b[31mred"),
    "title": ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
    "one-byte": ("\x9b2J", "\\u009b2J"),
    "backspace": ("a\x08b\x7f", "a\\x08b\\u007f"),
    "line": ("a\rb\u2028c", "a\\rb\\u2028c"),
    "direction": ("\u202egnorw\u2066", "\\u202egnorw\\u2066"),
    "half": ("\udcff", "\\udcff"),
}

PLAIN = ["the", "Crème", "שלום", "👩‍👩‍👧", "中文", "\\x1b", "a\u200fb"]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("text", "shown"), STEERING.values(), ids=STEERING)
def test_what_steers_is_written_out(text: str, shown: str) -> None:
    assert printable(text) == shown


@pytest.mark.parametrize("text", PLAIN)
def test_words_stay_words(text: str) -> None:
    assert printable(text) == text


@pytest.mark.parametrize(("text", "shown"), STEERING.values(), ids=STEERING)
def test_no_way_to_the_terminal_lets_it_through(text: str, shown: str, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    for name in ("stdout", "stderr"):
        monkeypatch.setattr(sys, name, terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "200")
    output.print_table(text, ["word"], [[text]])
    output.print_heading(text)
    output.print_text(text)
    output.say(text)
    output.print_json({"word": text})  # whose own escapes are those of JSON
    complain(f"the word {text} is unknown")
    with Lines(terminal) as lines:
        lines.begin(text, 1, "words")
        lines.update(1, word=text)
        lines.end()
    with Bar(terminal) as bar:
        bar.begin(text, 1, "words")
        bar.update(1, word=text)
        bar.end()
    given = terminal.getvalue()
    assert text not in given
    assert given.count(shown) >= 8
    ours = re.sub(r"\x1b\[[\d;?]*[a-zA-Z]", "", given)  # what rich says itself, to draw a table and to move the cursor
    assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", ours)


def test_a_pipe_gets_every_letter_and_fields_stay_fields(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_table("title", ["word", "count"], [["\x1b[31m", "1"], ["a\tb\nc\rd", "2"], ["back\\slash", "3"]])
    lines = capsys.readouterr().out.split("\n")
    assert lines == ["\x1b[31m\t1", "a\\tb\\nc\\rd\t2", "back\\slash\t3", ""]
    output.print_json(["\x1b[31m", "a\tb", "\u202e", float("nan")])
    printed = capsys.readouterr().out
    assert "\x1b" not in printed
    assert json.loads(printed) == ["\x1b[31m", "a\tb", "\u202e", None]


def test_commands_print_by_one_door() -> None:
    """`say` and the tables; print itself would let everything through."""
    folder = Path(output.__file__).parent
    doors = {"output.py", "failure.py", "entry.py", "main.py"}
    past = [
        f"{path.relative_to(folder)}: {line.strip()}"
        for path in sorted(folder.rglob("*.py"))
        if path.name not in doors
        for line in path.read_text(encoding="utf-8").splitlines()
        if re.search(r"(?<![\w.])print\(|sys\.stdout\.write", line) and "file=sys.stderr" not in line
    ]
    assert past == []
