import hashlib
import os
import pickle
import subprocess
import sys
import threading
from dataclasses import replace
from fractions import Fraction
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from experiments.models.scorers import PowerNorm
from recbook import checkpoint, training
from recbook.data import Interactions, Split
from recbook.models import NGCF, LightGCN
from recbook.models.base import EmbeddingModel
from recbook.training import History, train

RUN = {"kind": "a test", "lr": 0.1}


class Killed(BaseException):
    pass


def killed_at(number: int, function):
    """The function, which raises in place of its call with this number, from 1."""
    calls = iter(range(1, 10**6))

    def call(*args: object) -> object:
        if next(calls) == number:
            raise Killed
        return function(*args)

    return call


def save_epochs(path: Path, *epochs: int) -> None:
    for epoch in epochs:
        checkpoint.write(path, {"epoch": epoch, "weight": torch.full((99,), epoch / 3)}, RUN)


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "run.pt"
    assert checkpoint.read(path, RUN) is None
    save_epochs(path, 1, 2, 3)
    state = checkpoint.read(str(path), RUN)
    assert state["epoch"] == 3 and torch.equal(state["weight"], torch.ones(99))
    checkpoint.step_back(path)
    assert checkpoint.read(path, RUN)["epoch"] == 2


@pytest.mark.parametrize("moment", ["fsync", "first replace", "second replace"])
def test_a_kill_while_saving_leaves_a_whole_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    path = tmp_path / "run.pt"
    save_epochs(path, 1, 2)
    with monkeypatch.context() as patch, pytest.raises(Killed):
        name = moment.split()[-1]
        number = 2 if "second" in moment else 1
        patch.setattr(os, name, killed_at(number, getattr(os, name)))
        save_epochs(path, 3)
    assert checkpoint.read(path, RUN)["epoch"] == 2
    save_epochs(path, 3, 4)
    assert checkpoint.read(path, RUN)["epoch"] == 4
    assert sorted(file.name for file in tmp_path.iterdir()) == ["run.pt", "run.pt.previous"]


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[content.index(torch.full((9,), 1.0).numpy().tobytes())] ^= 1
    path.write_bytes(content)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def another(path: Path) -> None:
    path.write_text("recbook checkpoint, or not")


@pytest.mark.parametrize("damage", [truncate, flip_a_bit, empty, another])
def test_a_damaged_one_falls_back_to_the_one_before(tmp_path: Path, damage) -> None:
    path = tmp_path / "run.pt"
    save_epochs(path, 1, 2, 3)
    damage(path)
    with pytest.warns(UserWarning, match=r"run\.pt is damaged.* going on from the one before"):
        assert checkpoint.read(path, RUN)["epoch"] == 2
    assert checkpoint.read(path, RUN)["epoch"] == 2  # it took the damaged one's place
    damaged = path.read_bytes()[:50]
    path.write_bytes(damaged)
    with pytest.raises(RuntimeError, match="no checkpoint is whole: delete these files"):
        checkpoint.read(path, RUN)
    assert path.read_bytes() == damaged


@pytest.mark.filterwarnings("ignore:.*going on from the one before")
def test_any_bit_that_is_wrong_is_noticed_or_does_not_matter(tmp_path: Path) -> None:
    path = tmp_path / "run.pt"
    save_epochs(path, 1, 2)
    before, good = checkpoint.previous(path).read_bytes(), path.read_bytes()
    for place in range(0, len(good), 20):
        wrong = bytearray(good)
        wrong[place] ^= 1 << place % 8
        path.write_bytes(wrong)
        checkpoint.previous(path).write_bytes(before)
        state = checkpoint.read(path, RUN)
        assert torch.equal(state["weight"], torch.full((99,), state["epoch"] / 3))


def test_a_file_runs_no_code(tmp_path: Path) -> None:
    path = tmp_path / "run.pt"
    checkpoint.write(path, {"epoch": Path("x")}, RUN)
    with pytest.raises(pickle.UnpicklingError, match="PosixPath"):
        checkpoint.read(path, RUN)


def an_old_one(path: Path) -> None:
    torch.save({"identity": RUN, "state": {"epoch": 1}}, path)


def a_later_one(path: Path) -> None:
    digest = hashlib.sha256(b"3new").hexdigest().encode()
    path.write_bytes(b"recbook checkpoint 3 " + digest + b"\nnew")


@pytest.mark.parametrize(("other", "version"), [(an_old_one, 1), (a_later_one, 3)])
def test_another_version_is_refused_and_stays(tmp_path: Path, other, version: int) -> None:
    path = tmp_path / "run.pt"
    save_epochs(path, 1, 2)
    other(path)
    content = path.read_bytes()
    with pytest.raises(ValueError, match=rf"run\.pt is a file of version {version}, this .* 2:"):
        checkpoint.read(path, RUN)
    assert path.read_bytes() == content


@pytest.mark.parametrize("error", [MemoryError, KeyboardInterrupt, PermissionError, RuntimeError])
@pytest.mark.parametrize("where", ["read_bytes", "torch.load"])
def test_what_is_no_damage_is_raised_and_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[BaseException], where: str
) -> None:
    """PyTorch says RuntimeError where memory is short."""
    path = tmp_path / "run.pt"
    save_epochs(path, 1, 2)

    def fail(*args: object, **given: object) -> None:
        raise error("no room")

    with monkeypatch.context() as patch, pytest.raises(error, match="no room"):
        patch.setattr(torch, "load", fail) if where == "torch.load" else patch.setattr(
            Path, where, fail
        )
        checkpoint.read(path, RUN)
    assert checkpoint.read(path, RUN)["epoch"] == 2
    assert checkpoint.previous(path).exists()


def test_another_run_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "run.pt"
    save_epochs(path, 1)
    message = r"run\.pt is of another run: lr is 0\.1 there, 0\.2 was .*; seed is 'nothing'"
    with pytest.raises(ValueError, match=message):
        checkpoint.read(path, RUN | {"lr": 0.2, "seed": 0})
    with pytest.raises(ValueError, match="patience is 'nothing' there, None was asked for"):
        checkpoint.read(path, RUN | {"patience": None})
    checkpoint.write(tmp_path / "patient.pt", {}, RUN | {"patience": None})
    with pytest.raises(ValueError, match="patience is None there, 'nothing' was asked for"):
        checkpoint.read(tmp_path / "patient.pt", RUN)
    assert checkpoint.read(path, RUN)["epoch"] == 1


# Training that was stopped.


def result(model: EmbeddingModel, history: History) -> tuple[object, ...]:
    """All that must be the same; of the time that it took, nothing."""
    tensors = [*model.state_dict().values(), *model.final]
    frame = history.frame.drop(columns="seconds")
    return [x.tolist() for x in tensors], frame.to_dict(), history.best_epoch


def lightgcn() -> EmbeddingModel:
    return LightGCN(40, 40, embedding_dim=8, num_layers=2)


def ngcf() -> EmbeddingModel:
    return NGCF(40, 40, embedding_dim=8, num_layers=1, dropout=0.5)


@pytest.mark.parametrize(
    ("build", "given"),
    [
        (lightgcn, {"epochs": 9}),
        (lightgcn, {"epochs": 99, "patience": 3, "lr": 0.05}),
        (lightgcn, {"epochs": 9, "loss": "hard_bpr", "num_negatives": 3}),
        (lightgcn, {"epochs": 9, "loss": "softmax"}),
        (ngcf, {"epochs": 9}),
    ],
)
def test_a_stopped_run_ends_as_one_that_was_not(
    clusters: Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, build, given: dict
) -> None:  # fmt: skip
    given = given | {"k": 5, "batch_size": 40}
    model, path = build(), tmp_path / "run.pt"
    expected = result(model, train(model, clusters, **given))
    step = "softmax_step" if given.get("loss") == "softmax" else "train_step"
    steps = 1 if step == "softmax_step" else len(clusters.train) // 40
    for stop in (steps + 1, 3 * steps):  # in the second epoch, then in the fourth
        with monkeypatch.context() as patch, pytest.raises(Killed):
            patch.setattr(training, step, killed_at(stop, getattr(training, step)))
            train(build(), clusters, **given, checkpoint=path)
    model = build()
    assert result(model, train(model, clusters, **given, checkpoint=path)) == expected
    monkeypatch.setattr(training, step, killed_at(1, None))  # nothing is left to be trained
    model = build()
    assert result(model, train(model, clusters, **given, checkpoint=path)) == expected


def test_more_epochs_go_on_and_fewer_are_refused(clusters: Split, tmp_path: Path) -> None:
    model, path = lightgcn(), tmp_path / "run.pt"
    expected = result(model, train(model, clusters, epochs=5, k=5))
    train(lightgcn(), clusters, epochs=3, k=5, checkpoint=path)
    model = lightgcn()
    assert result(model, train(model, clusters, epochs=5, k=5, checkpoint=path)) == expected
    with pytest.raises(ValueError, match=r"run\.pt has 5 epochs, epochs=4 were asked for"):
        train(lightgcn(), clusters, epochs=4, k=5, checkpoint=path)


def test_a_checkpoint_of_another_model_or_data_is_refused(clusters: Split, tmp_path: Path) -> None:
    path = tmp_path / "run.pt"
    train(lightgcn(), clusters, epochs=1, checkpoint=path)
    before = path.read_bytes()
    fewer = Interactions(clusters.train.user[1:], clusters.train.item[1:], 40, 40)
    other = Split(fewer, clusters.test, clusters.val)
    for model, split, given, message in (
        (ngcf(), clusters, {}, "model is 'LightGCN' there, 'NGCF' was asked for"),
        (LightGCN(40, 40, 4, 2), clusters, {}, r"weight is '\(80, 8\)' there, '\(80, 4\)' was"),
        (LightGCN(40, 40, 8, 3), clusters, {}, r"model\.num_layers is 2 there, 3 was"),
        (lightgcn(), other, {}, "digest of train is"),
        (lightgcn(), clusters, {"lr": 0.1, "seed": 7}, r"lr is 0\.005 there, 0\.1 .*; seed is 0"),
        (
            lightgcn(),
            clusters,
            {"initial_embeddings": torch.ones(80, 8)},
            r"is 'random' there, 'float32",
        ),
    ):
        with pytest.raises(ValueError, match=message):
            train(model, split, epochs=1, checkpoint=path, **given)
    assert path.read_bytes() == before


def test_another_validation_part_torch_or_attribute_is_another_run(
    clusters: Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "run.pt"
    train(lightgcn(), clusters, epochs=1, k=5, checkpoint=path)
    val = Interactions(clusters.val.user[1:], clusters.val.item[1:], 40, 40)
    with pytest.raises(ValueError, match="digest of val is"):
        train(lightgcn(), replace(clusters, val=val), epochs=1, k=5, checkpoint=path)
    with pytest.raises(ValueError, match="digest of val is"):
        train(lightgcn(), replace(clusters, val=None), epochs=1, k=5, checkpoint=path)
    with (
        monkeypatch.context() as patch,
        pytest.raises(ValueError, match=r"torch is .* '9"),
    ):
        patch.setattr(torch, "__version__", "9.9.9")
        train(lightgcn(), clusters, epochs=1, k=5, checkpoint=path)
    left = PowerNorm(clusters.train, 40, 40, (1.0, 0.0))
    train(left, clusters, epochs=1, k=5, checkpoint=tmp_path / "left.pt")
    right = PowerNorm(clusters.train, 40, 40, (0.0, 1.0))
    with pytest.raises(ValueError, match=r"model\.after is 'float32 \(80, 1\)"):
        train(right, clusters, epochs=1, k=5, checkpoint=tmp_path / "left.pt")


class Holds(torch.nn.Module):
    def __init__(self, value: object) -> None:
        super().__init__()
        self.value = value


def a_function() -> None: ...


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, 2),
        (torch.zeros(2, dtype=torch.bfloat16), torch.ones(2, dtype=torch.bfloat16)),
        (torch.tensor(1), torch.tensor(2)),
        (np.array(["a", "b"], dtype=object), np.array(["a", "c"], dtype=object)),
        (0.1, np.float64(0.2)),
        ("a", "b"),
        (None, 0),
        ((1, 2), (2, 1)),
        ([0.5, None], [0.5]),
        ({"a": 1}, {"a": 2}),
        ({1, 2}, {1, 3}),
        (torch.zeros(2), torch.ones(2)),
        (torch.zeros(2), torch.zeros(2, dtype=torch.float64)),
        (np.zeros(4), np.zeros((2, 2))),
        (torch.eye(2).to_sparse(), 2 * torch.eye(2).to_sparse()),
        (Interactions.from_pairs([0], [0], 2, 2), Interactions.from_pairs([1], [0], 2, 2)),
        (a_function, save_epochs),
        (torch.nn.Dropout(0.1), torch.nn.Dropout(0.2)),
        (torch.nn.ReLU(), torch.nn.Tanh()),
        (torch.nn.Sigmoid(), torch.nn.Tanh()),
        ({1, "a", None}, {1, "a"}),
        (Path("a"), torch.float32),
        (Path("a"), Path("b")),
        (torch.float32, torch.float64),
        (Fraction(1, 3), Fraction(2, 3)),
        (partial(a_function, 1), partial(a_function, 2)),
    ],
    ids=lambda given: type(given).__name__,  # the same in each of two processes
)
def test_the_identity_sees_every_attribute(tmp_path: Path, one: object, other: object) -> None:
    path = tmp_path / "run.pt"
    identities = [checkpoint.identity(Holds(value), {"lr": 0.1}) for value in (one, one, other)]
    checkpoint.write(path, {"epoch": 1}, identities[0])
    assert checkpoint.read(path, identities[1]) == {"epoch": 1}
    with pytest.raises(ValueError, match="value"):
        checkpoint.read(path, identities[2])


def test_what_is_equal_has_one_identity() -> None:
    texts = [np.array([str(10**6 + n) for n in range(3)], dtype=object) for _ in range(2)]
    unlike = [threading.Lock() for _ in range(2)]  # of which nothing is known but where they lie
    for one, other in (texts, ({0, 8}, {8, 0}), unlike):
        assert checkpoint.identity(Holds(one), {}) == checkpoint.identity(Holds(other), {})


def test_a_number_that_is_none_is_itself(tmp_path: Path) -> None:
    nan = checkpoint.identity(Holds(float("nan")), {})
    checkpoint.write(tmp_path / "run.pt", {"epoch": 1}, nan)
    assert checkpoint.read(tmp_path / "run.pt", nan) == {"epoch": 1}


def test_a_buffer_is_part_of_the_identity_and_final_embeddings_are_not(clusters: Split) -> None:
    model = lightgcn()
    before, held = (checkpoint.identity(one, {}) for one in (model, Holds(model)))
    train(model, clusters, epochs=1, k=5)
    model.cosine = None
    del model.cosine_from_loss
    assert checkpoint.identity(model, {}) == before
    assert checkpoint.identity(Holds(model), {}) == held
    model.register_buffer("known", torch.ones(3))
    assert checkpoint.identity(model, {}) != before
    there = checkpoint.identity(lightgcn().to("meta"), {})
    assert (before["device"], there["device"]) == ("cpu", "meta")


KILLED_TEN_TIMES = """
import json, os, random, signal, sys
import torch, torch._dynamo  # which Adam imports: here once for all children
from recbook import training
from recbook.data import Interactions, Split
from recbook.models import NGCF

user, item = (torch.rand(30, 30, generator=torch.Generator().manual_seed(0)) < 0.4).nonzero().T
part = torch.arange(len(user)) % 4 == 0
train, val = (Interactions(user[mask], item[mask], 30, 30) for mask in (~part, part))

def run(checkpoint=None):
    model = NGCF(30, 30, embedding_dim=4, num_layers=1, dropout=0.3)
    history = training.train(model, Split(train, val, val), epochs=15, batch_size=50, k=5,
                             patience=9, checkpoint=checkpoint)
    history = history.frame.drop(columns="seconds")
    return [x.tolist() for x in model.state_dict().values()], history.to_dict("list")

def kill_at_a_random_event(most):
    left = [random.randint(1, most)]
    def watch(module, name):
        function = getattr(module, name)
        def call(*args, **given):
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*args, **given)
        setattr(module, name, call)
    watch(training, "train_step")
    watch(os, "fsync")
    watch(os, "replace")

random.seed(1)
kills = 0
while kills < 10:
    most = random.randint(5, 25)  # an epoch has five steps, one fsync and two replaces
    if (child := os.fork()) == 0:
        random.seed(kills)
        kill_at_a_random_event(most)
        run(sys.argv[1])
        os._exit(0)
    kills += os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
assert run(sys.argv[1]) == run()
print("the same after", kills)
"""


@pytest.mark.no_cover
def test_killed_ten_times_it_ends_bit_for_bit_as_never_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", KILLED_TEN_TIMES, str(tmp_path / "run.pt")]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=100)
    assert done.stdout == "the same after 10\n", done.stderr


def test_where_nothing_can_be_written_that_is_said_before_the_first_epoch(
    clusters: Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(training._Run, "train_epoch", None)
    with pytest.raises(OSError, match=r"run cannot be written \(.*\); name a file elsewhere"):
        train(
            LightGCN(40, 40, embedding_dim=8),
            clusters,
            epochs=1,
            checkpoint=tmp_path / "file" / "run",
        )


def test_what_a_model_was_fitted_on_before_makes_no_other_run(
    clusters: Split, tmp_path: Path
) -> None:
    model = LightGCN(40, 40, embedding_dim=8)
    for epochs in (1, 2):  # the second goes on from the first, with a model that is no longer new
        history = train(model, clusters, epochs=epochs, checkpoint=tmp_path / "run")
    assert len(history.frame) == 2
