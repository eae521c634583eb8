# kit: updated by the template; extend it from app.py
"""What the contract knows of the schema, and what it asks of it: indexes for foreign keys, and no
unused index.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace

import asyncpg

from service.kit.work.command_error import CommandError
from service_tools.sql import functions, tree
from service_tools.sql.budgets import ACCOUNT, DEFAULT_ROWS, FILE, Budgets
from service_tools.sql.nulls import Known
from service_tools.sql.plans import Node
from service_tools.sql.siblings import Index

LARGE = 10_000
"""From this many rows on, a table may not be read as a whole."""

COLUMNS = """
select attrelid::int8, attnum, attrelid::regclass || '.' || attname, attnotnull
  from pg_attribute join pg_class c on c.oid = attrelid
 where attnum > 0 and not attisdropped and c.relkind in ('r', 'p', 'v', 'm', 'f')
"""

INDEXES = """
select c.relname, i.indrelid::int8, i.indisunique and i.indpred is null, (i.indkey::int2[])[0:i.indnkeyatts - 1]
  from pg_index i join pg_class c on c.oid = i.indexrelid
 where c.relnamespace not in ('pg_catalog'::regnamespace, 'pg_toast'::regnamespace)
"""

VIEWS = """
select ev_class::int8, ev_action::text
  from pg_rewrite join pg_class c on c.oid = ev_class
 where c.relkind = 'v' and c.relnamespace::regnamespace::text not in ('pg_catalog', 'information_schema')
"""

# Those of extensions, of PostgreSQL and of the kit belong to nobody's account.
TABLES = """
select attrelid::int8, attnum, c.relname, attname
  from pg_attribute join pg_class c on c.oid = attrelid
 where attnum > 0 and not attisdropped and c.relkind in ('r', 'p', 'v', 'm', 'f')
   and c.relnamespace::regnamespace::text not in ('pg_catalog', 'information_schema', 'kit')
"""

UNIQUE = "select oid::int8, conkey from pg_constraint where contype in ('p', 'u')"
EQUAL = "select oid::int8 from pg_operator where oprname = '='"

# A function of the service's that names a table, and those of PostgreSQL that run the text that
# they are given.
HIDDEN = r"""
select p.oid::int8, format('it calls %s, whose text names %s', p.proname, c.relname)
  from pg_proc p join pg_class c on c.oid = any($1)
 where p.pronamespace not in ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
   and p.prolang not in (select oid from pg_language where lanname in ('c', 'internal'))
   and coalesce(pg_get_function_sqlbody(p.oid), p.prosrc) ~* ('\m' || c.relname || '\M')
 union all
select oid::int8, format('it calls %s, which runs statements from text', proname)
  from pg_proc
 where proname ~ '^(query|table|schema|database|cursor)_to_xml|^ts_stat$|^dblink'
"""

# As one writes them: `timestamptz`, not `timestamp with time zone`.
TYPES = """
select oid, replace(replace(replace(format_type(oid, null), 'timestamp with time zone', 'timestamptz'),
       ' without time zone', ''), 'character varying', 'varchar')
  from pg_type
"""

# An index that enforces a constraint is used by that.
PLAIN_INDEXES = """
select c.relname as name, i.indrelid::regclass::text as table
  from pg_index i join pg_class c on c.oid = i.indexrelid
 where c.relnamespace = 'public'::regnamespace and not i.indisunique
   and not exists (select from pg_constraint where conindid = i.indexrelid)
"""

# The first columns of some index have to be those of the key, in any order.
BARE_FOREIGN_KEYS = """
select k.conname as name, k.conrelid::regclass::text as table,
       (
           select string_agg(attname, ', ') from pg_attribute where attrelid = k.conrelid and attnum = any(k.conkey)
       ) as columns
  from pg_constraint k
 where k.contype = 'f' and k.connamespace = 'public'::regnamespace
   and not exists (
       select from pg_index i
        where i.indrelid = k.conrelid and i.indpred is null
          and (i.indkey::int2[])[0:cardinality(k.conkey) - 1] @> k.conkey
   )
"""


@dataclass(frozen=True)
class Schema:
    """The declared rows of tables, the indexes by name, how types are written, and what tells about
    nulls.
    """

    rows: Mapping[str, int]
    indexes: Mapping[str, Index]
    types: Mapping[int, str]
    nulls: Known

    def is_large(self, node: Node) -> bool:
        """Return whether a step reads a table that may not be read as a whole."""
        table = node.get("Relation Name")
        return (
            bool(table)
            and node.get("Schema") != "pg_catalog"
            and self.rows.get(str(table), DEFAULT_ROWS) >= LARGE
        )

    def finds_one_row(self, node: Node) -> bool:
        """Return whether a step looks a row up by all columns of a unique index."""
        index = self.indexes.get(node.get("Index Name") or "")
        if index is None or not index.is_unique:
            return False
        return (node.get("Index Cond") or "").count(" = ") >= len(index.columns)


async def read(connection: asyncpg.Connection, budgets: Budgets) -> Schema:
    columns = await connection.fetch(COLUMNS)
    known = Known(
        columns={(table, number): name for table, number, name, _ in columns},
        not_null={(table, number) for table, number, _, never in columns if never},
        views={view: tree.read(text)[0] for view, text in await connection.fetch(VIEWS)},
        functions=await functions.read(connection),
    )
    indexes = {name: Index(*row) for name, *row in await connection.fetch(INDEXES)}
    known = await add_accounts(connection, known, budgets, [*indexes.values()])
    return Schema(budgets.rows, indexes, dict(await connection.fetch(TYPES)), known)


async def add_accounts(
    connection: asyncpg.Connection, known: Known, budgets: Budgets, indexes: Sequence[Index]
) -> Known:
    """Return what is known, with what tells whose rows a statement takes. Raises `CommandError`."""
    accounts, declared = {}, dict(budgets.accounts)
    for table, number, name, column in await connection.fetch(TABLES):
        if column == budgets.accounts.get(name, ACCOUNT):
            accounts[table] = number
            declared.pop(name, None)
    if missing := [f"{table}.{column}" for table, column in declared.items() if column]:
        raise CommandError(
            f"{FILE} [accounts]: there is no {', '.join(missing)}. Correct the file."
        )
    keys: dict[int, list[int]] = defaultdict(list)
    for it in indexes:
        if it.is_unique and len(it.columns) == 1 and it.columns != (0,):
            keys[it.table] += it.columns
    return replace(
        known,
        accounts=accounts,
        keys=keys,
        unique=dict(await connection.fetch(UNIQUE)),
        equal={operator for (operator,) in await connection.fetch(EQUAL)},
        hidden=dict(await connection.fetch(HIDDEN, [*accounts])),
    )


async def check_foreign_keys(connection: asyncpg.Connection) -> list[str]:
    """Return what to do for each foreign key without an index: deleting a row would read the whole
    other table.
    """
    return [
        f"{row['table']}.{row['name']}: add an index on {row['table']} ({row['columns']}); without it, each delete or "
        "change of the row it refers to reads that whole table"
        for row in await connection.fetch(BARE_FOREIGN_KEYS)
    ]


async def check_indexes(
    connection: asyncpg.Connection, used: Set[str], excused: Mapping[str, str]
) -> list[str]:
    """Return what to do for each index that no statement uses: every write pays for it."""
    return [
        f"{row['table']}.{row['name']}: no statement uses this index; drop it, or give the reason in perf/budgets.toml "
        f'under [unused_indexes]: {row["name"]} = "…"'
        for row in await connection.fetch(PLAIN_INDEXES)
        if row["name"] not in used and not excused.get(row["name"])
    ]
