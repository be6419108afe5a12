"""Indexes that look at few words: all of them with the greatest effort, as many as calibration says otherwise."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from vastmax import Head, objective, output, search
from vastmax.embedding import WordVectors
from vastmax.errors import InputError
from vastmax.extras import has
from vastmax.search.approximate import Approximate
from vastmax.search.balanced_means import balanced_clusters
from vastmax.search.calibration import interval, recall_of

V, D = 800, 16

Build = Callable[[Head], Approximate]


def head_of(seed: int = 0) -> Head:
    """Words in groups that point alike, as trained ones do."""
    torch.manual_seed(seed)
    head = Head(output.Dense(D, V), objective.CrossEntropy(), counts=np.arange(V, 0, -1)).eval()
    with torch.no_grad():
        middle = torch.randn(40, D)
        head.output.get_parameter("weight").copy_(middle[torch.randint(40, (V,))] + 0.4 * torch.randn(V, D))
    return head


def queries(n: int = 60, seed: int = 1) -> torch.Tensor:
    return torch.randn(n, D, generator=torch.Generator().manual_seed(seed))


needs_faiss = pytest.mark.skipif(not has("faiss"), reason="FAISS is not installed")
BUILDS: list[object] = [
    pytest.param(lambda head: search.Clustered(head), id="clustered"),
    pytest.param(lambda head: search.Hashing(head, tables=32, bits=6, window=4), id="winner-take-all"),
    pytest.param(lambda head: search.Hashing(head, hash="random-projection", bits=4), id="random-projection"),
    pytest.param(lambda head: search.Screened(head, queries(500, seed=5)), id="screened"),
    pytest.param(lambda head: search.Faiss(head, factory="IVF16,Flat"), id="faiss", marks=needs_faiss),
    pytest.param(lambda head: search.Hnsw(head), id="hnsw", marks=needs_faiss),
]


@pytest.mark.parametrize("build", BUILDS)
def test_calibration_finds_the_least_effort(build: Build) -> None:
    head = head_of()
    index = build(head)
    few = index.calibrate(queries(200), recall=0.5, k=5)
    many = index.calibrate(queries(200), recall=0.9, k=5)
    assert few.effort <= many.effort == index.effort
    assert many.reached
    assert many.low <= many.recall <= many.high
    assert many.recall > 0.8
    expected = head.topk(queries(seed=9), 5)[1]
    found = index.find(queries(seed=9), 5)
    assert recall_of(found.word_id, expected).mean() > 0.8
    with pytest.raises(InputError, match="3 queries are too few"):
        index.calibrate(queries(3))


@pytest.mark.parametrize("build", BUILDS)
def test_scores_are_exact_and_in_order(build: Build) -> None:
    head = head_of()
    found = build(head).find(queries(), 7)
    scores = queries() @ head.output.get_parameter("weight").T + head.output.get_parameter("bias")
    torch.testing.assert_close(found.score, scores.gather(1, found.word_id), rtol=1e-5, atol=1e-5)
    assert (found.score.diff(dim=1) <= 0).all()
    assert all(len(set(row)) == 7 for row in found.word_id.tolist())
    assert (found.num_scored <= V).all()


@pytest.mark.parametrize("build", BUILDS)
def test_a_file_serves_its_head_alone(tmp_path: Path, build: Build) -> None:
    head, path = head_of(), tmp_path / "index"
    index = build(head)
    index.save(path)
    loaded = search.load(path, head)
    assert type(loaded) is type(index)
    assert loaded.find(queries(), 5).word_id.equal(index.find(queries(), 5).word_id)
    with pytest.raises(InputError, match="built from other weights than these"):
        search.load(path, head_of(seed=1))
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(15):
        damaged = bytearray(whole)
        damaged[rng.integers(len(whole))] ^= 1 << rng.integers(8)
        path.write_bytes(bytes(damaged))
        with pytest.raises(InputError):
            search.load(path, head)


@pytest.mark.parametrize("build", BUILDS[:2])
def test_training_is_noticed(build: Build) -> None:
    head = head_of()
    index = build(head)
    with torch.no_grad():
        head.output.get_parameter("bias").add_(torch.randn(V))
    with pytest.raises(InputError, match="changed since the index was built"):
        head.topk(queries(), 5, search=index)
    index.refresh()
    head.topk(queries(), 5, search=index)


def test_all_clusters_are_all_words_and_certified() -> None:
    head = head_of()
    index = search.Clustered(head, effort=10_000)
    found = index.find(queries(), 9)
    assert found.word_id.equal(head.topk(queries(), 9)[1])
    assert found.certified.all()
    assert (found.num_scored == V).all()


def test_what_is_certified_is_right() -> None:
    """Some queries of few clusters are proved, and those that are have the best words; a false radius would tell."""
    head = head_of()
    expected = head.topk(queries(300), 3)[1]
    index = search.Clustered(head, effort=24)
    found = index.find(queries(300), 3)
    right = (found.word_id == expected).all(dim=1)
    assert 0 < int(found.certified.sum()) < 300
    assert right[found.certified].all()
    index.effort = 1
    index._radius.zero_()
    index._make_bounds()
    found = index.find(queries(300), 3)
    assert not (found.word_id == expected).all(dim=1)[found.certified].all()


def test_an_empty_cluster_bounds_nothing() -> None:
    """Words of one list are taken out of another, and leave it empty: a bound of NaN would certify nothing."""
    head = head_of()
    index = search.Clustered(head, effort=24)
    certified = index.find(queries(100), 3).certified
    unused = int((index._offsets[1:-1] - index._offsets[:-2]).argmin())
    words = index._words[index._offsets[unused] : index._offsets[unused + 1]].copy()
    index._radius[unused], index._most_bias[unused] = -torch.inf, -torch.inf
    index._make_bounds()
    assert len(words) < 30
    assert (index.find(queries(100), 3).certified >= certified).all()


def test_log_z_of_a_few_words_is_unbiased_and_its_interval_covers() -> None:
    head = head_of()
    index = search.Clustered(head, effort=4)
    hidden = 0.3 * queries(400)
    exact = head.output.exact(hidden, torch.zeros(400, dtype=torch.int64))[1].detach()
    torch.manual_seed(3)
    found, error = index.log_normaliser(hidden, best=100, samples=500)
    assert ((found - exact).abs() <= 1.96 * error + 1e-5).double().mean() > 0.9
    assert (found.exp() / exact.exp()).mean() == pytest.approx(1.0, abs=0.003)
    log_prob, word_ids = head.topk(hidden, 3, search=index)
    torch.testing.assert_close(log_prob, head.log_prob(hidden).detach().gather(1, word_ids), rtol=0, atol=0.2)


def test_word_vectors() -> None:
    rng = np.random.default_rng(0)
    vectors = WordVectors([f"w{i}" for i in range(V)], rng.standard_normal((V, D)).astype(np.float32))
    index = search.Clustered(vectors, effort=10_000)
    query = torch.from_numpy(vectors.unit_vectors(np.arange(4)))
    assert index.find(query, 1).word_id[:, 0].tolist() == [0, 1, 2, 3]


def test_clusters_are_of_like_size() -> None:
    rows = torch.randn(1000, 5, generator=torch.Generator().manual_seed(0))
    rows[:400] = rows[0]
    cluster = balanced_clusters(rows, 20)
    assert torch.bincount(cluster, minlength=20).max() <= 1.5 * 50 + 1
    alike = torch.bincount(cluster[:400]).nonzero()  # equal rows fill whole clusters: they are not spread anywhere
    assert len(alike) <= 400 / (1.5 * 50) + 10
    assert (cluster >= 0).all()
    assert torch.bincount(balanced_clusters(rows[:3], 3)).max() <= 2


def test_fewer_words_than_asked_for_are_made_up_by_a_scan() -> None:
    head = head_of()
    index = search.Screened(head, queries(3), clusters=1, k=2)
    found = index.find(queries(), 20)
    assert found.word_id.equal(head.topk(queries(), 20)[1])
    assert found.certified.all()


def test_intervals() -> None:
    low, high = interval(torch.ones(100))
    assert high == 1.0
    assert 0.95 < low < 1.0
    low, high = interval(torch.tensor([0.0, 1.0] * 50))
    assert low == pytest.approx(0.404, abs=0.01)
    assert high == pytest.approx(0.596, abs=0.01)


def test_what_is_refused() -> None:
    head = head_of()
    with pytest.raises(InputError, match="hash is 'lsh'"):
        search.Hashing(head, hash="lsh")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="window is 6 and bits 9"):
        search.Hashing(head, window=6)
    with pytest.raises(InputError, match="clusters"):
        search.Clustered(head, clusters=V + 1)
    with pytest.raises(InputError, match=r"hidden has shape \(5, 3\)"):
        search.Clustered(head).find(torch.randn(5, 3), 2)
    with pytest.raises(InputError, match=r"hidden has shape \(4, 3\)"):
        search.Screened(head, torch.randn(4, 3))
