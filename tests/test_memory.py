import platform
import subprocess
import sys

import pytest
import torch

from recbook import memory
from recbook.data import Split
from recbook.models import LightGCN
from recbook.training import train


def test_a_model_too_large_is_refused_before_it_is_allocated() -> None:
    with pytest.raises(MemoryError, match=r"embeddings 1,000,000,010 x 64,000 x 4 B = 238,418\.6"):
        LightGCN(10**9, 10, embedding_dim=64_000)


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


def test_what_is_free_is_not_always_known(monkeypatch: pytest.MonkeyPatch) -> None:
    assert memory.free_bytes(torch.device("meta")) is None
    memory.check_memory({"all": (10**30,)}, "", "meta")
    monkeypatch.setattr(memory, "free_bytes", lambda device: 100)
    memory.check_memory({"a": (5, 10), "b": (50,)}, "")
    with pytest.raises(MemoryError, match="in each of 2 processes: needed"):
        memory.check_memory({"a": (51,)}, "", share=2)


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
