# kit: updated by the template; extend it from app.py
"""SQL statements as objects, for a slice's `queries.py`, and sample rows, for its `seed.py`."""

import ast
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib import import_module
from inspect import cleandoc
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any, get_args, get_origin

from service.kit.db.nested import COLUMNS, Column, Layout, is_json, make_decoder, number_params
from service.kit.work.arguments import is_struct

DEVELOPER = "development"
"""The account that sample rows belong to. `service token` makes a token for it."""

NEWEST_SAMPLE = datetime(2026, 1, 1, tzinfo=UTC)
SAMPLE_INTERVAL = timedelta(minutes=5)

NO_PARAMS: Any = tuple[()]


class Query[Row, *Args]:
    """One statement, with `$1, $2 …` for its arguments.

    `Query("select {columns} …", Order, tuple[str, UUID])`: `row` is a struct, made of all columns
    by position, or the type of the only column. `{columns}` stands for the fields of the struct, so
    that they and the select list cannot drift apart; `{o.columns}` for those of the table `o`. A
    field that is a struct, like `author`, stands for the columns of a joined table of that name; or
    else it is one column of JSON, as lists of structs are. `columns` has SQL for fields that are no
    column, like `author.following`; with it, parameters may have names, `$viewer`, and are numbered
    in the order of the text. `params` has the types of the arguments. JSON columns take any value,
    and return `msgspec.Raw` unless the field is a struct, a mapping or a list of them. For tools,
    `sample` is SQL that returns one row of arguments, `sample_violates` names the constraint that
    refuses it, `never_null` has the reason why a column is never null where the contract cannot
    tell, as {"total": "a group has rows"}, and `excused` that for each rule of the contract that
    the statement may break.

    What the contract has checked is what runs, so a statement never changes once it is made.
    `module` and `line` say where it is assigned to its name, once `find_queries` has found it.
    `names` are those of the parameters, and `result` the columns that `make_row` takes.
    """

    __slots__ = (
        "excused",
        "is_scalar",
        "line",
        "make_row",
        "module",
        "names",
        "never_null",
        "params",
        "result",
        "row",
        "sample",
        "sample_violates",
        "sql",
    )

    def __init__(
        self,
        sql: str,
        row: type[Row],
        params: type[tuple[*Args]] = NO_PARAMS,
        *,
        columns: Mapping[str, str] | None = None,
        sample: str = "",
        sample_violates: str = "",
        never_null: Mapping[str, str] = MappingProxyType({}),
        excused: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        if get_origin(params) is not tuple:
            raise TypeError(f"params must be a tuple of types, like tuple[str, UUID], not {params}")
        self.sql = cleandoc(sql)
        self.row: Any = row
        self.names: list[str] = []
        self.set_result(columns or {})
        if columns is not None:
            self.sql, self.names = number_params(self.sql)
        self.params: tuple[Any, ...] = get_args(params)
        self.sample = cleandoc(sample)
        self.sample_violates = sample_violates
        self.never_null = MappingProxyType({**never_null})
        self.module = ""
        self.line = 0
        self.excused = MappingProxyType({**excused})

    def __setattr__(self, name: str, value: object) -> None:
        if hasattr(self, "excused"):  # which is set last
            raise AttributeError(f"a Query never changes: make another one to set its {name}")
        object.__setattr__(self, name, value)

    def set_result(self, computed: Mapping[str, str]) -> None:
        """Find out which columns it returns, write them, and choose what makes rows of them."""
        row = self.row
        found = COLUMNS.search(self.sql)
        self.is_scalar = not is_struct(row)
        if self.is_scalar:
            self.result = [Column("", row)]
            self.make_row: Any = row
            if is_json(row):
                self.is_scalar = False
                self.make_row = make_decoder(row)
            return
        prefix = (found and found[1]) or ""
        layout = Layout(row, computed, prefix, is_spread=found is not None)
        self.result = layout.columns
        self.make_row = layout.make
        if found:
            self.sql = self.sql.replace(found[0], ", ".join(layout.items))


type AnyQuery = Query[Any, *tuple[Any, ...]]
"""A statement of any type."""


def complete_query(query: AnyQuery, **values: object) -> None:
    """Set what only the kit knows of a statement that it made or found."""
    for name, value in values.items():
        object.__setattr__(query, name, value)


def find_queries(package: ModuleType) -> Iterator[tuple[str, AnyQuery]]:
    """Yield every statement of a package's `queries.py` files by name, like `orders.read_order`.

    Only names that a file assigns count, not those that it imports. A mapping, a list, or an object
    with a mapping `queries` adds its own name to each of its statements: `orders.orders.newest`.
    A statement under two names has the first.
    """
    found: set[AnyQuery] = set()
    for folder in package.__path__:
        for path in sorted(Path(folder).glob("**/queries.py")):
            inner = path.relative_to(folder).with_suffix("")
            module = import_module(".".join([package.__name__, *inner.parts]))
            for name, query in find_queries_of_module(module, path, package.__name__):
                if query not in found:
                    found.add(query)
                    yield name, query


def find_queries_of_module(
    module: ModuleType, path: Path, package: str
) -> Iterator[tuple[str, AnyQuery]]:
    inner = module.__name__.removeprefix(f"{package}.")
    prefix = inner.removesuffix(".queries")
    for name, line in find_assignments(path).items():
        value = getattr(module, name, None)
        for known, query in list_queries(name, value):
            if not query.module:
                complete_query(query, module=module.__name__, line=line)
            yield f"{prefix}.{known}", query


def find_assignments(path: Path) -> dict[str, int]:
    """Return the names that a module assigns outside of functions, each with its line.

    A second name for what has one already, as in `newest = listings.newest`, does not count.
    """
    lines: dict[str, int] = {}
    module = ast.parse(path.read_text("utf-8"))
    for statement in module.body:
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        if isinstance(getattr(statement, "value", None), ast.Name | ast.Attribute):
            continue
        for node in ast.walk(statement):
            match node:
                case ast.Name(id=name, ctx=ast.Store()):
                    lines[name] = node.lineno
    return lines


def list_queries(name: str, value: object) -> Iterator[tuple[str, AnyQuery]]:
    """Yield the statements that a name stands for."""
    value = getattr(value, "queries", value)
    parts: Iterable[tuple[object, object]] = ()
    match value:
        case Query():
            yield name, value
        case Mapping():
            parts = value.items()
        case list() | tuple():
            parts = enumerate(value)
    for key, part in parts:
        yield from list_queries(f"{name}.{key}", part)


@dataclass(frozen=True)
class Seed:
    """Sample rows of one table, the same every time, as many as the tools ask for.

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
