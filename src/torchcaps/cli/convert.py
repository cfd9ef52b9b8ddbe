"""`torchcaps convert`: a file of someone else's weights becomes a model's folder."""

from pathlib import Path

from jsonargparse import Namespace

from torchcaps.files import expanded
from torchcaps.models import convert, save_model
from torchcaps.models.saving import CONFIG


def run(options: Namespace) -> None:
    source = options["from"]
    folder = expanded(options.out or f"runs/{source}", "convert, --out")
    if (folder / CONFIG).exists() and not options.overwrite:
        raise ValueError(
            f"convert, --out {folder}: expected a folder without a model; got one that has "
            f"{CONFIG}; choose another, or add --overwrite"
        )
    model = convert(Path(options.file), source)
    save_model(model, folder)
    parameters = sum(p.numel() for p in model.parameters())
    print(f"{model.name} for inputs of {model.in_shape}, {parameters:,} parameters")
    print(folder)
