"""Each routing as one writes it from its paper: all votes at once, plain autograd, no tricks.

Equations are those of the algorithms' docstrings. `p` is an algorithm with its parameters, V the
votes `[B, I, J, D]`, `a [B, I]` and `u [B, I, E]` the children's activations and poses.
"""
# There is at least one iteration.
# pyright: reportPossiblyUnboundVariable=false

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from torchcaps.nn import DenseCapsules
from torchcaps.ops import Capsules, squash, unit_squash

Textbook = Callable[[Any, Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]


def textbook(layer: DenseCapsules, u: Tensor, a: Tensor) -> Capsules:
    """Poses and activations of a layer's parents."""
    algorithm = layer.routing.algorithm()
    casts = layer.routing.casts_votes  # or children are their own votes
    votes = torch.matmul(layer.weight[None], u[:, :, None, :, None])[..., 0] if casts else u
    return Capsules(*TEXTBOOK[type(algorithm).__name__](algorithm, votes, a, u))


def dynamic(p: Any, V: Tensor, a: Tensor, u: Tensor) -> tuple[Tensor, Tensor]:
    still = V.detach() if p.detach else V
    logits = torch.zeros_like(still[..., 0])
    for _ in range(p.iterations - 1):
        poses = squash(_sum(logits.softmax(-1), still))
        logits = logits + (still * poses[:, None]).sum(-1)
    poses = squash(_sum(logits.softmax(-1), V))
    return poses, poses.norm(dim=-1)


def em(p: Any, V: Tensor, a: Tensor, u: Tensor) -> tuple[Tensor, Tensor]:
    R = torch.full_like(V[..., 0], 1 / V.shape[2])
    for t in range(p.iterations):
        r = R * a[..., None]
        mass = r.sum(1)[..., None]
        mean = _sum(r, V) / mass
        variance = _sum(r, (V - mean[:, None]) ** 2) / mass + 1e-6
        cost = (mass * (p.beta_u[:, None] + variance.log() / 2)).sum(-1)
        logit = p.final_lambda * (1 - 0.95 ** (t + 1)) * (p.beta_a - cost)
        if t + 1 < p.iterations:
            R = (F.logsigmoid(logit)[:, None] + _log_normal(V, mean, variance)).softmax(-1)
    return mean, logit.sigmoid()


def self_attention(p: Any, V: Tensor, a: Tensor, u: Tensor) -> tuple[Tensor, Tensor]:
    agreement = (V * V.sum(1, keepdim=True)).sum(-1) / V.shape[-1] ** 0.5
    poses = unit_squash(_sum(agreement.softmax(-1) + p.prior, V))
    return poses, poses.norm(dim=-1)


def inverted_attention(p: Any, V: Tensor, a: Tensor, u: Tensor) -> tuple[Tensor, Tensor]:
    c = torch.full_like(V[..., 0], 1 / V.shape[2])
    for t in range(p.iterations):
        if t > 0:
            c = ((V * poses[:, None]).sum(-1) / V.shape[-1] ** 0.5).softmax(-1)
        poses = _norm(p, _sum(c, V))
    return _scored(p, poses)


def cluster(p: Any, V: Tensor, a: Tensor, u: Tensor) -> tuple[Tensor, Tensor]:
    clusters = V.unflatten(-1, (p.votes_each, -1))
    variance = clusters.var(-2, correction=0)
    c = (-(variance + p.least**2).log() / 2).softmax(1)
    return _scored(p, _norm(p, (c * clusters.mean(-2)).sum(1)))


def variational_bayes(p: Any, V: Tensor, a: Tensor, u: Tensor) -> tuple[Tensor, Tensor]:
    D = V.shape[-1]
    R = torch.full_like(V[..., 0], 1 / V.shape[2])
    for t in range(p.iterations):
        r = R * a[..., None]
        mass = r.sum(1)
        kappa, nu = 1 + mass, (D + 1 + mass)[:, None, :, None]
        average = _sum(r, V) / mass[..., None]
        scatter = _sum(r, (V - average[:, None]) ** 2)
        mean = (mass / kappa)[..., None] * average
        inverse = 1 + scatter + (mass / kappa)[..., None] * average**2
        halves = (nu[:, 0] - torch.arange(D)) / 2
        log_det = halves.digamma().sum(-1) + D * math.log(2) - inverse.log().sum(-1)
        log_pi = kappa.digamma() - kappa.sum(-1, keepdim=True).digamma()
        if t + 1 < p.iterations:
            apart = (nu * (V - mean[:, None]) ** 2 / inverse[:, None]).sum(-1)
            near = D / kappa[:, None] + apart
            R = (log_pi[:, None] + log_det[:, None] / 2 - near / 2).softmax(-1)
    entropy = D / 2 * math.log(2 * math.pi * math.e) - log_det / 2
    logit = p.beta_a - log_pi.exp() * entropy - p.beta_u
    return p.norm_pose(mean), p.norm_logit(logit).sigmoid()


def self_routing(p: Any, V: Tensor, a: Tensor, u: Tensor) -> tuple[Tensor, Tensor]:
    logits = torch.matmul(p.router[None], u[..., None])[..., 0] + p.router_bias
    shares = logits.softmax(-1) * a[..., None]
    mass = shares.sum(1)
    return _sum(shares, V) / mass[..., None], mass / a.sum(1, keepdim=True)


def heinsen(p: Any, V: Tensor, a: Tensor, u: Tensor) -> tuple[Tensor, Tensor]:
    R = torch.full_like(V[..., 0], 1 / V.shape[2])
    for t in range(p.iterations):
        use = a[..., None] * R
        ignore = a[..., None] - use
        logit = (p.beta_use * use - p.beta_ign * ignore).sum(1)
        mass = use.sum(1)[..., None] + p.eps
        mean = _sum(use, V) / mass
        if t + 1 < p.iterations:
            variance = _sum(use, (V - mean[:, None]) ** 2) / mass + p.eps
            R = (F.logsigmoid(logit)[:, None] + _log_normal(V, mean, variance)).softmax(-1)
    return mean, logit.sigmoid()


def vector(p: Any, u: Tensor, a: Tensor, _: Tensor) -> tuple[Tensor, Tensor]:
    x = u / p.children**0.5
    V = (x[:, :, None] * p.to_parent) @ p.mix + p.parent_bias  # [B, I, J, D]
    f = (((x * p.gate).sum(-1) + p.gate_bias).sigmoid() * a)[..., None]
    R = torch.full_like(V[..., 0], 1 / V.shape[2])
    for t in range(p.iterations):
        if t > 0:
            expected = (_norm(p, poses) @ p.back) * p.to_child + p.child_bias
            match = p.sharpness * (u[:, :, None] * expected[:, None]).sum(-1) + p.sharpness_bias
            R = F.logsigmoid(match).softmax(-1)
        poses = _sum(p.beta_use * f * R - p.beta_ign * f * (1 - R), V)
    return _scored(p, _norm(p, poses))


def fixed(p: Any, V: Tensor, a: Tensor, u: Tensor) -> tuple[Tensor, Tensor]:
    logits = torch.zeros_like(V[..., 0]) if p.logits is None else p.logits.expand(V.shape[:3])
    poses = squash(_sum(logits.softmax(-1), V))
    return poses, poses.norm(dim=-1)


TEXTBOOK: dict[str, Textbook] = {
    "Dynamic": dynamic,
    "EM": em,
    "SelfAttention": self_attention,
    "InvertedAttention": inverted_attention,
    "Cluster": cluster,
    "VariationalBayes": variational_bayes,
    "SelfRouting": self_routing,
    "Heinsen": heinsen,
    "VectorRouting": vector,
    "FixedCouplings": fixed,
}


def _sum(weights: Tensor, V: Tensor) -> Tensor:
    return (weights[..., None] * V).sum(1)


def _log_normal(V: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
    near = (V - mean[:, None]) ** 2 / variance[:, None]
    return -(near + variance.log()[:, None]).sum(-1) / 2


def _norm(p: Any, s: Tensor) -> Tensor:
    return F.layer_norm(s, s.shape[-1:], p.scale, p.offset, p.eps)


def _scored(p: Any, poses: Tensor) -> tuple[Tensor, Tensor]:
    return poses, (poses @ p.score + p.score_bias).sigmoid()
