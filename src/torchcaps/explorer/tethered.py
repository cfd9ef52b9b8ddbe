"""`python -m torchcaps.explorer.tethered WORDS`: `torchcaps WORDS` that stops, its state saved,
when its standard input ends; that is when whoever started it is gone, kill -9 included."""

import os
import runpy
import signal
from threading import Thread


def _stop_with_the_input() -> None:
    os.read(0, 1)
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    Thread(target=_stop_with_the_input, daemon=True).start()
    runpy.run_module("torchcaps", run_name="__main__", alter_sys=True)
