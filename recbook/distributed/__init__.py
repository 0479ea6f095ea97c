r"""LightGCN in several processes, on one machine or many, each with its share of the rows.

``torchrun --nproc-per-node 2 -m recbook.distributed --data clicks.parquet --loss softmax --out
clicks.safetensors`` reads a log of your own and trains on it, where it has ratings on those of 3 or
more; ``--help`` has the rest. Process :math:`p` of :math:`P` owns a block of the users and a block
of the items: their embeddings and their part of Adam's state. Of users and items those that are
more are *divided*, with all edges; the others, :math:`S`, are *copied*: while it propagates, each
process has a row of each. With :math:`\tilde{R}_p` the part of the normalised matrix that the edges
of process :math:`p` are, from its own rows :math:`X_p` to the copies,

.. math:: S' = \sum_{p=1}^{P} \tilde{R}_p X_p, \qquad X'_p = \tilde{R}_p^\top S,

so that one sum over all processes is all that travels in a layer, of the smaller side's size. All
processes draw the same batch and compute the same loss; each steps on its own rows. With BPR the
numbers are those of :func:`recbook.training.train` with one process, up to rounding.

Every function here is called by all processes alike: one that is missing makes the others wait.
"""

from recbook.distributed.collecting import save_sharded
from recbook.distributed.model import (
    ShardedLightGCN,
    ShardedSampler,
    sharded_softmax_step,
    sharded_step,
)
from recbook.distributed.processes import join_processes
from recbook.distributed.reading import Log, read_sharded
from recbook.distributed.shard import Shard
from recbook.distributed.training import train_sharded, validate

__all__ = [
    "Log",
    "Shard",
    "ShardedLightGCN",
    "ShardedSampler",
    "join_processes",
    "read_sharded",
    "save_sharded",
    "sharded_softmax_step",
    "sharded_step",
    "train_sharded",
    "validate",
]
