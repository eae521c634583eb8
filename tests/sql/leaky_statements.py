"""Statements and routes of a slice `branches` that give one account what belongs to another.

A leaky statement takes the account and does not ask for it; a sound one does. The routes are the
same for both.
"""

LEAKY = {
    "newest": "where $1::text <> '' order by id desc limit 20",
    "chosen": "where id = any($1) and $2::text <> ''",
    "pair": "where id in ($1, $2) and $3::text <> ''",
    "remove": "where id = any($1) and $2::text <> ''",
    "put": "on conflict (id) do update set name = excluded.name",
    "rename": "where id = $1 and $3::text <> ''",
    "count": "where $1::text <> ''",
}
SOUND = {
    "newest": "where account = $1 order by id desc limit 20",
    "chosen": "where id = any($1) and account = $2",
    "pair": "where id in ($1, $2) and account = $3",
    "remove": "where id = any($1) and account = $2",
    "put": ("on conflict (id) do update set name = excluded.name where branches.account = excluded.account"),
    "rename": "where id = $1 and account = $3",
    "count": "where account = $1",
}
"""How each statement ends."""

QUERIES = """

EXCUSED = {{"unbounded": "planted", "scan": "planted", "filter": "planted", "aggregate": "planted"}}

newest = Query("select {{columns}} from branches {newest}", Branch, tuple[str], excused=EXCUSED)
chosen = Query(
    "select {{columns}} from branches {chosen}",
    Branch,
    tuple[list[UUID], str],
    excused=EXCUSED,
)
pair = Query(
    "select {{columns}} from branches {pair}",
    Branch,
    tuple[UUID, UUID, str],
    excused=EXCUSED,
)
remove = Query(
    "delete from branches {remove} returning id",
    UUID,
    tuple[list[UUID], str],
    excused=EXCUSED,
)
put = Query(
    "insert into branches (id, account, name) values ($1, $2, $3) {put} returning {{columns}}",
    Branch,
    tuple[UUID, str, str],
)
rename = Query(
    "update branches set name = $2 {rename} returning {{columns}}",
    Branch,
    tuple[UUID, str, str],
)
count = Query("select count(*) from branches {count}", int, tuple[str], excused=EXCUSED)
"""

PURGE = """
purge = Query("do $$ begin delete from branches; end $$", int)
"""

ROUTES = """

from secrets import token_urlsafe
from time import perf_counter


@routes.get("/newest", summary="Show the newest")
async def newest(db: Database, caller: Caller) -> list[Branch]:
    return await db.fetch(queries.newest, caller.id)


@routes.post("/chosen", summary="Show those that are chosen")
async def chosen(db: Database, caller: Caller, data: list[UUID]) -> list[Branch]:
    return await db.fetch(queries.chosen, data, caller.id)


@routes.get("/pair", summary="Show two")
async def pair(db: Database, caller: Caller, one_id: UUID, other_id: UUID) -> list[Branch]:
    return await db.fetch(queries.pair, one_id, other_id, caller.id)


@routes.post("/removed", summary="Delete those that are chosen")
async def remove(db: Database, caller: Caller, data: list[UUID]) -> None:
    await db.fetch(queries.remove, data, caller.id)


@routes.put("/{branch_id:uuid}", summary="Store one")
async def put(db: Database, caller: Caller, branch_id: UUID, data: NewBranch) -> Branch:
    stored = await db.find(queries.put, branch_id, caller.id, data.name)
    if stored is None:
        raise not_found("The branch")
    return stored


@routes.post("/{branch_id:uuid}/name", summary="Rename one")
async def rename(db: Database, caller: Caller, branch_id: UUID, data: NewBranch) -> Branch:
    renamed = await db.find(queries.rename, branch_id, data.name, caller.id)
    if renamed is None:
        raise not_found("The branch")
    return renamed


@routes.get("/timed", summary="Show the newest, and how long it took")
async def timed(db: Database, caller: Caller) -> dict[str, list[Branch] | float]:
    began = perf_counter()
    found = await db.fetch(queries.newest, caller.id)
    return {"data": found, "took": perf_counter() - began}


@routes.post("/token", summary="Show the newest, under a secret")
async def make_token(db: Database, caller: Caller) -> dict[str, list[UUID] | str]:
    found = await db.fetch(queries.newest, caller.id)
    return {"data": [it.id for it in found], "secret": token_urlsafe()}


@routes.get("/count", summary="Count them")
async def count(db: Database, caller: Caller) -> int:
    return await db.fetch_one(queries.count, caller.id)
"""

PURGING = """

@routes.post("/purged", summary="Delete them all")
async def purge(db: Database, caller: Caller) -> None:
    await db.fetch(queries.purge)
"""

STATEMENTS = {
    "newest": "reads branches",
    "chosen": "reads branches",
    "pair": "reads branches",
    "remove": "changes branches",
    "put": "changes branches",
    "rename": "changes branches",
    "count": "reads branches",
}
"""What the contract says of each leaky statement."""

SHOWS = "its answer to one account depends on the rows of another"
TOUCHES = "it changes rows of branches that belong to another account"
TRIED = {
    "GET /v1/branches/newest": SHOWS,
    "POST /v1/branches/chosen": SHOWS,
    "GET /v1/branches/pair": SHOWS,
    "POST /v1/branches/removed": TOUCHES,
    "PUT /v1/branches/{branch_id}": TOUCHES,
    "POST /v1/branches/{branch_id}/name": TOUCHES,
    "GET /v1/branches/count": SHOWS,
    "GET /v1/branches/timed": SHOWS,
    "POST /v1/branches/token": SHOWS,
    "POST /v1/branches/purged": TOUCHES,
}
"""What the test of ownership says of each leaky route."""

FINDING = """

@routes.get("/found", summary="Find by a code")
async def find_all(db: Database, caller: Caller, code: str) -> list[Branch]:
    if code != "right":
        raise not_found("The code")
    return await db.fetch(queries.newest, caller.id)
"""
"""A route that wants what nobody can guess."""

CONFTEST = """
import pytest


@pytest.fixture
def ownership_requests():
    async def ask(client):
        return client.build_request("GET", "/v1/branches/found", params={{"code": "right"}})

    return {{"GET /v1/branches/found": {value}}}
"""
