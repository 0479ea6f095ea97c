"""A model comes back from its file as it was, and what is no such file is named."""

import copy
import json
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors import torch as safetensors
from torch import Tensor

import recbook
from recbook import files, load, save, saving
from recbook.data import Interactions, Split, given_split, random_split
from recbook.models import EASE, ItemKNN, LightGCN, MatrixFactorization, Popularity
from recbook.testing import check_recommender
from recbook.training import train
from tests.test_testing import FITTED, TRAINED

Edit = Callable[[bytes], bytes]


@pytest.fixture
def split() -> Split:
    """Thirty people, twenty films, ids of both kinds, all three parts."""
    generator = np.random.default_rng(0)
    likes = generator.random((30, 20)) < 0.4
    user, item = np.nonzero(likes)
    names = np.array([f"u{number:02}" for number in range(30)])
    rows = pd.DataFrame({"user_id": names[user], "item_id": 100 + item})
    return random_split(rows, val_size=0.1, seed=1)


@pytest.mark.parametrize("model", FITTED, ids=lambda model: type(model).__name__)
def test_what_is_fitted_comes_back(model: Any, split: Split, tmp_path: Path) -> None:
    fitted = copy.deepcopy(model).fit(split.train)
    again, _ = recbook.load(recbook.save(fitted, split, tmp_path / "model"))
    users = torch.arange(split.train.num_users)
    assert torch.equal(again.score(users), fitted.score(users)) and type(again) is type(model)
    check_recommender(again, split.train)


@pytest.mark.parametrize("name", TRAINED)
def test_what_is_trained_comes_back(name: str, split: Split, tmp_path: Path) -> None:
    kind, settings = TRAINED[name]
    model = kind(split.train.num_users, split.train.num_items, embedding_dim=8)
    train(model, split, epochs=2, k=5, **settings)
    again, _ = recbook.load(recbook.save(model, split, tmp_path / "model"))
    users = torch.arange(split.train.num_users)
    assert torch.equal(again.score(users), model.score(users))
    for key, value in model.state_dict().items():
        assert torch.equal(again.state_dict()[key], value)
    check_recommender(again, split.train)


def test_the_split_comes_back(split: Split, tmp_path: Path) -> None:
    model = Popularity().fit(split.train)
    _, again = recbook.load(recbook.save(model, split, tmp_path / "model"))
    assert repr(again) == repr(split) and again.num_dropped == split.num_dropped
    assert again.user_ids.tolist() == split.user_ids.tolist()
    assert again.item_ids.tolist() == split.item_ids.tolist()
    for name, part in split.parts.items():
        assert torch.equal(again.parts[name].user, part.user)
        assert torch.equal(again.parts[name].item, part.item)
    pd.testing.assert_frame_equal(
        again.recommend(model, ["u03", "u01"]), split.recommend(model, ["u03", "u01"])
    )


def test_a_split_of_positions_alone(toy: Interactions, tmp_path: Path) -> None:
    path = recbook.save(Popularity().fit(toy), Split(toy), tmp_path / "model")
    _, again = recbook.load(path)
    assert again.user_ids is None and again.test is None and len(again.train) == 6


class Twice(EASE):
    """A reader's own."""

    def score(self, users: Any) -> torch.Tensor:
        return 2 * super().score(users)


def test_a_class_of_ones_own(toy: Interactions, tmp_path: Path) -> None:
    path = recbook.save(Twice(3).fit(toy), Split(toy), tmp_path / "model")
    with pytest.raises(ValueError, match=r"class \S*Twice, which is none of .* kind=Twice\)"):
        recbook.load(path)
    with pytest.raises(ValueError, match=r"Twice, which is not recbook\.models\.linear\.EASE"):
        recbook.load(path, kind=EASE)
    again, _ = recbook.load(path, kind=Twice)
    assert torch.equal(again.score([0, 1]), Twice(3).fit(toy).score([0, 1]))


class Lost(MatrixFactorization):
    """Does not keep its argument."""

    def __init__(self, num_users: int, num_items: int, secret: int) -> None:
        super().__init__(num_users, num_items, secret)


def test_what_cannot_be_saved(toy: Interactions, tmp_path: Path) -> None:
    path, split = tmp_path / "model", Split(toy)
    with pytest.raises(RuntimeError, match="call fit"):
        recbook.save(EASE(), split, path)
    with pytest.raises(RuntimeError, match="no final embeddings"):
        recbook.save(LightGCN(3, 4), split, path)
    with pytest.raises(ValueError, match="model of 3 users and 4 items, and a split of 3 and 5"):
        wide = Split(Interactions(toy.user, toy.item, 3, 5))
        recbook.save(Popularity().fit(toy), wide, path)
    lost = Lost(3, 4, secret=2)
    lost.finalize(None)
    with pytest.raises(TypeError, match="no attribute 'secret'"):
        recbook.save(lost, split, path)
    odd = Popularity().fit(toy)
    odd.note = object()
    with pytest.raises(TypeError, match="settings JSON cannot hold"):
        recbook.save(odd, split, path)
    half = Split(toy, user_ids=np.array([0.5, 1.5, 2.5]))
    with pytest.raises(TypeError, match=r"user_ids: got the id 0\.5, expected all text"):
        recbook.save(Popularity().fit(toy), half, path)
    for wrong in (None, "EASE", EASE):
        with pytest.raises(TypeError, match="expected BaseRecommender"):
            recbook.save(wrong, split, path)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def rewritten(change: Callable[[dict[str, Any]], None]) -> Edit:
    """A file of ours whose header says something else, with a digest of no use."""

    def edit(content: bytes) -> bytes:
        tensors = safetensors.load(content)
        length = int.from_bytes(content[:8], "little")
        metadata = json.loads(content[8 : 8 + length])["__metadata__"]
        change(metadata)
        return safetensors.save(tensors, metadata)

    return edit


def another_version(metadata: dict[str, Any]) -> None:
    metadata["format"] = "recbook 9"


def another_class(metadata: dict[str, Any]) -> None:
    metadata["recbook"] = metadata["recbook"].replace("Popularity", "EASE")


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda content: content[:-20], "cannot be read"),
        (lambda content: content[:100], "cannot be read"),
        (lambda content: b"", "cannot be read"),
        (lambda content: b"user,item\n1,2\n" * 10, "cannot be read"),
        (lambda content: content[:-1] + bytes([content[-1] ^ 1]), "is not what was saved"),
        (rewritten(another_class), "is not what was saved"),
        (rewritten(lambda metadata: metadata.pop("recbook")), "another program has written"),
        (rewritten(another_version), "in the format 'recbook 9',"),
    ],
)
def test_what_is_no_such_file(edit: Edit, message: str, toy: Interactions, tmp_path: Path) -> None:
    path = recbook.save(Popularity().fit(toy), Split(toy), tmp_path / "model")
    path.write_bytes(edit(path.read_bytes()))
    with pytest.raises(ValueError, match=f"got .*model.* {message}.* ?expected"):
        recbook.load(path)


def signed(change: Callable[[dict[str, Any], dict[str, Tensor]], object]) -> Edit:
    """A file of ours with other content, and the digest of it."""

    def edit(content: bytes) -> bytes:
        tensors = safetensors.load(content)
        length = int.from_bytes(content[:8], "little")
        about = json.loads(json.loads(content[8 : 8 + length])["__metadata__"]["recbook"])
        made = change(about, tensors)
        header = json.dumps(made if isinstance(made, list | dict) else about)
        digest = saving._digest(header, tensors)
        return safetensors.save(
            tensors, {"format": "recbook 1", "recbook": header, "digest": digest}
        )

    return edit


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (signed(lambda about, _: ["EASE"]), "names no class of a model"),
        (signed(lambda about, _: {"num_users": 3}), "names no class of a model"),
        (signed(lambda about, _: about.pop("num_users")), "do not make a ItemKNN"),
        (signed(lambda about, _: about.update(num_users="three")), "do not make a ItemKNN"),
        (signed(lambda about, _: about.update(model={"item_item": {}})), "do not make a ItemKNN"),
        (signed(lambda _, tensors: tensors.update({"split.train": torch.zeros(3)})), "do not make"),
        (signed(lambda _, tensors: tensors["split.train"].fill_(7)), "do not make a Item"),
        (lambda _: (2**40).to_bytes(8, "little") + b"{}", "cannot be read"),
        (lambda _: (2**63).to_bytes(8, "little") + b"{}", "cannot be read"),
        (lambda _: claimed([2**40, 2**40], 2**63), "cannot be read"),
        (lambda _: claimed([2**20], 2**22), "cannot be read"),
    ],
)
def test_files_that_were_made_up(
    edit: Edit, message: str, toy: Interactions, tmp_path: Path
) -> None:
    """Whoever makes one can make its digest, too; what comes of it is an error all the same."""
    path = recbook.save(ItemKNN(2).fit(toy), Split(toy), tmp_path / "model")
    path.write_bytes(edit(path.read_bytes()))
    with pytest.raises(ValueError, match=f"got .*model.* {message}.* ?expected"):
        recbook.load(path)


def claimed(shape: list[int], end: int) -> bytes:
    """A header that says how large a tensor is, and no tensor."""
    header = json.dumps({"x": {"dtype": "F32", "shape": shape, "data_offsets": [0, end]}}).encode()
    return len(header).to_bytes(8, "little") + header


def test_an_index_beyond_the_matrix_is_noticed(toy: Interactions, tmp_path: Path) -> None:
    """Else SciPy would read memory that is not its own, when the model is asked."""
    model = ItemKNN(2).fit(toy)
    path = recbook.save(model, Split(toy), tmp_path / "model")
    name = next(name for name in safetensors.load(path.read_bytes()) if name.endswith(".indices"))
    path.write_bytes(signed(lambda _, all_: all_[name].fill_(2**30))(path.read_bytes()))
    with pytest.raises(ValueError, match="do not make a ItemKNN"):
        recbook.load(path)


def test_no_file_at_all(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")  # in which nobody writes: reading would wait for ever
    for name, there in (("nothing", "nothing"), ("", "a folder"), ("pipe", "no file")):
        with pytest.raises(FileNotFoundError, match=f"where {there} is, expected"):
            recbook.load(tmp_path / name)


def test_a_file_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "model"
    with path.open("wb") as file:
        file.truncate(2**42)  # and nothing in it
    with pytest.raises(MemoryError, match=r"file and tensors .*; is it a file of save"):
        recbook.load(path)
    path.write_bytes(b"")
    monkeypatch.setattr(
        Path, "read_bytes", lambda _: (_ for _ in ()).throw(PermissionError(13, "No"))
    )
    with pytest.raises(PermissionError, match=r"model cannot be read \(No\); may you read it"):
        recbook.load(path)


def test_a_file_is_replaced_whole_or_not_at_all(
    toy: Interactions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = recbook.save(Popularity().fit(toy), Split(toy), tmp_path / "model")
    before = path.read_bytes()
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(files.os, "replace", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        recbook.save(EASE().fit(toy), Split(toy), path)
    assert path.read_bytes() == before and [*tmp_path.iterdir()] == [path]
    recbook.save(EASE().fit(toy), Split(toy), path)
    assert type(recbook.load(path)[0]) is EASE


@pytest.fixture
def friends() -> Split:
    train = pd.DataFrame(
        {"user_id": ["ann", "ann", "bob", "bob", "cem"], "item_id": ["7", "10", "7", "12", "12"]}
    )
    val = pd.DataFrame({"user_id": ["cem"], "item_id": ["7"]})
    return given_split(train, val=val)


def test_positions_of_raw_ids(friends: Split) -> None:
    assert friends.position(users=["cem", "ann"]).tolist() == [2, 0]
    assert friends.position(items="12").tolist() == [1]
    assert friends.position(items=pd.Series(["7"], index=[4])).tolist() == [2]
    assert Split(friends.train).position(users=[2]).tolist() == [2]
    wide = Split(Interactions(friends.train.user, friends.train.item, 3, 5))
    assert wide.position(items=[4]).tolist() == [4]


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        (
            {"users": ["ann", "anne"]},
            ValueError,
            r"got 'anne', expected an id of the split; did you mean 'ann'\?",
        ),
        ({"users": ["Ann"]}, ValueError, "did you mean 'ann'"),
        ({"items": [7]}, ValueError, "ids are text here: '7', not a number"),
        ({"users": [0]}, ValueError, "got 0, .*ids are text here, e.g. 'ann', 'bob', 'cem'"),
        ({"users": [True, False, True]}, TypeError, "expected raw ids"),
        ({"users": [0.5]}, TypeError, "expected raw ids, which are text or whole numbers"),
        ({"users": [None]}, TypeError, "expected raw ids"),
        ({"users": [["ann"]]}, TypeError, "expected raw ids"),
        ({}, TypeError, "got neither users nor items, expected one of both"),
        ({"users": "ann", "items": "7"}, TypeError, "got users and items"),
    ],
)
def test_ids_that_are_none(friends: Split, given: Any, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        friends.position(**given)


def test_numbers_asked_for_as_text(toy: Interactions) -> None:
    split = Split(toy, item_ids=np.array([5, 7, 196, 2]))
    with pytest.raises(ValueError, match="ids are numbers here: 196, not text"):
        split.position(items="196")
    for wrong in (8, "Alien"):
        with pytest.raises(ValueError, match=r"got .*, .*whole numbers from 2 to 196 here"):
            split.position(items=wrong)
    items = pd.DataFrame({"item_id": ["5", "7", "196", "2"]})
    with pytest.raises(ValueError, match=r"no row for 2, .*ids are text here: '2', not a number"):
        split.recommend(Last(4), [0], again=True, items=items)
    with pytest.raises(
        ValueError, match="users: got position 3, expected 0 to 2; this split has no raw ids"
    ):
        split.position(users=3)


def test_ids_beyond_a_byte(toy: Interactions) -> None:
    small = np.array([5, 7, 196, 2], dtype=np.uint8)
    with pytest.raises(ValueError, match="got 261, expected an id of the split"):
        Split(toy, item_ids=small).position(items=[261])
    split = Split(toy, item_ids=np.array([261, 7, 196, 2]))
    with pytest.raises(ValueError, match="no row for 261, which is listed"):
        split.recommend(Last(4), [0], again=True, items=pd.DataFrame({"item_id": small}))
    large = np.array([5, 7, 2**63, 2**63 + 1], dtype=np.uint64)  # a float holds no such number
    titles = ["Alien", "Brazil", "Casablanca", "Dumbo"]
    items = pd.DataFrame({"item_id": large, "title": titles})[::-1]
    for k in (1, 3):
        lists = Split(toy, item_ids=large).recommend(Last(4), [0], k, again=True, items=items)
        assert lists["title"].tolist() == titles[: -k - 1 : -1]


def test_three_ids_are_named_of_many(split: Split) -> None:
    with pytest.raises(ValueError, match=r"did you mean ('u\d\d' or ){2}'u\d\d'\?"):
        split.position(users="u0x")
    with pytest.raises(ValueError, match=r"e\.g\. 'u00', 'u01', 'u02'$"):
        split.position(users=7)


def test_lists_by_raw_ids(friends: Split) -> None:
    model = Popularity().fit(friends.train)  # "12" and "7" have two, "10" one
    titles = pd.DataFrame({"item_id": ["7", "10", "12"], "title": ["Alien", "Brazil", "Dumbo"]})
    lists = friends.recommend(model, ["bob", "ann"], k=3, items=titles)
    assert list(lists) == ["user_id", "rank", "item_id", "score", "title"]
    assert lists.values.tolist() == [
        ["bob", 1, "10", 1.0, "Brazil"],
        ["ann", 1, "12", 2.0, "Dumbo"],
    ]
    assert friends.recommend(model, "cem")["item_id"].tolist() == ["10"]  # 7 is in validation
    assert friends.recommend(model, "ann", again=True, deny=["12"])["item_id"].tolist() == [
        "7",
        "10",
    ]
    assert friends.recommend(model, "ann", again=True, allow=["10"])["item_id"].tolist() == ["10"]


def test_a_list_has_ten_items_unless_one_says_so(split: Split) -> None:
    lists = split.recommend(Popularity().fit(split.train), "u03", again=True)
    assert lists["rank"].tolist() == [*range(1, 11)]


def test_an_empty_list_says_whose(friends: Split) -> None:
    known = Interactions(friends.train.user[:2], friends.train.item[:2], 3, 3)
    with (
        pytest.warns(UserWarning, match="no list for bob, cem: the model has met no item"),
        pytest.warns(UserWarning, match="no list for ann: no item is left that may be shown"),
    ):
        lists = friends.recommend(EASE(1).fit(known), ["bob", "ann", "cem"], deny=["12"])
    assert len(lists) == 0
    positions = Split(friends.train)
    with pytest.warns(UserWarning, match="no list for 1: no item is left"):
        assert len(positions.recommend(Popularity().fit(friends.train), 1, deny=[0, 1, 2])) == 0


def test_what_recommend_refuses(friends: Split) -> None:
    model = Popularity().fit(friends.train)
    for wrong in (None, "EASE", torch.zeros(3, 3)):
        with pytest.raises(TypeError, match="expected a recommender that is fitted or trained"):
            friends.recommend(wrong, "ann")
    with pytest.raises(TypeError, match="expected a recommender that is fitted"):
        friends.recommend(EASE, "ann")
    with pytest.raises(ValueError, match="k=0, expected 1 or more"):
        friends.recommend(model, "ann", k=0)
    for size in ((3, 4), (4, 3)):
        other = Interactions(friends.train.user, friends.train.item, *size)
        message = f"model of {size[0]} users and {size[1]} items, and a split of 3 and 3"
        with pytest.raises(ValueError, match=message):
            friends.recommend(Popularity().fit(other), "ann")


@pytest.mark.parametrize(
    ("items", "message"),
    [
        ({"title": ["Alien"]}, "expected item_id, each once, and others than"),
        ({"item_id": ["7", "7"]}, "expected item_id, each once"),
        ({"item_id": ["12"], "score": [1]}, "rename or drop the rest"),
        ({"item_id": [12]}, r"no row for '12', .*ids are numbers here: 12, .*astype.*: str\}\)"),
        ({"item_id": ["7"]}, "no row for '12', which is listed"),
        ({"item_id": []}, "no row for '12', .*; there are no ids here"),
    ],
)
def test_tables_of_items_that_will_not_do(friends: Split, items: Any, message: str) -> None:
    model = Popularity().fit(friends.train)
    with pytest.raises(ValueError, match=message):
        friends.recommend(model, "ann", k=1, items=pd.DataFrame(items))


class Last:
    """Only scores; the last item is the best."""

    def __init__(self, num_items: int) -> None:
        self.its_score = torch.arange(num_items)

    def score(self, users: Tensor) -> Tensor:
        return self.its_score.expand(len(users), -1)


def test_lists_of_what_only_scores(friends: Split) -> None:
    model = Last(3)
    assert friends.recommend(model, "ann", again=True)["item_id"].tolist() == ["7", "12", "10"]
    with pytest.raises(ValueError, match="no row for '12', which is listed"):
        items = pd.DataFrame({"item_id": ["7", "10"]})
        friends.recommend(model, "ann", again=True, items=items)
    with pytest.warns(UserWarning, match="no list for ann: no item is left that may be shown"):
        friends.recommend(model, "ann", deny=["7", "12"])
    wide = Split(Interactions(friends.train.user, friends.train.item, 3, 5))
    assert wide.recommend(Last(5), [0], k=2)["item_id"].tolist() == [4, 3]


def test_who_is_not_known_has_no_list_whatever_the_scores(friends: Split) -> None:
    model = Last(3)
    model.known_users = torch.tensor([True, False, True])
    with pytest.warns(UserWarning, match="no list for bob: the model has met no item of theirs"):
        lists = friends.recommend(model, ["bob", "cem"], again=True)
    assert lists["user_id"].tolist() == ["cem"] * 3


def test_a_class_with_one_of_our_names(toy: Interactions, tmp_path: Path) -> None:
    fake = type("EASE", (EASE,), {"score": lambda self, users: -EASE.score(self, users)})
    path = recbook.save(fake(3).fit(toy), Split(toy), tmp_path / "model")
    with pytest.raises(ValueError, match=r"none of recbook's, expected its class"):
        recbook.load(path)
    with pytest.raises(TypeError, match="kind=3, expected type"):
        recbook.load(path, kind=3)  # type: ignore[arg-type]


def test_ids_beyond_what_a_file_holds(toy: Interactions, tmp_path: Path) -> None:
    model = Popularity().fit(toy)
    huge = Split(toy, user_ids=np.array([1, 2, 2**63], dtype=np.uint64))
    with pytest.raises(TypeError, match="expected all text, or all whole numbers below"):
        recbook.save(model, huge, tmp_path / "model")
    objects = Split(toy, user_ids=np.array([5, 6, 7], dtype=object))
    _, again = recbook.load(recbook.save(model, objects, tmp_path / "model"))
    assert again.user_ids.tolist() == [5, 6, 7]


def test_a_model_and_another_split(tmp_path: Path) -> None:
    """Of the same size: the same data split anew, or other data."""
    user, item = torch.cartesian_prod(torch.arange(6), torch.arange(5)).T

    def part(rows: Tensor) -> Interactions:
        return Interactions(user[rows], item[rows], 6, 5)

    order = torch.randperm(30, generator=torch.Generator().manual_seed(0))
    one = Split(part(order[:10]), test=part(order[10:20]))
    anew = Split(part(order[5:15]), test=part(order[:5]), val=part(order[15:20]))
    other = Split(part(order[5:15]), test=part(order[15:]))
    for model in (Popularity().fit(one.train), LightGCN(6, 5, embedding_dim=2)):
        if isinstance(model, LightGCN):
            train(model, one, epochs=1)
        expected = one.recommend(model, [0, 1])
        assert anew.recommend(model, [0], again=True).equals(one.recommend(model, [0], again=True))
        for use in (partial(other.recommend, model, [0]), partial(save, model, other, "no")):
            with pytest.raises(ValueError, match="fitted on 5 pairs that are in no part of this"):
                use()
        again, _ = load(save(model, one, tmp_path / "model"))
        assert one.recommend(again, [0, 1]).equals(expected)
        assert torch.equal(again.fitted_on.user, one.train.user)
        with pytest.raises(ValueError, match="fitted on 5 pairs"):
            other.recommend(again, [0])
        everything = Split(part(order[:20]))
        again, _ = load(save(model, everything, tmp_path / "model"))
        assert again.fitted_on is None


def test_numbers_of_numpy_are_saved(toy: Interactions, tmp_path: Path) -> None:
    model = EASE(reg=np.float32(10)).fit(toy)
    again, _ = load(save(model, Split(toy), tmp_path / "model"))
    assert again.reg == 10 and torch.equal(again.score([0]), model.score([0]))
    small = LightGCN(np.int64(toy.num_users), toy.num_items, np.int64(2), num_layers=np.int64(1))
    train(small, Split(toy), epochs=1)
    again, _ = load(save(small, Split(toy), tmp_path / "model"))
    assert type(again.num_layers) is int
