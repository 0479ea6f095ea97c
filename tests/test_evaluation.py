import math
import warnings

import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch_geometric import metrics

from recbook.data import Interactions, Split
from recbook.evaluation import RankingReport, evaluate, top_k
from recbook.models import Popularity


class Fixed:
    """Scores that were written down."""

    def __init__(self, score: Tensor) -> None:
        self.table = score

    def score(self, users: Tensor) -> Tensor:
        return self.table[users]


def test_one_user_by_hand() -> None:
    # Items by score: 0, 1, 2, 3, 4. Seen: 0. Wanted: 2, 4, 5. List of 3: 1, 2, 3; hit at rank 2.
    model = Fixed(torch.tensor([[6.0, 5, 4, 3, 2, 1]]))
    seen = Interactions.from_pairs([0], [0], 1, 6)
    report = evaluate(model, seen, Interactions.from_pairs([0, 0, 0], [2, 4, 5]), k=3)
    best = 1 + 1 / math.log2(3) + 1 / 2
    assert report.as_dict() == pytest.approx(
        {"recall": 1 / 3, "precision": 1 / 3, "ndcg": 1 / math.log2(3) / best, "hit_rate": 1}
    )


def test_ceilings() -> None:
    target = Interactions.from_pairs([0, 1, 1, 1], [0, 0, 1, 2], num_users=3)
    perfect = Fixed(target.dense_rows(torch.arange(3)).float())
    report = evaluate(perfect, None, target, k=2)
    assert report.per_user["num_target"].to_dict() == {0: 1, 1: 3}  # user 2 wants nothing
    assert report.recall == report.recall_ceiling == pytest.approx((1 + 2 / 3) / 2)
    assert report.precision == report.precision_ceiling == pytest.approx((1 / 2 + 1) / 2)
    assert report.ndcg == report.hit_rate == 1


def by_brute_force(score: list, seen: set, target: set, k: int) -> dict[int, tuple]:
    result = {}
    for user, row in enumerate(score):
        wanted = {item for u, item in target if u == user}
        if not wanted:
            continue
        allowed = [item for item in range(len(row)) if (user, item) not in seen]
        ranked = sorted(allowed, key=lambda item: (-row[item], item))[:k]
        hits = [rank for rank, item in enumerate(ranked) if item in wanted]
        best = sum(1 / math.log2(rank + 2) for rank in range(min(k, len(wanted))))
        gain = sum(1 / math.log2(rank + 2) for rank in hits)
        result[user] = (len(hits) / len(wanted), len(hits) / k, gain / best, min(1, len(hits)))
    return result


@settings(deadline=None)
@given(
    st.lists(st.lists(st.integers(-2, 2), min_size=6, max_size=6), min_size=4, max_size=4),
    st.dictionaries(st.tuples(st.integers(0, 3), st.integers(0, 5)), st.booleans(), min_size=1),
    st.integers(1, 6),
    st.integers(1, 5),
)
def test_equals_brute_force(score: list, pairs: dict, k: int, block: int) -> None:
    target = {pair for pair, wanted in pairs.items() if wanted}
    seen = set(pairs) - target
    if not target or not seen:
        return
    parts = [
        Interactions.from_pairs(*zip(*sorted(part), strict=True), 4, 6) for part in (seen, target)
    ]
    table = torch.tensor(score, dtype=torch.float)
    report = evaluate(Fixed(table), *parts, k=k, block=block)
    rows = report.per_user[["recall", "precision", "ndcg", "hit_rate"]]
    expected = by_brute_force(score, seen, target, k)
    assert rows.index.tolist() == list(expected)
    for user, values in expected.items():
        assert tuple(rows.loc[user]) == pytest.approx(values)
    shifted = evaluate(Fixed(table + 3), *parts, k=k)  # a constant changes no ranking
    assert shifted.per_user.equals(report.per_user)


def test_agrees_with_pyg() -> None:
    generator = torch.Generator().manual_seed(0)
    score = torch.rand(50, 30, generator=generator)
    user, item = (torch.rand(50, 30, generator=generator) < 0.2).nonzero().T
    report = evaluate(Fixed(score), None, Interactions.from_pairs(user, item, 50, 30), k=5)
    for name, metric in (
        ("recall", metrics.LinkPredRecall(5)),
        ("precision", metrics.LinkPredPrecision(5)),
        ("ndcg", metrics.LinkPredNDCG(5)),
        ("hit_rate", metrics.LinkPredHitRatio(5)),
    ):
        wanted = user.unique()
        position = {u: n for n, u in enumerate(wanted.tolist())}
        label = torch.stack([torch.tensor([position[u] for u in user.tolist()]), item])
        metric.update(score[wanted].topk(5).indices, label)
        assert getattr(report, name) == pytest.approx(float(metric.compute()), abs=1e-6), name


def test_popularity_on_the_original_split(original: Split) -> None:
    report = evaluate(Popularity().fit(original.train), original.train, original.test)
    assert report.recall == pytest.approx(0.173, abs=1e-3)
    assert report.precision == pytest.approx(0.133, abs=1e-3)
    assert report.ndcg == pytest.approx(0.192, abs=1e-3)
    assert report.recall_ceiling == pytest.approx(0.877, abs=1e-3)
    assert report.precision_ceiling == pytest.approx(0.602, abs=1e-3)
    assert len(report.per_user) == 938


def test_negative_scores_do_not_bring_seen_items_back() -> None:
    # Multiplying a seen item's score by 0, as the original does, would put item 0 on top.
    model = Fixed(torch.tensor([[-1.0, -2.0, -3.0]]))
    seen = Interactions.from_pairs([0], [0], 1, 3)
    assert evaluate(model, seen, Interactions.from_pairs([0], [1], 1, 3), k=1).recall == 1


def test_equal_scores_go_to_the_lower_position() -> None:
    assert top_k(torch.zeros(1, 1000), 5).tolist() == [[0, 1, 2, 3, 4]]
    assert top_k(torch.tensor([[1.0, 2, 1, 2, 1]]), 4).tolist() == [[1, 3, 0, 2]]


def test_errors() -> None:
    model, pair = Fixed(torch.zeros(2, 3)), Interactions.from_pairs([0], [0], 2, 3)
    for k in (0, 4):
        with pytest.raises(ValueError, match="expected 1 to 3"):
            evaluate(model, None, pair, k=k)
    with pytest.raises(ValueError, match="block=0"):
        evaluate(model, None, pair, k=1, block=0)
    with pytest.raises(ValueError, match="seen: got 2 users and 4 items, expected 2 and 3"):
        evaluate(model, Interactions.from_pairs([0], [1], 2, 4), pair, k=1)
    with pytest.raises(ValueError, match="both in seen and in target"):
        evaluate(model, pair, pair, k=1)
    with pytest.raises(ValueError, match=r"score: got shape \(1, 2\), expected \(1, 3\)"):
        evaluate(Fixed(torch.zeros(2, 2)), None, pair, k=1)
    with pytest.raises(ValueError, match="NaN"):
        evaluate(Fixed(torch.full((2, 3), torch.nan)), None, pair, k=1)
    none = torch.zeros(0, dtype=torch.long)
    with pytest.raises(ValueError, match="no interaction"):
        evaluate(model, None, Interactions(none, none, 2, 3), k=1)


@pytest.mark.parametrize("dtype", [torch.int64, torch.int32, torch.float16, torch.bfloat16])
def test_scores_of_any_number(dtype: torch.dtype) -> None:
    seen, target = (Interactions.from_pairs([0], [item], 1, 4) for item in (3, 1))
    report = evaluate(Fixed(torch.tensor([[1, 2, 0, 9]], dtype=dtype)), seen, target, k=1)
    assert report.recall == 1 and report.num_tied == 0
    assert top_k(torch.tensor([[1, 2, 0, 9]], dtype=dtype), 2).tolist() == [[3, 1]]


def test_users_of_whom_nothing_is_known_are_counted() -> None:
    model = Fixed(torch.arange(12.0).view(3, 4))
    seen = Interactions.from_pairs([0], [0], 3, 4)
    target = Interactions.from_pairs([0, 1, 2], [3, 3, 3], 3, 4)
    report = evaluate(model, seen, target, k=1)
    assert report.num_unknown == 2 and "3 users, 2 of them unknown" in repr(report)
    none = torch.zeros(0, dtype=torch.long)
    assert evaluate(model, Interactions(none, none, 3, 4), target, k=1).num_unknown == 3
    assert evaluate(model, None, target, k=1).num_unknown == 0


def test_a_list_that_a_tie_decides_is_counted() -> None:
    scores = torch.tensor([[3.0, 1, 1, 0], [3, 1, 1, 0], [3, 2, 1, 1]])
    target = Interactions.from_pairs([0, 1, 2], [2, 3, 3], 3, 4)
    report = evaluate(Fixed(scores), None, target, k=2)  # user 1's target is no part of the tie
    assert report.num_tied == 1
    many = Fixed(torch.zeros(11, 4))
    target = Interactions.from_pairs(range(11), [3] * 11, 11, 4)
    with pytest.warns(UserWarning, match="for 11 of 11 users a target item scores as the last"):
        assert evaluate(many, None, target, k=2).num_tied == 11
    perfect = Fixed(target.dense_rows(torch.arange(11)).double())  # a tie of targets alone
    both = Interactions.from_pairs([0] * 3, [1, 2, 3], 11, 4)
    assert (
        evaluate(Fixed(both.dense_rows(torch.arange(11)).double()), None, both, k=2).num_tied == 0
    )
    assert evaluate(perfect, None, target, k=2).num_tied == 0


def test_ties_are_counted_user_by_user_in_blocks_of_any_size() -> None:
    scores = torch.tensor([[3.0, 1, 1, 0], [0, 1, 1, 1], [3, 1, 1, 0]])
    target = Interactions.from_pairs([0, 1, 1, 1, 2], [2, 1, 2, 3, 1], 3, 4)
    for block in (1, 2, 3):  # user 1 ties, but whatever is listed is a target
        assert evaluate(Fixed(scores), None, target, k=2, block=block).num_tied == 2


def test_ties_of_a_tenth_of_the_users_are_no_cause_to_warn() -> None:
    scores = torch.tensor([[3.0, 1, 1, 0]] * 11 + [[3, 2, 1, 0]] * 99)
    target = Interactions.from_pairs(range(110), [2] * 110, 110, 4)
    with warnings.catch_warnings(action="error"):
        assert evaluate(Fixed(scores), None, target, k=2).num_tied == 11
    scores[11, 1] = 1
    with pytest.warns(UserWarning, match="for 12 of 110 users a target item scores as the last"):
        evaluate(Fixed(scores), None, target, k=2)


def test_a_warning_points_at_who_evaluates() -> None:
    target = Interactions.from_pairs(range(11), [3] * 11, 11, 4)
    with pytest.warns(UserWarning, match="scores as the last listed") as caught:
        evaluate(Fixed(torch.zeros(11, 4)), None, target, k=2)
    assert caught[0].filename == __file__


def test_what_is_no_recommender() -> None:
    pair = Interactions.from_pairs([0], [0], 2, 3)
    for what in (None, torch.zeros(2, 3), "LightGCN"):
        with pytest.raises(TypeError, match="expected an object with score"):
            evaluate(what, None, pair, k=1)


def test_a_report_shows_what_it_has_left_out_only_where_there_is_some() -> None:
    row = {"recall": [0.25, 0.5], "precision": 0.5, "ndcg": 0.125, "hit_rate": 1.0}
    shown = "at 20: recall 0.3750, precision 0.5000, ndcg 0.1250, hit_rate 1.0000; 2 users"
    for counts, more in (
        ((0, 0), ""),
        ((1, 0), ", 1 of them unknown"),
        ((0, 2), ", 2 lists decided by a tie"),
    ):
        unknown, tied = counts
        report = RankingReport(20, pd.DataFrame(row), num_unknown=unknown, num_tied=tied)
        assert repr(report) == f"RankingReport({shown}{more})"


def test_a_model_that_was_fitted_on_a_part_of_the_target() -> None:
    train = Interactions.from_pairs([0, 0, 1], [0, 1, 1], 3, 4)
    model = Popularity().fit(train)
    rest = Interactions.from_pairs([0, 1, 2], [2, 3, 1], 3, 4)
    assert evaluate(model, train, rest, k=2).recall == pytest.approx(2 / 3)
    another = Interactions.from_pairs([0, 1, 2], [0, 3, 1], 3, 4)  # as another seed's test part
    with pytest.raises(ValueError, match="got 1 pairs of 3 that the model was fitted on"):
        evaluate(model, None, another, k=2)
    assert evaluate(model, None, train, k=2).recall == 1  # how well it fits
    with pytest.raises(ValueError, match="got 3 users and 4 items, expected 2 "):
        evaluate(model, None, Interactions.from_pairs([0, 1], [2, 3], 2, 4), k=2)
