"""Statements whose nulls are known: none that can be null is missed, and hardly one that cannot is suspected."""

from collections.abc import AsyncGenerator
from datetime import date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import asyncpg
import pytest_asyncio
from service.kit.db.query import Query
from service_tools.sql import contract, scratch
from service_tools.sql.budgets import Budgets
from service_tools.sql.statement import Statement

ONE = "from orders where id = $1"

NEVER_NULL = [
    "with found as (select id, total_minor as total from orders where id = $1) select total from found",
    "select exists (select from orders where id = $1)",
    f"select coalesce(note, '') {ONE}",
    f"select coalesce(note, reference) {ONE}",
    f"select coalesce(max(total_minor), 0) {ONE}",
    f"select total_minor * item_count + 1 {ONE}",
    f"select -total_minor {ONE}",
    f"select reference || ' ' || currency {ONE}",
    f"select lower(customer_email) {ONE}",
    f"select case when gift then 'gift' else 'order' end {ONE}",
    f"select case when note is null then 'none' else note end {ONE}",
    f"select case status when 'paid' then 1 when 'shipped' then 2 else 0 end {ONE}",
    f"select total_minor::text {ONE}",
    f"select total_minor::numeric / 100 {ONE}",
    f"select created_at::date {ONE}",
    f"select array_agg(reference order by id) {ONE} group by account",
    f"select coalesce(array_agg(reference), '{{}}') {ONE}",
    f"select array(select reference {ONE})",
    f"select jsonb_build_object('reference', reference, 'note', note) {ONE}",
    f"select jsonb_agg(note) {ONE} group by status",
    f"select max(total_minor) {ONE} group by currency",
    f"select count(*) filter (where gift) {ONE}",
    "with recursive numbers as (select 1 as n union all select n + 1 from numbers where n < $1) select n from numbers",
    "select label from (values ('a'), ('b')) as labels (label)",
    "insert into accounts (email, password_hash) select r, 'x' from unnest($1::text[]) as given (r) returning email",
    "select r from unnest($1::text[]) as given (r)",
    "select n from generate_series(1, 3) as numbers (n)",
    f"select note {ONE} and note is not null",
    f"select note {ONE} and note like 'a%'",
    "select b.note from orders a left join orders b on b.id = a.id where a.id = $1 and b.note <> ''",
    "select a.reference from orders a left join orders b on b.account = a.account where a.id = $1",
    f"select reference from orders where id = $1 union all select currency {ONE}",
    f"select created_at > now() - interval '1 day' {ONE}",
    f"select status in ('paid', 'shipped') {ONE}",
    f"select note is not distinct from 'a' {ONE}",
    f"select gift and not (total_minor > 3) {ONE}",
    f"select row_number() over (order by created_at) {ONE}",
    f"select lag(total_minor, 1, 0::bigint) over (order by created_at) {ONE}",
    f"select sum(total_minor) over (order by created_at) {ONE}",
    f"select greatest(note, reference) {ONE}",
    f"select date_trunc('day', created_at) {ONE}",
    "select (select count(*) from orders b where b.account = a.account) from orders a where a.id = $1",
    f"select extract(epoch from created_at) {ONE}",
    f"delete {ONE} returning reference",
    "update orders set version = version + 1 where id = $1 returning version",
    "insert into accounts (email, password_hash) values ($1, 'x') on conflict do nothing returning email",
    "with gone as (delete from orders where id = $1 returning reference) select reference from gone",
    f"select reference from (select reference, row_number() over () as n {ONE}) as numbered where n = 1",
    f"select cardinality(tags) {ONE}",
    f"select to_jsonb(tags) {ONE}",
    f"select 'a' = any(array['a', reference]) {ONE}",
    "select $1::uuid",
    "select current_timestamp where $1",
    "select coalesce(b.note, 'none') from orders a left join orders b on b.id = a.id where a.id = $1",
    "select x.reference from orders a , lateral (select b.reference from orders b where b.id = a.id) as x",
    "select currency from shown where id = $1",
]

CAN_BE_NULL = [
    f"select note {ONE}",
    f"select coalesce(note, null) {ONE}",
    f"select now() - max(created_at) {ONE}",
    f"select max(total_minor) {ONE}",
    f"select sum(total_minor) {ONE}",
    f"select array_agg(reference) {ONE}",
    f"select max(note) {ONE} group by currency",
    f"select max(total_minor) filter (where gift) {ONE} group by currency",
    f"select max(total_minor) {ONE} group by grouping sets ((currency), ())",
    f"select currency {ONE} group by rollup (currency)",
    "select b.currency from orders a left join orders b on b.id = a.id where a.id = $1",
    "select a.currency from orders a right join orders b on b.id = a.id where b.id = $1",
    "select a.currency from orders a full join orders b on b.id = a.id where b.id = $1",
    "select lower(b.currency) from orders a left join orders b on b.id = a.id where a.id = $1",
    "select x.n from orders a left join lateral (select 1 as n from orders b where b.id = a.id) as x on true",
    f"select lower(note) {ONE}",
    f"select reference || note {ONE}",
    f"select note || '' || reference {ONE}",
    f"select case when gift then 'gift' end {ONE}",
    f"select case when gift then note else '' end {ONE}",
    f"select case when note is null then note else '' end {ONE}",
    f"select nullif(reference, '') {ONE}",
    "select (select reference from orders b where b.id = $1)",
    "select (select max(total_minor) from orders b where b.id = $1)",
    f"select note = 'a' {ONE}",
    f"select note in ('a', 'b') {ONE}",
    f"select gift and note = 'a' {ONE}",
    f"select tags[1] {ONE}",
    f"select array_length(tags, 1) {ONE}",
    f"select substring(reference from '[0-9]+') {ONE}",
    f"select to_jsonb(tags) ->> 3 {ONE}",
    "select ('null'::jsonb)::integer",
    f"select extract(month from created_at) {ONE}",
    f"select lag(total_minor) over (order by created_at) {ONE}",
    f"select greatest(note, null) {ONE}",
    f"with found as (select note {ONE}) select note from found",
    f"with recursive names as (select reference as n {ONE} union all select null from names) select n from names",
    "select label from (values ('a'), (null)) as labels (label)",
    f"select reference {ONE} union all select note {ONE}",
    "select n from unnest(array[1, null]) as numbers (n)",
    "select a from unnest($1::text[], array[1, 2]) as pairs (a, b)",
    "update orders set note = $1 returning note",
    "update orders set note = null where id = $1 and note is not null returning note",
    "select note from orders where id = $1 and (note is not null or gift)",
    f"select pg_temp.unknown_to_all(currency) {ONE}",
    "select note from shown where id = $1",
    "select current_schema",
    f"select max(currency) {ONE} having count(*) >= 0",
    f"select 'a' = any(tags) {ONE}",
]


KINDS = {
    "bool": bool,
    "date": date,
    "float8": float,
    "int4": int,
    "interval": timedelta,
    "name": str,
    "int8": int,
    "numeric": Decimal,
    "timestamptz": datetime,
    "uuid": UUID,
}


@pytest_asyncio.fixture
async def connection(database_url: str) -> AsyncGenerator[asyncpg.Connection]:
    connection = await asyncpg.connect(database_url)
    await connection.execute(
        """
        create function pg_temp.unknown_to_all(text) returns text strict language sql as 'select null';
        create view shown as select id, currency, note from orders;
        """
    )
    await scratch.restore_statistics(connection, Budgets())
    yield connection
    await connection.close()


async def check(connection: asyncpg.Connection, sql: str) -> Statement:
    """Return a statement whose result and arguments have the types that PostgreSQL gives them."""
    prepared = await connection.prepare(sql)
    [column] = prepared.get_attributes()
    row: type = list if column.type.kind == "array" else KINDS.get(column.type.name, str)
    query: Query = Query(sql, row)
    query.params = tuple(
        list if kind.kind == "array" else KINDS.get(kind.name, str) for kind in prepared.get_parameters()
    )
    [statement] = await contract.check_statements(connection, [("orders.it", query)], Budgets())
    wrong = [it for it in statement.findings if it.rule in ("prepare", "unread", "params", "columns", "types")]
    assert not wrong, wrong
    return statement


def find_nulls(statement: Statement) -> list[str]:
    return [str(it) for it in statement.findings if it.rule == "nulls"]


async def test_what_cannot_be_null_is_not_suspected(connection: asyncpg.Connection):
    suspected = {sql: found for sql in NEVER_NULL if (found := find_nulls(await check(connection, sql)))}
    assert not suspected, suspected


async def test_what_can_be_null_is_found(connection: asyncpg.Connection):
    missed = [sql for sql in CAN_BE_NULL if not find_nulls(await check(connection, sql))]
    assert not missed, missed
