# kit: updated by the template; extend it from app.py
"""Run a service for a debugger: in one process on the terminal, without limits of time."""

import asyncio
import os
import pdb
import sys
from dataclasses import replace
from importlib import import_module
from pkgutil import resolve_name
from uuid import UUID

from granian.constants import HTTPModes, Interfaces
from granian.log import LogLevels
from granian.server.embed import Server

from service.kit.commands.definition import ServiceDefinition
from service.kit.server.http_server import check_port
from service.kit.server.settings import KitSettings

PATIENT_SETTINGS = {
    "DATABASE_STATEMENT_TIMEOUT": "3000",
    "DATABASE_COMMAND_TIMEOUT": "3100",
    "EDGE_REQUEST_TIMEOUT": "3200",
    "SERVER_DRAIN_TIMEOUT": "3300",
    "SERVER_KILL_TIMEOUT": "3400",
    "CACHE_TIMEOUT": "3200",
    "JOBS_TIMEOUT": "3600",
    "JOBS_HEARTBEAT": "3600",
    "WATCHDOG_LAG": "3600",
}
"""Variables that leave an hour at a prompt: nothing is cut off, and nothing is called blocked."""

IDENTITY = UUID(int=0)
"""Under which jobs run here. The next session takes back what the last one left unfinished."""


def serve_for_debugger(definition: ServiceDefinition, settings: KitSettings) -> None:
    """Run the server and the jobs in this process until Ctrl-C."""
    check_port(settings.server)
    os.environ.setdefault("PYTHONBREAKPOINT", f"{__name__}.{stop_here.__name__}")
    asyncio.run(run_in_this_process(definition, settings))


def stop_here() -> None:
    """Open pdb at the caller, as `breakpoint()` does, but leave Ctrl-C to the service."""
    pdb.Pdb(nosigint=True).set_trace(sys._getframe(1))


async def run_in_this_process(definition: ServiceDefinition, settings: KitSettings) -> None:
    async with asyncio.TaskGroup() as group:
        if definition.worker:
            group.create_task(run_jobs(definition.worker))
        await serve_requests(definition.create, settings)


async def serve_requests(create: str, settings: KitSettings) -> None:
    server = Server(
        resolve_name(create)(),
        address=settings.server.host,
        port=settings.server.port,
        interface=Interfaces.ASGI,
        http=HTTPModes.http1,
        websockets=False,
        log_level=LogLevels.error,
    )
    try:
        await server.serve()
    finally:
        await server.shutdown()


async def run_jobs(create: str) -> None:
    """Run jobs, with no timeout of their own."""
    consumer = import_module("service.kit.jobs.consumer")
    worker = resolve_name(create)()
    for name, job in worker.jobs.items():
        worker.jobs[name] = replace(job, timeout=None)
    await consumer.Consumer(worker).run(IDENTITY, died=False)
