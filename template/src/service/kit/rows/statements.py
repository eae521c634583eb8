# kit: updated by the template; extend it from app.py
"""How a list is sorted, and the SQL that reads and counts its rows."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from operator import attrgetter
from types import GenericAlias
from typing import Any, NamedTuple
from uuid import UUID

from msgspec import Struct, inspect, structs

# All conditions of a page are on one index, so PostgreSQL reads the rows of the page and no others,
# however deep the page is.
PAGE = """
select {{{prefix}columns}}
  from {table}{joins}
 where {conditions}
 order by {order}
 limit $page_limit{offset}
"""

# Joins add no rows, so a count leaves them out.
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

# Where a list begins and ends if nothing else is said, and the type in SQL. The greatest text
# depends on the collation.
EXTREMES: dict[type[inspect.Type], tuple[Any, Any, str]] = {
    inspect.DateTimeType: (EARLIEST, LATEST, "timestamptz"),
    inspect.DateType: (date.min, date.max, "date"),
    inspect.DecimalType: (Decimal("-Infinity"), Decimal("Infinity"), "numeric"),
    inspect.IntType: (-(2**63), 2**63 - 1, "bigint"),
    inspect.StrType: ("", None, "text"),
}


class Param(NamedTuple):
    """A parameter of a list's statements: its type, and SQL for a value to try them with."""

    type: Any
    sample: str


class Sort:
    """One order of a list: by a column, and by a key where rows are equal in it.

    `ranges` are the fields of the filter for the column's range, `fields` its others, and `filters`
    the sets of those that may be given together. `page` and `count` are conditions of statements.
    """

    def __init__(
        self,
        name: str,
        key: str,
        row: type[Struct],
        where: type[Struct],
        filters: Sequence[tuple[str, ...]],
        prefix: str,
    ) -> None:
        self.name = name
        self.filters = filters
        self.is_descending = name.startswith("-")
        field = name.removeprefix("-")
        self.range = name_range(field)
        fields = where.__struct_fields__
        self.ranges = [it for it in fields if it in self.range]
        self.fields = [it for it in fields if it not in ("sort", *self.ranges)]
        long_name = f"{field}_descending" if self.is_descending else field
        self.page_name = SHORT_NAMES.get(name, long_name)
        self.count_name = f"count_{field}" if self.ranges else "count"

        types = get_field_types(row)
        missing = ", ".join(sorted({field, key} - types.keys()))
        if missing:
            raise TypeError(f"{row.__name__} lacks a key of its list: {missing}")
        self.read_key = attrgetter(field, key)
        self.cursor_type = GenericAlias(tuple, (types[field], types[key]))
        self.least_id = LEAST_IDS[find_kind(types[key])]
        self.extremes = EXTREMES.get(find_kind(types[field]), (None, None, ""))
        is_bounded = self.is_descending or self.ranges
        if None in self.extremes[: 2 if is_bounded else 1]:
            raise TypeError(
                f"a list of {row.__name__} cannot be sorted by {name}: that takes a time, a date, "
                "an int or a Decimal, never None, or a text, ascending and without a range"
            )
        self.write(prefix + field, prefix + key)
        least, greatest, kind = self.extremes
        self.params = {
            "page_start": Param(types[field], prefix + field),
            "page_key": Param(types[key], prefix + key),
            "page_from": Param(types[field], f"'{least}'::{kind}"),
            "page_before": Param(types[field], f"'{greatest}'::{kind}"),
            "page_limit": Param(int, "21::bigint"),
            "page_offset": Param(int, "0::bigint"),
        }

    def write(self, column: str, key: str) -> None:
        """Write the order, and the conditions that begin and end a list."""
        # An integer does not hold all of a bigint, and the others are compared as they are.
        cast = "::bigint" if "bigint" in self.extremes else ""
        least = f"{column} >= $page_from{cast}"
        greatest = f"{column} < $page_before{cast}"
        after, end, order = ("<", least, " desc") if self.is_descending else (">", greatest, "")
        self.order = f"{column}{order}, {key}{order}"
        self.page = [f"({column}, {key}) {after} ($page_start{cast}, $page_key)"]
        self.count: list[str] = []
        if self.ranges:
            self.page.append(end)
            self.count = [least, greatest]

    def read_range(self, where: Struct) -> list[Any]:
        """Return what the column is at least, and what it is less than."""
        ends: list[Any] = []
        for name, extreme in zip(self.range, self.extremes, strict=False):
            value = getattr(where, name, None)
            value = extreme if value is None else value
            ends.append(value.astimezone(UTC) if isinstance(value, datetime) else value)
        return ends


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
