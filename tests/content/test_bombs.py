"""Small files that stand for gigabytes end in one line, or stream through, within some megabytes of address space."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import zstandard

from vastmax.embedding.formats.table import Rows
from vastmax.errors import InputError

MB = 1 << 20
COMPRESSORS: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": zstandard.ZstdCompressor().compress,
}
ROOM = 300 * MB
"""What a door may take beside what Python and its libraries have taken before."""

# Runs doors on files; each answers with what was said, or what was found. The limit holds for what comes after imports.
PROGRAM = """
import json, resource, sys, time, warnings
from pathlib import Path
import numpy, pyarrow.parquet, safetensors.numpy, zstandard, pyarrow.compute
from vastmax import tree
from vastmax.embedding import WordVectors
from vastmax.embedding.checkpoint_file import CheckpointFile
from vastmax.errors import InputError
from vastmax.text import Corpus, Phrases, Vocabulary, read_word_list
from vastmax.text.counts_file import read_counts
DOORS = {
    "vectors": WordVectors.load,
    "vectors, bad lines left out": lambda path: WordVectors.load(path, on_bad_line="skip"),
    "corpus": lambda path: Corpus(path, cache=False).num_tokens,
    "corpus with replacement": lambda path: Corpus(path, cache=False, errors="replace").num_tokens,
    "corpus with tokenizer": lambda path: Corpus(path, cache=False, tokenizer=str.split).num_tokens,
    "counts": read_counts,
    "vocabulary": Vocabulary.load,
    "phrases": Phrases.load,
    "tree": tree.Tree.load,
    "labels": tree.nested,
    "checkpoint": lambda path: CheckpointFile(Path(path)),
    "wordnet": lambda path: tree.wordnet(["dog"], path=path),
    "word list": read_word_list,
    "pairs": lambda path: WordVectors(["a"], [[1.0]]).evaluate_pairs(path),
}
taken = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (taken + int(sys.argv[1]),) * 2)
for line in sys.stdin:
    door, path = json.loads(line)
    started = time.process_time()
    try:
        said = ["found", str(DOORS[door](path))]
    except InputError as error:
        said = ["refused", str(error)]
    print(json.dumps([*said, time.process_time() - started]), flush=True)
"""


def through(*asked: tuple[str, Path], room: int = ROOM) -> list[list[str]]:
    if not Path("/proc/self/statm").exists():
        pytest.skip("the system does not say how large an address space is")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PROGRAM, str(room)],
        input="\n".join(json.dumps([door, str(path)]) for door, path in asked),
        capture_output=True,
        text=True,
        env={"OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1", "ARROW_DEFAULT_MEMORY_POOL": "system", "PATH": ""},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(answers) == len(asked)
    assert all("\n" not in said and seconds < 10 for _, said, seconds in answers)
    return [[kind, said] for kind, said, _ in answers]


def bomb(path: Path, name: str, head: bytes, block: bytes, copies: int) -> Path:
    """A head, then a block many times over: each a stream of its own, so that it is quickly made."""
    compress = COMPRESSORS[name]
    packed = compress(block)
    path.write_bytes((compress(head) if head else b"") + packed * copies)
    assert path.stat().st_size < 3 * MB
    return path


@pytest.mark.parametrize("name", ["gz", "zst", *(pytest.param(name, marks=pytest.mark.slow) for name in ("bz2", "xz"))])
def test_compressed_bombs_end_in_one_line(tmp_path: Path, name: str) -> None:
    """Each stands for 900 MB or more, most for 2 GiB."""
    block, nothing = b"a" * (2 * MB), bytes(2 * MB)
    line = bomb(tmp_path / "line", name, b"", block, 1024)
    row = bomb(tmp_path / "row", name, b"2 3\nword ", block, 1024)
    claim = bomb(tmp_path / "claim", name, b"1000000000 300\n", nothing, 1024)
    wide = bomb(tmp_path / "wide", name, b"2 500000000\nword ", nothing, 1024)
    again = bomb(tmp_path / "again", name, b"", b"word 1\n" * (MB // 4), 512)
    count = bomb(tmp_path / "count", name, b"word\t3\n", block, 1024)
    counts = bomb(tmp_path / "counts", name, b"", b"word\t3\n" * (MB // 4), 512)
    said = through(
        ("vectors", line), ("vectors", row), ("vectors", claim), ("vectors", wide), ("vectors", again),
        ("vectors, bad lines left out", row),
        ("corpus", line), ("corpus with tokenizer", line), ("counts", count), ("counts", counts),
        *((door, line) for door in ("vocabulary", "phrases", "tree", "labels", "checkpoint", "word list", "pairs")),
    )  # fmt: skip
    expected = [
        "opens no format known here",
        "line 2, from byte 4 on, is longer than 16 MiB",
        "entry 1 (at byte 15) has no space that ends its word",
        "the most that is read is 1048576",
        "the word 'word' comes twice, as entry 1 and entry 2",
        "line 2, from byte 4 on, is longer than 16 MiB",
        "byte 0 starts a word of more than 65535 bytes",
        "the line from byte 0 on is longer than 64 MiB",
        "line 2 is longer than 1 MiB",
        "line 2: the word 'word' comes twice",
        *["this is data compressed by"] * 7,
    ]
    for (kind, message), part in zip(said, expected, strict=True):
        assert kind == "refused", message
        assert part in message


@pytest.mark.parametrize("name", ["zst", *(pytest.param(name, marks=pytest.mark.slow) for name in ("gz", "bz2", "xz"))])
def test_long_text_streams_through(tmp_path: Path, name: str) -> None:
    """204 MB of text, twice the room that there is."""
    text = bomb(tmp_path / "text", name, b"", b"some words that follow each other\n" * (MB // 8), 45)
    assert through(("corpus", text), room=100 * MB) == [["found", str(6 * (MB // 8) * 45)]]


def test_a_word_without_end_is_replaced_and_streams_through(tmp_path: Path) -> None:
    text = bomb(tmp_path / "text", "zst", b"a ", b"x" * (2 * MB), 80)
    assert through(("corpus with replacement", text), room=100 * MB) == [["found", "2"]]


def test_decoders_that_ask_for_much_memory_are_refused(tmp_path: Path) -> None:
    parameters = zstandard.ZstdCompressionParameters(window_log=30)
    packer = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    (tmp_path / "zst").write_bytes(packer.compress(b"a few words\n") + packer.flush())
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 30}]
    (tmp_path / "xz").write_bytes(lzma.compress(b"a few words\n", filters=filters))
    for name, program in (("zst", "zstd -dc --long=31 FILE"), ("xz", "xz -dc --memlimit=0 FILE")):
        for kind, said in through(("corpus", tmp_path / name), ("vectors", tmp_path / name)):
            assert kind == "refused"
            assert "asks for more than 128 MiB of memory to be unpacked" in said
            assert program in said


def test_files_with_holes_are_not_read_to_their_end(tmp_path: Path) -> None:
    """4 GiB of nothing, which take no room on the disk."""
    hole = tmp_path / "hole"
    with open(hole, "wb") as file:
        file.truncate(4 << 30)
    (tmp_path / "wordnet").mkdir()
    for part in ("noun", "verb", "adj", "adv"):
        for kind in ("index", "data"):
            (tmp_path / "wordnet" / f"{kind}.{part}").write_bytes(b"")
    (tmp_path / "wordnet" / "data.noun").unlink()
    (tmp_path / "wordnet" / "data.noun").symlink_to(hole)
    claim = tmp_path / "claim"
    with open(claim, "wb") as file:
        file.write(b"3000000 300\nword 1 2 3")
        file.truncate(4 << 30)
    doors = ("vectors", "corpus", "counts", "vocabulary", "phrases", "tree", "word list", "pairs")
    said = through(*((door, hole) for door in doors), ("wordnet", tmp_path / "wordnet"), ("vectors", claim))
    assert [kind for kind, _ in said] == ["found" if door == "counts" else "refused" for door in (*doors, "", "")]
    assert "expected a data file of WordNet" in said[-2][1]


def test_long_labels_are_not_copied_for_each_node_below(tmp_path: Path) -> None:
    label = "a long label " * 20_000
    nesting = {label: {f"node {i}": [f"word {i}"] for i in range(8_000)}}
    (tmp_path / "labels.json").write_text(json.dumps(nesting))
    assert through(("labels", tmp_path / "labels.json"))[0][0] == "found"


@pytest.mark.parametrize("dictionary", [True, False])
def test_cells_of_tables(tmp_path: Path, dictionary: bool) -> None:
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "cells.parquet"
    large = pa.array(["a " * (40 * MB)])
    pq.write_table(pa.table({"text": large}), path, compression="zstd", use_dictionary=dictionary)
    repeated = tmp_path / "repeated.parquet"
    words = pa.array(["some words " * (MB // 20)])
    column = pa.DictionaryArray.from_arrays(pa.array(np.zeros(700, dtype=np.int32)), words)  # 400 MB as text
    pq.write_table(
        pa.table({"text": column}),
        repeated,
        compression="zstd",
        use_dictionary=dictionary,
        store_schema=False,
        write_batch_size=16,  # a page of so many rows: Arrow holds a whole one
    )
    assert path.stat().st_size + repeated.stat().st_size < MB
    (kind, said), found = through(("corpus", path), ("corpus", repeated), room=350 * MB)
    assert kind == "refused"
    assert "the limit is 67,108,864" in said
    assert found == ["found", str(700 * 2 * (MB // 20))]


def test_repeated_words_take_no_memory() -> None:
    rows = Rows("v.txt", 1000, None, "first")
    for _ in range(500):
        rows.append(["a", "b"], np.zeros((2, 1000), dtype=np.float32))
    assert rows.num_entries == 1000
    assert rows.finish().vectors.shape == (2, 1000)
    rows = Rows("v.txt", 1, None, "refuse")
    rows.append(["a", "b"], np.zeros((2, 1), dtype=np.float32))
    with pytest.raises(InputError, match="'b' comes twice, as entry 2 and entry 3"):
        rows.append(["b"], np.zeros((1, 1), dtype=np.float32))
