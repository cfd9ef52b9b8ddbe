"""Training where the data are: images on the device, batches by index, the step a CUDA graph."""

import copy
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor

import torchcaps
from ledger import NotRun, device
from timing import Call, captured
from torchcaps.data.transforms import random_shift
from torchcaps.models import Model


class Images(NamedTuple):
    """A dataset on the device: `images [N, C, H, W]` as stored, `labels [N]`, and its name."""

    images: Tensor
    labels: Tensor
    name: str


def load(split: str, tiny: bool) -> Images:
    """MNIST from $TORCHCAPS_DATA, or 64 of the embedded digits; NotRun if it is not there."""
    try:
        found = torchcaps.load_dataset("digits" if tiny else "mnist", split=split)
    except (
        FileNotFoundError,
        ImportError,
    ) as reason:  # pooch, which would fetch it, may be missing
        raise NotRun(f"no MNIST in $TORCHCAPS_DATA ({type(reason).__name__})") from reason
    found = found.first(64) if tiny else found
    return Images(found.images.to(device()), found.labels.to(device()), found.name)


def build(name: str, tiny: bool) -> Model:
    """A preset for 28 x 28 digits, or a small network for 8 x 8 with the same routing."""
    if not tiny:
        return torchcaps.create_model(name, in_shape=(1, 28, 28), num_classes=10)
    authors = {"style": "sabour2017", "detach": False} if name == "capsnet_sabour2017" else {}
    sizes = {"stem_channels": 4, "types": 8, "decoder_width": 8}
    return torchcaps.create_model(
        "capsnet_small", in_shape=(1, 8, 8), num_classes=10, **sizes, **authors
    )


class Trainer:
    """A model, its optimizer and its place in the data.

    mode: "eager", "graph" (the step captured once and replayed) or "compiled" (torch.compile, then
        captured); the last two need a GPU and are eager elsewhere.
    half: convolutions and dense layers in bfloat16, images channels_last.
    Adam at 0.001, 0.96 times as much every 2,000 steps, as the authors' code has it.
    """

    def __init__(
        self,
        model: Model,
        data: Images,
        batch: int,
        seed: int,
        *,
        mode: str = "graph",
        half: bool = True,
        shift: int = 0,
    ) -> None:
        self.data, self.batch, self.seed = data, min(batch, len(data.labels)), seed
        self.half, self.shift = half, shift
        self.mode = mode if device().type == "cuda" else "eager"
        layout = torch.channels_last if half else torch.contiguous_format
        self.model = model.to(device()).to(memory_format=layout)  # pyright: ignore[reportCallIssue]
        self.loss_of = model.make_loss()
        self.forward = torch.compile(self._forward) if self.mode == "compiled" else self._forward
        self.rate = torch.tensor(1e-3, device=device())
        on_gpu = device().type == "cuda"
        self.optimizer = torch.optim.Adam(
            model.parameters(), lr=self.rate, fused=True, capturable=on_gpu
        )
        self.epochs = 0
        shape = (self.batch, *data.images.shape[1:])
        self.images = torch.empty(shape, device=device()).to(memory_format=layout)
        self.labels = torch.empty(self.batch, dtype=torch.long, device=device())
        self.loss = torch.zeros((), device=device())
        self.update: Call | None = None

    def train_epoch(self) -> float:
        """Every image once (a few twice, to fill the last batch); the last batch's loss."""
        for index in self._batches():
            self.step(index)
        self.epochs += 1
        return float(self.loss)

    def step(self, index: Tensor) -> None:
        images = self.data.images[index]
        if self.shift:
            images = random_shift(images, self.shift, self.shifts)
        self.images.copy_(images)
        if images.dtype == torch.uint8:
            self.images /= 255
        self.labels.copy_(self.data.labels[index])
        if self.update is None:
            self.update = self._update if self.mode == "eager" else self._capture()
        self.update()
        self.rate *= 0.96 ** (1 / 2000)

    @torch.no_grad()
    def error(self, data: Images) -> float:
        """Share of images whose longest capsule is not their class."""
        self.model.eval()
        wrong = 0
        for start in range(0, len(data.labels), 1000):
            images = data.images[start : start + 1000].float()
            images = images / 255 if data.images.dtype == torch.uint8 else images
            with self._autocast():
                scores = self.model(images).scores
            wrong += (scores.argmax(-1) != data.labels[start : start + 1000]).sum()
        self.model.train()
        return float(wrong) / len(data.labels)

    def state(self) -> dict[str, Any]:
        """All that decides how training goes on."""
        return {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "rate": self.rate,
            "epochs": self.epochs,
        }

    def resume(self, state: dict[str, Any]) -> None:
        """Go on from `state()`; before the first step, which a graph would have captured."""
        assert self.update is None
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.rate.copy_(state["rate"])
        self.epochs = state["epochs"]
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate

    def _batches(self) -> Iterator[Tensor]:
        """An order and shifts that follow from seed and epoch, whatever ran before."""
        draws = torch.Generator(device()).manual_seed(1000 * self.seed + self.epochs)
        order = torch.randperm(len(self.data.labels), generator=draws, device=device())
        self.shifts = draws
        order = torch.cat([order, order[: -len(order) % self.batch]])
        yield from order.split(self.batch)

    def _update(self) -> None:
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.forward(self.images, self.labels)
        loss.backward()
        self.optimizer.step()
        self.loss.copy_(loss.detach())

    def _forward(self, images: Tensor, labels: Tensor) -> Tensor:
        with self._autocast():
            out = self.model(images, labels)
        return self.loss_of(out, images, labels)

    def _autocast(self) -> torch.autocast:
        return torch.autocast(device().type, dtype=torch.bfloat16, enabled=self.half)

    def _capture(self) -> Call:
        """The step as a graph. Warming up trains a little: what it changed is put back."""
        weights = [p.detach().clone() for p in self.model.parameters()]
        moments = copy.deepcopy(self.optimizer.state_dict()["state"])
        try:
            replay = captured(self._update)
        except RuntimeError as reason:  # something in the step waits for the device
            print(f"{self.mode}: not run, eager instead: {reason}")
            self.mode, replay = "eager", self._update
        with torch.no_grad():
            for number, (p, before) in enumerate(
                zip(self.model.parameters(), weights, strict=True)
            ):
                p.copy_(before)
                for key, now in self.optimizer.state[p].items():
                    then = moments.get(number, {}).get(key)
                    now.zero_() if then is None else now.copy_(then)
        return replay
