"""Statements whose cost grows with a table, and what the suite of a generated service has to say of each."""

STATEMENTS = {
    "unbounded": (
        '"select {columns} from orders where status = $1", Order, tuple[str]',
        r"\[unbounded\] nothing limits its result, about [\d,]+ rows. Add a limit",
    ),
    "not_indexed": (
        '"select {columns} from orders where customer_email = $1 limit 1", Order, tuple[str]',
        r"\[scan\] it reads the whole table orders. Add an index for: \(orders.customer_email = \$1\)",
    ),
    "filtered": (
        '"select id from orders where account = $1 and gift order by created_at, id limit 9", UUID, tuple[str]',
        r"\[filter\] it reads rows of orders and discards those that are not orders.gift. Add the column to an index",
    ),
    "sorted": (
        '"select {columns} from orders order by total_minor limit 9", Order',
        r"\[sort\] it sorts about [\d,]+ rows by orders.total_minor. Add an index on",
    ),
    "skipped": (
        '"select id from orders where account = $1 order by created_at limit 9 offset $2", UUID, tuple[str, int]',
        r"\[offset\] each page reads all pages before it. Page by a key",
    ),
    "limited_to_all": (
        '"select {columns} from orders where account = $1 order by created_at, id limit 100000000", Order, tuple[str]',
        r"\[unbounded\] a limit of 100,000,000 rows limits nothing",
    ),
    "counted": (
        '"select count(*) from orders where account = $1", int, tuple[str]',
        r"\[aggregate\] it reads about [\d,]+ rows to count or add them up. Keep the figure",
    ),
    "grouped": (
        '"select count(*) from orders where account = $1 group by status limit 9", int, tuple[str]',
        r"\[aggregate\] it reads about [\d,]+ rows",
    ),
    "updates_all": (
        '"update orders set gift = true where account = $1", int, tuple[str]',
        r"\[unbounded\] nothing limits the rows that it changes or locks, about [\d,]+. Take them by a unique key",
    ),
    "deletes_without_index": (
        '"delete from orders where customer_email = $1", int, tuple[str]',
        r"\[scan\] it reads the whole table orders. Add an index for: \(orders.customer_email = \$1\)",
    ),
    "deletes_everything": (
        '"delete from orders", int',
        r"\[scan\] it reads the whole table orders. Give it a `where`, with an index",
    ),
    "locks_all": (
        '"select count(*) from (select from orders where account = $1 for update) as locked", int, tuple[str]',
        r"\[unbounded\] nothing limits the rows that it changes or locks",
    ),
    "by_chance": (
        '"select id from orders order by random() limit 1", UUID',
        r"\[sort\] it sorts about [\d,]+ rows by \(random\(\)\). Do not sort randomly",
    ),
    "infix": (
        "\"select id from orders where note like '%a%' limit 9\", UUID",
        r"\[scan\] it reads the whole table orders. Add a trigram index",
    ),
    "either": (
        '"select id from orders where customer_email = $1 or reference = $1 limit 9", UUID, tuple[str]',
        r"\[scan\] it reads the whole table orders. Split it by `union`",
    ),
    "tagged": (
        '"select id from orders where $1 = any(tags) limit 9", UUID, tuple[str]',
        r"\[scan\] .* Write `tags @> array\[…\]`, with an index: using gin \(tags\)",
    ),
    "lowered": (
        '"select id from orders where lower(customer_email) = $1 limit 9", UUID, tuple[str]',
        r"\[scan\] .* Add an index on the expression: \(lower\(customer_email\)\)",
    ),
}
