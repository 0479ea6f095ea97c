"""The vectors of a model whose scores are inner products, for an index of another program."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from torch import Tensor

from recbook.checks import check_kind, check_path
from recbook.data import Split
from recbook.files import atomic_file
from recbook.models import IALS, BaseRecommender, EmbeddingModel, PureSVD

__all__ = ["export_vectors", "vectors_of"]


def vectors_of(model: BaseRecommender) -> tuple[Tensor, Tensor]:
    r"""The vectors of all users and all items, whose inner products are the scores.

    .. math:: \hat{y}_{ui} = e_u^\top e_i

    Args:
        model: PureSVD, iALS, or a model with embeddings, which is fitted or trained.

    Returns:
        Shapes ``(num_users, dim)`` and ``(num_items, dim)``.

    Raises:
        TypeError: on another model, which has none.
        RuntimeError: before the model is fitted or trained.

    >>> from recbook.data import Interactions
    >>> train = Interactions.from_pairs([0, 1], [0, 2])
    >>> [tuple(vectors.shape) for vectors in vectors_of(PureSVD(1).fit(train))]
    [(2, 1), (3, 1)]
    """
    check_kind("model", model, BaseRecommender, hint="see recbook.models")
    if not isinstance(model, EmbeddingModel | PureSVD | IALS):
        raise TypeError(
            f"model: got {type(model).__name__}, whose scores are no inner products of vectors, "
            "expected LightGCN, MatrixFactorization, NGCF, PureSVD or IALS; fit one of these"
        )
    model.positions([])  # raises where nothing is fitted
    return model.final if isinstance(model, EmbeddingModel) else (model.user_emb, model.item_emb)


def export_vectors(model: BaseRecommender, split: Split, path: str | Path) -> Path:
    """Write a model's vectors to a file of NumPy, as faiss, hnswlib and pgvector take them.

    ``np.load(path)`` has ``user_ids`` and ``item_ids``, text or whole numbers, and ``user_emb`` and
    ``item_emb``, a row each: ``float32``, one after the other in memory. Nearest is what has the
    largest inner product with a user's row (``faiss.IndexFlatIP``, ``hnswlib.Index("ip", dim)``,
    pgvector's ``<#>``), without what the user has. Of an item's row divided by its length, nearest
    by the cosine are similar items.

    Args:
        model: as for :func:`vectors_of`.
        split: what it was made on, with raw ids.
        path: of the file, which has the ending ``.npz``.

    Returns:
        The path.

    Raises:
        TypeError, RuntimeError: as :func:`vectors_of`.
        ValueError: on a split that the model was not made on, or without raw ids, and on a path
            with another ending.
    """
    vectors = vectors_of(model)
    check_kind("split", split, Split)
    split.check_made_here(model)
    path = check_path("path", path)
    if path.suffix != ".npz":
        raise ValueError(f"got path={str(path)!r}, expected one that ends in .npz")
    if split.user_ids is None or split.item_ids is None:
        raise ValueError("split: got positions and no raw ids, expected a split made from a table")
    ids = {"user_ids": split.user_ids, "item_ids": split.item_ids}
    arrays = {name: np.array(one.tolist()) for name, one in ids.items()}  # text, not objects
    for name, part in zip(("user_emb", "item_emb"), vectors, strict=True):
        arrays[name] = np.ascontiguousarray(part.detach().cpu().numpy(), dtype=np.float32)
    with atomic_file(path) as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]
    return path
