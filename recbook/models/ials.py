"""iALS: weighted matrix factorisation by alternating least squares."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from recbook.checks import check_count, check_number, check_seed
from recbook.data import Interactions, check_part
from recbook.memory import check_memory
from recbook.models.base import BaseRecommender
from recbook.progress import progress
from recbook.sparse import row_entries

__all__ = ["IALS"]

_BLOCK = 2**20  # numbers of embeddings that are solved for at a time
Blocks = list[tuple[Tensor, Tensor]]


class IALS(BaseRecommender):
    r"""Embeddings by alternating least squares, where a zero counts less than a one.

    .. math:: \min_e \sum_{(u, i) \in \text{train}} (1 - \hat{y}_{ui})^2
              + \alpha_0 \sum_{u, i} \hat{y}_{ui}^2
              + \mathrm{reg} \Bigl(\sum_u (d_u + \alpha_0 |I|)^\nu \|e_u\|^2
              + \sum_i (d_i + \alpha_0 |U|)^\nu \|e_i\|^2\Bigr)

    with :math:`\hat{y}_{ui} = e_u^\top e_i`, the second sum over all cells, and degrees :math:`d`.
    At :math:`\nu = 1` a penalty grows with the weight of the cells that an embedding has to
    explain; at :math:`\nu = 0` all are alike. With one side held, the other is exact:

    .. math:: e_u = \Bigl(\sum_{i \in N(u)} e_i e_i^\top + \alpha_0 \sum_i e_i e_i^\top
              + \mathrm{reg} (d_u + \alpha_0 |I|)^\nu I\Bigr)^{-1} \sum_{i \in N(u)} e_i

    so that no sweep raises the loss. Who has no items has the embedding 0, and so have items that
    nobody has.

    Hu et al. give ones the weight :math:`1 + \alpha`, zeros 1, and a penalty :math:`\lambda`. That
    is this loss at :math:`\alpha_0 = 1/\alpha`, :math:`\mathrm{reg} = \lambda/(1 + \alpha)`,
    :math:`\nu = 0`, and scores :math:`\alpha/(1 + \alpha)` times theirs: the same lists. The
    library ``implicit`` calls the whole weight of a one ``alpha``, there :math:`1 + \alpha`:
    ``alpha0 = 1 / (alpha - 1)``, ``reg = regularization / alpha``.

    Args:
        embedding_dim: number of dimensions of an embedding.
        alpha0: weight of a cell that is not in train, above 0; those in train weigh 1 more.
        reg: weight of the penalty.
        nu: how much the penalty depends on the degree; 1 is the paper's, 0 is Hu et al.'s.
        num_sweeps: how often the users are solved for, and then the items.
        seed: of the item embeddings that it starts from, normal with deviation
            :math:`0.1/\sqrt{\mathrm{embedding\_dim}}`.

    Raises:
        ValueError: on numbers out of range; by ``fit``, where a system is singular in floats.

    Reference: Rendle, Krichene, Zhang and Koren, Revisiting the Performance of iALS on Item
    Recommendation Benchmarks, RecSys 2022; the defaults are its settings for MovieLens-20M, but
    for ``embedding_dim``, which goes up to 2,048 there. Hu, Koren and Volinsky, Collaborative
    Filtering for Implicit Feedback Datasets, ICDM 2008.

    >>> train = Interactions.from_pairs([0, 0, 1, 1, 2], [0, 1, 0, 1, 0], 3, 3)
    >>> IALS(embedding_dim=2).fit(train).recommend([2], k=1, exclude=train).tolist()
    [[1]]
    """

    def __init__(
        self,
        embedding_dim: int = 64,
        alpha0: float = 0.1,
        reg: float = 0.003,
        nu: float = 1,
        num_sweeps: int = 16,
        seed: int = 0,
    ) -> None:
        self.embedding_dim = check_count("embedding_dim", embedding_dim)
        self.alpha0 = check_number("alpha0", alpha0, above=0)
        self.reg = check_number("reg", reg, least=0)
        self.nu = check_number("nu", nu, least=0)
        self.num_sweeps = check_count("num_sweeps", num_sweeps)
        self.seed = check_seed(seed)

    def fit(self, train: Interactions) -> IALS:
        """Solve for all users, then for all items, ``num_sweeps`` times."""
        check_part("train", train)
        dim = self.embedding_dim
        most = int(max(train.user_degree.max(), train.item_degree.max()))
        check_memory(
            {
                "embeddings and two copies": (train.num_users + train.num_items, dim, 3, 4),
                "the positions of pairs": (len(train), 5, 8),
                "a block and two copies": (max(_BLOCK, most * dim), 3, 4),
            },
            "use a smaller embedding_dim",
        )
        turned = Interactions(train.item, train.user, train.num_items, train.num_users)
        by_user, by_item = (_blocks(part, dim) for part in (train, turned))
        generator = torch.Generator().manual_seed(self.seed)
        start = torch.randn(train.num_items, dim, generator=generator, dtype=torch.float64)
        item_emb = start.mul_(0.1 / dim**0.5).float()
        for _ in progress(range(self.num_sweeps), "sweep", delay=2):
            user_emb = self._solve(by_user, train.user_degree, item_emb)
            item_emb = self._solve(by_item, train.item_degree, user_emb)
        self.user_emb, self.item_emb = user_emb, item_emb
        self.remember(train)
        return self

    def _solve(self, blocks: Blocks, degree: Tensor, other: Tensor) -> Tensor:
        r"""The best embeddings of one side, given the other's, shape ``(len(degree), dim)``.

        In the basis in which the part that all systems share is diagonal, :math:`D`, a row with the
        embeddings :math:`E` of its items is :math:`(D + E^\top E)^{-1} E^\top 1`, or, which is a
        smaller system where it has few items, :math:`D^{-1} E^\top (I + E D^{-1} E^\top)^{-1} 1`.
        """
        level, basis = torch.linalg.eigh(self.alpha0 * other.T @ other)
        table = F.pad(other @ basis, (0, 0, 0, 1))  # its last row stands where there is no item
        penalty = self.reg * (degree + self.alpha0 * len(other)) ** self.nu
        shared = level.clamp(min=0) + penalty[:, None]
        solved = torch.zeros_like(shared)
        for rows, items in blocks:
            seen, diagonal = F.embedding(items, table), shared[rows]
            if few := items.shape[1] < self.embedding_dim:
                scaled = seen / diagonal[:, None]
                system, target = scaled @ seen.mT, seen.new_ones(*items.shape, 1)
                system.diagonal(dim1=1, dim2=2).add_(1)
            else:
                system, target = seen.mT @ seen, seen.sum(1)[:, :, None]
                system.diagonal(dim1=1, dim2=2).add_(diagonal)
            lower, fault = torch.linalg.cholesky_ex(system)
            pivot = diagonal if few else lower.diagonal(dim1=1, dim2=2).square()
            if fault.any() or (pivot.amin(1) < 1e-7 * pivot.amax(1)).any():
                raise ValueError(
                    f"got reg={self.reg:g}, alpha0={self.alpha0:g} and nu={self.nu:g}, with which "
                    "a system is singular in floats, expected a larger reg, e.g. 0.03 at nu=1"
                )
            found = torch.cholesky_solve(target, lower)
            solved[rows] = (scaled.mT @ found if few else found)[:, :, 0]
        return solved @ basis.T

    def solve_for(self, liked: Interactions) -> Tensor:
        """The best embeddings of users with these items, the items' held, shape ``(n, dim)``.

        Args:
            liked: of users numbered anew, with the model's items.

        Raises:
            RuntimeError: before ``fit``.
            ValueError: on other items, or where a system is singular in floats.
        """
        self.positions([])  # raises where nothing is fitted
        check_part("liked", liked, num_items=self.num_items)
        return self._solve(_blocks(liked, self.embedding_dim), liked.user_degree, self.item_emb)

    def score(self, users: Tensor) -> Tensor:
        """Dot products with all items, shape ``(len(users), num_items)``.

        Raises:
            RuntimeError: before ``fit``.
        """
        users = self.positions(users)
        return self.user_emb[users] @ self.item_emb.T


def _blocks(part: Interactions, dim: int) -> Blocks:
    """Users with about as many items each, and these, shape ``(len(rows), longest)``.

    Where a user has fewer than the longest, the position after the last item fills up.
    """
    row_start, column = part.by_user
    degree = row_start.diff()
    size = degree.log2().mul(8).floor()  # within 9 % of each other
    blocks = []
    for one in size[degree > 0].unique():
        alike = torch.nonzero(size == one).flatten()
        longest = int(degree[alike].max())
        for rows in alike.split(max(1, _BLOCK // (longest * dim))):
            row, entry = row_entries(row_start, rows)
            items = torch.full((len(rows), longest), part.num_items)
            items[row, entry - row_start[rows][row]] = column[entry]
            blocks.append((rows, items))
    return blocks
