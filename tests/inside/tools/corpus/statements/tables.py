"""Foreign keys with and without an index, and indexes that nothing uses."""

from uuid import UUID

from inside.tools.corpus.case import Table
from service.kit.db.query import Query

FOREIGN_KEY = {"foreign_key"}
UNUSED = {"unused_index"}

NOTES = """
create table notes (
    id       bigint not null generated always as identity,
    account  text   not null,
    order_id uuid,
    text     text   not null,
    at       timestamptz not null default now(),

    constraint notes_pkey primary key (id),
    constraint notes_order_id_fkey foreign key (order_id) references orders (id)
);
"""
PLAIN = NOTES.replace(",\n    constraint notes_order_id_fkey foreign key (order_id) references orders (id)", "")

LOGS = """
create table logs (
    at       timestamptz not null,
    id       bigint not null,
    order_id uuid not null,

    constraint logs_pkey primary key (at, id),
    constraint logs_order_id_fkey foreign key (order_id) references orders (id)
) partition by range (at);
create table logs_2026 partition of logs for values from ('2026-01-01') to ('2027-01-01');
"""

BARE_LOGS = LOGS.replace(",\n    constraint logs_order_id_fkey foreign key (order_id) references orders (id)", "")

LATEST = Query("select id from notes where account = $1 order by at desc, id desc limit 20", int, tuple[str])
OF_ORDER = Query("select id from logs where order_id = $1 order by at desc limit 20", int, tuple[UUID])

CASES = [
    Table("bare_key", NOTES, FOREIGN_KEY),
    Table(
        "key_second_in_the_index", f"{NOTES} create index notes_idx on notes (account, order_id);", FOREIGN_KEY | UNUSED
    ),
    Table(
        "key_in_a_partial_index",
        f"{NOTES} create index notes_idx on notes (order_id) where text <> '';",
        FOREIGN_KEY | UNUSED,
    ),
    Table("key_in_an_expression", f"{NOTES} create index notes_idx on notes ((order_id::text));", FOREIGN_KEY | UNUSED),
    Table(
        "key_that_is_included",
        f"{NOTES} create index notes_idx on notes (account) include (order_id);",
        FOREIGN_KEY | UNUSED,
    ),
    Table("key_of_a_partitioned_table", LOGS, FOREIGN_KEY),
    Table(
        "key_of_two_columns",
        f"{PLAIN} alter table notes add constraint notes_room_fkey foreign key (account, text) references rooms "
        f"(tenant, name);",
        FOREIGN_KEY,
    ),
    Table(
        "key_of_another_schema",
        NOTES.replace("table notes", "table billing.notes"),
        FOREIGN_KEY,
    ),
    Table(
        "key_to_itself",
        "create table parts (id int not null, above int, constraint parts_pkey primary key (id), "
        "constraint parts_above_fkey foreign key (above) references parts (id));",
        FOREIGN_KEY,
    ),
    Table("key_with_its_index", f"{NOTES} create index notes_order_id_idx on notes (order_id);"),
    Table("key_first_in_the_index", f"{NOTES} create index notes_order_id_idx on notes (order_id, at);"),
    Table(
        "key_that_may_be_null",
        f"{NOTES} create index notes_order_id_idx on notes (order_id) where order_id is not null;",
    ),
    Table("key_that_is_unique", f"{NOTES} alter table notes add constraint notes_order_id_key unique (order_id);"),
    Table(
        "key_in_the_primary_key",
        "create table parts (order_id uuid not null, number int not null, constraint parts_pkey primary key "
        "(order_id, number), "
        "constraint parts_order_id_fkey foreign key (order_id) references orders (id));",
    ),
    Table(
        "key_of_two_columns_with_its_index",
        f"{PLAIN} alter table notes add constraint notes_room_fkey foreign key (account, text) references rooms "
        f"(tenant, name);"
        "create index notes_room_idx on notes (text, account);",
    ),
    Table("key_of_a_partitioned_table_with_its_index", f"{LOGS} create index logs_order_id_idx on logs (order_id);"),
    Table("key_in_a_hash_index", f"{NOTES} create index notes_order_id_idx on notes using hash (order_id);"),
    Table(
        "key_of_another_schema_with_its_index",
        NOTES.replace("table notes", "table billing.notes")
        + "create index notes_order_id_idx on billing.notes (order_id);",
    ),
    Table("index_that_nothing_uses", f"{PLAIN} create index notes_text_idx on notes (text);", UNUSED),
    Table(
        "two_indexes_where_one_is_used",
        f"{PLAIN} create index notes_account_idx on notes (account, at, id); create index notes_at_idx on notes (at);",
        UNUSED,
        [LATEST],
    ),
    Table(
        "two_indexes_of_a_key",
        f"{NOTES} create index notes_one_idx on notes (order_id); create index notes_two_idx on notes (order_id, at);",
        UNUSED,
    ),
    Table(
        "partial_index_that_nothing_uses", f"{PLAIN} create index notes_text_idx on notes (at) where text = '';", UNUSED
    ),
    Table(
        "gin_index_that_nothing_uses",
        f"{PLAIN} create index notes_text_idx on notes using gin (to_tsvector('simple', text));",
        UNUSED,
    ),
    Table(
        "index_of_a_partitioned_table_that_nothing_uses",
        f"{LOGS} create index logs_order_id_idx on logs (order_id); create index logs_id_idx on logs (id);",
        UNUSED,
    ),
    Table(
        "index_of_another_schema_that_nothing_uses",
        PLAIN.replace("table notes", "table billing.notes") + "create index notes_text_idx on billing.notes (text);",
        UNUSED,
    ),
    Table("index_of_a_list", f"{PLAIN} create index notes_account_idx on notes (account, at, id);", used_by=[LATEST]),
    Table(
        "index_of_a_partial_list",
        f"{PLAIN} create index notes_empty_idx on notes (account, at, id) where text = '';",
        used_by=[
            Query("select id from notes where account = $1 and text = '' order by at, id limit 20", int, tuple[str])
        ],
    ),
    Table(
        "index_of_an_expression",
        f"{PLAIN} create index notes_text_idx on notes (account, lower(text));",
        used_by=[
            Query(
                "select id from notes where account = $1 and lower(text) = $2 order by lower(text) limit 20",
                int,
                tuple[str, str],
            )
        ],
    ),
    Table(
        "index_of_a_partitioned_list",
        f"{LOGS} create index logs_order_id_idx on logs (order_id, at);",
        used_by=[OF_ORDER],
    ),
    Table(
        "index_of_a_partitioned_list_without_a_key",
        f"{BARE_LOGS} create index logs_order_id_idx on logs (order_id, at);",
        used_by=[OF_ORDER],
    ),
    Table("unique_index_that_nothing_uses", f"{PLAIN} create unique index notes_text_key on notes (account, text);"),
    Table(
        "index_of_another_schema",
        PLAIN.replace("table notes", "table billing.notes")
        + "create index notes_account_idx on billing.notes (account, at, id);",
        used_by=[
            Query("select id from billing.notes where account = $1 order by at desc, id desc limit 20", int, tuple[str])
        ],
    ),
    Table(
        "index_that_excludes",
        "create table stays (id int not null, during tstzrange not null, constraint stays_pkey primary key (id), "
        "constraint stays_during_excl exclude using gist (during with &&));",
    ),
]
