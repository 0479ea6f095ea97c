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

from recbook.distributed.model import ShardedLightGCN, ShardedSampler, sharded_step
from recbook.distributed.processes import join_processes, read_share
from recbook.distributed.shard import Shard
from recbook.distributed.training import train_sharded, validate

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
