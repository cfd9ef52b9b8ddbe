"""Every algorithm against the numbers of its authors' code (see published/README.md)."""

from typing import Any

import pytest
import torch
from torch import Tensor

from torchcaps.ops import (
    EM,
    Cluster,
    Dynamic,
    Heinsen,
    InvertedAttention,
    SelfAttention,
    SelfRouting,
    VariationalBayes,
    VectorRouting,
    route_children,
    route_votes,
)


@pytest.mark.parametrize("backend", ["whole", "tiled"])
@pytest.mark.parametrize("kind", ["vec", "mat"])
def test_inverted_attention(kind, backend, numbers, same):
    z = numbers(f"apple_fc_{kind}_small")
    for iterations in (1, 2, 3):
        u, w = z.leaf("u"), z.leaf("w")
        # Theirs: [I, E, J, D] for vectors, [I, q, q, J] for matrices.
        weight = w.permute(0, 2, 3, 1) if kind == "vec" else w.permute(0, 3, 1, 2)
        algorithm = InvertedAttention(
            iterations=iterations, scale=z["ln_weight"], offset=z["ln_bias"]
        )
        transform = "dense" if kind == "vec" else "matrix"
        out = route_children(algorithm, u, weight, transform=transform, backend=backend)
        same(out.poses, z[f"out_it{iterations}"])
        (out.poses * z["G"]).sum().backward()
        assert u.grad is not None
        assert w.grad is not None
        same(u.grad, z[f"grad_u_it{iterations}"])
        if f"grad_w_it{iterations}" in z:
            same(w.grad, z[f"grad_w_it{iterations}"])


@pytest.mark.parametrize("backend", ["whole", "tiled"])
def test_dynamic_of_hahn2019(backend, numbers, same):
    z = numbers("sr_dynamic_fc_small")
    for iterations in (1, 2, 3):
        u = z.leaf("u")
        weight = z["W"].reshape(5, 3, 4, 4)
        algorithm = Dynamic(iterations=iterations, detach=False)
        out = route_children(algorithm, u.reshape(2, 5, 4), weight, backend=backend)
        same(out.poses, z[f"out_it{iterations}"])
        (out.poses.reshape(2, 12, 1, 1) * z["G"]).sum().backward()
        assert u.grad is not None
        same(u.grad, z[f"grad_u_it{iterations}"])


@pytest.mark.parametrize("backend", ["whole", "tiled"])
def test_em_of_hahn2019(backend, numbers, same):
    z = numbers("sr_em_fc_small")
    for iterations in (1, 2, 3):
        u, a = z.leaf("u"), z.leaf("a")
        algorithm = EM(
            iterations=iterations,
            beta_a=z["beta_a"].flatten(),
            beta_u=z["beta_u"].flatten(),
            final_lambda=0.3,
            preset="hahn2019",
        )
        out = route_children(
            algorithm, u.reshape(2, 5, 4), z["W"], a.reshape(2, 5),
            transform="matrix", backend=backend,
        )  # fmt: skip
        same(out.activations, z[f"out_a_it{iterations}"])
        same(out.poses, z[f"out_pose_it{iterations}"])
        if f"grad_u_it{iterations}" in z:
            total = (out.activations * z["G_a"].reshape(2, 3)).sum()
            (total + (out.poses * z["G_pose"].reshape(2, 3, 4)).sum()).backward()
            assert u.grad is not None
            assert a.grad is not None
            same(u.grad, z[f"grad_u_it{iterations}"])
            same(a.grad, z[f"grad_a_it{iterations}"])


@pytest.mark.parametrize("backend", ["whole", "tiled"])
def test_self_routing(backend, numbers, same):
    z = numbers("sr_self_fc_small")
    u, a = z.leaf("u"), z.leaf("a")
    algorithm = SelfRouting(router=z["W2"], router_bias=z["b2"].reshape(5, 3))
    out = route_children(
        algorithm, u.reshape(2, 5, 4), z["W1"].reshape(5, 3, 4, 4), a.reshape(2, 5), backend=backend
    )
    same(out.activations, z["out_a"])
    same(out.poses, z["out_pose"])
    total = (out.activations * z["G_a"].reshape(2, 3)).sum()
    (total + (out.poses * z["G_pose"].reshape(2, 3, 4)).sum()).backward()
    assert u.grad is not None
    assert a.grad is not None
    same(u.grad, z["grad_u"])
    same(a.grad, z["grad_a"])


@pytest.mark.parametrize("backend", ["whole", "tiled"])
def test_variational_bayes(backend, numbers, same):
    z = numbers("vb_class_5")
    for iterations in (1, 2):
        raw = VariationalBayes(
            iterations=iterations, beta_a=z["beta_a"], beta_u=z["beta_u"], covariance="diagonal"
        )
        options = {"transform": "matrix", "backend": backend}
        u, a = z["pose"].reshape(2, 5, 4), z["a"].reshape(2, 5)
        weight = z["W_ij"].reshape(5, 3, 2, 2)
        out = route_children(raw, u, weight, a, **options)
        same(out.poses, z[f"raw_m_np_it{iterations}"])
        same(out.activations.logit(), z[f"raw_a_np_it{iterations}"])


@pytest.mark.parametrize("backend", ["whole", "tiled"])
@pytest.mark.parametrize("covariance", ["diagonal", "full"])
@pytest.mark.parametrize("mode", ["train", "eval"])
def test_variational_bayes_with_batch_norm(covariance, mode, backend, numbers, same):
    z = numbers("vb_class_5")

    def norm(x: Tensor, mean: Tensor, variance: Tensor, dims: tuple[int, ...]) -> Tensor:
        shape = (1, 3, *[1] * (x.ndim - 2))
        if mode == "train":
            mean, variance = x.mean(dims), x.var(dims, correction=0)
        return (x - mean.reshape(shape)) / (variance.reshape(shape) + 1e-5).sqrt()

    kind = "diag" if covariance == "diagonal" else "full"
    for iterations in (1, 2, 3):
        algorithm = VariationalBayes(
            iterations=iterations,
            beta_a=z["beta_a"],
            beta_u=z["beta_u"],
            covariance=covariance,
            norm_logit=lambda x: norm(x, z["bn_a_mean"], z["bn_a_var"], (0,)),
            norm_pose=lambda x: norm(x, z["bn_v_mean"], z["bn_v_var"], (0, 2)),
        )
        u, a = z.leaf("pose"), z.leaf("a")
        out = route_children(
            algorithm, u.reshape(2, 5, 4), z["W_ij"].reshape(5, 3, 2, 2), a.reshape(2, 5),
            transform="matrix", backend=backend,
        )  # fmt: skip
        name = f"{kind}_{mode}_it{iterations}"
        same(out.activations, z[f"out_a_{name}"])
        same(out.poses, z[f"out_pose_{name}"])
        if f"grad_a_{name}" in z:
            total = (out.activations * z["G_a"]).sum()
            (total + (out.poses * z["G_pose"].reshape(2, 3, 4)).sum()).backward()
            assert a.grad is not None
            assert u.grad is not None
            same(a.grad, z[f"grad_a_{name}"])
            if f"grad_pose_{name}" in z:
                same(u.grad, z[f"grad_pose_{name}"])


@pytest.mark.parametrize("backend", ["whole", "tiled"])
@pytest.mark.parametrize("case", ["fixed_small", "fixed_skm", "varboth", "varout"])
def test_heinsen2019(case, backend, numbers, same):
    z = numbers(f"heinsen19_{case}")
    children, (rows, inner) = z["mu_inp"].shape[1], z["mu_inp"].shape[2:]
    parents, columns = z["out_mu_it1"].shape[1], z["out_mu_it1"].shape[3]
    weight = z["p.W"].expand(-1, parents, -1, -1)
    offset = z["p.B"].expand(children, parents, -1, -1)
    if "p.B_brk" in z:  # parents that share their transforms are told apart by an offset
        line = torch.linspace(-1, 1, parents, dtype=torch.float64)
        offset = offset + (z["p.B_brk"] * line[:, None, None])
    for iterations in (1, 2, 3):
        u, a = z.leaf("mu_inp"), z.leaf("a_inp")
        algorithm = Heinsen(
            iterations=iterations,
            beta_use=z["p.beta_use"].expand(-1, parents),
            beta_ign=z["p.beta_ign"].expand(-1, parents) if "p.beta_ign" in z else None,
            kernel="distance" if case == "fixed_skm" else "gaussian",
        )
        out = route_children(
            algorithm, u.reshape(-1, children, rows * inner), weight, a.sigmoid(),
            offset=offset.reshape(children, parents, rows * columns),
            transform="matrix", backend=backend,
        )  # fmt: skip
        same(out.activations, z[f"out_a_it{iterations}"].sigmoid())
        same(out.poses, z[f"out_mu_it{iterations}"])


@pytest.mark.parametrize("backend", ["whole", "tiled"])
@pytest.mark.parametrize("case", ["fixed_small", "fixed_dout1", "variable_small"])
@pytest.mark.parametrize("kind", ["norm", "raw"])
def test_heinsen2022(case, kind, backend, numbers, same):
    z = numbers(f"heinsen22_{case}")
    theirs = {
        "gate": "W_A", "gate_bias": "B_A", "to_parent": "W_F1", "mix": "W_F2",
        "parent_bias": "B_F2", "back": "W_G1", "to_child": "W_G2", "child_bias": "B_G2",
        "sharpness": "W_S", "sharpness_bias": "B_S",
    }  # fmt: skip
    fields: dict[str, Any] = {ours: z[f"p.{name}"] for ours, name in theirs.items()}
    if case == "variable_small":
        for ours, name in (("use", "use"), ("ign", "ign")):
            fields[f"{ours}_weight"] = z[f"p.compute_beta_{name}.weight"]
            fields[f"beta_{ours}"] = z[f"p.compute_beta_{name}.bias"].unsqueeze(0)
    else:
        fields |= {"beta_use": z["p.beta_use"], "beta_ign": z["p.beta_ign"]}
    for iterations in (1, 2, 3):
        x = z.leaf("x")
        algorithm = VectorRouting(
            iterations=iterations, children=5, normalise_poses=kind == "norm", **fields
        )
        out = route_children(algorithm, x, backend=backend)
        same(out.poses, z[f"out_{kind}_it{iterations}"])
        if f"grad_x_{kind}_it{iterations}" in z:
            (out.poses * z["G"]).sum().backward()
            assert x.grad is not None
            same(x.grad, z[f"grad_x_{kind}_it{iterations}"])


def test_cluster(numbers, same):
    z = numbers("cluster_small")
    x = z["x"]
    each, parents, dim = 3, 3, 4
    cast = torch.stack(
        [
            torch.nn.functional.conv2d(x[:, i], w, b, padding=1)
            for i, (w, b) in enumerate(zip(z["conv_weight"], z["conv_bias"], strict=True))
        ],
        1,
    )  # [B, I, K * J * D, H, W]; a pose is taken over the whole map, as their LayerNorm is
    u_hat = cast.unflatten(2, (each, parents, dim)).transpose(2, 3).flatten(3)
    algorithm = Cluster(
        votes_each=each, scale=z["ln_weight"].flatten(), offset=z["ln_bias"].flatten()
    )
    same(route_votes(algorithm, u_hat).poses, z["out"])
    couplings = route_votes(algorithm, u_hat).couplings
    same(couplings, z["coup_np"].flatten(3).mean(-1))


@pytest.mark.parametrize("backend", ["whole", "tiled"])
def test_self_attention(backend, numbers, same):
    z = numbers("eff_fccaps_small")
    u = z["u"].double().requires_grad_()
    algorithm = SelfAttention(prior=z["b"].squeeze(-1).T)
    out = route_children(algorithm, u, z["W"].permute(1, 0, 3, 2).double(), backend=backend)
    torch.testing.assert_close(out.poses, z["out_np64"], rtol=1e-9, atol=1e-9)
    (out.poses * z["G"]).sum().backward()
    assert u.grad is not None
    same(u.grad, z["grad_u"])


@pytest.mark.parametrize("backend", ["whole", "tiled"])
@pytest.mark.parametrize("heat", ["001", "1"])
def test_official_em_class_layer(heat, backend, numbers, same):
    z = numbers("em_fc_5")
    for iterations in (1, 2, 3):
        algorithm = EM(
            iterations=iterations,
            beta_a=z["activation_biases"],
            beta_u=z["sigma_biases"],
            final_lambda=float(z[f"final_beta_lam{heat}"]) / 4,
            preset="official",
            mass_eps=1e-5,
        )
        weight = z["W"].reshape(5, 2, 2, 3).permute(0, 3, 1, 2)
        grid = torch.zeros(5, 1, 4)
        grid[..., :2] = z["position_grid"].reshape(1, 1, 2)
        for dtype, suffix in ((torch.float32, ""), (torch.float64, "_np64")):
            out = route_children(
                algorithm, z["pose"].reshape(2, 5, 4).to(dtype), weight.to(dtype),
                z["act"].to(dtype), offset=grid.to(dtype), transform="matrix", backend=backend,
            )  # fmt: skip
            same(out.activations, z[f"out_a{suffix}_lam{heat}_it{iterations}"])
            same(out.poses, z[f"out_pose{suffix}_lam{heat}_it{iterations}"])


@pytest.mark.parametrize("backend", ["auto", "whole", "tiled"])
@pytest.mark.parametrize("leaky", [False, True])
def test_official_dynamic(leaky, backend, numbers, same):
    z = numbers("sabour_fc_small")
    for iterations in (1, 2, 3):
        algorithm = Dynamic(iterations=iterations, bias=z["b"], leaky=leaky, detach=False)
        u = z.leaf("u")
        weight = z["W"].reshape(5, 4, 3, 4).permute(0, 2, 3, 1)
        out = route_children(algorithm, u, weight, backend=backend)
        name = f"{'leaky_' if leaky else ''}it{iterations}"
        same(out.poses, z[f"out_{name}"])
        (out.poses * z["G"]).sum().backward()
        assert u.grad is not None
        same(u.grad, z[f"grad_u_{name}"])
