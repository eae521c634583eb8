"""The export of what is stored of an account, and its deletion with all that belongs to it."""

import json
from collections import Counter
from collections.abc import AsyncGenerator

import httpx2
from msgspec import Struct

from service import app
from service.accounts import PersonalData
from service.accounts.data import encode_line
from service.kit.db import Database
from service.settings import Settings
from tests.accounts.test_accounts import ADA, log_in, sign_up
from tests.accounts.test_sessions import begin_session, read


class Note(Struct):
    text: str


def make_data(notes: dict[str, list[Note]]) -> PersonalData:
    """Return the personal data of a slice that holds notes, and deletes two at a time."""

    async def read_all(_: Database, account: str) -> AsyncGenerator[Note]:
        for note in notes[account]:
            yield note

    async def delete_some(_: Database, account: str) -> int:
        deleted, notes[account] = notes[account][:2], notes[account][2:]
        return len(deleted)

    return PersonalData({"note": (read_all, delete_some)})


async def delete(client: httpx2.AsyncClient, headers: dict[str, str], password: str) -> httpx2.Response:
    return await client.post("/v1/accounts/me/deletion", json={"password": password}, headers=headers)


async def test_an_export_begins_with_the_account_and_holds_no_secret(client: httpx2.AsyncClient):
    account = (await sign_up(client)).json()
    export = await client.get("/v1/accounts/me/export", headers=await begin_session(client))
    assert export.status_code == 200
    assert export.headers["content-type"] == "application/x-ndjson"
    assert json.loads(export.text.splitlines()[0]) == {"account": account}
    assert "argon2" not in export.text


async def test_what_belongs_to_an_account_is_exported_and_deleted_and_nothing_of_others(settings: Settings):
    notes = {"ada": [Note(f"note {number}") for number in range(5)], "grace": [Note("hers")]}
    data = make_data(notes)
    async with Database(settings.database) as db:
        lines = [line async for line in data.export(db, "ada")]
        await data.delete(db, "ada")
    assert lines == [encode_line("note", Note(f"note {number}")) for number in range(5)]
    assert notes == {"ada": [], "grace": [Note("hers")]}


def test_what_a_slice_says_to_be_personal_data_is_exported_and_deleted():
    offered = [part.PERSONAL_DATA for part in vars(app).values() if hasattr(part, "PERSONAL_DATA")]
    assert Counter(offered) == Counter(app.PERSONAL_DATA.kinds.values())


async def test_a_deleted_account_is_signed_out_and_cannot_log_in_and_its_address_is_free(client: httpx2.AsyncClient):
    await sign_up(client)
    headers = await begin_session(client)
    assert (await delete(client, headers, ADA["password"])).status_code in (202, 204)
    assert await read(client, headers) == 401
    assert (await log_in(client)).status_code == 401
    assert (await sign_up(client)).status_code == 201


async def test_an_account_is_deleted_by_who_knows_its_password_alone(client: httpx2.AsyncClient):
    await sign_up(client)
    headers = await begin_session(client)
    refused = await delete(client, headers, "wrong horse battery staple")
    assert refused.status_code == 422
    assert [error["field"] for error in refused.json()["errors"]] == ["password"]
    assert await read(client, headers) == 200
    assert (await delete(client, {}, ADA["password"])).status_code == 404
