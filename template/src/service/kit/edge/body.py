# kit: updated by the template; extend it from app.py
"""Request bodies as they arrive: bounded in size by counted bytes, and in time by a minimum rate.

No server below does either: a client that sends a byte a minute, or never stops, would keep its request open.
"""

import asyncio
import time

from service.kit.edge import asgi
from service.kit.edge.problems import Problem


def limit(scope: asgi.Scope, receive: asgi.Receive, most: int, grace: float, rate: float) -> asgi.Receive:
    """Return `receive`, bounded: raises a 413 problem past `most` bytes, and a 408 problem when a body is too slow.

    A body has `grace` seconds, and one more for every `rate` bytes that arrived. Raises the 413 at once when the
    request announces more, and a 415 problem for an encoded body, which would be larger than what arrives.
    """
    announced = asgi.header(scope, b"content-length") or ""
    if announced.isdecimal() and int(announced) > most:
        raise too_large(most)
    if (asgi.header(scope, b"content-encoding") or "identity").lower() != "identity":
        raise Problem(415, "unsupported-encoding", "Send the body without content-encoding.")
    began_at = time.monotonic()
    received = 0
    complete = False

    async def receive_bounded() -> asgi.Message:
        nonlocal received, complete
        if complete:
            return await receive()  # which tells of a disconnect, whenever that is
        try:
            async with asyncio.timeout(began_at + grace + received / rate - time.monotonic()):
                message = await receive()
        except TimeoutError:
            raise Problem(408, "too-slow", f"The body did not arrive at {rate:g} bytes/s.") from None
        if message["type"] == "http.disconnect":
            raise Problem(400, "incomplete", "The client went away before its body was complete.")
        received += len(message.get("body", b""))
        if received > most:
            raise too_large(most)
        complete = not message.get("more_body", False)
        return message

    return receive_bounded


def too_large(most: int) -> Problem:
    """413: the body is longer than the service reads."""
    return Problem(413, "too-large", f"The body is larger than {most:,} bytes. Send less at once.")
