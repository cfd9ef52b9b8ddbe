import pytest
import torch

from torchcaps.ops import mask_capsules, select_capsule

POSES = torch.arange(24.0).reshape(2, 3, 4) + 1
INDEX = torch.tensor([2, 0])


def test_the_pose_of_the_chosen_parent_is_taken():
    assert torch.equal(select_capsule(POSES, INDEX), torch.stack([POSES[0, 2], POSES[1, 0]]))


def test_every_pose_but_the_chosen_one_becomes_zero():
    masked = mask_capsules(POSES, INDEX)
    assert torch.equal(masked[0, 2], POSES[0, 2])
    assert torch.equal(masked[1, 0], POSES[1, 0])
    assert (masked == 0).sum() == 2 * 2 * 4


def test_gradient_reaches_the_chosen_pose_alone():
    for choose in (select_capsule, mask_capsules):
        poses = POSES.clone().requires_grad_()
        choose(poses, INDEX).sum().backward()
        expected = torch.zeros(2, 3, 4)
        expected[0, 2] = expected[1, 0] = 1
        assert torch.equal(poses.grad, expected)  # pyright: ignore[reportArgumentType]


def test_dtype_and_an_empty_batch_are_kept():
    none = torch.zeros(0, dtype=torch.int32)
    assert select_capsule(POSES.bfloat16(), INDEX.int()).dtype == torch.bfloat16
    assert mask_capsules(POSES.double(), INDEX).dtype == torch.float64
    assert select_capsule(POSES[:0], none).shape == (0, 4)
    assert mask_capsules(POSES[:0], none).shape == (0, 3, 4)


@pytest.mark.parametrize("f", [select_capsule, mask_capsules])
def test_an_index_that_no_capsule_has_is_an_error_and_never_an_empty_pose(f):
    for wrong in (3, -1):
        with pytest.raises(RuntimeError, match="out of bounds"):
            f(torch.rand(2, 3, 4), torch.tensor([0, wrong]))
