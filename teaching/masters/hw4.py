# %% [markdown]
# # Homework 4: LightGCN, and how sure a lead is
#
# It is about chapters 7 and 8 of the book: {{points}} points, about {{minutes}} minutes. Put your
# code in place of the dots. The cell below each question checks the form of your answer and one
# case that you can follow with a pencil; your grade comes from other cases. Functions get plain
# lists and tensors, and leave what they are given as it was. Ask for no more than a second of
# computing, and let each question stand for itself: a function of one does not call another's.

# %% role="variant"
def variant(rng):
    """Five intervals, one of each kind, under names in any order, and a paper's p values."""

    def interval(middle, half):
        return round((middle - half) / 1000, 4), round((middle + half) / 1000, 4)

    kinds = {
        "above": interval(rng.randint(12, 17), rng.uniform(4.5, 6.5)),
        "below": interval(-rng.randint(12, 17), rng.uniform(4.5, 6.5)),
        "level": interval(rng.uniform(-0.8, 0.8), rng.uniform(2.5, 3.5)),
        "open": interval(rng.choice([-1, 1]) * rng.uniform(1, 3), rng.uniform(9, 12)),
        "small": interval(rng.uniform(2.6, 2.8), rng.uniform(1.5, 1.8)),
    }
    names = rng.sample("PQRST", 5)
    named = dict(zip(kinds, names, strict=True))
    smallest, measures = rng.choice([0.011, 0.012, 0.013, 0.014]), rng.choice([5, 6, 7])
    return named | {
        "leads": {name: kinds[kind] for kind, name in sorted(named.items(), key=lambda at: at[1])},
        "smallest": smallest,
        "measures": measures,
        "rest": measures - 1,
        "adjusted": round(smallest * measures, 3),
        "trials": rng.choice([40, 50, 60]),
        "users": rng.choice(["5,400", "6,200", "7,100"]),
    }


# %%
import matplotlib.pyplot as plt
import numpy as np
import torch
from scipy import stats

from recbook.plotting import COLORS, set_style

set_style()

# %% [markdown] question="4.1" asks="my_verdicts" minutes=10
# ## Question 4.1 Read the intervals
#
# **Outcome.** You can say what an interval and a margin allow to be said of two models (chapter 8).
#
# Five models, P to T, were each compared with matrix factorisation over the same splits. The figure
# has each model's lead in recall with its corrected interval (8.5), and as a grey band the
# differences that count as none, less than 0.005. Take each comparison as if it were the only one,
# so that nothing is corrected for their number. Put into the dict `my_verdicts` for each model one
# of the book's four verdicts: `"ahead"`, `"behind"`, `"level"` or `"open"`. Where an interval
# allows two of them, take the one that chapter 8 gives first.

# %%
leads = {{leads}}
fig, ax = plt.subplots(figsize=(6, 3))
ax.axvspan(-0.005, 0.005, color="#DDDDDD")
ax.axvline(0, color="black", linewidth=1)
for place, (low, high) in enumerate(leads.values()):
    ax.plot([low, high], [place, place], color=COLORS["LightGCN"])
    ax.plot((low + high) / 2, place, "o", color=COLORS["LightGCN"])
ax.set(xlabel="lead in recall@20 over matrix factorisation", ylim=(4.6, -0.6))
ax.set_xticks([-0.02, -0.01, 0, 0.01, 0.02])
ax.set_yticks(range(5), leads)
plt.show()

# %% question="4.1" role="answer"
my_verdicts = {"P": ..., "Q": ..., "R": ..., "S": ..., "T": ...}
# BEGIN SOLUTION
for name, (low, high) in leads.items():
    if low > 0 or high < 0:
        my_verdicts[name] = "ahead" if low > 0 else "behind"
    else:
        my_verdicts[name] = "level" if -0.005 < low and high < 0.005 else "open"
# END SOLUTION

# %% question="4.1" role="check"
assert set(my_verdicts) == set("PQRST"), "my_verdicts has other keys"
words = {"ahead", "behind", "level", "open"}
assert set(my_verdicts.values()) <= words, f"each value is one of {sorted(words)}"
print("The form is right.")


# %% question="4.1" role="hidden"
def hidden(rng, drawn):
    hint = "Does the interval hold 0? Does it reach beyond the margin, on one side or on both?"
    titles = {
        "above": "an interval far above 0",
        "below": "an interval far below 0",
        "level": "a narrow interval that holds 0",
        "open": "a wide interval that holds 0",
        "small": "a narrow interval just above 0",
    }
    return [Part(title, 1, hint, key=drawn[kind]) for kind, title in titles.items()]


# %% question="4.1" role="right"
my_verdicts = dict(reversed(my_verdicts.items()))

# %% question="4.1" role="right"
import pandas as pd

my_verdicts = pd.Series(my_verdicts)

# %% question="4.1" role="wrong" loses=["a wide interval that holds 0"]
my_verdicts = my_verdicts | {{{open}}: "level"}  # "not significant" taken for equal

# %% question="4.1" role="wrong" loses=["a narrow interval that holds 0"]
my_verdicts = my_verdicts | {{{level}}: "open"}  # zero cannot be refused, and that is all

# %% question="4.1" role="wrong" loses=["a narrow interval just above 0"]
my_verdicts = my_verdicts | {{{small}}: "level"}

# %% question="4.1" role="wrong" loses=["an interval far below 0"]
my_verdicts = my_verdicts | {{{below}}: "ahead"}  # zero is not in it

# %% question="4.1" role="wrong" loses=["a narrow interval that holds 0", "a wide interval that holds 0"]
middles = {name: low + high for name, (low, high) in leads.items()}
my_verdicts = {name: "ahead" if middle > 0 else "behind" for name, middle in middles.items()}

# %% question="4.1" role="wrong" loses="all"
my_verdicts = {"P": "?", "Q": "?", "R": "?", "S": "?", "T": "?"}

# %% [markdown] question="4.2" asks="my_falls" minutes=25
# ## Question 4.2 What if she had not liked it?
#
# **Outcome.** You can compute LightGCN on any graph, and say what one interaction does to a score
# (chapter 7).
#
# "You see this film because you liked that one": chapter 7 splits a score into a part for each
# film, on the graph as it is. Another way to say what a film does is to take it away. Write
# `my_falls(pairs, num_users, x, num_layers, user, film)`: for each film that `user` liked, by how
# much the score of `film` for `user` falls if this one interaction had not happened and everything
# is computed again, all degrees too, with the same layer 0. (Nothing is trained.) `pairs` is a list
# of pairs (user, item), without (`user`, `film`); `x` is layer 0, a tensor with a row for each
# node, users first. The result is a dict from the film that is taken away to the fall, negative
# where the score rises. The score is that of (7.3), with `num_layers` layers, which may be 0. A
# node that has lost its last edge hears nothing.


# %% question="4.2" role="answer"
def my_falls(pairs, num_users, x, num_layers, user, film):
    # BEGIN SOLUTION
    def score(pairs):
        A = torch.zeros(len(x), len(x))
        for u, i in pairs:
            A[u, num_users + i] = A[num_users + i, u] = 1
        degree = A.sum(1).clamp(min=1)
        A_norm = A / (degree[:, None] * degree).sqrt()
        layer = total = x
        for _ in range(num_layers):
            layer = A_norm @ layer
            total = total + layer
        final = total / (num_layers + 1)
        return (final[user] @ final[num_users + film]).item()

    whole, mine = score(pairs), [i for u, i in pairs if u == user]
    return {i: whole - score([pair for pair in pairs if pair != (user, i)]) for i in mine}
    # END SOLUTION


# %% question="4.2" role="check"
toy = [(0, 0), (1, 0), (1, 1)]  # Ann and Bob like film 0, Bob likes film 1 as well
falls = my_falls(toy, 2, torch.tensor([[2.0], [0.0], [4.0], [1.0]]), 1, user=0, film=1)
assert falls is not None, "my_falls returns nothing: end with return"
assert set(falls) == {0}, "a dict with an entry for each film that the user liked"
with_it, without = (2 + 4 * 0.5**0.5) / 2 * (1 / 2), (2 / 2) * (1 / 2)
assert abs(float(falls[0]) - (with_it - without)) < 1e-5, f"{with_it:.3f} falls to {without:.3f}"
print("Right for one small case.")


# %% question="4.2" role="hidden"
def hidden(rng, drawn):
    import torch

    def start(nodes):
        numbers = [[round(rng.uniform(-2, 2), 2) for _ in range(3)] for _ in range(nodes)]
        return torch.tensor(numbers)

    def graph(num_layers):
        """Six users and five films; no node has fewer than two edges, user 0 has not film 4."""
        while True:
            likes = [set(rng.sample(range(5), rng.randint(2, 4))) for _ in range(6)]
            many = [sum(film in own for own in likes) for film in range(5)]
            if min(many) >= 2 and 4 not in likes[0] and 3 in likes[0]:
                break
        pairs = [(user, film) for user, own in enumerate(likes) for film in sorted(own)]
        return rng.sample(pairs, len(pairs)), 6, start(11), num_layers, 0, 4

    def lonely(num_layers, user):
        """User 0 has one film, which nobody else has; user 1 has such a film and another one."""
        pairs = [(0, 0), (1, 1), (1, 2), (2, 2), (2, 3), (3, 3)]
        return rng.sample(pairs, len(pairs)), 4, start(8), num_layers, user, 3

    return [
        Part(
            "without layers",
            1,
            "With K = 0 a score is the product of two rows of layer 0, whatever the graph.",
            [graph(0)],
            tolerance=1e-4,
        ),
        Part(
            "one layer",
            2,
            "The user's degree falls as well, so that each of the other films counts for more.",
            [graph(1) for _ in range(2)],
            tolerance=1e-4,
        ),
        Part(
            "several layers",
            3,
            "What is taken away may also have reached the film that is scored.",
            [graph(number) for number in (3, 4)],
            tolerance=1e-4,
        ),
        Part(
            "the last edge of a node",
            2,
            "A node with degree 0 gets zeros in each layer but layer 0; nothing is divided by 0.",
            [lonely(*case) for case in ((1, 0), (3, 0), (1, 1), (2, 1))],
            tolerance=1e-4,
        ),
    ]


# %% question="4.2" role="right"
from recbook.graph import bipartite_edge_index, layer_mean, normalized_adjacency


def my_falls(pairs, num_users, x, num_layers, user, film):
    def score(pairs):
        u, i = torch.tensor(pairs).T
        edge_index = bipartite_edge_index(u, i, num_users)
        adj = normalized_adjacency(edge_index, num_nodes=len(x)).to_dense()
        final = layer_mean(x, num_layers, lambda layer: adj @ layer)
        return final[user] @ final[num_users + film]

    falls = {}
    for place, (u, i) in enumerate(pairs):
        if u == user:
            falls[i] = score(pairs) - score(pairs[:place] + pairs[place + 1 :])
    return falls


# %% question="4.2" role="right"
def my_falls(pairs, num_users, x, num_layers, user, film):
    def score(pairs):
        near = {}
        for u, i in pairs:
            near.setdefault(u, []).append(num_users + i)
            near.setdefault(num_users + i, []).append(u)
        layers = [x.numpy()]
        for _ in range(num_layers):
            new = np.zeros_like(layers[0])
            for v, others in near.items():
                for w in others:
                    new[v] += layers[-1][w] / np.sqrt(len(others) * len(near[w]))
            layers.append(new)
        mean = np.mean(layers, axis=0)
        return mean[user] @ mean[num_users + film]

    own = sorted(i for u, i in pairs if u == user)
    return {i: score(pairs) - score([p for p in pairs if p != (user, i)]) for i in own}


# %% question="4.2" role="wrong" loses=["one layer", "several layers", "the last edge of a node"]
def my_falls(pairs, num_users, x, num_layers, user, film):  # the parts of chapter 7, old degrees
    A = torch.zeros(len(x), len(x))
    for u, i in pairs:
        A[u, num_users + i] = A[num_users + i, u] = 1
    degree = A.sum(1).clamp(min=1)
    A_norm = A / (degree[:, None] * degree).sqrt()
    layers = [x]
    for _ in range(num_layers):
        layers.append(A_norm @ layers[-1])
    to = sum(layers)[num_users + film] / (num_layers + 1) ** 2
    below = sum(layers[:-1], torch.zeros_like(x))
    return {
        i: A_norm[user, num_users + i] * below[num_users + i] @ to for u, i in pairs if u == user
    }


# %% question="4.2" role="wrong" loses=["several layers", "the last edge of a node"]
def my_falls(pairs, num_users, x, num_layers, user, film):  # the film's embedding stays as it was
    def final(pairs):
        A = torch.zeros(len(x), len(x))
        for u, i in pairs:
            A[u, num_users + i] = A[num_users + i, u] = 1
        degree = A.sum(1).clamp(min=1)
        A_norm = A / (degree[:, None] * degree).sqrt()
        layer = total = x
        for _ in range(num_layers):
            layer = A_norm @ layer
            total = total + layer
        return total / (num_layers + 1)

    to, mine = final(pairs)[num_users + film], [i for u, i in pairs if u == user]
    made = {i: final([pair for pair in pairs if pair != (user, i)])[user] for i in mine}
    return {i: (final(pairs)[user] - own) @ to for i, own in made.items()}


# %% question="4.2" role="wrong" loses=["the last edge of a node"]
def my_falls(pairs, num_users, x, num_layers, user, film):  # 0 divided by 0
    def score(pairs):
        A = torch.zeros(len(x), len(x))
        for u, i in pairs:
            A[u, num_users + i] = A[num_users + i, u] = 1
        root = torch.diag(A.sum(1) ** -0.5)
        layer = total = x
        for _ in range(num_layers):
            layer = root @ A @ root @ layer
            total = total + layer
        return (total[user] @ total[num_users + film]).item() / (num_layers + 1) ** 2

    whole, mine = score(pairs), [i for u, i in pairs if u == user]
    return {i: whole - score([pair for pair in pairs if pair != (user, i)]) for i in mine}


# %% question="4.2" role="wrong" loses=["one layer", "several layers", "the last edge of a node"]
def my_falls(pairs, num_users, x, num_layers, user, film):  # the last layer for the mean
    def score(pairs):
        A = torch.zeros(len(x), len(x))
        for u, i in pairs:
            A[u, num_users + i] = A[num_users + i, u] = 1
        degree = A.sum(1).clamp(min=1)
        layer = x
        for _ in range(num_layers):
            layer = A / (degree[:, None] * degree).sqrt() @ layer
        return (layer[user] @ layer[num_users + film]).item()

    whole, mine = score(pairs), [i for u, i in pairs if u == user]
    return {i: whole - score([pair for pair in pairs if pair != (user, i)]) for i in mine}


# %% question="4.2" role="wrong" loses=["one layer", "several layers", "the last edge of a node"]
def my_falls(pairs, num_users, x, num_layers, user, film):  # the mean over the neighbours
    def score(pairs):
        A = torch.zeros(len(x), len(x))
        for u, i in pairs:
            A[u, num_users + i] = A[num_users + i, u] = 1
        layer = total = x
        for _ in range(num_layers):
            layer = A @ layer / A.sum(1).clamp(min=1)[:, None]
            total = total + layer
        return (total[user] @ total[num_users + film]).item() / (num_layers + 1) ** 2

    whole, mine = score(pairs), [i for u, i in pairs if u == user]
    return {i: whole - score([pair for pair in pairs if pair != (user, i)]) for i in mine}


# %% question="4.2" role="wrong" loses="all"
def my_falls(pairs, num_users, x, num_layers, user, film):  # what is left, not the fall
    def score(pairs):
        A = torch.zeros(len(x), len(x))
        for u, i in pairs:
            A[u, num_users + i] = A[num_users + i, u] = 1
        degree = A.sum(1).clamp(min=1)
        layer = total = x
        for _ in range(num_layers):
            layer = A / (degree[:, None] * degree).sqrt() @ layer
            total = total + layer
        return (total[user] @ total[num_users + film]).item() / (num_layers + 1) ** 2

    mine = [i for u, i in pairs if u == user]
    return {i: score([pair for pair in pairs if pair != (user, i)]) for i in mine}


# %% [markdown] question="4.3" asks="my_hit_p" minutes=20
# ## Question 4.3 All choices of signs, in a moment
#
# **Outcome.** You can compute a paired test exactly where nobody could go through all cases
# (chapter 8).
#
# The randomisation test (8.4) goes through $2^{|\mathcal{U}|}$ choices of signs; for 938 users
# chapter 8 draws ten thousand of them at random. For the *hit rate* nothing needs to be drawn,
# because a user's difference is 1, 0 or -1, and it does not matter which users have it. Write
# `my_hit_p(a, b)` for two lists that say for each user, in the same order, whether a model's list
# has a hit (1) or not (0): the p value of (8.4), exactly, for a thousand users in less than a
# second.
#
# <details><summary>A hint</summary>What do the signs of users with difference 0 change? If n users
# are left, how often is the sum of their n signs equal to n - 2m?</details>


# %% question="4.3" role="answer"
def my_hit_p(a, b):
    # BEGIN SOLUTION
    wins = sum(x > y for x, y in zip(a, b, strict=True))
    n = wins + sum(x < y for x, y in zip(a, b, strict=True))
    least = max(wins, n - wins)
    return 1.0 if 2 * least == n else 2 * stats.binom.sf(least - 1, n, 0.5)
    # END SOLUTION


# %% question="4.3" role="check"
p = my_hit_p([1, 1, 1, 0], [0, 0, 0, 0])
assert isinstance(p, int | float), f"expected a number, got {p}"
assert abs(p - 2 / 8) < 1e-9, "three users differ: all signs + and all signs - of eight"
print("Right for one small case.")


# %% question="4.3" role="hidden"
def hidden(rng, drawn):
    def hits(first, second, both, neither):
        """Lists in which the first model alone has ``first`` hits, and so on."""
        users = [(1, 0)] * first + [(0, 1)] * second + [(1, 1)] * both + [(0, 0)] * neither
        users = rng.sample(users, len(users))
        return [one for one, _ in users], [other for _, other in users]

    def many():
        lost = rng.randint(45, 60)
        won = lost + rng.randint(10, 25)
        both = rng.randint(500, 600)
        return won, lost, both, 938 - won - lost - both

    won, lost, both, neither = many()
    return [
        Part(
            "few users",
            2,
            "Write down all choices of signs of the users who differ, and count.",
            [hits(5, 1, 2, 3), hits(4, 0, 3, 1), hits(rng.randint(4, 6), 2, 1, 1)],
        ),
        Part(
            "the second one leads",
            1,
            "A lead as large counts either way, whoever has it.",
            [hits(1, 5, 2, 2), hits(0, 3, 1, 4)],
        ),
        Part(
            "many users",
            3,
            "The number of signs + among those who differ has a binomial distribution.",
            [hits(won, lost, both, neither), hits(*many()), hits(lost, won, both, neither)],
        ),
        Part(
            "no lead",
            1,
            "Each choice of signs gives a lead of 0 or more, so that p is 1.",
            [hits(0, 0, 4, 3), hits(3, 3, 2, 1), hits(20, 20, 300, 100)],
        ),
    ]


# %% question="4.3" role="right"
def my_hit_p(a, b):
    lead = np.array(a) - np.array(b)
    if not lead.any():
        return 1.0
    return stats.binomtest(int((lead > 0).sum()), int((lead != 0).sum())).pvalue


# %% question="4.3" role="right"
from math import comb


def my_hit_p(a, b):
    lead = sum(a) - sum(b)
    n = sum(one != other for one, other in zip(a, b))
    choices = sum(comb(n, m) for m in range(n + 1) if abs(n - 2 * m) >= abs(lead))
    return choices / 2**n


# %% question="4.3" role="right"
def my_hit_p(a, b):
    chance = {0: 1.0}  # of each sum of signs so far
    for one, other in zip(a, b):
        if one != other:
            after = {}
            for total, share in chance.items():
                for new in (total - 1, total + 1):
                    after[new] = after.get(new, 0.0) + share / 2
            chance = after
    lead = abs(sum(a) - sum(b))
    return sum(share for total, share in chance.items() if abs(total) >= lead)


# %% question="4.3" role="wrong" loses="all"
def my_hit_p(a, b):  # one side
    wins = sum(x > y for x, y in zip(a, b))
    n = wins + sum(x < y for x, y in zip(a, b))
    return stats.binom.sf(max(wins, n - wins) - 1, n, 0.5) if n else 0.5


# %% question="4.3" role="wrong" loses=["few users", "the second one leads", "many users"]
def my_hit_p(a, b):  # the normal distribution
    lead = np.array(a) - np.array(b)
    return 2 * stats.norm.sf(abs(lead.sum()) / max(np.abs(lead).sum(), 1) ** 0.5)


# %% question="4.3" role="wrong" loses=["few users", "the second one leads", "many users"]
def my_hit_p(a, b):  # the pairs are lost
    several = [[sum(a), len(a) - sum(a)], [sum(b), len(b) - sum(b)]]
    return stats.fisher_exact(several).pvalue


# %% question="4.3" role="wrong" loses=["many users", "no lead"]
def my_hit_p(a, b):  # every choice, one by one; 2 ** 100 are too many
    lead = np.array([x - y for x, y in zip(a, b) if x != y])
    signs = 2 * np.indices([2] * len(lead)).reshape(len(lead), -1) - 1
    return np.mean(np.abs((signs * lead[:, None]).sum(0)) >= abs(lead.sum()))


# %% question="4.3" role="wrong" loses=["few users", "the second one leads", "many users"]
def my_hit_p(a, b):  # ties as coins
    lead = abs(sum(a) - sum(b))
    return min(1.0, 2 * stats.binom.sf((len(a) + lead + 1) // 2 - 1, len(a), 0.5))


# %% question="4.3" role="wrong" loses=["no lead"]
def my_hit_p(a, b):  # above 1
    wins = sum(x > y for x, y in zip(a, b))
    n = wins + sum(x < y for x, y in zip(a, b))
    return 2 * stats.binom.sf(max(wins, n - wins) - 1, n, 0.5)


# %% question="4.3" role="wrong" loses=["few users", "the second one leads", "many users", "no lead"]
def my_hit_p(a, b):  # more extreme, not as extreme
    wins = sum(x > y for x, y in zip(a, b))
    n = wins + sum(x < y for x, y in zip(a, b))
    return 2 * stats.binom.sf(max(wins, n - wins), n, 0.5)


# %% [markdown] question="4.4" asks="my_runs" minutes=15
# ## Question 4.4 How many runs would it take?
#
# **Outcome.** You can plan an experiment by its interval, and say when more runs are no help
# (chapter 8).
#
# A few runs gave a mean lead and a spread $s$. Suppose that both stay as they are however many runs
# are made. Write `my_runs(lead, s, q)`: the smallest number $n$ of runs, from 2 to 1,000, for which
# the 95 % interval (8.5) no longer holds 0. Runs with other seeds have $q = 0$, splits that test on
# a fifth have $q = 0.2$. The lead may be negative. Where not even 1,000 runs are enough, return 0.
# `stats.t.ppf(0.975, degrees)` takes an array of degrees of freedom, too.


# %% question="4.4" role="answer"
def my_runs(lead, s, q):
    # BEGIN SOLUTION
    n = np.arange(2, 1001)
    half = stats.t.ppf(0.975, n - 1) * s * np.sqrt(1 / n + q / (1 - q))
    enough = n[half < abs(lead)]
    return int(enough[0]) if len(enough) else 0
    # END SOLUTION


# %% question="4.4" role="check"
assert my_runs(2.4, 1.0, 0.0) is not None, "my_runs returns nothing: end with return"
assert my_runs(2.4, 1.0, 0.0) == 4, "for n = 3 half of the width is 2.48, as in chapter 8"
print("Right for one small case.")


# %% question="4.4" role="hidden"
def hidden(rng, drawn):
    from scipy import stats

    def case(n, q, sign=1):
        """A lead just below half of the width for one run fewer, so that ``n`` are needed."""
        s = round(rng.uniform(0.002, 0.02), 4)

        def half(runs):
            return stats.t.ppf(0.975, runs - 1) * s * (1 / runs + q / (1 - q)) ** 0.5

        return sign * float(0.9 * half(n - 1) + 0.1 * half(n)), s, q

    def hopeless(q, share):
        """A lead that is a share of what is left of the half width for any number of runs."""
        s = round(rng.uniform(0.002, 0.02), 4)
        return share * 1.96 * s * (q / (1 - q)) ** 0.5, s, q

    return [
        Part(
            "seeds",
            2,
            "Make the half width of (8.2) for one n after another; t depends on n, too.",
            [case(rng.randint(4, 6), 0.0), case(rng.randint(7, 9), 0.0)],
        ),
        Part(
            "splits",
            2,
            "Under the root stands 1/n + q/(1 - q).",
            [case(rng.randint(4, 6), 0.2), case(rng.randint(7, 9), 0.1)],
        ),
        Part(
            "never enough",
            2,
            "For splits the half width does not shrink to 0, but to t s sqrt(q / (1 - q)).",
            [hopeless(0.2, 0.5), hopeless(0.2, 0.95), hopeless(0.5, 0.8)],
        ),
        Part(
            "behind",
            1,
            "An interval below 0 does not hold it either.",
            [case(5, 0.2, -1), case(6, 0.0, -1)],
        ),
    ]


# %% question="4.4" role="right"
def my_runs(lead, s, q):
    low, high = 2, 1001
    while low < high:  # the half width only falls: halve the range
        n = (low + high) // 2
        half = stats.t.ppf(0.975, n - 1) * s * (1 / n + q / (1 - q)) ** 0.5
        low, high = (low, n) if half < abs(lead) else (n + 1, high)
    return low if low < 1001 else 0


# %% question="4.4" role="right"
def my_runs(lead, s, q):
    n = torch.arange(2, 1001)
    t = torch.from_numpy(stats.t.ppf(0.975, n - 1))
    held = (t * s * (1 / n + q / (1 - q)).sqrt() >= abs(lead)).sum()
    return float(held + 2) if held < 999 else 0.0


# %% question="4.4" role="wrong" loses=["seeds", "splits", "behind"]
def my_runs(lead, s, q):  # 1.96 for t
    n = np.arange(2, 1001)
    enough = n[1.96 * s * np.sqrt(1 / n + q / (1 - q)) < abs(lead)]
    return int(enough[0]) if len(enough) else 0


# %% question="4.4" role="wrong" loses=["splits", "never enough", "behind"]
def my_runs(lead, s, q):  # (8.2) for splits, too
    n = np.arange(2, 1001)
    enough = n[stats.t.ppf(0.975, n - 1) * s / np.sqrt(n) < abs(lead)]
    return int(enough[0]) if len(enough) else 0


# %% question="4.4" role="wrong" loses=["splits", "never enough", "behind"]
def my_runs(lead, s, q):  # q for q / (1 - q)
    n = np.arange(2, 1001)
    half = stats.t.ppf(0.975, n - 1) * s * np.sqrt(1 / n + q)
    enough = n[half < abs(lead)]
    return int(enough[0]) if len(enough) else 0


# %% question="4.4" role="wrong" loses=["behind"]
def my_runs(lead, s, q):
    n = np.arange(2, 1001)
    half = stats.t.ppf(0.975, n - 1) * s * np.sqrt(1 / n + q / (1 - q))
    enough = n[half < lead]
    return int(enough[0]) if len(enough) else 0


# %% question="4.4" role="wrong" loses=["never enough"]
def my_runs(lead, s, q):
    n = np.arange(2, 1001)
    half = stats.t.ppf(0.975, n - 1) * s * np.sqrt(1 / n + q / (1 - q))
    return int(n[half < abs(lead)].min(initial=1000))


# %% question="4.4" role="wrong" loses="all"
def my_runs(lead, s, q):  # 5 % at each end
    n = np.arange(2, 1001)
    half = stats.t.ppf(0.95, n - 1) * s * np.sqrt(1 / n + q / (1 - q))
    enough = n[half < abs(lead)]
    return int(enough[0]) if len(enough) else 0


# %% [markdown] question="4.5" asks="my_gain_interval" minutes=15
# ## Question 4.5 An interval for +13 %
#
# **Outcome.** You can give any figure its bootstrap interval, here a gain in per cent (chapter 8).
#
# Chapter 8 gives a gain in per cent its interval over seeds. Over users the bootstrap does it: draw
# users with replacement, compute the *gain* of the first model's mean recall over the second's, in
# per cent, for these users, and do it again. Write `my_gain_interval(a, b, draws)`: `a` and `b` are
# the users' recalls in the same order; `draws` is a list of draws, each a list of users' positions.
# Return the two ends between which 95 % of the gains lie: `np.percentile` at 2.5 and 97.5.


# %% question="4.5" role="answer"
def my_gain_interval(a, b, draws):
    # BEGIN SOLUTION
    a, b, draws = np.array(a), np.array(b), np.array(draws)
    gains = 100 * (a[draws].mean(1) / b[draws].mean(1) - 1)
    low, high = np.percentile(gains, [2.5, 97.5])
    return float(low), float(high)
    # END SOLUTION


# %% question="4.5" role="check"
ends = my_gain_interval([0.5, 0.1, 0.3], [0.2, 0.2, 0.2], [[0, 0, 1, 2], [0, 0, 1, 2]])
assert ends is not None, "my_gain_interval returns nothing: end with return"
low, high = ends
assert abs(low - 75) < 1e-6, "users 0, 0, 1, 2 have means of 0.35 and 0.2: a gain of 75 per cent"
assert abs(high - 75) < 1e-6, "two equal draws have an interval of one number"
print("Right for one small case.")


# %% question="4.5" role="hidden"
def hidden(rng, drawn):
    def case(users, number, zeros=0):
        a = [round(rng.uniform(0.1, 0.9), 3) for _ in range(users)]
        b = [round(rng.uniform(0.2, 0.6), 3) for _ in range(users)]
        for user in rng.sample(range(users), zeros):
            b[user] = 0.0
        return a, b, [[rng.randrange(users) for _ in range(users)] for _ in range(number)]

    return [
        Part(
            "one draw",
            2,
            "The gain of the means of the drawn users, in per cent of the second model's mean.",
            [case(5, 1), case(9, 1)],
        ),
        Part(
            "many draws",
            3,
            "One gain for each draw; then 2.5 % of the gains are cut off at each end.",
            [case(8, 50), case(20, 100)],
        ),
        Part(
            "users without a hit",
            1,
            "A user of whom the second model finds nothing counts like all others.",
            [case(20, 30, zeros=6)],
        ),
    ]


# %% question="4.5" role="right"
def my_gain_interval(a, b, draws):
    gains = []
    for draw in draws:
        ours, theirs = sum(a[user] for user in draw), sum(b[user] for user in draw)
        gains.append((ours - theirs) / theirs * 100)
    return np.quantile(gains, (0.025, 0.975))


# %% question="4.5" role="right"
def my_gain_interval(a, b, draws):
    means = torch.tensor([a, b], dtype=torch.float64)[:, draws].mean(dim=2)
    gains = 100 * means[0] / means[1] - 100
    return gains.quantile(torch.tensor([0.025, 0.975], dtype=torch.float64))


# %% question="4.5" role="wrong" loses="all"
def my_gain_interval(a, b, draws):  # the mean of the users' own gains
    a, b, draws = np.array(a), np.array(b), np.array(draws)
    gains = 100 * (a[draws] / b[draws] - 1).mean(1)
    return np.percentile(gains, [2.5, 97.5])


# %% question="4.5" role="wrong" loses="all"
def my_gain_interval(a, b, draws):  # over all users' mean
    a, b, draws = np.array(a), np.array(b), np.array(draws)
    return np.percentile(100 * (a[draws].mean(1) / b.mean() - 1), [2.5, 97.5])


# %% question="4.5" role="wrong" loses="all"
def my_gain_interval(a, b, draws):  # no per cent
    a, b, draws = np.array(a), np.array(b), np.array(draws)
    return np.percentile(a[draws].mean(1) / b[draws].mean(1) - 1, [2.5, 97.5])


# %% question="4.5" role="wrong" loses=["many draws", "users without a hit"]
def my_gain_interval(a, b, draws):  # 5 % at each end
    a, b, draws = np.array(a), np.array(b), np.array(draws)
    return np.percentile(100 * (a[draws].mean(1) / b[draws].mean(1) - 1), [5, 95])


# %% question="4.5" role="wrong" loses=["many draws", "users without a hit"]
def my_gain_interval(a, b, draws):  # a normal distribution
    a, b, draws = np.array(a), np.array(b), np.array(draws)
    gains = 100 * (a[draws].mean(1) / b[draws].mean(1) - 1)
    return gains.mean() - 1.96 * gains.std(), gains.mean() + 1.96 * gains.std()


# %% question="4.5" role="wrong" loses=["users without a hit"]
def my_gain_interval(a, b, draws):  # leaves users out
    gains = []
    for draw in draws:
        kept = [user for user in draw if b[user] > 0]
        gains.append(100 * (sum(a[u] for u in kept) / sum(b[u] for u in kept) - 1))
    return np.percentile(gains, [2.5, 97.5])


# %% [markdown] question="4.6" minutes=20 points=8
# ## Question 4.6 A paper to review
#
# **Outcome.** You can say which claim a p value supports, and what evidence a larger claim needs
# (chapter 8).
#
# A paper says: "Our model is significantly better than LightGCN." Its table compares the two in
# {{measures}} measures on one random split of one data set with {{users}} test users, one training
# run each. Recall@20 has p = {{smallest}}, by a paired test over users; the {{rest}} other measures
# have p values from 0.08 to 0.6. The authors' model had {{trials}} settings tried on a validation
# part; LightGCN's settings are those of its paper, whose data were others.
#
# Write a review of at most 200 words for the authors: what the p value of {{smallest}} says by
# itself, and what is left of it here; which part of the claim no test over users can support,
# however small its p value; and the one experiment that you ask for first, with the reason why it
# comes first.

# %% [markdown] question="4.6" role="answer"
# **Your answer to question 4.6.** Write here, in place of this sentence.

# %% [markdown] question="4.6" role="instructor"
# **Rubric for question 4.6** (8 points, by hand)
#
# | points | the answer |
# |---|---|
# | 8 | says what p says: other users like these, these two trained models, this split; corrects for {{measures}} comparisons (Holm's p is {{measures}} times {{smallest}}, {{adjusted}}, above 0.05, unless recall was named beforehand); says that a test over users knows nothing of seeds, of splits and of other data, nor of how the settings were chosen; asks for an equal search of LightGCN's settings first, because an untuned baseline shifts the lead itself, which no interval shows (or for several splits with an equal search), with a reason |
# | 5 | two of the three (correction with its number, what users cannot say, the search) right, the third missing or wrong |
# | 2 | asks for more data, seeds or measures, without saying what the p value refers to |
# | 0 | accepts the claim, or rejects it because the other p values are large, as if that showed that the models are level |
#
# Chapter 8 is the evidence for the order: the gain over matrix factorisation went from 15 % to 4 %
# when its own penalty was chosen, while LightGCN's own recall moved by 0.009 on its whole way.
#
# **Sample answer, 8 points.** p = {{smallest}} means: were the two trained models one under two
# names, a difference in recall as large would come up in about {{smallest}} of all swaps, for users
# like these on this split. There are {{measures}} comparisons. If recall was not named as the main
# measure beforehand, Holm's correction makes it {{adjusted}}: open. (The others are open, too; that
# they are equal is not shown.) A test over users takes the two trained models as given. It cannot
# say what another seed, another split or another data set would give, so "our model is better" is
# not supported, and more users would not help. I ask first for LightGCN with {{trials}} settings
# tried on the same validation part. The difference in search is no noise that an interval shows, it
# may be the whole lead: published settings of other data can cost more than the difference between
# two models. If a lead is left, I ask for five splits with the search repeated on each, and the
# corrected interval.
#
# **Sample answer, 5 points.** The p value is about the users of one split. It was the smallest of
# {{measures}}, so it must be multiplied by {{measures}}, which gives {{adjusted}}, and this is not
# below 0.05. It does not say whether another split or another seed would give the same result. I
# would ask the authors to train both models with five seeds on five splits and to report corrected
# intervals.
