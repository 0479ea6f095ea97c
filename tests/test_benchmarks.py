"""The benchmarks' own parts, without a clock; the page is what the result files say."""

import io
import json
import runpy
import subprocess
from contextlib import redirect_stdout
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from nbformat import v4

from benchmarks import growth, moves, peers, reading, rows, serving
from recbook.answers import Answers
from recbook.data import Split
from recbook.graph import bipartite_edge_index
from recbook.models import EASE, NGCF
from tools import benchmarks_page

pytestmark = pytest.mark.no_cover

BOOK = Path(__file__).parents[1] / "book"


def test_a_generated_graph_has_power_law_degrees_and_no_double_edge() -> None:
    graph = growth.power_law_graph(50_000, seed=1)
    assert len(graph) == 50_000 and graph.num_users == graph.num_items == 2_000
    assert len(torch.unique(graph.user * graph.num_items + graph.item)) == 50_000
    for degree in (graph.user_degree, graph.item_degree):
        largest = degree.sort(descending=True).values[20:500].double()  # the head saturates
        rank = np.arange(21, 501)
        assert growth.exponent(rank, largest.numpy()) == pytest.approx(-0.7, abs=0.1)


def test_a_generated_log_comes_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "PIECE", 4_000)
    reading.write_pieces(tmp_path, 10_000)
    pieces = [pd.read_parquet(file) for file in sorted(tmp_path.iterdir())]
    assert [len(piece) for piece in pieces] == [4_000, 4_000, 2_000]
    log = pd.concat(pieces)
    assert log["user_id"].nunique() == 200 and log["item_id"].nunique() == 20
    assert not pieces[0][:2_000].equals(pieces[2])


def test_a_generated_graph_hangs_on_its_seed_alone() -> None:
    one, same, other = (growth.power_law_graph(1_000, seed) for seed in (3, 3, 4))
    assert torch.equal(one.user, same.user) and torch.equal(one.item, same.item)
    assert not torch.equal(one.user, other.user)


def test_the_exponent_is_the_slope_of_the_logarithms() -> None:
    edges = [1e5, 1e6, 1e7]
    assert growth.exponent(edges, [2e-6 * n**1.2 for n in edges]) == pytest.approx(1.2)
    assert growth.exponent(edges, [5.0] * 3) == pytest.approx(0)


def test_an_answer_is_compared_with_that_of_the_model_that_it_names(clusters: Split) -> None:
    ours = Answers(EASE().fit(clusters.train), clusters)
    asked = serving.questions(ours.users, ours.items, 4)
    found = []
    for late, (*_, (method, *given)) in enumerate(asked):
        rows = [dict(zip(("item", "score"), one, strict=False))
                for one in getattr(ours, method)(*given)]  # fmt: skip
        found.append((late / 1000, 1 + late, json.dumps({"model": "ours", "items": rows}).encode()))
    right = serving.summary(asked, found, {"ours": ours})
    assert right["wrong"] == right["errors"] == 0 and right["asked again"] == 6
    assert right["milliseconds"]["median"] == 1.5 and right["milliseconds"]["slowest"] == 3
    found[0] = *found[0][:2], json.dumps({"model": "ours", "items": []}).encode()
    found[1] = *found[1][:2], found[1][2].replace(b"ours", b"theirs")
    found[2] = *found[2][:2], b"{}"
    ill = serving.summary(asked, found, {"ours": ours})
    assert ill["wrong"] == 2 and ill["errors"] == 1 and ill["answers by model"] == [1, 2]


def test_the_service_kept_its_goal() -> None:
    stored = json.loads(Path(serving.__file__).with_suffix(".json").read_text())
    for run in stored["runs"].values():
        assert run["wrong"] == run["errors"] == 0
        if stored["machine"]["load"] < 0.5:  # idle
            assert stored["rate"] == 500 and run["milliseconds"]["p99"] < 50


def test_ratios_are_medians_over_rounds_and_skip_what_did_not_run() -> None:
    timed: dict[str, Any] = {
        "PyG LightGCN, edge list": {"epoch": {"all": [20.0, 40.0, 10.0]}},
        "recbook LightGCN": {"epoch": {"all": [1.0, 1.0, 1.0]}},
        "RecBole LightGCN": {"failed": "no such package"},
        "original LightGCN, messages": {"epoch": {"all": [10.0]}},
        peers.FIRST: {"epoch": {"all": [0.1]}, "fit": {"all": [1.0]}},
    }
    found = {one["slow"]: one["ratio"] for one in peers.ratios(timed, {"original": 44})}
    assert found == {"PyG LightGCN, edge list": 20, "original LightGCN, messages": 440}


def in_this_process(command: list[Any], **_: Any) -> SimpleNamespace:
    """What a worker prints, without importing everything once more."""
    told, script = io.StringIO(), Path(command[1])
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(told):
        patch.setattr("sys.argv", [str(script), *command[2:]])
        patch.syspath_prepend(script.parent)
        runpy.run_path(str(script), run_name="__main__")
    return SimpleNamespace(stdout=told.getvalue())


def test_a_worker_takes_a_job_and_its_scores_are_measured(
    clusters: Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = peers.Bench(clusters, tmp_path)
    row = rows.Row("recbook", "LightGCN by messages", steps=1)
    result, reports = bench.run(row, {"epochs": 3, "lr": 0.01, "reg": 1e-4}, keep=(1, 3))
    assert len(result["laps"]) == 3 and len(reports) == 2
    assert result["memory"] >= result["memory_before"] > 0 and "torch" in result["versions"]
    with pytest.raises(subprocess.CalledProcessError) as failed:
        bench.run(row, {"epochs": 1})
    assert peers.why(failed.value) == "KeyError: 'lr'"
    monkeypatch.setattr(subprocess, "run", in_this_process)
    settings = {"epochs": 1, "lr": 0.01, "reg": 1e-4}
    same = reports[0]  # after the first epoch
    told = [(result, reports), bench.run(row, settings, seed=1)]
    again, other = bench.run(row, settings)[1][0], told[1][1][0]
    assert same.per_user.equals(again.per_user) and not same.per_user.equals(other.per_user)
    measured = peers.Measured(rows.Row("recbook", "MF-BPR", ledger="search"), settings, None)
    monkeypatch.setattr(bench, "run", lambda row, settings, rank, seed: told[seed])
    for _ in range(2):  # each round has a seed of its own
        measured.round(bench)
    found = measured.summary()
    assert len(found["recalls"]) == 2 and found["recalls"][0] != found["recalls"][1]
    assert found["recall"] == pytest.approx(sum(found["recalls"]) / 2, abs=1e-4)


def test_maps_once_a_node_are_maps_once_an_edge(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(Path(peers.__file__).parent / "workers")
    worker = import_module("recbook_models")
    once, each = worker.factored(4, 5).eval(), NGCF(4, 5, bias=True).eval()
    for name, parameter in once.named_parameters():
        if "bias" in name:
            torch.nn.init.uniform_(parameter, -1, 1)
    each.load_state_dict(once.state_dict())
    graph = bipartite_edge_index(torch.tensor([0, 0, 1, 2, 3]), torch.tensor([0, 1, 1, 3, 4]), 4)
    torch.testing.assert_close(once(graph), each(graph), rtol=1e-4, atol=1e-4)


def test_moves_are_of_cells_that_may_differ_by_less_than_a_tenth() -> None:
    def chapter(texts: list[str]) -> v4.nbbase.NotebookNode:
        cells = [v4.new_markdown_cell("recall 0.5")]
        for number, (text, tag) in enumerate(zip(texts, tags, strict=True)):
            metadata = {"tags": tag, "tolerance_reason": "it is trained"}
            output = v4.new_output("stream", name="stdout", text=text)
            cells.append(
                v4.new_code_cell(metadata=metadata, outputs=[output], execution_count=number + 1)
            )
        return v4.new_notebook(cells=cells)

    tags = [["tolerance=0.02"], [], ["tolerance=5"], ["tolerance=0.01"]]
    old = chapter(["20 lists, recall 0.30, 0.315", "0.3", "51.5 films", "-0.004"])
    new = chapter(["21 lists, recall 0.31, 0.312", "0.4", "53.5 films", "0.001"])
    assert moves.moves(old, new) == pytest.approx({"1": 0.01, "4": 0.005})


def test_every_row_has_settings_that_were_chosen_on_validation() -> None:
    for name, row in rows.ROWS.items():
        assert bool(row.grid) != bool(row.ledger) and rows.settings_of(name), name
    assert set(json.loads(rows.CHOSEN.read_text())) <= set(rows.ROWS)


def test_the_page_is_what_the_result_files_say() -> None:
    script = runpy.run_path(str(BOOK.parent / "tools" / "benchmarks_page.py"))
    text = script["page"]()
    assert (BOOK / "benchmarks.md").read_text() == text, "call python -m tools.benchmarks_page"
    assert (BOOK / "benchmarks.png").stat().st_size < 150_000
    peer = json.loads(peers.RESULT.read_text())["rows"]["recbook LightGCN"]
    assert f"| {peer['recall']:.4f} ± " in text and "to the power of **" in text


def test_the_page_names_the_goals_that_were_missed_and_no_others() -> None:
    ratio = {"slow": "A", "fast": "B", "what": "epoch", "ratio": 2.8}
    peer = {
        "ratios": [ratio | {"goal": 3}, ratio | {"slow": "C", "goal": 2}, ratio | {"goal": None}]
    }
    both = benchmarks_page.missed(peer, {"exponent": 1.14})
    assert "A over B (2.8;" in both and "C" not in both and "(1.14;" in both
    assert benchmarks_page.missed({"ratios": []}, {"exponent": 1.1}) == "None is missed."


def test_rows_of_one_later_run_stand_in_one_sentence() -> None:
    def added(load: float) -> dict[str, Any]:
        return {"later": {"rounds": 5, "machine": {"threads": 2, "load": load}}}

    found = [*benchmarks_page.later({"A": added(0.7), "B": {}, "C": added(0.7), "D": added(3.0)})]
    assert [line.partition(":")[0] for line in found] == ["A and C", "D"]


def test_a_busy_machine_is_named_where_its_seconds_are_shown() -> None:
    log = benchmarks_page.result("reading")["machine"]
    assert ("busy with other work" in benchmarks_page.page()) == (log["load"] > log["cores"])
