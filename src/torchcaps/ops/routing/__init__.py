"""Routing algorithms: one file each, fast paths beside the plain one."""

from torchcaps.ops.routing.dynamic import Routing, dynamic_routing
from torchcaps.ops.routing.route import list_backends, route
from torchcaps.ops.routing.votes import votes

__all__ = ["Routing", "dynamic_routing", "list_backends", "route", "votes"]
