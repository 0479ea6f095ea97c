"""How sure a figure is: intervals over users, spread over runs, paired differences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from recbook.checks import check_choice, check_count, check_kind, check_seed, check_share
from recbook.evaluation import RankingReport

__all__ = ["Comparison", "bootstrap_interval", "compare", "t_interval"]


def bootstrap_interval(
    values: Sequence[float] | np.ndarray,
    level: float = 0.95,
    num_resamples: int = 10_000,
    seed: int = 0,
) -> tuple[float, float]:
    """Percentile bootstrap interval of a mean: how far it moves with *which* users are measured.

    Args:
        values: one value a user, at least two, e.g. ``report.per_user["recall"]``.
        level: share of the resampled means that lie within.
        num_resamples: how many samples of the same size are drawn, with replacement.
        seed: seed of the draws.

    Returns:
        The lower and the upper end; both are the mean where all values agree.

    Raises:
        TypeError: on what are no numbers.
        ValueError: on fewer than two values, one that is not finite, or a level that is no share.

    >>> bootstrap_interval([1.0, 2.0, 3.0], level=0.9)
    (1.3333333333333333, 2.6666666666666665)

    Reference: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13.
    """
    values = _checked(values)
    check_share("level", level)
    check_count("num_resamples", num_resamples)
    check_seed(seed)
    done = stats.bootstrap(
        (values,),
        np.mean,
        confidence_level=level,
        n_resamples=num_resamples,
        batch=500,  # resamples held in memory at a time
        method="percentile",
        rng=np.random.default_rng(seed),
    )
    return float(done.confidence_interval.low), float(done.confidence_interval.high)


def t_interval(values: Sequence[float] | np.ndarray, level: float = 0.95) -> tuple[float, float]:
    r"""Student's interval of a mean over few runs: :math:`\bar{x} \pm t \, s / \sqrt{n}`.

    Args:
        values: one value a run (a seed, a split), at least two.
        level: how often such an interval holds the true mean.

    Returns:
        The lower and the upper end; both are the mean where all runs agree.

    Raises:
        TypeError: on what are no numbers.
        ValueError: on fewer than two values, one that is not finite, or a level that is no share.

    >>> [round(end, 2) for end in t_interval([1.0, 2.0, 3.0])]
    [-0.48, 4.48]
    """
    values = _checked(values)
    check_share("level", level)
    half = stats.t.ppf((1 + level) / 2, len(values) - 1) * values.std(ddof=1) / len(values) ** 0.5
    return float(values.mean() - half), float(values.mean() + half)


@dataclass(frozen=True)
class Comparison:
    """A paired difference between two recommenders, measured on the same users.

    Args:
        difference: mean over users of the first minus the second.
        low: lower end of its 95 % bootstrap interval.
        high: upper end.
        p_value: how often a difference as large comes up where the two names are swapped at random
            for each user (two-sided). It says nothing of other splits or seeds.
    """

    difference: float
    low: float
    high: float
    p_value: float


def compare(
    first: RankingReport, second: RankingReport, measure: str = "recall", seed: int = 0
) -> Comparison:
    """Compare two recommenders user by user: a paired interval and a randomisation test.

    Args:
        first: the report of one recommender.
        second: that of another, on the same target.
        measure: a column of ``per_user``.
        seed: seed of the resamples and swaps, 10,000 each.

    Raises:
        TypeError: on what are no reports.
        ValueError: where they are about other users or lists of another length, have no such
            measure, or a value of it that is not finite.

    Reference: Smucker, Allan and Carterette, A Comparison of Statistical Significance Tests for
    Information Retrieval Evaluation, CIKM 2007.
    """
    check_kind("first", first, RankingReport)
    check_kind("second", second, RankingReport)
    check_seed(seed)
    if first.k != second.k or not first.per_user.index.equals(second.per_user.index):
        raise ValueError(
            f"got reports on {len(first.per_user)} users at k={first.k} and on "
            f"{len(second.per_user)} at k={second.k}, expected the same users and k; evaluate both "
            "with the same target"
        )
    check_choice(
        "measure", measure, map(str, first.per_user.columns.intersection(second.per_user.columns))
    )
    gain = (first.per_user[measure] - second.per_user[measure]).to_numpy()
    low, high = bootstrap_interval(gain, seed=seed)
    swapped = stats.permutation_test(
        (gain,),
        np.mean,
        permutation_type="samples",
        n_resamples=10_000,
        batch=500,
        vectorized=True,
        rng=np.random.default_rng(seed),
    )
    return Comparison(float(gain.mean()), low, high, float(swapped.pvalue))


def _checked(values: Sequence[float] | np.ndarray) -> np.ndarray:
    try:
        array = np.asarray(values)
        numbers = array.dtype.kind in "fiub"
    except ValueError:  # lists of unlike lengths
        numbers = False
    if not numbers or not hasattr(values, "__len__"):
        raise TypeError(
            f"got values of type {type(values).__name__}, expected a list or array of numbers"
        )
    lost = int((~np.isfinite(array)).sum())
    if array.ndim != 1 or len(array) < 2 or lost:
        raise ValueError(
            f"got values of shape {array.shape}, {lost} of them missing or infinite, expected two "
            "or more numbers: one alone has no spread"
        )
    return array.astype(float)
