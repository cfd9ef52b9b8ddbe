"""What a trained network does with other numbers of iterations, and with other couplings."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from torchcaps.analysis.eval_mode import eval_mode, require
from torchcaps.analysis.routing.couplings import CouplingStatistics, CouplingSums
from torchcaps.data import ImageDataset, require_one_class
from torchcaps.models import Explanation, Model
from torchcaps.ops import lengths
from torchcaps.ops.routing.dynamic import routing_softmax
from torchcaps.training.evaluation import label_for

# A capsule is dead if it is shorter than this on every image.
DEAD = 0.05


@dataclass(frozen=True)
class RoutingTest:
    """accuracy: share of images classified correctly. changed: share that get another class than
    with the model's own number of iterations."""

    accuracy: float
    changed: float


@dataclass(frozen=True)
class RoutingMeasures:
    """`couplings[r - 1]` and `tests[r - 1]` are those with r iterations, whatever the model was
    trained with, which is `own`.

    replaced: tests without routing, the couplings being "uniform", "random"
        (drawn for every image and child, or parent where they add up over the children, from all
        that sum to one, each as likely), or the "mean" over all images of the model's own
        couplings.
    dead_children, dead_parents: shares of the capsules whose length (of the parents, activation)
        is below 0.05 on every image.
    """

    own: int
    couplings: tuple[CouplingStatistics, ...]
    tests: tuple[RoutingTest, ...]
    replaced: dict[str, RoutingTest]
    dead_children: float
    dead_parents: float
    images: int


@torch.no_grad()
def measure_routing(
    model: Model, dataset: ImageDataset, *, up_to: int = 10, seed: int = 0, batch_size: int = 100
) -> RoutingMeasures:
    """Route every image of `dataset` with 1 to `up_to` iterations (or the model's own, if more)
    and with couplings that no routing found.

    Goes through the images twice and keeps only sums. The silent parent of leaky routing counts
    as one more parent. `seed` draws the random couplings.

    Raises a `ValueError` for a model without class capsules by routing, or signals of several
    lengths.
    """
    require("routes", model, "measure_routing")
    dataset = require_one_class(label_for(model, dataset, "measure_routing"), "measure_routing")
    sums, predicted, children, parents = CouplingSums(), [], [], []
    generator = torch.Generator().manual_seed(seed)
    with eval_mode(model):
        own = len(_explained(model, dataset, [0], None).couplings)
        for indices in torch.arange(len(dataset)).split(batch_size):
            found = _explained(model, dataset, indices, max(up_to, own))
            history = found.couplings
            sums.add(_with_silent(history, found.leaky))
            uniform = _adding_up(torch.zeros_like(history[0]), found)
            tried = (*history, uniform, _random(found, generator))
            scores = torch.stack([found.gather(couplings)[1] for couplings in tried])
            out = model(_images(model, dataset, indices))
            assert out.activations is not None
            scores[own - 1] = out.scores  # its own answer, to the last bit
            predicted.append(scores.argmax(-1).cpu())
            children.append(lengths(found.children).amax(0))
            parents.append(out.activations.amax(0))
        mean = sums.mean()[own - 1, :, : model.num_classes]
        by_mean = []
        for indices in torch.arange(len(dataset)).split(batch_size):
            found = _explained(model, dataset, indices, 1)
            couplings = mean.to(found.votes).expand(len(indices), -1, -1)
            by_mean.append(found.gather(couplings)[1].argmax(-1).cpu())
    every = torch.cat([torch.cat(predicted, 1), torch.cat(by_mean)[None]])
    *routes, by_uniform, by_random, by_mean = _tests(every, dataset.labels, own)
    return RoutingMeasures(
        own=own,
        couplings=tuple(sums.statistics()),
        tests=tuple(routes),
        replaced={"uniform": by_uniform, "random": by_random, "mean": by_mean},
        dead_children=_dead(children),
        dead_parents=_dead(parents),
        images=len(dataset),
    )


def _explained(
    model: Model, dataset: ImageDataset, indices: Tensor | list[int], iterations: int | None
) -> Explanation:
    found = model.explain(_images(model, dataset, indices), iterations)
    assert found is not None
    if found.mask is not None and not found.mask.all():
        raise ValueError(
            f"measure_routing, dataset: expected {dataset.noun} of one length, since means are of "
            "the same children; got shorter ones; take those that are as long as the longest"
        )
    return found


def _images(model: Model, dataset: ImageDataset, indices: Tensor | list[int]) -> Tensor:
    return dataset.batch(indices)[0].to(next(model.parameters()).device)


def _with_silent(history: Float[Tensor, "R B I J"], leaky: bool) -> Tensor:
    """Couplings that sum to one: what leaky routing sends to no parent goes to one more parent."""
    if not leaky:
        return history
    return torch.cat([history, (1 - history.sum(-1, keepdim=True)).clamp_min(0)], -1)


def _random(found: Explanation, generator: torch.Generator) -> Float[Tensor, "B I J"]:
    """Couplings drawn uniformly from all that sum to one: exponential numbers over their sum."""
    like = found.couplings[0]
    numbers = torch.empty(like.shape).exponential_(generator=generator)
    return _adding_up(numbers.log().to(like), found)


def _adding_up(logits: Float[Tensor, "B I J"], found: Explanation) -> Float[Tensor, "B I J"]:
    """The softmax over what the model's couplings add up to 1 over."""
    if found.sums_over == "children":
        return logits.softmax(-2)
    return routing_softmax(logits, found.leaky)


def _tests(predicted: Int[Tensor, "K N"], labels: Int[Tensor, " N"], own: int) -> list[RoutingTest]:
    """Of K ways to route N images, of which `own - 1` is the model's."""
    correct = (predicted == labels).double().mean(1).tolist()
    changed = (predicted != predicted[own - 1]).double().mean(1).tolist()
    return [RoutingTest(*both) for both in zip(correct, changed, strict=True)]


def _dead(peaks: list[Tensor]) -> float:
    """Share of capsules that stay short, from the greatest length of each in every batch."""
    return (torch.stack(peaks).amax(0) < DEAD).double().mean().item()
