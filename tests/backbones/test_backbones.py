"""Networks of torchvision, timm and transformers below capsules, with random weights: nothing is
downloaded. `make test-backbones` has them in an environment of its own; elsewhere they are skipped.
"""

import pytest
import torch
from torch import nn
from torch.utils.data import TensorDataset

import torchcaps as tc
from torchcaps.models import BackboneCapsNet
from torchcaps.nn import CapsuleHead


def resnet18(installed):
    whole = installed("torchvision", "models").resnet18()
    return nn.Sequential(*list(whole.children())[:-2])  # without pooling and classes


def mobilenet(installed):
    return installed("torchvision", "models").mobilenet_v3_small().features


def timm_resnet(installed):
    return installed("timm", "create_model")("resnet10t", num_classes=0, global_pool="")


def timm_swin(installed):
    options = {"img_size": 64, "window_size": 2, "embed_dim": 12, "depths": (1, 1, 1, 1)}
    create = installed("timm", "create_model")
    return create("swin_tiny_patch4_window7_224", num_classes=0, global_pool="", **options)


def timm_vit(installed):
    options = {"img_size": 64, "embed_dim": 32, "depth": 2, "num_heads": 2}
    create = installed("timm", "create_model")
    return create("vit_tiny_patch16_224", num_classes=0, global_pool="", **options)


class LastHiddenState(nn.Module):
    """A network of transformers that answers with tokens alone."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, images):
        return self.network(pixel_values=images).last_hidden_state


def transformers_vit(installed):
    config, network = (installed("transformers", f"ViT{part}") for part in ("Config", "Model"))
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    told = config(**sizes, intermediate_size=64, image_size=64)
    return LastHiddenState(network(told, add_pooling_layer=False))


# A backbone, whether its channels come last, and the features of 64 x 64 pixels.
BACKBONES = [
    (resnet18, False, (512, 2, 2)),
    (mobilenet, False, (576, 2, 2)),
    (timm_resnet, False, (512, 2, 2)),
    (timm_swin, True, (2, 2, 96)),
    (timm_vit, True, (17, 32)),
    (transformers_vit, True, (17, 32)),
]


@pytest.fixture(params=BACKBONES, ids=lambda each: each[0].__name__)
def parts(request, installed):
    """A function that builds the backbone, and a head for its features."""
    make, last, shape = request.param

    def backbone():
        torch.manual_seed(0)
        return make(installed)

    torch.manual_seed(1)
    return backbone, CapsuleHead(shape, 2, types=4, channels_last=last)


def pictures(count):
    """Bright or dark, with noise: two classes that any network tells apart."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(count) % 2
    noise = torch.rand(count, 3, 64, 64, generator=generator)
    return noise * 0.5 + labels.view(-1, 1, 1, 1) * 0.5, labels


def test_it_learns_two_classes(parts):
    """By the loss in training: the BatchNorms of some need more steps for their statistics."""
    backbone, head = parts
    model = BackboneCapsNet(backbone(), head, (3, 64, 64))
    recipe = tc.training.Recipe(epochs=6, batch_size=8, precision="fp32")
    _, history = tc.train(model, TensorDataset(*pictures(32)), recipe=recipe, quiet=True)
    assert history[-1]["loss"] < history[0]["loss"] / 2


@pytest.mark.parametrize("freeze", [False, True], ids=["tuned", "frozen"])
def test_it_is_trained_saved_and_loaded_with_the_backbones_weights(parts, freeze, tmp_path):
    backbone, head = parts
    model = BackboneCapsNet(backbone(), head, (3, 64, 64), freeze=freeze)
    images, labels = pictures(4)
    before = {name: x.clone() for name, x in model.backbone.state_dict().items()}
    recipe = tc.training.Recipe(
        epochs=1, batch_size=4, precision="fp32", backbone_lr=None if freeze else 1e-4
    )
    tc.train(model, TensorDataset(images, labels), recipe=recipe, out=tmp_path / "run", quiet=True)
    after = model.backbone.state_dict()
    assert all(torch.equal(x, after[name]) for name, x in before.items()) == freeze
    again = tc.load_model(tmp_path / "run", backbone=backbone())
    with torch.no_grad():
        expected, found = model(images), again(images)
        assert model.explain(images[:1]).couplings.shape[-1] == 2
    assert torch.equal(expected.scores, found.scores)


def test_a_head_on_the_tokens_of_a_text_reads_no_padding(installed):
    """`in_shape=(T, d)` says where transforms start; any number of tokens is taken."""
    config, network = (installed("transformers", f"Bert{part}") for part in ("Config", "Model"))
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    torch.manual_seed(0)
    told = config(vocab_size=50, intermediate_size=64, **sizes)
    bert = network(told, add_pooling_layer=False)
    head = CapsuleHead((12, 32), 2, types=4, channels_last=True, share_positions=True)
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(2, 50, (16, 12), generator=generator)
    labels = (ids[:, 0] >= 26).long()
    mask = torch.arange(12) < torch.randint(3, 13, (16, 1), generator=generator)

    def answer(ids, mask):
        return head(bert(input_ids=ids, attention_mask=mask.long()).last_hidden_state, mask)

    optimizer = torch.optim.Adam([*bert.parameters(), *head.parameters()], lr=2e-3)
    loss_of, losses = tc.nn.MarginLoss(), []
    for _ in range(40):
        loss = loss_of(head.scores(answer(ids, mask)), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    bert.eval()
    with torch.no_grad():
        whole = answer(ids, mask)
        assert (head.scores(whole).argmax(-1) == labels).float().mean() > 0.9, losses
        longer = torch.nn.functional.pad(ids, (0, 5), value=7)
        padded = answer(longer, torch.nn.functional.pad(mask, (0, 5), value=False))
    torch.testing.assert_close(padded.poses, whole.poses, atol=1e-5, rtol=1e-4)
