# kit: updated by the template; extend it from app.py
"""Commands of the service that run beside the server in development, and start anew after each change."""

import signal
import subprocess
import sys
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager

END_SECONDS = 5.0
"""How long a command may take to end before it is killed: in development nobody waits for more."""


@contextmanager
def run(commands: Iterable[str]) -> Generator[Callable[[], None]]:
    """Run commands while the block does, and yield what lets them take up a change.

    The old process of a command ends beside the new one, which need not wait for what the old one still does.
    """
    wanted = list(commands)
    running = [start(command) for command in wanted]
    ending: list[subprocess.Popen[bytes]] = []

    def restart() -> None:
        for process in running:
            process.send_signal(signal.SIGTERM)
        ending[:] = [process for process in (*ending, *running) if process.poll() is None]
        running[:] = [start(command) for command in wanted]

    try:
        yield restart
    finally:
        for process in (*running, *ending):
            process.send_signal(signal.SIGTERM)
        for process in (*running, *ending):
            end(process)


def start(command: str) -> subprocess.Popen[bytes]:
    """Start a command in a group of its own: Ctrl-C comes to it as one SIGTERM, from here."""
    return subprocess.Popen([sys.executable, "-m", "service", command], process_group=0)  # noqa: S603 - ours


def end(process: subprocess.Popen[bytes]) -> None:
    """Wait for a process to end."""
    try:
        process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
