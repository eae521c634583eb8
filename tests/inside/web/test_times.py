from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import uuid4

import pytest
from msgspec import Raw, Struct
from service.kit.db.database import Connection, Database
from service.kit.edge.edge import Edge
from service.kit.edge.events import Event, EventStream
from service.kit.rows.listing import Page
from service.kit.web.app import build
from service.kit.web.binder import Reply, created, encode
from service.kit.web.idempotency import IdempotencyKey, once
from service.kit.web.routes import PUBLIC, Routes, Slice
from service.kit.web.socket import Socket
from service.kit.work.asgi import Message
from service.settings import Settings

from tests.kit.fixtures import open_client

WHOLE = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)
PART = WHOLE + timedelta(microseconds=120_000)
EAST = WHOLE.astimezone(timezone(timedelta(hours=5, minutes=30)))

routes = Routes("/", access=PUBLIC)


class Meeting(Struct, frozen=True):
    """A meeting, with a payload of the client's own and a note that looks like a time."""

    starts: datetime
    ends: datetime | None
    note: str
    payload: Raw


@dataclass(frozen=True, slots=True)
class Stay:
    night: datetime


MEETING = Meeting(WHOLE, PART, "2026-01-31T09:30:00Z", Raw(b'{"starts":"2026-01-31T09:30:00Z"}'))
ENCODED = (
    b'{"starts":"2026-01-31T09:30:00.000000Z","ends":"2026-01-31T09:30:00.120000Z",'
    b'"note":"2026-01-31T09:30:00Z","payload":{"starts":"2026-01-31T09:30:00Z"}}'
)


@routes.get("/page")
async def list_meetings() -> Page[Meeting]:
    return Page([MEETING, MEETING], None)


@routes.get("/events")
async def watch_meeting() -> EventStream[Meeting]:
    async def watch() -> AsyncGenerator[Event[Meeting]]:
        yield Event(MEETING)

    return EventStream(watch())


@routes.post("/meetings")
async def create_meeting(db: Database, key: IdempotencyKey) -> Reply[Meeting]:
    async def create(_: Connection) -> Reply[Meeting]:
        return created(MEETING, "/meetings/1")

    return await once(db, key, None, create)


@pytest.mark.parametrize(
    ("value", "encoded"),
    [
        (WHOLE, b'"2026-01-31T09:30:00.000000Z"'),
        (PART, b'"2026-01-31T09:30:00.120000Z"'),
        (EAST, b'"2026-01-31T15:00:00.000000+05:30"'),
        (MEETING, ENCODED),
        ([(WHOLE,), {"at": WHOLE}], b'[["2026-01-31T09:30:00.000000Z"],{"at":"2026-01-31T09:30:00.000000Z"}]'),
        ({WHOLE: {WHOLE}}, b'{"2026-01-31T09:30:00.000000Z":["2026-01-31T09:30:00.000000Z"]}'),
        (Stay(WHOLE), b'{"night":"2026-01-31T09:30:00.000000Z"}'),
        ("2026-01-31T09:30:00Z", b'"2026-01-31T09:30:00Z"'),
    ],
)
def test_a_time_has_six_digits_and_a_text_that_looks_like_one_is_left_alone(value: Any, encoded: bytes):
    assert encode(value) == encoded


def test_a_value_is_not_changed_by_being_encoded():
    page = Page([MEETING], None)
    encode(page)
    assert page.data == [MEETING]
    assert MEETING.starts is WHOLE


async def test_a_message_of_a_websocket_has_times_of_the_same_form():
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    await Socket[str, Meeting](str, {"type": "websocket"}, receive, send).send(MEETING)
    assert sent[1]["text"] == ENCODED.decode()


async def test_pages_events_and_stored_replies_have_times_of_one_form(settings: Settings):
    async with Database(settings.database) as db, open_client(Edge(build([Slice(routes)], provide=[db]))) as client:
        key = {"idempotency-key": str(uuid4())}
        replies = [await client.post("/meetings", headers=key) for _ in range(2)]
        page = await client.get("/page")
        events = await client.get("/events")
    assert [reply.content for reply in replies] == [ENCODED, ENCODED]
    assert page.content == b'{"data":[' + ENCODED + b"," + ENCODED + b'],"next":null}'
    assert b"data: " + ENCODED + b"\n" in events.content
