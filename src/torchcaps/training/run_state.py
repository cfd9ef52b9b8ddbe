"""A run in memory and in its folder: how the one becomes the other, and comes back."""

from pathlib import Path
from typing import Any

import torch

from torchcaps.data import match_classes
from torchcaps.training import run_folder
from torchcaps.training.batches import Batches
from torchcaps.training.calibrate import calibrate
from torchcaps.training.checkpoints import Checkpoint, save_checkpoint
from torchcaps.training.materials import Materials
from torchcaps.training.place import Place
from torchcaps.training.plain import save
from torchcaps.training.precision import Precision
from torchcaps.training.recipe import Recipe


class Diverged(ArithmeticError):
    """The loss or the weights became NaN or infinite."""


class RunState:
    """What decides how a run goes on, and the files that it is kept in."""

    precision: Precision

    def __init__(
        self,
        materials: Materials,
        folder: Path,
        batches: Batches,
        optimizer: torch.optim.Optimizer,
    ) -> None:
        self.recipe, self.bare, self.train_set, self.validation_set, _ = materials
        self.folder, self.batches, self.optimizer = folder, batches, optimizer
        self.place = Place(classes=list(self.train_set.classes))
        self.keeps = True  # whether the folder outlives the run
        self.remedy = f"continue with: torchcaps train --resume {folder}"

    @property
    def checkpoint(self) -> Path:
        return self.folder / run_folder.STATE

    def use(self, precision: Precision) -> None:
        self.precision = precision
        self.place.precision = precision._asdict()
        precision.lay_out(self.bare)

    def restore(self) -> bool:
        """Take up the run where its last checkpoint stands; False where none was written."""
        found = self.checkpoint.exists()
        if found:
            checkpoint = Checkpoint.read(self.checkpoint)
            self.place = checkpoint.place
            self.match_classes(f"--resume {self.folder}")
            self.refuse_impossible_place()
            # The layout first: a fused Adam takes weights and moments in the order of their memory.
            self.use(Precision(**self.place.precision))
            checkpoint.load_into(self.bare, self.optimizer)
        elif len(run_folder.read_metrics(self.folder)) > 1:  # the first is older than a checkpoint
            raise ValueError(
                f"checkpoint {self.checkpoint}: expected the file of a run that finished an epoch; "
                "there is none; put it back, or start again with --overwrite"
            )
        return found

    def match_classes(self, where: str) -> None:
        """Number the labels as the run did when it began, and refuse data of other classes."""
        classes = self.bare.classes = self.place.classes or list(self.train_set.classes)
        self.train_set = match_classes(self.train_set, classes, where, whole=True)
        if self.validation_set is not None:
            self.validation_set = match_classes(self.validation_set, classes, where)

    def refuse_impossible_place(self) -> None:
        done, total = self.place.batches, len(self.batches)
        left = (self.recipe.last_epoch - self.place.epoch) * total - done
        if left < 0 or done >= total or done % self.recipe.accumulate:
            raise ValueError(
                f"checkpoint {self.checkpoint}: expected a place within {self.recipe.last_epoch} "
                f"epochs of {total} batches; got epoch {self.place.epoch}, batch {done}; "
                "config.yaml or the data are not those of this run"
            )

    def tidy(self) -> None:
        """Make the folder what it was when the checkpoint was written, whatever happened since."""
        run_folder.truncate_metrics(self.folder, self.place.epoch)
        if Recipe.load(self.folder / run_folder.CONFIG) != self.recipe:
            self.recipe.save(self.folder / run_folder.CONFIG)
        if self.place.epoch and not self.place.batches:
            if self.place.calibration is not None:
                self.bare.calibration = self.place.calibration
            elif self.validation_set is not None:  # written by an earlier torchcaps, or logits
                calibrate(self.bare, self.validation_set, batch_size=self.batches.batch_size)
            save(self.bare, self.folder)

    def write_epoch(self, record: dict[str, Any]) -> None:
        """The checkpoint last: until it is there, the epoch counts as not done."""
        run_folder.append_metrics(self.folder, record)
        if self.place.calibration is not None:
            self.bare.calibration = self.place.calibration
        save(self.bare, self.folder)
        if self.place.best_epoch == self.place.epoch:
            save(self.bare, self.folder / run_folder.BEST)
        self.save_checkpoint()

    def save_checkpoint(self) -> None:
        save_checkpoint(self.checkpoint, self.bare, self.optimizer, self.place)

    def refuse_spoilt_weights(self) -> None:
        """Before they replace good ones: the loss of a step says nothing of what it did."""
        state = self.bare.state_dict().values()
        if not all(bool(value.isfinite().all()) for value in state):
            raise self.diverged(
                f"the weights became NaN or infinite in epoch {self.place.epoch + 1}"
            )

    def diverged(self, what: str) -> Diverged:
        kept = "no epoch was finished to keep"
        if self.place.epoch:
            kept = f"the weights of epoch {self.place.epoch} are kept in {self.folder}"
        return Diverged(
            f"{what}; {kept if self.keeps else self.remedy}; "
            "try a smaller lr, precision fp32, or fewer routing iterations"
        )
