"""Every page of the site, in a real browser: at three widths, light and dark."""

import gzip
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from tests.site.conftest import SITE, Page, Visit

DESK, TABLET, PHONE = 1280, 768, 360
PAGES = sorted(
    str(path.relative_to(SITE).with_suffix(""))
    for path in SITE.rglob("*.html")
    if not {"_static", "_modules", "index.html"} & {*path.relative_to(SITE).parts}
)
MOST = 1_500_000  # bytes that a page loads
# Formulas are made when the page is; what comes into view later is loaded now.
SETTLED = """async () => {
    await globalThis.formulas;
    const pictures = [...document.images];
    for (const picture of pictures) picture.loading = "eager";
    await Promise.all(pictures.map((picture) => picture.decode().catch(() => undefined)));
}"""
# One token of each colour is enough to look at, and ten rows of a table; a formula has its text's.
THIN = """() => {
    const seen = new Set();
    for (const token of document.querySelectorAll(":is(.highlight, .sig) span[class]")) {
        const box = token.closest(".cell_input, .cell_output, details, dl") ?? document.body;
        const kind = `${token.className} in ${box.className}`;
        if (seen.has(kind)) token.replaceWith(...token.childNodes);
        seen.add(kind);
    }
    for (const more of document.querySelectorAll("mjx-container, tr:nth-child(n+10)")) {
        more.remove();
    }
}"""


def settled(page: Page) -> Page:
    page.evaluate(SETTLED)
    return page


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("width", [DESK])
def test_a_page_is_whole(visit: Visit, name: str) -> None:
    page, loaded = visit("search", reduced_motion="reduce"), set[str]()
    page.on("request", lambda one: loaded.add(one.url))
    page.goto((SITE / f"{name}.html").as_uri())
    settled(page)
    sizes = {url: sent(Path(unquote(urlsplit(url).path))) for url in loaded if "file:" in url}
    assert sum(sizes.values()) <= MOST, sorted(sizes.items(), key=lambda one: -one[1])[:3]
    unmade = ".math:not(:has(mjx-container)), mjx-merror, [data-mjx-error]"
    assert page.locator(unmade).count() == 0
    missing = "[...document.images].filter((one) => !one.naturalWidth).map((one) => one.src)"
    assert page.evaluate(missing) == []
    for width in (PHONE, TABLET, DESK):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width, f"at {width}"
    page.evaluate(THIN)
    assert faults_for_some_readers(page) == [], "light, on a desk"
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    page.set_viewport_size({"width": PHONE, "height": 800})
    page.wait_for_timeout(350)  # the theme waits before it looks what has to scroll now
    assert faults_for_some_readers(page) == [], "dark, on a phone"


def faults_for_some_readers(page: Page) -> list[str]:
    """What axe calls serious or critical: a contrast too low, a button without a name."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    report = axe.run(page, options={"preload": False, "resultTypes": ["violations"]}).response
    return [
        f"{fault['id']}: {node['html'][:100]} {node['failureSummary'][:200]}"
        for fault in report["violations"]
        if fault["impact"] in ("serious", "critical")
        for node in fault["nodes"]
    ]


def sent(path: Path) -> int:
    """Bytes of a file as a server sends it: text is packed."""
    content = path.read_bytes()
    return min(len(content), len(gzip.compress(content, 6)))


@pytest.mark.parametrize("name", ["book/10_what_moves_the_needle", "book/movie_night"])
@pytest.mark.parametrize("width", [PHONE])
def test_a_page_answers_soon(visit: Visit, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A machine slowed four times; the time is printed, and two seconds are the aim."""
    page = visit("search")
    session = page.context.new_cdp_session(page)
    session.send("Emulation.setCPUThrottlingRate", {"rate": 4})
    page.goto((SITE / f"{name}.html").as_uri())
    ready = "performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd / 1000"
    seconds = page.evaluate(ready)
    with capsys.disabled():
        print(f"\n{name}, four times slowed: answers after {seconds:.1f} s")
    assert 0 < seconds < 20
