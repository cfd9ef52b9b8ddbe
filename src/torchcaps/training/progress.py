"""What a person sees of a run: a bar in a terminal, a line an epoch elsewhere."""

from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from torchcaps.training.tasks import score_of


class TrainingProgress:
    """Loss, accuracy and time left, on standard error. `shown=False` is silent."""

    def __init__(self, title: str, epochs: int, batches: int, *, shown: bool) -> None:
        self.console = Console(stderr=True)
        self.title, self.epochs, self.batches = title, epochs, batches
        self.shown, self.lines = shown, shown and not self.console.is_terminal
        self.progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            TextColumn("epoch {task.fields[epoch]}/" + str(epochs)),
            TextColumn("loss {task.fields[loss]:.4f}"),
            TextColumn("validation {task.fields[accuracy]}"),
            TimeRemainingColumn(),
            console=self.console,
            disable=not (shown and self.console.is_terminal),
        )
        self.task: TaskID = self.progress.add_task(
            title, total=epochs * batches, epoch=1, loss=float("nan"), accuracy="-"
        )

    def step(self, epoch: int, batch: int, loss: float) -> None:
        """After a batch: both count from 1."""
        done = (epoch - 1) * self.batches + batch
        self.progress.update(self.task, completed=done, epoch=epoch, loss=loss)

    def epoch(self, record: dict[str, Any]) -> None:
        """After an epoch: its line of metrics.jsonl."""
        name, score = score_of(record)
        accuracy = "-" if score is None else f"{score:.2%}"
        if name != "accuracy":
            accuracy = f"{name.replace('_', ' ')} {accuracy}"
        self.progress.update(self.task, accuracy=accuracy)
        if self.lines:
            self.note(
                f"{self.title}: epoch {record['epoch']}/{self.epochs}, loss {record['loss']:.4f}, "
                f"validation {accuracy}, {record['seconds_total']:.1f} s"
            )

    def note(self, text: str) -> None:
        """A line that stays."""
        if self.lines:
            print(text, file=self.console.file, flush=True)
        elif self.shown:
            self.progress.print(text, markup=False)  # above the bar

    def __enter__(self) -> "TrainingProgress":
        self.progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: object, trace: TracebackType | None
    ) -> None:
        self.progress.stop()
