"""The part "Play" in a real browser: what its pages show is what recbook computes."""

import re
from typing import Any

import numpy as np
import pytest
import torch

from recbook.data import Interactions
from recbook.evaluation import evaluate
from recbook.graph import propagate, train_adjacency
from recbook.models import LightGCN
from recbook.ranking import ScoreTable, top_k
from tests.conftest import TOY_ITEM, TOY_USER
from tests.site.conftest import Page, Visit, tab_to

NAMES = ["play_propagation", "play_list", "play_temperature"]
CLOSE = {"atol": 1e-3, "rtol": 0}
Point = tuple[float, float]


def press(page: Page, selector: str, *keys: str) -> None:
    tab_to(page, selector)
    for key in keys:
        page.keyboard.press(key)


def slide(page: Page, selector: str, steps: int) -> None:
    """Put a slider some steps above its least value."""
    press(page, selector, "Home", *["ArrowRight"] * steps)


def guess(page: Page, number: str) -> str:
    """Say a number, and read the answer."""
    assert page.locator(".play-toy").is_hidden()
    press(page, "#play-guess", *number, "Enter")
    assert page.locator(".play-toy").is_visible()
    return page.locator("#play-verdict").inner_text()


def texts(page: Page, selector: str) -> list[str]:
    return [text.strip() for text in page.locator(selector).all_text_contents()]


def numbers(page: Page, selector: str) -> list[float]:
    return [float(text.replace("−", "-")) for text in texts(page, selector)]


def assert_near(found: Any, expected: Any) -> None:
    np.testing.assert_allclose(
        np.ravel(found).astype(float), np.ravel(expected).astype(float), **CLOSE
    )


# Propagation

USERS, FILMS = ["Ann", "Bob", "Cem"], ["Alien", "Brazil", "Casablanca", "Dumbo"]
NODES = USERS + FILMS
START = torch.tensor([[2, -1], [1, 1], [-1, 2], [2, -1], [1, 1], [0, 2], [-1, 1]]).float()
TOY = set(zip(TOY_USER, TOY_ITEM, strict=True))


def embed(edges: set[tuple[int, int]], k: int, mean: bool) -> torch.Tensor:
    """All nodes' numbers, by the package."""
    adj = train_adjacency(Interactions.from_pairs(*zip(*sorted(edges), strict=True), 3, 4))
    if mean:
        model = LightGCN(3, 4, embedding_dim=2, num_layers=k)
        with torch.no_grad():
            model.embedding.weight.copy_(START)
            return torch.cat(model(adj))
    x = START
    for _ in range(k):
        x = propagate(adj, x)
    return x


def lists_of(x: torch.Tensor) -> list[list[str]]:
    return [[FILMS[i] for i in row] for row in top_k(x[:3] @ x[3:].T, 4).tolist()]


def mean_cosine(rows: torch.Tensor) -> float:
    unit = rows[rows.norm(dim=1) > 0]
    unit = unit / unit.norm(dim=1, keepdim=True)
    n = len(unit)
    return float(((unit @ unit.T).sum() - n) / (n * (n - 1)))


def assert_shows(page: Page, edges: set[tuple[int, int]], k: int, mean: bool, who: str) -> None:
    """The page has the package's numbers."""
    x = embed(edges, k, mean)
    assert_near(numbers(page, "#play-embeddings td:nth-of-type(n+2)"), x)
    assert_near(numbers(page, "#play-scores td"), x[:3] @ x[3:].T)
    shown = [text.replace(" ✓", "").split(", ") for text in texts(page, "#play-lists td")]
    assert shown == lists_of(x)
    A = torch.zeros(7, 7)
    for u, i in edges:
        A[u, 3 + i] = A[3 + i, u] = 1
    degree = A.sum(1)
    weight = [(degree[u] * degree[3 + i]) ** -0.5 for u, i in sorted(edges)]
    assert_near([float(text) for text in texts(page, "#play-likes td") if text], weight)
    walks = [torch.linalg.matrix_power(A, hop)[NODES.index(who)] > 0 for hop in range(21)]
    far = [next((str(hop) for hop in range(21) if walks[hop][v]), "no path") for v in range(7)]
    assert texts(page, "#play-embeddings td:nth-of-type(1)") == far
    summary = page.locator("#play-summary").inner_text()
    cosines = re.findall(r"(?:users|films) (-?\d\.\d+)", summary.replace("−", "-"))
    assert_near(cosines, [mean_cosine(x[:3]), mean_cosine(x[3:])])
    heard = torch.stack(walks[: k + 1]).any(0) if mean else walks[k]
    named = summary.split(f"{who} hears: ")[1].rstrip(".").split(", ")
    assert {*named} == {name for name, on in zip(NODES, heard, strict=True) if on}
    coloured = [text for text in texts(page, ".play-hop") if text]
    assert sorted(coloured) == sorted(hop for hop in far if hop.isdigit() and int(hop) <= k)


def test_propagation_is_recbooks(visit: Visit) -> None:
    page = visit("book/play_propagation")
    first = next(k for k in range(21) if len({*map(tuple, lists_of(embed(TOY, k, False)))}) == 1)
    assert guess(page, "5").startswith(f"You said 5. It is {first}.")
    assert_shows(page, TOY, 0, mean=False, who="Ann")
    for k in (1, 2, first, 20):
        slide(page, "#play-k", k)
        assert_shows(page, TOY, k, mean=False, who="Ann")
    assert "all three lists are the same" in page.locator("#play-summary").inner_text()
    press(page, "#play-last", "ArrowDown")
    assert_shows(page, TOY, 20, mean=True, who="Ann")
    press(page, "#play-listener", "D")
    assert_shows(page, TOY, 20, mean=True, who="Dumbo")
    press(page, "[aria-label='Ann likes Dumbo']", "Space")
    assert_shows(page, TOY | {(0, 3)}, 20, mean=True, who="Dumbo")
    for name in ("Ann likes Dumbo", "Bob likes Casablanca", "Cem likes Alien"):
        press(page, f"[aria-label='{name}']", "Space")
    edges = TOY - {(1, 2)} | {(2, 0)}
    slide(page, "#play-k", 3)
    assert_shows(page, edges, 3, mean=True, who="Dumbo")
    press(page, "#play-mean", "ArrowUp")
    assert_shows(page, edges, 3, mean=False, who="Dumbo")


def test_edges_are_drawn_and_removed_by_hand(visit: Visit) -> None:
    page = visit("book/play_propagation")
    page.get_by_role("button", name="I would rather not guess").click()
    slide(page, "#play-k", 2)

    def middle(selector: str) -> tuple[float, float]:
        page.locator(selector).scroll_into_view_if_needed()
        box = page.locator(selector).bounding_box()
        return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    dot = "[data-node='{}'] > :first-child"
    page.mouse.move(*middle(dot.format(0)))
    page.mouse.down()
    page.mouse.move(*middle(dot.format(6)), steps=5)
    page.mouse.up()
    assert_shows(page, TOY | {(0, 3)}, 2, mean=False, who="Ann")
    page.mouse.click(*middle("[data-edge='1-1']"))
    edges = TOY - {(1, 1)} | {(0, 3)}
    assert_shows(page, edges, 2, mean=False, who="Ann")
    page.mouse.click(*middle(dot.format(2)))
    assert_shows(page, edges, 2, mean=False, who="Cem")


def test_a_graph_without_edges(visit: Visit) -> None:
    page = visit("book/play_propagation")
    guess(page, "0")
    slide(page, "#play-k", 1)
    for u, i in sorted(TOY):
        press(page, f"[aria-label='{USERS[u]} likes {FILMS[i]}']", "Space")
    assert set(numbers(page, "#play-scores td")) == {0}
    assert set(texts(page, "#play-lists td")) == {"none: all scores are equal"}
    assert "users –, of two films –. Ann hears: nobody." in page.inner_text("#play-summary")


# The list and its measures

SHOWN = ["Fargo", "Casablanca", "Alien", "Brazil", "Dumbo", "Jaws", "Heat", "Amadeus"]
HIDDEN = {"Casablanca", "Brazil", "Jaws"}


def measures(ranking: list[str], hidden: set[str], k: int) -> list[list[float]]:
    """Values and ceilings, by the package."""
    films = [position for position, film in enumerate(ranking) if film in hidden]
    target = Interactions.from_pairs([0] * len(films), films, 1, len(ranking))
    scores = -torch.arange(float(len(ranking)))[None]
    user = evaluate(ScoreTable(scores), seen=None, target=target, k=k).per_user.loc[0]
    return [
        [user["precision"], user["precision_ceiling"]],
        [user["recall"], user["recall_ceiling"]],
        [user["ndcg"], 1],
        [user["hit_rate"], 1],
    ]


def assert_measures(page: Page, ranking: list[str], hidden: set[str], k: int) -> None:
    assert texts(page, ".play-grip") == [f"⠿ {film}" for film in ranking]
    assert_near(numbers(page, "#play-measures td"), measures(ranking, hidden, k))


def raised(ranking: list[str], film: str, place: int) -> list[str]:
    rest = [other for other in ranking if other != film]
    return [*rest[:place], film, *rest[place:]]


def test_measures_are_recbooks(visit: Visit) -> None:
    page = visit("book/play_list")
    ranking = raised(SHOWN, "Brazil", 0)
    answer = measures(ranking, HIDDEN, 5)[2][0]
    assert guess(page, "0.6").startswith(f"You said 0.6. It is {answer:.3f}.")
    assert_measures(page, SHOWN, HIDDEN, 5)
    press(page, "[aria-label='Brazil up']", "Enter", "ArrowUp", "Space", "ArrowUp")  # as far up
    assert_measures(page, ranking, HIDDEN, 5)
    assert page.evaluate("document.activeElement.ariaLabel") == "Brazil up"
    for k in (1, 2, 8):
        slide(page, "#play-k", k - 1)
        assert_measures(page, ranking, HIDDEN, k)
    press(page, "[aria-label='Fargo down']", "ArrowDown", "Enter", "Enter")
    ranking = raised(ranking, "Fargo", 4)
    press(page, "li:has([aria-label='Heat up']) input", "Space")
    slide(page, "#play-k", 2)
    assert_measures(page, ranking, HIDDEN | {"Heat"}, 3)
    for film in HIDDEN | {"Heat"}:
        press(page, f"li:has([aria-label='{film} up']) input", "Space")
    assert texts(page, "#play-measures td")[2:5:2] == ["–", "–"]
    assert "such a user is left out" in page.inner_text("#play-summary")


@pytest.mark.parametrize("finger", [False, True], ids=["mouse", "finger"])
def test_films_are_dragged(visit: Visit, finger: bool) -> None:
    page = visit("book/play_list", has_touch=finger)
    guess(page, "1")
    grip = page.locator("li", has=page.get_by_label("Jaws up")).locator(".play-grip")
    grip.scroll_into_view_if_needed()
    first = page.locator(".play-grip").first.bounding_box()
    held = grip.bounding_box()
    drag = finger_drags if finger else mouse_drags
    drag(page, (held["x"] + 5, held["y"] + 5), (first["x"] + 5, first["y"]))
    assert_measures(page, raised(SHOWN, "Jaws", 0), HIDDEN, 5)


def mouse_drags(page: Page, start: Point, end: Point) -> None:
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move(*end, steps=12)
    page.mouse.up()


def finger_drags(page: Page, start: Point, end: Point) -> None:
    session = page.context.new_cdp_session(page)
    for kind, (x, y) in zip(
        ["touchStart", *["touchMove"] * 12], np.linspace(start, end, 13).tolist(), strict=True
    ):
        touch = {"type": kind, "touchPoints": [{"x": x, "y": y}]}
        session.send("Input.dispatchTouchEvent", touch)
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


# The temperature

COSINES = [0.8, 0.6, 0.5, 0.3, 0.2, 0, -0.2, -0.4]


def softmax(cosines: list[float], temperature: float) -> np.ndarray:
    raised = np.exp(np.array(cosines) / temperature)
    return raised / raised.sum()


def assert_shares(page: Page, cosines: list[float], mine: int, temperature: float) -> None:
    share = softmax(cosines, temperature)
    push = share - np.eye(len(cosines))[mine]
    assert_near(numbers(page, "#play-shares td:nth-of-type(3)"), share)
    assert_near(numbers(page, "#play-shares td:nth-of-type(4)"), push)
    assert_near(numbers(page, "#play-shares output"), cosines)
    summary = page.inner_text("#play-summary")
    loss, part = re.findall(r"loss is (\d+\.\d+).* (\d+\.\d+)\s%", summary)[0]
    others = np.delete(share, mine)
    assert_near([loss, float(part) / 100], [-np.log(share[mine]), (others / others.sum()).max()])


def test_shares_are_numpys(visit: Visit) -> None:
    page = visit("book/play_temperature")
    others = softmax(COSINES[1:], 0.1)
    assert guess(page, "40").startswith(f"You said 40. It is {100 * others[0]:.1f}\xa0%.")
    assert_shares(page, COSINES, 0, 1)
    for steps in (0, 5, 18, 50):
        slide(page, "#play-temperature-slider", steps)
        assert_shares(page, COSINES, 0, 0.05 + steps / 100)
    slide(page, "#play-temperature-slider", 5)
    press(page, "[aria-label='Cosine of Brazil']", "End")
    cosines = [0.8, 1, *COSINES[2:]]
    assert_shares(page, cosines, 0, 0.1)
    press(page, "[aria-label='The user has Alien']", "ArrowDown", "ArrowDown")
    assert_shares(page, cosines, 2, 0.1)


# What stands there without a script


def test_without_a_script(visit: Visit) -> None:
    page = visit("book/play_propagation", java_script_enabled=False)
    for row in page.locator("#play-propagation tbody tr").all():
        k, *lists = [cell.split(", ") for cell in row.locator("td").all_text_contents()]
        assert lists == lists_of(embed(TOY, int(k[0]), mean=False))
    page = visit("book/play_list", java_script_enabled=False)
    rows = np.array(texts(page, "#play-list td")[-12:]).reshape(4, 3)
    assert_near(rows[:, 1:], measures(SHOWN, HIDDEN, 5))
    page = visit("book/play_temperature", java_script_enabled=False)
    shares = np.stack([softmax(COSINES, temperature) for temperature in (1, 0.23, 0.1)], axis=1)
    assert_near(numbers(page, "#play-temperature td:nth-of-type(n+3)"), shares)


@pytest.mark.parametrize("name", NAMES)
def test_it_is_said_what_is_drawn(visit: Visit, name: str) -> None:
    page = visit(f"book/{name}")
    guess(page, "1")
    for drawing in page.locator("svg[role=img]").all():
        if "play" in (drawing.get_attribute("aria-labelledby") or ""):
            assert drawing.locator("title").text_content()
            assert len(drawing.locator("desc").text_content()) > 20
    assert page.locator(".play [role=status]").count() == 2
