"""Chapter 14 runs on a reader's own log: another file, other names, by its one changed line."""

import csv
import re
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import nbformat
import pandas as pd
import pytest

from recbook.data import shop_log
from recbook.evaluation import RankingReport

pytestmark = pytest.mark.no_cover

CHAPTER = Path(__file__).resolve().parents[1] / "book" / "14_your_own.ipynb"
LINE = re.compile(r"^log_file, columns = shop_file, \{\}.*$", re.MULTILINE)
SERVICE = '"-m", "recbook", "serve"'  # tests/test_serve.py has it


def steps() -> list[str]:
    """The chapter's code, without its exercises and the service."""
    cells = nbformat.read(CHAPTER, as_version=4).cells
    code = [c.source for c in cells if c.cell_type == "code" and "exercise" not in c.metadata]
    return [source for source in code if SERVICE not in source]


def write_clicks(path: Path) -> None:
    """Semicolons, times in millionths of a second, decimal commas, and names that say nothing."""
    clicks = shop_log(seed=5, num_people=250, num_products=120).log
    seconds = (pd.to_datetime(clicks["timestamp"]) - pd.Timestamp(0, tz="UTC")).dt.total_seconds()
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerow(["moment", "Wer", "how", "what was read", "liked"])
        for row, time in zip(clicks.itertuples(), seconds, strict=True):
            who, what = f"Zoë {row.user_id}", f"“{row.item_id}”; 2nd ed."
            writer.writerow([int(1e6 * time), who, "read", what, "4,5"])
            if row.Index % 9 == 0:
                writer.writerow([int(1e6 * time), who, "given back", "a dull one", "4,5"])
                writer.writerow([int(1e6 * time), who, "read", "a bad one", "0,5"])


@pytest.mark.filterwarnings("ignore:for [0-9]+ of [0-9]+ users a target item scores")
def test_the_chapter_runs_on_a_log_of_ones_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_clicks(tmp_path / "clicks.csv")
    names: dict[str, Any] = {"user_id": "Wer", "item_id": "what was read", "timestamp": "moment"}
    names |= {"rating": "liked", "event": "how", "events": ["read"]}
    mine = f"log_file, columns = {str(tmp_path / 'clicks.csv')!r}, {names!r}"
    code = "\n\n".join(steps())
    assert len(LINE.findall(code)) == 1
    monkeypatch.setattr(plt, "show", plt.close)
    plt.switch_backend("agg")
    found: dict[str, Any] = {}
    exec(compile(LINE.sub(lambda _: mine, code), CHAPTER.stem, "exec"), found)
    assert not found["is_shop"] and "truth" not in found["reports"]
    bad = found["raw"]["rating"] == "0.5"
    assert 0 < bad.sum() < len(found["raw"]) / 9 + 1 and set(found["dora"]) > set("Zoë")
    assert found["clean"]["item_id"].str.endswith("2nd ed.").all()
    assert len(found["clean"]) == (~bad).sum()
    assert isinstance(found["reports"][found["best"]], RankingReport)
    assert found["first"].endswith("2nd ed.") and {*found["versions"]} > {"folded in"}
