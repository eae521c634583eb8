"""Migrations that stop traffic or lose data, what the suite has to say of each, and how the same is done safely."""

STANDALONE = "-- migrate: without a transaction\n"

GROUND = """
create table carts (id bigint primary key, note text, size varchar(9), weight int, owner_id bigint, shelf text);
create table owners (id bigint primary key);
create table old_carts (id bigint primary key);
create table older_carts (id bigint primary key);
create table oldest_carts (id bigint primary key);
create index carts_shelf_idx on carts (shelf);
create materialized view heavy_carts as select id from carts where id > 9;
create unique index heavy_carts_id_idx on heavy_carts (id);
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
        "(…) virtual",
    ),
    "type": ("alter table carts alter column weight type bigint;", "changing-column-type", "Add a column of the new"),
    "not_null": (
        "alter table carts alter column note set not null;",
        "adding-not-nullable-field",
        "not null <column> not",
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
    "stored": [
        "-- squawk-ignore adding-field-with-default -- virtual, so nothing is rewritten\n"
        "alter table carts add column g bigint generated always as (id + 1) virtual;"
    ],
    "not_null": [
        "alter table carts add constraint carts_owner_id_not_null not null owner_id not valid;",
        "alter table carts validate constraint carts_owner_id_not_null;",
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
    "refresh": [f"{STANDALONE}refresh materialized view concurrently heavy_carts;"],
}
"""By name: the files that do the same without harm."""
