# kit: updated by the template; extend it from app.py
"""The key that a client chooses for a request, to be known by it when it is sent again; its reply is in kit/replies.py.

https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/
"""

import re
from collections.abc import Sequence
from datetime import timedelta
from hashlib import sha256
from typing import Annotated, NamedTuple

import msgspec
from pydantic import BaseModel, Field

from service.kit.edge import InvalidField, Problem

HEADER = "Idempotency-Key"

PATTERN = r'([!#-~][!-~]{0,254}|"(?:[!#-\[\]-~]|\\["\\]){1,255}")'
"""The draft's form is a string of RFC 9651, in quotes; most clients send the bare key, and both name the same."""


class IdempotencyOptions(BaseModel, frozen=True):
    """IDEMPOTENCY_*: how long a reply is kept."""

    keep_hours: Annotated[
        float, Field(gt=0, le=8760, description="hours for which the reply to an Idempotency-Key is kept")
    ] = 24


DEFAULTS = IdempotencyOptions()


class Key(NamedTuple):
    """The key of one request. It is unique within its caller and its route; `target` is what was asked for there."""

    value: str
    caller: str
    route: str
    target: str
    keep: timedelta


class Entry(NamedTuple):
    """What is stored of a request: the digests of its key and of its content, and for how long."""

    digest: bytes
    fingerprint: bytes
    keep: timedelta


def parse(sent: Sequence[str]) -> str | None:
    """Return the key in the header's lines, or None where there is none. Raises a 400 problem."""
    if not sent:
        return None
    line = sent[0].strip() if len(sent) == 1 else ""
    if re.fullmatch(PATTERN, line):
        return re.sub(r"\\(.)", r"\1", line[1:-1]) if line.startswith('"') else line
    detail = "send it once, with 1 to 255 visible ASCII characters; a new UUID for each new request is a good key"
    raise Problem(400, "malformed", f"{HEADER}: {detail}", InvalidField(HEADER, detail))


def require(key: Key | None) -> Key:
    """Return the key, or raise a 400 problem: for a route that does nothing without one."""
    if key is None:
        detail = "this request needs one; send a new UUID with each new request, and the same one with each retry"
        raise Problem(400, "key-required", f"{HEADER}: {detail}", InvalidField(HEADER, detail))
    return key


def identify(key: Key, data: object) -> Entry:
    """Return what tells a request from others. Its body counts as what it means, not as it was written."""
    identity = msgspec.json.encode((key.caller, key.route, key.value))
    content = msgspec.json.encode((key.target, data), order="sorted")
    return Entry(sha256(identity).digest(), sha256(content).digest(), key.keep)
