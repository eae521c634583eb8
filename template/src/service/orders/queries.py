"""The SQL of orders, one object for each statement. `{columns}` is every field of `Order`."""

from datetime import datetime
from uuid import UUID

from service.kit.db import Query
from service.orders.model import Amounts, Order

EXPORT = {"unbounded": "it streams"}

create_order = Query(
    """
    insert into orders (account, reference, customer_email, currency, total_minor, item_count, tags, gift, note)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
    returning {columns}
    """,
    Order,
    params=(str, str, str, str, int, int, list[str], bool, str | None),
    sample="""
    select 'development', 'SO-' || uuidv7(), 'ada@example.com', 'EUR', 1999::bigint, 3, array['priority'], false, null
    """,
)

read_order = Query(
    """
    select {columns}
      from orders
     where id = $2 and account = $1
    """,
    Order,
    params=(str, UUID),
    sample="select account, id from orders limit 1",
)

# $3 is the version that the client read. After another change no row has it, and nothing is changed.
change_order = Query(
    """
    update orders
       set status = $4, tags = $5, gift = $6, note = $7, version = version + 1, updated_at = now()
     where id = $2 and account = $1 and version = $3
    returning {columns}
    """,
    Order,
    params=(str, UUID, int, str, list[str], bool, str | None),
    sample="select account, id, version, 'paid', tags, gift, note from orders limit 1",
)

# The lists of an account ($1) start after a creation time and id ($2, $3), end at a creation time ($4), and return $5
# rows. Both ends are conditions on the index, so PostgreSQL reads the rows of the page and no others, however deep the
# page is.
newest_orders = Query(
    """
    select {columns}
      from orders
     where account = $1 and (created_at, id) < ($2, $3) and created_at >= $4
     order by created_at desc, id desc
     limit $5
    """,
    Order,
    params=(str, datetime, UUID, datetime, int),
    sample="select account, created_at, id, '-infinity'::timestamptz, 21::bigint from orders offset 500 limit 1",
)

oldest_orders = Query(
    """
    select {columns}
      from orders
     where account = $1 and (created_at, id) > ($2, $3) and created_at < $4
     order by created_at, id
     limit $5
    """,
    Order,
    params=(str, datetime, UUID, datetime, int),
    sample="select account, created_at, id, 'infinity'::timestamptz, 21::bigint from orders offset 500 limit 1",
)

newest_orders_by_status = Query(
    """
    select {columns}
      from orders
     where account = $1 and status = $6 and (created_at, id) < ($2, $3) and created_at >= $4
     order by created_at desc, id desc
     limit $5
    """,
    Order,
    params=(str, datetime, UUID, datetime, int, str),
    sample="""
    select account, created_at, id, '-infinity'::timestamptz, 21::bigint, status from orders offset 500 limit 1
    """,
)

oldest_orders_by_status = Query(
    """
    select {columns}
      from orders
     where account = $1 and status = $6 and (created_at, id) > ($2, $3) and created_at < $4
     order by created_at, id
     limit $5
    """,
    Order,
    params=(str, datetime, UUID, datetime, int, str),
    sample="""
    select account, created_at, id, 'infinity'::timestamptz, 21::bigint, status from orders offset 500 limit 1
    """,
)

# The exports have every order of an account ($1) from one creation time ($2) to another ($3).
export_newest = Query(
    """
    select {columns}
      from orders
     where account = $1 and created_at >= $2 and created_at < $3
     order by created_at desc, id desc
    """,
    Order,
    params=(str, datetime, datetime),
    excused=EXPORT,
)

export_oldest = Query(
    """
    select {columns}
      from orders
     where account = $1 and created_at >= $2 and created_at < $3
     order by created_at, id
    """,
    Order,
    params=(str, datetime, datetime),
    excused=EXPORT,
)

export_newest_by_status = Query(
    """
    select {columns}
      from orders
     where account = $1 and status = $4 and created_at >= $2 and created_at < $3
     order by created_at desc, id desc
    """,
    Order,
    params=(str, datetime, datetime, str),
    excused=EXPORT,
)

export_oldest_by_status = Query(
    """
    select {columns}
      from orders
     where account = $1 and status = $4 and created_at >= $2 and created_at < $3
     order by created_at, id
    """,
    Order,
    params=(str, datetime, datetime, str),
    excused=EXPORT,
)

# All amounts of one currency in one row: an array of numbers is decoded, and handed to a process, in a fraction of the
# time that rows would take. There are fewer currencies than 200.
latest_amounts = Query(
    """
    select currency, coalesce(array_agg(total_minor), '{}') as totals
      from (
          select currency, total_minor from orders where account = $1 order by created_at desc, id desc limit $2
      ) as latest
     group by currency
     limit 200
    """,
    Amounts,
    params=(str, int),
    sample="select account, 20000::bigint from orders limit 1",
)
