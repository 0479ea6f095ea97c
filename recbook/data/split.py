"""A split of interactions: what to train, choose and report on, and lists by raw ids."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from recbook.checks import check_choice, check_count, check_kind, check_positions
from recbook.data.interactions import Interactions, check_part
from recbook.data.lookup import beside, find, similar
from recbook.ranking import best_items, check_scores

__all__ = ["Split"]


@dataclass(frozen=True, eq=False, repr=False)
class Split:
    """Interactions to train on, to choose with, and to report on.

    Args:
        train: what models are fitted on.
        test: what is reported at the very end, once; None to train on everything.
        val: what epochs and settings are chosen on, or None.
        user_ids: raw user ids by position; ``None`` means that positions are the ids.
        item_ids: raw item ids by position; ``None`` means that positions are the ids.
        num_dropped: rows that were left out of ``"val"`` and ``"test"``, because what may be
            learned from says nothing of their user or item; see :func:`recbook.data.random_split`.

    Raises:
        TypeError: on parts that are no :class:`Interactions`.
        ValueError: on parts of different sizes, more or fewer ids than positions, an id twice, or
            rows dropped from no part.
    """

    train: Interactions
    test: Interactions | None = None
    val: Interactions | None = None
    user_ids: np.ndarray | None = None
    item_ids: np.ndarray | None = None
    num_dropped: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_part("train", self.train, empty=True)
        size = self.train.num_users, self.train.num_items
        for name, part in self.parts.items():
            check_part(name, part, *size, empty=True)
        for name, number in zip(("user_ids", "item_ids"), size, strict=True):
            if (ids := getattr(self, name)) is None:
                continue
            array = np.asarray(ids)
            if array.shape != (number,) or len(pd.unique(array)) < number:
                raise ValueError(
                    f"{name}: got {len(pd.unique(array.ravel()))} different ids in shape "
                    f"{array.shape}, expected {(number,)}: the raw id of each position"
                )
            object.__setattr__(self, name, array)
        check_kind("num_dropped", self.num_dropped, dict, hint="e.g. {'test': 3}")
        for name, number in self.num_dropped.items():
            check_choice("num_dropped", name, ["val", "test"])
            check_count(f"num_dropped[{name!r}]", number, 0)

    @property
    def parts(self) -> dict[str, Interactions]:
        """The parts that there are, by name."""
        parts = {"train": self.train, "val": self.val, "test": self.test}
        return {name: part for name, part in parts.items() if part is not None}

    def position(self, *, users: Any = None, items: Any = None) -> Tensor:
        """Positions of raw ids, which is what models know users and items by.

        Args:
            users: raw ids of users, or one of them.
            items: raw ids of items, or one of them; users or items, not both.

        Returns:
            ``LongTensor`` of shape ``(n,)``.

        Raises:
            TypeError: on both or neither, or a mask.
            ValueError: on an id that is not in the split; names what is like it.

        >>> one = Interactions.from_pairs([0, 1], [0, 0])
        >>> split = Split(one, user_ids=np.array(["ann", "bob"]), item_ids=np.array([196]))
        >>> split.position(users=["bob", "ann"]), split.position(items=196)
        (tensor([1, 0]), tensor([0]))
        """
        if (users is None) == (items is None):
            raise TypeError(
                f"got {'neither users nor items' if users is None else 'users and items'}, "
                "expected one of both, e.g. split.position(users=['ann'])"
            )
        name, wanted = ("users", users) if items is None else ("items", items)
        ids = self.user_ids if items is None else self.item_ids
        if isinstance(wanted, str) or not hasattr(wanted, "__iter__"):
            wanted = [wanted]
        if ids is None:
            number = self.train.num_users if items is None else self.train.num_items
            return check_positions(name, wanted, number, "this split has no raw ids but positions")
        array = np.asarray(wanted, dtype=object)
        whole = (str, int, np.integer)
        if array.ndim != 1 or not all(
            isinstance(one, whole) and not isinstance(one, bool) for one in array
        ):
            raise TypeError(
                f"{name}: got {wanted!r:.80}, expected raw ids, which are text or whole numbers"
            )
        found = find(array, ids)
        if (found < 0).any():
            wrong = array[found < 0][0]
            raise ValueError(
                f"{name}: got {wrong!r}, expected an id of the split; {similar(wrong, ids)}"
            )
        return torch.from_numpy(found)

    def recommend(
        self,
        model: Any,
        users: Any,
        k: int = 10,
        *,
        items: pd.DataFrame | None = None,
        again: bool = False,
        allow: Any = None,
        deny: Any = None,
    ) -> pd.DataFrame:
        """The ``k`` best items of each user, by raw ids, best first.

        Args:
            model: a recommender that is ready to score.
            users: raw ids of users, or one of them.
            k: length of each list, of as many as there are.
            items: a table with ``item_id``, whose other columns, e.g. titles, are put beside.
            again: whether what a user has in train or validation may be shown again.
            allow: raw ids of items, of which alone lists are made.
            deny: raw ids of items that no list is to have.

        Returns:
            Columns ``user_id``, ``rank`` (from 1), ``item_id``, ``score``, and those of ``items``.
            A list that is short has fewer rows; where it is empty, a warning names the user.

        Raises:
            TypeError: on what is no recommender or no table.
            ValueError: on ids that are not in the split, a model that was made on another, or a
                ``k`` below 1.

        >>> train = Interactions.from_pairs([0, 0, 1], [0, 1, 0])
        >>> split = Split(train, user_ids=np.array(["ann", "bob"]), item_ids=np.array(["a", "b"]))
        >>> from recbook.models import Popularity
        >>> split.recommend(Popularity().fit(train), "bob", k=2).values.tolist()
        [['bob', 1, 'b', 1.0]]
        """
        if isinstance(model, type) or not callable(getattr(model, "score", None)):
            raise TypeError(
                f"got model={model!r:.80}, expected a recommender that is fitted or trained, which "
                "has score(users)"
            )
        self.check_made_here(model)
        check_kind("again", again, bool)
        position = self.position(users=users)
        num_items = self.train.num_items
        k = min(check_count("k", k), num_items)
        score = check_scores(model.score(position), len(position), num_items).detach().cpu()
        had = [part.pairs_of(position) for part in (self.train, self.val) if part is not None]
        known = getattr(model, "known_users", None)
        lists = best_items(
            score,
            k,
            None if known is None else known.cpu()[position],
            None if again else (torch.cat([x[0] for x in had]), torch.cat([x[1] for x in had])),
            None if allow is None else self.position(items=allow),
            None if deny is None else self.position(items=deny),
        )
        row, rank = torch.nonzero(lists >= 0, as_tuple=True)
        of_user, of_item = position[row].numpy(), lists[row, rank].numpy()
        frame = pd.DataFrame(
            {
                "user_id": of_user if self.user_ids is None else self.user_ids[of_user],
                "rank": rank.numpy() + 1,
                "item_id": of_item if self.item_ids is None else self.item_ids[of_item],
                "score": score[row, lists[row, rank]].numpy(),
            }
        )
        empty = (lists < 0).all(1)
        strange = empty & (torch.zeros(len(empty)) > 0 if known is None else ~known.cpu()[position])
        for which, why in (
            (strange, "the model has met no item of theirs; Popularity has a list for everybody"),
            (empty & ~strange, "no item is left that may be shown, or all have the same score"),
        ):
            if which.any():
                of_user = position[which].unique().numpy()
                names = of_user if self.user_ids is None else self.user_ids[of_user]
                warnings.warn(
                    f"no list for {', '.join(map(str, names[:5]))}"
                    f"{f' and {len(names) - 5} more' if len(names) > 5 else ''}: {why}",
                    stacklevel=2,
                )
        return frame if items is None else beside(frame, items)

    def check_made_here(self, model: Any) -> None:
        """Refuse a model of another size, or one that was fitted on pairs that no part has.

        Raises:
            ValueError: on such a model.
        """
        size = self.train.num_users, self.train.num_items
        its_own = getattr(model, "num_users", size[0]), getattr(model, "num_items", size[1])
        if its_own != size:
            raise ValueError(
                f"got a model of {its_own[0]} users and {its_own[1]} items, and a split of "
                f"{size[0]} and {size[1]}, expected the split that it was made on"
            )
        fitted_on = getattr(model, "fitted_on", None)
        if fitted_on is None or fitted_on is self.train:
            return
        strange = int((~fitted_on.is_in(*self.parts.values())).sum())
        if strange:
            raise ValueError(
                f"got a model that was fitted on {strange:,} pairs that are in no part of this "
                "split, expected the split that it was made on"
            )

    def __repr__(self) -> str:
        dropped = {name: number for name, number in self.num_dropped.items() if number}
        parts = [
            f"{name} {len(part):,}" + (f" ({dropped[name]:,} dropped)" if name in dropped else "")
            for name, part in self.parts.items()
        ]
        return (
            f"Split({self.train.num_users:,} users, {self.train.num_items:,} items: "
            f"{', '.join(parts)})"
        )
