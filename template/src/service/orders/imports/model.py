"""What an import is: as clients see it, and as its job does."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta, Struct

type State = Literal["receiving", "waiting", "done"]

Moment = Annotated[datetime, Meta(tz=True)]


class Import(Struct, frozen=True):
    """How far an import is; its fields are in the order of the columns that `queries` selects."""

    id: UUID
    state: Annotated[
        State, Meta(description="It is received, then it waits for its job, or that runs; then it is done.")
    ]
    rows: Annotated[int, Meta(ge=0, description="Rows of the file")]
    created: Annotated[int, Meta(ge=0, description="Orders made of them so far")]
    refused: Annotated[int, Meta(ge=0, description="Rows that are no orders, so far")]
    faults: Annotated[list[str], Meta(description="Why not: the first 100, by line")]
    created_at: Moment
    updated_at: Moment


class Waiting(Struct, frozen=True):
    """What the job is told: which import waits for it."""

    import_id: UUID


class Progress(Struct, frozen=True):
    """Whose orders the job makes. `columns` are those of a CSV; an import of JSON has none."""

    account: str
    columns: list[str]


class Row(Struct, frozen=True):
    """A row of the file that waits."""

    line: int
    text: str
