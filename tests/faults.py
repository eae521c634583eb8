"""Faults in SQL, and what the suite of a generated service has to say of each."""

STATEMENTS = {
    "misspelt": (
        '"select id, refrence from orders where id = $1", UUID',
        r'\[prepare\] .*column "refrence" does not exist',
    ),
    "wrong_argument": (
        '"select {columns} from orders where id = $1", Order, tuple[str]',
        r"\[params\] \$1 is uuid, and declared <class 'str'>. Correct `params`",
    ),
    "missing_argument": (
        '"select {columns} from orders where id = $1 and version = $2", Order, tuple[UUID]',
        r"\[params\] it declares 1 arguments and takes 2. Declare them in order: uuid, int4",
    ),
    "too_few_columns": (
        '"select id, reference from orders where id = $1", Order',
        r"\[columns\] it returns 2 columns for 13 fields",
    ),
    "swapped_columns": (
        '"select currency, reference from orders where id = $1", Pair',
        r"\[columns\] column currency fills the field reference. Put the columns in the fields' order",
    ),
    "wrong_type": (
        '"select reference, total_minor::text as currency from orders where id = $1", Numbers',
        r"\[types\] reference is text, which is no <class 'int'>. Correct the field, or cast",
    ),
    "nullable_column": (
        '"select reference, note as currency from orders where id = $1", Pair',
        r"\[nulls\] currency can be null. Let the field be `currency: … \| None`, or coalesce it",
    ),
    "computed_null": ('"select max(total_minor) from orders where id = $1", int', r"\[nulls\] max can be null"),
    "outer_join": (
        '"select a.reference, b.currency from orders a left join orders b on b.id = a.id where a.id = $1", Pair',
        r"\[nulls\] currency can be null",
    ),
    "star": ('"select * from orders where id = $1", Order', r"\[star\] it selects \*. List the columns"),
    "returning_star": (
        '"update orders set gift = true where id = $1 returning *", Order',
        r"\[star\] it selects \*. List the columns",
    ),
    "unbounded": (
        '"select {columns} from orders where status = $1", Order',
        r"\[unbounded\] nothing limits its result, about [\d,]+ rows. Add a limit",
    ),
    "not_indexed": (
        '"select {columns} from orders where customer_email = $1 limit 1", Order',
        r"\[scan\] it reads the whole table orders. Add an index for: \(orders.customer_email = \$1\)",
    ),
    "filtered": (
        '"select {columns} from orders where gift and created_at < $1 order by created_at desc limit 9", Order',
        r"\[filter\] it reads rows of orders and discards those that are not orders.gift. Add the column to the index",
    ),
    "sorted": (
        '"select {columns} from orders order by total_minor limit 9", Order',
        r"\[sort\] it sorts about [\d,]+ rows by orders.total_minor. Add an index on",
    ),
}

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
    "select {columns} from orders where status = $1",
    Order,
    excused={"unbounded": "the planted test says so"},
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

N_PLUS_1 = """    for row in page.data:
        await db.find(queries.read_order, caller.id, row.id)
"""

SORT = """    await db.fetch(Query(f"select 1 from orders order by {sort}", int))
"""
