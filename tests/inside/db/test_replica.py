import pytest
from pydantic import SecretStr, ValidationError
from service.kit.db.database import Database
from service.kit.db.query import Query
from service.kit.db.sessions import DatabaseOptions
from service.settings import Settings

WHERE = Query("select current_database()", str)


async def test_without_a_replica_its_reads_go_to_the_database_itself(settings: Settings):
    async with Database(settings.database) as db:
        assert db.replica is db


async def test_the_replica_has_a_pool_of_its_own(settings: Settings, empty_database_url: str):
    options = settings.database.model_copy(update={"replica_url": SecretStr(empty_database_url), "pool_size": 1})
    async with Database(options) as db, db.connection() as here, db.replica.connection() as there:
        names = [await here.fetch_one(WHERE), await there.fetch_one(WHERE)]
    assert all(
        f"/{name}" in url
        for name, url in zip(names, [settings.database.url.get_secret_value(), empty_database_url], strict=True)
    )
    assert (len(db.pool.connections), len(db.replica.pool.connections)) == (0, 0), "both are closed"


def test_the_urls_of_a_replica_and_past_a_pooler_are_checked_and_hidden():
    with pytest.raises(ValidationError):
        DatabaseOptions(url=SecretStr("postgresql://host/name"), replica_url=SecretStr("mysql://host/name"))
    secret = SecretStr("postgresql://me:hidden@host/name")
    assert "hidden" not in repr(DatabaseOptions(url=secret, replica_url=secret, direct_url=secret))
