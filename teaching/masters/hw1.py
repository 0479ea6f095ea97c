# %% [markdown]
# # Homework 1: a data set as a graph, and lists that are measured
#
# It is about chapters 1 and 2 of the book: {{points}} points, about {{minutes}} minutes. Put your
# code in place of the dots. The cell below each question checks the form of your answer and one
# case that you can follow with a pencil; your grade comes from other cases. Functions get plain
# lists and sets, and leave what they are given as it was. Ask for no more than a minute of
# computing, and let each question stand for itself: a function of one does not call another's.

# %% role="variant"
from teaching.variants import draw_likes


def distances(likes, start):
    """The least number of edges from user ``start`` to each film that it reaches."""
    steps, near = {("user", start): 0}, [("user", start)]
    for kind, node in near:
        others = (
            likes[node] if kind == "user" else [u for u, own in enumerate(likes) if node in own]
        )
        for other in others:
            place = ("item" if kind == "user" else "user", other)
            if place not in steps:
                steps[place] = steps[kind, node] + 1
                near.append(place)
    return {node: far for (kind, node), far in steps.items() if kind == "item"}


def variant(rng):
    """A graph whose last film is five edges from the first user, and a table without a tie."""
    while True:
        likes = draw_likes(rng, 5, 6, 1, 3)
        far = distances(likes, 0)
        everyone = {film for own in likes for film in own}
        if len(everyone) == 6 and far.get(5) == 5 and len(far) < 6:
            break
    people = rng.sample(["Ann", "Bob", "Cem", "Dora", "Eve", "Finn", "Gita"], 5)
    films = rng.sample(["Alien", "Brazil", "Casablanca", "Dumbo", "Eraserhead", "Fargo", "Gigi"], 6)
    gap = 0.0
    while gap < 0.05:  # between the two means of recall
        several = rng.sample([*rng.sample([2, 3, 4, 5, 8, 10, 16], 3), 25], 4)
        table = [{"found": rng.randint(1, min(20, n) - 1), "hidden": n} for n in several]
        pooled = sum(row["found"] for row in table) / sum(several)
        gap = abs(sum(row["found"] / row["hidden"] for row in table) / 4 - pooled)
    return {
        "edges": [(user, film) for user, own in enumerate(likes) for film in own],
        "people": people,
        "films": films,
        "first": people[0],
        "last": films[5],
        "table": table,
        "fewest": rng.choice([30, 40, 50]),
    }


# %%
import matplotlib.pyplot as plt
import pandas as pd

from recbook.plotting import draw_bipartite, set_style

set_style()

# %% [markdown] question="1.1" asks="my_reading" minutes=10
# ## Question 1.1 Read the graph
#
# **Outcome.** You can read paths and components from a drawing of a user-item graph (chapter 1).
#
# The drawing shows who likes what. Fill in the dict `my_reading`:
#
# - `"steps"`: the number of edges on the shortest path from {{first}} to *{{last}}*;
# - `"pairs"`: how many of the ten pairs of people have at least one film in common;
# - `"components"`: into how many components the graph falls, that is, into how many groups of nodes
#   with no edge between them.

# %%
edges = {{edges}}
people = {{people}}
films = {{films}}
fig, ax = plt.subplots(figsize=(5, 3.5))
draw_bipartite(edges, people, films, ax)

# %% question="1.1" role="answer"
my_reading = {"steps": ..., "pairs": ..., "components": ...}
# BEGIN SOLUTION
neighbours = {}
for person, film in edges:
    neighbours.setdefault(("user", person), set()).add(("item", film))
    neighbours.setdefault(("item", film), set()).add(("user", person))


def steps_from(start):
    steps, near = {start: 0}, [start]
    for node in near:
        for other in sorted(neighbours[node]):
            if other not in steps:
                steps[other] = steps[node] + 1
                near.append(other)
    return steps


my_reading = {
    "steps": steps_from(("user", 0))["item", 5],
    "pairs": sum(
        bool(neighbours["user", a] & neighbours["user", b]) for a in range(5) for b in range(a)
    ),
    "components": len({min(steps_from(node)) for node in neighbours}),
}
# END SOLUTION

# %% question="1.1" role="check"
assert set(my_reading) == {"steps", "pairs", "components"}, "my_reading has other keys"
assert ... not in [*my_reading.values()], "put your numbers in place of the dots"
assert all(isinstance(value, int) for value in my_reading.values()), "each value is a whole number"
assert my_reading["steps"] % 2 == 1, "a path from a person to a film has an odd number of edges"
print("The form is right.")


# %% question="1.1" role="hidden"
def hidden(rng, drawn):
    return [
        Part(
            "steps",
            1,
            "Follow the edges: each leads from a person to a film, or back.",
            key="steps",
        ),
        Part("pairs", 1, "Go through the ten pairs; two films in common count once.", key="pairs"),
        Part(
            "components",
            1,
            "Start at a node, mark all it reaches; go on with the rest.",
            key="components",
        ),
    ]


# %% question="1.1" role="right"
my_reading = {key: float(value) for key, value in my_reading.items()}

# %% question="1.1" role="right"
my_reading = pd.Series(my_reading)

# %% question="1.1" role="wrong" loses=["steps"]
my_reading = my_reading | {"steps": 3}

# %% question="1.1" role="wrong" loses=["steps"]
my_reading = my_reading | {"steps": 6}  # the nodes of the path

# %% question="1.1" role="wrong" loses=["pairs"]
my_reading = my_reading | {"pairs": 2 * my_reading["pairs"]}  # each pair twice

# %% question="1.1" role="wrong" loses=["components"]
my_reading = my_reading | {"components": 1}

# %% question="1.1" role="wrong" loses=["components", "pairs"]
my_reading = my_reading | {"components": 0, "pairs": 10}

# %% question="1.1" role="wrong" loses=["steps", "pairs", "components"]
my_reading = list(my_reading.values())

# %% [markdown] question="1.2" asks="my_core" minutes=25
# ## Question 1.2 The core of a data set
#
# **Outcome.** You can say what a filter leaves of a data set, and write it (chapter 1).
#
# Papers often keep only users and items with at least $k$ interactions. Throwing out an item may
# leave one of its users with fewer than $k$, so the filter is repeated until nothing changes; what
# is left is called the *$k$-core*. Write `my_core(pairs, k)` for a list of different pairs
# (user, item): the list of the pairs in the core, in the order in which they were given.


# %% question="1.2" role="answer"
def my_core(pairs, k):
    # BEGIN SOLUTION
    while True:
        users = [user for user, _ in pairs]
        items = [item for _, item in pairs]
        kept = [(u, i) for u, i in pairs if users.count(u) >= k and items.count(i) >= k]
        if len(kept) == len(pairs):
            return kept
        pairs = kept
    # END SOLUTION


# %% question="1.2" role="check"
square = [(0, 0), (0, 1), (1, 0), (1, 1)]
assert my_core([*square, (2, 1)], 2) is not None, "my_core returns nothing: end with return"
assert my_core([*square, (2, 1)], 2) == square, "user 2 has one item only, and is not in the 2-core"
print("Right for one small case.")


# %% question="1.2" role="hidden"
def hidden(rng, drawn):
    square = [(0, 0), (0, 1), (1, 0), (1, 1)]

    def shuffled(pairs):
        users, items = rng.sample(range(100), 20), rng.sample(range(100), 20)
        pairs = [(users[user], items[item]) for user, item in pairs]
        return rng.sample(pairs, len(pairs))

    # A tail that hangs on the square by its user 2: the filter takes an end of it in each round.
    def tail(length):
        path = [(2, 1), (2, 2), (3, 2), (3, 3), (4, 3), (4, 4), (5, 4), (5, 5)]
        return square + path[:length]

    crowd = [(user, item) for user in range(5) for item in range(5) if rng.random() < 0.9]
    crowd += [(user, 5 + user % 3) for user in range(5)] + [
        (5 + user % 3, user) for user in range(5)
    ]
    return [
        Part(
            "users with too few",
            2,
            "One round is enough here: a user with fewer than k interactions goes.",
            [(shuffled([*square, (2, 0)]), 2), (shuffled([*square, (2, 0), (3, 1), (4, 0)]), 2)],
        ),
        Part(
            "items with too few",
            2,
            "One round is enough here: an item with fewer than k interactions goes.",
            [(shuffled([*square, (0, 2)]), 2), (shuffled([*square, (0, 2), (1, 3), (0, 4)]), 2)],
        ),
        Part(
            "round after round",
            3,
            "Whoever goes takes interactions along: count again, until nothing changes.",
            [(shuffled(tail(length)), 2) for length in (4, 6, 8)] + [(shuffled(crowd), 3)],
        ),
        Part(
            "nothing is left",
            1,
            "A core may be empty, and then the result is an empty list.",
            [(shuffled(square), 3), ([], 2)],
        ),
    ]


# %% question="1.2" role="right"
from collections import Counter


def my_core(pairs, k):
    pairs = [tuple(pair) for pair in pairs]
    before = None
    while pairs != before:
        before = pairs
        users, items = Counter(u for u, _ in pairs), Counter(i for _, i in pairs)
        pairs = [(u, i) for u, i in pairs if min(users[u], items[i]) >= k]
    return pairs


# %% question="1.2" role="right"
def my_core(pairs, k):
    frame = pd.DataFrame(pairs, columns=["user", "item"])
    while len(frame):
        fits = frame.groupby("user")["item"].transform("size") >= k
        fits &= frame.groupby("item")["user"].transform("size") >= k
        if fits.all():
            break
        frame = frame[fits]
    return frame.to_numpy()


# %% question="1.2" role="wrong" loses=["round after round"]
def my_core(pairs, k):
    users, items = [user for user, _ in pairs], [item for _, item in pairs]
    return [(u, i) for u, i in pairs if users.count(u) >= k and items.count(i) >= k]


# %% question="1.2" role="wrong" loses=["items with too few", "round after round"]
def my_core(pairs, k):
    users = [user for user, _ in pairs]
    return [(u, i) for u, i in pairs if users.count(u) >= k]


# %% question="1.2" role="wrong" loses=["users with too few", "round after round"]
def my_core(pairs, k):
    items = [item for _, item in pairs]
    return [(u, i) for u, i in pairs if items.count(i) >= k]


# %% question="1.2" role="wrong" loses="all"
def my_core(pairs, k):
    while True:
        users = [user for user, _ in pairs]
        items = [item for _, item in pairs]
        kept = [(u, i) for u, i in pairs if users.count(u) > k and items.count(i) > k]
        if len(kept) == len(pairs):
            return kept or None
        pairs = kept


# %% question="1.2" role="wrong" loses=["users with too few", "items with too few", "round after round"]
def my_core(pairs, k):
    while True:
        users = [user for user, _ in pairs]
        items = [item for _, item in pairs]
        kept = [(u, i) for u, i in pairs if users.count(u) >= k or items.count(i) >= k]
        if len(kept) == len(pairs):
            return kept
        pairs = kept


# %% question="1.2" role="wrong" loses=["nothing is left"]
def my_core(pairs, k):
    for _ in range(len(pairs)):
        users, items = [user for user, _ in pairs], [item for _, item in pairs]
        pairs = [(u, i) for u, i in pairs if users.count(u) >= k and items.count(i) >= k]
    return pairs or None


# %% [markdown] question="1.3" asks="my_average_precision" minutes=25
# ## Question 1.3 Average precision
#
# **Outcome.** You can turn the formula of a measure into code that holds at its edges (chapter 2).
#
# *Average precision* looks at each place of a list where a relevant item stands, takes the precision
# of the list down to that place, and adds these up. With $h$ hidden items of which the list of the
# first $k$ has some,
#
# $$\text{AP@}k = \frac{1}{\min(h, k)} \sum_{\text{hits at place } r \le k} \frac{\text{hits among the first } r}{r}.$$
#
# Write `my_average_precision(recommended, relevant, k)` for a list of items, best first, and a set of
# hidden items that is not empty. The list may be shorter or longer than $k$.


# %% question="1.3" role="answer"
def my_average_precision(recommended, relevant, k):
    # BEGIN SOLUTION
    hits, total = 0, 0.0
    for place, item in enumerate(recommended[:k], start=1):
        if item in relevant:
            hits += 1
            total += hits / place
    return total / min(len(relevant), k)
    # END SOLUTION


# %% question="1.3" role="check"
value = my_average_precision([7, 3, 5], {3, 5}, 3)
assert isinstance(value, int | float), f"expected a number, got {value}"
assert abs(value - (1 / 2 + 2 / 3) / 2) < 1e-9, "hits at places 2 and 3: (1/2 + 2/3) / 2"
print("Right for one small case.")


# %% question="1.3" role="hidden"
def hidden(rng, drawn):
    def one(length, hits, hidden, k):
        """A list of ``length`` with hits at some of its first places, and ``hidden`` items."""
        items = rng.sample(range(1000), length + hidden)
        listed, missed = items[:length], items[length:]
        relevant = set(rng.sample(listed[: min(k, length)], hits)) | set(missed[: hidden - hits])
        return listed, relevant, k

    return [
        Part(
            "as many as the list is long",
            3,
            "Work a list of four by hand: which places are hits, what is the precision there?",
            [one(4, 2, 4, 4), one(6, 3, 6, 6), one(5, 5, 5, 5)],
        ),
        Part(
            "few hidden items",
            2,
            "With fewer hidden items than places the sum is divided by the hidden items' number.",
            [one(8, 2, 3, 8), one(10, 1, 2, 10)],
        ),
        Part(
            "many hidden items",
            2,
            "With more hidden items than places a list of hits alone must have 1.",
            [one(4, 4, 9, 4), one(5, 2, 8, 5)],
        ),
        Part(
            "longer than k",
            1,
            "What stands after place k does not count, not even a hit.",
            [(a, b | {a[-1]}, k) for a, b, k in [one(9, 1, 3, 4), one(7, 2, 4, 5)]],
        ),
        Part(
            "shorter than k, or without a hit",
            1,
            "A short list has no hits at the places that it lacks; without a hit the value is 0.",
            [one(3, 2, 3, 10), one(5, 0, 3, 5), ([], {1, 2}, 5)],
        ),
    ]


# %% question="1.3" role="right"
import numpy as np


def my_average_precision(recommended, relevant, k):
    hits = np.isin(np.array(recommended[:k], dtype=int), list(relevant)).astype(float)
    precision = hits.cumsum() / np.arange(1, len(hits) + 1)
    return (precision * hits).sum() / min(len(relevant), k)


# %% question="1.3" role="right"
import torch


def my_average_precision(recommended, relevant, k):
    precisions = [
        len(relevant & set(recommended[: place + 1])) / (place + 1)
        for place, item in enumerate(recommended[:k])
        if item in relevant
    ]
    return torch.tensor(precisions, dtype=torch.double).sum() / min(len(relevant), k)


# %% question="1.3" role="wrong" loses=["many hidden items"]
def my_average_precision(recommended, relevant, k):
    hits, total = 0, 0.0
    for place, item in enumerate(recommended[:k], start=1):
        if item in relevant:
            hits += 1
            total += hits / place
    return total / len(relevant)


# %% question="1.3" role="wrong" loses=["few hidden items", "shorter than k, or without a hit"]
def my_average_precision(recommended, relevant, k):
    hits, total = 0, 0.0
    for place, item in enumerate(recommended[:k], start=1):
        if item in relevant:
            hits += 1
            total += hits / place
    return total / k


# %% question="1.3" role="wrong" loses=["longer than k"]
def my_average_precision(recommended, relevant, k):
    hits, total = 0, 0.0
    for place, item in enumerate(recommended, start=1):
        if item in relevant:
            hits += 1
            total += hits / place
    return total / min(len(relevant), k)


# %% question="1.3" role="wrong" loses=["shorter than k, or without a hit"]
def my_average_precision(recommended, relevant, k):
    hits, total = 0, 0.0
    for place in range(1, k + 1):
        if recommended[place - 1] in relevant:
            hits += 1
            total += hits / place
    return total / min(len(relevant), k)


# %% question="1.3" role="wrong" loses="all"
def my_average_precision(recommended, relevant, k):
    hits, total = 0, 0.0
    for place, item in enumerate(recommended[:k]):
        if item in relevant:
            hits += 1
            total += hits / (place + 2)
    return total / min(len(relevant), k) + 1e-3


# %% [markdown] question="1.4" asks="my_recalls" minutes=10
# ## Question 1.4 Two means of recall
#
# **Outcome.** You can say what a mean over users weighs, and what another mean would (chapter 2).
#
# The table has a row for each of four users: how many of their hidden films their list of twenty
# found, and how many were hidden. Fill in the dict `my_recalls`:
#
# - `"users"`: recall@20 as the book has it, the mean over users;
# - `"pooled"`: the share of all hidden films that was found;
# - `"precision"`: the mean precision@20;
# - `"ceiling"`: the highest mean precision@20 that any lists could have here.

# %%
table = pd.DataFrame({{table}})
table

# %% question="1.4" role="answer"
my_recalls = {"users": ..., "pooled": ..., "precision": ..., "ceiling": ...}
# BEGIN SOLUTION
my_recalls = {
    "users": (table["found"] / table["hidden"]).mean(),
    "pooled": table["found"].sum() / table["hidden"].sum(),
    "precision": (table["found"] / 20).mean(),
    "ceiling": (table["hidden"].clip(upper=20) / 20).mean(),
}
# END SOLUTION

# %% question="1.4" role="check"
assert set(my_recalls) == {"users", "pooled", "precision", "ceiling"}, "my_recalls has other keys"
assert ... not in [*my_recalls.values()], "put your numbers in place of the dots"
assert all(0 <= value <= 1 for value in my_recalls.values()), "each value is a share"
assert my_recalls["precision"] <= my_recalls["ceiling"], "nothing is above its ceiling"
print("The form is right.")


# %% question="1.4" role="hidden"
def hidden(rng, drawn):
    return [
        Part("users", 1, "Each user's share first, then their mean.", key="users", tolerance=1e-3),
        Part("pooled", 1, "All found films, over all hidden films.", key="pooled", tolerance=1e-3),
        Part("precision", 1, "Each list has twenty places.", key="precision", tolerance=1e-3),
        Part(
            "ceiling",
            1,
            "At best a list finds all hidden films, but it has twenty places only.",
            key="ceiling",
            tolerance=1e-3,
        ),
    ]


# %% question="1.4" role="right"
my_recalls = {key: round(float(value), 4) for key, value in my_recalls.items()}

# %% question="1.4" role="right"
import torch

my_recalls = {key: torch.tensor(value) for key, value in my_recalls.items()}

# %% question="1.4" role="wrong" loses=["users"]
my_recalls = my_recalls | {"users": my_recalls["pooled"]}

# %% question="1.4" role="wrong" loses=["pooled"]
my_recalls = my_recalls | {"pooled": my_recalls["users"]}

# %% question="1.4" role="wrong" loses=["precision"]
my_recalls = my_recalls | {"precision": table["found"].sum() / 20}  # the sum over users

# %% question="1.4" role="wrong" loses=["ceiling"]
my_recalls = my_recalls | {"ceiling": (table["hidden"] / 20).mean()}  # more than 20 places

# %% question="1.4" role="wrong" loses=["users", "pooled", "precision", "ceiling"]
my_recalls = {key: f"{value:.0%}" for key, value in my_recalls.items()}

# %% [markdown] question="1.5" minutes=20 points=8
# ## Question 1.5 A filter that pays
#
# **Outcome.** You can tell what a change of the data does to a measure from what it does to a model
# (chapters 1 and 2).
#
# A colleague throws out all users with fewer than {{fewest}} likes, splits what is left at random as
# chapter 1 does, and reports: "Popularity's recall@20 went down, its precision@20 went up. On the
# filtered data the model is more precise." Explain in at most 200 words why both measures moved as
# they did, whether any user got a better list, and what you would report instead.

# %% [markdown] question="1.5" role="answer"
# **Your answer to question 1.5.** Write here, in place of this sentence.

# %% [markdown] question="1.5" role="instructor"
# **Rubric for question 1.5** (8 points, by hand)
#
# | points | the answer |
# |---|---|
# | 8 | names the mechanism of both: the users who are left have more hidden films each, so that a list of twenty can hit more of them (precision, and its ceiling, rise) and finds a smaller share (recall falls); says that the list is the same or nearly, so nobody is served better; reports on the same users before and after, or both ceilings, or what share of users was dropped |
# | 5 | explains one of the two measures by the number of hidden films, sees that nobody's list got better |
# | 2 | says that the data are not comparable, without saying how the number of hidden films acts |
# | 0 | takes the higher precision for a better model, or gives no reason |
#
# **Sample answer, 8 points.** Users with few likes have few hidden films. For them even a perfect
# list has a low precision@20, because most of its twenty places cannot be hits, and a single hit is
# already a high recall. Without them the mean user has more hidden films: more of the twenty places
# can be hits, so precision and its ceiling rise, and one list of twenty covers a smaller share, so
# recall falls. Popularity gives nearly the same list as before, so no user is better off. I would
# measure both versions on the same users, those with at least {{fewest}} likes, give the ceilings of
# both measures, and say how many users were thrown out.
#
# **Sample answer, 2 points.** One cannot compare results on two different data sets. The filtered
# data set is smaller and denser, so all numbers change, and the model should be run on the full data.
