"""Whether what `python -m build` has made can be released: `make release [TAG=v1.2.3]`.

    python -m tools.release FOLDER [TAG]

The wheel has all files of the package and no other, it installs in an empty environment, and its
version is that of the tag and that which the chapters' first cells install.
"""

import subprocess
import sys
import tarfile
import tempfile
import tomllib
import zipfile
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parents[1]


def project_version() -> str:
    """Read the version that pyproject.toml has."""
    return str(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"])


def cells_version() -> str:
    """Read the tag that the chapters' first cells install; a test says that these are the same."""
    notebook = nbformat.read(min((ROOT / "book").glob("*.ipynb")), as_version=4)
    first = next(cell.source for cell in notebook.cells if cell.cell_type == "code")
    return str(first.split("git+", 1)[1].split('"', 1)[0].rsplit("@", 1)[1])


def package_files() -> set[str]:
    """List the files of the package that git knows."""
    command = ["git", "ls-files", "-z", "recbook"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return set(filter(None, listed.split("\0")))


def problems(folder: Path, tag: str) -> list[str]:
    """List what is wrong with the wheel and the source distribution in a folder."""
    version = project_version()
    found = [
        f"the tag is {other}, expected v{version}, pyproject.toml's; {mend}"
        for other, mend in (
            (tag, "change the version there, or take another tag"),
            (cells_version(), "call make address, which moves the chapters' first cells"),
        )
        if other != f"v{version}"
    ]
    wheel, source = f"recbook-{version}-py3-none-any.whl", f"recbook-{version}.tar.gz"
    if (there := {path.name for path in folder.iterdir()}) != {wheel, source}:
        return [*found, f"{folder} has {sorted(there)}, expected {wheel} and {source}"]
    inside = {
        name for name in zipfile.ZipFile(folder / wheel).namelist() if "dist-info" not in name
    }
    package = package_files()
    if differ := sorted(inside ^ package):
        found.append(f"the wheel and git have not the same files: {', '.join(differ)}")
    with tarfile.open(folder / source) as archive:
        packed = {name.partition("/")[2] for name in archive.getnames()}
    if lacks := sorted((package | {"LICENSE", "README.md", "pyproject.toml"}) - packed):
        found.append(f"the source distribution lacks {', '.join(lacks)}")
    return found


def said_when_installed(wheel: Path) -> str:
    """Install the wheel alone in an empty environment; the version that its command tells."""
    with tempfile.TemporaryDirectory() as empty:
        subprocess.run([sys.executable, "-m", "venv", empty], check=True)
        pip = [f"{empty}/bin/python", "-I", "-m", "pip", "install", "-q", "--no-deps", "--no-index"]
        subprocess.run([*pip, wheel], check=True)  # -I: a checkout on the path counts as installed
        ask = [f"{empty}/bin/recbook", "--version"]
        done = subprocess.run(ask, cwd=empty, capture_output=True, text=True, env={}, check=True)
    return done.stdout.strip()


def main(folder: Path, tag: str) -> str | None:
    """Check all of it; say what is wrong, or None, with which sys.exit ends well."""
    if found := problems(folder, tag):
        return "\n".join(found)
    (wheel,) = folder.glob("*.whl")
    if (said := said_when_installed(wheel)) != project_version():
        return f"recbook --version says {said}, expected {project_version()}"
    print(f"{wheel} and the source distribution beside it are ready for the tag {tag}")
    return None


if __name__ == "__main__":
    where, *given = sys.argv[1:]
    sys.exit(main(Path(where), *(given or [f"v{project_version()}"])))
