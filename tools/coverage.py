"""Say which lines and branches of the package no unit test reaches: `make coverage`.

Fails where fewer than 95 % of the lines, or of the branches, are reached.
"""

import json
import sys
from pathlib import Path

LEAST = 95.0


def shares(report: dict) -> dict[str, float]:
    """How many per cent of lines and of branches a report of coverage.py says are reached."""
    totals = report["totals"]
    return {
        "lines": totals["percent_statements_covered"],
        "branches": totals["percent_branches_covered"],
    }


def not_reached(report: dict) -> list[str]:
    """A line for each file that is not reached whole: its lines, and its branches as from -> to."""
    found = []
    for path, file in report["files"].items():
        branches = [f"{start}->{end}" for start, end in file["missing_branches"]]
        if missing := [*map(str, file["missing_lines"]), *branches]:
            found.append(f"{path}: {' '.join(missing)}")
    return found


if __name__ == "__main__":
    given = json.loads(Path(sys.argv[1]).read_text())
    print("not reached:", *not_reached(given), sep="\n  ")
    reached = shares(given)
    for what, share in reached.items():
        print(f"{share:.1f} % of the {what} are reached, at least {LEAST:g} % must be")
    sys.exit(any(share < LEAST for share in reached.values()))
