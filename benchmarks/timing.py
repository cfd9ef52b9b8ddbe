"""Times and memory of calls on a device, several side by side; what the device can do at most."""

import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor

from ledger import Row, device

Call = Callable[[], object]
FLUSH_BYTES = 1 << 28  # several times a large card's cache


def times(calls: dict[str, Call], rounds: int) -> dict[str, Row]:
    """Milliseconds of each call, minimum and median, in turns so that drift hits all alike.

    On a GPU its own events measure, after the caches were filled with something else.
    """
    measure, warmups = (_on_gpu, 3) if device().type == "cuda" else (_on_cpu, 1)
    for call in calls.values():
        for _ in range(warmups):
            call()
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            taken[name].append(measure(call))
    return {
        name: {"ms": statistics.median(each), "ms_least": min(each)} for name, each in taken.items()
    }


def _on_gpu(call: Call) -> float:
    torch.empty(FLUSH_BYTES, dtype=torch.int8, device="cuda").zero_()
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    start.record()
    call()
    end.record()
    end.synchronize()
    return start.elapsed_time(end)


def _on_cpu(call: Call) -> float:
    start = time.perf_counter()
    call()
    return 1e3 * (time.perf_counter() - start)


def captured(call: Call) -> Call:
    """The call as a CUDA graph: its kernels alone, without the time Python takes to launch them."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            call()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        call()
    return graph.replay


def extra_megabytes(call: Call) -> float:
    """The most memory a call takes beside what was there."""
    call()
    if device().type != "cuda":
        return _profiled_peak(call)
    torch.cuda.synchronize()
    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    call()
    torch.cuda.synchronize()
    return (torch.cuda.max_memory_allocated() - before) / 1e6


def _profiled_peak(call: Call) -> float:
    """From the profiler's record of every block that PyTorch takes and gives back."""
    with torch.profiler.profile(profile_memory=True) as profile:
        call()
    kineto = profile.profiler.kineto_results if profile.profiler else None
    events = [e for e in kineto.events() if e.name() == "[memory]"] if kineto else []
    held = peak = 0
    for event in sorted(events, key=lambda e: e.start_ns()):
        held += event.nbytes()  # pyright: ignore[reportAttributeAccessIssue] (stub lacks it)
        peak = max(peak, held)
    return peak / 1e6


def ceilings() -> Row:
    """What this device does at most: bytes a second, and products a second of each kind.

    `float32` is the faster of plain float32 and three tf32 products, which are as exact.
    """
    side, copied = (8192, 1 << 29) if device().type == "cuda" else (256, 1 << 20)
    source = torch.randn(copied, device=device())
    target = torch.empty_like(source)
    bytes_a_second = 2 * source.nbytes / _seconds(lambda: target.copy_(source))
    a, b = (torch.randn(side, side, device=device()) for _ in range(2))
    before = torch.get_float32_matmul_precision()
    rates = {}
    try:
        for precision in ("highest", "high"):
            torch.set_float32_matmul_precision(precision)
            rates[precision] = _rate(a, b)
    finally:
        torch.set_float32_matmul_precision(before)
    return {
        "bytes": bytes_a_second,
        "float32": max(rates["highest"], rates["high"] / 3),
        "bfloat16": _rate(a.bfloat16(), b.bfloat16()),
    }


def _rate(a: Tensor, b: Tensor) -> float:
    return 2 * a.shape[0] ** 3 / _seconds(lambda: a @ b)


def _seconds(call: Call) -> float:
    return times({"": call}, rounds=10)[""]["ms"] / 1e3
