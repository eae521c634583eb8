# kit: updated by the template; extend it from app.py
"""Whether a port is free, found out before anything starts: granian would share it with another granian."""

import socket

from service.kit.edge import CommandError


class PortError(CommandError):
    """Something else listens on the port. The message says where."""


def check_port(host: str, port: int) -> None:
    """Raise `PortError` unless the address is free."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            advice = "Choose another port, or stop what listens there."
            raise PortError(f"Cannot listen on {host}:{port}: {error.strerror}. {advice}") from None
