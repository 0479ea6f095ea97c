# %% [markdown]
# # Bug hunt {{number}}: a measure of order that does not see the top
#
# {{points}} points, about {{minutes}} minutes. The pipeline below runs without an error, and it has
# one bug. You find it by measuring, mend it, and write the test that would have caught it.
#
# **The symptoms.** On a site nearly all clicks go to the first film. A team measures its lists by the
# stars that people gave to hidden films, with NDCG, since it weighs places. Three rankers show the same
# films in other orders. The first film of the eager ranker is far better than that of the shy one, and on
# the site it has far more clicks. By NDCG the two are level. The table below the pipeline shows it.

# %% role="variant"
def variant(rng):
    return {"seed": rng.randrange(1000), "k": rng.choice([6, 8, 10]), "stars": rng.randint(2, 5)}


# %%
import math
import random

k, stars = {{k}}, {{stars}}


# %% question="3" role="pipeline" name="broken"
import math


def weights(k):
    """What each of k places counts, the first most."""
    return [1 / math.log2(max(place, 1) + 1) for place in range(k)]


def gain(stars):
    """The sum of 2^stars - 1, each by the weight of its place; a film without stars adds nothing."""
    return sum(
        weight * (2**number - 1) for weight, number in zip(weights(len(stars)), stars, strict=True)
    )


def report(lists, ratings, k):
    """Three means over users of the first k films.

    lists: for each user films, best first. ratings: for each user a dict of stars, 1 to 5, by film.
    """
    first = share = ndcg = 0.0
    for films, own in zip(lists, ratings, strict=True):
        given = [own.get(film, 0) for film in films[:k]]
        best = sorted(own.values(), reverse=True)[:k]
        first += given[0]
        share += sum(number > 0 for number in given) / len(own)
        ndcg += gain(given) / gain(best)
    number = len(lists)
    return {"first film": first / number, "recall": share / number, "ndcg": ndcg / number}


# %%
draw = random.Random({{seed}})
ratings = [{film: draw.randint(1, 5) for film in draw.sample(range(60), 9)} for _ in range(300)]
rankers = {"eager": [], "shy": [], "careless": []}
for own in ratings:
    films = draw.sample(sorted(own), 5) + draw.sample(range(60, 90), k - 5)
    ranked = sorted(films, key=lambda film: -own.get(film, 0) + draw.gauss(0, 1))
    rankers["eager"].append(ranked)
    rankers["shy"].append([ranked[1], ranked[0], *ranked[2:]])
    rankers["careless"].append(draw.sample(films, k))

table = {name: report(lists, ratings, k) for name, lists in rankers.items()}
print(f"{f'at {k}':10}" + "".join(f"{name:>12}" for name in table["shy"]))
for name, row in table.items():
    print(f"{name:10}" + "".join(f"{value:12.3f}" for value in row.values()))

# %% [markdown] question="1" asks="my_measurement" minutes=12
# ## Question 1 Measure
#
# **Outcome.** You can measure what a list's places count, one at a time (chapter 2).
#
# Take one user who has rated a single film, with {{stars}} stars, and a list of {{k}} films that has this
# film at place 1, then at place 2, and so on. Fill in the dict `my_measurement` with two lists of
# {{k}} numbers, for the places 1 to {{k}}: `"is"`, the NDCG that the pipeline gives; `"should be"`, that
# by formula (2.3) of chapter 2, in which the gain $2^s - 1$ of $s$ stars takes the place of a hit.

# %% question="1" role="answer"
my_measurement = {"is": ..., "should be": ...}
# BEGIN SOLUTION
single = [[9 if place == film else 100 + place for place in range(k)] for film in range(k)]
my_measurement = {
    "is": [report([films], [{9: stars}], k)["ndcg"] for films in single],
    "should be": [1 / math.log2(rank + 1) for rank in range(1, k + 1)],
}
# END SOLUTION

# %% question="1" role="check"
assert set(my_measurement) == {"is", "should be"}, "my_measurement has other keys"
for numbers in my_measurement.values():
    assert len(numbers) == k, "one number for each place"
    assert abs(numbers[0] - 1) < 1e-6, "with the only film first a list is perfect"
print("The form is right.")


# %% question="1" role="hidden"
def hidden(rng, drawn):
    return [
        Part("what it is", 1, "Move the film through the list.", key="is", tolerance=2e-3),
        Part(
            "what it should be",
            2,
            "The stars are above and below the line: what is left is 1 / log2(rank + 1).",
            key="should be",
            tolerance=2e-3,
        ),
    ]


# %% question="1" role="right"
my_measurement = {
    key: tuple(round(number, 3) for number in numbers) for key, numbers in my_measurement.items()
}

# %% question="1" role="wrong" loses=["what it is"]
my_measurement = my_measurement | {"is": my_measurement["should be"]}

# %% question="1" role="wrong" loses=["what it is"]
my_measurement = my_measurement | {"is": [1.0] * k}

# %% question="1" role="wrong" loses=["what it should be"]
my_measurement = my_measurement | {"should be": [1 / rank for rank in range(1, k + 1)]}

# %% question="1" role="wrong" loses=["what it should be"]
my_measurement = my_measurement | {
    "should be": [math.log2(3) / math.log2(rank + 2) for rank in range(1, k + 1)]
}

# %% question="1" role="wrong" loses=["what it should be"]
my_measurement = my_measurement | {
    "should be": [1 / math.log(rank + 1) for rank in range(1, k + 1)]  # not divided by the best
}

# %% question="1" role="wrong" loses="all"
my_measurement = {key: numbers[::-1] for key, numbers in my_measurement.items()}

# %% [markdown] question="2" asks="mended_report" minutes=10
# ## Question 2 Mend
#
# **Outcome.** You can count ranks from 1 where Python counts from 0 (chapter 2).
#
# Write `mended_report(lists, ratings, k)`, which gives what `report` should give: a dict with the same
# three names. Each user has rated at least one film, and some more than `k`; some lists are shorter than
# `k`. A function of the pipeline that you change is your own copy: give it another name.


# %% question="2" role="answer"
def mended_report(lists, ratings, k):
    # BEGIN SOLUTION
    def mended_gain(stars):
        return sum((2**number - 1) / math.log2(rank + 1) for rank, number in enumerate(stars, 1))

    ndcg = 0.0
    for films, own in zip(lists, ratings, strict=True):
        best = sorted(own.values(), reverse=True)[:k]
        ndcg += mended_gain([own.get(film, 0) for film in films[:k]]) / mended_gain(best)
    return report(lists, ratings, k) | {"ndcg": ndcg / len(lists)}
    # END SOLUTION


# %% question="2" role="check"
small = mended_report([["a", "x"], ["b", "y"]], [{"a": 5}, {"b": 1}], 2)
assert set(small) == {"first film", "recall", "ndcg"}, "the names are those of report"
assert small == {"first film": 3, "recall": 1, "ndcg": 1}, "two perfect lists"
print("Right for two perfect lists.")


# %% question="2" role="hidden"
def hidden(rng, drawn):
    k = drawn["k"]

    def case(k, rated, shown, length):
        """Users who have rated some films, a few of them in their lists, in random order."""
        ratings = [{film: rng.randint(1, 5) for film in range(rated)} for _ in range(3)]
        lists = [
            rng.sample([*range(shown), *range(90, 90 + length - shown)], length) for _ in ratings
        ]
        return lists, ratings, k

    def at(place):
        """The only rated film at one place."""
        return [[7 if each == place else 90 + each for each in range(1, k + 1)]]

    best = {film: 5 - film for film in range(5)}
    return [
        Part(
            "perfect lists",
            2,
            "A list of the best films in their order has an NDCG of 1.",
            [([[0, 1, 2, 3, 4, 90]], [best], k), ([[0, 1, 2]], [best], 3), (at(1), [{7: 3}], k)],
        ),
        Part(
            "one rated film",
            2,
            "Move one film down the list: each place must count less than the one above.",
            [(at(place), [{7: drawn["stars"]}], k) for place in (2, 3, k)],
        ),
        Part(
            "several rated films",
            3,
            "Films and the best list must be weighed by the same places.",
            [case(k, 9, 5, k), case(5, 3, 3, 5), case(4, 8, 2, 3)],
        ),
    ]


# %% question="2" role="right"
import numpy as np


def mended_report(lists, ratings, k):
    rows = []
    for films, own in zip(lists, ratings):
        weight = 1 / np.log(np.arange(2, k + 2))
        given = np.array([own.get(film, 0) for film in films[:k]])
        best = np.sort(list(own.values()))[::-1][:k]
        ndcg = (2.0**given - 1) @ weight[: len(given)] / ((2.0**best - 1) @ weight[: len(best)])
        rows.append([given[0], np.count_nonzero(given) / len(own), ndcg])
    return dict(zip(["first film", "recall", "ndcg"], np.mean(rows, axis=0)))


# %% question="2" role="wrong" loses=["one rated film", "several rated films"]
mended_report = report


# %% question="2" role="wrong" loses=["one rated film", "several rated films"]
def mended_report(lists, ratings, k):
    def late_gain(stars):
        return sum((2**number - 1) / math.log2(rank + 2) for rank, number in enumerate(stars, 1))

    ndcg = [
        late_gain([own.get(film, 0) for film in films[:k]])
        / late_gain(sorted(own.values(), reverse=True)[:k])
        for films, own in zip(lists, ratings)
    ]
    return report(lists, ratings, k) | {"ndcg": sum(ndcg) / len(ndcg)}


# %% question="2" role="wrong" loses=["several rated films"]
def mended_report(lists, ratings, k):
    def flat_gain(stars):
        return sum(number / math.log2(rank + 1) for rank, number in enumerate(stars, 1))

    ndcg = [
        flat_gain([own.get(film, 0) for film in films[:k]])
        / flat_gain(sorted(own.values(), reverse=True)[:k])
        for films, own in zip(lists, ratings)
    ]
    return report(lists, ratings, k) | {"ndcg": sum(ndcg) / len(ndcg)}


# %% question="2" role="wrong" loses=["perfect lists", "several rated films"]
def mended_report(lists, ratings, k):
    def mended_gain(stars):
        return sum((2**number - 1) / math.log2(rank + 1) for rank, number in enumerate(stars, 1))

    ndcg = [
        mended_gain([own.get(film, 0) for film in films[:k]])
        / gain(sorted(own.values(), reverse=True)[:k])  # by the old weights
        for films, own in zip(lists, ratings)
    ]
    return report(lists, ratings, k) | {"ndcg": sum(ndcg) / len(ndcg)}


# %% question="2" role="wrong" loses="all"
def mended_report(lists, ratings, k):
    return report(lists, ratings, k)["ndcg"]


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
    second = candidate([[8, 1, 9]], [{1: 4}], 3)["ndcg"]
    assert abs(second - 1 / math.log2(3)) < 1e-6
    assert abs(candidate([[1, 2, 9]], [{1: 4, 2: 2}], 3)["ndcg"] - 1) < 1e-6
    # END SOLUTION


# %% question="3" role="check"
try:
    test_report(lambda lists, ratings, k: report(lists, ratings, k) | {"ndcg": 0.5})
except AssertionError:
    print("Your test fails a function whose NDCG is always 0.5. Does it pass your mended one?")
    test_report(mended_report)


# %% question="3" role="hidden"
def hidden(rng, drawn):
    return [
        Part("catches the bug", 3, "Exchange the first two films.", catches="broken"),
        Part(
            "catches ranks that begin too late",
            2,
            "Compare with the number that the second place counts.",
            catches="late",
        ),
        Part(
            "catches two kinds of places",
            2,
            "The best order of two films must have an NDCG of 1.",
            catches="two kinds",
        ),
    ]


# %% question="3" role="candidate" name="right"
import math


def report(lists, ratings, k):
    def gain(stars):
        return sum((2**n - 1) / math.log2(rank + 2) for rank, n in enumerate(stars))

    rows = []
    for films, own in zip(lists, ratings, strict=True):
        given = [own.get(film, 0) for film in films[:k]]
        best = sorted(own.values(), reverse=True)[:k]
        share = sum(number > 0 for number in given) / len(own)
        rows.append((given[0], share, gain(given) / gain(best)))
    means = [sum(column) / len(rows) for column in zip(*rows, strict=True)]
    return dict(zip(["first film", "recall", "ndcg"], means, strict=True))


# %% question="3" role="candidate" name="right in arrays"
import numpy as np


def report(lists, ratings, k):
    weight = 1 / np.log2(np.arange(k) + 2)
    given, best = np.zeros((len(lists), k)), np.zeros((len(lists), k))
    for row, top, films, own in zip(given, best, lists, ratings, strict=True):
        stars = [own.get(film, 0) for film in films[:k]]
        row[: len(stars)] = stars
        highest = sorted(own.values(), reverse=True)[:k]
        top[: len(highest)] = highest
    rated = np.array([len(own) for own in ratings])
    ndcg = (2**given - 1) @ weight / ((2**best - 1) @ weight)
    share = (given > 0).sum(1) / rated
    return {"first film": given[:, 0].mean(), "recall": share.mean(), "ndcg": ndcg.mean()}


# %% question="3" role="candidate" name="late"
import math


def report(lists, ratings, k):
    def gain(stars):
        return sum((2**n - 1) / math.log2(rank + 3) for rank, n in enumerate(stars))

    rows = []
    for films, own in zip(lists, ratings, strict=True):
        given = [own.get(film, 0) for film in films[:k]]
        best = sorted(own.values(), reverse=True)[:k]
        share = sum(number > 0 for number in given) / len(own)
        rows.append((given[0], share, gain(given) / gain(best)))
    means = [sum(column) / len(rows) for column in zip(*rows, strict=True)]
    return dict(zip(["first film", "recall", "ndcg"], means, strict=True))


# %% question="3" role="candidate" name="two kinds"
import math


def report(lists, ratings, k):
    rows = []
    for films, own in zip(lists, ratings, strict=True):
        given = [own.get(film, 0) for film in films[:k]]
        best = sorted(own.values(), reverse=True)[:k]
        gain = sum((2**n - 1) / math.log2(rank + 2) for rank, n in enumerate(given))
        ideal = sum((2**n - 1) / math.log2(max(rank, 1) + 1) for rank, n in enumerate(best))
        share = sum(number > 0 for number in given) / len(own)
        rows.append((given[0], share, gain / ideal))
    means = [sum(column) / len(rows) for column in zip(*rows, strict=True)]
    return dict(zip(["first film", "recall", "ndcg"], means, strict=True))


# %% question="3" role="right"
def test_report(candidate):
    some = random.Random(1)
    for _ in range(10):
        lists = [some.sample(range(12), 5) for _ in range(4)]
        own = [{film: some.randint(1, 5) for film in some.sample(range(12), 4)} for _ in lists]
        made, mine = candidate(lists, own, 5), mended_report(lists, own, 5)
        for name in mine:
            if abs(made[name] - mine[name]) > 1e-6:
                raise AssertionError(f"{name} is {made[name]}, not {mine[name]}")


# %% question="3" role="wrong" loses="all"
def test_report(candidate):
    assert candidate([[1, 8, 9]], [{1: 4}], 3)["ndcg"] == 1


# %% question="3" role="wrong" loses="all"
def test_report(candidate):
    assert abs(candidate([[8, 1, 9]], [{1: 4}], 3)["ndcg"] - 0.5) < 1e-6  # which is no logarithm


# %% question="3" role="wrong" loses=["catches ranks that begin too late", "catches two kinds of places"]
def test_report(candidate):
    first, second = (candidate([films], [{1: 4}], 3)["ndcg"] for films in ([1, 8, 9], [8, 1, 9]))
    assert first > second + 1e-6


# %% question="3" role="wrong" loses=["catches two kinds of places"]
def test_report(candidate):
    assert abs(candidate([[8, 1, 9]], [{1: 4}], 3)["ndcg"] - 1 / math.log2(3)) < 1e-6


# %% question="3" role="wrong" loses=["catches the bug", "catches ranks that begin too late"]
def test_report(candidate):
    assert abs(candidate([[1, 2, 3]], [{1: 5, 2: 4, 3: 1}], 3)["ndcg"] - 1) < 1e-6


# %% [markdown] role="instructor"
# **What the bug does.** Ranks are counted from 0, and the logarithm of 1, which is 0, was avoided at the
# wrong end: places 1 and 2 both count 1, place 3 counts what place 2 should. On MovieLens-100K the stars
# of the test part are the gains, at 20. Each recommender's lists are measured by both functions, as they
# are and with the first two films exchanged; the intervals are bootstraps over users. The cell prints:
#
# ```text
# popularity: 0.168, mended 0.175
#   difference -0.006 (-0.008 to -0.005)
#   exchanging costs 0.000 (0.000 to 0.000)
#   mended 0.007 (0.005 to 0.010)
# EASE: 0.361, mended 0.365
#   difference -0.004 (-0.007 to -0.002)
#   exchanging costs 0.000 (0.000 to 0.000)
#   mended 0.007 (0.002 to 0.011)
# ```
#
# NDCG is lower by 0.004 to 0.006, too little for anybody to notice. What is lost is the top: to put the
# second film first costs 0.007 by the mended function, and nothing by the other.

# %% role="instructor"
from recbook.data import load_movielens_100k, random_split, to_implicit
from recbook.models import EASE, Popularity
from recbook.ranking import best_items
from recbook.stats import bootstrap_interval

ratings_frame = load_movielens_100k().ratings
split = random_split(to_implicit(ratings_frame, min_rating=3), test_size=0.2, val_size=0.0, seed=16)
star = {
    (user, film): number
    for user, film, number in ratings_frame[["user_id", "item_id", "rating"]].itertuples(
        index=False
    )
}
users = split.test.user_degree.nonzero().flatten()
stars_of = [
    {
        film: int(star[split.user_ids[user], split.item_ids[film]])
        for film in row.nonzero().flatten().tolist()
    }
    for user, row in zip(users.tolist(), split.test.dense_rows(users))
]


def told(name, values):
    low, high = bootstrap_interval(values)
    print(f"{name} {sum(values) / len(values):.3f} ({low:.3f} to {high:.3f})")


def ndcg_of(function, lists):
    return [function([films], [own], 20)["ndcg"] for films, own in zip(lists, stars_of)]


for name, model in {"popularity": Popularity(), "EASE": EASE()}.items():
    shown = model.fit(split.train).recommend(users, k=20, exclude=split.train).tolist()
    exchanged = [[second, first, *rest] for first, second, *rest in shown]
    as_is, right = ndcg_of(report, shown), ndcg_of(mended_report, shown)
    print(f"{name}: {sum(as_is) / len(as_is):.3f}, mended {sum(right) / len(right):.3f}")
    told("  difference", [a - b for a, b in zip(as_is, right)])
    told("  exchanging costs", [a - b for a, b in zip(as_is, ndcg_of(report, exchanged))])
    told("  mended", [a - b for a, b in zip(right, ndcg_of(mended_report, exchanged))])
