"""The training loop: epochs of steps, each ended by validation and a checkpoint."""

import math
import time
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.tracking import filter_trackers
from accelerate.utils import LoggerType
from torch import Tensor

from torchcaps.data import require_one_class
from torchcaps.data.classes import counted
from torchcaps.interrupt import Interrupted, StopRequest
from torchcaps.options import check_choice
from torchcaps.training import run_folder
from torchcaps.training.batches import Batches
from torchcaps.training.device import training_device
from torchcaps.training.materials import Materials
from torchcaps.training.precision import choose_precision
from torchcaps.training.processes import everywhere, join, on_main
from torchcaps.training.progress import TrainingProgress
from torchcaps.training.run_state import RunState
from torchcaps.training.step import Stepper
from torchcaps.training.tasks import SCORES
from torchcaps.training.validation import validate


class _Loop(RunState):
    """A run that trains. Raises a `ValueError` for a recipe that cannot be followed."""

    stop: StopRequest

    def __init__(
        self, materials: Materials, folder: Path, log: str | None, quiet: bool, device: str
    ) -> None:
        recipe, self.log = materials.recipe, log
        processes = join()
        self.main = processes.is_main_process
        if log is not None:
            known = sorted(LoggerType.list(), key=lambda name: name != "tensorboard")
            check_choice("train", "log", log, known)
            if not filter_trackers([log], folder):
                absent = "none of which is" if log == "all" else "which is not"
                raise ValueError(
                    f"train, log: expected an installed tracker; got {log!r}, {absent} "
                    "installed; run: pip install 'torchcaps[log]' for tensorboard, or leave it out"
                )
        if recipe.patience is not None and materials.validation_set is None:
            raise ValueError(
                "Recipe, patience: expected validation images, by which the best epoch is known; "
                "got none; give some, or leave patience out"
            )
        train_set = materials.train_set
        if train_set.task != "segmentation" and len(train_set.labels.unique(dim=0)) < 2:
            raise ValueError(
                f"train, data: expected training images of different labels; got "
                f"{counted(train_set)}, from which nothing can be learnt; add images of another "
                "class"
            )
        self.accelerator = Accelerator(log_with=log, project_dir=folder, device_placement=False)
        self.device = training_device(device, self.accelerator)
        batches = Batches(
            len(materials.train_set),
            recipe.batch_size,
            recipe.seed,
            processes.process_index,
            processes.num_processes,
        )
        materials.model.to(self.device)
        self.stepper = Stepper(
            recipe, materials.model, batches, self.accelerator, materials.augment
        )
        super().__init__(materials, folder, batches, self.stepper.optimizer)
        self.last_loss = math.nan
        self.progress = TrainingProgress(
            f"{recipe.model} on {recipe.data}",
            recipe.last_epoch,
            len(self.batches),
            shown=self.main and not quiet,
        )

    def begin(self) -> None:
        """Let the model see its data, and decide on the precision once, on the main process, for
        all processes and resumptions."""
        self.bare.prepare(self.train_set)
        first = next(self.batches.epoch(0, start=0))[1]
        images, labels = self.on_device(self.train_set.batch(first))
        chosen = choose_precision(self.recipe.precision, self.bare, images, labels)
        torch.manual_seed(self.recipe.seed)
        self.use(everywhere(chosen)[0])

    def go_on(self) -> None:
        """Take up the run at its last checkpoint, or begin it where none was written."""
        if not self.restore():
            self.begin()
        on_main(self.tidy)

    @property
    def over(self) -> bool:
        return self.recipe.is_over(self.place.epoch, self.place.best_epoch)

    def run(self) -> None:
        """Train from the present place to the last epoch."""
        if self.log and self.main:
            self.accelerator.init_trackers("torchcaps")
        self.stepper.weigh(self.train_set, self.device)
        if self.recipe.sampling == "balanced":
            self.batches.labels = require_one_class(self.train_set, "Recipe, sampling").labels
        self.model = self.accelerator.prepare_model(self.bare)
        try:
            with self.progress:
                self.progress.note(self.contents())
                while not self.over:
                    self.one_epoch()
                if self.place.epoch < self.recipe.last_epoch:
                    best = f"; its weights are in {self.folder / run_folder.BEST}"
                    self.progress.note(
                        f"stopped early: validation was best in epoch {self.place.best_epoch} of "
                        f"{self.place.epoch}{best if self.keeps else ''}"
                    )
                if number := max(everywhere(self.stop.asked)):
                    # In its last step: this run is whole, but no other is to begin.
                    whole = f"{self.folder} is finished" if self.keeps else self.remedy
                    raise Interrupted(f"stopped after the last epoch; {whole}", number)
        finally:
            for tracker in self.accelerator.trackers:
                tracker.finish()
            # The copy of several processes holds their connection, which closes at the end.
            del self.model
            self.accelerator.free_memory()

    def contents(self) -> str:
        """What is learnt from, and what is tested on."""
        held = self.validation_set
        tests = "" if held is None else f"; validation on {counted(held)}"
        return f"training on {counted(self.train_set)}{tests}"

    def one_epoch(self) -> None:
        epoch, start = self.place.epoch, time.perf_counter()
        self.model.train()
        places, chosen = zip(*self.batches.epoch(epoch, start=self.place.batches), strict=True)
        read = self.train_set.batches(chosen)
        for batch, found in zip(places, read, strict=True):
            self.place.loss_sum += self.step(epoch, batch, *self.on_device(found))
            self.place.batches = batch + 1
            self.progress.step(epoch + 1, batch + 1, self.place.loss_sum / self.place.batches)
            # A gradient that waits for other batches is in no checkpoint.
            if self.place.batches < len(self.batches) and self.stepper.is_whole(batch + 1):
                self.stop_if_asked()
        self.finish_epoch(start)
        if not self.over:
            self.stop_if_asked()

    def step(self, epoch: int, batch: int, images: Tensor, labels: Tensor) -> float:
        """Train on a batch; returns the loss over all processes."""
        loss = self.stepper.loss_of(self.model, self.precision, (epoch, batch), images, labels)
        values = everywhere(loss.item())
        value = sum(values) / len(values)
        if not math.isfinite(value):
            raise self.diverged(
                f"the loss became {value} in epoch {epoch + 1}, "
                f"step {epoch * len(self.batches) + batch + 1} "
                f"(the step before: {self.last_loss:.4g})"
            )
        self.last_loss = value
        self.stepper.step(loss, epoch, batch)
        return value

    def finish_epoch(self, start: float) -> None:
        """Validate, then write metrics, weights and checkpoint."""
        trained, number = time.perf_counter(), self.place.epoch + 1
        share = max(1, self.batches.batch_size // self.accelerator.num_processes)
        found = validate(self.bare, self.validation_set, self.stepper.loss, share)
        self.refuse_spoilt_weights()
        if found.loss is not None and not math.isfinite(found.loss):
            raise self.diverged(f"the validation loss became {found.loss} in epoch {number}")
        record: dict[str, Any] = {
            "epoch": number,
            "loss": self.place.loss_sum / len(self.batches),
            "lr": self.optimizer.param_groups[0]["lr"],
            "accuracy": found.accuracy,
            "validation_loss": found.loss,
            "reconstruction_mse": found.reconstruction_mse,
            **({} if self.bare.task == "classes" else {SCORES[self.bare.task]: found.score}),
            "seconds": trained - start,
            "seconds_total": time.perf_counter() - start,
        }
        self.place = self.place.next_epoch(found.score, found.calibration)
        self.progress.epoch(record)
        self.accelerator.log({k: v for k, v in record.items() if v is not None}, number)
        on_main(lambda: self.write_epoch(record))

    def stop_if_asked(self) -> None:
        """Save and leave if any process was asked to: all must leave at the same step."""
        number = max(everywhere(self.stop.asked))
        if not number:
            return
        self.refuse_spoilt_weights()
        on_main(self.save_checkpoint)
        raise Interrupted(
            f"stopped after epoch {self.place.epoch}, batch {self.place.batches}; {self.remedy}",
            number,
        )

    def on_device(self, batch: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        images, labels = batch
        return images.to(self.device), labels.to(self.device)
