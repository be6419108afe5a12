"""Keys, their vectors and other attributes, which can grow: the part of KeyedVectors without any search."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from typing import Any, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from vastmax.arguments import MOST_WORDS, whole
from vastmax.embedding.cosine import Floats, inverse_norms
from vastmax.errors import InputError
from vastmax.gensim.problems import UnknownKeyError
from vastmax.text.spelling import nearest_spellings

Key: TypeAlias = "str | int | np.integer[Any]"
KEYS = (str, int, np.integer)


class KeyTable:
    """Keys in rows of a matrix. Unlike those of `WordVectors`, rows may be added and replaced.

    Args:
        vector_size: numbers of a vector.
        count: rows to make room for, to be filled by `add_vector`.
        dtype: of the vectors.
        mapfile_path: not used, as in gensim.
    """

    def __init__(self, vector_size: int, count: int = 0, dtype: Any = np.float32, mapfile_path: object = None) -> None:
        self.vector_size = whole("vector_size", vector_size, 1, None)
        self.index_to_key: list[Any] = [None] * whole("count", count, 0, MOST_WORDS)
        self.key_to_index: dict[Any, int] = {}
        self.next_index = 0
        self.expandos: dict[str, NDArray[Any]] = {}
        self.mapfile_path = mapfile_path
        self.vectors = np.zeros((count, self.vector_size), dtype=dtype)

    @property
    def vectors(self) -> NDArray[Any]:
        """(V, D). Norms are computed again after another matrix is assigned, not after one changed in place."""
        return self._vectors

    @vectors.setter
    def vectors(self, matrix: NDArray[Any]) -> None:
        self._vectors = matrix
        self.norms: NDArray[Any] | None = None
        self._lockf: Floats | None = None

    @property
    def vectors_lockf(self) -> Floats:
        """(V,) the share of each step that training may move a vector by: 1 all of it, 0 none."""
        if self._lockf is None or len(self._lockf) != len(self.index_to_key):
            grown = np.ones(len(self.index_to_key), dtype=np.float32)
            if self._lockf is not None:
                grown[: len(self._lockf)] = self._lockf[: len(grown)]
            self._lockf = grown
        return self._lockf

    @vectors_lockf.setter
    def vectors_lockf(self, factor: Any) -> None:
        self._lockf = np.broadcast_to(np.asarray(factor, dtype=np.float32), (len(self.index_to_key),)).copy()

    def __len__(self) -> int:
        return len(self.index_to_key)

    def __str__(self) -> str:
        return f"{type(self).__name__}<vector_size={self.vector_size}, {len(self)} keys>"

    __repr__ = __str__

    def __contains__(self, key: object) -> bool:
        return self.has_index_for(key)

    # --- look-up ------------------------------------------------------------------------------------------------------

    def get_index(self, key: Any, default: int | None = None) -> int:
        """Return the row of a key; a whole number that is no key is a row itself.

        Raises:
            KeyError: there is none, and no default.
        """
        try:
            row = self.key_to_index.get(key, -1)
        except TypeError:
            row = -1
        if row >= 0:
            return row
        if isinstance(key, int | np.integer) and 0 <= key < len(self.index_to_key):
            return int(key)
        if default is not None:
            return default
        near = nearest_spellings(key, [each for each in self.index_to_key if isinstance(each, str)])
        hint = f"; nearest spellings: {', '.join(near)}" if isinstance(key, str) and near else ""
        raise UnknownKeyError(f"Key '{key}' not present{hint}")

    def has_index_for(self, key: object) -> bool:
        """Return whether a key, or a number as a row, has a vector."""
        return self.get_index(key, -1) >= 0

    def get_vector(self, key: Any, norm: bool = False) -> NDArray[Any]:
        """Return the vector of a key, (D,), read-only; with `norm` at length 1."""
        row = self.get_index(key)
        vector: NDArray[Any] = self._vectors[row]
        if norm:
            vector = vector / self._filled_norms()[row]
        vector.flags.writeable = False
        return vector

    def word_vec(self, word: Any, norm: bool = False) -> NDArray[Any]:
        """Return `get_vector`; the older name."""
        return self.get_vector(word, norm=norm)

    def __getitem__(self, keys: Any) -> NDArray[Any]:
        """Return the vector of a key, (D,), or those of several, (n, D)."""
        if isinstance(keys, KEYS):
            return self.get_vector(keys)
        return self._vectors[[self.get_index(key) for key in keys]]

    # --- norms --------------------------------------------------------------------------------------------------------

    def fill_norms(self, force: bool = False) -> None:
        """Compute the norms, (V,), if they are not there or with `force`."""
        if self.norms is None or force:
            self.norms = np.linalg.norm(self._vectors, axis=1)

    def _filled_norms(self) -> NDArray[Any]:
        self.fill_norms()
        assert self.norms is not None
        return self.norms

    def get_normed_vectors(self) -> NDArray[Any]:
        """Return all vectors at length 1, (V, D), a copy."""
        normed: NDArray[Any] = self._vectors / self._filled_norms()[:, None]
        return normed

    def unit_normalize_all(self) -> None:
        """Scale all vectors to length 1, for good; training cannot sensibly go on after that."""
        self.vectors = self.get_normed_vectors()

    def init_sims(self, replace: bool = False) -> None:
        """Compute the norms; with `replace` as `unit_normalize_all`. The older name."""
        self.fill_norms()
        if replace:
            self.unit_normalize_all()

    def _searchable(self, rows: slice) -> tuple[Floats, Floats]:
        """Return rows of the matrix as float32, and the inverses of their norms."""
        norms = self._filled_norms()[rows]
        return np.asarray(self._vectors[rows], dtype=np.float32), inverse_norms(norms.astype(np.float64))

    # --- attributes ---------------------------------------------------------------------------------------------------

    def allocate_vecattrs(self, attrs: Iterable[str] | None = None, types: Iterable[Any] | None = None) -> None:
        """Make room for attributes of these types in every row; without arguments, make those there as long as keys."""
        named = list(self.expandos) if attrs is None else list(attrs)
        kinds = [self.expandos[name].dtype for name in named] if types is None else list(types)
        for name, kind in zip(named, kinds, strict=True):
            dtype = np.dtype(np.int64 if kind is int else object if kind is str else kind)
            before = self.expandos.get(name)
            if before is None:
                self.expandos[name] = np.zeros(len(self), dtype=dtype)
                continue
            if not np.issubdtype(dtype, before.dtype):
                raise TypeError(f"attribute {name!r} holds {before.dtype}, so no {dtype} can be put there")
            if len(before) != len(self):
                grown = np.zeros(len(self), dtype=before.dtype)
                grown[: len(before)] = before[: len(grown)]
                self.expandos[name] = grown

    def set_vecattr(self, key: Any, attr: str, val: Any) -> None:
        """Set an attribute of a key; the first value decides the type of all."""
        self.allocate_vecattrs([attr], [type(val)])
        self.expandos[attr][self.get_index(key)] = val

    def get_vecattr(self, key: Any, attr: str) -> Any:
        """Return an attribute of a key, such as its "count"."""
        if attr not in self.expandos:
            raise UnknownKeyError(f"no attribute {attr!r}; there are {', '.join(map(repr, self.expandos)) or 'none'}")
        return self.expandos[attr][self.get_index(key)]

    # --- adding -------------------------------------------------------------------------------------------------------

    def add_vector(self, key: Any, vector: Any) -> int:
        """Put a vector into the next free row, or append it with a warning, since that copies; return its row."""
        row = self.next_index
        if row < len(self) and self.index_to_key[row] is None:
            self.index_to_key[row] = key
            self.key_to_index[key] = row
            self._vectors[row] = vector
        else:
            warnings.warn("adding vectors one by one copies all of them each time; use add_vectors", stacklevel=2)
            row = len(self)
            self.add_vectors([key], [vector])
            self.allocate_vecattrs()
        self.next_index = row + 1
        return row

    def add_vectors(
        self, keys: Any, weights: Any, extras: dict[str, NDArray[Any]] | None = None, replace: bool = False
    ) -> None:
        """Append keys with their vectors; with `replace`, those that are there get the new ones.

        Args:
            keys: a key or several.
            weights: (D,) for one key, (n, D) for several.
            extras: attributes by name, (n,) each.
            replace: whether keys that are there are replaced; else they stay as they are.
        """
        keys = [keys] if isinstance(keys, KEYS) else list(keys)
        matrix = np.asarray(weights).reshape(len(keys), -1) if len(keys) else np.zeros((0, self.vector_size))
        if matrix.shape[1] != self.vector_size:
            raise InputError(f"{len(keys)} vectors of {matrix.shape[1]} numbers; vectors here have {self.vector_size}")
        fresh = np.fromiter((key not in self.key_to_index for key in keys), dtype=bool, count=len(keys))
        for place in np.flatnonzero(fresh).tolist():
            if keys[place] in self.key_to_index:  # twice among the new ones: the first counts
                fresh[place] = False
                continue
            self.key_to_index[keys[place]] = len(self.index_to_key)
            self.index_to_key.append(keys[place])
        locks, rows = self._lockf, [self.key_to_index[key] for key in keys]
        self.vectors = np.vstack([self._vectors, matrix[fresh].astype(self._vectors.dtype)])
        self._lockf = locks
        written = np.ones(len(keys), dtype=bool) if replace else fresh
        if replace:
            self._vectors[rows] = matrix
        self.allocate_vecattrs()
        for name, values in (extras or {}).items():
            self.allocate_vecattrs([name], [np.asarray(values).dtype])
            self.expandos[name][np.array(rows)[written]] = np.asarray(values)[written]

    def __setitem__(self, keys: Any, weights: Any) -> None:
        """Add keys and their vectors, or replace those that are there."""
        self.add_vectors(keys if isinstance(keys, list) else [keys], weights, replace=True)

    def resize_vectors(self, seed: int = 0) -> None:
        """Give every key a vector: rows that are missing are drawn at random, as before training."""
        missing = len(self.index_to_key) - len(self._vectors)
        if missing:
            locks = self._lockf
            fresh = np.random.default_rng(seed).random((max(missing, 0), self.vector_size), dtype=np.float32) - 0.5
            kept = self._vectors[: len(self.index_to_key)]
            self.vectors = np.vstack([kept, (fresh / self.vector_size).astype(kept.dtype)])
            self._lockf = locks
        self.allocate_vecattrs()

    def sort_by_descending_frequency(self) -> None:
        """Order keys by their attribute "count", greatest first; of equal ones, the first stays first."""
        if not len(self):
            return
        order = np.argsort(-self.expandos["count"].astype(np.int64), kind="stable")
        self.index_to_key = [self.index_to_key[row] for row in order]
        self.key_to_index = {key: row for row, key in enumerate(self.index_to_key)}
        self.allocate_vecattrs()
        self.expandos = {name: values[order] for name, values in self.expandos.items()}
        if len(self._vectors):
            self.vectors = self._vectors[order]

    def vectors_for_all(self, keys: Iterable[Any], allow_inference: bool = True, copy_vecattrs: bool = False) -> Self:
        """Return the vectors of those of the keys that are known, each once, in their order.

        Args:
            keys: any.
            allow_inference: of no effect here, where only known keys have vectors.
            copy_vecattrs: whether attributes come along.
        """
        known = [key for key in dict.fromkeys(keys) if key in self]
        rows = [self.get_index(key) for key in known]
        chosen = type(self)(self.vector_size, dtype=self._vectors.dtype)
        extras = {name: values[rows] for name, values in self.expandos.items()} if copy_vecattrs else None
        chosen.add_vectors(known, self._vectors[rows], extras)
        if not copy_vecattrs:
            for name, values in self.expandos.items():
                chosen.allocate_vecattrs([name], [values.dtype])
        return chosen

    def _rows_of(self, keys: Sequence[Any]) -> list[int]:
        return [self.get_index(key) for key in keys]
