import os
import stat
from pathlib import Path

import pytest

from recbook.files import atomic_file


def write(path: str | Path, content: bytes, previous: Path | None = None) -> None:
    with atomic_file(path, previous) as file:
        file.write(content)


def test_a_file_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b.txt"
    with atomic_file(str(path)) as file:
        file.write(b"one")
        assert not path.exists() and len(list(path.parent.iterdir())) == 1
    assert path.read_bytes() == b"one"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_what_fails_leaves_the_old_file_alone(tmp_path: Path, error: type) -> None:
    path = tmp_path / "b.txt"
    write(path, b"old")
    with pytest.raises(error), atomic_file(path, tmp_path / "before") as file:
        file.write(b"new")
        raise error
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]


def test_the_file_before_is_kept(tmp_path: Path) -> None:
    path, before = tmp_path / "b.txt", tmp_path / "before.txt"
    write(path, b"one", before)
    assert not before.exists()
    write(path, b"two", before)
    assert (path.read_bytes(), before.read_bytes()) == (b"two", b"one")
    write(path, b"three")
    assert (path.read_bytes(), before.read_bytes()) == (b"three", b"one")


def test_others_may_read_it(tmp_path: Path) -> None:
    old = os.umask(0o022)
    try:
        write(tmp_path / "b.txt", b"x")
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "b.txt").stat().st_mode) == 0o644


def test_two_at_once_do_not_meet(tmp_path: Path) -> None:
    path = tmp_path / "b.txt"
    with atomic_file(path) as first, atomic_file(path) as second:
        first.write(b"first")
        second.write(b"second")
        assert first.name != second.name
    assert path.read_bytes() == b"first"  # which was closed last
    assert list(tmp_path.iterdir()) == [path]


def test_it_is_on_the_disk_before_it_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = []
    sync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda file: (done.append("sync"), sync(file)))
    monkeypatch.setattr(os, "replace", lambda *names: (done.append("replace"), replace(*names)))
    write(tmp_path / "b.txt", b"x")
    assert done == ["sync", "replace"]


def test_what_is_no_path(tmp_path: Path) -> None:
    path = tmp_path / "b.txt"
    for wrong in (None, 7, b"a"):
        with pytest.raises(TypeError, match=r"got path=.*, expected the path of a file"):
            write(wrong, b"x")
    with pytest.raises(TypeError, match=r"got previous=7, expected the path of a file"):
        write(path, b"x", 7)
    with pytest.raises(ValueError, match="got path='', expected the path of a file"):
        write("", b"x")
    for arguments, name in (((tmp_path,), "path"), ((path, tmp_path), "previous")):
        with pytest.raises(ValueError, match=f"got {name}='.*', a folder, expected the path"):
            write(arguments[0], b"x", *arguments[1:])
    assert list(tmp_path.iterdir()) == []
