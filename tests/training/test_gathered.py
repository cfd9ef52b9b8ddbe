import torch

from torchcaps.training.gathered import Gathered


def test_rows_come_back_joined_whatever_their_number():
    for sizes in ((1,), (3, 0, 5), (700, 700, 700, 1)):
        scores = [torch.randn(n, 4) for n in sizes]
        labels = [torch.randint(9, (n,)) for n in sizes]
        gathered = Gathered()
        for parts in zip(scores, labels, strict=True):
            gathered.add(*parts)
        ((found, wanted),) = gathered.rows()
        assert torch.equal(found, torch.cat(scores))
        assert torch.equal(wanted, torch.cat(labels))
    assert Gathered().rows() == []
