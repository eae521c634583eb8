# kit: updated by the template; extend it from app.py
"""Receives uploads: bodies that the application reads as they arrive, such as files of a form.

When it starts, the application says by `find_limit` which routes take them. Who may call such a
route, and how often, is decided before its body is read. `bodies.py` reads all other bodies, and
hands them over whole.
"""

import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from math import inf

from service.kit.edge.bodies import check_headers, check_size
from service.kit.edge.options import EdgeOptions
from service.kit.edge.response import Exchange
from service.kit.work import metrics
from service.kit.work.asgi import App, Message, Receive, Scope
from service.kit.work.limits import Limiter
from service.kit.work.problems import Problem, busy


class Uploads(Limiter):
    """The uploads of a worker: how many there are, and what space their files take on disk.

    An upload takes no slot of `admission` until it is complete. It then gets one in any case: to
    refuse it would waste what was sent.
    """

    find_limit: Callable[[Scope, int], int | None] | None = None
    """Returns the maximum size of the upload of a request, or None if its route takes none.

    It is given the default, `EDGE_UPLOAD_BYTES`. Where no route takes uploads, it is None itself.
    """

    def __init__(self, options: EdgeOptions, admission: Limiter) -> None:
        full = "As many uploads as possible are under way. Try again shortly."
        super().__init__(options.uploads, full=full, reason="upload")
        self.options = options
        self.admission = admission
        self.disk_bytes = 0

    async def serve(
        self, app: App, exchange: Exchange, scope: Scope, receive: Receive, max_bytes: int
    ) -> None:
        """Let the application read an upload and answer. Then close its files."""
        check_headers(exchange.request, max_bytes)
        if not self.try_enter():
            raise self.refuse()
        try:
            async with AsyncExitStack() as files:
                upload = IncomingUpload(self, exchange, receive, max_bytes, files)
                scope["upload"] = upload
                await app(scope, upload.receive, exchange)
        finally:
            self.leave()

    def use_disk(self, size: int) -> None:
        """Count bytes before they are written. Raises a 503 problem when there is no room."""
        if self.disk_bytes + size > self.options.upload_disk:
            metrics.count_refusal("upload-disk")
            raise busy("The disk space for uploads is in use. Try again later.")
        self.disk_bytes += size


class IncomingUpload:
    """An upload. `receive` is for the application, and `files` closes what it opens."""

    def __init__(
        self,
        uploads: Uploads,
        exchange: Exchange,
        receive: Receive,
        max_bytes: int,
        files: AsyncExitStack,
    ) -> None:
        self.uploads = uploads
        self.options = uploads.options
        self.exchange = exchange
        self.receive_message = receive
        self.max_bytes = max_bytes
        self.files = files
        self.size = 0
        self.file_count = 0
        self.patience = self.options.body_grace
        """Seconds for which the client may now send nothing."""
        self.set_deadline()

    def set_deadline(self) -> None:
        """Give the application its time: for one piece or, when it has all of them, to answer.

        A response that has begun has deadlines of its own.
        """
        seconds = inf if self.exchange.status else self.options.request_timeout
        self.exchange.ends_at = time.monotonic() + seconds
        self.exchange.expires_at = self.exchange.ends_at

    async def receive(self) -> Message:
        """Return the next piece of the body and, after the last one, what the server says.

        The client may be slow for `body_grace` seconds. Each `body_rate` bytes give it one more,
        but never more than `stall_timeout`. The time that it takes is not counted as ours.
        """
        if not self.exchange.unread:  # all of it has arrived
            return await self.receive_message()
        asked_at = time.monotonic()
        self.exchange.ends_at = inf
        self.exchange.expires_at = asked_at + self.patience
        message = await self.receive_message()
        if message["type"] == "http.disconnect":
            raise Problem(400, "incomplete", "The client went away before its body was complete.")

        waited = time.monotonic() - asked_at
        self.exchange.began_at += waited
        length = len(message.get("body", b""))
        self.size += length
        check_size(self.size, self.max_bytes)
        patience = self.patience - waited + length / self.options.body_rate
        self.patience = min(patience, self.options.stall_timeout)
        if not message.get("more_body", False):
            self.exchange.unread = None
            if not self.exchange.slot:  # else it is an event stream already
                self.uploads.admission.running += 1
                self.exchange.slot = self.uploads.admission
        self.set_deadline()
        return message
