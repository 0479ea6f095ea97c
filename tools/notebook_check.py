"""A pytest plugin: run every notebook again and compare with the outputs it is committed with.

    python -m pytest -p tools.notebook_check --nbval book/

nbval finds the notebooks. This module refuses what must not be committed (`notebook_problems`),
starts each one's kernel in an empty folder, runs each cell and compares what it gives
(`output_differences`). With `--bare FOLDER` the kernel finds what it would find in Colab
(`tools/bare.py`), the first output must show within `FIRST_SECONDS`, and what Colab ships must not
have moved at the end. No cell may opt out; tags in its metadata may ask for more room:

    tolerance=0.01         decimal numbers may differ by 0.01
    tolerance=5%           ... by 5 % of the committed number
    tolerance_int=2        integers may differ by 2
    picture_tolerance=20   pictures may differ by 20, see `picture_differences`
    timing                 decimal numbers are seconds: anything within a factor of 1,000

The first four need a `"tolerance_reason"` in the metadata, beside `"tags"`.

The committed pictures are drawn with the matplotlib of constraints.txt. Another release lays text
out otherwise, which moves everything by some pixels. There a picture is compared more coarsely: a
pixel may have its like up to `OTHER_REACH` pixels away instead of `REACH`. A picture, curve, bar or
colour that is missing or far off still fails; a small shift does not, and the summary says so.

An endless cell fails after `CELL_SECONDS` (tools/execute.py) or `--nbval-cell-timeout`.
"""

import base64
import io
import json
import os
import re
import tempfile
import time
from collections import defaultdict
from collections.abc import Generator, Iterator
from decimal import Decimal
from importlib.metadata import version
from itertools import zip_longest
from pathlib import Path
from typing import Any, NamedTuple

import nbformat
import numpy as np
import pytest
from nbformat import NotebookNode
from nbval.kernel import RunningKernel
from nbval.plugin import CURRENT_ENV_KERNEL_NAME, IPyNbCell, IPyNbFile
from PIL import Image
from scipy.ndimage import maximum_filter, minimum_filter

from tools.bare import ROOT, add_kernel, probe, read_pins, shipped
from tools.execute import CELL_SECONDS

FIRST_SECONDS = 60
REACH, OTHER_REACH = 2, 8
OPT_OUT = re.compile(r"\b(NBVAL|PYTEST_VALIDATE)_\w+")
AMOUNT = r"\d*\.?\d+(?:e-?\d+)?"
TOLERANCE = re.compile(
    rf"tolerance=(?P<absolute>{AMOUNT})|tolerance=(?P<percent>{AMOUNT})%"
    rf"|tolerance_int=(?P<integer>\d+)|picture_tolerance=(?P<picture>{AMOUNT})"
)
NOT_FOR_READERS = {
    "a warning": re.compile("Warning"),
    "a path of this machine": re.compile(r"(?<!\w)/(home|root|tmp|work|Users)/|C:\\+Users"),
    "a memory address": re.compile(r"\b0x[\da-f]{6,}", re.IGNORECASE),
}

# Text is compared token by token. A decimal number has digits behind its point, or an exponent;
# versions (2.13.0, v2.13) and names (layer.0) are none, and must match exactly.
INTEGER = r"(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)"
EXPONENT = r"(?:[eE][+-]?\d{1,3}\b)"
SIGN = r"(?:(?<![\w.)\]])[+-])?"
DECIMAL = rf"{SIGN}(?:{INTEGER}?\.\d+{EXPONENT}?|{INTEGER}{EXPONENT})"
NAME = r"[^\W\d]\w*(?:\.\d+)*|\d+(?:\.\d+){2,}"
TOKEN = re.compile(
    rf"{NAME}|(?P<rule>-{{2,}})|(?P<decimal>{DECIMAL})|(?P<integer>{SIGN}{INTEGER})|\S"
)


class Rules(NamedTuple):
    """How far a cell's fresh outputs may be from the committed ones."""

    absolute: Decimal = Decimal(0)
    percent: Decimal = Decimal(0)
    integer: Decimal = Decimal(0)
    picture: Decimal = Decimal(10)
    reach: int = REACH
    timing: bool = False


def read_rules(cell: NotebookNode) -> Rules:
    """Read a cell's tags; a ValueError says what is wrong with them."""
    tags = cell.metadata.get("tags", [])
    fields: dict[str, Any] = {"timing": "timing" in tags}
    for tag in [tag for tag in tags if tag.startswith(("tolerance", "picture_tolerance"))]:
        match = TOLERANCE.fullmatch(tag)
        if match is None:
            raise ValueError(f"tag {tag}: not one of those in tools/notebook_check.py")
        if not str(cell.metadata.get("tolerance_reason", "")).strip():
            raise ValueError(f"tag {tag}: the metadata must say why, as tolerance_reason")
        field = str(match.lastgroup)
        fields[field] = Decimal(match[field])
    return Rules(**fields)


def compare_decimals(committed: str, fresh: str, rules: Rules) -> str:
    """Return "" where two decimal numbers agree, else what would have been allowed."""
    old, new = (Decimal(text.replace(",", "")) for text in (committed, fresh))
    # One unit of the last printed digit, of the finer number: else 0.4 could stand for 0.3535.
    # Without a point (1e-4) no change is allowed: such a number is more often set than measured.
    unit = min(
        Decimal(1).scaleb(int(number.as_tuple().exponent)) if "." in text else Decimal(0)
        for text, number in ((committed, old), (fresh, new))
    )
    if rules.timing:
        small, large = sorted(max(abs(number), unit) for number in (old, new))
        same_sign = (old < 0) == (new < 0)
        return "" if same_sign and large <= 1000 * small else "within a factor of 1000"
    room = max(unit, rules.absolute, rules.percent / 100 * abs(old))
    return "" if abs(old - new) <= room else f"within {room}"


def compare_integers(committed: str, fresh: str, rules: Rules) -> str:
    """Return "" where two integers agree, else what would have been allowed."""
    old, new = (int(text.replace(",", "")) for text in (committed, fresh))
    if rules.integer and abs(old - new) <= rules.integer:
        return ""
    return f"within {rules.integer}" if rules.integer else "no change"


def text_differences(committed: str, fresh: str, rules: Rules) -> list[str]:
    """Compare two texts token by token.

    White space and the length of a line of dashes may differ: columns grow with their numbers.
    """
    old, new = (list(TOKEN.finditer(text)) for text in (committed, fresh))
    found = []
    for a, b in zip_longest(old, new):
        if a and b and (a[0] == b[0] or (a["rule"] and b["rule"])):
            continue
        allowed = "no change"
        if a and b and a["decimal"] and b["decimal"]:
            allowed = compare_decimals(a[0], b[0], rules)
        elif a and b and a["integer"] and b["integer"]:
            allowed = compare_integers(a[0], b[0], rules)
        if allowed:
            found.append(f"committed {around(a)}   fresh {around(b)}   (allowed: {allowed})")
            if len(old) != len(new):
                break  # one token more or less shifts all that follow
    return found


def around(token: re.Match[str] | None) -> str:
    """Quote a token with a little of the text around it."""
    if token is None:
        return "nothing more"
    before, after = token.string[: token.start()][-25:], token.string[token.end() :][:10]
    return "'" + " ".join(f"{before}»{token[0]}«{after}".split()) + "'"


def pinned_matplotlib() -> str:
    """Return the version that the committed pictures are drawn with."""
    return read_pins(ROOT / "constraints.txt")["matplotlib"]


def drawing_matplotlib(config: pytest.Config) -> str:
    """Return the version that the fresh pictures are drawn with."""
    bare = config.option.bare
    return version("matplotlib") if bare is None else shipped(bare)["matplotlib"]


def picture_reach(here: str, pinned: str) -> int:
    """Return how far away a pixel's like may be, for the matplotlib here and the pinned one."""
    return REACH if here.split(".")[:2] == pinned.split(".")[:2] else OTHER_REACH


def picture_differences(committed: str, fresh: str, rules: Rules) -> list[str]:
    """Compare two pictures (base64) where they differ most.

    A pixel that has its like within `rules.reach` pixels of the same place in the other picture
    counts as equal, so fonts, smooth edges and small shifts do not matter; else it counts the step
    in colour (0 to 255) that is missing. The measure is the largest root mean square of these steps
    over any tile of 32 x 32 pixels: over the whole picture, a curve drowns in the white around it.
    """
    # Measured on the chart of tests/test_notebook_check.py, where the default of 10 must decide:
    # drawn again 0, moved by one pixel 1, other font hinting 5 to 9; another colour 13, a curve
    # higher by 1.25 % of the axis 33, a bar by 1.7 % 39, another word 46, moved by 3 pixels 79.
    # The book's pictures under matplotlib 3.10: up to 87 with a reach of 2, up to 4 with 8.
    a, b = (Image.open(io.BytesIO(base64.b64decode(p))).convert("RGB") for p in (committed, fresh))
    room = rules.reach + 1
    if abs(a.width - b.width) > room or abs(a.height - b.height) > room:
        return [f"committed {a.size} pixels   fresh {b.size} pixels   (allowed: within {room})"]
    width, height = min(a.width, b.width), min(a.height, b.height)
    a, b = (np.asarray(picture, dtype=int)[:height, :width] for picture in (a, b))
    steps = np.maximum(missing_steps(a, b, rules.reach), missing_steps(b, a, rules.reach))
    rows = np.add.reduceat((steps**2).mean(axis=2), range(0, height, 32), axis=0)
    tiles = np.sqrt(np.add.reduceat(rows, range(0, width, 32), axis=1) / 32**2)
    if tiles.max() <= rules.picture:
        return []
    y, x = (32 * int(tile) + 16 for tile in np.argwhere(tiles == tiles.max())[0])
    return [f"the pictures differ by {tiles.max():.1f} near {x=}, {y=} (allowed: {rules.picture})"]


def missing_steps(a: np.ndarray, b: np.ndarray, reach: int) -> np.ndarray:
    """For each pixel of `b`, how far its colour is from the range around that place in `a`."""
    around = (2 * reach + 1, 2 * reach + 1, 1)
    low, high = minimum_filter(a, around), maximum_filter(a, around)
    return np.maximum(low - b, b - high).clip(0)


def pieces(outputs: list[NotebookNode]) -> list[tuple[str, str]]:
    """Flatten a cell's outputs to pairs of kind and content, in order."""
    found: list[tuple[str, str]] = []
    for output in outputs:
        if output.output_type == "stream":
            # A kernel may send one print in several messages.
            before = found.pop()[1] if found and found[-1][0] == output.name else ""
            found.append((output.name, before + output.text))
        elif output.output_type == "error":
            text = "\n".join([f"{output.ename}: {output.evalue}", *output.traceback])
            found.append(("error", re.sub(r"\x1b\[[\d;]*m", "", text)))  # without its colours
        else:
            found.append((output.output_type, ""))
            for mime, content in sorted(output.data.items()):
                text = content if isinstance(content, str) else json.dumps(content, sort_keys=True)
                # A styled pandas table has ids in its html, and an address, that change each time.
                text = re.sub(r"\bT_[\da-f]{5}(?![\da-f])", "T_id", text)
                text = re.sub(r"(<pandas\.\S+\.Styler) at 0x[\da-f]+", r"\1", text)
                found.append((mime, text))
    return found


def output_differences(
    committed: list[NotebookNode], fresh: list[NotebookNode], rules: Rules
) -> list[str]:
    """Compare all outputs of a cell; an empty list means that they agree."""
    old, new = pieces(committed), pieces(fresh)
    if stderr := [content for kind, content in new if kind == "stderr"]:
        return [f"the cell writes to stderr: {stderr[0][:500]}"]
    old_kinds, new_kinds = ([kind for kind, _ in each] for each in (old, new))
    if old_kinds != new_kinds:
        return [f"committed {old_kinds}   fresh {new_kinds}   (allowed: no change)"]
    found = []
    for (kind, a), (_, b) in zip(old, new, strict=True):
        compare = picture_differences if kind == "image/png" else text_differences
        found += [f"{kind}: {difference}" for difference in compare(a, b, rules)]
    return found


def notebook_problems(notebook: NotebookNode) -> list[str]:
    """List what must not be committed. Cells are numbered as nbval does: code cells, from 0."""
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    found = [f"Cell {n}: {text}" for n, cell in enumerate(cells) for text in cell_problems(cell)]
    counts = [(n, cell.execution_count) for n, cell in enumerate(cells) if cell.source.strip()]
    wrong = [(n, count, i) for i, (n, count) in enumerate(counts, start=1) if count != i]
    for n, count, expected in wrong[:1]:  # those that follow are off as well
        found.append(f"Cell {n}: execution count {count} where {expected} was expected")
    if not any(cell.outputs for cell in cells):
        found.append("no cell has an output")
    return found


def cell_problems(cell: NotebookNode) -> Iterator[str]:
    """Yield what is wrong with one code cell as committed."""
    tags = cell.metadata.get("tags", [])
    if (lines := len(cell.source.splitlines())) > 30:
        yield f"{lines} lines of code, at most 30"
    if marker := OPT_OUT.search("\n".join([cell.source, *tags]).upper().replace("-", "_")):
        yield f"{marker[0]}: no cell may opt out of the check"
    try:
        read_rules(cell)
    except ValueError as error:
        yield str(error)
    for kind, content in pieces(cell.outputs):
        if kind in ("stderr", "application/vnd.jupyter.widget-view+json"):
            yield f"an output of the kind {kind}: {content[:200]}"
        elif kind == "error" and "raises-exception" not in tags:
            yield f"an error, without the tag raises-exception: {content.splitlines()[0]}"
        elif kind == "image/png":
            if (size := len(base64.b64decode(content))) > 150_000:
                yield f"a picture of {size:,} bytes, at most 150,000"
        else:
            if kind != "error" and "Traceback (most recent call last)" in content:
                yield "a traceback in an output"
            for what, pattern in NOT_FOR_READERS.items():
                if match := pattern.search(content):
                    yield f"{what} in an output: {around(match)}"


class NotebookFile(IPyNbFile):
    """A notebook: refused at collection where it must not be committed, else run cell by cell."""

    def collect(self) -> Iterator["NotebookCell"]:
        """Check the notebook as committed, then yield its code cells."""
        if found := notebook_problems(nbformat.read(self.path, as_version=4)):
            raise self.CollectError("\n  ".join([str(self.path), *found, self.how_to_mend()]))
        for cell in super().collect():
            yield NotebookCell.from_parent(
                self, name=cell.name, cell_num=cell.cell_num, cell=cell.cell, options=cell.options
            )
        if (bare := self.config.option.bare) is not None:
            last = {"cell": nbformat.v4.new_code_cell(probe(bare)), "options": defaultdict(bool)}
            yield NotebookCell.from_parent(self, name="What Colab ships", cell_num=-1, **last)

    def setup(self) -> None:
        """Start the kernel in an empty folder, with tqdm's progress bars off."""
        os.environ["TQDM_DISABLE"] = "1"
        self.folder = tempfile.TemporaryDirectory(prefix="chapter-")
        (work := Path(self.folder.name, "work")).mkdir()
        kernel, bare = CURRENT_ENV_KERNEL_NAME, self.config.option.bare
        self.began = None if bare is None else time.monotonic()  # until an output has shown
        with pytest.MonkeyPatch.context() as patch:
            if bare is not None:
                kernel = add_kernel(bare, Path(self.folder.name))
                patch.setenv("JUPYTER_PATH", self.folder.name)
            self.kernel = RunningKernel(kernel, cwd=str(work))

    def teardown(self) -> None:
        """Stop the kernel, and remove what was made for it."""
        super().teardown()
        self.folder.cleanup()

    def how_to_mend(self) -> str:
        """Say which command executes this chapter again."""
        return f"To mend {self.path.name}: make execute CHAPTER={self.path.name[:2]}"


class NotebookCell(IPyNbCell):
    """A code cell: run, then compared with its committed outputs."""

    def setup(self) -> None:
        """Do nothing: nbval would expect the cells after a timeout to fail, and pass them."""

    def runtest(self) -> None:
        """Run the cell; fail with what differs."""
        if self.parent.timed_out:
            self.fail("not run: an earlier cell ran out of time")
        fresh: list[NotebookNode] = []
        limit = self.config.option.nbval_cell_timeout
        deadline = time.monotonic() + limit

        def keep(message: dict[str, Any]) -> None:
            if time.monotonic() > deadline:
                raise TimeoutError  # the client's own timeout needs a pause, and a flood has none
            if message["msg_type"] in ("stream", "display_data", "execute_result", "error"):
                fresh.append(nbformat.v4.output_from_msg(message))

        options = {"allow_stdin": False, "stop_on_error": False, "timeout": limit}
        client = self.parent.kernel.kc
        try:
            client.execute_interactive(self.cell.source, output_hook=keep, **options)
        except TimeoutError:
            self.parent.timed_out = True
            self.fail(f"no end after {limit:g} seconds: too slow, endless, or its kernel died")
        errors = [content for kind, content in pieces(fresh) if kind == "error"]
        if errors and not self.options["check_exception"]:
            self.fail(f"the cell raises an error:\n{errors[0]}")
        if fresh and self.parent.began is not None:
            seconds, self.parent.began = time.monotonic() - self.parent.began, None
            if seconds > FIRST_SECONDS:
                self.fail(f"the first output shows after {seconds:.0f} s, at most {FIRST_SECONDS}")
        reach = picture_reach(drawing_matplotlib(self.config), pinned_matplotlib())
        rules = read_rules(self.cell)._replace(reach=reach)
        if found := output_differences(self.cell.outputs, fresh, rules):
            more = [f"and {len(found) - 10} more"] if len(found) > 10 else []
            self.fail("\n  ".join(["outputs differ", *found[:10], *more]))

    def fail(self, message: str) -> None:
        """Fail this cell, with the command that mends the notebook."""
        self.raise_cell_error(f"{message}\n{self.parent.how_to_mend()}")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add our own option to nbval's."""
    what = "run each notebook where Colab would, made by `python -m tools.bare FOLDER`"
    parser.addoption("--bare", type=Path, metavar="FOLDER", help=what)


def pytest_load_initial_conftests(args: list[str]) -> None:
    """Give nbval our default for the longest a cell may take; a later argument wins."""
    args.insert(0, f"--nbval-cell-timeout={CELL_SECONDS}")


@pytest.hookimpl(wrapper=True)
def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> Generator[None, Any, Any]:
    """Put our notebook file in the place of nbval's."""
    found = yield
    if any(isinstance(file, IPyNbFile) for file in found):
        return [NotebookFile.from_parent(parent, path=file_path)]
    return found


def pytest_terminal_summary(terminalreporter: "pytest.TerminalReporter") -> None:
    """Say so where pictures were compared coarsely."""
    here, pinned = drawing_matplotlib(terminalreporter.config), pinned_matplotlib()
    if (reach := picture_reach(here, pinned)) != REACH:
        terminalreporter.write_line(
            f"Pictures were compared coarsely, to within {reach} pixels: the committed ones are "
            f"drawn with matplotlib {pinned}, and matplotlib {here} lays text out otherwise."
        )
