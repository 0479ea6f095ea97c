import math
import tracemalloc
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from scipy import stats as scipy_stats

from recbook.evaluation import RankingReport
from recbook.stats import (
    Comparison,
    bootstrap_interval,
    compare,
    compare_splits,
    comparison_table,
    holm,
    t_interval,
    verdicts,
)


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


def test_the_correction_by_hand() -> None:
    """Gains 1, 2, 3, so that s = 1; a fifth is tested on: 1/3 + 1/4 in place of 1/3."""
    low, high = t_interval([1.0, 2.0, 3.0], test_share=0.2)
    half = scipy_stats.t.ppf(0.975, 2) * (7 / 12) ** 0.5
    assert (low, high) == pytest.approx((2 - half, 2 + half))
    found = compare_splits([1.5, 2.5, 4.5], [0.5, 0.5, 1.5], 0.2, margin=5)
    assert (found.difference, found.low, found.high) == pytest.approx((2, low, high))
    t = 2 / (7 / 12) ** 0.5
    assert found.p_value == pytest.approx(1 - t / (2 + t * t) ** 0.5)  # Student's t, 2 degrees
    t = 3 / (7 / 12) ** 0.5
    assert found.p_level == pytest.approx((1 - t / (2 + t * t) ** 0.5) / 2)


def test_without_overlap_it_is_the_paired_t_test() -> None:
    ours, theirs = np.random.default_rng(7).normal(0.3, 0.01, (2, 6))
    found = compare_splits(ours, theirs, test_share=0)
    assert found.p_value == pytest.approx(scipy_stats.ttest_rel(ours, theirs).pvalue)
    gain = ours - theirs
    shifted = [
        scipy_stats.ttest_1samp(gain, end, alternative=side).pvalue
        for end, side in ((-0.005, "greater"), (0.005, "less"))
    ]
    assert found.p_level == pytest.approx(max(shifted))
    assert (found.low, found.high) == t_interval(gain)


def test_an_interval_holds_what_its_test_does_not_refuse() -> None:
    """The brute-force twin: shift the second model until the p value is a twentieth."""
    ours, theirs = np.random.default_rng(8).normal(0.3, 0.01, (2, 5))
    found = compare_splits(ours, theirs)
    for end in (found.low, found.high):
        assert compare_splits(ours, theirs + end).p_value == pytest.approx(0.05)
    inner = t_interval(ours - theirs, 0.9, test_share=0.2)
    margin = max(map(abs, inner))  # an interval of 90 % within the margin: level, at 5 %
    assert compare_splits(ours, theirs, margin=margin).p_level == pytest.approx(0.05)


def test_overlapping_splits_differ_too_little_for_an_uncorrected_interval() -> None:
    """Means of random test fifths of ten numbers scatter less than means of new data would."""
    generator = np.random.default_rng(9)
    held = {0.0: 0, 0.2: 0}
    for _ in range(400):
        data = generator.normal(size=50)
        parts = [generator.permutation(data) for _ in range(10)]
        scores = [part[:10].mean() + part[10:].mean() for part in parts]  # test and train count
        for share in held:
            low, high = t_interval(scores, test_share=share)
            held[share] += low < 0 < high
    assert held[0.0] < 0.75 * 400 and held[0.2] > held[0.0] + 60


def test_holm_is_bonferroni_closed() -> None:
    """A difference is certain where each set of hypotheses that holds it is refused as a whole."""
    p_values = [0.02, 0.001, 0.4, 0.02, 0.0124]
    everyone = range(len(p_values))
    for one, found in zip(everyone, holm(p_values), strict=True):
        sets = [
            chosen
            for size in range(1, len(p_values) + 1)
            for chosen in combinations(everyone, size)
            if one in chosen
        ]
        closed = max(min(1, len(each) * min(p_values[i] for i in each)) for each in sets)
        assert found == pytest.approx(closed)
    assert holm([0.3]) == [0.3] and holm([0.6, 0.6]) == [1, 1]


def test_the_margin_over_users_by_brute_force() -> None:
    gain = np.random.default_rng(10).normal(0.002, 0.05, 400)
    found = compare(report(gain), report(np.zeros(400)), margin=0.006)
    generator = np.random.default_rng(11)
    means = np.array([generator.choice(gain, 400).mean() for _ in range(10_000)])
    expected = max((means <= -0.006).mean(), (means >= 0.006).mean())
    assert found.p_level == pytest.approx(expected, abs=0.02)
    assert compare(report(-gain), report(np.zeros(400)), margin=0.006).p_level == pytest.approx(
        expected, abs=0.02
    )


def test_a_table_of_a_family_holds_what_was_compared() -> None:
    family = {
        "sure": Comparison(0.02, 0.01, 0.03, 0.001, 0.9),
        "lost": Comparison(-0.02, -0.03, -0.01, 0.002, 0.9),
        "close": Comparison(0.001, -0.002, 0.004, 0.4, 0.001),
    }
    table = comparison_table(family)
    assert table.loc["lost"].tolist() == [-0.02, -0.03, -0.01, 0.004, "behind"]
    assert table["verdict"].to_dict() == verdicts(family)
    assert table["Holm's p"].tolist() == holm([0.001, 0.002, 0.4])
    assert table["difference"].dtype == float and list(table.index) == list(family)
    by_data = {("recall", name): one for name, one in family.items()}
    assert comparison_table(by_data).index.nlevels == 2
    assert comparison_table(by_data, alpha=0.001).loc[("recall", "lost"), "verdict"] == "open"
    mixed = {("recall", "sure"): family["sure"], "all": family["close"]}
    assert list(comparison_table(mixed).index) == list(mixed)


def test_verdicts_of_a_family() -> None:
    family = {
        "sure": Comparison(0.01, 0.005, 0.015, 0.001, 0.9),
        "sure the other way": Comparison(-0.01, -0.015, -0.005, 0.001, 0.9),
        "sure alone": Comparison(0.01, 0.0001, 0.02, 0.04, 0.9),  # times two: .08
        "no difference": Comparison(0.0, -0.002, 0.002, 0.9, 0.001),
    }
    words = ["ahead", "behind", "open", "level"]
    assert list(verdicts(family).values()) == words
    assert verdicts({"sure alone": family["sure alone"]}) == {"sure alone": "ahead"}
    assert list(verdicts(family, alpha=0.003).values()) == ["open", "open", "open", "open"]


def test_splits_that_cannot_be_compared() -> None:
    with pytest.raises(
        ValueError, match="first and 3 in second, expected one of both for each split"
    ):
        compare_splits([1.0, 2.0], [1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="got test_share=20, expected a share from 0 to below 1"):
        compare_splits([1.0, 2.0], [1.0, 2.0], test_share=20)
    for margin in (0, -0.005):
        with pytest.raises(ValueError, match=f"got margin={margin}, expected"):
            compare_splits([1.0, 2.0], [1.0, 2.0], margin=margin)
        with pytest.raises(ValueError, match=f"got margin={margin}, expected"):
            compare(report([0.1, 0.2]), report([0.1, 0.2]), margin=margin)
    with pytest.raises(ValueError, match=r"got p_values from -0.1 to 0.5, expected 0 to 1"):
        holm([-0.1, 0.5])
    with pytest.raises(ValueError, match="expected numbers"):
        holm([])
    with pytest.raises(TypeError, match="got comparisons"):
        verdicts([Comparison(0, 0, 0, 1, 1)])
    with pytest.raises(TypeError, match=r"comparisons\['EASE'\]"):
        verdicts({"EASE": 0.01})
    same = compare_splits([0.3, 0.4], [0.3, 0.4])
    assert (same.difference, same.p_value, same.p_level) == (0, 1, 0)
    always = compare_splits([3.0, 4.0], [1.0, 2.0])
    assert (always.low, always.high, always.p_value, always.p_level) == (2, 2, 0, 1)
