# kit: updated by the template; extend it from app.py
"""Reads lists a page at a time, with a statement for each declared set of filters and order.

Each set needs an index on the columns of the scope, the filters and the key, in this order; the
SQL contract checks that. A page starts after the last row of the page before it, so page 10,000
costs what page 1 costs.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from inspect import cleandoc
from itertools import chain, product
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Literal, get_args
from urllib.parse import quote, quote_plus, unquote

from msgspec import Meta, Struct

from service.kit.db.database import Connection, Database
from service.kit.db.nested import NAMED_PARAM, list_alternatives
from service.kit.db.query import AnyQuery, Query, complete_query
from service.kit.rows.cursor import CursorCodec
from service.kit.rows.statements import (
    COUNT,
    PAGE,
    SAMPLE,
    Param,
    Sort,
    get_field_types,
    name_statement,
)
from service.kit.work.arguments import unwrap_type
from service.kit.work.problems import invalid

DEFAULT_LIMIT = 20
MAX_LIMIT = 100

Limit = Annotated[
    int,
    Meta(ge=1, le=MAX_LIMIT, description=f"Rows per page, at most {MAX_LIMIT}."),
]

SAFE_IN_LINK = "%&=+:,;@/?!$'()*"
"""Characters that a link keeps from a query string as they are; others could end it."""

type PageQuery[Row] = Query[Row, *tuple[Any, ...]]
type FilterSets = Sequence[tuple[str, ...]]

NOTHING: Mapping[str, Any] = MappingProxyType({})


class Page[Row](Struct, frozen=True):
    """One page of a list. `next` is the cursor of the page after it, or null at the end."""

    data: Sequence[Row]
    next: str | None


def make_link_header(query_string: str, cursor: str) -> str:
    """Return the header `Link` (RFC 8288) to the page after the one that a query string asked for.

    The target is relative, so it holds behind any proxy and path prefix.
    """
    parts = []
    for part in query_string.split("&"):
        name = unquote(part.partition("=")[0])
        if part and name != "cursor":
            parts.append(part)
    parts.append(f"cursor={quote_plus(cursor)}")
    target = quote("&".join(parts), SAFE_IN_LINK)
    return f'<?{target}>; rel="next"'


class BaseFilter(Struct, frozen=True):
    """What the query string asks of a list: a subclass adds filters, each with the default None.

    `sort` is a `Literal` of the orders, like "name" and "-total_minor". Fields like
    `total_minor_from` and `total_minor_before` are the range of the column that sorts.
    """

    __query__: ClassVar[bool] = True
    """The package web fills such a parameter of a handler from the query string."""


class Filter(BaseFilter, frozen=True):
    """What the query string asks of a list by creation time.

    A subclass adds its filters: `status: Status | None = None`.
    """

    sort: Literal["-created_at", "created_at"] = "-created_at"
    created_from: Annotated[datetime, Meta(description="The earliest creation time.")] | None = None
    created_before: (
        Annotated[datetime, Meta(description="Only what was created before this.")] | None
    ) = None


class Listing[Row: Struct, Where: BaseFilter]:
    """The lists of a table, declared in a slice's `queries.py`.

        Listing(
            "orders", Order, OrderFilter, scope={"account": str}, filters=((), ("status",))
        )

    `scope` has the columns whose values the handler gives, with their types: the caller sees no
    rows but those. `key` orders the rows and tells them apart. `filters` are the sets of fields
    that may be given together; `sorts` has these sets for each order, where there is another than
    by creation time. `joins` adds columns of other tables, never rows, so `count` leaves it out:
    "join users as author on author.id = a.author_id", with "articles as a" for the table.

    `conditions` has SQL for filters that are no column, like "exists (… = $tag)" for `tag`; where
    it has no such parameter, like "paid_at is null", the filter is a bool. `columns` has SQL for
    fields of the row that are no column. `params` are more values that the handler gives, after
    those of the scope: `$viewer`. For tools, `samples` has SQL for a value of each parameter.

    `max_offset` is how many rows `fetch_offset` may skip, `max_count` how many `count` counts.
    `queries` has the statements by name, as newest_by_status; an export runs the same ones without
    a limit. `never_null` and `excused` are passed on to each of them.
    """

    def __init__(
        self,
        table: str,
        row: type[Row],
        where: type[Where],
        *,
        joins: str = "",
        scope: Mapping[str, Any],
        key: tuple[str, str] = ("created_at", "id"),
        filters: FilterSets = ((),),
        sorts: Mapping[str, FilterSets] = NOTHING,
        conditions: Mapping[str, str] = NOTHING,
        columns: Mapping[str, str] = NOTHING,
        params: Mapping[str, Any] = NOTHING,
        samples: Mapping[str, str] = NOTHING,
        max_offset: int = 0,
        max_count: int = 0,
        never_null: Mapping[str, str] = NOTHING,
        excused: Mapping[str, str] = NOTHING,
    ) -> None:
        self.table = table
        self.row = row
        self.columns = columns
        self.max_offset = max_offset
        self.max_count = max_count
        self.never_null = never_null
        self.excused = {"offset": "max_offset bounds it", **excused}
        self.joins = "".join(f"\n  {line}" for line in cleandoc(joins).splitlines())
        name = table.split()[-1]  # perhaps with its schema
        _, _, alias = name.rpartition(".")
        self.prefix = f"{alias}." if joins or name != table else ""
        self.given = (*scope, *params)
        types = {**get_field_types(where), **scope, **params}
        choices = get_args(types.get("sort")) or (f"-{key[0]}",)
        allowed = {**dict.fromkeys(choices, filters), **sorts}
        check_same(allowed, choices, f"sorts of {where.__name__} and of {table}")
        self.default_sort = choices[0]
        self.sorts: dict[str, Sort] = {}
        for name, sets in allowed.items():
            self.sorts[name] = Sort(name, key[1], row, where, sets, self.prefix)
        others = {"sort", *chain(*[sort.ranges for sort in self.sorts.values()])}
        fields = [name for name in where.__struct_fields__ if name not in others]
        declared = chain(*chain(*allowed.values()))
        check_same(declared, fields, f"fields of {where.__name__} and filters of {table}")

        for name in fields:  # a statement has only the filters that are given
            types[name] = unwrap_type(types[name])
        self.params = {name: Param(types[name], samples.get(name, "null")) for name in types}
        self.conditions: dict[str, str] = {}
        self.flags: set[str] = set()
        for name in (*scope, *fields):
            self.add_condition(name, conditions.get(name))
        self.queries: dict[str, AnyQuery] = {}
        for sort in self.sorts.values():
            for names in sort.filters:
                self.add_queries(sort, [*scope], names)

    def add_condition(self, name: str, sql: str | None) -> None:
        """Write the condition of a filter, and the opposite of one that holds or does not."""
        kind, _ = self.params[name]
        if sql is None:
            column = self.prefix + name
            self.params[name] = Param(kind, column)
            self.conditions[name] = f"{column} = ${name}"
            return
        self.conditions[name] = f"({sql})"
        if name in NAMED_PARAM.findall(sql):
            return
        if bool not in list_alternatives(kind):
            raise TypeError(f"the condition of {name} lacks ${name}, or {name} is to be a bool")
        self.conditions[f"not_{name}"] = f"not ({sql})"
        self.flags.add(name)

    def add_queries(self, sort: Sort, scope: Sequence[str], names: Iterable[str]) -> None:
        """Make the statements for a set of filters: one for each combination of its flags."""
        choices = [[name, f"not_{name}"] if name in self.flags else [name] for name in names]
        for terms in product(*choices):
            conditions = [self.conditions[name] for name in (*scope, *terms)]
            page = PAGE.format(
                prefix=self.prefix,
                table=self.table,
                joins=self.joins,
                conditions=" and ".join([*conditions, *sort.page]),
                order=sort.order,
                offset="\noffset $page_offset" if self.max_offset else "",
            )
            query: AnyQuery = Query(
                page,
                self.row,
                columns=self.columns,
                never_null=self.never_null,
                excused=self.excused,
            )
            self.add_query(sort, name_statement(sort.page_name, terms), query)
            if self.max_count:
                text = " and ".join([*conditions, *sort.count]) or "true"
                sql = COUNT.format(table=self.table, conditions=text, limit=self.max_count)
                count: AnyQuery = Query(sql, int, columns=NOTHING, excused=self.excused)
                self.add_query(sort, name_statement(sort.count_name, terms), count)

    def add_query(self, sort: Sort, name: str, query: AnyQuery) -> None:
        known = self.params | sort.params
        unknown = ", ".join(query.names - known.keys())
        if unknown:
            raise TypeError(f"{self.table}: no filter, scope or parameter is called {unknown}")
        params = [known[name] for name in query.names]
        values = ", ".join(param.sample for param in params)
        types = tuple(param.type for param in params)
        sample = SAMPLE.format(values=values, table=self.table, joins=self.joins)
        complete_query(query, params=types, sample=sample)
        self.queries[name] = query

    async def page(
        self,
        db: Database | Connection,
        where: Where,
        cursor: str | None,
        limit: int,
        *given: object,
    ) -> Page[Row]:
        """Return the rows that `where` asks for: the first ones, or those after a cursor.

        `given` are the values of the scope, then of other parameters. Raises a 422 problem.
        """
        sort, terms, values, identity = self.ask(where, given)
        codec = CursorCodec(sort.cursor_type, *identity)
        if cursor is not None:
            values["page_start"], values["page_key"] = codec.decode(cursor)
        values["page_limit"] = limit + 1
        query, args = self.bind(name_statement(sort.page_name, terms), values)
        rows = await db.fetch(query, *args)
        if len(rows) <= limit:
            return Page(rows, None)
        last = rows[limit - 1]
        cursor = codec.encode(sort.read_key(last))
        return Page(rows[:limit], cursor)

    async def fetch_offset(
        self,
        db: Database | Connection,
        where: Where,
        offset: int,
        limit: int,
        *given: object,
    ) -> list[Row]:
        """Return the rows after the first ones, which are read in vain. Raises a 422 problem."""
        if not 0 <= offset <= self.max_offset:
            advice = f"it must be from 0 to {self.max_offset}; narrow the list by a filter"
            raise invalid("offset", advice)
        sort, terms, values, _ = self.ask(where, given)
        values["page_limit"] = limit
        values["page_offset"] = offset
        query, args = self.bind(name_statement(sort.page_name, terms), values)
        return await db.fetch(query, *args)

    async def count(self, db: Database | Connection, where: Where, *given: object) -> int:
        """Return how many rows the list has: `max_count` stands for that many or more."""
        sort, terms, values, _ = self.ask(where, given)
        query, args = self.bind(name_statement(sort.count_name, terms), values)
        return await db.fetch_one(query, *args)

    def bind_all(
        self, where: Where, given: Sequence[object]
    ) -> tuple[PageQuery[Row], tuple[object, ...]]:
        """Return the statement for `where` without a limit, and its arguments."""
        sort, terms, values, _ = self.ask(where, given)
        return self.bind(name_statement(sort.page_name, terms), values)

    def bind(self, name: str, values: Mapping[str, object]) -> tuple[AnyQuery, tuple[object, ...]]:
        query = self.queries[name]
        args = [values[name] for name in query.names]
        return query, tuple(args)

    def ask(
        self, where: Where, given: Sequence[object]
    ) -> tuple[Sort, list[str], dict[str, Any], tuple[object, ...]]:
        """Return the order, the conditions, the values of parameters, and what cursors belong to.

        Raises a 422 problem if the filters are no declared set.
        """
        sort = self.sorts[getattr(where, "sort", self.default_sort)]
        filters: dict[str, object] = {}
        for name in sort.fields:
            value = getattr(where, name)
            if value is not None:
                filters[name] = value
        names = find_filters(sort, filters)
        terms = [f"not_{it}" if it in self.flags and not filters[it] else it for it in names]
        least, greatest = sort.read_range(where)
        values = {
            **filters,
            **dict(zip(self.given, given, strict=True)),  # last, so that no filter changes them
            "page_start": greatest if sort.is_descending else least,
            "page_key": sort.least_id,
            "page_from": least,
            "page_before": greatest,
            "page_limit": None,
            "page_offset": 0,
        }
        identity = (self.table, given, sort.name, filters, least, greatest)
        return sort, terms, values, identity


def find_filters(sort: Sort, given: Mapping[str, object]) -> tuple[str, ...]:
    """Return the declared set of these filters. Raises a 422 problem that lists all sets."""
    for names in sort.filters:
        if given.keys() == {*names}:
            return names
    declared = sorted(sort.filters, reverse=True)
    *others, last = [" and ".join(names) or "nothing" for names in declared]
    detail = f"filter by {last}"
    if others:
        ways = ", by ".join(others)
        detail = f"filter by {ways}, or by {last}"
    field = [*given][-1] if given else sort.fields[0]
    known = {*chain(*sort.filters)}
    for name in given:
        if name not in known:
            raise invalid(name, f"it does not go with sort={sort.name}; {detail}")
    raise invalid(field, detail)


def check_same(declared: Iterable[str], fields: Iterable[str], both: str) -> None:
    """Raise `TypeError` where two sides of a declaration differ."""
    different = {*declared} ^ {*fields}
    if different:
        names = ", ".join(sorted(different))
        raise TypeError(f"{both} differ: {names}")
