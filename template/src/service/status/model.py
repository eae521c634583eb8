"""What the status tells."""

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

Moment = Annotated[datetime, Meta(tz=True)]


class Status(Struct, frozen=True):
    """The status of the service."""

    database_time: Moment
