# kit: updated by the template; extend it from app.py
"""Reads lists a page at a time, with a statement for each declared set of filters and direction.

Each set needs an index on the columns of the scope, the filters and the key, in this order; the
SQL contract checks that. A page starts after the last row of the page before it, so page 10,000
costs what page 1 costs.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from operator import attrgetter
from types import GenericAlias, MappingProxyType
from typing import Annotated, Any, ClassVar, Final, Literal
from urllib.parse import quote, quote_plus, unquote
from uuid import UUID

from msgspec import Meta, Struct, inspect, structs

from service.kit.db.database import Connection, Database
from service.kit.db.query import Query
from service.kit.rows.cursor import CursorCodec
from service.kit.work.problems import invalid

DEFAULT_LIMIT = 20
MAX_LIMIT = 100

Limit = Annotated[
    int,
    Meta(ge=1, le=MAX_LIMIT, description=f"Rows per page, at most {MAX_LIMIT}."),
]

SAFE_IN_LINK = "%&=+:,;@/?!$'()*"
"""Characters that a link keeps from a query string as they are; others could end it."""

EARLIEST = datetime(1, 1, 1, tzinfo=UTC)
LATEST = datetime(9999, 12, 31, tzinfo=UTC)

NEWEST_FIRST: Final = "-created_at"
OLDEST_FIRST: Final = "created_at"

BEFORE_ALL_IDS: dict[type[inspect.Type], object] = {
    inspect.UUIDType: UUID(int=0),
    inspect.IntType: -1,
    inspect.StrType: "",
}
"""Less than every id of a type: a list that starts here includes all rows of its first moment."""

type PageQuery[Row] = Query[Row, *tuple[Any, ...]]


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


class Filter(Struct, frozen=True):
    """What the query string asks of a list.

    A subclass adds its filters: `status: Status | None = None`.
    """

    __query__: ClassVar[bool] = True
    """The package web fills such a parameter of a handler from the query string."""

    sort: Literal["-created_at", "created_at"] = NEWEST_FIRST
    created_from: Annotated[datetime, Meta(description="The earliest creation time.")] | None = None
    created_before: (
        Annotated[datetime, Meta(description="Only what was created before this.")] | None
    ) = None


class Listing[Row: Struct, Where: Filter]:
    """The lists of a table, declared in a slice's `queries.py`.

        Listing(
            "orders", Order, OrderFilter, scope={"account": str}, filters=((), ("status",))
        )

    `scope` has the columns whose values the handler gives, with their types: the caller sees no
    rows but those. `key` orders the rows and tells them apart. `filters` are the sets of fields
    that may be given together. `queries` has the statements by name, as newest_by_status; an export
    runs the same ones without a limit. `excused` is passed on to each of them.
    """

    def __init__(
        self,
        table: str,
        row: type[Row],
        where: type[Where],
        *,
        scope: Mapping[str, type],
        key: tuple[Literal["created_at"], str] = ("created_at", "id"),
        filters: Sequence[tuple[str, ...]] = ((),),
        excused: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.table = table
        self.filters = filters
        self.fields = [
            name for name in where.__struct_fields__ if name not in Filter.__struct_fields__
        ]
        declared = set[str]().union(*filters)
        different = declared ^ {*self.fields}
        if different:
            names = ", ".join(sorted(different))
            both = f"fields of {where.__name__} and filters of {table}"
            raise TypeError(f"{both} differ: {names}")

        columns = get_field_types(row)
        missing = {*key} - columns.keys()
        if missing:
            names = ", ".join(sorted(missing))
            raise TypeError(f"{row.__name__} lacks a key of {table}: {names}")
        key_types = {name: columns[name] for name in key}
        self.key = GenericAlias(tuple, tuple(key_types.values()))
        self.read_key = attrgetter(*key)
        id_type = inspect.type_info(columns[key[1]])
        self.before_all_ids = BEFORE_ALL_IDS[type(id_type)]

        types = get_field_types(where) | dict(scope)
        self.queries: dict[str, PageQuery[Row]] = {}
        for filter_names in filters:
            fixed = (*scope, *filter_names)
            equal = {name: types[name] for name in fixed}
            for sort in (NEWEST_FIRST, OLDEST_FIRST):
                query = make_page_query(table, row, equal, key_types, sort, excused)
                self.queries[name_query(sort, filter_names)] = query

    async def page(
        self,
        db: Database | Connection,
        where: Where,
        cursor: str | None,
        limit: int,
        *scope: object,
    ) -> Page[Row]:
        """Return the rows that `where` asks for: the first ones, or those after a cursor.

        Raises a 422 problem.
        """
        query, args, codec = self.choose_query(where, scope, cursor)
        rows = await db.fetch(query, *args, limit + 1)
        if len(rows) <= limit:
            return Page(rows, None)
        last = rows[limit - 1]
        cursor = codec.encode(self.read_key(last))
        return Page(rows[:limit], cursor)

    def choose_query(
        self, where: Where, scope: tuple[object, ...], cursor: str | None = None
    ) -> tuple[PageQuery[Row], tuple[object, ...], CursorCodec]:
        """Return the statement for `where`, its arguments but for the limit, and its cursors."""
        given: dict[str, object] = {}
        for name in self.fields:
            value = getattr(where, name)
            if value is not None:
                given[name] = value
        filters = self.find_filters(given)
        query = self.queries[name_query(where.sort, filters)]

        since = (where.created_from or EARLIEST).astimezone(UTC)
        until = (where.created_before or LATEST).astimezone(UTC)
        if where.sort == NEWEST_FIRST:
            start, stop = until, since
        else:
            start, stop = since, until

        identity = self.table, scope, where.sort, given, since, until
        codec = CursorCodec(self.key, *identity)
        after: tuple[Any, ...] = (start, self.before_all_ids)
        if cursor is not None:
            after = codec.decode(cursor)
        values = [given[name] for name in filters]
        args = (*scope, *values, *after, stop)
        return query, args, codec

    def find_filters(self, given: Mapping[str, object]) -> tuple[str, ...]:
        """Return the declared set of these filters. Raises a 422 problem that lists all sets."""
        for names in self.filters:
            if given.keys() == {*names}:
                return names
        declared = sorted(self.filters, reverse=True)
        *others, last = [" and ".join(names) or "nothing" for names in declared]
        detail = f"filter by {last}"
        if others:
            ways = ", by ".join(others)
            detail = f"filter by {ways}, or by {last}"
        field = [*given][-1] if given else self.fields[0]
        raise invalid(field, detail)


def get_field_types(kind: type[Struct]) -> dict[str, Any]:
    return {field.name: field.type for field in structs.fields(kind)}


def name_query(sort: str, filters: Sequence[str]) -> str:
    order = "newest" if sort == NEWEST_FIRST else "oldest"
    if not filters:
        return order
    names = "_and_".join(filters)
    return f"{order}_by_{names}"


def make_page_query[Row](
    table: str,
    row: type[Row],
    equal: Mapping[str, Any],
    key: Mapping[str, Any],
    sort: str,
    excused: Mapping[str, str],
) -> PageQuery[Row]:
    """Return the statement that reads a page.

    Its arguments are values for the columns in `equal`, the key to start after, a bound, and the
    limit. All are conditions on one index, so PostgreSQL reads the rows of the page and no others,
    however deep the page is.
    """
    time, identity = key
    if sort == NEWEST_FIRST:
        after, until = "<", ">="
        order = " desc"
        end = "-infinity"
    else:
        after, until = ">", "<"
        order = ""
        end = "infinity"
    conditions = [f"{name} = ${number}" for number, name in enumerate(equal, 1)]
    number = len(equal) + 1
    last_row = f"(${number}, ${number + 1})"
    conditions.append(f"({time}, {identity}) {after} {last_row}")
    conditions.append(f"{time} {until} ${number + 2}")
    where = " and ".join(conditions)
    sql = f"""
        select {{columns}}
          from {table}
         where {where}
         order by {time}{order}, {identity}{order}
         limit ${number + 3}
    """  # noqa: S608 - of constants
    columns = ", ".join((*equal, *key))
    sample = f"""
        select {columns}, '{end}'::timestamptz, 21::bigint from {table} offset 500 limit 1
    """  # noqa: S608 - of constants
    types = (*equal.values(), *key.values(), datetime, int)
    params: Any = GenericAlias(tuple, types)
    return Query(sql, row, params, sample=sample, excused=excused)
