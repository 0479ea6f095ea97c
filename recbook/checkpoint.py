"""Checkpoints: files that a killed run goes on from, and that a kill cannot spoil.

A checkpoint is a dict of tensors, numbers, strings, lists and dicts. It is read with
``torch.load(weights_only=True)``, which runs no code of the file. With it goes an *identity*, a
flat dict of what the run is: a checkpoint of another model, data or settings is refused.

The file is a line, ``recbook checkpoint VERSION DIGEST``, and what ``torch.save`` writes. The
digest tells damage from all else that may go wrong while reading: only a file that is not what was
written is damaged, and only then does the checkpoint before take its place.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import os
import re
import warnings
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

import numpy as np
import torch
from torch import Tensor, nn

from recbook.files import atomic_file

__all__ = [
    "check_epochs",
    "identity",
    "previous",
    "read",
    "restore",
    "step_back",
    "training_state",
    "write",
]

Identity = dict[str, str | int | float | bool | None]

VERSION = 2  # of the layout: 1 was a bare file of torch.save
_LINE = re.compile(rb"recbook checkpoint (\d+) ([0-9a-f]{64})\n")


def write(path: str | Path, state: dict[str, Any], identity: Identity) -> None:
    """Store a checkpoint; the one before stays as ``previous(path)``.

    It is written under another name and forced to the disk, then renamed. A rename is there or is
    not: whenever the run is killed, ``path`` or ``previous(path)`` is whole.

    Args:
        path: of the file; its folder is made where it is missing.
        state: what to store.
        identity: what the run is, to be compared by :func:`read`.
    """
    path = Path(path)
    for left in path.parent.glob(f"{path.name}.*.new"):  # by a run that was killed
        left.unlink()
    with atomic_file(path, previous=previous(path)) as file:
        file.write(_line(b""))  # in the digest's place, until it is known
        written = _Hashed(file)
        torch.save({"identity": identity, "state": state}, cast(IO[bytes], written))
        file.seek(0)
        file.write(_line(written.digest))


def read(path: str | Path, identity: Identity) -> dict[str, Any] | None:
    """The newest whole checkpoint, or None where there is none yet.

    Where the newest is damaged a warning says so, and the one before takes its place. Any other
    error, such as too little memory or a file that may not be read, is raised as it is.

    Args:
        path: as given to :func:`write`.
        identity: what the run is.

    Raises:
        RuntimeError: where there are files, and none of them is whole.
        ValueError: where the checkpoint's identity is another one (names each difference), or the
            file is none of this version.
    """
    path = Path(path)
    files = [file for file in (path, previous(path)) if file.exists()]
    damage: list[str] = []
    for file in files:
        content = _whole(file)
        if content is None:
            damage.append(f"{file} is damaged: it is not what was written")
            continue
        stored = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
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


def identity(model: nn.Module, settings: dict[str, Any]) -> Identity:
    """What decides a run: settings, PyTorch, the model with its attributes, shapes and buffers.

    Tensors and arrays are there as digests, what holds other things with each of them, and what is
    none of these by its ``repr``.

    Args:
        model: what is trained.
        settings: all else that the run depends on.

    >>> identity(nn.Dropout(0.1), {"lr": 0.5})["model.p"]
    0.1
    """
    found: dict[str, Any] = {**settings, "torch": torch.__version__, "model": type(model).__name__}
    for prefix, module in model.named_modules(prefix="model"):
        found[f"{prefix} is"] = type(module).__qualname__
        for name, value in vars(module).items():
            if name[0] != "_" and name not in ("training", "fitted_on"):
                found[f"{prefix}.{name}"] = value
        made_anew = module._non_persistent_buffers_set  # as the final embeddings are
        found |= {
            f"{prefix}.{name}": x
            for name, x in module.named_buffers(recurse=False)
            if name not in made_anew
        }
    for name, parameter in model.named_parameters():
        found[f"shape of {name}"] = str(tuple(parameter.shape))
        found["device"] = parameter.device.type
    return {name: _described(value) for name, value in found.items()}


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


def _described(value: Any) -> str | int | float | bool | None:
    """Something that can be stored and compared, equal for equal values alone."""
    for kind in (bool, str, int):  # of which a subclass, as TorchVersion, could not be read again
        if isinstance(value, kind):
            return kind(value)
    if value is None:
        return None
    if isinstance(value, float | np.number):
        number = float(value)
        return number if number == number else "nan"  # which does not equal itself
    if isinstance(value, Tensor) and value.layout != torch.strided:
        entries = value.detach().to_sparse_coo().coalesce()
        value = ["sparse", tuple(value.shape), entries.indices(), entries.values()]
    if isinstance(value, Tensor):
        flat = value.detach().cpu().flatten().contiguous()
        bits, dtype = flat.view(torch.uint8).numpy(), str(value.dtype).removeprefix("torch.")
        return f"{dtype} {tuple(value.shape)} {_digest(bits.tobytes())}"
    if isinstance(value, np.ndarray):
        content = str(value.tolist()).encode() if value.dtype == object else value.tobytes()
        return f"{value.dtype} {value.shape} {_digest(content)}"
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
    if isinstance(value, dict):
        return str({str(key): _described(one) for key, one in value.items()})
    if isinstance(value, list | tuple | set | frozenset):
        parts = [_described(one) for one in value]
        return str(sorted(parts, key=str) if isinstance(value, set | frozenset) else parts)
    return re.sub(r" at 0x[0-9a-fA-F]+", "", repr(value))  # where it lies is not what it is


def training_state(
    model: torch.nn.Module, optimizer: torch.optim.Optimizer, generator: torch.Generator
) -> dict[str, Any]:
    """What the next step of a training depends on, for :func:`write`."""
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


def _line(digest: bytes) -> bytes:
    return b"recbook checkpoint %d %-64s\n" % (VERSION, digest)


class _Hashed:
    """A file that is written through, and a digest of what went by."""

    def __init__(self, file: BinaryIO) -> None:
        self.file, self.hash = file, hashlib.sha256(b"%d" % VERSION)

    def write(self, content: bytes) -> int:
        self.hash.update(content)
        return self.file.write(content)

    def flush(self) -> None:
        self.file.flush()

    @property
    def digest(self) -> bytes:
        return self.hash.hexdigest().encode()


def _whole(path: Path) -> bytes | None:
    """What :func:`write` has written, or None where the file is damaged."""
    content = path.read_bytes()
    line = _LINE.match(content)
    if line is not None:
        payload = content[line.end() :]
        if hashlib.sha256(line[1] + payload).hexdigest().encode() != line[2]:
            return None
        version = int(line[1])
    elif content.startswith(b"PK"):
        payload, version = b"", 1
    else:
        return None
    if version != VERSION:
        raise ValueError(
            f"{path} is a file of version {version}, this recbook reads version {VERSION}: name "
            "another file, or delete it to start from the beginning"
        )
    return payload


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
