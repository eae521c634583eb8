"""Joins, `with` queries, set operations and what else combines queries."""

from uuid import UUID

from inside.tools.corpus.case import EVE, MAX, OF_BOB, ORDER, PAID, SHIPPED, Case
from msgspec import Struct
from service.kit.db.query import Query

NULLS = {"nulls"}
SCOPE = {"scope"}
UNBOUNDED = {"unbounded"}

ONE = "where o.id = $1 and o.account = $2"


class Both(Struct):
    number: str
    other: str


class BothOrNot(Struct):
    number: str | None
    other: str | None


class Place(Struct):
    id: int
    depth: int


class Sums(Struct):
    sku: str
    pieces: int


class Counted(Struct):
    number: str
    lines: int


VALID = [
    Case(
        "full_join_pinned_on_both_sides",
        Query(
            """
            select a.number, b.number as other
              from orders as a full join orders as b on b.id = $2 and b.account = $3 and a.customer_id = b.customer_id
             where a.id = $1 and a.account = $3 and b.id = $2 and b.account = $3
            """,
            Both,
            tuple[UUID, UUID, str],
        ),
        args=(ORDER, UUID(int=0xA4), "ada"),
    ),
    Case(
        "full_join_of_pinned_queries",
        Query(
            """
            select a.number, b.number as other
              from (select number, customer_id from orders where id = $1 and account = $3) as a
              full join (select number, customer_id from orders where id = $2 and account = $3) as b
                on a.customer_id = b.customer_id
            """,
            BothOrNot,
            tuple[UUID, UUID, str],
        ),
        args=(ORDER, PAID, "ada"),
    ),
    Case(
        "by_a_subquery",
        Query(
            """
            select sku from order_lines
             where order_id = (select id from orders where account = $1 and number = $2)
             order by position limit 200
            """,
            str,
            tuple[str, str],
        ),
        args=("ada", "A-1"),
    ),
    Case(
        "one_line_by_a_subquery",
        Query(
            """
            select sku from order_lines
             where order_id = (select id from orders where account = $1 and number = $2) and position = $3
            """,
            str,
            tuple[str, str, int],
        ),
        args=("ada", "A-1", 1),
    ),
    Case(
        "deleted_by_a_subquery",
        Query(
            """
            delete from order_lines
             where order_id = (select id from orders where account = $1 and number = $2) and position = $3
            returning sku
            """,
            str,
            tuple[str, str, int],
        ),
        args=("ada", "A-1", 1),
    ),
    Case(
        "payment_by_a_subquery",
        Query(
            """
            update billing.payments set paid_at = now()
             where account = $1
               and id = (
                   select p.id from billing.payments as p
                    where p.order_id = $2 and p.account = $1
                    order by p.id limit 1
               )
            returning reference
            """,
            str,
            tuple[str, UUID],
        ),
        args=("ada", ORDER),
    ),
    Case(
        "lines_with_their_products",
        Query(
            """
            select p.name
              from order_lines as l join products as p on p.sku = l.sku
             where l.order_id = $1
             order by l.position limit 200
            """,
            str,
            tuple[UUID],
        ),
        args=(ORDER,),
    ),
    Case(
        "products_of_a_category",
        Query(
            """
            select p.name
              from product_categories as c join products as p on p.id = c.product_id
             where c.category_id = $1
             order by c.product_id limit 50
            """,
            str,
            tuple[int],
        ),
        args=(2,),
    ),
    Case(
        "orders_that_have_a_line",
        Query(
            """
            select o.number from orders as o
             where o.account = $1 and exists (select from order_lines as l where l.order_id = o.id)
             order by o.placed_at, o.id limit 20
            """,
            str,
            tuple[str],
        ),
        args=("ada",),
    ),
    Case(
        "orders_without_a_payment",
        Query(
            f"""
            select o.number from orders as o
             {ONE} and not exists (select from billing.payments as p where p.order_id = o.id and p.account = o.account)
            """,
            str,
            tuple[UUID, str],
        ),
        args=(UUID(int=0xA4), "ada"),
    ),
    Case(
        "counted_lines_of_a_page",
        Query(
            """
            select o.number, (select count(*) from order_lines as l where l.order_id = o.id) as lines
              from orders as o
             where o.account = $1
             order by o.placed_at, o.id limit 20
            """,
            Counted,
            tuple[str],
        ),
        args=("ada",),
    ),
    Case(
        "lateral_latest",
        Query(
            """
            select o.number, c.email as other
              from customers as c
              join lateral (
                  select number from orders
                   where customer_id = c.id and account = c.account
                   order by placed_at desc, id desc limit 1
              ) as o on true
             where c.id = $1 and c.account = $2
            """,
            Both,
            tuple[UUID, str],
        ),
        args=(EVE, "ada"),
    ),
    Case(
        "with_of_a_page",
        Query(
            """
            with page as (
                select id, number, placed_at from orders where account = $1 order by placed_at, id limit 20
            )
            select page.number from page order by page.placed_at desc, page.id desc
            """,
            str,
            tuple[str],
        ),
        args=("ada",),
    ),
    Case(
        "not_materialized",
        Query(
            """
            with mine as not materialized (select id, number, account from orders where account = $1)
            select number from mine where id = $2
            """,
            str,
            tuple[str, UUID],
        ),
        args=("ada", ORDER),
    ),
    Case(
        "insert_that_reads_another_with",
        Query(
            """
            with found as (
                select id, account from orders where id = $1 and account = $2
            ), task as (
                insert into tasks (account, error) select account, id::text from found returning id
            )
            select id from task
            """,
            int,
            tuple[UUID, str],
        ),
        args=(ORDER, "ada"),
    ),
    Case(
        "two_inserts_in_a_row",
        Query(
            """
            with customer as (
                insert into customers (account, email) values ($1, $2) returning id, account
            )
            insert into orders (account, number, customer_id, currency, total)
            select customer.account, $3, customer.id, 'EUR', 0 from customer
            returning id
            """,
            UUID,
            tuple[str, str, str],
        ),
        args=("ada", "new@example.com", "A-9"),
    ),
    Case(
        "upsert_then_read",
        Query(
            """
            with stored as (
                insert into customers (account, email) values ($1, $2)
                on conflict (account, email) do nothing
                returning id
            )
            select id from stored
             union all
            select id from customers where account = $1 and email = $2
             limit 1
            """,
            UUID,
            tuple[str, str],
            excused={"order": "there is one row"},
        ),
        args=("ada", "eve@example.com"),
    ),
    Case(
        "deleted_and_counted",
        Query(
            """
            with gone as (
                delete from tasks where id = any($1) and account = $2 returning id
            )
            select count(*) from gone
            """,
            int,
            tuple[list[int], str],
        ),
        args=([1, 2], "ada"),
    ),
    Case(
        "tree_below",
        Query(
            """
            with recursive below as (
                select id, 0 as depth from categories where id = $1
                 union all
                select c.id, b.depth + 1 from categories as c join below as b on c.parent_id = b.id where b.depth < 10
            )
            select id, depth from below order by depth, id limit 300
            """,
            Place,
            tuple[int],
        ),
        args=(1,),
    ),
    Case(
        "tree_depth_first",
        Query(
            """
            with recursive below as (
                select id, parent_id from categories where id = $1
                 union all
                select c.id, c.parent_id from categories as c join below as b on c.parent_id = b.id
            ) search depth first by id set place
            select id from below order by place limit 300
            """,
            int,
            tuple[int],
        ),
        args=(1,),
    ),
    Case(
        "tree_without_a_cycle",
        Query(
            """
            with recursive above as (
                select id, parent_id from categories where id = $1
                 union all
                select c.id, c.parent_id from categories as c join above as a on c.id = a.parent_id
            ) cycle id set is_cycle using places
            select id from above where not is_cycle order by id limit 100
            """,
            int,
            tuple[int],
        ),
        args=(3,),
    ),
    Case(
        "counted_up",
        Query(
            "with recursive n as (select 1 as i union all select i + 1 from n where i < 10) select i from n order "
            "by i limit 10",
            int,
        ),
    ),
    Case(
        "union_of_keys",
        Query(
            "select number from orders where id = $1 and account = $3 union "
            "select number from orders where id = $2 and account = $3",
            str,
            tuple[UUID, UUID, str],
        ),
        args=(ORDER, PAID, "ada"),
    ),
    Case(
        "except",
        Query(
            "select sku from unnest($1::text[]) as given (sku) except select sku from products where sku = any($1)",
            str,
            tuple[list[str]],
        ),
        args=(["cup", "none"],),
    ),
    Case(
        "intersect",
        Query(
            "select sku from unnest($1::text[]) as given (sku) intersect select sku from products where sku = any($1)",
            str,
            tuple[list[str]],
        ),
        args=(["cup", "none"],),
    ),
    Case(
        "joined_with_values",
        Query(
            """
            select p.name
              from (values ('cup', 1), ('pen', 2)) as given (sku, rank) join products as p on p.sku = given.sku
             order by given.rank
            """,
            str,
        ),
    ),
    Case(
        "joined_with_the_argument",
        Query(
            """
            select p.name
              from unnest($1::text[]) with ordinality as given (sku, place) join products as p on p.sku = given.sku
             order by given.place
            """,
            str,
            tuple[list[str]],
        ),
        args=(["pen", "cup"],),
    ),
    Case(
        "left_joined_with_the_argument",
        Query(
            """
            select p.name
              from unnest($1::text[]) with ordinality as given (sku, place) left join products as p on p.sku = given.sku
             order by given.place
            """,
            str | None,
            tuple[list[str]],
        ),
        args=(["pen", "none"],),
    ),
    Case(
        "pieces_of_each_sku",
        Query(
            """
            select l.sku, sum(l.quantity) as pieces
              from unnest($1::uuid[]) as given (id) join order_lines as l on l.order_id = given.id
             group by l.sku
             order by l.sku limit 1000
            """,
            Sums,
            tuple[list[UUID]],
            sample="select array[id] from orders where number = 'A-1'",
            never_null={"pieces": "a group has rows"},
            excused={"aggregate": "an order has few lines"},
        ),
    ),
    Case(
        "self_join_of_a_key",
        Query(
            """
            select c.email as number, r.email as other
              from customers as c join customers as r on r.id = c.referrer_id and r.account = c.account
             where c.id = $1 and c.account = $2
            """,
            Both,
            tuple[UUID, str],
        ),
        args=(MAX, "ada"),
    ),
    Case(
        "using",
        Query(
            """
            select b.guest from (select id, account from bookings where id = $1 and account = $2) as one
              join bookings as b using (id, account)
            """,
            str | None,
            tuple[UUID, str],
        ),
        args=(UUID(int=0xE1), "ada"),
    ),
    Case(
        "exists_in_the_list",
        Query(
            f"select exists (select from order_lines as l where l.order_id = o.id and l.sku = $3) from orders as o "
            f"{ONE}",
            bool,
            tuple[UUID, str, str],
        ),
        args=(ORDER, "ada", "cup"),
    ),
    Case(
        "in_a_subquery",
        Query(
            """
            select sku from products
             where id in (
                       select product_id from product_categories where category_id = $1 order by product_id limit 100
                   )
             order by id limit 100
            """,
            str,
            tuple[int],
        ),
        args=(2,),
    ),
    Case(
        "not_in_keys",
        Query(
            "select id from categories where id not in (select category_id from product_categories where "
            "product_id = $1) "
            "order by id limit 300",
            int,
            tuple[int],
        ),
        args=(1,),
    ),
]

FAULTS = [
    Case(
        "full_join_that_finds_one_side",
        Query(
            """
            select a.number, b.number as other
              from (select number, customer_id from orders where id = $1 and account = $3) as a
              full join (select number, customer_id from orders where id = $2 and account = $3) as b
                on a.customer_id = b.customer_id
            """,
            Both,
            tuple[UUID, UUID, str],
        ),
        NULLS,
        (ORDER, PAID, "ada"),
    ),
    Case(
        "cross_join",
        Query(
            "select a.number, b.number as other from orders as a, orders as b where a.account = $1 and b.account = $1",
            Both,
            tuple[str],
        ),
        UNBOUNDED,
    ),
    Case(
        "join_that_multiplies",
        Query(
            "select p.name from products as p join order_lines as l on l.sku = p.sku where p.sku = $1",
            str,
            tuple[str],
        ),
        UNBOUNDED,
    ),
    Case(
        "recursive_through_a_large_table",
        Query(
            """
            with recursive referred as (
                select id from customers where id = $1 and account = $2
                 union all
                select c.id from customers as c join referred as r on c.referrer_id = r.id where c.account = $2
            )
            select id from referred
            """,
            UUID,
            tuple[UUID, str],
        ),
        UNBOUNDED,
    ),
    Case(
        "recursive_of_all_accounts",
        Query(
            """
            with recursive referred as (
                select id from customers where id = $1 and account = $2
                 union all
                select c.id from customers as c join referred as r on c.referrer_id = r.id
            )
            select count(*) from (select from referred limit 100) as found
            """,
            int,
            tuple[UUID, str],
            excused={"aggregate": "it counts up to 100"},
        ),
        SCOPE,
        unshown="eve refers to nobody of another account",
    ),
    Case(
        "inner_with_of_all_accounts",
        Query(
            """
            with found as (select customer_id from orders where id = $1)
            select c.email from customers as c join found on c.id = found.customer_id where c.account = $2
            """,
            str,
            tuple[UUID, str],
        ),
        SCOPE,
        unshown="each order has a customer of its account",
    ),
    Case(
        "with_that_changes_others",
        Query(
            """
            with changed as (update orders set note = 'x' where id = $1 returning id)
            select id from changed
            """,
            UUID,
            tuple[UUID],
        ),
        SCOPE,
        (OF_BOB,),
    ),
    Case(
        "except_of_nulls",
        Query(
            f"select note from orders as o {ONE} except select number from orders as o {ONE}",
            str,
            tuple[UUID, str],
        ),
        NULLS,
        (PAID, "ada"),
    ),
    Case(
        "left_join_of_the_argument",
        Query(
            """
            select p.name
              from unnest($1::text[]) with ordinality as given (sku, place) left join products as p on p.sku = given.sku
             order by given.place
            """,
            str,
            tuple[list[str]],
        ),
        NULLS,
        (["none"],),
    ),
    Case(
        "left_lateral",
        Query(
            """
            select o.number, c.email as other
              from customers as c
              left join lateral (
                  select number from orders
                   where customer_id = c.id and account = c.account and total > 100000
                   order by placed_at desc, id desc limit 1
              ) as o on true
             where c.id = $1 and c.account = $2
            """,
            Both,
            tuple[UUID, str],
            excused={"filter": "of no interest"},
        ),
        NULLS,
        (EVE, "ada"),
    ),
    Case(
        "subquery_in_a_list",
        Query(
            f"""
            select o.number, (
                       select p.reference from billing.payments as p
                        where p.order_id = o.id and p.account = o.account
                        order by p.id limit 1
                   ) as other
              from orders as o {ONE}
            """,
            Both,
            tuple[UUID, str],
        ),
        NULLS,
        (SHIPPED, "ada"),
    ),
    Case(
        "sum_over_an_outer_join",
        Query(
            """
            select o.number, sum(l.quantity) as lines
              from orders as o left join order_lines as l on l.order_id = o.id
             where o.id = $1 and o.account = $2
             group by o.id
            """,
            Counted,
            tuple[UUID, str],
            excused={"aggregate": "an order has few lines"},
        ),
        NULLS,
        (SHIPPED, "ada"),
    ),
    Case(
        "counted_events_of_an_order",
        Query(
            """
            select o.number, count(*) as lines
              from orders as o join events as e on e.account = o.account
             where o.id = $1 and o.account = $2
             group by o.id
            """,
            Counted,
            tuple[UUID, str],
        ),
        {"aggregate"},
    ),
    Case(
        "latest_of_each_customer",
        Query(
            """
            select distinct on (customer_id) number from orders
             where account = $1
             order by customer_id, placed_at desc
             limit 20
            """,
            str,
            tuple[str],
        ),
        {"sort", "aggregate", "filter", "scan"},
    ),
]

CASES = [*VALID, *FAULTS]
