"""The prefix tree of a vocabulary's spellings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vastmax.characters.spelled import Spelled


@dataclass(frozen=True)
class Trie:
    """Words that begin alike share the nodes of what they share. Node 0 is the empty prefix; a leaf is a whole word.

    Nodes are numbered level by level, the children of a node side by side, in the order of their symbols.

    Attributes:
        symbol: (nodes,) int16, what leads to the node from its parent; END leads to every leaf. That of node 0 means
            nothing.
        first_child: (nodes + 1,) int64; the children of a node are first_child[node] … first_child[node + 1] − 1.
        word_id: (nodes,) int64, the word at a leaf; −1 at inner nodes.
        depth: symbols of the longest word, END included.
    """

    symbol: NDArray[np.int16]
    first_child: NDArray[np.int64]
    word_id: NDArray[np.int64]
    depth: int

    def __len__(self) -> int:
        return self.symbol.size

    @classmethod
    def of(cls, spelled: Spelled) -> Trie:
        """Build it: O(total symbols · log V).

        Example:
            >>> trie = Trie.of(Spelled.of(["to", "too", "a"]))
            >>> len(trie), trie.depth  # the root; a, t; END, o; END, o; END
            (8, 4)
        """
        start = spelled.offsets[:-1] + 1  # past BEGIN
        length = spelled.offsets[1:] - start
        word_ids = np.arange(len(spelled))
        at_node = np.zeros(len(spelled), dtype=np.int64)  # the node, counted within its level, that each word is at
        symbols, children, leaves = [np.zeros(1, dtype=np.int16)], [], [np.full(1, -1)]
        level = 0
        while word_ids.size:
            symbol = spelled.symbols[start[word_ids] + level].astype(np.int64)
            # The bytes of a level in order, parents first: so children of one node are side by side.
            key, child = np.unique((at_node << 16) | symbol, return_inverse=True)
            children.append(np.bincount(key >> 16, minlength=leaves[-1].size))
            symbols.append((key & 0xFFFF).astype(np.int16))
            ended = length[word_ids] == level + 1
            words_here = np.full(key.size, -1)
            words_here[child[ended]] = word_ids[ended]
            leaves.append(words_here)
            word_ids, at_node = word_ids[~ended], child[~ended]
            level += 1
        children.append(np.zeros(leaves[-1].size, dtype=np.int64))
        num_children = np.concatenate(children)
        first_child = np.ones(num_children.size + 1, dtype=np.int64)
        first_child[1:] += np.cumsum(num_children)
        return cls(np.concatenate(symbols), first_child, np.concatenate(leaves), level)
