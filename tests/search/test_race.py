"""A race of indexes measures what it says, for tables and for trees."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from vastmax import Head, objective, output, tree
from vastmax.compare.report.search_picture import draw_search_race
from vastmax.errors import InputError
from vastmax.extras import has
from vastmax.progress import Silent
from vastmax.search.race import EVERY_WORD, NO_INDEX, SearchRaceSettings, race_search
from vastmax.search.race_truth import Truth

V, D = 600, 16
SETTINGS = SearchRaceSettings(kinds=("certified", "clustered"), k=5, batches=(1, 8), rounds=2, recall=0.9)


def head_of() -> Head:
    torch.manual_seed(0)
    return Head(output.Dense(D, V), objective.CrossEntropy(), counts=np.arange(V, 0, -1)).eval()


def hidden(n: int = 240) -> torch.Tensor:
    return torch.randn(n, D, generator=torch.Generator().manual_seed(1))


def test_a_race_over_a_table(tmp_path: Path) -> None:
    torch.manual_seed(5)
    race = race_search(head_of(), hidden(), SETTINGS)
    by_kind = {each.kind: each for each in race.measured}
    assert list(by_kind) == [EVERY_WORD, NO_INDEX, "certified", "clustered"]
    assert race.queries == 60
    for kind in (EVERY_WORD, NO_INDEX, "certified"):
        assert by_kind[kind].recall == by_kind[kind].recall_first == 1.0
    certified, clustered = by_kind["certified"], by_kind["clustered"]
    assert certified.log_prob_error < 1e-3
    assert certified.sample_divergence < 12 * race.chance_divergence
    assert 0.8 < clustered.recall <= 1.0
    assert clustered.effort in {point.effort for point in clustered.curve}
    assert clustered.num_bytes > 0
    assert certified.curve == ()
    assert all(set(each.milliseconds) == {1, 8} and min(each.milliseconds.values()) > 0 for each in race.measured)
    assert race.to_json()["measured"][2]["kind"] == "certified"
    if has("matplotlib"):
        draw_search_race(race, tmp_path / "race.png")
        assert (tmp_path / "race.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(InputError, match=r"its name must end in .png, not in '.svg'"):
        draw_search_race(race, tmp_path / "race.svg")


@pytest.mark.parametrize(
    "layer",
    [
        lambda: output.Hierarchical(D, tree.huffman(range(V, 0, -1))),
        lambda: output.Adaptive(D, range(V, 0, -1), cutoffs=[50, 200]),
    ],
)
def test_a_race_over_a_tree_has_best_first(layer) -> None:  # type: ignore[no-untyped-def]
    race = race_search(Head(layer()).eval(), hidden(160), SearchRaceSettings(k=3, batches=(1,), rounds=1))
    assert [each.kind for each in race.measured] == [EVERY_WORD, NO_INDEX, "best-first"]
    assert race.measured[2].recall == 1.0


def test_draws_from_another_distribution_diverge() -> None:
    layer = head_of().output
    truth = Truth.of(layer, hidden(200), 3, Silent())
    torch.testing.assert_close(truth.cells.sum(1), torch.ones(200, dtype=torch.float64))
    assert truth.divergence(lambda h: torch.randint(V, (len(h),))) > 20 * truth.chance_divergence
    assert truth.divergence(lambda h: layer.sample(h)) < 4 * truth.chance_divergence


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (SearchRaceSettings(kinds=("best-first",)), "kinds holds 'best-first'; a Dense layer has certified, clustered"),
        (SearchRaceSettings(kinds=()), "kinds is ''; expected some of certified"),
        (SearchRaceSettings(k=V + 1), "k is 601"),
        (SearchRaceSettings(batches=()), "batches is empty"),
        (SearchRaceSettings(batches=(0,)), "batches is 0"),
        (SearchRaceSettings(recall=1.5), "recall is 1.5"),
    ],
)
def test_what_is_refused(settings: SearchRaceSettings, says: str) -> None:
    with pytest.raises(InputError, match=says):
        race_search(head_of(), hidden(), settings)
    with pytest.raises(InputError, match="159 queries are too few"):
        race_search(head_of(), hidden(159))
