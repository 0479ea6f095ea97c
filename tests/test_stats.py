import math
import tracemalloc

import numpy as np
import pandas as pd
import pytest
from scipy import stats as scipy_stats

from recbook.evaluation import RankingReport
from recbook.stats import bootstrap_interval, compare, t_interval


def report(recall: list[float] | np.ndarray, k: int = 20) -> RankingReport:
    return RankingReport(k, pd.DataFrame({"recall": recall}))


def test_bootstrap_is_near_the_normal_interval() -> None:
    values = np.random.default_rng(3).normal(0.3, 0.2, 900)
    low, high = bootstrap_interval(values)
    half = 1.96 * values.std(ddof=1) / 30
    assert (low, high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.001)
    assert (low, high) == bootstrap_interval(values)  # the same seed, the same draws
    inner = bootstrap_interval(values, level=0.5)
    assert low < inner[0] < inner[1] < high


def test_bootstrap_holds_the_truth_about_as_often_as_it_says() -> None:
    generator = np.random.default_rng(0)
    held = 0
    for _ in range(200):
        low, high = bootstrap_interval(generator.exponential(1, 100), num_resamples=300)
        held += low < 1 < high
    assert 178 <= held <= 200


def test_t_interval_is_scipys() -> None:
    values = [0.1, 0.3, 0.35, 0.2]
    expected = scipy_stats.ttest_1samp(values, 0).confidence_interval(0.9)
    assert t_interval(values, 0.9) == pytest.approx((expected.low, expected.high))
    assert t_interval([0.2, 0.2]) == (0.2, 0.2)


def test_a_paired_difference_is_seen_where_unpaired_intervals_overlap() -> None:
    generator = np.random.default_rng(1)
    users = generator.uniform(0, 1, 300)  # users differ far more than the models do
    better = compare(report(users + generator.normal(0.02, 0.05, 300)), report(users))
    assert 0 < better.low < better.difference < better.high
    assert better.p_value < 0.001
    assert bootstrap_interval(users)[1] > bootstrap_interval(users + 0.02)[0]


def test_no_difference_is_none() -> None:
    generator = np.random.default_rng(2)
    same = compare(report(generator.uniform(size=300)), report(generator.uniform(size=300)))
    assert same.low < 0 < same.high and same.p_value > 0.05


def test_swapping_by_brute_force() -> None:
    # Gains 3 and 1: of the four ways to swap, two have a mean as far from 0 as 2.
    few = compare(report([3.0, 1.0]), report([0.0, 0.0]))
    assert few.difference == 2 and few.p_value == pytest.approx(0.5)


def test_what_cannot_be_compared() -> None:
    one = report([0.1, 0.2])
    with pytest.raises(ValueError, match="2 users at k=20 and on 3 at k=20, expected the same"):
        compare(one, report([0.1, 0.2, 0.3]))
    with pytest.raises(ValueError, match="k=10"):
        compare(one, report([0.1, 0.2], k=10))
    with pytest.raises(ValueError, match="measure='reacll', expected 'recall'"):
        compare(one, one, "reacll")
    for values in ([0.1], [], [0.1, math.nan], [0.1, math.inf], [[0.1, 0.2]]):
        with pytest.raises(ValueError, match="expected two or more numbers"):
            bootstrap_interval(values)
        with pytest.raises(ValueError, match="expected two or more numbers"):
            t_interval(values)
    for values in ("0.1", ["0.1", "0.2"], None, [0.1, None], 7, [[1], [2, 3]], {0.1, 0.2}):
        with pytest.raises(TypeError, match=r"got values of type .*, expected a list or array of"):
            bootstrap_interval(values)
        with pytest.raises(TypeError, match=r"got values of type .*, expected a list or array of"):
            t_interval(values)
    with pytest.raises(ValueError, match="1 of them missing or infinite, expected two"):
        compare(one, report([0.1, math.nan]))
    with pytest.raises(TypeError, match=r"got first=\[0.1, 0.2\], expected RankingReport"):
        compare([0.1, 0.2], one)
    with pytest.raises(TypeError, match="got second=None, expected RankingReport"):
        compare(one, None)


def test_levels_counts_and_seeds() -> None:
    for level in (95, 0, 1, -0.5, math.nan):
        for interval in (bootstrap_interval, t_interval):
            with pytest.raises(ValueError, match=f"got level={level}, expected a share between 0"):
                interval([0.1, 0.2], level)
    with pytest.raises(ValueError, match="got num_resamples=0, expected 1 or more"):
        bootstrap_interval([0.1, 0.2], num_resamples=0)
    for seed in (-1, 2**32):
        with pytest.raises(ValueError, match=f"got seed={seed}, expected 0 to"):
            bootstrap_interval([0.1, 0.2], seed=seed)
        with pytest.raises(ValueError, match=f"got seed={seed}, expected 0 to"):
            compare(report([0.1, 0.2]), report([0.1, 0.3]), seed=seed)


def test_what_is_the_same_everywhere_has_no_spread() -> None:
    assert bootstrap_interval([0.25] * 3) == t_interval([0.25] * 3) == (0.25, 0.25)
    same = compare(report([0.25, 0.5]), report([0.25, 0.5]))
    assert (same.difference, same.low, same.high, same.p_value) == (0, 0, 0, 1)


def test_whole_numbers_and_hits_are_numbers() -> None:
    assert t_interval(np.array([1, 2, 3])) == t_interval([1.0, 2.0, 3.0])
    assert bootstrap_interval(np.array([True, False])) == bootstrap_interval([1.0, 0.0])


def test_the_measure_and_the_seed_decide() -> None:
    generator = np.random.default_rng(4)
    first, second = (
        RankingReport(20, pd.DataFrame(generator.uniform(size=(30, 2)), columns=["recall", "ndcg"]))
        for _ in range(2)
    )
    gain = (first.per_user["ndcg"] - second.per_user["ndcg"]).to_numpy()
    found = compare(first, second, "ndcg", seed=3)
    assert found.difference == pytest.approx(gain.mean())
    assert (found.low, found.high) == bootstrap_interval(gain, 0.95, 10_000, seed=3)
    expected = scipy_stats.permutation_test(
        (gain,), np.mean, permutation_type="samples", n_resamples=10_000,
        rng=np.random.default_rng(3), batch=500, vectorized=True,
    )  # fmt: skip
    assert found.p_value == expected.pvalue
    assert found != compare(first, second, "ndcg", seed=4)
    assert bootstrap_interval(gain, seed=3) != bootstrap_interval(gain, seed=4)


def test_what_is_not_named_is_what_the_signature_says() -> None:
    values = np.random.default_rng(5).normal(size=40)
    expected = scipy_stats.bootstrap(
        (values,), np.mean, confidence_level=0.95, n_resamples=10_000, batch=500,
        method="percentile", rng=np.random.default_rng(0),
    ).confidence_interval  # fmt: skip
    assert bootstrap_interval(values) == (expected.low, expected.high)
    assert t_interval(values) == t_interval(values, 0.95)
    both = report(values), report(np.roll(values, 1))
    assert compare(*both) == compare(*both, measure="recall", seed=0)


def test_resamples_of_many_users_are_not_all_in_memory_at_once() -> None:
    gain = np.random.default_rng(6).normal(size=1_000)  # 10,000 resamples of it are 80 MB
    tracemalloc.start()
    try:
        compare(report(gain), report(np.zeros(1_000)))
        assert tracemalloc.get_traced_memory()[1] < 50e6
    finally:
        tracemalloc.stop()
