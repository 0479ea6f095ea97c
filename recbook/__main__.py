"""recbook on the command line: data, split, train, evaluate, recommend; check, fit, serve.

What a command needs is imported when it runs, so that its first line does not wait for PyTorch.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from recbook.data import Split

__all__ = ["run_command"]

EXAMPLES = """examples:
  recbook data
  recbook train lightgcn --out films.safetensors
  recbook evaluate films.safetensors
  recbook recommend films.safetensors --user ann --user 42 -k 5
  recbook train ease --ratings visits.csv --out visits.safetensors

From your own clicks to a service:
  recbook check clicks.csv
  recbook fit clicks.csv --out clicks.safetensors
  recbook serve clicks.safetensors

The tab key completes all of it in a shell that was told so, e.g. in ~/.bashrc:
  pip install argcomplete
  eval "$(register-python-argcomplete recbook)"
"""
MODELS = {  # and the class of each
    "lightgcn": "LightGCN", "mf": "MatrixFactorization", "ngcf": "NGCF", "popularity": "Popularity",
    "puresvd": "PureSVD", "itemknn": "ItemKNN", "ease": "EASE", "ials": "IALS",
}  # fmt: skip
TRAINED = {"lightgcn": "softmax", "mf": "bpr", "ngcf": "bpr"}  # and the loss of each
FAULTS = (
    ValueError, TypeError, OSError, RuntimeError, ImportError, ArithmeticError, MemoryError,
)  # fmt: skip


def run_command(given: Sequence[str] | None = None) -> int:
    """Run a command: 0 where it went well, 1 where it could not be done; argparse ends with 2."""
    top = parser()
    if "_ARGCOMPLETE" in os.environ:  # a shell whose tab key was pressed
        import argcomplete

        argcomplete.autocomplete(top)
    args = top.parse_args(given)
    try:
        found = args.run(args)
        text = json.dumps(found, indent=2, default=str) if args.json else as_text(found)
        print(text, flush=True)
    except BrokenPipeError:  # the reader of a pipe has seen enough
        sys.stderr.close()
        return 0
    except KeyboardInterrupt:
        say("stopped")
        return 130
    except FAULTS as error:
        say(f"recbook {args.command}: {str(error) or repr(error)}")
        return 1
    return 0


def parser() -> argparse.ArgumentParser:
    """What can be asked for."""
    top = argparse.ArgumentParser(
        "recbook", description=__doc__.split("\n")[0], epilog=EXAMPLES, formatter_class=Plain
    )
    top.add_argument("--version", action="version", version=version("recbook"))
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(run: Callable[..., Any], example: str) -> argparse.ArgumentParser:
        name, text = run.__name__, str(run.__doc__)
        epilog = f"example:\n  recbook {name} {example}"
        one = commands.add_parser(
            name, help=text, description=text, epilog=epilog, formatter_class=Plain
        )
        one.set_defaults(run=run)
        one.add_argument("--json", action="store_true", help="print JSON")
        return one

    def with_data(one: argparse.ArgumentParser) -> None:
        one.add_argument("--ratings", metavar="FILE", help="your interactions, not MovieLens-100K")
        with_columns(one)

    def with_columns(one: argparse.ArgumentParser) -> None:
        one.add_argument(
            "--min-rating", type=float, default=3, help="the least rating that counts as liked [3]"
        )
        one.add_argument(
            "--columns",
            default="",
            metavar="NAME=COLUMN,...",
            help="where user_id, item_id, rating, timestamp, event have names that are not found; "
            "a rating may be any number that grows with liking: rating=seconds --min-rating 60",
        )
        one.add_argument(
            "--events", metavar="KIND,...", help="which kinds count, e.g. purchase [all]"
        )

    def with_split(one: argparse.ArgumentParser) -> None:
        with_data(one)
        one.add_argument("--test-size", type=float, default=0.2, help="share to test on [0.2]")
        one.add_argument("--split-seed", type=int, default=16, help="of the split [16]")

    def with_model(one: argparse.ArgumentParser) -> None:
        one.add_argument("model", type=Path, metavar="FILE", help="what fit or train has stored")
        one.add_argument("-k", type=int, default=20, help="length of a list [20]")

    with_data(command(data, "--ratings visits.csv"))
    one = command(split, "--val-size 0.1 --out parts")
    with_split(one)
    one.add_argument("--val-size", type=float, default=0, help="share to validate on [0]")
    one.add_argument("--out", type=Path, metavar="FOLDER", help="write a CSV file for each part")
    one = command(train, "lightgcn --out films.safetensors")
    one.add_argument("name", choices=MODELS, metavar="MODEL", help=", ".join(MODELS))
    one.add_argument("--out", type=Path, required=True, metavar="FILE", help="where to store it")
    one.add_argument("--epochs", type=int, help="how long to train [what the book recommends]")
    one.add_argument("--seed", type=int, default=0, help="of the training [0]")
    with_split(one)
    with_model(command(evaluate, "films.safetensors -k 10"))
    one = command(recommend, "films.safetensors --user ann --user 42 -k 5")
    with_model(one)
    one.add_argument("--user", action="append", required=True, help="an id, or a friend's name")
    one = command(check, "clicks.csv --columns user_id=who,item_id=what")
    one.add_argument("log", metavar="FILE", help="your clicks, visits, purchases or ratings")
    with_columns(one)
    one.add_argument("--out", type=Path, metavar="FILE", help="write what is left as CSV")
    one = command(fit, "clicks.csv --out clicks.safetensors")
    one.add_argument("log", metavar="FILE", help="your clicks, visits, purchases or ratings")
    with_columns(one)
    one.add_argument("--out", type=Path, required=True, metavar="FILE", help="where to store it")
    one.add_argument(
        "--leave", action="append", default=[], help="a finding of check that is right"
    )
    one.add_argument("--trials", type=int, default=4, help="settings to try of each family [4]")
    one.add_argument("-k", type=int, default=20, help="length of a list [20]")
    one = command(serve, "films.safetensors --port 8000")
    one.add_argument("model", type=Path, metavar="FILE", help="what fit or train has stored")
    one.add_argument("--port", type=int, default=8000, help="of this machine [8000]")
    one.add_argument("--workers", type=int, default=2, help="processes that answer [2]")
    one.add_argument(
        "--probes", type=int, default=0, help="search so many cells of a faiss index [0: exactly]"
    )
    one.add_argument(
        "--titles", metavar="FILE", help="what items are called: a table with item_id and title"
    )
    return top


class Plain(argparse.RawDescriptionHelpFormatter):
    """Help whose examples keep their lines."""


def say(line: str) -> None:
    """A line for a person, on the side: what is printed stays fit for a pipe."""
    print(line, file=sys.stderr, flush=True)


def as_text(found: Any) -> str:
    """Names and values, a line each; a table where there are rows."""
    if isinstance(found, list):
        import pandas as pd

        table = pd.DataFrame(found).round(4).to_string(index=False) if found else "nothing"
        wide = max(map(len, table.splitlines())) > 120
        return "\n\n".join(map(as_text, found)) if wide else table
    return "\n".join(
        f"{name:12} {value:.4f}" if isinstance(value, float) else f"{name:12} {value}"
        for name, value in found.items()
    )


# The commands


def data(args: argparse.Namespace) -> dict[str, Any]:
    """Get MovieLens-100K, or read a file, and say what it holds."""
    liked = liked_of(args)
    users, items = liked["user_id"].nunique(), liked["item_id"].nunique()
    return {"interactions": len(liked), "users": users, "items": items}


def split(args: argparse.Namespace) -> dict[str, Any]:
    """Split at random into train, validation and test; write the parts where --out says."""
    parts = split_of(args, args.val_size)
    named = {"train": parts.train, "validation": parts.val, "test": parts.test}
    found = {name: part for name, part in named.items() if part is not None}
    if args.out:
        import pandas as pd

        from recbook.files import atomic_file

        users, items = parts.user_ids, parts.item_ids
        assert users is not None and items is not None  # it was made from a table
        for name, part in found.items():
            rows = pd.DataFrame({"user_id": users[part.user], "item_id": items[part.item]})
            with atomic_file(args.out / f"{name}.csv") as file:
                rows.to_csv(file, index=False)
    return {name: len(part) for name, part in found.items()} | {"dropped": parts.num_dropped}


def train(args: argparse.Namespace) -> dict[str, Any]:
    """Fit a model on all that is not test, store it, and measure it on test."""
    if args.epochs is not None and args.name not in TRAINED:
        raise ValueError(f"got --epochs {args.epochs}, but {args.name} has none; leave it out")
    from recbook.files import check_writable

    check_writable(args.out)
    parts = split_of(args)
    say(f"{args.name}: {len(parts.train):,} interactions to learn from")
    from recbook import evaluation, models, saving, training

    kind: Any = getattr(models, MODELS[args.name])
    if args.name in TRAINED:
        model = kind(parts.train.num_users, parts.train.num_items)
        loss = TRAINED[args.name]
        training.train(model, parts, loss=loss, epochs=args.epochs, seed=args.seed)
    else:
        model = kind().fit(parts.train)
    path = saving.save(model, parts, args.out)
    assert parts.test is not None
    return {"stored": str(path)} | evaluation.evaluate(model, parts.train, parts.test).as_dict()


def evaluate(args: argparse.Namespace) -> dict[str, Any]:
    """Measure a stored model on the test part of its split."""
    from recbook import evaluation, saving

    model, parts = saving.load(args.model)
    if parts.test is None:
        raise ValueError(
            f"got {args.model}, whose split has no test part, expected what train wrote"
        )
    return evaluation.evaluate(model, parts.train, parts.test, k=args.k).as_dict()


def recommend(args: argparse.Namespace) -> list[dict[str, Any]]:
    """List what a stored model shows some users, with titles where it is of MovieLens-100K."""
    say(f"reading {args.model}")
    import numpy as np

    from recbook.answers import StoredAnswers, UnknownIdError
    from recbook.checks import check_count
    from recbook.data.lookup import similar

    check_count("k", args.k)
    answers = StoredAnswers(args.model)
    friends = movielens_friends() if answers.titles else {}
    wanted: dict[Any, str] = {}
    for name in args.user:
        try:
            wanted[answers.user_id(friends.get(name.lower(), name))] = name
        except UnknownIdError as error:
            names = f" or a friend ({', '.join(friends)})" if friends else ""
            near = similar(name, np.array(answers.users))
            raise ValueError(f"{error}{names}; {near}") from None
    rows: list[dict[str, Any]] = []
    for user, name in wanted.items():
        found = answers.recommend(user, args.k)
        if not found:
            say(f"no list for {name}: nothing is known of them, or they have seen all there is")
        for rank, (item, score) in enumerate(found, 1):
            title = {"title": answers.titles[item]} if item in answers.titles else {}
            rows.append({"user_id": user, "rank": rank, "item_id": item, **title, "score": score})
    return rows


def check(args: argparse.Namespace) -> list[dict[str, Any]]:
    """Find what is wrong with a log: bots, duplicates, clocks, a popular default, and more."""
    log = log_of(args)
    from recbook.data import check_log, clean_log

    found = check_log(log)
    if args.out:
        from recbook.files import atomic_file

        with atomic_file(args.out) as file:
            clean_log(log).to_csv(file, index=False)
    return [{str(name): value for name, value in row.items()} for row in found.to_dict("records")]


def fit(args: argparse.Namespace) -> list[dict[str, Any]]:
    """Choose a model for a log on what came later, measure it, fit it on everything, store it."""
    from recbook.files import check_writable

    check_writable(args.out)
    log = log_of(args)
    from recbook import choosing, saving
    from recbook.data import clean_log, to_implicit

    rows = clean_log(log, args.leave, say)
    if "rating" in rows:
        low = int((rows["rating"] < args.min_rating).sum())
        say(f"ratings below {args.min_rating:g}: {low:,} rows are left out; see --min-rating")
        rows = to_implicit(rows, args.min_rating)
    if not sys.stderr.isatty():
        os.environ["TQDM_DISABLE"] = "1"  # a line for each family is enough
    chosen = choosing.choose(rows, args.k, args.trials, say)
    saving.save(chosen.model, chosen.split, args.out)
    for sentence in chosen.expectations():
        say(sentence)
    table = chosen.measures.rename_axis("model").reset_index().to_dict("records")
    return [{str(name): value for name, value in row.items()} for row in table]


def serve(args: argparse.Namespace) -> dict[str, Any]:
    """Answer on a port of this machine, from a file that may be replaced, until interrupted."""
    try:
        from recbook.serve import run
    except ImportError as error:
        raise ImportError(f"{error}; the service needs pip install 'recbook[serve]'") from error
    run(args.model, args.port, args.workers, probes=args.probes, titles=args.titles)
    return {}


# What they share


def liked_of(args: argparse.Namespace) -> pd.DataFrame:
    """A row for each pair that counts: MovieLens-100K's, or a file's."""
    from recbook.data import load_movielens_100k, read_interactions, to_implicit

    if args.ratings is None:
        say("reading MovieLens-100K")
        return to_implicit(load_movielens_100k().ratings, args.min_rating)
    log = log_of(args)
    try:
        rows = read_interactions(log, ids="text")
    except ValueError as error:
        clean = f"recbook check {args.ratings} --out clean.csv"
        raise ValueError(f"{error}; or let it be cleaned: {clean}") from error
    return to_implicit(rows, args.min_rating) if "rating" in rows else rows


def log_of(args: argparse.Namespace) -> pd.DataFrame:
    """The rows of a file, with its columns found, and told."""
    path = args.log if "log" in args else args.ratings
    say(f"reading {path}")
    from recbook.data import read_log
    from recbook.data.logs import named_columns

    events = args.events.split(",") if args.events else None
    return read_log(path, events, say, **named_columns(args.columns))


def split_of(args: argparse.Namespace, val_size: float = 0) -> Split:
    """The split that a command's options name."""
    liked = liked_of(args)
    from recbook.data import random_split

    return random_split(liked, args.test_size, val_size, seed=args.split_seed)


def movielens_friends() -> dict[str, Any]:
    """The ids of the book's four friends, by their names."""
    from recbook.data import load_movielens_100k, random_split, to_implicit
    from recbook.friends import find_friends

    ml = load_movielens_100k()
    friends = find_friends(random_split(to_implicit(ml.ratings)), ml.items)["user_id"]
    return {str(name).lower(): user for name, user in friends.items()}


if __name__ == "__main__":
    sys.exit(run_command())
