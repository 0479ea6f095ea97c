"""What one process has of the train graph."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from recbook.checks import check_device
from recbook.data import Interactions, check_part
from recbook.distributed.processes import from_all, in_turn, processes_here
from recbook.memory import check_memory
from recbook.sparse import sparse_product, sparse_rows

__all__ = ["ADVICE", "Shard"]

#: What to do where memory is too small.
ADVICE = "use more processes on other machines, or a smaller embedding_dim"


class Shard:
    r"""What one process has of the train graph: its users, its items, and the edges of both.

    Of :math:`n` users, process :math:`p` (from 0) owns those from :math:`\lfloor pn/P \rfloor` to
    below :math:`\lfloor (p+1)n/P \rfloor`, and so with the items; its rows are numbered with the
    users first. Processes have as many edges as each other where an item's position says nothing
    about its degree: shuffle items that are sorted by popularity.

    Args:
        share: what this process has read of the train pairs, any part: together the processes have
            each pair once. The numbers of users and items are those of the whole graph.
        device: where the adjacency and the embeddings are to be.

    Raises:
        TypeError: on what are no interactions.
        ValueError: where there are more processes than users or items, a pair occurs twice, or the
            device is not there.
        MemoryError: where the edges cannot fit.
    """

    def __init__(self, share: Interactions, device: str | torch.device = "cpu") -> None:
        check_part("share", share, empty=True)
        self.device = check_device("device", device)
        self.rank, self.world = dist.get_rank(), dist.get_world_size()
        self.num_users, self.num_items = share.num_users, share.num_items
        if self.world > min(self.num_users, self.num_items):
            raise ValueError(
                f"got {self.world} processes for {self.num_users} users and {self.num_items} "
                "items; start at most as many as there are of each"
            )
        parts = torch.arange(self.world + 1)
        user_start = parts * self.num_users // self.world
        item_start = parts * self.num_items // self.world
        self.users_of = user_start.diff().tolist()
        self.items_of = item_start.diff().tolist()
        self.rows_of = (user_start.diff() + item_start.diff()).tolist()
        self.first_user = int(user_start[self.rank])
        first_item_node = item_start[:-1] + self.num_users
        self.block_start = torch.cat([user_start[:-1], first_item_node])  # users' blocks, items'
        self.row_0 = torch.cat([user_start[:-1], first_item_node - user_start.diff()])  # its node
        self.num_pairs = sum(from_all(len(share)))
        check_memory(
            {"sorting its edges": (2 * self.num_pairs // self.world, 80)},
            ADVICE,
            share=processes_here(),
        )
        user, item = self.collect(share, either=True)
        self.train = self.own_part(user, item)
        self.blocks = self._adjacency(user, item)

    def locate(self, node: Tensor) -> tuple[Tensor, Tensor]:
        """The process that owns each node, and the node's row there."""
        block = torch.bucketize(node, self.block_start[1:], right=True, out_int32=True)
        return block % self.world, node - self.row_0[block]

    def collect(self, share: Interactions, either: bool = False) -> Tensor:
        """The pairs of this process's users, whoever has read them.

        One process after the other sends what it has read, and each keeps what is its own.

        Args:
            share: what this process has read.
            either: also the pairs of its items.

        Returns:
            ``user`` and ``item``, shape ``(2, n)``.
        """
        kept, lengths = [], from_all(len(share))
        for user, item in zip(
            in_turn(share.user, lengths), in_turn(share.item, lengths), strict=True
        ):
            mine = self.locate(user)[0] == self.rank
            if either:
                mine |= self.locate(item + self.num_users)[0] == self.rank
            kept.append(torch.stack([user[mine], item[mine]]))
        return torch.cat(kept, dim=1)

    def own_part(self, user: Tensor, item: Tensor) -> Interactions:
        """The pairs of this process's users; its first user becomes number 0."""
        mine = self.locate(user)[0] == self.rank
        own_users = self.users_of[self.rank]
        return Interactions(user[mine] - self.first_user, item[mine], own_users, self.num_items)

    def _adjacency(self, user: Tensor, item: Tensor) -> list[Tensor]:
        r"""Of :math:`\tilde{A}` the rows of this process, a block for the rows of each process."""
        user_owner, user_row = self.locate(user)
        item_owner, item_row = self.locate(item + self.num_users)
        num_rows = self.rows_of[self.rank]
        own = torch.cat([user_row[user_owner == self.rank], item_row[item_owner == self.rank]])
        inv_sqrt = torch.bincount(own, minlength=num_rows).float().pow(-0.5)
        blocks = []
        for sender, theirs in enumerate(in_turn(inv_sqrt, self.rows_of)):
            forth = (user_owner == self.rank) & (item_owner == sender)
            back = (item_owner == self.rank) & (user_owner == sender)
            there = user_row[forth] * len(theirs) + item_row[forth]
            edge = torch.cat([there, item_row[back] * len(theirs) + user_row[back]]).sort().values
            if (edge[1:] == edge[:-1]).any():
                raise ValueError(
                    "got the same pair twice; drop duplicates first, and let each pair be read by "
                    "one process"
                )
            row, column = edge // len(theirs), edge % len(theirs)
            value = inv_sqrt[row] * theirs[column]
            block = sparse_rows(row, column, value, (num_rows, len(theirs)))
            blocks.append(block.to(self.device))
        return blocks

    def propagate(self, x: Tensor) -> Tensor:
        """One propagation of this process's rows, shape ``(num_rows, embedding_dim)``."""
        return _Propagation.apply(self, x)

    def gather(self, x: Tensor, node: Tensor) -> Tensor:
        """The rows of some nodes, whoever owns them, shape ``(*node.shape, embedding_dim)``."""
        owner, row = (part.to(self.device) for part in self.locate(node))
        found = x.new_zeros(*node.shape, x.shape[1])
        mine = owner == self.rank
        found[mine] = x[row[mine]]
        return _Sum.apply(found)


class _Propagation(torch.autograd.Function):
    """The product of the whole adjacency with all rows; symmetric, so that its gradient is too."""

    @staticmethod
    def forward(ctx: Any, shard: Shard, x: Tensor) -> Tensor:
        ctx.shard = shard
        total = torch.zeros_like(x)
        for block, rows in zip(shard.blocks, in_turn(x, shard.rows_of), strict=True):
            total += sparse_product(block, rows)
        return total

    @staticmethod
    def backward(ctx: Any, *grad: Tensor) -> tuple[None, Tensor]:
        return None, ctx.shard.propagate(grad[0])


class _Sum(torch.autograd.Function):
    """The sum over all processes; as all go on with the same sum, the gradient stays as it is."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        x = x.clone()
        dist.all_reduce(x)
        return x

    @staticmethod
    def backward(ctx: Any, *grad: Tensor) -> Tensor:
        return grad[0]
