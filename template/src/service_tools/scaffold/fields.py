# kit: updated by the template; extend it from app.py
"""Fields as they are ordered, like `customer:uuid@`, and the columns they become."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from keyword import iskeyword

from service_tools.scaffold import kinds, words
from service_tools.scaffold.kinds import KINDS, Kind
from service_tools.scaffold.refusal import Refusal

SPEC = re.compile(r"(?P<name>[^:]*):(?P<type>[a-z]*(?:\[\])?)(?:\((?P<choices>.*)\))?(?P<suffixes>[?!@]*)", re.DOTALL)
NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
CHOICE = re.compile(r"[A-Za-z0-9_-]{1,40}")
MOST_LETTERS = 28

FORM = f"write name:type, as in due:date?, with one of the types {', '.join(KINDS)} and enum(open,paid)"
SUFFIXES = "after the type, each at most once: ? for nullable, ! for unique, @ for a filter of the list"


@dataclass(frozen=True)
class Column:
    """One column. `choices` are the values of an enum, and `wire` is its type in the struct of a row."""

    name: str
    kind: Kind
    nullable: bool
    unique: bool
    filtered: bool
    wire: str
    choices: tuple[str, ...] = ()

    @property
    def given(self) -> str:
        """Its type in the structs of requests."""
        return self.kind.given or self.wire


@dataclass(frozen=True)
class Field:
    """One field and its columns: two for an amount of money, otherwise one."""

    name: str
    columns: tuple[Column, ...]

    @property
    def nullable(self) -> bool:
        """Whether it may be missing."""
        return self.columns[0].nullable


def parse_all(specs: Sequence[str], taken: frozenset[str]) -> list[Field]:
    """Return the fields of a resource, or refuse. `taken` are names that the type of an enum cannot have."""
    if not specs:
        raise Refusal(f"No field is given: {FORM}.")
    fields: list[Field] = []
    for spec in specs:
        field = parse(spec)
        if field.name in (other.name for other in fields):
            raise Refusal(f"{spec}: the field {field.name} is given twice.")
        fields.append(field)
    names = [column.name for field in fields for column in field.columns]
    if doubled := next((name for name in names if names.count(name) > 1), None):
        raise Refusal(f"{doubled}: two fields would have this column; rename one of them.")
    return list(name_enums(fields, set(taken)))


def parse(spec: str) -> Field:
    """Return the field that a specification describes, or refuse."""
    matched = SPEC.fullmatch(spec)
    if not matched:
        raise Refusal(f"{spec}: {FORM}; {SUFFIXES}.")
    name, kind_name, choices, suffixes = matched.group("name", "type", "choices", "suffixes")
    check_name(spec, name)
    if len(set(suffixes)) < len(suffixes):
        raise Refusal(f"{spec}: write suffixes {SUFFIXES}.")
    kind = find_kind(spec, kind_name, choices)
    for suffix, reason in kind.refuses:
        if suffix in suffixes:
            raise Refusal(f"{spec}: {kind_name} does not take {suffix}: {reason}.")
    values = tuple(choices.split(",")) if kind_name == "enum" else ()
    column = Column(name, kind, "?" in suffixes, "!" in suffixes, "@" in suffixes, kind.wire, values)
    if column.filtered and name in words.HANDLER:
        raise Refusal(f"{spec}: the code of the list needs the word {name}; leave @ out, or rename the field.")
    return Field(name, split_money(column) if kind is kinds.MONEY else (column,))


def check_name(spec: str, name: str) -> None:
    """Refuse a name that cannot be a column and an attribute."""
    if not NAME.fullmatch(name) or len(name) > MOST_LETTERS:
        raise Refusal(f"{spec}: name a field in lower_snake_case, with {MOST_LETTERS} letters at most.")
    reasons = {
        "every resource has it already": words.OWN_COLUMNS,
        "it is a parameter of the list": words.LIST_PARAMETERS,
        "it is a word of SQL and would need quotes": words.SQL,
        "every table of PostgreSQL has it already": words.SYSTEM_COLUMNS,
        "it would hide a type of Python": words.HIDING,
    }
    reason = next((reason for reason, taken in reasons.items() if name in taken), None)
    if reason or iskeyword(name):
        raise Refusal(f"{spec}: no field can be called {name}: {reason or 'it is a word of Python'}.")


def find_kind(spec: str, name: str, choices: str | None) -> Kind:
    """Return the kind of a type's name, or refuse."""
    if name == "enum":
        values = (choices or "").split(",")
        if len(set(values)) < len(values) or not all(CHOICE.fullmatch(value) for value in values):
            raise Refusal(
                f"{spec}: list the values of an enum, each once, of letters, digits, _ and - (40 at most), without "
                "spaces, as in status:enum(open,paid)."
            )
        return kinds.ENUM
    found = KINDS.get(name)
    if found is None or choices is not None:
        raise Refusal(f"{spec}: {FORM}.")
    return found


def split_money(column: Column) -> tuple[Column, Column]:
    """Return the columns of an amount: its minor units, and its currency."""
    minor = replace(column, name=f"{column.name}_minor")
    return minor, replace(column, name=f"{column.name}_currency", kind=kinds.CURRENCY, wire=kinds.CURRENCY.wire)


def name_enums(fields: list[Field], taken: set[str]) -> Iterator[Field]:
    """Name the type of each enum after its field, and unlike everything around it."""
    for field in fields:
        (column, *_) = field.columns
        if not column.choices:
            yield field
            continue
        name = "".join(part.capitalize() for part in field.name.split("_"))
        while name in taken:
            name += "Choice"
        taken.add(name)
        yield Field(field.name, (replace(column, wire=name),))
