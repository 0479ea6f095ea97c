"""One style for every figure, one colour for every model."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
from matplotlib.axes import Axes

from recbook.checks import check_kind, check_positions

__all__ = ["COLORS", "MARKERS", "draw_bipartite", "set_style"]

#: Okabe and Ito's palette, told apart by colour-blind readers; the models differ in grey, too.
COLORS = {
    "LightGCN": "#0072B2",
    "NGCF": "#D55E00",
    "MatrixFactorization": "#009E73",
    "Popularity": "#8F8F8F",
    "Random": "#BBBBBB",
    "ItemKNN": "#9BD5F7",
    "UserKNN": "#86CFC0",
    "RP3beta": "#4A3016",
    "PureSVD": "#E69F00",
    "EASE": "#C0508F",
    "EDLAE": "#DD8FC0",
    "SLIM": "#6A51A3",
    "GFCF": "#262626",
    "iALS": "#882255",
    "user": "#0072B2",
    "item": "#E69F00",
    "edge": "#9A9A9A",
    "accent": "#D55E00",
}
#: What a user and an item are drawn as.
MARKERS = {"user": "o", "item": "s"}


def set_style() -> None:
    """Set matplotlib's defaults to the book's: text-sized fonts, no box, light grid."""
    plt.rcdefaults()
    plt.rcParams.update(
        {
            "figure.figsize": (7.0, 3.6),
            "figure.dpi": 100,
            "savefig.dpi": 100,
            "figure.constrained_layout.use": True,
            "font.size": 12,
            "axes.titlesize": 12,
            "axes.formatter.min_exponent": 6,  # 1000 on a logarithmic axis, not a small 3 above 10
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": True,
            "axes.axisbelow": True,
            "grid.color": "#E5E5E5",
            "lines.linewidth": 2.0,
            "legend.frameon": False,
        }
    )


def draw_bipartite(
    edges: Sequence[tuple[int, int]],
    users: Sequence[str],
    items: Sequence[str],
    ax: Axes,
    highlight: Sequence[tuple[int, int]] = (),
    edge_labels: dict[tuple[int, int], str] | None = None,
) -> None:
    """Draw a user-item graph: users as circles on the left, items as squares on the right.

    Args:
        edges: pairs (user position, item position).
        users: a name for each user, from top to bottom.
        items: a name for each item, from top to bottom.
        ax: where to draw.
        highlight: edges to draw thick and in the accent colour.
        edge_labels: a text for some edges, drawn a third of the way from the user.

    Raises:
        TypeError: on names that are no texts, or an ``ax`` that is none of matplotlib's.
        ValueError: on no user or no item, or an edge that is no pair of positions.
    """
    check_kind("ax", ax, Axes)
    check_kind("edge_labels", edge_labels, (dict, type(None)))
    check_kind("edges", edges, Sequence)
    check_kind("highlight", highlight, Sequence)
    for kind, names in (("users", users), ("items", items)):
        check_kind(kind, names, Sequence)
        if isinstance(names, str) or not all(isinstance(name, str) for name in names):
            raise TypeError(f"got {kind}={names!r}, expected a list of names")
        if not names:
            raise ValueError(f"got {kind}=[], expected at least one name")
    for edge in [*edges, *highlight, *(edge_labels or ())]:
        pair = check_positions("edges", edge)
        if len(pair) != 2 or pair[0] >= len(users) or pair[1] >= len(items):
            raise ValueError(
                f"got edge {edge}, expected a pair of positions, below {len(users)} and "
                f"{len(items)}"
            )
    height = max(len(users), len(items)) - 1

    def spread(number: int) -> list[float]:
        if number == 1:
            return [height / 2]
        return [height * (1 - n / (number - 1)) for n in range(number)]

    user_y, item_y = spread(len(users)), spread(len(items))
    for user, item in edges:
        strong = (user, item) in highlight
        color, width = (COLORS["accent"], 3.0) if strong else (COLORS["edge"], 1.2)
        ax.plot([0, 1], [user_y[user], item_y[item]], color=color, linewidth=width, zorder=1)
        if edge_labels and (user, item) in edge_labels:
            y = user_y[user] + 0.3 * (item_y[item] - user_y[user])
            box = {"facecolor": "white", "edgecolor": "none", "pad": 1.0}
            ax.text(0.3, y, edge_labels[user, item], ha="center", va="center", bbox=box, zorder=3)
    for kind, x, ys, names in (("user", 0, user_y, users), ("item", 1, item_y, items)):
        ax.scatter([x] * len(ys), ys, s=260, marker=MARKERS[kind], color=COLORS[kind], zorder=2)
        for y, name in zip(ys, names, strict=True):
            ax.text(x + (0.08 if x else -0.08), y, name, va="center", ha="left" if x else "right")
    ax.set(xlim=(-0.5, 1.5), ylim=(-0.4, height + 0.4))
    ax.axis("off")
