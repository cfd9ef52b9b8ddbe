"""The process of a command: `torchcaps` and `python -m torchcaps`, which torchrun needs."""

import sys
from io import TextIOWrapper

from torchcaps.interrupt import end_at_once


def main() -> int:
    """See `torchcaps.cli.main`, which is imported only once Ctrl-C is answered in a line."""
    end_at_once("torchcaps: stopped")
    if isinstance(sys.stdout, TextIOWrapper):  # where LANG=C has no letters for a class's name
        sys.stdout.reconfigure(errors="backslashreplace")
    from torchcaps.cli.main import main as run

    return run()


if __name__ == "__main__":
    sys.exit(main())
