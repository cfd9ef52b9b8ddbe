"""Splits, couplings and who supports whom, against the network's own routing."""

import pytest
import torch

from torchcaps.data import load_dataset
from torchcaps.data.transforms import affine
from torchcaps.models import CapsNet, EquivariantCapsNet
from torchcaps.ops import squash

from .conftest import numbered

NETS = ("capsnet_small", "equivariant_capsnet")
MOVE = {"degrees": 25.0, "dx": 1.0}


@pytest.fixture(params=NETS)
def net(request, workspaces):
    model = workspaces["digits"].by_id[request.param].model
    assert isinstance(model, CapsNet | EquivariantCapsNet)
    return model


@pytest.fixture
def route(ask, net):
    """route(parts=3): what the page is told of the moved test image 5."""

    def call(**options):
        question = {"set": "digits", "source": numbered(5), "transform": MOVE, "model": net.name}
        return ask("routing", **question, **options)

    return call


@pytest.fixture
def image():
    return affine(load_dataset("digits", "test")[5][0][None], **MOVE)


@torch.no_grad()
def children(net, image):
    u = net.primary_capsules(image)
    return u, net.capsules.votes(u)[0]


def test_couplings_are_those_of_the_strongest_parts(route, net, image):
    said = route(parts=7)
    with torch.no_grad():
        u, _ = children(net, image)
        history = net.capsules.explain(u).history
    strongest = u[0].norm(dim=-1).argsort(descending=True)[:7].tolist()
    field = said["field"]
    assert len(said["parts"]) == 7
    assert said["iterations"] == 3
    for part, child in zip(said["parts"], strongest, strict=True):
        assert part["length"] == pytest.approx(float(u[0, child].norm()), rel=1e-5)
        kind, place = divmod(child, said["grid"][0] * said["grid"][1])
        row, column = divmod(place, said["grid"][1])
        assert part["type"] == kind
        assert part["top"] == field["top"] + field["stride"] * row
        assert part["left"] == field["left"] + field["stride"] * column
        assert part["side"] == field["side"]
        couplings = torch.tensor(part["couplings"])
        torch.testing.assert_close(couplings, history[:, 0, child], atol=1e-6, rtol=1e-4)
        assert couplings.sum(-1).tolist() == pytest.approx([1, 1, 1])


def test_lengths_end_at_the_scores_of_the_view(route, ask, net):
    said = route()
    question = {"set": "digits", "source": numbered(5), "transform": MOVE}
    answers = ask("view", **question)["answers"]
    (answer,) = [each for each in answers if each["model"] == net.name]
    assert said["lengths"][-1] == pytest.approx(answer["scores"], abs=1e-5)
    assert said["winner"] == answer["winner"]
    assert len(said["parts"]) == min(12, len(said["parts"]))
    assert said["classes"] == list("0123456789")


@pytest.mark.parametrize("iterations", [1, 2, 5, 10])
def test_any_number_of_iterations_can_be_asked_for(route, iterations):
    said = route(iterations=iterations, parts=2)
    assert said["iterations"] == len(said["lengths"]) == iterations
    assert len(said["parts"][0]["couplings"]) == iterations
    assert said["parts"][0]["couplings"][0] == pytest.approx([0.1] * 10)
    own = route(parts=2)
    shared = min(3, iterations)
    for mine, others in zip(said["lengths"][:shared], own["lengths"][:shared], strict=True):
        assert mine == pytest.approx(others, abs=1e-5)


def test_support_and_agreement_by_hand(route, net, image):
    said = route(parts=4)
    u, votes = children(net, image)
    with torch.no_grad():
        couplings = net.capsules.explain(u).couplings[0]
    rows, columns = said["grid"]
    by_hand = [[[0.0] * columns for _ in range(rows)] for _ in range(10)]
    poses = squash(torch.einsum("ij,ijd->jd", couplings, votes))
    for i in range(len(votes)):
        row, column = divmod(i % (rows * columns), columns)
        for j in range(10):
            along = float(votes[i, j] @ poses[j] / poses[j].norm())
            by_hand[j][row][column] += float(couplings[i, j]) * along
    largest = max(abs(value) for plane in by_hand for row in plane for value in row)
    for said_map, plane in zip(said["support"], by_hand, strict=True):
        assert said_map["shape"] == [rows, columns]
        for said_row, row in zip(said_map["data"], plane, strict=True):
            assert said_row == pytest.approx([value / largest for value in row], abs=1e-4)
    strongest = u[0].norm(dim=-1).argsort(descending=True)[:4].tolist()
    for part, i in zip(said["parts"], strongest, strict=True):
        cosines = torch.cosine_similarity(votes[i], poses, dim=-1)
        assert part["agreement"] == pytest.approx(cosines.tolist(), abs=1e-4)


def test_no_more_parts_than_there_are(route, net):
    said = route(parts=32)
    children = said["grid"][0] * said["grid"][1] * (4 if net.name == "capsnet_small" else 3)
    assert len(said["parts"]) == min(32, children)


def test_a_model_without_routing_is_refused(refused):
    message = refused("routing", set="digits", source=numbered(0), model="cnn")
    assert message == (
        "cnn: expected a model that can do routing; got one that cannot; choose capsnet_small or "
        "equivariant_capsnet"
    )
