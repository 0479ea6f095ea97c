import base64
from importlib.metadata import version
from itertools import combinations
from pathlib import Path

import matplotlib.pyplot as plt
import pytest
from matplotlib.colors import to_rgb

from recbook.plotting import COLORS, draw_bipartite, set_style
from tools import landing_pictures
from tools.notebook_check import (
    Rules,
    picture_differences,
    picture_reach,
    pinned_matplotlib,
)

MODELS = ["LightGCN", "NGCF", "MatrixFactorization", "Popularity", "Random"]
SIMPLE = ["ItemKNN", "PureSVD", "EASE", "GFCF", "iALS", "LightGCN", "Popularity"]


def grey(name: str) -> float:
    return sum(w * c for w, c in zip((0.3, 0.59, 0.11), to_rgb(COLORS[name]), strict=True))


def test_style_is_the_same_whatever_was_set_before() -> None:
    set_style()
    first = dict(plt.rcParams)
    plt.rcParams["font.size"] = plt.rcParams["axes.linewidth"] = 40
    set_style()
    assert dict(plt.rcParams) == first


def test_users_stand_left_of_items() -> None:
    set_style()
    fig, ax = plt.subplots()
    draw_bipartite([(0, 0), (1, 0)], ["Ann", "Bob"], ["Alien"], ax, highlight=[(0, 0)])
    users, items = (collection.get_offsets() for collection in ax.collections)
    assert set(users[:, 0]) == {0} and set(items[:, 0]) == {1}
    assert [text.get_text() for text in ax.texts] == ["Ann", "Bob", "Alien"]
    assert {line.get_color() for line in ax.lines} == {COLORS["edge"], COLORS["accent"]}
    plt.close(fig)


def test_users_and_items_differ_in_grey() -> None:
    assert abs(grey("user") - grey("item")) > 0.2


@pytest.mark.parametrize(("one", "other"), [*combinations(MODELS, 2), *combinations(SIMPLE, 2)])
def test_models_differ_in_grey(one: str, other: str) -> None:
    assert abs(grey(one) - grey(other)) > 0.05


def test_readme_picture_is_what_its_script_draws(tmp_path: Path) -> None:
    landing_pictures.draw(tmp_path / "path.png")
    drawn, kept = (
        base64.b64encode(path.read_bytes()).decode()
        for path in (tmp_path / "path.png", landing_pictures.PICTURE)
    )
    reach = picture_reach(version("matplotlib"), pinned_matplotlib())
    assert picture_differences(kept, drawn, Rules(reach=reach)) == []
