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
    with pytest.raises(ValueError, match="user 1 has all 2 items"):
        TripletSampler(Interactions.from_pairs([0, 1, 1], [0, 0, 1]))


def test_several_negatives_for_one_pair(toy: Interactions) -> None:
    user, item, *negatives = TripletSampler(toy).sample(500, seeded(), num_negatives=3)
    has = toy.dense_rows(torch.arange(3))
    assert has[user, item].all() and len(negatives) == 3
    assert not any(has[user, neg_item].any() for neg_item in negatives)
    assert not torch.equal(negatives[0], negatives[1])
