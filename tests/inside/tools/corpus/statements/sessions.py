"""Statements that change their session, have no plan, or are there twice."""

from uuid import UUID

from inside.tools.corpus.case import ORDER, Case
from service.kit.db.query import AnyQuery, Query

SESSION = {"session"}
PLAN = {"plan"}
TWIN = {"twin"}
SCOPE = {"scope"}

READ = Query("select number from orders where id = $1 and account = $2", str, tuple[UUID, str])
HALL = UUID(int=0x91)
CELL = UUID(int=0x92)

ROOMS: list[AnyQuery] = [
    Query("select name from rooms where id = $1 and tenant = $2", str, tuple[UUID, str]),
    Query("update rooms set name = $3 where id = $1 and tenant = $2 returning id", UUID, tuple[UUID, str, str]),
    Query("select id from rooms where tenant = $1 order by name limit 20", UUID, tuple[str]),
]


def fault(name: str, sql: str, rules: set[str] = SESSION) -> Case:
    """Return a case of a statement that is refused for what it says."""
    return Case(name, Query(sql, str | None), rules, unshown="it shows to others, or in what nobody sees")


def room(
    name: str, sql: str, wants: set[str] | frozenset[str] = frozenset(), args: tuple[object, ...] = (CELL,)
) -> Case:
    """Return a case of a slice where the others ask for the tenant."""
    kinds = {UUID: tuple[UUID], str: tuple[UUID, str]}
    query: AnyQuery = Query(sql, UUID, kinds[type(args[-1])])  # type: ignore[arg-type]
    return Case(name, query, wants, args, beside=ROOMS, unshown="nothing tells whose a room is but the others")


CASES = [
    fault("set", "set search_path = billing"),
    fault("set_role", "set role postgres"),
    fault("set_session", "set session statement_timeout = '1s'"),
    fault("set_time_zone", "set time zone 'UTC'"),
    fault("reset", "reset all"),
    fault("set_config", "select set_config('shop.name', 'a', false)"),
    fault("listen", "listen orders"),
    fault("temporary_table", "create temp table found (id int)"),
    fault("prepared", "prepare found as select 1"),
    fault("advisory_lock", "select pg_advisory_lock(1)::text"),
    fault("tried_advisory_lock", "select pg_try_advisory_lock(1)::text"),
    fault("held_cursor", "declare orders cursor with hold for select 1"),
    fault("discard", "discard plans"),
    Case("set_local", Query("set local statement_timeout = '1s'", int)),
    Case("set_transaction", Query("set transaction isolation level repeatable read", int)),
    Case("set_constraints", Query("set constraints all deferred", int)),
    Case("local_config", Query("select set_config('shop.name', $1, true)", str | None, tuple[str]), args=("a",)),
    Case("advisory_lock_of_a_transaction", Query("select pg_try_advisory_xact_lock(1)", bool | None)),
    Case("notify", Query("notify orders", int)),
    Case("notified", Query("select pg_notify('orders', $1)::text", str | None, tuple[str]), args=("a",)),
    Case("show", Query("show server_version", str)),
    Case(
        "set_in_an_update",
        Query(
            "update orders set note = 'set role' where id = $1 and account = $2 returning number", str, tuple[UUID, str]
        ),
        args=(ORDER, "ada"),
    ),
    Case("set_in_a_text", Query("select 'set search_path = a'", str)),
    Case("listen_in_a_comment", Query("-- listen to this\nselect 1", int)),
    fault("block", "do $$ begin delete from orders; end $$", PLAN),
    fault("truncate", "truncate tasks", PLAN),
    fault("locked_table", "lock table orders in exclusive mode", PLAN),
    fault("grant", "grant select on orders to public", PLAN),
    fault("refresh", "refresh materialized view daily_sales", PLAN),
    fault("refresh_concurrently", "refresh materialized view concurrently daily_sales", PLAN),
    fault("copy", "copy orders to stdout", PLAN),
    fault("dropped", "drop table tasks", PLAN),
    fault("altered", "alter table tasks add column name text", PLAN),
    fault("analyzed", "analyze orders", PLAN),
    Case("drop_in_a_text", Query("select 'drop table tasks'", str)),
    Case("copied", Query("insert into tasks (account) values ($1) returning id", int, tuple[str]), args=("ada",)),
    Case("truncated_time", Query("select date_trunc('day', now())::text", str)),
    Case(
        "locked_row",
        Query("select number from orders where id = $1 and account = $2 for update", str, tuple[UUID, str]),
        args=(ORDER, "ada"),
    ),
    Case(
        "shared_row",
        Query("select number from orders where id = $1 and account = $2 for key share", str, tuple[UUID, str]),
        args=(ORDER, "ada"),
    ),
    Case(
        "twin",
        Query("select number from orders where id = $1 and account = $2", str, tuple[UUID, str]),
        TWIN,
        beside=[READ],
    ),
    Case(
        "twin_in_capitals",
        Query("SELECT number FROM orders WHERE id = $1 AND account = $2", str, tuple[UUID, str]),
        TWIN,
        beside=[READ],
    ),
    Case(
        "twin_with_a_comment",
        Query("select number /* of one */ from orders where id = $1 and account = $2", str, tuple[UUID, str]),
        TWIN,
        beside=[READ],
    ),
    Case(
        "twin_that_inserts",
        Query("insert into tasks (account) values ($1) returning id", int, tuple[str]),
        TWIN,
        beside=[Query("insert into tasks (account)\nvalues ($1)\nreturning id", int, tuple[str])],
    ),
    Case(
        "twin_of_a_view",
        Query("select number from open_orders where id = $1 and account = $2", str, tuple[UUID, str]),
        TWIN,
        beside=[Query("select number from open_orders where (id = $1) and (account = $2)", str, tuple[UUID, str])],
    ),
    Case(
        "other_column",
        Query("select currency from orders where id = $1 and account = $2", str, tuple[UUID, str]),
        args=(ORDER, "ada"),
        beside=[READ],
    ),
    Case(
        "other_row_type",
        Query("select number from orders where id = $1 and account = $2", str | None, tuple[UUID, str]),
        args=(ORDER, "ada"),
        beside=[READ],
    ),
    Case(
        "other_lock",
        Query("select number from orders where id = $1 and account = $2 for update", str, tuple[UUID, str]),
        args=(ORDER, "ada"),
        beside=[READ],
    ),
    Case(
        "other_constant",
        Query("select 2", int),
        beside=[Query("select 1", int)],
    ),
    Case(
        "other_order",
        Query(
            "select number from orders where account = $1 order by placed_at desc, id desc limit 20", str, tuple[str]
        ),
        args=("ada",),
        beside=[Query("select number from orders where account = $1 order by placed_at, id limit 20", str, tuple[str])],
    ),
    Case("under_two_names", READ, args=(ORDER, "ada"), beside=[READ]),
    Case("constant_under_two_names", ONE := Query("select 1", int), beside=[ONE]),
    room("forgets_the_tenant", "select id from rooms where id = $1", SCOPE),
    room("deletes_without_the_tenant", "delete from rooms where id = $1 returning id", SCOPE),
    room("updates_without_the_tenant", "update rooms set floor = 1 where id = $1 returning id", SCOPE),
    room("locks_without_the_tenant", "select id from rooms where id = $1 for update", SCOPE),
    room(
        "reads_in_a_with_without_the_tenant",
        "with found as (select id from rooms where id = $1) select id from found",
        SCOPE,
    ),
    Case(
        "reads_with_the_tenant",
        Query("select floor from rooms where id = $1 and tenant = $2", int | None, tuple[UUID, str]),
        args=(HALL, "ada"),
        beside=ROOMS,
    ),
    Case(
        "deletes_with_the_tenant",
        Query("delete from rooms where id = $1 and tenant = $2 returning id", UUID, tuple[UUID, str]),
        args=(HALL, "ada"),
        beside=ROOMS,
    ),
    Case(
        "finds_by_the_name_of_the_tenant",
        Query("select id from rooms where tenant = $1 and name = $2", UUID, tuple[str, str]),
        args=("ada", "Hall"),
        beside=ROOMS,
    ),
    Case(
        "inserts_for_the_tenant",
        Query("insert into rooms (tenant, name) values ($1, $2) returning id", UUID, tuple[str, str]),
        args=("ada", "Attic"),
        beside=ROOMS,
    ),
    Case(
        "says_why_it_forgets_the_tenant",
        Query("select id from rooms where id = $1", UUID, tuple[UUID], excused={"scope": "operators see all rooms"}),
        args=(HALL,),
        beside=ROOMS,
    ),
]
