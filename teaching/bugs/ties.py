# %% [markdown]
# # Bug hunt {{number}}: a model that knows nothing, and is always right
#
# {{points}} points, about {{minutes}} minutes. The pipeline below runs without an error, and it has
# one bug. You find it by measuring, mend it, and write the test that would have caught it.
#
# **The symptoms.** A team compares recommenders. For each user it takes one hidden film and 99 that
# the user has not seen, and asks whether a model puts the hidden film among the first {{k}} of the
# hundred. A small model with fine scores has a hit rate of 0.4. Somebody rounds its scores to whole
# numbers to save memory, and the hit rate rises to 0.7. Rounded to tens it is 1.

# %% role="variant"
def variant(rng):
    return {"k": rng.choice([5, 8, 10, 20]), "films": rng.choice([50, 64, 80, 125])}


# %%
import random


# %% question="3" role="pipeline" name="broken"
def hit_rate(scores, targets, k):
    """The share of users whose target is among the first k.

    scores: a list of scores for each user. targets: for each user the target's position in it.
    """
    hits = 0
    for row, target in zip(scores, targets, strict=True):
        better = sum(score > row[target] for score in row)
        hits += better < k
    return hits / len(targets)


# %% [markdown] question="1" asks="my_measurement" minutes=10
# ## Question 1 Measure
#
# **Outcome.** You can make a case in which you know what a measure must give (chapter 2).
#
# Take a model that scores all of {{films}} films the same, so that any order is as good as any other,
# and ask for the first {{k}}. Fill in the dict `my_measurement`: `"is"`, the hit rate that the
# pipeline gives to this model; `"should be"`, the hit rate that lists in random order have on average.
#
# <details><summary>A hint</summary>A list in random order has the target at each place equally often.</details>

# %% question="1" role="answer"
my_measurement = {"is": ..., "should be": ...}
# BEGIN SOLUTION
my_measurement = {
    "is": hit_rate([[0.0] * {{films}}] * 3, [0, 7, 20], {{k}}),
    "should be": {{k}} / {{films}},
}
# END SOLUTION

# %% question="1" role="check"
assert set(my_measurement) == {"is", "should be"}, "my_measurement has other keys"
assert ... not in [*my_measurement.values()], "put your numbers in place of the dots"
assert all(0 <= value <= 1 for value in my_measurement.values()), "each value is a share"
print("The form is right.")


# %% question="1" role="hidden"
def hidden(rng, drawn):
    return [
        Part("what it is", 1, "Call hit_rate with rows of equal scores.", key="is", tolerance=1e-3),
        Part(
            "what it should be",
            2,
            "In random order the target stands at each place with the same chance.",
            key="should be",
            tolerance=1e-3,
        ),
    ]


# %% question="1" role="right"
my_measurement = {"is": 1, "should be": round({{k}} / {{films}}, 4)}

# %% question="1" role="wrong" loses=["what it is"]
my_measurement = my_measurement | {"is": 0.0}

# %% question="1" role="wrong" loses=["what it is"]
my_measurement = my_measurement | {"is": my_measurement["should be"]}

# %% question="1" role="wrong" loses=["what it should be"]
my_measurement = my_measurement | {"should be": 1 / {{films}}}

# %% question="1" role="wrong" loses=["what it should be"]
my_measurement = my_measurement | {"should be": 0.0}

# %% question="1" role="wrong" loses="all"
my_measurement = [my_measurement["should be"], my_measurement["is"]]

# %% [markdown] question="2" asks="mended_hit_rate" minutes=15
# ## Question 2 Mend
#
# **Outcome.** You can say what equal scores do to a rank, and count them fairly (chapter 2).
#
# Write `mended_hit_rate(scores, targets, k)`. Where no two scores of a user are equal it gives what
# `hit_rate` gives. Where some equal the target's, each user counts as the chance that the target is
# among the first `k` if equal scores are put in random order. Nothing is drawn.


# %% question="2" role="answer"
def mended_hit_rate(scores, targets, k):
    # BEGIN SOLUTION
    total = 0.0
    for row, target in zip(scores, targets, strict=True):
        better = sum(score > row[target] for score in row)
        equal = sum(score == row[target] for score in row)  # the target is one of them
        total += min(max(k - better, 0) / equal, 1.0)
    return total / len(targets)
    # END SOLUTION


# %% question="2" role="check"
assert mended_hit_rate([[3.0, 2.0, 1.0]], [1], 2) == 1, "without equal scores: place 2 of 2"
assert mended_hit_rate([[3.0, 2.0, 1.0]], [2], 2) == 0, "without equal scores: place 3 is no hit"
print("Right for two lists without equal scores.")


# %% question="2" role="hidden"
def hidden(rng, drawn):
    k = drawn["k"]

    def users(number, scores):
        rows = [[scores() for _ in range(40)] for _ in range(number)]
        return rows, [rng.randrange(40) for _ in rows], k

    def tied(before, equal):
        """Users with films of better scores, then a tie with the target in it that reaches past k."""
        scores = [2.0] * (k - before) + [1.0] * equal + [0.0] * (40 - k + before - equal)
        rows = [rng.sample(scores, 40) for _ in range(3)]
        return rows, [row.index(1.0) for row in rows], k

    return [
        Part(
            "different scores",
            2,
            "Where no scores are equal nothing changes.",
            [users(5, rng.random), users(8, rng.random)],
        ),
        Part(
            "all scores equal",
            2,
            "All orders are equally likely: the chance is k over the number of films, 1 at most.",
            [([[1.0] * 40] * 3, [0, 5, 39], k), ([[0.0] * 4], [1], k)],
        ),
        Part(
            "some scores equal",
            3,
            "Of the places that equal scores share, count how many are among the first k.",
            [tied(2, 5), tied(1, 4), users(9, lambda: float(rng.randint(0, 9)))],
        ),
    ]


# %% question="2" role="right"
import numpy as np


def mended_hit_rate(scores, targets, k):
    scores = np.array(scores)
    own = scores[np.arange(len(targets)), targets][:, None]
    better, equal = (scores > own).sum(1), (scores == own).sum(1)
    return np.clip((k - better) / equal, 0, 1).mean()


# %% question="2" role="wrong" loses=["all scores equal", "some scores equal"]
mended_hit_rate = hit_rate


# %% question="2" role="wrong" loses=["all scores equal", "some scores equal"]
def mended_hit_rate(scores, targets, k):
    ranks = [sum(s >= row[t] for s in row) for row, t in zip(scores, targets)]  # ties go first
    return sum(rank <= k for rank in ranks) / len(targets)


# %% question="2" role="wrong" loses=["all scores equal", "some scores equal"]
def mended_hit_rate(scores, targets, k):
    total = 0
    for row, target in zip(scores, targets, strict=True):
        better = sum(score > row[target] for score in row)
        equal = sum(score == row[target] for score in row)
        total += better + (equal - 1) / 2 < k  # the mean rank
    return total / len(targets)


# %% question="2" role="wrong" loses=["all scores equal"]
def mended_hit_rate(scores, targets, k):
    total = 0.0
    for row, target in zip(scores, targets, strict=True):
        better = sum(score > row[target] for score in row)
        equal = sum(score == row[target] for score in row)
        total += (
            max(k - better, 0) / equal if equal == len(row) else min(max(k - better, 0) / equal, 1)
        )
    return total / len(targets)


# %% question="2" role="wrong" loses="all"
def mended_hit_rate(scores, targets, k):
    return 2.0


# %% [markdown] question="3" asks="test_hit_rate" minutes=15
# ## Question 3 Write the test
#
# **Outcome.** You can write a test that fails for a bug and its relatives, and passes whatever is right.
#
# Write `test_hit_rate(candidate)`. It gets a function like `hit_rate`, calls it on cases of yours, and
# raises an `AssertionError` where a result is wrong. It is run on two right functions, which it must
# pass, on the function above, and on two others with another bug of the same kind.


# %% question="3" role="answer"
def test_hit_rate(candidate):
    # BEGIN SOLUTION
    assert candidate([[3.0, 2.0, 1.0]], [1], 2) == 1
    assert abs(candidate([[1.0] * 10] * 4, [0, 3, 6, 9], 2) - 0.2) < 1e-9
    assert abs(candidate([[2.0, 1.0, 1.0, 0.0]], [2], 2) - 0.5) < 1e-9
    assert abs(candidate([[2.0, 1.0, 1.0, 0.0]], [1], 2) - 0.5) < 1e-9
    # END SOLUTION


# %% question="3" role="check"
try:
    test_hit_rate(lambda scores, targets, k: 2.0)
except AssertionError:
    print("Your test fails a function that always returns 2. Does it pass your mended one?")
    test_hit_rate(mended_hit_rate)


# %% question="3" role="hidden"
def hidden(rng, drawn):
    return [
        Part("catches the bug", 3, "Give equal scores to the target and others.", catches="broken"),
        Part(
            "catches ties by position",
            2,
            "Put the target behind and before its equals.",
            catches="position",
        ),
        Part(
            "catches the mean rank",
            2,
            "Compare with a chance that is neither 0 nor 1.",
            catches="middle",
        ),
    ]


# %% question="3" role="candidate" name="right"
def hit_rate(scores, targets, k):
    total = 0.0
    for row, target in zip(scores, targets, strict=True):
        better = sum(score > row[target] for score in row)
        equal = sum(score == row[target] for score in row)
        total += min(max(k - better, 0) / equal, 1.0)
    return total / len(targets)


# %% question="3" role="candidate" name="right in arrays"
import numpy as np


def hit_rate(scores, targets, k):
    scores = np.array(scores)
    own = scores[np.arange(len(targets)), targets][:, None]
    better, equal = (scores > own).sum(1), (scores == own).sum(1)
    return float(np.clip((k - better) / equal, 0, 1).mean())


# %% question="3" role="candidate" name="position"
def hit_rate(scores, targets, k):
    hits = 0
    for row, target in zip(scores, targets, strict=True):
        order = sorted(range(len(row)), key=lambda item: -row[item])
        hits += order.index(target) < k
    return hits / len(targets)


# %% question="3" role="candidate" name="middle"
def hit_rate(scores, targets, k):
    hits = 0
    for row, target in zip(scores, targets, strict=True):
        better = sum(score > row[target] for score in row)
        equal = sum(score == row[target] for score in row)
        hits += better + (equal - 1) / 2 < k
    return hits / len(targets)


# %% question="3" role="right"
def test_hit_rate(candidate):
    random.seed(0)
    for _ in range(20):
        scores = [[random.randint(0, 3) for _ in range(12)] for _ in range(5)]
        targets = [random.randrange(12) for _ in scores]
        result = candidate(scores, targets, 4)
        if abs(result - mended_hit_rate(scores, targets, 4)) > 1e-6:
            raise ValueError("differs from mine")


# %% question="3" role="wrong" loses="all"
def test_hit_rate(candidate):
    assert candidate([[3.0, 2.0, 1.0]], [1], 2) == 1


# %% question="3" role="wrong" loses="all"
def test_hit_rate(candidate):
    raise AssertionError("always")


# %% question="3" role="wrong" loses="all"
def test_hit_rate(candidate):
    assert candidate([[1.0] * 10] * 4, [0, 3, 6, 9], 2) == 0  # pessimists fail right code


# %% question="3" role="wrong" loses=["catches ties by position"]
def test_hit_rate(candidate):
    assert abs(candidate([[1.0] * 10] * 10, list(range(10)), 2) - 0.2) < 1e-9


# %% question="3" role="wrong" loses=["catches ties by position", "catches the mean rank"]
def test_hit_rate(candidate):
    assert candidate([[1.0] * 10] * 4, [0, 3, 6, 9], 2) < 1


# %% [markdown] role="instructor"
# **What the bug does.** On MovieLens-100K the score of a film is its number of likes, as it is and
# rounded to hundreds. For each user one hidden film is drawn, and 99 that the user has in no part. The
# hit rate at 10 is measured by both functions; the interval is a bootstrap over users of the
# difference between them. The cell below prints:
#
# ```text
# likes: 0.553, mended 0.552, difference 0.001 (0.000 to 0.003)
# hundreds of likes: 0.753, mended 0.526, difference 0.226 (0.203 to 0.249)
# ```
#
# Where scores are counts of hundreds of people, ties are rare near the top, and the bug is worth
# 0.001. Rounding then seems to win 0.2, and loses 0.026 by the mended function.

# %% role="instructor"
import numpy as np

from recbook.data import load_movielens_100k, random_split, to_implicit
from recbook.stats import bootstrap_interval

ratings = to_implicit(load_movielens_100k().ratings, min_rating=3)
split = random_split(ratings, test_size=0.2, val_size=0.0, seed=16)
rng = np.random.default_rng(0)
hidden = split.test.dense_rows(range(split.test.num_users)).numpy()
known = split.train.dense_rows(range(split.train.num_users)).numpy()
likes = known.sum(0)
hundreds = [
    [rng.choice(np.flatnonzero(row)), *rng.choice(np.flatnonzero(~(row | seen)), 99, replace=False)]
    for row, seen in zip(hidden, known, strict=True)
    if row.any()
]
for name, score in {"likes": likes, "hundreds of likes": likes // 100}.items():
    each = [
        [function([score[films].tolist()], [0], 10) for films in hundreds]
        for function in (hit_rate, mended_hit_rate)
    ]
    low, high = bootstrap_interval(np.subtract(*each))
    print(f"{name}: {np.mean(each[0]):.3f}, mended {np.mean(each[1]):.3f}, ", end="")
    print(f"difference {np.subtract(*each).mean():.3f} ({low:.3f} to {high:.3f})")
