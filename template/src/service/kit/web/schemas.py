# kit: updated by the template; extend it from app.py
"""The schemas of what routes take and return, as the description of the API has them.

msgspec describes types: there, a field of a struct is required if it has no default. What it writes
for Python is then written for clients.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from types import NoneType
from typing import Any, get_args, get_origin

import msgspec

from service.kit.edge.events import EventStream
from service.kit.web.binder import Binding
from service.kit.web.inputs import is_described
from service.kit.web.uploads import describe_upload

type Description = dict[str, Any]
type Schemas = dict[int, Description]
"""The schema of each type, by its id."""

REFERENCE = "#/components/schemas/{name}"

JSON_TYPES = {str: "string", int: "integer", bool: "boolean", NoneType: "null"}
"""The types of the values of an enum."""


def make_schemas(
    bindings: Sequence[Binding], problem: Any
) -> tuple[Schemas, dict[str, Description]]:
    """Return the schemas of all types of some routes, and those that they refer to by name."""
    types = [problem]
    for binding in bindings:
        types += filter(is_described, list_types(binding))
    found, components = msgspec.json.schema_components(
        types, schema_hook=describe_upload, ref_template=REFERENCE
    )
    found, components = write_for_clients(found, components)
    ids = map(id, types)
    schemas = dict(zip(ids, found, strict=True))
    for binding in bindings:
        if binding.body:
            _, body = binding.body
            accept_numbers(schemas[id(body.kind)], components, set())
    return schemas, components


def list_types(binding: Binding) -> Iterator[Any]:
    """Yield the types of a route: of its parameters, its body, and its result."""
    yield from binding.path.values()
    for parameter in binding.query.parameters.values():
        yield parameter.hint
    if binding.body:
        _, body = binding.body
        yield body.kind
    if get_origin(binding.result) is EventStream:
        yield from get_args(binding.result)
    else:
        yield binding.result


def write_for_clients(schemas: Any, components: Mapping[str, Description]) -> Any:
    """Return schemas that name what is generic, each enum's type, and patterns as JSON has them."""
    names = name_components(components)
    references = {}
    for name, better in names.items():
        references[REFERENCE.format(name=name)] = REFERENCE.format(name=better)
    renamed = {names[name]: schema | {"title": names[name]} for name, schema in components.items()}

    def write_part(part: Description) -> Description:
        for key, value in part.items():
            if isinstance(value, str):
                part[key] = references.get(value, value)
        pattern = part.get("pattern")
        if isinstance(pattern, str) and pattern.endswith(r"\Z"):
            part["pattern"] = pattern.removesuffix(r"\Z") + "$"
        values = part.get("enum")
        if isinstance(values, list):
            kinds = sorted({JSON_TYPES.get(type(value), "number") for value in values})
            part.setdefault("type", kinds if kinds[1:] else kinds[0])
        return part

    return json.loads(msgspec.json.encode([schemas, renamed]), object_hook=write_part)


def name_components(components: Mapping[str, Description]) -> dict[str, str]:
    """Return the name of each type for clients: `OrderPage` for a `Page[Order]`."""
    names = {name: name for name in components}
    for name, schema in components.items():
        title = schema["title"]
        words = re.findall(r"(?:\w+\.)*(\w+)", title)
        better = "".join(word[0].upper() + word[1:] for word in reversed(words))
        if "[" in title and better not in {*names, *names.values()}:
            names[name] = better
    return names


def accept_numbers(part: Any, components: Description, seen: set[str]) -> None:
    """Describe decimals that a client sends as strings or numbers: both are read, and exactly."""
    if isinstance(part, list | tuple):
        for value in part:
            accept_numbers(value, components, seen)
    if not isinstance(part, dict):
        return
    if part.get("type") == "string" and part.get("format") == "decimal":
        part["type"] = ["string", "number"]
    for value in part.values():
        accept_numbers(value, components, seen)
    reference = str(part.get("$ref", ""))
    _, _, name = reference.rpartition("/")
    if name and name not in seen:
        seen.add(name)
        accept_numbers(components[name], components, seen)
