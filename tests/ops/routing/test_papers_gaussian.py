"""Routings whose parents are Gaussians against loops as their papers write them."""

import math

import pytest
import torch

from torchcaps.ops import EM, Heinsen, VariationalBayes, route_votes

B, I, J, D = 2, 7, 3, 5
PI = math.pi


def total(rows):
    """The sum of a list of tensors."""
    return torch.stack(list(rows)).sum(0)


def sigmoid(x):
    return 1 / (1 + (-x).exp())


def table(rows):
    return torch.stack([torch.stack(list(row)) for row in rows])


def everywhere(value):
    return [[torch.tensor(value, dtype=torch.float64)] * J for _ in range(I)]


def density(x, mean, variance):
    """Of a normal distribution with a diagonal covariance."""
    exponent = -((x - mean) ** 2 / (2 * variance)).sum()
    return exponent.exp() / (2 * PI * variance).prod() ** 0.5


def posterior(weights):
    """`weights[i][j]` divided by their sum over the parents."""
    return [[w / total(row) for w in row] for row in weights]


@pytest.mark.parametrize("iterations", [1, 2, 3, 4])
@pytest.mark.parametrize("preset", ["paper", "hahn2019", "official"])
def test_em(draw, compare, preset, iterations):
    """Hinton et al. 2018, procedure 1; the authors' and Hahn's code where they differ."""
    official, final = preset == "official", 0.7
    least = {"paper": 1e-6, "hahn2019": 1e-12, "official": 5e-4}[preset]
    small = 1e-7 if official else 0.0

    def loop(votes, a, beta_a, beta_u):
        r = everywhere(1.0 if preset == "hahn2019" else 1 / J)
        mean, out, last = [torch.zeros(D, dtype=torch.float64)] * J, [], r
        for t in range(1, iterations + 1):
            heat = final * (1 - 0.95**t)
            old, mean, variance, out = mean, [], [], []
            for j in range(J):
                share = [r[i][j] * a[i] for i in range(I)]
                mass = total(share) + small
                new = total(share[i] * votes[i, j] for i in range(I)) / mass
                mean.append(0.9 * new + 0.1 * old[j] if official else new)
                apart = [(votes[i, j] - mean[j]) ** 2 for i in range(I)]
                variance.append(
                    total(s * x for s, x in zip(share, apart, strict=True)) / mass + least
                )
                if official:
                    width = variance[j].log().sum() + beta_u[j] * D * (math.log(2 * PI) + 1)
                    logit = heat * (-mass * width - 5000 * beta_a[j])
                else:
                    cost = [(beta_u[j] + (variance[j][h] ** 0.5).log()) * mass for h in range(D)]
                    logit = heat * (beta_a[j] - total(cost))
                out.append(sigmoid(logit))
            last = r
            r = posterior(
                [
                    [out[j] * density(votes[i, j], mean[j], variance[j]) for j in range(J)]
                    for i in range(I)
                ]
            )
        return torch.stack(mean), torch.stack(out), table(last)

    votes, a = draw(B, I, J, D), draw(B, I).sigmoid()
    beta_a, beta_u = draw(J, scale=1e-3), draw(J)
    algorithm = EM(
        iterations=iterations, beta_a=beta_a, beta_u=beta_u, final_lambda=final, preset=preset
    )
    compare(route_votes(algorithm, votes, a), loop, (votes, a), beta_a, beta_u)


@pytest.mark.parametrize("iterations", [1, 2, 3])
@pytest.mark.parametrize("covariance", ["diagonal", "full"])
def test_variational_bayes(draw, compare, covariance, iterations):
    """Ribeiro et al. 2020, algorithm 1, with inverse and determinant in place of a factorisation;
    the norms stand for the BatchNorms."""
    eye = torch.eye(D, dtype=torch.float64)

    def loop(votes, a, beta_a, beta_u):
        r = last = everywhere(1 / J)
        mean, out = [], []
        for _ in range(iterations):
            share = [[r[i][j] * a[i] for j in range(J)] for i in range(I)]
            mass = [total(share[i][j] for i in range(I)) for j in range(J)]
            alpha = [1 + m for m in mass]
            log_pi = [x.digamma() - total(alpha).digamma() for x in alpha]
            mean, psi, log_det, nu, kappa = [], [], [], [], []
            for j in range(J):
                kappa.append(1 + mass[j])
                nu.append(D + 1 + mass[j])
                centre = total(share[i][j] * votes[i, j] for i in range(I)) / mass[j]
                mean.append(mass[j] * centre / kappa[j])
                inverse = eye + mass[j] / kappa[j] * torch.outer(centre, centre)
                for i in range(I):
                    apart = votes[i, j] - centre
                    inverse = inverse + share[i][j] * torch.outer(apart, apart)
                if covariance == "diagonal":
                    inverse = inverse * eye
                psi.append(torch.linalg.inv(inverse))
                degrees = total(((nu[j] - d) / 2).digamma() for d in range(D))
                log_det.append(degrees + D * math.log(2) + torch.linalg.det(psi[j]).log())
            out = []
            for j in range(J):
                entropy = D / 2 * math.log(2 * PI * math.e) - log_det[j] / 2
                logit = beta_a[j] - (log_pi[j].exp() * entropy + beta_u[j])
                out.append(sigmoid(3 * logit))
            last, weights = r, []
            for i in range(I):
                weights.append([])
                for j in range(J):
                    apart = votes[i, j] - mean[j]
                    distance = D / kappa[j] + nu[j] * (apart @ psi[j] @ apart)
                    log_p = log_det[j] / 2 - D / 2 * math.log(2 * PI) - distance / 2
                    weights[i].append((log_pi[j] + log_p).exp())
            r = posterior(weights)
        return torch.stack(mean) - 1, torch.stack(out), table(last)

    votes, a = draw(B, I, J, D), draw(B, I).sigmoid()
    beta_a, beta_u = draw(J), draw(J)
    algorithm = VariationalBayes(
        iterations=iterations,
        beta_a=beta_a,
        beta_u=beta_u,
        covariance=covariance,
        norm_logit=lambda x: 3 * x,
        norm_pose=lambda x: x - 1,
    )
    compare(route_votes(algorithm, votes, a), loop, (votes, a), beta_a, beta_u)


@pytest.mark.parametrize("iterations", [1, 2, 3])
@pytest.mark.parametrize("kernel", ["gaussian", "distance"])
def test_heinsen_2019(draw, compare, kernel, iterations):
    """Heinsen 2019, algorithm 1: used and ignored data; 1e-5 where the authors' code has it."""

    def loop(votes, a, beta_use, beta_ign):
        r = last = everywhere(1 / J)
        mean, out = [], []
        for _ in range(iterations):
            mean, variance, out = [], [], []
            for j in range(J):
                used = [a[i] * r[i][j] for i in range(I)]
                ignored = [a[i] - used[i] for i in range(I)]
                benefit = total(beta_use[i, j] * used[i] for i in range(I))
                cost = total(beta_ign[i, j] * ignored[i] for i in range(I))
                out.append(sigmoid(benefit - cost))
                mass = total(used) + 1e-5
                mean.append(total(used[i] * votes[i, j] for i in range(I)) / mass)
                apart = [(votes[i, j] - mean[j]) ** 2 for i in range(I)]
                variance.append(
                    total(u * x for u, x in zip(used, apart, strict=True)) / mass + 1e-5
                )

            def near(x, mean, variance):
                if kernel == "distance":
                    return (-((x - mean) ** 2).sum()).exp()
                return density(x, mean, variance)

            last = r
            r = posterior(
                [
                    [out[j] * near(votes[i, j], mean[j], variance[j]) for j in range(J)]
                    for i in range(I)
                ]
            )
        return torch.stack(mean), torch.stack(out), table(last)

    votes, a = draw(B, I, J, D), draw(B, I).sigmoid()
    beta_use, beta_ign = draw(I, J), draw(I, J)
    algorithm = Heinsen(iterations=iterations, beta_use=beta_use, beta_ign=beta_ign, kernel=kernel)
    compare(route_votes(algorithm, votes, a), loop, (votes, a), beta_use, beta_ign)
