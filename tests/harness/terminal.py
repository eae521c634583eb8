"""Commands in a terminal of their own, as a person types them and waits for what they print."""

import fcntl
import os
import pty
import subprocess
import termios
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

CTRL_C = b"\x03"


def wait_for[Answer](check: Callable[[], Answer], seconds: float, what: Callable[[], str]) -> Answer:
    """Return the first true answer of `check`."""
    end = time.monotonic() + seconds
    while not (answer := check()):
        assert time.monotonic() < end, what()
        time.sleep(0.1)
    return answer


@contextmanager
def type_in_terminal(
    command: Sequence[str], environment: Mapping[str, str], cwd: Path, log: Path
) -> Generator[tuple[subprocess.Popen[bytes], int]]:
    """Run a command in a terminal of its own, and yield its process and the keyboard to type on."""
    keyboard, terminal = pty.openpty()
    with log.open("w") as output:
        started = subprocess.Popen(
            command,
            cwd=cwd,
            env=environment,
            stdin=terminal,
            stdout=output,
            stderr=output,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
    yield started, keyboard
    os.close(keyboard)
    os.close(terminal)
