# kit: updated by the template; extend it from app.py
"""The HTTP server: granian over ASGI, one event loop in each worker process.

Clients that are slow on the level of the connection are cut off here: by `make_server` if they do
not send their headers (SERVER_IDLE_TIMEOUT), by `limit_sending` if they do not read what they are
sent (SERVER_SEND_TIMEOUT). The edge cuts off the others: `edge/slow_clients.py` lists all.
"""

import multiprocessing
import signal
import socket
import threading
from collections.abc import Callable, Sequence
from functools import partial
from math import ceil
from pathlib import Path
from typing import Annotated, Any

import structlog
from granian.constants import HTTPModes, Interfaces, Loops
from granian.http import HTTP1Settings
from granian.server.mp import MPServer
from pydantic import BaseModel, Field

from service.kit.server.metrics_endpoint import MetricsOptions
from service.kit.server.process import WorkerApplication
from service.kit.server.runtime_folder import DRAINING_FILE, STARTED_FILE
from service.kit.server.signals import ignore_signals, install_signal_handlers
from service.kit.server.supervision import POLL_SECONDS, Supervision, supervise
from service.kit.server.watchdog import WatchdogOptions
from service.kit.work.command_error import CommandError
from service.kit.work.options import Seconds

log = structlog.get_logger()

MAX_HEADER_BYTES = 65_536

RESPAWN_SECONDS = 3
"""At SIGHUP, a new worker has this long to start before the one that it replaces is stopped."""


class ServerOptions(BaseModel, frozen=True, use_attribute_docstrings=True):
    """SERVER_*: where the service listens, its processes and connections, and how it stops."""

    host: str = "127.0.0.1"
    """address to listen on; 0.0.0.0 listens on all"""
    port: Annotated[int, Field(ge=1, le=65535)] = 8000
    """port to listen on"""
    workers: Annotated[int, Field(ge=1, le=256)] = 1
    """worker processes; one per core is best"""
    docs: bool = False
    """serve /openapi.json, and /docs if the dev group is installed"""
    websockets: bool = False
    """let clients open WebSockets, for routes that are one"""
    connections: Annotated[int, Field(ge=1, le=65535)] = 1024
    """open connections per worker; more wait"""
    idle_timeout: Seconds = 10
    """seconds to send headers, and between two requests"""
    send_timeout: Seconds = 60
    """seconds a client may go without reading what it is sent"""
    batch_threads: bool = True
    """server threads preempt nothing; turn off where neighbours use all cores"""
    drain_delay: Annotated[float, Field(ge=0, le=300)] = 0
    """seconds of /readyz 503 before accepting stops"""
    drain_timeout: Seconds = 12
    """seconds to finish requests before they are cancelled"""
    kill_timeout: Annotated[int, Field(ge=1, le=3600)] = 15
    """seconds to finish and close before workers are killed"""


def serve(
    create: str,
    options: ServerOptions,
    metrics: MetricsOptions | None = None,
    watchdog: WatchdogOptions | None = None,
    watched: Sequence[Path] = (),
    on_reload: Callable[[], None] = lambda: None,
) -> None:
    """Serve until SIGTERM or SIGINT. `create` names the application's factory: `module:function`.

    With `watched` folders, restart the workers whenever a file in them changes, after calling
    `on_reload`, and keep running after one that cannot be imported: that is for development.
    """
    check_port(options)
    if watched:
        options = options.model_copy(update={"drain_timeout": 1, "kill_timeout": 5})
    watchdog = watchdog or WatchdogOptions()
    metrics = metrics or MetricsOptions(port=0)
    if metrics.port == options.port:
        raise CommandError(f"METRICS_PORT and SERVER_PORT are both {options.port}; change one.")
    # A forked worker would keep the modules of this process, and not see a change. From Python 3.14
    # on, granian spawns workers by itself.
    multiprocessing.set_start_method("spawn", force=True)
    with supervise(metrics, watchdog) as supervision:
        server = make_server(create, options, watched)
        server.supervision = supervision
        server.on_startup(partial(handle_signals, server, options.drain_delay))
        server.on_reload(on_reload)
        load = partial(
            WorkerApplication, options.drain_timeout, watchdog, batch_threads=options.batch_threads
        )
        try:
            server.serve(partial(serve_in_worker, options.send_timeout), target_loader=load)
        finally:
            ignore_signals()


def check_port(options: ServerOptions) -> None:
    """Raise `CommandError` unless the port is free: granian would share it with another granian."""
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((options.host, options.port))
        except OSError as error:
            raise CommandError(
                f"Cannot listen on {options.host}:{options.port}: {error.strerror}. "
                "Choose another port, or stop what listens there."
            ) from None


class Server(MPServer):
    """granian's server, whose dead workers are replaced by `Supervision`.

    granian itself ends the service when a worker dies twice within 5.5 s.
    """

    supervision: Supervision

    def _serve_loop(
        self, spawn_target: Callable[..., None], target_loader: Callable[..., Any]
    ) -> None:
        started = self.supervision.folder / STARTED_FILE
        while not self.interrupt_signal:
            self.main_loop_interrupt.wait(POLL_SECONDS)
            self.main_loop_interrupt.clear()
            if self.interrupt_children and not started.exists():
                log.error("no worker can start: ending")
                return  # granian then exits with 1, because `interrupt_children` is not empty
            self.interrupt_children.clear()
            if self.reload_signal:
                self._reload(spawn_target, target_loader)
            processes = [worker.inner for worker in self.wrks]
            for index in self.supervision.check_workers(processes):
                worker = self._spawn_worker(index, spawn_target, target_loader)
                self.wrks[index] = worker
                worker.start()


def make_server(create: str, options: ServerOptions, watched: Sequence[Path]) -> Server:
    """Return the server, ready to start. Its own log lines have the format of ours."""
    ours = {"handlers": [], "level": "INFO", "propagate": True}
    return Server(
        create,
        address=options.host,
        port=options.port,
        workers=options.workers,
        interface=Interfaces.ASGI,
        loop=Loops.uvloop,
        # With HTTP/2 enabled, granian never cuts off a client that sends nothing at all. Leave
        # HTTP/2 to the proxy.
        http=HTTPModes.http1,
        websockets=options.websockets,
        backpressure=options.connections,
        http1_settings=HTTP1Settings(
            header_read_timeout=round(options.idle_timeout * 1000),
            max_buffer_size=MAX_HEADER_BYTES,
        ),
        respawn_interval=RESPAWN_SECONDS,
        workers_kill_timeout=options.kill_timeout,
        log_dictconfig={"loggers": {"_granian": ours, "granian.access": ours}},
        reload=bool(watched),
        reload_paths=watched or None,
        reload_ignore_worker_failure=True,
    )


def serve_in_worker(
    send_timeout: float, index: int, name: str, load: Callable[..., Any], sockets: Any, *rest: Any
) -> None:
    """Serve in a worker process."""
    # Only on Linux, where each worker makes a listener of its own.
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        listener = sockets[0][0].build()
        limit_sending(listener.get_fd(), send_timeout)
        sockets = (None, listener), None
    MPServer._spawn_asgi_lifespan_worker(index, name, load, sockets, *rest)


def limit_sending(descriptor: int, send_timeout: float) -> None:
    """Cut off clients that read nothing for `send_timeout` seconds. Connections inherit this.

    Linux would wait some 15 minutes for a client whose network is gone, and forever for one that
    does not read.
    """
    with socket.fromfd(descriptor, socket.AF_INET, socket.SOCK_STREAM) as listener:
        milliseconds = round(send_timeout * 1000)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, milliseconds)
        # On a quiet WebSocket only the probes of the system find out that a client is gone.
        interval = ceil(send_timeout / 4)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, interval)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, interval)


def handle_signals(server: Server, drain_delay: float) -> None:
    """Replace the handlers that granian installs when it starts (signals.py)."""

    def stop(received: signal.Signals) -> None:
        """Make `/readyz` answer 503, and stop the server after the delay.

        Ctrl-C comes from a person at a terminal, who does not wait.
        """
        (server.supervision.folder / DRAINING_FILE).touch()
        delay = drain_delay if received == signal.SIGTERM else 0
        timer = threading.Timer(delay, server.signal_handler_interrupt)
        timer.daemon = True
        timer.start()

    def stop_at_once() -> None:
        server.signal_handler_interrupt()
        for worker in server.wrks:
            worker.kill()

    install_signal_handlers(stop, stop_at_once)
