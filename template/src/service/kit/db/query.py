# kit: updated by the template; extend it from app.py
"""SQL statements as objects: a slice's `queries.py` defines them, and `kit.db` executes them."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import import_module
from inspect import cleandoc
from pathlib import Path
from types import MappingProxyType, ModuleType

NOTHING: Mapping[str, str] = MappingProxyType({})


class Query[Row]:
    """One statement, with `$1, $2 …` for its arguments, and what each row of its result becomes.

    `row` is called with the columns, by position. `{columns}` in the SQL stands for the fields of a struct `row`, so
    that a select list and its type cannot drift apart.

    The rest is for tests and tools. `params` are the Python types of the arguments. `sample` is SQL that returns one
    row of arguments, to run the statement with on made-up rows. `excused` has the reason for each rule of the contract
    that the statement may break.
    """

    __slots__ = ("excused", "line", "params", "row", "sample", "sql")

    def __init__(
        self,
        sql: str,
        row: Callable[..., Row],
        *,
        params: Sequence[object] = (),
        sample: str = "",
        excused: Mapping[str, str] = NOTHING,
    ) -> None:
        fields: tuple[str, ...] = getattr(row, "__struct_fields__", ())
        self.sql = cleandoc(sql).replace("{columns}", ", ".join(fields))
        self.row = row
        self.params = tuple(params)
        self.sample = cleandoc(sample)
        self.excused = excused
        self.line = sys._getframe(1).f_lineno


def find(package: ModuleType) -> Iterator[tuple[str, Query]]:
    """Yield every statement of the slices in a package with its name, like `orders.read_order`."""
    found = ((path, Path(root)) for root in package.__path__ for path in Path(root).glob("*/**/queries.py"))
    for path, root in sorted(found):
        part = ".".join(path.parent.relative_to(root).parts)
        for name, value in vars(import_module(f"{package.__name__}.{part}.queries")).items():
            if isinstance(value, Query):
                yield f"{part}.{name}", value
