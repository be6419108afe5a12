"""Whatever comes to the wrong door is called what it is, with the fix; nothing of it is run."""

from __future__ import annotations

import gzip
import io
import json
import pickle
import re
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from vastmax import tree
from vastmax.content import kind_at, kind_of_bytes
from vastmax.embedding import WordVectors
from vastmax.embedding.checkpoint_file import CheckpointFile
from vastmax.errors import InputError
from vastmax.text import Corpus, Phrases, Vocabulary, find_phrases, read_word_list
from vastmax.tree.wordnet_files import PARTS_OF_SPEECH

ARRAY = np.ones((3, 2), dtype=np.float32)


def saved(write: Callable[[io.BytesIO], object]) -> bytes:
    stream = io.BytesIO()
    write(stream)
    return stream.getvalue()


def zipped(name: str, content: bytes = b"text") -> bytes:
    def write(stream: io.BytesIO) -> None:
        with zipfile.ZipFile(stream, "w") as archive:
            archive.writestr(name, content)

    return saved(write)


def tarred() -> bytes:
    def write(stream: io.BytesIO) -> None:
        with tarfile.open(fileobj=stream, mode="w") as archive:
            archive.addfile(tarfile.TarInfo("corpus.txt"), io.BytesIO(b""))

    return saved(write)


def torch_saved() -> bytes:
    import torch

    return saved(lambda stream: torch.save({"weight": torch.ones(3)}, stream))


FOREIGN: dict[str, tuple[bytes, str]] = {
    "zip": (zipped("corpus.txt"), "a zip archive"),
    "npz": (saved(lambda stream: np.savez(stream, vectors=ARRAY)), r"NumPy arrays in a zip \(.npz\)"),
    "docx": (zipped("[Content_Types].xml"), "an office document"),
    "npy": (saved(lambda stream: np.save(stream, ARRAY)), r"a NumPy array \(.npy\)"),
    "pickle": (pickle.dumps({"a": 1}), "a Python pickle"),
    "old pickle": (pickle.dumps(Path("x"), 0), "a Python pickle"),
    "html": (b"\n<!DOCTYPE html>\n<html><body>Sign in</body></html>\n", "an HTML page, perhaps a login"),
    "html with comment": (b"<!-- saved -->\n<HTML lang='en'>\n", "an HTML page"),
    "pdf": (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n", "a PDF document"),
    "json": (b'{"text": "some words", "label": 1}\n{"text": "more", "label": 0}\n', "JSON"),
    "json list": (b'[\n  {"text": "some words"}\n]\n', "JSON"),
    "parquet": (b"PAR1\x15\x04\x15\x00" + b"\0" * 40, "a Parquet file"),
    "arrow": (b"ARROW1\0\0\xff\xff\xff\xff" + b"\0" * 40, "an Arrow file"),
    "elf": (b"\x7fELF\x02\x01\x01" + b"\0" * 40, "a program or a library"),
    "windows": (b"MZ\x90\0\x03\0\0\0\x04\0\0\0\xff\xff\0\0", "a program or a library"),
    "png": (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "an image"),
    "jpeg": (b"\xff\xd8\xff\xe0\0\x10JFIF\0", "an image"),
    "lfs": (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n", "a pointer of git-lfs"),
    "tar": (tarred(), "a tar archive"),
    "hdf5": (b"\x89HDF\r\n\x1a\n\0\0", "an HDF5 file"),
    "sqlite": (b"SQLite format 3\0\x10\0", "an SQLite database"),
    "utf-16": ("some words".encode("utf-16"), "UTF-16 text"),
    "7z": (b"7z\xbc\xaf\x27\x1c\0\x04", "an archive"),
    "safetensors": (
        safetensors.numpy.save({"weight": ARRAY}),
        r"a safetensors file of tensors without words \(it holds weight",
    ),
}


def complaint(load: Callable[[], object]) -> str:
    with pytest.raises(InputError) as caught:
        load()
    assert "\n" not in str(caught.value)
    return str(caught.value)


Door = Callable[[Path], object]
DOORS: dict[str, Door] = {
    "vectors": WordVectors.load,
    "corpus": lambda path: Corpus(path, cache=False),
    "corpus with replacement": lambda path: Corpus(path, cache=False, errors="replace"),
    "corpus with tokenizer": lambda path: Corpus(path, cache=False, tokenizer=str.split),
    "vocabulary": Vocabulary.load,
    "phrases": Phrases.load,
    "tree": tree.Tree.load,
    "labels": tree.nested,
    "word list": read_word_list,
    "checkpoint": CheckpointFile,
    "pairs": lambda path: WordVectors(["a"], [[1.0]]).evaluate_pairs(path),
    "analogies": lambda path: WordVectors(["a"], [[1.0]]).evaluate_analogies(path),
}
READ_HERE = {
    ("json", "labels"), ("json list", "labels"),  # it says what is wrong with the JSON
    ("safetensors", "vectors"), ("safetensors", "checkpoint"),  # their own messages
}  # fmt: skip


@pytest.mark.parametrize("kind", FOREIGN)
def test_files_of_other_programs_at_every_door(tmp_path: Path, kind: str) -> None:
    content, described = FOREIGN[kind]
    path = tmp_path / "file.dat"
    path.write_bytes(content)
    for door, load in DOORS.items():
        if (kind, door) in READ_HERE or (kind in ("parquet", "arrow") and "corpus" in door and content.endswith(b"1")):
            continue
        said = complaint(lambda load=load: load(path))  # type: ignore[misc]
        assert said.startswith(f"{path}: this is "), door
        assert re.search(described, said), (door, said)
        assert "expected" in said


def test_a_pytorch_file_at_every_door(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    path = tmp_path / "model.bin"
    path.write_bytes(torch_saved())
    for load in DOORS.values():
        assert "this is a PyTorch file (torch.save)" in complaint(lambda load=load: load(path))  # type: ignore[misc]


@pytest.mark.parametrize("kind", ["html", "npy", "json", "pdf", "tar", "lfs"])
def test_what_is_inside_compressed_files_is_named(tmp_path: Path, kind: str) -> None:
    content, described = FOREIGN[kind]
    path = tmp_path / "file.gz"
    path.write_bytes(gzip.compress(content))
    for door in ("vectors", "corpus"):
        assert described.split("\\")[0] in complaint(lambda door=door: DOORS[door](path))  # type: ignore[misc]
    for door in ("vocabulary", "phrases", "tree", "word list", "pairs"):
        said = complaint(lambda door=door: DOORS[door](path))  # type: ignore[misc]
        assert "this is data compressed by gzip" in said
        assert "gzip -d" in said


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One of each of our own files."""
    folder = tmp_path_factory.mktemp("own")
    corpus = Corpus([["new", "york"]] * 9, cache=folder / "cache")
    corpus.vocabulary.save(folder / "vocabulary")
    find_phrases(corpus, threshold=0.1, min_count=1).save(folder / "phrases")
    tree.balanced(4).save(folder / "tree")
    WordVectors(["a", "b"], ARRAY[:2]).save(folder / "vectors.safetensors")
    (folder / "run").mkdir()
    (folder / "run" / "config.json").write_text(json.dumps({"format": "vastmax language model", "version": 1}))
    (folder / "race").mkdir()
    (folder / "race" / "report.json").write_text(json.dumps({"format": 1, "text": {}, "settings": {}}))
    text = folder / "text"
    text.write_text("some words\n")
    Corpus(text, cache=folder / "cache").close()
    manifest = next((folder / "cache").rglob("manifest.json"))
    (folder / "cached").symlink_to(manifest.parent)
    return folder


OWN = {
    "vectors.safetensors": ("word vectors of vastmax", {"vectors"}),
    "tree": ("a tree of vastmax", {"tree"}),
    "vocabulary": ("a vocabulary of vastmax", {"vocabulary"}),
    "phrases": ("a list of phrases of vastmax", {"phrases"}),
    "run/config.json": ("the run of a language model", {"labels"}),
    "race/report.json": ("the report of a race", {"labels"}),
    "cached/manifest.json": ("the cache of an encoded corpus", {"labels"}),
}


@pytest.mark.parametrize("name", OWN)
def test_our_own_files_at_every_other_door(own: Path, name: str) -> None:
    described, takes_it = OWN[name]
    for door, load in DOORS.items():
        if door not in takes_it:
            said = complaint(lambda load=load: load(own / name))  # type: ignore[misc]
            assert f"this is {described}" in said, (door, said)


@pytest.mark.parametrize(
    ("name", "described"),
    [("run", "run of a language model"), ("race", "report of a race"), ("cached", "cache of an encoded corpus")],
)
def test_our_own_folders(own: Path, name: str, described: str) -> None:
    for door in ("vectors", "corpus"):
        assert described in complaint(lambda door=door: DOORS[door](own / name))  # type: ignore[misc]


def test_a_run_is_no_race_and_a_race_is_no_run(own: Path) -> None:
    pytest.importorskip("torch")
    from vastmax.compare.folder import RaceFolder
    from vastmax.language_model.run_folder import RunFolder

    assert "this is the report of a race" in complaint(lambda: RunFolder.open(own / "race"))
    assert "this is the run of a language model" in complaint(lambda: RaceFolder(own / "run").read())
    assert "this is word vectors of vastmax" in complaint(lambda: RunFolder.open(own / "vectors.safetensors"))


def test_a_wordnet_dictionary_is_looked_at_before_it_is_read(tmp_path: Path) -> None:
    for part in PARTS_OF_SPEECH:
        for kind in ("index", "data"):
            (tmp_path / f"{kind}.{part}").write_bytes(b"")
    assert "the dictionary of WordNet" in complaint(lambda: Corpus(tmp_path))
    (tmp_path / "data.noun").write_bytes(FOREIGN["html"][0])
    assert "data.noun: this is an HTML page" in complaint(lambda: tree.wordnet(["dog"], path=tmp_path))
    (tmp_path / "data.noun").write_bytes(b"")
    (tmp_path / "index.noun").write_bytes(FOREIGN["npy"][0])
    assert "index.noun: this is a NumPy array" in complaint(lambda: tree.wordnet(["dog"], path=tmp_path))
    (tmp_path / "index.noun").write_bytes(b"dog \xff\n")
    assert "index.noun, line 1: byte 4" in complaint(lambda: tree.wordnet(["dog"], path=tmp_path))
    (tmp_path / "index.noun").write_bytes(b"")
    (tmp_path / "cntlist.rev").write_bytes(b"dog%1:05:00:: 1 many\n")
    assert "cntlist.rev is damaged in line 1" in complaint(lambda: tree.wordnet(["dog"], path=tmp_path))


def test_a_pickle_at_any_door_is_never_opened(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (Path.touch, (tmp_path / "sprung",))  # type: ignore[return-value]

    path = tmp_path / "model"
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        path.write_bytes(pickle.dumps(Trap(), protocol))
        for load in DOORS.values():
            complaint(lambda load=load: load(path))  # type: ignore[misc]
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize(
    "text",
    [
        b"once upon a time\n",
        b"<doc id=1>\nwords\n</doc>\n",
        b"[1] Smith et al\n",
        b'["Hello", he said]\n',
        b"{ braces } and more\n",
        b"PAR1 is a word\n",
        b"GIF89a names a format\n",
        b"MZ and BM are letters\n",
        b"(lp0 is no pickle)\n",
        b"PK\n",
        b"BZh91 is a word\n",
        "Ein Text, “so”.\n".encode(),
        b"copyright\nnotice\n",
        b"control\nwords follow\n",
        b"",
    ],
)
def test_text_is_text(tmp_path: Path, text: bytes) -> None:
    assert kind_of_bytes(text) is None
    if text:
        (tmp_path / "t").write_bytes(text)
        assert Corpus(tmp_path / "t", cache=False).num_tokens > 0


def test_a_place_that_cannot_be_looked_at_is_of_no_kind(tmp_path: Path) -> None:
    assert kind_at(tmp_path / "missing") is None
    assert kind_at(tmp_path) is None
    assert kind_at("nul\0") is None
