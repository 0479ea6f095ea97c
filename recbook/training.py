"""The one training loop of the book."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from recbook import checkpoint as checkpoints
from recbook.checks import check_device, check_path
from recbook.data import Interactions, Split, pairs_digest
from recbook.evaluation import evaluate
from recbook.graph import train_adjacency
from recbook.losses import bpr_loss, l2_penalty, softmax_loss_in_blocks
from recbook.memory import check_memory, keep_freed_memory
from recbook.models.base import EmbeddingModel
from recbook.progress import progress
from recbook.recipes import check_training, first_embeddings, recipe, suit
from recbook.sampling import TripletSampler
from recbook.threads import threads_beside_others

__all__ = [
    "History",
    "check_finite",
    "descend",
    "new_adam",
    "softmax_step",
    "train",
    "train_step",
]


@dataclass(frozen=True, eq=False)
class History:
    """What happened in training.

    Args:
        frame: one row an epoch: ``epoch`` (from 1), ``loss``, ``seconds`` and, with a validation
            part, ``recall``, ``precision``, ``ndcg`` and ``hit_rate`` on it.
        best_epoch: the first with the highest validation recall; None without a validation part.
    """

    frame: pd.DataFrame
    best_epoch: int | None

    def __repr__(self) -> str:
        loss, best = float(self.frame["loss"].iloc[-1]), ""
        if self.best_epoch is not None:
            recall = float(self.frame["recall"][self.best_epoch])
            best = f", best epoch {self.best_epoch} with validation recall {recall:.4f}"
        return f"History({len(self.frame)} epochs, last loss {loss:.4f}{best})"


def train(
    model: EmbeddingModel,
    split: Split,
    loss: str = "bpr",
    epochs: int | None = None,
    batch_size: int | None = None,
    lr: float | None = None,
    reg: float | None = None,
    seed: int = 0,
    patience: int | None = None,
    k: int = 20,
    num_negatives: int | None = None,
    temperature: float | None = None,
    initial_embeddings: str | Tensor | None = None,
    checkpoint: str | Path | None = None,
    device: str | torch.device | None = None,
) -> History:
    r"""Train from scratch with Adam on :math:`L + \mathrm{reg} \cdot L_2`.

    With ``"bpr"`` an epoch is ``len(split.train) // batch_size`` steps (at least one) of
    ``batch_size`` triplets; ``"hard_bpr"`` draws ``num_negatives`` items for each pair and keeps
    the one that scores highest. With ``"softmax"`` an epoch takes each user with all their items
    once, ``batch_size`` users a step, against all items. Each step propagates over the whole train
    graph. ``seed`` fixes the initial parameters, the batches and what dropout drops: the same seed
    gives the same run, whatever ran before. Only ``split.train`` and ``split.val`` are ever read,
    never ``split.test``.

    Naming a loss and nothing else gives what the book recommends for it: what is None in the
    signature is taken from :data:`recbook.recipes.RECIPES`.

    ====================  ==============  ==============  ==============
    setting               ``"bpr"``       ``"hard_bpr"``  ``"softmax"``
    ====================  ==============  ==============  ==============
    epochs                50              50              75
    batch_size            1024 triplets   1024 triplets   all users
    lr                    0.005           0.005           0.03
    reg                   0.0001          0.0001          0.1
    num_negatives         1               2               --
    temperature           --              --              0.22
    initial_embeddings    ``"random"``    ``"random"``    ``"smooth"``
    cosine                False           False           True
    ====================  ==============  ==============  ==============

    The last row is for a model that was built with ``cosine=None`` and leaves it to the loss.

    Args:
        model: its parameters are drawn anew, and it is ready to score afterwards.
        split: ``val`` may be None, then nothing is validated.
        loss: ``"bpr"``, ``"hard_bpr"`` or ``"softmax"``.
        epochs: how many, at most.
        batch_size: triplets a step; with ``"softmax"``, users a step.
        lr: Adam's learning rate.
        reg: weight of the L2 penalty on the layer-0 embeddings, those of the batch; with
            ``"softmax"``, where every item is in every batch, those of all nodes.
        seed: seed of everything that is drawn.
        patience: stop after this many epochs without a better validation recall, and go back to
            the parameters of the best epoch; None trains all epochs and keeps the last.
        k: length of the list that the validation measures look at.
        num_negatives: negatives a pair, for the two BPR losses.
        temperature: what the scores are divided by, for ``"softmax"``.
        initial_embeddings: the layer-0 embeddings to begin with: ``"random"``; ``"smooth"``, those
            of :func:`recbook.graph.smooth_start` (of a graph with too few users or items for them,
            random ones); or a tensor of shape ``(num_users + num_items, embedding_dim)``.
        checkpoint: a file, written at once and after each epoch; see :mod:`recbook.checkpoint`.
            Where it is there already, training goes on from it, and ends like a run that was never
            stopped, bit for bit. More ``epochs`` than it was made with are trained as well.
        device: where to train, ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ``"mps"``; the model moves
            there and stays. None trains where the model is.

    Returns:
        A :class:`History`.

    Raises:
        TypeError: on what is no model with embeddings, no split, or no number.
        ValueError: on an unknown loss, a setting that the loss has not, numbers out of range,
            a model and a split or initial embeddings of different sizes, an empty part,
            ``patience`` without a validation part, a device that is not there, or a checkpoint of
            another run.
        MemoryError: where graph and embeddings cannot fit, before they are allocated.
        FloatingPointError: where the loss is no longer finite.

    >>> from recbook.models import LightGCN
    >>> pairs = Interactions.from_pairs([0, 0, 1, 1, 2], [0, 1, 0, 2, 1])
    >>> train(LightGCN(3, 3, embedding_dim=4), Split(pairs, test=pairs), epochs=2, batch_size=4)
    History(2 epochs, last loss 0.6842)
    """
    asked = {
        "epochs": epochs, "batch_size": batch_size, "lr": lr, "reg": reg,
        "num_negatives": num_negatives, "temperature": temperature,
        "initial_embeddings": initial_embeddings,
    }  # fmt: skip
    settings = recipe(loss, asked) | {"seed": seed, "patience": patience, "k": k}
    check_training(model, split, settings)
    where = None if device is None else check_device("device", device)
    path = None if checkpoint is None else check_path("checkpoint", checkpoint, file=True)
    run = _Run(model, split, settings, where)
    if path is not None:
        run.resume(path)
    done, total = len(run.rows), settings["epochs"]
    left, what = range(done + 1, total + 1), f"epoch on {run.device.type}"
    with progress(left, what, every=0, initial=done, total=total) as bar:
        for epoch in bar:
            if run.is_over():
                break
            row = run.train_epoch(epoch)
            if split.val is not None:
                row |= run.validate(epoch)
            shown = {name: f"{row[name]:.3f}" for name in ("loss", "recall") if name in row}
            bar.set_postfix(shown, refresh=False)
            run.rows.append(row)
            if path is not None:
                run.save(path)
    if run.best_state is not None:
        model.load_state_dict(run.best_state)
    model.finalize(run.adj)
    model.fitted_on = split.train
    return History(pd.DataFrame(run.rows).set_index("epoch", drop=False), run.best_epoch)


class _Run:
    """A training: what its steps need, and how far it has come."""

    def __init__(
        self,
        model: EmbeddingModel,
        split: Split,
        settings: dict[str, Any],
        device: torch.device | None,
    ) -> None:
        where = device or model.embedding.weight.device
        _check_memory(model, split.train, settings, where)
        keep_freed_memory()
        self.model, self.split, self.settings = model.to(where), split, settings
        self.device = model.embedding.weight.device  # "cuda" has become "cuda:0"
        suit(model, settings["cosine"])
        model.reset_parameters(settings["seed"])
        first = first_embeddings(settings["initial_embeddings"], model, split.train)
        if first is not None:
            with torch.no_grad():
                model.embedding.weight.copy_(first)
        self.adj = train_adjacency(split.train).to(self.device)
        self.softmax = settings["loss"] == "softmax"
        self.users = torch.nonzero(split.train.user_degree).flatten()
        self.sampler = None if self.softmax else TripletSampler(split.train)
        self.generator = torch.Generator().manual_seed(settings["seed"])
        self.optimizer = new_adam(model, settings["lr"])
        # How far it has come, besides parameters, optimizer and generator:
        self.rows: list[dict[str, float]] = []  # one an epoch
        self.best_recall = -1.0
        self.best_epoch: int | None = None
        self.best_state: dict[str, Tensor] | None = None  # with a patience

    def batches(self) -> tuple[Tensor, ...]:
        """Those of an epoch: users for the softmax, triplets for the others."""
        size = self.settings["batch_size"] or len(self.users)
        if self.sampler is None:
            order = torch.randperm(len(self.users), generator=self.generator)
            return self.users[order].split(size)
        number = max(1, len(self.split.train) // size) * size
        drawn = self.sampler.sample(number, self.generator, self.settings["num_negatives"])
        return drawn.to(self.device).split(size, dim=1)

    def step(self, batch: Tensor) -> Tensor:
        """One step of Adam; the loss before it."""
        model, reg = self.model, self.settings["reg"]
        if self.softmax:
            pairs, temperature = self.split.train.pairs_of(batch), self.settings["temperature"]
            return softmax_step(model, self.adj, batch, pairs, reg, self.optimizer, temperature)
        hardest = self.settings["loss"] == "hard_bpr"
        return train_step(model, self.adj, batch, reg, self.optimizer, hardest)

    def train_epoch(self, epoch: int) -> dict[str, float]:
        """All steps of an epoch; its row."""
        began = time.perf_counter()
        batches = self.batches()
        total = torch.zeros((), device=self.device)
        self.model.train()
        fewer = not self.softmax and len([*self.model.parameters()]) == 1  # no dense product then
        seed = self.settings["seed"] + epoch
        with torch.enable_grad(), _seeded(seed, self.device), threads_beside_others(fewer):
            for batch in batches:
                total += self.step(batch)
        mean_loss = total.item() / len(batches)
        check_finite(mean_loss, epoch, self.settings["lr"], self.settings["reg"])
        return {"epoch": epoch, "loss": mean_loss, "seconds": time.perf_counter() - began}

    def validate(self, epoch: int) -> dict[str, float]:
        """Measure on the validation part, and remember the best epoch."""
        assert self.split.val is not None
        self.model.finalize(self.adj)
        report = evaluate(self.model, self.split.train, self.split.val, k=self.settings["k"])
        if report.recall > self.best_recall:
            self.best_recall, self.best_epoch = report.recall, epoch
            if self.settings["patience"] is not None:
                self.best_state = copy.deepcopy(self.model.state_dict())
        return report.as_dict()

    def is_over(self) -> bool:
        """Whether no epoch of the last ``patience`` was better than all before."""
        patience = self.settings["patience"]
        if patience is None or self.best_epoch is None:
            return False
        return len(self.rows) - self.best_epoch >= patience

    PROGRESS = ("rows", "best_recall", "best_epoch", "best_state")

    def save(self, path: str | Path) -> None:
        """Write a checkpoint."""
        state = {"run": {name: getattr(self, name) for name in self.PROGRESS}}
        state |= checkpoints.training_state(self.model, self.optimizer, self.generator)
        checkpoints.write(path, state, self.identity)

    def resume(self, path: str | Path) -> None:
        """Go on from a checkpoint, where there is one."""
        train, val = self.split.train, self.split.val
        self.identity = checkpoints.identity(
            self.model,
            {name: value for name, value in self.settings.items() if name != "epochs"}
            | {"digest of train": pairs_digest(train), "digest of val": pairs_digest(val)},
        )
        if (state := checkpoints.read(path, self.identity)) is not None:
            vars(self).update(state["run"])
            checkpoints.restore(state, self.model, self.optimizer, self.generator)
        else:
            self.save(path)  # where nothing can be written, that is said before the first epoch
        checkpoints.check_epochs(path, len(self.rows), self.settings["epochs"])


def check_finite(loss: float, epoch: int, lr: float, reg: float) -> None:
    """Raise a FloatingPointError where training has diverged."""
    if not math.isfinite(loss):
        smaller = "reg" if reg > 1 else "lr"
        raise FloatingPointError(
            f"the loss is {loss} in epoch {epoch} with {lr=} and {reg=}; try a smaller {smaller}"
        )


def _check_memory(
    model: EmbeddingModel, train: Interactions, settings: dict[str, Any], device: torch.device
) -> None:
    """Refuse, from the sizes alone, what cannot fit; what is needed is estimated from below."""
    num_nodes, dim = model.embedding.weight.shape
    advice = "use a smaller embedding_dim or batch, or fewer interactions, or recbook.distributed"
    check_memory({"sorting the edges": (2 * len(train), 80)}, advice)
    rows, size = 2 + settings.get("num_negatives", 0), settings["batch_size"]
    if settings["loss"] != "softmax":
        triplets = max(1, len(train) // size) * size
        fewer = "use a smaller batch_size or fewer negatives"
        check_memory({"an epoch's triplets": (rows, triplets, 8 + 8)}, fewer)
    layers = 3 if getattr(model, "num_layers", 0) else 2  # the last, the next, their sum
    check_memory(
        {
            "edges": (2 * len(train), 4 + 4),
            "the rows' starts": (num_nodes + 1, 4),
            "gradient and Adam's two moments": (num_nodes, dim, 3, 4),
            "layers": (num_nodes, dim, layers, 4),
            "a batch's vectors, products and gradients": (rows, size or 0, dim, 3, 4),
        },
        advice,
        device,
    )


@contextmanager
def _seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Dropout draws from the global generators: here they are seeded, later as they were.

    Those of devices that take no part are not touched.
    """
    others = [] if device.type == "cpu" else [device]
    with torch.random.fork_rng(others, device_type=device.type):
        torch.default_generator.manual_seed(seed)
        for other in others:
            state = torch.Generator(other).manual_seed(seed).get_state()
            torch.get_device_module(other).set_rng_state(state, other)
        yield


def new_adam(model: torch.nn.Module, lr: float) -> torch.optim.Adam:
    """Adam for all parameters, in one kernel on the devices for which PyTorch has long had it."""
    devices = {parameter.device.type for parameter in model.parameters()}
    return torch.optim.Adam(model.parameters(), lr=lr, fused=devices <= {"cpu", "cuda"} or None)


def train_step(
    model: EmbeddingModel,
    adj: Tensor,
    batch: Tensor,
    reg: float,
    optimizer: torch.optim.Optimizer,
    hardest: bool = False,
) -> Tensor:
    """Propagate, then one step of Adam on the BPR loss; returns it.

    Args:
        model: what is trained.
        adj: what it propagates over.
        batch: ``user``, ``item`` and one row or more of ``neg_item``, shape ``(2 + n, B)``.
        reg: weight of the L2 penalty.
        optimizer: of the model's parameters.
        hardest: of each pair's negatives take only the one that scores highest.
    """
    user, items = batch[0], batch[1:].flatten()
    user_vec, item_vec = model.embed(adj, user, items)
    score = (user_vec * item_vec.unflatten(0, (len(batch) - 1, -1))).sum(-1)
    pos_score, neg_score = score[0], score[1:]
    if hardest:
        neg_score = neg_score.amax(0)
    nodes = torch.cat([user, items + model.num_users])
    penalty = len(batch) * l2_penalty(model.embedding.weight.index_select(0, nodes))
    return descend(bpr_loss(pos_score, neg_score) + reg * penalty, optimizer)


def softmax_step(
    model: EmbeddingModel,
    adj: Tensor,
    users: Tensor,
    positive: tuple[Tensor, Tensor],
    reg: float,
    optimizer: torch.optim.Optimizer,
    temperature: float,
) -> Tensor:
    """Propagate, then one step of Adam on the softmax loss of some users; returns it."""
    user_emb, item_emb = model(adj)
    row, item = (x.to(user_emb.device) for x in positive)
    user_vec = user_emb.index_select(0, users.to(user_emb.device))
    loss = softmax_loss_in_blocks(user_vec, item_emb, (row, item), temperature)
    return descend(loss + reg * l2_penalty(model.embedding.weight), optimizer)


def descend(loss: Tensor, optimizer: torch.optim.Optimizer) -> Tensor:
    """One step of the optimizer on a loss; returns it."""
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.detach()
