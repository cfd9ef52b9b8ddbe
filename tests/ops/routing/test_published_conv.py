"""Windows of maps against the numbers of published convolutional layers (published/README.md)."""

from dataclasses import replace
from itertools import product

import pytest
import torch

from torchcaps.nn import ConvCapsules2d
from torchcaps.ops import EM, Dynamic, InvertedAttention, VariationalBayes, Windows, route_windows


def windows(kernel: int, stride: int, size: int) -> Windows:
    positions = (size - kernel) // stride + 1
    offsets = tuple(product(range(kernel), range(kernel)))
    return Windows(offsets, (stride, stride), (positions, positions))


def padded(x, by: int):
    """A map `[B, T, H, W, ...]` with zeros around it."""
    rest = x.ndim - 4
    return torch.nn.functional.pad(x, [0, 0] * rest + [by] * 4)


def by_type(x, types: int):
    """Theirs, `[B, T * D, H, W]`, as ours, `[B, T, H, W, D]`."""
    return x.unflatten(1, (types, -1)).movedim(2, -1)


@pytest.mark.parametrize("backend", ["whole", "tiled"])
@pytest.mark.parametrize("case", ["vec_s1"])
def test_inverted_attention(case, backend, numbers, same):
    """Against their layer with the patches that it means to cut (its own interleaves poses and
    positions)."""
    z = numbers(f"apple_conv_{case}")
    kernel, stride = int(z["kernel"]), int(z["stride"])
    w = z["w"].flatten(0, 2)
    vectors = case.startswith("vec")
    weight = w.permute(0, 2, 3, 1) if vectors else w.permute(0, 3, 1, 2)
    for iterations in (1, 2, 3):
        u = z.leaf("u")
        out = route_windows(
            InvertedAttention(iterations=iterations, scale=z["ln_weight"], offset=z["ln_bias"]),
            u, weight, windows(kernel, stride, u.shape[2]),
            transform="dense" if vectors else "matrix", backend=backend,
        )  # fmt: skip
        same(out.poses, z[f"out_corrected_it{iterations}"])
        interleaved = z[f"out_it{iterations}"]
        assert not torch.allclose(out.poses, interleaved, atol=1e-3)
        if f"grad_u_corrected_it{iterations}" in z:
            (out.poses * z["G"]).sum().backward()
            same(u.grad, z[f"grad_u_corrected_it{iterations}"])


@pytest.mark.parametrize("backend", ["whole", "tiled", "auto"])
def test_dynamic_of_hahn2019(backend, numbers, same):
    z = numbers("sr_dynamic_conv")
    weight = z["W"].unflatten(1, (3, 4))
    for iterations in (1, 2, 3):
        u = z.leaf("u")
        out = route_windows(
            Dynamic(iterations=iterations, detach=False),
            padded(by_type(u, 2), 1), weight, windows(3, 2, 7), backend=backend,
        )  # fmt: skip
        expected = by_type(z[f"out_it{iterations}"], 3)
        same(out.poses, expected)
        (out.poses * by_type(z["G"], 3)).sum().backward()
        same(u.grad, z[f"grad_u_it{iterations}"])


@pytest.mark.parametrize("backend", ["whole", "tiled"])
def test_em_of_hahn2019(backend, numbers, same):
    z = numbers("sr_em_conv")
    for iterations in (1, 2, 3):
        u, a = z.leaf("u"), z.leaf("a")
        algorithm = EM(
            iterations=iterations, preset="hahn2019", final_lambda=0.3,
            beta_a=z["beta_a"].flatten(), beta_u=z["beta_u"].flatten(),
        )  # fmt: skip
        out = route_windows(
            algorithm, padded(by_type(u, 2), 1), z["W"], windows(3, 2, 7), padded(a, 1),
            transform="matrix", backend=backend,
        )  # fmt: skip
        same(out.activations, z[f"out_a_it{iterations}"])
        same(out.poses, by_type(z[f"out_pose_it{iterations}"], 3))
        if f"grad_a_it{iterations}" in z:
            total = (out.activations * z["G_a"]).sum()
            (total + (out.poses * by_type(z["G_pose"], 3)).sum()).backward()
            same(u.grad, z[f"grad_u_it{iterations}"])
            same(a.grad, z[f"grad_a_it{iterations}"])


@pytest.mark.parametrize("mode", ["raw", "train", "eval"])
@pytest.mark.parametrize("case", ["conv_small"])
def test_variational_bayes(case, mode, numbers, same):
    """Children are divided among all parents of all positions that see them."""
    z = numbers(f"vb_{case}")
    kernel, stride = int(z["kernel"]), int(z["stride"])
    weight = z["W_ij"][0, :, :, 0, :, :, 0, 0].movedim((-2, -1), (0, 1)).flatten(0, 2)
    parents = weight.shape[1]

    def norm(x, mean, variance, dims):
        shape = (1, parents, *[1] * (x.ndim - 2))
        if mode == "train":
            mean, variance = x.mean(dims), x.var(dims, correction=0)
        return (x - mean.reshape(shape)) / (variance.reshape(shape) + 1e-5).sqrt()

    for iterations in (1, 2, 3):
        pose, a = z.leaf("pose"), z.leaf("a")
        algorithm = VariationalBayes(iterations=iterations, beta_a=z["beta_a"], beta_u=z["beta_u"])
        if mode != "raw":
            algorithm = replace(
                algorithm,
                norm_logit=lambda x: norm(x, z["bn_a_mean"], z["bn_a_var"], (0,)),
                norm_pose=lambda x: norm(x, z["bn_v_mean"], z["bn_v_var"], (0, 2)),
            )
        u = pose.flatten(2, 3).movedim(2, -1)
        out = route_windows(
            algorithm, u, weight, windows(kernel, stride, u.shape[2]), a,
            transform="matrix", compete_over="positions",
        )  # fmt: skip
        if mode == "raw":
            same(out.activations.logit(), z[f"raw_a_np_it{iterations}"])
            same(out.poses.movedim(-1, 2), z[f"raw_m_np_it{iterations}"])
            continue
        name = f"diag_{mode}_it{iterations}"
        same(out.activations, z[f"out_a_{name}"])
        poses = out.poses.movedim(-1, 2)
        same(poses, z[f"out_pose_{name}"].flatten(2, 3))
        if f"grad_a_{name}" in z:
            total = (out.activations * z["G_a"]).sum()
            (total + (poses * z["G_pose"].flatten(2, 3)).sum()).backward()
            same(a.grad, z[f"grad_a_{name}"])
            same(pose.grad, z[f"grad_pose_{name}"])


def divided(posteriors, kernel: int):
    """Whether their posteriors `[B, T, J, 1, h, w, k, k]` of each child sum to 1 over the windows
    that hold it, in each image: a small constant below their quotient swallows small shares."""
    images, types, parents, _, h, w = posteriors.shape[:6]
    sums = posteriors.new_zeros(images, types, parents, h + kernel - 1, w + kernel - 1)
    for a, b in product(range(h), range(w)):
        sums[..., a : a + kernel, b : b + kernel] += posteriors[..., 0, a, b, :, :]
    return (sums - 1).abs().flatten(1).amax(1) < 1e-4


@pytest.mark.parametrize("heat", ["001", "1"])
@pytest.mark.parametrize("case", ["conv_s1"])
def test_official_em(case, heat, numbers, same):
    """Only positions compete, each parent type by itself."""
    z = numbers(f"em_{case}")
    kernel, q = int(z["kernel_size"]), z["kernel"].shape[3]
    # Theirs: [T, k, k, row, column and parent].
    weight = z["kernel"].unflatten(-1, (q, -1)).permute(1, 2, 0, 5, 3, 4).flatten(0, 2)
    for iterations in (1, 2, 3):
        pose, act = z.leaf("pose"), z.leaf("act")
        algorithm = EM(
            iterations=iterations,
            preset="official",
            final_lambda=float(z[f"final_beta_lam{heat}"]),
            beta_a=z["activation_biases"],
            beta_u=z["sigma_biases"],
        )
        u = pose.movedim(2, -1)
        out = route_windows(
            algorithm, u, weight, windows(kernel, 1, u.shape[2]), act.squeeze(2),
            transform="matrix", compete_over="positions",
        )  # fmt: skip
        name = f"lam{heat}_it{iterations}"
        poses = out.poses.movedim(-1, 2)
        fine = torch.ones(len(u), dtype=torch.bool)
        for t in range(2, iterations + 1):
            fine &= divided(z[f"post_it{t}"], kernel)
        assert fine.any() or iterations == 3
        same(out.activations[fine], z[f"out_a_{name}"][fine])
        same(poses[fine], z[f"out_pose_{name}"][fine])
        if f"grad_pose_{name}" in z:
            total = (out.activations * z["G_a"]).sum()
            (total + (poses * z["G_pose"]).sum()).backward()
            same(pose.grad[fine], z[f"grad_pose_{name}"][fine])
            same(act.grad[fine], z[f"grad_act_{name}"][fine])


@pytest.mark.parametrize("leaky", [False, True])
@pytest.mark.parametrize("case", ["valid_s1"])
def test_official_dynamic(case, leaky, numbers, same):
    """A vote is the convolution of one type's poses."""
    z = numbers(f"sabour_conv_{case}")
    parents, dim = z["b"].shape[:2]
    kernel = z["kernel"]
    for iterations in (1, 2, 3):
        name = f"{'leaky_' if leaky else ''}it{iterations}"
        if f"out_{name}" not in z:
            continue
        u = z.leaf("u")
        layer = ConvCapsules2d(
            u.shape[1], u.shape[2], parents, dim, kernel.shape[0], int(z["stride"]),
            int(z["pad_same"]), votes="summed", iterations=iterations,
            routing_options={"bias": True, "leaky": leaky, "detach": False},
        )  # fmt: skip
        weight = kernel.unflatten(-1, (parents, dim)).permute(3, 4, 0, 1, 2).flatten(2)
        layer.weight.data = weight.unsqueeze(0)
        layer.routing.bias.data = z["b"].flatten(1)
        out = layer(u.movedim(2, -1)).movedim(-1, 2)
        same(out, z[f"out_{name}"])
        (out * z["G"]).sum().backward()
        same(u.grad, z[f"grad_u_{name}"])
