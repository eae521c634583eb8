"""Statements that were added after the rules had changed, to see how these do on what nobody had looked at."""

from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from inside.tools.corpus.case import EVE, MAX, OF_ADA, OF_BOB, ORDER, PAID, SHIPPED, Case
from msgspec import Struct
from service.kit.db.query import Query

JANUARY = datetime.fromisoformat("2026-01-01T00:00Z")
JULY = datetime.fromisoformat("2026-07-01T00:00Z")


class Due(Struct):
    number: str
    due: date


class DueOrNot(Struct):
    number: str
    due: date | None


class Paid(Struct):
    number: str
    paid: Decimal


class Kinds(Struct):
    kind: str
    events: int


class Stay(Struct):
    guest: str | None
    nights: int


FAULTS = [
    Case(
        "next_due",
        Query("select {columns} from orders where account = $1 order by due limit 10", Due, tuple[str]),
        {"nulls"},
        ("ada",),
    ),
    Case(
        "paid_so_far",
        Query(
            """
            select o.number, (select sum(p.amount) from billing.payments as p
                               where p.order_id = o.id and p.account = o.account and p.paid_at is not null) as paid
              from orders as o
             where o.id = $1 and o.account = $2
            """,
            Paid,
            tuple[UUID, str],
            excused={"aggregate": "an order has few payments", "filter": "an order has few payments"},
        ),
        {"nulls"},
        (ORDER, "ada"),
    ),
    Case(
        "referrer",
        Query(
            "select r.name from customers as c join customers as r on r.id = c.referrer_id and r.account = c.account "
            "where c.id = $1 and c.account = $2",
            str,
            tuple[UUID, str],
        ),
        {"nulls"},
        unshown="max is referred by eve, who has a name",
    ),
    Case(
        "last_error",
        Query(
            "select max(error) from (select error from tasks where account = $1 order by id desc limit 10) as latest",
            str,
            tuple[str],
        ),
        {"nulls"},
        ("none",),
    ),
    Case(
        "guest_in_capitals",
        Query(
            "update bookings set guest = upper(guest) where id = $1 and account = $2 returning guest",
            str,
            tuple[UUID, str],
        ),
        {"nulls"},
        (UUID(int=0xE2), "ada"),
    ),
    Case(
        "payments_of_a_number",
        Query(
            "select p.reference from billing.payments as p join orders as o on o.id = p.order_id "
            "where o.account = $1 and o.number = $2 order by p.id limit 20",
            str,
            tuple[str, str],
        ),
        {"scope"},
        unshown="each payment is of its order's account",
    ),
    Case(
        "renames_a_customer",
        Query("update customers set name = $2 where id = $1 returning id", UUID, tuple[UUID, str]),
        {"scope"},
        (UUID(int=0xC3), "x"),
    ),
    Case(
        "moves_a_payment",
        Query(
            "update billing.payments set order_id = (select id from orders where number = $3 order by placed_at "
            "limit 1) "
            "where id = $1 and account = $2 returning id",
            UUID,
            tuple[UUID, str, str],
        ),
        {"scope", "scan", "sort"},
        unshown="what it moves to is of another account, and the row is not",
    ),
    Case(
        "everything_since",
        Query("select kind from events where account = $1 and at >= $2 order by at, id", str, tuple[str, datetime]),
        {"unbounded"},
    ),
    Case(
        "closes_all_open",
        Query(
            "update orders set state = 'shipped', shipped_at = now() where account = $1 and state = 'open' and due "
            "< $2",
            int,
            tuple[str, date],
        ),
        {"unbounded", "filter"},
    ),
    Case(
        "customers_with_most_visits",
        Query("select email from customers where account = $1 order by visits desc, id limit 10", str, tuple[str]),
        {"sort"},
    ),
    Case(
        "born_on",
        Query(
            "select email from customers where account = $1 and birthday = $2 order by name, id limit 100",
            str,
            tuple[str, date],
        ),
        {"filter"},
    ),
    Case(
        "events_of_each_kind",
        Query(
            "select kind, count(*) as events from events where account = $1 group by kind order by kind limit 50",
            Kinds,
            tuple[str],
        ),
        {"aggregate"},
    ),
    Case(
        "nights",
        Query(
            "select guest, upper(during) - lower(during) as nights from bookings where id = $1 and account = $2",
            Stay,
            tuple[UUID, str],
        ),
        {"types", "nulls"},
        (UUID(int=0xE1), "ada"),
    ),
    Case(
        "not_referred_by",
        Query(
            "select email from customers where id = $1 and account = $2 and referrer_id <> null", str, tuple[UUID, str]
        ),
        {"nulls"},
        unshown="it finds nothing, whoever it is",
    ),
    Case(
        "pays_twice",
        Query(
            "insert into rooms (tenant, name) values ($1, $2) returning id",
            UUID,
            tuple[str, str],
            sample="select tenant, name from rooms order by id limit 1",
        ),
        {"sample"},
    ),
]

VALID = [
    Case(
        "next_due_of_those_with_a_date",
        Query(
            "select {columns} from orders where account = $1 and due is not null order by due limit 10", Due, tuple[str]
        ),
        args=("ada",),
    ),
    Case(
        "due_or_not",
        Query("select {columns} from orders where id = $1 and account = $2", DueOrNot, tuple[UUID, str]),
        args=(PAID, "ada"),
    ),
    Case(
        "paid_so_far_or_nothing",
        Query(
            """
            select o.number, coalesce((select sum(p.amount) from billing.payments as p
                                        where p.order_id = o.id and p.account = o.account), 0) as paid
              from orders as o
             where o.id = $1 and o.account = $2
            """,
            Paid,
            tuple[UUID, str],
        ),
        args=(SHIPPED, "ada"),
    ),
    Case(
        "payment_of_an_order",
        Query(
            "select p.reference from billing.payments as p where p.order_id = $1 and p.account = $2 order by p.id "
            "limit 50",
            str,
            tuple[UUID, str],
        ),
        args=(PAID, "ada"),
    ),
    Case(
        "cancels_tasks",
        Query(
            "delete from tasks where id = any($1::bigint[]) and account = $2 and state = 'ready' returning id",
            int,
            tuple[list[int], str],
        ),
        args=([1, 2], "ada"),
    ),
    Case(
        "retries_a_task",
        Query(
            "update tasks set state = 'ready', attempts = attempts + 1, run_at = now() + interval '1 minute' * "
            "attempts "
            "where id = $1 and account = $2 and state = 'failed' returning attempts",
            int,
            tuple[int, str],
        ),
        args=(2, "ada"),
    ),
    Case(
        "visits_of_many",
        Query(
            """
            update customers as c set visits = c.visits + given.visits
              from unnest($1::uuid[], $2::int[]) as given (id, visits)
             where c.id = given.id and c.account = $3
            returning c.email
            """,
            str,
            tuple[list[UUID], list[int], str],
        ),
        args=([EVE, MAX], [1, 2], "ada"),
    ),
    Case(
        "kinds_of_a_day",
        Query(
            """
            select kind, count(*) as events
              from (
                       select kind from events where account = $1 and at >= $2 and at < $3 order by at, id limit 5000
                   ) as day
             group by kind
             order by kind
            """,
            Kinds,
            tuple[str, datetime, datetime],
        ),
        args=("ada", JANUARY, JULY),
    ),
    Case(
        "latest_events",
        Query(
            "select kind from events where account = $1 and at < $2 order by at desc, id desc limit 50",
            str,
            tuple[str, datetime],
        ),
        args=("ada", JULY),
    ),
    Case(
        "readings_of_a_day",
        Query(
            "select value from readings where region = $1 and sensor = $2 and at >= $3 and at < $4 order by at "
            "limit 1440",
            Decimal | None,
            tuple[str, int, datetime, datetime],
        ),
        args=("north", 1, JANUARY, JULY),
    ),
    Case(
        "products_sold_today",
        Query(
            "select sku from products where sku = any($1) and sold @> current_date order by sku limit 100",
            str,
            tuple[list[str]],
        ),
        args=(["cup", "pen"],),
    ),
    Case(
        "copied_order",
        Query(
            """
            with copied as (
                insert into orders (account, number, customer_id, currency, total, tags)
                select account, $3, customer_id, currency, total, tags from orders where id = $1 and account = $2
                returning id
            )
            insert into order_lines (order_id, position, sku, quantity, price)
            select copied.id, l.position, l.sku, l.quantity, l.price
              from copied, (
                       select position, sku, quantity, price from order_lines
                        where order_id = $1 order by position limit 500
                   ) as l
            returning position
            """,
            int,
            tuple[UUID, str, str],
            excused={"scope": "the lines are those of an order of the account"},
        ),
        args=(ORDER, "ada", "A-9"),
    ),
    Case(
        "free_between",
        Query(
            "select not exists (select from bookings where account = $1 and during && tstzrange($2, $3))",
            bool,
            tuple[str, datetime, datetime],
            excused={"filter": "few stays overlap"},
        ),
        args=("ada", JANUARY, JULY),
    ),
    Case(
        "menu",
        Query(
            """
            select c.name from categories as c
              left join categories as above on above.id = c.parent_id
             order by above.rank nulls last, c.rank nulls last, c.name
             limit 300
            """,
            str,
        ),
    ),
    Case(
        "totals_of_a_list",
        Query(
            "select coalesce(sum(total), 0) from orders where id = any($1) and account = $2",
            Decimal,
            tuple[list[UUID], str],
        ),
        args=(OF_ADA, "ada"),
    ),
    Case(
        "of_me_or_nobody",
        Query("select exists (select from orders where id = $1 and account = $2)", bool, tuple[UUID, str]),
        args=(OF_BOB, "ada"),
    ),
]

CASES = [*FAULTS, *VALID]
