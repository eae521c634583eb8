"""Run the soak in this service, and print its report: `python -m soak --minutes 10`."""

import argparse
import asyncio
import random
import sys
import tempfile
import time
from pathlib import Path

from soak import judgement, poison
from soak.faults import FAULTS, Fault
from soak.load import Load
from soak.report import Report
from soak.rest import look, watch_memory
from soak.site import Site, build

CALM, SHORTEST_CALM = 0.2, 30.0
"""The share of the time that is left to steady load at the end, when memory is measured; and at least the seconds."""

RECOVERY = 30.0
"""Seconds until the service has to take a write again."""

SETTLED = 1.0
"""Seconds after a fault in which a connection may still be found cut."""


def log(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


async def plant(fault: Fault, site: Site, load: Load, draw: random.Random) -> float:
    """Let a fault happen, and return the seconds from its end until a write is taken."""
    await fault.do(site, load, draw)
    began = time.monotonic()
    try:
        await asyncio.wait_for(load.create(), RECOVERY)
    except TimeoutError:
        load.complaints.append(f"{RECOVERY:.0f} s after the fault `{fault.name}`, no write was taken")
    return time.monotonic() - began


async def disturb(site: Site, load: Load, draw: random.Random, until: float, report: Report) -> list[judgement.Window]:
    """Let all faults come in random order, once and until the time is over. Return when clients could be cut off."""
    windows, waiting = [], draw.sample(FAULTS, len(FAULTS))
    while waiting:
        fault, began = waiting.pop(), time.monotonic()
        seconds = await plant(fault, site, load, draw)
        log(f"{fault.name}: took a write {seconds:.1f} s later")
        report.recoveries.setdefault(fault.name, []).append(round(seconds, 2))
        await asyncio.sleep(SETTLED)
        if fault.cuts:
            windows.append((began, time.monotonic()))
        if not waiting and time.monotonic() < until:
            waiting = draw.sample(FAULTS, len(FAULTS))
        if time.monotonic() >= until and len(report.recoveries) == len(FAULTS):
            break
    return windows


async def soak(site: Site, minutes: float, seed: int) -> Report:
    """Run load and faults, and judge."""
    draw, began, seconds = random.Random(seed), time.monotonic(), 60 * minutes
    calm = max(SHORTEST_CALM, CALM * seconds)
    [(version,)] = await site.ask("select 'PostgreSQL ' || current_setting('server_version')")
    [(fsync,)] = await site.ask("select current_setting('fsync')")
    report = Report(seed, f"{version} with fsync {fsync}")
    load = Load(site.url, draw)
    load.begin()
    await asyncio.sleep(5)
    await load.end()
    report.before = await look(site)
    load.begin()
    windows = await disturb(site, load, draw, began + seconds - calm, report)
    report.memory = await watch_memory(site, calm)
    await load.end()
    await load.client.aclose()
    report.broken = await judgement.check_jobs(site, load)
    report.jobs = await poison.count(site, load)
    report.after = await look(site)
    report.broken += [
        *load.complaints,
        *await judgement.check_writes(site, load),
        *judgement.check_cuts(load, windows),
        *judgement.check_logs(site),
        *judgement.check_rest(report.before, report.after, report.memory),
    ]
    report.answers, report.orders = dict(load.answers), len(load.orders)
    report.changes = sum(version - 1 for version in load.versions.values())
    report.minutes = (time.monotonic() - began) / 60
    return report


def main() -> int:
    """Return the exit code: 1 when a promise was broken."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    log(f"Seed {given.seed}")
    with tempfile.TemporaryDirectory(prefix="soak-") as name:
        with build(Path(name), poison.TABLES) as site:
            report = asyncio.run(soak(site, given.minutes, given.seed))
        if report.broken:
            Path("soak.log").write_text(site.read_logs())
            log("The logs of the service and its worker are in soak.log.")
    print(report.as_json() if given.json else report.as_text())
    return 1 if report.broken else 0


if __name__ == "__main__":
    sys.exit(main())
