import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
from pydantic import SecretStr, ValidationError
from service.kit.db.errors import DatabaseError, UnreachableError
from service.kit.db.sessions import DatabaseOptions, connect


@asynccontextmanager
async def listen(reply: bytes | None) -> AsyncGenerator[int]:
    """Listen as something that is not PostgreSQL: answer `reply`, or never. Yield the port."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if reply is not None:
            await reader.read(1024)
            writer.write(reply)
        else:
            await reader.read()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as listener:
        yield listener.sockets[0].getsockname()[1]


async def find_fault(url: str) -> DatabaseError:
    with pytest.raises(DatabaseError) as caught:
        async with connect(DatabaseOptions(url=SecretStr(url), connect_timeout=0.5), "test"):
            pass
    assert "hidden" not in str(caught.value)
    return caught.value


async def test_nobody_listens():
    fault = await find_fault("postgresql://me:hidden@127.0.0.1:1/name")
    assert isinstance(fault, UnreachableError)
    assert str(fault).startswith("Cannot reach PostgreSQL at 127.0.0.1:1/name")


async def test_the_host_does_not_exist():
    assert isinstance(await find_fault("postgresql://me:hidden@nowhere.invalid/name"), UnreachableError)


async def test_something_listens_and_never_answers():
    async with listen(None) as port:
        fault = await find_fault(f"postgresql://me:hidden@127.0.0.1:{port}/name")
    assert isinstance(fault, UnreachableError)
    assert "no answer in time" in str(fault)


@pytest.mark.parametrize("reply", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"J\x00\x00\x00\x0a8.0.36\x00", b"-ERR\r\n"])
async def test_another_product_answers(reply: bytes):
    async with listen(reply) as port:
        fault = await find_fault(f"postgresql://me:hidden@127.0.0.1:{port}/name")
    assert not isinstance(fault, UnreachableError)
    assert "is not PostgreSQL" in str(fault)


@pytest.mark.parametrize("reply", [b"", b"E\x00\x00\x00\x08the database system is starting up\x00"])
async def test_a_server_that_stops_while_it_is_asked_may_come_back(reply: bytes):
    async with listen(reply) as port:
        fault = await find_fault(f"postgresql://me:hidden@127.0.0.1:{port}/name")
    assert isinstance(fault, UnreachableError), fault


async def test_the_database_or_the_user_does_not_exist(database_url: str):
    missing = await find_fault(database_url.replace("/service_test_", "/nothing_"))
    assert not isinstance(missing, UnreachableError)
    assert "does not exist" in str(missing)


async def test_an_old_server_is_refused(database_url: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("service.kit.db.sessions.MIN_SERVER_VERSION", 99)
    assert "PostgreSQL 99 or newer is needed" in str(await find_fault(database_url))


async def test_the_right_database_is_accepted(database_url: str):
    async with connect(DatabaseOptions(url=SecretStr(database_url)), "test") as connection:
        assert await connection.fetchval("select 1") == 1


@pytest.mark.parametrize(
    "url", ["", "mysql://me:hidden@host/name", "postgresql://me:hidden@host", "postgresql://me:hidden@host:x/name"]
)
def test_a_url_of_something_else_is_refused_without_showing_it(url: str):
    with pytest.raises(ValidationError) as caught:
        DatabaseOptions(url=SecretStr(url))
    message = caught.value.errors()[0]["msg"]
    assert "postgresql://user:password@host:5432/name" in message
    assert "hidden" not in message
    assert "hidden" not in repr(DatabaseOptions(url=SecretStr("postgresql://me:hidden@host/name")))


def test_deadlines_that_do_not_nest_are_refused():
    with pytest.raises(ValidationError, match=r"DATABASE_LOCK_TIMEOUT \(9\) < DATABASE_STATEMENT_TIMEOUT \(4.5\)"):
        DatabaseOptions(url=SecretStr("postgresql://host/name"), lock_timeout=9)
