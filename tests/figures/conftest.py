"""Reading a PNG back."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def decode():
    """PNG bytes to an array [H, W, channels]; complains of any that is not whole."""

    def read(png):
        with Image.open(BytesIO(png)) as picture:
            assert picture.format == "PNG"
            return np.asarray(picture.convert("RGB"))

    return read
