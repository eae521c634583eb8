# kit: updated by the template; extend it from app.py
"""The types that a field can have: in SQL, in Python, and in made-up rows."""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Kind:
    """One type of column. What is not said to be SQL is Python source.

    `sql` is its type in PostgreSQL; `wire` in the struct of a row, `given` in those of requests, if it differs; and
    `param` as an argument of a statement. `asked` constrains the parameter of a filter. `drawn` makes a value for row
    `number` from the random `draw`, and `numbered` one that no other row has; `name` in their text stands for the
    field's. `sample` is SQL that makes a value, and `fresh` one that no row has. `checked` says that `values.check` has
    to see what a client sends. `refuses` has the reason against each suffix that makes no sense.
    """

    sql: str
    wire: str
    param: str
    drawn: str
    sample: str
    numbered: str = ""
    fresh: str = ""
    given: str = ""
    asked: str = ""
    checked: bool = False
    refuses: tuple[tuple[str, str], ...] = ()


FEW = (("!", "it has so few values that the table would be full at once"),)

TEXT = Kind(
    sql="text",
    wire="Text",
    param="str",
    drawn='f"name {draw.randrange(100)}"',
    numbered='f"name {number}"',
    sample="'first'",
    fresh="'first ' || uuidv7()",
    asked="min_length=1, max_length=200",
)

INTEGER = Kind(
    sql="bigint",
    wire="Integer",
    param="int",
    drawn="draw.randrange(1000)",
    numbered="number",
    sample="3::bigint",
    fresh="(random() * 1e15)::bigint",
    asked="ge=-(2**53) + 1, le=2**53 - 1",
)

DECIMAL = Kind(
    sql="numeric(20, 6)",
    wire="Numeric",
    param="Decimal",
    drawn="Decimal(draw.randrange(100_000)) / 100",
    numbered="Decimal(number)",
    sample="12.5",
    fresh="(random() * 1e13)::numeric(20, 6)",
    checked=True,
)

DATE = Kind(
    sql="date",
    wire="Date",
    param="date",
    drawn="(created - timedelta(days=draw.randrange(90))).date()",
    numbered="date.fromordinal(number + 1)",  # from the year 1 on, enough for 3.6 million rows
    sample="date '2026-01-31'",
    fresh="date '9999-12-31' - (random() * 1e5)::int",
)

TIMESTAMP = Kind(
    sql="timestamptz",
    wire="Moment",
    param="datetime",
    drawn="created + timedelta(hours=draw.randrange(72))",
    numbered="created",
    sample="now()",
    fresh="now()",
    checked=True,
)

UUID = Kind(
    sql="uuid",
    wire="UUID",
    param="UUID",
    drawn="UUID(int=draw.randrange(1000))",
    numbered="UUID(int=number)",
    sample="uuidv7()",
    fresh="uuidv7()",
)

BOOLEAN = Kind(sql="boolean", wire="bool", param="bool", drawn="draw.random() < 0.5", sample="true", refuses=FEW)

TEXTS = Kind(
    sql="text[]",
    wire="Texts",
    param="list[str]",
    drawn="draw.sample(WORDS, draw.randrange(3))",
    sample="array['first']",
    refuses=(
        ("!", "two lists are seldom equal; give the entries a table of their own"),
        ("@", "a filter would have to equal the whole list; give the entries a table of their own"),
    ),
)

JSON = Kind(
    sql="jsonb",
    wire="StoredJson",
    given="Json",
    param="str",
    drawn='documents.dump({"number": number})',
    sample="'{}'::jsonb",
    checked=True,
    refuses=tuple((suffix, "nobody looks for a whole document; give the part a field of its own") for suffix in "!@"),
)

# Its type is named after the field.
ENUM = replace(TEXT, asked="", refuses=FEW)

# An amount of money: the column of its minor units, and that of its currency.
MONEY = replace(
    INTEGER,
    wire="Minor",
    drawn="*make_money(draw)",
    sample="1999::bigint",
    refuses=tuple((suffix, "an amount and its currency are two columns") for suffix in "!@"),
)
CURRENCY = replace(TEXT, wire="Currency", sample="'EUR'")

KINDS = {
    "text": TEXT,
    "int": INTEGER,
    "bool": BOOLEAN,
    "decimal": DECIMAL,
    "money": MONEY,
    "date": DATE,
    "timestamp": TIMESTAMP,
    "uuid": UUID,
    "text[]": TEXTS,
    "json": JSON,
}
