"""A shop's log of clicks, generated: what a reader's own may look like, with faults where asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from recbook.checks import check_choice, check_count, check_kind, check_seed

__all__ = ["FAULTS", "Shop", "shop_log"]

#: What may be planted in a log, by the names that :func:`recbook.data.check_log` has for it.
FAULTS = (
    "missing values",
    "exact duplicates",
    "impossible times",
    "bots",
    "popular default",
    "repeated visits",
    "mixed offsets",
    "hours that jump",
)
_CATEGORIES = ("books", "coffee", "garden", "games", "music", "shoes", "tea", "tools")
_STYLES = 6  # what products of a category differ in
_CALLS = 2000  # of a bot
_DAYS, _START = 180, 1735689600  # from 2025-01-01, in seconds since 1970
_BY_HOUR = np.array([1, 0, 0, 0, 0, 1, 3, 6, 8, 8, 9, 9, 10, 9, 8, 8, 9, 10, 12, 14, 15, 13, 8, 3])


@dataclass(frozen=True)
class Shop:
    """A generated shop.

    Args:
        log: a row a click, in order of time: ``user_id``, ``item_id``, ``timestamp``, all text, the
            times as ISO 8601 in UTC.
        items: a row a product: ``item_id``, ``title``, ``category``.
        planted: for each fault the positions of its rows in the log.
    """

    log: pd.DataFrame
    items: pd.DataFrame
    planted: dict[str, np.ndarray] = field(default_factory=dict)


def shop_log(
    seed: int = 0, num_people: int = 2000, num_products: int = 500, faults: Sequence[str] = ()
) -> Shop:
    r"""Half a year of a shop that does not exist: people who come by, and what they click on.

    A person has a taste for categories and for the styles within them; they come a few times, each
    time for a few products that they have not clicked on before, with a probability of

    .. math:: p(i \mid u) \propto \text{popularity}_i \cdot \text{taste}_{u, c(i)} \cdot
              \exp(2 \, s_u^\top s_i)

    among those that the shop has by then: a third of the products comes in the course of the half
    year. Popularity follows Zipf's law, and most clicks are made in the evening.

    Args:
        seed: of all that is drawn.
        num_people: how many people.
        num_products: how many products, at least 50.
        faults: which of :data:`recbook.data.shop.FAULTS` to plant; no other is in the log.

    Returns:
        A :class:`Shop`; a person has about 20 clicks.

    Raises:
        TypeError: on what are no numbers, or no list of faults.
        ValueError: on numbers that are too small, or another fault.

    >>> shop = shop_log(num_people=50, faults=["exact duplicates"])
    >>> list(shop.log), int(shop.log.duplicated().sum()) == len(shop.planted["exact duplicates"])
    (['user_id', 'item_id', 'timestamp'], True)
    """
    check_seed(seed)
    check_count("num_people", num_people)
    check_count("num_products", num_products, 50)
    check_kind("faults", faults, (list, tuple), hint=f"some of {FAULTS}")
    for fault in faults:
        check_choice("faults", fault, FAULTS)
    rng = np.random.default_rng(seed)
    category = rng.integers(len(_CATEGORIES), size=num_products)
    ids = np.array([f"{_CATEGORIES[c][:2]}-{n:04}" for n, c in enumerate(category)])
    names = [f"{_CATEGORIES[c]} no. {n}" for n, c in enumerate(category)]
    items = pd.DataFrame(
        {"item_id": ids, "title": names, "category": np.array(_CATEGORIES)[category]}
    )
    person, product, seconds = _clicks(rng, num_people, category)
    log = pd.DataFrame(
        {
            "user_id": np.array([f"u{n:05}" for n in range(num_people)])[person],
            "item_id": ids[product],
            "seconds": _START + seconds,
        }
    )
    log["fault"] = ""
    for fault in FAULTS[:6]:
        if fault in faults:
            log = pd.concat([log, _planted(fault, log, ids, rng)], ignore_index=True)
    log = log.sort_values("seconds", kind="stable", ignore_index=True)
    jump = log["seconds"] > _START + _DAYS / 2 * 86400
    if "hours that jump" in faults:
        log.loc[jump, "seconds"] += 8 * 3600
    text = pd.to_datetime(log["seconds"], unit="s").dt.strftime("%Y-%m-%dT%H:%M:%S") + "Z"
    bare = pd.Series(rng.random(len(log)) < 0.3) & ("mixed offsets" in faults)
    log["timestamp"] = text.where(~bare, text.str.removesuffix("Z"))
    if "missing values" in faults:
        log.loc[log["fault"] == "missing values", "user_id"] = ""
    planted = {fault: np.flatnonzero(log["fault"] == fault) for fault in FAULTS if fault in faults}
    if "hours that jump" in faults:
        planted["hours that jump"] = np.flatnonzero(jump)
    if "mixed offsets" in faults:
        planted["mixed offsets"] = np.flatnonzero(bare)
    return Shop(log[["user_id", "item_id", "timestamp"]], items, planted)


def _clicks(
    rng: np.random.Generator, num_people: int, category: np.ndarray
) -> tuple[np.ndarray, ...]:
    """Who clicks on which product, and when, in seconds from the start."""
    num_products = len(category)
    style = rng.normal(size=(num_products, _STYLES)) / _STYLES**0.5
    popularity = -0.8 * np.log(1 + rng.permutation(num_products))
    launch = np.where(rng.random(num_products) < 1 / 3, rng.random(num_products) * _DAYS, 0)
    by_hour = _BY_HOUR / _BY_HOUR.sum()
    person, product, time = [], [], []
    for one in range(num_people):
        taste = np.log(rng.dirichlet(np.full(len(_CATEGORIES), 0.3)) + 0.003)
        liking = popularity + taste[category] + 2 * style @ rng.normal(size=_STYLES)
        left = np.argsort(-liking - rng.gumbel(size=num_products))  # drawn, none twice
        joined, visits = int(rng.random() * 0.7 * _DAYS), 1 + rng.geometric(0.2)
        days = np.sort(rng.integers(joined, _DAYS, visits))
        starts = days * 86400 + rng.choice(24, visits, p=by_hour) * 3600
        for day, start, number in zip(days, starts, rng.geometric(0.3, visits), strict=True):
            chosen = left[launch[left] <= day][:number]
            left = left[~np.isin(left, chosen)]
            person.append(np.full(len(chosen), one))
            product.append(chosen)
            time.append(start + rng.integers(3000) + np.cumsum(rng.integers(5, 120, len(chosen))))
    return np.concatenate(person), np.concatenate(product), np.concatenate(time)


def _planted(
    fault: str, log: pd.DataFrame, ids: np.ndarray, rng: np.random.Generator
) -> pd.DataFrame:
    """The rows of a fault."""
    clean = log[log["fault"] == ""]

    def some(share: float) -> pd.DataFrame:
        return clean.iloc[rng.choice(len(clean), max(1, int(share * len(clean))), replace=False)]

    end = _START + _DAYS * 86400
    if fault in ("missing values", "exact duplicates"):
        rows = some(0.01)
    elif fault == "impossible times":
        rows = some(0.002)
        rows = rows.assign(seconds=np.where(np.arange(len(rows)) % 2, 0, end + 75 * 365 * 86400))
    elif fault == "bots":  # three, each of which calls on all products in turn, a second apart
        bot, call = np.divmod(np.arange(3 * _CALLS), _CALLS)
        begin = _START + rng.integers(_DAYS, size=3) * 86400
        rows = pd.DataFrame({"user_id": "bot" + pd.Series(bot).astype(str)})
        rows["item_id"], rows["seconds"] = ids[call % len(ids)], begin[bot] + call
    elif fault == "popular default":
        rows = (
            clean.sort_values("seconds").drop_duplicates("user_id").sample(frac=0.9, random_state=0)
        )
        rows = rows.assign(item_id="welcome", seconds=rows["seconds"] - 5)
    else:  # repeated visits: the same pair, weeks later at the same time of day
        rows = some(0.05)
        rows = rows.assign(seconds=rows["seconds"] + 7 * 86400 * rng.integers(1, 4, len(rows)))
    return rows.assign(fault=fault)
