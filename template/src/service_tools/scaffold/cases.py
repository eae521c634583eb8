# kit: updated by the template; extend it from app.py
"""Tests that a new slice has only with some fields, and the cases of those that depend on the fields."""

from service_tools.scaffold import examples, source
from service_tools.scaffold.fields import Column

DEFAULTS = """\
async def test_fields_that_are_not_given_have_defaults(client: httpx2.AsyncClient):
    required = {name: value for name, value in NEW.items() if name not in DEFAULTS}
    created = await client.post(PATH, json=required)
    assert created.status_code == 201, created.text
    assert created.json().items() >= DEFAULTS.items()


"""

UNIQUE = """\
${parametrize}
async def test_a_value_that_another_row_has_conflicts(client: httpx2.AsyncClient, field: str):
    await create(client)
    response = await client.post(PATH, json=OTHER | {field: NEW[field]})
    assert response.status_code == 409
    assert [error["field"] for error in response.json()["errors"]] == [field]


"""

FILTERS = """\
@pytest.mark.usefixtures("rows")
${parametrize}
async def test_a_filter_holds_on_every_page(client: httpx2.AsyncClient, field: str):
    everything = await walk(client, {"limit": 100})
    value = next(row[field] for row in everything if row[field] is not None)
    expected = [row for row in everything if row[field] == value]
    assert await walk(client, {"limit": 2, field: value}) == expected
    assert await walk(client, {"limit": 2, field: value, "sort": "created_at"}) == expected[::-1]


"""

SECOND = """\
async def test_a_second_filter_is_refused(client: httpx2.AsyncClient):
    first, second = "${first}", "${second}"
    response = await client.get(PATH, params={first: str(NEW[first]), second: str(NEW[second])})
    assert response.status_code == 422
    assert [error["field"] for error in response.json()["errors"]] == [second]


"""


def list_defaults(columns: list[Column]) -> list[str]:
    """Return the entries of DEFAULTS: what a client may leave out, and what it is then."""
    values = {column.name: "None" if column.nullable else "[]" for column in columns}
    optional = [column.name for column in columns if column.nullable or column.wire == "Texts"]
    return [f'"{name}": {values[name]}' for name in optional]


def write_optional(columns: list[Column]) -> str:
    """Return the tests of defaults and of unique values, where there are any."""
    defaults = DEFAULTS if list_defaults(columns) else ""
    return defaults + write_parametrized(UNIQUE, [column for column in columns if column.unique])


def write_parametrized(template: str, columns: list[Column]) -> str:
    """Return a test that runs for each of some columns, if there are any."""
    if not columns:
        return ""
    names = source.wrap("[", [f'"{column.name}"' for column in columns], "]", indent="    ", room=1).lstrip()
    return template.replace("${parametrize}", source.wrap("@pytest.mark.parametrize(", ['"field"', names], ")"))


def write_filters(columns: list[Column]) -> str:
    """Return the tests of the filters, and of two at once if there are two."""
    refused = ""
    if len(columns) > 1:
        refused = SECOND.replace("${first}", columns[0].name).replace("${second}", columns[1].name)
    return write_parametrized(FILTERS, columns) + refused


def list_bad(columns: list[Column]) -> list[str]:
    """Return changes of a request that make it unacceptable, with the field that has to be named."""
    cases = [
        f'({{"{column.name}": {value}}}, "{column.name}")'
        for column in columns
        for value in (*examples.find(column).bad, *(() if column.nullable else ("None",)))
    ]
    return [*cases, '({"created_at": "2026-01-31T09:30:00Z"}, "created_at")']


def list_misspelt(filters: list[Column]) -> list[str]:
    """Return query strings that are refused, with the parameter that has to be named."""
    cases = [
        f'("{column.name}={value}", "{column.name}")' for column in filters for value in examples.find(column).misspelt
    ]
    general = {
        "limit=0": "limit",
        "limit=101": "limit",
        "sort=id": "sort",
        "cursor=abc": "cursor",
        "created_at=1": "created_at",
    }
    return [*cases, *(f'("{query}", "{field}")' for query, field in general.items())]
