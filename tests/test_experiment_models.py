"""The recommenders of the experiments: by hand, by brute force, and on a tiny split."""

import inspect
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from experiments.families import RECENT
from experiments.models import factors, xsimgcl
from experiments.models.bspm import BSPM
from experiments.models.direct_au import alignment, start_direct_au, uniformity
from experiments.models.epochs import by_epochs, pairs_in_batches
from experiments.models.factors import LOSSES, start_factors
from experiments.models.mult_vae import divergence, likelihood_loss, start_mult_vae
from experiments.models.ngcf_parts import PARTS, NGCFOfParts
from experiments.models.rough import in_bfloat16
from experiments.models.scorers import Blend, KnownScores, standardized
from experiments.models.user_side import EASEOfUsers
from experiments.models.xsimgcl import XSimGCL, contrast, perturb, start_xsimgcl
from recbook.data import Interactions, Split
from recbook.evaluation import evaluate
from recbook.graph import smooth_start, train_adjacency
from recbook.models import EASE, GFCF, NGCF, BaseRecommender, LightGCN, Popularity
from recbook.sampling import TripletSampler
from recbook.testing import check_recommender
from recbook.tuning import hide_test

ALL = torch.arange(3)
QUICK = {"lr": 0.02, "embedding_dim": 8, "batch_size": 64}
SMALL: dict[str, tuple[Callable[..., Any], dict[str, Any]]] = {
    "BSPM": (BSPM, {"num_frequencies": 4}),
    "Mult-VAE": (start_mult_vae, {"lr": 0.02, "anneal_steps": 10, "hidden_dim": 16}),
    "DirectAU": (start_direct_au, QUICK),
    "XSimGCL": (start_xsimgcl, QUICK),
}


def dense(train: Interactions) -> np.ndarray:
    return train.dense_rows(torch.arange(train.num_users)).numpy().astype(float)


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def last_gradient(model: torch.nn.Module) -> list[Tensor]:
    """Of each parameter, as the last step left it."""
    return [parameter.grad for parameter in model.parameters()]


# BSPM


def test_bspm_by_hand() -> None:
    # Two users who both have both items: P is 1/2 everywhere and keeps (1, 1), and so does the
    # low-pass filter, so that sharpening starts with 1 + alpha and multiplies by a series.
    both = Interactions.from_pairs([0, 0, 1, 1], [0, 1, 0, 1])
    for order, time, steps, factor in (
        (1, 0.5, 1, 1 / 2),
        (1, 1.0, 2, 1 / 4),
        (4, 1.0, 1, 1 - 1 + 1 / 2 - 1 / 6 + 1 / 24),
        (4, 0.0, 1, 1),
    ):
        model = BSPM(1, alpha=0.2, time=time, num_steps=steps, order=order).fit(both)
        expected = [1.2 * factor] * 2
        assert model.score(torch.tensor([0]))[0].tolist() == pytest.approx(expected)


def test_bspm_is_runge_kutta_from_what_gf_cf_scores(clusters: Split) -> None:
    train = clusters.train
    x = dense(train)
    scale = [np.sqrt(np.maximum(x.sum(axis), 1)) for axis in (1, 0)]
    normalized = x / scale[0][:, None] / scale[1]
    product = normalized.T @ normalized
    vectors = np.linalg.svd(normalized)[2][:4].T
    y = x @ product + 0.2 * (x / scale[1] @ vectors @ vectors.T) * scale[1]
    step = 2.5 / 2
    for _ in range(2):
        one = -y @ product
        two = -(y + step / 2 * one) @ product
        three = -(y + step / 2 * two) @ product
        four = -(y + step * three) @ product
        y = y + step / 6 * (one + 2 * two + 2 * three + four)
    score = BSPM(4, time=2.5, num_steps=2).fit(train).score(torch.arange(train.num_users))
    np.testing.assert_allclose(score, y, atol=1e-5)


def test_bspm_of_no_time_is_gf_cf_and_of_many_steps_the_exponential(clusters: Split) -> None:
    users = torch.arange(40)
    start = GFCF(4, alpha=0.2).fit(clusters.train)
    torch.testing.assert_close(
        BSPM(4, time=0).fit(clusters.train).score(users).double(), start.score(users)
    )
    product = torch.from_numpy((start.normalized.T @ start.normalized).toarray())
    exact = start.score(users) @ torch.linalg.matrix_exp(-1.5 * product)
    for order, steps, close in ((4, 8, 1e-4), (1, 200, 0.02)):
        model = BSPM(4, time=1.5, num_steps=steps, order=order).fit(clusters.train)
        torch.testing.assert_close(model.score(users).double(), exact, atol=close, rtol=0.01)


# DirectAU


def test_alignment_and_uniformity_by_hand() -> None:
    axes = torch.eye(2)
    assert alignment(axes, axes).item() == 0
    assert alignment(axes, axes.flip(0)).item() == 2  # each pair lies the root of 2 apart
    assert uniformity(axes).item() == pytest.approx(-4)  # ln exp(-2 * 2)
    assert uniformity(axes[[0, 0]]).item() == pytest.approx(0)  # one node twice
    opposite = torch.tensor([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0]])  # squares 4, 2, 2
    expected = math.log((math.exp(-8) + 2 * math.exp(-4)) / 3)
    assert uniformity(opposite).item() == pytest.approx(expected, rel=1e-5)


def test_alignment_and_uniformity_pair_by_pair() -> None:
    user_vec, item_vec = F.normalize(drawn(12, 5)), F.normalize(drawn(12, 5, seed=1))
    pairs = zip(user_vec, item_vec, strict=True)
    by_pair = sum(((u - i) ** 2).sum() for u, i in pairs) / 12
    torch.testing.assert_close(alignment(user_vec, item_vec), by_pair)
    torch.testing.assert_close(
        uniformity(user_vec), torch.pdist(user_vec).pow(2).mul(-2).exp().mean().log()
    )


def test_a_step_of_direct_au(toy: Interactions) -> None:
    model, train_epoch = start_direct_au(toy, seed=3, gamma=0.7, embedding_dim=4, batch_size=6)
    twin = LightGCN(3, 4, embedding_dim=4, num_layers=0, std=(2 / (7 + 4)) ** 0.5)
    twin.reset_parameters(3)
    user_emb, item_emb = (F.normalize(x) for x in twin(train_adjacency(toy)))
    user_vec, item_vec = user_emb[toy.user], item_emb[toy.item]
    spread = [torch.pdist(x).pow(2).mul(-2).exp().mean().log() for x in (user_vec, item_vec)]
    loss = (user_vec - item_vec).square().sum(1).mean() + 0.35 * sum(spread)
    loss.backward()
    assert train_epoch() == pytest.approx(loss.item(), abs=1e-5)
    torch.testing.assert_close(last_gradient(model), last_gradient(twin), atol=1e-5, rtol=1e-3)


# XSimGCL


def test_contrast_by_hand() -> None:
    axes = torch.eye(2)
    expected = -math.log(math.e / (math.e + 1))
    assert contrast(axes, 7 * axes, 1.0).item() == pytest.approx(expected)  # lengths do not count
    wrong = -math.log(1 / (math.exp(2) + 1))
    assert contrast(axes, axes.flip(0), 0.5).item() == pytest.approx(wrong)


def test_contrast_node_by_node() -> None:
    one, other = drawn(6, 3), drawn(6, 3, seed=1)
    losses = []
    for v in range(6):
        near = [torch.cosine_similarity(one[v], other[w], dim=0) / 0.2 for w in range(6)]
        losses.append(-(near[v].exp() / sum(x.exp() for x in near)).log())
    torch.testing.assert_close(contrast(one, other, 0.2), torch.stack(losses).mean())


def test_noise_has_its_length_and_leaves_signs() -> None:
    x = drawn(50, 8)
    moved = perturb(x, 0.3, torch.Generator().manual_seed(0))
    torch.testing.assert_close((moved - x).norm(dim=1), torch.full((50,), 0.3))
    assert (moved.sign() == x.sign()).all() and (moved.abs() >= x.abs()).all()
    again = perturb(x, 0.3, torch.Generator().manual_seed(0))
    assert torch.equal(moved, again) and not torch.equal(moved - x, (moved - x)[[0] * 50])


def test_xsimgcl_leaves_layer_0_out(toy: Interactions) -> None:
    model, adj = XSimGCL(3, 4, 5, num_layers=2), train_adjacency(toy).to_dense()
    x = model.embedding.weight
    expected = (adj @ x + adj @ adj @ x) / 2
    torch.testing.assert_close(torch.cat(model(train_adjacency(toy))), expected)


def test_noise_is_propagated_further(toy: Interactions) -> None:
    model, adj = XSimGCL(3, 4, 5, num_layers=2), train_adjacency(toy)
    first, second = model.layers(adj, lambda x: x + 1)
    torch.testing.assert_close(first, adj.to_dense() @ model.embedding.weight + 1)
    torch.testing.assert_close(second, adj.to_dense() @ first + 1)


def test_a_step_of_xsimgcl(toy: Interactions, monkeypatch: pytest.MonkeyPatch) -> None:
    batch = torch.tensor([[0, 2, 0], [1, 3, 0], [2, 0, 3]])
    monkeypatch.setattr(xsimgcl.TripletSampler, "sample", lambda *_: batch)
    model, train_epoch = start_xsimgcl(
        toy, 5, reg=0.1, weight=0.3, noise=0.0, temperature=0.4, embedding_dim=4, batch_size=3
    )
    twin = XSimGCL(3, 4, 4)
    twin.reset_parameters(5)
    adj, layer0 = train_adjacency(toy).to_dense(), twin.embedding.weight
    first = adj @ layer0
    final = (first + adj @ first) / 2
    loss = torch.zeros(())
    for user, item, neg_item in batch.T.tolist():
        vec = final[[user, 3 + item, 3 + neg_item]]
        loss = loss - (vec[0] @ vec[1] - vec[0] @ vec[2]).sigmoid().log() / 3
        loss = loss + 0.1 * layer0[[user, 3 + item, 3 + neg_item]].square().sum() / 2 / 3
    for nodes in ([0, 2], [3, 4, 6]):  # no negatives, and user 0 once
        views = F.normalize(final[nodes]) @ F.normalize(first[nodes]).T / 0.4
        loss = loss - 0.3 * views.log_softmax(1).diagonal().mean()
    loss.backward()
    assert train_epoch() == pytest.approx(loss.item(), rel=1e-5)
    torch.testing.assert_close(last_gradient(model), last_gradient(twin), atol=1e-6, rtol=1e-4)


# Mult-VAE


def test_likelihood_and_divergence_by_hand() -> None:
    row = torch.tensor([[1.0, 1.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0]])
    expected = (2 * math.log(4) + math.log(4)) / 2
    assert likelihood_loss(torch.zeros(2, 4), row).item() == pytest.approx(expected)
    assert divergence(torch.zeros(2, 3), torch.zeros(2, 3)).item() == 0
    assert divergence(torch.tensor([[1.0, 2.0]]), torch.zeros(1, 2)).item() == 2.5
    wide = torch.full((1, 1), math.log(4))
    assert divergence(torch.zeros(1, 1), wide).item() == pytest.approx((4 - 1 - math.log(4)) / 2)


def test_divergence_is_that_of_normal_distributions() -> None:
    mean, log_var = drawn(4, 3), drawn(4, 3, seed=1)
    normal = torch.distributions.Normal
    exact = torch.distributions.kl_divergence(normal(mean, (log_var / 2).exp()), normal(0.0, 1.0))
    torch.testing.assert_close(divergence(mean, log_var), exact.sum(1).mean())


def test_mult_vae_number_by_number(toy: Interactions) -> None:
    model, _ = start_mult_vae(toy, seed=0, hidden_dim=3, latent_dim=2)
    one, two, three, four = (
        (layer.weight.detach().numpy(), layer.bias.detach().numpy())
        for layer in (*model.encoder, *model.decoder)
    )
    for user in range(3):
        x = dense(toy)[user] / math.sqrt(2)  # each has two items
        latent = (two[0] @ np.tanh(one[0] @ x + one[1]) + two[1])[:2]
        expected = four[0] @ np.tanh(three[0] @ latent + three[1]) + four[1]
        score = model.score(torch.tensor([user]))[0]
        np.testing.assert_allclose(score, expected, rtol=1e-4, atol=1e-6)


def test_a_step_of_mult_vae_and_how_its_divergence_is_annealed(
    toy: Interactions, monkeypatch: pytest.MonkeyPatch
) -> None:
    betas, exact = [], divergence

    def noted(mean: Tensor, log_var: Tensor) -> Tensor:
        value = exact(mean, log_var)
        betas.append(0.0)
        value.register_hook(lambda grad: betas.__setitem__(-1, grad.item()))
        return value

    monkeypatch.setattr("experiments.models.mult_vae.divergence", noted)
    settings = {"kl_weight": 0.3, "anneal_steps": 3, "hidden_dim": 3, "latent_dim": 2}
    model, train_epoch = start_mult_vae(toy, 0, lr=1e-9, dropout=0.0, batch_size=1, **settings)
    for _ in range(2):
        train_epoch()
    assert betas == pytest.approx([0, 0.1, 0.2, 0.3, 0.3, 0.3])
    gone, _ = start_mult_vae(toy, 0, dropout=0.0, **settings)
    torch.testing.assert_close([*model.parameters()], [*gone.parameters()])  # which were not moved


def test_dropout_scales_what_it_keeps(toy: Interactions, monkeypatch: pytest.MonkeyPatch) -> None:
    rows: list[Tensor] = []
    model, train_epoch = start_mult_vae(toy, 0, dropout=0.75, hidden_dim=3, latent_dim=2)
    encode = model.encode
    monkeypatch.setattr(model, "encode", lambda row: rows.append(row) or encode(row))
    for _ in range(50):
        train_epoch()
    values = torch.stack(rows)
    assert values.unique().tolist() == pytest.approx([0, 4 / math.sqrt(2)])
    assert (values > 0).float().mean().item() == pytest.approx(0.5 * 0.25, abs=0.04)


# What they share


def test_pairs_come_once_each_in_full_batches(toy: Interactions) -> None:
    generator = torch.Generator().manual_seed(0)
    batches = list(pairs_in_batches(toy, 2, generator))
    pairs = torch.cat([torch.stack(batch) for batch in batches], dim=1).T.tolist()
    assert sorted(pairs) == sorted(torch.stack([toy.user, toy.item]).T.tolist())
    assert [len(user) for user, _ in pairs_in_batches(toy, 4, generator)] == [4]
    assert [len(user) for user, _ in pairs_in_batches(toy, 9, generator)] == [6]


class Scripted(Popularity):
    """Recalls more of the validation part in each epoch up to the third, then less."""

    def __init__(self, split: Split) -> None:
        assert split.val is not None
        self.table, self.epoch = split.val.dense_rows(torch.arange(40)).float(), 0
        self.remember(split.train)

    def score(self, users: Tensor) -> Tensor:
        sign = 1 - abs(self.epoch - 3) / 2  # 0, .5, 1, .5, 0, ..
        good = self.table[users] * (torch.arange(40) < 40 * sign)
        return good - torch.arange(40) / 1000


@pytest.mark.parametrize(("patience", "trained"), [(1, 4), (3, 6), (9, 7)])
def test_it_stops_with_patience_and_keeps_the_best(
    clusters: Split, patience: int, trained: int
) -> None:
    model, losses = Scripted(clusters), []

    def start(train: Interactions, seed: int, **settings: Any) -> Any:
        def train_epoch() -> float:
            model.epoch += 1
            losses.append(seed)
            return 0.0

        return model, train_epoch

    fit = by_epochs(start, patience, max_epochs=7)
    best, chosen = fit(clusters, {"lr": 1}, seed=5, k=3)
    assert (best.epoch, model.epoch, chosen) == (3, trained, {"lr": 1, "epochs": 3})
    assert best.fitted_on is clusters.train and losses == [5] * trained
    model.epoch = 0
    assert fit(clusters, {"lr": 1, "epochs": 5}, 5) == (model, {"lr": 1, "epochs": 5})
    assert model.epoch == 5


def test_it_says_where_it_diverged_and_what_it_needs(clusters: Split) -> None:
    fit = by_epochs(lambda train, seed, **settings: (Popularity(), lambda: math.nan))
    with pytest.raises(FloatingPointError, match="nan in epoch 1"):
        fit(clusters, {"epochs": 2}, 0)
    with pytest.raises(ValueError, match="no validation part"):
        fit(Split(clusters.train), {"lr": 1}, 0)


@pytest.mark.parametrize("name", RECENT)
def test_each_family_on_a_tiny_split(name: str, clusters: Split) -> None:
    family, blind = RECENT[name], hide_test(clusters)
    model, chosen = family.fit(blind, family.grid[0] | SMALL[name][1], seed=0, k=10)
    popular = evaluate(Popularity().fit(blind.train), blind.train, blind.val, 10).recall
    assert evaluate(model, blind.train, blind.val, 10).recall > popular + 0.1
    assert isinstance(model, BaseRecommender)
    check_recommender(model, blind.train)
    assert ("lr" in chosen) == ("epochs" in chosen)
    if "epochs" in chosen:
        chosen |= {"epochs": 2}
        one, two, other = (family.fit(blind, chosen, seed)[0].score(ALL) for seed in (1, 1, 2))
        assert torch.equal(one, two) and not torch.equal(one, other)


@pytest.mark.parametrize("name", RECENT)
def test_ranges_are_of_settings_that_there_are(name: str) -> None:
    there = inspect.signature(SMALL[name][0]).parameters
    for settings in RECENT[name].grid:
        assert settings.keys() <= there.keys()


def test_ease_by_the_users_side_is_ease(clusters: Split) -> None:
    train = clusters.train
    whole, by_users = EASE(reg=3).fit(train), EASEOfUsers(reg=3).fit(train)
    users = torch.tensor([5, 0, 5])
    torch.testing.assert_close(by_users.score(users), whole.score(users).float())
    check_recommender(by_users, train)


def test_a_blend_adds_up_standardised_scores_by_hand() -> None:
    scores = torch.tensor([[1.0, 2.0, 3.0], [0.0, 0.0, 3.0]])
    torch.testing.assert_close(standardized(scores)[0], torch.tensor([-1.0, 0.0, 1.0]))
    torch.testing.assert_close(standardized(scores)[1], torch.tensor([-1.0, -1.0, 2.0]) / 3**0.5)
    one = KnownScores(torch.tensor([4, 2]), 10 * scores + 7)  # scale and level change nothing
    with pytest.raises(ValueError, match="users"):
        one.score(torch.tensor([3]))  # of whom nothing is known
    two = KnownScores(torch.tensor([2, 4]), torch.tensor([[5.0, 4.0, 3.0], [9.0, 6.0, 3.0]]))
    found = Blend([one, two], [0.75, 0.25]).score(torch.tensor([4]))
    torch.testing.assert_close(found, torch.tensor([[-0.5, 0.0, 0.5]]))
    alone = Blend([one, two], [0.0, 1.0]).score(torch.tensor([2, 4]))
    torch.testing.assert_close(alone, torch.tensor([[1.0, 0.0, -1.0]]).expand(2, 3))


def test_ngcf_of_all_its_parts_is_ngcf(clusters: Split) -> None:
    adj = train_adjacency(clusters.train)
    size = clusters.train.num_users, clusters.train.num_items
    whole, built = NGCF(*size, bias=True).eval(), NGCFOfParts(*size).eval()
    assert [p.shape for p in whole.parameters()] == [p.shape for p in built.parameters()]
    built.load_state_dict(whole.state_dict(), strict=False)
    for one, two in zip(whole(adj), built(adj), strict=True):
        torch.testing.assert_close(one, two)


def test_ngcf_of_no_part_is_lightgcn_with_its_layers_side_by_side(clusters: Split) -> None:
    train = clusters.train
    adj, size = train_adjacency(train), (train.num_users, train.num_items)
    bare, light = NGCFOfParts(*size, parts=(), num_layers=2), LightGCN(*size, num_layers=2)
    light.load_state_dict(bare.state_dict(), strict=False)
    for side_by_side, mean in zip(bare(adj), light(adj), strict=True):
        torch.testing.assert_close(side_by_side.unflatten(1, (3, -1)).mean(1), mean)


@pytest.mark.parametrize("part", PARTS)
def test_each_part_changes_the_output(part: str, clusters: Split) -> None:
    train = clusters.train
    adj, size = train_adjacency(train), (train.num_users, train.num_items)
    without = [other for other in PARTS if other != part]
    whole, less = NGCFOfParts(*size).train(), NGCFOfParts(*size, parts=without).train()
    if part in ("nonlinearity", "dropout", "own", "product"):
        less.load_state_dict(whole.state_dict(), strict=False)
    torch.manual_seed(0)
    ours = whole(adj)[0]
    torch.manual_seed(0)
    assert not torch.allclose(ours, less(adj)[0])
    numbers = [sum(p.numel() for p in model.parameters()) for model in (whole, less)]
    assert (numbers[0] > numbers[1]) == (part in ("weights", "product"))


@pytest.mark.parametrize("start", ["random", "smooth"])
@pytest.mark.parametrize("loss", LOSSES)
def test_three_losses_of_the_same_triplets(loss: str, start: str, clusters: Split) -> None:
    train, settings = clusters.train, {"num_layers": 1, "lr": 1e-9, "reg": 0.3, "temperature": 0.5}
    model, train_epoch = start_factors(
        train, 3, loss, start=start, batch_size=0, embedding_dim=4, **settings
    )
    layer0 = model.embedding.weight.detach().clone()
    if start == "smooth":
        torch.testing.assert_close(layer0, smooth_start(train, 4))
    found = train_epoch()
    generator = torch.Generator().manual_seed(3)
    triplets = TripletSampler(train).sample(len(train), generator).T.tolist()
    final = (layer0 + train_adjacency(train).to_dense() @ layer0) / 2
    final = F.normalize(final) if loss != "BPR" else final
    score = (final[: train.num_users] @ final[train.num_users :].T / 0.5).tolist()
    terms = [
        math.log(sum(math.exp(one) for one in score[user])) - score[user][item]
        if loss == "softmax of cosines"
        else math.log1p(math.exp(score[user][neg_item] - score[user][item]))
        for user, item, neg_item in triplets
    ]
    penalty = 0.3 / 2 * layer0.square().sum(1).mean().item()
    assert found == pytest.approx(sum(terms) / len(terms) + penalty, rel=1e-5)
    assert not torch.equal(model.embedding.weight, layer0)  # a step was made, however small


def test_an_epoch_draws_as_many_triplets_as_there_are_interactions(
    clusters: Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = []
    monkeypatch.setattr(factors, "descend", lambda loss, _: steps.append(loss) or loss.detach())
    for size, expected in ((10, len(clusters.train) // 10), (0, 1)):
        steps.clear()
        start_factors(clusters.train, 0, "BPR", 0, "random", size, lr=0.1, reg=0.1)[1]()
        assert len(steps) == expected


def test_rough_products_end_with_the_fit(toy: Interactions) -> None:
    precision = torch.get_float32_matmul_precision
    before, seen = precision(), []

    def fit(split: Split, settings: dict[str, Any], seed: int, k: int = 20) -> Any:
        seen.append((precision(), settings, seed, k))
        if seed:
            raise MemoryError
        return Popularity().fit(split.train), settings

    rough = in_bfloat16(fit)
    model, chosen = rough(Split(toy), {"reg": 1}, 0, 5)
    assert chosen == {"reg": 1} and model.score(torch.tensor([0])).shape == (1, toy.num_items)
    with pytest.raises(MemoryError):
        rough(Split(toy), {}, 1)
    assert seen == [("medium", {"reg": 1}, 0, 5), ("medium", {}, 1, 20)] and precision() == before
