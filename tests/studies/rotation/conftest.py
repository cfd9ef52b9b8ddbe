"""One tiny rotation study, run once and read by many tests."""

from types import SimpleNamespace

import pytest

from torchcaps.studies.results import Results
from torchcaps.studies.rotation.study import RotationOptions, run


@pytest.fixture(scope="session")
def study(tmp_path_factory):
    """options, folder, finding, the text of results.json and its Results: two models, two seeds."""
    folder = tmp_path_factory.mktemp("study")
    options = RotationOptions(
        model="capsnet_small", beside=("cnn",), seeds=2, train_images=64, epochs=1,
        angles=(-30, 0, 30),
    )  # fmt: skip
    finding = run(options, folder, True, "cpu")
    text = (folder / "results.json").read_text()
    return SimpleNamespace(
        options=options, folder=folder, finding=finding, text=text, results=Results.from_json(text)
    )
