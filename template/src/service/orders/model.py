"""What an order is: as it is stored and shown, as it is created, and as it is changed."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

from service.kit.rows import Filter

type Status = Literal["pending", "paid", "shipped", "cancelled"]

Reference = Annotated[str, Meta(min_length=1, max_length=40, examples=["SO-2026-0001"])]
Email = Annotated[str, Meta(pattern=r"^[^@\s]+@[^@\s]+\Z", max_length=254, examples=["ada@example.com"])]
Currency = Annotated[str, Meta(pattern=r"^[A-Z]{3}\Z", description="ISO 4217", examples=["EUR"])]
# 2^53 - 1 is the largest integer that every JSON client holds exactly.
Minor = Annotated[int, Meta(ge=0, le=2**53 - 1, description="In minor units: 1999 is 19.99 EUR", examples=[1999])]
ItemCount = Annotated[int, Meta(ge=1, le=10_000, examples=[3])]
Tag = Annotated[str, Meta(min_length=1, max_length=40, examples=["priority"])]
Tags = Annotated[list[Tag], Meta(max_length=20)]
Note = Annotated[str, Meta(max_length=500, examples=["Leave it with the neighbours"])]
Version = Annotated[int, Meta(ge=1, le=2**31 - 1, description="Counts the changes of an order", examples=[1])]

Moment = Annotated[datetime, Meta(tz=True)]


# Docstrings of types are public: the description of the API has them. Fields are columns: `{columns}` in `queries`.
class Order(Struct, frozen=True):
    """An order of one account."""

    id: UUID
    reference: Reference
    customer_email: Email
    status: Status
    currency: Currency
    total_minor: Minor
    item_count: ItemCount
    tags: Tags
    gift: bool
    note: Note | None
    version: Version
    created_at: Moment
    updated_at: Moment


class OrderFilter(Filter, frozen=True):
    """What a list of orders may be narrowed to. Each set of filters that may be combined is declared in `queries`."""

    status: Status | None = None


class Amounts(Struct, frozen=True):
    """The amounts of orders in one currency, in minor units."""

    currency: str
    totals: list[int]


class Summary(Struct, frozen=True):
    """What is typical of the orders in one currency. `far_out` counts the unusually large ones."""

    currency: Currency
    orders: int
    median: Minor
    mean: Minor
    mean_from: Minor
    mean_to: Minor
    far_out: int


class Report(Struct, frozen=True):
    """What is typical of the latest orders, by currency."""

    currencies: list[Summary]


class NewOrder(Struct, frozen=True, forbid_unknown_fields=True):
    """An order to be created."""

    reference: Reference
    customer_email: Email
    currency: Currency
    total_minor: Minor
    item_count: ItemCount
    tags: Tags = []
    gift: bool = False
    note: Note | None = None


class OrderChange(Struct, frozen=True, forbid_unknown_fields=True):
    """A change of an order: the version that was read, and the fields to change."""

    version: Version
    status: Status | UnsetType = UNSET
    tags: Tags | UnsetType = UNSET
    gift: bool | UnsetType = UNSET
    note: Note | UnsetType | None = UNSET
