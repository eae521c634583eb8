# kit: updated by the template; extend it from app.py
"""What surrounds the application in a worker process: how it ends in time, and what it tells the main process."""

import asyncio
import os
import signal
import threading
from importlib import import_module
from pathlib import Path
from types import FrameType

import structlog

from service.kit.edge import asgi, metrics
from service.kit.server.logs import LogOptions, configure
from service.kit.server.watchdog import Watchdog, WatchdogOptions

log = structlog.get_logger()

CANCEL_SECONDS = 1.0
"""How long a cancelled request may take to clean up."""


def load(
    logs: LogOptions | None, draining: Path, drain_timeout: float, target: str, watch: WatchdogOptions | None = None
) -> asgi.App:
    """Return the application that the factory `target` makes, as `module:function`, ready to run in this process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if logs:
        configure(logs)
    module, _, name = target.partition(":")
    worker = Worker(getattr(import_module(module), name)(), draining, drain_timeout, watch)
    metrics.watch(metrics.meters().in_flight, lambda: len(worker.requests))
    metrics.meters().workers.set(1)
    metrics.meters().starts.inc()
    return worker


class Worker:
    """Wraps an application, outside of its edge.

    The server ends a worker by SIGTERM, and waits for the requests in flight; then the application closes. Whatever is
    unfinished after `drain_timeout` seconds is cut, so that there is time left to close before the process is killed.
    `draining` is the file that exists once the service has been told to stop.
    """

    def __init__(
        self, app: asgi.App, draining: Path, drain_timeout: float, watch: WatchdogOptions | None = None
    ) -> None:
        self.app = app
        self.draining = draining
        self.drain_timeout = drain_timeout
        self.watch = watch or WatchdogOptions()
        self.requests: set[asyncio.Task[object]] = set()
        self.messages: asyncio.Queue[asgi.Message] = asyncio.Queue()
        self.closed = threading.Event()
        self.background: list[asyncio.Task[None]] = []

    async def __call__(self, scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        if scope["type"] == "lifespan":
            return await self.live(scope, receive, send)
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine runs in a task
        self.requests.add(task)
        try:
            if scope["path"] == "/readyz":
                scope["draining"] = self.draining.exists()
            await self.app(scope, receive, send)
        finally:
            self.requests.discard(task)

    async def live(self, scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        """Pass the server's word to the application, or ours when the server waits too long."""
        loop = asyncio.get_running_loop()
        self.heed_signals(loop)
        self.background = [asyncio.create_task(self.forward(receive)), asyncio.create_task(metrics.sample())]
        try:
            with Watchdog(loop, self.watch):
                await self.app(scope, self.messages.get, send)
        finally:
            self.closed.set()
            for task in self.background:
                task.cancel()

    async def forward(self, receive: asgi.Receive) -> None:
        """Hand on what the server says about starting and stopping."""
        while True:
            self.messages.put_nowait(await receive())

    def heed_signals(self, loop: asyncio.AbstractEventLoop) -> None:
        """Learn of SIGTERM beside the server. Ctrl-C reaches every process of a terminal; the main one heeds it."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        serve_on = signal.getsignal(signal.SIGTERM)

        def end(number: int, frame: FrameType | None) -> None:
            loop.call_soon_threadsafe(loop.call_later, self.drain_timeout, self.start_cut)
            if callable(serve_on):
                serve_on(number, frame)

        signal.signal(signal.SIGTERM, end)

    def start_cut(self) -> None:
        """Cut the requests in a task of its own."""
        self.background.append(asyncio.create_task(self.cut()))

    async def cut(self) -> None:
        """Cancel what still runs, close the application, and end this process."""
        log.warning("drain deadline passed", seconds=self.drain_timeout, requests=len(self.requests))
        unfinished = list(self.requests)
        for task in unfinished:
            task.cancel()
        if unfinished:
            await asyncio.wait(unfinished, timeout=CANCEL_SECONDS)
        # The server would still wait for clients that do not read, or do not send: when all is closed, do not ask it.
        threading.Thread(target=self.leave, daemon=True).start()
        self.messages.put_nowait({"type": "lifespan.shutdown"})

    def leave(self) -> None:
        """End the process when the application has closed."""
        self.closed.wait()
        os._exit(0)
