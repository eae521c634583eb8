# kit: updated by the template; extend it from app.py
"""The console of a worker: a thread that reports what the worker does, over a Unix socket.

It answers even while the event loop is blocked. A request is one line: `tasks`, `sample`, `cpu`,
`blocked`, `memory start`, `memory mark` or `memory stop`; the answer is JSON. Only the user of the
service may connect. `service perf` is the client.
"""

import asyncio
import os
import socket
import threading
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Self

import msgspec
import structlog

from service.kit.server.cpu_profile import CpuProfile
from service.kit.server.memory_profile import MemoryProfile
from service.kit.server.runtime_folder import RECORDING_FILE
from service.kit.server.task_profile import TaskProfile
from service.kit.work.command_error import CommandError

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
        self.cpu = CpuProfile()
        recording = path.with_name(RECORDING_FILE.format(pid=os.getpid()))
        self.memory = MemoryProfile(recording, excuse)
        self.answers: dict[str, Callable[[], object]] = {
            "tasks": self.tasks.list_tasks,
            "sample": self.tasks.sample,
            "cpu": self.cpu.sample,
            "blocked": lambda: [*blocked],
            "memory start": self.memory.start,
            "memory mark": self.memory.mark,
            "memory stop": self.memory.stop,
        }

    def __enter__(self) -> Self:
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(self.path))  # in a folder that is closed to other users already
        self.path.chmod(0o600)
        self.listener.listen()
        self.listener.settimeout(SCAN_SECONDS)
        threading.Thread(target=self.serve, name="console", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.is_over.set()
        self.cpu.close()

    def serve(self) -> None:
        with self.listener:
            while not self.is_over.is_set():
                try:
                    client, _ = self.listener.accept()
                except TimeoutError:
                    self.tasks.scan()
                    self.memory.stop_if_abandoned()
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
            except CommandError as error:
                answer = {"error": str(error)}
            except RuntimeError as error:  # tasks kept coming while they were listed
                answer = {"error": f"{error}: ask again"}
            except Exception as error:  # the console goes on
                log.exception("console: no answer", question=question)
                answer = {"error": f"{type(error).__name__}: {error}; the log says more"}
        client.sendall(msgspec.json.encode(answer))
