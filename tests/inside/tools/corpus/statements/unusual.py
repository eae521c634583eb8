"""Valid statements that are written in unusual ways."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from inside.tools.corpus.case import EVE, OF_ADA, ORDER, PAID, Case
from msgspec import Struct
from service.kit.db.query import Query

ONE = "from orders where id = $1 and account = $2"
PAGE = (
    "(select id, number, total, state, placed_at from orders where account = $1 "
    "order by placed_at, id limit 20) as page"
)


class Day(Struct):
    day: date
    orders: int


class Change(Struct):
    before: int
    after: int


class Merged(Struct):
    action: str
    email: str


class Ranked(Struct):
    number: str
    place: int


class Bucket(Struct):
    state: str | None
    orders: int


def valid[Row](name: str, value: str, row: type[Row], order: UUID = ORDER) -> Case:
    """Return a case with a value of an order."""
    return Case(name, Query(f"select {value} {ONE}", row, tuple[UUID, str]), args=(order, "ada"))


def vouched[Row](name: str, value: str, row: type[Row]) -> Case:
    """Return a case with a value of an order that only its author knows not to be null."""
    query = Query(
        f"select {value} as value {ONE}",
        row,
        tuple[UUID, str],
        sample="select id, account from orders where number = 'A-1'",
        never_null={"value": "it is made of what is never null"},
    )
    return Case(name, query)


VALUES = [
    valid("local_time", "placed_at at time zone 'UTC'", datetime),
    valid("year", "coalesce(extract(year from placed_at)::int, 0)", int),
    vouched("formatted", "format('%s of %s', number, currency)", str),
    valid("padded", "lpad(number, 8, '0')", str),
    valid("collated", 'number collate "C"', str),
    valid("length", "length(number)", int),
    valid("trimmed", "trim(both '-' from number)", str),
    valid("replaced", "replace(number, '-', '')", str),
    valid("left", "left(number, 1)", str),
    valid("rounded", "round(total / 100.0, 2)", Decimal),
    valid("absolute", "abs(total - 2000)", int),
    valid("modulo", "total % 7", int),
    valid("least", "least(total, 100)", int),
    valid("age", "now() - placed_at", timedelta),
    valid("tomorrow", "placed_at + interval '1 day'", datetime),
    valid("in_the_past", "placed_at < now()", bool),
    valid("tagged", "tags @> array['gift']", bool),
    valid("any_tag", "coalesce('gift' = any(tags), false)", bool),
    vouched("joined_tags", "array_to_string(tags, ', ')", str),
    valid("sorted_tags", "array(select t from unnest(tags) as t order by t)", list[str]),
    valid("tags_and_number", "array[number, currency]", list[str]),
    vouched("more_tags", "array_append(tags, 'sold')", list[str]),
    vouched("slice_of_tags", "coalesce(tags[1:2], '{}')", list[str]),
    valid("has_key", "extra ? 'ip'", bool),
    valid("contains", """extra @> '{"steps": [1]}'""", bool),
    valid("key_or_default", "coalesce(extra ->> 'ip', 'none')", str),
    valid("json_text", "jsonb_build_object('total', total)::text", str),
    vouched("is_json", "number is json", bool),
    vouched("code_point", "ascii(number)", int),
    valid("digest", "md5(number)", str),
    vouched("bytes", "convert_to(number, 'UTF8')", bytes),
    valid("cast_to_enum", "'paid'::order_state", str),
    valid("enum_comparison", "state < 'shipped'", bool),
    valid("boolean_test", "(discount > 10) is true", bool),
    valid("unicode", "U&'d\\0061t'", str),
    valid("dollar_quoted", "$x$it's * and $1$x$", str),
    valid("escaped", "E'a\\nb'", str),
    valid("commented", "number /* not $3, nor * */", str),
    valid("cast_argument", "$1::uuid", UUID),
]

QUERIES = [
    Case(
        "last_line_comment",
        Query(f"select number {ONE} -- where * is not meant", str, tuple[UUID, str]),
        args=(ORDER, "ada"),
    ),
    Case("semicolon", Query(f"select number {ONE};", str, tuple[UUID, str]), args=(ORDER, "ada")),
    Case(
        "aliases_without_as",
        Query("select o.number from orders o where o.id = $1 and o.account = $2", str, tuple[UUID, str]),
        args=(ORDER, "ada"),
    ),
    Case(
        "with_the_schema",
        Query("select number from public.orders where id = $1 and account = $2", str, tuple[UUID, str]),
        args=(ORDER, "ada"),
    ),
    Case(
        "quoted",
        Query('select "number" from "orders" where "id" = $1 and "account" = $2', str, tuple[UUID, str]),
        args=(ORDER, "ada"),
    ),
    Case(
        "only",
        Query("select title from only documents where id = $1 and account = $2", str, tuple[int, str]),
        args=(1, "ada"),
    ),
    Case(
        "own_function",
        Query(
            f"select add_tax(total) {ONE}",
            int,
            tuple[UUID, str],
            sample="select id, account from orders where number = 'A-1'",
            excused={"nulls": "a total is a number"},
        ),
    ),
    Case("values", Query("values ('a'), ('b')", str)),
    Case(
        "days",
        Query("select d::date from generate_series(date '2026-01-01', date '2026-01-07', interval '1 day') as d", date),
    ),
    Case(
        "days_with_their_orders",
        Query(
            """
            select d::date as day,
                   (select count(*) from (
                        select from orders
                         where account = $1 and placed_at >= d and placed_at < d + interval '1 day' limit 1000
                    ) as found) as orders
              from generate_series(date '2026-01-01', date '2026-01-07', interval '1 day') as d
             order by day
            """,
            Day,
            tuple[str],
        ),
        args=("ada",),
    ),
    Case(
        "ranked_page",
        Query(
            f"select number, rank() over (order by total desc) as place from {PAGE} order by place, number",
            Ranked,
            tuple[str],
        ),
        args=("ada",),
    ),
    Case(
        "named_window",
        Query(
            f"select number, row_number() over w as place from {PAGE} window w as (partition by state order by "
            f"placed_at) "
            "order by number",
            Ranked,
            tuple[str],
        ),
        args=("ada",),
    ),
    Case(
        "grouping_sets",
        Query(
            f"select state::text as state, count(*) as orders from {PAGE} group by grouping sets ((state), ()) "
            f"order by 1",
            Bucket,
            tuple[str],
        ),
        args=("ada",),
    ),
    Case(
        "filtered_counts",
        Query(f"select count(*) filter (where state = 'open') from {PAGE}", int, tuple[str]),
        args=("ada",),
    ),
    Case(
        "median",
        Query(f"select coalesce(percentile_disc(0.5) within group (order by total), 0) from {PAGE}", int, tuple[str]),
        args=("ada",),
    ),
    Case(
        "joined_text",
        Query(f"select coalesce(string_agg(number, ', ' order by placed_at), '') from {PAGE}", str, tuple[str]),
        args=("ada",),
    ),
    Case(
        "any_open",
        Query(f"select coalesce(bool_or(state = 'open'), false) from {PAGE}", bool, tuple[str]),
        args=("ada",),
    ),
    Case(
        "distinct_states",
        Query(f"select distinct state from {PAGE} order by state", str, tuple[str]),
        args=("ada",),
    ),
    Case(
        "latest_of_each_state",
        Query(f"select distinct on (state) number from {PAGE} order by state, placed_at desc", str, tuple[str]),
        args=("ada",),
    ),
    Case(
        "json_table",
        Query(
            """
            select sku
              from json_table($1::jsonb, '$[*]' columns (sku text path '$.sku' default 'none' on empty)) as given
             order by sku
            """,
            str | None,
            tuple[str],
        ),
        args=('[{"sku": "cup"}]',),
    ),
    Case(
        "records_of_json",
        Query(
            "select coalesce(sku, '') from jsonb_to_recordset($1::jsonb) as given (sku text, quantity int)",
            str,
            tuple[str],
        ),
        args=('[{"sku": "cup"}]',),
    ),
    Case(
        "two_lists",
        Query(
            "select coalesce(sku, '') from unnest($1::text[], $2::int[]) as given (sku, quantity)",
            str,
            tuple[list[str], list[int]],
        ),
        args=(["a"], [1, 2]),
    ),
    Case(
        "nulls_last",
        Query(
            "select number from (select number, due from orders where account = $1 order by placed_at, id limit "
            "20) as page "
            "order by due nulls last, number",
            str,
            tuple[str],
        ),
        args=("ada",),
    ),
    Case(
        "keyset_with_a_tie",
        Query(
            """
            select number from orders
             where account = $1 and (placed_at, id) < ($2, $3)
             order by placed_at desc, id desc limit 20
            """,
            str,
            tuple[str, datetime, UUID],
        ),
        args=("ada", datetime.fromisoformat("2026-02-01T00:00Z"), ORDER),
    ),
    Case(
        "overlapping",
        Query(
            "select id from bookings where during && tstzrange($1, $2) order by id limit 100",
            UUID,
            tuple[datetime, datetime],
            excused={"scope": "a room has one calendar", "sort": "few overlap", "filter": "few overlap"},
        ),
        args=(datetime.fromisoformat("2026-01-01T00:00Z"), datetime.fromisoformat("2026-02-01T00:00Z")),
    ),
    Case(
        "optional_filter",
        Query(
            """
            select number from orders
             where account = $1 and ($2::timestamptz is null or placed_at >= $2)
             order by placed_at, id limit 20
            """,
            str,
            tuple[str, datetime | None],
            excused={"filter": "most orders are newer"},
        ),
        args=("ada", None),
    ),
    Case(
        "in_a_list",
        Query("select sku from products where sku in ('cup', 'pen') order by sku limit 10", str),
    ),
    Case(
        "matview_that_is_listed",
        Query(
            "select day from daily_sales where account = $1 and day >= $2 order by day limit 31",
            date | None,
            tuple[str, date],
        ),
        args=("ada", date(2026, 1, 1)),
    ),
]

CHANGES = [
    Case(
        "old_and_new",
        Query(
            "update orders set total = total + 1 where id = $1 and account = $2 returning old.total as before, "
            "new.total as after",
            Change,
            tuple[UUID, str],
        ),
        args=(ORDER, "ada"),
    ),
    Case(
        "old_of_a_delete",
        Query("delete from tasks where id = $1 and account = $2 returning old.state", str, tuple[int, str]),
        args=(1, "ada"),
    ),
    Case(
        "new_of_an_insert",
        Query("insert into tasks (account) values ($1) returning new.id", int, tuple[str]),
        args=("ada",),
    ),
    Case(
        "merged_action",
        Query(
            """
            merge into customers as c
            using (values ($1::text, $2::text)) as given (account, email)
               on c.account = given.account and c.email = given.email
             when matched then update set visits = c.visits + 1
             when not matched then insert (account, email) values (given.account, given.email)
            returning merge_action() as action, c.email
            """,
            Merged,
            tuple[str, str],
            sample="select account, email from customers order by email limit 1",
            never_null={"action": "it is one of the two"},
        ),
    ),
    Case(
        "row_of_values",
        Query(
            "update orders set (note, due) = ($3, $4) where id = $1 and account = $2 returning number",
            str,
            tuple[UUID, str, str, date],
        ),
        args=(ORDER, "ada", "a", date(2026, 1, 1)),
    ),
    Case(
        "values_of_a_subquery",
        Query(
            """
            update orders as o
               set (note, due) = (select p.note, p.due from orders as p where p.id = $3 and p.account = $2)
             where o.id = $1 and o.account = $2
            returning o.number
            """,
            str,
            tuple[UUID, str, UUID],
        ),
        args=(ORDER, "ada", PAID),
    ),
    Case(
        "set_default",
        Query("update tasks set state = default where id = $1 and account = $2 returning state", str, tuple[int, str]),
        args=(1, "ada"),
    ),
    Case(
        "item_of_an_array",
        Query(
            "update orders set tags[1] = 'first' where id = $1 and account = $2 returning number", str, tuple[UUID, str]
        ),
        args=(ORDER, "ada"),
    ),
    Case(
        "key_of_json",
        Query(
            "update orders set extra['ip'] = to_jsonb($3::text) where id = $1 and account = $2 returning number",
            str,
            tuple[UUID, str, str],
        ),
        args=(ORDER, "ada", "::1"),
    ),
    Case(
        "field_of_a_composite",
        Query(
            "update customers set home.city = $3 where id = $1 and account = $2 returning email",
            str,
            tuple[UUID, str, str],
        ),
        args=(EVE, "ada", "Bath"),
    ),
    Case(
        "given_identity",
        Query(
            "insert into transfers (id, account, amount) overriding user value values (1, $1, 5) returning id",
            int,
            tuple[str],
        ),
        args=("DE9",),
    ),
    Case(
        "default_values",
        Query(
            "insert into tasks (account, state, run_at) values ($1, default, default) returning state", str, tuple[str]
        ),
        args=("ada",),
    ),
    Case(
        "many_values",
        Query("insert into tasks (account, state) values ($1, 'ready'), ($1, 'done') returning id", int, tuple[str]),
        args=("ada",),
    ),
    Case(
        "on_constraint",
        Query(
            "insert into customers (account, email) values ($1, $2) on conflict on constraint customers_email_key "
            "do update set visits = customers.visits + excluded.visits returning visits",
            int,
            tuple[str, str],
        ),
        args=("ada", "eve@example.com"),
    ),
    Case(
        "on_conflict_of_a_partial_index",
        Query(
            "insert into products (sku, name, price) values ($1, $2, 1) on conflict (lower(name)) where deleted_at "
            "is null "
            "do update set price = excluded.price returning sku",
            str,
            tuple[str, str],
        ),
        args=("mug", "CUP"),
    ),
    Case(
        "event_upserted",
        Query(
            "insert into events (at, account, kind) values ($1, $2, 'login') on conflict (at, id) do nothing "
            "returning kind",
            str,
            tuple[datetime, str],
        ),
        args=(datetime.fromisoformat("2026-05-01T00:00Z"), "ada"),
    ),
    Case(
        "reading_upserted",
        Query(
            "insert into readings (region, sensor, at, value) values ($1, $2, $3, $4) on conflict (region, sensor, at) "
            "do update set value = excluded.value returning sensor",
            int,
            tuple[str, int, datetime, Decimal],
        ),
        args=("north", 1, datetime.fromisoformat("2026-01-01T00:00Z"), Decimal(2)),
    ),
    Case(
        "reading_updated",
        Query(
            "update readings set value = $4 where region = $1 and sensor = $2 and at = $3 returning sensor",
            int,
            tuple[str, int, datetime, Decimal],
        ),
        args=("north", 1, datetime.fromisoformat("2026-01-01T00:00Z"), Decimal(2)),
    ),
    Case(
        "event_deleted",
        Query(
            "delete from events where at = $1 and id = $2 and account = $3 returning kind",
            str,
            tuple[datetime, int, str],
        ),
        args=(datetime.fromisoformat("2026-01-01T00:00Z"), 2, "ada"),
    ),
    Case(
        "parent_updated",
        Query("update documents set summary = 'x' where id = $1 and account = $2 returning id", int, tuple[int, str]),
        args=(3, "ada"),
    ),
    Case(
        "book_inserted",
        Query("insert into books (code, account) values ($1, $2) returning code", str, tuple[str, str]),
        args=("2123456789", "ada"),
    ),
    Case(
        "key_inserted",
        Query("insert into keys (name, account) values ($1, $2) returning name", str, tuple[str, str]),
        args=("height", "ada"),
    ),
    Case(
        "rate_updated",
        Query("update rates set count = $3 where id = $1 and account = $2 returning share", int, tuple[int, str, int]),
        args=(1, "ada", 5),
    ),
    Case(
        "updates_in_order",
        Query(
            """
            with locked as (
                select id from orders where id = any($1) and account = $2 order by id limit 100 for update
            )
            update orders as o set note = 'x' from locked where o.id = locked.id and o.account = $2
            returning o.id
            """,
            UUID,
            tuple[list[UUID], str],
        ),
        args=(OF_ADA, "ada"),
    ),
]

CASES = [*VALUES, *QUERIES, *CHANGES]
