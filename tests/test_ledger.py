from pathlib import Path

import pytest

from recbook import experiments, ledger
from recbook.data import Split
from recbook.evaluation import evaluate
from recbook.models import Popularity


def test_an_entry_comes_back(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, clusters: Split
) -> None:
    monkeypatch.setattr(ledger, "FOLDER", tmp_path)
    ledger.write_entry("trial", "make trial", clusters, [0, 1], {"a": [0.25, {"b": 3}]})
    entry = ledger.read_entry("trial")
    assert entry["results"] == {"a": [0.25, {"b": 3}]}
    assert (entry["command"], entry["seeds"]) == ("make trial", [0, 1])
    assert [path.name for path in tmp_path.iterdir()] == ["trial.json"]
    with pytest.raises(FileNotFoundError, match="no entry 'other', expected one of: trial"):
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
        experiments.main()
    assert "got orignal, expected some of baselines, original" in capsys.readouterr().err


def test_mean_and_spread() -> None:
    runs = [{"recall": 0.1}, {"recall": 0.3}]
    assert experiments.summary(runs) == {"mean": {"recall": 0.2}, "sd": {"recall": 0.1414}}
