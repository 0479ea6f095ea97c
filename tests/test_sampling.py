import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from recbook.data import Interactions, Split
from recbook.sampling import TripletSampler


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def keys(user: torch.Tensor, item: torch.Tensor, num_items: int) -> torch.Tensor:
    return user * num_items + item


def test_negatives_never_meet_positives_on_real_data(original: Split) -> None:
    train = original.train
    user, item, neg_item = TripletSampler(train).sample(200_000, seeded())
    positives = keys(train.user, train.item, train.num_items)
    assert torch.isin(keys(user, item, train.num_items), positives).all()
    assert not torch.isin(keys(user, neg_item, train.num_items), positives).any()
    assert neg_item.min() == 0 and neg_item.max() == train.num_items - 1


@settings(deadline=None)
@given(st.sets(st.tuples(st.integers(0, 3), st.integers(0, 4)), min_size=1).map(sorted))
def test_triplets_of_any_graph(pairs: list[tuple[int, int]]) -> None:
    user, item = zip(*pairs, strict=True)
    train = Interactions.from_pairs(user, item, 5, 6)  # user 4 and item 5 have nothing
    drawn = TripletSampler(train).sample(300, seeded()).T.tolist()
    assert all((u, i) in pairs and (u, j) not in pairs for u, i, j in drawn)


def test_each_triplet_is_as_likely_as_it_should_be(toy: Interactions) -> None:
    drawn = TripletSampler(toy).sample(60_000, seeded()).T
    triplet, count = drawn.unique(dim=0, return_counts=True)
    assert len(triplet) == 3 * 2 * 2  # 3 users, 2 positives and 2 negatives each
    chi_square = ((count - 5000.0) ** 2 / 5000).sum()
    assert chi_square < 31  # 0.1 % of the chi-square distribution with 11 degrees of freedom


def test_users_count_alike_however_many_items_they_have() -> None:
    # User 0 has 1 of 5 items, user 1 has 3, user 2 has none: 1*4 and 3*2 triplets, half the
    # draws for each user, so each triplet is drawn with probability 1/8 or 1/12.
    train = Interactions.from_pairs([0, 1, 1, 1], [4, 0, 2, 3], num_users=3, num_items=5)
    triplet, count = (
        TripletSampler(train).sample(48_000, seeded()).T.unique(dim=0, return_counts=True)
    )
    assert len(triplet) == 4 + 6
    expected = torch.where(triplet[:, 0] == 0, 48_000 / 8, 48_000 / 12)
    chi_square = ((count - expected) ** 2 / expected).sum()
    assert chi_square < 27.9  # 0.1 % of the chi-square distribution with 9 degrees of freedom


def test_seed_decides(toy: Interactions) -> None:
    sampler = TripletSampler(toy)
    assert sampler.sample(50, seeded(1)).equal(sampler.sample(50, seeded(1)))
    assert not sampler.sample(50, seeded(1)).equal(sampler.sample(50, seeded(2)))


def test_user_with_everything() -> None:
    with pytest.raises(ValueError, match="user 1 has all 2 items, expected one left"):
        TripletSampler(Interactions.from_pairs([0, 1, 1], [0, 0, 1]))


def test_several_negatives_for_one_pair(toy: Interactions) -> None:
    user, item, *negatives = TripletSampler(toy).sample(500, seeded(), num_negatives=3)
    has = toy.dense_rows(torch.arange(3))
    assert has[user, item].all() and len(negatives) == 3
    assert not any(has[user, neg_item].any() for neg_item in negatives)
    assert not torch.equal(negatives[0], negatives[1])


def test_what_cannot_be_drawn(toy: Interactions) -> None:
    sampler = TripletSampler(toy)
    for num in (0, -1):
        with pytest.raises(ValueError, match=f"got num={num}, expected 1 or more"):
            sampler.sample(num)
        with pytest.raises(ValueError, match=f"got num_negatives={num}, expected 1 or more"):
            sampler.sample(1, num_negatives=num)
    with pytest.raises(TypeError, match="got generator=7, expected Generator or None"):
        sampler.sample(1, generator=7)
    with pytest.raises(TypeError, match=r"got train=.*, expected Interactions"):
        TripletSampler([(0, 1)])


def test_a_generator_of_another_device(toy: Interactions) -> None:
    class OnCuda(torch.Generator):
        device = torch.device("cuda:1")

    with pytest.raises(ValueError, match="got a generator on cuda:1, expected one on the CPU"):
        TripletSampler(toy).sample(1, OnCuda())


def test_a_part_without_a_pair_has_nothing_to_draw() -> None:
    none = torch.zeros(0, dtype=torch.long)
    sampler = TripletSampler(Interactions(none, none, 2, 3))
    with pytest.raises(ValueError, match="train: got no interaction, expected at least one"):
        sampler.sample(1)


def test_triplets_by_hand() -> None:
    # User 0 has items 1 and 3 of 5, user 2 has item 0: the others are 0, 2, 4 and 1, 2, 3, 4.
    train = Interactions.from_pairs([0, 0, 2], [3, 1, 0], num_users=3, num_items=5)
    index = torch.tensor([0, 0, 0, 1, 1])
    below = 1 - 2.0**-53  # the largest double below 1
    uniform = torch.tensor([0, 0.5, below, 0, below], dtype=torch.float64).repeat(2, 1)
    user, item, neg_item = TripletSampler(train).triplets(index, uniform)
    assert user.tolist() == [0, 0, 0, 2, 2]
    assert item.tolist() == [1, 3, 3, 0, 0]
    assert neg_item.tolist() == [0, 2, 4, 1, 4]


def test_triplets_of_what_are_no_shares(toy: Interactions) -> None:
    sampler, index = TripletSampler(toy), torch.tensor([0, 2])
    for wrong in (1.0, -1e-9, float("nan")):
        uniform = torch.full((2, 2), 0.5, dtype=torch.float64)
        uniform[1, 0] = wrong
        with pytest.raises(
            ValueError, match="uniform: got a number that is not, expected all from"
        ):
            sampler.triplets(index, uniform)
    with pytest.raises(ValueError, match="index: got position 3, expected 0 to 2"):
        sampler.triplets(index + 1, torch.zeros(2, 2))
    with pytest.raises(ValueError, match=r"index: got shape \(1, 2\), expected \(num,\)"):
        sampler.triplets(index[None], torch.zeros(2, 2))
    with pytest.raises(ValueError, match=r"uniform: got shape \(2, 3\), expected \(1 \+ num_neg"):
        sampler.triplets(index, torch.zeros(2, 3))
