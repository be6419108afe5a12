"""Files of word vectors: which formats there are, how they are told apart, loading and saving."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Literal, TypeAlias, cast, get_args

from vastmax.atomic import replacing
from vastmax.embedding.formats.binary import LONGEST_HEADER, read_binary, write_binary
from vastmax.embedding.formats.compressed import SUFFIXES, compression_of, reading, writing
from vastmax.embedding.formats.native import read_native, write_native
from vastmax.embedding.formats.safetensors import looks_like_safetensors
from vastmax.embedding.formats.table import DecodeErrors, Table, parse_header, shorten
from vastmax.embedding.formats.text import BYTE_ORDER_MARK, read_text, write_text
from vastmax.errors import InputError

if TYPE_CHECKING:
    from vastmax.embedding.word_vectors import WordVectors

Format: TypeAlias = Literal["safetensors", "word2vec", "word2vec-binary", "glove"]
Duplicates: TypeAlias = Literal["refuse", "first"]

FORMATS: tuple[Format, ...] = get_args(Format)
# What a name's ending says, when saving; longer endings first.
ENDINGS: dict[str, Format] = {
    ".glove.txt": "glove",
    ".glove": "glove",
    ".safetensors": "safetensors",
    ".txt": "word2vec",
    ".vec": "word2vec",
    ".bin": "word2vec-binary",
}
# Read to recognise a file; more than a row of 300 numbers.
_SAMPLE_BYTES = 1 << 14
_CONTROL = frozenset(range(32)) - frozenset(b"\t\n\v\f\r")
_PICKLE_OPENS = 0x80  # the PROTO opcode; no UTF-8 text begins with it
_OF_NUMBERS = frozenset(b"0123456789+-.eEnaifNAIF \t\r")


def load(
    path: str | os.PathLike[str],
    format: Format | None = None,
    *,
    errors: DecodeErrors = "strict",
    duplicates: Duplicates = "refuse",
) -> WordVectors:
    """Load word vectors from a file of any of the four formats.

    A native file (safetensors) is memory-mapped: opening costs its words, not its vectors, and processes share them.
    The others are read into memory, once. They may be compressed (.gz, .bz2, .xz, .zst, told by content).

    Args:
        path: the file.
        format: "safetensors", "word2vec" (text with a header line), "word2vec-binary", "glove" (text without), or
            None: told by content. (One thing content cannot tell: a GloVe file of one dimension whose first row reads
            like a header, such as `5 3`.)
        errors: words that are not UTF-8: "strict" refuses them, "replace" puts U+FFFD, "ignore" drops the bytes.
        duplicates: a word that comes twice: "refuse" the file, or keep the "first", as gensim does.

    Raises:
        FileNotFoundError, PermissionError, IsADirectoryError: from the system.
        InputError: the file is damaged, cut off, lies about its size, or is something else; one line that names the
            file, what was found and what was expected.

    Cost: native, about 0.4 µs a word; binary, about 1.5 µs a word of 100 dimensions; text, about 0.25 µs a number.
    """
    from vastmax.embedding.word_vectors import WordVectors

    name = os.fspath(path)
    _check_option("errors", errors, get_args(DecodeErrors))
    _check_option("duplicates", duplicates, get_args(Duplicates))
    if format is not None:
        _check_option("format", format, FORMATS)
    if stat.S_ISFIFO(os.stat(name).st_mode):
        raise InputError(f"{name}: this is a pipe, and vectors are read in two passes; write it to a file first")
    compression = compression_of(name)
    with reading(name, compression) as stream:
        sample = stream.read(_SAMPLE_BYTES)
    found = format or recognise(sample, name)
    if found == "safetensors":
        if compression is not None:
            raise InputError(f"{name}: a compressed safetensors file cannot be memory-mapped; decompress it first")
        table = read_native(name)
    else:
        size = os.path.getsize(name) if compression is None else None
        with reading(name, compression) as stream:
            if found == "word2vec-binary":
                table = read_binary(stream, name, errors=errors, size=size)
            else:
                table = read_text(stream, name, header=found == "word2vec", errors=errors, size=size)
    table = _without_duplicates(table, duplicates, name)
    try:
        v = WordVectors(
            table.words,
            table.vectors,
            counts=table.counts,
            output_vectors=table.output_vectors,
            training=table.training,
        )
    except InputError as error:
        raise InputError(f"{name}: {error}") from None
    v.source = name
    return v


def recognise(sample: bytes, path: str) -> Format:
    """The format by the first bytes (16 KiB are plenty) of the decompressed content."""
    if not sample:
        raise InputError(f"{path}: the file is empty; expected word vectors")
    if looks_like_safetensors(sample):
        return "safetensors"
    if sample[0] == _PICKLE_OPENS:
        raise InputError(
            f"{path}: this is a Python pickle, as gensim's own save() writes; loading one can run "
            "any code, so it is not done here. Convert it with gensim: KeyedVectors.load(FILE).save_word2vec_format("
            "'vectors.bin', binary=True), for a model Word2Vec.load(FILE).wv.save_…, and load vectors.bin"
        )
    first, _, rest = sample.removeprefix(BYTE_ORDER_MARK).partition(b"\n")
    claim = parse_header(first) if len(first) < LONGEST_HEADER else None
    if claim is not None:
        return "word2vec" if _is_text_row(rest, claim[1]) else "word2vec-binary"
    if len(first.split()) > 1 and _OF_NUMBERS.issuperset(first.split(b" ", 1)[-1]):
        return "glove"
    raise InputError(
        f"{path}: it begins with {shorten(sample, 24)}, which opens no format known here; expected a vastmax "
        "safetensors file, word2vec text or binary (a first line such as "
        "'400 50'), or GloVe text (a word and its numbers)"
    )


def _is_text_row(rest: bytes, D: int) -> bool:
    """Does what follows a header read as text, not as the bytes of float32 numbers?"""
    row, _, _ = rest.partition(b"\n")
    _, _, numbers = row.partition(b" ")
    if not _OF_NUMBERS.issuperset(numbers):
        return False
    if len(numbers.split()) == D:
        return True
    # Not the promised row: one that the sample cuts, a damaged one, or float32 bytes with a newline among them and no
    # others that give them away so far.
    return _CONTROL.isdisjoint(rest)


def save(v: WordVectors, path: str | os.PathLike[str], format: Format | None = None) -> None:
    """Write word vectors beside `path`, then rename, so that no half-written file is ever seen.

    Only the native format keeps counts, output vectors and the facts about training, and holds every word (spaces, line
    ends, the empty word). The other three keep words and vectors, bit for bit.

    Args:
        v: what to write.
        path: where. With `format` None its ending says which: .safetensors native; .txt and .vec word2vec text; .bin
            word2vec binary; .glove and .glove.txt GloVe text. One of .gz, .bz2, .xz, .zst may follow, except on native.
        format: one of FORMATS, whatever the ending.

    Raises:
        InputError: an ending that says nothing, a word that the format cannot hold, vectors that are not finite (native
            takes them), a folder that is missing or write-protected.
        OSError: the disk is full; nothing is left behind.
    """
    name = os.fspath(path)
    chosen = format_for(name, format)
    compression = _split_compression(name)[1]
    with replacing(name) as beside, writing(beside, compression) as stream:
        if chosen == "safetensors":
            write_native(stream, v, name)
        elif chosen == "word2vec-binary":
            write_binary(stream, v, name)
        else:
            write_text(stream, v, name, header=chosen == "word2vec")


def format_for(path: str | os.PathLike[str], format: str | None = None) -> Format:
    """The format that `save` would write at `path`; raises what it would raise about the name, before any work.

    Example:
        >>> format_for("vectors.vec.gz")
        'word2vec'
    """
    name = os.fspath(path)
    stem, compression = _split_compression(name)
    chosen = format or _by_ending(stem, name)
    _check_option("format", chosen, FORMATS)
    if chosen == "safetensors" and compression is not None:
        raise InputError(f"{name}: a compressed safetensors file could not be memory-mapped; drop the {compression}")
    return cast(Format, chosen)


def _split_compression(name: str) -> tuple[str, str | None]:
    for suffix in SUFFIXES:
        if name.lower().endswith(suffix):
            return name[: -len(suffix)], suffix
    return name, None


def _by_ending(stem: str, name: str) -> Format:
    for ending, format in ENDINGS.items():
        if stem.lower().endswith(ending):
            return format
    raise InputError(f"{name}: its ending names no format; use one of {', '.join(ENDINGS)}, or say which format")


def _without_duplicates(table: Table, duplicates: Duplicates, path: str) -> Table:
    first: dict[str, int] = {}
    for word_id, word in enumerate(table.words):
        earlier = first.setdefault(word, word_id)
        if earlier != word_id and duplicates == "refuse":
            raise InputError(
                f"{path}: the word {word!r} comes twice, as entry {earlier + 1} and entry {word_id + 1}; mend the "
                "file, or load it with duplicates='first'"
            )
    if len(first) == len(table.words):
        return table
    kept = list(first.values())
    return Table(
        list(first),
        table.vectors[kept],
        None if table.counts is None else table.counts[kept],
        table.output_vectors,
        table.training,
    )


def _check_option(option: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise InputError(f"{option} is {value!r}; expected one of {', '.join(allowed)}")
