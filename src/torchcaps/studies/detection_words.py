"""What may be said of the detection study's numbers, whichever way they fall."""

from collections.abc import Sequence
from statistics import mean
from typing import Any

from torchcaps.analysis.robustness.detection import PGD, RECONSTRUCTIVE
from torchcaps.analysis.robustness.detectors import RECONSTRUCTION, SCORE
from torchcaps.studies.detection_table import DetectionTable
from torchcaps.studies.words import compare, epochs, listed, protocol


def opening(settings: dict[str, Any], table: DetectionTable) -> str:
    """What was done."""
    images = settings["train_images"] or "all"
    took = epochs(settings["epochs"])
    return (
        f"{listed(table.names)} learnt {settings['data']} from {images} training images for "
        f"{took}. Each was given alarms, with thresholds that at most {100 * table.rate:g} % of "
        f"the {table.validated:,} clean validation images exceed. Then it was attacked on "
        f"{table.images:,} test images, every pixel (0 to 1) being changed by up to "
        f"{table.epsilon:g}, and shown strange ones. " + protocol(table.seeds)
    )


def reading(settings: dict[str, Any], table: DetectionTable) -> str:
    """What the columns mean."""
    return (
        "An attack fools a model on the images that it named rightly and no longer does; it gets "
        "past an alarm on those of them that do not raise it as well. All are percent of the "
        "images that were named rightly. The alarm by reconstruction is raised by a large distance "
        "between an image and what the winning class draws of it; that by score by a short "
        "longest capsule, or a low greatest probability. FGSM takes one step uphill, towards a "
        f"wrong class, and PGD {settings['steps']} from {_starts(settings['starts'])}. The "
        "reconstructive attack goes on to lower the distance once the class is wrong: it fools "
        "where PGD does, and knows of that alarm alone. Gradients go through every iteration of "
        f"routing. What was made on {table.maker} by PGD was shown to the others."
    )


AUROC = (
    "AUROC is the chance that an alarm ranks an attacked image that fools the model, or a strange "
    "one, above a clean test image (1: always; 0.5: no telling apart). A mirror image may be as "
    "good as the image itself, as that of a 0 is. Means over seeds; table.csv has the spread."
)


def finding(table: DetectionTable) -> str:
    """The title of the figure of undetected rates."""
    blind, knowing = (
        mean(table.undetected(table.ours, attack, RECONSTRUCTION))
        for attack in (PGD, RECONSTRUCTIVE)
    )
    return (
        f"At {100 * table.rate:g} % false alarms, PGD gets past what {table.ours} draws on "
        f"{blind:.0f} %,\nan attack that knows of this alarm on {knowing:.0f} %"
    )


def success_finding(table: DetectionTable) -> str:
    """The title of the figure of success."""
    shares = [f"{name} on {mean(table.success(name, PGD)):.0f} %" for name in table.names]
    return f"PGD that may change pixels by {table.epsilon:g} fools\n{listed(shares)}"


def pictures_finding(alarmed: dict[str, list[bool]]) -> str:
    """The title of the figure of drawings, of which some raise the alarm."""
    shares = (f"{sum(raised)} of {len(raised)} {name}" for name, raised in alarmed.items())
    return f"Drawn too badly: {', '.join(shares)}"


def verdict(table: DetectionTable) -> list[str]:
    """Sentences that follow from the numbers."""
    found = [
        _clean(table),
        *(_competence(table, name) for name in table.names),
        _knowing(table),
        _by_score(table),
        *(_beside(table, name) for name in table.names[1:]),
        _passed_on(table),
        *(_strange(table, kind) for kind in table.kinds),
        "All shares of fooled images are lower bounds: another attack may fool more, and one that "
        "knows of both alarms was not tried.",
    ]
    return [sentence for sentence in found if sentence]


def _clean(table: DetectionTable) -> str:
    right = [f"{mean(table.accuracy(name)):.1f} % ({name})" for name in table.names]
    raised = [
        f"{mean(table.false_alarms(name, alarm)):.1f} % ({name}, {alarm})"
        for name in table.names
        for alarm in table.alarms(name)
    ]
    return (
        f"Of the clean test images, {listed(right)} are named rightly. Where at most "
        f"{100 * table.rate:g} % of the validation images raise an alarm, {listed(raised)} of "
        "the test images do."
    )


def _competence(table: DetectionTable, name: str) -> str:
    """A warning about a model that has not learnt what it was trained for."""
    accuracy = mean(table.accuracy(name))
    if accuracy > 80:
        return ""
    return (
        f"{name} names only {accuracy:.1f} % of the clean images rightly: what fools it, and what "
        "alarms it, says little."
    )


def _knowing(table: DetectionTable) -> str:
    ours = table.ours
    won = table.success(ours, PGD)
    past = [table.undetected(ours, attack, RECONSTRUCTION) for attack in (PGD, RECONSTRUCTIVE)]
    return (
        f"PGD fools {ours} on {mean(won):.1f} % of the images, and on {mean(past[0]):.1f} % gets "
        "past the alarm by reconstruction as well. The reconstructive attack, which knows of this "
        f"alarm, gets past it on {mean(past[1]):.1f} %: {_points(past[1], past[0])}."
    )


def _by_score(table: DetectionTable) -> str:
    ours = table.ours
    apart = []
    for attack in (PGD, RECONSTRUCTIVE):
        drawn, score = (table.undetected(ours, attack, alarm) for alarm in (RECONSTRUCTION, SCORE))
        name = "the reconstructive attack" if attack == RECONSTRUCTIVE else attack
        apart.append(f"{mean(score):.1f} % by {name} ({_points(score, drawn)})")
    return (
        f"With the score of {ours} for an alarm in place of its reconstruction, "
        f"{listed(apart)} get past. PGD raises the score of a wrong class; the reconstructive "
        "attack does not care for it once that class is ahead."
    )


def _beside(table: DetectionTable, name: str) -> str:
    won = [table.success(each, PGD) for each in (table.ours, name)]
    draws = RECONSTRUCTION in table.alarms(name)
    attack, alarm = (RECONSTRUCTIVE, RECONSTRUCTION) if draws else (PGD, SCORE)
    past = [
        table.undetected(table.ours, RECONSTRUCTIVE, RECONSTRUCTION),
        table.undetected(name, attack, alarm),
    ]
    tried = f"that of {name}" if draws else f"PGD past the score of {name}, its only alarm,"
    return (
        f"PGD fools {table.ours} on {mean(won[0]):.1f} % and {name} on {mean(won[1]):.1f} %: "
        f"{_points(*won)}. The reconstructive attack gets past the reconstruction of {table.ours} "
        f"on {mean(past[0]):.1f} %, and {tried} on {mean(past[1]):.1f} %: {_points(*past)}."
    )


def _passed_on(table: DetectionTable) -> str:
    ours, attack = table.ours, f"made on {table.maker}"
    won, own = (table.success(ours, a) for a in (attack, PGD))
    past = [table.undetected(ours, attack, alarm) for alarm in (RECONSTRUCTION, SCORE)]
    said = (
        f"What was made on {table.maker} fools {ours} on {mean(won):.1f} %, and gets past its "
        f"reconstruction on {mean(past[0]):.1f} % and past its score on {mean(past[1]):.1f} %."
    )
    if mean(won) <= mean(own):
        return said
    return (
        f"{said} That is more than what PGD made on {ours} itself: its own gradients mislead an "
        "attacker, and its other numbers flatter it."
    )


def _strange(table: DetectionTable, kind: str) -> str:
    drawn = table.strange_auroc(table.ours, kind, RECONSTRUCTION)
    scores = {name: table.strange_auroc(name, kind, SCORE) for name in table.names}
    beside = "; ".join(
        f"{name} {mean(score):.3f} (reconstruction: {compare(drawn, score, unit='', digits=3)})"
        for name, score in scores.items()
    )
    return (
        f"Against {kind}, the reconstruction of {table.ours} has an AUROC of {mean(drawn):.3f}. "
        f"Scores have: {beside}."
    )


def _points(ours: Sequence[float], theirs: Sequence[float]) -> str:
    return compare(ours, theirs, unit=" points", digits=1)


def _starts(count: int) -> str:
    return "a random start" if count == 1 else f"each of {count} random starts"
