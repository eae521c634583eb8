# kit: updated by the template; extend it from app.py
"""How many rows the tables hold in production, as the team's budgets declare."""

from collections.abc import Collection, Mapping
from typing import NamedTuple

import asyncpg

from service_tools.sql.budgets import DEFAULT_ACCOUNT_COLUMN, DEFAULT_ROWS, Budgets
from service_tools.sql.constraints import CONSTRAINTS

LARGE = 10_000
"""A table with this many rows or more may not be read as a whole."""

LARGEST_SHARE = 10
"""The largest account has a tenth of a table, where the budgets do not say how many rows it has."""

MOST_CHILDREN = 100
"""The row that most others refer to has a hundred times as many as the average."""

# Each table, and each partition of one: `whole` has the rows of all partitions together, `largest`
# those of the largest account, if that is declared. The children of a row are those that refer to
# it by a foreign key of one column. $1 has the budgets.
SIZES = f"""
with tables as (
    select c.oid, n.nspname || '.' || c.relname as name, c.relname::text,
           coalesce(root.relname, c.relname)::text as root,
           (
               select greatest(count(*), 1) from pg_partition_tree(root.oid) where isleaf
           ) as partitions
      from pg_class c
      join pg_namespace n on n.oid = c.relnamespace
      left join pg_class root on root.oid = pg_partition_root(c.oid)
     where c.relkind in ('r', 'm', 'p')
       and n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast')
),
wholes as (
    select *, coalesce(($1::json #>> array['rows', root])::int8, {DEFAULT_ROWS}) as whole
      from tables
),
sizes as (
    select oid, name, whole,
           coalesce(($1::json #>> array['rows', relname])::int8, whole / partitions) as rows,
           coalesce($1::json #>> array['accounts', root], '{DEFAULT_ACCOUNT_COLUMN}') as account,
           ($1::json #>> array['largest_account', root])::int8 as largest
      from wholes
),
children as (
    select child.oid, attname::text,
           {MOST_CHILDREN} * child.whole / greatest(1, parent.whole) as most
      from pg_constraint
      join pg_attribute on attrelid = conrelid and attnum = conkey[1]
      join sizes child on child.oid = conrelid
      join sizes parent on parent.oid = confrelid
     where contype = 'f' and cardinality(conkey) = 1
)
"""  # noqa: S608

READ = f"""
{SIZES}
select name, oid::int8, whole, case when largest < {LARGE} then account end,
       array(
           select attname from children where children.oid = sizes.oid and most < {LARGE}
       ),
       array(
           select attname from pg_attribute
            where attrelid = sizes.oid
              and atttypid in ('timestamp'::regtype, 'timestamptz'::regtype)
       )
  from sizes
"""  # noqa: S608

# The planner multiplies the density of rows by the real pages of the file, so these statistics
# divide the wanted rows by the real pages.
RESTORE_ROWS = f"""
{SIZES}
select pg_restore_relation_stats(
           'schemaname', relnamespace::regnamespace::text,
           'relname', relname::text,
           'relpages', greatest(1, pg_relation_size(c.oid) / 8192)::int,
           'reltuples', rows::real,
           'relallvisible', greatest(1, pg_relation_size(c.oid) / 8192)::int
       )
  from sizes
  join pg_class c
    on c.oid = sizes.oid or c.oid in (select indexrelid from pg_index where indrelid = sizes.oid)
"""  # noqa: S608

# How many values a column has decides how many rows the planner expects to have one of them.
RESTORE_VALUES = f"""
{SIZES},
counted as (
    select oid, attname, most from children
     union all
    select oid, account, coalesce(largest, rows / {LARGEST_SHARE}) from sizes
     union all
    select oid, attname, rows / cardinality(choices)
      from ({CONSTRAINTS}) as k (relation, attname, name, choices)
      join sizes on oid = relation
     where choices <> '{{}}'
)
select pg_restore_attribute_stats(
           'schemaname', relnamespace::regnamespace::text,
           'relname', relname::text,
           'attname', counted.attname,
           'inherited', false,
           'n_distinct', greatest(1, rows / greatest(1.0, max(most)))::real
       )
  from counted
  join sizes using (oid)
  join pg_class c using (oid)
  join pg_attribute a on a.attrelid = oid and a.attname = counted.attname
 group by relnamespace, relname, counted.attname, rows
"""  # noqa: S608


class Size(NamedTuple):
    """A table, or a partition of one, with the rows of all partitions together.

    `account` is the column that says whose a row is, if no account has many rows, and `references`
    are the columns by which few rows refer to the same one. `times` are those of which few rows
    have the same.
    """

    oid: int
    rows: int
    account: str | None
    references: Collection[str]
    times: Collection[str]


type Sizes = Mapping[str, Size]
"""By the name of the table, with that of its schema."""


async def read_sizes(connection: asyncpg.Connection, budgets: Budgets) -> Sizes:
    """Return the sizes of all tables."""
    rows = await connection.fetch(READ, budgets.as_json())
    return {name: Size(*size) for name, *size in rows}


async def restore_sizes(connection: asyncpg.Connection, budgets: Budgets) -> None:
    """Let PostgreSQL plan as if each table that has a page had the rows of its budget."""
    for statement in (RESTORE_ROWS, RESTORE_VALUES):
        await connection.fetch(statement, budgets.as_json())
