"""Statements over tables of less usual kinds: inherited, with domains, quoted, of another schema, and views."""

from datetime import datetime
from uuid import UUID

from inside.tools.corpus.case import Case
from service.kit.db.query import AnyQuery, Query

UNBOUNDED = {"unbounded"}
SCAN = {"scan"}
SORT = {"sort"}
FILTER = {"filter"}
AGGREGATE = {"aggregate"}
OFFSET = {"offset"}
SCOPE = {"scope"}

ACCOUNT = ("ada",)
OF_ALL = {"scope": "operators see all"}


def fault(name: str, query: AnyQuery, wants: set[str]) -> Case:
    return Case(name, query, wants)


FAULTS = [
    fault("documents", Query("select title from documents where account = $1 order by id", str, tuple[str]), UNBOUNDED),
    fault("books", Query("select code from books where account = $1 order by code", str, tuple[str]), UNBOUNDED),
    fault(
        "members", Query("select handle from members where account = $1 order by handle", str, tuple[str]), UNBOUNDED
    ),
    fault("rates", Query("update rates set count = count + 1 where account = $1", int, tuple[str]), UNBOUNDED),
    fault("keys", Query("delete from keys where account = $1", int, tuple[str]), UNBOUNDED),
    fault(
        "wishes",
        Query('select "for whom" from "Wish Lists" where account = $1 order by "Id"', str, tuple[str]),
        UNBOUNDED,
    ),
    fault(
        "document_of_all_by_title",
        Query("select id from documents where title = $1 order by title limit 20", int, tuple[str], excused=OF_ALL),
        SCAN,
    ),
    fault(
        "books_by_title",
        Query("select code from books where title = $1 order by title limit 20", str, tuple[str], excused=OF_ALL),
        SCAN,
    ),
    fault(
        "deleted_by_value",
        Query("delete from keys where value = $1", int, tuple[str], excused=OF_ALL),
        SCAN | UNBOUNDED,
    ),
    fault(
        "members_by_motto",
        Query("select handle from members where motto = $1 order by motto limit 5", str, tuple[str], excused=OF_ALL),
        SCAN,
    ),
    fault(
        "events_by_note",
        Query("update events set note = null where note = $1", int, tuple[str], excused=OF_ALL),
        SCAN | UNBOUNDED,
    ),
    fault("readings_by_value", Query("delete from readings where value > 100", int), SCAN | UNBOUNDED),
    fault(
        "titles_in_order",
        Query("select title from documents where account = $1 order by title limit 20", str, tuple[str]),
        SORT,
    ),
    fault(
        "books_in_order",
        Query("select code from books where account = $1 order by title, code limit 20", str, tuple[str]),
        SORT,
    ),
    fault(
        "wishes_in_order",
        Query('select "Id" from "Wish Lists" where account = $1 order by "order" limit 20', int, tuple[str]),
        SORT,
    ),
    fault(
        "filtered_books",
        Query("select code from books where account = $1 and title = $2 order by code limit 20", str, tuple[str, str]),
        FILTER,
    ),
    fault(
        "filtered_wishes",
        Query(
            'select "Id" from "Wish Lists" where account = $1 and "for whom" = $2 order by "Id" limit 20',
            int,
            tuple[str, str],
        ),
        FILTER,
    ),
    fault(
        "filtered_view",
        Query(
            "select id from open_orders where account = $1 and note = $2 order by placed_at, id limit 20",
            UUID,
            tuple[str, str],
        ),
        FILTER,
    ),
    fault("counted_wishes", Query('select count(*) from "Wish Lists" where account = $1', int, tuple[str]), AGGREGATE),
    fault("counted_view", Query("select count(*) from open_orders where account = $1", int, tuple[str]), AGGREGATE),
    fault(
        "counted_events_of_a_time",
        Query("select count(*) from events where account = $1 and at >= $2", int, tuple[str, datetime]),
        AGGREGATE,
    ),
    fault(
        "skipped_payments",
        Query(
            "select id from billing.payments where account = $1 order by id offset $2 limit 20", UUID, tuple[str, int]
        ),
        OFFSET,
    ),
    fault(
        "skipped_view",
        Query(
            "select id from open_orders where account = $1 order by placed_at, id limit 20 offset $2",
            UUID,
            tuple[str, int],
        ),
        OFFSET,
    ),
    fault(
        "skipped_books",
        Query("select code from books where account = $1 order by code limit 20 offset $2 * 20", str, tuple[str, int]),
        OFFSET,
    ),
    Case("wish_of_all", Query('select "Id" from "Wish Lists" where "Id" = $1', int, tuple[int]), SCOPE, (2,)),
    Case("rate_of_all", Query("update rates set count = 1 where id = $1 returning id", int, tuple[int]), SCOPE, (2,)),
    Case("discount_of_all", Query("select share from discounts where id = $1", int, tuple[int]), SCOPE, (2,)),
    Case("member_of_all", Query("delete from members where handle = $1", int, tuple[str]), SCOPE, ("Bob",)),
]

VALID = [
    Case(
        "documents_of_a_page",
        Query("select title from documents where account = $1 order by id limit 20", str, tuple[str]),
        args=ACCOUNT,
    ),
    Case(
        "next_books",
        Query("select code from books where account = $1 and code > $2 order by code limit 20", str, tuple[str, str]),
        args=("ada", "0"),
    ),
    Case(
        "members_of_a_page",
        Query("select handle from members where account = $1 order by handle limit $2", str, tuple[str, int]),
        args=("ada", 5),
    ),
    Case(
        "wishes_of_a_page",
        Query('select "for whom" from "Wish Lists" where account = $1 order by "Id" desc limit 20', str, tuple[str]),
        args=ACCOUNT,
    ),
    Case(
        "wish_deleted",
        Query('delete from "Wish Lists" where "Id" = $1 and account = $2 returning "Id"', int, tuple[int, str]),
        args=(1, "ada"),
    ),
    Case(
        "wish_upserted",
        Query(
            """
            insert into "Wish Lists" ("Id", account, "for whom") values ($1, $2, $3)
            on conflict ("Id") do update set "for whom" = excluded."for whom"
                  where "Wish Lists".account = excluded.account
            returning "Id"
            """,
            int,
            tuple[int, str, str],
        ),
        args=(1, "ada", "Jo"),
    ),
    Case(
        "rates_of_a_list",
        Query(
            "select share from rates where id = any($1) and account = $2 order by id limit 100",
            int,
            tuple[list[int], str],
        ),
        args=([1], "ada"),
    ),
    Case(
        "discounts_of_a_page",
        Query("select share from discounts where account = $1 order by id limit 20", int, tuple[str]),
        args=ACCOUNT,
    ),
    Case(
        "discount_inserted",
        Query(
            "insert into discounts (id, account, share) values ($1, $2, $3) returning share", int, tuple[int, str, int]
        ),
        args=(3, "ada", 5),
    ),
    Case(
        "contract_inserted",
        Query("insert into contracts (id, account, title) values ($1, $2, $3) returning id", int, tuple[int, str, str]),
        args=(9, "ada", "Lease"),
    ),
    Case(
        "contract_deleted",
        Query("delete from contracts where id = $1 and account = $2 returning title", str, tuple[int, str]),
        args=(3, "ada"),
    ),
    Case(
        "device_updated",
        Query(
            "update devices set address = $3::text::inet where id = $1 and account = $2 returning id",
            int,
            tuple[int, str, str],
        ),
        args=(1, "ada", "10.0.0.9"),
    ),
    Case(
        "books_counted_up_to_a_limit",
        Query("select count(*) from (select from books where account = $1 limit 100) as found", int, tuple[str]),
        args=ACCOUNT,
    ),
    Case(
        "payments_locked",
        Query(
            "select id from billing.payments where id = any($1) and account = $2 order by id limit 100 for update",
            UUID,
            tuple[list[UUID], str],
        ),
        args=([UUID(int=0xF1)], "ada"),
    ),
    Case(
        "days_of_a_view",
        Query("select orders from daily_sales where account = $1 order by day desc limit 7", int | None, tuple[str]),
        args=ACCOUNT,
    ),
    Case(
        "site_renamed",
        Query("update sites set title = $3 where id = $1 and owner = $2 returning host", str, tuple[UUID, str, str]),
        args=(UUID(int=0xD1), "ada", "x"),
    ),
    Case(
        "transfers_of_a_bank_account",
        Query("select id from transfers where account = $1 order by id limit 50", int, tuple[str]),
        args=("DE1",),
    ),
    Case(
        "booking_ended",
        Query(
            """
            update bookings set during = tstzrange(lower(during), now())
             where id = $1 and account = $2 and upper_inf(during)
            returning id
            """,
            UUID,
            tuple[UUID, str],
        ),
        args=(UUID(int=0xE2), "ada"),
    ),
]

CASES = [*FAULTS, *VALID]
