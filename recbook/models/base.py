"""What all recommenders share: from scores to a list, and scores from embeddings."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from recbook.data import Interactions
from recbook.evaluation import check_same_size, top_k, without
from recbook.memory import check_memory

__all__ = ["BaseRecommender", "EmbeddingModel"]


class BaseRecommender(ABC):
    """Turns ``score`` into lists; a subclass has ``num_users``, ``num_items`` and ``score``."""

    num_users: int
    num_items: int

    @abstractmethod
    def score(self, users: Tensor) -> Tensor:
        """Scores of all items for some users, shape ``(len(users), num_items)``."""

    def check_fitted(self, attribute: str) -> None:
        """Raise a RuntimeError where ``fit`` has not set the attribute yet."""
        if not hasattr(self, attribute):
            raise RuntimeError(f"{type(self).__name__} knows nothing yet: call fit(train) first")

    def recommend(
        self, users: Tensor | Sequence[int], k: int = 20, exclude: Interactions | None = None
    ) -> Tensor:
        """The ``k`` best items of each user, best first.

        Args:
            users: user positions.
            k: length of each list.
            exclude: items that are not to be shown again, mostly ``split.train``.

        Returns:
            ``LongTensor`` of item positions, shape ``(len(users), k)``; -1 where a user has fewer
            than ``k`` items left.

        Raises:
            ValueError: on users that are not positions, where ``exclude`` has another size than
                the model, and where ``k`` exceeds the number of items.
        """
        users = torch.as_tensor(users)
        if users.ndim != 1 or (users.numel() and users.is_floating_point()):
            raise ValueError(
                f"got users {users.tolist()}, expected a list of whole positions, e.g. [0, 7]"
            )
        users = users.long()
        if users.numel() and not 0 <= users.min() <= users.max() < self.num_users:
            raise ValueError(
                f"got users {users.min().item()} to {users.max().item()}, expected positions 0 to "
                f"{self.num_users - 1}; raw ids stand at these positions in split.user_ids"
            )
        with torch.no_grad():
            score = self.score(users).cpu()
        if exclude is not None:
            check_same_size("exclude", exclude, self.num_users, self.num_items)
            score = without(score, exclude.pairs_of(users))
        return top_k(score, k)


class EmbeddingModel(nn.Module, BaseRecommender):
    r"""A model that ends in one embedding a node; the score is a dot product.

    .. math:: \hat{y}_{ui} = e_u^\top e_i

    A subclass defines ``forward(graph) -> (user_emb, item_emb)``, and calls ``reset_parameters``
    once it has all its parameters.

    Args:
        num_users: number of users.
        num_items: number of items.
        embedding_dim: length of an embedding.
        std: standard deviation of the initial embeddings, which are normal with mean 0.

    Raises:
        ValueError: on a size below 1.
        MemoryError: where the embeddings cannot fit, before they are allocated.
    """

    def __init__(
        self, num_users: int, num_items: int, embedding_dim: int, std: float = 0.1
    ) -> None:
        super().__init__()
        for name, value in (
            ("num_users", num_users),
            ("num_items", num_items),
            ("embedding_dim", embedding_dim),
        ):
            if value < 1:
                raise ValueError(f"got {name}={value}, expected 1 or more")
        size = num_users + num_items, embedding_dim
        check_memory(
            {"embeddings": (*size, 4), "their draw in doubles": (*size, 8)},
            "use a smaller embedding_dim, or recbook.distributed",
            torch.get_default_device(),
        )
        self.num_users, self.num_items, self.std = num_users, num_items, std
        self.embedding = nn.Embedding(*size)
        self.final: tuple[Tensor, Tensor] | None = None

    def reset_parameters(self, seed: int = 0) -> None:
        """Draw the layer-0 embeddings anew; the same seed gives the same numbers on every CPU."""
        # In doubles: the float version of randn takes another path where the CPU has AVX2.
        generator = torch.Generator().manual_seed(seed)
        shape = self.embedding.weight.shape
        normal = torch.randn(shape, generator=generator, dtype=torch.float64)
        with torch.no_grad():
            self.embedding.weight.copy_(normal.mul_(self.std))
        self.final = None

    def finalize(self, graph: Tensor) -> None:
        """Compute the final embeddings once, without dropout, and keep them for ``score``."""
        self.eval()
        with torch.no_grad():
            self.final = self(graph)

    def split_nodes(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Node embeddings as those of the users and those of the items."""
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
        user_emb, item_emb = self(graph)
        # index_select, because the gradient of [] sorts the positions first: five times as slow
        return user_emb.index_select(0, users), item_emb.index_select(0, items)

    def score(self, users: Tensor) -> Tensor:
        """Dot products with all items, shape ``(len(users), num_items)``.

        Raises:
            RuntimeError: before ``train`` or ``finalize``.
        """
        if self.final is None:
            raise RuntimeError(
                f"{type(self).__name__} has no final embeddings yet: call train(model, split), or "
                "model.finalize(adj) where the parameters are there already"
            )
        user_emb, item_emb = self.final
        return user_emb[users.to(user_emb.device)] @ item_emb.T
