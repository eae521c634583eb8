# kit: updated by the template; extend it from app.py
"""Request bodies: bounded in number, size and rate while they arrive."""

import time
from math import inf

from service.kit.edge.options import EdgeOptions
from service.kit.edge.response import Exchange
from service.kit.work import asgi, metrics
from service.kit.work.problems import Problem


class Bodies:
    """Request bodies on their way in: bounded in number, size and rate, so that slow clients hold
    little.

    Together they hold no more memory than the bodies of admitted requests may: `concurrency` times
    `body_bytes`. When there are too many, the oldest is given up: a healthy client's body is soon
    complete.
    """

    def __init__(self, options: EdgeOptions) -> None:
        self.options = options
        self.arriving: dict[Exchange, int] = {}

    @property
    def held(self) -> int:
        """Bytes that have arrived."""
        return sum(self.arriving.values())

    async def read(self, exchange: Exchange, receive: asgi.Receive) -> asgi.Receive:
        """Read the body, and return the `receive` that hands it over in one message.

        It has `body_grace` seconds, and one more for every `body_rate` bytes that arrived.
        """
        options, announced = self.options, exchange.request.get(b"content-length", b"")
        self.check(int(announced[:20]) if announced.isdigit() else 0)  # int() refuses 5,000 digits
        if (
            exchange.request.get(b"content-encoding", b"identity").lower() != b"identity"
        ):  # it would become larger
            raise Problem(415, "unsupported-encoding", "Send the body without content-encoding.")
        began_at, chunks, size, more = time.monotonic(), [], 0, True
        self.arriving[exchange] = 0
        try:
            while more:
                if (
                    len(self.arriving) > options.receiving
                    or self.held > options.body_bytes * options.concurrency
                ):
                    self.give_up_oldest()
                exchange.expires_at = began_at + options.body_grace + size / options.body_rate
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise Problem(
                        400, "incomplete", "The client went away before its body was complete."
                    )
                chunks.append(message.get("body", b""))
                more = message.get("more_body", False)
                self.arriving[exchange] = size = size + len(chunks[-1])
                self.check(size)
        finally:
            exchange.expires_at = inf
            self.arriving.pop(exchange, None)
        return hand_over(b"".join(chunks), receive)

    def check(self, size: int) -> None:
        if size > self.options.body_bytes:
            raise Problem(
                413, "too-large", f"The body is larger than {self.options.body_bytes:,} bytes."
            )

    def give_up_oldest(self) -> None:
        oldest = next(iter(self.arriving), None)
        if oldest:
            del self.arriving[oldest]
            oldest.expire()
            metrics.count_refusal("receiving")


def hand_over(body: bytes, receive: asgi.Receive) -> asgi.Receive:
    """Return a `receive` whose first message is the body, and whose others are those of the
    server.
    """
    waiting = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_whole() -> asgi.Message:
        return waiting.pop() if waiting else await receive()

    return receive_whole
