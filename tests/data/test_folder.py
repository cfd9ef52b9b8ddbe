import os
import warnings

import pytest
from PIL import Image

from torchcaps.data import load_dataset


def levels(dataset):
    """The grey level of each (one-coloured) picture."""
    return dataset.images[:, 0, 0, 0].tolist()


def test_classes_are_the_sorted_folder_names(picture_folder):
    (picture_folder / ".hidden").mkdir()
    dataset = load_dataset("folder", "train", picture_folder)
    assert dataset.classes == ("dark", "light")
    for level, label in zip(levels(dataset), dataset.labels.tolist(), strict=True):
        assert label == (level >= 200)


def test_each_class_is_cut_70_15_15(picture_folder):
    parts = {s: load_dataset("folder", s, picture_folder) for s in ("train", "validation", "test")}
    counts = {split: part.labels.bincount().tolist() for split, part in parts.items()}
    assert counts == {"train": [14, 6], "validation": [3, 2], "test": [3, 2]}
    assert sorted(level for part in parts.values() for level in levels(part)) == [
        *range(20),
        *range(200, 210),
    ]


@pytest.mark.parametrize(
    ("options", "in_shape"),
    [({}, (3, 32, 32)), ({"size": 8, "channels": 1}, (1, 8, 8)), ({"size": (4, 6)}, (3, 4, 6))],
)
def test_size_and_channels(picture_folder, options, in_shape):
    assert load_dataset("folder", "test", picture_folder, **options).in_shape == in_shape


@pytest.fixture
def divided(tmp_path, write_pictures):
    for part, start in (("train", 0), ("test", 100)):
        write_pictures(tmp_path / part / "a", range(start, start + 10))
        write_pictures(tmp_path / part / "b", range(start + 10, start + 20))
    return tmp_path


def test_train_and_test_folders_are_obeyed(divided):
    assert levels(load_dataset("folder", "test", divided)) == list(range(100, 120))
    assert levels(load_dataset("folder", "train+validation", divided)) == list(range(20))
    train, held = (levels(load_dataset("folder", s, divided)) for s in ("train", "validation"))
    assert len(held) == 4
    assert sorted(train + held) == list(range(20))


def test_a_validation_folder_is_obeyed(divided, write_pictures):
    write_pictures(divided / "validation" / "b", [50, 51])
    held = load_dataset("folder", "validation", divided)
    assert (levels(held), held.labels.tolist()) == ([50, 51], [1, 1])
    assert levels(load_dataset("folder", "train", divided)) == list(range(20))
    assert levels(load_dataset("folder", "train+validation", divided)) == [*range(20), 50, 51]


@pytest.mark.parametrize("name", ["val", "Validation"])
def test_any_subset_of_the_splits_is_obeyed(tmp_path, write_pictures, name):
    write_pictures(tmp_path / name / "b", [1, 2])
    held = load_dataset("folder", "validation", tmp_path)
    assert (levels(held), held.classes) == ([1, 2], ("b",))
    with pytest.raises(
        ValueError, match=r"expected one .* folder for \(validation\); got train; m"
    ):
        load_dataset("folder", "train", tmp_path)
    for label in ("a", "b"):
        write_pictures(tmp_path / "train" / label, [5, 6, 7])
    assert levels(load_dataset("folder", "train", tmp_path)) == [5, 6, 7] * 2
    held = load_dataset("folder", "validation", tmp_path)
    assert (levels(held), held.classes) == ([1, 2], ("a", "b"))
    with pytest.raises(ValueError, match=r"folder for \(train, validation\); got test; make its"):
        load_dataset("folder", "test", tmp_path)


def test_train_alone_is_cut_into_train_and_validation(tmp_path, write_pictures):
    for label in ("a", "b"):
        write_pictures(tmp_path / "train" / label, range(10))
    assert load_dataset("folder", "train", tmp_path).labels.bincount().tolist() == [8, 8]
    assert load_dataset("folder", "validation", tmp_path).labels.bincount().tolist() == [2, 2]


@pytest.mark.parametrize(
    ("folder", "expected"),
    [("train/", ([4, 170], [1, 30])), ("", ([3, 140], [1, 30]))],
    ids=["train alone", "no splits"],
)
def test_every_split_has_some_of_a_rare_class(tmp_path, write_pictures, folder, expected):
    write_pictures(tmp_path / folder / "rare", range(5), (2, 2))
    write_pictures(tmp_path / folder / "usual", range(200), (2, 2))
    for split, counts in zip(("train", "validation"), expected, strict=True):
        dataset = load_dataset("folder", split, tmp_path, size=2)
        assert dataset.labels.bincount().tolist() == counts


def test_one_training_picture_leaves_none_for_validation(tmp_path, write_pictures):
    write_pictures(tmp_path / "train" / "a", [1])
    (tmp_path / "train" / "b").mkdir()
    for split in ("train", "validation"):
        with pytest.raises(
            ValueError, match=r"train: expected at least 2 pictures of a class, .* 1 of each"
        ):
            load_dataset("folder", split, tmp_path)


def test_a_split_by_two_names_is_refused(divided):
    for name in ("val", "validation"):
        (divided / name).mkdir()
    with pytest.raises(ValueError, match="each once; got test, train, val, validation; rename"):
        load_dataset("folder", root=divided)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"size": 24.0}, "size: expected a whole number or a list of 2 values; got 24.0; correct"),
        ({"size": "24x40"}, "size: expected a whole number or a list of 2 .* got '24x40'; correct"),
        ({"size": [24, -1]}, "size: expected a whole number, at least 1; got -1"),
        ({"size": True}, "size: expected a whole number or a list of 2 values; got True"),
        ({"size": 10**9}, "size: expected at most 4096 pixels a side; got 1000000000 x"),
        ({"channels": 2}, r"channels: expected 1 \(grey\) or 3 \(RGB\); got 2; leave"),
        ({"channels": [3]}, r"channels: expected a whole number; got \[3\]; correct it"),
        (
            {"fit": "padd"},
            "fit: expected one of pad, crop, stretch; got 'padd'; correct",
        ),
    ],
    ids=str,
)
@pytest.mark.usefixtures("unchecked")
def test_options_of_the_wrong_kind_are_named(picture_folder, options, text):
    with pytest.raises(ValueError, match=f"^load_dataset 'folder', {text}"):
        load_dataset("folder", root=picture_folder, **options)


def test_a_class_may_be_called_train(tmp_path, write_pictures):
    for vehicle in ("train", "tram"):
        write_pictures(tmp_path / vehicle, range(5))
    assert load_dataset("folder", "train", tmp_path).classes == ("train", "tram")


def count(root):
    return sum(len(load_dataset("folder", split, root)) for split in ("train+validation", "test"))


def test_pictures_of_every_format_count_at_any_depth(picture_folder):
    deep = picture_folder / "light" / "2024" / "may"
    deep.mkdir(parents=True)
    for name in ("X.JPG", "a.tiff", "b.bmp", "c.webp", "d.gif", "e.pgm"):
        Image.new("L", (4, 4), 230).save(deep / name)
    assert count(picture_folder) == 36


def test_what_is_left_out_is_counted_and_said(picture_folder):
    for name in ("light/notes.txt", "dark/a.svg", "dark/deep/b.svg", "readme", "dark/.hidden.png"):
        (picture_folder / name).parent.mkdir(exist_ok=True)
        (picture_folder / name).write_text("not a picture")
    text = r"left out 2 \.svg, 1 file outside the class folders, 1 \.txt; read are \.png, \.jpg"
    with pytest.warns(UserWarning, match=text):
        assert count(picture_folder) == 30


@pytest.mark.parametrize("fit", ["pad", "crop", "stretch"])
def test_pictures_are_padded_unless_asked_otherwise(tmp_path, fit):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for k in range(3):
            wide = Image.new("L", (40, 20), 200)
            wide.paste(30, (0, 0, 40, 1))
            wide.paste(30, (0, 19, 40, 20))
            wide.save(tmp_path / name / f"{k}.png")
    options = {} if fit == "pad" else {"fit": fit}
    image = load_dataset("folder", "test", tmp_path, size=20, channels=1, **options).images[0, 0]
    assert bool((image[:4] == 30).all()) == (fit == "pad")


def test_an_empty_picture_is_named(divided):
    (divided / "test" / "a" / "003.png").write_bytes(b"")
    message = r"test.a.003\.png: expected a picture; got an empty file"
    with pytest.raises(ValueError, match=message):
        load_dataset("folder", "test", divided)


def test_a_root_must_be_given(tmp_path):
    with pytest.raises(ValueError, match=r"root: expected a folder .* got none; name it: root in"):
        load_dataset("folder")
    with pytest.raises(ValueError, match=r"root: expected a folder .*nowhere, which is no folder"):
        load_dataset("folder", root=tmp_path / "nowhere")


def test_fewer_than_two_classes(tmp_path, write_pictures):
    with pytest.raises(ValueError, match="expected at least two class folders; got none"):
        load_dataset("folder", root=tmp_path)
    write_pictures(tmp_path / "only", range(5))
    with pytest.raises(ValueError, match="expected at least two class folders; got only; put"):
        load_dataset("folder", root=tmp_path)


def test_no_pictures_at_all(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    with pytest.raises(ValueError, match=r"expected \.png, .*\.tif.* files .*; got none; put"):
        load_dataset("folder", root=tmp_path)


def test_a_class_too_small_to_cut(picture_folder, write_pictures):
    write_pictures(picture_folder / "few", [1, 2])
    with pytest.raises(ValueError, match=r"few: expected at least 3 pictures, .*; got 2; add pict"):
        load_dataset("folder", root=picture_folder)


def test_a_class_only_the_test_has(divided, write_pictures):
    write_pictures(divided / "test" / "c", [1])
    with pytest.raises(ValueError, match=r"test: expected the classes of train/ \(a, b\); got c"):
        load_dataset("folder", "test", divided)


def test_a_misnamed_part(divided):
    (divided / "vall").mkdir()
    with pytest.raises(ValueError, match=r"expected only train, val .*; got test, train, vall; re"):
        load_dataset("folder", root=divided)


def test_links_that_lead_round_or_nowhere_and_pipes_are_left_out_and_said(picture_folder):
    os.symlink(picture_folder, picture_folder / "dark" / "round")
    os.symlink(picture_folder / "gone.png", picture_folder / "light" / "dead.png")
    os.mkfifo(picture_folder / "light" / "pipe.png")
    os.symlink(picture_folder / "dark" / "000.png", picture_folder / "light" / "linked.png")
    text = "left out 2 link to a folder or nothing, 1 special file; read are"
    with pytest.warns(UserWarning, match=text):
        assert count(picture_folder) == 31


def test_a_folder_that_may_not_be_read_is_not_taken_for_empty(picture_folder, monkeypatch):
    (picture_folder / "dark" / "deep").mkdir()
    honest = os.scandir

    def scandir(path):
        if str(path).endswith("deep"):
            raise PermissionError(13, "Permission denied", str(path))
        return honest(path)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(PermissionError, match="deep"):
        load_dataset("folder", root=picture_folder)


def test_a_picture_that_may_not_be_read_is_named(picture_folder, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Image, "open", refuse)
    text = r"\d+.png: expected a picture that may be read; got Permission denied; check who"
    with pytest.raises(ValueError, match=text):
        load_dataset("folder", root=picture_folder)


@pytest.mark.parametrize("names", [("train", "tests"), ("test", "trainn")])
def test_misnamed_splits_that_become_classes_are_said(tmp_path, write_pictures, names):
    for name in names:
        write_pictures(tmp_path / name / "a", range(3))
    with pytest.warns(UserWarning, match=rf"are taken for classes, although {names[0]} may be"):
        assert load_dataset("folder", root=tmp_path).classes == tuple(sorted(names))


def test_classes_of_pictures_with_the_name_of_a_split_are_not(tmp_path, write_pictures):
    for vehicle in ("train", "tram"):
        write_pictures(tmp_path / vehicle, range(5))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load_dataset("folder", root=tmp_path)
