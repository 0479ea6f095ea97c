"""LightGCN with its rows divided among processes, and a step of its training."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn

from recbook.checks import check_count, check_kind, check_number, check_seed
from recbook.distributed.processes import begin, from_all, processes_here, together
from recbook.distributed.shard import ADVICE, Shard
from recbook.losses import bpr_loss
from recbook.memory import check_memory
from recbook.sampling import TripletSampler
from recbook.training import descend

__all__ = ["ShardedLightGCN", "ShardedSampler", "sharded_softmax_step", "sharded_step"]


class ShardedLightGCN(nn.Module):
    """The rows that one process has of :class:`recbook.models.LightGCN`.

    Args:
        shard: which rows they are.
        embedding_dim: length of an embedding.
        num_layers: the number of propagations, 0 or more.
        std: standard deviation of the initial embeddings.
        cosine: whether scores are cosines; the softmax wants them, BPR dot products.

    Raises:
        TypeError: on what is no shard, or no number.
        ValueError: on an ``embedding_dim`` below 1, or a negative number of layers.
        MemoryError: where training cannot fit, before anything is allocated.
    """

    def __init__(
        self,
        shard: Shard,
        embedding_dim: int = 64,
        num_layers: int = 3,
        std: float = 0.1,
        cosine: bool = False,
    ) -> None:
        super().__init__()
        check_kind("shard", shard, Shard)
        check_count("embedding_dim", embedding_dim)
        check_count("num_layers", num_layers, 0)
        check_number("std", std, least=0)
        check_kind("cosine", cosine, bool)
        self.shard, self.num_layers, self.std, self.cosine = shard, num_layers, std, cosine
        num_rows = shard.own_users + shard.own_items
        needed: dict[str, tuple[int, ...]] = {
            "embeddings, gradient and Adam's two moments": (num_rows, embedding_dim, 4, 4),
            "layers: the last, the next, their sum": (num_rows, embedding_dim, 3, 4),
            "the copied side: the last layer, its sums": (shard.copied, embedding_dim, 2, 4),
        }
        here = 1 if shard.device.type == "cuda" else processes_here()
        together(lambda: check_memory(needed, ADVICE, shard.device, here))
        self.weight = nn.Parameter(torch.empty(num_rows, embedding_dim, device=shard.device))
        self.reset_parameters()

    def reset_parameters(self, seed: int = 0) -> None:
        """Draw the numbers that LightGCN would draw, a part at a time, and keep the own rows."""
        check_seed(seed)
        shard, dim = self.shard, self.weight.shape[1]
        generator = torch.Generator().manual_seed(seed)
        num_nodes = shard.num_users + shard.num_items
        # Parts of at least 16 rows: randn draws 16 numbers at once, and fewer in another way.
        starts = [*range(0, max(num_nodes - 15, 1), 2**14), num_nodes]
        for first, last in pairwise(starts):
            shape = last - first, dim
            normal = torch.randn(shape, generator=generator, dtype=torch.float64)
            owner, row = shard.locate(torch.arange(first, last))
            mine = owner == shard.rank
            with torch.no_grad():
                self.weight[row[mine]] = (self.std * normal[mine]).to(self.weight)

    def forward(self, at: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Final embeddings.

        Args:
            at: which rows of the copied side, see :meth:`Shard.layer_mean`; None for all.

        Returns:
            Of the copied side, the same in all processes, and this process's of the divided side.
        """
        at = torch.arange(self.shard.copied) if at is None else at
        both = self.shard.layer_mean(self.weight, self.num_layers, at)
        if self.cosine:
            both = F.normalize(both[0]), F.normalize(both[1])
        return both


class ShardedSampler:
    """Draws what :class:`recbook.sampling.TripletSampler` draws, bit for bit, in all processes.

    A process that draws a user or a pair of another one leaves it to that one; a sum puts the batch
    together.

    Args:
        shard: the users and items of this process.
        pairs: draw a user and an item, all pairs alike, in place of triplets.

    Raises:
        ValueError: where a user has every item, and triplets are drawn.
    """

    def __init__(self, shard: Shard, pairs: bool = False) -> None:
        check_kind("shard", shard, Shard)
        check_kind("pairs", pairs, bool)
        self.shard, self.rows = shard, 1 if pairs else 3
        self.own = None if pairs else together(lambda: TripletSampler(shard.train))
        self.indptr, self.items = shard.train.by_user
        active = from_all(len(shard.train) if self.own is None else len(self.own.users))
        self.num_active, self.before = sum(active), sum(active[: shard.rank])
        self.here = active[shard.rank]

    def epoch(self, steps: int, batch_size: int, generator: torch.Generator) -> Iterator[Tensor]:
        """The batches of ``sample(steps * batch_size, generator).split(batch_size, dim=1)``.

        Of the numbers from 0 to 1 that stand for them, one generator draws first those of all
        users, then those of all items and of all negatives. To hold no more than one batch of
        them, a generator for each of the three starts where its numbers do.
        """
        generators = []
        for _ in range(self.rows):
            generators.append(torch.Generator().set_state(generator.get_state()))
            for _ in range(steps):
                torch.rand(batch_size, generator=generator, dtype=torch.float64)
        for _ in range(steps):
            numbers = [torch.rand(batch_size, generator=g, dtype=torch.float64) for g in generators]
            yield self.batch(torch.stack(numbers))

    def batch(self, uniform: Tensor) -> Tensor:
        """What numbers from 0 to 1 stand for: ``user``, ``item`` and, of triplets, ``neg_item``.

        Args:
            uniform: shape ``(3, batch_size)``, for pairs ``(1, batch_size)``.
        """
        index = (uniform[0] * self.num_active).long() - self.before
        mine = (index >= 0) & (index < self.here)
        batch = torch.zeros(max(2, self.rows), uniform.shape[1], dtype=torch.long)
        if self.own is None:
            pair = index[mine]
            batch[0, mine] = torch.searchsorted(self.indptr, pair, right=True) - 1
            batch[1, mine] = self.items[pair]
        else:
            batch[:, mine] = self.own.triplets(index[mine], uniform[1:, mine])
        batch[0, mine] += self.shard.first_user
        begin(dist.all_reduce, batch)()
        return batch


def sharded_step(
    model: ShardedLightGCN, batch: Tensor, reg: float, optimizer: torch.optim.Optimizer
) -> Tensor:
    """Propagate, then one step of Adam on the BPR loss; returns it, the same in all processes.

    Args:
        model: the rows of this process.
        batch: ``user``, ``item`` and ``neg_item``, shape ``(3, B)``, the same in all processes.
        reg: weight of the L2 penalty.
        optimizer: of the rows of this process.
    """
    final = _Final(model, batch)
    scores = [final.pair_score(batch[0], item) for item in batch[1:]]
    *both, penalty = _sum_of_all([*scores, _penalty(model, batch)])
    return descend(bpr_loss(*both) + reg * penalty.squeeze(), optimizer)


def sharded_softmax_step(
    model: ShardedLightGCN,
    batch: Tensor,
    reg: float,
    optimizer: torch.optim.Optimizer,
    temperature: float,
) -> Tensor:
    r"""Propagate, then one step of Adam on the sampled softmax; returns it, the same in all.

    The items of the batch's pairs are each user's negatives, and come as often as they have users:

    .. math:: L = \frac{1}{B} \sum_b \ln \sum_{c} \exp(s_{bc} / \tau - \ln q_c) - s_{bb} / \tau

    with :math:`q_c` the share of all pairs that the item of pair :math:`c` has: the log-q
    correction. A process adds up what it can compute, a row or a column of the scores.

    Args:
        model: the rows of this process.
        batch: ``user`` and ``item``, shape ``(2, B)``, the same in all processes.
        reg: weight of the L2 penalty on the pairs' layer-0 embeddings.
        optimizer: of the rows of this process.
        temperature: :math:`\tau`, above 0.
    """
    shard, final, (user, item) = model.shard, _Final(model, batch), batch
    rows, user_vec = final.here(user, divided=shard.users_divided)
    columns, item_vec = final.here(item, divided=not shard.users_divided)
    if shard.users_divided:
        degree = shard.degree[item]
    else:
        degree = shard.own_degree[item[columns.cpu()] - shard.first_divided]
    log_q = (degree / shard.num_pairs).log().to(shard.device)
    log_sum = (user_vec @ item_vec.T / temperature - log_q).logsumexp(1)
    log_sum = log_sum.new_full((len(user),), -torch.inf).index_put((rows,), log_sum)
    highest = log_sum.detach().clone()
    begin(dist.all_reduce, highest, dist.ReduceOp.MAX)()
    parts = [(log_sum - highest).exp(), final.pair_score(user, item), _penalty(model, batch)]
    total, pos_score, penalty = _sum_of_all(parts)
    loss = (total.log() + highest - pos_score / temperature).mean()
    return descend(loss + reg * penalty.squeeze(), optimizer)


class _Final:
    """The final embeddings of a batch that this process has: all copies, its own of the others."""

    def __init__(self, model: ShardedLightGCN, batch: Tensor) -> None:
        self.shard = shard = model.shard
        self.at = (batch[1:] if shard.users_divided else batch[:1]).unique()
        self.copied, self.divided = model(self.at)

    def here(self, node: Tensor, divided: bool) -> tuple[Tensor, Tensor]:
        """Which of some users, or items, have a row here, and the rows."""
        if not divided:
            row = torch.searchsorted(self.at, node).to(self.shard.device)
            return torch.arange(len(node), device=self.shard.device), self.copied[row]
        row = node - self.shard.first_divided
        mine = ((row >= 0) & (row < len(self.divided))).nonzero().flatten()
        return mine.to(self.shard.device), self.divided[row[mine].to(self.shard.device)]

    def pair_score(self, user: Tensor, item: Tensor) -> Tensor:
        """The scores of pairs; zero where another process has the row."""
        large, small = (user, item) if self.shard.users_divided else (item, user)
        mine, large_vec = self.here(large, divided=True)
        _, small_vec = self.here(small[mine.cpu()], divided=False)
        score = large_vec.new_zeros(len(user))
        return score.index_put((mine,), (large_vec * small_vec).sum(1))


def _penalty(model: ShardedLightGCN, batch: Tensor) -> Tensor:
    """This process's part of half the squared norm of a batch's layer-0 embeddings."""
    node = batch.clone()
    node[1:] += model.shard.num_users
    owner, row = model.shard.locate(node.flatten())
    own = row[owner == model.shard.rank].to(model.shard.device)
    return model.weight.index_select(0, own).square().sum().view(1) / (2 * batch.shape[1])


def _sum_of_all(parts: list[Tensor]) -> tuple[Tensor, ...]:
    """The sums over all processes of some vectors, which travel as one."""
    return _Sum.apply(torch.cat(parts)).split([len(part) for part in parts])


class _Sum(torch.autograd.Function):
    """The sum over all processes; as all go on with the same sum, the gradient stays as it is."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        x = x.clone()
        begin(dist.all_reduce, x)()
        return x

    @staticmethod
    def backward(ctx: Any, *grad: Tensor) -> Tensor:
        return grad[0]
