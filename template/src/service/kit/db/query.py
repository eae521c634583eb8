# kit: updated by the template; extend it from app.py
"""SQL statements as objects, which a slice's `queries.py` defines, and the sample rows that its `seed.py` makes."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib import import_module
from inspect import cleandoc
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any, get_args

DEVELOPER = "development"
"""The account that sample rows belong to. `service token` makes a token for it."""

NEWEST = datetime(2026, 1, 1, tzinfo=UTC)
EVERY = timedelta(minutes=5)


class Query[Row, *Args]:
    """One statement, with `$1, $2 …` for its arguments: `Query("select {columns} …", Order, tuple[str, UUID])`.

    `row` is a struct, made of all columns by position, or the type of the only column. `{columns}` stands for the
    fields of the struct, so that they and the select list cannot drift apart. `params` has the types of the arguments.
    JSON columns take any value, and return `msgspec.Raw`. For tools, `sample` is SQL that returns one row of arguments,
    and `excused` has the reason for each rule of the contract that the statement may break.
    """

    __slots__ = ("excused", "is_scalar", "line", "params", "row", "sample", "sql")

    def __init__(
        self,
        sql: str,
        row: type[Row],
        params: type[tuple[*Args]] = tuple[()],  # type: ignore[assignment]  # ty: ignore[invalid-parameter-default]
        *,
        sample: str = "",
        excused: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        fields: tuple[str, ...] | None = getattr(row, "__struct_fields__", None)
        self.sql = cleandoc(sql).replace("{columns}", ", ".join(fields or ()))
        self.row: Any = row
        self.is_scalar = fields is None
        self.params: tuple[Any, ...] = get_args(params)
        self.sample = cleandoc(sample)
        self.excused = excused
        self.line = sys._getframe(1).f_lineno


def find(package: ModuleType) -> Iterator[tuple[str, Query[Any, *tuple[Any, ...]]]]:
    """Yield every statement of the slices in a package with its name, like `orders.read_order`.

    What has several, in a mapping `queries`, adds its own name, like `orders.orders.newest`.
    """
    found = ((path, Path(root)) for root in package.__path__ for path in Path(root).glob("*/**/queries.py"))
    for path, root in sorted(found):
        part = ".".join(path.parent.relative_to(root).parts)
        for name, value in vars(import_module(f"{package.__name__}.{part}.queries")).items():
            if isinstance(value, Query):
                yield f"{part}.{name}", value
            elif isinstance(several := getattr(value, "queries", None), Mapping):
                yield from ((f"{part}.{name}.{key}", query) for key, query in several.items())


@dataclass(frozen=True)
class Seed:
    """Sample rows of one table, the same every time: the tools make as many as development and measurements need.

    `make_row` returns the columns of row `number`, counted from 1, by their names. `created_at` is what `sample_time`
    returns, or up to five minutes later: it tells which rows are there already. `references` are statements that return
    keys of other tables; their rows are passed on to `make_row`.
    """

    table: str
    make_row: Callable[..., dict[str, object]]
    references: Sequence[Query[Any]] = ()


def sample_time(number: int) -> datetime:
    """Return when a sample row was created: one every five minutes, back from 2026."""
    return NEWEST - number * EVERY
