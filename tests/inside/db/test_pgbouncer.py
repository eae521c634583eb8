"""Behind PgBouncer in transaction mode, where each transaction may find itself on another connection of the server."""

import asyncio
import re
from urllib.parse import urlsplit

import asyncpg
import pytest
from inside import pgbouncer
from pydantic import SecretStr
from service.kit.db.capacity import check_capacity
from service.kit.db.database import Connection, Database
from service.kit.db.errors import DatabaseError, RefusedError
from service.kit.db.query import Query
from service.kit.db.sessions import DatabaseOptions, connect

from tests.kit.processes import run

WRITE = Query("insert into entries (number) values ($1) returning number", int, tuple[int])
COUNT = Query("select count(*)::int from entries", int)
ECHOES = [Query(f"select $1::int + {number}", int, tuple[int]) for number in range(20)]


def make_options(pooler: str, direct: str) -> DatabaseOptions:
    return DatabaseOptions(url=SecretStr(pooler), direct_url=SecretStr(direct), pool_size=8)


async def test_statements_and_transactions_work_on_shared_connections(database_url: str):
    async def use(db: Database, number: int) -> None:
        async def work(connection: Connection) -> None:
            await connection.fetch_one(WRITE, number)
            assert await connection.fetch_one(ECHOES[number % 20], number) == number + number % 20

        await db.in_transaction(work)
        assert await db.fetch_one(ECHOES[number % 19], number) == number + number % 19

    direct = await asyncpg.connect(database_url)
    await direct.execute("create table entries (number int not null)")
    with pgbouncer.run(database_url) as pooler:
        async with Database(make_options(pooler, database_url)) as db:
            await asyncio.gather(*(use(db, number) for number in range(40)))
            assert await db.fetch_one(COUNT) == 40
            assert len(db.pool.connections) > pgbouncer.SERVER_CONNECTIONS
    await direct.close()


async def test_a_cancelled_statement_harms_nobody_else(database_url: str):
    sleep = Query("select 1 from pg_sleep($1)", int, tuple[float])
    with pgbouncer.run(database_url) as pooler:
        async with Database(make_options(pooler, database_url)) as db:
            steady = [asyncio.create_task(db.fetch_one(sleep, 0.5))]
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(db.fetch_one(sleep, 4), 0.2)
            assert await asyncio.gather(*steady) == [1]
            assert await asyncio.gather(*(db.fetch_one(ECHOES[0], 1) for _ in range(8))) == [1] * 8


async def test_migrations_go_past_it(empty_database_url: str):
    with pgbouncer.run(empty_database_url) as pooler:
        result = run("migrate", DATABASE_URL=pooler, DATABASE_DIRECT_URL=empty_database_url)
        assert result.returncode == 0, result.stderr
        again = run("migrate", DATABASE_URL=pooler, DATABASE_DIRECT_URL="postgresql://me@127.0.0.1:1/name")
    assert "127.0.0.1:1" in again.stderr


async def test_a_wrong_password_is_a_refusal_while_which_requests_share_what_is_open(database_url: str):
    with pgbouncer.run(database_url, password="right") as pooler:
        accepted, refused = (pooler.replace("@", f":{password}@", 1) for password in ("right", "wrong"))
        options = make_options(accepted, database_url).model_copy(update={"acquire_timeout": 5})
        async with Database(options) as db:
            assert await db.fetch_one(ECHOES[0], 1) == 1
            options.url._secret_value = refused
            assert await asyncio.gather(*(db.fetch_one(ECHOES[0], 1) for _ in range(8))) == [1] * 8
            assert len(db.pool.connections) == 1
        with pytest.raises(RefusedError, match="refuses DATABASE_URL"):
            async with connect(options, "test"):
                pass


async def test_without_the_direct_url_it_is_recognised_at_the_start(database_url: str):
    with pgbouncer.run(database_url) as pooler:
        result = run("serve", DATABASE_URL=pooler)
    assert result.returncode == 1
    assert "set DATABASE_DIRECT_URL" in result.stderr
    assert "Traceback" not in result.stderr


async def test_a_role_without_limits_is_refused_with_the_statements_that_set_them(database_url: str):
    with pgbouncer.run(database_url) as pooler:
        options = make_options(pooler, database_url)
        with pytest.raises(DatabaseError) as caught:
            await check_capacity(options, workers=1)
    statements = re.findall(r"alter role [^;]+;", str(caught.value))
    assert len(statements) == 3
    assert urlsplit(database_url).path.strip("/") in statements[0]
    direct = await asyncpg.connect(database_url)
    for statement in statements:
        await direct.execute(statement)
    await direct.close()
    with pgbouncer.run(database_url) as pooler:
        options = make_options(pooler, database_url)
        await check_capacity(options, workers=1000)  # how many it lets in is its own affair
        async with Database(options) as db:
            timeout = Query("select current_setting('statement_timeout')", str)
            assert await db.fetch_one(timeout) == "4500ms"
