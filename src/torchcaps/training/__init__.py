"""From a recipe to a run folder, and from a model to its figures on a dataset."""

from typing import TYPE_CHECKING

from torchcaps.lazy import lazy_names

if TYPE_CHECKING:
    from torchcaps.interrupt import Interrupted
    from torchcaps.training.begin import resume, train
    from torchcaps.training.class_metrics import class_metrics, multilabel_metrics
    from torchcaps.training.evaluation import Evaluation, evaluate
    from torchcaps.training.fit import Trained
    from torchcaps.training.recipe import Recipe
    from torchcaps.training.run_state import Diverged

__all__ = [
    "Diverged",
    "Evaluation",
    "Interrupted",
    "Recipe",
    "Trained",
    "class_metrics",
    "evaluate",
    "multilabel_metrics",
    "resume",
    "train",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "Diverged": "torchcaps.training.run_state:Diverged",
        "Evaluation": "torchcaps.training.evaluation:Evaluation",
        "Interrupted": "torchcaps.interrupt:Interrupted",
        "Recipe": "torchcaps.training.recipe:Recipe",
        "Trained": "torchcaps.training.fit:Trained",
        "class_metrics": "torchcaps.training.class_metrics:class_metrics",
        "evaluate": "torchcaps.training.evaluation:evaluate",
        "multilabel_metrics": "torchcaps.training.class_metrics:multilabel_metrics",
        "resume": "torchcaps.training.begin:resume",
        "train": "torchcaps.training.begin:train",
    },
)
