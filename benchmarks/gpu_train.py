"""Part (c): the training step of capsnet, its floor without routing, an epoch of 60,000 images."""

import time
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from gpu_step import Images, Trainer, build, load
from ledger import Ledger, NotRun, Row, device
from timing import times

POSE_DIM = 16
MODES = ("eager", "graph", "compiled")


class FirstChildren(nn.Module):
    """The floor: the first children stand for the parents, and nothing is routed."""

    def __init__(self, parents: int, dim: int, routing: nn.Module) -> None:
        super().__init__()
        self.parents, self.dim = parents, dim
        self.routing = routing  # what the model reads its scores by

    def forward(self, u: Tensor) -> Tensor:
        flat = u.flatten(1)[:, : self.parents * self.dim]
        return flat.unflatten(1, (self.parents, self.dim))


def run(ledger: Ledger, tiny: bool) -> None:
    data = images(tiny)
    modes = MODES if device().type == "cuda" else ("eager",)
    for batch in (8,) if tiny else (128, 512):
        for mode in modes:
            for half in (True, False):
                for routed in (True, False):
                    case = {"case": "step", "batch": batch, "mode": mode}
                    case |= {"bf16": half, "routed": routed}
                    ledger.measure(case, partial(step, data, batch, mode, half, routed, tiny))
    for batch in (8,) if tiny else (128, 500):
        for mode in modes:
            case = {"case": "epoch", "batch": batch, "mode": mode, "bf16": True}
            ledger.measure(case, partial(epoch, data, batch, mode, tiny))
    ledger.measure({"case": "profile"}, partial(profile, data, ledger, tiny))
    ledger.figure(draw_steps)


def images(tiny: bool) -> Images:
    """MNIST or, to time the same shapes without it, noise."""
    try:
        return load("train+validation", tiny)
    except NotRun as reason:
        print(f"noise instead of digits: {reason}")
        noise = torch.randint(0, 256, (60_000, 1, 28, 28), dtype=torch.uint8, device=device())
        return Images(noise, torch.randint(0, 10, (60_000,), device=device()), "noise")


def trainer(
    data: Images, batch: int, mode: str, half: bool, tiny: bool, routed: bool = True
) -> Trainer:
    torch.manual_seed(0)
    torch.compiler.reset()
    model = build("capsnet", tiny)
    if not routed:
        routing = getattr(model.capsules, "routing")  # noqa: B009 (to pyright, modules hold tensors)
        model.capsules = FirstChildren(model.num_classes, POSE_DIM, routing)
    return Trainer(model, data, batch, seed=0, mode=mode, half=half)


def step(data: Images, batch: int, mode: str, half: bool, routed: bool, tiny: bool) -> Row:
    """One training step on a batch that is there."""
    one = trainer(data, batch, mode, half, tiny, routed)
    index = torch.arange(one.batch, device=device())
    row = times({"": lambda: one.step(index)}, rounds=3 if tiny else 50)[""]
    loss = float(one.loss)
    return {**row, "data": data.name, "loss": loss, "passed": loss == loss}


def epoch(data: Images, batch: int, mode: str, tiny: bool) -> Row:
    """Wall-clock seconds of the second epoch (the first compiles and captures), and the error."""
    one = trainer(data, batch, mode, True, tiny)
    first = one.train_epoch()
    _wait()
    start = time.perf_counter()
    last = one.train_epoch()
    _wait()
    seconds = time.perf_counter() - start
    error = one.error(data)
    return {
        "seconds": seconds,
        "images": len(data.labels),
        "data": data.name,
        "loss_first": first,
        "loss_last": last,
        "training_error": error,
    }


def profile(data: Images, ledger: Ledger, tiny: bool) -> Row:
    """Where the time of an eager step goes: the table is written beside the results."""
    one = trainer(data, 8 if tiny else 512, "eager", True, tiny)
    index = torch.arange(one.batch, device=device())
    one.step(index)
    with torch.profiler.profile() as found:
        for _ in range(5):
            one.step(index)
        _wait()
    by = "self_cuda_time_total" if device().type == "cuda" else "self_cpu_time_total"
    file = ledger.folder / "train_profile.txt"
    file.write_text(found.key_averages().table(sort_by=by, row_limit=40) + "\n")
    return {"file": file.name}


def _wait() -> None:
    if device().type == "cuda":
        torch.cuda.synchronize()


def draw_steps(figure: Any, rows: list[Row]) -> None:
    axes = figure.subplots()
    steps = [row for row in rows if row["case"] == "step"]
    names = [
        f"{row['mode']} {'bf16' if row['bf16'] else 'fp32'} B={row['batch']}"
        f"{'' if row['routed'] else ' without routing'}"
        for row in steps
    ]
    axes.barh(names, [row["ms"] for row in steps])
    axes.set(xlabel="training step of capsnet, ms")
