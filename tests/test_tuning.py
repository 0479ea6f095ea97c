from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from experiments.runs import Runs
from recbook.data import Interactions, Split
from recbook.models import ItemKNN, LightGCN
from recbook.tuning import FAMILIES, Family, closed_form, grid, hide_test, trained, tune
from tests.conftest import Sealed


def pairs(part: Interactions) -> set[tuple[int, int]]:
    return set(zip(part.user.tolist(), part.item.tolist(), strict=True))


@pytest.mark.parametrize("name", ["ItemKNN", "EASE", "LightGCN, softmax"])
def test_the_tuner_never_receives_the_test_interactions(
    name: str, clusters: Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every interaction that reaches a fit or a measurement is watched."""
    met: set[tuple[int, int]] = set()

    def fit(split: Split, settings: dict[str, Any], seed: int, k: int = 20) -> Any:
        for part in (split.train, split.val, split.test):
            assert part is not None
            met.update(pairs(part))
        return closed_form(ItemKNN)(split, {}, seed)

    def watched(model: Any, seen: Interactions, target: Interactions, k: int) -> Any:
        met.update(pairs(seen) | pairs(target))
        return real(model, seen, target, k)

    from recbook import tuning

    real = tuning.evaluate
    monkeypatch.setattr(tuning, "evaluate", watched)
    tune(replace(FAMILIES[name], fit=fit), clusters, k=5)
    assert clusters.val is not None
    assert met == pairs(clusters.train) | pairs(clusters.val)
    assert not met & pairs(clusters.test)


def test_a_test_part_that_cannot_be_read_changes_nothing(clusters: Split) -> None:
    family = Family(
        trained(LightGCN, patience=2, batch_size=64, num_negatives=1),
        grid(reg=[1e-3, 1e-1], lr=[0.05]),
    )
    poisoned = replace(clusters, test=Sealed(clusters.test))
    assert tune(family, poisoned, k=5) == tune(family, clusters, k=5)


def test_the_best_of_the_grid_is_chosen_and_the_first_of_equals(clusters: Split) -> None:
    family = Family(closed_form(ItemKNN), grid(num_neighbors=[1, 15, 40, 50]))
    choice = tune(family, clusters, k=5)
    assert choice.settings["num_neighbors"] in (15, 40)  # 50 is as good as all 40
    recalls = [tune(replace(family, grid=[point]), clusters, k=5).recall for point in family.grid]
    assert choice.recall == max(recalls) > recalls[0]


def test_epochs_are_chosen_and_then_kept(clusters: Split) -> None:
    family = Family(trained(LightGCN, patience=3, batch_size=64, lr=0.05), [{"reg": 1e-3}])
    choice = tune(family, clusters, k=5)
    assert choice.settings["epochs"] >= 1
    full = Split(clusters.train, clusters.test)
    _, settings = family.fit(full, choice.settings, 1)
    assert settings == choice.settings


@pytest.mark.parametrize("val", [None, "empty"])
def test_nothing_to_choose_on(val: str | None, clusters: Split) -> None:
    nobody = torch.zeros(0, dtype=torch.long)
    part = Interactions(nobody, nobody, 40, 40) if val else None
    with pytest.raises(ValueError, match="no validation part to choose on; split with val_size"):
        hide_test(Split(clusters.train, clusters.test, part))


def test_an_experiment_that_was_stopped_goes_on(tmp_path: Path) -> None:
    path, calls = tmp_path / "trial.jsonl", []

    def compute(value: float) -> float:
        calls.append(value)
        return value

    runs = Runs(path, quiet=True)
    assert [runs("a", lambda: compute(1.5)), runs("a", lambda: compute(1.5))] == [1.5, 1.5]
    with path.open("a") as file:
        file.write('{"b": 2.')  # stopped while it wrote
    again = Runs(path, quiet=True)
    assert [again("a", lambda: compute(1.5)), again("b", lambda: compute(2.5))] == [1.5, 2.5]
    assert Runs(path, quiet=True).done["b"] == 2.5
    assert calls == [1.5, 2.5]


def test_what_other_code_computed_is_not_used(tmp_path: Path) -> None:
    path = tmp_path / "trial.jsonl"
    path.write_text('another digest\n{"a": 1}\n')
    assert Runs(path, quiet=True)("a", lambda: 2) == 2
