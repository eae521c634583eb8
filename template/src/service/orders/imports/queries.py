"""The SQL of imports, one object for each statement. `{columns}` is every field of the type it returns."""

from uuid import UUID

from service.kit.queries import Query
from service.orders.imports.model import Import, Progress, Row

# An import that got no row for ten minutes was given up: an upload takes less.
give_up_import = Query(
    """
    delete from order_imports
     where account = $1 and state = 'receiving' and updated_at < now() - interval '10 minutes'
    returning rows
    """,
    int,
    params=(str,),
    sample="select 'development'",
    excused={"filter": "an account has one import that is not done"},
)

create_import = Query(
    """
    insert into order_imports (account)
    values ($1)
    returning {columns}
    """,
    Import,
    params=(str,),
    sample="select 'development'",
)

read_import = Query(
    """
    select {columns}
      from order_imports
     where id = $2 and account = $1
    """,
    Import,
    params=(str, UUID),
    sample="select account, id from order_imports limit 1",
)

receive_import = Query(
    """
    update order_imports
       set state = 'waiting', columns = $2, rows = $3, updated_at = now()
     where id = $1 and state = 'receiving'
    returning {columns}
    """,
    Import,
    params=(UUID, list[str], int),
    sample="select id, array['reference'], 3 from order_imports limit 1",
)

drop_import = Query(
    """
    delete from order_imports
     where id = $1 and state = 'receiving'
    returning rows
    """,
    int,
    params=(UUID,),
    sample="select id from order_imports limit 1",
)

# Whoever else runs the same job waits here until this transaction has ended, and takes the rows that are left.
take_import = Query(
    """
    select {columns}
      from order_imports
     where id = $1 and state = 'waiting'
       for update
    """,
    Progress,
    params=(UUID,),
    sample="select id from order_imports limit 1",
)

take_rows = Query(
    """
    delete from order_import_rows
     where (import_id, line) in (
           select import_id, line
             from order_import_rows
            where import_id = $1
            order by line
            limit $2
     )
    returning {columns}
    """,
    Row,
    params=(UUID, int),
    sample="select import_id, 1000::bigint from order_import_rows limit 1",
    excused={"unbounded": "the limit stands within"},
)

create_orders = Query(
    """
    insert into orders (account, reference, customer_email, currency, total_minor, item_count, tags, gift, note)
    select $1, reference, customer_email, currency, total_minor, item_count, tags, gift, note
      from jsonb_to_recordset($2::jsonb) as given (
           reference text, customer_email text, currency text, total_minor bigint, item_count int, tags text[],
           gift boolean, note text
      )
    on conflict (account, reference) do nothing
    returning reference
    """,
    str,
    params=(str, str),
    sample="select 'development', '[]'",
    excused={"unbounded": "as many as it is given"},
)

note_progress = Query(
    """
    update order_imports
       set created = created + $2, refused = refused + $3, faults = (faults || $4::text[])[1:100], updated_at = now()
     where id = $1
    returning rows
    """,
    int,
    params=(UUID, int, int, list[str]),
    sample="select id, 999, 1, array['line 7: it is no order'] from order_imports limit 1",
)

end_import = Query(
    """
    update order_imports
       set state = 'done', updated_at = now()
     where id = $1
    returning rows
    """,
    int,
    params=(UUID,),
    sample="select id from order_imports limit 1",
)

# What is left of imports that were given up. There is an order to the rows of an import, and none among imports.
sweep_rows = Query(
    """
    delete from order_import_rows
     where (import_id, line) in (
           select import_id, line
             from order_import_rows as waiting
            where not exists (select from order_imports where id = waiting.import_id)
            limit $1
     )
    returning line
    """,
    int,
    params=(int,),
    sample="select 10000::bigint",
    excused={
        "unbounded": "the limit stands within",
        "scan": "no request waits for it, and few imports are there at a time",
    },
)
