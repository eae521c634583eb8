# kit: updated by the template; extend it from app.py
"""A worker process: it makes the application, passes its requests on to it, and ends in time."""

import asyncio
import os
import signal
from collections.abc import Awaitable
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import Any

import structlog

from service.kit.server.metrics_endpoint import take_slot
from service.kit.server.output import end_output, unblock_output
from service.kit.server.supervision import DRAINING, FAULT, RUNTIME_FOLDER_VARIABLE, STARTED
from service.kit.server.watchdog import Watchdog, WatchdogOptions
from service.kit.work import asgi, metrics
from service.kit.work.context import current

log = structlog.get_logger()

CANCEL_SECONDS = 1.0
"""How long a cancelled request may take to clean up."""
SEND_SECONDS = 0.5
"""How long the server has for what cancelled requests still answer: it does not tell when that is
sent."""
THREADS_SECONDS = 0.1
"""How long after its start the server has all its threads. It starts them while the event loop
stands still."""


def make_in_worker(target: str) -> Any:
    """Return what the factory `target` makes, as `module:function`, in a process that was started
    for it.
    """
    signal.signal(
        signal.SIGINT, signal.SIG_IGN
    )  # Ctrl-C reaches all processes of a terminal; the main one decides
    take_slot()
    unblock_output()  # before the application is imported: it may fail, and must then be able to say so
    module, _, name = target.partition(":")
    made = getattr(import_module(module), name)()
    metrics.get_metrics().workers.set(1)
    metrics.get_metrics().worker_starts.inc()
    return made


class Worker:
    """The application that the factory `target` makes, and around its edge what ends it in time.

    The server ends a worker by SIGTERM, and waits for the requests in flight; then the application
    closes. Requests that are unfinished after `drain_timeout` seconds are cancelled, which leaves
    time to close before the process is killed.
    """

    def __init__(
        self, drain_timeout: float, watch: WatchdogOptions, target: str, *, batch_threads: bool
    ) -> None:
        self.app: asgi.App = make_in_worker(target)
        self.folder = Path(os.environ[RUNTIME_FOLDER_VARIABLE])
        self.drain_timeout = drain_timeout
        self.batch_threads = batch_threads
        self.watch = watch
        self.messages: asyncio.Queue[asgi.Message] = asyncio.Queue()
        self.told = asyncio.Event()
        self.is_late = False

    def __call__(
        self, scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send
    ) -> Awaitable[None]:
        if scope["type"] == "lifespan":
            return self.live(scope, receive, send)
        scope["stopping"] = self.told
        if scope["path"] == "/readyz":
            scope["draining"] = (self.folder / DRAINING).exists()
            scope["fault"] = (fault := self.folder / FAULT).exists() and fault.read_text()
        return self.app(scope, receive, send)

    async def live(self, scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        """Pass the server's messages on to the application, or our own when the server waits too
        long.
        """
        self.learn_of_sigterm()
        endless = self.forward(receive), self.end_in_time(), metrics.sample_gauges()
        beside = [asyncio.create_task(work) for work in endless]

        async def note(message: asgi.Message) -> None:
            if message["type"] == "lifespan.startup.complete":
                (self.folder / STARTED).touch()
                if self.batch_threads and hasattr(os, "SCHED_BATCH"):
                    set_policy(os.SCHED_BATCH)
                    asyncio.get_running_loop().call_later(
                        THREADS_SECONDS, set_policy, os.SCHED_OTHER
                    )
            await send(message)

        try:
            with Watchdog(asyncio.get_running_loop(), self.watch):
                await self.app(scope, self.messages.get, note)
        finally:
            if self.is_late:
                await asyncio.sleep(SEND_SECONDS)
                end_output()
                os._exit(0)  # the server would still wait for clients that do not read or send
            for task in beside:
                task.cancel()

    def learn_of_sigterm(self) -> None:
        """Let SIGTERM say so to `told`, beside the server's own handler."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the server has just taken it
        loop = asyncio.get_running_loop()
        servers = signal.getsignal(signal.SIGTERM)

        def handle(number: int, frame: FrameType | None) -> None:
            loop.call_soon_threadsafe(self.told.set)
            if callable(servers):
                servers(number, frame)

        signal.signal(signal.SIGTERM, handle)

    async def forward(self, receive: asgi.Receive) -> None:
        while True:
            self.messages.put_nowait(await receive())

    async def end_in_time(self) -> None:
        """Cancel what still runs at the deadline, and close the application."""
        await self.told.wait()
        await asyncio.sleep(self.drain_timeout)
        unfinished = [task for task in asyncio.all_tasks() if is_request(task)]
        log.warning("drain deadline passed", seconds=self.drain_timeout, requests=len(unfinished))
        for task in unfinished:
            task.cancel()
        if unfinished:
            await asyncio.wait(unfinished, timeout=CANCEL_SECONDS)
        self.is_late = True
        self.messages.put_nowait({"type": "lifespan.shutdown"})


def is_request(task: asyncio.Task[object]) -> bool:
    """Return whether a task answers a request, rather than works for one."""
    return getattr(task.get_context().get(current), "task", None) is task


def set_policy(policy: int) -> None:
    """Let Linux schedule this thread, and those that it starts from now on, by a policy.

    A thread of SCHED_BATCH takes the core from no other when it wakes. Else the server's threads
    would interrupt the event loop for each request, only to wait for it: that costs a tenth of the
    CPU.
    """
    with suppress(OSError):  # where a sandbox forbids it
        os.sched_setscheduler(0, policy, os.sched_param(0))
