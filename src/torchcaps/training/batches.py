"""Which images a step takes: a pure function of seed, epoch and batch, so resuming is exact."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor


class Batches:
    """The batches of an epoch: a new order each epoch, every process a share of each batch.

    The processes together take the very images that one process alone would take. An incomplete
    last batch is left out, so that shares are equal and their mean gradient is that of the batch.

    labels: integers [N], set to balance the classes: an epoch is N draws with replacement, of each
        class equally many (one more of some, where K classes do not divide N).
    """

    labels: Tensor | None = None

    def __init__(
        self, images: int, batch_size: int, seed: int, process: int = 0, processes: int = 1
    ) -> None:
        self.images, self.seed = images, seed
        self.batch_size = min(batch_size, images)
        self.process, self.processes = process, processes
        if self.batch_size % processes:
            raise ValueError(
                f"batch_size: expected a multiple of the {processes} processes; "
                f"got {self.batch_size}; it counts the images of all processes together"
            )

    def __len__(self) -> int:
        return self.images // self.batch_size

    def epoch(self, epoch: int, *, start: int) -> Iterator[tuple[int, Tensor]]:
        """`(batch, indices)` from batch `start` on."""
        order = self._order(self.generator(epoch, 0))
        for batch in range(start, len(self)):
            whole = order[batch * self.batch_size : (batch + 1) * self.batch_size]
            yield batch, whole[self.process :: self.processes]

    def _order(self, generator: torch.Generator) -> Tensor:
        if self.labels is None:
            return torch.randperm(self.images, generator=generator)
        counts = self.labels.unique(return_counts=True)[1].tolist()
        classes = self.labels.argsort(stable=True).split(counts)
        share, left = divmod(self.images, len(counts))
        favoured = set(torch.randperm(len(counts), generator=generator)[:left].tolist())
        drawn = [
            members[torch.randint(len(members), (share + (k in favoured),), generator=generator)]
            for k, members in enumerate(classes)
        ]
        return torch.cat(drawn)[torch.randperm(self.images, generator=generator)]

    def generator(self, epoch: int, purpose: int) -> torch.Generator:
        """Of an epoch: purpose 0 orders its images, batch + 1 shifts those of a batch."""
        place = (self.seed, epoch, purpose, self.process if purpose else 0)
        state = np.random.SeedSequence(place).generate_state(1, np.uint64)
        return torch.Generator().manual_seed(int(state[0]) >> 1)
