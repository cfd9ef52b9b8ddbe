"""A training step of capsnet on a CPU: `python benchmarks/train_step.py [--quick] [--out DIR]`.

Ways: `textbook` (votes by one broadcast product), `eager` (votes by a batched product), `ours` (the
path `route` takes), `auto` (`ours` in the format and layout that `precision: auto` chooses), and
`floor`, the same network with routing replaced by a slice: what convolutions, decoder and optimizer
cost. All take turns in one run; before that, each way's loss is compared with the eager one's.
"""

import argparse
import copy
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

import torchcaps
from gpu_train import FirstChildren
from ledger import Ledger
from problems import Case, eager, textbook
from timing import times
from torchcaps.models import CapsNet, Model
from torchcaps.nn import DenseCapsules
from torchcaps.ops.routing import Dynamic
from torchcaps.training.precision import FLOAT32, Precision, choose_precision


class Routed(nn.Module):
    """Class capsules routed by a way of the benchmark's."""

    def __init__(self, capsules: DenseCapsules, way: Callable[[Case], Tensor]) -> None:
        super().__init__()
        self.capsules, self.way = capsules, way
        self.routing = capsules.routing  # what the model reads its scores by

    def forward(self, u: Tensor) -> Tensor:
        c = self.capsules
        a = c.routing.algorithm()
        assert isinstance(a, Dynamic)
        return self.way(Case(u, c.weight, a.iterations, a.bias, a.leaky, a.detach))


def main() -> None:
    parser = argparse.ArgumentParser(
        description="A training step of capsnet on a CPU, every way side by side."
    )
    parser.add_argument(
        "--quick", action="store_true", help="a small network, to see that it works"
    )
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    options = parser.parse_args()
    torch.manual_seed(0)
    name, size, batch = ("capsnet_small", 8, 8) if options.quick else ("capsnet", 28, 64)
    model = torchcaps.create_model(name, in_shape=(1, size, size), num_classes=10)
    images, labels = torch.rand(batch, 1, size, size), torch.randint(0, 10, (batch,))
    assert isinstance(model, CapsNet)
    precision = choose_precision("auto", model, images, labels)

    models = {way: copy.deepcopy(model) for way in ("textbook", "eager", "ours", "auto", "floor")}
    capsules = model.capsules
    models["textbook"].add_module("capsules", Routed(copy.deepcopy(capsules), textbook))
    models["eager"].add_module("capsules", Routed(copy.deepcopy(capsules), eager))
    models["floor"].add_module("capsules", FirstChildren(10, 16, capsules.routing))
    steps = {
        way: Step(each, precision if way == "auto" else FLOAT32, images, labels)
        for way, each in models.items()
    }
    losses = {way: step.loss() for way, step in steps.items()}
    ledger = Ledger(options.out, "train_step_cpu", minutes=60, tiny=options.quick)
    ledger.rows = []
    for way, row in times(dict(steps), rounds=3 if options.quick else 21).items():
        off = abs(losses[way] - losses["eager"]) / losses["eager"]
        bar = 1e-2 if way == "auto" and precision.bf16 else 1e-5
        ledger.add(
            {
                "way": way,
                "batch": batch,
                **(precision if way == "auto" else FLOAT32)._asdict(),
                **row,
                "loss_error": None if way == "floor" else off,
                "passed": None if way == "floor" else off < bar,
            }
        )


class Step:
    """A step of Adam on one batch, again and again."""

    def __init__(self, model: Model, precision: Precision, images: Tensor, labels: Tensor) -> None:
        precision.lay_out(model)
        self.model, self.precision, self.labels = model, precision, labels
        self.images = images.to(memory_format=precision.layout())
        self.loss_of = model.make_loss()
        self.optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)

    def forward(self) -> Tensor:
        with self.precision.autocast(self.images.device):
            out = self.model(self.images, self.labels)
        return self.loss_of(out, self.images, self.labels)

    def loss(self) -> float:
        with torch.no_grad():
            return self.forward().item()

    def __call__(self) -> None:
        self.optimizer.zero_grad(set_to_none=True)
        self.forward().backward()
        self.optimizer.step()


if __name__ == "__main__":
    main()
