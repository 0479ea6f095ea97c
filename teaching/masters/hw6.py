# %% [markdown]
# # Homework 6: what was known by then, and what it costs
#
# It is about chapters 11 and 12 of the book: {{points}} points, about {{minutes}} minutes. Put your
# code in place of the dots. The cell below each question checks the form of your answer and one
# case that you can follow with a pencil; your grade comes from other cases. Functions leave what
# they are given as it was. Ask for no more than a minute of computing, and let each question stand
# for itself: a function of one does not call another's.


# %% role="variant"
def counts(rows, moment):
    """What question 6.1 asks for, of rows in the order of their days."""
    people, films = ({row[n] for row in rows if row[2] < moment} for n in (0, 1))
    hidden = [row for row in rows if row[2] >= moment]
    last = list({row[0]: row for row in rows}.values())
    kept = [row for row in rows if row not in last]
    later = [row for row in last if any(day > row[2] for _, _, day in kept)]
    several = [row for row in last if any(film == row[1] for _, film, _ in kept)]
    only = [row for row in several if all(d > row[2] for _, f, d in kept if f == row[1])]
    tested = [row for row in hidden if row[0] in people and row[1] in films]
    by_known = [row for row in hidden if row[0] in people]
    return len(hidden), len(by_known), len(tested), len(later), len(only)


def variant(rng):
    """Days on which somebody likes a film, and the numbers of a service."""
    people = rng.sample(["Ann", "Bob", "Cem", "Dora", "Eve", "Finn", "Gita"], 5)
    films = rng.sample(["Alien", "Brazil", "Casablanca", "Dumbo", "Eraserhead", "Fargo"], 5)
    while True:
        pairs = rng.sample([(u, f) for u in people for f in films], 14)
        days = sorted(rng.sample(range(1, 31), 14))
        rows = [(*pair, day) for pair, day in zip(pairs, days, strict=True)]
        moment = rows[rng.randint(7, 9)][2]
        enough = min(sum(row[0] == u for row in rows) for u in people) >= 2
        hidden, by_known, tested, later, only = counts(rows, moment)
        if enough and 1 <= only < later < 5 and 2 <= tested < by_known < hidden:
            break
    people = sorted(people, key=[row[0] for row in rows].index)
    numbers = {
        "num_users": rng.choice([3, 4, 6]) * 10**6,
        "num_items": rng.choice([150, 250, 350]) * 10**3,
        "num_pairs": rng.choice([300, 400, 450]) * 10**6,
    }
    return {
        "rows": rows,
        "people": people,
        "moment": moment,
        "numbers": list(numbers.values()),
        **{name.removeprefix("num_"): f"{number:,}" for name, number in numbers.items()},
        "dim": rng.choice([48, 64, 96, 128]),
        "layers": rng.choice([2, 3, 4]),
        "spare": rng.choice([3, 5, 7]),
        "rate": rng.choice([100, 150, 200]),
        "hours": rng.choice([2, 3, 4]),
        "new_films": rng.choice([20, 30, 50]),
    }


# %%
import matplotlib.pyplot as plt
import numpy as np

from recbook.plotting import COLORS, set_style

set_style()

# %% [markdown] question="6.1" asks="my_reading" minutes=10
# ## Question 6.1 Who knew what, and when?
#
# **Outcome.** You can tell from the days what a split tests, and what it gives away (chapter 11).
#
# Each square is the day on which somebody liked a film. The line is a moment; what stands to the right
# of it happened later. Fill in the dict `my_reading`:
#
# - `"tested"`: hide all that is to the right of the line; on how many of the hidden likes can a model
#   be tested that is fitted on the rest, by the rule for cold rows?
# - `"given away"`: hide instead the last like of each person. For how many of the five hidden likes
#   does the train part hold something that happened later?
# - `"only from later"`: for how many of these five does the train part hold the hidden film, but
#   only in likes that happened later?

# %%
rows = {{rows}}
people = {{people}}
fig, ax = plt.subplots(figsize=(7, 3.4))
for person, film, day in rows:
    y = len(people) - people.index(person)
    ax.plot(day, y, "s", color=COLORS["item"])
    ax.annotate(film[0], (day, y), xytext=(0, 7), textcoords="offset points", ha="center")
ax.axvline({{moment}} - 0.5, color=COLORS["accent"], linestyle="--")
ax.set_yticks(range(len(people), 0, -1), people)
ax.set(xlabel="day", xlim=(0, 31), ylim=(0.5, len(people) + 0.7))
plt.show()
print(", ".join(f"{film[0]} is {film}" for film in sorted({film for _, film, _ in rows})))

# %% question="6.1" role="answer"
my_reading = {"tested": ..., "given away": ..., "only from later": ...}
# BEGIN SOLUTION
past = [row for row in rows if row[2] < {{moment}}]
known = {person for person, _, _ in past}, {film for _, film, _ in past}
last = [max((row for row in rows if row[0] == person), key=lambda row: row[2]) for person in people]
kept = [row for row in rows if row not in last]
fans = {film: [day for _, other, day in kept if other == film] for _, film, _ in last}
my_reading = {
    "tested": sum(row[0] in known[0] and row[1] in known[1] for row in rows if row not in past),
    "given away": sum(any(day > row[2] for _, _, day in kept) for row in last),
    "only from later": sum(bool(fans[film]) and min(fans[film]) > day for _, film, day in last),
}
# END SOLUTION

# %% question="6.1" role="check"
assert set(my_reading) == {"tested", "given away", "only from later"}, "my_reading has other keys"
assert all(isinstance(value, int) for value in my_reading.values()), "each value is a whole number"
assert my_reading["only from later"] <= my_reading["given away"], "later likes are given away, too"
print("The form is right.")


# %% question="6.1" role="hidden"
def hidden(rng, drawn):
    return [
        Part(
            "tested",
            1,
            "Its person needs a square to the left of the line, and so does its film.",
            key="tested",
        ),
        Part(
            "given away",
            1,
            "Look for squares further right that are not the last of their row.",
            key="given away",
        ),
        Part(
            "only from later",
            2,
            "Find the same letter in the other rows, and compare the days; the last of each row is hidden.",
            key="only from later",
        ),
    ]


# %% question="6.1" role="right"
my_reading = {key: float(value) for key, value in my_reading.items()}

# %% question="6.1" role="right"
import pandas as pd

my_reading = pd.Series(my_reading)

# %% question="6.1" role="wrong" loses=["tested"]
my_reading = my_reading | {"tested": len(rows) - len(past)}  # with the cold ones

# %% question="6.1" role="wrong" loses=["tested"]
late = [row for row in rows if row not in past]
my_reading = my_reading | {"tested": sum(row[0] in known[0] for row in late)}  # cold films, too

# %% question="6.1" role="wrong" loses=["given away"]
my_reading = my_reading | {"given away": 5}  # whoever is the last to come has no later one

# %% question="6.1" role="wrong" loses=["given away"]
my_reading = my_reading | {"given away": my_reading["only from later"]}

# %% question="6.1" role="wrong" loses=["only from later"]
my_reading = my_reading | {"only from later": my_reading["given away"]}

# %% question="6.1" role="wrong" loses=["given away", "only from later"]
my_reading = my_reading | {"given away": 0, "only from later": 0}  # nothing leaks

# %% [markdown] question="6.2" asks="test_split" minutes=25
# ## Question 6.2 A test for a split by time
#
# **Outcome.** You can write a test that a split has to pass before you trust what is measured on it
# (chapter 11).
#
# This is what a split at one moment has to do. `split(rows, share)` gets a list of triples (person,
# film, day) in any order and a number between 0 and 1. The moment is the latest day for which at least
# `share` of all rows happened on that day or later. The result is a pair of lists of rows, in any
# order: train holds all that happened before that day, test holds what happened on it or later, without
# the cold rows of chapter 11. A colleague has written the function below. It has a mistake.
#
# Write `test_split(candidate)`. It gets a function like `split`, calls it on cases of yours, and raises
# an `AssertionError` where a result is wrong. It is run on two right functions, which it must pass, and
# on four wrong ones: your colleague's, and three with other mistakes that are made with such splits.
# Each wrong one that it finds is worth two points. Your cases have rows on at least two days.


# %% question="6.2" role="pipeline" name="broken"
def split(rows, share):
    """Train and test rows, cut at one moment."""
    in_time = sorted(rows, key=lambda row: row[2])
    cut = int(len(rows) * (1 - share))
    train, later = in_time[:cut], in_time[cut:]
    people = {person for person, _, _ in train}
    films = {film for _, film, _ in train}
    test = [row for row in later if row[0] in people and row[1] in films]
    return train, test


# %% question="6.2" role="answer"
def test_split(candidate):
    # BEGIN SOLUTION
    def gives(rows, share):
        return tuple({tuple(row) for row in part} for part in candidate(list(rows), share))

    first = [("Ann", "Alien", 1), ("Bob", "Alien", 1), ("Ann", "Brazil", 2)]
    new = [("Bob", "Brazil", 3), ("Cem", "Alien", 3), ("Ann", "Dumbo", 3)]
    assert gives(first + new, 0.5) == ({*first}, {new[0]})  # two cold rows
    assert gives(new[::-1] + first, 0.2) == ({*first}, {new[0]})  # the day is not cut
    assert gives(first + [("Bob", "Dumbo", 3), ("Ann", "Dumbo", 3)], 0.4) == ({*first}, set())
    # Ann is gone when Bob comes: by each one's own time her last film would be hidden.
    old = [("Ann", film, 1 + n) for n, film in enumerate(["Alien", "Brazil", "Fargo"])]
    old += [("Bob", "Alien", 4), ("Bob", "Dumbo", 5)]
    late = [("Bob", "Brazil", 6), ("Bob", "Fargo", 7)]
    assert gives(old + late, 0.28) == ({*old}, {*late})
    # END SOLUTION


# %% question="6.2" role="check"
try:
    test_split(lambda rows, share: (rows, []))
except AssertionError:
    print("Your test fails a function that hides nothing.")
else:
    print("Your test passes a function that hides nothing: assert what must be true of the result.")


# %% question="6.2" role="hidden"
def hidden(rng, drawn):
    return [
        Part(
            "catches the colleague's mistake",
            2,
            "Let several rows happen on the day of the cut, and ask for a share that splits them.",
            catches="broken",
        ),
        Part(
            "catches rows that nobody can score",
            2,
            "Hide a person, and a film, that occur nowhere else.",
            catches="cold",
        ),
        Part(
            "catches what is known too early",
            2,
            "Hide two likes of one new film: neither of them makes it known.",
            catches="known",
        ),
        Part(
            "catches each person's own time",
            2,
            "Let somebody be gone for long when the others' last films are hidden.",
            catches="own time",
        ),
    ]


# %% question="6.2" role="candidate" name="right"
def split(rows, share):
    days = sorted({day for _, _, day in rows}, reverse=True)
    moment = next(d for d in days if sum(row[2] >= d for row in rows) >= share * len(rows) - 1e-9)
    train = [row for row in rows if row[2] < moment]
    people, films = {row[0] for row in train}, {row[1] for row in train}
    late = [row for row in rows if row[2] >= moment]
    return train, [row for row in late if row[0] in people and row[1] in films]


# %% question="6.2" role="candidate" name="right from the end"
def split(rows, share):
    train, late = sorted(rows, key=lambda row: row[2], reverse=True), []
    while train and (len(late) < share * len(rows) - 1e-9 or train[0][2] == late[-1][2]):
        late.append(train.pop(0))
    people, films = ({row[n] for row in train} for n in (0, 1))
    return train, [row for row in late if {row[0]} <= people and {row[1]} <= films]


# %% question="6.2" role="candidate" name="cold"
def split(rows, share):
    days = sorted({day for _, _, day in rows}, reverse=True)
    moment = next(d for d in days if sum(row[2] >= d for row in rows) >= share * len(rows) - 1e-9)
    return [row for row in rows if row[2] < moment], [row for row in rows if row[2] >= moment]


# %% question="6.2" role="candidate" name="known"
from collections import Counter


def split(rows, share):
    days = sorted({day for _, _, day in rows}, reverse=True)
    moment = next(d for d in days if sum(row[2] >= d for row in rows) >= share * len(rows) - 1e-9)
    train = [row for row in rows if row[2] < moment]
    late = [row for row in rows if row[2] >= moment]
    people, films = Counter(row[0] for row in rows), Counter(row[1] for row in rows)
    return train, [row for row in late if people[row[0]] > 1 and films[row[1]] > 1]


# %% question="6.2" role="candidate" name="own time"
def split(rows, share):
    train, late = [], []
    for person in sorted({row[0] for row in rows}):
        own = sorted((row for row in rows if row[0] == person), key=lambda row: row[2])
        cut = len(own) - round(share * len(own))
        train += own[:cut]
        late += own[cut:]
    people, films = {row[0] for row in train}, {row[1] for row in train}
    return train, [row for row in late if row[0] in people and row[1] in films]


# %% question="6.2" role="right"
def test_split(candidate):
    def expected(rows, share):
        moment = max(d for _, _, d in rows if sum(e >= d for _, _, e in rows) >= share * len(rows))
        train = [row for row in rows if row[2] < moment]
        test = [row for row in rows if row[2] >= moment]
        for n in (0, 1):
            test = [row for row in test if row[n] in {other[n] for other in train}]
        return [sorted(train), sorted(test)]

    rng = np.random.default_rng(0)
    for _ in range(15):
        rows = list({tuple(row) for row in rng.integers(0, [6, 6, 5], (25, 3)).tolist()})
        if len({day for _, _, day in rows}) > 1:
            for share in (0.15, 0.35):
                got = [sorted(tuple(row) for row in part) for part in candidate(rows, share)]
                if got != expected(rows, share):
                    raise ValueError("another split than mine")


# %% question="6.2" role="wrong" loses="all"
def test_split(candidate):
    train, test = candidate([("Ann", "Alien", 1), ("Ann", "Brazil", 2), ("Bob", "Brazil", 3)], 0.3)
    assert len(train) + len(test) <= 3


# %% question="6.2" role="wrong" loses="all"
def test_split(candidate):
    rows = [("Ann", "Alien", 1), ("Bob", "Alien", 2), ("Ann", "Brazil", 2), ("Bob", "Brazil", 3)]
    assert candidate(rows, 0.25) == (rows[:3], [rows[3]])  # lists of tuples in this order only


# %% question="6.2" role="wrong" loses=["catches rows that nobody can score", "catches what is known too early"]
def test_split(candidate):
    rows = [(u, f, d) for d, (u, f) in enumerate([(0, 0), (1, 1), (0, 2), (1, 0), (0, 1), (1, 2)])]
    rows = [(*row[:2], day) for row, day in zip(rows, [1, 1, 2, 3, 5, 5])]
    for share in (0.1, 0.3, 0.5):
        train, test = candidate(rows, share)
        last_seen = max(row[2] for row in train)
        assert all(row[2] > last_seen for row in test)  # the days alone
        assert len(train) == (4 if share < 0.4 else 3)


# %% question="6.2" role="wrong" loses=["catches the colleague's mistake", "catches each person's own time"]
def test_split(candidate):
    rows = [("Ann", "Alien", 1), ("Bob", "Alien", 1), ("Ann", "Brazil", 2), ("Bob", "Brazil", 3)]
    rows += [("Cem", "Eve", 4), ("Ann", "Dumbo", 5), ("Bob", "Dumbo", 6), ("Ann", "Eve", 7)]
    train, test = candidate(rows, 0.5)
    for person, film, _ in test:  # the cold rows alone
        assert any(person == row[0] for row in train)
        assert any(film == row[1] for row in train)


# %% question="6.2" role="wrong" loses=["catches what is known too early"]
def test_split(candidate):
    rows = [("Ann", "Alien", 1), ("Bob", "Alien", 1), ("Ann", "Brazil", 2), ("Bob", "Fargo", 3)]
    rows += [("Bob", "Brazil", 4), ("Cem", "Alien", 4), ("Ann", "Dumbo", 4)]
    for share in (0.2, 0.3):
        train, test = candidate(rows, share)
        assert len(train) == 4 and [tuple(row) for row in test] == [("Bob", "Brazil", 4)]


# %% question="6.2" role="wrong" loses=["catches the colleague's mistake"]
def test_split(candidate):
    rows = [("Ann", "Alien", 1), ("Ann", "Brazil", 2), ("Ann", "Fargo", 3), ("Bob", "Alien", 4)]
    rows += [("Bob", "Brazil", 6), ("Bob", "Dumbo", 7), ("Ann", "Dumbo", 8), ("Cem", "Alien", 9)]
    train, test = candidate(rows, 0.5)  # each row has a day of its own
    assert {tuple(row) for row in train} == set(rows[:4])
    assert [tuple(row) for row in test] == [("Bob", "Brazil", 6)]


# %% [markdown] question="6.3" asks="my_matched" minutes=25
# ## Question 6.3 What a model knows besides popularity
#
# **Outcome.** You can measure what a model knows beyond how popular a film is (chapter 11).
#
# A high recall may come from popularity alone. So compare each hidden film with films that are *just
# as popular*. For a user and a hidden film $i$ of theirs, the *rivals* are the films that have exactly
# as many train users as $i$ and that the user has neither in train nor among the hidden films. The pair
# counts the share of its rivals that score lower than $i$ for this user, where a rival with the same
# score counts half. A hidden film without a rival is left out. The measure is the mean over all
# pairs of a user and a hidden film that have a rival. Popularity always has $\frac12$.
#
# Write `my_matched(scores, seen, hidden, degree)`: `scores` has a list for each user with the scores
# of all films, `seen` and `hidden` have a set of films for each user, and `degree` is the list of the
# films' numbers of train users. At least one hidden film has a rival.


# %% question="6.3" role="answer"
def my_matched(scores, seen, hidden, degree):
    # BEGIN SOLUTION
    found = []
    for row, own, wanted in zip(scores, seen, hidden, strict=True):
        for i in wanted:
            rivals = [
                row[j]
                for j, d in enumerate(degree)
                if d == degree[i] and j not in own and j not in wanted
            ]
            if rivals:
                won = sum((row[i] > s) + (row[i] == s) / 2 for s in rivals)
                found.append(won / len(rivals))
    return sum(found) / len(found)
    # END SOLUTION


# %% question="6.3" role="check"
value = my_matched([[5.0, 4.0, 3.0, 4.0, 1.0]], [{0}], [{1}], [3, 2, 2, 2, 2])
assert value is not None, "my_matched returns nothing: end with return"
assert np.ndim(value) == 0, f"expected a number, got {value}"
assert abs(value - (1 + 0.5 + 1) / 3) < 1e-9, "film 1 has the rivals 2, 3 and 4: 1, a half and 1"
print("Right for one hidden film.")


# %% question="6.3" role="hidden"
def hidden(rng, drawn):
    def case(num_users, hidden_each, seen_each=4, levels=(2, 5), ties=False, by_degree=False):
        """Users over films of few degrees; their seen and hidden films have the same degrees."""
        degree = rng.sample(list(levels) * (16 // len(levels)), 16)
        rows, seen, hidden = [], [], []
        for _ in range(num_users):
            row = [rng.randint(0, 3) if ties else round(rng.random(), 6) for _ in degree]
            free: set[int] = set()
            while {degree[film] for film in free} != {*levels}:  # a rival of each degree is left
                several = hidden_each if num_users == 1 else rng.randint(1, hidden_each)
                chosen = rng.sample(range(16), seen_each + several)
                free = {*range(16)} - {*chosen}
            seen.append({*chosen[:seen_each]})
            hidden.append({*chosen[seen_each:]})
            for film in seen[-1]:  # as a model does, score high what is known
                row[film] += 1
            rows.append([float(d) for d in degree] if by_degree else row)
        return rows, seen, hidden, degree

    def in_turn():
        """One user; others' films score highest, then of one degree seen, hidden, other films."""
        films = rng.sample(range(12), 12)
        row = [0.0] * 12
        for place, film in enumerate(films):
            row[film] = round(12 - place + rng.random() / 2, 6)
        degree = [5 if film in films[:3] else 3 for film in range(12)]
        return [row], [{*films[3:5]}], [{*films[5:8]}], degree

    def alone(score):
        """One user; of the two hidden films the first has a degree that no other film has."""
        films, degree = rng.sample(range(10), 10), [3] * 10
        row = [value / 1000 for value in rng.sample(range(100, 1100), 10)]
        row[films[0]] = score
        row[films[1]] = sorted(row[film] for film in films[5:])[2] + 1e-4  # it wins three of five
        for n, film in enumerate([films[0], *films[2:5]]):
            degree[film] = 7 + n
        return [row], [{*films[2:5]}], [{*films[:2]}], degree

    def unequal():
        """A user with one hidden film, which wins all, and one with four, which lose."""
        degree = rng.sample([4, 5, 6, 7] * 3, 12)
        first = [round(0.1 + rng.random(), 6) for _ in degree]
        second, films = list(first), [degree.index(d) for d in (4, 5, 6, 7)]
        first[films[0]] = 2.0
        for film in films:
            second[film] = round(rng.random() / 20, 6)
        return [first, second], [set(), set()], [{films[0]}, {*films}], degree

    return [
        Part(
            "just as popular",
            2,
            "The rivals have the hidden film's number of train users, no more and no fewer.",
            [case(1, 1, 0, (1, 4)), case(1, 1, 0, (1, 2, 3, 4)), case(6, 1, 0)],
        ),
        Part(
            "equal scores",
            2,
            "A rival with the same score counts half: popularity must have one half.",
            [case(3, 3, by_degree=True), case(8, 1, 0, ties=True)],
        ),
        Part(
            "who is a rival",
            2,
            "Films that the user has in train, or that are hidden as well, are no rivals.",
            [case(1, 4, 6), case(1, 5, 5), in_turn()],
        ),
        Part(
            "no rival",
            1,
            "A hidden film without a rival counts neither as won nor as lost.",
            [alone(0.0), alone(3.0)],
        ),
        Part(
            "the mean",
            1,
            "Every pair of a user and a hidden film counts the same.",
            [unequal(), unequal()],
        ),
    ]


# %% question="6.3" role="right"
def my_matched(scores, seen, hidden, degree):
    scores, degree = np.array(scores), np.array(degree)
    total, number = 0.0, 0
    for row, own, wanted in zip(scores, seen, hidden, strict=True):
        free = np.ones(len(degree), dtype=bool)
        free[list(own | wanted)] = False
        for i in wanted:
            gap = np.sign(row[i] - row[free & (degree == degree[i])])
            if len(gap):
                total, number = total + (gap.mean() + 1) / 2, number + 1
    return total / number


# %% question="6.3" role="right"
from scipy.stats import rankdata


def my_matched(scores, seen, hidden, degree):
    found = []
    for row, own, wanted in zip(scores, seen, hidden, strict=True):
        for i in wanted:
            rivals = {j for j in range(len(row)) if degree[j] == degree[i]} - own - wanted
            if rivals:
                rank = rankdata([row[i], *(row[j] for j in rivals)])[0]
                found.append((rank - 1) / len(rivals))
    return np.mean(found)


# %% question="6.3" role="wrong" loses=["just as popular", "equal scores", "who is a rival", "no rival"]
def my_matched(scores, seen, hidden, degree):
    found = []  # among all films: popularity wins here
    for row, own, wanted in zip(scores, seen, hidden):
        for i in wanted:
            rivals = [s for j, s in enumerate(row) if j not in own | wanted]
            found.append(sum((row[i] > s) + (row[i] == s) / 2 for s in rivals) / len(rivals))
    return np.mean(found)


# %% question="6.3" role="wrong" loses=["equal scores"]
def my_matched(scores, seen, hidden, degree):
    found = []
    for row, own, wanted in zip(scores, seen, hidden):
        for i in wanted:
            rivals = {j for j in range(len(row)) if degree[j] == degree[i]} - own - wanted
            if rivals:
                found.append(sum(row[i] > row[j] for j in rivals) / len(rivals))
    return np.mean(found)


# %% question="6.3" role="wrong" loses=["who is a rival"]
def my_matched(scores, seen, hidden, degree):
    found = []
    for row, own, wanted in zip(scores, seen, hidden):
        for i in wanted:
            rivals = {j for j in range(len(row)) if degree[j] == degree[i]} - wanted
            if rivals:
                found.append(
                    sum((row[i] > row[j]) + (row[i] == row[j]) / 2 for j in rivals) / len(rivals)
                )
    return np.mean(found)


# %% question="6.3" role="wrong" loses=["who is a rival"]
def my_matched(scores, seen, hidden, degree):
    found = []
    for row, own, wanted in zip(scores, seen, hidden):
        for i in wanted:
            rivals = {j for j in range(len(row)) if degree[j] == degree[i]} - own - {i}
            if rivals - wanted:
                found.append(
                    sum((row[i] > row[j]) + (row[i] == row[j]) / 2 for j in rivals) / len(rivals)
                )
    return np.mean(found)


# %% question="6.3" role="wrong" loses=["no rival"]
def my_matched(scores, seen, hidden, degree):
    found = []
    for row, own, wanted in zip(scores, seen, hidden):
        for i in wanted:
            rivals = {j for j in range(len(row)) if degree[j] == degree[i]} - own - wanted
            won = sum((row[i] > row[j]) + (row[i] == row[j]) / 2 for j in rivals)
            found.append(won / max(len(rivals), 1))
    return np.mean(found)


# %% question="6.3" role="wrong" loses=["the mean"]
def my_matched(scores, seen, hidden, degree):
    users = []
    for row, own, wanted in zip(scores, seen, hidden):
        found = []
        for i in wanted:
            rivals = {j for j in range(len(row)) if degree[j] == degree[i]} - own - wanted
            if rivals:
                found.append(
                    sum((row[i] > row[j]) + (row[i] == row[j]) / 2 for j in rivals) / len(rivals)
                )
        users += [np.mean(found)] if found else []
    return np.mean(users)  # over users


# %% [markdown] question="6.4" asks="my_grown" minutes=30
# ## Question 6.4 A film that came today
#
# **Outcome.** You can add a film to a fitted model at a small part of the cost of a new fit
# (chapters 9 and 11).
#
# Chapter 11 folds in new users; a new *film* has no row and no column in EASE's $W$. It got its first
# likes today. Fitted again, EASE inverts $X^\top X + \lambda I$ with one more row and column, and an
# inverse of $n$ films takes $n^3$ operations. But $P = (X^\top X + \lambda I)^{-1}$ of the old films was
# kept, and bordering a matrix changes its inverse in a known way. With $b$ the new column and $c$ the
# new diagonal entry,
#
# $$\begin{pmatrix} P^{-1} & b \cr b^\top & c \end{pmatrix}^{-1} =
# \begin{pmatrix} P + v v^\top / s & -v / s \cr -v^\top / s & 1 / s \end{pmatrix}
# \quad\text{with}\quad v = P b, \quad s = c - b^\top v .$$
#
# Say what $b$ and $c$ are, apply (9.3), and write `my_grown(inverse, shared, users, reg)`. `inverse` is
# the array $P$, `shared` is a list with the number of users that the new film shares with each old
# one, `users` is the number of the new film's users, and `reg` is $\lambda$. No user is new. Return a
# dict with the weights of EASE fitted again:
#
# - `"column"`: those with which the old films speak for or against the new one, a list of $n$;
# - `"row"`: those with which the new film speaks for or against the old ones, a list of $n$;
# - `"rest"`: those among the old films, $n$ by $n$.
#
# No step needs more than a few times $n^2$ operations.


# %% question="6.4" role="answer"
def my_grown(inverse, shared, users, reg):
    # BEGIN SOLUTION
    v = inverse @ np.array(shared, dtype=float)
    s = users + reg - v @ np.array(shared)
    grown = inverse + np.outer(v, v) / s
    rest = -grown / np.diag(grown)
    np.fill_diagonal(rest, 0)
    return {"column": v, "row": v / s / np.diag(grown), "rest": rest}
    # END SOLUTION


# %% question="6.4" role="check"
# One old film with three users, lambda is 1. The new film has two users, who both have the old one.
found = my_grown(np.array([[1 / 4]]), [2], 2, 1)
assert found is not None, "my_grown returns nothing: end with return"
assert set(found) == {"column", "row", "rest"}, "the dict has other keys"
assert np.shape(found["rest"]) == (1, 1), "rest is n by n"
assert np.allclose(found["column"], [2 / 4]), "the ridge regression of the new film on the old one"
print("Right for one weight of three.")


# %% question="6.4" role="hidden"
def hidden(rng, drawn):
    import numpy as np

    def case(num_users, num_items, reg):
        while True:
            rows = [
                [float(rng.random() < 0.5) for _ in range(num_items + 1)] for _ in range(num_users)
            ]
            x = np.array(rows)
            shared = x[:, :-1].T @ x[:, -1]
            if x.sum(0).min() > 1 and 0 < sum(shared > 0) < num_items + 1 and shared.max() > 1:
                break
        old = x[:, :-1]
        inverse = np.linalg.inv(old.T @ old + reg * np.eye(num_items))
        return inverse, [int(n) for n in shared], int(x[:, -1].sum()), reg

    cases = [case(8, 4, 1.0), case(12, 6, 2.5), case(7, 3, 0.5)]
    return [
        Part(
            "the new film's column",
            3,
            "Divide the entries of the new column by the new diagonal entry, as (9.3) does.",
            cases,
            key="column",
        ),
        Part(
            "the new film's row",
            3,
            "Each old film's column is divided by its own diagonal entry, which has grown.",
            cases,
            key="row",
        ),
        Part(
            "among the old films",
            4,
            "The old weights change, too: a new film may say what two old ones said before.",
            cases,
            key="rest",
        ),
    ]


# %% question="6.4" role="right"
def my_grown(inverse, shared, users, reg):
    n = len(shared)
    system = np.zeros((n + 1, n + 1))
    system[:n, :n] = np.linalg.inv(inverse)
    system[:n, n] = system[n, :n] = shared
    system[n, n] = users + reg
    p = np.linalg.inv(system)
    w = -p / np.diag(p)
    np.fill_diagonal(w, 0)
    return {"column": w[:n, n], "row": w[n, :n], "rest": w[:n, :n]}


# %% question="6.4" role="right"
import torch


def my_grown(inverse, shared, users, reg):
    p, b = torch.from_numpy(inverse), torch.tensor(shared, dtype=torch.double)
    v = p @ b
    s = users + reg - b @ v
    grown = torch.cat([torch.cat([p, torch.zeros(1, len(b))]), torch.zeros(len(b) + 1, 1)], dim=1)
    u = torch.cat([v, -torch.ones(1)])
    grown = grown + u[:, None] * u / s
    w = torch.eye(len(u)) - grown / grown.diagonal()
    return {"column": w[:-1, -1], "row": w[-1, :-1], "rest": w[:-1, :-1]}


# %% question="6.4" role="wrong" loses=["among the old films"]
def my_grown(inverse, shared, users, reg):
    v = inverse @ np.array(shared)
    s = users + reg - v @ np.array(shared)
    rest = -inverse / np.diag(inverse)  # the old weights
    np.fill_diagonal(rest, 0)
    return {"column": v, "row": v / (s * np.diag(inverse) + v * v), "rest": rest}


# %% question="6.4" role="wrong" loses=["the new film's row"]
def my_grown(inverse, shared, users, reg):
    v = inverse @ np.array(shared)
    grown = inverse + np.outer(v, v) / (users + reg - v @ np.array(shared))
    rest = -grown / np.diag(grown)
    np.fill_diagonal(rest, 0)
    return {"column": v, "row": v, "rest": rest}  # as if W were symmetric


# %% question="6.4" role="wrong" loses=["the new film's row", "among the old films"]
def my_grown(inverse, shared, users, reg):
    v = inverse @ np.array(shared)
    grown = inverse + np.outer(v, v) / (users - v @ np.array(shared))  # no penalty on the new film
    rest = -grown / np.diag(grown)
    np.fill_diagonal(rest, 0)
    return {"column": v, "row": v / (users - v @ np.array(shared)) / np.diag(grown), "rest": rest}


# %% question="6.4" role="wrong" loses=["among the old films"]
def my_grown(inverse, shared, users, reg):
    v = inverse @ np.array(shared)
    s = users + reg - v @ np.array(shared)
    grown = inverse + np.outer(v, v) / s
    return {"column": v, "row": v / s / np.diag(grown), "rest": -grown / np.diag(grown)}


# %% question="6.4" role="wrong" loses=["the new film's column", "the new film's row"]
def my_grown(inverse, shared, users, reg):
    v = inverse @ np.array(shared)
    s = users + reg - v @ np.array(shared)
    grown = inverse + np.outer(v, v) / s
    rest = -grown / np.diag(grown)
    np.fill_diagonal(rest, 0)
    return {"column": v / s / np.diag(grown), "row": v, "rest": rest}  # the one for the other


# %% question="6.4" role="wrong" loses="all"
def my_grown(inverse, shared, users, reg):
    weight = np.array(shared) / users  # counts, not a regression
    return {"column": weight, "row": weight, "rest": np.zeros((len(shared), len(shared)))}


# %% [markdown] question="6.5" asks="my_bill" minutes=15
# ## Question 6.5 The bill
#
# **Outcome.** You can count bytes and the least seconds of a model before you buy a machine for it
# (chapter 12).
#
# A service has {{users}} users, {{items}} items and {{pairs}} interactions. It wants a
# LightGCN with {{dim}} dimensions and {{layers}} layers, trained by Adam. Numbers have 4 bytes where
# nothing else is said, and a GB is $10^9$ bytes. Fill in the dict `my_bill`:
#
# - `"tables"`: GB of the trained embeddings, their gradient and the two averages of Adam;
# - `"graph"`: GB of the entries of $\tilde{A}$ in CSR form, each a column of 4 bytes and a value; leave
#   the row starts out;
# - `"messages"`: GB of the two tables that message passing holds for one layer;
# - `"EASE"`: GB of the one matrix $P$ that EASE would need, in numbers of 8 bytes;
# - `"users at once"`: for how many users the scores of all items fit in {{spare}} GB;
# - `"seconds"`: the least time of one step's sparse products, forward and back through all layers, if
#   each entry moves what (12.2) says and memory moves {{rate}} GB a second.

# %% question="6.5" role="answer"
my_bill = {
    "tables": ...,
    "graph": ...,
    "messages": ...,
    "EASE": ...,
    "users at once": ...,
    "seconds": ...,
}
# BEGIN SOLUTION
num_users, num_items, num_pairs = {{numbers}}
dim, layers = {{dim}}, {{layers}}
entries = 2 * num_pairs  # each interaction in both directions
my_bill = {
    "tables": 4 * 4 * (num_users + num_items) * dim / 1e9,
    "graph": entries * 8 / 1e9,
    "messages": 2 * entries * dim * 4 / 1e9,
    "EASE": num_items**2 * 8 / 1e9,
    "users at once": {{spare}} * 10**9 // (4 * num_items),
    "seconds": 2 * layers * entries * (4 * dim + 8) / ({{rate}} * 1e9),
}
# END SOLUTION

# %% question="6.5" role="check"
keys = {"tables", "graph", "messages", "EASE", "users at once", "seconds"}
assert set(my_bill) == keys, "my_bill has other keys"
assert ... not in my_bill.values(), "a value is still missing"
assert all(value > 0 for value in my_bill.values()), "each value is a number above 0"
assert my_bill["messages"] > my_bill["graph"], "a message has a number for each dimension"
print("The form is right.")


# %% question="6.5" role="hidden"
def hidden(rng, drawn):
    return [
        Part(
            "tables",
            1,
            "Four tables, each with a row for every user and every item.",
            key="tables",
            tolerance=0.01,
        ),
        Part(
            "graph",
            1,
            "How many entries does one interaction make, and how many bytes does an entry have?",
            key="graph",
            tolerance=0.01,
        ),
        Part(
            "messages",
            1,
            "Chapter 12 says what one table has: a row for each edge and direction.",
            key="messages",
            tolerance=0.01,
        ),
        Part(
            "EASE",
            1,
            "A number for each pair of items.",
            key="EASE",
            tolerance=0.01,
        ),
        Part(
            "users at once",
            1,
            "One user has a score of four bytes for each item.",
            key="users at once",
            tolerance=0.01,
        ),
        Part(
            "seconds",
            2,
            "Count the products of a step, the entries of each, and the bytes of an entry.",
            key="seconds",
            tolerance=0.01,
        ),
    ]


# %% question="6.5" role="right"
my_bill = {key: float(f"{value:.4g}") for key, value in my_bill.items()}

# %% question="6.5" role="right"
import pandas as pd

my_bill = pd.Series(my_bill)

# %% question="6.5" role="wrong" loses=["tables"]
my_bill = my_bill | {"tables": my_bill["tables"] * 3 / 4}  # without the gradient

# %% question="6.5" role="wrong" loses=["graph", "messages", "seconds"]
my_bill = my_bill | {key: my_bill[key] / 2 for key in ("graph", "messages", "seconds")}  # one way

# %% question="6.5" role="wrong" loses=["tables", "graph", "messages", "EASE"]
my_bill = my_bill | {
    key: my_bill[key] * 1e9 / 2**30 for key in ("tables", "graph", "messages", "EASE")
}

# %% question="6.5" role="wrong" loses=["messages"]
my_bill = my_bill | {"messages": my_bill["messages"] * layers}

# %% question="6.5" role="wrong" loses=["EASE", "users at once"]
my_bill = my_bill | {"EASE": my_bill["EASE"] / 2, "users at once": my_bill["users at once"] / 2}

# %% question="6.5" role="wrong" loses=["seconds"]
my_bill = my_bill | {"seconds": my_bill["seconds"] / 2}  # the way back is missing

# %% [markdown] question="6.6" minutes=20 points=8
# ## Question 6.6 Every night, or once a week?
#
# **Outcome.** You can plan, from past data alone, a measurement that decides a question of running a
# service (chapter 11).
#
# A video service fits EASE again every night, which takes a large machine {{hours}} hours. New users
# are folded in at once, in any case. About {{new_films}} films come in each week. The question is
# whether one fit a week is enough. You have the log of the last year, and may not experiment on
# people. Say in at most 200 words what you would measure and how, so that the answer does not
# flatter either side, and which result would make you choose one fit a week.

# %% [markdown] question="6.6" role="answer"
# **Your answer to question 6.6.** Write here, in place of this sentence.

# %% [markdown] question="6.6" role="instructor"
# **Rubric for question 6.6** (8 points, by hand)
#
# | points | the answer |
# |---|---|
# | 8 | cuts the log at several moments; compares models of different age (fitted today, one to seven days before) on the same days, users and hidden likes, each with all likes of the user that had happened by then; lets the same films compete, and counts what the old model misses by not knowing the week's new films, apart from it or as misses; chooses the penalty on earlier days; takes paired differences with an interval over moments, names a margin beforehand, and weighs the loss against the machine; an answer that adds new films each night without a fit may leave one of these out |
# | 5 | replays several moments with models of different age and nothing from the future, and compares them in pairs; says nothing of new films, or names no margin |
# | 2 | a single split by time, or a comparison in which the two models are tested on different days or users |
# | 0 | a random split, or a decision without a measurement |
#
# **Sample answer, 8 points.** I take forty days of the year, spread over it, and for each fit EASE on all that
# came before, and again on all that came before one to six days earlier. Each of the seven is
# tested on the likes of that day; a user's row has everything that this user liked before the day, since
# fold-in costs nothing. The penalty comes from the first ten days, which are not tested. I compare in pairs,
# on the same users and hidden likes: recall@20 of the fresh model minus that of the old one by its age,
# with Student's interval over the thirty days. Films that came in between count as misses of the old
# model, since that is what people would see; I also give the difference without them, to know which of
# two things ages, the weights or the catalogue. Averaged over ages of zero to six days, a loss of less
# than 0.003 is the margin I would name now. If the interval lies within it, once a week is enough. If
# only the new films matter, I add them each night by a border of the inverse, which takes no new fit.
#
# **Sample answer, 2 points.** I would train the model on the first eleven months and test it on the last
# one. Then I train once more with one week less and test on the last five weeks. If the recall of both is
# about the same, the model does not age and one fit a week is enough.
