"""Records with checksums: a changed figure is found, another layout is not held against a file."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from vastmax.files.checksum import DamagedFileError
from vastmax.files.record import checked_lines, sealed, unsealed, write_lines

RECORD: dict[str, Any] = {"version": 2, "größe": 0.1, "list": (1, None, True), "nested": {"b": 1, "a": "x\ny"}}


def test_what_is_sealed_comes_back() -> None:
    written = sealed(RECORD)
    assert list(written) == [*RECORD, "checksum"]
    for text in (json.dumps(written), json.dumps(written, indent=3, sort_keys=True, ensure_ascii=False)):
        assert unsealed(json.loads(text), "f", required=True) == {**RECORD, "list": [1, None, True]}
    assert sealed(written) == written


@pytest.mark.parametrize("change", [{"version": 3}, {"größe": 0.10000000000000002}, {"more": 1}, {"nested": {"b": 1}}])
def test_a_change_is_found(change: dict[str, Any]) -> None:
    with pytest.raises(DamagedFileError, match=r"^f is damaged: its content does not agree with its checksum"):
        unsealed({**sealed(RECORD), **change}, "f", required=False)


def test_a_missing_checksum_is_damage_where_there_was_one(monkeypatch: pytest.MonkeyPatch) -> None:
    assert unsealed(RECORD, "f", required=False) == RECORD  # of an older vastmax
    with pytest.raises(DamagedFileError):
        unsealed(RECORD, "f", required=True)
    with pytest.raises(DamagedFileError):
        unsealed({**RECORD, "checksum": None}, "f", required=False)
    monkeypatch.setenv("VASTMAX_VERIFY", "0")
    assert unsealed({**RECORD, "checksum": "crc32:0"}, "f", required=True) == RECORD


def test_lines_are_covered_with_their_head() -> None:
    file = io.BytesIO()
    write_lines(file, {"words": 2}, [b"one\n", b"two\n"])
    first, _, rest = file.getvalue().partition(b"\n")
    assert rest == b"one\ntwo\n"
    head = json.loads(first)
    assert checked_lines(head, rest, "f", required=True) == {"words": 2}
    for other_head, other_rest in ((head, b"one\ntwp\n"), (head, b"one\n"), ({**head, "words": 3}, rest)):
        with pytest.raises(DamagedFileError):
            checked_lines(other_head, other_rest, "f", required=True)
