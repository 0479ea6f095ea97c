import matplotlib.pyplot as plt
from matplotlib.colors import to_rgb

from recbook.plotting import COLORS, draw_bipartite, set_style


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
    grey = {
        name: sum(w * c for w, c in zip((0.3, 0.59, 0.11), to_rgb(COLORS[name]), strict=True))
        for name in ("user", "item", "LightGCN", "Popularity")
    }
    assert abs(grey["user"] - grey["item"]) > 0.2
    assert abs(grey["LightGCN"] - grey["Popularity"]) > 0.1
