"""Write which question of which homework serves which outcome: python -m teaching.outcomes."""

from collections.abc import Iterator

from recbook.files import atomic_file
from teaching.master import FOLDER, Master, all_bugs, read_master

PAGE = FOLDER / "outcomes.md"
_HEAD = """# Outcomes

What each question of the homeworks and bug hunts is for, how long it takes and what it is worth; \
where numbers are drawn, these are the same for all courses. `python -m teaching.outcomes` writes \
this page.
"""


def page() -> str:
    """The page, as Markdown."""
    homework = sorted(path.stem for path in (FOLDER / "masters").glob("*.py"))
    masters = [
        (name, read_master(name, "Outcomes", FOLDER / "masters" / f"{name}.py"))
        for name in homework
    ]
    bugs = [
        (name, read_master("hunt1", "Outcomes", FOLDER / "bugs" / f"{name}.py"))
        for name in all_bugs()
    ]
    return "\n".join([_HEAD, *(line for each in masters + bugs for line in _section(*each))])


def _section(name: str, master: Master) -> Iterator[str]:
    minutes = sum(question.minutes for question in master.questions)
    points = sum(question.points for question in master.questions)
    place = f"bugs/{name}.py" if name in all_bugs() else f"masters/{name}.py"
    yield f"## {master.title}\n\n`{place}`, {minutes} minutes, {points} points\n"
    yield "| question | outcome | minutes | points |\n|---|---|---|---|"
    for each in master.questions:
        by = " (by a person)" if not each.parts else ""
        yield f"| {each.id} {each.title} | {each.outcome} | {each.minutes} | {each.points}{by} |"
    yield ""


if __name__ == "__main__":
    with atomic_file(PAGE) as file:
        file.write(page().encode())
