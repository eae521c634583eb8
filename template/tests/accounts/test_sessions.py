"""Changing the password, and signing out everywhere: the tokens from before are refused, those from after are not."""

import asyncio
from typing import Any

import httpx2
import pytest

from service.kit.auth import passwords
from tests.accounts.test_accounts import ADA, log_in, sign_up

NEW = "another horse battery staple"


async def begin_session(client: httpx2.AsyncClient, **changes: object) -> dict[str, str]:
    """Return the headers of a new session."""
    session = await log_in(client, **changes)
    assert session.status_code == 201, session.text
    return {"authorization": f"Bearer {session.json()['token']}"}


async def read(client: httpx2.AsyncClient, headers: dict[str, str]) -> int:
    return (await client.get("/v1/accounts/me", headers=headers)).status_code


async def change(client: httpx2.AsyncClient, headers: dict[str, str], **changes: object) -> httpx2.Response:
    body = {"old_password": ADA["password"], "password": NEW} | changes
    return await client.put("/v1/accounts/me/password", json=body, headers=headers)


async def test_signing_out_everywhere_ends_all_sessions_and_none_that_begins_in_the_same_second(
    client: httpx2.AsyncClient,
):
    await sign_up(client)
    for _ in range(3):
        sessions = [await begin_session(client), await begin_session(client)]
        assert [await read(client, headers) for headers in sessions] == [200, 200]
        assert (await client.delete("/v1/sessions", headers=sessions[0])).status_code == 204
        assert [await read(client, headers) for headers in sessions] == [401, 401]
    assert await read(client, await begin_session(client)) == 200


async def test_nobody_else_is_signed_out(client: httpx2.AsyncClient):
    await sign_up(client)
    await sign_up(client, email="grace@example.com")
    grace = await begin_session(client, email="grace@example.com")
    await client.delete("/v1/sessions", headers=await begin_session(client))
    assert await read(client, grace) == 200


async def test_a_new_password_ends_all_sessions_and_the_answer_has_a_new_token(client: httpx2.AsyncClient):
    await sign_up(client)
    headers = await begin_session(client)
    changed = await change(client, headers)
    assert changed.status_code == 200
    assert await read(client, headers) == 401
    assert await read(client, {"authorization": f"Bearer {changed.json()['token']}"}) == 200
    assert (await log_in(client)).status_code == 401
    assert (await log_in(client, password=NEW)).status_code == 201


async def test_a_password_is_changed_by_who_knows_the_old_one_alone(client: httpx2.AsyncClient):
    await sign_up(client)
    headers = await begin_session(client)
    refused = await change(client, headers, old_password="wrong horse battery staple")
    assert refused.status_code == 422
    assert [error["field"] for error in refused.json()["errors"]] == ["old_password"]
    assert (await log_in(client)).status_code == 201


async def test_a_stolen_token_gives_no_more_guesses_than_a_login(client: httpx2.AsyncClient):
    await sign_up(client)
    headers = await begin_session(client)
    answers = [await change(client, headers, old_password="wrong horse battery staple") for _ in range(11)]
    assert [answer.status_code for answer in answers] == [422] * 10 + [429]
    assert (await log_in(client)).status_code == 429


async def test_a_login_that_checked_the_old_password_gets_no_token_of_the_new_one(
    client: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
):
    await sign_up(client)
    headers = await begin_session(client)
    checked, changed = asyncio.Event(), asyncio.Event()
    is_correct = passwords.is_correct

    async def pause(*args: Any) -> bool:
        correct = await is_correct(*args)
        checked.set()
        await changed.wait()
        return correct

    monkeypatch.setattr(passwords, "is_correct", pause)
    login = asyncio.create_task(log_in(client))
    await checked.wait()
    monkeypatch.undo()
    assert (await change(client, headers)).status_code == 200
    changed.set()
    assert (await login).status_code == 401


@pytest.mark.parametrize(("method", "path"), [("DELETE", "/v1/sessions"), ("PUT", "/v1/accounts/me/password")])
async def test_a_token_of_no_account_changes_nothing(client: httpx2.AsyncClient, method: str, path: str):
    body = {"old_password": NEW, "password": NEW}
    assert (await client.request(method, path, json=body)).status_code == 404
    assert (await client.get("/v1/orders")).status_code != 401
