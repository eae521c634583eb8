"""A service that writes to the primary and reads from the replica: `python -m inside.replicated serve`."""

from inside import ledger
from inside.jobs.working import WRITE, Settings, Task
from msgspec import Struct
from service.kit.commands import cli
from service.kit.commands.definition import ServiceDefinition
from service.kit.db.database import Database
from service.kit.db.query import Query
from service.kit.jobs.queue import enqueue
from service.kit.server.logs import configure_logs
from service.kit.server.settings import KitSettings, read_settings
from service.kit.web.routes import PUBLIC, Routes, Slice
from service.kit.work import asgi


class Entry(Struct, frozen=True):
    """A number, or None if it is not there, and whether a replica said so."""

    number: int | None
    is_of_replica: bool


read = Query("select max(number), pg_is_in_recovery() from entries where number = $1", Entry, tuple[int])

routes = Routes("/", access=PUBLIC)


@routes.post("/jobs/{number:int}")
async def enqueue_job(db: Database, number: int) -> int:
    """Write a number down, with a job that will take effect."""
    async with db.transaction() as connection:
        await enqueue(connection, WRITE, Task(number, seconds=1))
        return await connection.fetch_one(ledger.write, number)


@routes.get("/entries/{number:int}")
async def read_entry(db: Database, number: int) -> Entry:
    """Read a number from the replica."""
    return await db.replica.fetch_one(read, number)


def create() -> asgi.App:
    """Return the application."""
    configure_logs(read_settings(KitSettings).log)
    return ledger.create(Slice(routes))


if __name__ == "__main__":
    factories = "inside.replicated:create", "inside.jobs.working:create_worker"
    cli.service(obj=ServiceDefinition(Settings, (), *factories))
