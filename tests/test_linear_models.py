"""Neighbours and linear models: by hand, by brute force, and what they refuse."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from recbook import memory
from recbook.data import Interactions, Split
from recbook.evaluation import evaluate
from recbook.graph import smooth_start
from recbook.models import (
    EASE,
    EDLAE,
    GFCF,
    IALS,
    SLIM,
    ItemKNN,
    Popularity,
    PureSVD,
    RP3beta,
    UserKNN,
)
from recbook.models.base import BaseRecommender

ALL = torch.arange(3)
CLOSED = [
    ItemKNN(), UserKNN(), RP3beta(), PureSVD(1), EASE(), EDLAE(), SLIM(0.5, 1), GFCF(1), IALS(2)
]  # fmt: skip


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


def test_user_knn_by_hand(toy: Interactions) -> None:
    # Ann and Bob share one of two items each, 1/sqrt(2*2), for what Bob has; Ann and Cem none.
    score = UserKNN().fit(toy).score(ALL)
    assert score[0].tolist() == pytest.approx([0, 0.5, 0.5, 0])
    assert score[1].tolist() == pytest.approx([0.5, 0.5, 0.5, 0.5])


def test_rp3beta_by_hand(toy: Interactions) -> None:
    # From Ann by Brazil (1/2) and Bob (1/2) to Casablanca (1/2); that has two users.
    for beta in (0, 1, 2.0):
        score = RP3beta(beta).fit(toy).score(ALL)
        # To Alien by Brazil and Ann, to Brazil by Alien and Ann (who is Alien's one user).
        assert score[0].tolist() == pytest.approx([1 / 8, 1 / 4 / 2**beta, 1 / 8 / 2**beta, 0])
    first = RP3beta(1, num_neighbors=1).fit(toy).weight.toarray()
    assert first[1].tolist() == [1 / 4, 0, 0, 0]  # Casablanca has 1/8 from Brazil


def test_edlae_by_hand() -> None:
    # Two items share two users, and one of them has a third; half of them is dropped.
    train = Interactions.from_pairs([0, 0, 1, 1, 2], [0, 1, 0, 1, 1])
    expected = torch.tensor([[0, 2 / (2 + 1 + 2)], [2 / (3 + 1 + 3), 0]], dtype=torch.float64)
    torch.testing.assert_close(EDLAE(1, 0.5).fit(train).weight, expected)


def test_slim_by_hand(toy: Interactions) -> None:
    # Items of one common user: (1 - 1/2) / (users + 1); Brazil's two have no common user.
    weight = SLIM(0.5, 1).fit(toy).weight.toarray()
    expected = np.array([[0, 3, 0, 0], [2, 0, 2, 0], [0, 2, 0, 2], [0, 0, 3, 0]]) / 12
    np.testing.assert_allclose(weight, expected, atol=1e-12)
    assert SLIM(1, 1).fit(toy).weight.nnz == 0  # one user in common says nothing at l1 = 1


def test_user_knn_and_rp3beta_are_their_loops(lonely: Interactions) -> None:
    ones = dense(lonely)
    num_users, num_items = ones.shape
    item_of, users_of = ones.sum(1), ones.sum(0)
    cosine = np.zeros((num_users, num_items))
    walk = np.zeros((num_users, num_items))
    for u, i, v in np.ndindex(num_users, num_items, num_users):
        common = (ones[u] * ones[v]).sum()
        if v != u and ones[v, i] and common:
            cosine[u, i] += common / (item_of[u] * item_of[v]) ** 0.5
        for j in range(num_items):
            if j != i and ones[u, j] and ones[v, j] and ones[v, i]:
                walk[u, i] += 1 / item_of[u] / users_of[j] / item_of[v] / users_of[i] ** 0.3
    everybody = torch.arange(num_users)
    np.testing.assert_allclose(UserKNN(9).fit(lonely).score(everybody), cosine, atol=1e-12)
    np.testing.assert_allclose(RP3beta(0.3, 9).fit(lonely).score(everybody), walk, atol=1e-12)


@pytest.mark.parametrize(
    "model", [ItemKNN(5), UserKNN(5), RP3beta(0.5, 5)], ids=lambda m: type(m).__name__
)
def test_blocks_of_rows_change_nothing(
    model: ItemKNN, original: Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    some = torch.arange(20)
    expected = model.fit(original.train).score(some)
    monkeypatch.setattr("recbook.models.neighbourhood._BLOCK", 700)
    torch.testing.assert_close(model.fit(original.train).score(some), expected)


def test_edlae_is_the_mean_over_all_that_dropout_may_leave() -> None:
    ones, dropout, reg = np.array([[1, 1, 0], [1, 1, 1], [0, 1, 1.0]]), 0.3, 0.7
    user, item = np.nonzero(ones)
    gram, cross = reg * np.eye(3), np.zeros((3, 3))
    for kept in np.ndindex(*[2] * len(user)):  # all 128 masks, each with its probability
        share = np.prod(np.where(kept, 1 - dropout, dropout))
        left = np.zeros((3, 3))
        left[user, item] = np.array(kept) / (1 - dropout)
        gram += share * left.T @ left
        cross += share * left.T @ ones
    model = EDLAE(reg, dropout).fit(Interactions.from_pairs(user, item))
    for j in range(3):
        others = np.arange(3) != j
        best = np.linalg.solve(gram[np.ix_(others, others)], cross[others, j])
        np.testing.assert_allclose(model.weight[others, j], best, atol=1e-12)


def test_edlae_without_dropout_is_ease(original: Split) -> None:
    ease, edlae = EASE(200).fit(original.train), EDLAE(200, 0).fit(original.train)
    assert torch.equal(ease.weight, edlae.weight)


@pytest.mark.parametrize(("l1", "l2"), [(0.1, 0.5), (0.5, 2), (3, 20)])
@pytest.mark.parametrize("block", [7, 64])
def test_slim_is_an_elastic_net_for_each_item(
    l1: float, l2: float, block: int, original: Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sklearn.linear_model import ElasticNet

    monkeypatch.setattr("recbook.models.slim._BLOCK", block)
    ones = dense(original.train)[:, :40]
    user, item = np.nonzero(ones)
    weight = SLIM(l1, l2).fit(Interactions.from_pairs(user, item, len(ones), 40)).weight.toarray()
    settings = {"alpha": (l1 + l2) / len(ones), "l1_ratio": l1 / (l1 + l2), "tol": 1e-10}
    net = ElasticNet(**settings, positive=True, fit_intercept=False, max_iter=10**5)
    for j in range(0, 40, 7):
        others = np.arange(40) != j
        net.fit(ones[:, others], ones[:, j])
        np.testing.assert_allclose(weight[others, j], net.coef_, atol=1e-6)
    assert (weight >= 0).all() and (weight.diagonal() == 0).all()


def test_slim_meets_the_conditions_of_an_optimum(original: Split) -> None:
    ones, l1, l2 = dense(original.train)[:, :400], 4.0, 50.0
    user, item = np.nonzero(ones)
    weight = SLIM(l1, l2).fit(Interactions.from_pairs(user, item, 943, 400)).weight.toarray()
    slope = ones.T @ (ones @ weight - ones) + l2 * weight + l1
    np.fill_diagonal(slope, 0)
    assert np.abs(slope[weight > 0]).max() < 1e-4 and slope.min() > -1e-4
    assert 0.001 < (weight > 0).mean() < 0.2  # few others


def test_twins_share_a_weight() -> None:
    user, item = np.nonzero(np.array([[1, 1, 1], [1, 1, 1], [1, 0, 0], [0, 1, 1]]))
    weight = SLIM(0.5, 1e-3).fit(Interactions.from_pairs(user, item)).weight.toarray()
    assert weight[1, 0] == pytest.approx(weight[2, 0], abs=1e-5) and weight[1, 0] > 0
    with pytest.raises(ValueError, match=r"got l2=1e-09, with which .* is singular .* or more"):
        SLIM(0.5, 1e-9).fit(Interactions.from_pairs(user, item))


def test_item_knn_keeps_each_items_own_nearest(original: Split) -> None:
    x = dense(original.train)
    norm = np.sqrt(np.maximum(x.sum(0), 1))
    similarity = x.T @ x / norm[:, None] / norm
    np.fill_diagonal(similarity, 0)
    for item in (0, 100, 1000):  # the score of an item adds up the similarities that *it* kept
        row = np.sort(similarity[item])
        nearest = row[row > row[-5] * (1 - 1e-12)]  # and what is as similar as the fifth
        column = ItemKNN(5).fit(original.train).similarity[:, [item]].toarray()
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


@pytest.mark.parametrize("model", CLOSED, ids=lambda m: type(m).__name__)
def test_before_fit(model: BaseRecommender) -> None:
    fresh = type(model)()
    with pytest.raises(RuntimeError, match="knows nothing yet: call fit"):
        fresh.score(torch.tensor([0]))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: EASE(0), "reg=0, expected a number above 0; .* singular"),
        (lambda: ItemKNN(0), "num_neighbors=0, expected 1"),
        (lambda: UserKNN(0), "num_neighbors=0, expected 1"),
        (lambda: RP3beta(-0.1), "beta=-0.1, expected a number of at least 0"),
        (lambda: RP3beta(num_neighbors=0), "num_neighbors=0, expected 1"),
        (lambda: EDLAE(0), "reg=0, expected a number above 0; an item without users"),
        (lambda: EDLAE(1, 1), "dropout=1, expected a share from 0 to below 1"),
        (lambda: SLIM(-1), "l1=-1, expected a number of at least 0"),
        (lambda: SLIM(l2=0), "l2=0, expected a number above 0; items with the same users"),
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


@pytest.mark.parametrize("model", [EASE(), EDLAE(), SLIM()], ids=lambda m: type(m).__name__)
def test_a_matrix_of_many_items_is_refused_before_it_is_made(
    model: EASE | EDLAE | SLIM, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "free_bytes", lambda _: 2**40)  # a terabyte, which is not enough
    many = Interactions.from_pairs([0, 1], [0, 199_999])
    message = r"200,000 x 200,000 x 4 x 8 B = 1,192\.1 GiB: needed .*; leave out rare items"
    with pytest.raises(MemoryError, match=message):
        model.fit(many)


def test_all_are_far_above_popularity(original: Split) -> None:
    train, test = original.train, original.test
    popular = evaluate(Popularity().fit(train), train, test).recall
    floors = (
        (ItemKNN(200), 0.32), (UserKNN(), 0.33), (RP3beta(), 0.33), (EASE(), 0.36),
        (EDLAE(), 0.36), (SLIM(8, 50), 0.33), (GFCF(64), 0.34),
    )  # fmt: skip
    for model, recall in floors:
        assert evaluate(model.fit(train), train, test).recall > recall > popular


@pytest.mark.parametrize(
    "model", [ItemKNN(100), UserKNN(40), RP3beta(0.5, 100)], ids=lambda m: type(m).__name__
)
def test_the_order_decides_no_neighbour(model: ItemKNN, original: Split) -> None:
    """Of 1,546 items, hundreds have several as similar as the last that is kept."""
    train, generator = original.train, torch.Generator().manual_seed(0)
    user, item = (torch.randperm(n, generator=generator) for n in (943, 1546))
    renamed = replace(train, user=user[train.user], item=item[train.item])
    some = torch.arange(50)
    plain = model.fit(train).score(some)
    torch.testing.assert_close(model.fit(renamed).score(user[some])[:, item], plain)


def test_a_penalty_too_small_for_doubles() -> None:
    twins = Interactions.from_pairs([0, 0, 1, 1], [0, 1, 0, 1])
    with pytest.raises(ValueError, match=r"reg=1e-20, with which .* is singular.* e\.g\. 100"):
        EASE(reg=1e-20).fit(twins)
    crowd = Interactions.from_pairs([*range(100)] * 2, [0] * 100 + [1] * 100)
    with pytest.raises(ValueError, match=r"reg=1e-12, with which .* is singular"):
        EASE(reg=1e-12).fit(crowd)  # which would be enough for two users
