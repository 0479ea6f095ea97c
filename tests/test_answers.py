"""Answers: by hand, beside split.recommend, and past what somebody has seen."""

import time
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch.testing import assert_close

import recbook.answers
from recbook import save, saving
from recbook.answers import RULES, Answers, NoFoldInError, StoredAnswers, UnknownIdError
from recbook.data import Interactions, Split
from recbook.files import NewestFile
from recbook.folding import FoldIn
from recbook.models import (
    EASE,
    IALS,
    SLIM,
    ItemKNN,
    LightGCN,
    MatrixFactorization,
    Popularity,
    PureSVD,
    RP3beta,
    UserKNN,
)
from recbook.training import train


def split_of(seed: int = 0, num_users: int = 40, num_items: int = 30) -> Split:
    """Train and validation pairs of people p0, p1, ... with pages a0, a1, ..."""
    draw = np.random.default_rng(seed)
    user, item = np.nonzero(draw.random((num_users, num_items)) < np.linspace(0.1, 0.6, num_items))
    held = draw.random(len(user)) < 0.1
    parts = (
        Interactions.from_pairs(user[part], item[part], num_users, num_items)
        for part in (~held, held)
    )
    names = (np.array([f"{c}{n}" for n in range(m)]) for c, m in (("p", 40), ("a", 30)))
    first, second = parts
    return Split(first, None, second, *names)


def fitted(model: Any, split: Split) -> Any:
    return model.fit(split.train)


def net(split: Split, num_layers: int = 2) -> LightGCN:
    model = LightGCN(split.train.num_users, split.train.num_items, 8, num_layers)
    train(model, Split(split.train), loss="softmax", epochs=5)
    return model


def matrix_factorization() -> MatrixFactorization:
    """Of as many users and items as :func:`split_of` has; it cannot fold in."""
    model = MatrixFactorization(40, 30, 4)
    model.finalize(None)
    return model


@pytest.fixture(scope="module")
def split() -> Split:
    return split_of()


MODELS = [Popularity, ItemKNN, UserKNN, RP3beta, EASE, PureSVD, IALS, net]


def made(how: Any, split: Split) -> Any:
    if how is PureSVD:
        how = lambda: PureSVD(8)  # noqa: E731
    return net(split) if how is net else how().fit(split.train)


@pytest.mark.parametrize("block", [7, 1000])
@pytest.mark.parametrize("how", MODELS)
def test_lists_are_those_of_the_split(
    how: Any, block: int, split: Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recbook.answers, "_BLOCK", block)
    model = made(how, split)
    answers = Answers(model, split)
    for user in answers.users:
        expected = split.recommend(model, user, 12)
        found = answers.recommend(user, 12)
        assert [item for item, _ in found] == expected["item_id"].tolist()
        assert [score for _, score in found] == pytest.approx(expected["score"].tolist(), abs=1e-5)


def test_nothing_is_listed_for_who_is_unknown_or_likes_all_alike() -> None:
    part = Interactions.from_pairs([0, 0, 1], [0, 1, 1], 3, 4)
    answers = Answers(PureSVD(1).fit(part), Split(part))
    assert answers.recommend(2, 4) == [] == answers.group([2], "average", 4)
    assert answers.recommend("0", 4)  # as text it is the same user
    answers = Answers(EASE(reg=1).fit(part), Split(part))
    assert answers.recommend([3], 4) == []  # nobody has item 3: it says nothing


def test_a_newcomer_gets_what_a_user_with_the_same_items_gets(split: Split) -> None:
    whole = Split(split.train, user_ids=split.user_ids, item_ids=split.item_ids)
    makers = EASE(), PureSVD(8), ItemKNN(5), RP3beta(), SLIM(0.1, 5), IALS(4, num_sweeps=200)
    for model in (maker.fit(split.train) for maker in makers):
        answers = Answers(model, whole)
        for user in (0, 7, 20):
            own = split.train.item[split.train.user == user]
            likes = [answers.items[n] for n in own]
            found = answers.recommend(likes, 10)
            expected = answers.recommend(answers.users[user], 10)
            assert [item for item, _ in found] == [item for item, _ in expected]
            assert answers.folds_in


def test_a_newcomer_gets_popularity_and_what_the_nearest_have(split: Split) -> None:
    best = [f"a{n}" for n in split.train.item_degree.argsort(descending=True, stable=True)]
    found = Answers(Popularity().fit(split.train), split).recommend([best[1]], 5)
    assert [item for item, _ in found] == [best[0], *best[2:6]]
    model = UserKNN(1).fit(split.train)
    own = [f"a{n}" for n in split.train.item[split.train.user == 7]]
    found = Answers(model, split).recommend(own[1:], 1)  # the nearest has one more
    assert [item for item, _ in found] == own[:1]


def test_who_cannot_be_folded_in_is_told(split: Split, monkeypatch: pytest.MonkeyPatch) -> None:
    for model in (matrix_factorization(), net(split, 0)):
        answers = Answers(model, split)
        assert not answers.folds_in
        with pytest.raises(NoFoldInError, match="expected"):
            answers.recommend(["a1"], 3)

    def singular(*_: Any) -> None:
        raise ValueError("a system is singular in floats, expected a larger reg")

    monkeypatch.setattr(FoldIn, "vectors", singular)
    with pytest.raises(NoFoldInError, match="a larger reg"):
        Answers(IALS(4).fit(split.train), split).recommend(["a1"], 3)


@pytest.mark.parametrize("ask", ["recommend", "similar", "why_user", "why_item", "liked", "group"])
def test_an_id_that_is_not_there_is_named(ask: str, split: Split) -> None:
    answers = Answers(EASE().fit(split.train), split)
    asked = {
        "recommend": lambda: answers.recommend("zed", 3),
        "similar": lambda: answers.similar("zed", 3),
        "why_user": lambda: answers.why("zed", "a1", 3),
        "why_item": lambda: answers.why("p1", "zed", 3),
        "liked": lambda: answers.recommend(["a1", "zed"], 3),
        "group": lambda: answers.group(["p1", "zed"], "vote", 3),
    }
    with pytest.raises(UnknownIdError, match=r"got .zed., expected an id of the model, e\.g\. ."):
        asked[ask]()


def test_groups_by_hand(split: Split) -> None:
    model = PureSVD(12).fit(split.train)
    answers, members = Answers(model, split), [1, 5, 9]
    score = model.score(torch.tensor(members)).numpy()
    score = (score - score.mean(1, keepdims=True)) / score.std(1, keepdims=True)
    seen = (sum(part.matrix for part in split.parts.values()).toarray()[members] > 0).any(0)
    open_ = [n for n in range(30) if not seen[n]]
    mean, least = score.mean(0), score.min(0)
    votes = np.zeros(30)
    for row in score:
        votes[sorted(open_, key=lambda n: -row[n])[:10]] += 1
    orders = {
        "average": sorted(open_, key=lambda n: -mean[n]),
        "least misery": sorted(open_, key=lambda n: -least[n]),
        "vote": sorted(open_, key=lambda n: (-votes[n], -mean[n])),
    }
    assert {*orders} == {*RULES} and len({*map(tuple, orders.values())}) == 3
    for rule, order in orders.items():
        found = answers.group([f"p{n}" for n in members], rule, 30)
        assert [item for item, _ in found] == [f"a{n}" for n in order], rule
    likes = [answers.items[n] for n in np.flatnonzero(split.train.matrix.toarray()[0])]
    assert answers.group([likes], "average", 5)[0][0] == answers.recommend(likes, 1)[0][0]
    with pytest.raises(ValueError, match="rule"):
        answers.group(["p1"], "loudest", 3)


def test_similar_items_by_vectors_and_by_people(split: Split) -> None:
    model = PureSVD(8).fit(split.train)
    unit = torch.nn.functional.normalize(model.item_emb)
    cosine = (unit @ unit[4]).index_fill(0, torch.tensor([4]), -torch.inf)
    best = cosine.topk(5)
    found = Answers(model, split).similar("a4", 5)
    assert [item for item, _ in found] == [f"a{n}" for n in best.indices]
    assert_close([x for _, x in found], best.values.tolist())
    part = Interactions.from_pairs([0, 0, 1, 1, 2], [0, 1, 1, 2, 3], 3, 4)
    found = Answers(EASE().fit(part), Split(part)).similar(1, 4)
    assert found == [(0, pytest.approx(0.5**0.5)), (2, pytest.approx(0.5**0.5))]  # not 3


def test_why_by_hand() -> None:
    # 0 has items 0 and 1; 1 has 0 and 2; 2 has 0, 1 and 2: to item 2 lead walks over 0 and over 1.
    part = Interactions.from_pairs([0, 0, 1, 1, 2, 2, 2], [0, 1, 0, 2, 0, 1, 2], 3, 4)
    answers = Answers(EASE().fit(part), Split(part))
    over_0, over_1 = (1 / 3) * (1 / 2 + 1 / 3), (1 / 2) * (1 / 3)
    share = over_0 / (over_0 + over_1)
    assert answers.why(0, 2, 5) == [(0, pytest.approx(share), 2), (1, pytest.approx(1 - share), 1)]
    assert answers.why(0, 2, 1) == [(0, pytest.approx(share), 2)]
    assert answers.why(0, 3, 5) == []
    assert answers.why(0, 1, 5) == [(0, 1.0, 1)]  # not over itself, nor over the user


def test_an_index_finds_more_the_more_cells_it_looks_into(split: Split) -> None:
    model = IALS(8).fit(split.train)
    exact = Answers(model, split)
    assert exact.recall() == 1
    for probes, least in ((1, 0.3), (100, 1.0)):
        near = Answers(model, split, probes)
        assert least <= near.recall(5) <= 1
        for user in near.users:
            had = {item for item, _ in exact.recommend(user, 30)}
            assert {item for item, _ in near.recommend(user, 10)} <= had  # nothing seen
    assert near.recommend("p1", 5)[0][0] == exact.recommend("p1", 5)[0][0]
    with pytest.raises(ValueError, match="EASE has no vectors"):
        Answers(EASE().fit(split.train), split, 1)


def test_what_a_file_answers(split: Split, tmp_path: Path) -> None:
    model = PureSVD(8).fit(split.train)
    stored = StoredAnswers(save(model, split, tmp_path / "model.safetensors"))
    assert stored.kind == "PureSVD" and not stored.titles
    assert stored.find("A7", 3) == [("a7", 1.0)] and len(stored.find("a", 100)) == 30
    assert stored.recommend("p1", 5) == Answers(model, split).recommend("p1", 5)


def test_films_have_titles(tmp_path: Path, original: Split) -> None:
    model = Popularity().fit(original.train)
    stored = StoredAnswers(save(model, original, tmp_path / "films.safetensors"))
    assert stored.titles[stored.recommend(914, 1)[0][0]] == "Star Wars"
    found = [(stored.titles[item], share) for item, share in stored.find("wars STAR", 9)]
    assert found == [("Star Wars", 8 / 9)]
    assert [stored.titles[item] for item, _ in stored.find("trek first", 2)] != []
    assert stored.find(" ", 9) == [] == stored.find("no such film", 9)


def test_items_are_called_what_a_table_says(split: Split, tmp_path: Path) -> None:
    path = save(PureSVD(8).fit(split.train), split, tmp_path / "model.safetensors")
    table = pd.DataFrame({"sku": ["a7", "a8", "old"], "Product name": ["green tea", "pot", "cup"]})
    table.to_csv(tmp_path / "products.csv", index=False, sep=";")
    stored = StoredAnswers(path, titles=tmp_path / "products.csv")
    assert stored.titles == {"a7": "green tea", "a8": "pot"}
    assert stored.find("TEA", 3) == [("a7", 3 / 9)] and stored.find("a7", 3) == [("a7", 1.0)]
    assert stored.find("a9", 3) == [("a9", 1.0)]  # without a title
    (tmp_path / "products.csv").write_text("item,label,title,price\na7,x,tea,3\n")
    titles = StoredAnswers(path, titles=tmp_path / "products.csv").titles
    assert titles == {"a7": "tea"}  # the name that says most
    for wrong, said in (
        ("item,price\na7,3\n", "one that is its title"),
        ("item,title\n7,tea\n", "none of which is the model's"),
    ):
        (tmp_path / "products.csv").write_text(wrong)
        with pytest.raises(ValueError, match=said):
            StoredAnswers(path, titles=tmp_path / "products.csv")


def test_the_newest_whole_file_is_followed(tmp_path: Path) -> None:
    path = tmp_path / "number.txt"
    path.write_text("1")
    newest = NewestFile(path, lambda file: int(file.read_text()))

    def wait_for(content: int, problem: str | None) -> None:
        end = time.monotonic() + 30
        while (newest.content, newest.problem and newest.problem[:7]) != (content, problem):
            assert time.monotonic() < end, (newest.content, newest.problem)
            time.sleep(0.01)

    def swap(text: str) -> None:
        new = tmp_path / "new"
        new.write_text(text)
        new.rename(path)

    with newest.followed(0.01):
        swap("2")
        wait_for(2, None)
        swap("two")
        wait_for(2, "invalid")
        path.unlink()
        wait_for(2, "[Errno ")
        swap("3")
        wait_for(3, None)
    swap("4")
    time.sleep(0.05)
    assert newest.content == 3  # nobody looks any more
    with pytest.raises(ValueError, match="invalid"):
        swap("one")
        NewestFile(path, lambda file: int(file.read_text()))


def test_a_file_that_changes_while_it_is_read_is_read_again(tmp_path: Path) -> None:
    path, read = tmp_path / "number.txt", []
    path.write_text("1")

    def reading(file: Path) -> str:
        read.append(file.read_text())
        if len(read) == 1:
            (tmp_path / "new").write_text("22")
            (tmp_path / "new").rename(path)
        return read[-1]

    assert NewestFile(path, reading).content == "22" and read == ["1", "22"]


def test_the_digest_is_that_of_the_bytes_that_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    split = Split(Interactions.from_pairs([0, 0, 1], [0, 1, 1]))
    path = save(PureSVD(1).fit(split.train), split, tmp_path / "model.safetensors")
    before, put_together = sha256(path.read_bytes()).hexdigest(), saving._put_together

    def swapped(*given: Any) -> Any:
        save(Popularity().fit(split.train), split, path)
        return put_together(*given)

    monkeypatch.setattr(saving, "_put_together", swapped)
    stored = StoredAnswers(path)
    assert (stored.digest, stored.kind) == (before[:12], "PureSVD")
    assert sha256(path.read_bytes()).hexdigest() != before
