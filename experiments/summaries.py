"""From reports to figures: means, spreads and intervals, as the ledger holds them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import pandas as pd

from recbook.evaluation import MEASURES, RankingReport
from recbook.stats import Comparison, bootstrap_interval, compare, holm
from recbook.tuning import Choice


def rounded(values: Mapping[Any, float]) -> dict[str, float]:
    """To four digits: what stands behind them differs between machines."""
    return {name: round(float(value), 4) for name, value in values.items()}


def mean_sd(rows: Any, columns: Sequence[str] = MEASURES) -> dict[str, dict[str, float]]:
    """Mean and standard deviation of dicts or series of figures; 0 for a single one."""
    frame = pd.DataFrame(rows).reset_index(drop=True)[list(columns)]
    return {"mean": rounded(dict(frame.mean())), "sd": rounded(dict(frame.std().fillna(0)))}


def report_to_json(report: RankingReport) -> dict[str, Any]:
    """A report as JSON holds it."""
    return {"k": report.k, "per_user": report.per_user.reset_index().to_dict("list")}


def report_from_json(stored: dict[str, Any]) -> RankingReport:
    """The report that :func:`report_to_json` was given."""
    return RankingReport(stored["k"], pd.DataFrame(stored["per_user"]).set_index("user"))


def mean_report(reports: Sequence[RankingReport]) -> RankingReport:
    """Each user's mean over reports on the same users."""
    frames = [report.per_user for report in reports]
    return RankingReport(reports[0].k, sum(frames[1:], frames[0]) / len(frames))


def over_seeds(reports: Sequence[RankingReport]) -> dict[str, Any]:
    """Mean and standard deviation over runs that differ in their seed."""
    return mean_sd([report.as_dict() for report in reports])


def over_seeds_and_users(reports: Sequence[RankingReport]) -> dict[str, Any]:
    """Mean and deviation over seeds, and the interval over users of their mean."""
    return over_seeds(reports) | {"interval": intervals_over_users(mean_report(reports))}


def over_splits(reports: Sequence[RankingReport]) -> dict[str, Any]:
    """Mean and deviation over splits, and each split's figures."""
    by_split = [rounded(report.as_dict()) for report in reports]
    return over_seeds(reports) | {"by_split": by_split}


def trials_to_json(trials: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What was tried: the settings, the validation recall and the seconds of each trial."""
    return [
        dict(one["settings"]) | rounded({name: one[name] for name in ("recall", "seconds")})
        for one in trials
    ]


def intervals_over_users(report: RankingReport) -> dict[str, list[float]]:
    """95 % bootstrap intervals of the means over users."""
    return {
        measure: [round(end, 4) for end in bootstrap_interval(report.per_user[measure].to_numpy())]
        for measure in ("recall", "precision", "ndcg")
    }


def differences_over_users(first: RankingReport, second: RankingReport) -> dict[str, Any]:
    """Recall and NDCG of two models, paired over users, with intervals and p values."""
    names = ("difference", "low", "high", "p_value")
    found = {m: asdict(compare(first, second, m)) for m in ("recall", "ndcg")}
    return {m: rounded({name: one[name] for name in names}) for m, one in found.items()}


def comparisons_to_json(pairs: Mapping[str, Comparison]) -> dict[str, dict[str, float]]:
    """Comparisons that were made together, with the p values of the whole family by Holm."""
    different = holm([one.p_value for one in pairs.values()])
    level = holm([one.p_level for one in pairs.values()])
    return {
        name: rounded(vars(one) | {"p_holm": p, "p_level_holm": p_level})
        for (name, one), p, p_level in zip(pairs.items(), different, level, strict=True)
    }


def gain_in_percent(ours: Mapping[str, float], theirs: Mapping[str, float]) -> dict[str, float]:
    """By how much of theirs our recall and precision are higher."""
    return rounded({m: 100 * (ours[m] / theirs[m] - 1) for m in ("recall", "precision")})


def choice_to_json(choice: Choice) -> dict[str, Any]:
    """The settings that were chosen, and the validation recall that they reached."""
    return choice.settings | {"validation_recall": round(choice.recall, 4)}
