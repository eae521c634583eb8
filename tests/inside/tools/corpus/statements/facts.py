"""What bounds a statement, at the edges of each fact."""

from uuid import UUID

from inside.tools.corpus.case import EVE, OF_ADA, ORDER, Case
from service.kit.db.query import Query

UNBOUNDED = {"unbounded"}
SCOPE = {"scope"}

READ_LINE = Query("select sku from order_lines where order_id = $1 and position = $2", str, tuple[UUID, int])
CHANGE_LINE = Query(
    "update order_lines set quantity = $3 where order_id = $1 and position = $2 returning sku",
    str,
    tuple[UUID, int, int],
)

FAULTS = [
    Case(
        "limit_outside_of_the_change",
        Query(
            "with gone as (delete from tasks where account = $1 returning id) select id from gone limit 10",
            int,
            tuple[str],
            excused={"order": "any will do"},
        ),
        UNBOUNDED,
    ),
    Case(
        "keys_of_an_array_of_all",
        Query(
            "delete from tasks where account = $1 and id = any(array(select id from tasks where account = $1))",
            int,
            tuple[str],
        ),
        UNBOUNDED,
    ),
    Case(
        "places_of_all",
        Query(
            "delete from tasks where account = $1 and ctid = any(array(select ctid from tasks where account = $1))",
            int,
            tuple[str],
        ),
        UNBOUNDED,
    ),
    Case(
        "list_of_all",
        Query(
            "select id from unnest(array(select id from orders where account = $1)) as listed (id)",
            UUID,
            tuple[str],
            never_null={"id": "the key of an order"},
            sample="select account from orders limit 1",
        ),
        UNBOUNDED,
    ),
    Case(
        "as_many_as_a_number_says",
        Query("select generate_series(1, $1::integer) as step", int, tuple[int]),
        UNBOUNDED,
    ),
    Case(
        "same_column_twice",
        Query(
            "select sku from order_lines where order_id = $1 and order_id = $2",
            str,
            tuple[UUID, UUID],
        ),
        UNBOUNDED,
    ),
    Case(
        "key_in_one_side_of_or",
        Query(
            "select id from orders where (id = $1 or customer_id = $3) and account = $2",
            UUID,
            tuple[UUID, str, UUID],
        ),
        UNBOUNDED | {"filter"},
    ),
    Case(
        "key_that_is_not_equal",
        Query("select id from orders where not id = $1 and account = $2", UUID, tuple[UUID, str]),
        UNBOUNDED | {"filter"},
    ),
    Case(
        "equal_sign_in_a_text",
        Query("select sku from order_lines where order_id = $1 and sku <> 'position = 1'", str, tuple[UUID]),
        UNBOUNDED,
    ),
    Case(
        "recursion_that_counts",
        Query(
            "with recursive n as (select 1 as i union all select i + 1 from n where i < $1) select i from n",
            int,
            tuple[int],
            never_null={"i": "a number"},
            sample="select 3",
        ),
        UNBOUNDED,
    ),
    Case(
        "key_of_the_same_table",
        Query(
            "delete from order_lines where position = $1 and sku = "
            "(select l.sku from order_lines as l where l.order_id = $2 and l.position = $1) returning sku",
            str,
            tuple[int, UUID],
        ),
        SCOPE | UNBOUNDED | {"filter", "scan"},
        unshown="its table has no column of accounts",
        beside=(READ_LINE, CHANGE_LINE),
    ),
    Case(
        "limit_that_may_be_none",
        Query(
            "select id from orders where account = $1 order by placed_at, id limit $2 + 1",
            UUID,
            tuple[str, int | None],
        ),
        UNBOUNDED,
    ),
]

VALID = [
    Case(
        "constant_series",
        Query("select generate_series(1, 12) as month", int, never_null={"month": "a number"}, sample="select"),
    ),
    Case(
        "one_more_than_the_page",
        Query("select id from orders where account = $1 order by placed_at, id limit $2 + 1", UUID, tuple[str, int]),
        args=("ada", 2),
    ),
    Case(
        "either_of_two_keys",
        Query(
            "select id from orders where (id = $1 or id = $3) and account = $2",
            UUID,
            tuple[UUID, str, UUID],
        ),
        args=(ORDER, "ada", OF_ADA[1]),
    ),
    Case(
        "key_by_another_index",
        Query("select state from tasks where id = $1 and account = $2", str, tuple[int, str]),
        args=(1, "ada"),
    ),
    Case(
        "key_of_rows_that_are_left",
        Query("select sku from products where lower(name) = $1 and deleted_at is null", str, tuple[str]),
        args=("cup",),
    ),
    Case(
        "found_by_another_table",
        Query(
            "delete from order_lines where position = $1 and order_id = "
            "(select o.id from orders as o where o.number = $3 and o.account = $2) returning sku",
            str,
            tuple[int, str, str],
        ),
        args=(1, "ada", "A-1"),
        beside=(READ_LINE, CHANGE_LINE),
    ),
    Case(
        "tree_upwards",
        Query(
            "with recursive up as (select id, parent_id from categories where id = $1 union all "
            "select c.id, c.parent_id from categories as c join up on c.id = up.parent_id) "
            "select id from up limit 100",
            int,
            tuple[int],
        ),
        args=(2,),
    ),
    Case(
        "values_of_each_by_themselves",
        Query(
            "select o.id from unnest($2::order_state[]) as v (state) cross join lateral ("
            "select id, placed_at from orders where account = $1 and state = v.state order by placed_at, id limit $3"
            ") as o order by o.placed_at, o.id limit $3",
            UUID,
            tuple[str, list[str], int],
        ),
        args=("ada", ["open", "paid"], 5),
    ),
    Case(
        "latest_of_each_by_itself",
        Query(
            "select o.id from (select id from customers where account = $1 order by name, id limit 20) as c "
            "cross join lateral (select id from orders where customer_id = c.id and account = $1 "
            "order by placed_at desc limit 1) as o",
            UUID,
            tuple[str],
        ),
        args=("ada",),
    ),
    Case(
        "filter_that_may_be_left_out",
        Query(
            "select id from orders where id = $1 and account = $2 and (note = $3 or $3 is null)",
            UUID,
            tuple[UUID, str, str | None],
        ),
        args=(ORDER, "ada", None),
    ),
    Case(
        "customer_in_a_list",
        Query(
            "select id from customers where account = $1 and id = any($2) order by name limit 20",
            UUID,
            tuple[str, list[UUID]],
        ),
        args=("ada", [EVE]),
    ),
]

CASES = [*FAULTS, *VALID]
