import copy
import json
from dataclasses import asdict

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from torchcaps.training.checkpoints import Checkpoint, save_checkpoint
from torchcaps.training.place import Place

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


def load(path, model, optimizer):
    checkpoint = Checkpoint.read(path)
    checkpoint.load_into(model, optimizer)
    return checkpoint.place


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
    load(path, model, optimizer)
    steps(model, optimizer, 3)
    torch.manual_seed(99)
    assert load(path, other, other_optimizer) == PLACE
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
    place = load(path, model, optimizer)
    save_checkpoint(path, model, optimizer, place)
    assert path.read_bytes() == before


def test_a_run_not_yet_begun_has_no_moments(tmp_path):
    model = net()
    path = tmp_path / "state.safetensors"
    save_checkpoint(path, model, adam(model), Place())
    other = net(seed=1)
    optimizer = adam(other)
    assert load(path, other, optimizer) == Place()
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


def placed(**changes):
    """The place with something else in it."""

    def damage(path):
        text = json.dumps({**asdict(PLACE), **changes})
        save_file(load_file(path), path, metadata={"place": text})

    return damage


def nested(path):
    save_file(load_file(path), path, metadata={"place": "[" * 100_000})


def tensor(name, change):
    def damage(path):
        tensors = load_file(path)
        tensors[name] = change(tensors.get(name)).contiguous()
        save_file(tensors, path, metadata={"place": json.dumps(asdict(PLACE))})

    return damage


def without(name):
    def damage(path):
        tensors = load_file(path)
        del tensors[name]
        save_file(tensors, path, metadata={"place": json.dumps(asdict(PLACE))})

    return damage


DAMAGES = {
    "truncated": truncated,
    "a zip": lambda path: path.write_bytes(b"PK\x03\x04 zip"),
    "without place": without_place,
    "a place of another kind": placed(page=3),
    "a place that is no JSON": lambda p: save_file(load_file(p), p, metadata={"place": "here"}),
    "a place nested too deep": nested,
    "negative epoch": placed(epoch=-1),
    "half an epoch": placed(epoch=1.5),
    "batches of another type": placed(batches=True),
    "loss of NaN": placed(loss_sum=float("nan")),
    "accuracy of 200 %": placed(best_accuracy=2.0),
    "best epoch negative": placed(best_epoch=-1),
    "gain of nothing": placed(gain=0.0),
    "precision unknown": placed(precision={"bf16": 1, "channels_last": True}),
    "precision no table": placed(precision=None),
    "moment of another shape": tensor("optimizer.0.exp_avg", lambda t: t[:1, :, :1]),
    "moment of another type": tensor("optimizer.0.exp_avg_sq", lambda t: t.double()),
    "moment missing": without("optimizer.1.exp_avg"),
    "moment of nothing": tensor("optimizer.99.exp_avg", lambda _: torch.zeros(1)),
    "step of three": tensor("optimizer.0.step", lambda _: torch.ones(3)),
    "step of NaN": tensor("optimizer.0.step", lambda _: torch.tensor(float("nan"))),
    "no random state": without("random.cpu"),
    "random state too short": tensor("random.cpu", lambda t: t[:100]),
    "random state of zeros": tensor("random.cpu", torch.zeros_like),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_or_foreign_file_says_so_and_changes_nothing(saved, damage):
    """Adam's fused kernel reads moments of another shape unchecked: the process crashes."""
    path, model, optimizer = saved
    damage(path)
    before = copy.deepcopy(model.state_dict())
    moments = copy.deepcopy(optimizer.state_dict())
    random = torch.get_rng_state()
    text = r"checkpoint .*: expected one that torchcaps wrote; got a damaged or foreign file \("
    with pytest.raises(ValueError, match=text) as caught:
        load(path, model, optimizer)
    assert "\n" not in str(caught.value)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert str(moments) == str(optimizer.state_dict())
    assert torch.equal(torch.get_rng_state(), random)


def test_the_place_of_an_older_file_is_read(saved):
    """It knew neither the best epoch nor the gain."""
    path, model, optimizer = saved
    old = {k: v for k, v in asdict(PLACE).items() if k not in ("best_epoch", "gain")}
    save_file(load_file(path), path, metadata={"place": json.dumps(old)})
    assert load(path, model, optimizer) == PLACE


def test_another_models_file_says_so(saved):
    path, _, _ = saved
    other = net(channels=5)
    text = r"weights of this run's model, model.0.weight \[5, 1, 3, 3\] float32; got \[4, 1, 3, 3\]"
    with pytest.raises(ValueError, match=text):
        load(path, other, adam(other))
