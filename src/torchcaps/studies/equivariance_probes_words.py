"""What may be said of what was read from poses, whichever way the numbers fall."""

from statistics import mean

from torchcaps.studies.equivariance_table import PIXELS, ProbesTable
from torchcaps.studies.words import clearly, listed

PROBES = (
    "A linear reader is fitted for every class and quantity, and R² measured on images that it has "
    "not seen: 1 if it tells the quantity exactly, 0 if it tells no more than the mean. Capsules "
    "are read from the pose of the image's class, other networks from their penultimate layer; "
    "layers with more numbers are reduced to the same width by principal components, fitted to the "
    "training part. Handwriting is slanted and scaled by itself, which no reader knows of: on "
    "moved images, R² cannot reach 1."
)
SELECTIVITY = (
    "Selectivity is the R² of the best single number less that of the second best, averaged over "
    "classes (SAP, Kumar et al. 2018): 1 if one number stands for the quantity and no other does, "
    "0 if several do, or none. Of all numbers of a layer."
)


def probes_finding(probes: ProbesTable) -> str:
    """The title of the figure of readers."""
    data = probes.data[-1]
    parts = (
        f"{mean(probes.get('equal', data, reader, 'rotation')):.2f} from {reader}"
        for reader in probes.readers
        if reader != PIXELS
    )
    return f"R² of rotation, read from {probes.width} numbers ({data}):\n{', '.join(parts)}"


def probes_verdict(probes: ProbesTable) -> list[str]:
    """Sentences on what is read that follow from the numbers."""
    return [
        *(tell(probes, data) for data in probes.data for tell in (_read, _apart)),
        _control(probes),
        *(_selective(probes, data) for data in probes.data),
    ]


def _read(probes: ProbesTable, data: str) -> str:
    means = _means(probes, "equal", data)
    return f"{_capital(data)}: from at most {probes.width} numbers, the mean R² is {means}."


def _apart(probes: ProbesTable, data: str) -> str:
    """What the model under test tells more of than each of the others, and what less."""
    seeds = len(probes.probed[data][probes.ours])
    how = "By more than the spread over seeds" if seeds > 1 else "In this one seed"
    sides = "; ".join(_sides(probes, data, theirs) for theirs in probes.readers[1:])
    return f"{how}, {probes.ours} tells {sides}."


def _sides(probes: ProbesTable, data: str, theirs: str) -> str:
    more, less, quantities = [], [], probes.quantities[data]
    for quantity in quantities:
        ours, other = (probes.get("equal", data, r, quantity) for r in (probes.ours, theirs))
        if clearly(ours, other):
            more.append(quantity)
        if clearly(other, ours):
            less.append(quantity)
    said = [
        f"{word} of {listed(found) if len(found) < len(quantities) else 'everything'}"
        for word, found in (("more", more), ("less", less))
        if found
    ]
    return f"{' and '.join(said) or 'neither more nor less'} than {theirs}"


def _control(probes: ProbesTable) -> str:
    most = max(
        mean(probes.get("shuffled", data, reader, q))
        for data in probes.data
        for reader in probes.readers
        for q in probes.quantities[data]
    )
    told = "Handed to other images of the same class, the numbers"
    if most < 0.05:
        return f"{told} tell nothing: R² is {round(most, 2) + 0.0:.2f} at most."
    return f"{told} have an R² of up to {most:.2f}: as much of the others is not to be trusted."


def _selective(probes: ProbesTable, data: str) -> str:
    return f"{_capital(data)}: mean selectivity is {_means(probes, 'selectivity', data)}."


def _means(probes: ProbesTable, reading: str, data: str) -> str:
    """Of every reader, over the quantities and seeds."""
    parts = []
    for reader in probes.readers:
        values = [mean(probes.get(reading, data, reader, q)) for q in probes.quantities[data]]
        parts.append(f"{mean(values):.2f} in {reader}")
    return listed(parts)


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]
