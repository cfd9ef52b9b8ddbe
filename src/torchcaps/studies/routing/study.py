"""One network under every routing algorithm: what does routing buy?"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from matplotlib.figure import Figure
from rich.console import Console
from rich.progress import Progress

from torchcaps.analysis.eval_mode import require
from torchcaps.data import ImageDataset
from torchcaps.figures.curves import Spread
from torchcaps.figures.routings import routings_figure
from torchcaps.nn import ROUTINGS
from torchcaps.studies.catalogue import Finding, Study
from torchcaps.studies.experiment import OnDataset, finish
from torchcaps.studies.results import Results
from torchcaps.studies.routing.measure import TESTS, add_answers, add_costs
from torchcaps.training import Recipe

CONTROL = "uniform"
CONTROLS = (CONTROL, "random")
MARKS = {"ahead": " ▲", "behind": " ▼"}


@dataclass(frozen=True)
class RoutingOptions(OnDataset):
    """Options of the study."""

    study = "routing"

    model: str = "capsnet_small"
    """The network whose class capsules are routed in different ways."""
    routings: tuple[str, ...] = tuple(ROUTINGS)
    """Names in torchcaps.nn.ROUTINGS; uniform, which the others are compared with, is added."""
    test_images: int | None = None
    """Test on this many images, the same for all (default: the whole test split)."""
    lr: float = 3e-3
    """Adam's learning rate at the start."""
    schedule: Literal["constant", "cosine", "sabour2017"] = "cosine"
    """Of the learning rate: constant, cosine to 0, or the authors' 0.96 every 2,000 steps."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.refuse_empty("routings")
        for name in self.routings:
            ROUTINGS[name]
        if not self.routed:
            raise ValueError(
                f"routing study, routings: expected at least one that routes; got only controls, "
                f"{', '.join(self.routings)}; name one to compare them with, such as dynamic"
            )

    @property
    def names(self) -> list[str]:
        """Of the networks: the routings, then the controls."""
        chosen = dict.fromkeys((*self.routings, CONTROL))
        return sorted(chosen, key=lambda name: name in CONTROLS)

    @property
    def routed(self) -> list[str]:
        """Those that are no controls."""
        return [name for name in self.names if name not in CONTROLS]

    def recipes(self, seed: int) -> dict[str, Recipe]:
        plain = self.recipe(self.model, seed)
        return {name: replace(plain, model_options={"routing": name}) for name in self.names}

    def load_test(self) -> ImageDataset:
        """The test images, or some of them."""
        test_set = self.recipe(self.model, 0).load_data("test")
        return test_set if self.test_images is None else test_set.sample(self.test_images)

    def check(self) -> None:
        """Raise a `ValueError` for what a later run of the study would trip over."""
        recipe = self.recipe(self.model, 0)
        self.load_test()
        require("routes", recipe.build_model(recipe.load_data("train")), "routing study")
        super().check()


def run(options: RoutingOptions, folder: Path, quiet: bool, device: str = "auto") -> Finding:
    """Train with every routing and every seed, test upright and moved images, time the training
    steps, write tables, figure and report."""
    recipe = options.recipe(options.model, 0)
    train_set, test_set = recipe.load_data("train"), options.load_test()
    models = options.train(folder, quiet=quiet, device=device)
    results = Results()
    with Progress(console=Console(stderr=True), disable=quiet) as progress:
        task = progress.add_task("testing", total=len(models) * options.seeds)
        for name, seeds in models.items():
            add_answers(results, name, seeds, test_set, lambda: progress.advance(task))
    add_costs(results, models, train_set, options.batch_size)
    return finish(
        options,
        results,
        options.costs(folder, models),
        folder,
        {"routings.svg": figure(results, options)},
        table(results, options),
        test_images=len(test_set),
        score_kinds=score_kinds(options.names),
    )


def score_kinds(names: Iterable[str]) -> dict[str, list[str]]:
    """The routings by what their scores are, on which the loss depends."""
    kinds: dict[str, list[str]] = {}
    for name in names:
        kinds.setdefault(ROUTINGS[name].score_kind, []).append(name)
    return kinds


def table(results: Results, options: RoutingOptions) -> tuple[list[str], list[list[str]]]:
    """Header and one row a routing: accuracies in percent, marked where they are ahead of those of
    uniform couplings or behind."""
    rows = []
    for name in options.names:
        cells = []
        for condition in TESTS:
            verdict = results.difference(name, CONTROL, "accuracy", condition).verdict
            cell = results.cell(name, "accuracy", condition, digits=1)
            cells.append(cell + MARKS.get(verdict, ""))
        rows.append([name, *cells])
    return ["routing", *TESTS.values()], rows


def across(results: Results, names: Iterable[str], metric: str, condition: str = "") -> Spread:
    """Mean and standard deviation of each network."""
    known = [*names]
    return Spread(
        [results.mean(name, metric, condition) for name in known],
        [results.sd(name, metric, condition) for name in known],
    )


def figure(results: Results, options: RoutingOptions) -> Figure:
    """Accuracies and times of all."""
    ahead = [
        name
        for name in options.routed
        if results.difference(name, CONTROL, "accuracy", "0").verdict == "ahead"
    ]
    return routings_figure(
        options.names,
        {
            label: across(results, options.names, "accuracy", condition)
            for condition, label in TESTS.items()
        },
        across(results, options.names, "step_ms"),
        control=CONTROL,
        title=f"Upright, {len(ahead)} of {len(options.routed)} routings are ahead of {CONTROL} "
        "couplings",
    )


STUDY = Study(RoutingOptions, RoutingOptions.check, run)
