# %% [markdown]
# # Bug hunt {{number}}: a loss that nobody can bring to zero
#
# {{points}} points, about {{minutes}} minutes. The pipeline below runs without an error, and it has
# one bug. You find it by measuring, mend it, and write the test that would have caught it.
#
# **The symptoms.** A team trains with a softmax over a batch: a batch is a list of pairs of a user and a
# film, and the other films of the batch are the negatives. Films that the user likes are none, of course.
# Its loss stops falling far above 0, and the larger the batch, the higher it stops. To find out whether
# that is the vectors' fault, somebody takes vectors that fit: a user's score is 1 for each film that the
# user likes, and -1 for any other. Their loss should be next to 0 whatever the batch. The table below the
# pipeline has it.

# %% role="variant"
def variant(rng):
    return {"seed": rng.randrange(1000), "size": rng.randint(3, 9), "likes": rng.choice([6, 8, 10])}


# %%
import random

import numpy as np


# %% question="3" role="pipeline" name="broken"
import numpy as np


def films_by_user(likes):
    """For each user the set of the films that the user likes."""
    found = {}
    for user, film in likes:
        found.setdefault(user, set()).add(film)
    return found


def counted(batch, likes):
    """A row for each pair: true for the pairs whose films are in its sum, its own among them."""
    liked = films_by_user(likes)
    table = np.zeros((len(batch), len(batch)), dtype=bool)
    for row, (user, film) in zip(table, batch, strict=True):
        left_out = liked[user] - {film}
        row[:] = [other not in left_out for _, other in batch]
    return table


def softmax_loss(users, films, batch, likes, temperature):
    """The mean over the batch of -log(exp(own) / sum of exp), with own the score of the pair.

    users, films: a vector for each. batch: pairs of a user and a film that the user likes. likes:
    all such pairs of the data. The sum is over the pair itself and its negatives: the films of the
    batch that its user does not like.
    """
    user, film = np.array(batch).T
    score = np.array(users)[user] @ np.array(films)[film].T / temperature
    score[~counted(batch, likes)] = -np.inf
    top = score.max(1, keepdims=True)
    total = top[:, 0] + np.log(np.exp(score - top).sum(1))
    return float((total - score.diagonal()).mean())


# %%
def made_likes(seed, num_users=60, num_films=40, number={{likes}}):
    """Pairs of a user and a film; films of low numbers are liked by many."""
    draw = random.Random(seed)
    return [
        (user, film)
        for user in range(num_users)
        for film in sorted(range(num_films), key=lambda f: draw.expovariate(1 / (2 + f)))[:number]
    ]


likes = made_likes({{seed}})
fitting = -np.ones((60, 40))
fitting[tuple(np.array(likes).T)] = 1  # a user's vector has a number for each film
draw = random.Random({{seed}})
print("pairs in a batch   loss of vectors that fit")
for size in (4, 16, 64, 256):
    batches = [draw.sample(likes, size) for _ in range(max(3, 64 // size))]
    losses = [softmax_loss(fitting, np.eye(40), batch, likes, 0.1) for batch in batches]
    print(f"{size:16}{np.mean(losses):18.4f}")

# %% [markdown] question="1" asks="my_measurement" minutes=15
# ## Question 1 Measure
#
# **Outcome.** You can count with a loss what is in a sum that you do not see (chapter 10).
#
# If all vectors are 0, each term of the sum is 1, and the loss is the logarithm of their number. Measure
# with it how many *negatives* each pair has in a batch of {{size}} pairs. Fill in the dict
# `my_measurement` with four whole numbers:
#
# - `"strangers"`: {{size}} users who like one film each, all different ones;
# - `"one user"`: one user who likes {{size}} films;
# - `"one film"`: {{size}} users who all like the same film, and nothing else;
# - `"one film, should be"`: the number that the description of `softmax_loss` gives for the last batch.

# %% question="1" role="answer"
my_measurement = {"strangers": ..., "one user": ..., "one film": ..., "one film, should be": ...}
# BEGIN SOLUTION
size = {{size}}


def negatives(batch):
    zeros = [[0.0]] * size
    return round(np.exp(softmax_loss(zeros, zeros, batch, batch, 1.0))) - 1


my_measurement = {
    "strangers": negatives([(each, each) for each in range(size)]),
    "one user": negatives([(0, each) for each in range(size)]),
    "one film": negatives([(each, 0) for each in range(size)]),
    "one film, should be": 0,
}
# END SOLUTION

# %% question="1" role="check"
assert len(my_measurement) == 4, "my_measurement has four keys"
assert all(value == int(value) >= 0 for value in my_measurement.values()), "each is a whole number"
print("The form is right.")


# %% question="1" role="hidden"
def hidden(rng, drawn):
    told = "The exponential of the loss counts the pair itself, too."
    return [
        Part("strangers", 1, told, key="strangers", tolerance=1e-3),
        Part("one user", 1, told, key="one user", tolerance=1e-3),
        Part("one film", 1, told, key="one film", tolerance=1e-3),
        Part(
            "one film, as it should be",
            1,
            "A negative is a film that the user does not like.",
            key="one film, should be",
            tolerance=1e-3,
        ),
    ]


# %% question="1" role="right"
my_measurement = {key: float(value) for key, value in my_measurement.items()}

# %% question="1" role="wrong" loses=["strangers"]
my_measurement = my_measurement | {"strangers": {{size}}}

# %% question="1" role="wrong" loses=["one user"]
my_measurement = my_measurement | {"one user": {{size}} - 1}

# %% question="1" role="wrong" loses=["one film"]
my_measurement = my_measurement | {"one film": 0}

# %% question="1" role="wrong" loses=["one film, as it should be"]
my_measurement = my_measurement | {"one film, should be": {{size}} - 1}

# %% question="1" role="wrong" loses="all"
my_measurement = {key: value + 1 for key, value in my_measurement.items()}

# %% [markdown] question="2" asks="mended_loss" minutes=12
# ## Question 2 Mend
#
# **Outcome.** You can keep a pair's own film out of its negatives, and in its sum (chapter 10).
#
# Write `mended_loss(users, films, batch, likes, temperature)`, which gives what `softmax_loss` should
# give. Each pair of the batch is one of `likes`. You may call the pipeline's other functions.


# %% question="2" role="answer"
def mended_loss(users, films, batch, likes, temperature):
    # BEGIN SOLUTION
    user, film = np.array(batch).T
    score = np.array(users)[user] @ np.array(films)[film].T / temperature
    liked = films_by_user(likes)
    in_sum = np.array([[other not in liked[who] for _, other in batch] for who, _ in batch])
    in_sum |= np.eye(len(batch), dtype=bool)
    score[~in_sum] = -np.inf
    return float((np.logaddexp.reduce(score, axis=1) - score.diagonal()).mean())
    # END SOLUTION


# %% question="2" role="check"
pair = [(0, 0), (1, 1)]
assert abs(mended_loss([[0.0], [0.0]], [[0.0], [0.0]], pair, pair, 1.0) - np.log(2)) < 1e-6, (
    "a coin"
)
print("Right for two users who share no film.")


# %% question="2" role="hidden"
def hidden(rng, drawn):
    def case(batch, more=(), num_users=5, num_films=6):
        users, films = (
            [[round(rng.uniform(-1, 1), 3) for _ in range(2)] for _ in range(number)]
            for number in (num_users, num_films)
        )
        return users, films, batch, [*batch, *more], rng.choice([0.3, 0.5, 1.0])

    return [
        Part(
            "different films",
            2,
            "In a batch without a film that comes twice nothing changes.",
            [
                case([(0, 1), (1, 2), (2, 3)]),
                case([(0, 1), (1, 2), (0, 4)], [(0, 2), (1, 4), (3, 5)]),
            ],
        ),
        Part(
            "the same film twice",
            3,
            "A pair's own film is in its sum once, however often it is in the batch.",
            [case([(0, 1), (1, 1)]), case([(0, 1), (1, 2), (2, 1), (3, 1), (4, 5)])],
        ),
        Part(
            "the same film twice, and other likes",
            2,
            "Leave out both: what the user likes besides, and the own film at other places.",
            [
                case([(0, 1), (1, 1), (2, 3), (3, 4)], [(0, 3), (1, 4), (3, 1)]),
                case([(0, 1), (0, 2), (1, 1), (2, 2), (4, 0)], [(2, 1), (4, 1), (3, 3)]),
            ],
        ),
    ]


# %% question="2" role="right"
def mended_loss(users, films, batch, likes, temperature):
    liked = {tuple(pair) for pair in likes}
    total = 0
    for user, film in batch:
        scores = [np.dot(users[user], films[film]) / temperature]
        for _, other in batch:
            if (user, other) not in liked:
                scores.append(np.dot(users[user], films[other]) / temperature)
        total -= np.log(np.exp(scores[0]) / sum(np.exp(scores)))
    return total / len(batch)


# %% question="2" role="wrong" loses=["the same film twice", "the same film twice, and other likes"]
mended_loss = softmax_loss


# %% question="2" role="wrong" loses=["different films", "the same film twice, and other likes"]
def mended_loss(users, films, batch, likes, temperature):
    return (
        softmax_loss(users, films, batch, batch, temperature)
        if len({film for _, film in batch}) == len(batch)
        else exact(users, films, batch, batch, temperature)
    )


def exact(users, films, batch, likes, temperature):
    liked, total = {tuple(pair) for pair in likes}, 0
    for user, film in batch:
        own = np.dot(users[user], films[film]) / temperature
        rest = [
            np.dot(users[user], films[o]) / temperature for _, o in batch if (user, o) not in liked
        ]
        total += np.logaddexp.reduce([own, *rest]) - own
    return total / len(batch)


# %% question="2" role="wrong" loses=["the same film twice", "the same film twice, and other likes"]
def mended_loss(users, films, batch, likes, temperature):
    first = {film: pair for pair in reversed(batch) for film in pair[1:]}  # drops pairs
    return softmax_loss(users, films, list(first.values())[::-1], likes, temperature)


# %% question="2" role="wrong" loses=["the same film twice, and other likes"]
def mended_loss(users, films, batch, likes, temperature):
    several = len({film for _, film in batch}) < len(batch)
    liked = {tuple(pair) for pair in (batch if several else likes)}
    total = 0
    for user, film in batch:
        own = np.dot(users[user], films[film]) / temperature
        rest = [
            np.dot(users[user], films[o]) / temperature for _, o in batch if (user, o) not in liked
        ]
        total += np.logaddexp.reduce([own, *rest]) - own
    return total / len(batch)


# %% question="2" role="wrong" loses="all"
def mended_loss(users, films, batch, likes, temperature):
    liked, total = {tuple(pair) for pair in likes}, 0
    for user, film in batch:  # the pair itself is not in its sum
        own = np.dot(users[user], films[film]) / temperature
        rest = [
            np.dot(users[user], films[o]) / temperature for _, o in batch if (user, o) not in liked
        ]
        total += np.logaddexp.reduce([-30.0, *rest]) - own
    return total / len(batch)


# %% [markdown] question="3" asks="test_loss" minutes=15
# ## Question 3 Write the test
#
# **Outcome.** You can write a test that fails for a bug and its relatives, and passes whatever is right.
#
# Write `test_loss(candidate)`. It gets a function like `softmax_loss`, calls it on cases of yours, and
# raises an `AssertionError` where a result is wrong. It is run on two right functions, which it must
# pass, on the function above, and on two others with another bug of the same kind.


# %% question="3" role="answer"
def test_loss(candidate):
    # BEGIN SOLUTION
    zeros = [[0.0]] * 4

    def number(batch, more=()):
        return np.exp(candidate(zeros, zeros, batch, [*batch, *more], 1.0))

    assert abs(number([(0, 0), (1, 1), (2, 2)]) - 3) < 1e-6
    assert abs(number([(0, 0), (1, 0), (2, 0)]) - 1) < 1e-6
    assert abs(number([(0, 0), (1, 1)], [(0, 1), (1, 0)]) - 1) < 1e-6
    # END SOLUTION


# %% question="3" role="check"
try:
    test_loss(lambda users, films, batch, likes, temperature: 1.0)
except AssertionError:
    print("Your test fails a loss that is always 1. Does it pass your mended one?")
    test_loss(mended_loss)


# %% question="3" role="hidden"
def hidden(rng, drawn):
    return [
        Part("catches the bug", 3, "Put one film into the batch twice.", catches="broken"),
        Part(
            "catches other likes among the negatives",
            2,
            "Let a user like a film of another pair.",
            catches="other likes",
        ),
        Part(
            "catches a sum without the pair itself",
            2,
            "Count what should be in the sum, too.",
            catches="without own",
        ),
    ]


# %% question="3" role="candidate" name="right"
import numpy as np


def softmax_loss(users, films, batch, likes, temperature):
    liked = {tuple(pair) for pair in likes}
    losses = []
    for user, film in batch:
        score = np.array(films) @ np.array(users[user]) / temperature
        rest = [score[other] for _, other in batch if (user, other) not in liked]
        losses.append(np.logaddexp.reduce([score[film], *rest]) - score[film])
    return float(np.mean(losses))


# %% question="3" role="candidate" name="right in arrays"
import numpy as np


def softmax_loss(users, films, batch, likes, temperature):
    user, film = np.array(batch).T
    liked = np.zeros((len(users), len(films)), dtype=bool)
    liked[tuple(np.array([tuple(pair) for pair in likes]).T)] = True
    in_sum = ~liked[user][:, film] | np.eye(len(batch), dtype=bool)
    score = np.exp(np.array(users)[user] @ np.array(films)[film].T / temperature)
    return float(np.log((score * in_sum).sum(1) / score.diagonal()).mean())


# %% question="3" role="candidate" name="other likes"
import numpy as np


def softmax_loss(users, films, batch, likes, temperature):
    losses = []
    for user, film in batch:
        score = np.array(films) @ np.array(users[user]) / temperature
        rest = [score[other] for _, other in batch if other != film]
        losses.append(np.logaddexp.reduce([score[film], *rest]) - score[film])
    return float(np.mean(losses))


# %% question="3" role="candidate" name="without own"
import numpy as np


def softmax_loss(users, films, batch, likes, temperature):
    liked = {tuple(pair) for pair in likes}
    losses = []
    for user, film in batch:
        score = np.array(films) @ np.array(users[user]) / temperature
        rest = [score[other] for _, other in batch if (user, other) not in liked]
        losses.append(np.logaddexp.reduce(rest or [score[film]]) - score[film])
    return float(np.mean(losses))


# %% question="3" role="right"
def test_loss(candidate):
    some = np.random.default_rng(0)
    x, y = some.normal(size=(4, 2)).tolist(), some.normal(size=(5, 2)).tolist()
    pairs = [(0, 0), (1, 0), (2, 3), (3, 4), (0, 2)]
    for more in ([], [(0, 3), (3, 0), (2, 4)]):
        made, mine = (f(x, y, pairs, pairs + more, 0.5) for f in (candidate, mended_loss))
        if abs(made - mine) > 1e-6:
            raise ValueError(f"{made} is not {mine}")


# %% question="3" role="wrong" loses="all"
def test_loss(candidate):
    assert candidate([[1.0], [2.0]], [[1.0], [2.0]], [(0, 0), (1, 1)], [(0, 0), (1, 1)], 1.0) > -5


# %% question="3" role="wrong" loses="all"
def test_loss(candidate):
    zeros = [[0.0]] * 2
    loss = candidate(zeros, zeros, [(0, 0), (1, 0)], [(0, 0), (1, 0)], 1.0)
    assert abs(loss - np.log(2)) < 1e-6  # which counts the film twice


# %% question="3" role="wrong" loses=["catches other likes among the negatives", "catches a sum without the pair itself"]
def test_loss(candidate):
    zeros = [[0.0]] * 2
    assert abs(candidate(zeros, zeros, [(0, 0), (1, 0)], [(0, 0), (1, 0)], 1.0)) < 1e-6


# %% question="3" role="wrong" loses=["catches the bug", "catches a sum without the pair itself"]
def test_loss(candidate):
    zeros, likes = [[0.0]] * 2, [(0, 0), (1, 1), (0, 1), (1, 0)]
    assert abs(candidate(zeros, zeros, [(0, 0), (1, 1)], likes, 1.0)) < 1e-6


# %% question="3" role="wrong" loses=["catches the bug", "catches other likes among the negatives"]
def test_loss(candidate):
    zeros, likes = [[0.0]] * 2, [(0, 0), (1, 1)]
    assert abs(candidate(zeros, zeros, likes, likes, 1.0) - np.log(2)) < 1e-6


# %% [markdown] role="instructor"
# **What the bug does.** A user's liked films are left out of the sum but for the pair's own, so that the
# own film counts again at each other place of the batch that has it. The more people like a film, the
# more often it is its own negative. Matrix factorisation is trained by cosines on three splits of
# MovieLens-100K, 4 epochs of batches of 256, by Adam with learning rate 0.01 and a temperature of 0.2.
# A batch draws films by their number of likes: once the logarithm of a film's share of all likes is taken
# from its score, as one should, and once it is not. Recall at 20 on the test part, with intervals
# that are corrected for splits that overlap. The cell takes a minute and prints:
#
# ```text
# corrected: recall 0.3640, mended 0.3642, difference -0.0001 (-0.0008 to 0.0005)
# not corrected: recall 0.1894, mended 0.1924, difference -0.0030 (-0.0077 to 0.0018)
# ```
#
# Both intervals hold 0: a batch of 256 has few films twice, and what they add is the same push down that
# the draw gives to films with many likes anyway. It is the correction that counts, by 0.17. The
# bug shows in the loss, and where batches are large for the catalogue, as in the made world.

# %% role="instructor" tolerance=0.01
import torch

from recbook.data import load_movielens_100k, random_split, to_implicit
from recbook.evaluation import evaluate
from recbook.models import MatrixFactorization
from recbook.stats import compare_splits
from recbook.training import descend, new_adam


def recall_of(split, own_again, corrected, seed, size=256):
    data = split.train
    model = MatrixFactorization(data.num_users, data.num_items, cosine=True)
    model.reset_parameters(seed)
    optimizer, generator = new_adam(model, lr=0.01), torch.Generator().manual_seed(seed)
    liked = data.dense_rows(torch.arange(data.num_users))
    log_share = (data.item_degree / len(data)).log()
    for _ in range(4):
        for rows in torch.randperm(len(data), generator=generator).split(size)[:-1]:
            user, film = data.user[rows], data.item[rows]
            user_emb, item_emb = model(None)
            score = user_emb[user] @ item_emb[film].T / 0.2
            if corrected:
                score = score - log_share[film]
            own = film[:, None] == film if own_again else torch.eye(size, dtype=torch.bool)
            score = score.masked_fill(liked[user][:, film] & ~own, -torch.inf)
            descend(torch.nn.functional.cross_entropy(score, torch.arange(size)), optimizer)
    model.finalize(None)
    return evaluate(model, split.train, split.test).recall


ratings = to_implicit(load_movielens_100k().ratings, min_rating=3)
splits = [random_split(ratings, test_size=0.2, val_size=0.0, seed=seed) for seed in range(3)]
for corrected in (True, False):
    again, once = (
        [recall_of(split, own_again, corrected, seed) for seed, split in enumerate(splits)]
        for own_again in (True, False)
    )
    found = compare_splits(again, once)
    print(f"{'corrected' if corrected else 'not corrected'}: recall {np.mean(again):.4f}, ", end="")
    print(f"mended {np.mean(once):.4f}, difference {found.difference:.4f} ", end="")
    print(f"({found.low:.4f} to {found.high:.4f})")
