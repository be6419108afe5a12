"""WordNet's dictionary files: where to find them, and how to read what a tree needs.

The format is Princeton's wndb(5): an index and a data file per part of speech, with one line per lemma or synset. The
id of a synset is the byte offset of its line, so only the needed lines are read.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

from vastmax.content.lines import text_lines
from vastmax.content.looking import kind_at, wrong_kind
from vastmax.errors import InputError

_EXPECTED = "a dictionary file of WordNet"
_LARGEST_DATA = 1 << 28  # bytes of a data file; the largest in WordNet 3.1 has 15.7 million
_LONGEST_COUNT = 20  # digits
PARTS_OF_SPEECH = ("noun", "verb", "adj", "adv")
_LETTERS = {"n": "noun", "v": "verb", "a": "adj", "s": "adj", "r": "adv"}
# ss_type in sense keys: 5 is an adjective satellite, an adjective like any other here.
_SENSE_TYPES = {"1": "noun", "2": "verb", "3": "adj", "4": "adv", "5": "adj"}
# Pointers to what a synset is a kind or an instance of, or from a satellite adjective to the head of its cluster.
_UPWARD = {"@", "@i", "&"}

# Inflected endings and their replacements in the lemma (morphy(7)).
_ENDINGS = {
    "noun": [("s", ""), ("ses", "s"), ("xes", "x"), ("zes", "z"), ("ches", "ch"), ("shes", "sh"), ("men", "man"),
             ("ies", "y")],
    "verb": [("s", ""), ("ies", "y"), ("es", "e"), ("es", ""), ("ed", "e"), ("ed", ""), ("ing", "e"), ("ing", "")],
    "adj": [("er", ""), ("est", ""), ("er", "e"), ("est", "e")],
    "adv": [],
}  # fmt: skip

# Lexicographer files of synsets without hypernyms, by their number in the data files (lexnames(5)).
_LEXICOGRAPHER_FILES = {
    0: "adj.all", 1: "adj.pert", 2: "adv.all", 29: "verb.body", 30: "verb.change", 31: "verb.cognition",
    32: "verb.communication", 33: "verb.competition", 34: "verb.consumption", 35: "verb.contact", 36: "verb.creation",
    37: "verb.emotion", 38: "verb.motion", 39: "verb.perception", 40: "verb.possession", 41: "verb.social",
    42: "verb.stative", 43: "verb.weather", 44: "adj.ppl",
}  # fmt: skip


class SynsetId(NamedTuple):
    """The place of a synset in the files."""

    part_of_speech: str
    offset: int


class Synset(NamedTuple):
    """The data of a synset that a tree needs."""

    words: tuple[str, ...]
    """The words as spelled, with "_" for spaces; the first one is the name."""
    lexicographer_file: str
    """The field, such as "verb.motion"; "" for nouns, which all have one root."""
    above: tuple[SynsetId, ...]
    """Its hypernyms, in order."""


def find_dictionary(path: str | os.PathLike[str] | None = None) -> Path:
    """Return the folder of WordNet's files: `path`, or the first of the usual places.

    These are the folders in WNSEARCHDIR and WNHOME, as for Princeton's programs; those of Debian's wordnet-base and of
    Princeton's installation; any Python package that contains the files; NLTK's downloads.

    Raises:
        InputError: there is none, or the named folder contains no dictionary.
    """
    if path is not None:
        return _checked(Path(path), "")
    for variable, below in (("WNSEARCHDIR", ""), ("WNHOME", "dict")):
        if os.environ.get(variable):
            return _checked(Path(os.environ[variable], below), f" (from {variable})")
    for folder in (*_system_folders(), *_package_folders(), *_nltk_folders()):
        if _is_dictionary(folder):
            return folder
    raise InputError(
        "no WordNet dictionary found on this machine (not in WNSEARCHDIR, /usr/share/wordnet, a Python package or "
        "NLTK's downloads); install Debian's wordnet-base, or pass the folder with index.noun and data.noun "
        "(--wordnet DIR)"
    )


def _system_folders() -> list[Path]:
    return [Path("/usr/share/wordnet"), Path("/usr/local/WordNet-3.0/dict")]


def _package_folders() -> Iterator[Path]:
    for package in metadata.distributions():  # under any name
        for line in (package.read_text("RECORD") or "").splitlines():
            file = line.split(",")[0]
            if file.endswith("/data.noun"):
                yield Path(str(package.locate_file(file))).parent


def _nltk_folders() -> list[Path]:
    roots: list[str | Path] = [*os.environ.get("NLTK_DATA", "").split(os.pathsep), Path.home() / "nltk_data"]
    roots += [Path(sys.prefix, "nltk_data"), Path("/usr/share/nltk_data"), Path("/usr/local/share/nltk_data")]
    return [Path(root, "corpora", "wordnet") for root in roots if root]


def _is_dictionary(folder: Path) -> bool:
    return all((folder / f"{kind}.{part}").is_file() for kind in ("index", "data") for part in PARTS_OF_SPEECH)


def _checked(folder: Path, origin: str) -> Path:
    if not _is_dictionary(folder):
        raise InputError(
            f"{folder}{origin} is not a WordNet dictionary; expected a folder with the files index.noun, data.noun and "
            "those of verb, adj and adv"
        )
    return folder


class Dictionary:
    """The files of one folder, read on demand."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        # Offsets assume single-byte line ends; some packages have files with Windows line ends.
        self._data = {part: _content(folder / f"data.{part}").replace(b"\r\n", b"\n") for part in PARTS_OF_SPEECH}

    def senses(self, words: Iterable[str]) -> dict[str, SynsetId]:
        """Return the most common sense of each word that WordNet knows, capitalized, inflected or not.

        Among all lemmas and parts of speech of a form, the one tagged most often in WordNet's texts is chosen
        (cntlist.rev; without that file, the one with most tagged senses). Ties are resolved in the order form before
        lemma, then noun, verb, adjective, adverb. The index lists the senses of a lemma by frequency; the first that is
        spelled like the word is chosen (Turkey the country, turkey the bird), or the first.
        """
        exceptions = {part: self._exceptions(part) for part in PARTS_OF_SPEECH}
        forms: dict[str, list[tuple[str, str]]] = {}
        for word in words:
            form = word.lower()
            own = [(form, part) for part in PARTS_OF_SPEECH]
            bases = [(base, part) for part in PARTS_OF_SPEECH for base in _bases(form, part, exceptions[part])]
            forms[word] = own + bases
        wanted = {lemma for lemmas in forms.values() for lemma, _ in lemmas}
        by_lemma, tags = self._index(wanted)
        tags = self._tag_counts(wanted) or tags
        senses = {}
        for word, lemmas in forms.items():
            known = [lemma for lemma in lemmas if lemma in by_lemma]
            if known:  # max keeps the first of equals
                offered = by_lemma[max(known, key=lambda lemma: tags.get(lemma, 0))]
                spelled_so = (sense for sense in offered if word in self.synset(sense).words)
                senses[word] = next(spelled_so, offered[0])
        return senses

    def _exceptions(self, part: str) -> dict[str, list[str]]:
        """Return irregular forms → lemmas, from a file that Debian and Princeton provide but others may lack."""
        path = self.folder / f"{part}.exc"
        if not path.is_file():
            return {}
        fields = (line.split() for _, line in text_lines(path, _EXPECTED))
        return {form: bases for form, *bases in filter(None, fields)}

    def _index(self, wanted: set[str]) -> tuple[dict[tuple[str, str], list[SynsetId]], dict[tuple[str, str], int]]:
        """Return (senses, number of tagged senses) by lemma and part of speech."""
        by_lemma, tags = {}, {}
        for part in PARTS_OF_SPEECH:
            path = self.folder / f"index.{part}"
            for _, line in text_lines(path, _EXPECTED):
                lemma = line[: line.find(" ")]
                if lemma not in wanted or line.startswith(" "):  # the license at the top is indented
                    continue
                # lemma pos synset_cnt p_cnt [ptr_symbol…] sense_cnt tagsense_cnt synset_offset…
                fields = line.split()
                try:
                    num_senses = int(fields[2])
                    by_lemma[lemma, part] = [SynsetId(part, int(offset)) for offset in fields[-num_senses:]]
                    tags[lemma, part] = int(fields[-num_senses - 1])
                except (ValueError, IndexError):
                    raise InputError(f"{path} is damaged at the lemma {lemma!r}: {line[:60]!r}") from None
        return by_lemma, tags

    def _tag_counts(self, wanted: set[str]) -> dict[tuple[str, str], int]:
        path = self.folder / "cntlist.rev"
        if not path.is_file():
            return {}
        counts: dict[tuple[str, str], int] = {}
        for number, line in text_lines(path, _EXPECTED):
            lemma, _, rest = line.partition("%")  # lemma%ss_type:… sense_number tag_cnt
            if lemma in wanted and rest[:1] in _SENSE_TYPES:
                key = lemma, _SENSE_TYPES[rest[0]]
                try:
                    counts[key] = counts.get(key, 0) + int(line.rpartition(" ")[2][:_LONGEST_COUNT])
                except ValueError:
                    raise InputError(f"{path} is damaged in line {number}: {line[:60]!r}") from None
        return counts

    def synset(self, synset_id: SynsetId) -> Synset:
        """Read one line of a data file.

        Raises:
            InputError: no synset begins at this byte.
        """
        part, offset = synset_id
        data = self._data[part]
        line = data[offset : data.find(b"\n", offset)].decode("utf-8", "replace")
        try:
            # offset lex_filenum ss_type w_cnt word lex_id [word lex_id…] p_cnt [symbol offset pos source/target…]
            if not line.startswith(f"{offset:08} "):
                raise ValueError
            fields = line.partition(" | ")[0].split()
            pointers = 4 + 2 * int(fields[3], 16)
            above = tuple(
                SynsetId(_LETTERS[fields[at + 2]], int(fields[at + 1]))
                for at in range(pointers + 1, pointers + 1 + 4 * int(fields[pointers]), 4)
                if fields[at] in _UPWARD
            )
            field = _LEXICOGRAPHER_FILES.get(int(fields[1]), "")
        except (ValueError, IndexError, KeyError):
            raise InputError(
                f"{self.folder}/data.{part} is damaged: no synset at byte {offset} ({line[:40]!r})"
            ) from None
        # Adjectives may have a syntactic marker: "galore(ip)".
        return Synset(tuple(word.partition("(")[0] for word in fields[4:pointers:2]), field, above)


def _content(path: Path) -> bytes:
    """Return the content of a data file; raise InputError before reading a file of another kind or too large a one."""
    size = path.stat().st_size
    kind = kind_at(path)
    if kind is not None:
        raise wrong_kind(path, kind, _EXPECTED)
    if size > _LARGEST_DATA:
        raise InputError(f"{path} has {size:,} bytes; expected a data file of WordNet, with at most 16 million")
    return path.read_bytes()


def _bases(form: str, part: str, exceptions: dict[str, list[str]]) -> list[str]:
    """Return the possible lemmas of an inflected form; irregular forms are not inflected regularly, too."""
    if form in exceptions:
        return exceptions[form]
    return [
        form.removesuffix(ending) + instead
        for ending, instead in _ENDINGS[part]
        if form.endswith(ending) and len(form) > len(ending)
    ]
