"""Attempts to log in: how many an account and an address may make, and who is not limited by those of others."""

import asyncio
from contextlib import ExitStack
from pathlib import Path

import httpx2
import pytest
from inside.login_attempts import CAFE, HOME, OPTIONS, log_in
from inside.schema import ask
from service.kit.auth.login_throttle import LoginThrottle

from tests.kit.processes import serve


async def test_so_many_are_taken_and_then_none_until_the_window_ends(throttle: LoginThrottle, database_url: str):
    waits = [await log_in(throttle, HOME) for _ in range(5)]
    assert waits[:3] == [0, 0, 0]
    assert all(0 < wait <= OPTIONS.window for wait in waits[3:])
    await ask(database_url, "update kit.guesses set ends_at = now()")
    assert await log_in(throttle, HOME) == 0


async def test_many_at_once_are_no_way_around(throttle: LoginThrottle):
    waits = await asyncio.gather(*(log_in(throttle, HOME) for _ in range(30)))
    assert waits.count(0) == 3


async def test_right_passwords_are_not_counted(throttle: LoginThrottle):
    assert not any([await log_in(throttle, HOME, right=True) for _ in range(20)])


async def test_an_address_may_not_try_one_account_after_the_other(throttle: LoginThrottle):
    waits = [await log_in(throttle, CAFE, f"account {number}") for number in range(12)]
    assert [wait > 0 for wait in waits] == [False] * 9 + [True] * 3


async def test_an_account_may_not_be_tried_from_one_address_after_the_other(throttle: LoginThrottle):
    waits = [await log_in(throttle, f"203.0.113.{number}") for number in range(12)]
    assert [wait > 0 for wait in waits] == [False] * 9 + [True] * 3


async def test_one_stranger_does_not_lock_the_owner_out_anywhere(throttle: LoginThrottle):
    await asyncio.gather(*(log_in(throttle, CAFE) for _ in range(30)))
    assert await log_in(throttle, HOME) == 0


async def test_many_strangers_do_not_lock_the_owner_out_where_the_account_is_known(throttle: LoginThrottle):
    await log_in(throttle, HOME, right=True)
    for number in range(12):
        await log_in(throttle, f"203.0.113.{number}")
    assert not any([await log_in(throttle, HOME) for _ in range(3)])
    assert await log_in(throttle, HOME), "and there, its own wrong passwords still count"


async def test_neighbours_behind_one_address_do_not_lock_out_who_is_known_there(throttle: LoginThrottle):
    await log_in(throttle, CAFE, right=True)
    for number in range(12):
        await log_in(throttle, CAFE, f"account {number}")
    assert await log_in(throttle, CAFE) == 0
    assert await log_in(throttle, CAFE, "somebody else")


async def test_what_is_refused_stores_nothing_and_what_has_expired_is_deleted(
    throttle: LoginThrottle, database_url: str
):
    count = "select count(*) from kit.guesses"
    for number in range(30):
        await log_in(throttle, CAFE, f"account {number}")
    assert await ask(database_url, count) == 1 + 2 * 9
    await ask(database_url, "update kit.guesses set ends_at = now()")
    for number in range(3):
        await log_in(throttle, HOME, f"other {number}")
    assert await ask(database_url, count) == 1 + 2 * 3


async def test_a_client_without_an_address_is_counted_too(throttle: LoginThrottle):
    waits = [await log_in(throttle, "") for _ in range(5)]
    assert [wait > 0 for wait in waits] == [False] * 3 + [True] * 2


@pytest.mark.faults
async def test_two_replicas_count_together(database_url: str, tmp_path: Path):
    urls = []
    with ExitStack() as stack:
        for name in ("first", "second"):
            (folder := tmp_path / name).mkdir()
            _, url = stack.enter_context(serve(folder, DATABASE_URL=database_url, GUESSES_ALLOWED="5"))
            urls.append(f"{url}/v1/sessions")
        body = {"email": "ada@example.com", "password": "wrong horse battery staple"}
        async with httpx2.AsyncClient(timeout=30) as client:
            answers = await asyncio.gather(*(client.post(url, json=body) for url in urls * 4))
    codes = [answer.status_code for answer in answers]
    assert codes.count(429) == 3, codes
    assert set(codes) <= {401, 429, 503}, "a busy machine may have no room to check a password that was counted"
    assert all("retry-after" in answer.headers for answer in answers if answer.status_code == 429)


async def test_the_names_of_version_2_still_work_and_say_what_they_are_called_now(throttle: LoginThrottle):
    with pytest.warns(DeprecationWarning, match="begin is now count_attempt"):
        attempt = await throttle.begin({"client": (HOME, 1)}, "ada")
    with pytest.warns(DeprecationWarning, match="take_back is now forgive"):
        await attempt.take_back()
