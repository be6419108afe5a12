"""Generated sentences: drawn word by word from a distribution that may be truncated, or found by beam search."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from vastmax.arguments import MOST_SEED, real, whole
from vastmax.errors import InputError
from vastmax.language_model.model import LanguageModel
from vastmax.language_model.text import SENTENCE_END
from vastmax.output.base import Search
from vastmax.text import Vocabulary

_NUCLEUS = 1024
"""Candidates for top_p and the penalty without top_k: they have nearly all probability in a trained model."""


@dataclass(frozen=True)
class Sampling:
    """The options of drawing the next word.

    Attributes:
        temperature: T > 0: draw from softmax(s/T).
        top_k: draw from the k best words; None: all.
        top_p: draw from the fewest best words with this share of the probability, in (0, 1].
        repetition_penalty: ≥ 1: the probabilities of words that are already in the sentence are divided by it.

    With top_p or a penalty, and without `top_k`, only the 1,024 best words can be drawn.

    Raises:
        InputError: numbers out of range.
    """

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float = 1.0
    repetition_penalty: float = 1.0

    def __post_init__(self) -> None:
        real("temperature", self.temperature, 0.0, math.inf, above=True)
        real("top_p", self.top_p, 0.0, 1.0, above=True)
        real("repetition_penalty", self.repetition_penalty, 1.0, math.inf)
        if self.top_k is not None:
            whole("top_k", self.top_k, 1, None)

    @property
    def cuts(self) -> bool:
        """Whether words are drawn other than from softmax(s/T) over all words."""
        return self.top_k is not None or self.top_p < 1.0 or self.repetition_penalty > 1.0

    def draw(
        self,
        model: LanguageModel,
        hidden: Tensor,
        said: Tensor,
        *,
        generator: torch.Generator | None = None,
        search: Search | None = None,
    ) -> Tensor:
        """Draw a word after each hidden vector.

        Args:
            model: its head is used.
            hidden: (N, D).
            said: (N, T) word ids of the sentences so far.
            generator: of random numbers.
            search: an index of the head.

        Returns:
            (N,) word ids.
        """
        head = model.head
        if not self.cuts:
            return head.sample(hidden, temperature=self.temperature, generator=generator, search=search)
        k = min(self.top_k or _NUCLEUS, head.vocab_size)
        log_prob, word_ids = head.topk(hidden, k, search=search)
        if self.repetition_penalty > 1.0:
            again = (word_ids[:, :, None] == said[:, None, :]).any(dim=2)
            log_prob = log_prob - math.log(self.repetition_penalty) * again
        # Relative to the best, in float64: then the smallest temperature gives the best word, and no NaN.
        below = log_prob.double() - log_prob.amax(dim=1, keepdim=True).double()
        share = (below / self.temperature).softmax(dim=1)
        if self.top_p < 1.0:
            share, order = share.sort(dim=1, descending=True)
            word_ids = word_ids.gather(1, order)
            before = share.cumsum(dim=1) - share
            share[:, 1:] = share[:, 1:].masked_fill(before[:, 1:] >= self.top_p, 0.0)  # the best word always stays
        chosen = torch.multinomial(share, 1, generator=generator)
        return word_ids.gather(1, chosen)[:, 0]


@torch.no_grad()
def generate(
    model: LanguageModel,
    vocabulary: Vocabulary,
    *,
    context: Sequence[str] = (),
    num_sentences: int = 1,
    max_words: int = 50,
    seed: int = 0,
    sampling: Sampling | None = None,
    search: Search | None = None,
) -> list[list[str]]:
    """Draw sentences word by word, each starting with `context`; the end is not included.

    Args:
        model: in eval mode.
        vocabulary: of the model.
        context: their first words.
        num_sentences: the number of sentences.
        max_words: the most words of a sentence after the context.
        seed: the same seed gives the same sentences on the same machine.
        sampling: options of drawing; None: from the model's distribution.
        search: an index of the model's head, such as `search.Certified(model.head, tolerance=1e-3)`.

    Raises:
        InputError: numbers out of range; an index of another head.

    Cost: one step of the encoder for each word, the context included, and one draw for each new word.
    """
    whole("num_sentences", num_sentences, 1, 1_000_000)
    whole("max_words", max_words, 1, 1_000_000)
    whole("seed", seed, 0, MOST_SEED)
    sampling = sampling or Sampling()
    said = _context(model, vocabulary, context).repeat(num_sentences, 1)
    begin = said.shape[1]
    generator = torch.Generator(device=said.device).manual_seed(seed)
    end = vocabulary.id(SENTENCE_END)
    ended = torch.zeros(num_sentences, dtype=torch.bool, device=said.device)
    hidden, state = model.encoder(said)
    for _ in range(max_words):
        drawn = sampling.draw(model, hidden[:, -1], said[:, 1:], generator=generator, search=search)
        said = torch.cat([said, drawn[:, None]], dim=1)
        ended |= drawn == end
        if bool(ended.all()):
            break
        hidden, state = model.encoder(drawn[:, None], state)
    return [[*context, *_words(vocabulary, ids, end)] for ids in said[:, begin:].tolist()]


@torch.no_grad()
def beam_search(
    model: LanguageModel,
    vocabulary: Vocabulary,
    *,
    context: Sequence[str] = (),
    beams: int = 4,
    max_words: int = 50,
    search: Search | None = None,
) -> list[tuple[list[str], float]]:
    """Find sentences of high probability: each step extends the `beams` best beginnings (Lowerre 1976).

    Args:
        model: in eval mode.
        vocabulary: of the model.
        context: their first words.
        beams: the number of beginnings kept, and the most sentences returned.
        max_words: the most words of a sentence after the context, including its end.
        search: an index of the model's head.

    Returns:
        (words, log p of those after the context, including the end if it was reached), the most probable first.

    Raises:
        InputError: numbers out of range; an index of another head.

    Cost: for each word, the `beams` + 1 best words after each beginning.
    """
    whole("beams", beams, 1, 10_000)
    whole("max_words", max_words, 1, 1_000_000)
    end = vocabulary.id(SENTENCE_END)
    said = _context(model, vocabulary, context)
    begin = said.shape[1]
    hidden, state = model.encoder(said)
    total = torch.zeros(1, device=said.device)
    finished: list[tuple[list[str], float]] = []
    k = min(beams + 1, model.head.vocab_size)
    for _ in range(max_words):
        log_prob, word_ids = model.head.topk(hidden[:, -1], k, search=search)
        score, flat = (total[:, None] + log_prob).flatten().sort(descending=True, stable=True)
        parent, drawn = flat // k, word_ids.flatten()[flat]
        ends = drawn == end
        for at in ends[: 2 * beams].nonzero()[:, 0].tolist():
            words = _words(vocabulary, said[parent[at], begin:].tolist(), end)
            finished.append(([*context, *words], float(score[at])))
        going = (~ends).nonzero()[:beams, 0]
        finished = sorted(finished, key=lambda each: -each[1])[:beams]
        if len(going) == 0 or (len(finished) == beams and finished[-1][1] >= float(score[going[0]])):
            return finished
        total, parent, drawn = score[going], parent[going], drawn[going]
        said = torch.cat([said[parent], drawn[:, None]], dim=1)
        hidden, state = model.encoder(drawn[:, None], tuple(part[parent] for part in state))
    cut = [
        ([*context, *_words(vocabulary, ids, end)], score)
        for ids, score in zip(said[:, begin:].tolist(), total.tolist(), strict=True)
    ]
    return sorted([*finished, *cut], key=lambda each: -each[1])[:beams]


def _context(model: LanguageModel, vocabulary: Vocabulary, context: Sequence[str]) -> Tensor:
    """Return (1, T) ids: the end of the previous sentence, then the words."""
    ids = [vocabulary.id(SENTENCE_END), *vocabulary.ids(list(context)).tolist()]
    return torch.tensor([ids], device=next(model.parameters()).device)


def _words(vocabulary: Vocabulary, word_ids: list[int], end: int) -> list[str]:
    kept = word_ids[: word_ids.index(end)] if end in word_ids else word_ids
    return [vocabulary.word(word_id) for word_id in kept]


def check_choice(sampling: Sampling, beams: int | None) -> None:
    """Raise InputError if beam search is combined with options of drawing."""
    if beams is not None and sampling != Sampling():
        raise InputError("beam search draws nothing; leave out temperature, top_k, top_p and repetition_penalty")
