"""A provider on loopback: what it is told, a folder for as long as it runs, and an end with the process that started it."""

import atexit
import json
import logging
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from types import SimpleNamespace

from werkzeug.serving import make_server

told = json.loads(sys.argv[1], object_hook=lambda members: SimpleNamespace(**members))

_folder = tempfile.TemporaryDirectory(prefix="provider-")
folder = Path(_folder.name)
atexit.register(_folder.cleanup)
signal.signal(signal.SIGTERM, lambda *_: sys.exit())  # so that the exit handlers run


def serve(app):
    """Serves an application, see `stay`."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # it would log addresses, and they have codes in them
    server = make_server("127.0.0.1", 0, app, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    stay(server.server_port)


def stay(port, **wishes):
    """Says the port on standard output, and ends when standard input does: with the process that started it, in any case.

    A line of standard input names a wish; a line of standard output says that it is fulfilled.
    """
    print(port, flush=True)
    for line in sys.stdin:
        wishes[line.strip()]()
        print("done", flush=True)


def start(command):
    """Starts a server that is a program. It ends with this one."""
    program = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    atexit.register(_end, program)
    return program


def _end(program):
    program.kill()
    program.wait()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
