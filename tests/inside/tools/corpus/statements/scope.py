"""Whose rows statements read and change, and what of a row they show."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from inside.tools.corpus.case import EVE, OF_ADA, OF_BOB, ORDER, PAID, Case
from service.kit.db.query import Query

SCOPE = {"scope"}
STAR = {"star"}
SITE = UUID(int=0xD1)
SITE_OF_BOB = UUID(int=0xD2)

READS = [
    Case("by_key", Query("select number from orders where id = $1", str, tuple[UUID]), SCOPE, (OF_BOB,)),
    Case(
        "by_keys",
        Query("select number from orders where id = any($1) order by id limit 100", str, tuple[list[UUID]]),
        SCOPE,
        ([OF_BOB],),
    ),
    Case(
        "newest_of_all",
        Query("select number from orders where state = 'open' order by placed_at desc, id desc limit 20", str),
        SCOPE,
    ),
    Case("site_by_host", Query("select id from sites where host = $1", UUID, tuple[str]), SCOPE, ("bob.example",)),
    Case(
        "payment_by_key",
        Query("select reference from billing.payments where id = $1", str, tuple[UUID]),
        SCOPE,
        (UUID(int=0xF3),),
    ),
    Case(
        "events_of_all",
        Query("select kind from events order by at desc, id desc limit 20", str),
        SCOPE,
    ),
    Case("partition", Query("select kind from events_2026 order by at desc, id desc limit 20", str), SCOPE),
    Case("view", Query("select number from open_orders where id = $1", str, tuple[UUID]), SCOPE, (OF_BOB,)),
    Case(
        "aggregated_view",
        Query(
            "select total from customer_totals where customer_id = $1 order by account limit 1",
            Decimal | None,
            tuple[UUID],
        ),
        SCOPE,
        (UUID(int=0xC3),),
    ),
    Case("matview", Query("select orders from daily_sales order by account, day limit 9", int | None), SCOPE),
    Case(
        "child",
        Query("select title from contracts where id = $1", str, tuple[int]),
        SCOPE,
        unshown="bob has no contract",
    ),
    Case("parent", Query("select title from documents where id = $1", str, tuple[int]), SCOPE, (2,)),
    Case(
        "domain_key", Query("select title from books where code = $1", str | None, tuple[str]), SCOPE, ("1123456789",)
    ),
    Case(
        "account_or_not",
        Query("select number from orders where id = $1 and (account = $2 or $2 = 'root')", str, tuple[UUID, str]),
        SCOPE,
        unshown="it shows to root alone",
    ),
    Case(
        "optional_account",
        Query(
            "select number from orders where id = $1 and ($2::text is null or account = $2)",
            str,
            tuple[UUID, str | None],
        ),
        SCOPE,
        (OF_BOB, None),
    ),
    Case(
        "another_account",
        Query("select number from orders where id = $1 and account <> $2", str, tuple[UUID, str]),
        SCOPE,
        (OF_BOB, "ada"),
    ),
    Case(
        "accounts_that_begin_alike",
        Query("select number from orders where id = $1 and account like $2", str, tuple[UUID, str]),
        SCOPE,
        (OF_BOB, "%"),
    ),
    Case(
        "account_of_the_other_table",
        Query(
            "select o.number from orders as o join customers as c on c.id = o.customer_id where o.id = $1 and "
            "c.account = $2",
            str,
            tuple[UUID, str],
        ),
        SCOPE,
        unshown="each order has a customer of its account",
    ),
    Case(
        "one_arm_of_a_union",
        Query(
            "select number from orders where id = $1 and account = $2 union all select number from orders where id "
            "= $3",
            str,
            tuple[UUID, str, UUID],
        ),
        SCOPE,
        (ORDER, "ada", OF_BOB),
    ),
    Case(
        "subquery",
        Query(
            "select (select number from orders where id = c.referrer_id) from customers as c where c.id = $1 and "
            "c.account = $2",
            str | None,
            tuple[UUID, str],
        ),
        SCOPE,
        unshown="a referrer is no order",
    ),
    Case(
        "exists",
        Query("select exists (select from orders where number = $1 and id = $2)", bool, tuple[str, UUID]),
        SCOPE,
        ("B-1", OF_BOB),
    ),
    Case(
        "lateral",
        Query(
            "select o.number from customers as c, lateral (select number from orders where customer_id = c.id "
            "order by placed_at, id limit 1) as o where c.id = $1 and c.account = $2",
            str,
            tuple[UUID, str],
        ),
        SCOPE | {"sort"},
        unshown="each order has a customer of its account",
    ),
    Case(
        "left_join",
        Query(
            "select p.reference from orders as o left join billing.payments as p on p.order_id = o.id "
            "where o.id = $1 and o.account = $2 order by p.id limit 20",
            str | None,
            tuple[UUID, str],
        ),
        SCOPE,
        unshown="each payment is of its order's account",
    ),
    Case(
        "left_join_that_asks_in_vain",
        Query(
            "select o.number from orders as o left join customers as c on c.account = $2 and c.id = o.customer_id "
            "where o.id = $1",
            str,
            tuple[UUID, str],
        ),
        SCOPE,
        (OF_BOB, "ada"),
    ),
    Case(
        "with",
        Query("with found as (select number from orders where id = $1) select number from found", str, tuple[UUID]),
        SCOPE,
        (OF_BOB,),
    ),
    Case(
        "by_key_and_account",
        Query("select number from orders where id = $1 and account = $2", str, tuple[UUID, str]),
        args=(ORDER, "ada"),
    ),
    Case(
        "by_keys_and_account",
        Query(
            "select number from orders where id = any($1) and account = $2 order by id limit 100",
            str,
            tuple[list[UUID], str],
        ),
        args=(OF_ADA, "ada"),
    ),
    Case(
        "site_of_its_owner",
        Query("select host from sites where id = $1 and owner = $2", str, tuple[UUID, str]),
        args=(SITE, "ada"),
    ),
    Case("transfer_of_nobody", Query("select amount from transfers where id = $1", Decimal, tuple[int]), args=(1,)),
    Case("product_of_nobody", Query("select name from products where id = $1", str, tuple[int]), args=(1,)),
    Case(
        "view_and_account",
        Query("select number from open_orders where id = $1 and account = $2", str, tuple[UUID, str]),
        args=(ORDER, "ada"),
    ),
    Case(
        "matview_and_account",
        Query("select orders from daily_sales where account = $1 order by day limit 9", int | None, tuple[str]),
        args=("ada",),
    ),
    Case(
        "partition_and_account",
        Query("select kind from events_2026 where account = $1 order by at desc, id desc limit 20", str, tuple[str]),
        args=("ada",),
    ),
    Case(
        "joined_by_account",
        Query(
            "select c.email from orders as o join customers as c on c.id = o.customer_id and c.account = o.account "
            "where o.id = $1 and o.account = $2",
            str,
            tuple[UUID, str],
        ),
        args=(ORDER, "ada"),
    ),
    Case(
        "payments_of_an_order",
        Query(
            "select p.reference from orders as o join billing.payments as p on p.order_id = o.id and p.account = "
            "o.account "
            "where o.id = $1 and o.account = $2 order by p.id limit 20",
            str,
            tuple[UUID, str],
        ),
        args=(PAID, "ada"),
    ),
    Case(
        "lines_of_an_order_of_the_account",
        Query(
            "select l.sku from order_lines as l join orders as o on o.id = l.order_id where o.id = $1 and "
            "o.account = $2 "
            "order by l.position limit 100",
            str,
            tuple[UUID, str],
        ),
        args=(ORDER, "ada"),
    ),
    Case(
        "exists_of_the_account",
        Query("select exists (select from orders where account = $1 and number = $2)", bool, tuple[str, str]),
        args=("ada", "A-1"),
    ),
    Case(
        "subquery_of_the_account",
        Query(
            "select (select max(o.placed_at) from orders as o where o.customer_id = c.id and o.account = c.account) "
            "from customers as c where c.id = $1 and c.account = $2",
            datetime | None,
            tuple[UUID, str],
        ),
        args=(EVE, "ada"),
    ),
    Case(
        "excused",
        Query(
            "select number from orders where id = $1", str, tuple[UUID], excused={"scope": "operators read all orders"}
        ),
        args=(OF_BOB,),
    ),
]

WRITES = [
    Case(
        "updates_by_key",
        Query("update orders set note = 'x' where id = $1 returning id", UUID, tuple[UUID]),
        SCOPE,
        (OF_BOB,),
    ),
    Case(
        "updates_by_keys",
        Query("update orders set note = 'x' where id = any($1) returning id", UUID, tuple[list[UUID]]),
        SCOPE,
        ([OF_BOB],),
    ),
    Case("deletes_by_key", Query("delete from tasks where id = $1", int, tuple[int]), SCOPE, (3,)),
    Case(
        "deletes_payment",
        Query("delete from billing.payments where id = $1", int, tuple[UUID]),
        SCOPE,
        (UUID(int=0xF3),),
    ),
    Case("deletes_site", Query("delete from sites where id = $1", int, tuple[UUID]), SCOPE, (SITE_OF_BOB,)),
    Case(
        "updates_by_unnest",
        Query(
            "update orders as o set note = given.note from unnest($1::uuid[], $2::text[]) as given (id, note) "
            "where o.id = given.id",
            int,
            tuple[list[UUID], list[str]],
        ),
        SCOPE,
        ([OF_BOB], ["x"]),
    ),
    Case(
        "updates_through_a_view",
        Query("update open_orders set note = 'x' where id = $1", int, tuple[UUID]),
        SCOPE,
        (OF_BOB,),
    ),
    Case(
        "upserts_over_another_account",
        Query(
            "insert into sites (id, owner, host) values ($1, $2, $3) on conflict (host) do update set title = 'mine'",
            int,
            tuple[UUID, str, str],
        ),
        SCOPE,
        (UUID(int=1), "ada", "bob.example"),
    ),
    Case(
        "upserts_by_key",
        Query(
            "insert into orders (id, account, number, currency, total) values ($1, $2, $3, 'EUR', 1) "
            "on conflict (id) do update set note = 'x' returning id",
            UUID,
            tuple[UUID, str, str],
        ),
        SCOPE,
        (OF_BOB, "ada", "A-9"),
    ),
    Case(
        "merges_by_key",
        Query(
            "merge into sites as s using (values ($1::text, $2::text)) as given (owner, host) on s.host = given.host "
            "when matched then update set title = 'mine' when not matched then insert (owner, host) "
            "values (given.owner, given.host)",
            int,
            tuple[str, str],
        ),
        SCOPE,
        ("ada", "bob.example"),
    ),
    Case(
        "copies_of_another",
        Query(
            "insert into tasks (account, error) select $1, note from orders where id = $2 returning error",
            str | None,
            tuple[str, UUID],
        ),
        SCOPE,
        ("ada", OF_BOB),
    ),
    Case(
        "deletes_using",
        Query(
            "delete from tasks as t using orders as o where o.id = $1 and o.account = $2 and t.id = $3",
            int,
            tuple[UUID, str, int],
        ),
        SCOPE,
        (ORDER, "ada", 3),
    ),
    Case(
        "updates_of_the_account",
        Query("update orders set note = 'x' where id = $1 and account = $2 returning id", UUID, tuple[UUID, str]),
        args=(ORDER, "ada"),
    ),
    Case(
        "deletes_of_the_account",
        Query("delete from billing.payments where id = $1 and account = $2 returning id", UUID, tuple[UUID, str]),
        args=(UUID(int=0xF1), "ada"),
    ),
    Case(
        "upserts_of_the_account",
        Query(
            "insert into customers (account, email) values ($1, $2) on conflict (account, email) do update "
            "set visits = customers.visits + 1 returning id",
            UUID,
            tuple[str, str],
        ),
        args=("ada", "eve@example.com"),
    ),
    Case(
        "upserts_where_it_is_the_owner",
        Query(
            "insert into sites (owner, host) values ($1, $2) on conflict (host) do update set title = 'mine' "
            "where sites.owner = excluded.owner returning id",
            UUID,
            tuple[str, str],
        ),
        args=("ada", "ada.example"),
    ),
    Case(
        "inserts_unless_there",
        Query("insert into sites (owner, host) values ($1, $2) on conflict do nothing", int, tuple[str, str]),
        args=("ada", "bob.example"),
    ),
    Case(
        "updates_through_a_view_of_the_account",
        Query("update open_orders set note = 'x' where id = $1 and account = $2", int, tuple[UUID, str]),
        args=(ORDER, "ada"),
    ),
    Case(
        "inserts_what_another_with_found",
        Query(
            """
            with found as (
                select id, account from orders where id = $1 and account = $2
            ), paid as (
                insert into billing.payments (account, order_id, amount, reference)
                select account, id, 1, $3 from found
                returning id, order_id
            )
            update orders as o set state = 'paid' from paid where o.id = paid.order_id and o.account = $2
            returning o.id
            """,
            UUID,
            tuple[UUID, str, str],
        ),
        args=(ORDER, "ada", "P9"),
    ),
    Case(
        "moves_rows",
        Query(
            """
            with gone as (
                delete from tasks where id = $1 and account = $2 returning account, state
            )
            insert into events (at, account, kind) select now(), account, state from gone returning kind
            """,
            str,
            tuple[int, str],
        ),
        args=(1, "ada"),
    ),
]

STARS = [
    Case(
        "star",
        Query("select * from customers where id = $1 and account = $2", str, tuple[UUID, str]),
        {"star", "columns"},
    ),
    Case(
        "returning_star",
        Query("delete from tasks where id = $1 and account = $2 returning *", int, tuple[int, str]),
        {"star", "columns"},
    ),
    Case(
        "star_of_a_table",
        Query("select o.* from orders as o where o.id = $1 and o.account = $2", str, tuple[UUID, str]),
        {"star", "columns"},
    ),
    Case(
        "row_as_json",
        Query("select to_jsonb(o)::text from orders as o where o.id = $1 and o.account = $2", str, tuple[UUID, str]),
        STAR,
    ),
    Case(
        "rows_as_json",
        Query(
            "select coalesce(json_agg(l), '[]')::text from order_lines as l where l.order_id = $1",
            str,
            tuple[UUID],
            excused={"aggregate": "an order has few lines"},
        ),
        STAR,
    ),
    Case(
        "row_of_another_schema",
        Query(
            "select jsonb_build_object('payment', p)::text from billing.payments as p where p.id = $1 and "
            "p.account = $2",
            str,
            tuple[UUID, str],
        ),
        STAR,
    ),
    Case(
        "row_of_a_view",
        Query(
            "select coalesce(row_to_json(o)::text, '') from open_orders as o where id = $1 and account = $2",
            str,
            tuple[UUID, str],
        ),
        STAR,
    ),
    Case(
        "row_in_an_array",
        Query(
            "select array(select l from order_lines as l where l.order_id = o.id)::text from orders as o "
            "where o.id = $1 and o.account = $2",
            str,
            tuple[UUID, str],
        ),
        STAR,
    ),
    Case(
        "row_as_text",
        Query("select c::text from customers as c where c.id = $1 and c.account = $2", str, tuple[UUID, str]),
        STAR,
    ),
    Case(
        "star_of_a_partition",
        Query("select * from readings where region = $1 and sensor = $2 and at = now()", str, tuple[str, int]),
        {"star", "columns"},
    ),
    Case(
        "counted_star",
        Query(
            "select count(*) from order_lines where order_id = $1",
            int,
            tuple[UUID],
            excused={"aggregate": "an order has few lines"},
        ),
        args=(ORDER,),
    ),
    Case(
        "exists_star",
        Query("select exists (select * from orders where id = $1 and account = $2)", bool, tuple[UUID, str]),
        args=(ORDER, "ada"),
    ),
    Case(
        "not_exists_star",
        Query(
            "select number from orders as o where o.id = $1 and o.account = $2 "
            "and not exists (select * from billing.payments as p where p.order_id = o.id and p.account = o.account)",
            str,
            tuple[UUID, str],
        ),
        args=(UUID(int=0xA4), "ada"),
    ),
    Case(
        "product_in_a_list",
        Query(
            "select quantity * price from order_lines where order_id = $1 and position = $2", Decimal, tuple[UUID, int]
        ),
        args=(ORDER, 1),
    ),
    Case("star_in_a_text", Query("select '*, select * from'", str)),
    Case(
        "listed_as_json",
        Query(
            "select jsonb_build_object('number', number)::text from orders where id = $1 and account = $2",
            str,
            tuple[UUID, str],
        ),
        args=(ORDER, "ada"),
    ),
    Case(
        "star_of_a_listed_subquery",
        Query(
            "select count(*) from (select number from orders where account = $1 order by placed_at, id limit 10) "
            "as page",
            int,
            tuple[str],
        ),
        args=("ada",),
    ),
]

CASES = [*READS, *WRITES, *STARS]
