"""The processes: starting them, and what they send each other."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TypeVar, cast

import torch
import torch.distributed as dist
from torch import Tensor

from recbook.checks import check_number

__all__ = [
    "all_of",
    "ask_owners",
    "begin",
    "from_all",
    "gather",
    "join_processes",
    "processes_here",
    "reduce_scatter",
    "text_to_owners",
    "to_owners",
    "together",
]

T = TypeVar("T")


def join_processes(timeout: float = 600) -> torch.device:
    """Join the processes that torchrun has started; NCCL carries what is on GPUs, gloo the rest.

    On several machines, set ``TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1`` in torchrun's environment:
    each machine counts its own restarts, and without it one restart may fail and take another
    (PyTorch's issue 135712).

    Args:
        timeout: how many seconds to wait for what another process sends.

    Returns:
        The device of this process.

    Raises:
        RuntimeError: where torchrun has not started it.
        TypeError: on a timeout that is no number.
        ValueError: on one that is not above 0.
    """
    check_number("timeout", timeout, above=0, hint="seconds")
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
    dist.init_process_group(
        backend,
        store=store,
        rank=rank,
        world_size=world_size,
        timeout=timedelta(seconds=timeout),
    )
    return device


def begin(send: Callable[..., Any], *given: Any) -> Callable[[], None]:
    """Start sending, and go on; what is returned waits until all has arrived.

    Args:
        send: one of ``torch.distributed``'s functions that all processes call alike.
        *given: its arguments.

    Raises:
        ConnectionError: now or while waiting, where another process cannot be reached.
    """
    with _reaching():
        work = send(*given, async_op=True)

    def wait() -> None:
        with _reaching():
            work.wait()

    return wait


def gather(rows: Tensor, block: int, total: int) -> tuple[Tensor, Callable[[], None]]:
    """The rows of all processes, each of which has the next ``block`` of them; the last may be few.

    Args:
        rows: those of this process, shape ``(n, ...)``.
        block: how many each process has that has not the last ones.
        total: how many there are.

    Returns:
        A table of shape ``(total, ...)``, and what waits until it has arrived.
    """
    world = dist.get_world_size()
    padded = rows.new_zeros(block, *rows.shape[1:])
    padded[: len(rows)] = rows
    table = rows.new_empty(world * block, *rows.shape[1:])
    return table[:total], begin(dist.all_gather, [*table.split(block)], padded)


def reduce_scatter(parts: Tensor, block: int) -> Callable[[], Tensor]:
    """Of the sum over all processes the rows of this one; the way back of :func:`gather`.

    gloo's own function sends as much as if all processes were to have the whole sum.

    Args:
        parts: what this process adds, shape ``(total, ...)``.
        block: as given to :func:`gather`.

    Returns:
        What waits, and returns the rows.
    """
    rank, world = dist.get_rank(), dist.get_world_size()
    padded = parts.new_zeros(world * block, *parts.shape[1:])
    padded[: len(parts)] = parts
    arrived = torch.empty_like(padded)
    wait = begin(dist.all_to_all_single, arrived, padded)

    def summed() -> Tensor:
        wait()
        own = max(0, min(block, len(parts) - rank * block))
        return arrived.unflatten(0, (world, block)).sum(0)[:own]

    return summed


def to_owners(rows: Tensor, owner: Tensor) -> Tensor:
    """Send each row to the process that owns it.

    Args:
        rows: shape ``(n, ...)``.
        owner: a process for each, shape ``(n,)``.

    Returns:
        The rows that this process owns, those of the first process first, else in the old order.
    """
    return _exchange(rows[torch.argsort(owner, stable=True)], _numbers(owner))[0]


def ask_owners(key: Tensor, owner: Tensor, answer: Callable[[Tensor], Tensor]) -> Tensor:
    """What the owner of each key answers, in the order of the keys."""
    order, sent = torch.argsort(owner, stable=True), _numbers(owner)
    asked, received = _exchange(key[order], sent)
    answers, _ = _exchange(answer(asked), received)
    found = torch.empty_like(answers)
    found[order] = answers
    return found


def text_to_owners(texts: Sequence[str], owner: Tensor) -> list[str]:
    """Send each text to the process that owns it, as :func:`to_owners` does rows."""
    coded = [text.encode("utf-8", "surrogatepass") for text in texts]
    lengths = torch.tensor([len(one) for one in coded], dtype=torch.long)
    letters = torch.frombuffer(bytearray(b"".join(coded) + b"."), dtype=torch.uint8)[:-1]
    letters = to_owners(letters, owner.repeat_interleave(lengths))
    ends = to_owners(lengths, owner).cumsum(0).tolist()
    whole = letters.numpy().tobytes()
    return [
        whole[start:end].decode("utf-8", "surrogatepass")
        for start, end in zip([0, *ends], ends, strict=False)
    ]


def _numbers(owner: Tensor) -> list[int]:
    return torch.bincount(owner, minlength=dist.get_world_size()).tolist()


def _exchange(rows: Tensor, sent: list[int]) -> tuple[Tensor, list[int]]:
    """Send the first rows to the first process, and so on; and how many came from each."""
    came = torch.empty(len(sent), dtype=torch.long)
    begin(dist.all_to_all_single, came, torch.tensor(sent))()
    received = came.tolist()
    arrived = rows.new_empty(sum(received), *rows.shape[1:])
    begin(dist.all_to_all_single, arrived, rows.contiguous(), received, sent)()
    return arrived, received


def together(step: Callable[[], T]) -> T:
    """Do what each process does by itself; where it fails in one, all raise its error.

    Else the others would wait for that process.

    Args:
        step: what is done, without sending anything.
    """
    result, failed = None, None
    try:
        result = step()
    except (ValueError, TypeError, OSError, RuntimeError, ImportError, MemoryError) as error:
        failed = error
    errors = [error for error in all_of(failed) if error is not None]
    if errors:
        raise errors[0]
    return cast(T, result)


def all_of(mine: T) -> list[T]:
    """A small object of each process, in their order."""
    found: list[Any] = [None] * dist.get_world_size()
    with _reaching():
        dist.all_gather_object(found, mine)
    return found


def from_all(number: int) -> list[int]:
    """This number of each process."""
    numbers = torch.zeros(dist.get_world_size(), dtype=torch.long)
    numbers[dist.get_rank()] = number
    begin(dist.all_reduce, numbers)()
    return numbers.tolist()


def processes_here() -> int:
    """How many processes torchrun has started on this machine."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", 1))


@contextmanager
def _reaching() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        raise ConnectionError(
            f"process {dist.get_rank()} of {dist.get_world_size()} has lost the others: one has "
            "ended, or the network between them is cut. Look at what the others say, and start "
            f"again; with a checkpoint it goes on from the last epoch ({str(error)[-200:]})"
        ) from error
