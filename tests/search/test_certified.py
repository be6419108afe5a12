"""A certified index answers as the head does; it knows its head, and notices when that was trained."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from vastmax import Head, objective, output, proposal, search
from vastmax.embedding import WordVectors
from vastmax.errors import InputError

V, D = 700, 24


def head_of(seed: int = 0) -> Head:
    torch.manual_seed(seed)
    return Head(output.Dense(D, V), objective.CrossEntropy(), counts=np.arange(V, 0, -1)).eval()


def queries(n: int = 9) -> torch.Tensor:
    return 3 * torch.randn(n, D, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("bits", [4, 8])
def test_words_and_probabilities_are_those_of_the_head(bits: search.certified.Bits) -> None:
    head = head_of()
    index = search.Certified(head, bits=bits)
    for k in (1, 10, V):
        log_prob, word_ids = head.topk(queries(), k, search=index)
        expected, expected_ids = head.topk(queries(), k)
        assert word_ids.equal(expected_ids)
        torch.testing.assert_close(log_prob, expected, rtol=0, atol=1e-5)
    assert head.topk(queries().view(3, 3, D), 2, search=index)[1].shape == (3, 3, 2)
    assert head.topk(queries(0), 2, search=index)[1].shape == (0, 2)


def test_the_correction_of_negative_sampling_is_part_of_the_scores() -> None:
    torch.manual_seed(0)
    counts = np.arange(V, 0, -1) ** 2
    head = Head(output.Dense(D, V), objective.NegativeSampling(proposal.Unigram(counts, 0.75), 5)).eval()
    index = search.Certified(head)
    assert head.topk(queries(), 10, search=index)[1].equal(head.topk(queries(), 10)[1])


def test_log_z_is_within_its_error() -> None:
    head = head_of()
    found, error = search.Certified(head).log_normaliser(queries())
    expected = head.output.exact(queries(), torch.zeros(9, dtype=torch.int64))[1]
    torch.testing.assert_close(found, expected.detach(), rtol=0, atol=1e-5)
    assert (error < 1e-5).all()


def test_nan_stays_nan() -> None:
    head, broken = head_of(), queries()
    broken[2, 3] = torch.nan
    index = search.Certified(head)
    log_prob, word_ids = head.topk(broken, 3, search=index)
    assert log_prob[2].isnan().all()
    others = torch.arange(9) != 2
    assert word_ids[others].equal(head.topk(queries(), 3)[1][others])


def test_training_is_noticed_and_mended() -> None:
    head = head_of()
    index = search.Certified(head)
    with torch.no_grad():
        head.output.get_parameter("weight").add_(torch.randn(V, D))
    with pytest.raises(InputError, match=r"changed since the index was built .* call index.refresh\(head\)"):
        head.topk(queries(), 5, search=index)
    index.refresh(head)
    assert head.topk(queries(), 5, search=index)[1].equal(head.topk(queries(), 5)[1])


@pytest.mark.parametrize("bits", [4, 8])
def test_a_file_serves_its_head_alone(tmp_path: Path, bits: search.certified.Bits) -> None:
    head, path = head_of(), tmp_path / "index"
    search.Certified(head, bits=bits).save(path)
    loaded = search.load(path, head)
    assert isinstance(loaded, search.Certified)
    assert loaded.bits == bits
    assert head.topk(queries(), 5, search=loaded)[1].equal(head.topk(queries(), 5)[1])
    with pytest.raises(InputError, match="other weights than these: build it again"):
        search.load(path, head_of(seed=1))


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    head, path = head_of(), tmp_path / "index"
    search.Certified(head).save(path)
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(60):
        damaged = bytearray(whole)
        damaged[rng.integers(len(whole))] ^= 1 << rng.integers(8)
        path.write_bytes(bytes(damaged))
        with pytest.raises(InputError):
            search.load(path, head)
    for length in (0, 7, 100, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(InputError):
            search.load(path, head)


def test_what_no_index_is_made_of() -> None:
    counts = np.arange(50, 0, -1)
    with pytest.raises(InputError, match="Adaptive has no table with one vector per word"):
        search.Certified(Head(output.Adaptive(16, counts), objective.CrossEntropy()))
    with pytest.raises(InputError, match=r"float64 on cpu; an index needs float32"):
        search.Certified(Head(output.Dense(4, 9, dtype=torch.float64), objective.CrossEntropy()))
    with pytest.raises(InputError, match="bits is 5; expected 4 or 8"):
        search.Certified(head_of(), bits=5)  # type: ignore[arg-type]
    broken = head_of()
    with torch.no_grad():
        broken.output.get_parameter("bias")[3] = torch.inf
    with pytest.raises(InputError, match="bias of the layer holds a NaN or an infinity"):
        search.Certified(broken)
    other = Head(output.Dense(D, V + 1), objective.CrossEntropy()).eval()
    with pytest.raises(InputError, match=r"the index has 700 words × 24, the layer has 701 × 24"):
        other.topk(queries(), 3, search=search.Certified(head_of()))


def test_a_report_tells_what_it_costs() -> None:
    head = head_of()
    report = search.Certified(head).report(queries(), 5)
    assert report.queries == 9
    assert report.recall == report.certified_share == 1.0
    assert 0 < report.scored_share <= 1
    assert report.num_bytes < V * D * 4
    assert report.recall_first == 1.0
    assert report.milliseconds > 0
    with pytest.raises(InputError, match=r"hidden has shape \(0, 24\)"):
        search.Certified(head).report(queries(0), 5)


def test_a_tower_that_scales_its_hidden_vectors_is_searched_as_it_scores() -> None:
    vectors = torch.nn.Embedding(300, D)
    head = Head(output.Given(vectors, D, 300, temperature=0.05, cosine=True), objective.CrossEntropy()).eval()
    head.output.freeze()  # type: ignore[operator]
    log_prob, word_ids = head.topk(queries(), 4, search=search.Certified(head))
    expected, expected_ids = head.topk(queries(), 4)
    assert word_ids.equal(expected_ids)
    torch.testing.assert_close(log_prob, expected, rtol=0, atol=2e-5)


def test_word_vectors_are_searched_by_cosine() -> None:
    rng = np.random.default_rng(0)
    vectors = WordVectors([f"w{i}" for i in range(V)], rng.standard_normal((V, D)).astype(np.float32))
    query = vectors.unit_vectors(np.array([3]))
    found = search.Certified(vectors).find(torch.from_numpy(query), 6)
    expected = vectors.most_similar("w3", topn=5)
    index = search.Certified(vectors)
    assert vectors.most_similar("w3", topn=5, search=index) == [(word, pytest.approx(c)) for word, c in expected]
    assert len(vectors.most_similar("w3", "w5", topn=V, search=index)) == V - 2
    with pytest.raises(InputError, match="not built from these vectors"):
        WordVectors(["a"], np.ones((1, D))).most_similar("a", search=index)
    with pytest.raises(InputError, match="leave out restrict_vocab or search"):
        vectors.most_similar("w3", restrict_vocab=9, search=index)
    words = [vectors.index_to_key[i] for i in found.word_id[0].tolist()]
    assert words == ["w3", *(word for word, _ in expected)]


def test_a_flat_model_is_scanned() -> None:
    """Where every row stays in doubt (here all are equal) codes only cost: the index gives them up."""
    head = head_of()
    with torch.no_grad():
        head.output.get_parameter("weight").copy_(torch.ones(V, D))
        head.output.get_parameter("bias").zero_()
    index = search.Certified(head)
    for _ in range(2):
        assert index.find(queries(40), 5).word_id.equal(torch.arange(5).repeat(40, 1))
    assert index.scans == {False: True, True: False}
    for _ in range(2):
        head.topk(queries(5), 5, search=index)
    assert index.scans[True]
    peaked = search.Certified(head_of())
    peaked.find(queries(40), 5)
    assert not peaked.scans[False]


def test_scores_that_go_through_a_cap_are_refused() -> None:
    head = Head(output.Dense(D, V), objective.CrossEntropy(softcap=2.0)).eval()
    with pytest.raises(InputError, match="go through a cap or a temperature, which indexes do not support"):
        search.Certified(head)
    index = search.Certified(Head(head.output, objective.CrossEntropy()))
    with pytest.raises(InputError, match="these are capped"):
        head.topk(queries(), 3, search=index)


def test_bad_input_is_one_line_that_names_the_fix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    head, path = head_of(), tmp_path / "index"
    index = search.Certified(head)
    for k in (0, V + 1):
        with pytest.raises(InputError, match=rf"k is {k}; expected a whole number from 1 to 700"):
            index.find(queries(), k)
    with pytest.raises(InputError, match=r"hidden has shape \(9, 23\); expected \(N, 24\)"):
        index.find(queries()[:, 1:], 3)
    with pytest.raises(InputError, match=r"hidden has shape \(9, 23\); expected \(N, 24\)"):
        index.log_normaliser(queries()[:, 1:], samples=5)
    nothing, no_words = head.topk(queries(0), 3, search=index)
    assert nothing.shape == no_words.shape == (0, 3)
    with monkeypatch.context() as later:
        later.setattr("vastmax.search.index_file.FORMAT", "vastmax index 2")
        index.save(path)
    with pytest.raises(InputError, match=r"not an index of this version \('vastmax index 2', not 'vastmax index 1'\)"):
        search.load(path, head)
