# %% [markdown]
# # Bug hunt {{number}}: the model that finds least is the best
#
# {{points}} points, about {{minutes}} minutes. The pipeline below runs without an error, and it has
# one bug. You find it by measuring, mend it, and write the test that would have caught it.
#
# **The symptoms.** A team compares three recommenders on the same users. The cautious one is sure of one
# film for each user and fills the list with films that it draws. The broad one fills the list with films
# that it thinks well of, most of them rightly. The third draws all its lists. The team goes by NDCG,
# which looks at everything, and ships the cautious one. Its table is printed below the pipeline.

# %% role="variant"
def variant(rng):
    k = rng.choice([8, 10, 12])
    return {"seed": rng.randrange(1000), "k": k, "wanted": rng.randint(4, k - 2)}


# %%
import random

import numpy as np

k, num_wanted = {{k}}, {{wanted}}


# %% question="3" role="pipeline" name="broken"
import numpy as np


def hits_of(lists, wanted, k):
    """A row of k places for each user: 1 for a hit, 0 for a miss or a place that is empty."""
    found = np.zeros((len(lists), k))
    for row, films, own in zip(found, lists, wanted, strict=True):
        hits = [film in own for film in films[:k]]
        row[: len(hits)] = hits
    return found


def gain(found):
    """The sum of the hits, each divided by the logarithm of its rank."""
    rank = np.arange(1, found.shape[1] + 1)
    return (found / np.log2(rank + 1)).sum(1)


def report(lists, wanted, k):
    """The mean over users of four measures of the first k films.

    lists: for each user films, best first. wanted: for each user the films that were hidden.
    """
    found = hits_of(lists, wanted, k)
    number = np.array([len(own) for own in wanted])
    hits = found.sum(1)
    best = np.sort(found, axis=1)[:, ::-1]
    ndcg = gain(found) / np.maximum(gain(best), 1e-9)
    measures = {
        "hit rate": np.minimum(hits, 1),
        "precision": hits / k,
        "recall": hits / number,
        "ndcg": ndcg,
    }
    return {name: float(values.mean()) for name, values in measures.items()}


# %%
draw = random.Random({{seed}})
wanted = [set(draw.sample(range(100), draw.randint(6, 14))) for _ in range(200)]
models = {"cautious": [], "broad": [], "drawn": []}
for own in wanted:
    others = sorted(set(range(100)) - own)
    good = draw.sample(sorted(own), min(len(own), k - 3))
    models["cautious"].append([good[0], *draw.sample(sorted({*range(100)} - {good[0]}), k - 1)])
    models["broad"].append([*draw.sample(others, 1), *good, *draw.sample(others, 2)])
    models["drawn"].append(draw.sample(range(100), k))

table = {name: report(lists, wanted, k) for name, lists in models.items()}
print(f"{f'at {k}':10}" + "".join(f"{name:>11}" for name in table["drawn"]))
for name, row in table.items():
    print(f"{name:10}" + "".join(f"{value:11.2f}" for value in row.values()))

# %% [markdown] question="1" asks="my_measurement" minutes=12
# ## Question 1 Measure
#
# **Outcome.** You can find out what a measure rewards by lists that differ in one thing (chapter 2).
#
# Take one user with {{wanted}} hidden films, and lists of {{k}} films that differ in the number of
# hits alone: 0, 1, 2, ... up to {{wanted}} hits, all at the top of the list, and films that were not
# hidden below them. Fill in the dict `my_measurement` with two lists of {{wanted}} + 1 numbers: `"is"`,
# the NDCG that the pipeline gives to each; `"should be"`, the one by formula (2.3) of chapter 2.

# %% question="1" role="answer"
my_measurement = {"is": ..., "should be": ...}
# BEGIN SOLUTION
hidden_films = set(range(num_wanted))
ladder = [[*range(hits), *range(1000, 1000 + k - hits)] for hits in range(len(hidden_films) + 1)]
upto = np.cumsum(1 / np.log2(np.arange(num_wanted) + 2))
my_measurement = {
    "is": [report([films], [hidden_films], k)["ndcg"] for films in ladder],
    "should be": [0.0, *(upto / upto[-1])],
}
# END SOLUTION

# %% question="1" role="check"
assert set(my_measurement) == {"is", "should be"}, "my_measurement has other keys"
for numbers in my_measurement.values():
    assert len(numbers) == num_wanted + 1, "one number for each of 0, 1, 2, ... hits"
    assert all(0 <= number <= 1.0001 for number in numbers), "NDCG lies between 0 and 1"
print("The form is right.")


# %% question="1" role="hidden"
def hidden(rng, drawn):
    return [
        Part("what it is", 1, "Call report with one list and one set.", key="is", tolerance=2e-3),
        Part(
            "what it should be",
            2,
            "The best list has as many hits as there are hidden films, if it has places for them.",
            key="should be",
            tolerance=2e-3,
        ),
    ]


# %% question="1" role="right"
my_measurement = {key: np.round(numbers, 3) for key, numbers in my_measurement.items()}

# %% question="1" role="wrong" loses=["what it is"]
my_measurement = my_measurement | {"is": my_measurement["should be"]}

# %% question="1" role="wrong" loses=["what it is"]
my_measurement = my_measurement | {"is": [1.0] * (num_wanted + 1)}

# %% question="1" role="wrong" loses=["what it should be"]
my_measurement = my_measurement | {
    "should be": [hits / num_wanted for hits in range(num_wanted + 1)]  # recall
}

# %% question="1" role="wrong" loses=["what it should be"]
places = np.cumsum(1 / np.log2(np.arange(k) + 2))
my_measurement = my_measurement | {"should be": [0.0, *(places[:num_wanted] / places[-1])]}

# %% question="1" role="wrong" loses="all"
my_measurement = {key: list(numbers)[::-1] for key, numbers in my_measurement.items()}

# %% [markdown] question="2" asks="mended_report" minutes=12
# ## Question 2 Mend
#
# **Outcome.** You can say what the best list of a user is, and divide by its gain (chapter 2).
#
# Write `mended_report(lists, wanted, k)`, which gives what `report` should give: a dict with the same
# four names. Each user has at least one hidden film, and some have more than `k`; some lists are
# shorter than `k`. You may call the pipeline's other functions.


# %% question="2" role="answer"
def mended_report(lists, wanted, k):
    # BEGIN SOLUTION
    found = hits_of(lists, wanted, k)
    best = np.array([np.arange(k) < len(own) for own in wanted])
    ndcg = gain(found) / gain(best)
    return report(lists, wanted, k) | {"ndcg": float(ndcg.mean())}
    # END SOLUTION


# %% question="2" role="check"
small = mended_report([["a", "x"], ["x", "b"]], [{"a"}, {"b"}], 2)
assert set(small) == {"hit rate", "precision", "recall", "ndcg"}, "the names are those of report"
assert abs(small["ndcg"] - (1 + 1 / np.log2(3)) / 2) < 1e-6, "one hit at rank 1, one at rank 2"
print("Right for two users with one hidden film each.")


# %% question="2" role="hidden"
def hidden(rng, drawn):
    def user(k, number, hits, length):
        """A list with some hits in random places, and the films that were hidden."""
        films = [*range(hits), *range(100, 100 + length - hits)]
        return rng.sample(films, length), set(range(number))

    def case(k, *users):
        lists, wanted = zip(*(user(k, *each) for each in users))
        return list(lists), list(wanted), k

    k = drawn["k"]
    return [
        Part(
            "all hidden films found",
            2,
            "A list with all hidden films at its top has an NDCG of 1, however few they are.",
            [case(k, (3, 3, k), (1, 1, k), (k - 2, k - 2, k)), case(5, (2, 2, 4), (4, 4, 5))],
        ),
        Part(
            "some not found",
            3,
            "A hidden film that is not in the list costs something.",
            [case(k, (5, 2, k), (4, 1, k), (3, 0, k)), case(6, (4, 2, 5), (5, 3, 6))],
        ),
        Part(
            "more hidden films than places",
            2,
            "A list of k films can have k hits at most, and then it has an NDCG of 1.",
            [case(4, (9, 4, 4), (7, 4, 4)), case(3, (8, 2, 3), (5, 3, 3))],
        ),
    ]


# %% question="2" role="right"
def mended_report(lists, wanted, k):
    rows = []
    for films, own in zip(lists, wanted):
        ranks = [rank for rank, film in enumerate(films[:k], start=1) if film in own]
        top = sum(1 / np.log(rank + 1) for rank in range(1, min(k, len(own)) + 1))
        rows.append(
            [
                bool(ranks),
                len(ranks) / k,
                len(ranks) / len(own),
                sum(1 / np.log(rank + 1) for rank in ranks) / top,
            ]
        )
    return dict(zip(["hit rate", "precision", "recall", "ndcg"], np.mean(rows, axis=0)))


# %% question="2" role="wrong" loses=["some not found", "more hidden films than places"]
mended_report = report


# %% question="2" role="wrong" loses=["all hidden films found", "some not found"]
def mended_report(lists, wanted, k):
    found = hits_of(lists, wanted, k)
    return report(lists, wanted, k) | {"ndcg": (gain(found) / gain(np.ones((1, k)))).mean()}


# %% question="2" role="wrong" loses=["more hidden films than places"]
def mended_report(lists, wanted, k):
    found = hits_of(lists, wanted, k)
    best = np.array([gain(np.ones((1, len(own))))[0] for own in wanted])
    return report(lists, wanted, k) | {"ndcg": (gain(found) / best).mean()}


# %% question="2" role="wrong" loses=["some not found", "more hidden films than places"]
def mended_report(lists, wanted, k):
    made = report(lists, wanted, k)
    return made | {"ndcg": made["ndcg"] * made["recall"]}  # a mean of products is another number


# %% question="2" role="wrong" loses="all"
def mended_report(lists, wanted, k):
    found = hits_of(lists, wanted, k)
    best = np.array([np.arange(k) < len(own) for own in wanted])
    return report(lists, wanted, k) | {"ndcg": gain(found).sum() / gain(best).sum() / 2}


# %% [markdown] question="3" asks="test_report" minutes=15
# ## Question 3 Write the test
#
# **Outcome.** You can write a test that fails for a bug and its relatives, and passes whatever is right.
#
# Write `test_report(candidate)`. It gets a function like `report`, calls it on cases of yours, and
# raises an `AssertionError` where a result is wrong. It is run on two right functions, which it must
# pass, on the function above, and on two others with another bug of the same kind.


# %% question="3" role="answer"
def test_report(candidate):
    # BEGIN SOLUTION
    half = candidate([[1, 8, 9]], [{1, 2}], 3)["ndcg"]
    assert abs(half - 1 / (1 + 1 / np.log2(3))) < 1e-6
    assert abs(candidate([[1, 8, 9]], [{1}], 3)["ndcg"] - 1) < 1e-6
    assert abs(candidate([[1, 2, 3]], [{1, 2, 3, 4, 5}], 3)["ndcg"] - 1) < 1e-6
    # END SOLUTION


# %% question="3" role="check"
try:
    test_report(lambda lists, wanted, k: report(lists, wanted, k) | {"ndcg": 0.5})
except AssertionError:
    print("Your test fails a function whose NDCG is always 0.5. Does it pass your mended one?")
    test_report(mended_report)


# %% question="3" role="hidden"
def hidden(rng, drawn):
    return [
        Part("catches the bug", 3, "Leave some hidden films out of the list.", catches="broken"),
        Part(
            "catches an ideal list that is too long for the user",
            2,
            "Find all hidden films of a user who has fewer than k.",
            catches="k places",
        ),
        Part(
            "catches an ideal list that is too long for the page",
            2,
            "Take a user with more than k hidden films.",
            catches="all wanted",
        ),
    ]


# %% question="3" role="candidate" name="right"
import numpy as np


def report(lists, wanted, k):
    rows = []
    for films, own in zip(lists, wanted, strict=True):
        hits = [film in own for film in films[:k]]
        weight = 1 / np.log2(np.arange(k) + 2)
        ndcg = (hits * weight[: len(hits)]).sum() / weight[: len(own)].sum()
        rows.append([float(any(hits)), sum(hits) / k, sum(hits) / len(own), ndcg])
    names = ["hit rate", "precision", "recall", "ndcg"]
    return dict(zip(names, np.mean(rows, axis=0).tolist(), strict=True))


# %% question="3" role="candidate" name="right in plain Python"
import math


def report(lists, wanted, k):
    total = {"hit rate": 0.0, "precision": 0.0, "recall": 0.0, "ndcg": 0.0}
    for films, own in zip(lists, wanted, strict=True):
        ranks = [rank for rank, film in enumerate(films[:k], 1) if film in set(own)]
        ideal = range(1, min(k, len(own)) + 1)
        total["hit rate"] += len(ranks) > 0
        total["precision"] += len(ranks) / k
        total["recall"] += len(ranks) / len(own)
        total["ndcg"] += sum(1 / math.log(r + 1) for r in ranks) / sum(
            1 / math.log(r + 1) for r in ideal
        )
    return {name: value / len(lists) for name, value in total.items()}


# %% question="3" role="candidate" name="k places"
import numpy as np


def report(lists, wanted, k):
    rows = []
    for films, own in zip(lists, wanted, strict=True):
        hits = [film in own for film in films[:k]]
        weight = 1 / np.log2(np.arange(k) + 2)
        ndcg = (hits * weight[: len(hits)]).sum() / weight.sum()
        rows.append([float(any(hits)), sum(hits) / k, sum(hits) / len(own), ndcg])
    names = ["hit rate", "precision", "recall", "ndcg"]
    return dict(zip(names, np.mean(rows, axis=0).tolist(), strict=True))


# %% question="3" role="candidate" name="all wanted"
import numpy as np


def report(lists, wanted, k):
    rows = []
    for films, own in zip(lists, wanted, strict=True):
        hits = [film in own for film in films[:k]]
        weight = 1 / np.log2(np.arange(max(k, len(own))) + 2)
        ndcg = (hits * weight[: len(hits)]).sum() / weight[: len(own)].sum()
        rows.append([float(any(hits)), sum(hits) / k, sum(hits) / len(own), ndcg])
    names = ["hit rate", "precision", "recall", "ndcg"]
    return dict(zip(names, np.mean(rows, axis=0).tolist(), strict=True))


# %% question="3" role="right"
def test_report(candidate):
    draw = random.Random(1)
    for _ in range(10):
        lists = [draw.sample(range(12), 5) for _ in range(4)]
        wanted = [set(draw.sample(range(12), draw.randint(1, 8))) for _ in lists]
        made, mine = candidate(lists, wanted, 5), mended_report(lists, wanted, 5)
        np.testing.assert_allclose(*zip(*((made[name], mine[name]) for name in mine)))


# %% question="3" role="wrong" loses="all"
def test_report(candidate):
    assert 0 <= candidate([[1, 8, 9], [8, 9, 7]], [{1, 2}, {3}], 3)["ndcg"] <= 1


# %% question="3" role="wrong" loses="all"
def test_report(candidate):
    assert (
        candidate([[1, 8, 9]], [{1, 2}], 3)["ndcg"] == 0.5
    )  # recall, which right code does not give


# %% question="3" role="wrong" loses=["catches an ideal list that is too long for the page"]
def test_report(candidate):
    assert candidate([[1, 8, 9]], [{1, 2}], 3)["ndcg"] < 0.99
    assert candidate([[1, 2, 9]], [{1, 2}], 3)["ndcg"] > 0.99


# %% question="3" role="wrong" loses=["catches an ideal list that is too long for the page", "catches an ideal list that is too long for the user"]
def test_report(candidate):
    one = candidate([[1, 8, 9]], [{1, 2}], 3)["ndcg"]
    assert one < candidate([[1, 2, 9]], [{1, 2}], 3)["ndcg"] - 1e-6


# %% question="3" role="wrong" loses=["catches the bug"]
def test_report(candidate):
    assert candidate([[1, 8, 9]], [{1}], 3)["ndcg"] > 0.99
    assert candidate([[1, 2, 3]], [{1, 2, 3, 4, 5}], 3)["ndcg"] > 0.99


# %% [markdown] role="instructor"
# **What the bug does.** The ideal list is made by sorting the list's own hits, so that one hit at the top
# is perfect. On MovieLens-100K the first 20 films of four recommenders are measured by both functions;
# the intervals are bootstraps over users of the difference. The cell below prints:
#
# ```text
# random: 0.074, mended 0.014, difference 0.060 (0.051 to 0.070)
# popularity: 0.453, mended 0.192, difference 0.261 (0.250 to 0.272)
# PureSVD: 0.649, mended 0.383, difference 0.266 (0.257 to 0.275)
# EASE: 0.663, mended 0.400, difference 0.264 (0.255 to 0.273)
# ```
#
# All three models gain about 0.26, and their order stays what it was: on these the bug shows only beside
# the figures of others. Which model it favours depends on how much each finds, as the made lists show.

# %% role="instructor"
from recbook.data import load_movielens_100k, random_split, to_implicit
from recbook.models import EASE, Popularity, PureSVD
from recbook.ranking import ScoreTable, best_items
from recbook.stats import bootstrap_interval

ratings = to_implicit(load_movielens_100k().ratings, min_rating=3)
split = random_split(ratings, test_size=0.2, val_size=0.0, seed=16)
users = split.test.user_degree.nonzero().flatten()
hidden_of = [set(films.nonzero()[0].tolist()) for films in split.test.dense_rows(users).numpy()]
shape = split.train.num_users, split.train.num_items
recommenders = {
    "random": ScoreTable(np.random.default_rng(0).random(shape)).score,
    "popularity": Popularity().fit(split.train).score,
    "PureSVD": PureSVD().fit(split.train).score,
    "EASE": EASE().fit(split.train).score,
}
for name, score in recommenders.items():
    shown = best_items(score(users), k=20, exclude=split.train.pairs_of(users)).tolist()
    one, other = (
        np.array([function([films], [own], 20)["ndcg"] for films, own in zip(shown, hidden_of)])
        for function in (report, mended_report)
    )
    low, high = bootstrap_interval(one - other)
    print(f"{name}: {one.mean():.3f}, mended {other.mean():.3f}, ", end="")
    print(f"difference {(one - other).mean():.3f} ({low:.3f} to {high:.3f})")
