"""Small trained networks that come with the package, by name. No torch here."""

from pathlib import Path

_FOLDER = Path(__file__).parent / "weights"


def list_pretrained() -> list[str]:
    """Names that `load_model` knows, each MODEL.DATASET."""
    return sorted(path.parent.name for path in _FOLDER.glob("*/config.json"))


def model_folder(name: str | Path) -> Path:
    """The folder of a pretrained network; of anything else, the path itself. A folder of that name
    in the working directory goes first."""
    path = Path(name)
    return path if path.exists() or str(name) not in list_pretrained() else _FOLDER / path
