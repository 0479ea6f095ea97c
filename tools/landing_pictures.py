"""Draw what the landing page shows, from the ledger and the toy graph, and the README's picture.

`python -m tools.landing_pictures` writes `book/pictures` and `book/path.png`. The page takes in the
text of each SVG, so that its words have the page's font, and its colour, light or dark.
"""

from pathlib import Path
from statistics import mean

import matplotlib.pyplot as plt
import torch

from recbook.graph import bipartite_edge_index, normalized_adjacency, propagate
from recbook.ledger import read_entry
from recbook.plotting import COLORS, draw_bipartite, set_style
from recbook.stats import t_interval

PICTURE = Path(__file__).parents[1] / "book" / "path.png"
FOLDER = PICTURE.with_name("pictures")
EDGES = [(0, 0), (0, 1), (1, 1), (1, 2), (2, 2), (2, 3)]
PATH = EDGES[1:4]
USERS, ITEMS = ["Ann", "Bob", "Cem"], ["Alien", "Brazil", "Casablanca", "Dumbo"]
USER_Y, ITEM_Y = [18, 63, 108], [18, 48, 78, 108]
TEST_SHARE = 0.2  # what each split of the ledger's search tests on
MODELS = {  # by the ledger's names: the reader's, the colour's, and whether it looks at the graph
    "LightGCN, softmax": ("LightGCN, softmax", "LightGCN", True),
    "iALS": ("iALS, least squares", "iALS", False),
    "MF, softmax": ("matrix factorisation, softmax", "MatrixFactorization", False),
    "EASE": ("EASE, a regression", "EASE", False),
    "LightGCN": ("LightGCN, BPR", "LightGCN", True),
    "MF-BPR": ("matrix factorisation, BPR", "MatrixFactorization", False),
    "PureSVD": ("PureSVD", "PureSVD", False),
    "NGCF": ("NGCF, BPR", "NGCF", True),
    "Popularity": ("the popular list", "Popularity", False),
}


def pictures() -> dict[str, str]:
    """The text of each SVG, by the name of its file."""
    likes = "; ".join(f"{USERS[user]} likes {ITEMS[item]}" for user, item in EDGES)
    drawn = {
        "recall": recall(),
        "likes": graph(f"Three friends, four films, a line for each like: {likes}"),
        "path": graph("The path from Ann over Brazil and Bob to Casablanca is drawn thick", PATH),
        "echo": echo(),
        "hits": hits(),
    }
    return {f"{name}.svg": text for name, text in drawn.items()}


def recall() -> str:
    """Each model's mean recall over the splits of its search, with the interval; the best first."""
    found = read_entry("search")["results"]["splits"]
    values = {name: [one["recall"] for one in found[name]["by_split"]] for name in MODELS}
    order = sorted(MODELS, key=lambda name: -mean(values[name]))
    said = "; ".join(f"{MODELS[name][0]} {mean(values[name]):.3f}" for name in order)
    bottom = 26 * len(order) + 10
    parts = [
        word(200, bottom + 28, "recall@20: the share of the hidden films that are found", "middle"),
        *(disc(82, bottom + 50, 5, COLORS["edge"]), word(92, bottom + 50, "uses the graph")),
        *(square(227, bottom + 50, 5, COLORS["edge"]), word(237, bottom + 50, "does not")),
    ]
    parts.append(line(15, bottom, 385, bottom, COLORS["edge"], 1))
    for tick in (0.2, 0.3, 0.4):
        parts.append(line(across(tick), bottom - 5, across(tick), bottom, COLORS["edge"], 1))
        parts.append(word(across(tick), bottom + 10, f"{tick:g}", "middle"))
    for y, name in zip(range(20, bottom, 26), order, strict=True):
        parts += row(y, name, values[name])
    return svg(400, bottom + 60, f"Recall at 20 of nine models, the best first: {said}", parts)


def row(y: int, name: str, values: list[float]) -> list[str]:
    """A model's interval and mean, and beside them its name, where there is room."""
    text, model, uses_graph = MODELS[name]
    color, middle = COLORS[model], across(mean(values))
    low, high = (across(end) for end in t_interval(values, test_share=TEST_SHARE))
    right = max(high, middle + 5) + 5
    named = word(low - 6, y, text, "end") if low > 200 else word(right + 42, y, text)
    mark = disc if uses_graph else square
    number = word(right, y, f"{mean(values):.3f}")
    return [line(low, y, high, y, color, 4), mark(middle, y, 5, color), number, named]


def across(recall: float) -> float:
    """Where a recall stands on the axis."""
    return 15 + (recall - 0.165) * 370 / 0.235


def echo() -> str:
    """The toy graph, and what comes to each film from Ann in three propagations."""
    user, item = torch.tensor(EDGES).T
    num_nodes = len(USERS) + len(ITEMS)
    adj = normalized_adjacency(bipartite_edge_index(user, item, len(USERS)), num_nodes)
    signal = torch.eye(num_nodes)[:, :1]
    for _ in range(3):
        signal = propagate(adj, signal)
    shares = signal[len(USERS) :, 0].tolist()
    said = ", ".join(f"{film} {share:.2f}" for film, share in zip(ITEMS, shares, strict=True))
    return graph(f"What each film hears of Ann in three steps: {said}", shares=shares)


def graph(
    says: str, highlight: list[tuple[int, int]] | None = None, shares: list[float] | None = None
) -> str:
    """Users as discs on the left, films as squares on the right, as large as their shares."""
    parts = []
    for user, item in EDGES:
        strong = highlight and (user, item) in highlight
        color, width = (COLORS["accent"], 4) if strong else (COLORS["edge"], 1.5)
        parts.append(line(44, USER_Y[user], 135, ITEM_Y[item], color, width))
    for y, name in zip(USER_Y, USERS, strict=True):
        parts += [disc(44, y, 9, COLORS["user"]), word(31, y, name, "end")]
    for y, name, share in zip(ITEM_Y, ITEMS, shares or [0.25] * len(ITEMS), strict=True):
        text = f"{name} {share:.2f}" if shares else name
        parts += [square(135, y, 16 * share**0.5, COLORS["item"]), word(151, y, text)]
    return svg(270, 126, says, parts)


def hits() -> str:
    """How many of twenty films are hits: of the popular list, and of LightGCN's."""
    found = read_entry("search")["results"]["splits"]
    parts, said = [], []
    for y, name in ((18, "Popularity"), (80, "LightGCN, softmax")):
        text, model, _ = MODELS[name]
        number = 20 * found[name]["mean"]["precision"]
        said.append(f"{text}: {number:.1f} hits in 20 films")
        parts.append(word(8, y, said[-1]))
        end = 8 + 13 * int(number) + 10 * (number % 1)
        parts.append(boxes(y + 23, 8 + 13 * 20, COLORS["edge"], 0.3))
        parts.append(boxes(y + 23, end, COLORS[model], 1))
    return svg(270, 126, f"On average, {'; '.join(said)}", parts)


def boxes(y: float, end: float, color: str, opacity: float) -> str:
    """A row of boxes, a film each: a line of dashes."""
    dashes = f'stroke-dasharray="10 3" opacity="{opacity:g}"'
    return line(8, y, end, y, color, 14).replace("/>", f" {dashes}/>")


def svg(width: int, height: int, says: str, parts: list[str]) -> str:
    """A picture, and what it says in words."""
    head = f'<svg class="picture" viewBox="0 0 {width} {height}" role="img" aria-label="{says}"'
    style = f'style="max-width: {1.25 * width:g}px" font-size="13" fill="none"'
    return "\n".join([f"{head} {style}>", *parts, "</svg>", ""])


def word(x: float, y: float, text: str, anchor: str = "start") -> str:
    """Text with its middle at this height."""
    return f'<text x="{x:.1f}" y="{y + 4.5:.1f}" text-anchor="{anchor}">{text}</text>'


def line(x1: float, y1: float, x2: float, y2: float, color: str, width: float) -> str:
    """A straight line."""
    ends = f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
    return f'<line {ends} stroke="{color}" stroke-width="{width:g}"/>'


def disc(x: float, y: float, radius: float, color: str) -> str:
    """What a user is drawn as, and a model that looks at the graph."""
    return (
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}" fill="{color}" stroke="currentColor"/>'
    )


def square(x: float, y: float, half: float, color: str) -> str:
    """What a film is drawn as, and a model that does not."""
    place = f'x="{x - half:.1f}" y="{y - half:.1f}" width="{2 * half:.1f}" height="{2 * half:.1f}"'
    return f'<rect {place} fill="{color}" stroke="currentColor"/>'


def draw(path: Path) -> None:
    """The README's picture: three friends, four films, and the path from Ann to Casablanca."""
    set_style()
    fig, ax = plt.subplots(figsize=(6, 3))
    draw_bipartite(EDGES, USERS, ITEMS, ax, highlight=PATH)
    fig.savefig(path)
    plt.close(fig)


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, text in pictures().items():
        (FOLDER / name).write_text(text)
    draw(PICTURE)
