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

from platformdirs import user_cache_path
from tqdm.auto import tqdm

from recbook.checks import check_path
from recbook.files import atomic_file

__all__ = ["TIMEOUT", "download", "fetch_first", "find_folder", "md5", "read_stored"]

TIMEOUT = 10.0  # seconds without an answer after which the next source is tried


def find_folder(
    name: str,
    digests: dict[str, str],
    digest: Callable[[bytes], str],
    root: str | Path | None,
    fetch: Callable[[], dict[str, bytes]],
) -> Path:
    """The first folder with every file whole, else the first place, filled by ``fetch``."""
    if root is not None:
        check_path("root", root)
    places = [root, os.environ.get("RECBOOK_DATA"), user_cache_path("recbook")]
    folders = [Path(place).expanduser() / name for place in places if place]
    for folder in folders:
        if not all(_stored(folder / file).is_file() for file in digests):
            continue
        bad = [file for file in digests if digest(read_stored(folder / file)) != digests[file]]
        if not bad:
            return folder
        warnings.warn(
            f"{_stored(folder / bad[0])} is corrupted (its digest is not the published one); "
            "looking elsewhere, or fetching it again",
            stacklevel=3,
        )
    for file, content in fetch().items():
        with atomic_file(folders[0] / file) as new:
            new.write(content)
    return folders[0]


def fetch_first(
    name: str,
    digests: dict[str, str],
    digest: Callable[[bytes], str],
    sources: dict[str, Callable[[], dict[str, bytes]]],
) -> dict[str, bytes]:
    """The files from the first source that answers with what the digests promise."""
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
        + "\nNothing was written. Connect to the network and try again; or, on a machine that has "
        f"it, copy the folder with {', '.join(digests)} and set RECBOOK_DATA to where it lies."
    )


def _stored(path: Path) -> Path:
    packed = path.with_name(path.name + ".gz")
    return packed if packed.is_file() and not path.is_file() else path


def read_stored(path: Path) -> bytes:
    """A file's content, from ``.gz`` where only that is there; nothing where it is damaged."""
    content = _stored(path).read_bytes()
    try:
        return content if path.is_file() else gzip.decompress(content)
    except (OSError, EOFError, zlib.error):
        return b""  # not a whole gzip file: its digest will say so


def md5(content: bytes) -> str:
    """The MD5 digest, as GroupLens publishes it."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def download(url: str) -> bytes:
    """What stands at an address, with a progress bar."""
    with urllib.request.urlopen(url, timeout=TIMEOUT) as response:
        size = int(response.headers.get("Content-Length", 0)) or None
        name = url.rsplit("/", 1)[-1]
        with tqdm(total=size, unit="B", unit_scale=True, desc=name, leave=False) as bar:
            blocks = []
            while block := response.read(1 << 16):
                blocks.append(block)
                bar.update(len(block))
    return b"".join(blocks)
