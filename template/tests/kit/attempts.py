# kit: updated by the template
"""Make requests for a route from the description of the API and a row."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import httpx2

type Schema = Mapping[str, Any]

SMALL: Mapping[str, object] = {"number": 1, "boolean": True}
FORMATS = {"date-time": "2026-01-01T00:00:00Z", "date": "2026-01-01", "time": "00:00:00Z"}


@dataclass
class Attempt:
    """One request, with the answers that the owner of a row and another account get.

    `names_row` says whether the request has the key of a row, `scope` what the tokens of both accounts may do.
    """

    request: httpx2.Request
    names_row: bool
    scope: str = ""
    owner_answer: httpx2.Response | None = None
    other_answer: httpx2.Response | None = None


@dataclass
class Writer:
    """Writes requests about a `row`. `fresh` has values for its columns that no row has yet."""

    client: httpx2.AsyncClient
    description: Schema
    row: Mapping[str, Any]
    fresh: Mapping[str, Any]
    scope: str = ""
    names_row: bool = field(default=False, init=False)

    def write_all(self, method: str, template: str) -> Iterator[Attempt]:
        """Yield requests: with required fields only, with each key in the query, and with all fields."""
        operation = self.description["paths"][template][method.lower()]
        parameters = [it for it in operation.get("parameters", ()) if it["in"] != "path"]
        keys = [it["name"] for it in parameters if is_key(it["name"], it["schema"])]
        body = operation.get("requestBody", {}).get("content", {}).get("application/json")
        for wanted, has_all in [((), False), *(((key,), False) for key in keys), ((), True)]:
            if has_all and body is None:
                continue
            self.names_row = False
            sent: dict[str, dict[str, Any]] = {"query": {}, "header": {}, "cookie": {}}
            for it in parameters:
                if it.get("required") or it["name"] in wanted:
                    sent[it["in"]][it["name"]] = self.make(it["schema"], it["name"], has_all)
            path = self.write_path(template)
            content = {"json": self.make(body["schema"], "", has_all)} if body else {}
            content |= {"params": sent["query"], "headers": sent["header"]}
            request = self.client.build_request(method, path, **content)
            yield Attempt(request, self.names_row, self.scope)

    def write_path(self, template: str) -> str:
        parts = []
        for part in template.split("/"):
            is_parameter = part.startswith("{")
            parts.append(quote(str(self.take(part.strip("{}"))), safe="") if is_parameter else part)
        return "/".join(parts)

    def take(self, name: str) -> Any:
        """Return a value of the row: its column of this name, or its key."""
        self.names_row = True
        return self.row.get(name, self.row.get("id", "1"))

    def make(self, schema: Schema, name: str, has_all: bool) -> Any:
        """Return a value for a schema: a new row's, a key of the row, or a small one."""
        schema = self.resolve(schema)
        if name in self.fresh:
            self.names_row = self.names_row or is_key(name, schema)
            return self.fresh[name]
        if schema.get("type") == "object" or "properties" in schema:
            return self.make_object(schema, has_all)
        if schema.get("type") == "array":
            items = self.resolve(schema.get("items", {}))
            filled = is_key(name, items) or name.endswith("ids") or schema.get("minItems", 0)
            return [self.make(items, name.removesuffix("s"), has_all)] if filled else []
        if is_key(name, schema):
            return self.take(name)
        return self.row[name] if name in self.row else make_small(schema)

    def make_object(self, schema: Schema, has_all: bool) -> dict[str, Any]:
        made = {}
        for name, part in schema.get("properties", {}).items():
            is_known = name in self.fresh or name in self.row or is_key(name, self.resolve(part))
            if name in schema.get("required", ()) or (has_all and is_known):
                made[name] = self.make(part, name, has_all)
        return made

    def is_list(self, template: str) -> bool:
        """Return whether a GET answers with a list, or with a stream or a text of any kind."""
        responses = self.description["paths"][template]["get"]["responses"]
        for status, response in responses.items():
            content = response.get("content", {})
            if not status.startswith("2") or not content:
                continue
            schema = self.resolve(content.get("application/json", {}).get("schema", {}))
            properties = schema.get("properties", {}).values()
            kinds = [self.resolve(it).get("type") for it in (schema, *properties)]
            if "application/json" not in content or "array" in kinds:
                return True
        return False

    def resolve(self, schema: Schema) -> Schema:
        """Return the schema behind a reference, or the first alternative that is not null."""
        if "$ref" in schema:
            name = schema["$ref"].rpartition("/")[2]
            return self.resolve(self.description["components"]["schemas"][name])
        for part in schema.get("anyOf", ()):
            if self.resolve(part).get("type") != "null":
                return self.resolve(part)
        return schema


def is_key(name: str, schema: Schema) -> bool:
    """Return whether a parameter or a field takes the key of a row."""
    return schema.get("format") == "uuid" or name in ("id", "ids") or name.endswith(("_id", "_ids"))


def make_small(schema: Schema) -> Any:
    """Return a value for a schema: its constant, default or example, or a short one."""
    for name in ("const", "default"):
        if name in schema:
            return schema[name]
    for name in ("examples", "enum"):
        if schema.get(name):
            return schema[name][0]
    kinds = schema.get("type", "string")
    kind = kinds if isinstance(kinds, str) else kinds[0]
    if kind == "string":
        return FORMATS.get(schema.get("format", ""), "a" * max(1, schema.get("minLength", 1)))
    return max(1, schema.get("minimum", 1)) if kind == "integer" else SMALL.get(kind)
