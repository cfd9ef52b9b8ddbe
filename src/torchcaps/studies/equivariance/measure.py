"""What the equivariance study measures of its networks."""

from collections.abc import Mapping, Sequence

from rich.progress import Progress

from torchcaps.analysis.eval_mode import eval_mode
from torchcaps.analysis.pose.pose_targets import PoseTargets, drawn, moved
from torchcaps.analysis.representation.equivariance_error import equivariance_errors
from torchcaps.analysis.representation.linear_equivariance import measure_linear_equivariance
from torchcaps.analysis.representation.probes import Probed, measure_pixels, measure_probes
from torchcaps.analysis.representation.ridge import Splits
from torchcaps.data import ImageDataset
from torchcaps.data.transforms import rotate
from torchcaps.models import Model
from torchcaps.studies.results import Results
from torchcaps.training import Recipe, evaluate

DEGREES = 30.0
DRAWN, PIXELS = "drawn faces", "pixels"
LAYER_METRICS = ("error", "r2", "change", "lengths", "numbers")
PROBE_METRICS = ("equal", "whole", "shuffled", "selectivity")
_TIMES = 4  # moved copies of every image that is probed
_DRAWN = (1800, 450, 1200)  # drawings to fit on, to choose the penalty by, to measure on


def transforms(width: int) -> dict[str, dict[str, float]]:
    """What is done to images of this width, by name: arguments of `affine`."""
    return {
        "rotation": {"degrees": DEGREES},
        "scaling": {"scale": 0.8},
        "shift": {"dx": float(max(1, round(width / 8)))},
        "shear": {"shear": 0.3},
    }


def where(group: str, part: str) -> str:
    """The condition of a layer and a transform, or of a dataset and a quantity."""
    return f"{group}: {part}"


def load_splits(recipe: Recipe, images: int) -> Splits[ImageDataset]:
    """Training, validation and test split, at most so many images of each, always the same."""
    splits = (recipe.load_data(split) for split in ("train", "validation", "test"))
    return Splits(*(split.sample(min(images, len(split))) for split in splits))


def targets_of(datasets: Splits[ImageDataset]) -> Splits[PoseTargets]:
    """The images moved by known amounts."""
    return Splits(*(moved(part, _TIMES, seed=k) for k, part in enumerate(datasets)))


def drawn_targets() -> Splits[PoseTargets]:
    """Faces, houses and cars drawn in known poses."""
    starts = (0, _DRAWN[0], _DRAWN[0] + _DRAWN[1])
    return Splits(*(drawn(n, start=start) for n, start in zip(_DRAWN, starts, strict=True)))


def add_accuracy(
    results: Results, models: Mapping[str, Sequence[Model]], test_set: ImageDataset, data: str
) -> None:
    """Percent of the images, none moved, that each network classifies correctly."""
    for name, seeds in models.items():
        tests = [evaluate(model, test_set, model.make_loss()) for model in seeds]
        results.add(name, "accuracy", [100 * test.accuracy for test in tests], data)


def add_layers(
    results: Results,
    models: Mapping[str, Sequence[Model]],
    datasets: Splits[ImageDataset],
    progress: Progress,
) -> None:
    """Fit maps to every layer of every network: LAYER_METRICS in `where(layer, transform)`. Of a
    rotation-equivariant network also the error of its own map: own_error in "rotation"."""
    moves = transforms(datasets.test.in_shape[-1])
    images, _ = datasets.test.batch(range(len(datasets.test)))
    for name, seeds in models.items():
        task = progress.add_task(f"fitting maps to {name}", total=len(seeds) * len(moves))
        found, own = [], []
        for model in seeds:
            found.append(
                measure_linear_equivariance(
                    model, datasets, moves, each=lambda task=task: progress.advance(task)
                )
            )
            if model.orientations is not None:
                with eval_mode(model) as device:
                    here = images.to(device)
                    errors = equivariance_errors(model, here, rotate(here, DEGREES), DEGREES)
                own.append(errors["poses"])
        for layer in found[0]:
            for transform in moves:
                for metric in LAYER_METRICS:
                    values = [getattr(seed[layer][transform], metric) for seed in found]
                    results.add(name, metric, values, where(layer, transform))
        results.add(name, "own_error", own, "rotation")


def add_probes(
    results: Results,
    models: Mapping[str, Sequence[Model]],
    targets: Splits[PoseTargets],
    *,
    width: int,
    data: str,
    progress: Progress,
) -> None:
    """Probe every network and the pixels: PROBE_METRICS in `where(data, quantity)`, and how many
    numbers were read, features in `data`."""
    task = progress.add_task(f"probing, {data}", total=sum(map(len, models.values())) + 1)

    def add(name: str, found: list[Probed]) -> None:
        results.add(name, "features", [probed.numbers for probed in found], data)
        for metric in PROBE_METRICS:
            for quantity in targets.test.quantities:
                values = [getattr(probed, metric)[quantity] for probed in found]
                results.add(name, metric, values, where(data, quantity))

    for name, seeds in models.items():
        found = []
        for model in seeds:
            found.append(measure_probes(model, targets, width=width))
            progress.advance(task)
        add(name, found)
    add(PIXELS, [measure_pixels(targets, width=width)])
    progress.advance(task)
