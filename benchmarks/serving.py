"""How the service answers under load, while its workers are killed and its file is swapped.

`python -m benchmarks.serving` asks `recbook serve`, with LightGCN of MovieLens-100K and two
workers, 500 times a second over kept connections: seven in ten for a user's list, the others for a
newcomer's, similar items, reasons and a group's list. A question waits for none before it, so that
an answer that is late makes others late too, and time counts from when it was due. Then the same
while ten times a worker is killed, once its predecessor has a successor, and ten times the other of
two models takes the file's place. A question whose connection breaks is asked again; each answer is
compared with that of the model it names. At the end all workers are killed at once, ten times, and
one question is asked until it has an answer. The client needs a share of the same processors.
Results are stored in serving.json; it takes about two and a half minutes.
"""

import argparse
import asyncio
import json
import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import aiohttp  # which PyTorch Geometric brings along
import numpy as np
import psutil

from benchmarks.machine import describe
from recbook import save
from recbook.answers import Answers, StoredAnswers
from recbook.data import load_movielens_100k, random_split, to_implicit
from recbook.models import LightGCN
from recbook.training import train

RATE, SECONDS, TURNS, K = 500, 60, 10, 10
Question = tuple[str, str, dict[str, Any] | None, Any]  # method, path, body, what Answers is asked


def questions(users: list[int], items: list[int], number: int) -> list[Question]:
    """Draw what is asked, the same each time."""
    draw = random.Random(0)
    found: list[Question] = []
    for _ in range(number):
        user, item, kind = draw.choice(users), draw.choice(items), draw.random()
        some = draw.sample(items, 5)
        if kind < 0.7:
            found.append(("GET", f"/recommend?user={user}", None, ("recommend", user, K)))
        elif kind < 0.8:
            found.append(("POST", "/recommend", {"liked": some}, ("recommend", some, K)))
        elif kind < 0.9:
            found.append(("GET", f"/similar?item={item}", None, ("similar", item, K)))
        elif kind < 0.95:
            path = f"/why?user={user}&item={item}"
            found.append(("GET", path, None, ("why", user, item, K)))
        else:
            people = [*draw.sample(users, 3), some]
            body = {"members": people, "rule": "average"}
            found.append(("POST", "/group", body, ("group", people, "average", K)))
    return found


async def load(address: str, asked: list[Question], rate: float) -> list[tuple[float, int, bytes]]:
    """Ask at a rate: for each question the seconds since it was due, tries, and the answer."""
    found: list[Any] = [None] * len(asked)
    connector = aiohttp.TCPConnector(limit=200)
    async with aiohttp.ClientSession(address, connector=connector) as session:
        start = time.perf_counter()

        async def ask(number: int) -> None:
            method, path, body, _ = asked[number]
            for tries in range(1, 1000):
                try:
                    async with session.request(method, path, json=body) as answer:
                        content = await answer.read()
                except aiohttp.ClientError:  # the worker is gone: ask again
                    await asyncio.sleep(0.01)
                    continue
                late = time.perf_counter() - start - number / rate
                found[number] = late, tries, content if answer.status == 200 else b"{}"
                return

        async with asyncio.TaskGroup() as tasks:
            for number in range(len(asked)):
                wait = start + number / rate - time.perf_counter()
                await asyncio.sleep(max(wait, 0))
                tasks.create_task(ask(number))
    return found


async def disturb(
    service: psutil.Process, path: Path, contents: list[bytes], seconds: float
) -> None:
    """Kill a worker and swap the file, ten times each, spread over the time."""
    for turn in range(TURNS):
        await asyncio.sleep(seconds / (TURNS + 1) / 2)
        path.with_suffix(".new").write_bytes(contents[turn % 2])
        path.with_suffix(".new").rename(path)
        await asyncio.sleep(seconds / (TURNS + 1) / 2)
        await kill(service, 1)


async def kill(service: psutil.Process, number: int) -> None:
    """Kill the oldest workers, and wait until each has a successor."""
    before = sorted(service.children(), key=psutil.Process.create_time)
    for worker in before[:number]:
        worker.kill()
    while len({*service.children()} - {*before[:number]}) < len(before):
        await asyncio.sleep(0.005)


async def outage(service: psutil.Process, address: str, question: Question) -> float:
    """Kill all workers: the milliseconds until a question has an answer again."""
    workers, start = service.children(), time.perf_counter()
    await kill(service, len(workers))
    await load(address, [question], RATE)
    return 1000 * (time.perf_counter() - start)


def cpu_seconds(service: psutil.Process) -> float:
    """What its workers have worked so far."""
    return sum(sum(worker.cpu_times()[:2]) for worker in service.children())


def summary(
    asked: list[Question], found: list[tuple[float, int, bytes]], by_digest: dict[str, Answers]
) -> dict[str, Any]:
    """Times, and how many answers are not those of the model that they name."""
    wrong, of = 0, Counter[str]()
    for (*_, what), (_, _, content) in zip(asked, found, strict=True):
        answer = json.loads(content)
        of[answer.get("model", "none")] += 1
        if answer.get("model") not in by_digest:
            wrong += "model" in answer
            continue
        method, *given = what
        rows = getattr(by_digest[answer["model"]], method)(*given)
        same = [row["item"] for row in answer["items"]] == [row[0] for row in rows]
        scores = [row["score"] for row in answer["items"]]
        wrong += not (same and np.allclose(scores, [row[1] for row in rows], atol=1e-5))
    late = np.array([one[0] for one in found])
    quantiles = np.quantile(late, [0.5, 0.95, 0.99, 1]) * 1000
    names = ("median", "p95", "p99", "slowest")
    return {
        "questions": len(found),
        "milliseconds": dict(zip(names, quantiles.round(1).tolist(), strict=True)),
        "wrong": wrong,
        "errors": of.pop("none", 0),
        "asked again": sum(tries - 1 for _, tries, _ in found),
        "answers by model": sorted(of.values()),
    }


async def measure(service: subprocess.Popen[str], path: Path, rate: float, seconds: float) -> Any:
    """Both runs against a service that has just been started."""
    lines = iter(service.stdout.readline, "")
    address = next(line.strip() for line in lines if line.startswith("http"))
    files = [path.with_suffix(end) for end in (".one", ".two")]
    contents = [file.read_bytes() for file in files]
    by_digest = {one.digest: one for one in map(StoredAnswers, files)}
    ours = next(iter(by_digest.values()))
    asked = questions(ours.users, ours.items, int(rate * seconds))
    await load(address, asked[: int(rate)], rate / 5)  # all workers are there, and warm
    process = psutil.Process(service.pid)
    before = cpu_seconds(process)
    calm = await load(address, asked, rate)
    cost = (cpu_seconds(process) - before) / len(asked)
    found, _ = await asyncio.gather(
        load(address, asked, rate), disturb(process, path, contents, seconds)
    )
    outages = [await outage(process, address, asked[0]) for _ in range(TURNS)]
    return {
        "cpu milliseconds a question": round(1000 * cost, 2),
        "milliseconds without a worker": round(float(np.median(outages)), 1),
        "runs": {
            "undisturbed": summary(asked, calm, by_digest),
            "killed and swapped": summary(asked, found, by_digest),
        },
    }


def main() -> None:
    """Train two models, start the service, measure, print and store."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--rate", type=float, default=RATE, help="questions a second")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of each run")
    given = parser.parse_args()
    machine = describe()
    split = random_split(to_implicit(load_movielens_100k().ratings))
    with TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        for end, layers in ((".one", 2), (".two", 3)):
            model = LightGCN(split.train.num_users, split.train.num_items, num_layers=layers)
            train(model, split, loss="softmax", epochs=10)
            save(model, split, path.with_suffix(end))
        path.write_bytes(path.with_suffix(".two").read_bytes())
        command = [sys.executable, "-u", "-m", "recbook", "serve", str(path), "--port", "0"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as service:
            try:
                runs = asyncio.run(measure(service, path, given.rate, given.seconds))
            finally:
                service.terminate()
    result = {
        "command": "python -m benchmarks.serving",
        "what": "milliseconds from when a question was due to its answer, LightGCN, MovieLens-100K",
        "machine": machine,
        "rounds": 1,
        "rate": given.rate,
        "workers": 2,
        "kills and swaps": TURNS,
        **runs,
    }
    Path(__file__).with_suffix(".json").write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(runs, indent=1))


if __name__ == "__main__":
    main()
