import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from experiments import __main__ as command
from experiments import single_changes, summaries, writing
from experiments.models import scorers
from experiments.plan import Plan
from experiments.runs import Runs
from recbook import ledger
from recbook.data import Interactions, Split
from recbook.evaluation import evaluate
from recbook.graph import train_adjacency
from recbook.models import Popularity


@pytest.fixture
def own_ledger(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder that stands in for the ledger's, and for the cache."""
    monkeypatch.setattr(command, "user_cache_path", lambda _: tmp_path)
    for module in (ledger, writing):
        monkeypatch.setattr(module, "FOLDER", tmp_path)
    return tmp_path


def test_an_entry_comes_back(own_ledger: Path, clusters: Split) -> None:
    writing.write_entry(
        "trial", "make trial", "clusters", clusters, [0, 1], {"a": [0.25, {"b": 3}]}, 61.7
    )
    entry = ledger.read_entry("trial")
    assert entry["results"] == {"a": [0.25, {"b": 3}]}
    assert (entry["command"], entry["seeds"]) == ("make trial", [0, 1])
    assert entry["seconds"] == 62 and len(entry["date"]) == len("2026-01-31")
    assert [path.name for path in own_ledger.iterdir()] == ["trial.json"]
    with pytest.raises(ValueError, match="got name='other', expected 'trial'"):
        ledger.read_entry("other")


def test_the_digest_is_of_the_data_that_the_ledger_names(original: Split, clusters: Split) -> None:
    digest = ledger.split_digest(original)
    assert digest == ledger.read_entry("baselines")["data"]["digest"]
    assert digest != ledger.split_digest(clusters)


def test_baselines_as_in_the_ledger(original: Split) -> None:
    stored = ledger.read_entry("baselines")["results"]["Popularity"]
    fresh = evaluate(Popularity().fit(original.train), original.train, original.test).as_dict()
    assert stored == pytest.approx(fresh, abs=1e-4)


def test_an_unknown_experiment_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        command.main(["orignal"])
    assert "got orignal, expected some of baselines, original" in capsys.readouterr().err


def test_processes_that_would_share_a_gpu_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        command.main(["gowalla", "--device", "cuda", "--jobs", "2"])
    assert "got --device cuda and --jobs 2, expected one of them" in capsys.readouterr().err


def test_a_device_is_refused_where_it_would_not_be_used(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit, match="2"):
        command.main(["gowalla", "search", "--device", "cuda"])
    assert "got --device cuda for search, expected it for gowalla alone" in capsys.readouterr().err


def trial(recall: float, low: float = 0.1) -> dict[str, Any]:
    return {
        "A": {"mean": {"recall": recall}, "sd": {"recall": 0.01}, "chosen": {"reg": recall}},
        "over splits": {"recall": {"mean": 0.2, "low": low, "high": 0.3, "by_split": [recall]}},
        "gain_in_percent": {"recall": 100 * recall},
        "counts": {"test": 7},
    }


def test_a_second_run_is_compared_and_not_stored(
    monkeypatch: pytest.MonkeyPatch,
    own_ledger: Path,
    capsys: pytest.CaptureFixture[str],
    clusters: Split,
) -> None:
    writing.write_entry("trial", "", "clusters", clusters, [0], trial(0.35), 1)
    before = (own_ledger / "trial.json").read_text()
    for recall, lines in ((0.345, 0), (0.37, 1)):
        again = trial(recall)
        monkeypatch.setitem(command.EXPERIMENTS, "trial", lambda runs, plan, again=again: again)
        with pytest.raises(SystemExit) as ended:
            command.main(["--check", "trial"])
        assert ended.value.code == bool(lines)
        assert f"trial: {lines} figures disagree" in capsys.readouterr().out
    assert (own_ledger / "trial.json").read_text() == before


def test_a_check_without_an_entry_fails_before_it_runs(
    monkeypatch: pytest.MonkeyPatch, own_ledger: Path
) -> None:
    ran: list[Plan] = []
    monkeypatch.setitem(command.EXPERIMENTS, "trial", lambda runs, plan: ran.append(plan))
    with pytest.raises(ValueError, match="got name='trial', expected"):
        command.main(["--check", "trial"])
    assert not ran and not list(own_ledger.iterdir())


def test_a_run_is_stored_with_what_made_it(
    monkeypatch: pytest.MonkeyPatch, own_ledger: Path, clusters: Split
) -> None:
    def run(runs: Runs, plan: Plan) -> dict[str, Any]:
        return {"A": {"recall": runs("A", lambda: 0.35)}}

    plan = Plan(seeds=[3, 4], load_gowalla=lambda: clusters)
    monkeypatch.setitem(command.EXPERIMENTS, "gowalla", run)
    with pytest.raises(SystemExit, match="False"):
        command.main(["gowalla"], plan)
    entry = ledger.read_entry("gowalla")
    assert entry["results"] == {"A": {"recall": 0.35}}
    assert entry["command"] == "python -m experiments gowalla" and entry["seeds"] == [3, 4]
    assert entry["data"]["digest"] == ledger.split_digest(clusters)
    assert list((own_ledger / "runs").iterdir()) == []  # nothing left to go on from


NAN = float("nan")


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (lambda r: r["A"]["mean"].update(recall=NAN), "A: mean: recall: nan is no finite number"),
        (lambda r: r["A"]["sd"].update(recall=NAN), "A: sd: recall: nan is no finite number"),
        (lambda r: r["A"]["mean"].update(recall=None), "A: mean: recall: None is no finite"),
        (lambda r: r["A"]["mean"].pop("recall"), "A: mean: recall: only in the ledger"),
        (lambda r: r["A"]["chosen"].pop("reg"), "A: chosen: reg: only in the ledger"),
        (lambda r: r.pop("A"), "A: chosen: reg: only in the ledger"),
        (lambda r: r.update(B={"recall": 0.1}), "B: recall: only in the new run"),
        (lambda r: r.update(A=3), "A: only in the new run"),
        (lambda r: r["over splits"]["recall"].update(mean=0.31), "over splits: recall: 0.2 and"),
        (lambda r: r["counts"].update(test=8), "counts: test: 7 and 8"),
    ],
)
def test_what_another_run_may_not_be(change: Callable[[Any], Any], line: str) -> None:
    fresh = trial(0.35)
    change(fresh)
    assert any(found.startswith(line) for found in writing.disagreements(trial(0.35), fresh))


def test_a_stored_nan_agrees_with_nothing() -> None:
    assert list(writing.disagreements(trial(NAN), trial(0.35)))
    spread = trial(0.35)
    spread["A"]["sd"]["recall"] = NAN
    assert list(writing.disagreements(spread, trial(0.35)))


def test_what_is_no_number_is_not_stored(own_ledger: Path, clusters: Split) -> None:
    with pytest.raises(ValueError, match="trial cannot be stored: A: mean: recall: nan is no"):
        writing.write_entry("trial", "", "clusters", clusters, [0], trial(NAN), 1)
    assert list(own_ledger.iterdir()) == []


def test_mean_and_spread() -> None:
    runs = [{"recall": 0.1}, {"recall": 0.3}]
    assert summaries.mean_sd(runs, ["recall"]) == {
        "mean": {"recall": 0.2},
        "sd": {"recall": 0.1414},
    }
    assert summaries.mean_sd(runs[:1], ["recall"])["sd"] == {"recall": 0}


def test_a_report_comes_back_from_json_and_users_are_averaged(clusters: Split) -> None:
    report = evaluate(Popularity().fit(clusters.train), clusters.train, clusters.test, k=5)
    packed = json.loads(json.dumps(summaries.report_to_json(report)))
    back = summaries.report_from_json(packed)
    pd.testing.assert_frame_equal(back.per_user, report.per_user, check_dtype=False)
    packed["per_user"]["recall"] = [0.0] * len(report.per_user)
    halved = summaries.mean_report([summaries.report_from_json(packed), report])
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
