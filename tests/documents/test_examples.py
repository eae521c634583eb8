"""Examples in the documents are parts of programs that run, or run in a service."""

import re

import pytest

from tests import conduit
from tests.harness import packages, service, shell
from tests.harness.snapshot import ROOT

BLOCK = re.compile(r"```python\n# ([^\n]+)\n(.*?)```", re.DOTALL)
PROGRAM = ROOT / "tests/performance/programs/conventional.py"

LOAD = f"""
import sys

sys.path.insert(0, "{PROGRAM.parent}")
from conventional import *  # noqa
from conventional import BaseModel, Annotated
from fastapi import BackgroundTasks
from sqlalchemy import insert
from uuid import uuid4

app = FastAPI()  # that of the program has a create of its own, without a job
exec(sys.argv[1])
created = app.openapi()["paths"]["/v1/orders"]["post"]
print(created["responses"]["201"]["content"]["application/json"]["schema"]["$ref"])
"""


@pytest.fixture(scope="module")
def examples():
    return BLOCK.findall((ROOT / "docs/fastapi.md").read_text())


def find_foreign(parts, text):
    """Return the parts, each up to two empty lines, that do not stand in a text letter for letter."""
    return [part for part in parts.strip().split("\n\n\n") if part not in text]


def test_what_stands_here_is_the_example_slice(examples, render):
    slice_ = render() / "src/service"
    ours = [(name, code) for name, code in examples if name != "FastAPI"]
    assert len(ours) == 5
    for name, code in ours:
        assert find_foreign(code, (slice_ / name).read_text()) == [], name
    assert find_foreign("orders = Listing()\n", (slice_ / "orders/queries.py").read_text())


def test_what_stood_there_is_the_program_of_the_comparison_and_a_route_that_fastapi_takes(examples):
    read, listed, created = [code for name, code in examples if name == "FastAPI"]
    assert find_foreign(f"{read}\n\n{listed}", PROGRAM.read_text()) == []
    requirements = re.findall(r'^#     "(.+)",$', PROGRAM.read_text(), re.MULTILINE)
    command = [
        "uv",
        "run",
        "--quiet",
        "--no-project",
        *(f"--with={it}" for it in requirements),
        "python",
        "-c",
        LOAD,
        created,
    ]
    url = {"DATABASE_URL": "postgresql://nowhere/none", "DATABASE_POOL_SIZE": "1"}
    assert shell.run(*command, cwd=ROOT, **url).strip() == "#/components/schemas/OrderOut"


def test_the_create_the_event_stream_and_the_cached_read_are_those_of_the_example_slice(render):
    page = (ROOT / "docs/service.md").read_text()
    marks = ("once(db", "EventStream(", "cache.get(")
    shown = [code for _, code in BLOCK.findall(page) if any(mark in code for mark in marks)]
    assert len(shown) == 3
    for code in shown:
        assert find_foreign(code, (render() / "src/service/orders/http.py").read_text()) == []


def test_what_stands_on_the_page_of_a_given_api_is_conduit():
    shown = BLOCK.findall((ROOT / "docs/given.md").read_text())
    assert len(shown) == 5
    for name, code in shown:
        assert find_foreign(code, (conduit.EXAMPLE / "src/service" / name).read_text()) == [], name


def test_the_route_of_operators_is_that_of_the_example_slice(render):
    page = (ROOT / "docs/auth.md").read_text()
    (shown,) = [code for _, code in BLOCK.findall(page) if "Needs(" in code]
    assert find_foreign(shown, (render() / "src/service/orders/http.py").read_text()) == []


ASKED = """
import httpx2

from tests.kit.fixtures import make_headers

ADA = {"email": "ada@example.com", "password": "correct horse battery staple"}


async def test_a_viewer_is_found(client: httpx2.AsyncClient):
    await client.post("/v1/accounts", json=ADA)
    token = (await client.post("/v1/sessions", json=ADA)).json()["token"]
    greetings = []
    for authorization in (f"Bearer {token}", make_headers()["Authorization"]):
        response = await client.get("/v1/orders/greeting", headers={"authorization": authorization})
        greetings.append(response.json())
    del client.headers["authorization"]
    greetings.append((await client.get("/v1/orders/greeting")).json())
    assert greetings == ["Hello ada@example.com", "Hello stranger", "Hello stranger"]


async def test_they_answer(client: httpx2.AsyncClient):
    response = await client.get("/v1/orders/currencies", headers={"authorization": ""})
    assert (response.status_code, response.json()) == (200, ["EUR", "USD"]), response.text
    response = await client.get("/v1/orders/countdown?seconds=2")
    assert (response.status_code, response.text) == (200, "2\\n1\\n"), response.text
"""


@pytest.mark.slow
def test_the_public_route_the_streamed_answer_and_the_provider_work_in_a_service(render, workshop):
    folder = service.adopt(render(), workshop / "examples")
    page = (ROOT / "docs/service.md").read_text()
    marks = ("list_currencies", "count_down", "greet_viewer")
    shown = [code for name, code in BLOCK.findall(page) if any(mark in code for mark in marks)]
    assert len(shown) == 3
    (viewer,) = [code for name, code in BLOCK.findall(page) if name == "viewer.py"]
    (folder / "src/service/viewer.py").write_text(viewer)
    wiring = folder / "src/service/app.py"
    wired = wiring.read_text().replace("provide=[db, offload, exports", "provide=[db, find_viewer, offload, exports")
    wiring.write_text(wired.replace("\n\nSLICES", "\nfrom service.viewer import find_viewer\n\nSLICES"))
    for code in shown:
        imports, routes = code.split("\n\n\n", 1)
        text = (folder / "src/service/orders/http.py").read_text()
        (folder / "src/service/orders/http.py").write_text(f"{imports}\n{text}\n\n{routes}")
    (folder / "tests/orders/test_examples.py").write_text(ASKED)
    packages.install(folder)
    shell.run("uv", "run", "--quiet", "ty", "check", cwd=folder)
    shell.run("uv", "run", "--quiet", "pytest", "-q", "-n0", "tests/orders/test_examples.py", cwd=folder)


def insert_lines(path, *pairs):
    """Replace a text, which stands once in a file, with another, for each pair."""
    text = path.read_text()
    for old, new in pairs:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    path.write_text(text)


def add_code(path, imports, code):
    """Add imports below the docstring of a module, and code at its end."""
    docstring, rest = path.read_text().split("\n\n", 1)
    path.write_text(f"{docstring}\n\n{imports}\n{rest}\n\n{code}")


def take_up_call(folder, page):
    """Write into a service what the document says about a call, its tests, and the shape of errors."""
    package = folder / "src/service"
    (group,) = re.findall(r"^client: ClientOptions = .*$", page, re.MULTILINE)
    (client,) = re.findall(r"^(client = make_client\(settings\.client\))  # from (?:.*)$", page, re.MULTILINE)
    blocks = dict(reversed(BLOCK.findall(page)))
    ((imports, route),) = [code.split("\n\n\n", 1) for _, code in BLOCK.findall(page) if "async def read_rate" in code]
    insert_lines(
        package / "settings.py",
        ("    jobs: JobOptions", f"    {group}\n    jobs: JobOptions"),
        ("from service.kit.server", "from service.kit.calls import ClientOptions\nfrom service.kit.server"),
    )
    insert_lines(
        package / "app.py",
        ("from service.kit.db import", "from service.errors import show_error\nfrom service.kit.db import"),
        ("from service.kit.cache", "from service.kit.calls import make_client\nfrom service.kit.cache"),
        ("    cache = Cache(settings.cache)\n", f"    cache = Cache(settings.cache)\n    {client}\n"),
        (
            "web.build(\n        SLICES,\n        provide=[",
            "web.build(\n        SLICES,\n        problem=show_error,\n        provide=[client, ",
        ),
        ("\n        resources=[", "\n        resources=[client, "),
    )
    (package / "errors.py").write_text(f'"""The shape of errors."""\n\n{blocks["errors.py"]}')
    add_code(package / "orders/http.py", imports, route)
    (folder / "tests/orders/test_rates.py").write_text(blocks["tests/orders/test_rates.py"])
    imports, fixture = blocks["tests/conftest.py"].split("\n\n\n", 1)
    fixture = fixture.replace(
        "    calls.answer(", '    calls.fail("https://rates.example.com/v1/EUR")\n    calls.answer('
    )
    conftest = folder / "tests/conftest.py"
    conftest.write_text(conftest.read_text().partition("\n\n@pytest.fixture\ndef fuzz")[0])
    add_code(conftest, imports, fixture)


@pytest.mark.slow
def test_the_outgoing_call_the_shape_of_errors_and_their_tests_leave_the_suite_green(render, workshop):
    folder = service.adopt(render(), workshop / "call")
    take_up_call(folder, (ROOT / "docs/service.md").read_text())
    shell.run("uv", "run", "--quiet", "ruff", "check", "--quiet", "--fix", cwd=folder)
    shell.run("uv", "run", "--quiet", "ruff", "format", "--quiet", cwd=folder)
    shell.run("uv", "run", "--quiet", "ty", "check", cwd=folder)
    tests = ("tests/orders/test_rates.py", "tests/kit/test_layout.py", "tests/kit/test_fuzz.py")
    shell.run("uv", "run", "--quiet", "pytest", "-q", "-n2", *tests, cwd=folder)
