"""Items and users whom nobody has met: do features do, what does a graph add, and for how long?

A tenth of the items and a tenth of the users are hidden whole. New items are ranked among
themselves for known users; new users, who name up to twenty items, are shown all known ones.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy.sparse import csr_array
from torch import Tensor

from experiments.newcomer_models import (
    ALL,
    FAMILIES,
    IALS_SPACE,
    LINKED,
    MAPPED,
    MAPPED_LINKS,
    TWO_TOWERS,
    Case,
)
from experiments.plan import Plan
from experiments.runs import Runs
from experiments.summaries import (
    choice_to_json,
    comparisons_to_json,
    intervals_over_users,
    over_splits,
    report_from_json,
    report_to_json,
    trials_to_json,
)
from recbook.data import (
    Interactions,
    named_items,
    newcomer_split,
    one_hot,
    to_implicit,
    weigh_rare,
)
from recbook.evaluation import RankingReport, evaluate
from recbook.models import Popularity
from recbook.ranking import ScoreTable
from recbook.stats import Comparison, compare_splits
from recbook.tuning import Choice, Family, Range, Settings, closed_form, draw

SHARE = 0.1  # of the items, and of the users
TRIALS = 8
NAMED = (0, 1, 2, 3, 5, 10, 20)  # how many items a new user names
TASKS = ("items", "users")


# Named before any test newcomer was looked at: does a graph add to features, do towers pay?
ASKED_OF_ITEMS = {
    f"{first} minus {second}": (first, second)
    for first, second in (
        (LINKED, TWO_TOWERS),
        (ALL, TWO_TOWERS),
        (MAPPED_LINKS, MAPPED),
        (TWO_TOWERS, MAPPED),
        (LINKED, MAPPED),
        (MAPPED_LINKS, LINKED),
        (MAPPED, "Neighbours by features"),
    )
}
ASKED_OF_USERS = {
    f"{first} minus {second}": (first, second)
    for first, second in (("LightGCN, fold-in", TWO_TOWERS), (ALL, TWO_TOWERS))
}


def splits_of(plan: Plan) -> list[int]:
    """The seeds after the first five, on which this experiment was built."""
    return [5 + seed for seed in plan.seeds]


@dataclass(frozen=True)
class Data:
    """A data set: its pairs, how a split's features and links are made, and its budget."""

    pairs: pd.DataFrame
    describe: Callable[..., tuple[csr_array, csr_array | None, csr_array]]
    splits: Sequence[int]
    fixed: Settings  # of GraphSAGE
    given: Mapping[str, Sequence[Settings]]  # by family what is tried in place of a draw
    most: int  # items that a new user can name


def movielens(plan: Plan) -> Data:
    """Films by genre, decade and year, linked to the twenty that are most alike."""
    ml = plan.load_movielens()

    def describe(
        user_ids: np.ndarray, item_ids: np.ndarray
    ) -> tuple[csr_array, csr_array | None, csr_array]:
        films = ml.items.set_index("item_id").loc[item_ids]
        people = ml.users.set_index("user_id").loc[user_ids]
        films = films.assign(decade=films["year"] // 10 * 10)
        people = people.assign(decade=people["age"] // 10 * 10)
        items = weigh_rare(one_hot(films, ["genres", "year", "decade"])[0])
        users = weigh_rare(one_hot(people, ["occupation", "gender", "decade"])[0])
        cosine = (items @ items.T).toarray()
        np.fill_diagonal(cosine, 0)
        lowest = np.sort(cosine, axis=1)[:, -20:][:, :1]
        return items, users, csr_array(cosine * (cosine >= lowest))

    pairs = to_implicit(ml.ratings)
    fixed = {"num_candidates": 600}
    return Data(pairs, describe, splits_of(plan), fixed, {}, plan.most_named)


def articles(plan: Plan) -> Data:
    """Articles by those tags that ten or more have, linked by citations."""
    known = plan.load_articles()

    def describe(
        _: np.ndarray, item_ids: np.ndarray
    ) -> tuple[csr_array, csr_array | None, csr_array]:
        tags = weigh_rare(known.tags[item_ids], least=min(10, len(item_ids) // 50))
        return tags, None, csr_array(known.citations[item_ids][:, item_ids])

    smaller = {"alpha0": Range(0.004, 0.04), "ials_reg": Range(0.001, 0.01)}  # as in citeulike.py
    smaller |= {"embedding_dim": [64, 128]}
    return Data(
        plan.load_citeulike(),
        describe,
        splits=splits_of(plan),
        fixed={"num_candidates": 500},
        given=dict.fromkeys([MAPPED, MAPPED_LINKS], draw(IALS_SPACE | smaller, TRIALS)),
        most=plan.most_named,
    )


def newcomers(runs: Runs, plan: Plan) -> dict[str, Any]:
    """MovieLens, five splits; each model is chosen on each split's own validation newcomers."""
    return on_data(runs, plan, "MovieLens", movielens(plan))


def newcomers_citeulike(runs: Runs, plan: Plan) -> dict[str, Any]:
    """CiteULike-a, five splits, likewise."""
    return on_data(runs, plan, "CiteULike", articles(plan))


def on_data(runs: Runs, plan: Plan, data_name: str, data: Data) -> dict[str, Any]:
    """One data set: all trials, what they choose for each task, and its figures on test."""
    grids = {name: grid_of(plan, data, name) for name in FAMILIES}
    splits = data.splits

    def key(name: str, split: int, what: str) -> str:
        return f"{data_name}, {name}, split {split}, {what}"

    tried = runs.all(
        {
            key(name, split, f"trial {number}"): partial(try_out, data, name, split, settings)
            for name, grid in grids.items()
            for split in splits
            for number, settings in enumerate(grid)
        }
    )
    trials = {
        (name, split): [tried[key(name, split, f"trial {number}")] for number in range(len(grid))]
        for name, grid in grids.items()
        for split in splits
    }
    best = {  # the number of the trial
        (task, name, split): max(range(len(rows)), key=lambda number: rows[number][task])
        for (name, split), rows in trials.items()
        for task in TASKS
        if task in rows[0]
    }
    done = runs.all(  # once where both tasks chose the same
        {
            key(name, split, f"refit {number}"): partial(
                refit, data, name, split, grids[name][number]
            )
            for (_, name, split), number in best.items()
        }
    )
    reports: dict[str, dict[str, list[RankingReport]]] = {}
    for (task, name, split), number in best.items():
        for question, report in done[key(name, split, f"refit {number}")].items():
            if question.startswith(task):
                own = reports.setdefault(question, {}).setdefault(name, [])
                own.append(report_from_json(report))

    def chosen(task: str, name: str) -> dict[str, Any]:
        rows = trials[name, splits[0]]
        return {
            "chosen": [
                choice_to_json(
                    Choice(
                        grids[name][best[task, name, split]],
                        trials[name, split][best[task, name, split]][task],
                    )
                )
                for split in splits
            ],
            "trials": trials_to_json([row | {"recall": row[task]} for row in rows]),
        }

    return {
        "counts": counts(data),
        "tuning": {
            task: {
                name: chosen(task, name)
                for of, name, split in best
                if of == task and split == splits[0]
            }
            for task in TASKS
        },
        **{
            question: {
                name: over_splits(own) | {"interval": intervals_over_users(pooled(own))}
                for name, own in of_models.items()
            }
            for question, of_models in reports.items()
        },
        "against": against(reports),
    }


def grid_of(plan: Plan, data: Data, name: str) -> list[Settings]:
    """The settings that are tried: as many for each family."""
    _, space = FAMILIES[name]
    grid = data.given.get(name) or draw(space, TRIALS)
    fewer = plan.shrunk(Family(closed_form(Popularity), grid)).grid
    fixed = data.fixed if "hidden" in space else {}
    return [fixed | {key: one[key] for key in grid[0]} for one in fewer]


def case_of(data: Data, seed: int, val: bool) -> Case:
    """A split's train part and newcomers, of validation or of test."""
    split = newcomer_split(data.pairs, SHARE, SHARE if val else 0.0, seed)
    described = data.describe(split.user_ids, split.item_ids)
    newcomers = split.val if val else split.test
    assert newcomers is not None
    return Case(split.train, newcomers, *described, data.most)


def fit_and_measure(case: Case, name: str, settings: Settings) -> dict[str, RankingReport]:
    """A family's answers to each question of its tasks."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")  # only the softmax loss looks at it
    try:
        fitted = FAMILIES[name][0](case, **settings)
    finally:
        torch.set_float32_matmul_precision(before)
    reports = {}
    if fitted.items is not None:
        target = case.newcomers.items
        place = torch.full((target.num_items,), -1)
        place[case.new] = torch.arange(len(case.new))
        among = Interactions(target.user, place[target.item], target.num_users, len(case.new))
        reports["items"] = report_of(fitted.items, None, among)
    if fitted.users is not None:
        for k in NAMED:
            parts = named_items(case.newcomers.users, min(k, case.most), case.most)
            who = parts[1].user.unique()
            named, target = (
                Interactions(
                    torch.searchsorted(who, part.user), part.item, len(who), part.num_items
                )
                for part in parts
            )
            score = fitted.users(named, who).float()
            score = score.masked_fill(case.train.item_degree == 0, -torch.inf)
            reports[f"users who name {k}"] = report_of(score, named, target)
    return reports


def report_of(score: Tensor, seen: Interactions | None, target: Interactions) -> RankingReport:
    """A report; that features leave many items equal is no news here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return evaluate(ScoreTable(score), seen, target, k=min(20, target.num_items))


def try_out(data: Data, name: str, split: int, settings: Settings) -> dict[str, Any]:
    """One setting on one split's validation newcomers: recall of each task, and the seconds."""
    case = case_of(data, split, val=True)
    start = time.perf_counter()
    reports = fit_and_measure(case, name, settings)
    recall = {
        task: float(np.mean([r.recall for question, r in reports.items() if question[:5] == task]))
        for task in TASKS
        if any(question[:5] == task for question in reports)
    }
    return {"settings": settings, "seconds": time.perf_counter() - start} | recall


def refit(data: Data, name: str, split: int, settings: Settings) -> dict[str, Any]:
    """What was chosen, fitted on all that is not test, and measured on the test newcomers."""
    reports = fit_and_measure(case_of(data, split, val=False), name, settings)
    return {question: report_to_json(report) for question, report in reports.items()}


def pooled(reports: Sequence[RankingReport]) -> RankingReport:
    """The users of all splits in one report."""
    frames = {split: report.per_user for split, report in enumerate(reports)}
    return RankingReport(reports[0].k, pd.concat(frames))


def against(reports: Mapping[str, Mapping[str, Sequence[RankingReport]]]) -> dict[str, Any]:
    """The comparisons that were named in advance, over splits, each task with Holm's correction.

    Each split has newcomers, training and choices of its own, so that its users are not enough.
    """

    def over(question: str, asked: Mapping[str, tuple[str, str]]) -> dict[str, Comparison]:
        recall = {name: [r.recall for r in own] for name, own in reports[question].items()}
        return {
            name: compare_splits(recall[first], recall[second], SHARE)
            for name, (first, second) in asked.items()
            if {first, second} <= {*recall}
        }

    users = {
        f"{name}, {question}": one
        for question in reports
        if question != "items"
        for name, one in over(question, ASKED_OF_USERS).items()
    }
    found = {"items": over("items", ASKED_OF_ITEMS), "users": users}
    return {task: comparisons_to_json(pairs) for task, pairs in found.items() if pairs}


def counts(data: Data) -> dict[str, int]:
    """How much there is on the first split."""
    case = case_of(data, data.splits[0], val=False)
    _, target = named_items(case.newcomers.users, 0, case.most)
    return {
        "train": len(case.train),
        "known items": len(case.known),
        "known users": int((case.train.user_degree > 0).sum()),
        "new items": len(case.new),
        "new items' pairs": len(case.newcomers.items),
        "new users": int((case.newcomers.users.user_degree > 0).sum()),
        "new users with items to find": len(target.user.unique()),
        "features": case.item_features.shape[1],
        "links": case.links.nnz,
    }
