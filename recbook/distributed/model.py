"""LightGCN with its rows divided among processes, and a step of its training."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import torch
import torch.distributed as dist
from torch import Tensor, nn

from recbook.checks import check_count, check_kind, check_number, check_seed
from recbook.distributed.processes import from_all, processes_here
from recbook.distributed.shard import ADVICE, Shard
from recbook.graph import layer_mean
from recbook.losses import bpr_loss, l2_penalty
from recbook.memory import check_memory
from recbook.sampling import TripletSampler
from recbook.training import descend

__all__ = ["ShardedLightGCN", "ShardedSampler", "sharded_step"]


class ShardedLightGCN(nn.Module):
    """The rows that one process has of :class:`recbook.models.LightGCN`.

    Args:
        shard: which rows they are.
        embedding_dim: length of an embedding.
        num_layers: the number of propagations, 0 or more.
        std: standard deviation of the initial embeddings.

    Raises:
        TypeError: on what is no shard, or no number.
        ValueError: on an ``embedding_dim`` below 1, or a negative number of layers.
        MemoryError: where training cannot fit, before anything is allocated.
    """

    def __init__(
        self, shard: Shard, embedding_dim: int = 64, num_layers: int = 3, std: float = 0.1
    ) -> None:
        super().__init__()
        check_kind("shard", shard, Shard)
        check_count("embedding_dim", embedding_dim)
        check_count("num_layers", num_layers, 0)
        check_number("std", std, least=0)
        self.shard, self.num_layers, self.std = shard, num_layers, std
        num_rows = shard.rows_of[shard.rank]
        layers = 4 if num_layers else 2  # the last, the next, a block's part of it, their sum
        check_memory(
            {
                "embeddings, gradient and Adam's two moments": (num_rows, embedding_dim, 4, 4),
                "layers": (num_rows, embedding_dim, layers, 4),
                "another process's rows": (max(shard.rows_of), embedding_dim, 4),
            },
            ADVICE,
            shard.device,
            share=1 if shard.device.type == "cuda" else processes_here(),
        )
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

    def forward(self) -> Tensor:
        """Final embeddings of the own users and items, shape ``(num_rows, embedding_dim)``."""
        return layer_mean(self.weight, self.num_layers, self.shard.propagate)


class ShardedSampler:
    """Draws what :class:`recbook.sampling.TripletSampler` draws, bit for bit, in all processes.

    A process that draws a user of another one leaves the triplet to it; a sum puts the batch
    together.

    Args:
        shard: the users and items of this process.

    Raises:
        ValueError: where a user has every item.
    """

    def __init__(self, shard: Shard) -> None:
        check_kind("shard", shard, Shard)
        self.shard, self.own = shard, TripletSampler(shard.train)
        active = from_all(len(self.own.users))
        self.num_active, self.before = sum(active), sum(active[: shard.rank])

    def epoch(self, steps: int, batch_size: int, generator: torch.Generator) -> Iterator[Tensor]:
        """The batches of ``sample(steps * batch_size, generator).split(batch_size, dim=1)``.

        Of the numbers from 0 to 1 that stand for them, one generator draws first those of all
        users, then those of all items and of all negatives. To hold no more than one batch of
        them, a generator for each of the three starts where its numbers do.
        """
        generators = []
        for _ in range(3):
            generators.append(torch.Generator().set_state(generator.get_state()))
            for _ in range(steps):
                torch.rand(batch_size, generator=generator, dtype=torch.float64)
        for _ in range(steps):
            numbers = [torch.rand(batch_size, generator=g, dtype=torch.float64) for g in generators]
            yield self.triplets(torch.stack(numbers))

    def triplets(self, uniform: Tensor) -> Tensor:
        """The triplets that numbers from 0 to 1 stand for, both of shape ``(3, batch_size)``."""
        index = (uniform[0] * self.num_active).long() - self.before
        mine = (index >= 0) & (index < len(self.own.users))
        batch = torch.zeros(uniform.shape, dtype=torch.long)
        batch[:, mine] = self.own.triplets(index[mine], uniform[1:, mine])
        batch[0, mine] += self.shard.first_user
        dist.all_reduce(batch)
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
    node = batch + torch.tensor([[0], [model.shard.num_users], [model.shard.num_users]])
    user_vec, pos_vec, neg_vec = model.shard.gather(model(), node)
    loss = bpr_loss((user_vec * pos_vec).sum(1), (user_vec * neg_vec).sum(1))
    penalty = l2_penalty(*model.shard.gather(model.weight, node))
    return descend(loss + reg * penalty, optimizer)
