# kit: updated by the template; extend it from app.py
"""Read fields as they are given, like `customer:uuid@`, and make their columns."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from service.kit.work.command_error import CommandError
from service_tools.scaffold import words
from service_tools.scaffold.types import CURRENCY, TYPES, Type, make_text

PLAIN = "|".join(re.escape(kind) for kind in TYPES if kind not in ("enum", "references"))
FIELD = re.compile(
    rf"([^:]*):(?:({PLAIN})|text\(([1-9]\d{{0,3}})\)|enum\(([^)]*)\)|references:(\w+))"
    r"([?!@]*)(?:=(.+))?"
)
CHOICE = re.compile(r"[A-Za-z0-9_-]{1,40}")

FORM = (
    "write name:type, as in due:date?, title:text(80), status:enum(open,paid) or"
    f" invoice:references:invoices. The types are {', '.join(TYPES)}; a text has 1 to 9999"
    " characters. After the type, each at most once: ? for nullable, ! for unique, @ for a filter"
    " of the list. Last = and a default, as in count:int@=0"
)


@dataclass(frozen=True)
class Column:
    """One column. If it names rows of another table, `references` is that table.

    `self_reference` says that this is the column's own table. `distinct` says that each sample row
    has another value, because it is unique, alone or with others.
    """

    name: str
    type: Type
    nullable: bool = False
    unique: bool = False
    filtered: bool = False
    references: str = ""
    self_reference: bool = False
    distinct: bool = False
    default: str = ""

    @property
    def optional(self) -> bool:
        """Whether a client may leave it out."""
        return self.nullable or self.default != "" or self.type.sql == "text[]"

    @property
    def row_type(self) -> str:
        """Its type in the structs of rows."""
        return (self.type.stored or self.type.alias) + self.or_none

    @property
    def argument_type(self) -> str:
        """Its type as an argument of a statement."""
        return self.type.python + self.or_none

    @property
    def or_none(self) -> str:
        return " | None" if self.nullable else ""

    @property
    def check(self) -> str:
        """The condition of its constraint in SQL."""
        return self.type.check.replace("{}", self.name)

    @property
    def sample(self) -> str:
        """Python that makes the value of a sample row."""
        if self.self_reference:
            return "UUID(int=number - number % 100 // 2) if number % 100 > 1 else None"
        number = "number" if self.distinct else "number % 10"
        value = re.sub(r"\bN\b", number, self.type.sample)
        value = value.replace("{}", self.name.replace("_", " "))
        return f"{value} if number % 5 else None" if self.nullable else value

    @property
    def scenario_json(self) -> str:
        """JSON that the load test sends."""
        if self.references:
            return f'"${{by_{self.name}}}"'
        if self.distinct:
            return self.type.unique_json
        return json.dumps(self.type.examples[0], ensure_ascii=False)

    @property
    def reference_name(self) -> str:
        """The name of what it refers to, without `_id`."""
        return self.name.removesuffix("_id")


def parse_fields(specs: Sequence[str], table: str, parent: Column | None) -> list[Column]:
    """Return the columns of a table, that of its parent first. Raises `CommandError`."""
    if not specs:
        raise CommandError(f"No field is given: {FORM}.")
    columns = {parent.name: parent} if parent else {}
    for spec in specs:
        for column in parse_field(spec, table):
            name = column.name
            if name in columns:
                raise CommandError(f"{name}: two fields would have this column; rename one.")
            check_name(spec, column)
            columns[name] = column
    return list(columns.values())


def parse_field(spec: str, table: str) -> list[Column]:
    """Return the columns of a field: two for an amount of money, otherwise one."""
    matched = FIELD.fullmatch(spec)
    if not matched or has_repeated(matched[6]):
        raise CommandError(f"{spec}: {FORM}.")
    name, plain, length, choices, target, suffixes, default = matched.groups("")
    kind = plain or ("text" if length else "references" if target else "enum")
    type_ = TYPES[kind]
    if length:
        type_ = make_text(int(length))
    elif kind == "enum":
        type_ = make_enum(spec, name, choices.split(","))
    refused, reason = type_.refuses
    for suffix in suffixes:
        if suffix in refused:
            raise CommandError(f"{spec}: {kind} does not take {suffix}: {reason}.")
    if default and ("!" in suffixes or not re.fullmatch(type_.default, default)):
        raise CommandError(
            f"{spec}: it cannot have this default. One for text, int, bool, decimal or enum is"
            " written last, as in count:int@=0, paid:bool=false; a unique field has none."
        )
    nullable = "?" in suffixes
    if kind == "money":
        return split_money(name, nullable=nullable)
    if kind == "references":
        return [make_reference(name, target, table, nullable=nullable)]
    return [Column(name, type_, nullable, "!" in suffixes, "@" in suffixes, default=default)]


def split_money(name: str, *, nullable: bool) -> list[Column]:
    """Return the columns of an amount: its minor units and its currency, both or neither."""
    minor = f"{name}_minor"
    currency = CURRENCY
    if nullable:
        currency = replace(
            CURRENCY,
            check=f"({minor} is null) = ({{}} is null) and {CURRENCY.check}",
            check_meaning=f"{CURRENCY.check_meaning}, together with {minor}",
        )
    return [
        Column(minor, TYPES["money"], nullable),
        Column(f"{name}_currency", currency, nullable),
    ]


def make_reference(name: str, target: str, table: str, *, nullable: bool) -> Column:
    """Return the column of a reference to a table, perhaps its own. Raises `CommandError`."""
    if target == table and not nullable:
        field = f"{name}:references:{target}"
        advice = "the first row would have none to refer to; add a question mark"
        raise CommandError(f"{field}: {advice}, as in '{field}?'.")
    type_ = replace(TYPES["references"], sample=f"{name}_ids[number % len({name}_ids)]")
    if target == table:
        type_ = replace(type_, check="{} <> id", check_meaning="it must be another row")
    return Column(
        f"{name}_id",
        type_,
        nullable,
        filtered=True,
        references=target,
        self_reference=target == table,
    )


def make_enum(spec: str, name: str, values: list[str]) -> Type:
    """Return the type of an enum, named like the field."""
    is_valid = all(CHOICE.fullmatch(value) for value in values)
    if not is_valid or has_repeated(values):
        raise CommandError(
            f"{spec}: list the values of an enum, each once, of letters, digits, _ and - (40 at"
            " most), without spaces, as in status:enum(open,paid)."
        )
    listed = ", ".join(f"'{value}'" for value in values)  # in SQL, and in Python until formatted
    return replace(
        TYPES["enum"],
        alias=name.title().replace("_", ""),
        definition=f"Literal[{listed}]",
        examples=(values[0], values[-1], "no such"),
        sample=f"{tuple(values)}[number % {len(values)}]",
        check=f"{name} in ({listed})",
        check_meaning="it must be one of the known values",
        default="|".join(values),
    )


def check_name(spec: str, column: Column) -> None:
    """Raise `CommandError` if a name cannot be that of a column and an attribute."""
    name = column.name
    words.check_form(name, "field")
    reasons = [reason for reason, taken in words.REASONS.items() if name in taken]
    if column.filtered and name in words.PARAMETERS:
        reasons.append("lists have this parameter; leave @ out, or rename the field")
    if reasons:
        raise CommandError(f"{spec}: no field can be called {name}: {reasons[0]}.")


def has_repeated(values: Sequence[str]) -> bool:
    return len(set(values)) < len(values)
