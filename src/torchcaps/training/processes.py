"""The processes that torchrun starts for one run: how they join, agree and part."""

import atexit
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import TypeVar

import torch
from accelerate import PartialState
from accelerate.utils import gather_object
from torch.distributed import DistError

T = TypeVar("T")


@cache
def join() -> PartialState:
    """This process among those that torchrun started: over nccl with GPUs, over gloo without.

    Raises a `ValueError` where they cannot train together: each alone would write into one folder.
    """
    started = int(os.environ.get("WORLD_SIZE") or 1)
    here = int(os.environ.get("LOCAL_WORLD_SIZE") or started)
    gpus = torch.cuda.device_count()
    if started > 1 and 0 < gpus < here:
        raise ValueError(
            f"torchrun, --nproc-per-node: expected at most {gpus}, a GPU for each process; "
            f"got {here}; start fewer, or hide the GPUs with CUDA_VISIBLE_DEVICES="
        )
    # accelerate by itself joins processes only where it sees a GPU.
    state = PartialState(cpu=started > 1 and not gpus)
    if state.num_processes != started:
        raise ValueError(
            f"WORLD_SIZE: expected {state.num_processes}, the processes that found each other; "
            f"got {started}; start them with torchrun, or unset WORLD_SIZE to train alone"
        )
    atexit.register(state.destroy_process_group)
    return state


@contextmanager
def together(remedy: str) -> Iterator[None]:
    """Within this region the end of another process is a `ConnectionError` that says `remedy`."""
    try:
        yield
    except RuntimeError as error:
        # gloo raises plain RuntimeErrors that name the line of its source.
        if join().num_processes == 1 or not (isinstance(error, DistError) or "gloo" in str(error)):
            raise
        raise ConnectionError(
            f"another of the {join().num_processes} processes of this run ended; {remedy}"
        ) from None


def everywhere(value: T) -> list[T]:
    """The values of all processes."""
    return gather_object([value]) if join().num_processes > 1 else [value]


def on_main(work: Callable[[], object]) -> None:
    """Do `work` on the main process; where it fails, all processes raise its error."""
    error: Exception | None = None
    if join().is_main_process:
        try:
            work()
        except Exception as caught:
            error = caught
    for failure in everywhere(error):
        if failure is not None:
            raise failure
