"""Where data files come from: places on this machine, then sources on the network."""

from __future__ import annotations

import gzip
import hashlib
import os
import urllib.request
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path
from tempfile import gettempdir

import numpy as np
from platformdirs import user_cache_path

from recbook.checks import check_path
from recbook.files import atomic_file
from recbook.progress import progress

__all__ = [
    "TIMEOUT",
    "Files",
    "Made",
    "download",
    "fetch_first",
    "fetch_from_authors",
    "find_files",
    "item_lists",
    "md5",
]

#: Seconds without an answer after which the next source is tried.
TIMEOUT = 10.0

#: What each file holds, by its name.
Files = dict[str, bytes]
#: For a file that is made of another, the other's name, and how.
Made = dict[str, tuple[str, Callable[[bytes], bytes]]]


def find_files(
    name: str,
    digests: dict[str, str],
    digest: Callable[[bytes], str],
    root: str | Path | None,
    fetch: Callable[[], Files],
    made: Made | None = None,
) -> tuple[Path | None, Files]:
    """The first folder that has every file whole, else what ``fetch`` brings.

    Looks in ``root``, ``$RECBOOK_DATA``, the user's cache and the machine's folder for temporary
    files, in each for a folder ``name``, then for the files themselves; a file may be gzipped. What
    is fetched goes into the first of these that can be written.

    Args:
        name: of the folder.
        digests: each file's digest, by its name.
        digest: how it is computed.
        root: where to look first, or None.
        fetch: brings the files from elsewhere.
        made: of a file that can be made from another one, which one, and how.

    Returns:
        The folder, or None where none can be written, and the files' contents.

    Raises:
        TypeError: on a root that is no path.
        ConnectionError: from ``fetch``, where no source has the files.
    """
    places = [] if root is None else [check_path("root", root)]
    if os.environ.get("RECBOOK_DATA"):
        places.append(Path(os.environ["RECBOOK_DATA"]))
    places += [Path(user_cache_path("recbook")), Path(gettempdir(), "recbook")]
    places = [place.expanduser() for place in places]
    for folder in (each for place in places for each in (place / name, place)):
        found = _whole(folder, digests, digest, made or {})
        if found is not None:
            return folder, found
    files = fetch()
    failures = []
    for folder in (place / name for place in places):
        try:
            for file, content in files.items():
                with atomic_file(folder / file) as new:
                    new.write(content)
        except OSError as error:
            failures.append(f"{folder} ({error.strerror or error})")
        else:
            _warn_of(failures, f"it is stored in {folder}")
            return folder, files
    _warn_of(failures, "it is kept in memory alone; set RECBOOK_DATA to a folder that can")
    return None, files


def _warn_of(failures: list[str], instead: str) -> None:
    if failures:
        warnings.warn(f"cannot be written: {', '.join(failures)}; {instead}", stacklevel=4)


def _whole(
    folder: Path, digests: dict[str, str], digest: Callable[[bytes], str], made: Made
) -> Files | None:
    """Every file of a folder, or None, with a warning where one is there but of no use."""
    files = {}
    for file in digests:
        there = _stored(folder / file).is_file() or file not in made
        source, make = (file, None) if there else made[file]
        path = _stored(folder / source)
        if not path.is_file():
            return None
        try:
            content = _unpacked(path)
            files[file] = content if make is None else make(content)
            if digest(files[file]) == digests[file]:
                continue
            reason = "is corrupted (its digest is not the published one)"
        except OSError as error:
            reason = f"cannot be read ({error.strerror or error})"
        except ValueError:
            reason = "is corrupted (it is not what it is published as)"
        warnings.warn(f"{path} {reason}; looking elsewhere, or fetching it again", stacklevel=4)
        return None
    return files


def fetch_first(
    name: str,
    digests: dict[str, str],
    digest: Callable[[bytes], str],
    sources: dict[str, Callable[[], Files]],
    folder: str,
) -> Files:
    """The files from the first source that answers with what the digests promise.

    Raises:
        ConnectionError: where none does; says why not, and how to get the ``folder`` by hand.
    """
    failures = []
    for source, get in sources.items():
        try:
            files = get()
            wrong = [file for file in digests if digest(files[file]) != digests[file]]
            if not wrong:
                return files
            failures.append(f"{source}: {', '.join(wrong)} came with an unexpected digest")
        except Exception as error:  # whatever a source answers, the next one is asked
            failures.append(f"{source}: {error}")
    raise ConnectionError(
        f"{name} is in none of root, $RECBOOK_DATA and the cache, and no source has it:\n  "
        + "\n  ".join(failures)
        + "\nNothing was written. Is there a network? Try again with it; or copy the folder "
        f"{folder} from elsewhere, and set RECBOOK_DATA to where it lies, or pass root=."
    )


def fetch_from_authors(
    name: str, url: str, digests: dict[str, str], digest: Callable[[bytes], str], folder: str
) -> Files:
    """The files from the one repository that has them, below ``url``.

    Raises:
        ConnectionError: where it does not answer with what the digests promise.
    """

    def get() -> Files:
        return {file: download(url + file) for file in digests}

    by_hand = f"{folder} with its {' and '.join(digests)}"
    return fetch_first(name, digests, digest, {"its authors' repository": get}, by_hand)


def _stored(path: Path) -> Path:
    packed = path.with_name(path.name + ".gz")
    return packed if packed.is_file() and not path.is_file() else path


def _unpacked(path: Path) -> bytes:
    """A file's content; nothing where it is gzipped and damaged."""
    content = path.read_bytes()
    try:
        return gzip.decompress(content) if path.suffix == ".gz" else content
    except (gzip.BadGzipFile, EOFError, zlib.error):
        return b""  # not a whole gzip file: its digest will say so


def md5(content: bytes) -> str:
    """The MD5 digest, as GroupLens publishes it."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def download(url: str) -> bytes:
    """What stands at an address, with a progress bar."""
    with urllib.request.urlopen(url, timeout=TIMEOUT) as response:
        size = int(response.headers.get("Content-Length", 0)) or None
        name = url.rsplit("/", 1)[-1]
        with progress(what=name, total=size, unit="B", unit_scale=True) as bar:
            blocks = []
            while block := response.read(1 << 16):
                blocks.append(block)
                bar.update(len(block))
    return b"".join(blocks)


def item_lists(content: bytes) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    r"""Lines ``number item item ...`` taken apart.

    Returns:
        The number that each line begins with, how many items follow it, and the items of all lines
        one after the other.

    Raises:
        ValueError, IndexError: on what are no such lines.

    >>> item_lists(b"7 1 2\n8 0\n")
    (array([7, 8]), array([2, 1]), array([1, 2, 0]))
    """
    lines = [np.array(line.split(), dtype=np.int64) for line in content.splitlines()]
    first, count = np.array([[line[0], len(line) - 1] for line in lines]).T
    return first, count, np.concatenate([line[1:] for line in lines])
