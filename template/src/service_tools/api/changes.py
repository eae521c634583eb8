# kit: updated by the template; extend it from app.py
"""Compare two descriptions of the API: which changes break clients, and which do not.

Each description becomes a set of facts, and a change is a fact that only one of them has.
"""

import re
from collections.abc import Iterator, Mapping, Set
from typing import Any, NamedTuple

type Schema = Mapping[str, Any]

THERE = ""
REQUIRED = "required"
MINIMA = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
MAXIMA = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")


class Fact(NamedTuple):
    """What an operation says of a part of its request or response, like "string uuid"."""

    operation: str
    path: tuple[str, ...]
    text: str = THERE
    limit: float | None = None


class Change(NamedTuple):
    """A fact that is new or gone, and whether that breaks clients."""

    fact: Fact
    is_new: bool
    breaks: bool

    def __str__(self) -> str:
        operation, path, text, limit = self.fact
        words = [operation, *path]
        if text:
            words.append(text)
        if limit is not None:
            words.append(f"{limit:g}")
        words.append("is new" if self.is_new else "is gone")
        return " ".join(words)


def compare_descriptions(old: Schema, new: Schema) -> Iterator[Change]:
    """Yield what has changed. Of what is new or gone as a whole, no parts are named."""
    before = {*list_facts(old)}
    after = {*list_facts(new)}
    in_both = before & after
    for fact in sorted(before ^ after, key=str):
        path = fact.path
        if fact.text in (THERE, REQUIRED):
            path = path[:-1]
        if not fact.path or Fact(fact.operation, path) in in_both:
            is_new = fact in after
            breaks = is_breaking(fact, is_new, before, after)
            yield Change(fact, is_new, breaks)


def is_breaking(fact: Fact, is_new: bool, before: Set[Fact], after: Set[Fact]) -> bool:
    """Return whether clients break where a fact is new, or else gone."""
    is_request = fact.path[:1] == ("request",)
    if fact.text == THERE:
        return not is_new
    if fact.text == REQUIRED or fact.text.startswith("pattern"):
        return is_new is is_request
    if fact.limit is not None:
        alike = [other for other in before if other[:3] == fact[:3]]
        known = [other.limit for other in alike if other.limit is not None]
        ordered = sorted([fact.limit, *known], reverse=fact.text in MINIMA)
        is_strictest = ordered[0] == fact.limit
        return is_new and (not known or is_strictest)
    kind, _, _ = fact.text.partition(" ")
    readers = after if is_request else before
    return is_new is not is_request and fact._replace(text=kind) not in readers


def list_facts(description: Schema) -> Iterator[Fact]:
    """Yield what a description says, whatever the parameters of a path are called."""
    paths = inline(description["paths"], description["components"]["schemas"])
    for path, operations in paths.items():
        anonymous = re.sub(r"\{\w+\}", "{}", path)
        for method, operation in operations.items():
            name = f"{method.upper()} {anonymous}"
            for place in ((), ("request",), ("response",)):
                yield Fact(name, place)
            yield from list_request_facts(name, path, operation)
            yield from list_response_facts(name, operation)


def inline(part: Any, schemas: Schema, within: tuple[str, ...] = ()) -> Any:
    """Return a schema with those that it refers to in their place, but none within itself."""
    if isinstance(part, list):
        return [inline(item, schemas, within) for item in part]
    if not isinstance(part, dict):
        return part
    _, _, name = part.get("$ref", "").rpartition("/")
    if name in within:
        return {}
    if name:
        return inline(schemas[name], schemas, (*within, name))
    return {key: inline(value, schemas, within) for key, value in part.items()}


def list_request_facts(name: str, template: str, operation: Schema) -> Iterator[Fact]:
    """Yield what a client sends. A parameter of the path is known by its place there."""
    places = re.findall(r"\{(\w+)\}", template)
    security = operation.get("security")
    if security and {} not in security:
        yield Fact(name, ("request", "token"), REQUIRED)
    for parameter in operation["parameters"]:
        label = parameter["name"]
        if parameter["in"] == "path":
            label = places.index(label) + 1
        path = "request", f"{parameter['in']} {label}"
        yield from list_schema_facts(name, path, parameter["schema"])
        if parameter["required"]:
            yield Fact(name, path, REQUIRED)
    body = operation.get("requestBody", {})
    for media_type, content in body.get("content", {}).items():
        path = "request", media_type
        yield from list_schema_facts(name, path, content.get("schema", {}))
        yield Fact(name, path, REQUIRED)


def list_response_facts(name: str, operation: Schema) -> Iterator[Fact]:
    """Yield what a success is, and `default`, which has the shape of all errors."""
    for status, response in operation["responses"].items():
        if status.startswith("2") or status == "default":
            for media_type, content in response.get("content", {"nothing": {}}).items():
                path = "response", f"{status} {media_type}"
                yield from list_schema_facts(name, path, content.get("schema", {}))


def list_schema_facts(name: str, path: tuple[str, ...], schema: Schema) -> Iterator[Fact]:
    """Yield what a schema says. Limits bind only who sends a request."""
    yield Fact(name, path)
    for part in schema.get("anyOf", ()):
        yield from list_schema_facts(name, path, part)
    is_request = path[0] == "request"
    for text in list_kinds(schema, is_request):
        yield Fact(name, path, text)
    if is_request:
        for limit in (*MINIMA, *MAXIMA):
            if limit in schema:
                yield Fact(name, path, limit, schema[limit])
        if "pattern" in schema:
            yield Fact(name, path, f"pattern {schema['pattern']}")
    for label, part in list_parts(schema):
        yield from list_schema_facts(name, (*path, label), part)
    for field in schema.get("properties", ()):
        if field in schema.get("required", ()):
            yield Fact(name, (*path, field), REQUIRED)


def list_kinds(schema: Schema, is_request: bool) -> Iterator[str]:
    """Yield the types that a schema takes, each with its format or with one of its values."""
    kinds = schema.get("type", [])
    if isinstance(kinds, str):
        kinds = [kinds]
    if not is_request and schema.get("format") == "decimal":
        kinds = ["string"]  # a number is read, and never sent
    if "number" in kinds:
        kinds = [*kinds, "integer"]
    for kind in kinds:
        for value in schema.get("enum", [schema.get("format", "")]):
            yield f"{kind} {value}".strip()


def list_parts(schema: Schema) -> Iterator[tuple[str, Schema]]:
    """Yield the schemas within a schema, each with its name there."""
    yield from schema.get("properties", {}).items()
    for number, part in enumerate(schema.get("prefixItems", ()), 1):
        yield f"item {number}", part
    for inner in ("items", "additionalProperties"):
        part = schema.get(inner)
        if isinstance(part, dict):
            yield inner, part
