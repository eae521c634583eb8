# kit: updated by the template; extend it from app.py
"""The types of fields: in SQL, in Python, in tests and in sample rows."""

from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True)
class Type:
    """One type of column.

    - `alias` is its name in model.py, and `definition` what that stands for. `stored` is its name
      in rows, if that differs. `python` is the type without its constraints.
    - `examples` are two values that a client may send, and one that it may not.
    - `sample` is Python that makes a value of sample row `number`. {} is the column's name. N is
      the number, or one of ten if values may repeat.
    - `unique_sql` is a value that no row has, and `unique_json` one for each request of the load
      test. Both are for unique columns.
    - `check` is a condition in SQL on the column {}, and `check_meaning` tells it to clients.
    - `refuses` has the suffixes that it does not take, and why.
    - `default` is a pattern of the defaults that it may be given: none by default.
    """

    sql: str
    alias: str
    python: str
    examples: tuple[Any, Any, Any]
    sample: str
    definition: str = ""
    unique_sql: str = ""
    unique_json: str = ""
    check: str = ""
    check_meaning: str = ""
    stored: str = ""
    refuses: tuple[str, str] = ("", "")
    default: str = ""


UUIDS = ("0198f2a1-5c0e-7b5a-9d2e-3f4a5b6c7d8e", "0198f2a1-5c0e-7b5a-9d2e-3f4a5b6c7d8f", "x")
FEW_VALUES = ("!", "it has so few values that the table would soon be full")
SHORT = ("!", "with less than 20 characters, sample rows and load tests have too few values")
LONG = ("!@", "an index has no room for more than 300 characters, at four bytes each")

TYPES = {
    "text": Type(
        sql="text",
        alias="Text",
        python="str",
        definition='Annotated[str, Meta(min_length=1, max_length=200, examples=["first"])]',
        examples=("first", "größe", ""),
        sample='f"{} {N}"',
        unique_sql="'first ' || uuidv7()",
        unique_json='"first ${number}"',
        default=".{1,200}",
    ),
    "int": Type(
        sql="bigint",
        alias="Integer",
        python="int",
        definition="Annotated[int, Meta(ge=-(2**53) + 1, le=2**53 - 1, examples=[3])]",
        examples=(3, -4, 2**53),
        sample="N",
        unique_sql="(random() * 1e15)::bigint",
        unique_json="${number}",
        default=r"0|-?[1-9]\d{0,14}",
    ),
    "bool": Type(
        sql="boolean",
        alias="bool",
        python="bool",
        examples=(True, False, "yes"),
        sample="number % 2 == 0",
        refuses=FEW_VALUES,
        default="true|false",
    ),
    "decimal": Type(
        sql="numeric(20, 6)",
        alias="Numeric",
        python="Decimal",
        definition='Annotated[Decimal, Meta(examples=["12.5"])]',
        examples=("12.500000", "-0.000001", "0.0000001"),
        sample="Decimal(N) / 100",
        unique_sql="(random() * 1e13)::numeric(20, 6)",
        unique_json='"${decimal}"',
        default=r"-?\d{1,14}(\.\d{1,6})?",
    ),
    "money": Type(  # an amount in minor units; its currency is another column
        sql="bigint",
        alias="Minor",
        python="int",
        definition=(
            "Annotated[int, Meta(ge=0, le=2**53 - 1,"
            ' description="1999 is 19.99 EUR", examples=[1999])]'
        ),
        examples=(1999, 0, -1),
        sample="N * 100",
        check="{} >= 0",
        check_meaning="it must not be negative",
        refuses=("!@", "an amount and its currency are two columns"),
    ),
    "date": Type(
        sql="date",
        alias="Date",
        python="date",
        definition='Annotated[date, Meta(examples=["2026-01-31"])]',
        examples=("2026-01-31", "9999-12-30", "2026-02-30"),
        sample="(created - timedelta(days=N)).date()",
        unique_sql="date '9999-12-30' - (random() * 1e5)::int",
        unique_json='"${day}"',
    ),
    "timestamp": Type(
        sql="timestamptz",
        alias="Moment",
        python="datetime",
        examples=(
            "2026-01-31T09:30:00.000000Z",
            "0001-01-01T00:00:01.000000Z",
            "2026-01-31T09:30:00",
        ),
        sample="created + timedelta(hours=N)",
        unique_sql="now()",
        unique_json='"${moment}"',
    ),
    "uuid": Type(
        sql="uuid",
        alias="UUID",
        python="UUID",
        examples=UUIDS,
        sample="UUID(int=N)",
        unique_sql="uuidv7()",
        unique_json='"${uuid}"',
    ),
    "text[]": Type(
        sql="text[]",
        alias="Texts",
        python="list[str]",
        definition=(
            "Annotated[list[Annotated[str, Meta(min_length=1, max_length=200)]],"
            " Meta(max_length=20)]"
        ),
        examples=(["first", "größe"], ["second"], "first"),
        sample='["red", "green", "blue"][: number % 4]',
        refuses=("!@", "it would compare whole lists; give the entries a table of their own"),
    ),
    "json": Type(
        sql="jsonb",
        alias="Json",
        python="Any",
        definition="dict[str, Any]",
        stored="StoredJson",
        examples=({"größe": [{"a": None}, 1.5]}, {}, "text"),
        sample='{"number": number}',
        refuses=("!@", "it would compare whole documents; give that part a field of its own"),
    ),
    "enum": Type(  # the rest comes from its field
        sql="text",
        alias="",
        python="str",
        examples=("", "", "no such"),
        sample="",
        refuses=FEW_VALUES,
    ),
    "references": Type(  # the rest comes from its field
        sql="uuid",
        alias="UUID",
        python="UUID",
        examples=UUIDS,
        sample="",
        refuses=("!", "for one to one, make the column unique in the migration"),
    ),
}
"""The type of a field, by the name that `service new` takes."""

CURRENCY = Type(
    sql="text",
    alias="Currency",
    python="str",
    definition=(
        r'Annotated[str, Meta(pattern=r"^[A-Z]{3}\Z", max_length=3,'
        ' description="ISO 4217", examples=["EUR"])]'
    ),
    examples=("EUR", "USD", "EUR\n"),
    sample='("EUR", "USD", "GBP")[number % 3]',
    check="{} ~ '^[A-Z]{3}$'",
    check_meaning="it must be three capital letters",
    refuses=TYPES["money"].refuses,
)
"""The type of the currency of an amount."""


def make_text(length: int) -> Type:
    """Return the type of a text of so many characters at most; the table checks that as well."""
    return replace(
        TYPES["text"],
        alias=f"Text{length}",
        definition=f'Annotated[str, Meta(min_length=1, max_length={length}, examples=["a"])]',
        examples=("a", "ö", ""),
        sample='f"{N}"',
        unique_sql=f"left(md5(uuidv7()::text), {length})",
        unique_json='"${number}"',
        check=f"char_length({{}}) <= {length}",
        check_meaning=f"it must have {length} characters at most",
        refuses=SHORT if length < 20 else LONG if length > 300 else ("", ""),
        default=f".{{1,{length}}}",
    )
