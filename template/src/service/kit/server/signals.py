# kit: updated by the template; extend it from app.py
"""What each process does when the service is stopped, by SIGTERM or by Ctrl-C (SIGINT).

`service serve`, in this order:

1. The main process (`handle_signals` in http_server.py) lets `/readyz` answer 503 at once. After
   SERVER_DRAIN_DELAY, granian sends each worker SIGTERM.
2. A worker (`WorkerApplication` in process.py) closes WebSockets, and then stops accepting. It ends
   event streams and answers the requests in flight. After SERVER_DRAIN_TIMEOUT it cancels the rest.
   Then the application closes what it opened.
3. The main process (granian) kills the workers that still run after SERVER_KILL_TIMEOUT.

`service worker`, in this order:

1. The main process (jobs/supervisor.py) sends the process that runs jobs SIGTERM.
2. That process (jobs/consumer.py) takes no more jobs, and lets the running ones finish. After
   JOBS_DRAIN_TIMEOUT it cancels the rest, and returns them to the queue.
3. The main process kills it if it still runs after JOBS_KILL_TIMEOUT.

A second signal to a main process ends everything at once.
"""

import asyncio
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from types import FrameType

import structlog

log = structlog.get_logger()

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def install_signal_handlers(
    stop: Callable[[signal.Signals], object],
    stop_at_once: Callable[[], object],
) -> None:
    """In a main process, call `stop` at the first signal and `stop_at_once` at each further one."""
    is_stopping = False

    def handle(number: int, _: FrameType | None) -> None:
        nonlocal is_stopping
        if is_stopping:
            log.warning("second stop signal: ending at once")
            stop_at_once()
            return
        is_stopping = True
        received = signal.Signals(number)
        log.info("stop signal received", signal=received.name)
        stop(received)

    for number in STOP_SIGNALS:
        signal.signal(number, handle)


def ignore_signals() -> None:
    """Ignore signals while a main process ends: a further one would leave workers behind."""
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def ignore_ctrl_c() -> None:
    """Ignore Ctrl-C in a worker: it reaches all processes, and the main one decides."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def call_on_sigterm(callback: Callable[[], object]) -> None:
    """Call `callback` in the event loop of a worker at SIGTERM, then the handler set before."""
    loop = asyncio.get_running_loop()
    earlier = signal.getsignal(signal.SIGTERM)

    def handle(number: int, frame: FrameType | None) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(callback)
        if callable(earlier):
            earlier(number, frame)

    signal.signal(signal.SIGTERM, handle)


def replace_sigterm_handler(callback: Callable[[], object]) -> None:
    """Call `callback` in the event loop of a worker at SIGTERM, and not granian's handler."""
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, callback)


def stop_granian() -> None:
    """Call granian's handler in this worker: it still has the one that it installed for SIGINT."""
    signal.signal(signal.SIGINT, lambda *_: None)
    signal.raise_signal(signal.SIGINT)


def exit_with_parent() -> None:
    """Send this process SIGTERM once its parent has ended: a killed parent cannot do so itself."""

    def wait_for_parent() -> None:
        parent = multiprocessing.parent_process()
        if parent:
            parent.join()
            os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait_for_parent, name="exit with parent", daemon=True).start()
