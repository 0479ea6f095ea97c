"""Movie night in a real browser: its numbers are recbook's, and it is driven as a person would."""

import json

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch.testing import assert_close

from recbook.data import Interactions
from recbook.folding import fold_in
from recbook.models import EASE, PureSVD
from recbook.ranking import top_k
from tests.site.conftest import SITE, Page, Visit, tab_to
from tests.test_movie_night import Read

SCRIPT = SITE / "_static" / "movie_night_data.js"
MODELS = ["svd", "ease", "layers-1", "layers-2", "layers-3"]
TAGS = "<script>alert(1)</script><img src=x onerror=alert(2)>"


@pytest.fixture
def page(visit: Visit) -> Page:
    return visit("book/movie_night", reduced_motion="reduce")


@pytest.fixture(scope="module")
def stored() -> Read:
    return Read(json.loads(SCRIPT.read_text().split("=", 1)[1].rstrip(";\n")))


def profiles(stored: Read) -> list[list[int]]:
    """Fifty random picks, and five that are fixed."""
    generator, size = np.random.default_rng(0), stored.size
    drawn = [
        generator.choice(size, generator.integers(1, 31), replace=False).tolist() for _ in range(50)
    ]
    fixed = [[0], [3, 1, 2], [size - 1], list(range(0, size, 40)), list(range(200))]
    return drawn + fixed


def folded(stored: Read, liked: Interactions, model: str) -> torch.Tensor:
    """What recbook makes of the page's vectors."""
    toy = Interactions.from_pairs([0, 1, 2], [0, 1, stored.size - 1])
    if model == "svd":
        svd = PureSVD(1).fit(toy)
        svd.item_emb = stored.svd
        return fold_in(svd, liked)
    if model == "ease":
        ease = EASE(1).fit(toy)
        ease.weight = stored.weight
        return fold_in(ease, liked)
    layers, K = stored.layers, int(model[-1])
    rows = torch.from_numpy(liked.matrix.toarray()) / stored.likes.clamp(min=1).sqrt()
    mine = rows @ layers[:, :K].sum(1)  # (11.1), as tests/test_folding.py has it
    return F.normalize(mine) @ F.normalize(layers[:, : K + 1].sum(1)).T


@pytest.mark.parametrize("width", [1280])
@pytest.mark.parametrize("model", MODELS)
def test_its_numbers_are_those_of_recbook(page: Page, stored: Read, model: str) -> None:
    picks = profiles(stored)
    pairs = [(n, film) for n, films in enumerate(picks) for film in films]
    liked = Interactions.from_pairs(*zip(*pairs, strict=True), len(picks), stored.size)
    ours = folded(stored, liked, model).double()
    ask = "([model, picks]) => picks.map((p) => Array.from(movieNight.foldIn(model, p).score))"
    theirs = torch.tensor(page.evaluate(ask, [model, picks]), dtype=torch.float64)
    assert_close(theirs, ours, atol=1e-3, rtol=0)
    split = """([model, pick, film]) => {
        const { part } = movieNight.foldIn(model, pick);
        return pick.map((one) => part(one, film)).reduce((a, b) => a + b);
    }"""
    assert page.evaluate(split, [model, picks[0], 7]) == pytest.approx(ours[0, 7].item(), abs=1e-3)


@pytest.mark.parametrize("width", [1280])
@pytest.mark.parametrize("model", MODELS)
def test_the_group_has_what_each_rule_says(page: Page, stored: Read, model: str) -> None:
    picks = [[0, 5, 9, 30], [100, 200, 7], [3, 50, 51, 52, 53]]
    pairs = [(n, film) for n, films in enumerate(picks) for film in films]
    liked = Interactions.from_pairs(*zip(*pairs, strict=True), 3, stored.size)
    score = folded(stored, liked, model).double()
    score = (score - score.mean(1, keepdim=True)) / score.std(1, keepdim=True)
    seen = liked.dense_rows(torch.arange(3)).any(0)
    ask = """([model, picks]) => {
        const friends = picks.map((pick, n) => ({ name: String(n), liked: new Set(pick) }));
        const { rules, standings } = movieNight.choose(model, friends);
        const first = Object.values(rules).map((order) => order.slice(0, 5));
        return [first, standings.map((one) => Array.from(one.place))];
    }"""
    (average, misery, vote, popular), place = page.evaluate(ask, [model, picks])
    mean = score.mean(0).masked_fill(seen, -torch.inf)
    assert_close(mean[average], top_values(mean))
    low = score.amin(0).masked_fill(seen, -torch.inf)
    assert_close(low[misery], top_values(low))
    voted = score.masked_fill(seen, -torch.inf)
    votes = sum(torch.bincount(top_k(row[None], 10)[0], minlength=stored.size) for row in voted)
    order = sorted(range(stored.size), key=lambda film: (-votes[film], -mean[film], film))
    if model != "ease":  # where scores of neighbours are equal, rounding decides
        assert vote == order[:5]
    assert popular == [film for film in range(stored.size) if not seen[film]][:5]
    own = score[0].masked_fill(liked.dense_rows([0])[0], -torch.inf)
    assert place[0][average[0]] == pytest.approx(int((own > own[average[0]]).sum()) + 1, abs=1)


def top_values(row: torch.Tensor) -> torch.Tensor:
    return row.sort(descending=True).values[:5]


def said(page: Page) -> str:
    return page.locator("#mn-said").inner_text()


def tick(page: Page, number: int) -> None:
    """Tick the first films of what was found."""
    for n in range(number):
        page.locator("#mn-found input").nth(n).check()


def test_by_keyboard_alone(page: Page) -> None:
    tab_to(page, "#mn-name")
    page.keyboard.type("Ann")
    page.keyboard.press("Enter")
    assert page.inner_text("#mn-joined").startswith("Ann is here in your place")
    tab_to(page, "#mn-search")
    page.keyboard.type("horror 1979")
    tab_to(page, "#mn-found input")
    page.keyboard.press("Space")
    assert page.locator("#mn-ticked input").count() == 1
    assert said(page) == "Ticked: Ann 1."
    assert not page.locator(".mn-card").count()  # the belief comes first
    tab_to(page, "#mn-guess")
    page.keyboard.type("Horror")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert "The commonest genre of the 5 films" in page.locator("#mn-verdict").inner_text()
    assert page.locator(".mn-card").count() == 5
    tab_to(page, ".mn-card summary")
    page.keyboard.press("Enter")
    page.locator(".mn-card details ul").first.wait_for()
    assert "of which" in page.locator(".mn-card details").first.inner_text()
    page.keyboard.press("Shift+Tab")
    tab_to(page, "#mn-model")
    page.keyboard.press("Home")
    assert page.locator("#mn-model").input_value() == "svd"
    assert "of its 5 films are new" in said(page)


@pytest.mark.parametrize("width", [360])
def test_six_friends_find_a_film_by_phone(visit: Visit) -> None:
    page = visit("book/movie_night", has_touch=True, is_mobile=True)
    genres = ["romance", "horror", "action", "comedy", "western", "musical"]
    for name, genre in zip(["", "Bob", "Cem", "Dora", "Eve", "Finn"], genres, strict=True):
        if name:
            page.locator("#mn-name").tap()
            page.keyboard.type(name)
            page.get_by_role("button", name="Add", exact=True).tap()
            assert page.input_value("#mn-search") == ""  # who comes searches anew
        page.fill("#mn-search", genre)
        for n in range(3):
            page.locator("#mn-found label").nth(n).tap()
    assert said(page) == "Ticked: You 3, Bob 3, Cem 3, Dora 3, Eve 3, Finn 3."
    page.locator("#mn-show").tap()
    assert page.locator(".mn-card").count() == 10
    lists = page.locator(".mn-card li").all_text_contents()
    assert len(lists) == 50 and all(lists)
    page.locator(".mn-card summary").last.tap()
    page.locator(".mn-card details ul").last.wait_for()
    opened = page.locator(".mn-card").last
    assert opened.locator("li li").count() == 3
    page.locator("#mn-found label").nth(5).tap()
    assert opened.locator("details[open]").count() == 0  # Finn's list is a new one


def test_unticking_takes_a_film_back(page: Page) -> None:
    tick(page, 2)
    page.locator("#mn-ticked input").first.click()
    assert page.locator("#mn-ticked input").count() == 1
    assert not page.locator("#mn-found input").first.is_checked()


def test_a_name_and_a_search_with_a_script_in_them_stay_text(page: Page) -> None:
    page.fill("#mn-name", TAGS[:25])
    page.keyboard.press("Enter")
    assert TAGS[:25] in page.locator("#mn-friends").inner_text()
    tick(page, 1)
    page.click("#mn-skip")
    assert TAGS[:25] in page.locator("#mn-lists").inner_text()
    page.fill("#mn-search", TAGS)
    assert page.locator("#mn-found").inner_text().startswith("0 films")
    assert page.locator(".movie-night :is(script, img)").count() == 0


def test_a_title_with_a_script_in_it_stays_text(visit: Visit) -> None:
    page = visit("book/movie_night")
    page.add_init_script(f"""let known;
        Object.defineProperty(globalThis, "movieNightData", {{
            get: () => known,
            set: (data) => {{ data.titles[0] = {json.dumps(TAGS)}; known = data; }},
        }});""")
    page.reload()
    assert TAGS in page.locator("#mn-found").inner_text()
    tick(page, 1)
    page.click("#mn-skip")
    assert page.locator(".movie-night :is(script, img)").count() == 0


def test_wrong_input(page: Page, stored: Read) -> None:
    page.click("#mn-show")
    assert said(page).startswith("Tick a film.")
    page.fill("#mn-search", "   ")
    legend = page.locator("#mn-found legend")
    assert legend.inner_text() == f"{stored.size:,} films, here the first 30"
    assert legend.bounding_box()["height"] < 30  # one line
    for name in ["", "You", *"BCDEFG", "H"]:
        page.fill("#mn-name", name)
        page.locator("#mn-name").press("Enter")
        wanted = {"": "Give a name", "You": "There is a You", "H": "There are 6 friends"}
        assert page.inner_text("#mn-joined").startswith(wanted.get(name, f"{name} is here"))
    assert page.locator("#mn-friends label").all_inner_texts() == [*"BCDEFG"]  # and not You
    for _ in range(5):
        page.locator("#mn-friends button").last.click()
    assert page.locator("#mn-friends button").count() == 0


TICK_ALL = "document.querySelectorAll('#mn-found input:not(:checked)').forEach((b) => b.click())"


def test_two_hundred_ticks(page: Page) -> None:
    for year in range(1970, 1996):
        page.fill("#mn-search", str(year))
        page.evaluate(TICK_ALL)
    assert page.locator("#mn-ticked input").count() >= 200
    page.click("#mn-skip")
    assert page.locator(".mn-card").count() == 5
    page.locator(".mn-card summary").first.click()
    page.locator(".mn-card details ul").first.wait_for()  # it is filled when it has opened
    assert page.locator(".mn-card details ul").first.locator("li").count() >= 200


def test_a_click_is_answered_at_once(page: Page, capsys: pytest.CaptureFixture[str]) -> None:
    """A machine slowed four times, six friends; the time is printed, and 100 ms are the aim."""
    for name in "BCDEF":
        page.fill("#mn-name", name)
        page.locator("#mn-name").press("Enter")
        tick(page, 8)
    page.click("#mn-skip")
    session = page.context.new_cdp_session(page)
    session.send("Emulation.setCPUThrottlingRate", {"rate": 4})
    times = page.evaluate("""async () => {
        const times = [];
        for (const box of [...document.querySelectorAll("#mn-found input")].slice(10, 20)) {
            const before = performance.now();
            box.click();
            await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
            times.push(performance.now() - before);
        }
        return times;
    }""")
    with capsys.disabled():
        print(f"\na click, four times slowed: median {np.median(times):.0f} ms, ", end="")
        print(f"longest {max(times):.0f} ms")
    assert np.median(times) < 1000


def test_without_javascript_there_is_the_example(visit: Visit) -> None:
    page = visit("book/movie_night", java_script_enabled=False)
    assert "While You Were Sleeping" in page.locator("#movie-night table").inner_text()
