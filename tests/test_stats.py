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
    with pytest.raises(ValueError, match=r"measure='reacll', expected one of \['recall'\]"):
        compare(one, one, "reacll")
    for values in ([0.1], [0.1, float("nan")]):
        with pytest.raises(ValueError, match="expected two or more numbers"):
            bootstrap_interval(values)
        with pytest.raises(ValueError, match="expected two or more numbers"):
            t_interval(values)
