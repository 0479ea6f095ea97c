import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from experiments import __main__ as command
from experiments import common, scorers, single_changes, writing
from recbook import ledger
from recbook.data import Interactions, Split
from recbook.evaluation import evaluate
from recbook.graph import train_adjacency
from recbook.models import Popularity


def test_an_entry_comes_back(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, clusters: Split
) -> None:
    for module in (ledger, writing):
        monkeypatch.setattr(module, "FOLDER", tmp_path)
    writing.write_entry(
        "trial", "make trial", "clusters", clusters, [0, 1], {"a": [0.25, {"b": 3}]}, 61.7
    )
    entry = ledger.read_entry("trial")
    assert entry["results"] == {"a": [0.25, {"b": 3}]}
    assert (entry["command"], entry["seeds"]) == ("make trial", [0, 1])
    assert entry["seconds"] == 62 and len(entry["date"]) == len("2026-01-31")
    assert [path.name for path in tmp_path.iterdir()] == ["trial.json"]
    with pytest.raises(ValueError, match="got name='other', expected 'trial'"):
        ledger.read_entry("other")


def test_figures_are_all_numbers_but_those_of_curves() -> None:
    results = {"a": 1.5, "b": [2, {"by_epoch": [9.0], "c": 3}], "d": "text"}
    assert list(ledger.figures(results)) == [1.5, 2.0, 3.0]


def test_the_digest_is_of_the_data_that_the_ledger_names(original: Split, clusters: Split) -> None:
    digest = ledger.split_digest(original)
    assert digest == ledger.read_entry("baselines")["data"]["digest"]
    assert digest != ledger.split_digest(clusters)


def test_baselines_as_in_the_ledger(original: Split) -> None:
    stored = ledger.read_entry("baselines")["results"]["Popularity"]
    fresh = evaluate(Popularity().fit(original.train), original.train, original.test).as_dict()
    assert stored == pytest.approx(fresh, abs=1e-4)


def test_an_unknown_experiment_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["experiments", "orignal"])
    with pytest.raises(SystemExit):
        command.main()
    assert "got orignal, expected some of baselines, original" in capsys.readouterr().err


def test_a_second_run_is_compared_and_not_stored(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    clusters: Split,
) -> None:
    def trial(recall: float, low: float = 0.1) -> dict[str, Any]:
        return {
            "A": {"mean": {"recall": recall}, "sd": {"recall": 0.01}, "chosen": {"reg": recall}},
            "over splits": {"recall": {"mean": 0.2, "low": low, "high": 0.3, "by_split": [recall]}},
            "gain_in_percent": {"recall": 100 * recall},
        }

    monkeypatch.setattr(command, "user_cache_path", lambda _: tmp_path)
    for module in (ledger, writing):
        monkeypatch.setattr(module, "FOLDER", tmp_path)
    monkeypatch.setattr("sys.argv", ["experiments", "--check", "trial"])
    writing.write_entry("trial", "", "clusters", clusters, [0], trial(0.35), 1)
    before = (tmp_path / "trial.json").read_text()
    for recall, lines in ((0.345, 0), (0.37, 1)):
        command.EXPERIMENTS["trial"] = lambda _, recall=recall: trial(recall)
        with pytest.raises(SystemExit) as ended:
            command.main()
        assert ended.value.code == bool(lines)
        assert f"trial: {lines} means disagree" in capsys.readouterr().out
    del command.EXPERIMENTS["trial"]
    assert (tmp_path / "trial.json").read_text() == before
    assert next(writing.disagreements(trial(0.3), {"A": 1})).startswith(": has ['A', ")


def test_mean_and_spread() -> None:
    runs = [{"recall": 0.1}, {"recall": 0.3}]
    assert common.mean_sd(runs, ["recall"]) == {
        "mean": {"recall": 0.2},
        "sd": {"recall": 0.1414},
    }
    assert common.mean_sd(runs[:1], ["recall"])["sd"] == {"recall": 0}


def test_a_report_comes_back_from_json_and_users_are_averaged(clusters: Split) -> None:
    report = evaluate(Popularity().fit(clusters.train), clusters.train, clusters.test, k=5)
    packed = json.loads(json.dumps(common.pack(report)))
    back = common.unpack([packed])
    pd.testing.assert_frame_equal(back.per_user, report.per_user, check_dtype=False)
    packed["per_user"]["recall"] = [0.0] * len(report.per_user)
    halved = common.unpack([packed, common.pack(report)])
    assert halved.recall == pytest.approx(report.recall / 2) and halved.k == 5


def test_zero_is_no_mask_where_scores_are_negative() -> None:
    class Negative:
        def score(self, users: torch.Tensor) -> torch.Tensor:
            return torch.tensor([[-1.0, -2.0, -3.0]])

    seen, target = (Interactions.from_pairs([0], [item], 1, 3) for item in (2, 0))
    masked = scorers.SeenTimesZero(Negative(), seen)
    assert evaluate(masked, None, target, k=1).recall == 0  # the seen item's 0 is on top
    assert evaluate(Negative(), seen, target, k=1).recall == 1


def test_any_normalisation_around_the_symmetric_product(toy: Interactions) -> None:
    adj = train_adjacency(toy)
    plain = (adj.to_dense() > 0).float()
    degree = plain.sum(1)
    for receives, sends in single_changes.NORMALISATIONS.values():
        model = scorers.PowerNorm(toy, 3, 4, exponents=(receives, sends))
        weight = degree.pow(-receives)[:, None] * plain * degree.pow(-sends)
        x = total = model.embedding.weight
        for _ in range(3):
            x = weight @ x
            total = total + x
        torch.testing.assert_close(torch.cat(model(adj)), total / 4)


def test_a_blend_is_what_its_weight_says() -> None:
    class Fixed:
        def __init__(self, *scores: float) -> None:
            self.scores = torch.tensor([scores])

        def score(self, users: torch.Tensor) -> torch.Tensor:
            return self.scores

    one, two, other = Fixed(1.0, 2.0, 6.0), Fixed(5.0, 2.0, 2.0), Fixed(0.0, 30.0, 0.0)
    nobody = torch.tensor([0])
    order = scorers.Blend([one, two], other, 0.0).score(nobody).argsort(descending=True)
    assert order.tolist() == [[2, 0, 1]]  # means 3, 2, 4
    alone = scorers.Blend([one], other, 1.0).score(nobody)
    assert alone.argmax() == 1 and alone.mean().abs() < 1e-12 and alone.std() == pytest.approx(1)
