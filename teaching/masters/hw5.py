# %% [markdown]
# # Homework 5: models that are solved, and losses that are compared
#
# It is about chapters 9 and 10 of the book: {{points}} points, about {{minutes}} minutes. Put your
# code in place of the dots. The cell below each question checks the form of your answer and one
# case that you can follow with a pencil; your grade comes from other cases. Functions leave what
# they are given as it was. Ask for no more than a minute of computing, and let each question stand
# for itself: a function of one does not call another's.


# %% role="variant"
def variant(rng):
    """Recall in eight cells in which no two factors simply add up."""
    while True:
        loss, batch, start = (rng.randint(6, 24) for _ in range(3))
        both, others, all_three = (rng.randint(5, 16) for _ in range(3))
        base = rng.randint(301, 335)
        cells = [
            base
            + loss * softmax
            + batch * large
            + start * smooth
            - both * softmax * large
            - others * softmax * smooth
            + (all_three - 10) * softmax * large * smooth
            + rng.randint(-2, 2)
            for smooth in (0, 1)
            for softmax in (0, 1)
            for large in (0, 1)
        ]
        alone = cells[2] - cells[0]
        brings = [cells[n + 2] - cells[n] for n in (0, 1, 4, 5)]  # what the softmax brings
        together = (brings[1] - brings[0] + brings[3] - brings[2]) / 2
        added = cells[1] + cells[2] + cells[4] - 2 * cells[0]
        apart = [sum(brings) / 4 - alone, sum(brings) / 4 - brings[3], together]
        apart += [brings[1] - brings[0] - together, brings[0] + brings[2], added - cells[7]]
        if all(abs(gap) >= 1 for gap in apart):
            break
    several = [[cell / 1000 for cell in cells[n : n + 2]] for n in (0, 2, 4, 6)]
    return {
        "recall": {
            "random": {"BPR": several[0], "softmax": several[1]},
            "smooth": {"BPR": several[2], "softmax": several[3]},
        },
        "films": rng.choice(["30,000", "40,000", "60,000"]),
        "gain": rng.choice([6, 8, 9, 11]),
        "runs": rng.choice([40, 60, 80]),
        "temperature": rng.choice([0.5, 2.0, 0.25]),
    }


# %%
import matplotlib.pyplot as plt
import numpy as np

from recbook.plotting import COLORS, set_style

set_style()

# %% [markdown] question="5.1" asks="my_reading" minutes=10
# ## Question 5.1 Eight cells
#
# **Outcome.** You can read from a figure of several factors what one brings and what two bring
# together (chapter 10).
#
# A team trains one model in eight ways: two losses, two batches, two starts, and all their
# combinations. The figure shows the recall of each. Fill in the dict `my_reading`:
#
# - `"softmax"`: what the softmax brings over BPR, on average over the four combinations of the rest;
# - `"softmax and large batch"`: what the softmax brings with the large batch minus what it brings
#   with the small one, each averaged over the two starts;
# - `"one at a time"`: the recall that somebody expects of softmax, large batch and smooth start
#   together, who begins at BPR, small batch and random start, has measured each of the three changes
#   alone from there, and adds up the three gains.

# %%
recall = {{recall}}
fig, axes = plt.subplots(1, 2, sharey=True)
looks = {"BPR": ("MatrixFactorization", "o"), "softmax": ("LightGCN", "s")}
for ax, (start, lines) in zip(axes, recall.items(), strict=True):
    for loss, values in lines.items():
        color, marker = looks[loss]
        ax.plot(["small", "large"], values, marker=marker, color=COLORS[color], label=loss)
    for n in range(2):
        low, high = sorted(lines.values(), key=lambda values: values[n])
        for values, shift in ((low, -16), (high, 8)):
            place = {"xytext": (0, shift), "textcoords": "offset points", "ha": "center"}
            ax.annotate(f"{values[n]:.3f}", (n, values[n]), **place)
    ax.set(title=f"{start} start", xlabel="batch", xlim=(-0.4, 1.4))
    ax.margins(y=0.25)
axes[0].set(ylabel="recall@20")
axes[0].legend()
plt.show()

# %% question="5.1" role="answer"
my_reading = {"softmax": ..., "softmax and large batch": ..., "one at a time": ...}
# BEGIN SOLUTION
r = np.array([[recall[s][loss] for loss in ("BPR", "softmax")] for s in ("random", "smooth")])
brings = r[:, 1] - r[:, 0]  # of each start with each batch
my_reading = {
    "softmax": brings.mean(),
    "softmax and large batch": (brings[:, 1] - brings[:, 0]).mean(),
    "one at a time": r[0, 1, 0] + r[0, 0, 1] + r[1, 0, 0] - 2 * r[0, 0, 0],
}
# END SOLUTION

# %% question="5.1" role="check"
keys = {"softmax", "softmax and large batch", "one at a time"}
assert set(my_reading) == keys, "my_reading has other keys"
assert ... not in my_reading.values(), "a value is still missing"
assert abs(my_reading["softmax"]) < 0.1, "what a change brings is a difference of two recalls"
assert my_reading["one at a time"] > 0.2, "what is expected is a recall, not a gain"
print("The form is right.")


# %% question="5.1" role="hidden"
def hidden(rng, drawn):
    return [
        Part(
            "what the softmax brings",
            1,
            "There are four pairs of points that differ in the loss alone.",
            key="softmax",
            tolerance=1e-4,
        ),
        Part(
            "two changes together",
            2,
            "Take the gain with the large batch, the gain with the small one, and their difference.",
            key="softmax and large batch",
            tolerance=1e-4,
        ),
        Part(
            "one at a time",
            1,
            "Start at BPR, small, random. Three other points differ from it in one thing each.",
            key="one at a time",
            tolerance=1e-4,
        ),
    ]


# %% question="5.1" role="right"
my_reading = {key: round(float(value), 4) for key, value in my_reading.items()}

# %% question="5.1" role="right"
import pandas as pd

my_reading = pd.Series(my_reading)

# %% question="5.1" role="wrong" loses=["what the softmax brings"]
my_reading = my_reading | {"softmax": r[0, 1, 0] - r[0, 0, 0]}  # from the default alone

# %% question="5.1" role="wrong" loses=["what the softmax brings"]
my_reading = my_reading | {"softmax": r[1, 1, 1] - r[1, 0, 1]}

# %% question="5.1" role="wrong" loses=["two changes together"]
my_reading = my_reading | {"softmax and large batch": brings[0, 1] - brings[0, 0]}  # one start

# %% question="5.1" role="wrong" loses=["two changes together"]
my_reading = my_reading | {"softmax and large batch": (brings[:, 0] - brings[:, 1]).mean()}

# %% question="5.1" role="wrong" loses=["one at a time"]
my_reading = my_reading | {"one at a time": r[1, 1, 1]}  # what was measured, not expected

# %% question="5.1" role="wrong" loses=["one at a time", "two changes together"]
my_reading = my_reading | {
    "one at a time": r.mean(),
    "softmax and large batch": brings[:, 1].mean(),
}

# %% [markdown] question="5.2" asks="my_weighted_ease" minutes=25
# ## Question 5.2 Users who count less
#
# **Outcome.** You can change what a ridge regression minimises, and follow the change to its solution
# (chapter 9).
#
# In (9.2) a user with five hundred films has far more to say about $W$ than one with ten. To change
# that, give each user $u$ a weight $g_u \ge 0$:
#
# $$\min_W \; \sum_u g_u \, \lVert x_u - x_u W \rVert^2 + \lambda \lVert W \rVert^2
# \quad\text{with}\quad W_{jj} = 0 \text{ for all } j,$$
#
# where $x_u$ is the row of user $u$ in $X$. Write `my_weighted_ease(x, weight, reg)`: `x` is an array
# of users by films that holds zeros and ones, `weight` a list with a number for each user, `reg` is
# $\lambda > 0$. Return $W$, films by films; as in the book, column $j$ predicts film $j$.


# %% question="5.2" role="answer"
def my_weighted_ease(x, weight, reg):
    # BEGIN SOLUTION
    together = (x * np.array(weight)[:, None]).T @ x
    inverse = np.linalg.inv(together + reg * np.eye(x.shape[1]))
    found = -inverse / np.diag(inverse)
    np.fill_diagonal(found, 0)
    return found
    # END SOLUTION


# %% question="5.2" role="check"
found = my_weighted_ease(np.array([[1.0, 1.0], [1.0, 0.0], [0.0, 1.0]]), [1, 1, 1], 1)
assert found is not None, "my_weighted_ease returns nothing: end with return"
assert np.shape(found) == (2, 2), "W has a row and a column for each film"
assert np.allclose(found, [[0, 1 / 3], [1 / 3, 0]]), "one user has both films, each film has two"
print("Right for two films and three users who count alike.")


# %% question="5.2" role="hidden"
def hidden(rng, drawn):
    import numpy as np

    def case(weights, num_items, reg, lonely=()):
        """Likes in which a film says more about another than the other about it."""
        gap = 0.0
        while gap < 0.05:
            rows = [[float(rng.random() < 0.5) for _ in range(num_items)] for _ in weights]
            x = np.array(rows)
            x[:, lonely] = 0.0
            p = np.linalg.inv(x.T @ np.diag(weights) @ x + reg * np.eye(num_items))
            gap = abs(p / np.diag(p) - p / np.diag(p)[:, None]).max()
        return x, weights, reg

    return [
        Part(
            "weights of one",
            2,
            "With equal weights of 1 this is EASE, as in chapter 9.",
            [case([1] * 6, 4, 2.0), case([1] * 5, 3, 0.5)],
        ),
        Part(
            "whole weights",
            3,
            "A user of weight 3 counts as three users with the same films.",
            [case([1, 3, 2, 1, 4, 2], 4, 1.5), case([2] * 6, 4, 1.0)],
        ),
        Part(
            "any weights",
            3,
            "Write down the derivative again: where does the weight of a user stand in it?",
            [case([rng.randint(1, 30) / 20 for _ in range(7)], 4, 1.5), case([0.5] * 6, 4, 1.0)],
        ),
        Part(
            "weight 0, or a film without users",
            2,
            "A user of weight 0 might as well not be there, and nothing speaks for a film of nobody.",
            [case([1, 0, 1, 1, 0, 1], 4, 1.0), case([1, 0, 1, 1, 1, 1], 4, 1.0, [2])],
        ),
    ]


# %% question="5.2" role="right"
def my_weighted_ease(x, weight, reg):
    z = x * np.sqrt(weight)[:, None]
    columns = []
    for j in range(x.shape[1]):
        others = np.delete(z, j, axis=1)
        left = others.T @ others + reg * np.eye(others.shape[1])
        columns.append(np.insert(np.linalg.solve(left, others.T @ z[:, j]), j, 0))
    return np.stack(columns, axis=1)


# %% question="5.2" role="right"
import torch


def my_weighted_ease(x, weight, reg):
    x, num_items = torch.from_numpy(x), x.shape[1]
    weight = torch.tensor(weight, dtype=torch.double)
    system = x.T @ torch.diag(weight) @ x + reg * torch.eye(num_items)
    inverse = torch.linalg.inv(system)
    return torch.eye(num_items) - inverse / inverse.diagonal()


# %% question="5.2" role="right"
def my_weighted_ease(x, weight, reg):
    n = x.shape[1]
    found = np.zeros((n, n))
    root = np.sqrt(np.array(weight))
    for j in range(n):
        others = [i for i in range(n) if i != j]
        rows = np.vstack([root[:, None] * x[:, others], np.sqrt(reg) * np.eye(n - 1)])
        target = np.concatenate([root * x[:, j], np.zeros(n - 1)])
        found[others, j] = np.linalg.lstsq(rows, target, rcond=None)[0]
    return found


# %% question="5.2" role="wrong" loses=["whole weights", "any weights", "weight 0, or a film without users"]
def my_weighted_ease(x, weight, reg):
    inverse = np.linalg.inv(x.T @ x + reg * np.eye(x.shape[1]))
    found = -inverse / np.diag(inverse)
    np.fill_diagonal(found, 0)
    return found


# %% question="5.2" role="wrong" loses=["whole weights", "any weights"]
def my_weighted_ease(x, weight, reg):
    z = x * np.array(weight)[:, None]  # the weights are squared in the next line
    inverse = np.linalg.inv(z.T @ z + reg * np.eye(x.shape[1]))
    found = -inverse / np.diag(inverse)
    np.fill_diagonal(found, 0)
    return found


# %% question="5.2" role="wrong" loses=["any weights"]
def my_weighted_ease(x, weight, reg):
    z = np.repeat(x, np.array(weight).astype(int), axis=0)
    inverse = np.linalg.inv(z.T @ z + reg * np.eye(x.shape[1]))
    found = -inverse / np.diag(inverse)
    np.fill_diagonal(found, 0)
    return found


# %% question="5.2" role="wrong" loses=["whole weights", "any weights", "weight 0, or a film without users"]
def my_weighted_ease(x, weight, reg):
    share = np.array(weight) / np.mean(weight)  # another penalty
    inverse = np.linalg.inv((x * share[:, None]).T @ x + reg * np.eye(x.shape[1]))
    found = -inverse / np.diag(inverse)
    np.fill_diagonal(found, 0)
    return found


# %% question="5.2" role="wrong" loses="all"
def my_weighted_ease(x, weight, reg):
    inverse = np.linalg.inv((x * np.array(weight)[:, None]).T @ x + reg * np.eye(x.shape[1]))
    found = -inverse / np.diag(inverse)[:, None]  # row by row
    np.fill_diagonal(found, 0)
    return found


# %% question="5.2" role="wrong" loses="all"
def my_weighted_ease(x, weight, reg):
    inverse = np.linalg.inv((x * np.array(weight)[:, None]).T @ x + reg * np.eye(x.shape[1]))
    return -inverse / np.diag(inverse)


# %% question="5.2" role="wrong" loses=["weight 0, or a film without users"]
def my_weighted_ease(x, weight, reg):
    z = x * np.sqrt([g or 1 for g in weight])[:, None]
    inverse = np.linalg.inv(z.T @ z + reg * np.eye(x.shape[1]))
    found = -inverse / np.diag(inverse)
    np.fill_diagonal(found, 0)
    return found


# %% [markdown] question="5.3" asks="my_error" minutes=20
# ## Question 5.3 All cells, and none of them computed
#
# **Outcome.** You can compute a sum over all users and films without going through them (chapter 9).
#
# What iALS minimises, (9.4), has a sum over the train interactions $\mathcal{O}$ and another one over
# *all* users and films. A service with 2 million users and a million films cannot compute $2 \cdot
# 10^{12}$ scores to see whether a sweep has lowered the error. It need not: with the users'
# embeddings as the rows of $P$ and the films' as the rows of $Q$, the two small matrices $P^\top P$
# and $Q^\top Q$ say enough. Write `my_error(shown, user_gram, item_gram, alpha0)`, which returns
#
# $$\sum_{(u,i) \in \mathcal{O}} \left( 1 - e_u^\top e_i \right)^2 +
# \alpha_0 \sum_{u,i} \left( e_u^\top e_i \right)^2,$$
#
# where `shown` is the list of the scores $e_u^\top e_i$ of the train interactions, and `user_gram`
# and `item_gram` are the arrays $P^\top P$ and $Q^\top Q$.
#
# <details><summary>A hint</summary>Write one square as a product of two sums over dimensions, then
# add over users and films first.</details>


# %% question="5.3" role="answer"
def my_error(shown, user_gram, item_gram, alpha0):
    # BEGIN SOLUTION
    ones = sum((1 - score) ** 2 for score in shown)
    return ones + alpha0 * (user_gram * item_gram).sum()
    # END SOLUTION


# %% question="5.3" role="check"
# Two users with embeddings 1 and 2, two films with 1 and 0.5; the first user has the first film.
value = my_error([1.0], np.array([[5.0]]), np.array([[1.25]]), 0.1)
assert value is not None, "my_error returns nothing: end with return"
assert np.ndim(value) == 0, f"expected a number, got {value}"
assert abs(value - 0.1 * (1 + 0.25 + 4 + 1)) < 1e-9, "the scores are 1, 0.5, 2 and 1"
print("Right for one dimension.")


# %% question="5.3" role="hidden"
def hidden(rng, drawn):
    import numpy as np

    def draw(number, dim):
        """Embeddings of tenths."""
        return np.array([[rng.randint(-15, 20) / 10 for _ in range(dim)] for _ in range(number)])

    def case(num_users, num_items, dim, num_pairs, alpha0):
        """Scores of some pairs, and two matrices whose other products have other sums."""
        while True:
            user_emb, item_emb = draw(num_users, dim), draw(num_items, dim)
            left, right = user_emb.T @ user_emb, item_emb.T @ item_emb
            others = (left @ right).sum(), np.trace(left) * np.trace(right)
            if dim == 1 or min(abs(other - (left * right).sum()) for other in others) > 1:
                break
        pairs = rng.sample([(u, i) for u in range(num_users) for i in range(num_items)], num_pairs)
        shown = [round(float(user_emb[u] @ item_emb[i]), 6) for u, i in pairs]
        return shown, left, right, alpha0

    return [
        Part(
            "the ones alone",
            2,
            "Where alpha0 is 0, only the train interactions are left.",
            [case(4, 5, 3, 8, 0.0), case(3, 3, 1, 5, 0.0)],
        ),
        Part(
            "one dimension",
            1,
            "With one number a node, the sum over all cells is a product of two sums.",
            [case(4, 5, 1, 8, 0.2), case(6, 3, 1, 7, 0.1)],
        ),
        Part(
            "several dimensions",
            4,
            "Try two users, two films, two dimensions: all four scores, squared, against yours.",
            [case(5, 6, 2, 9, 0.5), case(7, 4, 3, 12, 0.25), case(9, 9, 4, 1, 0.1)],
        ),
        Part(
            "no interaction",
            1,
            "Without an interaction there is still a sum over all cells.",
            [([], *case(4, 5, 2, 1, 0.5)[1:])],
        ),
    ]


# %% question="5.3" role="right"
def my_error(shown, user_gram, item_gram, alpha0):
    return ((1 - np.array(shown)) ** 2).sum() + alpha0 * np.trace(user_gram @ item_gram)


# %% question="5.3" role="right"
import torch


def my_error(shown, user_gram, item_gram, alpha0):
    # Any embeddings with these products have the same sum: take roots of the two matrices.
    def root(gram):
        level, basis = torch.linalg.eigh(torch.from_numpy(gram))
        return level.clamp(min=0).sqrt()[:, None] * basis.T

    cells = root(user_gram) @ root(item_gram).T
    ones = (1 - torch.tensor(shown, dtype=torch.double)).square().sum()
    return ones + alpha0 * cells.square().sum()


# %% question="5.3" role="wrong" loses=["several dimensions", "no interaction"]
def my_error(shown, user_gram, item_gram, alpha0):
    ones = sum((1 - score) ** 2 for score in shown)
    return ones + alpha0 * np.trace(user_gram) * np.trace(item_gram)


# %% question="5.3" role="wrong" loses=["several dimensions", "no interaction"]
def my_error(shown, user_gram, item_gram, alpha0):
    return sum((1 - score) ** 2 for score in shown) + alpha0 * (user_gram @ item_gram).sum()


# %% question="5.3" role="wrong" loses=["one dimension", "several dimensions"]
def my_error(shown, user_gram, item_gram, alpha0):
    cells = (user_gram * item_gram).sum() - sum(score**2 for score in shown)  # the zeros alone
    return sum((1 - score) ** 2 for score in shown) + alpha0 * cells


# %% question="5.3" role="wrong" loses=["one dimension", "several dimensions", "no interaction"]
def my_error(shown, user_gram, item_gram, alpha0):
    return sum((1 - score) ** 2 for score in shown) + alpha0 * ((user_gram @ item_gram) ** 2).sum()


# %% question="5.3" role="wrong" loses=["the ones alone", "one dimension", "several dimensions"]
def my_error(shown, user_gram, item_gram, alpha0):
    ones = sum((1 - score) ** 2 for score in shown) / max(len(shown), 1)  # a mean
    return ones + alpha0 * (user_gram * item_gram).sum()


# %% question="5.3" role="wrong" loses="all"
def my_error(shown, user_gram, item_gram, alpha0):
    return sum((1 - score) ** 2 for score in shown) + (user_gram * item_gram).sum()


# %% [markdown] question="5.4" asks="my_temperature" minutes=25
# ## Question 5.4 Which temperature does that?
#
# **Outcome.** You can say what a temperature does to the push on the negatives, and set it on purpose
# (chapter 10).
#
# Chapter 10 measures, for some temperatures, how much of the push on a user's negatives falls on the
# $k$ highest scoring ones. Turn the question round. Write `my_temperature(scores, mine, k, share)`:
# `scores` is a list with one user's score of each film, before it is divided by anything, `mine` a
# list of booleans that says which films the user has. Return the temperature at which, of all the
# push by (10.4) on the films that are *not* the user's, exactly `share` falls on the `k` of them with
# the highest scores. Between 0.01 and 1,000 there is just one.


# %% question="5.4" role="answer"
def my_temperature(scores, mine, k, share):
    # BEGIN SOLUTION
    pushed = np.sort([s for s, own in zip(scores, mine, strict=True) if not own])[::-1]

    def on_top(tau):  # what the user's films add below the line is the same for all negatives
        force = np.exp((pushed - pushed[0]) / tau)
        return force[:k].sum() / force.sum()

    low, high = np.log(0.01), np.log(1000)
    for _ in range(60):
        middle = (low + high) / 2
        if on_top(np.exp(middle)) > share:
            low = middle  # the push is on too few: warmer
        else:
            high = middle
    return np.exp(middle)
    # END SOLUTION


# %% question="5.4" role="check"
log, tau = np.log, {{temperature}}
value = my_temperature([tau * log(3), 0.0, 1.0], [False, False, True], 1, 0.75)
assert value is not None, "my_temperature returns nothing: end with return"
assert np.ndim(value) == 0, f"expected a number, got {value}"
assert abs(value - tau) < 1e-3, "at this temperature one film is pushed three times as hard"
print("Right for two negatives.")


# %% question="5.4" role="hidden"
def hidden(rng, drawn):
    import numpy as np

    def case(size, own, k, tau, spread=1.0, shift=0.0, best=False):
        """A user whose own films are drawn, or score highest."""
        while True:
            scores = [round(shift + spread * rng.gauss(0, 1), 4) for _ in range(size)]
            order = sorted(range(size), key=lambda n: -scores[n])
            chosen = order[:own] if best else rng.sample(range(size), own)
            mine = [n in chosen for n in range(size)]
            pushed = sorted((s for s, m in zip(scores, mine) if not m), reverse=True)
            first = [s for s, m in zip(scores, mine) if not m][:k]
            gap = pushed[k - 1] - pushed[k]
            force = np.exp((np.array(pushed) - pushed[0]) / tau)
            share = float(force[:k].sum() / force.sum())
            if sorted(first, reverse=True) != pushed[:k] and gap > 0.05 * spread and share < 0.97:
                return scores, mine, k, share

    return [
        Part(
            "two negatives",
            2,
            "With two negatives their shares have the ratio exp of their difference over tau.",
            [case(3, 1, 1, tau) for tau in (0.7, 1.5, 0.4)],
        ),
        Part(
            "many negatives",
            3,
            "The share rises as the temperature falls: halve an interval until it is narrow.",
            [case(40, 6, 5, 0.5), case(25, 3, 1, 1.2), case(60, 10, 10, 3.0)],
        ),
        Part(
            "own films on top",
            2,
            "A user's own films are no negatives: they take no part of the push on these.",
            [case(20, 4, 3, 0.8, best=True), case(12, 2, 2, 0.5, best=True)],
        ),
        Part(
            "scores in the thousands",
            2,
            "exp of a thousand overflows. Only differences of scores count.",
            [case(20, 3, 2, 40.0, 50, 30000), case(15, 2, 1, 2.0, 3, -9000)],
        ),
    ]


# %% question="5.4" role="right"
from scipy.optimize import brentq
from scipy.special import softmax


def my_temperature(scores, mine, k, share):
    z = np.where(mine, -np.inf, scores)

    def gap(log_tau):
        return np.sort(softmax(z / np.exp(log_tau)))[-k:].sum() - share

    return np.exp(brentq(gap, np.log(0.01), np.log(1000)))


# %% question="5.4" role="right"
import torch


def my_temperature(scores, mine, k, share):
    scores, mine = torch.tensor(scores, dtype=torch.double), torch.tensor(mine)
    low, high = 0.01, 1000.0
    while high / low > 1 + 1e-9:
        middle = (low * high) ** 0.5
        p = torch.softmax(scores / middle, 0)[~mine]
        if p.sum() == 0:  # the user's films have it all
            p = torch.softmax(scores[~mine] / middle, 0)
        if p.topk(k).values.sum() / p.sum() > share:
            low = middle
        else:
            high = middle
    return torch.tensor(low)


# %% question="5.4" role="wrong" loses="all"
def my_temperature(scores, mine, k, share):
    pushed = np.sort(np.array(scores))[::-1]  # the user's films are among them
    low, high = np.log(0.01), np.log(1000)
    for _ in range(60):
        middle = (low + high) / 2
        force = np.exp((pushed - pushed[0]) / np.exp(middle))
        if force[:k].sum() / force.sum() > share:
            low = middle
        else:
            high = middle
    return np.exp(middle)


# %% question="5.4" role="wrong" loses=["scores in the thousands"]
def my_temperature(scores, mine, k, share):
    pushed = np.sort(np.array(scores)[~np.array(mine)])[::-1]
    low, high = np.log(0.01), np.log(1000)
    for _ in range(60):
        middle = (low + high) / 2
        with np.errstate(all="ignore"):
            force = np.exp(pushed / np.exp(middle))  # infinite, or all zero
            top = force[:k].sum() / force.sum()
        if top > share:
            low = middle
        else:
            high = middle
    return np.exp(middle)


# %% question="5.4" role="wrong" loses=["many negatives", "own films on top", "scores in the thousands"]
def my_temperature(scores, mine, k, share):
    pushed = np.sort(np.array(scores)[~np.array(mine)])[::-1]
    return (pushed[0] - pushed[1]) / np.log(share / (1 - share))  # two negatives only


# %% question="5.4" role="wrong" loses="all"
def my_temperature(scores, mine, k, share):
    pushed = np.array(scores)[~np.array(mine)]  # the first k, not the highest
    low, high = np.log(0.01), np.log(1000)
    for _ in range(60):
        middle = (low + high) / 2
        force = np.exp((pushed - pushed.max()) / np.exp(middle))
        if force[:k].sum() / force.sum() > share:
            low = middle
        else:
            high = middle
    return np.exp(middle)


# %% question="5.4" role="wrong" loses="all"
def my_temperature(scores, mine, k, share):
    return 0.23  # the book's


# %% [markdown] question="5.5" asks="my_loss" minutes=25
# ## Question 5.5 Negatives of two kinds
#
# **Outcome.** You can correct a sampled softmax for the way in which its negatives were drawn
# (chapter 10).
#
# A softmax over all films is too expensive, so $M$ films are drawn as negatives. The draw is a
# mixture: with probability `even` each of the $n$ films is equally likely, otherwise a film is drawn
# in proportion to its number of users. Each draw is independent of the others, and one film may come
# twice. With $q_j$ the probability that one draw gives film $j$, the loss of a pair of a user and
# their film $i$ is
#
# $$L = -s_i + \ln\Bigl( e^{s_i} + \frac{1}{M} \sum_{m:\, j_m \ne i} \frac{e^{s_{j_m}}}{q_{j_m}} \Bigr).$$
#
# A draw that gives the film $i$ itself adds nothing to the sum, but counts in $M$: then the mean of
# the bracket over all draws is the sum over all films. Write
# `my_loss(scores, item, drawn, degree, even)`: `scores` is a list with the user's score of every film,
# already divided by the temperature; `item` is $i$; `drawn` is the list $j_1, \dots, j_M$; `degree` is
# the list of the films' numbers of users. Working out $q_j$ is part of the task.


# %% question="5.5" role="answer"
def my_loss(scores, item, drawn, degree, even):
    # BEGIN SOLUTION
    q = even / len(degree) + (1 - even) * np.array(degree) / sum(degree)
    terms = [scores[item]]
    terms += [scores[j] - np.log(q[j]) - np.log(len(drawn)) for j in drawn if j != item]
    return np.logaddexp.reduce(terms) - scores[item]
    # END SOLUTION


# %% question="5.5" role="check"
# Each film is equally likely, and each draw stands for two: 1 + (4 e^0 + 4 e^0) / 2 is five.
value = my_loss([0.0, 0.0, 0.0, 0.0], 0, [1, 2], [1, 1, 1, 1], 1)
assert value is not None, "my_loss returns nothing: end with return"
assert np.ndim(value) == 0, f"expected a number, got {value}"
assert abs(value - np.log(5)) < 1e-9, f"expected ln 5 = 1.609, got {value}"
print("Right for equal scores and an even draw.")


# %% question="5.5" role="hidden"
def hidden(rng, drawn):
    def case(even, size=12, number=6, own=0, shift=0.0, spread=1.0):
        """Draws in which the pair's own film comes ``own`` times."""
        while True:
            degree = [rng.randint(1, 40) for _ in range(size)]
            if len({*degree}) > 6 and abs(sum(degree) / size - 20) < 4:
                break
        scores = [round(shift + spread * rng.gauss(0, 1), 3) for _ in range(size)]
        item = rng.randrange(size)
        others = [j for j in range(size) if j != item and abs(degree[j] - 20) > 4]
        draws = [rng.choice(others) for _ in range(number - own)] + [item] * own
        return scores, item, rng.sample(draws, number), degree, even

    return [
        Part(
            "drawn evenly",
            2,
            "Where all films are equally likely q is one over their number.",
            [case(1.0), case(1.0, 20, 9)],
        ),
        Part(
            "drawn by their users",
            2,
            "Where films are drawn by degree q is the film's share of all interactions.",
            [case(0.0), case(0.0, 20, 9)],
        ),
        Part(
            "drawn in both ways",
            3,
            "Either way may give the film: what is its chance in all?",
            [case(0.5), case(rng.randint(2, 8) / 10, 20, 9), case(0.25, 15, 5)],
        ),
        Part(
            "its own film among the draws",
            2,
            "Leave such a draw out of the sum, and count it in M.",
            [
                case(1.0, own=2),
                case(0.0, own=1, number=3),
                case(0.5, own=3),
                case(0.5, 8, 2, own=2),
            ],
        ),
        Part(
            "scores of a thousand",
            1,
            "Take out the largest exponent before exp, as ln(a + b) = m + ln(a / e^m + b / e^m).",
            [case(0.5, shift=1000.0), case(0.5, shift=-1000.0), case(0.5, spread=900.0)],
        ),
    ]


# %% question="5.5" role="right"
import torch


def my_loss(scores, item, drawn, degree, even):
    scores = torch.tensor(scores, dtype=torch.double)
    degree = torch.tensor(degree, dtype=torch.double)
    drawn = torch.tensor(drawn)
    q = even / len(degree) + (1 - even) * degree / degree.sum()
    corrected = scores[drawn] - (len(drawn) * q[drawn]).log()
    corrected = corrected.masked_fill(drawn == item, -torch.inf)
    row = torch.cat([scores[item : item + 1], corrected])
    return torch.nn.functional.cross_entropy(row[None], torch.tensor([0]))


# %% question="5.5" role="right"
from math import exp, log


def my_loss(scores, item, drawn, degree, even):
    several, total = {}, sum(degree)
    for j in drawn:  # how often each film came
        several[j] = several.get(j, 0) + 1
    several.pop(item, None)
    top = max(scores[j] for j in [item, *several])
    inside = exp(scores[item] - top)
    for j, times in several.items():
        q = even * (1 / len(degree)) + (1 - even) * (degree[j] / total)
        inside += times * exp(scores[j] - top) / q / len(drawn)
    return top + log(inside) - scores[item]


# %% question="5.5" role="wrong" loses=["drawn by their users", "drawn in both ways", "its own film among the draws", "scores of a thousand"]
def my_loss(scores, item, drawn, degree, even):
    q = np.full(len(degree), 1 / len(degree))  # as if the draw were even
    terms = [scores[item]]
    terms += [scores[j] - np.log(q[j]) - np.log(len(drawn)) for j in drawn if j != item]
    return np.logaddexp.reduce(terms) - scores[item]


# %% question="5.5" role="wrong" loses=["drawn evenly", "drawn in both ways", "its own film among the draws", "scores of a thousand"]
def my_loss(scores, item, drawn, degree, even):
    q = np.array(degree) / sum(degree)  # as in the batch
    terms = [scores[item]]
    terms += [scores[j] - np.log(q[j]) - np.log(len(drawn)) for j in drawn if j != item]
    return np.logaddexp.reduce(terms) - scores[item]


# %% question="5.5" role="wrong" loses=["drawn in both ways", "its own film among the draws", "scores of a thousand"]
def my_loss(scores, item, drawn, degree, even):
    log_q = -even * np.log(len(degree))  # a mixture of the logarithms
    log_q = log_q + (1 - even) * np.log(np.array(degree) / sum(degree))
    terms = [scores[item]]
    terms += [scores[j] - log_q[j] - np.log(len(drawn)) for j in drawn if j != item]
    return np.logaddexp.reduce(terms) - scores[item]


# %% question="5.5" role="wrong" loses=["its own film among the draws"]
def my_loss(scores, item, drawn, degree, even):
    q = even / len(degree) + (1 - even) * np.array(degree) / sum(degree)
    kept = [j for j in drawn if j != item]
    terms = [scores[item], *(scores[j] - np.log(q[j]) - np.log(len(kept)) for j in kept)]
    return np.logaddexp.reduce(terms) - scores[item]


# %% question="5.5" role="wrong" loses=["its own film among the draws"]
def my_loss(scores, item, drawn, degree, even):
    q = even / len(degree) + (1 - even) * np.array(degree) / sum(degree)
    terms = [scores[item], *(scores[j] - np.log(q[j]) - np.log(len(drawn)) for j in drawn)]
    return np.logaddexp.reduce(terms) - scores[item]


# %% question="5.5" role="wrong" loses=["scores of a thousand"]
def my_loss(scores, item, drawn, degree, even):
    q = even / len(degree) + (1 - even) * np.array(degree) / sum(degree)
    with np.errstate(all="ignore"):
        negative = sum(np.exp(scores[j]) / q[j] for j in drawn if j != item) / len(drawn)
        return np.log(np.exp(scores[item]) + negative) - scores[item]


# %% question="5.5" role="wrong" loses="all"
def my_loss(scores, item, drawn, degree, even):
    q = even / len(degree) + (1 - even) * np.array(degree) / sum(degree)
    terms = [scores[j] - np.log(q[j]) - np.log(len(drawn)) for j in drawn]
    return np.logaddexp.reduce(terms) - scores[item]  # without the film itself


# %% [markdown] question="5.6" minutes=20 points=8
# ## Question 5.6 Was it the loss?
#
# **Outcome.** You can plan a comparison that tells which change a gain comes from (chapters 9 and 10).
#
# Your shop has 200,000 users and {{films}} items, and lists come from a LightGCN with three layers that
# was trained with BPR, 1,024 triplets a step. A colleague trains the same model with the softmax over
# cosines and all users in one step. After twenty tries with temperature and learning rate, validation
# recall@20 is {{gain}} % higher. The colleague writes: "It is the loss that counts. With this loss we
# may drop the layers as well, as chapter 10 shows." You may spend {{runs}} training runs, and as many
# fits of models that are solved as you like. Say in at most 200 words what the {{gain}} % do and do not
# show, which runs you make, how you choose settings, and which result would make you agree.

# %% [markdown] question="5.6" role="answer"
# **Your answer to question 5.6.** Write here, in place of this sentence.

# %% [markdown] question="5.6" role="instructor"
# **Rubric for question 5.6** (8 points, by hand)
#
# | points | the answer |
# |---|---|
# | 8 | sees that loss, cosines, batch and number of tries changed together, and that validation chose the tries; crosses at least loss, batch and layers (not one at a time), tunes each cell with the same number of tries on validation, and says how the runs are divided; decides on test over splits or users, paired, with an interval, and with a margin or a result named beforehand; has EASE or iALS in the table; does not take chapter 10's levels, found on other data, for its own |
# | 5 | sees that several things changed, crosses at least two factors or tunes the old model as long as the new one, and asks for an interval or several seeds; lacks the solved models, the test part, or what would count as agreement |
# | 2 | asks for more seeds or more data, or changes one knob at a time, without saying what was mixed up |
# | 0 | agrees because the gain is large, or refuses without a reason |
#
# **Sample answer, 8 points.** Four things changed at once: the loss, the score (cosines), the batch, and
# twenty tries where BPR had its old settings. The {{gain}} % are the best of twenty on the part that
# chose them, so they are too high as well. Chapter 10's layers were level on MovieLens; on our items that
# is a question. Twelve cells: BPR or softmax, 1,024 triplets or the large batch, layers 0, 1 and 3. Each gets three
# settings of learning rate and penalty (for the softmax also temperature), drawn once, on one validation
# part: 36 runs, patience the same for all. What is left repeats the cells in question on new splits.
# EASE and iALS, which cost no runs, are searched alike. I choose on validation and look at test once, over
# users, in pairs. Beforehand I say: 0.003 recall is level. I agree on the loss if the softmax's mean over
# batches and layers is ahead of BPR's by more than that, and on the layers if with the softmax the
# interval of none against three lies within the margin. If only the softmax with the large batch gains,
# it may be the batch.
#
# **Sample answer, 2 points.** One run can be luck. I would train both models with ten seeds each, compute
# the mean and the standard deviation and do a t-test. Then I would try zero, one, two and three layers
# with the softmax and take the best. If the softmax is significantly better we should use it.
