"""`torchcaps predict`: image files in, a table out."""

import json

import pytest
import torch

import torchcaps as tc
from torchcaps.cli.main import main
from torchcaps.data.images import read_image
from torchcaps.models import EquivariantCapsNet
from torchcaps.training import Recipe, train


def probabilities(folder, *paths, invert=False):
    model = tc.load_model(folder)
    images = torch.stack([read_image(path, model.in_shape) for path in paths])
    with torch.no_grad():
        return model.probabilities(model(1 - images if invert else images))


def rows(said, folder):
    """Of each picture: its path, its class, and the scores by class name."""
    classes = tc.load_model(folder).classes
    found = []
    for line in said.out.splitlines():
        cells = [cell.strip() for cell in line.strip("│").split("│")]
        if line.startswith("│"):
            words = cells[2].split()
            found.append((cells[0], cells[1], dict(zip(words[::2], words[1::2], strict=True))))
            assert set(found[-1][2]) <= set(classes)
    return found


def test_each_picture_has_its_class_and_its_probabilities(cli, model, picture):
    folder = model()
    paths = [picture(f"{name}.png") for name in "abcdef"]
    said = cli("predict", folder, *paths)
    assert (said.code, said.err) == (0, "")
    assert "probabilities" in said.out
    table = rows(said, folder)
    assert [path for path, _, _ in table] == paths
    wanted = probabilities(folder, *paths)
    assert len({row.argmax().item() for row in wanted}) > 1, "all of one class: proves little"
    for (_, said_class, said_scores), row in zip(table, wanted, strict=True):
        by_name = dict(zip(("ape", "bee", "cow"), row.tolist(), strict=True))
        assert said_class == max(by_name, key=by_name.__getitem__)
        assert said_scores == {name: f"{value:.3f}" for name, value in by_name.items()}
        assert list(said_scores) == sorted(by_name, key=by_name.__getitem__, reverse=True)


def test_a_cnn_gives_probabilities(cli, model, picture):
    folder = model(name="cnn", classes=("ape", "bee", "cow", "dog"))
    path = picture("a.png")
    said = cli("predict", folder, path)
    assert "probabilities" in said.out
    ((_, best, shown),) = rows(said, folder)
    wanted, order = probabilities(folder, path)[0].sort(descending=True)
    names = [("ape", "bee", "cow", "dog")[k] for k in order]
    assert best == names[0]
    assert shown == {n: f"{p:.3f}" for n, p in zip(names[:3], wanted.tolist()[:3], strict=True)}


def test_a_network_that_turns_with_its_input_says_by_how_much(cli, model, picture):
    folder = model(name="equivariant_capsnet")
    paths = [picture(f"{name}.png") for name in "abcdef"]
    said = cli("predict", folder, *paths)
    lines = [line.strip("│").split("│") for line in said.out.splitlines() if ".png" in line]
    shown = [cells[3].strip() for cells in lines]
    built = tc.load_model(folder)
    assert isinstance(built, EquivariantCapsNet)
    with torch.no_grad():
        images = torch.stack([read_image(path, built.in_shape) for path in paths])
        angles = built.angle(built(images)).tolist()
    assert shown == [f"{angle:+.0f}°" for angle in angles]
    assert len(set(shown)) > 1
    assert "rotated by" in said.out


def test_a_picture_of_any_size_and_colour_is_read(cli, model, picture):
    folder = model(in_shape=(3, 9, 11))
    path = picture("large.png", size=(40, 23))
    ((_, _, shown),) = rows(cli("predict", folder, path), folder)
    for name, value in zip(("ape", "bee", "cow"), probabilities(folder, path)[0], strict=True):
        assert shown[name] == f"{value:.3f}"


@pytest.mark.parametrize("fit", ["pad", "stretch"])
def test_a_picture_is_resized_as_those_of_the_run_were(cli, zoo, tmp_path, picture, fit):
    options = {"size": 9, "fit": fit}
    recipe = Recipe(data="folder", root=str(zoo), data_options=options, epochs=1, model="cnn")
    folder = train(recipe, tmp_path / "run", quiet=True)
    path = picture("wide.png", size=(40, 20))
    model = tc.load_model(folder)
    with torch.no_grad():
        wanted = model(read_image(path, model.in_shape, fit)[None]).scores.softmax(-1)[0]
    for place in (folder, folder / "best"):
        ((_, _, shown),) = rows(cli("predict", place, path), place)
        assert shown[model.classes[0]] == f"{wanted[0].item():.3f}"


def test_invert_swaps_bright_and_dark(cli, model, picture):
    folder, path = model(), picture("a.png")
    ((_, _, plain),) = rows(cli("predict", folder, path), folder)
    ((_, _, inverted),) = rows(cli("predict", folder, path, "--invert"), folder)
    wanted = probabilities(folder, path, invert=True)[0].tolist()
    best_first = sorted(zip(("ape", "bee", "cow"), wanted, strict=True), key=lambda p: -p[1])
    assert inverted == {name: f"{value:.3f}" for name, value in best_first}
    assert inverted != plain


def test_names_are_shown_as_they_are_whatever_they_hold(cli, model, picture):
    classes = ("[red]fox", "[/b]", r"back\slash[x]")
    folder = model(classes=classes)
    paths = [picture("pics[/x].png"), picture("a[bold].png")]
    said = cli("predict", folder, *paths)
    for name in (*paths, *classes):
        assert name in said.out


def test_a_long_path_is_folded_not_cut(cli, model, picture):
    folder = model()
    path = picture("/".join(["a-long-folder"] * 8) + "/picture.png")
    said = cli("predict", folder, path)
    assert path in said.out
    said = cli("predict", folder, path, columns=60)
    column = "".join(line.strip("│").split("│")[0].strip() for line in said.out.splitlines()[3:-1])
    assert column == path
    assert "…" not in said.out


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (None, "read_image, x.png: expected a picture file; got nothing there; check the path"),
        (b"", "read_image, x.png: expected a picture; got an empty file; delete or replace it"),
        (b"I am no picture", "read_image, x.png: expected a whole PNG, JPEG or other raster pic"),
        ("cut", "got one that cannot be decoded (image file is truncated"),
    ],
    ids=["missing", "empty", "text", "cut"],
)
def test_a_picture_that_cannot_be_read_is_named(refused, model, picture, tmp_path, content, text):
    folder, good = model(), picture("good.png", size=(60, 60))
    if content == "cut":
        content = (tmp_path / good).read_bytes()[:600]
    if content is not None:
        (tmp_path / "x.png").write_bytes(content)
    assert text in refused("predict", folder, good, "x.png", "--save-reconstruction", "drawn")
    assert [path.name for path in (tmp_path / "drawn").iterdir()] == ["good-reconstruction.png"]


@pytest.mark.parametrize("words", [[], ["--json"]])
def test_bad_files_do_not_hide_the_good_ones(model, picture, tmp_path, capsys, monkeypatch, words):
    monkeypatch.setenv("COLUMNS", "300")
    folder = model()
    paths = [str(tmp_path / picture(f"{k}.png")) for k in range(70)]
    (tmp_path / "bad.png").write_text("no picture")
    code = main(["predict", str(folder), *paths[:9], str(tmp_path / "bad.png"), *paths[9:], *words])
    said = capsys.readouterr()
    assert code == 2
    assert said.err.count("\n") == 1
    assert "bad.png: expected a whole PNG, JPEG or other raster picture" in said.err
    if words:
        assert [each["image"] for each in json.loads(said.out)] == paths
    else:
        assert "".join(said.out.split()).count(".png") == 70
    code = main(["predict", str(folder), paths[0], paths[0], "nothing.png", "else.png", *words])
    said = capsys.readouterr()
    assert (code, said.out.count("0.png")) == (2, 2)
    assert said.err.endswith("nothing there; check the path (and 1 other images)\n")


@pytest.mark.parametrize("name", ["capsnet_small", "cnn", "equivariant_capsnet"])
def test_json_holds_every_score(cli, model, picture, name):
    folder, paths = model(name=name), [picture("a.png"), picture("b.png")]
    built, found = tc.load_model(folder), json.loads(cli("predict", folder, *paths, "--json").out)
    rows = probabilities(folder, *paths)
    for said, path, row in zip(found, paths, rows, strict=True):
        assert said["image"] == path
        assert [*said["probabilities"]] == [*said["scores"]] == [*built.classes]
        assert [*said["probabilities"].values()] == pytest.approx(row.tolist(), abs=1e-5)
        assert said["class"] == built.classes[int(row.argmax())]
        assert (said["rotated_by"] is None) == (name != "equivariant_capsnet")


def test_a_folder_is_no_picture(refused, model):
    assert refused("predict", model(), ".") == (
        "read_image, .: expected a picture file; got a folder; check the path"
    )
