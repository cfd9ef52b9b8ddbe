"""The routing diagram: every coupling a line, every length a bar, every part in its place."""

from typing import Any

import numpy as np
import pytest
import torch

from torchcaps.analysis.routing.routing_trace import Part, RoutingExample
from torchcaps.figures.routing import finding, routing_diagram
from torchcaps.figures.style import to_bytes

PARTS = (Part(1, 0.9, 0, 2, 3), Part(0, 0.5, 1, 0, 3))
CLASSES = ("face", "house", "car")


def example(iterations=3):
    """Couplings that start even and end with (almost) everything for the second class."""
    steps = torch.linspace(0, 1, iterations)[:, None, None]
    one, other = torch.tensor([0.1, 0.8, 0.1]), torch.tensor([0.2, 0.6, 0.2])
    couplings = (1 - steps) / 3 + steps * torch.stack([one, other])
    lengths = torch.tensor([0.1, 0.5, 0.2]) + torch.arange(iterations)[:, None] * 0.04
    return RoutingExample(PARTS, couplings, lengths)


@pytest.fixture
def image():
    torch.manual_seed(0)
    return torch.rand(1, 5, 5)


def panels(image, iterations=3) -> list[Any]:
    return routing_diagram(image, example(iterations), CLASSES).axes


def bars_of(axes):
    return [bar for bar in axes.patches if bar.get_fill()]


def test_lines_are_as_thick_as_the_couplings(image):
    thick = []
    for axes, couplings in zip(panels(image), example().couplings, strict=True):
        widths = [line.get_linewidth() for line in axes.lines]
        assert len(widths) == 6
        scale = sum(widths) / couplings.sum().item()
        assert widths == pytest.approx((scale * couplings.T.flatten()).tolist())
        thick.append(scale)
    assert thick == pytest.approx([thick[0]] * 3), "one scale for all panels"


def test_a_line_runs_from_its_part_to_its_class(image):
    axes = panels(image)[-1]
    names = {text.get_text(): text.get_position()[1] for text in axes.texts}
    middles = [np.mean(shown.get_extent()[2:]) for shown in axes.images]
    ends = [line.get_xydata()[:, 1].tolist() for line in axes.lines]
    wanted = [[middle, names[name]] for name in CLASSES for middle in middles]
    np.testing.assert_allclose(np.array(ends), np.array(wanted))


def test_bars_are_the_lengths_of_each_iteration(image):
    for axes, lengths in zip(panels(image), example().lengths, strict=True):
        bars = [bar.get_width() for bar in bars_of(axes)]
        full, shown = bars[::2], bars[1::2]
        assert [s / f for s, f in zip(shown, full, strict=True)] == pytest.approx(lengths.tolist())
        numbers = [f"{length:.2f}" for length in lengths.tolist()]
        assert [t.get_text() for t in axes.texts if t.get_text() not in CLASSES] == numbers


def test_a_part_is_bright_where_it_looks_and_framed(image):
    axes = panels(image)[0]
    frames = [patch for patch in axes.patches if not patch.get_fill()]
    for k, (part, shown, frame) in enumerate(zip(PARTS, axes.images, frames, strict=True)):
        pixels = np.asarray(shown.get_array())[..., 0]
        field = np.zeros((5, 5), bool)
        field[part.top : part.top + 3, part.left : part.left + 3] = True
        np.testing.assert_array_equal(pixels[field], image[0].numpy()[field])
        assert np.ptp(pixels[~field]) < 0.5 * np.ptp(image[0].numpy()[~field])
        corner = (part.left / 5, 1.04 * k + part.top / 5)
        assert frame.get_xy() == pytest.approx(corner)
        assert (frame.get_width(), frame.get_height()) == pytest.approx((0.6, 0.6))


@pytest.mark.parametrize(
    ("iterations", "shown"), [(1, [1]), (2, [1, 2]), (4, [1, 2, 3, 4]), (10, [1, 2, 6, 10])]
)
def test_a_panel_an_iteration_of_many_four(image, iterations, shown):
    axes = panels(image, iterations)
    assert [a.get_title(loc="left") for a in axes] == [f"iteration {r}" for r in shown]
    last = [line.get_linewidth() for line in axes[-1].lines]
    ratio = example(iterations).couplings[-1].T.flatten() / example(iterations).couplings[-1][0, 0]
    assert [width / last[0] for width in last] == pytest.approx(ratio.tolist())


def test_the_title_says_what_the_predicted_class_is_sent(image):
    said = (
        "Predicted class: 'house'. The 2 strongest parts send it 33 % of their votes in iteration "
        "1, 70 % in iteration 3"
    )
    assert finding(example(), CLASSES) == said
    assert routing_diagram(image, example(), CLASSES).get_suptitle() == said


def test_long_names_stay_clear_of_the_bars(image):
    names = ("a face with glasses", "house", "car")
    figure = routing_diagram(image, example(), names)
    figure.draw_without_rendering()
    for axes in figure.axes:
        name = next(text for text in axes.texts if text.get_text() == names[0])
        bar = bars_of(axes)[0]
        assert name.get_window_extent().x1 < bar.get_window_extent().x0


def test_the_png_shows_the_winner_and_the_frames(image, decode):
    pixels = decode(to_bytes(routing_diagram(image, example(), CLASSES))).astype(int)
    for wanted in ((0xD5, 0x5E, 0), (0, 0x72, 0xB2)):
        assert (abs(pixels - wanted).max(-1) < 8).sum() > 200
