# kit: updated by the template; extend it from app.py
"""What surrounds the application in a worker process: how it ends in time, and what it tells the main process."""

import asyncio
import os
import signal
import threading
from importlib import import_module
from types import FrameType

import structlog

from service.kit.edge import asgi, metrics
from service.kit.server.logs import LogOptions, configure_logs
from service.kit.server.metrics_endpoint import take_slot
from service.kit.server.runtime_folder import DRAINING, FAULT, STARTED, find_runtime_folder
from service.kit.server.watchdog import Watchdog, WatchdogOptions

log = structlog.get_logger()

CANCEL_SECONDS = 1.0
"""How long a cancelled request may take to clean up."""


def load(logs: LogOptions | None, drain_timeout: float, watch: WatchdogOptions, target: str) -> asgi.App:
    """Return the application that the factory `target` makes, as `module:function`, ready to run in this process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if logs:
        configure_logs(logs)
    take_slot()
    module, _, name = target.partition(":")
    worker = Worker(getattr(import_module(module), name)(), drain_timeout, watch)
    metrics.watch(metrics.meters().in_flight, lambda: len(worker.requests))
    metrics.meters().workers.set(1)
    metrics.meters().starts.inc()
    return worker


class Worker:
    """Wraps an application, outside of its edge.

    The server ends a worker by SIGTERM, and waits for the requests in flight; then the application closes. Requests
    that are unfinished after `drain_timeout` seconds are cancelled, which leaves time to close before the process is
    killed.
    """

    def __init__(self, app: asgi.App, drain_timeout: float, watch: WatchdogOptions) -> None:
        self.app = app
        self.folder = find_runtime_folder()
        self.drain_timeout = drain_timeout
        self.watch = watch
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
            if scope["path"] == "/readyz" and self.folder:
                scope["draining"] = (self.folder / DRAINING).exists()
                scope["fault"] = (fault := self.folder / FAULT).exists() and fault.read_text()
            await self.app(scope, receive, send)
        finally:
            self.requests.discard(task)

    async def live(self, scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        """Pass the server's messages on to the application, or our own when the server waits too long."""
        loop = asyncio.get_running_loop()
        self.take_signals(loop)
        self.background = [asyncio.create_task(self.forward(receive)), asyncio.create_task(metrics.sample())]

        async def note(message: asgi.Message) -> None:
            if message["type"] == "lifespan.startup.complete" and self.folder:
                (self.folder / STARTED).touch()
            await send(message)

        try:
            with Watchdog(loop, self.watch):
                await self.app(scope, self.messages.get, note)
        finally:
            self.closed.set()
            for task in self.background:
                task.cancel()

    async def forward(self, receive: asgi.Receive) -> None:
        while True:
            self.messages.put_nowait(await receive())

    def take_signals(self, loop: asyncio.AbstractEventLoop) -> None:
        """Learn of SIGTERM beside the server. Ctrl-C reaches every process of a terminal; the main one handles it."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        servers = signal.getsignal(signal.SIGTERM)

        def end(number: int, frame: FrameType | None) -> None:
            loop.call_soon_threadsafe(loop.call_later, self.drain_timeout, self.end_drain)
            if callable(servers):
                servers(number, frame)

        signal.signal(signal.SIGTERM, end)

    def end_drain(self) -> None:
        self.background.append(asyncio.create_task(self.cancel_requests()))

    async def cancel_requests(self) -> None:
        """Cancel what still runs, close the application, and end this process."""
        log.warning("drain deadline passed", seconds=self.drain_timeout, requests=len(self.requests))
        unfinished = list(self.requests)
        for task in unfinished:
            task.cancel()
        if unfinished:
            await asyncio.wait(unfinished, timeout=CANCEL_SECONDS)
        # The server would still wait for clients that do not read or send: end without it once all is closed.
        threading.Thread(target=self.exit_when_closed, daemon=True).start()
        self.messages.put_nowait({"type": "lifespan.shutdown"})

    def exit_when_closed(self) -> None:
        self.closed.wait()
        os._exit(0)
