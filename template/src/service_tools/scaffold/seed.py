# kit: updated by the template; extend it from app.py
"""The `seed.py` of a new slice."""

from service_tools.scaffold import source
from service_tools.scaffold.fields import Field
from service_tools.scaffold.kinds import TEXTS
from service_tools.scaffold.resource import Resource

TEMPLATE = '''\
"""Made-up ${many} for development: the same every time, one every five minutes back from 2026."""

${imports}

NEWEST = datetime(2026, 1, 1, tzinfo=UTC)
EVERY = timedelta(minutes=5)
BATCH = 20_000
"""Rows copied at once: well within the statement timeout, so that a slow disk only makes it slower."""

${constants}


async def write_${table}(db: Database, wanted: int) -> AsyncIterator[int]:
    """Add made-up ${many} until there are `wanted`, and yield how many there are after each batch.

    The oldest row tells how many there are: row number n was created n steps before 2026. So keep other rows out of
    that time, and delete made-up ones from the oldest on, or all.
    """
    present = await db.fetch_one(queries.count_seeded_${table}, NEWEST, EVERY)
    while present < wanted:
        batch = range(present + 1, min(present + BATCH, wanted) + 1)
        async with db.transaction() as connection:
            await connection.copy("${table}", COLUMNS, map(make_${one}, batch))
            await connection.fetch(queries.analyze_${table})
        present = batch[-1]
        yield present


def make_${one}(number: int) -> tuple[object, ...]:
    """Return one row."""
${draw}    created = NEWEST - number * EVERY
    return (
${values}
    )
${money}'''

MONEY = '''

def make_money(draw: random.Random) -> tuple[int, str]:
    """Return an amount in minor units, with a long tail, and its currency."""
    return int(draw.lognormvariate(7.5, 0.8)), draw.choices(("EUR", "USD", "GBP"), (6, 3, 1))[0]
'''


def write(resource: Resource) -> str:
    """Return what makes rows of a resource."""
    values = [*map(make_value, resource.fields), "created", "created"]
    return source.complete(
        TEMPLATE,
        {"queries": f"service.{resource.plural}"},
        many=resource.many,
        table=resource.plural,
        one=resource.singular,
        constants="\n".join(write_constants(resource)),
        draw="    draw = random.Random(number)\n" if any("draw" in value for value in values) else "",
        values=source.lines(values, " " * 8),
        money=MONEY if any("make_money" in value for value in values) else "",
    )


def make_value(field: Field) -> str:
    """Return the expression of a field's value, or of both of an amount."""
    column = field.columns[0]
    drawn = column.kind.numbered if column.unique else column.kind.drawn
    if column.choices:
        drawn = f"draw.choice({name_choices(field)})"
    drawn = drawn.replace('f"name ', f'f"{field.name.replace("_", " ")} ')
    if not field.nullable:
        return drawn
    if len(field.columns) > 1:
        return f"*({drawn.removeprefix('*')} if draw.random() < 0.8 else (None, None))"
    return f"{drawn} if draw.random() < 0.8 else None"


def name_choices(field: Field) -> str:
    """Return the name of the constant with the values of an enum."""
    return f"{field.name.upper()}_CHOICES"


def write_constants(resource: Resource) -> list[str]:
    """Return the columns in the order of a row's values, and what values are chosen from."""
    names = [*(column.name for column in resource.columns), "created_at", "updated_at"]
    constants = [source.wrap("COLUMNS = (", [f'"{name}"' for name in names], ")")]
    if any(column.kind == TEXTS for column in resource.columns):
        constants.append('WORDS = ("red", "green", "blue")')
    for field in resource.fields:
        choices = [f'"{choice}"' for choice in field.columns[0].choices]
        if choices:
            constants.append(source.wrap(f"{name_choices(field)} = (", choices, ")" if len(choices) > 1 else ",)"))
    return constants
