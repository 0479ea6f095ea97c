"""The pictures of the chapters: their letters on a phone, and their colours on a dark page."""

import base64
import io
import itertools
import re
from collections.abc import Iterator
from pathlib import Path

import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from PIL import Image

from recbook.plotting import COLORS, set_style
from tools.site_figures import darkened

BOOK = Path(__file__).resolve().parents[1] / "book"
PHONE, SMALLEST = 360, 9  # CSS pixels: how wide the screen is, how high a letter's size
GROUND = 18 / 255  # the dark page's grey
INDEX = 0.7  # what matplotlib makes of an index's or a power's size
SIZE = re.compile(r"""(?:fontsize=|fontsize": |labelsize=|[^\w(]size=)["']?([\w.-]+)""")


def pictures() -> Iterator[tuple[str, str, Image.Image]]:
    """Each picture of a chapter with its place and the code that draws it."""
    for path in sorted(BOOK.glob("*.ipynb")):
        for place, cell in enumerate(nbformat.read(path, as_version=4).cells):
            for output in cell.get("outputs", []):
                if png := output.get("data", {}).get("image/png"):
                    picture = Image.open(io.BytesIO(base64.b64decode(png)))
                    yield f"{path.stem}, cell {place}", cell.source, picture


def test_nothing_stands_between_a_picture_and_its_caption() -> None:
    for path in sorted(BOOK.glob("*.ipynb")):
        cells = nbformat.read(path, as_version=4).cells
        for cell, after in itertools.pairwise(cells):
            if after.source.startswith("*Figure") and cell.get("outputs"):
                assert "image/png" in cell.outputs[-1].get("data", {}), (
                    f"{path.name}: {after.source}"
                )


def smallest_letters(code: str) -> float:
    """In points: what the style or the code says, less for what hangs below or stands above."""
    set_style()
    sizes = [plt.rcParams["font.size"], *map(float, SIZE.findall(code))]
    has_index = re.search(r"""\$[^$"'\n]*[_^][^$"'\n]*\$""", code)
    return min(min(sizes), INDEX * max(sizes)) if has_index else min(sizes)


def test_letters_can_be_read_on_a_phone() -> None:
    small = {
        place: f"{pixels:.1f}"
        for place, code, picture in pictures()
        if (pixels := smallest_letters(code) / 72 * 100 * min(1, PHONE / picture.width)) < SMALLEST
    }
    assert not small, f"letters under {SMALLEST} pixels: draw narrower, at most 6.4 inches: {small}"


@pytest.mark.parametrize(
    ("code", "points"),
    [
        ("ax.plot(x, y)", 12),
        ('ax.text(0, 0, "a", size=10)', 10),
        ("rng.normal(size=10)", 12),
        ('ax.set_xlabel("$x_i$")', 8.4),
        ('ax.set_xlabel("$x_i$", fontsize=16)', 11.2),
        ('look = {"fontsize": 10}', 10),
    ],
)
def test_letters_are_measured(code: str, points: float) -> None:
    assert smallest_letters(code) == pytest.approx(points)


def test_a_logarithmic_axis_has_no_powers() -> None:
    set_style()
    fig, ax = plt.subplots()
    ax.loglog([0.001, 10**5], [1, 2])
    fig.canvas.draw()
    low, high = ax.get_xlim()
    ticks = zip(ax.get_xticks(), ax.get_xticklabels(), strict=True)
    shown = [label.get_text() for tick, label in ticks if low <= tick <= high]
    assert len(shown) == 9 and not any("^" in text for text in shown)
    plt.close(fig)


def luminance(color: np.ndarray) -> float:
    linear = np.where(color <= 0.04045, color / 12.92, ((color + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def contrast(one: np.ndarray, other: np.ndarray) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def on_dark(color: str) -> np.ndarray:
    """The colour as the dark page shows it."""
    light = Image.new("RGB", (1, 1), tuple(round(255 * part) for part in to_rgb(color)))
    *paint, alpha = np.asarray(darkened(light))[0, 0] / 255
    return alpha * np.array(paint) + (1 - alpha) * GROUND


@pytest.mark.parametrize("name", COLORS)
def test_a_colour_stands_out_as_much_on_a_dark_page(name: str) -> None:
    before = contrast(np.array(to_rgb(COLORS[name])), np.ones(3))
    assert contrast(on_dark(COLORS[name]), np.full(3, GROUND)) >= min(3, before)


@pytest.mark.parametrize("name", COLORS)
def test_a_colour_keeps_its_hue_on_a_dark_page(name: str) -> None:
    before, after = np.array(to_rgb(COLORS[name])), on_dark(COLORS[name])
    before, after = before - before.min(), after - after.min()
    assert np.allclose(before * after.max(), after * before.max(), atol=0.05)


def test_black_and_white_change_places() -> None:
    assert contrast(on_dark("black"), np.full(3, GROUND)) > 12
    assert np.allclose(on_dark("white"), GROUND, atol=0.01)
