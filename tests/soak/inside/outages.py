"""What happens to PostgreSQL, to the line to it, and to the processes of the service."""

import asyncio
import random
import signal
from contextlib import suppress

import httpx2
import psutil
from inside import blocked
from inside.edge.test_hostile_clients import vanish
from soak.load import Load
from soak.site import Site

AWAY = 3.0
"""Seconds for which PostgreSQL, or the line to it, is away: longer than whoever waits for a connection."""


async def postgresql_restarts_fast(site: Site, *_: object) -> None:
    await asyncio.to_thread(site.server.restart, "fast")


async def postgresql_restarts_immediately(site: Site, *_: object) -> None:
    await asyncio.to_thread(site.server.restart, "immediate")


async def postgresql_is_killed(site: Site, *_: object) -> None:
    processes = site.server.list_processes()
    site.server.send(signal.SIGKILL)
    await asyncio.to_thread(psutil.wait_procs, processes, 10)
    await asyncio.to_thread(site.server.restart, "immediate")


async def postgresql_freezes(site: Site, *_: object) -> None:
    site.server.send(signal.SIGSTOP)
    await asyncio.sleep(AWAY)
    site.server.send(signal.SIGCONT)


async def postgresql_is_black_holed(site: Site, *_: object) -> None:
    site.line.send_signal(signal.SIGUSR1)
    await asyncio.sleep(AWAY)
    site.line.send_signal(signal.SIGUSR2)


async def the_service_is_told_to_stop_among_hostile_clients(site: Site, load: Load, _: object) -> None:
    hostile = asyncio.create_task(vanish_until_nobody_listens(site.port))
    code = await asyncio.to_thread(site.end, "service")
    await hostile
    if code != 0:
        load.complaints.append(f"told to stop, the service ended with {code}")
    await asyncio.to_thread(site.begin, "service")


async def vanish_until_nobody_listens(port: int) -> None:
    with suppress(OSError):
        while True:
            await vanish(port, 30)


async def a_worker_is_killed(site: Site, _: Load, draw: random.Random) -> None:
    draw.choice(await site.find_workers()).process.kill()


async def an_event_loop_is_blocked(site: Site, load: Load, _: object) -> None:
    with suppress(httpx2.TransportError):
        await load.client.get(blocked.PATH)
        load.complaints.append("a worker whose event loop was blocked was not replaced")


async def jobs_are_killed(site: Site, _: Load, draw: random.Random) -> None:
    """Kill the process that runs the jobs; half the time, its supervisor as well, as when a machine is lost."""
    (runner,) = await site.find_workers("worker")
    if draw.random() < 0.5:
        await asyncio.to_thread(site.end, "worker", signal.SIGKILL)
        with suppress(psutil.NoSuchProcess):
            runner.process.kill()
        await asyncio.to_thread(site.begin, "worker")
        await site.find_workers("worker")  # without PostgreSQL at its start, it may end again
    else:
        with suppress(psutil.NoSuchProcess):  # a harmful job has just ended it
            runner.process.kill()
