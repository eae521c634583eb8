"""The SQL of orders, one object for each statement. `{columns}` is every field of `Order`."""

from datetime import datetime
from uuid import UUID

from service.kit.queries import Query
from service.orders.model import Amounts, Order

EXPORT = {"unbounded": "it streams"}

create_order = Query(
    """
    insert into orders (reference, customer_email, currency, total_minor, item_count, tags, gift, note)
    values ($1, $2, $3, $4, $5, $6, $7, $8)
    returning {columns}
    """,
    Order,
    params=(str, str, str, int, int, list[str], bool, str | None),
    sample="""
    select 'SO-' || uuidv7(), 'ada@example.com', 'EUR', 1999::bigint, 3, array['priority'], false, null
    """,
)

read_order = Query(
    """
    select {columns}
      from orders
     where id = $1
    """,
    Order,
    params=(UUID,),
    sample="select id from orders limit 1",
)

# $2 is the version that the client read. After another change no row has it, and nothing is changed.
change_order = Query(
    """
    update orders
       set status = $3, tags = $4, gift = $5, note = $6, version = version + 1, updated_at = now()
     where id = $1 and version = $2
    returning {columns}
    """,
    Order,
    params=(UUID, int, str, list[str], bool, str | None),
    sample="select id, version, 'paid', tags, gift, note from orders limit 1",
)

# The lists start after a creation time and id ($1, $2), end at a creation time ($3), and return $4 rows. Both ends are
# conditions on the index, so PostgreSQL reads the rows of the page and no others, however deep the page is.
newest_orders = Query(
    """
    select {columns}
      from orders
     where (created_at, id) < ($1, $2) and created_at >= $3
     order by created_at desc, id desc
     limit $4
    """,
    Order,
    params=(datetime, UUID, datetime, int),
    sample="select created_at, id, '-infinity'::timestamptz, 21::bigint from orders offset 500 limit 1",
)

oldest_orders = Query(
    """
    select {columns}
      from orders
     where (created_at, id) > ($1, $2) and created_at < $3
     order by created_at, id
     limit $4
    """,
    Order,
    params=(datetime, UUID, datetime, int),
    sample="select created_at, id, 'infinity'::timestamptz, 21::bigint from orders offset 500 limit 1",
)

newest_orders_by_status = Query(
    """
    select {columns}
      from orders
     where status = $5 and (created_at, id) < ($1, $2) and created_at >= $3
     order by created_at desc, id desc
     limit $4
    """,
    Order,
    params=(datetime, UUID, datetime, int, str),
    sample="select created_at, id, '-infinity'::timestamptz, 21::bigint, status from orders offset 500 limit 1",
)

oldest_orders_by_status = Query(
    """
    select {columns}
      from orders
     where status = $5 and (created_at, id) > ($1, $2) and created_at < $3
     order by created_at, id
     limit $4
    """,
    Order,
    params=(datetime, UUID, datetime, int, str),
    sample="select created_at, id, 'infinity'::timestamptz, 21::bigint, status from orders offset 500 limit 1",
)

# The exports have every order from one creation time ($1) to another ($2).
export_newest = Query(
    """
    select {columns}
      from orders
     where created_at >= $1 and created_at < $2
     order by created_at desc, id desc
    """,
    Order,
    params=(datetime, datetime),
    excused=EXPORT,
)

export_oldest = Query(
    """
    select {columns}
      from orders
     where created_at >= $1 and created_at < $2
     order by created_at, id
    """,
    Order,
    params=(datetime, datetime),
    excused=EXPORT,
)

export_newest_by_status = Query(
    """
    select {columns}
      from orders
     where status = $3 and created_at >= $1 and created_at < $2
     order by created_at desc, id desc
    """,
    Order,
    params=(datetime, datetime, str),
    excused=EXPORT,
)

export_oldest_by_status = Query(
    """
    select {columns}
      from orders
     where status = $3 and created_at >= $1 and created_at < $2
     order by created_at, id
    """,
    Order,
    params=(datetime, datetime, str),
    excused=EXPORT,
)

# All amounts of one currency in one row: an array of numbers is decoded, and handed to a process, in a fraction of the
# time that rows would take. There are fewer currencies than 200.
latest_amounts = Query(
    """
    select currency, coalesce(array_agg(total_minor), '{}') as totals
      from (select currency, total_minor from orders order by created_at desc, id desc limit $1) as latest
     group by currency
     limit 200
    """,
    Amounts,
    params=(int,),
    sample="select 20000::bigint",
)

# Made-up orders for development are numbered: SEED-0000001 and on.
count_seeded_orders = Query(
    """
    select coalesce(max(substr(reference, 6)), '0')::int
      from orders
     where reference >= 'SEED-' and reference < 'SEED.'
    """,
    int,
)

# After many new rows, so that plans are made for them.
analyze_orders = Query("analyze orders", int)
