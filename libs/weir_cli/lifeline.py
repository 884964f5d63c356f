"""End a supervised process when its supervisor is gone, however that one ended.

The supervisor holds the other end of our standard input and never writes to it. The kernel closes it with the
supervisor, also after kill -9, and that is the sign to end.
"""

from __future__ import annotations

import os
import signal
import threading
import time

END_SECONDS = 20.0
"""How long an orderly end may take before the process is cut."""


def hold(descriptor: int = 0) -> None:
    """Watch `descriptor` from a thread; when it closes, ask this process to end as SIGTERM does, then make it."""
    threading.Thread(target=_watch, args=(descriptor,), name="lifeline", daemon=True).start()


def _watch(descriptor: int) -> None:
    try:
        while os.read(descriptor, 4096):
            pass
    except OSError:
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(END_SECONDS)
    os._exit(1)
