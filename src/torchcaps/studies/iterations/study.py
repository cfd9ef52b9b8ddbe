"""Why three? Trained with some numbers of routing iterations, tested with all from 1 to 10."""

from dataclasses import asdict, dataclass, replace
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from torchcaps.analysis.eval_mode import require_routing
from torchcaps.analysis.routing.measures import measure_routing
from torchcaps.analysis.routing.routing_trace import explain_routing
from torchcaps.studies.catalogue import Finding, Study
from torchcaps.studies.experiment import Cost, Experiment
from torchcaps.studies.iterations_report import IterationsResults, write_results
from torchcaps.studies.iterations_table import IterationsTable
from torchcaps.studies.runs import trained
from torchcaps.training import Recipe

TESTED = 10


@dataclass(frozen=True)
class IterationsOptions(Experiment):
    """What a person may set."""

    study = "iterations"

    data: str = "digits"
    """Dataset, one of `torchcaps datasets`."""
    root: str | None = None
    """Folder of the data files (default: $TORCHCAPS_DATA, then the user's cache)."""
    iterations: tuple[int, ...] = (1, 2, 3, 5, 10)
    """Routing iterations in training; every network is tested with 1 to 10."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.refuse_empty("iterations")

    @property
    def trained_with(self) -> tuple[int, ...]:
        return tuple(sorted(set(self.iterations)))

    def recipe_with(self, iterations: int, seed: int) -> Recipe:
        return replace(self.recipe(self.model, seed), model_options={"iterations": iterations})

    def check(self) -> None:
        """Raise a `ValueError` for what a later run of the study would trip over."""
        recipe = self.recipe(self.model, 0)
        train_set = recipe.load_data("train")
        require_routing(recipe.build_model(train_set), "iterations study")
        for iterations in self.trained_with:
            self.recipe_with(iterations, 0).build_model(train_set)


def run(options: IterationsOptions, folder: Path, quiet: bool, device: str = "auto") -> Finding:
    """Train with every number of iterations and every seed, route the test images in many ways,
    write tables, figures and report."""
    test_set = options.recipe(options.model, 0).load_data("test")
    models = {
        iterations: [
            trained(
                options.recipe_with(iterations, seed),
                _run_folder(folder, iterations, seed),
                quiet=quiet,
                device=device,
            )
            for seed in range(options.seeds)
        ]
        for iterations in options.trained_with
    }
    up_to = max(TESTED, *options.trained_with)
    measures = {}
    with Progress(console=Console(stderr=True), disable=quiet) as progress:
        task = progress.add_task("routing", total=len(models) * options.seeds)
        for iterations, seeds in models.items():
            measures[iterations] = []
            for seed, model in enumerate(seeds):
                measures[iterations].append(
                    measure_routing(model, test_set, up_to=up_to, seed=seed)
                )
                progress.advance(task)
    table = IterationsTable(measures)
    image, _ = test_set[0]
    results = IterationsResults(
        settings=asdict(options),
        command=options.command(),
        table=table,
        costs={
            f"trained with {iterations}": Cost.of(seeds[0], _run_folder(folder, iterations, 0))
            for iterations, seeds in models.items()
        },
        image=image,
        example=explain_routing(models[table.usual][0], image),
        classes=test_set.classes,
    )
    return write_results(results, folder)


def _run_folder(folder: Path, iterations: int, seed: int) -> Path:
    return folder / "models" / f"iterations-{iterations}-{seed}"


STUDY = Study(IterationsOptions, IterationsOptions.check, run)
