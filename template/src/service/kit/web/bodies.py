# kit: updated by the template; extend it from app.py
"""Request bodies: JSON decoded straight into a slice's type, and refused by the field's name when it does not fit."""

import json
import re
from math import isfinite

import msgspec

from service.kit.edge import Problem, invalid

JSON_TYPE = re.compile(r"application/(?:[\w.-]+\+)?json", re.IGNORECASE)
SURROGATE = re.compile("[\ud800-\udfff]")
FAULT = re.compile(r"(?P<detail>.*?)(?: - at `\$\.?(?P<path>.*)`)?", re.DOTALL)
PRESENCE = re.compile(r"Object (?P<fault>missing required|contains unknown) field `(?P<name>.*?)`", re.DOTALL)


def decode[Body](body: bytes, media_type: str, kind: type[Body]) -> Body:
    """Return the body as `kind`, or raise a problem: 415 for another media type, 400 for no JSON, 422 for a misfit."""
    if not JSON_TYPE.fullmatch(media_type.partition(";")[0].strip()):
        raise Problem(415, "unsupported-media-type", "Send JSON, with the header content-type: application/json.")
    try:
        decoded = msgspec.json.decode(body, type=kind)
        json.loads(body, object_pairs_hook=refuse_oddities)
    except msgspec.ValidationError as error:
        raise misfit(str(error)) from None
    except RecursionError:
        raise Problem(400, "malformed", "The body is nested too deeply.") from None
    except ValueError as error:
        raise malformed(body, error) from None
    return decoded


def refuse_oddities(pairs: list[tuple[str, object]]) -> None:
    """Refuse, in one JSON object, a field that is given twice and values that cannot be stored."""
    names: set[str] = set()
    for name, value in pairs:
        if name in names:
            raise invalid(name, "it is given twice")
        names.add(name)
        for item in value if isinstance(value, list) else [value]:
            if oddity := find_oddity(item):
                raise invalid(name, oddity)


def find_oddity(value: object) -> str | None:
    """Return why PostgreSQL could not store a JSON value, or None when it could."""
    if isinstance(value, str) and "\x00" in value:
        return "it contains the character NUL, which cannot be stored"
    if isinstance(value, str) and SURROGATE.search(value):
        return "it contains half of a surrogate pair, which is no character"
    if isinstance(value, float) and not isfinite(value):
        return "it is not a finite number"
    return None


def malformed(body: bytes, error: ValueError) -> Problem:
    """Return the problem of a body that is not JSON, naming the field where a lenient parser can tell it."""
    try:
        json.loads(body, object_pairs_hook=refuse_oddities)
    except Problem as problem:
        return problem
    except (ValueError, RecursionError):
        pass
    return Problem(400, "malformed", f"The body is not valid JSON: {error}.")


def misfit(message: str) -> Problem:
    """Return the problem of JSON that does not fit its type, from what msgspec says of it."""
    fault = FAULT.fullmatch(message)
    path = (fault and fault["path"]) or ""
    detail = fault["detail"] if fault else message
    if presence := PRESENCE.fullmatch(detail):
        path = f"{path}.{presence['name']}".lstrip(".")
        detail = "it is required" if presence["fault"].startswith("missing") else "there is no such field"
    return invalid(path or "body", detail)
