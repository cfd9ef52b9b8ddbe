"""`torchcaps predict --save-reconstruction`: a PNG for each image, and no file lost."""

import numpy as np
import pytest
import torch
from PIL import Image

import torchcaps as tc
from torchcaps.data.images import read_image


def drawn(folder, path):
    """The reconstruction of one picture as uint8 [H, W] or [H, W, 3]."""
    model = tc.load_model(folder)
    with torch.no_grad():
        picture = model(read_image(path, model.in_shape)[None]).reconstruction[0]
    return (picture.permute(1, 2, 0) * 255).round().to(torch.uint8).numpy().squeeze()


def saved(said):
    """The paths printed after the table, in the order of the images."""
    return [line for line in said.out.splitlines() if line.endswith(".png")]


@pytest.mark.parametrize("in_shape", [(1, 8, 8), (3, 9, 11)])
def test_what_is_saved_is_what_the_capsules_draw(cli, model, picture, in_shape):
    folder = model(in_shape=in_shape)
    paths = [picture("a.png"), picture("deep/b.png")]
    said = cli("predict", folder, *paths, "--save-reconstruction", "out/drawn")
    assert saved(said) == ["out/drawn/a-reconstruction.png", "out/drawn/b-reconstruction.png"]
    for path, file in zip(paths, saved(said), strict=True):
        with Image.open(file) as opened:
            assert opened.format == "PNG"
            assert opened.mode == ("L" if in_shape[0] == 1 else "RGB")
            np.testing.assert_allclose(np.asarray(opened).astype(int), drawn(folder, path), atol=1)


def test_images_of_one_name_do_not_overwrite_each_other(cli, model, picture, tmp_path):
    folder = model()
    paths = [picture("x/same.png"), picture("y/same.png"), picture("same.png")]
    said = cli("predict", folder, *paths, "--save-reconstruction", "drawn")
    assert len({*saved(said)}) == 3
    assert {str(p.relative_to(tmp_path)) for p in (tmp_path / "drawn").iterdir()} == {*saved(said)}
    for path, file in zip(paths, saved(said), strict=True):
        wanted = drawn(folder, path).astype(int)
        np.testing.assert_allclose(np.asarray(Image.open(file)).astype(int), wanted, atol=1)


def test_saving_beside_the_images_leaves_them_alone(cli, model, picture, tmp_path):
    folder, path = model(), picture("pics/a.png")
    before = (tmp_path / path).read_bytes()
    cli("predict", folder, path, "--save_reconstruction", "pics")
    assert (tmp_path / path).read_bytes() == before
    assert len(list((tmp_path / "pics").iterdir())) == 2


def test_a_model_without_a_decoder_is_refused(refused, model, picture, tmp_path):
    words = ["predict", model(name="cnn"), picture("a.png"), "--save-reconstruction", "drawn"]
    assert refused(*words) == (
        "predict, --save-reconstruction: expected a model with a decoder; cnn has none; "
        "leave the option out, or take a capsnet"
    )
    assert not (tmp_path / "drawn").exists()


def test_nothing_is_saved_unasked(cli, model, picture, tmp_path):
    folder, path = model(), picture("a.png")
    before = {*tmp_path.rglob("*")}
    cli("predict", folder, path)
    assert {*tmp_path.rglob("*")} == before
