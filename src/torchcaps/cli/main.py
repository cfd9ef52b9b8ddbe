"""`torchcaps COMMAND ...`: finds the command, turns a user's mistake into one line."""

import sys
import warnings
from importlib import import_module

from torchcaps.registry import Registry

COMMANDS: Registry[str] = Registry("command")
for _name, _about in {
    "train": "train a model, or continue a run",
    "evaluate": "test a trained model",
    "predict": "say what is on image files",
    "study": "run a whole experiment, from data to report",
    "explore": "open a local web page that shows what capsules think",
    "models": "list the models",
    "datasets": "list the datasets",
}.items():
    COMMANDS.add(_name)(_about)

USAGE_ERROR, FAILURE, INTERRUPTED = 2, 1, 130


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code: 0, 1 (it failed), 2 (wrong use), 130 (Ctrl-C)."""
    words = sys.argv[1:] if arguments is None else arguments
    if not words or words[0] in ("-h", "--help", "--version"):
        print(_version() if "--version" in words[:1] else _help())
        return 0
    warnings.formatwarning = lambda message, *_, **__: f"torchcaps: {message}\n"
    try:
        COMMANDS[words[0]]
        return _run(words[0], words[1:])
    except KeyboardInterrupt as error:
        return _say(str(error) or "stopped", INTERRUPTED)
    except (ValueError, FileNotFoundError, IsADirectoryError) as error:
        return _say(str(error), USAGE_ERROR)
    except ArithmeticError as error:
        return _say(str(error), FAILURE)
    except OSError as error:
        place = f" ({error.filename})" if error.filename else ""
        return _say(
            f"{error.strerror or error}{place}; check the disk's free space and the folder's "
            "permissions, or choose another --out",
            USAGE_ERROR,
        )


def _run(name: str, words: list[str]) -> int:
    # Only the command that was asked for is imported: `torchcaps models` loads no trainer.
    import_module(f"torchcaps.cli.{name}").run(words)
    return 0


def _say(message: str, code: int) -> int:
    print(f"torchcaps: {message}", file=sys.stderr)
    return code


def _help() -> str:
    lines = "\n".join(f"  {name:<10} {COMMANDS[name]}" for name in COMMANDS)
    return (
        "usage: torchcaps COMMAND [options]\n\nCapsule networks: train, test and study them.\n\n"
        f"{lines}\n\nEach command explains itself: torchcaps COMMAND --help\n"
        "A first result in a minute:  torchcaps study rotation --seeds 1"
    )


def _version() -> str:
    import torchcaps

    return f"torchcaps {torchcaps.__version__}"
