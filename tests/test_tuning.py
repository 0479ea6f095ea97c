from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from experiments.runs import Runs
from recbook import tuning
from recbook.data import Interactions, Split
from recbook.models import ItemKNN, LightGCN
from recbook.training import train
from recbook.tuning import (
    FAMILIES,
    Family,
    Range,
    closed_form,
    draw,
    grid,
    hide_test,
    trained,
    tune,
)
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


@pytest.mark.filterwarnings("ignore:for .* users a target item scores as the last listed")
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


def test_chosen_epochs_are_trained_where_there_is_a_validation_part(clusters: Split) -> None:
    family = Family(trained(LightGCN, batch_size=64, lr=0.05), [{"reg": 1e-3}])
    model, settings = family.fit(clusters, {"reg": 1e-3, "epochs": 3}, 1)
    assert settings == {"reg": 1e-3, "epochs": 3}
    expected = LightGCN(40, 40)
    train(expected, clusters, epochs=3, batch_size=64, lr=0.05, reg=1e-3, seed=1)
    assert torch.equal(model.final[0], expected.final[0])


def test_models_stop_by_the_list_that_decides(
    clusters: Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainings, measured, real = [], [], tuning.evaluate

    def watched(*args: Any, **given: Any) -> Any:
        trainings.append((given["k"], given["seed"]))
        return train(*args, **given)

    def measure(model: Any, seen: Interactions, target: Interactions, k: int) -> Any:
        measured.append(k)
        return real(model, seen, target, k)

    monkeypatch.setattr(tuning, "train", watched)
    monkeypatch.setattr(tuning, "evaluate", measure)
    family = Family(trained(LightGCN, patience=1), [{"lr": 0.05}])
    tune(family, clusters, k=7)
    tune(family, clusters)
    assert trainings == [(7, 0), (20, 0)] and measured == [7, 20]


def test_a_training_gets_the_settings_and_a_checkpoint_of_its_own(
    clusters: Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def watched(model: LightGCN, split: Split, **given: Any) -> Any:
        asked.append((model.embedding_dim, given))
        return SimpleNamespace(best_epoch=4)

    monkeypatch.setattr(tuning, "train", watched)
    settings = {"reg": 0.1, "embedding_dim": 4}
    given = {"loss": "softmax", "reg": 0.1, "seed": 3, "k": 20, "epochs": 150, "patience": 8}
    _, chosen = trained(LightGCN, loss="softmax")(clusters, settings, 3)
    assert chosen == settings | {"epochs": 4}
    trained(LightGCN, patience=2, folder=tmp_path, loss="softmax")(clusters, settings, 3)
    file = tmp_path / "reg 0.1, embedding_dim 4, seed 3.pt"
    assert asked == [(4, given), (4, given | {"patience": 2, "checkpoint": file})]


class Broken:
    def __init__(self, error: Exception | None = None) -> None:
        self.error = error

    def fit(self, train: Interactions) -> "Broken":
        if self.error is not None:
            raise self.error
        return self

    def score(self, users: torch.Tensor) -> torch.Tensor:
        return torch.rand(len(users), 40)


def test_a_fit_that_fails_says_which(clusters: Split) -> None:
    settings = [{}, {"error": RuntimeError("out of luck")}]
    with pytest.raises(RuntimeError, match="out of luck") as caught:
        tune(Family(closed_form(Broken), settings), clusters)
    assert caught.value.__notes__ == [f"while trying the settings {settings[1]}"]


@pytest.mark.parametrize("first", [True, False])
def test_a_recall_that_is_no_number_does_not_win(
    clusters: Split, monkeypatch: pytest.MonkeyPatch, first: bool
) -> None:
    recalls = iter([float("nan"), 0.1] if first else [0.1, float("nan")])
    monkeypatch.setattr(tuning, "evaluate", lambda *args: SimpleNamespace(recall=next(recalls)))
    with pytest.raises(FloatingPointError, match="recall is not a number"):
        tune(Family(closed_form(Broken), [{}, {}]), clusters)


def test_what_cannot_be_tuned(clusters: Split) -> None:
    family = Family(closed_form(ItemKNN), [{}])
    for given, error, message in (
        (("EASE", clusters), TypeError, "family='EASE', expected Family; take one of FAMILIES"),
        ((family, clusters.train), TypeError, "expected Split"),
        ((family, clusters, 41), ValueError, "k=41, expected 1 to 40"),
        ((family, clusters, 2.5), TypeError, r"k=2\.5"),
        ((replace(family, grid=[]), clusters), ValueError, "the family's grid is empty"),
    ):
        with pytest.raises(error, match=message) as caught:
            tune(*given)
        assert not hasattr(caught.value, "__notes__")  # no setting was tried
    for call in (closed_form, trained):
        with pytest.raises(TypeError, match="got model=3, expected Callable; that returns a model"):
            call(3)
    with pytest.raises(TypeError, match="got folder=3, expected the path"):
        trained(LightGCN, folder=3)


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


def test_tasks_of_several_processes_are_remembered_as_they_come(tmp_path: Path) -> None:
    path = tmp_path / "trial.jsonl"
    tasks = {str(number): partial(pow, number, 2) for number in range(6)}
    expected = {str(number): number**2 for number in range(6)}
    runs = Runs(path, quiet=True, jobs=2)
    assert runs("3", lambda: 9) == 9
    assert runs.all(tasks) == expected and list(runs.all(tasks)) == list(tasks)
    again = Runs(path, quiet=True)
    assert again.all(dict.fromkeys(tasks)) == expected  # nothing is left to call
    tasks["6"] = partial(divmod, 6, 0)
    for jobs in (1, 2):
        with pytest.raises(ZeroDivisionError):
            Runs(path, quiet=True, jobs=jobs).all(tasks | {"7": tasks["6"]})


def test_what_other_code_computed_is_not_used(tmp_path: Path) -> None:
    path = tmp_path / "trial.jsonl"
    path.write_text('another digest\n{"a": 1}\n')
    assert Runs(path, quiet=True)("a", lambda: 2) == 2


def test_settings_fill_their_ranges() -> None:
    space = {"reg": Range(0.01, 1), "neighbours": Range(1, 1000, whole=True), "nu": [0, 1]}
    drawn = draw(space, 12)
    assert drawn == draw(space, 12) != draw(space, 12, seed=1)
    for name, low, middle, high in (("reg", 0.01, 0.1, 1), ("neighbours", 1, 31.6, 1000)):
        values = [one[name] for one in drawn]
        assert low <= min(values) and max(values) <= high and len({*values}) > 10
        assert 5 <= sum(value < middle for value in values) <= 7
    assert 5 <= sum(one["nu"] for one in drawn) <= 7
    assert all(isinstance(one["neighbours"], int) for one in drawn)
    assert draw({}, 12) == [{}]
