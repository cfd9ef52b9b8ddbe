"""From parts to wholes: who sends what to whom, iteration by iteration."""

from typing import Any

import torch
from torch import Tensor

from torchcaps.analysis.routing.routing_trace import strongest_parts, trace_routing
from torchcaps.explorer.requests import Route
from torchcaps.explorer.views import moved_image


@torch.inference_mode()
def routing(request: Route) -> dict[str, Any]:
    """The strongest parts of the moved image with their couplings and agreement, the classes with
    their scores from 0 to 1, and a map of who supports each class."""
    image = moved_image(request)
    routed = trace_routing(request.shown.model, image, iterations=request.iterations)
    child, parts = strongest_parts(routed, request.parts)
    couplings = routed.sent()[:, child].transpose(0, 1).tolist()
    agreement = routed.agreement()[child].tolist()
    field = routed.field
    return {
        "classes": list(request.models.classes),
        "iterations": len(routed.couplings),
        "kind": request.shown.model.score_kind,
        "parts": [
            {**part._asdict(), "couplings": sent, "agreement": agreed}
            for part, sent, agreed in zip(parts, couplings, agreement, strict=True)
        ],
        "lengths": routed.scores.tolist(),
        "winner": int(routed.scores[-1].argmax()),
        "support": [
            {"shape": [field.rows, field.columns], "data": rows}
            for rows in _scaled(routed.support()).tolist()
        ],
        "grid": [field.rows, field.columns],
        "field": {
            "top": field.top, "left": field.left, "stride": field.stride, "side": field.side
        },
    }  # fmt: skip


def _scaled(support: Tensor) -> Tensor:
    """So that the largest of all is 1 in size; all zeros stay so."""
    largest = support.abs().max()
    return support / largest if largest > 0 else support
