"""What the routing study measures of its networks."""

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy

import torch

from torchcaps.analysis.eval_mode import eval_mode
from torchcaps.analysis.pose.pose_targets import moved
from torchcaps.analysis.robustness.transform_robustness import measure_transform
from torchcaps.analysis.routing.couplings import CouplingStatistics, CouplingSums
from torchcaps.data import ImageDataset
from torchcaps.models import Model
from torchcaps.studies.results import Results, Row
from torchcaps.studies.routing.cost import step_megabytes, step_milliseconds
from torchcaps.training import evaluate

ANGLES = (0.0, -30.0, 30.0)
AFFINE = "affine"
# Conditions of the accuracy, and what they are called.
TESTS = {"0": "upright", "-30": "−30°", "30": "+30°", AFFINE: "random affine"}
COUPLING_IMAGES = 1000  # at most; all votes of a batch are held at once, which is slow
COUPLINGS = ("entropy", "polarisation", "dynamism")


def add_answers(
    results: Results,
    name: str,
    seeds: Sequence[Model],
    test_set: ImageDataset,
    each: Callable[[], object],
) -> None:
    """Accuracies in percent, and statistics of the couplings on the test images as they are."""
    curve = measure_transform(seeds, test_set, "rotation", ANGLES)
    for k, angle in enumerate(ANGLES):
        results.add(name, "accuracy", curve.seeds(k), f"{angle:g}")
    anyhow = transformed(test_set)
    found = [evaluate(model, anyhow, model.make_loss()).accuracy for model in seeds]
    results.add(name, "accuracy", [100 * share for share in found], AFFINE)
    couplings = []
    for model in seeds:
        couplings.append(last_couplings(model, test_set))
        each()
    for metric in COUPLINGS:
        results.add(name, metric, [getattr(c, metric) for c in couplings])


@torch.no_grad()
def last_couplings(model: Model, test_set: ImageDataset) -> CouplingStatistics:
    """Of the last iteration, over the first test images."""
    sums = CouplingSums()
    with eval_mode(model) as device:
        for indices in torch.arange(min(len(test_set), COUPLING_IMAGES)).split(100):
            found = model.explain(test_set.batch(indices)[0].to(device))
            assert found is not None
            sums.add(found.couplings[-1:])
    return sums.statistics()[0]


def transformed(test_set: ImageDataset) -> ImageDataset:
    """Every image rotated, scaled, shifted and sheared at random, the same way for all networks."""
    found = moved(test_set, 1, seed=0)
    images = found.images.clamp(0, 1)
    return ImageDataset(images, found.labels, test_set.classes, name=test_set.name)


def add_costs(
    results: Results,
    models: Mapping[str, Sequence[Model]],
    train_set: ImageDataset,
    batch_size: int,
) -> None:
    """Milliseconds and megabytes of a training step, measured anew with the networks of each
    seed."""
    images, labels = train_set.batch(range(min(batch_size, len(train_set))))
    count = min(map(len, models.values()))
    for seed in range(count):
        networks = {name: deepcopy(seeds[seed]).train() for name, seeds in models.items()}
        device = next(next(iter(networks.values())).parameters()).device
        batch = images.to(device), labels.to(device)
        for name, milliseconds in step_milliseconds(networks, *batch).items():
            megabytes = step_megabytes(networks[name], *batch)
            results.rows += [
                Row(name, seed, "", "step_ms", milliseconds),
                Row(name, seed, "", "peak_mb", megabytes),
            ]
