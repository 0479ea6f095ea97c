"""Writing a file so that a reader sees the old one or the new one, whole."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from recbook.checks import check_path

__all__ = ["atomic_file"]


@contextmanager
def atomic_file(path: str | Path, previous: str | Path | None = None) -> Iterator[BinaryIO]:
    """Open a file that takes its name once it is written and on the disk.

    It is written under another name in the same folder, which is made where it is missing, forced
    to the disk, then renamed. Where the body raises, nothing is left of it. Its mode is that of any
    new file, so that other users of a shared folder can read it.

    Args:
        path: the name.
        previous: a name for the file that has been at ``path`` so far; None replaces it.

    Raises:
        TypeError: on what is no path.
        ValueError: on an empty path, or that of a folder.
        OSError: where the file cannot be written.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with atomic_file(Path(folder) / "list.txt") as file:
    ...         _ = file.write(b"Alien")
    ...     print(Path(folder, "list.txt").read_text())
    Alien
    """
    path = check_path("path", path, file=True)
    previous = None if previous is None else check_path("previous", previous, file=True)
    new = path.with_name(f"{path.name}.{secrets.token_hex(4)}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = open(new, "xb")  # noqa: SIM115
    except OSError as error:
        raise OSError(
            error.errno, f"{path} cannot be written ({error.strerror}); name a file elsewhere"
        ) from error
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if previous is not None and path.exists():
            os.replace(path, previous)
        os.replace(new, path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
