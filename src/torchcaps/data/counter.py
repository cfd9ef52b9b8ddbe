"""Random numbers by their place: number n of item k is a function of seed, stream, k and n."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

_WORDS_A_BLOCK = 4  # that Philox makes at once


def uniforms(seed: int, stream: int, start: int, count: int, each: int) -> Tensor:
    """float32 [count, each] in [0, 1): row k holds the numbers of item `start + k`.

    Items may be asked for in any order and in batches of any size. The bits are those of numpy's
    Philox generator, a counter that is encrypted (Salmon et al. 2011); they do not change with
    the versions of numpy or torch.
    """
    words = _words(seed, stream, start, count, each)
    return torch.from_numpy((words >> np.uint64(40)).astype(np.float32)) / 2**24


def noise(seed: int, stream: int, start: int, count: int, each: int) -> Tensor:
    """float32 [count, each], uniform in [-1, 1) in steps of 2^-15: four numbers out of a word."""
    words = _words(seed, stream, start, count, -(-each // 4))
    shorts = torch.from_numpy(words.astype("<u8", copy=False).view("<i2"))
    return shorts[:, :each].float() / 2**15


def _words(seed: int, stream: int, start: int, count: int, each: int) -> np.ndarray:
    blocks = -(-each // _WORDS_A_BLOCK)
    bits = np.random.Philox(key=np.array([seed, stream], dtype=np.uint64))
    words = bits.advance(start * blocks).random_raw(count * blocks * _WORDS_A_BLOCK)
    return np.ascontiguousarray(words.reshape(count, -1)[:, :each])
