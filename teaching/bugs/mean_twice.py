# %% [markdown]
# # Bug hunt {{number}}: the larger the batch, the less is learned
#
# {{points}} points, about {{minutes}} minutes. The pipeline below runs without an error, and it has
# one bug. You find it by measuring, mend it, and write the test that would have caught it.
#
# **The symptoms.** A team trains matrix factorisation with BPR by plain gradient descent. On larger
# batches the gradient is less noisy, so that the same number of steps should end with a loss as low or
# lower. In its program the loss stays where it was, and the vectors shrink. Somebody raises the learning
# rate for each batch size until it fits; then the penalty has to be tuned anew as well. The table below the
# pipeline has the loss of all triplets before and after {{steps}} steps, all with the same settings.

# %% role="variant"
def variant(rng):
    return {
        "seed": rng.randrange(1000),
        "steps": rng.choice([30, 40]),
        "times": rng.choice([2, 3, 4, 5]),
    }


# %%
import random

import numpy as np


# %% question="3" role="pipeline" name="broken"
import numpy as np


def margins(vectors, triplets):
    """By how much each triplet's liked film scores above its other film."""
    user, film, other = np.array(triplets).T
    return (vectors[user] * (vectors[film] - vectors[other])).sum(1)


def bpr_loss(vectors, triplets):
    """The mean of -log sigmoid of the margins."""
    return np.logaddexp(0, -margins(vectors, triplets)).mean()


def slopes(vectors, triplets):
    """What the loss changes with each margin, as a column."""
    return -1 / (1 + np.exp(margins(vectors, triplets))) / len(triplets)


def loss_gradient(vectors, triplets):
    """What the loss changes with each number of the vectors."""
    user, film, other = np.array(triplets).T
    slope = slopes(vectors, triplets)[:, None]
    change = np.zeros_like(vectors)
    np.add.at(change, user, slope * (vectors[film] - vectors[other]))
    np.add.at(change, film, slope * vectors[user])
    np.add.at(change, other, -slope * vectors[user])
    return change / len(triplets)


def penalty_gradient(vectors, triplets):
    """The same for half the squared length of a triplet's three vectors, a mean over triplets."""
    rows = np.array(triplets).T.ravel()
    change = np.zeros_like(vectors)
    np.add.at(change, rows, vectors[rows])
    return change / len(triplets)


def step(vectors, triplets, lr, reg):
    """The vectors after one step down the BPR loss plus ``reg`` times the penalty.

    vectors: a row for each user and each film. triplets: rows of a user, a film that the user
    likes, and another film.
    """
    vectors = np.array(vectors, dtype=float)
    change = loss_gradient(vectors, triplets) + reg * penalty_gradient(vectors, triplets)
    return (vectors - lr * change).tolist()


# %%
def made_triplets(seed, number, num_users=30, num_films=24):
    """Users like the films of their kind; films are rows 30 to 53 of the vectors."""
    draw = random.Random(seed)
    triplets = []
    while len(triplets) < number:
        user, film, other = draw.randrange(num_users), draw.randrange(24), draw.randrange(24)
        if film % 3 == user % 3 != other % 3:
            triplets.append((user, num_users + film, num_users + other))
    return triplets


everything = made_triplets({{seed}}, 300)
draw = random.Random({{seed}})
first = [[draw.gauss(0, 1) / 3 for _ in range(8)] for _ in range(54)]
print(f"{'triplets in a batch':22}loss before   after    length of the vectors before   after")
for size in (2, 8, 32, 128):
    vectors = first
    for _ in range({{steps}}):
        vectors = step(vectors, draw.sample(everything, size), lr=2.0, reg=0.01)
    before, after = np.array(first), np.array(vectors)
    lengths = [np.linalg.norm(each, axis=1).mean() for each in (before, after)]
    print(
        f"{size:12}{bpr_loss(before, everything):21.3f}{bpr_loss(after, everything):8.3f}", end=""
    )
    print(f"{lengths[0]:33.3f}{lengths[1]:8.3f}")

# %% [markdown] question="1" asks="my_measurement" minutes=15
# ## Question 1 Measure
#
# **Outcome.** You can find a case in which two calls must agree, without knowing the right number
# (chapter 4).
#
# A loss that is a mean over triplets does not change if each triplet of the batch is written down
# {{times}} times. Take the three vectors and the one triplet below, `lr=1.0` and `reg=0`, and measure the
# step: the length of all that `step` changes, $\sqrt{\sum (\text{after} - \text{before})^2}$. Fill in the
# dict `my_measurement`: `"once"`, with the triplet once; `"repeated"`, with the triplet {{times}} times;
# `"should be"`, the length by which the gradient of formula (4.3) of chapter 4 changes the vectors.
#
# <details><summary>A hint</summary>You get the gradient without a formula, too: change one number of
# the vectors by 0.00001, and see what `bpr_loss` does.</details>

# %%
three = [[1.0, 0.5], [0.5, 1.0], [1.0, -1.0]]
triplet = (0, 1, 2)

# %% question="1" role="answer"
my_measurement = {"once": ..., "repeated": ..., "should be": ...}
# BEGIN SOLUTION
before = np.array(three)


def moved(batch):
    return np.linalg.norm(np.array(step(three, batch, 1.0, 0)) - before)


gradient = np.zeros_like(before)
for place in np.ndindex(gradient.shape):
    nudge = np.zeros_like(before)
    nudge[place] = 1e-6
    gradient[place] = bpr_loss(before + nudge, [triplet]) - bpr_loss(before - nudge, [triplet])
my_measurement = {
    "once": moved([triplet]),
    "repeated": moved([triplet] * {{times}}),
    "should be": np.linalg.norm(gradient / 2e-6),
}
# END SOLUTION

# %% question="1" role="check"
assert set(my_measurement) == {"once", "repeated", "should be"}, "my_measurement has other keys"
assert all(0 < value < 2 for value in my_measurement.values()), "each value is a length"
print("The form is right.")


# %% question="1" role="hidden"
def hidden(rng, drawn):
    told = "A batch is a list of triplets: one, or the same one several times."
    return [
        Part("the step of one triplet", 1, told, key="once", tolerance=2e-3),
        Part("the step of the same repeated", 1, told, key="repeated", tolerance=2e-3),
        Part(
            "what the step should be",
            1,
            "The learning rate is 1: the vectors change by the gradient of the loss.",
            key="should be",
            tolerance=2e-3,
        ),
    ]


# %% question="1" role="right"
my_measurement = {key: round(float(value), 3) for key, value in my_measurement.items()}

# %% question="1" role="wrong" loses=["the step of the same repeated"]
my_measurement = my_measurement | {"repeated": my_measurement["once"]}

# %% question="1" role="wrong" loses=["the step of the same repeated"]
my_measurement = my_measurement | {"repeated": {{times}} * my_measurement["once"]}

# %% question="1" role="wrong" loses=["the step of one triplet"]
my_measurement = my_measurement | {"once": my_measurement["once"] ** 2}

# %% question="1" role="wrong" loses=["what the step should be"]
my_measurement = my_measurement | {"should be": my_measurement["repeated"]}

# %% question="1" role="wrong" loses=["what the step should be"]
my_measurement = my_measurement | {"should be": {{times}} * my_measurement["once"]}

# %% question="1" role="wrong" loses="all"
my_measurement = dict.fromkeys(my_measurement, 1.5)

# %% [markdown] question="2" asks="mended_step" minutes=12
# ## Question 2 Mend
#
# **Outcome.** You can keep a loss and its penalty in proportion, whatever the batch (chapter 4).
#
# Write `mended_step(vectors, triplets, lr, reg)`, which gives what `step` should give: one step down the
# mean of the BPR losses plus `reg` times the mean of the penalties. You may call the pipeline's other
# functions.


# %% question="2" role="answer"
def mended_step(vectors, triplets, lr, reg):
    # BEGIN SOLUTION
    vectors = np.array(vectors, dtype=float)
    change = len(triplets) * loss_gradient(vectors, triplets)
    return (vectors - lr * (change + reg * penalty_gradient(vectors, triplets))).tolist()
    # END SOLUTION


# %% question="2" role="check"
small = mended_step([[0.0], [1.0], [0.0]], [(0, 1, 2)], 1.0, 0.0)
assert np.allclose(small, [[0.5], [1.0], [0.0]]), "at a margin of 0 the slope is -1/2"
print("Right for one triplet.")


# %% question="2" role="hidden"
def hidden(rng, drawn):
    def case(size, lr, reg):
        vectors = [[round(rng.uniform(-1, 1), 3) for _ in range(3)] for _ in range(9)]
        triplets = [(rng.randrange(3), *rng.sample(range(3, 9), 2)) for _ in range(size)]
        return vectors, triplets, lr, reg

    return [
        Part(
            "one triplet",
            2,
            "With one triplet nothing changes.",
            [case(1, 1.0, 0.0), case(1, 0.5, 0.1)],
        ),
        Part(
            "the loss of several",
            3,
            "A mean is a sum that is divided once.",
            [case(5, 1.0, 0.0), case({2: 7, 3: 8, 4: 9, 5: 10}[drawn["times"]], 0.3, 0.0)],
        ),
        Part(
            "loss and penalty of several",
            2,
            "The penalty is a mean over triplets, too, and was right.",
            [case(6, 1.0, 0.3), case(4, 0.2, 0.5)],
        ),
    ]


# %% question="2" role="right"
def mended_step(vectors, triplets, lr, reg):
    after = np.array(vectors)
    v = np.array(vectors)
    for user, film, other in triplets:
        slope = 1 / (1 + np.exp(v[user] @ (v[film] - v[other]))) / len(triplets)
        shrink = lr * reg / len(triplets)
        after[user] += lr * slope * (v[film] - v[other]) - shrink * v[user]
        after[film] += lr * slope * v[user] - shrink * v[film]
        after[other] -= lr * slope * v[user] + shrink * v[other]
    return after


# %% question="2" role="right"
import torch


def mended_step(vectors, triplets, lr, reg):
    v = torch.tensor(vectors, dtype=torch.float64, requires_grad=True)
    user, film, other = v[torch.tensor(triplets).T]
    loss = -torch.nn.functional.logsigmoid((user * (film - other)).sum(1)).mean()
    penalty = (user**2 + film**2 + other**2).sum() / 2 / len(triplets)
    (loss + reg * penalty).backward()
    return v - lr * v.grad


# %% question="2" role="wrong" loses=["the loss of several", "loss and penalty of several"]
mended_step = step


# %% question="2" role="wrong" loses=["loss and penalty of several"]
def mended_step(vectors, triplets, lr, reg):
    return step(vectors, triplets, lr * len(triplets), reg)  # the penalty grows as well


# %% question="2" role="wrong" loses=["the loss of several", "loss and penalty of several"]
def mended_step(vectors, triplets, lr, reg):
    vectors = np.array(vectors)
    change = len(triplets) ** 2 * loss_gradient(vectors, triplets)  # the sum
    return vectors - lr * (change + reg * penalty_gradient(vectors, triplets))


# %% question="2" role="wrong" loses=["the loss of several", "loss and penalty of several"]
def mended_step(vectors, triplets, lr, reg):
    vectors = np.array(vectors, dtype=float)
    for triplet in triplets:  # each from where the one before has gone
        vectors = np.array(step(vectors, [triplet], lr / len(triplets), reg))
    return vectors


# %% question="2" role="wrong" loses="all"
def mended_step(vectors, triplets, lr, reg):
    vectors = np.array(vectors)
    change = len(triplets) * loss_gradient(vectors, triplets)
    return vectors + lr * (change + reg * penalty_gradient(vectors, triplets))  # uphill


# %% [markdown] question="3" asks="test_step" minutes=15
# ## Question 3 Write the test
#
# **Outcome.** You can write a test that fails for a bug and its relatives, and passes whatever is right.
#
# Write `test_step(candidate)`. It gets a function like `step`, calls it on cases of yours, and raises an
# `AssertionError` where a result is wrong. It is run on two right functions, which it must pass, on the
# function above, and on two others with another bug of the same kind.


# %% question="3" role="answer"
def test_step(candidate):
    # BEGIN SOLUTION
    vectors = [[1.0, 0.5], [0.5, 1.0], [1.0, -1.0], [0.2, 0.3]]
    batch = [(0, 1, 2), (3, 2, 1)]
    for reg in (0.0, 0.5):
        once = np.array(candidate(vectors, batch, 1.0, reg))
        assert abs(np.array(candidate(vectors, batch * 3, 1.0, reg)) - once).max() < 1e-9
    # END SOLUTION


# %% question="3" role="check"
try:
    test_step(lambda vectors, triplets, lr, reg: (np.array(vectors) * len(triplets)).tolist())
except AssertionError:
    print("Your test fails a function that multiplies by the batch. Does it pass your mended one?")
    test_step(mended_step)


# %% question="3" role="hidden"
def hidden(rng, drawn):
    return [
        Part("catches the bug", 3, "Take batches of more than one triplet.", catches="broken"),
        Part("catches a sum", 2, "A step of a larger batch is no longer.", catches="sum"),
        Part(
            "catches a penalty that is divided twice",
            2,
            "Let the penalty count, too.",
            catches="penalty twice",
        ),
    ]


# %% question="3" role="candidate" name="right"
import numpy as np


def step(vectors, triplets, lr, reg):
    vectors = np.array(vectors, dtype=float)
    after, share = vectors.copy(), lr / len(triplets)
    for user, film, other in triplets:
        u, i, j = vectors[user], vectors[film], vectors[other]
        slope = 1 / (1 + np.exp(u @ (i - j)))
        after[user] += share * (slope * (i - j) - reg * u)
        after[film] += share * (slope * u - reg * i)
        after[other] += share * (-slope * u - reg * j)
    return after.tolist()


# %% question="3" role="candidate" name="right in arrays"
import numpy as np


def step(vectors, triplets, lr, reg):
    vectors = np.array(vectors, dtype=float)
    rows = np.array(triplets)
    user, film, other = vectors[rows.T]
    slope = 1 / (1 + np.exp((user * (film - other)).sum(1, keepdims=True))) / len(rows)
    down = np.stack([slope * (film - other), slope * user, -slope * user], axis=1)
    after = vectors.copy()
    np.add.at(after, rows, lr * (down - reg * vectors[rows] / len(rows)))
    return after.tolist()


# %% question="3" role="candidate" name="sum"
import numpy as np


def step(vectors, triplets, lr, reg):
    vectors = np.array(vectors, dtype=float)
    rows = np.array(triplets)
    user, film, other = vectors[rows.T]
    slope = 1 / (1 + np.exp((user * (film - other)).sum(1, keepdims=True)))
    down = np.stack([slope * (film - other), slope * user, -slope * user], axis=1)
    after = vectors.copy()
    np.add.at(after, rows, lr * (down - reg * vectors[rows] / len(rows)))
    return after.tolist()


# %% question="3" role="candidate" name="penalty twice"
import numpy as np


def step(vectors, triplets, lr, reg):
    vectors = np.array(vectors, dtype=float)
    rows = np.array(triplets)
    user, film, other = vectors[rows.T]
    slope = 1 / (1 + np.exp((user * (film - other)).sum(1, keepdims=True))) / len(rows)
    down = np.stack([slope * (film - other), slope * user, -slope * user], axis=1)
    after = vectors.copy()
    np.add.at(after, rows, lr * (down - reg * vectors[rows] / len(rows) ** 2))
    return after.tolist()


# %% question="3" role="right"
def test_step(candidate):
    some = np.random.default_rng(0)
    for size in (1, 3, 6):
        x = some.normal(size=(8, 2)).tolist()
        batch = [(some.integers(3), *some.choice(np.arange(3, 8), 2, False)) for _ in range(size)]
        batch = [tuple(map(int, each)) for each in batch]
        made, mine = candidate(x, batch, 0.1, 0.2), mended_step(x, batch, 0.1, 0.2)
        np.testing.assert_allclose(made, mine, atol=1e-7)


# %% question="3" role="wrong" loses="all"
def test_step(candidate):
    made = candidate([[0.0], [1.0], [0.0]], [(0, 1, 2)], 1.0, 0.0)
    assert np.allclose(made, [[0.5], [1.0], [0.0]])  # a batch of one


# %% question="3" role="wrong" loses="all"
def test_step(candidate):
    one = np.array(candidate([[0.0], [1.0], [0.0]], [(0, 1, 2)], 1.0, 0.0))
    two = np.array(candidate([[0.0], [1.0], [0.0]], [(0, 1, 2)] * 2, 1.0, 0.0))
    assert abs(two - 2 * one).max() < 1e-6  # as a sum would have it


# %% question="3" role="wrong" loses=["catches a penalty that is divided twice"]
def test_step(candidate):
    one = np.array(candidate([[0.0], [1.0], [0.0]], [(0, 1, 2)], 1.0, 0.0))
    two = np.array(candidate([[0.0], [1.0], [0.0]], [(0, 1, 2)] * 2, 1.0, 0.0))
    assert abs(two - one).max() < 1e-6


# %% question="3" role="wrong" loses=["catches a sum", "catches a penalty that is divided twice"]
def test_step(candidate):
    one = np.array(candidate([[0.0], [1.0], [0.0]], [(0, 1, 2)], 1.0, 0.0))
    two = np.array(candidate([[0.0], [1.0], [0.0]], [(0, 1, 2)] * 2, 1.0, 0.0))
    assert two[0, 0] >= one[0, 0] - 1e-6


# %% question="3" role="wrong" loses=["catches the bug", "catches a sum"]
def test_step(candidate):
    one = np.array(candidate([[0.0], [1.0], [0.0]], [(0, 1, 2)], 1.0, 0.5))
    two = np.array(candidate([[0.0], [1.0], [0.0]], [(0, 1, 2)] * 2, 1.0, 0.5))
    assert abs(two - one)[1:].max() < 1e-6  # films alone, where the user's vector is 0


# %% [markdown] role="instructor"
# **What the bug does.** `slopes` divides by the number of triplets, and `loss_gradient` again, so that
# the loss weighs a batch's size too little against the penalty. Matrix factorisation is trained on five
# splits of MovieLens-100K with BPR, 15 epochs of batches of 1,024, a penalty of 0.0001: by gradient
# descent with learning rate 50 and by Adam with 0.005, which divides the loss's scale out again. Recall at
# 20 on the test part; the intervals are corrected for splits that overlap. The cell takes a minute and
# prints:
#
# ```text
# popularity: 0.176
# gradient descent: 0.014, mended 0.313, difference -0.300 (-0.309 to -0.290)
# Adam: 0.311, mended 0.307, difference 0.005 (0.004 to 0.006)
# ```
#
# Plain gradient descent never starts: its lists are random ones. Adam hides the bug, since it divides by
# the gradient's own size; what is left is a penalty that counts 1,024 times as much, which happens to be
# nearer to what chapter 4 finds on validation than 0.0001 is. So here the bug gains 0.005.

# %% role="instructor" tolerance=0.01
import torch

from recbook.data import load_movielens_100k, random_split, to_implicit
from recbook.evaluation import evaluate
from recbook.losses import bpr_loss as mean_loss
from recbook.losses import l2_penalty
from recbook.models import MatrixFactorization, Popularity
from recbook.sampling import TripletSampler
from recbook.stats import compare_splits
from recbook.training import descend


def recall_of(split, optimizer, lr, divide, seed):
    model = MatrixFactorization(split.train.num_users, split.train.num_items)
    model.reset_parameters(seed)
    adam = optimizer(model.parameters(), lr=lr)
    sampler, generator = TripletSampler(split.train), torch.Generator().manual_seed(seed)
    for _ in range(15 * len(split.train) // 1024):
        user, film, other = sampler.sample(1024, generator)
        vec, liked, lesser = model.embedding(
            torch.stack([user, film + model.num_users, other + model.num_users])
        )
        loss = mean_loss((vec * liked).sum(1), (vec * lesser).sum(1))
        penalty = l2_penalty(torch.cat([vec, liked, lesser])) / len(user)
        descend(loss / (len(user) if divide else 1) + 1e-4 * penalty, adam)
    model.finalize(None)
    return evaluate(model, split.train, split.test).recall


ratings = to_implicit(load_movielens_100k().ratings, min_rating=3)
kinds = {"gradient descent": (torch.optim.SGD, 50.0), "Adam": (torch.optim.Adam, 0.005)}
splits = [random_split(ratings, test_size=0.2, val_size=0.0, seed=seed) for seed in range(5)]
popular = [evaluate(Popularity().fit(s.train), s.train, s.test).recall for s in splits]
print(f"popularity: {np.mean(popular):.3f}")
for name, (optimizer, lr) in kinds.items():
    twice, once = (
        [recall_of(split, optimizer, lr, divide, seed) for seed, split in enumerate(splits)]
        for divide in (True, False)
    )
    found = compare_splits(twice, once)
    print(f"{name}: {np.mean(twice):.3f}, mended {np.mean(once):.3f}, ", end="")
    print(f"difference {found.difference:.3f} ({found.low:.3f} to {found.high:.3f})")
