"""What several experiments share: choosing, refitting, summing up."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

import pandas as pd

from experiments.runs import Runs
from recbook.data import Split, load_movielens_100k, random_split, to_implicit
from recbook.evaluation import MEASURES, RankingReport, Recommender, evaluate
from recbook.models import NGCF, EmbeddingModel, LightGCN, MatrixFactorization
from recbook.stats import bootstrap_interval, compare, t_interval
from recbook.tuning import FAMILIES, Choice, Family, Settings, tune

SEEDS = [0, 1, 2, 3, 4]
TRAINED: dict[str, Callable[[int, int], EmbeddingModel]] = {
    "MF-BPR": MatrixFactorization,
    "NGCF": partial(NGCF, bias=True),  # as the post has it
    "LightGCN": LightGCN,
}
CHAMPION, ANYWHERE = "LightGCN, softmax", "LightGCN, softmax, random start"


def liked() -> pd.DataFrame:
    """The interactions of the whole book: ratings of three stars or more."""
    return to_implicit(load_movielens_100k().ratings)


def on_test(recommender: Recommender, split: Split) -> RankingReport:
    """Measure on the test part."""
    return evaluate(recommender, seen=split.train, target=split.test)


def chosen_on(runs: Runs, name: str, where: str, split: Split) -> Choice:
    """What :func:`recbook.tuning.tune` chooses, remembered."""
    return chosen_by(runs, name, FAMILIES[name], where, split)


def chosen_by(runs: Runs, name: str, family: Family, where: str, split: Split) -> Choice:
    """The same for a family that is not in ``FAMILIES``."""
    return Choice(**runs(f"{name}, tune, {where}", lambda: asdict(tune(family, split))))


def choice_on_seed(runs: Runs, name: str, seed: int) -> Choice:
    """The same on the random split of one seed."""
    return chosen_on(runs, name, f"seed {seed}", random_split(liked(), val_size=0.1, seed=seed))


def refits(
    runs: Runs, name: str, what: str, full: Split, settings: Settings, seeds: Sequence[int]
) -> list[RankingReport]:
    """Fit on all that is not test with settings that are chosen, and measure, once a seed."""

    def refit(seed: int) -> dict[str, Any]:
        return pack(on_test(FAMILIES[name].fit(full, settings, seed)[0], full))

    return [
        unpack([runs(f"{name}, {what}, refit, seed {seed}", partial(refit, seed))])
        for seed in seeds
    ]


def own_choices(runs: Runs, name: str) -> list[Choice]:
    """What is chosen on each of the five random splits, by its own validation part."""
    return [choice_on_seed(runs, name, seed) for seed in SEEDS]


def over_splits(runs: Runs, name: str, choices: Sequence[Choice]) -> dict[str, Any]:
    """Refitted and measured on the random splits of five seeds."""
    reports = []
    for seed, choice in zip(SEEDS, choices, strict=True):
        full = random_split(liked(), seed=seed)
        reports += refits(runs, name, f"split {seed}", full, choice.settings, [0])
    return split_summary(reports)


def split_summary(reports: Sequence[RankingReport]) -> dict[str, Any]:
    """Mean, deviation, and each split's figures."""
    by_split = [rounded(report.as_dict()) for report in reports]
    return summary(reports) | {"by_split": by_split}


def split_differences(splits: Mapping[str, Any], first: str, second: str) -> dict[str, Any]:
    """A difference on each split, with Student's interval of its mean."""
    result = {}
    for measure in ("recall", "ndcg"):
        both = zip(splits[first]["by_split"], splits[second]["by_split"], strict=True)
        gains = [ours[measure] - theirs[measure] for ours, theirs in both]
        low, high = t_interval(gains)
        result[measure] = rounded({"mean": sum(gains) / len(gains), "low": low, "high": high}) | {
            "by_split": [round(gain, 4) for gain in gains]
        }
    return result


def comparison(first: RankingReport, second: RankingReport) -> dict[str, Any]:
    """Paired over users, recall and NDCG."""
    measures = ("recall", "ndcg")
    return {m: rounded(asdict(compare(first, second, m))) for m in measures}


def pack(report: RankingReport) -> dict[str, Any]:
    """A report as JSON holds it."""
    return {"k": report.k, "per_user": report.per_user.reset_index().to_dict("list")}


def unpack(packed: Sequence[dict[str, Any]]) -> RankingReport:
    """The report, or the mean of several on the same users."""
    frames = [pd.DataFrame(one["per_user"]).set_index("user") for one in packed]
    return RankingReport(packed[0]["k"], sum(frames[1:], frames[0]) / len(frames))


def average(reports: Sequence[RankingReport]) -> RankingReport:
    """Each user's mean over reports on the same users."""
    return unpack([pack(report) for report in reports])


def described(choice: Choice) -> dict[str, Any]:
    """A choice as the ledger holds it."""
    return choice.settings | {"validation_recall": round(choice.recall, 4)}


def intervals(report: RankingReport) -> dict[str, list[float]]:
    """Bootstrap intervals over users."""
    return {
        measure: [round(end, 4) for end in bootstrap_interval(report.per_user[measure].to_numpy())]
        for measure in ("recall", "precision", "ndcg")
    }


def with_interval(reports: Sequence[RankingReport]) -> dict[str, Any]:
    """Mean and deviation over seeds, and the interval over users of their mean."""
    return summary(reports) | {"interval": intervals(average(reports))}


def summary(reports: Sequence[RankingReport]) -> dict[str, dict[str, float]]:
    """Mean and standard deviation over runs that differ in their seed."""
    return mean_sd([report.as_dict() for report in reports])


def mean_sd(rows: Any, columns: Sequence[str] = MEASURES) -> dict[str, dict[str, float]]:
    """Mean and standard deviation of dicts or series of figures; 0 for a single one."""
    frame = pd.DataFrame(rows).reset_index(drop=True)[list(columns)]
    return {"mean": rounded(dict(frame.mean())), "sd": rounded(dict(frame.std().fillna(0)))}


def rounded(values: Mapping[Any, float]) -> dict[str, float]:
    """To four digits: what stands behind them differs between machines."""
    return {name: round(float(value), 4) for name, value in values.items()}
