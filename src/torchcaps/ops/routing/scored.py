"""Algorithms whose poses are normalised, so that their length says nothing."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from torchcaps.ops.precision import at_least_float32, without_autocast
from torchcaps.ops.routing.algorithm import Algorithm
from torchcaps.ops.squash import shrinking


@dataclass(frozen=True, kw_only=True)
class Scored(Algorithm):
    r"""Poses by LayerNorm, $p = \mathrm{LayerNorm}(s)$; one linear score, shared by all parents,
    says how sure each is: $a_j = \sigma(w \cdot p_j + b)$.

    Fields: `scale`, `offset [D]` of the LayerNorm and its `eps`; `score [D]`, `score_bias [1]`.
    Without a score the logit is 0.
    """

    scale: Tensor | None = None
    offset: Tensor | None = None
    score: Tensor | None = None
    score_bias: Tensor | None = None
    eps: float = 1e-5

    @classmethod
    def shapes(cls, children: int, parents: int, dim: int, child_dim: int) -> dict[str, Any]:
        return {"scale": (dim,), "offset": (dim,), "score": (dim,), "score_bias": (1,)}

    def normalise(self, s: Tensor) -> Tensor:
        """`LayerNorm(s)` over the pose; huge vectors are shortened first."""
        bounded = s * shrinking(s, -1)
        return F.layer_norm(bounded, s.shape[-1:], self.scale, self.offset, self.eps)

    def finish(self, state: Tensor) -> tuple[Tensor, Tensor]:
        return state, self.logits(state).sigmoid()

    def logits(self, poses: Tensor) -> Tensor:
        """The score of each pose, `[B, J]`, in float32 or wider."""
        poses = at_least_float32(poses)
        if self.score is None:
            return torch.zeros_like(poses[..., 0])
        with without_autocast(poses.device):
            total = poses @ self.score.to(poses.dtype)
        return total if self.score_bias is None else total + self.score_bias
