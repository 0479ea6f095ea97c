"""Markdown tables for the pages that a script writes."""

from collections.abc import Iterator


def header(*names: str) -> Iterator[str]:
    """A table's first two lines."""
    yield row(*names)
    yield row(*("---" for _ in names))


def row(*cells: object) -> str:
    """A table's line."""
    return f"| {' | '.join(map(str, cells))} |"
