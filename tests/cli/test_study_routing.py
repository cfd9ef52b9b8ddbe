"""`torchcaps study routing`: one command from data to report, one line for what cannot be."""

import yaml

TINY = [
    "--routings", "[dynamic]", "--train-images", "64", "--epochs", "1", "--seeds", "1", "--quiet",
]  # fmt: skip


def test_the_study_ends_with_its_table_and_its_report(cli, tmp_path):
    said = cli("study", "routing", *TINY)
    assert (said.code, said.err) == (0, "")
    assert said.out.endswith("\nreport: runs/study-routing-digits/report.html\n")
    assert said.words[:3] == ["routing", "upright", "−30°"]
    folder = tmp_path / "runs" / "study-routing-digits"
    (folder / "report.html").unlink()
    again = cli("study", "routing", "--resume", str(folder), "--quiet", columns=80)
    assert (again.code, again.err) == (0, "")
    assert (folder / "report.html").is_file()
    assert again.words[:-2] == said.words[:-2], "eighty columns are enough"


def test_a_printed_configuration_makes_the_same_study(cli):
    printed = cli("study", "routing", *TINY, "--print-config").out
    options = yaml.safe_load(printed)
    assert (options["routings"], options["lr"], options["schedule"]) == (
        ["dynamic"],
        0.003,
        "cosine",
    )
    assert (options["data"], options["model"]) == ("digits", "capsnet_small")


def test_what_cannot_be_is_refused_in_one_line(refused, tmp_path):
    assert refused("study", "routing", "--routings", "[dynamci]").endswith(
        "did you mean 'dynamic'?"
    )
    assert refused("study", "routing", "--model", "cnn") == (
        "routing study, model: expected class capsules by routing; got cnn, which has none; "
        "take a capsnet"
    )
    assert not (tmp_path / "runs").exists()
