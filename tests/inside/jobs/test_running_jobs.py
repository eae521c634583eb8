"""Jobs begin side by side, but for a suspect, which begins when nothing else is begun or unrecorded."""

import asyncio

from service.kit.jobs.running import RunningJobs


async def begin(running: RunningJobs, log: list[str], job_id: int, name: str, *, alone: bool = False) -> None:
    await running.enter(job_id, alone=alone)
    log.append(f"{name} began")


async def settle() -> None:
    """Let whoever can go on do so."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_a_suspect_begins_when_all_others_are_recorded_and_nothing_begins_before_it_is():
    running, log = RunningJobs(), []
    async with asyncio.TaskGroup() as group:
        group.create_task(begin(running, log, 1, "first"))
        group.create_task(begin(running, log, 2, "second"))
        group.create_task(begin(running, log, 3, "suspect", alone=True))
        group.create_task(begin(running, log, 4, "last"))
        await settle()
        log.append("both are done")
        running.mark_recorded([1])
        await settle()
        log.append("first is recorded")
        running.mark_recorded([2])
        await settle()
        log.append("second is recorded")
        await settle()
        running.mark_recorded([3])
    assert log == [
        *("first began", "second began", "both are done", "first is recorded"),
        *("suspect began", "second is recorded", "last began"),
    ]


async def test_who_is_cancelled_while_it_waits_keeps_no_other_waiting():
    running, log = RunningJobs(), []
    await begin(running, log, 1, "first")
    suspect = asyncio.create_task(begin(running, log, 2, "suspect", alone=True))
    last = asyncio.create_task(begin(running, log, 3, "last"))
    await settle()
    assert log == ["first began"]
    suspect.cancel()
    await last
    assert log == ["first began", "last began"]
