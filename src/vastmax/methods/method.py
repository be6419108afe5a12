"""Everything the library knows about one method of the literature, in one type."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, get_args

from vastmax.errors import InputError
from vastmax.methods.case import Case, Purpose, capital
from vastmax.methods.work import MethodWork, Setting

if TYPE_CHECKING:
    import torch
    from torch import nn

    from vastmax.head import Head
    from vastmax.progress import Progress
    from vastmax.tree import Tree

Family = Literal[
    "all words",
    "paths in a tree",
    "narrow vectors for rare words",
    "words from their letters",
    "a sum over samples",
    "words told from noise",
    "log Z held near 0",
]
"""The families of methods, in the order of tables and the registry."""
FAMILIES: tuple[Family, ...] = get_args(Family)

Cheaper = Literal["yes", "no", "with search", "if Z ≈ 1", "candidate list"]
"""Whether a method is cheaper than the plain softmax, or on what condition."""

Grade = Literal["very good", "good", "bad to good", "bad", "very bad", "very poor"]
"""How well a method predicted, as described by the survey."""

SOFTMAX_PERPLEXITIES = (123.8, 56.5, 108.3)
"""Chen et al. 2015: Penn Treebank (V = 10k), Gigaword (100k), the billion-word benchmark (800k), equal time."""


@dataclass(frozen=True)
class Published:
    """Claims of the literature; None where nothing was published.

    Perplexities order the methods; on another text, with another encoder, the gaps differ.

    Attributes:
        quality: how well it predicts, as text with figures: Chen, Grangier & Auli 2015 at equal training time and
            Grave et al. 2017 (text8, V = 44k, at equal epochs), unless another source is named.
        cheaper_training: whether a training step is.
        cheaper_scoring: whether the probability of a given word is.
        cheaper_search: whether finding the most probable word is.
        speed_up_chen: of training over the softmax, all methods in the one harness of Chen et al. 2015.
        speed_up_paper: the figure that `speed_up_source` published.
        speed_up_source: where `speed_up_paper` was published.
        small_vocabulary: perplexity on Penn Treebank, 10 thousand words.
        large_vocabulary: perplexity on the benchmark of a billion words, 800 thousand distinct ones.
        parameters: of the output layer, relative to the softmax's.
        perplexities: of Chen et al., at V = 10k, 100k and 800k; None where they did not run it.
    """

    quality: str = ""
    cheaper_training: Cheaper | None = None
    cheaper_scoring: Cheaper | None = None
    cheaper_search: Cheaper | None = None
    speed_up_chen: str | None = None
    speed_up_paper: str | None = None
    speed_up_source: str | None = None
    small_vocabulary: Grade | None = None
    large_vocabulary: Grade | None = None
    parameters: str | None = None
    perplexities: tuple[float, float, float] | None = None

    @property
    def speed_ups(self) -> str | None:
        """`25×, Chen et al. 2015; 50–100×, as quoted by Ruder 2016`: each with its source."""
        sourced = ((self.speed_up_chen, "Chen et al. 2015"), (self.speed_up_paper, self.speed_up_source))
        return "; ".join(f"{speed_up}, {source}" for speed_up, source in sourced if speed_up is not None) or None

    def against_softmax(self) -> str | None:
        """Return `138.2 / 57.1 / 85.2 against the softmax's 123.8 / 56.5 / 108.3`."""
        if self.perplexities is None:
            return None
        own, softmax = (
            " / ".join(f"{value:g}" for value in values) for values in (self.perplexities, SOFTMAX_PERPLEXITIES)
        )
        return f"{own} against the softmax's {softmax}"


Reason = Callable[[Case], str]
Place = tuple[int | None, int | None, int | None]
"""Rank among the recommended methods for a small, a medium and a large vocabulary, 1 the first; None: not there."""


@dataclass(frozen=True)
class WhenToTake:
    """Rules by which `advise` recommends a method, or warns of it.

    Attributes:
        rank: by purpose, its place among the recommended methods.
        why: what it gives in a case, cost first; None for its step's cost alone.
        why_for: what it gives where it is taken for that purpose, in place of `why`.
        avoid: the reason against it in a case; None where there is none.
        saves_memory: recommended, last of all, where memory is short and the words are known.
    """

    rank: Mapping[Purpose, Place] = field(default_factory=dict)
    why: Reason | None = None
    why_for: Mapping[Purpose, Reason] = field(default_factory=dict)
    avoid: Callable[[Case], str | None] = lambda case: None
    saves_memory: bool = False


@dataclass(frozen=True)
class Method:
    """One method of the literature: how a head is built with it, and all that is said of it anywhere.

    The command line, `compare`, `advise`, the report, the tables of the documentation and the contract tests read it
    here.

    Attributes:
        name: in `RECIPES`.
        title: as papers call it.
        summary: one line: what it does, and when to take it.
        source: where it was published.
        family: the idea that it shares with others.
        family_rank: place in its family, the best known first.
        build: the typed function behind it, with its options as keyword arguments; imports torch when it is called.
        work: its cost, counted, in a setting.
        published: claims of the literature.
        take: when to take it.
        complexity: of two methods alike in perplexity the one with the lower figure is taken: 0 the softmax, 10 to 19
            exact methods with nothing to tune, 20 to 29 exact up to a penalty, 30 to 39 approximations, by how much
            there is to choose, 40 to 49 networks inside the output layer.
        tree_from: for methods over a tree: makes it, from what `build` is given and its options by name, telling the
            progress; `build` takes it as its option `tree`. So a run makes it once, counts the time, and keeps it.
        needs: what it needs beyond counts: "words" (a `Vocabulary`), "corpus" (a `Corpus`, or one in the ids of a
            vocabulary, `corpus.encode_with(vocabulary)`), or "context:NAME" (an entry of `context` in every training
            call).
        dense: the output layer is the plain (V, D) table.
        self_normalising: raw scores may stand for log p after training.
        in_default_race: `compare` runs it unless told otherwise.
    """

    name: str
    title: str
    summary: str
    source: str
    family: Family
    family_rank: int
    build: Callable[..., Head]
    work: Callable[[Setting], MethodWork]
    complexity: int
    published: Published = Published()
    take: WhenToTake = WhenToTake()
    tree_from: Callable[[Any, Mapping[str, Any], Progress], Tree] | None = None
    needs: frozenset[str] = frozenset()
    dense: bool = False
    self_normalising: bool = False
    in_default_race: bool = False

    def __call__(
        self,
        hidden_size: int,
        vocabulary: Any,
        *,
        bias: bool = True,
        sparse_gradients: bool = True,
        weight: nn.Parameter | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> Head:
        """Build the head with the method's own options at their defaults.

        Args:
            hidden_size: D, the width of the hidden vectors.
            vocabulary: a `Vocabulary`, or counts (V,) in id order where words are not needed; a `Corpus` where the
                method needs one.
            bias: whether words (or decisions) have a bias.
            sparse_gradients: False gives dense gradients whatever the objective, for optimizers that take no others;
                a step then costs O(V·D).
            weight: (V, D) to share with an embedding (weight tying), where the layer is `Dense`.
            device: of the parameters; that of `weight` where one is given.
            dtype: of the parameters; that of `weight` where one is given.

        Raises:
            InputError: the method needs words or a corpus and got counts alone; `weight` for a layer that has no vector
                of width D for each word, or of another shape.
        """
        if "corpus" in self.needs and not hasattr(vocabulary, "vocabulary"):
            raise InputError(
                f"recipe {self.name!r} learns from the text itself: pass a Corpus, or corpus.encode_with(vocabulary)"
            )
        if "words" in self.needs and not hasattr(vocabulary, "words"):
            raise InputError(f"recipe {self.name!r} spells words out: pass a Vocabulary, not counts alone")
        from vastmax.methods.layer_options import built

        return built(
            lambda: self.build(hidden_size, vocabulary),
            bias=bias,
            sparse_gradients=sparse_gradients,
            weight=weight,
            device=device,
            dtype=dtype,
        )

    def why(self, case: Case) -> str:
        """Return what the method gives in a case."""
        reason = self.take.why_for.get(case.purpose, self.take.why)
        return capital(case.faster(self.name)) if reason is None else reason(case)
