# %% [markdown]
# # Homework 2: embeddings, and what trains them
#
# It is about chapters 3 and 4 of the book: {{points}} points, about {{minutes}} minutes. Put your
# code in place of the dots. The cell below each question checks the form of your answer and one
# case that you can follow with a pencil; your grade comes from other cases. Functions leave what
# they are given as it was. Ask for no more than a minute of computing, and let each question stand
# for itself: a function of one does not call another's.

# %% role="variant"
def run_of(curve, patience):
    """The epoch with which training goes on and the one after which it stops, both from 1."""
    best = 0
    for epoch, recall in enumerate(curve):
        if recall > curve[best]:
            best = epoch
        if epoch - best == patience:
            break
    return best + 1, epoch + 1


def variant(rng):
    """A curve that rests long enough to stop training, and rises again after that."""
    while True:
        patience = rng.choice([3, 4])
        rise = [round(0.05 + 0.02 * n + rng.uniform(-0.004, 0.004), 3) for n in range(7)]
        rest = [round(rise[-1] - rng.uniform(0.002, 0.015), 3) for _ in range(patience)]
        late = [round(rise[-1] + rng.uniform(-0.01, 0.03), 3) for _ in range(8)]
        curve = rise + rest + late
        best, stop = run_of(curve, patience)
        top = max(curve)
        if stop < len(curve) and top - curve[best - 1] > 0.005 and curve.count(top) == 1:
            break
    stars = [round(rng.uniform(3.2, 3.8), 1), rng.randint(4, 9)]
    return {
        "curve": curve,
        "patience": patience,
        "theirs": round(rng.uniform(0.33, 0.36), 3),
        "ours": round(rng.uniform(0.29, 0.32), 3),
        "mean": stars[0],
        "count": stars[1],
    }


# %%
import random

import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F

from recbook.plotting import set_style

set_style()

# %% [markdown] question="2.1" asks="my_run" minutes=10
# ## Question 2.1 Where does training stop?
#
# **Outcome.** You can say which epoch early stopping keeps, and what patience costs (chapter 4).
#
# The curve shows recall on validation after each epoch of a run that nobody stopped. Suppose that
# training had been stopped with a patience of {{patience}}: it ends as soon as {{patience}} epochs in
# a row have not been better than the best one so far, and goes back to that best one. Fill in the
# dict `my_run`; epochs are counted from 1.
#
# - `"kept"`: the epoch to which training goes back;
# - `"last"`: the last epoch that is computed;
# - `"missed"`: how much more recall the best epoch of the whole curve has than the one that is kept.

# %%
curve = {{curve}}
fig, ax = plt.subplots(figsize=(6, 3))
ax.plot(range(1, len(curve) + 1), curve, marker="o")
ax.set(xlabel="epoch", ylabel="recall@20 on validation", xticks=range(1, len(curve) + 1))
# %% question="2.1" role="answer"
my_run = {"kept": ..., "last": ..., "missed": ...}
# BEGIN SOLUTION
best = 0
for epoch, recall in enumerate(curve):
    if recall > curve[best]:
        best = epoch
    if epoch - best == {{patience}}:
        break
my_run = {"kept": best + 1, "last": epoch + 1, "missed": max(curve) - curve[best]}
# END SOLUTION

# %% question="2.1" role="check"
assert set(my_run) == {"kept", "last", "missed"}, "my_run has other keys"
assert ... not in [*my_run.values()], "put your numbers in place of the dots"
assert 1 <= my_run["kept"] <= my_run["last"] <= len(curve), "epochs are counted from 1"
assert my_run["missed"] >= 0, "the best epoch is at least as good as any other"
print("The form is right.")


# %% question="2.1" role="hidden"
def hidden(rng, drawn):
    return [
        Part("kept", 1, "Look for the best epoch so far, not for the best of all.", key="kept"),
        Part("last", 1, "Count the epochs after the best one, until they are as many.", key="last"),
        Part(
            "missed",
            1,
            "The difference of two heights of the curve.",
            key="missed",
            tolerance=5e-4,
        ),
    ]


# %% question="2.1" role="right"
my_run = {key: torch.tensor(float(value)) for key, value in my_run.items()}

# %% question="2.1" role="wrong" loses=["kept"]
my_run = my_run | {"kept": my_run["kept"] - 1}  # counted from 0

# %% question="2.1" role="wrong" loses=["kept", "missed"]
my_run = my_run | {"kept": curve.index(max(curve)) + 1, "missed": 0.0}

# %% question="2.1" role="wrong" loses=["last"]
my_run = my_run | {"last": my_run["last"] + 1}  # one more than the patience

# %% question="2.1" role="wrong" loses=["last"]
my_run = my_run | {"last": len(curve)}

# %% question="2.1" role="wrong" loses=["missed"]
my_run = my_run | {"missed": 100 * my_run["missed"]}  # in per cent

# %% [markdown] question="2.2" asks="my_damped" minutes=20
# ## Question 2.2 A film with few ratings
#
# **Outcome.** You can say what a penalty does to a mean of few numbers, and compute it (chapter 3).
#
# A film's bias alone, with the users' left out, minimises $\sum (r - \mu - b_i)^2 + \lambda b_i^2$ over
# the film's own ratings $r$, where $\mu$ is the mean of all ratings. Setting the slope to zero gives
# $b_i$ in closed form: the film's mean is drawn towards $\mu$, the more the fewer ratings it has.
# Write `my_damped(ratings, reg)` for a list of pairs (film, stars): a dict with $\mu + b_i$ for each
# film. With `reg = 0` that is the film's mean, and a film with {{count}} ratings and a mean of
# {{mean}} stands nearer to $\mu$ with `reg = {{count}}`, namely halfway.


# %% question="2.2" role="answer"
def my_damped(ratings, reg):
    # BEGIN SOLUTION
    mean = sum(stars for _, stars in ratings) / len(ratings)
    above, count = {}, {}
    for film, stars in ratings:
        above[film] = above.get(film, 0.0) + stars - mean
        count[film] = count.get(film, 0) + 1
    return {film: mean + above[film] / (reg + count[film]) for film in above}
    # END SOLUTION


# %% question="2.2" role="check"
result = my_damped([("Alien", 5), ("Brazil", 2), ("Brazil", 2)], 1)
assert set(result) == {"Alien", "Brazil"}, "expected an entry for each film"
assert abs(result["Alien"] - 4) < 1e-9, "the mean is 3, and one rating of 5 with reg = 1 gives 4"
print("Right for one film.")


# %% question="2.2" role="hidden"
def hidden(rng, drawn):
    def ratings(films, fewest, most):
        several = [
            (film, rng.randint(1, 5)) for film in films for _ in range(rng.randint(fewest, most))
        ]
        return rng.sample([*several, (films[0], 5), (films[1], 1)], len(several) + 2)

    films = rng.sample(["Alien", "Brazil", "Dumbo", "Fargo", "Gigi", "Heat"], 4)
    equal = [(film, stars) for film in films for stars in rng.choice([(1, 5), (2, 4), (3, 3)])]
    return [
        Part(
            "without a penalty",
            2,
            "With reg = 0 each film has its own mean.",
            [(ratings(films, 2, 6), 0), (ratings(films, 1, 2), 0)],
        ),
        Part(
            "with a penalty",
            4,
            "Set the slope to zero: the penalty counts as often as reg, the film's ratings as often "
            "as there are; the mean of all ratings is over ratings, not over films.",
            [(ratings(films, 1, 9), reg) for reg in (1, 2.5, 20)],
        ),
        Part(
            "all films at the mean",
            1,
            "A film whose ratings have the mean of all stays there, whatever reg is.",
            [(equal, 0.5), (equal, 100)],
        ),
    ]


# %% question="2.2" role="right"
import pandas as pd


def my_damped(ratings, reg):
    frame = pd.DataFrame(ratings, columns=["film", "stars"])
    mean = frame["stars"].mean()
    films = (frame["stars"] - mean).groupby(frame["film"])
    return mean + films.sum() / (films.size() + reg)


# %% question="2.2" role="right"
def my_damped(ratings, reg):
    mean = sum(stars for _, stars in ratings) / len(ratings)
    own = {film: [stars for name, stars in ratings if name == film] for film, _ in ratings}
    return {
        film: torch.tensor((sum(stars) + reg * mean) / (len(stars) + reg))
        for film, stars in own.items()
    }


# %% question="2.2" role="wrong" loses=["without a penalty", "with a penalty"]
def my_damped(ratings, reg):
    mean = sum(stars for _, stars in ratings) / len(ratings)
    return {film: mean for film, _ in ratings}


# %% question="2.2" role="wrong" loses=["with a penalty"]
def my_damped(ratings, reg):
    own = {film: [stars for name, stars in ratings if name == film] for film, _ in ratings}
    return {film: sum(stars) / len(stars) for film, stars in own.items()}


# %% question="2.2" role="wrong" loses=["with a penalty"]
def my_damped(ratings, reg):
    own = {film: [stars for name, stars in ratings if name == film] for film, _ in ratings}
    means = {film: sum(stars) / len(stars) for film, stars in own.items()}
    mean = sum(means.values()) / len(means)  # the mean over films
    return {film: (sum(own[film]) + reg * mean) / (len(own[film]) + reg) for film in own}


# %% question="2.2" role="wrong" loses=["with a penalty", "all films at the mean"]
def my_damped(ratings, reg):
    own = {film: [stars for name, stars in ratings if name == film] for film, _ in ratings}
    return {film: sum(stars) / (len(stars) + reg) for film, stars in own.items()}  # towards 0


# %% question="2.2" role="wrong" loses=["with a penalty"]
def my_damped(ratings, reg):
    mean = sum(stars for _, stars in ratings) / len(ratings)
    own = {film: [stars for name, stars in ratings if name == film] for film, _ in ratings}
    return {film: mean + (sum(s) / len(s) - mean) / (1 + reg) for film, s in own.items()}


# %% question="2.2" role="wrong" loses="all"
def my_damped(ratings, reg):
    mean = sum(stars for _, stars in ratings) / len(ratings)
    own = {film: [stars for name, stars in ratings if name == film] for film, _ in ratings}
    return {
        film: sum(s - mean for s in own[film]) / (len(own[film]) + reg) for film in own
    }  # the bias


# %% [markdown] question="2.3" asks="my_triplets" minutes=30
# ## Question 2.3 Every triplet alike
#
# **Outcome.** You can write a sampler, and say whom it hears how often (chapter 4).
#
# The book's sampler draws users uniformly. BPR's sum, formula (4.2), is over all triplets: a user, a
# film they like, a film they do not. Write `my_triplets(likes, num_items, number, seed)`, which draws
# `number` triplets, with replacement, so that *every triplet is as likely as any other*. `likes` has
# a list of films for each user; films are 0 to `num_items - 1`. Somebody who likes nothing, or
# everything, is in no triplet. It returns a list of triplets (user, film, other film). Draw with any
# generator that you seed with `seed`.


# %% question="2.3" role="answer"
def my_triplets(likes, num_items, number, seed):
    # BEGIN SOLUTION
    generator = torch.Generator().manual_seed(seed)
    weight = torch.tensor([len(own) * (num_items - len(own)) for own in likes], dtype=torch.double)
    users = torch.multinomial(weight, number, replacement=True, generator=generator).tolist()
    places = torch.rand(number, 2, generator=generator, dtype=torch.double).tolist()
    others = [[film for film in range(num_items) if film not in own] for own in likes]
    return [
        (user, likes[user][int(one * len(likes[user]))], others[user][int(two * len(others[user]))])
        for user, (one, two) in zip(users, places)
    ]
    # END SOLUTION


# %% question="2.3" role="check"
drawn = my_triplets([[0], [1, 2]], 3, 50, seed=1)
assert len(drawn) == 50, f"expected 50 triplets, got {len(drawn)}"
allowed = {(0, 0, 1), (0, 0, 2), (1, 1, 0), (1, 2, 0)}
assert {tuple(int(each) for each in triplet) for triplet in drawn} <= allowed, (
    "there are four triplets on this graph, and you drew another one"
)
print("Right for one small case.")

# %% question="2.3" role="hidden"
from collections import Counter


def valid(got, likes, num_items, number, seed):
    return len(got) == number and all(
        item in likes[user] and other not in likes[user] and 0 <= other < num_items
        for user, item, other in got
    )


def near(counts, shares, number):
    """Whether counts are what chance allows: within five standard deviations of each."""
    return set(counts) <= set(shares) and all(
        abs(counts.get(key, 0) - number * share) <= 5 * (number * share * (1 - share)) ** 0.5 + 1
        for key, share in shares.items()
    )


def fair_users(got, likes, num_items, number, seed):
    weight = {u: len(own) * (num_items - len(own)) for u, own in enumerate(likes)}
    shares = {u: w / sum(weight.values()) for u, w in weight.items() if w}
    return len(got) == number and near(Counter(user for user, _, _ in got), shares, number)


def fair_films(got, likes, num_items, number, seed):
    """Each user's films, and each user's other films, alike, however often the user is drawn."""
    for user, own in enumerate(likes):
        others = [film for film in range(num_items) if film not in own]
        mine = [triplet for triplet in got if triplet[0] == user and own and others]
        for place, films in ((1, own), (2, others)):
            counts = Counter(triplet[place] for triplet in mine)
            if mine and not near(counts, {f: 1 / len(films) for f in films}, len(mine)):
                return False
    return len(got) == number and {user for user, _, _ in got} <= set(range(len(likes)))


def hidden(rng, drawn):
    def graph(sizes, num_items):
        return [rng.sample(range(num_items), size) for size in rng.sample(sizes, len(sizes))]

    def call(sizes, num_items, number):
        return graph(sizes, num_items), num_items, number, rng.randrange(10**6)

    several = [call([1, 3, 5, 2], 10, 1000), call([1, 1, 6, 4, 9], 12, 1000)]
    return [
        Part(
            "triplets",
            2,
            "Each triplet has a film that the user likes, then one that the user does not.",
            [call([1, 3, 5], 7, 200), call([4, 4, 4], 5, 200)],
            check=valid,
        ),
        Part(
            "users",
            3,
            "How many triplets does a user with d films have? Draw users in that proportion.",
            several,
            check=fair_users,
        ),
        Part(
            "films",
            2,
            "Given the user, all liked films are alike, and so are all the others.",
            several,
            check=fair_films,
        ),
        Part(
            "nothing and everything",
            1,
            "Who likes nothing, or everything, is in no triplet, and is no reason to stop.",
            [call([0, 2, 6, 3], 6, 300), call([0, 0, 4, 1], 5, 300)],
            check=valid,
        ),
    ]


# %% question="2.3" role="right"
def my_triplets(likes, num_items, number, seed):
    triplets = [
        (user, item, other)
        for user, own in enumerate(likes)
        for item in own
        for other in set(range(num_items)) - set(own)
    ]
    return random.Random(seed).choices(triplets, k=number)


# %% question="2.3" role="right"
import numpy as np


def my_triplets(likes, num_items, number, seed):
    rng = np.random.default_rng(seed)
    drawn = []
    while len(drawn) < number:  # a pair that is liked, any film, and try again where it is liked
        user, place = rng.integers(len(likes)), rng.integers(num_items)
        other = rng.integers(num_items)
        if place in likes[user] and other not in likes[user]:
            drawn.append((user, place, other))
    return np.array(drawn)


# %% question="2.3" role="wrong" loses="all"
def my_triplets(likes, num_items, number, seed):
    return [(len(likes), 0, 0)] * number  # a user that there is not


# %% question="2.3" role="wrong" loses=["users"]
def my_triplets(likes, num_items, number, seed):
    rng = random.Random(seed)
    users = [user for user, own in enumerate(likes) if 0 < len(own) < num_items]
    drawn = []
    for user in rng.choices(users, k=number):  # uniform over users
        others = [film for film in range(num_items) if film not in likes[user]]
        drawn.append((user, rng.choice(likes[user]), rng.choice(others)))
    return drawn


# %% question="2.3" role="wrong" loses=["users"]
def my_triplets(likes, num_items, number, seed):
    rng = random.Random(seed)
    pairs = [(u, film) for u, own in enumerate(likes) for film in own if len(own) < num_items]
    drawn = []
    for user, film in rng.choices(pairs, k=number):  # uniform over likes
        drawn.append(
            (user, film, rng.choice([f for f in range(num_items) if f not in likes[user]]))
        )
    return drawn


# %% question="2.3" role="wrong" loses=["triplets", "films", "nothing and everything"]
def my_triplets(likes, num_items, number, seed):
    rng = random.Random(seed)
    weight = [len(own) * (num_items - len(own)) for own in likes]
    users = rng.choices(range(len(likes)), weight, k=number)
    return [(u, rng.choice(likes[u]), rng.randrange(num_items)) for u in users]  # any other film


# %% question="2.3" role="wrong" loses=["films"]
def my_triplets(likes, num_items, number, seed):
    rng = random.Random(seed)
    weight = [len(own) * (num_items - len(own)) for own in likes]
    drawn = []
    for user in rng.choices(range(len(likes)), weight, k=number):
        others = [film for film in range(num_items) if film not in likes[user]]
        drawn.append((user, rng.choice(likes[user]), others[int(len(others) * rng.random() ** 2)]))
    return drawn


# %% question="2.3" role="wrong" loses=["triplets", "users", "films", "nothing and everything"]
def my_triplets(likes, num_items, number, seed):
    rng = random.Random(seed)
    drawn = []
    while len(drawn) < number:
        user = rng.randrange(len(likes))
        drawn.append((user, rng.randrange(num_items), rng.randrange(num_items)))
    return drawn


# %% question="2.3" role="wrong" loses=["nothing and everything"]
def my_triplets(likes, num_items, number, seed):
    rng = random.Random(seed)
    weight = [len(own) * (num_items - len(own)) for own in likes]
    others = [[film for film in range(num_items) if film not in own] for own in likes]
    first = [(rng.choice(own), rng.choice(other)) for own, other in zip(likes, others)]  # stops
    assert first
    users = rng.choices(range(len(likes)), weight, k=number)
    return [(u, rng.choice(likes[u]), rng.choice(others[u])) for u in users]


# %% [markdown] question="2.4" asks="test_bpr_loss" minutes=25
# ## Question 2.4 A test for a loss
#
# **Outcome.** You can write a test that knows a right BPR loss from a wrong one (chapter 4).
#
# Write `test_bpr_loss(candidate)`. It gets a function of two tensors, the scores of the liked films and
# those of the others, which should return formula (4.3)'s loss of a batch, without the penalty: the mean
# over the batch of $-\log\sigma(\delta)$, finite and exact however large a difference is. Your test
# calls it on tensors of yours and raises an `AssertionError` where a result is wrong. It is run on
# two right functions, which it must pass, and on four that have one bug each. They run in another
# process, so that tensors arrive there as copies, and no gradient leads back.


# %% question="2.4" role="answer"
def test_bpr_loss(candidate):
    # BEGIN SOLUTION
    liked, other = torch.tensor([1.0, 2.0, 0.0]), torch.tensor([0.0, 4.0, 0.0])
    expected = F.softplus(torch.tensor([-1.0, 2.0, 0.0])).mean()
    assert torch.allclose(torch.as_tensor(candidate(liked, other)), expected)
    steep = candidate(torch.tensor([-500.0]), torch.tensor([500.0]))
    assert torch.allclose(torch.as_tensor(steep), torch.tensor(1000.0))
    # END SOLUTION


# %% question="2.4" role="check"
try:
    test_bpr_loss(lambda liked, other: torch.tensor(-1.0))
except AssertionError:
    test_bpr_loss(lambda liked, other: -F.logsigmoid(liked - other).mean())
    print("Your test knows a right loss from one that is always -1.")
else:
    raise AssertionError("your test lets a loss pass that is always -1")


# %% question="2.4" role="hidden"
def hidden(rng, drawn):
    return [
        Part(
            "the wrong way round", 2, "Which of the two scores should be higher?", catches="round"
        ),
        Part("a sum", 2, "Try a batch of more than one.", catches="sum"),
        Part("the mean inside", 2, "Try differences that are not all alike.", catches="inside"),
        Part(
            "too large to hold", 2, "Try a large difference, in either direction.", catches="large"
        ),
    ]


# %% question="2.4" role="candidate" name="right"
import torch.nn.functional as F


def bpr_loss(pos_score, neg_score):
    return F.softplus(neg_score - pos_score).mean()


# %% question="2.4" role="candidate" name="right by logsigmoid"
import torch


def bpr_loss(pos_score, neg_score):
    return -torch.nn.LogSigmoid()(pos_score - neg_score).mean()


# %% question="2.4" role="candidate" name="round"
import torch.nn.functional as F


def bpr_loss(pos_score, neg_score):
    return F.softplus(pos_score - neg_score).mean()


# %% question="2.4" role="candidate" name="sum"
import torch.nn.functional as F


def bpr_loss(pos_score, neg_score):
    return F.softplus(neg_score - pos_score).sum()


# %% question="2.4" role="candidate" name="inside"
import torch.nn.functional as F


def bpr_loss(pos_score, neg_score):
    return F.softplus((neg_score - pos_score).mean())


# %% question="2.4" role="candidate" name="large"
import torch


def bpr_loss(pos_score, neg_score):
    return -torch.log(torch.sigmoid(pos_score - neg_score)).mean()


# %% question="2.4" role="right"
def test_bpr_loss(candidate):
    import math

    for differences in ([3.0, -1.0], [0.0], [800.0, -800.0, 2.0]):
        scores = torch.tensor(differences, dtype=torch.double)
        result = float(candidate(scores, torch.zeros_like(scores)))
        right = sum(max(-d, 0) + math.log1p(math.exp(-abs(d))) for d in differences) / len(scores)
        assert abs(result - right) < 1e-4 * max(1, right), differences


# %% question="2.4" role="wrong" loses=["too large to hold"]
def test_bpr_loss(candidate):
    liked, other = torch.tensor([1.0, 2.0, 0.0]), torch.tensor([0.0, 4.0, 0.0])
    expected = F.softplus(torch.tensor([-1.0, 2.0, 0.0])).mean()
    assert torch.allclose(candidate(liked, other), expected)


# %% question="2.4" role="wrong" loses=["a sum", "the mean inside"]
def test_bpr_loss(candidate):
    assert torch.allclose(
        candidate(torch.tensor([1.0]), torch.tensor([0.0])), torch.tensor(0.3133), atol=1e-3
    )
    assert torch.isfinite(candidate(torch.tensor([-500.0]), torch.tensor([500.0])))


# %% question="2.4" role="wrong" loses=["a sum", "the mean inside", "too large to hold"]
def test_bpr_loss(candidate):
    good, bad = torch.tensor([2.0, 2.0]), torch.tensor([0.0, 0.0])
    assert candidate(good, bad) < candidate(bad, good)


# %% question="2.4" role="wrong" loses="all"
def test_bpr_loss(candidate):
    assert candidate(torch.tensor([1.0]), torch.tensor([0.0])) == 0  # a right film costs nothing?


# %% question="2.4" role="wrong" loses="all"
def test_bpr_loss(candidate):
    assert candidate(torch.tensor([3.0, 1.0]), torch.tensor([0.0, 0.0])) >= 0


# %% question="2.4" role="wrong" loses=["the wrong way round", "the mean inside", "too large to hold"]
def test_bpr_loss(candidate):
    equal = torch.tensor([1.0, 1.0])
    assert abs(float(candidate(equal, equal)) - 0.6931) < 1e-3


# %% [markdown] question="2.5" minutes=20 points=8
# ## Question 2.5 Ahead of matrix factorisation
#
# **Outcome.** You can say what a comparison with a baseline needs before it is believed (chapters 3
# and 4).
#
# A paper reports recall@20 of {{theirs}} for its model and {{ours}} for matrix factorisation with BPR. Its
# appendix says: "For MF we used the settings of earlier work. Our model's settings were tuned. For all
# models we report the best epoch." In at most 200 words: which three things would you ask the
# authors for, in which order, and how much could each of them move the difference? Use figures of
# the book where it has them.

# %% [markdown] question="2.5" role="answer"
# **Your answer to question 2.5.** Write here, in place of this sentence.

# %% [markdown] question="2.5" role="instructor"
# **Rubric for question 2.5** (8 points, by hand)
#
# | points | the answer |
# |---|---|
# | 8 | asks for MF tuned as the model was, at least its penalty; for epochs chosen on validation, not on test; for the spread over seeds or splits, or an interval of the paired difference; puts tuning and stopping first, with a size from chapter 4 (tuned against untuned over a quarter, the epoch peeked at about 0.045), and the seeds last, being much smaller |
# | 5 | names two of the three with a reason why each moves the difference, a size for at least one |
# | 2 | says that the comparison is unfair without saying how large the unfairness may be |
# | 0 | takes the difference as it is, or asks for more data sets alone |
#
# **Sample answer, 8 points.** First, MF's own search: the penalty, with epochs chosen on validation.
# In chapter 4 the tuned MF has over a quarter more recall than the untuned one after its last
# epoch, which is more than the whole difference here. Second, how the epoch was chosen. "The best epoch" is the
# best on the test set; for the untuned MF that alone was worth 0.045, because it overfits, and it
# is worth less to a model that was regularised. So both rows should be read after an epoch that
# validation chose. Third, the spread: several seeds or splits, and an interval of the paired
# difference. Seeds moved MF by 0.003 there, so this decides only if the first two leave a small gap.
#
# **Sample answer, 2 points.** The comparison is not fair because only one model was tuned. I would
# ask for the code and for results on more data sets, and I would not trust the numbers until then.
