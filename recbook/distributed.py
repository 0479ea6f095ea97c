r"""LightGCN in several processes, on one machine or many, each with its share of the rows.

``torchrun --nproc-per-node 2 -m recbook.distributed --epochs 5 --checkpoint FOLDER`` trains on
MovieLens-100K. Process :math:`p` of :math:`P` owns a block of the users and a block of the items:
their embeddings, their part of Adam's state and their edges. No process holds all of any of them,
but for the items' final embeddings while it validates. One propagation takes the blocks in turn,

.. math:: X'_p = \sum_{q=1}^{P} \tilde{A}_{pq} X_q,

process :math:`q` sending its rows :math:`X_q` to all others, which add what their edges to them
carry. All processes draw the same batch and compute the same loss; each steps on its own rows. The
numbers are those of :func:`recbook.training.train` with one process, up to rounding.

Every function here is called by all processes alike: one that is missing makes the others wait.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd
import torch
import torch.distributed as dist
from torch import Tensor, nn

from recbook import checkpoint as checkpoints
from recbook.data import (
    Interactions,
    load_movielens_100k,
    pairs_digest,
    random_split,
    to_implicit,
)
from recbook.evaluation import MEASURES, evaluate
from recbook.graph import layer_mean
from recbook.losses import bpr_loss, l2_penalty
from recbook.memory import check_memory, peak_bytes
from recbook.recipes import check_settings
from recbook.sampling import TripletSampler
from recbook.sparse import sparse_product, sparse_rows
from recbook.training import check_finite, descend

__all__ = [
    "Shard",
    "ShardedLightGCN",
    "ShardedSampler",
    "join_processes",
    "read_share",
    "sharded_step",
    "train_sharded",
    "validate",
]

_ADVICE = "use more processes on other machines, or a smaller embedding_dim"


def join_processes() -> torch.device:
    """Join the processes that torchrun has started; NCCL carries what is on GPUs, gloo the rest.

    On several machines, set ``TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1`` in torchrun's environment:
    each machine counts its own restarts, and without it one restart may fail and take another
    (PyTorch's issue 135712).

    Returns:
        The device of this process.

    Raises:
        RuntimeError: where torchrun has not started it.
    """
    if "LOCAL_RANK" not in os.environ:
        raise RuntimeError(
            "this process was not started by torchrun; call torchrun --nproc-per-node 2 -m "
            "recbook.distributed"
        )
    store, rank, world_size = next(dist.rendezvous("env://"))  # type: ignore[attr-defined]
    if os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True":
        # torchrun keeps its store when it restarts processes: without a prefix they would find
        # there the addresses of those that were killed.
        attempt = os.environ["TORCHELASTIC_RESTART_COUNT"]
        store = dist.PrefixStore(attempt, store)  # type: ignore[attr-defined]
    device = torch.device("cpu")
    if torch.cuda.is_available():
        device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(device)
    backend = "gloo" if device.type == "cpu" else "cpu:gloo,cuda:nccl"
    dist.init_process_group(backend, store=store, rank=rank, world_size=world_size)
    return device


def read_share(part: Interactions) -> Interactions:
    """This process's share of a part that all have read: every ``P``-th pair."""
    rank, world = dist.get_rank(), dist.get_world_size()
    return replace(part, user=part.user[rank::world], item=part.item[rank::world])


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
        ValueError: where there are more processes than users or items, or a pair occurs twice.
        MemoryError: where the edges cannot fit.
    """

    def __init__(self, share: Interactions, device: str | torch.device = "cpu") -> None:
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
        self.device = torch.device(device)
        self.num_pairs = sum(_from_all(len(share)))
        check_memory(
            {"sorting its edges": (2 * self.num_pairs // self.world, 80)},
            _ADVICE,
            share=_processes_here(),
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
        kept, lengths = [], _from_all(len(share))
        for user, item in zip(
            _in_turn(share.user, lengths), _in_turn(share.item, lengths), strict=True
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
        for sender, theirs in enumerate(_in_turn(inv_sqrt, self.rows_of)):
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
        for block, rows in zip(shard.blocks, _in_turn(x, shard.rows_of), strict=True):
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


class ShardedLightGCN(nn.Module):
    """The rows that one process has of :class:`recbook.models.LightGCN`.

    Args:
        shard: which rows they are.
        embedding_dim: length of an embedding.
        num_layers: the number of propagations, 0 or more.
        std: standard deviation of the initial embeddings.

    Raises:
        ValueError: on an ``embedding_dim`` below 1, or a negative number of layers.
        MemoryError: where training cannot fit, before anything is allocated.
    """

    def __init__(
        self, shard: Shard, embedding_dim: int = 64, num_layers: int = 3, std: float = 0.1
    ) -> None:
        super().__init__()
        if embedding_dim < 1 or num_layers < 0:
            raise ValueError(
                f"got embedding_dim={embedding_dim} and num_layers={num_layers}, expected at least "
                "1 and 0"
            )
        self.shard, self.num_layers, self.std = shard, num_layers, std
        num_rows = shard.rows_of[shard.rank]
        layers = 4 if num_layers else 2  # the last, the next, a block's part of it, their sum
        check_memory(
            {
                "embeddings, gradient and Adam's two moments": (num_rows, embedding_dim, 4, 4),
                "layers": (num_rows, embedding_dim, layers, 4),
                "another process's rows": (max(shard.rows_of), embedding_dim, 4),
            },
            _ADVICE,
            shard.device,
            share=1 if shard.device.type == "cuda" else _processes_here(),
        )
        self.weight = nn.Parameter(torch.empty(num_rows, embedding_dim, device=shard.device))
        self.reset_parameters()

    def reset_parameters(self, seed: int = 0) -> None:
        """Draw the numbers that LightGCN would draw, a part at a time, and keep the own rows."""
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
        self.shard, self.own = shard, TripletSampler(shard.train)
        active = _from_all(len(self.own.users))
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


@torch.no_grad()
def validate(model: ShardedLightGCN, target: Interactions, k: int = 20) -> dict[str, float]:
    """Mean recall, precision, NDCG and hit rate over the users of all processes.

    Each process ranks all items for its own users; for that it holds all items' embeddings.

    Args:
        model: the rows of this process.
        target: what its own users are to be shown, from :meth:`Shard.own_part`.
        k: length of the list.
    """
    shard = model.shard
    final = model()
    users = shard.users_of[shard.rank]
    item_emb = torch.cat(list(_in_turn(final[users:], shard.items_of)))
    sums = torch.zeros(1 + len(MEASURES), dtype=torch.float64)
    if len(target):
        scores = _Scores(final[:users], item_emb)
        measured = evaluate(scores, seen=shard.train, target=target, k=k).per_user[MEASURES]
        sums = torch.tensor([len(measured), *measured.sum()], dtype=torch.float64)
    dist.all_reduce(sums)
    if sums[0] == 0:
        raise ValueError("no process has a validation pair; pass more rows, or None")
    return dict(zip(MEASURES, (sums[1:] / sums[0]).tolist(), strict=True))


@dataclass
class _Scores:
    user_emb: Tensor
    item_emb: Tensor

    def score(self, users: Tensor) -> Tensor:
        return self.user_emb[users.to(self.user_emb.device)] @ self.item_emb.T


def train_sharded(
    model: ShardedLightGCN,
    val_share: Interactions | None = None,
    epochs: int = 50,
    batch_size: int = 1024,
    lr: float = 0.005,
    reg: float = 1e-4,
    seed: int = 0,
    k: int = 20,
    checkpoint: str | Path | None = None,
) -> pd.DataFrame:
    r"""Train from scratch as :func:`recbook.training.train` does with the BPR loss.

    Args:
        model: its parameters are drawn anew.
        val_share: what this process has read of the validation pairs, or None in all processes.
        epochs: how many.
        batch_size: triplets a step.
        lr: Adam's learning rate.
        reg: weight of the L2 penalty on the layer-0 embeddings of the batch.
        seed: seed of everything that is drawn.
        k: length of the list that the validation measures look at.
        checkpoint: a folder, where each process writes a file of its own after each epoch. Where
            they are there already, training goes on from the last epoch that all processes have.

    Returns:
        One row an epoch: ``epoch``, ``loss``, ``seconds`` and, with a validation part, ``recall``,
        ``precision``, ``ndcg`` and ``hit_rate``.

    Raises:
        ValueError: on numbers out of range, a validation part without a pair, or a checkpoint of
            another run.
        RuntimeError: where no epoch's checkpoint is whole in all processes.
        FloatingPointError: where the loss is no longer finite.
    """
    check_settings(
        model.shard.num_items, lr=lr, reg=reg, epochs=epochs, batch_size=batch_size, seed=seed, k=k
    )
    shard = model.shard
    model.reset_parameters(seed)
    sampler = ShardedSampler(shard)
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(model.parameters(), lr=lr, fused=True)
    val = None if val_share is None else shard.own_part(*shard.collect(val_share))
    rows: list[dict[str, float]] = []
    if checkpoint is not None:
        file = Path(checkpoint) / f"process-{shard.rank}.pt"
        identity: dict[str, Any] = {
            "processes": shard.world, "num_users": shard.num_users, "num_items": shard.num_items,
            "embedding_dim": model.weight.shape[1], "num_layers": model.num_layers,
            "std": model.std, "batch_size": batch_size, "lr": lr, "reg": reg, "seed": seed, "k": k,
            "digest of train": pairs_digest(shard.train), "digest of val": pairs_digest(val),
        }  # fmt: skip
        if (state := _last_common(file, identity)) is not None:
            rows = state["rows"]
            checkpoints.restore(state, model, optimizer, generator)
        checkpoints.check_epochs(checkpoint, len(rows), epochs)
    steps = max(1, shard.num_pairs // batch_size)
    for epoch in range(len(rows) + 1, epochs + 1):
        began = time.perf_counter()
        total = torch.zeros((), device=shard.device)
        for batch in sampler.epoch(steps, batch_size, generator):
            total += sharded_step(model, batch, reg, optimizer)
        mean_loss = total.item() / steps
        check_finite(mean_loss, epoch, lr)
        row = {"epoch": epoch, "loss": mean_loss, "seconds": time.perf_counter() - began}
        rows.append(row if val is None else row | validate(model, val, k))
        if checkpoint is not None:
            state = {"rows": rows} | checkpoints.training_state(model, optimizer, generator)
            checkpoints.save(file, state, identity)
    return pd.DataFrame(rows).set_index("epoch", drop=False)


def _last_common(file: Path, identity: dict[str, Any]) -> dict[str, Any] | None:
    """The checkpoint of the last epoch that all processes have, or None where it is epoch 0.

    Processes step together, so that they are one epoch apart at most: each has the last two.
    """

    def load() -> tuple[dict[str, Any] | None, int]:
        state = checkpoints.load(file, identity)
        return state, 0 if state is None else len(state["rows"])

    state, epoch = load()
    common = min(_from_all(epoch))
    if epoch > common and checkpoints.previous(file).exists():
        checkpoints.step_back(file)
        state, epoch = load()
    if epoch == common:
        return state
    if epoch == 1 > common:  # killed before all had their first
        return None
    raise RuntimeError(
        f"{file} has epoch {epoch}, and another process none after {common}: put the other's file "
        "back, or delete all to start from the beginning"
    )


def _in_turn(mine: Tensor, lengths: list[int]) -> Iterator[Tensor]:
    """The rows of each process, one process after the other, of which each has ``mine``."""
    for sender, length in enumerate(lengths):
        own = sender == dist.get_rank()
        rows = mine.contiguous() if own else mine.new_empty(length, *mine.shape[1:])
        dist.broadcast(rows, sender)
        yield rows


def _from_all(number: int) -> list[int]:
    """This number of each process."""
    numbers = torch.zeros(dist.get_world_size(), dtype=torch.long)
    numbers[dist.get_rank()] = number
    dist.all_reduce(numbers)
    return numbers.tolist()


def _processes_here() -> int:
    return int(os.environ.get("LOCAL_WORLD_SIZE", 1))


def main() -> None:
    """Train on MovieLens-100K and print the last epoch's measures."""
    parser = argparse.ArgumentParser(
        prog="torchrun -m recbook.distributed", description=main.__doc__
    )
    parser.add_argument("--epochs", type=int, default=50)
    parser.add_argument("--embedding-dim", type=int, default=64)
    parser.add_argument("--num-layers", type=int, default=3)
    parser.add_argument("--reg", type=float, default=1e-4)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--checkpoint", type=Path, help="folder of the checkpoints")
    given = parser.parse_args()
    device = join_processes()
    split = random_split(to_implicit(load_movielens_100k().ratings), val_size=0.1)
    assert split.val is not None
    train_share, val_share = (read_share(part) for part in (split.train, split.val))
    model = ShardedLightGCN(Shard(train_share, device), given.embedding_dim, given.num_layers)
    frame = train_sharded(
        model, val_share, given.epochs, reg=given.reg, seed=given.seed, checkpoint=given.checkpoint
    )
    peak = max(_from_all(peak_bytes(device) or 0))
    if dist.get_rank() == 0:
        last = frame.iloc[-1]
        print(
            f"{dist.get_world_size()} processes, epoch {last.epoch:.0f}: validation recall@20 "
            f"{last.recall:.4f}, NDCG@20 {last.ndcg:.4f}; peak memory {peak / 2**20:.0f} MiB a "
            "process"
        )
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
