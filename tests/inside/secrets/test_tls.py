"""TLS to PostgreSQL, up to the check of its name, and what every command says when it does not come about."""

import asyncio
from collections.abc import Generator
from pathlib import Path

import pytest
from inside.secrets.certificates import Authority
from inside.secrets.postgres import Server
from pydantic import SecretStr, ValidationError
from service.kit.db.database import Database
from service.kit.db.errors import DatabaseError
from service.kit.db.query import Query
from service.kit.db.sessions import DatabaseOptions, connect

from tests.kit.processes import run

PASSWORD = "of-this-module"
IS_ENCRYPTED = "select ssl from pg_stat_ssl where pid = pg_backend_pid()"


@pytest.fixture(scope="module", autouse=True)
def password(server: Server) -> None:
    asyncio.run(server.execute(f"alter role app password '{PASSWORD}'"))


@pytest.fixture
def stranger(tmp_path: Path) -> Path:
    """Return the file of an authority that did not sign the server's certificate."""
    path = tmp_path / "stranger"
    path.write_text(Authority().text)
    return path


@pytest.fixture
def plain(server: Server) -> Generator[Server]:
    """A server that speaks no TLS."""
    for setting in ("alter system set ssl = off", "select pg_reload_conf()"):
        asyncio.run(server.execute(setting))
    yield server
    for setting in ("alter system reset ssl", "select pg_reload_conf()"):
        asyncio.run(server.execute(setting))


async def ask(url: str) -> bool:
    """Return whether a connection is encrypted, as migrations and checks at start open it."""
    options = DatabaseOptions(url=SecretStr(url), connect_timeout=20)
    async with connect(options, "service check") as connection:
        return await connection.fetchval(IS_ENCRYPTED)


async def refuse(url: str) -> str:
    with pytest.raises(DatabaseError) as caught:
        await ask(url)
    assert PASSWORD not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("mode", "host"),
    [("require", "127.0.0.1"), ("verify-ca", "127.0.0.1"), ("verify-full", "localhost"), ("prefer", "localhost")],
)
async def test_the_connection_is_encrypted_in_each_mode(server: Server, mode: str, host: str):
    checked = {"sslrootcert": str(server.folder / "ca")} if mode.startswith("verify") else {}
    url = server.make_url(PASSWORD, host, sslmode=mode, **checked)
    assert await ask(url)
    async with Database(DatabaseOptions(url=SecretStr(url), connect_timeout=20)) as db:
        assert await db.fetch_one(Query(IS_ENCRYPTED, bool))


async def test_verify_full_refuses_a_server_with_another_name(server: Server):
    url = server.make_url(PASSWORD, "127.0.0.1", sslmode="verify-full", sslrootcert=str(server.folder / "ca"))
    message = await refuse(url)
    assert f"The certificate of PostgreSQL at 127.0.0.1:{server.port}/app is refused" in message
    assert "IP address mismatch" in message
    assert "In DATABASE_URL, correct the host, or sslrootcert" in message


@pytest.mark.parametrize("mode", ["verify-ca", "verify-full"])
async def test_a_certificate_of_another_authority_is_refused(server: Server, stranger: Path, mode: str):
    message = await refuse(server.make_url(PASSWORD, sslmode=mode, sslrootcert=str(stranger)))
    assert "certificate" in message
    assert "sslrootcert, the file of the CA" in message


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_file_of_the_authority_that_cannot_be_read_is_a_wrong_setting(
    server: Server, tmp_path: Path, content: str | None
):
    path = tmp_path / "authority"
    if content:
        path.write_text(content)
    url = server.make_url(PASSWORD, sslmode="verify-full", sslrootcert=str(path))
    with pytest.raises(ValidationError) as caught:
        DatabaseOptions(url=SecretStr(url))
    [problem] = caught.value.errors()
    assert f"its sslrootcert '{path}' cannot be read: " in problem["msg"]


@pytest.mark.parametrize("parameters", [{}, {"sslmode": "disable"}, {"sslmode": "prefer"}])
async def test_a_file_of_the_authority_that_is_not_used_need_not_be_there(server: Server, parameters: dict[str, str]):
    url = server.make_url(PASSWORD, sslrootcert="/nowhere", **parameters)
    assert await ask(url) is (parameters != {"sslmode": "disable"})


@pytest.mark.parametrize("mode", ["require", "verify-ca", "verify-full"])
async def test_a_server_without_tls_is_refused_where_tls_is_asked_for(plain: Server, mode: str):
    parameters = {"sslmode": mode} | ({"sslrootcert": str(plain.folder / "ca")} if mode != "require" else {})
    assert "does not speak TLS" in await refuse(plain.make_url(PASSWORD, **parameters))


def test_the_file_of_the_authority_is_read_for_each_connection(server: Server, stranger: Path):
    url = server.make_url(PASSWORD, sslmode="verify-full", sslrootcert=str(stranger))
    asyncio.run(refuse(url))
    stranger.write_text((server.folder / "ca").read_text())
    assert asyncio.run(ask(url))


def test_serve_worker_and_migrate_end_with_the_reason(server: Server, stranger: Path):
    url = server.make_url(PASSWORD, sslmode="verify-full", sslrootcert=str(stranger))
    for command in ("serve", "worker", "migrate"):
        result = run(command, DATABASE_URL=url)
        assert result.returncode == 1, command
        assert "The certificate of PostgreSQL at localhost" in result.stderr
        assert "Traceback" not in result.stderr
        assert PASSWORD not in result.stderr


def test_migrations_are_applied_over_tls_that_is_verified(server: Server):
    url = server.make_url(PASSWORD, sslmode="verify-full", sslrootcert=str(server.folder / "ca"))
    result = run("migrate", DATABASE_URL=url)
    assert result.returncode == 0, result.stderr
    assert run("migrate", "--check", DATABASE_URL=url).returncode == 0
