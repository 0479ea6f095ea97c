"""What is found in a log: each fault that is planted, nothing in a clean one, and no surprise."""

import io
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from recbook.data import (
    MovieLens,
    check_log,
    clean_log,
    find_columns,
    global_time_split,
    read_interactions,
    read_log,
    shop_log,
)
from recbook.data.shop import FAULTS

LEFT = ("mixed offsets", "hours that jump")  # which nobody but the reader can repair


def clicks(*rows: tuple[str, str, float]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["user_id", "item_id", "timestamp"])


@pytest.mark.parametrize("seed", range(3))
def test_a_clean_log_has_no_finding(seed: int) -> None:
    log = shop_log(seed, num_people=300, num_products=100).log
    assert check_log(log).empty
    clean = clean_log(log)
    pd.testing.assert_frame_equal(clean, read_interactions(log))
    assert len(global_time_split(clean, 0.1, 0.1).test)


def test_movielens_has_no_finding(movielens: MovieLens) -> None:
    assert check_log(movielens.ratings).empty


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from(FAULTS))
@example(0, "bots")
@example(0, "hours that jump")
def test_what_is_planted_is_found_and_nothing_else(seed: int, fault: str) -> None:
    shop = shop_log(seed, 300, 100, faults=[fault])
    found = check_log(shop.log)
    assert found["what"].tolist() == [fault]
    planted = len(shop.planted[fault])
    near = 0.05 * planted if fault == "hours that jump" else 0  # a day is found, not a moment
    assert abs(found["rows"][0] - planted) <= near
    assert found["dropped"][0] == (fault not in LEFT)
    clean = clean_log(shop.log)
    if fault not in LEFT:
        kept = shop.log.drop(shop.planted[fault])
        ids = ["user_id", "item_id"]
        expected = pd.MultiIndex.from_frame(kept[ids])
        assert not pd.MultiIndex.from_frame(clean[ids]).symmetric_difference(expected).size
    assert not clean.duplicated(["user_id", "item_id"]).any()


def test_all_faults_at_once_are_counted_apart() -> None:
    shop = shop_log(1, 500, 200, faults=list(FAULTS))
    found = check_log(shop.log).set_index("what")["rows"]
    for fault in set(FAULTS) - set(LEFT):
        assert found[fault] == len(shop.planted[fault])
    assert len(clean_log(shop.log)) == len(shop_log(1, 500, 200).log)  # nothing but them is gone


def test_what_is_right_is_left() -> None:
    shop = shop_log(0, 300, 100, faults=["bots", "popular default"])
    clean = clean_log(shop.log, leave=["bots"])
    assert (
        clean["user_id"].str.startswith("bot").any() and not (clean["item_id"] == "welcome").any()
    )
    with pytest.raises(ValueError, match="robots"):
        clean_log(shop.log, leave=["robots"])


@pytest.mark.parametrize("leave", [[], ["bots"], ["mixed offsets", "exact duplicates"]])
def test_what_is_counted_is_what_is_left_out(leave: list[str]) -> None:
    log = shop_log(1, 500, 200, faults=list(FAULTS)).log
    found = check_log(log, leave=leave)
    assert {*leave} <= {*found["what"][~found["dropped"]]}
    assert len(log) - found["rows"][found["dropped"]].sum() == len(clean_log(log, leave))


def test_what_is_found_by_hand() -> None:
    noon = 1.7e9
    log = clicks(("a", "x", noon), ("a", "x", noon), ("a", "x", noon + 9), ("", "x", noon),
                 ("-1", "x", noon), ("b", "y", 5), ("b", "y", 9e9))  # fmt: skip
    found = check_log(log)
    assert dict(zip(found["what"], found["rows"], strict=True)) == {
        "missing values": 2, "exact duplicates": 1, "impossible times": 2, "repeated visits": 1,
    }  # fmt: skip
    assert "2 without user_id; first in row 4" in found["example"][0]
    assert clean_log(log).values.tolist() == [["a", "x", pd.Timestamp(noon, unit="s")]]


@pytest.mark.parametrize("unit", [1, 1e3, 1e6, 1e9])
def test_times_as_numbers_of_any_unit(unit: float) -> None:
    now = pd.Timestamp.now("UTC").timestamp()
    log = clicks(*[("a", str(n), (now - n) * unit) for n in range(5)], ("b", "0", 1e10 * unit))
    assert check_log(log)["what"].tolist() == ["impossible times"]
    newest = clean_log(log)["timestamp"].max()
    assert abs(newest.timestamp() - now) < 1
    kept = clean_log(log, leave=["impossible times"])  # of which some are no dates
    assert len(kept) == len(log) and kept["timestamp"].max() == 1e10 * unit


def test_numbers_that_are_no_times_are_only_an_order() -> None:
    assert check_log(clicks(*[("a", str(n), n) for n in range(5)])).empty


@pytest.mark.parametrize(
    ("users", "message"),
    [
        (
            [None, "", "-1"],
            "got 3 rows of which none is without a fault .missing values., expected",
        ),
        (
            [b"\xff", b"a", b"b"],
            r"'user_id': got ids of .* \(bytes\), such as b'.xff', expected all",
        ),
    ],
)
def test_what_leaves_nothing_to_judge(users: list[object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_log(pd.DataFrame({"user_id": users, "item_id": ["x", "y", "z"]}))


def test_a_fast_person_and_one_with_too_much_are_bots() -> None:
    people = [(f"p{u}", str(n + u), 1.7e9 + 3600 * n) for u in range(50) for n in range(10)]
    fast = [("fast", str(n), 1.7e9 + n) for n in range(600)]
    much = [("much", str(n), 1.7e9 + 7200 * n) for n in range(200)]
    for bot in (fast, much):
        found = check_log(clicks(*people, *bot))
        assert found["what"].tolist() == ["bots"] and found["rows"][0] == len(bot)
    assert check_log(clicks(*people, *fast[::7], *much[:99])).empty
    nameless = clicks(*people, *much).drop(columns="timestamp")
    assert check_log(nameless)["rows"].tolist() == [200]


def test_a_bestseller_is_no_default() -> None:
    hits = [
        (f"p{u}", "hit" if n == u % 5 else f"{n + u}", 1.7e9 + n)
        for u in range(50)
        for n in range(5)
    ]
    assert check_log(clicks(*hits)).empty  # many have it, one in five first
    all_have = [(f"p{u}", "hit", 1.7e9) for u in range(50)]
    follow = [(f"p{u}", f"{n}", 1.7e9 + 9 * n) for u in range(50) for n in range(1, 3)]
    assert check_log(clicks(*all_have, *follow))["what"].tolist() == ["popular default"]
    assert check_log(clicks(*all_have)).empty  # nothing follows: nobody can tell
    ordered = clicks(*all_have, *follow).drop(columns="timestamp")
    assert check_log(ordered).empty  # a table in order of its items has no first
    assert check_log(
        ordered.assign(timestamp="2025-03-01")
    ).empty  # nor one that knows the day only


def test_offsets_that_are_all_there_are_no_fault() -> None:
    times = ["2025-03-01T10:00:00+01:00", "2025-03-01T10:00:00Z", "2025-03-01 10:00:00-0500"]
    log = pd.DataFrame({"user_id": list("abc"), "item_id": "x", "timestamp": times})
    assert check_log(log).empty
    log.loc[3] = ["d", "x", "2025-03-01T10:00:00"]
    found = check_log(log)
    assert found["what"].tolist() == ["mixed offsets"] and found["rows"][0] == 1


@pytest.mark.parametrize("hours", [-9, -2, 2, 5, 12])
def test_the_hours_by_which_a_clock_jumps_are_found(hours: int) -> None:
    log = read_interactions(shop_log(3, 600).log)
    late = log["timestamp"] > "2025-05-01"
    log.loc[late, "timestamp"] += pd.Timedelta(hours=hours)
    (example,) = check_log(log)["example"]
    found = int(example.split()[-2])
    assert found % 24 == hours % 24 and ("2025-05-0" in example or "2025-04-30" in example)
    log.loc[late, "timestamp"] -= pd.Timedelta(hours=hours - 1)  # an hour is summer time
    assert check_log(log).empty


def test_what_leaks_from_later() -> None:
    log = clicks(("a", "x", 1.7e9), ("b", "y", 1.7e9 + 50))
    later = clicks(("a", "y", 1.7e9 + 20), ("b", "y", 1.7e9 + 60), ("a", "z", 1.7e9 + 70))
    found = check_log(log, later)
    assert found[["what", "rows"]].values.tolist() == [
        ["in both parts", 1], ["test before the end of train", 1],
    ]  # fmt: skip
    assert check_log(log, later[2:]).empty


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["User ID", "productId", "created_at"], ["User ID", "productId", "created_at"]),
        (["session", "customer", "page", "sku", "time"], ["customer", "sku", "time"]),
        (["userId", "movieId", "rating", "timestamp"], ["userId", "movieId", "timestamp"]),
    ],
)
def test_columns_are_found_under_the_names_that_logs_have(
    names: list[str], expected: list[str]
) -> None:
    found = find_columns(names)
    assert [found[name] for name in ("user_id", "item_id", "timestamp")] == expected


@pytest.mark.parametrize(
    ("names", "columns", "said"),
    [
        (["a", "b"], {}, "user_id"),
        (["user", "b"], {}, "item_id"),
        (["user", "item", "Item"], {}, "item_id=item"),
        (["user", "item"], {"item_id": "thing"}, "expected thing"),
        (["user", "item"], {"colour": "thing"}, "colour"),
    ],
)
def test_columns_that_are_not_found_are_said(
    names: list[str], columns: dict[str, str], said: str
) -> None:
    with pytest.raises(ValueError, match=said) as error:
        find_columns(names, **columns)
    assert "got" in str(error.value) and "expected" in str(error.value)


def test_a_named_column_is_not_another() -> None:
    assert find_columns(["user", "item", "thing"], user_id="item", item_id="thing") == {
        "user_id": "item", "item_id": "thing",
    }  # fmt: skip


def test_what_is_found_is_told() -> None:
    log = clicks(*[("a", "x", 1.7e9)] * 3, ("b", "x", 1.7e9 + 9), ("b", "x", 1.7e9 + 20))
    told: list[str] = []
    named = log.set_axis(["who", "Page", "time"], axis=1)
    again = read_log(named, tell=told.append, user_id="who")
    assert told == ["5 rows; user_id is 'who', item_id is 'Page', timestamp is 'time'"]
    clean_log(again, ["repeated visits"], told.append)
    assert [line.partition(";")[0] for line in told[1:]] == [
        "exact duplicates: 2 rows are left out", "repeated visits: 1 rows are left in",
    ]  # fmt: skip


def test_a_log_is_read_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "clicks.csv"
    path.write_text("﻿Visitor;Page;Time\n007;/tea;2025\n;/tea;\n007;/tea;2025\n")
    log = read_log(path)
    assert log.values.tolist() == [
        ["007", "/tea", "2025"],
        ["", "/tea", ""],
        ["007", "/tea", "2025"],
    ]
    assert list(log) == ["user_id", "item_id", "timestamp"]


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        (["1.2.2025 09:05", "31.12.2025 18:30"], ["2025-02-01 09:05", "2025-12-31 18:30"]),
        (["12/31/2025 2:03 PM", " ", "1/2/2025 9:00 AM"], ["2025-12-31 14:03", "2025-01-02 09:00"]),
        (["13-04-2025", "03-04-2025"], ["2025-04-13", "2025-04-03"]),
        (["13/04/2025 10:00+02:00", "03/04/2025 10:00-05:00"],
         ["2025-04-13 08:00", "2025-04-03 15:00"]),
    ],
)  # fmt: skip
def test_dates_are_read_as_they_are_meant(times: list[str], expected: list[str]) -> None:
    log = pd.DataFrame({"user": range(len(times)), "item": "x", "time": times})
    assert read_log(log)["timestamp"].dropna().tolist() == [*map(pd.Timestamp, expected)]
    assert clean_log(read_log(log))["timestamp"].tolist() == [*map(pd.Timestamp, expected)]


@pytest.mark.parametrize(
    "times",
    [
        ["03/04/2025", "05/06/2025"],  # nobody knows which is the month
        ["13/04/2025", "04/13/2025"],
        ["31.12.2025", "2025-12-31"],
        ["31.12.2025", "30.02.2025"],
    ],
)
def test_dates_that_may_be_others_are_refused(times: list[str]) -> None:
    log = read_log(pd.DataFrame({"user": ["a", "b"], "item": "x", "time": times}))
    assert log["timestamp"].tolist() == times
    with pytest.raises(ValueError, match="expected all numbers, or all dates"):
        check_log(log)


@pytest.mark.parametrize(
    ("stars", "expected"),
    [
        (["3,5", "4", ""], ["3.5", "4", ""]),
        (["3,5", "4.5"], ["3,5", "4.5"]),
        (["1,234", "4"], ["1,234", "4"]),
    ],
)
def test_decimal_commas_are_read_where_they_can_be_nothing_else(
    stars: list[str], expected: list[str]
) -> None:
    log = pd.DataFrame({"user": range(len(stars)), "item": "x", "stars": stars})
    assert read_log(log)["rating"].tolist() == expected


def test_of_ratings_of_the_same_the_highest_is_kept() -> None:
    log = clicks(*[("a", "x", 1.7e9 + n) for n in range(4)]).assign(rating=[5, 3600, 3600, 9])
    assert check_log(log)["rows"].tolist() == [3]
    (kept,) = clean_log(log).to_dict("records")
    assert kept["rating"] == 3600 and kept["timestamp"] == pd.Timestamp(1.7e9 + 1, unit="s")


def test_kinds_of_events_are_told_and_chosen() -> None:
    kinds = ["view", "view", "view", "remove_from_cart", "purchase"]
    log = pd.DataFrame({"user": list("abcde"), "sku": "x", "event": kinds, "action": "none"})
    raw = read_log(log)
    (found,) = check_log(raw).to_dict("records")
    assert (found["what"], found["rows"], found["dropped"]) == ("kinds of events", 2, False)
    assert "'view' 60.0%" in found["example"] and "'remove_from_cart' 20.0%" in found["example"]
    assert len(clean_log(raw)) == 5 and list(clean_log(raw)) == ["user_id", "item_id"]
    kept = read_log(log, events=["view", "purchase"])
    assert kept["user_id"].tolist() == list("abce") and check_log(kept).empty
    assert check_log(raw[raw["event"] == "view"]).empty
    assert read_log(log, ["none"], event="action")["user_id"].tolist() == list("abcde")
    for events in (["buy"], ["none"]):
        with pytest.raises(ValueError, match=r"expected some of .*purchase.*event=NAME"):
            read_log(log, events)
    with pytest.raises(ValueError, match="got the event 'buy'"):
        read_log(log[["user", "sku"]], ["buy"])


CELL = st.one_of(
    st.sampled_from(["", "a", "b", "007", "-1", "NaN", "null", "1e400", "9" * 30, "\0", '"', "é,"]),
    st.sampled_from(["2025-01-01T10:00:00Z", "2025-01-01 10:00", "1700000000", "31/12/2025", "0"]),
    st.text(max_size=4),
)
FRAME = st.lists(st.lists(CELL, min_size=3, max_size=3), min_size=0, max_size=8)
TABLE = st.lists(
    st.lists(
        st.one_of(CELL, st.none(), st.integers(), st.floats(), st.booleans(), st.just([1])),
        min_size=3,
        max_size=3,
    ),
    max_size=8,
)


def is_ours(error: Exception) -> bool:
    """Whether an error says what was there and what to do, as recbook's own do."""
    return isinstance(error, ValueError | TypeError) and (
        "expected" in str(error) or "close it" in str(error) or "each once" in str(error)
    )


def examine(log: pd.DataFrame) -> None:
    """What a log is put through: it is judged, or refused in our words."""
    before = log.copy(deep=True)
    try:
        found = check_log(log)
        clean = clean_log(log)
    except (ValueError, TypeError) as error:
        assert is_ours(error), error
    else:
        assert found["rows"].between(1, len(log)).all()
        assert not clean.duplicated(["user_id", "item_id"]).any()
        assert len(clean) + found["rows"][found["dropped"]].sum() == len(log)
        assert check_log(clean)["dropped"].sum() == 0
    pd.testing.assert_frame_equal(log, before)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(TABLE)
def test_any_table_is_judged_or_refused_in_our_words(rows: list[list[object]]) -> None:
    examine(pd.DataFrame(rows, columns=["user_id", "item_id", "timestamp"], dtype=object))


@settings(max_examples=60, deadline=None)
@given(FRAME, st.sampled_from([",", ";", "\t"]), st.sampled_from(["", "﻿", "\n"]))
def test_any_csv_is_read_or_refused_in_our_words(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]], sep: str, start: str
) -> None:
    text = io.StringIO()
    pd.DataFrame(rows, columns=["user", "item", "time"]).to_csv(text, sep=sep, index=False)
    read(tmp_path_factory, (start + text.getvalue()).encode("utf-8", "surrogatepass"))


@settings(max_examples=60, deadline=None)
@given(st.one_of(st.binary(max_size=60), st.binary(max_size=40).map(b"user,item,time\n".__add__)))
@example(b"")
@example(b"user,item\n")
@example(b"user,item\na,\xff\n")
@example(b'user,item\n"a,b\n')
@example(b"\x1f\x8b user,item")
@example(b"PAR1user,item")
@example(b'{"user": 1, "item": [2]}\n')
@example(b"user,item,time\na,b," + b"9" * 400)
def test_any_bytes_are_read_or_refused_in_our_words(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    read(tmp_path_factory, content)


def read(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(content)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".* is not UTF-8")
        try:
            log = read_log(path)
        except (ValueError, TypeError) as error:
            assert is_ours(error), error
            return
    examine(log)


def test_a_shop_is_what_its_seed_says() -> None:
    one, same, other = (shop_log(seed, 100, 60) for seed in (4, 4, 5))
    pd.testing.assert_frame_equal(one.log, same.log)
    assert not one.log.equals(other.log)
    assert set(one.log["item_id"]) <= set(one.items["item_id"]) and len(one.items) == 60
    hours = pd.to_datetime(one.log["timestamp"]).dt.hour
    assert ((hours >= 18).mean() > (hours < 8).mean()) and one.log[
        "timestamp"
    ].is_monotonic_increasing
    assert not one.log.duplicated(["user_id", "item_id"]).any()


def test_products_of_a_shop_come_in_the_course_of_time() -> None:
    log = shop_log(0, 500, 100).log
    first = pd.to_datetime(log["timestamp"]).groupby(log["item_id"]).min()
    assert 0.1 < (first > "2025-03-01T00:00Z").mean() < 0.5


def test_tastes_of_a_shop_differ() -> None:
    shop = shop_log(0, 300, 100)
    kind = shop.log["item_id"].map(shop.items.set_index("item_id")["category"])
    most = kind.groupby(shop.log["user_id"]).agg(lambda x: x.value_counts(normalize=True).iloc[0])
    assert most.mean() > 2 * np.max(kind.value_counts(normalize=True))
