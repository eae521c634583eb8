# kit: updated by the template; extend it from app.py
"""A worker process: it creates the application, passes requests to it, and ends in time."""

import asyncio
import os
from collections.abc import Awaitable
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import structlog

from service.kit.server.log_level import follow_level
from service.kit.server.metrics_endpoint import take_slot
from service.kit.server.output import end_output, unblock_output
from service.kit.server.runtime_folder import (
    DRAINING_FILE,
    FAULT_FILE,
    RUNTIME_FOLDER_VARIABLE,
    STARTED_FILE,
)
from service.kit.server.signals import ignore_ctrl_c, replace_sigterm_handler, stop_granian
from service.kit.server.watchdog import Watchdog, WatchdogOptions
from service.kit.work import asgi, metrics
from service.kit.work.context import current

log = structlog.get_logger()

CANCEL_SECONDS = 1.0
"""How long a cancelled request may take to clean up."""

CLOSE_SECONDS = 5.0
"""How long all WebSockets together may take to close."""

SEND_SECONDS = 0.5
"""Time for granian to send the answers of cancelled requests: it does not report when it has."""

THREADS_SECONDS = 0.1
"""How long after its start granian has all its threads.

It starts them while the event loop does not run.
"""


def make_in_worker(target: str) -> Any:
    """Call the factory `target` (`module:function`) in a new worker, and return what it makes."""
    ignore_ctrl_c()
    take_slot()
    unblock_output()  # before the application is imported: if that fails, the log must say why
    module, _, name = target.partition(":")
    create = getattr(import_module(module), name)
    made = create()
    metrics.get_metrics().workers.set(1)
    metrics.get_metrics().worker_starts.inc()
    return made


class WorkerApplication:
    """Wraps the application that the factory `target` makes, and ends it in time.

    granian stops a worker with SIGTERM, and waits for the requests in flight; then the application
    closes. Requests that are unfinished after `drain_timeout` seconds are cancelled, which leaves
    time to close before the process is killed.
    """

    def __init__(
        self, drain_timeout: float, watchdog: WatchdogOptions, target: str, *, batch_threads: bool
    ) -> None:
        self.app: asgi.App = make_in_worker(target)
        self.folder = Path(os.environ[RUNTIME_FOLDER_VARIABLE])
        self.drain_timeout = drain_timeout
        self.batch_threads = batch_threads
        self.watchdog = watchdog
        self.messages: asyncio.Queue[asgi.Message] = asyncio.Queue()
        self.stop_requested = asyncio.Event()
        self.is_late = False

    def __call__(
        self, scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send
    ) -> Awaitable[None]:
        if scope["type"] == "lifespan":
            return self.run_lifespan(scope, receive, send)
        scope["stopping"] = self.stop_requested
        if scope["path"] == "/readyz":
            scope["draining"] = (self.folder / DRAINING_FILE).exists()
            scope["fault"] = self.read_fault()
        return self.app(scope, receive, send)

    def read_fault(self) -> str:
        try:
            return (self.folder / FAULT_FILE).read_text()
        except FileNotFoundError:
            return ""

    async def run_lifespan(self, scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        """Run the application until granian shuts it down, or our deadline does."""
        ignore_ctrl_c()  # granian has just installed a handler
        replace_sigterm_handler(self.stop_requested.set)
        tasks = [
            asyncio.create_task(self.stop_server()),
            asyncio.create_task(self.forward_messages(receive)),
            asyncio.create_task(self.stop_in_time()),
            asyncio.create_task(metrics.sample_gauges()),
            asyncio.create_task(follow_level()),
        ]

        async def send_and_note_start(message: asgi.Message) -> None:
            if message["type"] == "lifespan.startup.complete":
                (self.folder / STARTED_FILE).touch()
                if self.batch_threads:
                    batch_new_threads()
            await send(message)

        try:
            with Watchdog(asyncio.get_running_loop(), self.watchdog):
                await self.app(scope, self.messages.get, send_and_note_start)
        finally:
            if self.is_late:
                await asyncio.sleep(SEND_SECONDS)
                end_output()
                os._exit(0)  # granian would still wait for clients that do not read or send
            for task in tasks:
                task.cancel()

    async def forward_messages(self, receive: asgi.Receive) -> None:
        while True:
            self.messages.put_nowait(await receive())

    async def stop_server(self) -> None:
        """After SIGTERM, stop granian once all WebSockets are closed: it does not wait for them.

        It even crashes if one of them still sends, to a client that does not read.
        """
        await self.stop_requested.wait()
        sockets = [task for task in asyncio.all_tasks() if is_request(task, "websocket")]
        if sockets:
            await asyncio.wait(sockets, timeout=CLOSE_SECONDS)
        stop_granian()

    async def stop_in_time(self) -> None:
        """After SIGTERM, cancel requests that outlast the deadline, and close the application."""
        await self.stop_requested.wait()
        await asyncio.sleep(self.drain_timeout)
        unfinished = [task for task in asyncio.all_tasks() if is_request(task)]
        log.warning("drain deadline passed", seconds=self.drain_timeout, requests=len(unfinished))
        for task in unfinished:
            task.cancel()
        if unfinished:
            await asyncio.wait(unfinished, timeout=CANCEL_SECONDS)
        self.is_late = True
        self.messages.put_nowait({"type": "lifespan.shutdown"})


def is_request(task: asyncio.Task[object], kind: str = "") -> bool:
    """Return whether a task answers a request, of a kind of ASGI, rather than works for one."""
    work = task.get_context().get(current)
    if work is None or getattr(work, "task", None) is not task:
        return False
    return not kind or (work.scope or {}).get("type") == kind


def batch_new_threads() -> None:
    """Keep granian's threads, which start in the next moments, from preempting the event loop.

    They inherit the scheduling policy of this thread. With SCHED_BATCH, they preempt no other
    thread when they wake. Otherwise they would interrupt the event loop for each request, only to
    wait for it: that costs a tenth of the CPU.
    """
    set_policy("SCHED_BATCH")
    loop = asyncio.get_running_loop()
    loop.call_later(THREADS_SECONDS, set_policy, "SCHED_OTHER")


def set_policy(name: str) -> None:
    with suppress(AttributeError, OSError):  # this is not Linux, or a sandbox forbids it
        os.sched_setscheduler(0, getattr(os, name), os.sched_param(0))
