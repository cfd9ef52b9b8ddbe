"""One process at a time in a run folder: a lock that ends with the process that holds it."""

import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

LOCK = ".torchcaps.lock"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Make `folder` if need be and hold its lock. A `ValueError` where another process does."""
    if folder.exists() and not folder.is_dir():
        raise ValueError(
            f"run folder {folder}: expected a folder; got a file; choose another --out"
        )
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / LOCK
    file = _open(path)
    while not _is(file, path):  # its last owner removed it after we opened it
        file.close()
        file = _open(path)
    with file:
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        try:
            yield
        finally:
            with suppress(OSError):
                path.unlink()


def _open(path: Path) -> IO[str]:
    """The file, locked."""
    file = open(path, "a+")  # noqa: SIM115 (the caller closes it)
    try:
        _take(file)
    except BlockingIOError:
        with file:
            file.seek(0)
            owner = file.read(20) or "another"
        raise ValueError(
            f"run folder {path.parent}: expected one that nobody uses; got a run in use by "
            f"process {owner}; wait for it, stop it, or choose another --out"
        ) from None
    except OSError as error:  # some network file systems know no locks
        warnings.warn(f"{path.parent} cannot be locked ({error.strerror})", stacklevel=2)
    return file


def _is(file: IO[str], path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), os.stat(path))
    except FileNotFoundError:
        return False


if sys.platform == "win32":
    import msvcrt

    def _take(file: IO[str]) -> None:
        file.seek(1 << 20)  # beyond the text, which others must be able to read
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except PermissionError:
            raise BlockingIOError from None
else:
    import fcntl

    def _take(file: IO[str]) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
