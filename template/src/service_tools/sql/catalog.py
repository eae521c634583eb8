# kit: updated by the template; extend it from app.py
"""The tables, as PostgreSQL's catalogue and the team's budgets describe them."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from itertools import chain
from typing import Any

import asyncpg

from service.kit.work.command_error import CommandError
from service_tools.sql.budgets import BUDGETS_FILE, DEFAULT_ACCOUNT_COLUMN, DEFAULT_ROWS, Budgets
from service_tools.sql.functions import Functions, read_functions
from service_tools.sql.plans import Step
from service_tools.sql.tree import Node, read_tree

LARGE = 10_000
"""A table with this many rows or more may not be read as a whole."""

# Tables of extensions, of PostgreSQL and of the kit belong to nobody's account.
COLUMNS = """
select attrelid::int8, attnum, attrelid::regclass || '.' || attname, attnotnull, attname,
       case when c.relnamespace::regnamespace::text
                 not in ('pg_catalog', 'information_schema', 'kit') then c.relname end
  from pg_attribute join pg_class c on c.oid = attrelid
 where attnum > 0 and not attisdropped and c.relkind in ('r', 'p', 'v', 'm', 'f')
"""

INDEXES = """
select c.relname, i.indrelid::int8, i.indisunique and i.indpred is null,
       (i.indkey::int2[])[0:i.indnkeyatts - 1]
  from pg_index i join pg_class c on c.oid = i.indexrelid
 where c.relnamespace not in ('pg_catalog'::regnamespace, 'pg_toast'::regnamespace)
"""

VIEWS = """
select ev_class::int8, ev_action::text
  from pg_rewrite join pg_class c on c.oid = ev_class
 where c.relkind = 'v'
   and c.relnamespace::regnamespace::text not in ('pg_catalog', 'information_schema')
"""

UNIQUE = "select oid::int8, conkey from pg_constraint where contype in ('p', 'u')"
EQUAL = "select oid::int8 from pg_operator where oprname = '='"

# As people write them: `timestamptz`, not `timestamp with time zone`.
TYPES = """
select oid, replace(replace(replace(format_type(oid, null),
            'timestamp with time zone', 'timestamptz'),
            ' without time zone', ''),
            'character varying', 'varchar')
  from pg_type
"""

type Column = tuple[int, int]
"""The oid of a table, and the number of one of its columns."""


@dataclass(frozen=True)
class Index:
    """An index by the numbers of its columns; an expression has 0."""

    table: int
    is_unique: bool
    columns: Sequence[int]


@dataclass(frozen=True)
class Catalog:
    """What is known of the schema. Tables and functions are oids, columns and indexes have names.

    `rows` has the declared rows of tables by name, `types` how types are written, `views` their
    trees. `account_columns` has the column that says whose a row is, by table; `unique` the
    columns of each unique constraint; `equal` the operators `=`.
    """

    rows: Mapping[str, int]
    types: Mapping[int, str]
    columns: Mapping[Column, str]
    not_null: Set[Column]
    indexes: Mapping[str, Index]
    views: Mapping[int, Node]
    functions: Functions
    account_columns: Mapping[int, int]
    unique: Mapping[int, Sequence[int]]
    equal: Set[int]

    def is_large(self, step: Step) -> bool:
        """Return whether a step reads a table that may not be read as a whole."""
        table = step.relation_name
        if not table or step.schema == "pg_catalog":
            return False
        return self.rows.get(table, DEFAULT_ROWS) >= LARGE

    def finds_one_row(self, step: Step) -> bool:
        """Return whether a step looks a row up by all columns of a unique index."""
        index = self.indexes.get(step.index_name)
        if index is None or not index.is_unique:
            return False
        return step.index_cond.count(" = ") >= len(index.columns)

    def list_indexes(self, table: int) -> list[Index]:
        return [index for index in self.indexes.values() if index.table == table]

    def list_indexed(self, table: int) -> set[int]:
        """Return the columns of a table that are in an index."""
        indexes = self.list_indexes(table)
        return set(chain(*(index.columns for index in indexes)))

    def list_keys(self, table: int) -> set[int]:
        """Return the columns of a table that are unique by themselves."""
        keys = set()
        for index in self.list_indexes(table):
            first, *others = index.columns
            if index.is_unique and first > 0 and not others:
                keys.add(first)
        return keys

    def name_account(self, table: int) -> tuple[str, str]:
        """Return the names of a table and of the column that says whose a row is."""
        column = self.account_columns[table]
        name = self.columns[table, column]
        table_name, _, column_name = name.rpartition(".")
        return table_name, column_name


async def read_catalog(connection: asyncpg.Connection, budgets: Budgets) -> Catalog:
    """Return what is known of a database.

    Raises `CommandError` where the budgets name a column that is not there.
    """
    columns = await connection.fetch(COLUMNS)
    names = {}
    not_null = set()
    for table, number, name, is_not_null, *_ in columns:
        names[table, number] = name
        if is_not_null:
            not_null.add((table, number))
    indexes = await connection.fetch(INDEXES)
    views = await connection.fetch(VIEWS)
    equal = await connection.fetch(EQUAL)
    accounts = find_accounts(columns, budgets.accounts)
    functions = await read_functions(connection, [*accounts])
    return Catalog(
        rows=budgets.rows,
        types=dict(await connection.fetch(TYPES)),
        columns=names,
        not_null=not_null,
        indexes={name: Index(*columns) for name, *columns in indexes},
        views={view: read_tree(text, functions)[0] for view, text in views},
        functions=functions,
        account_columns=accounts,
        unique=dict(await connection.fetch(UNIQUE)),
        equal={operator for (operator,) in equal},
    )


def find_accounts(columns: Sequence[Any], declared: Mapping[str, str]) -> dict[int, int]:
    """Return the column that says whose a row is, by table."""
    found: dict[int, int] = {}
    missing = {name: column for name, column in declared.items() if column}
    for table, number, _, _, column, name in columns:
        if name and column == declared.get(name, DEFAULT_ACCOUNT_COLUMN):
            found[table] = number
            missing.pop(name, None)
    for name, column in missing.items():
        problem = f"there is no {name}.{column}. Correct the file."
        raise CommandError(f"{BUDGETS_FILE} [accounts]: {problem}")
    return found
