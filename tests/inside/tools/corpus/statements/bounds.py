"""What statements read, sort, count, change and lock at the sizes of production."""

from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from inside.tools.corpus.case import EVE, OF_ADA, ORDER, Case
from service.kit.db.query import Query

UNBOUNDED = {"unbounded"}
SCAN = {"scan"}
FILTER = {"filter"}
SORT = {"sort"}
AGGREGATE = {"aggregate"}
ORDER_BY = {"order"}
"""A page without an order, and locks without one."""

JANUARY = datetime.fromisoformat("2026-01-01T00:00Z")
LATER = datetime.fromisoformat("2026-02-01T00:00Z")

RESULTS = [
    Case(
        "all_of_an_account",
        Query("select id from orders where account = $1 order by placed_at, id", UUID, tuple[str]),
        UNBOUNDED,
    ),
    Case(
        "all_of_a_state",
        Query("select id from orders where account = $1 and state = $2 order by placed_at, id", UUID, tuple[str, str]),
        UNBOUNDED,
    ),
    Case(
        "all_since",
        Query(
            "select id from orders where account = $1 and placed_at >= $2 order by placed_at, id",
            UUID,
            tuple[str, datetime],
        ),
        UNBOUNDED,
    ),
    Case(
        "huge_limit",
        Query("select id from orders where account = $1 order by placed_at, id limit 1000000", UUID, tuple[str]),
        UNBOUNDED,
    ),
    Case(
        "limit_all",
        Query("select id from orders where account = $1 order by placed_at, id limit all", UUID, tuple[str]),
        UNBOUNDED,
    ),
    Case(
        "limit_null",
        Query("select id from orders where account = $1 order by placed_at, id limit null", UUID, tuple[str]),
        UNBOUNDED,
    ),
    Case(
        "with_ties",
        Query(
            "select id from orders where account = $1 order by account fetch first 20 rows with ties", UUID, tuple[str]
        ),
        UNBOUNDED,
    ),
    Case(
        "with_ties_of_a_state",
        Query(
            "select id from orders where account = $1 order by account, state fetch first $2 rows with ties",
            UUID,
            tuple[str, int],
        ),
        UNBOUNDED,
    ),
    Case(
        "greatest_as_limit",
        Query(
            "select id from orders where account = $1 order by placed_at, id limit greatest($2, 1000000)",
            UUID,
            tuple[str, int],
        ),
        UNBOUNDED,
    ),
    Case(
        "product_as_limit",
        Query(
            "select id from orders where account = $1 order by placed_at, id limit $2::bigint * 100000",
            UUID,
            tuple[str, int],
        ),
        UNBOUNDED,
    ),
    Case(
        "coalesced_limit",
        Query(
            "select id from orders where account = $1 order by placed_at, id limit coalesce($2, 50000)",
            UUID,
            tuple[str, int | None],
        ),
        {"unbounded", "params"},
    ),
    Case(
        "optional_limit",
        Query("select id from orders where account = $1 order by placed_at, id limit $2", UUID, tuple[str, int | None]),
        {"unbounded", "params"},
    ),
    Case(
        "limit_by_case",
        Query(
            "select id from orders where account = $1 order by placed_at, id limit case when $2 then null else 20 end",
            UUID,
            tuple[str, bool],
        ),
        UNBOUNDED,
    ),
    Case(
        "limit_inside_of_a_join",
        Query(
            "select o.id from (select account from orders where account = $1 order by placed_at, id limit 1) as one "
            "join orders as o on o.account = one.account",
            UUID,
            tuple[str],
        ),
        UNBOUNDED,
    ),
    Case(
        "lines_of_a_sku",
        Query("select order_id from order_lines where sku = $1 order by position", UUID, tuple[str]),
        {"unbounded", "sort"},
    ),
    Case(
        "all_of_a_partitioned_table",
        Query("select id from events where account = $1 order by at, id", int, tuple[str]),
        UNBOUNDED,
    ),
    Case(
        "all_of_a_partition_key",
        Query("select at from readings where region = $1 and sensor = $2 order by at", datetime, tuple[str, int]),
        UNBOUNDED,
    ),
    Case(
        "all_payments",
        Query("select id from billing.payments where account = $1 order by id", UUID, tuple[str]),
        UNBOUNDED,
    ),
    Case(
        "distinct_of_an_account",
        Query("select distinct currency from orders where account = $1", str, tuple[str]),
        {"unbounded", "aggregate"},
    ),
    Case(
        "union_with_one_arm_unbounded",
        Query(
            "(select id from orders where account = $1 order by placed_at, id limit 5) union all "
            "select id from orders where account = $1 and state = 'open'",
            UUID,
            tuple[str],
        ),
        UNBOUNDED,
    ),
    Case(
        "open_orders_of_a_view",
        Query("select id from open_orders where account = $1 order by placed_at, id", UUID, tuple[str]),
        UNBOUNDED,
    ),
    Case(
        "days", Query("select day from daily_sales where account = $1 order by day", date | None, tuple[str]), UNBOUNDED
    ),
    Case(
        "numbers_of_a_series",
        Query("select n from generate_series(1, $1::int) as given (n)", int, tuple[int]),
        UNBOUNDED,
    ),
    Case(
        "page",
        Query("select id from orders where account = $1 order by placed_at, id limit 20", UUID, tuple[str]),
        args=("ada",),
    ),
    Case(
        "page_of_a_limit",
        Query("select id from orders where account = $1 order by placed_at, id limit $2", UUID, tuple[str, int]),
        args=("ada", 3),
    ),
    Case(
        "fetch_first",
        Query(
            "select id from orders where account = $1 order by placed_at, id fetch first 20 rows only", UUID, tuple[str]
        ),
        args=("ada",),
    ),
    Case(
        "least_as_limit",
        Query(
            "select id from orders where account = $1 order by placed_at, id limit least($2, 100)",
            UUID,
            tuple[str, int],
        ),
        args=("ada", 3),
    ),
    Case(
        "one_more_than_a_page",
        Query(
            "select id from orders where account = $1 order by placed_at, id limit $2::bigint + 1",
            UUID,
            tuple[str, int],
        ),
        args=("ada", 3),
    ),
    Case(
        "newest_first",
        Query("select id from orders where account = $1 order by placed_at desc, id desc limit 20", UUID, tuple[str]),
        args=("ada",),
    ),
    Case(
        "next_page",
        Query(
            "select id from orders where account = $1 and (placed_at, id) > ($2, $3) order by placed_at, id limit 20",
            UUID,
            tuple[str, datetime, UUID],
        ),
        args=("ada", JANUARY, ORDER),
    ),
    Case(
        "page_of_a_state",
        Query(
            "select id from orders where account = $1 and state = 'paid' order by placed_at, id limit 20",
            UUID,
            tuple[str],
        ),
        args=("ada",),
    ),
    Case(
        "page_of_events",
        Query("select id from events where account = $1 order by at desc, id desc limit 20", int, tuple[str]),
        args=("ada",),
    ),
    Case(
        "events_of_a_month",
        Query(
            "select id from events where account = $1 and at >= $2 and at < $3 order by at, id limit 100",
            int,
            tuple[str, datetime, datetime],
        ),
        args=("ada", JANUARY, LATER),
    ),
    Case(
        "event_by_key",
        Query("select kind from events where at = $1 and id = $2 and account = $3", str, tuple[datetime, int, str]),
        args=(JANUARY, 2, "ada"),
    ),
    Case(
        "reading_by_key",
        Query(
            "select value from readings where region = $1 and sensor = $2 and at = $3",
            Decimal | None,
            tuple[str, int, datetime],
        ),
        args=("north", 1, JANUARY),
    ),
    Case(
        "latest_reading",
        Query(
            "select at from readings where region = $1 and sensor = $2 order by at desc limit 1",
            datetime,
            tuple[str, int],
        ),
        args=("north", 1),
    ),
    Case(
        "lines_of_an_order",
        Query("select sku from order_lines where order_id = $1 order by position limit 200", str, tuple[UUID]),
        args=(ORDER,),
    ),
    Case("all_categories", Query("select name from categories order by id limit 1000", str)),
    Case("product_by_sku", Query("select name from products where sku = $1", str, tuple[str]), args=("cup",)),
    Case(
        "products_by_skus",
        Query("select name from products where sku = any($1) order by sku limit 1000", str, tuple[list[str]]),
        args=(["cup", "pen"],),
    ),
    Case(
        "product_by_name",
        Query("select sku from products where lower(name) = lower($1) and deleted_at is null", str, tuple[str]),
        args=("cup",),
    ),
    Case(
        "products_of_a_kind",
        Query("select sku from products where kind = $1 order by price, id limit 20", str, tuple[str]),
        args=("thing",),
    ),
    Case(
        "page_of_payments",
        Query("select id from billing.payments where account = $1 order by id limit 20", UUID, tuple[str]),
        args=("ada",),
    ),
    Case(
        "latest_days",
        Query("select day from daily_sales where account = $1 order by day desc limit 31", date | None, tuple[str]),
        args=("ada",),
    ),
    Case(
        "days_by_key",
        Query("select orders from daily_sales where account = $1 and day = $2", int | None, tuple[str, date]),
        args=("ada", date(2026, 1, 1)),
    ),
    Case(
        "unnested_argument",
        Query("select upper(sku) from unnest($1::text[]) as given (sku)", str, tuple[list[str]]),
        args=(["a"],),
    ),
    Case("week", Query("select n from generate_series(1, 7) as given (n)", int)),
    Case(
        "limit_above_a_join",
        Query(
            "select o.id from orders as o join customers as c on c.id = o.customer_id and c.account = o.account "
            "where o.account = $1 order by o.placed_at, o.id limit 20",
            UUID,
            tuple[str],
        ),
        args=("ada",),
    ),
    Case(
        "limit_above_a_left_join",
        Query(
            "select o.id from orders as o left join customers as c on c.id = o.customer_id and c.account = o.account "
            "where o.account = $1 order by o.placed_at desc, o.id desc limit 20",
            UUID,
            tuple[str],
        ),
        args=("ada",),
    ),
    Case(
        "limit_above_lines",
        Query(
            "select l.sku from orders as o join order_lines as l on l.order_id = o.id where o.account = $1 "
            "order by o.placed_at, o.id, l.position limit 20",
            str,
            tuple[str],
        ),
        args=("ada",),
    ),
    Case(
        "two_pages_in_one",
        Query(
            "(select id from orders where account = $1 and state = 'open' order by placed_at, id limit 5) union all "
            "(select id from orders where account = $1 and state = 'paid' order by placed_at, id limit 5)",
            UUID,
            tuple[str],
        ),
        args=("ada",),
    ),
]

PAGES = [
    Case(
        "offset",
        Query(
            "select id from orders where account = $1 order by placed_at, id limit 20 offset $2", UUID, tuple[str, int]
        ),
        {"offset"},
    ),
    Case(
        "offset_of_a_product",
        Query(
            "select id from orders where account = $1 order by placed_at, id limit 20 offset ($2::bigint - 1) * 20",
            UUID,
            tuple[str, int],
        ),
        {"offset"},
    ),
    Case(
        "offset_in_a_subquery",
        Query(
            "select o.id from (select id from orders where account = $1 order by placed_at, id limit 20 offset $2) "
            "as o",
            UUID,
            tuple[str, int],
        ),
        {"offset"},
    ),
    Case(
        "offset_of_many",
        Query(
            "select id from orders where account = $1 order by placed_at, id limit 20 offset 100000", UUID, tuple[str]
        ),
        {"offset"},
    ),
    Case(
        "offset_of_events",
        Query("select id from events where account = $1 order by at, id offset $2 limit 20", int, tuple[str, int]),
        {"offset"},
    ),
    Case(
        "paging_by_row_number",
        Query(
            """
            select id from (
                select id, row_number() over (order by placed_at, id) as n from orders where account = $1
            ) as numbered
             where n between $2::bigint and $2::bigint + 20
             order by n limit 20
            """,
            UUID,
            tuple[str, int],
        ),
        {"offset", "unbounded", "aggregate"},
    ),
    Case(
        "paging_by_rank",
        Query(
            """
            select id from (
                select id, dense_rank() over (order by placed_at, id) as n from orders where account = $1
            ) as numbered
             where n > $2 and n <= $2 + 20
             limit 20
            """,
            UUID,
            tuple[str, int],
        ),
        {"offset", "unbounded", "aggregate", "order"},
    ),
    Case(
        "page_without_an_order",
        Query("select id from orders where account = $1 limit 20", UUID, tuple[str]),
        ORDER_BY,
    ),
    Case(
        "page_without_an_order_of_events",
        Query("select id from events where account = $1 limit $2", int, tuple[str, int]),
        ORDER_BY,
    ),
    Case(
        "page_without_an_order_of_payments",
        Query("select id from billing.payments where account = $1 limit 50", UUID, tuple[str]),
        ORDER_BY,
    ),
    Case(
        "page_without_an_order_of_a_view",
        Query("select id from open_orders where account = $1 limit 20", UUID, tuple[str]),
        ORDER_BY,
    ),
    Case(
        "page_without_an_order_of_lines",
        Query("select sku from order_lines where order_id = $1 limit 20", str, tuple[UUID]),
        ORDER_BY,
    ),
    Case(
        "offset_of_a_few",
        Query("select id from events where account = $1 order by at desc, id desc limit 20 offset 20", int, tuple[str]),
        args=("ada",),
        empty="there are fewer",
    ),
    Case(
        "offset_of_zero",
        Query("select id from billing.payments where account = $1 order by id limit 20 offset 0", UUID, tuple[str]),
        args=("ada",),
    ),
    Case("offset_in_a_text", Query("select 'limit 20 offset 100000'", str)),
    Case(
        "second_of_a_few",
        Query("select name from categories order by id limit 1 offset 1", str),
    ),
    Case(
        "offset_of_one",
        Query(
            "select id from orders where account = $1 order by placed_at desc, id desc limit 1 offset 1",
            UUID,
            tuple[str],
        ),
        args=("ada",),
    ),
    Case(
        "one_by_key",
        Query("select id from orders where id = $1 and account = $2 limit 1", UUID, tuple[UUID, str]),
        args=(ORDER, "ada"),
    ),
    Case(
        "any_one",
        Query("select exists (select from orders where account = $1 limit 1)", bool, tuple[str]),
        args=("ada",),
    ),
    Case(
        "counted_up_to_a_limit",
        Query("select count(*) from (select from orders where account = $1 limit 1000) as o", int, tuple[str]),
        args=("ada",),
    ),
    Case(
        "numbered_page",
        Query(
            """
            select row_number() over (order by placed_at, id)
              from (select id, placed_at from orders where account = $1 order by placed_at, id limit 20) as page
             order by placed_at, id
            """,
            int,
            tuple[str],
        ),
        args=("ada",),
    ),
    Case(
        "numbered_as_it_comes",
        Query(
            "select row_number() over (order by placed_at, id) from orders where account = $1 "
            "order by placed_at, id limit 20",
            int,
            tuple[str],
        ),
        args=("ada",),
    ),
    Case(
        "page_with_its_count",
        Query(
            "select count(*) over () from orders where account = $1 order by placed_at, id limit 20", int, tuple[str]
        ),
        AGGREGATE,
    ),
    Case(
        "latest_of_each_state",
        Query(
            """
            select o.id
              from unnest(enum_range(null::order_state)) as s (state),
                   lateral (
                       select id from orders
                        where account = $1 and state = s.state
                        order by placed_at desc, id desc limit 3
                   ) as o
            """,
            UUID,
            tuple[str],
        ),
        args=("ada",),
    ),
]

SCANS = [
    Case(
        "not_indexed",
        Query("select id from orders where number = $1 limit 1", UUID, tuple[str], excused={"scope": "of all"}),
        SCAN | {"order"},
    ),
    Case(
        "infix",
        Query("select sku from products where name like '%' || $1 || '%' order by id limit 20", str, tuple[str]),
        SCAN | FILTER,
    ),
    Case(
        "whole_readings", Query("select count(*) from readings where value > $1", int, tuple[Decimal]), SCAN | AGGREGATE
    ),
    Case(
        "readings_of_a_time",
        Query("select sensor from readings where at = $1 order by sensor limit 20", int, tuple[datetime]),
        SCAN | FILTER | SORT,
    ),
    Case(
        "events_of_a_kind",
        Query(
            "select id from events where kind = $1 order by at limit 20", int, tuple[str], excused={"scope": "of all"}
        ),
        SCAN | FILTER,
    ),
    Case(
        "events_by_id",
        Query("select kind from events where id = $1 limit 1", str, tuple[int], excused={"scope": "of all"}),
        SCAN | FILTER | {"order"},
    ),
    Case(
        "payment_by_reference",
        Query(
            "select id from billing.payments where reference = $1 limit 1",
            UUID,
            tuple[str],
            excused={"scope": "of all"},
        ),
        SCAN | {"order"},
    ),
    Case(
        "function_of_a_column",
        Query("select name from products where lower(sku) = $1 limit 1", str, tuple[str]),
        SCAN | {"order"},
    ),
    Case(
        "cast_column",
        Query("select name from products where id::text = $1 limit 1", str, tuple[str]),
        SCAN | {"order"},
    ),
    Case(
        "within_a_range",
        Query("select sku from products where sold @> $1::date order by id limit 20", str, tuple[date]),
        FILTER | SCAN,
        unhelpful="using gin",
    ),
    Case(
        "day_of_a_matview",
        Query(
            "select sum(orders) from daily_sales where day = $1",
            Decimal | None,
            tuple[date],
            excused={"scope": "of all"},
        ),
        SCAN | AGGREGATE,
    ),
    Case(
        "document_by_title",
        Query("select id from documents where title = $1 and account = $2 order by id limit 1", int, tuple[str, str]),
        FILTER,
    ),
    Case("delete_all", Query("delete from tasks", int, excused={"scope": "of all"}), SCAN | UNBOUNDED),
    Case(
        "update_by_nothing_indexed",
        Query("update products set price = price * 2 where weight > $1", int, tuple[float]),
        SCAN | UNBOUNDED,
    ),
    Case(
        "filtered_page",
        Query(
            "select id from orders where account = $1 and currency = $2 order by placed_at, id limit 20",
            UUID,
            tuple[str, str],
        ),
        FILTER,
    ),
    Case(
        "filtered_by_a_note",
        Query(
            "select id from orders where account = $1 and note is not null order by placed_at, id limit 20",
            UUID,
            tuple[str],
        ),
        FILTER,
        unhelpful="Add the column",
    ),
    Case(
        "filtered_payments",
        Query(
            "select id from billing.payments where account = $1 and paid_at is null order by id limit 20",
            UUID,
            tuple[str],
        ),
        FILTER,
        unhelpful="Add the column",
    ),
    Case(
        "filtered_events",
        Query(
            "select id from events where account = $1 and kind = 'login' order by at desc, id desc limit 20",
            int,
            tuple[str],
        ),
        FILTER,
    ),
    Case(
        "filtered_devices",
        Query("select id from devices where account = $1 and address << $2 order by id limit 20", int, tuple[str, str]),
        FILTER | {"types", "params"},
    ),
    Case(
        "either_column",
        Query(
            "select id from orders where account = $1 and (number = $2 or note = $2) order by placed_at, id limit 20",
            UUID,
            tuple[str, str],
        ),
        FILTER,
    ),
    Case(
        "paging_by_or",
        Query(
            """
            select id from orders
             where account = $1 and (placed_at > $2 or (placed_at = $2 and id > $3))
             order by placed_at, id limit 20
            """,
            UUID,
            tuple[str, datetime, UUID],
        ),
        FILTER,
        unhelpful="union",
    ),
    Case(
        "paging_events_by_or",
        Query(
            """
            select id from events
             where account = $1 and (at < $2 or (at = $2 and id < $3))
             order by at desc, id desc limit 20
            """,
            int,
            tuple[str, datetime, int],
        ),
        FILTER,
        unhelpful="union",
    ),
    Case(
        "products_with_a_tag",
        Query("select sku from products where attributes ->> 'colour' = $1 order by id limit 20", str, tuple[str]),
        FILTER | SCAN,
        unhelpful="Add the column",
    ),
    Case(
        "searched",
        Query(
            "select sku from products where search @@ websearch_to_tsquery('simple', $1) limit 1000",
            str,
            tuple[str],
            excused={"order": "any will do"},
        ),
        args=("cup",),
    ),
    Case(
        "contained_attributes",
        Query(
            "select sku from products where attributes @> jsonb_build_object('colour', $1::text) limit 1000",
            str,
            tuple[str],
            excused={"order": "any will do"},
        ),
        args=("blue",),
    ),
    Case(
        "due_in_a_range",
        Query(
            "select number from orders where account = $1 and due >= $2 and due < $3 order by due limit 100",
            str,
            tuple[str, date, date],
        ),
        args=("ada", date(2026, 1, 1), date(2027, 1, 1)),
    ),
    Case(
        "oldest_open",
        Query(
            "select id from orders where state = 'open' order by placed_at, id limit 100",
            UUID,
            excused={"scope": "a job looks for orders of all accounts"},
        ),
    ),
    Case(
        "children_of_a_product",
        Query(
            "select sku from products where parent_id = $1 order by id limit 20",
            str,
            tuple[int],
        ),
        args=(1,),
    ),
]

SORTS = [
    Case(
        "dearest",
        Query("select id from orders where account = $1 order by total desc limit 20", UUID, tuple[str]),
        SORT,
        unhelpful="Add an index on (orders.total DESC)",
    ),
    Case(
        "lowered_in_order",
        Query("select name from products where lower(sku) = $1 order by id limit 1", str, tuple[str]),
        SORT | FILTER,
        unhelpful="Add the column",
    ),
    Case(
        "overlapping_in_order",
        Query(
            "select guest from bookings where during && tstzrange($1, $2) order by id limit 20",
            str | None,
            tuple[datetime, datetime],
            excused={"scope": "all share one calendar"},
        ),
        SORT | FILTER,
        unhelpful="Add an index on (during)",
    ),
    Case(
        "searched_in_order",
        Query(
            "select sku from products where search @@ websearch_to_tsquery('simple', $1) order by id limit 20",
            str,
            tuple[str],
        ),
        SORT | FILTER,
        unhelpful="using gin",
    ),
    Case(
        "tagged_in_order",
        Query(
            "select id from orders where account = $1 and tags @> array[$2] order by placed_at, id limit 20",
            UUID,
            tuple[str, str],
        ),
        SORT | FILTER,
        unhelpful="Add an index on (tags)",
    ),
    Case(
        "dearest_events",
        Query("select id from events where account = $1 order by kind limit 20", int, tuple[str]),
        SORT,
    ),
    Case("by_chance", Query("select sku from products order by random() limit 1", str), SORT | SCAN),
    Case(
        "ranked",
        Query(
            "select sku from products where search @@ to_tsquery('simple', $1) "
            "order by ts_rank(search, to_tsquery('simple', $1)) desc limit 20",
            str,
            tuple[str],
        ),
        SORT,
        unhelpful="Add an index on",
    ),
    Case(
        "states_by_time",
        Query(
            "select id from orders where account = $1 and state in ('open', 'paid') order by placed_at limit 20",
            UUID,
            tuple[str],
        ),
        SORT | FILTER,
        unhelpful="Add the column",
    ),
    Case(
        "payments_by_amount",
        Query("select id from billing.payments where account = $1 order by amount limit 20", UUID, tuple[str]),
        SORT,
    ),
    Case(
        "readings_by_value",
        Query("select at from readings where region = $1 order by value limit 20", datetime, tuple[str]),
        SORT,
    ),
    Case(
        "products_by_name",
        Query("select sku from products where kind = $1 order by name limit 20", str, tuple[str]),
        SORT,
    ),
    Case(
        "customers_by_visits",
        Query("select id from customers where account = $1 order by visits desc limit 20", UUID, tuple[str]),
        SORT,
    ),
    Case(
        "sorted_page",
        Query(
            "select page.id from (select id, total from orders where account = $1 order by placed_at, id limit 50) "
            "as page "
            "order by page.total",
            UUID,
            tuple[str],
        ),
        args=("ada",),
    ),
    Case(
        "sorted_lines",
        Query("select sku from order_lines where order_id = $1 order by price desc limit 20", str, tuple[UUID]),
        args=(ORDER,),
    ),
    Case("sorted_categories", Query("select name from categories order by name limit 500", str)),
    Case(
        "cheapest",
        Query("select sku from products where kind = $1 order by price desc, id desc limit 5", str, tuple[str]),
        args=("thing",),
    ),
    Case(
        "sorted_argument",
        Query("select a from unnest($1::text[]) as given (a) order by a", str, tuple[list[str]]),
        args=(["b", "a"],),
    ),
]

AGGREGATES = [
    Case("counted_account", Query("select count(*) from orders where account = $1", int, tuple[str]), AGGREGATE),
    Case(
        "counted_state",
        Query("select count(*) from orders where account = $1 and state = 'open'", int, tuple[str]),
        AGGREGATE,
    ),
    Case(
        "summed_account",
        Query("select coalesce(sum(total), 0) from orders where account = $1", Decimal, tuple[str]),
        AGGREGATE,
        unhelpful="count in a subquery",
    ),
    Case("counted_customers", Query("select count(*) from customers where account = $1", int, tuple[str]), AGGREGATE),
    Case("counted_devices", Query("select count(*) from devices where account = $1", int, tuple[str]), AGGREGATE),
    Case(
        "counted_payments",
        Query("select count(*) from billing.payments where account = $1", int, tuple[str]),
        AGGREGATE,
    ),
    Case("counted_events", Query("select count(*) from events where account = $1", int, tuple[str]), AGGREGATE),
    Case(
        "grouped_states",
        Query("select state from orders where account = $1 group by state order by state limit 10", str, tuple[str]),
        AGGREGATE,
    ),
    Case(
        "totals_of_a_view",
        Query(
            "select total from customer_totals where account = $1 order by customer_id limit 10",
            Decimal | None,
            tuple[str],
        ),
        AGGREGATE | SCAN,
    ),
    Case(
        "counted_for_a_page",
        Query(
            "select (select count(*) from orders where account = $1), id from orders where account = $1 "
            "order by placed_at, id limit 20",
            int,
            tuple[str],
        ),
        {"aggregate", "columns"},
    ),
    Case(
        "newest_of_an_account",
        Query("select max(placed_at) from orders where account = $1", datetime | None, tuple[str]),
        args=("ada",),
    ),
    Case(
        "quantity_of_an_order",
        Query("select coalesce(sum(quantity), 0) from order_lines where order_id = $1", int, tuple[UUID]),
        args=(ORDER,),
    ),
    Case(
        "counted_suppliers",
        Query("select count(*) from suppliers where account = $1", int, tuple[str]),
        args=("ada",),
    ),
    Case("counted_categories", Query("select count(*) from categories", int)),
    Case(
        "counted_latest",
        Query(
            "select count(*) from (select from orders where account = $1 order by placed_at desc limit 1001) as latest",
            int,
            tuple[str],
        ),
        args=("ada",),
    ),
    Case(
        "totals_of_one_customer",
        Query(
            "select coalesce(sum(total), 0) from orders where customer_id = $1 and account = $2",
            Decimal,
            tuple[UUID, str],
        ),
        args=(EVE, "ada"),
    ),
]

WRITES = [
    Case(
        "deletes_and_returns_an_account",
        Query("delete from tasks where account = $1 returning id", int, tuple[str]),
        UNBOUNDED,
        unhelpful="Add a limit",
    ),
    Case("updates_an_account", Query("update orders set note = null where account = $1", int, tuple[str]), UNBOUNDED),
    Case(
        "updates_a_state",
        Query("update orders set due = null where account = $1 and state = 'paid'", int, tuple[str]),
        UNBOUNDED,
    ),
    Case("deletes_an_account", Query("delete from orders where account = $1", int, tuple[str]), UNBOUNDED),
    Case(
        "deletes_events",
        Query("delete from events where account = $1 and at < $2", int, tuple[str, datetime]),
        UNBOUNDED,
    ),
    Case("deletes_payments", Query("delete from billing.payments where account = $1", int, tuple[str]), UNBOUNDED),
    Case(
        "copies_an_account",
        Query(
            "insert into tasks (account, state) select account, 'ready' from orders where account = $1", int, tuple[str]
        ),
        UNBOUNDED,
    ),
    Case(
        "copies_events",
        Query(
            "insert into events (at, account, kind) select now(), account, 'order' from orders where account = $1 "
            "and state = 'open'",
            int,
            tuple[str],
        ),
        UNBOUNDED,
    ),
    Case(
        "copies_payments_that_conflict",
        Query(
            "insert into customers (account, email) select account, reference || '@example.com' from billing.payments "
            "where account = $1 on conflict do nothing",
            int,
            tuple[str],
        ),
        UNBOUNDED,
    ),
    Case(
        "merges_an_account",
        Query(
            "merge into tasks as t using (select id, account from orders where account = $1) as o on t.account = "
            "o.account "
            "and t.account = $1 and t.error = o.id::text when not matched then insert (account) values ($1)",
            int,
            tuple[str],
        ),
        UNBOUNDED,
    ),
    Case(
        "locks_an_account",
        Query(
            "select count(*) from (select from orders where account = $1 order by id for update) as locked",
            int,
            tuple[str],
        ),
        {"unbounded", "aggregate", "sort"},
    ),
    Case(
        "locks_many_without_an_order",
        Query(
            "select id from orders where id = any($1) and account = $2 limit 100 for update",
            UUID,
            tuple[list[UUID], str],
        ),
        ORDER_BY,
    ),
    Case(
        "locks_a_state_without_an_order",
        Query("select id from tasks where account = $1 limit 20 for update", int, tuple[str]),
        ORDER_BY,
    ),
    Case(
        "locks_a_join_without_an_order",
        Query(
            "select o.id from orders as o join customers as c on c.id = o.customer_id and c.account = o.account "
            "where o.id = any($1) and o.account = $2 limit 100 for update of c",
            UUID,
            tuple[list[UUID], str],
        ),
        ORDER_BY,
    ),
    Case(
        "locks_payments_without_an_order",
        Query(
            "select id from billing.payments where id = any($1) and account = $2 limit 100 for no key update",
            UUID,
            tuple[list[UUID], str],
        ),
        ORDER_BY,
    ),
    Case(
        "locks_in_a_with_without_an_order",
        Query(
            """
            with locked as (select id from tasks where account = $1 limit 50 for update)
            update tasks as t set state = 'done' from locked where t.id = locked.id and t.account = $1
            """,
            int,
            tuple[str],
        ),
        ORDER_BY,
    ),
    Case(
        "locks_one",
        Query("select id from orders where id = $1 and account = $2 for update", UUID, tuple[UUID, str]),
        args=(ORDER, "ada"),
    ),
    Case(
        "locks_in_order",
        Query(
            "select id from orders where id = any($1) and account = $2 order by id limit 100 for update",
            UUID,
            tuple[list[UUID], str],
        ),
        args=(OF_ADA, "ada"),
    ),
    Case(
        "takes_tasks",
        Query(
            """
            update tasks set state = 'running', attempts = attempts + 1
             where id = any(array(
                 select id from tasks where state = 'ready' order by run_at, id limit $1 for update skip locked
             ))
            returning id
            """,
            int,
            tuple[int],
            excused={"scope": "a worker takes the tasks of all accounts"},
        ),
        args=(10,),
    ),
    Case(
        "takes_tasks_in_a_with",
        Query(
            """
            with taken as (
                select id from tasks where state = 'ready' order by run_at, id limit 10 for update skip locked
            )
            update tasks as t set state = 'running' from taken where t.id = taken.id returning t.id
            """,
            int,
            excused={"scope": "a worker takes the tasks of all accounts"},
        ),
    ),
    Case(
        "updates_by_keys",
        Query(
            """
            update orders as o set note = given.note
              from unnest($1::uuid[], $2::text[]) as given (id, note)
             where o.id = given.id and o.account = $3
            returning o.id
            """,
            UUID,
            tuple[list[UUID], list[str], str],
        ),
        args=(OF_ADA[:2], ["a", "b"], "ada"),
    ),
    Case(
        "updates_by_values",
        Query(
            """
            update orders as o set note = given.note
              from (values ($1::uuid, $2::text), ($3::uuid, $4::text)) as given (id, note)
             where o.id = given.id and o.account = $5
            """,
            int,
            tuple[UUID, str, UUID, str, str],
        ),
        args=(OF_ADA[0], "a", OF_ADA[1], "b", "ada"),
    ),
    Case(
        "updates_by_any",
        Query(
            "update orders set note = null where id = any($1) and account = $2 returning id",
            UUID,
            tuple[list[UUID], str],
        ),
        args=(OF_ADA, "ada"),
    ),
    Case(
        "deletes_using_keys",
        Query(
            """
            delete from billing.payments as p
             using unnest($1::uuid[]) as given (id)
             where p.id = given.id and p.account = $2
            """,
            int,
            tuple[list[UUID], str],
        ),
        args=([UUID(int=0xF1)], "ada"),
    ),
    Case(
        "deletes_lines_using_keys",
        Query(
            """
            delete from order_lines as l
             using unnest($1::uuid[], $2::int[]) as given (order_id, position)
             where l.order_id = given.order_id and l.position = given.position
            returning l.sku
            """,
            str,
            tuple[list[UUID], list[int]],
        ),
        args=([ORDER], [1]),
    ),
    Case(
        "upserts_many",
        Query(
            """
            insert into customers (account, email, visits)
            select $1, given.email, given.visits from unnest($2::text[], $3::int[]) as given (email, visits)
            on conflict (account, email) do update set visits = excluded.visits
            returning id
            """,
            UUID,
            tuple[str, list[str], list[int]],
        ),
        args=("ada", ["eve@example.com", "new@example.com"], [1, 2]),
    ),
    Case(
        "deletes_a_batch",
        Query(
            "delete from bookings where account = $1 and id = any(array(select id from bookings where account = $1 "
            "order by id limit 1000)) returning id",
            UUID,
            tuple[str],
        ),
        args=("ada",),
    ),
    Case(
        "deletes_old_tasks_by_ctid",
        Query(
            "delete from tasks where account = $1 and ctid = any(array(select ctid from tasks where account = $1 "
            "order by id limit 1000))",
            int,
            tuple[str],
        ),
        args=("ada",),
    ),
    Case(
        "deletes_by_parts_of_a_key",
        Query(
            """
            delete from order_lines
             where order_id = $1
               and position = (select max(position) from order_lines where order_id = $1)
            returning sku
            """,
            str,
            tuple[UUID],
        ),
        args=(ORDER,),
    ),
    Case(
        "deletes_a_reading",
        Query(
            "delete from readings where region = $1 and sensor = $2 and at = (select max(at) from readings "
            "where region = $1 and sensor = $2)",
            int,
            tuple[str, int],
        ),
        args=("north", 1),
    ),
    Case(
        "inserts_many",
        Query(
            "insert into tasks (account, state) select $1, unnest($2::text[]) returning id", int, tuple[str, list[str]]
        ),
        args=("ada", ["ready", "failed"]),
    ),
    Case(
        "copies_a_batch",
        Query(
            """
            insert into tasks (account, state)
            select account, 'ready' from orders where account = $1 order by placed_at, id limit 500
            returning id
            """,
            int,
            tuple[str],
        ),
        args=("ada",),
    ),
    Case(
        "copies_lines_of_an_order",
        Query(
            """
            insert into order_lines (order_id, position, sku, quantity, price)
            select $2, position, sku, quantity, price from order_lines where order_id = $1 order by position limit 1000
            returning position
            """,
            int,
            tuple[UUID, UUID],
        ),
        args=(ORDER, UUID(int=0xA4)),
    ),
    Case(
        "merges_by_key",
        Query(
            """
            merge into customers as c
            using (values ($1::text, $2::text)) as given (account, email)
               on c.account = given.account and c.email = given.email
             when matched then update set visits = c.visits + 1
             when not matched then insert (account, email) values (given.account, given.email)
            """,
            int,
            tuple[str, str],
        ),
        args=("ada", "eve@example.com"),
    ),
]

CASES = [*RESULTS, *PAGES, *SCANS, *SORTS, *AGGREGATES, *WRITES]
