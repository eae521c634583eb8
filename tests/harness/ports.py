"""Free TCP ports for what a test starts."""

import random
import socket
from itertools import islice

PORTS = range(20000, 32000)
"""Below 32768, where Linux takes the ports of outgoing connections from: one of those may hold any port for a while."""


def find_ports(number: int) -> list[int]:
    """Return ports that nothing listened on a moment ago, neither on 127.0.0.1 nor on all addresses."""
    shuffled = random.sample(PORTS, len(PORTS))
    return list(islice(filter(is_free, shuffled), number))


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("0.0.0.0", port))
        except OSError:
            return False
        return True
