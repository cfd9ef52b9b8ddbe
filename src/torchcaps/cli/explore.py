"""`torchcaps explore`: a local web page that compares networks."""

import sys
import webbrowser
from threading import Thread

import torch
from jsonargparse import Namespace

from torchcaps.cli.options import PORT
from torchcaps.explorer.guard import is_loopback
from torchcaps.explorer.serving import address, listen, serve
from torchcaps.explorer.state import open_explorer
from torchcaps.interrupt import Interrupted, signal_of
from torchcaps.machine import resolve_device


def run(options: Namespace) -> None:
    if not 0 <= options.port <= 65535:
        raise ValueError(
            f"explore, --port: expected 0 to 65535; got {options.port}; leave it out for {PORT}"
        )
    # A page asks for several things at once: a core for each is faster than all cores for one,
    # whose threads wait for each other, and for long where something else keeps a core busy.
    torch.set_num_threads(1)
    explorer = open_explorer(options.runs, resolve_device(options.device))
    with listen(options.host, options.port) as listening:
        port = listening.getsockname()[1]
        if options.port not in (0, port):
            print(f"port {options.port} is taken; {port} is the next free one")
        if not is_loopback(options.host):
            print(
                f"torchcaps: everyone who can reach this machine can open the page on "
                f"{options.host}; leave --host out to be alone with it",
                file=sys.stderr,
            )
        url = address(options.host, port)

        def ready() -> None:
            print(f"explorer: {url}  (Ctrl-C ends it)", flush=True)
            if not options.no_browser:
                # Some browsers come back only when they are closed.
                Thread(target=webbrowser.open, args=(url,), daemon=True).start()

        try:
            serve(explorer, listening, options.host, ready)
        except KeyboardInterrupt as stop:
            raise Interrupted("explorer ended", signal_of(stop)) from None
