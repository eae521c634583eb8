"""Keys that grow with time, whether PostgreSQL makes them or the kit's function for the versions that cannot."""

import time
from uuid import UUID

import asyncpg
import pytest_asyncio
from service.kit.migrate.files import KIT

SOURCE = (KIT / "0003_uuidv7.sql").read_text()
MANY = "select array_agg(uuidv7() order by number) from generate_series(1, 1000) as numbers (number)"


@pytest_asyncio.fixture
async def connection(database_url: str):
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


async def define(connection: asyncpg.Connection) -> None:
    """Make the kit's function, and call it in place of PostgreSQL's own where there is one."""
    await connection.execute("set search_path = public, pg_catalog")
    if not await connection.fetchval("select to_regprocedure('public.uuidv7()')"):
        await connection.execute(SOURCE.replace("to_regprocedure('uuidv7()')", "to_regprocedure('public.uuidv7()')"))


async def test_a_key_is_of_version_7_and_tells_when_it_was_made(connection: asyncpg.Connection):
    await define(connection)
    before = time.time_ns() // 1_000_000
    [key] = await connection.fetchval("select array[public.uuidv7()]")
    assert UUID(str(key)).version == 7
    assert UUID(str(key)).variant == "specified in RFC 4122"
    assert before - 1 <= UUID(str(key)).int >> 80 <= time.time_ns() // 1_000_000 + 1


async def test_later_keys_are_greater_and_none_comes_twice(connection: asyncpg.Connection):
    await define(connection)
    keys = await connection.fetchval(MANY.replace("uuidv7", "public.uuidv7"))
    assert len(set(keys)) == 1000
    micros = [key.int >> 64 for key in keys]  # what is left is random
    assert micros == sorted(micros)


async def test_a_server_that_has_the_function_keeps_its_own(connection: asyncpg.Connection):
    own, made = await connection.fetchrow(
        "select to_regprocedure('pg_catalog.uuidv7()') is not null, to_regprocedure('public.uuidv7()') is not null"
    )
    assert own != made
    assert connection.get_server_version().major < 18 or own
