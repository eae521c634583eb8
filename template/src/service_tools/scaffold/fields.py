# kit: updated by the template; extend it from app.py
"""Fields as they are given, like `customer:uuid@`, and the columns they become."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from keyword import iskeyword

from service.kit.work.command_error import CommandError
from service_tools.scaffold import types, words
from service_tools.scaffold.types import TYPES, Type

SPEC = re.compile(r"([^:]*):([a-z]*(?:\[\])?)(?:\((.*)\))?(?::(\w+))?([?!@]*)", re.DOTALL)
NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
CHOICE = re.compile(r"[A-Za-z0-9_-]{1,40}")
MOST_LETTERS = 28

FORM = (
    "write name:type, as in due:date?, status:enum(open,paid) or invoice:references:invoices, with one of the types "
    f"{', '.join(TYPES)}; after it, each at most once, ? for nullable, ! for unique, @ for a filter of the list"
)


@dataclass(frozen=True)
class Column:
    """One column. `references` is the table whose rows it names, if it does; `own`, whether that is
    its own table.

    In Python, `hint` is its type in rows, `taken` that of an argument, and `made` makes a sample;
    `sent` is JSON.
    """

    name: str
    type: Type
    nullable: bool = False
    unique: bool = False
    filtered: bool = False
    references: str = ""
    own: bool = False

    @property
    def optional(self) -> bool:
        return self.nullable or self.type is types.TEXTS

    @property
    def hint(self) -> str:
        return (self.type.stored or self.type.alias) + " | None" * self.nullable

    @property
    def taken(self) -> str:
        return self.type.python + " | None" * self.nullable

    @property
    def check(self) -> str:
        return self.type.check[0].replace("{}", self.name)

    @property
    def made(self) -> str:
        if self.own:
            return "UUID(int=number // 2) if number > 1 else None"
        value = re.sub(r"\bN\b", "number" if self.unique else "number % 10", self.type.made)
        return (
            value.replace("{}", self.name.replace("_", " "))
            + " if number % 5 else None" * self.nullable
        )

    @property
    def sent(self) -> str:
        if self.references:
            return f'"${{by_{self.name}}}"'
        return (
            self.type.fresh[1]
            if self.unique
            else json.dumps(self.type.examples[0], ensure_ascii=False)
        )

    @property
    def referred(self) -> str:
        return self.name.removesuffix("_id")


def parse_all(specs: Sequence[str], table: str) -> list[Column]:
    """Return the columns of these fields of a table, or raise `CommandError`."""
    if not specs:
        raise CommandError(f"No field is given: {FORM}.")
    columns: list[Column] = []
    for spec in specs:
        columns += [mark_own(column, table) for column in parse(spec)]
    names = [column.name for column in columns]
    if doubled := next((name for name in names if names.count(name) > 1), None):
        raise CommandError(f"{doubled}: two fields would have this column; rename one of them.")
    return columns


def mark_own(column: Column, table: str) -> Column:
    """Return a column, and say so if it refers to its own table. Raises `CommandError`."""
    if column.references != table:
        return column
    if not column.nullable:
        name, kind = column.referred, f"references:{table}"
        advice = f"the first row of {table} would have none to refer to; add a question mark"
        raise CommandError(f"{name}:{kind}: {advice}, as in '{name}:{kind}?'.")
    return replace(column, own=True)


def parse(spec: str) -> list[Column]:
    """Return the columns of a field: two for an amount of money, otherwise one."""
    if not (matched := SPEC.fullmatch(spec)):
        raise CommandError(f"{spec}: {FORM}.")
    name, kind, choices, table, suffixes = matched.groups()
    lacks = (choices is None) == (kind == "enum") or (table is None) == (kind == "references")
    if kind not in TYPES or lacks or len(set(suffixes)) < len(suffixes):
        raise CommandError(f"{spec}: {FORM}.")
    refused, reason = TYPES[kind].refuses
    if suffix := next((suffix for suffix in suffixes if suffix in refused), None):
        raise CommandError(f"{spec}: {kind} does not take {suffix}: {reason}.")
    column = Column(
        name,
        TYPES[kind],
        nullable="?" in suffixes,
        unique="!" in suffixes,
        filtered="@" in suffixes,
    )
    columns = [column]
    if kind == "money":
        columns = split_money(column)
    elif kind == "references":
        type_ = replace(types.REFERENCE, made=f"{name}_ids[number % len({name}_ids)]")
        columns = [replace(column, name=f"{name}_id", type=type_, filtered=True, references=table)]
    elif kind == "enum":
        columns = [replace(column, type=name_enum(spec, name, choices.split(",")))]
    for made in columns:
        check_name(spec, made)
    return columns


def split_money(column: Column) -> list[Column]:
    """Return the columns of an amount: its minor units and its currency, both or neither."""
    minor, currency = f"{column.name}_minor", types.CURRENCY
    if column.nullable:
        rule, detail = types.CURRENCY.check
        together = f"({minor} is null) = ({{}} is null) and {rule}"
        currency = replace(currency, check=(together, f"{detail}, together with {minor}"))
    return [
        replace(column, name=minor),
        replace(column, name=f"{column.name}_currency", type=currency),
    ]


def name_enum(spec: str, name: str, values: list[str]) -> Type:
    """Return the type of an enum, which has the name of the field."""
    if len(set(values)) < len(values) or not all(CHOICE.fullmatch(value) for value in values):
        raise CommandError(
            f"{spec}: list the values of an enum, each once, of letters, digits, _ and - (40 at most), without spaces, "
            "as in status:enum(open,paid)."
        )
    listed = ", ".join(
        f"'{value}'" for value in values
    )  # as in SQL, and in Python before it is formatted
    return replace(
        types.ENUM,
        alias="".join(part.capitalize() for part in name.split("_")),
        definition=f"Literal[{listed}]",
        examples=(values[0], values[-1], "no such"),
        made=f"{tuple(values)}[number % {len(values)}]",
        check=(f"{name} in ({listed})", "it must be one of the known values"),
    )


def check_name(spec: str, column: Column) -> None:
    """Refuse a name that cannot be a column and an attribute."""
    name = column.name
    if not NAME.fullmatch(name) or len(name) > MOST_LETTERS:
        raise CommandError(
            f"{spec}: name a field in lower_snake_case, with {MOST_LETTERS} letters at most."
        )
    reasons = {
        **words.REASONS,
        "it is a word of Python": {name} if iskeyword(name) else set(),
        "lists have this parameter; leave @ out, or rename the field": words.PARAMETERS
        if column.filtered
        else set(),
    }
    if reason := next((reason for reason, taken in reasons.items() if name in taken), None):
        raise CommandError(f"{spec}: no field can be called {name}: {reason}.")
