"""A Sphinx extension: each picture of a page in two versions, for its light and its dark theme.

Both are WebP without loss, about a third of the PNG's bytes; a browser fetches the one it shows.
"""

import re
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from sphinx.application import Sphinx

PICTURE = re.compile(r'<img ([^>]*)src="([^"]*_images/)([^"/]+)\.png" />')
INK = 0.93  # what black becomes: the grey of letters on a dark page


def darkened(picture: Image.Image) -> Image.Image:
    """Black becomes light and white transparent; what is coloured keeps its hue.

    A pixel is a part of white, a part of black, and the pure hue between them. White shows the
    page, a little less than its part, or what is pale would be lost there; black is painted in
    INK, and the hue stays.
    """
    colors = np.asarray(picture.convert("RGB")) / 255
    white, black = colors.min(-1, keepdims=True), 1 - colors.max(-1, keepdims=True)
    paint = (colors - white + INK * black) / np.maximum(1 - white, 1 / 255)
    pixels = np.concatenate([paint, (1 - white) ** 0.75], axis=-1)
    return Image.fromarray((255 * pixels).round().astype(np.uint8))


def show_both(app: Sphinx, page: str, template: str, context: dict[str, Any], _: Any) -> None:
    """The theme shows one of two pictures, whose sizes are known before they come."""
    if app.builder.name != "html":
        return
    files = {name: Path(app.srcdir, path) for path, name in app.builder.images.items()}

    def both(found: re.Match[str]) -> str:
        attributes, folder, name = found.groups()
        with Image.open(files[f"{name}.png"]) as picture:
            size = f'width="{picture.width}" height="{picture.height}"'
        return "".join(
            f'<img {attributes}src="{folder}{name}.{theme}.webp" class="only-{theme}" {size} />'
            for theme in ("light", "dark")
        )

    context["body"] = PICTURE.sub(both, context.get("body", ""))


def draw_both(app: Sphinx, exception: Exception | None) -> None:
    """Put the two versions in the place of each picture that was copied."""
    if exception is not None or app.builder.name != "html":
        return
    for name in app.builder.images.values():
        path = Path(app.outdir, app.builder.imagedir, name)
        if path.suffix == ".png":
            with Image.open(path) as picture:
                for theme, version in (
                    ("light", picture.convert("RGB")),
                    ("dark", darkened(picture)),
                ):
                    version.save(path.with_suffix(f".{theme}.webp"), lossless=True)
            path.unlink()


def setup(app: Sphinx) -> dict[str, bool]:
    """Pictures are written at the end, when Sphinx has copied them."""
    app.connect("html-page-context", show_both)
    app.connect("build-finished", draw_both)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
