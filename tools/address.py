"""Where the book lives: badges, first cells, edit links and citation follow from pyproject.toml.

    make address URL=https://github.com/you/fork

puts another address into pyproject.toml, and into every tracked file that has the old one. The
first cell of a chapter installs the package from there, pinned to the tag of its version.
"""

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path

import recbook

ROOT = Path(__file__).resolve().parents[1]
ADDRESS = re.compile(r"https://github\.com/([\w.-]+/[\w.-]+?)/?")


def repository(root: Path = ROOT) -> str:
    """The OWNER/NAME that pyproject.toml says."""
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    return name_of(project["urls"]["Repository"])


def name_of(url: str) -> str:
    """The OWNER/NAME of an address.

    >>> name_of("https://github.com/you/fork/")
    'you/fork'
    """
    match = ADDRESS.fullmatch(url)
    if match is None:
        raise ValueError(
            f"got URL={url}, expected https://github.com/OWNER/NAME, where Colab opens notebooks"
        )
    return match[1].removesuffix(".git")


def mentions(name: str) -> re.Pattern[str]:
    """Finds a repository's addresses, on GitHub and behind Colab's badge, and what they install.

    >>> mentions("you/fork").sub(r"\\g<before>me/book", "git+https://github.com/you/fork@v1")
    'git+https://github.com/me/book@v1'
    """
    return re.compile(rf"(?P<before>github(?:\.com)?/){re.escape(name)}(?![\w-])")


def site(name: str) -> str:
    """Where GitHub shows a repository's site.

    >>> site("You/fork")
    'you.github.io/fork'
    """
    owner, _, book = name.partition("/")
    return f"{owner.lower()}.github.io/{book}"


def move(files: Iterable[Path], old: str, new: str) -> list[Path]:
    """Write the new address and the version's tag into files; return those that changed."""
    changed = []
    tag = re.compile(rf"(?P<before>git\+https://github\.com/{re.escape(new)})(@[\w.]+)?")
    for path in files:
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:  # a picture
            continue
        moved = mentions(old).sub(rf"\g<before>{new}", text).replace(site(old), site(new))
        moved = tag.sub(rf"\g<before>@v{recbook.__version__}", moved)
        if moved != text:
            path.write_text(moved, encoding="utf-8")
            changed.append(path)
    return changed


def tracked(root: Path = ROOT) -> list[Path]:
    """Git's files, less those that are this tool's own examples."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, check=True)
    own = {"tools/address.py", "tests/test_address.py"}
    names = [name for name in listed.stdout.decode().split("\0") if name and name not in own]
    return [root / name for name in names]


if __name__ == "__main__":
    try:
        (url,) = sys.argv[1:]
        given = name_of(url)
    except ValueError as error:
        raise SystemExit(f"address: {error}") from None
    for path in move(tracked(), repository(), given):
        print(path.relative_to(ROOT))
