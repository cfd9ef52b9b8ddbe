"""From a recipe to a run folder, and from a model to its figures on a dataset."""

from torchcaps.training.evaluate import Evaluation, evaluate
from torchcaps.training.interrupt import Interrupted
from torchcaps.training.loop import Diverged, resume, train
from torchcaps.training.recipe import Recipe

__all__ = ["Diverged", "Evaluation", "Interrupted", "Recipe", "evaluate", "resume", "train"]
