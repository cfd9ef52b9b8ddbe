"""The two engines as backends of `route_children`: which takes what, and with what."""

from functools import reduce

import torch

from torchcaps.ops.precision import without_autocast
from torchcaps.ops.routing.backend import TRANSFORMS, Problem
from torchcaps.ops.routing.result import Capsules
from torchcaps.ops.routing.tiled import route_tiled
from torchcaps.ops.routing.tiles import Given
from torchcaps.ops.routing.votes import check_children
from torchcaps.ops.routing.whole import check_votes, route_votes
from torchcaps.ops.transforms import transformed

# Below this many bytes of all that is made of the votes, all at once is as fast, and as small.
FEW_BYTES = 1 << 26


def run_whole(p: Problem) -> Capsules:
    """All votes at once."""
    p = p.unfolded()
    given, dtype = widened(p)
    votes = given.votes(TRANSFORMS[p.transform])
    r = route_votes(p.algorithm, votes, given.activations, u=given.u, mask=p.mask)
    return Capsules(r.poses.to(dtype), r.activations)


def run_tiled(p: Problem) -> Capsules:
    """Tile by tile."""
    given, dtype = widened(p)
    with without_autocast(p.u.device):
        zeros = given.u.new_zeros(p.rows, *_parents(p))
        algorithm = p.algorithm.to(zeros.dtype)
        poses, activations = route_tiled(
            algorithm, given, TRANSFORMS[p.transform], zeros, p.windows
        )
    return Capsules(poses.to(dtype), activations)


def refuses_tiles(p: Problem) -> str | None:
    """Why votes cannot be made tile by tile; None if they can."""
    if torch.compiler.is_compiling() or torch.compiler.is_exporting():
        return "a compiled program holds PyTorch's own operations only"
    tensors = [p.u, p.weight, p.offset, p.activations, *p.algorithm.tensors().values()]
    if transformed(*tensors):
        return "torch.func and forward-mode derivatives need PyTorch's own operations"
    if 0 in (p.rows, *p.u.shape, *_parents(p)):
        return "there are no images, no children, no parents, or capsules of no dimensions"
    return None


def suits_tiles(p: Problem) -> bool:
    """Whether all votes would be large, and tiles possible."""
    parents, dim = _parents(p)
    size = p.rows * p.children * parents * dim * 4 * p.algorithm.copies
    return refuses_tiles(p) is None and size > FEW_BYTES  # a size may be a symbol in export


def check(p: Problem) -> None:
    """Raise a `ValueError` unless the pieces of a problem fit each other."""
    if p.transform not in TRANSFORMS:
        raise ValueError(
            f"route_children, transform: expected one of {', '.join(TRANSFORMS)}; "
            f"got {p.transform!r}"
        )
    u, activations, mask = p.u, p.activations, p.mask
    if p.windows is not None:
        for name, x in (("activations", activations), ("mask", mask)):
            if x is not None and x.shape != u.shape[:-1]:
                raise ValueError(
                    f"route_windows, {name}: expected one for each child of the map, shape "
                    f"{tuple(u.shape[:-1])}; got {tuple(x.shape)}; give [B, T, *positions]"
                )
        each = (p.rows, p.children)
        u = u.new_empty((*each, u.shape[-1]))
        activations, mask = (None if x is None else x.new_empty(each) for x in (activations, mask))
    if p.weight is not None and p.transform == "dense":
        check_children(u, p.weight, "route_children")
    votes = u.new_empty((*u.shape[:2], *_parents(p)), device="meta")
    check_votes(p.algorithm, votes, activations, u, mask)


def widened(p: Problem) -> tuple[Given, torch.dtype]:
    """What votes are made of, in float32 or wider, and the dtype of the poses: the wider one of the
    children and of what makes their votes."""
    makers = [p.weight] if p.weight is not None else p.algorithm.tensors().values()
    dtype = reduce(torch.promote_types, (x.dtype for x in makers), p.u.dtype)
    wide = torch.promote_types(dtype, torch.float32)
    weight, offset, activations = (
        None if x is None else x.to(wide) for x in (p.weight, p.offset, p.activations)
    )
    return Given(p.u.to(wide), weight, offset, activations, p.mask), dtype


def _parents(p: Problem) -> tuple[int, int]:
    """J and the size of a vote."""
    if p.weight is None:
        return 1, p.u.shape[-1]
    if p.transform == "matrix":
        _, parents, inner, columns = p.weight.shape
        return parents, p.u.shape[-1] // max(inner, 1) * columns
    return p.weight.shape[1], p.weight.shape[2]
