import copy
from collections.abc import Callable
from typing import Any

import pytest
from service_tools.api.changes import compare_descriptions

type Description = dict[str, Any]

ITEM = {
    "type": "object",
    "properties": {
        "id": {"type": "string", "format": "uuid"},
        "kind": {"type": "string", "enum": ["big", "small"]},
        "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "inner": {"$ref": "#/components/schemas/Item"},
        "sizes": {"type": "array", "items": {"type": "integer", "minimum": 1, "maximum": 9}},
        "total": {"type": "string", "format": "decimal"},
    },
    "required": ["id", "kind"],
}
NEW_ITEM = {
    "type": "object",
    "properties": {
        "kind": {"type": "string", "enum": ["big", "small"]},
        "share": {"type": "number"},
        "least": {"type": "integer", "minimum": 0},
        "place": {"type": "array", "prefixItems": [{"type": "number"}, {"type": "number"}], "items": False},
        "price": {"type": ["string", "number"], "format": "decimal"},
        "name": {"type": "string", "maxLength": 40, "pattern": "^[a-z]+$"},
        "at": {"type": "string", "format": "date-time"},
    },
    "required": ["kind"],
    "additionalProperties": False,
}
PROBLEM = {"description": "An error.", "content": {"application/problem+json": {"schema": {"type": "object"}}}}


def make_description() -> Description:
    """Return a description with one operation that reads, and one that writes."""
    limit = {"name": "limit", "in": "query", "required": False, "schema": {"type": "integer", "maximum": 100}}
    key = {"name": "item_id", "in": "path", "required": True, "schema": {"type": "string"}}
    success = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Item"}}}}
    body = {"required": True, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/NewItem"}}}}
    read = {"operationId": "read", "parameters": [key, limit], "security": [], "responses": {"200": success}}
    write = {"operationId": "write", "parameters": [], "requestBody": body, "security": [{"token": []}]}
    write["responses"] = {"201": success, "204": {}, "409": PROBLEM, "default": PROBLEM}
    description = {
        "paths": {"/items/{item_id}": {"get": read}, "/items": {"post": write}},
        "components": {"schemas": {"Item": ITEM, "NewItem": NEW_ITEM}},
    }
    return copy.deepcopy(description)


def get(description: Description, *path: str) -> Any:
    part = description
    for name in path:
        part = part[name]
    return part


READ = ("paths", "/items/{item_id}", "get")
WRITE = ("paths", "/items", "post")
TAKEN = ("components", "schemas", "NewItem")
SHOWN = ("components", "schemas", "Item")


def edit(*path: str, **values: object) -> Callable[[Description], object]:
    """Return an edit of a description: some values of a part are replaced; those that are None are deleted."""

    def run(description: Description) -> None:
        part = get(description, *path)
        for name, value in values.items():
            part[name.replace("__", "-")] = value
            if value is None:
                del part[name.replace("__", "-")]

    return run


def rename_path(description: Description) -> None:
    get(description, *READ, "parameters")[0]["name"] = "key"
    description["paths"]["/items/{key}"] = description["paths"].pop("/items/{item_id}")


def type_path(description: Description) -> None:
    get(description, *READ, "parameters")[0]["schema"]["format"] = "uuid"


def require_limit(description: Description) -> None:
    get(description, *READ, "parameters")[1]["required"] = True


def lower_limit(description: Description) -> None:
    get(description, *READ, "parameters")[1]["schema"]["maximum"] = 50


def drop_limit(description: Description) -> None:
    get(description, *READ, "parameters").pop()


def add_parameter(description: Description) -> None:
    sort = {"name": "sort", "in": "query", "required": False, "schema": {"type": "string"}}
    get(description, *READ, "parameters").append(sort)


def change_status(description: Description) -> None:
    responses = get(description, *WRITE, "responses")
    responses["202"] = responses.pop("201")


BREAKING = {
    "a route is gone": (edit("paths", **{"/items": None}), "POST /items is gone"),
    "a method is gone": (edit(*READ[:2], get=None), "GET /items/{} is gone"),
    "a token is needed": (edit(*READ, security=[{"token": []}]), "token required is new"),
    "a parameter is required": (require_limit, "request query limit required is new"),
    "a limit is lower": (lower_limit, "request query limit maximum 50 is new"),
    "a parameter is gone": (drop_limit, "request query limit is gone"),
    "a field is required": (edit(*TAKEN, required=["kind", "name"]), "request application/json name required is new"),
    "a new field is required": (
        lambda it: (
            edit(*TAKEN, "properties", more={"type": "string"})(it),
            edit(*TAKEN, required=["kind", "more"])(it),
        ),
        "request application/json more required is new",
    ),
    "a field is not taken": (edit(*TAKEN, "properties", name=None), "request application/json name is gone"),
    "a value is not taken": (edit(*TAKEN, "properties", "kind", enum=["big"]), "kind string small is gone"),
    "a type is narrower": (edit(*TAKEN, "properties", "share", type="integer"), "share number is gone"),
    "a parameter of a path has a form": (type_path, "GET /items/{} request path 1 string is gone"),
    "a number is not taken": (edit(*TAKEN, "properties", "price", type="string"), "price number decimal is gone"),
    "a number has a limit that is not taken either": (
        edit(*TAKEN, "properties", "share", exclusiveMinimum=0),
        "share exclusiveMinimum 0 is new",
    ),
    "an item of several is narrower": (
        edit(*TAKEN, "properties", "place", prefixItems=[{"type": "number"}, {"type": "integer"}]),
        "place item 2 number is gone",
    ),
    "a text has a form": (edit(*TAKEN, "properties", "name", format="uuid"), "name string is gone"),
    "a text has a limit": (edit(*TAKEN, "properties", "name", maxLength=20), "name maxLength 20 is new"),
    "a text has another pattern": (edit(*TAKEN, "properties", "name", pattern="^a"), "name pattern ^a is new"),
    "a status is another": (change_status, "response 201 application/json is gone"),
    "a field is not sent": (edit(*SHOWN, "properties", note=None), "response 200 application/json note is gone"),
    "a field may be missing": (edit(*SHOWN, required=["id"]), "response 200 application/json kind required is gone"),
    "a field may be null": (
        edit(*SHOWN, "properties", "id", type=["string", "null"], format="uuid"),
        "response 200 application/json id null",
    ),
    "a value is new": (edit(*SHOWN, "properties", "kind", enum=["big", "small", "odd"]), "kind string odd is new"),
    "a form is another": (edit(*SHOWN, "properties", "id", format="date-time"), "id string date-time is new"),
    "items are others": (edit(*SHOWN, "properties", "sizes", items={"type": "string"}), "sizes items string is new"),
    "errors have another shape": (
        edit(*WRITE, "responses", default={"content": {"application/json": {}}}),
        "response default application/problem+json is gone",
    ),
}

HARMLESS = {
    "a route is new": edit("paths", **{"/others": {"get": {"operationId": "x", "parameters": [], "responses": {}}}}),
    "the parameter of a path has another name": rename_path,
    "no token is needed": edit(*WRITE, security=[]),
    "a token is optional": edit(*READ, security=[{}, {"token": []}]),
    "a parameter is new": add_parameter,
    "a field may be left out": edit(*TAKEN, required=[]),
    "a field may be sent": edit(*TAKEN, "properties", more={"type": "object", "properties": {}, "required": []}),
    "a value is taken": edit(*TAKEN, "properties", "kind", enum=["big", "small", "odd"]),
    "any text is taken": edit(*TAKEN, "properties", "kind", enum=None),
    "any form is taken": edit(*TAKEN, "properties", "at", format=None),
    "a limit is higher": edit(*TAKEN, "properties", "name", maxLength=80),
    "a limit of zero is lower": edit(*TAKEN, "properties", "least", minimum=-5),
    "a limit is gone": edit(*TAKEN, "properties", "name", maxLength=None, pattern=None),
    "null is taken": edit(*TAKEN, "properties", "name", type=["string", "null"]),
    "a field is new": edit(*SHOWN, "properties", more={"anyOf": [{"type": "string"}, {"type": "null"}]}),
    "a field is always there": edit(*SHOWN, required=["id", "kind", "note"]),
    "a field is never null": edit(*SHOWN, "properties", note={"type": "string"}),
    "a value comes no more": edit(*SHOWN, "properties", "kind", enum=["big"]),
    "another limit of what is sent": edit(
        *SHOWN, "properties", sizes={"type": "array", "items": {"type": "integer", "maximum": 99}}
    ),
    "what is always sent as text is also taken as a number": edit(
        *SHOWN, "properties", "total", type=["string", "number"]
    ),
    "an error has a status of its own": edit(*WRITE, "responses", **{"422": PROBLEM}),
    "an error has none": edit(*WRITE, "responses", **{"409": None}),
}


UNNAMED = {
    "the parameter of a path has another name",
    "a token is optional",
    "another limit of what is sent",
    "what is always sent as text is also taken as a number",
    "an error has a status of its own",
    "an error has none",
}


@pytest.mark.parametrize("case", BREAKING)
def test_a_change_that_breaks_clients_is_named(case: str):
    change, named = BREAKING[case]
    new = make_description()
    change(new)
    breaking = [str(change) for change in compare_descriptions(make_description(), new) if change.breaks]
    assert [text for text in breaking if named in text], breaking


@pytest.mark.parametrize("case", HARMLESS)
def test_any_other_change_breaks_nobody(case: str):
    new = make_description()
    HARMLESS[case](new)
    changes = [*compare_descriptions(make_description(), new)]
    assert not [str(change) for change in changes if change.breaks]
    assert bool(changes) == (case not in UNNAMED)


def test_what_has_not_changed_is_not_named():
    assert not [*compare_descriptions(make_description(), make_description())]
