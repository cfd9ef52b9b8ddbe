"""Which kernel runs when, with which tiles: routing by agreement and its gradient on one device.

Per iteration forward: `normaliser`, `weighted_sum`, `squash_parents`; the first has uniform
couplings and needs no normaliser. Per iteration backward: `squash_grad`, `child_grad`,
`weight_grad` and, where the couplings are differentiated too, a `weighted_sum` for the poses that
made them.
"""

import torch
from torch import Tensor

from torchcaps.ops.routing import dynamic_triton_backward as of_gradient
from torchcaps.ops.routing import dynamic_triton_forward as of_routing
from torchcaps.ops.routing.dynamic_triton_plan import Plan, outputs


def forward(
    u: Tensor, weight: Tensor, bias: Tensor | None, iterations: int, plan: Plan
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Poses `[B, J, D]` and what the gradient needs: `sums [R, B, J, D]`, `totals [R-1, B, J, D]`
    of the poses so far, and the softmax's normalisers `lse [R-1, B, I]`."""
    poses, sums, totals, lse = outputs(u, weight, iterations)
    partial = sums.new_empty((plan.sum_splits, *poses.shape))
    for r in range(iterations):
        total, norm = (totals[r - 1], lse[r - 1]) if r else (None, None)
        if r:
            of_routing.normaliser[plan.child_tiles, plan.image_tiles](
                u, weight, total, norm, *plan.sizes, **plan.meta
            )
        mode = "coupled" if r else "uniform"
        _weighted_sum(plan, u, weight, total, norm, None, None, partial, mode)
        last = r == iterations - 1
        of_routing.squash_parents[plan.row_grid](
            partial, bias, sums[r], total, None if last else totals[r], poses if last else None,
            plan.rows, HAS_BIAS=bias is not None, FIRST=r == 0, LAST=last, J=plan.parents,
            **plan.row_meta,
        )  # fmt: skip
    return poses, sums, totals, lse


def backward(
    u: Tensor,
    weight: Tensor,
    sums: Tensor,
    totals: Tensor,
    lse: Tensor,
    grad_poses: Tensor,
    detach: bool,
    plan: Plan,
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of `u`, of `weight` and, in float32, of the bias."""
    last = len(sums) - 1
    through = not detach and last > 0
    grad_u = torch.empty_like(u, dtype=torch.float32 if through else u.dtype)
    grad_w = sums.new_empty((plan.weight_splits, *weight.shape))
    grad_bias = sums.new_zeros(sums.shape[2:])
    grad_s = torch.empty_like(sums[0])
    mean = sums.new_empty(u.shape[:2]) if through else None
    partial = sums.new_empty((plan.sum_splits, *grad_s.shape)) if through else None
    towards = grad_poses  # of this iteration's poses
    for r in range(last, -1 if through else last - 1, -1):
        total, norm = (totals[r - 1], lse[r - 1]) if r else (None, None)
        earlier = r < last
        if r == last - 1:
            towards = torch.zeros_like(sums[0])  # grows: each total sums the poses before it
        of_gradient.squash_grad[plan.row_grid](
            sums[r], towards, partial, grad_s, plan.rows, HAS_PARTIAL=earlier, **plan.row_meta
        )
        grad_bias += grad_s.sum(0)
        how = {"UNIFORM": r == 0, "THROUGH": through and r > 0, "ADD": earlier}
        of_gradient.child_grad[plan.child_tiles, plan.image_tiles](
            u, weight, total, norm, grad_s, mean, grad_u, *plan.sizes, **how, **plan.meta
        )
        of_gradient.weight_grad[plan.type_tiles, plan.parents, plan.weight_splits](
            u, weight, total, norm, grad_s, mean, grad_w, *plan.sizes, plan.weight_splits,
            plan.works, **how, **plan.meta,
        )  # fmt: skip
        if through and r > 0:
            _weighted_sum(plan, u, weight, total, norm, grad_s, mean, partial, "changed")
    whole = grad_w[0] if plan.weight_splits == 1 else grad_w.sum(0)
    return grad_u.to(u.dtype), whole.to(weight.dtype), grad_bias


def _weighted_sum(
    plan: Plan,
    u: Tensor,
    weight: Tensor,
    total: Tensor | None,
    lse: Tensor | None,
    grad_s: Tensor | None,
    mean: Tensor | None,
    partial: Tensor | None,
    mode: str,
) -> None:
    of_routing.weighted_sum[plan.image_tiles, plan.parents, plan.sum_splits](
        u, weight, total, lse, grad_s, mean, partial, *plan.sizes, plan.sum_splits,
        plan.child_tiles, MODE=mode, **plan.meta,
    )  # fmt: skip
