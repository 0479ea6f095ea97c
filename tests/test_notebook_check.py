"""The notebook check must let good notebooks pass and turn red on every planted change."""

import base64
import copy
import functools
import io
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import matplotlib.pyplot as plt
import nbformat
import pytest
from nbclient import NotebookClient
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook, new_output
from PIL import Image, ImageOps

from tools.execute import CELL_SECONDS
from tools.notebook_check import (
    OTHER_REACH,
    REACH,
    Rules,
    notebook_problems,
    output_differences,
    picture_differences,
    picture_reach,
    pinned_matplotlib,
    pytest_load_initial_conftests,
    pytest_terminal_summary,
    read_rules,
    text_differences,
)

pytestmark = pytest.mark.no_cover

ROOT = Path(__file__).parents[1]


# Text


def differ(committed: str, fresh: str, *tags: str) -> bool:
    """Compare two texts under a cell's tags."""
    cell = new_code_cell(metadata={"tags": list(tags), "tolerance_reason": "a test"})
    return bool(text_differences(committed, fresh, read_rules(cell)))


@pytest.mark.parametrize(
    ("committed", "fresh"),
    [
        ("recall 0.3535", "recall 0.3535"),
        ("recall 0.3535", "recall 0.3536"),  # one unit in the last place
        ("recall 0.3999", "recall 0.4000"),
        ("loss -0.00", "loss 0.00"),
        ("[-0.01  0.02]", "[ 0.00  0.02]"),  # numpy pads where the sign goes
        ("a   0.9\nb  10.0", "a  0.9\nb 10.1"),
        ("0.3510 0.2400", "0.351 0.240"),  # pandas drops a column's last zeros
        ("12.5%", "12.6%"),
        ("1,999.99 s", "2,000.00 s"),
        ("9.9e-05", "1.0e-04"),
        ("nan inf", "nan inf"),
        ("user  recall\n------------\n", "user recall\n-----------\n"),
    ],
)
def test_text_that_agrees(committed: str, fresh: str) -> None:
    assert not differ(committed, fresh)
    assert not differ(fresh, committed)


@pytest.mark.parametrize(
    ("committed", "fresh"),
    [
        ("recall 0.3535", "recall 0.3537"),
        ("recall 0.3535", "precision 0.3535"),
        ("recall 0.3535", "recall 0.4"),  # fewer digits are no excuse
        ("recall 0.3535", "recall"),
        ("0.3 0.4", "0.3 0.4 0.5"),
        ("epoch 3.", "epoch 4."),
        ("82,520 rows", "82,521 rows"),
        ("recall@20", "recall@10"),
        ("3.0", "3"),
        ("loss 0.02", "loss -0.02"),
        ("lr 1e-4", "lr 2e-4"),
        ("3.5e-05", "3.5e-04"),
        ("12.5%", "12.5"),
        ("1,234.5", "1,334.5"),
        ("torch 2.13.0", "torch 2.14.0"),
        ("v2.13", "v2.14"),
        ("layer.0.weight", "layer.1.weight"),
        ("2 1", "21"),
        ("a --- b", "a b"),
        ("nan", "0.5"),
        ("inf", "-inf"),
    ],
)
def test_text_that_differs(committed: str, fresh: str) -> None:
    assert differ(committed, fresh)
    assert differ(fresh, committed)


def test_tolerance_widens_decimals_and_nothing_else() -> None:
    assert not differ("0.350", "0.360", "tolerance=0.01")
    assert differ("0.350", "0.361", "tolerance=0.01")
    assert not differ("200.0", "210.0", "tolerance=5%")
    assert differ("200.0", "210.1", "tolerance=5%")
    assert not differ("error 3e-08", "error 5e-08", "tolerance=1e-6")
    assert not differ("0.3", "0.4", "tolerance=0.001")  # it never narrows
    assert differ("epoch 3", "epoch 4", "tolerance=5")
    assert differ("recall 0.3", "hits 0.3", "tolerance=5")


def test_integers_have_a_tolerance_of_their_own() -> None:
    assert not differ("1,682 films", "1,680 films", "tolerance_int=2")
    assert differ("1,682 films", "1,679 films", "tolerance_int=2")
    assert differ("0.3 of 7", "0.5 of 7", "tolerance_int=2")
    assert differ("3", "3.0", "tolerance_int=2")
    assert differ("torch 2.13.0", "torch 2.14.0", "tolerance_int=2")


def test_timing_allows_a_factor_of_a_thousand() -> None:
    assert not differ("took 0.05 s", "took 50.00 s", "timing")
    assert not differ("took 50.0 s", "took 0.1 s", "timing")
    assert not differ("took 0.00 s", "took 0.01 s", "timing")
    assert differ("took 0.05 s", "took 50.01 s", "timing")
    assert differ("took 0.05 s", "took -0.05 s", "timing")
    assert differ("took 0.05 s", "took 0.05 ms", "timing")
    assert differ("3 epochs in 0.05 s", "4 epochs in 0.05 s", "timing")


def test_a_difference_shows_both_sides_and_what_was_allowed() -> None:
    (message,) = text_differences("LightGCN recall 0.3535 ok", "LightGCN recall 0.3555 ok", Rules())
    assert "committed 'LightGCN recall »0.3535« ok'" in message
    assert "fresh 'LightGCN recall »0.3555« ok'" in message
    assert "allowed: within 0.0001" in message


def test_one_token_more_is_one_difference() -> None:
    assert len(text_differences("a b c d e", "a x b c d e", Rules())) == 1
    assert len(text_differences("a b c d e", "a x c y e", Rules())) == 2


# Pictures


@pytest.fixture(autouse=True)
def usual_style() -> Iterator[None]:
    """Other tests set the book's style."""
    with plt.rc_context():
        plt.rcdefaults()
        yield


@functools.cache
def chart(
    raised: float = 0.0,
    *,
    bar: float = 0.3,
    label: str = "LightGCN",
    colour: str = "C1",
    dpi: int = 100,
) -> str:
    """Draw a curve beside a bar chart, as base64."""
    figure, (left, right) = plt.subplots(ncols=2, figsize=(7, 3.5))
    left.plot(range(10), [0.3 - 0.3 / (epoch + 1) for epoch in range(10)], color="C0")
    left.plot(range(10), [0.35 - 0.3 / (epoch + 1) + raised for epoch in range(10)], color=colour)
    left.set(ylim=(0, 0.4), xlabel="epoch", ylabel="recall@20")
    left.text(4, 0.15, label)
    right.bar(["Popularity", "EASE"], [0.17, bar])
    right.set(ylim=(0, 0.4))
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=dpi)
    plt.close(figure)
    return base64.b64encode(buffer.getvalue()).decode()


def edited(picture: str, change: Callable[[Image.Image], Image.Image]) -> str:
    """Change a picture's pixels."""
    old = Image.open(io.BytesIO(base64.b64decode(picture))).convert("RGB")
    buffer = io.BytesIO()
    change(old).save(buffer, "png")
    return base64.b64encode(buffer.getvalue()).decode()


def moved(picture: str, right: int, down: int, wider: int = 0) -> str:
    """Shift a picture on a white ground."""

    def move(old: Image.Image) -> Image.Image:
        new = Image.new("RGB", (old.width + wider, old.height), "white")
        new.paste(old, (right, down))
        return new

    return edited(picture, move)


def hinted() -> str:
    """Draw the chart as a machine with another font renderer does."""
    with plt.rc_context({"text.hinting": "none"}):
        return chart.__wrapped__()


def picture_differ(fresh: str, tag: str = "picture_tolerance=10") -> bool:
    """Compare with the chart as committed."""
    cell = new_code_cell(metadata={"tags": [tag], "tolerance_reason": "a test"})
    rules = read_rules(cell)
    found = picture_differences(chart(), fresh, rules)
    assert bool(found) == bool(picture_differences(fresh, chart(), rules))
    return bool(found)


def test_the_default_picture_tolerance() -> None:
    assert Rules().picture == 10


@pytest.mark.parametrize(
    "fresh",
    [
        lambda: chart.__wrapped__(),
        lambda: moved(chart(), 1, 1),
        lambda: moved(chart(), 2, 0, wider=2),
        lambda: chart(raised=0.0005),
        lambda: chart(bar=0.3005),
        lambda: moved(chart(), 0, 0, wider=3),
        lambda: hinted(),
    ],
    ids="redrawn one_pixel shifted curve_by_a_hair bar_by_a_hair three_wider hinting".split(),
)
def test_pictures_that_agree(fresh: Callable[[], str]) -> None:
    assert not picture_differ(fresh())


@pytest.mark.parametrize(
    "fresh",
    [
        lambda: chart(raised=0.01),
        lambda: chart(raised=1.0),
        lambda: chart(colour="C3"),
        lambda: chart(bar=0.31),
        lambda: chart(label="NGCF"),
        lambda: moved(chart(), 3, 0),
        lambda: moved(chart(), 0, 0, wider=4),
    ],
    ids=["curve moved", "curve gone", "colour", "bar", "label", "all moved", "too wide"],
)
def test_pictures_that_differ(fresh: Callable[[], str]) -> None:
    assert picture_differ(fresh())


def test_light_lines_on_a_dark_ground_count_as_well() -> None:
    dark, other = (edited(chart(label=label), ImageOps.invert) for label in ("LightGCN", "NGCF"))
    assert not picture_differences(dark, dark, Rules())
    assert picture_differences(dark, other, Rules())


def test_colours_equally_bright_are_not_the_same() -> None:
    red, green = chart(colour="#c80000"), chart(colour="#006600")
    assert picture_differences(red, green, Rules())


def test_picture_tolerance_widens() -> None:
    assert picture_differ(chart(raised=0.01))
    assert not picture_differ(chart(raised=0.01), "picture_tolerance=100")


def test_pictures_are_compared_sharply_under_the_pinned_matplotlib_alone() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", pinned_matplotlib())
    assert picture_reach("3.11.2", "3.11.2") == picture_reach("3.11.0", "3.11.2") == REACH
    assert picture_reach("3.10.0", "3.11.2") == picture_reach("4.11.2", "3.11.2") == OTHER_REACH


@functools.cache
def other_layout() -> str:
    """Draw the chart as another matplotlib might: text a little larger, so the axes smaller."""
    with plt.rc_context({"font.size": 10.5}):
        return chart.__wrapped__()


@pytest.mark.parametrize(
    "fresh",
    [
        other_layout,
        lambda: moved(chart(), 6, 4),
        lambda: moved(chart(), 0, 0, wider=9),
        lambda: chart(raised=0.01),  # what is given up there
    ],
    ids=["larger text", "moved", "wider", "curve a little higher"],
)
def test_another_matplotlib_may_lay_out_otherwise(fresh: Callable[[], str]) -> None:
    assert picture_differences(chart(), fresh(), Rules())
    assert not picture_differences(chart(), fresh(), Rules(reach=OTHER_REACH))


@pytest.mark.parametrize(
    "fresh",
    [
        lambda: chart(raised=0.02),
        lambda: chart(raised=1.0),
        lambda: chart(colour="C3"),
        lambda: chart(bar=0.32),
        lambda: chart(label=""),
        lambda: moved(chart(), 0, 0, wider=10),
        lambda: edited(chart(), lambda old: Image.new("RGB", old.size, "white")),
    ],
    ids=["curve moved", "curve gone", "colour", "bar", "label gone", "too wide", "blank"],
)
def test_another_matplotlib_must_show_the_same(fresh: Callable[[], str]) -> None:
    assert picture_differences(chart(), fresh(), Rules(reach=OTHER_REACH))
    assert picture_differences(fresh(), chart(), Rules(reach=OTHER_REACH))


def test_the_summary_says_where_pictures_were_compared_coarsely(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lines: list[str] = []
    config = SimpleNamespace(option=SimpleNamespace(bare=None))
    reporter = SimpleNamespace(write_line=lines.append, config=config)
    monkeypatch.setattr("tools.notebook_check.version", lambda _: pinned_matplotlib())
    pytest_terminal_summary(reporter)
    assert not lines
    monkeypatch.setattr("tools.notebook_check.version", lambda _: "3.10.0")
    pytest_terminal_summary(reporter)
    assert "within 8 pixels" in lines[0] and "matplotlib 3.10.0" in lines[0]


# Outputs


def stdout(text: str) -> NotebookNode:
    return new_output("stream", name="stdout", text=text)


def display(**data: str) -> NotebookNode:
    names = {"plain": "text/plain", "html": "text/html", "png": "image/png"}
    return new_output("display_data", {names[kind]: text for kind, text in data.items()})


def outputs_differ(committed: list[NotebookNode], fresh: list[NotebookNode]) -> bool:
    return bool(output_differences(committed, fresh, Rules()))


def test_number_kind_and_order_of_outputs_count() -> None:
    a, b = stdout("a"), display(plain="b")
    assert not outputs_differ([a, b], [a, b])
    assert not outputs_differ([stdout("recall "), stdout("0.35")], [stdout("recall 0.35")])
    assert outputs_differ([a, b], [b, a])
    assert outputs_differ([a, b], [a])
    assert outputs_differ([a], [a, b])
    assert outputs_differ([], [a])
    assert outputs_differ([stdout("a"), b, stdout("c")], [stdout("ac"), b])
    assert outputs_differ([b], [new_output("execute_result", {"text/plain": "b"})])
    assert outputs_differ([display(plain="b", html="b")], [display(html="b"), display(plain="b")])


def test_text_and_html_of_a_table_both_count() -> None:
    table = display(plain="recall 0.3535", html="<td>0.3535</td>")
    assert outputs_differ([table], [display(plain="recall 0.3535", html="<td>0.3555</td>")])
    assert outputs_differ([table], [display(plain="recall 0.3555", html="<td>0.3535</td>")])


def test_a_picture_must_be_on_both_sides() -> None:
    with_picture, without = display(plain="<Figure>", png=chart()), display(plain="<Figure>")
    assert not outputs_differ([with_picture], [display(plain="<Figure>", png=moved(chart(), 1, 1))])
    assert outputs_differ([with_picture], [without])
    assert outputs_differ([without], [with_picture])
    assert outputs_differ([with_picture], [display(plain="<Figure>", png=chart(raised=0.05))])
    assert output_differences([with_picture], [without], Rules(reach=OTHER_REACH))


def test_the_random_names_of_a_styled_table_do_not_count() -> None:
    def styled(uuid: str, number: str) -> NotebookNode:
        html = f"<style>#T_{uuid} th {{}}</style><td id='T_{uuid}_row0_col1'>{number}</td>"
        return display(plain=f"<pandas.io.formats.style.Styler at 0x7f{uuid}c0>", html=html)

    assert not outputs_differ([styled("0a1b2", "0.35")], [styled("fe987", "0.35")])
    assert outputs_differ([styled("0a1b2", "0.35")], [styled("fe987", "0.37")])
    assert not problems(cell("table", styled("0a1b2", "0.35")))


def test_stderr_fails_on_whichever_side() -> None:
    stderr = new_output("stream", name="stderr", text="loading")
    assert outputs_differ([], [stderr])
    assert outputs_differ([stderr], [stderr])
    assert "stderr" in problems(cell("x", stderr))


def test_the_numbers_of_an_error_count() -> None:
    def error(line: int, shade: str) -> NotebookNode:
        traceback = [f"\x1b[{shade}mValueError\x1b[0m line {line}"]
        return new_output("error", ename="ValueError", evalue="no", traceback=traceback)

    assert not outputs_differ([error(3, "31")], [error(3, "91")])
    assert outputs_differ([error(3, "31")], [error(4, "31")])


# The notebook as committed


def cell(
    source: str, *outputs: NotebookNode, count: int | None = 1, **metadata: object
) -> NotebookNode:
    return new_code_cell(source, execution_count=count, outputs=list(outputs), metadata=metadata)


def problems(*cells: NotebookNode) -> str:
    return "\n".join(notebook_problems(new_notebook(cells=list(cells))))


def test_a_good_notebook_has_no_problems() -> None:
    assert not problems(
        nbformat.v4.new_markdown_cell("# Title"),
        cell("1 + 1", stdout("recall 0.35"), tags=["hide-input"]),
        cell("  \n", count=None),  # an empty cell is never counted
        cell("draw()", display(png=chart()), count=2),
        cell("wrong()", new_output("error", ename="E", evalue="", traceback=[]), count=3,
             tags=["raises-exception"]),
        cell("x", stdout("0.35"), count=4, tags=["tolerance=1%"], tolerance_reason="two kernels"),
    )  # fmt: skip


def test_every_cell_is_executed_once_and_in_order() -> None:
    def counted(*counts: int | None) -> str:
        return problems(*(cell("x", stdout("a"), count=count) for count in counts))

    assert not counted(1, 2, 3)
    assert "Cell 1: execution count None where 2" in counted(1, None, 2)
    assert "Cell 1: execution count 3 where 2" in counted(1, 3, 2)
    assert "Cell 0: execution count 4 where 1" in counted(4, 5)
    assert "Cell 1: execution count 1 where 2" in counted(1, 1)


def test_a_notebook_without_outputs_is_refused() -> None:
    assert "no cell has an output" in problems(cell("x"))
    assert "no cell has an output" in problems(nbformat.v4.new_markdown_cell("text"))


@pytest.mark.parametrize(
    "text",
    [
        *[f"saved to '/{top}/anna'" for top in ("home", "root", "tmp", "work", "Users")],
        r"C:\Users\anna",
        r"'C:\\Users\\anna'",
        "file.py:3: UserWarning: slow",
        "<object at 0x7f3c5a1b2c90>",
        "<PIL.Image.Image at 0x7F3C5A1B2C90>",
    ],
)
def test_some_texts_are_not_for_readers(text: str) -> None:
    assert "Cell 0" in problems(cell("x", stdout(text)))
    assert "Cell 0" in problems(cell("x", display(plain="x", html=text)))


def test_an_address_of_the_web_is_no_path() -> None:
    assert not problems(cell("x", stdout("https://example.org/home/page")))


def test_a_printed_traceback_is_refused() -> None:
    text = "Traceback (most recent call last):\n  ..."
    assert "a traceback" in problems(cell("x", stdout(text)))


def test_a_size_is_not_an_address() -> None:
    assert not problems(cell("x", display(plain="<Figure size 640x480 with 1 Axes>")))


def test_a_committed_error_needs_a_tag() -> None:
    error = new_output("error", ename="ValueError", evalue="bad", traceback=[])
    assert "ValueError: bad" in problems(cell("x", error))
    assert not problems(cell("x", error, tags=["raises-exception"]))
    assert "a warning" in problems(
        cell("x", error, stdout("UserWarning"), tags=["raises-exception"])
    )


def test_widgets_are_refused() -> None:
    widget = new_output("display_data", {"application/vnd.jupyter.widget-view+json": {"id": 1}})
    assert "widget" in problems(cell("x", widget))


def test_large_pictures_are_refused() -> None:
    def picture(size: int) -> str:
        return problems(cell("x", display(png=base64.b64encode(bytes(size)).decode())))

    assert not picture(150_000)
    assert "150,001 bytes" in picture(150_001)


def test_long_cells_are_refused() -> None:
    assert not problems(cell("x\n" * 30, stdout("a")))
    assert "31 lines" in problems(cell("x\n" * 31, stdout("a")))


@pytest.mark.parametrize(
    "marker", ["NBVAL_SKIP", "NBVAL_IGNORE_OUTPUT", "PYTEST_VALIDATE_IGNORE_OUTPUT"]
)
def test_no_cell_opts_out(marker: str) -> None:
    assert marker in problems(cell(f"# {marker}\nx", stdout("a")))
    assert marker in problems(cell(f"x\n  ##{marker}", stdout("a")))
    tag = marker.lower().replace("_", "-")
    assert marker in problems(cell("x", stdout("a"), tags=[tag]))


@pytest.mark.parametrize(
    "tag", ["tolerance=0.01", "tolerance=5%", "tolerance_int=2", "picture_tolerance=20"]
)
def test_a_tolerance_says_why(tag: str) -> None:
    assert not problems(cell("x", stdout("a"), tags=[tag], tolerance_reason="threads"))
    assert "tolerance_reason" in problems(cell("x", stdout("a"), tags=[tag]))
    assert "tolerance_reason" in problems(cell("x", stdout("a"), tags=[tag], tolerance_reason=" "))


@pytest.mark.parametrize(
    "tag",
    ["tolerance=much", "tolerance=-1", "tolerance", "tolerance_int=0.5", "picture_tolerance=5%"],
)
def test_a_malformed_tolerance_is_refused(tag: str) -> None:
    assert tag in problems(cell("x", stdout("a"), tags=[tag], tolerance_reason="threads"))


# Whole runs, with kernels

CELLS = [
    ("import pandas as pd\nfrom tqdm import tqdm\nprint('recall@20', 0.3535, 'epochs', 50)",),
    ("pd.DataFrame({'recall': [0.3535]}, index=['LightGCN'])",),
    ("import matplotlib.pyplot as plt\nplt.plot([0, 1, 2], [0.1, 0.3, 0.35]);",),
    ("for _ in tqdm(range(3)):\n    print('step')",),
    ("int('x')", "raises-exception"),
    ("import time\nprint(f'{time.perf_counter() % 10 + 1:.2f} s')", "timing"),
    ("from pathlib import Path\nprint([*Path.cwd().iterdir()])\ndisplay(1)\nprint(2)",),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with one good chapter, executed as `make execute` does."""
    folder = tmp_path_factory.mktemp("book")
    cells = [new_code_cell(source, metadata={"tags": tags}) for source, *tags in CELLS]
    notebook = new_notebook(cells=cells)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TQDM_DISABLE", "1")
        NotebookClient(notebook, resources={"metadata": {"path": str(folder)}}).execute()
    nbformat.write(notebook, folder / "07_good.ipynb")
    yield folder


def run_check(*arguments: object) -> tuple[int, str]:
    """Call pytest as the Makefile does; return its exit code and what it prints."""
    command = [sys.executable, "-m", "pytest", "-p", "tools.notebook_check", "--nbval"]
    command += ["-v", "--color=no", "-p", "no:cacheprovider"]
    command += ["-c", "pyproject.toml", *map(str, arguments)]
    # Where CI is set, pytest repeats each message whole in its summary; the tests count them.
    env = {name: value for name, value in os.environ.items() if name != "CI"}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout + done.stderr


def outcomes(output: str) -> dict[int, str]:
    """Read each cell's outcome."""
    return {int(n): word for n, word in re.findall(r"::Cell (\d+) ([A-Z]+)", output)}


def test_a_good_notebook_passes(folder: Path) -> None:
    code, output = run_check(folder / "07_good.ipynb")
    assert code == 0, output
    assert outcomes(output) == dict.fromkeys(range(len(CELLS)), "PASSED")


def test_every_tampered_cell_fails(folder: Path) -> None:
    notebook = nbformat.read(folder / "07_good.ipynb", as_version=4)
    outputs = [cell.outputs for cell in notebook.cells]
    outputs[0][0].text = "recall@20 0.3555 epochs 51"
    outputs[1][0].data["text/html"] = outputs[1][0].data["text/html"].replace("0.3535", "0.3555")
    picture = next(output for output in outputs[2] if "image/png" in output.get("data", {}))
    picture.data["image/png"] = moved(picture.data["image/png"], 0, 9)
    outputs[3][0].text = "step\nstop\nstep\n"
    outputs[4][0].evalue = "another"
    outputs[5][0].text = "99999.00 s"
    del outputs[6][1:]
    nbformat.write(notebook, folder / "08_tampered.ipynb")

    code, output = run_check(folder / "08_tampered.ipynb")
    assert code == 1
    assert outcomes(output) == dict.fromkeys(range(len(CELLS)), "FAILED"), output
    assert "committed 'recall@20 »0.3555« epochs 51'" in output
    assert "fresh 'recall@20 »0.3535« epochs 50'" in output
    assert output.count("To mend 08_tampered.ipynb: make execute CHAPTER=08") == len(CELLS)


LARGE = new_output("display_data", {"image/png": base64.b64encode(bytes(150_001)).decode()})
NO_REASON = nbformat.from_dict({"tags": ["tolerance=0.1"]})
UNFIT = [
    ("04_unexecuted", "x", {"execution_count": None}),
    ("05_order", "x", {"execution_count": 9}),
    ("06_stderr", "x", {"outputs": [new_output("stream", name="stderr", text="loading")]}),
    (
        "07_path",
        "x",
        {"outputs": [new_output("stream", name="stdout", text="/" + "home/ann/data")]},
    ),
    ("08_large", "x", {"outputs": [LARGE]}),
    ("09_no_reason", "x", {"metadata": NO_REASON}),
]
MESSAGES = [
    r"04_unexecuted.ipynb\n\s+Cell 3: execution count None where 4",
    r"05_order.ipynb\n\s+Cell 3: execution count 9 where 4",
    r"06_stderr.ipynb\n\s+Cell 3: .*stderr",
    r"07_path.ipynb\n\s+Cell 3: a path of this machine",
    r"08_large.ipynb\n\s+Cell 3: a picture of 150,001 bytes",
    r"09_no_reason.ipynb\n\s+Cell 3: tag tolerance=0.1.*tolerance_reason",
    r"11_empty.ipynb\n\s+no cell has an output",
]


def test_unfit_notebooks_fail_at_collection(folder: Path, tmp_path: Path) -> None:
    notebook = nbformat.read(folder / "07_good.ipynb", as_version=4)
    nbformat.write(notebook, tmp_path / "01_good.ipynb")
    for name, source in (("02_skip", "# NBVAL_SKIP\n1"), ("03_long", "x = 1\n" * 31)):
        unfit = copy.deepcopy(notebook)
        unfit.cells[3].source = source
        nbformat.write(unfit, tmp_path / f"{name}.ipynb")
    for name, source, change in UNFIT:
        unfit = copy.deepcopy(notebook)
        unfit.cells[3].update(change)
        unfit.cells[3].source = source
        nbformat.write(unfit, tmp_path / f"{name}.ipynb")
    for empty in (unfit := copy.deepcopy(notebook)).cells:
        empty.outputs = []
    nbformat.write(unfit, tmp_path / "11_empty.ipynb")

    code, output = run_check(tmp_path)
    assert code == 2
    assert not outcomes(output)
    assert re.search(r"02_skip.ipynb\n\s+Cell 3: NBVAL_SKIP.*\n\s+To mend.*CHAPTER=02", output)
    assert re.search(r"03_long.ipynb\n\s+Cell 3: 31 lines.*\n\s+To mend.*CHAPTER=03", output)
    for message in MESSAGES:
        assert re.search(message, output), message
    assert run_check(tmp_path, "--collect-only")[0] == 2


def test_the_default_timeout_yields_to_the_command_line() -> None:
    arguments = ["--nbval-cell-timeout=3"]
    pytest_load_initial_conftests(arguments)
    assert arguments == [f"--nbval-cell-timeout={CELL_SECONDS}", "--nbval-cell-timeout=3"]


def test_what_a_chapter_must_hold_to_in_colab(tmp_path: Path) -> None:
    """Its first output shows in time, and what Colab ships is not moved."""
    (tmp_path / "recbook-0.whl").touch()
    (tmp_path / "venv").symlink_to(sys.prefix)
    own = "import pathlib, sys\n(own,) = pathlib.Path(sys.prefix).glob('lib/*/site-packages')\n"
    moving = "(moved := own / 'numpy-9.9.dist-info').mkdir()\n"
    moving += "(moved / 'METADATA').write_text('Name: numpy\\nVersion: 9.9')"
    cells = [
        cell(f"{own}(own / 'recbook.py').touch()", count=1),
        cell("print('fine')", stdout("fine"), count=2),
        cell("print('fine')", stdout("fine"), count=3),
        cell(f"{moving};", count=4),
    ]
    nbformat.write(new_notebook(cells=cells), tmp_path / "07_moving.ipynb")
    nbformat.write(new_notebook(cells=cells[:3]), tmp_path / "08_still.ipynb")
    code = "import sys, pytest, tools.notebook_check as check; check.FIRST_SECONDS = 0; "
    code += "pytest.main(['-v', '-rN', '--nbval', '-p', check.__name__, *sys.argv[1:]])"
    command = [sys.executable, "-c", code, "--bare", tmp_path, *tmp_path.glob("*.ipynb")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100)
    found = re.findall(r"(0\d_\w+)\S*::(Cell \d|What).* ([A-Z]+) ", done.stdout)
    fine = [("Cell 0", "PASSED"), ("Cell 1", "FAILED"), ("Cell 2", "PASSED")]
    moved = [*fine, ("Cell 3", "PASSED"), ("What", "FAILED")]
    assert [one[1:] for one in found if one[0] == "07_moving"] == moved, done.stdout
    assert [one[1:] for one in found if one[0] == "08_still"] == [*fine, ("What", "PASSED")]
    assert done.stdout.count("the first output shows after") == 2
    assert "Colab ships the first version" in done.stdout and "'numpy': (" in done.stdout


STUBBORN = """
while True:
    try:
        print('x' * 10_000, flush=True)
    except KeyboardInterrupt:
        pass
"""


def test_what_only_a_run_shows(tmp_path: Path) -> None:
    """A fresh error, fresh stderr, and an endless cell, which takes those behind it along."""
    cells = [
        cell("print('fine')", stdout("fine"), count=1),
        cell("1 / 0", count=2),
        cell("import sys\nprint('loading', file=sys.stderr)", count=3),
        cell(STUBBORN, count=4, tags=["raises-exception"]),
        cell("print('fine')", stdout("fine"), count=5),
    ]
    near = {"tags": ["tolerance=0.01"], "tolerance_reason": "a test"}
    tolerated = [
        cell("print(0.3535)", stdout("0.3534"), count=1),
        cell("print(0.35)", stdout("0.36"), count=2, **near),
        cell("print(0.350)", stdout("0.361"), count=3, **near),
        cell("print('0 1')", stdout("0 2"), count=4),
        cell("print(*range(30))", stdout(" ".join(map(str, range(1, 31)))), count=5),
    ]
    nbformat.write(new_notebook(cells=tolerated), tmp_path / "08_tolerated.ipynb")
    nbformat.write(new_notebook(cells=cells), tmp_path / "09_endless.ipynb")

    start = time.monotonic()
    code, output = run_check("--nbval-cell-timeout=3", tmp_path)
    assert time.monotonic() - start < 100
    assert code == 1
    near_outcomes, endless_outcomes = (
        outcomes("\n".join(re.findall(rf"{name}.ipynb::.*", output)))
        for name in ("08_tolerated", "09_endless")
    )
    assert list(near_outcomes.values()) == ["PASSED"] * 2 + ["FAILED"] * 3, output
    assert output.count("stdout: committed") == 12  # ten of the last cell's thirty
    assert "and 20 more" in output
    assert endless_outcomes == {0: "PASSED"} | dict.fromkeys(range(1, 5), "FAILED"), output
    for message in (
        "ZeroDivisionError",
        "the cell writes to stderr: loading",
        "no end after 3 seconds",
        "not run: an earlier cell ran out of time",
    ):
        assert message in output
