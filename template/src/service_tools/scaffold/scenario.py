# kit: updated by the template; extend it from app.py
"""The performance scenario of a new slice: perf/scenarios/<slice>.toml."""

import ast
import json
from string import Template

from service_tools.scaffold import examples
from service_tools.scaffold.fields import Column
from service_tools.scaffold.resource import Resource

TEMPLATE = Template('''\
# What clients ask of ${many}, and how often: `uv run service perf ${table}`.

# Taken from answers before the run; a request has one of them, drawn at random.
[values]
id = { request = "GET ${path}?limit=100", take = "data.id", pages = 20 }
cursor = { request = "GET ${path}?limit=100", take = "next", pages = 50 }
${filter_values}
[[steps]]
name = "read"
request = "GET ${path}/$${id}"
weight = 50

[[steps]]
name = "first page"
request = "GET ${path}"
weight = 25

[[steps]]
name = "later page"
request = "GET ${path}?cursor=$${cursor}"
weight = 10

${filter_steps}[[steps]]
name = "create"
request = "POST ${path}"
expect = 201
weight = 5
body = """
${body}
"""
''')

VALUE = Template("""\
by_${name} = { request = "GET ${path}?limit=100", take = "data.${name}" }
""")

STEP = Template("""\
[[steps]]
name = "page by ${name}"
request = "GET ${path}?${name}=$${by_${name}}"
weight = 10

""")

UNIQUE = {
    "Text": "first ${number}",
    "Integer": "${number}",
    "Numeric": "${decimal}",
    "Date": "${day}",
    "Moment": "${moment}",
    "UUID": "${uuid}",
}
"""What is new in each request, by the type of a unique column."""


def write(resource: Resource) -> str:
    """Return the scenario of a resource."""
    filters = resource.filters
    return TEMPLATE.substitute(
        many=resource.many,
        table=resource.plural,
        path=resource.path,
        filter_values="".join(VALUE.substitute(name=column.name, path=resource.path) for column in filters),
        filter_steps="".join(STEP.substitute(name=column.name, path=resource.path) for column in filters),
        body=write_body(resource),
    )


def write_body(resource: Resource) -> str:
    """Return the JSON of a new row, a line for each field."""
    lines = [f"  {json.dumps(column.name)}: {write_value(column)}" for column in resource.columns]
    return "{\n" + ",\n".join(lines) + "\n}"


def write_value(column: Column) -> str:
    """Return the JSON of a value: new each time where the column is unique."""
    if not column.unique:
        return json.dumps(ast.literal_eval(examples.find(column).first), ensure_ascii=False)
    return UNIQUE[column.wire] if column.wire == "Integer" else json.dumps(UNIQUE[column.wire])
