"""What the status tells."""

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

Moment = Annotated[datetime, Meta(tz=True)]


class Status(Struct, frozen=True):
    """The status as it is shown; its fields are in the order of the columns that `queries` selects."""

    database_time: Moment
