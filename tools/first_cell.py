"""What the first cell of a chapter says: its title, question, goals, and what it needs."""

import re

FIRST_CELL = re.compile(
    r"""\A\#\ (?P<title>.+)\n\n
    (?P<badge>\[!\[.+)\n\n
    \*\*The\ question\.\*\*\ (?P<question>.+)\n\n
    After\ this\ chapter\ you\ can\n\n(?P<goals>(?:\d\..+\n)+)
    (?:.*\n)*?
    (?P<line>\*\*Read\ before:\*\*\ (?P<needs>.+?)\.\ \*\*Run\ time:\*\*\ (?P<time>[^.]+)\.\ ?
    (?P<remark>.*))$""",
    re.VERBOSE | re.MULTILINE,
)


def first_cell(text: str) -> dict[str, str]:
    """What the first cell of a chapter says.

    Raises:
        ValueError: where it does not say it in the form that all chapters have.
    """
    found = FIRST_CELL.match(text)
    if found is None:
        raise ValueError(
            f"got a chapter that begins {text[:60]!r}, expected a title, the badge, **The "
            "question.**, 'After this chapter you can' with a list, and **Read before:** ... "
            "**Run time:** ...; see CONTRIBUTING.md"
        )
    return found.groupdict()
