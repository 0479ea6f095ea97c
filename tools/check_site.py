"""Check a rendered site: it needs no network, links lead somewhere, images have alt text.

`make render` and `make book` run `python -m tools.check_site _build/html` when they have built it.
"""

import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOADED_BY_LINK = {"stylesheet", "preload", "modulepreload", "icon", "shortcut icon", "manifest"}
LOADED_BY_STYLE = re.compile(r"""(?:url\(|@import)\s*['"]?((?:https?:)?//[^'")]+)""")
NUMBERED_SPLIT = re.compile(
    r"\\begin\{split\}((?!\\end\{split\}).)*\\tag", re.DOTALL
)  # Sphinx's split


class Page(HTMLParser):
    """What a page loads, links to, shows and can be linked at."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.links: list[str] = []
        self.images: list[dict[str, str]] = []
        self.anchors: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.anchors.add(values.get("id", ""))
        if tag == "img":
            self.images.append(values)
        if "src" in values:
            self.loads.append(values["src"])
        elif tag == "link" and values.get("rel") in LOADED_BY_LINK:
            self.loads.append(values["href"])
        elif tag == "a" and "href" in values:
            self.links.append(values["href"])


def check(site: Path) -> list[str]:
    """Return one line for each fault."""
    paths = [path.resolve() for path in sorted(site.rglob("*.html")) if "_static" not in path.parts]
    pages = {path: Page(path) for path in paths}
    faults = []
    for path, page in pages.items():
        name = path.relative_to(site.resolve())
        for address in page.loads + page.links:
            parts = urlsplit(address)
            if parts.scheme == "data":
                continue
            if parts.scheme or parts.netloc:
                if address in page.loads:
                    faults.append(f"{name}: loads {address} from the network")
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not target.exists():
                faults.append(f"{name}: {address} is not there")
            elif (
                parts.fragment
                and target in pages
                and unquote(parts.fragment) not in pages[target].anchors
            ):
                faults.append(f"{name}: {address} has no such place")
        for image in page.images:
            if image.get("alt", "") in ("", image["src"]):
                faults.append(f"{name}: image {image['src'][:60]} has no alt text")
        if NUMBERED_SPLIT.search(path.read_text(encoding="utf-8")):
            faults.append(
                rf"{name}: MathJax refuses a \tag in a formula with \\; write \cr instead"
            )
    for style in site.rglob("*.css"):
        for address in LOADED_BY_STYLE.findall(style.read_text(encoding="utf-8")):
            faults.append(f"{style.relative_to(site)}: loads {address} from the network")
    return faults if pages else [f"{site} has no pages"]


if __name__ == "__main__":
    found = check(Path(sys.argv[1]))
    print("\n".join(found) or "The site needs no network, and its links lead somewhere.")
    sys.exit(bool(found))
