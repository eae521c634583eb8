"""A log that nobody reads: a pipe that is full, until somebody does."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.kit.processes import make_environment

FILLER = b"\n" * 4096


class Log:
    """The reading end of the pipe, and what came out of it."""

    def __init__(self) -> None:
        self.reader, self.writer = os.pipe()
        self.read = bytearray()
        os.set_blocking(self.writer, False)
        with suppress(BlockingIOError):
            while True:
                os.write(self.writer, FILLER)
        os.set_blocking(self.writer, True)

    def read_on(self) -> None:
        """Read all there is from now on, beside the test."""

        def read() -> None:
            while data := os.read(self.reader, 65_536):
                self.read += data

        threading.Thread(target=read, daemon=True).start()

    def find(self, event: str) -> list[dict]:
        """Return the lines for an event that have been read. Each that ended is whole."""
        lines = bytes(self.read).rpartition(b"\n")[0].decode().splitlines()
        records = [json.loads(line) for line in lines if line]
        return [record for record in records if record["event"] == event]


@contextmanager
def start(command: Sequence[str], folder: Path, **settings: str) -> Generator[tuple[subprocess.Popen[bytes], Log]]:
    """Start a command whose standard output and error nobody reads, and kill it with all of its processes."""
    log = Log()
    process = subprocess.Popen(
        [sys.executable, *command],
        env=make_environment(settings),
        cwd=folder,
        stdout=log.writer,
        stderr=log.writer,
        process_group=0,
    )
    os.close(log.writer)
    try:
        yield process, log
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, 9)
        process.wait()
