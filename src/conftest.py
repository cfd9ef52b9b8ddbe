"""Which modules pytest looks into for examples."""

from importlib.util import find_spec

# The kernels' own files import triton, which is no dependency.
collect_ignore_glob = [] if find_spec("triton") else ["torchcaps/ops/routing/dynamic_triton_*.py"]
