"""Trained with some numbers of routing iterations, tested with all from 1 to 10: why three?"""

from dataclasses import dataclass, replace
from pathlib import Path

from matplotlib.figure import Figure
from rich.console import Console
from rich.progress import Progress

from torchcaps.analysis.eval_mode import require
from torchcaps.analysis.routing.measures import RoutingMeasures, measure_routing
from torchcaps.analysis.routing.routing_trace import explain_routing
from torchcaps.figures.iterations import iteration_curves
from torchcaps.figures.routing import routing_diagram
from torchcaps.figures.squash import squash_figure
from torchcaps.studies.catalogue import Finding, Study
from torchcaps.studies.experiment import OnDataset, finish
from torchcaps.studies.report import listed
from torchcaps.studies.results import Results
from torchcaps.training import Recipe

TESTED = 10
REPLACED = ("uniform", "random", "mean")
COUPLINGS = ("entropy", "polarisation", "dynamism")
PANELS = {
    "accuracy": "test accuracy (%)",
    "entropy": "entropy (1: uniform, 0: all to one)",
    "polarisation": "polarisation (0: uniform, 1: all to one)",
    "dynamism": "dynamism (0: the same in every image)",
}


@dataclass(frozen=True)
class IterationsOptions(OnDataset):
    """Options of the study."""

    study = "iterations"

    model: str = "capsnet_small"
    """The model that is trained with different numbers of iterations."""
    iterations: tuple[int, ...] = (1, 2, 3, 5, 10)
    """Routing iterations in training; every network is tested with 1 to 10."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.refuse_empty("iterations")

    @property
    def names(self) -> dict[int, str]:
        """Of the networks, by their number of iterations."""
        numbers = sorted(set(self.iterations))
        return {r: f"{r} iteration{'s' if r != 1 else ''}" for r in numbers}

    @property
    def usual(self) -> int:
        """3, or the nearest number in training."""
        return min(self.names, key=lambda r: abs(r - 3))

    @property
    def tested(self) -> range:
        return range(1, 1 + max(TESTED, *self.names))

    def recipes(self, seed: int) -> dict[str, Recipe]:
        plain = self.recipe(self.model, seed)
        return {
            name: replace(plain, model_options={"iterations": r}) for r, name in self.names.items()
        }

    def run_folder(self, folder: Path, name: str, seed: int) -> Path:
        return super().run_folder(folder, f"iterations-{name.partition(' ')[0]}", seed)

    def check(self) -> None:
        """Raise a `ValueError` for what a later run of the study would trip over."""
        recipe = self.recipe(self.model, 0)
        require("routes", recipe.build_model(recipe.load_data("train")), "iterations study")
        super().check()


def run(options: IterationsOptions, folder: Path, quiet: bool, device: str = "auto") -> Finding:
    """Train with every number of iterations and every seed, route the test images in many ways,
    write tables, figures and report."""
    test_set = options.recipe(options.model, 0).load_data("test")
    models = options.train(folder, quiet=quiet, device=device)
    results = Results()
    with Progress(console=Console(stderr=True), disable=quiet) as progress:
        task = progress.add_task("routing", total=len(models) * options.seeds)
        for name, seeds in models.items():
            measures = []
            for seed, model in enumerate(seeds):
                measures.append(
                    measure_routing(model, test_set, up_to=options.tested[-1], seed=seed)
                )
                progress.advance(task)
            add(results, name, measures)
    image, _ = test_set[0]
    example = explain_routing(models[options.names[options.usual]][0], image)
    return finish(
        options,
        results,
        options.costs(folder, models),
        folder,
        {
            "iterations.svg": iterations_figure(results, options),
            "routing.png": routing_diagram(image, example, test_set.classes),
            "squash.svg": squash_figure(),
        },
        table(results, options),
        test_images=len(test_set),
        verdicts=verdicts(results, options),
    )


def add(results: Results, name: str, seeds: list[RoutingMeasures]) -> None:
    """Add what the networks `name` do, tested with every number of iterations (the condition; none
    for their own), and as "NAME, mean couplings" and the like without routing. Shares are in
    percent."""
    own = seeds[0].own
    for k in range(len(seeds[0].tests)):
        for condition in ("", k + 1) if k + 1 == own else (k + 1,):
            for metric in ("accuracy", "changed"):
                shares = [100 * getattr(each.tests[k], metric) for each in seeds]
                results.add(name, metric, shares, condition)
            for metric in COUPLINGS:
                values = [getattr(each.couplings[k], metric) for each in seeds]
                results.add(name, metric, values, condition)
    for metric in ("dead_children", "dead_parents"):
        results.add(name, metric, [100 * getattr(each, metric) for each in seeds])
    for by in REPLACED:
        for metric in ("accuracy", "changed"):
            shares = [100 * getattr(each.replaced[by], metric) for each in seeds]
            results.add(f"{name}, {by} couplings", metric, shares)


def verdicts(results: Results, options: IterationsOptions) -> dict[str, list[int]]:
    """The numbers of iterations that the usual one is ahead of, level with and behind, each tested
    as it was trained."""
    found: dict[str, list[int]] = {"ahead": [], "level": [], "behind": []}
    for r, name in options.names.items():
        if r != options.usual:
            usual = options.names[options.usual]
            found[results.difference(usual, name, "accuracy").verdict].append(r)
    return found


def table(results: Results, options: IterationsOptions) -> tuple[list[str], list[list[str]]]:
    """Header and one row a number of iterations in training: accuracies in percent."""
    rows = [
        [
            name,
            results.cell(name, "accuracy", digits=1, unit=" %"),
            *(
                results.cell(f"{name}, {by} couplings", "accuracy", digits=1, unit=" %")
                for by in REPLACED
            ),
        ]
        for name in options.names.values()
    ]
    return ["trained with", "test accuracy", *(f"with {by} couplings" for by in REPLACED)], rows


def iterations_figure(results: Results, options: IterationsOptions) -> Figure:
    """A curve over the iterations in the test for each number of iterations in training."""
    panels = {
        label: {r: results.curve(name, metric, options.tested) for r, name in options.names.items()}
        for metric, label in PANELS.items()
    }
    means = [results.mean(name, "accuracy") for name in options.names.values()]
    title = f"Trained with {listed(options.names)} iterations: test accuracy {min(means):.1f}"
    title += f" to {max(means):.1f} %" if len(means) > 1 else " %"
    return iteration_curves(panels, title=title)


STUDY = Study(IterationsOptions, IterationsOptions.check, run)
