"""Every option and argument of every command with values that nobody should type: the grid of `test_odd_values.py`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer.main

from vastmax.cli.main import app

ODD_VALUES = (
    *("0", "-1", "nan", "inf", "-inf", "1e308", "1e-320", str(10**20), str(2**31)),
    *("", "abc", "missing/file", "\x00", "\x1b[31m"),
)  # fmt: skip

LINES = {
    "embed": "embed corpus.txt -o out/v.vec --vector-size 4 --epochs 1 --threads 1 --min-count 1 --no-cache",
    "embed nce": "embed corpus.txt -o out/v.vec --vector-size 4 --epochs 1 --threads 1 --objective nce --no-cache",
    "embed cbow": "embed corpus.txt -o out/v.vec --vector-size 4 --epochs 1 --threads 1 --model cbow --no-cache",
    "neighbours": "neighbours vectors.safetensors cat",
    "analogy": "analogy vectors.safetensors cat dog cow",
    "evaluate": "evaluate vectors.safetensors --pairs pairs.tsv",
    "evaluate analogies": "evaluate vectors.safetensors --analogies questions.txt",
    "convert": "convert vectors.safetensors out/v.bin",
    "vocab": "vocab corpus.txt --no-cache",
    "phrases": "phrases corpus.txt --list --no-cache",
    "phrases model": "phrases corpus.txt --list --no-cache --model phrases.jsonl",
    "tree": "tree corpus.txt --no-cache --draw out/tree.svg",
    "tree classes": "tree corpus.txt --kind classes --no-cache",
    "tree random": "tree corpus.txt --kind random --no-cache",
    "tree nested": "tree corpus.txt --kind nested --labels labels.json --no-cache",
    "tree clustered": "tree corpus.txt --kind clustered --vectors vectors.safetensors --no-cache",
    "tree kmeans": "tree corpus.txt --kind kmeans --vectors vectors.safetensors --no-cache",
    "tree wordnet": "tree corpus.txt --kind wordnet --no-cache",
    "map": "map vectors.safetensors -o out/map.html",
    "map tsne": "map vectors.safetensors -o out/map.html --method tsne",
    "index": "index vectors.safetensors -o out/v.index",
    "index clustered": "index vectors.safetensors -o out/v.index --kind clustered --recall 0.5",
    "help": "help embed",
    "advise": "advise corpus.txt --no-cache",
    "advise measure": "advise corpus.txt --no-cache --measure --seconds 1",
    "compare": "compare corpus.txt -o race --methods nce --epochs 1 --hidden-size 4 --encoder log-bilinear --no-cache",
    "compare minutes": "compare corpus.txt -o race --methods nce --hidden-size 4 --encoder log-bilinear --no-cache",
    "demo": "demo -o shown --epochs 1 --threads 1 --race-seconds 0",
    "lm train": "lm train corpus.txt -o run2 --epochs 1 --hidden-size 4 --encoder log-bilinear --no-cache --streams 4",
    "lm perplexity": "lm perplexity run corpus.txt --no-cache",
    "lm score": "lm score run",
    "lm next": "lm next run cat",
    "lm generate": "lm generate run --max-words 5",
    "lm race-search": "lm race-search run corpus.txt --no-cache --kinds certified --batches 1 --rounds 1 --topn 3",
}  # fmt: skip
"""Command lines that work; each parameter is tried in its command's own unless `ELSEWHERE` says otherwise."""

ELSEWHERE = {
    "embed": {
        "cbow_gradient": "embed cbow",
        **dict.fromkeys(("objective_option", "batch_size", "dense_lr", "partition_size", "device"), "embed nce"),
    },
    "evaluate": {"analogies": "evaluate analogies"},
    "index": {"recall": "index clustered"},
    "phrases": {"model": "phrases model"},
    "tree": {
        "classes": "tree classes",
        "mass": "tree classes",
        "labels": "tree nested",
        "wordnet": "tree wordnet",
        **dict.fromkeys(("vectors", "split", "overlap", "copies", "seed"), "tree clustered"),
    },
    "map": {"seed": "map tsne"},
    "advise": {"seconds": "advise measure", "threads": "advise measure"},
    "compare": {"minutes_each": "compare minutes"},
}

INPUTS = frozenset({"corpus.txt", "vectors.safetensors", "pairs.tsv", "questions.txt", "phrases.jsonl", "labels.json"})


@dataclass(frozen=True)
class OddCase:
    """One parameter of one command with one value."""

    line: str  # of LINES
    parameter: str
    option: str | None  # as it is typed; None: an argument, known by its place
    place: int  # of an argument
    value: str

    def __str__(self) -> str:
        return f"{self.line}:{self.option or self.parameter}={self.value!r}"

    def arguments(self) -> list[str]:
        """The command line."""
        words = LINES[self.line].split()
        if self.option is not None:
            if self.option in words:
                at = words.index(self.option)
                del words[at : at + 2]
            return [*words, self.option, self.value]
        first = 2 if words[0] == "lm" else 1
        places = [i for i in range(first, len(words)) if not words[i].startswith("-") and not _takes(words, i)]
        if self.place < len(places):
            words[places[self.place]] = self.value
            return words
        return [*words, self.value]


def _takes(words: list[str], place: int) -> bool:
    """Whether the word is the value of the option before it."""
    flags = {"--no-cache", "--list", "--measure", "--json"}
    return words[place - 1].startswith("-") and words[place - 1] not in flags


def odd_cases() -> Iterator[OddCase]:
    """All of them: commands, their parameters and options are read from the program itself."""
    for name, command in commands().items():
        place = 0
        for parameter in command.params:
            if getattr(parameter, "is_flag", False) or parameter.name == "help":
                continue
            argument = not parameter.opts[0].startswith("-")
            line = ELSEWHERE.get(name, {}).get(parameter.name, name)
            option = None if argument else max((o for o in parameter.opts), key=lambda o: o in LINES[line].split())
            for value in ODD_VALUES:
                if argument and value.startswith("-"):
                    continue  # an option, to whoever reads the command line
                yield OddCase(line, parameter.name, option, place, value)
            place += argument


def commands() -> dict[str, Any]:
    """Every command, by what is typed."""
    group: Any = typer.main.get_command(app)
    found: dict[str, Any] = {}
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            found |= {f"{name} {below}": each for below, each in command.commands.items()}
        else:
            found[name] = command
    return found


def make_inputs(folder: Path, corpus_file: Path, vectors_file: Path) -> None:
    """What the lines read, in `folder`; a trained model in `run` comes from the caller."""
    (folder / "corpus.txt").write_bytes(corpus_file.read_bytes())
    (folder / "vectors.safetensors").write_bytes(vectors_file.read_bytes())
    (folder / "pairs.tsv").write_text("cat\tdog\t9\ncat\tred\t1\ndog\tcow\t8\n")
    (folder / "questions.txt").write_text(": kinds\ncat dog red green\n")
    words = sorted({word for line in corpus_file.read_text().splitlines() for word in line.split()})
    (folder / "labels.json").write_text(json.dumps({"first": words[:9], "others": words[9:]}))
