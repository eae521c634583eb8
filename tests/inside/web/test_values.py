from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from service.kit.web import body, mismatches

EAST, WEST = timezone(timedelta(hours=5)), timezone(timedelta(hours=-5))


def nest(levels: int) -> dict[str, Any]:
    inner: dict[str, Any] = {}
    for _ in range(levels - 1):
        inner = {"a": inner}
    return inner


@pytest.mark.parametrize(
    "value",
    [
        None,
        "größe",
        msgspec.UNSET,
        Decimal("0E+90"),
        Decimal("-99999999999999.999999"),
        Decimal("1E+13"),
        datetime(2026, 1, 31, tzinfo=EAST),
        nest(body.MAX_LEVELS),
        {"a": [[1, 2.5, True, None, "\\u0000"]]},
    ],
)
def test_a_value_that_can_be_stored_passes(value: object):
    assert not list(body.find_unstorable({"field": value}))


@pytest.mark.parametrize(
    "value",
    [
        "a\x00b",
        Decimal("NaN"),
        Decimal("-Infinity"),
        Decimal("1E+14"),
        Decimal("1E+999999"),
        Decimal("0.0000001"),
        Decimal("1.1234567"),
        datetime(2026, 1, 31),
        datetime(1, 1, 1, tzinfo=EAST),
        datetime(9999, 12, 31, 23, tzinfo=WEST),
        datetime(1, 1, 1, tzinfo=UTC),
        datetime.max.replace(tzinfo=UTC),
        date.min,
        date.max,
        nest(body.MAX_LEVELS + 1),
        {"a": [[{"b": "\x00"}]]},
        {"a": {"\x00": 1}},
    ],
)
def test_a_value_that_cannot_be_stored_is_refused_by_its_field(value: object):
    problem = mismatches.invalid_fields(body.find_unstorable({"fine": 1, "field": value}))
    assert (problem.status, len(problem.errors)) == (422, 1)
    assert problem.errors[0].field.startswith("field")
