"""The learning rate of each step."""

from math import cos, pi

from torchcaps.training.optimizer import build, make_scheduler
from torchcaps.training.recipe import Recipe


class LearningRate:
    r"""A pure function of the step's number, so that a resumed run needs no state of it:

        rate(step) = schedule(step) * min(1, (step + 1) / (warmup * steps_per_epoch))

    constant    lr
    cosine      lr (1 + cos(pi step / steps)) / 2
    sabour2017  max(lr 0.96 ^ (step / 2000), 1e-6)
    others      the scheduler of torch of that name, asked once an epoch

    Raises a `ValueError` for options that the scheduler does not take.
    """

    def __init__(self, recipe: Recipe, steps_per_epoch: int) -> None:
        self.recipe, self.steps_per_epoch = recipe, steps_per_epoch
        self.of_epochs: list[float] = []
        if recipe.schedule[0].isupper():
            scheduler = make_scheduler(recipe)
            for _ in range(recipe.last_epoch):
                self.of_epochs.append(float(scheduler.get_last_lr()[0]))
                scheduler.optimizer.step()
                build("schedule_options", scheduler.step, recipe.schedule_options)

    def __call__(self, step: int) -> float:
        rising = self.recipe.warmup * self.steps_per_epoch
        rate = self._scheduled(step)
        return rate * (step + 1) / rising if step + 1 < rising else rate

    def _scheduled(self, step: int) -> float:
        lr, schedule = self.recipe.lr, self.recipe.schedule
        if self.of_epochs:
            return self.of_epochs[step // self.steps_per_epoch]
        if schedule == "cosine":
            return lr * (1 + cos(pi * step / (self.recipe.last_epoch * self.steps_per_epoch))) / 2
        if schedule == "sabour2017":
            return max(lr * 0.96 ** (step / 2000), 1e-6)
        return lr
