"""What each command understands. No torch here: help, refusals and completion are quick."""

from typing import Literal

from jsonargparse import ArgumentParser, Namespace

from torchcaps.cli.commands import COMMANDS
from torchcaps.cli.parser import add_config, make_parser, parse
from torchcaps.models.sources import SOURCES
from torchcaps.studies import STUDIES
from torchcaps.training import Recipe

PORT = 8765
SHELLS = ("bash", "zsh")


def read(command: str, words: list[str]) -> Namespace:
    """The options that follow `torchcaps COMMAND`. Raises a `ValueError` with the remedy."""
    if command == "study" and words and words[0] not in ("-h", "--help", "--list"):
        options = parse(study_named(words[0]), words[1:])
        options.study = words[0]
        return options
    lists = command == "study" and not words
    return parse(COMMANDS[command](), ["--list"] if lists else words)


def train() -> ArgumentParser:
    parser = _parser("train", "[options]", " --model cnn --data digits --epochs 10 --out runs/cnn")
    add_config(parser)
    parser.add_class_arguments(Recipe, None)
    _add_device(parser)
    parser.add_argument(
        "--out", type=str | None, help="Folder of the run (default: runs/MODEL-DATA-SEED)."
    )
    parser.add_argument("--resume", type=str | None, help="Continue the run in this folder.")
    parser.add_argument("--overwrite", action="store_true", help="Replace a run in that folder.")
    parser.add_argument(
        "--log", type=str | None, help="A second log beside metrics.jsonl, such as tensorboard."
    )
    _add_quiet(parser)
    return parser


def evaluate() -> ArgumentParser:
    parser = _parser("evaluate", "MODEL [options]", " runs/cnn --rotate 30")
    _add_model(parser)
    parser.add_argument("--data", type=str | None, help="Dataset (default: that of the run).")
    parser.add_argument(
        "--root", type=str | None, help="Folder of the data files (default: that of the run)."
    )
    parser.add_argument("--split", type=str, default="test", help="Part of the dataset.")
    parser.add_argument(
        "--rotate", type=float, default=0.0, help="Rotate the images first, by so many degrees."
    )
    parser.add_argument(
        "--batch_size", type=int | None, help="Images at once (default: that of the run)."
    )
    parser.add_argument(
        "--figure", type=str | None, help="Draw the confusion matrix into this .png or .svg file."
    )
    _add_device(parser)
    _add_json(parser)
    return parser


def predict() -> ArgumentParser:
    parser = _parser("predict", "MODEL IMAGE ... [options]", " runs/cnn photo.png --invert")
    _add_model(parser)
    parser.add_argument(
        "images", metavar="IMAGE", type=str, nargs="+",
        help="Image files, resized to fit; for a model of signals, .npy files.",
    )  # fmt: skip
    parser.add_argument(
        "--invert",
        action="store_true",
        help="Swap dark and bright: for dark ink on paper and a model trained on bright ink.",
    )
    parser.add_argument(
        "--save_reconstruction", metavar="FOLDER", type=str | None,
        help="Write what the capsules reconstruct into this folder.",
    )  # fmt: skip
    parser.add_argument(
        "--out", metavar="FOLDER", type=str | None,
        help="Where a model that gives every pixel a class writes the mask of each image, and the "
        "image under it (default: predictions).",
    )  # fmt: skip
    _add_device(parser)
    _add_json(parser)
    return parser


def study() -> ArgumentParser:
    parser = _parser("study", "NAME [options]", " rotation --seeds 1")
    width = max(map(len, STUDIES))
    studies = "\n".join(f"  {name:<{width}}  {STUDIES.about(name)}" for name in STUDIES)
    parser.description = (
        f"{parser.description}\n\n{studies}\n\nThe options of a study: torchcaps study NAME --help"
    )
    parser.add_argument("--list", action="help", help="List the studies and exit.")
    return parser


def study_named(name: str) -> ArgumentParser:
    """The options of one study, which is imported for it, and torch with it."""
    options = STUDIES[name].options
    parser = make_parser(
        f"study {name}", STUDIES.about(name), "[options]", f"torchcaps study {name} --seeds 1"
    )
    parser.add_class_arguments(options, None)
    add_study_options(parser)
    return parser


def add_study_options(parser: ArgumentParser) -> None:
    """What every study understands beside its own options."""
    add_config(parser)
    _add_device(parser)
    parser.add_argument("--out", type=str | None, help="Folder (default: runs/study-NAME[-DATA]).")
    parser.add_argument("--resume", type=str | None, help="Continue the study in this folder.")
    parser.add_argument("--overwrite", action="store_true", help="Replace a study in that folder.")
    _add_quiet(parser)


def explore() -> ArgumentParser:
    parser = _parser("explore", "[RUN ...] [options]", " runs/cnn")
    parser.add_argument(
        "runs", metavar="RUN", type=str, nargs="*",
        help="Folders of runs or studies, or trained networks that come with torchcaps, such as "
        "cnn.digits (default: the newest runs in ./runs; without any, the networks that come "
        "with torchcaps).",
    )  # fmt: skip
    parser.add_argument(
        "--port", type=int, default=PORT, help="Port; if taken, the next free one; 0 is any."
    )
    parser.add_argument("--host", type=str, default="127.0.0.1", help="Address to listen on.")
    parser.add_argument("--no_browser", action="store_true", help="Do not open a browser.")
    _add_device(parser)
    return parser


def convert() -> ArgumentParser:
    parser = _parser(
        "convert",
        "FILE --from SOURCE [options]",
        " efficient_capsnet_SMALLNORB.h5 --from efficient_capsnet --out runs/smallnorb",
    )
    parser.add_argument("file", metavar="FILE", type=str, help="The file of the weights.")
    parser.add_argument(
        "--from", metavar="SOURCE", type=Literal[tuple(SOURCES)], required=True,
        help=f"Whose network it is: {', '.join(SOURCES)}.",
    )  # fmt: skip
    parser.add_argument("--out", type=str | None, help="Folder to write (default: runs/SOURCE).")
    parser.add_argument("--overwrite", action="store_true", help="Replace a model in that folder.")
    return parser


def models() -> ArgumentParser:
    return _parser("models", "", "")


def datasets() -> ArgumentParser:
    return _parser("datasets", "", "")


def completion() -> ArgumentParser:
    parser = make_parser(
        "completion",
        COMMANDS.about("completion"),
        "bash|zsh",
        'eval "$(torchcaps completion bash)", a line for ~/.bashrc (zsh: ~/.zshrc)',
    )
    parser.add_argument(
        "shell", metavar="SHELL", type=Literal[SHELLS], help="The shell that reads the script.",
    )  # fmt: skip
    return parser


def _parser(command: str, usage: str, example: str) -> ArgumentParser:
    return make_parser(command, COMMANDS.about(command), usage, f"torchcaps {command}{example}")


def _add_model(parser: ArgumentParser) -> None:
    parser.add_argument(
        "model", metavar="MODEL", type=str, help="Folder of a run or a model, or a hub id."
    )


def _add_device(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--device", type=str, default="auto", help="cpu, cuda, cuda:1, mps, or auto: a GPU if any."
    )


def _add_json(parser: ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="Print JSON instead of a table.")


def _add_quiet(parser: ArgumentParser) -> None:
    parser.add_argument("--quiet", action="store_true", help="Show no progress.")
