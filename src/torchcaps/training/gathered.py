"""What is kept of each batch until all were seen."""

from torch import Tensor

Rows = tuple[Tensor, Tensor]
_LEAST = 1024  # rows that there is room for


class Gathered:
    """Rows of two tensors, such as scores and labels, joined as they come: the small tensors of a
    batch, kept by themselves, lie between its large ones and keep their memory from being used
    again, so that a process grows with the number of batches."""

    def __init__(self) -> None:
        self.count = 0
        self.kept: list[Tensor] = []

    def add(self, *parts: Tensor) -> None:
        """The rows of a batch, as many of both."""
        start, self.count = self.count, self.count + len(parts[0])
        if not self.kept or self.count > len(self.kept[0]):
            room = max(2 * self.count, _LEAST)
            old, self.kept = self.kept, [x.new_empty(room, *x.shape[1:]) for x in parts]
            for larger, smaller in zip(self.kept, old, strict=False):  # at first there is none
                larger[:start] = smaller[:start]
        for whole, part in zip(self.kept, parts, strict=True):
            whole[start : self.count] = part

    def rows(self) -> list[Rows]:
        """All of them, once; nothing of a process that saw no image."""
        if not self.count:
            return []
        one, other = (whole[: self.count].clone() for whole in self.kept)
        return [(one, other)]
