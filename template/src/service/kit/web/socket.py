# kit: updated by the template; extend it from app.py
"""A WebSocket whose messages are JSON of declared types."""

from collections.abc import AsyncGenerator

from starlette.websockets import WebSocket, WebSocketState

from service.kit.web.body import Body
from service.kit.work.asgi import Receive, Scope, Send
from service.kit.work.times import encode_json


class Socket[Received, Sent]:
    """A WebSocket: `async for message in socket`, and `await socket.send(message)`.

    The first of them accepts the connection, so a problem that is raised before is a response. A
    message that does not fit its type closes the connection with 1008. The loop ends when the
    client leaves.
    """

    def __init__(self, body: Body[Received], scope: Scope, receive: Receive, send: Send) -> None:
        self.socket = WebSocket(scope, receive, send)
        self.body = body

    async def open(self) -> None:
        """Accept the connection, unless it is open."""
        if self.socket.application_state == WebSocketState.CONNECTING:
            await self.socket.accept()

    async def __aiter__(self) -> AsyncGenerator[Received]:
        await self.open()
        while True:
            message = await self.socket.receive()
            if message["type"] == "websocket.disconnect":
                return
            content = message.get("bytes") or message.get("text", "").encode()
            yield self.body.decode(content, "application/json")

    async def send(self, message: Sent) -> None:
        """Send a message, and return when the server has taken it."""
        await self.open()
        await self.socket.send_text(encode_json(message).decode())
