"""Limits of subqueries, conditions that only a join can check, and comparisons with what may be None."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from inside.tools.corpus.case import OF_ADA, ORDER, Case
from service.kit.db.query import Query

ANY_ROW = "which of the rows it takes shows only where there are more of them"
MANY_ROWS = "how many rows it reads shows only where there are more of them"
NO_ROW = "it finds no row for None, where it is meant to leave nothing out"
JANUARY = datetime.fromisoformat("2026-01-01T00:00Z")


def order_fault(name: str, sql: str, row: type = str, params: object = tuple[str]) -> Case:
    return Case(name, Query(sql, row, params), {"order"}, unshown=ANY_ROW)


def filter_fault(name: str, condition: str, join: str = "join") -> Case:
    sql = f"""
        select o.number from orders as o
          {join} customers as c on c.id = o.customer_id and c.account = o.account
         where o.account = $1 and {condition}
         order by o.placed_at desc, o.id desc limit 20
    """
    return Case(name, Query(sql, str, tuple[str, str]), {"filter"}, unshown=MANY_ROWS)


def params_fault(name: str, condition: str, argument: object) -> Case:
    sql = f"select number from orders where id = $1 and account = $2 and {condition}"
    return Case(name, Query(sql, str, tuple[UUID, str, argument]), {"params"}, unshown=NO_ROW)


FAULTS = [
    order_fault(
        "preview_by_lateral",
        """
        select o.number from orders as o
         cross join lateral (select l.sku from order_lines as l where l.order_id = o.id limit 3) as l
         where o.account = $1 order by o.placed_at, o.id limit 20
        """,
    ),
    order_fault(
        "one_line_of_many",
        """
        select coalesce((select l.sku from order_lines as l where l.order_id = o.id limit 1), '') from orders as o
         where o.account = $1 order by o.placed_at, o.id limit 20
        """,
    ),
    order_fault("array_of_some", "select array(select number from orders where account = $1 limit 20)", list[str]),
    order_fault(
        "any_twenty_in_order",
        """
        select number from orders
         where account = $1 and id in (select id from orders where account = $1 limit 20)
         order by placed_at, id limit 20
        """,
    ),
    filter_fault("either_of_two_tables", "(o.number = $2 or c.email = $2)"),
    filter_fault("either_of_two_tables_or_none", "(o.number = $2 or c.email = $2)", "left join"),
    filter_fault("more_than_of_the_other_table", "(o.currency = $2 and o.total > c.visits * 1000)"),
    params_fault("none_is_not_equal", "currency <> $3", str | None),
    params_fault("none_is_not_less", "total > $3", Decimal | None),
    params_fault("none_is_like_nothing", "currency like $3", str | None),
    params_fault("none_is_no_list", "currency <> all($3)", list[str] | None),
    Case(
        "groups_of_joined_rows",
        Query(
            """
            select c.id from orders as o
              join customers as c on c.id = o.customer_id and c.account = o.account
             where o.account = $1 and o.state = 'open' and o.placed_at >= $2 and o.placed_at < $3
             group by c.id order by c.id
            """,
            UUID,
            tuple[str, datetime, datetime],
        ),
        {"unbounded"},
    ),
    Case(
        "sorted_by_a_state",
        Query("select id from orders where account = $1 order by state, id limit 20", UUID, tuple[str]),
        {"sort"},
    ),
    Case(
        "sorted_by_a_day",
        Query("select id from orders where account = $1 order by due, id limit 20", UUID, tuple[str]),
        {"sort"},
    ),
]

VALID = [
    Case(
        "first_line_by_lateral",
        Query(
            """
            select first.sku from orders as o
             cross join lateral (
                select l.sku from order_lines as l where l.order_id = o.id order by l.position limit 1
             ) as first
             where o.account = $1 order by o.placed_at, o.id limit 20
            """,
            str,
            tuple[str],
        ),
        args=("ada",),
    ),
    Case(
        "count_up_to_a_limit",
        Query("select count(*) from (select from orders where account = $1 limit 1000) as found", int, tuple[str]),
        args=("ada",),
    ),
    Case(
        "exists_with_a_limit",
        Query("select exists (select from orders where account = $1 limit 1)", bool, tuple[str]),
        args=("ada",),
    ),
    Case(
        "batch_by_place",
        Query(
            """
            delete from tasks where account = $1
               and ctid = any(array(select ctid from tasks where account = $1 limit 1000))
            """,
            int,
            tuple[str],
        ),
        args=("ada",),
    ),
    Case(
        "the_one_of_a_key",
        Query(
            """
            select coalesce((select c.name from customers as c
                              where c.id = o.customer_id and c.account = $1 limit 1), '')
              from orders as o where o.account = $1 order by o.placed_at, o.id limit 20
            """,
            str,
            tuple[str],
        ),
        args=("ada",),
    ),
    Case(
        "joined_by_two_columns",
        Query(
            """
            select c.name from orders as o
              join customers as c on c.id = o.customer_id and c.account = o.account
             where o.account = $1 order by o.placed_at, o.id limit 20
            """,
            str | None,
            tuple[str],
        ),
        args=("ada",),
    ),
    Case(
        "either_of_two_tables_by_key",
        Query(
            """
            select o.number from orders as o
              left join customers as c on c.id = o.customer_id and c.account = o.account
             where o.id = $1 and o.account = $2 and (o.number = $3 or c.email = $3)
            """,
            str,
            tuple[UUID, str, str],
        ),
        args=(ORDER, "ada", "A-1"),
        empty="the order has another number",
    ),
    Case(
        "none_that_is_tested",
        Query(
            """
            select number from orders where account = $1 and ($2::timestamptz is null or placed_at > $2)
               and id = any($3) order by placed_at, id limit 20
            """,
            str,
            tuple[str, datetime | None, list[UUID]],
        ),
        args=("ada", None, OF_ADA),
    ),
    Case(
        "time_down_and_key_up",
        Query(
            "select number from orders where account = $1 and placed_at > $2 order by placed_at desc, id limit 20",
            str,
            tuple[str, datetime],
        ),
        args=("ada", JANUARY),
    ),
    Case(
        "json_that_is_changed",
        Query(
            """
            select (extra || '{"read": true}' - 'ip'::text)::text from orders
             where account = $1 order by placed_at desc, id desc limit 20
            """,
            str,
            tuple[str],
        ),
        args=("ada",),
    ),
]

CASES = [*FAULTS, *VALID]
