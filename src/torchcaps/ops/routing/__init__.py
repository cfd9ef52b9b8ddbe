"""Routing algorithms: one file each, written once for every engine."""

from torchcaps.ops.routing.algorithm import Algorithm, Children
from torchcaps.ops.routing.cluster import Cluster, cluster_routing
from torchcaps.ops.routing.dynamic import Dynamic, dynamic_routing
from torchcaps.ops.routing.em import EM, em_routing
from torchcaps.ops.routing.fixed_couplings import FixedCouplings, fixed_couplings_routing
from torchcaps.ops.routing.heinsen import Heinsen, heinsen_routing
from torchcaps.ops.routing.inverted_attention import (
    InvertedAttention,
    inverted_attention_routing,
)
from torchcaps.ops.routing.moments import Moments
from torchcaps.ops.routing.result import Capsules, Routing
from torchcaps.ops.routing.route import list_backends, route, route_children, route_windows
from torchcaps.ops.routing.self_attention import SelfAttention, self_attention_routing
from torchcaps.ops.routing.self_routing import SelfRouting, self_routing
from torchcaps.ops.routing.variational_bayes import (
    VariationalBayes,
    variational_bayes_routing,
)
from torchcaps.ops.routing.vector_routing import VectorRouting, vector_routing
from torchcaps.ops.routing.votes import matrix_votes, votes
from torchcaps.ops.routing.whole import route_votes
from torchcaps.ops.routing.windows import Windows

__all__ = [
    "EM",
    "Algorithm",
    "Capsules",
    "Children",
    "Cluster",
    "Dynamic",
    "FixedCouplings",
    "Heinsen",
    "InvertedAttention",
    "Moments",
    "Routing",
    "SelfAttention",
    "SelfRouting",
    "VariationalBayes",
    "VectorRouting",
    "Windows",
    "cluster_routing",
    "dynamic_routing",
    "em_routing",
    "fixed_couplings_routing",
    "heinsen_routing",
    "inverted_attention_routing",
    "list_backends",
    "matrix_votes",
    "route",
    "route_children",
    "route_votes",
    "route_windows",
    "self_attention_routing",
    "self_routing",
    "variational_bayes_routing",
    "vector_routing",
    "votes",
]
