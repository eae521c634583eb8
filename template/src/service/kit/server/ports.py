# kit: updated by the template; extend it from app.py
"""Ports to listen on: whether one is free is found out before anything starts."""

import socket

from service.kit.edge import CommandError


class PortError(CommandError):
    """Something else listens where the service should. The message says where."""


def check(host: str, port: int) -> None:
    """Raise `PortError` unless the address is free."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            advice = "Choose another port, or stop what listens there."
            raise PortError(f"Cannot listen on {host}:{port}: {error.strerror}. {advice}") from None
