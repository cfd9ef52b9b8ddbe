"""What a layer is told about its routing: errors name the argument, what fits, and the nearest."""

import re

import pytest
import torch

from torchcaps.models import CapsNet
from torchcaps.nn import ROUTINGS, DenseCapsules, EMRouting, VectorRouting
from torchcaps.ops import EM, Heinsen, VariationalBayes, route_votes

SIZES = (6, 4, 3, 5)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (
            {"routing": "dynamics"},
            "DenseCapsules, routing: expected one of dynamic, em, .*; got 'dynamics'; "
            "did you mean 'dynamic'?",
        ),
        ({"routing": 3}, "DenseCapsules, routing: expected one of dynamic, .*; got 3; take"),
        (
            {"transform": "matrx"},
            "DenseCapsules, transform: expected one of dense, matrix; got 'matrx'; did you mean",
        ),
        (
            {"routing": "em", "routing_options": {"presett": "official"}},
            "EMRouting, options: expected one of iterations, final_lambda, preset, least, "
            "mass_eps; got 'presett'; did you mean 'preset'?",
        ),
        (
            {"routing": "em", "routing_options": {"preset": "offical"}},
            "EMRouting, preset: expected one of paper, official, hahn2019; got 'offical'; ",
        ),
        (
            {"routing": "em", "routing_options": {"beta_a": 1.0}},
            "EMRouting, options: expected one of .*; got 'beta_a'; ",
        ),
        (
            {"routing": "vector", "routing_options": {"children": 5}},
            "VectorRouting, options: expected one of .*; got 'children'; ",
        ),
        (
            {"routing_options": {"leeky": True}},
            "DynamicRouting, options: expected one of bias, prior, leaky, detach, iterations; "
            "got 'leeky'; did you mean 'leaky'?",
        ),
        (
            {"routing_options": {"leaky": "yes"}},
            "DynamicRouting, leaky: expected true or false; got 'yes'; ",
        ),
        (
            {"routing": "em", "iterations": "3"},
            "EMRouting, iterations: expected a whole number; got '3'; ",
        ),
        (
            {"routing": "em", "leaky": True},
            "DenseCapsules, leaky: expected none, as it is an option of dynamic routing; got True; "
            "leave it out, or take routing='dynamic'",
        ),
        ({"routing": "uniform", "bias": True}, "DenseCapsules, bias: .* of dynamic routing; got"),
        ({"routing": "em", "detach": False}, "DenseCapsules, detach: .* of dynamic routing; got"),
        (
            {"routing": "vector", "transform": "matrix"},
            "DenseCapsules, transform: expected none, as it is an option of transforms; got "
            "'matrix'; leave it out: this routing has none",
        ),
        ({"routing": "vector", "positions": 6}, "DenseCapsules, positions: .* of transforms; got"),
        ({"routing": "vector", "init_std": 0.1}, "DenseCapsules, init_std: .* of transforms; got"),
        ({"routing": VectorRouting(*SIZES), "positions": 2}, "DenseCapsules, positions: .*; got 2"),
        (
            {"routing": EMRouting(*SIZES), "iterations": 2},
            "DenseCapsules, iterations: expected none, as it is an option of a named routing; "
            "got 2; give it to the module that is built already",
        ),
        (
            {"routing": EMRouting(*SIZES), "routing_options": {"preset": "official"}},
            "DenseCapsules, preset: expected none, as it is an option of a named routing; got",
        ),
    ],
    ids=str,
)
@pytest.mark.usefixtures("unchecked")
def test_an_option_that_nothing_would_heed_is_refused(options, text):
    with pytest.raises(ValueError, match=text.replace("'?", r"'\?")):
        DenseCapsules(*SIZES, **options)


def test_an_unknown_option_of_every_routing_is_refused_with_those_it_has(routing):
    with pytest.raises(ValueError, match=r"^\w+, options: expected one of .*iterations.*; got 'x'"):
        DenseCapsules(*SIZES, routing=routing, routing_options={"x": 1})


def test_a_routing_module_refuses_them_by_itself():
    with pytest.raises(ValueError, match=r"EMRouting, options: .*; did you mean 'preset'\?"):
        EMRouting(*SIZES, presett="official")


def test_options_reach_the_algorithm(routing):
    kind = ROUTINGS[routing]
    iterations = 1 if kind.algorithm_class.one_pass else 4
    layer = DenseCapsules(*SIZES, routing=routing, iterations=iterations)
    assert layer.routing.algorithm().iterations == layer.iterations == iterations
    if kind.algorithm_class.one_pass:
        text = r"^\w+, iterations: expected 1, as nothing is iterated; got 2; leave it out"
        with pytest.raises(ValueError, match=text):
            DenseCapsules(*SIZES, routing=routing, iterations=2)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("value", [0, -1, 2.5, True])
def test_iterations_are_whole_and_positive(routing, value):
    with pytest.raises(ValueError, match=r"^\w+, iterations: expected (a whole number|1, as)"):
        DenseCapsules(*SIZES, routing=routing, iterations=value)


def test_a_module_built_for_other_sizes_is_refused():
    text = re.escape("EM, beta_a: expected shape (3,); got (4,); build it for this number and size")
    with pytest.raises(ValueError, match=text):
        DenseCapsules(*SIZES, routing=EMRouting(6, 4, 4, 5))


@pytest.mark.parametrize(
    ("algorithm", "name"),
    [
        (EM(beta_a=torch.zeros(3), beta_u=torch.zeros(3), preset="x"), "preset"),  # pyright: ignore
        (Heinsen(beta_use=torch.zeros(6, 3), kernel="x"), "kernel"),  # pyright: ignore
        (
            VariationalBayes(beta_a=torch.zeros(3), beta_u=torch.zeros(3), covariance="x"),  # pyright: ignore
            "covariance",
        ),
    ],
    ids=str,
)
def test_a_word_that_an_algorithm_does_not_know_is_refused(algorithm, name):
    with pytest.raises(ValueError, match=rf"^\w+, {name}: expected one of .*; got 'x'; "):
        route_votes(algorithm, torch.randn(2, 6, 3, 5), torch.rand(2, 6))


def test_a_tensor_of_another_shape_is_refused():
    algorithm = EM(beta_a=torch.zeros(4), beta_u=torch.zeros(3))
    text = re.escape("EM, beta_a: expected shape (3,); got (4,); build it for this number and size")
    with pytest.raises(ValueError, match=text):
        route_votes(algorithm, torch.randn(2, 6, 3, 5), torch.rand(2, 6))


def test_the_authors_network_takes_any_routing(routing):
    """Its bias is that of dynamic routing."""
    net = CapsNet(
        (1, 28, 28), 3, style="sabour2017", routing=routing, stem_channels=4, types=1,
        primary_dim=4, pose_dim=4, decoder="none",
    )  # fmt: skip
    assert (net.capsules.bias is not None) == (routing == "dynamic")
