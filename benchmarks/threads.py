"""What a busy core does to an epoch of LightGCN, with threads that spin or sleep while they wait.

`python -m benchmarks.threads` trains on MovieLens-100K in fresh processes, by turns with nothing
else running and with a process that keeps one core busy, and stores the medians in threads.json.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

from tqdm.auto import tqdm

from benchmarks.machine import describe
from recbook.data import load_movielens_100k, random_split, to_implicit
from recbook.models import LightGCN
from recbook.training import train

WAYS: dict[str, dict[str, str]] = {
    "spin": {"GOMP_SPINCOUNT": "300000"},  # what the library does by itself
    "sleep": {},  # as train has it
    "one thread": {"OMP_NUM_THREADS": "1"},
}
ROUNDS, EPOCHS = 5, 4  # the first epoch warms up


def work() -> list[float]:
    """Seconds of each epoch after the first, in this process."""
    split = random_split(to_implicit(load_movielens_100k().ratings))
    model = LightGCN(split.train.num_users, split.train.num_items)
    history = train(model, split, epochs=EPOCHS)
    return [round(float(x), 4) for x in history.frame["seconds"].iloc[1:]]


def run(way: str, busy: bool) -> list[float]:
    """The same in a fresh process, beside one that is busy or none."""
    own = {"OMP_NUM_THREADS", "OMP_WAIT_POLICY", "GOMP_SPINCOUNT"}
    environment = {k: v for k, v in os.environ.items() if k not in own} | WAYS[way]
    environment["TQDM_DISABLE"] = "1"
    other = subprocess.Popen([sys.executable, "-c", "while True: pass"]) if busy else None
    try:
        command = [sys.executable, "-m", "benchmarks.threads", "--work"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    finally:
        if other is not None:
            other.kill()
            other.wait()
    return json.loads(done.stdout)


def main() -> None:
    """Measure by turns, print and store."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--work", action="store_true", help="in this process alone")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    given = parser.parse_args()
    if given.work:
        print(json.dumps(work()))
        return
    machine = describe()
    seconds: dict[tuple[str, str], list[float]] = {}
    for _ in tqdm(range(given.rounds), leave=False):
        for way in WAYS:
            for state in ("idle", "busy"):
                seconds.setdefault((way, state), []).extend(run(way, state == "busy"))
    median = {key: statistics.median(found) for key, found in seconds.items()}
    result = {
        "command": "python -m benchmarks.threads",
        "what": "seconds an epoch of LightGCN, 3 layers, dimension 64, on MovieLens-100K",
        "machine": machine,
        "rounds": given.rounds,
        "ways": {
            way: {state: round(median[way, state], 3) for state in ("idle", "busy")}
            | {"fastest idle": min(seconds[way, "idle"])}
            | {"busy over idle": round(median[way, "busy"] / median[way, "idle"], 2)}
            for way in WAYS
        },
        "sleep over spin, idle": round(median["sleep", "idle"] / median["spin", "idle"], 2),
    }
    Path(__file__).with_suffix(".json").write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result["ways"], indent=1))


if __name__ == "__main__":
    main()
