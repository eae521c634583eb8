"""A password that nobody had room to check does not count: a flood by others does not lock the owner out."""

import asyncio
import itertools
import threading
from pathlib import Path

import httpx2
import pytest
from inside import offloaded
from inside.login_attempts import HOME, OPTIONS
from inside.pools import Make
from inside.schema import ask
from service.kit.auth import passwords
from service.kit.auth.login_throttle import LoginThrottle
from service.kit.offload.offload import Offload, OffloadOptions, ThreadPool
from service.kit.work.problems import Problem

from tests.kit.processes import find_port, start, wait_until_live

COUNTED = "select coalesce(sum(count), 0)::int from kit.guesses"
PASSWORD, WRONG = "correct horse battery staple", "wrong horse battery staple"
HASH = passwords.hasher.hash(PASSWORD)


async def hold(pool: ThreadPool, release: threading.Event) -> asyncio.Task[bool]:
    """Let a call occupy the only slot until it is released."""
    call = asyncio.create_task(pool.run("wait", release.wait))
    await offloaded.until(lambda: pool.running == 1)
    return call


async def try_password(
    throttle: LoginThrottle, offload: Offload, password: str, stored: str, address: str = HOME
) -> bool:
    """Sign in as ada, as a handler does."""
    attempt = await throttle.count_attempt({"client": (address, 1)}, "ada")
    is_right = await passwords.is_correct(offload, password, stored)
    if is_right:
        await attempt.forgive()
    return is_right


async def sign_in(throttle: LoginThrottle, offload: Offload, password: str, stored: str) -> int | bool:
    """Return whether the password is right, or the status of the refusal."""
    try:
        return await try_password(throttle, offload, password, stored)
    except Problem as problem:
        return problem.status


@pytest.mark.parametrize("waiters", [0, 1], ids=["no room to wait", "waited in vain"])
async def test_a_password_that_was_never_checked_does_not_count(
    throttle: LoginThrottle, database_url: str, waiters: int
):
    options = OffloadOptions(hashes=1, thread_waiters=waiters, thread_wait=0.01)
    async with Offload(options) as offload:
        release = threading.Event()
        holding = await hold(offload.hashes, release)
        answers = [await sign_in(throttle, offload, PASSWORD, HASH) for _ in range(20)]
        assert answers == [503] * 20
        assert await ask(database_url, COUNTED) == 0
        release.set()
        await holding
        assert await sign_in(throttle, offload, PASSWORD, HASH) is True


async def test_a_sign_in_that_is_cancelled_while_it_waits_does_not_count(throttle: LoginThrottle, database_url: str):
    async with Offload(OffloadOptions(hashes=1, thread_wait=60)) as offload:
        release = threading.Event()
        holding = await hold(offload.hashes, release)
        waiting = asyncio.create_task(try_password(throttle, offload, PASSWORD, HASH))
        await offloaded.until(lambda: offload.hashes.waiting == 1)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await asyncio.gather(*throttle.tasks)
        assert await ask(database_url, COUNTED) == 0
        release.set()
        await holding


async def test_a_sign_in_that_is_cancelled_while_its_password_is_checked_counts(
    throttle: LoginThrottle, database_url: str
):
    async with Offload(OffloadOptions(hashes=1)) as offload:
        checking = asyncio.create_task(try_password(throttle, offload, WRONG, HASH))
        await offloaded.until(lambda: offload.hashes.running == 1)
        checking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await checking
        await asyncio.gather(*throttle.tasks)
    assert await ask(database_url, COUNTED) == 3


async def test_no_more_passwords_are_checked_than_are_allowed_however_many_are_cancelled(
    throttle: LoginThrottle,
):
    async with Offload(OffloadOptions(hashes=1, thread_waiters=1, thread_wait=60)) as offload:
        answers: list[int | bool] = []
        while 503 in answers[-100:] or not answers:
            attempts = (sign_in(throttle, offload, WRONG, HASH) for _ in range(100))
            answers += await asyncio.gather(*attempts)
    assert answers.count(False) == OPTIONS.allowed
    assert set(answers) == {False, 429, 503}


async def test_a_second_check_of_one_attempt_cancels_nothing(throttle: LoginThrottle, database_url: str):
    options = OffloadOptions(hashes=1, thread_waiters=0)
    async with Offload(options) as offload:
        await throttle.count_attempt({"client": (HOME, 1)}, "ada")
        assert not await passwords.is_correct(offload, WRONG, HASH)
        release = threading.Event()
        holding = await hold(offload.hashes, release)
        with pytest.raises(Problem, match="503 busy"):
            await passwords.is_correct(offload, WRONG, HASH)
        release.set()
        await holding
    assert await ask(database_url, COUNTED) == 3


async def test_a_right_password_does_not_count_even_if_the_database_is_too_busy_to_note_it(
    make: Make, database_url: str
):
    async with make(acquire_timeout=0.05) as db, Offload() as offload:
        throttle = LoginThrottle(db, OPTIONS)
        attempt = await throttle.count_attempt({"client": (HOME, 1)}, "ada")
        assert await passwords.is_correct(offload, PASSWORD, HASH)
        async with db.connection(), db.connection():
            with pytest.raises(Problem, match="503 busy"):
                await attempt.forgive()
        await asyncio.gather(*throttle.tasks)
        assert await ask(database_url, COUNTED) == 0


async def test_new_passwords_take_no_slot_of_those_to_check(throttle: LoginThrottle):
    options = OffloadOptions(hashes=1, new_hashes=1, thread_waiters=0)
    async with Offload(options) as offload:
        release = threading.Event()
        holding = await hold(offload.new_hashes, release)
        with pytest.raises(Problem, match="503 busy"):
            await passwords.hash_password(offload, PASSWORD)
        assert await sign_in(throttle, offload, PASSWORD, HASH) is True
        release.set()
        await holding


@pytest.mark.faults
@pytest.mark.parametrize("path", ["/v1/accounts", "/v1/sessions"])
async def test_a_flood_by_others_does_not_lock_the_owner_out(database_url: str, tmp_path: Path, path: str):
    url = f"http://127.0.0.1:{(port := find_port())}"
    settings = {
        "DATABASE_URL": database_url,
        "SERVER_PORT": str(port),
        "GUESSES_ALLOWED": "3",
        "OFFLOAD_HASHES": "1",
        "OFFLOAD_THREAD_WAITERS": "1",
        "OFFLOAD_THREAD_WAIT": "0.1",
    }
    owner = {"email": "ada@example.com", "password": PASSWORD}
    is_over = asyncio.Event()
    refused: list[int] = []

    async def flood(client: httpx2.AsyncClient, number: int) -> None:
        for turn in itertools.count():
            if is_over.is_set():
                return
            body = {"email": f"{number}.{turn}@example.com", "password": WRONG}
            where = {"x-forwarded-for": f"203.{number}.{turn // 250}.{turn % 250}"}
            answer = await client.post(f"{url}{path}", json=body, headers=where)
            refused.extend([503] if answer.status_code == 503 else [])

    with start("serve", cwd=tmp_path, **settings) as process:
        wait_until_live(process, url)
        async with httpx2.AsyncClient(timeout=60) as client:
            assert (await client.post(f"{url}/v1/accounts", json=owner)).status_code == 201
            async with asyncio.TaskGroup() as group:
                for number in range(20):
                    group.create_task(flood(client, number))
                await offloaded.until(lambda: len(refused) >= 50)
                answers = [await client.post(f"{url}/v1/sessions", json=owner) for _ in range(30)]
                is_over.set()
            answers.append(await client.post(f"{url}/v1/sessions", json=owner))
    codes = [answer.status_code for answer in answers]
    assert set(codes) <= {201, 503}, codes
    assert codes[-1] == 201
