"""What the page is told is what the models say when they are called directly."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

import torchcaps as tc
from torchcaps.data.transforms import affine
from torchcaps.models import CapsNet, EquivariantCapsNet

from .conftest import image_of, numbered

MOVE = {"degrees": 30.0, "scale": 1.2, "dx": 1.0, "dy": -0.5, "shear": 0.2}
MODELS = ("capsnet_small", "equivariant_capsnet", "cnn")


def look(index=5, move=None):
    return {"set": "digits", "source": numbered(index), "transform": move or {}}


@pytest.fixture
def image():
    return tc.load_dataset("digits", split="test")[5][0]


@pytest.fixture
def direct(runs):
    """direct("cnn", images): the output of the model called in this test."""
    folders = {folder.name: folder for folder in runs["digits"]}

    def call(name, images):
        model = tc.load_model(folders[name])
        with torch.no_grad():
            return model, model(images)

    return call


def test_the_image_is_moved_as_the_transforms_do(ask, image):
    said = ask("view", **look(move=MOVE))
    moved = affine(image[None], **MOVE)[0]
    torch.testing.assert_close(image_of(said["image"]), moved, atol=0.5 / 255 + 1e-6, rtol=0)
    torch.testing.assert_close(image_of(said["original"]), image, atol=0.5 / 255 + 1e-6, rtol=0)
    assert said["label"] == tc.load_dataset("digits", split="test")[5][1]


@pytest.mark.parametrize("move", [{}, MOVE])
def test_every_model_answers_as_when_it_is_called(ask, image, direct, move):
    said = ask("view", **look(move=move))
    assert tuple(answer["model"] for answer in said["answers"]) == MODELS
    moved = affine(image[None], **move)
    for answer in said["answers"]:
        model, out = direct(answer["model"], moved)
        _, upright = direct(answer["model"], image[None])
        scores = out.scores[0]
        assert answer["scores"] == pytest.approx(scores.tolist(), abs=1e-5)
        shares = model.probabilities(out)[0]
        assert answer["probabilities"] == pytest.approx(shares.tolist(), abs=1e-5)
        assert sum(answer["probabilities"]) == pytest.approx(1, abs=1e-5)
        winner = answer["winner"]
        assert winner == scores.argmax()
        if out.poses is None:
            assert {answer[key] for key in ("pose", "upright_pose", "turn_of_pose")} == {None}
            assert answer["angle"] is answer["reconstruction"] is None
            continue
        pose, reference = out.poses[0, winner], upright.poses[0, winner]
        assert answer["pose"] == pytest.approx(pose.tolist(), abs=1e-5)
        assert answer["upright_pose"] == pytest.approx(reference.tolist(), abs=1e-5)
        cosine = pose.double() @ reference.double() / pose.norm() / reference.norm()
        turn = torch.rad2deg(cosine.clamp(-1, 1).acos())
        assert answer["turn_of_pose"] == pytest.approx(float(turn), abs=0.05)
        picture = image_of(answer["reconstruction"])
        torch.testing.assert_close(picture, out.reconstruction[0], atol=0.51 / 255, rtol=0)
        if isinstance(model, EquivariantCapsNet):
            assert answer["angle"] == pytest.approx(float(model.angle(out)), abs=1e-2)
        else:
            assert answer["angle"] is None


def test_the_pose_of_an_upright_image_has_not_turned(ask):
    for answer in ask("view", **look())["answers"][:2]:
        assert answer["turn_of_pose"] == pytest.approx(0, abs=1e-4)


def test_the_angle_follows_a_quarter_turn_exactly(ask, workspaces, monkeypatch):
    model = workspaces["digits"].by_id["equivariant_capsnet"].model
    monkeypatch.setattr(model, "window", 180.0)

    def answer(degrees):
        return ask("view", **look(move={"degrees": degrees}))["answers"][1]

    upright = answer(0)
    for quarter in (90, 180, 270, -90):
        turned = answer(quarter)
        off = (turned["angle"] - upright["angle"] - quarter) % 360
        assert min(off, 360 - off) == pytest.approx(0, abs=1e-2)
        assert turned["scores"] == pytest.approx(upright["scores"], abs=1e-5)


def test_a_face_is_drawn_by_its_figure(ask, client):
    figure = client.get("/api/figure", params={"figure": "car", "seed": 3}).json()
    said = ask("view", set="faces", source={"kind": "face", "figure": figure}, transform={})
    assert said["label"] == 2
    assert said["image"]["shape"] == [1, 16, 16]
    assert [answer["model"] for answer in said["answers"]] == ["capsnet_small", "cnn"]


def test_pixels_are_seen_as_they_are_sent(ask):
    first = ask("view", **look(move=MOVE))
    source = {"kind": "pixels", "pixels": first["image"]}
    again = ask("view", set="digits", source=source)
    assert again["image"] == again["original"] == first["image"]
    assert again["label"] is None
    for was, now in zip(first["answers"], again["answers"], strict=True):
        assert now["scores"] == pytest.approx(was["scores"], abs=0.02)  # pixels were rounded


@pytest.mark.parametrize("move", [{}, MOVE, {**MOVE, "degrees": -170.0}])
def test_a_sweep_passes_through_the_view(ask, move):
    view = ask("view", **look(move=move))
    sweep = ask("sweep", **look(move=move))
    assert sweep["degrees"] == [float(d) for d in range(-180, 181, 10)]
    assert sweep["class"] == view["label"]
    at = sweep["degrees"].index(move.get("degrees", 0))
    for answer, curve in zip(view["answers"], sweep["curves"], strict=True):
        assert curve["model"] == answer["model"]
        assert len(curve["probabilities"]) == len(curve["right"]) == 37
        assert curve["probabilities"][at] == pytest.approx(
            answer["probabilities"][view["label"]], abs=1e-5
        )
        assert curve["right"][at] == (answer["winner"] == view["label"])
        assert curve["probabilities"][0] == pytest.approx(curve["probabilities"][-1], abs=1e-6)


def test_a_sweep_follows_the_class_it_is_asked_for(ask):
    view = ask("view", **look())
    sweep = ask("sweep", **look(), **{"class": 7})
    assert sweep["class"] == 7
    for answer, curve in zip(view["answers"], sweep["curves"], strict=True):
        assert curve["probabilities"][18] == pytest.approx(answer["probabilities"][7], abs=1e-5)


def test_a_sweep_of_a_drawing_follows_what_the_first_model_sees(ask):
    view = ask("view", **look())
    drawing = {"kind": "pixels", "pixels": view["original"]}
    sweep = ask("sweep", set="digits", source=drawing, transform=MOVE)
    assert sweep["class"] == view["answers"][0]["winner"]


@pytest.mark.parametrize("name", ["capsnet_small", "equivariant_capsnet"])
def test_decoding_the_measured_pose_is_the_reconstruction(ask, name):
    answers = ask("view", **look(move=MOVE))["answers"]
    (answer,) = [answer for answer in answers if answer["model"] == name]
    question = {"set": "digits", "model": name, "class": answer["winner"]}
    assert ask("decode", **question, pose=answer["pose"])["image"] == answer["reconstruction"]
    other = [1.0, *answer["pose"][1:]]
    assert ask("decode", **question, pose=other)["image"] != answer["reconstruction"]


def test_decoding_draws_the_class_asked_for(ask, workspaces):
    net = workspaces["digits"].by_id["capsnet_small"].model
    assert isinstance(net, CapsNet)
    pose = torch.linspace(-0.3, 0.3, 16)
    poses = torch.zeros(1, 10, 16)
    poses[0, 4] = pose
    with torch.no_grad():
        expected = net.decode(poses, torch.tensor([4]))
    assert expected is not None
    said = ask("decode", set="digits", model="capsnet_small", pose=pose.tolist(), **{"class": 4})
    torch.testing.assert_close(image_of(said["image"]), expected[0], atol=0.51 / 255, rtol=0)


def test_requests_beside_each_other_get_their_own_answers(ask):
    questions = [look(k % 5, {"degrees": 10 * k}) for k in range(24)]
    alone = [ask("view", **question) for question in questions]
    with ThreadPoolExecutor(8) as threads:
        together = list(threads.map(lambda question: ask("view", **question), questions))
    assert together == alone
    assert len({answer["image"]["data"] for answer in alone}) == 24
