"""Labels meet a model's classes by name, or not at all."""

import pytest
import torch

from torchcaps.data import ImageDataset, against_rest, match_classes
from torchcaps.data.classes import counted


def dataset(*classes):
    """Image k has the pixel k and the label k."""
    images = torch.arange(len(classes), dtype=torch.uint8)[:, None, None, None]
    return ImageDataset(images, torch.arange(len(classes)), classes, name="zoo", split="test")


@pytest.mark.parametrize("classes", [("wolf", "cat", "dog"), ("dog", "cat"), ("wolf",)])
def test_labels_are_renumbered_by_name(classes):
    model_classes = ("cat", "dog", "wolf")
    matched = match_classes(dataset(*classes), model_classes, "here")
    assert (matched.classes, matched.name, matched.split) == (model_classes, "zoo", "test")
    for pixel, label in zip(matched.images.flatten(), matched.labels, strict=True):
        assert model_classes[label] == classes[pixel]


def test_the_same_classes_cost_no_copy():
    same = dataset("cat", "dog")
    assert match_classes(same, ["cat", "dog"], "here") is same


def test_unknown_names_are_refused_with_both_lists():
    text = (
        r"^here: expected the classes that the model was trained on \(cat, dog\); got those of "
        r"'zoo' \(dog, wolf\): wolf unknown; take data of the same classes, or give .* same names$"
    )
    with pytest.raises(ValueError, match=text):
        match_classes(dataset("dog", "wolf"), ("cat", "dog"), "here")


def test_a_missing_class_is_refused_where_all_are_needed():
    with pytest.raises(ValueError, match=r"^here: expected .* got .* \(cat\): dog missing; take"):
        match_classes(dataset("cat"), ("cat", "dog"), "here", whole=True)


def test_a_thousand_names_stay_short():
    many = [f"species {k}" for k in range(1000)]
    with pytest.raises(ValueError, match=r"and \d+ more\): all unknown") as caught:
        match_classes(dataset(*many), ["cat"], "here")
    assert len(str(caught.value)) < 500


def test_two_classes_of_one_name_are_refused():
    with pytest.raises(ValueError, match="classes: expected different names; got cat more than"):
        dataset("cat", "dog", "cat")


def test_one_class_against_the_rest():
    both = against_rest(dataset("cat", "dog", "wolf"), "dog")
    assert (both.classes, both.name, both.split) == (("dog", "rest"), "zoo", "test")
    assert both.labels.tolist() == [1, 0, 1]
    again = against_rest(both, "dog")
    assert again.labels.tolist() == both.labels.tolist()
    joined = against_rest(dataset("cat", "rest", "wolf"), "cat")  # a class that is called so
    assert joined.labels.tolist() == [0, 1, 1]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("dgo", r"expected a class of 'zoo' \(cat, dog\), but not 'rest'; got 'dgo'; .* 'dog'\?"),
        ("rest", r"got 'rest'; rename the class"),
    ],
)
def test_the_rest_of_no_class(name, text):
    with pytest.raises(ValueError, match=text):
        against_rest(dataset("cat", "dog"), name)


def test_counted_the_rarest_class_comes_first():
    zoo = dataset("cat", "dog", "wolf").subset([0, 1, 1, 0, 0])
    assert counted(zoo) == "5 images (wolf: 0, dog: 2, cat: 3)"


def test_one_class_against_the_rest_of_images_that_have_several():
    rows = torch.tensor([[1, 0, 1], [0, 1, 1], [0, 0, 0]])
    zoo = dataset("cat", "dog", "wolf").relabelled(rows, ("cat", "dog", "wolf"))
    assert counted(zoo) == "3 images (cat: 1, dog: 1, wolf: 2)"
    found = against_rest(zoo, "wolf")
    assert (found.task, found.labels.tolist()) == ("classes", [0, 0, 1])
