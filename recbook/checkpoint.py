"""Checkpoints: files that a killed run goes on from, and that a kill cannot spoil.

A checkpoint is a dict of tensors, numbers, strings, lists and dicts. It is read with
``torch.load(weights_only=True)``, which runs no code of the file. With it goes an *identity*, a
flat dict of what the run is: a checkpoint of another model, data or settings is refused.
"""

from __future__ import annotations

import os
import warnings
import zipfile
from pathlib import Path
from typing import Any, BinaryIO

import torch

from recbook.files import atomic_file

__all__ = ["check_epochs", "load", "previous", "restore", "save", "step_back", "training_state"]

Identity = dict[str, str | int | float | bool | None]


def save(path: str | Path, state: dict[str, Any], identity: Identity) -> None:
    """Store a checkpoint; the one before stays as ``previous(path)``.

    It is written under another name and forced to the disk, then renamed. A rename is there or is
    not: whenever the run is killed, ``path`` or ``previous(path)`` is whole.

    Args:
        path: of the file; its folder is made where it is missing.
        state: what to store.
        identity: what the run is, to be compared by :func:`load`.
    """
    path = Path(path)
    for left in path.parent.glob(f"{path.name}.*.new"):  # by a run that was killed
        left.unlink()
    with atomic_file(path, previous=previous(path)) as file:
        torch.save({"identity": identity, "state": state}, file)


def load(path: str | Path, identity: Identity) -> dict[str, Any] | None:
    """The newest whole checkpoint, or None where there is none yet.

    Where the newest is damaged a warning says so, and the one before takes its place.

    Args:
        path: as given to :func:`save`.
        identity: what the run is.

    Raises:
        RuntimeError: where there are files, and none of them is whole.
        ValueError: where the checkpoint's identity is another one; names each difference.
    """
    path = Path(path)
    files = [file for file in (path, previous(path)) if file.exists()]
    damage: list[str] = []
    for file in files:
        with open(file, "rb") as opened:  # a file that cannot be opened need not be damaged
            try:
                stored = _read(opened)
            except Exception as error:  # a damaged one goes wrong in any way
                damage.append(f"{file} cannot be read ({error})")
                continue
        if damage:
            warnings.warn(f"{damage[0]}; going on from the one before", stacklevel=2)
        _compare(file, stored["identity"], identity)
        if file != path:
            step_back(path)
        return stored["state"]
    if damage:
        raise RuntimeError(
            f"{'; '.join(damage)}; no checkpoint is whole: delete these files to start from the "
            "beginning, or name another file"
        )
    return None


def training_state(
    model: torch.nn.Module, optimizer: torch.optim.Optimizer, generator: torch.Generator
) -> dict[str, Any]:
    """What the next step of a training depends on, for :func:`save`."""
    return {
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "generator": generator.get_state(),
    }


def restore(
    state: dict[str, Any],
    model: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    generator: torch.Generator,
) -> None:
    """Put back what :func:`training_state` has taken."""
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    generator.set_state(state["generator"])


def check_epochs(path: str | Path, done: int, epochs: int) -> None:
    """Raise a ValueError where a checkpoint has more epochs than are asked for."""
    if done > epochs:
        raise ValueError(
            f"{path} has {done} epochs, epochs={epochs} were asked for; ask for at least as many, "
            "or name another"
        )


def previous(path: str | Path) -> Path:
    """Where the checkpoint before the newest is kept."""
    return Path(f"{path}.previous")


def step_back(path: str | Path) -> None:
    """Put the checkpoint before the newest in the newest's place."""
    os.replace(previous(path), path)


def _read(file: BinaryIO) -> dict[str, Any]:
    with zipfile.ZipFile(file) as archive:  # torch.load does not look at the checksums
        if (part := archive.testzip()) is not None:
            raise zipfile.BadZipFile(f"the checksum of {part} is wrong")
    file.seek(0)
    stored = torch.load(file, map_location="cpu", weights_only=True)
    if not (isinstance(stored, dict) and stored.keys() == {"identity", "state"}):
        raise KeyError("it is no checkpoint of recbook")
    return stored


def _compare(path: Path, stored: Identity, asked: Identity) -> None:
    nothing = "nothing"
    different = [
        f"{key} is {stored.get(key, nothing)!r} there, {asked.get(key, nothing)!r} was asked for"
        for key in stored | asked
        if stored.get(key, nothing) != asked.get(key, nothing)
    ]
    if different:
        raise ValueError(
            f"{path} is of another run: {'; '.join(different)}; name another file, or ask for what "
            "the checkpoint has"
        )
