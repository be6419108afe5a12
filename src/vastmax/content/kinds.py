"""Kinds of files by their first bytes: those of other programs, and our own if another kind was expected.

Files are never loaded with the library that wrote them: a pickle can run any code when it is loaded, so it is
recognized by its first bytes alone. Our own files declare `"format": "vastmax …"`.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from dataclasses import dataclass

HEAD_BYTES = 1 << 14
"""The bytes at the beginning of a file that are looked at."""

FASTTEXT_MAGIC = 793_712_314
"""FASTTEXT_FILEFORMAT_MAGIC_INT32 of fastText's fasttext.cc, little-endian."""

_UNPACK = "unpack it and give the intended file"


@dataclass(frozen=True)
class Kind:
    """A kind of file.

    Attributes:
        described: a description, with its article.
        fix: what to do if something else was expected.
        vectors_fix: what to do if word vectors were expected; None: the same as `fix`.
        may_be_ours: whether a damaged file of ours can look like this.
        is_text: whether it could be read as plain text, although that is hardly intended.
    """

    described: str
    fix: str
    vectors_fix: str | None = None
    is_text: bool = False
    may_be_ours: bool = False


def kind_of_bytes(head: bytes) -> Kind | None:
    """Return the kind of file that begins with these bytes (`HEAD_BYTES` suffice); None for text or unknown kinds.

    Word vectors of other programs are not among the kinds: see `vastmax.embedding.formats`.

    Example:
        >>> kind_of_bytes(b"%PDF-1.7 ...").described
        'a PDF document'
        >>> kind_of_bytes(b"once upon a time") is None
        True
    """
    for tells, kind in _BY_RULE:
        if tells(head):
            return kind(head) if callable(kind) else kind
    for magic, kind in _BY_MAGIC:
        if head.startswith(magic) and (magic not in _ALSO_WORDS or not _is_plain(head)):
            return kind
    return None


def own_format(head: bytes) -> str | None:
    """Return the format that a file of ours declares ("vastmax tree 1"), or None for other files."""
    start = head[8:] if _is_safetensors(head) else head.lstrip()
    if not start.startswith(b"{"):
        return None
    found = _OWN_FORMAT.search(start)
    return found[1].decode() if found else None


# Ours name their format in the first object of JSON, before anything that a user put there.
_OWN_FORMAT = re.compile(rb'"format": ?"(vastmax [a-z0-9 ]{1,40})"')

_OWN = {
    "vastmax word vectors": Kind(
        "word vectors of vastmax", "give it to vastmax neighbours, evaluate, map or convert, or to --start-from"
    ),
    "vastmax tree": Kind("a tree of vastmax", "vastmax tree -o wrote it; load it with vastmax.tree.Tree.load"),
    "vastmax vocabulary": Kind(
        "a vocabulary of vastmax: words and their counts", "give it to vastmax advise, or the text it was counted in"
    ),
    "vastmax phrases": Kind("a list of phrases of vastmax", "give it to vastmax phrases --model"),
    "vastmax corpus": Kind(
        "the cache of an encoded corpus of vastmax", "give the text that it was made from, and the cache finds itself"
    ),
    "vastmax language model": Kind(
        "the run of a language model of vastmax", "give its folder to vastmax lm perplexity, score, next or generate"
    ),
}
_RACE = Kind("the report of a race of vastmax", "give its folder to vastmax compare --resume")
CHECKPOINT = Kind(
    "a checkpoint of word vectors in training", "resume from it with vastmax embed --resume, or load it as vectors"
)


def _own(head: bytes) -> Kind:
    name = own_format(head) or ""
    if name == "vastmax word vectors" and b'"checkpoint":' in head:
        return CHECKPOINT
    return next(
        (kind for begins, kind in _OWN.items() if name.startswith(begins)),
        Kind(f"a file of vastmax that calls itself {name!r}", "give the intended file"),
    )


def _is_safetensors(head: bytes) -> bool:
    return len(head) > 8 and head[8:9] == b"{" and 2 <= struct.unpack("<Q", head[:8])[0] <= 100_000_000


def _safetensors(head: bytes) -> Kind:
    if own_format(head):
        return _own(head)
    names = [name.decode("utf-8", "replace") for name in re.findall(rb'"([^"]{1,60})": ?\{ ?"dtype"', head)[:3]]
    listed = f" (it holds {', '.join(names)}, …)" if names else ""
    return Kind(
        f"a safetensors file of tensors without words{listed}",
        "give the intended file, or create it again if it is damaged",
        "name its rows with WordVectors(words, tensor).save('vectors.safetensors')",
        may_be_ours=True,
    )


_PICKLE = Kind(
    "a Python pickle, as gensim's own save() writes",
    "loading one can run any code, so it is not done here; save what it holds as text",
    "loading one can run any code, so it is not done here. Convert it with gensim: KeyedVectors.load(FILE)"
    ".save_word2vec_format('vectors.bin', binary=True), for a model Word2Vec.load(FILE).wv.save_…, and load "
    "vectors.bin",
)
TORCH = Kind(
    "a PyTorch file (torch.save), such as a model or the checkpoint of a run",
    "give the intended file; the checkpoint of a run is found by its folder",
    "take the matrix out with torch.load(FILE, weights_only=True), then WordVectors(words, matrix.numpy())"
    ".save('vectors.safetensors')",
)
_NPY = Kind(
    "a NumPy array (.npy)",
    "write its content as text",
    "it has no words: WordVectors(words, numpy.load(FILE)).save('vectors.safetensors') adds them",
)
_NPZ = Kind(
    "NumPy arrays in a zip (.npz)",
    "write their content as text",
    "take words and matrix out with numpy.load(FILE), then WordVectors(words, matrix).save('vectors.safetensors')",
)
_ZIP = Kind("a zip archive", "unpack it (unzip) and give the intended file")
_OFFICE = Kind("an office document (a zip of XML)", "save it as plain text")
_FASTTEXT = Kind(
    "a fastText model (.bin)",
    "give the text that is meant",
    "fastText writes the words' vectors beside it as text (.vec): load that; or with gensim: "
    "load_facebook_vectors(FILE).save_word2vec_format('vectors.bin', binary=True)",
)
_HTML = Kind(
    "an HTML page, perhaps a login or an error page in place of the file",
    "open it in a browser to see what it says, then download the file itself",
    is_text=True,
)
JSON = Kind("JSON", "if it holds text, take that out first (jq -r .text, for instance)", "", is_text=True)
_LFS = Kind("a pointer of git-lfs and not the file itself", "fetch the file: git lfs pull", is_text=True)
_XML = Kind("an XML file", "take the text out of it first", is_text=True)
_PARQUET = Kind(
    "a Parquet file",
    "vastmax embed and the other commands that read text take it, with --column",
    "write the vectors with WordVectors(words, matrix).save('vectors.safetensors')",
)
_ARROW = Kind("an Arrow file", _PARQUET.fix, _PARQUET.vectors_fix)
_PROGRAM = Kind("a program or a library", "give the intended file")
_IMAGE = Kind("an image", "give the intended file")
_SOUND = Kind("a sound or a video", "give the intended file")
_ARCHIVE = Kind("an archive", _UNPACK)
_TAR = Kind("a tar archive", "unpack it (tar -xf) and give the intended file")
_UTF16 = Kind("UTF-16 text", "convert it first: iconv -f UTF-16 -t UTF-8 IN > OUT")
_BZIP2 = Kind("data compressed by bzip2", "unpack it first: bzip2 -d FILE")
_PACKED = {
    b"\x1f\x8b": Kind("data compressed by gzip", "unpack it first: gzip -d FILE"),
    b"\xfd7zXZ\x00": Kind("data compressed by xz", "unpack it first: xz -d FILE"),
    b"\x28\xb5\x2f\xfd": Kind("data compressed by zstandard", "unpack it first: zstd -d FILE"),
}


def _is_plain(head: bytes) -> bool:
    """Return whether this could be a text that happens to begin with these letters."""
    try:
        head[:-4].decode("utf-8")  # the last character may be cut
    except UnicodeDecodeError:
        return False
    return b"\0" not in head


def _zip(head: bytes) -> Kind:
    """Return the kind of a zip archive by the name of its first file, which is in its first bytes."""
    if not head.startswith(b"PK\x03\x04") or len(head) < 30:
        return _ZIP
    length = int.from_bytes(head[26:28], "little")
    name = head[30 : 30 + length]
    if name.endswith((b"/data.pkl", b"/.format_version", b"/byteorder")):
        return TORCH
    if name.endswith(b".npy"):
        return _NPZ
    if name in (b"[Content_Types].xml", b"mimetype", b"_rels/.rels"):
        return _OFFICE
    return _ZIP


def _is_pickle(head: bytes) -> bool:
    binary = head[:1] == b"\x80" and 2 <= int.from_bytes(head[1:2], "little") <= 5
    return binary or _OLD_PICKLE.match(head) is not None


def is_old_fasttext(head: bytes) -> bool:
    """Return whether this is a model of fastText before its files had a signature: 12 int32, a double, counts."""
    if len(head) < 76:
        return False
    D, window, epochs, _, negative, ngrams, loss, model, bucket, shortest, longest, _ = struct.unpack("<12i", head[:48])
    (sampled,) = struct.unpack("<d", head[48:56])
    size, words, labels = struct.unpack("<3i", head[56:68])
    settings = 0 < D < 1 << 16 and 0 < window < 1 << 16 and 0 < epochs < 1 << 16 and 0 <= negative < 1 << 16
    codes = loss in (1, 2, 3) and model in (1, 2, 3) and 0 < ngrams < 1 << 8 and 0 <= sampled <= 1
    return settings and codes and bucket >= 0 and 0 <= shortest <= longest < 1 << 8 and size == words + labels > 0


def holds_vectors(head: bytes) -> Kind | None:
    """Return the kind of a file of word vectors in word2vec's formats, whose first line is `V D`; None for others.

    It is not among the kinds of `kind_of_bytes`, since readers of vectors look more closely.
    """
    first, _, rest = head.partition(b"\n")
    claim = _VECTORS_HEADER.fullmatch(first)
    if claim is None:
        return None
    width, line = int(claim[2]), rest.partition(b"\n")[0].split()
    if len(line) == width + 1 and all(map(_DECIMAL.fullmatch, line[1:])):
        return _VECTORS
    word, space, numbers = rest.partition(b" ")
    has_text = b"\n" in word or _is_plain(numbers[: 4 * width])
    return _VECTORS if space and width and not has_text and len(numbers) >= 4 * width else None


_VECTORS = Kind(
    "word vectors of word2vec, gensim or another program",
    "give it to vastmax neighbours, evaluate, map or convert; training takes text",
)
_VECTORS_HEADER = re.compile(rb"\s*(\d{1,12}) (\d{1,7})\s*")
_DECIMAL = re.compile(rb"[+-]?\d*[.,]?\d+(e[+-]?\d+)?", re.I)
# Protocols 0 and 1 are text: a global by name, kept under a number, or a mark and an empty list or dict.
_OLD_PICKLE = re.compile(rb"\(?(c[A-Za-z_][\w.]*\n[A-Za-z_]\w*\n(p\d+\n|q\0)|\([ild]?p\d+\n|[ld]p\d+\n|[\]})]q\0)")
# torch.save before 1.6 began with this number, pickled.
_OLD_TORCH = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
_OPENS_HTML = re.compile(rb"(\xef\xbb\xbf)?\s*(<!--.{0,2000}?-->\s*)*<(!doctype\s+html|html|head|body)\b", re.I | re.S)
_OPENS_JSON = re.compile(
    rb'(\xef\xbb\xbf)?\s*(\{\s*("(?:[^"\\]|\\.){0,200}"\s*:|\}\s*$)|\[\s*(\{\s*"|"[^"]{0,200}"\s*,\s*["\[{]))'
)
_RACE_REPORT = re.compile(rb'\{\s*"format": \d+,\s*"text": \{')

_ALSO_WORDS = frozenset({b"PAR1", b"ARROW1", b"FEA1", b"GGUF", b"GIF87a", b"GIF89a", b"RIFF"})

_Rule = Callable[[bytes], object]
_BY_RULE: list[tuple[_Rule, Kind | Callable[[bytes], Kind]]] = [
    (_is_safetensors, _safetensors),
    (own_format, _own),
    (_RACE_REPORT.match, _RACE),
    (lambda head: head.startswith(_OLD_TORCH), TORCH),
    (_is_pickle, _PICKLE),
    (is_old_fasttext, _FASTTEXT),
    (lambda head: head[:4] in (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08"), _zip),
    (lambda head: head[257:262] == b"ustar", _TAR),
    (lambda head: head[4:8] == b"ftyp", _SOUND),
    (lambda head: head[:2] == b"BM" and b"\0" in head[:16], _IMAGE),
    (lambda head: head[:2] == b"MZ" and b"\0" in head[:16], _PROGRAM),
    (lambda head: head[:3] == b"BZh" and head[4:10] == b"1AY&SY", _BZIP2),
    (_OPENS_HTML.match, _HTML),
    (_OPENS_JSON.match, JSON),
]  # fmt: skip

_BY_MAGIC: list[tuple[bytes, Kind]] = [
    (struct.pack("<i", FASTTEXT_MAGIC), _FASTTEXT),
    (b"\x93NUMPY", _NPY),
    (b"%PDF-", Kind("a PDF document", "take its text out first: pdftotext FILE")),
    (b"%!PS", Kind("a PostScript document", "take its text out first: ps2ascii FILE")),
    (b"{\\rtf", Kind("a rich-text document (RTF)", "save it as plain text")),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", Kind("an old office document", "save it as plain text")),
    (b"version https://git-lfs.github.com/spec/", _LFS),
    (b"<?xml", _XML),
    (b"PAR1", _PARQUET),
    (b"ARROW1", _ARROW),
    (b"FEA1", _ARROW),
    (b"\x89HDF\r\n\x1a\n", Kind("an HDF5 file, as Keras writes", "write its content as text")),
    (b"SQLite format 3\0", Kind("an SQLite database", "write its text into a file first")),
    (b"GGUF", Kind("a GGUF model", "give the intended file")),
    (b"\x7fELF", _PROGRAM),
    *((magic, _PROGRAM) for magic in (b"\xcf\xfa\xed\xfe", b"\xce\xfa\xed\xfe", b"\xca\xfe\xba\xbe", b"\0asm")),
    *((magic, _IMAGE) for magic in (b"\x89PNG\r\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"II*\0", b"MM\0*")),
    (b"RIFF", _SOUND),
    *((magic, _SOUND) for magic in (b"ID3\x03", b"ID3\x04", b"OggS\0", b"fLaC", b"\x1aE\xdf\xa3")),
    *((magic, _ARCHIVE) for magic in (b"7z\xbc\xaf'\x1c", b"Rar!\x1a\x07", b"\x1f\x9d", b"LZIP\x01", b"\x04\"M\x18")),
    *_PACKED.items(),
    (b"\xff\xfe", _UTF16),
    (b"\xfe\xff", _UTF16),
]  # fmt: skip
