import pytest

from torchcaps.training import run_folder, train
from torchcaps.training.run_folder import (
    append_metrics,
    create_run,
    read_metrics,
    truncate_metrics,
)


def contents(folder):
    return {p.name: p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture
def old_run(tmp_path):
    (tmp_path / "config.yaml").write_text("an old run")
    (tmp_path / "metrics.jsonl").write_text("its numbers")
    return tmp_path


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


def test_overwrite_replaces_a_run_and_leaves_nothing_of_it(old_run):
    (old_run / "figures").mkdir()
    (old_run / "figures" / "old.png").write_text("old")
    create_run(old_run, overwrite=True)
    assert contents(old_run) == {}
    assert old_run.is_dir()


def test_an_attempt_that_failed_before_it_trained_is_in_nobodys_way(tmp_path):
    (tmp_path / "config.yaml").write_text("epochs: 3")
    create_run(tmp_path, overwrite=False)


def test_overwrite_refuses_a_folder_that_is_no_run(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(ValueError, match=r"a folder without config.yaml, which torchcaps did not"):
        create_run(tmp_path, overwrite=True)
    assert contents(tmp_path) == {"thesis.tex": b"years of work"}


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


def test_truncating_keeps_the_first_epochs(tmp_path):
    for epoch in (1, 2, 3):
        append_metrics(tmp_path, {"epoch": epoch})
    truncate_metrics(tmp_path, 2)
    assert read_metrics(tmp_path) == [{"epoch": 1}, {"epoch": 2}]
    append_metrics(tmp_path, {"epoch": 3})
    assert [line["epoch"] for line in read_metrics(tmp_path)] == [1, 2, 3]
