from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from vastmax import tree
from vastmax.errors import InputError
from vastmax.tree.tree import Tree

TREES = {
    "one": tree.balanced(1),
    "binary": tree.huffman(range(1, 30)),
    "nested": tree.nested({"sports": ["golf"], "ムード": ["π"]}),
    "leaves": Tree.from_links(np.array([~1, 1, ~0, ~1, ~2]), np.array([3, 2]), words=["a", "", "\n"]),
}


@pytest.mark.parametrize("kind", TREES)
def test_what_is_saved_is_loaded(kind: str, tmp_path: Path) -> None:
    t, path = TREES[kind], tmp_path / "t.safetensors"
    t.save(path)
    again = Tree.load(path)
    for name in ("children", "child_counts", "leaf_words"):
        assert np.array_equal(getattr(again, name), getattr(t, name))
    assert (again.words, again.labels) == (t.words, t.labels)
    assert [p.name for p in tmp_path.iterdir()] == ["t.safetensors"]


def test_golden_bytes(tmp_path: Path) -> None:
    tree.huffman([3, 1, 1]).save(tmp_path / "t")
    arrays = np.array([2, 2, 1, ~0, ~2, ~1], dtype="<i4").tobytes()
    digits = f"1048576 {zlib.crc32(arrays[:8]):08x},{zlib.crc32(arrays[8:]):08x}"
    content = f'{{"metadata":{{"checksum":"{digits}","format":"vastmax tree 2"}},'
    content += '"tensors":{"child_counts":["I32",[2]],"children":["I32",[4]]}}'
    checksum = f"crc32:{zlib.crc32(content.encode()):08x} {digits} "
    header = (
        f'{{"__metadata__":{{"format":"vastmax tree 2","checksum":"{checksum}"}},'
        '"child_counts":{"dtype":"I32","shape":[2],"data_offsets":[0,8]},'
        '"children":{"dtype":"I32","shape":[4],"data_offsets":[8,24]}}'
    ).encode()
    padded = header + b" " * (-len(header) % 8)
    assert (tmp_path / "t").read_bytes() == len(padded).to_bytes(8, "little") + padded + arrays


def test_a_file_is_small(tmp_path: Path) -> None:
    tree.balanced(100_000).save(tmp_path / "t")
    assert (tmp_path / "t").stat().st_size < 12.1 * 100_000


def test_cuts_and_flipped_bytes_are_noticed(tmp_path: Path) -> None:
    path = tmp_path / "t"
    TREES["nested"].save(path)
    whole = path.read_bytes()
    for length in range(0, len(whole), 3):
        path.write_bytes(whole[:length])
        with pytest.raises(InputError, match=r"t( is not a tree| is damaged|: this is a safetensors file)"):
            Tree.load(path)
    # The library's own reader let a letter of a word change unnoticed.
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :])
        with pytest.raises(InputError, match=r"t(: .*expected a tree| .*(not a tree|damaged))"):
            Tree.load(path)


def test_other_files(tmp_path: Path) -> None:
    path = tmp_path / "t"
    path.write_text("no tree at all")
    with pytest.raises(InputError, match="is not a tree file, or is damaged"):
        Tree.load(path)
    safetensors.numpy.save_file({"vectors": np.zeros(3)}, path)
    with pytest.raises(InputError, match="expected a tree that vastmax saved"):
        Tree.load(path)
    safetensors.numpy.save_file({"children": np.zeros(3)}, path, metadata={"format": "vastmax tree 1"})
    with pytest.raises(InputError, match=r"damaged: it contains the arrays \['children'\]"):
        Tree.load(path)
    with pytest.raises(FileNotFoundError):
        Tree.load(tmp_path / "missing")
    with pytest.raises(IsADirectoryError):
        Tree.load(tmp_path)
