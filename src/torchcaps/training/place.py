"""Where a run stands."""

import json
import math
from dataclasses import dataclass, field

from torchcaps.training.precision import FLOAT32


@dataclass
class Place:
    """Where a run stands: what a resumed run must know besides tensors."""

    epoch: int = 0
    """Epochs finished."""
    batches: int = 0
    """Batches done in the epoch after that."""
    loss_sum: float = 0.0
    """Of those batches."""
    best_accuracy: float = -1.0
    """On the validation images."""
    precision: dict[str, bool] = field(default_factory=FLOAT32._asdict)
    """What `precision: auto` chose; never measured again, so that resuming changes nothing."""
    classes: list[str] = field(default_factory=list)
    """Names in label order: data whose folders were renamed since must not resume the run."""
    best_epoch: int = 0
    """That of `best_accuracy`."""
    gain: float | None = None
    """Of the model after the epoch, see `calibrate`."""

    @classmethod
    def from_json(cls, text: str) -> "Place":
        """Raises a `ValueError` or `TypeError` unless a run can stand there."""
        place = cls(**json.loads(text))
        valid = (
            all(type(n) is int and n >= 0 for n in (place.epoch, place.batches, place.best_epoch))
            and all(type(x) is float for x in (place.loss_sum, place.best_accuracy))
            and math.isfinite(place.loss_sum)
            and -1 <= place.best_accuracy <= 1
            and place.precision.keys() == FLOAT32._asdict().keys()
            and all(type(value) is bool for value in place.precision.values())
            and (place.gain is None or (type(place.gain) is float and 0 < place.gain < math.inf))
        )
        if not valid:
            raise ValueError(f"no run can stand at {text}")
        return place

    def next_epoch(self, accuracy: float | None, gain: float | None) -> "Place":
        """After an epoch with this validation accuracy, None without validation images."""
        best = self.best_accuracy, self.best_epoch
        if accuracy is not None and accuracy > self.best_accuracy:
            best = accuracy, self.epoch + 1
        return Place(
            epoch=self.epoch + 1,
            best_accuracy=best[0],
            precision=self.precision,
            classes=self.classes,
            best_epoch=best[1],
            gain=gain,
        )
