"""What one process has of the train graph."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from recbook.checks import check_device
from recbook.data import Interactions, check_part
from recbook.distributed.processes import (
    begin,
    from_all,
    gather,
    processes_here,
    reduce_scatter,
    to_owners,
    together,
)
from recbook.memory import check_memory
from recbook.sparse import sparse_product, sparse_rows, transpose

__all__ = ["ADVICE", "Shard"]

#: What to do where memory is too small.
ADVICE = "use more processes on other machines, or a smaller embedding_dim"


class Shard:
    r"""What one process has of the train graph: its users, its items, and edges.

    Of :math:`n` users, process :math:`p` of :math:`P` (from 0) owns those from :math:`pb` to below
    :math:`(p+1)b`, with :math:`b = \lceil n/P \rceil`, and so with the items; its rows are numbered
    with the users first. Those that are more, users or items, are *divided*: all their edges are
    with their owner. The others are *copied*: while it propagates, each process has a row of each.

    Processes have as many edges as each other where a position says nothing about the degree, as
    :func:`recbook.distributed.read_sharded` numbers ids.

    Args:
        share: what this process has read of the train pairs, any part: together the processes have
            each pair once. The numbers of users and items are those of the whole graph.
        device: where the adjacency and the embeddings are to be.

    Raises:
        TypeError: on what are no interactions.
        ValueError: where a process would have no user or no item, a pair occurs twice, or the
            device is not there.
        MemoryError: where the edges cannot fit.
    """

    def __init__(self, share: Interactions, device: str | torch.device = "cpu") -> None:
        check_part("share", share, empty=True)
        self.device = check_device("device", device)
        self.rank, self.world = dist.get_rank(), dist.get_world_size()
        self.num_users, self.num_items = share.num_users, share.num_items
        self.user_block, self.item_block = (
            -(-number // self.world) for number in (self.num_users, self.num_items)
        )
        for block, number in (
            (self.user_block, self.num_users),
            (self.item_block, self.num_items),
        ):
            if block * (self.world - 1) >= number:
                raise ValueError(
                    f"got {self.world} processes for {self.num_users} users and {self.num_items} "
                    "items, of which the last would have none; start fewer processes"
                )
        self.first_user = self.rank * self.user_block
        self.own_users = min(self.user_block, self.num_users - self.first_user)
        self.own_items = min(self.item_block, self.num_items - self.rank * self.item_block)
        self.users_divided = self.num_users >= self.num_items
        self.num_pairs = sum(from_all(len(share)))
        needed: dict[str, tuple[int, ...]] = {
            "sorting its edges": (self.num_pairs // self.world, 64)
        }
        together(lambda: check_memory(needed, ADVICE, share=processes_here()))
        self.train = self.own_part(share)
        if self.users_divided:
            large, small = self.train.user, self.train.item
            self._connect(large, small, self.own_users, self.num_items)
        else:
            pairs = torch.stack([share.item, share.user], dim=1)
            large, small = to_owners(pairs, share.item // self.item_block).T
            large = large - self.rank * self.item_block
            self._connect(large, small, self.own_items, self.num_users)

    def own_part(self, share: Interactions) -> Interactions:
        """The pairs of this process's users, whoever has read them; its first is number 0."""
        pairs = torch.stack([share.user, share.item], dim=1)
        user, item = to_owners(pairs, share.user // self.user_block).T.contiguous()
        return Interactions(user - self.first_user, item, self.own_users, self.num_items)

    def _connect(self, large: Tensor, small: Tensor, own: int, copied: int) -> None:
        """Both directions of the edges of the rows that this process has of the divided side."""
        users = self.user_block, self.own_users
        items = self.item_block, self.own_items
        small_side, large_side = (items, users) if self.users_divided else (users, items)
        self.copied, (self.block, self.own_copied) = copied, small_side
        self.first_divided = self.rank * large_side[0]
        degree = torch.bincount(small, minlength=copied)
        begin(dist.all_reduce, degree)()
        own_degree = torch.bincount(large, minlength=own)
        self.degree, self.own_degree = degree, own_degree  # of the copied, of its own divided
        edge = large * copied
        edge += small
        edge.numpy().sort()  # in place; torch.sort would hold three times as much
        if sum(from_all(int((edge[1:] == edge[:-1]).sum()))):
            raise ValueError(
                "got the same pair twice; drop duplicates first, and let each pair be read by one "
                "process"
            )
        large, small = edge // copied, edge % copied
        del edge
        value = own_degree.float().pow(-0.5)[large] * degree.float().pow(-0.5)[small]
        to_divided = sparse_rows(large, small, value, (own, copied))
        del large, small, value
        self.to_divided = to_divided.to(self.device)
        self.to_copied = transpose(to_divided).to(self.device)

    def locate(self, node: Tensor) -> tuple[Tensor, Tensor]:
        """The process that owns each node, items behind the users, and the node's row there."""
        item = node - self.num_users
        owner = torch.where(item < 0, node // self.user_block, item // self.item_block)
        users = (self.num_users - owner * self.user_block).clamp(max=self.user_block)
        of_item = users + item - owner * self.item_block
        return owner, torch.where(item < 0, node - owner * self.user_block, of_item)

    def layer_mean(self, x: Tensor, num_layers: int, at: Tensor) -> tuple[Tensor, Tensor]:
        """The mean of the layers, as :func:`recbook.graph.layer_mean` has it of all rows.

        Args:
            x: layer 0 of this process's rows, shape ``(num_rows, embedding_dim)``.
            num_layers: the number of propagations, 0 or more.
            at: which rows of the copied side are asked for, each once, the same in all processes.

        Returns:
            These rows, the same in all processes, and its own of the divided side. The gradient of
            the former is the sum of what each process says.
        """
        user_x, item_x = x.split([self.own_users, self.own_items])
        copied, divided = (item_x, user_x) if self.users_divided else (user_x, item_x)
        return _LayerMean.apply(self, num_layers, at.to(self.device), copied, divided)


class _LayerMean(torch.autograd.Function):
    """What is divided gets its sums from the copies, what is copied as a sum over all processes.

    While that sum is under way, the other product is computed. The operator is symmetric, so that
    the gradient is the same again, by Horner's rule.
    """

    @staticmethod
    def forward(
        ctx: Any, shard: Shard, num_layers: int, at: Tensor, copied: Tensor, divided: Tensor
    ) -> tuple[Tensor, Tensor]:
        ctx.args = shard, num_layers, at
        rows, arrived = gather(copied, shard.block, shard.copied)
        large, large_sum = divided, divided.clone()
        small_sum = copied.new_zeros(len(at), copied.shape[1])
        for layer in range(1, num_layers + 1):
            part = sparse_product(shard.to_copied, large)
            if layer == num_layers:
                part = part[at]
            arrived()
            small_sum += rows[at]
            arrived = begin(dist.all_reduce, part)
            large = sparse_product(shard.to_divided, rows)
            large_sum += large
            rows = part
        arrived()
        small_sum += rows if num_layers else rows[at]
        return small_sum / (num_layers + 1), large_sum / (num_layers + 1)

    @staticmethod
    def backward(ctx: Any, *grad: Tensor) -> tuple[None, None, None, Tensor, Tensor]:
        shard, num_layers, at = ctx.args
        here, own = (part.contiguous() / (num_layers + 1) for part in grad)
        arrived = begin(dist.all_reduce, here)
        part = sparse_product(shard.to_copied, own)
        arrived()
        rows, large = here.new_zeros(shard.copied, here.shape[1]), own
        rows[at] = here
        for _ in range(num_layers - 1):
            arrived = begin(dist.all_reduce, part)
            large = own + sparse_product(shard.to_divided, rows)
            arrived()
            rows = part.index_add_(0, at, here)
            part = sparse_product(shard.to_copied, large)
        row = at - shard.rank * shard.block
        mine = (row >= 0) & (row < shard.own_copied)
        small = here.new_zeros(shard.own_copied, here.shape[1])
        small[row[mine]] = here[mine]
        if num_layers:  # of the last sum each process needs its own rows alone
            summed = reduce_scatter(part, shard.block)
            large = own + sparse_product(shard.to_divided, rows)
            small += summed()
        return None, None, None, small, large
