"""Write `benchmarks.md` and draw `benchmarks.png` from `benchmarks/*.json`.

`make bench` calls it after the benchmarks.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from statistics import stdev
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.layout_engine import ConstrainedLayoutEngine

from recbook.plotting import COLORS, set_style
from tools.tables import header, row

PAGE = Path(__file__).parents[1] / "book" / "benchmarks.md"
FOLDER = Path(__file__).parents[1] / "benchmarks"
HEAD = (
    "# Benchmarks: time, memory and recall side by side\n\n"
    "All of it is generated from the result files in `benchmarks/`, which `make "
    "bench` makes. Ratios travel between machines, seconds do not.\n"
)
SEEDS = (
    "Each round has a seed of its own; a recall is the mean over the rounds that trained to the "
    "end, ± their standard deviation.\n"
)
TRIAL = (
    "**This is a trial**: no model was trained for more than {trial_of_epochs} epochs "
    "unless it takes no more, so that recalls from outside recbook are too low.\n"
)
PEERS = (
    "Every library trains on the original's split of MovieLens-100K, in an environment and a "
    "process of its own, with the same number of threads; {rounds} rounds run all rows in turn, "
    "and the table has medians. One evaluator, this book's, measures all scores. Settings and "
    "epochs were chosen on the validation part (the ledger has recbook's, `benchmarks/chosen.json` "
    "the others'), then each model was fitted once on all that is not test: *to the end* is how "
    "long that took, without loading the data. An epoch is one pass over the train pairs, in "
    "batches of 1,024 where there are batches; of ALS it is a sweep. *Users/s* is each library's "
    "own evaluation of recall@20 over all items. Memory is the process's peak, with what its "
    "imports and the data take in brackets.\n"
)
SCALED = (
    "≈ marks what was not run to its end: a few steps were timed and scaled up, and the recall is "
    "that of the same model: in the ledger, or PyG's with its sparse tensor. The original's code "
    "path is messages along an edge list, without the original's sampler; PyG's sparse tensor has "
    "the weights of the edges in it, from `gcn_norm`, so that no layer computes them again. All "
    "PyG rows train as PyG's documentation does; *memory kept* adds what recbook's `train` does "
    "before it begins, and asks the C library to keep freed memory: most of what an edge list "
    "costs is the kernel, which clears the pages of the messages again and again ([chapter "
    "12](12_scale.ipynb)). *recbook LightGCN, softmax, to the original's recall* stops at the "
    "first epoch with a test recall of {published} ({ours} epochs; the original's settings take "
    "{original}, the median over the seeds of the ledger).\n"
)
SAME = (
    "PyG's LightGCN and recbook's take the same settings: over {rounds} seeds they have {pyg:.4f} "
    "and {ours:.4f}. They differ in their start, and in the penalty, which PyG takes over "
    "each node of a batch once.\n"
)
LATER = (
    "{names}: measured in a later run (rounds: {rounds}; threads: {machine[threads]}; the load was "
    "{machine[load]} when it began), whose seconds compare with each other alone.\n"
)
RATIOS = (
    "How many times as long, the median over the rounds. Each ratio is taken within a round, so it "
    "is not the ratio of the medians above. The *goal* is the least that recbook was to reach. "
    "{missed}\n"
)
SPARK = (
    "What one tries first on several machines is ALS on Spark (`pyspark`), here in its local mode "
    "on one. On MovieLens, in the first table, a sweep of it takes {times:g} times as long as one "
    "of recbook's iALS, and recall is {spark[recall]:.4f} beside iALS's {ials[recall]:.4f} and "
    "{light[recall]:.4f} of LightGCN with the softmax. The two ALS have "
    "{ials[settings][embedding_dim]} dimensions, {ials[settings][epochs]} sweeps, and a weight and "
    "a penalty chosen on validation ({tried} pairs tried); Spark's penalty grows with a node's "
    "degree alone. It has a block for each thread: with its own ten, a fit took 1.7 times as long "
    "on two threads (one run). Its memory is that of Python and of the Java machine, whose start "
    "is not in the seconds.\n"
)
GROWTH = (
    "LightGCN trains for a few steps on generated graphs whose degrees follow power "
    "laws. The time of a step grows with the number of edges to the power of "
    "**{exponent:.2f}** (least squares in logarithms; the goal is at most {goal}), and "
    "memory by {bytes_an_edge:,} bytes an edge, the nodes' embeddings, gradients "
    "and Adam's two moments included. The operations grow to the power of 1; the "
    "time of *six reads*, to read and add up alone what six whole products read and "
    "weight, grows on this machine to the power of {exponent_of_floor:.2f}, because the "
    "embeddings of the smallest graph, 2 MB, stay in the caches beside the "
    "processor and those of the largest, 205 MB, do not. On the largest graphs a step is "
    "faster than that, because two of its six products are needed around the batch "
    "alone ([chapter 12](12_scale.ipynb)).\n"
)
READS = (
    "A product with the adjacency has to read one row of 64 floats for each stored "
    "edge. *One read* is the time that PyTorch's `embedding_bag` takes to read these "
    "rows by the graph's own column indices and to add them up without weights. It is "
    "a yardstick and no bound: the product reads the same rows and weights them as "
    "well, and may be the faster of the two. A step is compared with *six "
    "reads*, three layers there and back; on the generated graph it makes two of its "
    "six products around the batch alone.\n"
)
SHARDS = (
    "`recbook.distributed` trains LightGCN with its rows, its edges and Adam's state "
    "divided among processes: {what}. Memory is the largest peak of a process, above "
    "what its imports take. Where there are fewer cores than processes, the times say "
    "what one process more costs, not what it gains. *Received* is what comes to a process in a "
    "step, counted, and measured on a network that carries nothing else; *cut by rows* is what "
    "(20.2) of [chapter 20](20_several_machines.ipynb) counts for the other cut.\n"
)
BUSY = (
    "With such a load on {cores} cores the machine was busy with other work: the seconds below are "
    "upper bounds.\n"
)
READING = (
    "A log in pieces on disk is read, its ids are numbered, and a few steps of the sampled softmax "
    "are taken: {what}. There are {users:,} users, {items:,} items and {pairs:,} different pairs "
    "to train on. Memory is the peak of a process by then, above what its imports take. The "
    "arithmetic counts what has to be held, as chapters [12](12_scale.ipynb) and "
    "[20](20_several_machines.ipynb) do: of each row two keys and their order; of each pair its "
    "entries both ways and itself; seven tables of a process's rows and two of the copied side. "
    "What the peak has on top is what sorting and sending need for a while.\n"
)
SERVING = (
    "`recbook serve` answers from LightGCN, trained on MovieLens-100K, with {workers} workers, "
    "{rate:g} questions a second, whether or not those before have been answered: seven in ten for "
    "a user's list, the others for a newcomer's, similar items, reasons and a group's list. The "
    "client is on the same machine. In the second run {turns} times a worker is killed and {turns} "
    "times another model's file takes the place of the first. A question whose connection breaks "
    "is asked again, and its time counts from when it was first due. Each answer is compared with "
    "what the model that it names says. A question takes {cpu} ms of a worker's core. Where "
    "all workers are killed at once, {outage} ms pass before there is an answer again.\n"
)
ALT = (
    "Above: each model's seconds of training, from the fastest to the slowest, with its recall at "
    "20; recbook's rows are blue, and rows that were scaled up are hollow. Below: the seconds of a "
    "step and of six reads, against the number of edges."
)
GROWTH_GOAL = 1.1
NBSP = "\N{NO-BREAK SPACE}"


def page() -> str:
    """The whole page."""
    names = ("peers", "growth", "floor", "distributed", "reading", "serving")
    peers, growth, reads, shards, log, serving = (result(name) for name in names)
    first = peers["epochs to the published recall"]
    parts = [HEAD, f"![{ALT}](benchmarks.png)\n", caption(peers["rows"], growth)]
    parts += ["## Side by side\n"]
    trial = [TRIAL.format(**peers)] if peers["trial_of_epochs"] else []
    seeded = [SEEDS] if any("recalls" in one for one in peers["rows"].values()) else []
    parts += [run_on(peers), *trial, PEERS.format(**peers), *seeded, *table(peers["rows"])]
    parts += [SCALED.format(published="0.3535", **first), *same_settings(peers)]
    parts += [*later(peers["rows"]), *failures(peers["rows"])]
    parts += [RATIOS.format(missed=missed(peers, growth)), *goals(peers), "## Growth\n"]
    parts += [run_on(growth), GROWTH.format(goal=GROWTH_GOAL, **growth), *sizes(growth)]
    parts += ["## A product beside a read\n", run_on(reads), READS, *beside_reads(reads)]
    parts += ["## Several processes\n", run_on(shards), SHARDS.format(**shards)]
    parts += [*processes(shards), *spark(peers), ""]
    machine = log["machine"]
    busy = [BUSY.format(**machine)] if machine["load"] > machine["cores"] else []
    parts += ["## A log of your own\n", run_on(log), *busy, READING.format(**log)]
    parts += [*phases(log), ""]
    parts += ["## A service under load\n", run_on(serving), *under_load(serving)]
    return "\n".join(parts)


def caption(rows: dict[str, Any], growth: dict[str, Any]) -> str:
    """What the picture finds."""
    ran = finished(rows)
    (first, quick), (last, slow) = ran[0], ran[-1]
    return (
        f"*Above: seconds of training to the end, on a logarithmic scale, from {to_the_end(quick)} "
        f"s ({first}) to {to_the_end(slow)} s ({last}); beside each point, its recall@20. Blue: "
        "recbook. Hollow: scaled up, not run to the end (≈ in the table). Below: the time of "
        f"recbook's step grows with the number of edges to the power of {growth['exponent']:.2f}, "
        f"and that of six reads to the power of {growth['exponent_of_floor']:.2f}.*\n"
    )


def to_the_end(values: dict[str, Any]) -> str:
    """A row's seconds of training, marked where they were scaled up."""
    return f"≈{NBSP}" * values["scaled"] + number(values["fit"]["median"])


def result(name: str) -> dict[str, Any]:
    """A benchmark's result file."""
    return json.loads((FOLDER / f"{name}.json").read_text())


def run_on(found: dict[str, Any]) -> str:
    """A line on the machine."""
    machine = found["machine"]
    versions = ", ".join(f"{name} {number}" for name, number in machine["versions"].items())
    return (
        f"`{found['command']}`; rounds: {found['rounds']}; threads: "
        f"{machine['threads']} on {machine['cores']} cores of {machine['processor']}; "
        f"{versions}. The load "
        f"was {machine['load']} when it began.\n"
    )


def table(rows: dict[str, Any]) -> Iterator[str]:
    """All rows that ran, the fastest to the end first."""
    seconds = ("s per epoch", "epochs", "s to the end")
    yield from header("Model", *seconds, "recall@20", "memory, MiB", "users/s")
    for name, values in finished(rows):
        users = values.get("users_a_second", {}).get("median")
        several = values.get("recalls", [])
        spread = f" ± {stdev(several):.4f}" if len(several) > 1 else ""
        yield row(
            name,
            number(values["epoch"]["median"]),
            values["settings"].get("epochs", "–"),
            to_the_end(values),
            f"{values['recall']:.4f}{spread}",
            f"{values['memory']} ({values['memory_before']})",
            f"{float(f'{users:.2g}'):,.0f}" if users else "–",
        )
    yield ""


def finished(rows: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """The rows that ran, the fastest to the end first."""
    ran = [(name, values) for name, values in rows.items() if "fit" in values]
    return sorted(ran, key=lambda pair: pair[1]["fit"]["median"])


def same_settings(peers: dict[str, Any]) -> Iterator[str]:
    """What two implementations of LightGCN reach, where both trained to the end with all seeds."""
    names = ("PyG LightGCN, sparse tensor", "recbook LightGCN")
    pyg, ours = (peers["rows"][name] for name in names)
    if "recalls" in pyg and "recalls" in ours and pyg["settings"] == ours["settings"]:
        yield SAME.format(rounds=peers["rounds"], pyg=pyg["recall"], ours=ours["recall"])


def failures(rows: dict[str, Any]) -> Iterator[str]:
    """What did not run, and why."""
    for name, values in rows.items():
        if "failed" in values:
            yield f"{name} did not run: `{values['failed']}`.\n"


def later(rows: dict[str, Any]) -> Iterator[str]:
    """What was added to the table, run by run."""
    added = {name: values["later"] for name, values in rows.items() if "later" in values}
    for run in [one for n, one in enumerate(added.values()) if one not in [*added.values()][:n]]:
        names = " and ".join(name for name, one in added.items() if one == run)
        yield LATER.format(names=names, **run)


def spark(peers: dict[str, Any]) -> Iterator[str]:
    """What Spark costs beside recbook's iALS, where both ran."""
    rows = peers["rows"]
    for one in peers["ratios"]:
        if one["slow"] == "Spark ALS":
            chosen = json.loads((FOLDER / "chosen.json").read_text())
            tried = " and ".join(str(chosen[one[end]]["tried"]) for end in ("slow", "fast"))
            names = {
                "spark": one["slow"],
                "ials": one["fast"],
                "light": "recbook LightGCN, softmax",
            }
            found = {key: rows[name] for key, name in names.items()}
            yield SPARK.format(times=one["ratio"], tried=tried, **found)


def goals(peers: dict[str, Any]) -> Iterator[str]:
    """The ratios beside what they should be."""
    yield from header("This", "over this", "of", "times", "goal")
    for one in peers["ratios"]:
        of = "an epoch" if one["what"] == "epoch" else "until recall@20 is 0.3535"
        goal = f"≥{NBSP}{one['goal']}" if one["goal"] else "–"
        yield row(one["slow"], one["fast"], of, f"{one['ratio']:,}", goal)
    yield ""


def missed(peers: dict[str, Any], growth: dict[str, Any]) -> str:
    """The goals that were not reached, that of the next section too."""
    found = [
        f"{one['slow']} over {one['fast']} ({one['ratio']:,}; goal: ≥{NBSP}{one['goal']})"
        for one in peers["ratios"]
        if one["goal"] and one["ratio"] < one["goal"]
    ]
    if growth["exponent"] > GROWTH_GOAL:
        power = f"{growth['exponent']:.2f}; goal: ≤{NBSP}{GROWTH_GOAL}"
        found.append(f"the growth of a step, in the next section ({power})")
    return f"Missed: {'; '.join(found)}." if found else "None is missed."


def sizes(growth: dict[str, Any]) -> Iterator[str]:
    """Time and memory of each size."""
    yield from header("Edges", "nodes", "s per step", "six reads, s", "s to set up", "memory, MiB")
    for one in growth["sizes"]:
        seconds = (number(one[key]) for key in ("step", "floor", "set_up"))
        edges, nodes, memory = (f"{one[key]:,.0f}" for key in ("edges", "nodes", "memory"))
        yield row(edges, nodes, *seconds, memory)
    yield ""


def beside_reads(reads: dict[str, Any]) -> Iterator[str]:
    """A product's time beside that of one read, and a step's beside six."""
    heads = ("one read, ms", "product, ms", "over one read", "step, ms", "over six reads")
    yield from header("Graph", "edges", "GB/s", *heads)
    for name, one in reads["graphs"].items():
        keys = ("floor_gb_a_second", "floor_ms", "product_ms", "product_over_floor")
        values = (number(one[key]) for key in (*keys, "step_ms", "step_over_floor"))
        yield row(name, f"{one['edges']:,}", *values)
    yield ""


def processes(shards: dict[str, Any]) -> Iterator[str]:
    """Edges, memory, time and bytes with each number of processes."""
    heads = ("received, MiB per step", "measured", "cut by rows")
    yield from header("Processes", "edges per process", "memory, MiB", "s per step", *heads)
    for number_of, one in shards["processes"].items():
        edges, memory = max(one["edges a process"]), max(one["peak MiB a process"])
        sent = (one[key] for key in ("MiB received a step, counted", "measured", "cut by rows"))
        seconds, came = number(one["seconds a step"]), ("–" if x is None else x for x in sent)
        yield row(number_of, f"{edges:,}", memory, seconds, *came)
    yield ""


def phases(log: dict[str, Any]) -> Iterator[str]:
    """A process's memory beside the arithmetic, after each phase."""
    yield from header("After", "memory, MiB", "arithmetic, MiB", "s since the start")
    for what, one in log["phases"].items():
        seconds = number(one["seconds since the start"])
        memory = (max(one["peak MiB a process"]), one["arithmetic, MiB"])
        yield row(what, *(f"{mib:,}" for mib in memory), seconds)


def under_load(serving: dict[str, Any]) -> Iterator[str]:
    """What was asked, how, and how long the answers took."""
    yield SERVING.format(
        workers=serving["workers"],
        rate=serving["rate"],
        turns=serving["kills and swaps"],
        cpu=serving["cpu milliseconds a question"],
        outage=serving["milliseconds without a worker"],
    )
    times, counts = ("median", "p99", "slowest"), ("asked again", "errors", "wrong")
    yield from header("Run", "questions", *(f"{name}, ms" for name in times), *counts)
    for name, one in serving["runs"].items():
        shown = (number(one["milliseconds"][key]) for key in times)
        yield row(name, f"{one['questions']:,}", *shown, *(f"{one[key]:,}" for key in counts))


def number(value: float) -> str:
    """Three digits, and no more decimals than they need."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def draw(path: Path) -> None:
    """Each model's time to the end with its recall, and the growth of a step."""
    set_style()
    margins = ConstrainedLayoutEngine(w_pad=0.12)  # on a phone a picture is as wide as the screen
    fig = plt.figure(figsize=(6.4, 9.6), layout=margins)
    upper, lower = (half.subplots() for half in fig.subfigures(2, height_ratios=(1.8, 1)))
    ran = finished(result("peers")["rows"])[::-1]
    blue, grey = COLORS["LightGCN"], COLORS["Popularity"]
    ground = {"facecolor": "white", "edgecolor": "none"}  # no line of the grid behind letters
    for place, (name, values) in enumerate(ran):
        seconds, color = values["fit"]["median"], blue if name.startswith("recbook") else grey
        face = "none" if values["scaled"] else color
        upper.scatter(seconds, place, facecolor=face, edgecolor=color, zorder=3)
        text = f"{'recall@20: ' * (values is ran[-1][1])}{values['recall']:.3f}"
        away = {"xytext": (8, 0), "textcoords": "offset points", "va": "center"}
        upper.annotate(text, (seconds, place), **away, bbox=ground | {"pad": 0.5})
    for face, edge, label in (
        (blue, blue, "recbook"),
        (grey, grey, "others"),
        ("none", grey, "scaled up"),
    ):
        upper.scatter([], [], facecolor=face, edgecolor=edge, label=label)
    upper.legend(loc="lower left", handletextpad=0.1, frameon=True, framealpha=1, **ground)
    upper.grid(axis="y", visible=False)
    names = [name.replace(", to the original's recall", " to 0.3535") for name, _ in ran]
    upper.set_yticks(range(len(ran)), names)
    upper.set(xscale="log", xlabel="seconds to the end")
    upper.margins(x=0.2)
    growth = result("growth")
    edges = [one["edges"] for one in growth["sizes"]]
    for key, name, power, style in (
        ("step", "a step", "exponent", {"marker": "o", "color": blue}),
        ("floor", "six reads", "exponent_of_floor", {"marker": "s", "color": "black", "ls": "--"}),
    ):
        label = f"{name}: edges to the power of {growth[power]:.2f}"
        lower.loglog(edges, [one[key] for one in growth["sizes"]], label=label, **style)
    lower.legend(loc="upper left")
    lower.set(xlabel="edges", ylabel="seconds", ylim=(1e-3, 10))
    lower.set_xticks([10**5, 10**6, 10**7], ["100,000", "1 million", "10 million"])
    fig.savefig(path)
    plt.close(fig)


if __name__ == "__main__":
    PAGE.write_text(page())
    draw(PAGE.with_suffix(".png"))
