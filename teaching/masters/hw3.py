# %% [markdown]
# # Homework 3: layers that listen, and what they hear
#
# It is about chapters 5 and 6 of the book: {{points}} points, about {{minutes}} minutes. Put your
# code in place of the dots. The cell below each question checks the form of your answer and one
# case that you can follow with a pencil; your grade comes from other cases. Functions get tensors
# of floats and plain lists, and leave what they are given as it was. Ask for no more than a second
# of computing, and let each question stand for itself: a function of one does not call another's.

# %% role="variant"
from teaching.variants import draw_likes


def variant(rng):
    """A graph in which two layers from the last film reach some nodes and not others."""
    while True:
        likes = draw_likes(rng, 4, 5, 1, 3)
        mine = [own for own in likes if 4 in own]
        near = {film for own in mine for film in own}
        everyone = {film for own in likes for film in own}
        reached = 2 <= len(near) < len(everyone) == 5 and len(near) != len(mine)
        if len(mine) in (2, 3) and reached and sum(1 / len(own) for own in mine) != 1:
            break
    films = rng.sample(["Alien", "Brazil", "Casablanca", "Dumbo", "Eraserhead", "Fargo", "Gigi"], 5)
    high = rng.choice([0.30, 0.31, 0.32])
    return {
        "edges": [(user, film) for user, own in enumerate(likes) for film in own],
        "people": rng.sample(["Ann", "Bob", "Cem", "Dora", "Eve", "Finn"], 4),
        "films": films,
        "last": films[4],
        "deep": rng.choice([4, 5, 6]),
        "high": f"{high:.2f}",
        "low": f"{high - rng.choice([0.03, 0.04, 0.05]):.2f}",
    }


# %%
import matplotlib.pyplot as plt
import torch

from recbook.plotting import draw_bipartite, set_style

set_style()

# %% [markdown] question="3.1" asks="my_reading" minutes=10
# ## Question 3.1 What comes back
#
# **Outcome.** You can say whose rows two layers bring to a node, and with which factor (chapter 5).
#
# Each node of the graph starts with a row of numbers of its own. Look at *{{last}}*, and fill in
# the dict `my_reading`:
#
# - `"forgets"`: two layers add up the neighbours' rows and forget a node's own, as (5.4) does
#   without weights and ReLU. How many nodes' starting rows are in *{{last}}*'s embedding?
# - `"keeps"`: the same where each layer also keeps the node's own row, as SAGE does in (5.6).
# - `"returns"`: with the layers that forget, how many times is *{{last}}*'s own row in the sum?
# - `"factor"`: with two layers of (5.5), the normalised sum, what is its own row multiplied by?

# %%
edges = {{edges}}
people = {{people}}
films = {{films}}
fig, ax = plt.subplots(figsize=(5, 3.2))
draw_bipartite(edges, people, films, ax)

# %% question="3.1" role="answer"
my_reading = {"forgets": ..., "keeps": ..., "returns": ..., "factor": ...}
# BEGIN SOLUTION
R = torch.zeros(4, 5)
R[tuple(torch.tensor(edges).T)] = 1
A = torch.cat([torch.cat([torch.zeros(4, 4), R], 1), torch.cat([R.T, torch.zeros(5, 5)], 1)])
A_norm = A / (A.sum(1)[:, None] * A.sum(1)).sqrt()
own = A + torch.eye(9)
my_reading = {
    "forgets": int((A @ A)[8].count_nonzero()),
    "keeps": int((own @ own)[8].count_nonzero()),
    "returns": int((A @ A)[8, 8]),
    "factor": float((A_norm @ A_norm)[8, 8]),
}
# END SOLUTION

# %% question="3.1" role="check"
assert set(my_reading) == {"forgets", "keeps", "returns", "factor"}, "my_reading has other keys"
assert all(isinstance(value, int | float) for value in my_reading.values()), "numbers only"
assert my_reading["forgets"] < my_reading["keeps"] <= 9, "who keeps more knows more, of nine nodes"
assert 0 < my_reading["factor"] <= 1, "no number grows by (5.5) alone"
print("The form is right.")


# %% question="3.1" role="hidden"
def hidden(rng, drawn):
    return [
        Part(
            "forgets",
            1,
            "From a film two steps lead to users and back to films, itself among them.",
            key="forgets",
        ),
        Part("keeps", 1, "Count all nodes within two edges, the film itself, too.", key="keeps"),
        Part(
            "returns",
            1,
            "Each of the film's users adds up the film's row once, and sends it back.",
            key="returns",
        ),
        Part(
            "factor",
            2,
            "The way to a user and back has the same weight twice; add up over the users.",
            key="factor",
            tolerance=2e-3,
        ),
    ]


# %% question="3.1" role="right"
my_reading = {key: round(value, 3) for key, value in my_reading.items()}

# %% question="3.1" role="right"
my_reading = {key: torch.tensor(value) for key, value in reversed(my_reading.items())}

# %% question="3.1" role="wrong" loses=["forgets"]
my_reading = my_reading | {"forgets": my_reading["forgets"] - 1}  # not itself

# %% question="3.1" role="wrong" loses=["forgets"]
my_reading = my_reading | {"forgets": my_reading["returns"]}  # its neighbours

# %% question="3.1" role="wrong" loses=["keeps"]
my_reading = my_reading | {"keeps": my_reading["keeps"] - 1}

# %% question="3.1" role="wrong" loses=["keeps"]
my_reading = my_reading | {"keeps": my_reading["forgets"]}

# %% question="3.1" role="wrong" loses=["returns"]
my_reading = my_reading | {"returns": 1}

# %% question="3.1" role="wrong" loses=["factor"]
my_reading = my_reading | {"factor": 1 / my_reading["returns"]}  # as if users had one film each

# %% question="3.1" role="wrong" loses=["factor"]
my_reading = my_reading | {"factor": A_norm[8].sum().item()}  # the way there alone

# %% [markdown] question="3.2" asks="my_attention" minutes=20
# ## Question 3.2 Attention
#
# **Outcome.** You can write an aggregation in which the receiver decides whom it hears (chapters 5
# and 6).
#
# In *attention* a node hears those neighbours most whose embeddings are like its own:
#
# $$e_v' = \sum_{w \in \mathcal{N}_v} a_{vw}\, e_w, \qquad a_{vw} = \frac{\exp(e_v^\top e_w)}{\sum_{w' \in \mathcal{N}_v} \exp(e_v^\top e_{w'})}.$$
#
# Write `my_attention(x, edge_index)`: `x` has a row for each node, `edge_index` the shape
# (2, number of edges), senders above and receivers below. $\mathcal{N}_v$ are those who send to
# $v$, so that an edge may lead one way only. A node to which nobody sends gets zeros. Dot products
# of 1,000 and -1,000 occur. A computer makes infinity and zero of their exponentials, and yet the
# shares $a_{vw}$ are ordinary numbers between 0 and 1.


# %% question="3.2" role="answer"
def my_attention(x, edge_index):
    # BEGIN SOLUTION
    source, target = edge_index
    new = torch.zeros_like(x)
    for node in range(len(x)):
        heard = x[source[target == node]]
        new[node] = (heard @ x[node]).softmax(0) @ heard
    return new
    # END SOLUTION


# %% question="3.2" role="check"
three = torch.tensor([[0.0], [3.0], [5.0]])
out = my_attention(three, torch.tensor([[1, 2, 0], [0, 0, 1]]))
assert out is not None, "my_attention returns nothing: end with return"
assert torch.as_tensor(out).shape == (3, 1), "a row for each node"
assert abs(float(out[0]) - 4) < 1e-5, "node 0 has dot products of 0 with both: half of 3, half of 5"
print("Right for one node.")


# %% question="3.2" role="hidden"
def hidden(rng, drawn):
    import torch

    def rows(number, scale=1.0):
        return [[round(scale * rng.uniform(-1, 1), 2) for _ in range(3)] for _ in range(number)]

    def graph(both):
        """Four users and five films; each film has two or three users."""
        pairs = []
        while len({user for user, _ in pairs}) < 4:
            pairs = [(user, 4 + film) for film in range(5) for user in rng.sample(range(4), 2)]
        pairs += [(user, 4) for user in range(4) if (user, 4) not in pairs][:1]
        pairs += [(film, user) for user, film in pairs] if both else []
        return torch.tensor(rng.sample(pairs, len(pairs))).T

    def far(gap):
        """The first node's products are ``gap``, one apart; the last node's are far below zero."""
        x = [[gap, 0.0], [1.0, 2.0], [1 + 1 / gap, -2.0], [-gap, 1.0]]
        return torch.tensor(x), torch.tensor([[1, 2, 1, 2], [0, 0, 3, 3]])

    alike = [[0.0] * 3] * 4 + rows(5)
    return [
        Part(
            "equal dot products",
            2,
            "Where all dot products of a node are equal, it gets the mean of those it hears.",
            [(torch.tensor(alike), graph(False).flip(0)) for _ in range(2)],
        ),
        Part(
            "unequal dot products",
            3,
            "The exponentials are divided by their sum over the node's own neighbours.",
            [(torch.tensor(rows(9)), graph(True)) for _ in range(3)],
            tolerance=1e-4,
        ),
        Part(
            "edges of one direction",
            2,
            "The shares count here, too. A node hears those that send to it; one to which nobody "
            "sends gets zeros.",
            [(torch.tensor(rows(9)), graph(False)) for _ in range(2)],
            tolerance=1e-4,
        ),
        Part(
            "large dot products",
            2,
            "Shares do not change when a number is taken from all of a node's dot products.",
            [far(float(rng.randint(500, 900))), far(float(rng.randint(1000, 2000)))],
            tolerance=1e-3,
        ),
    ]


# %% question="3.2" role="right"
def my_attention(x, edge_index):
    mask = torch.zeros(len(x), len(x), dtype=torch.bool)
    mask[edge_index[1], edge_index[0]] = True
    share = (x @ x.T).masked_fill(~mask, -torch.inf).softmax(dim=1)
    return share.nan_to_num(0.0) @ x


# %% question="3.2" role="right"
from torch_geometric.utils import softmax


def my_attention(x, edge_index):
    source, target = edge_index
    share = softmax((x[source] * x[target]).sum(1), target, num_nodes=len(x))
    return torch.zeros_like(x).index_add(0, target, share.view(-1, 1) * x[source])


# %% question="3.2" role="right"
from math import exp


def my_attention(x, edge_index):
    x, new = x.tolist(), []
    for node, row in enumerate(x):
        heard = [x[w] for w, v in edge_index.T.tolist() if v == node]
        dots = [sum(a * b for a, b in zip(row, other)) for other in heard]
        weights = [exp(dot - max(dots)) for dot in dots]
        new.append([sum(w * o[n] for w, o in zip(weights, heard)) for n in range(len(row))])
        new[-1] = [number / (sum(weights) or 1) for number in new[-1]]
    return new


# %% question="3.2" role="wrong" loses=["unequal dot products", "edges of one direction", "large dot products"]
def my_attention(x, edge_index):  # the mean
    source, target = edge_index
    total = torch.zeros_like(x).index_add(0, target, x[source])
    return total / torch.bincount(target, minlength=len(x)).clamp(min=1).view(-1, 1)


# %% question="3.2" role="wrong" loses=["large dot products"]
def my_attention(x, edge_index):
    source, target = edge_index
    weight = (x[source] * x[target]).sum(1).exp()
    total = torch.zeros(len(x)).index_add(0, target, weight)
    share = weight / total[target]
    return torch.zeros_like(x).index_add(0, target, share.view(-1, 1) * x[source])


# %% question="3.2" role="wrong" loses=["large dot products"]
def my_attention(x, edge_index):  # one maximum for all nodes
    source, target = edge_index
    dots = (x[source] * x[target]).sum(1)
    weight = (dots - dots.max()).exp()
    total = torch.zeros(len(x)).index_add(0, target, weight)
    share = weight / total[target]
    return torch.zeros_like(x).index_add(0, target, share.view(-1, 1) * x[source])


# %% question="3.2" role="wrong" loses="all"
def my_attention(x, edge_index):  # shares of all edges
    source, target = edge_index
    share = (x[source] * x[target]).sum(1).softmax(0)
    return torch.zeros_like(x).index_add(0, target, share.view(-1, 1) * x[source])


# %% question="3.2" role="wrong" loses=["equal dot products", "edges of one direction", "large dot products"]
def my_attention(x, edge_index):  # backwards
    target, source = edge_index
    new = torch.zeros_like(x)
    for node in range(len(x)):
        heard = x[source[target == node]]
        new[node] = (heard @ x[node]).softmax(0) @ heard
    return new


# %% question="3.2" role="wrong" loses=["equal dot products", "edges of one direction", "large dot products"]
def my_attention(x, edge_index):  # NaN where nobody sends
    mask = torch.zeros(len(x), len(x), dtype=torch.bool)
    mask[edge_index[1], edge_index[0]] = True
    return (x @ x.T).masked_fill(~mask, -torch.inf).softmax(dim=1) @ x


# %% question="3.2" role="wrong" loses=["unequal dot products", "edges of one direction", "large dot products"]
def my_attention(x, edge_index):
    source, target = edge_index
    new = torch.zeros_like(x)
    for node in range(len(x)):
        heard = x[source[target == node]]
        new[node] = (heard @ x[node] / x.shape[1] ** 0.5).softmax(0) @ heard
    return new


# %% [markdown] question="3.3" asks="test_layer" minutes=25
# ## Question 3.3 A test for layers that you have not seen
#
# **Outcome.** You can test what any layer must do without knowing what it computes (chapter 5).
#
# Someone hands you layers, not their code. A layer is a function of `x`, a tensor of floats with a
# row of two numbers for each node, and of `edge_index`, senders above and receivers below; it gives
# a tensor of the same shape as `x`. It may have any weights, keep a node's own row or not, divide
# by degrees, multiply sender and receiver. A right layer keeps four promises:
#
# 1. number the nodes otherwise, and each node still gets the same numbers;
# 2. everybody who sends to a node has a say in its numbers: a right layer takes no maximum, and
#    cuts nothing off at zero;
# 3. apart from these and from the node itself nobody has a say;
# 4. an edge carries news from its sender to its receiver alone, and a graph may have edges that
#    lead one way only.
#
# Write `test_layer(layer)`, which raises an `AssertionError` where a promise is broken, and passes
# every layer that keeps them all. `plain_layer` is one that does. The layers run in another process,
# so that tensors arrive there as copies, and no gradient leads back.


# %% question="3.3" role="pipeline" name="right plain"
import torch


def plain_layer(x, edge_index):
    """Add up what is sent, with a weight matrix; a negative sum is made smaller, not cut off."""
    W = torch.tensor([[0.8, -0.3], [0.4, 0.9]]).to(x)
    source, target = edge_index
    total = torch.zeros_like(x).index_add(0, target, x[source] @ W)
    return torch.nn.functional.leaky_relu(total, 0.2)


# %% question="3.3" role="answer"
def test_layer(layer):
    # BEGIN SOLUTION
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(6, 2, generator=generator)
    edge_index = torch.tensor([[0, 1, 2, 3, 0, 5], [3, 3, 4, 1, 4, 0]])
    before = layer(x, edge_index)
    place = torch.tensor([4, 2, 5, 0, 3, 1])  # the new number of each node
    renumbered = layer(x[place.argsort()], place[edge_index])
    assert torch.allclose(renumbered[place], before, atol=1e-5), "the numbering has a say"
    sends = edge_index.T.tolist()
    for sender in range(6):
        louder = x.clone()
        louder[sender] += 1
        change = (layer(louder, edge_index) - before).abs().amax(1)
        for node in range(6):
            if node != sender:
                hears = change[node].item() > 1e-5
                assert hears == ([sender, node] in sends), f"{sender}, {node}: heard is {hears}"
    # END SOLUTION


# %% question="3.3" role="check"
test_layer(plain_layer)  # stops here where your test fails a right layer
try:
    test_layer(lambda x, edge_index: x.clone())
except AssertionError:
    print("Right for two layers: one that listens, and one that hears nobody.")
else:
    raise AssertionError("your test passes a layer that gives each node its own row")


# %% question="3.3" role="candidate" name="right with itself"
import torch


def layer(x, edge_index):
    V, W = torch.tensor([[[1.1, 0.2], [-0.5, 0.7]], [[0.6, 0.5], [-0.4, 0.9]]]).to(x)
    source, target = edge_index
    total = torch.zeros_like(x).index_add(0, target, x[source])
    mean = total / torch.bincount(target, minlength=len(x)).clamp(min=1).view(-1, 1)
    return x @ V + mean @ W + 0.1


# %% question="3.3" role="candidate" name="right with products"
import torch


def layer(x, edge_index):
    V, W = torch.tensor([[[0.9, -0.2], [0.3, 1.2]], [[0.5, 0.1], [-0.3, 0.4]]]).to(x)
    out = x @ V
    for w, v in edge_index.T.tolist():
        ways = ((edge_index[1] == v).sum() * (edge_index[0] == w).sum()).sqrt()
        out[v] = out[v] + (x[w] @ V + (x[w] * x[v]) @ W) / ways
    return torch.nn.functional.leaky_relu(out, 0.2)


# %% question="3.3" role="candidate" name="deaf"
import torch


def layer(x, edge_index):  # x_i for x_j
    W = torch.tensor([[0.8, -0.3], [0.4, 0.9]]).to(x)
    target = edge_index[1]
    return torch.zeros_like(x).index_add(0, target, x[target] @ W)


# %% question="3.3" role="candidate" name="numbered"
import torch


def layer(x, edge_index):
    source, target = edge_index
    weight = 1 + torch.arange(len(x)).to(x).view(-1, 1) / len(x)  # one for each number of a node
    return x + torch.zeros_like(x).index_add(0, target, (weight * x)[source])


# %% question="3.3" role="candidate" name="the last one"
import torch


def layer(x, edge_index):
    out = x.clone()
    for w, v in edge_index.T.tolist():
        out[v] = x[v] + 0.7 * x[w]  # = for +=
    return out


# %% question="3.3" role="candidate" name="everybody"
import torch


def layer(x, edge_index):
    source, target = edge_index
    out = x + torch.zeros_like(x).index_add(0, target, x[source])
    return out - out.mean(0)  # the mean over all nodes


# %% question="3.3" role="candidate" name="backwards"
import torch


def layer(x, edge_index):
    target, source = edge_index
    return 0.5 * x + torch.zeros_like(x).index_add(0, target, x[source])


# %% question="3.3" role="hidden"
def hidden(rng, drawn):
    return [
        Part(
            "a layer that hears nobody",
            1,
            "Change what one node sends: does anything change at its receiver?",
            catches="deaf",
        ),
        Part(
            "numbers that matter",
            2,
            "Number the nodes of x and of edge_index otherwise, and compare row by row.",
            catches="numbered",
        ),
        Part(
            "one sender of several",
            2,
            "Let a node have more than one sender, and change each of them in turn.",
            catches="the last one",
        ),
        Part(
            "strangers that are heard",
            2,
            "Change a node, and look at those to whom it does not send.",
            catches="everybody",
        ),
        Part(
            "news that goes back",
            2,
            "Where each edge has its opposite, forth and back look the same.",
            catches="backwards",
        ),
    ]


# %% question="3.3" role="right"
def test_layer(layer):
    # One lit node at a time on a star whose edges lead inwards, as with a torch in the dark.
    ends = torch.tensor([[1, 2, 3], [0, 0, 0]])
    dark = torch.zeros(5, 2)
    for node in range(1, 5):
        lit = dark.clone()
        lit[node] = 1.0
        seen = (layer(lit, ends) - layer(dark, ends)).abs().sum(1) > 1e-6
        assert bool(seen[0]) == (node < 4)
        assert not seen[[other for other in range(1, 5) if other != node]].any()
    lit = dark.clone()
    lit[0] = 1.0
    assert torch.allclose(layer(lit, ends)[1:], layer(dark, ends)[1:])
    rows = torch.arange(10.0).view(5, 2)
    turned = layer(rows.flip(0), 4 - ends).flip(0)
    assert torch.allclose(turned, layer(rows, ends), atol=1e-4)


# %% question="3.3" role="right"
def test_layer(layer):
    def say(x, edges):  # who has a say in whom, by differences
        before, heard = layer(x, edges), []
        for node in range(len(x)):
            step = torch.zeros_like(x)
            step[node] = 1e-6
            heard.append((layer(x + step, edges) - before).abs().sum(1) > 1e-9)
        return torch.stack(heard, dim=1)

    generator = torch.Generator().manual_seed(0)
    x = torch.randn(5, 2, generator=generator, dtype=torch.float64)
    edges = torch.tensor([[0, 1, 1, 0, 0], [1, 0, 0, 1, 0], [0] * 5, [1, 0, 0, 0, 0], [0] * 5])
    index = edges.T.nonzero().T  # edges[v, w]: w sends to v
    heard = say(x, index) & ~torch.eye(5, dtype=torch.bool)
    assert torch.equal(heard, edges == 1)
    order = torch.randperm(5, generator=generator)
    moved = torch.empty_like(x)
    moved[order] = x
    assert torch.allclose(layer(moved, order[index])[order], layer(x, index))


# %% question="3.3" role="wrong" loses="all"
def test_layer(layer):
    x, index = torch.randn(4, 2), torch.tensor([[0, 1], [1, 0]])
    assert layer(x, index).shape == x.shape


# %% question="3.3" role="wrong" loses="all"
def test_layer(layer):  # one formula, which other right layers do not have
    x, index = torch.randn(4, 2), torch.tensor([[0, 1, 2, 3], [1, 0, 3, 2]])
    assert torch.allclose(layer(x, index), plain_layer(x, index))


# %% question="3.3" role="wrong" loses=["a layer that hears nobody", "one sender of several", "strangers that are heard", "news that goes back"]
def test_layer(layer):  # equivariance alone
    x, index = torch.arange(8.0).view(4, 2), torch.tensor([[0, 1, 2], [1, 2, 3]])
    assert torch.allclose(layer(x.flip(0), 3 - index).flip(0), layer(x, index), atol=1e-5)


# %% question="3.3" role="wrong" loses=["numbers that matter", "news that goes back"]
def test_layer(layer):  # each edge in both directions
    index = torch.tensor([[0, 0, 1, 2, 3, 3], [2, 3, 3, 0, 0, 1]])
    x = torch.arange(8.0).view(4, 2) + 1
    for node in range(4):
        louder = x.clone()
        louder[node] += 1
        heard = (layer(louder, index) - layer(x, index)).abs().sum(1) > 1e-4
        for other in {0, 1, 2, 3} - {node}:
            assert bool(heard[other]) == ([node, other] in index.T.tolist())


# %% question="3.3" role="wrong" loses=["numbers that matter", "strangers that are heard"]
def test_layer(layer):  # looks at the receivers alone
    index = torch.tensor([[0, 1, 2], [3, 3, 2]])
    x = torch.arange(8.0).view(4, 2) + 1
    for node in range(2):
        louder = x.clone()
        louder[node] += 1
        assert not torch.allclose(layer(louder, index)[3], layer(x, index)[3])


# %% question="3.3" role="wrong" loses="all"
def test_layer(layer):  # a node may hear itself
    x = torch.arange(8.0).view(4, 2) + 1
    index = torch.tensor([[0, 1], [1, 2]])
    louder = x.clone()
    louder[0] += 1
    assert torch.allclose(layer(louder, index)[0], layer(x, index)[0])


# %% [markdown] question="3.4" asks="my_newcomer" minutes=25
# ## Question 3.4 A newcomer, without training
#
# **Outcome.** You can follow NGCF's formula for a node that was not there in training (chapter 6).
#
# NGCF is trained, and somebody comes who names a few films. Give the newcomer an embedding by (6.1)
# and (6.4), without a gradient step: the newcomer's layer 0 is all zeros, and each film's layers
# stay as they were. The newcomer's edges count in all degrees, so that a film which $d$ people had
# liked has $d + 1$ now. No dropout, no biases.
#
# Write `my_newcomer(layers, degree, films, weights)`: `layers` is a list of $K$ tensors, the films'
# layers 0 to $K - 1$, each with a row for each film; `degree` a list with the number of users of
# each film before; `films` the list of the newcomer's films; `weights` a list of $K$ pairs $(W_1,
# W_2)$, one for each layer. It returns the newcomer's final embedding, with $K + 1$ times as many
# numbers as a layer has. LeakyReLU divides negative numbers by 100, as in chapter 6.


# %% question="3.4" role="answer"
def my_newcomer(layers, degree, films, weights):
    # BEGIN SOLUTION
    own = torch.zeros(layers[0].shape[1])
    made = [own]
    norm = (len(films) * (torch.tensor(degree)[films] + 1.0)).rsqrt()
    for layer, (W1, W2) in zip(layers, weights, strict=True):
        a = norm @ layer[films]
        own = torch.nn.functional.leaky_relu((own + a) @ W1.T + (a * own) @ W2.T)
        made.append(own)
    return torch.cat(made)
    # END SOLUTION


# %% question="3.4" role="check"
out = my_newcomer([torch.tensor([[6.0, -4.0]])], [3], [0], [(torch.eye(2), torch.eye(2))])
assert out is not None, "my_newcomer returns nothing: end with return"
out = [float(number) for number in out]
assert len(out) == 4, "layers 0 and 1 side by side, of two numbers each"
assert out[:2] == [0, 0], "the newcomer's layer 0 is zeros"
assert abs(out[2] - 3) < 1e-5, "6 times 1/sqrt(1 * 4): with the newcomer the film has four users"
print("Right for one film and one layer.")


# %% question="3.4" role="hidden"
def hidden(rng, drawn):
    import torch

    def table(rows, columns):
        return torch.tensor(
            [[round(rng.uniform(-2, 2), 2) for _ in range(columns)] for _ in range(rows)]
        )

    def case(num_layers, num_films, dim=5, plain=False):
        layers = [table(8, dim) for _ in range(num_layers)]
        degree = [rng.randint(1, 9) for _ in range(8)]
        weights = [
            (torch.eye(dim) if plain else table(dim, dim), table(dim, dim))
            for _ in range(num_layers)
        ]
        return layers, degree, rng.sample(range(8), num_films), weights

    return [
        Part(
            "one film, one layer",
            2,
            "One message and its norm: count the newcomer among the film's users.",
            [case(1, 1, plain=True) for _ in range(3)],
        ),
        Part(
            "several films, one layer",
            2,
            "The newcomer's own degree is the number of films; rows are multiplied by W1.T.",
            [case(1, number) for number in (2, 3, 5)],
            tolerance=1e-4,
        ),
        Part(
            "several layers",
            3,
            "From the second layer on the newcomer has a row: it sends to itself, and multiplies.",
            [case(2, 3), case(3, 2), case(3, 4, dim=4)],
            tolerance=1e-4,
        ),
        Part(
            "no film",
            1,
            "Whoever names no film gets zeros, as many as everybody gets.",
            [case(1, 0), case(3, 0)],
        ),
    ]


# %% question="3.4" role="right"
def my_newcomer(layers, degree, films, weights):
    own = [torch.zeros(layers[0].shape[1], dtype=torch.float64)]
    for layer, (W1, W2) in zip(layers, weights):
        z = W1.double() @ own[-1]
        for film in films:
            e = layer[film].double()
            message = W1.double() @ e + W2.double() @ (e * own[-1])
            z = z + message / (len(films) * (degree[film] + 1)) ** 0.5
        own.append(torch.where(z > 0, z, z / 100))
    return torch.cat(own)


# %% question="3.4" role="right"
import numpy as np


def my_newcomer(layers, degree, films, weights):
    own = np.zeros(layers[0].shape[1])
    whole = own.tolist()
    root = np.sqrt(len(films) * (np.array(degree)[films] + 1))
    for layer, (first, second) in zip(layers, weights):
        heard = (layer.numpy()[films] / root[:, None]).sum(axis=0)
        own = first.numpy() @ (own + heard) + second.numpy() @ (own * heard)
        own = np.maximum(own, own / 100)
        whole += own.tolist()
    return whole


# %% question="3.4" role="wrong" loses=["one film, one layer", "several films, one layer", "several layers"]
def my_newcomer(layers, degree, films, weights):  # the newcomer is not counted
    own = torch.zeros(layers[0].shape[1])
    made = [own]
    norm = (len(films) * torch.tensor(degree)[films].float()).rsqrt()
    for layer, (W1, W2) in zip(layers, weights, strict=True):
        a = norm @ layer[films]
        own = torch.nn.functional.leaky_relu((own + a) @ W1.T + (a * own) @ W2.T)
        made.append(own)
    return torch.cat(made)


# %% question="3.4" role="wrong" loses=["several films, one layer", "several layers"]
def my_newcomer(layers, degree, films, weights):  # W1 and W2 are not turned
    own = torch.zeros(layers[0].shape[1])
    made = [own]
    norm = (len(films) * (torch.tensor(degree)[films] + 1.0)).rsqrt()
    for layer, (W1, W2) in zip(layers, weights, strict=True):
        a = norm @ layer[films]
        own = torch.nn.functional.leaky_relu((own + a) @ W1 + (a * own) @ W2)
        made.append(own)
    return torch.cat(made)


# %% question="3.4" role="wrong" loses=["one film, one layer", "several films, one layer", "several layers"]
def my_newcomer(layers, degree, films, weights):
    own = torch.zeros(layers[0].shape[1])
    made = [own]
    norm = (len(films) * (torch.tensor(degree)[films] + 1.0)).rsqrt()
    for layer, (W1, W2) in zip(layers, weights, strict=True):
        a = norm @ layer[films]
        own = torch.relu((own + a) @ W1.T + (a * own) @ W2.T)
        made.append(own)
    return torch.cat(made)


# %% question="3.4" role="wrong" loses=["several layers"]
def my_newcomer(layers, degree, films, weights):  # no message to oneself
    own = torch.zeros(layers[0].shape[1])
    made = [own]
    norm = (len(films) * (torch.tensor(degree)[films] + 1.0)).rsqrt()
    for layer, (W1, W2) in zip(layers, weights, strict=True):
        a = norm @ layer[films]
        own = torch.nn.functional.leaky_relu(a @ W1.T + (a * own) @ W2.T)
        made.append(own)
    return torch.cat(made)


# %% question="3.4" role="wrong" loses=["several layers"]
def my_newcomer(layers, degree, films, weights):  # layer 0 is zeros, so all products are zero?
    own = torch.zeros(layers[0].shape[1])
    made = [own]
    norm = (len(films) * (torch.tensor(degree)[films] + 1.0)).rsqrt()
    for layer, (W1, _) in zip(layers, weights, strict=True):
        own = torch.nn.functional.leaky_relu((own + norm @ layer[films]) @ W1.T)
        made.append(own)
    return torch.cat(made)


# %% question="3.4" role="wrong" loses=["several films, one layer", "several layers", "no film"]
def my_newcomer(layers, degree, films, weights):  # a mean over the films
    own = torch.zeros(layers[0].shape[1])
    made = [own]
    norm = (torch.tensor(degree)[films] + 1.0).rsqrt().view(-1, 1)
    for layer, (W1, W2) in zip(layers, weights, strict=True):
        a = (norm * layer[films]).mean(0)
        own = torch.nn.functional.leaky_relu((own + a) @ W1.T + (a * own) @ W2.T)
        made.append(own)
    return torch.cat(made)


# %% question="3.4" role="wrong" loses="all"
def my_newcomer(layers, degree, films, weights):  # the last layer alone
    own = torch.zeros(layers[0].shape[1])
    norm = (len(films) * (torch.tensor(degree)[films] + 1.0)).rsqrt()
    for layer, (W1, W2) in zip(layers, weights, strict=True):
        a = norm @ layer[films]
        own = torch.nn.functional.leaky_relu((own + a) @ W1.T + (a * own) @ W2.T)
    return own


# %% [markdown] question="3.5" minutes=20 points=8
# ## Question 3.5 Is it over-smoothing?
#
# **Outcome.** You can name a measurement that would show an explanation to be wrong (chapters 5
# and 6).
#
# A team trains SAGE, the second encoder of (5.6), with 2 and with {{deep}} layers. On validation
# the first has recall@20 of {{high}}, the second of {{low}}. "Over-smoothing", they write: "with
# {{deep}} layers all embeddings look alike." They have measured nothing else. Explain in at most
# 200 words what you would measure to find out whether they are right, which result would speak
# against them, what else could lower the recall, and how you would tell one from the other.

# %% [markdown] question="3.5" role="answer"
# **Your answer to question 3.5.** Write here, in place of this sentence.

# %% [markdown] question="3.5" role="instructor"
# **Rubric for question 3.5** (8 points, by hand)
#
# | points | the answer |
# |---|---|
# | 8 | measures likeness on the *trained* models' final embeddings, for both depths, users and films apart (mean cosine, or the share of squares that is not of the form $\sqrt{d_v}$ times one vector), or shows that the lists come near to popularity's; names a result that would refuse the explanation; names a rival with a measurement that tells it apart, such as more weights and a lower training loss (overfitting), a training loss that stays higher (harder to train), a penalty and a learning rate chosen for 2 layers, or one seed |
# | 5 | names a measurement of likeness and what it should show, and a rival without a way to tell them apart; or measures without training only |
# | 2 | says that depth smooths, as chapter 5 shows, or lists other causes, and measures nothing that could refuse anything |
# | 0 | agrees, or proposes more layers or another model |
#
# A complete answer need not know that SAGE keeps its own row, which works against smoothing, so
# that the first step is to doubt; one that says so and measures deserves all points.
#
# **Sample answer, 8 points.** I would take the final embeddings of both trained models and compute
# the mean cosine between different users, and that between different films. If the deep model's are
# not clearly higher, with several seeds, over-smoothing is refused; the same if its lists share no
# more films with the popularity list than the shallow model's. SAGE keeps each node's own row, and
# its matrices may undo what propagation smooths, so chapter 5's curve for untrained propagation
# proves nothing here. A rival: each layer adds two matrices, and both models have one penalty. If
# the deep model's training loss is *lower* while validation is worse, it overfits, and a stronger
# penalty, chosen on validation for each depth, should close the gap. If its training loss is
# *higher*, it is harder to train, and a lower learning rate or more epochs should help. To separate
# depth from weights I would also train bare propagation at both depths: it smooths more and has no
# weights. And one run of each says little: I would train five seeds and give the gap its interval.
#
# **Sample answer, 2 points.** Chapter 5 shows that after six propagations the cosine of two users
# is 0.99. With {{deep}} layers everything has been averaged many times, so the lists become
# popularity. It could also be overfitting or bad luck with the seed. One should use fewer layers or
# LightGCN.
