"""The training loop: a recipe in, a run folder out."""

import atexit
import math
import time
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import gather_object
from torch import Tensor

from torchcaps.data import ImageDataset
from torchcaps.data.transforms import random_shift
from torchcaps.models import save_model
from torchcaps.training import run_folder
from torchcaps.training.batches import Batches
from torchcaps.training.checkpoints import Place, load_checkpoint, read_place, save_checkpoint
from torchcaps.training.device import training_device
from torchcaps.training.evaluation import evaluate
from torchcaps.training.interrupt import Interrupted, StopRequest
from torchcaps.training.precision import Precision, choose_precision
from torchcaps.training.progress import TrainingProgress
from torchcaps.training.recipe import Recipe


class Diverged(ArithmeticError):
    """The loss became NaN or infinite."""


def train(
    recipe: Recipe,
    folder: str | Path,
    *,
    overwrite: bool = False,
    log: str | None = None,
    quiet: bool = False,
    device: str = "auto",
) -> Path:
    """Train what `recipe` says and leave the run in `folder`, which is returned.

    device: see `training_device`.
    log: a tracker that accelerate knows, such as "tensorboard", beside metrics.jsonl.

    Raises a `ValueError` for bad input or a folder in use, `Diverged` for a NaN or infinite loss,
    `Interrupted` after Ctrl-C, with the state saved. Under torchrun all processes train one model.
    """
    loop = _Loop(recipe, Path(folder), log, quiet, device)
    if loop.accelerator.is_main_process:
        run_folder.create_run(loop.folder, overwrite=overwrite)
        recipe.save(loop.folder / run_folder.CONFIG)
    loop.accelerator.wait_for_everyone()
    loop.choose_precision()
    return loop.run()


def resume(
    folder: str | Path, *, log: str | None = None, quiet: bool = False, device: str = "auto"
) -> Path:
    """Continue the run in `folder` to the weights it would have had without the interruption."""
    folder = Path(folder)
    loop = _Loop(Recipe.load(folder / run_folder.CONFIG), folder, log, quiet, device)
    loop.restore()
    return loop.run()


class _Loop:
    """Everything a run needs in memory."""

    def __init__(
        self, recipe: Recipe, folder: Path, log: str | None, quiet: bool, device: str
    ) -> None:
        self.recipe, self.folder, self.log = recipe, folder, log
        self.accelerator = Accelerator(log_with=log, project_dir=folder, device_placement=False)
        self.device = training_device(device, self.accelerator)
        self.main = self.accelerator.is_main_process
        self.train_set = recipe.load_data("train")
        self.validation_set = recipe.load_data("validation")
        torch.manual_seed(recipe.seed)
        self.bare = recipe.build_model(self.train_set).to(self.device)
        self.loss = self.bare.make_loss()
        self.optimizer = torch.optim.Adam(self.bare.parameters(), lr=recipe.lr, fused=True)
        self.batches = Batches(
            len(self.train_set),
            recipe.batch_size,
            recipe.seed,
            self.accelerator.process_index,
            self.accelerator.num_processes,
        )
        self.place = Place()
        self.last_loss = math.nan
        self.progress = TrainingProgress(
            f"{recipe.model} on {recipe.data}",
            recipe.epochs,
            len(self.batches),
            shown=self.main and not quiet,
        )

    @property
    def checkpoint(self) -> Path:
        return self.folder / run_folder.CHECKPOINT / "state.safetensors"

    def choose_precision(self) -> None:
        """Decide once, on the main process, for all processes and all resumptions."""
        images, labels = self.load(self.train_set, next(self.batches.epoch(0, start=0))[1])
        chosen = choose_precision(self.recipe.precision, self.bare, images, labels)
        torch.manual_seed(self.recipe.seed)
        if self.accelerator.num_processes > 1:
            chosen = gather_object([chosen])[0]
        self.use(chosen)

    def use(self, precision: Precision) -> None:
        self.precision = precision
        self.place.precision = precision._asdict()
        precision.lay_out(self.bare)

    def restore(self) -> None:
        """Take up the run where its last checkpoint stands."""
        self.place = read_place(self.checkpoint)
        # The layout first: a fused Adam takes weights and moments in the order of their memory.
        self.use(Precision(**self.place.precision))
        load_checkpoint(self.checkpoint, self.bare, self.optimizer)
        if self.main:
            run_folder.truncate_metrics(self.folder, self.place.epoch)

    def run(self) -> Path:
        """Train from the present place to the last epoch."""
        if self.log and self.main:
            self.accelerator.init_trackers("torchcaps")
        self.model = self.accelerator.prepare_model(self.bare)
        with self.progress, StopRequest() as self.stop:
            while self.place.epoch < self.recipe.epochs:
                self.one_epoch()
            if self.anywhere(self.stop.asked):
                # In its last step: this run is whole, but whoever asked wanted no other to begin.
                raise Interrupted(f"stopped after the last epoch; {self.folder} is finished")
        for tracker in self.accelerator.trackers:
            tracker.finish()
        # Not end_training(), which parts the processes: they may have more to evaluate or to train.
        atexit.register(self.accelerator.state.destroy_process_group)
        return self.folder

    def one_epoch(self) -> None:
        epoch, start = self.place.epoch, time.perf_counter()
        self.model.train()
        for batch, indices in self.batches.epoch(epoch, start=self.place.batches):
            self.place.loss_sum += self.step(epoch, batch, *self.load(self.train_set, indices))
            self.place.batches = batch + 1
            self.progress.step(epoch + 1, batch + 1, self.place.loss_sum / self.place.batches)
            if self.anywhere(self.stop.asked) and self.place.batches < len(self.batches):
                self.save_and_stop()
        self.finish_epoch(time.perf_counter() - start)
        if self.anywhere(self.stop.asked) and self.place.epoch < self.recipe.epochs:
            self.save_and_stop()

    def step(self, epoch: int, batch: int, images: Tensor, labels: Tensor) -> float:
        """One step of Adam; returns the loss over all processes."""
        step = epoch * len(self.batches) + batch
        if self.recipe.shift or self.recipe.subpixel:
            order = self.batches.generator(epoch, batch + 1)
            images = random_shift(images, self.recipe.shift, order, subpixel=self.recipe.subpixel)
        images = images.to(memory_format=self.precision.layout())
        with self.precision.autocast(self.device):
            out = self.model(images, labels)
        loss = self.loss(out, images, labels)
        value = self.mean(loss.item())
        if not math.isfinite(value):
            kept = f"the weights of epoch {epoch} are kept in {self.folder}"
            raise Diverged(
                f"the loss became {value} in epoch {epoch + 1}, step {step + 1} (the step before: "
                f"{self.last_loss:.4g}); {kept if epoch else 'no epoch was finished to keep'}; "
                "try a smaller lr, precision fp32, or fewer routing iterations"
            )
        self.last_loss = value
        lr = self.recipe.lr_at(step, self.recipe.epochs * len(self.batches))
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        self.optimizer.zero_grad(set_to_none=True)
        self.accelerator.backward(loss)
        self.optimizer.step()
        return value

    def finish_epoch(self, seconds: float) -> None:
        """Validate, then write metrics, weights and checkpoint."""
        result = evaluate(self.bare, self.validation_set, self.loss)
        record: dict[str, Any] = {
            "epoch": self.place.epoch + 1,
            "loss": self.place.loss_sum / len(self.batches),
            "lr": self.optimizer.param_groups[0]["lr"],
            "accuracy": result.accuracy,
            "validation_loss": result.loss,
            "reconstruction_mse": result.reconstruction_mse,
            "seconds": seconds,
        }
        best = result.accuracy > self.place.best_accuracy
        self.place = Place(
            epoch=self.place.epoch + 1,
            best_accuracy=max(result.accuracy, self.place.best_accuracy),
            precision=self.place.precision,
        )
        self.progress.epoch(record)
        if not self.main:
            return
        self.accelerator.log({k: v for k, v in record.items() if v is not None}, record["epoch"])
        run_folder.append_metrics(self.folder, record)
        save_model(self.bare, self.folder)
        if best:
            save_model(self.bare, self.folder / run_folder.BEST)
        save_checkpoint(self.checkpoint, self.bare, self.optimizer, self.place)

    def save_and_stop(self) -> None:
        if self.main:
            save_checkpoint(self.checkpoint, self.bare, self.optimizer, self.place)
        self.accelerator.wait_for_everyone()
        raise Interrupted(
            f"stopped after epoch {self.place.epoch}, batch {self.place.batches}; "
            f"continue with: torchcaps train --resume {self.folder}"
        )

    def load(self, dataset: ImageDataset, indices: Tensor) -> tuple[Tensor, Tensor]:
        images, labels = dataset.batch(indices)
        return images.to(self.device), labels.to(self.device)

    def mean(self, value: float) -> float:
        """Over all processes."""
        if self.accelerator.num_processes == 1:
            return value
        return sum(gather_object([value])) / self.accelerator.num_processes

    def anywhere(self, asked: bool) -> bool:
        """Whether any process was asked to stop: all of them must leave at the same step."""
        if self.accelerator.num_processes == 1:
            return asked
        return any(gather_object([asked]))
