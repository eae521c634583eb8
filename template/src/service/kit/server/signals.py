# kit: updated by the template; extend it from app.py
"""How the main process is told to stop: once to finish in order, twice to end at once."""

import signal
import threading
from pathlib import Path
from types import FrameType

import structlog
from granian.server.common import AbstractServer

log = structlog.get_logger()


def heed(server: AbstractServer, draining: Path, delay: float) -> None:
    """Take SIGTERM and SIGINT over from the server, which has just set its own handler.

    The first one makes the file `draining`, by which `/readyz` turns to 503, and `delay` seconds later lets the server
    stop accepting; SIGINT comes from a person at a terminal, and does not wait. The second kills the workers.
    """
    stop = signal.getsignal(signal.SIGTERM)
    assert callable(stop)  # noqa: S101 - the server's handler

    def handle(number: int, frame: FrameType | None) -> None:
        if draining.exists():
            log.warning("told to stop twice: ending at once")
            stop(number, frame)
            for worker in server.wrks:
                worker.kill()
            return
        draining.touch()
        wait = delay if number == signal.SIGTERM else 0
        log.info("told to stop", signal=signal.Signals(number).name, seconds_to_accept=wait)
        if wait:
            timer = threading.Timer(wait, stop, (number, frame))
            timer.daemon = True
            timer.start()
        else:
            stop(number, frame)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, handle)


def ignore() -> None:
    """Heed no signal any more: what is left ends by itself, and would be left behind if it were interrupted."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
