"""Files that take another's place: written whole, and read anew when they are there."""

from __future__ import annotations

import os
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from recbook.checks import check_path

__all__ = ["NewestFile", "atomic_file", "check_writable"]


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


def check_writable(path: str | Path) -> None:
    """Raise what :func:`atomic_file` would, before the work whose result goes there.

    >>> check_writable("")
    Traceback (most recent call last):
    ValueError: got path='', expected the path of a file, e.g. 'films.csv'
    """
    with suppress(_WritableError), atomic_file(path):
        raise _WritableError  # which leaves nothing


class _WritableError(Exception):
    pass


class NewestFile:
    """What the newest whole file at a path holds.

    Attributes:
        content: what ``read`` has made of the newest file that it could read.
        problem: why a newer file could not be read, or None.

    Args:
        path: of the file, which others replace by a rename, as :func:`atomic_file` does.
        read: makes something of the file; its errors are handed on here, and kept later.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "list.txt")
    ...     _ = path.write_text("Alien")
    ...     newest = NewestFile(path, Path.read_text)
    ...     with atomic_file(path) as file:
    ...         _ = file.write(b"Brazil")
    ...     newest.look_again()
    >>> newest.content
    'Brazil'
    """

    content: Any
    problem: str | None

    def __init__(self, path: str | Path, read: Callable[[Path], Any]) -> None:
        self._path, self._read = check_path("path", path, file=True), read
        self._mark: tuple[int, ...] | None = ()
        while self._mark == ():
            self._take(self._look())

    def look_again(self) -> None:
        """Read the file where another has taken its place; go on with the old one if it fails."""
        if (mark := self._look()) != self._mark:
            try:
                self._take(mark)
            except Exception as error:  # whatever is wrong with it
                self._mark, self.problem = mark, str(error) or repr(error)

    def _take(self, mark: tuple[int, ...] | None) -> None:
        content = self._read(self._path)
        if self._look() == mark:  # else it may be of two files
            self._mark, self.content, self.problem = mark, content, None

    @contextmanager
    def followed(self, seconds: float) -> Iterator[None]:
        """Look again every so many seconds, in a thread of its own."""
        stop = threading.Event()

        def follow() -> None:
            while not stop.wait(seconds):
                self.look_again()

        thread = threading.Thread(target=follow, daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def _look(self) -> tuple[int, ...] | None:
        try:
            found = self._path.stat()
        except OSError:  # nothing is there, which reading will say
            return None
        return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
