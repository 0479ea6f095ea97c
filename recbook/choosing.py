"""A model for interactions of one's own: chosen on what came later, measured, fitted on all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from recbook import beyond_accuracy
from recbook.checks import check_count, check_kind
from recbook.data import Split, given_split, global_time_split, random_split
from recbook.data.reading import check_frame
from recbook.evaluation import evaluate
from recbook.models import BaseRecommender
from recbook.stats import Comparison, compare
from recbook.tuning import FAMILIES, Choice, tune

__all__ = ["CANDIDATES", "Chosen", "choose"]

#: The families of :data:`recbook.tuning.FAMILIES` that are tried, baselines first.
CANDIDATES = ("Popularity", "ItemKNN", "EASE", "iALS", "LightGCN, softmax")
_LARGEST_SQUARE = 15_000  # items: EASE inverts a matrix of them
_COLD = 5  # an item with fewer interactions is a cold one


@dataclass(frozen=True, eq=False)
class Chosen:
    """What :func:`choose` has found.

    Args:
        name: of the family that recalls most of the validation part.
        choices: the settings and the validation recall of each family.
        measures: a row for popularity and one for what was chosen, on the test part: ``recall``,
            ``precision``, ``ndcg``, ``hit_rate``, and of their lists ``coverage`` and
            ``popularity_lift``.
        gain: in recall, over popularity, user by user.
        measured: the split that was measured on.
        model: what was chosen, fitted on everything.
        split: everything, as the train part.
        k: length of a list.
        by_time: whether what was measured on came later; else it is any of the rows.
    """

    name: str
    choices: dict[str, Choice]
    measures: pd.DataFrame
    gain: Comparison | None
    measured: Split
    model: BaseRecommender
    split: Split
    k: int
    by_time: bool

    def expectations(self) -> list[str]:
        """What to expect in use, in sentences: the gain, coverage, popularity, what is new."""
        own, popular = self.measures.loc[self.name], self.measures.loc["Popularity"]
        assert self.measured.test is not None
        what = "came later" if self.by_time else "was hidden"
        said = [
            f"Of what {what}, a list of {self.k} by {self.name} holds {own['recall']:.1%}, the "
            f"mean over users; a list of what is popular holds {popular['recall']:.1%}."
        ]
        if self.gain is None or self.gain.low <= 0 <= self.gain.high:
            said.append("Nothing here is better than popularity by more than chance would give.")
        else:
            said.append(
                f"The difference is {100 * self.gain.difference:+.1f} points (interval over users, "
                f"95 %: {100 * self.gain.low:+.1f} to {100 * self.gain.high:+.1f})."
            )
        if not self.by_time:
            said.append("Without times it was hidden at random: of what comes later expect less.")
        degree = self.split.train.item_degree
        lost, scored = self.measured.num_dropped["test"], len(self.measured.test)
        return [
            *said,
            f"The lists show {own['coverage']:.0%} of all items, popular ones "
            f"{popular['coverage']:.0%}; what is listed for users has on average "
            f"{1 + own['popularity_lift']:.1f} times as many users as what they have.",
            f"{lost / (lost + scored):.0%} of what {what} is of people or items that were new: "
            "nobody can be right about these, so they are not in the figures.",
            f"{int((degree < _COLD).sum()):,} of {len(degree):,} items have fewer than {_COLD} "
            "interactions: little is known of them.",
        ]


def choose(
    rows: pd.DataFrame, k: int = 20, trials: int = 4, tell: Callable[[str], Any] = lambda _: None
) -> Chosen:
    """Choose a model on validation, measure it on test beside popularity, fit it on everything.

    A tenth of the interactions is for test, and a tenth for validation: the latest where there are
    times, else any. Each family of :data:`CANDIDATES` is tuned alike on the validation part; the
    winner is fitted on all that is not test and measured once, then fitted on everything. EASE is
    left out where there are more than 15,000 items.

    Args:
        rows: DataFrame with at least ``user_id`` and ``item_id``, one row a pair, such as
            :func:`recbook.data.clean_log` returns.
        k: length of a list.
        trials: how many settings of each family to try.
        tell: is called with a line after each step, such as ``print``.

    Raises:
        TypeError: on what is no table, no number, nothing to call.
        ValueError: on bad rows, on too few of them for three parts, on more ``k`` than items.
    """
    check_frame(rows)
    check_count("k", k)
    check_count("trials", trials)
    check_kind("tell", tell, Callable, hint="such as print")
    everything = given_split(rows)
    by_time = "timestamp" in rows
    cut = global_time_split if by_time else random_split
    parts, measured = cut(rows, 0.1, 0.1), cut(rows, 0.1)
    check_count("k", k, 1, measured.train.num_items, hint="there are no more items")
    tell(f"split {'by time' if by_time else 'at random'}: {parts}")
    choices = {}
    for name in CANDIDATES:
        if name == "EASE" and everything.train.num_items > _LARGEST_SQUARE:
            continue
        family = FAMILIES[name]
        choices[name] = tune(replace(family, grid=family.grid[:trials]), parts, k)
        tell(f"{name}: recall@{k} on validation {choices[name].recall:.4f}")
    best = max(choices, key=lambda name: choices[name].recall)
    reports, measures = {}, {}
    assert measured.test is not None
    users = measured.test.user.unique()
    for name in ("Popularity", best):
        model: Any = FAMILIES[name].fit(measured, choices[name].settings, 0, k)[0]
        reports[name] = evaluate(model, measured.train, measured.test, k)
        lists = model.recommend(users, k, exclude=measured.train)
        lift = beyond_accuracy.popularity_lift(lists, users, measured.train)
        measures[name] = reports[name].as_dict() | {
            "coverage": beyond_accuracy.coverage(lists, measured.train.num_items),
            "popularity_lift": float(lift.nanmean()),
        }
    same = best == "Popularity" or len(users) < 2
    gain = None if same else compare(reports[best], reports["Popularity"])
    model = FAMILIES[best].fit(everything, choices[best].settings, 0, k)[0]
    tell(f"{best} is fitted on everything: {everything}")
    table = pd.DataFrame(measures).T
    return Chosen(best, choices, table, gain, measured, model, everything, k, by_time)
