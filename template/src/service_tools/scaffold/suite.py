# kit: updated by the template; extend it from app.py
"""The tests of a new slice."""

from service_tools.scaffold import cases, examples, source
from service_tools.scaffold.resource import Resource

TEMPLATE = '''\
${imports}

PATH = "${path}"
ROWS = 25
"""Made-up rows in the tests of the list."""

NEW = {
${new}
}
OTHER = {
${other}
}
${defaults}

@pytest_asyncio.fixture
async def rows(settings: Settings) -> AsyncGenerator[None]:
    async with Database(settings.database) as db:
        assert [present async for present in write_${table}(db, ROWS - 1)] == [ROWS - 1]
        assert [present async for present in write_${table}(db, ROWS)] == [ROWS]
        assert [present async for present in write_${table}(db, ROWS)] == []
    yield


async def create(client: httpx2.AsyncClient) -> dict[str, Any]:
    response = await client.post(PATH, json=NEW)
    assert response.status_code == 201, response.text
    return response.json()


async def walk(client: httpx2.AsyncClient, query: dict[str, Any]) -> list[dict[str, Any]]:
    """Follow the Link header from the first page to the last, and return all rows."""
    found: list[dict[str, Any]] = []
    response = await client.get(PATH, params=query)
    while True:
        assert response.status_code == 200, response.text
        found += response.json()["data"]
        assert len(found) <= ROWS, "the list does not end"
        if "next" not in response.links:
            return found
        response = await client.get(response.url.join(response.links["next"]["url"]))


async def test_what_is_created_can_be_read_where_its_location_says(client: httpx2.AsyncClient):
    created = await client.post(PATH, json=NEW)
    assert created.status_code == 201, created.text
    assert created.json().items() >= (NEW | {"version": 1}).items()
    assert (await client.get(created.headers["location"])).json() == created.json()


async def test_a_creation_that_is_sent_again_with_its_key_is_done_once(client: httpx2.AsyncClient):
    key = {"Idempotency-Key": str(uuid4())}
    first, again = [await client.post(PATH, json=NEW, headers=key) for _ in range(2)]
    assert (again.status_code, again.json()) == (201, first.json())
    assert len((await client.get(PATH)).json()["data"]) == 1


${optional}async def test_what_is_unknown_is_not_found(client: httpx2.AsyncClient):
    missing = f"{PATH}/{uuid4()}"
    assert (await client.get(missing)).status_code == 404
    assert (await client.patch(missing, json={"version": 1})).status_code == 404


async def test_a_change_sets_what_it_names_and_keeps_the_rest(client: httpx2.AsyncClient):
    created = await create(client)
    changed = (await client.patch(f"{PATH}/{created['id']}", json={"version": 1} | OTHER)).json()
    assert changed == created | OTHER | {"version": 2, "updated_at": changed["updated_at"]}
    kept = (await client.patch(f"{PATH}/{created['id']}", json={"version": 2}${clear})).json()
    assert kept == changed${clear} | {"version": 3, "updated_at": kept["updated_at"]}


async def test_a_change_of_a_version_that_is_gone_conflicts_and_changes_nothing(client: httpx2.AsyncClient):
    path = f"{PATH}/{(await create(client))['id']}"
    first = await client.patch(path, json={"version": 1})
    second = await client.patch(path, json={"version": 1} | OTHER)
    assert second.status_code == 409
    assert second.json()["errors"][0]["field"] == "version"
    assert (await client.get(path)).json() == first.json()


@pytest.mark.parametrize(
    ("change", "field"),
    [
${bad}
    ],
)
async def test_an_unacceptable_field_is_named_and_nothing_is_stored(
    client: httpx2.AsyncClient, change: dict[str, object], field: str
):
    created = await client.post(PATH, json=NEW | change)
    assert created.status_code == 422
    assert [error["field"] for error in created.json()["errors"]] == [field]
    assert (await client.get(PATH)).json()["data"] == []
    path = f"{PATH}/{(await create(client))['id']}"
    assert (await client.patch(path, json={"version": 1} | change)).status_code == 422
    assert (await client.get(path)).json()["version"] == 1


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize("limit", [1, 7, 100])
async def test_the_pages_hold_every_row_once_and_in_order(client: httpx2.AsyncClient, limit: int):
    newest = await walk(client, {"limit": limit})
    keys = [(row["created_at"], row["id"]) for row in newest]
    assert len(newest) == ROWS
    assert keys == sorted(keys, reverse=True)
    assert await walk(client, {"limit": limit, "sort": "created_at"}) == newest[::-1]


${filters}@pytest.mark.usefixtures("rows")
async def test_a_cursor_of_another_sort_is_refused(client: httpx2.AsyncClient):
    cursor = (await client.get(PATH, params={"limit": 1})).json()["next"]
    response = await client.get(PATH, params={"sort": "created_at", "cursor": cursor})
    assert response.status_code == 422
    assert response.json()["errors"][0]["field"] == "cursor"


@pytest.mark.parametrize(
    ("query", "field"),
    [
${misspelt}
    ],
)
async def test_an_unacceptable_parameter_is_named(client: httpx2.AsyncClient, query: str, field: str):
    response = await client.get(f"{PATH}?{query}")
    assert response.status_code == 422
    assert [error["field"] for error in response.json()["errors"]] == [field]
'''


def write(resource: Resource) -> str:
    """Return the tests of a resource."""
    columns = resource.columns
    defaults = cases.list_defaults(columns)
    return source.complete(
        TEMPLATE,
        {f"write_{resource.plural}": f"service.{resource.plural}.seed"},
        path=resource.path,
        table=resource.plural,
        new=source.lines([f'"{column.name}": {examples.find(column).first}' for column in columns], "    "),
        other=source.lines([f'"{column.name}": {examples.find(column).second}' for column in columns], "    "),
        defaults=source.wrap("DEFAULTS = {", defaults, "}\n") if defaults else "",
        optional=cases.write_optional(columns),
        clear=" | DEFAULTS" if defaults else "",
        bad=source.lines(cases.list_bad(columns), " " * 8),
        filters=cases.write_filters(resource.filters),
        misspelt=source.lines(cases.list_misspelt(resource.filters), " " * 8),
    )
