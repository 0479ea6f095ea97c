"""Checkpoints that some processes write and others read, as many or not."""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from recbook import checkpoint as checkpoints
from recbook.data import Interactions
from recbook.distributed.model import ShardedLightGCN
from recbook.distributed.processes import all_of, from_all, together

__all__ = ["Checkpoints", "pairs_sum"]

_TABLES = ("weight", "exp_avg", "exp_avg_sq")  # rows of a process, and Adam's two moments of them


class Checkpoints:
    """A folder with a file of each process, and the one before it.

    Processes step together, so that their files are one epoch apart at most: the last epoch that
    all have is in each process's newest file or in the one before. As many processes as have
    written need see their own file only; another number of them must all see all files.

    Args:
        folder: where the files are.
        model: whose rows they have.
        optimizer: its Adam.
        generator: what draws the batches.
        identity: what the run is, whatever the number of processes.
    """

    def __init__(
        self,
        folder: Path,
        model: ShardedLightGCN,
        optimizer: torch.optim.Optimizer,
        generator: torch.Generator,
        identity: dict[str, Any],
    ) -> None:
        self.folder, self.model, self.optimizer = folder, model, optimizer
        self.generator, self.identity, self.shard = generator, identity, model.shard

    def file(self, process: int) -> Path:
        """The newest file of a process."""
        return self.folder / f"process-{process}.pt"

    def save(self, rows: list[dict[str, float]]) -> None:
        """Write this process's file, after each epoch."""
        adam = self.optimizer.state[self.model.weight]
        tables = {"weight": self.model.weight.detach()} | {name: adam[name] for name in _TABLES[1:]}
        state = {name: table.cpu() for name, table in tables.items()} | {
            "rows": rows,
            "processes": self.shard.world,
            "step": adam["step"].cpu(),
            "generator": self.generator.get_state(),
        }
        together(lambda: checkpoints.write(self.file(self.shard.rank), state, self.identity))

    def resume(self) -> list[dict[str, float]]:
        """Go on from the last epoch that all have, whose rows are returned; none: from the start.

        Raises:
            ValueError: on a checkpoint of another run.
            RuntimeError: where the files have no epoch in common, or one is not to be seen.
        """
        looked_at = together(self._look)
        found = {process: one for each in all_of(looked_at) for process, one in each.items()}
        if not found:
            return []
        newest, processes = max(found.values())
        nothing = 0, processes
        common, processes = min(found.get(n, nothing) for n in range(processes))
        if common == 0 and newest == 1:  # killed before all had their first
            return []
        if common < newest - 1:
            raise RuntimeError(
                f"{self.folder} has epoch {newest} of one process and none after {common} of "
                f"another, expected the files of {processes} processes, process-0.pt and so on, "
                "with one epoch in all: put the missing ones there, or delete all to start from "
                "the beginning"
            )
        for process in looked_at:
            if process < processes and found[process][0] > common:
                checkpoints.step_back(self.file(process))
        from_all(0)  # until all have stepped back
        return together(lambda: self._load(processes, common))

    def _look(self) -> dict[int, tuple[int, int]]:
        """Epoch and number of processes of the newest files; processes take turns in looking."""
        found = {}
        for file in self.folder.glob("process-*.pt"):
            process = int(re.sub(r"\D", "", file.stem) or 0)
            if file == self.file(process) and process % self.shard.world == self.shard.rank:
                state = checkpoints.read(file, self.identity)
                assert state is not None
                found[process] = len(state["rows"]), state["processes"]
        return found

    def _load(self, processes: int, epoch: int) -> list[dict[str, float]]:
        """Take the own rows out of the files that have some of them."""
        shard = self.shard
        users = shard.num_users, shard.first_user, shard.own_users
        items = shard.num_items, shard.rank * shard.item_block, shard.own_items
        tables = {name: torch.empty_like(self.model.weight, device="cpu") for name in _TABLES}
        state: dict[str, Any] = {}
        for process in range(processes):
            there = here = 0  # where users, then items, begin in the two tables
            moves = []
            for number, first, own in (users, items):
                block = -(-number // processes)
                start, end = process * block, min((process + 1) * block, number)
                low, high = max(start, first), min(end, first + own)
                if low < high:
                    moves.append((here + low - first, there + low - start, high - low))
                there, here = there + end - start, here + own
            if not moves:
                continue
            state = checkpoints.read(self.file(process), self.identity) or {"rows": []}
            if len(state["rows"]) != epoch or state["processes"] != processes:
                raise RuntimeError(
                    f"{self.file(process)} has no epoch {epoch} of {processes} processes, as "
                    "others have: put it back, or delete all to start from the beginning"
                )
            for (name, table), (to, start, length) in product(tables.items(), moves):
                table[to : to + length] = state[name][start : start + length]
        weight, adam = tables.pop("weight"), {0: tables | {"step": state["step"]}}
        state["model"] = self.model.state_dict() | {"weight": weight}
        state["optimizer"] = self.optimizer.state_dict() | {"state": adam}
        checkpoints.restore(state, self.model, self.optimizer, self.generator)
        return state["rows"]


def pairs_sum(part: Interactions, first_user: int) -> str:
    """A sum over all processes of hashes of their pairs: the same with any number of processes."""
    pair = (part.user + first_user) * part.num_items + part.item
    here = pd.util.hash_array(pair.numpy(), categorize=False).astype("int64").sum()
    return f"{sum(from_all(int(here))) % 2**64:016x} of {sum(from_all(len(part))):,}"
