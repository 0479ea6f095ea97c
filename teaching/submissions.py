"""Find the submissions in a folder as Gradescope, Canvas or Moodle gives it, and read them."""

import json
import re
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from shutil import disk_usage
from typing import Any, NamedTuple

import yaml

_NOT_THEIRS = {"submission_metadata.yml", ".DS_Store", "Thumbs.db", "desktop.ini"}
_NOT_FOLDERS = {".ipynb_checkpoints", "__MACOSX"}
# lastfirst_LATE_1234_5678_hw3.ipynb: the student's number, then the submission's
_CANVAS = re.compile(r"(?P<name>[^_]+)_(?P<late>LATE_)?(?P<id>\d+)_\d+_.+")
# Ann Lee_1234_assignsubmission_file_/hw3.ipynb, or without folders ..._file_hw3.ipynb
_MOODLE = re.compile(r"(?P<name>.+?)_(?P<id>\d+)_assignsubmission_(?P<kind>[a-z]+)_?.*")
LARGEST, _MOST_CODE = 300 * 2**20, 2 * 2**20
_MOST_LISTS = 5_000_000  # each takes up to thirty times its characters in memory
_MOST_FILES = 20  # of one student: more are a folder that went along


class Found(NamedTuple):
    """A file that somebody handed in, or that somebody handed in none.

    Attributes:
        id: the student's number or the folder's or file's name.
        name: the student's name, where the system gives it.
        file: path from the folder that was given.
        path: the file, none where there is no notebook.
        flags: what the instructor should know.
    """

    id: str
    name: str
    file: str
    path: Path | None
    flags: tuple[str, ...] = ()


class Notebook(NamedTuple):
    """What a submission's file has, or why it cannot be graded."""

    problem: str = ""
    cells: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    homework: str = ""
    course: str = ""


class _Loader(yaml.SafeLoader):
    """Takes Ruby's marks, which Gradescope writes, for nothing."""


_Loader.add_multi_constructor("!", lambda loader, mark, node: None)


def unzipped(path: Path, folder: Path) -> Path:
    """The folder itself, or one with what the zip has; names in it lead nowhere else."""
    if path.is_dir():
        return path
    if not zipfile.is_zipfile(path):
        raise SystemExit(f"SUBMISSIONS={path} is neither a folder nor a zip")
    with zipfile.ZipFile(path) as packed:
        size, free = sum(each.file_size for each in packed.infolist()), disk_usage(folder).free
        if size > free:
            raise SystemExit(
                f"SUBMISSIONS={path} unpacks to {size:,} bytes, and {folder} has {free:,}: unpack "
                "it elsewhere without the files that are too large, and name that folder"
            )
        packed.extractall(folder)
    return folder


def find(folder: Path) -> list[Found]:
    """All submissions, in the order of their names; a student with two files is there twice."""
    folder = _inner(folder)
    names = _gradescope_names(folder / "submission_metadata.yml")
    found: list[Found] = []
    for entry in sorted(folder.iterdir()):
        if entry.name not in _NOT_THEIRS | _NOT_FOLDERS:
            found += _found(entry, folder, names)
    several = Counter(each.id for each in found if each.path)
    return [
        each._replace(flags=(*each.flags, f"one of {several[each.id]} files"))
        if several[each.id] > 1
        else each
        for each in found
    ]


def _inner(folder: Path) -> Path:
    """The folder itself or, where it holds nothing but one folder of submissions, that one."""
    several = [each for each in folder.iterdir() if each.name not in _NOT_THEIRS | _NOT_FOLDERS]
    if len(several) != 1 or not several[0].is_dir() or _MOODLE.fullmatch(several[0].name):
        return folder
    inside = [each for each in several[0].iterdir() if each.name not in _NOT_FOLDERS]
    told = any(each.name == "submission_metadata.yml" for each in inside)
    handed_in = [each for each in inside if each.is_dir() or each.suffix == ".ipynb"]
    return several[0] if told or len(handed_in) > 1 else folder


def read(path: Path | None) -> Notebook:
    """The code and the texts of a notebook; whatever the file holds, this returns."""
    if path is None:
        return Notebook("no notebook")
    if not path.stat().st_size:
        return Notebook("empty file")
    if path.stat().st_size > LARGEST:
        return Notebook("file too large")
    whole = path.read_bytes()
    if whole.count(b"[") + whole.count(b"{") > _MOST_LISTS:
        return Notebook("file too large")
    try:
        content = json.loads(whole.decode("utf-8-sig"))
        metadata = content.get("metadata", {})
        cells = [(cell["cell_type"], _text(cell["source"])) for cell in content["cells"]]
        kernel = metadata.get("language_info", {}).get("name")
        kernel = kernel or metadata.get("kernelspec", {}).get("language") or "python"
        own = metadata.get("recbook", {})
        homework, course = str(own.get("homework", "")), str(own.get("course", ""))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return Notebook("not a notebook")
    if str(kernel).lower() not in ("python", "python3", "ipython"):
        return Notebook(f"another kernel: {str(kernel)[:20]}")
    code = tuple(source for kind, source in cells if kind == "code")
    if sum(map(len, code)) > _MOST_CODE:
        return Notebook("file too large")
    texts = tuple(source for kind, source in cells if kind == "markdown")
    return Notebook("", code, texts, homework or _from_title(texts), course)


def _text(source: Any) -> str:
    text = "".join(source)
    text.encode("utf-8")  # half a character cannot be handed on
    return text


def _from_title(texts: tuple[str, ...]) -> str:
    """``hw3`` or ``hunt2`` from the title, where a system has dropped the file's metadata."""
    for text in texts:
        if title := re.match(r"# (Homework|Bug hunt) (\d+)", text):
            return ("hw" if title[1] == "Homework" else "hunt") + title[2]
    return ""


def _found(entry: Path, folder: Path, names: dict[str, str]) -> Iterator[Found]:
    """What one entry of the folder has: a student's folder, or a student's file."""
    moodle, canvas = _MOODLE.fullmatch(entry.name), _CANVAS.fullmatch(entry.name)
    who, name = entry.stem if entry.is_file() else entry.name, ""
    late = canvas is not None and entry.is_file() and bool(canvas["late"])
    if moodle:
        if moodle["kind"] != "file":
            return
        who, name = moodle["id"], moodle["name"]
    elif canvas and entry.is_file():
        who, name = canvas["id"], canvas["name"]
    flags = ("late",) if late else ()
    name = names.get(entry.name, name)
    several = sorted(entry.rglob("*.ipynb")) if entry.is_dir() else [entry]
    several = [
        each
        for each in several
        if each.is_file()
        and each.suffix == ".ipynb"
        and not (each.is_symlink() or entry.is_symlink())
        and not _NOT_FOLDERS & set(each.relative_to(folder).parts)
    ]
    if len(several) > _MOST_FILES:
        flags, several = (*flags, f"{len(several)} notebooks"), []
    if not several:
        yield Found(who, name, entry.name, None, flags)
    for path in several:
        yield Found(who, name, str(path.relative_to(folder)), path, flags)


def _gradescope_names(path: Path) -> dict[str, str]:
    """The submitters' names by folder."""
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), _Loader)
        return {
            folder: ", ".join(str(each.get(":name", "")) for each in entry[":submitters"])
            for folder, entry in content.items()
        }
    except (OSError, ValueError, TypeError, KeyError, AttributeError, yaml.YAMLError):
        return {}
