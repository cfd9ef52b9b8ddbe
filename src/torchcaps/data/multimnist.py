"""Two handwritten digits of different classes, one over the other."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from .counter import uniforms
from .dataset import ImageDataset
from .mnist import mnist_parts
from .read_dataset import ReadDataset
from .registry import Root
from .transforms import place

SIZE = 36
_MOST_SHIFT = 8
_MOST_PARTNERS = 1000
_STREAMS = {"train": (1, 2), "validation": (3, 4), "test": (5, 6)}  # of bases, of pairs


class MultiMnist(ReadDataset):
    """Pairs of digits, uint8 [M,1,28,28], laid over each other when a batch is asked for.

    pairs: integers [N,2,3], of the base and of the digit on it its number in `digits` and its shift
        in whole pixels to the right and down; see `draw_pairs`.
    """

    def __init__(
        self, digits: Tensor, pairs: Tensor, labels: Tensor, classes: Sequence[str], split: str
    ) -> None:
        shape = (1, SIZE, SIZE)
        super().__init__(len(pairs), shape, labels, classes, name="multimnist", split=split)
        self.digits, self.pairs = digits, pairs

    def _read(self, indices: list[int]) -> Tensor:
        return overlay(lay(self.digits, self.pairs[indices]))

    def _part(self, indices: list[int], labels: Tensor, classes: Sequence[str]) -> ImageDataset:
        return MultiMnist(self.digits, self.pairs[indices], labels, classes, self.split)


def lay(digits: Tensor, pairs: Tensor) -> Tensor:
    """Each digit of the pairs alone on its canvas, uint8 [B,2,36,36]."""
    number, dx, dy = pairs.long().flatten(0, 1).unbind(-1)
    return place(digits[number], (SIZE, SIZE), dx, dy).unflatten(0, (-1, 2)).flatten(1, 2)


def overlay(laid: Tensor) -> Tensor:
    """The sum of both, cut at 255: uint8 [B,2,36,36] to [B,1,36,36]."""
    return laid.int().sum(1, keepdim=True).clamp(max=255).to(torch.uint8)


def draw_pairs(
    labels: Tensor, partners: int, *, shift: int, seed: int, streams: tuple[int, int]
) -> Tensor:
    """Pairs int32 [partners * M, 2, 3] of M digits with these labels, see `MultiMnist`.

    The base of pair k is digit k mod M, so that each pass over the digits has each of them once.
    Its shift is drawn once for all its pairs. The digit on it is any of another class, with
    replacement, each with a shift of its own; shifts are uniform on -shift..shift. Pair k is a
    function of labels, shift, seed, stream and k: more partners leave the first ones as they are.
    """
    count = len(labels)
    base = torch.arange(partners * count) % count
    sizes = labels.bincount()
    others = count - sizes[labels][base]
    if (others == 0).any():
        raise ValueError(
            "multimnist: expected digits of at least two classes; got one; copy whole MNIST files"
        )
    drawn = uniforms(seed, streams[1], 0, len(base), 3).double()  # whose products are not rounded
    rank = (drawn[:, 0] * others).long()  # among the others, which lie in order of their classes
    first = (sizes.cumsum(0) - sizes)[labels][base]
    top = labels.argsort(stable=True)[rank + (rank >= first) * sizes[labels][base]]
    steps = torch.stack(
        [uniforms(seed, streams[0], 0, count, 2).double()[base], drawn[:, 1:]], dim=1
    )
    moves = (steps * (2 * shift + 1)).long() - shift
    return torch.cat([torch.stack([base, top], 1)[..., None], moves], dim=-1).int()


def multimnist(
    split: str, root: Root, *, shift: int = 4, partners: int = 1, seed: int = 0
) -> ImageDataset:
    """Pairs of overlapping MNIST digits of different classes, 36x36 (Sabour et al. 2017).

    Both digits stand on 36 x 36 pixels, each shifted by whole pixels, and are added, cut at 255.
    Labels are rows of ten numbers, two of them 1.

    shift: at most so many pixels each way, 0 to 8: 4 is the paper's protocol, at which no digit is
        cut; 6 is that of the authors' program, at which up to 2 pixels of the 28 are.
    partners: pairs of each digit, 1 to 1,000. With 1 there are 55,000 train, 5,000 validation and
        10,000 test pairs; 1,000 partners are the paper's 60 and 10 million. Images are made batch
        by batch; the labels and the list of pairs take 104 bytes a pair, and four times as much
        while they are drawn.
    seed: of the pairs.

    Pair k of a split is a function of seed, shift and k. Both its digits are of that split of
    MNIST, so that no digit for training is in a pair for validation. Partners are drawn with
    replacement, where the authors draw 1,000 different ones.
    """
    for name, value, low, high in (
        ("shift", shift, 0, _MOST_SHIFT), ("partners", partners, 1, _MOST_PARTNERS)
    ):  # fmt: skip
        if not low <= value <= high:
            raise ValueError(
                f"load_dataset 'multimnist', {name}: expected {low} to {high}; got {value}; "
                f"leave {name} out for the usual one"
            )
    digits, pairs, labels, before = [], [], [], 0
    parts = mnist_parts(split, root)
    for held in parts:
        streams = _STREAMS[held.split]
        drawn = draw_pairs(held.labels, partners, shift=shift, seed=seed, streams=streams)
        labels.append(one_hot(held.labels[drawn[..., 0].long()], held.num_classes).sum(1))
        drawn[..., 0] += before
        digits, pairs = [*digits, held.images], [*pairs, drawn]
        before += len(held)
    return MultiMnist(
        torch.cat(digits), torch.cat(pairs), torch.cat(labels), parts[0].classes, split
    )
