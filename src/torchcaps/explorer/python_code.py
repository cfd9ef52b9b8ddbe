"""The few lines of Python that give the numbers on the page."""

import zlib
from base64 import b64encode
from typing import NamedTuple

from torch import Tensor

from torchcaps.data.faces_scene import Scene
from torchcaps.explorer.requests import Drawn, Indexed, Look, Source
from torchcaps.explorer.shown import Shown
from torchcaps.explorer.workspaces import Workspace


class _Code(NamedTuple):
    """Imports of the standard library, imports of ours, and lines that make `image [C,H,W]`."""

    standard: list[str]
    ours: list[str]
    lines: list[str]


def python_code(look: Look) -> str:
    """To run where the explorer runs: folders are named as it knows them."""
    image = _image(look.source, look.models)
    move = ", ".join(f"{name}={value!r}" for name, value in look.move._asdict().items())
    lines = [
        *image.standard,
        *([""] if image.standard else []),
        "import torch",
        "import torchcaps as tc",
        *image.ours,
        "from torchcaps.data.transforms import affine",
        "",
        *image.lines,
        f"moved = affine(image[None], {move})",
    ]
    for shown in look.models.models:
        lines += ["", *_answer(shown)]
    return "\n".join(lines) + "\n"


def _image(source: Source, models: Workspace) -> _Code:
    if isinstance(source, Indexed):
        return _Code([], [], _test_image(source.number, models))
    if isinstance(source, Drawn):
        return _Code(["import base64, zlib"], [], _pixels(source.pixels))
    ours = [
        "from torchcaps.data.faces_ink import ink",
        "from torchcaps.data.faces_scene import Scene",
    ]
    return _Code([], ours, _figure(source.scene, models.in_shape[1]))


def _test_image(number: int, models: Workspace) -> list[str]:
    recipe = models.recipe
    options = {} if recipe.root is None else {"root": recipe.root}
    options = {"split": "test", **options, **recipe.data_options}
    words = [repr(recipe.data), *(f"{name}={value!r}" for name, value in options.items())]
    return [f"image, label = tc.load_dataset({', '.join(words)})[{number}]"]


def _pixels(pixels: Tensor) -> list[str]:
    """A drawing in a line of its own: nothing has to lie beside the code."""
    packed = b64encode(zlib.compress(pixels.contiguous().numpy().tobytes(), 9)).decode("ascii")
    return [
        f'data = zlib.decompress(base64.b64decode("{packed}"))',
        "pixels = torch.frombuffer(bytearray(data), dtype=torch.uint8)",
        f"image = pixels.view({', '.join(map(str, pixels.shape))}) / 255",
    ]


def _figure(scene: Scene, size: int) -> list[str]:
    rows = ",\n".join(f"        {row}" for row in scene.parts[0].tolist())
    return [
        "scene = Scene(",
        f"    figures={scene.figures!r},",
        f"    whole=torch.tensor({scene.whole.tolist()}),",
        f"    parts=torch.tensor([[  # x, y, rotation, scale\n{rows},\n    ]]),",
        f"    thickness=torch.tensor({scene.thickness.tolist()}),",
        f"    expression=torch.tensor({scene.expression.tolist()}),",
        "    noise=torch.zeros(1),",
        f"    shown=torch.tensor({scene.shown.tolist()}),",
        ")",
        f"image = ink(scene, size={size})[0]",
    ]


def _answer(shown: Shown) -> list[str]:
    lines = [
        f"model = tc.load_model({shown.folder!r})",
        "with torch.no_grad():",
        "    out = model(moved)",
        "print(model.name, model.probabilities(out)[0])",
    ]
    if shown.can["angle"]:
        lines.append("print('rotated by', model.angle(out).item(), 'degrees')")
    return lines
