# kit: updated by the template; extend it from app.py
"""The HTTP server: granian over ASGI, one event loop for each worker process."""

import multiprocessing
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Self

import structlog
from granian import Granian
from granian.constants import HTTPModes, Interfaces, Loops
from granian.http import HTTP1Settings
from granian.server.common import AbstractServer
from pydantic import BaseModel, Field, model_validator

from service.kit.edge import Seconds
from service.kit.server import exposition, ports, process, shared, signals
from service.kit.server.logs import LogOptions, MetricsOptions
from service.kit.server.ports import PortError
from service.kit.server.watchdog import WatchdogOptions

log = structlog.get_logger()


class ServerOptions(BaseModel, frozen=True):
    """SERVER_*: where the service listens, with how many processes, what a connection may hold, and how it stops."""

    host: Annotated[str, Field(description="the address to listen on; 0.0.0.0 is all of them")] = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535, description="the port to listen on")] = 8000
    workers: Annotated[int, Field(ge=1, le=256, description="processes; one for each core it may use")] = 1
    docs: Annotated[bool, Field(description="serve /openapi.json, and /docs if the development group is there")] = False
    connections: Annotated[int, Field(ge=1, le=65535, description="open connections of one worker; more wait")] = 1024
    idle_timeout: Annotated[Seconds, Field(description="seconds for a request's headers, and between two requests")] = (
        10
    )
    drain_delay: Annotated[float, Field(ge=0, le=300, description="seconds of /readyz 503 before accepting ends")] = 0
    drain_timeout: Annotated[Seconds, Field(description="seconds to finish requests, then they are cut")] = 12
    kill_timeout: Annotated[
        int, Field(ge=1, le=3600, description="seconds to finish and close, then workers are killed")
    ] = 15

    @model_validator(mode="after")
    def nest_deadlines(self) -> Self:
        """Leave time to close between the end of the requests and that of the process."""
        if self.drain_timeout >= self.kill_timeout:
            ends = f"SERVER_DRAIN_TIMEOUT ({self.drain_timeout:g}) < SERVER_KILL_TIMEOUT ({self.kill_timeout:g})"
            raise ValueError(f"each deadline must be shorter than the next: {ends}")
        return self


def check_port(options: ServerOptions) -> None:
    """Raise `PortError` unless the address is free. granian itself would share the port with another granian."""
    ports.check(options.host, options.port)


def serve(
    create: str,
    options: ServerOptions,
    watched: Sequence[Path] = (),
    on_reload: Callable[[], None] = lambda: None,
    logs: LogOptions | None = None,
    metrics: MetricsOptions | None = None,
    watch: WatchdogOptions | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM. `create` names the factory of the application, as `module:function`.

    With `watched` folders, start anew whenever a file in them changes, after calling `on_reload`, and outlive a change
    that does not even import: that is for development.
    """
    check_port(options)
    # A forked worker would keep the modules of this process, and not take up a change. From 3.14 on, granian spawns.
    multiprocessing.set_start_method("spawn", force=True)
    with ExitStack() as stack:
        folder = stack.enter_context(shared.provide())
        draining = folder / "draining"
        if metrics and metrics.port:
            offer_metrics(stack, metrics, folder / "metrics", create.partition(".")[0])
        if watched:  # nothing would replace a worker that the watchdog ends
            watch = (watch or WatchdogOptions()).model_copy(update={"stuck": 0})
        drain_timeout, kill_timeout = (1, 5) if watched else (options.drain_timeout, options.kill_timeout)
        server = make(create, options, kill_timeout, logs, watched)
        server.on_startup(partial(signals.heed, server, draining, options.drain_delay))
        server.on_reload(on_reload)
        try:
            server.serve(target_loader=partial(process.load, logs, draining, drain_timeout, watch=watch))
        finally:
            signals.ignore()


def make(
    create: str, options: ServerOptions, kill_timeout: int, logs: LogOptions | None, watched: Sequence[Path]
) -> AbstractServer:
    """Return the server, set up and not started."""
    return Granian(
        create,
        address=options.host,
        port=options.port,
        workers=options.workers,
        interface=Interfaces.ASGI,
        loop=Loops.uvloop,
        # Where HTTP/2 is possible, a client that says nothing at all is never cut off. Leave it to the proxy.
        http=HTTPModes.http1,
        websockets=False,
        backpressure=options.connections,
        http1_settings=HTTP1Settings(header_read_timeout=round(options.idle_timeout * 1000), max_buffer_size=65_536),
        respawn_failed_workers=not watched,
        respawn_interval=3,  # a worker is told to stop when the one that takes its place has had time to start
        workers_kill_timeout=kill_timeout,
        log_dictconfig=hand_over_logs() if logs and logs.format == "json" else None,
        reload=bool(watched),
        reload_paths=watched or None,
        reload_ignore_worker_failure=True,
    )


def hand_over_logs() -> dict[str, Any]:
    """Return a configuration by which the server's lines take the form of ours."""
    ours = {"handlers": [], "level": "INFO", "propagate": True}
    return {"loggers": {"_granian": ours, "granian.access": ours}}


def offer_metrics(stack: ExitStack, options: MetricsOptions, folder: Path, package: str) -> None:
    """Serve the metrics. Somebody else on a port that nobody chose is no reason not to serve at all."""
    try:
        ports.check(options.host, options.port)
    except PortError as error:
        if "port" in options.model_fields_set:
            raise PortError(f"{error} METRICS_PORT=0 serves no metrics.") from None
        log.warning("no metrics", error=f"{error} Set METRICS_PORT; 0 serves none, without this warning.")
        return
    stack.enter_context(exposition.serve(options.host, options.port, folder, package))
