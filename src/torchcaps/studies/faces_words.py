"""The faces study's tables, and what may be said of them."""

from statistics import mean
from typing import Any

from torchcaps.analysis.metrics import spread
from torchcaps.analysis.representation.scrambled import TwinTest
from torchcaps.data.faces_scene import FIGURES
from torchcaps.studies.words import cell, compare, epochs, listed, protocol


class FacesTable:
    """Accuracies in percent and answers to twins, by model, each a list with one entry a seed.

    The first model is the one under test. chance: percent of images that guessing names rightly.
    """

    def __init__(
        self, accuracies: dict[str, list[float]], tests: dict[str, list[TwinTest]], classes: int
    ) -> None:
        self.accuracies, self.tests = accuracies, tests
        self.names = list(tests)
        self.kinds = list(tests[self.names[0]][0].twins)
        self.seeds = len(accuracies[self.names[0]])
        self.chance = 100 / classes

    def measures(self, name: str) -> dict[str, list[float]]:
        """Every number of a model, one list over seeds each; shares in percent."""
        tests = self.tests[name]
        found = {
            "accuracy": self.accuracies[name],
            "faces called a face": [test.faces.share() for test in tests],
            "scrambled called a face": [test.share() for test in tests],
            "AUROC": [test.auroc() for test in tests],
            "AUROC of the raw score": [test.auroc(raw=True) for test in tests],
        }
        for kind in self.kinds:
            found[f"{kind}: called a face"] = [test.twins[kind].share() for test in tests]
            found[f"{kind}: AUROC"] = [test.auroc(kind) for test in tests]
        return found

    def header(self) -> list[str]:
        return ["model", "accuracy", "faces called a face", "scrambled called a face", "AUROC"]

    def rows(self) -> list[list[str]]:
        """Cells as text, one row a model."""
        return [
            [name, *(_text(self, name, key) for key in self.header()[1:])] for name in self.names
        ]

    def kinds_header(self) -> list[str]:
        return ["scrambled", "in place", *self.names]

    def kinds_rows(self, what: str) -> list[list[str]]:
        """Cells as text, one row a kind of twin. what: "called a face" or "AUROC"."""
        return [
            [kind, _in_place(kind), *(_text(self, name, f"{kind}: {what}") for name in self.names)]
            for kind in self.kinds
        ]

    def csv(self) -> str:
        lines = ["model,measure,mean,sd"]
        for name in self.names:
            for key, values in self.measures(name).items():
                lines.append(f"{name},{key},{mean(values):.4f},{spread(values):.4f}")
        return "\n".join(lines) + "\n"

    def finding(self) -> str:
        """The title of the figure."""
        shares = (
            f"{mean(self.measures(name)['scrambled called a face']):.0f} % by {name}"
            for name in self.names
        )
        return f"Scrambled faces that are called a face:\n{', '.join(shares)}"


def opening(settings: dict[str, Any], table: FacesTable, tested: int) -> str:
    """What was done."""
    images = settings["train_images"] or "all"
    took = epochs(settings["epochs"])
    return (
        f"{listed(table.names)} learnt to tell faces, houses and cars, drawn of the same parts "
        f"(head, eyes, nose, mouth) in different places, from {images} training images for "
        f"{took}. {_missing(settings['missing'])}None was scrambled. Then each was asked about "
        f"{tested:,} test images, about {settings['faces']:,} more faces with all their parts, and "
        "about the scrambled twins of these: the same strokes, in an order that no class has. "
        + protocol(table.seeds)
    )


def reading(table: FacesTable) -> str:
    """What the columns mean."""
    return (
        "A model has no answer for 'none of these': it must call a scrambled face a face, a house "
        f"or a car, and one that guesses calls {table.chance:.1f} % of them faces. AUROC needs no "
        "such decision: it is the chance that a face gets more evidence of a face than a scrambled "
        "one (1: always; 0.5: no telling apart). Evidence is the length of the face capsule, or "
        "the probability of a face where there are no capsules."
    )


def verdict(table: FacesTable) -> list[str]:
    """Sentences that follow from the numbers, whichever way they fall."""
    ours, *rivals = table.names
    sentences = [_competence(table, name) for name in table.names]
    for theirs in rivals:
        called = [table.measures(name)["scrambled called a face"] for name in (ours, theirs)]
        ranked = [table.measures(name)["AUROC"] for name in (ours, theirs)]
        sentences.append(
            f"{ours} calls {mean(called[0]):.1f} % of the scrambled faces a face and {theirs} "
            f"{mean(called[1]):.1f} %: {compare(*called, unit=' points', digits=1)}. It tells "
            f"faces from scrambled ones with an AUROC of {mean(ranked[0]):.3f} and {theirs} with "
            f"{mean(ranked[1]):.3f}: {compare(*ranked, unit='', digits=3)}."
        )
    for name in table.names:
        ranked, raw = (table.measures(name)[key] for key in ("AUROC", "AUROC of the raw score"))
        if ranked != raw:
            sentences.append(
                f"By its logit of a face, and not the probability, {name} has an AUROC of "
                f"{mean(raw):.3f}."
            )
    return [sentence for sentence in sentences if sentence]


def _competence(table: FacesTable, name: str) -> str:
    """A warning about a model that has not learnt what it was trained for."""
    accuracy = mean(table.accuracies[name])
    if accuracy > (100 + table.chance) / 2:
        return ""
    return (
        f"{name} names only {accuracy:.1f} % of the test images rightly (guessing: "
        f"{table.chance:.1f} %): what it calls scrambled faces says little."
    )


def _missing(share: float) -> str:
    if share == 0:
        return ""
    return f"Of those, {100 * share:g} % lacked eyes, nose or mouth, as do the test images. "


def _in_place(kind: str) -> str:
    """The part that is where a face has it."""
    pairs = zip(FIGURES[kind], FIGURES["face"], strict=True)
    return " and ".join(part for part, wanted in pairs if part == wanted)


def _text(table: FacesTable, name: str, key: str) -> str:
    values = table.measures(name)[key]
    return cell(values, digits=3) if "AUROC" in key else cell(values, unit=" %", digits=1)
