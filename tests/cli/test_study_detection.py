"""`torchcaps study detection`: one command from data to report, one line for what cannot be."""

TINY = [
    "--beside", "[cnn]", "--train-images", "64", "--epochs", "1", "--seeds", "1",
    "--images", "8", "--steps", "1", "--starts", "1", "--quiet",
]  # fmt: skip


def test_the_study_ends_with_its_table_and_its_report(cli, tmp_path):
    said = cli("study", "detection", *TINY)
    assert (said.code, said.err) == (0, "")
    assert said.out.endswith("\nreport: runs/study-detection-digits/report.html\n")
    assert said.words[:2] == ["model", "attack"]
    folder = tmp_path / "runs" / "study-detection-digits"
    report = (folder / "report.html").read_bytes()
    again = cli("study", "detection", "--resume", str(folder), "--quiet", columns=80)
    assert (again.code, again.err) == (0, "")
    assert (folder / "report.html").read_bytes() == report
    assert "reconstructive" in again.out, "eighty columns are enough"


def test_a_model_that_draws_nothing_is_refused_in_one_line(refused, tmp_path):
    assert refused("study", "detection", "--model", "cnn", "--beside", "[pooled_cnn]") == (
        "detection study, model: expected capsules and a decoder; got cnn, which has none; take "
        "a capsnet with decoder 'mlp' or 'conv'"
    )
    assert not (tmp_path / "runs").exists()
