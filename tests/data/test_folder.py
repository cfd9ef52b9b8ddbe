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
    assert len(held) == 3
    assert sorted(train + held) == list(range(20))


def test_a_validation_folder_is_obeyed(divided, write_pictures):
    write_pictures(divided / "validation" / "b", [50, 51])
    held = load_dataset("folder", "validation", divided)
    assert (levels(held), held.labels.tolist()) == ([50, 51], [1, 1])
    assert levels(load_dataset("folder", "train", divided)) == list(range(20))
    assert levels(load_dataset("folder", "train+validation", divided)) == [*range(20), 50, 51]


def test_a_class_may_be_called_train(tmp_path, write_pictures):
    for vehicle in ("train", "tram"):
        write_pictures(tmp_path / vehicle, range(5))
    assert load_dataset("folder", "train", tmp_path).classes == ("train", "tram")


def test_upper_case_jpegs_count_and_other_files_do_not(picture_folder):
    Image.new("L", (4, 4), 230).save(picture_folder / "light" / "X.JPG")
    (picture_folder / "light" / "notes.txt").write_text("not a picture")
    splits = ("train+validation", "test")
    assert sum(len(load_dataset("folder", split, picture_folder)) for split in splits) == 31


def test_an_empty_picture_is_named(divided):
    (divided / "test" / "a" / "003.png").write_bytes(b"")
    message = r"test.a.003\.png: expected a picture; got an empty file"
    with pytest.raises(ValueError, match=message):
        load_dataset("folder", "test", divided)


def test_a_root_must_be_given(tmp_path):
    with pytest.raises(ValueError, match=r"root: expected a folder .* got none; give it as root="):
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
    with pytest.raises(ValueError, match=r"expected \.png, \.jpg, \.jpeg files .*; got none; put"):
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
    (divided / "val").mkdir()
    with pytest.raises(ValueError, match=r"expected only train, validation, test .*; got val too"):
        load_dataset("folder", root=divided)
