"""What is drawn is what is said of it, and only the places tell the classes apart."""

from dataclasses import replace

import pytest
import torch

from torchcaps.data import load_dataset
from torchcaps.data.faces import CLASSES, SCRAMBLED, draw
from torchcaps.data.faces_ink import ink
from torchcaps.data.faces_scene import FIGURES, PARTS, imagine
from torchcaps.data.transforms import affine

SIZES = (16, 33, 64)


def centre(images):
    """Where the ink of images [B,1,N,N] is centred: x and y [B,2] in half sides."""
    size = images.shape[-1]
    places = (2 * torch.arange(size) + 1) / size - 1
    total = images.sum((1, 2, 3))
    columns, rows = images.sum((1, 2)) @ places, images.sum((1, 3)) @ places
    return torch.stack([columns, rows], dim=-1) / total[:, None]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("part", PARTS)
def test_the_ink_of_a_part_is_centred_on_its_label(part, size):
    scene = imagine(200, tuple(FIGURES))
    off = centre(ink(scene, size, (part,))) - scene.parts[:, PARTS.index(part), :2]
    pixels = off.norm(dim=-1) * size / 2
    assert pixels.max() < 0.4
    assert pixels.mean() < 0.2


@pytest.mark.parametrize("part", PARTS)
def test_moving_turning_and_enlarging_a_label_does_so_to_the_part(part):
    """Against `affine`, in the words of its own arguments."""
    size, half = 65, 65 / 2
    scene = imagine(1, ("face",), seed=5)
    poses = torch.tensor([0.0, 0.0, 0.0, 1.0]).repeat(1, len(PARTS), 1)
    plain = ink(replace(scene, parts=poses), size, (part,))
    moved = torch.tensor([0.1, -0.2, 25.0, 0.9]).repeat(1, len(PARTS), 1)
    thin = replace(scene, parts=moved, thickness=scene.thickness * 0.9)
    wanted = affine(plain, degrees=25.0, scale=0.9, dx=0.1 * half, dy=-0.2 * half)
    found = ink(thin, size, (part,))
    assert (found - wanted).square().mean() < 0.05 * found.square().mean()


def test_parts_stand_where_the_figure_says():
    """Seen in the frame of the whole, up to their own small moves of 0.04."""
    for name, rows in FIGURES._entries.items():
        scene = imagine(100, (name,))
        turn, scale = torch.deg2rad(scene.whole[:, 2])[:, None], scene.whole[:, 3:]
        x, y = (scene.parts[..., k] - scene.whole[:, None, k] for k in (0, 1))
        across = (turn.cos() * x - turn.sin() * y) / scale
        down = (turn.sin() * x + turn.cos() * y) / scale
        height = {part: (-0.42, 0.0, 0.42)[row] for row, part in enumerate(rows)}
        height["left eye"] = height["right eye"] = height.pop("eyes")
        wanted_y = torch.tensor([height.get(part, 0.0) for part in PARTS])
        wanted_x = torch.tensor([0.0, -0.38, 0.38, 0.0, 0.0])
        assert (across - wanted_x).abs().max() < 0.0401, name
        assert (down - wanted_y).abs().max() < 0.0401, name


def test_each_part_has_another_place_in_each_class():
    for rows in zip(*(FIGURES[name] for name in CLASSES), strict=True):
        assert len({*rows}) == 3


@pytest.mark.parametrize("twin", SCRAMBLED)
def test_a_scrambled_face_has_one_part_in_the_place_of_each_class(twin):
    for name in CLASSES:
        shared = sum(a == b for a, b in zip(FIGURES[twin], FIGURES[name], strict=True))
        assert shared == 1


def test_no_part_leaves_the_head_or_the_image():
    scene = imagine(600, tuple(FIGURES), seed=1)
    x = (2 * torch.arange(64) + 1) / 64 - 1
    y = x[:, None]
    heads = ink(scene, 64, ("head",))
    edge = torch.cat([heads[..., 0, :], heads[..., -1, :], heads[..., 0], heads[..., -1]])
    assert edge.max() < 0.7, "the head's line is cut"
    hx, hy, turn, scale = scene.parts[:, 0, :, None, None].unbind(1)
    turn = torch.deg2rad(turn)
    u = (turn.cos() * (x - hx) - turn.sin() * (y - hy)) / scale
    v = (turn.sin() * (x - hx) + turn.cos() * (y - hy)) / scale
    outside = ((u / 0.84) ** 2 + v**2 > 1)[:, None]
    assert (heads * outside).sum() > 100, "this looks at the right place"
    assert (ink(scene, 64, PARTS[1:]) * outside).max() < 0.02


@pytest.mark.parametrize("twin", SCRAMBLED)
def test_a_twin_has_the_same_parts_elsewhere(twin):
    face, other = imagine(50, ("face",), seed=7), imagine(50, (twin,), seed=7)
    for name in ("whole", "thickness", "expression", "noise"):
        assert torch.equal(getattr(face, name), getattr(other, name)), name
    assert torch.equal(face.parts[..., 2:], other.parts[..., 2:]), "rotation and scale"
    assert torch.equal(face.parts[:, 0], other.parts[:, 0]), "the head"
    moved = (face.parts[..., :2] - other.parts[..., :2]).norm(dim=-1)
    assert (moved[:, 3:] > 0.2).any(1).all()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", [*CLASSES[1:], *SCRAMBLED])
def test_a_twin_has_the_ink_of_its_face(name, size):
    """Up to what strokes that touch share."""
    face = ink(imagine(300, ("face",)), size).sum((1, 2, 3))
    twin = ink(imagine(300, (name,)), size).sum((1, 2, 3))
    ratio = twin / face - 1
    assert ratio.mean().abs() < 0.03 * 16 / size
    assert ratio.abs().max() < 0.16 * 16 / size
    assert ratio.abs().max() > 0, "they are different drawings"


def test_parts_alone_are_the_same_in_all_classes():
    """Two-sample distance of every label but the places, over classes and twins."""
    scenes = imagine(6000, tuple(FIGURES))
    kinds = torch.tensor([list(FIGURES).index(name) for name in scenes.figures])
    labels = [
        *scenes.parts[..., 2:].flatten(1).T,
        scenes.thickness,
        scenes.expression,
        scenes.noise,
    ]
    for label in labels:
        grid = label.quantile(torch.linspace(0.05, 0.95, 19))
        shares = torch.stack([(label[kinds == k, None] < grid).float().mean(0) for k in range(6)])
        assert (shares - shares.mean(0)).abs().max() < 0.06  # 4.7 sd of 1,000 draws at most


def test_image_k_is_the_same_however_it_is_asked_for():
    together = draw(100, seed=4)
    late = draw(6, seed=4, start=91)
    assert torch.equal(together.images[91:97], late.images)
    assert torch.equal(together.scene.parts[91:97], late.scene.parts)
    assert together.scene.figures[91:97] == late.scene.figures == ("house", "car", "face") * 2
    assert torch.equal(draw(1, ("car",), seed=4, start=92).images[0], late.images[1])
    others = [draw(100, seed=5), draw(100, seed=4, start=3)]
    assert not any((together.images == other.images).flatten(1).all(1).any() for other in others)


def test_the_scene_does_not_depend_on_the_size():
    small, large = draw(5, size=32), draw(5, size=64)
    assert torch.equal(small.scene.parts, large.scene.parts)
    halved = torch.nn.functional.avg_pool2d(ink(large.scene, 64), 2)
    assert (halved - ink(small.scene, 32)).abs().mean() < 0.03
    assert draw(2, size=47).images.shape == (2, 1, 47, 47)


def test_noise_is_as_strong_as_its_label_and_twins_share_it():
    drawn, twin = draw(50, ("face",)), draw(50, ("eyes below mouth",))
    clean = ink(drawn.scene, 32)
    grain = drawn.images - clean
    inner = (clean > 0.2) & (clean < 0.8)
    for k, strength in enumerate(drawn.scene.noise.tolist()):
        found = grain[k][inner[k]]
        assert found.abs().max() <= strength + 1e-6
        assert found.square().mean().sqrt() == pytest.approx(strength / 3**0.5, rel=0.25)
    empty = (clean == 0) & (ink(twin.scene, 32) == 0)
    assert torch.equal(drawn.images[empty], twin.images[empty])


@pytest.mark.parametrize("missing", [0.0, 0.6, 1.0])
def test_eyes_nose_and_mouth_are_missing_equally_often(missing):
    scene = imagine(6000, missing=missing)
    head, left, right, nose, mouth = (~scene.shown).float().mean(0).tolist()
    assert head == 0
    for share in (left, nose, mouth):
        assert share == pytest.approx(missing / 3, abs=0.03)
    assert torch.equal(scene.shown[:, 1], scene.shown[:, 2]), "both eyes or none"
    assert left == right
    assert ((~scene.shown[:, 2:]).sum(1) <= 1).all()


def test_what_is_missing_is_not_drawn_and_the_rest_is_the_same():
    whole, less = imagine(60, seed=2), imagine(60, seed=2, missing=1)
    for k, part in enumerate(PARTS):
        drawn, left = ink(whole, 32, (part,)), ink(less, 32, (part,))
        assert torch.equal(left[less.shown[:, k]], drawn[less.shown[:, k]])
        assert (left[~less.shown[:, k]] == 0).all()


def test_thickness_and_expression_are_seen():
    scene = imagine(1, ("face",))
    thick = replace(scene, thickness=2 * scene.thickness)
    assert ink(thick, 64).sum() == pytest.approx(2 * ink(scene, 64).sum().item(), rel=0.08)
    upright = replace(scene, parts=torch.tensor([0.0, 0.0, 0.0, 1.0]).repeat(1, 5, 1))
    smile, frown = (
        ink(replace(upright, expression=torch.tensor([mood])), 64, ("mouth",))
        for mood in (1.0, -1.0)
    )
    torch.testing.assert_close(smile, frown.flip(2))
    rows = smile[0, 0].sum(1) > 0
    corner = smile[0, 0, :, smile[0, 0].sum(0).nonzero()[0, 0]]
    assert corner.argmax() < rows.nonzero().float().mean(), "the corners of a smile are up"


@pytest.mark.parametrize(
    ("task", "classes"),
    [("wholes", ("face", "house", "car")), ("scrambled", ("face", "scrambled"))],
)
def test_the_splits_are_as_documented(task, classes):
    for split, count in (("train", 6000), ("validation", 600), ("test", 3000)):
        part = load_dataset("faces", split, task=task, size=16)
        assert (part.in_shape, part.classes) == ((1, 16, 16), classes)
        assert part.labels.bincount().tolist() == [count // len(classes)] * len(classes)


def test_the_label_is_the_figure():
    images = load_dataset("faces", "validation", task="scrambled", missing=0).images[:12]
    turns = [name for twin in SCRAMBLED for name in ("face", twin)]
    assert torch.equal(images, draw(12, turns, seed=2011, start=6000).images)
    wholes = load_dataset("faces", "validation", missing=0)
    faces = draw(600, ("face",), seed=2011, start=6000).images
    same = (wholes.images == faces).flatten(1).all(1)
    assert torch.equal(same, wholes.labels == 0)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (
            {"task": "whole"},
            "unknown task of dataset 'faces' 'whole'; known: wholes, scrambled; did",
        ),
        ({"missing": 75}, "faces, missing: expected a chance from 0 to 1; got 75; 0 leaves"),
        ({"size": 15}, "faces, size: expected at least 16 pixels; got 15; smaller strokes"),
    ],
)
def test_unknown_options_are_refused(options, text):
    with pytest.raises(ValueError, match=text):
        load_dataset("faces", "validation", **options)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"count": 0}, "faces, count: expected at least 1; got 0; raise it"),
        ({"count": 1, "seed": -1}, "faces, seed: expected at least 0; got -1"),
        ({"count": 1, "start": -3}, "faces, start: expected at least 0; got -3"),
        ({"count": 1, "figures": ()}, "faces, figures: expected at least one; got none; take"),
        ({"count": 1, "figures": ("fase",)}, "unknown figure 'fase'; known: .* mean 'face'"),
    ],
)
def test_what_cannot_be_drawn_is_said(arguments, text):
    with pytest.raises(ValueError, match=text):
        draw(**arguments)
