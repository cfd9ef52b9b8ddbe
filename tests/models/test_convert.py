"""Weights of others: their networks' recorded outputs, and what is refused."""

import math
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import torchcaps as tc
from torchcaps.models import CapsNet, EfficientCapsNet, HeinsenCapsNet, convert


@pytest.fixture
def published():
    """The folder of the published files, which no checkout has."""
    folder = Path(os.environ.get("TORCHCAPS_DATA", "")) / "published"
    if not folder.is_dir():
        pytest.skip("no published weights here")
    return folder


def test_heinsens_network_answers_as_its_authors_recorded(published):
    """To 1e-4 in float32 and 1e-12 in float64, on noise; the real pictures need their own file."""
    model = convert(published / "heinsen2019_smallnorb_state_dict.pt", "heinsen2019")
    assert isinstance(model, HeinsenCapsNet)
    assert sum(p.numel() for p in model.parameters()) == 271_688
    told = np.load(published / "07_heinsen19_smallnorb_e2e.npz")
    images = torch.from_numpy(told["images_u8"]) / 255
    with torch.no_grad():
        out = model(images)
        exact = model.double()(images.double())
    for found, kind, tolerance in ((out, "f32", 1e-4), (exact, "f64", 1e-12)):
        poses = told[f"mu_out_{kind}"].reshape(4, 5, 16)
        np.testing.assert_allclose(found.scores, told[f"a_out_{kind}"], rtol=0, atol=tolerance)
        np.testing.assert_allclose(found.poses, poses, rtol=0, atol=tolerance)


def test_efficient_capsnet_answers_as_its_authors_recorded(published):
    pytest.importorskip("h5py")
    model = convert(published / "efficient_capsnet_smallnorb.h5", "efficient_capsnet")
    assert isinstance(model, EfficientCapsNet)
    assert model.decoder is not None
    drawing = sum(p.numel() for p in model.decoder.parameters())
    assert sum(p.numel() for p in model.parameters()) - drawing == 151_664
    told = np.load(published / "06_eff_smallnorb_e2e.npz")
    images = torch.from_numpy(told["x"]).permute(0, 3, 1, 2)
    with torch.no_grad():
        out = model(images)
    assert out.poses is not None
    assert out.reconstruction is not None
    np.testing.assert_allclose(out.poses, told["poses"], rtol=0, atol=1e-5)
    np.testing.assert_allclose(out.scores, told["lengths"], rtol=0, atol=1e-5)
    centre = out.reconstruction[:, :, 12:36:2, 12:36:2].permute(0, 2, 3, 1)
    np.testing.assert_allclose(centre, told["recon_center"], rtol=0, atol=1e-5)


def test_the_twelve_real_pictures_are_classified(published):
    """Of smallNORB, with the weights that were trained for it: twelve pictures show that nothing is
    turned or swapped on the way, and say nothing of the published accuracies."""
    real = published.parent / "parity" / "10_smallnorb_real_12.npz"
    if not real.is_file():
        pytest.skip("no real pictures here")
    data = np.load(real)
    images = torch.from_numpy(data["images"]).permute(0, 3, 1, 2) / 255
    model = convert(published / "heinsen2019_smallnorb_state_dict.pt", "heinsen2019")
    told = np.load(published / "07_heinsen19_smallnorb_real12.npz")
    with torch.no_grad():
        scores = model(images).scores
    np.testing.assert_allclose(scores, told["a_out_f32"], rtol=0, atol=1e-4)
    assert scores.argmax(-1).tolist() == data["labels"].tolist()


def keras_file(path, *, batch=True, decoder=True):
    """What Keras writes of the authors' network for MNIST, of random numbers."""
    h5py = pytest.importorskip("h5py")
    random = np.random.default_rng(0)
    shapes = {
        **{f"CapsNet/conv2d{n}/kernel:0": s for n, s in CONVOLUTIONS.items()},
        **{f"CapsNet/conv2d{n}/bias:0": (max(s[2:]),) for n, s in CONVOLUTIONS.items()},
        "CapsNet/digit_caps/W:0": (10, 16, 8, 16),
        "CapsNet/digit_caps/b:0": (10, 16, 1),
    }
    for number, channels in enumerate((32, 64, 64, 128)):
        layer = f"CapsNet/batch_normalization{f'_{number}' if number else ''}"
        for name in ("gamma", "beta", "moving_mean", "moving_variance") if batch else ():
            shapes[f"{layer}/{name}:0"] = (channels,)
    for number, (before, after) in enumerate(DENSE) if decoder else ():
        layer = f"Generator/dense{f'_{number}' if number else ''}"
        shapes |= {f"{layer}/kernel:0": (before, after), f"{layer}/bias:0": (after,)}
    arrays = {name: random.random(shape, dtype=np.float32) for name, shape in shapes.items()}
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            file[name] = array
    return arrays


CONVOLUTIONS = {
    "": (5, 5, 1, 32),
    "_1": (3, 3, 32, 64),
    "_2": (3, 3, 64, 64),
    "_3": (3, 3, 64, 128),
    "_4": (9, 9, 1, 128),
}
DENSE = ((160, 512), (512, 1024), (1024, 784))


@pytest.mark.parametrize("decoder", [True, False])
def test_keras_weights_for_mnist_stand_where_they_belong(tmp_path, decoder):
    arrays = keras_file(tmp_path / "mnist.h5", decoder=decoder)
    model = convert(tmp_path / "mnist.h5", "efficient_capsnet")
    state = model.state_dict()
    assert model.in_shape == (1, 28, 28)
    assert not model.training
    third = arrays["CapsNet/conv2d_2/kernel:0"]
    np.testing.assert_array_equal(state["features.6.weight"][5, 7], third[:, :, 7, 5])
    last = arrays["CapsNet/batch_normalization_3/moving_variance:0"]
    np.testing.assert_array_equal(state["features.11.running_var"], last)
    transforms = arrays["CapsNet/digit_caps/W:0"]
    np.testing.assert_array_equal(state["capsules.weight"][3, 2], transforms[2, 3].T)
    assert ("decoder.4.weight" in state) == decoder


def test_a_file_of_another_keras_network_is_refused(tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["dense/kernel:0"] = np.zeros((3, 3), np.float32)
    for name, said in (("other.h5", "expected the weights of an Efficient"), ("no", "HDF5")):
        (tmp_path / "no").write_bytes(b"no HDF5")
        with pytest.raises(ValueError, match=said):
            convert(tmp_path / name, "efficient_capsnet")
    keras_file(tmp_path / "norms.h5", batch=False)
    with pytest.raises(ValueError, match="expected the weights of efficient_capsnet; got others"):
        convert(tmp_path / "norms.h5", "efficient_capsnet")


def squash(s):
    norm = s.norm(dim=-1, keepdim=True)
    return norm / (1 + norm**2) * s


def agreement(votes, logits, iterations):
    """Routing as both ports have it: `[B, I, J, D]`."""
    poses = votes.new_zeros(votes[:, 0].shape)
    for number in range(iterations):
        if number:
            logits = logits + (votes * poses.unsqueeze(1)).sum(-1)
        poses = squash((logits.softmax(-1).unsqueeze(-1) * votes).sum(1))
    return poses


def decoded(state, names, poses, index):
    x = (poses * F.one_hot(index, 10)[..., None]).flatten(1)
    for k, name in enumerate(names):
        x = F.linear(x, state[f"{name}.weight"], state[f"{name}.bias"])
        x = x.relu() if k < 2 else x.sigmoid()
    return x.unflatten(1, (1, 28, 28))


def random_state(shapes):
    generator = torch.Generator().manual_seed(0)
    return {
        name: torch.randn(shape, generator=generator) / math.prod(shape[1:] or (100,)) ** 0.5
        for name, shape in shapes.items()
    }


IMAGES = torch.rand(2, 1, 28, 28, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("wrapped", ["", "module."])
def test_the_port_of_xifengguo_answers_as_its_equations(tmp_path, wrapped):
    names = ("decoder.0", "decoder.2", "decoder.4")
    shapes = {"conv1.weight": (256, 1, 9, 9), "conv1.bias": (256,)}
    shapes |= {"primarycaps.conv2d.weight": (256, 256, 9, 9), "primarycaps.conv2d.bias": (256,)}
    shapes |= {"digitcaps.weight": (10, 1152, 16, 8)}
    for name, (before, after) in zip(names, DENSE, strict=True):
        shapes |= {f"{name}.weight": (after, before), f"{name}.bias": (after,)}
    state = random_state(shapes)
    state["digitcaps.weight"] *= 3
    torch.save({wrapped + name: value for name, value in state.items()}, tmp_path / "x.pkl")
    model = convert(tmp_path / "x.pkl", "xifengguo")
    assert isinstance(model, CapsNet)
    stem = F.conv2d(IMAGES, state["conv1.weight"], state["conv1.bias"]).relu()
    weight, bias = (state[f"primarycaps.conv2d.{name}"] for name in ("weight", "bias"))
    children = squash(F.conv2d(stem, weight, bias, stride=2).reshape(2, -1, 8))
    votes = torch.einsum("jide,bie->bijd", state["digitcaps.weight"], children)
    poses = agreement(votes, votes.new_zeros(votes.shape[:3]), 3)
    with torch.no_grad():
        out = model(IMAGES)
    torch.testing.assert_close(out.poses, poses, rtol=1e-4, atol=1e-5)
    index = poses.norm(dim=-1).argmax(-1)
    torch.testing.assert_close(
        out.reconstruction, decoded(state, names, poses, index), rtol=1e-4, atol=1e-4
    )


@pytest.mark.parametrize("drawn", [True, False])
def test_the_port_of_adambielski_answers_as_its_equations(tmp_path, drawn):
    shapes = {"conv1.weight": (256, 1, 9, 9), "conv1.bias": (256,)}
    shapes |= {"primaryCaps.conv.weight": (256, 256, 9, 9), "primaryCaps.conv.bias": (256,)}
    shapes |= {"digitCaps.weights": (1152, 8, 160), "digitCaps.routing_module.b": (1152, 10)}
    names = tuple(f"reconstruction_net.fc{k}" for k in (1, 2, 3))
    for name, (before, after) in zip(names, DENSE, strict=True) if drawn else ():
        shapes |= {f"{name}.weight": (after, before), f"{name}.bias": (after,)}
    state = random_state(shapes)
    state["digitCaps.weights"] *= 10
    saved = {n if n.startswith("rec") else f"capsnet.{n}": x for n, x in state.items()}
    torch.save(saved if drawn else state, tmp_path / "x.pth")
    model = convert(tmp_path / "x.pth", "adambielski")
    stem = F.conv2d(IMAGES, state["conv1.weight"], state["conv1.bias"]).relu()
    weight, bias = (state[f"primaryCaps.conv.{name}"] for name in ("weight", "bias"))
    maps = F.conv2d(stem, weight, bias, stride=2).unflatten(1, (32, 8))
    children = squash(maps.permute(0, 1, 3, 4, 2).flatten(1, 3))
    votes = torch.einsum("bie,ieo->bio", children, state["digitCaps.weights"])
    votes = votes.unflatten(-1, (10, 16))
    prior = state["digitCaps.routing_module.b"].expand(2, -1, -1)
    poses = agreement(votes, prior, 4)
    with torch.no_grad():
        out = model(IMAGES)
    torch.testing.assert_close(out.poses, poses, rtol=1e-4, atol=1e-5)
    assert (out.reconstruction is not None) == drawn
    if drawn:
        index = poses.norm(dim=-1).argmax(-1)
        torch.testing.assert_close(
            out.reconstruction, decoded(state, names, poses, index), rtol=1e-4, atol=1e-4
        )


def test_what_is_no_state_dict_is_refused_and_never_run(tmp_path):
    path = tmp_path / "x.pt"
    for content, said in (
        (nn.Linear(2, 2), "a state dict of tensors, as torch.save writes it"),
        ([torch.ones(2)], "expected a state dict of tensors; got list"),
        ({"conv1.weight": torch.ones(2)}, "missing"),
    ):
        torch.save(content, path)
        with pytest.raises(ValueError, match=said):
            convert(path, "xifengguo")
    path.write_bytes(b"nothing")
    with pytest.raises(ValueError, match="cannot be read"):
        convert(path, "adambielski")


def test_unknown_sources_and_files_are_named(tmp_path):
    with pytest.raises(ValueError, match="convert, source: expected one of efficient_capsnet, hei"):
        convert(tmp_path, "nobody")
    with pytest.raises(ValueError, match="expected a file; there is none"):
        convert(tmp_path / "x.pt", "heinsen2019")


def test_a_converted_network_is_saved_and_loaded(tmp_path):
    keras_file(tmp_path / "mnist.h5", decoder=False)
    model = convert(tmp_path / "mnist.h5", "efficient_capsnet")
    again = tc.load_model(tc.save_model(model, tmp_path / "saved"))
    with torch.no_grad():
        torch.testing.assert_close(again(IMAGES).scores, model(IMAGES).scores)
