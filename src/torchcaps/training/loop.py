"""The training loop: a recipe in, a run folder out."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.tracking import filter_trackers
from torch import Tensor

from torchcaps.data import ImageDataset, match_classes
from torchcaps.data.transforms import random_shift
from torchcaps.interrupt import Interrupted, StopRequest
from torchcaps.models import save_model
from torchcaps.training import run_folder
from torchcaps.training.batches import Batches
from torchcaps.training.belongings import sweep
from torchcaps.training.calibrate import calibrate
from torchcaps.training.checkpoints import Checkpoint, Place, save_checkpoint
from torchcaps.training.device import training_device
from torchcaps.training.evaluation import evaluate
from torchcaps.training.lock import locked
from torchcaps.training.precision import Precision, choose_precision
from torchcaps.training.processes import everywhere, join, on_main, together
from torchcaps.training.progress import TrainingProgress
from torchcaps.training.recipe import Recipe


class Diverged(ArithmeticError):
    """The loss or the weights became NaN or infinite."""


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

    Raises a `ValueError` for bad input or a folder in use, `Diverged` for NaN or infinite losses
    and weights, `Interrupted` after Ctrl-C, SIGTERM or SIGHUP, with the state saved. Under torchrun
    all processes train one model; where one of them ends, the others raise a `ConnectionError`.
    """
    loop = _Loop(recipe, Path(folder), log, quiet, device)

    def prepare() -> None:
        run_folder.clear(loop.folder, overwrite=overwrite)
        recipe.save(loop.folder / run_folder.CONFIG)

    with loop.taken(prepare):
        loop.choose_precision()
        loop.run()
    return loop.folder


def resume(
    folder: str | Path,
    *,
    epochs: int | None = None,
    log: str | None = None,
    quiet: bool = False,
    device: str = "auto",
) -> Path:
    """Continue the run in `folder` to the weights it would have had without the interruption.

    epochs: train on to this many, where the schedule's past does not depend on the end.

    Raises what `train` raises, and a `ValueError` for what is damaged or no run.
    """
    folder = Path(folder)
    recipe = Recipe.load(folder / run_folder.CONFIG)
    if epochs is not None:
        recipe = recipe.extended(epochs)
    loop = _Loop(recipe, folder, log, quiet, device)
    with loop.taken(lambda: sweep(folder)):
        loop.restore()
        loop.run()
    return folder


class _Loop:
    """Everything a run needs in memory."""

    def __init__(
        self, recipe: Recipe, folder: Path, log: str | None, quiet: bool, device: str
    ) -> None:
        self.recipe, self.folder, self.log = recipe, folder, log
        processes = join()
        self.main = processes.is_main_process
        if log and not filter_trackers([log], folder):
            raise ValueError(
                f"train, log: expected an installed tracker; got {log!r}, which is not installed; "
                "run: pip install 'torchcaps[log]' for tensorboard, or leave it out"
            )
        self.accelerator = Accelerator(log_with=log, project_dir=folder, device_placement=False)
        self.device = training_device(device, self.accelerator)
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
            processes.process_index,
            processes.num_processes,
        )
        self.place = Place(classes=list(self.train_set.classes))
        self.last_loss = math.nan
        self.progress = TrainingProgress(
            f"{recipe.model} on {recipe.data}",
            recipe.epochs,
            len(self.batches),
            shown=self.main and not quiet,
        )

    @property
    def checkpoint(self) -> Path:
        return self.folder / run_folder.STATE

    @contextmanager
    def taken(self, prepare: Callable[[], object]) -> Iterator[None]:
        """Hold the folder's lock in this region, once the main process did `prepare` under it;
        signals are requests."""
        remedy = f"continue with: torchcaps train --resume {self.folder}"
        with StopRequest() as self.stop, together(remedy), ExitStack() as held:

            def take() -> None:
                held.enter_context(locked(self.folder))
                prepare()

            on_main(take)
            try:
                yield
            except KeyboardInterrupt as stop:
                if isinstance(stop, Interrupted):
                    raise
                raise Interrupted(f"stopped at once; {remedy}") from None

    def choose_precision(self) -> None:
        """Decide once, on the main process, for all processes and all resumptions."""
        images, labels = self.load(self.train_set, next(self.batches.epoch(0, start=0))[1])
        chosen = choose_precision(self.recipe.precision, self.bare, images, labels)
        torch.manual_seed(self.recipe.seed)
        self.use(everywhere(chosen)[0])

    def use(self, precision: Precision) -> None:
        self.precision = precision
        self.place.precision = precision._asdict()
        precision.lay_out(self.bare)

    def restore(self) -> None:
        """Take up the run where its last checkpoint stands, or begin it where none was written."""
        if self.checkpoint.exists():
            checkpoint = Checkpoint.read(self.checkpoint)
            self.place = checkpoint.place
            self.match_classes(f"--resume {self.folder}")
            self.refuse_place_beyond_the_end()
            # The layout first: a fused Adam takes weights and moments in the order of their memory.
            self.use(Precision(**self.place.precision))
            checkpoint.load_into(self.bare, self.optimizer)
        elif len(run_folder.read_metrics(self.folder)) > 1:  # the first is older than a checkpoint
            raise ValueError(
                f"checkpoint {self.checkpoint}: expected the file of a run that finished an epoch; "
                "there is none; put it back, or start again with --overwrite"
            )
        else:
            self.choose_precision()
        on_main(self.tidy)

    def match_classes(self, where: str) -> None:
        """Number the labels as the run did when it began, and refuse data of other classes."""
        classes = self.bare.classes = self.place.classes or list(self.train_set.classes)
        self.train_set = match_classes(self.train_set, classes, where, whole=True)
        self.validation_set = match_classes(self.validation_set, classes, where)

    def refuse_place_beyond_the_end(self) -> None:
        left = (self.recipe.epochs - self.place.epoch) * len(self.batches) - self.place.batches
        if left < 0 or self.place.batches >= len(self.batches):
            raise ValueError(
                f"checkpoint {self.checkpoint}: expected a place within {self.recipe.epochs} "
                f"epochs of {len(self.batches)} batches; got epoch {self.place.epoch}, batch "
                f"{self.place.batches}; config.yaml or the data are not those of this run"
            )

    def tidy(self) -> None:
        """Make the folder what it was when the checkpoint was written, whatever happened since."""
        run_folder.truncate_metrics(self.folder, self.place.epoch)
        if Recipe.load(self.folder / run_folder.CONFIG) != self.recipe:
            self.recipe.save(self.folder / run_folder.CONFIG)
        if self.place.epoch and not self.place.batches:
            calibrate(self.bare, self.validation_set)
            save_model(self.bare, self.folder)

    def run(self) -> None:
        """Train from the present place to the last epoch."""
        if self.log and self.main:
            self.accelerator.init_trackers("torchcaps")
        self.model = self.accelerator.prepare_model(self.bare)
        try:
            with self.progress:
                while self.place.epoch < self.recipe.epochs:
                    self.one_epoch()
                if number := max(everywhere(self.stop.asked)):
                    # In its last step: this run is whole, but no other is to begin.
                    text = f"stopped after the last epoch; {self.folder} is finished"
                    raise Interrupted(text, number)
        finally:
            for tracker in self.accelerator.trackers:
                tracker.finish()
            # The copy of several processes holds their connection, which closes at the end.
            del self.model
            self.accelerator.free_memory()

    def one_epoch(self) -> None:
        epoch, start = self.place.epoch, time.perf_counter()
        self.model.train()
        for batch, indices in self.batches.epoch(epoch, start=self.place.batches):
            self.place.loss_sum += self.step(epoch, batch, *self.load(self.train_set, indices))
            self.place.batches = batch + 1
            self.progress.step(epoch + 1, batch + 1, self.place.loss_sum / self.place.batches)
            if self.place.batches < len(self.batches):
                self.stop_if_asked()
        self.finish_epoch(start)
        if self.place.epoch < self.recipe.epochs:
            self.stop_if_asked()

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
        values = everywhere(loss.item())
        value = sum(values) / len(values)
        if not math.isfinite(value):
            raise self.diverged(
                f"the loss became {value} in epoch {epoch + 1}, step {step + 1} "
                f"(the step before: {self.last_loss:.4g})"
            )
        self.last_loss = value
        lr = self.recipe.lr_at(step, self.recipe.epochs * len(self.batches))
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        self.optimizer.zero_grad(set_to_none=True)
        self.accelerator.backward(loss)
        self.optimizer.step()
        return value

    def finish_epoch(self, start: float) -> None:
        """Validate, then write metrics, weights and checkpoint."""
        trained = time.perf_counter()
        share = max(1, self.batches.batch_size // self.accelerator.num_processes)
        result = evaluate(self.bare, self.validation_set, self.loss, batch_size=share)
        self.refuse_spoilt_weights()
        if not math.isfinite(result.loss):
            raise self.diverged(
                f"the validation loss became {result.loss} in epoch {self.place.epoch + 1}"
            )
        record: dict[str, Any] = {
            "epoch": self.place.epoch + 1,
            "loss": self.place.loss_sum / len(self.batches),
            "lr": self.optimizer.param_groups[0]["lr"],
            "accuracy": result.accuracy,
            "validation_loss": result.loss,
            "reconstruction_mse": result.reconstruction_mse,
            "seconds": trained - start,
            "seconds_total": time.perf_counter() - start,
        }
        best = result.accuracy > self.place.best_accuracy
        self.place = Place(
            epoch=self.place.epoch + 1,
            best_accuracy=max(result.accuracy, self.place.best_accuracy),
            precision=self.place.precision,
            classes=self.place.classes,
        )
        self.progress.epoch(record)
        self.accelerator.log({k: v for k, v in record.items() if v is not None}, record["epoch"])
        on_main(lambda: self.write_epoch(record, best))

    def write_epoch(self, record: dict[str, Any], best: bool) -> None:
        """The checkpoint last: until it is there, the epoch counts as not done."""
        run_folder.append_metrics(self.folder, record)
        calibrate(self.bare, self.validation_set)
        save_model(self.bare, self.folder)
        if best:
            save_model(self.bare, self.folder / run_folder.BEST)
        self.save_checkpoint()

    def save_checkpoint(self) -> None:
        save_checkpoint(self.checkpoint, self.bare, self.optimizer, self.place)

    def stop_if_asked(self) -> None:
        """Save and leave if any process was asked to: all must leave at the same step."""
        number = max(everywhere(self.stop.asked))
        if not number:
            return
        self.refuse_spoilt_weights()
        on_main(self.save_checkpoint)
        raise Interrupted(
            f"stopped after epoch {self.place.epoch}, batch {self.place.batches}; "
            f"continue with: torchcaps train --resume {self.folder}",
            number,
        )

    def refuse_spoilt_weights(self) -> None:
        """Before they replace good ones: the loss of a step says nothing of what it did."""
        state = self.bare.state_dict().values()
        if not all(bool(value.isfinite().all()) for value in state):
            raise self.diverged(
                f"the weights became NaN or infinite in epoch {self.place.epoch + 1}"
            )

    def diverged(self, what: str) -> Diverged:
        epoch = self.place.epoch
        kept = f"the weights of epoch {epoch} are kept in {self.folder}"
        return Diverged(
            f"{what}; {kept if epoch else 'no epoch was finished to keep'}; "
            "try a smaller lr, precision fp32, or fewer routing iterations"
        )

    def load(self, dataset: ImageDataset, indices: Tensor) -> tuple[Tensor, Tensor]:
        images, labels = dataset.batch(indices)
        return images.to(self.device), labels.to(self.device)
