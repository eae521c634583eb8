# kit: updated by the template; extend it from app.py
"""How a list is sorted, and the SQL that reads and counts its rows."""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from inspect import cleandoc
from operator import attrgetter
from types import GenericAlias
from typing import Any
from uuid import UUID

from msgspec import Struct, inspect, structs

# All conditions of a page are on one index, so PostgreSQL reads the rows of the page and no others,
# however deep the page is.
PAGE = """
select {{{prefix}columns}}
  from {table}{joins}
 where {conditions}
 order by {column}{order}, {key}{order}
 limit $page_limit{offset}
"""

# Joins add no rows, so they are left out.
COUNT = "select count(*) from (select from {table} where {conditions} limit {limit}) as counted"

SAMPLE = "select {values} from {table} {joins} offset 500 limit 1"

EARLIEST = datetime(1, 1, 1, tzinfo=UTC)
LATEST = datetime(9999, 12, 31, tzinfo=UTC)

LEAST_IDS: dict[type[inspect.Type], object] = {
    inspect.UUIDType: UUID(int=0),
    inspect.IntType: -1,
    inspect.StrType: "",
}
"""Less than every id of a type: a list that starts here includes all rows of its first moment."""


SHORT_NAMES = {"-created_at": "newest", "created_at": "oldest"}

COLUMN_PARAMS = ("page_start", "page_from", "page_before")
"""The parameters that have the type of the column that sorts."""

SORTED_TYPES = (
    "a list is sorted by a time, a date, an int or a Decimal that is never None, or by a text "
    "without a range and ascending"
)


# Where a list begins and ends if nothing else is said, and the type in SQL. The greatest text
# depends on the collation.
EXTREMES: dict[type[inspect.Type], tuple[Any, Any, str]] = {
    inspect.DateTimeType: (EARLIEST, LATEST, "timestamptz"),
    inspect.DateType: (date.min, date.max, "date"),
    inspect.DecimalType: (Decimal("-Infinity"), Decimal("Infinity"), "numeric"),
    inspect.IntType: (-(2**63), 2**63 - 1, "bigint"),
    inspect.StrType: ("", None, "text"),
}


class Sort:
    """One order of a list: by a column, and by a key where rows are equal in it.

    `ranges` are the fields of the filter for the column's range, `fields` its others, and `filters`
    the sets of those that may be given together.
    """

    def __init__(
        self,
        name: str,
        key: str,
        row: type[Struct],
        where: type[Struct],
        filters: Sequence[tuple[str, ...]],
    ) -> None:
        self.name = name
        self.column = name.removeprefix("-")
        self.is_descending = name.startswith("-")
        self.key = key
        self.filters = filters
        self.range = name_range(self.column)
        fields = where.__struct_fields__
        self.ranges = [field for field in fields if field in self.range]
        self.fields = [field for field in fields if field not in ("sort", *self.ranges)]

        types = get_field_types(row)
        missing = {self.column, key} - types.keys()
        if missing:
            names = ", ".join(sorted(missing))
            raise TypeError(f"{row.__name__} lacks a key of its list: {names}")
        column_type = types[self.column]
        key_type = types[key]
        self.read_key = attrgetter(self.column, key)
        self.cursor_type = GenericAlias(tuple, (column_type, key_type))
        self.least_id = LEAST_IDS[find_kind(key_type)]
        self.types: dict[str, Any] = dict.fromkeys(COLUMN_PARAMS, column_type)
        self.types["page_key"] = key_type
        self.extremes = EXTREMES.get(find_kind(column_type), (None, None, ""))
        needed = self.extremes[:2] if self.is_descending or self.ranges else self.extremes[:1]
        if None in needed:
            raise TypeError(f"{row.__name__}: {SORTED_TYPES}, which {name} is not")
        # A time needs no cast, and an integer does not hold all of a bigint.
        self.cast = "::bigint" if self.extremes[2] == "bigint" else ""

    def read_range(self, where: Struct) -> list[Any]:
        """Return what the column is at least, and what it is less than."""
        ends: list[Any] = []
        for name, extreme in zip(self.range, self.extremes, strict=False):
            value = getattr(where, name, None)
            value = extreme if value is None else value
            ends.append(value.astimezone(UTC) if isinstance(value, datetime) else value)
        return ends

    def name_page(self, terms: Sequence[str]) -> str:
        suffix = "_descending" if self.is_descending else ""
        name = SHORT_NAMES.get(self.name, self.column + suffix)
        return name_statement(name, terms)

    def name_count(self, terms: Sequence[str]) -> str:
        """Return the name of a count. Those without a range are the same for all orders."""
        return name_statement("count_" + self.column if self.ranges else "count", terms)


class Source:
    """The rows of a list: a table, and what is joined to it.

    `conditions` has SQL by the name of a filter, and `samples` SQL for a value of it.
    """

    def __init__(self, table: str, joins: str) -> None:
        self.table = table
        self.joins = "".join(f"\n  {line}" for line in cleandoc(joins).splitlines())
        name = table.split()[-1]
        self.prefix = f"{name}." if joins or name != table else ""
        self.conditions: dict[str, str] = {}
        self.samples: dict[str, str] = {}

    def write_page(self, sort: Sort, terms: Iterable[str], offset: str) -> str:
        column = self.prefix + sort.column
        key = self.prefix + sort.key
        cast = sort.cast
        after, end, order = ">", "{} < $page_before{}", ""
        if sort.is_descending:
            after, end, order = "<", "{} >= $page_from{}", " desc"
        conditions = [self.conditions[name] for name in terms]
        conditions.append(f"({column}, {key}) {after} ($page_start{cast}, $page_key)")
        if sort.ranges:
            conditions.append(end.format(column, cast))
        return PAGE.format(
            prefix=self.prefix,
            table=self.table,
            joins=self.joins,
            conditions=" and ".join(conditions),
            column=column,
            key=key,
            order=order,
            offset=offset,
        )

    def write_count(self, sort: Sort, terms: Iterable[str], limit: int) -> str:
        conditions = [self.conditions[name] for name in terms] or ["true"]
        if sort.ranges:
            text = "{0} >= $page_from{1} and {0} < $page_before{1}"
            conditions.append(text.format(self.prefix + sort.column, sort.cast))
        return COUNT.format(table=self.table, conditions=" and ".join(conditions), limit=limit)

    def write_sample(self, sort: Sort, names: Iterable[str]) -> str:
        """Return SQL for arguments to try a statement with."""
        least, greatest, kind = sort.extremes
        samples = {
            "page_start": self.prefix + sort.column,
            "page_key": self.prefix + sort.key,
            "page_from": f"'{least}'::{kind}",
            "page_before": f"'{greatest}'::{kind}",
            "page_limit": "21::bigint",
            "page_offset": "0::bigint",
            **self.samples,
        }
        values = ", ".join(samples.get(name, "null") for name in names)
        return SAMPLE.format(values=values, table=self.table, joins=self.joins)


def name_range(column: str) -> tuple[str, str]:
    """Return the fields for the range of a column, like created_from and created_before."""
    stem = column.removesuffix("_at")
    return f"{stem}_from", f"{stem}_before"


def name_statement(name: str, terms: Sequence[str]) -> str:
    return f"{name}_by_{'_and_'.join(terms)}" if terms else name


def find_kind(annotation: Any) -> type[inspect.Type]:
    info = inspect.type_info(annotation)
    return type(info.type if isinstance(info, inspect.Metadata) else info)


def get_field_types(kind: type[Struct]) -> dict[str, Any]:
    return {field.name: field.type for field in structs.fields(kind)}
