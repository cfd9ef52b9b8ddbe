"""Finding data files on disk, and downloading the missing ones."""

from __future__ import annotations

import os
from pathlib import Path

from torchcaps.files import expanded

ENVIRONMENT = "TORCHCAPS_DATA"
ROOT = f"load_dataset, root (or {ENVIRONMENT})"  # whose error it is


def data_root(root: str | os.PathLike[str] | None = None) -> Path:
    """The folder of all data: the argument, else $TORCHCAPS_DATA, else the user's cache folder."""
    chosen = root if root is not None else os.environ.get(ENVIRONMENT)
    if chosen:
        return expanded(chosen, ROOT)
    import pooch

    try:
        return Path(pooch.os_cache("torchcaps")).expanduser()
    except RuntimeError:
        raise ValueError(
            f"load_dataset, root: expected a folder; got none, and this user has no home for a "
            f"cache; name one: root in Python, --root on the command line, or {ENVIRONMENT}"
        ) from None


def find(folder: Path, file: str) -> Path | None:
    """The path of `folder/file`, a gzip, or of the same without .gz; None where neither is."""
    for path in (folder / file, folder / file.removesuffix(".gz")):
        if path.is_file():
            return path
    return None


def locate(folder: Path, file: str, url: str, sha256: str) -> Path:
    """The path of `folder/file`, a gzip; the same without .gz will do; else it is downloaded.

    A file that lies there already is taken as it is: recompressed copies have another checksum,
    and the reader checks what is inside. A download must have this sha256.

    FileNotFoundError: the file is missing and the download failed; it says where to put it.
    """
    if there := find(folder, file):
        return there
    import pooch

    try:
        found = pooch.retrieve(url + file, f"sha256:{sha256}", fname=file, path=folder)
    except (OSError, ValueError) as cause:
        raise FileNotFoundError(
            f"{folder.name}, file {file}: expected it in {folder} (with or without .gz); got "
            f"none, and the download from {url} failed ({type(cause).__name__}: {cause}); put "
            f"it there by hand, or set {ENVIRONMENT} to the folder that holds {folder.name}/"
        ) from cause
    return Path(found)
