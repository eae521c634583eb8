# kit: updated by the template; extend it from app.py
"""The HTTP server: granian over ASGI, one event loop for each worker process."""

import multiprocessing
import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

from granian import Granian
from granian.constants import Interfaces, Loops
from granian.http import HTTP1Settings
from pydantic import BaseModel, Field


class ServerOptions(BaseModel, frozen=True):
    """SERVER_*: where the service listens, and with how many processes."""

    host: Annotated[str, Field(description="the address to listen on; 0.0.0.0 is all of them")] = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535, description="the port to listen on")] = 8000
    workers: Annotated[int, Field(ge=1, le=256, description="processes; one for each core it may use")] = 1
    docs: Annotated[bool, Field(description="serve /openapi.json, and /docs if the development group is there")] = False


class PortError(Exception):
    """Something else listens where the service should. The message says where."""


def check_port(options: ServerOptions) -> None:
    """Raise `PortError` unless the address is free. granian itself would share the port with another granian."""
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((options.host, options.port))
        except OSError as error:
            advice = "Choose another port, or stop what listens there."
            raise PortError(f"Cannot listen on {options.host}:{options.port}: {error.strerror}. {advice}") from None


def serve(
    create: str,
    options: ServerOptions,
    watched: Sequence[Path] = (),
    on_reload: Callable[[], None] = lambda: None,
) -> None:
    """Serve until SIGINT or SIGTERM. `create` names the factory of the application, as `module:function`.

    With `watched` folders, start anew whenever a file in them changes, after calling `on_reload`, and outlive a change
    that does not even import: that is for development.
    """
    check_port(options)
    # A forked worker would keep the modules of this process, and not take up a change. From 3.14 on, granian spawns.
    multiprocessing.set_start_method("spawn", force=True)
    granian = Granian(
        create,
        factory=True,
        address=options.host,
        port=options.port,
        workers=options.workers,
        interface=Interfaces.ASGI,
        loop=Loops.uvloop,
        websockets=False,
        http1_settings=HTTP1Settings(header_read_timeout=10_000, max_buffer_size=65_536),
        respawn_failed_workers=not watched,
        respawn_interval=0.1,
        workers_kill_timeout=5,
        reload=bool(watched),
        reload_paths=watched or None,
        reload_ignore_worker_failure=True,
    )
    granian.on_reload(on_reload)
    granian.serve()
