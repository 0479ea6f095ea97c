import platform
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from recbook import memory, training
from recbook.data import Interactions, Split
from recbook.models import (
    EASE,
    EDLAE,
    GFCF,
    IALS,
    SLIM,
    ItemKNN,
    LightGCN,
    MatrixFactorization,
    PureSVD,
    RP3beta,
    UserKNN,
)
from recbook.training import train

NEAREST = (
    "a block of similarities and three copies {0} x {0} x 4 x 8 B = 0.0 GiB, "
    "the neighbours and a copy {0} x {0} x 2 x 16 B"
)


def test_a_model_too_large_is_refused_before_it_is_allocated() -> None:
    with pytest.raises(MemoryError, match=r"embeddings 1,000,000,010 x 64,000 x 4 B = 238,418\.6"):
        LightGCN(10**9, 10, embedding_dim=64_000)


def test_the_arithmetic_of_embeddings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "free_bytes", lambda device: 7 * 8 * 12 - 1)
    parts = "embeddings 7 x 8 x 4 B = 0.0 GiB, their draw in doubles 7 x 8 x 8 B = 0.0 GiB: needed"
    with pytest.raises(MemoryError, match=parts):
        LightGCN(3, 4, embedding_dim=8)
    monkeypatch.setattr(memory, "free_bytes", lambda device: 7 * 8 * 12)
    LightGCN(3, 4, embedding_dim=8)
    monkeypatch.setattr(memory, "free_bytes", lambda device: 10 if device.type == "cpu" else None)
    with torch.device("meta"):  # where they are to be
        LightGCN(3, 4, embedding_dim=8)


def test_a_graph_too_large_is_refused(clusters: Split, monkeypatch: pytest.MonkeyPatch) -> None:
    model, wide, flat = LightGCN(40, 40, 8), LightGCN(40, 40, 8000), LightGCN(40, 40, 8000, 0)
    edges = 2 * len(clusters.train)
    monkeypatch.setattr(memory, "free_bytes", lambda device: 80 * edges - 1)
    with pytest.raises(MemoryError, match=f"sorting the edges {edges} x 80 B .* recbook.distribut"):
        train(model, clusters, epochs=1, batch_size=8)
    monkeypatch.setattr(memory, "free_bytes", lambda device: 10**6)
    with pytest.raises(MemoryError, match=r"epoch's triplets 3 x 90,000 x 16 B .* batch_size"):
        train(model, clusters, epochs=1, batch_size=90_000)
    monkeypatch.setattr(memory, "free_bytes", lambda device: 80 * edges)
    train(model, clusters, epochs=1, batch_size=8)
    monkeypatch.setattr(memory, "free_bytes", lambda device: 10**6)
    with pytest.raises(MemoryError, match=r"epoch's triplets 3 x 90,000 x 16 B .* batch_size"):
        train(model, clusters, epochs=1, batch_size=90_000)
    monkeypatch.setattr(memory, "free_bytes", lambda device: 10**7)
    with pytest.raises(MemoryError, match=r"moments 80 x 8,000 x 3 x 4 B .* 80 x 8,000 x 3 x 4 B"):
        train(wide, clusters, epochs=1)
    with pytest.raises(MemoryError, match=r"moments 80 x 8,000 x 3 x 4 B .* 80 x 8,000 x 2 x 4 B"):
        train(flat, clusters, epochs=1)


@pytest.mark.parametrize(
    ("model", "needed"),
    [
        (ItemKNN(), NEAREST.format(4)),
        (RP3beta(), NEAREST.format(4)),
        (UserKNN(), NEAREST.format(3)),
        (EASE(), "the item-item matrix, its inverse and two copies 4 x 4 x 4 x 8 B"),
        (EDLAE(), "the item-item matrix, its inverse and two copies 4 x 4 x 4 x 8 B"),
        (SLIM(), "the item-item matrix, the weights and two copies 4 x 4 x 4 x 8 B"),
        (PureSVD(embedding_dim=2), "the singular vectors 7 x 2 x 2 x 8 B"),
        (GFCF(num_frequencies=2), "the singular vectors 7 x 2 x 2 x 8 B"),
        (
            IALS(embedding_dim=5),
            "embeddings and two copies 7 x 5 x 3 x 4 B = 0.0 GiB, the positions of pairs 6 x 5 x "
            "8 B = 0.0 GiB, a block and two copies 1,048,576 x 3 x 4 B",
        ),
    ],
    ids=lambda given: type(given).__name__,
)
def test_the_arithmetic_of_a_fit(
    model: ItemKNN, needed: str, toy: Interactions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "free_bytes", lambda device: 100 if device.type == "cpu" else None)
    with pytest.raises(MemoryError) as refused:
        model.fit(toy)
    message, _, advice = str(refused.value).partition("; ")
    assert message == f"{needed} = 0.0 GiB: needed 0.0 GiB, free 0.0 GiB"
    known = {"embeddings": "use a smaller emb", "neighbours": "keep fewer neighbours"}
    expected = [text for name, text in known.items() if name in needed] or ["leave out rare items"]
    assert advice.startswith(expected[0])


def test_the_arithmetic_of_a_training(clusters: Split, monkeypatch: pytest.MonkeyPatch) -> None:
    model, asked = LightGCN(40, 40, embedding_dim=8), []
    monkeypatch.setattr(training, "check_memory", lambda *given: asked.append(given))
    train(model, clusters, "hard_bpr", 1, batch_size=64, num_negatives=2)
    sort, triplets, steps = asked
    edges = 2 * len(clusters.train)
    assert sort[0] == {"sorting the edges": (edges, 80)}
    assert triplets[0] == {"an epoch's triplets": (4, edges // 2 // 64 * 64, 16)}
    assert steps[0] == {
        "edges": (edges, 8),
        "the rows' starts": (81, 4),
        "gradient and Adam's two moments": (80, 8, 3, 4),
        "layers": (80, 8, 3, 4),
        "a batch's vectors, products and gradients": (4, 64, 8, 3, 4),
    }
    assert steps[2] == torch.device("cpu") and "recbook.distributed" in sort[1] == steps[1]
    train(MatrixFactorization(40, 40, embedding_dim=8), clusters, epochs=1)
    assert asked[-1][0]["layers"] == (80, 8, 2, 4)
    train(model, clusters, "softmax", epochs=1)  # whose vectors are those of the layers
    assert asked[-1][0]["a batch's vectors, products and gradients"] == (2, 0, 8, 3, 4)


def test_what_is_free_is_not_always_known(monkeypatch: pytest.MonkeyPatch) -> None:
    assert memory.free_bytes(torch.device("meta")) is None
    memory.check_memory({"all": (10**30,)}, "", "meta")
    monkeypatch.setattr(memory, "free_bytes", lambda device: 100)
    memory.check_memory({"a": (5, 10), "b": (50,)}, "")
    with pytest.raises(MemoryError, match="in each of 2 processes: needed"):
        memory.check_memory({"a": (51,)}, "", share=2)


GROUPS = {
    2: ("0::{path}", "", "memory.max", "memory.current", "inactive_file"),
    1: ("4:cpu:/x\n9:hugetlb,memory:{path}", "memory", "memory.limit_in_bytes",
        "memory.usage_in_bytes", "total_inactive_file"),
}  # fmt: skip


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize(
    ("groups", "free"),  # of each group: its limit, what is used, what of that is cached
    [
        ({}, 5000 * 1024),
        ({"a/b": (1000, 400, 100)}, 700),
        ({"a/b": (9000, 400, 100), "a": (3000, 2900, 0)}, 100),
        ({"": (1000, 1200, 0)}, 0),  # a container, which sees its own group at the root
        ({"a/b": (10**9, 0, 0)}, 5000 * 1024),
        ({"a/b": ("max", 400, 0), "c": (10, 5, 0)}, 5000 * 1024),
    ],
)
def test_a_containers_limit_counts(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    version: int,
    groups: dict[str, tuple[int, int, int]],
    free: int,
) -> None:
    line, root, limit, used, cached = GROUPS[version]
    (tmp_path / "proc" / "self").mkdir(parents=True)
    (tmp_path / "proc" / "self" / "cgroup").write_text(line.format(path="/a/b") + "\n")
    (tmp_path / "proc" / "meminfo").write_text("MemTotal: 9000 kB\nMemAvailable: 5000 kB\n")
    for name, (most, taken, files) in groups.items():
        folder = tmp_path / "cgroup" / root / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / limit).write_text(f"{most}\n" if version == 2 or most != "max" else f"{2**63}")
        (folder / used).write_text(f"{taken}\n")
        (folder / "memory.stat").write_text(f"anon 3\n{cached} {files}\n")
    monkeypatch.setattr(memory, "PROC", tmp_path / "proc")
    monkeypatch.setattr(memory, "CGROUP", tmp_path / "cgroup")
    assert memory.free_bytes(torch.device("cpu")) == free
    monkeypatch.setattr(memory, "PROC", tmp_path / "nowhere")  # another system
    assert memory.free_bytes(torch.device("cpu")) is None


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="no other C library has the option")
def test_what_is_freed_is_kept_for_the_next_tensor() -> None:
    code = """
import resource, torch
from recbook.memory import keep_freed_memory
table = torch.ones(16_000_000)  # 64 MB: 15,625 pages, unless the kernel hands out larger ones
def pages():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    table + table * table
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
given_back = min(pages() for _ in range(10))
keep_freed_memory()
print(given_back, min(pages() for _ in range(30)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    given_back, kept = map(int, done.stdout.split())
    assert given_back > 20 and kept < given_back / 10


def test_the_most_that_tensors_hold_at_once() -> None:
    x = torch.ones(1000, requires_grad=True)
    table = torch.ones(1000)
    assert memory.peak_tensor_bytes(lambda: table + 1) == 4000
    assert memory.peak_tensor_bytes(lambda: table.view(10, 100) + table.view(10, 100)) == 8000
    assert memory.peak_tensor_bytes(lambda: ((table + 1) + 1) + 1) == 8000  # the first is gone
    assert memory.peak_tensor_bytes(lambda: [table + n for n in range(3)]) == 12000
    assert memory.peak_tensor_bytes(lambda: x.exp().sum()) < 8000
    assert memory.peak_tensor_bytes(lambda: x.exp().sum().backward()) > 8000  # and the way back
    assert memory.peak_tensor_bytes(lambda: None) == 0
