# %% [markdown]
# # Bug hunt {{number}}: the same model in another program
#
# {{points}} points, about {{minutes}} minutes. The pipeline below runs without an error, and it has
# one bug. You find it by measuring, mend it, and write the test that would have caught it.
#
# **The symptoms.** A team moves a graph neural network to a program of its own. The model is GCN's layer
# without weights: each node also hears itself, as one neighbour more, and each message is divided by the
# root of the product of its two degrees, in which that neighbour counts. The trained vectors are copied,
# and the graph is the same. Both programs run, but their outputs differ, at some nodes more and at some
# not at all. The table below the pipeline has the output of both.

# %% role="variant"
def variant(rng):
    """A graph with a node without neighbours, and what the other program makes of it."""
    while True:
        pairs = [(user, film) for user in range(4) for film in range(4, 9)]
        edges = sorted(rng.sample(pairs, 9))
        degree = [sum(node in edge for edge in edges) for node in range(9)]
        if degree.count(0) == 1 and len(set(degree)) > 3:
            break
    start = [round(rng.choice([-1, 1]) * rng.uniform(0.5, 2), 2) for _ in range(9)]

    def layer(x):
        after = [value / (count + 1) for value, count in zip(x, degree)]
        for one, other in edges:
            weight = ((degree[one] + 1) * (degree[other] + 1)) ** -0.5
            after[one] += weight * x[other]
            after[other] += weight * x[one]
        return after

    return {
        "edges": edges,
        "start": start,
        "theirs": [round(value, 3) for value in layer(layer(start))],
        "num_neighbours": rng.randint(3, 8),
    }


# %%
import numpy as np


# %% question="3" role="pipeline" name="broken"
import numpy as np


def both_ways(edges):
    """Each edge as two messages: a row of senders, a row of receivers."""
    one, other = np.array(edges, dtype=int).reshape(-1, 2).T
    return np.stack([np.concatenate([one, other]), np.concatenate([other, one])])


def with_loops(messages, num_nodes):
    """One message more for each node, to itself."""
    nodes = np.arange(num_nodes)
    return np.concatenate([messages, np.stack([nodes, nodes])], axis=1)


def prepare(edges, num_nodes):
    """The messages of the graph, in order of their receivers."""
    messages = with_loops(both_ways(edges), num_nodes)
    return messages[:, np.argsort(messages[1], kind="stable")]


def layer(messages, x):
    """Each node's sum over its messages, as GCN weighs them."""
    sender, receiver = with_loops(messages, len(x))
    degree = np.bincount(receiver, minlength=len(x))
    weight = 1 / np.sqrt(degree[sender] * degree[receiver])
    return np.bincount(receiver, weights=weight * x[sender], minlength=len(x))


def output(edges, start, num_layers):
    """What GCN's layers make of one number a node.

    edges: pairs of nodes, each once. start: a number for each node.
    """
    messages = prepare(edges, len(start))
    x = np.array(start, dtype=float)
    for _ in range(num_layers):
        x = layer(messages, x)
    return x.tolist()


# %%
edges = {{edges}}
start = {{start}}
theirs = {{theirs}}

ours = output(edges, start, num_layers=2)
print("node  neighbours   start    ours  theirs  difference")
for node, (first, mine, other) in enumerate(zip(start, ours, theirs, strict=True)):
    number = sum(node in edge for edge in edges)
    print(f"{node:4}{number:12}{first:8.2f}{mine:8.3f}{other:8.3f}{mine - other:12.3f}")

# %% [markdown] question="1" asks="my_measurement" minutes=15
# ## Question 1 Measure
#
# **Outcome.** You can find out by one number at one node what a layer does, without reading it
# (chapter 5).
#
# Take a node with {{num_neighbours}} neighbours that have no neighbour but it. Put a 1 on it and 0 on
# all others, and let `output` make one layer. Fill in the dict `my_measurement`: `"kept"`, what is then at
# the node itself; `"sent"`, what is at one of its neighbours; and `"kept, should be"` and
# `"sent, should be"`, what the description of the model above gives.

# %% question="1" role="answer"
my_measurement = {"kept": ..., "sent": ..., "kept, should be": ..., "sent, should be": ...}
# BEGIN SOLUTION
star = [(0, 1 + neighbour) for neighbour in range({{num_neighbours}})]
reached = output(star, [1.0] + [0.0] * len(star), 1)
my_measurement = {
    "kept": reached[0],
    "sent": reached[1],
    "kept, should be": 1 / (len(star) + 1),
    "sent, should be": 1 / np.sqrt(2 * (len(star) + 1)),
}
# END SOLUTION

# %% question="1" role="check"
assert list(my_measurement) == ["kept", "sent", "kept, should be", "sent, should be"], "other keys"
assert all(0 < value < 1 for value in my_measurement.values()), "each value is a share of the 1"
print("The form is right.")


# %% question="1" role="hidden"
def hidden(rng, drawn):
    star = "The node in the middle is one end of each edge, and has the only number that is not 0."
    return [
        Part("what is kept", 1, star, key="kept", tolerance=2e-3),
        Part("what is sent", 1, star, key="sent", tolerance=2e-3),
        Part(
            "what should be kept",
            1,
            "A node that hears itself has one neighbour more than the graph says.",
            key="kept, should be",
            tolerance=2e-3,
        ),
        Part(
            "what should be sent",
            1,
            "Both ends of an edge hear themselves: each has one neighbour more.",
            key="sent, should be",
            tolerance=2e-3,
        ),
    ]


# %% question="1" role="right"
my_measurement = {key: round(float(value), 3) for key, value in my_measurement.items()}

# %% question="1" role="wrong" loses=["what is kept"]
my_measurement = my_measurement | {"kept": my_measurement["kept, should be"]}

# %% question="1" role="wrong" loses=["what is sent"]
my_measurement = my_measurement | {"sent": my_measurement["sent, should be"]}

# %% question="1" role="wrong" loses=["what should be kept"]
my_measurement = my_measurement | {"kept, should be": 1 / {{num_neighbours}}}

# %% question="1" role="wrong" loses=["what should be sent"]
my_measurement = my_measurement | {"sent, should be": 1 / np.sqrt({{num_neighbours}})}

# %% question="1" role="wrong" loses=["what is kept", "what should be kept"]
my_measurement = my_measurement | {
    "kept": my_measurement["kept, should be"],
    "kept, should be": my_measurement["kept"],
}

# %% question="1" role="wrong" loses="all"
my_measurement = dict.fromkeys(my_measurement, 0.9)

# %% [markdown] question="2" asks="mended_output" minutes=12
# ## Question 2 Mend
#
# **Outcome.** You can count self-loops in degrees and messages (chapter 5).
#
# Write `mended_output(edges, start, num_layers)`, which gives what `output` should give. You may call
# the pipeline's other functions. Some graphs have nodes without an edge, one has no edge at all.


# %% question="2" role="answer"
def mended_output(edges, start, num_layers):
    # BEGIN SOLUTION
    messages = both_ways(edges)  # layer adds the loops
    x = np.array(start, dtype=float)
    for _ in range(num_layers):
        x = layer(messages, x)
    return x.tolist()
    # END SOLUTION


# %% question="2" role="check"
assert np.allclose(mended_output([(0, 1)], [1.0, 0.0], 1), [0.5, 0.5]), "two neighbours share"
print("Right for a graph of one edge.")


# %% question="2" role="hidden"
def hidden(rng, drawn):
    def case(num_nodes, num_edges, num_layers):
        pairs = [(one, other) for one in range(num_nodes) for other in range(one)]
        start = [round(rng.uniform(-2, 2), 3) for _ in range(num_nodes)]
        return sorted(rng.sample(pairs, num_edges)), start, num_layers

    star = [(0, other) for other in range(1, drawn["num_neighbours"] + 1)]
    alone = [round(rng.uniform(1, 2), 3) for _ in range(4)]
    return [
        Part(
            "nodes without a neighbour",
            2,
            "A node that hears itself alone keeps its number.",
            [([], alone, 2), ([], alone[:1], 3), ([], alone, 0)],
        ),
        Part(
            "one layer",
            2,
            "Count how often each node hears itself.",
            [(star, [1.0] * (len(star) + 1), 1), case(6, 8, 1)],
        ),
        Part(
            "several layers",
            3,
            "Each layer uses the same messages.",
            [(drawn["edges"], drawn["start"], 2), case(7, 8, 3)],
        ),
    ]


# %% question="2" role="right"
def mended_output(edges, start, num_layers):
    table = np.eye(len(start))
    for one, other in edges:
        table[one, other] = table[other, one] = 1
    root = np.sqrt(table.sum(0))
    return np.linalg.matrix_power(table / np.outer(root, root), num_layers) @ np.array(start)


# %% question="2" role="wrong" loses=["one layer", "several layers"]
mended_output = output


# %% question="2" role="wrong" loses="all"
def mended_output(edges, start, num_layers):
    table = np.zeros((len(start), len(start)))
    for one, other in edges:
        table[one, other] = table[other, one] = 1
    root = np.sqrt(np.maximum(table.sum(0), 1))  # without any loop
    return np.linalg.matrix_power(table / np.outer(root, root), max(num_layers, 1)) @ np.array(
        start
    )


# %% question="2" role="wrong" loses=["one layer", "several layers"]
def mended_output(edges, start, num_layers):
    table = np.zeros((len(start), len(start)))
    for one, other in edges:
        table[one, other] = table[other, one] = 1
    root = np.sqrt(np.maximum(table.sum(0), 1))  # loops that no degree counts
    table = table / np.outer(root, root) + np.diag(1 / root**2)
    return np.linalg.matrix_power(table, num_layers) @ np.array(start)


# %% question="2" role="wrong" loses=["one layer", "several layers"]
def mended_output(edges, start, num_layers):
    table = np.eye(len(start))
    for one, other in edges:
        table[one, other] = table[other, one] = 1
    table = table / table.sum(0)[:, None]  # the mean
    return np.linalg.matrix_power(table, num_layers) @ np.array(start)


# %% question="2" role="wrong" loses=["several layers"]
def mended_output(edges, start, num_layers):
    return layer(both_ways(edges), np.array(start)) if num_layers else start  # one layer


# %% [markdown] question="3" asks="test_output" minutes=15
# ## Question 3 Write the test
#
# **Outcome.** You can write a test that fails for a bug and its relatives, and passes whatever is right.
#
# Write `test_output(candidate)`. It gets a function like `output`, calls it on cases of yours, and
# raises an `AssertionError` where a result is wrong. It is run on two right functions, which it must
# pass, on the function above, and on two others with another bug of the same kind.


# %% question="3" role="answer"
def test_output(candidate):
    # BEGIN SOLUTION
    kept, sent, _ = candidate([(0, 1), (0, 2)], [1.0, 0.0, 0.0], 1)
    assert abs(kept - 1 / 3) < 1e-6
    assert abs(sent - 1 / np.sqrt(6)) < 1e-6
    # END SOLUTION


# %% question="3" role="check"
try:
    test_output(lambda edges, start, num_layers: start)
except AssertionError:
    print("Your test fails a function that changes nothing. Does it pass your mended one?")
    test_output(mended_output)


# %% question="3" role="hidden"
def hidden(rng, drawn):
    return [
        Part("catches the bug", 3, "Look at what a node with neighbours keeps.", catches="broken"),
        Part(
            "catches loops that no degree counts",
            2,
            "Look at what a neighbour gets, too.",
            catches="not counted",
        ),
        Part(
            "catches loops that are counted only",
            2,
            "Look at what a node keeps, too.",
            catches="counted only",
        ),
    ]


# %% question="3" role="candidate" name="right"
import numpy as np


def output(edges, start, num_layers):
    table = np.eye(len(start))
    for one, other in edges:
        table[one, other] = table[other, one] = 1
    root = np.sqrt(table.sum(1))
    x = np.array(start, dtype=float)
    for _ in range(num_layers):
        x = table @ (x / root) / root
    return x.tolist()


# %% question="3" role="candidate" name="right by neighbours"
import math


def output(edges, start, num_layers):
    near = [{node} for node in range(len(start))]
    for one, other in edges:
        near[one].add(other)
        near[other].add(one)
    x = [float(number) for number in start]
    for _ in range(num_layers):
        x = [
            sum(x[other] / math.sqrt(len(own) * len(near[other])) for other in own) for own in near
        ]
    return x


# %% question="3" role="candidate" name="not counted"
import numpy as np


def output(edges, start, num_layers):
    table = np.zeros((len(start), len(start)))
    for one, other in edges:
        table[one, other] = table[other, one] = 1
    degree = table.sum(1).clip(1)
    x = np.array(start, dtype=float)
    for _ in range(num_layers):
        x = table @ (x / np.sqrt(degree)) / np.sqrt(degree) + x / degree
    return x.tolist()


# %% question="3" role="candidate" name="counted only"
import numpy as np


def output(edges, start, num_layers):
    table = np.zeros((len(start), len(start)))
    for one, other in edges:
        table[one, other] = table[other, one] = 1
    root = np.sqrt(table.sum(1) + 1)
    x = np.array(start, dtype=float)
    for _ in range(num_layers):
        x = table @ (x / root) / root
    return x.tolist()


# %% question="3" role="right"
def test_output(candidate):
    some = np.random.default_rng(0)
    pairs = [(0, 1), (0, 2), (1, 2), (2, 3), (4, 3)]
    for num_layers in (1, 2):
        x = some.normal(size=6).tolist()
        made, mine = candidate(pairs, x, num_layers), mended_output(pairs, x, num_layers)
        np.testing.assert_allclose(made, mine, atol=1e-6)


# %% question="3" role="wrong" loses="all"
def test_output(candidate):
    assert len(candidate([(0, 1)], [1.0, 2.0], 2)) == 2


# %% question="3" role="wrong" loses="all"
def test_output(candidate):
    assert np.allclose(candidate([(0, 1)], [1.0, 0.0], 1), [0, 1])  # without loops


# %% question="3" role="wrong" loses=["catches the bug", "catches loops that no degree counts"]
def test_output(candidate):
    assert abs(candidate([], [2.0], 1)[0] - 2) < 1e-6


# %% question="3" role="wrong" loses=["catches loops that no degree counts"]
def test_output(candidate):
    kept = candidate([(0, 1), (0, 2), (0, 3)], [1.0, 0.0, 0.0, 0.0], 1)[0]
    assert 0.2 < kept < 0.35


# %% question="3" role="wrong" loses=["catches loops that are counted only"]
def test_output(candidate):
    assert abs(candidate([(0, 1), (0, 2)], [1.0, 0.0, 0.0], 1)[1] - 1 / np.sqrt(6)) < 1e-6


# %% [markdown] role="instructor"
# **What the bug does.** `prepare` adds the loops, and `layer` adds them again, as PyTorch Geometric's
# `GCNConv` does to a graph that went through `add_self_loops`. LightGCN is trained on five splits of
# MovieLens-100K by the book's recipe for the softmax, by a matrix with no loop, one and two; recall at 20
# on the test part, the intervals corrected for splits that overlap. The cell below takes about 40 s and
# prints:
#
# ```text
# 0 loops: recall 0.3744
# 1 loops: recall 0.3754
# 2 loops: recall 0.3755
# 2 minus 1: 0.0001 (-0.0024 to 0.0025)
# 1 minus 0: 0.0010 (-0.0000 to 0.0020)
# ```
#
# The second loop changes recall by 0.0001, and the interval is within 0.0025 of 0: vectors that are
# trained with the bug make up for it. It hurts where vectors are copied between programs, as here.

# %% role="instructor" tolerance=0.01
from recbook.data import load_movielens_100k, random_split, to_implicit
from recbook.evaluation import evaluate
from recbook.models import LightGCN
from recbook.stats import compare_splits
from recbook.training import train


class WithLoops(LightGCN):
    """Each node is its own neighbour, ``loops`` times."""

    loops = 0

    def propagate(self, x, graph, norm=None):
        degree = graph.crow_indices().diff()[:, None]
        counted = degree + self.loops
        share = (degree / counted).sqrt()  # of the weights that the matrix has
        return share * super().propagate(share * x, graph, norm) + self.loops / counted * x


ratings = to_implicit(load_movielens_100k().ratings, min_rating=3)
recalls = {0: [], 1: [], 2: []}
for seed in range(5):
    split = random_split(ratings, test_size=0.2, val_size=0.0, seed=seed)
    for loops, several in recalls.items():
        model = WithLoops(split.train.num_users, split.train.num_items)
        model.loops = loops
        train(model, split, loss="softmax")
        several.append(evaluate(model, split.train, split.test).recall)
for loops, several in recalls.items():
    print(f"{loops} loops: recall {np.mean(several):.4f}")
for name, one, other in [("2 minus 1", 2, 1), ("1 minus 0", 1, 0)]:
    found = compare_splits(recalls[one], recalls[other])
    print(f"{name}: {found.difference:.4f} ({found.low:.4f} to {found.high:.4f})")
