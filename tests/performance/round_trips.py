"""Counts round trips to PostgreSQL, whatever the program that makes them: what it sends passes through here."""

import asyncio
import tempfile
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote, unquote

SOCKET = ".s.PGSQL.5432"
"""The name that clients look for in the folder of a server's socket."""


class RoundTrips:
    """Connections to a PostgreSQL on a Unix socket. `url` leads to it through here, and `count` is what passed."""

    def __init__(self, url: str, folder: Path) -> None:
        target, _, server = url.partition("?host=")
        self.server = Path(unquote(server))
        self.folder = folder
        self.url = f"{target}?host={quote(str(folder))}"
        self.count = 0

    async def forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass on what a client sends and what it gets. What it sends after an answer begins a round trip."""
        answers, server = await asyncio.open_unix_connection(self.server / SOCKET)
        is_answered = True

        async def send() -> None:
            nonlocal is_answered
            while sent := await reader.read(65_536):
                self.count += is_answered
                is_answered = False
                server.write(sent)
            server.write_eof()

        async def answer() -> None:
            nonlocal is_answered
            while received := await answers.read(65_536):
                is_answered = True
                writer.write(received)
            writer.close()

        with suppress(ConnectionError):
            await asyncio.gather(send(), answer())

    async def serve(self, stop: asyncio.Event, ready: threading.Event) -> None:
        """Take connections until `stop` is set."""
        await asyncio.start_unix_server(self.forward, self.folder / SOCKET)
        ready.set()
        await stop.wait()


@contextmanager
def watch(url: str) -> Generator[RoundTrips]:
    """Yield the count of the round trips to a PostgreSQL, for those that go by its `url`."""
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()
    ready = threading.Event()
    with tempfile.TemporaryDirectory(prefix="trips-") as folder:
        trips = RoundTrips(url, Path(folder))
        thread = threading.Thread(target=loop.run_until_complete, args=(trips.serve(stop, ready),), daemon=True)
        thread.start()
        ready.wait()
        try:
            yield trips
        finally:
            loop.call_soon_threadsafe(stop.set)
            thread.join()
