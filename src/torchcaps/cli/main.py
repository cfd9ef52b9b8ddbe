"""`torchcaps COMMAND ...`: finds the command, turns a user's mistake into one line.

Torch is loaded by the command that needs it, within `main`.
"""

import os
import sys
import warnings
from contextlib import suppress
from importlib import import_module

import torchcaps
from torchcaps.cli.commands import COMMANDS
from torchcaps.interrupt import as_ctrl_c, signal_of
from torchcaps.quoting import one_line
from torchcaps.registry import Registry

OPTIONS: Registry[None] = Registry("option")
OPTIONS.add("--help")(None)
OPTIONS.add("--version")(None)
USAGE_ERROR, FAILURE, BY_SIGNAL = 2, 1, 128


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code: 0, 1 (it failed), 2 (wrong use), 130 (Ctrl-C), 143
    and 129 (SIGTERM and SIGHUP)."""
    words = sys.argv[1:] if arguments is None else arguments
    if not words or words[0] in ("-h", "--help", "--version"):
        version = f"torchcaps {torchcaps.__version__}"
        print(version if "--version" in words[:1] else _help())
        return 0
    warnings.formatwarning = lambda text, *_, **__: f"torchcaps: {one_line(text)}\n"
    try:
        (OPTIONS if words[0].startswith("-") else COMMANDS).about(words[0])
        return _run(words[0], words[1:])
    except BrokenPipeError:  # who read the output, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILURE
    except KeyboardInterrupt as stop:
        return _say(str(stop) or "stopped", BY_SIGNAL + signal_of(stop))
    except (ValueError, FileNotFoundError, IsADirectoryError) as error:
        return _say(str(error), USAGE_ERROR)
    except (ArithmeticError, ConnectionError) as error:
        return _say(str(error), FAILURE)
    except RuntimeError as error:
        if not any(words in str(error) for words in ("out of memory", "can't allocate memory")):
            raise
        return _say(
            "memory ran out; take a smaller --batch-size (in training, --accumulate keeps the step "
            "as it was) or another --device",
            FAILURE,
        )
    except PermissionError as error:
        return _say(
            f"{error.strerror or error} ({error.filename}); check who may read and write it "
            "(ls -l), or choose another folder",
            USAGE_ERROR,
        )
    except OSError as error:
        place = f" ({error.filename})" if error.filename else ""
        return _say(
            f"{error.strerror or error}{place}; check the disk's free space and the folder's "
            "permissions, or choose another --out",
            USAGE_ERROR,
        )


def _run(name: str, words: list[str]) -> int:
    from torchcaps.cli.options import read

    options = read(name, words)
    # Only now the command, and torch with it: a wrong option is refused at once.
    command = import_module(f"torchcaps.cli.{name}")
    with as_ctrl_c():
        command.run(options)
    sys.stdout.flush()
    return 0


def _say(message: str, code: int) -> int:
    with suppress(OSError):  # the terminal is gone after SIGHUP
        print(f"torchcaps: {one_line(message)}", file=sys.stderr)
    return code


def _help() -> str:
    width = max(map(len, COMMANDS))
    lines = "\n".join(f"  {name:<{width}}  {COMMANDS.about(name)}" for name in COMMANDS)
    return (
        "usage: torchcaps COMMAND [options]\n\nCapsule networks: train, test and study them.\n\n"
        f"{lines}\n\nThe options of a command:   torchcaps COMMAND --help\n"
        "A first result in a minute: torchcaps study rotation --seeds 1"
    )
