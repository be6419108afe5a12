"""The one door of JSON: what it refuses, in words, and what it never writes."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vastmax.errors import InputError
from vastmax.strict_json import DEEPEST, as_read_back, json_text, parse_json, read_json

PACKAGE = Path(__file__).resolve().parents[1] / "src" / "vastmax"

REFUSED = {
    "empty": (b"", r"x\.json is empty; expected JSON"),
    "blank": (b" \n\t ", "is empty"),
    "mark-alone": (b"\xef\xbb\xbf", "is empty"),
    "no-json": (b"hello", r"is not JSON \(line 1, column 1: "),
    "cut-off": (b'{"a": [1,\n 2', r"is not JSON \(line 2, "),
    "two": (b"1 2", "is not JSON"),
    "latin-1": (b'{"a": "caf\xe9"}', r"is not UTF-8 text \(byte 10\)"),
    "utf-16": ('{"a": 1}'.encode("utf-16"), "is not UTF-8 text"),
    "nan": (b'{"a": NaN}', "holds NaN, which is no number in JSON"),
    "infinity": (b"[1, -Infinity]", "holds -Infinity, which"),
    "float": (b"[1e999]", "holds '1e999', which is too large"),
    "int": (b"[100000000000000000000]", "holds '100000000000000000000', which is too large"),
    "digits": (b"[" + b"9" * 10_000 + b"]", "holds '9{39}…', which is too large"),
    "twice": (b'{"a": {"b": 1, "b": 2}}', "has 'b' twice in one object; join the two"),
    "lists": (b"[" * 100_000 + b"]" * 100_000, f"is nested more than {DEEPEST} levels deep"),
    "objects": (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "levels deep"),
    "unclosed": (b"[" * 1_000_000, "levels deep"),
    "quote": (b"[" * 300 + b'"\\"' + b"[" * 1_000_000, "levels deep"),
}


@pytest.mark.parametrize(("data", "says"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused(data: bytes, says: str) -> None:
    with pytest.raises(InputError, match=says) as refused:
        parse_json(data, "x.json")
    assert len(str(refused.value)) < 200
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"\xef\xbb\xbf[1]", [1]),
        ("\ufeff[1]", [1]),
        (b"18446744073709551615", 2**64 - 1),
        (b"-9223372036854775808", -(2**63)),
        (b'"[[[[[[[["', "[[[[[[[["),
        (json.dumps(["[{" * 500]), ["[{" * 500]),
        (b"[" * DEEPEST + b"]" * DEEPEST, None),
        (b"[[]" + b",[]" * 500 + b"]", [[]] * 501),
    ],
)  # fmt: skip
def test_what_is_read(data: bytes, value: Any) -> None:
    found = parse_json(data, "x.json")
    assert value is None or found == value


def test_a_file_is_not_read_beyond_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "long.json"
    with path.open("wb") as file:
        file.truncate(1 << 40)  # of zeros that take no room: reading it all would take a terabyte
    with pytest.raises(InputError, match=r"long\.json is longer than 1,000 bytes"):
        read_json(path, longest_bytes=1000)


def test_what_json_has_no_letters_for_is_null() -> None:
    value = {"a": [math.nan, math.inf, (-math.inf, 1.5)], "b": {"c": math.nan}}
    assert json_text(value) == '{"a": [null, null, [null, 1.5]], "b": {"c": null}}'
    assert as_read_back(value) == {"a": [None, None, [None, 1.5]], "b": {"c": None}}


def test_half_a_character_is_escaped() -> None:
    text = json_text({"file": "caf\udce9.txt", "word": "é"})
    assert text == '{"file": "caf\\udce9.txt", "word": "é"}'
    assert parse_json(text.encode(), "x") == {"file": "caf\udce9.txt", "word": "é"}


@settings(max_examples=50, deadline=None)
@given(st.recursive(st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text()
                    | st.floats(allow_nan=False, allow_infinity=False),
                    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=30))  # fmt: skip
def test_what_is_written_is_read_back(value: Any) -> None:
    for text in (json_text(value), json_text(value, indent=2), json_text(value, ascii_only=True, compact=True)):
        assert parse_json(text.encode(), "x") == value


def test_nobody_goes_past_the_door() -> None:
    """json.loads and its kin stand in strict_json.py alone."""
    past = [
        str(path.relative_to(PACKAGE))
        for path in sorted(PACKAGE.rglob("*.py"))
        if path.name != "strict_json.py"
        and re.search(r"^\s*(import json\b|from json\b)", path.read_text(encoding="utf-8"), re.MULTILINE)
    ]
    assert past == []
