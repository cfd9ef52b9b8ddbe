"""Part (d): MNIST as Sabour et al. train it, three seeds side by side, as far as the time goes.

`capsnet_sabour2017`, all 60,000 training images, shifts of up to 2 pixels, batch 128, no
validation: the test images choose nothing, they are asked at the end of each call and the last
answer is the result. A call goes on from the checkpoints of the one before.
"""

import statistics
import time
from typing import Any

import torch

from gpu_step import Images, Trainer, build, load
from ledger import Ledger, NotRun, Row, device, lines

SEEDS = (0, 1, 2)
EPOCHS = 300
SPARE_SECONDS = 20  # to evaluate and write


def run(ledger: Ledger, tiny: bool) -> None:
    try:
        data, test = (load(split, tiny) for split in ("train+validation", "test"))
    except NotRun as reason:
        print(f"mnist: not run: {reason}")
        return
    if ledger.seconds_left() <= 0:
        print("mnist: not run: the time is over")
        return
    trainers = [trainer(seed, data, ledger, tiny) for seed in SEEDS]
    seconds = train(trainers, ledger, 2 if tiny else EPOCHS)
    for one in trainers:
        if seconds and ledger.find({"seed": one.seed, "epochs": one.epochs}) is None:
            ledger.add(result(one, test, seconds))
    summarise(ledger)
    ledger.figure(draw_errors)


def trainer(seed: int, data: Images, ledger: Ledger, tiny: bool) -> Trainer:
    """A seed's trainer, where the last call left it."""
    torch.manual_seed(seed)
    model = build("capsnet_sabour2017", tiny)
    one = Trainer(model, data, 8 if tiny else 128, seed, shift=2)
    file = ledger.folder / f"mnist-seed{seed}.pt"
    if ledger.rows and file.is_file():
        one.resume(torch.load(file, map_location=device(), weights_only=True))
    return one


def train(trainers: list[Trainer], ledger: Ledger, most: int) -> float:
    """Epoch after epoch of all seeds while there is time; seconds an epoch of one seed took.

    Time for the next round is foreseen from the longest so far. One round is always run.
    """
    longest, started, rounds = 0.0, time.monotonic(), 0
    while trainers[0].epochs < most:
        if rounds and ledger.seconds_left() < longest + SPARE_SECONDS:
            break
        start = time.monotonic()
        losses = [one.train_epoch() for one in trainers]
        longest, rounds = max(longest, time.monotonic() - start), rounds + 1
        print(f"epoch {trainers[0].epochs}: losses {', '.join(f'{x:.4f}' for x in losses)}")
    for one in trainers:
        torch.save(one.state(), ledger.folder / f"mnist-seed{one.seed}.pt")
    return (time.monotonic() - started) / (rounds * len(trainers)) if rounds else 0.0


def result(one: Trainer, test: Images, seconds: float) -> Row:
    wrong = one.error(test)
    return {
        "model": "capsnet_sabour2017",
        "data": test.name,
        "mode": one.mode,
        "seed": one.seed,
        "epochs": one.epochs,
        "test_error_percent": 100 * wrong,
        "seconds_an_epoch": seconds,
    }


def summarise(ledger: Ledger) -> None:
    """The last epoch that every seed reached: mean and standard deviation of the test error."""
    if not ledger.rows:
        return
    last = max(row["epochs"] for row in ledger.rows)
    errors = [row["test_error_percent"] for row in ledger.rows if row["epochs"] == last]
    spread = f" +- {statistics.stdev(errors):.3f}" if len(errors) > 1 else ""
    print(f"test error after {last} epochs: {statistics.mean(errors):.3f}{spread} % ", end="")
    print(f"(mean and sd of {len(errors)} seeds, last epoch)")


def draw_errors(figure: Any, rows: list[Row]) -> None:
    axes = figure.subplots()
    for seed, of_one in lines(rows, "seed").items():
        epochs = [row["epochs"] for row in of_one]
        axes.plot(epochs, [row["test_error_percent"] for row in of_one], "o-", label=f"seed {seed}")
    axes.set(xlabel="epochs", ylabel="test error, %")
    axes.legend()
