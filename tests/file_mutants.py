"""Damage to files: one mutant for each number, always the same one."""

from __future__ import annotations

import random
import re
import shutil
from collections.abc import Callable
from pathlib import Path

Bytes = Callable[[random.Random, bytearray], None]

_HUGE = (2**64 - 1, 2**63 - 1, 2**63, 2**40, 2**32, 2**31 - 1, 10**12)


def _flip_bit(rng: random.Random, data: bytearray) -> None:
    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def _change_byte(rng: random.Random, data: bytearray) -> None:
    data[rng.randrange(len(data))] = rng.randrange(256)


def _change_some_bytes(rng: random.Random, data: bytearray) -> None:
    for _ in range(rng.randint(2, 12)):
        _change_byte(rng, data)


def _change_letter(rng: random.Random, data: bytearray) -> None:
    """Text stays text: a letter or digit becomes another."""
    at = [place for place, byte in enumerate(data) if chr(byte).isalnum() and byte < 128]
    if at:
        data[rng.choice(at)] = ord(rng.choice("0123456789abcxyzAZ-."))


def _cut(rng: random.Random, data: bytearray) -> None:
    del data[rng.randrange(len(data)) :]


def _cut_a_little(rng: random.Random, data: bytearray) -> None:
    del data[-rng.randint(1, min(16, len(data))) :]


def _lose_beginning(rng: random.Random, data: bytearray) -> None:
    del data[: rng.randint(1, len(data))]


def _lose_block(rng: random.Random, data: bytearray) -> None:
    at, size = _block(rng, data)
    del data[at : at + size]


def _extend(rng: random.Random, data: bytearray) -> None:
    data += rng.choice([b"\0", b"\n", rng.randbytes(1), bytes(8)]) * rng.choice([1, 1, 3, 64])


def _repeat_end(rng: random.Random, data: bytearray) -> None:
    data += data[rng.randrange(len(data)) :]


def _zero_block(rng: random.Random, data: bytearray) -> None:
    at, size = _block(rng, data)
    data[at : at + size] = bytes(size)


def _swap_blocks(rng: random.Random, data: bytearray) -> None:
    at, size = _block(rng, data)
    to = rng.randrange(len(data) - size + 1)
    if abs(to - at) >= size:
        data[at : at + size], data[to : to + size] = data[to : to + size], data[at : at + size]


def _repeat_block(rng: random.Random, data: bytearray) -> None:
    at, size = _block(rng, data)
    to = rng.randrange(len(data) - size + 1)
    data[to : to + size] = data[at : at + size]


def _repeat_header(rng: random.Random, data: bytearray) -> None:
    data[:0] = data[: rng.choice([8, 16, 64, 100, 512])]


def _huge_field(rng: random.Random, data: bytearray) -> None:
    """A length field that lies: eight or four bytes at a place where one could be, often the beginning."""
    size = rng.choice([8, 8, 4])
    places = range(0, max(len(data) - size, 0) + 1, 4)
    at = 0 if rng.random() < 0.2 else rng.choice(places)
    number = rng.choice(_HUGE) % 2 ** (8 * size)
    data[at : at + size] = number.to_bytes(size, rng.choice(["little", "little", "big"]))


def _huge_digits(rng: random.Random, data: bytearray) -> None:
    found = list(re.finditer(rb"\d+", bytes(data)))
    if found:
        digits = rng.choice(found)
        number = rng.choice([b"0", b"-1", b"9" * 19, b"1" + b"0" * 20, b"1e308", b"4294967296", b"1" * 400])
        data[digits.start() : digits.end()] = number


def _empty(rng: random.Random, data: bytearray) -> None:
    data.clear()


def _block(rng: random.Random, data: bytearray) -> tuple[int, int]:
    size = min(rng.choice([1, 4, 8, 16, 64, 512]), len(data))
    return rng.randrange(len(data) - size + 1), size


DAMAGES: dict[str, Bytes] = {
    "a bit flipped": _flip_bit,
    "a byte changed": _change_byte,
    "some bytes changed": _change_some_bytes,
    "a letter changed": _change_letter,
    "cut": _cut,
    "cut a little": _cut_a_little,
    "beginning lost": _lose_beginning,
    "block lost": _lose_block,
    "extended": _extend,
    "end repeated": _repeat_end,
    "block zeroed": _zero_block,
    "blocks swapped": _swap_blocks,
    "block repeated": _repeat_block,
    "header repeated": _repeat_header,
    "huge field": _huge_field,
    "huge digits": _huge_digits,
    "emptied": _empty,
}
REPLACED, REMOVED = "replaced by a folder", "removed"
_SELDOM = {"emptied": 0.2, REPLACED: 0.2, REMOVED: 0.5}


def damage(place: Path, format: str, number: int) -> str:
    """Damage one file at `place`, a file or a folder of them, and return how; one number always does the same.

    A mutant that equals the file is damaged again in another way.
    """
    rng = random.Random(f"{format} {number}")
    files = sorted(path for path in place.rglob("*") if path.is_file()) if place.is_dir() else [place]
    path = rng.choice(files)
    whole = path.read_bytes()
    names = [*DAMAGES, REPLACED, *([REMOVED] if place.is_dir() else [])]
    while True:
        (name,) = rng.choices(names, [_SELDOM.get(name, 1.0) for name in names])
        told = name if path == place else f"{path.name}: {name}"
        if name in (REPLACED, REMOVED):
            path.unlink()
            if name == REPLACED:
                path.mkdir()
            return told
        data = bytearray(whole)
        if data:
            DAMAGES[name](rng, data)
        else:
            data += b"\0"
        if data != whole:
            path.write_bytes(data)
            return told


def copy(whole: Path, to: Path) -> None:
    """Put a copy of a file or folder at `to`, times of files included."""
    if whole.is_dir():
        shutil.copytree(whole, to)
    else:
        shutil.copy2(whole, to)


def remove(path: Path) -> None:
    """Remove a file or a folder."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
