"""Images as text: {"shape": [C, H, W], "data": base64 of uint8, row by row}."""

from base64 import b64decode, b64encode
from typing import Any

import torch
from torch import Tensor

from torchcaps.explorer.fields import Fields
from torchcaps.explorer.refusal import Refused


def pixels_json(image: Tensor) -> dict[str, Any]:
    """A floating image [C,H,W] in [0,1], or one of uint8."""
    if image.is_floating_point():
        image = image.clamp(0, 1).mul(255).round().to(torch.uint8)
    data = b64encode(image.contiguous().cpu().numpy().tobytes()).decode("ascii")
    return {"shape": list(image.shape), "data": data}


def read_pixels_json(fields: Fields, in_shape: tuple[int, int, int]) -> Tensor:
    """The uint8 image [C,H,W] that `pixels_json` wrote; refused if it has another shape."""
    shape = tuple(int(size) for size in fields.numbers("shape", 3, 0, 1e6))
    try:
        data = b64decode(fields.text("data"), validate=True)
    except ValueError:
        data = b""
    channels, height, width = in_shape
    if shape != in_shape or len(data) != channels * height * width:
        raise Refused(
            f"picture: expected {channels} x {height} x {width} pixels in base64, as the models "
            f"take them; got shape {shape} and {len(data)} bytes; draw or upload it again"
        )
    return torch.frombuffer(bytearray(data), dtype=torch.uint8).view(in_shape)
