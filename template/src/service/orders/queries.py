"""The SQL of orders, one object for each statement. `{columns}` is every field of `Order`."""

from uuid import UUID

from service.kit.db import Query
from service.kit.rows import Listing
from service.orders.model import Amounts, Order, OrderFilter

create_order = Query(
    """
    insert into orders (account, reference, customer_email, currency, total_minor, item_count, tags, gift, note)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
    returning {columns}
    """,
    Order,
    tuple[str, str, str, str, int, int, list[str], bool, str | None],
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
    tuple[str, UUID],
    sample="select account, id from orders limit 1",
)

read_any_order = Query(
    """
    select {columns}
      from orders
     where id = $1
    """,
    Order,
    tuple[UUID],
    sample="select id from orders limit 1",
    excused={"scope": "operators read the orders of all accounts; their route needs the role"},
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
    tuple[str, UUID, int, str, list[str], bool, str | None],
    sample="select account, id, version, 'paid', tags, gift, note from orders limit 1",
)

# Few at a time: one statement for all orders would hold their locks, and the oldest snapshot, for minutes.
delete_some = Query(
    """
    delete from orders
     where account = $1
       and id = any(array(select id from orders where account = $1 order by created_at, id limit $2))
    returning id
    """,
    UUID,
    tuple[str, int],
    sample="select account, 1000::bigint from orders limit 1",
)

# Lists and exports of an account's orders, by creation time in either direction. Each set of filters needs an index.
orders = Listing("orders", Order, OrderFilter, scope={"account": str}, filters=((), ("status",)))

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
    tuple[str, int],
    sample="select account, 20000::bigint from orders limit 1",
)
