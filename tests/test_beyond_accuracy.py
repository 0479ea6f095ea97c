import math

import pytest
import torch
from torch_geometric import metrics

from recbook.beyond_accuracy import (
    calibrate,
    calibration,
    coverage,
    diversify,
    diversity,
    novelty,
    overlap,
    popularity_lift,
)
from recbook.data import Interactions

LISTS = torch.tensor([[0, 1], [1, 3], [2, -1]])
GENRES = torch.tensor([[1, 0, 0], [1, 1, 0], [0, 0, 1], [0, 0, 0]])


def test_measures_by_hand(toy: Interactions) -> None:
    users = torch.arange(3)  # Alien, Brazil, Casablanca, Dumbo have 1, 2, 2, 1 users of 3
    assert coverage(LISTS, 5) == 4 / 5
    bits = {1: math.log2(3), 2: math.log2(3 / 2)}
    mean = (bits[1] + bits[2]) / 2
    assert novelty(LISTS, toy).tolist() == pytest.approx([mean, mean, bits[2]])
    lift = popularity_lift(LISTS, users, toy).tolist()
    assert lift == pytest.approx([1.5 / 1.5 - 1, 1.5 / 2 - 1, 2 / 1.5 - 1])
    distance = diversity(LISTS, GENRES).tolist()
    assert distance[:2] == pytest.approx([1 - 0.5**0.5, 1]) and math.isnan(distance[2])


def test_calibration_by_hand(toy: Interactions) -> None:
    # Ann has Alien (genre 0) and Brazil (half 0, half 1): p = 3/4, 1/4. Listed: Brazil alone.
    ann = torch.tensor([0])
    p, q = (0.75, 0.25), (0.5, 0.5)
    expected = sum(a * math.log(a / (0.99 * b + 0.01 * a)) for a, b in zip(p, q, strict=True))
    assert calibration(torch.tensor([[1]]), ann, toy, GENRES).item() == pytest.approx(expected)
    same = calibration(torch.tensor([[0, 1]]), ann, toy, GENRES).item()
    assert same == pytest.approx(0, abs=1e-9)


def test_who_has_nothing_has_no_value() -> None:
    train = Interactions.from_pairs([0], [0], num_users=2, num_items=4)
    nobody, empty = torch.tensor([1]), torch.tensor([[-1, -1]])
    assert popularity_lift(LISTS[:1], nobody, train).isnan().all()
    assert calibration(LISTS[:1], nobody, train, GENRES).isnan().all()
    assert novelty(empty, train).isnan().all() and coverage(empty, 4) == 0


def test_agrees_with_pyg() -> None:
    generator = torch.Generator().manual_seed(2)
    lists = torch.stack([torch.randperm(30, generator=generator)[:6] for _ in range(50)])
    kind = torch.randint(0, 4, (30,), generator=generator)
    degree = torch.randint(1, 20, (30,), generator=generator)
    item = torch.repeat_interleave(torch.arange(30), degree)
    user = torch.cat([torch.arange(int(n)) for n in degree])
    train = Interactions.from_pairs(user.numpy(), item.numpy(), 50, 30)
    nothing = torch.zeros(2, 0, dtype=torch.long)
    covered = metrics.LinkPredCoverage(6, num_dst_nodes=30)
    covered.update(lists, nothing)
    assert covered.compute().item() == pytest.approx(coverage(lists, 30))
    popular = metrics.LinkPredAveragePopularity(6, popularity=degree)
    popular.update(lists, nothing)
    rows = train.item_degree[lists].double().mean(1)
    assert popular.compute().item() == pytest.approx(rows.mean().item())
    diverse = metrics.LinkPredDiversity(6, category=kind)  # one kind an item: same or not
    diverse.update(lists, nothing)
    mine = diversity(lists, torch.nn.functional.one_hot(kind)).mean()
    assert diverse.compute().item() == pytest.approx(mine.item())
    users = torch.arange(50)
    own = train.dense_rows(users).double()
    profile = own @ train.item_degree.double() / own.sum(1)
    ratio = 1 + popularity_lift(lists, users, train)
    has = own.sum(1) > 0
    torch.testing.assert_close((ratio * profile)[has], rows[has])


def test_as_its_formula_says_on_lists_that_are_short() -> None:
    generator = torch.Generator().manual_seed(0)
    has = torch.rand(30, 40, generator=generator) < 0.2
    has[0], has[:, 0] = False, False  # a user and an item without the other
    train = Interactions.from_pairs(*has.nonzero().T, 30, 40)
    users = torch.tensor([3, 0, 29, 3])
    lists = torch.stack([torch.randperm(40, generator=generator)[:5] for _ in users])
    lists[2, 3:] = -1
    features = (torch.rand(40, 6, generator=generator) < 0.4).int()
    degree = has.sum(0).tolist()
    for row, (user, shown) in enumerate(zip(users.tolist(), lists.tolist(), strict=True)):
        shown = [item for item in shown if item >= 0]
        bits = sum(-math.log2(max(degree[item], 1) / 30) for item in shown) / len(shown)
        assert novelty(lists, train)[row].item() == pytest.approx(bits)
        apart = [
            1 - torch.cosine_similarity(features[i].double(), features[j].double(), dim=0).item()
            for i in shown
            for j in shown
            if i != j
        ]
        mean = sum(apart) / len(apart)
        assert diversity(lists, features)[row].item() == pytest.approx(mean)
        own = has[user].nonzero().flatten().tolist()
        if not own:
            assert popularity_lift(lists, users, train)[row].isnan()
            assert calibration(lists, users, train, features)[row].isnan()
            continue
        popular = sum(degree[item] for item in shown) / len(shown)
        lift = popular / (sum(degree[item] for item in own) / len(own)) - 1
        assert popularity_lift(lists, users, train)[row].item() == pytest.approx(lift)
        p, q = torch.zeros(6, dtype=torch.float64), torch.zeros(6, dtype=torch.float64)
        for share, items in ((p, own), (q, shown)):
            for item in items:
                if features[item].any():
                    share += features[item] / features[item].sum()
        p, q = p / p.sum(), q / q.sum()
        expected = sum(
            a * math.log(a / (0.99 * b + 0.01 * a))
            for a, b in zip(p.tolist(), q.tolist(), strict=True)
            if a
        )
        found = calibration(lists, users, train, features)[row].item()
        assert found == pytest.approx(expected)


def test_no_table_of_all_users_and_items_is_made(
    toy: Interactions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Interactions, "dense_rows", lambda *_: pytest.fail("a dense table"))
    popularity_lift(LISTS, torch.arange(3), toy)
    calibration(LISTS, torch.arange(3), toy, GENRES)


def test_what_cannot_be_measured(toy: Interactions) -> None:
    users = torch.arange(3)
    with pytest.raises(ValueError, match="recommended: got position 3, expected 0 to 2"):
        coverage(LISTS, 3)
    with pytest.raises(ValueError, match="recommended: got position -2, expected 0 to 3"):
        novelty(LISTS.clamp(max=0) - 1, toy)
    with pytest.raises(ValueError, match="got lists of length 0, expected 1 or more"):
        novelty(LISTS[:, :0], toy)
    with pytest.raises(
        TypeError, match=r"recommended: got a tensor of torch\.float32, expected pos"
    ):
        coverage(LISTS.float(), 4)
    for lists, message in (
        (LISTS[0], r"recommended: got shape \(2,\), expected \(num_lists, k\)"),
        (None, r"recommended: got None, expected a tensor of numbers, shape \(num_lists, k\)"),
    ):
        with pytest.raises((TypeError, ValueError), match=message):
            coverage(lists, 4)
    with pytest.raises(ValueError, match="got 2 users for 3 lists"):
        popularity_lift(LISTS, users[:2], toy)
    with pytest.raises(TypeError, match="users: got a mask"):
        popularity_lift(LISTS, users > 0, toy)
    with pytest.raises(
        ValueError, match=r"users: got position 3, expected 0 to 2; split\.position"
    ):
        calibration(LISTS, users + 1, toy, GENRES)
    with pytest.raises(ValueError, match=r"features: got shape \(3, 3\), expected \(4, num_feat"):
        calibration(LISTS, users, toy, GENRES[:3])
    with pytest.raises(ValueError, match="recommended: got position 3, expected 0 to 2"):
        diversity(LISTS, GENRES[:3])
    with pytest.raises(ValueError, match=r"got shape \(3,\), expected \(num_items, num_features\)"):
        diversity(LISTS, GENRES[0])
    for wrong in (-1.0, math.nan, math.inf):
        features = GENRES.double().index_fill(0, torch.tensor([1]), wrong)
        with pytest.raises(ValueError, match="features: got a number below 0 or not finite"):
            diversity(LISTS, features)


def test_overlap_by_hand() -> None:
    before = torch.tensor([[0, 1, 2], [3, 4, 5], [6, -1, -1], [-1, -1, -1]])
    after = torch.tensor([[2, 0, 9], [5, 3, 4], [-1, 6, 7], [0, 1, 2]])
    shared = overlap(before, after).tolist()
    assert shared[:3] == pytest.approx([2 / 3, 1, 1]) and math.isnan(shared[3])
    with pytest.raises(ValueError, match="expected those of recommended"):
        overlap(before, after[:2])


def some_lists() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, Interactions, torch.Tensor]:
    """Lists of twelve of forty items for four users, one of whom has nothing, one short list."""
    generator = torch.Generator().manual_seed(1)
    has = torch.rand(30, 40, generator=generator) < 0.2
    has[7] = False
    train = Interactions.from_pairs(*has.nonzero().T, 30, 40)
    users = torch.tensor([3, 7, 29, 11])
    score = torch.randn(4, 40, generator=generator)
    lists = score.topk(12).indices
    lists[2, 9:] = -1
    features = (torch.rand(40, 5, generator=generator) < 0.4).int()
    features[lists[0, 1]] = 0  # an item without a genre
    return lists, score, users, train, features


def scaled(shown: list[int], score: torch.Tensor) -> dict[int, float]:
    own = [float(score[item]) for item in shown]
    low, high = min(own), max(own)
    return {item: (x - low) / (high - low) for item, x in zip(shown, own, strict=True)}


@pytest.mark.parametrize("weight", [0, 0.3, 0.8, 1])
def test_diversify_is_what_its_formula_says(weight: float) -> None:
    lists, score, _, _, features = some_lists()
    found = diversify(lists, score, features, 10, weight)
    for row in range(len(lists)):
        left = [item for item in lists[row].tolist() if item >= 0]
        liked, chosen = scaled(left, score[row]), []

        def value(item: int, liked: dict = liked, chosen: list = chosen) -> float:
            f = features.double()
            like = [torch.cosine_similarity(f[item], f[j], dim=0).item() for j in chosen]
            return (1 - weight) * liked[item] - weight * max(like, default=0)

        while left and len(chosen) < 10:
            chosen.append(max(left, key=lambda item: round(value(item), 9)))
            left.remove(chosen[-1])
        assert found[row].tolist() == chosen + [-1] * (10 - len(chosen))


@pytest.mark.parametrize("weight", [0, 0.3, 0.8, 1])
def test_calibrate_is_what_its_formula_says(weight: float) -> None:
    lists, score, users, train, features = some_lists()
    found = calibrate(lists, score, users, train, features, 10, weight)
    for row in (0, 2, 3):
        left = [item for item in lists[row].tolist() if item >= 0]
        liked, chosen = scaled(left, score[row]), []

        def value(item: int, row: int = row, liked: dict = liked, chosen: list = chosen) -> float:
            new = torch.tensor([[*chosen, item]])
            apart = calibration(new, users[row : row + 1], train, features).nan_to_num(0).item()
            return (1 - weight) * liked[item] - weight * apart

        while left and len(chosen) < 10:
            chosen.append(max(left, key=lambda item: round(value(item), 9)))
            left.remove(chosen[-1])
        assert found[row].tolist() == chosen + [-1] * (10 - len(chosen))
    assert found[1].tolist() == lists[1, :10].tolist()  # who has nothing keeps the order


def test_lists_chosen_anew_are_what_they_were_chosen_for() -> None:
    lists, score, users, train, features = some_lists()
    assert (diversify(lists, score, features, 6, 0) == lists[:, :6]).all()
    assert (calibrate(lists, score, users, train, features, 6, 0) == lists[:, :6]).all()
    apart = [diversity(diversify(lists, score, features, 6, w), features).mean() for w in (0, 0.9)]
    assert apart[1] > apart[0]
    far = [
        calibration(calibrate(lists, score, users, train, features, 6, w), users, train, features)
        for w in (0, 0.9)
    ]
    assert far[1].nanmean() < far[0].nanmean() and far[1][1].isnan()
    doubled = 5 * score - 3  # the size of the scores has no say
    for weight in (0.2, 0.5):
        same = diversify(lists, doubled, features, 6, weight)
        assert (same == diversify(lists, score, features, 6, weight)).all()


def test_lists_that_cannot_be_chosen_from_are_refused() -> None:
    lists, score, users, train, features = some_lists()
    with pytest.raises(ValueError, match="no longer"):
        diversify(lists, score, features, 13)
    with pytest.raises(ValueError, match="not finite"):
        calibrate(lists, score / 0, users, train, features, 3)
