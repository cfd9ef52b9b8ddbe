import pytest

from torchcaps.training import run_folder, train
from torchcaps.training.lock import LOCK, locked
from torchcaps.training.run_folder import (
    append_metrics,
    create_run,
    read_metrics,
    truncate_metrics,
)


def contents(folder):
    """Of every file but the lock, which comes and goes."""
    files = (p for p in folder.rglob("*") if p.is_file() and p != folder / LOCK)
    return {str(p.relative_to(folder)): p.read_bytes() for p in files}


@pytest.fixture
def old_run(tmp_path):
    folder = tmp_path / "old"
    folder.mkdir()
    (folder / "config.yaml").write_text("epochs: 3")
    (folder / "metrics.jsonl").write_text("its numbers")
    return folder


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_new_or_an_empty_folder_is_taken(tmp_path, overwrite):
    create_run(tmp_path / "a" / "b", overwrite=overwrite)
    assert (tmp_path / "a" / "b").is_dir()
    create_run(tmp_path / "a" / "b", overwrite=overwrite)


def test_a_run_is_never_overwritten_unasked(old_run, recipe):
    before = contents(old_run)
    text = r"run folder .*: expected a new or empty folder; got one with files; .*add --overwrite"
    with pytest.raises(ValueError, match=text):
        train(recipe(), old_run, quiet=True)
    assert contents(old_run) == before


def fill(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("old")


RUN = [
    *("model.safetensors", "config.json", "checkpoint/state.safetensors"),
    *("best/model.safetensors", "best/config.json", "torchcaps/events.out.tfevents.1.host.2.0"),
    *(LOCK, ".metrics.jsonl.12.tmp", "checkpoint/.state.safetensors.12.tmp"),
]
STUDY = [
    *("results.json", "table.csv", "report.html", "figures/probes.png"),
    *(f"models/cnn-0/{name}" for name in ("config.yaml", *RUN)),
    *(f"faces/models/cnn-0/{name}" for name in ("config.yaml", *RUN)),
]


@pytest.mark.parametrize("names", [RUN, STUDY], ids=["run", "study"])
def test_overwrite_replaces_what_torchcaps_wrote_and_leaves_nothing_of_it(old_run, names):
    fill(old_run, *names)
    create_run(old_run, overwrite=True)
    assert list(old_run.iterdir()) == []


@pytest.mark.parametrize(
    "mine",
    [
        *("thesis.tex", ".git/config", "notes/", "best/mine.txt", "best/figures/a.png"),
        *("figures/deep/a.png", "models/cnn-0/thesis.tex", "mymodels/cnn-0/metrics.jsonl"),
        *(".thesis.tex.12.tmp", ".metrics.jsonl.tmp", ".lock"),
    ],
)
def test_overwrite_touches_nothing_where_something_else_lies(old_run, mine):
    fill(old_run, *RUN)
    if mine.endswith("/"):
        (old_run / mine).mkdir()
    else:
        fill(old_run, mine)
    before = contents(old_run)
    with pytest.raises(
        ValueError, match="expected nothing but what torchcaps wrote; got /"
    ) as told:
        create_run(old_run, overwrite=True)
    assert mine.split("/")[0] in str(told.value)
    assert contents(old_run) == before


@pytest.mark.parametrize("name", ["best", "metrics.jsonl", "checkpoint/state.safetensors"])
def test_overwrite_follows_no_link(old_run, tmp_path, name):
    fill(tmp_path / "mine", "a.txt")
    link = old_run / name
    link.unlink(missing_ok=True)
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(tmp_path / "mine")
    with pytest.raises(ValueError, match=f"what torchcaps wrote; got {link}; move it away"):
        create_run(old_run, overwrite=True)
    assert contents(tmp_path / "mine") == {"a.txt": b"old"}


@pytest.mark.parametrize("name", ["best", "metrics.jsonl"])
def test_overwrite_removes_nothing_that_is_protected(old_run, name):
    fill(old_run, *RUN)
    mode = (old_run / name).stat().st_mode
    (old_run / name).chmod(mode & ~0o222)
    before = contents(old_run)
    with pytest.raises(ValueError, match=f"what torchcaps wrote; got {old_run / name}; move it"):
        create_run(old_run, overwrite=True)
    (old_run / name).chmod(mode)
    assert contents(old_run) == before


@pytest.mark.parametrize("where", [".", "best", "mine/deep"])
def test_overwrite_never_takes_the_working_folder_or_one_around_it(old_run, monkeypatch, where):
    (old_run / where).mkdir(parents=True, exist_ok=True)
    monkeypatch.chdir(old_run / where)
    before = contents(old_run)
    with pytest.raises(ValueError, match="the folder that this command runs in, or one around it"):
        create_run(old_run, overwrite=True)
    assert contents(old_run) == before


@pytest.mark.parametrize(
    "config", [None, "an old run", "name: my project\nversion: 2", "[1, 2]", "\0", "{", "epochs: 0"]
)
def test_overwrite_refuses_a_folder_that_is_no_run(tmp_path, config):
    """A file of that name is not enough: many programs have a config.yaml."""
    fill(tmp_path, "metrics.jsonl")
    if config is not None:
        (tmp_path / "config.yaml").write_text(config)
    before = contents(tmp_path)
    with pytest.raises(ValueError, match=r"a folder without a config.yaml of this kind of run"):
        create_run(tmp_path, overwrite=True)
    assert contents(tmp_path) == before


def test_an_attempt_that_failed_before_it_trained_is_in_nobodys_way(tmp_path):
    (tmp_path / "config.yaml").write_text("epochs: 3")
    fill(tmp_path, "checkpoint/.state.safetensors.12.tmp", ".config.yaml.12.tmp", LOCK)
    create_run(tmp_path, overwrite=False)
    assert list(tmp_path.iterdir()) == []


def test_a_lone_config_of_something_else_is_kept(tmp_path):
    (tmp_path / "config.yaml").write_text("name: my project")
    with pytest.raises(ValueError, match="expected a new or empty folder"):
        create_run(tmp_path, overwrite=False)
    assert contents(tmp_path) == {"config.yaml": b"name: my project"}


def test_a_study_is_not_overwritten_while_one_of_its_runs_trains(old_run):
    fill(old_run, *STUDY)
    with locked(old_run / "models" / "cnn-0"):
        before = contents(old_run)
        with pytest.raises(ValueError, match="got a run in use by process"):
            create_run(old_run, overwrite=True)
        assert contents(old_run) == before


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_file_in_the_folders_place_is_kept(tmp_path, overwrite):
    (tmp_path / "run").write_text("a file")
    with pytest.raises(ValueError, match=r"run folder .*choose another --out"):
        create_run(tmp_path / "run", overwrite=overwrite)
    assert (tmp_path / "run").read_text() == "a file"


@pytest.mark.parametrize("changes", [{"data": "digit"}, {"model": "capsne"}, {"train_images": 0}])
def test_a_recipe_that_cannot_run_leaves_the_old_run_alone(old_run, recipe, changes):
    before = contents(old_run)
    with pytest.raises(ValueError, match=r"unknown dataset|unknown model|expected 1 to"):
        train(recipe(**changes), old_run, overwrite=True, quiet=True)
    assert contents(old_run) == before


def test_metrics_are_lines_that_come_back(tmp_path):
    lines = [{"epoch": 1, "loss": 0.1 + 0.2}, {"epoch": 2, "loss": 1e-300, "mse": None}]
    for line in lines:
        append_metrics(tmp_path, line)
    assert read_metrics(tmp_path) == lines
    assert len((tmp_path / run_folder.METRICS).read_text().splitlines()) == 2


def test_no_metrics_are_no_lines(tmp_path):
    assert read_metrics(tmp_path) == []


def test_a_line_cut_by_a_crash_is_left_out(tmp_path):
    append_metrics(tmp_path, {"epoch": 1})
    with open(tmp_path / run_folder.METRICS, "a") as file:
        file.write('{"epoch": 2, "lo')
    assert read_metrics(tmp_path) == [{"epoch": 1}]


def test_what_is_not_finite_is_null(tmp_path):
    append_metrics(tmp_path, {"epoch": 1, "loss": float("nan"), "mse": float("inf")})
    assert read_metrics(tmp_path) == [{"epoch": 1, "loss": None, "mse": None}]


DAMAGED = {
    "NaN": b'{"epoch": 2, "loss": NaN}',
    "too large a number": b'{"epoch": 2, "loss": 1e999}',
    "a number": b"2",
    "nested brackets": b"[" * 100_000,
    "another epoch": b'{"epoch": 3}',
    "the same epoch": b'{"epoch": 1}',
    "no epoch": b'{"loss": 1.0}',
    "no text": b"\xff\xfe\x00",
    "an empty line": b"",
}


@pytest.mark.parametrize("line", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_line_and_all_after_it_are_left_out(tmp_path, line):
    (tmp_path / run_folder.METRICS).write_bytes(b'{"epoch": 1}\n' + line + b'\n{"epoch": 2}\n')
    assert read_metrics(tmp_path)[0] == {"epoch": 1}
    assert len(read_metrics(tmp_path)) == 1
    with pytest.raises(ValueError, match="2 epochs that the checkpoint has; got 1 whole"):
        truncate_metrics(tmp_path, 2)
    truncate_metrics(tmp_path, 1)
    assert (tmp_path / run_folder.METRICS).read_bytes() == b'{"epoch": 1}\n'


def test_truncating_keeps_the_first_epochs(tmp_path):
    for epoch in (1, 2, 3):
        append_metrics(tmp_path, {"epoch": epoch})
    truncate_metrics(tmp_path, 2)
    assert read_metrics(tmp_path) == [{"epoch": 1}, {"epoch": 2}]
    append_metrics(tmp_path, {"epoch": 3})
    assert [line["epoch"] for line in read_metrics(tmp_path)] == [1, 2, 3]
