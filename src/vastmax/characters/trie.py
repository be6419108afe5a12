"""The prefix tree of a vocabulary's spellings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vastmax.characters.spelled import Spelled


@dataclass(frozen=True)
class Trie:
    """A prefix tree: words with a common prefix share its nodes. Node 0 is the empty prefix; a leaf is a complete word.

    Nodes are numbered level by level, with the children of a node adjacent, in the order of their symbols.

    Attributes:
        symbol: (nodes,) int16, the symbol on the edge from the parent; END leads to every leaf. The symbol of node 0 is
            meaningless.
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
        """Build the tree in O(total symbols · log V).

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
