"""Plant small faults in the package, one at a time, and see whether a unit test notices each.

    python -m tools.mutants [MODULE ...]     # such as graph models.lightgcn; without, all

mutmut plants them, in a copy of the checkout below _build/mutants; what is planted and which tests
are run stands in pyproject.toml. A fault that no test notices survives. `tests/survivors.yml` has
those that are known, each with a reason. Fails where fewer than 90 % of a module's faults are
noticed, and names the survivors that have no reason there.

What is not planted: changes in what a message says (lines that raise or warn, hints, any text with
a blank), in annotations and decorators, and in properties and other functions with a decorator,
which mutmut leaves alone; `torch.no_grad` alone is none to it (`NoGradInside`).
"""

import os
import sys
import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

import libcst as cst
import yaml
from mutmut.mutation import mutators
from mutmut.mutation.data import SourceFileMutationData
from mutmut.mutation.diff_apply import get_diff_for_mutant
from mutmut.stats import status_by_exit_code
from tqdm import tqdm

ROOT = Path(__file__).resolve().parents[1]
WORK = ROOT / "_build" / "mutants"
SURVIVORS = ROOT / "tests" / "survivors.yml"
SHARE = 0.9


class NoGradInside(cst.CSTTransformer):
    """Write `with torch.no_grad():` into a function in place of the decorator."""

    def leave_FunctionDef(  # noqa: N802
        self, original_node: cst.FunctionDef, updated_node: cst.FunctionDef
    ) -> cst.FunctionDef:
        """Change one function."""
        code = [cst.Module([]).code_for_node(each.decorator) for each in updated_node.decorators]
        if code != ["torch.no_grad()"]:
            return updated_node
        head = 1 if updated_node.get_docstring() is not None else 0
        lines = updated_node.body.body
        item = cst.WithItem(cst.parse_expression(code[0]))
        inside = cst.With([item], cst.IndentedBlock(lines[head:]))
        body = updated_node.body.with_changes(body=[*lines[:head], inside])
        return updated_node.with_changes(decorators=[], body=body)


def copy_checkout() -> None:
    """Copy what the tests need; files that are as they were keep their time, and their results."""
    for name in ["recbook", "tests", "experiments", "tools", "pyproject.toml", "README.md"]:
        for source in [ROOT / name, *(ROOT / name).rglob("*")]:
            target = WORK / source.relative_to(ROOT)
            if not source.is_file() or "__pycache__" in source.parts:
                continue
            content = source.read_bytes()
            if b"@torch.no_grad()" in content and name == "recbook":
                content = cst.parse_module(content).visit(NoGradInside()).bytes
            if not target.exists() or target.read_bytes() != content:
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content)
    shared = WORK / "shared"  # where tests look for the papers' data, seen from mutmut's copy
    if not shared.exists() and (ROOT.parent / "shared").exists():
        shared.symlink_to(ROOT.parent / "shared")
    for target in [*WORK.glob("recbook/**/*.py"), *WORK.glob("tests/*.py")]:
        if not (ROOT / target.relative_to(WORK)).exists():
            target.unlink()
            (WORK / "mutants" / target.relative_to(WORK)).unlink(missing_ok=True)


def is_prose(node: cst.CSTNode) -> bool:
    """Whether this is a text for people, or an argument that is one."""
    if isinstance(node, cst.Arg):
        return (node.keyword is not None and node.keyword.value == "hint") or is_prose(node.value)
    if isinstance(node, cst.ConcatenatedString | cst.FormattedString):
        return True
    return isinstance(node, cst.SimpleString) and " " in node.value


def other_text(node: cst.BaseString) -> Iterable[cst.BaseString]:
    """Mutmut's changes of a text, but for prose."""
    return [] if is_prose(node) else mutators.operator_string(node)


def argument_gone(node: cst.Call) -> Iterator[cst.Call]:
    """Mutmut's calls with an argument less, or None in its place, but for prose."""
    for changed in mutators.operator_arg_removal(node):
        kept = {id(arg) for arg in changed.args}
        if not all(is_prose(arg) for arg in node.args if id(arg) not in kept):
            yield changed


def leave_prose() -> None:
    """Let mutmut use these two in place of its own."""
    ours = {mutators.operator_string: other_text, mutators.operator_arg_removal: argument_gone}
    table: list = mutators.mutation_operators  # type: ignore[assignment]
    table[:] = [(kind, ours.get(operator, operator)) for kind, operator in table]


def results() -> dict[str, dict[str, str]]:
    """For each module the mutants that mutmut knows, with what became of each."""
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
    unexplained: dict[str, list[str]] = {}
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
        if new := [text for text in map(change, alive) if text not in known[module]]:
            unexplained[module] = new
    print(f"{'all':28} {total:5} planted, {noticed / max(total, 1):6.1%} noticed")
    if unexplained:
        print("these survivors have no reason in tests/survivors.yml:")
        entry = [{"reason": "", "survivors": unexplained}]
        print(yaml.safe_dump(entry, width=10**6, sort_keys=False, allow_unicode=True))
    return not bad and not unexplained


if __name__ == "__main__":
    copy_checkout()
    os.chdir(WORK)
    leave_prose()
    # The bars' own lock is shared by all processes: one that is stopped may leave it locked.
    tqdm.set_lock(threading.RLock())
    from mutmut.__main__ import cli  # importing it decides how Python starts processes

    patterns = [f"recbook.{module}.*" for module in sys.argv[1:]]
    cli(["run", "--max-children", "2", *patterns], standalone_mode=False)
    sys.exit(0 if report(sys.argv[1:]) else 1)
