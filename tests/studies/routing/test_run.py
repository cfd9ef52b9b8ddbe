"""A tiny routing study: its numbers are those of its saved networks."""

import json
import subprocess
import sys
from dataclasses import asdict, dataclass, replace
from types import SimpleNamespace

import pytest

import torchcaps as tc
from torchcaps.analysis.routing.measures import measure_routing
from torchcaps.data import load_dataset
from torchcaps.data.transforms import rotate
from torchcaps.models import load_model
from torchcaps.studies.results import Results
from torchcaps.studies.routing.measure import COUPLINGS, add_costs, transformed
from torchcaps.studies.routing.study import RoutingOptions, run
from torchcaps.training import evaluate
from torchcaps.training.loop import _Loop

NAMES = ["vector", "uniform"]
MEASURED_ANEW = ("step_ms",)


@dataclass(frozen=True)
class Options(RoutingOptions):
    """In float32: what "auto" takes depends on the load of the machine."""

    def recipe(self, model, seed):
        return replace(super().recipe(model, seed), precision="fp32")


OPTIONS = Options(routings=("vector",), seeds=2, epochs=1, train_images=96, batch_size=32)


def numbers(folder):
    """What does not depend on the load of the machine."""
    rows = Results.from_json((folder / "results.json").read_text()).rows
    return [row for row in rows if row.metric not in MEASURED_ANEW]


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    folder = tmp_path_factory.mktemp("routing")
    finding = run(OPTIONS, folder, True, "cpu")
    text = (folder / "results.json").read_text()
    return SimpleNamespace(
        folder=folder, finding=finding, text=text, results=Results.from_json(text)
    )


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("seed", [0, 1])
def test_the_numbers_are_those_of_the_saved_networks(done, name, seed):
    model, test_set = (
        load_model(done.folder / "models" / f"{name}-{seed}"),
        load_dataset("digits", "test"),
    )
    loss = model.make_loss()
    for angle in (-30, 0, 30):
        wanted = evaluate(model, test_set, loss, transform=lambda x, a=angle: rotate(x, a))
        found = done.results.values(name, "accuracy", angle)[seed]
        assert found == pytest.approx(100 * wanted.accuracy)
    wanted = evaluate(model, transformed(test_set), loss)
    assert done.results.values(name, "accuracy", "affine")[seed] == pytest.approx(
        100 * wanted.accuracy
    )
    couplings = measure_routing(model, test_set).couplings[1 if name == "vector" else 0]
    for metric in COUPLINGS:
        assert done.results.values(name, metric)[seed] == pytest.approx(getattr(couplings, metric))
    assert done.results.values(name, "step_ms")[seed] > 0
    # More than the images of the stem for a batch, less than a hundred times that.
    assert 0.3 < done.results.values(name, "peak_mb")[seed] < 30


def test_affine_images_are_the_same_every_time_and_are_not_the_test_images():
    test_set = load_dataset("digits", "test")
    first, again = transformed(test_set), transformed(test_set)
    assert first.images.equal(again.images)
    assert first.labels.equal(test_set.labels)
    assert first.images.shape == test_set.images.shape
    assert not first.images.equal(test_set.batch(range(len(test_set)))[0])


def test_networks_of_one_seed_differ_only_in_the_routing(done):
    for seed in (0, 1):
        recipes = OPTIONS.recipes(seed)
        plain = asdict(OPTIONS.recipe("capsnet_small", seed))
        for name, recipe in recipes.items():
            assert asdict(recipe) == {**plain, "model_options": {"routing": name}}
            folder = done.folder / "models" / f"{name}-{seed}"
            assert type(recipe).load(folder / "config.yaml") == recipe


def test_the_files_are_complete_and_agree(done):
    about = json.loads(done.text)
    assert about["study"] == "routing"
    assert about["command"] == OPTIONS.command()
    assert list(about["models"]) == NAMES
    assert {path.name for path in (done.folder / "figures").iterdir()} == {"routings.svg"}
    assert (done.folder / "table.csv").read_text() == done.results.csv()
    assert [row[0] for row in done.finding.rows] == NAMES
    assert done.finding.report == done.folder / "report.html"


def test_a_finished_study_is_not_trained_again(done, monkeypatch):
    monkeypatch.setattr(_Loop, "step", lambda *_: pytest.fail("trained again"))
    before = numbers(done.folder)
    (done.folder / "report.html").unlink()
    run(OPTIONS, done.folder, True, "cpu")
    assert (done.folder / "report.html").is_file()
    assert numbers(done.folder) == before


def test_an_interrupted_study_ends_as_if_it_had_not_been(done, monkeypatch, tmp_path):
    plain, taken = _Loop.step, []

    def step(self, *arguments):
        taken.append(self.recipe.model_options["routing"])
        if len(taken) == 8:  # of 12: the second seed of the first routing has finished
            raise KeyboardInterrupt
        return plain(self, *arguments)

    monkeypatch.setattr(_Loop, "step", step)
    with pytest.raises(KeyboardInterrupt):
        run(OPTIONS, tmp_path, True, "cpu")
    assert not (tmp_path / "report.html").exists()
    run(OPTIONS, tmp_path, True, "cpu")
    assert taken.count("vector") == 6
    assert numbers(tmp_path) == numbers(done.folder)


def test_measuring_leaves_a_network_as_it_was():
    """Batch norms of the routing count the images of a training step."""
    model = tc.create_model("capsnet_small", (1, 8, 8), 10, routing="variational_bayes").eval()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    results = Results()
    add_costs(results, {"em": [model]}, load_dataset("digits", "train"), 32)
    assert results.names("metric", model="em") == ["step_ms", "peak_mb"]
    assert all(before[key].equal(value) for key, value in model.state_dict().items())
    assert not model.training
    assert all(parameter.grad is None for parameter in model.parameters())


def test_measuring_writes_nothing():
    """PyTorch's profiler writes to standard error unless told not to before its first use."""
    code = (
        "import torch, torchcaps as tc\n"
        "from torchcaps.studies.routing.cost import step_megabytes\n"
        "model = tc.create_model('capsnet_small', (1, 8, 8), 10)\n"
        "print(step_megabytes(model, torch.rand(2, 1, 8, 8), torch.zeros(2).long()) > 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("True\n", "")


def test_as_many_test_images_as_asked_for():
    """The same for every network; more than there are is refused before anything is trained."""
    some = replace(OPTIONS, test_images=50)
    assert len(some.load_test()) == 50
    assert some.load_test().labels.equal(some.load_test().labels)
    with pytest.raises(ValueError, match="expected 1 to 360"):
        replace(OPTIONS, test_images=100_000).check()
