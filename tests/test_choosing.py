"""Choosing a model for one's own log: by validation alone, measured once, fitted on everything."""

import pandas as pd
import pytest
import torch

from recbook import choosing
from recbook.choosing import choose
from recbook.data import clean_log, global_time_split, shop_log
from recbook.evaluation import evaluate
from recbook.models import Popularity
from recbook.tuning import FAMILIES


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    return clean_log(shop_log(0, 150, 80).log)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choosing, "CANDIDATES", ("Popularity", "ItemKNN", "EASE"))


def test_a_model_is_chosen_measured_and_fitted_on_everything(
    rows: pd.DataFrame, quick: None
) -> None:
    told: list[str] = []
    chosen = choose(rows, k=10, trials=2, tell=told.append)
    assert chosen.name == max(chosen.choices, key=lambda name: chosen.choices[name].recall)
    assert chosen.name != "Popularity" and list(chosen.choices) == ["Popularity", "ItemKNN", "EASE"]
    whole = global_time_split(rows, 0.1)
    expected = evaluate(Popularity().fit(whole.train), whole.train, whole.test, 10)
    assert chosen.measures.loc["Popularity", "recall"] == pytest.approx(expected.recall)
    settings = chosen.choices[chosen.name].settings
    best = FAMILIES[chosen.name].fit(whole, settings, 0)[0]
    report = evaluate(best, whole.train, whole.test, 10)
    assert chosen.measures.loc[chosen.name, "recall"] == pytest.approx(report.recall)
    assert chosen.gain.difference == pytest.approx(report.recall - expected.recall)
    assert len(chosen.split.train) == len(rows) and chosen.split.test is None
    score = chosen.model.score(torch.arange(3))
    again = FAMILIES[chosen.name].fit(chosen.split, settings, 0)[0]
    torch.testing.assert_close(score, again.score(torch.arange(3)))
    assert "split by time" in told[0] and "ItemKNN" in told[2]
    said = " ".join(chosen.expectations())
    assert f"a list of 10 by {chosen.name} holds {report.recall:.1%}" in said
    assert "Of what came later" in said and "interval" in said and "were new" in said
    assert "at random" not in said


def test_where_nothing_is_to_be_learned_popularity_is_kept(quick: None) -> None:
    """Everybody draws from the same few: what is popular is all that there is to know."""
    draws = torch.Generator().manual_seed(0)
    weight = 1 / torch.arange(1, 61.0)
    item = torch.multinomial(weight.expand(150, -1), 8, generator=draws)
    user = torch.arange(150).repeat_interleave(8)
    chosen = choose(pd.DataFrame({"user_id": user, "item_id": item.flatten()}), k=5, trials=2)
    said = " ".join(chosen.expectations())
    assert chosen.name == "Popularity" or chosen.gain.low <= 0 or "interval" in said
    assert ("better than popularity by more" in said) == (
        chosen.gain is None or chosen.gain.low <= 0 <= chosen.gain.high
    )
    assert chosen.measured.test is not None and len(chosen.measures) <= 2
    assert "hidden at random" in said and "Of what was hidden" in said


def test_ease_is_left_out_of_a_large_catalogue(
    rows: pd.DataFrame, quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choosing, "_LARGEST_SQUARE", 20)
    assert list(choose(rows, k=5, trials=1).choices) == ["Popularity", "ItemKNN"]
