"""iALS: by hand, one sweep by brute force, its loss, the library's fixed point, what it refuses."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from recbook.data import Interactions, Split
from recbook.evaluation import evaluate
from recbook.models import EASE, IALS, ials

SETTINGS = [  # few numbers, where systems are of the embeddings' size, and many
    {"embedding_dim": 3, "alpha0": 0.3, "reg": 0.05, "nu": 1},
    {"embedding_dim": 3, "alpha0": 0.1, "reg": 2, "nu": 0},
    {"embedding_dim": 20, "alpha0": 0.1, "reg": 0.03, "nu": 0.5},
    {"embedding_dim": 7, "alpha0": 0.1, "reg": 0, "nu": 1},
]


@pytest.fixture
def some() -> Interactions:
    """Thirty users and twenty items, all connected: of two parts one could change its sign."""
    like = torch.rand(30, 20, generator=torch.Generator().manual_seed(0)) < 0.3
    return Interactions.from_pairs(*like.nonzero().T, 30, 20)


def dense(train: Interactions) -> np.ndarray:
    return train.dense_rows(torch.arange(train.num_users)).numpy().astype(float)


def embeddings(model: IALS) -> tuple[np.ndarray, np.ndarray]:
    return model.user_emb.double().numpy(), model.item_emb.double().numpy()


def loss(x: np.ndarray, user: np.ndarray, item: np.ndarray, settings: dict[str, float]) -> float:
    """The loss, cell by cell."""
    alpha0, reg, nu = (settings[name] for name in ("alpha0", "reg", "nu"))
    total = 0.0
    for u, row in enumerate(x):
        total += reg * (row.sum() + alpha0 * len(item)) ** nu * (user[u] ** 2).sum()
        for i, one in enumerate(row):
            y = user[u] @ item[i]
            total += one * (1 - y) ** 2 + alpha0 * y**2
    for i, column in enumerate(x.T):
        total += reg * (column.sum() + alpha0 * len(user)) ** nu * (item[i] ** 2).sum()
    return total


def best_rows(x: np.ndarray, other: np.ndarray, settings: dict[str, float]) -> np.ndarray:
    """Each row's embedding by a dense system of its own."""
    alpha0, reg, nu = (settings[name] for name in ("alpha0", "reg", "nu"))
    rows = []
    for row in x:
        penalty = reg * (row.sum() + alpha0 * len(other)) ** nu
        system = other.T @ np.diag(row + alpha0) @ other + penalty * np.eye(other.shape[1])
        rows.append(np.linalg.solve(system, other.T @ row))
    return np.array(rows)


@pytest.mark.parametrize(("nu", "score"), [(1, 0.6), (0, 0.64)])
def test_one_user_and_one_item_by_hand(nu: float, score: float) -> None:
    # Both embeddings are e = e / (1.25 e^2 + r), with r = .2 * 1.25^nu: y = e^2 = (1 - r) / 1.25.
    model = IALS(embedding_dim=1, alpha0=0.25, reg=0.2, nu=nu)
    assert model.fit(Interactions.from_pairs([0], [0])).score([0]).item() == pytest.approx(score)


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_a_sweep_by_brute_force(settings: dict, clusters: Split) -> None:
    train, dim = clusters.train, settings["embedding_dim"]
    start = torch.randn(40, dim, generator=torch.Generator().manual_seed(5), dtype=torch.double)
    model = IALS(**settings, num_sweeps=1, seed=5).fit(train)
    user = best_rows(dense(train), start.numpy() * 0.1 / dim**0.5, settings)
    item = best_rows(dense(train).T, user, settings)
    np.testing.assert_allclose(model.user_emb, user, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(user @ item.T, model.score(torch.arange(40)), atol=2e-3)
    users, items = embeddings(model)
    np.testing.assert_allclose(items, best_rows(dense(train).T, users, settings), atol=2e-4)


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_no_sweep_raises_the_loss(settings: dict, clusters: Split) -> None:
    x = dense(clusters.train)
    fits = [IALS(**settings, num_sweeps=number).fit(clusters.train) for number in range(1, 6)]
    losses = [loss(x, *embeddings(model), settings) for model in fits]
    assert all(after < before * (1 + 1e-6) for before, after in pairwise(losses))
    assert losses[-1] < losses[0] * 0.99 < x.sum()  # which is the loss of no embeddings at all


@pytest.mark.filterwarnings("ignore:OpenBLAS is configured:RuntimeWarning")  # of the library
@pytest.mark.parametrize(("alpha", "regularization"), [(5, 2.0), (1.5, 0.5), (11, 6.0)])
def test_the_librarys_fixed_point_is_ours(
    alpha: float, regularization: float, some: Interactions
) -> None:
    from implicit.als import AlternatingLeastSquares
    from scipy.sparse import csr_matrix
    from threadpoolctl import threadpool_limits

    theirs = AlternatingLeastSquares(
        4, regularization, alpha, np.float64, iterations=300, random_state=0, use_cg=False
    )
    with threadpool_limits(1, "blas"):  # it warns of more: its own threads do the work
        theirs.fit(csr_matrix(some.matrix), show_progress=False)
    x, share = dense(some), 1 - 1 / alpha
    user, item = (share**0.5 * side for side in (theirs.user_factors, theirs.item_factors))
    settings = {"alpha0": 1 / (alpha - 1), "reg": regularization / alpha, "nu": 0}
    np.testing.assert_allclose(best_rows(x, item, settings), user, atol=1e-6)
    np.testing.assert_allclose(best_rows(x.T, user, settings), item, atol=1e-6)
    ours = IALS(4, **settings, num_sweeps=300).fit(some)
    np.testing.assert_allclose(loss(x, *embeddings(ours), settings), loss(x, user, item, settings))
    np.testing.assert_allclose(ours.score(torch.arange(30)), user @ item.T, atol=1e-4)


def test_small_blocks_change_nothing(clusters: Split, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = IALS(4).fit(clusters.train)
    monkeypatch.setattr(ials, "_BLOCK", 1)
    blocks = ials._blocks(clusters.train, 4)
    assert all(len(rows) == 1 for rows, _ in blocks)
    one_by_one = IALS(4).fit(clusters.train)
    torch.testing.assert_close(whole.score(range(40)), one_by_one.score(range(40)))


def test_blocks_hold_each_user_once_with_all_items(original: Split) -> None:
    train = original.train
    blocks = ials._blocks(train, 64)
    rows = torch.cat([rows for rows, _ in blocks])
    assert rows.sort().values.equal(torch.nonzero(train.user_degree).flatten())
    for users, items in blocks:
        assert items.numel() * 64 <= 2**20 or len(users) == 1
        assert train.user_degree[users].min() * 1.1 > items.shape[1]
        for user, own in zip(users[:3], items, strict=False):
            assert own[own < train.num_items].equal(train.pairs_of(user[None])[1])


def test_the_seed_decides(clusters: Split) -> None:
    scores = [IALS(4, seed=n, num_sweeps=1).fit(clusters.train).score([0]) for n in (0, 0, 1)]
    assert scores[0].equal(scores[1]) and not torch.allclose(scores[0], scores[2])


def test_it_takes_the_papers_settings_and_keeps_its_own() -> None:
    assert vars(IALS()) == {
        "embedding_dim": 64, "alpha0": 0.1, "reg": 0.003, "nu": 1, "num_sweeps": 16, "seed": 0
    }  # fmt: skip


@pytest.mark.parametrize(
    ("train", "settings"),
    [
        (Interactions.from_pairs([0, 0, 1, 1], [0, 1, 0, 1]), {"reg": 0}),
        (Interactions.from_pairs([0, 0, 1, 1], [0, 1, 0, 1]), {"reg": 1e-12}),
        (Interactions.from_pairs([*range(9)] * 9, sorted([*range(9)] * 9)), {"reg": 1e-12}),
        (Interactions.from_pairs([0], [0]), {"reg": 0, "nu": 1e9}),  # 0 times infinity
    ],
    ids=["none", "little for few", "little for many", "no number"],
)
def test_a_singular_system(train: Interactions, settings: dict) -> None:
    message = r"reg=.*, alpha0=0\.1 and nu=.* is singular in floats, expected a larger reg"
    with pytest.raises(ValueError, match=message):
        IALS(6, **settings).fit(train)


def test_on_movielens_it_is_as_good_as_ease(original: Split) -> None:
    train, test = original.train, original.test
    recalls = [
        evaluate(model.fit(train), train, test).recall
        for model in (IALS(reg=0.03), IALS(alpha0=0.1, reg=6, nu=0), EASE())
    ]
    assert min(recalls) > 0.355
