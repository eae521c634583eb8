"""Faults in SQL, and what the suite of a generated service has to say of each."""

from tests.sql import costly_statements

PLANTED = {
    "misspelt": (
        '"select id, refrence from orders where id = $1", UUID, tuple[UUID]',
        r'\[prepare\] .*column "refrence" does not exist',
    ),
    "wrong_argument": (
        '"select {columns} from orders where id = $1", Order, tuple[str]',
        r"\[params\] \$1 is uuid, and declared str. Declare it as UUID, or cast",
    ),
    "missing_argument": (
        '"select {columns} from orders where id = $1 and version = $2", Order, tuple[UUID]',
        r"\[params\] it declares 1 arguments and takes 2. Declare them in order: uuid, integer",
    ),
    "too_few_columns": (
        '"select id, reference from orders where id = $1", Order, tuple[UUID]',
        r"\[columns\] it returns 2 columns for 13 fields",
    ),
    "swapped_columns": (
        '"select currency, reference from orders where id = $1", Pair, tuple[UUID]',
        r"\[columns\] column currency fills the field reference. Put the columns in the fields' order",
    ),
    "wrong_type": (
        '"select reference, total_minor::text as currency from orders where id = $1", Numbers, tuple[UUID]',
        r"\[types\] reference is text, not int. Declare it as str, or cast",
    ),
    "nullable_column": (
        '"select reference, note as currency from orders where id = $1", Pair, tuple[UUID]',
        r"\[nulls\] currency can be null: orders.note can be null. Let its type",
    ),
    "computed_null": (
        '"select max(total_minor) from orders where id = $1", int, tuple[UUID]',
        r"\[nulls\] max can be null: max may return null. .* never_null=\{'max': '…'\}",
    ),
    "outer_join": (
        '"select a.reference, b.currency from orders a left join orders b using (id) where id = $1", Pair, tuple[UUID]',
        r"\[nulls\] currency can be null: the outer join may find no row",
    ),
    "star": ('"select * from orders where id = $1", Order, tuple[UUID]', r"\[star\] it selects \*. List the columns"),
    "returning_star": (
        '"update orders set gift = true where id = $1 returning *", Order, tuple[UUID]',
        r"\[star\] it selects \*. List the columns",
    ),
    "undeclared": (
        '"select reference from orders where id = $1", str',
        r"\[params\] it declares 0 arguments and takes 1. Declare them in order: uuid",
    ),
    "wrong_items": (
        '"select reference from orders where id = any($1)", str, tuple[list[str]]',
        r"\[params\] \$1 is uuid\[\], and declared list\[str\]",
    ),
    "wrong_array": (
        '"select tags from orders where id = $1", list[int], tuple[UUID]',
        r"\[types\] tags is text\[\], not list\[int\]",
    ),
    "none_into_not_null": (
        '"update orders set reference = $1 where id = $2 returning id", UUID, tuple[str | None, UUID]',
        r"\[params\] \$1 may be None, and orders.reference is never null. Leave `\| None` out",
    ),
    "none_inserted": (
        '"insert into orders (account, reference, customer_email, currency, total_minor, item_count) '
        "values ('a', 'b', 'c', 'EUR', 1, $1) returning id\", UUID, tuple[int | None]",
        r"\[params\] \$1 may be None, and orders.item_count is never null",
    ),
    "by_function": (
        '"select reference, currency from orders where id = $1", lambda *row: row, tuple[UUID]',
        r"\[columns\] its row is a function, so nothing is known of it",
    ),
    "swapped_by_alias": (
        '"select currency as reference, reference as currency from orders where id = $1", Pair, tuple[UUID]',
        r"\[columns\] column currency fills the field reference",
    ),
    "same_again": (
        '"SELECT {columns} FROM orders WHERE id = $2 AND account = $1", Order, tuple[str, UUID]',
        r"\[twin\] it is the same as orders.read_order. Use that one",
    ),
    "null_after_all": (
        '"select reference, coalesce(note, null) as currency from orders where id = $1", Pair, tuple[UUID]',
        r"\[nulls\] currency can be null: ",
    ),
    "unknown_null": (
        '"select reference, regexp_substr(note, $2) as currency from orders where id = $1", Pair, tuple[UUID, str]',
        r"\[nulls\] currency can be null: regexp_substr may return null. .* never_null=\{'currency': '…'\}",
    ),
    "newest_of_all": (
        '"select id from orders order by created_at desc, id desc limit 20", UUID',
        r"\[scope\] it reads orders without asking for the account. Add `account = \$…` to the conditions there, or",
    ),
    "by_any": (
        '"select {columns} from orders where id = any($1) limit 9", Order, tuple[list[UUID]]',
        r"\[scope\] it reads orders without asking for the account",
    ),
    "by_two": (
        '"select {columns} from orders where id in ($1, $2) limit 2", Order, tuple[UUID, UUID]',
        r"\[scope\] it reads orders without asking for the account",
    ),
    "deletes_by_any": (
        '"delete from orders where id = any($1) returning id", UUID, tuple[list[UUID]]',
        r"\[scope\] it changes orders without asking for the account",
    ),
    "upsert": (
        '"insert into orders (id, account, reference, customer_email, currency, total_minor, item_count) '
        "values ($1, $2, 'a', 'b', 'EUR', 1, 1) on conflict (id) do update set reference = excluded.reference "
        'returning id", UUID, tuple[UUID, str]',
        r"\[scope\] it changes orders .* Add `where orders.account = excluded.account` to its `do update`, or say",
    ),
    "one_arm": (
        '"select id from orders where id = $1 and account = $2 union all select id from orders where id = $3", '
        "UUID, tuple[UUID, str, UUID]",
        r"\[scope\] it reads orders without asking for the account",
    ),
    "for_all": (
        '"select currency from orders group by currency limit 9", str',
        r"\[scope\] it reads orders without asking for the account",
    ),
    "done": (
        '"do $$ begin delete from orders; end $$", int',
        r"\[plan\] PostgreSQL makes no plan of it, so nothing is known of the rows that it reads or changes. Write a",
    ),
    "truncated": ('"truncate orders", int', r"\[plan\] PostgreSQL makes no plan of it"),
    "whole_as_json": (
        '"select to_jsonb(o)::text from orders o where id = $1 and account = $2", str, tuple[UUID, str]',
        r"\[star\] it takes whole rows of a table, as \* does. List the columns",
    ),
    "whole_in_parentheses": (
        '"select (o).* from orders o where id = $1 and account = $2", Order, tuple[UUID, str]',
        r"\[star\] it selects \*. List the columns",
    ),
}

STATEMENTS = PLANTED | costly_statements.STATEMENTS

TYPES = """

class Pair(Struct):
    reference: str
    currency: str


class Numbers(Struct):
    reference: int
    currency: str


"""

EXCUSED = """
excused = Query(
    "select {columns} from orders where status = $1 and true",
    Order,
    tuple[str],
    excused={"unbounded": "the planted test says so", "scan": "so it does", "filter": "and this", "scope": "and this"},
)
"""

FOREIGN_KEY = """
create table lines (
    id uuid not null default uuidv7(),
    order_id uuid not null,
    constraint lines_pkey primary key (id),
    constraint lines_order_id_fkey foreign key (order_id) references orders (id)
);
create index orders_gift_idx on orders (gift);
"""

PAGE = "    return await queries.orders.page(db, where, cursor, limit, caller.id)\n"

N_PLUS_1 = """    page = await queries.orders.page(db, where, cursor, limit, caller.id)
    for row in page.data:
        await db.find(queries.read_order, caller.id, row.id)
    return page
"""

UNSCOPED = """
remove_order = Query("delete from orders where id = $1 returning id", UUID, tuple[UUID])
"""

HIDDEN = """

class Box:
    inside = Query("select 1 where $1", int, tuple[bool])


spliced = Listing(
    "orders", Order, OrderFilter, scope={"account": str}, filters=((), ("status",)), excused={"twin": "planted"},
    joins=f"{str()}",
)
"""

SORT = """    await db.fetch(Query(f"select 1 from orders order by {sort}", int))
"""
