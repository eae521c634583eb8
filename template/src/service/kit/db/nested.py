# kit: updated by the template; extend it from app.py
"""How the columns of a result fill a struct, with the structs in it.

`author: Author` is filled by the columns of a joined table, or by one column of JSON.
"""

import re
from collections.abc import Callable, Mapping
from inspect import signature
from itertools import chain
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NamedTuple, TypeAliasType, Union, get_args, get_origin

from msgspec import json, structs

from service.kit.work.arguments import is_struct, unwrap_type

COLUMNS = re.compile(r"\{(\w+\.)?columns\}")
"""Where a statement has the select list, perhaps with the table that the columns belong to."""

NAMED_PARAM = re.compile(r"\$([a-z_]\w*)\b(?!\$)")

MAX_DEPTH = 8
"""Structs within structs. Deeper ones contain themselves, and would never end."""

type Make = Callable[..., Any]


class Column(NamedTuple):
    """A column of a result: the path of its field, like author.username, and the field's type.

    `present` is for a struct that may be None: the number of the column that says so by its null.
    """

    path: str
    type: Any
    present: int | None = None


class Layout:
    """How the `columns` of a result fill a row: `make` takes their values, and returns it.

    `prefix` is what the columns of the table begin with. A struct within is spread over the columns
    of a joined table if `is_spread`, unless it is `computed` as JSON. `items` is the select list.
    """

    def __init__(
        self, row: Any, computed: Mapping[str, str], prefix: str, *, is_spread: bool
    ) -> None:
        self.computed = computed
        self.prefix = prefix
        self.is_spread = is_spread
        self.columns: list[Column] = []
        self.items: list[str] = []
        self.make: Make = self.add_struct(row)

    def add_struct(self, struct: Any, path: str = "", present: int | None = None) -> Make:
        """Add the columns of a struct, and return what makes it of them."""
        check_positional(struct)
        if path.count(".") > MAX_DEPTH:
            first, _, _ = path.partition(".")
            raise TypeError(
                f"{first} never ends; give `columns` the SQL of its JSON: {{'{first}': …}}"
            )
        begin = len(self.columns)
        steps: list[tuple[int, int, Make]] = []
        for field in structs.fields(struct):
            name = f"{path}{field.name}"
            start = len(self.columns) - begin
            make = self.add_field(name, field.type, present)
            stop = len(self.columns) - begin
            if make is not None:
                steps.append((start, stop, make))
        if not steps:
            flat: Make = struct
            return flat
        steps.reverse()  # so that the numbers of the columns before hold

        def make_struct(*columns: object) -> Any:
            values = [*columns]
            for start, stop, make in steps:
                values[start:stop] = [make(*values[start:stop])]
            return struct(*values)

        return make_struct

    def add_field(self, path: str, annotation: Any, present: int | None) -> Make | None:
        """Add the columns of a field, and return what makes its value, if it is made of them."""
        struct = find_struct(annotation)
        if struct is None or not self.is_spread or path in self.computed:
            self.add_column(Column(path, annotation, present))
            return make_decoder(annotation) if is_json(annotation) else None
        if NoneType not in list_alternatives(annotation):
            return self.add_struct(struct, f"{path}.", present)
        first = structs.fields(struct)[0]
        if NoneType in list_alternatives(first.type) or find_struct(first.type):
            raise TypeError(
                f"{path} may be None, and {struct.__name__}.{first.name} cannot tell: "
                f"let {struct.__name__} begin with a column that is never null, like its key"
            )
        make = self.add_struct(struct, f"{path}.", len(self.columns))
        return lambda *columns: None if columns[0] is None else make(*columns)

    def add_column(self, column: Column) -> None:
        self.columns.append(column)
        path = column.path
        source = self.computed.get(path)
        if source is None and "." in path:  # the last table is the one of the innermost struct
            source = ".".join(path.split(".")[-2:])
        self.items.append(f'{source} as "{path}"' if source else self.prefix + path)


def check_positional(struct: Any) -> None:
    """Raise `TypeError` for a struct that columns cannot fill by position."""
    origin = get_origin(struct) or struct
    for parameter in signature(origin).parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY:
            raise TypeError(
                f"{origin.__name__}.{parameter.name} is kw_only, and columns fill a struct by "
                "position: remove `kw_only=True`, and put fields without a default first"
            )


def make_decoder(annotation: Any) -> Make:
    decode = json.Decoder(annotation).decode
    return lambda value: None if value is None else decode(value)


def list_alternatives(annotation: Any) -> list[Any]:
    """Return what an annotation allows, without names, `Annotated` and unions."""
    if isinstance(annotation, TypeAliasType):
        return list_alternatives(annotation.__value__)
    origin = get_origin(annotation)
    arguments = get_args(annotation)
    if origin is Annotated:
        return list_alternatives(arguments[0])
    if origin is Literal:
        return [type(value) for value in arguments]
    if origin in (Union, UnionType):
        return list(chain(*map(list_alternatives, arguments)))
    return [annotation]


def find_struct(annotation: Any) -> Any:
    """Return the struct that an annotation is, perhaps beside None. Return None for any other."""
    kind = unwrap_type(annotation)
    return kind if is_struct(kind) else None


def is_json(annotation: Any) -> bool:
    """Return whether a value comes from JSON: a struct, a mapping, or a list of these."""
    for kind in list_alternatives(annotation):
        is_list = get_origin(kind) is list
        if is_struct(kind) or dict in (kind, get_origin(kind)):
            return True
        if is_list and is_json(get_args(kind)[0]):
            return True
    return False


def number_params(sql: str) -> tuple[str, list[str]]:
    """Return a statement with `$1` in place of `$name`, and the names in order."""
    names = list(dict.fromkeys(NAMED_PARAM.findall(sql)))
    if names and re.search(r"\$\d", sql):
        raise TypeError(f"name all parameters, or number all: {sql}")
    numbers = {name: f"${number}" for number, name in enumerate(names, 1)}
    return NAMED_PARAM.sub(lambda found: numbers[found[1]], sql), names
