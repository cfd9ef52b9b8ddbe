"""Routing algorithms as modules: each owns the parameters of one layer's routing."""

import math
from typing import Any, ClassVar, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from torchcaps.nn.initial import LENGTH_OF_VOTES
from torchcaps.nn.routing_module import RoutingModule
from torchcaps.ops import routing as ops
from torchcaps.ops.routing import Capsules
from torchcaps.registry import Registry

ROUTINGS: Registry[type[RoutingModule]] = Registry("routing")


@ROUTINGS.add("dynamic", about="routing by agreement (Sabour et al. 2017)")
class DynamicRouting(RoutingModule):
    """`ops.Dynamic`. `bias`: learn one, from 0.1 on (the authors' code); `prior`: learn logits for
    each child and parent, from 0 on; `leaky`, `detach`: see `ops.dynamic_routing`."""

    algorithm_class = ops.Dynamic

    def __init__(
        self, in_capsules: int, in_dim: int, out_capsules: int, out_dim: int, *,
        bias: bool = False, prior: bool = False, leaky: bool = False, detach: bool = True,
        iterations: int = 3,
    ) -> None:  # fmt: skip
        super().__init__(
            in_capsules, in_dim, out_capsules, out_dim, iterations=iterations, leaky=leaky
        )
        self.detach = detach
        start = torch.full((out_capsules, out_dim), 0.1)
        self.bias = nn.Parameter(start) if bias else None
        self.prior = nn.Parameter(torch.zeros(in_capsules, out_capsules)) if prior else None

    def fields(self) -> dict[str, Any]:
        return {**super().fields(), "detach": self.detach}


@ROUTINGS.add("em", about="matrix capsules' EM (Hinton et al. 2018)")
class EMRouting(RoutingModule):
    r"""`ops.EM`; `preset`, `final_lambda`, `mass_eps`: see there. $\beta^u$ starts where votes of
    length 1 cost nothing, so that activations start near 1/2. The paper's preset takes
    $\lambda = 10 J / I$, at most 1: costs are multiplied by the mass, about I/J. With more,
    activations of many children stay at 0 and 1; with 0.01, the paper's, those of few at 1/2."""

    algorithm_class = ops.EM
    initial: ClassVar = {"beta_a": 0.0, "beta_u": 0.0}
    score_kind = "activations"

    def __init__(
        self, in_capsules: int, in_dim: int, out_capsules: int, out_dim: int, **options: Any
    ) -> None:
        super().__init__(in_capsules, in_dim, out_capsules, out_dim, **options)
        if options.get("preset", "paper") == "paper":
            self.options.setdefault("final_lambda", min(1.0, 10 * out_capsules / in_capsules))
        entropy = math.log(out_dim / LENGTH_OF_VOTES**2)  # -2 log sigma
        free = entropy / (math.log(2 * math.pi) + 1)
        start = free if options.get("preset") == "official" else entropy / 2
        nn.init.constant_(cast(Tensor, self.beta_u), start)


@ROUTINGS.add("self_attention", about="Efficient-CapsNet (Mazzia et al. 2021)")
class SelfAttentionRouting(RoutingModule):
    """`ops.SelfAttention`, its prior from 0 on."""

    algorithm_class = ops.SelfAttention
    initial: ClassVar = {"prior": 0.0}


class ScoredRouting(RoutingModule):
    """Base of those whose poses are normalised: `ops.routing.scored.Scored`. The score starts at
    random, with logits of deviation 1."""

    initial: ClassVar = {"scale": 1.0, "offset": 0.0, "score": 0.0, "score_bias": 0.0}
    score_kind = "logits"

    def __init__(
        self, in_capsules: int, in_dim: int, out_capsules: int, out_dim: int, **options: Any
    ) -> None:
        super().__init__(in_capsules, in_dim, out_capsules, out_dim, **options)
        with torch.no_grad():
            cast(Tensor, self.score).normal_(std=out_dim**-0.5)


@ROUTINGS.add("inverted_attention", about="inverted dot-product attention (Tsai et al. 2020)")
class InvertedAttentionRouting(ScoredRouting):
    """`ops.InvertedAttention`."""

    algorithm_class = ops.InvertedAttention


@ROUTINGS.add("cluster", about="cluster routing (Zhao & Cheng 2021)")
class ClusterRouting(ScoredRouting):
    """`ops.Cluster`; `votes_each`: votes that a child casts for a parent."""

    algorithm_class = ops.Cluster


@ROUTINGS.add("variational_bayes", about="variational Bayes (Ribeiro et al. 2020)")
class VariationalBayesRouting(RoutingModule):
    """`ops.VariationalBayes` with the authors' BatchNorms, of the parents' activations and of all
    elements of their poses."""

    algorithm_class = ops.VariationalBayes
    initial: ClassVar = {"beta_a": 0.0, "beta_u": 0.0}
    score_kind = "activations"

    def __init__(
        self, in_capsules: int, in_dim: int, out_capsules: int, out_dim: int, **options: Any
    ) -> None:
        super().__init__(in_capsules, in_dim, out_capsules, out_dim, **options)
        self.norm_logit = _BatchNorm(out_capsules, affine=False)
        self.norm_pose = _BatchNorm(out_capsules, affine=False)

    def fields(self) -> dict[str, Any]:
        return {**super().fields(), "norm_logit": self.norm_logit, "norm_pose": self.norm_pose}


class _BatchNorm(nn.BatchNorm1d):
    """In the dtype of its input, wider than that of its statistics as this may be."""

    def forward(self, input: Tensor) -> Tensor:
        if self.training and len(input) < 2:
            raise ValueError(
                f"VariationalBayesRouting, u: expected at least 2 images in training, for its "
                f"BatchNorm; got {len(input)}; call eval() first, or give more"
            )
        own = cast(Tensor, self.running_mean), cast(Tensor, self.running_var)
        mean, variance = (x.to(input.dtype) for x in own)
        out = F.batch_norm(
            input, mean, variance, training=self.training, momentum=self.momentum or 0, eps=self.eps
        )
        if self.training:
            for kept, new in zip(own, (mean, variance), strict=True):
                kept.data.copy_(new)
        return out


@ROUTINGS.add("self_routing", about="each child decides by itself (Hahn et al. 2019)")
class SelfRouting(RoutingModule):
    """`ops.SelfRouting`, its routers from 0 on. Activations add up to 1: scores are their
    logarithms and the loss, as the authors', the negative log-likelihood."""

    algorithm_class = ops.SelfRouting
    initial: ClassVar = {"router": 0.0, "router_bias": 0.0}
    score_kind = "logits"

    def scores(self, capsules: Capsules) -> Tensor:
        return capsules.activations.clamp_min(1e-12).log()


@ROUTINGS.add("heinsen", about="data used, data ignored (Heinsen 2019)")
class HeinsenRouting(RoutingModule):
    """`ops.Heinsen`, its betas from 0 on; `kernel`: see there; `shared`: all children have the same
    betas, so that any number of them is taken. Scores are the logits below the activations, as the
    author's are."""

    algorithm_class = ops.Heinsen
    initial: ClassVar = {"beta_use": 0.0, "beta_ign": 0.0}
    score_kind = "logits"

    def __init__(
        self,
        in_capsules: int,
        in_dim: int,
        out_capsules: int,
        out_dim: int,
        *,
        shared: bool = False,
        **options: Any,
    ) -> None:
        rows = 1 if shared else in_capsules
        super().__init__(rows, in_dim, out_capsules, out_dim, **options)

    def scores(self, capsules: Capsules) -> Tensor:
        return capsules.activations.logit(eps=1e-7)


@ROUTINGS.add("vector", about="vector routing (Heinsen 2022)")
class VectorRouting(ScoredRouting):
    """`ops.VectorRouting`: takes the place of the layer's transforms too."""

    algorithm_class = ops.VectorRouting
    casts_votes = False

    def __init__(
        self, in_capsules: int, in_dim: int, out_capsules: int, out_dim: int, **options: Any
    ) -> None:
        super().__init__(in_capsules, in_dim, out_capsules, out_dim, **options)
        self.options["children"] = in_capsules
        inverse = in_dim**-0.5
        starts = {
            "gate": torch.randn(in_capsules, in_dim),
            "gate_bias": torch.zeros(in_capsules),
            "to_parent": torch.randn(out_capsules, in_dim),
            "mix": torch.randn(in_dim, out_dim) * inverse,
            "parent_bias": torch.zeros(out_capsules, out_dim),
            "back": torch.randn(out_dim, in_dim) * out_dim**-0.5,
            "to_child": torch.randn(out_capsules, in_dim),
            "child_bias": torch.zeros(out_capsules, in_dim),
            "sharpness": torch.full((in_capsules, out_capsules), inverse),
            "sharpness_bias": torch.zeros(in_capsules, out_capsules),
            "beta_use": torch.randn(in_capsules, out_capsules),
            "beta_ign": torch.randn(in_capsules, out_capsules),
        }
        for name, start in starts.items():
            self.register_parameter(name, nn.Parameter(start))


@ROUTINGS.add("uniform", about="control: no routing (Gu & Tresp 2020)")
class UniformRouting(RoutingModule):
    """`ops.FixedCouplings` without logits."""

    algorithm_class = ops.FixedCouplings


@ROUTINGS.add("random", about="control: frozen random couplings (Paik et al. 2019)")
class RandomRouting(RoutingModule):
    """`ops.FixedCouplings` with normal logits that are drawn once and never learnt."""

    algorithm_class = ops.FixedCouplings
    logits: Tensor

    def __init__(
        self, in_capsules: int, in_dim: int, out_capsules: int, out_dim: int, **options: Any
    ) -> None:
        super().__init__(in_capsules, in_dim, out_capsules, out_dim, **options)
        self.register_buffer("logits", torch.randn(in_capsules, out_capsules))
