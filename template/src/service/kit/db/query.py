# kit: updated by the template; extend it from app.py
"""SQL statements as objects, which a slice's `queries.py` defines, and the sample rows that its
`seed.py` makes.
"""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib import import_module
from inspect import cleandoc
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any, get_args, get_origin
from weakref import WeakSet

DEVELOPER = "development"
"""The account that sample rows belong to. `service token` makes a token for it."""

NEWEST_SAMPLE = datetime(2026, 1, 1, tzinfo=UTC)
SAMPLE_INTERVAL = timedelta(minutes=5)


class Query[Row, *Args]:
    """One statement, with `$1, $2 …` for its arguments: `Query("select {columns} …", Order,
    tuple[str, UUID])`.

    `row` is a struct, made of all columns by position, or the type of the only column. `{columns}`
    stands for the fields of the struct, so that they and the select list cannot drift apart.
    `params` has the types of the arguments. JSON columns take any value, and return `msgspec.Raw`.
    For tools, `sample` is SQL that returns one row of arguments, and `excused` has the reason for
    each rule of the contract that the statement may break.
    """

    __slots__ = (
        "__weakref__",
        "excused",
        "is_scalar",
        "line",
        "module",
        "params",
        "row",
        "sample",
        "sql",
    )

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
        if get_origin(params) is not tuple:
            raise TypeError(f"params are a tuple of types, as tuple[str, UUID], and not {params}")
        self.place(2)
        made.add(self)

    def place(self, depth: int) -> None:
        """Note which module made it, so many calls above."""
        frame = sys._getframe(depth)
        self.module, self.line = frame.f_globals["__name__"], frame.f_lineno


type AnyQuery = Query[Any, *tuple[Any, ...]]
"""A statement of any type."""

made: WeakSet[AnyQuery] = WeakSet()
"""Every statement that there is, for the contract: one that `find` does not find would go
unchecked."""


def find_queries(package: ModuleType) -> Iterator[tuple[str, AnyQuery]]:
    """Yield every statement of a package's `queries.py` files with its name, like
    `orders.read_order`.

    What has several adds its own name, like `orders.orders.newest`: a mapping, a list, or a mapping
    `queries`.
    """
    found = (
        (path, Path(root)) for root in package.__path__ for path in Path(root).glob("**/queries.py")
    )
    for path, root in sorted(found):
        module = import_module(
            ".".join((package.__name__, *path.relative_to(root).with_suffix("").parts))
        )
        part = module.__name__.removeprefix(f"{package.__name__}.").removesuffix(".queries")
        for name, value in vars(module).items():
            yield from (
                (f"{part}.{known}", it)
                for known, it in search(name, value)
                if it.module == module.__name__
            )


def search(name: str, value: object) -> Iterator[tuple[str, AnyQuery]]:
    """Yield the statements that a name stands for."""
    value = getattr(value, "queries", value)
    if isinstance(value, Query):
        yield name, value
    elif isinstance(value, Mapping | list | tuple):
        several = value.items() if isinstance(value, Mapping) else enumerate(value)
        yield from (found for key, part in several for found in search(f"{name}.{key}", part))


@dataclass(frozen=True)
class Seed:
    """Sample rows of one table, the same every time: the tools make as many as development and
    measurements need.

    `make_row` returns the columns of row `number`, counted from 1, by their names. `created_at` is
    what `sample_time` returns, or up to five minutes later: it tells which rows are there already.
    `references` are statements that return keys of other tables; their rows are passed on to
    `make_row`.
    """

    table: str
    make_row: Callable[..., dict[str, object]]
    references: Sequence[Query[Any]] = ()


def sample_time(number: int) -> datetime:
    """Return when a sample row was created: one every five minutes, back from 2026."""
    return NEWEST_SAMPLE - number * SAMPLE_INTERVAL
