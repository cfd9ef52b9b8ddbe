"""Dice and IoU of masks, against loops and torchmetrics."""

import pytest
import torch
from torchmetrics.functional.segmentation import dice_score

from torchcaps.ops.overlap import overlap

GENERATOR = torch.Generator().manual_seed(0)


def masks(classes, *size):
    return torch.randint(classes, size, generator=GENERATOR)


@pytest.mark.parametrize("size", [(7, 5), (3, 4, 5)], ids=str)
def test_each_class_of_each_image_is_counted_by_itself(size):
    answers, wanted = masks(4, 3, *size), masks(4, 3, *size)
    answers[0][answers[0] == 2] = 0
    found = overlap(answers, wanted, 4)
    for b in range(3):
        for j in range(4):
            a, m = answers[b] == j, wanted[b] == j
            both, either = float((a & m).sum()), float((a | m).sum())
            assert found.dice[b, j] == 2 * both / float(a.sum() + m.sum())
            assert found.iou[b, j] == both / either


def test_the_dice_is_that_of_torchmetrics_where_all_classes_are_there():
    answers, wanted = masks(3, 4, 9, 9), masks(3, 4, 9, 9)
    expected = dice_score(
        answers, wanted, 3, input_format="index", average="none", aggregation_level="samplewise"
    )
    torch.testing.assert_close(overlap(answers, wanted, 3).dice.float(), expected)


def test_a_class_in_neither_is_nan_and_one_in_one_alone_is_0():
    wanted = torch.zeros(1, 2, 2, dtype=torch.uint8)
    answers = torch.tensor([[[0, 0], [0, 1]]])
    found = overlap(answers, wanted, 3)
    assert found.dice[0, 0] == 6 / 7
    assert found.dice[0, 1] == found.iou[0, 1] == 0
    assert found.dice[0, 2].isnan()
    assert found.iou[0, 2].isnan()


def test_bytes_do_not_wrap_and_no_images_are_none():
    wanted = torch.full((1, 3), 255, dtype=torch.uint8)
    assert overlap(wanted, wanted, 256).dice[0, 255] == 1
    assert overlap(masks(2, 0, 3), masks(2, 0, 3), 2).dice.shape == (0, 2)
