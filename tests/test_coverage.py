from tools.coverage import not_reached, shares


def test_what_is_not_reached() -> None:
    whole = {"missing_lines": [], "missing_branches": []}
    part = {"missing_lines": [3, 4], "missing_branches": [[7, -1]]}
    totals = {"percent_statements_covered": 96.5, "percent_branches_covered": 94.0}
    report = {"files": {"a.py": whole, "b.py": part}, "totals": totals}
    assert not_reached(report) == ["b.py: 3 4 7->-1"]
    assert shares(report) == {"lines": 96.5, "branches": 94.0}
