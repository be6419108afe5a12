"""The cache: found again, changes noticed, damage mended, growth bounded, shared by processes."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from vastmax.errors import InputError
from vastmax.progress import Progress, Silent
from vastmax.text import Corpus, cache, encode, encoded_folder
from vastmax.text.cache import Cache


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "t.txt"
    path.write_text("the cat sat on the mat")
    age(path)
    return path


def age(path: Path, seconds: float = 3600) -> None:
    """Let the file look as if nobody had changed it lately; ctime cannot be set, so the test's clock of it is."""
    then = time.time() - seconds
    os.utime(path, (then, then))


@pytest.fixture(autouse=True)
def settled_ctime(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files made by a test are seconds old; leave ctime out except where a test is about it."""
    real = cache.FileState.of

    def of(path: Path) -> cache.FileState:
        state = real(path)
        return cache.FileState(state.size, state.mtime_ns, 0)

    monkeypatch.setattr(cache.FileState, "of", of)


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which passes over files are made: 'encode' or 'digest'."""
    made: list[str] = []
    real_encode, real_digest = encode.Encoding.add_text, cache.digest_of

    def add_text(self: encode.Encoding, name: str, chunks: object) -> None:
        made.append("encode")
        real_encode(self, name, chunks)  # type: ignore[arg-type]

    def digest_of(path: Path, progress: Progress) -> str:
        made.append("digest")
        return real_digest(path, progress)

    monkeypatch.setattr(encode.Encoding, "add_text", add_text)
    monkeypatch.setattr(cache, "digest_of", digest_of)
    return made


def words_of(corpus: Corpus) -> list[str]:
    return [corpus.vocabulary.word(i) for i in corpus.ids]


def entries(folder: Path) -> list[Path]:
    return sorted((folder / "corpora").iterdir())


def test_an_unchanged_file_is_not_read_again(path: Path, passes: list[str], cache_folder: Path) -> None:
    first = Corpus(path)
    assert first.folder.parent == cache_folder / "corpora"
    for _ in range(2):
        again = Corpus(path)
        assert again.folder == first.folder
        assert words_of(again) == words_of(first)
    assert Corpus(os.path.relpath(path)).folder == first.folder
    assert passes == ["encode"]
    assert not list((cache_folder / "scratch").iterdir())
    assert {p.name for p in first.folder.iterdir()} == {
        "ids.i32", "sentence_offsets.i64", "manifest.json",
        "vocabulary.utf8", "vocabulary_offsets.i64", "vocabulary_counts.i64",
    }  # fmt: skip


def test_a_changed_file_is_noticed(path: Path, passes: list[str]) -> None:
    Corpus(path)
    path.write_text("the dog sat on the mat and")
    assert "dog" in Corpus(path).vocabulary
    assert passes == ["encode", "encode"]


def test_a_change_that_leaves_size_and_time_is_noticed_while_the_clock_may_not_have_ticked(
    path: Path, passes: list[str]
) -> None:
    age(path, 0)
    state = path.stat()
    Corpus(path)
    path.write_text("the dog sat on the mat")
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert "dog" in Corpus(path).vocabulary
    assert passes == ["encode", "digest", "encode"]


def test_a_time_put_back_is_noticed_by_ctime(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    monkeypatch.setattr(cache, "UNSETTLED_NS", 0)
    folder = path.parent / "c"
    Corpus(path, cache=folder)
    state = path.stat()
    time.sleep(0.02)
    path.write_text("the dog sat on the mat")
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert "dog" in Corpus(path, cache=folder).vocabulary


def test_a_fresh_file_costs_a_digest_until_it_has_settled(
    path: Path, passes: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    age(path, 0)
    Corpus(path)
    Corpus(path)
    assert passes == ["encode", "digest"]
    monkeypatch.setattr(cache, "UNSETTLED_NS", 0)
    Corpus(path)
    assert passes == ["encode", "digest"]


def test_a_time_set_back_makes_no_file_settled(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()  # with ctime: the file was made a moment ago, whatever its mtime says
    store = Cache(path.parent / "c")
    with Corpus(path, cache=store.folder) as corpus:
        progress = []
        monkeypatch.setattr(cache, "digest_of", lambda path, _: progress.append(path) or corpus.folder.name)
        store.known_digest(path, Silent())
    assert progress == [path]


def test_a_touched_file_costs_a_digest_once(path: Path, passes: list[str]) -> None:
    Corpus(path)
    age(path, 1800)
    Corpus(path)
    Corpus(path)
    assert passes == ["encode", "digest"]


def test_a_copy_shares_the_entry(path: Path, tmp_path: Path, cache_folder: Path) -> None:
    first = Corpus(path)
    (tmp_path / "copy.txt").write_bytes(path.read_bytes())
    assert Corpus(tmp_path / "copy.txt").folder == first.folder
    assert len(entries(cache_folder)) == 1


def test_settings_and_order_make_entries_of_their_own(path: Path, tmp_path: Path) -> None:
    other = tmp_path / "u.txt"
    other.write_text("The")
    folders = {
        Corpus(source, **options).folder  # type: ignore[arg-type]
        for source, options in [
            (path, {}), (path, {"lowercase": True}), (path, {"errors": "replace"}),
            ([path, other], {}), ([other, path], {}), ([path, path], {}),
        ]
    }  # fmt: skip
    assert len(folders) == 6


def test_a_folder_of_ones_own(path: Path, tmp_path: Path, cache_folder: Path) -> None:
    assert Corpus(path, cache=tmp_path / "mine").folder.parent == tmp_path / "mine" / "corpora"
    assert Corpus(path, cache=str(tmp_path / "mine")).folder.parent == tmp_path / "mine" / "corpora"
    assert not cache_folder.exists()


def test_the_platforms_folder(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VASTMAX_CACHE")
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda name: str(tmp_path / "home" / name))
    assert Corpus(path).folder.parent == tmp_path / "home" / "vastmax" / "corpora"


@pytest.mark.parametrize(
    "name",
    [
        encoded_folder.IDS,
        encoded_folder.OFFSETS,
        encoded_folder.WORDS,
        encoded_folder.WORD_OFFSETS,
        encoded_folder.COUNTS,
        encoded_folder.MANIFEST,
    ],
)
@pytest.mark.parametrize("damage", ["cut", "gone", "changed"])
def test_a_damaged_entry_is_made_anew(path: Path, passes: list[str], name: str, damage: str) -> None:
    first = Corpus(path)
    expected, folder = words_of(first), first.folder
    first.close()
    file = folder / name
    if damage == "cut":
        file.write_bytes(file.read_bytes()[:-1])
        if name == encoded_folder.MANIFEST:
            file.write_bytes(file.read_bytes()[:-9])
    elif damage == "changed":  # its size is as it was
        data = bytearray(file.read_bytes())
        data[len(data) // 2] ^= 1
        file.write_bytes(data)
    else:
        file.unlink()
    with pytest.warns(UserWarning, match=r"^the encoded corpus of .*t\.txt in the cache is damaged .* and is rebuilt$"):
        assert words_of(Corpus(path)) == expected
    assert passes == ["encode", "encode"]
    Corpus(path)
    assert passes == ["encode", "encode"]


def test_a_damaged_entry_is_no_reason_to_throw_a_good_one_away(path: Path, cache_folder: Path) -> None:
    """Another file with the same text, never read before, finds the entry only when it is encoded."""
    first = Corpus(path)
    expected, folder = words_of(first), first.folder
    first.close()
    (folder / encoded_folder.WORDS).write_bytes(b"zhecatsatonmat")
    copy = path.with_name("copy.txt")
    copy.write_bytes(path.read_bytes())
    assert words_of(Corpus(copy)) == expected
    assert words_of(Corpus(path)) == expected


def test_ids_are_checked_before_they_are_first_read_and_made_anew(path: Path, passes: list[str]) -> None:
    first = Corpus(path)
    expected, ids = words_of(first), first.folder / encoded_folder.IDS
    first.close()
    ids.write_bytes(ids.read_bytes()[::-1])
    corpus = Corpus(path)  # says nothing: who only wants the counts need not wait
    assert corpus.vocabulary.word(0) == "the"
    assert passes == ["encode"]
    with pytest.warns(UserWarning, match=r"bytes 0 to 24 do not agree with their checksum.* is rebuilt"):
        assert [corpus.vocabulary.word(i) for i in corpus.read_ids(0, 6)] == expected
    assert words_of(Corpus(path)) == expected
    assert passes == ["encode", "encode"]


def test_a_text_that_changed_cannot_be_made_anew(path: Path) -> None:
    corpus = Corpus(path)
    (corpus.folder / encoded_folder.IDS).write_bytes(bytes(24))
    path.write_text("another text")
    with (
        pytest.warns(UserWarning, match="is rebuilt"),
        pytest.raises(InputError, match="the text has changed since it was opened: open it again"),
    ):
        corpus.read_ids(0, 1)
    with pytest.raises(InputError, match="the corpus was closed"):
        corpus.read_ids(0, 1)


def test_a_closed_corpus_says_so_before_anything_was_read(path: Path) -> None:
    corpus = Corpus(path)
    corpus.close()
    with pytest.raises(InputError, match="the corpus was closed"):
        corpus.read_ids(0, 1)


def test_who_is_in_a_hurry_gets_what_is_there(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Corpus(path).folder
    (folder / encoded_folder.IDS).write_bytes(bytes(24))
    assert Corpus(path, verify=False).ids.tolist() == [0] * 6
    monkeypatch.setenv("VASTMAX_VERIFY", "0")
    assert Corpus(path).ids.tolist() == [0] * 6


def test_records_that_cannot_be_used_are_passed_over(path: Path, passes: list[str], cache_folder: Path) -> None:
    Corpus(path)
    (record,) = (cache_folder / "files").iterdir()
    for text in ("", "[]", "{}", '{"digest": 3, "read_ns": 1, "state": {}}'):
        record.write_text(text)
        Corpus(path)
    assert passes == ["encode"] * 5
    assert len(entries(cache_folder)) == 1


def test_growth_is_bounded(tmp_path: Path, cache_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [tmp_path / f"{i}.txt" for i in range(4)]
    for i, path in enumerate(paths):
        path.write_text(f"word{i} " * 10_000)
        age(path)
    folders = []
    for i, path in enumerate(paths[:3]):
        corpus = Corpus(path)
        folders.append(corpus.folder)
        corpus.close()
        os.utime(corpus.folder / encoded_folder.MANIFEST, (i, i))
    used = Corpus(paths[0])  # the oldest is used again
    assert entries(cache_folder) == sorted(folders)
    monkeypatch.setenv("VASTMAX_CACHE_LIMIT", "100K")  # two of some 40 kB each
    last = Corpus(paths[3])
    assert entries(cache_folder) == sorted([used.folder, last.folder])
    monkeypatch.setenv("VASTMAX_CACHE_LIMIT", "1")
    age(paths[1])
    one_more = Corpus(paths[1])  # nothing that this process has open goes
    assert entries(cache_folder) == sorted([used.folder, last.folder, one_more.folder])
    del used, last, one_more
    gc.collect()
    Cache(cache_folder).trim(1)
    assert entries(cache_folder) == []


def test_using_an_entry_makes_it_young(tmp_path: Path, cache_folder: Path) -> None:
    folders = []
    for i in range(2):
        (tmp_path / f"{i}.txt").write_text(f"word{i}")
        with Corpus(tmp_path / f"{i}.txt") as corpus:
            folders.append(corpus.folder)
        os.utime(folders[i] / encoded_folder.MANIFEST, (i, i))
    Corpus(tmp_path / "0.txt").close()
    Cache(cache_folder).trim(encoded_folder.folder_bytes(folders[0]))
    assert entries(cache_folder) == [folders[0]]


def test_sizes_of_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    assert cache.limit_bytes() == 20 * 2**30
    for text, size in [("1000", 1000), ("500M", 500 * 2**20), ("1.5 GiB", 3 * 2**29), ("2tb", 2**41)]:
        monkeypatch.setenv("VASTMAX_CACHE_LIMIT", text)
        assert cache.limit_bytes() == size


def test_scratch_of_a_killed_process_goes_after_a_day(path: Path, cache_folder: Path) -> None:
    store = Cache(cache_folder)
    stale, fresh = store.scratch(), store.scratch()
    (stale / "ids.i32").write_bytes(b"1234")
    for item in (stale / "ids.i32", stale):
        age(item, cache.STALE_SECONDS + 60)
    Corpus(path)
    assert fresh.exists()
    assert not stale.exists()


def test_a_dropped_entry_stays_readable_by_those_who_have_it_open(path: Path, cache_folder: Path) -> None:
    corpus = Corpus(path)
    cache.IN_USE.clear()  # as another process would see it
    Cache(cache_folder).trim(0)
    assert not corpus.folder.exists()
    assert corpus.read_ids(0, 2).tolist() == corpus.ids[:2].tolist() == [0, 1]
    assert words_of(Corpus(path)) == words_of(corpus)


CHILD = """
import sys
from vastmax.text import Corpus
corpus = Corpus(sys.argv[1])
print(corpus.num_tokens, corpus.folder)
"""


def test_processes_at_once(tmp_path: Path, cache_folder: Path) -> None:
    path = tmp_path / "t.txt"
    path.write_text("some words\n" * 400_000)
    children = [
        subprocess.Popen([sys.executable, "-c", CHILD, str(path)], stdout=subprocess.PIPE, text=True) for _ in range(3)
    ]
    said = {child.communicate()[0] for child in children}
    assert [child.returncode for child in children] == [0, 0, 0]
    assert len(said) == 1
    assert said.pop().startswith("800000 ")
    assert len(entries(cache_folder)) == 1
    assert not list((cache_folder / "scratch").iterdir())


def test_the_slower_of_two_takes_what_the_faster_made(path: Path, cache_folder: Path) -> None:
    first = Corpus(path)
    store = Cache(cache_folder)
    scratch = store.scratch()
    assert store.keep(scratch, first.folder.name) == first.folder
    assert not scratch.exists()


def test_a_file_that_changes_while_it_is_read_is_not_trusted(
    path: Path, passes: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = encode.Encoding.finish

    def finish(self: encode.Encoding, name: str) -> None:
        real(self, name)
        path.write_text("the dog sat on the mat")
        age(path)

    monkeypatch.setattr(encode.Encoding, "finish", finish)
    assert "cat" in Corpus(path).vocabulary
    monkeypatch.setattr(encode.Encoding, "finish", real)
    assert "dog" in Corpus(path).vocabulary
    assert passes == ["encode", "encode"]
