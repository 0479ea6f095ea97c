"""ItemKNN, EASE, GF-CF: by hand, by brute force, and what they refuse."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from recbook import memory
from recbook.data import Interactions, Split
from recbook.evaluation import evaluate
from recbook.graph import smooth_start
from recbook.models import EASE, GFCF, ImplicitALS, ItemKNN, Popularity, PureSVD
from recbook.models.base import BaseRecommender

ALL = torch.arange(3)
CLOSED = [ItemKNN(), PureSVD(1), EASE(), GFCF(1), ImplicitALS(2)]


@pytest.fixture
def lonely() -> Interactions:
    """User 3 has nothing, item 4 nobody."""
    return Interactions.from_pairs([0, 0, 1, 1, 2, 2], [0, 1, 1, 2, 2, 3], 4, 5)


def dense(train: Interactions) -> np.ndarray:
    return train.dense_rows(torch.arange(train.num_users)).numpy().astype(float)


def test_item_knn_by_hand(toy: Interactions) -> None:
    # Ann has Alien (1 user) and Brazil (2); Casablanca (2) shares Bob with Brazil: 1/sqrt(2*2).
    score = ItemKNN().fit(toy).score(ALL)
    assert score[0].tolist() == pytest.approx([0.5**0.5, 0.5**0.5, 0.5, 0])


def test_item_knn_keeps_each_items_own_nearest(original: Split) -> None:
    x = dense(original.train)
    norm = np.sqrt(np.maximum(x.sum(0), 1))
    similarity = x.T @ x / norm[:, None] / norm
    np.fill_diagonal(similarity, 0)
    for item in (0, 100, 1000):  # the score of an item adds up the similarities that *it* kept
        row = np.sort(similarity[item])
        nearest = row[row > row[-5] * (1 - 1e-12)]  # and what is as similar as the fifth
        column = ItemKNN(5).fit(original.train).similarity[:, item].numpy()
        assert np.sort(column[column > 0]) == pytest.approx(nearest[nearest > 0])


def test_ease_is_a_ridge_regression_for_each_item(original: Split) -> None:
    x, reg = dense(original.train)[:, :40], 3.0
    user, item = np.nonzero(x)
    weight = EASE(reg).fit(Interactions.from_pairs(user, item, len(x), 40)).weight.numpy()
    for j in range(0, 40, 7):
        others = np.arange(40) != j
        gram = x[:, others].T @ x[:, others] + reg * np.eye(39)
        np.testing.assert_allclose(
            weight[others, j], np.linalg.solve(gram, x[:, others].T @ x[:, j]), atol=1e-9
        )
    assert (weight.diagonal() == 0).all()


def test_ials_ends_with_the_best_items_for_its_users(lonely: Interactions) -> None:
    model = ImplicitALS(factors=3, alpha=5, regularization=2).fit(lonely)
    users, ones = model.user_emb.double().numpy(), dense(lonely)
    for item in range(5):  # items are solved last
        weight = np.where(ones[:, item] > 0, 5.0, 1.0)
        gram = users.T @ (weight[:, None] * users) + 2 * np.eye(3)
        best = np.linalg.solve(gram, users.T @ (weight * ones[:, item]))
        np.testing.assert_allclose(model.item_emb[item], best, atol=1e-5)


def test_gf_cf_is_the_dense_formula(original: Split) -> None:
    train = original.train
    x = dense(train)
    in_root, out_root = np.sqrt(np.maximum(x.sum(0), 1e-30)), np.sqrt(x.sum(1))
    normalized = x / out_root[:, None] / in_root
    _, _, right = np.linalg.svd(normalized, full_matrices=False)
    low_pass = (right[:20].T / in_root[:, None]) @ (right[:20] * in_root)
    expected = x @ (normalized.T @ normalized + 0.7 * low_pass)
    score = GFCF(20, alpha=0.7).fit(train).score(torch.arange(50)).numpy()
    np.testing.assert_allclose(score, expected[:50], atol=1e-6)


@pytest.mark.parametrize("model", CLOSED, ids=lambda model: type(model).__name__)
def test_who_has_nothing_scores_nothing(model: BaseRecommender, lonely: Interactions) -> None:
    score = model.fit(lonely).score(torch.arange(4))  # type: ignore[attr-defined]
    assert score.shape == (4, 5) and score.isfinite().all()
    assert score[3].abs().max() < 1e-9  # no items: no reason for any score
    assert score[:, 4].abs().max() < 1e-9  # no users: nothing speaks for it
    assert model.recommend([3], k=2, exclude=lonely).tolist() == [[-1, -1]]


@pytest.mark.parametrize("model", [ItemKNN(), EASE(), GFCF()], ids=lambda m: type(m).__name__)
def test_before_fit(model: BaseRecommender) -> None:
    fresh = type(model)()
    with pytest.raises(RuntimeError, match="knows nothing yet: call fit"):
        fresh.score(torch.tensor([0]))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: EASE(0), "reg=0, expected a number above 0; .* singular"),
        (lambda: ItemKNN(0), "num_neighbors=0, expected 1"),
        (lambda: GFCF(0), "num_frequencies=0"),
        (lambda: GFCF(4, alpha=-1), "alpha=-1"),
    ],
)
def test_refused_settings(make: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()  # type: ignore[operator]


def test_the_smooth_start_is_the_best_low_rank_graph(original: Split) -> None:
    train = original.train
    x = dense(train)
    scale = np.sqrt(np.maximum(x.sum(1), 1))[:, None] * np.sqrt(np.maximum(x.sum(0), 1))
    left, size, right = np.linalg.svd(x / scale, full_matrices=False)
    start = smooth_start(train, 30, std=0.2)
    assert start.std().item() == pytest.approx(0.2, abs=1e-6)
    low_rank = (start[: len(x)] @ start[len(x) :].T).numpy()
    expected = (left[:, :30] * size[:30]) @ right[:30]
    ratio = low_rank.std() / expected.std()
    np.testing.assert_allclose(low_rank / ratio, expected, atol=1e-5)
    assert torch.equal(start, smooth_start(train, 30, std=0.2))


def test_more_frequencies_than_there_are(toy: Interactions) -> None:
    for model, name in ((GFCF(3), "num_frequencies"), (PureSVD(3), "embedding_dim")):
        with pytest.raises(ValueError, match=f"got {name}=3, expected 1 to 2; a matrix of 3 rows"):
            model.fit(toy)


def test_gf_cf_has_its_papers_settings() -> None:
    assert (GFCF().num_frequencies, GFCF().alpha) == (256, 0.3)


@pytest.mark.parametrize("model", [EASE(), ItemKNN()], ids=lambda model: type(model).__name__)
def test_a_matrix_of_many_items_is_refused_before_it_is_made(
    model: EASE | ItemKNN, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "free_bytes", lambda _: 2**40)  # a terabyte, which is not enough
    many = Interactions.from_pairs([0, 1], [0, 199_999])
    message = r"200,000 x 200,000 x 4 x 8 B = 1,192\.1 GiB: needed .*; leave out rare items"
    with pytest.raises(MemoryError, match=message):
        model.fit(many)


def test_all_are_far_above_popularity(original: Split) -> None:
    train, test = original.train, original.test
    popular = evaluate(Popularity().fit(train), train, test).recall
    for model, recall in ((ItemKNN(200), 0.32), (EASE(), 0.36), (GFCF(64), 0.34)):
        assert evaluate(model.fit(train), train, test).recall > recall > popular


def test_the_order_of_the_items_decides_no_neighbour(original: Split) -> None:
    """Of 1,546 items, hundreds have several as similar as the last that is kept."""
    train = original.train
    order = torch.randperm(train.num_items, generator=torch.Generator().manual_seed(0))
    renamed = replace(train, item=order[train.item])
    plain, other = (ItemKNN(100).fit(part).score(torch.arange(50)) for part in (train, renamed))
    torch.testing.assert_close(other[:, order], plain)


@pytest.mark.parametrize(
    "settings", [{}, {"factors": 3, "alpha": 0.5, "regularization": 0}], ids=str
)
def test_ials_is_the_librarys_with_fifteen_sweeps(original: Split, settings: dict) -> None:
    from implicit.als import AlternatingLeastSquares
    from scipy.sparse import csr_matrix
    from threadpoolctl import threadpool_limits

    model = ImplicitALS(**settings).fit(original.train)
    chosen = {"factors": 32, "alpha": 5, "regularization": 1} | settings
    theirs = AlternatingLeastSquares(**chosen, iterations=15, random_state=0)
    with threadpool_limits(1, "blas"):
        theirs.fit(csr_matrix(original.train.matrix), show_progress=False)
    users = torch.arange(20)
    expected = theirs.user_factors[:20] @ theirs.item_factors.T
    np.testing.assert_allclose(model.score(users).numpy(), expected, atol=1e-4)
    for wrong in ({"factors": 0}, {"alpha": 0}, {"regularization": -0.1}):
        with pytest.raises(ValueError, match=f"got {next(iter(wrong))}="):
            ImplicitALS(**wrong)


def test_ials_warns_of_no_threads_and_shows_no_bar(
    toy: Interactions, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from threadpoolctl import threadpool_limits

    monkeypatch.setattr("implicit.utils._checked_blas_config", False)  # it warns once
    with threadpool_limits(2, "blas"):
        ImplicitALS(2).fit(toy)
    assert capsys.readouterr().err == ""


def test_a_penalty_too_small_for_doubles() -> None:
    twins = Interactions.from_pairs([0, 0, 1, 1], [0, 1, 0, 1])
    with pytest.raises(ValueError, match=r"reg=1e-20, with which .* is singular.* e\.g\. 100"):
        EASE(reg=1e-20).fit(twins)
    crowd = Interactions.from_pairs([*range(100)] * 2, [0] * 100 + [1] * 100)
    with pytest.raises(ValueError, match=r"reg=1e-12, with which .* is singular"):
        EASE(reg=1e-12).fit(crowd)  # which would be enough for two users
    with pytest.raises(ValueError, match=r"'regularization': 1e\+38}.*no solution in floats"):
        ImplicitALS(2, regularization=1e38).fit(twins)
