# kit: updated by the template; extend it from app.py
"""What `${name}` stands for in a scenario: something that no row has yet, or what the service has answered before."""

import json
import random
import time
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from itertools import count
from urllib.parse import quote
from uuid import uuid4

FIRST_DAY, DAYS = 1_000_001, 2_650_000
"""Days from the year 2738 on: made-up rows count theirs from the year 1."""


def make_decimal(number: int) -> str:
    """Return a number with six decimal places."""
    seconds, micros = divmod(number, 1_000_000)
    return f"{seconds}.{micros:06}"


def make_day(number: int) -> str:
    """Return a date. There are only 2.6 million, so that of an earlier run may come again."""
    return date.fromordinal(FIRST_DAY + number % DAYS).isoformat()


def make_moment(number: int) -> str:
    """Return a moment, to the microsecond."""
    return datetime.fromtimestamp(number / 1_000_000, UTC).isoformat()


FRESH: Mapping[str, Callable[[int], object]] = {
    "number": int,
    "decimal": make_decimal,
    "day": make_day,
    "moment": make_moment,
    "uuid": lambda _: str(uuid4()),
}
"""What makes a value that no row has, of a number that no call had before."""


class Values(dict[str, str]):
    """Values by name for a template: fresh, or drawn from those that were `taken`, and written as `form` has it."""

    def __init__(self, taken: Mapping[str, list[object]], form: Callable[[object], str]) -> None:
        self.taken, self.form, self.draw = taken, form, random.Random(0)
        # Microseconds, so that a later run has others. Less than 2^53, and so exact in JSON, until the year 2255.
        self.numbers = count(time.time_ns() // 1000)

    def __missing__(self, name: str) -> str:
        if found := self.taken.get(name):
            return self.form(self.draw.choice(found))
        return self.form(FRESH[name](next(self.numbers)))


def write_plain(value: object) -> str:
    """Return a value as a header has it."""
    return value if isinstance(value, str) else json.dumps(value)


def write_quoted(value: object) -> str:
    """Return a value as a URL has it."""
    return quote(write_plain(value), safe="")


def write_escaped(value: object) -> str:
    """Return a value as JSON has it, without the quotation marks of a string."""
    return json.dumps(value)[1:-1] if isinstance(value, str) else json.dumps(value)
