import pytest
import torch

from torchcaps.training import precision
from torchcaps.training.precision import FLOAT32, Precision, choose_precision, step_seconds

NHWC, BF16 = Precision(False, True), Precision(True, True)


@pytest.fixture
def problem(recipe):
    made = recipe()
    data = made.load_data("train")
    return made.build_model(data), *data.batch(range(4))


@pytest.fixture
def timed(monkeypatch):
    """`timed({FLOAT32: 1.0, ...})` scripts the measurements; returns those that were made."""

    def script(seconds):
        made = []

        def measure(candidate, *_, **__):
            made.append(candidate)
            return seconds[candidate]

        monkeypatch.setattr(precision, "step_seconds", measure)
        return made

    return script


@pytest.mark.parametrize(("asked", "expected"), [("fp32", FLOAT32), ("bf16", BF16)])
def test_a_named_precision_is_taken_unmeasured(problem, timed, asked, expected):
    made = timed({})
    assert choose_precision(asked, *problem) == expected
    assert made == []


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        ({FLOAT32: 1.0, NHWC: 0.9, BF16: 0.5}, BF16),
        ({FLOAT32: 1.0, NHWC: 0.5, BF16: 0.9}, NHWC),
        ({FLOAT32: 1.0, NHWC: 0.97, BF16: 0.99}, FLOAT32),
        ({FLOAT32: 1.0, NHWC: 2.0, BF16: 3.0}, FLOAT32),
        ({FLOAT32: 1.0, NHWC: 0.9, BF16: 0.88}, NHWC),
    ],
)
def test_auto_takes_what_is_clearly_fastest(problem, timed, seconds, expected):
    made = timed(seconds)
    assert choose_precision("auto", *problem) == expected
    assert made == [FLOAT32, NHWC, BF16]


def test_a_quick_step_is_not_worth_a_measurement(problem, timed):
    made = timed({FLOAT32: 0.01})
    assert choose_precision("auto", *problem) == FLOAT32
    assert made == [FLOAT32]


@pytest.mark.parametrize("candidate", [FLOAT32, NHWC, BF16])
def test_measuring_leaves_the_model_as_it_was(problem, candidate):
    model, images, labels = problem
    before = {key: value.clone() for key, value in model.state_dict().items()}
    assert step_seconds(candidate, model, images, labels) > 0
    for key, value in model.state_dict().items():
        assert torch.equal(value, before[key]), key
        assert value.is_contiguous(), key
    assert all(p.grad is None for p in model.parameters())


def test_a_hopeless_candidate_is_tried_once(problem, monkeypatch):
    model, images, labels = problem
    calls = []
    forward = type(model).forward
    monkeypatch.setattr(type(model), "forward", lambda *args: (calls.append(1), forward(*args))[1])
    step_seconds(FLOAT32, model, images, labels, hopeless=0.0)
    assert len(calls) == 1
    step_seconds(FLOAT32, model, images, labels)
    assert len(calls) == 1 + 4


def test_bf16_computes_convolutions_in_bfloat16_and_scores_in_float32(problem):
    model, images, labels = problem
    seen = []
    model.stem.register_forward_hook(lambda _, __, out: seen.append(out.dtype))
    with BF16.autocast(images.device):
        out = model(images, labels)
    assert seen == [torch.bfloat16]
    assert out.scores.dtype == torch.float32


def test_the_layout_is_that_of_the_weights_in_memory(problem):
    model, _, _ = problem
    NHWC.lay_out(model)
    assert model.primary.conv.weight.is_contiguous(memory_format=torch.channels_last)
    FLOAT32.lay_out(model)
    assert model.primary.conv.weight.is_contiguous()
