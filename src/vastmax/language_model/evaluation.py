"""The perplexity of a text: exact, normalized, over every word."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vastmax.distribution.entropy import perplexity_from_nats
from vastmax.language_model.model import LanguageModel
from vastmax.language_model.streams import IGNORED, Streams
from vastmax.language_model.text import SENTENCE_END
from vastmax.options import takes_old_names
from vastmax.progress import Progress, Silent
from vastmax.text import Vocabulary


@dataclass(frozen=True)
class Perplexity:
    """The results of evaluating a model on a text.

    Attributes:
        words: the number of predicted words, including ends of sentences.
        unknown: how many of them are the unknown word.
        nats: mean −log p per word.
        unnormalised_nats: mean −score per word, if the objective uses raw scores as log p; otherwise None. It is not a
            likelihood, may be lower than any, and never replaces `nats`.
        letters: the number of characters, including a space or line end after each word; the unknown word counts as its
            name.
        bands: (first rank, words, nats) of words of the text by their rank in the vocabulary.
    """

    words: int
    unknown: int
    nats: float
    unnormalised_nats: float | None
    letters: int
    bands: tuple[tuple[int, int, float], ...]

    @property
    def perplexity(self) -> float:
        """exp(nats)."""
        return perplexity_from_nats(self.nats)

    @property
    def bits_per_word(self) -> float:
        """nats / log 2."""
        return self.nats / math.log(2)

    @property
    def bits_per_character(self) -> float:
        """Bits of the whole text divided by its letters: comparable between vocabularies."""
        return self.bits_per_word * self.words / self.letters

    def to_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        bands = [{"first_rank": rank, "words": words, "nats": nats} for rank, words, nats in self.bands]
        return {
            **asdict(self),
            "bands": bands,
            "perplexity": self.perplexity,
            "bits_per_word": self.bits_per_word,
            "bits_per_character": self.bits_per_character,
        }


@takes_old_names
def perplexity(
    model: LanguageModel,
    text: NDArray[np.int32],
    vocabulary: Vocabulary,
    *,
    first_id: int,
    num_streams: int | None = None,
    bptt: int = 64,
    band_edges: Sequence[int] = (100, 1_000, 10_000, 100_000),
    progress: Progress | None = None,
) -> Perplexity:
    """Measure a model on held-out text; the model is in eval mode meanwhile.

    Args:
        model: of this vocabulary.
        text: (n,) word ids; see `text_of`.
        vocabulary: for letters and ranks.
        first_id: the word before the text, such as the end of a sentence.
        num_streams: parts read in parallel. Each starts without context, which costs a little accuracy. Default: one
            per thousand words, at most 16.
        bptt: words of each stream that are read at a time.
        band_edges: ranks at which bands begin, besides 0.
        progress: shows words.

    Cost: an exact evaluation of every word: O(V·D) per word for flat layers.
    """
    if num_streams is None:
        num_streams = min(max(text.size // 1_000, 1), 16)
    streams = Streams(text, num_streams=num_streams, bptt=bptt, first_id=first_id)
    device = next(model.parameters()).device
    ranks = np.empty(len(vocabulary), dtype=np.int64)
    ranks[np.argsort(-vocabulary.counts, kind="stable")] = np.arange(len(vocabulary))
    band_of = torch.from_numpy(np.searchsorted(np.asarray(band_edges), ranks, side="right")).to(device)
    was_training = model.training
    model.eval()
    progress = progress or Silent()
    progress.begin("Measuring", text.size, "words")
    try:
        nats, words, raw = _sums(model, streams, band_of, len(band_edges) + 1, progress)
    finally:
        progress.end()
        model.train(was_training)
    total = int(words.sum())
    by_band = zip((0, *band_edges), words.tolist(), nats.tolist(), strict=True)
    bands = tuple((edge, int(n), float(sum_of_band / n)) for edge, n, sum_of_band in by_band if n)
    return Perplexity(
        words=total,
        unknown=0 if vocabulary.unknown is None else int((text == vocabulary.id(vocabulary.unknown)).sum()),
        nats=float(nats.sum()) / total,
        unnormalised_nats=float(raw) / total if model.head.objective.self_normalising else None,
        letters=_letters(text, vocabulary),
        bands=bands,
    )


@torch.no_grad()
def _sums(
    model: LanguageModel, streams: Streams, band_of: Tensor, num_bands: int, progress: Progress
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the sum of −log p and the number of words by band, and the sum of −score, 0 if scores do not count."""
    nats = torch.zeros(num_bands, dtype=torch.float64, device=band_of.device)
    words = torch.zeros(num_bands, dtype=torch.int64, device=band_of.device)
    raw = torch.zeros((), dtype=torch.float64, device=band_of.device)
    state = None
    for word_ids, target in streams:
        word_ids, target = word_ids.to(band_of.device), target.to(band_of.device)
        hidden, state = model.encoder(word_ids, state)
        known = target != IGNORED
        hidden, wanted = hidden[known], target[known]
        if model.head.objective.self_normalising:
            score, log_normaliser = model.head.output.exact(hidden, wanted)
            loss = (log_normaliser - score).double()
            raw -= score.double().sum()
        else:
            loss = -model.head.log_prob(hidden, wanted).double()
        nats.index_add_(0, band_of[wanted], loss)
        words.index_add_(0, band_of[wanted], torch.ones_like(wanted))
        done = int(words.sum())
        progress.update(done, perplexity=perplexity_from_nats(float(nats.sum()) / done))
    return nats, words, raw


def _letters(text: NDArray[np.int32], vocabulary: Vocabulary) -> int:
    """Return the number of letters of the words, plus one per separator; the end of a sentence is a line end only."""
    lengths = np.fromiter((len(word) for word in vocabulary.words), dtype=np.int64, count=len(vocabulary))
    lengths[vocabulary.id(SENTENCE_END)] = 0
    # Words of a sentence are separated by one space; the line end replaces the last one.
    separators = text.size - int((text == vocabulary.id(SENTENCE_END)).sum())
    return int(lengths[text].sum()) + separators


def hidden_vectors(
    model: LanguageModel, text: NDArray[np.int32], *, first_id: int, most: int, seed: int = 0
) -> torch.Tensor:
    """Return (N, D) hidden vectors of the model at the words of a text, in random order; N is at most `most`.

    Args:
        model: in eval mode.
        text: (n,) word ids; see `text_of`.
        first_id: what is read before the text, such as the end of a sentence.
        most: upper bound of N; the beginning of the text is read as long as needed.
        seed: of the order.
    """
    text = text[:most]
    streams = Streams(text, num_streams=min(max(text.size // 256, 1), 16), bptt=64, first_id=first_id)
    device = next(model.parameters()).device
    parts, state = [], None
    with torch.no_grad():
        for word_ids, target in streams:
            hidden, state = model.encoder(word_ids.to(device), state)
            parts.append(hidden[target.to(device) != IGNORED])
    every = torch.cat(parts)
    return every[torch.randperm(len(every), generator=torch.Generator().manual_seed(seed)).to(device)]
