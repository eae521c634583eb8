# kit: updated by the template; extend it from app.py
"""The console of a worker: a thread that reports what the worker does, over a Unix socket.

It answers even while the event loop is blocked. A request is one line: `tasks`, `sample`, `cpu`,
`blocked`, `memory start`, `memory mark` or `memory stop`; the answer is JSON. Only the user of the
service may connect. `service perf` is the client.
"""

import asyncio
import socket
import threading
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import msgspec
import structlog

from service.kit.server.cpu_profile import CpuProfile
from service.kit.server.memory_profile import MemoryProfile
from service.kit.server.task_profile import TaskProfile

log = structlog.get_logger()

SCAN_SECONDS = 0.1
"""Seconds between two looks at the tasks, and so the precision of their ages."""

CLIENT_TIMEOUT = 5.0
"""Seconds that a client may take to ask, and to read."""


class Console:
    """Answers while its block runs. When idle, it costs ten looks at the tasks each second."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        path: Path,
        blocked: Collection[object],
        excuse: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self.path = path
        self.is_over = threading.Event()
        self.tasks = TaskProfile(loop)
        memory = MemoryProfile(path.with_name(f"allocations-{path.name}"), excuse)
        self.answers: dict[str, Callable[[], object]] = {
            "tasks": self.tasks.list_tasks,
            "sample": self.tasks.sample,
            "cpu": CpuProfile().sample,
            "blocked": lambda: [*blocked],
            "memory start": memory.start,
            "memory mark": memory.mark,
            "memory stop": memory.stop,
        }

    def __enter__(self) -> None:
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(self.path))  # in a folder that is closed to other users already
        self.path.chmod(0o600)
        self.listener.listen()
        self.listener.settimeout(SCAN_SECONDS)
        threading.Thread(target=self.serve, name="console", daemon=True).start()

    def __exit__(self, *_: object) -> None:
        self.is_over.set()

    def serve(self) -> None:
        with self.listener:
            while not self.is_over.is_set():
                try:
                    client, _ = self.listener.accept()
                except TimeoutError:
                    self.tasks.scan()
                    continue
                try:
                    with client:
                        client.settimeout(CLIENT_TIMEOUT)
                        self.answer(client)
                except OSError as error:
                    log.warning("console: a client went away", error=str(error))
        self.path.unlink(missing_ok=True)

    def answer(self, client: socket.socket) -> None:
        question = client.makefile("rb").readline(100).decode(errors="replace").strip()
        self.tasks.scan()
        find_answer = self.answers.get(question)
        answer: object = {"error": f"ask one of {[*self.answers]}"}
        if find_answer:
            try:
                answer = find_answer()
            except RuntimeError as error:  # tasks kept coming while they were listed
                answer = {"error": f"{error}: ask again"}
        client.sendall(msgspec.json.encode(answer))
