"""Free TCP ports for what a test starts."""

import random
import socket
from itertools import islice

PORTS = iter(random.sample(range(20_000, 32_000), 12_000))
"""Each once, shuffled. Linux takes the ports of outgoing connections from 32,768 on, which may hold any of those."""


def find_ports(number: int) -> list[int]:
    """Return ports that nothing listened on a moment ago, neither on 127.0.0.1 nor on all addresses."""
    return list(islice(filter(is_free, PORTS), number))


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("0.0.0.0", port))
        except OSError:
            return False
        return True
