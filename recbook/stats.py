"""How sure a figure is: intervals over users, runs and splits, paired differences, verdicts.

What is measured on other users says nothing of other splits, and the reverse: :func:`compare` is
about which users are measured, :func:`compare_splits` about how the data are split.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from recbook.checks import (
    check_choice,
    check_count,
    check_kind,
    check_number,
    check_seed,
    check_share,
)
from recbook.evaluation import RankingReport

__all__ = [
    "Comparison",
    "bootstrap_interval",
    "compare",
    "compare_splits",
    "comparison_table",
    "holm",
    "t_interval",
    "verdicts",
]


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
    check_share("level", level)
    check_count("num_resamples", num_resamples)
    means = _resampled_means(_checked("values", values), num_resamples, check_seed(seed))
    return _ends(means, level)


def t_interval(
    values: Sequence[float] | np.ndarray, level: float = 0.95, test_share: float = 0.0
) -> tuple[float, float]:
    r"""Student's interval of a mean over few runs, corrected where these share their data.

    .. math:: \bar{x} \pm t_{n-1} \, s \, \sqrt{\frac{1}{n} + \frac{q}{1 - q}}

    with :math:`q` = ``test_share``. Runs of their own (other seeds) have :math:`q = 0`. Random
    splits of one data set train on mostly the same interactions, so that they differ less than
    new data would: :math:`q` is the share that each of them tests on.

    Args:
        values: one value a run (a seed, a split), at least two.
        level: how often such an interval holds the true mean.
        test_share: of overlapping splits the part that is tested on, such as 0.2.

    Returns:
        The lower and the upper end; both are the mean where all runs agree.

    Raises:
        TypeError: on what are no numbers.
        ValueError: on fewer than two values, one that is not finite, or a share that is none.

    >>> [round(end, 2) for end in t_interval([1.0, 2.0, 3.0])]
    [-0.48, 4.48]
    >>> [round(end, 2) for end in t_interval([1.0, 2.0, 3.0], test_share=0.2)]
    [-1.29, 5.29]

    Reference: Nadeau and Bengio, Inference for the Generalization Error, Machine Learning 52,
    2003, section 3.
    """
    values = _checked("values", values)
    check_share("level", level)
    half = stats.t.ppf((1 + level) / 2, len(values) - 1) * _standard_error(values, test_share)
    return float(values.mean() - half), float(values.mean() + half)


@dataclass(frozen=True)
class Comparison:
    """A paired difference between two recommenders.

    Args:
        difference: mean of the first minus the second.
        low: lower end of its 95 % interval.
        high: upper end.
        p_value: how often a difference as large, in either direction, comes up where there is none.
        p_level: how often one as small comes up where it is as large as the margin (two one-sided
            tests): where this is small, the two are level, to within the margin.
    """

    difference: float
    low: float
    high: float
    p_value: float
    p_level: float


def compare(
    first: RankingReport,
    second: RankingReport,
    measure: str = "recall",
    seed: int = 0,
    margin: float = 0.005,
) -> Comparison:
    """Compare two recommenders user by user, on one split.

    The interval and ``p_level`` resample users; ``p_value`` swaps the two names at random for each
    user. They say nothing of other splits or seeds.

    Args:
        first: the report of one recommender.
        second: that of another, on the same target.
        measure: a column of ``per_user``.
        seed: seed of the resamples and swaps, 10,000 each.
        margin: the largest difference that counts as none, named before the result is known.

    Raises:
        TypeError: on what are no reports.
        ValueError: where they are about other users or lists of another length, have no such
            measure, or a value of it that is not finite; on a margin of 0 or less.

    Reference: Smucker, Allan and Carterette, A Comparison of Statistical Significance Tests for
    Information Retrieval Evaluation, CIKM 2007.
    """
    check_kind("first", first, RankingReport)
    check_kind("second", second, RankingReport)
    check_number("margin", margin, above=0)
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
    gain = _checked("values", gain)
    means = _resampled_means(gain, 10_000, check_seed(seed))
    low, high = _ends(means, 0.95)
    with np.errstate(over="ignore"):  # older releases of SciPy count all 2^n swaps in a float
        swapped = stats.permutation_test(
            (gain,),
            np.mean,
            permutation_type="samples",
            n_resamples=10_000,
            batch=500,
            vectorized=True,
            rng=np.random.default_rng(seed),
        )
    p_level = max((means <= -margin).mean(), (means >= margin).mean())
    return Comparison(float(gain.mean()), low, high, float(swapped.pvalue), float(p_level))


def compare_splits(
    first: Sequence[float] | np.ndarray,
    second: Sequence[float] | np.ndarray,
    test_share: float = 0.2,
    margin: float = 0.005,
) -> Comparison:
    r"""Compare two recommenders split by split, by Student's t with the corrected variance.

    .. math:: t = \frac{\bar{x}}{s \sqrt{1/n + q / (1 - q)}}

    with :math:`x` the differences on the :math:`n` splits, and :math:`q` = ``test_share``; see
    :func:`t_interval`.

    Args:
        first: one value a split, of one recommender.
        second: the values of another on the same splits, in the same order.
        test_share: the share of the data that each split tests on; 0 for runs of their own.
        margin: the largest difference that counts as none, named before the result is known.

    Raises:
        TypeError: on what are no numbers.
        ValueError: on fewer than two splits, lists of different lengths, a value that is not
            finite, a share that is none, or a margin of 0 or less.

    >>> found = compare_splits([0.36, 0.38, 0.37], [0.35, 0.36, 0.36])
    >>> round(found.difference, 4), round(found.p_value, 3)
    (0.0133, 0.094)

    References: Nadeau and Bengio, Machine Learning 52, 2003; Schuirmann, Journal of
    Pharmacokinetics and Biopharmaceutics 15, 1987, for the two one-sided tests.
    """
    ours, theirs = _checked("first", first), _checked("second", second)
    check_number("margin", margin, above=0)
    if len(ours) != len(theirs):
        raise ValueError(
            f"got {len(ours)} values in first and {len(theirs)} in second, expected one of both "
            "for each split"
        )
    gain = ours - theirs
    low, high = t_interval(gain, test_share=test_share)
    mean, student = float(gain.mean()), stats.t(len(gain) - 1)
    error = max(_standard_error(gain, test_share), 1e-300)  # no spread at all is no doubt at all
    p_value = 2 * student.sf(abs(mean) / error)
    p_level = student.sf((margin - abs(mean)) / error)
    return Comparison(mean, low, high, float(p_value), float(p_level))


def holm(p_values: Sequence[float] | np.ndarray) -> list[float]:
    r"""Holm's adjusted p values: of a family of tests, how sure each is that all errors are rare.

    The smallest of :math:`n` is multiplied by :math:`n`, the next by :math:`n - 1`, and so on; none
    may be smaller than one before it, nor larger than 1. Whatever is true, the chance that any
    difference below :math:`\alpha` is none is at most :math:`\alpha`.

    Args:
        p_values: of all comparisons that were made, not of those that came out well.

    Returns:
        The adjusted values, in the order given.

    Raises:
        TypeError: on what are no numbers.
        ValueError: on a value that is not in 0 .. 1, or none at all.

    >>> [round(p, 3) for p in holm([0.01, 0.04, 0.03])]
    [0.03, 0.06, 0.06]

    Reference: Holm, A Simple Sequentially Rejective Multiple Test Procedure, Scandinavian Journal
    of Statistics 6, 1979.
    """
    values = _checked("p_values", p_values, least=1)
    if values.min() < 0 or values.max() > 1:
        raise ValueError(
            f"got p_values from {values.min():.3g} to {values.max():.3g}, expected 0 to 1"
        )
    order = np.argsort(values, kind="stable")
    larger = np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1))
    adjusted = np.empty(len(values))
    adjusted[order] = np.minimum(larger, 1)
    return [float(p) for p in adjusted]


def verdicts(comparisons: Mapping[Any, Comparison], alpha: float = 0.05) -> dict[Any, str]:
    """What a family of comparisons allows to be said, in one word each, after Holm's correction.

    ``"ahead"`` or ``"behind"`` where the difference is not chance, ``"level"`` where it is surely
    smaller than the margin, and ``"open"`` where the data decide neither.

    Args:
        comparisons: all that were made, by name.
        alpha: how often one or more of the family may be wrong.

    Raises:
        TypeError: on what are no comparisons.
        ValueError: where there is none, or on an alpha that is no share.

    >>> verdicts({"EASE": Comparison(0.01, 0.004, 0.016, 0.001, 0.9)})
    {'EASE': 'ahead'}
    """
    check_share("alpha", alpha)
    check_kind("comparisons", comparisons, Mapping)
    if not comparisons:
        raise ValueError("got comparisons={}, expected one or more, by name")
    for name, one in comparisons.items():
        check_kind(f"comparisons[{name!r}]", one, Comparison)
    found = list(comparisons.values())
    words = []
    different = holm([one.p_value for one in found])
    level = holm([one.p_level for one in found])
    for one, p_value, p_level in zip(found, different, level, strict=True):
        if p_value < alpha:
            words.append("ahead" if one.difference > 0 else "behind")
        else:
            words.append("level" if p_level < alpha else "open")
    return dict(zip(comparisons, words, strict=True))


def comparison_table(comparisons: Mapping[Any, Comparison], alpha: float = 0.05) -> pd.DataFrame:
    """A family of comparisons as a table, with Holm's p and the word of :func:`verdicts`.

    Args:
        comparisons: all that were made, by name; tuples as names make an index of several levels.
        alpha: how often one or more of the family may be wrong.

    Returns:
        A row for each comparison, with the columns ``difference``, ``from`` and ``to`` (the ends of
        its interval, which is not corrected), ``Holm's p`` and ``verdict``.

    Raises:
        TypeError: on what are no comparisons.
        ValueError: where there is none, or on an alpha that is no share.

    >>> comparison_table({"EASE": Comparison(0.01, 0.004, 0.016, 0.001, 0.9)})
          difference   from     to  Holm's p verdict
    EASE        0.01  0.004  0.016     0.001   ahead
    """
    said = verdicts(comparisons, alpha)
    found = list(comparisons.values())
    columns = {
        "difference": [one.difference for one in found],
        "from": [one.low for one in found],
        "to": [one.high for one in found],
        "Holm's p": holm([one.p_value for one in found]),
        "verdict": list(said.values()),
    }
    names = list(comparisons)
    several = all(isinstance(name, tuple) for name in names)
    index = pd.MultiIndex.from_tuples(names) if several else pd.Index(names, tupleize_cols=False)
    return pd.DataFrame(columns, index)


def _resampled_means(values: np.ndarray, num_resamples: int, seed: int) -> np.ndarray:
    done = stats.bootstrap(
        (values,),
        np.mean,
        n_resamples=num_resamples,
        batch=500,  # resamples held in memory at a time
        method="percentile",
        rng=np.random.default_rng(seed),
    )
    return done.bootstrap_distribution


def _ends(means: np.ndarray, level: float) -> tuple[float, float]:
    """What lies between is a share ``level`` of the means."""
    low, high = np.percentile(means, [50 * (1 - level), 50 * (1 + level)])
    return float(low), float(high)


def _standard_error(values: np.ndarray, test_share: float) -> float:
    """Of the mean of runs that test on a share of the same data and train on the rest."""
    check_share("test_share", test_share, zero=True)
    return float(values.std(ddof=1) * (1 / len(values) + test_share / (1 - test_share)) ** 0.5)


def _checked(name: str, values: Sequence[float] | np.ndarray, least: int = 2) -> np.ndarray:
    try:
        array = np.asarray(values)
        numbers = array.dtype.kind in "fiub"
    except ValueError:  # lists of unlike lengths
        numbers = False
    if not numbers or not hasattr(values, "__len__"):
        raise TypeError(
            f"got {name} of type {type(values).__name__}, expected a list or array of numbers"
        )
    lost = int((~np.isfinite(array)).sum())
    if array.ndim != 1 or len(array) < least or lost:
        many = "numbers" if least < 2 else "two or more numbers: one alone has no spread"
        raise ValueError(
            f"got {name} of shape {array.shape}, {lost} of them missing or infinite, "
            f"expected {many}"
        )
    return array.astype(float)
