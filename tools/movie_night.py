"""Make the data of the page "Movie night": films, and what three models have learned of them.

`make render` calls `python -m tools.movie_night _build/html` when the site is there. One classic
script comes of it, since a page that is opened from disk may neither fetch nor load modules.
Numbers are rounded to 8 bits, each film's by a scale of its own. No user and no rating is in it;
with `PUBLIC=1` in the environment no title either.
"""

import base64
import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from recbook.data import Split, load_movielens_100k, random_split, to_implicit
from recbook.files import atomic_file
from recbook.friends import plain_title
from recbook.graph import propagate, train_adjacency
from recbook.models import EASE, LightGCN, PureSVD
from recbook.training import train

SCRIPT = Path("_static", "movie_night_data.js")
LARGEST = 400_000  # bytes, on a phone
EMBEDDING_DIM, NEIGHBOURS = 20, 20  # as many as fit
FILLER = 255  # a gap between neighbours that goes on with the next one


def book_split() -> tuple[Split, pd.DataFrame]:
    """The split of the book, and a table of its films, by their positions."""
    ml = load_movielens_100k()
    split = random_split(to_implicit(ml.ratings))
    return split, ml.items.set_index("item_id").loc[split.item_ids]


def fit(split: Split) -> dict[str, Any]:
    """The models of the page, ready to score."""
    net = LightGCN(split.train.num_users, split.train.num_items, EMBEDDING_DIM)
    train(net, split, loss="softmax")
    models = {"PureSVD": PureSVD(), "EASE": EASE()}
    return {name: model.fit(split.train) for name, model in models.items()} | {"LightGCN": net}


def item_layers(net: LightGCN) -> torch.Tensor:
    """Layers 0 to K of the films, shape ``(num_items, K + 1, embedding_dim)``."""
    adj, layers = train_adjacency(net.fitted_on), [net.embedding.weight.detach()]
    for _ in range(net.num_layers):
        layers.append(propagate(adj, layers[-1]))
    return torch.stack(layers, dim=1)[net.num_users :]


def strongest(weight: torch.Tensor) -> torch.Tensor:
    """EASE's weights without all but the highest positive ones of each column."""
    highest = weight.topk(NEIGHBOURS, dim=0)
    return torch.zeros_like(weight).scatter(0, highest.indices, highest.values.clamp(min=0))


def text(numbers: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(numbers).tobytes()).decode()


def rounded(values: np.ndarray) -> dict[str, Any]:
    """A row a film in signed bytes, of which 127 are the film's scale."""
    rows = values.reshape(len(values), -1)
    scale = np.maximum(np.abs(rows).max(axis=1), 1e-9).astype("<f4")
    steps = np.rint(rows / scale[:, None] * 127).astype(np.int8)
    return {"width": rows.shape[1], "scale": text(scale), "steps": text(steps)}


def neighbours(weight: np.ndarray, both: np.ndarray) -> dict[str, Any]:
    """Each film's neighbours: how far after the one before, the weight, how many like both."""
    scale = np.maximum(weight.max(axis=0), 1e-9).astype("<f4")
    ends, entries = [], []
    for film, column in enumerate(weight.T):
        last = 0
        for other in np.flatnonzero(column):
            while other - last >= FILLER:
                entries.append((FILLER, 0, 0))
                last += FILLER
            step = np.rint(column[other] / scale[film] * 255)
            entries.append((other - last, step, min(both[other, film], 255)))
            last = other
        ends.append(len(entries))
    gap, step, shared = np.array(entries, dtype=np.uint8).T
    parts = {"ends": np.array(ends, "<u2"), "gap": gap, "step": step, "shared": shared}
    return {"scale": text(scale)} | {name: text(part) for name, part in parts.items()}


def data(split: Split, films: pd.DataFrame, models: dict[str, Any], public: bool) -> dict[str, Any]:
    """All that the page knows; films are in order of their likes."""
    likes = split.train.item_degree.numpy()
    order = np.argsort(-likes, kind="stable")
    genres = films["genres"].str.get_dummies(" ").iloc[order]
    sets = genres.to_numpy() @ (1 << np.arange(genres.shape[1]))
    matrix = split.train.matrix
    both = (matrix.T @ matrix).toarray()[np.ix_(order, order)].astype(int)
    weight = strongest(models["EASE"].weight).numpy()[np.ix_(order, order)]
    years = pd.to_numeric(films["year"], errors="coerce").fillna(0).astype(int)
    return {
        "titles": None if public else films["title"].iloc[order].map(plain_title).tolist(),
        "years": years.iloc[order].tolist(),
        "genres": list(genres),
        "sets": sets.tolist(),
        "likes": likes[order].tolist(),
        "svd": rounded(models["PureSVD"].item_emb.numpy()[order]),
        "layers": rounded(item_layers(models["LightGCN"]).numpy()[order]),
        "numLayers": models["LightGCN"].num_layers,
        "ease": neighbours(weight, both),
    }


def write(site: Path, public: bool) -> Path:
    """Put the script into a rendered site."""
    split, films = book_split()
    known = json.dumps(data(split, films, fit(split), public), separators=(",", ":"))
    script = f"var movieNightData = {known};\n"
    if len(script) >= LARGEST:
        raise ValueError(f"the data has {len(script)} bytes, expected fewer than {LARGEST}")
    path = site / SCRIPT
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_file(path) as file:
        file.write(script.encode())
    return path


if __name__ == "__main__":
    made = write(Path(sys.argv[1]), os.environ.get("PUBLIC") == "1")
    print(f"Movie night has its films: {made}, {made.stat().st_size:,} bytes.")
