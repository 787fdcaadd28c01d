"""A provider on loopback: what it is told, a folder for as long as it runs, and serving until nobody listens any more."""

import json
import logging
import sys
import tempfile
import threading
from pathlib import Path
from types import SimpleNamespace

from werkzeug.serving import make_server

told = json.loads(sys.argv[1], object_hook=lambda members: SimpleNamespace(**members))

_folder = tempfile.TemporaryDirectory(prefix="provider-")
folder = Path(_folder.name)


def serve(app):
    """Says its port on standard output, and ends when standard input does: with whoever started it, however that ends."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # it would log addresses, and they have codes in them
    server = make_server("127.0.0.1", 0, app, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_port, flush=True)
    sys.stdin.read()
    _folder.cleanup()
