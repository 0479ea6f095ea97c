"""Every page of the site, in a real browser: at three widths, light and dark."""

import gzip
from functools import cache
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
# What the page before or after is called stays on the screen, and a line of a chapter's code does.
CUT = """[...document.querySelectorAll(".prev-next-area p")].filter(
    (one) => one.getBoundingClientRect().right > innerWidth
).map((one) => one.textContent)"""
LONG = """[...document.querySelectorAll(".cell_input pre")].filter(
    (one) => one.scrollWidth > one.clientWidth
).map((one) => one.textContent)"""
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
# Whether a contrast is too low takes axe nine tenths of its time, and text that looks the same on
# the same ground has the same contrast. So three of each look are marked, and axe looks at these.
MARK = """() => {
    const plain = /^(rgba\\(0, 0, 0, 0\\)|none|1|static)$/;
    const grounds = new Map([[null, ""]]), seen = {};
    const ground = (one) => {
        if (!grounds.has(one)) {
            const style = getComputedStyle(one);
            const own = ["backgroundColor", "backgroundImage", "opacity", "filter", "position"]
                .map((name) => style[name]).filter((value) => !plain.test(value));
            grounds.set(one, own.join() + ground(one.parentElement));
        }
        return grounds.get(one);
    };
    for (const one of document.body.querySelectorAll("*")) {
        delete one.dataset.look;
        const texts = [...one.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE);
        const says = texts.some((node) => node.data.trim()) || one.matches("input, select");
        if (!says || !one.checkVisibility({ visibilityProperty: true })) continue;
        const own = getComputedStyle(one), around = getComputedStyle(one.parentElement);
        const names = ["color", "fontSize", "fontWeight", "textShadow", "textDecorationLine"];
        const mine = [one.tagName, ...names.map((name) => own[name]), around.color];
        const look = mine.join() + ground(one);
        seen[look] = (seen[look] ?? 0) + 1;
        if (seen[look] <= 3) one.dataset.look = "";
    }
    axe.configure({ rules: [
        { id: "color-contrast", selector: "[data-look]" },
        { id: "link-in-text-block", selector: "a[href][data-look]" },
    ] });
    return axe.run({ preload: false, resultTypes: ["violations"] });
}"""


def settled(page: Page) -> Page:
    page.evaluate(SETTLED)
    return page


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("width", [DESK])
def test_a_page_is_whole(visit: Visit, loaded: set[str], name: str) -> None:
    page = settled(visit(name, reduced_motion="reduce"))
    sizes = {url: sent(Path(unquote(urlsplit(url).path))) for url in loaded if "file:" in url}
    assert sum(sizes.values()) <= MOST, sorted(sizes.items(), key=lambda one: -one[1])[:3]
    unmade = ".math:not(:has(mjx-container)), mjx-merror, [data-mjx-error]"
    assert page.locator(unmade).count() == 0
    missing = "[...document.images].filter((one) => !one.naturalWidth).map((one) => one.src)"
    assert page.evaluate(missing) == []
    for width in (PHONE, TABLET, DESK):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width, f"at {width}"
        assert page.evaluate(CUT) == [], f"at {width}"
    assert page.evaluate(LONG) == []
    page.evaluate(THIN)
    assert faults_for_some_readers(page) == [], "light, on a desk"
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    page.set_viewport_size({"width": PHONE, "height": 800})
    assert faults_for_some_readers(page) == [], "dark, on a phone"


def faults_for_some_readers(page: Page) -> list[str]:
    """What axe calls serious or critical: a contrast too low, a button without a name."""
    page.wait_for_timeout(350)  # the theme waits before it looks what has to scroll now
    page.evaluate(pytest.importorskip("axe_playwright_python.sync_playwright").Axe().axe_script)
    return [
        f"{fault['id']}: {node['html'][:100]} {node['failureSummary'][:200]}"
        for fault in page.evaluate(MARK)["violations"]
        if fault["impact"] in ("serious", "critical")
        for node in fault["nodes"]
    ]


@cache
def sent(path: Path) -> int:
    """Bytes of a file as a server sends it: text is packed."""
    content = path.read_bytes()
    return min(len(content), len(gzip.compress(content, 6)))


# In a paragraph as others: a link that is none to see, a colour, a ground, half of an ink, no name.
FAULTY = """<p>Text, <a href='#1' style='color: #444; text-decoration: none'>like it</a>,
<b style='color: #999' title='2'>pale</b>, <b style='background: #777'><i title='3'>grey</i></b>,
<i style='opacity: 0.5'><b title='4'>thin</b></i>, <a href='#5'><img src='data:,'></a></p>"""


@pytest.mark.parametrize("width", [DESK])
def test_what_keeps_readers_out_is_found(visit: Visit) -> None:
    page = visit("book/references")
    assert faults_for_some_readers(page) == []
    page.evaluate("html => document.querySelector('article p').outerHTML += html", FAULTY)
    faults = faults_for_some_readers(page)
    kinds = "color-contrast", "image-alt", "link-in-text-block", "link-name"
    assert {fault.partition(":")[0] for fault in faults} == {*kinds}, faults
    for mark in ('"#1"', 'title="2"', 'title="3"', 'title="4"', '"#5"'):
        assert any(mark in fault for fault in faults), mark


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
