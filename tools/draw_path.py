"""Draw the README's picture: `python -m tools.draw_path` writes book/path.png."""

from pathlib import Path

import matplotlib.pyplot as plt

from recbook.plotting import draw_bipartite, set_style

PICTURE = Path(__file__).parents[1] / "book" / "path.png"
EDGES = [(0, 0), (0, 1), (1, 1), (1, 2), (2, 2), (2, 3)]


def draw(path: Path) -> None:
    """Three friends, four films, and the path from Ann to Casablanca."""
    set_style()
    fig, ax = plt.subplots(figsize=(6, 3))
    users, items = ["Ann", "Bob", "Cem"], ["Alien", "Brazil", "Casablanca", "Dumbo"]
    draw_bipartite(EDGES, users, items, ax, highlight=EDGES[1:4])
    fig.savefig(path)
    plt.close(fig)


if __name__ == "__main__":
    draw(PICTURE)
