import copy

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from torchcaps.training.checkpoints import Place, load_checkpoint, save_checkpoint

PLACE = Place(3, 7, 0.1 + 0.2, 0.95, {"bf16": False, "channels_last": True})


def net(channels=4, seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(1, channels, 3), nn.Flatten(), nn.Linear(channels * 36, 2))


def adam(model):
    return torch.optim.Adam(model.parameters(), lr=1e-2, fused=True)


def steps(model, optimizer, number):
    """Training steps whose images come from the global generator."""
    for _ in range(number):
        optimizer.zero_grad()
        model(torch.randn(5, 1, 8, 8)).square().sum().backward()
        optimizer.step()


@pytest.fixture
def saved(tmp_path):
    model = net()
    optimizer = adam(model)
    steps(model, optimizer, 2)
    path = tmp_path / "checkpoint" / "state.safetensors"
    save_checkpoint(path, model, optimizer, PLACE)
    return path, model, optimizer


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_a_run_goes_on_from_its_file_bit_for_bit(saved, layout):
    """The next steps need weights, both moments, Adam's step count and the random numbers."""
    path, model, optimizer = saved
    other = net(seed=1).to(memory_format=layout)  # pyright: ignore[reportCallIssue]
    other_optimizer = adam(other)
    model.to(memory_format=layout)  # pyright: ignore[reportCallIssue]
    load_checkpoint(path, model, optimizer)
    steps(model, optimizer, 3)
    torch.manual_seed(99)
    assert load_checkpoint(path, other, other_optimizer) == PLACE
    steps(other, other_optimizer, 3)
    for one, two in zip(model.parameters(), other.parameters(), strict=True):
        assert torch.equal(one, two)
        for key, value in optimizer.state[one].items():
            assert torch.equal(value, other_optimizer.state[two][key]), key


def test_loading_and_saving_again_gives_the_same_file(saved):
    path, _, _ = saved
    before = path.read_bytes()
    model = net(seed=1)
    optimizer = adam(model)
    place = load_checkpoint(path, model, optimizer)
    save_checkpoint(path, model, optimizer, place)
    assert path.read_bytes() == before


def test_a_run_not_yet_begun_has_no_moments(tmp_path):
    model = net()
    path = tmp_path / "state.safetensors"
    save_checkpoint(path, model, adam(model), Place())
    other = net(seed=1)
    optimizer = adam(other)
    assert load_checkpoint(path, other, optimizer) == Place()
    steps(other, optimizer, 1)
    assert optimizer.state[next(other.parameters())]["step"].item() == 1


def test_saving_leaves_one_file_and_the_model_as_it_was(saved):
    path, model, optimizer = saved
    before = copy.deepcopy(model.state_dict())
    save_checkpoint(path, model, optimizer, PLACE)
    assert [p.name for p in path.parent.iterdir()] == ["state.safetensors"]
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


def truncated(path):
    path.write_bytes(path.read_bytes()[:-50])


def without_place(path):
    save_file(load_file(path), path)


def foreign_place(path):
    save_file(load_file(path), path, metadata={"place": '{"page": 3}'})


def no_json(path):
    save_file(load_file(path), path, metadata={"place": "here"})


@pytest.mark.parametrize(
    "damage",
    [truncated, without_place, foreign_place, no_json, lambda p: p.write_bytes(b"PK\x03\x04 zip")],
)
def test_a_damaged_or_foreign_file_says_so(saved, damage):
    path, model, optimizer = saved
    damage(path)
    text = r"checkpoint .*: expected one that torchcaps wrote; got a damaged or foreign file \("
    with pytest.raises(ValueError, match=text):
        load_checkpoint(path, model, optimizer)


def test_a_missing_file_says_what_to_do(saved):
    path, model, optimizer = saved
    text = "expected a file to resume from; there is none; .* start it again with --overwrite"
    with pytest.raises(ValueError, match=text):
        load_checkpoint(path.with_name("none.safetensors"), model, optimizer)


def test_another_models_file_says_so(saved):
    path, _, _ = saved
    other = net(channels=5)
    with pytest.raises(ValueError, match=r"weights of this run's model; got others \(size mis"):
        load_checkpoint(path, other, adam(other))
