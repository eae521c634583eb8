"""The same API as most teams would write it: FastAPI, uvicorn, pydantic models, SQLAlchemy's ORM on asyncpg.

Written with care: sessions do not expire at a commit, the pool is bounded, pages are by keyset, nothing is counted,
no access log is written, and uvicorn runs on uvloop and httptools. It runs by itself: `uv run conventional.py PORT`.
"""

# /// script
# requires-python = ">=3.12"
# dependencies = [
#     "asyncpg==0.32.0",
#     "fastapi==0.165.0",
#     "sqlalchemy[asyncio]==2.1.9",
#     "uvicorn[standard]==0.54.0",
# ]
# ///

import base64
import json
import os
import sys
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated
from uuid import UUID

import uvicorn
from fastapi import Depends, FastAPI, HTTPException, Query
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import ARRAY, DateTime, FetchedValue, String, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.orm.exc import StaleDataError


class Base(DeclarativeBase):
    """What the models share."""

    type_annotation_map = {datetime: DateTime(timezone=True), list[str]: ARRAY(String)}  # noqa: RUF012


class Order(Base):
    """An order as it is stored."""

    __tablename__ = "orders"

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=FetchedValue())
    account: Mapped[str]
    reference: Mapped[str]
    customer_email: Mapped[str]
    status: Mapped[str] = mapped_column(server_default=FetchedValue())
    currency: Mapped[str]
    total_minor: Mapped[int]
    item_count: Mapped[int]
    tags: Mapped[list[str]]
    gift: Mapped[bool]
    note: Mapped[str | None]
    version: Mapped[int] = mapped_column()
    created_at: Mapped[datetime] = mapped_column(server_default=FetchedValue())
    updated_at: Mapped[datetime] = mapped_column(server_default=FetchedValue(), onupdate=func.now())

    __mapper_args__ = {"version_id_col": version, "eager_defaults": True}  # noqa: RUF012


class NewOrder(BaseModel):
    """An order to be created."""

    model_config = ConfigDict(extra="forbid")

    reference: Annotated[str, Field(min_length=1, max_length=40)]
    customer_email: Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+$", max_length=254)]
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    total_minor: Annotated[int, Field(ge=0, le=2**53 - 1)]
    item_count: Annotated[int, Field(ge=1, le=10_000)]
    tags: Annotated[list[Annotated[str, Field(min_length=1, max_length=40)]], Field(max_length=20)] = []
    gift: bool = False
    note: Annotated[str, Field(max_length=500)] | None = None


class OrderChange(BaseModel):
    """A change of an order: the version that was read, and the new note."""

    model_config = ConfigDict(extra="forbid")

    version: Annotated[int, Field(ge=1, le=2**31 - 1)]
    note: Annotated[str, Field(max_length=500)] | None


class OrderOut(BaseModel):
    """An order as it is shown."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    reference: str
    customer_email: str
    status: str
    currency: str
    total_minor: int
    item_count: int
    tags: list[str]
    gift: bool
    note: str | None
    version: int
    created_at: datetime
    updated_at: datetime


class PageOut(BaseModel):
    """A page of orders."""

    model_config = ConfigDict(from_attributes=True)

    data: list[OrderOut]
    next: str | None


URL = os.environ["DATABASE_URL"].replace("postgresql://", "postgresql+asyncpg://")
engine = create_async_engine(URL, pool_size=int(os.environ["DATABASE_POOL_SIZE"]), max_overflow=0)
sessions = async_sessionmaker(engine, expire_on_commit=False)
app = FastAPI()

OWNER = "development"
"""Whose orders are asked for. No token is checked, which is work that the generated service does in addition."""


async def open_session() -> AsyncIterator[AsyncSession]:
    """Give a request its session."""
    async with sessions() as session:
        yield session


Session = Annotated[AsyncSession, Depends(open_session)]


@app.get("/v1/orders/{order_id}")
async def read_order(order_id: UUID, session: Session) -> OrderOut:
    """Return one order."""
    order = await session.scalar(select(Order).where(Order.id == order_id, Order.account == OWNER))
    if order is None:
        raise HTTPException(404)
    return order  # type: ignore[return-value] # FastAPI makes the model of it


@app.post("/v1/orders", status_code=201)
async def create_order(session: Session, data: NewOrder) -> OrderOut:
    """Store a new order: one row, without a key and without a job."""
    order = Order(account=OWNER, **data.model_dump())
    session.add(order)
    await session.commit()
    return order  # type: ignore[return-value]


@app.patch("/v1/orders/{order_id}")
async def change_order(order_id: UUID, session: Session, data: OrderChange) -> OrderOut:
    """Change the note, unless the order was changed since the version that the client read."""
    order = await session.scalar(select(Order).where(Order.id == order_id, Order.account == OWNER))
    if order is None:
        raise HTTPException(404)
    if order.version != data.version:
        raise HTTPException(409)
    order.note = data.note
    try:
        await session.commit()
    except StaleDataError:
        raise HTTPException(409) from None
    return order  # type: ignore[return-value]


@app.get("/v1/orders")
async def list_orders(
    session: Session, cursor: str | None = None, limit: Annotated[int, Query(ge=1, le=100)] = 20
) -> PageOut:
    """Return a page of orders, the newest first."""
    newest_first = Order.created_at.desc(), Order.id.desc()
    statement = select(Order).where(Order.account == OWNER).order_by(*newest_first).limit(limit + 1)
    if cursor:
        created_at, key = json.loads(base64.urlsafe_b64decode(cursor))
        statement = statement.where(
            tuple_(Order.created_at, Order.id) < tuple_(datetime.fromisoformat(created_at), UUID(key))
        )
    orders = (await session.scalars(statement)).all()
    following = None
    if len(orders) > limit:
        key = json.dumps([orders[limit - 1].created_at.isoformat(), str(orders[limit - 1].id)])
        following = base64.urlsafe_b64encode(key.encode()).decode()
    return PageOut.model_validate({"data": orders[:limit], "next": following}, from_attributes=True)


if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[1]), access_log=False, log_level="warning", loop="uvloop", http="httptools")
