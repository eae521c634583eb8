# kit: updated by the template; extend it from app.py
"""The `model.py` of a new slice."""

from service_tools.scaffold import source
from service_tools.scaffold.fields import Column
from service_tools.scaffold.resource import Resource

TEMPLATE = '''\
"""What ${a_one} is: as it is stored and shown, as it is created, and as it is changed."""

${imports}

${named}

${types}


class ${One}(Struct, frozen=True):
    """${A_one} as it is stored and shown.

    Its fields are in the order of the columns that `queries` selects.
    """

    id: UUID
${stored}
    version: Version
    created_at: Moment
    updated_at: Moment
${embedding}

class New${One}(Struct, frozen=True, forbid_unknown_fields=True):
    """What a client sends to create ${a_one}."""

${new}


class ${One}Change(Struct, frozen=True, forbid_unknown_fields=True):
    """What a client sends to change ${a_one}: the version it read, and the new values."""

    version: Version
${changed}
'''

EMBEDDING = '''
    def __post_init__(self) -> None:
        """Take JSON as PostgreSQL returns it: as text."""
        documents.embed(self, ${columns})
'''

# In this order, each where it is used.
TYPES = {
    "Text": 'Annotated[str, Meta(min_length=1, max_length=200, examples=["first"])]',
    "Texts": "Annotated[list[Text], Meta(max_length=20)]",
    "Integer": "Annotated[int, Meta(ge=-(2**53) + 1, le=2**53 - 1, examples=[3])]",
    "Numeric": 'Annotated[Decimal, Meta(examples=["12.5"])]',
    "Minor": 'Annotated[int, Meta(ge=0, le=2**53 - 1, description="1999 is 19.99 EUR", examples=[1999])]',
    "Currency": 'Annotated[str, Meta(pattern="^[A-Z]{3}$", description="ISO 4217", examples=["EUR"])]',
    "Date": 'Annotated[date, Meta(examples=["2026-01-31"])]',
    "Json": "dict[str, Any]",
    "StoredJson": 'Annotated[Any, Meta(extra_json_schema={"type": "object"})]',
    "Version": 'Annotated[int, Meta(ge=1, le=2**31 - 1, description="Counts the changes", examples=[1])]',
    "Moment": "Annotated[datetime, Meta(tz=True)]",
}
LARGEST = "# 2^53 - 1 is the largest integer that every JSON client holds exactly."
REMARKS = {
    "Numeric": "# Shown as a string, so that no client rounds it: 14 digits before the point and 6 after it.",
    "Integer": LARGEST,
    "Minor": LARGEST,
    "StoredJson": "# The text of a `Json`, which an answer contains as it is.",
}


def write(resource: Resource) -> str:
    """Return the structs of a resource, and the types of their fields."""
    columns = resource.columns
    text_columns = [f'"{column.name}"' for column in columns if column.kind.given]
    embedding = source.wrap("documents.embed(", ["self", *text_columns], ")", indent=" " * 8)
    return source.complete(
        TEMPLATE,
        {},
        One=resource.class_name,
        a_one=resource.a_one,
        A_one=resource.a_one.capitalize(),
        named="\n".join(write_named(columns)),
        types="\n".join(write_types(columns)),
        stored=write_fields([(column.name, column.wire, column.nullable, "") for column in columns]),
        embedding=EMBEDDING.replace("        documents.embed(self, ${columns})", embedding) if text_columns else "",
        new=write_new(columns),
        changed=write_fields(
            [(column.name, f"{column.given} | UnsetType", column.nullable, " = UNSET") for column in columns]
        ),
    )


def write_named(columns: list[Column]) -> list[str]:
    """Return the types that have a fixed set of values."""
    enums = [
        source.wrap(f"type {column.wire} = Literal[", [f'"{choice}"' for choice in column.choices], "]")
        for column in columns
        if column.choices
    ]
    return [*enums, 'type Sort = Literal["-created_at", "created_at"]']


def write_types(columns: list[Column]) -> list[str]:
    """Return the other types, those that the fields have."""
    used = {name for column in columns for name in (column.wire, column.given)} | {"Version", "Moment"}
    if "Texts" in used:
        used.add("Text")
    lines: list[str] = []
    for name, definition in TYPES.items():
        if name in used:
            remark = REMARKS.get(name)
            lines += [*([remark] if remark and remark not in lines else []), f"{name} = {definition}"]
    return lines


def write_fields(fields: list[tuple[str, str, bool, str]]) -> str:
    """Return the fields of a struct, given the name, the type, whether it can be null, and the default."""
    return "\n".join(f"    {name}: {kind}{' | None' if null else ''}{default}" for name, kind, null, default in fields)


def write_new(columns: list[Column]) -> str:
    """Return the fields that create a row: those without a default come first."""
    fields = []
    for column in columns:
        default = " = None" if column.nullable else " = []" if column.wire == "Texts" else ""
        fields.append((column.name, column.given, column.nullable, default))
    return write_fields(sorted(fields, key=lambda field: bool(field[3])))
