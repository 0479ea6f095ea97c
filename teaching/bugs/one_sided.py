# %% [markdown]
# # Bug hunt {{number}}: nobody hears of the films that everybody likes
#
# {{points}} points, about {{minutes}} minutes. The pipeline below runs without an error, and it has
# one bug. You find it by measuring, mend it, and write the test that would have caught it.
#
# **The symptoms.** A team builds the propagation of LightGCN, formula (7.1) of the book, and looks at its
# lists before it trains anything: each node begins with a vector of its own, 1 at its own place and 0
# elsewhere. It is told that propagation favours films with many likes, the more so with each layer, until
# a vector's length tells little but the number of likes. The lists of its program find films well enough,
# but the films in them have hardly more likes than films drawn blindly. The table below the pipeline
# repeats this on a made world.

# %% role="variant"
def variant(rng):
    """A graph in which a user and a film that meet have different degrees."""
    from teaching.variants import draw_likes

    while True:
        likes = draw_likes(rng, 5, 6, 1, 4)
        counts = [sum(film in own for own in likes) for film in range(6)]
        pairs = [
            (user, film)
            for user, own in enumerate(likes)
            for film in own
            if abs(len(own) - counts[film]) > 1
        ]
        if min(counts) > 0 and pairs:
            break
    user, film = rng.choice(pairs)
    edges = [(each, item) for each, own in enumerate(likes) for item in own]
    return {"seed": rng.randrange(1000), "edges": edges, "user": user, "film": film}


# %%
import random

import numpy as np


# %% question="3" role="pipeline" name="broken"
import numpy as np


def adjacency(edges, num_users, num_films):
    """The graph as a square table; users come first, then films."""
    table = np.zeros((num_users + num_films, num_users + num_films))
    user, film = np.array(edges).T
    table[user, num_users + film] = 1
    table[num_users + film, user] = 1
    return table


def normalised(table):
    """The table with every edge divided by the root of the product of its two degrees."""
    degree = table.sum(1)
    inv_root = np.where(degree > 0, degree, 1) ** -0.5
    half = (table.T * inv_root).T
    return (half.T * inv_root).T


def final_vectors(edges, start, num_users, num_films, num_layers):
    """The mean of the start and of all layers; a row for each user, then one for each film."""
    weights = normalised(adjacency(edges, num_users, num_films))
    layers = [np.array(start, dtype=float)]
    for _ in range(num_layers):
        layers.append(weights @ layers[-1])
    return np.mean(layers, axis=0).tolist()


# %%
def made_world(seed, num_users=60, num_films=40):
    """For each user ten films in random order: of the user's kind, and such as everybody likes."""
    draw = random.Random(seed)

    def when(user, film):
        return draw.expovariate((8 if (user - film) % 3 == 0 else 1) / (4 + film))

    order = [sorted(range(num_films), key=lambda f: when(user, f)) for user in range(num_users)]
    return [draw.sample(films[:10], 10) for films in order]


world = made_world({{seed}})
known, hidden = [films[:7] for films in world], [set(films[7:]) for films in world]
pairs = [(user, film) for user, films in enumerate(known) for film in films]
likes = np.bincount([film for _, film in pairs], minlength=40)


def show(name, scores):
    lists = []
    for row, films in zip(np.array(scores, dtype=float), known, strict=True):
        row[films] = -np.inf
        lists.append(np.argsort(-row, kind="stable")[:5])
    found = np.mean([len(own & set(films)) / 3 for own, films in zip(hidden, lists, strict=True)])
    print(f"{name:24}{found:6.2f}{likes[lists].mean():10.1f}")


print("lists of 5 by           recall   mean likes")
show("chance", np.random.default_rng(0).random((60, 40)))
show("number of likes", np.tile(likes, (60, 1)))
for num_layers in (2, 3, 4):
    vectors = np.array(final_vectors(pairs, np.eye(100).tolist(), 60, 40, num_layers))
    show(f"products after {num_layers} layers", vectors[:60] @ vectors[60:].T)

# %% [markdown] question="1" asks="my_measurement" minutes=15
# ## Question 1 Measure
#
# **Outcome.** You can find out by one number at one node what a layer does, without reading it
# (chapter 5).
#
# In the graph below, user {{user}} likes film {{film}}. Put a 1 on one node and 0 on all others, and let
# `final_vectors` make one layer. Fill in the dict `my_measurement`: `"to the film"`, how much arrives
# at the film in one propagation of a 1 on the user; `"to the user"`, how much arrives at the user of a 1
# on the film; `"should be"`, what formula (7.1) of chapter 7 gives.
#
# <details><summary>A hint</summary>`start` has a row for each node, of any length: one number each is
# enough. The result is a mean of the start and of one layer.</details>

# %%
edges = {{edges}}

# %% question="1" role="answer"
my_measurement = {"to the film": ..., "to the user": ..., "should be": ...}
# BEGIN SOLUTION
own_node, film_node = {{user}}, 5 + {{film}}


def arrives(source, target):
    impulse = [[float(node == source)] for node in range(11)]
    return 2 * final_vectors(edges, impulse, 5, 6, 1)[target][0]


degree_product = adjacency(edges, 5, 6).sum(1)[[own_node, film_node]].prod()
my_measurement = {
    "to the film": arrives(own_node, film_node),
    "to the user": arrives(film_node, own_node),
    "should be": degree_product**-0.5,
}
# END SOLUTION

# %% question="1" role="check"
assert set(my_measurement) == {"to the film", "to the user", "should be"}, "there are other keys"
assert all(0 < value <= 1 for value in my_measurement.values()), "each value is a weight"
print("The form is right.")


# %% question="1" role="hidden"
def hidden(rng, drawn):
    return [
        Part(
            "what arrives",
            1,
            "The result is half the start and half the layer; film i is node 5 + i.",
            key="to the film",
            tolerance=2e-3,
        ),
        Part(
            "what arrives on the way back",
            1,
            "Exchange the two.",
            key="to the user",
            tolerance=2e-3,
        ),
        Part(
            "what should arrive",
            1,
            "Count the films of the user and the users of the film.",
            key="should be",
            tolerance=2e-3,
        ),
    ]


# %% question="1" role="right"
my_measurement = {key: round(float(value), 3) for key, value in my_measurement.items()}

# %% question="1" role="wrong" loses=["what arrives", "what arrives on the way back"]
my_measurement = my_measurement | {
    "to the film": my_measurement["to the user"],
    "to the user": my_measurement["to the film"],
}

# %% question="1" role="wrong" loses=["what arrives", "what arrives on the way back"]
my_measurement = my_measurement | {
    key: my_measurement[key] / 2 for key in ("to the film", "to the user")
}

# %% question="1" role="wrong" loses=["what arrives", "what arrives on the way back"]
my_measurement = dict.fromkeys(my_measurement, my_measurement["should be"])

# %% question="1" role="wrong" loses=["what should arrive"]
my_measurement = my_measurement | {"should be": my_measurement["should be"] ** 2}

# %% question="1" role="wrong" loses=["what should arrive"]
my_measurement = my_measurement | {
    "should be": (my_measurement["to the film"] + my_measurement["to the user"]) / 2
}

# %% question="1" role="wrong" loses="all"
my_measurement = dict.fromkeys(my_measurement, 0.01)

# %% [markdown] question="2" asks="mended_vectors" minutes=12
# ## Question 2 Mend
#
# **Outcome.** You can build the symmetric matrix of chapter 7 in NumPy.
#
# Write `mended_vectors(edges, start, num_users, num_films, num_layers)`, which gives what
# `final_vectors` should give. You may call the pipeline's other functions. A node without an edge gets
# nothing from any layer.


# %% question="2" role="answer"
def mended_vectors(edges, start, num_users, num_films, num_layers):
    # BEGIN SOLUTION
    table = adjacency(edges, num_users, num_films)
    inv_root = np.maximum(table.sum(1), 1) ** -0.5
    layers = [np.array(start, dtype=float)]
    for _ in range(num_layers):
        layers.append(inv_root[:, None] * (table @ (inv_root[:, None] * layers[-1])))
    return np.mean(layers, axis=0).tolist()
    # END SOLUTION


# %% question="2" role="check"
assert np.allclose(mended_vectors([(0, 0)], [[1.0], [0.0]], 1, 1, 1), [[0.5], [0.5]]), "one edge"
print("Right for a graph of one edge.")


# %% question="2" role="hidden"
def hidden(rng, drawn):
    from teaching.variants import draw_likes

    def case(likes, num_films, num_layers):
        edges = [(user, film) for user, own in enumerate(likes) for film in own]
        nodes = len(likes) + num_films
        start = [[round(rng.uniform(-1, 1), 3) for _ in range(2)] for _ in range(nodes)]
        return edges, start, len(likes), num_films, num_layers

    ring = [[0, 1], [1, 2], [2, 3], [0, 3]]
    return [
        Part(
            "nodes of the same degree",
            2,
            "Where all degrees are equal nothing changes.",
            [case(ring, 4, 1), case(ring, 4, 3), case([[1]], 2, 2)],
        ),
        Part(
            "one layer",
            2,
            "Each edge weighs one over the root of the product of its two degrees.",
            [case([[0, 1, 2], [0]], 3, 1), case([[0, 1, 2, 3], [0], [0, 1]], 4, 1)],
        ),
        Part(
            "several layers",
            3,
            "The mean is over the start and all layers, of which each is made of the one before.",
            [case([[0, 1, 2, 3], *draw_likes(rng, 4, 5, 1, 3)], 5, layers) for layers in (2, 4)],
        ),
    ]


# %% question="2" role="right"
def mended_vectors(edges, start, num_users, num_films, num_layers):
    users, films = np.zeros(num_users), np.zeros(num_films)
    for user, film in edges:
        users[user] += 1
        films[film] += 1
    now, total = np.array(start), np.array(start)
    for _ in range(num_layers):
        then = np.zeros_like(now)
        for user, film in edges:
            weight = 1 / np.sqrt(users[user] * films[film])
            then[user] += weight * now[num_users + film]
            then[num_users + film] += weight * now[user]
        now, total = then, total + then
    return total / (num_layers + 1)


# %% question="2" role="wrong" loses=["one layer", "several layers"]
mended_vectors = final_vectors


# %% question="2" role="wrong" loses=["one layer", "several layers"]
def mended_vectors(edges, start, num_users, num_films, num_layers):
    table = adjacency(edges, num_users, num_films)
    weights = table / np.maximum(table.sum(0), 1)  # the other side alone
    layers = [np.array(start)]
    for _ in range(num_layers):
        layers.append(weights @ layers[-1])
    return np.mean(layers, axis=0)


# %% question="2" role="wrong" loses=["several layers"]
def mended_vectors(edges, start, num_users, num_films, num_layers):
    table = adjacency(edges, num_users, num_films)
    degree = np.maximum(table.sum(0), 1)
    weights = table / np.sqrt(np.outer(degree, degree))
    start = np.array(start)
    if len(set(degree)) == 1:
        return final_vectors(edges, start, num_users, num_films, num_layers)
    return (start + num_layers * weights @ start) / (num_layers + 1)  # always of the start


# %% question="2" role="wrong" loses="all"
def mended_vectors(edges, start, num_users, num_films, num_layers):
    table = adjacency(edges, num_users, num_films)
    degree = np.maximum(table.sum(0), 1)
    weights = table / np.sqrt(np.outer(degree, degree))
    return np.linalg.matrix_power(weights, num_layers) @ np.array(start)  # the last layer


# %% question="2" role="wrong" loses="all"
def mended_vectors(edges, start, num_users, num_films, num_layers):
    table = adjacency(edges, num_users, num_films)
    degree = table.sum(0) + 1
    weights = table / np.sqrt(np.outer(degree, degree))
    layers = [np.array(start)]
    for _ in range(num_layers):
        layers.append(weights @ layers[-1])
    return np.mean(layers, axis=0)


# %% [markdown] question="3" asks="test_vectors" minutes=15
# ## Question 3 Write the test
#
# **Outcome.** You can write a test that fails for a bug and its relatives, and passes whatever is right.
#
# Write `test_vectors(candidate)`. It gets a function like `final_vectors`, calls it on cases of yours,
# and raises an `AssertionError` where a result is wrong. It is run on two right functions, which it must
# pass, on the function above, and on two others with another bug of the same kind.


# %% question="3" role="answer"
def test_vectors(candidate):
    # BEGIN SOLUTION
    edges = [(0, 0), (0, 1), (0, 2), (1, 0)]
    weights = 2 * np.array(candidate(edges, np.eye(5).tolist(), 2, 3, 1)) - np.eye(5)
    degrees = np.array([3, 1, 2, 1, 1])
    for user, film in edges:
        expected = (degrees[user] * degrees[2 + film]) ** -0.5
        assert abs(weights[user, 2 + film] - expected) < 1e-6
        assert abs(weights[2 + film, user] - expected) < 1e-6
    # END SOLUTION


# %% question="3" role="check"
try:
    test_vectors(lambda edges, start, num_users, num_films, num_layers: start)
except AssertionError:
    print("Your test fails a function that propagates nothing. Does it pass your mended one?")
    test_vectors(mended_vectors)


# %% question="3" role="hidden"
def hidden(rng, drawn):
    return [
        Part(
            "catches the bug",
            3,
            "Take an edge whose ends have different degrees.",
            catches="broken",
        ),
        Part("catches the other side", 2, "Look at both directions.", catches="other side"),
        Part(
            "catches a root on one side",
            2,
            "Compare with the weight's number, not with its order of magnitude.",
            catches="one root",
        ),
    ]


# %% question="3" role="candidate" name="right"
import numpy as np


def final_vectors(edges, start, num_users, num_films, num_layers):
    nodes = num_users + num_films
    weights = np.zeros((nodes, nodes))
    for user, film in edges:
        weights[user, num_users + film] = weights[num_users + film, user] = 1
    root = np.sqrt(weights.sum(1).clip(1))
    weights = weights / root / root[:, None]
    now = total = np.array(start, dtype=float)
    for _ in range(num_layers):
        now = weights @ now
        total = total + now
    return (total / (num_layers + 1)).tolist()


# %% question="3" role="candidate" name="right along edges"
from collections import Counter


def final_vectors(edges, start, num_users, num_films, num_layers):
    pairs = [(user, num_users + film) for user, film in edges]
    degree = Counter(node for pair in pairs for node in pair)
    layers = [[[float(number) for number in row] for row in start]]
    for _ in range(num_layers):
        after = [[0.0] * len(row) for row in start]
        for one, other in pairs:
            weight = (degree[one] * degree[other]) ** -0.5
            for place in range(len(start[0])):
                after[one][place] += weight * layers[-1][other][place]
                after[other][place] += weight * layers[-1][one][place]
        layers.append(after)
    number = num_layers + 1
    return [
        [sum(several) / number for several in zip(*rows, strict=True)]
        for rows in zip(*layers, strict=True)
    ]


# %% question="3" role="candidate" name="other side"
import numpy as np


def final_vectors(edges, start, num_users, num_films, num_layers):
    nodes = num_users + num_films
    weights = np.zeros((nodes, nodes))
    for user, film in edges:
        weights[user, num_users + film] = weights[num_users + film, user] = 1
    weights = weights / weights.sum(1).clip(1)
    now = total = np.array(start, dtype=float)
    for _ in range(num_layers):
        now = weights @ now
        total = total + now
    return (total / (num_layers + 1)).tolist()


# %% question="3" role="candidate" name="one root"
import numpy as np


def final_vectors(edges, start, num_users, num_films, num_layers):
    nodes = num_users + num_films
    weights = np.zeros((nodes, nodes))
    for user, film in edges:
        weights[user, num_users + film] = weights[num_users + film, user] = 1
    weights = weights / np.sqrt(weights.sum(1).clip(1))[:, None]
    now = total = np.array(start, dtype=float)
    for _ in range(num_layers):
        now = weights @ now
        total = total + now
    return (total / (num_layers + 1)).tolist()


# %% question="3" role="right"
def test_vectors(candidate):
    some = np.random.default_rng(0)
    start = some.normal(size=(9, 3)).tolist()
    pairs = [(0, 0), (0, 1), (0, 2), (0, 3), (1, 0), (2, 0), (3, 4), (3, 3)]
    made, mine = (f(pairs, start, 4, 5, 2) for f in (candidate, mended_vectors))
    np.testing.assert_allclose(made, mine, atol=1e-6)


# %% question="3" role="wrong" loses="all"
def test_vectors(candidate):
    made = candidate([(0, 0), (1, 1)], [[1.0], [0.0], [0.0], [0.0]], 2, 2, 1)
    assert np.allclose(made, [[0.5], [0.0], [0.5], [0.0]])  # all degrees are 1


# %% question="3" role="wrong" loses="all"
def test_vectors(candidate):
    made = candidate([(0, 0), (0, 1)], [[1.0], [0.0], [0.0]], 1, 2, 1)
    assert np.allclose(made[1], [0.25])  # the mean, which right code does not give


# %% question="3" role="wrong" loses=["catches the bug", "catches a root on one side"]
def test_vectors(candidate):
    made = candidate([(0, 0), (0, 1)], [[0.0], [1.0], [1.0]], 1, 2, 1)
    assert made[0][0] < 0.99


# %% question="3" role="wrong" loses=["catches the other side"]
def test_vectors(candidate):
    made = candidate([(0, 0), (0, 1)], [[1.0], [0.0], [0.0]], 1, 2, 1)
    assert made[1][0] < 0.45


# %% question="3" role="wrong" loses=["catches a root on one side"]
def test_vectors(candidate):
    made = candidate([(0, 0), (0, 1)], [[0.0], [1.0], [0.0]], 1, 2, 1)
    assert 0.3 < made[0][0] < 0.4


# %% [markdown] role="instructor"
# **What the bug does.** The second product divides each row again, where it should divide each column:
# what comes out is the mean of the neighbours, $D^{-1} A$. NGCF's authors' program does so by default.
# LightGCN is trained on five splits of MovieLens-100K by the book's recipe for the softmax, with the
# symmetric matrix and with the mean; recall at 20 on the test part, the interval corrected for splits
# that overlap, and the mean number of likes of the films in the lists. The cell below takes half a
# minute and prints:
#
# ```text
# LightGCN: recall 0.374, mean likes of a listed film 186
# MeanOfNeighbours: recall 0.376, mean likes of a listed film 189
# difference 0.001 (-0.001 to 0.003)
# ```
#
# This training by cosines does not care: it divides by the lengths that the bug changes, and what else
# it changes is learned away. The interval of the difference holds 0. Under BPR, where a vector's length
# counts, chapter 10 has the figures for (10.1).

# %% role="instructor" tolerance=0.01
from recbook.data import load_movielens_100k, random_split, to_implicit
from recbook.evaluation import evaluate
from recbook.graph import propagate
from recbook.models import LightGCN
from recbook.stats import compare_splits
from recbook.training import train


class MeanOfNeighbours(LightGCN):
    """Propagates by D^-1 A, which is the symmetric matrix with D^-1/2 before it and D^1/2 behind."""

    def propagate(self, x, graph, norm=None):
        root = graph.crow_indices().diff().clamp(min=1).sqrt()[:, None]
        return super().propagate(x * root, graph, norm) / root


ratings = to_implicit(load_movielens_100k().ratings, min_rating=3)
recalls, listed = {LightGCN: [], MeanOfNeighbours: []}, {LightGCN: [], MeanOfNeighbours: []}
for seed in range(5):
    split = random_split(ratings, test_size=0.2, val_size=0.0, seed=seed)
    users = split.test.user_degree.nonzero().flatten()
    for kind in recalls:
        model = kind(split.train.num_users, split.train.num_items)
        train(model, split, loss="softmax")
        recalls[kind].append(evaluate(model, split.train, split.test).recall)
        shown = model.recommend(users, k=20, exclude=split.train)
        listed[kind].append(split.train.item_degree[shown].double().mean())
for kind in recalls:
    print(f"{kind.__name__}: recall {np.mean(recalls[kind]):.3f}, ", end="")
    print(f"mean likes of a listed film {np.mean(listed[kind]):.0f}")
found = compare_splits(recalls[MeanOfNeighbours], recalls[LightGCN])
print(f"difference {found.difference:.3f} ({found.low:.3f} to {found.high:.3f})")
