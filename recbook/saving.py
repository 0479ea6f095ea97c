"""A model and its split in one file, which runs no code, is checked when read, and there whole.

The file is in the safetensors format: a header of JSON, then the numbers. What is no number stands
in the header's metadata.
"""

from __future__ import annotations

import hashlib
import inspect
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors import torch as safetensors
from scipy.sparse import csr_array
from torch import Tensor

from recbook import models
from recbook.checks import check_kind, check_path
from recbook.data import Interactions, Split, pairs_digest
from recbook.files import atomic_file
from recbook.memory import check_memory
from recbook.models import BaseRecommender, EmbeddingModel

__all__ = ["load", "load_with_digest", "save"]

_FORMAT = "recbook 1"
_FINAL = ("final_user", "final_item", "known_users")


def save(model: BaseRecommender, split: Split, path: str | Path) -> Path:
    """Store a model that is ready to score, with the split that it was made on.

    Args:
        model: any recommender of recbook, or a subclass of one, trained or fitted.
        split: its parts and raw ids, which are text or whole numbers, are stored as well.
        path: of the file; one that is there is replaced once the new one is whole.

    Returns:
        The path.

    Raises:
        TypeError: on what is no recommender of recbook, or ids of another type.
        ValueError: where the model was made on another split.
        RuntimeError: on a model that is not ready to score.
    """
    check_kind("model", model, BaseRecommender, hint="see recbook.models")
    check_kind("split", split, Split)
    path = check_path("path", path)
    model.positions([])  # raises where nothing is fitted
    split.check_made_here(model)
    stored, tensors = _take_apart(model)
    for name, part in split.parts.items():
        tensors[f"split.{name}"] = torch.stack([part.user, part.item])
    for name in ("user_ids", "item_ids"):
        ids = getattr(split, name)
        if ids is not None:
            tensors[f"split.{name}"] = _pack_ids(name, ids)
    tensors = {
        name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, tensor in tensors.items()
    }
    about = {
        "class": _name(type(model)),
        "model": stored,
        "num_users": model.num_users,
        "num_items": model.num_items,
        "num_dropped": split.num_dropped,
        "fitted_on_train": model.fitted_on is not None
        and pairs_digest(model.fitted_on) == pairs_digest(split.train),
    }
    try:
        header = json.dumps(about, default=np.generic.item)  # NumPy's numbers as Python's
    except TypeError as error:
        raise TypeError(
            f"got a {type(model).__name__} whose settings JSON cannot hold ({error}), expected "
            "numbers, text and tensors"
        ) from error
    if json.loads(header) != about:
        raise TypeError(
            f"got a {type(model).__name__} with settings that JSON changes, such as tuples, "
            "expected numbers, text, lists, dicts and tensors"
        )
    metadata = {"format": _FORMAT, "recbook": header, "digest": _digest(header, tensors)}
    with atomic_file(path) as file:
        file.write(safetensors.save(tensors, metadata))
    return path


def load(path: str | Path, kind: type[BaseRecommender] | None = None) -> tuple[Any, Split]:
    """Read what :func:`save` has stored; the model gives the same scores, bit for bit.

    Args:
        path: of the file.
        kind: the class of the model, where it is none of recbook's own.

    Returns:
        The model, on the CPU, and the split; ``split.recommend(model, ["ann"])`` works at once.

    Raises:
        FileNotFoundError: where there is no file.
        ValueError: on a file that is none of recbook's, damaged, of another format, or of a model
            of another class.
    """
    return load_with_digest(path, kind)[:2]


def load_with_digest(
    path: str | Path, kind: type[BaseRecommender] | None = None
) -> tuple[Any, Split, str]:
    """As :func:`load`, with the SHA-256 of the bytes that were read, whatever takes their place."""
    path = check_path("path", path)
    check_kind("kind", kind, (type, type(None)), hint="the class of the model")
    if not path.is_file():
        there = "a folder" if path.is_dir() else "no file" if path.exists() else "nothing"
        raise FileNotFoundError(
            f"got path={str(path)!r}, where {there} is, expected a file of save"
        )
    check_memory({"file and tensors": (path.stat().st_size, 2)}, "is it a file of save?")
    try:
        content = path.read_bytes()
    except OSError as error:
        reason = f"{path} cannot be read ({error.strerror}); may you read it?"
        raise OSError(error.errno, reason) from error
    digest = hashlib.sha256(content).hexdigest()
    about, tensors = _read(path, content)
    del content  # as large as the tensors
    own = {_name(one): one for one in map(vars(models).get, models.__all__)}
    cls = kind or own.get(about["class"])
    if cls is None or _name(cls) != about["class"]:
        asked = "none of recbook's" if cls is None else f"not {_name(cls)}"
        raise ValueError(
            f"got a file with a model of the class {about['class']}, which is {asked}, expected "
            f"its class as well: recbook.load({path.name!r}, kind={about['class'].split('.')[-1]})"
        )
    try:
        return *_rebuilt(cls, about, tensors), digest
    except Exception as error:  # whatever a part that is missing, or does not fit, leads to
        raise ValueError(
            f"got {path}, whose parts do not make a {cls.__name__} ({error!r:.200}), expected "
            "what recbook.save writes; save the model again"
        ) from error


def _rebuilt(
    cls: type[Any], about: dict[str, Any], tensors: dict[str, Tensor]
) -> tuple[BaseRecommender, Split]:
    size = about["num_users"], about["num_items"]
    parts = {
        name: Interactions(tensors[f"split.{name}"][0], tensors[f"split.{name}"][1], *size)
        for name in ("train", "val", "test")
        if f"split.{name}" in tensors
    }
    ids = {
        name: _unpack_ids(tensors[f"split.{name}"])
        for name in ("user_ids", "item_ids")
        if f"split.{name}" in tensors
    }
    split = Split(
        parts["train"],
        parts.get("test"),
        parts.get("val"),
        ids.get("user_ids"),
        ids.get("item_ids"),
        about["num_dropped"],
    )
    model = _put_together(cls, about["model"], tensors)
    model.fitted_on = split.train if about["fitted_on_train"] else None
    return model, split


def _take_apart(model: BaseRecommender) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """What is no tensor, as JSON can hold it, and the tensors."""
    if isinstance(model, EmbeddingModel):
        user_emb, item_emb = model.final  # raises where there is none
        final = dict(zip(_FINAL, (user_emb, item_emb, model.known_users), strict=True))
        state = {f"state.{name}": value for name, value in model.state_dict().items()}
        names = list(inspect.signature(type(model)).parameters)
        if missing := [name for name in names if not hasattr(model, name)]:
            raise TypeError(
                f"got a {type(model).__name__} that has no attribute {missing[0]!r}, expected each "
                "argument of its class kept under its name, so that it can be built again"
            )
        settings = {name: getattr(model, name) for name in names}
        return settings, state | {name: x for name, x in final.items() if x is not None}
    stored: dict[str, Any] = {}
    tensors = {}
    for name, value in vars(model).items():
        if name == "fitted_on":
            continue
        if isinstance(value, csr_array):
            stored[name] = {"csr": list(value.shape)}
            for part in ("data", "indices", "indptr"):
                tensors[f"{name}.{part}"] = torch.from_numpy(getattr(value, part))
        elif isinstance(value, np.ndarray | Tensor):
            stored[name] = {"tensor": isinstance(value, Tensor)}
            tensors[name] = torch.as_tensor(value)
        elif isinstance(value, dict) and all(isinstance(one, Tensor) for one in value.values()):
            stored[name] = {"tensors": list(value)}
            tensors |= {f"{name}.{key}": one for key, one in value.items()}
        else:
            stored[name] = {"value": value}
    return stored, tensors


def _put_together(
    cls: type[Any], stored: dict[str, Any], tensors: dict[str, Tensor]
) -> BaseRecommender:
    if issubclass(cls, EmbeddingModel):
        model: EmbeddingModel = cls(**stored)
        state = {
            name.removeprefix("state."): tensor
            for name, tensor in tensors.items()
            if name.startswith("state.")
        }
        model.load_state_dict(state)
        model.eval()
        model.keep(tensors["final_user"], tensors["final_item"], tensors.get("known_users"))
        return model
    fitted: BaseRecommender = object.__new__(cls)
    for name, how in stored.items():
        if "csr" in how:
            parts = [tensors[f"{name}.{part}"].numpy() for part in ("data", "indices", "indptr")]
            value: Any = csr_array(tuple(parts), shape=tuple(how["csr"]))
            value.check_format()  # an index out of its bounds would end the process
        elif "tensor" in how:
            value = tensors[name] if how["tensor"] else tensors[name].numpy()
        elif "tensors" in how:
            value = {key: tensors[f"{name}.{key}"] for key in how["tensors"]}
        else:
            value = how["value"]
        setattr(fitted, name, value)
    return fitted


def _pack_ids(name: str, ids: np.ndarray) -> Tensor:
    """Whole numbers as they are, text as the bytes of JSON."""
    whole = np.array(ids.tolist())  # of objects, too, where all are whole numbers
    if np.issubdtype(whole.dtype, np.integer) and (whole.astype(np.int64) == whole).all():
        return torch.from_numpy(whole.astype(np.int64))
    odd = [one for one in ids.tolist() if not isinstance(one, str)]
    if odd:
        raise TypeError(
            f"{name}: got the id {odd[0]!r}, expected all text, or all whole numbers below 2**63; "
            "convert them before you split, e.g. frame['user_id'].astype(str)"
        )
    return torch.frombuffer(bytearray(json.dumps(ids.tolist()).encode()), dtype=torch.uint8)


def _unpack_ids(packed: Tensor) -> np.ndarray:
    if packed.dtype == torch.uint8:
        return np.array(json.loads(packed.numpy().tobytes()), dtype=object)
    return packed.numpy()


def _read(path: Path, content: bytes) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The header's part of a file, and its tensors, when both are sound."""
    expected = "expected a whole file of recbook.save; save the model again"
    try:
        tensors = safetensors.load(content)
        length = int.from_bytes(content[:8], "little")
        metadata = json.loads(content[8 : 8 + length]).get("__metadata__", {})
    except (SafetensorError, ValueError) as error:
        raise ValueError(f"got {path}, which cannot be read ({error}), {expected}") from error
    if "recbook" not in metadata:
        raise ValueError(f"got {path}, which another program has written, {expected}")
    if metadata.get("format") != _FORMAT:
        raise ValueError(
            f"got {path} in the format {metadata.get('format')!r}, expected {_FORMAT!r}: read it "
            "with the version of recbook that wrote it, or save the model again"
        )
    if metadata.get("digest") != _digest(metadata["recbook"], tensors):
        raise ValueError(f"got {path}, whose content is not what was saved, {expected}")
    about = json.loads(metadata["recbook"])
    if not isinstance(about, dict) or not isinstance(about.get("class"), str):
        raise ValueError(f"got {path}, which names no class of a model, {expected}")
    return about, tensors


def _name(kind: Any) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def _digest(header: str, tensors: dict[str, Tensor]) -> str:
    digest = hashlib.sha256(header.encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}:".encode())
        digest.update(tensor.flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
