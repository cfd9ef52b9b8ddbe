"""What the equivariance study asks of its networks."""

from collections.abc import Mapping, Sequence

from rich.progress import Progress

from torchcaps.analysis.pose.pose_targets import PoseTargets, drawn, moved
from torchcaps.analysis.representation.equivariance_error import equivariance_errors
from torchcaps.analysis.representation.linear_equivariance import measure_linear_equivariance
from torchcaps.analysis.representation.probes import Probed, measure_pixels, measure_probes
from torchcaps.analysis.representation.ridge import Splits
from torchcaps.data import ImageDataset
from torchcaps.data.transforms import rotate
from torchcaps.models import Model
from torchcaps.studies.equivariance_table import PIXELS, EquivarianceTable
from torchcaps.training import Recipe, evaluate

DEGREES = 30.0
_TIMES = 4  # that every image is moved before it is probed
_DRAWN = (1800, 450, 1200)  # faces, houses and cars to fit on, to choose by, to measure on


def transforms(width: int) -> dict[str, dict[str, float]]:
    """What is done to images of this width, by name: arguments of `affine`."""
    return {
        "rotation": {"degrees": DEGREES},
        "scaling": {"scale": 0.8},
        "shift": {"dx": float(max(1, round(width / 8)))},
        "shear": {"shear": 0.3},
    }


def load_parts(recipe: Recipe, images: int) -> Splits[ImageDataset]:
    """Training, validation and test split, at most so many images of each, always the same."""
    splits = (recipe.load_data(split) for split in ("train", "validation", "test"))
    return Splits(*(split.sample(min(images, len(split))) for split in splits))


def measure_layers(
    models: Mapping[str, Sequence[Model]], datasets: Splits[ImageDataset], progress: Progress
) -> EquivarianceTable:
    """Fit maps to every layer of every network, and ask those that have a ρ of their own."""
    moves = transforms(datasets.test.in_shape[-1])
    found, own = {}, {}
    for name, seeds in models.items():
        task = progress.add_task(f"moving for {name}", total=len(seeds) * len(moves))
        found[name] = [
            measure_linear_equivariance(
                model, datasets, moves, each=lambda task=task: progress.advance(task)
            )
            for model in seeds
        ]
        turning = [model for model in seeds if model.orientations is not None]
        if turning:
            own[name] = [_own_error(model, datasets.test) for model in turning]
    return EquivarianceTable(found, own)


def pose_moved(datasets: Splits[ImageDataset]) -> Splits[PoseTargets]:
    """The images moved by known amounts."""
    return Splits(*(moved(part, _TIMES, seed=k) for k, part in enumerate(datasets)))


def pose_drawn() -> Splits[PoseTargets]:
    """Faces, houses and cars drawn in known poses."""
    starts = (0, _DRAWN[0], _DRAWN[0] + _DRAWN[1])
    return Splits(*(drawn(n, start=start) for n, start in zip(_DRAWN, starts, strict=True)))


def measure_readers(
    models: Mapping[str, Sequence[Model]],
    posed: Splits[PoseTargets],
    *,
    width: int,
    data: str,
    progress: Progress,
) -> dict[str, list[Probed]]:
    """Probe every network, and the pixels."""
    task = progress.add_task(f"reading {data}", total=sum(map(len, models.values())) + 1)
    found = {}
    for name, seeds in models.items():
        found[name] = []
        for model in seeds:
            found[name].append(measure_probes(model, posed, width=width))
            progress.advance(task)
    found[PIXELS] = [measure_pixels(posed, width=width)]
    progress.advance(task)
    return found


def accuracies(
    models: Mapping[str, Sequence[Model]], test_set: ImageDataset
) -> dict[str, list[float]]:
    """Percent of the test images that are named rightly, by model and seed."""
    return {
        name: [100 * evaluate(model, test_set, model.make_loss()).accuracy for model in seeds]
        for name, seeds in models.items()
    }


def _own_error(model: Model, test_set: ImageDataset) -> float:
    images, _ = test_set.batch(range(len(test_set)))
    return equivariance_errors(model.eval(), images, rotate(images, DEGREES), DEGREES)["poses"]
