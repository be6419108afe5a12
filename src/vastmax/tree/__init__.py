"""Trees over a vocabulary, for hierarchical softmax: one type, and one file for each way to build it.

A tree is a few numpy arrays, whatever its size. Nothing here needs torch.
"""

from vastmax.tree.balanced_tree import balanced
from vastmax.tree.binary_tree import binarised
from vastmax.tree.clustered_tree import clustered
from vastmax.tree.description import Description
from vastmax.tree.fitted_tree import fitted
from vastmax.tree.frequency_class_tree import frequency_classes
from vastmax.tree.huffman_tree import huffman
from vastmax.tree.joined_tree import joined
from vastmax.tree.kmeans_class_tree import kmeans_classes
from vastmax.tree.nested_tree import nested
from vastmax.tree.random_tree import random
from vastmax.tree.structure import Path, Paths
from vastmax.tree.tree import Tree
from vastmax.tree.wide_tree import in_classes, widened
from vastmax.tree.wordnet_tree import wordnet

__all__ = [
    "Description",
    "Path",
    "Paths",
    "Tree",
    "balanced",
    "binarised",
    "clustered",
    "fitted",
    "frequency_classes",
    "huffman",
    "in_classes",
    "joined",
    "kmeans_classes",
    "nested",
    "random",
    "widened",
    "wordnet",
]
