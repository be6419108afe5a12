"""Words predicted letter by letter: a distribution over all strings, whatever the vocabulary."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from vastmax.arguments import MOST_SIZE, whole
from vastmax.characters.spelled import END, NUM_PREDICTED, UNKNOWN, Spelled
from vastmax.characters.trie import Trie
from vastmax.output.base import Output
from vastmax.output.linear.scan import scan_sample
from vastmax.output.linear.tiles import spans
from vastmax.tensors.constants import Constants
from vastmax.tensors.numbers import at_least_float32, undefined_rows
from vastmax.tensors.random import Rng

_PREFIXES_AT_ONCE = 2**14
"""Prefixes processed together in a walk over the vocabulary."""

_SCORES_AT_ONCE = 2**23
"""Maximum size of an (N, V) tile of log-probabilities."""


class _State(NamedTuple):
    """The state of the LSTM after some letters: two (n, H)."""

    hidden: Tensor
    cell: Tensor

    def take(self, row: Tensor) -> _State:
        return _State(self.hidden.index_select(0, row), self.cell.index_select(0, row))


class _Prefixes(NamedTuple):
    """Prefixes of words, each for one example, as (n,) vectors."""

    example: Tensor
    node: Tensor
    log_prob: Tensor
    parent: Tensor  # row of the state before the prefix's last symbol


class CharLSTM(Constants, Output):
    """p(w | h) = Π_t p(symbol_t | symbols before it, h), including the end of the word (Jozefowicz et al. 2016).

    An LSTM over the bytes of the word, whose initial state is computed from h. Every string has a probability, so the
    sum over the V words is below 1: `log_prob` is comparable with that of other layers only with `renormalise`, which
    divides by the mass of the words. Training maximizes the likelihood of the strings in both cases, as in the paper.

    Args:
        hidden_size: D ≥ 1.
        words: distinct words, in id order.
        renormalise: in queries and in eval mode, divide by the probability that the string is one of the words, which
            requires a walk over all of them.
        state_size: H, the size of the LSTM's state; D if None.
        unknown: the word that is a single symbol instead of letters, if it is among the words.
        device: the device of the parameters.
        dtype: the dtype of the parameters.

    Raises:
        InputError: sizes below 1, or words that cannot be spelled.

    Shape:
        hidden (N, D), target (N,). Parameters do not depend on V.

    Cost:
        a step of the LSTM, 4·H² + 258·H multiply-adds, for each letter of each target, about ten steps in sequence.
        All words (`log_prob`, the mass, `sample`): a step for each prefix of the V words, about 4·V of them, for each
        example. `topk` without renormalise skips prefixes that cannot win.

    Example:
        >>> output = CharLSTM(8, ["to", "too", "a"], renormalise=True)
        >>> torch.allclose(output.log_prob(torch.zeros(1, 8)).exp().sum(), torch.tensor(1.0))
        True
    """

    def __init__(
        self,
        hidden_size: int,
        words: Iterable[str],
        *,
        renormalise: bool = False,
        state_size: int | None = None,
        unknown: str | None = "<unk>",
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        hidden_size = whole("hidden_size", hidden_size, 1, MOST_SIZE)
        H = hidden_size if state_size is None else whole("state_size", state_size, 1, MOST_SIZE)
        spelled = Spelled.of(words, unknown=unknown)
        trie = Trie.of(spelled)
        self.hidden_size = hidden_size
        self.vocab_size = len(spelled)
        self.normalised = renormalise
        self.unknown = unknown
        # Not in the state_dict: they follow from the vocabulary, from which the model is built.
        for name, array in (
            ("_symbol_bytes", spelled.symbols.view(np.uint8)),
            ("_offsets", spelled.offsets),
            ("_node_symbol_bytes", trie.symbol.view(np.uint8)),
            ("_first_child", trie.first_child),
            ("_node_word", trie.word_id),
        ):
            self.register_constant(name, torch.from_numpy(array), device=device)
        self.start = nn.Linear(hidden_size, 2 * H, device=device, dtype=dtype)
        # The product of the byte vectors and the matrix that maps them into the gates: one row per byte.
        self.symbol_gates = nn.Parameter(torch.empty(NUM_PREDICTED, 4 * H, device=device, dtype=dtype))
        self.state_gates = nn.Parameter(torch.empty(4 * H, H, device=device, dtype=dtype))
        self.next_symbol = nn.Linear(H, NUM_PREDICTED, device=device, dtype=dtype)
        self.reset_parameters()

    _symbol_bytes: Tensor
    _offsets: Tensor
    _node_symbol_bytes: Tensor
    _first_child: Tensor
    _node_word: Tensor

    @property
    def _symbols(self) -> Tensor:
        return self._symbol_bytes.view(torch.int16)

    @property
    def _node_symbol(self) -> Tensor:
        return self._node_symbol_bytes.view(torch.int16)

    def reset_parameters(self) -> None:
        """Draw parameters from ±1/√H, like `nn.LSTM`, but with open forget gates."""
        H = self.state_gates.shape[1]
        for parameter in (self.symbol_gates, self.state_gates):
            nn.init.uniform_(parameter, -1 / math.sqrt(H), 1 / math.sqrt(H))
        with torch.no_grad():
            self.symbol_gates[:, H : 2 * H] += 1

    def extra_repr(self) -> str:
        """Sizes and options."""
        return (
            f"{self.hidden_size}, {self.vocab_size}, state_size={self.state_gates.shape[1]}, "
            f"renormalise={self.normalised}"
        )

    def exact(self, hidden: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """Return (log p of the target's string, log mass of the words), or 0 in training or without renormalise."""
        of_string = self._string_log_prob(hidden, target)
        if self.training or not self.normalised:
            return of_string, torch.zeros_like(of_string)
        return of_string, self.log_mass(hidden)

    def log_prob(self, hidden: Tensor, target: Tensor | None = None) -> Tensor:
        """See `Output.log_prob`."""
        if target is not None:
            of_string = self._string_log_prob(hidden, target)
            return of_string - self.log_mass(hidden) if self.normalised else of_string
        of_word = self._word_log_prob(hidden)
        return of_word - of_word.logsumexp(dim=1, keepdim=True) if self.normalised else of_word

    def logits(self, hidden: Tensor) -> Tensor:
        """Return log p of every word's string, (N, V), not divided by the mass of the words; see `Output.logits`."""
        return self._word_log_prob(hidden)

    def exact_of(self, hidden: Tensor, word_ids: Tensor) -> tuple[Tensor, Tensor]:
        """See `Output.exact_of`."""
        each = hidden.repeat_interleave(word_ids.shape[1], dim=0)
        scores = self._string_log_prob(each, word_ids.reshape(-1)).view(word_ids.shape)
        if self.training or not self.normalised:
            return scores, scores.new_zeros(len(hidden))
        return scores, self.log_mass(hidden)

    def log_mass(self, hidden: Tensor) -> Tensor:
        """Return the log of the probability that the string is a word of the vocabulary: (N,), at most 0."""
        parts = [hidden.new_zeros(0, dtype=at_least_float32(hidden.dtype))]
        parts += [self._word_log_prob(hidden[examples]).logsumexp(dim=1) for examples in self._tiles(hidden)]
        return torch.cat(parts)

    @torch.no_grad()
    def topk(self, hidden: Tensor, k: int) -> tuple[Tensor, Tensor]:
        """See `Output.topk`."""
        dtype = at_least_float32(hidden.dtype)
        parts = [(hidden.new_zeros(0, k, dtype=dtype), hidden.new_zeros(0, k, dtype=torch.int64))]
        for examples in self._tiles(hidden):
            if self.normalised:  # the mass reads every word anyway
                log_prob, word_id = self.log_prob(hidden[examples]).topk(k, dim=1)
                parts.append((log_prob, word_id))
            else:
                parts.append(self._best(hidden[examples], k))
        return torch.cat([log_prob for log_prob, _ in parts]), torch.cat([word_id for _, word_id in parts])

    @torch.no_grad()
    def sample(self, hidden: Tensor, *, generator: Rng = None) -> Tensor:
        """Return one word of the vocabulary per example, (N,), drawn from p given that the string is a word."""
        words = [slice(0, self.vocab_size)]
        parts = [hidden.new_zeros(0, dtype=torch.int64)]
        for examples in self._tiles(hidden):
            parts.append(scan_sample(hidden[examples], words, lambda h, _: self._word_log_prob(h), generator))
        return torch.cat(parts)

    @torch.no_grad()
    def sample_strings(self, hidden: Tensor, *, max_length: int = 100, generator: Rng = None) -> list[str]:
        """Return one string per example, drawn from p over all strings, in the vocabulary or not.

        Args:
            hidden: (N, D).
            max_length: the maximum number of bytes.
            generator: the source of random numbers.

        Returns:
            N strings; invalid UTF-8 becomes U+FFFD, and the symbol of unknown words becomes their word.
        """
        state = self._start(hidden)
        running = torch.arange(len(hidden), device=hidden.device)
        spelled = [bytearray() for _ in range(len(hidden))]
        for _ in range(max_length):
            if len(running) == 0:
                break
            drawn = torch.multinomial(self._log_next(state).exp(), 1, generator=generator).squeeze(1)
            for example, symbol in zip(running.tolist(), drawn.tolist(), strict=True):
                if symbol < END:
                    spelled[example].append(symbol)
                elif symbol == UNKNOWN:
                    spelled[example] += (self.unknown or "").encode()
            (unfinished,) = (drawn != END).nonzero(as_tuple=True)
            running = running[unfinished]
            state = self._step(drawn[unfinished], state.take(unfinished))
        return [string.decode(errors="replace") for string in spelled]

    def _start(self, hidden: Tensor) -> _State:
        started = self.start(hidden).to(at_least_float32(hidden.dtype))
        first, cell = started.chunk(2, dim=1)
        return _State(torch.tanh(first) + undefined_rows(hidden).to(first.dtype)[:, None], cell)

    def _step(self, symbol: Tensor, state: _State) -> _State:
        gates = linear(state.hidden.to(self.state_gates.dtype), self.state_gates).to(state.cell.dtype)
        gates = gates + self.symbol_gates.index_select(0, symbol)
        enter, forget, candidate, leave = gates.chunk(4, dim=1)
        cell = torch.sigmoid(forget) * state.cell + torch.sigmoid(enter) * torch.tanh(candidate)
        return _State(torch.sigmoid(leave) * torch.tanh(cell), cell)

    def _log_next(self, state: _State) -> Tensor:
        scores = self.next_symbol(state.hidden.to(self.next_symbol.weight.dtype))
        log_next: Tensor = scores.to(state.cell.dtype).log_softmax(dim=1)
        return log_next

    def _string_log_prob(self, hidden: Tensor, target: Tensor) -> Tensor:
        """Return log p of the targets' strings, (N,). All examples advance by one letter per step."""
        begin = self._offsets[target] + 1
        length = self._offsets[target + 1] - begin
        order = torch.argsort(length, descending=True)
        begin, length = begin[order], length[order]
        longest = int(length[0]) if len(length) else 0
        # The number of words with a letter at each place; they are the first rows.
        going = (length[:, None] > torch.arange(longest, device=length.device)).sum(dim=0).tolist()
        state = self._start(hidden.index_select(0, order))
        states, symbols, rows = [state.hidden[:0]], [begin[:0]], [begin[:0]]
        for place, number in enumerate(going):
            symbol = self._symbols[begin[:number] + place].long()
            states.append(state.hidden[:number])
            symbols.append(symbol)
            rows.append(order[:number])
            if place + 1 < longest:
                following = going[place + 1]
                state = self._step(symbol[:following], _State(*(part[:following] for part in state)))
        together = _State(torch.cat(states), torch.cat(states))
        of_symbol = self._log_next(together).gather(1, torch.cat(symbols)[:, None]).squeeze(1)
        return of_symbol.new_zeros(len(target)).index_add(0, torch.cat(rows), of_symbol)

    def _word_log_prob(self, hidden: Tensor) -> Tensor:
        """Return log p of every word's string, (N, V)."""
        if len(hidden) == 0:
            return hidden.new_zeros(0, self.vocab_size, dtype=at_least_float32(hidden.dtype))
        found = list(self._walk(hidden, None))
        log_prob = torch.cat([part.log_prob for part in found])
        place = torch.cat([part.example for part in found]), self._node_word[torch.cat([part.node for part in found])]
        return log_prob.new_zeros(len(hidden), self.vocab_size).index_put(place, log_prob)

    def _best(self, hidden: Tensor, k: int) -> tuple[Tensor, Tensor]:
        """Return the k best words, by a walk that skips prefixes less likely than k words already found."""
        shape = (len(hidden), k)
        best = hidden.new_full(shape, -torch.inf, dtype=at_least_float32(hidden.dtype))
        word_id = torch.zeros(shape, dtype=torch.int64, device=hidden.device)
        for found in self._walk(hidden, best):
            examples, row = torch.unique(found.example, return_inverse=True)
            by_row = torch.argsort(row, stable=True)
            place = torch.arange(len(row), device=row.device) - torch.searchsorted(row[by_row], row[by_row])
            # The new words of each of these examples next to its best so far, as a matrix.
            most = int(place.max()) + 1
            log_prob = best.new_full((len(examples), most), -torch.inf)
            words = word_id.new_zeros(len(examples), most)
            log_prob[row[by_row], place] = found.log_prob[by_row]
            words[row[by_row], place] = self._node_word[found.node[by_row]]
            log_prob = torch.cat([best[examples], log_prob], dim=1)
            words = torch.cat([word_id[examples], words], dim=1)
            chosen = log_prob.topk(k, dim=1)
            best[examples] = chosen.values
            word_id[examples] = words.gather(1, chosen.indices)
        return best, word_id

    def _walk(self, hidden: Tensor, best: Tensor | None) -> Iterator[_Prefixes]:
        """Yield words with their log p in batches, depth first.

        With `best` (N, k), which the caller keeps up to date, the walk skips prefixes below its last column.
        """
        before = self._start(hidden)
        root = self._node_symbol.new_zeros(len(hidden), dtype=torch.int64)
        every = torch.arange(len(hidden), device=hidden.device)
        waiting = [(_Prefixes(every, root, before.hidden.new_zeros(len(hidden)), every), before)]
        while waiting:
            prefixes, before = waiting.pop()
            if best is not None:
                # Keeps NaN.
                prefixes = _rows(prefixes, ~(prefixes.log_prob < best[prefixes.example, -1]))
            state = before.take(prefixes.parent)
            if len(prefixes.node) and int(prefixes.node[0]) != 0:
                state = self._step(self._node_symbol[prefixes.node].long(), state)
            children = self._children(prefixes, self._log_next(state))
            whole = self._node_word[children.node] >= 0
            if bool(whole.any()):
                yield _rows(children, whole)
            inner = _rows(children, ~whole)
            if best is not None:  # likely ones first, so others can be skipped
                inner = _rows(inner, torch.argsort(inner.log_prob, descending=True))
            pieces = [_rows(inner, span) for span in spans(len(inner.node), _PREFIXES_AT_ONCE)]
            waiting.extend((piece, state) for piece in reversed(pieces))

    def _children(self, prefixes: _Prefixes, log_next: Tensor) -> _Prefixes:
        """Return all prefixes that are one symbol longer."""
        first = self._first_child[prefixes.node]
        number = self._first_child[prefixes.node + 1] - first
        total = int(number.sum())
        row = torch.repeat_interleave(torch.arange(len(number), device=number.device), number, output_size=total)
        before = number.cumsum(0) - number
        node = first[row] + torch.arange(total, device=row.device) - before[row]
        log_prob = prefixes.log_prob[row] + log_next[row, self._node_symbol[node].long()]
        return _Prefixes(prefixes.example[row], node, log_prob, row)

    def _tiles(self, hidden: Tensor) -> Iterator[slice]:
        return spans(len(hidden), max(1, _SCORES_AT_ONCE // self.vocab_size))


def _rows(prefixes: _Prefixes, index: Tensor | slice) -> _Prefixes:
    return _Prefixes(*(part[index] for part in prefixes))
