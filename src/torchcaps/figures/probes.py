"""What linear readers tell, as bars."""

from collections.abc import Mapping, Sequence
from itertools import cycle

from matplotlib import rc_context
from matplotlib.figure import Figure

from torchcaps.figures.curves import Spread
from torchcaps.figures.style import COLOURS, STYLE, headline, new_figure

_GROUP = 0.84  # of the distance between two quantities is taken by their bars
CONTROL = "0.75"  # the grey of readers that are no model


def probe_bars(
    quantities: Mapping[str, Sequence[str]],
    bars: Mapping[str, Mapping[str, Spread]],
    *,
    title: str,
    controls: Sequence[str] = (),
) -> Figure:
    """A panel for each data set: R² of every quantity, a bar for every reader.

    quantities: `quantities[data]`. bars: `bars[data][reader]`, at every quantity; lines on them are
    one standard deviation to either side. controls: readers drawn in grey.
    """
    with rc_context(STYLE):
        figure = new_figure(9.8, 3.1 * len(bars) + 1.0)
        every = figure.subplots(len(bars), 1, sharey=True, squeeze=False).flat
        handles = {}
        for axes, (data, readers) in zip(every, bars.items(), strict=True):
            width, colours = _GROUP / len(readers), cycle(COLOURS)
            for k, (name, bar) in enumerate(readers.items()):
                grey = name in controls
                x = [q + (k + 0.5) * width - _GROUP / 2 for q in range(len(bar.mean))]
                handles[name] = axes.bar(
                    x,
                    bar.mean,
                    width,
                    yerr=bar.sd,
                    capsize=2,
                    color=CONTROL if grey else next(colours),
                    hatch="//" if grey and controls.index(name) else None,
                    edgecolor="white",
                )
            axes.axhline(0, color="black", linewidth=0.8)
            axes.set_xticks(range(len(quantities[data])), quantities[data])
            axes.grid(axis="x", visible=False)
            axes.set_ylim(top=1)
            axes.set_title(data, fontsize=11)
        figure.supylabel("R² on images not fitted on", fontsize=11)
        headline(figure, title)
        figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=3)
    return figure
