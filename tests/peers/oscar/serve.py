"""Serve the shop at a port that the kernel chooses, and say so first; it ends with whoever started it."""

import os
import sys
import threading

from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler  # type: ignore[import-not-found]
from django.core.wsgi import get_wsgi_application  # type: ignore[import-not-found]


def outlived() -> None:
    """End when the standard input does."""
    sys.stdin.read()
    os._exit(0)


threading.Thread(target=outlived, daemon=True).start()
server = ThreadedWSGIServer(("127.0.0.1", 0), WSGIRequestHandler)
server.set_app(get_wsgi_application())
print(f"serving on 127.0.0.1:{server.server_address[1]}", flush=True)
server.serve_forever()
