"""The results of a race: what its report, its recommendation and programs read."""

from __future__ import annotations

import math
import types
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from vastmax.distribution.entropy import perplexity_from_nats
from vastmax.errors import InputError
from vastmax.options import with_new_names

FORMAT = 2
"""The format of `Race.to_json`: another number, another meaning. Files of format 2 carry a checksum, those of 1 "
"none."""

WITHOUT_CHECKSUM = 1

Status = Literal["waiting", "running", "finished", "failed"]


@dataclass(frozen=True)
class Point:
    """The state of a method at a point of its training.

    Attributes:
        training_seconds: of training, measuring not counted; wall-clock seconds, or the processor's in a race of
            processor time.
        training_cpu_seconds: of the processor, all threads together.
        words: read so far.
        nats: mean −log p of a validation word, exact and normalized.
    """

    training_seconds: float
    training_cpu_seconds: float
    words: int
    nats: float

    @property
    def perplexity(self) -> float:
        """exp(nats)."""
        return perplexity_from_nats(self.nats)


@dataclass(frozen=True)
class Band:
    """The predictions of words in a band of ranks.

    Attributes:
        first_rank: of the band, 0 the most frequent word; it ends where the next begins.
        words: of the validation text that are in it.
        nats: mean −log p of them.
    """

    first_rank: int
    words: int
    nats: float


@dataclass(frozen=True)
class MethodResult:
    """The result of one method.

    Attributes:
        method: its name in `RECIPES`.
        status: of its run.
        error: why it failed; None unless it did.
        rates: learning rates it was trained with, by the names of `LanguageModelSettings`.
        trials: what the search for the rates tried: for each, the rates and the validation nats after it (None: it
            diverged).
        parameters: of encoder and head together.
        output_parameters: of the output layer.
        training_words: read in all.
        training_seconds: of training, measuring and the search for rates not counted; as in `Point`.
        training_cpu_seconds: of the processor.
        prepared_seconds: of training_seconds, what was spent before the first step, on a tree.
        prepared_cpu_seconds: of training_cpu_seconds, likewise.
        evaluation_words: of the validation text.
        evaluation_seconds: wall-clock seconds of one exact evaluation of them at the end.
        peak_bytes: by how much the memory of the process grew at most while the method was built, trained, measured;
            None where it cannot be told.
        curve: from before the first step (0 words) to the end.
        nats: mean −log p of a validation word at the end; None before.
        unnormalised_nats: mean −score, if raw scores may replace log p.
        bits_per_character: comparable between vocabularies.
        bands: by frequency.
        diagnostics: of `Head.diagnose` on validation text, by name: the drift of log Z, effective sample sizes, …
        normalised: whether its probabilities sum to 1 over the vocabulary.
    """

    method: str
    status: Status = "waiting"
    error: str | None = None
    rates: Mapping[str, float] = field(default_factory=dict)
    trials: tuple[Mapping[str, Any], ...] = ()
    parameters: int = 0
    output_parameters: int = 0
    training_words: int = 0
    training_seconds: float = 0.0
    training_cpu_seconds: float = 0.0
    prepared_seconds: float = 0.0
    prepared_cpu_seconds: float = 0.0
    evaluation_words: int = 0
    evaluation_seconds: float = 0.0
    peak_bytes: int | None = None
    curve: tuple[Point, ...] = ()
    nats: float | None = None
    unnormalised_nats: float | None = None
    bits_per_character: float | None = None
    bands: tuple[Band, ...] = ()
    diagnostics: Mapping[str, float] = field(default_factory=dict)
    normalised: bool = True

    def to_json(self) -> dict[str, Any]:
        """Return it as plain data, with derived figures."""
        derived = {
            "perplexity": self.perplexity,
            "training_words_per_second": self.training_words_per_second,
            "evaluation_words_per_second": self.evaluation_words_per_second,
        }
        return {**asdict(self), **derived}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> MethodResult:
        """Return the object that `to_json` describes.

        Raises:
            KeyError, TypeError: a field is missing, or is of another kind.
        """
        # Races from before there were trees lack these.
        data = {"prepared_seconds": 0.0, "prepared_cpu_seconds": 0.0, **data}
        fields = {name: data[name] for name in cls.__dataclass_fields__}
        fields["curve"] = tuple(_checked(Point(**point)) for point in data["curve"])
        fields["bands"] = tuple(_checked(Band(**band)) for band in data["bands"])
        fields["trials"] = tuple(data["trials"])
        return _checked(cls(**fields))

    @property
    def perplexity(self) -> float | None:
        """exp(nats) of the whole validation text, at the end."""
        return None if self.nats is None else perplexity_from_nats(self.nats)

    @property
    def training_words_per_second(self) -> float | None:
        """Training words per second of training time."""
        return self.training_words / self.training_seconds if self.training_seconds > 0 else None

    @property
    def evaluation_words_per_second(self) -> float | None:
        """Words evaluated per second of wall-clock time, exact and normalized."""
        return self.evaluation_words / self.evaluation_seconds if self.evaluation_seconds > 0 else None

    def seconds_to(self, perplexity: float) -> float | None:
        """Training seconds to a validation perplexity, between points by a straight line in nats; None: never."""
        goal, before = math.log(perplexity), None
        for point in self.curve:
            if point.nats <= goal:
                if before is None:
                    return point.training_seconds
                share = (before.nats - goal) / (before.nats - point.nats)
                return before.training_seconds + share * (point.training_seconds - before.training_seconds)
            before = point
        return None

    def nats_at(self, training_seconds: float) -> float | None:
        """Validation nats after so much training, between points by a straight line; None: not on the curve."""
        for before, after in pairwise(self.curve):
            if before.training_seconds <= training_seconds <= after.training_seconds:
                whole = after.training_seconds - before.training_seconds
                share = (training_seconds - before.training_seconds) / whole if whole > 0 else 1.0
                return before.nats + share * (after.nats - before.nats)
        return None


@dataclass(frozen=True)
class Race:
    """All methods on one text.

    Attributes:
        text: facts of it: "sources", "validation_sources", "training_words", "validation_words", "vocabulary_size",
            "unknown_share" (of validation words), "entropy_bits" and "unigram_perplexity" (of the validation text under
            the training text's unigrams).
        settings: of the race, encoder and training, as plain data.
        machine: processor, cores, threads used, versions.
        methods: in the order in which they run.
        tree: the top of the tree of hierarchical softmax, for drawing: nested {"words": […], "share": p,
            "children": […]}; None if that method does not run.
    """

    text: Mapping[str, Any]
    settings: Mapping[str, Any]
    machine: Mapping[str, Any]
    methods: tuple[MethodResult, ...]
    tree: Mapping[str, Any] | None = None

    @property
    def finished(self) -> tuple[MethodResult, ...]:
        """The methods that finished."""
        return tuple(method for method in self.methods if method.status == "finished")

    @property
    def complete(self) -> bool:
        """Whether every method has run, to its end or until it failed."""
        return all(method.status in ("finished", "failed") for method in self.methods)

    def to_json(self) -> dict[str, Any]:
        """Return it as plain data, with derived figures."""
        return {
            "format": FORMAT,
            "text": dict(self.text),
            "settings": dict(self.settings),
            "machine": dict(self.machine),
            "methods": [method.to_json() for method in self.methods],
            "tree": None if self.tree is None else dict(self.tree),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Race:
        """Return the object that `to_json` describes.

        Raises:
            InputError: data of another format.
        """
        if data.get("format") not in (FORMAT, WITHOUT_CHECKSUM):
            raise InputError(
                f"a report of format {data.get('format')!r}; expected {FORMAT}: it is of another version of vastmax, "
                "run the comparison again"
            )
        data = with_new_names(data)
        methods = tuple(MethodResult.from_json(method) for method in data["methods"])
        return _checked(cls(data["text"], data["settings"], data["machine"], methods, data["tree"]))


_Read = TypeVar("_Read")


def _checked(read: _Read) -> _Read:
    """Return a dataclass made from JSON; raise TypeError with the field if one has the wrong type."""
    for name, hint in get_type_hints(type(read)).items():
        value, kinds = getattr(read, name), _kinds(hint)
        strange = get_origin(hint) is Literal and value not in get_args(hint)
        if strange or not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            raise TypeError(f"{name} is {value!r}")
    return read


def _kinds(hint: Any) -> tuple[type, ...]:
    """Return the types that a value of this kind may have when it comes from JSON."""
    origin = get_origin(hint)
    if origin is types.UnionType:
        return tuple(kind for part in get_args(hint) for kind in _kinds(part))
    if origin is Literal:
        return (str,)
    if origin is not None:
        return (origin,)
    return (int, float) if hint is float else (hint,)
