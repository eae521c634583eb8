# kit: updated by the template; extend it from app.py
"""Reads request bodies, bounded in number, size and rate, so that slow clients take up little.

`EDGE_BODY_BYTES` is the maximum size. `slow_clients.py` lists where else clients are cut off.
"""

import time
from math import inf

from service.kit.edge.options import EdgeOptions
from service.kit.edge.response import Exchange
from service.kit.work import metrics
from service.kit.work.asgi import Fields, Message, Receive
from service.kit.work.problems import Problem


class Bodies:
    """The request bodies that a worker receives.

    Together they hold no more memory than the bodies of admitted requests may: `concurrency` times
    `body_bytes`. When there are too many, the oldest is dropped: a healthy client's body is soon
    complete.
    """

    def __init__(self, options: EdgeOptions) -> None:
        self.options = options
        self.arriving: dict[Exchange, int] = {}
        """The bytes that have arrived, by request."""

    async def read_body(self, exchange: Exchange, receive: Receive) -> Receive:
        """Read the body, and return a `receive` that returns it in one message.

        The client has `body_grace` seconds, and one more for every `body_rate` bytes that arrived.
        """
        options = self.options
        check_headers(exchange.request, options.body_bytes)
        began_at = time.monotonic()
        chunks: list[bytes] = []
        size = 0
        more = True
        self.arriving[exchange] = size
        try:
            while more:
                self.make_room()
                exchange.expires_at = began_at + options.body_grace + size / options.body_rate
                message = await receive()
                if message["type"] == "http.disconnect":
                    detail = "The client went away before its body was complete."
                    raise Problem(400, "incomplete", detail)
                chunk = message.get("body", b"")
                more = message.get("more_body", False)
                chunks.append(chunk)
                size += len(chunk)
                self.arriving[exchange] = size
                check_size(size, options.body_bytes)
        finally:
            exchange.expires_at = inf
            self.arriving.pop(exchange, None)
        exchange.unread = None
        return hand_over(b"".join(chunks), receive)

    def make_room(self) -> None:
        """Drop the oldest body when there are too many, or when they hold too much."""
        max_held = self.options.body_bytes * self.options.concurrency
        is_full = len(self.arriving) > self.options.receiving
        if is_full or sum(self.arriving.values()) > max_held:
            oldest = next(iter(self.arriving))
            del self.arriving[oldest]
            oldest.expire()
            metrics.count_refusal("receiving")


def check_headers(request: Fields, max_bytes: int) -> None:
    """Raise a problem for a body that is too large or encoded, as its headers say."""
    length = request.get(b"content-length", b"")
    if length.isdigit():
        check_size(int(length[:20]), max_bytes)  # int() refuses 5,000 digits
    coding = request.get(b"content-encoding", b"identity")
    if coding.lower() != b"identity":  # decoded, it would be larger
        raise Problem(415, "unsupported-encoding", "Send the body without content-encoding.")


def check_size(size: int, max_bytes: int) -> None:
    if size > max_bytes:
        raise Problem(413, "too-large", f"The body is larger than {max_bytes:,} bytes.")


def hand_over(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` with the whole body first, and then the messages of the server."""
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_whole() -> Message:
        return messages.pop() if messages else await receive()

    return receive_whole
