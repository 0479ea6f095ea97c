# %% [markdown]
# # Bug hunt {{number}}: a recommender that is superb until it is used
#
# {{points}} points, about {{minutes}} minutes. The pipeline below runs without an error, and it has
# one bug. You find it by measuring, mend it, and write the test that would have caught it.
#
# **The symptoms.** A team recommends by walks of three steps: from you to your films, to the people
# who like them, to their films. It hides some likes of each user, ranks all films that are left, and
# finds most of the hidden ones. Then the walks go live. Of the films that people come to like in the
# next month they find far fewer, while a list of the most popular films finds nearly as many as before.
# The table at the end of the pipeline repeats this on a made world, in which no taste changes.

# %% role="variant"
def variant(rng):
    return {"seed": rng.randrange(1000), "k": rng.choice([3, 4, 5]), "films": rng.choice([40, 50])}


# %%
import random

import numpy as np


# %% question="3" role="pipeline" name="broken"
import numpy as np


class LikesGraph:
    """Users and films as the two sides of a graph, an edge for each like."""

    def __init__(self, likes, num_users, num_films):
        self.films_of = [set() for _ in range(num_users)]
        self.num_films = num_films
        for user, film in likes:
            self.films_of[user].add(film)
        self.weights = self.edge_weights()

    def edge_weights(self):
        """1 / sqrt(d_u d_i) for each edge, 0 elsewhere."""
        table = np.zeros((len(self.films_of), self.num_films))
        for user, films in enumerate(self.films_of):
            table[user, sorted(films)] = 1
        users, films = table.sum(1), table.sum(0)
        return table / np.sqrt(np.outer(users.clip(1), films.clip(1)))

    def hide(self, likes):
        """Take likes out, for a test."""
        for user, film in likes:
            self.films_of[user].discard(film)

    def popularity(self):
        """The number of users who like each film."""
        films = [film for several in self.films_of for film in several]
        return np.bincount(films, minlength=self.num_films)

    def walk(self):
        """How much of each user arrives at each film after three steps."""
        there = self.weights @ self.weights.T
        return there @ self.weights


def film_scores(likes, hidden, num_users, num_films):
    """A row of scores for each user; equal ones are told apart by popularity.

    likes: all pairs of a user and a film. hidden: those that the scores shall not know of.
    """
    graph = LikesGraph(likes, num_users, num_films)
    graph.hide(hidden)
    return (graph.walk() + 1e-9 * graph.popularity()).tolist()


# %%
def best_films(scores, known, k):
    """For each user the k films of the highest scores that are not known."""
    return [
        sorted((film for film in range(len(row)) if film not in own), key=lambda f: -row[f])[:k]
        for row, own in zip(scores, known, strict=True)
    ]


def recall(scores, known, wanted, k):
    """The share of the wanted films among the first k, a mean over users."""
    lists = best_films(scores, known, k)
    return np.mean([len(set(a) & set(b)) / len(b) for a, b in zip(lists, wanted, strict=True)])


def made_world(seed, num_users=60, num_films={{films}}, taste=8):
    """For each user 12 films in the order in which they come to like them."""
    rng = random.Random(seed)

    def when(user, film):  # early for films of the user's kind, and for films that all like
        return rng.expovariate((taste if (user - film) % 3 == 0 else 1) / (5 + film))

    return [
        sorted(range(num_films), key=lambda film: when(user, film))[:12]
        for user in range(num_users)
    ]


world = made_world({{seed}})
order = random.Random({{seed}})
known = [order.sample(films[:9], 6) for films in world]  # three are hidden, three come later
likes = [(user, film) for user, films in enumerate(world) for film in films[:9]]
hidden = [(user, film) for user, film in likes if film not in known[user]]
popular = [np.bincount(np.concatenate(known), minlength={{films}}).tolist()] * len(world)
walks = film_scores(likes, hidden, len(world), {{films}})

print("recall at {{k}}        hidden films   next month")
for name, scores in {"most popular": popular, "walks": walks}.items():
    found = recall(scores, known, [set(f[:9]) - set(own) for f, own in zip(world, known)], {{k}})
    later = recall(scores, [f[:9] for f in world], [f[9:] for f in world], {{k}})
    print(f"{name:20}{found:12.2f}{later:13.2f}")

# %% [markdown] question="1" asks="my_measurement" minutes=12
# ## Question 1 Measure
#
# **Outcome.** You can tell a good recommender from a good-looking test by data without a pattern
# (chapter 2).
#
# In the world below nobody has a taste: each user likes twelve films that are drawn at random. Six are
# known, six are in `noise_hidden`, and nothing tells a hidden film from any other film that the user
# does not know. Fill in the dict `my_measurement`: `"walks"`, the recall of `film_scores` on the hidden
# films, with lists of {{k}} films from which known films are left out; `"should be"`, what lists in
# random order find on average.
#
# <details><summary>A hint</summary>`recall` and its use above show how. A random list of k among n
# films holds each of them with the same chance.</details>

# %%
noise_world = [order.sample(range({{films}}), 12) for _ in range(60)]
noise_known = [films[:6] for films in noise_world]
noise_likes = [(user, film) for user, films in enumerate(noise_world) for film in films]
noise_hidden = [(user, film) for user, films in enumerate(noise_world) for film in films[6:]]

# %% question="1" role="answer"
my_measurement = {"walks": ..., "should be": ...}
# BEGIN SOLUTION
noise_scores = film_scores(noise_likes, noise_hidden, 60, {{films}})
noise_wanted = [set(films[6:]) for films in noise_world]
my_measurement = {
    "walks": recall(noise_scores, noise_known, noise_wanted, {{k}}),
    "should be": {{k}} / ({{films}} - 6),
}
# END SOLUTION

# %% question="1" role="check"
assert set(my_measurement) == {"walks", "should be"}, "my_measurement has other keys"
assert all(0 <= value <= 1 for value in my_measurement.values()), "each value is a share"
print("The form is right.")


# %% question="1" role="hidden"
def hidden(rng, drawn):
    return [
        Part("what it is", 1, "Score noise_likes and noise_hidden.", key="walks", tolerance=0.005),
        Part(
            "what it should be",
            2,
            "Known films are in no list: how many films are left to draw from?",
            key="should be",
            tolerance=1e-3,
        ),
    ]


# %% question="1" role="right"
my_measurement = {
    "walks": np.round(my_measurement["walks"], 3),
    "should be": np.float64({{k}}) / ({{films}} - 6),
}

# %% question="1" role="wrong" loses=["what it is"]
my_measurement = my_measurement | {"walks": my_measurement["should be"]}

# %% question="1" role="wrong" loses=["what it is"]
clean = [pair for pair in noise_likes if pair not in set(noise_hidden)]
my_measurement = my_measurement | {
    "walks": recall(film_scores(clean, [], 60, {{films}}), noise_known, noise_wanted, {{k}})
}

# %% question="1" role="wrong" loses=["what it should be"]
my_measurement = my_measurement | {"should be": {{k}} / {{films}}}

# %% question="1" role="wrong" loses=["what it should be"]
my_measurement = my_measurement | {"should be": {{k}} / ({{films}} - 12)}

# %% question="1" role="wrong" loses=["what it should be"]
my_measurement = my_measurement | {"should be": 6 / ({{films}} - 6)}

# %% question="1" role="wrong" loses="all"
my_measurement = dict.fromkeys(my_measurement, 1.5)

# %% [markdown] question="2" asks="mended_scores" minutes=12
# ## Question 2 Mend
#
# **Outcome.** You can keep a test part out of all that scores are made of (chapter 7).
#
# Write `mended_scores(likes, hidden, num_users, num_films)`, which gives what `film_scores` should
# give. You may use the class above, change it in its cell, or write your own. A user
# without a known like has scores of 0, but for what popularity adds.


# %% question="2" role="answer"
def mended_scores(likes, hidden, num_users, num_films):
    # BEGIN SOLUTION
    concealed = set(map(tuple, hidden))
    left = [(user, film) for user, film in likes if (user, film) not in concealed]
    graph = LikesGraph(left, num_users, num_films)
    return (graph.walk() + 1e-9 * graph.popularity()).tolist()
    # END SOLUTION


# %% question="2" role="check"
small = mended_scores([(0, 0), (1, 0), (1, 1)], [], 2, 2)
assert abs(small[0][1] - 0.25) < 1e-6, "from user 0 over film 0 and user 1 to film 1"
print("Right for three likes of which none is hidden.")


# %% question="2" role="hidden"
def hidden(rng, drawn):
    def case(num_users, num_films, hide):
        """Each user and each film keeps a like."""
        pairs = [(user, film) for user in range(num_users) for film in range(num_films)]
        while True:
            likes = sorted(rng.sample(pairs, len(pairs) // 2))
            concealed = sorted(rng.sample(likes, hide))
            users, films = zip(*(pair for pair in likes if pair not in concealed))
            if len({*users}) == num_users and len({*films}) == num_films:
                return likes, concealed, num_users, num_films

    whole = [case(4, 5, 0), case(6, 4, 0)]
    last = [(0, 0), (0, 1), (1, 1), (1, 2), (2, 0)]
    return [
        Part("nothing hidden", 2, "Where nothing is hidden nothing changes.", whole),
        Part(
            "some likes hidden",
            3,
            "Whatever is computed from the likes must be computed after some are hidden.",
            [case(6, 8, 6), case(8, 6, 9)],
            tolerance=1e-7,
        ),
        Part(
            "the last like of a film or a user hidden",
            2,
            "A film or a user without a like has weights of 0, and no number is divided by 0.",
            [(last, [(1, 2)], 3, 3), (last, [(2, 0)], 3, 3), (last, last, 3, 3)],
        ),
    ]


# %% question="2" role="right"
def mended_scores(likes, hidden, num_users, num_films):
    table = np.zeros((num_users, num_films))
    table[tuple(np.array(likes).T)] = 1
    if hidden:
        table[tuple(np.array(hidden).T)] = 0
    users, films = table.sum(1, keepdims=True), table.sum(0)
    weights = table / np.sqrt(np.maximum(users, 1)) / np.sqrt(np.maximum(films, 1))
    return weights @ (weights.T @ weights) + films / 1e9


# %% question="2" role="right"
class LikesGraph(LikesGraph):
    def hide(self, likes):
        super().hide(likes)
        self.weights = self.edge_weights()


def mended_scores(likes, hidden, num_users, num_films):
    graph = LikesGraph(likes, num_users, num_films)
    graph.hide(hidden)
    return (graph.walk() + 1e-9 * graph.popularity()).tolist()


# %% question="2" role="wrong" loses=["some likes hidden", "the last like of a film or a user hidden"]
mended_scores = film_scores


# %% question="2" role="wrong" loses=["some likes hidden", "the last like of a film or a user hidden"]
def mended_scores(likes, hidden, num_users, num_films):
    scores = film_scores(likes, hidden, num_users, num_films)  # not the hidden pairs themselves
    for user, film in hidden:
        scores[user][film] = 0.0
    return scores


# %% question="2" role="wrong" loses=["some likes hidden", "the last like of a film or a user hidden"]
def mended_scores(likes, hidden, num_users, num_films):
    graph = LikesGraph(likes, num_users, num_films)
    for user, film in hidden:  # the edges go, the degrees stay
        graph.weights[user, film] = 0
    return graph.walk()


# %% question="2" role="wrong" loses=["the last like of a film or a user hidden"]
def mended_scores(likes, hidden, num_users, num_films):
    left = [pair for pair in likes if pair not in hidden]
    table = np.zeros((num_users, num_films))
    for user, film in left:
        table[user, film] = 1
    weights = table / np.sqrt(np.outer(table.sum(1), table.sum(0)))  # 0 / 0
    return weights @ weights.T @ weights + 1e-9 * table.sum(0)


# %% question="2" role="wrong" loses="all"
def mended_scores(likes, hidden, num_users, num_films):
    graph = LikesGraph([pair for pair in likes if pair not in hidden], num_users, num_films)
    return (1e-9 * graph.popularity() + graph.weights).tolist()  # one step


# %% [markdown] question="3" asks="test_scores" minutes=16
# ## Question 3 Write the test
#
# **Outcome.** You can write a test for a leak that holds whatever the right scores are.
#
# Write `test_scores(candidate)`. It gets a function like `film_scores`, calls it on cases of yours, and
# raises an `AssertionError` where something is wrong. It is run on two right functions, which it must
# pass, on the function above, and on two others with a smaller leak of the same kind.
#
# <details><summary>A hint</summary>What may scores depend on? Change something else, and compare.
# </details>


# %% question="3" role="answer"
def test_scores(candidate):
    # BEGIN SOLUTION
    known = [(0, 0), (0, 1), (1, 1), (1, 2), (2, 2), (2, 3)]
    plain = np.array(candidate(known, [], 3, 4))
    for secret in ([(0, 2)], [(0, 3), (1, 0)], [(2, 0), (2, 1), (1, 3)]):
        leaked = np.array(candidate(known + secret, secret, 3, 4))
        assert abs(leaked - plain).max() < 1e-9
    # END SOLUTION


# %% question="3" role="check"
try:
    test_scores(
        lambda likes, hidden, num_users, num_films: [[float(len(likes))] * num_films] * num_users
    )
except AssertionError:
    print("Your test fails a function whose scores count all likes. Does it pass your mended one?")
    test_scores(mended_scores)


# %% question="3" role="hidden"
def hidden(rng, drawn):
    return [
        Part("catches the bug", 3, "Hide other likes, and keep what is known.", catches="broken"),
        Part(
            "catches the last step",
            2,
            "Compare all scores, not one user's.",
            catches="last step",
        ),
        Part(
            "catches the degrees",
            2,
            "Compare scores, not lists: a weight that is a little lower is a leak, too.",
            catches="degrees",
        ),
    ]


# %% question="3" role="candidate" name="right"
import numpy as np


def film_scores(likes, hidden, num_users, num_films):
    table = np.zeros((num_users, num_films))
    for user, film in likes:
        table[user, film] = 1
    for user, film in hidden:
        table[user, film] = 0
    users, films = table.sum(1), table.sum(0)
    weights = table / np.sqrt(np.outer(users.clip(1), films.clip(1)))
    return (weights @ weights.T @ weights + 1e-9 * films).tolist()


# %% question="3" role="candidate" name="right by walking"
from collections import Counter


def film_scores(likes, hidden, num_users, num_films):
    left = {tuple(pair) for pair in likes} - {tuple(pair) for pair in hidden}
    users = Counter(user for user, _ in left)
    films = Counter(film for _, film in left)
    weight = {(u, f): (users[u] * films[f]) ** -0.5 for u, f in left}
    scores = [[1e-9 * films[film] for film in range(num_films)] for _ in range(num_users)]
    for user, film in left:
        for other in range(num_users):
            if (other, film) in left:
                for last in range(num_films):
                    if (other, last) in left:
                        step = weight[user, film] * weight[other, film] * weight[other, last]
                        scores[user][last] += step
    return scores


# %% question="3" role="candidate" name="last step"
import numpy as np


def film_scores(likes, hidden, num_users, num_films):
    def weights_of(pairs):
        table = np.zeros((num_users, num_films))
        for user, film in pairs:
            table[user, film] = 1
        return table / np.sqrt(np.outer(table.sum(1).clip(1), table.sum(0).clip(1)))

    concealed = {tuple(pair) for pair in hidden}
    known = weights_of([pair for pair in likes if tuple(pair) not in concealed])
    return (known @ known.T @ weights_of(likes)).tolist()


# %% question="3" role="candidate" name="degrees"
import numpy as np


def film_scores(likes, hidden, num_users, num_films):
    table = np.zeros((num_users, num_films))
    for user, film in likes:
        table[user, film] = 1
    users, films = table.sum(1), table.sum(0)
    for user, film in hidden:
        table[user, film] = 0
    weights = table / np.sqrt(np.outer(users.clip(1), films.clip(1)))
    return (weights @ weights.T @ weights + 1e-9 * table.sum(0)).tolist()


# %% question="3" role="right"
def test_scores(candidate):
    draw = random.Random(0)
    for _ in range(5):
        likes = draw.sample([(user, film) for user in range(6) for film in range(6)], 20)
        hidden = draw.sample(likes, 5)
        np.testing.assert_allclose(
            candidate(likes, hidden, 6, 6), mended_scores(likes, hidden, 6, 6), atol=1e-6
        )


# %% question="3" role="wrong" loses="all"
def test_scores(candidate):
    scores = candidate([(0, 0), (1, 0), (1, 1)], [], 2, 2)
    assert abs(scores[0][1] - 0.25) < 1e-6


# %% question="3" role="wrong" loses="all"
def test_scores(candidate):
    scores = candidate([(0, 0), (1, 0), (1, 1)], [(1, 1)], 2, 2)
    assert scores[0][0] == 0  # which right code does not give


# %% question="3" role="wrong" loses="all"
def test_scores(candidate):
    known = [(0, 0), (0, 1), (1, 1)]
    plain = candidate(known, [], 2, 2)
    assert candidate(known, [(0, 0)], 2, 2) == plain  # what is known has changed here


# %% question="3" role="wrong" loses=["catches the degrees"]
def test_scores(candidate):
    scores = candidate([(0, 0), (1, 0), (1, 1)], [(1, 1)], 2, 2)
    assert scores[0][1] < 1e-6 and scores[1][1] < 1e-6  # nobody likes film 1 any more


# %% question="3" role="wrong" loses=["catches the last step", "catches the degrees"]
def test_scores(candidate):
    known = [(0, 0), (0, 1), (1, 1), (1, 2), (2, 2), (2, 3), (3, 3)]
    lists = [
        np.argsort(candidate(known + secret, secret, 4, 4))[3].tolist()
        for secret in ([], [(0, 2), (0, 3)], [(3, 0), (3, 1)])
    ]
    assert lists[0] == lists[1]


# %% [markdown] role="instructor"
# **What the bug does.** `hide` takes likes out of the sets, and the table of weights, which was made
# before, keeps them. On MovieLens-100K recall at 20 is measured on the test part by both functions; the
# interval is a bootstrap over users of the difference. The cell below prints:
#
# ```text
# popularity: 0.173
# walks: 0.551, mended 0.336
# difference 0.215 (0.199 to 0.231)
# ```
#
# A hidden like is an edge of the walk to itself: with the bug walks find 0.55 of the hidden films, more
# than any model in the book, and with the edges taken out they are where the book's simple models are.

# %% role="instructor"
from recbook.data import load_movielens_100k, random_split, to_implicit
from recbook.evaluation import evaluate
from recbook.models import Popularity
from recbook.ranking import ScoreTable
from recbook.stats import compare

ratings = to_implicit(load_movielens_100k().ratings, min_rating=3)
split = random_split(ratings, test_size=0.2, val_size=0.0, seed=16)
train_pairs, test_pairs = (
    list(zip(part.user.tolist(), part.item.tolist())) for part in (split.train, split.test)
)
reports = [
    evaluate(
        ScoreTable(
            np.array(
                function(
                    train_pairs + test_pairs,
                    test_pairs,
                    split.train.num_users,
                    split.train.num_items,
                )
            )
        ),
        split.train,
        split.test,
    )
    for function in (film_scores, mended_scores)
]
popular_report = evaluate(Popularity().fit(split.train), split.train, split.test)
found = compare(*reports)
print(f"popularity: {popular_report.recall:.3f}")
print(f"walks: {reports[0].recall:.3f}, mended {reports[1].recall:.3f}")
print(f"difference {found.difference:.3f} ({found.low:.3f} to {found.high:.3f})")
