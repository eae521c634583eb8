"""How long requests wait for one of several servers: a simulation, and the closed form that checks it."""

import heapq
import random
from collections import deque
from typing import NamedTuple


class Waits(NamedTuple):
    """Of the requests that were let in: the mean wait and the 99th percentile, in mean service times; of all, the share
    that was refused."""

    mean: float
    p99: float
    refused: float


def erlang_c(servers: int, utilisation: float) -> float:
    """Return the probability that a request waits, for Poisson arrivals and exponential service times (M/M/k).

    By the recursion of Erlang's B formula, which does not overflow.
    """
    load = servers * utilisation
    blocked = 1.0
    for number in range(1, servers + 1):
        blocked = load * blocked / (number + load * blocked)
    return blocked / (1 - utilisation * (1 - blocked))


def find_mean_wait(servers: int, utilisation: float, variation: float = 1.0) -> float:
    """Return the mean wait in mean service times: exact for `variation` 1 and for one server (Pollaczek-Khinchine).

    `variation` is the coefficient of variation of the service times; for several servers it is the usual
    approximation by Lee and Longton.
    """
    exponential = erlang_c(servers, utilisation) / (servers * (1 - utilisation))
    return exponential * (1 + variation**2) / 2


def simulate(
    servers: int, utilisation: float, *, variation: float = 1.0, room: int | None = None, requests: int = 500_000
) -> Waits:
    """Return what becomes of requests that arrive at random for so many servers, in their order (M/G/k).

    Service times are gamma-distributed with a mean of 1. A request that finds `room` others waiting is refused.
    """
    draw = random.Random(f"{servers} {utilisation} {variation} {room}")
    shape = variation**-2
    free_at = [0.0] * servers
    starts: deque[float] = deque()
    waits: list[float] = []
    now = 0.0
    for _ in range(requests):
        now += draw.expovariate(servers * utilisation)
        while starts and starts[0] <= now:
            starts.popleft()
        if room is not None and len(starts) >= room:
            continue
        start = max(now, free_at[0])
        heapq.heapreplace(free_at, start + draw.gammavariate(shape, 1 / shape))
        if start > now:
            starts.append(start)
        waits.append(start - now)
    waits.sort()
    return Waits(sum(waits) / len(waits), waits[len(waits) * 99 // 100], 1 - len(waits) / requests)
