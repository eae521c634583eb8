# kit: updated by the template; extend it from app.py
"""The tables, as PostgreSQL's catalogue and the team's budgets describe them."""

import re
from collections.abc import Collection, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

import asyncpg

from service.kit.work.command_error import CommandError
from service_tools.sql.budgets import DEFAULT_ACCOUNT_COLUMN, Budgets, find_unknown
from service_tools.sql.functions import Functions, read_functions
from service_tools.sql.plans import Step
from service_tools.sql.sizes import LARGE, Sizes, read_sizes
from service_tools.sql.tree import Node, read_tree

# Since version 18, `not null` may be a constraint that is not validated, or not inherited. Tables
# of extensions, of PostgreSQL and of the kit belong to nobody's account.
COLUMNS = """
select attrelid::int8, attnum, attrelid::regclass || '.' || attname,
       attnotnull and c.relkind <> 'f' and not exists (
           select from pg_constraint
            where conrelid = attrelid and contype = 'n' and conkey[1] = attnum
              and (not convalidated or (connoinherit and c.relhassubclass))
       ),
       c.relname, c.relname || '.' || attname,
       attname = coalesce($1::json #>> array['accounts', c.relname::text], $2)
       and c.relnamespace::regnamespace::text not in ('pg_catalog', 'information_schema', 'kit')
  from pg_attribute join pg_class c on c.oid = attrelid
 where attnum > 0 and not attisdropped and c.relkind in ('r', 'p', 'v', 'm', 'f')
"""

INDEXES = """
select c.relname, i.indrelid::int8, i.indisunique and indpred is null, i.indisunique,
       coalesce(pg_get_expr(indpred, indrelid), ''),
       (i.indkey::int2[])[0:i.indnkeyatts - 1],
       array(
           select pg_get_indexdef(i.indexrelid, number, false)
             from generate_series(1, i.indnkeyatts) as number
       ),
       amname = 'btree'
  from pg_index i join pg_class c on c.oid = i.indexrelid join pg_am a on a.oid = c.relam
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

# As people write them: `timestamptz`, not `timestamp with time zone`. A domain counts as the type
# below it, an enum as a text, and ranges, multiranges and composites as one of their kind; the
# budgets in $1 say what others count as.
WRITTEN_TYPES = """
with recursive written as (
    select oid, typtype, typcategory, typbasetype, typelem,
           replace(replace(replace(format_type(oid, null),
           'timestamp with time zone', 'timestamptz'),
           ' without time zone', ''),
           'character varying', 'varchar') as name
      from pg_type
),
below as (
    select oid, oid as base from written
     union all
    select below.oid, t.typbasetype from below join written t on t.oid = base where typtype = 'd'
),
kinds as (
    select shown.oid, stored.name, stored.typcategory = 'A' as is_array, stored.typelem,
           coalesce($1::json -> 'types' ->> shown.name, $1::json -> 'types' ->> stored.name,
                    case stored.typtype when 'c' then 'record' when 'e' then 'text'
                                       when 'm' then 'multirange' when 'r' then 'range'
                                       else stored.name end) as kind
      from below join written shown using (oid) join written stored on stored.oid = base
     where stored.typtype <> 'd'
)
select whole.oid, coalesce(item.kind || '[]', whole.kind)
  from kinds whole left join kinds item on whole.is_array and item.oid = whole.typelem
"""

type Column = tuple[int, int]
"""The oid of a table, and the number of one of its columns."""


NOISE = re.compile(r"::(?:text|character varying|bpchar)|[\s()\"]")


def normalize(expression: str) -> str:
    """Return an expression without what PostgreSQL writes in one place and not in another."""
    return NOISE.sub("", expression)


@dataclass(frozen=True)
class Index:
    """An index by the numbers of its columns, where an expression has 0, and by their texts.

    If it `is_unique`, no two rows of the table have the same columns; if it `is_key`, no two of the
    rows that are in it.
    """

    table: int
    is_unique: bool
    is_key: bool
    predicate: str
    columns: Sequence[int]
    expressions: Sequence[str]
    is_btree: bool


@dataclass(frozen=True)
class Catalog:
    """What is known of the schema. Tables and functions are oids, columns and indexes have names.

    `sizes` has the rows of tables, `types` what types count as, `views` their trees.
    `account_columns` has the column that says whose a row is, by table; `unique` the columns of
    each unique constraint; `equal` the operators `=`.
    """

    sizes: Sizes
    columns: Mapping[Column, str]
    not_null: Set[Column]
    indexes: Mapping[str, Index]
    views: Mapping[int, Node]
    functions: Functions
    account_columns: Mapping[int, int]
    unique: Mapping[int, Sequence[int]]
    equal: Set[int]
    types: Mapping[int, str]

    def is_large(self, step: Step) -> bool:
        """Return whether a step reads a table that may not be read as a whole."""
        if not step.relation_name or step.schema == "pg_catalog":
            return False
        size = self.sizes.get(step.table)
        return size is None or size.rows >= LARGE

    def has_key(self, step: Step, columns: Set[str]) -> bool:
        """Return whether columns of the table that a step reads tell one row from all others.

        The account does where each has few rows.
        """
        size = self.sizes.get(step.table)
        if size is None:
            return False
        if size.account in columns:
            return True
        used = self.indexes.get(step.index_name)
        for index in self.list_indexes(size.oid):
            is_key = index.is_unique or (index is used and index.is_key)
            if is_key and columns >= {*map(normalize, index.expressions)}:
                return True
        return False

    def has_few(self, step: Step, columns: Set[str]) -> bool:
        """Return whether columns of the table that a step reads refer to a row with few others."""
        size = self.sizes.get(step.table)
        return size is not None and not columns.isdisjoint(size.references)

    def has_accounts(self, step: Step) -> bool:
        """Return whether a step reads a table whose rows belong to accounts."""
        size = self.sizes.get(step.table)
        return size is not None and size.oid in self.account_columns

    def has_times(self, step: Step, columns: Set[str]) -> bool:
        """Return whether one of the columns of the table that a step reads is a time."""
        size = self.sizes.get(step.table)
        return size is not None and not columns.isdisjoint(size.times)

    def list_indexes(self, table: int) -> list[Index]:
        return [index for index in self.indexes.values() if index.table == table]

    def list_keys(self, table: int) -> set[int]:
        """Return the columns of a table that are unique by themselves."""
        unique = [index.columns for index in self.list_indexes(table) if index.is_unique]
        return {columns[0] for columns in unique if len(columns) == 1 and columns[0]}

    def name_account(self, table: int) -> tuple[str, str]:
        """Return the names of a table and of the column that says whose a row is."""
        column = self.account_columns[table]
        table_name, _, column_name = self.columns[table, column].rpartition(".")
        return table_name, column_name


async def read_catalog(connection: asyncpg.Connection, budgets: Budgets) -> Catalog:
    """Return what is known of a database.

    Raises `CommandError` where the budgets name a column that is not there.
    """
    columns = await connection.fetch(COLUMNS, budgets.as_json(), DEFAULT_ACCOUNT_COLUMN)
    names = {(table, number): name for table, number, name, *_ in columns}
    not_null = {(table, number) for table, number, _, is_not_null, *_ in columns if is_not_null}
    types = await connection.fetch(WRITTEN_TYPES, budgets.as_json())
    indexes = await connection.fetch(INDEXES)
    views = await connection.fetch(VIEWS)
    equal = await connection.fetch(EQUAL)
    accounts = {table: number for table, number, *_, is_account in columns if is_account}
    functions = await read_functions(connection, [*accounts])
    check_budgets(columns, {name for name, *_ in indexes}, budgets)
    return Catalog(
        sizes=await read_sizes(connection, budgets),
        columns=names,
        not_null=not_null,
        indexes={name: Index(*columns) for name, *columns in indexes},
        views={view: read_tree(text, functions)[0] for view, text in views},
        functions=functions,
        account_columns=accounts,
        unique=dict(await connection.fetch(UNIQUE)),
        equal={operator for (operator,) in equal},
        types=dict(types),
    )


def check_budgets(columns: Sequence[Any], indexes: Collection[str], budgets: Budgets) -> None:
    """Raise `CommandError` where the budgets name tables, columns or indexes that are not there."""
    tables = {table for *_, table, _, _ in columns}
    of_accounts = {table for *_, table, _, is_account in columns if is_account}
    names = {name for *_, name, _ in columns}
    accounts = [f"{name}.{column}".strip(".") for name, column in budgets.accounts.items()]
    problems = [
        *find_unknown("rows", budgets.rows, tables),
        *find_unknown("accounts", accounts, tables | names),
        *find_unknown("largest_account", budgets.largest_account, of_accounts),
        *find_unknown("unused_indexes", budgets.unused_indexes, indexes),
    ]
    if problems:
        raise CommandError("\n".join(problems))
