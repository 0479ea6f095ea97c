"""Exported vectors: an index of another program gives the lists of the model."""

from pathlib import Path

import faiss
import numpy as np
import pandas as pd
import pytest
import torch

from recbook.data import Interactions, Split, given_split, random_split, shop_log
from recbook.data import clean_log as clean
from recbook.folding import FoldIn, fold_in
from recbook.models import EASE, IALS, ItemKNN, LightGCN, MatrixFactorization, PureSVD
from recbook.training import train
from recbook.vectors import export_vectors, vectors_of


@pytest.fixture(scope="module")
def split() -> Split:
    return random_split(clean(shop_log(0, 80, 60).log))


def fitted(kind: str, split: Split) -> object:
    size = split.train.num_users, split.train.num_items
    if kind in ("LightGCN", "MatrixFactorization"):
        model = {"LightGCN": LightGCN, "MatrixFactorization": MatrixFactorization}[kind](*size, 8)
        train(model, split, "softmax" if kind == "LightGCN" else "bpr", epochs=2)
        return model
    return {"PureSVD": PureSVD, "IALS": IALS}[kind](8).fit(split.train)


@pytest.mark.parametrize("kind", ["LightGCN", "MatrixFactorization", "PureSVD", "IALS"])
def test_inner_products_are_the_scores(kind: str, split: Split, tmp_path: Path) -> None:
    model = fitted(kind, split)
    path = export_vectors(model, split, tmp_path / "vectors.npz")
    with np.load(path) as file:  # no pickle
        users, items = file["user_emb"], file["item_emb"]
        names = file["user_ids"].tolist(), file["item_ids"].tolist()
    assert names == (split.user_ids.tolist(), split.item_ids.tolist())
    assert users.dtype == items.dtype == np.float32
    assert users.flags.c_contiguous and items.flags.c_contiguous
    score = model.score(torch.arange(len(users)))
    torch.testing.assert_close(
        torch.from_numpy(users @ items.T), score.float(), rtol=1e-4, atol=1e-5
    )
    index = faiss.IndexFlatIP(items.shape[1])
    index.add(items)
    _, found = index.search(users[:5], 4)
    shown = split.recommend(model, names[0][:5], 4, again=True)
    lists = shown.groupby("user_id", sort=False)["item_id"].agg(list)
    assert [[names[1][n] for n in row] for row in found] == lists.tolist()


def test_a_newcomer_is_folded_into_the_same_index(split: Split) -> None:
    model = fitted("LightGCN", split)
    folding = FoldIn(model)
    newcomer = folding.vectors(torch.zeros(2, dtype=torch.long), torch.tensor([3, 5]))
    liked = Interactions.from_pairs([0, 0], [3, 5], 1, split.train.num_items)
    torch.testing.assert_close(newcomer @ vectors_of(model)[1].T, fold_in(model, liked))


def test_ids_that_are_numbers_stay_numbers(tmp_path: Path) -> None:
    split = given_split(pd.DataFrame({"user_id": [9, 7, 7], "item_id": [1, 1, 2]}))
    path = export_vectors(PureSVD(1).fit(split.train), split, tmp_path / "vectors.npz")
    assert np.load(path)["user_ids"].tolist() == [7, 9]


def test_what_has_no_vectors_is_refused(split: Split, tmp_path: Path) -> None:
    for model in (EASE(), ItemKNN()):
        with pytest.raises(TypeError, match=f"got {type(model).__name__}, .*PureSVD or IALS"):
            export_vectors(model.fit(split.train), split, tmp_path / "vectors.npz")
    model = PureSVD(2).fit(split.train)
    with pytest.raises(ValueError, match=r"ends in \.npz"):
        export_vectors(model, split, tmp_path / "vectors.parquet")
    with pytest.raises(ValueError, match="raw ids"):
        export_vectors(model, Split(split.train), tmp_path / "vectors.npz")
    with pytest.raises(RuntimeError, match="fit"):
        vectors_of(IALS())
    assert not [*tmp_path.iterdir()]
