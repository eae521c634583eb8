# kit: updated by the template; extend it from app.py
"""Lists by declared access paths, read a page at a time: one statement for each declared set of
filters and direction.

Each set needs an index on the columns of the scope, the filters and the key, in this order; the
contract sees to it. A page starts after the last row of the page before it, so page 10,000 costs
what page 1 costs.

A cursor holds that row's sort values. It carries a digest over them, the list, its sort and its
filters, so one that was cut, altered or moved to another list is refused. It is no secret: it holds
what the page itself showed.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from hashlib import blake2b
from itertools import product
from operator import attrgetter
from types import GenericAlias, MappingProxyType
from typing import Annotated, Any, ClassVar, Literal
from urllib.parse import quote, quote_plus, unquote
from uuid import UUID

from msgspec import Meta, Struct, inspect, json, msgpack, structs

from service.kit.db.database import Connection, Database
from service.kit.db.query import Query
from service.kit.work.problems import Problem, invalid

DIGEST_BYTES = 8
DEFAULT_LIMIT = 20
MOST = 100
SAFE = "%&=+:,;@/?!$'()*"
"""What a link takes over from a query string as it is; anything else could end it."""

Limit = Annotated[int, Meta(ge=1, le=MOST, description=f"Rows per page, at most {MOST}.")]
Cursor = (
    Annotated[
        str, Meta(max_length=512, description="`next` of the previous page, with the same filters.")
    ]
    | None
)

EARLIEST = datetime(1, 1, 1, tzinfo=UTC)
LATEST = datetime(9999, 12, 31, tzinfo=UTC)

LEAST: dict[type[inspect.Type], object] = {
    inspect.UUIDType: UUID(int=0),
    inspect.IntType: -1,
    inspect.StrType: "",
}
"""Less than every id of a type: a list that starts here includes all rows of its first moment."""


class Page[Row](Struct, frozen=True):
    """One page of a list. `next` is the cursor of the page after it, or null at the end."""

    data: Sequence[Row]
    next: str | None


class Keyset:
    """One ordering of one list under one set of filters, its `identity`: what a cursor is good
    for.
    """

    def __init__(self, key: Any, *identity: object) -> None:
        self.key = key
        self.identity = json.encode(identity)

    def seal(self, key: tuple[Any, ...]) -> str:
        """Return the cursor of the page that starts after `key`."""
        payload = msgpack.encode(key)
        digest = blake2b(self.identity + payload, digest_size=DIGEST_BYTES).digest()
        return urlsafe_b64encode(payload + digest).rstrip(b"=").decode()

    def open(self, cursor: str) -> tuple[Any, ...]:
        """Return the key in a cursor, or raise a 422 problem."""
        try:
            sealed = urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
            key: tuple[Any, ...] = msgpack.decode(sealed[:-DIGEST_BYTES], type=self.key)
            if (
                self.seal(key) == cursor
            ):  # so there is one spelling of a cursor, and its digest is right
                return key
        except (ValueError, OverflowError):  # of a time whose offset moves it out of all years
            pass
        raise invalid(
            "cursor", "it belongs to another list, sort or filter, or was altered; start without it"
        )


def make_link_header(query_string: str, cursor: str) -> str:
    """Return the header `Link` (RFC 8288) to the next page of a list that was asked for with this
    query string.

    The target is relative, so it holds behind any proxy and path prefix.
    """
    kept = [
        part
        for part in query_string.split("&")
        if part and unquote(part.partition("=")[0]) != "cursor"
    ]
    return f'<?{quote("&".join([*kept, f"cursor={quote_plus(cursor)}"]), SAFE)}>; rel="next"'


class Filter(Struct, frozen=True):
    """What the query string asks of a list. A subclass adds its filters: `status: Status | None =
    None`.
    """

    __query__: ClassVar[bool] = True
    """The room web fills such a parameter of a handler from the query string."""

    sort: Literal["-created_at", "created_at"] = "-created_at"
    created_from: Annotated[datetime, Meta(description="The earliest creation time.")] | None = None
    created_before: (
        Annotated[datetime, Meta(description="Only what was created before this.")] | None
    ) = None


class Listing[Row: Struct, Where: Filter]:
    """The lists of a table: `Listing("orders", Order, OrderFilter, scope={"account": str},
    filters=((), ("status",)))`.

    `scope` has the columns whose values the handler gives, with their types: the caller sees no
    rows but those. `key` orders the rows and tells them apart. `filters` are the sets of fields
    that may be given together. `queries` has the statements by name, as newest_by_status; an export
    runs the same ones without a limit. `excused` is that of each.
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
        if unknown := {name for names in filters for name in names} ^ {*self.fields}:
            raise TypeError(
                f"fields of {where.__name__} and filters of {table} differ: {', '.join(sorted(unknown))}"
            )
        columns = {field.name: field.type for field in structs.fields(row)}
        if missing := {*key} - columns.keys():
            raise TypeError(f"{row.__name__} lacks a key of {table}: {', '.join(sorted(missing))}")
        types = {field.name: field.type for field in structs.fields(where)} | dict(scope)
        keys = {name: columns[name] for name in key}
        self.key = GenericAlias(tuple, tuple(keys.values()))
        self.read_key = attrgetter(*key)
        self.least = LEAST[type(inspect.type_info(columns[key[1]]))]
        self.queries: dict[str, Query[Row, *tuple[Any, ...]]] = {}
        self.paths: dict[
            tuple[str, frozenset[str]], tuple[Sequence[str], Query[Row, *tuple[Any, ...]]]
        ] = {}
        for names, sort in product(filters, ("-created_at", "created_at")):
            equal = {name: types[name] for name in (*scope, *names)}
            query = write(table, row, equal, keys, sort, excused)
            self.queries[name_query(sort, names)] = query
            self.paths[sort, frozenset(names)] = names, query

    async def page(
        self,
        db: Database | Connection,
        where: Where,
        cursor: str | None,
        limit: int,
        *scope: object,
    ) -> Page[Row]:
        """Return the rows that `where` asks for: the first ones, or those after a cursor. Raises a
        422 problem.
        """
        query, args, keyset = self.choose(where, scope, cursor)
        rows = await db.fetch(query, *args, limit + 1)
        if len(rows) <= limit:
            return Page(rows, None)
        return Page(rows[:limit], keyset.seal(self.read_key(rows[limit - 1])))

    def choose(
        self, where: Where, scope: tuple[object, ...], cursor: str | None = None
    ) -> tuple[Query[Row, *tuple[Any, ...]], tuple[object, ...], Keyset]:
        """Return the statement for `where` with all its arguments but the limit, and what its
        cursors are good for.
        """
        given = {name: value for name in self.fields if (value := getattr(where, name)) is not None}
        if not (path := self.paths.get((where.sort, frozenset(given)))):
            raise self.refuse(given)
        names, query = path
        since = (where.created_from or EARLIEST).astimezone(UTC)
        until = (where.created_before or LATEST).astimezone(UTC)
        start, stop = (until, since) if where.sort == "-created_at" else (since, until)
        keyset = Keyset(self.key, self.table, scope, where.sort, given, since, until)
        after = (start, self.least) if cursor is None else keyset.open(cursor)
        args = (*scope, *map(given.__getitem__, names), *after, stop)
        return query, args, keyset

    def refuse(self, given: Mapping[str, object]) -> Problem:
        """422: this combination of filters has no statement."""
        *ways, last = (
            f"by {' and '.join(names) or 'nothing'}" for names in sorted(self.filters, reverse=True)
        )
        detail = f"filter {', '.join(ways)}, or {last}" if ways else f"filter {last}"
        return invalid([self.fields[0], *given][-1], detail)


def name_query(sort: str, names: Sequence[str]) -> str:
    order = "newest" if sort == "-created_at" else "oldest"
    return f"{order}_by_{'_and_'.join(names)}" if names else order


def write[Row](
    table: str,
    row: type[Row],
    equal: Mapping[str, Any],
    key: Mapping[str, Any],
    sort: str,
    excused: Mapping[str, str],
) -> Query[Row, *tuple[Any, ...]]:
    """Return a statement with arguments for the columns in `equal`, the key to start after, a
    bound, and the limit.

    All are conditions on one index, so PostgreSQL reads the rows of the page and no others, however
    deep the page is.
    """
    time, identity = key
    after, until, order, end = (
        ("<", ">=", " desc", "-infinity") if sort == "-created_at" else (">", "<", "", "infinity")
    )
    conditions = [f"{name} = ${number}" for number, name in enumerate(equal, 1)]
    n = len(equal)
    conditions += [f"({time}, {identity}) {after} (${n + 1}, ${n + 2})", f"{time} {until} ${n + 3}"]
    sql = f"""
        select {{columns}}
          from {table}
         where {" and ".join(conditions)}
         order by {time}{order}, {identity}{order}
         limit ${n + 4}
    """  # noqa: S608 - of constants
    sample = f"select {', '.join((*equal, *key))}, '{end}'::timestamptz, 21::bigint from {table} offset 500 limit 1"  # noqa: S608
    params: Any = GenericAlias(tuple, (*equal.values(), *key.values(), datetime, int))
    return Query(sql, row, params, sample=sample, excused=excused)
