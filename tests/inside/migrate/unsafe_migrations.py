"""Migrations that stop traffic or lose data, what the suite has to say of each, and how the same is done safely."""

STANDALONE = "-- migrate: without a transaction\n"

GROUND = """
create table carts (id bigint primary key, note text, size varchar(9), weight int, owner_id bigint, shelf text);
create table owners (id bigint primary key);
create table old_carts (id bigint primary key);
create table older_carts (id bigint primary key);
create table oldest_carts (id bigint primary key);
create table old_parcels (id bigint primary key, account text not null);
create index carts_shelf_idx on carts (shelf);
create materialized view heavy_carts as select id from carts where id > 9;
create unique index heavy_carts_id_idx on heavy_carts (id);

create table visits (id bigint not null, cart_id bigint not null, made_at date not null) partition by range (made_at);
create table visits_2024 (id bigint not null, cart_id bigint not null, made_at date not null);
create table visits_2025 (id bigint not null, cart_id bigint not null, made_at date not null);
create table visits_2026 (id bigint not null, cart_id bigint not null, made_at date not null);
create table stays (id bigint not null, made_at date not null) partition by range (made_at);
create table other_stays partition of stays default;
create table stays_2024 (id bigint not null, made_at date not null);
create table stays_2025 (id bigint not null, made_at date not null);
create table parcels (id bigint primary key, cart_id bigint not null, account text not null, text text);
create index parcels_cart_id_idx on parcels (cart_id);
create unique index parcels_account_key on parcels (account);
create function refuse() returns trigger language plpgsql as $$ begin return new; end $$;
"""
"""What the others change. All of them are applied, one after the other, before the lint is run."""

UNSAFE = {
    "index": (
        "create index carts_note_idx on carts (note);",
        "require-concurrent-index-creation",
        "without a transact",
    ),
    "drop_index": ("drop index carts_note_idx;", "require-concurrent-index-deletion", "drop index concurrently if"),
    "reindex": ("reindex table carts;", "require-concurrent-reindex", "reindex index concurrently"),
    "required": ("alter table carts add column a text not null;", "adding-required-field", "add it nullable, fill it"),
    "volatile": (
        "alter table carts add column b uuid default gen_random_uuid();",
        "adding-field-with-default",
        "fill the old ones in batches",
    ),
    "stored": (
        "alter table carts add column c bigint generated always as (id + 1) stored;",
        "adding-field-with-default",
        "From PostgreSQL 18 on",
    ),
    "type": ("alter table carts alter column weight type bigint;", "changing-column-type", "Add a column of the new"),
    "not_null": (
        "alter table carts alter column note set not null;",
        "adding-not-nullable-field",
        "check (<column> is not null) not valid",
    ),
    "check": (
        "alter table carts add constraint carts_weight_check check (weight > 0);",
        "constraint-missing-not-valid",
        "`validate constraint …` in the next one",
    ),
    "foreign_key": (
        "alter table carts add constraint carts_owner_id_fkey foreign key (owner_id) references owners (id);",
        "adding-foreign-key-constraint",
        "`validate constraint …` in the next one",
    ),
    "validated_at_once": (
        "alter table carts add constraint d check (id > 0) not valid; alter table carts validate constraint d;",
        "constraint-missing-not-valid",
        "`validate constraint …` in the next one",
    ),
    "unique": (
        "alter table carts add constraint carts_note_key unique (note);",
        "disallowed-unique-constraint",
        "add constraint … using index",
    ),
    "column": ("alter table carts drop column shelf;", "ban-drop-column", "Release code that does without it"),
    "table": ("drop table old_carts;", "ban-drop-table", "Release code that does without it"),
    "constraint": ("alter table carts drop constraint d;", "ban-drop-constraint", "Add the one that takes its place"),
    "rename_column": ("alter table carts rename column size to extent;", "renaming-column", "write both"),
    "rename_table": ("alter table older_carts rename to ancient;", "renaming-table", "leave a view of the old name"),
    "truncate": ("truncate oldest_carts;", "ban-truncate", "Delete in batches"),
    "lock": ("lock table carts;", "ban-lock-table", "Leave locks to the statements"),
    "cluster": ("cluster carts using carts_pkey;", "ban-rewrite", "pg_repack"),
    "refresh": ("refresh materialized view heavy_carts;", "require-concurrent-refresh", "view concurrently"),
    "rule": (
        "create rule carts_kept as on delete to carts do instead nothing;",
        "ban-rule",
        "Write a trigger",
    ),
    "tablespace": ("alter table parcels set tablespace pg_default;", "ban-rewrite", "pg_repack, with `--tablespace`"),
    "index_tablespace": (
        "alter index parcels_cart_id_idx set tablespace pg_default;",
        "ban-rewrite",
        "`reindex (tablespace …) index concurrently …`",
    ),
    "access_method": ("alter table parcels set access method heap;", "ban-rewrite", "pg_repack"),
    "row_security": (
        "alter table old_parcels enable row level security;",
        "ban-row-level-security",
        "Create policies that let them through before this",
    ),
    "forced_row_security": (
        "alter table old_parcels force row level security;",
        "ban-row-level-security",
        "Create policies that let them through before this",
    ),
    "attach": (
        "alter table visits attach partition visits_2024 for values from ('2024-01-01') to ('2025-01-01');",
        "ban-attach-partition",
        "`validate constraint …` in the next one",
    ),
    "attach_beside_default": (
        "alter table stays attach partition stays_2024 for values from ('2024-01-01') to ('2025-01-01');",
        "ban-attach-partition",
        "the default one a check that excludes them",
    ),
    "detach": (
        "alter table visits detach partition visits_2024;",
        "require-concurrent-partition-detach",
        "concurrently",
    ),
    "trigger": (
        "create trigger parcels_refuse before update on parcels for each row execute function refuse();",
        "ban-trigger",
        "Try their statements with it",
    ),
    "copied": (
        "create table cart_notes as select id, note from carts;",
        "ban-copied-table",
        "Create it with its columns",
    ),
    "copied_rows": (
        "insert into oldest_carts (id) select id from carts;",
        "ban-mass-insert",
        "Write both tables by a trigger",
    ),
    "changed_rows": ("update carts set extent = 'a';", "ban-mass-change", "Change rows in batches"),
    "float": ("create table weights (id bigint primary key, kilograms double precision);", "ban-float", "numeric"),
    "money": ("alter table parcels add column price money;", "ban-money", "bigint in minor units"),
    "char": ("create table lands (code char(2) primary key);", "ban-char-field", "Use text with a check"),
    "checked_column": (
        "alter table parcels add column mass int check (mass > 0);",
        "ban-validated-column",
        "Add the column without it",
    ),
    "replica_identity": (
        "alter table parcels replica identity full;",
        "ban-replica-identity",
        "`replica identity using index …`",
    ),
    "disabled_trigger": ("alter table parcels disable trigger user;", "ban-disable-trigger", "Leave it enabled"),
    "unlogged": ("alter table parcels set unlogged;", "ban-set-unlogged", "Create a new one"),
    "serial": ("alter table parcels add column number serial;", "ban-serial-column", "fill the old ones in batches"),
    "unexplained": (
        "-- squawk-ignore ban-drop-table\ndrop table ancient;",
        "unexplained-ignore",
        "-- squawk-ignore ban-drop-column -- no release",
    ),
}
"""By name: the file, the rule that refuses it, and a part of the advice."""

SAFE = {
    "index": [f"{STANDALONE}create index concurrently if not exists carts_size_idx on carts (extent);"],
    "drop_index": [f"{STANDALONE}drop index concurrently if exists carts_size_idx;"],
    "reindex": [f"{STANDALONE}reindex table concurrently carts;"],
    "required": ["alter table carts add column e text not null default '';"],
    "volatile": [
        "alter table carts add column f uuid; alter table carts alter column f set default gen_random_uuid();",
        f"{STANDALONE}-- squawk-ignore ban-mass-change -- a few carts\n"
        "do $$ begin update carts set f = gen_random_uuid() where f is null; commit; end $$;",
    ],
    "not_null": [
        "alter table carts add constraint carts_note_given check (note is not null) not valid;",
        "alter table carts validate constraint carts_note_given;",
        "-- squawk-ignore adding-not-nullable-field -- carts_note_given was validated\n"
        "alter table carts alter column note set not null;\n"
        "-- squawk-ignore ban-drop-constraint -- the column says it now\n"
        "alter table carts drop constraint carts_note_given;",
    ],
    "check": [
        "alter table carts add constraint carts_id_check check (id > 0) not valid;",
        "alter table carts validate constraint carts_id_check;",
    ],
    "foreign_key": [
        "alter table carts add constraint carts_id_fkey foreign key (id) references owners (id) not valid;",
        "alter table carts validate constraint carts_id_fkey;",
    ],
    "unique": [
        f"{STANDALONE}create unique index concurrently if not exists carts_extent_key on carts (extent);",
        "alter table carts add constraint carts_extent_key unique using index carts_extent_key;",
    ],
    "column": ["-- squawk-ignore ban-drop-column -- no release since 1.4 reads it\nalter table carts drop column f;"],
    "table": ["create table new (id bigint primary key, note text unique); create index new_idx on new (note, id);"],
    "truncate": [
        "-- squawk-ignore ban-mass-change -- a batch, of a thousand at most\ndelete from oldest_carts where id < 1000;"
    ],
    "rule": [
        "create function keep_cart() returns trigger language plpgsql as $$ begin return null; end $$;\n"
        "-- squawk-ignore ban-trigger -- no release deletes carts\n"
        "create trigger carts_kept before delete on carts for each row execute function keep_cart();"
    ],
    "index_tablespace": [f"{STANDALONE}reindex (tablespace pg_default) index concurrently parcels_cart_id_idx;"],
    "row_security": [
        "create policy parcels_of_account on parcels\n"
        "    using (coalesce(current_setting('app.account', true), '') in ('', account));\n"
        "-- squawk-ignore ban-row-level-security -- releases that set no account still see all\n"
        "alter table parcels enable row level security;"
    ],
    "attach": [
        "alter table visits_2025 add constraint visits_2025_check\n"
        "    check (made_at >= '2025-01-01' and made_at < '2026-01-01') not valid;",
        "alter table visits_2025 validate constraint visits_2025_check;",
        "-- squawk-ignore ban-attach-partition -- visits_2025_check has its bounds\n"
        "alter table visits attach partition visits_2025 for values from ('2025-01-01') to ('2026-01-01');",
    ],
    "attach_beside_default": [
        "alter table stays_2025 add constraint stays_2025_check\n"
        "    check (made_at >= '2025-01-01' and made_at < '2026-01-01') not valid;\n"
        "alter table other_stays add constraint other_stays_check\n"
        "    check (made_at < '2025-01-01' or made_at >= '2026-01-01') not valid;",
        "alter table stays_2025 validate constraint stays_2025_check;\n"
        "alter table other_stays validate constraint other_stays_check;",
        "-- squawk-ignore ban-attach-partition -- both checks were validated\n"
        "alter table stays attach partition stays_2025 for values from ('2025-01-01') to ('2026-01-01');",
    ],
    "attach_new": [
        "create table visits_2027 (like visits including all);\n"
        "alter table visits attach partition visits_2027 for values from ('2027-01-01') to ('2028-01-01');"
    ],
    "detach": [f"{STANDALONE}alter table visits detach partition visits_2025 concurrently;"],
    "trigger": [
        "-- squawk-ignore ban-trigger -- tried with the statements of 1.7 and 1.8\n"
        "create trigger parcels_kept before update on parcels for each row execute function refuse();"
    ],
    "copied": [
        "create table cart_texts (id bigint primary key, note text not null);",
        f"{STANDALONE}-- squawk-ignore ban-mass-insert -- a hundred carts\n"
        "insert into cart_texts (id, note) select id, note from carts where note is not null;",
    ],
    "float": [
        "create table sensors (\n    id bigint primary key,\n    price numeric(12, 2) not null,\n"
        "    -- squawk-ignore ban-float -- a measurement\n    celsius double precision not null\n);"
    ],
    "money": ["alter table parcels add column price_minor bigint, add column currency text;"],
    "char": ["create table countries (code text primary key check (length(code) = 2));"],
    "checked_column": [
        "alter table parcels add column size int;\n"
        "alter table parcels add constraint parcels_size_check check (size > 0) not valid;",
        "alter table parcels validate constraint parcels_size_check;",
    ],
    "replica_identity": [
        "alter table parcels replica identity using index parcels_account_key;",
        "alter table parcels replica identity default;",
    ],
    "serial": [
        "create sequence parcels_ordinal_seq;\n"
        "alter table parcels add column ordinal bigint;\n"
        "alter table parcels alter column ordinal set default nextval('parcels_ordinal_seq');"
    ],
    "refresh": [f"{STANDALONE}refresh materialized view concurrently heavy_carts;"],
}
"""By name: the files that do the same without harm."""
