"""Revoked tokens: which are refused, how soon, and with how much memory."""

import asyncio
import time
from collections.abc import AsyncGenerator
from datetime import UTC, datetime

import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from inside import pools
from inside.issuer import ask, issue, make_options
from inside.jobs import queue
from inside.pools import Make
from inside.schema import ask as ask_database
from prometheus_client import REGISTRY
from pydantic import SecretStr
from service.kit.auth import keys
from service.kit.auth.bearer import Auth
from service.kit.auth.keys import IssuerOptions
from service.kit.auth.revocations import RevocationOptions, Revocations
from service.kit.db.database import Database
from service.kit.db.query import Query
from service.kit.db.sessions import DatabaseOptions
from service.kit.work.problems import Problem

from tests.kit.processes import run

KEY = Ed25519PrivateKey.generate()
NOW = Query("select clock_timestamp()", datetime)
OLDER_HAVE_ENDED = Query("select max(changed_by) < pg_snapshot_xmin(pg_current_snapshot()) from kit.revocations", bool)
SLOW = RevocationOptions(interval=3600)
"""Revocations are read when a test says so."""


@pytest_asyncio.fixture
async def revocations(db: Database) -> AsyncGenerator[Revocations]:
    async with Revocations(db, SLOW) as revocations:
        yield revocations


async def revoke(revocations: Revocations, *subjects: str) -> None:
    for subject in subjects:
        async with revocations.db.transaction() as connection:
            await revocations.revoke(connection, subject)


async def wait_for_older_transactions(db: Database) -> None:
    """Wait until all have ended that began before the last revocation, in other databases as well."""
    await queue.wait_until(lambda: db.fetch_one(OLDER_HAVE_ENDED))


async def is_accepted(revocations: Revocations, subject: str = "ada", issued_at: object = None) -> bool:
    """Return whether a token is accepted that was issued at a time, by default now."""
    if issued_at is None:
        issued_at = (await revocations.db.fetch_one(NOW)).timestamp()
    token = issue(KEY, sub=subject, iat=issued_at)
    try:
        return await ask(Auth(make_options(KEY), revocations), f"Bearer {token}") == subject
    except Problem as problem:
        if problem.status == 401 and "its bearer was signed out" in problem.detail:
            return False
        raise


async def test_tokens_from_before_are_refused_and_those_from_after_are_not(revocations: Revocations):
    for _ in range(20):  # several within a second
        before = (await revocations.db.fetch_one(NOW)).timestamp()
        await revoke(revocations, "ada")
        await revocations.refresh()
        assert not await is_accepted(revocations, issued_at=before)
        assert await is_accepted(revocations)
        assert await is_accepted(revocations, "grace", before)


async def test_whole_seconds_are_taken_for_their_beginning(revocations: Revocations):
    await revoke(revocations, "ada")
    await revocations.refresh()
    assert not await is_accepted(revocations, issued_at=int(time.time()))
    assert await is_accepted(revocations, issued_at=int(time.time()) + 1)


async def test_without_revocations_nothing_is_refused(revocations: Revocations):
    await revoke(revocations, "ada")
    assert await ask(Auth(make_options(KEY)), f"Bearer {issue(KEY, iat=int(time.time()) - 60)}") == "ada"


async def test_a_token_of_our_own_tells_the_moment_it_was_issued(revocations: Revocations):
    options = IssuerOptions(signing_key=SecretStr(keys.make_key()))
    auth = Auth(options, revocations)
    old = options.sign("ada")
    await revoke(revocations, "ada")
    await revocations.refresh()
    with pytest.raises(Problem, match="signed out"):
        await ask(auth, f"Bearer {old}")
    later = (await revocations.db.fetch_one(NOW)).timestamp()
    assert await ask(auth, f"Bearer {options.sign('ada', issued_at=later)}") == "ada"


async def test_a_revocation_that_is_rolled_back_has_no_effect(revocations: Revocations):
    async with revocations.db.connection() as connection:
        transaction = connection.raw.transaction()
        await transaction.start()
        await revocations.revoke(connection, "ada")
        await transaction.rollback()
    await revocations.refresh()
    assert revocations.not_before == {}


async def test_one_that_commits_after_later_ones_were_read_is_not_missed(make: Make):
    async with make() as db, Revocations(db, SLOW) as revocations:
        async with db.transaction() as connection:
            await revocations.revoke(connection, "ada")
            await revoke(revocations, "grace")
            await revocations.refresh()
            assert revocations.not_before.keys() == {"grace"}
        await revocations.refresh()
        assert revocations.not_before.keys() == {"ada", "grace"}


async def test_only_what_has_changed_is_read_again(revocations: Revocations):
    await revoke(revocations, "ada", "grace")
    await wait_for_older_transactions(revocations.db)
    await revocations.refresh()
    revocations.not_before.clear()
    await revoke(revocations, "alan")
    await revocations.refresh()
    assert revocations.not_before.keys() == {"alan"}


async def test_what_was_revoked_right_after_another_server_took_over_is_not_missed(revocations: Revocations):
    """Its transactions have lower ids than the last one that was read from the server before it."""
    revocations.horizon = str(2**40)
    await revoke(revocations, "ada")
    await wait_for_older_transactions(revocations.db)
    for _ in range(2):
        await revocations.refresh()
    assert revocations.not_before.keys() == {"ada"}


async def test_a_new_worker_knows_what_was_revoked_before(revocations: Revocations, db: Database):
    await revoke(revocations, "ada")
    async with Revocations(db, SLOW) as other:
        assert not await is_accepted(other, issued_at=time.time() - 60)


async def test_a_worker_looks_again_by_itself(db: Database, revocations: Revocations):
    before = time.time() - 60
    async with Revocations(db, RevocationOptions(interval=0.01)) as other:
        assert await is_accepted(other, issued_at=before)
        await revoke(revocations, "ada")
        async with asyncio.timeout(10):
            while await is_accepted(other, issued_at=before):  # noqa: ASYNC110
                await asyncio.sleep(0.01)


async def test_memory_is_bounded_and_beyond_it_too_many_are_refused_rather_than_too_few(db: Database):
    async with Revocations(db, RevocationOptions(interval=3600, max_subjects=2)) as revocations:
        before = (await db.fetch_one(NOW)).timestamp()
        subjects = [f"subject {number}" for number in range(5)]
        await revoke(revocations, *subjects)
        await revocations.refresh()
        async with Revocations(db, revocations.options) as restarted:
            for known in (revocations, restarted):
                assert len(known.not_before) == 2
                assert not any([await is_accepted(known, subject, before) for subject in (*subjects, "ada")])
                assert await is_accepted(known, "ada")
                assert await is_accepted(known, subjects[0])


async def test_what_has_expired_is_forgotten_and_no_older_token_is_accepted(
    revocations: Revocations, database_url: str
):
    old = time.time() - SLOW.keep - 60
    assert await is_accepted(revocations, "grace", old + 120)
    assert not await is_accepted(revocations, "grace", old)
    await revoke(revocations, "ada")
    await ask_database(
        database_url, "update kit.revocations set expires_at = now(), not_before = now() - interval '26 h'"
    )
    await revoke(revocations, "grace")
    await revocations.refresh()
    assert revocations.not_before.keys() == {"grace"}
    assert await ask_database(database_url, "select count(*) from kit.revocations") == 1


@pytest.mark.parametrize("issued_at", [True, "1e3", " 1 ", [1], 10**400, -(10**400), float("nan")])
async def test_a_time_of_another_kind_is_refused(revocations: Revocations, issued_at: object):
    with pytest.raises(Problem) as raised:
        await ask(Auth(make_options(KEY), revocations), f"Bearer {issue(KEY, iat=issued_at)}")
    assert raised.value.status == 401


async def test_a_token_that_does_not_say_when_it_was_issued_is_refused(revocations: Revocations):
    with pytest.raises(Problem, match="signed out"):
        await ask(Auth(make_options(KEY), revocations), f"Bearer {issue(KEY)}")


async def test_until_it_is_known_what_is_revoked_no_token_is_accepted():
    nowhere = DatabaseOptions(url=SecretStr("postgresql://127.0.0.1:1/nowhere"))
    async with Database(nowhere) as db, Revocations(db, SLOW) as revocations:
        with pytest.raises(Problem) as raised:
            await is_accepted(revocations, issued_at=time.time())
    assert raised.value.status == 503


async def test_while_the_database_is_away_what_is_known_holds_and_its_age_shows(make: Make):
    async with make() as db, Revocations(db, SLOW) as revocations:
        before = time.time() - 60
        await revoke(revocations, "ada")
        await revocations.refresh()
        read_at = revocations.read_at
        revocations.db = Database(DatabaseOptions(url=SecretStr("postgresql://127.0.0.1:1/nowhere")))
        async with revocations.db:
            await revocations.refresh()
        assert revocations.read_at == read_at
        token = issue(KEY, iat=before)
        with pytest.raises(Problem, match="signed out"):
            await ask(Auth(make_options(KEY), revocations), f"Bearer {token}")
        age = REGISTRY.get_sample_value("auth_revocations_age_seconds")
        assert age is not None
        assert age > 0
        assert REGISTRY.get_sample_value("auth_revocations") == 1


async def test_a_full_pool_delays_no_revocation(make: Make):
    async with make(pool_waiters=0) as db, Revocations(db, SLOW) as revocations:
        await revoke(revocations, "ada")
        async with db.connection(), db.connection():
            assert db.pool.slots.running == pools.SIZE
            await revocations.refresh()
        assert revocations.not_before.keys() == {"ada"}


async def test_an_operator_revokes_the_tokens_of_subjects(revocations: Revocations, database_url: str):
    before = time.time() - 60
    result = run("revoke", "ada", "grace", DATABASE_URL=database_url)
    assert result.stdout == (
        "Revoked the tokens of ada, grace. Workers refuse them within 2 s (REVOCATIONS_INTERVAL).\n"
    )
    await revocations.refresh()
    assert [await is_accepted(revocations, name, before) for name in ("ada", "grace", "alan")] == [False, False, True]
    assert await is_accepted(revocations, "ada", datetime.now(UTC).timestamp() + 1)


async def test_an_operator_is_told_of_a_missing_table(empty_database_url: str):
    result = run("revoke", "ada", DATABASE_URL=empty_database_url)
    assert (result.returncode, result.stdout) == (1, "")
    assert "run `service migrate`" in result.stderr
    assert "Traceback" not in result.stderr
