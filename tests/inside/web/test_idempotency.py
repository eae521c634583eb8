import asyncio
from datetime import timedelta

import asyncpg
import httpx2
import pytest
from inside import notes
from inside.keyed import KEY, client, count, post, raw, tell, wait_for_lock
from service.kit.db import errors
from service.kit.db.database import Connection, Database
from service.kit.web import idempotency
from service.kit.web.binder import Reply, created
from service.kit.web.idempotency import IdempotencyKey, IdempotencyOptions, once
from service.settings import Settings

from tests.kit.fixtures import open_client

__all__ = ["client", "raw"]  # fixtures


async def test_the_same_request_again_gets_the_first_reply_and_has_no_effect(
    client: httpx2.AsyncClient, raw: asyncpg.Connection
):
    first, again = await post(client), await post(client)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    for name in ("location", "content-type"):
        assert again.headers[name] == first.headers[name]
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert await count(raw) == 1


async def test_without_a_key_nothing_is_stored_or_compared(client: httpx2.AsyncClient, raw: asyncpg.Connection):
    statuses = [(await client.post("/notes/1", json={"text": text})).status_code for text in "aba"]
    assert statuses == [201, 201, 409]
    assert await count(raw, "kit.idempotency_keys") == 0


@pytest.mark.parametrize("other", [{"text": "b"}, {"path": "/notes/2"}])
async def test_a_key_is_refused_for_another_request(
    client: httpx2.AsyncClient, raw: asyncpg.Connection, other: dict[str, str]
):
    await post(client)
    again = await post(client, **other)
    assert tell(again) == (422, "urn:problem:key-reused")
    assert [error["field"] for error in again.json()["errors"]] == ["Idempotency-Key"]
    assert await count(raw) == 1


async def test_a_body_may_have_names_that_are_numbers(client: httpx2.AsyncClient):
    for pages in ({"1": "a", "2": "b"}, {"2": "b", "1": "a"}):
        note = {"text": "a", "pages": pages}
        response = await client.post("/notes/1", json=note, headers=KEY)
        assert response.status_code == 201
    assert response.headers["idempotency-replayed"] == "true"


async def test_a_body_counts_as_what_it_means(client: httpx2.AsyncClient):
    headers = KEY | {"content-type": "application/json"}
    for body in (b'{"text":"\xc3\xa4","tags":{"x":1,"y":2}}', b'{ "tags": {"y":2, "x":1}, "text": "\\u00e4" }'):
        response = await client.post("/notes/1", content=body, headers=headers)
        assert response.status_code == 201
    assert response.headers["idempotency-replayed"] == "true"


async def test_a_key_counts_within_its_route(client: httpx2.AsyncClient, raw: asyncpg.Connection):
    assert (await post(client)).status_code == 201
    other = await post(client, "b", "/notes/strict")
    assert (other.status_code, "idempotency-replayed" in other.headers) == (200, False)
    assert (await post(client, "b", "/notes/strict")).status_code == 200, "a stored reply has the status of its route"
    assert await count(raw) == 2


async def test_a_key_counts_within_its_caller():
    keys = [
        IdempotencyKey("k", caller, "POST /notes/{folder}", "/notes/1?", timedelta(hours=1))
        for caller in ("ada", "grace")
    ]
    (ada, asked), (grace, asked_again) = (key.identify({}) for key in keys)
    assert (ada != grace, asked) == (True, asked_again)


async def test_what_failed_is_not_stored_and_can_be_sent_again(client: httpx2.AsyncClient, raw: asyncpg.Connection):
    await client.post("/notes/1", json={"text": "a"})
    assert tell(await post(client)) == (409, "urn:problem:conflict")
    await raw.execute("delete from notes")
    again = await post(client)
    assert (again.status_code, "idempotency-replayed" in again.headers) == (201, False)


async def test_a_request_in_flight_is_answered_with_409_at_once(client: httpx2.AsyncClient, raw: asyncpg.Connection):
    async with raw.transaction():
        await raw.execute("lock table notes")
        first = asyncio.create_task(post(client))
        await wait_for_lock(raw)
        second = await post(client)
        assert not first.done()
    assert tell(second) == (409, "urn:problem:in-flight")
    assert second.headers["retry-after"] == "1"
    assert (await first).status_code == 201
    assert (await post(client)).content == (await first).content


async def test_what_is_stored_is_sent_to_any_number_at_once(client: httpx2.AsyncClient):
    await post(client)
    replies = await asyncio.gather(*(post(client) for _ in range(30)))
    assert {(reply.status_code, reply.headers.get("idempotency-replayed")) for reply in replies} == {(201, "true")}


async def test_a_reply_is_kept_as_long_as_the_setting_says(settings: Settings, raw: asyncpg.Connection):
    short = settings.model_copy(update={"idempotency": IdempotencyOptions(keep_hours=1)})
    async with open_client(notes.build(short)) as client:
        await post(client)
        kept = await raw.fetchval("select expires_at - now() from kit.idempotency_keys")
        assert timedelta(minutes=59) < kept <= timedelta(hours=1)
        await raw.execute("update kit.idempotency_keys set expires_at = now()")
        again = await post(client, "b")
    assert (again.status_code, again.json()["text"]) == (201, "b")
    assert await count(raw, "kit.idempotency_keys") == 1


async def test_each_new_key_deletes_some_expired_ones(client: httpx2.AsyncClient, raw: asyncpg.Connection):
    expired = "select sha256(i::text::bytea), '', 201, '{}', '', now() - interval '1 s' from generate_series(1, 25) i"
    await raw.execute(f"insert into kit.idempotency_keys {expired}")
    left = []
    for text in "abcd":
        await post(client, text, **{"Idempotency-Key": text})
        left.append(await count(raw, "kit.idempotency_keys"))
    assert left == [16, 7, 3, 4]


async def test_no_statement_reads_the_whole_table(raw: asyncpg.Connection):
    fresh = (
        "select sha256(i::text::bytea), '', 201, '{}', '', now() + i * interval '1 s' from generate_series(1, 20000) i"
    )
    await raw.execute(f"insert into kit.idempotency_keys {fresh}")
    await raw.execute("analyze kit.idempotency_keys")
    await raw.execute("set plan_cache_mode = force_generic_plan")
    digest, scans = "sha256('new')", "select seq_scan from pg_stat_xact_user_tables where relname = 'idempotency_keys'"
    async with raw.transaction():
        assert await raw.fetchval(f"select kit.claim_key({digest})")
        await raw.execute(f"select kit.store_reply({digest}, '', 201::smallint, '{{}}', '', interval '1 h')")
        await raw.fetch(idempotency.read_reply.sql, bytes(32))
        assert await raw.fetchval(scans) == 0
    assert await count(raw, "kit.idempotency_keys") == 20_001


async def test_a_reply_that_appears_during_the_work_undoes_it(settings: Settings, raw: asyncpg.Connection):
    key = IdempotencyKey("k", "ada", "POST /notes", "/notes?", timedelta(hours=1))
    digest, _ = key.identify("a")

    async def work(connection: Connection) -> Reply[notes.Note]:
        note = await connection.fetch_one(notes.insert_note, "a", 1)
        await raw.execute(f"select kit.store_reply('\\x{digest.hex()}', '', 201::smallint, '{{}}', '', interval '1 h')")
        return created(note, f"/notes/{note.id}")

    async with Database(settings.database) as db:
        with pytest.raises(asyncpg.UniqueViolationError) as caught:
            await once(db, key, "a", work)
    problem = errors.to_problem(caught.value, idempotency.CONSTRAINTS)
    assert problem
    assert (problem.status, problem.kind) == (409, "in-flight")
    assert await count(raw) == 0
