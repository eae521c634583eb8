"""The line to PostgreSQL, in a process of its own: `python -m soak.line SOCKET PORT`.

It passes bytes on, until SIGUSR1 makes it a black hole: it still takes connections and bytes, and nothing comes out.
SIGUSR2 lets all of it through again, as when a network is mended.
"""

import asyncio
import signal
import sys
from contextlib import suppress

import uvloop


async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, is_whole: asyncio.Event) -> None:
    """Pass on what comes, while the line is whole."""
    with suppress(ConnectionError):
        while data := await reader.read(65_536):
            await is_whole.wait()
            writer.write(data)
            await writer.drain()
    writer.close()


async def serve(path: str, port: int) -> None:
    """Connect each client of the port to the socket at `path`."""
    is_whole = asyncio.Event()
    is_whole.set()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGUSR1, is_whole.clear)
    loop.add_signal_handler(signal.SIGUSR2, is_whole.set)

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await is_whole.wait()
        try:
            server_reader, server_writer = await asyncio.open_unix_connection(path)
        except OSError:
            return writer.transport.abort()
        await asyncio.gather(forward(reader, server_writer, is_whole), forward(server_reader, writer, is_whole))

    async with await asyncio.start_server(connect, "127.0.0.1", port) as server:
        await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(sys.argv[1], int(sys.argv[2])))
