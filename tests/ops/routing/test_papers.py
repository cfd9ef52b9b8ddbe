"""Routings by agreement, attention and prediction against loops as their papers write them."""

import math

import pytest
import torch

from torchcaps.ops import (
    Cluster,
    Dynamic,
    FixedCouplings,
    InvertedAttention,
    SelfAttention,
    SelfRouting,
    VectorRouting,
    dynamic_routing,
    route_votes,
)

B, I, J, D, E = 2, 7, 3, 5, 4


def length(s):
    return (s * s).sum() ** 0.5


def squash(s):
    n = length(s)
    return n**2 / (1 + n**2) * s / n


def softmax(row):
    powers = [x.exp() for x in row]
    return [x / sum(powers) for x in powers]


def layer_norm(s, scale, offset):
    mean = s.sum() / len(s)
    variance = ((s - mean) ** 2).sum() / len(s)
    return (s - mean) / (variance + 1e-5) ** 0.5 * scale + offset


def sigmoid(x):
    return 1 / (1 + (-x).exp())


def table(rows):
    """Nested lists of numbers as one tensor."""
    return torch.stack([torch.stack(list(row)) for row in rows])


def answer(poses, activations, couplings):
    return torch.stack(list(poses)), torch.stack(list(activations)), table(couplings)


@pytest.mark.parametrize("leaky", [False, True])
@pytest.mark.parametrize("detach", [False, True])
@pytest.mark.parametrize("iterations", [1, 2, 3, 5])
def test_dynamic(draw, compare, iterations, leaky, detach):
    """Sabour et al. 2017, procedure 1, with the authors' bias, and with prior logits."""

    def loop(u_hat, bias, prior):
        seen = u_hat.detach() if detach else u_hat
        b = [[prior[i, j] for j in range(J)] for i in range(I)]
        c, v = [], []
        for _ in range(iterations):
            silent = [torch.zeros_like(b[0][0])] if leaky else []
            c = [softmax([*silent, *b[i]])[len(silent) :] for i in range(I)]
            v = [squash(sum(c[i][j] * u_hat[i, j] for i in range(I)) + bias[j]) for j in range(J)]
            known = [v[j].detach() if detach else v[j] for j in range(J)]
            b = [[b[i][j] + (seen[i, j] * known[j]).sum() for j in range(J)] for i in range(I)]
        return answer(v, map(length, v), c)

    votes, bias, prior = draw(B, I, J, D), draw(J, D, scale=0.1), draw(I, J)
    options = {"iterations": iterations, "leaky": leaky, "detach": detach}
    compare(
        route_votes(Dynamic(bias=bias, prior=prior, **options), votes), loop, (votes,), bias, prior
    )
    none = torch.zeros_like(prior)
    found = dynamic_routing(votes, bias=bias, **options)
    compare(found, lambda votes, bias: loop(votes, bias, none), (votes,), bias)


def test_fixed_couplings(draw, compare):
    """Gu & Tresp 2020, Paik et al. 2019: couplings that no vote changes."""

    def loop(u_hat, logits, bias):
        c = [softmax(logits[i]) for i in range(I)]
        v = [squash(sum(c[i][j] * u_hat[i, j] for i in range(I)) + bias[j]) for j in range(J)]
        return answer(v, map(length, v), c)

    votes, logits, bias = draw(B, I, J, D), draw(I, J), draw(J, D)
    compare(
        route_votes(FixedCouplings(logits=logits, bias=bias), votes), loop, (votes,), logits, bias
    )
    found = route_votes(FixedCouplings(bias=bias), votes)
    compare(
        found, lambda votes, bias: loop(votes, torch.zeros(I, J).double(), bias), (votes,), bias
    )


def test_self_attention(draw, compare):
    """Mazzia et al. 2021, equations 3 to 6: each vote meets the sum of all."""

    def loop(u_hat, prior):
        agree = [
            [sum((u_hat[i, j] * u_hat[k, j]).sum() for k in range(I)) / D**0.5 for j in range(J)]
            for i in range(I)
        ]
        c = [[c + prior[i, j] for j, c in enumerate(softmax(agree[i]))] for i in range(I)]
        s = [sum(c[i][j] * u_hat[i, j] for i in range(I)) for j in range(J)]
        v = [(1 - (-length(x)).exp()) * x / length(x) for x in s]
        return answer(v, map(length, v), c)

    votes, prior = draw(B, I, J, D), draw(I, J)
    compare(route_votes(SelfAttention(prior=prior), votes), loop, (votes,), prior)


@pytest.mark.parametrize("iterations", [1, 2, 3])
def test_inverted_attention(draw, compare, iterations):
    """Tsai et al. 2020, algorithm 1; the score is that of their classifier."""

    def loop(u_hat, scale, offset, score, score_bias):
        r = [[torch.tensor(1 / J, dtype=torch.float64)] * J] * I
        p = []
        for t in range(iterations):
            if t > 0:
                r = [
                    softmax([(u_hat[i, j] * p[j]).sum() / D**0.5 for j in range(J)])
                    for i in range(I)
                ]
            s = [sum(r[i][j] * u_hat[i, j] for i in range(I)) for j in range(J)]
            p = [layer_norm(x, scale, offset) for x in s]
        return answer(p, [sigmoid((x * score).sum() + score_bias[0]) for x in p], r)

    own = draw(D), draw(D), draw(D), draw(1)
    names = ("scale", "offset", "score", "score_bias")
    votes = draw(B, I, J, D)
    algorithm = InvertedAttention(iterations=iterations, **dict(zip(names, own, strict=True)))
    compare(route_votes(algorithm, votes), loop, (votes,), *own)


def test_cluster(draw, compare):
    """Zhao & Cheng 2021: K votes each, weighted by how tight they are, element by element."""
    each = 3

    def loop(u_hat, scale, offset, score, score_bias):
        clusters = u_hat.reshape(I, J, each, D)
        mean = [[sum(clusters[i, j]) / each for j in range(J)] for i in range(I)]
        spread = [
            [
                (sum((v - mean[i][j]) ** 2 for v in clusters[i, j]) / each + 1e-12) ** 0.5
                for j in range(J)
            ]
            for i in range(I)
        ]
        c = [[[] for _ in range(J)] for _ in range(I)]
        for j in range(J):
            for d in range(D):
                over_children = softmax([-spread[i][j][d].log() for i in range(I)])
                for i in range(I):
                    c[i][j].append(over_children[i])
        pulled = [sum(torch.stack(c[i][j]) * mean[i][j] for i in range(I)) for j in range(J)]
        v = [layer_norm(x, scale, offset) for x in pulled]
        shown = [[sum(c[i][j]) / D for j in range(J)] for i in range(I)]
        return answer(v, [sigmoid((x * score).sum() + score_bias[0]) for x in v], shown)

    own = draw(D), draw(D), draw(D), draw(1)
    names = ("scale", "offset", "score", "score_bias")
    votes = draw(B, I, J, each * D)
    algorithm = Cluster(votes_each=each, **dict(zip(names, own, strict=True)))
    compare(route_votes(algorithm, votes), loop, (votes,), *own)


def test_self_routing(draw, compare):
    """Hahn et al. 2019, equations 4 to 7: a router for each child, no agreement."""

    def loop(u, a, u_hat, router, bias):
        c = [
            softmax([(router[i, j] * u[i]).sum() + bias[i, j] for j in range(J)]) for i in range(I)
        ]
        total = sum(a[i] for i in range(I))
        mass = [sum(c[i][j] * a[i] for i in range(I)) for j in range(J)]
        v = [sum(c[i][j] * a[i] * u_hat[i, j] for i in range(I)) / mass[j] for j in range(J)]
        return answer(v, [m / total for m in mass], c)

    u, raw, votes = draw(B, I, E), draw(B, I), draw(B, I, J, D)
    a = raw.sigmoid()
    router, bias = draw(I, J, E), draw(I, J)
    algorithm = SelfRouting(router=router, router_bias=bias)
    compare(route_votes(algorithm, votes, a, u=u), loop, (u, a, votes), router, bias)


@pytest.mark.parametrize("iterations", [1, 2, 3])
@pytest.mark.parametrize("normalise", [False, True])
def test_vector_routing(draw, compare, iterations, normalise):
    """Heinsen 2022: parents predict the children."""
    shapes = {
        "gate": (I, E), "gate_bias": (I,), "to_parent": (J, E), "mix": (E, D),
        "parent_bias": (J, D), "back": (D, E), "to_child": (J, E), "child_bias": (J, E),
        "sharpness": (I, J), "sharpness_bias": (I, J), "beta_use": (I, J), "beta_ign": (I, J),
    }  # fmt: skip

    def loop(u, *own):
        w = dict(zip(shapes, own, strict=True))
        x = u / math.sqrt(I)
        f = [sigmoid((w["gate"][i] * x[i]).sum() + w["gate_bias"][i]) for i in range(I)]
        cast = [
            [(x[i] * w["to_parent"][j]) @ w["mix"] + w["parent_bias"][j] for j in range(J)]
            for i in range(I)
        ]
        r = [[torch.tensor(1 / J, dtype=torch.float64)] * J] * I
        one, zero = torch.ones(D).double(), torch.zeros(D).double()
        v = []
        for t in range(iterations):
            if t > 0:
                r = []
                for i in range(I):
                    score = []
                    for j in range(J):
                        guess = (layer_norm(v[j], one, zero) @ w["back"]) * w["to_child"][j]
                        match = (u[i] * (guess + w["child_bias"][j])).sum()
                        score.append(
                            sigmoid(w["sharpness"][i, j] * match + w["sharpness_bias"][i, j]).log()
                        )
                    r.append(softmax(score))
            v = []
            for j in range(J):
                v.append(torch.zeros(D).double())
                for i in range(I):
                    used, ignored = f[i] * r[i][j], f[i] * (1 - r[i][j])
                    phi = w["beta_use"][i, j] * used - w["beta_ign"][i, j] * ignored
                    v[j] = v[j] + phi * cast[i][j]
        poses = [layer_norm(p, one, zero) if normalise else p for p in v]
        return answer(poses, [torch.tensor(0.5, dtype=torch.float64)] * J, r)

    u = draw(B, I, E)
    own = {name: draw(*shape) for name, shape in shapes.items()}
    algorithm = VectorRouting(iterations=iterations, children=I, normalise_poses=normalise, **own)
    compare(route_votes(algorithm, u.unsqueeze(2)), loop, (u,), *own.values())
