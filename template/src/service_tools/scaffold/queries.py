# kit: updated by the template; extend it from app.py
"""The `queries.py` of a new slice."""

from collections.abc import Sequence
from string import Template

from service_tools.scaffold import source
from service_tools.scaffold.fields import Column
from service_tools.scaffold.resource import Resource

TEMPLATE = '''\
"""The SQL of ${many}, one object for each statement. `{columns}` is every field of its struct."""

${imports}

${create}

read_${one} = Query(
    """
    select {columns}
      from ${table}
     where id = $$1
    """,
    ${One},
    params=(UUID,),
    sample="select id from ${table} limit 1",
)

# $$2 is the version that the client read. After another change no row has it, and nothing is changed.
${change}

# The lists start after a creation time and id ($$1, $$2) and return $$3 rows. All of it is a condition on an index, so
# PostgreSQL reads the rows of the page and no others, however deep the page is.
${lists}

# Made-up ${many} are numbered back in time from $$1 on, in steps of $$2.
# So the oldest tells how many there are.
count_seeded_${table} = Query(
    """
    select coalesce(extract(epoch from $$1::timestamptz - min(created_at)) / extract(epoch from $$2::interval), 0)::int
      from ${table}
     where created_at < $$1
    """,
    int,
    params=(datetime, timedelta),
    sample="select '2026-01-01Z'::timestamptz, '5 minutes'::interval",
)

# After many new rows, so that plans are made for them.
analyze_${table} = Query("analyze ${table}", int)
'''

LIST = """\
    select {columns}
      from ${table}
     where ${condition}(created_at, id) ${sign} ($$1, $$2)
     order by created_at${direction}, id${direction}
     limit $$3"""

INDENT = "    "


def write(resource: Resource) -> str:
    """Return the statements of a resource."""
    lists = [write_list(resource, newest, column) for column in (None, *resource.filters) for newest in (True, False)]
    return source.complete(
        TEMPLATE,
        {resource.class_name: f"service.{resource.plural}.model"},
        One=resource.class_name,
        one=resource.singular,
        many=resource.many,
        table=resource.plural,
        create=write_create(resource),
        change=write_change(resource),
        lists="\n\n".join(lists),
    )


def write_query(name: str, sql: str, resource: Resource, params: Sequence[str], sample: str) -> str:
    """Return the definition of one statement that returns rows of the resource."""
    listed = source.wrap("params=(", params, ")," if len(params) > 1 else ",),", indent=INDENT)
    line = f'{INDENT}sample="{sample}",'
    if len(line) > source.WIDTH:
        line = f'{INDENT}sample="""\n{source.fill(sample, INDENT, INDENT * 2)}\n{INDENT}""",'
    return f'{name} = Query(\n{INDENT}"""\n{sql}\n{INDENT}""",\n{INDENT}{resource.class_name},\n{listed}\n{line}\n)'


def list_params(columns: Sequence[Column]) -> list[str]:
    """Return the types of the arguments for columns."""
    return [f"{column.kind.param} | None" if column.nullable else column.kind.param for column in columns]


def write_create(resource: Resource) -> str:
    """Return the statement that stores a new row."""
    columns = resource.columns
    names = ", ".join(column.name for column in columns)
    places = ", ".join(f"${number}" for number, _ in enumerate(columns, 1))
    sql = "\n".join(
        [
            source.fill(f"insert into {resource.plural} ({names})", INDENT, INDENT * 2),
            source.fill(f"values ({places})", INDENT, INDENT * 2),
            f"{INDENT}returning {{columns}}",
        ]
    )
    values = [column.kind.fresh if column.unique else find_sample(column) for column in columns]
    return write_query(
        f"create_{resource.singular}", sql, resource, list_params(columns), f"select {', '.join(values)}"
    )


def find_sample(column: Column) -> str:
    """Return SQL for a value of a column."""
    return f"'{column.choices[0]}'" if column.choices else column.kind.sample


def write_change(resource: Resource) -> str:
    """Return the statement that changes a row of the version that the client read."""
    columns = resource.columns
    settings = [f"{column.name} = ${number}" for number, column in enumerate(columns, 3)]
    settings += ["version = version + 1", "updated_at = now()"]
    sql = "\n".join(
        [
            f"{INDENT}update {resource.plural}",
            source.fill(f"set {', '.join(settings)}", " " * 7, " " * 11),
            f"{INDENT} where id = $1 and version = $2",
            f"{INDENT}returning {{columns}}",
        ]
    )
    names = ", ".join(["id", "version", *(column.name for column in columns)])
    sample = f"select {names} " + f"from {resource.plural} limit 1"
    return write_query(f"change_{resource.singular}", sql, resource, ["UUID", "int", *list_params(columns)], sample)


def write_list(resource: Resource, newest: bool, column: Column | None) -> str:
    """Return the statement of a page: in one order, and of the rows with one value of a column, if there is one."""
    table = resource.plural
    order, direction, sign = ("newest", " desc", "<") if newest else ("oldest", "", ">")
    condition = f"{column.name} = $4 and " if column else ""
    sql = Template(LIST).substitute(table=table, condition=condition, sign=sign, direction=direction)
    name = f"{order}_{table}_by_{column.name}" if column else f"{order}_{table}"
    params = ["datetime", "UUID", "int", *([column.kind.param] if column else [])]
    chosen = ["created_at", "id", "21::bigint", *([column.name] if column else [])]
    present = f" where {column.name} is not null" if column and column.nullable else ""
    sample = f"select {', '.join(chosen)} " + f"from {table}{present} offset 500 limit 1"
    return write_query(name, sql, resource, params, sample)
