"""Bounds that only look like some, and bounds that do not look like any."""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from inside.tools.corpus.case import OF_ADA, ORDER, PAID, Case
from service.kit.db.query import AnyQuery, Query

UNBOUNDED = {"unbounded"}
READS_ALL = {"unbounded", "aggregate", "scan", "sort", "filter"}
"""A statement that reads all rows of an account for a few, by whichever rule it is named."""

PAGE = "(select id, account, number, customer_id from orders where account = $1 order by placed_at, id limit 20) as o"


def fault(name: str, query: AnyQuery, wants: set[str] = UNBOUNDED) -> Case:
    return Case(name, query, wants)


FAULTS = [
    fault(
        "many_more",
        Query(
            "select id from orders where account = $1 order by placed_at, id limit $2::bigint + 1000000",
            UUID,
            tuple[str, int],
        ),
    ),
    fault(
        "limit_of_a_subquery",
        Query(
            "select id from orders where account = $1 order by placed_at, id "
            "limit (select max(visits) from customers where id = $2 and account = $1)",
            UUID,
            tuple[str, UUID],
        ),
    ),
    fault(
        "lines_of_given_skus",
        Query(
            "select l.order_id from unnest($1::text[]) as given (sku) join order_lines as l on l.sku = given.sku",
            UUID,
            tuple[list[str]],
        ),
    ),
    fault(
        "prices_of_given_skus",
        Query(
            "update order_lines as l set price = given.price from unnest($1::text[], $2::numeric[]) as given (sku, "
            "price) "
            "where l.sku = given.sku",
            int,
            tuple[list[str], list[Decimal]],
        ),
    ),
    fault(
        "tasks_of_given_accounts",
        Query(
            "delete from tasks as t using (values ($1::text)) as given (account) where t.account = given.account",
            int,
            tuple[str],
        ),
    ),
    fault(
        "array_of_all",
        Query(
            "update orders set note = null where account = $1 and id = any(array(select id from orders where "
            "account = $1))",
            int,
            tuple[str],
        ),
    ),
    fault(
        "in_all",
        Query(
            "delete from tasks where account = $1 and id in (select id from tasks where account = $1)", int, tuple[str]
        ),
    ),
    fault(
        "ctid_of_all",
        Query(
            "delete from tasks where account = $1 and ctid = any(array(select ctid from tasks where account = $1))",
            int,
            tuple[str],
        ),
        UNBOUNDED | {"filter"},
    ),
    fault(
        "crossed_with_the_argument",
        Query(
            "insert into tasks (account, state) select o.account, given.state from unnest($2::text[]) as given "
            "(state), "
            "orders as o where o.account = $1",
            int,
            tuple[str, list[str]],
        ),
    ),
    fault(
        "lateral_without_a_limit",
        Query(
            f"select e.kind from {PAGE}, lateral (select kind from events where account = o.account) as e",
            str,
            tuple[str],
        ),
    ),
    fault(
        "joined_to_a_page",
        Query(f"select t.id from {PAGE} join tasks as t on t.account = o.account", int, tuple[str]),
    ),
    fault(
        "recursive_to_a_depth",
        Query(
            """
            with recursive referred as (
                select id, 1 as depth from customers where id = $1 and account = $2
                 union all
                select c.id, r.depth + 1 from customers as c join referred as r on c.referrer_id = r.id
                 where c.account = $2 and r.depth < 5
            )
            select id from referred
            """,
            UUID,
            tuple[UUID, str],
        ),
    ),
    replace(
        fault(
            "array_in_one_row",
            Query("select array(select id from orders where account = $1)", list[UUID], tuple[str]),
            READS_ALL,
        ),
        given_up="a plan shows one row, with however many in it",
    ),
    fault(
        "json_in_one_row",
        Query("select coalesce((select json_agg(number) from orders where account = $1), '[]')::text", str, tuple[str]),
        READS_ALL,
    ),
    fault(
        "sums_and_a_limit",
        Query(
            """
            select total from (
                select customer_id, sum(total) as total from orders where account = $1 group by customer_id
            ) as sums
             order by customer_id limit 10
            """,
            Decimal | None,
            tuple[str],
        ),
        READS_ALL,
    ),
    fault(
        "window_over_all",
        Query(
            "select count(*) over () from orders where account = $1 order by placed_at, id limit 20", int, tuple[str]
        ),
        READS_ALL,
    ),
    fault(
        "materialized_with",
        Query(
            """
            with mine as materialized (select id from orders where account = $1)
            select id from mine order by id limit 5
            """,
            UUID,
            tuple[str],
        ),
        READS_ALL,
    ),
    fault(
        "distinct_kinds",
        Query("select count(distinct kind) from events where account = $1", int, tuple[str]),
        READS_ALL,
    ),
    fault(
        "counted_of_many",
        Query("select count(*) from orders where account = any($1)", int, tuple[list[str]]),
        READS_ALL,
    ),
    fault("series", Query("select n from generate_series(1, 1000000) as given (n)", int)),
    fault(
        "inserted_series",
        Query(
            "insert into tasks (account) select $1 from generate_series(1, $2::int)",
            int,
            tuple[str, int],
        ),
    ),
    fault("keys_between", Query("select name from products where sku between $1 and $2", str, tuple[str, str])),
    fault("keys_after", Query("select name from products where id > $1 order by id", str, tuple[int])),
    fault("key_of_itself", Query("select name from products where sku = sku", str), UNBOUNDED | {"scan", "filter"}),
    fault(
        "keys_of_a_list_of_all",
        Query(
            "select name from products where sku = any(array(select sku from order_lines where sku >= $1))",
            str,
            tuple[str],
        ),
        READS_ALL,
    ),
    fault(
        "part_of_a_key",
        Query(
            "select value from readings where sensor = $1 and at = $2 and region <> ''",
            Decimal | None,
            tuple[int, datetime],
        ),
        UNBOUNDED | {"scan", "filter"},
    ),
    fault(
        "key_or_all",
        Query("select name from products where sku = $1 or $1 = ''", str, tuple[str]),
        READS_ALL,
    ),
    fault(
        "locks_all_of_an_order_by",
        Query("select id from tasks where account = $1 order by id for update", int, tuple[str]),
    ),
    fault(
        "union_of_all",
        Query(
            "select id from orders where id = $2 and account = $1 union select id from orders where account = $1",
            UUID,
            tuple[str, UUID],
        ),
        READS_ALL,
    ),
]

VALID = [
    Case(
        "least_and_one",
        Query(
            "select id from orders where account = $1 order by placed_at, id limit least($2, 100) + 1",
            UUID,
            tuple[str, int],
        ),
        args=("ada", 2),
    ),
    Case(
        "limit_or_twenty",
        Query(
            "select id from orders where account = $1 order by placed_at, id limit coalesce($2, 20)",
            UUID,
            tuple[str, int | None],
        ),
        args=("ada", None),
    ),
    Case(
        "cast_limit",
        Query("select id from orders where account = $1 order by placed_at, id limit $2::int", UUID, tuple[str, int]),
        args=("ada", 2),
    ),
    Case(
        "largest_limit",
        Query("select id from orders where account = $1 order by placed_at, id limit 10000", UUID, tuple[str]),
        args=("ada",),
    ),
    Case(
        "any_without_a_limit",
        Query("select number from orders where id = any($1) and account = $2", str, tuple[list[UUID], str]),
        args=(OF_ADA, "ada"),
    ),
    Case(
        "three_keys",
        Query("select name from products where id in ($1, $2, $3)", str, tuple[int, int, int]),
        args=(1, 2, 3),
    ),
    Case(
        "key_and_more",
        Query("select name from products where sku = $1 and price > $2", str, tuple[str, Decimal]),
        args=("cup", Decimal(1)),
    ),
    Case(
        "latest_of_each_given_state",
        Query(
            """
            select o.id
              from unnest($2::text[]) as given (state)
             cross join lateral (
                   select id from orders
                    where account = $1 and state = given.state::order_state
                    order by placed_at desc, id desc limit 3
                   ) as o
            """,
            UUID,
            tuple[str, list[str]],
        ),
        args=("ada", ["open", "paid"]),
    ),
    Case(
        "customers_of_a_page",
        Query(
            f"select c.email from {PAGE} join customers as c on c.id = o.customer_id and c.account = o.account",
            str,
            tuple[str],
        ),
        args=("ada",),
    ),
    Case(
        "updates_a_page",
        Query(
            f"update orders as p set note = 'x' from {PAGE} where p.id = o.id and p.account = $1 returning p.id",
            UUID,
            tuple[str],
        ),
        args=("ada",),
    ),
    Case(
        "deletes_a_page_of_a_with",
        Query(
            """
            with old as (select id from tasks where account = $1 order by id limit 100)
            delete from tasks as t using old where t.id = old.id and t.account = $1
            returning t.id
            """,
            int,
            tuple[str],
        ),
        args=("ada",),
    ),
    Case(
        "inserts_a_page",
        Query(
            f"insert into tasks (account, error) select o.account, o.number from {PAGE} returning id", int, tuple[str]
        ),
        args=("ada",),
    ),
    Case(
        "two_keys_crossed",
        Query(
            "select a.number from orders as a, orders as b where a.id = $1 and b.id = $2 and a.account = $3 "
            "and b.account = $3",
            str,
            tuple[UUID, UUID, str],
        ),
        args=(ORDER, PAID, "ada"),
    ),
    Case(
        "key_of_the_newest",
        Query(
            "select name from products where id = (select id from products where kind = $1 order by price, id limit 1)",
            str,
            tuple[str],
        ),
        args=("thing",),
    ),
    Case(
        "array_of_a_page",
        Query(
            "select array(select id from orders where account = $1 order by placed_at, id limit 100)",
            list[UUID],
            tuple[str],
        ),
        args=("ada",),
    ),
    Case(
        "counted_argument",
        Query("select count(*) from unnest($1::text[]) as given (sku) where sku <> ''", int, tuple[list[str]]),
        args=(["a"],),
    ),
    Case(
        "oldest_task",
        Query(
            "select id from tasks where state = 'ready' order by run_at, id limit 1 for update skip locked",
            int,
            excused={"scope": "a worker takes the tasks of all accounts"},
        ),
    ),
    Case(
        "recursive_with_a_limit",
        Query(
            """
            with recursive above as (
                select id, referrer_id from customers where id = $1 and account = $2
                 union all
                select c.id, c.referrer_id from customers as c join above as a on c.id = a.referrer_id
                 where c.account = $2
            )
            select id from above limit 50
            """,
            UUID,
            tuple[UUID, str],
            excused={"order": "they come from the inside out"},
        ),
        args=(UUID(int=0xC2), "ada"),
    ),
    Case(
        "union_of_two_keys",
        Query(
            "select sku from products where sku = $1 union all select sku from products where id = $2",
            str,
            tuple[str, int],
        ),
        args=("cup", 2),
    ),
    Case(
        "reading_of_each_given_sensor",
        Query(
            """
            select r.value
              from unnest($1::int[]) as given (sensor)
             cross join lateral (
                   select value from readings
                    where region = 'north' and sensor = given.sensor
                    order by at desc limit 1
                   ) as r
            """,
            Decimal | None,
            tuple[list[int]],
        ),
        args=([1],),
    ),
]

CASES = [*FAULTS, *VALID]
