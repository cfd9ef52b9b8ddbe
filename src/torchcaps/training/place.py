"""Where a run stands."""

import json
import math
from dataclasses import dataclass, field

from torchcaps.models import Calibration
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
    """Of the task's figure (`tasks.SCORES`), on the validation images."""
    precision: dict[str, bool] = field(default_factory=FLOAT32._asdict)
    """What `precision: auto` chose; never measured again, so that resuming changes nothing."""
    classes: list[str] = field(default_factory=list)
    """Names in label order: data whose folders were renamed since must not resume the run."""
    best_epoch: int = 0
    """That of `best_accuracy`."""
    gain: float | None = None
    """This and the next two: of the model after the epoch, see `models.Calibration`."""
    offset: float = 0.0
    thresholds: list[float] = field(default_factory=list)

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
            and all(
                type(x) is float and math.isfinite(x) for x in (place.offset, *place.thresholds)
            )
        )
        if not valid:
            raise ValueError(f"no run can stand at {text}")
        return place

    @property
    def calibration(self) -> Calibration | None:
        """What the model is given, None where it keeps its own."""
        if self.gain is None:
            return None
        return Calibration(self.gain, self.offset, tuple(self.thresholds))

    def next_epoch(self, score: float | None, fitted: Calibration | None) -> "Place":
        """After an epoch with this score of the validation images, None without any."""
        best = self.best_accuracy, self.best_epoch
        if score is not None and score > self.best_accuracy:
            best = score, self.epoch + 1
        gain, offset, thresholds = fitted or (None, 0.0, ())
        return Place(
            epoch=self.epoch + 1,
            best_accuracy=best[0],
            precision=self.precision,
            classes=self.classes,
            best_epoch=best[1],
            gain=gain,
            offset=offset,
            thresholds=list(thresholds),
        )
