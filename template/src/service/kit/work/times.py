# kit: updated by the template; extend it from app.py
"""Times in JSON: always with six digits after the second, as fixed patterns of clients expect.

msgspec leaves out a fraction that is zero, and asks no hook about a datetime.
"""

import re
from copy import copy
from dataclasses import fields, is_dataclass
from datetime import datetime
from decimal import Decimal
from types import NoneType
from typing import Any
from uuid import UUID

import msgspec
from msgspec import structs

WHOLE_SECOND = re.compile(rb"T..:..:..[^.]")
"""What may be a time without a fraction, in JSON. To look for it takes 7 µs of a page of 50."""

ENCODER = msgspec.json.Encoder()

PLAIN = frozenset((NoneType, bool, int, float, str, bytes, Decimal, UUID, msgspec.Raw))
FRACTION = b".000000"


def encode_json(value: Any) -> bytes:
    encoded = ENCODER.encode(value)
    if WHOLE_SECOND.search(encoded):
        encoded = ENCODER.encode(write_whole_seconds(value))
    return encoded


def write_whole_seconds(value: Any) -> Any:
    """Return a value for JSON in which times of a whole second are texts, with their fraction."""
    kind = type(value)
    if kind in PLAIN:
        return value
    if kind is datetime:
        return write_whole_second(value)
    if isinstance(value, msgspec.Struct):
        copied = copy(value)
        for name, part in zip(value.__struct_fields__, structs.astuple(value), strict=True):
            if type(part) not in PLAIN:
                structs.force_setattr(copied, name, write_whole_seconds(part))
        return copied
    if is_dataclass(value):
        value = {field.name: getattr(value, field.name) for field in fields(value)}
    if isinstance(value, dict):
        return {write_whole_seconds(key): write_whole_seconds(part) for key, part in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [write_whole_seconds(part) for part in value]
    return value


def write_whole_second(time: datetime) -> datetime | str:
    if time.microsecond:
        return time
    encoded = msgspec.json.encode(time)  # in a tenth of the time of `isoformat`
    offset = encoded[20:-1]
    return (encoded[1:20] + FRACTION + offset).decode()
