"""Files that are written whole or not at all, short ones read no further than they may be, and
~ in their names."""

import os
from contextlib import suppress
from pathlib import Path

_SHORT = 1_000_000  # bytes


def expanded(path: str | os.PathLike[str], where: str) -> Path:
    """`path` with the home folder in place of ~ or ~user. Raises a `ValueError`, beginning with
    `where`, for a user without one."""
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise ValueError(
            f"{where}: expected a folder; got {str(path)!r}, of a user without a home ({error}); "
            "write the whole path"
        ) from None


def write_whole(path: str | os.PathLike[str], content: bytes | str) -> Path:
    """Write `content` to `path` by way of a temporary neighbour and one rename.

    Whoever reads `path` sees the old file or the new one, also after a crash in mid-write.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
    return path


def read_short(path: str | os.PathLike[str]) -> str:
    """The text of a configuration; a `ValueError` where it has more than a million bytes or is no
    text, an `OSError` where it cannot be read."""
    with open(path, "rb") as file:
        content = file.read(_SHORT + 1)
    try:
        text = content.decode()
    except UnicodeDecodeError:
        raise ValueError(f"{path}: expected a configuration; got a file that is no text") from None
    if len(content) > _SHORT:
        raise ValueError(f"{path}: expected a configuration; got more than {_SHORT:,} bytes")
    return text
