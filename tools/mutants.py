"""Plant small faults in the package, one at a time, and see whether a unit test notices each.

    python -m tools.mutants [MODULE ...]     # such as graph models.lightgcn; without, all

mutmut plants them, in a copy of the checkout below _build/mutants; what is planted and which tests
are run stands in pyproject.toml. A fault that no test notices survives. `tests/survivors.yml` has
those that are known, each with a reason. Fails where fewer than 90 % of a module's faults are
noticed, and names the survivors that have no reason there.

What is not planted: changes in the words of an error, in annotations and decorators, and in
functions with a decorator (`torch.no_grad`, properties), which mutmut leaves alone.
"""

import os
import shutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
WORK = ROOT / "_build" / "mutants"
SURVIVORS = ROOT / "tests" / "survivors.yml"
SHARE = 0.9


def copy_checkout() -> None:
    """Copy what the tests need; files that are as they were keep their time, and their results."""
    for name in ["recbook", "tests", "experiments", "tools", "pyproject.toml", "README.md"]:
        for source in [ROOT / name, *(ROOT / name).rglob("*")]:
            target = WORK / source.relative_to(ROOT)
            if not source.is_file() or "__pycache__" in source.parts:
                continue
            if not target.exists() or target.read_bytes() != source.read_bytes():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, target)
    for target in [*WORK.glob("recbook/**/*.py"), *WORK.glob("tests/*.py")]:
        if not (ROOT / target.relative_to(WORK)).exists():
            target.unlink()
            (WORK / "mutants" / target.relative_to(WORK)).unlink(missing_ok=True)


def results() -> dict[str, dict[str, str]]:
    """For each module the mutants that mutmut knows, with what became of each."""
    from mutmut.mutation.data import SourceFileMutationData
    from mutmut.stats import status_by_exit_code

    found: dict[str, dict[str, str]] = {}
    for meta in sorted(Path("mutants/recbook").rglob("*.meta")):
        path = meta.relative_to("mutants").with_suffix("")
        if path.exists():
            data = SourceFileMutationData(path=path)
            data.load()
            module = ".".join(path.with_suffix("").parts[1:])
            found[module] = {k: status_by_exit_code[v] for k, v in data.exit_code_by_key.items()}
    return found


def change(mutant: str) -> str:
    """Say what was planted: the function, the lines as they are, the lines as planted."""
    from mutmut.mutation.diff_apply import get_diff_for_mutant

    function = mutant.rpartition(".")[2].partition("__mutmut")[0].removeprefix("x_")
    function = function.removeprefix("xǁ").replace("ǁ", ".")
    lines = [
        line for line in get_diff_for_mutant(mutant).splitlines() if line[:3] not in ("---", "+++")
    ]
    old, new = (
        " ".join(" ".join(line[1:].split()) for line in lines if line.startswith(sign))
        for sign in "-+"
    )
    return f"{function}: {old} -> {new}"


def known_reasons() -> dict[str, dict[str, str]]:
    """For each module the reasons of its known survivors, by what was planted."""
    known: dict[str, dict[str, str]] = defaultdict(dict)
    for entry in yaml.safe_load(SURVIVORS.read_text()) or []:
        for module, changes in entry["survivors"].items():
            known[module] |= dict.fromkeys(changes, entry["reason"])
    return known


def report(modules: list[str]) -> bool:
    """Print how many were noticed in each module, and each survivor without a reason."""
    known, bad = known_reasons(), False
    total = noticed = 0
    unexplained = []
    for module, outcome in results().items():
        if modules and module not in modules:
            continue
        alive = [name for name, what in outcome.items() if what in ("survived", "no tests")]
        open_ = [name for name, what in outcome.items() if what == "not checked"]
        count = len(outcome) - len(open_)
        if not count:
            continue
        share = 1 - len(alive) / count
        total, noticed = total + count, noticed + count - len(alive)
        bad |= share < SHARE or bool(open_)
        more = f", {len(open_)} not tried" if open_ else ""
        print(f"{module:28} {count:5} planted, {share:6.1%} noticed{more}")
        unexplained += [
            f"{module}: {text}" for text in map(change, alive) if text not in known[module]
        ]
    print(f"{'all':28} {total:5} planted, {noticed / max(total, 1):6.1%} noticed")
    print(f"{len(unexplained)} survivors have no reason in tests/survivors.yml")
    print(*unexplained, sep="\n")
    return not bad and not unexplained


if __name__ == "__main__":
    copy_checkout()
    os.chdir(WORK)
    patterns = [f"recbook.{module}.*" for module in sys.argv[1:]]
    mutmut = Path(sys.executable).with_name("mutmut")
    subprocess.run([mutmut, "run", "--max-children", "2", *patterns], check=True)
    sys.exit(0 if report(sys.argv[1:]) else 1)
