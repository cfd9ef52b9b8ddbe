"""One .npz of images, signals or volumes: what is read, and what is refused."""

import io
import zipfile
from typing import Any

import numpy as np
import pytest
import torch

from torchcaps.data import ImageDataset, SignalDataset, load_dataset

LABELS = np.arange(12) % 3


def write(path, kind="x", values: Any = None, labels: Any = LABELS, **others: Any):
    names = {"x": "y", "images": "labels"}
    given: dict[str, Any] = {f"train_{kind}": values, f"train_{names[kind]}": labels}
    np.savez(path, **given, **others)
    return path


@pytest.fixture
def path(tmp_path):
    return tmp_path / "x.npz"


def numbers(*size, dtype: Any = np.float32):
    return (np.arange(12 * np.prod(size)) % 251).reshape(12, *size).astype(dtype)


def whole(path, **options):
    return load_dataset("arrays", "train+validation", path, **options)


@pytest.mark.parametrize(
    ("size", "in_shape"),
    [((5, 7), (1, 5, 7)), ((5, 7, 3), (3, 5, 7)), ((6, 6, 6), (1, 6, 6, 6))],
)
@pytest.mark.parametrize("columns", [False, True])
def test_files_of_medmnist_load_as_they_are(path, size, in_shape, columns):
    values = numbers(*size, dtype=np.uint8)
    labels = LABELS[:, None] if columns else LABELS
    arrays = {}
    for part, chosen in (("train", slice(0, 6)), ("val", slice(6, 9)), ("test", slice(9, 12))):
        arrays |= {f"{part}_images": values[chosen], f"{part}_labels": labels[chosen]}
    np.savez_compressed(path, **arrays)
    found = {s: load_dataset("arrays", s, path) for s in ("train", "validation", "test")}
    assert [len(each) for each in found.values()] == [6, 3, 3]
    both = load_dataset("arrays", "train+validation", path)
    assert both.in_shape == found["test"].in_shape == in_shape
    assert both.images.dtype == torch.uint8
    flat = torch.from_numpy(values[:9]).reshape(9, *([1] if in_shape[0] == 1 else []), *size)
    assert torch.equal(both.images, flat if in_shape[0] == 1 else flat.movedim(-1, 1))
    assert both.labels.tolist() == LABELS[:9].tolist()
    assert both.classes == ("0", "1", "2")
    assert isinstance(both, SignalDataset) == (len(in_shape) == 4)
    assert both.batch([3])[0].max() <= 1


def test_signals_end_with_nan_where_their_length_says_so(path):
    values, lengths = numbers(2, 9), 3 + np.arange(12) % 6
    lengths[0] = 9
    data = whole(write(path, values=values, train_lengths=lengths))
    assert data.in_shape == (2, 9)
    images, labels = data.batch(range(12))
    assert images.dtype == torch.float32
    assert labels.tolist() == LABELS.tolist()
    for signal, value, length in zip(images, values, lengths, strict=True):
        assert torch.equal(signal[:, :length], torch.from_numpy(value[:, :length]))
        assert signal[:, length:].isnan().all()
    assert torch.equal(data.subset([5, 2]).images.isnan(), images[[5, 2]].isnan())
    assert repr(data).startswith("SignalDataset('arrays', split='train+validation', 12 signals of")


@pytest.mark.parametrize(
    ("size", "longest", "options", "in_shape"),
    [
        ((9,), None, {}, (1, 9)),
        ((1, 9), None, {}, (1, 9)),
        ((9, 1), None, {}, (1, 9)),
        ((2, 9), 8, {}, (2, 9)),
        ((9, 2), 8, {}, (2, 9)),
        ((9, 2), None, {"channels": "last"}, (2, 9)),
        ((9, 2), None, {"channels": "first"}, (9, 2)),
        ((3, 4, 6), None, {"channels": "none"}, (1, 3, 4, 6)),
        ((3, 4, 6, 5), None, {}, (3, 4, 6, 5)),
        ((2, 4, 6, 5), None, {"channels": "last"}, (5, 2, 4, 6)),
    ],
)
def test_the_axis_of_channels_is_found_or_told(path, size, longest, options, in_shape):
    lengths: dict[str, Any] = {} if longest is None else {"train_lengths": np.full(12, longest)}
    values = numbers(*size)
    data = whole(write(path, values=values, **lengths), **options)
    assert data.in_shape == in_shape
    if longest is None:
        last = in_shape[0] == size[-1] != size[0]
        expected = np.moveaxis(values, -1, 1) if last else values.reshape(12, *in_shape)
        np.testing.assert_array_equal(data.images.numpy(), expected)


@pytest.mark.parametrize(
    ("kind", "size", "lengths"),
    [
        ("x", (2, 9), {}),
        ("x", (9, 9), {"train_lengths": np.full(12, 9)}),
        ("x", (1, 1), {}),
        ("images", (3, 8, 3), {}),
        ("images", (5, 8, 7), {}),
        ("images", (3, 3, 3), {}),
        ("x", (1, 8, 8, 3), {}),
    ],
)
def test_a_shape_that_is_in_doubt_is_refused(path, kind, size, lengths):
    with pytest.raises(ValueError, match=r"channels: expected a shape that tells .*; say it"):
        whole(write(path, kind, numbers(*size), **lengths))


@pytest.mark.parametrize("dtype", [np.float64, np.float16, np.int16, ">f4", ">i8", np.uint16])
def test_signals_of_any_numbers_become_float32_and_stay_what_they_are(path, dtype):
    values = (100 * numbers(1, 9, dtype=np.float32) - 7000 * (np.dtype(dtype).kind != "u")).astype(
        dtype
    )
    data = whole(write(path, values=values))
    assert data.images.dtype == torch.float32
    np.testing.assert_array_equal(data.images.numpy(), values.astype(np.float32))


def test_images_of_other_numbers_must_be_in_0_to_1(path):
    unit = numbers(5, 7) / 251
    data = whole(write(path, "images", unit))
    assert type(data) is ImageDataset
    np.testing.assert_array_equal(data.images.numpy()[:, 0], unit)
    with pytest.raises(ValueError, match=r"expected pixels in \[0,1\]; got 0 to 250"):
        whole(write(path, "images", numbers(5, 7, dtype=np.uint16)))


def test_validation_is_cut_from_every_class_that_has_two(path):
    labels = np.array([0] * 7 + [1] * 4 + [2])
    write(path, values=numbers(1, 9), labels=labels)
    held = load_dataset("arrays", "validation", path)
    assert held.labels.tolist() == [0, 1]
    assert len(load_dataset("arrays", "train", path)) == 10


def test_names_of_classes_come_from_the_file(signals_file):
    assert load_dataset("arrays", "test", signals_file).classes == ("low", "high")


def test_the_number_of_classes_is_that_of_all_parts(path):
    write(path, values=numbers(1, 9), test_x=numbers(1, 9), test_y=LABELS + 1)
    assert whole(path).num_classes == 4


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"values": numbers(2, 9) > 3}, "expected numbers; got bool"),
        ({"values": numbers(1, 9)[:5]}, "expected as many as labels, 12; got 5"),
        ({"labels": LABELS.astype(float)}, r"train_y: expected a whole number .*; got float64"),
        ({"labels": np.stack([LABELS, LABELS], 1)}, r"of 0 and 1 as whole numbers"),
        ({"labels": LABELS - 1}, "train_y: expected labels from 0 to .*; got -1 to 1"),
        ({"labels": LABELS + 10**12}, "train_y: expected labels from 0 to"),
        ({"labels": LABELS.astype(np.uint64) + 2**63}, "train_y: expected labels from 0 to"),
        ({"labels": LABELS.astype(object)}, "train_y: expected a whole array of numbers or text"),
        ({"train_lengths": np.full(12, 10)}, "lengths of 10 to 10"),
        ({"train_lengths": np.zeros(12, int)}, "lengths of 0 to 0"),
        ({"train_lengths": np.full(5, 9)}, "5 lengths"),
        ({"values": np.full((12, 1, 9), np.inf)}, "expected finite numbers; got infinite"),
        ({"values": np.full((12, 1, 9), 1e300)}, "expected finite numbers; got infinite"),
        ({"values": numbers(1, 0)}, "none of them 0"),
        ({"values": numbers(1, 1, 1, 1, 9)}, "with 1 to 3 axes of positions"),
        ({"test_images": numbers(1, 9)}, "expected train_images, train_labels and the same"),
        ({"validation_x": numbers(1, 9)}, "rename the arrays"),
        ({"classes": np.ones((2, 2))}, "classes: expected a list of names"),
        ({"classes": np.array(["a", "a", "b"])}, "classes: expected different names"),
        (
            {"val_x": numbers(1, 8), "val_y": LABELS},
            r"val_x: expected the shape of train_x, \[1, 9",
        ),
        ({"val_x": numbers(1, 9)}, "expected val_y; got none"),
    ],
)
@pytest.mark.filterwarnings("ignore:overflow")
def test_other_contents_are_refused(path, given, text):
    with pytest.raises(ValueError, match=text):
        whole(write(path, **{"values": numbers(1, 9), **given}), channels="first")


def test_nan_is_the_end_of_a_signal_and_nothing_else(path):
    values = numbers(2, 9)
    values[4, :, 6:] = np.nan
    assert whole(write(path, values=values), channels="first").images[4, :, 6:].isnan().all()
    for spoil in (np.s_[4, :, 3], np.s_[4, 0, 8], np.s_[4, :, :]):
        hole = numbers(2, 9)
        hole[spoil] = np.nan
        with pytest.raises(ValueError, match=r"NaN only where a signal \[C,L\] has ended"):
            whole(write(path, values=hole), channels="first")


def test_a_file_without_the_split_or_without_training_is_refused(path, tmp_path):
    write(path, values=numbers(1, 9))
    with pytest.raises(ValueError, match=r"split: expected one that the file has \(train\)"):
        load_dataset("arrays", "test", path)
    np.savez(path, test_x=numbers(1, 9), test_y=LABELS)
    with pytest.raises(ValueError, match="rename the arrays"):
        whole(path)
    with pytest.raises(ValueError, match=r"root: expected a \.npz file; got none"):
        whole(None)
    for other, got in ((tmp_path / "none.npz", "nothing there"), (tmp_path, "a folder")):
        with pytest.raises(ValueError, match=rf"expected a \.npz file; got {got}"):
            whole(other)


def member(shape, dtype="<f4", data=b""):
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        file, {"descr": dtype, "fortran_order": False, "shape": shape}
    )
    return file.getvalue() + data


@pytest.mark.parametrize(
    "content",
    [
        member((12, 1, 10**9)),  # a header that promises terabytes
        member((12, 1, 9), "|O", b"cos\nsystem\n(S'true'\ntR."),  # a pickle
        member((12, 1, 9), data=bytes(12 * 9 * 4 - 1)),  # cut
        member((12, 1, 9), data=bytes(12 * 9 * 4 + 1)),  # longer
        b"\x93NUMPY\x09\x00",
        b"",
    ],
    ids=["huge", "pickle", "short", "long", "version", "empty"],
)
def test_hostile_arrays_are_refused_before_they_take_memory(path, content):
    write(path, values=numbers(1, 9))
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("train_x.npy", content)
        archive.writestr("train_y.npy", member((12,), "<i8", LABELS.astype("<i8").tobytes()))
    with pytest.raises(ValueError, match="train_x: expected a whole array of numbers or text"):
        whole(path)


def test_a_fortran_ordered_array_is_read_in_its_order(path):
    values = np.asfortranarray(numbers(1, 9))
    np.testing.assert_array_equal(whole(write(path, values=values)).images.numpy(), values)


def test_labels_with_gaps_are_said(tmp_path):
    from_one: dict[str, Any] = {"train_x": np.zeros((8, 1, 5)), "train_y": np.arange(8) % 2 + 1}
    np.savez(tmp_path / "gaps.npz", **from_one)
    with pytest.warns(UserWarning, match="no label is 0, of 3 classes from 0 to 2; number them"):
        assert load_dataset("arrays", "train", tmp_path / "gaps.npz").num_classes == 3
    np.savez(tmp_path / "named.npz", **from_one, classes=np.array(["none", "a", "b"]))
    assert load_dataset("arrays", "train", tmp_path / "named.npz").num_classes == 3


def test_rows_of_zeros_and_ones_are_several_classes_of_an_image(path):
    rows = np.array([[k % 2, 1, 0] for k in range(12)], dtype=np.uint8)
    write(path, "images", numbers(5, 5, dtype=np.uint8), rows, classes=np.array(["a", "b", "c"]))
    dataset = whole(path)
    assert (dataset.task, dataset.classes) == ("multilabel", ("a", "b", "c"))
    assert dataset.labels.tolist() == rows.tolist()
    held = load_dataset("arrays", "validation", path)
    train = load_dataset("arrays", "train", path)
    assert (len(train), len(held)) == (10, 2)
    both = torch.cat([train.images, held.images]).flatten(1).tolist()
    assert sorted(both) == sorted(dataset.images.flatten(1).tolist())


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (np.full((12, 3), 2), r"of 0 and 1 as whole numbers"),
        (np.zeros((12, 3)), r"got float64"),
        (np.zeros((12, 3, 2), int), r"or a row of 0 and 1"),
    ],
)
def test_rows_of_other_numbers_are_refused(path, labels, said):
    with pytest.raises(ValueError, match=said):
        whole(write(path, "images", numbers(5, 5, dtype=np.uint8), labels))


def test_parts_with_rows_of_other_lengths_are_refused(path):
    rows, images = np.ones((12, 3), int), numbers(5, 5, dtype=np.uint8)
    write(path, "images", images, rows, test_images=images, test_labels=np.ones((12, 2), int))
    with pytest.raises(ValueError, match=r"the same classes in all parts; got rows of \[2\]"):
        whole(path)
