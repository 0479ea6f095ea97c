"""What all recommenders share: from scores to a list, and scores from embeddings."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from recbook.checks import check_count, check_number, check_positions, check_seed, check_tensor
from recbook.data import Interactions, check_part
from recbook.graph import is_adjacency
from recbook.memory import check_memory
from recbook.ranking import best_items, check_scores

__all__ = ["BaseRecommender", "EmbeddingModel"]

_LOOK_UP = "split.position looks up raw ids"


class BaseRecommender(ABC):
    """Turns ``score`` into lists; a subclass has ``score``, and calls ``remember`` when it fits.

    Attributes:
        num_users: number of users.
        num_items: number of items.
        known_users: true for the users of whom it has learned something, ``bool`` of shape
            ``(num_users,)``; None where that is not known.
        fitted_on: what it was fitted or trained on; None where that is not known. With it
            ``evaluate``, ``split.recommend`` and ``save`` see that they are given another split.
    """

    num_users: int
    num_items: int
    known_users: Tensor | None
    fitted_on: Interactions | None = None

    @abstractmethod
    def score(self, users: Tensor) -> Tensor:
        """Scores of all items for some users, shape ``(len(users), num_items)``."""

    def remember(self, train: Interactions) -> None:
        """Note what is fitted on, its sizes, and who has an item in it."""
        check_part("train", train)
        self.fitted_on = train
        self.num_users, self.num_items = train.num_users, train.num_items
        self.known_users = train.user_degree > 0

    def positions(self, users: Tensor | Sequence[int]) -> Tensor:
        """Users as positions, which they are checked to be, ``LongTensor`` of shape ``(n,)``.

        Raises:
            RuntimeError: before ``fit``.
            TypeError: on what are no positions, e.g. a mask.
            ValueError: on positions out of range.
        """
        if not hasattr(self, "num_users"):
            raise RuntimeError(f"{type(self).__name__} knows nothing yet: call fit(train) first")
        return check_positions("users", users, self.num_users, _LOOK_UP)

    @torch.no_grad()
    def recommend(
        self,
        users: Tensor | Sequence[int],
        k: int = 20,
        exclude: Interactions | None = None,
        allow: Tensor | Sequence[int] | None = None,
        deny: Tensor | Sequence[int] | None = None,
    ) -> Tensor:
        """The ``k`` best items of each user, best first.

        Nothing is listed for a user of whom nothing is known, whose scores would be noise, nor
        where all items have the same score.

        Args:
            users: user positions; ``split.position`` looks up raw ids.
            k: length of each list.
            exclude: items that are not to be shown again, mostly ``split.train``.
            allow: item positions, of which alone lists are made; None for all.
            deny: item positions that no list is to have.

        Returns:
            ``LongTensor`` of item positions, shape ``(len(users), k)``; -1 where a user has fewer
            than ``k`` items left.

        Raises:
            TypeError: on users or items that are not positions.
            ValueError: on positions out of range, where ``exclude`` has another size than the
                model, and where ``k`` exceeds the number of items.
            RuntimeError: before it is fitted.
        """
        users = self.positions(users)
        check_count("k", k, 1, self.num_items, "there are no more items")
        score = check_scores(self.score(users), len(users), self.num_items).cpu()
        known = getattr(self, "known_users", None)  # which a reader's own class may not have
        if known is not None:
            known = known.cpu()[users]
        seen = None
        if exclude is not None:
            check_part("exclude", exclude, self.num_users, self.num_items, empty=True)
            seen = exclude.pairs_of(users)
        return best_items(score, k, known, seen, allow, deny)


class EmbeddingModel(nn.Module, BaseRecommender):
    r"""A model that ends in one embedding a node; the score is a dot product.

    .. math:: \hat{y}_{ui} = e_u^\top e_i

    A subclass defines ``forward(graph) -> (user_emb, item_emb)``, and calls ``reset_parameters``
    once it has all its parameters.

    Args:
        num_users: number of users.
        num_items: number of items.
        embedding_dim: number of dimensions of an embedding.
        std: standard deviation of the initial embeddings, which are normal with mean 0.

    Raises:
        ValueError: on a size below 1.
        MemoryError: where the embeddings cannot fit, before they are allocated.
    """

    def __init__(
        self, num_users: int, num_items: int, embedding_dim: int, std: float = 0.1
    ) -> None:
        super().__init__()
        check_count("num_users", num_users)
        check_count("num_items", num_items)
        check_count("embedding_dim", embedding_dim)
        check_number("std", std, least=0)
        size = num_users + num_items, embedding_dim
        check_memory(
            {"embeddings": (*size, 4), "their draw in doubles": (*size, 8)},
            "use a smaller embedding_dim, or recbook.distributed",
            torch.get_default_device(),
        )
        self.num_users, self.num_items, self.std = num_users, num_items, std
        self.embedding = nn.Embedding(*size)
        for name in ("final_user", "final_item", "known_users"):  # which move with the model
            self.register_buffer(name, None, persistent=False)
        self._made_of: list[int] = []  # the versions of the parameters that they were made of

    def reset_parameters(self, seed: int = 0) -> None:
        """Draw the layer-0 embeddings anew; the same seed gives the same numbers on every CPU."""
        # In doubles: the float version of randn takes another path where the CPU has AVX2.
        generator = torch.Generator().manual_seed(check_seed(seed))
        shape = self.embedding.weight.shape
        normal = torch.randn(shape, generator=generator, dtype=torch.float64, device="cpu")
        with torch.no_grad():
            self.embedding.weight.copy_(normal.mul_(self.std))

    @torch.no_grad()
    def finalize(self, graph: Tensor | None) -> None:
        """Compute the final embeddings once, without dropout, and keep them for ``score``.

        Args:
            graph: as for ``forward``. Users without an edge are those of whom nothing is known.
        """
        self.eval()
        known = None
        if graph is not None:
            num_nodes = self.num_users + self.num_items
            sparse = is_adjacency(graph, num_nodes)
            degree = graph.crow_indices().diff() if sparse else graph[1].bincount(None, num_nodes)
            known = degree[: self.num_users] > 0
        final_user, final_item = self(graph)
        self.keep(final_user, final_item, known)

    def keep(self, final_user: Tensor, final_item: Tensor, known_users: Tensor | None) -> None:
        """Keep final embeddings for ``score``, as those that the parameters give now."""
        self.final_user, self.final_item = final_user.detach(), final_item.detach()
        self.known_users = known_users
        self.fitted_on = None  # train knows more
        self._made_of = self._versions()

    @property
    def embedding_dim(self) -> int:
        """Number of dimensions of an embedding of layer 0."""
        return self.embedding.embedding_dim

    @property
    def final(self) -> tuple[Tensor, Tensor]:
        """The final embeddings of users and items.

        Raises:
            RuntimeError: before ``train`` or ``finalize``, and where parameters have changed since.
        """
        if self.final_user is None:
            raise RuntimeError(
                f"{type(self).__name__} has no final embeddings yet: call train(model, split), or "
                "model.finalize(adj) where the parameters are there already"
            )
        if self._made_of != self._versions():
            raise RuntimeError(
                f"the parameters of {type(self).__name__} have changed since its final embeddings "
                "were made (a state was loaded, or a step taken): call model.finalize(adj)"
            )
        return self.final_user, self.final_item

    def _versions(self) -> list[int]:
        return [parameter._version for parameter in self.parameters()]

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> EmbeddingModel:
        """Move or convert; what was made of the parameters moves with them."""
        fresh = self._made_of == self._versions()
        super()._apply(fn, recurse)
        self._made_of = self._versions() if fresh else []
        return self

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_made_of": self._made_of == self._versions()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)  # of a copy, whose parameters count their versions anew
        self._made_of = self._versions() if state["_made_of"] else []

    def split_nodes(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Node embeddings as those of the users and those of the items."""
        check_tensor("x", x, self.num_users + self.num_items, "embedding_dim")
        user_emb, item_emb = x.split([self.num_users, self.num_items])
        return user_emb, item_emb

    def embed(self, graph: Tensor, users: Tensor, items: Tensor) -> tuple[Tensor, Tensor]:
        """Final embeddings of some users and some items, as a batch of training needs them.

        Args:
            graph: as for ``forward``.
            users: user positions, shape ``(n,)``; one may come twice.
            items: item positions, shape ``(m,)``.

        Returns:
            Shapes ``(n, embedding_dim)`` and ``(m, embedding_dim)``.
        """
        self._check_nodes(users, items)
        user_emb, item_emb = self(graph)
        # index_select, because the gradient of [] sorts the positions first: five times as slow
        return user_emb.index_select(0, users), item_emb.index_select(0, items)

    def _check_nodes(self, users: Tensor, items: Tensor) -> None:
        check_tensor("users", users, "n", of="positions", number=self.num_users, hint=_LOOK_UP)
        check_tensor("items", items, "m", of="positions", number=self.num_items, hint=_LOOK_UP)

    def score(self, users: Tensor) -> Tensor:
        """Dot products with all items, shape ``(len(users), num_items)``.

        Raises:
            RuntimeError: before ``train`` or ``finalize``, and where parameters have changed since.
        """
        user_emb, item_emb = self.final
        return user_emb[self.positions(users).to(user_emb.device)] @ item_emb.T
