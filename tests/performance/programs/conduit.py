"""The list of articles as most teams would write it: FastAPI, uvicorn, pydantic models, SQLAlchemy's ORM on asyncpg.

Written with care: authors and tags are loaded in one statement each, the pool is bounded, no access log is written, and
uvicorn runs on uvloop and httptools. It runs by itself: `uv run conduit.py PORT`.
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

import os
import sys
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated
from uuid import UUID

import uvicorn
from fastapi import Depends, FastAPI, Query
from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel
from sqlalchemy import DateTime, ForeignKey, func, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, joinedload, mapped_column, relationship, selectinload


class Base(DeclarativeBase):
    """What the models share."""

    type_annotation_map = {datetime: DateTime(timezone=True)}  # noqa: RUF012


class User(Base):
    """An author."""

    __tablename__ = "users"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    username: Mapped[str]
    bio: Mapped[str | None]
    image: Mapped[str | None]


class ArticleTag(Base):
    """A tag of an article."""

    __tablename__ = "article_tags"

    article: Mapped[UUID] = mapped_column(ForeignKey("articles.id"), primary_key=True)
    tag: Mapped[str] = mapped_column(primary_key=True)


class Article(Base):
    """An article as it is stored."""

    __tablename__ = "articles"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    author_id: Mapped[UUID] = mapped_column("author", ForeignKey("users.id"))
    slug: Mapped[str]
    title: Mapped[str]
    description: Mapped[str]
    favorites_count: Mapped[int]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    author: Mapped[User] = relationship()
    tags: Mapped[list[ArticleTag]] = relationship(order_by=ArticleTag.tag)


class Shown(BaseModel):
    """What all answers share."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class ProfileOut(Shown):
    """An author as it is shown."""

    username: str
    bio: str | None
    image: str | None
    following: bool


class ArticleOut(Shown):
    """An article as it is listed."""

    slug: str
    title: str
    description: str
    tag_list: list[str]
    created_at: datetime
    updated_at: datetime
    favorited: bool
    favorites_count: int
    author: ProfileOut


class ArticlesOut(Shown):
    """A page of articles."""

    articles: list[ArticleOut]
    articles_count: int


URL = os.environ["DATABASE_URL"].replace("postgresql://", "postgresql+asyncpg://")
engine = create_async_engine(URL, pool_size=int(os.environ["DATABASE_POOL_SIZE"]), max_overflow=0)
sessions = async_sessionmaker(engine, expire_on_commit=False)
app = FastAPI()

MOST_COUNTED = 10_000
"""As far as the other program counts, so that both ask PostgreSQL for as much."""


async def open_session() -> AsyncIterator[AsyncSession]:
    """Give a request its session."""
    async with sessions() as session:
        yield session


Session = Annotated[AsyncSession, Depends(open_session)]


@app.get("/api/articles")
async def list_articles(
    session: Session, limit: Annotated[int, Query(ge=1, le=100)] = 20, offset: Annotated[int, Query(ge=0)] = 0
) -> ArticlesOut:
    """Return a page of articles, for somebody who is not signed in."""
    page = (
        select(Article)
        .options(joinedload(Article.author), selectinload(Article.tags))
        .order_by(Article.created_at.desc(), Article.slug.desc())
        .limit(limit)
        .offset(offset)
    )
    articles = (await session.scalars(page)).all()
    counted = select(Article.id).limit(MOST_COUNTED).subquery()
    count = await session.scalar(select(func.count()).select_from(counted))
    shown = [
        ArticleOut(
            slug=article.slug,
            title=article.title,
            description=article.description,
            tag_list=[tag.tag for tag in article.tags],
            created_at=article.created_at,
            updated_at=article.updated_at,
            favorited=False,
            favorites_count=article.favorites_count,
            author=ProfileOut(
                username=article.author.username, bio=article.author.bio, image=article.author.image, following=False
            ),
        )
        for article in articles
    ]
    return ArticlesOut(articles=shown, articles_count=count or 0)


if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[1]), access_log=False, log_level="warning", loop="uvloop", http="httptools")
